// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "./Base.t.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice A subscriber with credits and a key, and an agent whom the plan lets redeem. What is signed is computed here from
/// EIP-712 alone, with nothing of the contracts but their address.
abstract contract VoucherWorld is Base {
    bytes32 internal constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant VOUCHER_TYPE = keccak256(
        "Voucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 nonce,uint40 deadline)"
    );
    bytes32 internal constant SESSION_TYPE = keccak256(
        "SessionVoucher(uint256 planId,address holder,address redeemer,uint64 maximum,uint256 session,uint40 deadline)"
    );

    uint64 internal constant STOCK = 1_000;

    uint256 internal id;
    uint256 internal subscriberKey;

    function setUp() public virtual override {
        super.setUp();
        (, subscriberKey) = makeAddrAndKey("subscriber");
        id = create(premium());
        nameOperators(id);
        give(id, subscriber, STOCK);
    }

    // ──────────────────────────────────────────── Vouchers ───────────────────────────────────────────

    /// @dev For the agent, of the subscriber: up to 50, for a hundred seconds.
    function voucher(uint256 nonce) internal view returns (IScrip.Voucher memory) {
        return IScrip.Voucher({
            planId: id, holder: subscriber, redeemer: agent, maximum: 50, nonce: nonce, deadline: uint40(START + 100)
        });
    }

    /// @dev The same, for a session.
    function sessionVoucher(uint256 session) internal view returns (IScrip.SessionVoucher memory) {
        return IScrip.SessionVoucher({
            planId: id,
            holder: subscriber,
            redeemer: agent,
            maximum: 50,
            session: session,
            deadline: uint40(START + 100)
        });
    }

    // ─────────────────────────────────────────── Signatures ──────────────────────────────────────────

    function digestOf(bytes32 structHash, uint256 chainId, address core) internal pure returns (bytes32) {
        bytes32 domain = keccak256(abi.encode(DOMAIN_TYPE, keccak256("Scrip"), keccak256("1"), chainId, core));
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function digestOf(IScrip.Voucher memory signed) internal view returns (bytes32) {
        return digestOf(keccak256(abi.encode(VOUCHER_TYPE, signed)), block.chainid, address(scrip));
    }

    function digestOf(IScrip.SessionVoucher memory signed) internal view returns (bytes32) {
        return digestOf(keccak256(abi.encode(SESSION_TYPE, signed)), block.chainid, address(scrip));
    }

    function signWith(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev By the subscriber.
    function sign(IScrip.Voucher memory signed) internal view returns (bytes memory) {
        return signWith(subscriberKey, digestOf(signed));
    }

    /// @dev By the subscriber.
    function sign(IScrip.SessionVoucher memory signed) internal view returns (bytes memory) {
        return signWith(subscriberKey, digestOf(signed));
    }

    // ──────────────────────────────────────────── Actions ────────────────────────────────────────────

    /// @dev The agent redeems.
    function redeem(IScrip.Voucher memory given, uint64 amount, bytes memory signature) internal {
        vm.prank(agent);
        scrip.redeemWithVoucher(given, amount, signature);
    }

    /// @dev The agent redeems.
    function redeem(IScrip.SessionVoucher memory given, uint64 amount, uint256 requestId, bytes memory signature)
        internal
    {
        vm.prank(agent);
        scrip.redeemInSession(given, amount, requestId, signature);
    }

    function expectRefusal(IScrip.Voucher memory given, uint64 amount, bytes memory signature, bytes memory refusal)
        internal
    {
        vm.expectRevert(refusal);
        redeem(given, amount, signature);
    }

    function expectRefusal(
        IScrip.SessionVoucher memory given,
        uint64 amount,
        uint256 requestId,
        bytes memory signature,
        bytes memory refusal
    ) internal {
        vm.expectRevert(refusal);
        redeem(given, amount, requestId, signature);
    }

    function invalidSignature(address signer) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.InvalidSignature.selector, signer);
    }

    function voucherUsed(address holder, uint256 nonce) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IScrip.VoucherUsed.selector, holder, nonce);
    }

    // ──────────────────────────────────────────── Batches ────────────────────────────────────────────

    function use(address holder, uint64 amount, uint256 requestId) internal pure returns (IScrip.Use memory) {
        return IScrip.Use({holder: holder, amount: amount, requestId: requestId});
    }

    function batch(uint256 planId, uint256 uses) internal pure returns (IScrip.Batch memory made) {
        made.planId = planId;
        made.uses = new IScrip.Use[](uses);
    }

    function redeemBy(address caller, IScrip.Batch memory only) internal {
        IScrip.Batch[] memory batches = new IScrip.Batch[](1);
        batches[0] = only;
        vm.prank(caller);
        scrip.redeemMany(batches);
    }

    // ───────────────────────────────────────────── Plans ─────────────────────────────────────────────

    /// @dev A plan that wants vouchers, with an agent and a subscriber who has credits.
    function vouched() internal returns (uint256 planId) {
        IScrip.Terms memory terms = premium();
        terms.redemption = IScrip.Redemption({minimum: 1, maximum: 100, redeemers: 7, voucherRequired: true});
        planId = create(terms);
        nameOperators(planId);
        give(planId, subscriber, STOCK);
    }

    /// @dev A plan whose uses cost a price each.
    function perUse(address token, uint96 price) internal returns (uint256 planId) {
        IScrip.Terms memory terms = premium();
        terms.price = fixedPrice(token, price);
        terms.price.kind = IScrip.PriceKind.PerUse;
        delete terms.grant;
        terms.redemption.voucherRequired = true;
        planId = create(terms);
        nameOperators(planId);
    }
}
