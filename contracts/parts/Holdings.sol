// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {State} from "./State.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Account, Lots} from "../libraries/Lots.sol";
import {Rules, TIME} from "../libraries/Rules.sol";

/// @title Holdings: the ledger, by lots
abstract contract Holdings is State {
    using Lots for Account;

    /// @dev `IScrip.lotsOf`.
    function lotsOf(uint256 planId, address holder) external view returns (IScrip.Lot[] memory lots) {
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
        lots = new IScrip.Lot[](count - first + (lasting == 0 ? 0 : 1));
        for (uint256 i = first; i < count; ++i) {
            (uint64 amount, uint40 expiry) = account.lotAt(i);
            lots[i - first] = IScrip.Lot({amount: amount, expiry: expiry});
        }
        if (lasting != 0) lots[count - first] = IScrip.Lot({amount: lasting, expiry: 0});
    }

    /// @dev `IScrip.accessEnd`.
    function accessEnd(uint256 planId, address holder) external view returns (uint40) {
        (, Rules rules) = _existing(planId);
        return rules.has(TIME) ? _accounts[planId][holder].load().expiry : 0;
    }
}
