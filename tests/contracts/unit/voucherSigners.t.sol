// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {VoucherWorld} from "../VoucherWorld.sol";
import {Chameleon} from "../mocks/Chameleon.sol";
import {OneKeyWallet} from "../mocks/OneKeyWallet.sol";
import {MeteredWallet, WritingWallet} from "../mocks/Wallets.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Vouchers of holders with code, contracts and accounts with EIP-7702 code alike. A right answer lets the voucher be
/// redeemed, and every other is as good as none.
contract VoucherSignersTest is VoucherWorld {
    bytes4 internal constant VALID = 0x1626ba7e;

    OneKeyWallet internal wallet;
    Chameleon internal chameleon = new Chameleon();

    function setUp() public override {
        super.setUp();
        wallet = new OneKeyWallet(subscriber);
        give(id, address(wallet), STOCK);
        give(id, address(chameleon), STOCK);
    }

    function voucherOf(address holder, uint256 nonce) internal view returns (IScrip.Voucher memory given) {
        given = voucher(nonce);
        given.holder = holder;
    }

    function sessionOf(address holder, uint256 session) internal view returns (IScrip.SessionVoucher memory given) {
        given = sessionVoucher(session);
        given.holder = holder;
    }

    /// @dev Both kinds of voucher are let.
    function expectAccepted(address holder, bytes memory signature, bytes memory sessionSignature) internal {
        uint256 before = balance(id, holder);
        redeem(voucherOf(holder, 1), 3, signature);
        redeem(sessionOf(holder, 1), 4, 1, sessionSignature);
        assertEq(balance(id, holder), before - 7, "balance");
        assertTrue(scrip.isVoucherUsed(holder, 1), "used");
        assertEq(scrip.sessionOf(id, holder, agent, 1).spent, 4, "spent in the session");
    }

    /// @dev Both kinds of voucher are refused.
    function expectRefused(address holder, bytes memory signature, bytes memory sessionSignature) internal {
        expectRefusal(voucherOf(holder, 1), 3, signature, invalidSignature(holder));
        expectRefusal(sessionOf(holder, 1), 4, 1, sessionSignature, invalidSignature(holder));
        assertEq(balance(id, holder), STOCK, "balance");
        assertFalse(scrip.isVoucherUsed(holder, 1), "used");
        assertEq(scrip.sessionOf(id, holder, agent, 1).spent, 0, "spent in the session");
    }

    function signaturesOf(uint256 key, address holder) internal view returns (bytes memory, bytes memory) {
        return (signWith(key, digestOf(voucherOf(holder, 1))), signWith(key, digestOf(sessionOf(holder, 1))));
    }

    // ─────────────────────────────────────────── Contracts ───────────────────────────────────────────

    function test_WhenItsKeySigns() public {
        (bytes memory signature, bytes memory sessionSignature) = signaturesOf(subscriberKey, address(wallet));
        expectAccepted(address(wallet), signature, sessionSignature);
        expectRefusal(voucherOf(address(wallet), 1), 1, signature, voucherUsed(address(wallet), 1));
    }

    function testFuzz_RevertWhen_AnotherKeySigns(uint128 key) public {
        vm.assume(key != 0 && key != subscriberKey);
        (bytes memory signature, bytes memory sessionSignature) = signaturesOf(key, address(wallet));
        expectRefused(address(wallet), signature, sessionSignature);
    }

    /// @dev The key signed for itself and not for its wallet, or for another wallet of its own.
    function test_RevertWhen_ItsKeySignsForAnother() public {
        (bytes memory signature, bytes memory sessionSignature) = signaturesOf(subscriberKey, subscriber);
        expectRefused(address(wallet), signature, sessionSignature);
        address other = address(new OneKeyWallet(subscriber));
        (signature, sessionSignature) = signaturesOf(subscriberKey, other);
        expectRefused(address(wallet), signature, sessionSignature);
    }

    /// @dev A wallet that says yes to all is asked with exactly what is redeemed, be the signature what it may.
    function testFuzz_WhenItSaysYesToAll(bytes memory signature) public {
        chameleon.behave(Chameleon.Mode.Accept, address(0), 0, "");
        bytes32 digest = digestOf(voucherOf(address(chameleon), 1));
        vm.expectCall(address(chameleon), abi.encodeWithSelector(VALID, digest, signature), 1);
        expectAccepted(address(chameleon), signature, signature);
        expectRefusal(voucherOf(address(chameleon), 1), 1, signature, voucherUsed(address(chameleon), 1));
    }

    function testFuzz_RevertWhen_ItSaysNo(bytes memory signature) public {
        chameleon.behave(Chameleon.Mode.Say, address(0), 0, abi.encode(bytes4(0xffffffff)));
        expectRefused(address(chameleon), signature, signature);
    }

    function testFuzz_RevertWhen_ItAnswersGarbage(bytes memory answer, bytes28 dirt, uint8 length) public {
        if (answer.length < 32 || bytes4(answer) != VALID) {
            chameleon.behave(Chameleon.Mode.Say, address(0), 0, answer);
            expectRefused(address(chameleon), "", "");
        }
        // True, as some wallets of old said.
        chameleon.behave(Chameleon.Mode.Say, address(0), 0, abi.encode(true));
        expectRefused(address(chameleon), "", "");
        // Less than the selector.
        bytes memory cut = abi.encodePacked(VALID);
        length = uint8(bound(length, 0, 3));
        assembly ("memory-safe") {
            mstore(cut, length)
        }
        chameleon.behave(Chameleon.Mode.Say, address(0), 0, cut);
        expectRefused(address(chameleon), "", "");
        // The selector at the wrong end of the word, and with dirt behind it.
        chameleon.behave(Chameleon.Mode.Say, address(0), 0, abi.encode(uint256(uint32(VALID))));
        expectRefused(address(chameleon), "", "");
        if (dirt == 0) dirt = bytes28(uint224(1));
        chameleon.behave(Chameleon.Mode.Say, address(0), 0, abi.encodePacked(VALID, dirt));
        expectRefused(address(chameleon), "", "");
    }

    function testFuzz_WhenItAnswersAtLength(bytes memory tail) public {
        chameleon.behave(Chameleon.Mode.Say, address(0), 0, abi.encodePacked(bytes32(VALID), tail));
        expectAccepted(address(chameleon), "", "");
    }

    function testFuzz_RevertWhen_ItReverts(bytes memory reason) public {
        chameleon.behave(Chameleon.Mode.Refuse, address(0), 0, reason);
        expectRefused(address(chameleon), "", "");
        chameleon.behave(Chameleon.Mode.Refuse, address(0), 0, abi.encode(VALID));
        expectRefused(address(chameleon), "", "");
    }

    function test_RevertWhen_ItBurnsAllGas() public {
        chameleon.behave(Chameleon.Mode.Burn, address(0), 0, "");
        uint256 before = gasleft();
        expectRefused(address(chameleon), "", "");
        assertLt(before - gasleft(), 2 * 650_000, "gas of two refusals");
    }

    function test_RevertWhen_ItTriesToChangeState() public {
        WritingWallet writing = new WritingWallet();
        give(id, address(writing), STOCK);
        assertEq(writing.isValidSignature(0, ""), VALID, "what it says to who lets it write");
        uint256 before = writing.written();
        expectRefused(address(writing), "", "");
        assertEq(writing.written(), before, "written");
    }

    /// @dev Whatever it tries to call from within is static, too.
    function test_WhenItTriesToSpendFromWithin() public {
        bytes memory spend = abi.encodeCall(IScrip.burn, (id, address(chameleon), 1));
        chameleon.behave(Chameleon.Mode.Reenter, address(scrip), 0, spend);
        expectAccepted(address(chameleon), "", "");
    }

    /// @dev It is given its 500,000 gas, or nothing is decided.
    function testFuzz_WhenTheGasIsTooLittleForIt(uint256 gas) public {
        MeteredWallet metered = new MeteredWallet(495_000);
        give(id, address(metered), STOCK);
        bytes memory call = abi.encodeCall(IScrip.redeemWithVoucher, (voucherOf(address(metered), 1), 3, ""));
        gas = bound(gas, 10_000, 800_000);

        vm.prank(agent);
        (bool done, bytes memory answer) = address(scrip).call{gas: gas}(call);

        assertEq(scrip.isVoucherUsed(address(metered), 1), done, "used");
        if (!done && answer.length != 0) {
            assertEq(bytes4(answer), IScrip.InsufficientGas.selector, "refusal");
        }
        if (gas > 650_000) assertTrue(done, "done with enough gas");
    }

    function test_RevertWhen_ThereIsNoCode() public {
        address holder = makeAddr("nobody");
        give(id, holder, STOCK);
        (bytes memory signature, bytes memory sessionSignature) = signaturesOf(subscriberKey, holder);
        expectRefused(holder, signature, sessionSignature);
        // Nor are precompiles asked, of which one answers with what it is asked.
        give(id, address(4), STOCK);
        expectRefused(address(4), "", "");
    }

    /// @dev Nobody is asked then, so that no gas is kept for an answer.
    function test_RevertWhen_ThereIsNoCodeAndLittleGas() public {
        IScrip.Voucher memory given = voucherOf(makeAddr("nobody"), 1);
        vm.prank(agent);
        vm.expectRevert(invalidSignature(given.holder));
        scrip.redeemWithVoucher{gas: 300_000}(given, 3, "");
    }

    // ──────────────────────────────────────── Delegated accounts ─────────────────────────────────────

    function delegate(address code) internal returns (address account, uint256 key) {
        (account, key) = makeAddrAndKey("delegating account");
        give(id, account, STOCK);
        vm.signAndAttachDelegation(code, key);
        // The delegation comes with the next transaction.
        vm.prank(stranger);
        scrip.revokeVouchers(0, 0);
        assertEq(account.code, abi.encodePacked(hex"ef0100", code), "delegation");
    }

    function test_WhenTheAccountSignsItself() public {
        // Even if its code refuses everything.
        chameleon.behave(Chameleon.Mode.Refuse, address(0), 0, "");
        (address account, uint256 key) = delegate(address(chameleon));
        (bytes memory signature, bytes memory sessionSignature) = signaturesOf(key, account);
        vm.expectCall(account, abi.encodeWithSelector(VALID), 0);
        expectAccepted(account, signature, sessionSignature);
    }

    function test_WhenTheKeyOfItsCodeSigns() public {
        (address account, uint256 key) = delegate(address(wallet));
        assertNotEq(key, subscriberKey, "keys");
        (bytes memory signature, bytes memory sessionSignature) = signaturesOf(subscriberKey, account);
        expectAccepted(account, signature, sessionSignature);
    }

    function testFuzz_RevertWhen_NeitherSigns(uint128 key) public {
        (address account, uint256 ownKey) = delegate(address(wallet));
        vm.assume(key != 0 && key != subscriberKey && key != ownKey);
        (bytes memory signature, bytes memory sessionSignature) = signaturesOf(key, account);
        expectRefused(account, signature, sessionSignature);
    }

    function test_RevertWhen_ItsCodeIsTakenAway() public {
        (address account, uint256 key) = delegate(address(wallet));
        (bytes memory signature, bytes memory sessionSignature) = signaturesOf(subscriberKey, account);
        vm.signAndAttachDelegation(address(0), key);
        expectRefused(account, signature, sessionSignature);

        (signature, sessionSignature) = signaturesOf(key, account);
        expectAccepted(account, signature, sessionSignature);
    }
}
