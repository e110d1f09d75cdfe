// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC7821} from "solady/accounts/ERC7821.sol";

/// @notice What an account's code can be by EIP-7702, so that it makes several calls in one.
contract BatchAccount is ERC7821 {}
