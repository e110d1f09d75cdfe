// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Who is let in. What an order gives stands in `orderGrant`, how it is paid in `orderPayment`, and for whom anyone
/// may order in `gifts`.
contract OrderTest is Base {
    uint256 internal id;

    function setUp() public override {
        super.setUp();
        fund(builder);
        id = create(premium());
    }

    function limited(uint32 perHolder, uint32 inAll) internal view returns (IScrip.Terms memory terms) {
        terms = free();
        terms.limits = IScrip.Limits({perHolder: perHolder, inAll: inAll});
    }

    // ───────────────────────────────────────────── Checks ────────────────────────────────────────────

    function testFuzz_RevertGiven_ThereIsNoSuchPlan(uint256 planId) public {
        if (planId == id) ++planId;
        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId));
        scrip.order(planId, subscriber, 1, PRICE);
    }

    function test_RevertGiven_ItsOrdersAreStopped() public {
        vm.startPrank(builder);
        scrip.setOpen(id, false);

        vm.expectRevert(abi.encodeWithSelector(IScrip.OrdersStopped.selector, id));
        scrip.order(id, builder, 1, PRICE);
        vm.stopPrank();

        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.OrdersStopped.selector, id));
        scrip.order(id, subscriber, 1, PRICE);
    }

    function test_GivenItsOrdersAreRestarted() public {
        vm.startPrank(builder);
        scrip.setOpen(id, false);
        scrip.setOpen(id, true);
        vm.stopPrank();

        orderFor(id, subscriber);

        assertEq(balance(id, subscriber), CREDITS, "balance");
    }

    function test_RevertWhen_TheQuantityIs0() public {
        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.ZeroQuantity.selector, id));
        scrip.order(id, subscriber, 0, PRICE);
    }

    function test_RevertWhen_TheHolderIsTheZeroAddress() public {
        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.ZeroHolder.selector, id));
        scrip.order(id, address(0), 1, PRICE);
    }

    function testFuzz_RevertWhen_ThePriceIsAboveTheMaximum(uint32 quantity, uint256 maxPrice) public {
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        uint256 price = uint256(PRICE) * quantity;
        maxPrice = bound(maxPrice, 0, price - 1);

        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.PriceAboveMaximum.selector, id, price, maxPrice));
        scrip.order(id, subscriber, quantity, maxPrice);
    }

    function testFuzz_WhenThePriceIsExactlyTheMaximum(uint32 quantity) public {
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        expectTaken(quantity, uint256(PRICE) * quantity);
    }

    function testFuzz_WhenTheMaximumIsAboveThePrice(uint32 quantity, uint256 maxPrice) public {
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        expectTaken(quantity, bound(maxPrice, uint256(PRICE) * quantity + 1, type(uint256).max));
    }

    function expectTaken(uint32 quantity, uint256 maxPrice) internal {
        uint256 price = uint256(PRICE) * quantity;
        dollar.mint(subscriber, price);
        uint256 before = dollar.balanceOf(subscriber);

        vm.prank(subscriber);
        scrip.order(id, subscriber, quantity, maxPrice);

        assertEq(dollar.balanceOf(subscriber), before - price, "money of the payer");
        assertEq(dollar.balanceOf(payee), price, "money of the payee");
        assertEq(balance(id, subscriber), uint256(CREDITS) * quantity, "balance");
    }

    function expectWrongValue(uint256 planId, uint32 quantity, uint256 sent, uint256 needed) internal {
        vm.deal(subscriber, sent);
        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.WrongValue.selector, planId, sent, needed));
        scrip.order{value: sent}(planId, subscriber, quantity, type(uint256).max);
        assertEq(subscriber.balance, sent, "coin of the payer");
    }

    function testFuzz_RevertWhen_CoinIsSentAlongWithAnERC20Order(uint32 quantity, uint128 sent) public {
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        dollar.mint(subscriber, uint256(PRICE) * quantity);
        expectWrongValue(id, quantity, bound(sent, 1, type(uint128).max), 0);
        assertEq(dollar.balanceOf(payee), 0, "money of the payee");
    }

    function testFuzz_RevertWhen_CoinIsSentAlongWithAFreeOrder(uint32 quantity, uint128 sent) public {
        uint256 freeId = create(free());
        expectWrongValue(freeId, uint32(bound(quantity, 1, type(uint32).max)), bound(sent, 1, type(uint128).max), 0);
    }

    function testFuzz_RevertWhen_TooLittleOrTooMuchCoinIsSentForANativeOrder(
        uint96 amount,
        uint32 quantity,
        uint128 sent
    ) public {
        amount = uint96(bound(amount, 1, type(uint96).max));
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        uint256 price = uint256(amount) * quantity;
        expectWrongValue(create(native(amount)), quantity, sent == price ? price + 1 : sent, price);
        assertEq(payee.balance, 0, "coin of the payee");
    }

    /// @dev A stranger's gift that is not allowed, with so much coin.
    function expectGiftRefused(uint256 sent, bool forItsValue) internal {
        IScrip.Terms memory terms = native(1 ether);
        terms.grant.duration = 1 days;
        uint256 planId = create(terms);
        vm.prank(stranger);
        vm.expectRevert(
            forItsValue
                ? abi.encodeWithSelector(IScrip.WrongValue.selector, planId, sent, 1 ether)
                : abi.encodeWithSelector(IScrip.GiftNotAllowed.selector, planId, stranger, subscriber)
        );
        scrip.order{value: sent}(planId, subscriber, 1, 1 ether);
    }

    function testFuzz_RevertWhen_TooLittleCoinIsSentForAGiftThatIsNotAllowed(uint256 sent) public {
        expectGiftRefused(bound(sent, 0, 1 ether - 1), true);
    }

    function testFuzz_RevertWhen_TooMuchCoinIsSentForAGiftThatIsNotAllowed(uint256 sent) public {
        expectGiftRefused(bound(sent, 1 ether + 1, stranger.balance), false);
    }

    // ───────────────────────────────────────────── Limits ────────────────────────────────────────────

    function order(uint256 planId, address holder, uint32 quantity) internal {
        vm.prank(holder);
        scrip.order(planId, holder, quantity, 0);
    }

    function expectHolderLimit(uint256 planId, address holder, uint32 quantity, uint32 remaining) internal {
        vm.prank(holder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.HolderLimitReached.selector, planId, holder, quantity, remaining));
        scrip.order(planId, holder, quantity, 0);
    }

    function expectPlanLimit(uint256 planId, address holder, uint32 quantity, uint32 remaining) internal {
        vm.prank(holder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanLimitReached.selector, planId, quantity, remaining));
        scrip.order(planId, holder, quantity, 0);
    }

    function testFuzz_RevertWhen_AnOrderGoesBeyondIt(uint32 limit, uint32 first, uint32 second) public {
        limit = uint32(bound(limit, 1, type(uint32).max - 1));
        first = uint32(bound(first, 0, limit));
        second = uint32(bound(second, limit - first + 1, type(uint32).max));
        uint256 planId = create(limited({perHolder: limit, inAll: 0}));
        if (first != 0) order(planId, subscriber, first);

        expectHolderLimit(planId, subscriber, second, limit - first);

        assertEq(scrip.ordersOf(planId, subscriber), first, "orders");
    }

    function testFuzz_WhenOrdersReachItExactly(uint32 limit, uint32 first) public {
        limit = uint32(bound(limit, 2, type(uint32).max));
        first = uint32(bound(first, 1, limit - 1));
        uint256 planId = create(limited({perHolder: limit, inAll: 0}));

        order(planId, subscriber, first);
        assertEq(scrip.ordersOf(planId, subscriber), first, "orders after the first");
        order(planId, subscriber, limit - first);
        assertEq(scrip.ordersOf(planId, subscriber), limit, "orders after the second");
        expectHolderLimit(planId, subscriber, 1, 0);

        order(planId, stranger, limit);
        assertEq(scrip.ordersOf(planId, stranger), limit, "orders of another holder");
        assertEq(scrip.plan(planId).ordered, 0, "orders in all");
        assertEq(balance(planId, subscriber), uint256(limit) * CREDITS, "balance");
    }

    function test_WhenTheOwnerOrdersForTheHolder() public {
        uint256 planId = create(limited({perHolder: 2, inAll: 0}));
        vm.prank(builder);
        scrip.order(planId, subscriber, 2, 0);

        assertEq(scrip.ordersOf(planId, subscriber), 2, "orders of the holder");
        assertEq(scrip.ordersOf(planId, builder), 0, "orders of the payer");
        expectHolderLimit(planId, subscriber, 1, 0);
    }

    function test_WhenTheOwnerMints() public {
        uint256 planId = create(limited({perHolder: 1, inAll: 1}));
        give(planId, subscriber, 7);
        lend(planId, subscriber, 7, 1 days);

        assertEq(scrip.ordersOf(planId, subscriber), 0, "orders");
        order(planId, subscriber, 1);
        assertEq(balance(planId, subscriber), CREDITS + 14, "balance");
    }

    function testFuzz_RevertWhen_AnOrderGoesBeyondItForAll(uint32 limit, uint32 first, uint32 second) public {
        limit = uint32(bound(limit, 1, type(uint32).max - 1));
        first = uint32(bound(first, 0, limit));
        second = uint32(bound(second, limit - first + 1, type(uint32).max));
        uint256 planId = create(limited({perHolder: 0, inAll: limit}));
        if (first != 0) order(planId, subscriber, first);

        expectPlanLimit(planId, stranger, second, limit - first);

        assertEq(scrip.plan(planId).ordered, first, "orders in all");
    }

    function testFuzz_WhenOrdersOfSeveralHoldersReachIt(uint32 limit, uint32 first) public {
        limit = uint32(bound(limit, 2, type(uint32).max));
        first = uint32(bound(first, 1, limit - 1));
        uint256 planId = create(limited({perHolder: 0, inAll: limit}));

        order(planId, subscriber, first);
        assertEq(scrip.plan(planId).ordered, first, "orders in all after the first");
        order(planId, stranger, limit - first);
        assertEq(scrip.plan(planId).ordered, limit, "orders in all after the second");

        expectPlanLimit(planId, agent, 1, 0);
        assertEq(scrip.ordersOf(planId, subscriber), 0, "orders of a holder");
    }

    function testFuzz_RevertWhen_BothAreExceeded(uint32 quantity) public {
        quantity = uint32(bound(quantity, 4, type(uint32).max));
        uint256 planId = create(limited({perHolder: 3, inAll: 3}));

        expectHolderLimit(planId, subscriber, quantity, 3);
    }

    function test_RevertWhen_AnOrderIsRefusedByTheLimitInAll() public {
        uint256 planId = create(limited({perHolder: 3, inAll: 4}));
        order(planId, subscriber, 2);

        expectPlanLimit(planId, stranger, 3, 2);

        assertEq(scrip.ordersOf(planId, stranger), 0, "orders of the holder");
        assertEq(scrip.plan(planId).ordered, 2, "orders in all");
    }

    function test_WhenOrdersAreStoppedAndRestarted() public {
        uint256 planId = create(limited({perHolder: 3, inAll: 4}));
        order(planId, subscriber, 2);
        vm.startPrank(builder);
        scrip.setOpen(planId, false);
        scrip.setOpen(planId, true);
        vm.stopPrank();

        expectHolderLimit(planId, subscriber, 2, 1);
        expectPlanLimit(planId, stranger, 3, 2);
        order(planId, subscriber, 1);
        assertEq(scrip.ordersOf(planId, subscriber), 3, "orders of the holder");
        assertEq(scrip.plan(planId).ordered, 3, "orders in all");
    }

    function testFuzz_WhenAHolderOrdersOften(uint32 first, uint32 second) public {
        uint256 planId = create(free());
        order(planId, subscriber, uint32(bound(first, 1, type(uint32).max)));
        order(planId, subscriber, uint32(bound(second, 1, type(uint32).max)));

        assertEq(scrip.ordersOf(planId, subscriber), 0, "orders of the holder");
        assertEq(scrip.plan(planId).ordered, 0, "orders in all");
    }
}
