// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "scrip/interfaces/IScrip.sol";
import {
    HOLDER_REDEEMS,
    HOOK_AFTER_ORDER,
    HOOK_AFTER_REDEMPTION,
    HOOK_BEFORE_ORDER,
    HOOK_BEFORE_REDEMPTION,
    LIMITED,
    OPERATORS_REDEEM,
    OWNER_REDEEMS,
    REVOCABLE,
    Rules,
    SPLIT,
    STOPPED,
    TIME,
    VOUCHER_REQUIRED,
    packRules
} from "scrip/libraries/Rules.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The first word of a plan. Its places are named here again, as the documentation has them.
contract RulesTest is Test {
    /// @dev The thirteen flags as they stand beside one another, from bit 160.
    function place(uint256 flags) internal pure returns (uint256) {
        return (flags & 0x1fff) << 160;
    }

    function assertFlags(Rules rules, uint256 flags, string memory label) internal pure {
        uint256[13] memory all = [
            OWNER_REDEEMS,
            HOLDER_REDEEMS,
            OPERATORS_REDEEM,
            VOUCHER_REQUIRED,
            SPLIT,
            TIME,
            LIMITED,
            REVOCABLE,
            STOPPED,
            HOOK_BEFORE_ORDER,
            HOOK_AFTER_ORDER,
            HOOK_BEFORE_REDEMPTION,
            HOOK_AFTER_REDEMPTION
        ];
        for (uint256 i; i < all.length; ++i) {
            assertEq(rules.has(all[i]), flags >> i & 1 == 1, label);
        }
    }

    function aKind(uint8 seed) internal pure returns (IScrip.PriceKind) {
        return IScrip.PriceKind(seed % 5);
    }

    function testFuzz_WhenAnyFieldsArePacked(
        address owner,
        uint256 flags,
        uint8 kindSeed,
        uint32 minimum,
        uint32 maximum
    ) public pure {
        IScrip.PriceKind kind = aKind(kindSeed);
        Rules rules = packRules({owner: owner, flags: place(flags), kind: kind, minimum: minimum, maximum: maximum});

        assertEq(rules.ownerOf(), owner, "owner");
        assertEq(rules.redeemersOf(), flags & 7, "redeemers");
        assertEq(rules.hookCallsOf(), flags >> 9 & 15, "calls of the hook");
        assertEq(uint8(rules.priceKindOf()), uint8(kind), "kind of price");
        assertEq(rules.ownershipOf(), 0, "owners before");
        assertEq(rules.minimumOf(), minimum, "minimum");
        assertEq(rules.maximumOf(), maximum, "maximum");
        assertEq(
            Rules.unwrap(rules),
            uint256(uint160(owner)) + place(flags) + uint256(kind) * 2 ** 173 + uint256(minimum) * 2 ** 192
                + uint256(maximum) * 2 ** 224,
            "word"
        );
    }

    function testFuzz_WhenAnyFlagsArePacked(
        address owner,
        uint256 flags,
        uint8 kindSeed,
        uint32 minimum,
        uint32 maximum
    ) public pure {
        assertFlags(packRules(owner, place(flags), aKind(kindSeed), minimum, maximum), flags, "flag");
    }

    function testFuzz_WhenTheOwnerChanges(uint256 word, address owner) public pure {
        // The core sees to it that the count, at bit 176, is not at its end.
        if (word >> 176 & 0xffff == 0xffff) word -= 1 << 176;
        Rules before = Rules.wrap(word);

        Rules rules = before.withOwner(owner);

        assertEq(rules.ownerOf(), owner, "owner");
        assertEq(rules.ownershipOf(), uint256(before.ownershipOf()) + 1, "owners before");
        assertEq(rules.redeemersOf(), before.redeemersOf(), "redeemers");
        assertEq(rules.hookCallsOf(), before.hookCallsOf(), "calls of the hook");
        assertEq(Rules.unwrap(rules) >> 173 & 7, word >> 173 & 7, "kind of price");
        assertEq(rules.minimumOf(), before.minimumOf(), "minimum");
        assertEq(rules.maximumOf(), before.maximumOf(), "maximum");
        assertFlags(rules, word >> 160, "flag");
    }

    function testFuzz_WhenItIsStoppedOrRestarted(uint256 word, bool stopped) public pure {
        Rules rules = Rules.wrap(word).withStopped(stopped);

        assertEq(rules.has(STOPPED), stopped, "stopped");
        uint256 others = ~(uint256(1) << 168);
        assertEq(Rules.unwrap(rules) & others, word & others, "all else");
    }
}
