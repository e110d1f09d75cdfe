// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Random} from "../Random.sol";
import {Test, Vm} from "forge-std/Test.sol";
import {IServices} from "scrip/interfaces/IServices.sol";

/// @notice The registry of services.
contract ServicesTest is Test {
    using Random for Random.Source;

    uint256 internal constant MAX_PLANS = 32;

    IServices internal services = IServices(deployCode("Services.sol:Services"));

    address internal builder = makeAddr("builder");
    address internal heir = makeAddr("heir");
    address internal stranger = makeAddr("stranger");

    /// @dev What the events of a run have told so far.
    mapping(uint256 planId => bool) internal told;

    function create(bytes32 seed, uint256[] memory plans) internal returns (bytes32 did) {
        vm.prank(builder);
        return services.create(seed, "https://example.com/agent.json", plans);
    }

    function list(uint256 first, uint256 count) internal pure returns (uint256[] memory plans) {
        plans = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            plans[i] = first + i;
        }
    }

    // ─────────────────────────────────────────── Creation ────────────────────────────────────────────

    function testFuzz_WhenAServiceIsCreated(address creator, bytes32 seed, string calldata uri, uint8 count) public {
        vm.assume(creator != address(0));
        uint256[] memory plans = list(7, bound(count, 0, MAX_PLANS));
        bytes32 did = keccak256(abi.encode(block.chainid, services, creator, seed));
        assertEq(services.computeDid(creator, seed), did, "computed id");

        vm.expectEmit(address(services));
        emit IServices.ServiceCreated(did, creator, seed, uri);
        for (uint256 i; i < plans.length; ++i) {
            vm.expectEmit(address(services));
            emit IServices.ServicePlanAdded(did, plans[i]);
        }
        vm.prank(creator);
        assertEq(services.create(seed, uri, plans), did, "id");

        IServices.Service memory service = services.service(did);
        assertEq(service.owner, creator, "owner");
        assertEq(service.pendingOwner, address(0), "pending owner");
        assertEq(service.uri, uri, "uri");
        assertEq(service.plans, plans, "plans");
    }

    function testFuzz_RevertWhen_ItIsCreatedAgain(bytes32 seed) public {
        bytes32 did = create(seed, list(0, 0));
        vm.expectRevert(abi.encodeWithSelector(IServices.ServiceExists.selector, did));
        create(seed, list(0, 1));
    }

    function testFuzz_WhenCreatorsOrSeedsDiffer(address creator, bytes32 seed, uint64 chainId) public {
        bytes32 did = services.computeDid(creator, seed);
        assertNotEq(services.computeDid(creator, ~seed), did, "another seed");
        assertNotEq(services.computeDid(address(~uint160(creator)), seed), did, "another creator");
        vm.chainId(bound(chainId, block.chainid + 1, type(uint64).max - 1));
        assertNotEq(services.computeDid(creator, seed), did, "another chain");
    }

    function testFuzz_RevertWhen_ItIsCreatedWithMoreThan32Plans(uint8 count) public {
        uint256[] memory plans = list(0, bound(count, MAX_PLANS + 1, 100));
        bytes32 did = services.computeDid(builder, 0);
        vm.expectRevert(abi.encodeWithSelector(IServices.TooManyPlans.selector, did, plans.length, MAX_PLANS));
        create(0, plans);
    }

    function testFuzz_RevertWhen_ItIsCreatedWithAPlanTwice(uint8 first, uint8 second) public {
        uint256[] memory plans = list(1, MAX_PLANS);
        second = uint8(bound(second, 1, MAX_PLANS - 1));
        first = uint8(bound(first, 0, second - 1));
        plans[second] = plans[first];
        bytes32 did = services.computeDid(builder, 0);
        vm.expectRevert(abi.encodeWithSelector(IServices.PlanAlreadyListed.selector, did, plans[first]));
        create(0, plans);
    }

    // ─────────────────────────────────────────── Refusals ────────────────────────────────────────────

    function testFuzz_RevertGiven_ThereIsNoSuchService(bytes32 did, uint256 planId) public {
        expectRefusals(did, abi.encodeWithSelector(IServices.ServiceNotFound.selector, did));
        vm.expectRevert(abi.encodeWithSelector(IServices.ServiceNotFound.selector, did));
        services.acceptOwnership(did);
        vm.expectRevert(abi.encodeWithSelector(IServices.ServiceNotFound.selector, did));
        services.service(did);
        assertFalse(services.isOpenedBy(did, planId), "opened");
    }

    function testFuzz_RevertWhen_AStrangerChangesIt(address caller) public {
        vm.assume(caller != builder);
        bytes32 did = create(0, list(1, 1));
        vm.startPrank(caller);
        expectRefusals(did, abi.encodeWithSelector(IServices.NotServiceOwner.selector, did, caller, builder));
        vm.stopPrank();
    }

    function expectRefusals(bytes32 did, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        services.setUri(did, "");
        vm.expectRevert(refusal);
        services.addPlan(did, 2);
        vm.expectRevert(refusal);
        services.removePlan(did, 1);
        vm.expectRevert(refusal);
        services.setPlans(did, list(1, 2));
        vm.expectRevert(refusal);
        services.transferOwnership(did, heir);
    }

    // ─────────────────────────────────────────── Changes ─────────────────────────────────────────────

    function testFuzz_WhenTheUriIsSet(string calldata uri) public {
        bytes32 did = create(0, list(1, 1));
        vm.expectEmit(address(services));
        emit IServices.ServiceUriSet(did, uri);
        vm.prank(builder);
        services.setUri(did, uri);
        assertEq(services.service(did).uri, uri, "uri");
    }

    function testFuzz_WhenAPlanIsAdded(uint256 planId) public {
        bytes32 did = create(0, list(0, 0));
        vm.startPrank(builder);

        vm.expectEmit(address(services));
        emit IServices.ServicePlanAdded(did, planId);
        services.addPlan(did, planId);
        assertTrue(services.isOpenedBy(did, planId), "opened");

        vm.expectRevert(abi.encodeWithSelector(IServices.PlanAlreadyListed.selector, did, planId));
        services.addPlan(did, planId);
        services.setPlans(did, list(1, MAX_PLANS));
        vm.expectRevert(abi.encodeWithSelector(IServices.TooManyPlans.selector, did, MAX_PLANS + 1, MAX_PLANS));
        services.addPlan(did, planId);
    }

    function testFuzz_WhenAPlanIsRemoved(uint256 planId) public {
        planId = bound(planId, 1, 5);
        bytes32 did = create(0, list(1, 5));
        vm.startPrank(builder);

        vm.expectEmit(address(services));
        emit IServices.ServicePlanRemoved(did, planId);
        services.removePlan(did, planId);
        assertFalse(services.isOpenedBy(did, planId), "opened");
        assertEq(services.service(did).plans.length, 4, "plans left");

        vm.expectRevert(abi.encodeWithSelector(IServices.PlanNotListed.selector, did, planId));
        services.removePlan(did, planId);
    }

    function testFuzz_WhenPlansAreSet(uint8 former, uint8 count, uint8 first) public {
        bytes32 did = create(0, list(1, bound(former, 0, MAX_PLANS)));
        uint256[] memory plans = list(first, bound(count, 0, MAX_PLANS));
        vm.prank(builder);
        services.setPlans(did, plans);
        assertEq(services.service(did).plans, plans, "plans");
    }

    function testFuzz_WhenPlansAreAddedRemovedAndSetInAnyOrder(uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        vm.recordLogs();
        bytes32 did = create(0, list(random.within(0, 40), random.within(0, MAX_PLANS)));
        vm.startPrank(builder);
        for (uint256 i = random.within(0, 30); i > 0; --i) {
            uint256 planId = random.within(0, 40);
            uint256 what = random.within(0, 9);
            if (what == 0) services.setPlans(did, list(planId, random.within(0, MAX_PLANS)));
            else if (services.isOpenedBy(did, planId)) services.removePlan(did, planId);
            else if (services.service(did).plans.length < MAX_PLANS) services.addPlan(did, planId);
        }
        vm.stopPrank();

        uint256 count;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            bool added = logs[i].topics[0] == IServices.ServicePlanAdded.selector;
            if (!added && logs[i].topics[0] != IServices.ServicePlanRemoved.selector) continue;
            uint256 planId = uint256(logs[i].topics[2]);
            assertNotEq(told[planId], added, "an event that changes nothing");
            told[planId] = added;
            count = added ? count + 1 : count - 1;
        }
        uint256[] memory plans = services.service(did).plans;
        assertLe(plans.length, MAX_PLANS, "too many plans");
        assertEq(plans.length, count, "how many the events tell");
        for (uint256 i; i < plans.length; ++i) {
            assertTrue(told[plans[i]], "a plan that the events do not tell");
        }
    }

    // ────────────────────────────────────────── Ownership ────────────────────────────────────────────

    function testFuzz_WhenOwnershipIsOfferedAndAccepted(address newOwner, address other) public {
        vm.assume(newOwner != address(0) && newOwner != builder && other != newOwner);
        bytes32 did = create(0, list(1, 1));

        vm.expectEmit(address(services));
        emit IServices.ServiceOwnershipOffered(did, builder, newOwner);
        vm.prank(builder);
        services.transferOwnership(did, newOwner);
        assertEq(services.service(did).owner, builder, "owner until then");
        assertEq(services.service(did).pendingOwner, newOwner, "pending owner");
        expectNotPending(did, other, newOwner);

        vm.expectEmit(address(services));
        emit IServices.ServiceOwnershipAccepted(did, builder, newOwner);
        vm.prank(newOwner);
        services.acceptOwnership(did);
        assertEq(services.service(did).owner, newOwner, "owner");
        assertEq(services.service(did).pendingOwner, address(0), "no pending owner");
        expectNotPending(did, newOwner, address(0));
        vm.startPrank(builder);
        expectRefusals(did, abi.encodeWithSelector(IServices.NotServiceOwner.selector, did, builder, newOwner));
        vm.stopPrank();
    }

    function testFuzz_RevertWhen_AnOfferIsTakenBack(address newOwner) public {
        vm.assume(newOwner != address(0));
        bytes32 did = create(0, list(1, 1));
        vm.startPrank(builder);
        services.transferOwnership(did, newOwner);
        services.transferOwnership(did, address(0));
        vm.stopPrank();
        expectNotPending(did, newOwner, address(0));
    }

    function expectNotPending(bytes32 did, address caller, address pendingOwner) internal {
        vm.expectRevert(abi.encodeWithSelector(IServices.NotPendingServiceOwner.selector, did, caller, pendingOwner));
        vm.prank(caller);
        services.acceptOwnership(did);
    }
}
