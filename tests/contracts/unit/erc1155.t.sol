// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice The face as ERC-1155. How holders with code are asked stands in `callbacks`.
contract Erc1155Test is Base {
    bytes internal constant SOULBOUND = abi.encodeWithSelector(IScrip.Soulbound.selector);

    function testFuzz_WhenInterfacesAreAskedFor(bytes4 interfaceId) public view {
        // By their numbers in the standards, so that nothing is taken from the contracts' imports.
        assertTrue(scrip.supportsInterface(0x01ffc9a7), "ERC-165");
        assertTrue(scrip.supportsInterface(0xd9b67a26), "ERC-1155");
        assertTrue(scrip.supportsInterface(0x0e89341c), "ERC-1155 metadata");
        assertFalse(scrip.supportsInterface(0xffffffff), "no interface");

        bool known = interfaceId == 0x01ffc9a7 || interfaceId == 0xd9b67a26 || interfaceId == 0x0e89341c;
        uint256 before = gasleft();
        assertEq(scrip.supportsInterface(interfaceId), known, "any interface");
        assertLt(before - gasleft(), 30_000, "gas");
    }

    function testFuzz_WhenTheMetadataOfAPlanIsAskedFor(string memory uri) public {
        IScrip.Terms memory terms = premium();
        terms.uri = uri;
        assertEq(scrip.uri(create(terms)), uri, "uri");
    }

    // ──────────────────────────────────────────── Balances ───────────────────────────────────────────

    function testFuzz_WhenBalancesAreAskedForInABatch(uint8[12] memory picks, uint64[4] memory amounts, uint8 later)
        public
    {
        uint256[4] memory plans = [create(premium()), create(free()), create(access(100)), NO_PLAN];
        address[3] memory holders = [subscriber, stranger, address(0)];
        give(plans[0], subscriber, uint64(bound(amounts[0], 1, type(uint64).max)));
        lend(plans[0], subscriber, uint64(bound(amounts[1], 1, type(uint64).max)), 100);
        lend(plans[0], stranger, uint64(bound(amounts[2], 1, type(uint64).max)), 200);
        lend(plans[1], stranger, uint64(bound(amounts[3], 1, type(uint64).max)), 50);
        give(plans[2], subscriber, 1);
        pass(later);

        address[] memory accounts = new address[](picks.length);
        uint256[] memory ids = new uint256[](picks.length);
        for (uint256 i; i < picks.length; ++i) {
            (accounts[i], ids[i]) = (holders[picks[i] % 3], plans[picks[i] / 3 % 4]);
        }
        uint256[] memory balances = scrip.balanceOfBatch(accounts, ids);

        assertEq(balances.length, picks.length, "number of balances");
        for (uint256 i; i < picks.length; ++i) {
            assertEq(balances[i], scrip.balanceOf(accounts[i], ids[i]), "balance");
        }
    }

    function test_WhenTheBatchIsEmpty() public view {
        assertEq(scrip.balanceOfBatch(new address[](0), new uint256[](0)).length, 0, "number of balances");
    }

    function testFuzz_RevertWhen_TheListsOfABatchAreOfDifferentLengths(uint8 accounts, uint8 ids) public {
        if (accounts == ids) ids ^= 1;
        vm.expectRevert(
            abi.encodeWithSelector(IScrip.ERC1155InvalidArrayLength.selector, uint256(ids), uint256(accounts))
        );
        scrip.balanceOfBatch(new address[](accounts), new uint256[](ids));
    }

    // ─────────────────────────────────────────── Soulbound ───────────────────────────────────────────

    function testFuzz_RevertWhen_AnyoneTransfersCredits(
        address caller,
        address from,
        address to,
        uint256 id,
        uint256 value,
        bytes memory data
    ) public {
        vm.prank(caller);
        vm.expectRevert(SOULBOUND);
        scrip.safeTransferFrom(from, to, id, value, data);
    }

    function testFuzz_RevertWhen_TheHolderTransfersItsCredits(uint64 amount, address to) public {
        uint256 planId = create(premium());
        orderFor(planId, subscriber);

        vm.prank(subscriber);
        vm.expectRevert(SOULBOUND);
        scrip.safeTransferFrom(subscriber, to, planId, bound(amount, 0, CREDITS), "");

        assertEq(balance(planId, subscriber), CREDITS, "balance");
    }

    function testFuzz_RevertWhen_AnyoneTransfersABatch(
        address caller,
        address from,
        address to,
        uint256[] memory ids,
        uint256[] memory values,
        bytes memory data
    ) public {
        vm.prank(caller);
        vm.expectRevert(SOULBOUND);
        scrip.safeBatchTransferFrom(from, to, ids, values, data);
    }

    function testFuzz_RevertWhen_AnyoneApprovesAnOperator(address caller, address operator, bool approved) public {
        vm.prank(caller);
        vm.expectRevert(SOULBOUND);
        scrip.setApprovalForAll(operator, approved);
    }

    function testFuzz_WhenApprovalIsAskedFor(address account, address operator) public view {
        assertFalse(scrip.isApprovedForAll(account, operator), "another");
        assertFalse(scrip.isApprovedForAll(account, account), "the holder");
    }
}
