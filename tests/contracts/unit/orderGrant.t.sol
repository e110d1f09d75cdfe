// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Base} from "../Base.t.sol";
import {Random} from "../Random.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {Vm} from "forge-std/Vm.sol";

contract OrderGrantTest is Base {
    using Random for Random.Source;

    uint64 internal constant MOST = type(uint64).max;

    function order(uint256 planId, uint32 quantity) internal returns (uint64 credits, uint40 expiry) {
        vm.prank(subscriber);
        return scrip.order(planId, subscriber, quantity, 0);
    }

    function freeExpiring(uint64 credits, uint32 lifetime) internal view returns (IScrip.Terms memory terms) {
        terms = free();
        terms.grant.credits = credits;
        terms.grant.duration = lifetime;
    }

    function freeAccess(uint32 duration) internal view returns (IScrip.Terms memory terms) {
        terms = free();
        terms.grant = IScrip.Grant({kind: IScrip.GrantKind.Time, credits: 0, duration: duration});
    }

    function expectTransfer(address from, address to, uint256 planId, uint256 value) internal {
        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(subscriber, from, to, planId, value);
    }

    function expectExpired(uint256 planId, uint256 amount) internal {
        expectTransfer(subscriber, address(0), planId, amount);
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsExpired(planId, subscriber, amount);
    }

    function expectOrdered(uint256 planId, uint32 quantity, uint64 credits, uint256 expiry) internal {
        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(planId, subscriber, subscriber, quantity, address(0), 0, 0, credits, uint40(expiry));
    }

    // ──────────────────────────────────── Credits that never expire ──────────────────────────────────

    function testFuzz_WhenAnyQuantityIsOrdered(uint64 credits, uint32 quantity, uint64 had) public {
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        credits = uint64(bound(credits, 1, (MOST - 1) / quantity));
        uint64 expected = credits * quantity;
        had = uint64(bound(had, 1, MOST - expected));
        IScrip.Terms memory terms = premium();
        terms.grant.credits = credits;
        uint256 planId = create(terms);
        give(planId, subscriber, had);
        uint256 price = uint256(PRICE) * quantity;
        dollar.mint(subscriber, price);

        expectTransfer(address(0), subscriber, planId, expected);
        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(planId, subscriber, subscriber, quantity, address(dollar), price, 0, expected, 0);
        vm.expectEmit(address(dollar));
        emit Transfer(subscriber, payee, price);
        vm.recordLogs();
        vm.prank(subscriber);
        (uint64 granted, uint40 expiry) = scrip.order(planId, subscriber, quantity, price);

        assertEq(vm.getRecordedLogs().length, 3, "number of events");
        assertEq(granted, expected, "credits returned");
        assertEq(expiry, 0, "expiry returned");
        assertEq(balance(planId, subscriber), uint256(had) + expected, "balance");
        assertOneLot(planId, subscriber, lot(had + expected, 0), "credits that never expire");
    }

    event Transfer(address indexed from, address indexed to, uint256 value);

    function testFuzz_RevertWhen_TheGrantIsMoreThanALotCanHold(uint64 credits, uint32 quantity, bool expires) public {
        quantity = uint32(bound(quantity, 2, type(uint32).max));
        credits = uint64(bound(credits, MOST / quantity + 1, MOST));
        IScrip.Terms memory terms = expires ? expiring(1 days) : premium();
        terms.grant.credits = credits;
        uint256 planId = create(terms);
        uint256 price = uint256(PRICE) * quantity;
        dollar.mint(subscriber, price);
        uint256 before = dollar.balanceOf(subscriber);

        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.CreditsOverflow.selector, uint256(credits) * quantity, MOST));
        scrip.order(planId, subscriber, quantity, price);

        assertEq(dollar.balanceOf(subscriber), before, "money of the payer");
    }

    function testFuzz_RevertWhen_TheSumIsMoreThanAnAccountCanHold(uint64 had) public {
        had = uint64(bound(had, MOST - CREDITS + 1, MOST));
        uint256 planId = create(free());
        give(planId, subscriber, MOST - CREDITS);
        give(planId, stranger, had);

        order(planId, 1);
        assertEq(balance(planId, subscriber), MOST, "balance at the brim");

        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IScrip.CreditsOverflow.selector, uint256(had) + CREDITS, MOST));
        scrip.order(planId, stranger, 1, 0);
    }

    function test_WhenTheHolderHasExpiredLots() public {
        uint256 planId = create(free());
        lend(planId, subscriber, 5, 10);
        pass(10);

        expectTransfer(address(0), subscriber, planId, CREDITS);
        expectOrdered(planId, 1, CREDITS, 0);
        vm.recordLogs();
        order(planId, 1);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(balance(planId, subscriber), CREDITS, "balance");
    }

    // ───────────────────────────────────── Credits with a lifetime ───────────────────────────────────

    function testFuzz_WhenTheyAreOrdered(uint32 lifetime, uint32 time, uint32 quantity) public {
        lifetime = uint32(bound(lifetime, 1, type(uint32).max));
        quantity = uint32(bound(quantity, 1, type(uint32).max));
        uint256 planId = create(freeExpiring(CREDITS, lifetime));
        uint64 credits = CREDITS * quantity;
        pass(time);
        uint256 least = START + time + lifetime;
        uint256 step = lifetime % 64 == 0 ? lifetime / 64 : lifetime / 64 + 1;
        uint256 beyond = least % step;
        uint256 expected = beyond == 0 ? least : least - beyond + step;

        expectTransfer(address(0), subscriber, planId, credits);
        expectOrdered(planId, quantity, credits, expected);
        vm.recordLogs();
        (uint64 granted, uint40 expiry) = order(planId, quantity);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(granted, credits, "credits returned");
        assertEq(expiry, expected, "expiry returned");
        assertGe(expiry, least, "never less than the lifetime");
        assertLt(expiry, least + step, "less than a step more");
        assertOneLot(planId, subscriber, lot(credits, expected), "the lot");
    }

    function testFuzz_WhenTheyAreOrderedOnTheSecondOfTheGrid(uint32 lifetime, uint16 steps) public {
        uint256 step = bound(lifetime, 1, type(uint32).max / 64);
        lifetime = uint32(step * 64);
        uint256 planId = create(freeExpiring(CREDITS, lifetime));
        vm.warp((START / step + 1 + bound(steps, 0, 64)) * step);

        (, uint40 expiry) = order(planId, 1);

        assertEq(expiry, vm.getBlockTimestamp() + lifetime, "expiry");
    }

    /// @dev A plan whose grid is 100 seconds, at one second after one of its seconds.
    function gridPlan(uint64 credits) internal returns (uint256 planId, uint256 firstExpiry) {
        planId = create(freeExpiring(credits, 6_400));
        uint256 second = START - START % 100 + 100;
        vm.warp(second + 1);
        return (planId, second + 6_500);
    }

    function testFuzz_WhenTheyAreOrderedAgainBeforeTheNextSecondOfTheGrid(uint256 later) public {
        (uint256 planId, uint256 expiry) = gridPlan(CREDITS);
        order(planId, 1);
        pass(bound(later, 0, 99));

        order(planId, 2);

        assertOneLot(planId, subscriber, lot(3 * CREDITS, expiry), "one lot");
    }

    function testFuzz_WhenTheyAreOrderedAgainOnTheNextSecondOfTheGrid(uint256 later) public {
        (uint256 planId, uint256 expiry) = gridPlan(CREDITS);
        order(planId, 1);
        pass(bound(later, 100, 199));

        order(planId, 2);

        assertTwoLots(planId, subscriber, lot(CREDITS, expiry), lot(2 * CREDITS, expiry + 100), "two lots");
        vm.prank(subscriber);
        scrip.burn(planId, subscriber, CREDITS);
        assertOneLot(planId, subscriber, lot(2 * CREDITS, expiry + 100), "the second after the first is spent");
    }

    function testFuzz_RevertWhen_AJoinedLotIsMoreThanItCanHold(uint64 credits, bool second) public {
        credits = uint64(bound(credits, MOST / 2 + 1, MOST));
        (uint256 planId, uint256 expiry) = gridPlan(credits);
        // The lot that is joined is the first, or one behind it.
        if (second) lend(planId, subscriber, 1, 10);
        order(planId, 1);

        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.CreditsOverflow.selector, 2 * uint256(credits), MOST));
        scrip.order(planId, subscriber, 1, 0);

        give(planId, subscriber, MOST);
        assertEq(balance(planId, subscriber), uint256(credits) + MOST + (second ? 1 : 0), "each part may be full");
        assertEq(scrip.lotsOf(planId, subscriber)[second ? 1 : 0].expiry, expiry, "expiry");
    }

    function test_WhenTheHolderHasCreditsOfLongerLife() public {
        (uint256 planId, uint256 expiry) = gridPlan(CREDITS);
        uint40 longer = lend(planId, subscriber, 7, 10_000);
        give(planId, subscriber, 9);

        order(planId, 1);

        IScrip.Lot[] memory lots = new IScrip.Lot[](3);
        (lots[0], lots[1], lots[2]) = (lot(CREDITS, expiry), lot(7, longer), lot(9, 0));
        assertLots(planId, subscriber, lots, "in the order of spending");
    }

    function testFuzz_WhenLotsHaveExpired(uint8 count, uint64[8] memory amounts) public {
        count = uint8(bound(count, 1, 8));
        uint256 planId = create(freeExpiring(CREDITS, 1 days));
        uint256 expired;
        for (uint32 i; i < count; ++i) {
            amounts[i] = uint64(bound(amounts[i], 1, MOST));
            lend(planId, subscriber, amounts[i], 10 + i);
            expired += amounts[i];
        }
        uint40 live = lend(planId, subscriber, 3, 1 hours);
        pass(9 + count);

        expectExpired(planId, expired);
        expectTransfer(address(0), subscriber, planId, CREDITS);
        vm.recordLogs();
        (, uint40 expiry) = order(planId, 1);

        assertEq(vm.getRecordedLogs().length, 4, "number of events");
        assertTwoLots(planId, subscriber, lot(3, live), lot(CREDITS, expiry), "what is left");
    }

    function testFuzz_WhenTimeGoesOn(uint32 lifetime, uint32 time) public {
        lifetime = uint32(bound(lifetime, 1, type(uint32).max));
        uint256 planId = create(freeExpiring(CREDITS, lifetime));
        pass(time);
        (, uint40 expiry) = order(planId, 1);

        vm.warp(expiry - 1);
        assertEq(balance(planId, subscriber), CREDITS, "balance on the last second");
        vm.warp(expiry);
        assertEq(balance(planId, subscriber), 0, "balance at the expiry");
        vm.warp(uint256(expiry) + 1);
        assertEq(balance(planId, subscriber), 0, "balance after the expiry");
        assertEq(scrip.lotsOf(planId, subscriber).length, 0, "lots after the expiry");
    }

    function test_WhenOneIsOrderedInEveryStepOfTheGrid() public {
        (uint256 planId,) = gridPlan(CREDITS);
        for (uint256 lots = 1; lots <= 65; ++lots) {
            if (lots > 1) pass(100);
            order(planId, 1);
            assertEq(scrip.lotsOf(planId, subscriber).length, lots, "number of lots on the way");
        }

        // The first lot's last second: an order joins the last lot.
        pass(98);
        order(planId, 1);
        assertEq(scrip.lotsOf(planId, subscriber).length, 65, "number of lots at most");
        assertEq(balance(planId, subscriber), 66 * CREDITS, "balance");

        // From now on one lot goes as another comes.
        for (uint256 i; i < 300; ++i) {
            pass(100);
            order(planId, 1);
            assertEq(scrip.lotsOf(planId, subscriber).length, 65, "number of lots over a lifetime");
        }
    }

    /// forge-config: default.fuzz.runs = 100
    function testFuzz_WhenOrdersComeAtAnyTime(uint32 lifetime, uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        lifetime = uint32(bound(lifetime, 1, type(uint32).max));
        uint256 planId = create(freeExpiring(CREDITS, lifetime));
        uint256 most = uint256(lifetime) / 32 + 1;
        for (uint256 i; i < 100; ++i) {
            pass(random.within(0, most));
            order(planId, 1);
        }
        assertLe(scrip.lotsOf(planId, subscriber).length, 65, "number of lots");
    }

    function test_GivenTheHolderHasAsManyMintedLotsAsFit() public {
        (uint256 planId,) = gridPlan(CREDITS);
        for (uint32 i; i < 96; ++i) {
            lend(planId, subscriber, 1, 20_000 + i);
        }

        for (uint256 i; i < 65; ++i) {
            if (i > 0) pass(100);
            order(planId, 1);
        }

        assertEq(scrip.lotsOf(planId, subscriber).length, 65 + 96, "number of lots");
        assertEq(balance(planId, subscriber), 65 * CREDITS + 96, "balance");
        vm.prank(subscriber);
        scrip.burn(planId, subscriber, 65 * CREDITS + 96);
        assertEq(balance(planId, subscriber), 0, "balance after all is spent");
    }

    // ─────────────────────────────────────── Access for a time ───────────────────────────────────────

    function testFuzz_WhenItIsOrderedForTheFirstTime(uint32 duration, uint8 quantity) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint32 times = uint32(bound(quantity, 1, 100));
        uint256 planId = create(freeAccess(duration));
        uint256 end = START + uint256(duration) * times;

        expectTransfer(address(0), subscriber, planId, 1);
        expectOrdered(planId, times, 0, end);
        vm.recordLogs();
        (uint64 credits, uint40 expiry) = order(planId, times);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(credits, 0, "credits returned");
        assertEq(expiry, end, "end returned");
        assertEq(scrip.accessEnd(planId, subscriber), end, "end");
        assertEq(balance(planId, subscriber), 1, "balance");
    }

    function expectLonger(uint256 planId, uint256 end, uint32 duration, uint32 quantity) internal {
        expectTransfer(address(0), subscriber, planId, 0);
        expectOrdered(planId, quantity, 0, end + uint256(duration) * quantity);
        vm.recordLogs();
        (, uint40 newEnd) = order(planId, quantity);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(newEnd, end + uint256(duration) * quantity, "end returned");
        assertEq(scrip.accessEnd(planId, subscriber), newEnd, "end");
        assertEq(balance(planId, subscriber), 1, "balance");
    }

    function expectAnew(uint256 planId, uint32 duration) internal {
        uint256 end = vm.getBlockTimestamp() + duration;
        assertEq(balance(planId, subscriber), 0, "balance before");

        expectExpired(planId, 1);
        expectTransfer(address(0), subscriber, planId, 1);
        expectOrdered(planId, 1, 0, end);
        vm.recordLogs();
        order(planId, 1);

        assertEq(vm.getRecordedLogs().length, 4, "number of events");
        assertEq(scrip.accessEnd(planId, subscriber), end, "end");
        assertEq(balance(planId, subscriber), 1, "balance");
    }

    function testFuzz_WhenItIsOrderedWhileItLasts(uint32 duration, uint32 later, uint8 quantity) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint256 planId = create(freeAccess(duration));
        order(planId, 1);
        pass(bound(later, 0, duration - 1));

        expectLonger(planId, START + duration, duration, uint32(bound(quantity, 1, 100)));
    }

    function testFuzz_WhenItIsOrderedOnItsLastSecond(uint32 duration) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint256 planId = create(freeAccess(duration));
        order(planId, 1);
        pass(duration - 1);

        expectLonger(planId, START + duration, duration, 1);
    }

    function testFuzz_WhenItIsOrderedAtItsEnd(uint32 duration) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint256 planId = create(freeAccess(duration));
        order(planId, 1);
        pass(duration);

        expectAnew(planId, duration);
    }

    function testFuzz_WhenItIsOrderedLongAfterItsEnd(uint32 duration, uint32 later) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint256 planId = create(freeAccess(duration));
        order(planId, 1);
        pass(uint256(duration) + later + 1);

        expectAnew(planId, duration);
    }

    function testFuzz_RevertWhen_ItsEndIsMoreThanAnAccountCanHold(uint32 had) public {
        uint256 most = type(uint40).max;
        uint256 planId = create(freeAccess(1));
        // 2^40 seconds are more than one order can give, so the first are given by the owner.
        give(planId, subscriber, uint64(most - START - bound(had, 1, type(uint32).max)));
        uint256 end = scrip.accessEnd(planId, subscriber);
        uint32 left = uint32(most - end);

        vm.startPrank(subscriber);
        if (left < type(uint32).max) {
            vm.expectRevert(abi.encodeWithSelector(IScrip.AccessOverflow.selector, planId, subscriber, most + 1, most));
            scrip.order(planId, subscriber, left + 1, 0);
        }
        scrip.order(planId, subscriber, left, 0);
        assertEq(scrip.accessEnd(planId, subscriber), most, "end at the brim");

        vm.expectRevert(abi.encodeWithSelector(IScrip.AccessOverflow.selector, planId, subscriber, most + 1, most));
        scrip.order(planId, subscriber, 1, 0);
    }

    function test_RevertWhen_ItsDurationIsBeyondAllBounds() public {
        uint256 planId = create(freeAccess(type(uint32).max));
        uint256 end = START + uint256(type(uint32).max) * type(uint32).max;

        vm.prank(subscriber);
        vm.expectRevert(
            abi.encodeWithSelector(IScrip.AccessOverflow.selector, planId, subscriber, end, type(uint40).max)
        );
        scrip.order(planId, subscriber, type(uint32).max, 0);
    }
}
