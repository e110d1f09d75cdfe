// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPriceSource} from "scrip/interfaces/IPriceSource.sol";

/// @notice A hook, holder, payee or price source that says yes, and before makes the call that it was told to make. It
/// remembers what came of that, unless it is asked in a static call.
contract Meddler {
    address internal _target;
    bytes internal _message;
    /// @dev So that what comes of a call does not begin it again.
    bool internal transient _busy;
    uint64 public tries;
    bool public success;
    bytes4 public answer;
    uint256 public price;

    function arm(address target, bytes calldata message) external {
        (_target, _message) = (target, message);
        (tries, success, answer) = (0, false, 0);
    }

    function setPrice(uint256 price_) external {
        price = price_;
    }

    receive() external payable {
        _meddle();
    }

    fallback(bytes calldata) external payable returns (bytes memory) {
        if (msg.sig == IPriceSource.quote.selector) {
            // A static call can go on to others, which can change nothing.
            (bool done,) = _target.staticcall(_message);
            return abi.encode(done ? type(uint256).max : price);
        }
        _meddle();
        return abi.encode(msg.sig);
    }

    function _meddle() private {
        if (_busy) return;
        _busy = true;
        (bool done, bytes memory reply) = _target.call(_message);
        // A shorter reply is padded with zeros.
        // forge-lint: disable-next-line(unsafe-typecast)
        (tries, success, answer) = (tries + 1, done, bytes4(reply));
        _busy = false;
    }
}
