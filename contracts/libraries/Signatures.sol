// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Gas} from "./Gas.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {LibCall} from "solady/utils/LibCall.sol";

/// @notice Whose signature it is. ECDSA comes first, so that an account with EIP-7702 code can sign with its key whatever that
/// code is; then whoever has code is asked by ERC-1271.
library Signatures {
    function isValid(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && recovered == signer) return true;
        if (signer.code.length == 0) return false;

        bytes memory call = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        Gas.demand(Gas.SIGNATURE);
        (bool success,, bytes memory answer) =
            LibCall.tryStaticCall({target: signer, gasStipend: Gas.SIGNATURE, maxCopy: 32, data: call});
        // A shorter answer is padded with zeros.
        // forge-lint: disable-next-line(unsafe-typecast)
        return success && bytes32(answer) == bytes32(IERC1271.isValidSignature.selector);
    }
}
