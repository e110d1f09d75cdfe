// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {TestDollar} from "./TestDollar.sol";

/// @title A token that lets someone act before it moves the money
contract MeddlingDollar is TestDollar {
    address internal immutable MEDDLER;

    constructor(address meddler) {
        MEDDLER = meddler;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        (bool done,) = MEDDLER.call("");
        require(done, "the meddler failed");
        return super.transferFrom(from, to, amount);
    }
}
