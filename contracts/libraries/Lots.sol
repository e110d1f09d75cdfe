// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "../interfaces/IScrip.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @notice What one holder has of one plan.
///
/// The front holds nearly everything. Lots beyond the first wait in a ring, two to a word, in the order of their expiries,
/// so that
/// - spending from the first lot writes one word, and going on to the next reads half a word and writes nothing more;
/// - what has expired is always at the front, and what is live at the back: a balance, read from the back, never meets
///   more than one dead lot.
/// Ring places that were left are not cleaned: writing over them later is cheaper than cleaning.
/// @param front The `Front`, packed in the order of its fields from the lowest bit.
/// @param ring The waiting lots, at places `head`, `head + 1` … modulo 256.
struct Account {
    uint256 front;
    uint128[256] ring;
}

/// @notice The first word of an account, unpacked: in words, which are cheaper to work with than the types that they fit.
/// On a time plan only `expiry` is used: it is the end of the access.
/// @param lasting Credits that never expire; 64 bits.
/// @param amount The credits of the first lot; 0 when there is none, and then the ring is empty too; 64 bits.
/// @param expiry The first lot's expiry, unix seconds, exclusive; 40 bits.
/// @param head The ring place of the second lot; 8 bits.
/// @param waiting How many lots the ring holds; 8 bits.
/// @param orders The orders counted for the holder, where the plan limits them; 32 bits.
struct Front {
    uint256 lasting;
    uint256 amount;
    uint256 expiry;
    uint256 head;
    uint256 waiting;
    uint256 orders;
}

