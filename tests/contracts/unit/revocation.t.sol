// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {VoucherWorld} from "../VoucherWorld.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice How holders take back what they have signed.
contract RevocationTest is VoucherWorld {
    function revoke(uint256 word, uint256 mask) internal {
        vm.prank(subscriber);
        scrip.revokeVouchers(word, mask);
    }

    function endSession(uint256 session) internal {
        vm.prank(subscriber);
        scrip.revokeSession(id, agent, session);
    }

    function sessionEnded(uint256 session) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.SessionEnded.selector, id, subscriber, agent, session);
    }

    // ──────────────────────────────────────────── Vouchers ───────────────────────────────────────────

    function testFuzz_WhenVouchersAreRevoked(uint256 word, uint256 mask, uint256 other) public {
        word = bound(word, 0, type(uint256).max >> 8);
        if (other >> 8 == word) other = ~other;

        vm.expectEmit(address(scrip));
        emit IScrip.VouchersRevoked(subscriber, word, mask);
        vm.recordLogs();
        revoke(word, mask);

        assertEq(vm.getRecordedLogs().length, 1, "number of events");
        for (uint256 i; i < 256; ++i) {
            assertEq(scrip.isVoucherUsed(subscriber, (word << 8) + i), mask >> i & 1 == 1, "a nonce of the word");
        }
        assertFalse(scrip.isVoucherUsed(subscriber, other), "a nonce of another word");
        assertFalse(scrip.isVoucherUsed(agent, word << 8), "the first nonce of another holder");
        assertFalse(scrip.isVoucherUsed(agent, (word << 8) + 255), "the last nonce of another holder");
    }

    function testFuzz_RevertWhen_ARevokedVoucherIsRedeemed(uint256 nonce, uint256 mask) public {
        bytes memory signature = sign(voucher(nonce));
        bool revoked = mask >> (nonce & 0xff) & 1 == 1;
        revoke(nonce >> 8, mask);

        if (revoked) vm.expectRevert(voucherUsed(subscriber, nonce));
        redeem(voucher(nonce), 1, signature);

        assertEq(balance(id, subscriber), revoked ? STOCK : STOCK - 1, "balance");
    }

    /// @dev What is used up stays used up, whatever is revoked later: a mask only adds.
    function testFuzz_RevertWhen_AUsedVoucherIsRevokedAndRedeemedAgain(uint256 nonce, uint256 mask) public {
        bytes memory signature = sign(voucher(nonce));
        redeem(voucher(nonce), 1, signature);
        revoke(nonce >> 8, mask);
        revoke(nonce >> 8, 0);

        expectRefusal(voucher(nonce), 1, signature, voucherUsed(subscriber, nonce));
    }

    function testFuzz_WhenMasksComeOneAfterAnother(uint256 word, uint256 first, uint256 second) public {
        word = bound(word, 0, type(uint256).max >> 8);
        revoke(word, first);
        revoke(word, second);

        for (uint256 i; i < 256; ++i) {
            assertEq(scrip.isVoucherUsed(subscriber, (word << 8) + i), (first | second) >> i & 1 == 1, "a nonce");
        }
    }

    /// @dev A word beyond the last has no nonces; nothing that can be signed is in it.
    function testFuzz_WhenTheWordIsBeyondTheLast(uint256 word, uint256 nonce) public {
        revoke(bound(word, 2 ** 248, type(uint256).max), type(uint256).max);
        assertFalse(scrip.isVoucherUsed(subscriber, nonce), "a nonce");
    }

    function testFuzz_WhenAnotherRevokes(address caller, uint256 nonce, uint256 mask) public {
        vm.assume(caller != subscriber);
        vm.prank(caller);
        scrip.revokeVouchers(nonce >> 8, mask);

        redeem(voucher(nonce), 1, sign(voucher(nonce)));
    }

    // ──────────────────────────────────────────── Sessions ───────────────────────────────────────────

    function testFuzz_WhenASessionIsEnded(uint256 session, uint64 spent) public {
        spent = uint64(bound(spent, 0, 49));
        if (spent != 0) redeem(sessionVoucher(session), spent, 1, sign(sessionVoucher(session)));

        vm.expectEmit(address(scrip));
        emit IScrip.SessionRevoked(id, subscriber, agent, session);
        vm.recordLogs();
        endSession(session);

        assertEq(vm.getRecordedLogs().length, 1, "number of events");
        IScrip.Session memory found = scrip.sessionOf(id, subscriber, agent, session);
        assertTrue(found.revoked, "ended");
        assertEq(found.spent, spent, "spent");
        unchecked {
            assertFalse(scrip.sessionOf(id, subscriber, agent, session + 1).revoked, "another session");
        }
        assertFalse(scrip.sessionOf(id + 1, subscriber, agent, session).revoked, "the session of another plan");
        assertFalse(scrip.sessionOf(id, stranger, agent, session).revoked, "the session of another holder");
        assertFalse(scrip.sessionOf(id, subscriber, builder, session).revoked, "the session of another redeemer");
    }

    function testFuzz_RevertWhen_AnEndedSessionIsRedeemed(uint256 session, uint64 spent, uint64 maximum) public {
        spent = uint64(bound(spent, 0, 49));
        if (spent != 0) redeem(sessionVoucher(session), spent, 1, sign(sessionVoucher(session)));
        endSession(session);
        IScrip.SessionVoucher memory later = sessionVoucher(session);
        later.maximum = uint64(bound(maximum, 51, type(uint64).max));
        bytes memory signature = sign(later);

        expectRefusal(later, 1, 2, signature, sessionEnded(session));
        expectRefusal(sessionVoucher(session), 1, 2, sign(sessionVoucher(session)), sessionEnded(session));

        assertFalse(scrip.isRedeemed(id, agent, 2), "request");
        assertEq(balance(id, subscriber), STOCK - spent, "balance");
    }

    function test_WhenASessionIsEndedTwice() public {
        endSession(1);
        endSession(1);
        expectRefusal(sessionVoucher(1), 1, 1, sign(sessionVoucher(1)), sessionEnded(1));
    }

    function testFuzz_WhenAnotherEndsASession(address caller, uint256 session) public {
        vm.assume(caller != subscriber);
        vm.prank(caller);
        scrip.revokeSession(id, agent, session);

        redeem(sessionVoucher(session), 1, 1, sign(sessionVoucher(session)));
    }

    /// @dev Neither revocation is the other's, though the numbers are the same.
    function testFuzz_WhenOneKindIsRevoked(uint256 number, bool vouchers) public {
        if (vouchers) {
            revoke(number >> 8, type(uint256).max);
            redeem(sessionVoucher(number), 1, 1, sign(sessionVoucher(number)));
        } else {
            endSession(number);
            redeem(voucher(number), 1, sign(voucher(number)));
        }
    }
}
