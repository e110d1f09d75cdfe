// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {Random} from "../Random.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

contract CreatePlanTest is Base {
    using Random for Random.Source;

    function expectRefusal(IScrip.Terms memory terms, bytes memory refusal) internal {
        vm.prank(builder);
        vm.expectRevert(refusal);
        scrip.createPlan(terms, bytes32(0));
    }

    // ───────────────────────────────────────────── Names ─────────────────────────────────────────────

    function testFuzz_RevertGiven_ThePlanExists(uint256 seed, bytes32 salt) public {
        IScrip.Terms memory terms = Random.from(seed).terms(address(dollar));
        vm.startPrank(builder);
        uint256 planId = scrip.createPlan(terms, salt);

        vm.expectRevert(abi.encodeWithSelector(IScrip.PlanExists.selector, planId));
        scrip.createPlan(terms, salt);
    }

    function testFuzz_RevertWhen_TheNameIsLongerThan31Bytes(uint256 seed, uint256 length) public {
        length = bound(length, 32, 300);
        IScrip.Terms memory terms = premium();
        terms.name = Random.from(seed).text(length);

        expectRefusal(terms, abi.encodeWithSelector(IScrip.NameTooLong.selector, length, 31));
    }

    function testFuzz_WhenTheNameHasAtMost31Bytes(uint256 seed, uint256 length) public {
        IScrip.Terms memory terms = premium();
        terms.name = Random.from(seed).text(bound(length, 0, 31));

        assertEq(scrip.plan(create(terms)).terms.name, terms.name, "name");
    }

    function testFuzz_WhenTheUriIsOfAnyLength(uint256 seed, uint256 length) public {
        IScrip.Terms memory terms = premium();
        terms.uri = Random.from(seed).text(bound(length, 0, 1_000));

        uint256 planId = create(terms);

        assertEq(scrip.plan(planId).terms.uri, terms.uri, "uri of the terms");
        assertEq(scrip.uri(planId), terms.uri, "uri of the metadata");
    }

    // ───────────────────────────────────────────── Kinds ─────────────────────────────────────────────

    /// @dev Creates the premium plan with another word at a place, counted from the first of the terms.
    function createWithWord(uint256 place, uint256 word) internal returns (bool success, bytes memory answer) {
        bytes memory data = abi.encodeCall(IScrip.createPlan, (premium(), bytes32(0)));
        // The length of the data, the selector, the offset of the terms and the salt come before.
        uint256 offset = 32 + 4 + 64 + 32 * place;
        assembly {
            mstore(add(data, offset), word)
        }
        return address(scrip).call(data);
    }

    function testFuzz_RevertWhen_TheKindOfPriceIsUnknown(uint256 kind) public {
        (, bytes memory answer) = createWithWord(2, uint256(IScrip.PriceKind.Free));
        IScrip.Price memory price = premium().price;
        price.kind = IScrip.PriceKind.Free;
        bytes memory refusal = abi.encodeWithSelector(IScrip.InvalidPrice.selector, price);
        assertEq(answer, refusal, "this word is the price's kind");

        bool success;
        (success, answer) = createWithWord(2, bound(kind, 5, type(uint256).max));

        assertFalse(success, "created");
        assertEq(answer.length, 0, "length of the answer");
    }

    function testFuzz_RevertWhen_TheKindOfGrantIsUnknown(uint256 kind) public {
        (, bytes memory answer) = createWithWord(8, uint256(IScrip.GrantKind.Time));
        bytes memory refusal =
            abi.encodeWithSelector(IScrip.InvalidGrant.selector, IScrip.GrantKind.Time, CREDITS, uint32(0));
        assertEq(answer, refusal, "this word is the grant's kind");

        bool success;
        (success, answer) = createWithWord(8, bound(kind, 2, type(uint256).max));

        assertFalse(success, "created");
        assertEq(answer.length, 0, "length of the answer");
    }

    // ───────────────────────────────────────────── Prices ────────────────────────────────────────────

    function testFuzz_RevertWhen_ItsAmountIs0(bool isNative) public {
        IScrip.Terms memory terms = isNative ? native(0) : premium();
        terms.price.amount = 0;

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidPrice.selector, terms.price));
    }

    function testFuzz_RevertWhen_ItsTokenHasNoCode(address token) public {
        // Not the native coin, a precompile, or something that a test has put there.
        token = address(uint160(bound(uint160(token), 0x10_000, type(uint160).max)));
        if (token.code.length != 0) token = stranger;
        IScrip.Terms memory terms = premium();
        terms.price.token = token;

        expectRefusal(terms, abi.encodeWithSelector(IScrip.AccountWithoutCode.selector, token));
    }

    function testFuzz_RevertWhen_ItHasAnAmount(uint96 amount) public {
        IScrip.Terms memory terms = free();
        terms.price.amount = uint96(bound(amount, 1, type(uint96).max));

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidPrice.selector, terms.price));
    }

    function test_RevertWhen_ItNamesAToken() public {
        IScrip.Terms memory terms = free();
        terms.price.token = address(dollar);

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidPrice.selector, terms.price));
    }

    /// @dev A price of a kind that has a token, an amount, a currency or a source where the bits say so.
    function priceOf(IScrip.PriceKind kind, uint256 bits) internal view returns (IScrip.Price memory price) {
        price.kind = kind;
        if (bits & 1 != 0) price.token = address(dollar);
        if (bits & 2 != 0) price.amount = PRICE;
        if (bits & 4 != 0) price.currency = "USD";
        if (bits & 8 != 0) price.source = address(dollar);
    }

    /// @dev Terms that make sense with any price of a kind that makes sense.
    function pricedAs(IScrip.PriceKind kind) internal view returns (IScrip.Terms memory terms) {
        terms = kind == IScrip.PriceKind.Free || kind == IScrip.PriceKind.Fiat ? free() : premium();
        if (kind == IScrip.PriceKind.PerUse) {
            delete terms.grant;
            terms.redemption.voucherRequired = true;
        }
        uint8[5] memory least = [0, 2, 2 | 4, 8, 1 | 2];
        terms.price = priceOf(kind, least[uint256(kind)]);
    }

    function test_WhenThePriceHasAnyOfItsFields() public {
        // The only ones that make sense; a fixed or quoted one may be in a token or in the native coin.
        uint8[2][5] memory known = [[0, 0], [2, 1 | 2], [2 | 4, 2 | 4], [8, 1 | 8], [1 | 2, 1 | 2]];
        for (uint256 i; i < 5 * 16; ++i) {
            IScrip.PriceKind kind = IScrip.PriceKind(i / 16);
            uint256 bits = i % 16;
            IScrip.Terms memory terms = pricedAs(kind);
            terms.price = priceOf(kind, bits);
            if (bits == known[i / 16][0] || bits == known[i / 16][1]) {
                assertEq(abi.encode(scrip.plan(create(terms)).terms.price), abi.encode(terms.price), "price");
            } else {
                expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidPrice.selector, terms.price));
            }
        }
    }

    function test_RevertWhen_ItsSourceHasNoCode() public {
        IScrip.Terms memory terms = pricedAs(IScrip.PriceKind.Quoted);
        terms.price.source = stranger;

        expectRefusal(terms, abi.encodeWithSelector(IScrip.AccountWithoutCode.selector, stranger));
    }

    function expectPerUseRefused(IScrip.Terms memory terms) internal {
        bytes memory refusal = abi.encodeWithSelector(
            IScrip.InvalidPerUse.selector,
            terms.redemption.voucherRequired,
            terms.grant.credits,
            terms.grant.duration,
            terms.limits.perHolder,
            terms.limits.inAll
        );
        expectRefusal(terms, refusal);
    }

    function testFuzz_RevertWhen_ItRequiresNoVouchersGrantsSomethingOrLimitsOrders(uint256 way, uint32 value) public {
        way = bound(way, 0, 5);
        value = uint32(bound(value, 1, type(uint32).max));
        IScrip.Terms memory terms = pricedAs(IScrip.PriceKind.PerUse);
        if (way == 0) terms.redemption.voucherRequired = false;
        if (way == 1) terms.grant.credits = value;
        if (way == 2) terms.grant.duration = value;
        if (way == 3) terms.grant.kind = IScrip.GrantKind.Time;
        if (way == 4) terms.limits.perHolder = value;
        if (way == 5) terms.limits.inAll = value;

        expectPerUseRefused(terms);
    }

    function testFuzz_RevertWhen_ItHasPayeesOrTooManyOfThem(uint256 seed, uint8 kindSeed, uint256 count) public {
        IScrip.PriceKind kind = IScrip.PriceKind(kindSeed % 5);
        bool paid = kind != IScrip.PriceKind.Free && kind != IScrip.PriceKind.Fiat;
        count = bound(count, paid ? 9 : 1, 40);
        IScrip.Terms memory terms = pricedAs(kind);
        terms.payees = Random.from(seed).payees(payee, count);

        expectRefusal(
            terms, abi.encodeWithSelector(IScrip.InvalidPayeeCount.selector, count, paid ? 1 : 0, paid ? 8 : 0)
        );
    }

    // ───────────────────────────────────────────── Hooks ─────────────────────────────────────────────

    function testFuzz_RevertWhen_TheHookHasNoCallsOrUnknownOnes(uint8 calls) public {
        if (calls != 0) calls = uint8(bound(calls, 16, type(uint8).max));
        IScrip.Terms memory terms = premium();
        terms.hook = IScrip.Hook({account: address(dollar), calls: calls});

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidHook.selector, address(dollar), calls, 15));
    }

    function testFuzz_RevertWhen_ThereAreCallsAndNoHook(uint8 calls) public {
        IScrip.Terms memory terms = premium();
        terms.hook.calls = uint8(bound(calls, 1, type(uint8).max));

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidHook.selector, address(0), terms.hook.calls, 15));
    }

    function testFuzz_RevertWhen_TheHookHasNoCode(uint8 calls) public {
        IScrip.Terms memory terms = premium();
        terms.hook = IScrip.Hook({account: stranger, calls: uint8(bound(calls, 1, 15))});

        expectRefusal(terms, abi.encodeWithSelector(IScrip.AccountWithoutCode.selector, stranger));
    }

    // ───────────────────────────────────────────── Payees ────────────────────────────────────────────

    function test_RevertWhen_ItHasNoPayees() public {
        IScrip.Terms memory terms = premium();
        delete terms.payees;

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidPayeeCount.selector, 0, 1, 8));
    }

    function testFuzz_RevertWhen_ItHasMoreThan8Payees(uint256 seed, uint256 count) public {
        count = bound(count, 9, 40);
        IScrip.Terms memory terms = premium();
        terms.payees = Random.from(seed).payees(payee, count);

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidPayeeCount.selector, count, 1, 8));
    }

    function testFuzz_RevertWhen_ItHasPayees(uint256 seed, uint256 count) public {
        count = bound(count, 1, 9);
        IScrip.Terms memory terms = free();
        terms.payees = Random.from(seed).payees(payee, count);

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidPayeeCount.selector, count, 0, 0));
    }

    function testFuzz_RevertWhen_APayeeIsTheZeroAddress(uint256 seed, uint256 count, uint256 index) public {
        expectPayeeRefused(seed, count, index, address(0));
    }

    function testFuzz_RevertWhen_APayeeIsTheCore(uint256 seed, uint256 count, uint256 index) public {
        expectPayeeRefused(seed, count, index, address(scrip));
    }

    function expectPayeeRefused(uint256 seed, uint256 count, uint256 index, address account) internal {
        count = bound(count, 1, 8);
        index = bound(index, 0, count - 1);
        IScrip.Terms memory terms = premium();
        terms.payees = Random.from(seed).payees(payee, count);
        terms.payees[index].account = account;

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidPayee.selector, index, account));
    }

    function testFuzz_RevertWhen_TheSharesAreNotTheWhole(uint256 seed, uint256 count, uint256 index, uint16 share)
        public
    {
        count = bound(count, 1, 8);
        index = bound(index, 0, count - 1);
        IScrip.Terms memory terms = premium();
        terms.payees = Random.from(seed).payees(payee, count);
        uint256 others = 10_000 - terms.payees[index].share;
        if (share == terms.payees[index].share) ++share;
        if (share == 0) share = 10_001;
        terms.payees[index].share = share;

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidShares.selector, others + share, 10_000));
    }

    function testFuzz_RevertWhen_TheLastPayeeHasNoShare(uint256 seed, uint256 count) public {
        count = bound(count, 1, 8);
        IScrip.Terms memory terms = premium();
        terms.payees = Random.from(seed).payees(payee, count);
        terms.payees[0].share += terms.payees[count - 1].share;
        terms.payees[count - 1].share = 0;

        address last = terms.payees[count - 1].account;
        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidPayee.selector, count - 1, last));
    }

    function testFuzz_WhenItHas1To8Payees(uint256 seed, uint256 count) public {
        count = bound(count, 1, 8);
        IScrip.Terms memory terms = premium();
        terms.payees = Random.from(seed).payees(payee, count);
        terms.payees[count - 1].account = payee;

        IScrip.Payee[] memory payees = scrip.plan(create(terms)).terms.payees;

        assertEq(payees.length, count, "number of payees");
        for (uint256 i; i < count; ++i) {
            assertEq(payees[i].account, terms.payees[i].account, "account of a payee");
            assertEq(payees[i].share, terms.payees[i].share, "share of a payee");
        }
    }

    // ────────────────────────────────────── Grants and redemption ────────────────────────────────────

    function expectGrantRefused(IScrip.GrantKind kind, uint64 credits, uint32 duration) internal {
        IScrip.Terms memory terms = premium();
        terms.grant = IScrip.Grant({kind: kind, credits: credits, duration: duration});

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidGrant.selector, kind, credits, duration));
    }

    function testFuzz_RevertWhen_ACreditsPlanGrantsNoCredits(uint32 duration) public {
        expectGrantRefused(IScrip.GrantKind.Credits, 0, duration);
    }

    function testFuzz_RevertWhen_ATimePlanGrantsCredits(uint64 credits, uint32 duration) public {
        expectGrantRefused(IScrip.GrantKind.Time, uint64(bound(credits, 1, type(uint64).max)), duration);
    }

    function test_RevertWhen_ATimePlanGrantsNoSeconds() public {
        expectGrantRefused(IScrip.GrantKind.Time, 0, 0);
    }

    function expectRangeRefused(uint32 minimum, uint32 maximum) internal {
        IScrip.Terms memory terms = premium();
        terms.redemption.minimum = minimum;
        terms.redemption.maximum = maximum;

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidRedemptionRange.selector, minimum, maximum));
    }

    function testFuzz_RevertWhen_TheMinimumOfARedemptionIs0(uint32 maximum) public {
        expectRangeRefused(0, maximum);
    }

    function testFuzz_RevertWhen_TheMinimumOfARedemptionIsAboveItsMaximum(uint32 minimum, uint32 maximum) public {
        minimum = uint32(bound(minimum, 1, type(uint32).max));
        expectRangeRefused(minimum, uint32(bound(maximum, 0, minimum - 1)));
    }

    function test_RevertWhen_NobodyMayRedeem() public {
        IScrip.Terms memory terms = premium();
        terms.redemption.redeemers = 0;

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidRedeemers.selector, 0, 7));
    }

    function testFuzz_RevertWhen_TheRedeemersHaveAnUnknownBit(uint8 redeemers) public {
        IScrip.Terms memory terms = premium();
        terms.redemption.redeemers = uint8(bound(redeemers, 8, type(uint8).max));

        expectRefusal(terms, abi.encodeWithSelector(IScrip.InvalidRedeemers.selector, terms.redemption.redeemers, 7));
    }

    // ──────────────────────────────────────────── Creation ───────────────────────────────────────────

    function testFuzz_WhenTheyAreOfAnyKind(address creator, uint256 seed, bytes32 salt) public {
        creator = address(uint160(bound(uint160(creator), 1, type(uint160).max)));
        IScrip.Terms memory terms = Random.from(seed).terms(address(dollar));
        uint256 expected = uint256(keccak256(abi.encode(block.chainid, address(scrip), creator, salt, terms)));
        assertEq(scrip.computePlanId(creator, terms, salt), expected, "id beforehand");

        vm.expectEmit(address(scrip));
        emit IScrip.PlanCreated(expected, creator, salt, terms);
        vm.prank(creator);
        uint256 planId = scrip.createPlan(terms, salt);

        assertEq(planId, expected, "id");
        IScrip.Plan memory plan = scrip.plan(planId);
        assertEq(plan.owner, creator, "owner");
        assertEq(plan.pendingOwner, address(0), "pending owner");
        assertTrue(plan.open, "open");
        assertEq(plan.ordered, 0, "orders so far");
        assertEq(keccak256(abi.encode(plan.terms)), keccak256(abi.encode(terms)), "terms");
    }

    function testFuzz_WhenTheCreatorIsAnother(uint256 seed, address other) public view {
        IScrip.Terms memory terms = Random.from(seed).terms(address(dollar));
        if (other == builder) other = stranger;

        assertNotEq(scrip.computePlanId(builder, terms, 0), scrip.computePlanId(other, terms, 0), "id");
    }

    function testFuzz_WhenTheSaltIsAnother(uint256 seed, bytes32 one, bytes32 other) public {
        IScrip.Terms memory terms = Random.from(seed).terms(address(dollar));
        if (one == other) other = ~one;
        vm.startPrank(builder);

        assertNotEq(scrip.createPlan(terms, one), scrip.createPlan(terms, other), "id");
    }

    function testFuzz_WhenTheChainIsAnother(uint64 chain) public {
        chain = uint64(bound(chain, 1, type(uint64).max - 1));
        if (chain == block.chainid) ++chain;
        uint256 here = scrip.computePlanId(builder, premium(), 0);
        vm.chainId(chain);

        assertNotEq(scrip.computePlanId(builder, premium(), 0), here, "id");
    }

    function test_WhenTheCoreIsAnother() public {
        IScrip other = IScrip(deployCode("Scrip.sol:Scrip", abi.encode(feeController)));

        assertNotEq(other.computePlanId(builder, premium(), 0), scrip.computePlanId(builder, premium(), 0), "id");
    }

    function test_WhenAnyFieldIsAnother() public {
        uint256[] memory ids = new uint256[](26);
        for (uint256 field; field < ids.length; ++field) {
            ids[field] = create(withOther(field));
            for (uint256 i; i < field; ++i) {
                assertNotEq(ids[field], ids[i], "id");
            }
        }
    }

    /// @dev Terms that differ from the premium plan's in one field; in none at 0.
    function withOther(uint256 field) internal view returns (IScrip.Terms memory terms) {
        terms = premium();
        if (field == 1) terms.name = "Premium Plan ";
        if (field == 2) terms.uri = "";
        if (field == 3) terms = free();
        if (field == 4) terms.price.token = address(0);
        if (field == 5) ++terms.price.amount;
        if (field == 6) terms.payees[0].account = stranger;
        if (field == 7) terms.payees = Random.from(7).payees(payee, 2);
        if (field == 8) terms.payees = Random.from(8).payees(payee, 2);
        if (field == 9) terms.grant = IScrip.Grant({kind: IScrip.GrantKind.Time, credits: 0, duration: 1});
        if (field == 10) terms.grant.duration = 1;
        if (field == 11) ++terms.grant.credits;
        if (field == 12) ++terms.redemption.minimum;
        if (field == 13) ++terms.redemption.maximum;
        if (field == 14) terms.redemption.redeemers = 7;
        if (field == 15) terms.revocable = true;
        if (field == 16) terms.limits.perHolder = 1;
        if (field == 17) terms.limits.inAll = 1;
        if (field == 18) terms.redemption.voucherRequired = true;
        if (field == 19) terms.hook = IScrip.Hook({account: address(dollar), calls: 1});
        if (field == 20) terms.hook = IScrip.Hook({account: address(dollar), calls: 2});
        if (field == 21) terms.hook = IScrip.Hook({account: address(scrip), calls: 2});
        if (field == 22) terms = pricedAs(IScrip.PriceKind.Fiat);
        if (field == 23) {
            terms = pricedAs(IScrip.PriceKind.Fiat);
            terms.price.currency = "EUR";
        }
        if (field == 24) terms = pricedAs(IScrip.PriceKind.Quoted);
        if (field == 25) {
            terms = pricedAs(IScrip.PriceKind.Quoted);
            terms.price.source = address(scrip);
        }
    }
}
