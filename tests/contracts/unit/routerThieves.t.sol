// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPermit2Details, RouterWorld} from "../RouterWorld.sol";
import {LyingDollar, WrappedCoin} from "../mocks/LyingDollars.sol";
import {SettableSource} from "../mocks/SettableSource.sol";
import {IPermit2} from "scrip/interfaces/IPermit2.sol";
import {IRouter} from "scrip/interfaces/IRouter.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @notice Those who see an order before it is mined, those who would have another pay, and tokens that lie.
contract RouterThievesTest is RouterWorld {
    LyingDollar internal lying = LyingDollar(deployCode("LyingDollars.sol:LyingDollar"));
    WrappedCoin internal wrapped = new WrappedCoin();
    uint256 internal lyingId;
    uint256 internal wrappedId;

    function setUp() public override {
        super.setUp();
        lyingId = createIn(address(lying));
        wrappedId = createIn(address(wrapped));
        watch(address(lying));
        watch(address(wrapped));
        lying.mint(payer, 1_000_000e6);
        enrich(thief);
    }

    function createIn(address token) internal returns (uint256) {
        IScrip.Terms memory terms = premium();
        terms.price.token = token;
        return create(terms);
    }

    function split(bytes memory signature) internal pure returns (uint8 v, bytes32 r, bytes32 s) {
        assembly {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
    }

    // ────────────────────────────────────────── Who comes first ──────────────────────────────────────

    function test_RevertWhen_AThiefTakesAnAuthorizationToTheToken() public leavesNothing {
        IRouter.Order memory order = anOrder(id);
        bytes memory signature = signFor(Path.Authorization, payerKey, order);
        (uint8 v, bytes32 r, bytes32 s) = split(signature);
        bytes32 nonce = orderHash(order);

        vm.startPrank(thief);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, router));
        signed.receiveWithAuthorization(payer, address(router), PRICE, 0, order.deadline, nonce, v, r, s);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, router));
        signed.receiveWithAuthorization(payer, address(router), PRICE, 0, order.deadline, nonce, signature);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        signed.receiveWithAuthorization(payer, thief, PRICE, 0, order.deadline, nonce, v, r, s);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        signed.transferWithAuthorization(payer, address(router), PRICE, 0, order.deadline, nonce, v, r, s);
        vm.stopPrank();

        send(Path.Authorization, order, signature, "");
        assertEq(balance(id, payer), CREDITS, "credits");
    }

    function testFuzz_WhenAThiefSendsThePermitFirst(uint256 value) public leavesNothing {
        value = bound(value, PRICE, type(uint256).max);
        IRouter.Order memory order = anOrder(id);
        bytes memory signature = signFor(Path.Permit, payerKey, order);
        IRouter.Permit memory permit = permitOf(payerKey, value);
        vm.prank(thief);
        signed.permit(payer, address(router), permit.value, permit.deadline, permit.v, permit.r, permit.s);

        vm.prank(relayer);
        router.orderWithPermit(order, address(signed), permit, signature, "");

        assertEq(balance(id, payer), CREDITS, "credits");
    }

    function testFuzz_RevertWhen_ThePermitIsForTooLittle(uint256 value) public leavesNothing {
        IRouter.Order memory order = anOrder(id);
        bytes memory signature = signFor(Path.Permit, payerKey, order);
        IRouter.Permit memory permit = permitOf(payerKey, bound(value, 0, PRICE - 1));

        vm.prank(relayer);
        vm.expectRevert(abi.encodeWithSelector(IRouter.PullFailed.selector, signed, payer, PRICE));
        router.orderWithPermit(order, address(signed), permit, signature, "");

        assertFalse(router.isNonceUsed(payer, 7), "nonce");
    }

    function test_RevertWhen_AThiefTakesATransferToPermit2() public leavesNothing {
        IRouter.Order memory order = anOrder(id);
        bytes memory signature = signFor(Path.Permit2, payerKey, order);
        IPermit2.PermitTransferFrom memory permit =
            IPermit2.PermitTransferFrom(IPermit2.TokenPermissions(address(signed), PRICE), 7, order.deadline);
        string memory witness =
            string.concat("Order witness)", ORDER_TYPE, "TokenPermissions(address token,uint256 amount)");

        vm.startPrank(thief);
        address[2] memory receivers = [thief, address(router)];
        for (uint256 i; i < receivers.length; ++i) {
            vm.expectRevert(IPermit2Details.InvalidSigner.selector);
            IPermit2(PERMIT2)
                .permitWitnessTransferFrom(
                    permit,
                    IPermit2.SignatureTransferDetails(receivers[i], PRICE),
                    payer,
                    structHash(order),
                    witness,
                    signature
                );
        }
        vm.stopPrank();

        send(Path.Permit2, order, signature, "");
        assertEq(balance(id, payer), CREDITS, "credits");
    }

    // ───────────────────────────────────── Another is to pay ─────────────────────────────────────────

    /// @dev The permit is public, and so is an allowance that is left; neither says what it may be spent on.
    function testFuzz_RevertWhen_ARelayerHasThePermitOnly(uint256 planSeed, bytes memory signature)
        public
        leavesNothing
    {
        IRouter.Order memory order = planSeed % 2 == 0 ? anOrder(id) : aGift(otherId);
        order.holder = planSeed % 3 == 0 ? thief : order.holder;
        IRouter.Permit memory permit = permitOf(payerKey, type(uint256).max);
        bytes memory refused = abi.encodeWithSelector(IRouter.InvalidOrderSignature.selector, payer);

        vm.startPrank(relayer);
        vm.expectRevert(refused);
        router.orderWithPermit(order, address(signed), permit, signature, "");
        vm.expectRevert(refused);
        router.orderWithPermit(order, address(signed), permit, abi.encodePacked(permit.r, permit.s, permit.v), "");
        signed.permit(payer, address(router), permit.value, permit.deadline, permit.v, permit.r, permit.s);
        vm.expectRevert(refused);
        router.orderWithPermit(order, address(signed), permit, signature, "");
        vm.expectRevert(abi.encodeWithSelector(IRouter.NotPayer.selector, relayer, payer));
        router.orderWithConsent(order, address(signed), signature);

        assertEq(signed.balanceOf(payer), 1_000_000e6, "money of the payer");
    }

    /// @dev The thief's own order, with the payer's permit and allowance there.
    function test_WhenAThiefOrdersWithAnothersPermit() public leavesNothing {
        IRouter.Order memory order = anOrder(id);
        (order.payer, order.holder) = (thief, thief);
        IRouter.Permit memory permit = permitOf(payerKey, type(uint256).max);
        signed.permit(payer, address(router), permit.value, permit.deadline, permit.v, permit.r, permit.s);

        vm.startPrank(thief);
        vm.expectRevert(abi.encodeWithSelector(IRouter.PullFailed.selector, signed, thief, PRICE));
        router.orderWithPermit(order, address(signed), permit, "", "");
        signed.approve(address(router), PRICE);
        router.orderWithPermit(order, address(signed), permit, "", "");

        assertEq(signed.balanceOf(payer), 1_000_000e6, "money of the payer");
        assertEq(signed.balanceOf(thief), 1_000_000e6 - PRICE, "money of the thief");
    }

    /// @dev What the router leaves the core is an allowance that only the router's own calls can use.
    function testFuzz_RevertWhen_TheRouterIsToBeCharged(bytes memory signature) public leavesNothing {
        relay(Path.Permit, anOrder(id));
        IScrip.Terms memory terms = premium();
        terms.price = IScrip.Price(IScrip.PriceKind.PerUse, address(signed), PRICE, 0, address(0));
        delete terms.grant;
        terms.redemption.voucherRequired = true;
        uint256 planId = create(terms);
        signed.mint(address(router), PRICE);
        IScrip.Voucher memory voucher = IScrip.Voucher(planId, address(router), builder, 1, 0, uint40(START + 1));

        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.InvalidSignature.selector, address(router)));
        scrip.redeemWithVoucher(voucher, 1, signature);

        deal(address(signed), address(router), 0);
    }

    function testFuzz_RevertWhen_TheRouterIsTheHolder(uint256 path) public leavesNothing {
        IRouter.Order memory order = anOrder(id);
        order.holder = address(router);
        refusal = abi.encodeWithSelector(IScrip.HolderRefused.selector, id, router);
        relay(aPath(path), order);
    }

    // ────────────────────────────────────────── Tokens that lie ──────────────────────────────────────

    /// @dev The payer's order of the plan in the lying token, with the payer's true permit.
    function sendLie(Path path, LyingDollar.Lie lie, bytes memory expected) internal {
        IRouter.Order memory order = anOrder(lyingId);
        IRouter.Permit memory permit = permitOf(payerKey, PRICE, address(lying));
        bytes memory signature = path == Path.Authorization
            ? sign(payerKey, authorizationHash(order, address(lying)))
            : path == Path.Permit2
                ? sign(payerKey, permit2Hash(order, address(lying)))
                : sign(payerKey, orderHash(order));
        vm.prank(payer);
        lying.approve(PERMIT2, PRICE);
        vm.prank(address(router));
        lying.lie(lie);

        vm.prank(relayer);
        if (expected.length != 0) vm.expectRevert(expected);
        if (path == Path.Authorization) router.orderWithAuthorization(order, address(lying), signature, "");
        else if (path == Path.Permit2) router.orderWithPermit2(order, address(lying), signature, "");
        else router.orderWithPermit(order, address(lying), permit, signature, "");
    }

    function unpaid() internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.PaymentFailed.selector, lyingId, lying, router, payee, PRICE);
    }

    function unpulled() internal view returns (bytes memory) {
        return abi.encodeWithSelector(IRouter.PullFailed.selector, lying, payer, PRICE);
    }

    function testFuzz_RevertWhen_ThePermitDoesNothing(bool reverts) public leavesNothing {
        sendLie(Path.Permit, reverts ? LyingDollar.Lie.PermitReverts : LyingDollar.Lie.PermitDoesNothing, unpulled());
    }

    function testFuzz_WhenThePermitFailsButTheAllowanceSuffices(bool reverts) public leavesNothing {
        vm.prank(payer);
        lying.approve(address(router), PRICE);
        sendLie(Path.Permit, reverts ? LyingDollar.Lie.PermitReverts : LyingDollar.Lie.PermitDoesNothing, "");

        assertEq(balance(lyingId, payer), CREDITS, "credits");
    }

    function test_RevertWhen_ThePermitIsTakenFromAnyone() public leavesNothing {
        vm.prank(address(router));
        lying.lie(LyingDollar.Lie.PermitIsAnyones);
        IRouter.Permit memory permit;
        permit.value = PRICE;

        vm.prank(relayer);
        vm.expectRevert(abi.encodeWithSelector(IRouter.InvalidOrderSignature.selector, payer));
        router.orderWithPermit(anOrder(lyingId), address(lying), permit, new bytes(65), "");

        assertEq(lying.allowance(payer, address(router)), 0, "allowance");
    }

    /// @dev It says that it paid the payees, too, whose own choice it is.
    function testFuzz_WhenATransferMovesNothing(uint256 path) public leavesNothing {
        sendLie(aPath(path), LyingDollar.Lie.MovesNothing, "");

        assertEq(lying.balanceOf(payer), 1_000_000e6, "money of the payer");
    }

    function testFuzz_RevertWhen_ATransferMovesLess(uint256 path) public leavesNothing {
        sendLie(aPath(path), LyingDollar.Lie.MovesHalf, unpaid());

        assertEq(lying.balanceOf(payer), 1_000_000e6, "money of the payer");
        assertEq(balance(lyingId, payer), 0, "credits");
    }

    /// @dev Others' money cannot make up for it, since there is none.
    function testFuzz_RevertWhen_ATransferIsRefused(uint256 path) public leavesNothing {
        sendLie(aPath(path), LyingDollar.Lie.KeepsChange, unpaid());

        assertEq(lying.balanceOf(payer), 1_000_000e6, "money of the payer");
    }

    function testFuzz_RevertWhen_TheChangeIsRefused(uint256 path) public leavesNothing {
        IScrip.Terms memory terms = premium();
        terms.price = IScrip.Price(IScrip.PriceKind.Quoted, address(lying), 0, 0, address(new SettableSource()));
        lyingId = create(terms);
        bytes memory refused = abi.encodeWithSelector(IRouter.ReturnFailed.selector, lying, payer, PRICE);
        sendLie(aPath(path), LyingDollar.Lie.KeepsChange, refused);

        assertEq(lying.balanceOf(payer), 1_000_000e6, "money of the payer");
    }

    /// @dev Money of the thief's, so that the order would be paid, in another's name, which has signed nothing.
    function testFuzz_RevertWhen_ATokenTakesAnyCallWithoutAWord(bytes memory signature) public leavesNothing {
        vm.deal(thief, 2 * uint256(PRICE));
        vm.startPrank(thief);
        (bool done,) = address(wrapped).call{value: 2 * uint256(PRICE)}("");
        assertTrue(done, "wrapping");
        wrapped.transfer(address(router), PRICE);
        // An answer of no bytes, where there should be a bool.
        vm.expectRevert(bytes(""));
        router.orderWithAuthorization(anOrder(wrappedId), address(wrapped), signature, "");
        vm.stopPrank();

        assertEq(balance(wrappedId, payer), 0, "credits");
        deal(address(wrapped), address(router), 0);
    }

    function testFuzz_RevertWhen_TheTokenIsNotThePlans(uint256 path, bool isZero) public leavesNothing {
        IRouter.Order memory order = anOrder(lyingId);

        refusal = abi.encodeWithSelector(IScrip.PaymentFailed.selector, lyingId, lying, router, payee, PRICE);
        relay(aPath(path), order);

        address nothing = isZero ? address(0) : makeAddr("no token");
        vm.startPrank(relayer);
        vm.expectRevert(bytes(""));
        router.orderWithAuthorization(order, nothing, new bytes(65), "");
        bytes memory signature = signFor(Path.Permit, payerKey, order);
        vm.expectRevert(bytes(""));
        router.orderWithPermit(order, nothing, noPermit(), signature, "");
        assertEq(signed.balanceOf(payer), 1_000_000e6, "money of the payer");
    }
}
