// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Ledger} from "./Ledger.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Lots} from "../libraries/Lots.sol";
import {REVOCABLE, Rules, TIME} from "../libraries/Rules.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Minting: an owner's gifts of credits, and burns
abstract contract Minting is Ledger {
    using SafeCast for uint256;

    /// @dev `IScrip.mint`.
    function mint(uint256 planId, address holder, uint64 amount) external {
        (StoredPlan storage stored, Rules rules) = _checkMint(planId, holder, amount);

        uint40 expiry;
        uint256 minted = amount;
        if (rules.has(TIME)) {
            (expiry, minted) = _addAccess(planId, holder, uint256(stored.sale.duration) * amount);
        } else {
            _addCredits(planId, holder, amount, 0, 0);
        }

        emit IScrip.CreditsMinted(planId, holder, amount, expiry);

        _askHolder(planId, holder, minted);
    }

    /// @dev `IScrip.mintExpirable`.
    function mintExpirable(uint256 planId, address holder, uint64 amount, uint32 duration)
        external
        returns (uint40 expiry)
    {
        (, Rules rules) = _checkMint(planId, holder, amount);
        require(duration != 0, IScrip.ZeroDuration(planId));
        require(!rules.has(TIME), IScrip.NoLotsOnTimePlan(planId));

        expiry = (block.timestamp + duration).toUint40();
        _addCredits(planId, holder, amount, expiry, Lots.MAX_LOTS_FOR_MINT);

        emit IScrip.CreditsMinted(planId, holder, amount, expiry);

        _askHolder(planId, holder, amount);
    }

    function _checkMint(uint256 planId, address holder, uint64 amount)
        private
        view
        returns (StoredPlan storage stored, Rules rules)
    {
        (stored, rules) = _existing(planId);
        require(rules.priceKindOf() != IScrip.PriceKind.PerUse, IScrip.WrongPriceKind(planId, IScrip.PriceKind.PerUse));
        require(_isOwnerOrOperator(planId, rules, msg.sender, MINT), IScrip.NotMinter(planId, msg.sender));
        require(holder != address(0), IScrip.ZeroHolder(planId));
        require(amount != 0, IScrip.ZeroAmount(planId));
    }

    /// @dev `IScrip.burn`.
    function burn(uint256 planId, address holder, uint64 amount) external {
        (StoredPlan storage stored, Rules rules) = _existing(planId);
        require(rules.priceKindOf() != IScrip.PriceKind.PerUse, IScrip.WrongPriceKind(planId, IScrip.PriceKind.PerUse));
        require(
            msg.sender == holder || (rules.has(REVOCABLE) && msg.sender == rules.ownerOf()),
            IScrip.NotBurner(planId, msg.sender, holder)
        );
        require(amount != 0, IScrip.ZeroAmount(planId));

        if (rules.has(TIME)) _burnAccess(planId, holder, amount, stored.sale.duration);
        else _take(planId, holder, amount);

        emit IScrip.CreditsBurned(planId, holder, msg.sender, amount);
    }
}
