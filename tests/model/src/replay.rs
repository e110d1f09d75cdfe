//! The books, rebuilt from nothing but the core's events. It knows no rule but how what is spent leaves the lots.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, LogData, U256},
    sol_types::SolEventInterface,
};
use eyre::{ContextCompat, Result, ensure};

use crate::{
    abi::IScrip::{self, IScripEvents, PriceKind, Settlement},
    model::{Books, Holding, Plan, from_told, place_of, u40},
};

/// What the events have told so far.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// The books.
    pub books: Books,
    /// What the transfers of ERC-1155 add up to, for each plan and holder.
    transfers: BTreeMap<(U256, Address), i128>,
}

impl Replay {
    /// Goes on with the events of a transaction of a time.
    pub fn read(&mut self, logs: &[LogData], now: u64) -> Result<()> {
        let mut events = Vec::new();
        for log in logs {
            events.push(IScripEvents::decode_raw_log(log.topics(), &log.data)?);
        }
        for (place, event) in events.iter().enumerate() {
            self.read_one(event, events.get(place + 1), now)?;
        }
        Ok(())
    }

    fn read_one(&mut self, event: &IScripEvents, next: Option<&IScripEvents>, now: u64) -> Result<()> {
        use IScripEvents as E;
        let books = &mut self.books;
        match event {
            E::PlanCreated(event) => {
                let plan = Plan {
                    owner: event.owner,
                    pending: Address::ZERO,
                    open: true,
                    ordered: 0,
                    terms: event.terms.clone(),
                    operators: BTreeMap::new(),
                };
                ensure!(books.plans.insert(event.planId, plan).is_none(), "a plan is created twice");
            }
            E::OpenSet(event) => self.plan(event.planId)?.open = event.open,
            E::OwnershipOffered(event) => self.plan(event.planId)?.pending = event.pendingOwner,
            E::OwnershipAccepted(event) => {
                let plan = self.plan(event.planId)?;
                (plan.owner, plan.pending) = (event.owner, Address::ZERO);
                plan.operators.clear();
            }
            E::OperatorSet(event) => {
                self.plan(event.planId)?.operators.insert(event.operator, event.permissions);
            }
            E::FeeSet(event) => (books.fee_receiver, books.fee_rate) = (event.receiver, event.rate),
            E::FeeControlOffered(event) => books.pending_controller = event.pendingController,
            E::FeeControlTaken(event) => {
                (books.controller, books.pending_controller) = (event.controller, Address::ZERO);
            }
            E::PlanOrdered(event) => self.read_order(event)?,
            E::PaymentSettled(_) | E::PaymentTakenBack(_) | E::TakeBackReversed(_) => {
                self.read_fiat(event, now)?;
            }
            E::CreditsMinted(event) => {
                self.add(event.planId, event.holder, event.amount, event.expiry.to())?;
            }
            E::CreditsBurned(event) => self.cut(event.planId, event.holder, event.amount, now)?,
            E::CreditsRedeemed(event) => {
                let key = (event.planId, event.redeemer, event.requestId);
                ensure!(books.requests.insert(key), "a request is redeemed twice");
            }
            E::CreditsRedeemedInBatch(event) => {
                for part in &event.uses {
                    let key = (event.planId, event.redeemer, part.requestId);
                    ensure!(books.requests.insert(key), "a request is redeemed twice");
                }
            }
            E::VoucherRedeemed(event) => {
                let (word, bit) = place_of(event.nonce);
                books.nonces.entry((event.holder, word)).or_default().set_bit(bit, true);
            }
            E::SessionSpent(event) => {
                let key = (event.planId, event.holder, event.redeemer, event.session);
                books.sessions.entry(key).or_default().0 = event.spent;
            }
            E::VouchersRevoked(event) => {
                *books.nonces.entry((event.holder, event.word)).or_default() |= event.mask;
            }
            E::SessionRevoked(event) => {
                let key = (event.planId, event.holder, event.redeemer, event.session);
                books.sessions.entry(key).or_default().1 = true;
            }
            E::TransferSingle(event) => self.read_transfer(event, next)?,
            E::CreditsExpired(event) => self.read_expired(event, now)?,
            E::CreditsRedeemedWithoutId(_) | E::UsesPaid(_) | E::FeeUndelivered(_) => {}
        }
        Ok(())
    }

    fn read_order(&mut self, event: &IScrip::PlanOrdered) -> Result<()> {
        self.count(event.planId, event.holder, event.quantity)?;
        self.add(event.planId, event.holder, event.credits, event.expiry.to())
    }

