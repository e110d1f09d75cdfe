// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @notice Refuses coin.
contract RefusingPayee {
    receive() external payable {
        revert("no coin, please");
    }
}

/// @notice Burns whatever gas it is given.
contract GasEatingPayee {
    receive() external payable {
        while (true) {}
    }
}

/// @notice Takes coin at the cost of a storage word, as a wallet that keeps books does.
contract CountingPayee {
    uint256 public received;

    receive() external payable {
        received += msg.value;
    }
}
