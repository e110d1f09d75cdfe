// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPriceSource} from "scrip/interfaces/IPriceSource.sol";

/// @notice A price source that asks nothing of who only looks, from nowhere, and 0.015 of the coin of who orders.
contract Fickle is IPriceSource {
    function quote(uint256, address, uint32, bytes calldata) external view returns (uint256) {
        return tx.origin == address(0) ? 0 : 0.015 ether;
    }
}
