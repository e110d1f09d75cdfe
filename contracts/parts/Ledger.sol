// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {State} from "./State.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Gas} from "../libraries/Gas.sol";
import {Account, Front, Lots} from "../libraries/Lots.sol";
import {Rules, TIME} from "../libraries/Rules.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {LibCall} from "solady/utils/LibCall.sol";

/// @title Ledger: what holders have
/// @dev The internal functions change a balance and emit the standard's events; who may, and why, is for the callers.
abstract contract Ledger is State {
    using Lots for Account;
    using SafeCast for uint256;

    // ───────────────────────────────────────────── Credits ───────────────────────────────────────────

    /// @dev Gives what a plan grants.
    /// @return credits The credits granted; 0 on a time plan.
    /// @return expiry Their expiry, or the end of access.
    /// @return minted By how much the holder's ERC-1155 balance grew.
    function _grant(uint256 planId, StoredPlan storage stored, Rules rules, address holder, uint256 quantity)
        internal
        returns (uint64 credits, uint40 expiry, uint256 minted)
    {
        uint256 duration = stored.sale.duration;
        if (rules.has(TIME)) {
            (expiry, minted) = _addAccess(planId, holder, duration * quantity);
            return (0, expiry, minted);
        }

        credits = Lots.fit(stored.sale.credits * quantity);
        minted = credits;
        if (duration == 0) {
            _addLasting(planId, holder, credits);
        } else {
            expiry = Lots.gridExpiry(duration, block.timestamp).toUint40();
            _addLot(planId, holder, credits, expiry, type(uint256).max);
        }
    }

    /// @dev Adds credits that never expire.
    function _addLasting(uint256 planId, address holder, uint256 amount) internal {
        _accounts[planId][holder].addLasting(amount);

        emit IScrip.TransferSingle(msg.sender, address(0), holder, planId, amount);
    }

    /// @dev Adds credits that expire, in a lot of their own or in one of the same expiry.
    /// @param maxLots With how many lots or more the holder may get no further one.
    function _addLot(uint256 planId, address holder, uint64 amount, uint40 expiry, uint256 maxLots) internal {
        Account storage account = _accounts[planId][holder];
        (uint256 expired, uint256 lots, bool added) = account.put(amount, expiry, block.timestamp, maxLots);
        if (!added) revert IScrip.TooManyLots(planId, holder, lots, maxLots);

        if (expired != 0) _emitExpired(planId, holder, expired);
        emit IScrip.TransferSingle(msg.sender, address(0), holder, planId, amount);
    }

    /// @dev Spends credits, the earliest expiry first.
    /// @param account The holder's account of the plan.
    function _take(Account storage account, uint256 planId, address holder, uint256 amount) internal {
        (uint256 expired, uint256 missing) = account.take(amount, block.timestamp);
        if (missing != 0) revert IScrip.InsufficientCredits(planId, holder, amount, amount - missing);

        if (expired != 0) _emitExpired(planId, holder, expired);
        emit IScrip.TransferSingle(msg.sender, holder, address(0), planId, amount);
    }

    /// @dev Takes as much as is left of credits with a certain expiry, 0 for those that never expire.
    /// @return How much that was, at most `wanted`.
    function _takeFrom(uint256 planId, address holder, uint64 wanted, uint40 expiry) internal returns (uint64) {
        (uint256 expired, uint256 taken) = _accounts[planId][holder].takeFrom(wanted, expiry, block.timestamp);

        if (expired != 0) _emitExpired(planId, holder, expired);
        if (taken != 0) emit IScrip.TransferSingle(msg.sender, holder, address(0), planId, taken);
        // At most what was wanted.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(taken);
    }

    function _emitExpired(uint256 planId, address holder, uint256 amount) private {
        emit IScrip.TransferSingle(msg.sender, holder, address(0), planId, amount);
        emit IScrip.CreditsExpired(planId, holder, amount);
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
        if (newEnd > type(uint40).max) revert IScrip.AccessOverflow(planId, holder, newEnd, type(uint40).max);

        end = newEnd.toUint40();
        front.expiry = end;
        account.store(front);
        minted = began ? 1 : 0;

        emit IScrip.TransferSingle(msg.sender, address(0), holder, planId, minted);
    }

    /// @dev Takes whole periods of access off its end, all of which there must be.
    function _burnAccess(uint256 planId, address holder, uint64 periods, uint256 duration) internal {
        uint64 cut = _cutAccess(planId, holder, periods, duration);
        if (cut != periods) revert IScrip.InsufficientCredits(planId, holder, periods, cut);
    }

    /// @dev Takes as many whole periods of access off its end as have begun or are to come, though never below now.
    /// @return cut How many that was, at most `periods`.
    function _cutAccess(uint256 planId, address holder, uint64 periods, uint256 duration)
        internal
        returns (uint64 cut)
    {
        Account storage account = _accounts[planId][holder];
        Front memory front = account.load();
        uint256 end = front.expiry;
        uint256 begun = _periodsUntil(end, duration);
        // At most 2^40 seconds are left, of which a period has at least one.
        // forge-lint: disable-next-line(unsafe-typecast)
        cut = periods <= begun ? periods : uint64(begun);
        if (cut == 0) return 0;

        bool over = cut == begun;
        front.expiry = over ? 0 : (end - cut * duration).toUint40();
        account.store(front);

        emit IScrip.TransferSingle(msg.sender, holder, address(0), planId, over ? 1 : 0);
    }

    /// @dev How many periods of access have begun or are to come until an end.
    function _periodsUntil(uint256 end, uint256 duration) internal view returns (uint256) {
        return FixedPointMathLib.divUp(FixedPointMathLib.zeroFloorSub(end, block.timestamp), duration);
    }

    // ──────────────────────────────────────────── Callback ───────────────────────────────────────────

    /// @dev Asks a holder with code whether it accepts, as ERC-1155 demands. Comes last in every call that mints.
    function _askHolder(uint256 planId, address holder, uint256 value) internal {
        if (holder.code.length == 0) return;
        bytes memory call =
            abi.encodeCall(IERC1155Receiver.onERC1155Received, (msg.sender, address(0), planId, value, ""));
        Gas.demand(Gas.CALLBACK);
        (bool success,, bytes memory answer) =
            LibCall.tryCall({target: holder, value: 0, gasStipend: Gas.CALLBACK, maxCopy: 32, data: call});
        // An answer of less than 32 bytes is padded with zeros; a longer one is not copied.
        // forge-lint: disable-next-item(unsafe-typecast)
        if (!(success && bytes32(answer) == bytes32(IERC1155Receiver.onERC1155Received.selector))) {
            revert IScrip.HolderRefused(planId, holder);
        }
    }
}
