// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Scrip's router: orders paid by a signature
/// @notice Whoever pays signs once; anyone may send it. The router takes the order's `maxPrice` from the payer, orders at the
/// core in the payer's name, and returns what the price left over, all in one call: it never holds anything of anyone's between
/// calls.
///
/// What is signed commits to the whole `Order`, the chain and this router (EIP-712, in the domain of the name "Scrip Router",
/// the version "1", the chain's id and this contract), so whoever sends it can change nothing, and has nothing to gain:
/// - EIP-3009: the authorization's nonce is the order's EIP-712 digest;
/// - Permit2: the order is the witness;
/// - EIP-2612: a permit names no order, so it is sent by the payer, or with the payer's second signature, over the order.
///
/// An order for a holder other than the payer is a gift. On plans where gifts need the holder's consent (see `IScrip.order`)
/// the holder signs the same order, too.
///
/// `token` is the plan's token in every function, zero when the plan is priced in the native coin or free. It is not signed,
/// since the core takes only that one: with another the call reverts with its `WrongToken`. Tokens that take a fee on transfer
/// can be ordered with at the core only, since less than the price would arrive. Beside the errors below, every function may
/// revert with those of `IScrip.order`, and with OpenZeppelin's `ReentrancyGuardReentrantCall` when it is called from within
/// another.
///
/// A payer's order and a holder's consent are one and the same message. Who is both signs once, for both.
interface IRouter {
    /// @notice What payers, and holders of gifts, sign.
    /// @param planId The plan.
    /// @param holder Who gets the grant.
    /// @param quantity How many orders at once, at least 1.
    /// @param maxPrice The most that is paid for it in all, in base units of the plan's token: so much is taken, and what is left
    /// over comes back in the same call.
    /// @param data What the plan's price source and hook are given.
    /// @param payer Who pays, and whom the core's `PlanOrdered` names.
    /// @param nonce Any number that the signer has not used yet. Nonces share a storage word by 256.
    /// @param deadline The last second in which the order is valid, unix seconds. EIP-3009 makes that second exclusive.
    struct Order {
        uint256 planId;
        address holder;
        uint32 quantity;
        uint256 maxPrice;
        bytes data;
        address payer;
        uint256 nonce;
        uint256 deadline;
    }

    /// @notice An EIP-2612 permit of the payer's for this router.
    /// @param value The allowance that was signed, at least the order's `maxPrice`.
    /// @param deadline The permit's deadline, unix seconds.
    /// @param v The signature's recovery id.
    /// @param r The signature's r.
    /// @param s The signature's s.
    struct Permit {
        uint256 value;
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice The order was valid until `deadline`, unix seconds, that second included.
    error OrderExpired(uint256 deadline);

    /// @notice The signer has used this nonce before, or has cancelled it.
    error NonceUsed(address signer, uint256 nonce);

    /// @notice The signature over the order is not the signer's: neither by ECDSA (65 bytes, low s) nor by ERC-1271.
    error InvalidOrderSignature(address signer);

    /// @notice Only the payer may send this without a signature over the order.
    error NotPayer(address caller, address payer);

    /// @notice The token did not move `amount` from the payer: too little of it, or too little allowance for this router.
    error PullFailed(address token, address payer, uint256 amount);

    /// @notice What the price left over could not be returned to the payer. `token` is zero for the native coin.
    error ReturnFailed(address token, address payer, uint256 amount);

    /// @notice Coin that does not come from the core within an order.
    error UnexpectedCoin(address sender, uint256 amount);

    /// @notice A signer cancelled the nonces `256 * word + i` for each bit `i` of the mask.
    event NoncesCancelled(address indexed signer, uint256 word, uint256 mask);

    /// @notice A signer's nonce was used up.
    event NonceTaken(address indexed signer, uint256 nonce);

    /// @notice The core that this router belongs to.
    function SCRIP() external view returns (address);

    /// @notice Orders by EIP-3009's `receiveWithAuthorization` from the payer to this router, of `maxPrice`, with `validAfter` 0,
    /// `validBefore` the order's deadline, and `hashOf(order)` for a nonce.
    /// @param order The order.
    /// @param token The plan's token.
    /// @param signature The payer's, of the authorization. One of 65 bytes is passed on as v, r and s, which every such token
    /// takes; any other as it is, for contract wallets and tokens that know them.
    /// @param consent The holder's signature over the order, or empty.
    /// @return credits The credits granted; 0 on a time plan.
    /// @return expiry When they expire, 0 for never; on a time plan the new end of the holder's access.
    function orderWithAuthorization(
        Order calldata order,
        address token,
        bytes calldata signature,
        bytes calldata consent
    ) external returns (uint64 credits, uint40 expiry);

    /// @notice Orders by Permit2's signature transfer, with the order for a witness, its nonce and deadline for Permit2's, and
    /// `maxPrice` for the amount permitted.
    /// @param order The order.
    /// @param token The plan's token.
    /// @param signature The payer's, of the `PermitWitnessTransferFrom`.
    /// @param consent The holder's signature over the order, or empty.
    /// @return credits The credits granted; 0 on a time plan.
    /// @return expiry When they expire, 0 for never; on a time plan the new end of the holder's access.
    function orderWithPermit2(Order calldata order, address token, bytes calldata signature, bytes calldata consent)
        external
        returns (uint64 credits, uint40 expiry);

    /// @notice Orders by an EIP-2612 permit. One that was used already, by whomever, is no error if the allowance suffices. An
    /// order of a free plan needs none: with a `token` of zero it is not looked at.
    /// @param order The order.
    /// @param token The plan's token.
    /// @param permit The payer's permit for this router.
    /// @param signature The payer's signature over the order; not needed, and not looked at, when the payer itself sends it. The
    /// order's nonce is used up in either case.
    /// @param consent The holder's signature over the order, or empty.
    /// @return credits The credits granted; 0 on a time plan.
    /// @return expiry When they expire, 0 for never; on a time plan the new end of the holder's access.
    function orderWithPermit(
        Order calldata order,
        address token,
        Permit calldata permit,
        bytes calldata signature,
        bytes calldata consent
    ) external returns (uint64 credits, uint40 expiry);

    /// @notice Orders a gift with the holder's consent, paid by the caller: with the coin sent along when `token` is zero, else
    /// by its allowance for this router.
    /// @param order The order; its payer is the caller.
    /// @param token The plan's token; zero for the native coin.
    /// @param consent The holder's signature over the order, which uses up its nonce.
    /// @return credits The credits granted; 0 on a time plan.
    /// @return expiry When they expire, 0 for never; on a time plan the new end of the holder's access.
    function orderWithConsent(Order calldata order, address token, bytes calldata consent)
        external
        payable
        returns (uint64 credits, uint40 expiry);

    /// @notice Cancels orders that the caller has signed, as payer or as holder, by whichever function they would be sent.
    /// @param word Which 256 nonces: those from `256 * word` on.
    /// @param mask Which of them: bit `i` for the nonce `256 * word + i`.
    function cancelNonces(uint256 word, uint256 mask) external;

    /// @notice Whether an order's nonce is used up or cancelled.
    /// @param signer Who signed it.
    /// @param nonce The nonce.
    /// @return Whether no order with it can be sent any more.
    function isNonceUsed(address signer, uint256 nonce) external view returns (bool);

    /// @notice The order's EIP-712 digest, which signers sign, and EIP-3009's nonce.
    /// @param order The order.
    /// @return The digest.
    function hashOf(Order calldata order) external view returns (bytes32);
}
