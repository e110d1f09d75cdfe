// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "./Base.t.sol";
import {Chameleon} from "./mocks/Chameleon.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @notice Terms of the kinds of price that need another party, and that party: one contract that is told how to behave.
abstract contract Kinds is Base {
    Chameleon internal other = new Chameleon();

    // ───────────────────────────────────────────── Terms ─────────────────────────────────────────────

    /// @dev The premium plan, paid off chain.
    function fiat() internal view returns (IScrip.Terms memory terms) {
        terms = free();
        terms.price.kind = IScrip.PriceKind.Fiat;
        terms.price.amount = PRICE;
        terms.price.currency = "USD";
    }

    /// @dev The premium plan, at whatever the other contract asks.
    function quoted(address token) internal view returns (IScrip.Terms memory terms) {
        terms = premium();
        terms.price =
            IScrip.Price({kind: IScrip.PriceKind.Quoted, token: token, amount: 0, currency: 0, source: address(other)});
    }

    /// @dev A plan paid for each use, 1 to 100 at a time, by the owner and operators.
    function perUse(address token, uint96 amount) internal view returns (IScrip.Terms memory terms) {
        terms = premium();
        terms.price.kind = IScrip.PriceKind.PerUse;
        terms.price.token = token;
        terms.price.amount = amount;
        terms.grant.credits = 0;
        terms.redemption.voucherRequired = true;
    }

    /// @dev The same terms, with the other contract as their hook.
    function hooked(IScrip.Terms memory terms, uint8 calls) internal view returns (IScrip.Terms memory) {
        terms.hook = IScrip.Hook({account: address(other), calls: calls});
        return terms;
    }

    // ──────────────────────────────────────────── Actions ────────────────────────────────────────────

    function setFee(address receiver, uint16 rate) internal {
        vm.prank(feeController);
        scrip.setFee(receiver, rate);
    }

    function ask(uint256 price) internal {
        other.behave(Chameleon.Mode.Accept, address(0), price, "");
    }

    function behave(Chameleon.Mode mode, bytes memory words) internal {
        other.behave(mode, address(scrip), 0, words);
    }

    function orderAs(address payer, uint256 planId, uint32 quantity, uint256 maxPrice, uint256 value) internal {
        vm.prank(payer);
        scrip.order{value: value}(planId, payer, quantity, maxPrice);
    }

    // ──────────────────────────────────────────── Vouchers ───────────────────────────────────────────

    /// @dev A voucher of the subscriber for a redeemer.
    function voucherFor(uint256 planId, address redeemer, uint64 maximum, uint256 nonce)
        internal
        view
        returns (IScrip.Voucher memory)
    {
        return IScrip.Voucher({
            planId: planId,
            holder: subscriber,
            redeemer: redeemer,
            maximum: maximum,
            nonce: nonce,
            deadline: uint40(block.timestamp)
        });
    }

    /// @dev The subscriber's signature, as wallets make it from the typed data.
    function sign(IScrip.Voucher memory voucher) internal returns (bytes memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Scrip"),
                keccak256("1"),
                block.chainid,
                address(scrip)
            )
        );
        bytes32 struct_ = keccak256(
            abi.encode(
                keccak256(
                    "Voucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 nonce,uint40 deadline)"
                ),
                voucher
            )
        );
        (, uint256 key) = makeAddrAndKey("subscriber");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, MessageHashUtils.toTypedDataHash(domain, struct_));
        return abi.encodePacked(r, s, v);
    }

    /// @dev The owner redeems with the subscriber's voucher for exactly so much.
    function redeemVouched(uint256 planId, uint64 amount, uint256 nonce) internal {
        IScrip.Voucher memory voucher = voucherFor(planId, builder, amount, nonce);
        bytes memory signature = sign(voucher);
        vm.prank(builder);
        scrip.redeemWithVoucher(voucher, amount, signature);
    }

    /// @dev The same, refused.
    function expectVouchedRefused(uint256 planId, uint64 amount, uint256 nonce, bytes memory refusal) internal {
        IScrip.Voucher memory voucher = voucherFor(planId, builder, amount, nonce);
        bytes memory signature = sign(voucher);
        vm.prank(builder);
        vm.expectRevert(refusal);
        scrip.redeemWithVoucher(voucher, amount, signature);
        assertFalse(scrip.isVoucherUsed(subscriber, nonce), "voucher used");
    }
}
