// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "../interfaces/IScrip.sol";
import {
    ALL_REDEEMERS,
    FLAGS_AT,
    LIMITED,
    PAID,
    REVOCABLE,
    Rules,
    SPLIT,
    STOPPED,
    TIME,
    packRules
} from "../libraries/Rules.sol";
import {LibString} from "solady/utils/LibString.sol";

/// @title Plans: their terms, owners and operators
abstract contract Plans is IScrip {
    using LibString for LibString.StringStorage;

    /// @dev A plan as it is stored. A redemption by the owner reads only the first word, an order of a plan with one payee
    /// and no limits the first three.
    struct StoredPlan {
        Rules rules;
        Sale sale;
        uint32 perHolder;
        uint32 inAll;
        uint32 ordered;
        address pendingOwner;
        LibString.StringStorage name;
        LibString.StringStorage uri;
        // Empty while `sale.payee` is the only one.
        Payee[] payees;
    }

    /// @dev Two words: what an order must know.
    struct Sale {
        address token;
        uint32 duration;
        uint64 credits;
        address payee;
        uint96 amount;
    }

    /// @dev An operator with this permission may mint.
    uint8 internal constant MINT = 1;
    /// @dev An operator with this permission may redeem, where the terms let operators redeem.
    uint8 internal constant REDEEM = 2;

    uint256 private constant MAX_NAME_BYTES = 31;
    uint256 private constant MAX_PAYEES = 8;
    /// @dev The sum of the payees' shares: 10,000 basis points.
    uint16 internal constant WHOLE = 10_000;

    mapping(uint256 planId => StoredPlan) internal _plans;
    mapping(uint256 planId => mapping(uint256 ownership => mapping(address operator => uint8 permissions))) private
        _operators;

    // ─────────────────────────────────────────── Creation ────────────────────────────────────────────

    /// @inheritdoc IScrip
    function createPlan(Terms memory terms, bytes32 salt) external returns (uint256 planId) {
        planId = computePlanId(msg.sender, terms, salt);
        StoredPlan storage stored = _plans[planId];
        require(stored.rules.ownerOf() == address(0), PlanExists(planId));
        _checkTerms(terms);

        stored.rules = packRules({
            owner: msg.sender,
            flags: _flagsOf(terms),
            minimum: terms.redemption.minimum,
            maximum: terms.redemption.maximum
        });
        bool onePayee = terms.payees.length == 1;
        stored.sale = Sale({
            token: terms.price.token,
            duration: terms.grant.duration,
            credits: terms.grant.credits,
            payee: onePayee ? terms.payees[0].account : address(0),
            amount: terms.price.amount
        });
        if (!onePayee) stored.payees = terms.payees;
        stored.name.set(terms.name);
        if (bytes(terms.uri).length != 0) stored.uri.set(terms.uri);
        if (_isLimited(terms)) {
            stored.perHolder = terms.limits.perHolder;
            stored.inAll = terms.limits.inAll;
        }

        emit PlanCreated(planId, msg.sender, salt, terms);
    }

    /// @inheritdoc IScrip
    function computePlanId(address creator, Terms memory terms, bytes32 salt) public view returns (uint256 planId) {
        return uint256(keccak256(abi.encode(block.chainid, address(this), creator, salt, terms)));
    }

    function _checkTerms(Terms memory terms) private view {
        uint256 nameLength = bytes(terms.name).length;
        require(nameLength <= MAX_NAME_BYTES, NameTooLong(nameLength, MAX_NAME_BYTES));

        Price memory price = terms.price;
        bool paid = price.kind != PriceKind.Free;
        require(
            paid ? price.amount != 0 : price.amount == 0 && price.token == address(0),
            InvalidPrice(price.kind, price.token, price.amount)
        );
        require(price.token == address(0) || price.token.code.length != 0, TokenWithoutCode(price.token));

        _checkPayees(terms.payees, paid);

        Grant memory grant = terms.grant;
        require(
            grant.kind == GrantKind.Credits ? grant.credits != 0 : grant.credits == 0 && grant.duration != 0,
            InvalidGrant(grant.kind, grant.credits, grant.duration)
        );

        Redemption memory redemption = terms.redemption;
        require(
            redemption.minimum != 0 && redemption.minimum <= redemption.maximum,
            InvalidRedemptionRange(redemption.minimum, redemption.maximum)
        );
        require(
            redemption.redeemers != 0 && redemption.redeemers <= ALL_REDEEMERS,
            InvalidRedeemers(redemption.redeemers, ALL_REDEEMERS)
        );
    }

    function _checkPayees(Payee[] memory payees, bool paid) private view {
        uint256 least = paid ? 1 : 0;
        uint256 most = paid ? MAX_PAYEES : 0;
        require(payees.length >= least && payees.length <= most, InvalidPayeeCount(payees.length, least, most));
        if (!paid) return;

        uint256 sum;
        for (uint256 i; i < payees.length; ++i) {
            address account = payees[i].account;
            require(account != address(0) && account != address(this), InvalidPayee(i, account));
            sum += payees[i].share;
        }
        require(sum == WHOLE, InvalidShares(sum, WHOLE));
    }

    function _flagsOf(Terms memory terms) private pure returns (uint256 flags) {
        flags = uint256(terms.redemption.redeemers) << FLAGS_AT;
        if (terms.price.kind != PriceKind.Free) flags |= PAID;
        if (terms.payees.length > 1) flags |= SPLIT;
        if (terms.grant.kind == GrantKind.Time) flags |= TIME;
        if (_isLimited(terms)) flags |= LIMITED;
        if (terms.revocable) flags |= REVOCABLE;
    }

    function _isLimited(Terms memory terms) private pure returns (bool) {
        return terms.limits.perHolder != 0 || terms.limits.inAll != 0;
    }

    // ───────────────────────────────────────── What may change ───────────────────────────────────────

    /// @inheritdoc IScrip
    function setOpen(uint256 planId, bool open) external {
        StoredPlan storage stored = _ownPlan(planId);

        stored.rules = stored.rules.withStopped(!open);

        emit OpenSet(planId, open);
    }

    /// @inheritdoc IScrip
    function transferOwnership(uint256 planId, address newOwner) external {
        StoredPlan storage stored = _ownPlan(planId);

        stored.pendingOwner = newOwner;

        emit OwnershipOffered(planId, msg.sender, newOwner);
    }

    /// @inheritdoc IScrip
    function acceptOwnership(uint256 planId) external {
        (StoredPlan storage stored, Rules rules) = _existing(planId);
        address pendingOwner = stored.pendingOwner;
        require(msg.sender == pendingOwner, NotPendingOwner(planId, msg.sender, pendingOwner));
        require(rules.ownershipOf() < type(uint16).max, TooManyOwners(planId, type(uint16).max));

        stored.rules = rules.withOwner(msg.sender);
        stored.pendingOwner = address(0);

        emit OwnershipAccepted(planId, rules.ownerOf(), msg.sender);
    }

    /// @inheritdoc IScrip
    function setOperator(uint256 planId, address operator, uint8 permissions) external {
        StoredPlan storage stored = _ownPlan(planId);
        require(permissions <= MINT | REDEEM, UnknownPermissions(permissions, MINT | REDEEM));

        _operators[planId][stored.rules.ownershipOf()][operator] = permissions;

        emit OperatorSet(planId, operator, permissions);
    }

    // ───────────────────────────────────────────── Views ─────────────────────────────────────────────

    /// @inheritdoc IScrip
    function permissionsOf(uint256 planId, address operator) external view returns (uint8 permissions) {
        (, Rules rules) = _existing(planId);
        return _operators[planId][rules.ownershipOf()][operator];
    }

    /// @inheritdoc IScrip
    function plan(uint256 planId) external view returns (Plan memory) {
        (StoredPlan storage stored, Rules rules) = _existing(planId);
        return Plan({
            owner: rules.ownerOf(),
            pendingOwner: stored.pendingOwner,
            open: !rules.has(STOPPED),
            ordered: stored.ordered,
            terms: _termsOf(stored, rules)
        });
    }

    /// @inheritdoc IScrip
    function uri(uint256 id) external view returns (string memory) {
        (StoredPlan storage stored,) = _existing(id);
        return stored.uri.get();
    }

    function _termsOf(StoredPlan storage stored, Rules rules) private view returns (Terms memory terms) {
        terms.name = stored.name.get();
        terms.uri = stored.uri.get();
        terms.price = Price({
            kind: rules.has(PAID) ? PriceKind.Fixed : PriceKind.Free,
            token: stored.sale.token,
            amount: stored.sale.amount
        });
        terms.payees = _payeesOf(stored, rules);
        terms.grant = Grant({
            kind: rules.has(TIME) ? GrantKind.Time : GrantKind.Credits,
            credits: stored.sale.credits,
            duration: stored.sale.duration
        });
        terms.redemption =
            Redemption({minimum: rules.minimumOf(), maximum: rules.maximumOf(), redeemers: rules.redeemersOf()});
        terms.revocable = rules.has(REVOCABLE);
        terms.limits = Limits({perHolder: stored.perHolder, inAll: stored.inAll});
    }

    function _payeesOf(StoredPlan storage stored, Rules rules) private view returns (Payee[] memory payees) {
        if (rules.has(SPLIT)) return stored.payees;
        if (!rules.has(PAID)) return payees;
        payees = new Payee[](1);
        payees[0] = Payee({account: stored.sale.payee, share: WHOLE});
    }

    // ─────────────────────────────────────────── For others ──────────────────────────────────────────

    /// @dev The plan, if there is one, and its first word, read once.
    function _existing(uint256 planId) internal view returns (StoredPlan storage stored, Rules rules) {
        stored = _plans[planId];
        rules = stored.rules;
        require(rules.ownerOf() != address(0), PlanNotFound(planId));
    }

    /// @dev The plan, if the caller owns it.
    function _ownPlan(uint256 planId) private view returns (StoredPlan storage stored) {
        Rules rules;
        (stored, rules) = _existing(planId);
        require(msg.sender == rules.ownerOf(), NotPlanOwner(planId, msg.sender, rules.ownerOf()));
    }

    /// @dev Whether the caller is an operator with this permission.
    function _isOperator(uint256 planId, Rules rules, uint8 permission) internal view returns (bool) {
        return _operators[planId][rules.ownershipOf()][msg.sender] & permission != 0;
    }

    /// @dev Whether the caller may mint.
    function _isMinter(uint256 planId, Rules rules) internal view returns (bool) {
        return msg.sender == rules.ownerOf() || _isOperator(planId, rules, MINT);
    }
}
