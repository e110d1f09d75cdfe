// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @title A token that answers in the name of Scrip: whoever asks for a balance is told that the request was redeemed.
contract ImpostorToken {
    string public constant symbol = "IMP";
    uint8 public constant decimals = 6;

    function balanceOf(address account) external pure returns (uint256) {
        revert IScrip.RequestAlreadyRedeemed(0, account, 0);
    }
}
