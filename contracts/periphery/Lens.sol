// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {HoldingLens} from "./lens/HoldingLens.sol";
import {OrderLens} from "./lens/OrderLens.sol";
import {RedemptionLens} from "./lens/RedemptionLens.sol";

/// @title Lens: what a call to the core would cost, give or be refused for
/// @notice `ILens` is its manual.
/// @dev The checks stand in the order of the core's, error by error, so that whichever comes first there comes first here.
contract Lens is OrderLens, RedemptionLens, HoldingLens {}
