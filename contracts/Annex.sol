// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Fees} from "./parts/Fees.sol";
import {Fiat} from "./parts/Fiat.sol";
import {Plans} from "./parts/Plans.sol";
import {Views} from "./parts/Views.sol";

/// @title Annex: the half of the core that is called seldom
/// @notice Of no use by itself: the core runs it over its own storage. `IScrip` is the manual of both.
contract Annex is Plans, Fiat, Fees, Views {}
