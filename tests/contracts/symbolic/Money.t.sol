// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IScrip} from "scrip/interfaces/IScrip.sol";
import {Rules, SPLIT} from "scrip/libraries/Rules.sol";
import {Payments} from "scrip/parts/Payments.sol";
import {Test} from "forge-std/Test.sol";

/// @notice A token that only counts what each account was given.
contract Till {
    mapping(address account => uint256) public received;

    function transferFrom(address, address account, uint256 amount) external returns (bool) {
        received[account] += amount;
        return true;
    }
}

/// @notice How a price is divided among three payees, for all prices that terms can make.
contract MoneySymbolic is Payments, Test {
    uint256 internal constant PLAN = 1;
    address internal constant FEE_RECEIVER = address(0xfee);

    Till internal till = new Till();

    function addPayee(uint256 i, uint256 share) internal {
        // forge-lint: disable-next-line(unsafe-typecast)
        _plans[PLAN].payees.push(IScrip.Payee({account: address(uint160(100 + i)), share: uint16(share)}));
    }

    /// @dev What the payees and the fee's receiver get is the price, to the unit, whatever rate, shares and rounding.
    function check_nothingIsLeftOrLacking(uint128 price, uint16 rate, uint16 first, uint16 second) public {
        vm.assume(rate <= 100 && first <= 10_000 && second <= 10_000 - first);
        (_feeRate, _feeReceiver) = (rate, FEE_RECEIVER);
        addPayee(0, first);
        addPayee(1, second);
        addPayee(2, 10_000 - first - second);
        Bill memory bill = _bill(address(till), address(this), price, false);

        _pay(PLAN, _plans[PLAN], Rules.wrap(SPLIT), bill);

        uint256 toPayees = till.received(address(100)) + till.received(address(101)) + till.received(address(102));
        assert(till.received(FEE_RECEIVER) + toPayees == price);
    }
}
