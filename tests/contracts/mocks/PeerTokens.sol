// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155 as SoladyERC1155} from "solady/tokens/ERC1155.sol";

/// @notice What anyone may create and destroy, to see what it says when that is done.
interface IPeerToken {
    function mint(address to, uint256 id, uint256 amount) external;
    function burn(address from, uint256 id, uint256 amount) external;
    function balanceOf(address account, uint256 id) external view returns (uint256);
    function balanceOfBatch(address[] calldata accounts, uint256[] calldata ids)
        external
        view
        returns (uint256[] memory);
    function supportsInterface(bytes4 interfaceId) external view returns (bool);
}

/// @notice OpenZeppelin's ERC-1155.
contract OpenZeppelinToken is ERC1155("") {
    function mint(address to, uint256 id, uint256 amount) external {
        _mint(to, id, amount, "");
    }

    function burn(address from, uint256 id, uint256 amount) external {
        _burn(from, id, amount);
    }
}

/// @notice Solady's ERC-1155.
contract SoladyToken is SoladyERC1155 {
    function mint(address to, uint256 id, uint256 amount) external {
        _mint(to, id, amount, "");
    }

    function burn(address from, uint256 id, uint256 amount) external {
        _burn(from, id, amount);
    }

    function uri(uint256) public pure override returns (string memory) {
        return "";
    }
}
