// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {LensWorld} from "../LensWorld.sol";
import {Random} from "../Random.sol";
import {SpendthriftToken} from "../mocks/SpendthriftToken.sol";
import {ILens} from "scrip/interfaces/ILens.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice What the lens says that holders have, now and later.
contract LensHoldingsTest is LensWorld {
    using Random for Random.Source;

    function pair(uint256 planId, address holder) internal pure returns (ILens.Pair memory) {
        return ILens.Pair({planId: planId, holder: holder});
    }

    function holdingOf(uint256 planId, address holder) internal view returns (ILens.Holding memory) {
        ILens.Pair[] memory pairs = new ILens.Pair[](1);
        pairs[0] = pair(planId, holder);
        return lens.balancesOf(scrip, pairs)[0];
    }

    function perUse(address token) internal view returns (IScrip.Terms memory terms) {
        terms = premium();
        terms.price = IScrip.Price(IScrip.PriceKind.PerUse, token, PRICE, 0, address(0));
        terms.redemption = IScrip.Redemption({minimum: 3, maximum: 9, redeemers: 1, voucherRequired: true});
        delete terms.grant;
    }

    // ───────────────────────────────────────────── At a time ─────────────────────────────────────────

    function testFuzz_GivenCreditsOfManyExpiries(uint256 seed, uint16 later) public {
        Random.Source memory random = Random.from(seed);
        uint256 id = create(premium());
        for (uint256 i = random.within(0, 8); i > 0; --i) {
            if (random.within(0, 3) == 0) give(id, subscriber, uint64(random.within(1, 9)));
            else lend(id, subscriber, uint64(random.within(1, 9)), uint32(random.within(1, 90)));
            pass(random.within(0, 9));
        }
        uint256 time = vm.getBlockTimestamp() + bound(later, 0, 100);

        uint256 foretold = lens.balanceAt(scrip, id, subscriber, time);

        assertEq(
            lens.balanceAt(scrip, id, subscriber, vm.getBlockTimestamp()), balance(id, subscriber), "the balance now"
        );
        vm.warp(time);
        assertEq(foretold, balance(id, subscriber), "the balance then");
    }

    function testFuzz_GivenAccessForATime(uint32 duration, uint8 periods) public {
        duration = uint32(bound(duration, 1, 1e9));
        periods = uint8(bound(periods, 1, 255));
        uint256 id = create(access(duration));
        give(id, subscriber, periods);
        uint256 end = START + uint256(duration) * periods;

        assertEq(lens.balanceAt(scrip, id, subscriber, START), 1, "now");
        assertEq(lens.balanceAt(scrip, id, subscriber, end - 1), 1, "in the last second");
        assertEq(lens.balanceAt(scrip, id, subscriber, end), 0, "at the end");
    }

    function testFuzz_RevertWhen_TheBalanceOfThePastIsAskedFor(uint256 time) public {
        time = bound(time, 0, START - 1);
        uint256 id = create(premium());
        vm.expectRevert(abi.encodeWithSelector(ILens.TimePassed.selector, time, START));
        lens.balanceAt(scrip, id, subscriber, time);
    }

    function testFuzz_RevertGiven_ThereIsNoSuchPlan(uint256 planId) public {
        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId));
        lens.balanceAt(scrip, planId, subscriber, START);
    }

    // ───────────────────────────────────────────── Of many ───────────────────────────────────────────

    function testFuzz_WhenManyPairsAreAskedAbout(uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        uint256 count = random.within(0, 5);
        ILens.Pair[] memory pairs = new ILens.Pair[](count);
        IScrip.Terms[] memory terms = new IScrip.Terms[](count);
        for (uint256 i; i < count; ++i) {
            (pairs[i].planId, terms[i]) = randomPlan(random);
            pairs[i].holder = random.coin() ? subscriber : builder;
            stock(random, pairs[i].planId, terms[i], pairs[i].holder);
            if (random.within(0, 3) == 0) pairs[i].planId = NO_PLAN + i;
        }
        pass(random.within(0, 100));

        ILens.Holding[] memory holdings = lens.balancesOf(scrip, pairs);

        assertEq(holdings.length, count, "holdings");
        for (uint256 i; i < count; ++i) {
            (uint256 planId, address holder) = (pairs[i].planId, pairs[i].holder);
            bool exists = planId > NO_PLAN + count;
            assertEq(holdings[i].planExists, exists, "exists");
            assertEq(holdings[i].balance, balance(planId, holder), "balance");
            if (!exists) {
                assertEq(holdings[i].accessEnd, 0, "no access to what is not there");
                assertFalse(holdings[i].isSubscriber, "nobody subscribes to what is not there");
                continue;
            }
            assertEq(holdings[i].accessEnd, scrip.accessEnd(planId, holder), "end of access");
            // The subscriber is funded, the builder is not.
            bool paysUses = terms[i].price.kind == IScrip.PriceKind.PerUse && holder == subscriber;
            assertEq(holdings[i].isSubscriber, balance(planId, holder) != 0 || paysUses, "subscriber");
        }
    }

    function testFuzz_GivenAPlanPaidPerUse(uint256 tokens, uint256 allowance) public {
        uint256 least = uint256(PRICE) * 3;
        tokens = bound(tokens, 0, least * 2);
        allowance = bound(allowance, 0, least * 2);
        uint256 id = create(perUse(address(dollar)));
        dollar.mint(agent, tokens);
        vm.prank(agent);
        dollar.approve(address(scrip), allowance);

        ILens.Holding memory holding = holdingOf(id, agent);

        assertEq(holding.isSubscriber, tokens >= least && allowance >= least, "subscriber");
        assertEq(holding.balance, 0, "balance");
    }

    function testFuzz_GivenATokenThatAnswersNothing(bool burnsGas) public {
        address token = burnsGas ? address(new SpendthriftToken()) : address(assent);
        ILens.Pair[] memory pairs = new ILens.Pair[](2);
        pairs[0] = pair(create(perUse(token)), subscriber);
        pairs[1] = pair(create(perUse(address(dollar))), subscriber);

        ILens.Holding[] memory holdings = lens.balancesOf{gas: 2_000_000}(scrip, pairs);

        assertFalse(holdings[0].isSubscriber, "nobody subscribes");
        assertTrue(holdings[1].isSubscriber, "the other pair");
    }

    function test_RevertWhen_TheCoreIsNone() public {
        ILens.Pair[] memory pairs = new ILens.Pair[](1);
        vm.expectRevert(abi.encodeWithSelector(ILens.NoAnswer.selector, address(assent)));
        lens.balancesOf(IScrip(address(assent)), pairs);
    }
}
