// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Base} from "../Base.t.sol";
import {OneKeyWallet} from "../mocks/OneKeyWallet.sol";
import {SettableSource} from "../mocks/SettableSource.sol";
import {ILens} from "scrip/interfaces/ILens.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {ISignedCoupons} from "scrip/interfaces/ISignedCoupons.sol";

/// @notice The price source and hook that takes coupons.
contract SignedCouponsTest is Base {
    ISignedCoupons internal coupons = ISignedCoupons(deployCode("SignedCoupons.sol:SignedCoupons", abi.encode(scrip)));

    uint88 internal constant FULL_PRICE = 20e6;
    uint96 internal constant COUPON_PRICE = 5e6;

    address internal signer;
    uint256 internal signerKey;
    address internal heir = makeAddr("heir");
    uint256 internal id;

    function setUp() public override {
        super.setUp();
        (signer, signerKey) = makeAddrAndKey("signer");
        id = create(couponTerms());
        vm.prank(builder);
        coupons.configure(id, FULL_PRICE, signer);
    }

    function couponTerms() internal view returns (IScrip.Terms memory terms) {
        terms = premium();
        terms.price = IScrip.Price(IScrip.PriceKind.Quoted, address(dollar), 0, 0, address(coupons));
        terms.hook = IScrip.Hook({account: address(coupons), calls: 1});
    }

    /// @dev Another plan, which is not configured yet.
    function createOther(IScrip.Terms memory terms) internal returns (uint256) {
        terms.name = "Other Plan";
        return create(terms);
    }

    function coupon() internal view returns (ISignedCoupons.Coupon memory) {
        return ISignedCoupons.Coupon({
            planId: id, holder: subscriber, price: COUPON_PRICE, uses: 3, nonce: 7, deadline: uint40(START + 1 days)
        });
    }

    function sign(uint256 key, ISignedCoupons.Coupon memory given) internal view returns (bytes memory data) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, hashOf(given));
        return abi.encode(given, abi.encodePacked(r, s, v));
    }

    /// @dev By EIP-712, and not by the contract.
    function hashOf(ISignedCoupons.Coupon memory given) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Scrip coupons"),
                keccak256("1"),
                block.chainid,
                coupons
            )
        );
        bytes32 kind =
            keccak256("Coupon(uint256 planId,address holder,uint96 price,uint32 uses,uint256 nonce,uint40 deadline)");
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(abi.encode(kind, given))));
    }

    function purchaseOf(uint256 planId, address holder, uint32 quantity, bytes memory data)
        internal
        pure
        returns (IScrip.Purchase memory)
    {
        return IScrip.Purchase({
            planId: planId, holder: holder, quantity: quantity, maxPrice: type(uint256).max, data: data
        });
    }

    function order(uint256 planId, address holder, uint32 quantity, bytes memory data) internal {
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](1);
        purchases[0] = purchaseOf(planId, holder, quantity, data);
        vm.prank(holder);
        scrip.orderMany(purchases);
    }

    /// @dev An order that the price source refuses.
    function expectRefusal(uint256 planId, bytes memory reason) internal {
        vm.expectRevert(abi.encodeWithSelector(IScrip.QuoteFailed.selector, planId, coupons, reason));
    }

    // ───────────────────────────────────────── Configuration ─────────────────────────────────────────

    function testFuzz_WhenTheOwnerConfiguresAPlan(uint88 price, address signer_) public {
        uint256 other = createOther(couponTerms());
        vm.expectEmit(address(coupons));
        emit ISignedCoupons.PlanConfigured(other, signer_, price);
        vm.prank(builder);
        coupons.configure(other, price, signer_);

        ISignedCoupons.Configuration memory configuration = coupons.configurationOf(other);
        assertEq(configuration.signer, signer_, "signer");
        assertEq(configuration.price, price, "price");
        assertTrue(configuration.configured, "configured");
        assertEq(address(coupons.scrip()), address(scrip), "core");
    }

    function testFuzz_RevertWhen_OthersThanTheOwnerConfigureIt(address caller) public {
        vm.assume(caller != builder);
        bytes memory refusal = abi.encodeWithSelector(IScrip.NotPlanOwner.selector, id, caller, builder);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        coupons.configure(id, 0, caller);
        vm.expectRevert(refusal);
        coupons.setSigner(id, caller);
        vm.stopPrank();
    }

    function testFuzz_RevertWhen_TheTermsDoNotFit(uint8 which, uint8 calls) public {
        IScrip.Terms memory terms = couponTerms();
        which = uint8(bound(which, 0, 2));
        if (which == 0) terms.price = fixedPrice(address(dollar), PRICE);
        if (which == 1) terms.hook.account = address(dollar);
        // Any calls without the one before orders.
        if (which == 2) terms.hook.calls = uint8(bound(calls, 1, 7)) * 2;
        uint256 other = createOther(terms);

        vm.expectRevert(
            abi.encodeWithSelector(
                ISignedCoupons.TermsDoNotFit.selector, other, terms.price.source, terms.hook.account, terms.hook.calls
            )
        );
        vm.prank(builder);
        coupons.configure(other, FULL_PRICE, signer);
    }

    function testFuzz_RevertWhen_ItIsConfiguredAgain(bool byHeir, uint88 price) public {
        if (byHeir) handOver(id, heir);
        vm.expectRevert(abi.encodeWithSelector(ISignedCoupons.AlreadyConfigured.selector, id));
        vm.prank(byHeir ? heir : builder);
        coupons.configure(id, price, signer);
    }

    function test_RevertGiven_APlanThatIsNotConfigured() public {
        uint256 other = createOther(couponTerms());
        bytes memory refusal = abi.encodeWithSelector(ISignedCoupons.NotConfigured.selector, other);
        expectRefusal(other, refusal);
        order(other, subscriber, 1, "");
        expectRefusal(other, refusal);
        order(other, subscriber, 1, sign(signerKey, coupon()));
        vm.expectRevert(refusal);
        vm.prank(builder);
        coupons.setSigner(other, signer);
    }

    function test_RevertGiven_AnotherPriceSourceInTheTerms() public {
        IScrip.Terms memory terms = couponTerms();
        terms.price.source = address(new SettableSource());
        uint256 other = createOther(terms);
        bytes memory reason = abi.encodeWithSelector(ISignedCoupons.NotConfigured.selector, other);
        vm.expectRevert(abi.encodeWithSelector(IScrip.HookRefused.selector, other, coupons, reason));
        order(other, subscriber, 1, sign(signerKey, coupon()));
    }

    // ───────────────────────────────────────────── Orders ────────────────────────────────────────────

    function testFuzz_WhenItIsOrderedWithoutACoupon(uint8 quantity) public {
        quantity = uint8(bound(quantity, 1, 255));
        order(id, subscriber, quantity, "");
        assertEq(dollar.balanceOf(payee), uint256(FULL_PRICE) * quantity, "paid");

        uint256 other = createOther(couponTerms());
        vm.prank(builder);
        coupons.configure(other, 0, signer);
        expectRefusal(other, abi.encodeWithSelector(ISignedCoupons.CouponRequired.selector, other));
        order(other, subscriber, quantity, "");
    }

    function testFuzz_WhenItIsOrderedWithACoupon(uint64 price, uint8 uses, uint8 quantity) public {
        uses = uint8(bound(uses, 1, 255));
        quantity = uint8(bound(quantity, 1, uses));
        ISignedCoupons.Coupon memory given = coupon();
        given.price = uint96(bound(price, 0, 1_000e6));
        given.uses = uses;
        bytes memory data = sign(signerKey, given);
        ILens lens = ILens(deployCode("Lens.sol:Lens"));
        uint256 total = uint256(given.price) * quantity;
        assertEq(lens.quote(scrip, id, subscriber, subscriber, quantity, data).price, total, "quote");

        vm.expectEmit(address(coupons));
        emit ISignedCoupons.CouponUsed(id, coupons.hashOf(given), subscriber, quantity);
        order(id, subscriber, quantity, data);

        assertEq(dollar.balanceOf(payee), total, "paid");
        assertEq(balance(id, subscriber), uint256(CREDITS) * quantity, "balance");
        assertEq(coupons.remainingUses(given), uses - quantity, "uses left");
    }

    function testFuzz_RevertWhen_ACouponIsUsedMoreOftenThanItSays(uint8 quantity) public {
        ISignedCoupons.Coupon memory given = coupon();
        bytes memory data = sign(signerKey, given);
        bytes32 hash = coupons.hashOf(given);
        quantity = uint8(bound(quantity, 4, 255));
        expectRefusal(id, abi.encodeWithSelector(ISignedCoupons.CouponUsedUp.selector, id, hash, quantity, 3));
        order(id, subscriber, quantity, data);

        // Two and two, in one call.
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](2);
        purchases[0] = purchaseOf(id, subscriber, 2, data);
        purchases[1] = purchaseOf(id, subscriber, 2, data);
        expectRefusal(id, abi.encodeWithSelector(ISignedCoupons.CouponUsedUp.selector, id, hash, 2, 1));
        vm.prank(subscriber);
        scrip.orderMany(purchases);
        assertEq(coupons.remainingUses(given), 3, "a call that reverts uses nothing");
    }

    function testFuzz_WhenUsesAreAskedAboutInAnyOrder(uint8 uses, uint8[8] calldata quantities) public {
        ISignedCoupons.Coupon memory given = coupon();
        (given.holder, given.uses, given.price) = (address(0), uses, 0);
        bytes memory data = sign(signerKey, given);
        uint256 used;
        for (uint256 i; i < quantities.length; ++i) {
            uint32 quantity = uint32(bound(quantities[i], 1, 100));
            bool fits = used + quantity <= uses;
            if (fits) used += quantity;
            else vm.expectPartialRevert(IScrip.QuoteFailed.selector);
            order(id, i % 2 == 0 ? subscriber : stranger, quantity, data);
            assertEq(coupons.remainingUses(given), uses - used, "uses left");
        }
        assertEq(balance(id, subscriber) + balance(id, stranger), used * CREDITS, "credits of as many orders as uses");
    }

    function test_WhenAnOrderFailsAfterTheHookWasAsked() public {
        ISignedCoupons.Coupon memory given = coupon();
        vm.prank(subscriber);
        dollar.approve(address(scrip), COUPON_PRICE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IScrip.PaymentFailed.selector, id, dollar, subscriber, payee, COUPON_PRICE)
        );
        order(id, subscriber, 1, sign(signerKey, given));
        assertEq(coupons.remainingUses(given), 3, "uses left");
    }

    // ──────────────────────────────────────────── Coupons ────────────────────────────────────────────

    function testFuzz_RevertWhen_ACouponIsOfAnotherPlan(uint256 planId) public {
        if (planId == id) planId = ~id;
        ISignedCoupons.Coupon memory given = coupon();
        given.planId = planId;
        expectRefusal(id, abi.encodeWithSelector(ISignedCoupons.CouponOfOtherPlan.selector, id, planId));
        order(id, subscriber, 1, sign(signerKey, given));
    }

    function test_RevertWhen_ACouponIsOfAnotherHolder() public {
        expectRefusal(id, abi.encodeWithSelector(ISignedCoupons.CouponOfOtherHolder.selector, id, stranger, subscriber));
        order(id, stranger, 1, sign(signerKey, coupon()));
    }

    function testFuzz_WhenACouponIsHashed(ISignedCoupons.Coupon calldata given, uint64 chainId) public {
        vm.chainId(bound(chainId, 1, type(uint64).max - 1));
        assertEq(coupons.hashOf(given), hashOf(given), "hash");
    }

    function testFuzz_WhenACouponIsForAnyone(bool which) public {
        ISignedCoupons.Coupon memory given = coupon();
        given.holder = address(0);
        address holder = which ? stranger : subscriber;
        order(id, holder, 1, sign(signerKey, given));
        assertEq(balance(id, holder), CREDITS, "balance");
    }

    function test_WhenItIsTheDeadline() public {
        ISignedCoupons.Coupon memory given = coupon();
        bytes memory data = sign(signerKey, given);
        vm.warp(given.deadline);
        order(id, subscriber, 1, data);
        pass(1);
        expectRefusal(
            id, abi.encodeWithSelector(ISignedCoupons.CouponExpired.selector, id, hashOf(given), given.deadline)
        );
        order(id, subscriber, 1, data);
    }

    function testFuzz_RevertWhen_AnotherSignsOrAnyFieldIsChanged(uint256 key, uint8 field) public {
        key = bound(key, 1, type(uint128).max);
        field = uint8(bound(field, 0, 5));
        ISignedCoupons.Coupon memory given = coupon();
        bytes memory data = sign(field == 0 ? key : signerKey, given);
        if (field != 0) {
            (, bytes memory signature) = abi.decode(data, (ISignedCoupons.Coupon, bytes));
            if (field == 1) given.holder = address(0);
            if (field == 2) --given.price;
            if (field == 3) ++given.uses;
            if (field == 4) ++given.nonce;
            if (field == 5) ++given.deadline;
            data = abi.encode(given, signature);
        }
        expectRefusal(id, abi.encodeWithSelector(IScrip.InvalidSignature.selector, signer));
        order(id, subscriber, 1, data);
    }

    function test_WhenTheSignerIsChanged() public {
        (address other, uint256 otherKey) = makeAddrAndKey("other signer");
        bytes memory data = sign(signerKey, coupon());
        order(id, subscriber, 1, data);
        vm.expectEmit(address(coupons));
        emit ISignedCoupons.SignerSet(id, other);
        vm.prank(builder);
        coupons.setSigner(id, other);

        expectRefusal(id, abi.encodeWithSelector(IScrip.InvalidSignature.selector, other));
        order(id, subscriber, 1, data);
        order(id, subscriber, 1, sign(otherKey, coupon()));
        assertEq(coupons.remainingUses(coupon()), 1, "uses are of the coupon, whoever signs it");
        assertEq(coupons.configurationOf(id).price, FULL_PRICE, "the price stays");
    }

    function testFuzz_RevertGiven_NoSigner(bytes calldata signature) public {
        vm.prank(builder);
        coupons.setSigner(id, address(0));
        expectRefusal(id, abi.encodeWithSelector(IScrip.InvalidSignature.selector, address(0)));
        order(id, subscriber, 1, abi.encode(coupon(), signature));
    }

    function test_GivenAWalletAsSigner() public {
        OneKeyWallet wallet = new OneKeyWallet(signer);
        vm.prank(builder);
        coupons.setSigner(id, address(wallet));
        order(id, subscriber, 1, sign(signerKey, coupon()));
        assertEq(balance(id, subscriber), CREDITS, "balance");

        expectRefusal(id, abi.encodeWithSelector(IScrip.InvalidSignature.selector, wallet));
        order(id, subscriber, 1, sign(1, coupon()));
    }

    // ────────────────────────────────────────────── Rest ─────────────────────────────────────────────

    function testFuzz_RevertWhen_OthersThanTheCoreCallTheHook(address caller) public {
        vm.assume(caller != address(scrip));
        bytes memory data = sign(signerKey, coupon());
        vm.expectRevert(abi.encodeWithSelector(ISignedCoupons.NotScrip.selector, caller, scrip));
        vm.prank(caller);
        coupons.beforeOrder(id, caller, subscriber, 3, 0, data);
    }

    function testFuzz_RevertWhen_TheDataIsNoCoupon(bytes calldata data) public {
        bytes memory garbage = data.length == 0 ? bytes("garbage") : data;
        vm.expectPartialRevert(IScrip.QuoteFailed.selector);
        order(id, subscriber, 1, garbage);
    }
}
