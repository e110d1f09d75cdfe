// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";

/// @notice The EIP-712 domain of what holders sign. It is computed when it is needed: a cached one would be a part of the code,
/// which would then differ from chain to chain.
library Domain {
    string internal constant NAME = "Scrip";
    string internal constant VERSION = "1";

    bytes32 private constant TYPE_HASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    /// @dev What is signed for a struct of this hash.
    function digestOf(bytes32 structHash) internal view returns (bytes32) {
        bytes32 separator = EfficientHashLib.hash(
            uint256(TYPE_HASH),
            uint256(keccak256(bytes(NAME))),
            uint256(keccak256(bytes(VERSION))),
            block.chainid,
            uint256(uint160(address(this)))
        );
        return MessageHashUtils.toTypedDataHash(separator, structHash);
    }
}
