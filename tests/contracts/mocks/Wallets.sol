// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";

/// @notice Accepts credits.
abstract contract Receiving {
    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external pure returns (bytes4) {
        return IERC1155Receiver.onERC1155Received.selector;
    }
}

/// @notice Says yes to every signature, and counts how often it was asked.
contract WritingWallet is Receiving {
    uint256 public written;

    function isValidSignature(bytes32, bytes calldata) external returns (bytes4) {
        ++written;
        return this.isValidSignature.selector;
    }
}

/// @notice Says yes to every signature, if it has gas enough, and else no, without running out of it.
contract MeteredWallet is Receiving {
    uint256 internal immutable NEEDED;

    constructor(uint256 needed) {
        NEEDED = needed;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        return gasleft() < NEEDED ? bytes4(0xffffffff) : this.isValidSignature.selector;
    }
}
