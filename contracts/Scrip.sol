// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "./interfaces/IScrip.sol";
import {Account, Front, Lots} from "./libraries/Lots.sol";
import {
    HOLDER_REDEEMS,
    LIMITED,
    OPERATORS_REDEEM,
    OWNER_REDEEMS,
    PAID,
    REVOCABLE,
    Rules,
    SPLIT,
    STOPPED,
    TIME
} from "./libraries/Rules.sol";
import {Ledger} from "./parts/Ledger.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

/// @title Scrip: the core
/// @notice Immutable: no proxy, no pause, no admin. It pulls tokens from nobody but the caller and holds no funds.
contract Scrip is Ledger, ReentrancyGuardTransient {
    using BitMaps for BitMaps.BitMap;
    using Lots for Account;
    using SafeCast for uint256;

    mapping(uint256 planId => mapping(address redeemer => BitMaps.BitMap)) private _redeemed;

    // ───────────────────────────────────────────── Orders ────────────────────────────────────────────

    /// @inheritdoc IScrip
    function order(uint256 planId, address holder, uint32 quantity, uint256 maxPrice)
        external
        payable
        nonReentrant
        returns (uint64 credits, uint40 expiry)
    {
        (StoredPlan storage stored, Rules rules) = _existing(planId);
        require(!rules.has(STOPPED), OrdersStopped(planId));
        require(quantity != 0, ZeroQuantity(planId));
        require(holder != address(0), ZeroHolder(planId));
        address token = stored.sale.token;
        uint256 price = uint256(stored.sale.amount) * quantity;
        require(price <= maxPrice, PriceAboveMaximum(planId, price, maxPrice));
        uint256 value = token == address(0) ? price : 0;
        require(msg.value == value, WrongValue(planId, msg.value, value));
        _checkGift(planId, stored, rules, holder);

        if (rules.has(LIMITED)) _countOrders(planId, stored, holder, quantity);
        uint256 minted;
        (credits, expiry, minted) = _grant(planId, stored, rules, holder, quantity);

        emit PlanOrdered(planId, msg.sender, holder, quantity, token, price, credits, expiry);

        if (rules.has(PAID)) _pay(planId, stored, rules, token, price);
        _askHolder(planId, holder, minted);
    }

    /// @inheritdoc IScrip
    function ordersOf(uint256 planId, address holder) external view returns (uint32) {
        return _accounts[planId][holder].load().orders;
    }

    /// @dev An order for another holder must not use up its limit, start its clock or fill its lots without its consent.
    function _checkGift(uint256 planId, StoredPlan storage stored, Rules rules, address holder) private view {
        if (msg.sender == holder) return;
        if (!rules.has(TIME) && !rules.has(LIMITED) && stored.sale.duration == 0) return;
        require(_isMinter(planId, rules), GiftNotAllowed(planId, msg.sender, holder));
    }

    function _countOrders(uint256 planId, StoredPlan storage stored, address holder, uint32 quantity) private {
        uint32 perHolder = stored.perHolder;
        if (perHolder != 0) {
            Account storage account = _accounts[planId][holder];
            Front memory front = account.load();
            uint32 left = perHolder - front.orders;
            require(quantity <= left, HolderLimitReached(planId, holder, quantity, left));
            front.orders += quantity;
            account.store(front);
        }
        uint32 inAll = stored.inAll;
        if (inAll != 0) {
            uint32 ordered = stored.ordered;
            uint32 left = inAll - ordered;
            require(quantity <= left, PlanLimitReached(planId, quantity, left));
            stored.ordered = ordered + quantity;
        }
    }

    /// @return credits The credits granted.
    /// @return expiry Their expiry, or the end of access.
    /// @return minted By how much the holder's ERC-1155 balance grew.
    function _grant(uint256 planId, StoredPlan storage stored, Rules rules, address holder, uint256 quantity)
        private
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
            _addLasting(planId, holder, minted);
        } else {
            expiry = Lots.gridExpiry(duration, block.timestamp).toUint40();
            _addLot(planId, holder, credits, expiry, type(uint256).max);
        }
    }

    /// @dev Divides the price; the last payee takes what rounding leaves.
    function _pay(uint256 planId, StoredPlan storage stored, Rules rules, address token, uint256 price) private {
        if (!rules.has(SPLIT)) return _payTo(planId, token, stored.sale.payee, price);

        uint256 left = price;
        uint256 last = stored.payees.length - 1;
        for (uint256 i; i < last; ++i) {
            Payee memory payee = stored.payees[i];
            uint256 share = price * payee.share / WHOLE;
            left -= share;
            _payTo(planId, token, payee.account, share);
        }
        _payTo(planId, token, stored.payees[last].account, left);
    }

    function _payTo(uint256 planId, address token, address payee, uint256 amount) private {
        if (amount == 0) return;
        bool paid = token == address(0)
            ? SafeTransferLib.trySafeTransferETH(payee, amount, SafeTransferLib.GAS_STIPEND_NO_GRIEF)
            : SafeTransferLib.trySafeTransferFrom(token, msg.sender, payee, amount);
        require(paid, PaymentFailed(planId, token, msg.sender, payee, amount));
    }

    // ───────────────────────────────────────── Mint and burn ─────────────────────────────────────────

    /// @inheritdoc IScrip
    function mint(uint256 planId, address holder, uint64 amount) external {
        (StoredPlan storage stored, Rules rules) = _checkMint(planId, holder, amount);

        uint40 expiry;
        uint256 minted = amount;
        if (rules.has(TIME)) {
            (expiry, minted) = _addAccess(planId, holder, uint256(stored.sale.duration) * amount);
        } else {
            _addLasting(planId, holder, amount);
        }

        emit CreditsMinted(planId, holder, amount, expiry);

        _askHolder(planId, holder, minted);
    }

    /// @inheritdoc IScrip
    function mintExpirable(uint256 planId, address holder, uint64 amount, uint32 duration)
        external
        returns (uint40 expiry)
    {
        (, Rules rules) = _checkMint(planId, holder, amount);
        require(duration != 0, ZeroDuration(planId));
        require(!rules.has(TIME), NoLotsOnTimePlan(planId));

        expiry = (block.timestamp + duration).toUint40();
        _addLot(planId, holder, amount, expiry, Lots.MAX_LOTS_FOR_MINT);

        emit CreditsMinted(planId, holder, amount, expiry);

        _askHolder(planId, holder, amount);
    }

    function _checkMint(uint256 planId, address holder, uint64 amount)
        private
        view
        returns (StoredPlan storage stored, Rules rules)
    {
        (stored, rules) = _existing(planId);
        require(_isMinter(planId, rules), NotMinter(planId, msg.sender));
        require(holder != address(0), ZeroHolder(planId));
        require(amount != 0, ZeroAmount(planId));
    }

    /// @inheritdoc IScrip
    function burn(uint256 planId, address holder, uint64 amount) external {
        (StoredPlan storage stored, Rules rules) = _existing(planId);
        require(
            msg.sender == holder || (rules.has(REVOCABLE) && msg.sender == rules.ownerOf()),
            NotBurner(planId, msg.sender, holder)
        );
        require(amount != 0, ZeroAmount(planId));

        if (rules.has(TIME)) _cutAccess(planId, holder, amount, stored.sale.duration);
        else _take(planId, holder, amount);

        emit CreditsBurned(planId, holder, msg.sender, amount);
    }

    // ─────────────────────────────────────────── Redemption ──────────────────────────────────────────

    /// @inheritdoc IScrip
    function redeem(uint256 planId, address holder, uint64 amount, uint256 requestId) external {
        BitMaps.BitMap storage redeemed = _redeemed[planId][msg.sender];
        require(!redeemed.get(requestId), RequestAlreadyRedeemed(planId, msg.sender, requestId));

        redeemed.set(requestId);
        _redeem(planId, holder, amount);

        emit CreditsRedeemed(planId, holder, msg.sender, amount, requestId);
    }

    /// @inheritdoc IScrip
    function redeemWithoutId(uint256 planId, address holder, uint64 amount) external {
        _redeem(planId, holder, amount);

        emit CreditsRedeemedWithoutId(planId, holder, msg.sender, amount);
    }

    /// @inheritdoc IScrip
    function isRedeemed(uint256 planId, address redeemer, uint256 requestId) external view returns (bool) {
        return _redeemed[planId][redeemer].get(requestId);
    }

    function _redeem(uint256 planId, address holder, uint64 amount) private {
        (, Rules rules) = _existing(planId);
        require(_mayRedeem(planId, rules, holder), NotRedeemer(planId, msg.sender, holder));
        require(
            amount >= rules.minimumOf() && amount <= rules.maximumOf(),
            AmountOutOfRange(planId, amount, rules.minimumOf(), rules.maximumOf())
        );

        if (rules.has(TIME)) {
            uint256 end = _accounts[planId][holder].load().expiry;
            require(end > block.timestamp, NoAccess(planId, holder, end));
        } else {
            _take(planId, holder, amount);
        }
    }

    function _mayRedeem(uint256 planId, Rules rules, address holder) private view returns (bool) {
        return (rules.has(OWNER_REDEEMS) && msg.sender == rules.ownerOf())
            || (rules.has(HOLDER_REDEEMS) && msg.sender == holder)
            || (rules.has(OPERATORS_REDEEM) && _isOperator(planId, rules, REDEEM));
    }
}
