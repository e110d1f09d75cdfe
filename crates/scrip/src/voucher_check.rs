//! What a voucher is worth, before anything is served for it.

use std::fmt;

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::Provider,
};
use futures_util::future::try_join;
use serde::{Deserialize, Serialize};

use crate::{
    Moment, PlanId, Result, Scrip, SessionVoucher, Signable, Signed, Voucher,
    wallet_signature::{Deployment, Verdict, verify},
};

/// What a voucher is worth to a redeemer, as of the latest block.
///
/// It is about the voucher alone. Whether the terms let the redeemer redeem, and whether the holder has the credits, is what
/// [`Lens::forecast_voucher`](crate::Lens::forecast_voucher) says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum VoucherState {
    /// It can be redeemed.
    Good {
        /// The most credits, or uses, that it still lets be taken.
        remaining: u64,
        /// The last second in which it is valid, in unix seconds.
        deadline: u64,
    },
    /// Its holder is a wallet that signed before it is on the chain, by ERC-6492. The contract refuses it until the wallet is
    /// there; from then on it can be redeemed as it is.
    NotDeployed {
        /// Whom to call, so that the wallet is deployed.
        factory: Address,
        /// With what.
        data: Bytes,
        /// The most credits, or uses, that it will let be taken.
        remaining: u64,
        /// The last second in which it is valid, in unix seconds.
        deadline: u64,
    },
    /// It is for another redeemer.
    OtherRedeemer {
        /// For whom.
        redeemer: Address,
    },
    /// It is no longer valid.
    Expired {
        /// The last second in which it was valid, in unix seconds.
        deadline: u64,
        /// The time of the latest block, in unix seconds.
        now: u64,
    },
    /// It was redeemed, or its holder has revoked it: the chain keeps one mark for both.
    Used {
        /// Its nonce.
        nonce: U256,
    },
    /// Its holder has ended the session.
    SessionEnded {
        /// The session.
        session: U256,
    },
    /// All that it lets be taken was taken.
    Spent {
        /// The most that it lets be taken.
        maximum: u64,
        /// What was taken in its session.
        spent: u64,
    },
    /// The signature over it is not its holder's.
    BadSignature {
        /// The holder.
        holder: Address,
    },
}

impl VoucherState {
    /// Whether it can be redeemed now.
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Good { .. })
    }

    /// The most credits, or uses, that can be taken with it now.
    pub const fn remaining(&self) -> u64 {
        if let Self::Good { remaining, .. } = self { *remaining } else { 0 }
    }
}

impl fmt::Display for VoucherState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good { remaining, deadline } => {
                write!(f, "{remaining} can be taken until {deadline} (unix time)")
            }
            Self::NotDeployed { factory, remaining, deadline, .. } => write!(
                f,
                "{remaining} can be taken until {deadline} (unix time), once {factory} has deployed the holder's wallet"
            ),
            Self::OtherRedeemer { redeemer } => write!(f, "the voucher is for {redeemer}"),
            Self::Expired { deadline, now } => {
                write!(f, "the voucher was valid until {deadline}, and it is {now} (unix time)")
            }
            Self::Used { nonce } => write!(f, "voucher {nonce} was redeemed or revoked"),
            Self::SessionEnded { session } => write!(f, "the holder has ended session {session}"),
            Self::Spent { maximum, spent } => {
                write!(f, "the voucher lets {maximum} be taken in all, and {spent} were")
            }
            Self::BadSignature { holder } => write!(f, "the signature over the voucher is not {holder}'s"),
        }
    }
}

/// What both kinds of vouchers say.
struct Promise {
    plan: PlanId,
    holder: Address,
    redeemer: Address,
    maximum: u64,
    deadline: u64,
    number: Number,
}

/// What a voucher is recorded by.
#[derive(Clone, Copy)]
enum Number {
    Nonce(U256),
    Session(U256),
}

