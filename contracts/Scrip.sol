// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Annex} from "./Annex.sol";
import {IScrip} from "./interfaces/IScrip.sol";
import {Minting} from "./parts/Minting.sol";
import {Multitoken} from "./parts/Multitoken.sol";
import {Orders} from "./parts/Orders.sol";
import {Redemptions} from "./parts/Redemptions.sol";
import {Router} from "./periphery/Router.sol";
import {LibCall} from "solady/utils/LibCall.sol";
import {LibRLP} from "solady/utils/LibRLP.sol";

/// @title Scrip: the core
/// @notice Immutable: nothing about it can be upgraded or paused, and nobody has power over it but the fee's controller over the
/// fee. It pulls tokens from nobody but the caller, and on plans paid per use from the holder whose voucher it is executing; it
/// holds no funds between calls. `IScrip` is its manual.
/// @dev What is called seldom (plans, fiat payments, the fee, some views) stands in the annex, since the whole is more than one
/// contract may hold (EIP-170). It is this contract's other half: created with it, for ever the same, run over its storage.
contract Scrip is Orders, Minting, Redemptions, Multitoken {
    /// @param feeController Who may set the protocol's fee; zero for nobody, ever.
    constructor(address feeController) {
        // The first contract that this one creates, and the second: see `router` and `fallback`.
        new Router();
        new Annex();
        _feeController = feeController;

        emit IScrip.FeeControlTaken(address(0), feeController);
    }

    /// @dev `IScrip.multicall`.
    function multicall(bytes[] calldata calls, bool skip) external returns (IScrip.Outcome[] memory outcomes) {
        outcomes = new IScrip.Outcome[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            uint256 gasBefore = gasleft();
            // Into this very code, so that the caller stays who it is; without coin, since this function takes none.
            (bool done, bytes memory answer) = address(this).delegatecall(calls[i]);
            if (!done && (!skip || _lackedGas(gasBefore, answer))) LibCall.bubbleUpRevert(answer);
            outcomes[i] = IScrip.Outcome({done: done, answer: answer});
        }
    }

    /// @dev Whether a call may have failed for want of gas: it says so, or it left less than an eighth of what there was. By
    /// EIP-150 each call within a call withholds a 64th, so up to seven of them that run out one in another are noticed.
    function _lackedGas(uint256 gasBefore, bytes memory answer) private view returns (bool) {
        // A shorter answer is padded with zeros.
        // forge-lint: disable-next-line(unsafe-typecast)
        return gasleft() < gasBefore / 8 || bytes4(answer) == IScrip.InsufficientGas.selector;
    }

    /// @dev What this code has no function for is for the annex. OpenZeppelin's `Proxy` does the same in assembly that is not
    /// memory-safe, which makes the compiler inline less all over the contract.
    fallback() external payable {
        address annex = LibRLP.computeAddress(address(this), 2);
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let done := delegatecall(gas(), annex, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if iszero(done) { revert(free, returndatasize()) }
            return(free, returndatasize())
        }
    }
}
