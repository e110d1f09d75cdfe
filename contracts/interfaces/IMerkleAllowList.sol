// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IHook} from "./IHook.sol";
import {IScrip} from "./IScrip.sol";

/// @title MerkleAllowList: a hook by which only the holders of a list order a plan
/// @notice The terms name it with calls of 1 (before an order). It serves any core and any plan. After the plan is created its
/// owner sets the root of the list, once: nobody can change it then, a later owner included, and until then all orders are
/// refused. A list that must change is another plan.
///
/// The tree is OpenZeppelin's standard tree of leaves `["address"]`, so a leaf is
/// `keccak256(bytes.concat(keccak256(abi.encode(holder))))`. An order passes the proof along as `abi.encode(bytes32[])`; data
/// that is no such list reverts without an error. Who pays does not matter, and how often is for the terms' limits.
interface IMerkleAllowList is IHook {
    /// @notice The plan's terms do not name this hook, or not with a call before orders (1).
    error TermsDoNotFit(IScrip scrip, uint256 planId, address hook, uint8 calls);

    /// @notice The zero root, with which nobody is on the list, cannot be told from none.
    error ZeroRoot(IScrip scrip, uint256 planId);

    /// @notice The root was set before.
    error RootAlreadySet(IScrip scrip, uint256 planId, bytes32 root);

    /// @notice The plan's owner has not set the root yet.
    error RootNotSet(IScrip scrip, uint256 planId);

    /// @notice The proof does not show that the holder is on the list.
    error NotOnList(IScrip scrip, uint256 planId, address holder);

    /// @notice The list of a plan was fixed.
    event RootSet(IScrip indexed scrip, uint256 indexed planId, bytes32 root);

    /// @notice Fixes the list of a plan, for ever. Only the plan's owner; else reverts with the core's `NotPlanOwner`.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @param root The root of the tree; not zero.
    function setRoot(IScrip scrip, uint256 planId, bytes32 root) external;

    /// @notice The root of a plan's list.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @return The root; zero when it is not set yet.
    function rootOf(IScrip scrip, uint256 planId) external view returns (bytes32);
}
