// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @notice Has code, and burns whatever gas it is given.
contract SpendthriftToken {
    fallback() external {
        while (true) {}
    }
}
