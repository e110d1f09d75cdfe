// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {LensWorld} from "../LensWorld.sol";
import {Random} from "../Random.sol";
import {ILens} from "scrip/interfaces/ILens.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice What the lens says of redemptions, beside what the core does.
contract LensRedemptionTest is LensWorld {
    using Random for Random.Source;

    /// @dev The four ways to redeem that are done, each seen.
    uint256[4] internal doneBy;

    bytes32 internal constant VOUCHER_TYPE = keccak256(
        "Voucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 nonce,uint40 deadline)"
    );
    bytes32 internal constant SESSION_VOUCHER_TYPE = keccak256(
        "SessionVoucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 session,uint40 deadline)"
    );

    // ─────────────────────────────────────────── Beside the core ─────────────────────────────────────

    function testFuzz_WhenAnyRedemptionIsAskedAbout(uint256 seed) public {
        play(seed);
    }

    function test_WhenRedemptionsOfManySeedsAreAskedAbout() public {
        vm.pauseGasMetering();
        for (uint256 seed; seed < 400; ++seed) {
            this.play(seed);
        }
        assertMet(IScrip.PlanNotFound.selector, "PlanNotFound");
        assertMet(IScrip.RequestAlreadyRedeemed.selector, "RequestAlreadyRedeemed");
        assertMet(IScrip.NotRedeemer.selector, "NotRedeemer");
        assertMet(IScrip.AmountOutOfRange.selector, "AmountOutOfRange");
        assertMet(IScrip.VoucherRequired.selector, "VoucherRequired");
        assertMet(IScrip.NoAccess.selector, "NoAccess");
        assertMet(IScrip.InsufficientCredits.selector, "InsufficientCredits");
        assertMet(IScrip.PaymentFailed.selector, "PaymentFailed");
        assertMet(IScrip.WrongRedeemer.selector, "WrongRedeemer");
        assertMet(IScrip.VoucherExpired.selector, "VoucherExpired");
        assertMet(IScrip.VoucherUsed.selector, "VoucherUsed");
        assertMet(IScrip.VoucherExceeded.selector, "VoucherExceeded");
        assertMet(IScrip.SessionEnded.selector, "SessionEnded");
        assertMet(IScrip.InvalidSignature.selector, "InvalidSignature");
        for (uint256 way; way < 4; ++way) {
            assertGt(doneBy[way], 0, "a way to redeem that was done");
        }
    }

    /// @dev A plan, a holder with something of it, and a few redemptions one after another.
    function play(uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        (uint256 planId, IScrip.Terms memory terms) = randomPlan(random);
        address holder =
            random.within(0, 15) == 0 ? address(0) : [subscriber, builder, address(wallet)][random.within(0, 2)];
        stock(random, planId, terms, holder);
        if (holder != address(0)) fillPurse(random, holder, uint256(terms.price.amount) * 4);
        pass(random.within(0, 1) * random.within(0, 90));
        for (uint256 i; i < 4; ++i) {
            if (random.within(0, 15) == 0) revoke(random, planId, holder);
            redeemSomehow(random, random.within(0, 31) == 0 ? NO_PLAN : planId, holder);
            pass(random.within(0, 5));
        }
    }

    function revoke(Random.Source memory random, uint256 planId, address holder) internal {
        vm.startPrank(holder);
        if (random.coin()) scrip.revokeVouchers(0, random.within(0, 3));
        else scrip.revokeSession(planId, agent, random.within(0, 1));
        vm.stopPrank();
    }

    function redeemSomehow(Random.Source memory random, uint256 planId, address holder) internal {
        uint256 way = random.within(0, 3);
        // Who may redeem is likelier than who may not.
        address redeemer = [builder, agent, holder, agent, builder, stranger, minter][random.within(0, 6)];
        uint64 amount = uint64(random.within(0, 7) == 0 ? random.within(0, 9) : random.within(1, 4));
        uint256 requestId = random.within(0, 2);
        uint256 before = met[0];
        if (way == 0) {
            (bytes memory refusal,) = lens.refusalOfRedemption(scrip, planId, redeemer, holder, amount, requestId);
            compare(refusal, redeemer, 0, abi.encodeCall(IScrip.redeem, (planId, holder, amount, requestId)));
        } else if (way == 1) {
            (bytes memory refusal,) = lens.refusalOfRedemptionWithoutId(scrip, planId, redeemer, holder, amount);
            compare(refusal, redeemer, 0, abi.encodeCall(IScrip.redeemWithoutId, (planId, holder, amount)));
        } else if (way == 2) {
            redeemWithVoucher(random, planId, holder, redeemer, amount);
        } else {
            redeemInSession(random, planId, holder, redeemer, amount, requestId);
        }
        doneBy[way] += met[0] - before;
    }

    function redeemWithVoucher(
        Random.Source memory random,
        uint256 planId,
        address holder,
        address redeemer,
        uint64 amount
    ) internal {
        IScrip.Voucher memory voucher = IScrip.Voucher({
            planId: planId,
            holder: holder,
            redeemer: random.within(0, 7) == 0 ? stranger : redeemer,
            maximum: uint64(random.within(1, 9)),
            nonce: random.within(0, 3),
            deadline: randomDeadline(random)
        });
        bytes memory signature = sign(random, keccak256(abi.encode(VOUCHER_TYPE, voucher)));

        (bytes memory refusal,) = lens.refusalOfVoucher(scrip, redeemer, voucher, amount, signature);
        compare(refusal, redeemer, 0, abi.encodeCall(IScrip.redeemWithVoucher, (voucher, amount, signature)));
    }

    function redeemInSession(
        Random.Source memory random,
        uint256 planId,
        address holder,
        address redeemer,
        uint64 amount,
        uint256 requestId
    ) internal {
        IScrip.SessionVoucher memory voucher = IScrip.SessionVoucher({
            planId: planId,
            holder: holder,
            redeemer: random.within(0, 7) == 0 ? stranger : redeemer,
            maximum: uint64(random.within(1, 12)),
            session: random.within(0, 1),
            deadline: randomDeadline(random)
        });
        bytes memory signature = sign(random, keccak256(abi.encode(SESSION_VOUCHER_TYPE, voucher)));

        (bytes memory refusal,) = lens.refusalOfSession(scrip, redeemer, voucher, amount, requestId, signature);
        compare(refusal, redeemer, 0, abi.encodeCall(IScrip.redeemInSession, (voucher, amount, requestId, signature)));
    }

    function randomDeadline(Random.Source memory random) internal view returns (uint40) {
        uint256 time = vm.getBlockTimestamp();
        return uint40(random.within(0, 3) == 0 ? random.within(time - 1, time) : time + random.within(0, 100));
    }

    /// @dev By the subscriber's key, which is the wallet's, too; sometimes not, or no signature at all.
    function sign(Random.Source memory random, bytes32 structHash) internal view returns (bytes memory signature) {
        if (random.within(0, 15) == 0) return abi.encode(structHash);
        uint256 key = random.within(0, 15) == 0 ? 1 : subscriberKey;
        return signWith(key, structHash);
    }

    function signWith(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", lens.domainSeparator(scrip), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    // ────────────────────────────────────────────── Hooks ────────────────────────────────────────────

    function testFuzz_GivenAHook(uint8 calls) public {
        calls = uint8(bound(calls, 1, 15));
        IScrip.Terms memory terms = premium();
        terms.hook = IScrip.Hook({account: address(assent), calls: calls});
        uint256 id = create(terms);

        (, bool asksHook) = lens.refusalOfRedemption(scrip, id, builder, subscriber, 1, 0);
        (, bool asksHookWithoutId) = lens.refusalOfRedemptionWithoutId(scrip, id, builder, subscriber, 1);
        (, bool asksHookOfVoucher) = lens.refusalOfVoucher(scrip, builder, voucherOf(id), 1, "");
        (, bool asksHookOfOther) = lens.refusalOfRedemption(scrip, NO_PLAN, builder, subscriber, 1, 0);

        assertEq(asksHook, calls & 12 != 0, "with an id");
        assertEq(asksHookWithoutId, calls & 12 != 0, "without an id");
        assertEq(asksHookOfVoucher, calls & 12 != 0, "with a voucher");
        assertFalse(asksHookOfOther, "no plan");
    }

    function voucherOf(uint256 planId) internal view returns (IScrip.Voucher memory voucher) {
        voucher.planId = planId;
        voucher.holder = subscriber;
        voucher.redeemer = builder;
        voucher.deadline = type(uint40).max;
    }

    // ────────────────────────────────────────────── Lists ────────────────────────────────────────────

    function testFuzz_WhenManyRequestIdsAreAskedAbout(uint256 first, uint256 second) public {
        if (second == first) second = ~first;
        uint256 id = create(premium());
        give(id, subscriber, 1);
        vm.prank(builder);
        scrip.redeem(id, subscriber, 1, first);
        uint256[] memory ids = new uint256[](2);
        (ids[0], ids[1]) = (first, second);

        bool[] memory answers = lens.areRedeemed(scrip, id, builder, ids);

        assertEq(answers.length, 2, "answers");
        assertTrue(answers[0], "the used id");
        assertFalse(answers[1], "the other id");
    }

    function testFuzz_WhenManyNoncesAreAskedAbout(uint256 first, uint256 second) public {
        if (second == first) second = ~first;
        vm.prank(subscriber);
        scrip.revokeVouchers(first / 256, 1 << (first % 256));
        uint256[] memory nonces = new uint256[](2);
        (nonces[0], nonces[1]) = (first, second);

        bool[] memory answers = lens.areVouchersUsed(scrip, subscriber, nonces);

        assertEq(answers.length, 2, "answers");
        assertTrue(answers[0], "the revoked nonce");
        assertFalse(answers[1], "the other nonce");
    }

    // ────────────────────────────────────────────── Rest ─────────────────────────────────────────────

    function testFuzz_WhenTheDomainIsAskedFor(uint64 chainId) public {
        vm.chainId(bound(chainId, 1, type(uint64).max - 1));
        bytes32 expected = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Scrip"),
                keccak256("1"),
                block.chainid,
                address(scrip)
            )
        );
        assertEq(lens.domainSeparator(scrip), expected, "domain");
    }

    function testFuzz_RevertWhen_TheCoreIsNone(uint256 planId) public {
        IScrip none = IScrip(address(assent));
        vm.expectRevert(abi.encodeWithSelector(ILens.NoAnswer.selector, none));
        lens.refusalOfRedemption(none, planId, builder, subscriber, 1, 0);
        vm.expectRevert();
        lens.refusalOfRedemption(IScrip(stranger), planId, builder, subscriber, 1, 0);
    }

    function testFuzz_RevertWhen_TheGasRunsOut(uint256 gas) public {
        uint256 id = create(premium());
        bytes memory call = abi.encodeCall(ILens.refusalOfRedemption, (scrip, id, builder, subscriber, 1, 0));

        (bool done, bytes memory answer) = address(lens).staticcall{gas: bound(gas, 0, 200_000)}(call);

        if (!done) return;
        (bytes memory refusal,) = abi.decode(answer, (bytes, bool));
        assertEq(
            refusal,
            abi.encodeWithSelector(IScrip.InsufficientCredits.selector, id, subscriber, 1, 0),
            "what it says if it says anything"
        );
    }
}
