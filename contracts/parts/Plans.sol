// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {State} from "./State.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {
    ALL_HOOK_CALLS,
    ALL_REDEEMERS,
    FLAGS_AT,
    HOOK_CALLS_AT,
    LIMITED,
    REVOCABLE,
    Rules,
    SPLIT,
    STOPPED,
    TIME,
    VOUCHER_REQUIRED,
    packRules
} from "../libraries/Rules.sol";
import {LibBytes} from "solady/utils/LibBytes.sol";

/// @title Plans: their terms, owners and operators
abstract contract Plans is State {
    using LibBytes for LibBytes.BytesStorage;

    uint256 private constant MAX_NAME_BYTES = 31;
    uint256 private constant MAX_PAYEES = 8;

    // ─────────────────────────────────────────── Creation ────────────────────────────────────────────

    /// @dev `IScrip.createPlan`.
    function createPlan(IScrip.Terms memory terms, bytes32 salt) external returns (uint256 planId) {
        bytes memory preimage = _preimage(msg.sender, terms, salt);
        planId = uint256(keccak256(preimage));
        StoredPlan storage stored = _plans[planId];
        if (stored.rules.ownerOf() != address(0)) revert IScrip.PlanExists(planId);
        _checkTerms(terms);

        _storeTerms(stored, terms);

        _emitCreated(planId, preimage);
    }

    /// @dev `emit IScrip.PlanCreated(planId, msg.sender, salt, terms)` without encoding the terms again: they end the id's
    /// preimage, behind chain, contract and creator, which the event has not, the salt, and their offset, which counts from the
    /// salt there. The preimage is used up.
    function _emitCreated(uint256 planId, bytes memory preimage) private {
        bytes32 signature = IScrip.PlanCreated.selector;
        assembly ("memory-safe") {
            let data := add(preimage, 0x80)
            mstore(add(data, 0x20), 0x40)
            log3(data, sub(mload(preimage), 0x60), signature, planId, caller())
        }
    }

    /// @dev `IScrip.computePlanId`.
    function computePlanId(address creator, IScrip.Terms memory terms, bytes32 salt)
        external
        view
        returns (uint256 planId)
    {
        return uint256(keccak256(_preimage(creator, terms, salt)));
    }

    function _preimage(address creator, IScrip.Terms memory terms, bytes32 salt) private view returns (bytes memory) {
        return abi.encode(block.chainid, address(this), creator, salt, terms);
    }

    function _storeTerms(StoredPlan storage stored, IScrip.Terms memory terms) private {
        IScrip.Price memory price = terms.price;
        stored.rules = packRules({
            owner: msg.sender,
            flags: _flagsOf(terms),
            kind: price.kind,
            minimum: terms.redemption.minimum,
            maximum: terms.redemption.maximum
        });
        bool onePayee = terms.payees.length == 1;
        stored.sale = Sale({
            token: price.kind == IScrip.PriceKind.Fiat ? address(uint160(uint24(price.currency))) : price.token,
            duration: terms.grant.duration,
            credits: terms.grant.credits,
            payee: onePayee ? terms.payees[0].account : address(0),
            amount: price.amount
        });
        if (!onePayee) stored.payees = terms.payees;
        stored.texts.set(abi.encodePacked(uint8(bytes(terms.name).length), terms.name, terms.uri));
        // These three share a word, which most plans leave empty.
        if (_isLimited(terms) || terms.hook.calls != 0) {
            stored.perHolder = terms.limits.perHolder;
            stored.inAll = terms.limits.inAll;
            stored.hook = terms.hook.account;
        }
        if (price.kind == IScrip.PriceKind.Quoted) stored.source = price.source;
    }

    function _checkTerms(IScrip.Terms memory terms) private view {
        uint256 nameLength = bytes(terms.name).length;
        if (nameLength > MAX_NAME_BYTES) revert IScrip.NameTooLong(nameLength, MAX_NAME_BYTES);

        _checkPrice(terms.price);
        _checkPayees(terms.payees, _isPaidOnChain(terms.price.kind));

        IScrip.Grant memory grant = terms.grant;
        if (terms.price.kind == IScrip.PriceKind.PerUse) {
            bool grantsNothing = grant.kind == IScrip.GrantKind.Credits && grant.credits == 0 && grant.duration == 0;
            if (!(grantsNothing && terms.redemption.voucherRequired && !_isLimited(terms))) {
                revert IScrip.InvalidPerUse({
                    voucherRequired: terms.redemption.voucherRequired,
                    credits: grant.credits,
                    duration: grant.duration,
                    perHolder: terms.limits.perHolder,
                    inAll: terms.limits.inAll
                });
            }
        } else {
            bool fits =
                grant.kind == IScrip.GrantKind.Credits ? grant.credits != 0 : grant.credits == 0 && grant.duration != 0;
            if (!fits) {
                revert IScrip.InvalidGrant(grant.kind, grant.credits, grant.duration);
            }
        }

        IScrip.Redemption memory redemption = terms.redemption;
        if (!(redemption.minimum != 0 && redemption.minimum <= redemption.maximum)) {
            revert IScrip.InvalidRedemptionRange(redemption.minimum, redemption.maximum);
        }
        if (!(redemption.redeemers != 0 && redemption.redeemers <= ALL_REDEEMERS)) {
            revert IScrip.InvalidRedeemers(redemption.redeemers, ALL_REDEEMERS);
        }

        IScrip.Hook memory hook = terms.hook;
        if (!(hook.calls <= ALL_HOOK_CALLS && (hook.calls == 0) == (hook.account == address(0)))) {
            revert IScrip.InvalidHook(hook.account, hook.calls, ALL_HOOK_CALLS);
        }
        _checkCode(hook.account);
    }

    function _checkPrice(IScrip.Price memory price) private view {
        IScrip.PriceKind kind = price.kind;
        bool fiat = kind == IScrip.PriceKind.Fiat;
        bool quoted = kind == IScrip.PriceKind.Quoted;
        bool free = kind == IScrip.PriceKind.Free;
        bool fits = (price.amount != 0) == (!free && !quoted) && (price.currency != 0) == fiat
            && (price.source != address(0)) == quoted;
        // The native coin cannot be pulled from a holder.
        if (free || fiat) fits = fits && price.token == address(0);
        else if (kind == IScrip.PriceKind.PerUse) fits = fits && price.token != address(0);
        if (!fits) revert IScrip.InvalidPrice(price);
        _checkCode(price.token);
        _checkCode(price.source);
    }

    function _checkCode(address account) private view {
        if (!(account == address(0) || account.code.length != 0)) revert IScrip.AccountWithoutCode(account);
    }

    function _checkPayees(IScrip.Payee[] memory payees, bool paid) private view {
        uint256 least = paid ? 1 : 0;
        uint256 most = paid ? MAX_PAYEES : 0;
        if (!(payees.length >= least && payees.length <= most)) {
            revert IScrip.InvalidPayeeCount(payees.length, least, most);
        }
        if (!paid) return;

        uint256 sum;
        for (uint256 i; i < payees.length; ++i) {
            address account = payees[i].account;
            // The last takes what rounding leaves, which must not be somebody without a share.
            bool shares = payees[i].share != 0 || i != payees.length - 1;
            if (!(account != address(0) && account != address(this) && shares)) revert IScrip.InvalidPayee(i, account);
            sum += payees[i].share;
        }
        if (sum != WHOLE) revert IScrip.InvalidShares(sum, WHOLE);
    }

    function _flagsOf(IScrip.Terms memory terms) private pure returns (uint256 flags) {
        flags = uint256(terms.redemption.redeemers) << FLAGS_AT;
        flags |= uint256(terms.hook.calls) << HOOK_CALLS_AT;
        if (terms.redemption.voucherRequired) flags |= VOUCHER_REQUIRED;
        if (terms.payees.length > 1) flags |= SPLIT;
        if (terms.grant.kind == IScrip.GrantKind.Time) flags |= TIME;
        if (_isLimited(terms)) flags |= LIMITED;
        if (terms.revocable) flags |= REVOCABLE;
    }

    function _isPaidOnChain(IScrip.PriceKind kind) private pure returns (bool) {
        return kind != IScrip.PriceKind.Free && kind != IScrip.PriceKind.Fiat;
    }

    function _isLimited(IScrip.Terms memory terms) private pure returns (bool) {
        return terms.limits.perHolder != 0 || terms.limits.inAll != 0;
    }

    // ───────────────────────────────────────── What may change ───────────────────────────────────────

    /// @dev `IScrip.setOpen`.
    function setOpen(uint256 planId, bool open) external {
        StoredPlan storage stored = _ownPlan(planId);

        stored.rules = stored.rules.withStopped(!open);

        emit IScrip.OpenSet(planId, open);
    }

    /// @dev `IScrip.transferOwnership`.
    function transferOwnership(uint256 planId, address newOwner) external {
        StoredPlan storage stored = _ownPlan(planId);

        stored.pendingOwner = newOwner;

        emit IScrip.OwnershipOffered(planId, msg.sender, newOwner);
    }

    /// @dev `IScrip.acceptOwnership`.
    function acceptOwnership(uint256 planId) external {
        StoredPlan storage stored = _plans[planId];
        Rules rules = _existing(planId);
        address pendingOwner = stored.pendingOwner;
        if (msg.sender != pendingOwner) revert IScrip.NotPendingOwner(planId, msg.sender, pendingOwner);
        if (rules.ownershipOf() >= type(uint16).max) revert IScrip.TooManyOwners(planId, type(uint16).max);

        stored.rules = rules.withOwner(msg.sender);
        stored.pendingOwner = address(0);

        emit IScrip.OwnershipAccepted(planId, rules.ownerOf(), msg.sender);
    }

    /// @dev `IScrip.setOperator`.
    function setOperator(uint256 planId, address operator, uint8 permissions) external {
        StoredPlan storage stored = _ownPlan(planId);
        if (permissions > ALL_PERMISSIONS) revert IScrip.UnknownPermissions(permissions, ALL_PERMISSIONS);

        _operators[planId][stored.rules.ownershipOf()][operator] = permissions;

        emit IScrip.OperatorSet(planId, operator, permissions);
    }

    // ───────────────────────────────────────────── Views ─────────────────────────────────────────────

    /// @dev `IScrip.permissionsOf`.
    function permissionsOf(uint256 planId, address operator) external view returns (uint8 permissions) {
        Rules rules = _existing(planId);
        return _operators[planId][rules.ownershipOf()][operator];
    }

    /// @dev `IScrip.plan`.
    function plan(uint256 planId) external view returns (IScrip.Plan memory) {
        StoredPlan storage stored = _plans[planId];
        Rules rules = _existing(planId);
        return IScrip.Plan({
            owner: rules.ownerOf(),
            pendingOwner: stored.pendingOwner,
            open: !rules.has(STOPPED),
            ordered: stored.ordered,
            terms: _termsOf(stored, rules)
        });
    }

    /// @dev `IScrip.uri`.
    function uri(uint256 id) external view returns (string memory) {
        _existing(id);
        StoredPlan storage stored = _plans[id];
        (, string memory text) = _textsOf(stored);
        return text;
    }

    function _termsOf(StoredPlan storage stored, Rules rules) private view returns (IScrip.Terms memory terms) {
        (terms.name, terms.uri) = _textsOf(stored);
        terms.price = _priceOf(stored, rules);
        terms.payees = _payeesOf(stored, rules);
        terms.grant = IScrip.Grant({
            kind: rules.has(TIME) ? IScrip.GrantKind.Time : IScrip.GrantKind.Credits,
            credits: stored.sale.credits,
            duration: stored.sale.duration
        });
        terms.redemption = IScrip.Redemption({
            minimum: rules.minimumOf(),
            maximum: rules.maximumOf(),
            redeemers: rules.redeemersOf(),
            voucherRequired: rules.has(VOUCHER_REQUIRED)
        });
        terms.revocable = rules.has(REVOCABLE);
        terms.limits = IScrip.Limits({perHolder: stored.perHolder, inAll: stored.inAll});
        terms.hook = IScrip.Hook({account: stored.hook, calls: rules.hookCallsOf()});
    }

    function _priceOf(StoredPlan storage stored, Rules rules) private view returns (IScrip.Price memory price) {
        price.kind = rules.priceKindOf();
        price.amount = stored.sale.amount;
        price.source = stored.source;
        address token = stored.sale.token;
        // The currency was put there as 24 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        if (price.kind == IScrip.PriceKind.Fiat) price.currency = bytes3(uint24(uint160(token)));
        else price.token = token;
    }

    function _textsOf(StoredPlan storage stored) private view returns (string memory name, string memory text) {
        bytes memory texts = stored.texts.get();
        uint256 uriAt = 1 + uint256(uint8(texts[0]));
        name = string(LibBytes.slice(texts, 1, uriAt));
        text = string(LibBytes.slice(texts, uriAt));
    }

    function _payeesOf(StoredPlan storage stored, Rules rules) private view returns (IScrip.Payee[] memory payees) {
        if (rules.has(SPLIT)) return stored.payees;
        if (!_isPaidOnChain(rules.priceKindOf())) return payees;
        payees = new IScrip.Payee[](1);
        payees[0] = IScrip.Payee({account: stored.sale.payee, share: WHOLE});
    }

    /// @dev The plan, if the caller owns it.
    function _ownPlan(uint256 planId) private view returns (StoredPlan storage stored) {
        Rules rules;
        stored = _plans[planId];
        rules = _existing(planId);
        if (msg.sender != rules.ownerOf()) revert IScrip.NotPlanOwner(planId, msg.sender, rules.ownerOf());
    }
}
