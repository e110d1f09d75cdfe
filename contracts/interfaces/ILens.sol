// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "./IScrip.sol";

/// @title Lens: what a call to the core would cost, give or be refused for
/// @notice Views over any core, which is the first argument of each. The lens has no state, no owner and no say: the core knows
/// nothing of it, and one deployment serves every core of a chain.
///
/// Units are those of `IScrip`. What is said holds for the block in which it was asked, and the next one may differ.
///
/// What a view cannot know, and the refusals below leave out:
/// - whether a hook refuses (`asksHook` says whether one is asked), or a payee the native coin, or a holder with code its credits;
/// - whether a token moves: only the payer's balance and its allowance to the core are read, by what the token says of them. A
///   token that takes a fee, changes balances by itself or keeps a list of who may use it can differ;
/// - whether the transaction is given enough gas.
///
/// A price source, and a contract wallet whose signature is checked, is asked as the core would ask it, but by the lens: one that
/// answers nobody but the core answers the lens with a refusal.
interface ILens {
    /// @notice What one payee would get.
    /// @param account The payee.
    /// @param amount Its part in base units of the token.
    struct Payment {
        address account;
        uint256 amount;
    }

    /// @notice What whoever orders should know beforehand.
    /// @param redeemersTrusted Whether others than the holder may redeem its whole balance without its voucher.
    /// @param revocable Whether the plan's owner may burn a holder's credits.
    /// @param hookOnOrder Whether a hook can refuse orders.
    /// @param hookOnRedemption Whether a hook can refuse redemptions.
    /// @param settledOffChain Whether the plan is fiat: its owner, and the operators whom it lets settle, say what was paid, and
    /// take grants back whose payments were charged back.
    struct Warnings {
        bool redeemersTrusted;
        bool revocable;
        bool hookOnOrder;
        bool hookOnRedemption;
        bool settledOffChain;
    }

    /// @notice What an order costs and gives.
    /// @param owner Who owns the plan now: whom the warnings are about.
    /// @param kind How the plan is paid.
    /// @param token The ERC-20 to pay with; zero for the native coin, and when nothing is paid on chain.
    /// @param currency The ISO 4217 code when fiat, else zero.
    /// @param price The whole price for the quantity, fee included, in base units of the token; in millionths of the currency
    /// when fiat; the price of as many uses when paid per use.
    /// @param fee What of that is the protocol's fee.
    /// @param feeReceiver Who is paid the fee; if it cannot be delivered, it goes to the payees.
    /// @param payments What is left, as it is divided among the payees.
    /// @param credits The credits granted; 0 on a time plan, and when paid per use.
    /// @param expiry When they would expire if they were ordered now, 0 for never; on a time plan the new end of the holder's access.
    /// @param payerBalance How much of the token, or of the native coin, the payer has; 0 when nothing is paid on chain.
    /// @param payerAllowance How much of the token the core may pull from the payer; 0 for the native coin, which needs none.
    /// @param warnings What should be known beforehand.
    struct Quote {
        address owner;
        IScrip.PriceKind kind;
        address token;
        bytes3 currency;
        uint256 price;
        uint256 fee;
        address feeReceiver;
        Payment[] payments;
        uint256 credits;
        uint256 expiry;
        uint256 payerBalance;
        uint256 payerAllowance;
        Warnings warnings;
    }

    /// @notice A holder and a plan.
    /// @param planId The plan.
    /// @param holder The holder.
    struct Pair {
        uint256 planId;
        address holder;
    }

    /// @notice What a holder has of a plan.
    /// @param planExists Whether there is such a plan; if not the rest is zero.
    /// @param isSubscriber Whether the holder has something to spend now: credits, or access; or, when paid per use, tokens
    /// and an allowance for the least redemption.
    /// @param balance The credits that can be spent now; on a time plan 1 while access lasts.
    /// @param accessEnd On a time plan the first second without access, which may be past; 0 if there never was any, and on a
    /// credits plan.
    struct Holding {
        bool planExists;
        bool isSubscriber;
        uint256 balance;
        uint40 accessEnd;
    }

    /// @notice A balance of the past is not known.
    error TimePassed(uint256 time, uint256 timestamp);

