// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast was bounded before, or is one field of a word.
// forge-lint: disable-start(unsafe-typecast)

import {Book} from "./Book.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {StdAssertions} from "forge-std/StdAssertions.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice A client that knows the core by its logs alone, and rebuilds from them who holds what.
contract Replica is StdAssertions {
    Book public immutable book = new Book();

    uint256 public feeRate;
    mapping(uint256 planId => IScrip.Grant) internal _grants;
    /// @dev What ERC-1155's own event says that a holder has, as any wallet would reckon.
    mapping(uint256 planId => mapping(address holder => int256)) public transferred;
    mapping(uint256 planId => mapping(address redeemer => mapping(uint256 requestId => uint256))) public redemptions;

    function read(Vm.Log[] memory logs, address core) external {
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter == core) _read(logs[i]);
        }
    }

    function _read(Vm.Log memory log) internal {
        bytes32 kind = log.topics[0];
        if (kind == IScrip.TransferSingle.selector) return _readTransfer(log);
        if (kind == IScrip.FeeSet.selector) {
            feeRate = abi.decode(log.data, (uint16));
            return;
        }
        uint256 planId = uint256(log.topics[1]);
        if (kind == IScrip.PlanCreated.selector) {
            (, IScrip.Terms memory terms) = abi.decode(log.data, (bytes32, IScrip.Terms));
            _grants[planId] = terms.grant;
        } else if (kind == IScrip.PlanOrdered.selector) {
            (,, uint256 paid, uint256 fee, uint64 credits, uint40 expiry) =
                abi.decode(log.data, (uint32, address, uint256, uint256, uint64, uint40));
            assertEq(fee, paid * feeRate / 10_000, "10. The fee is its rate's part of the price, rounded down.");
            _add(planId, _account(log.topics[3]), credits, expiry);
        } else if (kind == IScrip.CreditsMinted.selector) {
            (uint64 amount, uint40 expiry) = abi.decode(log.data, (uint64, uint40));
            _add(planId, _account(log.topics[2]), amount, expiry);
        } else if (kind == IScrip.CreditsExpired.selector) {
            _clear(planId, _account(log.topics[2]), abi.decode(log.data, (uint256)));
        } else if (kind == IScrip.CreditsBurned.selector) {
            uint64 amount = abi.decode(log.data, (uint64));
            if (_isAccess(planId)) {
                book.cut(planId, _account(log.topics[2]), uint256(amount) * _grants[planId].duration);
            } else {
                book.take(planId, _account(log.topics[2]), amount);
            }
        } else if (kind == IScrip.CreditsRedeemed.selector) {
            (uint64 amount, uint256 requestId) = abi.decode(log.data, (uint64, uint256));
            if (!_isAccess(planId)) book.take(planId, _account(log.topics[2]), amount);
            ++redemptions[planId][_account(log.topics[3])][requestId];
        } else if (kind == IScrip.CreditsRedeemedWithoutId.selector) {
            if (!_isAccess(planId)) book.take(planId, _account(log.topics[2]), abi.decode(log.data, (uint64)));
        }
    }

    function _readTransfer(Vm.Log memory log) internal {
        (uint256 planId, uint256 value) = abi.decode(log.data, (uint256, uint256));
        transferred[planId][_account(log.topics[2])] -= int256(value);
        transferred[planId][_account(log.topics[3])] += int256(value);
    }

    function _add(uint256 planId, address holder, uint256 amount, uint256 expiry) internal {
        if (_isAccess(planId)) book.setEnd(planId, holder, expiry);
        else book.add(planId, holder, amount, expiry);
    }

    function _clear(uint256 planId, address holder, uint256 amount) internal {
        uint256 cleared = _isAccess(planId) ? 1 : book.clear(planId, holder);
        assertEq(amount, cleared, "7. CreditsExpired tells exactly what had expired and was not told before.");
    }

    function _isAccess(uint256 planId) internal view returns (bool) {
        return _grants[planId].kind == IScrip.GrantKind.Time;
    }

    function _account(bytes32 topic) internal pure returns (address) {
        return address(uint160(uint256(topic)));
    }
}
