// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Attacks} from "../Attacks.sol";
import {AnsweringHolder, GasEatingHolder} from "../mocks/Holders.sol";
import {GasEatingPayee, RefusingPayee} from "../mocks/Payees.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Holders, payees and receivers of the fee that call back, and what those that refuse can stop; more of them in
/// `callbacks.t.sol`, `orderPayment.t.sol` and `feePayments.t.sol`.
contract HostileHoldersTest is Attacks {
    uint256 internal id;
    uint256 internal settled;

    function setUp() public override {
        super.setUp();
        id = create(fiat());
        fund(address(meddler));
    }

    // ──────────────────────────────────────── Who calls back ─────────────────────────────────────────

    function mintToIt() internal {
        give(id, address(meddler), 1);
    }

    function settleForIt() internal {
        vm.prank(builder);
        scrip.settle(id, address(meddler), 1, vm.toString(settled++));
    }

    function orderByIt() internal {
        orderAs(address(meddler), freeId, 1, 0, 0);
    }

    function orderCoin() internal {
        orderAs(subscriber, id, 1, 1 ether, 1 ether);
    }

    function overpay() internal {
        orderAs(address(meddler), id, 1, 0.3 ether, 0.3 ether);
    }

    function test_GivenAHolderThatCallsEveryFunctionWhenMintedTo() public {
        tryAll(attacks(), mintToIt);
        assertEq(balance(id, address(meddler)), 24, "balance");
    }

    function test_GivenAHolderThatCallsEveryFunctionWhenSettledFor() public {
        tryAll(attacks(), settleForIt);
        assertEq(balance(id, address(meddler)), 24 * CREDITS, "balance");
    }

    function test_GivenAHolderThatCallsEveryFunctionWhenItOrders() public {
        tryAll(attacks(), orderByIt);
        tryAll(orders(), orderByIt);
        assertEq(balance(freeId, address(meddler)), 26 * CREDITS, "balance");
    }

    function test_GivenAPayeeThatCallsEveryFunction() public {
        IScrip.Terms memory terms = native(1 ether);
        terms.payees = onePayee(address(meddler));
        id = create(terms);
        uint256 before = address(meddler).balance;
        tryAll(attacks(), orderCoin);
        tryAll(orders(), orderCoin);
        assertEq(address(meddler).balance - before, 26 ether, "coin of the payee");
        assertEq(balance(id, subscriber), 26 * CREDITS, "balance");
    }

    function test_GivenAReceiverOfTheFeeThatCallsEveryFunction() public {
        id = create(native(1 ether));
        setFee(address(meddler), 100);
        uint256 before = address(meddler).balance;
        tryAll(attacks(), orderCoin);
        tryAll(orders(), orderCoin);
        assertEq(address(meddler).balance - before, 0.26 ether, "coin of the receiver");
        assertEq(payee.balance, 26 * 0.99 ether, "coin of the payee");
    }

    function test_GivenAPayerThatCallsEveryFunctionWhenItIsRefunded() public {
        id = create(quoted(address(0)));
        ask(0.1 ether);
        uint256 before = address(meddler).balance;
        tryAll(attacks(), overpay);
        tryAll(orders(), overpay);
        assertEq(address(meddler).balance, before - 26 * 0.1 ether, "coin of the payer");
        assertEq(address(scrip).balance, 0, "coin of the core");
    }

    // ─────────────────────────────────────────── Who refuses ─────────────────────────────────────────

    /// @dev What a holder that turned hostile costs others: nobody asks it when credits are spent, burned or taken back.
    function test_GivenAHolderThatTurnsHostile() public {
        uint256 planId = create(premium());
        give(planId, address(meddler), 10);
        give(planId, subscriber, 20);
        vm.prank(builder);
        scrip.settle(id, address(meddler), 1, "pi_1");
        IScrip.Batch[] memory batches = new IScrip.Batch[](1);
        batches[0] = IScrip.Batch({planId: planId, uses: new IScrip.Use[](2)});
        batches[0].uses[0] = IScrip.Use({holder: address(meddler), amount: 1, requestId: 0});
        batches[0].uses[1] = IScrip.Use({holder: subscriber, amount: 1, requestId: 1});
        vm.prank(builder);
        scrip.redeemMany(batches);
        (batches[0].uses[0].requestId, batches[0].uses[1].requestId) = (2, 3);
        vm.prank(builder);
        scrip.redeemMany(batches);
        uint256 gas = vm.lastCallGas().gasTotalUsed;

        vm.etch(address(meddler), address(new GasEatingHolder()).code);
        vm.expectCall(address(meddler), "", 0);
        (batches[0].uses[0].requestId, batches[0].uses[1].requestId) = (4, 5);
        vm.prank(builder);
        scrip.redeemMany(batches);
        assertEq(vm.lastCallGas().gasTotalUsed, gas, "gas of a batch with it");
        vm.prank(builder);
        assertEq(scrip.takeBack(id, "pi_1", CREDITS), CREDITS, "taken back");
        assertEq(balance(planId, subscriber), 17, "balance of the other");
    }

    function test_GivenAHolderThatRefusesAGiftAmongMany() public {
        address refusing = address(new AnsweringHolder("", true));
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](2);
        purchases[0] = IScrip.Purchase(freeId, subscriber, 1, 0, "");
        purchases[1] = IScrip.Purchase(freeId, refusing, 1, 0, "");
        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.HolderRefused.selector, freeId, refusing));
        scrip.orderMany(purchases);
        assertEq(balance(freeId, subscriber), 0, "balance of the other");

        purchases[1].holder = stranger;
        vm.prank(subscriber);
        scrip.orderMany(purchases);
        assertEq(balance(freeId, subscriber), CREDITS, "balance of the other, without it");
    }

    /// @dev A payee that refuses, among several plans in a call: the call fails by an error that names plan and payee.
    function testFuzz_GivenAPayeeThatRefusesAmongMany(bool burns) public {
        address hostile = burns ? address(new GasEatingPayee()) : address(new RefusingPayee());
        uint256 goodId = create(native(1 ether));
        IScrip.Terms memory terms = native(2 ether);
        terms.payees = onePayee(hostile);
        uint256 badId = create(terms);
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](2);
        purchases[0] = IScrip.Purchase(goodId, subscriber, 1, 1 ether, "");
        purchases[1] = IScrip.Purchase(badId, subscriber, 1, 2 ether, "");
        uint256 before = subscriber.balance;
        vm.prank(subscriber);
        vm.expectRevert(
            abi.encodeWithSelector(IScrip.PaymentFailed.selector, badId, address(0), subscriber, hostile, 2 ether)
        );
        scrip.orderMany{value: 3 ether}(purchases);
        assertEq(subscriber.balance, before, "coin of the payer");
        assertEq(payee.balance, 0, "coin of the other payee");

        orderAs(subscriber, goodId, 1, 1 ether, 1 ether);
        assertEq(balance(goodId, subscriber), CREDITS, "balance of the other plan");
    }
}
