// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TestDollar} from "./TestDollar.sol";

/// @title A token that treats some receivers badly, each in the way it was told
contract PickyDollar is TestDollar {
    enum Way {
        /// @dev Pays.
        Pays,
        /// @dev Reverts, as a list of blocked accounts makes it.
        Blocks,
        /// @dev Says false, and moves nothing.
        SaysFalse,
        /// @dev Answers with a number that is neither true nor false, and moves nothing.
        Riddles,
        /// @dev Burns whatever gas it is given.
        Burns,
        /// @dev Moves the money, and says false.
        Lies
    }

    mapping(address account => Way) public wayOf;

    error Blocked(address account);

    function treat(address account, Way way) external {
        wayOf[account] = way;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        Way way = wayOf[to];
        require(way != Way.Blocks, Blocked(to));
        if (way == Way.SaysFalse) return false;
        if (way == Way.Riddles) {
            assembly {
                mstore(0, 2)
                return(0, 32)
            }
        }
        if (way == Way.Burns) while (true) {}
        super.transferFrom(from, to, amount);
        return way == Way.Pays;
    }
}
