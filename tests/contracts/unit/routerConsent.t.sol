// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {RouterWorld} from "../RouterWorld.sol";
import {RefusingPayee} from "../mocks/Payees.sol";
import {SettableSource} from "../mocks/SettableSource.sol";
import {IRouter} from "scrip/interfaces/IRouter.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Forces its coin upon an account that would not take it.
contract Forcer {
    constructor(address payable account) payable {
        selfdestruct(account);
    }
}

/// @notice Gifts, and the holder's consent to them.
contract RouterConsentTest is RouterWorld {
    SettableSource internal source = new SettableSource();
    uint256 internal nativeId;
    uint256 internal quotedId;

    function setUp() public override {
        super.setUp();
        vm.deal(payer, 100 ether);
        IScrip.Terms memory terms = native(1 ether);
        terms.grant = IScrip.Grant({kind: IScrip.GrantKind.Time, credits: 0, duration: 30 days});
        nativeId = create(terms);
        terms.price = IScrip.Price(IScrip.PriceKind.Quoted, address(0), 0, 0, address(source));
        quotedId = create(terms);
        vm.prank(payer);
        signed.approve(address(router), type(uint256).max);
    }

    function aNativeGift(uint256 planId) internal view returns (IRouter.Order memory order) {
        order = aGift(planId);
        order.maxPrice = 1 ether;
    }

    /// @dev The payer sends it with what the holder has signed.
    function give(IRouter.Order memory order, address token, uint256 value) internal {
        give(order, token, value, sign(holderKey, orderHash(order)));
    }

    function give(IRouter.Order memory order, address token, uint256 value, bytes memory consent) internal {
        if (refusal.length != 0) vm.expectRevert(refusal);
        delete refusal;
        vm.prank(payer);
        router.orderWithConsent{value: value}(order, token, consent);
    }

    function notAllowed(uint256 planId) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.GiftNotAllowed.selector, planId, payer, holder);
    }

    function notConsented() internal view returns (bytes memory) {
        return abi.encodeWithSelector(IRouter.InvalidOrderSignature.selector, holder);
    }

    // ──────────────────────────────────────── Gifts by any path ──────────────────────────────────────

    function testFuzz_WhenTheHolderHasSignedToo(uint256 path) public leavesNothing {
        bytes memory consent = sign(holderKey, orderHash(aGift(accessId)));

        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(accessId, payer, holder, 1, address(signed), PRICE, 0, 0, uint40(START + 30 days));
        relay(aPath(path), aGift(accessId), consent);

        assertEq(scrip.accessEnd(accessId, holder), START + 30 days, "access of the holder");
        assertEq(scrip.accessEnd(accessId, payer), 0, "access of the payer");
        assertTrue(router.isNonceUsed(holder, 7), "nonce of the holder");
    }

    function testFuzz_RevertWhen_TheHolderHasNotSigned(uint256 path) public leavesNothing {
        refusal = notAllowed(accessId);
        relay(aPath(path), aGift(accessId));

        assertEq(signed.balanceOf(payer), 1_000_000e6, "money of the payer");
        assertFalse(router.isNonceUsed(payer, 7), "nonce of the payer");
    }

    function testFuzz_RevertWhen_AnotherHasConsented(uint256 path, uint256 key) public leavesNothing {
        key = bound(key, 1, type(uint128).max);
        vm.assume(key != holderKey);
        bytes memory consent = sign(key, orderHash(aGift(accessId)));

        refusal = notConsented();
        relay(aPath(path), aGift(accessId), consent);

        assertEq(scrip.accessEnd(accessId, holder), 0, "access");
    }

    function testFuzz_RevertWhen_TheHolderHasConsentedToAnotherOrder(uint256 path, uint256 field, uint256 seed)
        public
        leavesNothing
    {
        IRouter.Order memory other = changed(aGift(accessId), field, seed);
        bytes memory consent = sign(holderKey, orderHash(other));

        refusal = notConsented();
        relay(aPath(path), aGift(accessId), consent);

        assertEq(scrip.accessEnd(accessId, holder), 0, "access");
    }

    function testFuzz_RevertWhen_TheConsentIsUsedUp(uint256 first, uint256 second) public leavesNothing {
        bytes memory consent = sign(holderKey, orderHash(aGift(accessId)));
        relay(aPath(first), aGift(accessId), consent);

        refusal = abi.encodeWithSelector(IRouter.NonceUsed.selector, holder, 7);
        give(aGift(accessId), address(signed), 0, consent);
        IRouter.Order memory next = aGift(accessId);
        next.nonce = 8;
        refusal = notConsented();
        relay(aPath(second), next, consent);

        assertEq(scrip.accessEnd(accessId, holder), START + 30 days, "access");
    }

    function testFuzz_WhenTheGiftNeedsNoConsent(uint256 path) public leavesNothing {
        relay(aPath(path), aGift(id));

        assertEq(balance(id, holder), CREDITS, "credits of the holder");
        assertEq(balance(id, payer), 0, "credits of the payer");
        assertFalse(router.isNonceUsed(holder, 7), "nonce of the holder");
    }

    function testFuzz_WhenTheOwnerPays(uint256 path) public leavesNothing {
        handOver(accessId, payer);

        relay(aPath(path), aGift(accessId));

        assertEq(scrip.accessEnd(accessId, holder), START + 30 days, "access");
    }

    // ────────────────────────────────────────── orderWithConsent ─────────────────────────────────────

    function test_WhenThePayerGivesByItsAllowance() public leavesNothing {
        give(aGift(accessId), address(signed), 0);

        assertEq(scrip.accessEnd(accessId, holder), START + 30 days, "access");
        assertEq(signed.balanceOf(payer), 1_000_000e6 - PRICE, "money of the payer");
    }

    function testFuzz_RevertWhen_TheAllowanceIsTooSmall(uint256 allowance) public leavesNothing {
        vm.prank(payer);
        signed.approve(address(router), bound(allowance, 0, PRICE - 1));

        refusal = abi.encodeWithSelector(IRouter.PullFailed.selector, signed, payer, PRICE);
        give(aGift(accessId), address(signed), 0);
    }

    function testFuzz_RevertWhen_OthersThanThePayerSendIt(address caller) public leavesNothing {
        vm.assume(caller != payer);
        bytes memory consent = sign(holderKey, orderHash(aGift(accessId)));
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IRouter.NotPayer.selector, caller, payer));
        router.orderWithConsent(aGift(accessId), address(signed), consent);
    }

    function testFuzz_RevertWhen_NobodyConsents(bytes memory consent) public leavesNothing {
        refusal = notConsented();
        give(aGift(id), address(signed), 0, consent);
    }

    function testFuzz_RevertWhen_TheConsentHasExpired(uint256 time) public leavesNothing {
        time = bound(time, 1, 10_000 days);
        vm.warp(START + 1 hours + time);

        refusal = abi.encodeWithSelector(IRouter.OrderExpired.selector, START + 1 hours);
        give(aGift(accessId), address(signed), 0);
        vm.warp(START + 1 hours);
        give(aGift(accessId), address(signed), 0);

        assertEq(scrip.accessEnd(accessId, holder), START + 1 hours + 30 days, "access");
    }

    function test_RevertWhen_TheHolderHasCancelledItsNonce() public leavesNothing {
        vm.prank(holder);
        router.cancelNonces(0, 1 << 7);

        refusal = abi.encodeWithSelector(IRouter.NonceUsed.selector, holder, 7);
        give(aGift(accessId), address(signed), 0);
    }

    // ────────────────────────────────────────── The native coin ──────────────────────────────────────

    function testFuzz_WhenExactlyThePriceIsSent(uint256 maxPrice) public leavesNothing {
        IRouter.Order memory order = aNativeGift(nativeId);
        order.maxPrice = bound(maxPrice, 1 ether, type(uint256).max);

        give(order, address(0), 1 ether);

        assertEq(payee.balance, 1 ether, "coin of the payee");
        assertEq(payer.balance, 99 ether, "coin of the payer");
        assertEq(scrip.accessEnd(nativeId, holder), START + 30 days, "access");
    }

    function testFuzz_RevertWhen_NotThePriceIsSent(uint256 value) public leavesNothing {
        value = bound(value, 0, 100 ether);
        vm.assume(value != 1 ether);

        refusal = abi.encodeWithSelector(IScrip.WrongValue.selector, nativeId, value, 1 ether);
        give(aNativeGift(nativeId), address(0), value);

        assertEq(payer.balance, 100 ether, "coin of the payer");
    }

    function testFuzz_WhenMoreThanAQuotedPriceIsSent(uint256 price, uint256 value) public leavesNothing {
        price = bound(price, 0, 1 ether);
        value = bound(value, price, 1 ether);
        source.set(price, SettableSource.Mood.Answers);

        give(aNativeGift(quotedId), address(0), value);

        assertEq(payee.balance, price, "coin of the payee");
        assertEq(payer.balance, 100 ether - price, "coin of the payer");
    }

    function testFuzz_RevertWhen_MoreThanTheMaximumIsSent(uint256 price, uint256 value) public leavesNothing {
        price = bound(price, 0, 1 ether);
        value = bound(value, 1 ether + 1, 100 ether);
        source.set(price, SettableSource.Mood.Answers);

        refusal = abi.encodeWithSelector(IScrip.WrongValue.selector, quotedId, value, 1 ether);
        give(aNativeGift(quotedId), address(0), value);
    }

    function testFuzz_RevertWhen_CoinIsSentWithAToken(uint256 value, bool isQuoted) public leavesNothing {
        value = bound(value, 1, 1 ether);
        IRouter.Order memory order = isQuoted ? aNativeGift(quotedId) : aGift(accessId);

        refusal = abi.encodeWithSelector(IRouter.UnexpectedCoin.selector, payer, value);
        give(order, address(signed), value);

        assertEq(payer.balance, 100 ether, "coin of the payer");
    }

    function testFuzz_RevertWhen_CoinIsSentByOthersThanTheCore(address sender, uint256 value) public leavesNothing {
        vm.assume(sender != address(scrip));
        value = bound(value, 0, 1 ether);
        vm.deal(sender, value);
        vm.prank(sender);
        vm.expectRevert(abi.encodeWithSelector(IRouter.UnexpectedCoin.selector, sender, value));
        payable(address(router)).transfer(value);
    }

    /// @dev A payer that takes no coin, with the holder's consent to what it sends.
    function stubbornPayer(IRouter.Order memory order) internal returns (bytes memory consent) {
        order.payer = address(new RefusingPayee());
        vm.deal(order.payer, 1 ether);
        return sign(holderKey, orderHash(order));
    }

    function testFuzz_RevertWhen_ThePayerTakesNoCoinBack(uint256 price) public leavesNothing {
        price = bound(price, 0, 1 ether - 1);
        source.set(price, SettableSource.Mood.Answers);
        IRouter.Order memory order = aNativeGift(quotedId);
        bytes memory consent = stubbornPayer(order);

        vm.prank(order.payer);
        vm.expectRevert(abi.encodeWithSelector(IRouter.ReturnFailed.selector, address(0), order.payer, 1 ether - price));
        router.orderWithConsent{value: 1 ether}(order, address(0), consent);

        assertEq(order.payer.balance, 1 ether, "coin of the payer");
    }

    /// @dev Else anyone could stop such payers with a unit of the coin.
    function testFuzz_WhenThePayerTakesNoCoinThatWasForcedUponTheRouter(uint256 amount) public {
        amount = bound(amount, 1, 1 ether);
        new Forcer{value: amount}(payable(address(router)));
        IRouter.Order memory order = aNativeGift(nativeId);
        bytes memory consent = stubbornPayer(order);

        vm.prank(order.payer);
        router.orderWithConsent{value: 1 ether}(order, address(0), consent);

        assertEq(payee.balance, 1 ether, "coin of the payee");
        assertEq(address(router).balance, amount, "coin that is nobody's");
        order = aNativeGift(quotedId);
        order.nonce = 8;
        give(order, address(0), 0);
        assertEq(payer.balance, 100 ether + amount, "coin of the next payer, who takes it");
        assertNothingLeft();
    }

    // ───────────────────────────────────────────── The core ──────────────────────────────────────────

    function testFuzz_RevertWhen_OthersThanTheRouterNameAPayer(address caller, address named, bool consented) public {
        vm.assume(caller != address(router));
        IScrip.Purchase memory purchase =
            IScrip.Purchase({planId: id, holder: holder, quantity: 1, maxPrice: PRICE, data: ""});
        bytes memory notRouter = abi.encodeWithSelector(IScrip.NotRouter.selector, caller, router);
        vm.startPrank(caller);
        vm.expectRevert(notRouter);
        scrip.orderFor(purchase, named, consented);

        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(IScrip.orderFor, (purchase, named, consented));
        vm.expectRevert(notRouter);
        scrip.multicall(calls, false);
    }
}
