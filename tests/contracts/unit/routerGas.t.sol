// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Metered} from "../Metered.sol";
import {RouterWorld} from "../RouterWorld.sol";
import {IRouter} from "scrip/interfaces/IRouter.sol";

/// @notice Gas of orders by signature as whole transactions, committed as snapshots; see `GasTest`. The token, the payee and the
/// holder are known, as is the payer to the router, since these are repeated.
contract RouterGasTest is RouterWorld, Metered {
    uint256 internal constant TARGET = 130_000;

    function setUp() public override {
        super.setUp();
        signed.mint(payee, 1);
        permitted = PRICE;
    }

    /// @dev The gas of the second of two orders.
    function gasOfRepeat(Path path, string memory name) internal returns (uint256) {
        IRouter.Order memory order = anOrder(id);
        relay(path, order);
        order.nonce = 8;
        relay(path, order);
        return snap(name);
    }

    function test_WhenOrdersArePaidByEIP2612() public isolated leavesNothing {
        assertLt(gasOfRepeat(Path.Permit, "order by EIP-2612, repeat"), TARGET, "gas");
    }

    function test_WhenOrdersArePaidByEIP3009() public isolated leavesNothing {
        assertLt(gasOfRepeat(Path.Authorization, "order by EIP-3009, repeat"), TARGET, "gas");
    }

    function test_WhenOrdersArePaidByPermit2() public isolated leavesNothing {
        gasOfRepeat(Path.Permit2, "order by Permit2, repeat");
    }
}
