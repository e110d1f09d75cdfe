// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IAggregatorV3} from "../../interfaces/IAggregatorV3.sol";
import {IDollarPrice} from "../../interfaces/IDollarPrice.sol";
import {IPriceSource} from "../../interfaces/IPriceSource.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title DollarPrice: a price in dollars, paid in a token whose worth changes
/// @notice `IDollarPrice` is its manual.
contract DollarPrice is IDollarPrice {
    using SafeCast for int256;

    uint256 private constant DOLLAR = 1e6;
    uint8 private constant NATIVE_DECIMALS = 18;

    /// @inheritdoc IDollarPrice
    IAggregatorV3 public immutable feed;
    /// @inheritdoc IDollarPrice
    address public immutable token;
    /// @inheritdoc IDollarPrice
    uint256 public immutable dollars;
    /// @inheritdoc IDollarPrice
    uint256 public immutable maxAge;

    /// @dev What one dollar at an answer of 1 is in base units: both decimals together.
    uint256 private immutable SCALE;

    /// @param feed_ The feed of the token's price in dollars.
    /// @param token_ The token that is paid, whose decimals are read; zero for the native coin.
    /// @param dollars_ The price of one order in millionths of a dollar, more than 0.
    /// @param maxAge_ How old an answer may be in seconds, more than 0.
    constructor(IAggregatorV3 feed_, address token_, uint96 dollars_, uint32 maxAge_) {
        require(dollars_ != 0 && maxAge_ != 0, InvalidDollarPrice(dollars_, maxAge_));
        (feed, token, dollars, maxAge) = (feed_, token_, dollars_, maxAge_);
        uint8 decimals = token_ == address(0) ? NATIVE_DECIMALS : IERC20Metadata(token_).decimals();
        SCALE = 10 ** (uint256(decimals) + feed_.decimals());
    }

    /// @inheritdoc IPriceSource
    /// @dev Rounded up, so that it is never under the dollar price.
    function quote(uint256, address, uint32 quantity, bytes calldata) external view returns (uint256) {
        (, int256 answer,, uint256 updatedAt,) = feed.latestRoundData();
        require(answer > 0, AnswerNotPositive(feed, answer));
        uint256 freshUntil = updatedAt + maxAge;
        // A round that is not complete was updated at 0.
        require(updatedAt != 0 && block.timestamp <= freshUntil, StaleAnswer(feed, block.timestamp, freshUntil));
        return Math.mulDiv(dollars * quantity, SCALE, answer.toUint256() * DOLLAR, Math.Rounding.Ceil);
    }
}
