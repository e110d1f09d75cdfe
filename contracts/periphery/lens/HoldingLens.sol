// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {CoreRules} from "./CoreRules.sol";
import {ILens} from "../../interfaces/ILens.sol";
import {IScrip} from "../../interfaces/IScrip.sol";

/// @title What one has
abstract contract HoldingLens is CoreRules {
    /// @inheritdoc ILens
    function balanceAt(IScrip scrip, uint256 planId, address holder, uint256 time)
        external
        view
        returns (uint256 balance)
    {
        require(time >= block.timestamp, TimePassed(time, block.timestamp));
        // Either list is empty on plans of the other kind.
        if (scrip.accessEnd(planId, holder) > time) return 1;
        IScrip.Lot[] memory lots = scrip.lotsOf(planId, holder);
        for (uint256 i; i < lots.length; ++i) {
            if (lots[i].expiry == 0 || lots[i].expiry > time) balance += lots[i].amount;
        }
    }

    /// @inheritdoc ILens
    function balancesOf(IScrip scrip, Pair[] calldata pairs) external view returns (Holding[] memory holdings) {
        holdings = new Holding[](pairs.length);
        for (uint256 i; i < pairs.length; ++i) {
            (uint256 planId, address holder) = (pairs[i].planId, pairs[i].holder);
            try scrip.accessEnd(planId, holder) returns (uint40 end) {
                uint256 balance = scrip.balanceOf(holder, planId);
                holdings[i] = Holding({
                    planExists: true,
                    isSubscriber: balance != 0 || _canPayUses(scrip, planId, holder),
                    balance: balance,
                    accessEnd: end
                });
            } catch (bytes memory reason) {
                // Anything else than a plan that is not there must not be told as one.
                // forge-lint: disable-next-line(unsafe-typecast)
                require(bytes4(reason) == IScrip.PlanNotFound.selector, NoAnswer(address(scrip)));
            }
        }
    }

    /// @dev Whether a holder of a plan paid per use can pay the least redemption.
    function _canPayUses(IScrip scrip, uint256 planId, address holder) private view returns (bool) {
        IScrip.Terms memory terms = scrip.plan(planId).terms;
        if (terms.price.kind != IScrip.PriceKind.PerUse) return false;
        uint256 least = uint256(terms.price.amount) * terms.redemption.minimum;
        Purse memory purse = _purseOf(scrip, terms.price.token, holder);
        return purse.balance >= least && purse.allowance >= least;
    }
}
