// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width.
// forge-lint: disable-start(unsafe-typecast)

import {VoucherWorld} from "../VoucherWorld.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice The log of a batch is written by hand, as its uses lie in the calldata: so calldata of every shape is given here, and
/// what the log says is decoded by its declaration.
contract BatchLogTest is VoucherWorld {
    /// @dev Where a batch's parts lie in the plain encoding, in words behind the selector: the offset of the list, its length, the
    /// offset of the batch, then the batch: plan, offset of the uses, their number, and three words for each.
    uint256 internal constant USES = 6;

    /// @dev What holders are given.
    uint64 internal stock = 1;

    function setUp() public override {
        super.setUp();
        // Access, which nothing uses up: so that amounts and holders can be of full width.
        IScrip.Terms memory terms = access(type(uint32).max);
        terms.redemption.maximum = type(uint32).max;
        id = create(terms);
    }

    function call(bytes memory data) internal returns (bool done, bytes memory answer) {
        vm.prank(builder);
        return address(scrip).call(data);
    }

    /// @dev The uses that the log tells of.
    function logged() internal returns (IScrip.Use[] memory) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Vm.Log memory last = logs[logs.length - 1];
        assertEq(last.emitter, address(scrip), "emitter");
        assertEq(last.topics.length, 3, "number of topics");
        assertEq(
            last.topics[0], keccak256("CreditsRedeemedInBatch(uint256,address,(address,uint64,uint256)[])"), "signature"
        );
        assertEq(uint256(last.topics[1]), id, "plan");
        assertEq(last.topics[2], bytes32(uint256(uint160(builder))), "redeemer");
        IScrip.Use[] memory uses = abi.decode(last.data, (IScrip.Use[]));
        assertEq(last.data, abi.encode(uses), "data as the compiler would encode them");
        return uses;
    }

    function batchOf(IScrip.Use[] memory uses) internal view returns (IScrip.Batch[] memory batches) {
        batches = new IScrip.Batch[](1);
        batches[0] = IScrip.Batch({planId: id, uses: uses});
    }

    /// @dev Uses of any holders, amounts and ids, whom the terms let.
    function randomUses(uint256 seed, uint256 count) internal returns (IScrip.Use[] memory uses) {
        uses = new IScrip.Use[](count);
        for (uint256 i; i < count; ++i) {
            uint256 drawn = uint256(keccak256(abi.encode(seed, i)));
            address holder = i % 3 == 2 ? uses[i - 1].holder : address(uint160(drawn | 1 << 159));
            uses[i] = IScrip.Use({holder: holder, amount: uint32(drawn >> 160) | 1, requestId: ~drawn});
            if (i % 3 != 2) give(id, holder, stock);
        }
    }

    function testFuzz_WhenUsesAreRedeemed(uint256 seed, uint8 count) public {
        IScrip.Use[] memory uses = randomUses(seed, bound(count, 0, 20));
        bytes memory data = abi.encodeCall(IScrip.redeemMany, (batchOf(uses)));

        vm.recordLogs();
        (bool done,) = call(data);

        assertTrue(done, "done");
        assertEq(keccak256(abi.encode(logged())), keccak256(abi.encode(uses)), "uses");
    }

    function test_WhenAllIsOfFullWidth() public {
        address last = address(type(uint160).max);
        give(id, last, 1);
        IScrip.Use[] memory uses = new IScrip.Use[](2);
        uses[0] = IScrip.Use({holder: last, amount: type(uint32).max, requestId: type(uint256).max});
        uses[1] = IScrip.Use({holder: last, amount: 1, requestId: 0});

        vm.recordLogs();
        (bool done,) = call(abi.encodeCall(IScrip.redeemMany, (batchOf(uses))));

        assertTrue(done, "done");
        assertEq(keccak256(abi.encode(logged())), keccak256(abi.encode(uses)), "uses");
    }

    // ─────────────────────────────────────────── Odd shapes ──────────────────────────────────────────

    function word(bytes memory data, uint256 index) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 36), mul(index, 32)))
        }
    }

    function setWord(bytes memory data, uint256 index, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 36), mul(index, 32)), value)
        }
    }

    /// @dev On both kinds of plan, since they are read by different code.
    function testFuzz_RevertWhen_AFieldIsBeyondItsType(uint256 seed, uint8 count, uint8 which, uint96 dirt, bool plain)
        public
    {
        if (plain) {
            IScrip.Terms memory terms = free();
            terms.redemption.maximum = type(uint32).max;
            (id, stock) = (create(terms), 2 ** 40);
        }
        IScrip.Use[] memory uses = randomUses(seed, bound(count, 1, 8));
        bool amount = which & 1 == 1;
        uint256 index = USES + 3 * bound(which >> 1, 0, uses.length - 1) + (amount ? 1 : 0);
        bytes memory data = abi.encodeCall(IScrip.redeemMany, (batchOf(uses)));
        assertEq(word(data, index), amount ? uses[(index - USES) / 3].amount : uint160(uses[(index - USES) / 3].holder));
        dirt = uint96(bound(dirt, 1, type(uint96).max));
        setWord(data, index, word(data, index) | uint256(dirt) << (amount ? 64 : 160));

        (bool done, bytes memory answer) = call(data);

        assertFalse(done, "done");
        assertEq(answer.length, 0, "length of the answer");
    }

    /// @dev The parts lie apart, in another order, with dirt between them, and not at multiples of a word.
    function testFuzz_WhenOffsetsAreOdd(uint256 seed, uint8 count, bytes memory dirt, bytes memory otherDirt) public {
        IScrip.Use[] memory uses = randomUses(seed, bound(count, 0, 6));
        bytes memory list = abi.encodePacked(uses.length);
        for (uint256 i; i < uses.length; ++i) {
            list = bytes.concat(list, abi.encode(uses[i]));
        }
        // Behind the selector: an offset, dirt, the batch's list (its length, one offset), dirt, the batch, dirt, the uses.
        uint256 listAt = 32 + dirt.length;
        uint256 batchAt = 32 + otherDirt.length;
        uint256 usesAt = 64 + dirt.length;
        bytes memory head = abi.encodePacked(IScrip.redeemMany.selector, listAt, dirt, uint256(1), batchAt, otherDirt);
        bytes memory data = bytes.concat(head, abi.encodePacked(id, usesAt, dirt), list, otherDirt);

        vm.recordLogs();
        (bool done,) = call(data);

        assertTrue(done, "done");
        assertEq(keccak256(abi.encode(logged())), keccak256(abi.encode(uses)), "uses");
    }

    /// @dev Two batches of the list are one and the same in the calldata: its ids come twice.
    function testFuzz_RevertWhen_TwoBatchesAreOneInTheCalldata(uint256 seed) public {
        IScrip.Use[] memory uses = randomUses(seed, 1);
        bytes memory data = abi.encodePacked(
            IScrip.redeemMany.selector, uint256(32), uint256(2), uint256(64), uint256(64), id, uint256(64), uint256(1)
        );
        data = bytes.concat(data, abi.encode(uses[0]));

        (bool done, bytes memory answer) = call(data);

        assertFalse(done, "done");
        assertEq(
            answer,
            abi.encodeWithSelector(IScrip.RequestAlreadyRedeemed.selector, id, builder, uses[0].requestId),
            "refusal"
        );
    }

    function testFuzz_RevertWhen_TheCalldataIsCut(uint256 seed, uint8 count, uint16 cut) public {
        IScrip.Use[] memory uses = randomUses(seed, bound(count, 1, 6));
        bytes memory data = abi.encodeCall(IScrip.redeemMany, (batchOf(uses)));
        uint256 length = bound(cut, 4, data.length - 1);
        assembly ("memory-safe") {
            mstore(data, length)
        }

        (bool done, bytes memory answer) = call(data);

        assertFalse(done, "done");
        assertEq(answer.length, 0, "length of the answer");
        assertFalse(scrip.isRedeemed(id, builder, uses[0].requestId), "request");
    }

    /// @dev Lengths and offsets so great that three words for each would come out small. Only the offset of the uses may be
    /// negative, as the compiler has it: then it points to before the calldata, where there are none.
    function testFuzz_RevertWhen_ALengthOrAnOffsetIsBeyondTheCalldata(uint256 seed, uint8 which, uint256 value) public {
        IScrip.Use[] memory uses = randomUses(seed, 2);
        bytes memory data = abi.encodeCall(IScrip.redeemMany, (batchOf(uses)));
        uint256 index = [uint256(0), 1, 2, 4, 5][bound(which, 0, 4)];
        uint256[4] memory nasty =
            [type(uint256).max, type(uint256).max / 96 + 1, uint256(type(uint64).max), type(uint256).max - 31];
        value = value % 5 < 4 ? nasty[value % 5] : bound(value, data.length, type(uint256).max);
        setWord(data, index, value);

        vm.recordLogs();
        (bool done,) = call(data);

        if (index == 4 && done) assertEq(logged().length, 0, "uses");
        else assertFalse(done, "done");
        assertFalse(scrip.isRedeemed(id, builder, uses[0].requestId), "request");
    }
}
