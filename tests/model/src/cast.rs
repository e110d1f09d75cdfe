//! Who takes part: accounts with keys, holders with code, tokens, and the core itself.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, B256, U256},
    signers::local::PrivateKeySigner,
};
use serde::{Deserialize, Serialize};

/// The chain that the sequences run on.
pub const CHAIN_ID: u64 = 31_337;
/// The time at which every sequence begins, in unix seconds.
pub const START: u64 = 1_900_000_000;
/// The coin that everybody begins with, in wei.
pub const COIN: u128 = 1 << 100;
/// What everybody begins with of each token, in base units; the core may move all of it.
pub const TOKENS: u64 = 1_000_000_000_000;

/// Somebody, by a name that stays the same from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Who {
    /// The zero address.
    Zero,
    /// An account that nobody has ever heard of.
    Nobody,
    /// The core.
    Core,
    /// The core's router.
    Router,
    // Accounts with a key.
    Ann,
    Ben,
    Cat,
    Dan,
    /// The first controller of the fee.
    Eve,
    Pam,
    /// Has a key, and by EIP-7702 the code of a chameleon.
    Dora,
    // Chameleons, each with the part that it plays most.
    Holder,
    Payee,
    Hook,
    Source,
    /// Has code that accepts credits, but no coin.
    Acceptor,
    /// Has code that knows nothing of credits or coin.
    Clumsy,
    // Tokens: an honest one, and those of `Tokens.sol` and `TrickyDollar.sol`.
    Dollar,
    NoReturnDollar,
    FalseDollar,
    RiddlingDollar,
    FeeDollar,
    TrickyDollar,
    /// Where `FeeDollar` puts what it keeps.
    Skimmed,
}

use Who::*;

/// All who have a key.
pub const KEYED: [Who; 7] = [Ann, Ben, Cat, Dan, Eve, Pam, Dora];
/// All who behave as they are told.
pub const CHAMELEONS: [Who; 5] = [Holder, Payee, Hook, Source, Dora];
/// All tokens.
pub const TOKEN_KINDS: [Who; 6] =
    [Dollar, NoReturnDollar, FalseDollar, RiddlingDollar, FeeDollar, TrickyDollar];
/// All whose credits are compared.
pub const HOLDERS: [Who; 10] = [Ann, Ben, Cat, Dan, Pam, Dora, Holder, Payee, Acceptor, Clumsy];
/// All whose money and permissions are compared.
pub const EVERYBODY: [Who; 22] = [
    Nobody,
    Core,
    Router,
    Ann,
    Ben,
    Cat,
    Dan,
    Eve,
    Pam,
    Dora,
    Holder,
    Payee,
    Hook,
    Source,
    Acceptor,
    Clumsy,
    Dollar,
    NoReturnDollar,
    FalseDollar,
    FeeDollar,
    TrickyDollar,
    Skimmed,
];

/// All who begin with coin and tokens.
pub const MONEYED: [Who; 14] =
    [Ann, Ben, Cat, Dan, Eve, Pam, Dora, Holder, Payee, Hook, Source, Acceptor, Clumsy, Router];

impl Who {
    /// The key of those who have one.
    pub fn key(self) -> Option<PrivateKeySigner> {
        let place = KEYED.iter().position(|who| *who == self)?;
        let secret = B256::from(U256::from(0x5c21b_u64 + place as u64));
        PrivateKeySigner::from_bytes(&secret).ok()
    }
}

/// The addresses of all, known once the machine is set up.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    /// By name.
    pub addresses: BTreeMap<Who, Address>,
    names: BTreeMap<Address, Who>,
    keys: BTreeMap<Who, PrivateKeySigner>,
}

impl Cast {
    /// The cast of these addresses, with the keys of those who have one.
    pub fn new(addresses: BTreeMap<Who, Address>) -> Self {
        let names = addresses.iter().map(|(who, address)| (*address, *who)).collect();
        let keys = KEYED.iter().filter_map(|who| Some((*who, who.key()?))).collect();
        Self { addresses, names, keys }
    }

    /// Where somebody is.
    pub fn at(&self, who: Who) -> Address {
        self.addresses.get(&who).copied().unwrap_or_default()
    }

    /// Who is at an address, if it is one of the cast.
    pub fn name(&self, address: Address) -> Option<Who> {
        self.names.get(&address).copied()
    }

    /// The key of somebody who has one.
    pub fn key(&self, who: Who) -> Option<&PrivateKeySigner> {
        self.keys.get(&who)
    }
}
