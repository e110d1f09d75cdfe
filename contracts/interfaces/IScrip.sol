// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Scrip: prepaid credits for APIs and AI agents
/// @notice A builder publishes a plan, a subscriber orders it, the order mints credits, an agent redeems them.
///
/// This file is the manual: every type, error, event and function of the core stands here, and programs bind it as it is.
///
/// Units, everywhere:
/// - money is in the base units of the plan's token (6 decimals for USDC: 20 USDC is 20,000,000; 18 for the native coin);
/// - credits are whole numbers;
/// - times are unix seconds. An expiry is exclusive: a lot counts while `block.timestamp < expiry`, and 0 means never;
/// - shares are basis points, of which 10,000 are the whole.
///
/// What is assumed of others, and what a bad one can do:
/// - Tokens: nothing is assumed of the return value. A token that takes a fee on transfer, or changes balances by itself,
///   gives the payees what it gives: the core holds no funds, so nobody else's money can make up for it.
/// - Payees: one that refuses its share blocks orders of its own plan, or redemptions when paid per use, by an error that
///   names it.
/// - Holders with code are asked by the callback of ERC-1155, last of what an order or a mint does and with bounded gas; one
///   that refuses reverts the call that would have credited it, and nothing else.
/// - Plan owners create credits of their own plans at will, and so do the operators whom they let mint. They never change
///   terms, and lower a holder's balance only by redeeming within the terms, by burning where the terms allow to revoke, and
///   by taking back what fiat payments granted, which their settle operators may, too.
/// - Redeemers are trusted with the whole balance of every holder of the plans that they may redeem, unless the terms
///   require vouchers.
/// - Hooks and price sources can refuse orders and redemptions of the plans whose terms name them, and nothing else.
/// - The fee's controller sets a share of at most 1 % of prices that payees go without. It has no other power.
/// - Strangers may give credits that never expire, on plans without limits, to anyone. Where these cost nothing they can
///   fill a holder's account up to 2^64 - 1 credits, so that it must burn some before it can order more.
///
/// Beside the errors below, the functions that order revert with OpenZeppelin's `ReentrancyGuardReentrantCall` when they are
/// called from within an order, and arguments beyond their types revert without data.
///
/// Signed messages follow EIP-712, in the domain of the name "Scrip", the version "1", the chain's id and this contract.
interface IScrip {
    // ───────────────────────────────────────────── Types ─────────────────────────────────────────────

    /// @notice How a plan is paid.
    enum PriceKind {
        /// @dev Nothing is paid.
        Free,
        /// @dev `amount` of `token` for each order.
        Fixed,
        /// @dev `amount` of `currency` for each order, paid off chain and settled here by the plan's owner or an operator.
        Fiat,
        /// @dev What `source` asks, in `token`, for each order.
        Quoted,
        /// @dev Nothing at an order, for there are none: `amount` of `token` for each use, pulled from the holder when it is
        /// redeemed.
        PerUse
    }

    /// @notice What an order gives.
    enum GrantKind {
        /// @dev Credits, which redemptions spend.
        Credits,
        /// @dev Access for a time, which redemptions check and do not spend.
        Time
    }

    /// @notice The price of one order, or of one use.
    /// @param kind How the plan is paid.
    /// @param token The ERC-20 to pay with; zero for the native coin. Zero when free or fiat, not zero when per use.
    /// @param amount The price in base units of the token, or in millionths of the currency when fiat; 0 when free or quoted,
    /// else more than 0.
    /// @param currency The ISO 4217 code when fiat (`"USD"`), else zero.
    /// @param source The `IPriceSource` when quoted, else zero.
    struct Price {
        PriceKind kind;
        address token;
        uint96 amount;
        bytes3 currency;
        address source;
    }

    /// @notice A receiver of a share of the price.
    /// @param account Who is paid; neither zero nor this contract.
    /// @param share Its part of the price in basis points. A share of 0 receives nothing; the last
    /// payee's is more than 0, since it takes what rounding leaves.
    struct Payee {
        address account;
        uint16 share;
    }

    /// @notice What one order gives.
    /// @param kind Credits, or access for a time.
    /// @param credits How many credits, more than 0; 0 on a time plan, and on one paid per use, which has no orders.
    /// @param duration On a credits plan the lifetime of the credits in seconds, 0 when they never expire, and an order's
    /// expiry is rounded up to the next multiple of a 64th of it, which is itself rounded up to whole seconds. On a time plan the seconds of access, more than 0.
    struct Grant {
        GrantKind kind;
        uint64 credits;
        uint32 duration;
    }

    /// @notice Who may redeem, and how much at a time.
    /// @param minimum The least credits that a redemption may take, at least 1.
    /// @param maximum The most credits that a redemption may take, at least `minimum`.
    /// @param redeemers A sum of 1 for the plan's owner, 2 for the holder itself, and 4 for the plan's operators with the
    /// permission `REDEEM`; more than 0.
    /// @param voucherRequired Whether all but the holder itself need the holder's voucher. It must be so when paid per use.
    struct Redemption {
        uint32 minimum;
        uint32 maximum;
        uint8 redeemers;
        bool voucherRequired;
    }

    /// @notice How often a plan may be ordered; both count quantity.
    /// @param perHolder The most orders for one holder, 1 for a trial; 0 for no limit.
    /// @param inAll The most orders of the plan in all; 0 for no limit.
    struct Limits {
        uint32 perHolder;
        uint32 inAll;
    }

