// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAggregatorV3} from "./IAggregatorV3.sol";
import {IPriceSource} from "./IPriceSource.sol";

/// @title DollarPrice: a price in dollars, paid in a token whose worth changes
/// @notice A quoted plan's terms name it as the source. One deployment is one price: of one token, by one feed. Nobody can
/// change it, it has no state, and it answers anyone, so that one may serve many plans and cores.
///
/// What is assumed: the plan's token is this token, which its creator must see to; the feed tells dollars for one whole token
/// and keeps its decimals; the native coin has 18. A feed that lies sets any price, which the buyer's `maxPrice` bounds. One
/// that stops stops the orders, and no others. On a rollup, an answer may be as old as the sequencer's last stop allows:
/// choose the maximum age with that in mind.
interface IDollarPrice is IPriceSource {
    /// @notice The price must be more than 0, and the maximum age, too.
    error InvalidDollarPrice(uint256 dollars, uint256 maxAge);

    /// @notice The feed's answer is no price.
    error AnswerNotPositive(IAggregatorV3 feed, int256 answer);

    /// @notice The feed's answer was good until `freshUntil`, that second included.
    error StaleAnswer(IAggregatorV3 feed, uint256 timestamp, uint256 freshUntil);

    /// @notice The feed.
    /// @return Its address.
    function feed() external view returns (IAggregatorV3);

    /// @notice The token that is paid.
    /// @return Its address; zero for the native coin.
    function token() external view returns (address);

    /// @notice The price of one order.
    /// @return Millionths of a dollar.
    function dollars() external view returns (uint256);

    /// @notice How old an answer of the feed may be.
    /// @return Seconds; an answer is good in the last of them, too.
    function maxAge() external view returns (uint256);
}
