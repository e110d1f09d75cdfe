// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Account, Front, Lots} from "scrip/libraries/Lots.sol";

/// @notice One account, and the library's functions on it, each as a call that reverts where its user's call must.
contract LotsHarness {
    using Lots for Account;

    error Missing(uint64 missing);
    error NotAdded(uint256 lots);

    Account internal _account;

    /// @param start The place of the ring to start from.
    /// @param orders A number beside the lots, which they must leave alone.
    constructor(uint8 start, uint32 orders) {
        Front memory empty;
        (empty.head, empty.orders) = (start, orders);
        _account.store(empty);
    }

    function addLasting(uint256 amount) external {
        _account.addLasting(amount);
    }

    function put(uint64 amount, uint40 expiry, uint256 time, uint256 maxLots) external returns (uint256, uint256) {
        (uint256 expired, uint256 lots, bool added) = _account.put(amount, expiry, time, maxLots);
        if (!added) revert NotAdded(lots);
        return (expired, lots);
    }

    function take(uint64 amount, uint256 time) external returns (uint256) {
        (uint256 expired, uint64 missing) = _account.take(amount, time);
        if (missing != 0) revert Missing(missing);
        return expired;
    }

    function takeFrom(uint64 wanted, uint40 expiry, uint256 time) external returns (uint256 expired, uint64 taken) {
        return _account.takeFrom(wanted, expiry, time);
    }

    function count() external view returns (uint256) {
        return _account.count();
    }

    function balanceAt(uint256 time) external view returns (uint256) {
        return _account.balanceAt(time);
    }

    function lotAt(uint256 place) external view returns (uint64, uint40) {
        return _account.lotAt(place);
    }

    function front() external view returns (Front memory) {
        return _account.load();
    }

    function storeAndLoad(Front memory given) external returns (Front memory) {
        _account.store(given);
        return _account.load();
    }

    function gridExpiry(uint256 lifetime, uint256 time) external pure returns (uint256) {
        return Lots.gridExpiry(lifetime, time);
    }

    function fit(uint256 credits) external pure returns (uint64) {
        return Lots.fit(credits);
    }
}
