// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Lots} from "scrip/libraries/Lots.sol";

/// @notice Proved by solc's model checker (`scripts/smt`), for every lifetime and every time that fit: an order's credits live for
/// the whole lifetime, and less than a 64th of it longer.
contract Grid {
    function prove(uint256 lifetime, uint256 time) external pure {
        require(lifetime != 0 && lifetime < 2 ** 32 && time < 2 ** 40);
        // A 64th, rounded up.
        uint256 step = lifetime / 64 + (lifetime % 64 == 0 ? 0 : 1);

        uint256 expiry = Lots.gridExpiry(lifetime, time);

        assert(expiry >= time + lifetime);
        assert(expiry < time + lifetime + step);
    }
}
