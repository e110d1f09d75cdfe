// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Says what it sees of the holder: credits, and dollars of the plan's payee.
contract LookingHook {
    fallback(bytes calldata call) external returns (bytes memory) {
        (uint256 planId,, address holder) = abi.decode(call[4:100], (uint256, address, address));
        IScrip core = IScrip(msg.sender);
        IScrip.Terms memory terms = core.plan(planId).terms;
        (, bytes memory money) =
            terms.price.token.staticcall(abi.encodeWithSignature("balanceOf(address)", terms.payees[0].account));
        return abi.encode(core.balanceOf(holder, planId), abi.decode(money, (uint256)));
    }
}
