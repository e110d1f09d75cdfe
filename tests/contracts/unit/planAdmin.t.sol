// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

contract PlanAdminTest is Base {
    uint256 internal id;
    address internal heir = makeAddr("heir");

    function setUp() public override {
        super.setUp();
        id = create(premium());
        nameOperators(id);
    }

    function notOwner(address caller) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.NotPlanOwner.selector, id, caller, builder);
    }

    function notFound() internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.PlanNotFound.selector, NO_PLAN);
    }

    function anyButBuilder(address account) internal view returns (address) {
        return account == builder ? stranger : account;
    }

    // ──────────────────────────────────────────── setOpen ────────────────────────────────────────────

    function test_RevertGiven_ThereIsNoPlanToStop() public {
        vm.prank(builder);
        vm.expectRevert(notFound());
        scrip.setOpen(NO_PLAN, false);
    }

    function testFuzz_RevertWhen_AStrangerStopsIt(address caller, bool open) public {
        caller = anyButBuilder(caller);
        vm.prank(caller);
        vm.expectRevert(notOwner(caller));
        scrip.setOpen(id, open);
    }

    function test_RevertWhen_AnOperatorStopsIt() public {
        vm.prank(minter);
        vm.expectRevert(notOwner(minter));
        scrip.setOpen(id, false);
    }

    function testFuzz_WhenTheOwnerStopsAndRestartsIt(bool[4] memory steps) public {
        IScrip.Plan memory before = scrip.plan(id);
        vm.startPrank(builder);
        for (uint256 i; i < steps.length; ++i) {
            vm.expectEmit(address(scrip));
            emit IScrip.OpenSet(id, steps[i]);
            scrip.setOpen(id, steps[i]);

            IScrip.Plan memory plan = scrip.plan(id);
            assertEq(plan.open, steps[i], "open");
            plan.open = before.open;
            assertEq(keccak256(abi.encode(plan)), keccak256(abi.encode(before)), "all else of the plan");
        }
        assertEq(scrip.permissionsOf(id, minter), MINT, "operator");
    }

    // ────────────────────────────────────── transferOwnership ────────────────────────────────────────

    function test_RevertGiven_ThereIsNoPlanToOffer() public {
        vm.prank(builder);
        vm.expectRevert(notFound());
        scrip.transferOwnership(NO_PLAN, heir);
    }

    function testFuzz_RevertWhen_AStrangerOffersIt(address caller, address newOwner) public {
        caller = anyButBuilder(caller);
        vm.prank(caller);
        vm.expectRevert(notOwner(caller));
        scrip.transferOwnership(id, newOwner);
    }

    function test_RevertWhen_ThePendingOwnerOffersIt() public {
        vm.prank(builder);
        scrip.transferOwnership(id, heir);

        vm.prank(heir);
        vm.expectRevert(notOwner(heir));
        scrip.transferOwnership(id, stranger);
    }

    function testFuzz_WhenTheOwnerOffersIt(address newOwner) public {
        vm.expectEmit(address(scrip));
        emit IScrip.OwnershipOffered(id, builder, newOwner);
        vm.prank(builder);
        scrip.transferOwnership(id, newOwner);

        assertEq(scrip.plan(id).pendingOwner, newOwner, "pending owner");
        assertEq(scrip.plan(id).owner, builder, "owner");
        assertEq(scrip.permissionsOf(id, minter), MINT, "operator");
    }

    function test_WhenTheOwnerOffersItToAnother() public {
        vm.startPrank(builder);
        scrip.transferOwnership(id, stranger);
        scrip.transferOwnership(id, heir);
        vm.stopPrank();

        assertEq(scrip.plan(id).pendingOwner, heir, "pending owner");
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotPendingOwner.selector, id, stranger, heir));
        scrip.acceptOwnership(id);
    }

    function test_RevertWhen_TheOwnerTakesTheOfferBack() public {
        vm.startPrank(builder);
        scrip.transferOwnership(id, heir);
        vm.expectEmit(address(scrip));
        emit IScrip.OwnershipOffered(id, builder, address(0));
        scrip.transferOwnership(id, address(0));
        vm.stopPrank();

        vm.prank(heir);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotPendingOwner.selector, id, heir, address(0)));
        scrip.acceptOwnership(id);
    }

    // ──────────────────────────────────────── acceptOwnership ────────────────────────────────────────

    function test_RevertGiven_ThereIsNoPlanToAccept() public {
        vm.prank(heir);
        vm.expectRevert(notFound());
        scrip.acceptOwnership(NO_PLAN);
    }

    function testFuzz_RevertGiven_ItWasNotOffered(address caller) public {
        caller = address(uint160(bound(uint160(caller), 1, type(uint160).max)));
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotPendingOwner.selector, id, caller, address(0)));
        scrip.acceptOwnership(id);
    }

    function testFuzz_RevertWhen_AnotherAccountAcceptsIt(address caller) public {
        if (caller == heir) caller = builder;
        vm.prank(builder);
        scrip.transferOwnership(id, heir);

        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotPendingOwner.selector, id, caller, heir));
        scrip.acceptOwnership(id);
    }

    function test_RevertWhen_ItIsAcceptedAgain() public {
        handOver(id, heir);

        vm.prank(heir);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotPendingOwner.selector, id, heir, address(0)));
        scrip.acceptOwnership(id);
    }

    function testFuzz_WhenThePendingOwnerAcceptsIt(address newOwner, bool open) public {
        newOwner = address(uint160(bound(uint160(newOwner), 1, type(uint160).max)));
        if (newOwner == builder) newOwner = heir;
        vm.startPrank(builder);
        scrip.setOpen(id, open);
        IScrip.Plan memory expected = scrip.plan(id);
        scrip.transferOwnership(id, newOwner);
        vm.stopPrank();

        vm.expectEmit(address(scrip));
        emit IScrip.OwnershipAccepted(id, builder, newOwner);
        vm.prank(newOwner);
        scrip.acceptOwnership(id);

        expected.owner = newOwner;
        assertEq(keccak256(abi.encode(scrip.plan(id))), keccak256(abi.encode(expected)), "plan");
        assertEq(scrip.permissionsOf(id, minter), 0, "who could mint");
        assertEq(scrip.permissionsOf(id, agent), 0, "who could redeem");

        vm.startPrank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotPlanOwner.selector, id, builder, newOwner));
        scrip.setOpen(id, !open);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotMinter.selector, id, builder));
        scrip.mint(id, subscriber, 1);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotRedeemer.selector, id, builder, subscriber));
        scrip.redeemWithoutId(id, subscriber, 1);
    }

    function test_WhenTheOwnerAcceptsFromItself() public {
        vm.startPrank(builder);
        scrip.transferOwnership(id, builder);

        vm.expectEmit(address(scrip));
        emit IScrip.OwnershipAccepted(id, builder, builder);
        scrip.acceptOwnership(id);

        assertEq(scrip.plan(id).owner, builder, "owner");
        assertEq(scrip.permissionsOf(id, minter), 0, "who could mint");
    }

    /// @dev Makes it look as if the plan had changed hands so often. The place of the count is found, not assumed: it is the
    /// field of 16 bits that a handover raises by one, in the word that every call about a plan reads first.
    function setHandovers(uint256 count) internal {
        vm.record();
        scrip.permissionsOf(id, builder);
        (bytes32[] memory reads,) = vm.accesses(address(scrip));
        bytes32 slot = reads[0];
        uint256 before = uint256(vm.load(address(scrip), slot));
        handOver(id, builder);
        uint256 one = uint256(vm.load(address(scrip), slot)) - before;
        assertEq(one & (one - 1), 0, "a handover raises one field by one");
        vm.store(address(scrip), slot, bytes32(before + count * one));
    }

    function test_GivenItHasChangedHands65534Times() public {
        bytes32 before = keccak256(abi.encode(scrip.plan(id).terms));
        setHandovers(65_534);
        nameOperators(id);

        handOver(id, heir);

        assertEq(scrip.plan(id).owner, heir, "owner");
        assertEq(keccak256(abi.encode(scrip.plan(id).terms)), before, "terms");
        assertEq(scrip.permissionsOf(id, minter), 0, "who could mint");
        vm.prank(heir);
        scrip.setOperator(id, minter, MINT);
        assertEq(scrip.permissionsOf(id, minter), MINT, "who can mint again");
    }

    function test_RevertGiven_ItHasChangedHands65535Times() public {
        setHandovers(65_535);
        nameOperators(id);
        vm.prank(builder);
        scrip.transferOwnership(id, heir);

        vm.prank(heir);
        vm.expectRevert(abi.encodeWithSelector(IScrip.TooManyOwners.selector, id, 65_535));
        scrip.acceptOwnership(id);

        assertEq(scrip.plan(id).owner, builder, "owner");
        assertEq(scrip.permissionsOf(id, minter), MINT, "who can mint");
    }

    // ────────────────────────────────────────── setOperator ──────────────────────────────────────────

    function test_RevertGiven_ThereIsNoPlanToNameItFor() public {
        vm.prank(builder);
        vm.expectRevert(notFound());
        scrip.setOperator(NO_PLAN, agent, MINT);
    }

    function testFuzz_RevertWhen_AStrangerNamesIt(address caller, address operator, uint8 permissions) public {
        caller = anyButBuilder(caller);
        vm.prank(caller);
        vm.expectRevert(notOwner(caller));
        scrip.setOperator(id, operator, permissions);
    }

    function testFuzz_RevertWhen_AnOperatorNamesItself(uint8 permissions) public {
        permissions = uint8(bound(permissions, 0, MINT | REDEEM | SETTLE));
        vm.prank(minter);
        vm.expectRevert(notOwner(minter));
        scrip.setOperator(id, minter, permissions);
    }

    function testFuzz_RevertWhen_ThePermissionsHaveAnUnknownBit(address operator, uint8 permissions) public {
        permissions = uint8(bound(permissions, 8, type(uint8).max));
        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.UnknownPermissions.selector, permissions, 7));
        scrip.setOperator(id, operator, permissions);
    }

    function testFuzz_WhenTheOwnerNamesIt(address operator, address other, uint8 permissions) public {
        permissions = uint8(bound(permissions, 0, MINT | REDEEM | SETTLE));
        if (operator == minter || operator == agent) operator = subscriber;
        if (other == operator || other == minter || other == agent) other = stranger;
        uint256 otherId = create(free());

        vm.expectEmit(address(scrip));
        emit IScrip.OperatorSet(id, operator, permissions);
        vm.prank(builder);
        scrip.setOperator(id, operator, permissions);

        assertEq(scrip.permissionsOf(id, operator), permissions, "operator");
        assertEq(scrip.permissionsOf(id, other), 0, "another account");
        assertEq(scrip.permissionsOf(id, minter), MINT, "another operator");
        assertEq(scrip.permissionsOf(otherId, operator), 0, "another plan");
    }

    function testFuzz_WhenTheOwnerChangesItsMind(uint8 first, uint8 second) public {
        vm.startPrank(builder);
        scrip.setOperator(id, agent, uint8(bound(first, 0, MINT | REDEEM | SETTLE)));
        second = uint8(bound(second, 0, MINT | REDEEM | SETTLE));
        scrip.setOperator(id, agent, second);

        assertEq(scrip.permissionsOf(id, agent), second, "permissions");
    }

    function test_GivenTheOperatorWasNamedBeforeAnOwnerLeftAndCameBack() public {
        handOver(id, heir);
        vm.prank(heir);
        scrip.transferOwnership(id, builder);
        vm.prank(builder);
        scrip.acceptOwnership(id);

        assertEq(scrip.permissionsOf(id, minter), 0, "who could mint");
        vm.prank(minter);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotMinter.selector, id, minter));
        scrip.mint(id, subscriber, 1);
    }

    function test_RevertWhen_ThePermissionsOfNoPlanAreAskedFor() public {
        vm.expectRevert(notFound());
        scrip.permissionsOf(NO_PLAN, agent);
    }
}
