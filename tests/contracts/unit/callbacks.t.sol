// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {
    AcceptingHolder,
    AnsweringHolder,
    BombingHolder,
    ClumsyHolder,
    GasEatingHolder,
    ReenteringHolder
} from "../mocks/Holders.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice How holders with code are asked whether they accept credits.
contract CallbacksTest is Base {
    bytes4 internal constant ACCEPTED = 0xf23a6e61;

    uint256 internal id;
    uint256 internal freeId;
    uint256 internal accessId;
    AcceptingHolder internal accepting = new AcceptingHolder();
    ReenteringHolder internal reentering = new ReenteringHolder();

    function setUp() public override {
        super.setUp();
        id = create(premium());
        freeId = create(free());
        IScrip.Terms memory terms = free();
        terms.grant = IScrip.Grant({kind: IScrip.GrantKind.Time, credits: 0, duration: 100});
        accessId = create(terms);
        fund(address(accepting));
        fund(address(reentering));
    }

    function assertAsked(uint256 times, address operator, uint256 planId, uint256 value) internal view {
        assertEq(accepting.asked(), times, "how often it was asked");
        assertEq(accepting.asker(), address(scrip), "who asked");
        bytes memory expected =
            abi.encodeCall(IERC1155Receiver.onERC1155Received, (operator, address(0), planId, value, ""));
        assertEq(accepting.messageHash(), keccak256(expected), "what was asked");
    }

    // ────────────────────────────────────────── Who accepts ──────────────────────────────────────────

    function test_WhenItOrders() public {
        vm.prank(address(accepting));
        scrip.order(id, address(accepting), 3, 3 * PRICE);

        assertAsked(1, address(accepting), id, 3 * CREDITS);
        assertEq(balance(id, address(accepting)), 3 * CREDITS, "balance");
    }

    function test_WhenItIsGivenAnOrder() public {
        vm.prank(subscriber);
        scrip.order(id, address(accepting), 1, PRICE);

        assertAsked(1, subscriber, id, CREDITS);
    }

    function testFuzz_WhenCreditsAreMinted(uint64 amount) public {
        amount = uint64(bound(amount, 1, type(uint64).max));
        give(id, address(accepting), amount);

        assertAsked(1, builder, id, amount);
    }

    function testFuzz_WhenCreditsThatExpireAreMinted(uint64 amount, uint32 duration) public {
        amount = uint64(bound(amount, 1, type(uint64).max));
        lend(id, address(accepting), amount, uint32(bound(duration, 1, type(uint32).max)));

        assertAsked(1, builder, id, amount);
    }

    function test_WhenAccessBeginsAndIsRenewed() public {
        vm.prank(address(accepting));
        scrip.order(accessId, address(accepting), 1, 0);
        assertAsked(1, address(accepting), accessId, 1);

        give(accessId, address(accepting), 2);
        assertAsked(2, builder, accessId, 0);

        pass(300);
        give(accessId, address(accepting), 1);
        assertAsked(3, builder, accessId, 1);
    }

    function test_WhenCreditsAreBurnedOrRedeemed() public {
        give(id, address(accepting), 10);
        lend(id, address(accepting), 10, 10);
        pass(10);

        vm.prank(address(accepting));
        scrip.burn(id, address(accepting), 1);
        vm.startPrank(builder);
        scrip.redeem(id, address(accepting), 1, 0);
        scrip.redeemWithoutId(id, address(accepting), 1);

        assertEq(accepting.asked(), 2, "how often it was asked");
        assertEq(balance(id, address(accepting)), 7, "balance");
    }

    function test_WhenItIsAsked() public {
        IScrip.Terms memory terms = native(1 ether);
        terms.payees = onePayee(address(reentering));
        uint256 planId = create(terms);
        // Called with its coin first, then with its credits; the answer that stays is the last.
        reentering.arm(address(scrip), abi.encodeCall(IScrip.balanceOf, (address(reentering), planId)));

        vm.prank(subscriber);
        scrip.order{value: 1 ether}(planId, address(reentering), 1, 1 ether);

        assertEq(reentering.calls(), 2, "calls");
        assertEq(reentering.answerHash(), keccak256(abi.encode(CREDITS)), "balance that it saw");
    }

    function testFuzz_WhenItGetsCredits(address holder, bytes32 salt) public {
        holder = address(uint160(bound(uint160(holder), 0x10_000, type(uint160).max)));
        if (holder.code.length != 0) holder = makeAddr(vm.toString(salt));
        vm.expectCall(holder, "", 0);
        give(id, holder, 1);
        assertEq(balance(id, holder), 1, "balance");
    }

    function test_WhenItGetsCreditsByItsDelegate() public {
        (address account, uint256 key) = makeAddrAndKey("delegating account");
        vm.signAndAttachDelegation(address(accepting), key);
        give(id, account, 1);
        assertEq(AcceptingHolder(account).asked(), 1, "how often it was asked");

        vm.signAndAttachDelegation(address(new ClumsyHolder()), key);
        expectRefused(account);
    }

    // ─────────────────────────────────────── Who does not accept ─────────────────────────────────────

    /// @dev However it is credited, it refuses.
    function expectRefused(address holder) internal {
        bytes memory refusal = abi.encodeWithSelector(IScrip.HolderRefused.selector, id, holder);
        vm.startPrank(builder);
        vm.expectRevert(refusal);
        scrip.mint(id, holder, 1);
        vm.expectRevert(refusal);
        scrip.mintExpirable(id, holder, 1, 10);
        vm.expectRevert(abi.encodeWithSelector(IScrip.HolderRefused.selector, accessId, holder));
        scrip.mint(accessId, holder, 1);
        vm.stopPrank();
        vm.prank(stranger);
        vm.expectRevert(refusal);
        scrip.order(id, holder, 1, PRICE);
    }

    function test_RevertWhen_ItHasNoCallback() public {
        expectRefused(address(new ClumsyHolder()));
    }

    function testFuzz_RevertWhen_ItAnswersWrongly(bytes4 answer) public {
        if (answer == ACCEPTED) answer = IERC1155Receiver.onERC1155BatchReceived.selector;
        expectRefused(address(new AnsweringHolder(abi.encode(answer), false)));
    }

    function test_RevertWhen_ItAnswersNothing() public {
        expectRefused(address(new AnsweringHolder("", false)));
    }

    function testFuzz_RevertWhen_ItAnswersTheRightBytesAndDirt(uint224 dirt) public {
        dirt = uint224(bound(dirt, 1, type(uint224).max));
        expectRefused(address(new AnsweringHolder(abi.encodePacked(ACCEPTED, dirt), false)));
    }

    function testFuzz_RevertWhen_ItRevertsWithAReason(bytes memory reason) public {
        expectRefused(address(new AnsweringHolder(reason, true)));
        expectRefused(address(new AnsweringHolder(abi.encode(ACCEPTED), true)));
    }

    function expectRefusedCheaply(address holder) internal {
        vm.prank(builder);
        uint256 before = gasleft();
        vm.expectRevert(abi.encodeWithSelector(IScrip.HolderRefused.selector, id, holder));
        scrip.mint(id, holder, 1);
        assertLt(before - gasleft(), 200_000, "gas");
    }

    function test_RevertWhen_ItEatsGas() public {
        expectRefusedCheaply(address(new GasEatingHolder()));
    }

    function test_RevertWhen_ItRevertsWithABomb() public {
        expectRefusedCheaply(address(new BombingHolder(true)));
    }

    function test_RevertWhen_ItIsTheCore() public {
        expectRefused(address(scrip));
    }

    function test_RevertWhen_ItRefusesWhatWasPaidFor() public {
        address holder = address(new ClumsyHolder());
        fund(holder);
        IScrip.Terms memory terms = premium();
        terms.limits = IScrip.Limits({perHolder: 1, inAll: 1});
        uint256 planId = create(terms);
        uint256 before = dollar.balanceOf(holder);

        vm.prank(holder);
        vm.expectRevert(abi.encodeWithSelector(IScrip.HolderRefused.selector, planId, holder));
        scrip.order(planId, holder, 1, PRICE);

        assertEq(dollar.balanceOf(holder), before, "money of the payer");
        assertEq(dollar.balanceOf(payee), 0, "money of the payee");
        assertEq(scrip.ordersOf(planId, holder), 0, "orders of the holder");
        assertEq(scrip.plan(planId).ordered, 0, "orders in all");
        assertEq(balance(planId, holder), 0, "balance");
    }

    function test_WhenTheAnswerIsRightAndVeryLong() public {
        address holder = address(new BombingHolder(false));
        uint256 before = gasleft();
        give(id, holder, 1);
        assertLt(before - gasleft(), 250_000, "gas");
        assertEq(balance(id, holder), 1, "balance");
    }

    // ───────────────────────────────────────── Who calls back ────────────────────────────────────────

    function assertAnswered(bytes memory refusal) internal view {
        assertFalse(reentering.success(), "success");
        assertEq(reentering.answerHash(), keccak256(refusal), "refusal");
    }

    function test_WhenItOrdersWithinAnOrder() public {
        reentering.arm(address(scrip), abi.encodeCall(IScrip.order, (freeId, address(reentering), 1, 0)));

        vm.prank(address(reentering));
        scrip.order(id, address(reentering), 1, PRICE);

        assertEq(reentering.calls(), 1, "calls");
        assertAnswered(abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
        assertEq(balance(id, address(reentering)), CREDITS, "balance");
        assertEq(balance(freeId, address(reentering)), 0, "balance of the other plan");

        // Afterwards the guard is open again.
        vm.prank(address(reentering));
        scrip.order(freeId, address(reentering), 1, 0);
        assertEq(balance(freeId, address(reentering)), CREDITS, "balance of the other plan, ordered later");
    }

    function test_WhenItOrdersWithinAMint() public {
        reentering.arm(address(scrip), abi.encodeCall(IScrip.order, (freeId, address(subscriber), 1, 0)));

        give(id, address(reentering), 5);

        assertTrue(reentering.success(), "ordered");
        assertEq(balance(id, address(reentering)), 5, "balance");
        assertEq(balance(freeId, subscriber), CREDITS, "balance of the one ordered for");
    }

    function testFuzz_WhenItBurnsWhatItGets(uint64 amount) public {
        amount = uint64(bound(amount, 1, type(uint64).max));
        reentering.arm(address(scrip), abi.encodeCall(IScrip.burn, (id, address(reentering), amount)));

        lend(id, address(reentering), amount, 10);

        assertTrue(reentering.success(), "burned");
        assertEq(balance(id, address(reentering)), 0, "balance");
        assertEq(scrip.lotsOf(id, address(reentering)).length, 0, "number of lots");
    }

    function test_WhenItRedeemsWhatItGets() public {
        IScrip.Terms memory terms = free();
        terms.redemption.redeemers = 2;
        uint256 planId = create(terms);
        reentering.arm(address(scrip), abi.encodeCall(IScrip.redeem, (planId, address(reentering), 30, 5)));

        vm.prank(address(reentering));
        scrip.order(planId, address(reentering), 1, 0);

        assertTrue(reentering.success(), "redeemed");
        assertTrue(scrip.isRedeemed(planId, address(reentering), 5), "used");
        assertEq(balance(planId, address(reentering)), CREDITS - 30, "balance");
    }

    function test_WhenItBurnsWhatAnotherHas() public {
        give(id, subscriber, 10);
        reentering.arm(address(scrip), abi.encodeCall(IScrip.burn, (id, subscriber, 1)));

        give(id, address(reentering), 5);

        assertAnswered(abi.encodeWithSelector(IScrip.NotBurner.selector, id, address(reentering), subscriber));
        assertEq(balance(id, subscriber), 10, "balance of the other");
    }

    /// @dev Within the gas that it is given there is not enough for another's answer.
    function test_WhenItMintsWithoutEnd() public {
        vm.prank(builder);
        scrip.setOperator(id, address(reentering), MINT);
        reentering.arm(address(scrip), abi.encodeCall(IScrip.mint, (id, address(reentering), 1)));

        vm.prank(builder);
        scrip.mint(id, address(reentering), 1);

        assertEq(reentering.calls(), 1, "times it was asked");
        assertFalse(reentering.success(), "another mint");
        assertEq(balance(id, address(reentering)), 1, "balance");
    }
}
