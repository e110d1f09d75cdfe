// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What a plan's hook implements
/// @notice A plan's terms may name a contract that the core asks before and tells after orders and redemptions. Only the calls
/// that the terms list are made, each with at most 200,000 gas. An implementation accepts by returning the selector of the
/// function that was called; anything else, a revert included, refuses the order or redemption. It is called by the core
/// (`msg.sender`), and should check that where it keeps state.
///
/// Burns, revocations, settlements of fiat payments and their take-backs ask no hook.
interface IHook {
    /// @notice Asked before an order takes effect.
    /// @param planId The plan.
    /// @param payer Who pays.
    /// @param holder Who gets the grant.
    /// @param quantity How many orders.
    /// @param price The whole price, in base units of the plan's token.
    /// @param data What the payer passed along.
    /// @return `IHook.beforeOrder.selector` to accept.
    function beforeOrder(
        uint256 planId,
        address payer,
        address holder,
        uint32 quantity,
        uint256 price,
        bytes calldata data
    ) external returns (bytes4);

    /// @notice Told after an order was paid and granted.
    /// @param planId The plan.
    /// @param payer Who paid.
    /// @param holder Who got the grant.
    /// @param quantity How many orders.
    /// @param price The whole price, in base units of the plan's token.
    /// @param data What the payer passed along.
    /// @return `IHook.afterOrder.selector` to accept.
    function afterOrder(
        uint256 planId,
        address payer,
        address holder,
        uint32 quantity,
        uint256 price,
        bytes calldata data
    ) external returns (bytes4);

    /// @notice Asked before a redemption takes effect.
    /// @param planId The plan.
    /// @param redeemer Who redeems.
    /// @param holder Whose credits.
    /// @param amount How many credits, or uses.
    /// @return `IHook.beforeRedemption.selector` to accept.
    function beforeRedemption(uint256 planId, address redeemer, address holder, uint64 amount) external returns (bytes4);

    /// @notice Told after a redemption.
    /// @param planId The plan.
    /// @param redeemer Who redeemed.
    /// @param holder Whose credits.
    /// @param amount How many credits, or uses.
    /// @return `IHook.afterRedemption.selector` to accept.
    function afterRedemption(uint256 planId, address redeemer, address holder, uint64 amount) external returns (bytes4);
}
