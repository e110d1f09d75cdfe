// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Account as Holding, Front, Lots} from "scrip/libraries/Lots.sol";
import {Ledger} from "scrip/parts/Ledger.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The arithmetic of expiries and of access, for every time that fits; and for some lifetimes whose divisions are within
/// the prover's reach. `Grid.sol` is about all lifetimes.
contract TimeSymbolic is Ledger, Test {
    using Lots for Holding;
    uint256 internal constant PLAN = 1;
    address internal constant HOLDER = address(7);

    // ───────────────────────────────────────────── Expiries ──────────────────────────────────────────

    function checkGrid(uint256 lifetime, uint256 time) internal pure {
        // A 64th of the lifetime, rounded up.
        uint256 step = lifetime / 64 + (lifetime % 64 == 0 ? 0 : 1);

        uint256 expiry = Lots.gridExpiry(lifetime, time);

        assert(expiry >= time + lifetime);
        assert(expiry < time + lifetime + step);
        assert(expiry % step == 0);
    }

    function check_ordersExpireOnTheGrid(uint40 time) public pure {
        // Steps of 1, 2^15, 2^21 and 2^25 seconds, which divide a lifetime exactly or not.
        uint32[6] memory lifetimes = [1, 64, 2 ** 21, 2 ** 21 - 63, 2 ** 27, 2 ** 31 - 1];
        for (uint256 i; i < lifetimes.length; ++i) {
            checkGrid(lifetimes[i], time);
        }
    }

    // ────────────────────────────────────────────── Access ───────────────────────────────────────────

    /// @dev Up to the year 19391: with the highest bit the prover errs, and what it then gives as a counterexample is none.
    function accessEnds(uint40 end) internal {
        vm.assume(end < 2 ** 39);
        _accounts[PLAN][HOLDER].store(Front(0, 0, end, 0, 0, 0));
    }

    function accessEnd() internal view returns (uint256) {
        return _accounts[PLAN][HOLDER].load().expiry;
    }

    /// @dev In a call of its own, since within one the compiler may read the clock before it is set.
    function addAccess(uint256 duration) external returns (uint40, uint256) {
        return _addAccess(PLAN, HOLDER, duration);
    }

    function cutAccess(uint64 periods, uint256 duration) external returns (uint64) {
        return _cutAccess(PLAN, HOLDER, periods, duration);
    }

    function check_accessIsAddedBehindWhatThereIs(uint40 end, uint40 time, uint64 duration) public {
        vm.warp(time);
        accessEnds(end);

        (uint40 newEnd, uint256 minted) = this.addAccess(duration);

        assert(newEnd == uint256(end > time ? end : time) + duration);
        assert(minted == (end > time ? 0 : 1));
        assert(accessEnd() == newEnd);
    }

    /// @dev Whole periods are cut off, as many as were asked for or have begun; access is never left to end before now.
    function checkCut(uint40 end, uint40 time, uint64 periods, uint256 duration) internal {
        vm.warp(time);
        accessEnds(end);

        uint256 cut = this.cutAccess(periods, duration);

        assert(cut <= periods);
        if (cut == 0) {
            assert(periods == 0 || end <= time);
            assert(accessEnd() == end);
        } else if (accessEnd() == 0) {
            // All: the period that was cut last had begun, and so none is left.
            assert((cut - 1) * duration < uint256(end) - time && cut * duration >= uint256(end) - time);
        } else {
            assert(cut == periods);
            assert(accessEnd() == end - cut * duration && accessEnd() > time);
        }
    }

    function check_longPeriodsAreCutOffTheEnd(uint40 end, uint40 time, uint64 periods) public {
        checkCut(end, time, periods, 2 ** 21);
    }

    function check_secondsAreCutOffTheEnd(uint40 end, uint40 time, uint64 periods) public {
        checkCut(end, time, periods, 1);
    }
}
