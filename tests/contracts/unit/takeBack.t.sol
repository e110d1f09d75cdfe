// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Kinds} from "../Kinds.sol";
import {AcceptingHolder, AnsweringHolder} from "../mocks/Holders.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Settled payments taken back, and given back again.
contract TakeBackTest is Kinds {
    bytes32 internal constant KEY = keccak256("pi_1");

    uint256 internal id;
    uint256 internal accessId;
    address internal settler = makeAddr("settler");

    function setUp() public override {
        super.setUp();
        id = create(fiat());
        IScrip.Terms memory terms = fiat();
        terms.grant = IScrip.Grant({kind: IScrip.GrantKind.Time, credits: 0, duration: 100});
        accessId = create(terms);
        vm.prank(builder);
        scrip.setOperator(id, settler, SETTLE);
    }

    function settle(uint256 planId, uint32 quantity, string memory paymentId) internal returns (uint40 expiry) {
        vm.prank(builder);
        (, expiry) = scrip.settle(planId, subscriber, quantity, paymentId);
    }

    function takeBack(uint256 planId, uint64 amount) internal returns (uint64) {
        vm.prank(builder);
        return scrip.takeBack(planId, "pi_1", amount);
    }

    function reverse(uint256 planId) internal returns (uint64 credits, uint40 expiry) {
        vm.prank(builder);
        return scrip.reverseTakeBack(planId, "pi_1");
    }

    function redeem(uint256 planId, uint64 amount) internal {
        vm.prank(builder);
        scrip.redeemWithoutId(planId, subscriber, amount);
    }

    function assertTaken(uint256 planId, uint64 takenBack, uint64 burned, bool reversed) internal view {
        IScrip.Settlement memory settlement = scrip.settlementOf(planId, KEY);
        assertEq(settlement.takenBack, takenBack, "taken back");
        assertEq(settlement.burned, burned, "burned");
        assertEq(settlement.reversed, reversed, "reversed");
        assertEq(settlement.holder, subscriber, "holder");
    }

    function expectTooHigh(uint256 planId, uint64 amount, uint64 remaining) internal {
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.TakeBackTooHigh.selector, planId, KEY, amount, remaining));
        scrip.takeBack(planId, "pi_1", amount);
    }

    // ──────────────────────────────────────────── Who may ────────────────────────────────────────────

    function testFuzz_RevertWhen_AStrangerTakesBackOrReverses(address caller) public {
        if (caller == builder || caller == settler) caller = subscriber;
        settle(id, 1, "pi_1");
        bytes memory refusal = abi.encodeWithSelector(IScrip.NotSettler.selector, id, caller);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        scrip.takeBack(id, "pi_1", 1);
        vm.expectRevert(refusal);
        scrip.reverseTakeBack(id, "pi_1");
    }

    function testFuzz_RevertGiven_ThePaymentWasNotSettled(string memory paymentId) public {
        if (keccak256(bytes(paymentId)) == KEY) paymentId = "pi_2";
        settle(id, 1, "pi_1");
        bytes memory refusal =
            abi.encodeWithSelector(IScrip.PaymentNotSettled.selector, id, keccak256(bytes(paymentId)));
        vm.startPrank(settler);
        vm.expectRevert(refusal);
        scrip.takeBack(id, paymentId, 1);
        vm.expectRevert(refusal);
        scrip.reverseTakeBack(id, paymentId);
    }

    function test_RevertWhen_TheAmountIs0() public {
        settle(id, 1, "pi_1");
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.ZeroAmount.selector, id));
        scrip.takeBack(id, "pi_1", 0);
    }

    // ──────────────────────────────────── Credits that never expire ──────────────────────────────────

    function testFuzz_WhenPartOfItIsSpent(uint8 spent, uint64 amount) public {
        spent = uint8(bound(spent, 0, CREDITS));
        amount = uint64(bound(amount, 1, CREDITS));
        settle(id, 1, "pi_1");
        if (spent != 0) redeem(id, spent);
        uint64 burned = amount < CREDITS - spent ? amount : CREDITS - spent;

        if (burned != 0) {
            vm.expectEmit(address(scrip));
            emit IScrip.TransferSingle(settler, subscriber, address(0), id, burned);
        }
        vm.expectEmit(address(scrip));
        emit IScrip.PaymentTakenBack(id, subscriber, KEY, settler, amount, burned);
        vm.prank(settler);
        assertEq(scrip.takeBack(id, "pi_1", amount), burned, "burned");

        assertTaken(id, amount, burned, false);
        assertEq(balance(id, subscriber), CREDITS - spent - burned, "balance");
    }

    function testFuzz_WhenItIsTakenBackInParts(uint64 first, uint64 second) public {
        settle(id, 1, "pi_1");
        first = uint64(bound(first, 1, CREDITS - 1));
        takeBack(id, first);
        uint64 remaining = CREDITS - first;
        expectTooHigh(id, uint64(bound(second, remaining + 1, type(uint64).max)), remaining);
        second = uint64(bound(second, 1, remaining));
        takeBack(id, second);
        assertTaken(id, first + second, first + second, false);
        expectTooHigh(id, remaining - second + 1, remaining - second);
    }

    function test_WhenOrdersAreStoppedAndThePlanIsNotRevocable() public {
        settle(id, 1, "pi_1");
        vm.prank(builder);
        scrip.setOpen(id, false);
        assertEq(takeBack(id, 30), 30, "burned");
    }

    // ─────────────────────────────────────── Credits that expire ─────────────────────────────────────

    function testFuzz_WhenTheHolderHasOtherLots(uint64 amount, bool before) public {
        amount = uint64(bound(amount, 1, CREDITS));
        IScrip.Terms memory terms = fiat();
        terms.grant.duration = 64 days;
        uint256 planId = create(terms);
        uint40 expiry = settle(planId, 1, "pi_1");
        give(planId, subscriber, 7);
        uint40 otherExpiry = lend(planId, subscriber, 5, before ? 1 days : 100 days);

        assertEq(takeBack(planId, amount), amount, "burned");

        uint64 left = CREDITS - amount;
        IScrip.Lot[] memory lots = new IScrip.Lot[](left == 0 ? 2 : 3);
        (IScrip.Lot memory ours, IScrip.Lot memory theirs) = (lot(left, expiry), lot(5, otherExpiry));
        if (left == 0) lots[0] = theirs;
        else (lots[0], lots[1]) = before ? (theirs, ours) : (ours, theirs);
        lots[lots.length - 1] = lot(7, 0);
        assertLots(planId, subscriber, lots, "others untouched");
    }

    function testFuzz_WhenItHasExpired(uint32 later) public {
        IScrip.Terms memory terms = fiat();
        terms.grant.duration = 64;
        uint256 planId = create(terms);
        uint40 expiry = settle(planId, 1, "pi_1");
        give(planId, subscriber, 500);
        vm.warp(uint256(expiry) + later);

        assertEq(takeBack(planId, CREDITS), 0, "burned");

        assertTaken(planId, CREDITS, 0, false);
        assertEq(balance(planId, subscriber), 500, "balance");
        (uint64 credits, uint40 until) = reverse(planId);
        assertEq(credits, 0, "credits given back");
        assertEq(until, expiry, "expiry");
        assertEq(balance(planId, subscriber), 500, "balance, after the reversal");
    }

    // ───────────────────────────────────────── Access for a time ─────────────────────────────────────

    function testFuzz_GivenAccess(uint32 quantity, uint32 given, uint32 passed, uint64 amount) public {
        (quantity, given) = (uint32(bound(quantity, 1, 1_000)), uint32(bound(given, 0, 1_000)));
        uint256 bought = settle(accessId, quantity, "pi_1");
        if (given != 0) give(accessId, subscriber, given);
        passed = uint32(bound(passed, 0, 250_000));
        amount = uint64(bound(amount, 1, quantity));
        uint256 expectedEnd = scrip.accessEnd(accessId, subscriber);
        pass(passed);
        // By its words: whole periods off the end, as many as are left of those that were bought, the one that has begun among
        // them.
        uint64 expected;
        while (expected < amount && bought > block.timestamp) {
            expectedEnd = expectedEnd > block.timestamp + 100 ? expectedEnd - 100 : block.timestamp;
            bought -= 100;
            ++expected;
        }

        assertEq(takeBack(accessId, amount), expected, "periods");

        assertTaken(accessId, amount, expected, false);
        assertEq(scrip.settlementOf(accessId, KEY).expiry, bought, "end of what is left of the payment");
        bool over = expectedEnd <= block.timestamp;
        assertEq(balance(accessId, subscriber), over ? 0 : 1, "access");
        if (!over) assertEq(scrip.accessEnd(accessId, subscriber), expectedEnd, "end");
        uint256 from = over ? block.timestamp : expectedEnd;
        (uint64 periods, uint40 newEnd) = reverse(accessId);
        assertEq(periods, expected, "periods given back");
        if (expected != 0) assertEq(newEnd, from + 100 * uint256(expected), "end, given back");
        else assertEq(newEnd, scrip.accessEnd(accessId, subscriber), "end, as it was");
    }

    /// @dev A payment whose time is over, and one that follows it long after.
    function testFuzz_WhenItsTimeIsOver(uint32 passed) public {
        settle(accessId, 1, "pi_1");
        pass(bound(passed, 100, type(uint32).max));
        uint40 end = settle(accessId, 1, "pi_2");

        assertEq(takeBack(accessId, 1), 0, "periods");

        assertTaken(accessId, 1, 0, false);
        assertEq(scrip.accessEnd(accessId, subscriber), end, "what the other has bought");
    }

    // ─────────────────────────────────────────── Reversals ───────────────────────────────────────────

    function testFuzz_WhenItIsReversed(uint64 first, uint64 second, uint8 spent, uint32 lifetime) public {
        IScrip.Terms memory terms = fiat();
        terms.grant.duration = lifetime;
        uint256 planId = lifetime == 0 ? id : create(terms);
        uint40 expiry = settle(planId, 1, "pi_1");
        spent = uint8(bound(spent, 0, CREDITS));
        if (spent != 0) redeem(planId, spent);
        first = uint64(bound(first, 1, CREDITS - 1));
        second = uint64(bound(second, 1, CREDITS - first));
        uint64 burned = takeBack(planId, first) + takeBack(planId, second);

        vm.expectEmit(address(scrip));
        emit IScrip.TakeBackReversed(planId, subscriber, KEY, builder, burned, expiry);
        (uint64 credits, uint40 until) = reverse(planId);

        assertEq(credits, burned, "credits");
        assertEq(until, expiry, "expiry");
        assertTaken(planId, first + second, burned, true);
        assertEq(balance(planId, subscriber), CREDITS - spent, "balance");
        if (spent != CREDITS) assertOneLot(planId, subscriber, lot(CREDITS - spent, expiry), "one lot again");
        expectTooHigh(planId, 1, 0);
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NothingTakenBack.selector, planId, KEY));
        scrip.reverseTakeBack(planId, "pi_1");
    }

    /// @dev The holder is not asked for what it does not get, and so cannot refuse it.
    function testFuzz_WhenItExpiresBeforeItIsReversed(uint32 later) public {
        IScrip.Terms memory terms = fiat();
        terms.grant.duration = 64;
        uint256 planId = create(terms);
        uint40 expiry = settle(planId, 1, "pi_1");
        assertEq(takeBack(planId, CREDITS), CREDITS, "burned");
        vm.warp(uint256(expiry) + later);
        vm.etch(subscriber, address(new AnsweringHolder("", false)).code);

        vm.expectEmit(address(scrip));
        emit IScrip.TakeBackReversed(planId, subscriber, KEY, builder, 0, expiry);
        (uint64 credits, uint40 until) = reverse(planId);

        assertEq(credits, 0, "credits");
        assertEq(until, expiry, "expiry");
        assertEq(scrip.lotsOf(planId, subscriber).length, 0, "lots");
    }

    function test_RevertWhen_NothingWasTakenBack() public {
        settle(id, 1, "pi_1");
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NothingTakenBack.selector, id, KEY));
        scrip.reverseTakeBack(id, "pi_1");
    }

    function test_WhenTheHolderRefusesTheReversal() public {
        address holder = makeAddr("contract to be");
        vm.etch(holder, address(new AcceptingHolder()).code);
        vm.startPrank(builder);
        scrip.settle(id, holder, 1, "pi_1");
        vm.etch(holder, address(new AnsweringHolder("", false)).code);
        scrip.takeBack(id, "pi_1", CREDITS);
        vm.expectRevert(abi.encodeWithSelector(IScrip.HolderRefused.selector, id, holder));
        scrip.reverseTakeBack(id, "pi_1");
        assertFalse(scrip.settlementOf(id, KEY).reversed, "reversed");

        vm.etch(holder, address(new AcceptingHolder()).code);
        scrip.reverseTakeBack(id, "pi_1");
        assertEq(balance(id, holder), CREDITS, "balance");
    }
}
