// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {SignedDollar} from "./SignedDollars.sol";
import {IERC20} from "@openzeppelin/contracts/interfaces/IERC20.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A dollar that does otherwise than it says, in the way that it was told.
contract LyingDollar is SignedDollar {
    enum Lie {
        None,
        /// @dev A permit changes nothing.
        PermitDoesNothing,
        /// @dev A permit reverts.
        PermitReverts,
        /// @dev A permit is taken from anyone.
        PermitIsAnyones,
        /// @dev A transfer says true and moves nothing.
        MovesNothing,
        /// @dev A transfer moves half, and the other half goes to nobody.
        MovesHalf,
        /// @dev A transfer from the router is refused.
        KeepsChange,
        /// @dev A transfer calls someone before it moves anything, for an authorization, too.
        Calls
    }

    Lie internal _lie;
    address internal _liar;
    address internal _target;
    bytes internal _message;
    bytes public answer;
    bool internal transient _busy;

    function lie(Lie lie_) external {
        (_lie, _liar) = (lie_, msg.sender);
    }

    function arm(address target, bytes calldata message) external {
        (_lie, _target, _message) = (Lie.Calls, target, message);
    }

    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        public
        override
    {
        if (_lie == Lie.PermitDoesNothing) return;
        require(_lie != Lie.PermitReverts, "no permits today");
        if (_lie == Lie.PermitIsAnyones) _approve(owner, spender, value);
        else super.permit(owner, spender, value, deadline, v, r, s);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (_lie == Lie.MovesNothing) return;
        require(_lie != Lie.KeepsChange || from != _liar, "no change today");
        if (_lie == Lie.MovesHalf && from != address(0)) {
            super._update(from, address(0), value / 2);
            value -= value / 2;
        }
        if (_lie == Lie.Calls && !_busy) {
            _busy = true;
            (, answer) = _target.call(_message);
            _busy = false;
        }
        super._update(from, to, value);
    }
}

/// @notice No plan's token. It agrees to all that it is asked, and where it should take a payer's money it brings another's.
contract StrawDollar {
    IERC20 internal immutable REAL;
    address internal immutable PURSE;

    /// @param real The token of the plan that is aimed at.
    /// @param purse Whose money of it this contract may spend.
    constructor(IERC20 real, address purse) {
        (REAL, PURSE) = (real, purse);
    }

    function receiveWithAuthorization(
        address,
        address to,
        uint256 value,
        uint256,
        uint256,
        bytes32,
        uint8,
        bytes32,
        bytes32
    ) external {
        REAL.transferFrom(PURSE, to, value);
    }

    function transferFrom(address, address to, uint256 value) external returns (bool) {
        return REAL.transferFrom(PURSE, to, value);
    }

    function authorizationState(address, bytes32) external pure returns (bool) {
        return true;
    }

    function permit(address, address, uint256, uint256, uint8, bytes32, bytes32) external pure {}

    function allowance(address, address) external pure returns (uint256) {
        return type(uint256).max;
    }

    function balanceOf(address) external pure returns (uint256) {
        return 0;
    }
}

/// @notice Wrapped coin like WETH on Ethereum: a call that it has no function for is a deposit, so it takes any without a word.
contract WrappedCoin is ERC20("Wrapped Coin", "WCOIN") {
    fallback() external payable {
        _mint(msg.sender, msg.value);
    }

    receive() external payable {
        _mint(msg.sender, msg.value);
    }
}
