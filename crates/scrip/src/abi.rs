//! The contracts as they are called: bound from the interface file itself, whose comments are the manual.

use alloy::sol;

// `IScrip.sol` and `ILens.sol`, which refers to it.
include!(concat!(env!("OUT_DIR"), "/interfaces.rs"));

sol! {
    #![sol(rpc, all_derives, extra_derives(serde::Serialize))]
    "IRouter.sol"
}

sol! {
    #![sol(rpc, all_derives)]
    "IServices.sol"
}

sol! {
    #![sol(rpc, all_derives)]
    "IPriceSource.sol"
}

sol! {
    /// What the client needs of an ERC-20. Nothing is assumed of what `approve` returns, since some tokens return nothing.
    #[sol(rpc, all_derives)]
    interface IERC20 {
        /// How many base units an account has.
        function balanceOf(address account) external view returns (uint256);
        /// How many base units `spender` may take from `owner`.
        function allowance(address owner, address spender) external view returns (uint256);
        /// Sets how many base units `spender` may take from the caller.
        function approve(address spender, uint256 amount) external;
        /// How many decimals a unit has.
        function decimals() external view returns (uint8);
        /// The short name.
        function symbol() external view returns (string);
    }
}
