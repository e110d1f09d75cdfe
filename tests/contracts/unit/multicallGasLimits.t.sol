// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {VoucherWorld} from "../VoucherWorld.sol";
import {Chameleon} from "../mocks/Chameleon.sol";
import {Clerk} from "../mocks/Clerk.sol";
import {AcceptingHolder} from "../mocks/Holders.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Nothing is skipped for want of gas: with whatever gas it is called, a multicall that skips either reverts or reports
/// exactly what it reports with plenty.
contract MulticallGasLimitsTest is VoucherWorld {
    uint256 internal constant PLENTY = 12_000_000;

    Chameleon internal chameleon = new Chameleon();
    address internal accepting = address(new AcceptingHolder());
    uint256 internal hookedId;
    uint256 internal perUseId;
    bytes[] internal calls;

    /// @dev One call of every kind that calls others or may fail: those that are done, and those that fail by right.
    function setUp() public override {
        super.setUp();
        give(id, address(chameleon), STOCK);
        IScrip.Terms memory terms = premium();
        terms.hook = IScrip.Hook({account: address(new Clerk()), calls: 4 | 8});
        hookedId = create(terms);
        give(hookedId, subscriber, STOCK);
        perUseId = perUse(address(dollar), PRICE);
        vm.prank(builder);
        scrip.setOperator(perUseId, builder, REDEEM);

        calls.push(abi.encodeCall(IScrip.redeem, (id, subscriber, 10, 1)));
        calls.push(abi.encodeCall(IScrip.redeem, (id, subscriber, 10, 1)));
        calls.push(abi.encodeCall(IScrip.redeem, (hookedId, subscriber, 5, 1)));
        calls.push(abi.encodeCall(IScrip.redeem, (hookedId, subscriber, 6, 2)));
        calls.push(abi.encodeCall(IScrip.mint, (id, accepting, 7)));
        calls.push(abi.encodeCall(IScrip.mint, (id, address(dollar), 7)));
        calls.push(abi.encodeCall(IScrip.createPlan, (free(), bytes32(uint256(9)))));
        calls.push(abi.encodeCall(IScrip.setFee, (stranger, 1)));
        calls.push(vouched(subscriber, 1));
        calls.push(vouched(address(chameleon), 2));
        calls.push(paid(3));
        calls.push(paid(3));
        bytes[] memory inner = new bytes[](2);
        inner[0] = abi.encodeCall(IScrip.redeem, (id, subscriber, 10, 2));
        inner[1] = abi.encodeCall(IScrip.redeem, (id, subscriber, 101, 3));
        calls.push(abi.encodeCall(IScrip.multicall, (inner, true)));
    }

    /// @dev The chameleon's signature is good only if it says so.
    function vouched(address holder, uint256 nonce) internal view returns (bytes memory) {
        IScrip.Voucher memory given = voucher(nonce);
        (given.holder, given.redeemer) = (holder, builder);
        return abi.encodeCall(IScrip.redeemWithVoucher, (given, 3, sign(given)));
    }

    function paid(uint256 nonce) internal view returns (bytes memory) {
        IScrip.Voucher memory given = voucher(nonce);
        (given.planId, given.redeemer) = (perUseId, builder);
        return abi.encodeCall(IScrip.redeemWithVoucher, (given, 3, sign(given)));
    }

    /// @dev From the same state each time.
    function outcomesWith(uint256 gas, bytes[] memory some)
        internal
        returns (bool done, bytes memory answer, uint256 used)
    {
        uint256 snapshot = vm.snapshotState();
        bytes memory data = abi.encodeCall(IScrip.multicall, (some, true));
        vm.prank(builder);
        used = gasleft();
        (done, answer) = address(scrip).call{gas: gas}(data);
        used -= gasleft();
        vm.revertToState(snapshot);
    }

    /// @dev Twenty limits, of which about half are too low: by some gas of its own, or by what a bounded call must be given.
    function compare(bytes[] memory some, uint256 seed) internal {
        (bool done, bytes memory expected, uint256 used) = outcomesWith(PLENTY, some);
        assertTrue(done, "done with plenty");
        for (uint256 i; i < 20; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 gas = seed % (i % 2 == 0 ? used * 5 / 4 : used + 700_000);
            bytes memory answer;
            (done, answer,) = outcomesWith(gas, some);
            if (done) assertEq(keccak256(answer), keccak256(expected), "outcomes");
        }
        (done,,) = outcomesWith(used / 8, some);
        assertFalse(done, "done with an eighth");
        (done,,) = outcomesWith(2 * used + 700_000, some);
        assertTrue(done, "done with enough");
    }

    /// @param mode How the contract that signs behaves.
    function testFuzz_WhenOneIsCalledWithAnyGas(uint256 seed, uint8 which, uint8 mode) public {
        chameleon.behave(Chameleon.Mode(bound(mode, 0, 3)), address(0), 0, "no");
        bytes[] memory some = new bytes[](1);
        some[0] = calls[bound(which, 0, calls.length - 1)];
        compare(some, seed);
    }

    /// @param mode How the contract that signs behaves.
    function testFuzz_WhenAllAreCalledWithAnyGas(uint256 seed, uint8 mode) public {
        chameleon.behave(Chameleon.Mode(bound(mode, 0, 3)), address(0), 0, "no");
        compare(calls, seed);
    }

    /// @dev What must be done with plenty and what must fail, so that the sweeps compare with something.
    function test_WhenThereIsPlenty() public {
        (, bytes memory answer,) = outcomesWith(PLENTY, calls);
        IScrip.Outcome[] memory outcomes = abi.decode(answer, (IScrip.Outcome[]));
        bool[13] memory expected = [true, false, true, false, true, false, true, false, true, true, true, false, true];
        for (uint256 i; i < expected.length; ++i) {
            assertEq(outcomes[i].done, expected[i], vm.toString(i));
        }
    }
}
