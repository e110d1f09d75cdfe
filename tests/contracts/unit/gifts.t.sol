// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Who may order for whom.
contract GiftsTest is Base {
    address internal heir = makeAddr("heir");

    function setUp() public override {
        super.setUp();
        fund(builder);
        fund(minter);
        fund(agent);
        fund(heir);
        fund(payee);
    }

    /// @dev The kinds of plans where an order can start a clock, fill lots or use up a limit.
    function personal(uint256 kind) internal returns (uint256 planId) {
        kind = bound(kind, 0, 4);
        IScrip.Terms memory terms = premium();
        if (kind == 0) terms = expiring(1 days);
        if (kind == 1) terms = access(30 days);
        if (kind == 2) terms.limits.perHolder = 5;
        if (kind == 3) terms.limits.inAll = 5;
        if (kind == 4) {
            terms = access(1);
            terms.limits = IScrip.Limits({perHolder: 5, inAll: 5});
        }
        planId = create(terms);
        nameOperators(planId);
    }

    function expectGiven(uint256 planId, address payer) internal {
        uint256 before = dollar.balanceOf(payer);
        vm.prank(payer);
        scrip.order(planId, subscriber, 2, 2 * PRICE);
        assertEq(dollar.balanceOf(payer), before - 2 * PRICE, "money of the payer");
        bool isAccess = scrip.plan(planId).terms.grant.kind == IScrip.GrantKind.Time;
        assertEq(balance(planId, subscriber), isAccess ? 1 : 2 * CREDITS, "balance of the holder");
    }

    function expectRefused(uint256 planId, address payer) internal {
        uint256 before = dollar.balanceOf(payer);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IScrip.GiftNotAllowed.selector, planId, payer, subscriber));
        scrip.order(planId, subscriber, 2, 2 * PRICE);
        assertEq(dollar.balanceOf(payer), before, "money of the payer");
        assertEq(balance(planId, subscriber), 0, "balance of the holder");
    }

    // ─────────────────────────────── Credits that never expire, no limit ─────────────────────────────

    function testFuzz_WhenAnyoneOrdersForAnyone(address payer, address holder) public {
        // Payers without coin of their own, and holders without code to ask.
        payer = address(uint160(bound(uint160(payer), 0x10_000, type(uint160).max)));
        holder = address(uint160(bound(uint160(holder), 0x10_000, type(uint160).max)));
        if (payer == payee) payer = stranger;
        if (holder.code.length != 0) holder = subscriber;
        uint256 planId = create(premium());
        fund(payer);
        uint256 before = dollar.balanceOf(payer);

        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(payer, address(0), holder, planId, CREDITS);
        vm.expectEmit(address(scrip));
        emit IScrip.PlanOrdered(planId, payer, holder, 1, address(dollar), PRICE, 0, CREDITS, 0);
        vm.prank(payer);
        scrip.order(planId, holder, 1, PRICE);

        assertEq(dollar.balanceOf(payer), before - PRICE, "money of the payer");
        assertEq(balance(planId, holder), CREDITS, "balance of the holder");
        if (payer != holder) assertEq(balance(planId, payer), 0, "balance of the payer");
    }

    function test_WhenAStrangerGivesToAHolderWithManyLots() public {
        uint256 planId = create(premium());
        for (uint32 i = 1; i <= 20; ++i) {
            lend(planId, subscriber, 1, i);
        }

        vm.prank(stranger);
        scrip.order(planId, subscriber, 3, 3 * PRICE);

        IScrip.Lot[] memory lots = scrip.lotsOf(planId, subscriber);
        assertEq(lots.length, 21, "number of lots");
        assertEq(lots[20].amount, 3 * CREDITS, "credits that never expire");
        assertEq(lots[20].expiry, 0, "which never expire");
    }

    function testFuzz_WhenAStrangerHasFilledAnAccount(uint64 credits) public {
        credits = uint64(bound(credits, type(uint64).max / 2 + 1, type(uint64).max));
        IScrip.Terms memory terms = free();
        terms.grant.credits = credits;
        uint256 planId = create(terms);
        vm.prank(stranger);
        scrip.order(planId, subscriber, 1, 0);

        vm.startPrank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.CreditsOverflow.selector, 2 * uint256(credits), type(uint64).max));
        scrip.order(planId, subscriber, 1, 0);
        scrip.burn(planId, subscriber, credits);
        scrip.order(planId, subscriber, 1, 0);

        assertEq(balance(planId, subscriber), credits, "balance");
    }

    // ─────────────────────────────────────── All other plans ─────────────────────────────────────────

    function testFuzz_WhenTheHolderOrdersForItself(uint256 kind) public {
        expectGiven(personal(kind), subscriber);
    }

    function testFuzz_WhenTheOwnerOrdersForTheHolder(uint256 kind) public {
        expectGiven(personal(kind), builder);
    }

    function testFuzz_WhenAMintOperatorOrdersForTheHolder(uint256 kind) public {
        expectGiven(personal(kind), minter);
    }

    function testFuzz_RevertWhen_AnOperatorThatMayOnlyRedeemOrdersForTheHolder(uint256 kind) public {
        expectRefused(personal(kind), agent);
    }

    function testFuzz_RevertWhen_AStrangerOrdersForTheHolder(uint256 kind) public {
        expectRefused(personal(kind), stranger);
    }

    function testFuzz_RevertWhen_TheFormerOwnerOrdersForTheHolder(uint256 kind) public {
        uint256 planId = personal(kind);
        handOver(planId, heir);

        expectRefused(planId, builder);
        expectGiven(planId, heir);
    }

    function testFuzz_RevertWhen_AFormerMintOperatorOrdersForTheHolder(uint256 kind, bool handedOver) public {
        uint256 planId = personal(kind);
        if (handedOver) {
            handOver(planId, heir);
        } else {
            vm.prank(builder);
            scrip.setOperator(planId, minter, 0);
        }

        expectRefused(planId, minter);
    }

    function testFuzz_RevertWhen_ThePayeeOrdersForTheHolder(uint256 kind) public {
        expectRefused(personal(kind), payee);
    }
}