    /// @notice A contract that is asked before and told after orders and redemptions, and can refuse them.
    /// @param account The `IHook`; zero for none.
    /// @param calls A sum of 1 for before an order, 2 for after an order, 4 for before a redemption and 8 for after one; 0
    /// exactly when there is no hook.
    struct Hook {
        address account;
        uint8 calls;
    }

    /// @notice The immutable part of a plan; the plan's id commits to all of it.
    /// @param name A short name, at most 31 bytes of UTF-8.
    /// @param uri Where metadata is found; may be empty.
    /// @param price What one order costs.
    /// @param payees Who is paid: one to eight whose shares sum to 10,000 when the plan is paid on chain, none when it is free
    /// or fiat. The last of them takes what rounding leaves.
    /// @param grant What one order gives.
    /// @param redemption Who may redeem, and how much at a time.
    /// @param revocable Whether the plan's owner may burn a holder's credits.
    /// @param limits How often the plan may be ordered.
    /// @param hook Who else is asked.
    struct Terms {
        string name;
        string uri;
        Price price;
        Payee[] payees;
        Grant grant;
        Redemption redemption;
        bool revocable;
        Limits limits;
        Hook hook;
    }

    /// @notice A plan: its terms and what may change.
    /// @param owner Who owns the plan.
    /// @param pendingOwner Who may accept its ownership; zero for nobody.
    /// @param open Whether it can be ordered.
    /// @param ordered Orders so far, counted only where the terms limit orders in all.
    /// @param terms The terms.
    struct Plan {
        address owner;
        address pendingOwner;
        bool open;
        uint32 ordered;
        Terms terms;
    }

    /// @notice An amount of credits with one expiry.
    /// @param amount The credits left in it.
    /// @param expiry The first second in which they are gone; 0 when they never expire.
    struct Lot {
        uint64 amount;
        uint40 expiry;
    }

    /// @notice One order of many in a call, or one that passes data along.
    /// @param planId The plan.
    /// @param holder Who gets the grant.
    /// @param quantity How many orders at once, at least 1.
    /// @param maxPrice The most that is paid for it in all, in base units of the plan's token.
    /// @param data What the plan's price source and hook are given.
    struct Purchase {
        uint256 planId;
        address holder;
        uint32 quantity;
        uint256 maxPrice;
        bytes data;
    }

    /// @notice A fiat payment that was settled.
    /// @param holder Who got the grant; zero when the payment was never settled.
    /// @param expiry When the credits expire, 0 for never; on a time plan the end of the access that was granted, less what was
    /// taken back of it.
    /// @param reversed Whether a take-back was reversed, after which nothing more is taken back.
    /// @param granted The credits granted; on a time plan the periods of access.
    /// @param takenBack How much of that was taken back.
    /// @param burned How much of that was still there and was burned; the rest was spent before, and is unrecovered. Credits of
    /// one expiry are all alike: what is there of them counts, whichever order, payment or mint gave them.
    struct Settlement {
        address holder;
        uint40 expiry;
        bool reversed;
        uint64 granted;
        uint64 takenBack;
        uint64 burned;
    }

    /// @notice Redemptions of one plan.
    /// @param planId The plan.
    /// @param uses What is redeemed.
    struct Batch {
        uint256 planId;
        Use[] uses;
    }

    /// @notice A redemption of a batch.
    /// @param holder Whose credits.
    /// @param amount How many, within the range of the terms.
    /// @param requestId The request, as in `redeem`.
    struct Use {
        address holder;
        uint64 amount;
        uint256 requestId;
    }

    /// @notice What became of one call of many.
    /// @param done Whether it was done; if not it changed nothing.
    /// @param answer What it returned, or the error with which it failed.
    struct Outcome {
        bool done;
        bytes answer;
    }

    /// @notice What a holder signs to let one redeemer redeem once (EIP-712).
    /// @param planId The plan.
    /// @param holder Who signs, and whose credits.
    /// @param redeemer Who may redeem; the terms must let it, too.
    /// @param maximum The most credits, or uses, that may be taken.
    /// @param nonce Any number that the holder has not used yet. Nonces share a storage word by 256.
    /// @param deadline The last second in which it is valid.
    struct Voucher {
        uint256 planId;
        address holder;
        address redeemer;
        uint64 maximum;
        uint256 nonce;
        uint40 deadline;
    }

    /// @notice What a holder signs to let one redeemer redeem again and again up to a total (EIP-712). A later voucher of the
    /// same session with a higher total continues it.
    /// @param planId The plan.
    /// @param holder Who signs, and whose credits.
    /// @param redeemer Who may redeem; the terms must let it, too.
    /// @param maximum The most credits, or uses, that may be taken in the session, what was taken before included.
    /// @param session Any number; totals are counted for each (plan, holder, redeemer, session).
    /// @param deadline The last second in which it is valid.
    struct SessionVoucher {
        uint256 planId;
        address holder;
        address redeemer;
        uint64 maximum;
        uint256 session;
        uint40 deadline;
    }

    /// @notice What was taken in a session.
    /// @param spent The credits, or uses, taken so far.
    /// @param revoked Whether the holder has ended it.
    struct Session {
        uint64 spent;
        bool revoked;
    }

    /// @notice The protocol's fee.
    /// @param receiver Who is paid the fee.
    /// @param rate Its part of prices paid on chain, in basis points, at most 100.
    /// @param controller Who may set both; zero for nobody, ever.
    /// @param pendingController Who may become the controller; zero for nobody.
    struct Fee {
        address receiver;
        uint16 rate;
        address controller;
        address pendingController;
    }

