// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width.
// forge-lint: disable-start(unsafe-typecast)

import {RouterWorld} from "../RouterWorld.sol";
import {Clerk} from "../mocks/Clerk.sol";
import {ResettingToken} from "../mocks/ResettingToken.sol";
import {SettableSource} from "../mocks/SettableSource.sol";
import {SoladyDollar} from "../mocks/SignedDollars.sol";
import {NoReturnDollar} from "../mocks/Tokens.sol";
import {IRouter} from "scrip/interfaces/IRouter.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {IERC20} from "@openzeppelin/contracts/interfaces/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @notice What the router's orders take, return and give, when all is as it should be.
contract RouterOrdersTest is RouterWorld {
    SettableSource internal source = new SettableSource();

    /// @dev A plan whose price is asked for.
    function quoted(uint256 price) internal returns (uint256) {
        IScrip.Terms memory terms = premium();
        terms.price = IScrip.Price(IScrip.PriceKind.Quoted, address(signed), 0, 0, address(source));
        source.set(price, SettableSource.Mood.Answers);
        return create(terms);
    }

    function expectOrdered(IRouter.Order memory order, uint256 paid, uint256 fee) internal {
        uint64 credits = CREDITS * order.quantity;
        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(
            order.planId, order.payer, order.holder, order.quantity, address(signed), paid, fee, credits, 0
        );
    }

    function tooLittle(Path path, uint256 money) internal view returns (bytes memory) {
        if (path == Path.Authorization) {
            return abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, payer, money, PRICE);
        }
        if (path == Path.Permit2) return abi.encodeWithSignature("Error(string)", "TRANSFER_FROM_FAILED");
        return abi.encodeWithSelector(IRouter.PullFailed.selector, signed, payer, PRICE);
    }

    // ─────────────────────────────────────────── Every path ──────────────────────────────────────────

    function testFuzz_WhenTheMaximumIsAtLeastThePrice(uint256 path, uint256 quantity, uint256 extra)
        public
        leavesNothing
    {
        IRouter.Order memory order = anOrder(id);
        order.quantity = uint32(bound(quantity, 1, 100));
        uint256 price = uint256(PRICE) * order.quantity;
        order.maxPrice = price + bound(extra, 0, 900_000e6);
        uint256 before = signed.balanceOf(payer);

        expectOrdered(order, price, 0);
        (uint64 credits, uint40 expiry) = relay(aPath(path), order);

        assertEq(credits, CREDITS * order.quantity, "credits returned");
        assertEq(expiry, 0, "expiry returned");
        assertEq(balance(id, payer), credits, "credits of the holder");
        assertEq(signed.balanceOf(payer), before - price, "money of the payer");
        assertEq(signed.balanceOf(payee), price, "money of the payee");
        assertEq(signed.balanceOf(relayer), 0, "money of the relayer");
        assertEq(balance(id, relayer), 0, "credits of the relayer");
    }

    function testFuzz_WhenThereAreAFeeAndManyPayees(uint256 path, uint16 rate, uint16 share) public leavesNothing {
        IScrip.Terms memory terms = premium();
        terms.price.token = address(signed);
        terms.payees = new IScrip.Payee[](2);
        share = uint16(bound(share, 0, 10_000));
        terms.payees[0] = IScrip.Payee({account: payee, share: share});
        terms.payees[1] = IScrip.Payee({account: agent, share: 10_000 - share});
        uint256 planId = create(terms);
        rate = uint16(bound(rate, 1, 100));
        vm.prank(feeController);
        scrip.setFee(minter, rate);
        uint256 fee = uint256(PRICE) * rate / 10_000;

        expectOrdered(anOrder(planId), PRICE, fee);
        relay(aPath(path), anOrder(planId));

        assertEq(signed.balanceOf(minter), fee, "fee");
        assertEq(signed.balanceOf(payee), (PRICE - fee) * share / 10_000, "share of the first payee");
        assertEq(signed.balanceOf(payee) + signed.balanceOf(agent), PRICE - fee, "shares of both");
        assertEq(signed.balanceOf(payer), 1_000_000e6 - PRICE, "money of the payer");
    }

    function testFuzz_WhenThePriceFallsBeforeItIsSent(uint256 path, uint256 price) public leavesNothing {
        price = bound(price, 0, PRICE);
        uint256 planId = quoted(PRICE);
        IRouter.Order memory order = anOrder(planId);
        source.set(price, SettableSource.Mood.Answers);

        expectOrdered(order, price, 0);
        relay(aPath(path), order);

        assertEq(signed.balanceOf(payer), 1_000_000e6 - price, "money of the payer");
        assertEq(signed.balanceOf(payee), price, "money of the payee");
        assertEq(signed.balanceOf(relayer), 0, "money of the relayer");
    }

    function testFuzz_RevertWhen_ThePriceRisesAboveTheMaximumBeforeItIsSent(uint256 path, uint256 price)
        public
        leavesNothing
    {
        price = bound(price, PRICE + 1, type(uint256).max);
        uint256 planId = quoted(PRICE);
        IRouter.Order memory order = anOrder(planId);
        bytes memory signature = signFor(aPath(path), payerKey, order);
        source.set(price, SettableSource.Mood.Answers);

        refusal = abi.encodeWithSelector(IScrip.PriceAboveMaximum.selector, planId, price, PRICE);
        send(aPath(path), order, signature, "");

        assertEq(signed.balanceOf(payer), 1_000_000e6, "money of the payer");
        assertEq(balance(planId, payer), 0, "credits");
    }

    function testFuzz_WhenThePriceSourceAndTheHookAreGivenData(uint256 path, uint256 price) public leavesNothing {
        price = bound(price, 0, PRICE);
        Clerk clerk = new Clerk();
        IScrip.Terms memory terms = premium();
        terms.price = IScrip.Price(IScrip.PriceKind.Quoted, address(signed), 0, 0, address(clerk));
        terms.hook = IScrip.Hook({account: address(clerk), calls: 3});
        IRouter.Order memory order = anOrder(create(terms));
        order.data = abi.encode(price);

        relay(aPath(path), order);

        assertEq(signed.balanceOf(payee), price, "the price that the data names");
    }

    function testFuzz_WhenThePlanGrantsAccess(uint256 path) public leavesNothing {
        (uint64 credits, uint40 expiry) = relay(aPath(path), anOrder(accessId));

        assertEq(credits, 0, "credits");
        assertEq(expiry, START + 30 days, "end of the access");
        assertEq(scrip.accessEnd(accessId, payer), START + 30 days, "end of the holder's access");
    }

    function testFuzz_RevertWhen_TheOrdersAreStopped(uint256 path) public leavesNothing {
        vm.prank(builder);
        scrip.setOpen(id, false);

        refusal = abi.encodeWithSelector(IScrip.OrdersStopped.selector, id);
        relay(aPath(path), anOrder(id));
    }

    function testFuzz_RevertWhen_ThePayerHasTooLittle(uint256 path, uint256 money) public leavesNothing {
        money = bound(money, 0, PRICE - 1);
        deal(address(signed), payer, money);

        refusal = tooLittle(aPath(path), money);
        relay(aPath(path), anOrder(id));

        assertEq(balance(id, payer), 0, "credits");
    }

    function testFuzz_WhenOneOrderFollowsAnother(uint256 first, uint256 second) public leavesNothing {
        IRouter.Order memory order = anOrder(id);
        relay(aPath(first), order);
        order.nonce = 8;
        relay(aPath(second), order);

        assertEq(balance(id, payer), 2 * CREDITS, "credits");
        assertEq(signed.balanceOf(payer), 1_000_000e6 - 2 * PRICE, "money of the payer");
    }

    // ──────────────────────────────────────────── EIP-2612 ───────────────────────────────────────────

    function test_WhenThePayerSendsItsPermitItself() public leavesNothing {
        IRouter.Permit memory permit = permitOf(payerKey, PRICE);
        vm.prank(payer);
        router.orderWithPermit(anOrder(id), address(signed), permit, "", "");

        assertEq(balance(id, payer), CREDITS, "credits");
        assertFalse(router.isNonceUsed(payer, 7), "nonce, which nobody has signed");
    }

    function test_WhenThePermitIsForMoreThanTheOrder() public leavesNothing {
        IRouter.Permit memory permit = permitOf(payerKey, 3 * PRICE);
        bytes memory signature = sign(payerKey, orderHash(anOrder(id)));
        vm.prank(relayer);
        router.orderWithPermit(anOrder(id), address(signed), permit, signature, "");

        assertEq(signed.allowance(payer, address(router)), 2 * PRICE, "allowance that is left");
        IRouter.Order memory order = anOrder(id);
        order.nonce = 8;
        signature = sign(payerKey, orderHash(order));
        vm.prank(relayer);
        router.orderWithPermit(order, address(signed), permit, signature, "");

        assertEq(balance(id, payer), 2 * CREDITS, "credits");
        assertEq(signed.allowance(payer, address(router)), PRICE, "allowance that is left then");
    }

    function test_WhenTheTokenIsSoladys() public leavesNothing {
        SoladyDollar solady = SoladyDollar(deployCode("SignedDollars.sol:SoladyDollar"));
        watch(address(solady));
        solady.mint(payer, 3 * PRICE);
        IScrip.Terms memory terms = premium();
        terms.price.token = address(solady);
        IRouter.Order memory order = anOrder(create(terms));
        IRouter.Permit memory permit = permitOf(payerKey, PRICE, address(solady));
        bytes memory signature = sign(payerKey, orderHash(order));
        bytes memory transfer = sign(payerKey, permit2Hash(order, address(solady)));

        vm.startPrank(relayer);
        router.orderWithPermit(order, address(solady), permit, signature, "");
        router.orderWithPermit2(order, address(solady), transfer, "");

        assertEq(balance(order.planId, payer), 2 * CREDITS, "credits");
        assertEq(solady.balanceOf(payer), PRICE, "money of the payer");
    }

    // ──────────────────────────────────────── Others' tokens ─────────────────────────────────────────

    function test_WhenTheTokenHasNoPermitsOfItsOwn() public leavesNothing {
        address[3] memory tokens = [address(dollar), address(new ResettingToken()), address(new NoReturnDollar())];
        for (uint256 i; i < tokens.length; ++i) {
            watch(tokens[i]);
            deal(tokens[i], payer, 2 * PRICE);
            IScrip.Terms memory terms = premium();
            terms.price.token = tokens[i];
            IRouter.Order memory order = anOrder(create(terms));
            vm.prank(payer);
            IERC20(tokens[i]).approve(PERMIT2, 2 * PRICE);
            for (uint256 j; j < 2; ++j) {
                order.nonce = 2 * i + j;
                bytes memory transfer = sign(payerKey, permit2Hash(order, tokens[i]));
                vm.prank(relayer);
                router.orderWithPermit2(order, tokens[i], transfer, "");
            }

            assertEq(balance(order.planId, payer), 2 * CREDITS, "credits");
            assertEq(IERC20(tokens[i]).balanceOf(payer), 0, "money of the payer");
        }
    }

    // ─────────────────────────────────────── Found in the router ─────────────────────────────────────

    function testFuzz_GivenMoneySentToTheRouterByMistake(uint256 path, uint256 amount) public leavesNothing {
        amount = bound(amount, 1, 1_000e6);
        signed.mint(address(router), amount);

        relay(aPath(path), anOrder(id));

        assertEq(signed.balanceOf(payer), 1_000_000e6 - PRICE + amount, "money of the next payer");
        assertEq(signed.balanceOf(payee), PRICE, "money of the payee");
    }
}
