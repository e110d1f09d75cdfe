// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token that, like USDT on Ethereum, changes an allowance only from or to 0. Its deployer gets a million.
contract ResettingToken is ERC20("Resetting Token", "RST") {
    constructor() {
        _mint(msg.sender, 1_000_000e6);
    }

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @inheritdoc ERC20
    function approve(address spender, uint256 value) public override returns (bool) {
        require(value == 0 || allowance(msg.sender, spender) == 0, "reset the allowance first");
        return super.approve(spender, value);
    }
}
