// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPriceSource} from "scrip/interfaces/IPriceSource.sol";

/// @notice A price source that asks whatever it was told to, or refuses.
contract SettableSource is IPriceSource {
    error NotForSale(uint256 planId, address holder, uint32 quantity, bytes data);

    enum Mood {
        Answers,
        Refuses,
        AnswersShort
    }

    uint256 public price;
    Mood public mood;

    function set(uint256 price_, Mood mood_) external {
        (price, mood) = (price_, mood_);
    }

    function quote(uint256 planId, address holder, uint32 quantity, bytes calldata data)
        external
        view
        returns (uint256)
    {
        require(mood != Mood.Refuses, NotForSale(planId, holder, quantity, data));
        if (mood == Mood.AnswersShort) {
            assembly {
                return(0, 31)
            }
        }
        return price;
    }
}
