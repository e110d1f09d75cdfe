//! The books, rebuilt from nothing but events.

mod apply;
mod book;
mod compare;
mod held;

use std::collections::VecDeque;

use alloy::primitives::{Address, B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use self::{book::Book, held::Held};
pub use compare::{Amounts, Difference};

use crate::{
    Change, Error, Fee, Lot, Permissions, Plan, PlanId, Position, Record, RequestId, Result, Session,
    Settlement,
};

/// All that events tell: plans, what every holder has of them, and what was redeemed, settled and revoked.
///
/// It takes the changes of a [`History`](crate::History) of all kinds, in their order, and undoes what a reorg removed. It asks
/// no node for anything, so that [`Ledger::compare`] compares two things. Look at it between blocks: in the middle of a
/// transaction it may have seen an event and not yet the one that explains it. A stream's `Reached` says when.
///
/// It can be stored, with the cursor up to which it has followed: `serde` writes all of it.
///
/// ```
/// use futures_util::TryStreamExt;
/// use scrip::{Cursor, Ledger};
/// # use scrip::Terms;
/// # use scrip_devnet::Devnet;
/// # #[tokio::main]
/// # async fn main() -> eyre::Result<()> {
/// # let devnet = Devnet::start().await?;
/// # let scrip = devnet.scrip("builder").await?;
/// # let plan = scrip.create_plan(&Terms::credits("Trial", 10)).await?.plan;
/// # let holder = scrip.signer();
/// # scrip.order(plan).await?;
///
/// let mut ledger = Ledger::default();
/// let mut updates = scrip.history().until(scrip_block(&scrip).await?).updates();
/// while let Some(update) = updates.try_next().await? {
///     ledger.follow(&update.change)?;
/// }
/// assert_eq!(ledger.lots_at(plan, holder, devnet.now().await?)[0].amount, 10);
/// # Ok(())
/// # }
/// # async fn scrip_block<P: scrip::alloy::providers::Provider>(scrip: &scrip::Scrip<P>) -> eyre::Result<u64> {
/// #     Ok(scrip.provider().get_block_number().await?)
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    plans: Book<PlanId, Plan>,
    operators: Book<(PlanId, Address), Permissions>,
    held: Book<(PlanId, Address), Held>,
    redeemed: Book<(PlanId, Address, RequestId), ()>,
    settlements: Book<(PlanId, B256), Settlement>,
    vouchers: Book<(Address, U256), U256>,
    sessions: Book<(PlanId, Address, Address, U256), Session>,
    fee: Book<(), Fee>,
    /// Credits that have left a holder, until the next event says how.
    leaving: Book<(), Leaving>,
    /// The last steps that can be undone.
    steps: VecDeque<Position>,
    /// How many steps there were.
    count: u64,
    /// Of how many blocks the steps can be undone.
    window: u64,
}

/// Credits that have left a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Leaving {
    plan: PlanId,
    holder: Address,
    amount: U256,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            plans: Book::default(),
            operators: Book::default(),
            held: Book::default(),
            redeemed: Book::default(),
            settlements: Book::default(),
            vouchers: Book::default(),
            sessions: Book::default(),
            fee: Book::default(),
            leaving: Book::default(),
            steps: VecDeque::new(),
            count: 0,
            window: 128,
        }
    }
}

impl Ledger {
    /// Of how many blocks what they did can be undone, 128 by default: as many as the window of the history that it follows.
    pub fn with_window(self, blocks: u64) -> Self {
        Self { window: blocks, ..self }
    }

