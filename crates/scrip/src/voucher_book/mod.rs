//! The vouchers of many holders, kept until they are redeemed together.

mod prepare;
mod redeem;

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use serde::{Deserialize, Serialize};

use crate::{PlanId, Result, Scrip, SessionVoucher, Signed, Voucher, VoucherState};

pub use prepare::BookPrepared;
pub use redeem::{BookRedeemed, RefusedVoucher, Taken};

/// A signed voucher of either kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AnyVoucher {
    /// For one redemption.
    Single(Signed<Voucher>),
    /// For as many as its total allows.
    Session(Signed<SessionVoucher>),
}

/// The vouchers that holders gave one redeemer, and what it is owed by each: the newest of every session, and nothing that was
/// redeemed.
///
/// A voucher is checked when it comes in, so that work is done only for what can be redeemed; all of them are redeemed in one
/// transaction, when that is worth its gas. The book is plain data, to be saved by serde after each change. An older copy of it
/// takes nothing twice: a single voucher is used up on the chain, and what is taken in a session is taken under a request id that
/// names the total it goes on from. [`VoucherBook::prepare`] says when to save it so that a crash loses no word of what was taken,
/// either.
///
/// ```
/// # use scrip::{SessionVoucher, Terms, VoucherBook, Collected, alloy::primitives::U256};
/// # #[tokio::main]
/// # async fn main() -> eyre::Result<()> {
/// # let devnet = scrip_devnet::Devnet::start().await?;
/// # let (agent, subscriber) = (devnet.scrip("agent").await?, devnet.scrip("subscriber").await?);
/// # let key = &devnet.actor("subscriber")?.signer;
/// # let plan = agent.create_plan(&Terms::credits("Vouchers", 10).with_vouchers()).await?.plan;
/// # subscriber.order(plan).await?;
/// # let (holder, redeemer, session) = (subscriber.signer(), agent.signer(), U256::ZERO);
/// # let deadline = devnet.now().await? + 600;
/// # let sign = async |maximum| {
/// #     subscriber.sign(SessionVoucher { plan, holder, redeemer, maximum, session, deadline }, key).await
/// # };
/// let mut book = VoucherBook::new(agent.signer());
/// // With each request comes a voucher of a higher total, for all that was served in the session.
/// for total in 1..=3 {
///     let collected = book.collect(&agent, sign(total).await?, total).await?;
///     assert_eq!(collected, Collected::Kept { more: 1, remaining: total });
/// }
/// let done = book.redeem(&agent).await?;
/// assert_eq!(done.redeemed[0].amount, 3);
/// # assert_eq!((book.owed(), done.refused.len()), (0, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct VoucherBook {
    redeemer: Address,
    owed: BTreeMap<Name, Owed>,
    /// How many transactions of this book ended, in whichever way.
    round: u64,
    under_way: Option<redeem::UnderWay>,
}

/// What became of a voucher that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "only for what is kept should anything be served"]
pub enum Collected {
    /// It is in the book.
    Kept {
        /// How much more is owed than before.
        more: u64,
        /// The most that it still lets be taken, what is owed included.
        remaining: u64,
    },
    /// There is a newer one of the same nonce or session in the book, which has not changed.
    Older {
        /// The most that the newer one lets be taken.
        maximum: u64,
        /// The last second in which the newer one is valid, in unix seconds.
        deadline: u64,
    },
    /// It does not cover what is owed.
    TooLittle {
        /// The most that it lets be taken.
        maximum: u64,
        /// What is owed.
        owed: u64,
    },
    /// It cannot be redeemed.
    Refused(VoucherState),
}

/// By what a voucher continues another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Single { holder: Address, nonce: U256 },
    Session { plan: PlanId, holder: Address, session: U256 },
}

/// A voucher, and what is to be taken with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Owed {
    voucher: AnyVoucher,
    /// In a session in all.
    owed: u64,
    /// What was taken in its session, as far as is known.
    spent: u64,
}

/// The book as it is saved.
#[derive(Serialize, Deserialize)]
struct Saved {
    redeemer: Address,
    vouchers: Vec<Owed>,
    round: u64,
    under_way: Option<redeem::UnderWay>,
}

impl AnyVoucher {
    /// The plan.
    pub const fn plan(&self) -> PlanId {
        match self {
            Self::Single(signed) => signed.voucher.plan,
            Self::Session(signed) => signed.voucher.plan,
        }
    }

    /// Whose credits it lets be taken.
    pub const fn holder(&self) -> Address {
        match self {
            Self::Single(signed) => signed.voucher.holder,
            Self::Session(signed) => signed.voucher.holder,
        }
    }

    /// Who may redeem.
    pub const fn redeemer(&self) -> Address {
        match self {
            Self::Single(signed) => signed.voucher.redeemer,
            Self::Session(signed) => signed.voucher.redeemer,
        }
    }

    /// The most credits, or uses, that it lets be taken; in a session in all.
    pub const fn maximum(&self) -> u64 {
        match self {
            Self::Single(signed) => signed.voucher.maximum,
            Self::Session(signed) => signed.voucher.maximum,
        }
    }

