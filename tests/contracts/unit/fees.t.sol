// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Who sets the fee, and to what.
contract FeesTest is Base {
    address internal receiver = makeAddr("fee receiver");
    address internal heir = makeAddr("heir");

    function assertFee(address to, uint16 rate, address controller, address pending) internal view {
        IScrip.Fee memory fee = scrip.fee();
        assertEq(fee.receiver, to, "receiver");
        assertEq(fee.rate, rate, "rate");
        assertEq(fee.controller, controller, "controller");
        assertEq(fee.pendingController, pending, "pending controller");
    }

    function notController(address caller, address controller) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.NotFeeController.selector, caller, controller);
    }

    /// @dev Nothing of what the controller may do.
    function expectPowerless(address caller, address controller) internal {
        vm.startPrank(caller);
        vm.expectRevert(notController(caller, controller));
        scrip.setFee(caller, 1);
        vm.expectRevert(notController(caller, controller));
        scrip.offerFeeControl(caller);
        vm.expectRevert(notController(caller, controller));
        scrip.renounceFeeControl();
        vm.stopPrank();
    }

    // ────────────────────────────────────────── Deployment ───────────────────────────────────────────

    function testFuzz_WhenItIsDeployed(address controller) public {
        vm.recordLogs();
        IScrip core = IScrip(deployCode("Scrip.sol:Scrip", abi.encode(controller)));

        bytes32[] memory topics = vm.getRecordedLogs()[0].topics;
        assertEq(topics[0], IScrip.FeeControlTaken.selector, "event");
        assertEq(topics[1], 0, "former controller of the event");
        assertEq(topics[2], bytes32(uint256(uint160(controller))), "controller of the event");
        IScrip.Fee memory fee = core.fee();
        assertEq(fee.controller, controller, "controller");
        assertEq(fee.rate, 0, "rate");
        assertEq(fee.receiver, address(0), "receiver");
        assertEq(fee.pendingController, address(0), "pending controller");
    }

    // ───────────────────────────────────────────── Rate ──────────────────────────────────────────────

    function testFuzz_RevertWhen_AnotherCallerSetsOrOffersOrRenounces(address caller) public {
        if (caller == feeController) caller = stranger;
        expectPowerless(caller, feeController);
        expectPowerless(builder, feeController);
        assertFee(address(0), 0, feeController, address(0));
    }

    function testFuzz_WhenTheRateIsWithinTheCap(address to, uint16 rate) public {
        rate = uint16(bound(rate, 0, 100));
        if (to == address(0) || to == address(scrip)) to = receiver;

        vm.prank(feeController);
        vm.expectEmit(address(scrip));
        emit IScrip.FeeSet(to, rate);
        scrip.setFee(to, rate);

        assertFee(to, rate, feeController, address(0));
    }

    function expectInvalid(address to, uint16 rate) internal {
        vm.prank(feeController);
        vm.expectRevert(abi.encodeWithSelector(IScrip.InvalidFee.selector, to, rate, 100));
        scrip.setFee(to, rate);
        assertFee(address(0), 0, feeController, address(0));
    }

    function testFuzz_RevertWhen_TheRateIsAboveTheCap(address to, uint16 rate) public {
        expectInvalid(to, uint16(bound(rate, 101, type(uint16).max)));
        expectInvalid(to, 101);
    }

    function testFuzz_RevertWhen_AFeeHasNoReceiver(uint16 rate) public {
        expectInvalid(address(0), uint16(bound(rate, 1, 100)));
    }

    function testFuzz_RevertWhen_TheReceiverIsTheCore(uint16 rate) public {
        expectInvalid(address(scrip), uint16(bound(rate, 1, 100)));
    }

    function test_WhenTheRateIs0AndThereIsNoReceiver() public {
        vm.startPrank(feeController);
        scrip.setFee(receiver, 100);
        scrip.setFee(address(0), 0);
        assertFee(address(0), 0, feeController, address(0));
    }

    // ──────────────────────────────────────────── Control ────────────────────────────────────────────

    function offer(address to) internal {
        vm.prank(feeController);
        vm.expectEmit(address(scrip));
        emit IScrip.FeeControlOffered(feeController, to);
        scrip.offerFeeControl(to);
        assertFee(address(0), 0, feeController, to);
    }

    function expectNotPending(address caller, address pending) internal {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotPendingFeeController.selector, caller, pending));
        scrip.acceptFeeControl();
    }

    function testFuzz_WhenItIsOfferedAndAccepted(address to) public {
        if (to == feeController || to == address(0)) to = heir;
        offer(to);
        expectPowerless(to, feeController);

        vm.prank(to);
        vm.expectEmit(address(scrip));
        emit IScrip.FeeControlTaken(feeController, to);
        scrip.acceptFeeControl();

        assertFee(address(0), 0, to, address(0));
        expectPowerless(feeController, to);
        expectNotPending(to, address(0));
        vm.prank(to);
        scrip.setFee(receiver, 7);
        assertFee(receiver, 7, to, address(0));
    }

    function testFuzz_RevertWhen_AnotherAcceptsIt(address caller) public {
        if (caller == heir) caller = stranger;
        offer(heir);
        expectNotPending(caller, heir);
        expectNotPending(feeController, heir);
        assertFee(address(0), 0, feeController, heir);
    }

    function testFuzz_RevertWhen_NothingWasOffered(address caller) public {
        if (caller == address(0)) caller = stranger;
        expectNotPending(caller, address(0));
    }

    function test_RevertWhen_AnOfferWasTakenBackOrReplaced() public {
        offer(heir);
        offer(address(0));
        expectNotPending(heir, address(0));
        offer(heir);
        offer(stranger);
        expectNotPending(heir, stranger);
        vm.prank(stranger);
        scrip.acceptFeeControl();
        assertFee(address(0), 0, stranger, address(0));
    }

    function test_WhenItIsRenounced() public {
        offer(heir);
        vm.startPrank(feeController);
        scrip.setFee(receiver, 42);
        vm.expectEmit(address(scrip));
        emit IScrip.FeeControlTaken(feeController, address(0));
        scrip.renounceFeeControl();
        vm.stopPrank();

        assertFee(receiver, 42, address(0), address(0));
        expectPowerless(feeController, address(0));
        expectNotPending(heir, address(0));
    }

    function testFuzz_WhenTheRateChangesBetweenOrders(uint16 first, uint16 second) public {
        (first, second) = (uint16(bound(first, 1, 100)), uint16(bound(second, 1, 100)));
        uint256 planId = create(premium());

        vm.prank(feeController);
        scrip.setFee(receiver, first);
        orderFor(planId, subscriber);
        assertEq(dollar.balanceOf(receiver), uint256(PRICE) * first / 10_000, "first fee");

        vm.prank(feeController);
        scrip.setFee(heir, second);
        orderFor(planId, subscriber);
        assertEq(dollar.balanceOf(heir), uint256(PRICE) * second / 10_000, "second fee");
        assertEq(dollar.balanceOf(receiver), uint256(PRICE) * first / 10_000, "first fee, afterwards");
    }
}