/// @notice The lots of an account: sorted by expiry, no two with the same, none empty.
library Lots {
    /// @dev A holder's orders of one plan make at most 65 live lots (see `gridExpiry`). Mints may add lots of other expiries
    /// while there are fewer than this. Together at most 161, of which 160 wait, so the ring of 256 cannot overflow.
    uint256 internal constant MAX_LOTS_FOR_MINT = 96;

    /// @dev Where the amount of a waiting lot begins, after its expiry.
    uint256 private constant LOT_AMOUNT_AT = 40;

    /// @dev How many lots can wait, and the number at which places begin anew.
    uint256 private constant PLACES = 256;

    /// @dev Where the fields of the first word begin, after `lasting`.
    uint256 private constant AMOUNT_AT = 64;
    uint256 private constant EXPIRY_AT = 128;
    uint256 private constant HEAD_AT = 168;
    uint256 private constant WAITING_AT = 176;
    uint256 private constant ORDERS_AT = 184;

    /// @dev Into how many parts a lifetime is divided, to round the expiries of orders to.
    uint256 internal constant GRID = 64;

    /// @dev When credits that are ordered now expire: `lifetime` seconds from now, rounded up to a multiple of a 64th of the
    /// lifetime. At most 65 such multiples lie ahead at any time, so that is how many live lots orders can make.
    function gridExpiry(uint256 lifetime, uint256 time) internal pure returns (uint256) {
        uint256 step = (lifetime + GRID - 1) / GRID;
        return (time + lifetime + step - 1) / step * step;
    }

    /// @dev The first word, read once.
    function load(Account storage account) internal view returns (Front memory front) {
        uint256 word = account.front;
        // Each cast drops exactly the fields above.
        // forge-lint: disable-start(unsafe-typecast)
        front.lasting = uint64(word);
        front.amount = uint64(word >> AMOUNT_AT);
        front.expiry = uint40(word >> EXPIRY_AT);
        front.head = uint8(word >> HEAD_AT);
        front.waiting = uint8(word >> WAITING_AT);
        front.orders = uint32(word >> ORDERS_AT);
        // forge-lint: disable-end(unsafe-typecast)
    }

    /// @dev The first word, written once. Whoever changes a field sees to it that it fits.
    function store(Account storage account, Front memory front) internal {
        account.front = front.lasting | front.amount << AMOUNT_AT | front.expiry << EXPIRY_AT | front.head << HEAD_AT
            | front.waiting << WAITING_AT | front.orders << ORDERS_AT;
    }

    /// @dev Adds credits that never expire; of the first word, this needs no more.
    function addLasting(Account storage account, uint256 amount) internal {
        uint256 word = account.front;
        // The cast drops exactly the fields above.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint64 lasting = uint64(word);
        account.front = (word ^ lasting) | fit(lasting + amount);
    }

    /// @dev Drops every lot that has expired, then adds one.
    /// @param maxLots With how many lots or more none of a new expiry is added, but an equal expiry still joined.
    /// @return expired The credits in the lots that were dropped.
    /// @return lots How many lots were left.
    /// @return added Whether the lot was added; if not the call must revert.
    function put(Account storage account, uint256 amount, uint256 expiry, uint256 time, uint256 maxLots)
        internal
        returns (uint256 expired, uint256 lots, bool added)
    {
        Front memory front = load(account);
        expired = _dropExpired(account, front, time);
        lots = _count(front);
        added = _put(account, front, amount, expiry, lots < maxLots);
        store(account, front);
    }

    /// @dev Drops every lot that has expired, then takes credits, the earliest expiry first, those that never expire last.
    /// @return expired The credits in the lots that were dropped.
    /// @return missing What it was short of; if not 0 the call must revert.
    function take(Account storage account, uint256 wanted, uint256 time)
        internal
        returns (uint256 expired, uint256 missing)
    {
        if (_takeFromFront(account, wanted, time)) return (0, 0);

        Front memory front = load(account);
        expired = _dropExpired(account, front, time);
        while (front.amount != 0 && front.amount <= wanted) {
            wanted -= front.amount;
            _next(account, front);
        }
        if (front.amount != 0) {
            front.amount -= wanted;
        } else if (wanted != 0) {
            if (wanted > front.lasting) return (expired, wanted - front.lasting);
            front.lasting -= wanted;
        }
        store(account, front);
    }

    /// @dev Takes credits if the first lot outlasts it, or there are no lots: nearly always, and by the first word alone.
    function _takeFromFront(Account storage account, uint256 wanted, uint256 time) private returns (bool) {
        uint256 word = account.front;
        // Each cast drops exactly the fields above.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint256 amount = uint64(word >> AMOUNT_AT);
        if (amount == 0) {
            // forge-lint: disable-next-line(unsafe-typecast)
            if (wanted > uint64(word)) return false;
            account.front = word - wanted;
            return true;
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        if (wanted >= amount || uint40(word >> EXPIRY_AT) <= time) return false;
        account.front = word - (wanted << AMOUNT_AT);
        return true;
    }

    /// @dev Drops every lot that has expired, then takes as much as is left of the credits with a certain expiry, 0 for those
    /// that never expire.
    /// @return expired The credits in the lots that were dropped.
    /// @return taken How much was taken, at most `wanted`.
    function takeFrom(Account storage account, uint256 wanted, uint256 expiry, uint256 time)
        internal
        returns (uint256 expired, uint256 taken)
    {
        Front memory front = load(account);
        expired = _dropExpired(account, front, time);
        if (expiry == 0) {
            taken = FixedPointMathLib.min(wanted, front.lasting);
            front.lasting -= taken;
        } else if (front.amount != 0 && front.expiry == expiry) {
            taken = FixedPointMathLib.min(wanted, front.amount);
            front.amount -= taken;
            if (front.amount == 0) _next(account, front);
        } else {
            taken = _takeBehind(account, front, wanted, expiry);
        }
        store(account, front);
    }

    /// @dev How many lots there are, expired ones included, apart from the credits that never expire.
    function count(Account storage account) internal view returns (uint256) {
        return _count(load(account));
    }

    /// @dev What can be spent at a time, which is now or later.
    function balanceAt(Account storage account, uint256 time) internal view returns (uint256 balance) {
        Front memory front = load(account);
        balance = front.lasting;
        for (uint256 i = front.waiting; i > 0; --i) {
            (uint256 amount, uint256 expiry) = _unpack(account.ring[_place(front.head, i - 1)]);
            if (expiry <= time) return balance;
            balance += amount;
        }
        if (front.expiry > time) balance += front.amount;
    }

    /// @dev The lot at a place in the order of spending, 0 being the front.
    function lotAt(Account storage account, uint256 place) internal view returns (uint256 amount, uint256 expiry) {
        Front memory front = load(account);
        if (place == 0) return (front.amount, front.expiry);
        return _unpack(account.ring[_place(front.head, place - 1)]);
    }

    /// @dev Credits as an account holds them, if they fit.
    function fit(uint256 credits) internal pure returns (uint64) {
        if (credits > type(uint64).max) revert IScrip.CreditsOverflow(credits, type(uint64).max);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(credits);
    }

    function _count(Front memory front) private pure returns (uint256) {
        return front.amount == 0 ? 0 : 1 + uint256(front.waiting);
    }

    /// @dev Adds a lot, if it may make one of a new expiry or there is one of that expiry.
    function _put(Account storage account, Front memory front, uint256 amount, uint256 expiry, bool mayAdd)
        private
        returns (bool)
    {
        if (front.amount == 0) {
            (front.amount, front.expiry) = (amount, expiry);
            return true;
        }
        if (expiry == front.expiry) {
            front.amount = fit(uint256(front.amount) + amount);
            return true;
        }
        if (expiry > front.expiry) return _putBehind(account, front, amount, expiry, mayAdd);
        if (!mayAdd) return false;

        // The former first lot waits before all others.
        front.head = _place(front.head, PLACES - 1);
        account.ring[front.head] = _pack(front.amount, front.expiry);
        ++front.waiting;
        (front.amount, front.expiry) = (amount, expiry);
        return true;
    }

    /// @dev Adds a lot that expires after the first one.
    function _putBehind(Account storage account, Front memory front, uint256 amount, uint256 expiry, bool mayAdd)
        private
        returns (bool)
    {
        // Orders come with growing expiries, so the place is nearly always at the back.
        uint256 place = front.waiting;
        for (; place > 0; --place) {
            uint256 index = _place(front.head, place - 1);
            (uint256 lotAmount, uint256 lotExpiry) = _unpack(account.ring[index]);
            if (lotExpiry < expiry) break;
            if (lotExpiry == expiry) {
                account.ring[index] = _pack(fit(uint256(lotAmount) + amount), expiry);
                return true;
            }
        }
        if (!mayAdd) return false;

        for (uint256 i = front.waiting; i > place; --i) {
            account.ring[_place(front.head, i)] = account.ring[_place(front.head, i - 1)];
        }
        account.ring[_place(front.head, place)] = _pack(amount, expiry);
        ++front.waiting;
        return true;
    }

    /// @dev Takes from the waiting lot with this expiry, if there is one; one that becomes empty is closed over.
    function _takeBehind(Account storage account, Front memory front, uint256 wanted, uint256 expiry)
        private
        returns (uint256 taken)
    {
        for (uint256 i; i < front.waiting; ++i) {
            uint256 index = _place(front.head, i);
            (uint256 lotAmount, uint256 lotExpiry) = _unpack(account.ring[index]);
            if (lotExpiry != expiry) continue;
            taken = FixedPointMathLib.min(wanted, lotAmount);
            if (taken < lotAmount) {
                account.ring[index] = _pack(lotAmount - taken, expiry);
                return taken;
            }
            --front.waiting;
            for (; i < front.waiting; ++i) {
                account.ring[_place(front.head, i)] = account.ring[_place(front.head, i + 1)];
            }
        }
    }

    /// @dev Makes the next waiting lot the front.
    function _next(Account storage account, Front memory front) private view {
        if (front.waiting == 0) {
            (front.amount, front.expiry) = (0, 0);
            return;
        }
        (front.amount, front.expiry) = _unpack(account.ring[front.head]);
        front.head = _place(front.head, 1);
        --front.waiting;
    }

    function _dropExpired(Account storage account, Front memory front, uint256 time)
        private
        view
        returns (uint256 expired)
    {
        while (front.amount != 0 && front.expiry <= time) {
            expired += front.amount;
            _next(account, front);
        }
    }

    function _place(uint256 head, uint256 offset) private pure returns (uint256) {
        return (head + offset) % PLACES;
    }

    function _pack(uint256 amount, uint256 expiry) private pure returns (uint128) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(amount << LOT_AMOUNT_AT | expiry);
    }

    function _unpack(uint128 lot) private pure returns (uint256 amount, uint256 expiry) {
        // The cast drops exactly the other field.
        // forge-lint: disable-next-line(unsafe-typecast)
        return (lot >> LOT_AMOUNT_AT, uint40(lot));
    }
}
