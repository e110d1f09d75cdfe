// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPermit2} from "../interfaces/IPermit2.sol";
import {IRouter} from "../interfaces/IRouter.sol";
import {IScrip} from "../interfaces/IScrip.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {IERC20} from "@openzeppelin/contracts/interfaces/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {EIP712} from "solady/utils/EIP712.sol";
import {LibCall} from "solady/utils/LibCall.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

/// @dev The form of EIP-3009 that takes a signature of any length, as newer tokens have it beside that of the standard.
interface IReceiveWithSignature {
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
}

/// @title Router
/// @dev It holds a payer's money only within a call, and no call can begin within another.
contract Router is IRouter, EIP712, ReentrancyGuardTransient {
    using BitMaps for BitMaps.BitMap;

    IPermit2 private constant PERMIT2 = IPermit2(0x000000000022D473030F116dDEE9F6B43aC78BA3);

    bytes private constant ORDER_TYPE =
        "Order(uint256 planId,address holder,uint32 quantity,uint256 maxPrice,bytes data,address payer,uint256 nonce,uint256 deadline)";
    bytes32 private constant ORDER_TYPE_HASH = keccak256(ORDER_TYPE);
    string private constant WITNESS_TYPE =
        string(abi.encodePacked("Order witness)", ORDER_TYPE, "TokenPermissions(address token,uint256 amount)"));

    /// @inheritdoc IRouter
    address public immutable SCRIP = msg.sender;

    mapping(address signer => BitMaps.BitMap) private _usedNonces;

    /// @dev The core returns what a quoted price leaves over.
    receive() external payable {
        require(msg.sender == SCRIP, UnexpectedCoin(msg.sender, msg.value));
    }

    // ───────────────────────────────────────────── Orders ────────────────────────────────────────────

    /// @inheritdoc IRouter
    function orderWithAuthorization(
        Order calldata order,
        address token,
        bytes calldata signature,
        bytes calldata consent
    ) external nonReentrant returns (uint64 credits, uint40 expiry) {
        bytes32 structHash = _structHash(order);
        bool consented = _checkConsent(order, structHash, consent);

        _receive(order, token, _hashTypedData(structHash), signature);
        return _order(order, token, consented, 0);
    }

    /// @inheritdoc IRouter
    function orderWithPermit2(Order calldata order, address token, bytes calldata signature, bytes calldata consent)
        external
        nonReentrant
        returns (uint64 credits, uint40 expiry)
    {
        bytes32 structHash = _structHash(order);
        bool consented = _checkConsent(order, structHash, consent);

        PERMIT2.permitWitnessTransferFrom({
            permit: IPermit2.PermitTransferFrom({
                permitted: IPermit2.TokenPermissions({token: token, amount: order.maxPrice}),
                nonce: order.nonce,
                deadline: order.deadline
            }),
            transferDetails: IPermit2.SignatureTransferDetails({to: address(this), requestedAmount: order.maxPrice}),
            owner: order.payer,
            witness: structHash,
            witnessTypeString: WITNESS_TYPE,
            signature: signature
        });
        return _order(order, token, consented, 0);
    }

    /// @inheritdoc IRouter
    function orderWithPermit(
        Order calldata order,
        address token,
        Permit calldata permit,
        bytes calldata signature,
        bytes calldata consent
    ) external nonReentrant returns (uint64 credits, uint40 expiry) {
        bytes32 structHash = _structHash(order);
        if (msg.sender != order.payer) _checkSignature(order, structHash, order.payer, signature);
        bool consented = _checkConsent(order, structHash, consent);

        // Anyone may have sent the permit before; what counts is the allowance.
        try IERC20Permit(token)
            .permit(order.payer, address(this), permit.value, permit.deadline, permit.v, permit.r, permit.s) {}
            catch {}
        _pull(token, order.payer, order.maxPrice);
        return _order(order, token, consented, 0);
    }

    /// @inheritdoc IRouter
    function orderWithConsent(Order calldata order, address token, bytes calldata consent)
        external
        payable
        nonReentrant
        returns (uint64 credits, uint40 expiry)
    {
        require(msg.sender == order.payer, NotPayer(msg.sender, order.payer));
        require(msg.value == 0 || token == address(0), UnexpectedCoin(msg.sender, msg.value));
        _checkSignature(order, _structHash(order), order.holder, consent);

        if (token != address(0)) _pull(token, order.payer, order.maxPrice);
        return _order(order, token, true, msg.value);
    }

    /// @dev Orders with what was taken from the payer, and returns what is left of it.
    function _order(Order calldata order, address token, bool consented, uint256 value)
        private
        returns (uint64 credits, uint40 expiry)
    {
        uint256 before = address(this).balance - value;
        if (token != address(0) && IERC20(token).allowance(address(this), SCRIP) < order.maxPrice) {
            // Without end: all that the core can take by it is what is here within this call.
            SafeTransferLib.safeApproveWithRetry(token, SCRIP, type(uint256).max);
        }
        IScrip.Purchase memory purchase = IScrip.Purchase({
            planId: order.planId,
            holder: order.holder,
            quantity: order.quantity,
            maxPrice: order.maxPrice,
            data: order.data
        });
        (credits, expiry) = IScrip(SCRIP).orderFor{value: value}(purchase, order.payer, consented);

        _return(token, order.payer, before);
    }

    /// @dev Nothing is ever left here, so all that is here now is the payer's; but for coin that was forced upon this contract
    /// `before`, which must not stop a payer that takes none.
    function _return(address token, address payer, uint256 before) private {
        if (token != address(0)) {
            uint256 left = SafeTransferLib.balanceOf(token, address(this));
            if (left == 0) return;
            (bool success,, bytes memory answer) = LibCall.tryCall({
                target: token,
                value: 0,
                gasStipend: gasleft(),
                maxCopy: 32,
                data: abi.encodeCall(IERC20.transfer, (payer, left))
            });
            // Tokens return true, or nothing.
            // forge-lint: disable-next-line(unsafe-typecast)
            bool returned = success && (answer.length == 0 || uint256(bytes32(answer)) == 1);
            require(returned, ReturnFailed(token, payer, left));
        } else if (address(this).balance != 0) {
            uint256 left = address(this).balance;
            bool returned = SafeTransferLib.trySafeTransferETH(payer, left, gasleft());
            require(returned || left <= before, ReturnFailed(address(0), payer, left));
        }
    }

    function _pull(address token, address payer, uint256 amount) private {
        if (amount == 0) return;
        bool pulled = SafeTransferLib.trySafeTransferFrom(token, payer, address(this), amount);
        require(pulled, PullFailed(token, payer, amount));
    }

    /// @dev Some tokens take any call and do nothing, as WETH does: it counts what the token has recorded.
    function _receive(Order calldata order, address token, bytes32 nonce, bytes calldata signature) private {
        if (signature.length == 65) {
            (uint8 v, bytes32 r, bytes32 s) = ECDSA.parseCalldata(signature);
            IERC3009(token)
                .receiveWithAuthorization(order.payer, address(this), order.maxPrice, 0, order.deadline, nonce, v, r, s);
        } else {
            IReceiveWithSignature(token)
                .receiveWithAuthorization(
                    order.payer, address(this), order.maxPrice, 0, order.deadline, nonce, signature
                );
        }
        bool received = IERC3009(token).authorizationState(order.payer, nonce);
        require(received, PullFailed(token, order.payer, order.maxPrice));
    }

    // ─────────────────────────────────────────── Signatures ──────────────────────────────────────────

    /// @inheritdoc IRouter
    function cancelNonces(uint256 word, uint256 mask) external {
        _usedNonces[msg.sender]._data[word] |= mask;

        emit NoncesCancelled(msg.sender, word, mask);
    }

    /// @inheritdoc IRouter
    function isNonceUsed(address signer, uint256 nonce) external view returns (bool) {
        return _usedNonces[signer].get(nonce);
    }

    /// @inheritdoc IRouter
    function hashOf(Order calldata order) external view returns (bytes32) {
        return _hashTypedData(_structHash(order));
    }

    /// @dev Whether the holder has signed, too; a signature that is not the holder's reverts.
    function _checkConsent(Order calldata order, bytes32 structHash, bytes calldata consent) private returns (bool) {
        if (consent.length == 0) return false;
        _checkSignature(order, structHash, order.holder, consent);
        return true;
    }

    /// @dev Uses up the nonce of an order that this signer has signed.
    function _checkSignature(Order calldata order, bytes32 structHash, address signer, bytes calldata signature)
        private
    {
        require(block.timestamp <= order.deadline, OrderExpired(order.deadline));
        BitMaps.BitMap storage used = _usedNonces[signer];
        require(!used.get(order.nonce), NonceUsed(signer, order.nonce));
        require(Signatures.isValid(signer, _hashTypedData(structHash), signature), InvalidOrderSignature(signer));

        used.set(order.nonce);

        emit NonceTaken(signer, order.nonce);
    }

    function _structHash(Order calldata order) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ORDER_TYPE_HASH,
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

    function _domainNameAndVersion() internal pure override returns (string memory name, string memory version) {
        return ("Scrip Router", "1");
    }

    /// @dev So that the domain is computed when it is needed, and this code is the same on every chain.
    function _domainNameAndVersionMayChange() internal pure override returns (bool) {
        return true;
    }
}
