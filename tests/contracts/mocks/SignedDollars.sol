// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ERC20 as SoladyERC20} from "solady/tokens/ERC20.sol";

/// @notice A dollar that can be paid by EIP-2612 and by EIP-3009, as OpenZeppelin has them; and by EIP-3009 with a signature of
/// any length, as USDC has it since its version 2.2, so that contract wallets can pay, too.
contract SignedDollar is ERC20Permit, ERC3009 {
    constructor() ERC20("Signed Dollar", "sUSD") ERC20Permit("Signed Dollar") {}

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }

    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external virtual {
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(RECEIVE_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce))
        );
        require(SignatureChecker.isValidSignatureNow(from, digest, signature), ERC3009InvalidSignature());
        require(to == msg.sender, ERC20InvalidReceiver(to));
        _transferWithAuthorization(from, to, value, validAfter, validBefore, nonce);
    }
}

/// @notice A dollar with the permits of Solady, which Permit2 may always move.
contract SoladyDollar is SoladyERC20 {
    function name() public pure override returns (string memory) {
        return "Solady Dollar";
    }

    function symbol() public pure override returns (string memory) {
        return "yUSD";
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }
}
