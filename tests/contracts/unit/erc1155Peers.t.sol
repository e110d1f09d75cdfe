// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width.
// forge-lint: disable-start(unsafe-typecast)

import {Base} from "../Base.t.sol";
import {Random} from "../Random.sol";
import {AcceptingHolder, AnsweringHolder, ClumsyHolder} from "../mocks/Holders.sol";
import {IPeerToken, OpenZeppelinToken, SoladyToken} from "../mocks/PeerTokens.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice The core beside two peers' ERC-1155, given the same mints and burns by the same account: they say the same and ask the
/// same. Transfers, which the core refuses, have no part in it.
contract Erc1155PeersTest is Base {
    using Random for Random.Source;

    bytes32 internal constant TRANSFER_SINGLE = keccak256("TransferSingle(address,address,address,uint256,uint256)");

    IPeerToken[2] internal peers =
        [IPeerToken(address(new OpenZeppelinToken())), IPeerToken(address(new SoladyToken()))];
    uint256 internal id;

    function setUp() public override {
        super.setUp();
        IScrip.Terms memory terms = premium();
        terms.revocable = true;
        id = create(terms);
    }

    // ───────────────────────────────────────────── Events ────────────────────────────────────────────

    /// @dev What the standard's events since `recordLogs` say, in their order, but not whose they are.
    function told() internal returns (bytes memory events) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] == TRANSFER_SINGLE) {
                events = bytes.concat(events, abi.encode(logs[i].topics, logs[i].data));
            }
        }
    }

    /// @dev The builder calls, and so is the operator of all three.
    function tryCall(address token, bytes memory data) internal returns (bool done) {
        vm.prank(builder);
        (done,) = token.call(data);
    }

    /// @dev Does the same with all three.
    function step(bool mints, address holder, uint64 amount) internal {
        vm.recordLogs();
        bytes memory own = mints
            ? abi.encodeCall(IScrip.mint, (id, holder, amount))
            : abi.encodeCall(IScrip.burn, (id, holder, amount));
        bool done = tryCall(address(scrip), own);
        bytes memory events = told();
        bytes memory same = mints
            ? abi.encodeCall(IPeerToken.mint, (holder, id, amount))
            : abi.encodeCall(IPeerToken.burn, (holder, id, amount));
        for (uint256 i; i < peers.length; ++i) {
            vm.recordLogs();
            assertEq(tryCall(address(peers[i]), same), done, "whether it was done");
            assertEq(told(), events, "what was told");
        }
    }

    function testFuzz_WhenTheSameIsMintedAndBurned(uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        address[5] memory holders =
            [subscriber, stranger, address(new AcceptingHolder()), address(new ClumsyHolder()), address(0)];
        for (uint256 i; i < 16; ++i) {
            step(random.within(0, 2) != 0, holders[random.within(0, 4)], uint64(random.within(1, 100)));
        }

        address[] memory accounts = new address[](4);
        uint256[] memory ids = new uint256[](4);
        for (uint256 i; i < 4; ++i) {
            (accounts[i], ids[i]) = (holders[i], id);
        }
        uint256[] memory balances = scrip.balanceOfBatch(accounts, ids);
        for (uint256 i; i < peers.length; ++i) {
            assertEq(peers[i].balanceOfBatch(accounts, ids), balances, "balances in a batch");
            for (uint256 j; j < 4; ++j) {
                assertEq(peers[i].balanceOf(accounts[j], id), balance(id, accounts[j]), "balance");
            }
        }
    }

    /// @dev To who reads the standard's logs alone, what has expired is burned when it is cleared.
    function testFuzz_WhenWhatHasExpiredIsCleared(uint64 dead, uint64 live, uint64 spent, uint8 way) public {
        (dead, live) = (uint64(bound(dead, 1, 1e18)), uint64(bound(live, 101, 1e18)));
        spent = uint64(bound(spent, 1, 100));
        lend(id, subscriber, dead, 10);
        give(id, subscriber, live);
        pass(10);
        way = uint8(bound(way, 0, 3));

        vm.recordLogs();
        vm.startPrank(builder);
        if (way == 0) scrip.redeem(id, subscriber, spent, 1);
        if (way == 1) scrip.redeemWithoutId(id, subscriber, spent);
        if (way == 2) scrip.burn(id, subscriber, spent);
        if (way == 3) scrip.mintExpirable(id, subscriber, spent, 10);
        vm.stopPrank();
        bytes memory events = told();

        for (uint256 i; i < peers.length; ++i) {
            vm.startPrank(builder);
            peers[i].mint(subscriber, id, uint256(dead) + live);
            vm.recordLogs();
            peers[i].burn(subscriber, id, dead);
            if (way == 3) peers[i].mint(subscriber, id, spent);
            else peers[i].burn(subscriber, id, spent);
            vm.stopPrank();
            assertEq(told(), events, "what was told");
            assertEq(peers[i].balanceOf(subscriber, id), balance(id, subscriber), "balance");
        }
    }

    // ─────────────────────────────────────────── Callbacks ───────────────────────────────────────────

    function testFuzz_WhenAHolderIsAsked(uint64 amount, uint8 times) public {
        amount = uint64(bound(amount, 1, type(uint64).max / 4));
        AcceptingHolder[3] memory holders = [new AcceptingHolder(), new AcceptingHolder(), new AcceptingHolder()];
        for (uint256 i; i < bound(times, 1, 3); ++i) {
            vm.startPrank(builder);
            scrip.mint(id, address(holders[0]), amount);
            peers[0].mint(address(holders[1]), id, amount);
            peers[1].mint(address(holders[2]), id, amount);
            scrip.burn(id, address(holders[0]), 1);
            peers[0].burn(address(holders[1]), id, 1);
            peers[1].burn(address(holders[2]), id, 1);
            vm.stopPrank();
        }

        for (uint256 i; i < peers.length; ++i) {
            assertEq(holders[1 + i].asked(), holders[0].asked(), "how often it was asked");
            assertEq(holders[1 + i].messageHash(), holders[0].messageHash(), "what was asked");
        }
        assertEq(holders[0].asked(), bound(times, 1, 3), "how often the core asked");
    }

    /// @dev All three let the same holders be credited.
    function expectSame(address holder) internal returns (bool done) {
        done = tryCall(address(scrip), abi.encodeCall(IScrip.mint, (id, holder, 1)));
        for (uint256 i; i < peers.length; ++i) {
            bool doneByPeer = tryCall(address(peers[i]), abi.encodeCall(IPeerToken.mint, (holder, id, 1)));
            assertEq(doneByPeer, done, "whether the holder is credited");
        }
    }

    function testFuzz_WhenAHolderAnswersAnything(bytes4 selector, bytes28 dirt, bytes memory tail, bool reverts)
        public
    {
        bytes memory right = abi.encode(bytes4(0xf23a6e61));
        assertTrue(expectSame(address(new AnsweringHolder(right, false))), "the right answer");
        assertTrue(expectSame(address(new AnsweringHolder(bytes.concat(right, tail), false))), "with more behind it");
        assertFalse(expectSame(address(new AnsweringHolder(right, true))), "as a reason to revert");
        assertFalse(expectSame(address(new AnsweringHolder("", reverts))), "nothing");
        expectSame(address(new AnsweringHolder(abi.encode(selector), reverts)));
        if (dirt == 0) dirt = bytes28(uint224(1));
        bytes memory dirty = abi.encodePacked(bytes4(0xf23a6e61), dirt);
        assertFalse(expectSame(address(new AnsweringHolder(dirty, false))), "with dirt");
        bytes memory batchAnswer = abi.encode(bytes4(0xbc197c81));
        assertFalse(expectSame(address(new AnsweringHolder(batchAnswer, false))), "the answer for batches");
    }

    function testFuzz_WhenAHolderIsAnything(address account) public {
        vm.assume(account.code.length == 0 && account != address(0));
        vm.expectCall(account, "", 0);
        assertTrue(expectSame(account), "an account without code");
        assertFalse(expectSame(address(new ClumsyHolder())), "a contract without callback");
        assertFalse(expectSame(address(0)), "the zero address");
    }

    function test_WhenAnAccountHasDelegatedCode() public {
        (address account, uint256 key) = makeAddrAndKey("delegating account");
        vm.signAndAttachDelegation(address(new AcceptingHolder()), key);
        assertTrue(expectSame(account), "to a contract with callback");
        assertEq(AcceptingHolder(account).asked(), 3, "how often it was asked");
        vm.signAndAttachDelegation(address(new ClumsyHolder()), key);
        assertFalse(expectSame(account), "to a contract without");
    }

    // ───────────────────────────────────────────── Views ─────────────────────────────────────────────

    function testFuzz_WhenInterfacesAreAskedFor(bytes4 interfaceId) public view {
        bytes4[6] memory ids = [interfaceId, bytes4(0x01ffc9a7), 0xd9b67a26, 0x0e89341c, 0xffffffff, 0x4e2312e0];
        for (uint256 i; i < ids.length; ++i) {
            assertEq(peers[0].supportsInterface(ids[i]), scrip.supportsInterface(ids[i]), "OpenZeppelin");
            assertEq(peers[1].supportsInterface(ids[i]), scrip.supportsInterface(ids[i]), "Solady");
        }
    }

    /// @dev The error is OpenZeppelin's, too.
    function testFuzz_RevertWhen_TheListsOfABatchAreOfDifferentLengths(uint8 accounts, uint8 ids) public {
        if (accounts == ids) ids ^= 1;
        bytes memory data = abi.encodeCall(IPeerToken.balanceOfBatch, (new address[](accounts), new uint256[](ids)));
        (bool done, bytes memory answer) = address(scrip).staticcall(data);
        (bool doneByPeer, bytes memory answerOfPeer) = address(peers[0]).staticcall(data);
        (bool doneByOther,) = address(peers[1]).staticcall(data);
        assertFalse(done || doneByPeer || doneByOther, "done");
        assertEq(answer, answerOfPeer, "error");
    }
}
