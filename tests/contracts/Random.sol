// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

// What is cast is bounded to its width, or known to fit it.
// forge-lint: disable-start(unsafe-typecast)

import {IScrip} from "scrip/interfaces/IScrip.sol";

/// @notice Many values out of one fuzzed seed: for what the fuzzer cannot make itself, such as terms that make sense.
library Random {
    using Random for Source;

    struct Source {
        uint256 state;
    }

    function from(uint256 seed) internal pure returns (Source memory) {
        return Source({state: seed});
    }

    function next(Source memory source) internal pure returns (uint256) {
        source.state = uint256(keccak256(abi.encode(source.state)));
        return source.state;
    }

    /// @dev A number of the range, both ends included.
    function within(Source memory source, uint256 least, uint256 most) internal pure returns (uint256) {
        uint256 value = source.next();
        // The whole range of a word has no size that fits one.
        return most - least == type(uint256).max ? value : least + value % (most - least + 1);
    }

    function coin(Source memory source) internal pure returns (bool) {
        return source.within(0, 1) == 1;
    }

    function account(Source memory source) internal pure returns (address) {
        return address(uint160(source.within(1, type(uint160).max)));
    }

    function text(Source memory source, uint256 length) internal pure returns (string memory) {
        bytes memory letters = new bytes(length);
        for (uint256 i; i < length; ++i) {
            letters[i] = bytes1(uint8(source.next()));
        }
        return string(letters);
    }

    /// @dev Payees of addresses counted up from `first`, whose shares, some of them 0, sum to the whole.
    function payees(Source memory source, address first, uint256 count)
        internal
        pure
        returns (IScrip.Payee[] memory list)
    {
        list = new IScrip.Payee[](count);
        uint256 left = 10_000;
        for (uint256 i; i < count; ++i) {
            // The last has a share.
            uint256 most = source.coin() ? left - 1 : left / 8;
            uint256 share = i == count - 1 ? left : source.within(0, most);
            list[i] = IScrip.Payee({account: address(uint160(first) + uint160(i)), share: uint16(share)});
            left -= share;
        }
    }

    /// @dev A price of any kind.
    /// @param contract_ What it names where it names a contract: the token, or the price source.
    function price(Source memory source, address contract_) internal pure returns (IScrip.Price memory made) {
        made.kind = IScrip.PriceKind(source.within(0, 4));
        bool quoted = made.kind == IScrip.PriceKind.Quoted;
        if (made.kind == IScrip.PriceKind.Fixed || quoted) made.token = source.coin() ? contract_ : address(0);
        if (made.kind == IScrip.PriceKind.PerUse) made.token = contract_;
        if (made.kind == IScrip.PriceKind.Fiat) made.currency = bytes3(uint24(source.within(1, type(uint24).max)));
        if (quoted) made.source = contract_;
        if (made.kind != IScrip.PriceKind.Free && !quoted) made.amount = uint96(source.within(1, type(uint96).max));
    }

    /// @dev A grant of any kind.
    function grant(Source memory source) internal pure returns (IScrip.Grant memory) {
        if (source.coin()) {
            return IScrip.Grant({
                kind: IScrip.GrantKind.Time, credits: 0, duration: uint32(source.within(1, type(uint32).max))
            });
        }
        return IScrip.Grant({
            kind: IScrip.GrantKind.Credits,
            credits: uint64(source.within(1, type(uint64).max)),
            duration: source.coin() ? 0 : uint32(source.within(0, type(uint32).max))
        });
    }

    /// @dev Terms that a plan can be created with, of every kind.
    /// @param contract_ What they name where they name a contract: the token, the price source and the hook.
    function terms(Source memory source, address contract_) internal pure returns (IScrip.Terms memory made) {
        made.name = source.text(source.within(0, 31));
        made.uri = source.text(source.within(0, 300));
        made.price = source.price(contract_);
        bool perUse = made.price.kind == IScrip.PriceKind.PerUse;
        if (made.price.kind != IScrip.PriceKind.Free && made.price.kind != IScrip.PriceKind.Fiat) {
            made.payees = source.payees(source.account(), source.within(1, 8));
        }
        if (!perUse) made.grant = source.grant();
        uint256 minimum = source.within(1, type(uint32).max);
        made.redemption = IScrip.Redemption({
            minimum: uint32(minimum),
            maximum: uint32(source.within(minimum, type(uint32).max)),
            redeemers: uint8(source.within(1, 7)),
            voucherRequired: perUse || source.coin()
        });
        made.revocable = source.coin();
        if (!perUse && source.coin()) made.limits.perHolder = uint32(source.next());
        if (!perUse && source.coin()) made.limits.inAll = uint32(source.next());
        if (source.coin()) made.hook = IScrip.Hook({account: contract_, calls: uint8(source.within(1, 15))});
    }
}
