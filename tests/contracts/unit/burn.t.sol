// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

contract BurnTest is Base {
    uint64 internal constant MOST = type(uint64).max;

    uint256 internal id;
    uint256 internal revocableId;
    address internal heir = makeAddr("heir");

    function setUp() public override {
        super.setUp();
        id = create(premium());
        revocableId = create(revocable(premium()));
    }

    function revocable(IScrip.Terms memory terms) internal pure returns (IScrip.Terms memory) {
        terms.revocable = true;
        return terms;
    }

    function burn(uint256 planId, uint64 amount) internal {
        vm.prank(subscriber);
        scrip.burn(planId, subscriber, amount);
    }

    function expectTransfer(address burner, uint256 planId, uint256 value) internal {
        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(burner, subscriber, address(0), planId, value);
    }

    function expectBurned(address burner, uint256 planId, uint64 amount) internal {
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsBurned(planId, subscriber, burner, amount);
    }

    function expectInsufficient(uint256 planId, uint64 needed, uint256 available) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IScrip.InsufficientCredits.selector, planId, subscriber, needed, available)
        );
        burn(planId, needed);
    }

    // ───────────────────────────────────────────── Checks ────────────────────────────────────────────

    function expectNotBurner(uint256 planId, address caller) internal {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotBurner.selector, planId, caller, subscriber));
        scrip.burn(planId, subscriber, 1);
    }

    function testFuzz_RevertGiven_ThereIsNoSuchPlan(uint256 planId) public {
        if (planId == id || planId == revocableId) planId = NO_PLAN;
        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId));
        burn(planId, 1);
    }

    function testFuzz_RevertWhen_AStrangerBurns(address caller) public {
        if (caller == subscriber || caller == builder) caller = stranger;
        give(id, subscriber, 5);
        give(revocableId, subscriber, 5);

        expectNotBurner(id, caller);
        expectNotBurner(revocableId, caller);
    }

    function test_RevertWhen_TheOwnerBurnsOnAPlanThatIsNotRevocable() public {
        give(id, subscriber, 5);
        expectNotBurner(id, builder);
    }

    function test_RevertWhen_AnOperatorBurnsOnARevocablePlan() public {
        give(revocableId, subscriber, 5);
        vm.prank(builder);
        scrip.setOperator(revocableId, agent, MINT | REDEEM);

        expectNotBurner(revocableId, agent);
    }

    function test_RevertWhen_TheFormerOwnerBurnsOnARevocablePlan() public {
        give(revocableId, subscriber, 5);
        handOver(revocableId, heir);

        expectNotBurner(revocableId, builder);
        vm.prank(heir);
        scrip.burn(revocableId, subscriber, 5);
        assertEq(balance(revocableId, subscriber), 0, "balance after the new owner's burn");
    }

    function test_RevertWhen_TheAmountIs0() public {
        give(id, subscriber, 5);
        vm.expectRevert(abi.encodeWithSelector(IScrip.ZeroAmount.selector, id));
        burn(id, 0);
    }

    function testFuzz_RevertWhen_ThereIsLessThanTheAmount(uint64 lasting, uint64 lent, uint64 amount) public {
        lasting = uint64(bound(lasting, 0, MOST / 2));
        lent = uint64(bound(lent, 0, MOST / 2 - 1));
        if (lasting != 0) give(id, subscriber, lasting);
        if (lent != 0) lend(id, subscriber, lent, 10);
        amount = uint64(bound(amount, uint256(lasting) + lent + 1, MOST));

        expectInsufficient(id, amount, uint256(lasting) + lent);

        assertEq(balance(id, subscriber), uint256(lasting) + lent, "balance");
    }

    // ──────────────────────────────────────────── Credits ────────────────────────────────────────────

    function testFuzz_WhenTheHolderBurns(uint64 had, uint64 amount, bool expires) public {
        had = uint64(bound(had, 2, MOST));
        amount = uint64(bound(amount, 1, had - 1));
        uint256 expiry = expires ? lend(id, subscriber, had, 10) : 0;
        if (!expires) give(id, subscriber, had);

        expectTransfer(subscriber, id, amount);
        expectBurned(subscriber, id, amount);
        vm.recordLogs();
        burn(id, amount);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(balance(id, subscriber), had - amount, "balance");
        assertOneLot(id, subscriber, lot(had - amount, expiry), "what is left");
    }

    function testFuzz_WhenTheHolderBurnsTheWholeBalance(uint64 lasting, uint64 lent) public {
        lasting = uint64(bound(lasting, 1, MOST / 2));
        lent = uint64(bound(lent, 1, MOST / 2));
        give(id, subscriber, lasting);
        lend(id, subscriber, lent, 10);

        burn(id, lasting + lent);

        assertEq(balance(id, subscriber), 0, "balance");
        assertEq(scrip.lotsOf(id, subscriber).length, 0, "number of lots");
        expectInsufficient(id, 1, 0);
    }

    function testFuzz_WhenTheOwnerBurnsOnARevocablePlan(uint64 had, uint64 amount) public {
        had = uint64(bound(had, 1, MOST));
        amount = uint64(bound(amount, 1, had));
        give(revocableId, subscriber, had);

        expectTransfer(builder, revocableId, amount);
        expectBurned(builder, revocableId, amount);
        vm.prank(builder);
        scrip.burn(revocableId, subscriber, amount);

        assertEq(balance(revocableId, subscriber), had - amount, "balance");
    }

    function test_WhenTheOwnerBurnsItsOwnOnAPlanThatIsNotRevocable() public {
        give(id, builder, 10);

        vm.prank(builder);
        scrip.burn(id, builder, 10);

        assertEq(balance(id, builder), 0, "balance");
    }

    function test_WhenTheHolderBurnsOnAPlanThatIsNotRevocable() public {
        give(id, subscriber, 10);
        vm.prank(builder);
        scrip.setOpen(id, false);

        burn(id, 4);

        assertEq(balance(id, subscriber), 6, "balance");
    }

    function testFuzz_WhenItSpansSeveralLots(uint32[6] memory amounts, uint64 lasting, uint256 burned) public {
        lasting = uint64(bound(lasting, 1, type(uint32).max));
        uint256 sum = lasting;
        give(id, subscriber, lasting);
        // Minted latest expiry first, so that the order of spending is not that of minting.
        for (uint256 i = amounts.length; i > 0; --i) {
            amounts[i - 1] = uint32(bound(amounts[i - 1], 1, type(uint32).max));
            lend(id, subscriber, amounts[i - 1], uint32(100 * i));
            sum += amounts[i - 1];
        }
        burned = bound(burned, 1, sum);

        burn(id, uint64(burned));

        assertEq(balance(id, subscriber), sum - burned, "balance");
        IScrip.Lot[] memory lots = scrip.lotsOf(id, subscriber);
        uint256 next;
        for (uint256 i; i < amounts.length; ++i) {
            uint256 taken = burned < amounts[i] ? burned : amounts[i];
            burned -= taken;
            if (taken == amounts[i]) continue;
            assertEq(lots[next].amount, amounts[i] - taken, "amount of a lot");
            assertEq(lots[next++].expiry, START + 100 * (i + 1), "expiry of a lot");
        }
        if (burned < lasting) {
            assertEq(lots[next].amount, lasting - burned, "credits that never expire");
            assertEq(lots[next++].expiry, 0, "which come last");
        }
        assertEq(lots.length, next, "number of lots");
    }

    function testFuzz_WhenLotsHaveExpired(uint32 dead, uint32 alsoDead, uint32 live, uint32 amount) public {
        dead = uint32(bound(dead, 1, type(uint32).max));
        alsoDead = uint32(bound(alsoDead, 1, type(uint32).max));
        live = uint32(bound(live, 1, type(uint32).max));
        amount = uint32(bound(amount, 1, live));
        lend(id, subscriber, dead, 10);
        lend(id, subscriber, alsoDead, 20);
        lend(id, subscriber, live, 30);
        pass(20);

        if (live < type(uint32).max) expectInsufficient(id, uint64(live) + 1, live);
        expectTransfer(subscriber, id, uint256(dead) + alsoDead);
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsExpired(id, subscriber, uint256(dead) + alsoDead);
        expectTransfer(subscriber, id, amount);
        expectBurned(subscriber, id, amount);
        vm.recordLogs();
        burn(id, amount);

        assertEq(vm.getRecordedLogs().length, 4, "number of events");
        assertEq(balance(id, subscriber), live - amount, "balance");
    }

    function testFuzz_WhenItIsOnTheSecondBeforeAnExpiry(uint32 duration, uint64 amount) public {
        amount = uint64(bound(amount, 1, MOST));
        vm.warp(lend(id, subscriber, amount, uint32(bound(duration, 2, type(uint32).max))) - 1);

        burn(id, amount);

        assertEq(balance(id, subscriber), 0, "balance");
    }

    function testFuzz_RevertWhen_ItIsOnTheSecondOfAnExpiry(uint32 duration, uint64 amount, bool later) public {
        amount = uint64(bound(amount, 1, MOST));
        vm.warp(lend(id, subscriber, amount, uint32(bound(duration, 1, type(uint32).max))));
        if (later) pass(1);

        expectInsufficient(id, amount, 0);
        expectInsufficient(id, 1, 0);
    }

    function test_WhenTheBalanceIsMoreThanOneBurnCanName() public {
        give(id, subscriber, MOST);
        lend(id, subscriber, MOST, 10);
        assertEq(balance(id, subscriber), 2 * uint256(MOST), "balance before");

        burn(id, MOST);
        burn(id, MOST);

        assertEq(balance(id, subscriber), 0, "balance");
    }

    // ───────────────────────────────────────────── Access ────────────────────────────────────────────

    /// @dev A plan of access and a holder with so many periods of it, some seconds of which have passed.
    function begun(bool isRevocable, uint32 duration, uint64 periods, uint256 passed)
        internal
        returns (uint256 planId, uint256 end)
    {
        planId = create(isRevocable ? revocable(access(duration)) : access(duration));
        give(planId, subscriber, periods);
        end = START + uint256(duration) * periods;
        pass(passed);
    }

    function testFuzz_WhenWholePeriodsAreBurned(uint32 duration, uint8 had, uint8 burned, uint256 passed) public {
        duration = uint32(bound(duration, 2, type(uint32).max));
        uint64 periods = uint64(bound(had, 2, 100));
        uint64 amount = uint64(bound(burned, 1, periods - 1));
        // Something is left when they are gone.
        passed = bound(passed, 0, uint256(duration) * (periods - amount) - 1);
        (uint256 planId, uint256 end) = begun(false, duration, periods, passed);

        expectTransfer(subscriber, planId, 0);
        expectBurned(subscriber, planId, amount);
        vm.recordLogs();
        burn(planId, amount);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(scrip.accessEnd(planId, subscriber), end - uint256(duration) * amount, "end");
        assertEq(balance(planId, subscriber), 1, "balance");
    }

    function expectOver(uint256 planId, uint64 amount) internal {
        expectTransfer(subscriber, planId, 1);
        expectBurned(subscriber, planId, amount);
        vm.recordLogs();
        burn(planId, amount);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(scrip.accessEnd(planId, subscriber), 0, "end");
        assertEq(balance(planId, subscriber), 0, "balance");
    }

    function testFuzz_WhenAllPeriodsBegunAreBurned(uint32 duration, uint8 had, uint256 passed) public {
        duration = uint32(bound(duration, 2, type(uint32).max));
        uint64 periods = uint64(bound(had, 1, 100));
        passed = bound(passed, 1, uint256(duration) * periods - 1);
        (uint256 planId,) = begun(false, duration, periods, passed);

        expectOver(planId, uint64(periods - passed / duration));
    }

    function testFuzz_WhenExactlyWhatIsLeftIsBurned(uint32 duration, uint8 had, uint8 gone) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint64 periods = uint64(bound(had, 1, 100));
        uint64 over = uint64(bound(gone, 0, periods - 1));
        (uint256 planId,) = begun(false, duration, periods, uint256(duration) * over);

        expectOver(planId, periods - over);
    }

    function testFuzz_RevertWhen_MorePeriodsAreBurnedThanWereBegun(
        uint32 duration,
        uint8 had,
        uint256 passed,
        uint64 amount
    ) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint64 periods = uint64(bound(had, 1, 100));
        passed = bound(passed, 0, uint256(duration) * periods - 1);
        (uint256 planId, uint256 end) = begun(false, duration, periods, passed);
        uint256 available = periods - passed / duration;

        expectInsufficient(planId, uint64(bound(amount, available + 1, MOST)), available);

        assertEq(scrip.accessEnd(planId, subscriber), end, "end");
    }

    function testFuzz_RevertWhen_AccessIsOver(uint32 duration, uint64 amount, uint32 later) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        (uint256 planId,) = begun(false, duration, 1, uint256(duration) + later);

        expectInsufficient(planId, uint64(bound(amount, 1, MOST)), 0);
    }

    function test_RevertWhen_AccessHasNeverBegun() public {
        expectInsufficient(create(access(30 days)), 1, 0);
    }

    function test_WhenTheOwnerBurnsAnothersPeriodsOnARevocablePlan() public {
        (uint256 planId, uint256 end) = begun(true, 30 days, 3, 10 days);

        expectTransfer(builder, planId, 0);
        expectBurned(builder, planId, 2);
        vm.prank(builder);
        scrip.burn(planId, subscriber, 2);

        assertEq(scrip.accessEnd(planId, subscriber), end - 60 days, "end");
    }

    function test_RevertWhen_TheOwnerBurnsAnothersPeriodsOnAPlanThatIsNotRevocable() public {
        (uint256 planId,) = begun(false, 30 days, 3, 10 days);
        expectNotBurner(planId, builder);
    }

    function test_WhenItIsOrderedAfterABurnToTheEnd() public {
        (uint256 planId,) = begun(false, 30 days, 1, 10 days);
        burn(planId, 1);

        vm.recordLogs();
        orderFor(planId, subscriber);

        assertEq(vm.getRecordedLogs().length, 3, "number of events, the token's included");
        assertEq(scrip.accessEnd(planId, subscriber), START + 40 days, "end");
    }
}