    /// @notice What was asked failed without an error: `scrip` is not a core, or the gas ran out.
    error NoAnswer(address scrip);

    // ──────────────────────────────────────── Before an order ────────────────────────────────────────

    /// @notice What an order would cost and give, and what should be known beforehand. Reverts with `PlanNotFound`, with the
    /// core's `QuoteFailed` if the price source does not answer, and with a panic of overflow (0x11) if it asks for more than all
    /// money; for all else see `refusalOfOrder`.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @param payer Who would pay.
    /// @param holder Who would get the grant.
    /// @param quantity How many orders; when paid per use, how many uses.
    /// @param data What the payer would pass along.
    /// @return The quote.
    function quote(IScrip scrip, uint256 planId, address payer, address holder, uint32 quantity, bytes calldata data)
        external
        view
        returns (Quote memory);

    /// @notice How many orders the limits of the terms still allow, whether orders are open or not. Reverts with `PlanNotFound`.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @param holder The holder.
    /// @return forHolder How many more this holder may order; 2^256 - 1 when that is not limited.
    /// @return inAll How many more all holders may order; 2^256 - 1 when that is not limited.
    function remainingOrders(IScrip scrip, uint256 planId, address holder)
        external
        view
        returns (uint256 forHolder, uint256 inAll);

    /// @notice Why the core would refuse an order, with as much coin sent along as it needs and the payer has.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @param payer Who would pay, and call.
    /// @param holder Who would get the grant.
    /// @param quantity How many orders.
    /// @param maxPrice The most that would be paid in all, in base units of the plan's token.
    /// @param data What the payer would pass along.
    /// @return refusal The error with which the core would revert, ABI-encoded; empty if it would not.
    /// @return asksHook Whether a hook is asked, too; it comes before the checks of limits, amounts and payment.
    function refusalOfOrder(
        IScrip scrip,
        uint256 planId,
        address payer,
        address holder,
        uint32 quantity,
        uint256 maxPrice,
        bytes calldata data
    ) external view returns (bytes memory refusal, bool asksHook);

    /// @notice `refusalOfOrder` as a revert: does nothing if the core would not refuse.
    /// @param scrip The core.
    /// @param purchase The order.
    /// @param payer Who would pay, and call.
    function checkOrder(IScrip scrip, IScrip.Purchase calldata purchase, address payer) external view;

    // ────────────────────────────────────────── What one has ─────────────────────────────────────────

    /// @notice What a holder can spend at a time, if nothing is added or taken until then. Reverts with `PlanNotFound`, and
    /// with `TimePassed` for a time before now.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @param holder The holder.
    /// @param time The second, now or later.
    /// @return The credits; on a time plan 1 while access lasts.
    function balanceAt(IScrip scrip, uint256 planId, address holder, uint256 time) external view returns (uint256);

    /// @notice What many holders have of many plans, unknown ones included.
    /// @param scrip The core.
    /// @param pairs Whose holding of which plan.
    /// @return The holdings, in the order asked.
    function balancesOf(IScrip scrip, Pair[] calldata pairs) external view returns (Holding[] memory);

    // ─────────────────────────────────────── Before a redemption ─────────────────────────────────────

    /// @notice Why the core would refuse a `redeem`.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @param redeemer Who would redeem, and call.
    /// @param holder Whose credits.
    /// @param amount How many.
    /// @param requestId The request.
    /// @return refusal The error with which the core would revert, ABI-encoded; empty if it would not.
    /// @return asksHook Whether a hook is asked, too; it comes before the checks of balance, access and payment.
    function refusalOfRedemption(
        IScrip scrip,
        uint256 planId,
        address redeemer,
        address holder,
        uint64 amount,
        uint256 requestId
    ) external view returns (bytes memory refusal, bool asksHook);

    /// @notice `refusalOfRedemption` as a revert: does nothing if the core would not refuse.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @param redeemer Who would redeem, and call.
    /// @param holder Whose credits.
    /// @param amount How many.
    /// @param requestId The request.
    function checkRedemption(
        IScrip scrip,
        uint256 planId,
        address redeemer,
        address holder,
        uint64 amount,
        uint256 requestId
    ) external view;

