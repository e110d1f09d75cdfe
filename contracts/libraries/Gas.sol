// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "../interfaces/IScrip.sol";

/// @notice How much gas others' code may spend within ours, so that it can neither burn a caller's gas without end nor, where
/// its failure is borne, be made to fail by a caller who gives it too little.
library Gas {
    /// @dev A hook's or a price source's call.
    uint256 internal constant HOOK = 200_000;
    /// @dev A token's `transferFrom` for the fee, and for uses that are paid as they are redeemed.
    uint256 internal constant TOKEN = 200_000;
    /// @dev An ERC-1271 answer: enough for a passkey that is verified without a precompile.
    uint256 internal constant SIGNATURE = 500_000;
    /// @dev A holder's answer to the callback of ERC-1155: plenty for a wallet's.
    uint256 internal constant CALLBACK = 100_000;

    /// @dev What making a call costs beside the gas that it is given: a cold account, and the memory for its data.
    uint256 private constant OVERHEAD = 10_000;

    /// @dev Reverts unless a call can be given `bound` gas, of which EIP-150 withholds a 64th.
    function demand(uint256 bound) internal view {
        uint256 needed = bound + bound / 63 + OVERHEAD;
        uint256 available = gasleft();
        if (available < needed) revert IScrip.InsufficientGas(available, needed);
    }
}
