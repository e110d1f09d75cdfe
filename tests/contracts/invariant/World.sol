// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.t.sol";
import {Random} from "../Random.sol";
import {AcceptingHolder, TrickyHolder} from "../mocks/Holders.sol";
import {Handler} from "./Handler.sol";
import {Intruder} from "./Intruder.sol";
import {Store} from "./Store.sol";
import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice The plans and the people that the handlers act with. Those named first are picked most.
abstract contract World is Base {
    using Random for Random.Source;

    Store internal store = new Store();
    Handler internal handler = new Handler(store, scrip);
    Intruder internal intruder = new Intruder(store, scrip);
    address internal feeReceiver = makeAddr("fee receiver");
    TrickyHolder internal tricky = new TrickyHolder(scrip, subscriber);

    function setUp() public virtual override {
        super.setUp();
        vm.recordLogs();
        addHolders();
        addPlans();
        store.addPurse(feeReceiver, address(dollar), 0, 0);
        store.setFeeReceiver(feeReceiver);
        store.replica().read(vm.getRecordedLogs(), address(scrip));
        tricky.aim(store.plans(0));
    }

    function addHolders() internal {
        address wallet = address(new AcceptingHolder());
        address[6] memory holders =
            [subscriber, wallet, address(tricky), stranger, makeAddr("second holder"), makeAddr("third holder")];
        for (uint256 i; i < holders.length; ++i) {
            store.addHolder(holders[i]);
            addPurse(holders[i]);
            // The tricky one owns and operates nothing, so that nothing that it tries may work.
            if (holders[i] != address(tricky)) store.addAccount(holders[i]);
        }
        address[4] memory others = [builder, minter, agent, makeAddr("second builder")];
        for (uint256 i; i < others.length; ++i) {
            store.addAccount(others[i]);
            addPurse(others[i]);
        }
    }

    function addPurse(address account) internal {
        fund(account);
        store.addPurse(account, address(dollar), dollar.balanceOf(account), account.balance);
    }

    /// @dev Payees have nothing to begin with.
    function addPayees(IScrip.Payee[] memory payees) internal {
        for (uint256 i; i < payees.length; ++i) {
            if (payees[i].account != address(tricky)) store.addPurse(payees[i].account, address(dollar), 0, 0);
        }
    }

    function add(IScrip.Terms memory terms) internal {
        uint256 planId = create(terms);
        store.addPlan(planId, builder, terms);
        vm.startPrank(builder);
        scrip.setOperator(planId, minter, MINT);
        scrip.setOperator(planId, agent, REDEEM);
        vm.stopPrank();
        store.setPermissions(planId, minter, MINT);
        store.setPermissions(planId, agent, REDEEM);
    }

    function addPlans() internal {
        // Credits of nearly two hours, for nothing; all may redeem, and the owner revoke.
        IScrip.Terms memory terms = free();
        terms.grant.duration = 6_400;
        terms.redemption.redeemers = 7;
        terms.revocable = true;
        add(terms);

        terms = premium();
        addPayees(terms.payees);
        add(terms);

        terms = access(30 days);
        terms.redemption.redeemers = 7;
        terms.revocable = true;
        add(terms);

        terms = free();
        terms.limits = IScrip.Limits({perHolder: 3, inAll: 5});
        terms.redemption.redeemers = 3;
        add(terms);

        // An odd price in the native coin, split among three of whom one is tricky; only holders redeem.
        terms = native(1_000_000_007);
        terms.payees = Random.from(3).payees(address(0xa1100), 3);
        addPayees(terms.payees);
        terms.payees[1].account = address(tricky);
        terms.redemption.redeemers = 2;
        add(terms);

        // Eight payees, two of them for nothing; a narrow range.
        terms = expiring(30 days);
        terms.price.amount = 9_999_991;
        terms.payees = Random.from(8).payees(address(0xa8800), 8);
        (terms.payees[3].share, terms.payees[7].share) = (0, terms.payees[7].share + terms.payees[3].share);
        addPayees(terms.payees);
        terms.redemption = IScrip.Redemption({minimum: 5, maximum: 20, redeemers: 7, voucherRequired: false});
        add(terms);

        terms = free();
        terms.revocable = true;
        add(terms);

        terms = access(1 hours);
        terms.price = native(1 gwei).price;
        terms.redemption.redeemers = 6;
        add(terms);

        terms = expiring(1 days);
        terms.limits.perHolder = 4;
        add(terms);
    }
}
