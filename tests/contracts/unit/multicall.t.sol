// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width.
// forge-lint: disable-start(unsafe-typecast)

import {Random} from "../Random.sol";
import {VoucherWorld} from "../VoucherWorld.sol";
import {ReenteringHolder} from "../mocks/Holders.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice Several calls in one, as the caller. What little gas does to them stands in `multicallGasLimits`.
contract MulticallTest is VoucherWorld {
    using Random for Random.Source;

    bytes internal constant REENTRANT =
        abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);

    function list(bytes memory call) internal pure returns (bytes[] memory calls) {
        calls = new bytes[](1);
        calls[0] = call;
    }

    function list(bytes memory first, bytes memory second) internal pure returns (bytes[] memory calls) {
        calls = new bytes[](2);
        (calls[0], calls[1]) = (first, second);
    }

    function multicallBy(address caller, bytes[] memory calls, bool skip) internal returns (IScrip.Outcome[] memory) {
        vm.prank(caller);
        return scrip.multicall(calls, skip);
    }

    function assertOutcome(IScrip.Outcome memory outcome, bool done, bytes memory answer) internal pure {
        assertEq(outcome.done, done, "whether it was done");
        assertEq(outcome.answer, answer, "answer");
    }

    function redemption(uint64 amount, uint256 requestId) internal view returns (bytes memory) {
        return abi.encodeCall(IScrip.redeem, (id, subscriber, amount, requestId));
    }

    function insufficient(uint256 needed, uint256 available) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.InsufficientCredits.selector, id, subscriber, needed, available);
    }

    function outOfRange(uint256 amount) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.AmountOutOfRange.selector, id, amount, 1, 100);
    }

    // ──────────────────────────────────────────── Outcomes ───────────────────────────────────────────

    function test_WhenThereAreNoCalls() public {
        assertEq(multicallBy(stranger, new bytes[](0), false).length, 0, "outcomes");
        assertEq(multicallBy(stranger, new bytes[](0), true).length, 0, "outcomes when skipping");
    }

    function testFuzz_WhenAllAreDone(bool skip, uint64 amount) public {
        amount = uint64(bound(amount, 1, 100));
        bytes[] memory calls = new bytes[](4);
        calls[0] = redemption(amount, 1);
        calls[1] = abi.encodeCall(IScrip.balanceOf, (subscriber, id));
        calls[2] = abi.encodeCall(IScrip.mintExpirable, (id, stranger, amount, 100));
        calls[3] = abi.encodeCall(IScrip.plan, (id));

        IScrip.Outcome[] memory outcomes = multicallBy(builder, calls, skip);

        assertEq(outcomes.length, 4, "outcomes");
        assertOutcome(outcomes[0], true, "");
        assertOutcome(outcomes[1], true, abi.encode(STOCK - amount));
        assertOutcome(outcomes[2], true, abi.encode(START + 100));
        assertOutcome(outcomes[3], true, abi.encode(scrip.plan(id)));
        assertEq(balance(id, stranger), amount, "balance of the other");
    }

    function testFuzz_WhenOneFailsAndIsSkipped(uint8 which, uint64 amount) public {
        which = uint8(bound(which, 0, 3));
        amount = uint64(bound(amount, 101, type(uint64).max));
        bytes[] memory calls = new bytes[](4);
        for (uint256 i; i < 4; ++i) {
            calls[i] = redemption(i == which ? amount : 10, i);
        }

        IScrip.Outcome[] memory outcomes = multicallBy(agent, calls, true);

        for (uint256 i; i < 4; ++i) {
            assertOutcome(outcomes[i], i != which, i == which ? outOfRange(amount) : bytes(""));
            assertEq(scrip.isRedeemed(id, agent, i), i != which, "request");
        }
        assertEq(balance(id, subscriber), STOCK - 30, "balance");
    }

    function testFuzz_RevertWhen_OneFailsAndIsNotSkipped(uint8 which, uint64 amount) public {
        which = uint8(bound(which, 0, 3));
        amount = uint64(bound(amount, 101, type(uint64).max));
        bytes[] memory calls = new bytes[](4);
        for (uint256 i; i < 4; ++i) {
            calls[i] = redemption(i == which ? amount : 10, i);
        }

        vm.expectRevert(outOfRange(amount));
        multicallBy(agent, calls, false);

        for (uint256 i; i < 4; ++i) {
            assertFalse(scrip.isRedeemed(id, agent, i), "request");
        }
        assertEq(balance(id, subscriber), STOCK, "balance");
    }

    /// @dev State is checked before each: what the first leaves is what the second finds.
    function test_WhenTheFirstLeavesTooLittleForTheSecond() public {
        vm.prank(subscriber);
        scrip.burn(id, subscriber, STOCK - 15);
        bytes[] memory calls = new bytes[](3);
        (calls[0], calls[1], calls[2]) = (redemption(10, 1), redemption(10, 2), redemption(5, 2));

        IScrip.Outcome[] memory outcomes = multicallBy(agent, calls, true);

        assertOutcome(outcomes[0], true, "");
        assertOutcome(outcomes[1], false, insufficient(10, 5));
        assertOutcome(outcomes[2], true, "");
        assertEq(balance(id, subscriber), 0, "balance");
    }

    function testFuzz_WhenARequestComesTwice(uint256 requestId) public {
        bytes memory refusal = abi.encodeWithSelector(IScrip.RequestAlreadyRedeemed.selector, id, agent, requestId);
        IScrip.Outcome[] memory outcomes =
            multicallBy(agent, list(redemption(10, requestId), redemption(20, requestId)), true);
        assertOutcome(outcomes[1], false, refusal);
        assertEq(balance(id, subscriber), STOCK - 10, "balance");
    }

    function test_WhenAVoucherIsSkipped() public {
        bytes memory signature = sign(voucher(1));
        bytes memory sessionSignature = sign(sessionVoucher(1));
        vm.prank(subscriber);
        scrip.burn(id, subscriber, STOCK - 9);
        bytes[] memory calls = list(
            abi.encodeCall(IScrip.redeemWithVoucher, (voucher(1), 10, signature)),
            abi.encodeCall(IScrip.redeemInSession, (sessionVoucher(1), 10, 1, sessionSignature))
        );
        IScrip.Outcome[] memory outcomes = multicallBy(agent, calls, true);

        assertOutcome(outcomes[0], false, insufficient(10, 9));
        assertOutcome(outcomes[1], false, insufficient(10, 9));
        assertFalse(scrip.isVoucherUsed(subscriber, 1), "used");
        assertFalse(scrip.isRedeemed(id, agent, 1), "request");
        assertEq(scrip.sessionOf(id, subscriber, agent, 1).spent, 0, "spent in the session");

        give(id, subscriber, 11);
        outcomes = multicallBy(agent, calls, true);
        assertTrue(outcomes[0].done && outcomes[1].done, "done when there is enough");
        assertEq(balance(id, subscriber), 0, "balance");
    }

    function testFuzz_WhenACallIsOfNoFunction(bytes memory data, bool short) public {
        if (short && data.length > 3) {
            assembly ("memory-safe") {
                mstore(data, 3)
            }
        } else {
            data = bytes.concat(bytes4(0xdeadbeef), data);
        }
        assertOutcome(multicallBy(agent, list(data), true)[0], false, "");
        vm.expectRevert(bytes(""));
        multicallBy(agent, list(data), false);
    }

    // ───────────────────────────────────────────── Caller ────────────────────────────────────────────

    function testFuzz_WhenAnyoneCalls(uint8 who) public {
        address caller = [builder, agent, stranger, minter, subscriber][bound(who, 0, 4)];
        bytes memory refusal = abi.encodeWithSelector(IScrip.NotRedeemer.selector, id, caller, subscriber);
        bool allowed = caller == builder || caller == agent;

        bytes[] memory calls = list(redemption(5, 1), abi.encodeCall(IScrip.createPlan, (free(), bytes32(uint256(7)))));
        IScrip.Outcome[] memory outcomes = multicallBy(caller, calls, true);

        assertOutcome(outcomes[0], allowed, allowed ? bytes("") : refusal);
        assertEq(scrip.isRedeemed(id, caller, 1), allowed, "request");
        uint256 planId = abi.decode(outcomes[1].answer, (uint256));
        assertEq(scrip.plan(planId).owner, caller, "owner of the plan");
    }

    /// @dev The annex's functions are another delegated call away.
    function test_WhenTheAnnexIsCalled() public {
        bytes[] memory calls = new bytes[](5);
        calls[0] = abi.encodeCall(IScrip.setOpen, (id, false));
        calls[1] = abi.encodeCall(IScrip.setOperator, (id, stranger, MINT));
        calls[2] = abi.encodeCall(IScrip.transferOwnership, (id, stranger));
        calls[3] = abi.encodeCall(IScrip.setFee, (stranger, 1));
        calls[4] = abi.encodeCall(IScrip.permissionsOf, (id, stranger));

        IScrip.Outcome[] memory outcomes = multicallBy(builder, calls, true);

        assertFalse(scrip.plan(id).open, "open");
        assertEq(scrip.plan(id).pendingOwner, stranger, "pending owner");
        assertOutcome(
            outcomes[3], false, abi.encodeWithSelector(IScrip.NotFeeController.selector, builder, feeController)
        );
        assertOutcome(outcomes[4], true, abi.encode(MINT));
    }

    // ────────────────────────────────────────────── Coin ─────────────────────────────────────────────

    function testFuzz_RevertWhen_CoinIsSentAlong(uint96 coin, bool skip) public {
        uint256 sent = bound(coin, 1, 1_000 ether);
        bytes memory data = abi.encodeCall(IScrip.multicall, (new bytes[](0), skip));
        vm.prank(subscriber);
        (bool done, bytes memory answer) = address(scrip).call{value: sent}(data);
        assertFalse(done, "done");
        assertEq(answer.length, 0, "length of the answer");
    }

    /// @dev Even coin that is in the core already pays for nobody.
    function test_WhenAPlanForTheNativeCoinIsOrdered() public {
        uint256 planId = create(native(1 ether));
        vm.deal(address(scrip), 5 ether);
        bytes memory ordering = abi.encodeCall(IScrip.order, (planId, subscriber, 1, 1 ether));

        IScrip.Outcome[] memory outcomes = multicallBy(subscriber, list(ordering), true);

        assertOutcome(outcomes[0], false, abi.encodeWithSelector(IScrip.WrongValue.selector, planId, 0, 1 ether));
        assertEq(address(scrip).balance, 5 ether, "coin of the core");
    }

    // ──────────────────────────────────────────── Nested ─────────────────────────────────────────────

    function testFuzz_WhenMulticallsAreNested(bool outerSkips, bool innerSkips) public {
        bytes[] memory inner = list(redemption(10, 1), redemption(200, 2));
        bytes[] memory calls = list(abi.encodeCall(IScrip.multicall, (inner, innerSkips)), redemption(20, 3));

        if (!outerSkips && !innerSkips) vm.expectRevert(outOfRange(200));
        IScrip.Outcome[] memory outcomes = multicallBy(agent, calls, outerSkips);

        bool none = !outerSkips && !innerSkips;
        assertEq(scrip.isRedeemed(id, agent, 1), innerSkips, "the inner request");
        assertFalse(scrip.isRedeemed(id, agent, 2), "the request that fails");
        assertEq(scrip.isRedeemed(id, agent, 3), !none, "the outer request");
        if (none) return;
        if (!innerSkips) return assertOutcome(outcomes[0], false, outOfRange(200));
        IScrip.Outcome[] memory answers = abi.decode(outcomes[0].answer, (IScrip.Outcome[]));
        assertOutcome(answers[0], true, "");
        assertOutcome(answers[1], false, outOfRange(200));
    }

    // ──────────────────────────────────────────── Guard ──────────────────────────────────────────────

    function test_WhenOrdersComeOneAfterAnother() public {
        uint256 freeId = create(free());
        bytes[] memory calls = list(
            abi.encodeCall(IScrip.order, (freeId, subscriber, 1, 0)),
            abi.encodeCall(IScrip.order, (id, subscriber, 1, PRICE))
        );

        IScrip.Outcome[] memory outcomes = multicallBy(subscriber, calls, false);

        assertOutcome(outcomes[0], true, abi.encode(CREDITS, 0));
        assertEq(balance(freeId, subscriber), CREDITS, "balance");
        assertEq(balance(id, subscriber), STOCK + CREDITS, "balance of the priced plan");
    }

    /// @dev The guard is not got round by a multicall: the order within is refused, and reported as any other failure.
    function test_WhenAHolderOrdersByAMulticallWithinAnOrder() public {
        ReenteringHolder holder = new ReenteringHolder();
        uint256 freeId = create(free());
        bytes memory ordering = abi.encodeCall(IScrip.order, (freeId, address(holder), 1, 0));
        holder.arm(address(scrip), abi.encodeCall(IScrip.multicall, (list(ordering), false)));

        multicallBy(address(holder), list(ordering), false);

        assertFalse(holder.success(), "ordered");
        assertEq(holder.answerHash(), keccak256(REENTRANT), "refusal");
        assertEq(balance(freeId, address(holder)), CREDITS, "balance");
    }

    function test_WhenAHolderRedeemsByAMulticallWithinAnOrder() public {
        ReenteringHolder holder = new ReenteringHolder();
        IScrip.Terms memory terms = free();
        terms.redemption.redeemers = 2;
        uint256 planId = create(terms);
        bytes memory redeeming = abi.encodeCall(IScrip.redeem, (planId, address(holder), 1, 1));
        holder.arm(address(scrip), abi.encodeCall(IScrip.multicall, (list(redeeming, redeeming), true)));
        bytes memory ordering = abi.encodeCall(IScrip.order, (planId, address(holder), 1, 0));

        multicallBy(address(holder), list(ordering), false);

        assertTrue(holder.success(), "redeemed");
        assertEq(balance(planId, address(holder)), CREDITS - 1, "balance");
    }

    // ───────────────────────────────────────── One by one ────────────────────────────────────────────

    function testFuzz_WhenTheyAreCalledOneByOneAndInOneCall(uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        bytes[] memory calls = new bytes[](random.within(0, 12));
        for (uint256 i; i < calls.length; ++i) {
            calls[i] = randomCall(random);
        }
        address caller = [agent, builder, subscriber][random.within(0, 2)];

        uint256 snapshot = vm.snapshotState();
        IScrip.Outcome[] memory expected = new IScrip.Outcome[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(caller);
            (expected[i].done, expected[i].answer) = address(scrip).call(calls[i]);
        }
        bytes32 state = stateOf(caller);
        vm.revertToState(snapshot);
        IScrip.Outcome[] memory outcomes = multicallBy(caller, calls, true);

        assertEq(keccak256(abi.encode(outcomes)), keccak256(abi.encode(expected)), "outcomes");
        assertEq(stateOf(caller), state, "state");
    }

    function randomCall(Random.Source memory random) internal view returns (bytes memory) {
        uint256 kind = random.within(0, 6);
        uint64 amount = uint64(random.within(0, 120));
        uint256 number = random.within(0, 7);
        if (kind == 0) return redemption(amount, number);
        if (kind == 1) {
            return abi.encodeCall(IScrip.redeemWithVoucher, (voucher(number), amount, sign(voucher(number))));
        }
        if (kind == 2) {
            bytes memory signature = sign(sessionVoucher(number));
            return abi.encodeCall(IScrip.redeemInSession, (sessionVoucher(number), amount, number, signature));
        }
        if (kind == 3) return abi.encodeCall(IScrip.burn, (id, subscriber, amount));
        if (kind == 4) return abi.encodeCall(IScrip.mintExpirable, (id, subscriber, amount, uint32(number)));
        if (kind == 5) return abi.encodeCall(IScrip.revokeVouchers, (0, 1 << number));
        return abi.encodeCall(IScrip.order, (id, subscriber, uint32(amount % 3), 2 * PRICE));
    }

    function stateOf(address caller) internal view returns (bytes32 hash) {
        hash = keccak256(abi.encode(scrip.lotsOf(id, subscriber), dollar.balanceOf(caller)));
        for (uint256 i; i < 8; ++i) {
            bool[2] memory used = [scrip.isRedeemed(id, caller, i), scrip.isVoucherUsed(subscriber, i)];
            hash = keccak256(abi.encode(hash, used, scrip.sessionOf(id, subscriber, caller, i)));
        }
    }
}
