// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Account as Holding, Front, Lots} from "scrip/libraries/Lots.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The library of lots for all amounts, expiries and times, with up to three lots and credits that never expire. What is
/// right is said here by sums over the lots as they were given, without order, ring or front.
contract LotsSymbolic is Test {
    using Lots for Holding;

    struct Given {
        uint64 amount;
        uint40 expiry;
    }

    Holding internal account;

    function some(Given memory lot, uint256 time) internal pure {
        vm.assume(lot.amount != 0 && lot.amount < 2 ** 60 && lot.expiry > time);
    }

    /// @dev What a lot is worth at a time: all of it until its expiry, to the second; then nothing.
    function worth(Given memory lot, uint256 time) internal pure returns (uint256) {
        return time < lot.expiry ? lot.amount : 0;
    }

    /// @dev Writes the front again as it is, but with its two counts as numbers, without which the prover knows no ring places.
    function spellOut() internal {
        uint256 word = account.front;
        Front memory front = account.load();
        (front.head, front.waiting) = (numberOf(front.head), numberOf(front.waiting));
        account.store(front);
        assert(account.front == word);
    }

    /// @dev With three lots no other can be.
    function numberOf(uint256 small) internal pure returns (uint256) {
        for (uint256 i; i < 3; ++i) {
            if (small == i) return i;
            if (small == 255 - i) return 255 - i;
        }
        assert(false);
    }

    function check_balanceIsWhatLivesOfThreeLots(
        Given memory a,
        Given memory b,
        Given memory c,
        uint64 lasting,
        uint40 time
    ) public {
        some(a, 0);
        some(b, 0);
        some(c, 0);
        account.addLasting(lasting);
        account.put(a.amount, a.expiry, 0, 9);
        account.put(b.amount, b.expiry, 0, 9);
        account.put(c.amount, c.expiry, 0, 9);

        assert(account.balanceAt(time) == lasting + worth(a, time) + worth(b, time) + worth(c, time));
    }

    /// @dev A spending succeeds when it is for no more than lives, and takes exactly that; what it says has expired has.
    function check_spendingTakesUpToWhatLives(
        Given memory a,
        Given memory b,
        uint56 lasting,
        uint64 wanted,
        uint40 time
    ) public {
        some(a, 0);
        some(b, 0);
        account.addLasting(lasting);
        account.put(a.amount, a.expiry, 0, 9);
        account.put(b.amount, b.expiry, 0, 9);
        uint256 live = lasting + worth(a, time) + worth(b, time);

        (uint256 expired, uint256 missing) = account.take(wanted, time);

        assert(missing == (wanted > live ? wanted - live : 0));
        if (missing != 0) return;
        assert(expired == uint256(a.amount) + b.amount + lasting - live);
        spellOut();
        assert(account.balanceAt(time) == live - wanted);
    }

    /// @dev What was spent is of the earliest expiry first: seen by what lives at any later time.
    function check_spendingTakesTheEarliestFirst(Given memory a, Given memory b, uint64 wanted, uint40 later) public {
        some(a, 0);
        some(b, a.expiry);
        account.put(b.amount, b.expiry, 0, 9);
        account.put(a.amount, a.expiry, 0, 9);
        vm.assume(wanted <= uint256(a.amount) + b.amount);

        account.take(wanted, 0);

        spellOut();
        uint256 live;
        if (later < b.expiry) live += wanted < a.amount ? b.amount : uint256(a.amount) + b.amount - wanted;
        if (later < a.expiry) live += wanted < a.amount ? a.amount - wanted : 0;
        assert(account.balanceAt(later) == live);
    }

    function check_spendingTakesWhatNeverExpiresLast(Given memory a, uint56 lasting, uint64 wanted, uint40 later)
        public
    {
        some(a, 0);
        account.put(a.amount, a.expiry, 0, 9);
        account.addLasting(lasting);
        vm.assume(wanted <= uint256(a.amount) + lasting);

        account.take(wanted, 0);

        spellOut();
        uint256 live = wanted < a.amount ? lasting : uint256(a.amount) + lasting - wanted;
        if (later < a.expiry && wanted < a.amount) live += a.amount - wanted;
        assert(account.balanceAt(later) == live);
    }

    /// @dev Given = spent + told as expired + live, with lots given, and spent from, at different times.
    function check_nothingIsLostOrMade(Given memory a, Given memory b, uint64 wanted, uint40 second, uint40 last)
        public
    {
        vm.assume(second <= last);
        some(a, 0);
        some(b, second);
        account.put(a.amount, a.expiry, 0, 9);
        (uint256 expired,,) = account.put(b.amount, b.expiry, second, 9);

        (uint256 more, uint256 missing) = account.take(wanted, last);

        vm.assume(missing == 0);
        expired += more;
        spellOut();
        assert(uint256(a.amount) + b.amount == wanted + expired + account.balanceAt(last));
    }

    /// @dev Taking credits of one expiry touches no others.
    function check_takingOfOneExpiryLeavesOthers(
        Given memory a,
        Given memory b,
        uint56 lasting,
        uint64 wanted,
        uint40 time
    ) public {
        some(a, 0);
        some(b, 0);
        vm.assume(a.expiry != b.expiry);
        account.addLasting(lasting);
        account.put(a.amount, a.expiry, 0, 9);
        account.put(b.amount, b.expiry, 0, 9);

        (, uint256 taken) = account.takeFrom(wanted, a.expiry, time);

        spellOut();
        uint256 live = worth(a, time);
        assert(taken == (wanted < live ? wanted : live));
        assert(account.balanceAt(time) == live - taken + lasting + worth(b, time));
        if (time < b.expiry) assert(account.balanceAt(b.expiry - 1) >= b.amount);
    }

    /// @dev The last second of a lot, and the first without it.
    function check_aLotLapsesAtItsSecond(Given memory a, uint64 wanted) public {
        some(a, 0);
        account.put(a.amount, a.expiry, 0, 9);
        vm.assume(wanted != 0 && wanted <= a.amount);

        assert(account.balanceAt(a.expiry - 1) == a.amount);
        assert(account.balanceAt(a.expiry) == 0);
        (, uint256 missing) = account.take(wanted, a.expiry);
        assert(missing == wanted);
        (, missing) = account.take(wanted, a.expiry - 1);
        assert(missing == 0);
    }

    /// @dev Beyond its cap an owner's mint adds no lot of a new expiry, but joins one that there is.
    function check_theCapRefusesOnlyNewExpiries(Given memory a, Given memory b, Given memory c) public {
        some(a, 0);
        some(b, 0);
        some(c, 0);
        vm.assume(a.expiry != b.expiry);
        account.put(a.amount, a.expiry, 0, 2);
        account.put(b.amount, b.expiry, 0, 2);

        (,, bool added) = account.put(c.amount, c.expiry, 0, 2);

        assert(added == (c.expiry == a.expiry || c.expiry == b.expiry));
    }
}
