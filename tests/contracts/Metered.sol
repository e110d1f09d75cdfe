// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Isolation} from "./mocks/Isolation.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Gas of whole transactions. Only `--isolate` measures them so; without it such tests fail, lest they write other numbers.
abstract contract Metered is Test {
    modifier isolated() {
        Isolation isolation = new Isolation();
        isolation.touch();
        assertFalse(isolation.touch(), "gas is measured by whole transactions: forge test --isolate");
        _;
    }

    function snap(string memory name) internal returns (uint256 gas) {
        return vm.snapshotGasLastCall("operations", name);
    }
}
