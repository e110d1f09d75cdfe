// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Kinds} from "../Kinds.sol";
import {Chameleon} from "../mocks/Chameleon.sol";
import {LookingHook} from "../mocks/LookingHook.sol";
import {IHook} from "scrip/interfaces/IHook.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice When and how a plan's hook is asked, and how it refuses.
contract HooksTest is Kinds {
    uint8 internal constant BEFORE_ORDER = 1;
    uint8 internal constant AFTER_ORDER = 2;
    uint8 internal constant BEFORE_REDEMPTION = 4;
    uint8 internal constant AFTER_REDEMPTION = 8;

    function hookedPremium(uint8 calls) internal returns (uint256 planId) {
        planId = create(hooked(premium(), calls));
    }

    function expectAsked(bytes memory call, bool asked) internal {
        if (asked) vm.expectCall(address(other), 0, 200_000, call, 1);
        else vm.expectCall(address(other), call, 0);
    }

    function refusal(uint256 planId, bytes memory reason) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.HookRefused.selector, planId, address(other), reason);
    }

    // ──────────────────────────────────────── What it is asked ───────────────────────────────────────

    function testFuzz_WhenItsPlanIsOrdered(uint8 calls, uint16 quantity, bytes memory data, bool gift) public {
        calls = uint8(bound(calls, 1, 15));
        quantity = uint16(bound(quantity, 1, 1_000));
        uint256 planId = hookedPremium(calls);
        address holder = gift ? agent : subscriber;
        uint256 price = uint256(PRICE) * quantity;
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](1);
        purchases[0] =
            IScrip.Purchase({planId: planId, holder: holder, quantity: quantity, maxPrice: price, data: data});
        setFee(stranger, 100);

        expectAsked(
            abi.encodeCall(IHook.beforeOrder, (planId, subscriber, holder, quantity, price, data)),
            calls & BEFORE_ORDER != 0
        );
        expectAsked(
            abi.encodeCall(IHook.afterOrder, (planId, subscriber, holder, quantity, price, data)),
            calls & AFTER_ORDER != 0
        );
        expectAsked(abi.encodePacked(IHook.beforeRedemption.selector), false);
        expectAsked(abi.encodePacked(IHook.afterRedemption.selector), false);
        vm.prank(subscriber);
        scrip.orderMany(purchases);

        assertEq(balance(planId, holder), uint256(CREDITS) * quantity, "balance");
    }

    function testFuzz_WhenItsPlanIsRedeemed(uint8 calls, uint8 amount, uint8 how) public {
        calls = uint8(bound(calls, 1, 15));
        amount = uint8(bound(amount, 1, 100));
        uint256 planId = hookedPremium(calls);
        give(planId, subscriber, 100);

        bytes memory arguments = abi.encode(planId, builder, subscriber, amount);
        expectAsked(abi.encodePacked(IHook.beforeRedemption.selector, arguments), calls & BEFORE_REDEMPTION != 0);
        expectAsked(abi.encodePacked(IHook.afterRedemption.selector, arguments), calls & AFTER_REDEMPTION != 0);
        redeem(planId, amount, how);

        assertEq(balance(planId, subscriber), 100 - amount, "balance");
    }

    function redeem(uint256 planId, uint8 amount, uint8 how) internal {
        if (how % 4 == 3) {
            redeemVouched(planId, amount, 0);
            return;
        }
        vm.startPrank(builder);
        if (how % 4 == 0) {
            scrip.redeem(planId, subscriber, amount, 5);
        } else if (how % 4 == 1) {
            scrip.redeemWithoutId(planId, subscriber, amount);
        } else {
            IScrip.Batch[] memory batches = new IScrip.Batch[](1);
            batches[0] = IScrip.Batch({planId: planId, uses: new IScrip.Use[](1)});
            batches[0].uses[0] = IScrip.Use({holder: subscriber, amount: amount, requestId: 5});
            scrip.redeemMany(batches);
        }
        vm.stopPrank();
    }

    function test_WhenItIsAskedOfAccessAndOfUses() public {
        uint256 accessId = create(hooked(access(30 days), 12));
        uint256 useId = create(hooked(perUse(address(dollar), 7), 12));
        give(accessId, subscriber, 1);

        expectAsked(abi.encodeCall(IHook.beforeRedemption, (accessId, builder, subscriber, 3)), true);
        expectAsked(abi.encodeCall(IHook.afterRedemption, (accessId, builder, subscriber, 3)), true);
        redeem(accessId, 3, 1);
        expectAsked(abi.encodeCall(IHook.beforeRedemption, (useId, builder, subscriber, 4)), true);
        expectAsked(abi.encodeCall(IHook.afterRedemption, (useId, builder, subscriber, 4)), true);
        redeem(useId, 4, 3);

        assertEq(dollar.balanceOf(payee), 28, "money of the payee");
    }

    function test_WhenItLooksAtTheLedger() public {
        // Before the grant it sees nothing of it, afterwards all: each time it says the balance, which is no selector.
        uint256 beforeId = hookedPremium(BEFORE_ORDER);
        uint256 afterId = hookedPremium(AFTER_ORDER);
        LookingHook looking = new LookingHook();
        vm.etch(address(other), address(looking).code);
        vm.startPrank(subscriber);
        vm.expectRevert(refusal(beforeId, abi.encode(uint256(0), dollar.balanceOf(payee))));
        scrip.order(beforeId, subscriber, 1, PRICE);
        vm.expectRevert(refusal(afterId, abi.encode(uint256(CREDITS), dollar.balanceOf(payee) + PRICE)));
        scrip.order(afterId, subscriber, 1, PRICE);
    }

    function test_WhenNothingIsOrderedOrRedeemed() public {
        IScrip.Terms memory terms = hooked(premium(), 15);
        terms.revocable = true;
        uint256 planId = create(terms);
        uint256 fiatId = create(hooked(fiat(), 15));
        behave(Chameleon.Mode.Refuse, "no");
        vm.expectCall(address(other), "", 0);

        vm.startPrank(builder);
        scrip.mint(planId, subscriber, 10);
        scrip.mintExpirable(planId, subscriber, 10, 100);
        scrip.burn(planId, subscriber, 5);
        scrip.settle(fiatId, subscriber, 1, "pi_1");
        scrip.takeBack(fiatId, "pi_1", 10);
        scrip.reverseTakeBack(fiatId, "pi_1");
        scrip.setOpen(planId, false);
        scrip.setOpen(planId, true);
        vm.stopPrank();
        vm.prank(subscriber);
        scrip.burn(planId, subscriber, 5);

        assertEq(balance(planId, subscriber), 10, "balance");
        assertEq(balance(fiatId, subscriber), CREDITS, "balance of the fiat plan");
    }

    // ───────────────────────────────────────── How it refuses ────────────────────────────────────────

    /// @dev An order or a redemption, refused without a trace.
    function expectRefused(uint8 call, bytes memory reason) internal {
        uint256 planId = hookedPremium(call);
        give(planId, subscriber, 10);
        uint256 before = dollar.balanceOf(subscriber);
        if (call <= AFTER_ORDER) {
            vm.prank(subscriber);
            vm.expectRevert(refusal(planId, reason));
            scrip.order(planId, subscriber, 1, PRICE);
        } else {
            vm.prank(builder);
            vm.expectRevert(refusal(planId, reason));
            scrip.redeem(planId, subscriber, 1, 3);
        }
        assertEq(dollar.balanceOf(subscriber), before, "money of the payer");
        assertEq(balance(planId, subscriber), 10, "balance");
        assertFalse(scrip.isRedeemed(planId, builder, 3), "request used");
    }

    function aCall(uint8 seed) internal pure returns (uint8) {
        return uint8(1 << seed % 4);
    }

    function testFuzz_RevertWhen_ItReverts(uint8 call, bytes memory reason) public {
        uint256 length = reason.length < 256 ? reason.length : 256;
        behave(Chameleon.Mode.Refuse, reason);
        assembly {
            mstore(reason, length)
        }
        expectRefused(aCall(call), reason);
    }

    function testFuzz_RevertWhen_ItRevertsAtLength(uint8 call, uint16 length) public {
        bytes memory reason = new bytes(bound(length, 257, 2_000));
        reason[255] = 0x01;
        reason[256] = 0x02;
        behave(Chameleon.Mode.Refuse, reason);
        bytes memory copied = new bytes(256);
        copied[255] = 0x01;
        expectRefused(aCall(call), copied);
    }

    function testFuzz_RevertWhen_ItAnswersAnotherSelector(uint8 call, bytes4 answer) public {
        call = aCall(call);
        bytes4[4] memory selectors = [
            IHook.beforeOrder.selector,
            IHook.afterOrder.selector,
            IHook.beforeRedemption.selector,
            IHook.afterRedemption.selector
        ];
        for (uint256 i; i < 4; ++i) {
            if (call == 1 << i && answer == selectors[i]) answer = ~answer;
            if (call == 1 << i) continue;
            behave(Chameleon.Mode.Say, abi.encode(selectors[i]));
            uint256 snapshot = vm.snapshotState();
            expectRefused(call, abi.encode(selectors[i]));
            vm.revertToState(snapshot);
        }
        behave(Chameleon.Mode.Say, abi.encode(answer));
        expectRefused(call, abi.encode(answer));
    }

    function testFuzz_RevertWhen_ItAnswersTheSelectorAndDirt(uint8 call, uint224 dirt) public {
        dirt = uint224(bound(dirt, 1, type(uint224).max));
        call = aCall(call);
        bytes4 selector = call == 1
            ? IHook.beforeOrder.selector
            : call == 2
                ? IHook.afterOrder.selector
                : call == 4 ? IHook.beforeRedemption.selector : IHook.afterRedemption.selector;
        behave(Chameleon.Mode.Say, abi.encodePacked(selector, dirt));
        expectRefused(call, abi.encodePacked(selector, dirt));
    }

    function testFuzz_RevertWhen_ItAnswersNothing(uint8 call) public {
        behave(Chameleon.Mode.Say, "");
        expectRefused(aCall(call), "");
    }

    function testFuzz_RevertWhen_ItBurnsAllGas(uint8 call) public {
        behave(Chameleon.Mode.Burn, "");
        uint256 before = gasleft();
        expectRefused(aCall(call), "");
        assertLt(before - gasleft(), 900_000, "gas, a plan's creation included");
    }

    function testFuzz_RevertWhen_ItHasLostItsCode(uint8 call) public {
        uint256 planId = hookedPremium(aCall(call));
        vm.etch(address(other), "");
        give(planId, subscriber, 1);
        vm.prank(aCall(call) <= 2 ? subscriber : builder);
        vm.expectRevert(refusal(planId, ""));
        if (aCall(call) <= 2) scrip.order(planId, subscriber, 1, PRICE);
        else scrip.redeemWithoutId(planId, subscriber, 1);
    }

    // ──────────────────────────────────────── Too little gas ─────────────────────────────────────────

    function testFuzz_WhenTheCallerIsSparingWithGas(uint8 call, uint256 gas) public {
        call = aCall(call);
        gas = bound(gas, 30_000, 600_000);
        uint256 planId = hookedPremium(call);
        give(planId, subscriber, 10);
        behave(Chameleon.Mode.Refuse, "no");
        bytes memory message = call <= AFTER_ORDER
            ? abi.encodeCall(IScrip.order, (planId, subscriber, 1, PRICE))
            : abi.encodeCall(IScrip.redeemWithoutId, (planId, subscriber, 1));

        vm.prank(call <= AFTER_ORDER ? subscriber : builder);
        (bool done, bytes memory answer) = address(scrip).call{gas: gas}(message);
        assertFalse(done, "a hook that refuses was skipped");
        if (gas < 200_000 && call != AFTER_ORDER && answer.length != 0) {
            assertEq(bytes4(answer), IScrip.InsufficientGas.selector, "error with too little gas");
        }
        if (gas > 400_000) assertEq(answer, refusal(planId, "no"), "error with plenty of gas");
    }
}
