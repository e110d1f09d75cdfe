// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Both ways to redeem: with a request id, and without.
contract RedeemTest is Base {
    uint256 internal id;
    address internal heir = makeAddr("heir");

    function setUp() public override {
        super.setUp();
        id = create(premium());
        nameOperators(id);
    }

    function redeem(uint256 planId, uint64 amount, uint256 requestId) internal {
        vm.prank(builder);
        scrip.redeem(planId, subscriber, amount, requestId);
    }

    function redeemWithoutId(uint256 planId, uint64 amount) internal {
        vm.prank(builder);
        scrip.redeemWithoutId(planId, subscriber, amount);
    }

    function expectTransfer(uint256 planId, uint256 value) internal {
        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(builder, subscriber, address(0), planId, value);
    }

    /// @dev Both ways revert alike.
    function expectRefusal(address caller, uint256 planId, uint64 amount, bytes memory refusal) internal {
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        scrip.redeem(planId, subscriber, amount, 0);
        vm.expectRevert(refusal);
        scrip.redeemWithoutId(planId, subscriber, amount);
        vm.stopPrank();
    }

    function notRedeemer(address caller) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.NotRedeemer.selector, id, caller, subscriber);
    }

    // ───────────────────────────────────────────── Checks ────────────────────────────────────────────

    function testFuzz_RevertGiven_ThereIsNoSuchPlan(uint256 planId) public {
        if (planId == id) ++planId;
        expectRefusal(builder, planId, 1, abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId));
    }

    function testFuzz_GivenAnySumOfRedeemersAndAnyCaller(uint8 redeemers, uint8 who) public {
        redeemers = uint8(bound(redeemers, 1, 7));
        address[5] memory callers = [builder, subscriber, agent, minter, stranger];
        address caller = callers[bound(who, 0, 4)];
        bool allowed = caller == builder && redeemers & 1 != 0 || caller == subscriber && redeemers & 2 != 0
            || caller == agent && redeemers & 4 != 0;
        IScrip.Terms memory terms = premium();
        terms.redemption.redeemers = redeemers;
        terms.uri = "";
        id = create(terms);
        nameOperators(id);
        give(id, subscriber, 10);

        if (!allowed) return expectRefusal(caller, id, 3, notRedeemer(caller));

        vm.startPrank(caller);
        scrip.redeem(id, subscriber, 3, 0);
        scrip.redeemWithoutId(id, subscriber, 4);
        assertEq(balance(id, subscriber), 3, "balance");
    }

    function testFuzz_RevertWhen_AFormerOperatorRedeems(bool handedOver) public {
        give(id, subscriber, 10);
        if (handedOver) {
            handOver(id, heir);
        } else {
            vm.prank(builder);
            scrip.setOperator(id, agent, MINT);
        }
        expectRefusal(agent, id, 1, notRedeemer(agent));
    }

    function test_RevertWhen_TheFormerOwnerRedeems() public {
        give(id, subscriber, 10);
        handOver(id, heir);

        expectRefusal(builder, id, 1, notRedeemer(builder));
        vm.prank(heir);
        scrip.redeemWithoutId(id, subscriber, 10);
        assertEq(balance(id, subscriber), 0, "balance after the new owner's redemption");
    }

    /// @dev A plan of this range, and a holder with enough.
    function ranged(uint32 minimum, uint32 maximum) internal returns (uint256 planId) {
        IScrip.Terms memory terms = free();
        terms.redemption.minimum = minimum;
        terms.redemption.maximum = maximum;
        planId = create(terms);
        give(planId, subscriber, type(uint64).max);
    }

    function outOfRange(uint256 planId, uint64 amount, uint32 minimum, uint32 maximum)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IScrip.AmountOutOfRange.selector, planId, amount, minimum, maximum);
    }

    function testFuzz_RevertWhen_TheAmountIsBelowTheMinimum(uint32 minimum, uint32 maximum, uint64 amount) public {
        minimum = uint32(bound(minimum, 1, type(uint32).max));
        maximum = uint32(bound(maximum, minimum, type(uint32).max));
        amount = uint64(bound(amount, 0, minimum - 1));
        uint256 planId = ranged(minimum, maximum);

        expectRefusal(builder, planId, amount, outOfRange(planId, amount, minimum, maximum));
    }

    function testFuzz_RevertWhen_TheAmountIsAboveTheMaximum(uint32 minimum, uint32 maximum, uint64 amount) public {
        minimum = uint32(bound(minimum, 1, type(uint32).max));
        maximum = uint32(bound(maximum, minimum, type(uint32).max));
        amount = uint64(bound(amount, uint256(maximum) + 1, type(uint64).max));
        uint256 planId = ranged(minimum, maximum);

        expectRefusal(builder, planId, amount, outOfRange(planId, amount, minimum, maximum));
    }

    function testFuzz_WhenTheAmountIsTheMinimumOrTheMaximum(uint32 minimum, uint32 maximum) public {
        minimum = uint32(bound(minimum, 1, type(uint32).max));
        maximum = uint32(bound(maximum, minimum, type(uint32).max));
        uint256 planId = ranged(minimum, maximum);

        redeem(planId, minimum, 0);
        redeemWithoutId(planId, maximum);

        assertEq(balance(planId, subscriber), type(uint64).max - uint256(minimum) - maximum, "balance");
    }

    function testFuzz_RevertWhen_ThereIsLessThanTheAmount(uint64 had, uint64 amount) public {
        had = uint64(bound(had, 0, 99));
        amount = uint64(bound(amount, had + 1, 100));
        if (had != 0) give(id, subscriber, had);

        expectRefusal(
            builder,
            id,
            amount,
            abi.encodeWithSelector(IScrip.InsufficientCredits.selector, id, subscriber, amount, had)
        );
    }

    // ──────────────────────────────────────────── Credits ────────────────────────────────────────────

    function testFuzz_WhenLotsHaveExpired(uint64 dead, bool withId) public {
        dead = uint64(bound(dead, 1, type(uint64).max));
        lend(id, subscriber, dead, 10);
        give(id, subscriber, 50);
        pass(10);

        expectTransfer(id, dead);
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsExpired(id, subscriber, dead);
        expectTransfer(id, 20);
        vm.recordLogs();
        if (withId) redeem(id, 20, 1);
        else redeemWithoutId(id, 20);

        assertEq(vm.getRecordedLogs().length, 4, "number of events");
        assertEq(balance(id, subscriber), 30, "balance");
    }

    function testFuzz_WhenItIsAtAnExpiry(uint32 duration) public {
        uint40 expiry = lend(id, subscriber, 10, uint32(bound(duration, 2, type(uint32).max)));

        vm.warp(expiry - 1);
        redeem(id, 4, 0);
        redeemWithoutId(id, 5);
        assertEq(balance(id, subscriber), 1, "balance");

        vm.warp(expiry);
        vm.expectRevert(abi.encodeWithSelector(IScrip.InsufficientCredits.selector, id, subscriber, 1, 0));
        redeem(id, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IScrip.InsufficientCredits.selector, id, subscriber, 1, 0));
        redeemWithoutId(id, 1);
    }

    function test_GivenOrdersAreStopped() public {
        give(id, subscriber, 10);
        vm.prank(builder);
        scrip.setOpen(id, false);

        redeem(id, 4, 0);
        redeemWithoutId(id, 4);

        assertEq(balance(id, subscriber), 2, "balance");
    }

    // ────────────────────────────────────────── Request ids ──────────────────────────────────────────

    function testFuzz_WhenItIsRedeemed(uint256 requestId, uint64 amount) public {
        amount = uint64(bound(amount, 1, 100));
        give(id, subscriber, 100);
        uint40 expiry = lend(id, subscriber, 60, 10);

        expectTransfer(id, amount);
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsRedeemed(id, subscriber, builder, amount, requestId);
        vm.recordLogs();
        redeem(id, amount, requestId);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        if (amount < 60) {
            assertTwoLots(id, subscriber, lot(60 - amount, expiry), lot(100, 0), "the earliest expiry first");
        } else {
            assertOneLot(id, subscriber, lot(160 - amount, 0), "the earliest expiry first");
        }
        assertTrue(scrip.isRedeemed(id, builder, requestId), "this id");
        unchecked {
            assertFalse(scrip.isRedeemed(id, builder, requestId + 1), "the id above");
            assertFalse(scrip.isRedeemed(id, builder, requestId - 1), "the id below");
            assertFalse(scrip.isRedeemed(id, builder, requestId + 256), "the same bit of the next word");
            assertFalse(scrip.isRedeemed(id, builder, requestId ^ (1 << 255)), "the same id but for its highest bit");
        }
        assertFalse(scrip.isRedeemed(id, agent, requestId), "another redeemer");
        assertFalse(scrip.isRedeemed(id + 1, builder, requestId), "another plan");
    }

    function testFuzz_RevertWhen_ItIsRedeemedAgain(uint256 requestId, uint64 first, uint64 second, bool other) public {
        first = uint64(bound(first, 1, 100));
        address holder = other ? stranger : subscriber;
        give(id, subscriber, 1_000);
        give(id, stranger, 1_000);
        redeem(id, first, requestId);

        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.RequestAlreadyRedeemed.selector, id, builder, requestId));
        scrip.redeem(id, holder, uint64(bound(second, 0, 200)), requestId);

        assertEq(balance(id, subscriber), 1_000 - first, "balance");
        assertEq(balance(id, stranger), 1_000, "balance of another holder");
    }

    function testFuzz_WhenAnotherRedeemerUsesIt(uint256 requestId) public {
        give(id, subscriber, 10);
        redeem(id, 4, requestId);

        vm.prank(agent);
        scrip.redeem(id, subscriber, 4, requestId);

        assertEq(balance(id, subscriber), 2, "balance");
    }

    function testFuzz_WhenItIsUsedOnAnotherPlan(uint256 requestId) public {
        uint256 otherId = create(free());
        give(id, subscriber, 10);
        give(otherId, subscriber, 10);

        redeem(id, 4, requestId);
        redeem(otherId, 4, requestId);

        assertEq(balance(id, subscriber), 6, "balance");
        assertEq(balance(otherId, subscriber), 6, "balance of the other plan");
    }

    function testFuzz_WhenItIsRedeemedAgainByTheNextOwner(uint256 requestId) public {
        give(id, subscriber, 10);
        redeem(id, 4, requestId);
        handOver(id, heir);

        vm.prank(heir);
        scrip.redeem(id, subscriber, 4, requestId);

        assertEq(balance(id, subscriber), 2, "balance");
    }

    function testFuzz_WhenIdsComeInAnyOrder(uint256[8] memory ids, bool dense) public {
        give(id, subscriber, 100);
        uint256 taken;
        for (uint256 i; i < ids.length; ++i) {
            if (dense) ids[i] = bound(ids[i], 254, 260);
            bool again;
            for (uint256 j; j < i; ++j) {
                if (ids[j] == ids[i]) again = true;
            }
            assertEq(scrip.isRedeemed(id, builder, ids[i]), again, "used beforehand");
            if (again) {
                vm.expectRevert(abi.encodeWithSelector(IScrip.RequestAlreadyRedeemed.selector, id, builder, ids[i]));
            } else {
                ++taken;
            }
            redeem(id, 1, ids[i]);
        }
        assertEq(balance(id, subscriber), 100 - taken, "balance");
    }

    function testFuzz_WhenACallWithItReverts(uint256 requestId) public {
        give(id, subscriber, 5);
        vm.expectRevert(abi.encodeWithSelector(IScrip.InsufficientCredits.selector, id, subscriber, 6, 5));
        redeem(id, 6, requestId);
        vm.expectRevert(outOfRange(id, 101, 1, 100));
        redeem(id, 101, requestId);
        vm.prank(stranger);
        vm.expectRevert(notRedeemer(stranger));
        scrip.redeem(id, subscriber, 1, requestId);

        assertFalse(scrip.isRedeemed(id, builder, requestId), "used by the owner");
        assertFalse(scrip.isRedeemed(id, stranger, requestId), "used by a stranger");
        redeem(id, 5, requestId);
        assertEq(balance(id, subscriber), 0, "balance");
    }

    function testFuzz_WhenItIsRedeemedWithout(uint64 amount) public {
        amount = uint64(bound(amount, 1, 100));
        give(id, subscriber, 100);

        expectTransfer(id, amount);
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsRedeemedWithoutId(id, subscriber, builder, amount);
        vm.recordLogs();
        redeemWithoutId(id, amount);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(balance(id, subscriber), 100 - amount, "balance");
    }

    function testFuzz_WhenTheCallIsRepeated(uint8 times) public {
        uint256 calls = bound(times, 1, 20);
        give(id, subscriber, 100);
        for (uint256 i; i < calls; ++i) {
            redeemWithoutId(id, 5);
        }

        assertEq(balance(id, subscriber), 100 - 5 * calls, "balance");
        assertFalse(scrip.isRedeemed(id, builder, 0), "an id of 0");
    }

    // ───────────────────────────────────────────── Access ────────────────────────────────────────────

    function accessFor(uint32 duration) internal returns (uint256 planId) {
        planId = create(access(duration));
        orderFor(planId, subscriber);
    }

    function testFuzz_WhenItLasts(uint32 duration, uint256 passed, uint64 amount, uint256 requestId) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint256 planId = accessFor(duration);
        amount = uint64(bound(amount, 1, 100));
        pass(bound(passed, 0, duration - 1));

        vm.expectEmit(address(scrip));
        emit IScrip.CreditsRedeemed(planId, subscriber, builder, amount, requestId);
        vm.recordLogs();
        redeem(planId, amount, requestId);

        assertEq(vm.getRecordedLogs().length, 1, "number of events");
        assertEq(scrip.accessEnd(planId, subscriber), START + duration, "end");
        assertEq(balance(planId, subscriber), 1, "balance");
        assertTrue(scrip.isRedeemed(planId, builder, requestId), "used");
        vm.expectRevert(abi.encodeWithSelector(IScrip.RequestAlreadyRedeemed.selector, planId, builder, requestId));
        redeem(planId, amount, requestId);
    }

    function testFuzz_WhenItLastsAndNoIdIsGiven(uint32 duration, uint256 passed, uint64 amount) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint256 planId = accessFor(duration);
        amount = uint64(bound(amount, 1, 100));
        pass(bound(passed, 0, duration - 1));

        vm.expectEmit(address(scrip));
        emit IScrip.CreditsRedeemedWithoutId(planId, subscriber, builder, amount);
        vm.recordLogs();
        redeemWithoutId(planId, amount);

        assertEq(vm.getRecordedLogs().length, 1, "number of events");
        assertEq(scrip.accessEnd(planId, subscriber), START + duration, "end");
    }

    function testFuzz_RevertWhen_ItIsOver(uint32 duration, uint32 later) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint256 planId = accessFor(duration);
        uint256 end = START + duration;
        bytes memory refusal = abi.encodeWithSelector(IScrip.NoAccess.selector, planId, subscriber, end);

        vm.warp(end);
        expectRefusal(builder, planId, 1, refusal);
        pass(later);
        expectRefusal(builder, planId, 1, refusal);
    }

    function test_RevertWhen_ItHasNeverBegun() public {
        uint256 planId = create(access(30 days));
        expectRefusal(builder, planId, 1, abi.encodeWithSelector(IScrip.NoAccess.selector, planId, subscriber, 0));
    }

    function testFuzz_RevertWhen_TheAccessIsOutOfTheRange(uint64 amount) public {
        uint256 planId = accessFor(30 days);
        amount = uint64(bound(amount, 101, type(uint64).max));

        expectRefusal(builder, planId, amount, outOfRange(planId, amount, 1, 100));
        expectRefusal(builder, planId, 0, outOfRange(planId, 0, 1, 100));
    }
}
