// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {RouterWorld} from "../RouterWorld.sol";
import {StrawDollar} from "../mocks/LyingDollars.sol";
import {IRouter} from "scrip/interfaces/IRouter.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice A thief's contract in the place of the token. It says that the payer has signed, and brings the thief's own money, so
/// that the order would be paid; what the thief would gain is an order in another's name: its trial used up, its clock started.
contract RouterForgeriesTest is RouterWorld {
    StrawDollar internal straw;
    uint256 internal trialId;
    uint256 internal freeId;

    function setUp() public override {
        super.setUp();
        enrich(thief);
        straw = new StrawDollar(signed, thief);
        vm.prank(thief);
        signed.approve(address(straw), type(uint256).max);
        IScrip.Terms memory terms = access(30 days);
        terms.price.token = address(signed);
        terms.limits.perHolder = 1;
        trialId = create(terms);
        delete terms.price;
        delete terms.payees;
        freeId = create(terms);
        // So that the core may charge the router.
        relay(Path.Authorization, anOrder(id));
    }

    function wrongToken(uint256 planId) internal view returns (bytes memory) {
        address expected = scrip.plan(planId).terms.price.token;
        return abi.encodeWithSelector(IScrip.WrongToken.selector, planId, straw, expected);
    }

    function assertNothingDone(uint256 planId) internal view {
        assertEq(scrip.ordersOf(planId, holder), 0, "orders of the holder");
        assertEq(scrip.accessEnd(planId, holder), 0, "access of the holder");
        assertEq(signed.balanceOf(thief), 1_000_000e6, "money of the thief");
    }

    function testFuzz_RevertWhen_TheHolderIsSaidToHavePaid(bytes32 junk, bool isFree) public leavesNothing {
        IRouter.Order memory order = aGift(isFree ? freeId : trialId);
        order.payer = holder;

        bytes memory refused = wrongToken(order.planId);
        vm.prank(thief);
        vm.expectRevert(refused);
        router.orderWithAuthorization(order, address(straw), abi.encodePacked(junk, junk, uint8(27)), "");

        assertNothingDone(order.planId);
    }

    function testFuzz_RevertWhen_TheOwnerIsSaidToHavePaid(bool isFree) public leavesNothing {
        IRouter.Order memory order = aGift(isFree ? freeId : trialId);
        order.payer = builder;

        bytes memory refused = wrongToken(order.planId);
        vm.prank(thief);
        vm.expectRevert(refused);
        router.orderWithAuthorization(order, address(straw), new bytes(65), "");

        assertNothingDone(order.planId);
    }

    /// @dev What the payer has signed, paid with another token than the plan's.
    function test_RevertWhen_ARelayerNamesAnotherToken() public leavesNothing {
        IRouter.Order memory order = aGift(otherId);
        order.nonce = 8;
        bytes memory signature = signFor(Path.Permit, payerKey, order);

        bytes memory refused = wrongToken(otherId);
        vm.prank(thief);
        vm.expectRevert(refused);
        router.orderWithPermit(order, address(straw), noPermit(), signature, "");

        assertEq(balance(otherId, holder), 0, "credits");
    }

    function test_RevertWhen_AGiverNamesAnotherToken() public leavesNothing {
        IRouter.Order memory order = aGift(trialId);
        order.payer = thief;
        bytes memory consent = sign(holderKey, orderHash(order));

        bytes memory refused = wrongToken(trialId);
        vm.prank(thief);
        vm.expectRevert(refused);
        router.orderWithConsent(order, address(straw), consent);

        assertNothingDone(trialId);
    }
}
