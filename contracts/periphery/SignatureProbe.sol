// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Gas} from "../libraries/Gas.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {LibCall} from "solady/utils/LibCall.sol";

/// @title Signature probe: whether a contract wallet accepts a signature, now or once it is deployed
/// @notice Never deployed: a client runs the constructor by `eth_call`, whose answer is 32 bytes, one of the numbers below. A key's
/// signature needs no probe.
///
/// A wallet is asked as the core asks it, by a static call with as much gas, but by another caller. With a factory, as ERC-6492 has
/// it, a wallet that does not accept is asked again after the factory was called.
contract SignatureProbe {
    /// @dev The wallet does not accept the signature.
    uint256 private constant REFUSED = 0;
    /// @dev It does.
    uint256 private constant ACCEPTED = 1;
    /// @dev It does, once the factory has been called.
    uint256 private constant ACCEPTED_AFTER = 2;

    /// @param wallet Whose signature it should be.
    /// @param digest What is signed.
    /// @param signature The signature, without the wrapping of ERC-6492.
    /// @param factory Who deploys the wallet, or prepares it; zero for nobody.
    /// @param data What the factory is called with.
    constructor(address wallet, bytes32 digest, bytes memory signature, address factory, bytes memory data) {
        uint256 answer = _accepts(wallet, digest, signature) ? ACCEPTED : REFUSED;
        if (answer == REFUSED && factory != address(0)) {
            // Whether it did what it should is seen by what the wallet says then.
            (bool success,) = factory.call(data);
            if (success && _accepts(wallet, digest, signature)) answer = ACCEPTED_AFTER;
        }
        assembly ("memory-safe") {
            mstore(0, answer)
            return(0, 32)
        }
    }

    function _accepts(address wallet, bytes32 digest, bytes memory signature) private view returns (bool) {
        bytes memory call = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        Gas.demand(Gas.SIGNATURE);
        (bool success,, bytes memory answer) =
            LibCall.tryStaticCall({target: wallet, gasStipend: Gas.SIGNATURE, maxCopy: 32, data: call});
        // Who has no code answers nothing, which is padded with zeros as a shorter answer is.
        // forge-lint: disable-next-line(unsafe-typecast)
        return success && bytes32(answer) == bytes32(IERC1271.isValidSignature.selector);
    }
}
