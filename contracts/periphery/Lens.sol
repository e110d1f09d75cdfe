// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ILens} from "../interfaces/ILens.sol";
import {IPriceSource} from "../interfaces/IPriceSource.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Gas} from "../libraries/Gas.sol";
import {Lots} from "../libraries/Lots.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {LibCall} from "solady/utils/LibCall.sol";

/// @title Lens: what a call to the core would cost, give or be refused for
/// @notice `ILens` is its manual.
/// @dev The checks stand in the order of the core's, error by error, so that whichever comes first there comes first here: see
/// `Orders`, `Redemptions`, `Vouchers` and `Payments`.
contract Lens is ILens {
    using SafeCast for uint256;

    /// @dev What a payment is checked against, as it goes on.
    struct Purse {
        address token;
        address payer;
        uint256 balance;
        uint256 allowance;
    }

    // The core's bits, as the terms and `permissionsOf` have them.
    uint8 private constant OWNER_REDEEMS = 1;
    uint8 private constant HOLDER_REDEEMS = 2;
    uint8 private constant OPERATORS_REDEEM = 4;
    uint8 private constant ORDER_HOOKS = 1 | 2;
    uint8 private constant REDEMPTION_HOOKS = 4 | 8;
    uint8 private constant MINT = 1;
    uint8 private constant REDEEM = 2;

    uint256 private constant WHOLE = 10_000;

    /// @dev How much of a price source's error the core passes on.
    uint16 private constant MAX_REASON_BYTES = 256;
    /// @dev So that one token of many cannot spend the gas of all.
    uint256 private constant TOKEN_VIEW_GAS = 200_000;

    bytes32 private constant VOUCHER_TYPE = keccak256(
        "Voucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 nonce,uint40 deadline)"
    );
    bytes32 private constant SESSION_VOUCHER_TYPE = keccak256(
        "SessionVoucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 session,uint40 deadline)"
    );

    // ──────────────────────────────────────── Before an order ────────────────────────────────────────

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

    // ────────────────────────────────────────── What one has ─────────────────────────────────────────

    /// @inheritdoc ILens
    function balanceAt(IScrip scrip, uint256 planId, address holder, uint256 time)
        external
        view
        returns (uint256 balance)
    {
        require(time >= block.timestamp, TimePassed(time, block.timestamp));
        // Either list is empty on plans of the other kind.
        if (scrip.accessEnd(planId, holder) > time) return 1;
        IScrip.Lot[] memory lots = scrip.lotsOf(planId, holder);
        for (uint256 i; i < lots.length; ++i) {
            if (lots[i].expiry == 0 || lots[i].expiry > time) balance += lots[i].amount;
        }
    }

    /// @inheritdoc ILens
    function balancesOf(IScrip scrip, Pair[] calldata pairs) external view returns (Holding[] memory holdings) {
        holdings = new Holding[](pairs.length);
        for (uint256 i; i < pairs.length; ++i) {
            (uint256 planId, address holder) = (pairs[i].planId, pairs[i].holder);
            try scrip.accessEnd(planId, holder) returns (uint40 end) {
                uint256 balance = scrip.balanceOf(holder, planId);
                holdings[i] = Holding({
                    planExists: true,
                    isSubscriber: balance != 0 || _canPayUses(scrip, planId, holder),
                    balance: balance,
                    accessEnd: end
                });
            } catch (bytes memory reason) {
                // Anything else than a plan that is not there must not be told as one.
                // forge-lint: disable-next-line(unsafe-typecast)
                require(bytes4(reason) == IScrip.PlanNotFound.selector, NoAnswer(address(scrip)));
            }
        }
    }

    /// @dev Whether a holder of a plan paid per use can pay the least redemption.
    function _canPayUses(IScrip scrip, uint256 planId, address holder) private view returns (bool) {
        IScrip.Terms memory terms = scrip.plan(planId).terms;
        if (terms.price.kind != IScrip.PriceKind.PerUse) return false;
        uint256 least = uint256(terms.price.amount) * terms.redemption.minimum;
        Purse memory purse = _purseOf(scrip, terms.price.token, holder);
        return purse.balance >= least && purse.allowance >= least;
    }

    // ─────────────────────────────────────── Before a redemption ─────────────────────────────────────

    /// @inheritdoc ILens
    function refusalOfRedemption(
        IScrip scrip,
        uint256 planId,
        address redeemer,
        address holder,
        uint64 amount,
        uint256 requestId
    ) external view returns (bytes memory refusal, bool asksHook) {
        asksHook = _asksHook(scrip, planId, REDEMPTION_HOOKS);
        try this.checkRedemption(scrip, planId, redeemer, holder, amount, requestId) {}
        catch (bytes memory reason) {
            refusal = _refusal(scrip, reason);
        }
    }

    /// @inheritdoc ILens
    function checkRedemption(
        IScrip scrip,
        uint256 planId,
        address redeemer,
        address holder,
        uint64 amount,
        uint256 requestId
    ) external view {
        _checkRequest(scrip, planId, redeemer, requestId);
        _checkRedemption(scrip, planId, redeemer, holder, amount, false);
    }

    /// @inheritdoc ILens
    function refusalOfRedemptionWithoutId(IScrip scrip, uint256 planId, address redeemer, address holder, uint64 amount)
        external
        view
        returns (bytes memory refusal, bool asksHook)
    {
        asksHook = _asksHook(scrip, planId, REDEMPTION_HOOKS);
        try this.checkRedemptionWithoutId(scrip, planId, redeemer, holder, amount) {}
        catch (bytes memory reason) {
            refusal = _refusal(scrip, reason);
        }
    }

    /// @inheritdoc ILens
    function checkRedemptionWithoutId(IScrip scrip, uint256 planId, address redeemer, address holder, uint64 amount)
        external
        view
    {
        _checkRedemption(scrip, planId, redeemer, holder, amount, false);
    }

    /// @inheritdoc ILens
    function refusalOfVoucher(
        IScrip scrip,
        address redeemer,
        IScrip.Voucher calldata voucher,
        uint64 amount,
        bytes calldata signature
    ) external view returns (bytes memory refusal, bool asksHook) {
        asksHook = _asksHook(scrip, voucher.planId, REDEMPTION_HOOKS);
        try this.checkVoucher(scrip, redeemer, voucher, amount, signature) {}
        catch (bytes memory reason) {
            refusal = _refusal(scrip, reason);
        }
    }

    /// @inheritdoc ILens
    function checkVoucher(
        IScrip scrip,
        address redeemer,
        IScrip.Voucher calldata voucher,
        uint64 amount,
        bytes calldata signature
    ) external view {
        (uint256 planId, address holder) = (voucher.planId, voucher.holder);
        _checkParties(planId, holder, redeemer, voucher.redeemer, voucher.deadline);
        require(amount <= voucher.maximum, IScrip.VoucherExceeded(planId, holder, amount, voucher.maximum));
        require(!scrip.isVoucherUsed(holder, voucher.nonce), IScrip.VoucherUsed(holder, voucher.nonce));
        _checkSignature(scrip, holder, keccak256(abi.encode(VOUCHER_TYPE, voucher)), signature);
        _checkRedemption(scrip, planId, redeemer, holder, amount, true);
    }

    /// @inheritdoc ILens
    function refusalOfSession(
        IScrip scrip,
        address redeemer,
        IScrip.SessionVoucher calldata voucher,
        uint64 amount,
        uint256 requestId,
        bytes calldata signature
    ) external view returns (bytes memory refusal, bool asksHook) {
        asksHook = _asksHook(scrip, voucher.planId, REDEMPTION_HOOKS);
        try this.checkSession(scrip, redeemer, voucher, amount, requestId, signature) {}
        catch (bytes memory reason) {
            refusal = _refusal(scrip, reason);
        }
    }

    /// @inheritdoc ILens
    function checkSession(
        IScrip scrip,
        address redeemer,
        IScrip.SessionVoucher calldata voucher,
        uint64 amount,
        uint256 requestId,
        bytes calldata signature
    ) external view {
        (uint256 planId, address holder) = (voucher.planId, voucher.holder);
        _checkRequest(scrip, planId, redeemer, requestId);
        _checkParties(planId, holder, redeemer, voucher.redeemer, voucher.deadline);
        IScrip.Session memory session = scrip.sessionOf(planId, holder, redeemer, voucher.session);
        require(!session.revoked, IScrip.SessionEnded(planId, holder, redeemer, voucher.session));
        uint256 left = FixedPointMathLib.zeroFloorSub(voucher.maximum, session.spent);
        require(amount <= left, IScrip.VoucherExceeded(planId, holder, amount, left));
        _checkSignature(scrip, holder, keccak256(abi.encode(SESSION_VOUCHER_TYPE, voucher)), signature);
        _checkRedemption(scrip, planId, redeemer, holder, amount, true);
    }

    /// @inheritdoc ILens
    function areRedeemed(IScrip scrip, uint256 planId, address redeemer, uint256[] calldata requestIds)
        external
        view
        returns (bool[] memory answers)
    {
        answers = new bool[](requestIds.length);
        for (uint256 i; i < requestIds.length; ++i) {
            answers[i] = scrip.isRedeemed(planId, redeemer, requestIds[i]);
        }
    }

    /// @inheritdoc ILens
    function areVouchersUsed(IScrip scrip, address holder, uint256[] calldata nonces)
        external
        view
        returns (bool[] memory answers)
    {
        answers = new bool[](nonces.length);
        for (uint256 i; i < nonces.length; ++i) {
            answers[i] = scrip.isVoucherUsed(holder, nonces[i]);
        }
    }

    /// @inheritdoc ILens
    function domainSeparator(IScrip scrip) public view returns (bytes32) {
        (bytes1 fields, string memory name, string memory version, uint256 chainId, address verifier, bytes32 salt,) =
            IERC5267(address(scrip)).eip712Domain();
        return MessageHashUtils.toDomainSeparator(fields, name, version, chainId, verifier, salt);
    }

    function _checkRequest(IScrip scrip, uint256 planId, address redeemer, uint256 requestId) private view {
        require(
            !scrip.isRedeemed(planId, redeemer, requestId), IScrip.RequestAlreadyRedeemed(planId, redeemer, requestId)
        );
    }

    function _checkParties(uint256 planId, address holder, address caller, address redeemer, uint256 deadline)
        private
        view
    {
        require(caller == redeemer, IScrip.WrongRedeemer(planId, caller, redeemer));
        require(block.timestamp <= deadline, IScrip.VoucherExpired(planId, holder, deadline));
    }

    function _checkSignature(IScrip scrip, address holder, bytes32 structHash, bytes calldata signature) private view {
        bytes32 digest = MessageHashUtils.toTypedDataHash(domainSeparator(scrip), structHash);
        require(Signatures.isValid(holder, digest, signature), IScrip.InvalidSignature(holder));
    }

    function _checkRedemption(
        IScrip scrip,
        uint256 planId,
        address redeemer,
        address holder,
        uint64 amount,
        bool vouched
    ) private view {
        IScrip.Plan memory plan = scrip.plan(planId);
        IScrip.Redemption memory rules = plan.terms.redemption;
        require(
            _mayRedeem(scrip, planId, plan.owner, rules.redeemers, redeemer, holder),
            IScrip.NotRedeemer(planId, redeemer, holder)
        );
        require(
            amount >= rules.minimum && amount <= rules.maximum,
            IScrip.AmountOutOfRange(planId, amount, rules.minimum, rules.maximum)
        );
        require(
            vouched || !rules.voucherRequired || redeemer == holder, IScrip.VoucherRequired(planId, redeemer, holder)
        );

        if (plan.terms.grant.kind == IScrip.GrantKind.Time) {
            uint256 end = scrip.accessEnd(planId, holder);
            require(end > block.timestamp, IScrip.NoAccess(planId, holder, end));
        } else if (plan.terms.price.kind == IScrip.PriceKind.PerUse) {
            _checkPayment(scrip, planId, plan.terms, holder, uint256(plan.terms.price.amount) * amount);
        } else {
            uint256 balance = scrip.balanceOf(holder, planId);
            require(amount <= balance, IScrip.InsufficientCredits(planId, holder, amount, balance));
        }
    }

    function _mayRedeem(IScrip scrip, uint256 planId, address owner, uint8 redeemers, address redeemer, address holder)
        private
        view
        returns (bool)
    {
        return (redeemers & OWNER_REDEEMS != 0 && redeemer == owner)
            || (redeemers & HOLDER_REDEEMS != 0 && redeemer == holder)
            || (redeemers & OPERATORS_REDEEM != 0 && scrip.permissionsOf(planId, redeemer) & REDEEM != 0);
    }

    // ───────────────────────────────────────── As the core does ──────────────────────────────────────

    function _refusal(IScrip scrip, bytes memory reason) private pure returns (bytes memory) {
        // Else a lack of gas would look as if nothing were refused.
        require(reason.length != 0, NoAnswer(address(scrip)));
        return reason;
    }

    function _asksHook(IScrip scrip, uint256 planId, uint8 calls) private view returns (bool) {
        try scrip.plan(planId) returns (IScrip.Plan memory plan) {
            return plan.terms.hook.calls & calls != 0;
        } catch {
            // What is refused is for `check…` to say.
            return false;
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

    /// @dev What an order would give, however much that is.
    function _grantOf(IScrip scrip, uint256 planId, IScrip.Terms memory terms, address holder, uint256 quantity)
        private
        view
        returns (uint256 credits, uint256 expiry)
    {
        IScrip.Grant memory grant = terms.grant;
        if (grant.kind == IScrip.GrantKind.Time) {
            uint256 end = FixedPointMathLib.max(block.timestamp, scrip.accessEnd(planId, holder));
            return (0, end + grant.duration * quantity);
        }
        credits = grant.credits * quantity;
        if (grant.duration != 0) expiry = Lots.gridExpiry(grant.duration, block.timestamp);
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

    function _ask(address source, uint256 planId, address holder, uint32 quantity, bytes calldata data)
        private
        view
        returns (uint256 price)
    {
        bytes memory call = abi.encodeCall(IPriceSource.quote, (planId, holder, quantity, data));
        Gas.demand(Gas.HOOK);
        (bool success,, bytes memory answer) =
            LibCall.tryStaticCall({target: source, gasStipend: Gas.HOOK, maxCopy: MAX_REASON_BYTES, data: call});
        require(success && answer.length >= 32, IScrip.QuoteFailed(planId, source, answer));
        return abi.decode(answer, (uint256));
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

    /// @dev A payee's part of a price; the last takes what is left.
    function _part(IScrip.Payee[] memory payees, uint256 i, uint256 price, uint256 left)
        private
        pure
        returns (uint256)
    {
        return i == payees.length - 1 ? left : price * payees[i].share / WHOLE;
    }

    /// @dev The fee, which reverts for a price that is beyond all money, as the core does.
    function _feeOf(IScrip.Fee memory fee, uint256 price) private pure returns (uint256) {
        return price * fee.rate / WHOLE;
    }

    /// @dev Whether the payer can pay: first the fee, whose failure is borne, so that the payees get it; then each payee.
    function _checkPayment(IScrip scrip, uint256 planId, IScrip.Terms memory terms, address payer, uint256 price)
        private
        view
    {
        if (price == 0) return;
        Purse memory purse = _purseOf(scrip, terms.price.token, payer);
        IScrip.Fee memory fee = scrip.fee();
        uint256 feeAmount = _feeOf(fee, price);
        if (_pay(purse, feeAmount, fee.receiver)) price -= feeAmount;
        uint256 left = price;
        for (uint256 i; i < terms.payees.length; ++i) {
            address payee = terms.payees[i].account;
            uint256 amount = _part(terms.payees, i, price, left);
            left -= amount;
            require(_pay(purse, amount, payee), IScrip.PaymentFailed(planId, purse.token, payer, payee, amount));
        }
    }

    /// @dev Takes an amount out of a purse if it is there. The native coin was sent along before.
    function _pay(Purse memory purse, uint256 amount, address payee) private pure returns (bool) {
        if (purse.token == address(0)) return true;
        if (amount > purse.balance || amount > purse.allowance) return false;
        purse.allowance -= amount;
        if (payee != purse.payer) purse.balance -= amount;
        return true;
    }

    function _purseOf(IScrip scrip, address token, address payer) private view returns (Purse memory) {
        if (token == address(0)) return Purse({token: token, payer: payer, balance: payer.balance, allowance: 0});
        return Purse({
            token: token,
            payer: payer,
            balance: _view(token, abi.encodeCall(IERC20.balanceOf, (payer))),
            allowance: _view(token, abi.encodeCall(IERC20.allowance, (payer, address(scrip))))
        });
    }

    /// @dev A number that a token tells; 0 if it does not.
    function _view(address token, bytes memory call) private view returns (uint256) {
        Gas.demand(TOKEN_VIEW_GAS);
        (bool success,, bytes memory answer) =
            LibCall.tryStaticCall({target: token, gasStipend: TOKEN_VIEW_GAS, maxCopy: 32, data: call});
        return success && answer.length == 32 ? abi.decode(answer, (uint256)) : 0;
    }
}
