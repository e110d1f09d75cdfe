// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

contract MintTest is Base {
    uint64 internal constant MOST = type(uint64).max;

    uint256 internal id;

    function setUp() public override {
        super.setUp();
        id = create(premium());
        nameOperators(id);
    }

    function expectTransfer(address from, address to, uint256 planId, uint256 value) internal {
        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(builder, from, to, planId, value);
    }

    function expectMinted(uint256 planId, uint64 amount, uint256 expiry) internal {
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsMinted(planId, subscriber, amount, uint40(expiry));
    }

    // ───────────────────────────────────────────── Checks ────────────────────────────────────────────

    function expectNotMinter(address caller) internal {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotMinter.selector, id, caller));
        scrip.mint(id, subscriber, 1);
    }

    function testFuzz_RevertGiven_ThereIsNoSuchPlan(uint256 planId) public {
        if (planId == id) ++planId;
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId));
        scrip.mint(planId, subscriber, 1);
    }

    function testFuzz_RevertWhen_AStrangerMints(address caller) public {
        expectNotMinter(caller == builder || caller == minter ? stranger : caller);
    }

    function test_RevertWhen_TheHolderMintsForItself() public {
        orderFor(id, subscriber);
        expectNotMinter(subscriber);
    }

    function test_RevertWhen_AnOperatorThatMayOnlyRedeemMints() public {
        expectNotMinter(agent);
    }

    function testFuzz_RevertWhen_AFormerOperatorMints(bool handedOver) public {
        if (handedOver) {
            handOver(id, stranger);
        } else {
            vm.prank(builder);
            scrip.setOperator(id, minter, REDEEM);
        }
        expectNotMinter(minter);
    }

    function test_RevertWhen_TheHolderIsTheZeroAddress() public {
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.ZeroHolder.selector, id));
        scrip.mint(id, address(0), 1);
    }

    function test_RevertWhen_TheAmountIs0() public {
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.ZeroAmount.selector, id));
        scrip.mint(id, subscriber, 0);
    }

    // ──────────────────────────────────────────── Credits ────────────────────────────────────────────

    function testFuzz_WhenTheOwnerMints(uint64 had, uint64 amount) public {
        had = uint64(bound(had, 1, MOST - 1));
        amount = uint64(bound(amount, 1, MOST - had));
        give(id, subscriber, had);

        expectTransfer(address(0), subscriber, id, amount);
        expectMinted(id, amount, 0);
        vm.recordLogs();
        give(id, subscriber, amount);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(balance(id, subscriber), uint256(had) + amount, "balance");
        assertOneLot(id, subscriber, lot(had + amount, 0), "credits that never expire");
        assertEq(balance(id, builder), 0, "balance of the owner");
    }

    function testFuzz_WhenAMintOperatorMints(uint64 amount) public {
        amount = uint64(bound(amount, 1, MOST));

        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(minter, address(0), subscriber, id, amount);
        expectMinted(id, amount, 0);
        vm.prank(minter);
        scrip.mint(id, subscriber, amount);

        assertEq(balance(id, subscriber), amount, "balance");
    }

    function test_WhenTheOwnerMintsAllTheSame() public {
        vm.prank(builder);
        scrip.setOpen(id, false);

        give(id, subscriber, 5);

        assertEq(balance(id, subscriber), 5, "balance");
    }

    function testFuzz_WhenTheOwnerMintsWithoutOne(uint64 amount, uint32 later) public {
        amount = uint64(bound(amount, 1, MOST));
        uint256 planId = create(expiring(1 days));

        give(planId, subscriber, amount);
        pass(later);

        assertOneLot(planId, subscriber, lot(amount, 0), "credits that never expire");
    }

    function test_WhenCreditsThatNeverExpireAreMinted() public {
        lend(id, subscriber, 5, 10);
        pass(10);

        expectTransfer(address(0), subscriber, id, 3);
        expectMinted(id, 3, 0);
        vm.recordLogs();
        give(id, subscriber, 3);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(balance(id, subscriber), 3, "balance");
    }

    function testFuzz_RevertWhen_TheSumIsMoreThanAnAccountCanHold(uint64 had, uint64 amount) public {
        had = uint64(bound(had, 1, MOST));
        amount = uint64(bound(amount, MOST - had + 1, MOST));
        give(id, subscriber, had);

        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.CreditsOverflow.selector, uint256(had) + amount, MOST));
        scrip.mint(id, subscriber, amount);

        if (had < MOST) give(id, subscriber, MOST - had);
        assertEq(balance(id, subscriber), MOST, "balance at the brim");
    }

    // ───────────────────────────────────────────── Access ────────────────────────────────────────────

    function testFuzz_WhenPeriodsAreMinted(uint32 duration, uint64 periods) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        periods = uint64(bound(periods, 1, (type(uint40).max - START) / duration));
        uint256 planId = create(access(duration));
        uint256 end = START + uint256(duration) * periods;

        expectTransfer(address(0), subscriber, planId, 1);
        expectMinted(planId, periods, end);
        vm.recordLogs();
        give(planId, subscriber, periods);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(scrip.accessEnd(planId, subscriber), end, "end");
        assertEq(balance(planId, subscriber), 1, "balance");
    }

    function testFuzz_WhenPeriodsAreMintedWhileItLasts(uint32 duration, uint256 later, uint8 periods) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint64 times = uint64(bound(periods, 1, 100));
        uint256 planId = create(access(duration));
        orderFor(planId, subscriber);
        pass(bound(later, 0, duration - 1));
        uint256 end = START + duration + uint256(duration) * times;

        expectTransfer(address(0), subscriber, planId, 0);
        expectMinted(planId, times, end);
        vm.recordLogs();
        give(planId, subscriber, times);

        assertEq(vm.getRecordedLogs().length, 2, "number of events");
        assertEq(scrip.accessEnd(planId, subscriber), end, "end");
    }

    function testFuzz_WhenPeriodsAreMintedAfterItsEnd(uint32 duration, uint32 later) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint256 planId = create(access(duration));
        orderFor(planId, subscriber);
        pass(uint256(duration) + later);
        uint256 end = vm.getBlockTimestamp() + 2 * uint256(duration);

        expectTransfer(subscriber, address(0), planId, 1);
        vm.expectEmit(address(scrip));
        emit IScrip.CreditsExpired(planId, subscriber, 1);
        expectTransfer(address(0), subscriber, planId, 1);
        expectMinted(planId, 2, end);
        vm.recordLogs();
        give(planId, subscriber, 2);

        assertEq(vm.getRecordedLogs().length, 4, "number of events");
        assertEq(scrip.accessEnd(planId, subscriber), end, "end");
    }

    function test_RevertWhen_NoPeriodsAreMinted() public {
        uint256 planId = create(access(30 days));
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.ZeroAmount.selector, planId));
        scrip.mint(planId, subscriber, 0);
    }

    function testFuzz_RevertWhen_TheEndIsMoreThanAnAccountCanHold(uint32 duration, uint64 periods) public {
        duration = uint32(bound(duration, 1, type(uint32).max));
        uint256 planId = create(access(duration));
        uint256 most = (type(uint40).max - START) / duration;
        periods = uint64(bound(periods, most + 1, MOST));
        uint256 end = START + uint256(duration) * periods;

        vm.prank(builder);
        vm.expectRevert(
            abi.encodeWithSelector(IScrip.AccessOverflow.selector, planId, subscriber, end, type(uint40).max)
        );
        scrip.mint(planId, subscriber, periods);

        give(planId, subscriber, uint64(most));
        assertEq(scrip.accessEnd(planId, subscriber), START + most * duration, "end at the brim");
    }
}
