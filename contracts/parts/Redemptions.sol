// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Hooks} from "./Hooks.sol";
import {Ledger} from "./Ledger.sol";
import {Payments} from "./Payments.sol";
import {Vouchers} from "./Vouchers.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Ids} from "../libraries/Ids.sol";
import {Account, Lots} from "../libraries/Lots.sol";
import {
    HOLDER_REDEEMS,
    HOOK_AFTER_REDEMPTION,
    HOOK_BEFORE_REDEMPTION,
    OPERATORS_REDEEM,
    OWNER_REDEEMS,
    PER_USE,
    Rules,
    SPECIAL_REDEMPTION,
    TIME,
    VOUCHER_REQUIRED
} from "../libraries/Rules.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

/// @title Redemptions: credits spent for served work
abstract contract Redemptions is Ledger, Payments, Hooks, Vouchers {
    using BitMaps for BitMaps.BitMap;
    using Ids for BitMaps.BitMap;
    using Lots for Account;

    /// @dev `IScrip.redeem`.
    function redeem(uint256 planId, address holder, uint64 amount, uint256 requestId) external {
        _useRequest(_redeemed[planId][msg.sender], planId, requestId);
        _redeem(planId, holder, amount, false);

        emit IScrip.CreditsRedeemed(planId, holder, msg.sender, amount, requestId);
    }

    /// @dev `IScrip.redeemWithoutId`.
    function redeemWithoutId(uint256 planId, address holder, uint64 amount) external {
        _redeem(planId, holder, amount, false);

        emit IScrip.CreditsRedeemedWithoutId(planId, holder, msg.sender, amount);
    }

    /// @dev `IScrip.redeemMany`.
    function redeemMany(IScrip.Batch[] calldata batches) external {
        for (uint256 i; i < batches.length; ++i) {
            uint256 planId = batches[i].planId;
            IScrip.Use[] calldata uses = batches[i].uses;
            Rules rules = _existing(planId);
            if (uses.length == 0) revert IScrip.ZeroAmount(planId);
            if (rules.has(SPECIAL_REDEMPTION)) _redeemManySpecially(planId, rules, uses);
            else _takeMany(planId, rules, uses);

            _emitBatch(planId, uses);
        }
    }

    function _redeemManySpecially(uint256 planId, Rules rules, IScrip.Use[] calldata uses) private {
        bool trusted = _isTrusted(planId, rules);
        BitMaps.BitMap storage redeemed = _redeemed[planId][msg.sender];
        for (uint256 i; i < uses.length; ++i) {
            _useRequest(redeemed, planId, uses[i].requestId);
            _redeemBy(planId, rules, trusted, uses[i].holder, uses[i].amount, false);
        }
    }

    /// @dev Spends credits, where nobody else is called. Uses of one holder that follow one another are taken at once, with one
    /// `TransferSingle`.
    function _takeMany(uint256 planId, Rules rules, IScrip.Use[] calldata uses) private {
        _redeemed[planId][msg.sender].takeAll(planId, uses);
        bool trusted = _isTrusted(planId, rules);
        // None yet: the zero address has no credits.
        address holder;
        uint256 amount;
        for (uint256 i; i < uses.length; ++i) {
            IScrip.Use calldata use = uses[i];
            address nextHolder = use.holder;
            if (nextHolder != holder) {
                if (amount != 0) _take(_accounts[planId][holder], planId, holder, amount);
                (holder, amount) = (nextHolder, 0);
                _checkRedeemer(planId, rules, trusted, holder);
            }
            uint256 nextAmount = use.amount;
            _checkRange(planId, rules, nextAmount);
            amount += nextAmount;
        }
        if (amount != 0) _take(_accounts[planId][holder], planId, holder, amount);
    }

    /// @dev `emit IScrip.CreditsRedeemedInBatch(planId, msg.sender, uses)`, for a tenth of the gas: the uses are three words
    /// each, as they lie in the calldata, and each was checked to fit its type when it was read.
    function _emitBatch(uint256 planId, IScrip.Use[] calldata uses) private {
        bytes32 signature = IScrip.CreditsRedeemedInBatch.selector;
        assembly ("memory-safe") {
            let data := mload(0x40)
            let size := mul(uses.length, 0x60)
            mstore(data, 0x20)
            mstore(add(data, 0x20), uses.length)
            calldatacopy(add(data, 0x40), uses.offset, size)
            log3(data, add(size, 0x40), signature, planId, caller())
        }
    }

    /// @dev `IScrip.redeemWithVoucher`.
    function redeemWithVoucher(IScrip.Voucher memory voucher, uint64 amount, bytes calldata signature) external {
        _useVoucher(voucher, amount, signature);
        _redeem(voucher.planId, voucher.holder, amount, true);

        emit IScrip.VoucherRedeemed(voucher.planId, voucher.holder, msg.sender, amount, voucher.nonce);
    }

    /// @dev `IScrip.redeemInSession`.
    function redeemInSession(
        IScrip.SessionVoucher memory voucher,
        uint64 amount,
        uint256 requestId,
        bytes calldata signature
    ) external {
        _useRequest(_redeemed[voucher.planId][msg.sender], voucher.planId, requestId);
        _useSession(voucher, amount, signature);
        _redeem(voucher.planId, voucher.holder, amount, true);

        emit IScrip.CreditsRedeemed(voucher.planId, voucher.holder, msg.sender, amount, requestId);
    }

    function _useRequest(BitMaps.BitMap storage redeemed, uint256 planId, uint256 requestId) private {
        if (!redeemed.take(requestId)) revert IScrip.RequestAlreadyRedeemed(planId, msg.sender, requestId);
    }

    function _redeem(uint256 planId, address holder, uint256 amount, bool vouched) private {
        Rules rules = _existing(planId);
        _redeemBy(planId, rules, _isTrusted(planId, rules), holder, amount, vouched);
    }

    /// @dev What the callers have used up before, a request or a voucher, comes back if this reverts; and nothing that is
    /// called from here can use it again.
    function _redeemBy(uint256 planId, Rules rules, bool trusted, address holder, uint256 amount, bool vouched)
        private
    {
        _checkRedeemer(planId, rules, trusted, holder);
        _checkRange(planId, rules, amount);

        if (rules.has(SPECIAL_REDEMPTION)) _redeemSpecially(planId, rules, holder, amount, vouched);
        else _take(_accounts[planId][holder], planId, holder, amount);
    }

    function _redeemSpecially(uint256 planId, Rules rules, address holder, uint256 amount, bool vouched) private {
        if (!vouched && rules.has(VOUCHER_REQUIRED) && msg.sender != holder) {
            revert IScrip.VoucherRequired(planId, msg.sender, holder);
        }
        if (rules.has(HOOK_BEFORE_REDEMPTION)) _beforeRedemption(planId, holder, amount);

        if (rules.has(TIME)) {
            uint256 end = _accounts[planId][holder].load().expiry;
            if (end <= block.timestamp) revert IScrip.NoAccess(planId, holder, end);
        } else if (rules.has(PER_USE)) {
            _payForUses(planId, rules, holder, amount);
        } else {
            _take(_accounts[planId][holder], planId, holder, amount);
        }

        if (rules.has(HOOK_AFTER_REDEMPTION)) _afterRedemption(planId, holder, amount);
    }

    function _checkRedeemer(uint256 planId, Rules rules, bool trusted, address holder) private view {
        if (!trusted && !(rules.has(HOLDER_REDEEMS) && msg.sender == holder)) {
            revert IScrip.NotRedeemer(planId, msg.sender, holder);
        }
    }

    function _checkRange(uint256 planId, Rules rules, uint256 amount) private pure {
        if (amount < rules.minimumOf() || amount > rules.maximumOf()) {
            revert IScrip.AmountOutOfRange(planId, amount, rules.minimumOf(), rules.maximumOf());
        }
    }

    /// @dev Whether the caller may redeem every holder's credits.
    function _isTrusted(uint256 planId, Rules rules) private view returns (bool) {
        return (rules.has(OWNER_REDEEMS) && msg.sender == rules.ownerOf())
            || (rules.has(OPERATORS_REDEEM) && _isOperator(planId, rules, msg.sender, REDEEM));
    }

    function _payForUses(uint256 planId, Rules rules, address holder, uint256 uses) private {
        StoredPlan storage stored = _plans[planId];
        // Bounded, so that it cannot spoil other calls of a `multicall` that skips.
        Bill memory bill = _bill(stored.sale.token, holder, uint256(stored.sale.amount) * uses, true);

        // As it was given.
        // forge-lint: disable-next-line(unsafe-typecast)
        emit IScrip.UsesPaid(planId, holder, uint64(uses), bill.token, bill.price, bill.fee);

        _pay(planId, stored, rules, bill);
    }
}
