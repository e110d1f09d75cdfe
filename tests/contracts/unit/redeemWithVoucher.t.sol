// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width.
// forge-lint: disable-start(unsafe-typecast)

import {VoucherWorld} from "../VoucherWorld.sol";
import {Clerk} from "../mocks/Clerk.sol";
import {ReenteringDollar} from "../mocks/Tokens.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Vouchers that are redeemed once, signed as they should be. Wrong signatures stand in `voucherReplay`, other signers
/// in `voucherSigners`.
contract RedeemWithVoucherTest is VoucherWorld {
    // ──────────────────────────────────────────── Redeemed ───────────────────────────────────────────

    function testFuzz_WhenItIsRedeemed(uint64 maximum, uint64 amount, uint256 nonce) public {
        IScrip.Voucher memory given = voucher(nonce);
        given.maximum = uint64(bound(maximum, 1, type(uint64).max));
        amount = uint64(bound(amount, 1, given.maximum < 100 ? given.maximum : 100));
        bytes memory signature = sign(given);

        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(agent, subscriber, address(0), id, amount);
        vm.expectEmit(address(scrip));
        emit IScrip.VoucherRedeemed(id, subscriber, agent, amount, nonce);
        vm.recordLogs();
        redeem(given, amount, signature);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(balance(id, subscriber), STOCK - amount, "balance");
        assertTrue(scrip.isVoucherUsed(subscriber, nonce), "this nonce");
        unchecked {
            assertFalse(scrip.isVoucherUsed(subscriber, nonce + 1), "the nonce above");
            assertFalse(scrip.isVoucherUsed(subscriber, nonce - 1), "the nonce below");
            assertFalse(scrip.isVoucherUsed(subscriber, nonce + 256), "the same bit of the next word");
            assertFalse(scrip.isVoucherUsed(subscriber, nonce ^ (1 << 255)), "the same but for its highest bit");
        }
        assertFalse(scrip.isVoucherUsed(agent, nonce), "the nonce of another holder");
        assertFalse(scrip.isRedeemed(id, agent, nonce), "a request of the same number");
    }

    function testFuzz_RevertWhen_ItIsRedeemedAgain(uint64 first, uint64 second, uint256 nonce) public {
        IScrip.Voucher memory given = voucher(nonce);
        bytes memory signature = sign(given);
        first = uint64(bound(first, 1, 50));
        redeem(given, first, signature);

        expectRefusal(given, uint64(bound(second, 1, 50)), signature, voucherUsed(subscriber, nonce));

        assertEq(balance(id, subscriber), STOCK - first, "balance");
    }

    function testFuzz_RevertWhen_AnotherVoucherHasItsNonce(uint256 nonce, uint64 maximum) public {
        redeem(voucher(nonce), 1, sign(voucher(nonce)));
        IScrip.Voucher memory other = voucher(nonce);
        (other.planId, other.redeemer, other.maximum) = (vouched(), builder, uint64(bound(maximum, 1, 100)));
        bytes memory signature = sign(other);

        vm.prank(builder);
        vm.expectRevert(voucherUsed(subscriber, nonce));
        scrip.redeemWithVoucher(other, 1, signature);
    }

    function test_WhenAllNoncesOfAWordAreRedeemed() public {
        for (uint256 i; i < 256; ++i) {
            // An order of their own: 83 has no divisor in common with 256.
            uint256 nonce = 512 + i * 83 % 256;
            assertFalse(scrip.isVoucherUsed(subscriber, nonce), "used beforehand");
            redeem(voucher(nonce), 1, sign(voucher(nonce)));
            expectRefusal(voucher(nonce), 1, sign(voucher(nonce)), voucherUsed(subscriber, nonce));
        }
        assertEq(balance(id, subscriber), STOCK - 256, "balance");
        assertFalse(scrip.isVoucherUsed(subscriber, 511), "the nonce before the word");
        assertFalse(scrip.isVoucherUsed(subscriber, 768), "the nonce behind the word");
    }

    // ──────────────────────────────────────────── Refused ────────────────────────────────────────────

    function testFuzz_RevertWhen_AnotherThanItsRedeemerRedeemsIt(uint8 who) public {
        address caller = [builder, subscriber, stranger, minter][bound(who, 0, 3)];
        bytes memory signature = sign(voucher(1));

        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IScrip.WrongRedeemer.selector, id, caller, agent));
        scrip.redeemWithVoucher(voucher(1), 1, signature);

        assertFalse(scrip.isVoucherUsed(subscriber, 1), "used");
    }

    function testFuzz_WhenItIsRedeemedAboutItsDeadline(uint40 deadline, uint256 time) public {
        deadline = uint40(bound(deadline, START, type(uint40).max - 2));
        // In three of four runs it is the second of the deadline or one beside it.
        uint256 least = time % 4 == 0 || deadline == START ? START : deadline - 1;
        time = bound(time, least, time % 4 == 0 ? type(uint40).max : deadline + 1);
        IScrip.Voucher memory given = voucher(1);
        given.deadline = deadline;
        bytes memory signature = sign(given);
        vm.warp(time);

        if (time > deadline) {
            bytes memory refusal = abi.encodeWithSelector(IScrip.VoucherExpired.selector, id, subscriber, deadline);
            return expectRefusal(given, 1, signature, refusal);
        }
        redeem(given, 1, signature);
        assertEq(balance(id, subscriber), STOCK - 1, "balance");
    }

    function test_WhenItIsRedeemedInItsLastSecond() public {
        bytes memory signature = sign(voucher(1));
        vm.warp(START + 101);
        bytes memory refusal = abi.encodeWithSelector(IScrip.VoucherExpired.selector, id, subscriber, START + 100);
        expectRefusal(voucher(1), 1, signature, refusal);
        vm.warp(START + 100);
        redeem(voucher(1), 1, signature);
    }

    function testFuzz_RevertWhen_MoreThanItsMaximumIsTaken(uint64 maximum, uint64 amount) public {
        IScrip.Voucher memory given = voucher(1);
        given.maximum = uint64(bound(maximum, 0, type(uint64).max - 1));
        amount = uint64(bound(amount, uint256(given.maximum) + 1, type(uint64).max));
        bytes memory signature = sign(given);

        bytes memory refusal =
            abi.encodeWithSelector(IScrip.VoucherExceeded.selector, id, subscriber, amount, given.maximum);
        expectRefusal(given, amount, signature, refusal);

        assertFalse(scrip.isVoucherUsed(subscriber, 1), "used");
    }

    function testFuzz_RevertWhen_TheAmountIsOutOfTheRange(uint64 amount) public {
        amount = amount % 5 == 0 ? 0 : uint64(bound(amount, 101, type(uint64).max));
        IScrip.Voucher memory given = voucher(1);
        given.maximum = type(uint64).max;

        bytes memory refusal = abi.encodeWithSelector(IScrip.AmountOutOfRange.selector, id, amount, 1, 100);
        expectRefusal(given, amount, sign(given), refusal);

        assertFalse(scrip.isVoucherUsed(subscriber, 1), "used");
        redeem(given, 100, sign(given));
        assertEq(balance(id, subscriber), STOCK - 100, "balance");
    }

    function testFuzz_RevertWhen_TheHolderHasTooLittle(uint64 had, uint64 amount) public {
        had = uint64(bound(had, 0, 49));
        amount = uint64(bound(amount, had + 1, 50));
        vm.prank(subscriber);
        scrip.burn(id, subscriber, STOCK - had);

        bytes memory refusal = abi.encodeWithSelector(IScrip.InsufficientCredits.selector, id, subscriber, amount, had);
        expectRefusal(voucher(1), amount, sign(voucher(1)), refusal);
        assertFalse(scrip.isVoucherUsed(subscriber, 1), "used");

        give(id, subscriber, amount - had);
        redeem(voucher(1), amount, sign(voucher(1)));
        assertEq(balance(id, subscriber), 0, "balance");
    }

    function testFuzz_RevertWhen_ThereIsNoSuchPlan(uint256 planId) public {
        if (planId == id) ++planId;
        IScrip.Voucher memory given = voucher(1);
        given.planId = planId;
        expectRefusal(given, 1, sign(given), abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId));
        assertFalse(scrip.isVoucherUsed(subscriber, 1), "used");
    }

    /// @dev A voucher lets nobody redeem whom the terms do not.
    function testFuzz_GivenAnySumOfRedeemersAndAnyRedeemer(uint8 redeemers, uint8 who, bool required) public {
        redeemers = uint8(bound(redeemers, 1, 7));
        address caller = [builder, subscriber, agent, minter, stranger][bound(who, 0, 4)];
        bool allowed = caller == builder && redeemers & 1 != 0 || caller == subscriber && redeemers & 2 != 0
            || caller == agent && redeemers & 4 != 0;
        IScrip.Terms memory terms = premium();
        (terms.redemption.redeemers, terms.redemption.voucherRequired, terms.uri) = (redeemers, required, "");
        id = create(terms);
        nameOperators(id);
        give(id, subscriber, STOCK);
        IScrip.Voucher memory given = voucher(1);
        given.redeemer = caller;
        bytes memory signature = sign(given);

        vm.prank(caller);
        if (!allowed) {
            vm.expectRevert(abi.encodeWithSelector(IScrip.NotRedeemer.selector, id, caller, subscriber));
        }
        scrip.redeemWithVoucher(given, 7, signature);

        assertEq(balance(id, subscriber), allowed ? STOCK - 7 : STOCK, "balance");
        assertEq(scrip.isVoucherUsed(subscriber, 1), allowed, "used");
    }

    // ──────────────────────────────────────── Plans of every kind ────────────────────────────────────

    function testFuzz_WhenThePlanWantsVouchers(uint64 amount) public {
        amount = uint64(bound(amount, 1, 50));
        id = vouched();
        bytes memory refusal = abi.encodeWithSelector(IScrip.VoucherRequired.selector, id, agent, subscriber);
        vm.startPrank(agent);
        vm.expectRevert(refusal);
        scrip.redeem(id, subscriber, amount, 1);
        vm.expectRevert(refusal);
        scrip.redeemWithoutId(id, subscriber, amount);
        vm.stopPrank();

        redeem(voucher(1), amount, sign(voucher(1)));
        assertEq(balance(id, subscriber), STOCK - amount, "balance after the voucher");

        vm.prank(subscriber);
        scrip.redeem(id, subscriber, amount, 1);
        assertEq(balance(id, subscriber), STOCK - 2 * amount, "balance after the holder's own redemption");
    }

    function testFuzz_WhenThePlanIsForATime(uint64 amount) public {
        amount = uint64(bound(amount, 1, 50));
        id = create(access(50));
        nameOperators(id);
        orderFor(id, subscriber);

        vm.expectEmit(address(scrip));
        emit IScrip.VoucherRedeemed(id, subscriber, agent, amount, 1);
        vm.recordLogs();
        redeem(voucher(1), amount, sign(voucher(1)));

        assertEq(vm.getRecordedLogs().length, 1, "number of events");
        assertEq(scrip.accessEnd(id, subscriber), START + 50, "end");
        expectRefusal(voucher(1), amount, sign(voucher(1)), voucherUsed(subscriber, 1));
        vm.warp(START + 50);
        bytes memory refusal = abi.encodeWithSelector(IScrip.NoAccess.selector, id, subscriber, START + 50);
        expectRefusal(voucher(2), amount, sign(voucher(2)), refusal);
        assertFalse(scrip.isVoucherUsed(subscriber, 2), "used");
    }

    function testFuzz_WhenThePlanIsPaidPerUse(uint64 uses, uint96 price, uint16 rate) public {
        uses = uint64(bound(uses, 1, 50));
        price = uint96(bound(price, 1, 1e9));
        rate = uint16(bound(rate, 0, 100));
        id = perUse(address(dollar), price);
        address receiver = makeAddr("receiver");
        vm.prank(feeController);
        scrip.setFee(receiver, rate);
        uint256 paid = uint256(price) * uses;
        uint256 before = dollar.balanceOf(subscriber);
        IScrip.Voucher memory given = voucher(1);
        given.maximum = uses;
        bytes memory refusal = abi.encodeWithSelector(IScrip.VoucherExceeded.selector, id, subscriber, uses + 1, uses);
        expectRefusal(given, uses + 1, sign(given), refusal);

        vm.expectEmit(address(scrip));
        emit IScrip.UsesPaid(id, subscriber, uses, address(dollar), paid, paid * rate / 10_000);
        redeem(given, uses, sign(given));

        assertEq(dollar.balanceOf(subscriber), before - paid, "money of the holder");
        assertEq(dollar.balanceOf(receiver), paid * rate / 10_000, "money of the fee's receiver");
        assertEq(dollar.balanceOf(payee), paid - paid * rate / 10_000, "money of the payee");
        expectRefusal(given, uses, sign(given), voucherUsed(subscriber, 1));
    }

    function test_RevertWhen_AUseCannotBePaid() public {
        id = perUse(address(dollar), PRICE);
        vm.prank(subscriber);
        dollar.approve(address(scrip), PRICE - 1);

        bytes memory refusal =
            abi.encodeWithSelector(IScrip.PaymentFailed.selector, id, address(dollar), subscriber, payee, PRICE);
        expectRefusal(voucher(1), 1, sign(voucher(1)), refusal);

        assertFalse(scrip.isVoucherUsed(subscriber, 1), "used");
    }

    function hooked(address hook) internal {
        IScrip.Terms memory terms = premium();
        terms.hook = IScrip.Hook({account: hook, calls: 4 | 8});
        id = create(terms);
        nameOperators(id);
        give(id, subscriber, STOCK);
    }

    function test_WhenAHookRefuses() public {
        Clerk clerk = new Clerk();
        hooked(address(clerk));
        bytes memory reason = abi.encodeWithSignature("Error(string)", "five at most");
        bytes memory refusal = abi.encodeWithSelector(IScrip.HookRefused.selector, id, address(clerk), reason);
        expectRefusal(voucher(1), 6, sign(voucher(1)), refusal);
        assertFalse(scrip.isVoucherUsed(subscriber, 1), "used");

        redeem(voucher(1), 5, sign(voucher(1)));
        assertEq(balance(id, subscriber), STOCK - 5, "balance");
    }

    /// @dev The worst token: it is the voucher's redeemer, and redeems it again while it is to be paid.
    function test_WhenATokenRedeemsItAgain() public {
        ReenteringDollar token = new ReenteringDollar();
        id = perUse(address(token), 1);
        token.mint(subscriber, 100);
        vm.prank(subscriber);
        token.approve(address(scrip), 100);
        vm.prank(builder);
        scrip.setOperator(id, address(token), REDEEM);
        IScrip.Voucher memory given = voucher(1);
        given.redeemer = address(token);
        bytes memory signature = sign(given);
        token.arm(address(scrip), abi.encodeCall(IScrip.redeemWithVoucher, (given, 7, signature)));

        vm.prank(address(token));
        scrip.redeemWithVoucher(given, 7, signature);

        assertFalse(token.success(), "redeemed again");
        assertEq(token.answer(), voucherUsed(subscriber, 1), "refusal");
        assertEq(token.balanceOf(payee), 7, "money of the payee");
    }
}
