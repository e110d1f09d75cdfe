// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What the router needs of Permit2
/// @notice Uniswap's contract of signature transfers, at the same address on nearly every chain.
interface IPermit2 {
    /// @notice What is permitted.
    /// @param token The token.
    /// @param amount The most that may be taken, in its base units.
    struct TokenPermissions {
        address token;
        uint256 amount;
    }

    /// @notice What is signed, beside the spender, who is the caller.
    /// @param permitted What is permitted.
    /// @param nonce Any number that the owner has not used yet.
    /// @param deadline The last second in which it is valid.
    struct PermitTransferFrom {
        TokenPermissions permitted;
        uint256 nonce;
        uint256 deadline;
    }

    /// @notice What the spender asks for.
    /// @param to Who gets it.
    /// @param requestedAmount How much, in base units.
    struct SignatureTransferDetails {
        address to;
        uint256 requestedAmount;
    }

    /// @notice Takes tokens by a signature that commits to a witness of the spender's.
    /// @param permit What is permitted.
    /// @param transferDetails What is asked for.
    /// @param owner Who signed.
    /// @param witness The EIP-712 hash of the witness.
    /// @param witnessTypeString The witness's name and type, and those that it and the permit refer to.
    /// @param signature The owner's.
    function permitWitnessTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata transferDetails,
        address owner,
        bytes32 witness,
        string calldata witnessTypeString,
        bytes calldata signature
    ) external;
}
