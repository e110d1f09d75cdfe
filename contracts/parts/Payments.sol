// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {State} from "./State.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Gas} from "../libraries/Gas.sol";
import {Rules, SPLIT} from "../libraries/Rules.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {LibCall} from "solady/utils/LibCall.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

/// @title Payments: from who pays to the fee's receiver and the payees, within the call
abstract contract Payments is State {
    /// @dev What is to be paid: `fee` is a part of `price`. A zero token is the native coin, which the call was sent. `bounded` is
    /// whether the token must make do with bounded gas, where it could spoil more than the call that it is paid by.
    struct Bill {
        address token;
        address payer;
        uint256 price;
        uint256 fee;
        bool bounded;
    }

    /// @dev The fee is rounded down, in the payees' favour.
    function _bill(address token, address payer, uint256 price, bool bounded) internal view returns (Bill memory) {
        return Bill({token: token, payer: payer, price: price, fee: price * _feeRate / WHOLE, bounded: bounded});
    }

    /// @dev Pays the fee and divides the rest; the last payee takes what rounding leaves.
    function _pay(uint256 planId, StoredPlan storage stored, Rules rules, Bill memory bill) internal {
        uint256 price = bill.price;
        if (bill.fee != 0 && _payFee(planId, bill)) price -= bill.fee;
        if (!rules.has(SPLIT)) return _payTo(planId, bill, stored.sale.payee, price);

        uint256 left = price;
        uint256 last = stored.payees.length - 1;
        for (uint256 i; i < last; ++i) {
            IScrip.Payee memory payee = stored.payees[i];
            uint256 share = price * payee.share / WHOLE;
            left -= share;
            _payTo(planId, bill, payee.account, share);
        }
        _payTo(planId, bill, stored.payees[last].account, left);
    }

    function _payTo(uint256 planId, Bill memory bill, address payee, uint256 amount) private {
        if (amount == 0) return;
        bool paid;
        if (bill.token == address(0)) {
            paid = SafeTransferLib.trySafeTransferETH(payee, amount, SafeTransferLib.GAS_STIPEND_NO_GRIEF);
        } else if (bill.bounded) {
            paid = _tryPull(bill, payee, amount);
        } else {
            paid = SafeTransferLib.trySafeTransferFrom(bill.token, bill.payer, payee, amount);
        }
        if (!paid) revert IScrip.PaymentFailed(planId, bill.token, bill.payer, payee, amount);
    }

    /// @dev A receiver that cannot be paid must not stop anybody's orders, so its failure is borne, and its gas is bounded.
    function _payFee(uint256 planId, Bill memory bill) private returns (bool paid) {
        address receiver = _feeReceiver;
        if (bill.token == address(0)) {
            Gas.demand(SafeTransferLib.GAS_STIPEND_NO_GRIEF);
            paid = SafeTransferLib.trySafeTransferETH(receiver, bill.fee, SafeTransferLib.GAS_STIPEND_NO_GRIEF);
        } else {
            paid = _tryPull(bill, receiver, bill.fee);
        }
        if (!paid) emit IScrip.FeeUndelivered(planId, receiver, bill.token, bill.fee);
    }

    /// @dev Moves tokens from the payer with bounded gas.
    function _tryPull(Bill memory bill, address to, uint256 amount) private returns (bool) {
        bytes memory call = abi.encodeCall(IERC20.transferFrom, (bill.payer, to, amount));
        Gas.demand(Gas.TOKEN);
        (bool success,, bytes memory answer) =
            LibCall.tryCall({target: bill.token, value: 0, gasStipend: Gas.TOKEN, maxCopy: 32, data: call});
        // Tokens return true, or nothing; so does what has no code.
        // forge-lint: disable-next-line(unsafe-typecast)
        return success && (answer.length == 0 ? bill.token.code.length != 0 : uint256(bytes32(answer)) == 1);
    }
}