impl<P: Provider> Scrip<P> {
    /// What a voucher is worth to a redeemer: the holder's signature is checked, be it a key's, a wallet's (ERC-1271), or that of a
    /// wallet yet to be deployed (ERC-6492), and whether it was used.
    ///
    /// ```
    /// # use scrip::{Terms, Voucher, alloy::primitives::U256};
    /// # #[tokio::main]
    /// # async fn main() -> eyre::Result<()> {
    /// # let devnet = scrip_devnet::Devnet::start().await?;
    /// # let (agent, subscriber) = (devnet.scrip("agent").await?, devnet.scrip("subscriber").await?);
    /// # let key = &devnet.actor("subscriber")?.signer;
    /// # let plan = agent.create_plan(&Terms::credits("Vouchers", 10).with_vouchers()).await?.plan;
    /// # let (holder, redeemer, deadline) = (subscriber.signer(), agent.signer(), devnet.now().await? + 60);
    /// let voucher = Voucher { plan, holder, redeemer, maximum: 5, nonce: U256::ZERO, deadline };
    /// let signed = subscriber.sign(voucher, key).await?;
    /// let state = agent.check_voucher(&signed, agent.signer()).await?;
    /// assert_eq!(state.remaining(), 5, "{state}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidDeadline`](crate::Error::InvalidDeadline) when the deadline is beyond 40 bits. A voucher that is no good is
    /// no error.
    pub async fn check_voucher(&self, voucher: &Signed<Voucher>, redeemer: Address) -> Result<VoucherState> {
        let Voucher { plan, holder, redeemer: named, maximum, nonce, deadline } = voucher.voucher;
        let number = Number::Nonce(nonce);
        let promise = Promise { plan, holder, redeemer: named, maximum, deadline, number };
        self.check(voucher, redeemer, promise).await
    }

    /// What the voucher of a session is worth to a redeemer: as [`Scrip::check_voucher`], and how much of it is left.
    ///
    /// # Errors
    ///
    /// As [`Scrip::check_voucher`].
    pub async fn check_session(
        &self,
        voucher: &Signed<SessionVoucher>,
        redeemer: Address,
    ) -> Result<VoucherState> {
        let SessionVoucher { plan, holder, redeemer: named, maximum, session, deadline } = voucher.voucher;
        let number = Number::Session(session);
        let promise = Promise { plan, holder, redeemer: named, maximum, deadline, number };
        self.check(voucher, redeemer, promise).await
    }

    /// In the order in which the contract checks.
    async fn check<V: Signable>(
        &self,
        signed: &Signed<V>,
        redeemer: Address,
        promise: Promise,
    ) -> Result<VoucherState> {
        let digest = signed.voucher.signing_hash(&self.domain())?;
        let Promise { holder, redeemer: named, maximum, deadline, .. } = promise;
        if named != redeemer {
            return Ok(VoucherState::OtherRedeemer { redeemer: named });
        }
        let now = Moment::latest(self.provider()).await?;
        if now.time > deadline {
            return Ok(VoucherState::Expired { deadline, now: now.time });
        }
        let verdict = verify(self.provider(), holder, digest, &signed.signature, now.into());
        let (spent, verdict) = try_join(self.spent(&promise, now), verdict).await?;
        let remaining = match spent {
            Ok(spent) if spent >= maximum => return Ok(VoucherState::Spent { maximum, spent }),
            Ok(spent) => maximum - spent,
            Err(over) => return Ok(over),
        };
        Ok(match verdict {
            Verdict::Refused => VoucherState::BadSignature { holder },
            Verdict::Accepted => VoucherState::Good { remaining, deadline },
            Verdict::AcceptedAfter(Deployment { factory, data }) => {
                VoucherState::NotDeployed { factory, data, remaining, deadline }
            }
        })
    }

    /// What was taken before, or why nothing can be taken any more.
    async fn spent(&self, promise: &Promise, at: Moment) -> Result<Result<u64, VoucherState>> {
        let &Promise { plan, holder, redeemer, number, .. } = promise;
        Ok(match number {
            Number::Nonce(nonce) => {
                let used = self.instance().isVoucherUsed(holder, nonce).block(at.into()).call().await?;
                if used { Err(VoucherState::Used { nonce }) } else { Ok(0) }
            }
            Number::Session(session) => {
                let call = self.instance().sessionOf(plan.0, holder, redeemer, session).block(at.into());
                let stored = call.call().await?;
                if stored.revoked { Err(VoucherState::SessionEnded { session }) } else { Ok(stored.spent) }
            }
        })
    }
}
