// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Kinds} from "../Kinds.sol";
import {Chameleon} from "../mocks/Chameleon.sol";
import {RefusingPayee} from "../mocks/Payees.sol";
import {IPriceSource} from "scrip/interfaces/IPriceSource.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Orders at a price that a contract is asked for.
contract QuotedTest is Kinds {
    uint256 internal id;
    uint256 internal coinId;

    function setUp() public override {
        super.setUp();
        id = create(quoted(address(dollar)));
        coinId = create(quoted(address(0)));
    }

    /// @dev One order with data.
    function orderWith(uint256 planId, uint32 quantity, uint256 maxPrice, uint256 value, bytes memory data) internal {
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](1);
        purchases[0] =
            IScrip.Purchase({planId: planId, holder: subscriber, quantity: quantity, maxPrice: maxPrice, data: data});
        vm.prank(subscriber);
        scrip.orderMany{value: value}(purchases);
    }

    function expectFailed(bytes memory reason) internal {
        uint256 before = dollar.balanceOf(subscriber);
        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.QuoteFailed.selector, id, address(other), reason));
        scrip.order(id, subscriber, 1, type(uint256).max);
        assertEq(dollar.balanceOf(subscriber), before, "money of the payer");
        assertEq(balance(id, subscriber), 0, "balance");
    }

    // ─────────────────────────────────────────── The source ──────────────────────────────────────────

    function testFuzz_WhenItIsAsked(address holder, uint32 quantity, bytes memory data) public {
        holder = address(uint160(bound(uint160(holder), 0x10_000, type(uint160).max)));
        if (holder.code.length != 0) holder = subscriber;
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        ask(5);
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](1);
        purchases[0] = IScrip.Purchase({planId: id, holder: holder, quantity: quantity, maxPrice: 5, data: data});

        vm.expectCall(address(other), 0, 200_000, abi.encodeCall(IPriceSource.quote, (id, holder, quantity, data)), 1);
        vm.prank(subscriber);
        scrip.orderMany(purchases);

        assertEq(dollar.balanceOf(payee), 5, "money of the payee");
        assertEq(balance(id, holder), uint256(CREDITS) * quantity, "balance");
    }

    function test_WhenItIsAskedByAnOrderWithoutData() public {
        ask(7);
        vm.expectCall(address(other), 0, 200_000, abi.encodeCall(IPriceSource.quote, (id, subscriber, 3, "")), 1);
        orderAs(subscriber, id, 3, 7, 0);
        assertEq(dollar.balanceOf(payee), 7, "the price is for the whole quantity");
    }

    function testFuzz_RevertWhen_ItRefuses(bytes memory reason) public {
        behave(Chameleon.Mode.Refuse, reason);
        uint256 length = reason.length < 256 ? reason.length : 256;
        bytes memory copied = new bytes(length);
        for (uint256 i; i < length; ++i) {
            copied[i] = reason[i];
        }
        expectFailed(copied);
    }

    function test_RevertWhen_ItRefusesAtLength() public {
        bytes memory reason = new bytes(300);
        reason[255] = 0x01;
        reason[256] = 0x02;
        bytes memory copied = new bytes(256);
        copied[255] = 0x01;
        behave(Chameleon.Mode.Refuse, reason);
        expectFailed(copied);
    }

    function testFuzz_RevertWhen_ItAnswersShort(uint256 length) public {
        bytes memory answer = new bytes(bound(length, 0, 31));
        behave(Chameleon.Mode.Say, answer);
        expectFailed(answer);
    }

    function testFuzz_WhenItAnswersAtLength(uint64 price, bytes memory dirt) public {
        price = uint64(bound(price, 0, 1e12));
        behave(Chameleon.Mode.Say, abi.encodePacked(uint256(price), dirt));
        orderAs(subscriber, id, 1, price, 0);
        assertEq(dollar.balanceOf(payee), price, "money of the payee");
    }

    function test_RevertWhen_ItBurnsAllGas() public {
        behave(Chameleon.Mode.Burn, "");
        uint256 before = gasleft();
        expectFailed("");
        assertLt(before - gasleft(), 350_000, "gas");
    }

    function testFuzz_RevertWhen_TooLittleGasIsLeftForIt(uint256 gas) public {
        gas = bound(gas, 60_000, 210_000);
        ask(1);
        vm.prank(subscriber);
        (bool done, bytes memory answer) =
            address(scrip).call{gas: gas}(abi.encodeCall(IScrip.order, (id, subscriber, 1, 1)));
        assertFalse(done, "done");
        assertEq(bytes4(answer), IScrip.InsufficientGas.selector, "error");
    }

    function test_RevertWhen_ItHasLostItsCode() public {
        vm.etch(address(other), "");
        expectFailed("");
    }

    // ─────────────────────────────────────────── The price ───────────────────────────────────────────

    function testFuzz_WhenThePriceIsWithinTheMaximum(uint128 price, uint256 maxPrice) public {
        ask(price);
        deal(address(dollar), subscriber, price);
        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(id, subscriber, subscriber, 1, address(dollar), price, 0, CREDITS, 0);
        orderAs(subscriber, id, 1, bound(maxPrice, price, type(uint256).max), 0);
        assertEq(dollar.balanceOf(payee), price, "money of the payee");
        assertEq(dollar.balanceOf(subscriber), 0, "money of the payer");
    }

    function testFuzz_RevertWhen_ThePriceIsAboveTheMaximum(uint256 price, uint256 maxPrice, bool coin) public {
        price = bound(price, 1, type(uint256).max);
        maxPrice = bound(maxPrice, 0, price - 1);
        ask(price);
        uint256 planId = coin ? coinId : id;
        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.PriceAboveMaximum.selector, planId, price, maxPrice));
        scrip.order(planId, subscriber, 1, maxPrice);
    }

    function test_WhenThePriceIs0() public {
        ask(0);
        setFee(stranger, 100);
        vm.expectCall(address(dollar), "", 0);
        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(id, subscriber, subscriber, 2, address(dollar), 0, 0, 2 * CREDITS, 0);
        orderAs(subscriber, id, 2, 0, 0);
        orderAs(subscriber, coinId, 1, 0, 0);
        assertEq(balance(coinId, subscriber), CREDITS, "balance");
    }

    function testFuzz_RevertWhen_ThePriceIsHugeAndTheMaximumToo(uint256 price, uint16 rate) public {
        price = bound(price, type(uint160).max, type(uint256).max);
        ask(price);
        setFee(stranger, uint16(bound(rate, 0, 100)));
        for (uint256 i; i < 2; ++i) {
            uint256 planId = i == 0 ? id : coinId;
            vm.prank(subscriber);
            (bool done,) = address(scrip).call(abi.encodeCall(IScrip.order, (planId, subscriber, 1, type(uint256).max)));
            assertFalse(done, "done");
            assertEq(balance(planId, subscriber), 0, "balance");
        }
    }

    // ─────────────────────────────────────────── The coin ────────────────────────────────────────────

    function testFuzz_WhenMoreCoinIsSentThanItCosts(uint96 price, uint96 excess, uint16 rate) public {
        ask(price);
        setFee(stranger, uint16(bound(rate, 0, 100)));
        uint256 sent = uint256(price) + excess;
        vm.deal(subscriber, sent);
        vm.deal(stranger, 0);
        vm.deal(address(scrip), 1 ether);

        orderAs(subscriber, coinId, 1, sent, sent);

        assertEq(subscriber.balance, excess, "coin of the payer");
        assertEq(payee.balance + stranger.balance, price, "coin of the payee and the fee's receiver");
        assertEq(address(scrip).balance, 1 ether, "coin of the core");
    }

    function testFuzz_RevertWhen_MoreCoinIsSentThanTheMaximum(uint96 price, uint96 room, uint96 excess) public {
        excess = uint96(bound(excess, 1, type(uint96).max));
        ask(price);
        uint256 maxPrice = uint256(price) + room;
        uint256 sent = maxPrice + excess;
        vm.deal(subscriber, sent);
        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.WrongValue.selector, coinId, sent, maxPrice));
        scrip.order{value: sent}(coinId, subscriber, 1, maxPrice);
    }

    function testFuzz_RevertWhen_LessCoinIsSentThanItCosts(uint96 price, uint96 sent) public {
        price = uint96(bound(price, 1, type(uint96).max));
        sent = uint96(bound(sent, 0, price - 1));
        ask(price);
        vm.deal(subscriber, sent);
        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.WrongValue.selector, coinId, sent, price));
        scrip.order{value: sent}(coinId, subscriber, 1, price);
    }

    function test_RevertWhen_ThePayerRefusesWhatIsReturned() public {
        address refusing = address(new RefusingPayee());
        vm.deal(refusing, 3 ether);
        ask(1 ether);
        vm.prank(refusing);
        vm.expectRevert(abi.encodeWithSelector(IScrip.RefundFailed.selector, refusing, 2 ether));
        scrip.order{value: 3 ether}(coinId, subscriber, 1, 3 ether);
        assertEq(refusing.balance, 3 ether, "coin of the payer");

        vm.prank(refusing);
        scrip.order{value: 1 ether}(coinId, subscriber, 1, 3 ether);
        assertEq(balance(coinId, subscriber), CREDITS, "balance, paid exactly");
    }

    function testFuzz_RevertWhen_CoinIsSentForATokenPrice(uint96 price, uint96 sent) public {
        sent = uint96(bound(sent, 1, type(uint96).max));
        ask(bound(price, 0, 1e12));
        vm.deal(subscriber, sent);
        vm.expectRevert(abi.encodeWithSelector(IScrip.WrongValue.selector, id, sent, 0));
        orderWith(id, 1, type(uint256).max, sent, "");
    }
}
