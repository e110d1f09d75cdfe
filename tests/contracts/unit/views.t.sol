// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

contract ViewsTest is Base {
    function testFuzz_RevertWhen_ItsTermsMetadataLotsOrAccessAreAskedFor(uint256 planId) public {
        bytes memory refusal = abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId);

        vm.expectRevert(refusal);
        scrip.plan(planId);
        vm.expectRevert(refusal);
        scrip.uri(planId);
        vm.expectRevert(refusal);
        scrip.lotsOf(planId, subscriber);
        vm.expectRevert(refusal);
        scrip.accessEnd(planId, subscriber);
        vm.expectRevert(refusal);
        scrip.permissionsOf(planId, subscriber);
    }

    function testFuzz_WhenItsBalancesOrdersAndRequestsAreAskedFor(uint256 planId, address account, uint256 requestId)
        public
        view
    {
        assertEq(scrip.balanceOf(account, planId), 0, "balance");
        assertEq(scrip.ordersOf(planId, account), 0, "orders");
        assertFalse(scrip.isRedeemed(planId, account, requestId), "request");
    }

    // ───────────────────────────────────────────── Lots ──────────────────────────────────────────────

    function testFuzz_WhenTimeGoesOn(uint16[20] memory durations, uint64[20] memory amounts, uint16[5] memory steps)
        public
    {
        uint256 planId = create(free());
        for (uint256 i; i < durations.length; ++i) {
            durations[i] = uint16(bound(durations[i], 1, 1_000));
            amounts[i] = uint64(bound(amounts[i], 1, type(uint64).max / durations.length));
            lend(planId, subscriber, amounts[i], durations[i]);
        }
        for (uint256 step; step < steps.length; ++step) {
            pass(bound(steps[step], 0, 300));
            uint256 sum;
            for (uint256 i; i < durations.length; ++i) {
                if (vm.getBlockTimestamp() < START + durations[i]) sum += amounts[i];
            }
            assertEq(balance(planId, subscriber), sum, "balance");
            IScrip.Lot[] memory lots = scrip.lotsOf(planId, subscriber);
            for (uint256 i; i < lots.length; ++i) {
                assertGt(lots[i].amount, 0, "amount of a lot");
                assertGt(lots[i].expiry, i == 0 ? vm.getBlockTimestamp() : lots[i - 1].expiry, "expiry of a lot");
                sum -= lots[i].amount;
            }
            assertEq(sum, 0, "what is in no lot");
        }
    }

    function testFuzz_WhenTheLastOfThemExpires(uint8 lots, uint64 lasting) public {
        uint256 planId = create(free());
        uint32 count = uint32(bound(lots, 1, 20));
        lasting = uint64(bound(lasting, 1, type(uint64).max));
        give(planId, subscriber, lasting);
        for (uint32 i; i < count; ++i) {
            lend(planId, subscriber, 3, 100 + i);
        }

        for (uint256 left = count; left > 0; --left) {
            vm.warp(START + 99 + count - left);
            assertEq(balance(planId, subscriber), uint256(lasting) + 3 * left, "balance on a last second");
        }
        vm.warp(START + 99 + count);
        assertEq(balance(planId, subscriber), lasting, "balance at the last expiry");
    }

    function test_WhenNoneHasBeenCleared() public {
        uint256 planId = create(free());
        lend(planId, subscriber, 1, 10);
        lend(planId, subscriber, 2, 20);
        uint40 expiry = lend(planId, subscriber, 3, 30);
        give(planId, subscriber, 4);
        vm.warp(expiry - 1);
        assertTwoLots(planId, subscriber, lot(3, expiry), lot(4, 0), "on its last second");
        vm.warp(expiry);
        assertOneLot(planId, subscriber, lot(4, 0), "at its expiry");
    }

    // ───────────────────────────────────────────── Access ────────────────────────────────────────────

    function testFuzz_WhenItLastsAndEnds(uint32 duration, uint32 later) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint256 planId = create(access(duration));
        assertEq(balance(planId, subscriber), 0, "balance before");
        orderFor(planId, subscriber);
        uint256 end = START + duration;

        vm.warp(end - 1);
        assertEq(balance(planId, subscriber), 1, "balance on the last second");
        vm.warp(end);
        assertEq(balance(planId, subscriber), 0, "balance at the end");
        pass(later);
        assertEq(balance(planId, subscriber), 0, "balance after the end");
        assertEq(scrip.accessEnd(planId, subscriber), end, "end");
    }

    function test_WhenLotsAreAskedFor() public {
        uint256 planId = create(access(30 days));
        orderFor(planId, subscriber);
        assertEq(scrip.lotsOf(planId, subscriber).length, 0, "number of lots");
    }

    function test_WhenAccessIsAskedFor() public {
        uint256 planId = create(premium());
        lend(planId, subscriber, 5, 1 days);
        assertEq(scrip.accessEnd(planId, subscriber), 0, "end");
    }

    // ───────────────────────────────────────────── Others ────────────────────────────────────────────

    function test_WhenOneChanges() public {
        uint256 planId = create(premium());
        uint256 otherId = create(free());
        uint256 accessId = create(access(1 days));
        give(planId, subscriber, 5);
        lend(planId, stranger, 6, 100);
        lend(otherId, subscriber, 7, 100);
        give(accessId, subscriber, 1);

        vm.prank(subscriber);
        scrip.burn(planId, subscriber, 5);
        pass(10);
        lend(planId, stranger, 1, 5);

        assertEq(balance(planId, subscriber), 0, "the one that changed");
        assertEq(balance(planId, stranger), 7, "another holder");
        assertEq(balance(otherId, subscriber), 7, "another plan");
        assertEq(balance(accessId, subscriber), 1, "another plan, of access");
        assertEq(balance(otherId, stranger), 0, "another holder of another plan");
    }
}
