// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width.
// forge-lint: disable-start(unsafe-typecast)

import {VoucherWorld} from "../VoucherWorld.sol";
import {Chameleon} from "../mocks/Chameleon.sol";
import {Clerk} from "../mocks/Clerk.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Redemptions in one call on plans of every kind.
contract RedeemManyPlansTest is VoucherWorld {
    address internal other = makeAddr("other holder");

    function expectRefusal(IScrip.Batch memory only, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        redeemBy(builder, only);
    }

    function testFuzz_RevertWhen_OneOfManyPlansRefuses(uint8 which, uint8 uses) public {
        uint256[3] memory plans = [id, create(free()), create(expiring(6_400))];
        give(plans[1], subscriber, 10);
        give(plans[2], subscriber, 10);
        IScrip.Batch[] memory batches = new IScrip.Batch[](3);
        for (uint256 i; i < 3; ++i) {
            batches[i] = batch(plans[i], bound(uses, 1, 5));
            for (uint256 j; j < batches[i].uses.length; ++j) {
                batches[i].uses[j] = use(subscriber, 1, j);
            }
        }
        which = uint8(bound(which, 0, 2));
        IScrip.Use memory last = batches[which].uses[batches[which].uses.length - 1];
        last.holder = stranger;

        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.InsufficientCredits.selector, plans[which], stranger, 1, 0));
        scrip.redeemMany(batches);

        for (uint256 i; i < 3; ++i) {
            assertEq(balance(plans[i], subscriber), i == 0 ? STOCK : 10, "balance");
            assertFalse(scrip.isRedeemed(plans[i], builder, 0), "a request");
        }
    }

    function test_WhenThePlanIsForATime() public {
        id = create(access(100));
        orderFor(id, subscriber);
        IScrip.Batch memory given = batch(id, 2);
        given.uses[0] = use(subscriber, 1, 0);
        given.uses[1] = use(subscriber, 100, 1);

        vm.recordLogs();
        redeemBy(builder, given);

        assertEq(vm.getRecordedLogs().length, 1, "number of events");
        assertEq(scrip.accessEnd(id, subscriber), START + 100, "end");
        given.uses[0] = use(subscriber, 1, 2);
        given.uses[1] = use(other, 1, 3);
        expectRefusal(given, abi.encodeWithSelector(IScrip.NoAccess.selector, id, other, 0));
        assertFalse(scrip.isRedeemed(id, builder, 2), "a request");
    }

    function test_WhenThePlanWantsVouchers() public {
        id = vouched();
        IScrip.Batch memory given = batch(id, 2);
        given.uses[0] = use(subscriber, 1, 0);
        given.uses[1] = use(other, 1, 1);
        expectRefusal(given, abi.encodeWithSelector(IScrip.VoucherRequired.selector, id, builder, subscriber));

        // The holder needs none for itself, and has none for another.
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotRedeemer.selector, id, subscriber, other));
        redeemBy(subscriber, given);
        given.uses[1].holder = subscriber;
        redeemBy(subscriber, given);
        assertEq(balance(id, subscriber), STOCK - 2, "balance");
    }

    function test_RevertWhen_ThePlanIsPaidPerUse() public {
        id = perUse(address(dollar), PRICE);
        uint256 before = dollar.balanceOf(subscriber);
        IScrip.Batch memory given = batch(id, 1);
        given.uses[0] = use(subscriber, 1, 0);
        expectRefusal(given, abi.encodeWithSelector(IScrip.VoucherRequired.selector, id, builder, subscriber));
        assertEq(dollar.balanceOf(subscriber), before, "money of the holder");
    }

    function hooked(address hook, uint8 calls) internal {
        IScrip.Terms memory terms = premium();
        terms.hook = IScrip.Hook({account: hook, calls: calls});
        id = create(terms);
        give(id, subscriber, STOCK);
    }

    function test_WhenAHookIsAskedOfEach() public {
        Clerk clerk = new Clerk();
        hooked(address(clerk), 4 | 8);
        IScrip.Batch memory given = batch(id, 3);
        for (uint256 i; i < 3; ++i) {
            given.uses[i] = use(subscriber, 5, i);
        }
        vm.expectCall(address(clerk), abi.encodeCall(Clerk.beforeRedemption, (id, builder, subscriber, 5)), 3);
        vm.expectCall(address(clerk), abi.encodeCall(Clerk.afterRedemption, (id, builder, subscriber, 5)), 3);
        redeemBy(builder, given);
        assertEq(balance(id, subscriber), STOCK - 15, "balance");
    }

    function test_RevertWhen_AHookRefusesTheLast() public {
        Clerk clerk = new Clerk();
        hooked(address(clerk), 4);
        IScrip.Batch memory given = batch(id, 2);
        given.uses[0] = use(subscriber, 5, 10);
        given.uses[1] = use(subscriber, 6, 11);
        bytes memory reason = abi.encodeWithSignature("Error(string)", "five at most");
        expectRefusal(given, abi.encodeWithSelector(IScrip.HookRefused.selector, id, address(clerk), reason));
        assertFalse(scrip.isRedeemed(id, builder, 10), "a request");
    }

    /// @dev A hook that may redeem another plan of the call does so before its turn.
    function test_RevertWhen_AHookRedeemsALaterUse() public {
        Chameleon hook = new Chameleon();
        uint256 laterId = id;
        hooked(address(hook), 4);
        vm.startPrank(builder);
        scrip.setOperator(id, address(hook), REDEEM);
        scrip.setOperator(laterId, address(hook), REDEEM);
        vm.stopPrank();
        IScrip.Batch[] memory batches = new IScrip.Batch[](2);
        (batches[0], batches[1]) = (batch(id, 1), batch(laterId, 1));
        batches[0].uses[0] = use(subscriber, 1, 0);
        batches[1].uses[0] = use(subscriber, 1, 1);
        bytes memory early = abi.encodeCall(IScrip.redeem, (laterId, subscriber, 1, 1));
        hook.behave(Chameleon.Mode.Reenter, address(scrip), 0, early);

        vm.prank(address(hook));
        vm.expectRevert(abi.encodeWithSelector(IScrip.RequestAlreadyRedeemed.selector, laterId, address(hook), 1));
        scrip.redeemMany(batches);
        assertEq(balance(laterId, subscriber), STOCK, "balance");

        batches[1].uses[0].requestId = 2;
        vm.prank(address(hook));
        scrip.redeemMany(batches);
        assertEq(balance(laterId, subscriber), STOCK - 2, "balance after both");
    }
}
