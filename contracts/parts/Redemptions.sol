// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Hooks} from "./Hooks.sol";
import {Ledger} from "./Ledger.sol";
import {Payments} from "./Payments.sol";
import {Vouchers} from "./Vouchers.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Account, Lots} from "../libraries/Lots.sol";
import {
    HOLDER_REDEEMS,
    HOOK_AFTER_REDEMPTION,
    HOOK_BEFORE_REDEMPTION,
    OPERATORS_REDEEM,
    OWNER_REDEEMS,
    Rules,
    TIME,
    VOUCHER_REQUIRED
} from "../libraries/Rules.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

/// @title Redemptions: credits spent for served work
abstract contract Redemptions is Ledger, Payments, Hooks, Vouchers {
    using BitMaps for BitMaps.BitMap;
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
            BitMaps.BitMap storage redeemed = _redeemed[planId][msg.sender];
            for (uint256 j; j < uses.length; ++j) {
                _useRequest(redeemed, planId, uses[j].requestId);
                _redeem(planId, uses[j].holder, uses[j].amount, false);
            }

            emit IScrip.CreditsRedeemedInBatch(planId, msg.sender, uses);
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

    /// @dev `IScrip.isRedeemed`.
    function isRedeemed(uint256 planId, address redeemer, uint256 requestId) external view returns (bool) {
        return _redeemed[planId][redeemer].get(requestId);
    }

    function _useRequest(BitMaps.BitMap storage redeemed, uint256 planId, uint256 requestId) private {
        require(!redeemed.get(requestId), IScrip.RequestAlreadyRedeemed(planId, msg.sender, requestId));

        redeemed.set(requestId);
    }

    /// @dev What the callers have used up before, a request or a voucher, comes back if this reverts; and nothing that is
    /// called from here can use it again.
    function _redeem(uint256 planId, address holder, uint64 amount, bool vouched) private {
        (StoredPlan storage stored, Rules rules) = _existing(planId);
        require(_mayRedeem(planId, rules, holder), IScrip.NotRedeemer(planId, msg.sender, holder));
        require(
            amount >= rules.minimumOf() && amount <= rules.maximumOf(),
            IScrip.AmountOutOfRange(planId, amount, rules.minimumOf(), rules.maximumOf())
        );
        require(
            vouched || !rules.has(VOUCHER_REQUIRED) || msg.sender == holder,
            IScrip.VoucherRequired(planId, msg.sender, holder)
        );
        if (rules.has(HOOK_BEFORE_REDEMPTION)) _beforeRedemption(stored, planId, holder, amount);

        if (rules.has(TIME)) {
            uint256 end = _accounts[planId][holder].load().expiry;
            require(end > block.timestamp, IScrip.NoAccess(planId, holder, end));
        } else if (rules.priceKindOf() == IScrip.PriceKind.PerUse) {
            _payForUses(planId, stored, rules, holder, amount);
        } else {
            _take(planId, holder, amount);
        }

        if (rules.has(HOOK_AFTER_REDEMPTION)) _afterRedemption(stored, planId, holder, amount);
    }

    function _mayRedeem(uint256 planId, Rules rules, address holder) private view returns (bool) {
        return (rules.has(OWNER_REDEEMS) && msg.sender == rules.ownerOf())
            || (rules.has(HOLDER_REDEEMS) && msg.sender == holder)
            || (rules.has(OPERATORS_REDEEM) && _isOperator(planId, rules, msg.sender, REDEEM));
    }

    function _payForUses(uint256 planId, StoredPlan storage stored, Rules rules, address holder, uint64 uses) private {
        Bill memory bill = _bill(stored.sale.token, holder, uint256(stored.sale.amount) * uses);

        emit IScrip.UsesPaid(planId, holder, uses, bill.token, bill.price, bill.fee);

        _pay(planId, stored, rules, bill);
    }
}
