// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Plans} from "./Plans.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Account, Front, Lots} from "../libraries/Lots.sol";
import {Rules, TIME} from "../libraries/Rules.sol";
import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {IERC1155MetadataURI} from "@openzeppelin/contracts/token/ERC1155/extensions/IERC1155MetadataURI.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {LibCall} from "solady/utils/LibCall.sol";

/// @title Ledger: what holders have, and its face as ERC-1155
/// @dev The internal functions change a balance and emit the standard's events; who may, and why, is for the callers.
abstract contract Ledger is Plans {
    using Lots for Account;
    using SafeCast for uint256;

    /// @dev What a holder's `onERC1155Received` may spend. Plenty for a wallet's answer; too little to grieve a payer with.
    uint256 private constant CALLBACK_GAS = 100_000;

    mapping(uint256 planId => mapping(address holder => Account)) internal _accounts;

    // ───────────────────────────────────────────── Credits ───────────────────────────────────────────

    /// @dev Adds credits that never expire.
    function _addLasting(uint256 planId, address holder, uint256 amount) internal {
        _accounts[planId][holder].addLasting(amount);

        emit TransferSingle(msg.sender, address(0), holder, planId, amount);
    }

    /// @dev Adds credits that expire, in a lot of their own or in one of the same expiry.
    /// @param maxLots With how many lots or more the holder may get no further one.
    function _addLot(uint256 planId, address holder, uint64 amount, uint40 expiry, uint256 maxLots) internal {
        Account storage account = _accounts[planId][holder];
        (uint256 expired, uint256 lots, bool added) = account.put(amount, expiry, block.timestamp, maxLots);
        require(added, TooManyLots(planId, holder, lots, maxLots));

        if (expired != 0) _emitExpired(planId, holder, expired);
        emit TransferSingle(msg.sender, address(0), holder, planId, amount);
    }

    /// @dev Spends credits, the earliest expiry first.
    function _take(uint256 planId, address holder, uint64 amount) internal {
        Account storage account = _accounts[planId][holder];
        (uint256 expired, uint64 missing) = account.take(amount, block.timestamp);
        require(missing == 0, InsufficientCredits(planId, holder, amount, amount - missing));

        if (expired != 0) _emitExpired(planId, holder, expired);
        emit TransferSingle(msg.sender, holder, address(0), planId, amount);
    }

    function _emitExpired(uint256 planId, address holder, uint256 amount) private {
        emit TransferSingle(msg.sender, holder, address(0), planId, amount);
        emit CreditsExpired(planId, holder, amount);
    }

    // ───────────────────────────────────────────── Access ────────────────────────────────────────────

    /// @dev Adds access, after what the holder has or from now on.
    /// @return end The new end.
    /// @return minted By how much its ERC-1155 balance grew: 1 if it had none, else 0.
    function _addAccess(uint256 planId, address holder, uint256 duration)
        internal
        returns (uint40 end, uint256 minted)
    {
        Account storage account = _accounts[planId][holder];
        Front memory front = account.load();
        uint256 formerEnd = front.expiry;
        bool began = formerEnd <= block.timestamp;
        if (began && formerEnd != 0) _emitExpired(planId, holder, 1);
        uint256 newEnd = (began ? block.timestamp : formerEnd) + duration;
        require(newEnd <= type(uint40).max, AccessOverflow(planId, holder, newEnd, type(uint40).max));

        end = newEnd.toUint40();
        front.expiry = end;
        account.store(front);
        minted = began ? 1 : 0;

        emit TransferSingle(msg.sender, address(0), holder, planId, minted);
    }

    /// @dev Takes whole periods of access off its end, though never below now.
    function _cutAccess(uint256 planId, address holder, uint256 periods, uint256 duration) internal {
        Account storage account = _accounts[planId][holder];
        Front memory front = account.load();
        uint256 end = front.expiry;
        uint256 left = end > block.timestamp ? end - block.timestamp : 0;
        uint256 begun = (left + duration - 1) / duration;
        require(periods <= begun, InsufficientCredits(planId, holder, periods, begun));

        uint256 cut = periods * duration;
        bool over = cut >= left;
        front.expiry = over ? 0 : (end - cut).toUint40();
        account.store(front);

        emit TransferSingle(msg.sender, holder, address(0), planId, over ? 1 : 0);
    }

    // ──────────────────────────────────────────── Callback ───────────────────────────────────────────

    /// @dev Asks a holder with code whether it accepts, as ERC-1155 demands. Comes last in every call that mints.
    function _askHolder(uint256 planId, address holder, uint256 value) internal {
        if (holder.code.length == 0) return;
        (bool success,, bytes memory answer) = LibCall.tryCall({
            target: holder,
            value: 0,
            gasStipend: CALLBACK_GAS,
            maxCopy: 32,
            data: abi.encodeCall(IERC1155Receiver.onERC1155Received, (msg.sender, address(0), planId, value, ""))
        });
        // An answer of less than 32 bytes is padded with zeros; a longer one is not copied.
        // forge-lint: disable-next-item(unsafe-typecast)
        require(
            success && bytes32(answer) == bytes32(IERC1155Receiver.onERC1155Received.selector),
            HolderRefused(planId, holder)
        );
    }

    // ───────────────────────────────────────────── Views ─────────────────────────────────────────────

    /// @inheritdoc IScrip
    function balanceOf(address account, uint256 id) public view returns (uint256) {
        Account storage held = _accounts[id][account];
        if (_plans[id].rules.has(TIME)) return held.load().expiry > block.timestamp ? 1 : 0;
        return held.balanceAt(block.timestamp);
    }

    /// @inheritdoc IScrip
    function balanceOfBatch(address[] calldata accounts, uint256[] calldata ids)
        external
        view
        returns (uint256[] memory balances)
    {
        require(accounts.length == ids.length, ERC1155InvalidArrayLength(ids.length, accounts.length));
        balances = new uint256[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            balances[i] = balanceOf(accounts[i], ids[i]);
        }
    }

    /// @inheritdoc IScrip
    function lotsOf(uint256 planId, address holder) external view returns (Lot[] memory lots) {
        (, Rules rules) = _existing(planId);
        if (rules.has(TIME)) return lots;
        Account storage account = _accounts[planId][holder];
        uint256 count = account.count();
        uint256 first;
        for (; first < count; ++first) {
            (, uint40 expiry) = account.lotAt(first);
            if (expiry > block.timestamp) break;
        }
        uint64 lasting = account.load().lasting;
        lots = new Lot[](count - first + (lasting == 0 ? 0 : 1));
        for (uint256 i = first; i < count; ++i) {
            (uint64 amount, uint40 expiry) = account.lotAt(i);
            lots[i - first] = Lot({amount: amount, expiry: expiry});
        }
        if (lasting != 0) lots[count - first] = Lot({amount: lasting, expiry: 0});
    }

    /// @inheritdoc IScrip
    function accessEnd(uint256 planId, address holder) external view returns (uint40) {
        (, Rules rules) = _existing(planId);
        return rules.has(TIME) ? _accounts[planId][holder].load().expiry : 0;
    }

    /// @inheritdoc IScrip
    function isApprovedForAll(address, address) external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IScrip
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IERC1155).interfaceId
            || interfaceId == type(IERC1155MetadataURI).interfaceId;
    }

    // ─────────────────────────────────────────── Soulbound ───────────────────────────────────────────

    /// @inheritdoc IScrip
    function safeTransferFrom(address, address, uint256, uint256, bytes calldata) external pure {
        revert Soulbound();
    }

    /// @inheritdoc IScrip
    function safeBatchTransferFrom(address, address, uint256[] calldata, uint256[] calldata, bytes calldata)
        external
        pure
    {
        revert Soulbound();
    }

    /// @inheritdoc IScrip
    function setApprovalForAll(address, bool) external pure {
        revert Soulbound();
    }
}
