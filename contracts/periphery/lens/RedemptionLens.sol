// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {CoreRules} from "./CoreRules.sol";
import {ILens} from "../../interfaces/ILens.sol";
import {IScrip} from "../../interfaces/IScrip.sol";
import {Signatures} from "../../libraries/Signatures.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title Before a redemption
/// @dev The checks stand in the order of the core's, error by error: see `Redemptions` and `Vouchers`.
abstract contract RedemptionLens is CoreRules {
    bytes32 private constant VOUCHER_TYPE = keccak256(
        "Voucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 nonce,uint40 deadline)"
    );
    bytes32 private constant SESSION_VOUCHER_TYPE = keccak256(
        "SessionVoucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 session,uint40 deadline)"
    );

    /// @inheritdoc ILens
    function refusalOfRedemption(
        IScrip scrip,
        uint256 planId,
        address redeemer,
        address holder,
        uint64 amount,
        uint256 requestId
    ) external view returns (bytes memory refusal, bool asksHook) {
        asksHook = _asksHook(scrip, planId, REDEMPTION_HOOKS);
        try this.checkRedemption(scrip, planId, redeemer, holder, amount, requestId) {}
        catch (bytes memory reason) {
            refusal = _refusal(scrip, reason);
        }
    }

    /// @inheritdoc ILens
    function checkRedemption(
        IScrip scrip,
        uint256 planId,
        address redeemer,
        address holder,
        uint64 amount,
        uint256 requestId
    ) external view {
        _checkRequest(scrip, planId, redeemer, requestId);
        _checkRedemption(scrip, planId, redeemer, holder, amount, false);
    }

    /// @inheritdoc ILens
    function refusalOfRedemptionWithoutId(IScrip scrip, uint256 planId, address redeemer, address holder, uint64 amount)
        external
        view
        returns (bytes memory refusal, bool asksHook)
    {
        asksHook = _asksHook(scrip, planId, REDEMPTION_HOOKS);
        try this.checkRedemptionWithoutId(scrip, planId, redeemer, holder, amount) {}
        catch (bytes memory reason) {
            refusal = _refusal(scrip, reason);
        }
    }

    /// @inheritdoc ILens
    function checkRedemptionWithoutId(IScrip scrip, uint256 planId, address redeemer, address holder, uint64 amount)
        external
        view
    {
        _checkRedemption(scrip, planId, redeemer, holder, amount, false);
    }

    /// @inheritdoc ILens
    function refusalOfVoucher(
        IScrip scrip,
        address redeemer,
        IScrip.Voucher calldata voucher,
        uint64 amount,
        bytes calldata signature
    ) external view returns (bytes memory refusal, bool asksHook) {
        asksHook = _asksHook(scrip, voucher.planId, REDEMPTION_HOOKS);
        try this.checkVoucher(scrip, redeemer, voucher, amount, signature) {}
        catch (bytes memory reason) {
            refusal = _refusal(scrip, reason);
        }
    }

    /// @inheritdoc ILens
    function checkVoucher(
        IScrip scrip,
        address redeemer,
        IScrip.Voucher calldata voucher,
        uint64 amount,
        bytes calldata signature
    ) external view {
        (uint256 planId, address holder) = (voucher.planId, voucher.holder);
        _checkParties(planId, holder, redeemer, voucher.redeemer, voucher.deadline);
        require(amount <= voucher.maximum, IScrip.VoucherExceeded(planId, holder, amount, voucher.maximum));
        require(!scrip.isVoucherUsed(holder, voucher.nonce), IScrip.VoucherUsed(holder, voucher.nonce));
        _checkSignature(scrip, holder, keccak256(abi.encode(VOUCHER_TYPE, voucher)), signature);
        _checkRedemption(scrip, planId, redeemer, holder, amount, true);
    }

    /// @inheritdoc ILens
    function refusalOfSession(
        IScrip scrip,
        address redeemer,
        IScrip.SessionVoucher calldata voucher,
        uint64 amount,
        uint256 requestId,
        bytes calldata signature
    ) external view returns (bytes memory refusal, bool asksHook) {
        asksHook = _asksHook(scrip, voucher.planId, REDEMPTION_HOOKS);
        try this.checkSession(scrip, redeemer, voucher, amount, requestId, signature) {}
        catch (bytes memory reason) {
            refusal = _refusal(scrip, reason);
        }
    }

    /// @inheritdoc ILens
    function checkSession(
        IScrip scrip,
        address redeemer,
        IScrip.SessionVoucher calldata voucher,
        uint64 amount,
        uint256 requestId,
        bytes calldata signature
    ) external view {
        (uint256 planId, address holder) = (voucher.planId, voucher.holder);
        _checkRequest(scrip, planId, redeemer, requestId);
        _checkParties(planId, holder, redeemer, voucher.redeemer, voucher.deadline);
        IScrip.Session memory session = scrip.sessionOf(planId, holder, redeemer, voucher.session);
        require(!session.revoked, IScrip.SessionEnded(planId, holder, redeemer, voucher.session));
        uint256 left = FixedPointMathLib.zeroFloorSub(voucher.maximum, session.spent);
        require(amount <= left, IScrip.VoucherExceeded(planId, holder, amount, left));
        _checkSignature(scrip, holder, keccak256(abi.encode(SESSION_VOUCHER_TYPE, voucher)), signature);
        _checkRedemption(scrip, planId, redeemer, holder, amount, true);
    }

    /// @inheritdoc ILens
    function areRedeemed(IScrip scrip, uint256 planId, address redeemer, uint256[] calldata requestIds)
        external
        view
        returns (bool[] memory answers)
    {
        answers = new bool[](requestIds.length);
        for (uint256 i; i < requestIds.length; ++i) {
            answers[i] = scrip.isRedeemed(planId, redeemer, requestIds[i]);
        }
    }

    /// @inheritdoc ILens
    function areVouchersUsed(IScrip scrip, address holder, uint256[] calldata nonces)
        external
        view
        returns (bool[] memory answers)
    {
        answers = new bool[](nonces.length);
        for (uint256 i; i < nonces.length; ++i) {
            answers[i] = scrip.isVoucherUsed(holder, nonces[i]);
        }
    }

    /// @inheritdoc ILens
    function domainSeparator(IScrip scrip) public view returns (bytes32) {
        (bytes1 fields, string memory name, string memory version, uint256 chainId, address verifier, bytes32 salt,) =
            IERC5267(address(scrip)).eip712Domain();
        return MessageHashUtils.toDomainSeparator(fields, name, version, chainId, verifier, salt);
    }

    function _checkRequest(IScrip scrip, uint256 planId, address redeemer, uint256 requestId) private view {
        require(
            !scrip.isRedeemed(planId, redeemer, requestId), IScrip.RequestAlreadyRedeemed(planId, redeemer, requestId)
        );
    }

    function _checkParties(uint256 planId, address holder, address caller, address redeemer, uint256 deadline)
        private
        view
    {
        require(caller == redeemer, IScrip.WrongRedeemer(planId, caller, redeemer));
        require(block.timestamp <= deadline, IScrip.VoucherExpired(planId, holder, deadline));
    }

    function _checkSignature(IScrip scrip, address holder, bytes32 structHash, bytes calldata signature) private view {
        bytes32 digest = MessageHashUtils.toTypedDataHash(domainSeparator(scrip), structHash);
        require(Signatures.isValid(holder, digest, signature), IScrip.InvalidSignature(holder));
    }

    function _checkRedemption(
        IScrip scrip,
        uint256 planId,
        address redeemer,
        address holder,
        uint64 amount,
        bool vouched
    ) private view {
        IScrip.Plan memory plan = scrip.plan(planId);
        IScrip.Redemption memory rules = plan.terms.redemption;
        require(
            _mayRedeem(scrip, planId, plan.owner, rules.redeemers, redeemer, holder),
            IScrip.NotRedeemer(planId, redeemer, holder)
        );
        require(
            amount >= rules.minimum && amount <= rules.maximum,
            IScrip.AmountOutOfRange(planId, amount, rules.minimum, rules.maximum)
        );
        require(
            vouched || !rules.voucherRequired || redeemer == holder, IScrip.VoucherRequired(planId, redeemer, holder)
        );

        if (plan.terms.grant.kind == IScrip.GrantKind.Time) {
            uint256 end = scrip.accessEnd(planId, holder);
            require(end > block.timestamp, IScrip.NoAccess(planId, holder, end));
        } else if (plan.terms.price.kind == IScrip.PriceKind.PerUse) {
            _checkPayment(scrip, planId, plan.terms, holder, uint256(plan.terms.price.amount) * amount);
        } else {
            uint256 balance = scrip.balanceOf(holder, planId);
            require(amount <= balance, IScrip.InsufficientCredits(planId, holder, amount, balance));
        }
    }

    function _mayRedeem(IScrip scrip, uint256 planId, address owner, uint8 redeemers, address redeemer, address holder)
        private
        view
        returns (bool)
    {
        return (redeemers & OWNER_REDEEMS != 0 && redeemer == owner)
            || (redeemers & HOLDER_REDEEMS != 0 && redeemer == holder)
            || (redeemers & OPERATORS_REDEEM != 0 && scrip.permissionsOf(planId, redeemer) & REDEEM != 0);
    }
}
