// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Someone who gives a victim ten thousand small things, so that its own calls become dear.
contract HostileGiftsTest is Base {
    uint256 internal constant MANY = 10_000;

    /// @dev The gas of a redemption by the owner, cold.
    function redemptionGas(uint256 planId) internal returns (uint256) {
        vm.prank(builder);
        vm.cool(address(scrip));
        scrip.redeemWithoutId(planId, subscriber, 1);
        return vm.lastCallGas().gasTotalUsed;
    }

    function balanceGas(uint256 planId) internal returns (uint256) {
        vm.cool(address(scrip));
        scrip.balanceOf(subscriber, planId);
        return vm.lastCallGas().gasTotalUsed;
    }

    function test_GivenTenThousandGiftsThatNeverExpire() public {
        uint256 planId = create(free());
        give(planId, subscriber, 10);
        lend(planId, subscriber, 10, 30 days);
        uint256 redemption = redemptionGas(planId);
        uint256 asking = balanceGas(planId);

        vm.startPrank(stranger);
        for (uint256 i; i < MANY; ++i) {
            scrip.order(planId, subscriber, 1, 0);
        }
        vm.stopPrank();

        assertEq(scrip.lotsOf(planId, subscriber).length, 2, "lots: all joined");
        assertEq(balance(planId, subscriber), 19 + MANY * CREDITS, "balance");
        assertEq(redemptionGas(planId), redemption, "gas of a redemption");
        assertEq(balanceGas(planId), asking, "gas of a balance");
    }

    function test_GivenTenThousandGiftsThatExpire() public {
        IScrip.Terms memory terms = free();
        terms.grant.duration = 64 days;
        uint256 planId = create(terms);
        give(planId, subscriber, 10);
        uint256 redemption = redemptionGas(planId);

        bytes memory refusal = abi.encodeWithSelector(IScrip.GiftNotAllowed.selector, planId, stranger, subscriber);
        bytes memory gift = abi.encodeCall(IScrip.order, (planId, subscriber, 1, 0));
        for (uint256 i; i < MANY; ++i) {
            vm.prank(stranger);
            (bool done, bytes memory answer) = address(scrip).call(gift);
            assertFalse(done, "a gift got through");
            assertEq(keccak256(answer), keccak256(refusal), "refusal");
        }

        assertEq(balance(planId, subscriber), 9, "balance");
        assertEq(redemptionGas(planId), redemption, "gas of a redemption");
    }

    function test_GivenTenThousandGiftsOfAnothersPlan() public {
        uint256 planId = create(free());
        give(planId, subscriber, 10);
        uint256 redemption = redemptionGas(planId);
        IScrip.Terms memory terms = free();
        vm.startPrank(stranger);
        uint256 hostileId = scrip.createPlan(terms, 0);
        uint256 given;
        for (uint32 i = 1; i <= MANY; ++i) {
            (bool done,) = address(scrip).call(abi.encodeCall(IScrip.mintExpirable, (hostileId, subscriber, 1, i)));
            if (done) ++given;
        }
        vm.stopPrank();

        assertEq(given, 96, "lots that fit");
        assertEq(scrip.lotsOf(planId, subscriber).length, 1, "lots of the victim's plan");
        assertEq(redemptionGas(planId), redemption, "gas of a redemption");
    }
}
