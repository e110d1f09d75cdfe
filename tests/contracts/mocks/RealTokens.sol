// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "solady/tokens/ERC20.sol";

/// @notice Solady's ERC-20, with 18 decimals.
contract SoladyToken is ERC20 {
    function name() public pure override returns (string memory) {
        return "Solady Token";
    }

    function symbol() public pure override returns (string memory) {
        return "SOL";
    }

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }
}

/// @notice Written as the dollar of Tether is on Ethereum: nothing returns anything, an allowance changes only from or to 0, a
/// fee may be set and accounts blocked.
contract TetherLike {
    uint8 public constant decimals = 6;
    uint256 public basisPoints;
    mapping(address account => uint256) public balanceOf;
    mapping(address account => mapping(address spender => uint256)) public allowance;
    mapping(address account => bool) public isBlocked;

    function mint(address account, uint256 amount) external {
        balanceOf[account] += amount;
    }

    function setFee(uint256 basisPoints_) external {
        basisPoints = basisPoints_;
    }

    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    function approve(address spender, uint256 amount) external {
        require(amount == 0 || allowance[msg.sender][spender] == 0);
        allowance[msg.sender][spender] = amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        require(!isBlocked[from]);
        uint256 fee = amount * basisPoints / 10_000;
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount - fee;
        balanceOf[address(this)] += fee;
    }
}

/// @notice Counts in shares of a pot that grows and shrinks, and tells another number of decimals each time the pot changes.
contract RebasingToken {
    uint256 public pot = 1e18;
    mapping(address account => uint256) internal _shares;

    function decimals() external view returns (uint8) {
        // Cut off on purpose.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint8(pot);
    }

    function mint(address account, uint256 amount) external {
        _shares[account] += amount * 1e18 / pot;
    }

    function rebase(uint256 pot_) external {
        pot = pot_;
    }

    function balanceOf(address account) public view returns (uint256) {
        return _shares[account] * pot / 1e18;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        uint256 shares = amount * 1e18 / pot;
        _shares[from] -= shares;
        _shares[to] += shares;
        return true;
    }
}
