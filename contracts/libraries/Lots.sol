// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "../interfaces/IScrip.sol";

/// @notice What one holder has of one plan.
///
/// The first word holds nearly everything: the credits that never expire, and the lot that expires first. Further lots wait
/// in a ring, two to a word, in the order of their expiries, so that
/// - spending from the first lot writes one word, and going on to the next reads half a word and writes nothing more;
/// - what has expired is always at the front, and what is live at the back: a balance, read from the back, never meets
///   more than one dead lot.
/// Ring places that were left are not cleaned: writing over them later is cheaper than cleaning.
///
/// On a time plan only `expiry` is used: it is the end of the holder's access.
/// @param lasting Credits that never expire.
/// @param amount The credits of the first lot; 0 when there is none, and then the ring is empty too.
/// @param expiry The first lot's expiry, unix seconds, exclusive.
/// @param head The ring place of the second lot.
/// @param waiting How many lots the ring holds.
/// @param orders The orders counted for the holder, where the plan limits orders.
/// @param ring The further lots, at places `head`, `head + 1` … modulo 256.
struct Account {
    uint64 lasting;
    uint64 amount;
    uint40 expiry;
    uint8 head;
    uint8 waiting;
    uint32 orders;
    uint128[256] ring;
}

/// @notice The lots of an account: sorted by expiry, no two with the same, none empty.
library Lots {
    /// @dev A holder's orders of one plan make at most 65 live lots (see `gridExpiry`). Mints may add lots of other expiries
    /// while there are fewer than this. Together less than 161, so the ring of 256 cannot overflow.
    uint256 internal constant MAX_LOTS_FOR_MINT = 96;

    /// @dev Into how many parts a lifetime is divided, to round the expiries of orders to.
    uint256 internal constant GRID = 64;

    /// @dev When credits that are ordered now expire: `lifetime` seconds from now, rounded up to a multiple of a 64th of the
    /// lifetime. At most 65 such multiples lie ahead at any time, so that is how many live lots orders can make.
    function gridExpiry(uint256 lifetime, uint256 time) internal pure returns (uint256) {
        uint256 step = (lifetime + GRID - 1) / GRID;
        return (time + lifetime + step - 1) / step * step;
    }

    /// @dev Adds a lot. The account must hold nothing expired.
    /// @param mayAdd Whether a lot of a new expiry may be made; else only an equal expiry is joined.
    /// @return Whether it was added.
    function put(Account storage account, uint64 amount, uint40 expiry, bool mayAdd) internal returns (bool) {
        if (account.amount == 0) {
            account.amount = amount;
            account.expiry = expiry;
            return true;
        }
        if (expiry == account.expiry) {
            account.amount = fit(uint256(account.amount) + amount);
            return true;
        }

        uint256 head = account.head;
        uint256 waiting = account.waiting;
        if (expiry < account.expiry) {
            if (!mayAdd) return false;
            // The new lot is the first; the former first one waits before all others.
            uint256 front = _place(head, 255);
            account.ring[front] = _pack(account.amount, account.expiry);
            _setRing(account, front, waiting + 1);
            account.amount = amount;
            account.expiry = expiry;
            return true;
        }

        // Orders come with growing expiries, so the place is nearly always at the back.
        uint256 place = waiting;
        for (; place > 0; --place) {
            uint256 index = _place(head, place - 1);
            (uint64 lotAmount, uint40 lotExpiry) = _unpack(account.ring[index]);
            if (lotExpiry < expiry) break;
            if (lotExpiry == expiry) {
                account.ring[index] = _pack(fit(uint256(lotAmount) + amount), expiry);
                return true;
            }
        }
        if (!mayAdd) return false;

        for (uint256 i = waiting; i > place; --i) {
            account.ring[_place(head, i)] = account.ring[_place(head, i - 1)];
        }
        account.ring[_place(head, place)] = _pack(amount, expiry);
        _setRing(account, head, waiting + 1);
        return true;
    }

    /// @dev Drops every lot that has expired.
    /// @return expired The credits in them.
    function dropExpired(Account storage account, uint256 time) internal returns (uint256 expired) {
        while (account.amount != 0 && account.expiry <= time) {
            expired += account.amount;
            _next(account);
        }
    }

    /// @dev Takes credits, the earliest expiry first, those that never expire last. The account must hold nothing expired.
    /// @return missing What it was short of; if not 0 the call must revert.
    function take(Account storage account, uint64 amount) internal returns (uint64 missing) {
        while (account.amount != 0) {
            if (amount < account.amount) {
                account.amount -= amount;
                return 0;
            }
            amount -= account.amount;
            _next(account);
            if (amount == 0) return 0;
        }
        if (amount > account.lasting) return amount - account.lasting;
        account.lasting -= amount;
    }

    /// @dev How many lots there are, expired ones included, apart from the credits that never expire.
    function count(Account storage account) internal view returns (uint256) {
        return account.amount == 0 ? 0 : 1 + uint256(account.waiting);
    }

    /// @dev What can be spent at a time, which is now or later.
    function balanceAt(Account storage account, uint256 time) internal view returns (uint256 balance) {
        balance = account.lasting;
        uint256 head = account.head;
        for (uint256 i = account.waiting; i > 0; --i) {
            (uint64 amount, uint40 expiry) = _unpack(account.ring[_place(head, i - 1)]);
            if (expiry <= time) return balance;
            balance += amount;
        }
        if (account.expiry > time) balance += account.amount;
    }

    /// @dev The lot at a place in the order of spending, 0 being the first.
    function lotAt(Account storage account, uint256 place) internal view returns (uint64 amount, uint40 expiry) {
        if (place == 0) return (account.amount, account.expiry);
        return _unpack(account.ring[_place(account.head, place - 1)]);
    }

    /// @dev Credits as an account holds them, if they fit.
    function fit(uint256 credits) internal pure returns (uint64) {
        require(credits <= type(uint64).max, IScrip.CreditsOverflow(credits, type(uint64).max));
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(credits);
    }

    /// @dev Makes the next waiting lot the first.
    function _next(Account storage account) private {
        uint256 waiting = account.waiting;
        if (waiting == 0) {
            account.amount = 0;
            account.expiry = 0;
            return;
        }
        uint256 head = account.head;
        (account.amount, account.expiry) = _unpack(account.ring[head]);
        _setRing(account, _place(head, 1), waiting - 1);
    }

    function _place(uint256 head, uint256 offset) private pure returns (uint256) {
        return (head + offset) % 256;
    }

    /// @dev Both fit a byte: `head` is a place, and `waiting` stays below 161 (see `MAX_LOTS_FOR_MINT`).
    function _setRing(Account storage account, uint256 head, uint256 waiting) private {
        // forge-lint: disable-next-line(unsafe-typecast)
        (account.head, account.waiting) = (uint8(head), uint8(waiting));
    }

    function _pack(uint64 amount, uint40 expiry) private pure returns (uint128) {
        return uint128(amount) << 40 | expiry;
    }

    function _unpack(uint128 lot) private pure returns (uint64 amount, uint40 expiry) {
        // Both casts drop exactly the other field.
        // forge-lint: disable-next-line(unsafe-typecast)
        return (uint64(lot >> 40), uint40(lot));
    }
}
