// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @title Test dollar: 6 decimals and payments by signature (EIP-2612, EIP-3009) like the dollars people pay with, and anyone may
/// mint it. For tests and devnets only.
contract TestDollar is ERC20("Test Dollar", "tUSD"), ERC20Permit("Test Dollar"), ERC3009 {
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
