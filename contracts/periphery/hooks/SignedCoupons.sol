// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Accepting} from "./Accepting.sol";
import {IHook} from "../../interfaces/IHook.sol";
import {IPriceSource} from "../../interfaces/IPriceSource.sol";
import {IScrip} from "../../interfaces/IScrip.sol";
import {ISignedCoupons} from "../../interfaces/ISignedCoupons.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title SignedCoupons: prices by coupons that a plan's signer gives away
/// @notice `ISignedCoupons` is its manual.
contract SignedCoupons is ISignedCoupons, Accepting, EIP712("Scrip coupons", "1") {
    bytes32 private constant COUPON_TYPE =
        keccak256("Coupon(uint256 planId,address holder,uint96 price,uint32 uses,uint256 nonce,uint40 deadline)");

    /// @dev The terms' bit for a hook that is asked before orders.
    uint8 private constant BEFORE_ORDER = 1;

    /// @inheritdoc ISignedCoupons
    IScrip public immutable scrip;

    mapping(uint256 planId => Configuration) private _configurations;
    mapping(bytes32 coupon => uint32) private _uses;

    /// @param scrip_ The core. It is fixed, rather than whoever calls, so that anyone can ask for a price.
    constructor(IScrip scrip_) {
        scrip = scrip_;
    }

    // ──────────────────────────────────────── The plan's owner ───────────────────────────────────────

    /// @inheritdoc ISignedCoupons
    function configure(uint256 planId, uint88 price, address signer) external {
        IScrip.Terms memory terms = _ownPlan(planId).terms;
        // What holds of the terms once holds for ever, so that no order needs to look.
        require(
            terms.price.source == address(this) && terms.hook.account == address(this)
                && terms.hook.calls & BEFORE_ORDER != 0,
            TermsDoNotFit(planId, terms.price.source, terms.hook.account, terms.hook.calls)
        );
        require(!_configurations[planId].configured, AlreadyConfigured(planId));

        _configurations[planId] = Configuration({signer: signer, price: price, configured: true});

        emit PlanConfigured(planId, signer, price);
    }

    /// @inheritdoc ISignedCoupons
    function setSigner(uint256 planId, address signer) external {
        _ownPlan(planId);
        require(_configurations[planId].configured, NotConfigured(planId));

        _configurations[planId].signer = signer;

        emit SignerSet(planId, signer);
    }

    function _ownPlan(uint256 planId) private view returns (IScrip.Plan memory plan) {
        plan = scrip.plan(planId);
        require(msg.sender == plan.owner, IScrip.NotPlanOwner(planId, msg.sender, plan.owner));
    }

    // ───────────────────────────────────────────── Orders ────────────────────────────────────────────

    /// @inheritdoc IPriceSource
    function quote(uint256 planId, address holder, uint32 quantity, bytes calldata data)
        external
        view
        returns (uint256)
    {
        Configuration memory configuration = _configurations[planId];
        require(configuration.configured, NotConfigured(planId));
        if (data.length == 0) {
            require(configuration.price != 0, CouponRequired(planId));
            return uint256(configuration.price) * quantity;
        }

        (Coupon memory coupon, bytes memory signature) = abi.decode(data, (Coupon, bytes));
        require(coupon.planId == planId, CouponOfOtherPlan(planId, coupon.planId));
        require(
            coupon.holder == address(0) || coupon.holder == holder, CouponOfOtherHolder(planId, holder, coupon.holder)
        );
        bytes32 hash = _hashOf(coupon);
        require(block.timestamp <= coupon.deadline, CouponExpired(planId, hash, coupon.deadline));
        _checkUses(coupon, hash, quantity);
        require(_isValid(configuration.signer, hash, signature), IScrip.InvalidSignature(configuration.signer));
        return uint256(coupon.price) * quantity;
    }

    /// @inheritdoc IHook
    /// @dev The core has just had the coupon verified by `quote`, with the same data: the configured terms have it so.
    function beforeOrder(uint256 planId, address, address holder, uint32 quantity, uint256, bytes calldata data)
        external
        override(IHook, Accepting)
        returns (bytes4)
    {
        require(msg.sender == address(scrip), NotScrip(msg.sender, address(scrip)));
        require(_configurations[planId].configured, NotConfigured(planId));
        if (data.length == 0) return IHook.beforeOrder.selector;

        (Coupon memory coupon,) = abi.decode(data, (Coupon, bytes));
        bytes32 hash = _hashOf(coupon);
        _checkUses(coupon, hash, quantity);

        _uses[hash] += quantity;

        emit CouponUsed(planId, hash, holder, quantity);

        return IHook.beforeOrder.selector;
    }

    function _checkUses(Coupon memory coupon, bytes32 hash, uint32 quantity) private view {
        uint256 remaining = coupon.uses - _uses[hash];
        require(quantity <= remaining, CouponUsedUp(coupon.planId, hash, quantity, remaining));
    }

    /// @dev ECDSA first, as the core does, so that an account with code can sign with its key.
    function _isValid(address signer, bytes32 hash, bytes memory signature) private view returns (bool) {
        if (signer == address(0)) return false;
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecover(hash, signature);
        if (failure == ECDSA.RecoverError.NoError && recovered == signer) return true;
        return SignatureChecker.isValidERC1271SignatureNow(signer, hash, signature);
    }

    // ───────────────────────────────────────────── Views ─────────────────────────────────────────────

    /// @inheritdoc ISignedCoupons
    function configurationOf(uint256 planId) external view returns (Configuration memory) {
        return _configurations[planId];
    }

    /// @inheritdoc ISignedCoupons
    function hashOf(Coupon calldata coupon) external view returns (bytes32) {
        return _hashOf(coupon);
    }

    /// @inheritdoc ISignedCoupons
    function remainingUses(Coupon calldata coupon) external view returns (uint256) {
        return coupon.uses - _uses[_hashOf(coupon)];
    }

    function _hashOf(Coupon memory coupon) private view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(COUPON_TYPE, coupon)));
    }
}
