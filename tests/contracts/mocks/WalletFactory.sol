// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {OneKeyWallet} from "./OneKeyWallet.sol";

/// @notice Deploys wallets at addresses that are known before.
contract WalletFactory {
    function deploy(address key) external returns (address) {
        return address(new OneKeyWallet{salt: 0}(key));
    }

    function addressOf(address key) external view returns (address) {
        bytes memory code = abi.encodePacked(type(OneKeyWallet).creationCode, abi.encode(key));
        bytes32 hash = keccak256(abi.encodePacked(bytes1(0xff), address(this), bytes32(0), keccak256(code)));
        return address(uint160(uint256(hash)));
    }
}
