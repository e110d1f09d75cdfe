// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {Metered} from "../Metered.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Gas of the operations as whole transactions, committed as snapshots. Payees hold a unit beforehand, as those in
/// business do. Batches, vouchers and multicalls stand in `gasRedemptions`.
contract GasTest is Base, Metered {
    uint256 internal constant MILLION = 1_000_000;

    uint256 internal id;

    function setUp() public override {
        super.setUp();
        dollar.mint(payee, 1);
        vm.deal(payee, 1);
        vm.deal(builder, 1 ether);
        id = create(premium());
    }

    function order(uint256 planId, uint256 price, uint256 value, string memory name) internal {
        vm.prank(subscriber);
        scrip.order{value: value}(planId, subscriber, 1, price);
        snap(name);
    }

    // ────────────────────────────────────────── Operations ───────────────────────────────────────────

    function test_WhenAPlanIsCreated() public isolated {
        IScrip.Terms memory terms = premium();
        assertEq(bytes(terms.uri).length, 48, "bytes of the uri");
        vm.prank(builder);
        scrip.createPlan(terms, bytes32(uint256(1)));
        snap("create plan");
    }

    function test_WhenAPlanIsOrderedWithAnERC20() public isolated {
        order(id, PRICE, 0, "order ERC-20, first");
        order(id, PRICE, 0, "order ERC-20, repeat");
    }

    function test_WhenAPlanIsOrderedWithAFee() public isolated {
        address receiver = makeAddr("receiver");
        dollar.mint(receiver, 1);
        vm.prank(feeController);
        scrip.setFee(receiver, 100);
        order(id, PRICE, 0, "order ERC-20 with a fee, first");
        order(id, PRICE, 0, "order ERC-20 with a fee, repeat");
        assertEq(dollar.balanceOf(receiver), 1 + 2 * PRICE / 100, "money of the fee's receiver");
    }

    function test_WhenAPlanIsOrderedWithTheNativeCoin() public isolated {
        uint256 planId = create(native(1 ether));
        order(planId, 1 ether, 1 ether, "order native, first");
        order(planId, 1 ether, 1 ether, "order native, repeat");
    }

    function test_WhenCreditsWithALifetimeAreOrdered() public isolated {
        uint256 planId = create(expiring(6_400));
        order(planId, PRICE, 0, "order with a lifetime, first");
        order(planId, PRICE, 0, "order with a lifetime, repeat into the same lot");
        pass(100);
        order(planId, PRICE, 0, "order with a lifetime, repeat to 2 live lots");
        pass(100);
        order(planId, PRICE, 0, "order with a lifetime, repeat to 3 live lots");
        pass(100);
        order(planId, PRICE, 0, "order with a lifetime, repeat to 4 live lots");
        assertEq(scrip.lotsOf(planId, subscriber).length, 4, "number of lots");
    }

    function test_WhenAccessForATimeIsOrdered() public isolated {
        uint256 planId = create(access(30 days));
        order(planId, PRICE, 0, "order of a time plan, first");
        order(planId, PRICE, 0, "order of a time plan, repeat");
    }

    function test_WhenAFreePlanIsOrdered() public isolated {
        order(create(free()), 0, 0, "order free, first");
    }

    function test_WhenCreditsAreMinted() public isolated {
        give(id, subscriber, 10);
        snap("mint, new holder");
        give(id, subscriber, 10);
        snap("mint, known holder");
    }

    function test_WhenCreditsThatExpireAreMinted() public isolated {
        lend(id, subscriber, 10, 1_000);
        snap("mint expirable, new holder");
        lend(id, subscriber, 10, 1_001);
        snap("mint expirable, known holder");
    }

    function test_WhenCreditsAreRedeemed() public isolated {
        give(id, subscriber, 100);
        vm.startPrank(builder);
        scrip.redeemWithoutId(id, subscriber, 1);
        snap("redeem without id");
        scrip.redeem(id, subscriber, 1, 1);
        snap("redeem, fresh word");
        scrip.redeem(id, subscriber, 1, 2);
        snap("redeem, used word");
    }

    function test_WhenAnOperatorRedeems() public isolated {
        nameOperators(id);
        give(id, subscriber, 100);
        vm.prank(agent);
        scrip.redeemWithoutId(id, subscriber, 1);
        snap("redeem without id, by an operator");
    }

    function test_WhenCreditsAreBurned() public isolated {
        give(id, subscriber, 100);
        vm.prank(subscriber);
        scrip.burn(id, subscriber, 1);
        snap("burn");
    }

    function test_WhenAFiatPaymentIsSettledAndTakenBack() public isolated {
        IScrip.Terms memory terms = free();
        terms.price.kind = IScrip.PriceKind.Fiat;
        (terms.price.amount, terms.price.currency) = (PRICE, "USD");
        uint256 planId = create(terms);
        vm.startPrank(builder);
        scrip.settle(planId, subscriber, 1, "pi_3PdYnW2eZvKYlo2C1");
        snap("settle, new holder");
        scrip.settle(planId, subscriber, 1, "pi_3PdYnW2eZvKYlo2C2");
        snap("settle, known holder");
        scrip.takeBack(planId, "pi_3PdYnW2eZvKYlo2C1", 50);
        snap("take back, a part");
        scrip.takeBack(planId, "pi_3PdYnW2eZvKYlo2C1", 50);
        snap("take back, the rest");
    }

    function test_WhenTheCodeIsMeasured() public isolated {
        vm.snapshotValue("operations", "bytes of code", address(scrip).code.length);
        address annex = vm.computeCreateAddress(address(scrip), 2);
        vm.snapshotValue("operations", "bytes of code, annex", annex.code.length);
    }

    // ────────────────────────────────────────── Worst cases ──────────────────────────────────────────

    /// @dev Lots of one credit, each a second longer than the one before.
    function fill(uint256 planId, uint32 duration, uint32 lots) internal {
        for (uint32 i; i < lots; ++i) {
            lend(planId, subscriber, 1, duration + i);
        }
    }

    function test_WhenARedemptionTakesFourLots() public isolated {
        fill(id, 100, 5);
        vm.prank(builder);
        scrip.redeemWithoutId(id, subscriber, 4);
        snap("worst: redeem across 4 lots");
    }

    function test_WhenARedemptionComesBehind65ExpiredLots() public isolated {
        fill(id, 100, 65);
        fill(id, 1_000, 1);
        pass(165);
        vm.prank(builder);
        scrip.redeemWithoutId(id, subscriber, 1);
        assertLt(snap("worst: redeem behind 65 expired lots"), MILLION, "gas");
    }

    /// @dev A holder with 96 minted lots, before which so many orders have made theirs.
    function crowd(uint256 orders) internal returns (uint256 planId) {
        IScrip.Terms memory terms = free();
        terms.grant.duration = 6_400;
        planId = create(terms);
        vm.warp(START - START % 100 + 1);
        fill(planId, 100_000, 96);
        for (uint256 i; i < orders; ++i) {
            if (i > 0) pass(100);
            vm.prank(subscriber);
            scrip.order(planId, subscriber, 1, 0);
        }
        assertEq(scrip.lotsOf(planId, subscriber).length, 96 + orders, "number of lots");
    }

    function test_WhenABurnTakes161Lots() public isolated {
        uint256 planId = crowd(65);
        vm.prank(subscriber);
        scrip.burn(planId, subscriber, 65 * CREDITS + 96);
        assertLt(snap("worst: burn across 161 lots"), MILLION, "gas");
        assertEq(balance(planId, subscriber), 0, "balance");
    }

    function test_WhenARedemptionComesBehind161ExpiredLots() public isolated {
        uint256 planId = crowd(65);
        give(planId, subscriber, 1);
        pass(100_000);
        vm.prank(builder);
        scrip.redeemWithoutId(planId, subscriber, 1);
        assertLt(snap("worst: redeem behind 161 expired lots"), MILLION, "gas");
    }

    function test_WhenALotIsPutBefore95Others() public isolated {
        fill(id, 100, 95);
        lend(id, subscriber, 1, 50);
        assertLt(snap("worst: mint expirable before 95 lots"), MILLION, "gas");
    }

    function test_WhenALotIsPutAmid95Others() public isolated {
        fill(id, 100, 47);
        fill(id, 200, 48);
        lend(id, subscriber, 1, 150);
        assertLt(snap("worst: mint expirable in the middle of 95 lots"), MILLION, "gas");
    }

    function test_WhenALotIsPutBehindTheFirstOf95() public isolated {
        fill(id, 100, 1);
        fill(id, 200, 94);
        lend(id, subscriber, 1, 150);
        assertLt(snap("worst: mint expirable behind the first of 95 lots"), MILLION, "gas");
    }

    function test_WhenALotIsOrderedBefore96Others() public isolated {
        uint256 planId = crowd(1);
        pass(100);
        vm.prank(subscriber);
        scrip.order(planId, subscriber, 1, 0);
        assertLt(snap("worst: order before 96 minted lots"), MILLION, "gas");
    }

    // ──────────────────────────────────────────── History ────────────────────────────────────────────

    /// @dev A holder with 1,000 credits and four lots, of which one credit was redeemed.
    function settle(address holder) internal {
        give(id, holder, 1_000);
        for (uint32 i = 1; i <= 4; ++i) {
            lend(id, holder, 1_000, i * 365 days);
        }
        vm.prank(builder);
        scrip.redeemWithoutId(id, holder, 1);
    }

    /// @dev 50 lots that expire, and redemptions beside them, once before these are gone and for the rest after.
    function live(address holder, uint32 redemptions) internal {
        for (uint32 i = 1; i <= 50; ++i) {
            lend(id, holder, 1, i);
        }
        vm.prank(builder);
        scrip.redeemWithoutId(id, holder, 2);
        pass(50);
        vm.startPrank(builder);
        for (uint256 i = 1; i < redemptions; ++i) {
            scrip.redeemWithoutId(id, holder, 1);
        }
        vm.stopPrank();
    }

    /// @dev Cold each time, and without what the test itself spends on the call.
    function balanceGas(address holder) internal returns (uint256 gas) {
        vm.cool(address(scrip));
        scrip.balanceOf(holder, id);
        return vm.lastCallGas().gasTotalUsed;
    }

    function test_WhenTheBalanceIsAskedForOnceTheyAreCleared() public isolated {
        settle(subscriber);
        settle(stranger);
        for (uint256 i; i < 4; ++i) {
            live(stranger, 250);
        }

        uint256 gas = balanceGas(subscriber);
        snap("balance, after 1 redemption");
        assertEq(balanceGas(stranger), gas, "gas");
        snap("balance, after 1,000 redemptions and 200 expired lots");
    }

    function test_WhenTheBalanceIsAskedForBeforeTheyAreCleared() public isolated {
        settle(subscriber);
        settle(stranger);
        for (uint256 i; i < 4; ++i) {
            live(stranger, i < 3 ? 333 : 1);
        }

        // The first lot stands in the ring now, behind a dead one: one more word, and two more lots to look at.
        assertLe(balanceGas(stranger), balanceGas(subscriber) + 2_100 + 2 * 450, "gas");
    }
}
