// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Base} from "../Base.t.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {IMerkleAllowList} from "scrip/interfaces/IMerkleAllowList.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Poses as a core whose every plan the caller owns.
contract FalseCore {
    address internal immutable OWNER = msg.sender;
    address internal immutable HOOK;

    constructor(address hook) {
        HOOK = hook;
    }

    function plan(uint256) external view returns (IScrip.Plan memory answer) {
        answer.owner = OWNER;
        answer.terms.hook = IScrip.Hook({account: HOOK, calls: 1});
    }
}

/// @notice The hook by which only the holders of a list order.
contract MerkleAllowListTest is Base {
    IMerkleAllowList internal hook = IMerkleAllowList(deployCode("MerkleAllowList.sol:MerkleAllowList"));
    uint256 internal id;

    /// @dev Eight holders, of whom one tests: a tree of four levels.
    uint256 internal constant HOLDERS = 8;
    address[HOLDERS] internal holders;
    bytes32 internal root;

    function setUp() public override {
        super.setUp();
        IScrip.Terms memory terms = premium();
        terms.hook = IScrip.Hook({account: address(hook), calls: 1});
        id = create(terms);
        for (uint256 i; i < HOLDERS; ++i) {
            holders[i] = vm.addr(i + 1);
            fund(holders[i]);
        }
        (root,) = prove(0);
    }

    function leafOf(address holder) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(holder))));
    }

    /// @dev The root of the tree, and the proof of one of its leaves.
    function prove(uint256 place) internal view returns (bytes32, bytes32[] memory proof) {
        bytes32[] memory level = new bytes32[](HOLDERS);
        for (uint256 i; i < HOLDERS; ++i) {
            level[i] = leafOf(holders[i]);
        }
        proof = new bytes32[](3);
        for (uint256 depth; depth < 3; ++depth) {
            proof[depth] = level[place ^ 1];
            place /= 2;
            for (uint256 i; i < HOLDERS >> (depth + 1); ++i) {
                level[i] = Hashes.commutativeKeccak256(level[2 * i], level[2 * i + 1]);
            }
        }
        return (level[0], proof);
    }

    function setRoot() internal {
        vm.prank(builder);
        hook.setRoot(scrip, id, root);
    }

    function order(address payer, address holder, bytes memory data) internal {
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](1);
        purchases[0] = IScrip.Purchase({planId: id, holder: holder, quantity: 1, maxPrice: PRICE, data: data});
        vm.prank(payer);
        scrip.orderMany(purchases);
    }

    function expectRefusal(bytes memory reason) internal {
        vm.expectRevert(abi.encodeWithSelector(IScrip.HookRefused.selector, id, hook, reason));
    }

    function notOnList(address holder) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IMerkleAllowList.NotOnList.selector, scrip, id, holder);
    }

    // ───────────────────────────────────────────── Roots ─────────────────────────────────────────────

    function testFuzz_RevertGiven_NoRoot(uint8 place) public {
        place = uint8(bound(place, 0, HOLDERS - 1));
        (, bytes32[] memory proof) = prove(place);
        expectRefusal(abi.encodeWithSelector(IMerkleAllowList.RootNotSet.selector, scrip, id));
        order(holders[place], holders[place], abi.encode(proof));
    }

    function testFuzz_WhenTheOwnerSetsTheRoot(bytes32 root_) public {
        if (root_ == 0) root_ = root;
        assertEq(hook.rootOf(scrip, id), 0, "before");
        vm.expectEmit(address(hook));
        emit IMerkleAllowList.RootSet(scrip, id, root_);
        vm.prank(builder);
        hook.setRoot(scrip, id, root_);
        assertEq(hook.rootOf(scrip, id), root_, "after");
    }

    function testFuzz_RevertWhen_OthersThanTheOwnerSetIt(address caller) public {
        vm.assume(caller != builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotPlanOwner.selector, id, caller, builder));
        vm.prank(caller);
        hook.setRoot(scrip, id, root);
    }

    function testFuzz_RevertWhen_ThereIsNoSuchPlan(uint256 planId) public {
        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId));
        hook.setRoot(scrip, planId, root);
    }

    function testFuzz_RevertWhen_TheTermsDoNotFit(uint8 calls, bool another) public {
        calls = uint8(bound(calls, 1, 15));
        if (!another) calls &= 14;
        IScrip.Terms memory terms = premium();
        address account = another ? deployCode("MerkleAllowList.sol:MerkleAllowList") : address(hook);
        terms.hook = IScrip.Hook({account: calls == 0 ? address(0) : account, calls: calls});
        uint256 planId = create(terms);
        vm.prank(builder);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMerkleAllowList.TermsDoNotFit.selector, scrip, planId, terms.hook.account, terms.hook.calls
            )
        );
        hook.setRoot(scrip, planId, root);
    }

    function test_RevertWhen_TheRootIsZero() public {
        vm.expectRevert(abi.encodeWithSelector(IMerkleAllowList.ZeroRoot.selector, scrip, id));
        vm.prank(builder);
        hook.setRoot(scrip, id, 0);
    }

    function testFuzz_RevertWhen_ItIsSetAgain(bool byHeir) public {
        setRoot();
        if (byHeir) handOver(id, stranger);
        vm.expectRevert(abi.encodeWithSelector(IMerkleAllowList.RootAlreadySet.selector, scrip, id, root));
        vm.prank(byHeir ? stranger : builder);
        hook.setRoot(scrip, id, ~root);
    }

    function test_WhenWhatPosesAsACoreNamesAnOwner() public {
        vm.startPrank(stranger);
        hook.setRoot(IScrip(address(new FalseCore(address(hook)))), id, root);
        assertEq(hook.rootOf(scrip, id), 0, "the core's plan");
    }

    // ───────────────────────────────────────────── Orders ────────────────────────────────────────────

    function testFuzz_WhenAHolderOfTheListOrdersWithItsProof(uint8 place, bool gift) public {
        place = uint8(bound(place, 0, HOLDERS - 1));
        setRoot();
        (, bytes32[] memory proof) = prove(place);
        order(gift ? stranger : holders[place], holders[place], abi.encode(proof));
        assertEq(balance(id, holders[place]), CREDITS, "balance");
    }

    function testFuzz_RevertWhen_AHolderOfTheListOrdersWithAnothersProof(uint8 place, uint8 other) public {
        place = uint8(bound(place, 0, HOLDERS - 1));
        // Any but its own.
        other = uint8((place + bound(other, 1, HOLDERS - 1)) % HOLDERS);
        setRoot();
        (, bytes32[] memory proof) = prove(other);
        expectRefusal(notOnList(holders[place]));
        order(holders[place], holders[place], abi.encode(proof));
    }

    function testFuzz_RevertWhen_AStrangerOrdersWithAnyProof(bytes32[] calldata proof) public {
        setRoot();
        expectRefusal(notOnList(stranger));
        order(stranger, stranger, abi.encode(proof));
    }

    function test_RevertWhen_ALeafIsHashedOnce() public {
        // A root of one leaf that was not hashed twice.
        root = keccak256(abi.encode(subscriber));
        setRoot();
        expectRefusal(notOnList(subscriber));
        order(subscriber, subscriber, abi.encode(new bytes32[](0)));
    }

    function testFuzz_RevertWhen_TheDataIsNoProof(bytes calldata data) public {
        setRoot();
        vm.expectPartialRevert(IScrip.HookRefused.selector);
        order(stranger, stranger, data);
    }
}
