// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title Test dollar: 6 decimals like the dollars people pay with, and anyone may mint it. For tests and devnets only.
contract TestDollar is ERC20("Test Dollar", "tUSD") {
    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @notice Creates test dollars out of nothing.
    /// @param account Who gets them.
    /// @param amount How many base units.
    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }
}
