//! What a holder has of a plan.

use serde::{Deserialize, Serialize};

use crate::Lot;

/// The lots of a holder, or its access.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// The earliest expiry first, those that never expire last; what has expired stays until the chain says that it is cleared.
    pub(crate) lots: Vec<Lot>,
    /// When access ends or ended, in unix seconds; 0 if there is none.
    pub(crate) end: u64,
    /// The orders counted, where the terms limit them.
    pub(crate) orders: u32,
}

/// So that what never expires comes last.
fn order(lot: &Lot) -> u64 {
    lot.expiry.unwrap_or(u64::MAX)
}

impl Held {
    pub(crate) fn balance_at(&self, time: u64) -> u128 {
        let access = u128::from(self.end > time);
        access + self.live(time).map(|lot| u128::from(lot.amount)).sum::<u128>()
    }

    pub(crate) fn live(&self, time: u64) -> impl Iterator<Item = Lot> {
        self.lots.iter().copied().filter(move |lot| order(lot) > time)
    }

    pub(crate) fn add(&mut self, amount: u64, expiry: Option<u64>) -> Result<(), String> {
        match self.lots.iter_mut().find(|lot| lot.expiry == expiry) {
            Some(lot) => {
                let sum = lot.amount.checked_add(amount);
                lot.amount = sum.ok_or_else(|| format!("{amount} do not fit beside {}", lot.amount))?;
            }
            None if amount == 0 => {}
            None => {
                let lot = Lot { amount, expiry };
                let place = self.lots.partition_point(|other| order(other) < order(&lot));
                self.lots.insert(place, lot);
            }
        }
        Ok(())
    }

    /// Spends, the earliest expiry first. What has expired was cleared before.
    pub(crate) fn spend(&mut self, amount: u64, time: u64) -> Result<(), String> {
        let available = self.balance_at(time);
        if available < u128::from(amount) {
            return Err(format!("{amount} were spent where there were {available}"));
        }
        let expired: u128 = self.expired(time);
        if expired > 0 {
            return Err(format!("{amount} were spent before {expired} that had expired were cleared"));
        }
        let mut rest = amount;
        for lot in &mut self.lots {
            let part = rest.min(lot.amount);
            lot.amount -= part;
            rest -= part;
        }
        self.lots.retain(|lot| lot.amount > 0);
        Ok(())
    }

    /// Takes from the credits of one expiry.
    pub(crate) fn spend_of(&mut self, amount: u64, expiry: Option<u64>) -> Result<(), String> {
        let lot = self.lots.iter_mut().find(|lot| lot.expiry == expiry && lot.amount >= amount);
        let lot = lot.ok_or_else(|| format!("{amount} were taken back that were not there"))?;
        lot.amount -= amount;
        self.lots.retain(|lot| lot.amount > 0);
        Ok(())
    }

    /// Takes whole periods off the end of access; it is over when no more were begun.
    pub(crate) fn shorten(&mut self, periods: u64, period: u64, time: u64) -> Result<(), String> {
        let begun = self.end.saturating_sub(time).div_ceil(period.max(1));
        if periods > begun {
            return Err(format!("{periods} periods of access were taken where {begun} were begun"));
        }
        self.end = if periods == begun { 0 } else { self.end - periods * period };
        Ok(())
    }

    /// Drops what has expired; how much that was.
    pub(crate) fn clear(&mut self, time: u64) -> u128 {
        let expired = self.expired(time) + u128::from(self.end != 0 && self.end <= time);
        self.lots.retain(|lot| order(lot) > time);
        if self.end <= time {
            self.end = 0;
        }
        expired
    }

    fn expired(&self, time: u64) -> u128 {
        self.lots.iter().filter(|lot| order(lot) <= time).map(|lot| u128::from(lot.amount)).sum()
    }
}
