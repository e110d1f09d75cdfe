// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width.
// forge-lint: disable-start(unsafe-typecast)

import {VoucherWorld} from "../VoucherWorld.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Redemptions in one call, all or none. Plans of every kind stand in `redeemManyPlans`, what
/// single redemptions do beside them in `redeemManyBesideOne`, their calldata and log in `batchLog`.
contract RedeemManyTest is VoucherWorld {
    address internal other = makeAddr("other holder");

    function setUp() public override {
        super.setUp();
        give(id, other, STOCK);
    }

    function expectRefusal(IScrip.Batch memory only, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        redeemBy(builder, only);
    }

    function again(uint256 requestId) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.RequestAlreadyRedeemed.selector, id, builder, requestId);
    }

    function expectTransfer(address holder, uint256 amount) internal {
        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(builder, holder, address(0), id, amount);
    }

    // ──────────────────────────────────────────── Nothing ────────────────────────────────────────────

    function test_WhenThereAreNoBatches() public {
        vm.recordLogs();
        vm.prank(stranger);
        scrip.redeemMany(new IScrip.Batch[](0));
        assertEq(vm.getRecordedLogs().length, 0, "number of events");
    }

    function test_WhenABatchHasNoUses() public {
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsRedeemedInBatch(id, builder, new IScrip.Use[](0));
        vm.recordLogs();
        redeemBy(builder, batch(id, 0));
        assertEq(vm.getRecordedLogs().length, 1, "number of events");
    }

    function testFuzz_RevertWhen_ThereIsNoSuchPlan(uint256 planId, uint8 uses) public {
        if (planId == id) ++planId;
        expectRefusal(batch(planId, uses % 4), abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId));
    }

    // ───────────────────────────────────────────── Holders ───────────────────────────────────────────

    function testFuzz_WhenUsesOfOneHolderStandTogether(uint64[4] memory amounts, uint256 first) public {
        IScrip.Batch memory given = batch(id, 4);
        uint256 sum;
        for (uint256 i; i < 4; ++i) {
            unchecked {
                given.uses[i] = use(subscriber, uint64(bound(amounts[i], 1, 100)), first + i);
            }
            sum += given.uses[i].amount;
        }

        expectTransfer(subscriber, sum);
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsRedeemedInBatch(id, builder, given.uses);
        vm.recordLogs();
        redeemBy(builder, given);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(balance(id, subscriber), STOCK - sum, "balance");
        for (uint256 i; i < 4; ++i) {
            assertTrue(scrip.isRedeemed(id, builder, given.uses[i].requestId), "a request");
            expectAgain(given.uses[i].requestId);
        }
    }

    function expectAgain(uint256 requestId) internal {
        vm.prank(builder);
        vm.expectRevert(again(requestId));
        scrip.redeem(id, subscriber, 1, requestId);
    }

    function test_WhenUsesOfOneHolderStandApart() public {
        IScrip.Batch memory given = batch(id, 5);
        given.uses[0] = use(subscriber, 1, 0);
        given.uses[1] = use(other, 10, 1);
        given.uses[2] = use(other, 20, 2);
        given.uses[3] = use(subscriber, 2, 3);
        given.uses[4] = use(other, 40, 4);

        expectTransfer(subscriber, 1);
        expectTransfer(other, 30);
        expectTransfer(subscriber, 2);
        expectTransfer(other, 40);
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsRedeemedInBatch(id, builder, given.uses);
        vm.recordLogs();
        redeemBy(builder, given);

        assertEq(vm.getRecordedLogs().length, 5, "number of events");
        assertEq(balance(id, subscriber), STOCK - 3, "balance");
        assertEq(balance(id, other), STOCK - 70, "balance of the other");
    }

    /// @dev More than a single redemption could ever take.
    function test_WhenTheSumIsBeyond32Bits() public {
        IScrip.Terms memory terms = free();
        terms.redemption.maximum = type(uint32).max;
        id = create(terms);
        give(id, subscriber, type(uint64).max);
        IScrip.Batch memory given = batch(id, 1_000);
        for (uint256 i; i < 1_000; ++i) {
            given.uses[i] = use(subscriber, type(uint32).max, i);
        }
        redeemBy(builder, given);
        assertEq(balance(id, subscriber), type(uint64).max - 1_000 * uint256(type(uint32).max), "balance");
    }

    function test_RevertWhen_TheHolderIsTheZeroAddress() public {
        IScrip.Batch memory given = batch(id, 2);
        given.uses[0] = use(address(0), 1, 0);
        given.uses[1] = use(subscriber, 1, 1);
        expectRefusal(given, abi.encodeWithSelector(IScrip.InsufficientCredits.selector, id, address(0), 1, 0));
    }

    function testFuzz_RevertWhen_AnAmountIsOutOfTheRange(uint64 amount, uint8 which, bool huge) public {
        // What the holder has, and what it has not.
        amount = uint64(huge ? bound(amount, 101, type(uint64).max) : bound(amount, 100, 500));
        if (amount == 100) amount = 0;
        IScrip.Batch memory given = batch(id, 4);
        for (uint256 i; i < 4; ++i) {
            given.uses[i] = use(i < 2 ? subscriber : other, 1, i);
        }
        given.uses[which % 4].amount = amount;

        expectRefusal(given, abi.encodeWithSelector(IScrip.AmountOutOfRange.selector, id, amount, 1, 100));

        assertNothingDone(given);
    }

    function testFuzz_RevertWhen_OneIsNotTheCallersToRedeem(uint8 which) public {
        IScrip.Terms memory terms = premium();
        terms.redemption.redeemers = 2;
        id = create(terms);
        give(id, subscriber, STOCK);
        give(id, other, STOCK);
        IScrip.Batch memory given = batch(id, 4);
        for (uint256 i; i < 4; ++i) {
            given.uses[i] = use(i == which % 4 ? other : subscriber, 1, i);
        }

        vm.expectRevert(abi.encodeWithSelector(IScrip.NotRedeemer.selector, id, subscriber, other));
        redeemBy(subscriber, given);

        given.uses[which % 4].holder = subscriber;
        redeemBy(subscriber, given);
        assertEq(balance(id, subscriber), STOCK - 4, "balance");
    }

    // ──────────────────────────────────────────── Requests ───────────────────────────────────────────

    function testFuzz_RevertWhen_AnIdComesTwice(uint256 requestId, uint8 first, uint8 second, bool ofOther) public {
        first = uint8(bound(first, 0, 6));
        second = uint8(bound(second, first + 1, 7));
        IScrip.Batch memory given = batch(id, 8);
        for (uint256 i; i < 8; ++i) {
            // Half of the runs put them into one word, half into as many as there are.
            uint256 stride = requestId % 2 == 0 ? 1 : 256;
            unchecked {
                given.uses[i] = use(i % 2 == 0 ? subscriber : other, 1, requestId + i * stride);
            }
        }
        given.uses[second].requestId = given.uses[first].requestId;
        given.uses[second].holder = ofOther ? other : subscriber;

        expectRefusal(given, again(given.uses[first].requestId));

        assertNothingDone(given);
    }

    function assertNothingDone(IScrip.Batch memory given) internal view {
        assertEq(balance(id, subscriber), STOCK, "balance");
        assertEq(balance(id, other), STOCK, "balance of the other");
        for (uint256 i; i < given.uses.length; ++i) {
            assertFalse(scrip.isRedeemed(id, builder, given.uses[i].requestId), "a request");
        }
    }

    function testFuzz_RevertWhen_AnIdWasUsedBefore(uint256 requestId, uint8 which) public {
        uint256 index = which % 3 == 0 ? 7 : bound(which, 0, 7);
        vm.prank(builder);
        scrip.redeem(id, other, 1, requestId);
        IScrip.Batch memory given = batch(id, 8);
        for (uint256 i; i < 8; ++i) {
            unchecked {
                given.uses[i] = use(subscriber, 1, requestId + i - index);
            }
        }

        expectRefusal(given, again(requestId));

        assertEq(balance(id, subscriber), STOCK, "balance");
        for (uint256 i; i < 8; ++i) {
            assertEq(scrip.isRedeemed(id, builder, given.uses[i].requestId), i == index, "a request");
        }
        given.uses[index].requestId = requestId ^ (1 << 128);
        redeemBy(builder, given);
        assertEq(balance(id, subscriber), STOCK - 8, "balance when all are fresh");
    }

    function test_WhenIdsAreOfAllWidths() public {
        uint256 hashed = uint256(keccak256("req_01HZX3"));
        uint256[8] memory ids =
            [0, type(uint256).max, hashed, hashed ^ 1, 255, 256, type(uint256).max - 255, type(uint256).max - 256];
        IScrip.Batch memory given = batch(id, 8);
        for (uint256 i; i < 8; ++i) {
            given.uses[i] = use(subscriber, 1, ids[i]);
        }

        redeemBy(builder, given);

        for (uint256 i; i < 8; ++i) {
            assertTrue(scrip.isRedeemed(id, builder, ids[i]), "a request");
            expectAgain(ids[i]);
        }
        assertFalse(scrip.isRedeemed(id, builder, 1), "a neighbour of 0");
        assertFalse(scrip.isRedeemed(id, builder, 257), "a neighbour of 256");
        assertFalse(scrip.isRedeemed(id, builder, type(uint256).max - 1), "a neighbour of the last");
    }

    /// @dev Back and forth between two words: what was written first must still be seen.
    function testFuzz_RevertWhen_AnIdComesBackAfterAnotherWord(uint256 first, uint256 second) public {
        if (second >> 8 == first >> 8) second = ~first;
        IScrip.Batch memory given = batch(id, 3);
        given.uses[0] = use(subscriber, 1, first);
        given.uses[1] = use(subscriber, 1, second);
        given.uses[2] = use(subscriber, 1, first);
        expectRefusal(given, again(first));

        given.uses[2].requestId = first ^ 1;
        redeemBy(builder, given);
        assertTrue(scrip.isRedeemed(id, builder, first), "the first");
        assertTrue(scrip.isRedeemed(id, builder, second), "the second");
        assertTrue(scrip.isRedeemed(id, builder, first ^ 1), "beside the first");
    }
}
