// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Lens} from "scrip/periphery/Lens.sol";
import {Scrip} from "scrip/Scrip.sol";
import {Script} from "forge-std/Script.sol";
import {Services} from "scrip/periphery/Services.sol";

/// @notice Deploys Scrip, its lens and its registry of services through the canonical CREATE2 deployer, where `scrip deploy`
/// puts them, too, each unless it is there:
///
///     forge script scripts/Deploy.s.sol --rpc-url $RPC_URL --broadcast --account NAME \
///       --sig 'run(address)' $FEE_CONTROLLER
contract Deploy is Script {
    /// @param feeController Who may set the protocol's fee; zero for nobody, ever.
    function run(address feeController) external returns (address scrip, address lens, address services) {
        scrip = deploy(abi.encodePacked(type(Scrip).creationCode, abi.encode(feeController)));
        lens = deploy(type(Lens).creationCode);
        services = deploy(type(Services).creationCode);
    }

    function deploy(bytes memory creationCode) internal returns (address deployed) {
        deployed = vm.computeCreate2Address({salt: 0, initCodeHash: keccak256(creationCode)});
        if (deployed.code.length != 0) return deployed;

        vm.broadcast();
        (bool success,) = CREATE2_FACTORY.call(abi.encodePacked(bytes32(0), creationCode));

        require(success && deployed.code.length != 0, "the deployer has not put it there");
    }
}
