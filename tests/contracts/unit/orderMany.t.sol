// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Kinds} from "../Kinds.sol";
import {Random} from "../Random.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Several orders in one call, with one sum of coin.
contract OrderManyTest is Kinds {
    using Random for Random.Source;

    uint256 internal freeId;
    uint256 internal dollarId;
    uint256 internal coinId;
    uint256 internal quotedId;

    function setUp() public override {
        super.setUp();
        freeId = create(free());
        dollarId = create(premium());
        coinId = create(native(1 ether));
        quotedId = create(quoted(address(0)));
        ask(0.5 ether);
    }

    function purchase(uint256 planId, uint32 quantity, uint256 maxPrice)
        internal
        view
        returns (IScrip.Purchase memory)
    {
        return IScrip.Purchase({
            planId: planId, holder: subscriber, quantity: quantity, maxPrice: maxPrice, data: "data"
        });
    }

    /// @dev Coin in all: 2 ether at a fixed price, and 0.5 ether of at most 0.8 quoted.
    function basket() internal view returns (IScrip.Purchase[] memory purchases) {
        purchases = new IScrip.Purchase[](4);
        purchases[0] = purchase(freeId, 1, 0);
        purchases[1] = purchase(quotedId, 1, 0.8 ether);
        purchases[2] = purchase(dollarId, 3, 3 * PRICE);
        purchases[3] = purchase(coinId, 2, 2 ether);
    }

    function assertNothing() internal view {
        assertEq(balance(freeId, subscriber), 0, "balance of the free plan");
        assertEq(balance(dollarId, subscriber), 0, "balance of the dollar plan");
        assertEq(balance(coinId, subscriber), 0, "balance of the coin plan");
        assertEq(balance(quotedId, subscriber), 0, "balance of the quoted plan");
        assertEq(payee.balance + dollar.balanceOf(payee), 0, "money of the payee");
        assertEq(address(scrip).balance, 0, "coin of the core");
    }

    function expectRefused(IScrip.Purchase[] memory purchases, uint256 value, bytes memory refusal) internal {
        uint256 before = subscriber.balance;
        vm.prank(subscriber);
        vm.expectRevert(refusal);
        scrip.orderMany{value: value}(purchases);
        assertEq(subscriber.balance, before, "coin of the payer");
        assertNothing();
    }

    // ──────────────────────────────────────────── The coin ───────────────────────────────────────────

    function testFuzz_WhenTheSumSuffices(uint256 value) public {
        value = bound(value, 2.5 ether, 2.8 ether);
        uint256 before = subscriber.balance;

        vm.prank(subscriber);
        scrip.orderMany{value: value}(basket());

        assertEq(subscriber.balance, before - 2.5 ether, "coin of the payer");
        assertEq(payee.balance, 2.5 ether, "coin of the payee");
        assertEq(dollar.balanceOf(payee), 3 * PRICE, "dollars of the payee");
        assertEq(balance(freeId, subscriber), CREDITS, "balance of the free plan");
        assertEq(balance(quotedId, subscriber), CREDITS, "balance of the quoted plan");
        assertEq(balance(dollarId, subscriber), 3 * CREDITS, "balance of the dollar plan");
        assertEq(balance(coinId, subscriber), 2 * CREDITS, "balance of the coin plan");
        assertEq(address(scrip).balance, 0, "coin of the core");
    }

    function testFuzz_RevertWhen_TooLittleIsSent(uint256 value) public {
        value = bound(value, 0, 2.5 ether - 1);
        expectRefused(
            basket(),
            value,
            value < 0.5 ether
                ? abi.encodeWithSelector(IScrip.WrongValue.selector, quotedId, value, 0.5 ether)
                : abi.encodeWithSelector(IScrip.WrongValue.selector, coinId, value - 0.5 ether, 2 ether)
        );
    }

    function testFuzz_RevertWhen_TooMuchIsSent(uint256 value) public {
        value = bound(value, 2.8 ether + 1, 1_000_000 ether);
        expectRefused(basket(), value, abi.encodeWithSelector(IScrip.WrongValue.selector, coinId, value, 2.8 ether));
    }

    function testFuzz_WhenPurchasesAreAnyAndInAnyOrder(uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](random.within(1, 6));
        uint256[4] memory ids = [freeId, dollarId, coinId, quotedId];
        uint256[4] memory ordered;
        uint256 needed;
        uint256 returnable;
        for (uint256 i; i < purchases.length; ++i) {
            uint256 kind = random.within(0, 3);
            uint32 quantity = uint32(random.within(1, 3));
            uint256 room = random.within(0, 1 ether);
            uint256 price = kind == 1 ? PRICE * quantity : kind == 2 ? quantity * 1 ether : kind == 3 ? 0.5 ether : 0;
            purchases[i] = purchase(ids[kind], quantity, price + room);
            ordered[kind] += quantity;
            if (kind >= 2) needed += price;
            // What was sent for a quoted price is what is left after the orders before it: the rest is for those behind.
            if (kind == 3) returnable += room;
        }
        uint256 before = subscriber.balance;

        vm.prank(subscriber);
        scrip.orderMany{value: needed}(purchases);

        assertEq(subscriber.balance, before - needed, "coin of the payer");
        assertEq(payee.balance, needed, "coin of the payee");
        for (uint256 i; i < 4; ++i) {
            assertEq(balance(ids[i], subscriber), ordered[i] * CREDITS, "balance");
        }

        uint256 tooMuch = needed + returnable + 1;
        vm.prank(subscriber);
        (bool done,) = address(scrip).call{value: tooMuch}(abi.encodeCall(IScrip.orderMany, (purchases)));
        assertFalse(done, "done with too much");
    }

    function test_WhenNothingIsOrdered() public {
        vm.prank(subscriber);
        scrip.orderMany(new IScrip.Purchase[](0));
        assertNothing();
    }

    function testFuzz_RevertWhen_CoinIsSentForNothing(uint96 value) public {
        value = uint96(bound(value, 1, 1_000_000 ether));
        expectRefused(new IScrip.Purchase[](0), value, abi.encodeWithSelector(IScrip.WrongValue.selector, 0, value, 0));
    }

    // ─────────────────────────────────────────── All or none ─────────────────────────────────────────

    /// @dev The basket with one of its purchases spoiled, for each refusal that an order knows.
    function testFuzz_RevertWhen_OneOfThemIsRefused(uint256 place, uint256 way) public {
        place = bound(place, 0, 3);
        way = bound(way, 0, 5);
        IScrip.Purchase[] memory purchases = basket();
        IScrip.Purchase memory spoiled = purchases[place];
        uint256 planId = spoiled.planId;
        bytes memory refusal;
        if (way == 0) {
            spoiled.planId = NO_PLAN;
            refusal = abi.encodeWithSelector(IScrip.PlanNotFound.selector, NO_PLAN);
        } else if (way == 1) {
            vm.prank(builder);
            scrip.setOpen(planId, false);
            refusal = abi.encodeWithSelector(IScrip.OrdersStopped.selector, planId);
        } else if (way == 2) {
            spoiled.quantity = 0;
            refusal = abi.encodeWithSelector(IScrip.ZeroQuantity.selector, planId);
        } else if (way == 3) {
            spoiled.holder = address(0);
            refusal = abi.encodeWithSelector(IScrip.ZeroHolder.selector, planId);
        } else if (way == 4) {
            spoiled.planId = create(access(30 days));
            spoiled.holder = stranger;
            spoiled.maxPrice = type(uint256).max;
            refusal = abi.encodeWithSelector(IScrip.GiftNotAllowed.selector, spoiled.planId, subscriber, stranger);
        } else {
            if (place == 0) return;
            uint256[4] memory prices = [uint256(0), 0.5 ether, 3 * PRICE, 2 ether];
            spoiled.maxPrice = prices[place] - 1;
            refusal = abi.encodeWithSelector(IScrip.PriceAboveMaximum.selector, planId, prices[place], spoiled.maxPrice);
        }
        expectRefused(purchases, 2.5 ether, refusal);
    }

    function test_RevertWhen_OneCannotBePaid() public {
        vm.prank(subscriber);
        dollar.approve(address(scrip), 3 * PRICE - 1);
        expectRefused(
            basket(),
            2.5 ether,
            abi.encodeWithSelector(
                IScrip.PaymentFailed.selector, dollarId, address(dollar), subscriber, payee, 3 * PRICE
            )
        );
    }

    function test_RevertWhen_TogetherTheyExceedALimit() public {
        IScrip.Terms memory terms = free();
        terms.limits.perHolder = 3;
        uint256 planId = create(terms);
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](2);
        (purchases[0], purchases[1]) = (purchase(planId, 2, 0), purchase(planId, 2, 0));
        expectRefused(
            purchases, 0, abi.encodeWithSelector(IScrip.HolderLimitReached.selector, planId, subscriber, 2, 1)
        );
        assertEq(scrip.ordersOf(planId, subscriber), 0, "orders counted");
    }

    function test_RevertWhen_FiatOrPerUsePlansAreOrdered() public {
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](1);
        purchases[0] = purchase(create(fiat()), 1, 0);
        bytes4 selector = IScrip.WrongPriceKind.selector;
        expectRefused(purchases, 0, abi.encodeWithSelector(selector, purchases[0].planId, IScrip.PriceKind.Fiat));
        purchases[0] = purchase(create(perUse(address(dollar), 1)), 1, 0);
        expectRefused(purchases, 0, abi.encodeWithSelector(selector, purchases[0].planId, IScrip.PriceKind.PerUse));
    }

    function test_RevertWhen_AnyoneOrdersAsTheRouter() public {
        bytes memory refusal = abi.encodeWithSelector(IScrip.NotRouter.selector, stranger, scrip.router());
        vm.prank(stranger);
        vm.expectRevert(refusal);
        scrip.orderFor(purchase(dollarId, 1, PRICE), subscriber, true);
    }
}
