// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {State} from "./State.sol";
import {IScrip} from "../interfaces/IScrip.sol";

/// @title Fees: the protocol's share of prices, and who sets it
abstract contract Fees is State {
    /// @dev The cap on the rate, in basis points: 1 %.
    uint16 private constant MAX_FEE_RATE = 100;

    modifier onlyFeeController() {
        if (msg.sender != _feeController) revert IScrip.NotFeeController(msg.sender, _feeController);
        _;
    }

    /// @dev `IScrip.fee`.
    function fee() external view returns (IScrip.Fee memory) {
        return IScrip.Fee({
            receiver: _feeReceiver, rate: _feeRate, controller: _feeController, pendingController: _pendingFeeController
        });
    }

    /// @dev `IScrip.setFee`.
    function setFee(address receiver, uint16 rate) external onlyFeeController {
        if (!(rate <= MAX_FEE_RATE && (rate == 0 || receiver != address(0)))) {
            revert IScrip.InvalidFee(receiver, rate, MAX_FEE_RATE);
        }

        (_feeReceiver, _feeRate) = (receiver, rate);

        emit IScrip.FeeSet(receiver, rate);
    }

    /// @dev `IScrip.offerFeeControl`.
    function offerFeeControl(address newController) external onlyFeeController {
        _pendingFeeController = newController;

        emit IScrip.FeeControlOffered(msg.sender, newController);
    }

    /// @dev `IScrip.acceptFeeControl`.
    function acceptFeeControl() external {
        if (msg.sender != _pendingFeeController) {
            revert IScrip.NotPendingFeeController(msg.sender, _pendingFeeController);
        }

        _takeFeeControl(msg.sender);
    }

    /// @dev `IScrip.renounceFeeControl`.
    function renounceFeeControl() external onlyFeeController {
        _takeFeeControl(address(0));
    }

    function _takeFeeControl(address controller) private {
        address formerController = _feeController;
        (_feeController, _pendingFeeController) = (controller, address(0));

        emit IScrip.FeeControlTaken(formerController, controller);
    }
}
