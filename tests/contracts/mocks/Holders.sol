// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "scrip/interfaces/IScrip.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";

/// @notice Accepts credits, and remembers how it was asked, within the gas of the callback.
contract AcceptingHolder {
    uint96 public asked;
    address public asker;
    bytes32 public messageHash;

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external returns (bytes4) {
        ++asked;
        asker = msg.sender;
        messageHash = keccak256(msg.data);
        return IERC1155Receiver.onERC1155Received.selector;
    }
}

/// @notice Has code, and no idea of credits.
contract ClumsyHolder {
    uint256 public unrelated;
}

/// @notice Answers whatever it was told to, or reverts with it.
contract AnsweringHolder {
    bytes internal _answer;
    bool internal _reverts;

    constructor(bytes memory answer, bool reverts) {
        (_answer, _reverts) = (answer, reverts);
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external view {
        bytes memory answer = _answer;
        bool reverts = _reverts;
        assembly {
            if reverts { revert(add(answer, 32), mload(answer)) }
            return(add(answer, 32), mload(answer))
        }
    }
}

/// @notice Burns whatever gas it is given.
contract GasEatingHolder {
    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external pure {
        while (true) {}
    }
}

/// @notice Answers with as many bytes as the gas lets it, so that copying them would cost the caller as much again.
contract BombingHolder {
    bool internal _reverts;

    constructor(bool reverts) {
        _reverts = reverts;
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external view {
        bytes32 selector = IERC1155Receiver.onERC1155Received.selector;
        bool reverts = _reverts;
        assembly {
            mstore(0, selector)
            if reverts { revert(0, 180000) }
            return(0, 180000)
        }
    }
}

/// @notice Calls someone, with what it was told, whenever it gets credits or coin, and accepts both.
contract ReenteringHolder {
    address public target;
    uint64 public calls;
    bool public success;
    bytes32 public answerHash;
    bytes internal _message;

    function arm(address target_, bytes calldata message) external {
        (target, _message) = (target_, message);
    }

    receive() external payable {
        _reenter();
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external returns (bytes4) {
        _reenter();
        return IERC1155Receiver.onERC1155Received.selector;
    }

    function _reenter() internal {
        ++calls;
        if (target == address(0)) return;
        (bool done, bytes memory answer) = target.call(_message);
        (success, answerHash) = (done, keccak256(answer));
    }
}

/// @notice Accepts credits and coin, and each time tries to get at what is another's.
contract TrickyHolder {
    IScrip public immutable core;
    address public immutable victim;
    uint256 public planId;
    uint128 public tries;
    uint128 public successes;

    constructor(IScrip core_, address victim_) {
        (core, victim) = (core_, victim_);
    }

    function aim(uint256 planId_) external {
        planId = planId_;
    }

    receive() external payable {
        _try();
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external returns (bytes4) {
        _try();
        return IERC1155Receiver.onERC1155Received.selector;
    }

    function _try() internal {
        uint256 id = planId;
        bytes[4] memory calls = [
            abi.encodeCall(IScrip.burn, (id, victim, 1)),
            abi.encodeCall(IScrip.redeemWithoutId, (id, victim, 1)),
            abi.encodeCall(IScrip.mint, (id, address(this), 1)),
            abi.encodeCall(IScrip.safeTransferFrom, (victim, address(this), id, 1, ""))
        ];
        uint128 done;
        for (uint256 i; i < calls.length; ++i) {
            (bool success,) = address(core).call(calls[i]);
            if (success) ++done;
        }
        (tries, successes) = (tries + 4, successes + done);
    }
}
