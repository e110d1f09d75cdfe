// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What a price feed of Chainlink's shape answers
/// @notice Only what is asked of it here.
interface IAggregatorV3 {
    /// @notice How many decimals the answers have.
    /// @return The number.
    function decimals() external view returns (uint8);

    /// @notice The latest answer.
    /// @return roundId Not used.
    /// @return answer The price of one whole token in dollars, times ten to the power of `decimals`.
    /// @return startedAt Not used.
    /// @return updatedAt When it was given, unix seconds.
    /// @return answeredInRound Not used.
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
