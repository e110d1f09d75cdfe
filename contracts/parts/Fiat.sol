// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Ledger} from "./Ledger.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Account, Front, Lots} from "../libraries/Lots.sol";
import {LIMITED, Rules, TIME} from "../libraries/Rules.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title Fiat: payments made off chain, settled and taken back by their ids
abstract contract Fiat is Ledger {
    using Lots for Account;
    using SafeCast for uint256;

    /// @dev `IScrip.settle`.
    function settle(uint256 planId, address holder, uint32 quantity, string calldata paymentId)
        external
        returns (uint64 credits, uint40 expiry)
    {
        (StoredPlan storage stored, Rules rules) = _checkSettler(planId);
        if (quantity == 0) revert IScrip.ZeroQuantity(planId);
        if (holder == address(0)) revert IScrip.ZeroHolder(planId);
        bytes32 paymentKey = _keyOf(paymentId);
        IScrip.Settlement storage settlement = _settlements[planId][paymentKey];
        if (settlement.holder != address(0)) revert IScrip.PaymentAlreadySettled(planId, paymentKey);

        uint256 minted;
        (credits, expiry, minted) = _grant(planId, stored, rules, holder, quantity);
        settlement.holder = holder;
        if (rules.has(TIME)) credits = quantity;
        settlement.expiry = expiry;
        settlement.granted = credits;
        if (rules.has(LIMITED)) _countSettled(planId, stored, holder, quantity);

        emit IScrip.PaymentSettled({
            planId: planId,
            holder: holder,
            paymentKey: paymentKey,
            paymentId: paymentId,
            settler: msg.sender,
            quantity: quantity,
            credits: credits,
            expiry: expiry
        });

        _askHolder(planId, holder, minted);
    }

    /// @dev `IScrip.takeBack`.
    function takeBack(uint256 planId, string calldata paymentId, uint64 amount) external returns (uint64 burned) {
        (StoredPlan storage stored, Rules rules) = _checkSettler(planId);
        if (amount == 0) revert IScrip.ZeroAmount(planId);
        (IScrip.Settlement storage settlement, bytes32 paymentKey) = _settled(planId, paymentId);
        IScrip.Settlement memory former = settlement;
        uint64 remaining = former.reversed ? 0 : former.granted - former.takenBack;
        if (amount > remaining) revert IScrip.TakeBackTooHigh(planId, paymentKey, amount, remaining);

        if (rules.has(TIME)) {
            uint256 duration = stored.sale.duration;
            // Of the time that this payment has bought; what others have bought behind it stays.
            uint256 left = FixedPointMathLib.min(amount, _periodsUntil(former.expiry, duration));
            burned = _cutAccess(planId, former.holder, left.toUint64(), duration);
            settlement.expiry = (former.expiry - burned * duration).toUint40();
        } else {
            burned = _takeFrom(planId, former.holder, amount, former.expiry);
        }
        settlement.takenBack = former.takenBack + amount;
        settlement.burned = former.burned + burned;

        emit IScrip.PaymentTakenBack(planId, former.holder, paymentKey, msg.sender, amount, burned);
    }

    /// @dev `IScrip.reverseTakeBack`.
    function reverseTakeBack(uint256 planId, string calldata paymentId)
        external
        returns (uint64 credits, uint40 expiry)
    {
        (StoredPlan storage stored, Rules rules) = _checkSettler(planId);
        (IScrip.Settlement storage settlement, bytes32 paymentKey) = _settled(planId, paymentId);
        IScrip.Settlement memory former = settlement;
        if (!(former.takenBack != 0 && !former.reversed)) revert IScrip.NothingTakenBack(planId, paymentKey);

        settlement.reversed = true;
        uint256 minted;
        credits = former.burned;
        if (rules.has(TIME)) {
            if (credits == 0) expiry = _accounts[planId][former.holder].load().expiry.toUint40();
            else (expiry, minted) = _addAccess(planId, former.holder, uint256(stored.sale.duration) * credits);
        } else {
            expiry = former.expiry;
            if (expiry != 0 && expiry <= block.timestamp) credits = 0;
            minted = credits;
            if (credits != 0 && expiry == 0) _addLasting(planId, former.holder, credits);
            else if (credits != 0) _addLot(planId, former.holder, credits, expiry, type(uint256).max);
        }

        emit IScrip.TakeBackReversed(planId, former.holder, paymentKey, msg.sender, credits, expiry);

        if (credits != 0) _askHolder(planId, former.holder, minted);
    }

    /// @dev `IScrip.settlementOf`.
    function settlementOf(uint256 planId, bytes32 paymentKey) external view returns (IScrip.Settlement memory) {
        return _settlements[planId][paymentKey];
    }

    /// @dev What was paid is given whatever the limits say, and counted against them; the counts stop where they end.
    function _countSettled(uint256 planId, StoredPlan storage stored, address holder, uint256 quantity) private {
        if (stored.perHolder != 0) {
            Account storage account = _accounts[planId][holder];
            Front memory front = account.load();
            front.orders = FixedPointMathLib.min(front.orders + quantity, type(uint32).max);
            account.store(front);
        }
        if (stored.inAll != 0) {
            stored.ordered = FixedPointMathLib.min(stored.ordered + quantity, type(uint32).max).toUint32();
        }
    }

    function _checkSettler(uint256 planId) private view returns (StoredPlan storage stored, Rules rules) {
        stored = _plans[planId];
        rules = _existing(planId);
        IScrip.PriceKind kind = rules.priceKindOf();
        if (kind != IScrip.PriceKind.Fiat) revert IScrip.WrongPriceKind(planId, kind);
        if (!_isOwnerOrOperator(planId, rules, msg.sender, SETTLE)) revert IScrip.NotSettler(planId, msg.sender);
    }

    function _settled(uint256 planId, string calldata paymentId)
        private
        view
        returns (IScrip.Settlement storage settlement, bytes32 paymentKey)
    {
        paymentKey = _keyOf(paymentId);
        settlement = _settlements[planId][paymentKey];
        if (settlement.holder == address(0)) revert IScrip.PaymentNotSettled(planId, paymentKey);
    }

    function _keyOf(string calldata paymentId) private pure returns (bytes32) {
        return keccak256(bytes(paymentId));
    }
}
