// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @notice Tells whether a test's calls are transactions of their own, as they are under `forge test --isolate`.
contract Isolation {
    bool internal transient _touched;

    /// @return Whether this call and the one before are of the same transaction.
    function touch() external returns (bool) {
        bool before = _touched;
        _touched = true;
        return before;
    }
}
