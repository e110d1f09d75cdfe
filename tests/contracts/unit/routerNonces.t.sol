// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPermit2Details, RouterWorld} from "../RouterWorld.sol";
import {IRouter} from "scrip/interfaces/IRouter.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @notice Nonces, used and cancelled.
contract RouterNoncesTest is RouterWorld {
    function cancel(address signer, uint256 nonce) internal {
        vm.prank(signer);
        router.cancelNonces(nonce / 256, 1 << (nonce % 256));
    }

    function withNonce(uint256 nonce) internal view returns (IRouter.Order memory order) {
        order = anOrder(id);
        order.nonce = nonce;
    }

    // ─────────────────────────────────────────── cancelNonces ────────────────────────────────────────

    function testFuzz_WhenNoncesAreCancelled(uint256 word, uint256 mask, uint256 more, uint256 bit) public {
        word = bound(word, 0, type(uint256).max >> 8);
        bit = bound(bit, 0, 255);
        vm.expectEmit(address(router));
        emit IRouter.NoncesCancelled(payer, word, mask);
        vm.startPrank(payer);
        router.cancelNonces(word, mask);
        router.cancelNonces(word, more);

        bool expected = (mask | more) & (1 << bit) != 0;
        assertEq(router.isNonceUsed(payer, word * 256 + bit), expected, "nonce of the word");
        assertFalse(router.isNonceUsed(holder, word * 256 + bit), "nonce of another");
        unchecked {
            assertFalse(router.isNonceUsed(payer, (word + 1) * 256 + bit), "nonce of the next word");
        }
    }

    function testFuzz_RevertWhen_ThePayerHasCancelledItsNonce(uint256 nonce) public leavesNothing {
        cancel(payer, nonce);

        refusal = abi.encodeWithSelector(IRouter.NonceUsed.selector, payer, nonce);
        relay(Path.Permit, withNonce(nonce));

        assertEq(balance(id, payer), 0, "credits");
    }

    function testFuzz_WhenOthersHaveCancelledThatNonce(uint256 nonce) public leavesNothing {
        cancel(thief, nonce);
        cancel(relayer, nonce);

        relay(Path.Permit, withNonce(nonce));

        assertEq(balance(id, payer), CREDITS, "credits");
    }

    function testFuzz_WhenOtherNoncesAreCancelled(uint256 nonce, uint256 mask) public leavesNothing {
        vm.prank(payer);
        router.cancelNonces(nonce / 256, mask & ~(1 << (nonce % 256)));

        relay(Path.Permit, withNonce(nonce));

        assertEq(balance(id, payer), CREDITS, "credits");
    }

    // ──────────────────────────────────────────── Using up ───────────────────────────────────────────

    function testFuzz_WhenAnOrderUsesUpANonce(uint256 nonce) public leavesNothing {
        IRouter.Order memory order = withNonce(nonce);
        order.holder = holder;
        bytes memory consent = sign(holderKey, orderHash(order));

        vm.expectEmit(address(router));
        emit IRouter.NonceTaken(payer, nonce);
        vm.expectEmit(address(router));
        emit IRouter.NonceTaken(holder, nonce);
        relay(Path.Permit, order, consent);

        assertTrue(router.isNonceUsed(payer, nonce), "nonce of the payer");
        assertTrue(router.isNonceUsed(holder, nonce), "nonce of the holder");
        assertFalse(router.isNonceUsed(relayer, nonce), "nonce of the relayer");
        assertFalse(router.isNonceUsed(payer, nonce ^ 1), "another nonce");
    }

    function testFuzz_WhenTheTokenOrPermit2KeepsTheNonce(uint256 nonce, bool authorized) public leavesNothing {
        relay(authorized ? Path.Authorization : Path.Permit2, withNonce(nonce));

        assertFalse(router.isNonceUsed(payer, nonce), "nonce at the router");
        assertEq(signed.authorizationState(payer, orderHash(withNonce(nonce))), authorized, "nonce at the token");
    }

    /// @dev One bit after another, over three words.
    function test_WhenManyNoncesAreUsed() public leavesNothing {
        for (uint256 i; i < 3; ++i) {
            for (uint256 bit; bit < 256; bit += 51) {
                relay(Path.Permit, withNonce(i * 256 + bit));
            }
        }

        assertEq(balance(id, payer), 18 * CREDITS, "credits");
    }

    // ───────────────────────────────────── Cancelled elsewhere ───────────────────────────────────────

    function testFuzz_RevertWhen_ThePayerHasCancelledItsAuthorization(uint256 nonce) public leavesNothing {
        bytes32 hash = orderHash(withNonce(nonce));
        bytes32 kind = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)");
        bytes32 message = keccak256(abi.encode(kind, payer, hash));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(payerKey, keccak256(abi.encodePacked(hex"1901", signed.DOMAIN_SEPARATOR(), message)));
        signed.cancelAuthorization(payer, hash, v, r, s);

        refusal = abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, payer, hash);
        relay(Path.Authorization, withNonce(nonce));

        assertEq(balance(id, payer), 0, "credits");
    }

    function testFuzz_RevertWhen_ThePayerHasUsedUpTheNonceAtPermit2(uint256 nonce) public leavesNothing {
        vm.prank(payer);
        IPermit2Details(PERMIT2).invalidateUnorderedNonces(nonce >> 8, 1 << (nonce & 255));

        refusal = abi.encodeWithSelector(IPermit2Details.InvalidNonce.selector);
        relay(Path.Permit2, withNonce(nonce));

        assertEq(balance(id, payer), 0, "credits");
    }
}
