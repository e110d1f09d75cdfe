// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {State} from "./State.sol";
import {IHook} from "../interfaces/IHook.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {IPriceSource} from "../interfaces/IPriceSource.sol";
import {Gas} from "../libraries/Gas.sol";
import {HOOK_AFTER_ORDER, HOOK_BEFORE_ORDER, Rules} from "../libraries/Rules.sol";
import {LibCall} from "solady/utils/LibCall.sol";

/// @title Hooks: what the core asks of the contracts that a plan's terms name
/// @dev What they answer can only refuse, or name a price that the buyer bounds.
abstract contract Hooks is State {
    /// @dev How much of an error is passed on.
    uint16 private constant MAX_REASON_BYTES = 256;

    function _beforeOrder(
        StoredPlan storage stored,
        Rules rules,
        IScrip.Purchase memory purchase,
        address payer,
        uint256 price
    ) internal {
        if (rules.has(HOOK_BEFORE_ORDER)) {
            _askOfOrder(stored, IHook.beforeOrder.selector, purchase, payer, price);
        }
    }

    function _afterOrder(
        StoredPlan storage stored,
        Rules rules,
        IScrip.Purchase memory purchase,
        address payer,
        uint256 price
    ) internal {
        if (rules.has(HOOK_AFTER_ORDER)) {
            _askOfOrder(stored, IHook.afterOrder.selector, purchase, payer, price);
        }
    }

    /// @dev For rules that have `HOOK_BEFORE_REDEMPTION`.
    function _beforeRedemption(uint256 planId, address holder, uint256 amount) internal {
        _askOfRedemption(IHook.beforeRedemption.selector, planId, holder, amount);
    }

    /// @dev For rules that have `HOOK_AFTER_REDEMPTION`.
    function _afterRedemption(uint256 planId, address holder, uint256 amount) internal {
        _askOfRedemption(IHook.afterRedemption.selector, planId, holder, amount);
    }

    function _askOfOrder(
        StoredPlan storage stored,
        bytes4 selector,
        IScrip.Purchase memory purchase,
        address payer,
        uint256 price
    ) private {
        // Before and after take the same arguments.
        bytes memory call = abi.encodeWithSelector(
            selector, purchase.planId, payer, purchase.holder, purchase.quantity, price, purchase.data
        );
        _ask(purchase.planId, stored.hook, selector, call);
    }

    function _askOfRedemption(bytes4 selector, uint256 planId, address holder, uint256 amount) private {
        bytes memory call = abi.encodeWithSelector(selector, planId, msg.sender, holder, amount);
        _ask(planId, _plans[planId].hook, selector, call);
    }

    function _ask(uint256 planId, address hook, bytes4 selector, bytes memory call) private {
        Gas.demand(Gas.HOOK);
        (bool success,, bytes memory answer) =
            LibCall.tryCall({target: hook, value: 0, gasStipend: Gas.HOOK, maxCopy: MAX_REASON_BYTES, data: call});
        // A shorter answer is padded with zeros.
        // forge-lint: disable-next-line(unsafe-typecast)
        if (!(success && bytes32(answer) == bytes32(selector))) revert IScrip.HookRefused(planId, hook, answer);
    }

    /// @dev What a price source asks for an order.
    function _quote(StoredPlan storage stored, IScrip.Purchase memory purchase) internal view returns (uint256 price) {
        address source = stored.source;
        bytes memory call =
            abi.encodeCall(IPriceSource.quote, (purchase.planId, purchase.holder, purchase.quantity, purchase.data));
        Gas.demand(Gas.HOOK);
        (bool success,, bytes memory answer) =
            LibCall.tryStaticCall({target: source, gasStipend: Gas.HOOK, maxCopy: MAX_REASON_BYTES, data: call});
        if (!(success && answer.length >= 32)) revert IScrip.QuoteFailed(purchase.planId, source, answer);
        return abi.decode(answer, (uint256));
    }
}
