// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "../interfaces/IScrip.sol";
import {Account} from "../libraries/Lots.sol";
import {Rules} from "../libraries/Rules.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {LibBytes} from "solady/utils/LibBytes.sol";

/// @title State: all that is stored, and who may do what by it
/// @dev The only part with storage, since the core and its annex are two codes over one storage.
abstract contract State {
    /// @dev A plan as it is stored. A redemption by the owner reads only the first word, an order of a plan with one payee
    /// and no limits the first three.
    struct StoredPlan {
        Rules rules;
        Sale sale;
        uint32 perHolder;
        uint32 inAll;
        uint32 ordered;
        address hook;
        address pendingOwner;
        // Of a quoted price.
        address source;
        // The length of the name in a byte, the name and the URI: one behind the other they take the fewest words.
        LibBytes.BytesStorage texts;
        // Empty while `sale.payee` is the only one.
        IScrip.Payee[] payees;
    }

    /// @dev Two words: what an order must know. A fiat price has its currency in the place of the token.
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
    /// @dev An operator with this permission may settle fiat payments and take them back.
    uint8 internal constant SETTLE = 4;
    uint8 internal constant ALL_PERMISSIONS = MINT | REDEEM | SETTLE;

    /// @dev The sum of the payees' shares: 10,000 basis points.
    uint16 internal constant WHOLE = 10_000;

    mapping(uint256 planId => StoredPlan) internal _plans;
    mapping(uint256 planId => mapping(uint256 ownership => mapping(address operator => uint8 permissions))) internal
        _operators;
    mapping(uint256 planId => mapping(address holder => Account)) internal _accounts;
    mapping(uint256 planId => mapping(address redeemer => BitMaps.BitMap)) internal _redeemed;
    mapping(address holder => BitMaps.BitMap) internal _usedNonces;
    mapping(
        uint256 planId
            => mapping(address holder => mapping(address redeemer => mapping(uint256 session => IScrip.Session)))
    ) internal _sessions;
    mapping(uint256 planId => mapping(bytes32 paymentKey => IScrip.Settlement)) internal _settlements;

    address internal _feeReceiver;
    uint16 internal _feeRate;
    address internal _feeController;
    address internal _pendingFeeController;

    /// @dev The first word of a plan, if there is one.
    function _existing(uint256 planId) internal view returns (Rules rules) {
        rules = _plans[planId].rules;
        if (rules.ownerOf() == address(0)) revert IScrip.PlanNotFound(planId);
    }

    /// @dev Whether an account is an operator with this permission.
    function _isOperator(uint256 planId, Rules rules, address account, uint8 permission) internal view returns (bool) {
        return _operators[planId][rules.ownershipOf()][account] & permission != 0;
    }

    /// @dev Whether an account owns the plan or is an operator with this permission.
    function _isOwnerOrOperator(uint256 planId, Rules rules, address account, uint8 permission)
        internal
        view
        returns (bool)
    {
        return account == rules.ownerOf() || _isOperator(planId, rules, account, permission);
    }
}
