// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPermit2Details, RouterWorld} from "../RouterWorld.sol";
import {ClumsyHolder} from "../mocks/Holders.sol";
import {OneKeyWallet} from "../mocks/OneKeyWallet.sol";
import {TwoKeyWallet} from "../mocks/TwoKeyWallet.sol";
import {IRouter} from "scrip/interfaces/IRouter.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @notice Payers and holders with code: contract wallets (ERC-1271), and accounts with EIP-7702 code.
contract RouterWalletsTest is RouterWorld {
    address internal wallet;

    function setUp() public override {
        super.setUp();
        wallet = address(new TwoKeyWallet(payer, holder));
        enrich(wallet);
        vm.prank(wallet);
        signed.approve(address(router), type(uint256).max);
    }

    function ofWallet(uint256 planId) internal view returns (IRouter.Order memory order) {
        order = anOrder(planId);
        (order.payer, order.holder) = (wallet, wallet);
    }

    function hashFor(Path path, IRouter.Order memory order) internal view returns (bytes32) {
        if (path == Path.Authorization) return authorizationHash(order, address(signed));
        return path == Path.Permit2 ? permit2Hash(order, address(signed)) : orderHash(order);
    }

    function signTwice(uint256 first, uint256 second, bytes32 digest) internal pure returns (bytes memory) {
        return bytes.concat(sign(first, digest), sign(second, digest));
    }

    function delegate(uint256 key, address code) internal {
        vm.signAndAttachDelegation(code, key);
        vm.prank(relayer);
        (bool done,) = vm.addr(key).call("");
        done;
        assertEq(vm.addr(key).code.length, 23, "bytes of the delegation");
    }

    // ───────────────────────────────────────── Contract wallets ──────────────────────────────────────

    function testFuzz_WhenAWalletPays(uint256 path) public leavesNothing {
        IRouter.Order memory order = ofWallet(id);
        send(aPath(path), order, signTwice(payerKey, holderKey, hashFor(aPath(path), order)), "");

        assertEq(balance(id, wallet), CREDITS, "credits");
        assertEq(signed.balanceOf(wallet), 1_000_000e6 - PRICE, "money of the wallet");
    }

    function notTheWallets(Path path) internal view returns (bytes memory) {
        if (path == Path.Permit2) return abi.encodeWithSelector(IPermit2Details.InvalidContractSignature.selector);
        return notSigned(path, wallet);
    }

    function testFuzz_RevertWhen_AWalletHasNotSigned(uint256 path, uint256 key) public leavesNothing {
        key = bound(key, 1, type(uint128).max);
        IRouter.Order memory order = ofWallet(id);
        bytes memory signature = signTwice(payerKey, key, hashFor(aPath(path), order));

        refusal = notTheWallets(aPath(path));
        send(aPath(path), order, signature, "");

        assertEq(signed.balanceOf(wallet), 1_000_000e6, "money of the wallet");
    }

    function testFuzz_RevertWhen_ARelayerChangesAFieldOfAWalletsOrder(uint256 path, uint256 field, uint256 seed)
        public
        leavesNothing
    {
        IRouter.Order memory other = changed(ofWallet(id), field, seed);
        vm.assume(other.payer == wallet);
        bytes memory signature = signTwice(payerKey, holderKey, hashFor(aPath(path), ofWallet(id)));

        refusal = notTheWallets(aPath(path));
        send(aPath(path), other, signature, "");

        assertEq(signed.balanceOf(wallet), 1_000_000e6, "money of the wallet");
    }

    function testFuzz_WhenAWalletConsents(uint256 path) public leavesNothing {
        IRouter.Order memory order = anOrder(accessId);
        order.holder = wallet;
        relay(aPath(path), order, signTwice(payerKey, holderKey, orderHash(order)));

        assertEq(scrip.accessEnd(accessId, wallet), START + 30 days, "access");
    }

    function testFuzz_RevertWhen_AWalletDoesNotConsent(uint256 path, bytes memory consent) public leavesNothing {
        vm.assume(consent.length != 0);
        IRouter.Order memory order = anOrder(accessId);
        order.holder = wallet;

        refusal = abi.encodeWithSelector(IRouter.InvalidOrderSignature.selector, wallet);
        relay(aPath(path), order, consent);
    }

    // ──────────────────────────────────────── EIP-7702 accounts ──────────────────────────────────────

    /// @dev Permit2 asks whoever has code by ERC-1271, so the code must know the key; the other paths go by the key.
    function testFuzz_WhenAPayerWithEIP7702CodePays(uint256 path, bool clumsy) public leavesNothing {
        clumsy = clumsy && aPath(path) != Path.Permit2;
        address code = clumsy ? address(new ClumsyHolder()) : address(new OneKeyWallet(payer));
        delegate(payerKey, code);
        IRouter.Order memory order = aGift(id);

        relay(aPath(path), order);

        assertEq(balance(id, holder), CREDITS, "credits");
    }

    function test_RevertWhen_PermitTwoIsToPayAndTheCodeKnowsNoSignatures() public leavesNothing {
        delegate(payerKey, address(new ClumsyHolder()));
        IRouter.Order memory order = aGift(id);
        bytes memory signature = signFor(Path.Permit2, payerKey, order);

        vm.prank(relayer);
        vm.expectRevert(bytes(""));
        router.orderWithPermit2(order, address(signed), signature, "");

        assertEq(signed.balanceOf(payer), 1_000_000e6, "money of the payer");
    }

    function testFuzz_WhenAHolderWithEIP7702CodeConsents(uint256 path) public leavesNothing {
        delegate(holderKey, address(new OneKeyWallet(thief)));
        IRouter.Order memory order = aGift(accessId);

        relay(aPath(path), order, sign(holderKey, orderHash(order)));
        assertEq(scrip.accessEnd(accessId, holder), START + 30 days, "access by its own key");

        order.nonce = 8;
        relay(aPath(path), order, sign(thiefKey, orderHash(order)));
        assertEq(scrip.accessEnd(accessId, holder), START + 60 days, "access by the key that its code takes");
    }

    /// @dev What a payer with code signs is not what its code's other key signs, by EIP-3009 in its first form.
    function test_RevertWhen_TheKeyOfTheCodeSignsAnAuthorizationOf65Bytes() public leavesNothing {
        delegate(payerKey, address(new OneKeyWallet(thief)));
        IRouter.Order memory order = aGift(id);
        bytes memory signature = signFor(Path.Authorization, thiefKey, order);

        refusal = abi.encodeWithSelector(ERC3009.ERC3009InvalidSignature.selector);
        send(Path.Authorization, order, signature, "");
    }
}
