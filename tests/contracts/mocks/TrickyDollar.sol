// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TestDollar} from "./TestDollar.sol";

/// @title A token that refuses to pay whom it blocks, and that calls someone before it moves anything
contract TrickyDollar is TestDollar {
    mapping(address account => bool) public blocked;
    address internal _target;
    bytes internal _message;
    /// @dev So that what comes of a call does not begin it again.
    bool internal transient _busy;

    error Blocked(address account);

    /// @param account Whom to block, or to block no more.
    /// @param isBlocked Whether it is blocked from now on.
    function setBlocked(address account, bool isBlocked) external {
        blocked[account] = isBlocked;
    }

    /// @param target Whom to call; zero for nobody.
    /// @param message What to call with.
    function arm(address target, bytes calldata message) external {
        (_target, _message) = (target, message);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        require(!blocked[to], Blocked(to));
        if (_target != address(0) && !_busy) {
            _busy = true;
            // What comes of it is nothing to us.
            // forge-lint: disable-next-line(unchecked-call)
            _target.call(_message);
            _busy = false;
        }
        return super.transferFrom(from, to, amount);
    }
}
