// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Book} from "./Book.sol";
import {Handler} from "./Handler.sol";
import {Replica} from "./Replica.sol";
import {World} from "./World.sol";
import {Random} from "../Random.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Compares the core with what the store remembers. The numbered sentences stand in `README.md`, and are what a
/// failure says.
contract InvariantsTest is World {
    using Random for Random.Source;

    Book internal book;
    Replica internal replica;

    function setUp() public override {
        super.setUp();
        (book, replica) = (store.book(), store.replica());
        targetContract(address(handler));
        targetContract(address(intruder));
    }

    /// @dev One campaign for all, since each function of this kind would run the same campaign again.
    function invariant_EverySentenceHolds() public {
        checkRequests();
        checkMoney();
        checkPlans();
        checkBatch();
        for (uint256 i; i < store.planCount(); ++i) {
            for (uint256 j; j < store.holderCount(); ++j) {
                (uint256 planId, address holder) = (store.plans(i), store.holders(j));
                checkBalance(planId, holder);
                checkLots(planId, holder);
                checkConservation(planId, holder);
                checkTransfers(planId, holder);
                checkBurn(planId, holder);
            }
        }
        assertEq(tricky.successes(), 0, "15. Nobody gets at another's credits from within a callback.");
    }

    // ──────────────────────────────────────────── Credits ────────────────────────────────────────────

    function checkBalance(uint256 planId, address holder) internal view {
        if (store.isAccess(planId)) {
            uint256 end = book.endOf(planId, holder);
            uint256 expected = vm.getBlockTimestamp() < end ? 1 : 0;
            assertEq(scrip.accessEnd(planId, holder), end, "3. Access ends when the orders, gifts and burns say.");
            assertEq(balance(planId, holder), expected, "3. A balance of access is 1 until its end, and then 0.");
        } else {
            uint256 expected = book.balanceOf(planId, holder);
            assertEq(balance(planId, holder), expected, "1. A balance is the sum of the lots that have not expired.");
        }
    }

    function checkLots(uint256 planId, address holder) internal view {
        bytes32 lots = keccak256(abi.encode(scrip.lotsOf(planId, holder)));
        assertEq(
            lots,
            keccak256(abi.encode(book.lotsOf(planId, holder))),
            "2. The lots are those that live, in the order of spending."
        );
        assertEq(
            lots, keccak256(abi.encode(replica.book().lotsOf(planId, holder))), "7. The logs alone tell every lot."
        );
        assertEq(
            scrip.accessEnd(planId, holder),
            replica.book().endOf(planId, holder),
            "7. The logs alone tell when access ends."
        );
    }

    function checkConservation(uint256 planId, address holder) internal view {
        if (store.isAccess(planId)) return;
        uint256 gone = store.spent(planId, holder) + store.burned(planId, holder) + book.expiredOf(planId, holder);
        assertEq(
            store.minted(planId, holder),
            gone + balance(planId, holder),
            "4. What was minted was spent, was burned, has expired, or lives."
        );
    }

    /// @dev What an invariant changes is forgotten after it.
    function checkBurn(uint256 planId, address holder) internal {
        uint256 held = balance(planId, holder);
        uint256 most = store.availableOf(planId, holder);
        vm.startPrank(holder);
        (bool success, bytes memory answer) =
            address(scrip).call(abi.encodeCall(IScrip.burn, (planId, holder, uint64(most + 1))));
        assertFalse(success, "5. A burn accepts no more than the balance.");
        assertEq(
            answer,
            abi.encodeWithSelector(IScrip.InsufficientCredits.selector, planId, holder, most + 1, most),
            "5. A burn of more than the balance tells the balance."
        );
        if (held != 0) {
            (success,) = address(scrip).call(abi.encodeCall(IScrip.burn, (planId, holder, uint64(most))));
            assertTrue(success, "5. A burn accepts the whole balance.");
            assertEq(balance(planId, holder), 0, "5. After a burn of the whole balance nothing is left.");
        }
        vm.stopPrank();
    }

    function checkBatch() internal view {
        uint256 count = store.planCount() * store.holderCount();
        address[] memory accounts = new address[](count);
        uint256[] memory ids = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            (accounts[i], ids[i]) = (store.holders(i % store.holderCount()), store.plans(i / store.holderCount()));
        }
        uint256[] memory balances = scrip.balanceOfBatch(accounts, ids);
        for (uint256 i; i < count; ++i) {
            assertEq(balances[i], scrip.balanceOf(accounts[i], ids[i]), "6. balanceOfBatch is balanceOf, one by one.");
        }
    }

    // ───────────────────────────────────────────── Logs ──────────────────────────────────────────────

    function checkTransfers(uint256 planId, address holder) internal view {
        uint256 uncleared = replica.book().expiredOf(planId, holder);
        uint256 end = replica.book().endOf(planId, holder);
        if (end != 0 && end <= vm.getBlockTimestamp()) uncleared = 1;
        assertEq(
            replica.transferred(planId, holder),
            int256(balance(planId, holder) + uncleared),
            "8. The transfers of ERC-1155 add up to the balance and what has expired since the last call."
        );
    }

    function checkRequests() internal view {
        for (uint256 i; i < store.requestCount(); ++i) {
            (uint256 planId, address redeemer, uint256 requestId) = store.requests(i);
            uint256 times = store.redemptions(planId, redeemer, requestId);
            assertLe(times, 1, "9. No redeemer redeems a request of a plan twice.");
            assertEq(
                scrip.isRedeemed(planId, redeemer, requestId),
                times == 1,
                "9. A request is redeemed exactly when it was."
            );
            assertEq(replica.redemptions(planId, redeemer, requestId), times, "9. The logs tell every redemption.");
        }
    }

    // ───────────────────────────────────────────── Money ─────────────────────────────────────────────

    function checkMoney() internal view {
        for (uint256 i; i < store.purseCount(); ++i) {
            address account = store.purses(i);
            assertEq(
                dollar.balanceOf(account),
                store.money(address(dollar), account),
                "10. Payers have paid exactly the prices, payees and the fee's receiver received them, in tokens, to the unit."
            );
            assertEq(
                account.balance,
                store.money(address(0), account),
                "10. Payers have paid exactly the prices, payees and the fee's receiver received them, in coin, to the unit."
            );
        }
        assertEq(dollar.balanceOf(address(scrip)), 0, "11. The core holds no tokens.");
        assertEq(address(scrip).balance, 0, "11. The core holds no coin.");
        IScrip.Fee memory fee = scrip.fee();
        assertEq(fee.rate, store.feeRate(), "10. The fee's rate is what its controller said last.");
        assertEq(fee.controller, feeController, "10. Nobody but its controller gives up the control of the fee.");
    }

    // ───────────────────────────────────────────── Plans ─────────────────────────────────────────────

    function checkPlans() internal view {
        for (uint256 i; i < store.planCount(); ++i) {
            uint256 planId = store.plans(i);
            IScrip.Plan memory plan = scrip.plan(planId);
            assertEq(
                keccak256(abi.encode(plan.terms)),
                keccak256(abi.encode(store.termsOf(planId))),
                "12. Terms never change."
            );
            assertEq(plan.owner, store.ownerOf(planId), "13. A plan is owned by who accepted it last.");
            assertEq(plan.pendingOwner, address(0), "13. An offer that was accepted is gone.");
            assertEq(plan.open, !store.stopped(planId), "13. A plan is open or stopped as its owner said last.");
            for (uint256 j; j < store.accountCount(); ++j) {
                address operator = store.accounts(j);
                assertEq(
                    scrip.permissionsOf(planId, operator),
                    store.permissionsOf(planId, operator),
                    "13. Operators may do what this owner said last."
                );
            }
            checkOrders(planId, plan);
        }
    }

    function checkOrders(uint256 planId, IScrip.Plan memory plan) internal view {
        IScrip.Limits memory limits = plan.terms.limits;
        assertEq(plan.ordered, store.ordered(planId), "14. Orders in all are counted where they are limited.");
        if (limits.inAll != 0) assertLe(plan.ordered, limits.inAll, "14. Orders in all stay within their limit.");
        for (uint256 j; j < store.holderCount(); ++j) {
            address holder = store.holders(j);
            uint256 orders = scrip.ordersOf(planId, holder);
            assertEq(
                orders, store.ordersOf(planId, holder), "14. Orders of a holder are counted where they are limited."
            );
            if (limits.perHolder != 0) {
                assertLe(orders, limits.perHolder, "14. Orders of a holder stay within their limit.");
            }
        }
    }

    // ──────────────────────────────────────────── The end ────────────────────────────────────────────

    /// @dev After each run: much was done and much refused, and once everything that expired is cleared, the transfers of
    /// ERC-1155 are the balances.
    function afterInvariant() public {
        // Shorter histories are those that forge tries when it shrinks a failing one.
        if (store.acts() < 100) return;
        uint256 came = done("order") + done("gift") + done("mint") + done("mintExpirable") + done("mintMany");
        uint256 went = done("burn") + done("revoke") + done("redeem") + done("redeemWithoutId");
        assertGt(came, 0, "some credits came");
        assertGt(went, 0, "some credits went");
        assertGt(store.refused(), 0, "something was refused");
        assertGt(vm.getBlockTimestamp(), START, "some time passed");
        clearAll();
    }

    function done(string memory act) internal view returns (uint256) {
        return store.successes(act);
    }

    function clearAll() internal {
        vm.recordLogs();
        for (uint256 i; i < store.planCount(); ++i) {
            uint256 planId = store.plans(i);
            vm.startPrank(store.ownerOf(planId));
            for (uint256 j; j < store.holderCount(); ++j) {
                address holder = store.holders(j);
                if (store.isAccess(planId)) {
                    scrip.mint(planId, holder, 1);
                } else {
                    // A lot's own expiry, for the case that there are as many lots as a mint may make.
                    IScrip.Lot[] memory lots = scrip.lotsOf(planId, holder);
                    bool expires = lots.length != 0 && lots[0].expiry != 0;
                    uint256 last = expires ? lots[0].expiry - vm.getBlockTimestamp() : 1;
                    scrip.mintExpirable(planId, holder, 1, uint32(last));
                }
            }
            vm.stopPrank();
        }
        replica.read(vm.getRecordedLogs(), address(scrip));
        for (uint256 i; i < store.planCount(); ++i) {
            for (uint256 j; j < store.holderCount(); ++j) {
                (uint256 planId, address holder) = (store.plans(i), store.holders(j));
                assertEq(
                    replica.transferred(planId, holder),
                    int256(balance(planId, holder)),
                    "8. Once all that expired is cleared, the transfers of ERC-1155 add up to the balances."
                );
            }
        }
    }

    // ──────────────────────────────────────────── One walk ───────────────────────────────────────────

    /// @dev A longer history than a run's. That every act and every refusal is met in it is what makes the campaign's
    /// silence mean something.
    function test_EveryActSucceedsAndEveryRefusalIsMet() public {
        // More gas than a test may use otherwise.
        vm.pauseGasMetering();
        bytes4[15] memory acts = [
            handler.order.selector,
            handler.gift.selector,
            handler.mint.selector,
            handler.mintExpirable.selector,
            handler.mintMany.selector,
            handler.burn.selector,
            handler.revoke.selector,
            handler.redeem.selector,
            handler.redeemWithoutId.selector,
            handler.passSeconds.selector,
            handler.passDays.selector,
            handler.setOpen.selector,
            handler.setOperator.selector,
            handler.handOver.selector,
            handler.setFee.selector
        ];
        bytes4[5] memory intrusions = [
            intruder.steal.selector,
            intruder.forge.selector,
            intruder.usurp.selector,
            intruder.replay.selector,
            intruder.underpay.selector
        ];
        Random.Source memory random = Random.from(5);
        for (uint256 i = 1; i <= 3_000; ++i) {
            uint256 act = random.within(0, 19);
            bytes4 selector = act < 15 ? acts[act] : intrusions[act - 15];
            bytes memory seeds = abi.encode(random.next(), random.next(), random.next(), random.next(), random.next());
            (bool success,) = (act < 15 ? address(handler) : address(intruder)).call(abi.encodePacked(selector, seeds));
            assertTrue(success, "An act never reverts.");
            if (i % 300 != 0) continue;
            uint256 snapshot = vm.snapshotState();
            invariant_EverySentenceHolds();
            vm.revertToStateAndDelete(snapshot);
        }
        clearAll();

        string[15] memory names = [
            "order",
            "gift",
            "mint",
            "mintExpirable",
            "mintMany",
            "burn",
            "revoke",
            "redeem",
            "redeemWithoutId",
            "passSeconds",
            "passDays",
            "setOpen",
            "setOperator",
            "handOver",
            "setFee"
        ];
        for (uint256 i; i < names.length; ++i) {
            assertGt(20 * done(names[i]), store.calls(names[i]), string.concat(names[i], " succeeds often enough"));
        }
        bytes4[18] memory errors = [
            IScrip.OrdersStopped.selector,
            IScrip.GiftNotAllowed.selector,
            IScrip.HolderLimitReached.selector,
            IScrip.PlanLimitReached.selector,
            IScrip.PriceAboveMaximum.selector,
            IScrip.WrongValue.selector,
            IScrip.NotMinter.selector,
            IScrip.NoLotsOnTimePlan.selector,
            IScrip.TooManyLots.selector,
            IScrip.NotBurner.selector,
            IScrip.NotRedeemer.selector,
            IScrip.AmountOutOfRange.selector,
            IScrip.NoAccess.selector,
            IScrip.InsufficientCredits.selector,
            IScrip.RequestAlreadyRedeemed.selector,
            IScrip.NotPlanOwner.selector,
            IScrip.NotPendingOwner.selector,
            IScrip.NotFeeController.selector
        ];
        for (uint256 i; i < errors.length; ++i) {
            assertGt(store.refusals(errors[i]), 0, string.concat("refusal ", vm.toString(i), " is met"));
        }
        assertGt(store.refusals(IScrip.Soulbound.selector), 0, "a transfer is refused");
        assertGt(tricky.tries(), 0, "the tricky holder tries");
    }
}
