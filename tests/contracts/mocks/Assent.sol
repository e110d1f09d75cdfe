// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Accepting} from "scrip/periphery/hooks/Accepting.sol";

/// @notice A hook that accepts all.
contract Assent is Accepting {}
