// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width.
// forge-lint: disable-start(unsafe-typecast)

import {Random} from "../Random.sol";
import {VoucherWorld} from "../VoucherWorld.sol";
import {Clerk} from "../mocks/Clerk.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice A call of many redemptions beside the same redemptions one by one, from the same state.
contract RedeemManyBesideOneTest is VoucherWorld {
    using Random for Random.Source;

    uint256 internal constant PLANS = 5;
    uint256 internal constant IDS = 40;

    uint256[PLANS] internal plans;
    address[3] internal holders = [subscriber, makeAddr("second holder"), makeAddr("third holder")];

    function setUp() public override {
        super.setUp();
        plans[0] = id;
        IScrip.Terms memory terms = expiring(6_400);
        terms.redemption.redeemers = 7;
        plans[1] = create(terms);
        plans[2] = create(access(100));
        plans[3] = vouched();
        terms = premium();
        terms.hook = IScrip.Hook({account: address(new Clerk()), calls: 4 | 8});
        plans[4] = create(terms);
        for (uint256 i = 1; i < PLANS; ++i) {
            if (i != 3) nameOperators(plans[i]);
        }
    }

    /// @dev Enough for most that is redeemed, in lots of many expiries, and some of them dead.
    function stock(Random.Source memory random) internal {
        for (uint256 i; i < PLANS; ++i) {
            for (uint256 j; j < holders.length; ++j) {
                if (random.within(0, 7) == 0) continue;
                give(plans[i], holders[j], uint64(random.within(1, 30)));
                for (uint256 k = random.within(0, 4); i != 2 && k > 0; --k) {
                    lend(plans[i], holders[j], uint64(random.within(1, 9)), uint32(random.within(1, 20)));
                }
            }
        }
        pass(random.within(0, 15));
    }

    function randomBatches(Random.Source memory random) internal view returns (IScrip.Batch[] memory batches) {
        batches = new IScrip.Batch[](random.within(0, 4));
        // Half of the runs have ids one after another, the others at random.
        bool dense = random.coin();
        uint256 nextId = random.within(0, 4);
        for (uint256 i; i < batches.length; ++i) {
            batches[i].planId = random.within(0, 40) == 0 ? NO_PLAN : plans[random.within(0, PLANS - 1)];
            batches[i].uses = new IScrip.Use[](random.within(0, 5));
            address holder = holders[random.within(0, 2)];
            for (uint256 j; j < batches[i].uses.length; ++j) {
                if (random.coin()) holder = holders[random.within(0, 2)];
                batches[i].uses[j] = IScrip.Use({
                    holder: random.within(0, 60) == 0 ? address(0) : holder,
                    amount: uint64(random.within(0, 40) == 0 ? random.within(0, 200) : random.within(1, 5)),
                    requestId: idOf(dense ? nextId++ : random.within(0, IDS - 1))
                });
            }
        }
    }

    /// @dev Numbers about the ends of words, low and high.
    function idOf(uint256 index) internal pure returns (uint256) {
        return index % IDS < IDS / 2 ? 250 + index % IDS : type(uint256).max - 280 + index % IDS;
    }

    function testFuzz_WhenTheyAreRedeemedOneByOneAndInOneCall(uint256 seed) public {
        Random.Source memory random = Random.from(seed);
        stock(random);
        address caller = [builder, builder, agent, subscriber, stranger][random.within(0, 4)];
        give(id, subscriber, 1);
        vm.prank(builder);
        scrip.redeem(id, subscriber, 1, idOf(random.within(0, IDS - 1)));
        IScrip.Batch[] memory batches = randomBatches(random);

        uint256 snapshot = vm.snapshotState();
        bytes32 before = stateOf(caller);
        bytes4[] memory refusals = redeemOneByOne(caller, batches);
        bytes32 expected = stateOf(caller);
        vm.revertToState(snapshot);
        vm.prank(caller);
        (bool done, bytes memory answer) = address(scrip).call(abi.encodeCall(IScrip.redeemMany, (batches)));

        assertEq(done, refusals.length == 0, "whether it is done");
        assertEq(stateOf(caller), done ? expected : before, "balances, lots, access and requests");
        if (!done) assertTrue(contains(refusals, bytes4(answer)), "the refusal is one of the single ones");
    }

    /// @dev All of them, also after one was refused: a call of many may find another fault first.
    function redeemOneByOne(address caller, IScrip.Batch[] memory batches) internal returns (bytes4[] memory refusals) {
        refusals = new bytes4[](64);
        uint256 count;
        for (uint256 i; i < batches.length; ++i) {
            if (batches[i].planId == NO_PLAN) refusals[count++] = IScrip.PlanNotFound.selector;
            for (uint256 j; j < batches[i].uses.length; ++j) {
                IScrip.Use memory one = batches[i].uses[j];
                bytes memory single =
                    abi.encodeCall(IScrip.redeem, (batches[i].planId, one.holder, one.amount, one.requestId));
                vm.prank(caller);
                (bool done, bytes memory answer) = address(scrip).call(single);
                if (!done) refusals[count++] = bytes4(answer);
                if (!done && hasTwice(batches, batches[i].planId, one.requestId)) {
                    refusals[count++] = IScrip.RequestAlreadyRedeemed.selector;
                }
                // Nobody has the zero address's credits, which is found before anyone is refused.
                if (!done && one.holder == address(0)) refusals[count++] = IScrip.InsufficientCredits.selector;
            }
        }
        assembly ("memory-safe") {
            mstore(refusals, count)
        }
    }

    /// @dev An id that comes twice is used once by singles, of which the first was refused.
    function hasTwice(IScrip.Batch[] memory batches, uint256 planId, uint256 requestId) internal pure returns (bool) {
        uint256 times;
        for (uint256 i; i < batches.length; ++i) {
            if (batches[i].planId != planId) continue;
            for (uint256 j; j < batches[i].uses.length; ++j) {
                if (batches[i].uses[j].requestId == requestId) ++times;
            }
        }
        return times > 1;
    }

    function contains(bytes4[] memory list, bytes4 wanted) internal pure returns (bool) {
        for (uint256 i; i < list.length; ++i) {
            if (list[i] == wanted) return true;
        }
        return false;
    }

    function stateOf(address caller) internal view returns (bytes32 hash) {
        for (uint256 i; i < PLANS; ++i) {
            for (uint256 j; j < holders.length; ++j) {
                hash = keccak256(
                    abi.encode(
                        hash,
                        scrip.lotsOf(plans[i], holders[j]),
                        scrip.accessEnd(plans[i], holders[j]),
                        balance(plans[i], holders[j])
                    )
                );
            }
            for (uint256 index; index < IDS; ++index) {
                hash = keccak256(abi.encode(hash, scrip.isRedeemed(plans[i], caller, idOf(index))));
            }
        }
    }
}
