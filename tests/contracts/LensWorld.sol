// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {Base} from "./Base.t.sol";
import {Random} from "./Random.sol";
import {Assent} from "./mocks/Assent.sol";
import {OneKeyWallet} from "./mocks/OneKeyWallet.sol";
import {SettableSource} from "./mocks/SettableSource.sol";
import {ILens} from "scrip/interfaces/ILens.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Plans of every kind, and who has what of them, out of a seed: what the lens says is then compared with what the core
/// does, byte for byte.
abstract contract LensWorld is Base {
    using Random for Random.Source;

    ILens internal lens = ILens(deployCode("Lens.sol:Lens"));
    SettableSource internal source = new SettableSource();
    Assent internal assent = new Assent();

    uint256 internal subscriberKey;
    OneKeyWallet internal wallet;

    /// @dev How often the core did what it was asked (zero), or refused by an error.
    mapping(bytes4 refusal => uint256) internal met;

    function setUp() public virtual override {
        super.setUp();
        (, subscriberKey) = makeAddrAndKey("subscriber");
        wallet = new OneKeyWallet(subscriber);
    }

    // ───────────────────────────────────────────── Plans ─────────────────────────────────────────────

    /// @dev Terms with numbers so small that a step beside a bound is likely.
    function randomTerms(Random.Source memory random) internal view returns (IScrip.Terms memory terms) {
        terms = premium();
        terms.uri = "";
        terms.price = randomPrice(random);
        IScrip.PriceKind kind = terms.price.kind;
        if (kind == IScrip.PriceKind.Free || kind == IScrip.PriceKind.Fiat) delete terms.payees;
        else terms.payees = randomPayees(random);
        bool perUse = kind == IScrip.PriceKind.PerUse;
        terms.grant = perUse ? IScrip.Grant(IScrip.GrantKind.Credits, 0, 0) : randomGrant(random);
        uint256 minimum = random.within(1, 3);
        terms.redemption = IScrip.Redemption({
            minimum: uint32(minimum),
            maximum: uint32(random.within(minimum, minimum + 5)),
            redeemers: uint8(random.within(1, 7)),
            voucherRequired: perUse || random.coin()
        });
        terms.revocable = random.coin();
        if (!perUse && random.coin()) terms.limits.perHolder = uint32(random.within(0, 4));
        if (!perUse && random.coin()) terms.limits.inAll = uint32(random.within(0, 6));
        if (random.coin()) terms.hook = IScrip.Hook({account: address(assent), calls: uint8(random.within(1, 15))});
    }

    function randomPrice(Random.Source memory random) internal view returns (IScrip.Price memory price) {
        price.kind = IScrip.PriceKind(random.within(0, 4));
        bool free = price.kind == IScrip.PriceKind.Free;
        bool fiat = price.kind == IScrip.PriceKind.Fiat;
        bool quoted = price.kind == IScrip.PriceKind.Quoted;
        if (!free && !quoted) price.amount = uint96(random.within(1, 10_000));
        if (!free && !fiat) price.token = address(dollar);
        if ((price.kind == IScrip.PriceKind.Fixed || quoted) && random.coin()) price.token = address(0);
        if (fiat) price.currency = "USD";
        if (quoted) price.source = address(source);
    }

    function randomGrant(Random.Source memory random) internal pure returns (IScrip.Grant memory) {
        uint32 duration = uint32(random.within(0, 7) == 0 ? type(uint32).max : random.within(1, 100));
        if (random.within(0, 2) == 0) return IScrip.Grant(IScrip.GrantKind.Time, 0, duration);
        return IScrip.Grant({
            kind: IScrip.GrantKind.Credits,
            credits: random.within(0, 7) == 0
                ? type(uint64).max - uint64(random.within(0, 9))
                : uint64(random.within(1, 20)),
            duration: random.coin() ? 0 : duration
        });
    }

    /// @dev Up to three, the subscriber, who may pay, among them.
    function randomPayees(Random.Source memory random) internal view returns (IScrip.Payee[] memory payees) {
        payees = random.payees(payee, random.within(1, 3));
        if (random.coin()) payees[random.within(0, payees.length - 1)].account = subscriber;
    }

    /// @dev A plan of the builder, with operators; sometimes with a fee, whose receiver may be who pays.
    function randomPlan(Random.Source memory random) internal returns (uint256 planId, IScrip.Terms memory terms) {
        terms = randomTerms(random);
        vm.prank(builder);
        planId = scrip.createPlan(terms, bytes32(random.next()));
        nameOperators(planId);
        vm.prank(feeController);
        scrip.setFee(
            random.coin() ? subscriber : makeAddr("receiver"), uint16(random.coin() ? 0 : random.within(1, 100))
        );
    }

    // ──────────────────────────────────────────── Holdings ───────────────────────────────────────────

    /// @dev A few credits of different expiries, or a few periods of access.
    function stock(Random.Source memory random, uint256 planId, IScrip.Terms memory terms, address holder) internal {
        if (terms.price.kind == IScrip.PriceKind.PerUse || holder == address(0)) return;
        for (uint256 i = random.within(0, 3); i > 0; --i) {
            bool lasting = terms.grant.kind == IScrip.GrantKind.Time || random.coin();
            if (lasting) give(planId, holder, uint64(random.within(1, 3)));
            else lend(planId, holder, uint64(random.within(1, 6)), uint32(random.within(1, 100)));
        }
    }

    /// @dev About as many dollars, about as much allowance, and about as much coin as a price.
    function fillPurse(Random.Source memory random, address account, uint256 price) internal {
        uint256 former = dollar.balanceOf(account);
        vm.startPrank(account);
        dollar.transfer(stranger, former);
        dollar.approve(address(scrip), random.coin() ? type(uint256).max : near(random, price));
        vm.stopPrank();
        dollar.mint(account, near(random, price));
        vm.deal(account, near(random, price));
    }

    /// @dev Often within a fee of the price.
    function near(Random.Source memory random, uint256 price) internal pure returns (uint256) {
        if (price >= type(uint128).max) return random.within(0, 2 ** 129);
        if (random.coin()) return random.within(price - price / 64, price + 1);
        return random.within(0, price + price / 2);
    }

    // ─────────────────────────────────────────── Comparison ──────────────────────────────────────────

    /// @dev Does what the lens was asked about.
    function compare(bytes memory refusal, address caller, uint256 value, bytes memory call) internal {
        vm.prank(caller);
        (bool done, bytes memory answer) = address(scrip).call{value: value}(call);
        if (done) {
            assertEq(refusal, "", "the lens refuses what the core does");
            ++met[bytes4(0)];
        } else {
            assertEq(refusal, answer, "the lens does not name the core's error");
            ++met[bytes4(answer)];
        }
    }

    function assertMet(bytes4 refusal, string memory label) internal view {
        assertGt(met[refusal], 0, label);
    }
}
