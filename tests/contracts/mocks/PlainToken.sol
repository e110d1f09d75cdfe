// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token of as many decimals as it was told, which anyone may mint.
contract PlainToken is ERC20("Plain Token", "PLAIN") {
    uint8 internal immutable DECIMALS;

    constructor(uint8 decimals_) {
        DECIMALS = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }
}