    fn read_fiat(&mut self, event: &IScripEvents, now: u64) -> Result<()> {
        match event {
            IScripEvents::PaymentSettled(event) => {
                self.count(event.planId, event.holder, event.quantity)?;
                let settlement = Settlement {
                    holder: event.holder,
                    expiry: event.expiry,
                    reversed: false,
                    granted: event.credits,
                    takenBack: 0,
                    burned: 0,
                };
                self.books.settlements.insert((event.planId, event.paymentKey), settlement);
                self.add(event.planId, event.holder, event.credits, event.expiry.to())
            }
            IScripEvents::PaymentTakenBack(event) => {
                let key = (event.planId, event.paymentKey);
                let plan = self.plan(event.planId)?;
                let period = if plan.is_time() { plan.period() } else { 0 };
                let settlement = self.books.settlements.get_mut(&key).wrap_err("never settled")?;
                settlement.expiry = u40(settlement.expiry.to::<u64>() - event.burned * period);
                settlement.takenBack += event.amount;
                settlement.burned += event.burned;
                let expiry = from_told(settlement.expiry.to());
                if self.plan(event.planId)?.is_time() {
                    return self.cut(event.planId, event.holder, event.burned, now);
                }
                let taken = self.holding(event.planId, event.holder).take_from(expiry, event.burned);
                ensure!(taken == event.burned, "more was taken back than was there");
                Ok(())
            }
            IScripEvents::TakeBackReversed(event) => {
                let key = (event.planId, event.paymentKey);
                self.books.settlements.get_mut(&key).wrap_err("never settled")?.reversed = true;
                if event.amount == 0 {
                    return Ok(());
                }
                self.add(event.planId, event.holder, event.amount, event.expiry.to())
            }
            _ => Ok(()),
        }
    }

    /// What leaves a holder is spent, the earliest expiry first, unless the event after it says otherwise.
    fn read_transfer(&mut self, event: &IScrip::TransferSingle, next: Option<&IScripEvents>) -> Result<()> {
        let value = i128::try_from(event.value)?;
        if event.from.is_zero() {
            *self.transfers.entry((event.id, event.to)).or_default() += value;
            return Ok(());
        }
        *self.transfers.entry((event.id, event.from)).or_default() -= value;
        let is_told_otherwise = match next {
            Some(IScripEvents::CreditsExpired(next)) => (next.planId, next.holder) == (event.id, event.from),
            Some(IScripEvents::PaymentTakenBack(next)) => {
                (next.planId, next.holder) == (event.id, event.from) && event.value == U256::from(next.burned)
            }
            _ => false,
        };
        if !is_told_otherwise && !self.plan(event.id)?.is_time() {
            let amount = u64::try_from(event.value)?;
            self.holding(event.id, event.from).take(amount);
        }
        Ok(())
    }

    fn read_expired(&mut self, event: &IScrip::CreditsExpired, now: u64) -> Result<()> {
        let is_time = self.plan(event.planId)?.is_time();
        let holding = self.holding(event.planId, event.holder);
        let expired: u128 = if is_time {
            let is_over = holding.end != 0 && holding.end <= now;
            holding.end = 0;
            u128::from(is_over)
        } else {
            let gone = holding.lots.iter().filter(|lot| lot.0 <= now).map(|lot| u128::from(lot.1)).sum();
            holding.lots.retain(|lot| lot.0 > now);
            gone
        };
        ensure!(event.amount == U256::from(expired), "{expired} had expired, not {}", event.amount);
        Ok(())
    }

    /// Whether the transfers add up to what is there, and what has expired and was not told.
    pub fn check_transfers(&self) -> Result<()> {
        for ((id, holder), sum) in &self.transfers {
            let holding = self.books.holdings.get(&(*id, *holder)).cloned().unwrap_or_default();
            let is_time = self.books.plans.get(id).is_some_and(Plan::is_time);
            let held = if is_time {
                i128::from(holding.end != 0)
            } else {
                holding.lots.iter().map(|lot| i128::from(lot.1)).sum()
            };
            ensure!(held == *sum, "transfers to {holder} of plan {id} add up to {sum}, and it has {held}");
        }
        Ok(())
    }

    /// Counts orders, where the terms limit them.
    fn count(&mut self, id: U256, holder: Address, quantity: u32) -> Result<()> {
        let plan = self.plan(id)?;
        plan.count(quantity);
        let limits = plan.terms.limits.clone();
        self.holding(id, holder).count(&limits, quantity);
        Ok(())
    }

    fn add(&mut self, id: U256, holder: Address, amount: u64, expiry: u64) -> Result<()> {
        if self.plan(id)?.is_time() {
            self.holding(id, holder).end = expiry;
        } else {
            self.holding(id, holder).add(from_told(expiry), amount);
        }
        Ok(())
    }

    /// Periods off the end of access; credits were taken when their transfer was read.
    fn cut(&mut self, id: U256, holder: Address, periods: u64, now: u64) -> Result<()> {
        let plan = self.plan(id)?;
        ensure!(
            plan.terms.price.kind != PriceKind::PerUse,
            "there is nothing to burn on a plan paid per use"
        );
        let (is_time, period) = (plan.is_time(), plan.period());
        if is_time {
            self.holding(id, holder).cut(now, periods, period);
        }
        Ok(())
    }

    fn plan(&mut self, id: U256) -> Result<&mut Plan> {
        self.books.plans.get_mut(&id).wrap_err("an event of a plan that was never created")
    }

    fn holding(&mut self, id: U256, holder: Address) -> &mut Holding {
        self.books.holdings.entry((id, holder)).or_default()
    }
}
