// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPermit2Details, RouterWorld} from "../RouterWorld.sol";
import {IRouter} from "scrip/interfaces/IRouter.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

interface IEIP5267 {
    function eip712Domain()
        external
        view
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory);
}

/// @notice What a payer's signature commits to, and how often it counts.
contract RouterSignaturesTest is RouterWorld {
    uint256 internal constant CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    /// @dev Nothing was paid or granted.
    function assertNothingDone(uint256 planId) internal view {
        assertEq(signed.balanceOf(payer), 1_000_000e6, "money of the payer");
        assertEq(signed.balanceOf(payee), 0, "money of the payee");
        assertEq(balance(planId, payer), 0, "credits");
    }

    function usedAlready(Path path, IRouter.Order memory order) internal view returns (bytes memory) {
        if (path == Path.Authorization) {
            return abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, order.payer, orderHash(order));
        }
        if (path == Path.Permit2) return abi.encodeWithSelector(IPermit2Details.InvalidNonce.selector);
        return abi.encodeWithSelector(IRouter.NonceUsed.selector, order.payer, order.nonce);
    }

    function tooLate(Path path, uint256 deadline) internal pure returns (bytes memory) {
        if (path == Path.Authorization) {
            return abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, 0, deadline);
        }
        if (path == Path.Permit2) return abi.encodeWithSelector(IPermit2Details.SignatureExpired.selector, deadline);
        return abi.encodeWithSelector(IRouter.OrderExpired.selector, deadline);
    }

    // ────────────────────────────────────────── What is signed ───────────────────────────────────────

    function testFuzz_RevertWhen_ARelayerChangesAField(uint256 path, uint256 field, uint256 seed) public leavesNothing {
        bytes memory signature = signFor(aPath(path), payerKey, anOrder(id));
        IRouter.Order memory other = changed(anOrder(id), field, seed);

        refusal = notSigned(aPath(path), other.payer);
        send(aPath(path), other, signature, "");

        assertNothingDone(other.planId);
        send(aPath(path), anOrder(id), signature, "");
        assertEq(balance(id, payer), CREDITS, "credits of the order as it was signed");
    }

    function testFuzz_RevertWhen_TheSignatureIsForAnotherPath(uint256 path, uint256 other) public leavesNothing {
        vm.assume(aPath(path) != aPath(other));
        bytes memory signature = signFor(aPath(other), payerKey, anOrder(id));

        refusal = notSigned(aPath(path), payer);
        send(aPath(path), anOrder(id), signature, "");

        assertNothingDone(id);
    }

    function testFuzz_RevertWhen_ItIsSentOnAnotherChain(uint256 path, uint64 chain) public leavesNothing {
        chain = uint64(bound(chain, 1, type(uint64).max - 1));
        vm.assume(chain != block.chainid);
        bytes memory signature = signFor(aPath(path), payerKey, anOrder(id));
        vm.chainId(chain);

        refusal = notSigned(aPath(path), payer);
        send(aPath(path), anOrder(id), signature, "");

        assertNothingDone(id);
    }

    /// @dev The plan is the other core's, which its id commits to, so that the order is valid there in all but its signature.
    function testFuzz_RevertWhen_ItIsSentToTheRouterOfAnotherCore(uint256 path) public leavesNothing {
        IScrip otherCore = IScrip(deployCode("Scrip.sol:Scrip", abi.encode(feeController)));
        IScrip.Terms memory terms = premium();
        terms.price.token = address(signed);
        IRouter.Order memory order = anOrder(otherCore.createPlan(terms, 0));
        bytes memory signature = signFor(aPath(path), payerKey, order);
        IRouter first = router;
        router = IRouter(otherCore.router());

        refusal = notSigned(aPath(path), payer);
        send(aPath(path), order, signature, "");

        assertEq(otherCore.balanceOf(payer, order.planId), 0, "credits");
        relay(aPath(path), order);
        assertEq(otherCore.balanceOf(payer, order.planId), CREDITS, "credits of an order signed for that router");
        assertNothingLeft();
        router = first;
    }

    function testFuzz_RevertWhen_ThePlanIsOfAnotherCore(uint256 path, uint256 planId) public leavesNothing {
        vm.assume(planId != id && planId != otherId && planId != accessId);

        refusal = abi.encodeWithSelector(IScrip.PlanNotFound.selector, planId);
        relay(aPath(path), anOrder(planId));

        assertEq(signed.balanceOf(payer), 1_000_000e6, "money of the payer");
    }

    // ────────────────────────────────────────────── When ─────────────────────────────────────────────

    function testFuzz_RevertWhen_ItIsSentAgain(uint256 path, uint256 time) public leavesNothing {
        IRouter.Order memory order = anOrder(id);
        bytes memory signature = signFor(aPath(path), payerKey, order);
        send(aPath(path), order, signature, "");
        pass(bound(time, 0, 1 hours - 1));

        refusal = usedAlready(aPath(path), order);
        send(aPath(path), order, signature, "");

        assertEq(balance(id, payer), CREDITS, "credits");
        assertEq(signed.balanceOf(payer), 1_000_000e6 - PRICE, "money of the payer");
    }

    function testFuzz_RevertWhen_AnotherOrderHasTheSameNonce(uint256 seed, uint256 nonce) public leavesNothing {
        Path path = seed % 2 == 0 ? Path.Permit : Path.Permit2;
        IRouter.Order memory order = anOrder(id);
        order.nonce = nonce;
        relay(path, order);
        order.planId = otherId;

        refusal = usedAlready(path, order);
        relay(path, order);

        assertEq(balance(otherId, payer), 0, "credits");
    }

    function testFuzz_WhenItIsSentInItsLastSecond(uint256 path, uint256 lifetime) public leavesNothing {
        IRouter.Order memory order = anOrder(id);
        lifetime = bound(lifetime, 1, 10_000 days);
        order.deadline = START + lifetime;
        pass(aPath(path) == Path.Authorization ? lifetime - 1 : lifetime);

        relay(aPath(path), order);

        assertEq(balance(id, payer), CREDITS, "credits");
    }

    function testFuzz_RevertWhen_ItIsSentAfterItsLastSecond(uint256 path, uint256 lifetime, uint256 later)
        public
        leavesNothing
    {
        IRouter.Order memory order = anOrder(id);
        order.deadline = START + bound(lifetime, 1, 10_000 days);
        uint256 first = aPath(path) == Path.Authorization ? order.deadline : order.deadline + 1;
        vm.warp(first + bound(later, 0, 10_000 days) * (later % 2));

        refusal = tooLate(aPath(path), order.deadline);
        relay(aPath(path), order);

        assertNothingDone(id);
    }

    // ─────────────────────────────────────────────── Who ─────────────────────────────────────────────

    function testFuzz_RevertWhen_AnotherHasSigned(uint256 path, uint256 key) public leavesNothing {
        key = bound(key, 1, CURVE_ORDER - 1);
        vm.assume(key != payerKey);
        bytes memory signature = signFor(aPath(path), key, anOrder(id));

        refusal = notSigned(aPath(path), payer);
        send(aPath(path), anOrder(id), signature, "");

        assertNothingDone(id);
    }

    function testFuzz_RevertWhen_NothingIsSigned(bytes memory signature) public leavesNothing {
        vm.assume(signature.length != 65);
        refusal = notSigned(Path.Authorization, payer);
        send(Path.Authorization, anOrder(id), signature, "");
        refusal = notSigned(Path.Permit, payer);
        send(Path.Permit, anOrder(id), signature, "");

        assertNothingDone(id);
    }

    /// @dev The other signature that ECDSA has for the same message and key.
    function twin(bytes memory signature) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 s) = (bytes32(0), bytes32(0));
        assembly {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
        }
        return abi.encodePacked(r, CURVE_ORDER - uint256(s), signature[64] == 0x1b ? uint8(28) : uint8(27));
    }

    function testFuzz_RevertWhen_TheSignatureIsMalleated(uint256 nonce) public leavesNothing {
        IRouter.Order memory order = anOrder(id);
        order.nonce = nonce;
        refusal = notSigned(Path.Permit, payer);
        send(Path.Permit, order, twin(signFor(Path.Permit, payerKey, order)), "");

        bytes memory signature = twin(signFor(Path.Authorization, payerKey, order));
        bytes32 s;
        assembly {
            s := mload(add(signature, 64))
        }
        refusal = abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, s);
        send(Path.Authorization, order, signature, "");

        assertNothingDone(id);
    }

    /// @dev Permit2 takes both twins, and its nonce only once.
    function testFuzz_RevertWhen_AMalleatedSignatureFollowsTheOther(uint256 nonce, bool twinFirst)
        public
        leavesNothing
    {
        IRouter.Order memory order = anOrder(id);
        order.nonce = nonce;
        bytes memory signature = signFor(Path.Permit2, payerKey, order);
        send(Path.Permit2, order, twinFirst ? twin(signature) : signature, "");

        refusal = usedAlready(Path.Permit2, order);
        send(Path.Permit2, order, twinFirst ? signature : twin(signature), "");

        assertEq(balance(id, payer), CREDITS, "credits");
    }

    // ──────────────────────────────────────────── Views ──────────────────────────────────────────────

    function testFuzz_WhenTheHashIsAskedFor(IRouter.Order memory order, uint64 chain) public {
        assertEq(router.hashOf(order), orderHash(order), "hash");
        vm.chainId(bound(chain, 1, type(uint64).max - 1));
        assertEq(router.hashOf(order), orderHash(order, block.chainid, address(router)), "hash on another chain");
    }

    function test_WhenTheCoreAndTheDomainAreAskedFor() public view {
        assertEq(router.SCRIP(), address(scrip), "core");
        assertEq(scrip.router(), address(router), "router");
        (bytes1 fields, string memory name, string memory version, uint256 chain, address verifier,,) =
            IEIP5267(address(router)).eip712Domain();
        assertEq(fields, bytes1(0x0f), "fields");
        assertEq(name, "Scrip Router", "name");
        assertEq(version, "1", "version");
        assertEq(chain, block.chainid, "chain");
        assertEq(verifier, address(router), "contract");
    }

    function test_WhenPermit2IsTheRealOne() public {
        assertEq(PERMIT2.code.length, 9_152, "bytes of Permit2");
        assertEq(
            keccak256(PERMIT2.code), 0xa1ad0529565c25202190d4ae7f75d4ca08dc432cc760544ee7d0313b68e82ecd, "its hash"
        );
        vm.chainId(1);
        bytes32 kind = keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)");
        bytes32 domain = keccak256(abi.encode(kind, keccak256("Permit2"), 1, PERMIT2));
        assertEq(IPermit2Details(PERMIT2).DOMAIN_SEPARATOR(), domain, "its domain");
    }
}
