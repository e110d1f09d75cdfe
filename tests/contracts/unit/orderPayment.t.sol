// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {Random} from "../Random.sol";
import {ReenteringHolder} from "../mocks/Holders.sol";
import {CountingPayee, GasEatingPayee, RefusingPayee} from "../mocks/Payees.sol";
import {TestDollar} from "../mocks/TestDollar.sol";
import {FalseDollar, FeeDollar, NoReturnDollar, ReenteringDollar, RiddlingDollar} from "../mocks/Tokens.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Vm} from "forge-std/Vm.sol";

contract OrderPaymentTest is Base {
    using Random for Random.Source;

    function order(uint256 planId, uint32 quantity, uint256 price, uint256 value) internal {
        vm.prank(subscriber);
        scrip.order{value: value}(planId, subscriber, quantity, price);
    }

    function failure(uint256 planId, address token, address to, uint256 amount) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.PaymentFailed.selector, planId, token, subscriber, to, amount);
    }

    /// @dev The shares by their definition: rounded down for all but the last.
    function shareOf(IScrip.Payee[] memory payees, uint256 index, uint256 price) internal pure returns (uint256 share) {
        if (index < payees.length - 1) return price * payees[index].share / 10_000;
        share = price;
        for (uint256 i; i < index; ++i) {
            share -= price * payees[i].share / 10_000;
        }
    }

    // ───────────────────────────────────────────── ERC-20 ────────────────────────────────────────────

    function testFuzz_WhenThereIsOnePayee(uint96 amount, uint32 quantity) public {
        amount = uint96(bound(amount, 1, type(uint96).max));
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        uint256 price = uint256(amount) * quantity;
        IScrip.Terms memory terms = premium();
        terms.price.amount = amount;
        uint256 planId = create(terms);
        deal(address(dollar), subscriber, price);

        order(planId, quantity, price, 0);

        assertEq(dollar.balanceOf(subscriber), 0, "money of the payer");
        assertEq(dollar.balanceOf(payee), price, "money of the payee");
        assertEq(dollar.balanceOf(address(scrip)), 0, "money of the core");
    }

    function testFuzz_WhenThereAre1To8Payees(uint256 seed, uint96 amount, uint32 quantity, uint256 count) public {
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        IScrip.Terms memory terms = premium();
        terms.price.amount = uint96(bound(amount, 1, type(uint96).max));
        terms.payees = Random.from(seed).payees(payee, bound(count, 1, 8));
        uint256 planId = create(terms);
        uint256 price = uint256(terms.price.amount) * quantity;
        deal(address(dollar), subscriber, price);

        vm.recordLogs();
        order(planId, quantity, price, 0);

        uint256 transfers = vm.getRecordedLogs().length - 2;
        for (uint256 i; i < terms.payees.length; ++i) {
            uint256 share = shareOf(terms.payees, i, price);
            assertEq(dollar.balanceOf(terms.payees[i].account), share, "money of a payee");
            if (share != 0) --transfers;
        }
        assertEq(transfers, 0, "transfers of nothing");
        assertEq(dollar.balanceOf(subscriber), 0, "money of the payer");
        assertEq(dollar.balanceOf(address(scrip)), 0, "money of the core");
    }

    function testFuzz_WhenOneAccountIsAPayeeTwice(uint96 amount, uint16 share) public {
        share = uint16(bound(share, 0, 9_999));
        IScrip.Terms memory terms = premium();
        terms.price.amount = uint96(bound(amount, 1, 1e12));
        terms.payees = new IScrip.Payee[](2);
        terms.payees[0] = IScrip.Payee({account: payee, share: share});
        terms.payees[1] = IScrip.Payee({account: payee, share: 10_000 - share});

        order(create(terms), 1, terms.price.amount, 0);

        assertEq(dollar.balanceOf(payee), terms.price.amount, "money of the payee");
    }

    function test_WhenThePayerIsThePayee() public {
        IScrip.Terms memory terms = premium();
        terms.payees = onePayee(subscriber);
        uint256 planId = create(terms);
        uint256 before = dollar.balanceOf(subscriber);

        order(planId, 1, PRICE, 0);

        assertEq(dollar.balanceOf(subscriber), before, "money of the payer");
        assertEq(balance(planId, subscriber), CREDITS, "balance");
    }

    function test_WhenSomeoneElsePays() public {
        uint256 planId = create(premium());
        uint256 before = dollar.balanceOf(subscriber);

        vm.prank(subscriber);
        scrip.order(planId, stranger, 1, PRICE);

        assertEq(dollar.balanceOf(subscriber), before - PRICE, "money of the payer");
        assertEq(dollar.balanceOf(stranger), before, "money of the holder");
        assertEq(balance(planId, stranger), CREDITS, "balance of the holder");
    }

    function testFuzz_RevertWhen_TheAllowanceIsTooSmall(uint256 allowance) public {
        uint256 planId = create(premium());
        vm.startPrank(subscriber);
        dollar.approve(address(scrip), bound(allowance, 0, PRICE - 1));

        vm.expectRevert(failure(planId, address(dollar), payee, PRICE));
        scrip.order(planId, subscriber, 1, PRICE);

        assertEq(balance(planId, subscriber), 0, "balance");
    }

    function testFuzz_RevertWhen_TheBalanceIsTooSmall(uint256 money) public {
        uint256 planId = create(premium());
        deal(address(dollar), subscriber, bound(money, 0, PRICE - 1));

        vm.prank(subscriber);
        vm.expectRevert(failure(planId, address(dollar), payee, PRICE));
        scrip.order(planId, subscriber, 1, PRICE);

        assertEq(balance(planId, subscriber), 0, "balance");
    }

    function testFuzz_RevertWhen_ALaterPayeeCannotBePaid(uint16 share) public {
        share = uint16(bound(share, 1, 9_999));
        IScrip.Terms memory terms = premium();
        terms.payees = new IScrip.Payee[](2);
        terms.payees[0] = IScrip.Payee({account: payee, share: share});
        terms.payees[1] = IScrip.Payee({account: stranger, share: 10_000 - share});
        uint256 planId = create(terms);
        deal(address(dollar), subscriber, PRICE - 1);

        vm.prank(subscriber);
        vm.expectRevert(failure(planId, address(dollar), stranger, PRICE - uint256(PRICE) * share / 10_000));
        scrip.order(planId, subscriber, 1, PRICE);

        assertEq(dollar.balanceOf(payee), 0, "money of the first payee");
    }

    // ────────────────────────────────────────── Native coin ──────────────────────────────────────────

    function testFuzz_WhenExactlyThePriceIsSent(uint256 seed, uint96 amount, uint32 quantity, uint256 count) public {
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        amount = uint96(bound(amount, 1, type(uint96).max));
        IScrip.Terms memory terms = native(amount);
        terms.payees = Random.from(seed).payees(payee, bound(count, 1, 8));
        uint256 planId = create(terms);
        uint256 price = uint256(amount) * quantity;
        vm.deal(subscriber, price);

        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(
            planId, subscriber, subscriber, quantity, address(0), price, 0, uint64(CREDITS * uint256(quantity)), 0
        );
        order(planId, quantity, price, price);

        for (uint256 i; i < terms.payees.length; ++i) {
            assertEq(terms.payees[i].account.balance, shareOf(terms.payees, i, price), "coin of a payee");
        }
        assertEq(subscriber.balance, 0, "coin of the payer");
        assertEq(address(scrip).balance, 0, "coin of the core");
        assertEq(balance(planId, subscriber), uint256(CREDITS) * quantity, "balance");
    }

    function nativeTo(address account) internal returns (uint256 planId) {
        IScrip.Terms memory terms = native(1 ether);
        terms.payees = onePayee(account);
        return create(terms);
    }

    function test_WhenAPayeeKeepsBooks() public {
        CountingPayee counting = new CountingPayee();

        order(nativeTo(address(counting)), 3, 3 ether, 3 ether);

        assertEq(counting.received(), 3 ether, "coin in the books");
    }

    function test_RevertWhen_APayeeRefusesTheCoin() public {
        address refusing = address(new RefusingPayee());
        IScrip.Terms memory terms = native(1 ether);
        terms.payees = new IScrip.Payee[](3);
        terms.payees[0] = IScrip.Payee({account: payee, share: 5_000});
        terms.payees[1] = IScrip.Payee({account: refusing, share: 2_000});
        terms.payees[2] = IScrip.Payee({account: stranger, share: 3_000});
        uint256 planId = create(terms);
        uint256 otherId = create(native(1 ether));
        uint256 before = subscriber.balance;

        vm.prank(subscriber);
        vm.expectRevert(failure(planId, address(0), refusing, 0.2 ether));
        scrip.order{value: 1 ether}(planId, subscriber, 1, 1 ether);
        assertEq(subscriber.balance, before, "coin of the payer");
        assertEq(payee.balance, 0, "coin of the first payee");
        assertEq(balance(planId, subscriber), 0, "balance");

        order(otherId, 1, 1 ether, 1 ether);
        assertEq(balance(otherId, subscriber), CREDITS, "balance of another plan");
    }

    function test_RevertWhen_APayeeEatsGas() public {
        address eating = address(new GasEatingPayee());
        uint256 planId = nativeTo(eating);
        uint256 before = gasleft();

        vm.prank(subscriber);
        vm.expectRevert(failure(planId, address(0), eating, 1 ether));
        scrip.order{value: 1 ether}(planId, subscriber, 1, 1 ether);

        assertLt(before - gasleft(), 300_000, "gas");
    }

    function test_WhenAPayeeOrdersAgain() public {
        ReenteringHolder reentering = new ReenteringHolder();
        uint256 freeId = create(free());
        uint256 planId = nativeTo(address(reentering));
        reentering.arm(address(scrip), abi.encodeCall(IScrip.order, (freeId, address(reentering), 1, 0)));

        order(planId, 1, 1 ether, 1 ether);

        assertEq(reentering.calls(), 1, "calls of the payee");
        assertFalse(reentering.success(), "ordered again");
        bytes memory refusal = abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        assertEq(reentering.answerHash(), keccak256(refusal), "refusal");
        assertEq(address(reentering).balance, 1 ether, "coin of the payee");
        assertEq(balance(freeId, address(reentering)), 0, "balance of the payee");
        assertEq(balance(planId, subscriber), CREDITS, "balance of the holder");
    }

    function test_WhenAPayeeRedeems() public {
        ReenteringHolder reentering = new ReenteringHolder();
        uint256 planId = nativeTo(address(reentering));
        vm.prank(builder);
        scrip.setOperator(planId, address(reentering), REDEEM);
        reentering.arm(address(scrip), abi.encodeCall(IScrip.redeemWithoutId, (planId, subscriber, 40)));

        order(planId, 1, 1 ether, 1 ether);

        assertTrue(reentering.success(), "redeemed");
        assertEq(balance(planId, subscriber), CREDITS - 40, "balance");
    }

    function testFuzz_WhenItIsOrdered(uint32 quantity) public {
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        uint256 planId = create(free());
        uint256 before = dollar.balanceOf(subscriber);
        uint256 coin = subscriber.balance;

        order(planId, quantity, 0, 0);

        assertEq(dollar.balanceOf(subscriber), before, "money of the payer");
        assertEq(subscriber.balance, coin, "coin of the payer");
        assertEq(balance(planId, subscriber), uint256(CREDITS) * quantity, "balance");
    }

    // ───────────────────────────────────────── Nasty tokens ──────────────────────────────────────────

    /// @dev A plan priced in a token that the subscriber has enough of.
    function pricedIn(TestDollar token) internal returns (uint256 planId) {
        token.mint(subscriber, 10 * uint256(PRICE));
        vm.prank(subscriber);
        token.approve(address(scrip), type(uint256).max);
        IScrip.Terms memory terms = premium();
        terms.price.token = address(token);
        return create(terms);
    }

    function expectFailure(uint256 planId, TestDollar token) internal {
        vm.prank(subscriber);
        vm.expectRevert(failure(planId, address(token), payee, PRICE));
        scrip.order(planId, subscriber, 1, PRICE);
        assertEq(balance(planId, subscriber), 0, "balance");
        assertEq(token.balanceOf(payee), 0, "money of the payee");
    }

    function test_WhenItMovesTheMoney() public {
        NoReturnDollar token = new NoReturnDollar();
        uint256 planId = pricedIn(token);

        order(planId, 2, 2 * PRICE, 0);

        assertEq(token.balanceOf(payee), 2 * PRICE, "money of the payee");
        assertEq(balance(planId, subscriber), 2 * CREDITS, "balance");
    }

    function test_RevertWhen_ItReverts() public {
        NoReturnDollar token = new NoReturnDollar();
        uint256 planId = pricedIn(token);
        vm.prank(subscriber);
        token.approve(address(scrip), 0);

        expectFailure(planId, token);
    }

    function test_RevertWhen_ItMovesNothing() public {
        FalseDollar token = new FalseDollar();
        expectFailure(pricedIn(token), token);
    }

    function test_RevertWhen_ItMovesTheMoneyAllTheSame() public {
        RiddlingDollar token = new RiddlingDollar();
        expectFailure(pricedIn(token), token);
    }

    function testFuzz_WhenItMovesLessThanThePrice(uint96 amount) public {
        amount = uint96(bound(amount, 1, 10 * PRICE));
        FeeDollar token = new FeeDollar();
        pricedIn(token);
        IScrip.Terms memory terms = premium();
        terms.price.token = address(token);
        terms.price.amount = amount;
        terms.revocable = true;
        uint256 planId = create(terms);
        // Others' money in the core would be the first that could make up for the fee.
        token.mint(address(scrip), 1_000);

        order(planId, 1, amount, 0);

        assertEq(token.balanceOf(payee), amount - amount / 100, "money of the payee");
        assertEq(token.balanceOf(subscriber), 10 * uint256(PRICE) - amount, "money of the payer");
        assertEq(token.balanceOf(address(scrip)), 1_000, "money of the core");
    }

    function test_WhenItOrdersAgain() public {
        ReenteringDollar token = new ReenteringDollar();
        uint256 freeId = create(free());
        uint256 planId = pricedIn(token);
        token.arm(address(scrip), abi.encodeCall(IScrip.order, (freeId, address(token), 1, 0)));

        order(planId, 1, PRICE, 0);

        assertFalse(token.success(), "ordered again");
        assertEq(
            token.answer(),
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "refusal"
        );
        assertEq(balance(freeId, address(token)), 0, "balance of the token");
        assertEq(balance(planId, subscriber), CREDITS, "balance of the holder");
        assertEq(token.balanceOf(payee), PRICE, "money of the payee");
    }

    function test_WhenItRedeemsForTheHolder() public {
        ReenteringDollar token = new ReenteringDollar();
        uint256 planId = pricedIn(token);
        vm.prank(builder);
        scrip.setOperator(planId, address(token), REDEEM);
        token.arm(address(scrip), abi.encodeCall(IScrip.redeem, (planId, subscriber, 40, 7)));

        order(planId, 1, PRICE, 0);

        assertTrue(token.success(), "redeemed");
        assertEq(balance(planId, subscriber), CREDITS - 40, "balance");
    }

    function test_RevertWhen_ItIsOrderedAfterTheTokenHasLostItsCode() public {
        TestDollar token = new TestDollar();
        uint256 planId = pricedIn(token);
        vm.etch(address(token), "");

        vm.prank(subscriber);
        vm.expectRevert(failure(planId, address(token), payee, PRICE));
        scrip.order(planId, subscriber, 1, PRICE);
    }

    function testFuzz_WhenAnOrderIsMade(uint96 money, uint96 coin) public {
        uint256 planId = create(premium());
        uint256 nativeId = create(native(1 ether));
        dollar.mint(address(scrip), money);
        vm.deal(address(scrip), coin);

        order(planId, 1, PRICE, 0);
        order(nativeId, 1, 1 ether, 1 ether);

        assertEq(dollar.balanceOf(address(scrip)), money, "money of the core");
        assertEq(address(scrip).balance, coin, "coin of the core");
        assertEq(dollar.balanceOf(payee), PRICE, "money of the payee");
        assertEq(payee.balance, 1 ether, "coin of the payee");
    }
}
