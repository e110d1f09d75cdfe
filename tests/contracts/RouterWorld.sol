// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "./Base.t.sol";
import {SignedDollar} from "./mocks/SignedDollars.sol";
import {IRouter} from "scrip/interfaces/IRouter.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";
import {IERC20} from "@openzeppelin/contracts/interfaces/IERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @notice What tests need of Permit2 beside `IPermit2`.
interface IPermit2Details {
    error InvalidSigner();
    error InvalidNonce();
    error SignatureExpired(uint256 signatureDeadline);
    error InvalidContractSignature();

    function invalidateUnorderedNonces(uint256 word, uint256 mask) external;

    // As Permit2 spells it.
    // forge-lint: disable-next-line(mixed-case-function)
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}

/// @notice The router, a dollar that is paid by signatures, and people with keys: a payer, a holder and a relayer. All that is
/// signed is hashed here anew, by the standards and not by the contracts' own code.
abstract contract RouterWorld is Base {
    /// @dev How an order is paid that anyone may send.
    enum Path {
        Authorization,
        Permit2,
        Permit
    }

    string internal constant ORDER_TYPE =
        "Order(uint256 planId,address holder,uint32 quantity,uint256 maxPrice,bytes data,address payer,uint256 nonce,uint256 deadline)";
    bytes32 internal constant DOMAIN_TYPE_HASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    address internal constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;
    uint256 internal constant FIELDS = 8;

    IRouter internal router = IRouter(scrip.router());
    SignedDollar internal signed = SignedDollar(deployCode("SignedDollars.sol:SignedDollar"));

    address internal payer;
    uint256 internal payerKey;
    address internal holder;
    uint256 internal holderKey;
    address internal thief;
    uint256 internal thiefKey;
    address internal relayer = makeAddr("relayer");

    /// @dev 100 credits that never expire, for 20 signed dollars.
    uint256 internal id;
    /// @dev The same, with another name.
    uint256 internal otherId;
    /// @dev Access for a time, for 20 signed dollars: gifts of it need the holder's consent.
    uint256 internal accessId;

    /// @dev The error that the next order that is sent must end with, if any.
    bytes internal refusal;
    /// @dev How much the payer's permits are for.
    uint256 internal permitted = type(uint256).max;
    /// @dev All moneys that a test moves.
    address[] private _moneys;

    function setUp() public virtual override {
        super.setUp();
        vm.etch(PERMIT2, vm.parseBytes(vm.trim(vm.readFile("tests/contracts/artifacts/permit2.hex"))));
        (payer, payerKey) = makeAddrAndKey("payer");
        (holder, holderKey) = makeAddrAndKey("holder");
        (thief, thiefKey) = makeAddrAndKey("thief");
        watch(address(dollar));
        watch(address(signed));
        enrich(payer);

        IScrip.Terms memory terms = premium();
        terms.price.token = address(signed);
        id = create(terms);
        terms.name = "Other Plan";
        otherId = create(terms);
        terms = access(30 days);
        terms.price.token = address(signed);
        accessId = create(terms);
    }

    /// @dev Gives an account signed dollars, and lets Permit2 move them.
    function enrich(address account) internal {
        signed.mint(account, 1_000_000e6);
        vm.prank(account);
        signed.approve(PERMIT2, type(uint256).max);
    }

    /// @dev Another money that the router must have nothing of.
    function watch(address token) internal {
        _moneys.push(token);
    }

    // ───────────────────────────────────── What is true after each test ──────────────────────────────

    /// @dev Every test of the router has this.
    modifier leavesNothing() {
        _;
        assertNothingLeft();
    }

    /// @dev The router has no money, and may be charged by nobody but the core, whose calls it makes itself.
    function assertNothingLeft() internal view {
        assertEq(address(router).balance, 0, "coin of the router");
        address[6] memory others = [payer, holder, relayer, thief, payee, builder];
        for (uint256 i; i < _moneys.length; ++i) {
            assertEq(IERC20(_moneys[i]).balanceOf(address(router)), 0, "money of the router");
            assertEq(IERC20(_moneys[i]).balanceOf(address(scrip)), 0, "money of the core");
            for (uint256 j; j < others.length; ++j) {
                assertEq(IERC20(_moneys[i]).allowance(address(router), others[j]), 0, "allowance of another");
            }
        }
        // Solady's tokens let it move everyone's, by a signature.
        assertEq(signed.allowance(address(router), PERMIT2), 0, "allowance of Permit2");
        assertEq(address(scrip).balance, 0, "coin of the core");
    }

    // ───────────────────────────────────────────── Orders ────────────────────────────────────────────

    /// @dev The payer's, for itself, of as much as is needed.
    function anOrder(uint256 planId) internal view returns (IRouter.Order memory) {
        return IRouter.Order({
            planId: planId,
            holder: payer,
            quantity: 1,
            maxPrice: PRICE,
            data: "",
            payer: payer,
            nonce: 7,
            deadline: START + 1 hours
        });
    }

    /// @dev The payer's, for the holder.
    function aGift(uint256 planId) internal view returns (IRouter.Order memory order) {
        order = anOrder(planId);
        order.holder = holder;
    }

    /// @dev The same order with one field that a relayer would rather have.
    function changed(IRouter.Order memory order, uint256 field, uint256 seed)
        internal
        view
        returns (IRouter.Order memory other)
    {
        other = abi.decode(abi.encode(order), (IRouter.Order));
        field = bound(field, 0, FIELDS - 1);
        if (field == 0) other.planId = order.planId == id ? otherId : id;
        if (field == 1) other.holder = address(uint160(bound(seed, 0x10_000, type(uint160).max)));
        if (field == 2) other.quantity = uint32(bound(seed, 0, type(uint32).max));
        if (field == 3) other.maxPrice = bound(seed, 0, type(uint128).max);
        if (field == 4) other.data = abi.encode(seed);
        if (field == 5) {
            other.payer = seed % 2 == 0 ? thief : address(uint160(bound(seed, 0x10_000, type(uint160).max)));
        }
        if (field == 6) other.nonce = seed;
        if (field == 7) other.deadline = bound(seed, vm.getBlockTimestamp() + 1, type(uint256).max);
        vm.assume(keccak256(abi.encode(other)) != keccak256(abi.encode(order)));
        // Others' code says by its own errors that it has not signed.
        vm.assume(field != 5 || other.payer.code.length == 0);
    }

    // ──────────────────────────────────────────── Sending ────────────────────────────────────────────

    /// @dev The relayer sends an order that the payer has signed, by this path.
    function relay(Path path, IRouter.Order memory order) internal returns (uint64 credits, uint40 expiry) {
        return relay(path, order, "");
    }

    function relay(Path path, IRouter.Order memory order, bytes memory consent)
        internal
        returns (uint64 credits, uint40 expiry)
    {
        return send(path, order, signFor(path, payerKey, order), consent);
    }

    /// @dev The relayer sends an order with this signature, which is not looked at beforehand.
    function send(Path path, IRouter.Order memory order, bytes memory signature, bytes memory consent)
        internal
        returns (uint64 credits, uint40 expiry)
    {
        // The permit is the payer's, whatever became of the order, and for more than the order, so that it stops nothing.
        IRouter.Permit memory permit = path == Path.Permit ? permitOf(payerKey, permitted) : noPermit();
        if (refusal.length != 0) vm.expectRevert(refusal);
        delete refusal;
        vm.prank(relayer);
        if (path == Path.Authorization) {
            return router.orderWithAuthorization(order, address(signed), signature, consent);
        }
        if (path == Path.Permit2) return router.orderWithPermit2(order, address(signed), signature, consent);
        return router.orderWithPermit(order, address(signed), permit, signature, consent);
    }

    /// @dev What an order is refused with by this path when the signature is not the payer's of just this.
    function notSigned(Path path, address signer) internal pure returns (bytes memory) {
        if (path == Path.Authorization) return abi.encodeWithSelector(ERC3009.ERC3009InvalidSignature.selector);
        if (path == Path.Permit2) return abi.encodeWithSelector(IPermit2Details.InvalidSigner.selector);
        return abi.encodeWithSelector(IRouter.InvalidOrderSignature.selector, signer);
    }

    function aPath(uint256 seed) internal pure returns (Path) {
        return Path(bound(seed, 0, 2));
    }

    // ──────────────────────────────────────────── Signing ────────────────────────────────────────────

    function signFor(Path path, uint256 key, IRouter.Order memory order) internal view returns (bytes memory) {
        if (path == Path.Authorization) return sign(key, authorizationHash(order, address(signed)));
        if (path == Path.Permit2) return sign(key, permit2Hash(order, address(signed)));
        return sign(key, orderHash(order));
    }

    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function structHash(IRouter.Order memory order) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(bytes(ORDER_TYPE)),
                order.planId,
                order.holder,
                order.quantity,
                order.maxPrice,
                keccak256(order.data),
                order.payer,
                order.nonce,
                order.deadline
            )
        );
    }

    /// @dev The order by EIP-712, in the domain of this chain and router.
    function orderHash(IRouter.Order memory order) internal view returns (bytes32) {
        return orderHash(order, block.chainid, address(router));
    }

    function orderHash(IRouter.Order memory order, uint256 chain, address verifier) internal pure returns (bytes32) {
        bytes32 domain =
            keccak256(abi.encode(DOMAIN_TYPE_HASH, keccak256("Scrip Router"), keccak256("1"), chain, verifier));
        return typedHash(domain, structHash(order));
    }

    /// @dev The authorization by EIP-3009 that the order is paid by.
    function authorizationHash(IRouter.Order memory order, address token) internal view returns (bytes32) {
        return authorizationHash(order, token, orderHash(order));
    }

    function authorizationHash(IRouter.Order memory order, address token, bytes32 nonce)
        internal
        view
        returns (bytes32)
    {
        bytes32 kind = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes memory message = abi.encode(kind, order.payer, router, order.maxPrice, 0, order.deadline, nonce);
        return typedHash(IERC20Permit(token).DOMAIN_SEPARATOR(), keccak256(message));
    }

    /// @dev The transfer by Permit2 that the order is paid by.
    function permit2Hash(IRouter.Order memory order, address token) internal view returns (bytes32) {
        return permit2Hash(order, token, address(router));
    }

    function permit2Hash(IRouter.Order memory order, address token, address spender) internal view returns (bytes32) {
        string memory tokenType = "TokenPermissions(address token,uint256 amount)";
        bytes32 kind = keccak256(
            abi.encodePacked(
                "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Order witness)",
                ORDER_TYPE,
                tokenType
            )
        );
        bytes32 permission = keccak256(abi.encode(keccak256(bytes(tokenType)), token, order.maxPrice));
        bytes memory message = abi.encode(kind, permission, spender, order.nonce, order.deadline, structHash(order));
        return typedHash(IPermit2Details(PERMIT2).DOMAIN_SEPARATOR(), keccak256(message));
    }

    /// @dev The permit by EIP-2612 of a key's owner for the router, valid for as long as it can be.
    function permitOf(uint256 key, uint256 value) internal view returns (IRouter.Permit memory) {
        return permitOf(key, value, address(signed));
    }

    function permitOf(uint256 key, uint256 value, address token) internal view returns (IRouter.Permit memory permit) {
        address owner = vm.addr(key);
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        uint256 nonce = IERC20Permit(token).nonces(owner);
        (permit.value, permit.deadline) = (value, type(uint256).max);
        bytes32 message = keccak256(abi.encode(kind, owner, router, value, nonce, permit.deadline));
        (permit.v, permit.r, permit.s) = vm.sign(key, typedHash(IERC20Permit(token).DOMAIN_SEPARATOR(), message));
    }

    function noPermit() internal pure returns (IRouter.Permit memory permit) {}

    function typedHash(bytes32 domain, bytes32 message) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain, message));
    }
}
