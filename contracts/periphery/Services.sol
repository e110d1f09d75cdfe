// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IServices} from "../interfaces/IServices.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";

/// @title Services: what agents offer, and the plans that open it, found from the chain
/// @notice `IServices` is its manual.
contract Services is IServices {
    using EnumerableSet for EnumerableSet.UintSet;

    struct StoredService {
        address owner;
        address pendingOwner;
        string uri;
        EnumerableSet.UintSet plans;
    }

    uint256 private constant MAX_PLANS = 32;

    mapping(bytes32 did => StoredService) private _services;

    /// @inheritdoc IServices
    function create(bytes32 seed, string calldata uri, uint256[] calldata plans) external returns (bytes32 did) {
        did = computeDid(msg.sender, seed);
        StoredService storage stored = _services[did];
        require(stored.owner == address(0), ServiceExists(did));

        (stored.owner, stored.uri) = (msg.sender, uri);

        emit ServiceCreated(did, msg.sender, seed, uri);

        _addAll(stored, did, plans);
    }

    /// @inheritdoc IServices
    function computeDid(address creator, bytes32 seed) public view returns (bytes32 did) {
        return keccak256(abi.encode(block.chainid, address(this), creator, seed));
    }

    /// @inheritdoc IServices
    function setUri(bytes32 did, string calldata uri) external {
        StoredService storage stored = _own(did);

        stored.uri = uri;

        emit ServiceUriSet(did, uri);
    }

    // ───────────────────────────────────────────── Plans ─────────────────────────────────────────────

    /// @inheritdoc IServices
    function addPlan(bytes32 did, uint256 planId) external {
        StoredService storage stored = _own(did);
        uint256 count = stored.plans.length() + 1;
        require(count <= MAX_PLANS, TooManyPlans(did, count, MAX_PLANS));

        _add(stored, did, planId);
    }

    /// @inheritdoc IServices
    function removePlan(bytes32 did, uint256 planId) external {
        StoredService storage stored = _own(did);
        require(stored.plans.remove(planId), PlanNotListed(did, planId));

        emit ServicePlanRemoved(did, planId);
    }

    /// @inheritdoc IServices
    function setPlans(bytes32 did, uint256[] calldata plans) external {
        StoredService storage stored = _own(did);

        uint256[] memory former = stored.plans.values();
        stored.plans.clear();
        for (uint256 i; i < former.length; ++i) {
            emit ServicePlanRemoved(did, former[i]);
        }
        _addAll(stored, did, plans);
    }

    function _addAll(StoredService storage stored, bytes32 did, uint256[] calldata plans) private {
        require(plans.length <= MAX_PLANS, TooManyPlans(did, plans.length, MAX_PLANS));

        for (uint256 i; i < plans.length; ++i) {
            _add(stored, did, plans[i]);
        }
    }

    function _add(StoredService storage stored, bytes32 did, uint256 planId) private {
        require(stored.plans.add(planId), PlanAlreadyListed(did, planId));

        emit ServicePlanAdded(did, planId);
    }

    // ─────────────────────────────────────────── Ownership ───────────────────────────────────────────

    /// @inheritdoc IServices
    function transferOwnership(bytes32 did, address newOwner) external {
        StoredService storage stored = _own(did);

        stored.pendingOwner = newOwner;

        emit ServiceOwnershipOffered(did, msg.sender, newOwner);
    }

    /// @inheritdoc IServices
    function acceptOwnership(bytes32 did) external {
        StoredService storage stored = _existing(did);
        (address formerOwner, address pendingOwner) = (stored.owner, stored.pendingOwner);
        require(msg.sender == pendingOwner, NotPendingServiceOwner(did, msg.sender, pendingOwner));

        (stored.owner, stored.pendingOwner) = (msg.sender, address(0));

        emit ServiceOwnershipAccepted(did, formerOwner, msg.sender);
    }

    function _existing(bytes32 did) private view returns (StoredService storage stored) {
        stored = _services[did];
        require(stored.owner != address(0), ServiceNotFound(did));
    }

    function _own(bytes32 did) private view returns (StoredService storage stored) {
        stored = _existing(did);
        require(msg.sender == stored.owner, NotServiceOwner(did, msg.sender, stored.owner));
    }

    // ───────────────────────────────────────────── Views ─────────────────────────────────────────────

    /// @inheritdoc IServices
    function service(bytes32 did) external view returns (Service memory) {
        StoredService storage stored = _existing(did);
        return Service({
            owner: stored.owner, pendingOwner: stored.pendingOwner, uri: stored.uri, plans: stored.plans.values()
        });
    }

    /// @inheritdoc IServices
    function isOpenedBy(bytes32 did, uint256 planId) external view returns (bool) {
        return _services[did].plans.contains(planId);
    }
}
