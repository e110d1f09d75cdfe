// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "../interfaces/IScrip.sol";

/// @dev All that a redemption must know of a plan, in one word, so that it is read once.
///
/// From the lowest bit: owner (160), flags (13), the kind of price (3), how many owners there were before (16), and the
/// least (32) and the most (32) credits that a redemption may take.
type Rules is uint256;

using {
    ownerOf,
    has,
    priceKindOf,
    ownershipOf,
    minimumOf,
    maximumOf,
    redeemersOf,
    hookCallsOf,
    withOwner,
    withStopped
} for Rules global;

uint256 constant FLAGS_AT = 160;
uint256 constant HOOK_CALLS_AT = 169;
uint256 constant PRICE_KIND_AT = 173;
uint256 constant OWNERSHIP_AT = 176;
uint256 constant MINIMUM_AT = 192;
uint256 constant MAXIMUM_AT = 224;

// forge-lint: disable-start(incorrect-shift)
// The lint takes `1 << AT`, a flag at its place, for swapped operands.

// The lowest three flags are the terms' `redeemers` as they are.
uint256 constant OWNER_REDEEMS = 1 << FLAGS_AT;
uint256 constant HOLDER_REDEEMS = 2 << FLAGS_AT;
uint256 constant OPERATORS_REDEEM = 4 << FLAGS_AT;
uint8 constant ALL_REDEEMERS = 7;
// Others than the holder redeem with its voucher only.
uint256 constant VOUCHER_REQUIRED = 8 << FLAGS_AT;
// The price goes to a list of payees rather than to one.
uint256 constant SPLIT = 16 << FLAGS_AT;
// The grant is access for a time.
uint256 constant TIME = 32 << FLAGS_AT;
// Orders are limited, for each holder or in all.
uint256 constant LIMITED = 64 << FLAGS_AT;
// The owner may burn a holder's credits.
uint256 constant REVOCABLE = 128 << FLAGS_AT;
// Orders are stopped: the only flag that changes after a plan is created.
uint256 constant STOPPED = 256 << FLAGS_AT;

// The next four flags are the terms' `hook.calls` as they are.
uint256 constant HOOK_BEFORE_ORDER = 1 << HOOK_CALLS_AT;
uint256 constant HOOK_AFTER_ORDER = 2 << HOOK_CALLS_AT;
uint256 constant HOOK_BEFORE_REDEMPTION = 4 << HOOK_CALLS_AT;
uint256 constant HOOK_AFTER_REDEMPTION = 8 << HOOK_CALLS_AT;
uint8 constant ALL_HOOK_CALLS = 15;

// Of the kinds of price, only `PerUse` (4) has this bit.
uint256 constant PER_USE = 4 << PRICE_KIND_AT;

// What makes a redemption more than a spending of credits.
uint256 constant SPECIAL_REDEMPTION = VOUCHER_REQUIRED | TIME | PER_USE | HOOK_BEFORE_REDEMPTION
    | HOOK_AFTER_REDEMPTION;

// forge-lint: disable-end(incorrect-shift)

function packRules(address owner, uint256 flags, IScrip.PriceKind kind, uint32 minimum, uint32 maximum)
    pure
    returns (Rules)
{
    return Rules.wrap(
        uint256(uint160(owner)) | flags | uint256(kind) << PRICE_KIND_AT | uint256(minimum) << MINIMUM_AT
            | uint256(maximum) << MAXIMUM_AT
    );
}

// Each cast below drops exactly the fields above the one that is read.
// forge-lint: disable-start(unsafe-typecast)

function ownerOf(Rules rules) pure returns (address) {
    return address(uint160(Rules.unwrap(rules)));
}

function has(Rules rules, uint256 flag) pure returns (bool) {
    return Rules.unwrap(rules) & flag != 0;
}

function priceKindOf(Rules rules) pure returns (IScrip.PriceKind) {
    return IScrip.PriceKind(uint8(Rules.unwrap(rules) >> PRICE_KIND_AT) & 7);
}

function redeemersOf(Rules rules) pure returns (uint8) {
    return uint8(Rules.unwrap(rules) >> FLAGS_AT) & ALL_REDEEMERS;
}

function hookCallsOf(Rules rules) pure returns (uint8) {
    return uint8(Rules.unwrap(rules) >> HOOK_CALLS_AT) & ALL_HOOK_CALLS;
}

function ownershipOf(Rules rules) pure returns (uint16) {
    return uint16(Rules.unwrap(rules) >> OWNERSHIP_AT);
}

function minimumOf(Rules rules) pure returns (uint32) {
    return uint32(Rules.unwrap(rules) >> MINIMUM_AT);
}

function maximumOf(Rules rules) pure returns (uint32) {
    return uint32(Rules.unwrap(rules) >> MAXIMUM_AT);
}

// forge-lint: disable-end(unsafe-typecast)

/// @dev Another owner, and one more owner before it; the caller sees to it that the count does not overflow.
function withOwner(Rules rules, address owner) pure returns (Rules) {
    uint256 rest = Rules.unwrap(rules) >> FLAGS_AT << FLAGS_AT;
    return Rules.wrap(uint256(uint160(owner)) | (rest + 2 ** OWNERSHIP_AT));
}

function withStopped(Rules rules, bool stopped) pure returns (Rules) {
    uint256 word = Rules.unwrap(rules);
    return Rules.wrap(stopped ? word | STOPPED : word & ~STOPPED);
}