    // ─────────────────────────────────────────── Plan errors ─────────────────────────────────────────

    /// @notice No plan has this id.
    error PlanNotFound(uint256 planId);

    /// @notice This creator has already created a plan of these terms with this salt.
    error PlanExists(uint256 planId);

    /// @notice The name is longer than a plan can hold; lengths in bytes.
    error NameTooLong(uint256 length, uint256 maximum);

    /// @notice The price has a field that its kind does not have, or lacks one that it needs: see `Price`.
    error InvalidPrice(Price price);

    /// @notice The price's token or source, or the hook, is not a contract.
    error AccountWithoutCode(address account);

    /// @notice A hook needs at least one call of those that are known, and calls need a hook.
    error InvalidHook(address account, uint8 calls, uint8 known);

    /// @notice A plan paid per use must require vouchers, grant nothing and limit no orders, for it has none.
    error InvalidPerUse(bool voucherRequired, uint64 credits, uint32 duration, uint32 perHolder, uint32 inAll);

    /// @notice A plan paid on chain has one to eight payees; a free or fiat one has none.
    error InvalidPayeeCount(uint256 count, uint256 minimum, uint256 maximum);

    /// @notice A payee can be neither the zero address nor this contract, and the last has a share.
    error InvalidPayee(uint256 index, address account);

    /// @notice The payees' shares must be the whole.
    error InvalidShares(uint256 sum, uint256 needed);

    /// @notice A credits plan grants credits; a time plan grants seconds and no credits.
    error InvalidGrant(GrantKind kind, uint64 credits, uint32 duration);

    /// @notice The range of a redemption must start at 1 or more and not end before it starts.
    error InvalidRedemptionRange(uint32 minimum, uint32 maximum);

    /// @notice The terms let nobody redeem, or have bits that mean nobody.
    error InvalidRedeemers(uint8 redeemers, uint8 known);

    /// @notice Only the plan's owner may do this.
    error NotPlanOwner(uint256 planId, address caller, address owner);

    /// @notice Only the account that was offered the ownership may accept it.
    error NotPendingOwner(uint256 planId, address caller, address pendingOwner);

    /// @notice The ownership of the plan has changed hands as often as the contract can count.
    error TooManyOwners(uint256 planId, uint256 maximum);

    /// @notice The permissions have bits that mean nothing.
    error UnknownPermissions(uint8 permissions, uint8 known);

    // ─────────────────────────────────────────── Fee errors ──────────────────────────────────────────

    /// @notice Only the fee's controller may do this.
    error NotFeeController(address caller, address controller);

    /// @notice Only the account that was offered the control of the fee may accept it.
    error NotPendingFeeController(address caller, address pendingController);

    /// @notice The rate is above what the bytecode allows, in basis points, or is not 0 without a receiver other than this
    /// contract.
    error InvalidFee(address receiver, uint16 rate, uint16 maximum);

    // ────────────────────────────────────────── Order errors ─────────────────────────────────────────

    /// @notice Plans with this kind of price have no such thing: fiat plans are settled and not ordered, plans paid per use are
    /// neither ordered nor minted nor burned, and only fiat plans are settled and taken back.
    error WrongPriceKind(uint256 planId, PriceKind kind);

    /// @notice The price source did not answer; its error is passed on, up to 256 bytes.
    error QuoteFailed(uint256 planId, address source, bytes reason);

    /// @notice The hook refused; its error is passed on, up to 256 bytes.
    error HookRefused(uint256 planId, address hook, bytes reason);

    /// @notice Too little gas is left for a call that is bounded by `needed`.
    error InsufficientGas(uint256 available, uint256 needed);

    /// @notice The coin that was sent beyond a quoted price could not be returned.
    error RefundFailed(address payer, uint256 amount);

    /// @notice Only the router of this deployment may say for whom it orders.
    error NotRouter(address caller, address router);

    /// @notice The router has taken another token than the plan's, zero being the native coin or none.
    error WrongToken(uint256 planId, address token, address planToken);

    /// @notice The plan's owner has stopped its orders.
    error OrdersStopped(uint256 planId);

    /// @notice An order of nothing.
    error ZeroQuantity(uint256 planId);

    /// @notice The zero address cannot hold credits.
    error ZeroHolder(uint256 planId);

    /// @notice The order costs more than the payer allowed, in base units of the plan's token.
    error PriceAboveMaximum(uint256 planId, uint256 price, uint256 maxPrice);

    /// @notice The order needs exactly `needed` wei sent along, which is 0 unless the price is in the native coin. A quoted
    /// price needs at least that and returns the rest up to `maxPrice`. Of several orders, the one that named the plan was
    /// left with `sent`.
    error WrongValue(uint256 planId, uint256 sent, uint256 needed);

    /// @notice Only the holder, the plan's owner and its mint operators may order this plan for that holder, or whoever has the
    /// holder's signature, since credits that expire, access and limited orders could be used up or started by a stranger.
    error GiftNotAllowed(uint256 planId, address payer, address holder);

    /// @notice The holder may order only `remaining` more.
    error HolderLimitReached(uint256 planId, address holder, uint256 quantity, uint256 remaining);

    /// @notice Only `remaining` more orders of the plan are left.
    error PlanLimitReached(uint256 planId, uint256 quantity, uint256 remaining);

