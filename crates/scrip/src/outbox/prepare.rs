//! What a call needs besides a nonce: fees, gas, and the funds for them.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U64, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use futures_util::future::{try_join, try_join4};
use serde::Deserialize;

use super::{Manner, fees::Fees};
use crate::{Error, Result, clock::Instant};

/// How much more gas a write may need than when it was estimated: until it is mined, all lots of a full account may expire
/// and a new one be begun. What is not used is not paid for.
const MARGIN: u64 = 400_000;

/// The most gas that a transaction may have on any chain (EIP-7825).
const MOST_GAS: u64 = 1 << 24;

/// For how long the gas of a block is believed: it changes by a thousandth from one to the next.
const BLOCK_AGE: Duration = Duration::from_secs(60);

/// The most gas that a transaction may have, as it was a while ago.
#[derive(Debug, Default)]
pub(super) struct MostGas {
    last: Mutex<Option<(Instant, u64)>>,
}

/// A block, of which nothing else is read: each kind of chain has its own.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    gas_limit: U64,
}

impl MostGas {
    async fn most_gas<P: Provider>(&self, provider: &P) -> Result<u64> {
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, most)) = &mut *last() {
            if then.elapsed() < BLOCK_AGE {
                return Ok(*most);
            }
            // One asks again, and the others go on with what is known.
            *then = Instant::now();
        }
        let latest: Option<Block> =
            provider.raw_request("eth_getBlockByNumber".into(), ("latest", false)).await?;
        let latest = latest.ok_or(Error::UnexpectedAnswer("that there is no block"))?;
        let most = latest.gas_limit.to::<u64>().min(MOST_GAS);
        *last() = Some((Instant::now(), most));
        Ok(most)
    }
}

impl super::Outbox {
    /// Completes a call but for its nonce, and says from which nonce on it may be. It is tried, so that what is refused is
    /// refused here, before anything is signed. A call that has its gas already is tried with that, once; an estimate, for which nodes
    /// try a call over and over, is asked for where that does not do.
    pub(crate) async fn prepare<P: Provider>(
        &self,
        provider: &P,
        call: TransactionRequest,
        manner: &Manner,
    ) -> Result<(TransactionRequest, u64)> {
        if let Some(gas) = manner.untried {
            let (fees, most_gas) =
                try_join(self.fees.fees(provider), self.most_gas.most_gas(provider)).await?;
            check_gas(gas, most_gas)?;
            return Ok((fees.at_most(manner.max_fee).set(call).with_gas_limit(gas), 0));
        }
        let payer = call.from.unwrap_or_default();
        let (fees, balance, nonce, most_gas) = try_join4(
            Fees::of(provider),
            async { Ok(provider.get_balance(payer).await?) },
            async { Ok(provider.get_transaction_count(payer).pending().await?) },
            self.most_gas.most_gas(provider),
        )
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
        let with_margin = |needed: u64| needed.saturating_add(MARGIN).min(most_gas);
        if let Some(usual) = call.gas
            && usual <= most_gas
            && check_funds(with_margin(usual)).is_ok()
            && provider.call(call.clone()).await.is_ok()
        {
            return Ok((call.with_gas_limit(with_margin(usual)), nonce));
        }
        let needed = provider.estimate_gas(TransactionRequest { gas: None, ..call.clone() }).await?;
        check_gas(needed, most_gas)?;
        let gas = with_margin(needed);
        check_funds(gas)?;
        Ok((call.with_gas_limit(gas), nonce))
    }
}

/// What no block has room for is not signed: it would never be mined, and what comes after it neither.
const fn check_gas(needed: u64, most: u64) -> Result<()> {
    if needed > most { Err(Error::TooMuchGas { needed, most }) } else { Ok(()) }
}