    /// Follows a change.
    ///
    /// # Errors
    ///
    /// As [`Ledger::apply`] and [`Ledger::undo`].
    pub fn follow(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::Happened(record) => self.apply(record),
            Change::Removed(position) => self.undo(*position),
            Change::Reached(_) => Ok(()),
        }
    }

    /// Enters an event.
    ///
    /// # Errors
    ///
    /// [`Error::HistoryGap`] when it does not follow from those before it: one of them is missing, or it came before. Nothing
    /// is entered then.
    pub fn apply(&mut self, record: &Record) -> Result<()> {
        let position = record.position;
        let gap = |reason| Error::HistoryGap { position: position.to_string(), reason };
        if let Some(last) = self.steps.back().filter(|last| last.order() >= position.order()) {
            return Err(gap(format!("it comes after {last}")));
        }
        self.count += 1;
        self.steps.push_back(position);
        if let Err(reason) = self.enter(record) {
            self.take_step_back();
            return Err(gap(reason));
        }

        let kept = position.block.number.saturating_sub(self.window);
        while self.steps.pop_front_if(|step| step.block.number < kept).is_some() {
            let step = self.count - self.steps.len() as u64;
            self.each_book(|book| book.forget_step(step));
        }
        Ok(())
    }

    /// Undoes the last event that was entered.
    ///
    /// # Errors
    ///
    /// [`Error::HistoryGap`] when that is another one, or further back than can be undone.
    pub fn undo(&mut self, position: Position) -> Result<()> {
        match self.steps.back() {
            Some(last) if *last == position => {
                self.take_step_back();
                Ok(())
            }
            last => {
                let last = last.map_or_else(|| "none".to_owned(), ToString::to_string);
                let reason = format!("it cannot be removed, for the last one that can is {last}");
                Err(Error::HistoryGap { position: position.to_string(), reason })
            }
        }
    }

    fn take_step_back(&mut self) {
        let step = self.count;
        self.each_book(|book| book.undo_step(step));
        self.steps.pop_back();
        self.count -= 1;
    }

    fn each_book(&mut self, mut act: impl FnMut(&mut dyn Steps)) {
        act(&mut self.plans);
        act(&mut self.operators);
        act(&mut self.held);
        act(&mut self.redeemed);
        act(&mut self.settlements);
        act(&mut self.vouchers);
        act(&mut self.sessions);
        act(&mut self.fee);
        act(&mut self.leaving);
    }

    /// The last event that was entered and can be undone.
    pub fn last(&self) -> Option<Position> {
        self.steps.back().copied()
    }

    /// All plans.
    pub fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter().map(|(_, plan)| plan)
    }

    /// A plan.
    pub fn plan(&self, plan: PlanId) -> Option<&Plan> {
        self.plans.get(&plan)
    }

    /// What an operator may do for a plan.
    pub fn permissions(&self, plan: PlanId, operator: Address) -> Permissions {
        self.operators.get(&(plan, operator)).copied().unwrap_or_default()
    }

    /// Who has or had something of which plan.
    pub fn holders(&self) -> impl Iterator<Item = (PlanId, Address)> {
        self.held.iter().map(|(key, _)| *key)
    }

    /// What a holder could or can spend at a time, in unix seconds, if nothing is added or taken until then; on a time plan 1
    /// while access lasts.
    pub fn balance_at(&self, plan: PlanId, holder: Address, time: u64) -> u128 {
        self.held.get(&(plan, holder)).map_or(0, |held| held.balance_at(time))
    }

    /// A holder's lots that are alive at a time, in unix seconds, in the order in which they are spent.
    pub fn lots_at(&self, plan: PlanId, holder: Address, time: u64) -> Vec<Lot> {
        self.held.get(&(plan, holder)).map(|held| held.live(time).collect()).unwrap_or_default()
    }

    /// When a holder's access ends or ended, in unix seconds; none if it has had none, and on a credits plan.
    pub fn access_end(&self, plan: PlanId, holder: Address) -> Option<u64> {
        self.held.get(&(plan, holder)).map(|held| held.end).filter(|end| *end != 0)
    }

    /// The orders counted for a holder, where the terms limit them for each.
    pub fn orders_of(&self, plan: PlanId, holder: Address) -> u32 {
        self.held.get(&(plan, holder)).map_or(0, |held| held.orders)
    }

    /// Whether a redeemer has redeemed a request.
    pub fn is_redeemed(&self, plan: PlanId, redeemer: Address, request: impl Into<RequestId>) -> bool {
        self.redeemed.get(&(plan, redeemer, request.into())).is_some()
    }

    /// What is known of a payment of a fiat plan, if it was settled.
    pub fn settlement(&self, plan: PlanId, payment_id: &str) -> Option<Settlement> {
        self.settlements.get(&(plan, keccak256(payment_id))).copied()
    }

    /// Whether a voucher's nonce is used up or revoked.
    pub fn is_voucher_used(&self, holder: Address, nonce: U256) -> bool {
        let word = self.vouchers.get(&(holder, nonce >> 8));
        word.is_some_and(|word| word.bit(usize::from(nonce.byte(0))))
    }

    /// What was taken in a session.
    pub fn session(&self, plan: PlanId, holder: Address, redeemer: Address, session: U256) -> Session {
        let none = Session { spent: 0, revoked: false };
        self.sessions.get(&(plan, holder, redeemer, session)).copied().unwrap_or(none)
    }

    /// The protocol's fee; none before it was ever set.
    pub fn fee(&self) -> Option<Fee> {
        self.fee.get(&()).copied()
    }
}

/// A book, whatever is in it.
trait Steps {
    fn undo_step(&mut self, step: u64);
    fn forget_step(&mut self, step: u64);
}

impl<K: Ord + Copy, V: Clone> Steps for Book<K, V> {
    fn undo_step(&mut self, step: u64) {
        self.undo(step);
    }

    fn forget_step(&mut self, step: u64) {
        self.forget(step);
    }
}
