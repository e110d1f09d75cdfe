// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Kinds} from "./Kinds.sol";
import {Meddler} from "./mocks/Meddlers.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Every call with which someone could get at what is another's: a victim, its plan and its credits, what a party that
/// the core calls may try from within, and the state that must stay as it was.
abstract contract Attacks is Kinds {
    Meddler internal meddler = new Meddler();
    address internal victim = makeAddr("victim");
    /// @dev The victim has credits of it, a fiat payment among them.
    uint256 internal victimId;
    /// @dev Free for all.
    uint256 internal freeId;

    function setUp() public virtual override {
        super.setUp();
        IScrip.Terms memory terms = fiat();
        terms.name = "The victim's plan";
        terms.redemption.redeemers = 7;
        terms.revocable = true;
        victimId = create(terms);
        give(victimId, victim, 50);
        lend(victimId, victim, 50, 30 days);
        vm.prank(builder);
        scrip.settle(victimId, victim, 1, "pi_1");
        freeId = create(free());
        vm.deal(address(meddler), 10 ether);
    }

    /// @dev What must be refused from within whatever call, by everyone.
    function attacks() internal view returns (bytes[] memory calls) {
        calls = new bytes[](24);
        IScrip.Batch[] memory batches = new IScrip.Batch[](1);
        batches[0] = IScrip.Batch({planId: victimId, uses: new IScrip.Use[](1)});
        batches[0].uses[0] = IScrip.Use({holder: victim, amount: 1, requestId: 1});
        IScrip.Voucher memory voucher = IScrip.Voucher(victimId, victim, address(meddler), 9, 9, type(uint40).max);
        IScrip.SessionVoucher memory session =
            IScrip.SessionVoucher(victimId, victim, address(meddler), 9, 9, type(uint40).max);
        IScrip.Purchase memory purchase = IScrip.Purchase(freeId, address(meddler), 1, 0, "");
        uint256[] memory one = new uint256[](1);
        bytes[] memory inner = new bytes[](1);
        inner[0] = abi.encodeCall(IScrip.burn, (victimId, victim, 1));
        calls[0] = inner[0];
        calls[1] = abi.encodeCall(IScrip.redeem, (victimId, victim, 1, 1));
        calls[2] = abi.encodeCall(IScrip.redeemWithoutId, (victimId, victim, 1));
        calls[3] = abi.encodeCall(IScrip.redeemMany, (batches));
        calls[4] = abi.encodeCall(IScrip.redeemWithVoucher, (voucher, 1, new bytes(65)));
        calls[5] = abi.encodeCall(IScrip.redeemInSession, (session, 1, 1, new bytes(65)));
        calls[6] = abi.encodeCall(IScrip.mint, (victimId, address(meddler), 1));
        calls[7] = abi.encodeCall(IScrip.mintExpirable, (victimId, address(meddler), 1, 1));
        calls[8] = abi.encodeCall(IScrip.setOpen, (victimId, false));
        calls[9] = abi.encodeCall(IScrip.transferOwnership, (victimId, address(meddler)));
        calls[10] = abi.encodeCall(IScrip.acceptOwnership, (victimId));
        calls[11] = abi.encodeCall(IScrip.setOperator, (victimId, address(meddler), 7));
        calls[12] = abi.encodeCall(IScrip.settle, (victimId, address(meddler), 1, "pi_2"));
        calls[13] = abi.encodeCall(IScrip.takeBack, (victimId, "pi_1", 1));
        calls[14] = abi.encodeCall(IScrip.reverseTakeBack, (victimId, "pi_1"));
        calls[15] = abi.encodeCall(IScrip.setFee, (address(meddler), 100));
        calls[16] = abi.encodeCall(IScrip.offerFeeControl, (address(meddler)));
        calls[17] = abi.encodeCall(IScrip.acceptFeeControl, ());
        calls[18] = abi.encodeCall(IScrip.renounceFeeControl, ());
        calls[19] = abi.encodeCall(IScrip.safeTransferFrom, (victim, address(meddler), victimId, 1, ""));
        calls[20] = abi.encodeCall(IScrip.safeBatchTransferFrom, (victim, address(meddler), one, one, ""));
        calls[21] = abi.encodeCall(IScrip.setApprovalForAll, (address(meddler), true));
        calls[22] = abi.encodeCall(IScrip.multicall, (inner, false));
        calls[23] = abi.encodeCall(IScrip.orderFor, (purchase, victim, true));
    }

    /// @dev What an order refuses to itself, though it is anyone's right at other times.
    function orders() internal view returns (bytes[] memory calls) {
        calls = new bytes[](2);
        IScrip.Purchase[] memory purchases = new IScrip.Purchase[](1);
        purchases[0] = IScrip.Purchase(freeId, address(meddler), 1, 0, "");
        calls[0] = abi.encodeCall(IScrip.order, (freeId, address(meddler), 1, 0));
        calls[1] = abi.encodeCall(IScrip.orderMany, (purchases));
    }

    /// @dev All that the attacks are after.
    function stateOfVictim() internal view returns (bytes32) {
        IScrip.Plan memory plan = scrip.plan(victimId);
        return keccak256(
            abi.encode(
                scrip.lotsOf(victimId, victim),
                plan.owner,
                plan.pendingOwner,
                plan.open,
                scrip.permissionsOf(victimId, address(meddler)),
                scrip.settlementOf(victimId, keccak256("pi_1")),
                scrip.settlementOf(victimId, keccak256("pi_2")),
                scrip.fee(),
                scrip.balanceOf(address(meddler), victimId),
                scrip.isVoucherUsed(victim, 9),
                scrip.isApprovedForAll(victim, address(meddler))
            )
        );
    }

    /// @dev Tries each call from within an act, which must go on as if nothing had happened.
    function tryAll(bytes[] memory calls, function() internal act) internal {
        bytes32 before = stateOfVictim();
        for (uint256 i; i < calls.length; ++i) {
            meddler.arm(address(scrip), calls[i]);
            act();
            assertGt(meddler.tries(), 0, "the meddler was never called");
            assertFalse(meddler.success(), string.concat("it got through: ", vm.toString(calls[i])));
            assertNotEq(meddler.answer(), bytes4(0), string.concat("it failed without a reason: ", vm.toString(i)));
        }
        assertEq(stateOfVictim(), before, "what is the victim's");
    }
}
