// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Kinds} from "../Kinds.sol";
import {AcceptingHolder, AnsweringHolder, ReenteringHolder} from "../mocks/Holders.sol";
import {Chameleon} from "../mocks/Chameleon.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Payments made off chain, settled.
contract SettleTest is Kinds {
    uint256 internal id;
    address internal settler = makeAddr("settler");

    function setUp() public override {
        super.setUp();
        id = create(fiat());
        nameSettler(id);
    }

    function nameSettler(uint256 planId) internal {
        vm.startPrank(builder);
        scrip.setOperator(planId, settler, SETTLE);
        scrip.setOperator(planId, minter, MINT | REDEEM);
        vm.stopPrank();
    }

    function keyOf(string memory paymentId) internal pure returns (bytes32) {
        return keccak256(bytes(paymentId));
    }

    function settle(address caller, uint256 planId, address holder, uint32 quantity, string memory paymentId) internal {
        vm.prank(caller);
        scrip.settle(planId, holder, quantity, paymentId);
    }

    function expectRefused(address caller, uint256 planId, string memory paymentId, bytes memory refusal) internal {
        vm.prank(caller);
        vm.expectRevert(refusal);
        scrip.settle(planId, subscriber, 1, paymentId);
    }

    function assertUnsettled(uint256 planId, string memory paymentId) internal view {
        IScrip.Settlement memory none;
        assertEq(abi.encode(scrip.settlementOf(planId, keyOf(paymentId))), abi.encode(none), "settlement");
    }

    function assertSettled(uint256 planId, string memory paymentId, address holder, uint64 granted, uint40 expiry)
        internal
        view
    {
        IScrip.Settlement memory expected;
        (expected.holder, expected.granted, expected.expiry) = (holder, granted, expiry);
        assertEq(abi.encode(scrip.settlementOf(planId, keyOf(paymentId))), abi.encode(expected), "settlement");
    }

    // ──────────────────────────────────────────── Who may ────────────────────────────────────────────

    function testFuzz_RevertGiven_ThereIsNoSuchPlan(uint256 planId) public {
        if (planId == id) planId = NO_PLAN;
        expectRefused(builder, planId, "pi_1", abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId));
    }

    function testFuzz_RevertGiven_AnotherKindOfPrice(uint8 kind) public {
        kind = uint8(bound(kind, 0, 3));
        IScrip.Terms memory terms = kind == 0
            ? free()
            : kind == 1 ? premium() : kind == 2 ? quoted(address(dollar)) : perUse(address(dollar), PRICE);
        uint256 planId = create(terms);
        bytes memory refusal = abi.encodeWithSelector(IScrip.WrongPriceKind.selector, planId, terms.price.kind);
        expectRefused(builder, planId, "pi_1", refusal);
        vm.startPrank(builder);
        vm.expectRevert(refusal);
        scrip.takeBack(planId, "pi_1", 1);
        vm.expectRevert(refusal);
        scrip.reverseTakeBack(planId, "pi_1");
    }

    function testFuzz_RevertWhen_AStrangerSettles(address caller) public {
        if (caller == builder || caller == settler) caller = stranger;
        address[4] memory callers = [caller, subscriber, minter, feeController];
        for (uint256 i; i < callers.length; ++i) {
            expectRefused(callers[i], id, "pi_1", abi.encodeWithSelector(IScrip.NotSettler.selector, id, callers[i]));
        }
        assertUnsettled(id, "pi_1");
    }

    function testFuzz_RevertWhen_AFormerOwnerOrOperatorSettles(bool handedOver) public {
        if (handedOver) {
            handOver(id, stranger);
            expectRefused(builder, id, "pi_1", abi.encodeWithSelector(IScrip.NotSettler.selector, id, builder));
        } else {
            vm.prank(builder);
            scrip.setOperator(id, settler, MINT | REDEEM);
        }
        expectRefused(settler, id, "pi_1", abi.encodeWithSelector(IScrip.NotSettler.selector, id, settler));
    }

    function test_RevertWhen_TheQuantityIs0() public {
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.ZeroQuantity.selector, id));
        scrip.settle(id, subscriber, 0, "pi_1");
    }

    function test_RevertWhen_TheHolderIsTheZeroAddress() public {
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.ZeroHolder.selector, id));
        scrip.settle(id, address(0), 1, "pi_1");
    }

    // ─────────────────────────────────────────── What it gives ───────────────────────────────────────

    function testFuzz_WhenItIsSettled(uint32 quantity, string memory paymentId, uint32 lifetime, bool byOwner) public {
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        IScrip.Terms memory terms = fiat();
        terms.grant.duration = lifetime;
        if (lifetime != 0) id = create(terms);
        nameSettler(id);
        address caller = byOwner ? builder : settler;
        uint256 step = (uint256(lifetime) + 63) / 64;
        uint40 expiry = lifetime == 0 ? 0 : uint40((block.timestamp + lifetime + step - 1) / step * step);
        uint64 granted = CREDITS * quantity;

        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(caller, address(0), subscriber, id, granted);
        vm.expectEmit(address(scrip));
        emit IScrip.PaymentSettled(id, subscriber, keyOf(paymentId), paymentId, caller, quantity, granted, expiry);
        vm.prank(caller);
        (uint64 credits, uint40 until) = scrip.settle(id, subscriber, quantity, paymentId);

        assertEq(credits, granted, "credits returned");
        assertEq(until, expiry, "expiry returned");
        assertSettled(id, paymentId, subscriber, granted, expiry);
        assertOneLot(id, subscriber, lot(granted, expiry), "holder");
    }

    function testFuzz_GivenAccessForATime(uint32 duration, uint8 quantity, uint32 later) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        quantity = uint8(bound(quantity, 1, 100));
        IScrip.Terms memory terms = fiat();
        terms.grant = IScrip.Grant({kind: IScrip.GrantKind.Time, credits: 0, duration: duration});
        uint256 planId = create(terms);

        vm.prank(builder);
        (uint64 periods, uint40 end) = scrip.settle(planId, subscriber, quantity, "pi_1");
        assertEq(periods, quantity, "periods");
        assertEq(end, block.timestamp + uint256(duration) * quantity, "end");
        assertSettled(planId, "pi_1", subscriber, quantity, end);

        pass(later);
        uint256 from = block.timestamp < end ? end : block.timestamp;
        vm.prank(builder);
        (, end) = scrip.settle(planId, subscriber, 1, "pi_2");
        assertEq(end, from + duration, "end, renewed");
        assertEq(scrip.accessEnd(planId, subscriber), end, "access");
    }

    function test_WhenOrdersAreStoppedOrLimitedOrHooked() public {
        IScrip.Terms memory terms = hooked(fiat(), 15);
        terms.limits = IScrip.Limits({perHolder: 1, inAll: 1});
        uint256 planId = create(terms);
        behave(Chameleon.Mode.Refuse, "no");
        vm.prank(builder);
        scrip.setOpen(planId, false);

        vm.expectCall(address(other), "", 0);
        settle(builder, planId, subscriber, 5, "pi_1");
        settle(builder, planId, subscriber, 5, "pi_2");

        assertEq(balance(planId, subscriber), 10 * CREDITS, "balance");
        assertEq(scrip.ordersOf(planId, subscriber), 10, "orders of the holder");
        assertEq(scrip.plan(planId).ordered, 10, "orders in all");
    }

    function testFuzz_WhenSettlementsAreCounted(uint32[3] memory quantities, uint32 perHolder, uint32 inAll) public {
        IScrip.Terms memory terms = fiat();
        terms.name = "Counted";
        terms.limits = IScrip.Limits({perHolder: perHolder, inAll: inAll});
        uint256 planId = create(terms);
        uint256 sum;
        for (uint256 i; i < quantities.length; ++i) {
            quantities[i] = uint32(bound(quantities[i], 1, type(uint32).max));
            sum += quantities[i];
            settle(builder, planId, subscriber, quantities[i], vm.toString(i));
        }

        // They stop at the most that can be counted.
        uint256 counted = sum < type(uint32).max ? sum : type(uint32).max;
        assertEq(scrip.ordersOf(planId, subscriber), perHolder == 0 ? 0 : counted, "orders of the holder");
        assertEq(scrip.plan(planId).ordered, inAll == 0 ? 0 : counted, "orders in all");
        assertEq(scrip.ordersOf(planId, stranger), 0, "orders of another");
    }

    function test_RevertWhen_ItIsOrdered() public {
        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.WrongPriceKind.selector, id, IScrip.PriceKind.Fiat));
        scrip.order(id, subscriber, 1, PRICE);
    }

    // ──────────────────────────────────────────── Just once ──────────────────────────────────────────

    function testFuzz_RevertWhen_ItIsSettledAgain(string memory paymentId, uint8 how) public {
        how = uint8(bound(how, 0, 4));
        settle(settler, id, subscriber, 1, paymentId);
        bytes memory refusal = abi.encodeWithSelector(IScrip.PaymentAlreadySettled.selector, id, keyOf(paymentId));
        address caller = how % 2 == 0 ? builder : settler;
        if (how == 1) vm.warp(type(uint40).max - 1);
        if (how == 2) {
            vm.prank(subscriber);
            scrip.burn(id, subscriber, CREDITS);
        }
        if (how == 3) {
            vm.prank(builder);
            scrip.takeBack(id, paymentId, CREDITS);
            expectRefused(caller, id, paymentId, refusal);
            vm.prank(builder);
            scrip.reverseTakeBack(id, paymentId);
        }
        if (how == 4) {
            handOver(id, stranger);
            caller = stranger;
        }
        uint256 before = balance(id, subscriber);

        expectRefused(caller, id, paymentId, refusal);
        vm.prank(caller);
        vm.expectRevert(refusal);
        scrip.settle(id, agent, 3, paymentId);

        assertEq(balance(id, subscriber), before, "balance");
    }

    function testFuzz_WhenItIsSettledOnAnotherPlan(string memory paymentId, string memory otherId) public {
        IScrip.Terms memory terms = fiat();
        terms.name = "Another Plan";
        uint256 planId = create(terms);
        settle(builder, id, subscriber, 1, paymentId);
        settle(builder, planId, agent, 2, paymentId);
        if (keyOf(otherId) != keyOf(paymentId)) settle(builder, id, subscriber, 3, otherId);

        assertSettled(id, paymentId, subscriber, CREDITS, 0);
        assertSettled(planId, paymentId, agent, 2 * CREDITS, 0);
    }

    // ─────────────────────────────────────────── What fails ──────────────────────────────────────────

    function test_WhenTheHolderRefusesAtFirst() public {
        address holder = makeAddr("contract to be");
        vm.etch(holder, address(new AnsweringHolder("", true)).code);
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.HolderRefused.selector, id, holder));
        scrip.settle(id, holder, 1, "pi_1");
        assertUnsettled(id, "pi_1");

        vm.etch(holder, address(new AcceptingHolder()).code);
        settle(settler, id, holder, 1, "pi_1");

        assertSettled(id, "pi_1", holder, CREDITS, 0);
        assertEq(AcceptingHolder(holder).asked(), 1, "how often it was asked");
    }

    function testFuzz_RevertWhen_TheGrantIsMoreThanALotCanHold(uint64 credits, uint32 quantity) public {
        credits = uint64(bound(credits, 2 ** 33, type(uint64).max));
        quantity = uint32(bound(quantity, type(uint64).max / credits + 1, type(uint32).max));
        IScrip.Terms memory terms = fiat();
        terms.grant.credits = credits;
        uint256 planId = create(terms);
        vm.prank(builder);
        vm.expectRevert(
            abi.encodeWithSelector(
                IScrip.CreditsOverflow.selector, uint256(credits) * quantity, uint256(type(uint64).max)
            )
        );
        scrip.settle(planId, subscriber, quantity, "pi_1");
        assertUnsettled(planId, "pi_1");
    }

    function test_WhenTheHolderSettlesAgainFromItsCallback() public {
        ReenteringHolder holder = new ReenteringHolder();
        vm.prank(builder);
        scrip.setOperator(id, address(holder), SETTLE);
        holder.arm(address(scrip), abi.encodeCall(IScrip.settle, (id, address(holder), 1, "pi_1")));

        settle(builder, id, address(holder), 1, "pi_1");

        assertEq(
            holder.answerHash(),
            keccak256(abi.encodeWithSelector(IScrip.PaymentAlreadySettled.selector, id, keyOf("pi_1"))),
            "refusal"
        );
        assertEq(balance(id, address(holder)), CREDITS, "balance");
    }
}
