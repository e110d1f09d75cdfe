// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Act} from "./Act.sol";
import {Store} from "./Store.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice What must never work, tried by everyone who is there: each act picks one who may not, and is refused.
contract Intruder is Act {
    uint8 internal constant MINT_AND_REDEEM = 3;

    constructor(Store store, IScrip core) Act(store, core) {}

    /// @dev Someone else's credits, by every way that lowers a balance.
    function steal(uint256 planSeed, uint256 callerSeed, uint256 holderSeed, uint256 amount, uint256 way)
        external
        logged
    {
        uint256 planId = aPlan(planSeed);
        address caller = anAccount(callerSeed);
        address holder = aHolder(holderSeed);
        amount = bound(amount, 1, type(uint64).max);
        way %= 5;
        bytes memory data;
        bytes memory refusal;
        if (way == 0) {
            if (STORE.mayBurn(planId, caller, holder)) return;
            data = abi.encodeCall(IScrip.burn, (planId, holder, uint64(amount)));
            refusal = abi.encodeWithSelector(IScrip.NotBurner.selector, planId, caller, holder);
        } else if (way <= 2) {
            if (STORE.mayRedeem(planId, caller, holder)) return;
            // Ids that no one uses, or the error would be another one.
            data = way == 1
                ? abi.encodeCall(IScrip.redeem, (planId, holder, uint64(amount), uint256(1 << 200)))
                : abi.encodeCall(IScrip.redeemWithoutId, (planId, holder, uint64(amount)));
            refusal = abi.encodeWithSelector(IScrip.NotRedeemer.selector, planId, caller, holder);
        } else {
            data = way == 3
                ? abi.encodeCall(IScrip.safeTransferFrom, (holder, caller, planId, amount, ""))
                : abi.encodeCall(IScrip.setApprovalForAll, (caller, true));
            refusal = abi.encodeWithSelector(IScrip.Soulbound.selector);
        }
        attempt("steal", caller, 0, data, refusal);
    }

    /// @dev Credits out of nothing.
    function forge(uint256 planSeed, uint256 callerSeed, uint256 holderSeed, uint256 amount, uint256 way)
        external
        logged
    {
        uint256 planId = aPlan(planSeed);
        address caller = anAccount(callerSeed);
        if (STORE.mayMint(planId, caller)) return;
        uint64 credits = uint64(bound(amount, 1, type(uint64).max));
        bytes memory data = way % 2 == 0
            ? abi.encodeCall(IScrip.mintExpirable, (planId, aHolder(holderSeed), credits, 1 days))
            : abi.encodeCall(IScrip.mint, (planId, aHolder(holderSeed), credits));
        attempt("forge", caller, 0, data, abi.encodeWithSelector(IScrip.NotMinter.selector, planId, caller));
    }

    /// @dev A plan that belongs to another, or the fee.
    function usurp(uint256 planSeed, uint256 callerSeed, uint256 way) external logged {
        uint256 planId = aPlan(planSeed);
        address caller = anAccount(callerSeed);
        address owner = STORE.ownerOf(planId);
        if (caller == owner) return;
        way %= 5;
        bytes memory refusal = abi.encodeWithSelector(IScrip.NotPlanOwner.selector, planId, caller, owner);
        bytes memory data;
        if (way == 0) data = abi.encodeCall(IScrip.setOpen, (planId, false));
        if (way == 1) data = abi.encodeCall(IScrip.transferOwnership, (planId, caller));
        if (way == 2) data = abi.encodeCall(IScrip.setOperator, (planId, caller, MINT_AND_REDEEM));
        if (way == 3) {
            data = abi.encodeCall(IScrip.acceptOwnership, (planId));
            refusal = abi.encodeWithSelector(IScrip.NotPendingOwner.selector, planId, caller, address(0));
        }
        if (way == 4) {
            data = abi.encodeCall(IScrip.setFee, (caller, 100));
            refusal = abi.encodeWithSelector(IScrip.NotFeeController.selector, caller, CORE.fee().controller);
        }
        attempt("usurp", caller, 0, data, refusal);
    }

    /// @dev A request that was redeemed before, for any holder.
    function replay(uint256 planSeed, uint256 callerSeed, uint256 holderSeed, uint256 idSeed) external logged {
        uint256 planId = aPlan(planSeed);
        address caller = callerSeed % 2 == 0 ? STORE.ownerOf(planId) : aHolder(callerSeed >> 8);
        uint256 requestId = aRequestId(idSeed);
        if (STORE.redemptions(planId, caller, requestId) == 0) return;
        attempt(
            "replay",
            caller,
            0,
            abi.encodeCall(IScrip.redeem, (planId, aHolder(holderSeed), 1, requestId)),
            abi.encodeWithSelector(IScrip.RequestAlreadyRedeemed.selector, planId, caller, requestId)
        );
    }

    /// @dev Another price than the plan's: less than it allows, or coin beside it.
    function underpay(uint256 planSeed, uint256 holderSeed, uint256 value) external logged {
        uint256 planId = aPlan(planSeed);
        address holder = aHolder(holderSeed);
        IScrip.Price memory price = STORE.termsOf(planId).price;
        if (STORE.stopped(planId)) return;
        bool isNative = price.kind == IScrip.PriceKind.Fixed && price.token == address(0);
        if (price.amount != 0 && value % 2 == 0) {
            attempt(
                "underpay",
                holder,
                isNative ? price.amount : 0,
                abi.encodeCall(IScrip.order, (planId, holder, 1, price.amount - 1)),
                abi.encodeWithSelector(IScrip.PriceAboveMaximum.selector, planId, price.amount, price.amount - 1)
            );
            return;
        }
        uint256 needed = isNative ? price.amount : 0;
        value = bound(value, 0, 2 ether);
        if (value == needed) ++value;
        // Too much is seen last of all, when all else was found in order.
        bytes memory refusal = value > needed ? STORE.refusalOfOrder(planId, holder, holder, 1) : bytes("");
        if (refusal.length == 0) refusal = abi.encodeWithSelector(IScrip.WrongValue.selector, planId, value, needed);
        attempt("underpay", holder, value, abi.encodeCall(IScrip.order, (planId, holder, 1, price.amount)), refusal);
    }
}
