// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width.
// forge-lint: disable-start(unsafe-typecast)

import {Random} from "../Random.sol";
import {VoucherWorld} from "../VoucherWorld.sol";
import {TrickyDollar} from "../mocks/TrickyDollar.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Vouchers of sessions, in which a total grows. Wrong signatures stand in `voucherReplay`, other signers in
/// `voucherSigners`, the end of sessions in `revocation`.
contract RedeemInSessionTest is VoucherWorld {
    using Random for Random.Source;

    /// @dev The oracle: what the sequence of a run has spent and used so far.
    mapping(address redeemer => mapping(uint256 session => uint64)) internal spentIn;
    mapping(address redeemer => mapping(uint256 session => bool)) internal ended;
    mapping(address redeemer => mapping(uint256 requestId => bool)) internal used;
    uint256 internal left = STOCK;

    function exceeded(uint64 amount, uint64 remaining) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.VoucherExceeded.selector, id, subscriber, amount, remaining);
    }

    function spent(uint256 session) internal view returns (uint64) {
        return scrip.sessionOf(id, subscriber, agent, session).spent;
    }

    // ──────────────────────────────────────────── Redeemed ───────────────────────────────────────────

    function testFuzz_WhenItIsRedeemed(uint64 maximum, uint64 amount, uint256 session, uint256 requestId) public {
        IScrip.SessionVoucher memory given = sessionVoucher(session);
        given.maximum = uint64(bound(maximum, 1, type(uint64).max));
        amount = uint64(bound(amount, 1, given.maximum < 100 ? given.maximum : 100));
        bytes memory signature = sign(given);

        vm.expectEmit(address(scrip));
        emit IScrip.SessionSpent(id, subscriber, agent, session, amount);
        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(agent, subscriber, address(0), id, amount);
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsRedeemed(id, subscriber, agent, amount, requestId);
        vm.recordLogs();
        redeem(given, amount, requestId, signature);

        assertEq(vm.getRecordedLogs().length, 3, "number of events");
        assertEq(balance(id, subscriber), STOCK - amount, "balance");
        assertEq(spent(session), amount, "spent in the session");
        unchecked {
            assertEq(spent(session + 1), 0, "spent in another session");
        }
        assertEq(scrip.sessionOf(id, subscriber, builder, session).spent, 0, "spent by another redeemer");
        assertEq(scrip.sessionOf(id, agent, agent, session).spent, 0, "spent of another holder");
        assertEq(scrip.sessionOf(id + 1, subscriber, agent, session).spent, 0, "spent of another plan");
        assertTrue(scrip.isRedeemed(id, agent, requestId), "request");
        assertFalse(scrip.isVoucherUsed(subscriber, session), "the voucher's nonce of the same number");
    }

    /// @dev Totals and maxima at the end of what 64 bits hold.
    function testFuzz_WhenTheMaximumIsTheGreatestNumber(uint64 first, uint64 second) public {
        IScrip.SessionVoucher memory given = sessionVoucher(1);
        given.maximum = type(uint64).max;
        first = uint64(bound(first, 1, 100));
        redeem(given, first, 1, sign(given));
        second = uint64(bound(second, type(uint64).max - first + 1, type(uint64).max));

        expectRefusal(given, second, 2, sign(given), exceeded(second, type(uint64).max - first));

        assertEq(spent(1), first, "spent in the session");
    }

    function testFuzz_WhenALaterVoucherContinuesIt(uint64 maximum, uint64 first, uint64 second) public {
        IScrip.SessionVoucher memory given = sessionVoucher(1);
        first = uint64(bound(first, 1, 50));
        redeem(given, first, 1, sign(given));
        maximum = uint64(bound(maximum, 0, 200));
        IScrip.SessionVoucher memory later = sessionVoucher(1);
        (later.maximum, later.deadline) = (maximum, uint40(START + 200));
        second = uint64(bound(second, 1, 100));
        uint64 remaining = maximum > first ? maximum - first : 0;
        bytes memory signature = sign(later);

        if (second > remaining) vm.expectRevert(exceeded(second, remaining));
        redeem(later, second, 2, signature);

        assertEq(spent(1), second > remaining ? first : first + second, "spent in the session");
    }

    function testFuzz_RevertWhen_TheRequestWasRedeemedBefore(uint256 requestId, bool inSession) public {
        if (inSession) {
            redeem(sessionVoucher(2), 1, requestId, sign(sessionVoucher(2)));
        } else {
            vm.prank(agent);
            scrip.redeem(id, subscriber, 1, requestId);
        }

        bytes memory refusal = abi.encodeWithSelector(IScrip.RequestAlreadyRedeemed.selector, id, agent, requestId);
        expectRefusal(sessionVoucher(1), 1, requestId, sign(sessionVoucher(1)), refusal);

        assertEq(spent(1), 0, "spent in the session");
    }

    function testFuzz_RevertWhen_AnotherThanItsRedeemerRedeemsIt(uint8 who) public {
        address caller = [builder, subscriber, stranger, minter][bound(who, 0, 3)];
        bytes memory signature = sign(sessionVoucher(1));

        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IScrip.WrongRedeemer.selector, id, caller, agent));
        scrip.redeemInSession(sessionVoucher(1), 1, 1, signature);

        assertFalse(scrip.isRedeemed(id, caller, 1), "request");
    }

    function test_WhenItIsRedeemedAboutItsDeadline() public {
        bytes memory signature = sign(sessionVoucher(1));
        vm.warp(START + 100);
        redeem(sessionVoucher(1), 1, 1, signature);
        vm.warp(START + 101);
        bytes memory refusal = abi.encodeWithSelector(IScrip.VoucherExpired.selector, id, subscriber, START + 100);
        expectRefusal(sessionVoucher(1), 1, 2, signature, refusal);
        assertFalse(scrip.isRedeemed(id, agent, 2), "request");

        // The session outlives its vouchers.
        IScrip.SessionVoucher memory later = sessionVoucher(1);
        later.deadline = uint40(START + 101);
        redeem(later, 49, 2, sign(later));
        assertEq(spent(1), 50, "spent in the session");
    }

    function testFuzz_WhenTheRedemptionIsRefused(uint8 why) public {
        why = uint8(bound(why, 0, 3));
        IScrip.SessionVoucher memory given = sessionVoucher(1);
        given.maximum = type(uint64).max;
        uint64 amount = 60;
        bytes memory refusal;
        if (why == 0) {
            vm.prank(subscriber);
            scrip.burn(id, subscriber, STOCK - 59);
            refusal = abi.encodeWithSelector(IScrip.InsufficientCredits.selector, id, subscriber, 60, 59);
        } else if (why == 1) {
            amount = 101;
            refusal = abi.encodeWithSelector(IScrip.AmountOutOfRange.selector, id, 101, 1, 100);
        } else if (why == 2) {
            amount = 0;
            refusal = abi.encodeWithSelector(IScrip.AmountOutOfRange.selector, id, 0, 1, 100);
        } else {
            vm.prank(builder);
            scrip.setOperator(id, agent, MINT | SETTLE);
            refusal = abi.encodeWithSelector(IScrip.NotRedeemer.selector, id, agent, subscriber);
        }

        expectRefusal(given, amount, 1, sign(given), refusal);

        assertEq(spent(1), 0, "spent in the session");
        assertFalse(scrip.isRedeemed(id, agent, 1), "request");
    }

    // ───────────────────────────────────────── Within itself ─────────────────────────────────────────

    /// @dev The token is the voucher's redeemer, and redeems more of it, and the same of it, while it is to be paid.
    function testFuzz_WhenATokenRedeemsFromWithin(bool sameRequest, uint64 more) public {
        more = uint64(bound(more, 1, 60));
        TrickyDollar token = new TrickyDollar();
        id = perUse(address(token), 1);
        token.mint(subscriber, 1_000);
        vm.prank(subscriber);
        token.approve(address(scrip), 1_000);
        vm.prank(builder);
        scrip.setOperator(id, address(token), REDEEM);
        IScrip.SessionVoucher memory given = sessionVoucher(1);
        given.redeemer = address(token);
        bytes memory signature = sign(given);
        uint256 inner = sameRequest ? 1 : 2;
        token.arm(address(scrip), abi.encodeCall(IScrip.redeemInSession, (given, more, inner, signature)));

        vm.prank(address(token));
        scrip.redeemInSession(given, 20, 1, signature);

        uint64 all = sameRequest || more > 30 ? 20 : 20 + more;
        assertEq(scrip.sessionOf(id, subscriber, address(token), 1).spent, all, "spent in the session");
        assertEq(token.balanceOf(payee), all, "money of the payee");

        token.arm(address(0), "");
        vm.prank(address(token));
        vm.expectRevert(exceeded(51 - all, 50 - all));
        scrip.redeemInSession(given, 51 - all, 3, signature);
    }

    // ─────────────────────────────────────── Beside an oracle ────────────────────────────────────────

    function testFuzz_WhenVouchersComeInAnySequence(uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        for (uint256 i; i < 24; ++i) {
            if (random.within(0, 11) == 0) end(random);
            step(random);
            pass(random.within(0, 3));
        }
        for (uint256 session; session < 3; ++session) {
            assertSession(agent, session);
            assertSession(builder, session);
        }
        assertEq(balance(id, subscriber), left, "balance");
    }

    function assertSession(address redeemer, uint256 session) internal view {
        IScrip.Session memory found = scrip.sessionOf(id, subscriber, redeemer, session);
        assertEq(found.spent, spentIn[redeemer][session], "spent in a session");
        assertEq(found.revoked, ended[redeemer][session], "whether a session has ended");
    }

    function end(Random.Source memory random) internal {
        (address redeemer, uint256 session) = (random.coin() ? agent : builder, random.within(0, 2));
        vm.prank(subscriber);
        scrip.revokeSession(id, redeemer, session);
        ended[redeemer][session] = true;
    }

    /// @dev Any voucher, old or new, right or wrong, and what the oracle says of it.
    function step(Random.Source memory random) internal {
        IScrip.SessionVoucher memory given = sessionVoucher(random.within(0, 2));
        given.redeemer = random.coin() ? agent : builder;
        given.maximum = uint64(random.within(0, 300));
        given.deadline = uint40(START + random.within(10, 80));
        uint64 amount = uint64(random.within(0, 5) == 0 ? random.within(0, 300) : random.within(1, 60));
        uint256 requestId = random.within(0, 31);
        address caller = random.within(0, 9) == 0 ? stranger : given.redeemer;
        uint256 key = random.within(0, 9) == 0 ? 1 : subscriberKey;
        bytes memory signature = signWith(key, digestOf(given));
        bytes memory refusal = refusalOf(given, amount, requestId, caller, key);

        vm.prank(caller);
        if (refusal.length != 0) vm.expectRevert(refusal);
        scrip.redeemInSession(given, amount, requestId, signature);

        if (refusal.length == 0) {
            spentIn[caller][given.session] += amount;
            used[caller][requestId] = true;
            left -= amount;
        }
    }

    function refusalOf(
        IScrip.SessionVoucher memory given,
        uint64 amount,
        uint256 requestId,
        address caller,
        uint256 key
    ) internal view returns (bytes memory) {
        if (used[caller][requestId]) {
            return abi.encodeWithSelector(IScrip.RequestAlreadyRedeemed.selector, id, caller, requestId);
        }
        if (caller != given.redeemer) {
            return abi.encodeWithSelector(IScrip.WrongRedeemer.selector, id, caller, given.redeemer);
        }
        if (vm.getBlockTimestamp() > given.deadline) {
            return abi.encodeWithSelector(IScrip.VoucherExpired.selector, id, subscriber, given.deadline);
        }
        if (ended[caller][given.session]) {
            return abi.encodeWithSelector(IScrip.SessionEnded.selector, id, subscriber, caller, given.session);
        }
        uint64 before = spentIn[caller][given.session];
        uint64 remaining = given.maximum > before ? given.maximum - before : 0;
        if (amount > remaining) return exceeded(amount, remaining);
        if (key != subscriberKey) return invalidSignature(subscriber);
        if (amount == 0 || amount > 100) {
            return abi.encodeWithSelector(IScrip.AmountOutOfRange.selector, id, amount, 1, 100);
        }
        if (amount > left) {
            return abi.encodeWithSelector(IScrip.InsufficientCredits.selector, id, subscriber, amount, left);
        }
        return "";
    }
}
