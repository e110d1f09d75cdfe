// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Scrip} from "scrip/Scrip.sol";
import {Script} from "forge-std/Script.sol";

/// @notice Deploys Scrip through the canonical CREATE2 deployer, where `scripts/deploy` puts it, too:
///
///     forge script scripts/Deploy.s.sol --rpc-url $RPC_URL --broadcast --account NAME \
///       --sig 'run(address)' $FEE_CONTROLLER
contract Deploy is Script {
    /// @param feeController Who may set the protocol's fee; zero for nobody, ever.
    function run(address feeController) external returns (address scrip) {
        bytes memory creationCode = abi.encodePacked(type(Scrip).creationCode, abi.encode(feeController));
        scrip = vm.computeCreate2Address({salt: 0, initCodeHash: keccak256(creationCode)});
        if (scrip.code.length != 0) return scrip;

        vm.broadcast();
        Scrip deployed = new Scrip{salt: 0}(feeController);

        require(address(deployed) == scrip, "the deployer has put it elsewhere");
    }
}
