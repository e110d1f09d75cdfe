// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Store} from "./Store.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {CommonBase} from "forge-std/Base.sol";
import {StdAssertions} from "forge-std/StdAssertions.sol";
import {StdUtils} from "forge-std/StdUtils.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice What the handlers have in common: each act is one call to the core, of which the store has foretold whether it
/// succeeds and, if not, with which error. So no act reverts, unless the core surprises.
abstract contract Act is CommonBase, StdAssertions, StdUtils {
    Store internal immutable STORE;
    IScrip internal immutable CORE;

    constructor(Store store, IScrip core) {
        (STORE, CORE) = (store, core);
    }

    /// @dev What the core logs goes to the replica, which knows nothing else.
    modifier logged() {
        STORE.begin();
        vm.recordLogs();
        _;
    }

    /// @return done Whether the call succeeded, which is whether no refusal was foretold.
    function attempt(string memory act, address caller, uint256 value, bytes memory data, bytes memory refusal)
        internal
        returns (bool done, bytes memory answer)
    {
        vm.prank(caller);
        (done, answer) = address(CORE).call{value: value}(data);
        // Forge records what a call logs before it fails, too, though nobody will ever read it.
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (done) STORE.replica().read(logs, address(CORE));
        if (refusal.length == 0) {
            assertEq(done ? bytes("") : answer, bytes(""), string.concat("16. What must succeed does: ", act));
        } else {
            assertFalse(done, string.concat("17. What must be refused is: ", act));
            assertEq(answer, refusal, string.concat("17. What must be refused is, with the error that says why: ", act));
        }
        STORE.count(act, refusal);
    }

    // ──────────────────────────────────────────── Picking ────────────────────────────────────────────

    /// @dev Places near 0 come up more often, so that a few of them get a long history.
    function pick(uint256 seed, uint256 count) internal pure returns (uint256) {
        return (seed >> 64) % (seed % count + 1);
    }

    function aPlan(uint256 seed) internal view returns (uint256) {
        return STORE.plans(pick(seed, STORE.planCount()));
    }

    function aHolder(uint256 seed) internal view returns (address) {
        return STORE.holders(pick(seed, STORE.holderCount()));
    }

    /// @dev Mostly a holder of a plan who has something to lose.
    function aHolding(uint256 planSeed, uint256 holderSeed) internal view returns (uint256 planId, address holder) {
        (planId, holder) = (aPlan(planSeed), aHolder(holderSeed));
        if (planSeed % 4 == 0) return (planId, holder);
        uint256 holders = STORE.holderCount();
        uint256 pairs = STORE.planCount() * holders;
        uint256 pair = pick(planSeed, STORE.planCount()) * holders + pick(holderSeed, holders);
        for (uint256 i; i < pairs && STORE.availableOf(planId, holder) == 0; ++i) {
            pair = (pair + 1) % pairs;
            (planId, holder) = (STORE.plans(pair / holders), STORE.holders(pair % holders));
        }
    }

    function anAccount(uint256 seed) internal view returns (address) {
        return STORE.accounts(seed % STORE.accountCount());
    }

    /// @dev The plan's owner three times in four, else anyone.
    function ownerOrAnyone(uint256 planId, uint256 seed) internal view returns (address) {
        return seed % 4 != 0 ? STORE.ownerOf(planId) : anAccount(seed >> 8);
    }

    /// @dev One of 32 ids that share a word, lie at its borders, or are far apart.
    function requestIds(uint256 place) public pure returns (uint256) {
        uint256 number = place % 8;
        if (place < 8) return number;
        if (place < 16) return 252 + number;
        if (place < 24) return type(uint256).max - number;
        return uint256(keccak256(abi.encode(number)));
    }

    function aRequestId(uint256 seed) internal pure returns (uint256) {
        return requestIds(pick(seed, 32));
    }
}
