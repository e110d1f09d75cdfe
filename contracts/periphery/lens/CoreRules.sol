// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ILens} from "../../interfaces/ILens.sol";
import {IPriceSource} from "../../interfaces/IPriceSource.sol";
import {IScrip} from "../../interfaces/IScrip.sol";
import {Gas} from "../../libraries/Gas.sol";
import {Lots} from "../../libraries/Lots.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {LibCall} from "solady/utils/LibCall.sol";

/// @title What the core does with prices, grants and payments, foretold
/// @dev The rules are those of `Payments`, `Ledger` and `Hooks`.
abstract contract CoreRules is ILens {
    /// @dev What a payment is checked against, as it goes on.
    struct Purse {
        address token;
        address payer;
        uint256 balance;
        uint256 allowance;
    }

    // The core's bits, as the terms and `permissionsOf` have them.
    uint8 internal constant OWNER_REDEEMS = 1;
    uint8 internal constant HOLDER_REDEEMS = 2;
    uint8 internal constant OPERATORS_REDEEM = 4;
    uint8 internal constant ORDER_HOOKS = 1 | 2;
    uint8 internal constant REDEMPTION_HOOKS = 4 | 8;
    uint8 internal constant MINT = 1;
    uint8 internal constant REDEEM = 2;

    uint256 private constant WHOLE = 10_000;

    /// @dev How much of a price source's error the core passes on.
    uint16 private constant MAX_REASON_BYTES = 256;
    /// @dev So that one token of many cannot spend the gas of all.
    uint256 private constant TOKEN_VIEW_GAS = 200_000;

    function _refusal(IScrip scrip, bytes memory reason) internal pure returns (bytes memory) {
        // Else a lack of gas would look as if nothing were refused.
        require(reason.length != 0, NoAnswer(address(scrip)));
        return reason;
    }

    function _asksHook(IScrip scrip, uint256 planId, uint8 calls) internal view returns (bool) {
        try scrip.plan(planId) returns (IScrip.Plan memory plan) {
            return plan.terms.hook.calls & calls != 0;
        } catch {
            // What is refused is for `check…` to say.
            return false;
        }
    }

    /// @dev What an order would give, however much that is.
    function _grantOf(IScrip scrip, uint256 planId, IScrip.Terms memory terms, address holder, uint256 quantity)
        internal
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

    function _ask(address source, uint256 planId, address holder, uint32 quantity, bytes calldata data)
        internal
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

    /// @dev A payee's part of a price; the last takes what is left.
    function _part(IScrip.Payee[] memory payees, uint256 i, uint256 price, uint256 left)
        internal
        pure
        returns (uint256)
    {
        return i == payees.length - 1 ? left : price * payees[i].share / WHOLE;
    }

    /// @dev The fee, which reverts for a price that is beyond all money, as the core does.
    function _feeOf(IScrip.Fee memory fee, uint256 price) internal pure returns (uint256) {
        return price * fee.rate / WHOLE;
    }

    /// @dev Whether the payer can pay: first the fee, whose failure is borne, so that the payees get it; then each payee.
    function _checkPayment(IScrip scrip, uint256 planId, IScrip.Terms memory terms, address payer, uint256 price)
        internal
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

    function _purseOf(IScrip scrip, address token, address payer) internal view returns (Purse memory) {
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
