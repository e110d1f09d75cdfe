// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Kinds} from "../Kinds.sol";
import {Random} from "../Random.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Whole histories of fiat payments, beside a book kept by hand: a holder's credits by expiry in a plain list.
contract FiatHistoryTest is Kinds {
    using Random for Random.Source;

    uint32 internal constant LIFETIME = 640;
    uint256 internal constant STEPS = 24;

    uint256 internal id;
    bool internal expires;

    // The book: credits by expiry, 0 for never, and what is known of each payment.
    mapping(uint256 expiry => uint256) internal held;
    uint256[] internal expiries;
    mapping(uint256 number => IScrip.Settlement) internal payments;
    uint256 internal count;

    /// @dev In the book, what has expired is there no more.
    function alive(uint256 expiry) internal view returns (uint256) {
        return expiry == 0 || expiry > block.timestamp ? held[expiry] : 0;
    }

    function add(uint256 expiry, uint256 amount) internal {
        bool known;
        for (uint256 i; i < expiries.length; ++i) {
            if (expiries[i] == expiry) known = true;
        }
        if (!known) expiries.push(expiry);
        held[expiry] += amount;
    }

    function total() internal view returns (uint256 sum) {
        for (uint256 i; i < expiries.length; ++i) {
            sum += alive(expiries[i]);
        }
    }

    /// @dev The earliest expiry first, never last.
    function spend(uint256 amount) internal {
        while (amount != 0) {
            uint256 first = type(uint256).max;
            for (uint256 i; i < expiries.length; ++i) {
                if (expiries[i] != 0 && expiries[i] < first && alive(expiries[i]) != 0) first = expiries[i];
            }
            if (first == type(uint256).max) first = 0;
            uint256 taken = amount < held[first] ? amount : held[first];
            held[first] -= taken;
            amount -= taken;
        }
    }

    function name(uint256 number) internal pure returns (string memory) {
        return vm.toString(number);
    }

    function testFuzz_WhenPaymentsAreSettledSpentTakenBackAndReversed(uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        expires = random.coin();
        IScrip.Terms memory terms = fiat();
        terms.grant.duration = expires ? LIFETIME : 0;
        id = create(terms);
        for (uint256 i; i < STEPS; ++i) {
            step(random, random.within(0, 6));
            check();
        }
    }

    function step(Random.Source memory random, uint256 kind) internal {
        vm.startPrank(builder);
        if (kind <= 1) settle(uint32(random.within(1, 3)));
        else if (kind == 2 && total() != 0) redeem(uint64(random.within(1, total() < 100 ? total() : 100)));
        else if (kind == 3 && count != 0) takeBack(random, random.within(0, count - 1));
        else if (kind == 4 && count != 0) reverse(random.within(0, count - 1));
        else if (kind == 5) lend(uint64(random.within(1, 50)), uint32(random.within(1, 2 * LIFETIME)));
        vm.stopPrank();
        if (kind == 6) pass(random.within(1, LIFETIME / 3));
    }

    function settle(uint32 quantity) internal {
        (uint64 credits, uint40 expiry) = scrip.settle(id, subscriber, quantity, name(count));
        uint256 gridded = (block.timestamp + LIFETIME + 9) / 10 * 10;
        assertEq(expiry, expires ? gridded : 0, "expiry");
        add(expiry, credits);
        payments[count].holder = subscriber;
        payments[count].granted = quantity * CREDITS;
        payments[count++].expiry = expiry;
    }

    function redeem(uint64 amount) internal {
        scrip.redeemWithoutId(id, subscriber, amount);
        spend(amount);
    }

    function lend(uint64 amount, uint32 duration) internal {
        add(scrip.mintExpirable(id, subscriber, amount, duration), amount);
    }

    function takeBack(Random.Source memory random, uint256 number) internal {
        IScrip.Settlement storage payment = payments[number];
        uint256 remaining = payment.reversed ? 0 : payment.granted - payment.takenBack;
        uint64 amount = uint64(random.within(1, remaining + 20));
        if (amount > remaining) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IScrip.TakeBackTooHigh.selector, id, keccak256(bytes(name(number))), amount, remaining
                )
            );
            scrip.takeBack(id, name(number), amount);
            return;
        }
        uint256 there = alive(payment.expiry);
        uint64 burned = uint64(amount < there ? amount : there);
        assertEq(scrip.takeBack(id, name(number), amount), burned, "burned");
        held[payment.expiry] -= burned;
        payment.takenBack += amount;
        payment.burned += burned;
    }

    function reverse(uint256 number) internal {
        IScrip.Settlement storage payment = payments[number];
        if (payment.takenBack == 0 || payment.reversed) {
            vm.expectRevert(
                abi.encodeWithSelector(IScrip.NothingTakenBack.selector, id, keccak256(bytes(name(number))))
            );
            scrip.reverseTakeBack(id, name(number));
            return;
        }
        bool dead = payment.expiry != 0 && payment.expiry <= block.timestamp;
        (uint64 credits, uint40 expiry) = scrip.reverseTakeBack(id, name(number));
        assertEq(credits, dead ? 0 : payment.burned, "given back");
        assertEq(expiry, payment.expiry, "expiry of what is given back");
        if (credits != 0) add(expiry, credits);
        payment.reversed = true;
    }

    function check() internal view {
        assertEq(balance(id, subscriber), total(), "balance");
        IScrip.Lot[] memory lots = scrip.lotsOf(id, subscriber);
        uint256 sum;
        for (uint256 i; i < lots.length; ++i) {
            assertEq(lots[i].amount, alive(lots[i].expiry), "lot");
            sum += lots[i].amount;
        }
        assertEq(sum, total(), "lots together");
        for (uint256 i; i < count; ++i) {
            assertEq(
                abi.encode(scrip.settlementOf(id, keccak256(bytes(name(i))))), abi.encode(payments[i]), "settlement"
            );
        }
    }
}
