// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {IScrip} from "scrip/interfaces/IScrip.sol";
import {TestDollar} from "./mocks/TestDollar.sol";
import {Test} from "forge-std/Test.sol";

/// @notice What every test starts from: the core, a test dollar, named accounts, and terms to change one field of.
abstract contract Base is Test {
    uint8 internal constant MINT = 1;
    uint8 internal constant REDEEM = 2;
    uint8 internal constant SETTLE = 4;

    /// @dev 20 tUSD for 100 credits: the "Premium Plan" of the reference.
    uint96 internal constant PRICE = 20_000_000;
    uint64 internal constant CREDITS = 100;

    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant NO_PLAN = 404;

    address internal feeController = makeAddr("fee controller");

    // By their artifacts: with `new`, every test contract would compile the core again into its own code.
    IScrip internal scrip = IScrip(deployCode("Scrip.sol:Scrip", abi.encode(feeController)));
    TestDollar internal dollar = TestDollar(deployCode("TestDollar.sol:TestDollar"));

    address internal builder = makeAddr("builder");
    address internal subscriber = makeAddr("subscriber");
    address internal agent = makeAddr("agent");
    address internal minter = makeAddr("minter");
    address internal stranger = makeAddr("stranger");
    address internal payee = makeAddr("payee");

    function setUp() public virtual {
        vm.warp(START);
        fund(subscriber);
        fund(stranger);
    }

    /// @dev Gives an account both moneys, and the core its allowance.
    function fund(address account) internal {
        dollar.mint(account, 1_000_000e6);
        vm.deal(account, 1_000_000 ether);
        vm.prank(account);
        dollar.approve(address(scrip), type(uint256).max);
    }

    // ───────────────────────────────────────────── Terms ─────────────────────────────────────────────

    /// @dev Credits that never expire, for test dollars; owner and operators redeem 1 to 100 at a time.
    function premium() internal view returns (IScrip.Terms memory terms) {
        terms.name = "Premium Plan";
        terms.uri = "https://example.com/plans/premium-plan-meta.json";
        terms.price = fixedPrice(address(dollar), PRICE);
        terms.payees = onePayee(payee);
        terms.grant = IScrip.Grant({kind: IScrip.GrantKind.Credits, credits: CREDITS, duration: 0});
        terms.redemption = IScrip.Redemption({minimum: 1, maximum: 100, redeemers: 1 | 4, voucherRequired: false});
    }

    /// @dev The same, with credits that expire.
    function expiring(uint32 lifetime) internal view returns (IScrip.Terms memory terms) {
        terms = premium();
        terms.grant.duration = lifetime;
    }

    /// @dev The same, with access for a time.
    function access(uint32 duration) internal view returns (IScrip.Terms memory terms) {
        terms = premium();
        terms.grant = IScrip.Grant({kind: IScrip.GrantKind.Time, credits: 0, duration: duration});
    }

    /// @dev The same, for the native coin.
    function native(uint96 amount) internal view returns (IScrip.Terms memory terms) {
        terms = premium();
        terms.price = fixedPrice(address(0), amount);
    }

    /// @dev The same, for nothing.
    function free() internal view returns (IScrip.Terms memory terms) {
        terms = premium();
        delete terms.price;
        delete terms.payees;
    }

    function fixedPrice(address token, uint96 amount) internal pure returns (IScrip.Price memory) {
        return
            IScrip.Price({kind: IScrip.PriceKind.Fixed, token: token, amount: amount, currency: 0, source: address(0)});
    }

    function onePayee(address account) internal pure returns (IScrip.Payee[] memory payees) {
        payees = new IScrip.Payee[](1);
        payees[0] = IScrip.Payee({account: account, share: 10_000});
    }

    // ──────────────────────────────────────────── Actions ────────────────────────────────────────────

    /// @dev The builder creates a plan.
    function create(IScrip.Terms memory terms) internal returns (uint256 planId) {
        vm.prank(builder);
        return scrip.createPlan(terms, bytes32(0));
    }

    /// @dev A holder orders for itself, whatever the plan costs.
    function orderFor(uint256 planId, address holder) internal returns (uint64 credits, uint40 expiry) {
        IScrip.Price memory price = scrip.plan(planId).terms.price;
        uint256 value = price.token == address(0) ? price.amount : 0;
        vm.prank(holder);
        return scrip.order{value: value}(planId, holder, 1, price.amount);
    }

    /// @dev The builder lets the minter mint and the agent redeem.
    function nameOperators(uint256 planId) internal {
        vm.startPrank(builder);
        scrip.setOperator(planId, minter, MINT);
        scrip.setOperator(planId, agent, REDEEM);
        vm.stopPrank();
    }

    /// @dev The builder hands a plan over.
    function handOver(uint256 planId, address newOwner) internal {
        vm.prank(builder);
        scrip.transferOwnership(planId, newOwner);
        vm.prank(newOwner);
        scrip.acceptOwnership(planId);
    }

    /// @dev The builder gives credits that never expire, or periods of access.
    function give(uint256 planId, address holder, uint64 amount) internal {
        vm.prank(builder);
        scrip.mint(planId, holder, amount);
    }

    /// @dev The builder gives credits that expire.
    function lend(uint256 planId, address holder, uint64 amount, uint32 duration) internal returns (uint40 expiry) {
        vm.prank(builder);
        return scrip.mintExpirable(planId, holder, amount, duration);
    }

    /// @dev The clock goes on.
    function pass(uint256 time) internal {
        vm.warp(vm.getBlockTimestamp() + time);
    }

    // ──────────────────────────────────────────── Checks ─────────────────────────────────────────────

    function balance(uint256 planId, address holder) internal view returns (uint256) {
        return scrip.balanceOf(holder, planId);
    }

    function lot(uint64 amount, uint256 expiry) internal pure returns (IScrip.Lot memory) {
        return IScrip.Lot({amount: amount, expiry: uint40(expiry)});
    }

    function assertLots(uint256 planId, address holder, IScrip.Lot[] memory expected, string memory label)
        internal
        view
    {
        IScrip.Lot[] memory lots = scrip.lotsOf(planId, holder);
        assertEq(lots.length, expected.length, string.concat(label, ": number of lots"));
        for (uint256 i; i < lots.length; ++i) {
            assertEq(lots[i].amount, expected[i].amount, string.concat(label, ": amount of a lot"));
            assertEq(lots[i].expiry, expected[i].expiry, string.concat(label, ": expiry of a lot"));
        }
    }

    function assertOneLot(uint256 planId, address holder, IScrip.Lot memory expected, string memory label)
        internal
        view
    {
        IScrip.Lot[] memory lots = new IScrip.Lot[](1);
        lots[0] = expected;
        assertLots(planId, holder, lots, label);
    }

    function assertTwoLots(
        uint256 planId,
        address holder,
        IScrip.Lot memory first,
        IScrip.Lot memory second,
        string memory label
    ) internal view {
        IScrip.Lot[] memory lots = new IScrip.Lot[](2);
        (lots[0], lots[1]) = (first, second);
        assertLots(planId, holder, lots, label);
    }
}
