// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IHook} from "./IHook.sol";

/// @title OncePerHolder: a hook by which each holder orders a plan once, and one at a time
/// @notice The terms name it with calls of 1 (before an order). It needs no configuration, serves any core and any plan, and
/// nobody can change what it does. What it keeps is kept for whoever calls it, so that others than the core reach nothing of it.
///
/// A limit of 1 for each holder in the terms does the same without a hook; this is the shortest hook that keeps something. As
/// there, a stranger must not use up a holder's only order by a gift, so only the holder itself orders, its consent to a gift
/// notwithstanding. There is no event: the core's `PlanOrdered` says the same.
interface IOncePerHolder is IHook {
    /// @notice The holder has ordered the plan before.
    error AlreadyOrdered(address scrip, uint256 planId, address holder);

    /// @notice An order is of one.
    error QuantityNotOne(address scrip, uint256 planId, uint256 quantity);

    /// @notice Only the holder itself orders.
    error NotForOthers(address scrip, uint256 planId, address payer, address holder);

    /// @notice Whether a holder has ordered a plan.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @param holder The holder.
    /// @return Whether it cannot order it again.
    function hasOrdered(address scrip, uint256 planId, address holder) external view returns (bool);
}