    /// @notice Why the core would refuse a `redeemWithoutId`.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @param redeemer Who would redeem, and call.
    /// @param holder Whose credits.
    /// @param amount How many.
    /// @return refusal The error with which the core would revert, ABI-encoded; empty if it would not.
    /// @return asksHook Whether a hook is asked, too; it comes before the checks of balance, access and payment.
    function refusalOfRedemptionWithoutId(IScrip scrip, uint256 planId, address redeemer, address holder, uint64 amount)
        external
        view
        returns (bytes memory refusal, bool asksHook);

    /// @notice `refusalOfRedemptionWithoutId` as a revert: does nothing if the core would not refuse.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @param redeemer Who would redeem, and call.
    /// @param holder Whose credits.
    /// @param amount How many.
    function checkRedemptionWithoutId(IScrip scrip, uint256 planId, address redeemer, address holder, uint64 amount)
        external
        view;

    /// @notice Why the core would refuse a `redeemWithVoucher`.
    /// @param scrip The core.
    /// @param redeemer Who would redeem, and call.
    /// @param voucher The voucher.
    /// @param amount How many credits, or uses.
    /// @param signature The holder's.
    /// @return refusal The error with which the core would revert, ABI-encoded; empty if it would not.
    /// @return asksHook Whether a hook is asked, too; it comes before the checks of balance, access and payment.
    function refusalOfVoucher(
        IScrip scrip,
        address redeemer,
        IScrip.Voucher calldata voucher,
        uint64 amount,
        bytes calldata signature
    ) external view returns (bytes memory refusal, bool asksHook);

    /// @notice `refusalOfVoucher` as a revert: does nothing if the core would not refuse.
    /// @param scrip The core.
    /// @param redeemer Who would redeem, and call.
    /// @param voucher The voucher.
    /// @param amount How many credits, or uses.
    /// @param signature The holder's.
    function checkVoucher(
        IScrip scrip,
        address redeemer,
        IScrip.Voucher calldata voucher,
        uint64 amount,
        bytes calldata signature
    ) external view;

    /// @notice Why the core would refuse a `redeemInSession`.
    /// @param scrip The core.
    /// @param redeemer Who would redeem, and call.
    /// @param voucher The voucher.
    /// @param amount How many credits, or uses.
    /// @param requestId The request.
    /// @param signature The holder's.
    /// @return refusal The error with which the core would revert, ABI-encoded; empty if it would not.
    /// @return asksHook Whether a hook is asked, too; it comes before the checks of balance, access and payment.
    function refusalOfSession(
        IScrip scrip,
        address redeemer,
        IScrip.SessionVoucher calldata voucher,
        uint64 amount,
        uint256 requestId,
        bytes calldata signature
    ) external view returns (bytes memory refusal, bool asksHook);

    /// @notice `refusalOfSession` as a revert: does nothing if the core would not refuse.
    /// @param scrip The core.
    /// @param redeemer Who would redeem, and call.
    /// @param voucher The voucher.
    /// @param amount How many credits, or uses.
    /// @param requestId The request.
    /// @param signature The holder's.
    function checkSession(
        IScrip scrip,
        address redeemer,
        IScrip.SessionVoucher calldata voucher,
        uint64 amount,
        uint256 requestId,
        bytes calldata signature
    ) external view;

    /// @notice Which of many request ids are used.
    /// @param scrip The core.
    /// @param planId The plan.
    /// @param redeemer Who redeems, or redeemed.
    /// @param requestIds The ids.
    /// @return Whether each can no longer be redeemed, in the order asked.
    function areRedeemed(IScrip scrip, uint256 planId, address redeemer, uint256[] calldata requestIds)
        external
        view
        returns (bool[] memory);

    /// @notice Which of many vouchers' nonces are used up or revoked.
    /// @param scrip The core.
    /// @param holder The holder.
    /// @param nonces The nonces.
    /// @return Whether no voucher with each can be redeemed, in the order asked.
    function areVouchersUsed(IScrip scrip, address holder, uint256[] calldata nonces)
        external
        view
        returns (bool[] memory);

    /// @notice The EIP-712 domain in which holders sign vouchers.
    /// @param scrip The core.
    /// @return The hash of the domain.
    function domainSeparator(IScrip scrip) external view returns (bytes32);
}
