// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Base} from "../Base.t.sol";
import {PlainToken} from "../mocks/PlainToken.sol";
import {SettableFeed} from "../mocks/SettableFeed.sol";
import {IDollarPrice} from "scrip/interfaces/IDollarPrice.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice A price in dollars, paid in a token whose worth changes.
contract DollarPriceTest is Base {
    uint32 internal constant MAX_AGE = 1 hours;
    uint96 internal constant TEN_DOLLARS = 10e6;

    SettableFeed internal feed = new SettableFeed(8);

    function make(SettableFeed feed_, address token, uint96 dollars) internal returns (IDollarPrice) {
        return IDollarPrice(deployCode("DollarPrice.sol:DollarPrice", abi.encode(feed_, token, dollars, MAX_AGE)));
    }

    function quote(IDollarPrice source, uint32 quantity) internal view returns (uint256) {
        return source.quote(0, subscriber, quantity, "");
    }

    // ──────────────────────────────────────────── Amounts ────────────────────────────────────────────

    function testFuzz_GivenDecimalsOfTokenAndFeedOfEverySize(
        uint8 tokenDecimals,
        uint8 feedDecimals,
        uint64 dollars,
        uint16 quantity,
        uint64 answer
    ) public {
        tokenDecimals = uint8(bound(tokenDecimals, 0, 18));
        feedDecimals = uint8(bound(feedDecimals, 0, 18));
        dollars = uint64(bound(dollars, 1, type(uint64).max));
        answer = uint64(bound(answer, 1, type(uint64).max));
        feed = new SettableFeed(feedDecimals);
        feed.set(int256(uint256(answer)), START);
        IDollarPrice source = make(feed, address(new PlainToken(tokenDecimals)), dollars);

        uint256 amount = quote(source, quantity);

        // What it is worth, and what it must be worth, both times 10 to the power of all decimals.
        uint256 needed = uint256(dollars) * quantity * 10 ** (tokenDecimals + feedDecimals);
        assertGe(amount * answer * 1e6, needed, "under the dollar price");
        if (amount != 0) assertLt((amount - 1) * answer * 1e6, needed, "more than it must be");
    }

    function test_GivenATokenOf6_8Or18DecimalsAtAKnownPrice() public {
        // 2,500 dollars a token: ten dollars are 0.004 of it.
        feed.set(2500e8, START);
        assertEq(quote(make(feed, address(new PlainToken(6)), TEN_DOLLARS), 1), 0.004e6, "6 decimals");
        assertEq(quote(make(feed, address(new PlainToken(8)), TEN_DOLLARS), 1), 0.004e8, "8 decimals");
        assertEq(quote(make(feed, address(new PlainToken(18)), TEN_DOLLARS), 1), 0.004e18, "18 decimals");
        assertEq(quote(make(feed, address(new PlainToken(18)), TEN_DOLLARS), 3), 0.012e18, "three orders");
        // 3 dollars a token: ten dollars are 3.333… of it, rounded up.
        feed.set(3e8, START);
        assertEq(quote(make(feed, address(new PlainToken(6)), TEN_DOLLARS), 1), 3_333_334, "rounded up");
    }

    function test_GivenTheNativeCoin() public {
        feed.set(2500e8, START);
        IDollarPrice source = make(feed, address(0), TEN_DOLLARS);
        assertEq(quote(source, 1), 0.004 ether, "price");
        assertEq(source.token(), address(0), "token");
        assertEq(address(source.feed()), address(feed), "feed");
        assertEq(source.dollars(), TEN_DOLLARS, "dollars");
        assertEq(source.maxAge(), MAX_AGE, "maximum age");
    }

    // ───────────────────────────────────────────── Feeds ─────────────────────────────────────────────

    function testFuzz_WhenTheAnswerIsAsOldAsItMayBe(uint32 age) public {
        feed.set(2500e8, START - bound(age, 0, MAX_AGE));
        assertEq(quote(make(feed, address(dollar), TEN_DOLLARS), 1), 0.004e6, "price");
    }

    function testFuzz_RevertWhen_TheAnswerIsASecondOlder(uint32 age) public {
        uint256 updatedAt = START - bound(age, MAX_AGE + 1, START);
        feed.set(2500e8, updatedAt);
        IDollarPrice source = make(feed, address(dollar), TEN_DOLLARS);
        vm.expectRevert(abi.encodeWithSelector(IDollarPrice.StaleAnswer.selector, feed, START, updatedAt + MAX_AGE));
        quote(source, 1);
    }

    /// @dev However old an answer may be.
    function test_RevertWhen_TheRoundIsNotComplete() public {
        feed.set(2500e8, 0);
        address source =
            deployCode("DollarPrice.sol:DollarPrice", abi.encode(feed, address(dollar), TEN_DOLLARS, type(uint32).max));
        vm.expectRevert(abi.encodeWithSelector(IDollarPrice.StaleAnswer.selector, feed, START, type(uint32).max));
        quote(IDollarPrice(source), 1);
    }

    function testFuzz_WhenTheAnswerIsOfTheFuture(uint32 ahead) public {
        feed.set(2500e8, START + ahead);
        assertEq(quote(make(feed, address(dollar), TEN_DOLLARS), 1), 0.004e6, "price");
    }

    function testFuzz_RevertWhen_TheAnswerIsZeroOrNegative(int256 answer) public {
        answer = bound(answer, type(int256).min, 0);
        feed.set(answer, START);
        IDollarPrice source = make(feed, address(dollar), TEN_DOLLARS);
        vm.expectRevert(abi.encodeWithSelector(IDollarPrice.AnswerNotPositive.selector, feed, answer));
        quote(source, 1);
    }

    // ──────────────────────────────────────────── Together ───────────────────────────────────────────

    function testFuzz_WhenAPlanIsOrdered(uint64 answer, uint8 quantity) public {
        answer = uint64(bound(answer, 1e6, type(uint64).max));
        quantity = uint8(bound(quantity, 1, 255));
        feed.set(int256(uint256(answer)), START);
        IDollarPrice source = make(feed, address(dollar), TEN_DOLLARS);
        IScrip.Terms memory terms = premium();
        terms.price = IScrip.Price(IScrip.PriceKind.Quoted, address(dollar), 0, 0, address(source));
        uint256 id = create(terms);
        uint256 price = quote(source, quantity);

        vm.prank(subscriber);
        scrip.order(id, subscriber, quantity, price);
        assertEq(dollar.balanceOf(payee), price, "paid");

        pass(MAX_AGE + 1);
        bytes memory reason =
            abi.encodeWithSelector(IDollarPrice.StaleAnswer.selector, feed, START + MAX_AGE + 1, START + MAX_AGE);
        vm.expectRevert(abi.encodeWithSelector(IScrip.QuoteFailed.selector, id, source, reason));
        vm.prank(subscriber);
        scrip.order(id, subscriber, quantity, type(uint256).max);
    }

    function testFuzz_RevertWhen_ItIsMadeOfNothing(uint96 dollars, uint32 maxAge) public {
        if (dollars != 0) maxAge = 0;
        bytes memory code =
            abi.encodePacked(vm.getCode("DollarPrice.sol:DollarPrice"), abi.encode(feed, dollar, dollars, maxAge));
        bytes memory refusal = abi.encodeWithSelector(IDollarPrice.InvalidDollarPrice.selector, dollars, maxAge);
        vm.expectRevert(refusal);
        assembly {
            pop(create(0, add(code, 32), mload(code)))
        }
    }
}