    /// @notice The token did not move `amount` from payer to payee, or the payee refused the coin (`token` is zero).
    error PaymentFailed(uint256 planId, address token, address payer, address payee, uint256 amount);

    // ────────────────────────────────────────── Fiat errors ──────────────────────────────────────────

    /// @notice Only the plan's owner and operators with the permission `SETTLE` may settle and take back.
    error NotSettler(uint256 planId, address caller);

    /// @notice This payment was settled before; the key is the keccak-256 of its id.
    error PaymentAlreadySettled(uint256 planId, bytes32 paymentKey);

    /// @notice This payment was never settled.
    error PaymentNotSettled(uint256 planId, bytes32 paymentKey);

    /// @notice No more than `remaining` of the payment's grant can still be taken back; 0 once a take-back was reversed.
    error TakeBackTooHigh(uint256 planId, bytes32 paymentKey, uint256 amount, uint256 remaining);

    /// @notice Nothing of the payment was taken back, or that was reversed before.
    error NothingTakenBack(uint256 planId, bytes32 paymentKey);

    // ───────────────────────────────────────── Ledger errors ─────────────────────────────────────────

    /// @notice Only the plan's owner and operators with the permission `MINT` may mint.
    error NotMinter(uint256 planId, address caller);

    /// @notice The terms do not let the caller redeem that holder's credits.
    error NotRedeemer(uint256 planId, address caller, address holder);

    /// @notice Only the holder may burn, and the plan's owner where the terms are revocable.
    error NotBurner(uint256 planId, address caller, address holder);

    /// @notice An amount of nothing.
    error ZeroAmount(uint256 planId);

    /// @notice Credits that expire at once; use `mint` for credits that never expire.
    error ZeroDuration(uint256 planId);

    /// @notice A time plan has access and no lots; use `mint` to give periods of it.
    error NoLotsOnTimePlan(uint256 planId);

    /// @notice More credits than one lot, or an account's never-expiring credits, can hold.
    error CreditsOverflow(uint256 credits, uint256 maximum);

    /// @notice The end of the access does not fit what an account can hold, in unix seconds.
    error AccessOverflow(uint256 planId, address holder, uint256 end, uint256 maximum);

    /// @notice The holder has so many lots of different expiries that the owner can add no other. Orders are never refused.
    error TooManyLots(uint256 planId, address holder, uint256 lots, uint256 maximum);

    /// @notice The holder has less than is needed; on a time plan, in periods of access begun.
    error InsufficientCredits(uint256 planId, address holder, uint256 needed, uint256 available);

    /// @notice The holder's access is over, or has never begun (`end` is 0).
    error NoAccess(uint256 planId, address holder, uint256 end);

    /// @notice A redemption of this plan takes at least `minimum` and at most `maximum` credits.
    error AmountOutOfRange(uint256 planId, uint256 amount, uint256 minimum, uint256 maximum);

    /// @notice The redeemer has already redeemed this request.
    error RequestAlreadyRedeemed(uint256 planId, address redeemer, uint256 requestId);

    // ───────────────────────────────────────── Voucher errors ────────────────────────────────────────

    /// @notice The terms require the holder's voucher.
    error VoucherRequired(uint256 planId, address caller, address holder);

    /// @notice The voucher is for another redeemer.
    error WrongRedeemer(uint256 planId, address caller, address redeemer);

    /// @notice The voucher was valid until `deadline`, that second included.
    error VoucherExpired(uint256 planId, address holder, uint256 deadline);

    /// @notice The voucher was redeemed before, or the holder has revoked it.
    error VoucherUsed(address holder, uint256 nonce);

    /// @notice The voucher lets `remaining` be taken, in a session what is left of its total.
    error VoucherExceeded(uint256 planId, address holder, uint256 amount, uint256 remaining);

    /// @notice The holder has ended the session.
    error SessionEnded(uint256 planId, address holder, address redeemer, uint256 session);

    /// @notice The signature is not the signer's: neither by ECDSA (65 bytes, low s) nor by ERC-1271.
    error InvalidSignature(address signer);

    // ───────────────────────────────────────── ERC-1155 errors ───────────────────────────────────────

    /// @notice The holder is a contract that did not accept the credits.
    error HolderRefused(uint256 planId, address holder);

    /// @notice Credits stay with their holder: transfers and approvals are refused.
    error Soulbound();

    /// @notice Both lists must be of the same length (the shape is that of ERC-6093).
    error ERC1155InvalidArrayLength(uint256 idsLength, uint256 valuesLength);

    // ──────────────────────────────────────────── Events ─────────────────────────────────────────────

    /// @notice A plan was created.
    event PlanCreated(uint256 indexed planId, address indexed owner, bytes32 salt, Terms terms);

    /// @notice Orders of a plan were stopped or restarted.
    event OpenSet(uint256 indexed planId, bool open);

    /// @notice The ownership of a plan was offered; zero takes an offer back.
    event OwnershipOffered(uint256 indexed planId, address indexed owner, address indexed pendingOwner);

    /// @notice The ownership of a plan was accepted; the former owner's operators have lost their permissions.
    event OwnershipAccepted(uint256 indexed planId, address indexed formerOwner, address indexed owner);

    /// @notice An operator's permissions were set, a sum of `MINT`, `REDEEM` and `SETTLE`, or 0.
    event OperatorSet(uint256 indexed planId, address indexed operator, uint8 permissions);

