// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A contract wallet that accepts credits and signs with two keys, one signature behind the other.
contract TwoKeyWallet is IERC1271 {
    address internal immutable FIRST;
    address internal immutable SECOND;

    constructor(address first, address second) {
        (FIRST, SECOND) = (first, second);
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 130) return 0;
        (address first,,) = ECDSA.tryRecoverCalldata(hash, signature[:65]);
        (address second,,) = ECDSA.tryRecoverCalldata(hash, signature[65:]);
        return first == FIRST && second == SECOND ? IERC1271.isValidSignature.selector : bytes4(0);
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external pure returns (bytes4) {
        return IERC1155Receiver.onERC1155Received.selector;
    }
}
