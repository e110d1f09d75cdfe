// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "../interfaces/IScrip.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

/// @notice Numbers that are used once: a bit for each, 256 to a word.
library Ids {
    /// @dev Uses a number up. OpenZeppelin's `get` and `set` would find and read the word twice.
    /// @return fresh Whether it was not used before.
    function take(BitMaps.BitMap storage used, uint256 id) internal returns (bool fresh) {
        // A bit at its place: the operands are not swapped.
        // forge-lint: disable-next-line(incorrect-shift)
        uint256 mask = 1 << (id & 0xff);
        uint256 word = used._data[id >> 8];
        if (word & mask != 0) return false;
        used._data[id >> 8] = word | mask;
        return true;
    }

    /// @dev Uses up the requests of a batch: as long as they are of one word, it is read and written once.
    function takeAll(BitMaps.BitMap storage used, uint256 planId, IScrip.Use[] calldata uses) internal {
        if (uses.length == 0) return;
        uint256 place = uses[0].requestId >> 8;
        uint256 word = used._data[place];
        for (uint256 i; i < uses.length; ++i) {
            uint256 id = uses[i].requestId;
            if (id >> 8 != place) {
                used._data[place] = word;
                place = id >> 8;
                word = used._data[place];
            }
            // forge-lint: disable-next-line(incorrect-shift)
            uint256 mask = 1 << (id & 0xff);
            if (word & mask != 0) revert IScrip.RequestAlreadyRedeemed(planId, msg.sender, id);
            word |= mask;
        }
        used._data[place] = word;
    }
}
