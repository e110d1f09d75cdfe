// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IHook} from "scrip/interfaces/IHook.sol";
import {IPriceSource} from "scrip/interfaces/IPriceSource.sol";

/// @notice A price source and a hook in one. Its price is the number that the buyer passes along, for each order, and it wants
/// one; it lets five credits be redeemed at a time.
contract Clerk is IPriceSource, IHook {
    function quote(uint256, address, uint32 quantity, bytes calldata data) external pure returns (uint256) {
        require(data.length == 32, "name your price");
        return abi.decode(data, (uint256)) * quantity;
    }

    function beforeOrder(uint256, address, address, uint32, uint256, bytes calldata data)
        external
        pure
        returns (bytes4)
    {
        require(data.length != 0, "say something");
        return IHook.beforeOrder.selector;
    }

    function afterOrder(uint256, address, address, uint32, uint256, bytes calldata) external pure returns (bytes4) {
        return IHook.afterOrder.selector;
    }

    function beforeRedemption(uint256, address, address, uint64 amount) external pure returns (bytes4) {
        require(amount <= 5, "five at most");
        return IHook.beforeRedemption.selector;
    }

    function afterRedemption(uint256, address, address, uint64) external pure returns (bytes4) {
        return IHook.afterRedemption.selector;
    }
}
