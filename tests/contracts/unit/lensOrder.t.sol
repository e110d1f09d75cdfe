// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {LensWorld} from "../LensWorld.sol";
import {Random} from "../Random.sol";
import {SettableSource} from "../mocks/SettableSource.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ILens} from "scrip/interfaces/ILens.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice What the lens says of orders, beside what the core does.
contract LensOrderTest is LensWorld {
    using Random for Random.Source;

    bytes4 internal constant PANIC = bytes4(keccak256("Panic(uint256)"));

    // ─────────────────────────────────────────── Beside the core ─────────────────────────────────────

    function testFuzz_WhenAnyOrderIsAskedAbout(uint256 seed) public {
        play(seed);
    }

    function test_WhenOrdersOfManySeedsAreAskedAbout() public {
        vm.pauseGasMetering();
        for (uint256 seed; seed < 600; ++seed) {
            this.play(seed);
        }
        assertMet(bytes4(0), "orders that are done");
        assertMet(IScrip.PlanNotFound.selector, "PlanNotFound");
        assertMet(IScrip.OrdersStopped.selector, "OrdersStopped");
        assertMet(IScrip.ZeroQuantity.selector, "ZeroQuantity");
        assertMet(IScrip.ZeroHolder.selector, "ZeroHolder");
        assertMet(IScrip.WrongPriceKind.selector, "WrongPriceKind");
        assertMet(IScrip.QuoteFailed.selector, "QuoteFailed");
        assertMet(IScrip.PriceAboveMaximum.selector, "PriceAboveMaximum");
        assertMet(IScrip.WrongValue.selector, "WrongValue");
        assertMet(IScrip.GiftNotAllowed.selector, "GiftNotAllowed");
        assertMet(IScrip.HolderLimitReached.selector, "HolderLimitReached");
        assertMet(IScrip.PlanLimitReached.selector, "PlanLimitReached");
        assertMet(IScrip.AccessOverflow.selector, "AccessOverflow");
        assertMet(IScrip.CreditsOverflow.selector, "CreditsOverflow");
        assertMet(SafeCast.SafeCastOverflowedUintDowncast.selector, "SafeCastOverflowedUintDowncast");
        assertMet(IScrip.PaymentFailed.selector, "PaymentFailed");
        assertMet(PANIC, "a price beyond all money");
    }

    /// @dev A plan, what its holder has, and a few orders one after another.
    function play(uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        uint256 start = vm.getBlockTimestamp();
        (uint256 planId, IScrip.Terms memory terms) = randomPlan(random);
        address holder =
            random.within(0, 15) == 0 ? address(0) : [subscriber, builder, address(wallet)][random.within(0, 2)];
        stock(random, planId, terms, holder);
        if (random.within(0, 15) == 0) {
            vm.prank(builder);
            scrip.setOpen(planId, false);
        }
        // Near the end of what an account can hold of time.
        if (random.within(0, 15) == 0) vm.warp(type(uint40).max - random.within(0, 50));
        for (uint256 i; i < 4; ++i) {
            orderSomehow(random, random.within(0, 31) == 0 ? NO_PLAN : planId, terms, holder);
            pass(random.within(0, 5));
        }
        vm.warp(start);
    }

    function orderSomehow(Random.Source memory random, uint256 planId, IScrip.Terms memory terms, address holder)
        internal
    {
        IScrip.Purchase memory purchase;
        purchase.planId = planId;
        purchase.holder = holder;
        purchase.quantity =
            uint32(random.within(0, 15) == 0 ? random.within(0, 1) * type(uint32).max : random.within(1, 3));
        if (random.coin()) purchase.data = "data";
        uint256 price = randomPriceOf(random, terms.price, purchase.quantity);
        purchase.maxPrice = random.within(0, 15) == 0 && price != 0 ? price - 1 : price;
        address payer = [holder, holder, builder, minter, subscriber][random.within(0, 4)];
        if (payer == address(0)) payer = stranger;
        fillPurse(random, payer, price);
        uint256 value = terms.price.token == address(0) && planId != NO_PLAN ? least(price, payer.balance) : 0;
        if (terms.price.kind == IScrip.PriceKind.Quoted && source.mood() != SettableSource.Mood.Answers) value = 0;
        if (terms.price.kind == IScrip.PriceKind.Free || terms.price.kind == IScrip.PriceKind.Fiat) value = 0;

        (bytes memory refusal,) =
            lens.refusalOfOrder(scrip, planId, payer, holder, purchase.quantity, purchase.maxPrice, purchase.data);
        ILens.Quote memory quote;
        if (refusal.length == 0) {
            quote = lens.quote(scrip, planId, payer, holder, purchase.quantity, purchase.data);
            vm.expectEmit(address(scrip));
            emit IScrip.PlanOrdered({
                planId: planId,
                payer: payer,
                holder: holder,
                quantity: purchase.quantity,
                token: quote.token,
                paid: quote.price,
                fee: quote.fee,
                credits: uint64(quote.credits),
                expiry: uint40(quote.expiry)
            });
        }
        uint256[] memory before = balancesOf(quote, payer);
        compare(refusal, payer, value, callFor(purchase));
        if (refusal.length == 0) assertPaid(quote, payer, before);
    }

    /// @dev With data, an order is one of many.
    function callFor(IScrip.Purchase memory purchase) internal pure returns (bytes memory) {
        if (purchase.data.length == 0) {
            return
                abi.encodeCall(IScrip.order, (purchase.planId, purchase.holder, purchase.quantity, purchase.maxPrice));
        }
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](1);
        purchases[0] = purchase;
        return abi.encodeCall(IScrip.orderMany, (purchases));
    }

    /// @dev A quoted price may be anything, or none.
    function randomPriceOf(Random.Source memory random, IScrip.Price memory price, uint256 quantity)
        internal
        returns (uint256 asked)
    {
        if (price.kind != IScrip.PriceKind.Quoted) return price.amount * quantity;
        uint256 pick = random.within(0, 15);
        asked = pick == 0 ? type(uint256).max >> random.within(0, 20) : pick == 1 ? 0 : random.within(1, 10_000);
        source.set(asked, SettableSource.Mood(pick == 2 ? 1 : pick == 3 ? 2 : 0));
    }

    /// @dev What the payees and the fee's receiver have.
    function balancesOf(ILens.Quote memory quote, address payer) internal view returns (uint256[] memory balances) {
        balances = new uint256[](quote.payments.length + 2);
        for (uint256 i; i < quote.payments.length; ++i) {
            balances[i] = moneyOf(quote.token, quote.payments[i].account);
        }
        balances[quote.payments.length] = moneyOf(quote.token, quote.feeReceiver);
        balances[quote.payments.length + 1] = moneyOf(quote.token, payer);
    }

    function assertPaid(ILens.Quote memory quote, address payer, uint256[] memory before) internal view {
        uint256[] memory balances = balancesOf(quote, payer);
        uint256 last = quote.payments.length;
        if (quote.price == 0) return;
        assertEq(before[last + 1], quote.payerBalance, "what the payer had");
        for (uint256 i; i < last; ++i) {
            address account = quote.payments[i].account;
            if (account == payer || account == quote.feeReceiver) continue;
            assertEq(balances[i] - before[i], quote.payments[i].amount, "what a payee got");
        }
    }

    function moneyOf(address token, address account) internal view returns (uint256) {
        return token == address(0) ? account.balance : dollar.balanceOf(account);
    }

    function least(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }

    // ───────────────────────────────────────────── Quotes ────────────────────────────────────────────

    function testFuzz_WhenAQuoteIsAskedFor(uint256 seed, uint32 quantity, uint128 asked) public {
        Random.Source memory random = Random.from(seed);
        (uint256 id, IScrip.Terms memory terms) = randomPlan(random);
        source.set(asked, SettableSource.Mood.Answers);
        IScrip.PriceKind kind = terms.price.kind;

        ILens.Quote memory quote = lens.quote(scrip, id, subscriber, subscriber, quantity, "");

        uint256 price = kind == IScrip.PriceKind.Quoted ? asked : uint256(terms.price.amount) * quantity;
        assertEq(quote.owner, builder, "owner");
        assertEq(uint8(quote.kind), uint8(kind), "kind");
        assertEq(quote.token, terms.price.token, "token");
        assertEq(quote.currency, terms.price.currency, "currency");
        assertEq(quote.price, price, "price");
        assertEq(quote.payments.length, terms.payees.length, "payments");
        if (kind == IScrip.PriceKind.Free || kind == IScrip.PriceKind.Fiat) return;

        assertEq(quote.fee, price * scrip.fee().rate / 10_000, "fee");
        assertEq(quote.feeReceiver, scrip.fee().receiver, "fee's receiver");
        uint256 sum = quote.fee;
        for (uint256 i; i < quote.payments.length; ++i) {
            assertEq(quote.payments[i].account, terms.payees[i].account, "payee");
            sum += quote.payments[i].amount;
        }
        assertEq(sum, price, "fee and payments together");
        bool native = terms.price.token == address(0);
        assertEq(quote.payerAllowance, native ? 0 : type(uint256).max, "allowance");
    }

    function test_GivenAFeeThatCannotBeDelivered() public {
        uint256 id = create(native(1 ether));
        vm.prank(feeController);
        // Refuses coin.
        scrip.setFee(address(assent), 100);

        ILens.Quote memory quote = lens.quote(scrip, id, subscriber, subscriber, 1, "");

        assertEq(quote.fee, 0.01 ether, "fee");
        assertEq(quote.payments[0].amount, 0.99 ether, "payment");
    }

    function testFuzz_GivenTermsOfEveryKind(uint256 seed) public {
        (uint256 id, IScrip.Terms memory terms) = randomPlan(Random.from(seed));
        source.set(1, SettableSource.Mood.Answers);

        ILens.Warnings memory warnings = lens.quote(scrip, id, subscriber, subscriber, 1, "").warnings;

        bool others = terms.redemption.redeemers != 2;
        assertEq(warnings.redeemersTrusted, others && !terms.redemption.voucherRequired, "redeemers trusted");
        assertEq(warnings.revocable, terms.revocable, "revocable");
        assertEq(warnings.hookOnOrder, terms.hook.calls % 4 != 0, "hook on orders");
        assertEq(warnings.hookOnRedemption, terms.hook.calls > 3, "hook on redemptions");
        assertEq(warnings.settledOffChain, terms.price.kind == IScrip.PriceKind.Fiat, "settled off chain");
    }

    function testFuzz_GivenAFiatPlan(uint96 amount, uint32 quantity) public {
        amount = uint96(bound(amount, 1, type(uint96).max));
        IScrip.Terms memory terms = free();
        terms.price.kind = IScrip.PriceKind.Fiat;
        terms.price.amount = amount;
        terms.price.currency = "EUR";
        uint256 id = create(terms);

        ILens.Quote memory quote = lens.quote(scrip, id, subscriber, subscriber, quantity, "");

        assertEq(quote.price, uint256(amount) * quantity, "price");
        assertEq(quote.currency, bytes3("EUR"), "currency");
        assertEq(quote.token, address(0), "token");
        assertEq(quote.payments.length, 0, "payments");
        assertEq(quote.payerBalance, 0, "no money on chain");
        assertEq(quote.credits, uint256(CREDITS) * quantity, "credits");
        assertTrue(quote.warnings.settledOffChain, "settled off chain");
    }

    function testFuzz_GivenAPlanPaidPerUse(uint96 amount, uint32 uses) public {
        amount = uint96(bound(amount, 1, type(uint96).max));
        IScrip.Terms memory terms = premium();
        terms.price.kind = IScrip.PriceKind.PerUse;
        terms.price.amount = amount;
        terms.redemption.voucherRequired = true;
        delete terms.grant;
        uint256 id = create(terms);

        ILens.Quote memory quote = lens.quote(scrip, id, subscriber, subscriber, uses, "");

        assertEq(quote.price, uint256(amount) * uses, "price");
        assertEq(quote.payments[0].amount, quote.price, "payment");
        assertEq(quote.credits, 0, "credits");
        assertEq(quote.expiry, 0, "expiry");
        assertFalse(quote.warnings.redeemersTrusted, "redeemers trusted");
    }

    function testFuzz_RevertGiven_ThereIsNoSuchPlan(uint256 planId) public {
        bytes memory refusal = abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId);
        vm.expectRevert(refusal);
        lens.quote(scrip, planId, subscriber, subscriber, 1, "");
        vm.expectRevert(refusal);
        lens.remainingOrders(scrip, planId, subscriber);
    }

    function testFuzz_RevertGiven_APriceSourceThatRefuses(uint32 quantity, bytes calldata data) public {
        IScrip.Terms memory terms = premium();
        terms.price = IScrip.Price(IScrip.PriceKind.Quoted, address(dollar), 0, 0, address(source));
        uint256 id = create(terms);
        source.set(0, SettableSource.Mood.Refuses);
        bytes memory reason = abi.encodeWithSelector(SettableSource.NotForSale.selector, id, subscriber, quantity, data);
        if (reason.length > 256) assembly { mstore(reason, 256) }

        vm.expectRevert(abi.encodeWithSelector(IScrip.QuoteFailed.selector, id, source, reason));
        lens.quote(scrip, id, subscriber, subscriber, quantity, data);
    }

    // ───────────────────────────────────────── Hooks and limits ──────────────────────────────────────

    function testFuzz_GivenAHook(uint8 calls) public {
        calls = uint8(bound(calls, 1, 15));
        IScrip.Terms memory terms = premium();
        terms.hook = IScrip.Hook({account: address(assent), calls: calls});
        uint256 id = create(terms);

        (, bool asksHook) = lens.refusalOfOrder(scrip, id, subscriber, subscriber, 1, PRICE, "");
        (, bool asksHookOfOther) = lens.refusalOfOrder(scrip, NO_PLAN, subscriber, subscriber, 1, PRICE, "");

        assertEq(asksHook, calls & 3 != 0, "hook");
        assertFalse(asksHookOfOther, "no plan");
    }

    function testFuzz_GivenLimits(uint32 perHolder, uint32 inAll, uint32 mine, uint32 others) public {
        perHolder = uint32(bound(perHolder, 1, type(uint32).max / 2));
        inAll = uint32(bound(inAll, 1, type(uint32).max));
        mine = uint32(bound(mine, 0, least(perHolder, inAll)));
        others = uint32(bound(others, 0, least(perHolder, inAll - mine)));
        IScrip.Terms memory terms = free();
        terms.limits = IScrip.Limits({perHolder: perHolder, inAll: inAll});
        uint256 id = create(terms);
        orderFree(id, subscriber, mine);
        orderFree(id, stranger, others);

        (uint256 forHolder, uint256 left) = lens.remainingOrders(scrip, id, subscriber);

        assertEq(forHolder, perHolder - mine, "for the holder");
        assertEq(left, inAll - mine - others, "in all");
    }

    function orderFree(uint256 planId, address holder, uint32 quantity) internal {
        if (quantity == 0) return;
        vm.prank(holder);
        scrip.order(planId, holder, quantity, 0);
    }

    function test_GivenNoLimits() public {
        uint256 id = create(premium());
        orderFor(id, subscriber);

        (uint256 forHolder, uint256 left) = lens.remainingOrders(scrip, id, subscriber);

        assertEq(forHolder, type(uint256).max, "for the holder");
        assertEq(left, type(uint256).max, "in all");
    }
}
