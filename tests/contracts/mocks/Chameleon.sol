// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IPriceSource} from "scrip/interfaces/IPriceSource.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title A holder, payee, hook, price source, signer or token, as it is told
/// @notice Whatever it is asked, it behaves as it was told last. To accept is to answer with the selector of the question, as
/// hooks, ERC-1155 receivers and ERC-1271 signers do, or with its price.
contract Chameleon {
    enum Mode {
        /// @dev Says yes.
        Accept,
        /// @dev Reverts with its words.
        Refuse,
        /// @dev Answers with its words.
        Say,
        /// @dev Burns whatever gas it is given.
        Burn,
        /// @dev Calls its target with its words, where it is not in a static call, and then says yes, whatever came of it.
        Reenter
    }

    Mode internal _mode;
    address internal _target;
    uint256 internal _price;
    bytes internal _words;
    /// @dev So that what comes of a call does not begin it again.
    bool internal transient _busy;

    /// @param mode How to behave from now on.
    /// @param target Whom to call.
    /// @param price What to ask as a price source.
    /// @param words What to say, to revert with, or to call with.
    function behave(Mode mode, address target, uint256 price, bytes calldata words) external {
        (_mode, _target, _price, _words) = (mode, target, price, words);
    }

    receive() external payable {
        _act(true);
    }

    fallback(bytes calldata) external payable returns (bytes memory) {
        bool priced = msg.sig == IPriceSource.quote.selector;
        bool said = _act(!priced && msg.sig != IERC1271.isValidSignature.selector);
        if (said) return _words;
        return priced ? abi.encode(_price) : abi.encode(msg.sig);
    }

    /// @return said Whether to answer with the words.
    function _act(bool mayCall) private returns (bool said) {
        Mode mode = _mode;
        if (mode == Mode.Say) return true;
        if (mode == Mode.Burn) while (true) {}
        if (mode == Mode.Refuse) {
            bytes memory words = _words;
            assembly {
                revert(add(words, 32), mload(words))
            }
        }
        if (mode == Mode.Reenter && mayCall && !_busy) {
            _busy = true;
            // What comes of it is nothing to us.
            // forge-lint: disable-next-line(unchecked-call)
            _target.call(_words);
            _busy = false;
        }
    }
}
