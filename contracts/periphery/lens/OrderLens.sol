// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {CoreRules} from "./CoreRules.sol";
import {ILens} from "../../interfaces/ILens.sol";
import {IScrip} from "../../interfaces/IScrip.sol";
import {Lots} from "../../libraries/Lots.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title Before an order
/// @dev The checks stand in the order of the core's, error by error: see `Orders` and `Payments`.
abstract contract OrderLens is CoreRules {
    using SafeCast for uint256;

    /// @inheritdoc ILens
    function quote(IScrip scrip, uint256 planId, address payer, address holder, uint32 quantity, bytes calldata data)
        external
        view
        returns (Quote memory answer)
    {
        IScrip.Plan memory plan = scrip.plan(planId);
        IScrip.Terms memory terms = plan.terms;
        answer.owner = plan.owner;
        answer.warnings = _warningsOf(terms);
        (answer.credits, answer.expiry) = _grantOf(scrip, planId, terms, holder, quantity);

        IScrip.PriceKind kind = terms.price.kind;
        answer.kind = kind;
        answer.price = kind == IScrip.PriceKind.Quoted
            ? _ask(terms.price.source, planId, holder, quantity, data)
            : uint256(terms.price.amount) * quantity;
        answer.currency = terms.price.currency;
        if (!_isPaidOnChain(kind)) return answer;

        answer.token = terms.price.token;
        IScrip.Fee memory fee = scrip.fee();
        (answer.fee, answer.feeReceiver) = (_feeOf(fee, answer.price), fee.receiver);
        answer.payments = _divide(terms.payees, answer.price - answer.fee);
        Purse memory purse = _purseOf(scrip, answer.token, payer);
        (answer.payerBalance, answer.payerAllowance) = (purse.balance, purse.allowance);
    }

    /// @inheritdoc ILens
    function remainingOrders(IScrip scrip, uint256 planId, address holder)
        external
        view
        returns (uint256 forHolder, uint256 inAll)
    {
        return _remainingOrders(scrip, planId, scrip.plan(planId), holder);
    }

    /// @inheritdoc ILens
    function refusalOfOrder(
        IScrip scrip,
        uint256 planId,
        address payer,
        address holder,
        uint32 quantity,
        uint256 maxPrice,
        bytes calldata data
    ) external view returns (bytes memory refusal, bool asksHook) {
        IScrip.Purchase memory purchase = IScrip.Purchase({
            planId: planId, holder: holder, quantity: quantity, maxPrice: maxPrice, data: data
        });
        asksHook = _asksHook(scrip, planId, ORDER_HOOKS);
        try this.checkOrder(scrip, purchase, payer) {}
        catch (bytes memory reason) {
            refusal = _refusal(scrip, reason);
        }
    }

    /// @inheritdoc ILens
    function checkOrder(IScrip scrip, IScrip.Purchase calldata purchase, address payer) external view {
        uint256 planId = purchase.planId;
        IScrip.Plan memory plan = scrip.plan(planId);
        IScrip.Terms memory terms = plan.terms;
        require(plan.open, IScrip.OrdersStopped(planId));
        require(purchase.quantity != 0, IScrip.ZeroQuantity(planId));
        require(purchase.holder != address(0), IScrip.ZeroHolder(planId));
        uint256 price = _checkPrice(scrip, terms, purchase, payer);
        _checkGift(scrip, plan, purchase, payer);
        _checkLimits(scrip, plan, purchase);
        _checkGrant(scrip, terms, purchase);
        _checkPayment(scrip, planId, terms, payer, price);
    }

    function _checkPrice(IScrip scrip, IScrip.Terms memory terms, IScrip.Purchase calldata purchase, address payer)
        private
        view
        returns (uint256 price)
    {
        uint256 planId = purchase.planId;
        IScrip.PriceKind kind = terms.price.kind;
        if (kind == IScrip.PriceKind.Free) return 0;
        require(kind == IScrip.PriceKind.Fixed || kind == IScrip.PriceKind.Quoted, IScrip.WrongPriceKind(planId, kind));
        price = kind == IScrip.PriceKind.Quoted
            ? _ask(terms.price.source, planId, purchase.holder, purchase.quantity, purchase.data)
            : uint256(terms.price.amount) * purchase.quantity;
        require(price <= purchase.maxPrice, IScrip.PriceAboveMaximum(planId, price, purchase.maxPrice));
        _feeOf(scrip.fee(), price);
        if (terms.price.token == address(0)) {
            require(payer.balance >= price, IScrip.WrongValue(planId, payer.balance, price));
        }
    }

    function _checkGift(IScrip scrip, IScrip.Plan memory plan, IScrip.Purchase calldata purchase, address payer)
        private
        view
    {
        IScrip.Terms memory terms = plan.terms;
        bool lastingWithoutLimits = terms.grant.kind == IScrip.GrantKind.Credits && terms.grant.duration == 0
            && terms.limits.perHolder == 0 && terms.limits.inAll == 0;
        if (payer == purchase.holder || lastingWithoutLimits) return;
        require(
            payer == plan.owner || scrip.permissionsOf(purchase.planId, payer) & MINT != 0,
            IScrip.GiftNotAllowed(purchase.planId, payer, purchase.holder)
        );
    }

    function _checkLimits(IScrip scrip, IScrip.Plan memory plan, IScrip.Purchase calldata purchase) private view {
        uint256 planId = purchase.planId;
        (uint256 forHolder, uint256 inAll) = _remainingOrders(scrip, planId, plan, purchase.holder);
        require(
            purchase.quantity <= forHolder,
            IScrip.HolderLimitReached(planId, purchase.holder, purchase.quantity, forHolder)
        );
        require(purchase.quantity <= inAll, IScrip.PlanLimitReached(planId, purchase.quantity, inAll));
    }

    function _checkGrant(IScrip scrip, IScrip.Terms memory terms, IScrip.Purchase calldata purchase) private view {
        uint256 planId = purchase.planId;
        (uint256 credits, uint256 expiry) = _grantOf(scrip, planId, terms, purchase.holder, purchase.quantity);
        if (terms.grant.kind == IScrip.GrantKind.Time) {
            require(
                expiry <= type(uint40).max, IScrip.AccessOverflow(planId, purchase.holder, expiry, type(uint40).max)
            );
            return;
        }
        Lots.fit(credits);
        expiry.toUint40();
        IScrip.Lot[] memory lots = scrip.lotsOf(planId, purchase.holder);
        for (uint256 i; i < lots.length; ++i) {
            // Equal expiries join, those that never expire (0) among them.
            if (lots[i].expiry == expiry) Lots.fit(lots[i].amount + credits);
        }
    }

    function _warningsOf(IScrip.Terms memory terms) private pure returns (Warnings memory) {
        IScrip.Redemption memory rules = terms.redemption;
        return Warnings({
            redeemersTrusted: !rules.voucherRequired && rules.redeemers & (OWNER_REDEEMS | OPERATORS_REDEEM) != 0,
            revocable: terms.revocable,
            hookOnOrder: terms.hook.calls & ORDER_HOOKS != 0,
            hookOnRedemption: terms.hook.calls & REDEMPTION_HOOKS != 0,
            settledOffChain: terms.price.kind == IScrip.PriceKind.Fiat
        });
    }

    function _remainingOrders(IScrip scrip, uint256 planId, IScrip.Plan memory plan, address holder)
        private
        view
        returns (uint256 forHolder, uint256 inAll)
    {
        IScrip.Limits memory limits = plan.terms.limits;
        // Settlements of fiat plans are counted beyond the limits, too.
        forHolder = limits.perHolder == 0
            ? type(uint256).max
            : FixedPointMathLib.zeroFloorSub(limits.perHolder, scrip.ordersOf(planId, holder));
        inAll = limits.inAll == 0 ? type(uint256).max : FixedPointMathLib.zeroFloorSub(limits.inAll, plan.ordered);
    }

    function _isPaidOnChain(IScrip.PriceKind kind) private pure returns (bool) {
        return kind != IScrip.PriceKind.Free && kind != IScrip.PriceKind.Fiat;
    }

    function _divide(IScrip.Payee[] memory payees, uint256 price) private pure returns (Payment[] memory payments) {
        payments = new Payment[](payees.length);
        uint256 left = price;
        for (uint256 i; i < payees.length; ++i) {
            uint256 amount = _part(payees, i, price, left);
            left -= amount;
            payments[i] = Payment({account: payees[i].account, amount: amount});
        }
    }
}
