// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is assumed to fit.
// forge-lint: disable-start(unsafe-typecast)

import {IScrip} from "scrip/interfaces/IScrip.sol";
import {Account as Holding, Front, Lots} from "scrip/libraries/Lots.sol";
import {Rules, packRules} from "scrip/libraries/Rules.sol";
import {Test} from "forge-std/Test.sol";

/// @notice For all values: what is packed into a word comes out of it, and writing one field leaves the others.
contract PackingSymbolic is Test {
    using Lots for Holding;

    Holding internal account;

    function check_rulesHoldEveryField(address owner, uint16 flags, uint8 kind, uint32 minimum, uint32 maximum)
        public
        pure
    {
        vm.assume(kind < 5 && flags < 2 ** 13);
        Rules rules = packRules(owner, uint256(flags) * 2 ** 160, IScrip.PriceKind(kind), minimum, maximum);

        assert(rules.ownerOf() == owner);
        assert(rules.redeemersOf() == flags % 8);
        assert(rules.hookCallsOf() == flags / 2 ** 9);
        assert(uint8(rules.priceKindOf()) == kind);
        assert(rules.ownershipOf() == 0);
        assert(rules.minimumOf() == minimum);
        assert(rules.maximumOf() == maximum);
    }

    function check_aFlagIsReadAtItsPlace(uint256 word, uint8 place) public pure {
        assert(Rules.wrap(word).has(1 << place) == (word >> place & 1 == 1));
    }

    function check_anotherOwnerLeavesTheRest(uint256 word, address owner) public pure {
        uint256 count = word >> 176 & 0xffff;
        vm.assume(count != 0xffff);

        uint256 changed = Rules.unwrap(Rules.wrap(word).withOwner(owner));

        assert(changed & (2 ** 160 - 1) == uint160(owner));
        assert(changed >> 160 & 0xffff == word >> 160 & 0xffff);
        assert(changed >> 176 & 0xffff == count + 1);
        assert(changed >> 192 == word >> 192);
    }

    function check_stoppingLeavesTheRest(uint256 word, bool stopped) public pure {
        uint256 changed = Rules.unwrap(Rules.wrap(word).withStopped(stopped));

        assert(changed ^ word == 0 || changed ^ word == 2 ** 168);
        assert((changed >> 168 & 1 == 1) == stopped);
    }

    function check_theFrontHoldsEveryField(
        uint64 lasting,
        uint64 amount,
        uint40 expiry,
        uint8 head,
        uint8 waiting,
        uint32 orders
    ) public {
        account.store(Front(lasting, amount, expiry, head, waiting, orders));
        Front memory front = account.load();

        assert(front.lasting == lasting && front.amount == amount && front.expiry == expiry);
        assert(front.head == head && front.waiting == waiting && front.orders == orders);
    }

    function check_lastingCreditsLeaveTheRestOfTheFront(uint256 word, uint64 amount) public {
        account.front = word;
        vm.assume(uint256(uint64(word)) + amount < 2 ** 64);

        account.addLasting(amount);

        assert(account.front % 2 ** 64 == word % 2 ** 64 + amount);
        assert(account.front >> 64 == word >> 64);
    }

    function check_lastingCreditsNeverOverflow(uint256 word, uint64 amount) public {
        account.front = word;

        // It reverts, or the sum is right.
        account.addLasting(amount);

        assert(word % 2 ** 64 + amount < 2 ** 64);
    }

    /// @dev Lots that wait, in either half of a word, and where places begin anew.
    function check_waitingLotsHoldBothFields(uint64 amount, uint40 expiry, uint64 later) public {
        vm.assume(amount != 0 && later != 0 && expiry > 1 && expiry < 2 ** 40 - 1);
        uint8[4] memory heads = [0, 1, 254, 255];
        for (uint256 i; i < heads.length; ++i) {
            account.store(Front(7, 8, 1, heads[i], 0, 0));
            account.put(amount, expiry, 0, 9);
            account.put(later, expiry + 1, 0, 9);

            (uint256 amountOut, uint256 expiryOut) = account.lotAt(1);
            assert(amountOut == amount && expiryOut == expiry);
            (amountOut, expiryOut) = account.lotAt(2);
            assert(amountOut == later && expiryOut == expiry + 1);
        }
    }
}
