// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What the price source of a quoted plan implements
/// @notice Asked by STATICCALL with at most 200,000 gas; a revert, or an answer of less than 32 bytes, refuses the order. The
/// buyer's `maxPrice` bounds the answer.
interface IPriceSource {
    /// @notice The price of an order.
    /// @param planId The plan.
    /// @param holder Who would get the grant.
    /// @param quantity How many orders.
    /// @param data What the payer passes along.
    /// @return The whole price, for the quantity, in base units of the plan's token.
    function quote(uint256 planId, address holder, uint32 quantity, bytes calldata data) external view returns (uint256);
}
