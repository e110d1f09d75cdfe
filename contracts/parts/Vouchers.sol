// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {State} from "./State.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Domain} from "../libraries/Domain.sol";
import {Ids} from "../libraries/Ids.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";

/// @title Vouchers: what holders sign, use up and revoke
abstract contract Vouchers is State {
    using Ids for BitMaps.BitMap;

    bytes32 private constant VOUCHER_TYPE = keccak256(
        "Voucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 nonce,uint40 deadline)"
    );
    bytes32 private constant SESSION_VOUCHER_TYPE = keccak256(
        "SessionVoucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 session,uint40 deadline)"
    );

    /// @dev `IScrip.revokeVouchers`.
    function revokeVouchers(uint256 word, uint256 mask) external {
        _usedNonces[msg.sender]._data[word] |= mask;

        emit IScrip.VouchersRevoked(msg.sender, word, mask);
    }

    /// @dev `IScrip.revokeSession`.
    function revokeSession(uint256 planId, address redeemer, uint256 session) external {
        _sessions[planId][msg.sender][redeemer][session].revoked = true;

        emit IScrip.SessionRevoked(planId, msg.sender, redeemer, session);
    }

    function _useVoucher(IScrip.Voucher memory voucher, uint64 amount, bytes calldata signature) internal {
        _checkVoucher(voucher.planId, voucher.holder, voucher.redeemer, voucher.deadline);
        if (amount > voucher.maximum) {
            revert IScrip.VoucherExceeded(voucher.planId, voucher.holder, amount, voucher.maximum);
        }
        if (!_usedNonces[voucher.holder].take(voucher.nonce)) revert IScrip.VoucherUsed(voucher.holder, voucher.nonce);
        bytes32 structHash = _structHash({
            typeHash: VOUCHER_TYPE,
            planId: voucher.planId,
            holder: voucher.holder,
            redeemer: voucher.redeemer,
            maximum: voucher.maximum,
            number: voucher.nonce,
            deadline: voucher.deadline
        });
        _checkSignature(voucher.holder, structHash, signature);
    }

    function _useSession(IScrip.SessionVoucher memory voucher, uint64 amount, bytes calldata signature) internal {
        _checkVoucher(voucher.planId, voucher.holder, voucher.redeemer, voucher.deadline);
        IScrip.Session storage stored = _sessions[voucher.planId][voucher.holder][voucher.redeemer][voucher.session];
        IScrip.Session memory session = stored;
        if (session.revoked) {
            revert IScrip.SessionEnded(voucher.planId, voucher.holder, voucher.redeemer, voucher.session);
        }
        uint64 left = voucher.maximum > session.spent ? voucher.maximum - session.spent : 0;
        if (amount > left) revert IScrip.VoucherExceeded(voucher.planId, voucher.holder, amount, left);
        bytes32 structHash = _structHash({
            typeHash: SESSION_VOUCHER_TYPE,
            planId: voucher.planId,
            holder: voucher.holder,
            redeemer: voucher.redeemer,
            maximum: voucher.maximum,
            number: voucher.session,
            deadline: voucher.deadline
        });
        _checkSignature(voucher.holder, structHash, signature);

        stored.spent = session.spent + amount;

        emit IScrip.SessionSpent(
            voucher.planId, voucher.holder, voucher.redeemer, voucher.session, session.spent + amount
        );
    }

    function _checkVoucher(uint256 planId, address holder, address redeemer, uint256 deadline) private view {
        if (msg.sender != redeemer) revert IScrip.WrongRedeemer(planId, msg.sender, redeemer);
        if (block.timestamp > deadline) revert IScrip.VoucherExpired(planId, holder, deadline);
    }

    /// @dev Both vouchers have the same fields, but for the meaning of one number.
    function _structHash(
        bytes32 typeHash,
        uint256 planId,
        address holder,
        address redeemer,
        uint256 maximum,
        uint256 number,
        uint256 deadline
    ) private pure returns (bytes32) {
        return EfficientHashLib.hash(
            uint256(typeHash), planId, uint256(uint160(holder)), uint256(uint160(redeemer)), maximum, number, deadline
        );
    }

    function _checkSignature(address holder, bytes32 structHash, bytes calldata signature) private view {
        if (!Signatures.isValid(holder, Domain.digestOf(structHash), signature)) {
            revert IScrip.InvalidSignature(holder);
        }
    }
}
