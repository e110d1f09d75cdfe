// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";

/// @notice Gas of the operations, committed as snapshots; run with `--isolate`, as whole transactions.
contract GasTest is Base {
    uint256 internal id;
    address internal other = makeAddr("other");

    function setUp() public override {
        super.setUp();
        dollar.mint(payee, 1);
        vm.deal(payee, 1);
        fund(other);
        id = create(premium());
    }

    function snap(string memory name) internal {
        vm.snapshotGasLastCall("operations", name);
    }

    function test_gas() public {
        vm.prank(builder);
        scrip.createPlan(premium(), bytes32(uint256(1)));
        snap("create plan");
        vm.startPrank(subscriber);
        scrip.order(id, subscriber, 1, PRICE);
        snap("order ERC-20, first");
        scrip.order(id, subscriber, 1, PRICE);
        snap("order ERC-20, repeat");
        vm.startPrank(builder);
        scrip.mint(id, agent, 10);
        snap("mint, new holder");
        scrip.mint(id, agent, 10);
        snap("mint, known holder");
        scrip.mintExpirable(id, other, 10, 1000);
        snap("mint expirable, new holder");
        vm.warp(vm.getBlockTimestamp() + 1);
        scrip.mintExpirable(id, other, 10, 1000);
        snap("mint expirable, known holder");
        scrip.redeemWithoutId(id, subscriber, 1);
        snap("redeem without id");
        scrip.redeem(id, subscriber, 1, 1);
        snap("redeem, fresh word");
        scrip.redeem(id, subscriber, 1, 2);
        snap("redeem, used word");
        vm.stopPrank();
        uint256 e = create(expiring(1 days));
        vm.startPrank(subscriber);
        scrip.order(e, subscriber, 1, PRICE);
        snap("order with a lifetime, first");
        for (uint256 i; i < 3; ++i) {
            vm.warp(vm.getBlockTimestamp() + 3000);
            scrip.order(e, subscriber, 1, PRICE);
            snap(string.concat("order with a lifetime, repeat ", vm.toString(i)));
        }
        scrip.balanceOf(subscriber, e);
        snap("balance");
        vm.stopPrank();
        uint256 n = create(native(1 ether));
        vm.startPrank(subscriber);
        scrip.order{value: 1 ether}(n, subscriber, 1, 1 ether);
        snap("order native, first");
        scrip.order{value: 1 ether}(n, subscriber, 1, 1 ether);
        snap("order native, repeat");
    }
}
