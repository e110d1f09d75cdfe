// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Base} from "../Base.t.sol";
import {IHook} from "scrip/interfaces/IHook.sol";
import {IOncePerHolder} from "scrip/interfaces/IOncePerHolder.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice The hook by which each holder orders once.
contract OncePerHolderTest is Base {
    IOncePerHolder internal hook = IOncePerHolder(deployCode("OncePerHolder.sol:OncePerHolder"));
    uint256 internal id;

    function setUp() public override {
        super.setUp();
        IScrip.Terms memory terms = premium();
        terms.hook = IScrip.Hook({account: address(hook), calls: 1});
        id = create(terms);
    }

    function expectRefusal(bytes memory reason) internal {
        vm.expectRevert(abi.encodeWithSelector(IScrip.HookRefused.selector, id, hook, reason));
    }

    function test_WhenAHolderOrdersOnce() public {
        assertFalse(hook.hasOrdered(address(scrip), id, subscriber), "before");
        orderFor(id, subscriber);
        assertEq(balance(id, subscriber), CREDITS, "balance");
        assertTrue(hook.hasOrdered(address(scrip), id, subscriber), "after");
    }

    function testFuzz_RevertWhen_AHolderOrdersAgain(bool burned) public {
        orderFor(id, subscriber);
        vm.startPrank(subscriber);
        if (burned) scrip.burn(id, subscriber, CREDITS);
        expectRefusal(abi.encodeWithSelector(IOncePerHolder.AlreadyOrdered.selector, scrip, id, subscriber));
        scrip.order(id, subscriber, 1, PRICE);
    }

    function test_WhenAnotherHolderOrders() public {
        orderFor(id, subscriber);
        orderFor(id, stranger);
        assertEq(balance(id, stranger), CREDITS, "balance");
    }

    function test_WhenAnOrderFailsAfterTheHookWasAsked() public {
        vm.startPrank(subscriber);
        dollar.approve(address(scrip), PRICE - 1);
        vm.expectRevert(abi.encodeWithSelector(IScrip.PaymentFailed.selector, id, dollar, subscriber, payee, PRICE));
        scrip.order(id, subscriber, 1, PRICE);
        assertFalse(hook.hasOrdered(address(scrip), id, subscriber), "ordered");
    }

    function testFuzz_RevertWhen_TheQuantityIsNotOne(uint32 quantity) public {
        quantity = uint32(bound(quantity, 2, type(uint32).max));
        expectRefusal(abi.encodeWithSelector(IOncePerHolder.QuantityNotOne.selector, scrip, id, quantity));
        vm.prank(subscriber);
        scrip.order(id, subscriber, quantity, type(uint256).max);
    }

    function test_RevertWhen_AStrangerGivesAnOrder() public {
        expectRefusal(abi.encodeWithSelector(IOncePerHolder.NotForOthers.selector, scrip, id, stranger, subscriber));
        vm.prank(stranger);
        scrip.order(id, subscriber, 1, PRICE);

        orderFor(id, subscriber);
        assertEq(balance(id, subscriber), CREDITS, "balance");
    }

    function testFuzz_WhenOthersThanTheCoreCallIt(address caller) public {
        vm.assume(caller != address(scrip));
        vm.prank(caller);
        hook.beforeOrder(id, subscriber, subscriber, 1, 0, "");
        assertTrue(hook.hasOrdered(caller, id, subscriber), "theirs");
        assertFalse(hook.hasOrdered(address(scrip), id, subscriber), "the core's");
        orderFor(id, subscriber);
    }

    function testFuzz_WhenItIsAskedWhatItDoesNotLookAt(uint256 planId, address account, uint32 number) public {
        assertEq(hook.afterOrder(planId, account, account, number, 0, ""), IHook.afterOrder.selector, "after an order");
        assertEq(
            hook.beforeRedemption(planId, account, account, number),
            IHook.beforeRedemption.selector,
            "before a redemption"
        );
        assertEq(
            hook.afterRedemption(planId, account, account, number), IHook.afterRedemption.selector, "after a redemption"
        );
    }
}
