//! What a call needs besides a nonce: fees, gas, and the funds for them.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use alloy::{
    consensus::{Transaction, TxEnvelope},
    network::TransactionBuilder,
    primitives::{Address, U256},
    providers::{Provider, utils::Eip1559Estimation},
    rpc::types::TransactionRequest,
    transports::RpcError,
};
use futures_util::future::try_join3;

use super::Manner;
use crate::{Error, Result, clock::Instant};

/// How much more gas a write may need than when it was estimated: until it is mined, all lots of a full account may expire
/// and a new one be begun. What is not used is not paid for.
const MARGIN: u64 = 400_000;

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

    /// What replaces a transaction: enough above what it pays, and not below what is paid now.
    pub(super) fn above(transaction: &TxEnvelope, now: Self) -> Self {
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
    async fn fees<P: Provider>(&self, provider: &P) -> Result<Fees> {
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

impl super::Outbox {
    /// Completes a call but for its nonce, and says from which nonce on it may be. It is tried, so that what is refused is
    /// refused here, before anything is signed.
    pub(crate) async fn prepare<P: Provider>(
        &self,
        provider: &P,
        call: TransactionRequest,
        manner: &Manner,
    ) -> Result<(TransactionRequest, u64)> {
        if let Some(gas) = manner.untried {
            let fees = self.fees.fees(provider).await?.at_most(manner.max_fee);
            return Ok((fees.set(call).with_gas_limit(gas), 0));
        }
        let payer = call.from.unwrap_or_default();
        let (fees, balance, nonce) =
            try_join3(Fees::of(provider), async { Ok(provider.get_balance(payer).await?) }, async {
                Ok(provider.get_transaction_count(payer).pending().await?)
            })
            .await?;
        let fees = fees.at_most(manner.max_fee);
        let value = call.value.unwrap_or_default();
        let check_funds = |gas: u64| {
            let needed = value.saturating_add(U256::from(fees.most()).saturating_mul(U256::from(gas)));
            if balance >= needed {
                return Ok(());
            }
            Err(Error::InsufficientFunds { payer, token: Address::ZERO, needed, available: balance })
        };
        // The least that any transaction costs; nodes answer an estimate for less in many words.
        check_funds(21_000)?;
        let call = fees.set(call);
        let gas = provider.estimate_gas(call.clone()).await?.saturating_add(MARGIN);
        check_funds(gas)?;
        Ok((call.with_gas_limit(gas), nonce))
    }
}
