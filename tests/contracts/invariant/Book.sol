// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice The ledger once more, as naively as can be: a list of amounts and expiries for each holder of each plan, in the
/// order in which they came, searched from end to end. What has expired stays in the list until it is cleared.
contract Book {
    /// @param expiry 0 when the credits never expire.
    struct Entry {
        uint256 amount;
        uint256 expiry;
    }

    mapping(uint256 planId => mapping(address holder => Entry[])) internal _entries;
    mapping(uint256 planId => mapping(address holder => uint256)) public endOf;

    // ───────────────────────────────────────────── Credits ───────────────────────────────────────────

    function add(uint256 planId, address holder, uint256 amount, uint256 expiry) external {
        Entry[] storage entries = _entries[planId][holder];
        for (uint256 i; i < entries.length; ++i) {
            if (entries[i].expiry != expiry) continue;
            entries[i].amount += amount;
            return;
        }
        entries.push(Entry({amount: amount, expiry: expiry}));
    }

    /// @dev One credit after another would say it best; one lot after another is quicker.
    function take(uint256 planId, address holder, uint256 amount) external {
        Entry[] storage entries = _entries[planId][holder];
        while (amount > 0) {
            uint256 first = entries.length;
            for (uint256 i; i < entries.length; ++i) {
                if (!_lives(entries[i])) continue;
                if (first == entries.length || _before(entries[i].expiry, entries[first].expiry)) first = i;
            }
            uint256 taken = amount < entries[first].amount ? amount : entries[first].amount;
            entries[first].amount -= taken;
            amount -= taken;
        }
    }

    /// @return cleared The credits that had expired.
    function clear(uint256 planId, address holder) external returns (uint256 cleared) {
        Entry[] storage entries = _entries[planId][holder];
        for (uint256 i; i < entries.length; ++i) {
            if (entries[i].expiry == 0 || entries[i].expiry > block.timestamp) continue;
            cleared += entries[i].amount;
            entries[i].amount = 0;
        }
    }

    function balanceOf(uint256 planId, address holder) external view returns (uint256 sum) {
        Entry[] storage entries = _entries[planId][holder];
        for (uint256 i; i < entries.length; ++i) {
            if (_lives(entries[i])) sum += entries[i].amount;
        }
    }

    function expiredOf(uint256 planId, address holder) external view returns (uint256 sum) {
        Entry[] storage entries = _entries[planId][holder];
        for (uint256 i; i < entries.length; ++i) {
            if (!_lives(entries[i])) sum += entries[i].amount;
        }
    }

    /// @return lots How many lots live that expire some day.
    /// @return joins Whether one of them expires then.
    function expiringLotsOf(uint256 planId, address holder, uint256 expiry)
        external
        view
        returns (uint256 lots, bool joins)
    {
        Entry[] storage entries = _entries[planId][holder];
        for (uint256 i; i < entries.length; ++i) {
            if (entries[i].expiry == 0 || !_lives(entries[i])) continue;
            ++lots;
            if (entries[i].expiry == expiry) joins = true;
        }
    }

    /// @return lots Those that live, in the order of spending.
    function lotsOf(uint256 planId, address holder) external view returns (IScrip.Lot[] memory lots) {
        Entry[] storage entries = _entries[planId][holder];
        lots = new IScrip.Lot[](entries.length);
        uint256 count;
        for (uint256 i; i < entries.length; ++i) {
            Entry memory entry = entries[i];
            if (!_lives(entry)) continue;
            // Each goes before those that it is spent before.
            uint256 place = count++;
            for (; place > 0 && _before(entry.expiry, lots[place - 1].expiry); --place) {
                lots[place] = lots[place - 1];
            }
            lots[place] = IScrip.Lot({amount: uint64(entry.amount), expiry: uint40(entry.expiry)});
        }
        assembly {
            mstore(lots, count)
        }
    }

    function _lives(Entry memory entry) internal view returns (bool) {
        return entry.amount != 0 && (entry.expiry == 0 || block.timestamp < entry.expiry);
    }

    function _before(uint256 one, uint256 other) internal pure returns (bool) {
        return one != 0 && (other == 0 || one < other);
    }

    // ───────────────────────────────────────────── Access ────────────────────────────────────────────

    function setEnd(uint256 planId, address holder, uint256 end) external {
        endOf[planId][holder] = end;
    }

    function extend(uint256 planId, address holder, uint256 duration) external returns (uint256 end) {
        end = endOf[planId][holder];
        end = (end > block.timestamp ? end : block.timestamp) + duration;
        endOf[planId][holder] = end;
    }

    /// @dev Access that is cut to now has no end any more.
    function cut(uint256 planId, address holder, uint256 duration) external {
        uint256 end = endOf[planId][holder];
        endOf[planId][holder] = end > block.timestamp + duration ? end - duration : 0;
    }
}