    /// @notice A plan was ordered.
    /// @param paid What the payer paid for the whole quantity, fee included, in base units of the token.
    /// @param fee What of that is the protocol's fee; it went to the payees if a `FeeUndelivered` follows.
    /// @param credits The credits that the holder got; 0 on a time plan.
    /// @param expiry When these credits expire, 0 for never; on a time plan the new end of the holder's access.
    event PlanOrdered(
        uint256 indexed planId,
        address indexed payer,
        address indexed holder,
        uint32 quantity,
        address token,
        uint256 paid,
        uint256 fee,
        uint64 credits,
        uint40 expiry
    );

    /// @notice The fee could not be delivered to its receiver and went to the payees, in base units of the token.
    event FeeUndelivered(uint256 indexed planId, address indexed receiver, address token, uint256 fee);

    /// @notice The fee's receiver and rate were set.
    event FeeSet(address indexed receiver, uint16 rate);

    /// @notice The control of the fee was offered; zero takes an offer back.
    event FeeControlOffered(address indexed controller, address indexed pendingController);

    /// @notice The control of the fee changed hands; zero for nobody, ever.
    event FeeControlTaken(address indexed formerController, address indexed controller);

    /// @notice A fiat payment was settled; the key is the keccak-256 of its id.
    /// @param credits The credits that the holder got; on a time plan the periods of access.
    /// @param expiry When these credits expire, 0 for never; on a time plan the new end of the holder's access.
    event PaymentSettled(
        uint256 indexed planId,
        address indexed holder,
        bytes32 indexed paymentKey,
        string paymentId,
        address settler,
        uint32 quantity,
        uint64 credits,
        uint40 expiry
    );

    /// @notice Credits, or periods, of a fiat payment were taken back: `burned` were still there, the rest is unrecovered.
    event PaymentTakenBack(
        uint256 indexed planId,
        address indexed holder,
        bytes32 indexed paymentKey,
        address settler,
        uint64 amount,
        uint64 burned
    );

    /// @notice A take-back was reversed: what it had burned was minted again, unless it has expired since (an amount of 0).
    /// @param expiry When the credits expire, 0 for never; on a time plan the new end of the holder's access.
    event TakeBackReversed(
        uint256 indexed planId,
        address indexed holder,
        bytes32 indexed paymentKey,
        address settler,
        uint64 amount,
        uint40 expiry
    );

    /// @notice Credits were given by the plan's owner or a mint operator, whom the `TransferSingle` beside it names.
    /// @param amount The credits; on a time plan the periods of access.
    /// @param expiry When they expire, 0 for never; on a time plan the new end of the holder's access.
    event CreditsMinted(uint256 indexed planId, address indexed holder, uint64 amount, uint40 expiry);

    /// @notice Credits were destroyed; on a time plan, `amount` periods of access, though never below now.
    event CreditsBurned(uint256 indexed planId, address indexed holder, address indexed burner, uint64 amount);

    /// @notice Credits were redeemed for the request with this id; on a time plan nothing was taken.
    event CreditsRedeemed(
        uint256 indexed planId, address indexed holder, address indexed redeemer, uint64 amount, uint256 requestId
    );

    /// @notice Credits were redeemed without a request id; on a time plan nothing was taken.
    event CreditsRedeemedWithoutId(
        uint256 indexed planId, address indexed holder, address indexed redeemer, uint64 amount
    );

    /// @notice A batch of credits was redeemed, each for the request with its id; on a time plan nothing was taken.
    event CreditsRedeemedInBatch(uint256 indexed planId, address indexed redeemer, Use[] uses);

    /// @notice Credits were redeemed by a voucher, whose nonce is used up; on a time plan nothing was taken.
    event VoucherRedeemed(
        uint256 indexed planId, address indexed holder, address indexed redeemer, uint64 amount, uint256 nonce
    );

    /// @notice In a session, `spent` were taken so far; the `CreditsRedeemed` after it tells of what.
    event SessionSpent(
        uint256 indexed planId, address indexed holder, address indexed redeemer, uint256 session, uint64 spent
    );

    /// @notice A holder revoked the vouchers with the nonces `256 * word + i` for each bit `i` of the mask.
    event VouchersRevoked(address indexed holder, uint256 word, uint256 mask);

    /// @notice A holder ended a session.
    event SessionRevoked(uint256 indexed planId, address indexed holder, address indexed redeemer, uint256 session);

    /// @notice A holder paid for uses of a plan paid per use.
    /// @param paid What it paid for all of them, fee included, in base units of the token.
    /// @param fee What of that is the protocol's fee; it went to the payees if a `FeeUndelivered` follows.
    event UsesPaid(
        uint256 indexed planId, address indexed holder, uint64 uses, address token, uint256 paid, uint256 fee
    );

    /// @notice Credits that had expired before were cleared; on a time plan, access that had ended (an amount of 1).
    event CreditsExpired(uint256 indexed planId, address indexed holder, uint256 amount);

