// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {RefusingPayee} from "../mocks/Payees.sol";
import {FeeDollar} from "../mocks/Tokens.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Faults that were reproduced in a peer's published contracts, each as a story that ends well here.
contract PeersTest is Base {
    uint256 internal id;

    function setUp() public override {
        super.setUp();
        id = create(premium());
    }

    function burn(uint64 amount) internal {
        vm.prank(subscriber);
        scrip.burn(id, subscriber, amount);
    }

    function redeem(uint64 amount) internal {
        vm.prank(builder);
        scrip.redeemWithoutId(id, subscriber, amount);
    }

    function insufficient(uint64 needed, uint256 available) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.InsufficientCredits.selector, id, subscriber, needed, available);
    }

    // ─────────────────────────────────────────── Spent twice ─────────────────────────────────────────

    function testFuzz_RevertWhen_TheyAreBurnedTenTimes(uint32 duration, uint32 step) public {
        duration = uint32(bound(duration, 10, type(uint32).max));
        lend(id, subscriber, 10, duration);
        burn(10);

        for (uint256 i; i < 9; ++i) {
            pass(bound(step, 0, duration / 9));
            vm.expectRevert(insufficient(10, 0));
            burn(10);
            vm.expectRevert(insufficient(1, 0));
            burn(1);
        }
    }

    function testFuzz_RevertWhen_TheyAreRedeemedTenTimesOver(bool expires) public {
        if (expires) lend(id, subscriber, 10, 1 days);
        else give(id, subscriber, 10);
        redeem(10);

        for (uint256 i; i < 9; ++i) {
            vm.expectRevert(insufficient(10, 0));
            redeem(10);
            vm.expectRevert(insufficient(1, 0));
            redeem(1);
        }
    }

    function testFuzz_WhenTimeTakesTheFirstAndThenTheSecondOfThem(uint16 first, uint16 second, bool atOnce) public {
        uint32 early = uint32(bound(first, 1, 1_000));
        uint32 late = uint32(bound(second, early + 1, 2_000));
        lend(id, subscriber, 10, early);
        lend(id, subscriber, 10, late);
        if (atOnce) {
            burn(20);
        } else {
            burn(10);
            burn(10);
        }

        uint256[6] memory times = [uint256(0), early - 1, early, early + 1, late, uint256(late) + 1];
        for (uint256 i; i < times.length; ++i) {
            vm.warp(START + times[i]);
            assertEq(balance(id, subscriber), 0, "balance");
            vm.expectRevert(insufficient(1, 0));
            burn(1);
        }
    }

    // ─────────────────────────────────────── Lost beside others ──────────────────────────────────────

    function test_WhenAnotherIsMintedAndTheFirstOnesExpiryPasses() public {
        lend(id, subscriber, 10, 100);
        vm.warp(START + 90);
        burn(10);
        vm.warp(START + 91);
        lend(id, subscriber, 10, 100);

        uint256[5] memory times = [uint256(99), 100, 110, 189, 190];
        for (uint256 i; i < times.length; ++i) {
            vm.warp(START + times[i]);
            assertEq(balance(id, subscriber), 10, "balance while the other lives");
        }
        vm.warp(START + 191);
        assertEq(balance(id, subscriber), 0, "balance at the other's own expiry");
    }

    function testFuzz_WhenTheOthersExpire(uint64 lasting, uint64 lent, uint64 burned, uint16 duration) public {
        lasting = uint64(bound(lasting, 1, type(uint64).max));
        lent = uint64(bound(lent, 1, type(uint64).max));
        burned = uint64(bound(burned, 0, lent));
        give(id, subscriber, lasting);
        uint40 expiry = lend(id, subscriber, lent, uint32(bound(duration, 1, type(uint16).max)));
        if (burned != 0) burn(burned);

        vm.warp(expiry);

        assertEq(balance(id, subscriber), lasting, "balance");
        burn(lasting);
        assertEq(balance(id, subscriber), 0, "balance when all is spent");
    }

    // ──────────────────────────────────────────── Amounts ────────────────────────────────────────────

    function testFuzz_RevertWhen_TheAmountLiesOutsideIt(uint64 amount) public {
        give(id, subscriber, type(uint64).max);
        if (amount >= 1 && amount <= 100) amount = 1_000;

        vm.expectRevert(abi.encodeWithSelector(IScrip.AmountOutOfRange.selector, id, amount, 1, 100));
        redeem(amount);

        assertEq(balance(id, subscriber), type(uint64).max, "balance");
    }

    function testFuzz_WhenTheAmountLiesInsideIt(uint64 amount) public {
        amount = uint64(bound(amount, 1, 100));
        give(id, subscriber, 100);

        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(builder, subscriber, address(0), id, amount);
        redeem(amount);

        assertEq(balance(id, subscriber), 100 - amount, "balance");
    }

    function test_WhenItIsOrdered() public {
        IScrip.Terms memory terms = premium();
        terms.redemption = IScrip.Redemption({minimum: 2, maximum: 7, redeemers: 7, voucherRequired: false});
        uint256 planId = create(terms);

        orderFor(planId, subscriber);

        assertEq(balance(planId, subscriber), CREDITS, "balance");
    }

    function test_RevertWhen_NothingIsBurnedThreeTimes() public {
        lend(id, subscriber, 3, 100);
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IScrip.ZeroAmount.selector, id));
            burn(0);
        }
        assertEq(balance(id, subscriber), 3, "balance");
        burn(3);
        assertEq(balance(id, subscriber), 0, "balance when all is burned");
    }

    function test_RevertWhen_NothingIsRedeemedThreeTimes() public {
        lend(id, subscriber, 3, 100);
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IScrip.AmountOutOfRange.selector, id, 0, 1, 100));
            redeem(0);
        }
        redeem(3);
        assertEq(balance(id, subscriber), 0, "balance when all is redeemed");
    }

    function test_When25CreditsThatExpireAreBurned() public {
        lend(id, subscriber, 40, 100);

        vm.expectEmit(address(scrip));
        emit IScrip.TransferSingle(subscriber, subscriber, address(0), id, 25);
        burn(25);

        assertEq(balance(id, subscriber), 15, "balance");
    }

    // ───────────────────────────────────────────── Money ─────────────────────────────────────────────

    function testFuzz_RevertWhen_CoinIsSentAlongWithAFreeOrder(uint96 coin) public {
        uint256 planId = create(free());
        uint256 sent = bound(coin, 1, subscriber.balance);

        vm.prank(subscriber);
        vm.expectRevert(abi.encodeWithSelector(IScrip.WrongValue.selector, planId, sent, 0));
        scrip.order{value: sent}(planId, subscriber, 1, 0);

        assertEq(address(scrip).balance, 0, "coin of the core");
    }

    function test_WhenAnotherPlanIsOrdered() public {
        address refusing = address(new RefusingPayee());
        IScrip.Terms memory terms = native(1 ether);
        terms.payees = onePayee(refusing);
        uint256 blockedId = create(terms);
        uint256 otherId = create(native(1 ether));

        vm.startPrank(subscriber);
        vm.expectRevert(
            abi.encodeWithSelector(IScrip.PaymentFailed.selector, blockedId, address(0), subscriber, refusing, 1 ether)
        );
        scrip.order{value: 1 ether}(blockedId, subscriber, 1, 1 ether);
        scrip.order{value: 1 ether}(otherId, subscriber, 1, 1 ether);

        assertEq(balance(otherId, subscriber), CREDITS, "balance");
        assertEq(payee.balance, 1 ether, "coin of the other payee");
    }

    function testFuzz_WhenItIsOrderedAfterAFee(uint96 spare) public {
        FeeDollar token = new FeeDollar();
        token.mint(address(scrip), spare);
        token.mint(subscriber, PRICE);
        IScrip.Terms memory terms = premium();
        terms.price.token = address(token);
        uint256 planId = create(terms);

        vm.startPrank(subscriber);
        token.approve(address(scrip), PRICE);
        scrip.order(planId, subscriber, 1, PRICE);

        assertEq(token.balanceOf(address(scrip)), spare, "what belongs to others");
        assertEq(token.balanceOf(payee), PRICE - PRICE / 100, "money of the payee");
    }

    // ─────────────────────────────────────────── Authority ───────────────────────────────────────────

    function testFuzz_RevertWhen_TheOwnerBurnsWhatASubscriberHolds(uint64 amount) public {
        IScrip.Terms memory terms = premium();
        terms.redemption.redeemers = 1;
        uint256 planId = create(terms);
        orderFor(planId, subscriber);

        vm.prank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotBurner.selector, planId, builder, subscriber));
        scrip.burn(planId, subscriber, amount);
    }

    function test_RevertWhen_APlanHasAPayeeOfZeroOrATokenWithoutCode() public {
        IScrip.Terms memory terms = premium();
        terms.payees = onePayee(address(0));
        vm.expectRevert(abi.encodeWithSelector(IScrip.InvalidPayee.selector, 0, address(0)));
        create(terms);

        terms = premium();
        terms.price.token = stranger;
        vm.expectRevert(abi.encodeWithSelector(IScrip.AccountWithoutCode.selector, stranger));
        create(terms);
    }

    function test_RevertWhen_CreditsOfNoPlanAreMinted() public {
        vm.startPrank(builder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanNotFound.selector, NO_PLAN));
        scrip.mint(NO_PLAN, subscriber, 1);
        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanNotFound.selector, NO_PLAN));
        scrip.mintExpirable(NO_PLAN, subscriber, 1, 1);
    }

    // ──────────────────────────────────────────── History ────────────────────────────────────────────

    function burnGas() internal returns (uint256 gas) {
        lend(id, subscriber, 10, 100);
        vm.cool(address(scrip));
        vm.prank(subscriber);
        uint256 before = gasleft();
        scrip.burn(id, subscriber, 5);
        return before - gasleft();
    }

    function test_WhenABurnComesAfterIt() public {
        burnGas();
        pass(100);
        uint256 first = burnGas();
        for (uint256 i; i < 200; ++i) {
            burnGas();
            pass(100);
        }

        // The 200 lots were cleared on the way, one by each mint: only the memory of the test itself may differ.
        assertApproxEqAbs(burnGas(), first, 500, "gas");
    }
}
