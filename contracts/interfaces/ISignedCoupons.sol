// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IHook} from "./IHook.sol";
import {IPriceSource} from "./IPriceSource.sol";
import {IScrip} from "./IScrip.sol";

/// @title SignedCoupons: prices by coupons that a plan's signer gives away
/// @notice A hook can only accept or refuse, so a discount is a quoted price: the terms name this contract both as the price's
/// source, which reads the coupon, and as a hook with calls of 1 (before an order), which counts its uses.
///
/// Who can change what, and when:
/// - after the plan is created, its owner configures it, once: until then all orders are refused, and the price without a
///   coupon never changes;
/// - the plan's owner may name another signer at any time, which voids the former one's coupons. A new owner of the plan
///   should do so: the former one's signer stays until then;
/// - a coupon that was given away is good until its deadline, unless the signer is changed, for as many orders as it says.
///
/// An order passes a coupon along as `abi.encode(Coupon, signature)`, or nothing for the price without one; data that is neither
/// reverts without an error. A coupon for anyone can be used by whoever sees it first, in a pending transaction, too.
///
/// The signature is the signer's: ECDSA (65 bytes, low s), or whatever its ERC-1271 accepts with the gas of a price source. It
/// follows EIP-712, in the domain of the name "Scrip coupons", the version "1", the chain's id and this contract.
interface ISignedCoupons is IHook, IPriceSource {
    /// @notice What the signer signs (EIP-712).
    /// @param planId The plan.
    /// @param holder Who may get the grant; zero for anyone.
    /// @param price The price of one order with it, in base units of the plan's token; 0 for nothing.
    /// @param uses How many orders it is good for, by all who use it together.
    /// @param nonce Any number; tells equal coupons apart.
    /// @param deadline The last second in which it is valid.
    struct Coupon {
        uint256 planId;
        address holder;
        uint96 price;
        uint32 uses;
        uint256 nonce;
        uint40 deadline;
    }

    /// @notice What a plan's owner has set.
    /// @param signer Whose coupons are good; zero for nobody's.
    /// @param price The price of one order without a coupon, in base units of the plan's token; 0 when it needs a coupon.
    /// @param configured Whether it was set at all.
    struct Configuration {
        address signer;
        uint88 price;
        bool configured;
    }

    /// @notice Only the core that this contract was made for counts uses.
    error NotScrip(address caller, address scrip);

    /// @notice The terms must name this contract as the source of a quoted price, and as a hook that is asked before orders.
    error TermsDoNotFit(uint256 planId, address source, address hook, uint8 calls);

    /// @notice The plan was configured before.
    error AlreadyConfigured(uint256 planId);

    /// @notice The plan's owner has not configured it yet.
    error NotConfigured(uint256 planId);

    /// @notice The plan is ordered with a coupon only.
    error CouponRequired(uint256 planId);

    /// @notice The coupon is for another plan.
    error CouponOfOtherPlan(uint256 planId, uint256 couponPlanId);

    /// @notice The coupon is for another holder.
    error CouponOfOtherHolder(uint256 planId, address holder, address couponHolder);

    /// @notice The coupon was valid until `deadline`, that second included.
    error CouponExpired(uint256 planId, bytes32 coupon, uint256 deadline);

    /// @notice The coupon is good for only `remaining` more orders.
    error CouponUsedUp(uint256 planId, bytes32 coupon, uint256 quantity, uint256 remaining);

    /// @notice A plan was configured.
    event PlanConfigured(uint256 indexed planId, address indexed signer, uint88 price);

    /// @notice The signer of a plan's coupons was changed; zero for nobody.
    event SignerSet(uint256 indexed planId, address indexed signer);

    /// @notice A coupon was used for an order of `quantity`.
    /// @param coupon What was signed, as `hashOf` tells it.
    event CouponUsed(uint256 indexed planId, bytes32 indexed coupon, address indexed holder, uint32 quantity);

    /// @notice Configures a plan, once. Only its owner; else reverts with the core's `NotPlanOwner`.
    /// @param planId The plan.
    /// @param price The price of one order without a coupon, in base units of the plan's token; 0 if it needs a coupon.
    /// @param signer Whose coupons are good; zero for nobody's.
    function configure(uint256 planId, uint88 price, address signer) external;

    /// @notice Names another signer and voids the former one's coupons. Only the plan's owner; else reverts with the core's
    /// `NotPlanOwner`.
    /// @param planId The plan.
    /// @param signer Whose coupons are good; zero for nobody's.
    function setSigner(uint256 planId, address signer) external;

    /// @notice The core that this contract was made for.
    /// @return Its address.
    function scrip() external view returns (IScrip);

    /// @notice What a plan's owner has set.
    /// @param planId The plan.
    /// @return The configuration; all zero when there is none.
    function configurationOf(uint256 planId) external view returns (Configuration memory);

    /// @notice The hash that a coupon's signer signs.
    /// @param coupon The coupon.
    /// @return The EIP-712 hash, domain included, which also names the coupon in errors and events.
    function hashOf(Coupon calldata coupon) external view returns (bytes32);

    /// @notice For how many orders a coupon is still good, its deadline and signature aside.
    /// @param coupon The coupon.
    /// @return The number of orders.
    function remainingUses(Coupon calldata coupon) external view returns (uint256);
}
