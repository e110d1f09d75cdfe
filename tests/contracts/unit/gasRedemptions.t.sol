// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Metered} from "../Metered.sol";
import {VoucherWorld} from "../VoucherWorld.sol";
import {OneKeyWallet} from "../mocks/OneKeyWallet.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Gas of redemptions by vouchers and of many in one transaction, by the plan's owner, in a word of ids that is used
/// already.
contract RedemptionsGasTest is VoucherWorld, Metered {
    uint256 internal constant MANY = 50;

    function setUp() public override {
        super.setUp();
        vm.prank(builder);
        scrip.redeem(id, subscriber, 1, 255);
    }

    // ──────────────────────────────────────────── Vouchers ───────────────────────────────────────────

    function redeemBy(IScrip.Voucher memory given, string memory name) internal returns (uint256) {
        given.redeemer = builder;
        bytes memory signature = sign(given);
        vm.prank(builder);
        scrip.redeemWithVoucher(given, 1, signature);
        return snap(name);
    }

    function test_WhenVouchersAreRedeemed() public isolated {
        redeemBy(voucher(0), "redeem with voucher, fresh word");
        assertLe(redeemBy(voucher(1), "redeem with voucher, used word"), 49_000, "gas");
    }

    function test_WhenAWalletsVoucherIsRedeemed() public isolated {
        address wallet = address(new OneKeyWallet(subscriber));
        give(id, wallet, STOCK);
        vm.prank(wallet);
        scrip.revokeVouchers(0, 1);
        IScrip.Voucher memory given = voucher(1);
        given.holder = wallet;
        redeemBy(given, "redeem with a wallet's voucher, used word");
    }

    function redeemInSession(uint256 requestId, string memory name) internal {
        IScrip.SessionVoucher memory given = sessionVoucher(1);
        given.redeemer = builder;
        bytes memory signature = sign(given);
        vm.prank(builder);
        scrip.redeemInSession(given, 1, requestId, signature);
        snap(name);
    }

    function test_WhenASessionIsRedeemed() public isolated {
        redeemInSession(0, "redeem in session, first, used word");
        redeemInSession(1, "redeem in session, repeat, used word");
    }

    function test_WhenVouchersAreRevoked() public isolated {
        vm.startPrank(subscriber);
        scrip.revokeVouchers(0, 1);
        snap("revoke vouchers, fresh word");
        scrip.revokeVouchers(0, 2);
        snap("revoke vouchers, used word");
        scrip.revokeSession(id, agent, 1);
        snap("revoke session");
    }

    // ────────────────────────────────────────────── Many ─────────────────────────────────────────────

    /// @dev Fifty redemptions of one each, with request ids one after another.
    function many(bool ofOneHolder) internal returns (IScrip.Batch[] memory batches) {
        batches = new IScrip.Batch[](1);
        batches[0] = IScrip.Batch({planId: id, uses: new IScrip.Use[](MANY)});
        for (uint256 i; i < MANY; ++i) {
            address holder = ofOneHolder ? subscriber : makeAddr(vm.toString(i));
            if (!ofOneHolder) give(id, holder, 10);
            batches[0].uses[i] = IScrip.Use({holder: holder, amount: 1, requestId: i});
        }
    }

    function redeemMany(IScrip.Batch[] memory batches, string memory name) internal returns (uint256 gas) {
        vm.prank(builder);
        scrip.redeemMany(batches);
        return snap(name);
    }

    function test_WhenManyHoldersAreRedeemed() public isolated {
        assertLe(redeemMany(many(false), "redeem many, 50 of distinct holders"), 11_000 * MANY, "gas");
    }

    function test_WhenOneHolderIsRedeemedManyTimes() public isolated {
        assertLe(redeemMany(many(true), "redeem many, 50 of one holder"), 4_800 * MANY, "gas");
    }

    function test_WhenTenAreRedeemedByAMulticall() public isolated {
        bytes[] memory calls = new bytes[](10);
        for (uint256 i; i < 10; ++i) {
            calls[i] = abi.encodeCall(IScrip.redeem, (id, subscriber, 1, i));
        }
        vm.startPrank(builder);
        scrip.multicall(calls, true);
        snap("multicall that skips, 10 redemptions of one holder");
        scrip.multicall(calls, true);
        snap("multicall that skips, 10 redemptions that were done before");
        assertEq(balance(id, subscriber), STOCK - 11, "balance");
    }

    // ──────────────────────────────────────────── History ────────────────────────────────────────────

    /// @dev Everything that a redemption leaves behind, of the same holder and redeemer.
    function live(uint256 times) internal {
        give(id, subscriber, 10 * uint64(times));
        IScrip.Batch[] memory batches = many(true);
        for (uint256 i; i < times; ++i) {
            IScrip.Voucher memory given = voucher(1_000 + i * 7);
            IScrip.SessionVoucher memory session = sessionVoucher(i);
            (given.redeemer, session.redeemer) = (builder, builder);
            (bytes memory signature, bytes memory sessionSignature) = (sign(given), sign(session));
            vm.startPrank(builder);
            scrip.redeemWithVoucher(given, 1, signature);
            scrip.redeemInSession(session, 1, 1_000 + i * 7, sessionSignature);
            scrip.redeem(id, subscriber, 1, uint256(keccak256(abi.encode(i))));
            vm.stopPrank();
        }
        for (uint256 i; i < MANY; ++i) {
            batches[0].uses[i].requestId = 50_000 + i;
        }
        vm.prank(builder);
        scrip.redeemMany(batches);
    }

    function gasOf(IScrip.Voucher memory given) internal returns (uint256) {
        given.redeemer = builder;
        bytes memory signature = sign(given);
        vm.prank(builder);
        scrip.redeemWithVoucher(given, 1, signature);
        return vm.lastCallGas().gasTotalUsed;
    }

    function gasOf(IScrip.SessionVoucher memory given, uint256 requestId) internal returns (uint256) {
        given.redeemer = builder;
        bytes memory signature = sign(given);
        vm.prank(builder);
        scrip.redeemInSession(given, 1, requestId, signature);
        return vm.lastCallGas().gasTotalUsed;
    }

    function test_WhenAVoucherComesAfter1000Redemptions() public isolated {
        gasOf(voucher(0));
        gasOf(sessionVoucher(600), 0);
        uint256 ofVoucher = gasOf(voucher(1));
        uint256 ofSession = gasOf(sessionVoucher(600), 1);
        live(320);

        // Zero bytes of a signature or a number are cheaper than others.
        assertApproxEqAbs(gasOf(voucher(2)), ofVoucher, 120, "gas of a voucher");
        assertApproxEqAbs(gasOf(sessionVoucher(600), 2), ofSession, 120, "gas of a session");
    }
}
