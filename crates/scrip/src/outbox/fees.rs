//! What is paid for a unit of gas, and how it is raised.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use alloy::{
    consensus::{Transaction, TxEnvelope},
    network::TransactionBuilder,
    providers::{Provider, utils::Eip1559Estimation},
    rpc::types::TransactionRequest,
    transports::RpcError,
};

use super::Manner;
use crate::{Result, clock::Instant, journal::Entry};

/// For how long fees are good enough for writes that are not tried: less than a block of most chains.
const FEES_AGE: Duration = Duration::from_secs(3);

/// A replacement pays at least an eighth more, as nodes ask: most a tenth, some an eighth.
const RAISED_BY: u128 = 8;

/// What is paid for a unit of gas, in wei.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fees {
    Dynamic {
        max: u128,
        priority: u128,
    },
    /// On chains without EIP-1559.
    Legacy {
        price: u128,
    },
}

/// A replacement that is not signed, for it would pay more for a unit of gas than it may, in wei.
#[derive(Debug, Clone, Copy)]
pub(super) struct TooDear {
    pub(super) needed: u128,
    pub(super) most: u128,
}

/// The fees as they were a moment ago.
#[derive(Debug, Default)]
pub(super) struct FeeCache {
    last: Mutex<Option<(Instant, Fees)>>,
}

impl Fees {
    /// What they are now.
    pub(super) async fn of<P: Provider>(provider: &P) -> Result<Self> {
        match provider.estimate_eip1559_fees().await {
            Ok(Eip1559Estimation { max_fee_per_gas: max, max_priority_fee_per_gas: priority }) => {
                Ok(Self::Dynamic { max, priority })
            }
            Err(RpcError::UnsupportedFeature(_)) => {
                Ok(Self::Legacy { price: provider.get_gas_price().await? })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The most that is paid.
    pub(super) const fn most(self) -> u128 {
        match self {
            Self::Dynamic { max, .. } => max,
            Self::Legacy { price } => price,
        }
    }

    /// What replaces an entry's last transaction pays, unless that is more than it may: so many times the first offer, or what any
    /// new write would pay by now.
    pub(super) async fn replacing<P: Provider>(
        provider: &P,
        entry: &Entry,
        manner: &Manner,
    ) -> Result<Result<Self, TooDear>> {
        let (now, first) = (Self::of(provider).await?, entry.first()?.max_fee_per_gas());
        let fees = Self::above(&entry.last()?, now);
        let most = first.saturating_mul(manner.max_raise.into()).max(now.most());
        let most = most.min(manner.max_fee.unwrap_or(u128::MAX));
        Ok(if fees.most() > most { Err(TooDear { needed: fees.most(), most }) } else { Ok(fees) })
    }

    /// What replaces a transaction: enough above what it pays, and not below what is paid now.
    fn above(transaction: &TxEnvelope, now: Self) -> Self {
        let raised = |fee: u128| fee.saturating_add(fee / RAISED_BY).saturating_add(1);
        let max = raised(transaction.max_fee_per_gas());
        match (transaction.max_priority_fee_per_gas(), now) {
            (Some(priority), Self::Dynamic { max: max_now, priority: priority_now }) => {
                Self::Dynamic { max: max.max(max_now), priority: raised(priority).max(priority_now) }
            }
            (_, now) => Self::Legacy { price: max.max(now.most()) },
        }
    }

    /// No more than this.
    pub(super) fn at_most(self, most: Option<u128>) -> Self {
        let Some(most) = most else { return self };
        match self {
            Self::Dynamic { max, priority } => {
                Self::Dynamic { max: max.min(most), priority: priority.min(most) }
            }
            Self::Legacy { price } => Self::Legacy { price: price.min(most) },
        }
    }

    pub(super) fn set(self, call: TransactionRequest) -> TransactionRequest {
        match self {
            Self::Dynamic { max, priority } => {
                call.with_max_fee_per_gas(max).with_max_priority_fee_per_gas(priority)
            }
            Self::Legacy { price } => call.with_gas_price(price),
        }
    }
}

impl FeeCache {
    pub(super) async fn fees<P: Provider>(&self, provider: &P) -> Result<Fees> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, fees)) = last
            && then.elapsed() < FEES_AGE
        {
            return Ok(fees);
        }
        let fees = Fees::of(provider).await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), fees));
        Ok(fees)
    }
}
