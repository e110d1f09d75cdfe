// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {RouterWorld} from "../RouterWorld.sol";
import {Chameleon} from "../mocks/Chameleon.sol";
import {ReenteringHolder} from "../mocks/Holders.sol";
import {LyingDollar} from "../mocks/LyingDollars.sol";
import {SettableSource} from "../mocks/SettableSource.sol";
import {IRouter} from "scrip/interfaces/IRouter.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice Whoever is called within an order cannot begin another, while the router has the payer's money.
contract RouterReentryTest is RouterWorld {
    bytes32 internal constant REFUSED =
        keccak256(abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));

    ReenteringHolder internal tricky = new ReenteringHolder();

    /// @dev A call that is as good as any by itself: the payer's next order, to be sent by anyone, in one way or the other.
    function nextOrder(uint256 path) internal returns (bytes memory) {
        IRouter.Order memory order = anOrder(otherId);
        order.nonce = 8;
        bytes memory signature = signFor(aPath(path), payerKey, order);
        if (aPath(path) == Path.Authorization) {
            return abi.encodeCall(IRouter.orderWithAuthorization, (order, address(signed), signature, ""));
        }
        if (aPath(path) == Path.Permit2) {
            return abi.encodeCall(IRouter.orderWithPermit2, (order, address(signed), signature, ""));
        }
        vm.prank(payer);
        signed.approve(address(router), type(uint256).max);
        return abi.encodeCall(IRouter.orderWithPermit, (order, address(signed), noPermit(), signature, ""));
    }

    /// @dev That call, made now.
    function assertGoodByItself(bytes memory call) internal {
        assertEq(balance(otherId, payer), 0, "credits of the next order within the first");
        (bool done,) = address(router).call(call);
        assertTrue(done, "the next order by itself");
        assertEq(balance(otherId, payer), CREDITS, "credits of the next order");
    }

    function assertRefused() internal view {
        assertGt(tricky.calls(), 0, "calls");
        assertFalse(tricky.success(), "success");
        assertEq(tricky.answerHash(), REFUSED, "answer");
    }

    function testFuzz_WhenTheHolderIsCalled(uint256 path, uint256 next) public leavesNothing {
        bytes memory call = nextOrder(next);
        tricky.arm(address(router), call);
        IRouter.Order memory order = anOrder(id);
        order.holder = address(tricky);

        relay(aPath(path), order);

        assertRefused();
        assertGoodByItself(call);
    }

    function testFuzz_WhenTheHolderAsksTheCore(uint256 path) public leavesNothing {
        signed.mint(address(tricky), PRICE);
        tricky.arm(address(scrip), abi.encodeCall(IScrip.order, (id, address(tricky), 1, PRICE)));
        IRouter.Order memory order = anOrder(id);
        order.holder = address(tricky);

        relay(aPath(path), order);

        assertRefused();
    }

    /// @dev A payee that is paid in coin, and then the payer that gets its change.
    function testFuzz_WhenThePayeeAndThePayerAreCalled(uint256 next) public leavesNothing {
        bytes memory call = nextOrder(next);
        tricky.arm(address(router), call);
        SettableSource source = new SettableSource();
        source.set(1 ether, SettableSource.Mood.Answers);
        IScrip.Terms memory terms = premium();
        terms.price = IScrip.Price(IScrip.PriceKind.Quoted, address(0), 0, 0, address(source));
        terms.payees = onePayee(address(tricky));
        IRouter.Order memory order = aGift(create(terms));
        (order.payer, order.maxPrice) = (address(tricky), 3 ether);
        bytes memory consent = sign(holderKey, orderHash(order));
        vm.deal(address(tricky), 3 ether);

        vm.prank(address(tricky));
        router.orderWithConsent{value: 3 ether}(order, address(0), consent);

        assertEq(tricky.calls(), 2, "calls");
        assertRefused();
        assertEq(address(tricky).balance, 3 ether, "coin of the payer, who is the payee");
        assertGoodByItself(call);
    }

    /// @dev A hook before and after the order, and a price source, which can call nobody but by STATICCALL.
    function testFuzz_WhenTheHookOrThePriceSourceIsCalled(uint256 path, uint256 next, bool quoted)
        public
        leavesNothing
    {
        bytes memory call = nextOrder(next);
        Chameleon chameleon = new Chameleon();
        chameleon.behave(Chameleon.Mode.Reenter, address(router), PRICE / 2, call);
        IScrip.Terms memory terms = premium();
        terms.price.token = address(signed);
        if (quoted) terms.price = IScrip.Price(IScrip.PriceKind.Quoted, address(signed), 0, 0, address(chameleon));
        terms.hook = IScrip.Hook({account: address(chameleon), calls: 3});
        IRouter.Order memory order = anOrder(create(terms));

        relay(aPath(path), order);

        assertEq(balance(order.planId, payer), CREDITS, "credits");
        assertGoodByItself(call);
    }

    /// @dev A token that calls before it moves anything: to the router, to the payee.
    function testFuzz_WhenTheTokenIsCalled(uint256 path, uint256 next) public leavesNothing {
        LyingDollar lying = LyingDollar(deployCode("LyingDollars.sol:LyingDollar"));
        watch(address(lying));
        IScrip.Terms memory terms = premium();
        terms.price.token = address(lying);
        IRouter.Order memory order = anOrder(create(terms));
        lying.mint(payer, PRICE);
        vm.startPrank(payer);
        lying.approve(PERMIT2, PRICE);
        lying.approve(address(router), PRICE);
        vm.stopPrank();
        bytes memory call = nextOrder(next);
        lying.arm(address(router), call);

        if (aPath(path) == Path.Authorization) {
            bytes memory signature = sign(payerKey, authorizationHash(order, address(lying)));
            router.orderWithAuthorization(order, address(lying), signature, "");
        } else if (aPath(path) == Path.Permit2) {
            router.orderWithPermit2(order, address(lying), sign(payerKey, permit2Hash(order, address(lying))), "");
        } else {
            router.orderWithPermit(order, address(lying), noPermit(), sign(payerKey, orderHash(order)), "");
        }

        assertEq(keccak256(lying.answer()), REFUSED, "answer");
        assertEq(balance(order.planId, payer), CREDITS, "credits");
        assertGoodByItself(call);
    }
}
