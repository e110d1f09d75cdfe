// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Attacks} from "../Attacks.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Hooks and price sources that call back; those that refuse, lie or burn gas are in `hooks.t.sol` and `quoted.t.sol`.
contract HostileHooksTest is Attacks {
    uint256 internal id;
    uint256 internal requests;

    function hookedBy(uint8 calls) internal {
        IScrip.Terms memory terms = free();
        terms.hook = IScrip.Hook({account: address(meddler), calls: calls});
        id = create(terms);
        give(id, subscriber, 1_000);
    }

    function order() internal {
        orderAs(subscriber, id, 1, 0, 0);
    }

    function redeem() internal {
        vm.prank(builder);
        scrip.redeem(id, subscriber, 1, requests++);
    }

    function test_GivenAHookThatCallsEveryFunctionBeforeAnOrder() public {
        hookedBy(1);
        tryAll(attacks(), order);
        tryAll(orders(), order);
        assertEq(balance(id, subscriber), 1_000 + 26 * CREDITS, "balance");
    }

    function test_GivenAHookThatCallsEveryFunctionAfterAnOrder() public {
        hookedBy(2);
        tryAll(attacks(), order);
        tryAll(orders(), order);
        assertEq(balance(id, subscriber), 1_000 + 26 * CREDITS, "balance");
    }

    function test_GivenAHookThatCallsEveryFunctionBeforeARedemption() public {
        hookedBy(4);
        tryAll(attacks(), redeem);
        assertEq(balance(id, subscriber), 1_000 - 24, "balance");
    }

    function test_GivenAHookThatCallsEveryFunctionAfterARedemption() public {
        hookedBy(8);
        tryAll(attacks(), redeem);
        assertEq(balance(id, subscriber), 1_000 - 24, "balance");
    }

    function test_GivenAHookThatOrdersForItselfWithinARedemption() public {
        hookedBy(4);
        bytes[] memory calls = orders();
        for (uint256 i; i < calls.length; ++i) {
            meddler.arm(address(scrip), calls[i]);
            redeem();
            assertTrue(meddler.success(), "ordered, as anyone may");
        }
        assertEq(balance(freeId, address(meddler)), 2 * CREDITS, "balance of the meddler");
        assertEq(balance(id, subscriber), 998, "balance");
    }

    /// @dev An operator, too: its own hook would be asked again, for which a hook's gas does not suffice; and a request is used
    /// up before any hook is asked.
    function test_GivenAHookThatRedeemsFromWithinARedemption() public {
        hookedBy(4);
        vm.prank(builder);
        scrip.setOperator(id, address(meddler), REDEEM);
        meddler.arm(address(scrip), abi.encodeCall(IScrip.redeem, (id, subscriber, 1, 7)));
        vm.prank(builder);
        scrip.redeem(id, subscriber, 1, 7);
        assertEq(meddler.answer(), IScrip.InsufficientGas.selector, "refusal of a redemption within one");
        assertEq(balance(id, subscriber), 999, "balance");

        vm.prank(address(meddler));
        scrip.redeem(id, subscriber, 1, 7);
        assertEq(meddler.answer(), IScrip.RequestAlreadyRedeemed.selector, "refusal of the same request");
        assertEq(balance(id, subscriber), 998, "balance, redeemed once");
    }

    /// @dev A hook of a limited plan orders more from within a redemption: the limit holds.
    function test_GivenAHookThatOrdersBeyondALimit() public {
        IScrip.Terms memory terms = free();
        terms.hook = IScrip.Hook({account: address(meddler), calls: 4});
        terms.limits.perHolder = 1;
        id = create(terms);
        vm.prank(address(meddler));
        scrip.order(id, address(meddler), 1, 0);
        give(id, subscriber, 5);
        meddler.arm(address(scrip), abi.encodeCall(IScrip.order, (id, address(meddler), 1, 0)));
        redeem();
        assertEq(meddler.answer(), IScrip.HolderLimitReached.selector, "refusal");
        assertEq(balance(id, address(meddler)), CREDITS, "balance of the meddler");
    }

    function test_GivenAPriceSourceThatCallsEveryFunction() public {
        IScrip.Terms memory terms = quoted(address(dollar));
        terms.price.source = address(meddler);
        id = create(terms);
        meddler.setPrice(5);
        bytes32 before = stateOfVictim();
        bytes[] memory calls = attacks();
        for (uint256 i; i < calls.length; ++i) {
            meddler.arm(address(scrip), calls[i]);
            // It would ask for the moon if it had got through.
            orderAs(subscriber, id, 1, 5, 0);
        }
        bytes[] memory more = orders();
        for (uint256 i; i < more.length; ++i) {
            meddler.arm(address(scrip), more[i]);
            orderAs(subscriber, id, 1, 5, 0);
        }
        // What it may do is read.
        meddler.arm(address(scrip), abi.encodeCall(IScrip.balanceOf, (victim, victimId)));
        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.PriceAboveMaximum.selector, id, type(uint256).max, uint256(5)));
        scrip.order(id, subscriber, 1, 5);

        assertEq(stateOfVictim(), before, "what is the victim's");
        assertEq(balance(id, subscriber), 26 * CREDITS, "balance");
        assertEq(dollar.balanceOf(payee), 26 * 5, "money of the payee");
    }
}
