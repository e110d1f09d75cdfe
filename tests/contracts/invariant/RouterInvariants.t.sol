// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width.
// forge-lint: disable-start(unsafe-typecast)

import {RouterWorld} from "../RouterWorld.sol";
import {SettableSource} from "../mocks/SettableSource.sol";
import {IRouter} from "scrip/interfaces/IRouter.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Payers sign, relayers send, thieves try. What an act finds to be wrong is written down, since an act that reverts is
/// no failure of the campaign; each act sees what one call to the router did, whatever it was meant to do.
contract RouterInvariantsTest is RouterWorld {
    /// @dev An order as it was sent: the calldata says all.
    struct Sent {
        IRouter.Order order;
        bytes message;
    }

    SettableSource internal source = new SettableSource();
    uint256 internal quotedId;
    uint256 internal nativeId;
    address[3] internal people;
    uint256[3] internal keys;

    Sent[] internal sent;
    mapping(bytes32 hash => uint256) internal executed;
    mapping(uint256 planId => mapping(address holder => uint256)) internal granted;
    mapping(string act => mapping(bool done => uint256)) internal counts;
    uint256 internal nextNonce;
    string internal broken;

    function setUp() public override {
        super.setUp();
        IScrip.Terms memory terms = premium();
        terms.price = IScrip.Price(IScrip.PriceKind.Quoted, address(signed), 0, 0, address(source));
        quotedId = create(terms);
        terms.price.token = address(0);
        nativeId = create(terms);
        (people, keys) = ([payer, holder, thief], [payerKey, holderKey, thiefKey]);
        for (uint256 i; i < people.length; ++i) {
            enrich(people[i]);
            vm.deal(people[i], 1_000 ether);
            // What is left of permits: orders must be safe with it.
            vm.prank(people[i]);
            signed.approve(address(router), type(uint256).max);
        }

        bytes4[] memory acts = new bytes4[](6);
        acts[0] = this.order.selector;
        acts[1] = this.replay.selector;
        acts[2] = this.tamper.selector;
        acts[3] = this.steal.selector;
        acts[4] = this.give.selector;
        acts[5] = this.cancel.selector;
        targetSelector(FuzzSelector({addr: address(this), selectors: acts}));
        targetContract(address(this));
    }

    // ──────────────────────────────────────────── Sentences ──────────────────────────────────────────

    /// forge-config: default.invariant.runs = 32
    /// forge-config: default.invariant.depth = 64
    /// forge-config: default.invariant.fail-on-revert = false
    function invariant_TheRouterIsHonest() public view {
        assertNothingLeft();
        assertEq(broken, "", "what an act found");
        for (uint256 i; i < sent.length; ++i) {
            IRouter.Order memory one = sent[i].order;
            assertLe(executed[keccak256(sent[i].message)], 1, "An order executes at most once.");
            uint256 expected = granted[one.planId][one.holder];
            assertEq(balance(one.planId, one.holder), expected, "Credits go to the order's holder, and nowhere else.");
        }
        for (uint256 i; i < people.length; ++i) {
            assertEq(balance(accessId, people[i]), 0, "A gift that needs consent is not given without it.");
        }
    }

    /// @dev That the campaign is not idle: everything that can be done is done, and everything that is tried is refused.
    function test_WhenManyActsAreDone() public {
        for (uint256 i; i < 400; ++i) {
            uint256 a = uint256(keccak256(abi.encode(i)));
            (uint256 b, uint256 c) = (a >> 64, a >> 128);
            if (i % 6 == 0) this.order(a, b, c, a >> 8, b >> 8, c >> 8);
            if (i % 6 == 1) this.replay(a, b);
            if (i % 6 == 2) this.tamper(a, b, c);
            if (i % 6 == 3) this.steal(a, b, c);
            if (i % 6 == 4) this.give(a, b, c, a >> 8);
            if (i % 24 == 5) this.cancel(a, b);
        }
        invariant_TheRouterIsHonest();
        assertGt(counts["order"][true], 20, "orders done");
        assertGt(counts["order"][false], 5, "orders refused, for their price or for want of consent");
        assertGt(counts["give"][true], 10, "gifts done");
        assertGt(counts["give"][false], 5, "gifts refused");
        assertGt(counts["replay"][false], 20, "replays refused");
        assertGt(counts["tamper"][false], 20, "changed orders refused");
        assertGt(counts["steal"][false], 20, "others' signatures refused");
    }

    // ────────────────────────────────────────────── Acts ─────────────────────────────────────────────

    function order(uint256 path, uint256 who, uint256 whom, uint256 plan, uint256 price, uint256 maxPrice) external {
        IRouter.Order memory one = aRandomOrder(who, whom, plan, price, maxPrice);
        act("order", relayer, one, messageOf(aPath(path), keys[who % 3], one), 0, true);
    }

    function replay(uint256 which, uint256 who) external {
        if (sent.length == 0) return;
        Sent memory again = sent[which % sent.length];
        if (executed[keccak256(again.message)] == 0) return;
        address sender = people[who % 3];
        // A payer needs no signature to spend its allowance: that is another order.
        if (bytes4(again.message) == IRouter.orderWithPermit.selector && sender == again.order.payer) sender = relayer;
        act("replay", sender, again.order, again.message, 0, false);
    }

    function tamper(uint256 path, uint256 field, uint256 seed) external {
        IRouter.Order memory one = aRandomOrder(0, seed, seed >> 8, seed >> 16, seed >> 24);
        bytes memory signature = signFor(aPath(path), payerKey, one);
        field = bound(field, 0, FIELDS - 1);
        IRouter.Order memory other = one;
        // Another of the three rather than anyone.
        if (field == 1) other.holder = one.holder == thief ? holder : thief;
        else if (field == 5) other.payer = thief;
        else other = changed(one, field, bound(seed, 1, type(uint32).max));
        act("tamper", relayer, other, messageWith(aPath(path), other, signature), 0, false);
    }

    function steal(uint256 path, uint256 whom, uint256 seed) external {
        IRouter.Order memory one = aRandomOrder(seed % 2, whom, seed >> 8, seed >> 16, seed >> 24);
        bytes memory message = messageOf(aPath(path), thiefKey, one);
        if (seed % 5 == 0) message = abi.encodeCall(IRouter.orderWithConsent, (one, address(signed), ""));
        act("steal", thief, one, message, 0, false);
    }

    /// @dev A gift in coin or by the allowance, with the holder's consent or another's.
    function give(uint256 who, uint256 whom, uint256 price, uint256 value) external {
        IRouter.Order memory one = aRandomOrder(who, whom, 1, price, value >> 8);
        bool isNative = who % 2 == 0;
        one.planId = isNative ? nativeId : quotedId;
        bool consented = value % 4 != 0;
        bytes memory consent = sign(consented ? keys[whom % 3] : keys[(whom + 1) % 3], orderHash(one));
        bytes memory message =
            abi.encodeCall(IRouter.orderWithConsent, (one, isNative ? address(0) : address(signed), consent));
        act("give", one.payer, one, message, isNative ? bound(value, 0, one.maxPrice + 1) : 0, consented);
    }

    function cancel(uint256 who, uint256 mask) external {
        vm.prank(people[who % 3]);
        router.cancelNonces(nextNonce / 256, mask & (mask >> 32) & (mask >> 64));
    }

    // ──────────────────────────────────────────── Helpers ────────────────────────────────────────────

    function aRandomOrder(uint256 who, uint256 whom, uint256 plan, uint256 price, uint256 maxPrice)
        internal
        returns (IRouter.Order memory one)
    {
        source.set(bound(price, 0, 2 * uint256(PRICE)), SettableSource.Mood.Answers);
        uint256 planId = plan % 3 == 0 ? id : plan % 3 == 1 ? quotedId : accessId;
        one = anOrder(planId);
        (one.payer, one.holder) = (people[who % 3], people[whom % 3]);
        // Nobody has access, nor consents to it.
        if (planId == accessId && one.payer == one.holder) one.planId = id;
        one.maxPrice = bound(maxPrice, PRICE / 2, 3 * uint256(PRICE));
        one.nonce = ++nextNonce;
    }

    function messageOf(Path path, uint256 key, IRouter.Order memory one) internal view returns (bytes memory) {
        return messageWith(path, one, signFor(path, key, one));
    }

    function messageWith(Path path, IRouter.Order memory one, bytes memory signature)
        internal
        view
        returns (bytes memory)
    {
        address token = address(signed);
        if (path == Path.Authorization) {
            return abi.encodeCall(IRouter.orderWithAuthorization, (one, token, signature, ""));
        }
        if (path == Path.Permit2) return abi.encodeCall(IRouter.orderWithPermit2, (one, token, signature, ""));
        return abi.encodeCall(IRouter.orderWithPermit, (one, token, noPermit(), signature, ""));
    }

    function wealthOf(address account, uint256 planId) internal view returns (uint256) {
        return planId == nativeId ? account.balance : signed.balanceOf(account);
    }

    /// @dev Sends it, and looks at what became of it.
    function act(
        string memory name,
        address sender,
        IRouter.Order memory one,
        bytes memory message,
        uint256 value,
        bool allowed
    ) internal {
        uint256 wealth = wealthOf(one.payer, one.planId);
        uint256 sendersWealth = wealthOf(sender, one.planId);
        vm.prank(sender);
        (bool done,) = address(router).call{value: value}(message);
        ++counts[name][done];
        uint256 paid = wealth - wealthOf(one.payer, one.planId);

        if (done && !allowed) broken = string.concat("Nobody orders what the payer has not signed: ", name);
        if (paid > one.maxPrice) broken = string.concat("A payer never pays more than the maximum: ", name);
        if (!done && paid != 0) broken = string.concat("A refused order costs nothing: ", name);
        if (sender != one.payer && wealthOf(sender, one.planId) != sendersWealth) {
            broken = string.concat("A relayer neither pays nor gains: ", name);
        }
        if (!done) return;
        uint256 price = one.planId == id ? PRICE : source.price();
        if (paid != price) broken = string.concat("A payer pays exactly the price: ", name);
        granted[one.planId][one.holder] += CREDITS;
        ++executed[keccak256(message)];
        sent.push(Sent(one, message));
    }
}
