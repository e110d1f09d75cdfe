// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {State} from "./State.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Account, Lots} from "../libraries/Lots.sol";
import {TIME} from "../libraries/Rules.sol";
import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155MetadataURI} from "@openzeppelin/contracts/token/ERC1155/extensions/IERC1155MetadataURI.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/// @title Multitoken: the ledger's face as ERC-1155
abstract contract Multitoken is State {
    using Lots for Account;

    /// @dev `IScrip.balanceOf`.
    function balanceOf(address account, uint256 id) public view returns (uint256) {
        Account storage held = _accounts[id][account];
        if (_plans[id].rules.has(TIME)) return held.load().expiry > block.timestamp ? 1 : 0;
        return held.balanceAt(block.timestamp);
    }

    /// @dev `IScrip.balanceOfBatch`.
    function balanceOfBatch(address[] calldata accounts, uint256[] calldata ids)
        external
        view
        returns (uint256[] memory balances)
    {
        if (accounts.length != ids.length) revert IScrip.ERC1155InvalidArrayLength(ids.length, accounts.length);
        balances = new uint256[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            balances[i] = balanceOf(accounts[i], ids[i]);
        }
    }

    /// @dev `IScrip.isApprovedForAll`.
    function isApprovedForAll(address, address) external pure returns (bool) {
        return false;
    }

    /// @dev `IScrip.supportsInterface`.
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IERC1155).interfaceId
            || interfaceId == type(IERC1155MetadataURI).interfaceId;
    }

    // ─────────────────────────────────────────── Soulbound ───────────────────────────────────────────

    /// @dev `IScrip.safeTransferFrom`.
    function safeTransferFrom(address, address, uint256, uint256, bytes calldata) external pure {
        revert IScrip.Soulbound();
    }

    /// @dev `IScrip.safeBatchTransferFrom`.
    function safeBatchTransferFrom(address, address, uint256[] calldata, uint256[] calldata, bytes calldata)
        external
        pure
    {
        revert IScrip.Soulbound();
    }

    /// @dev `IScrip.setApprovalForAll`.
    function setApprovalForAll(address, bool) external pure {
        revert IScrip.Soulbound();
    }
}
