// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Attacks} from "../Attacks.sol";
import {MeddlingDollar} from "../mocks/MeddlingDollar.sol";
import {PickyDollar} from "../mocks/PickyDollar.sol";
import {RebasingToken, SoladyToken, TetherLike} from "../mocks/RealTokens.sol";
import {TestDollar} from "../mocks/TestDollar.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice What tokens may do, real and hostile ones; more of them in `orderPayment.t.sol`, `feePayments.t.sol` and
/// `perUse.t.sol`.
contract HostileTokensTest is Attacks {
    address internal receiver = makeAddr("fee receiver");

    function approve(address token, uint256 amount) internal returns (bool done) {
        vm.prank(subscriber);
        (done,) = token.call(abi.encodeWithSignature("approve(address,uint256)", scrip, amount));
    }

    function pricedIn(address token) internal returns (uint256 planId) {
        IScrip.Terms memory terms = premium();
        terms.price.token = token;
        return create(terms);
    }

    function held(address token, address account) internal view returns (uint256) {
        return TestDollar(token).balanceOf(account);
    }

    // ────────────────────────────────────────── Real tokens ──────────────────────────────────────────

    /// @dev Bought with for real: fee and shares arrive to the unit, the allowance is used up, and a further order fails.
    function checkBought(address token, uint16 rate) internal {
        uint256 planId = pricedIn(token);
        setFee(receiver, rate);
        assertTrue(approve(token, 3 * PRICE), "approved");

        orderAs(subscriber, planId, 3, 3 * PRICE, 0);

        uint256 fee = 3 * uint256(PRICE) * rate / 10_000;
        assertEq(held(token, receiver), fee, "money of the fee's receiver");
        assertEq(held(token, payee), 3 * PRICE - fee, "money of the payee");
        assertEq(held(token, subscriber), 0, "money of the payer");
        assertEq(held(token, address(scrip)), 0, "money of the core");
        assertEq(balance(planId, subscriber), 3 * CREDITS, "balance");
        vm.prank(subscriber);
        vm.expectRevert();
        scrip.order(planId, subscriber, 1, PRICE);
    }

    function testFuzz_GivenOpenZeppelinsToken(uint16 rate) public {
        TestDollar token = new TestDollar();
        token.mint(subscriber, 3 * PRICE);
        checkBought(address(token), uint16(bound(rate, 0, 100)));
    }

    function testFuzz_GivenSoladysToken(uint16 rate) public {
        SoladyToken token = new SoladyToken();
        token.mint(subscriber, 3 * PRICE);
        checkBought(address(token), uint16(bound(rate, 0, 100)));
    }

    function testFuzz_GivenATokenLikeTethers(uint16 rate) public {
        TetherLike token = new TetherLike();
        token.mint(subscriber, 3 * PRICE);
        checkBought(address(token), uint16(bound(rate, 0, 100)));
        assertTrue(approve(address(token), 1), "approved from 0");
        assertFalse(approve(address(token), 2), "approved anew without a reset");
    }

    function test_GivenATokenLikeTethersThatBeginsToTakeAFee() public {
        TetherLike token = new TetherLike();
        token.mint(subscriber, 10 * PRICE);
        token.mint(address(scrip), PRICE);
        uint256 planId = pricedIn(address(token));
        approve(address(token), 10 * PRICE);
        token.setFee(20);
        orderAs(subscriber, planId, 1, PRICE, 0);
        assertEq(token.balanceOf(payee), PRICE - PRICE / 500, "money of the payee");
        assertEq(token.balanceOf(address(scrip)), PRICE, "money sent to the core by mistake");

        token.setBlocked(subscriber, true);
        vm.prank(subscriber);
        vm.expectRevert(
            abi.encodeWithSelector(IScrip.PaymentFailed.selector, planId, address(token), subscriber, payee, PRICE)
        );
        scrip.order(planId, subscriber, 1, PRICE);
        assertEq(balance(planId, subscriber), CREDITS, "balance");
    }

    // ───────────────────────────────────────── Hostile tokens ────────────────────────────────────────

    function testFuzz_GivenATokenThatRebasesAndLiesAboutDecimals(uint64 pot, uint64 newPot) public {
        (pot, newPot) = (uint64(bound(pot, 1e9, 1e19)), uint64(bound(newPot, 1e9, 1e19)));
        RebasingToken token = new RebasingToken();
        token.rebase(pot);
        token.mint(subscriber, 100 * uint256(PRICE));
        uint256 planId = pricedIn(address(token));

        vm.expectCall(address(token), abi.encodeWithSignature("decimals()"), 0);
        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(planId, subscriber, subscriber, 1, address(token), PRICE, 0, CREDITS, 0);
        orderAs(subscriber, planId, 1, PRICE, 0);
        token.rebase(newPot);

        assertEq(balance(planId, subscriber), CREDITS, "credits are not money, and stay");
        vm.prank(builder);
        scrip.redeem(planId, subscriber, 100, 0);
        assertEq(balance(planId, subscriber), 0, "balance, redeemed");
    }

    function test_GivenATokenThatBlocksAPayee() public {
        PickyDollar token = new PickyDollar();
        token.mint(subscriber, 10 * PRICE);
        approve(address(token), 10 * PRICE);
        uint256 planId = pricedIn(address(token));
        IScrip.Terms memory terms = premium();
        terms.price.token = address(token);
        terms.payees = onePayee(stranger);
        uint256 otherId = create(terms);
        token.treat(payee, PickyDollar.Way.Blocks);

        vm.prank(subscriber);
        vm.expectRevert(
            abi.encodeWithSelector(IScrip.PaymentFailed.selector, planId, address(token), subscriber, payee, PRICE)
        );
        scrip.order(planId, subscriber, 1, PRICE);
        assertEq(token.balanceOf(subscriber), 10 * PRICE, "money of the payer");

        orderAs(subscriber, otherId, 1, PRICE, 0);
        assertEq(token.balanceOf(stranger), PRICE, "money of another plan's payee, in the same token");
    }

    function test_GivenATokenThatBurnsAllGas() public {
        PickyDollar token = new PickyDollar();
        token.mint(subscriber, 10 * PRICE);
        approve(address(token), 10 * PRICE);
        uint256 planId = pricedIn(address(token));
        token.treat(payee, PickyDollar.Way.Burns);

        vm.prank(subscriber);
        (bool done,) = address(scrip).call{gas: 1_000_000}(abi.encodeCall(IScrip.order, (planId, subscriber, 1, PRICE)));
        assertFalse(done, "done");
        assertEq(balance(planId, subscriber), 0, "balance");
        orderFor(create(premium()), subscriber);
    }

    /// @dev The one way to make a payer pay above its maximum: the token takes the fee and denies it. It could as well take all
    /// that the payer has of it. Of other tokens nobody loses anything.
    function test_GivenATokenThatMovesTheFeeAndDeniesIt() public {
        PickyDollar token = new PickyDollar();
        token.mint(subscriber, 10 * PRICE);
        approve(address(token), type(uint256).max);
        uint256 planId = pricedIn(address(token));
        setFee(receiver, 100);
        token.treat(receiver, PickyDollar.Way.Lies);
        uint256 dollars = dollar.balanceOf(subscriber);

        orderAs(subscriber, planId, 1, PRICE, 0);

        assertEq(token.balanceOf(receiver), PRICE / 100, "money of the fee's receiver");
        assertEq(token.balanceOf(payee), PRICE, "money of the payee");
        assertEq(dollar.balanceOf(subscriber), dollars, "dollars of the payer");
    }

    // ───────────────────────────────────────── Calling back ──────────────────────────────────────────

    MeddlingDollar internal meddling = new MeddlingDollar(address(meddler));
    uint256 internal meddlingId;
    uint256 internal uses;

    function order() internal {
        orderAs(subscriber, meddlingId, 1, PRICE, 0);
    }

    function use() internal {
        redeemVouched(meddlingId, 1, uses++);
    }

    function test_GivenATokenThatCallsEveryFunctionWithinAnOrder() public {
        meddling.mint(subscriber, 1_000_000 * PRICE);
        approve(address(meddling), type(uint256).max);
        meddlingId = pricedIn(address(meddling));
        tryAll(attacks(), order);
        tryAll(orders(), order);
        assertEq(balance(freeId, address(meddler)), 0, "balance of the meddler");
        assertEq(balance(meddlingId, subscriber), 26 * CREDITS, "balance");
        assertEq(meddling.balanceOf(payee), 26 * PRICE, "money of the payee");
    }

    function test_GivenATokenThatCallsEveryFunctionWithinAUse() public {
        meddling.mint(subscriber, 1_000_000 * PRICE);
        approve(address(meddling), type(uint256).max);
        meddlingId = create(perUse(address(meddling), PRICE));
        tryAll(attacks(), use);
        assertEq(meddling.balanceOf(payee), 24 * PRICE, "money of the payee");
    }
}
