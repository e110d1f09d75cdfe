// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Act} from "./Act.sol";
import {Store} from "./Store.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice What builders, subscribers and agents do all day.
contract Handler is Act {
    constructor(Store store, IScrip core) Act(store, core) {}

    // ───────────────────────────────────────────── Orders ────────────────────────────────────────────

    function order(uint256 planSeed, uint256 holderSeed, uint256 quantity) external logged {
        uint256 planId = aPlan(planSeed);
        address holder = aHolder(holderSeed);
        _order("order", planId, holder, holder, quantity);
    }

    function gift(uint256 planSeed, uint256 payerSeed, uint256 holderSeed, uint256 quantity) external logged {
        uint256 planId = aPlan(planSeed);
        _order("gift", planId, ownerOrAnyone(planId, payerSeed), aHolder(holderSeed), quantity);
    }

    function _order(string memory act, uint256 planId, address payer, address holder, uint256 quantity) internal {
        quantity = bound(quantity, 1, 3);
        IScrip.Terms memory terms = STORE.termsOf(planId);
        uint256 price = terms.price.amount * quantity;
        (bool done, bytes memory answer) = attempt(
            act,
            payer,
            terms.price.token == address(0) ? price : 0,
            abi.encodeCall(IScrip.order, (planId, holder, uint32(quantity), price)),
            STORE.refusalOfOrder(planId, payer, holder, quantity)
        );
        if (!done) return;
        (uint256 credits, uint256 expiry) = abi.decode(answer, (uint256, uint256));
        assertEq(credits, terms.grant.credits * quantity, "18. An order returns the credits that it grants.");
        assertEq(
            expiry, STORE.order(planId, payer, holder, quantity), "18. An order returns the expiry of what it grants."
        );
    }

    // ───────────────────────────────────────── Mint and burn ─────────────────────────────────────────

    function mint(uint256 planSeed, uint256 callerSeed, uint256 holderSeed, uint256 amount) external logged {
        uint256 planId = aPlan(planSeed);
        address caller = ownerOrAnyone(planId, callerSeed);
        address holder = aHolder(holderSeed);
        amount = bound(amount, 1, STORE.isAccess(planId) ? 3 : 1_000);
        (bool done,) = attempt(
            "mint",
            caller,
            0,
            abi.encodeCall(IScrip.mint, (planId, holder, uint64(amount))),
            STORE.refusalOfMint(planId, caller)
        );
        if (done) STORE.mint(planId, holder, amount, 0);
    }

    function mintExpirable(
        uint256 planSeed,
        uint256 callerSeed,
        uint256 holderSeed,
        uint256 amount,
        uint256 durationSeed
    ) external logged {
        uint256 planId = aPlan(planSeed);
        address caller = ownerOrAnyone(planId, callerSeed);
        address holder = aHolder(holderSeed);
        amount = bound(amount, 1, 1_000);
        uint256 duration = _duration(planId, durationSeed);
        uint256 expiry = vm.getBlockTimestamp() + duration;
        (bool done, bytes memory answer) = attempt(
            "mintExpirable",
            caller,
            0,
            abi.encodeCall(IScrip.mintExpirable, (planId, holder, uint64(amount), uint32(duration))),
            STORE.refusalOfMintExpirable(planId, caller, holder, expiry)
        );
        if (!done) return;
        assertEq(abi.decode(answer, (uint256)), expiry, "18. A mint returns an expiry exactly its duration from now.");
        STORE.mint(planId, holder, amount, expiry);
    }

    /// @dev Seconds, days, or as long as an order made now.
    function _duration(uint256 planId, uint256 seed) internal view returns (uint256) {
        uint256 lifetime = STORE.termsOf(planId).grant.duration;
        if (seed % 3 == 0 && lifetime != 0) return STORE.gridOf(lifetime) - vm.getBlockTimestamp();
        return seed % 3 == 1 ? bound(seed, 1, 200) : bound(seed, 1, 60 days);
    }

    /// @dev So many lots of a second each that the cap is met: too rare to come by single mints.
    function mintMany(uint256 planSeed, uint256 holderSeed, uint256 count, uint256 duration) external logged {
        uint256 planId = aPlan(planSeed);
        address holder = aHolder(holderSeed);
        address caller = STORE.ownerOf(planId);
        duration = bound(duration, 1, 10_000);
        for (count = bound(count, 10, 60); count > 0; --count) {
            uint256 expiry = vm.getBlockTimestamp() + ++duration;
            (bool done,) = attempt(
                "mintMany",
                caller,
                0,
                abi.encodeCall(IScrip.mintExpirable, (planId, holder, 1, uint32(duration))),
                STORE.refusalOfMintExpirable(planId, caller, holder, expiry)
            );
            if (!done) return;
            STORE.mint(planId, holder, 1, expiry);
        }
    }

    /// @dev The holder burns, all that it has or a part.
    function burn(uint256 planSeed, uint256 holderSeed, uint256 amount) external logged {
        (uint256 planId, address holder) = aHolding(planSeed, holderSeed);
        _burn("burn", planId, holder, holder, amount);
    }

    /// @dev The owner burns, or someone who may not.
    function revoke(uint256 planSeed, uint256 callerSeed, uint256 holderSeed, uint256 amount) external logged {
        (uint256 planId, address holder) = aHolding(planSeed, holderSeed);
        _burn("revoke", planId, ownerOrAnyone(planId, callerSeed), holder, amount);
    }

    function _burn(string memory act, uint256 planId, address caller, address holder, uint256 amount) internal {
        uint256 available = STORE.availableOf(planId, holder);
        amount = amount % 8 == 0 || available == 0
            ? available + 1
            : amount % 8 == 1 ? available : bound(amount, 1, available);
        (bool done,) = attempt(
            act,
            caller,
            0,
            abi.encodeCall(IScrip.burn, (planId, holder, uint64(amount))),
            STORE.refusalOfBurn(planId, caller, holder, amount)
        );
        if (done) STORE.burn(planId, holder, amount);
    }

    // ─────────────────────────────────────────── Redemption ──────────────────────────────────────────

    function redeem(uint256 planSeed, uint256 callerSeed, uint256 holderSeed, uint256 amount, uint256 idSeed)
        external
        logged
    {
        (uint256 planId, address holder) = aHolding(planSeed, holderSeed);
        address caller = _redeemer(planId, callerSeed, holder);
        amount = _redemption(planId, holder, amount);
        uint256 requestId = aRequestId(idSeed);
        bytes memory refusal = STORE.refusalOfRedemption(planId, caller, holder, amount, requestId);
        bytes memory data = abi.encodeCall(IScrip.redeem, (planId, holder, uint64(amount), requestId));
        (bool done,) = attempt("redeem", caller, 0, data, refusal);
        STORE.note(planId, caller, requestId);
        if (done) STORE.redeem(planId, holder, amount, caller, requestId);
    }

    function redeemWithoutId(uint256 planSeed, uint256 callerSeed, uint256 holderSeed, uint256 amount) external logged {
        (uint256 planId, address holder) = aHolding(planSeed, holderSeed);
        address caller = _redeemer(planId, callerSeed, holder);
        amount = _redemption(planId, holder, amount);
        (bool done,) = attempt(
            "redeemWithoutId",
            caller,
            0,
            abi.encodeCall(IScrip.redeemWithoutId, (planId, holder, uint64(amount))),
            STORE.refusalOfRedemption(planId, caller, holder, amount)
        );
        if (done) STORE.redeem(planId, holder, amount);
    }

    /// @dev Mostly someone who may: the owner or the holder.
    function _redeemer(uint256 planId, uint256 seed, address holder) internal view returns (address) {
        bool byOwner = STORE.termsOf(planId).redemption.redeemers & 1 != 0;
        if (seed % 8 == 0) return anAccount(seed >> 8);
        return byOwner && seed % 8 < 5 ? STORE.ownerOf(planId) : holder;
    }

    /// @dev Mostly an amount of the range that the holder has.
    function _redemption(uint256 planId, address holder, uint256 seed) internal view returns (uint256) {
        IScrip.Redemption memory range = STORE.termsOf(planId).redemption;
        if (seed % 8 == 0) return bound(seed, 0, uint256(range.maximum) + 2);
        uint256 available = STORE.isAccess(planId) ? range.maximum : STORE.availableOf(planId, holder);
        uint256 most = available < range.maximum ? available : range.maximum;
        return bound(seed, range.minimum, most < range.minimum ? range.minimum : most);
    }

    // ────────────────────────────────────────── Time and plans ───────────────────────────────────────

    function passSeconds(uint256 time) external {
        vm.warp(vm.getBlockTimestamp() + bound(time, 1, 200));
        STORE.count("passSeconds", "");
    }

    function passDays(uint256 time) external {
        vm.warp(vm.getBlockTimestamp() + bound(time, 1 hours, 20 days));
        STORE.count("passDays", "");
    }

    /// @dev Stopped plans are soon restarted, for most of the others' acts need open ones.
    function setOpen(uint256 planSeed, uint256 openSeed) external logged {
        uint256 planId = aPlan(planSeed);
        bool open = STORE.stopped(planId) || openSeed % 2 == 0;
        (bool done,) = attempt("setOpen", STORE.ownerOf(planId), 0, abi.encodeCall(IScrip.setOpen, (planId, open)), "");
        if (done) STORE.setStopped(planId, !open);
    }

    /// @dev The controller is asked for, since it never changes.
    function setFee(uint256 rate) external logged {
        rate = bound(rate, 0, 100);
        address receiver = STORE.feeReceiver();
        bytes memory data = abi.encodeCall(IScrip.setFee, (receiver, uint16(rate)));
        (bool done,) = attempt("setFee", CORE.fee().controller, 0, data, "");
        if (done) STORE.setFeeRate(rate);
    }

    function setOperator(uint256 planSeed, uint256 operatorSeed, uint256 permissions) external logged {
        uint256 planId = aPlan(planSeed);
        address operator = anAccount(operatorSeed);
        uint8 set = uint8(permissions % 4);
        (bool done,) = attempt(
            "setOperator", STORE.ownerOf(planId), 0, abi.encodeCall(IScrip.setOperator, (planId, operator, set)), ""
        );
        if (done) STORE.setPermissions(planId, operator, set);
    }

    function handOver(uint256 planSeed, uint256 ownerSeed) external logged {
        uint256 planId = aPlan(planSeed);
        address newOwner = anAccount(ownerSeed);
        attempt("offer", STORE.ownerOf(planId), 0, abi.encodeCall(IScrip.transferOwnership, (planId, newOwner)), "");
        (bool done,) = attempt("handOver", newOwner, 0, abi.encodeCall(IScrip.acceptOwnership, (planId)), "");
        if (done) STORE.handOver(planId, newOwner);
    }
}
