//! The core's interface, and what the model must know of others.

// The documentation of what is bound is that of the interface.
#![allow(missing_docs)]
// And functions have as many arguments as theirs.
#![allow(clippy::too_many_arguments)]

use alloy::sol;

sol! {
    #![sol(all_derives)]
    "../../contracts/interfaces/IScrip.sol"
}

sol! {
    #[sol(all_derives)]
    interface IToken {
        function balanceOf(address account) external view returns (uint256);
        function mint(address account, uint256 amount) external;
        function approve(address spender, uint256 amount) external;
        function setBlocked(address account, bool isBlocked) external;
        function arm(address target, bytes message) external;
        function transferFrom(address from, address to, uint256 amount) external returns (bool);
    }

    #[sol(all_derives)]
    interface IChameleon {
        function behave(uint8 mode, address target, uint256 price, bytes words) external;
    }

    #[sol(all_derives)]
    interface IHook {
        function beforeOrder(uint256 planId, address payer, address holder, uint32 quantity, uint256 price, bytes data) external returns (bytes4);
        function afterOrder(uint256 planId, address payer, address holder, uint32 quantity, uint256 price, bytes data) external returns (bytes4);
        function beforeRedemption(uint256 planId, address redeemer, address holder, uint64 amount) external returns (bytes4);
        function afterRedemption(uint256 planId, address redeemer, address holder, uint64 amount) external returns (bytes4);
    }

    #[sol(all_derives)]
    interface ICallbacks {
        function quote(uint256 planId, address holder, uint32 quantity, bytes data) external view returns (uint256);
        function onERC1155Received(address operator, address from, uint256 id, uint256 value, bytes data) external returns (bytes4);
        function isValidSignature(bytes32 digest, bytes signature) external view returns (bytes4);
    }

    /// OpenZeppelin's, which the manual names.
    #[derive(Debug)]
    error ReentrancyGuardReentrantCall();
}
