// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title A token that tells the domain of whichever contract it is told to, so that what is signed for it pays with another
contract BorrowedDomain is ERC20("Borrowed Domain", "BRW"), EIP712("Borrowed Domain", "1"), ERC3009 {
    address internal _lender = address(this);

    /// @param lender Whose domain to tell.
    function borrow(address lender) external {
        _lender = lender;
    }

    function eip712Domain()
        public
        view
        override
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory)
    {
        return (hex"0f", "Borrowed Domain", "1", block.chainid, _lender, 0, new uint256[](0));
    }
}
