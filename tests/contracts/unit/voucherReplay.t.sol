// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width.
// forge-lint: disable-start(unsafe-typecast)

import {VoucherWorld} from "../VoucherWorld.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Signatures that are not for what they are given for, field by field, and signatures that are not whole.
contract VoucherReplayTest is VoucherWorld {
    /// @dev The order of the curve.
    uint256 internal constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    bytes internal refusal;

    function setUp() public override {
        super.setUp();
        refusal = invalidSignature(subscriber);
    }

    function expectInvalid(IScrip.Voucher memory given, bytes memory signature) internal {
        expectRefusal(given, 1, signature, invalidSignature(given.holder));
        assertFalse(scrip.isVoucherUsed(given.holder, given.nonce), "used");
    }

    function expectInvalid(IScrip.SessionVoucher memory given, bytes memory signature) internal {
        expectRefusal(given, 1, 9, signature, invalidSignature(given.holder));
        assertFalse(scrip.isRedeemed(given.planId, given.redeemer, 9), "request");
        assertEq(
            scrip.sessionOf(given.planId, given.holder, given.redeemer, given.session).spent, 0, "spent in the session"
        );
    }

    // ───────────────────────────────────────────── Digests ───────────────────────────────────────────

    /// @dev As a wallet is given it, hashed by the hand of another than this test.
    function typedData(string memory name, string memory numberName, IScrip.Voucher memory signed)
        internal
        view
        returns (string memory)
    {
        string memory types = string.concat(
            '{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},',
            '{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],"',
            name,
            '":[{"name":"planId","type":"uint256"},{"name":"holder","type":"address"},',
            '{"name":"redeemer","type":"address"},{"name":"maximum","type":"uint64"},{"name":"',
            numberName,
            '","type":"uint256"},{"name":"deadline","type":"uint40"}]},"primaryType":"',
            name,
            '","domain":{"name":"Scrip","version":"1","chainId":'
        );
        string memory start = string.concat(
            types,
            vm.toString(block.chainid),
            ',"verifyingContract":"',
            vm.toString(address(scrip)),
            '"},"message":{"planId":"',
            vm.toString(signed.planId),
            '","holder":"',
            vm.toString(signed.holder),
            '","redeemer":"',
            vm.toString(signed.redeemer)
        );
        return string.concat(
            start,
            '","maximum":"',
            vm.toString(signed.maximum),
            '","',
            numberName,
            '":"',
            vm.toString(signed.nonce),
            '","deadline":"',
            vm.toString(signed.deadline),
            '"}}'
        );
    }

    function testFuzz_WhenWhatIsSignedIsHashedAsTypedData(uint64 maximum, uint256 nonce, uint40 deadline, uint32 chain)
        public
    {
        vm.chainId(bound(chain, 1, type(uint32).max));
        IScrip.Voucher memory given = voucher(nonce);
        given.maximum = uint64(bound(maximum, 2, type(uint64).max));
        given.deadline = uint40(bound(deadline, START, type(uint40).max));
        IScrip.SessionVoucher memory session = sessionVoucher(nonce);
        (session.maximum, session.deadline) = (given.maximum, given.deadline);
        bytes32 digest = vm.eip712HashTypedData(typedData("Voucher", "nonce", given));
        bytes32 sessionDigest = vm.eip712HashTypedData(typedData("SessionVoucher", "session", given));
        assertEq(digestOf(given), digest, "digest of a voucher");
        assertEq(digestOf(session), sessionDigest, "digest of a session voucher");

        redeem(given, 1, signWith(subscriberKey, digest));
        redeem(session, 2, 0, signWith(subscriberKey, sessionDigest));

        assertEq(balance(id, subscriber), STOCK - 3, "balance");
    }

    function testFuzz_WhenTheDomainIsAskedFor(uint64 chain) public {
        vm.chainId(bound(chain, 1, type(uint64).max - 1));
        (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address core,
            bytes32 salt,
            uint256[] memory extensions
        ) = scrip.eip712Domain();
        assertEq(fields, hex"0f", "fields");
        assertEq(name, "Scrip", "name");
        assertEq(version, "1", "version");
        assertEq(chainId, block.chainid, "chain");
        assertEq(core, address(scrip), "core");
        assertEq(salt, 0, "salt");
        assertEq(extensions.length, 0, "extensions");
    }

    // ──────────────────────────────────────────── One field ──────────────────────────────────────────

    function testFuzz_RevertWhen_OneFieldIsNotWhatWasSigned(uint8 field, uint256 value) public {
        field = uint8(bound(field, 0, 5));
        bytes memory signature = sign(voucher(7));
        IScrip.Voucher memory given = voucher(7);
        if (field == 0) given.planId = value == id ? vouched() : value;
        if (field == 1) given.holder = address(uint160(value));
        if (field == 2) given.redeemer = address(uint160(value));
        if (field == 3) given.maximum = uint64(bound(value, 1, type(uint64).max));
        if (field == 4) given.nonce = value;
        if (field == 5) given.deadline = uint40(bound(value, START, type(uint40).max));
        vm.assume(keccak256(abi.encode(given)) != keccak256(abi.encode(voucher(7))));

        vm.prank(given.redeemer);
        vm.expectRevert(invalidSignature(given.holder));
        scrip.redeemWithVoucher(given, 1, signature);

        assertFalse(scrip.isVoucherUsed(given.holder, given.nonce), "used");
    }

    function testFuzz_RevertWhen_OneFieldOfASessionIsNotWhatWasSigned(uint8 field, uint256 value) public {
        field = uint8(bound(field, 0, 5));
        bytes memory signature = sign(sessionVoucher(7));
        IScrip.SessionVoucher memory given = sessionVoucher(7);
        if (field == 0) given.planId = value == id ? vouched() : value;
        if (field == 1) given.holder = address(uint160(value));
        if (field == 2) given.redeemer = address(uint160(value));
        if (field == 3) given.maximum = uint64(bound(value, 1, type(uint64).max));
        if (field == 4) given.session = value;
        if (field == 5) given.deadline = uint40(bound(value, START, type(uint40).max));
        vm.assume(keccak256(abi.encode(given)) != keccak256(abi.encode(sessionVoucher(7))));

        vm.prank(given.redeemer);
        vm.expectRevert(invalidSignature(given.holder));
        scrip.redeemInSession(given, 1, 9, signature);

        assertFalse(scrip.isRedeemed(given.planId, given.redeemer, 9), "request");
    }

    function testFuzz_RevertWhen_ItIsRedeemedOnAnotherChain(uint64 chain) public {
        bytes memory signature = sign(voucher(7));
        bytes memory sessionSignature = sign(sessionVoucher(7));
        // Not read from the block: the optimizer takes that for the same all along.
        uint256 home = 31_337;
        chain = uint64(bound(chain, 1, type(uint64).max - 1));
        vm.assume(chain != home);

        vm.chainId(chain);
        expectInvalid(voucher(7), signature);
        expectInvalid(sessionVoucher(7), sessionSignature);

        vm.chainId(home);
        redeem(voucher(7), 1, signature);
        redeem(sessionVoucher(7), 1, 9, sessionSignature);
    }

    /// @dev With a plan of the very same number, copied word by word, so that nothing but the signature can be what refuses.
    function test_RevertWhen_ItIsRedeemedOnAnotherDeployment() public {
        IScrip other = IScrip(deployCode("Scrip.sol:Scrip", abi.encode(feeController)));
        vm.record();
        id = vouched();
        (, bytes32[] memory written) = vm.accesses(address(scrip));
        for (uint256 i; i < written.length; ++i) {
            vm.store(address(other), written[i], vm.load(address(scrip), written[i]));
        }
        bytes memory signature = sign(voucher(7));
        bytes memory sessionSignature = sign(sessionVoucher(7));
        assertEq(other.plan(id).owner, builder, "the plan there");
        assertEq(other.balanceOf(subscriber, id), STOCK, "the balance there");

        vm.startPrank(agent);
        vm.expectRevert(refusal);
        other.redeemWithVoucher(voucher(7), 1, signature);
        vm.expectRevert(refusal);
        other.redeemInSession(sessionVoucher(7), 1, 9, sessionSignature);
        vm.stopPrank();

        vm.prank(agent);
        other.redeemWithVoucher(voucher(7), 1, signatureFor(other));
        assertEq(other.balanceOf(subscriber, id), STOCK - 1, "balance there, by a voucher for there");
        redeem(voucher(7), 1, signature);
    }

    function signatureFor(IScrip core) internal view returns (bytes memory) {
        bytes32 structHash = keccak256(abi.encode(VOUCHER_TYPE, voucher(7)));
        return signWith(subscriberKey, digestOf(structHash, block.chainid, address(core)));
    }

    // ──────────────────────────────────────────── One kind ───────────────────────────────────────────

    /// @dev All fields are the same, but for the name of one.
    function testFuzz_RevertWhen_AVoucherIsGivenForASessionVoucher(uint256 number) public {
        expectInvalid(sessionVoucher(number), sign(voucher(number)));
    }

    function testFuzz_RevertWhen_ASessionVoucherIsGivenForAVoucher(uint256 number) public {
        expectInvalid(voucher(number), sign(sessionVoucher(number)));
    }

    function testFuzz_RevertWhen_TheStructIsSignedWithoutTheDomain(uint256 number) public {
        bytes32 structHash = keccak256(abi.encode(VOUCHER_TYPE, voucher(number)));
        expectInvalid(voucher(number), signWith(subscriberKey, structHash));
        bytes32 message = keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", digestOf(voucher(number))));
        expectInvalid(voucher(number), signWith(subscriberKey, message));
    }

    // ────────────────────────────────────────── One signature ────────────────────────────────────────

    function testFuzz_RevertWhen_TheSignatureIsMalleated(uint256 number) public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(subscriberKey, digestOf(voucher(number)));
        bytes32 high = bytes32(ORDER - uint256(s));
        uint8 otherV = v == 27 ? 28 : 27;
        assertEq(ecrecover(digestOf(voucher(number)), otherV, r, high), subscriber, "malleated well");

        expectInvalid(voucher(number), abi.encodePacked(r, high, otherV));
        expectInvalid(voucher(number), abi.encodePacked(r, high, v));
        expectInvalid(voucher(number), abi.encodePacked(r, s, otherV));
        expectInvalid(voucher(number), abi.encodePacked(r, s, v - 27));
        redeem(voucher(number), 1, abi.encodePacked(r, s, v));
        expectRefusal(voucher(number), 1, abi.encodePacked(r, high, otherV), voucherUsed(subscriber, number));
    }

    function testFuzz_RevertWhen_TheSignatureIsOfAnotherLength(uint256 number, bytes memory tail) public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(subscriberKey, digestOf(voucher(number)));
        (, bytes32 vs) = vm.signCompact(subscriberKey, digestOf(voucher(number)));
        if (tail.length == 0) tail = hex"00";

        expectInvalid(voucher(number), "");
        expectInvalid(voucher(number), abi.encodePacked(r, vs));
        expectInvalid(voucher(number), abi.encodePacked(r, s));
        expectInvalid(voucher(number), abi.encodePacked(r, s, v, tail));
        expectInvalid(sessionVoucher(number), "");
        expectInvalid(sessionVoucher(number), abi.encodePacked(r, vs));
    }

    function testFuzz_RevertWhen_TheSignatureIsOfAnother(uint256 key, uint256 number) public {
        key = bound(key, 1, ORDER - 1);
        vm.assume(key != subscriberKey);
        expectInvalid(voucher(number), signWith(key, digestOf(voucher(number))));
        expectInvalid(sessionVoucher(number), signWith(key, digestOf(sessionVoucher(number))));
    }

    function testFuzz_RevertWhen_TheSignatureIsAnything(bytes32 r, bytes32 s, uint8 v) public {
        expectInvalid(voucher(7), abi.encodePacked(r, s, v));
        expectInvalid(sessionVoucher(7), abi.encodePacked(r, s, v));
    }

    /// @dev What does not recover is the zero address: it must not be taken for that holder's signature. The plan's owner may
    /// redeem of all, so that nothing else refuses.
    function testFuzz_RevertWhen_TheHolderIsTheZeroAddress(bytes32 r, uint8 v) public {
        IScrip.Voucher memory given = voucher(7);
        given.holder = address(0);
        assertEq(ecrecover(digestOf(given), v, 0, 0), address(0), "recovered");

        expectInvalid(given, abi.encodePacked(r, bytes32(0), v));
        expectInvalid(given, abi.encodePacked(bytes32(0), bytes32(0), v));
        expectInvalid(given, abi.encodePacked(bytes32(0), bytes32(0), uint8(27)));
        expectInvalid(given, "");
    }

    /// @dev Fields beyond their types are refused by the decoder, and not cut to what was signed.
    function testFuzz_RevertWhen_AFieldIsBeyondItsType(uint8 field, uint96 dirt) public {
        // Holder, redeemer, maximum and deadline of the voucher, and the amount behind it.
        uint256 word = [1, 2, 3, 5, 6][bound(field, 0, 4)];
        uint256 width = word < 3 ? 160 : word == 5 ? 40 : 64;
        dirt = uint96(bound(dirt, 1, type(uint96).max));
        bytes memory data = abi.encodeCall(IScrip.redeemWithVoucher, (voucher(7), 1, sign(voucher(7))));
        uint256 offset = 32 + 4 + 32 * word;
        assembly ("memory-safe") {
            let place := add(data, offset)
            mstore(place, or(mload(place), shl(width, dirt)))
        }

        vm.prank(agent);
        (bool done, bytes memory answer) = address(scrip).call(data);

        assertFalse(done, "done");
        assertEq(answer.length, 0, "length of the answer");
    }
}
