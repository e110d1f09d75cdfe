// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IHook} from "../../interfaces/IHook.sol";

/// @title Accepting: a hook that accepts whatever it does not look at
/// @dev Terms that list a call too many still work, for they could never be mended.
abstract contract Accepting is IHook {
    /// @inheritdoc IHook
    function beforeOrder(uint256, address, address, uint32, uint256, bytes calldata) external virtual returns (bytes4) {
        return IHook.beforeOrder.selector;
    }

    /// @inheritdoc IHook
    function afterOrder(uint256, address, address, uint32, uint256, bytes calldata) external virtual returns (bytes4) {
        return IHook.afterOrder.selector;
    }

    /// @inheritdoc IHook
    function beforeRedemption(uint256, address, address, uint64) external virtual returns (bytes4) {
        return IHook.beforeRedemption.selector;
    }

    /// @inheritdoc IHook
    function afterRedemption(uint256, address, address, uint64) external virtual returns (bytes4) {
        return IHook.afterRedemption.selector;
    }
}
