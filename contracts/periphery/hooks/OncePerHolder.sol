// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Accepting} from "./Accepting.sol";
import {IHook} from "../../interfaces/IHook.sol";
import {IOncePerHolder} from "../../interfaces/IOncePerHolder.sol";

/// @title OncePerHolder: a hook by which each holder orders a plan once, and one at a time
/// @notice `IOncePerHolder` is its manual.
contract OncePerHolder is IOncePerHolder, Accepting {
    /// @inheritdoc IOncePerHolder
    mapping(address scrip => mapping(uint256 planId => mapping(address holder => bool))) public hasOrdered;

    /// @inheritdoc IHook
    function beforeOrder(uint256 planId, address payer, address holder, uint32 quantity, uint256, bytes calldata)
        external
        override(IHook, Accepting)
        returns (bytes4)
    {
        require(payer == holder, NotForOthers(msg.sender, planId, payer, holder));
        require(quantity == 1, QuantityNotOne(msg.sender, planId, quantity));
        require(!hasOrdered[msg.sender][planId][holder], AlreadyOrdered(msg.sender, planId, holder));

        hasOrdered[msg.sender][planId][holder] = true;
        return IHook.beforeOrder.selector;
    }
}
