// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Kinds} from "../Kinds.sol";
import {Random} from "../Random.sol";
import {CountingPayee, GasEatingPayee, RefusingPayee} from "../mocks/Payees.sol";
import {PickyDollar} from "../mocks/PickyDollar.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice How the fee is taken out of prices, and what becomes of one that cannot be delivered.
contract FeePaymentsTest is Kinds {
    using Random for Random.Source;

    address internal receiver = makeAddr("fee receiver");
    PickyDollar internal picky = new PickyDollar();

    function setUp() public override {
        super.setUp();
        picky.mint(subscriber, 1_000_000e6);
        vm.prank(subscriber);
        picky.approve(address(scrip), type(uint256).max);
    }

    function held(address token, address account) internal view returns (uint256) {
        return token == address(0) ? account.balance : dollar.balanceOf(account);
    }

    // ──────────────────────────────────────────── Division ───────────────────────────────────────────

    /// @dev Orders, and checks each share to the unit and the sum.
    function checkDivision(IScrip.Terms memory terms, uint32 quantity, uint16 rate, uint256 price) internal {
        address token = terms.price.token;
        uint256 planId = create(terms);
        setFee(receiver, rate);
        if (token == address(0)) vm.deal(subscriber, price);
        else deal(token, subscriber, price);
        uint256 fee = price * rate / 10_000;

        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(
            planId, subscriber, subscriber, quantity, token, price, fee, uint64(CREDITS * uint256(quantity)), 0
        );
        orderAs(subscriber, planId, quantity, price, token == address(0) ? price : 0);

        assertEq(held(token, receiver), fee, "money of the receiver");
        uint256 left = price - fee;
        for (uint256 i; i < terms.payees.length - 1; ++i) {
            uint256 share = (price - fee) * terms.payees[i].share / 10_000;
            assertEq(held(token, terms.payees[i].account), share, "money of a payee");
            left -= share;
        }
        assertEq(held(token, terms.payees[terms.payees.length - 1].account), left, "money of the last payee");
        assertEq(held(token, subscriber), 0, "money of the payer");
        assertEq(held(token, address(scrip)), 0, "money of the core");
    }

    function testFuzz_GivenAFixedPrice(uint256 seed, bool coin, uint96 amount, uint32 quantity, uint16 rate) public {
        IScrip.Terms memory terms = premium();
        terms.price = fixedPrice(coin ? address(0) : address(dollar), uint96(bound(amount, 1, type(uint96).max)));
        terms.payees = Random.from(seed).payees(payee, bound(seed, 1, 8));
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        checkDivision(terms, quantity, uint16(bound(rate, 0, 100)), uint256(terms.price.amount) * quantity);
    }

    function testFuzz_GivenAQuotedPrice(uint256 seed, bool coin, uint128 price, uint16 rate) public {
        IScrip.Terms memory terms = quoted(coin ? address(0) : address(dollar));
        terms.payees = Random.from(seed).payees(payee, bound(seed, 1, 8));
        ask(price);
        checkDivision(terms, 1, uint16(bound(rate, 0, 100)), price);
    }

    function testFuzz_GivenAPriceOfFewUnits(uint256 seed, bool coin, uint8 amount) public {
        IScrip.Terms memory terms = premium();
        terms.price = fixedPrice(coin ? address(0) : address(dollar), uint96(bound(amount, 1, 200)));
        terms.payees = Random.from(seed).payees(payee, bound(seed, 1, 8));
        checkDivision(terms, 1, 100, terms.price.amount);
        assertEq(held(terms.price.token, receiver), terms.price.amount / 100, "fee, rounded down");
    }

    function testFuzz_GivenAPricePerUse(uint96 amount, uint64 uses, uint16 rate) public {
        amount = uint96(bound(amount, 1, type(uint96).max));
        (uses, rate) = (uint64(bound(uses, 1, 100)), uint16(bound(rate, 0, 100)));
        uint256 planId = create(perUse(address(dollar), amount));
        setFee(receiver, rate);
        uint256 price = uint256(amount) * uses;
        uint256 fee = price * rate / 10_000;
        deal(address(dollar), subscriber, price);

        vm.expectEmit(address(scrip));
        emit IScrip.UsesPaid(planId, subscriber, uses, address(dollar), price, fee);
        redeemVouched(planId, uses, 0);

        assertEq(dollar.balanceOf(receiver), fee, "money of the receiver");
        assertEq(dollar.balanceOf(payee), price - fee, "money of the payee");
        assertEq(dollar.balanceOf(subscriber), 0, "money of the payer");
    }

    function testFuzz_GivenAFreeOrFiatPlan(uint32 quantity) public {
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        setFee(receiver, 100);
        uint256 freeId = create(free());
        uint256 fiatId = create(fiat());
        uint256 before = dollar.balanceOf(subscriber);

        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(freeId, subscriber, subscriber, quantity, address(0), 0, 0, quantity * CREDITS, 0);
        orderAs(subscriber, freeId, quantity, 0, 0);
        vm.prank(builder);
        scrip.settle(fiatId, subscriber, quantity, "pi_1");

        assertEq(dollar.balanceOf(subscriber), before, "money of the holder");
        assertEq(dollar.balanceOf(receiver) + receiver.balance, 0, "money of the receiver");
    }

    function test_WhenTheReceiverIsThePayerOrAPayee() public {
        uint256 planId = create(premium());
        uint256 before = dollar.balanceOf(subscriber);
        setFee(subscriber, 100);
        orderAs(subscriber, planId, 1, PRICE, 0);
        assertEq(dollar.balanceOf(subscriber), before - PRICE + PRICE / 100, "money of the payer");

        setFee(payee, 100);
        orderAs(subscriber, planId, 1, PRICE, 0);
        assertEq(dollar.balanceOf(payee), 2 * PRICE - PRICE / 100, "money of the payee");
    }

    // ────────────────────────────────────────── Undelivered ──────────────────────────────────────────

    function checkUndelivered(uint256 planId, address to, address token, uint256 price) internal {
        uint256 fee = price / 100;
        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(planId, subscriber, subscriber, 1, token, price, fee, CREDITS, 0);
        vm.expectEmit(address(scrip));
        emit IScrip.FeeUndelivered(planId, to, token, fee);
        uint256 before = gasleft();
        orderAs(subscriber, planId, 1, price, token == address(0) ? price : 0);
        assertLt(before - gasleft(), 500_000, "gas");
        assertEq(balance(planId, subscriber), CREDITS, "balance");
    }

    function expectUndelivered(address to) internal {
        IScrip.Terms memory terms = native(1 ether);
        terms.payees = new IScrip.Payee[](2);
        terms.payees[0] = IScrip.Payee({account: payee, share: 3_333});
        terms.payees[1] = IScrip.Payee({account: stranger, share: 6_667});
        setFee(to, 100);
        uint256 before = stranger.balance;

        checkUndelivered(create(terms), to, address(0), 1 ether);

        assertEq(payee.balance, 0.3333 ether, "coin of the first payee");
        assertEq(stranger.balance - before, 0.6667 ether, "coin of the last payee");
        assertEq(to.balance, 0, "coin of the receiver");
        assertEq(address(scrip).balance, 0, "coin of the core");
    }

    function test_WhenTheReceiverRefusesTheCoin() public {
        expectUndelivered(address(new RefusingPayee()));
    }

    function test_WhenTheReceiverBurnsAllGas() public {
        expectUndelivered(address(new GasEatingPayee()));
    }

    function expectTokenUndelivered(PickyDollar.Way way) internal {
        IScrip.Terms memory terms = premium();
        terms.price.token = address(picky);
        setFee(receiver, 100);
        picky.treat(receiver, way);
        uint256 before = picky.balanceOf(subscriber);

        checkUndelivered(create(terms), receiver, address(picky), PRICE);

        assertEq(picky.balanceOf(payee), PRICE, "money of the payee");
        assertEq(picky.balanceOf(subscriber), before - PRICE, "money of the payer");
        assertEq(picky.balanceOf(receiver), 0, "money of the receiver");
    }

    function test_WhenTheTokenBlocksTheReceiver() public {
        expectTokenUndelivered(PickyDollar.Way.Blocks);
    }

    function test_WhenTheTokenSaysFalseForTheReceiver() public {
        expectTokenUndelivered(PickyDollar.Way.SaysFalse);
    }

    function test_WhenTheTokenAnswersInRiddlesForTheReceiver() public {
        expectTokenUndelivered(PickyDollar.Way.Riddles);
    }

    function test_WhenTheTokenBurnsAllGasForTheReceiver() public {
        expectTokenUndelivered(PickyDollar.Way.Burns);
    }

    function test_WhenTheFeeOfAUseCannotBeDelivered() public {
        uint256 planId = create(perUse(address(picky), PRICE));
        setFee(receiver, 100);
        picky.treat(receiver, PickyDollar.Way.Blocks);

        vm.expectEmit(address(scrip));
        emit IScrip.UsesPaid(planId, subscriber, 2, address(picky), 2 * PRICE, 2 * PRICE / 100);
        vm.expectEmit(address(scrip));
        emit IScrip.FeeUndelivered(planId, receiver, address(picky), 2 * PRICE / 100);
        redeemVouched(planId, 2, 0);

        assertEq(picky.balanceOf(payee), 2 * PRICE, "money of the payee");
    }

    // ──────────────────────────────────────── Too little gas ─────────────────────────────────────────

    function testFuzz_WhenTheCallerIsSparingWithGas(uint256 gas, bool coin) public {
        gas = bound(gas, 100_000, 500_000);
        CountingPayee counting = new CountingPayee();
        IScrip.Terms memory terms = coin ? native(1 ether) : premium();
        uint256 planId = create(terms);
        setFee(address(counting), 100);
        uint256 price = terms.price.amount;

        vm.prank(subscriber);
        bytes memory call = abi.encodeCall(IScrip.order, (planId, subscriber, 1, price));
        (bool done,) = address(scrip).call{value: coin ? price : 0, gas: gas}(call);

        assertEq(balance(planId, subscriber), done ? CREDITS : 0, "balance");
        assertEq(held(terms.price.token, address(counting)), done ? price / 100 : 0, "money of the receiver");
        if (gas > 450_000) assertTrue(done, "done with plenty of gas");
        if (gas < 200_000) assertFalse(done, "done with too little gas");
    }
}
