// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {State} from "./State.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {EIP712} from "solady/utils/EIP712.sol";

/// @title Vouchers: what holders sign, use up and revoke
abstract contract Vouchers is State, EIP712 {
    using BitMaps for BitMaps.BitMap;

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

    /// @dev `IScrip.isVoucherUsed`.
    function isVoucherUsed(address holder, uint256 nonce) external view returns (bool) {
        return _usedNonces[holder].get(nonce);
    }

    /// @dev `IScrip.sessionOf`.
    function sessionOf(uint256 planId, address holder, address redeemer, uint256 session)
        external
        view
        returns (IScrip.Session memory)
    {
        return _sessions[planId][holder][redeemer][session];
    }

    function _useVoucher(IScrip.Voucher memory voucher, uint64 amount, bytes calldata signature) internal {
        _checkVoucher(voucher.planId, voucher.holder, voucher.redeemer, voucher.deadline);
        require(
            amount <= voucher.maximum, IScrip.VoucherExceeded(voucher.planId, voucher.holder, amount, voucher.maximum)
        );
        BitMaps.BitMap storage used = _usedNonces[voucher.holder];
        require(!used.get(voucher.nonce), IScrip.VoucherUsed(voucher.holder, voucher.nonce));
        _checkSignature(voucher.holder, keccak256(abi.encode(VOUCHER_TYPE, voucher)), signature);

        used.set(voucher.nonce);
    }

    function _useSession(IScrip.SessionVoucher memory voucher, uint64 amount, bytes calldata signature) internal {
        _checkVoucher(voucher.planId, voucher.holder, voucher.redeemer, voucher.deadline);
        IScrip.Session storage stored = _sessions[voucher.planId][voucher.holder][voucher.redeemer][voucher.session];
        IScrip.Session memory session = stored;
        require(
            !session.revoked, IScrip.SessionEnded(voucher.planId, voucher.holder, voucher.redeemer, voucher.session)
        );
        uint64 left = voucher.maximum > session.spent ? voucher.maximum - session.spent : 0;
        require(amount <= left, IScrip.VoucherExceeded(voucher.planId, voucher.holder, amount, left));
        _checkSignature(voucher.holder, keccak256(abi.encode(SESSION_VOUCHER_TYPE, voucher)), signature);

        stored.spent = session.spent + amount;

        emit IScrip.SessionSpent(
            voucher.planId, voucher.holder, voucher.redeemer, voucher.session, session.spent + amount
        );
    }

    function _checkVoucher(uint256 planId, address holder, address redeemer, uint256 deadline) private view {
        require(msg.sender == redeemer, IScrip.WrongRedeemer(planId, msg.sender, redeemer));
        require(block.timestamp <= deadline, IScrip.VoucherExpired(planId, holder, deadline));
    }

    function _checkSignature(address holder, bytes32 structHash, bytes calldata signature) private view {
        require(Signatures.isValid(holder, _hashTypedData(structHash), signature), IScrip.InvalidSignature(holder));
    }

    function _domainNameAndVersion() internal pure override returns (string memory name, string memory version) {
        return ("Scrip", "1");
    }

    /// @dev So that the domain is computed when it is needed: a cached one would be a part of the code, and this would differ
    /// from chain to chain.
    function _domainNameAndVersionMayChange() internal pure override returns (bool) {
        return true;
    }
}
