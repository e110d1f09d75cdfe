//! The fund that pays for the gas of managed accounts.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use scrip::Error;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::{
    chain::Actor,
    problem::{Problem, ProblemKind},
};

/// Pays for gas.
pub(crate) struct Fund {
    actor: Actor,
    /// An account that has less is given twice as much, in wei.
    least: U256,
    turns: Mutex<HashMap<Address, Arc<AsyncMutex<()>>>>,
}

/// Nobody else spends an account's coin meanwhile, here.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl Fund {
    pub(crate) fn new(actor: Actor, least: U256) -> Self {
        Self { actor, least, turns: Mutex::default() }
    }

    /// Sees to it that an account can pay for gas. `key` stands for the gift.
    pub(crate) async fn give(&self, account: Address, key: &str) -> Result<(), Error> {
        let _turn = self.turn(account).await;
        let balance = self.actor.provider().get_balance(account).await?;
        if balance < self.least {
            // The same whenever it is repeated, for its key stands for it.
            let gift = self.least * U256::from(2);
            tracing::info!(%account, wei = %gift, "gas for an account");
            self.actor.once(format!("{key} gas")).send_coin(account, gift).await?;
        }
        Ok(())
    }

    /// What it gives is for gas: an account that pays others in coin must keep as much as it can have been given.
    pub(crate) async fn keep(&self, account: Address, price: U256) -> Result<Turn, Problem> {
        let turn = self.turn(account).await;
        let balance = self.actor.provider().get_balance(account).await.map_err(Error::from)?;
        let kept = self.least * U256::from(3);
        if balance < price.saturating_add(kept) {
            let detail = format!(
                "{price} wei are to be paid, and {account} has {balance}, of which {kept} are for gas and stay"
            );
            let lacks = price.saturating_add(kept) - balance;
            return Err(ProblemKind::POOR
                .problem(detail)
                .hint(format!("send {lacks} wei to {account} first")));
        }
        Ok(turn)
    }

    async fn turn(&self, account: Address) -> Turn {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(account).or_default())
        };
        turn.lock_owned().await
    }
}

impl fmt::Debug for Fund {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fund").field("least", &self.least).finish_non_exhaustive()
    }
}