    /// The last second in which it is valid, in unix seconds.
    pub const fn deadline(&self) -> u64 {
        match self {
            Self::Single(signed) => signed.voucher.deadline,
            Self::Session(signed) => signed.voucher.deadline,
        }
    }

    const fn name(&self) -> Name {
        match self {
            Self::Single(signed) => {
                Name::Single { holder: signed.voucher.holder, nonce: signed.voucher.nonce }
            }
            Self::Session(signed) => {
                let SessionVoucher { plan, holder, session, .. } = signed.voucher;
                Name::Session { plan, holder, session }
            }
        }
    }
}

impl<P: Provider> Scrip<P> {
    /// What a voucher of either kind is worth to a redeemer: [`Scrip::check_voucher`] or [`Scrip::check_session`].
    ///
    /// # Errors
    ///
    /// As [`Scrip::check_voucher`].
    pub async fn check_any(&self, voucher: &AnyVoucher, redeemer: Address) -> Result<VoucherState> {
        match voucher {
            AnyVoucher::Single(signed) => self.check_voucher(signed, redeemer).await,
            AnyVoucher::Session(signed) => self.check_session(signed, redeemer).await,
        }
    }
}

impl VoucherBook {
    /// An empty book of a redeemer.
    pub const fn new(redeemer: Address) -> Self {
        Self { redeemer, owed: BTreeMap::new(), round: 0, under_way: None }
    }

    /// Whose it is.
    pub const fn redeemer(&self) -> Address {
        self.redeemer
    }

    /// How many credits, or uses, are yet to be redeemed.
    pub fn owed(&self) -> u64 {
        self.owed.values().map(Owed::due).fold(0, u64::saturating_add)
    }

    /// The vouchers that it has, of sessions also those by which nothing is owed now.
    pub fn vouchers(&self) -> impl Iterator<Item = &AnyVoucher> {
        self.owed.values().map(|owed| &owed.voucher)
    }

    /// Checks a voucher and keeps it, for so many credits, or uses: in a session for all that was ever served in it. A voucher of a
    /// wallet that is yet to be deployed (ERC-6492) is kept, and redeemed once the wallet is there.
    ///
    /// # Errors
    ///
    /// When the chain cannot be asked, and as [`Scrip::check_voucher`]. A voucher that is not kept is no error.
    pub async fn collect<P: Provider>(
        &mut self,
        scrip: &Scrip<P>,
        voucher: impl Into<AnyVoucher>,
        owed: u64,
    ) -> Result<Collected> {
        let voucher = voucher.into();
        let (redeemer, maximum, deadline) = (voucher.redeemer(), voucher.maximum(), voucher.deadline());
        if redeemer != self.redeemer {
            return Ok(Collected::Refused(VoucherState::OtherRedeemer { redeemer }));
        }
        if maximum < owed {
            return Ok(Collected::TooLittle { maximum, owed });
        }
        let before = self.owed.get(&voucher.name());
        if let Some(Owed { voucher: newest, .. }) = before
            && (newest.maximum() > maximum || newest.deadline() > deadline || newest.plan() != voucher.plan())
        {
            return Ok(Collected::Older { maximum: newest.maximum(), deadline: newest.deadline() });
        }
        let remaining = match scrip.check_any(&voucher, self.redeemer).await? {
            VoucherState::Good { remaining, .. } | VoucherState::NotDeployed { remaining, .. } => remaining,
            state => return Ok(Collected::Refused(state)),
        };
        // What was taken of a voucher's total, none of a single one's.
        let spent = maximum - remaining;
        let counted = before.map_or(spent, |before| before.owed.max(spent));
        let more = owed.saturating_sub(counted);
        self.owed.insert(voucher.name(), Owed { voucher, owed: owed.max(counted), spent });
        Ok(Collected::Kept { more, remaining })
    }
}

impl Owed {
    /// What is yet to be taken.
    const fn due(&self) -> u64 {
        self.owed.saturating_sub(self.spent)
    }
}

impl From<Signed<Voucher>> for AnyVoucher {
    fn from(signed: Signed<Voucher>) -> Self {
        Self::Single(signed)
    }
}

impl From<Signed<SessionVoucher>> for AnyVoucher {
    fn from(signed: Signed<SessionVoucher>) -> Self {
        Self::Session(signed)
    }
}

impl From<VoucherBook> for Saved {
    fn from(book: VoucherBook) -> Self {
        let VoucherBook { redeemer, owed, round, under_way } = book;
        Self { redeemer, vouchers: owed.into_values().collect(), round, under_way }
    }
}

impl From<Saved> for VoucherBook {
    fn from(saved: Saved) -> Self {
        let Saved { redeemer, vouchers, round, under_way } = saved;
        let owed = vouchers.into_iter().map(|owed| (owed.voucher.name(), owed)).collect();
        Self { redeemer, owed, round, under_way }
    }
}
