// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

contract MintExpirableTest is Base {
    uint64 internal constant MOST = type(uint64).max;

    uint256 internal id;

    function setUp() public override {
        super.setUp();
        id = create(expiring(6_400));
        nameOperators(id);
    }

    function expectTransfer(address from, address to, uint256 value) internal {
        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(builder, from, to, id, value);
    }

    function expectMinted(uint64 amount, uint256 expiry) internal {
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsMinted(id, subscriber, amount, uint40(expiry));
    }

    // ───────────────────────────────────────────── Checks ────────────────────────────────────────────

    function expectRefusal(address caller, address holder, uint64 amount, uint32 duration, bytes memory refusal)
        internal
    {
        vm.prank(caller);
        vm.expectRevert(refusal);
        scrip.mintExpirable(id, holder, amount, duration);
    }

    function expectNotMinter(address caller) internal {
        expectRefusal(caller, subscriber, 1, 1, abi.encodeWithSelector(IScrip.NotMinter.selector, id, caller));
    }

    function testFuzz_RevertGiven_ThereIsNoSuchPlan(uint256 planId) public {
        if (planId == id) ++planId;
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId));
        scrip.mintExpirable(planId, subscriber, 1, 1);
    }

    function testFuzz_RevertWhen_AStrangerMints(address caller) public {
        expectNotMinter(caller == builder || caller == minter ? stranger : caller);
    }

    function test_RevertWhen_TheHolderMintsForItself() public {
        expectNotMinter(subscriber);
    }

    function test_RevertWhen_AnOperatorThatMayOnlyRedeemMints() public {
        expectNotMinter(agent);
    }

    function test_RevertWhen_TheHolderIsTheZeroAddress() public {
        expectRefusal(builder, address(0), 1, 1, abi.encodeWithSelector(IScrip.ZeroHolder.selector, id));
    }

    function test_RevertWhen_TheAmountIs0() public {
        expectRefusal(builder, subscriber, 0, 1, abi.encodeWithSelector(IScrip.ZeroAmount.selector, id));
    }

    function testFuzz_RevertWhen_TheDurationIs0(uint64 amount) public {
        amount = uint64(bound(amount, 1, MOST));
        expectRefusal(builder, subscriber, amount, 0, abi.encodeWithSelector(IScrip.ZeroDuration.selector, id));
    }

    function testFuzz_RevertGiven_AccessForATime(uint64 amount, uint32 duration) public {
        uint256 planId = create(access(30 days));
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NoLotsOnTimePlan.selector, planId));
        scrip.mintExpirable(
            planId, subscriber, uint64(bound(amount, 1, MOST)), uint32(bound(duration, 1, type(uint32).max))
        );
    }

    // ───────────────────────────────────────────── Lots ──────────────────────────────────────────────

    function testFuzz_WhenTheOwnerMints(uint64 amount, uint32 duration, uint32 time) public {
        amount = uint64(bound(amount, 1, MOST));
        duration = uint32(bound(duration, 1, type(uint32).max));
        pass(time);
        uint256 expected = START + time + duration;

        expectTransfer(address(0), subscriber, amount);
        expectMinted(amount, expected);
        vm.recordLogs();
        uint40 expiry = lend(id, subscriber, amount, duration);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(expiry, expected, "expiry returned");
        assertEq(balance(id, subscriber), amount, "balance");
        assertOneLot(id, subscriber, lot(amount, expected), "the lot");
    }

    function test_WhenAMintOperatorMints() public {
        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(minter, address(0), subscriber, id, 7);
        expectMinted(7, START + 10);
        vm.prank(minter);
        scrip.mintExpirable(id, subscriber, 7, 10);

        assertEq(balance(id, subscriber), 7, "balance");
    }

    function testFuzz_WhenTimeGoesOn(uint32 duration, uint64 amount) public {
        amount = uint64(bound(amount, 1, MOST));
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint40 expiry = lend(id, subscriber, amount, duration);

        vm.warp(expiry - 1);
        assertEq(balance(id, subscriber), amount, "balance on the last second");
        assertEq(scrip.lotsOf(id, subscriber).length, 1, "lots on the last second");
        vm.warp(expiry);
        assertEq(balance(id, subscriber), 0, "balance at the expiry");
        assertEq(scrip.lotsOf(id, subscriber).length, 0, "lots at the expiry");
        vm.warp(uint256(expiry) + 1);
        assertEq(balance(id, subscriber), 0, "balance after the expiry");
    }

    function testFuzz_WhenLotsComeInAnyOrderOfExpiry(uint16[24] memory durations) public {
        uint256 sum;
        for (uint256 i; i < durations.length; ++i) {
            durations[i] = uint16(bound(durations[i], 1, type(uint16).max));
            lend(id, subscriber, uint64(1 + i), durations[i]);
            sum += 1 + i;
        }

        IScrip.Lot[] memory lots = scrip.lotsOf(id, subscriber);
        for (uint256 i; i < lots.length; ++i) {
            if (i > 0) assertGt(lots[i].expiry, lots[i - 1].expiry, "expiries grow");
            uint256 amount;
            for (uint256 j; j < durations.length; ++j) {
                if (lots[i].expiry == START + durations[j]) amount += 1 + j;
            }
            assertEq(lots[i].amount, amount, "what was minted with this expiry");
            sum -= amount;
        }
        assertEq(sum, 0, "what is in no lot");
    }

    /// forge-config: default.fuzz.runs = 100
    function testFuzz_WhenTheExpiryIsThatOfALot(uint8 count, uint8 which, uint64 amount) public {
        uint32 lots = uint32(bound(count, 1, 96));
        uint32 place = uint32(bound(which, 0, lots - 1));
        amount = uint64(bound(amount, 1, MOST - 1));
        fill(lots);

        lend(id, subscriber, amount, 100 + place);

        IScrip.Lot[] memory found = scrip.lotsOf(id, subscriber);
        assertEq(found.length, lots, "number of lots");
        assertEq(found[place].amount, amount + 1, "amount of the lot");
        assertEq(balance(id, subscriber), uint256(amount) + lots, "balance");
    }

    function testFuzz_RevertWhen_AJoinedLotIsMoreThanItCanHold(uint64 had, uint64 amount, bool second) public {
        had = uint64(bound(had, 1, MOST - 1));
        amount = uint64(bound(amount, MOST - had + 1, MOST));
        if (second) lend(id, subscriber, 1, 5);
        lend(id, subscriber, had, 10);

        expectRefusal(
            builder,
            subscriber,
            amount,
            10,
            abi.encodeWithSelector(IScrip.CreditsOverflow.selector, uint256(had) + amount, MOST)
        );

        lend(id, subscriber, MOST - had, 10);
        assertEq(scrip.lotsOf(id, subscriber)[second ? 1 : 0].amount, MOST, "lot at the brim");
    }

    function test_WhenTheExpiryIsThatOfAnOrder() public {
        (, uint40 expiry) = orderFor(id, subscriber);

        lend(id, subscriber, 5, uint32(expiry - START));

        assertOneLot(id, subscriber, lot(CREDITS + 5, expiry), "one lot");
    }

    /// forge-config: default.fuzz.runs = 100
    function testFuzz_WhenLotsHaveExpired(uint8 dead, uint8 live) public {
        uint32 total = uint32(bound(live, 1, 40));
        uint256 gone = bound(dead, 1, total);
        fill(total);
        vm.warp(START + 99 + gone);
        uint256 expiry = START + 99 + gone + 1_000;

        expectTransfer(subscriber, address(0), gone);
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsExpired(id, subscriber, gone);
        expectTransfer(address(0), subscriber, 7);
        expectMinted(7, expiry);
        vm.recordLogs();
        lend(id, subscriber, 7, 1_000);

        assertEq(vm.getRecordedLogs().length, 4, "number of events");
        IScrip.Lot[] memory lots = scrip.lotsOf(id, subscriber);
        assertEq(lots.length, total - gone + 1, "number of lots");
        assertEq(lots[total - gone].amount, 7, "amount of the last");
        assertEq(balance(id, subscriber), total - gone + 7, "balance");
    }

    // ──────────────────────────────────────────── Too many ───────────────────────────────────────────

    /// @dev Lots of one credit, which live 100 seconds, 101, and so on.
    function fill(uint32 lots) internal {
        for (uint32 i; i < lots; ++i) {
            lend(id, subscriber, 1, 100 + i);
        }
    }

    function expectTooMany(uint32 duration, uint256 lots) internal {
        expectRefusal(
            builder,
            subscriber,
            1,
            duration,
            abi.encodeWithSelector(IScrip.TooManyLots.selector, id, subscriber, lots, 96)
        );
    }

    /// forge-config: default.fuzz.runs = 100
    function testFuzz_Given95Lots(uint32 duration) public {
        fill(95);

        lend(id, subscriber, 1, freshDuration(duration, 95));

        assertEq(scrip.lotsOf(id, subscriber).length, 96, "number of lots");
    }

    /// @dev A duration that no lot of `fill` has.
    function freshDuration(uint32 duration, uint32 lots) internal pure returns (uint32) {
        duration = uint32(bound(duration, 1, type(uint32).max));
        return duration >= 100 && duration < 100 + lots ? 100 + lots : duration;
    }

    /// forge-config: default.fuzz.runs = 100
    function testFuzz_RevertWhen_TheExpiryIsAnother(uint32 duration) public {
        fill(96);
        expectTooMany(freshDuration(duration, 96), 96);
    }

    /// forge-config: default.fuzz.runs = 100
    function testFuzz_WhenTheExpiryIsThatOfAnyOfThem(uint32 place) public {
        place = uint32(bound(place, 0, 95));
        fill(96);

        lend(id, subscriber, 4, 100 + place);

        assertEq(scrip.lotsOf(id, subscriber).length, 96, "number of lots");
        assertEq(scrip.lotsOf(id, subscriber)[place].amount, 5, "amount of the lot");
    }

    function test_WhenOneOfThemHasExpired() public {
        fill(96);
        pass(99);
        expectTooMany(1_000, 96);
        pass(1);

        lend(id, subscriber, 1, 1_000);

        assertEq(scrip.lotsOf(id, subscriber).length, 96, "number of lots");
        expectTooMany(1_001, 96);
    }

    function test_WhenOneOfThemIsSpent() public {
        fill(96);
        vm.prank(subscriber);
        scrip.burn(id, subscriber, 1);

        lend(id, subscriber, 1, 50);

        assertEq(scrip.lotsOf(id, subscriber).length, 96, "number of lots");
    }

    function test_WhenTheHolderOrders() public {
        fill(96);

        (, uint40 expiry) = orderFor(id, subscriber);

        IScrip.Lot[] memory lots = scrip.lotsOf(id, subscriber);
        assertEq(lots.length, 97, "number of lots");
        assertEq(lots[96].expiry, expiry, "expiry of the order");
        assertEq(balance(id, subscriber), 96 + CREDITS, "balance");
        expectTooMany(1_000, 97);
        // Also when as many are gone as came.
        pass(100);
        expectTooMany(1_000, 96);
        pass(1);
        lend(id, subscriber, 1, 1_000);
        expectTooMany(1_001, 96);
    }

    function test_WhenTheOwnerMintsUntilItIsRefused() public {
        vm.warp(START - START % 100 + 1);
        for (uint256 i; i < 65; ++i) {
            if (i > 0) pass(100);
            orderFor(id, subscriber);
        }
        assertEq(scrip.lotsOf(id, subscriber).length, 65, "number of lots of orders");

        for (uint32 i; i < 31; ++i) {
            lend(id, subscriber, 1, 1 + i);
        }

        assertEq(scrip.lotsOf(id, subscriber).length, 96, "number of lots");
        expectTooMany(50, 96);
    }
}
