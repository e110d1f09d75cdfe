// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Hooks} from "./Hooks.sol";
import {Ledger} from "./Ledger.sol";
import {Payments} from "./Payments.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Account, Front, Lots} from "../libraries/Lots.sol";
import {LIMITED, Rules, STOPPED, TIME} from "../libraries/Rules.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {LibRLP} from "solady/utils/LibRLP.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

/// @title Orders: a price paid, a grant given
abstract contract Orders is Ledger, Payments, Hooks, ReentrancyGuardTransient {
    using Lots for Account;

    /// @dev The native coin that a call was sent: what is `left` of it, and how much of that may be returned.
    struct Coin {
        uint256 left;
        uint256 returnable;
    }

    /// @dev `IScrip.order`.
    function order(uint256 planId, address holder, uint32 quantity, uint256 maxPrice)
        external
        payable
        nonReentrant
        returns (uint64 credits, uint40 expiry)
    {
        IScrip.Purchase memory purchase = IScrip.Purchase({
            planId: planId, holder: holder, quantity: quantity, maxPrice: maxPrice, data: ""
        });
        return _orderOne(purchase, msg.sender, false);
    }

    /// @dev `IScrip.orderMany`.
    function orderMany(IScrip.Purchase[] calldata purchases) external payable nonReentrant {
        Coin memory coin = Coin({left: msg.value, returnable: 0});
        uint256 planId;
        for (uint256 i; i < purchases.length; ++i) {
            planId = purchases[i].planId;
            _order(purchases[i], msg.sender, false, coin);
        }
        _return(planId, coin);
    }

    /// @dev `IScrip.orderFor`.
    function orderFor(IScrip.Purchase calldata purchase, address payer, address token, bool consented)
        external
        payable
        nonReentrant
        returns (uint64 credits, uint40 expiry)
    {
        if (msg.sender != router()) revert IScrip.NotRouter(msg.sender, router());
        _existing(purchase.planId);
        address planToken = _plans[purchase.planId].sale.token;
        if (token != planToken) revert IScrip.WrongToken(purchase.planId, token, planToken);
        return _orderOne(purchase, payer, consented);
    }

    /// @dev `IScrip.router`.
    function router() public view returns (address) {
        return LibRLP.computeAddress(address(this), 1);
    }

    function _orderOne(IScrip.Purchase memory purchase, address payer, bool consented)
        private
        returns (uint64 credits, uint40 expiry)
    {
        Coin memory coin = Coin({left: msg.value, returnable: 0});
        (credits, expiry) = _order(purchase, payer, consented, coin);
        _return(purchase.planId, coin);
    }

    /// @dev The money comes from the caller, who is the payer or the router.
    function _order(IScrip.Purchase memory purchase, address payer, bool consented, Coin memory coin)
        private
        returns (uint64 credits, uint40 expiry)
    {
        uint256 planId = purchase.planId;
        StoredPlan storage stored = _plans[planId];
        Rules rules = _existing(planId);
        if (rules.has(STOPPED)) revert IScrip.OrdersStopped(planId);
        if (purchase.quantity == 0) revert IScrip.ZeroQuantity(planId);
        if (purchase.holder == address(0)) revert IScrip.ZeroHolder(planId);
        Bill memory bill = _billOf(stored, rules, purchase, coin);
        if (payer != purchase.holder && !consented) _checkGift(stored, rules, purchase, payer);
        _beforeOrder(stored, rules, purchase, payer, bill.price);

        if (rules.has(LIMITED)) _countOrders(planId, stored, purchase.holder, purchase.quantity);
        uint256 minted;
        (credits, expiry, minted) = _grant(planId, stored, rules, purchase.holder, purchase.quantity);

        emit IScrip.PlanOrdered({
            planId: planId,
            payer: payer,
            holder: purchase.holder,
            quantity: purchase.quantity,
            token: bill.token,
            paid: bill.price,
            fee: bill.fee,
            credits: credits,
            expiry: expiry
        });

        if (bill.price != 0) _pay(planId, stored, rules, bill);
        _afterOrder(stored, rules, purchase, payer, bill.price);
        _askHolder(planId, purchase.holder, minted);
    }

    /// @dev The bill of an order; the coin for it is set aside.
    function _billOf(StoredPlan storage stored, Rules rules, IScrip.Purchase memory purchase, Coin memory coin)
        private
        view
        returns (Bill memory bill)
    {
        IScrip.PriceKind kind = rules.priceKindOf();
        if (kind == IScrip.PriceKind.Free) return bill;
        if (!(kind == IScrip.PriceKind.Fixed || kind == IScrip.PriceKind.Quoted)) {
            revert IScrip.WrongPriceKind(purchase.planId, kind);
        }

        bool quoted = kind == IScrip.PriceKind.Quoted;
        uint256 price = quoted ? _quote(stored, purchase) : uint256(stored.sale.amount) * purchase.quantity;
        if (price > purchase.maxPrice) revert IScrip.PriceAboveMaximum(purchase.planId, price, purchase.maxPrice);
        bill = _bill(stored.sale.token, msg.sender, price, false);
        if (bill.token == address(0)) {
            if (coin.left < price) revert IScrip.WrongValue(purchase.planId, coin.left, price);
            coin.left -= price;
            // As much as was sent for it: what is beyond its maximum was sent for nothing.
            if (quoted) coin.returnable += FixedPointMathLib.min(purchase.maxPrice - price, coin.left);
        }
    }

    /// @dev Returns the coin that quoted prices left over, and refuses any other excess.
    function _return(uint256 planId, Coin memory coin) private {
        if (coin.left == 0) return;
        if (coin.left > coin.returnable) {
            revert IScrip.WrongValue(planId, msg.value, msg.value - coin.left + coin.returnable);
        }
        if (!SafeTransferLib.trySafeTransferETH(msg.sender, coin.left, gasleft())) {
            revert IScrip.RefundFailed(msg.sender, coin.left);
        }
    }

    /// @dev An order for another holder must not use up its limit, start its clock or fill its lots without its consent.
    function _checkGift(StoredPlan storage stored, Rules rules, IScrip.Purchase memory purchase, address payer)
        private
        view
    {
        if (!rules.has(TIME | LIMITED) && stored.sale.duration == 0) return;
        if (!_isOwnerOrOperator(purchase.planId, rules, payer, MINT)) {
            revert IScrip.GiftNotAllowed(purchase.planId, payer, purchase.holder);
        }
    }

    function _countOrders(uint256 planId, StoredPlan storage stored, address holder, uint32 quantity) private {
        uint32 perHolder = stored.perHolder;
        if (perHolder != 0) {
            Account storage account = _accounts[planId][holder];
            Front memory front = account.load();
            uint256 left = perHolder - front.orders;
            if (quantity > left) revert IScrip.HolderLimitReached(planId, holder, quantity, left);
            front.orders += quantity;
            account.store(front);
        }
        uint32 inAll = stored.inAll;
        if (inAll != 0) {
            uint32 ordered = stored.ordered;
            uint32 left = inAll - ordered;
            if (quantity > left) revert IScrip.PlanLimitReached(planId, quantity, left);
            stored.ordered = ordered + quantity;
        }
    }
}
