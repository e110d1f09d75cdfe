// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Accepting} from "./Accepting.sol";
import {IHook} from "../../interfaces/IHook.sol";
import {IMerkleAllowList} from "../../interfaces/IMerkleAllowList.sol";
import {IScrip} from "../../interfaces/IScrip.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @title MerkleAllowList: a hook by which only the holders of a list order a plan
/// @notice `IMerkleAllowList` is its manual.
contract MerkleAllowList is IMerkleAllowList, Accepting {
    /// @dev The terms' bit for a hook that is asked before orders.
    uint8 private constant BEFORE_ORDER = 1;

    /// @inheritdoc IMerkleAllowList
    mapping(IScrip scrip => mapping(uint256 planId => bytes32 root)) public rootOf;

    /// @inheritdoc IMerkleAllowList
    function setRoot(IScrip scrip, uint256 planId, bytes32 root) external {
        // What poses as a core can name whatever owner it likes, but only of plans of its own.
        IScrip.Plan memory plan = scrip.plan(planId);
        require(msg.sender == plan.owner, IScrip.NotPlanOwner(planId, msg.sender, plan.owner));
        IScrip.Hook memory hook = plan.terms.hook;
        // A list that no order is held against would promise what it does not do, and the terms cannot be mended.
        require(
            hook.account == address(this) && hook.calls & BEFORE_ORDER != 0,
            TermsDoNotFit(scrip, planId, hook.account, hook.calls)
        );
        require(root != 0, ZeroRoot(scrip, planId));
        bytes32 former = rootOf[scrip][planId];
        require(former == 0, RootAlreadySet(scrip, planId, former));

        rootOf[scrip][planId] = root;

        emit RootSet(scrip, planId, root);
    }

    /// @inheritdoc IHook
    function beforeOrder(uint256 planId, address, address holder, uint32, uint256, bytes calldata data)
        external
        view
        override(IHook, Accepting)
        returns (bytes4)
    {
        IScrip scrip = IScrip(msg.sender);
        bytes32 root = rootOf[scrip][planId];
        require(root != 0, RootNotSet(scrip, planId));
        bytes32[] memory proof = abi.decode(data, (bytes32[]));
        // Twice, so that no inner node of the tree can pass for a leaf.
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(holder))));
        require(MerkleProof.verify(proof, root, leaf), NotOnList(scrip, planId, holder));
        return IHook.beforeOrder.selector;
    }
}
