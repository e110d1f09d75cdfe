// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Kinds} from "../Kinds.sol";
import {Random} from "../Random.sol";
import {PickyDollar} from "../mocks/PickyDollar.sol";
import {FeeDollar, NoReturnDollar, ReenteringDollar} from "../mocks/Tokens.sol";
import {TestDollar} from "../mocks/TestDollar.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Plans that are paid for each use, out of the holder's own pocket and by the holder's voucher.
contract PerUseTest is Kinds {
    using Random for Random.Source;

    uint96 internal constant USE = 30_000;

    uint256 internal id;

    function setUp() public override {
        super.setUp();
        id = create(perUse(address(dollar), USE));
    }

    function unpaid(uint256 planId, address token, uint256 amount) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.PaymentFailed.selector, planId, token, subscriber, payee, amount);
    }

    // ──────────────────────────────────────────── Payment ────────────────────────────────────────────

    function testFuzz_WhenItIsUsedWithAVoucher(uint64 uses, uint64 maximum, uint96 amount, uint256 nonce) public {
        uses = uint64(bound(uses, 1, 100));
        maximum = uint64(bound(maximum, uses, type(uint64).max));
        amount = uint96(bound(amount, 1, type(uint96).max));
        uint256 planId = create(perUse(address(dollar), amount));
        uint256 price = uint256(amount) * uses;
        deal(address(dollar), subscriber, price);
        IScrip.Voucher memory voucher = voucherFor(planId, builder, maximum, nonce);
        bytes memory signature = sign(voucher);

        vm.expectEmit(address(scrip));
        emit IScrip.UsesPaid(planId, subscriber, uses, address(dollar), price, 0);
        vm.expectEmit(address(scrip));
        emit IScrip.VoucherRedeemed(planId, subscriber, builder, uses, nonce);
        vm.prank(builder);
        scrip.redeemWithVoucher(voucher, uses, signature);

        assertEq(dollar.balanceOf(subscriber), 0, "money of the holder");
        assertEq(dollar.balanceOf(payee), price, "money of the payee");
        assertTrue(scrip.isVoucherUsed(subscriber, nonce), "voucher used");
        assertEq(balance(planId, subscriber), 0, "balance");

        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.VoucherUsed.selector, subscriber, nonce));
        scrip.redeemWithVoucher(voucher, uses, signature);
    }

    function testFuzz_WhenThereAreManyPayeesAndAFee(uint256 seed, uint64 uses, uint16 rate) public {
        uses = uint64(bound(uses, 1, 100));
        rate = uint16(bound(rate, 0, 100));
        IScrip.Terms memory terms = perUse(address(dollar), uint96(bound(seed, 1, 1e9)));
        terms.payees = Random.from(seed).payees(payee, bound(seed, 1, 8));
        uint256 planId = create(terms);
        setFee(feeController, rate);
        uint256 price = uint256(terms.price.amount) * uses;
        uint256 before = dollar.balanceOf(subscriber);

        redeemVouched(planId, uses, 1);

        uint256 sum = dollar.balanceOf(feeController);
        assertEq(sum, price * rate / 10_000, "fee");
        for (uint256 i; i < terms.payees.length; ++i) {
            sum += dollar.balanceOf(terms.payees[i].account);
        }
        assertEq(sum, price, "fee and shares together");
        assertEq(dollar.balanceOf(subscriber), before - price, "money of the holder");
    }

    function testFuzz_RevertWhen_MoreIsUsedThanTheVoucherLets(uint64 uses, uint64 maximum) public {
        uses = uint64(bound(uses, 2, 100));
        maximum = uint64(bound(maximum, 1, uses - 1));
        IScrip.Voucher memory voucher = voucherFor(id, builder, maximum, 0);
        bytes memory signature = sign(voucher);
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.VoucherExceeded.selector, id, subscriber, uses, maximum));
        scrip.redeemWithVoucher(voucher, uses, signature);
        assertEq(dollar.balanceOf(payee), 0, "money of the payee");
    }

    function test_WhenTheHolderUsesItItself() public {
        IScrip.Terms memory terms = perUse(address(dollar), USE);
        terms.redemption.redeemers = 2;
        uint256 planId = create(terms);
        vm.prank(subscriber);
        scrip.redeem(planId, subscriber, 3, 1);
        assertEq(dollar.balanceOf(payee), 3 * USE, "money of the payee");

        IScrip.Batch[] memory batches = new IScrip.Batch[](1);
        batches[0] = IScrip.Batch({planId: planId, uses: new IScrip.Use[](2)});
        batches[0].uses[0] = IScrip.Use({holder: subscriber, amount: 4, requestId: 2});
        batches[0].uses[1] = IScrip.Use({holder: subscriber, amount: 5, requestId: 3});
        vm.prank(subscriber);
        scrip.redeemMany(batches);
        assertEq(dollar.balanceOf(payee), 12 * USE, "money of the payee, after a batch");
    }

    // ──────────────────────────────────────────── Refusals ───────────────────────────────────────────

    function test_RevertWhen_ThereIsNoVoucher() public {
        bytes memory refusal = abi.encodeWithSelector(IScrip.VoucherRequired.selector, id, builder, subscriber);
        IScrip.Batch[] memory batches = new IScrip.Batch[](1);
        batches[0] = IScrip.Batch({planId: id, uses: new IScrip.Use[](1)});
        batches[0].uses[0] = IScrip.Use({holder: subscriber, amount: 1, requestId: 0});
        vm.startPrank(builder);
        vm.expectRevert(refusal);
        scrip.redeem(id, subscriber, 1, 0);
        vm.expectRevert(refusal);
        scrip.redeemWithoutId(id, subscriber, 1);
        vm.expectRevert(refusal);
        scrip.redeemMany(batches);
        vm.stopPrank();
        assertFalse(scrip.isRedeemed(id, builder, 0), "request used");
        assertEq(dollar.balanceOf(payee), 0, "money of the payee");
    }

    function testFuzz_RevertWhen_TheVoucherIsForgedOrChanged(uint8 field, uint64 by) public {
        by = uint64(bound(by, 1, 1_000));
        IScrip.Voucher memory voucher = voucherFor(id, builder, 5, 7);
        bytes memory signature = sign(voucher);
        field = uint8(bound(field, 0, 4));
        if (field == 0) voucher.maximum += by;
        if (field == 1) voucher.nonce += by;
        if (field == 2) voucher.deadline += uint40(by);
        if (field == 3) voucher.holder = stranger;
        if (field == 4) voucher.planId = create(perUse(address(dollar), uint96(by)));
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.InvalidSignature.selector, voucher.holder));
        scrip.redeemWithVoucher(voucher, 1, signature);
        assertEq(dollar.balanceOf(payee), 0, "money of the payee");
    }

    function testFuzz_RevertWhen_TheAllowanceIsTooSmall(uint64 uses, uint256 allowance) public {
        uses = uint64(bound(uses, 1, 100));
        uint256 price = uint256(USE) * uses;
        vm.prank(subscriber);
        dollar.approve(address(scrip), bound(allowance, 0, price - 1));
        expectVouchedRefused(id, uses, 0, unpaid(id, address(dollar), price));
    }

    function testFuzz_RevertWhen_TheBalanceIsTooSmall(uint64 uses, uint256 money) public {
        uses = uint64(bound(uses, 1, 100));
        uint256 price = uint256(USE) * uses;
        deal(address(dollar), subscriber, bound(money, 0, price - 1));
        expectVouchedRefused(id, uses, 0, unpaid(id, address(dollar), price));
    }

    function test_RevertWhen_ItIsOrderedMintedBurnedOrSettled() public {
        bytes memory refusal = abi.encodeWithSelector(IScrip.WrongPriceKind.selector, id, IScrip.PriceKind.PerUse);
        vm.startPrank(builder);
        vm.expectRevert(refusal);
        scrip.order(id, builder, 1, type(uint256).max);
        vm.expectRevert(refusal);
        scrip.mint(id, subscriber, 1);
        vm.expectRevert(refusal);
        scrip.mintExpirable(id, subscriber, 1, 1);
        vm.expectRevert(refusal);
        scrip.burn(id, builder, 1);
        vm.expectRevert(refusal);
        scrip.settle(id, subscriber, 1, "pi_1");
    }

    // ───────────────────────────────────────────── Tokens ────────────────────────────────────────────

    function pricedIn(TestDollar token) internal returns (uint256 planId) {
        token.mint(subscriber, 1_000 * USE);
        vm.prank(subscriber);
        token.approve(address(scrip), type(uint256).max);
        return create(perUse(address(token), USE));
    }

    function test_WhenTheTokenReturnsNothingOrTakesAFee() public {
        TestDollar token = new NoReturnDollar();
        redeemVouched(pricedIn(token), 2, 0);
        assertEq(token.balanceOf(payee), 2 * USE, "money of the payee");

        token = new FeeDollar();
        redeemVouched(pricedIn(token), 2, 1);
        assertEq(token.balanceOf(payee), 2 * USE - 2 * USE / 100, "money of the payee, less the token's fee");
        assertEq(token.balanceOf(subscriber), 998 * USE, "money of the holder");
    }

    function test_RevertWhen_TheTokenSaysFalseOrBlocks() public {
        PickyDollar token = new PickyDollar();
        uint256 planId = pricedIn(token);
        for (uint8 way = 1; way <= uint8(PickyDollar.Way.Riddles); ++way) {
            token.treat(payee, PickyDollar.Way(way));
            expectVouchedRefused(planId, 2, 0, unpaid(planId, address(token), 2 * USE));
        }
        assertEq(token.balanceOf(subscriber), 1_000 * USE, "money of the holder");
    }

    function test_WhenTheTokenRedeemsTheSameVoucherAgain() public {
        ReenteringDollar token = new ReenteringDollar();
        uint256 planId = pricedIn(token);
        vm.prank(builder);
        scrip.setOperator(planId, address(token), REDEEM);
        IScrip.Voucher memory voucher = voucherFor(planId, address(token), 5, 0);
        bytes memory signature = sign(voucher);
        bytes memory call = abi.encodeCall(IScrip.redeemWithVoucher, (voucher, 5, signature));
        token.arm(address(scrip), call);

        vm.prank(address(token));
        (bool done,) = address(scrip).call(call);

        assertTrue(done, "done");
        assertFalse(token.success(), "done again from within");
        assertEq(token.answer(), abi.encodeWithSelector(IScrip.VoucherUsed.selector, subscriber, 0), "refusal");
        assertEq(token.balanceOf(payee), 5 * USE, "money of the payee, pulled once");
    }
}
