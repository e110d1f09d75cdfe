// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice What the core has not.
contract CoreTest is Base {
    function expectRefusal(address caller, uint256 value, bytes memory data) internal {
        vm.prank(caller);
        (bool success, bytes memory answer) = address(scrip).call{value: value}(data);
        assertFalse(success, "success");
        assertEq(answer.length, 0, "length of the answer");
    }

    function testFuzz_RevertWhen_CoinIsSentToIt(uint96 coin) public {
        expectRefusal(subscriber, bound(coin, 1, 1_000 ether), "");
    }

    function test_RevertWhen_ItIsCalledAsIfItHadAProxyAPauseAnAdminOrAPayableMulticall() public {
        string[12] memory signatures = [
            "initialize()",
            "upgradeTo(address)",
            "upgradeToAndCall(address,bytes)",
            "implementation()",
            "pause()",
            "unpause()",
            "owner()",
            "transferOwnership(address)",
            "grantRole(bytes32,address)",
            "withdraw()",
            "multicall(bytes[])",
            "safeTransfer(address,uint256)"
        ];
        for (uint256 i; i < signatures.length; ++i) {
            bytes4 selector = bytes4(keccak256(bytes(signatures[i])));
            expectRefusal(builder, 0, abi.encodeWithSelector(selector, builder, builder));
        }
    }

    function test_RevertWhen_CoinIsSentAlongWithAnythingButAnOrder() public {
        uint256 id = create(premium());
        vm.deal(builder, 1);
        vm.prank(builder);
        scrip.transferOwnership(id, builder);
        give(id, builder, 10);

        bytes[] memory calls = new bytes[](14);
        calls[0] = abi.encodeCall(IScrip.createPlan, (free(), bytes32(0)));
        calls[1] = abi.encodeCall(IScrip.setOpen, (id, true));
        calls[2] = abi.encodeCall(IScrip.setOperator, (id, agent, REDEEM));
        calls[3] = abi.encodeCall(IScrip.mint, (id, subscriber, 5));
        calls[4] = abi.encodeCall(IScrip.mintExpirable, (id, subscriber, 5, 100));
        calls[5] = abi.encodeCall(IScrip.redeem, (id, subscriber, 5, 0));
        calls[6] = abi.encodeCall(IScrip.redeemWithoutId, (id, subscriber, 5));
        calls[7] = abi.encodeCall(IScrip.burn, (id, builder, 5));
        calls[8] = abi.encodeCall(IScrip.acceptOwnership, (id));
        calls[9] = abi.encodeCall(IScrip.transferOwnership, (id, stranger));
        calls[10] = abi.encodeCall(IScrip.redeemMany, (new IScrip.Batch[](0)));
        calls[11] = abi.encodeCall(IScrip.multicall, (new bytes[](0), false));
        calls[12] = abi.encodeCall(IScrip.revokeVouchers, (0, 1));
        calls[13] = abi.encodeCall(IScrip.revokeSession, (id, agent, 0));
        for (uint256 i; i < calls.length; ++i) {
            expectRefusal(builder, 1, calls[i]);

            vm.prank(builder);
            (bool success,) = address(scrip).call(calls[i]);
            assertTrue(success, "the same without coin");
        }
    }

    function test_WhenTheAnnexIsCalledByItself() public {
        IScrip annex = IScrip(vm.computeCreateAddress(address(scrip), 2));
        vm.record();
        uint256 id = create(premium());
        vm.prank(feeController);
        scrip.setFee(payee, 100);
        (bytes32[] memory reads, bytes32[] memory writes) = vm.accesses(address(annex));
        assertEq(reads.length + writes.length, 0, "words of its own that the core used");

        vm.prank(builder);
        uint256 otherId = annex.createPlan(premium(), bytes32(0));
        assertNotEq(otherId, id, "id of a plan of its own");
        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanNotFound.selector, otherId));
        scrip.plan(otherId);
        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanNotFound.selector, id));
        annex.plan(id);
        vm.prank(feeController);
        vm.expectRevert(abi.encodeWithSelector(IScrip.NotFeeController.selector, feeController, address(0)));
        annex.setFee(stranger, 100);
        assertEq(abi.encode(scrip.fee()), abi.encode(IScrip.Fee(payee, 100, feeController, address(0))), "fee");
    }

    function test_WhenItsCodeIsMeasured() public view {
        assertLe(address(scrip).code.length, 23_000, "bytes of code of the core");
        assertLe(vm.computeCreateAddress(address(scrip), 2).code.length, 23_000, "bytes of code of the annex");
        assertLe(vm.getCode("Scrip.sol:Scrip").length, 48_000, "bytes of code that deploys them");
    }
}
