// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Ledger} from "./Ledger.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Lots} from "../libraries/Lots.sol";
import {PER_USE, REVOCABLE, Rules, TIME} from "../libraries/Rules.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Minting: an owner's gifts of credits, and burns
abstract contract Minting is Ledger {
    using SafeCast for uint256;

    /// @dev `IScrip.mint`.
    function mint(uint256 planId, address holder, uint64 amount) external {
        Rules rules = _checkMint(planId, holder, amount);

        uint40 expiry;
        uint256 minted = amount;
        if (rules.has(TIME)) {
            (expiry, minted) = _addAccess(planId, holder, uint256(_plans[planId].sale.duration) * amount);
        } else {
            _addLasting(planId, holder, amount);
        }

        emit IScrip.CreditsMinted(planId, holder, amount, expiry);

        _askHolder(planId, holder, minted);
    }

    /// @dev `IScrip.mintExpirable`.
    function mintExpirable(uint256 planId, address holder, uint64 amount, uint32 duration)
        external
        returns (uint40 expiry)
    {
        Rules rules = _checkMint(planId, holder, amount);
        if (duration == 0) revert IScrip.ZeroDuration(planId);
        if (rules.has(TIME)) revert IScrip.NoLotsOnTimePlan(planId);

        expiry = (block.timestamp + duration).toUint40();
        _addLot(planId, holder, amount, expiry, Lots.MAX_LOTS_FOR_MINT);

        emit IScrip.CreditsMinted(planId, holder, amount, expiry);

        _askHolder(planId, holder, amount);
    }

    function _checkMint(uint256 planId, address holder, uint64 amount) private view returns (Rules rules) {
        rules = _existing(planId);
        if (rules.has(PER_USE)) revert IScrip.WrongPriceKind(planId, IScrip.PriceKind.PerUse);
        if (!_isOwnerOrOperator(planId, rules, msg.sender, MINT)) revert IScrip.NotMinter(planId, msg.sender);
        if (holder == address(0)) revert IScrip.ZeroHolder(planId);
        if (amount == 0) revert IScrip.ZeroAmount(planId);
    }

    /// @dev `IScrip.burn`.
    function burn(uint256 planId, address holder, uint64 amount) external {
        StoredPlan storage stored = _plans[planId];
        Rules rules = _existing(planId);
        if (rules.has(PER_USE)) revert IScrip.WrongPriceKind(planId, IScrip.PriceKind.PerUse);
        if (msg.sender != holder && !(rules.has(REVOCABLE) && msg.sender == rules.ownerOf())) {
            revert IScrip.NotBurner(planId, msg.sender, holder);
        }
        if (amount == 0) revert IScrip.ZeroAmount(planId);

        if (rules.has(TIME)) _burnAccess(planId, holder, amount, stored.sale.duration);
        else _take(_accounts[planId][holder], planId, holder, amount);

        emit IScrip.CreditsBurned(planId, holder, msg.sender, amount);
    }
}
