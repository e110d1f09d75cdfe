// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TestDollar} from "./TestDollar.sol";

/// @notice Returns nothing from a transfer, like USDT.
contract NoReturnDollar is TestDollar {
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        super.transferFrom(from, to, amount);
        assembly {
            return(0, 0)
        }
    }
}

/// @notice Says false instead of reverting, and moves nothing.
contract FalseDollar is TestDollar {
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @notice Moves the money, and then answers with a number that is neither true nor false.
contract RiddlingDollar is TestDollar {
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        super.transferFrom(from, to, amount);
        assembly {
            mstore(0, 2)
            return(0, 32)
        }
    }
}

/// @notice Keeps one part in a hundred of what it moves.
contract FeeDollar is TestDollar {
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        super.transferFrom(from, to, amount - amount / 100);
        return super.transferFrom(from, address(0xfee), amount / 100);
    }
}

/// @notice Calls someone, with what it was told, before it moves the money.
contract ReenteringDollar is TestDollar {
    address public target;
    bytes public message;
    bool public success;
    bytes public answer;

    function arm(address target_, bytes calldata message_) external {
        (target, message) = (target_, message_);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        (success, answer) = target.call(message);
        return super.transferFrom(from, to, amount);
    }
}
