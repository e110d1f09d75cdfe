// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {State} from "./State.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Domain} from "../libraries/Domain.sol";
import {Account, Lots} from "../libraries/Lots.sol";
import {Rules, TIME} from "../libraries/Rules.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

/// @title Views: what is stored, to be read from outside
abstract contract Views is State {
    using BitMaps for BitMaps.BitMap;
    using Lots for Account;

    /// @dev `IScrip.lotsOf`.
    function lotsOf(uint256 planId, address holder) external view returns (IScrip.Lot[] memory lots) {
        Rules rules = _existing(planId);
        if (rules.has(TIME)) return lots;
        Account storage account = _accounts[planId][holder];
        uint256 count = account.count();
        uint256 first;
        for (; first < count; ++first) {
            (, uint256 expiry) = account.lotAt(first);
            if (expiry > block.timestamp) break;
        }
        uint256 lasting = account.load().lasting;
        lots = new IScrip.Lot[](count - first + (lasting == 0 ? 0 : 1));
        for (uint256 i = first; i < count; ++i) {
            (uint256 amount, uint256 expiry) = account.lotAt(i);
            lots[i - first] = _lot(amount, expiry);
        }
        if (lasting != 0) lots[count - first] = _lot(lasting, 0);
    }

    /// @dev `IScrip.accessEnd`.
    function accessEnd(uint256 planId, address holder) external view returns (uint40) {
        Rules rules = _existing(planId);
        if (!rules.has(TIME)) return 0;
        // As it is stored.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint40(_accounts[planId][holder].load().expiry);
    }

    /// @dev `IScrip.ordersOf`.
    function ordersOf(uint256 planId, address holder) external view returns (uint32) {
        // As they are stored.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint32(_accounts[planId][holder].load().orders);
    }

    /// @dev `IScrip.isRedeemed`.
    function isRedeemed(uint256 planId, address redeemer, uint256 requestId) external view returns (bool) {
        return _redeemed[planId][redeemer].get(requestId);
    }

    /// @dev `IScrip.isVoucherUsed`.
    function isVoucherUsed(address holder, uint256 nonce) external view returns (bool) {
        return _usedNonces[holder].get(nonce);
    }

    /// @dev `IScrip.sessionOf`.
    function sessionOf(uint256 planId, address holder, address redeemer, uint256 session)
        external
        view
        returns (IScrip.Session memory)
    {
        return _sessions[planId][holder][redeemer][session];
    }

    /// @dev `IScrip.eip712Domain`.
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        // All fields but the salt.
        return (hex"0f", Domain.NAME, Domain.VERSION, block.chainid, address(this), 0, new uint256[](0));
    }

    function _lot(uint256 amount, uint256 expiry) private pure returns (IScrip.Lot memory) {
        // As they are stored.
        // forge-lint: disable-next-line(unsafe-typecast)
        return IScrip.Lot({amount: uint64(amount), expiry: uint40(expiry)});
    }
}
