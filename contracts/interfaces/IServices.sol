// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Services: what agents offer, and the plans that open it, found from the chain
/// @notice Anyone publishes a service. What is said of it is its owner's word: nothing checks that a service serves holders of a
/// plan that it lists, or that the plan exists. Whose credits are redeemed, and by whom, is decided by plans alone.
///
/// The events tell everything: a list of plans is what was added and not removed, so that a plan's services are found by their
/// indexed `planId`.
interface IServices {
    /// @notice A service.
    /// @param owner Who may change it.
    /// @param pendingOwner Who may accept its ownership; zero for nobody.
    /// @param uri Where metadata is found; may be empty.
    /// @param plans The ids of the plans that open it, in no certain order.
    struct Service {
        address owner;
        address pendingOwner;
        string uri;
        uint256[] plans;
    }

    /// @notice No service has this id.
    error ServiceNotFound(bytes32 did);

    /// @notice This creator has already created a service with this seed.
    error ServiceExists(bytes32 did);

    /// @notice Only the service's owner may do this.
    error NotServiceOwner(bytes32 did, address caller, address owner);

    /// @notice Only the account that was offered the ownership may accept it.
    error NotPendingServiceOwner(bytes32 did, address caller, address pendingOwner);

    /// @notice A service lists no more plans than this.
    error TooManyPlans(bytes32 did, uint256 count, uint256 maximum);

    /// @notice The service lists the plan already.
    error PlanAlreadyListed(bytes32 did, uint256 planId);

    /// @notice The service does not list the plan.
    error PlanNotListed(bytes32 did, uint256 planId);

    /// @notice A service was created; the plans that open it follow as `ServicePlanAdded`.
    event ServiceCreated(bytes32 indexed did, address indexed owner, bytes32 seed, string uri);

    /// @notice The metadata URI of a service was set.
    event ServiceUriSet(bytes32 indexed did, string uri);

    /// @notice A plan opens a service.
    event ServicePlanAdded(bytes32 indexed did, uint256 indexed planId);

    /// @notice A plan opens a service no longer.
    event ServicePlanRemoved(bytes32 indexed did, uint256 indexed planId);

    /// @notice The ownership of a service was offered; zero takes an offer back.
    event ServiceOwnershipOffered(bytes32 indexed did, address indexed owner, address indexed pendingOwner);

    /// @notice The ownership of a service was accepted.
    event ServiceOwnershipAccepted(bytes32 indexed did, address indexed formerOwner, address indexed owner);

    /// @notice Creates a service that the caller owns.
    /// @param seed Any value; one creator's seeds make different services.
    /// @param uri Where metadata is found; may be empty.
    /// @param plans The ids of the plans that open it, at most 32, none twice.
    /// @return did `keccak256(abi.encode(block.chainid, address(this), creator, seed))`. An id that exists reverts with
    /// `ServiceExists`.
    function create(bytes32 seed, string calldata uri, uint256[] calldata plans) external returns (bytes32 did);

    /// @notice The id that `create` would give.
    /// @param creator Who would create the service.
    /// @param seed The seed.
    /// @return did The id.
    function computeDid(address creator, bytes32 seed) external view returns (bytes32 did);

    /// @notice Sets the metadata URI. Only the service's owner.
    /// @param did The service.
    /// @param uri Where metadata is found; may be empty.
    function setUri(bytes32 did, string calldata uri) external;

    /// @notice Lists one more plan. Only the service's owner.
    /// @param did The service.
    /// @param planId The plan.
    function addPlan(bytes32 did, uint256 planId) external;

    /// @notice Takes a plan off the list. Only the service's owner.
    /// @param did The service.
    /// @param planId The plan.
    function removePlan(bytes32 did, uint256 planId) external;

    /// @notice Lists these plans and no others. Only the service's owner.
    /// @param did The service.
    /// @param plans The ids of the plans, at most 32, none twice.
    function setPlans(bytes32 did, uint256[] calldata plans) external;

    /// @notice Offers the ownership; it changes when the new owner accepts. Only the service's owner.
    /// @param did The service.
    /// @param newOwner Who may accept; zero takes an offer back.
    function transferOwnership(bytes32 did, address newOwner) external;

    /// @notice Accepts the ownership. Only the account that it was offered to.
    /// @param did The service.
    function acceptOwnership(bytes32 did) external;

    /// @notice A service. Reverts with `ServiceNotFound`.
    /// @param did The service.
    /// @return All of it.
    function service(bytes32 did) external view returns (Service memory);

    /// @notice Whether a plan opens a service.
    /// @param did The service.
    /// @param planId The plan.
    /// @return Whether it is listed; false for a service that does not exist.
    function isOpenedBy(bytes32 did, uint256 planId) external view returns (bool);
}