    /// @notice ERC-1155: a holder's balance changed by `value`. A mint comes from zero; a burn, a redemption and a clearing of
    /// what expired go to zero. On a time plan the balance changes by 1 when access begins and ends, and by 0 when it is
    /// made longer or shorter.
    event TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value);

    // ────────────────────────────────────────────── Fee ──────────────────────────────────────────────

    /// @notice The protocol's fee, and who sets it.
    /// @return The fee. It is taken out of every price that is paid on chain: floor(price × rate ÷ 10,000).
    function fee() external view returns (Fee memory);

    /// @notice Sets the fee for orders and uses from now on. Only the controller.
    /// @param receiver Who is paid it.
    /// @param rate Its part of prices in basis points, at most 100; 0 for none.
    function setFee(address receiver, uint16 rate) external;

    /// @notice Offers the control of the fee; it changes when the new controller accepts. Only the controller.
    /// @param newController Who may accept; zero takes an offer back.
    function offerFeeControl(address newController) external;

    /// @notice Accepts the control of the fee. Only the account that it was offered to.
    function acceptFeeControl() external;

    /// @notice Gives the control of the fee up, for ever: receiver and rate stay as they are. Only the controller.
    function renounceFeeControl() external;

    // ───────────────────────────────────────────── Plans ─────────────────────────────────────────────

    /// @notice Creates a plan that the caller owns, open for orders.
    /// @param terms The immutable terms.
    /// @param salt Any value; lets one creator publish the same terms more than once.
    /// @return planId `uint256(keccak256(abi.encode(block.chainid, address(this), creator, salt, terms)))`. An id that exists
    /// reverts with `PlanExists`; terms that make no sense revert with the error that says why.
    function createPlan(Terms calldata terms, bytes32 salt) external returns (uint256 planId);

    /// @notice The id that `createPlan` would give.
    /// @param creator Who would create the plan.
    /// @param terms The terms.
    /// @param salt The salt.
    /// @return planId The id.
    function computePlanId(address creator, Terms calldata terms, bytes32 salt) external view returns (uint256 planId);

    /// @notice A plan: its terms and what may change. Reverts with `PlanNotFound`.
    /// @param planId The plan.
    /// @return All of it.
    function plan(uint256 planId) external view returns (Plan memory);

    /// @notice Stops or restarts the orders of a plan; holders keep what they have. Only its owner.
    /// @param planId The plan.
    /// @param open Whether it can be ordered from now on.
    function setOpen(uint256 planId, bool open) external;

    /// @notice Offers the ownership of a plan; it changes when the new owner accepts. Only its owner.
    /// @param planId The plan.
    /// @param newOwner Who may accept; zero takes an offer back.
    function transferOwnership(uint256 planId, address newOwner) external;

    /// @notice Accepts the ownership of a plan and clears its operators. Only the account that it was offered to.
    /// @param planId The plan.
    function acceptOwnership(uint256 planId) external;

    /// @notice Sets what an operator may do for a plan. Only its owner.
    /// @param planId The plan.
    /// @param operator The operator.
    /// @param permissions A sum of `MINT` (1), `REDEEM` (2) and `SETTLE` (4), or 0 for none. Other bits revert with `UnknownPermissions`.
    function setOperator(uint256 planId, address operator, uint8 permissions) external;

    /// @notice What an operator may do for a plan. Reverts with `PlanNotFound`.
    /// @param planId The plan.
    /// @param operator The operator.
    /// @return permissions A sum of `MINT` (1), `REDEEM` (2) and `SETTLE` (4), or 0.
    function permissionsOf(uint256 planId, address operator) external view returns (uint8 permissions);

    // ───────────────────────────────────────────── Orders ────────────────────────────────────────────

    /// @notice Pays the price of a plan to its payees, from the caller, and gives the holder what the plan grants.
    ///
    /// An ERC-20 is pulled by the caller's allowance to this contract. The native coin is sent along, exactly.
    /// @param planId The plan.
    /// @param holder Who gets the grant. Anyone may order for anyone on plans of never-expiring credits without limits; on
    /// every other plan only the holder itself, the plan's owner and its mint operators.
    /// @param quantity How many orders at once, at least 1.
    /// @param maxPrice The most that the caller pays in all, in base units of the plan's token.
    /// @return credits The credits granted; 0 on a time plan.
    /// @return expiry When they expire, 0 for never; on a time plan the new end of the holder's access.
    function order(uint256 planId, address holder, uint32 quantity, uint256 maxPrice)
        external
        payable
        returns (uint64 credits, uint40 expiry);

    /// @notice Several orders in one call, all or none; or one that passes data along.
    /// @param purchases The orders. The coin sent along is the sum of what those in the native coin need; what quoted ones
    /// need less than their `maxPrice` is returned.
    function orderMany(Purchase[] calldata purchases) external payable;

    /// @notice An order by this deployment's router, which pays, for who has signed it. Only the router.
    /// @param purchase The order.
    /// @param payer Who has signed, and has paid the router.
    /// @param token The token that the payer has paid, which must be the plan's: that it took the payer's signature is what
    /// makes it the payer's order. Zero for the native coin, and for free plans.
    /// @param consented Whether the holder has signed, too, so that gifts of every plan are allowed.
    /// @return credits The credits granted; 0 on a time plan.
    /// @return expiry When they expire, 0 for never; on a time plan the new end of the holder's access.
    function orderFor(Purchase calldata purchase, address payer, address token, bool consented)
        external
        payable
        returns (uint64 credits, uint40 expiry);

    /// @notice The router of this deployment, which was created with it: orders paid by signatures go through it. It can name
    /// payers and attest holders' consent to gifts, and has no other power.
    /// @return The first contract that this one created.
    function router() external view returns (address);

    /// @notice The orders that were counted for a holder, where the terms limit them for each holder; else 0.
    /// @param planId The plan.
    /// @param holder The holder.
    /// @return The number of orders.
    function ordersOf(uint256 planId, address holder) external view returns (uint32);

    // ───────────────────────────────────────────── Fiat ──────────────────────────────────────────────

    /// @notice Gives a holder what a fiat plan grants for a payment that was made off chain. Each payment is settled once, by
    /// whomever. Stopped orders and limits are ignored, and no hook is asked: they are checked when the payment is begun. It is
    /// counted as orders where the terms limit them.
    /// Only the plan's owner and its settle operators.
    /// @param planId The plan.
    /// @param holder Who gets the grant.
    /// @param quantity How many orders were paid, at least 1.
    /// @param paymentId The payment processor's id of the payment.
    /// @return credits The credits granted; on a time plan the periods of access.
    /// @return expiry When they expire, 0 for never; on a time plan the new end of the holder's access.
    function settle(uint256 planId, address holder, uint32 quantity, string calldata paymentId)
        external
        returns (uint64 credits, uint40 expiry);

    /// @notice Takes a grant back, whole or in part, whose payment was charged back: burns what is left of the credits of
    /// its expiry, whoever gave them, and counts the rest as unrecovered. On a time plan whole periods are taken off the end: of
    /// those that the payment bought, what has begun or is to come, though never below now. Only the plan's owner and its settle
    /// operators.
    /// @param planId The plan.
    /// @param paymentId The payment.
    /// @param amount How many credits, or periods, at least 1; in all calls at most what was granted.
    /// @return burned How many of them were still there.
    function takeBack(uint256 planId, string calldata paymentId, uint64 amount) external returns (uint64 burned);

    /// @notice Reverses what was taken back, once, when the payment was won back: mints again what was burned, with its former
    /// expiry, unless that has passed; on a time plan as many periods. Only the plan's owner and its settle operators.
    /// @param planId The plan.
    /// @param paymentId The payment.
    /// @return credits The credits, or periods, that were minted.
    /// @return expiry When they expire, 0 for never; on a time plan the new end of the holder's access.
    function reverseTakeBack(uint256 planId, string calldata paymentId) external returns (uint64 credits, uint40 expiry);

    /// @notice What is known of a payment.
    /// @param planId The plan.
    /// @param paymentKey The keccak-256 of the payment's id.
    /// @return The settlement; all zero when there was none.
    function settlementOf(uint256 planId, bytes32 paymentKey) external view returns (Settlement memory);

    // ───────────────────────────────────────── Mint and burn ─────────────────────────────────────────

    /// @notice Gives a holder credits that never expire, or periods of access on a time plan. Only the plan's owner and its
    /// mint operators.
    /// @param planId The plan.
    /// @param holder Who gets them.
    /// @param amount How many credits, or periods, at least 1.
    function mint(uint256 planId, address holder, uint64 amount) external;

    /// @notice Gives a holder credits that expire exactly `duration` seconds from now. Only the plan's owner and its mint
    /// operators, and not on time plans.
    /// @param planId The plan.
    /// @param holder Who gets them.
    /// @param amount How many credits, at least 1.
    /// @param duration Their lifetime in seconds, at least 1.
    /// @return expiry The first second in which they are gone.
    function mintExpirable(uint256 planId, address holder, uint64 amount, uint32 duration)
        external
        returns (uint40 expiry);

    /// @notice Destroys a holder's credits, the earliest expiry first, or periods of access on a time plan. Only the holder,
    /// and the plan's owner where the terms are revocable.
    /// @param planId The plan.
    /// @param holder Whose credits.
    /// @param amount How many credits, or periods, at least 1 and at most what there is.
    function burn(uint256 planId, address holder, uint64 amount) external;

    // ─────────────────────────────────────────── Redemption ──────────────────────────────────────────

    /// @notice Spends a holder's credits for served work, the earliest expiry first, exactly once for each
    /// (plan, caller, request id) whoever the holder is. On a time plan it checks access and takes nothing.
    /// @param planId The plan.
    /// @param holder Whose credits.
    /// @param amount How many, within the range of the terms.
    /// @param requestId Any number, 0 included. Ids share a storage word by 256: number densely, or use
    /// `uint256(keccak256(bytes(id)))` for a string, which costs a fresh word.
    function redeem(uint256 planId, address holder, uint64 amount, uint256 requestId) external;

    /// @notice As `redeem`, but promises nothing about doing it once: each call spends.
    /// @param planId The plan.
    /// @param holder Whose credits.
    /// @param amount How many, within the range of the terms.
    function redeemWithoutId(uint256 planId, address holder, uint64 amount) external;

    /// @notice Many redemptions in one call, across plans and holders: all are done or none.
    /// @param batches The redemptions, by plan; none is empty.
    function redeemMany(Batch[] calldata batches) external;

    /// @notice Redeems with a holder's voucher, which it uses up even when less than its maximum is taken.
    /// @param voucher The voucher. Only its redeemer may redeem it, and the terms must let that account redeem.
    /// @param amount How many credits, or uses, at most the voucher's maximum and within the range of the terms.
    /// @param signature The holder's: ECDSA (65 bytes, low s) or whatever its ERC-1271 accepts.
    function redeemWithVoucher(Voucher calldata voucher, uint64 amount, bytes calldata signature) external;

    /// @notice Redeems in a session, as long as all that was taken in it stays within the voucher's maximum.
    /// @param voucher The voucher. Only its redeemer may redeem it, and the terms must let that account redeem.
    /// @param amount How many credits, or uses, within the range of the terms.
    /// @param requestId The request, as in `redeem`.
    /// @param signature The holder's: ECDSA (65 bytes, low s) or whatever its ERC-1271 accepts.
    function redeemInSession(
        SessionVoucher calldata voucher,
        uint64 amount,
        uint256 requestId,
        bytes calldata signature
    ) external;

    /// @notice Revokes vouchers of the caller, used or not.
    /// @param word Which 256 nonces: those from `256 * word` on.
    /// @param mask Which of them: bit `i` for the nonce `256 * word + i`.
    function revokeVouchers(uint256 word, uint256 mask) external;

    /// @notice Ends a session of the caller: no voucher of it can be redeemed any more.
    /// @param planId The plan.
    /// @param redeemer The redeemer.
    /// @param session The session.
    function revokeSession(uint256 planId, address redeemer, uint256 session) external;

    /// @notice Whether a voucher's nonce is used up or revoked.
    /// @param holder The holder.
    /// @param nonce The nonce.
    /// @return Whether no voucher with it can be redeemed.
    function isVoucherUsed(address holder, uint256 nonce) external view returns (bool);

    /// @notice What was taken in a session.
    /// @param planId The plan.
    /// @param holder The holder.
    /// @param redeemer The redeemer.
    /// @param session The session.
    /// @return The session.
    function sessionOf(uint256 planId, address holder, address redeemer, uint256 session)
        external
        view
        returns (Session memory);

    /// @notice The EIP-712 domain of vouchers, as EIP-5267 has it.
    /// @return fields Which of the following are used: all but the salt and the extensions.
    /// @return name "Scrip".
    /// @return version "1".
    /// @return chainId The chain's id.
    /// @return verifyingContract This contract.
    /// @return salt Not used.
    /// @return extensions None.
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        );

    /// @notice Calls several functions of this contract as the caller, each by itself: with `skip`, one that fails changes
    /// nothing and is reported; without, it fails all. None can be sent coin.
    ///
    /// A call that fails for want of gas fails all even with `skip`: one that says so, or leaves less than an eighth of the gas
    /// that there was. Of a multicall within another the outer one sees only what the inner one left: do not nest them.
    /// @param calls The calls, ABI-encoded.
    /// @param skip Whether to go on after one that fails.
    /// @return outcomes What became of each.
    function multicall(bytes[] calldata calls, bool skip) external returns (Outcome[] memory outcomes);

    /// @notice Whether a request id is used.
    /// @param planId The plan.
    /// @param redeemer Who redeems, or redeemed.
    /// @param requestId The id.
    /// @return Whether it can no longer be redeemed.
    function isRedeemed(uint256 planId, address redeemer, uint256 requestId) external view returns (bool);

    // ─────────────────────────────────────── The ledger, by lots ─────────────────────────────────────

    /// @notice A holder's live lots in the order in which they are spent: the earliest expiry first, credits that never
    /// expire last (an expiry of 0). Empty on a time plan. Reverts with `PlanNotFound`.
    /// @param planId The plan.
    /// @param holder The holder.
    /// @return The lots.
    function lotsOf(uint256 planId, address holder) external view returns (Lot[] memory);

    /// @notice When a holder's access ends or ended; 0 if it has none, and on a credits plan. Reverts with `PlanNotFound`.
    /// @param planId The plan.
    /// @param holder The holder.
    /// @return The first second without access.
    function accessEnd(uint256 planId, address holder) external view returns (uint40);

    // ─────────────────────────────────────────── ERC-1155 ────────────────────────────────────────────

    /// @notice What a holder can spend now, and exactly what a burn accepts (in more than one call if it is beyond 2^64 - 1);
    /// on a time plan 1 while access lasts.
    /// @param account The holder.
    /// @param id The plan.
    /// @return The credits; 0 for a plan that does not exist.
    function balanceOf(address account, uint256 id) external view returns (uint256);

    /// @notice `balanceOf`, for many pairs.
    /// @param accounts The holders.
    /// @param ids The plans, as many as holders.
    /// @return The balances, in the order asked.
    function balanceOfBatch(address[] calldata accounts, uint256[] calldata ids)
        external
        view
        returns (uint256[] memory);

    /// @notice The metadata URI of a plan. Reverts with `PlanNotFound`.
    /// @param id The plan.
    /// @return The URI of its terms.
    function uri(uint256 id) external view returns (string memory);

    /// @notice Refused: credits are soulbound.
    /// @param from Not used.
    /// @param to Not used.
    /// @param id Not used.
    /// @param value Not used.
    /// @param data Not used.
    function safeTransferFrom(address from, address to, uint256 id, uint256 value, bytes calldata data) external;

    /// @notice Refused: credits are soulbound.
    /// @param from Not used.
    /// @param to Not used.
    /// @param ids Not used.
    /// @param values Not used.
    /// @param data Not used.
    function safeBatchTransferFrom(
        address from,
        address to,
        uint256[] calldata ids,
        uint256[] calldata values,
        bytes calldata data
    ) external;

    /// @notice Refused: credits are soulbound.
    /// @param operator Not used.
    /// @param approved Not used.
    function setApprovalForAll(address operator, bool approved) external;

    /// @notice Nobody is ever approved.
    /// @param account Not used.
    /// @param operator Not used.
    /// @return Always false.
    function isApprovedForAll(address account, address operator) external view returns (bool);

    /// @notice ERC-165: this contract speaks ERC-165, ERC-1155 and its metadata extension.
    /// @param interfaceId The interface asked for.
    /// @return Whether it is one of them.
    function supportsInterface(bytes4 interfaceId) external view returns (bool);
}
