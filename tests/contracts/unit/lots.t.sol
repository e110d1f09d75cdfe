// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Random} from "../Random.sol";
import {LotsHarness} from "../mocks/LotsHarness.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {Front} from "scrip/libraries/Lots.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The library of lots beside plain lists, which know neither rings nor places and search from end to end.
contract LotsTest is Test {
    using Random for Random.Source;

    uint64 internal constant MOST = type(uint64).max;
    uint32 internal constant ORDERS = 0xabcdef01;
    /// @dev As many lots as mints and orders can make together.
    uint256 internal constant MOST_LOTS = 161;

    LotsHarness internal lots;
    uint256 internal time;

    // What the lists hold, unsorted; what has expired stays until a call clears it.
    uint256[] internal amounts;
    uint256[] internal expiries;
    uint256 internal lasting;

    function begin(uint8 head) internal {
        lots = new LotsHarness(head, ORDERS);
        time = 1_000_000;
    }

    // ──────────────────────────────────────── The naive lists ────────────────────────────────────────

    function balanceOf(uint256 when) internal view returns (uint256 sum) {
        sum = lasting;
        for (uint256 i; i < amounts.length; ++i) {
            if (expiries[i] > when) sum += amounts[i];
        }
    }

    function live() internal view returns (uint256 count) {
        for (uint256 i; i < amounts.length; ++i) {
            if (expiries[i] > time) ++count;
        }
    }

    /// @dev The list's place of an expiry, or its length.
    function find(uint256 expiry) internal view returns (uint256 place) {
        while (place < amounts.length && expiries[place] != expiry) ++place;
    }

    /// @dev The list's place of the earliest expiry, or its length.
    function earliest() internal view returns (uint256 place) {
        place = amounts.length;
        for (uint256 i; i < amounts.length; ++i) {
            if (place == amounts.length || expiries[i] < expiries[place]) place = i;
        }
    }

    function forget(uint256 place) internal {
        amounts[place] = amounts[amounts.length - 1];
        expiries[place] = expiries[expiries.length - 1];
        amounts.pop();
        expiries.pop();
    }

    /// @dev Clears what has expired.
    function drop() internal returns (uint256 expired) {
        for (uint256 i = amounts.length; i > 0; --i) {
            if (expiries[i - 1] > time) continue;
            expired += amounts[i - 1];
            forget(i - 1);
        }
    }

    // ──────────────────────────────────────────── Actions ────────────────────────────────────────────

    function put(uint256 amount, uint256 expiry, uint256 maxLots) internal {
        uint256 place = find(expiry);
        uint256 count = live();
        bool joins = place < amounts.length;
        if (joins && amounts[place] + amount > MOST) {
            vm.expectRevert(abi.encodeWithSelector(IScrip.CreditsOverflow.selector, amounts[place] + amount, MOST));
            lots.put(uint64(amount), uint40(expiry), time, maxLots);
        } else if (!joins && count >= maxLots) {
            vm.expectRevert(abi.encodeWithSelector(LotsHarness.NotAdded.selector, count));
            lots.put(uint64(amount), uint40(expiry), time, maxLots);
        } else {
            (uint256 expired, uint256 before) = lots.put(uint64(amount), uint40(expiry), time, maxLots);
            assertEq(expired, drop(), "credits that had expired");
            assertEq(before, count, "number of lots before");
            place = find(expiry);
            if (place < amounts.length) {
                amounts[place] += amount;
            } else {
                amounts.push(amount);
                expiries.push(expiry);
            }
        }
    }

    function take(uint256 amount) internal {
        uint256 balance = balanceOf(time);
        if (amount > balance) {
            vm.expectRevert(abi.encodeWithSelector(LotsHarness.Missing.selector, amount - balance));
            lots.take(uint64(amount), time);
            return;
        }
        assertEq(lots.take(uint64(amount), time), drop(), "credits that had expired");
        while (amount > 0 && amounts.length > 0) {
            uint256 place = earliest();
            uint256 taken = amount < amounts[place] ? amount : amounts[place];
            amounts[place] -= taken;
            amount -= taken;
            if (amounts[place] == 0) forget(place);
        }
        lasting -= amount;
    }

    /// @dev Of one expiry, 0 for never, and as much of it as there is.
    function takeFrom(uint256 wanted, uint256 expiry) internal {
        (uint256 expired, uint256 taken) = lots.takeFrom(uint64(wanted), uint40(expiry), time);
        assertEq(expired, drop(), "credits that had expired");
        uint256 place = find(expiry);
        uint256 held = expiry == 0 ? lasting : place < amounts.length ? amounts[place] : 0;
        assertEq(taken, wanted < held ? wanted : held, "credits taken");
        if (expiry == 0) {
            lasting -= taken;
        } else if (held != 0) {
            amounts[place] -= taken;
            if (amounts[place] == 0) forget(place);
        }
    }

    function compare() internal view {
        assertEq(lots.count(), amounts.length, "number of lots");
        assertEq(lots.front().lasting, lasting, "credits that never expire");
        assertEq(lots.front().orders, ORDERS, "the number beside the lots");
        assertEq(lots.balanceAt(time), balanceOf(time), "balance");
        uint256 before;
        for (uint256 i; i < amounts.length; ++i) {
            (uint64 amount, uint40 expiry) = lots.lotAt(i);
            assertGt(expiry, before, "expiries grow");
            uint256 place = find(expiry);
            assertLt(place, amounts.length, "expiry of a lot");
            assertEq(amount, amounts[place], "amount of a lot");
            before = expiry;
        }
    }

    /// @dev One step of a history, whose lots live up to `spread` seconds.
    function step(Random.Source memory random, uint256 spread) internal {
        uint256 action = random.within(0, 11);
        if (action <= 1) {
            time += random.within(0, spread / 8);
        } else if (action == 2) {
            uint64 amount = uint64(random.within(1, 50));
            lots.addLasting(amount);
            lasting += amount;
        } else if (action <= 4) {
            uint256 most = balanceOf(time) + (random.within(0, 9) == 0 ? 20 : 0);
            take(random.within(0, most < MOST ? most : MOST));
        } else if (action <= 6) {
            // Mostly of a lot that there is, dead ones included.
            uint256 place = random.within(0, amounts.length);
            uint256 expiry = place < amounts.length ? expiries[place] : random.coin() ? 0 : time + 1;
            takeFrom(random.within(0, 60), expiry);
        } else {
            // Few of them are so large that they cannot be joined.
            uint256 amount = random.within(0, 99) == 0 ? MOST - random.within(0, 50) : random.within(1, 50);
            put(amount, time + random.within(1, spread), random.coin() ? MOST_LOTS : random.within(1, 20));
        }
    }

    // ─────────────────────────────────────────── Histories ───────────────────────────────────────────

    /// forge-config: default.fuzz.runs = 100
    function testFuzz_GivenAnyHistoryOfPutsTakesAndWaitsFromAnyPlaceOfTheRing(uint256 seed, uint8 head, uint8 spread)
        public
    {
        Random.Source memory random = Random.from(seed);
        begin(head);
        for (uint256 i; i < 120; ++i) {
            step(random, uint256(spread) + 1);
            compare();
            uint256 later = time + random.within(0, uint256(spread) + 1);
            assertEq(lots.balanceAt(later), balanceOf(later), "balance later");
        }
    }

    /// forge-config: default.fuzz.runs = 2
    function testFuzz_GivenARingThatHasGoneRoundSeveralTimes(uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        begin(0);
        uint256 turned;
        uint256 head;
        // Lots are put behind the others and leave at the front, so that the ring turns forward; now and then one is put
        // between, or before all.
        for (uint256 rounds; turned < 3 * 256; ++rounds) {
            assertLt(rounds, 1_000, "the ring turns");
            for (uint256 i = random.within(1, 40); i > 0 && live() < MOST_LOTS; --i) {
                put(random.within(1, 9), time + 100_000 - i, MOST_LOTS);
            }
            put(random.within(1, 9), time + random.within(1, 100_000), MOST_LOTS);
            compare();
            time += random.within(0, 30_000);
            take(random.within(0, balanceOf(time)));
            compare();
            uint256 now_ = lots.front().head;
            // A step of 255 is one back, for a lot that was put before all others.
            uint256 forward = (now_ + 256 - head) % 256;
            if (forward != 255) turned += forward;
            head = now_;
        }
    }

    /// @dev So many lots of 1 at every second second.
    function fill(uint8 head, uint256 count) internal {
        begin(head);
        for (uint256 i = 1; i <= count; ++i) {
            put(1, time + 2 * i, MOST_LOTS);
        }
    }

    /// forge-config: default.fuzz.runs = 40
    function testFuzz_WhenALotIsPutBeforeBetweenBehindOrOntoOthers(uint8 head, uint256 count, uint256 second) public {
        count = bound(count, 1, MOST_LOTS - 1);
        second = bound(second, 1, 2 * count + 1);
        fill(head, count);

        put(5, time + second, MOST_LOTS);

        compare();
        (uint64 amount, uint40 expiry) = lots.lotAt((second - 1) / 2);
        assertEq(expiry, time + second, "its place");
        assertEq(amount, second % 2 == 0 ? 6 : 5, "its amount");
    }

    /// forge-config: default.fuzz.runs = 40
    function testFuzz_WhenThereAreAsManyLotsAsMayBe(uint8 head, uint256 count, uint256 second, uint256 maxLots) public {
        count = bound(count, 1, MOST_LOTS);
        second = bound(second, 1, 2 * count + 1);
        fill(head, count);

        put(5, time + second, bound(maxLots, 0, count));

        compare();
        assertEq(lots.count(), count, "number of lots");
    }

    /// forge-config: default.fuzz.runs = 40
    function testFuzz_WhenALotIsTakenFromAmidOthers(uint8 head, uint256 count, uint256 place, uint64 wanted) public {
        count = bound(count, 1, MOST_LOTS);
        place = bound(place, 1, count);
        fill(head, count);
        put(4, time + 2 * place, MOST_LOTS);
        wanted = uint64(bound(wanted, 1, 10));

        takeFrom(wanted, time + 2 * place);

        compare();
        assertEq(lots.count(), wanted < 5 ? count : count - 1, "number of lots");
        takeFrom(1, time + 2 * place + 1);
        compare();
    }

    function testFuzz_WhenMoreIsTakenThanThereIs(uint32[3] memory held, uint32 never, uint64 amount) public {
        begin(0);
        for (uint256 i; i < held.length; ++i) {
            if (held[i] != 0) put(held[i], time + 1 + i, 3);
        }
        lots.addLasting(never);
        lasting = never;

        take(bound(amount, balanceOf(time) + 1, MOST));

        compare();
    }

    // ──────────────────────────────────────────── The front ──────────────────────────────────────────

    function testFuzz_WhenCreditsThatNeverExpireAreAdded(Front memory given, uint256 amount, bool fits) public {
        begin(0);
        lots.storeAndLoad(given);
        if (fits) {
            amount = bound(amount, 0, MOST - given.lasting);
            lots.addLasting(amount);
            given.lasting += uint64(amount);
        } else {
            // The sum itself is not asked to fit a word.
            amount = bound(amount, uint256(MOST) - given.lasting + 1, type(uint256).max - MOST);
            vm.expectRevert(
                abi.encodeWithSelector(IScrip.CreditsOverflow.selector, given.lasting + amount, uint256(MOST))
            );
            lots.addLasting(amount);
        }
        assertEq(abi.encode(lots.front()), abi.encode(given), "front");
    }

    function testFuzz_WhenAnyFrontIsStored(Front memory former, Front memory given) public {
        begin(0);
        lots.storeAndLoad(former);
        assertEq(abi.encode(lots.storeAndLoad(given)), abi.encode(given), "front");
    }

    // ─────────────────────────────────────────── Arithmetic ──────────────────────────────────────────

    function testFuzz_WhenAnExpiryIsPutOnTheGrid(uint32 lifetime, uint40 now_, uint32 later) public {
        uint256 life = bound(lifetime, 1, type(uint32).max);
        begin(0);
        uint256 expiry = lots.gridExpiry(life, now_);

        // A 64th, rounded up, by search rather than by the library's formula.
        uint256 unit = life / 64;
        while (unit * 64 < life) ++unit;
        assertEq(expiry % unit, 0, "a multiple of the step");
        assertGe(expiry, now_ + life, "the whole lifetime");
        assertLt(expiry, now_ + life + unit, "the next multiple");
        assertGe(lots.gridExpiry(life, uint256(now_) + later), expiry, "never earlier for a later order");
        assertLe(expiry / unit - now_ / unit, 65, "multiples that lie ahead");
    }

    function testFuzz_WhenCreditsAreFitted(uint256 credits, bool fits) public {
        begin(0);
        if (fits) {
            credits = bound(credits, 0, MOST);
            assertEq(lots.fit(credits), credits, "credits");
        } else {
            credits = bound(credits, uint256(MOST) + 1, type(uint256).max);
            vm.expectRevert(abi.encodeWithSelector(IScrip.CreditsOverflow.selector, credits, MOST));
            lots.fit(credits);
        }
    }
}
