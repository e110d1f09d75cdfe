// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Book} from "./Book.sol";
import {Replica} from "./Replica.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Remembers what the handlers did and what must have come of it, and foretells what the core must refuse. It asks
/// the core nothing.
contract Store {
    uint8 internal constant MINT = 1;
    uint8 internal constant REDEEM = 2;

    struct Request {
        uint256 planId;
        address redeemer;
        uint256 requestId;
    }

    Book public immutable book = new Book();
    Replica public immutable replica = new Replica();

    uint256[] public plans;
    address[] public holders;
    /// @dev Who may come to own or operate a plan, and who tries to without leave.
    address[] public accounts;
    /// @dev Whose money can change.
    address[] public purses;

    mapping(uint256 planId => IScrip.Terms) internal _terms;
    mapping(uint256 planId => address) public ownerOf;
    mapping(uint256 planId => bool) public stopped;
    mapping(uint256 planId => uint256) public ordered;
    mapping(uint256 planId => mapping(address holder => uint256)) public ordersOf;
    mapping(uint256 planId => mapping(address operator => uint8)) public permissionsOf;

    address public feeReceiver;
    uint256 public feeRate;
    mapping(address token => mapping(address account => uint256)) public money;
    mapping(uint256 planId => mapping(address holder => uint256)) public minted;
    mapping(uint256 planId => mapping(address holder => uint256)) public spent;
    mapping(uint256 planId => mapping(address holder => uint256)) public burned;
    mapping(uint256 planId => mapping(address redeemer => mapping(uint256 requestId => uint256))) public redemptions;

    /// @dev Every request that someone tried to redeem.
    Request[] public requests;

    uint256 public acts;
    mapping(string act => uint256) public calls;
    mapping(string act => uint256) public successes;
    mapping(bytes4 error => uint256) public refusals;
    uint256 public refused;

    // ───────────────────────────────────────────── World ─────────────────────────────────────────────

    function addPlan(uint256 planId, address owner, IScrip.Terms memory terms) external {
        plans.push(planId);
        ownerOf[planId] = owner;
        IScrip.Terms storage kept = _terms[planId];
        (kept.name, kept.uri, kept.price, kept.grant) = (terms.name, terms.uri, terms.price, terms.grant);
        (kept.redemption, kept.revocable, kept.limits) = (terms.redemption, terms.revocable, terms.limits);
        kept.hook = terms.hook;
        for (uint256 i; i < terms.payees.length; ++i) {
            kept.payees.push(terms.payees[i]);
        }
    }

    function addHolder(address holder) external {
        holders.push(holder);
    }

    function addAccount(address account) external {
        accounts.push(account);
    }

    function addPurse(address account, address token, uint256 tokens, uint256 coin) external {
        purses.push(account);
        money[token][account] = tokens;
        money[address(0)][account] = coin;
    }

    function planCount() external view returns (uint256) {
        return plans.length;
    }

    function holderCount() external view returns (uint256) {
        return holders.length;
    }

    function accountCount() external view returns (uint256) {
        return accounts.length;
    }

    function purseCount() external view returns (uint256) {
        return purses.length;
    }

    function requestCount() external view returns (uint256) {
        return requests.length;
    }

    function termsOf(uint256 planId) external view returns (IScrip.Terms memory) {
        return _terms[planId];
    }

    function isAccess(uint256 planId) public view returns (bool) {
        return _terms[planId].grant.kind == IScrip.GrantKind.Time;
    }

    function begin() external {
        ++acts;
    }

    function count(string memory act, bytes memory refusal) external {
        ++calls[act];
        if (refusal.length == 0) {
            ++successes[act];
        } else {
            ++refused;
            ++refusals[bytes4(refusal)];
        }
    }

    // ──────────────────────────────────────────── Changes ────────────────────────────────────────────

    function order(uint256 planId, address payer, address holder, uint256 quantity) external returns (uint256 expiry) {
        IScrip.Terms memory terms = _terms[planId];
        if (terms.limits.perHolder != 0) ordersOf[planId][holder] += quantity;
        if (terms.limits.inAll != 0) ordered[planId] += quantity;
        _pay(terms, payer, quantity);
        if (isAccess(planId)) return book.extend(planId, holder, terms.grant.duration * quantity);
        expiry = terms.grant.duration == 0 ? 0 : gridOf(terms.grant.duration);
        uint256 credits = terms.grant.credits * quantity;
        book.add(planId, holder, credits, expiry);
        minted[planId][holder] += credits;
    }

    function mint(uint256 planId, address holder, uint256 amount, uint256 expiry) external {
        if (isAccess(planId)) {
            book.extend(planId, holder, _terms[planId].grant.duration * amount);
        } else {
            book.add(planId, holder, amount, expiry);
            minted[planId][holder] += amount;
        }
    }

    function burn(uint256 planId, address holder, uint256 amount) external {
        if (isAccess(planId)) {
            book.cut(planId, holder, _terms[planId].grant.duration * amount);
        } else {
            book.take(planId, holder, amount);
            burned[planId][holder] += amount;
        }
    }

    function redeem(uint256 planId, address holder, uint256 amount) public {
        if (isAccess(planId)) return;
        book.take(planId, holder, amount);
        spent[planId][holder] += amount;
    }

    function redeem(uint256 planId, address holder, uint256 amount, address redeemer, uint256 requestId) external {
        redeem(planId, holder, amount);
        ++redemptions[planId][redeemer][requestId];
    }

    function note(uint256 planId, address redeemer, uint256 requestId) external {
        requests.push(Request({planId: planId, redeemer: redeemer, requestId: requestId}));
    }

    function setFeeReceiver(address receiver) external {
        feeReceiver = receiver;
    }

    function setFeeRate(uint256 rate) external {
        feeRate = rate;
    }

    function setStopped(uint256 planId, bool isStopped) external {
        stopped[planId] = isStopped;
    }

    function setPermissions(uint256 planId, address operator, uint8 permissions) external {
        permissionsOf[planId][operator] = permissions;
    }

    function handOver(uint256 planId, address newOwner) external {
        ownerOf[planId] = newOwner;
        for (uint256 i; i < accounts.length; ++i) {
            delete permissionsOf[planId][accounts[i]];
        }
    }

    /// @dev The fee is rounded down. Of the rest each payee but the last gets its share rounded down, and the last what is left.
    function _pay(IScrip.Terms memory terms, address payer, uint256 quantity) internal {
        if (terms.price.kind == IScrip.PriceKind.Free) return;
        mapping(address account => uint256) storage purse = money[terms.price.token];
        uint256 price = terms.price.amount * quantity;
        purse[payer] -= price;
        uint256 fee = price * feeRate / 10_000;
        purse[feeReceiver] += fee;
        price -= fee;
        uint256 given;
        for (uint256 i = 0; i + 1 < terms.payees.length; ++i) {
            uint256 share = price * terms.payees[i].share / 10_000;
            purse[terms.payees[i].account] += share;
            given += share;
        }
        purse[terms.payees[terms.payees.length - 1].account] += price - given;
    }

    /// @dev The first second, no earlier than a lifetime from now, that a 64th of the lifetime divides.
    function gridOf(uint256 lifetime) public view returns (uint256 expiry) {
        uint256 step = lifetime % 64 == 0 ? lifetime / 64 : lifetime / 64 + 1;
        expiry = block.timestamp + lifetime;
        uint256 beyond = expiry % step;
        if (beyond != 0) expiry += step - beyond;
    }

    // ─────────────────────────────────────────── Foretelling ─────────────────────────────────────────
    // Each of these gives the error that the core must answer with, or nothing.

    function mayMint(uint256 planId, address caller) public view returns (bool) {
        return caller == ownerOf[planId] || permissionsOf[planId][caller] & MINT != 0;
    }

    function mayRedeem(uint256 planId, address caller, address holder) public view returns (bool) {
        uint8 redeemers = _terms[planId].redemption.redeemers;
        if (redeemers & 1 != 0 && caller == ownerOf[planId]) return true;
        if (redeemers & 2 != 0 && caller == holder) return true;
        return redeemers & 4 != 0 && permissionsOf[planId][caller] & REDEEM != 0;
    }

    function mayBurn(uint256 planId, address caller, address holder) public view returns (bool) {
        return caller == holder || _terms[planId].revocable && caller == ownerOf[planId];
    }

    /// @dev What there is to burn: credits, or periods of access begun.
    function availableOf(uint256 planId, address holder) public view returns (uint256) {
        if (!isAccess(planId)) return book.balanceOf(planId, holder);
        uint256 end = book.endOf(planId, holder);
        uint256 duration = _terms[planId].grant.duration;
        return end > block.timestamp ? (end - block.timestamp + duration - 1) / duration : 0;
    }

    function refusalOfOrder(uint256 planId, address payer, address holder, uint256 quantity)
        external
        view
        returns (bytes memory)
    {
        if (stopped[planId]) return abi.encodeWithSelector(IScrip.OrdersStopped.selector, planId);
        IScrip.Limits memory limits = _terms[planId].limits;
        bool personal = _terms[planId].grant.duration != 0 || limits.perHolder != 0 || limits.inAll != 0;
        if (personal && payer != holder && !mayMint(planId, payer)) {
            return abi.encodeWithSelector(IScrip.GiftNotAllowed.selector, planId, payer, holder);
        }
        uint256 remaining = limits.perHolder - ordersOf[planId][holder];
        if (limits.perHolder != 0 && quantity > remaining) {
            return abi.encodeWithSelector(IScrip.HolderLimitReached.selector, planId, holder, quantity, remaining);
        }
        remaining = limits.inAll - ordered[planId];
        if (limits.inAll != 0 && quantity > remaining) {
            return abi.encodeWithSelector(IScrip.PlanLimitReached.selector, planId, quantity, remaining);
        }
        return "";
    }

    function refusalOfMint(uint256 planId, address caller) public view returns (bytes memory) {
        if (mayMint(planId, caller)) return "";
        return abi.encodeWithSelector(IScrip.NotMinter.selector, planId, caller);
    }

    function refusalOfMintExpirable(uint256 planId, address caller, address holder, uint256 expiry)
        external
        view
        returns (bytes memory refusal)
    {
        refusal = refusalOfMint(planId, caller);
        if (refusal.length != 0) return refusal;
        if (isAccess(planId)) return abi.encodeWithSelector(IScrip.NoLotsOnTimePlan.selector, planId);
        (uint256 lots, bool joins) = book.expiringLotsOf(planId, holder, expiry);
        if (joins || lots < 96) return "";
        return abi.encodeWithSelector(IScrip.TooManyLots.selector, planId, holder, lots, 96);
    }

    function refusalOfBurn(uint256 planId, address caller, address holder, uint256 amount)
        external
        view
        returns (bytes memory)
    {
        if (!mayBurn(planId, caller, holder)) {
            return abi.encodeWithSelector(IScrip.NotBurner.selector, planId, caller, holder);
        }
        uint256 available = availableOf(planId, holder);
        if (amount <= available) return "";
        return abi.encodeWithSelector(IScrip.InsufficientCredits.selector, planId, holder, amount, available);
    }

    function refusalOfRedemption(uint256 planId, address caller, address holder, uint256 amount)
        public
        view
        returns (bytes memory)
    {
        if (!mayRedeem(planId, caller, holder)) {
            return abi.encodeWithSelector(IScrip.NotRedeemer.selector, planId, caller, holder);
        }
        IScrip.Redemption memory range = _terms[planId].redemption;
        if (amount < range.minimum || amount > range.maximum) {
            return
                abi.encodeWithSelector(IScrip.AmountOutOfRange.selector, planId, amount, range.minimum, range.maximum);
        }
        uint256 available = availableOf(planId, holder);
        if (isAccess(planId)) {
            if (available != 0) return "";
            return abi.encodeWithSelector(IScrip.NoAccess.selector, planId, holder, book.endOf(planId, holder));
        }
        if (amount <= available) return "";
        return abi.encodeWithSelector(IScrip.InsufficientCredits.selector, planId, holder, amount, available);
    }

    function refusalOfRedemption(uint256 planId, address caller, address holder, uint256 amount, uint256 requestId)
        external
        view
        returns (bytes memory)
    {
        if (redemptions[planId][caller][requestId] == 0) return refusalOfRedemption(planId, caller, holder, amount);
        return abi.encodeWithSelector(IScrip.RequestAlreadyRedeemed.selector, planId, caller, requestId);
    }
}
