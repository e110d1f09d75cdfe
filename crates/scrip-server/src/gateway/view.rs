//! What holders can spend by the chain, remembered for a moment.
//!
//! A balance that is remembered is one of a block: what was begun here since is subtracted from it, whichever block it will be in, so
//! that remembering it lets nobody spend twice what is spent here. What a holder spends elsewhere is seen within [`AGE`], and so is
//! that it has ended the session of its vouchers.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::primitives::Address;
use scrip::{PlanId, Session};

use super::voucher::SessionOf;
use crate::{
    holds::{MINED_WITHIN, PerUse, View},
    problem::Problem,
    shared::Shared,
    state::State,
};

/// How old a balance may be.
const AGE: Duration = Duration::from_millis(1_500);
/// From which age on it is asked for anew, while the old one counts.
const AGING: Duration = Duration::from_millis(500);
/// By how many seconds is looked further ahead than needs be, so that the next requests need not look.
const AHEAD: u64 = 64;
/// How many are remembered.
const MANY: usize = 50_000;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Look {
    pub(super) plan: PlanId,
    pub(super) holder: Address,
    pub(super) is_time: bool,
    /// What a use costs, of a plan that is paid per use.
    pub(super) per_use: Option<PerUse>,
    /// In which session it is redeemed.
    pub(super) session: Option<SessionOf>,
}

/// A balance that was seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) view: View,
    /// What was taken in the session, if there is one.
    pub(super) session: Option<Session>,
    /// It can still be spent then, in unix seconds.
    end: u64,
    asked: Instant,
    is_renewed: AtomicBool,
}

/// The balances that were seen last.
#[derive(Debug, Default)]
pub(super) struct Views {
    seen: Mutex<HashMap<Look, Arc<Seen>>>,
    asking: Shared<(Look, u64), Arc<Seen>>,
}

impl Views {
    fn seen(&self) -> MutexGuard<'_, HashMap<Look, Arc<Seen>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What of a plan a holder can spend for as long as a request may take, and until it is settled. With `since`, as of a block
    /// that was asked for after that.
    pub(super) async fn seen(
        self: &Arc<Self>,
        look: Look,
        since: Option<Instant>,
    ) -> Result<Arc<Seen>, Problem> {
        let settings = &self.gate.settings;
        let lasts = settings.longest.as_secs();
        // Access is not settled; the view looks as much further as mining takes.
        let lasts = if look.is_time {
            lasts.saturating_sub(MINED_WITHIN)
        } else {
            lasts + settings.settle_after.as_secs()
        };
        let end = self.now() + lasts;
        let known = self.gate.views.seen().get(&look).cloned();
        if let Some(known) = known.filter(|known| known.end >= end) {
            let age = known.asked.elapsed();
            if since.map_or(age < AGE, |since| known.asked > since) {
                if age > AGING && !known.is_renewed.swap(true, Ordering::Relaxed) {
                    let state = Arc::clone(self);
                    tokio::spawn(async move {
                        // Who needs it next is told what is wrong.
                        let _ = state.look_anew(look, end).await;
                    });
                }
                return Ok(known);
            }
        }
        // Boxed, as all is that few requests come to: what is awaited in a request is moved with it.
        Box::pin(self.look_anew(look, end)).await
    }

    async fn look_anew(&self, look: Look, end: u64) -> Result<Arc<Seen>, Problem> {
        // All who ask within some seconds ask the same.
        let end = (end + AHEAD).next_multiple_of(16);
        let seen = self.gate.views.asking.get((look, end), self.look_now(look, end)).await?;
        let mut all = self.gate.views.seen();
        if all.len() >= MANY {
            all.clear();
        }
        all.insert(look, Arc::clone(&seen));
        Ok(seen)
    }

    async fn look_now(&self, look: Look, end: u64) -> Result<Arc<Seen>, Problem> {
        let (asked, now) = (Instant::now(), self.now());
        let Look { plan, holder, per_use, session, .. } = look;
        let view = match per_use {
            Some(per_use) => self.chain.uses(holder, per_use).await?,
            None => self.view(plan, holder, (now, Some(end)), &[]).await?,
        };
        let session = match session {
            Some(of) => Some(self.chain.scrip().session(plan, holder, of.redeemer, of.number).await?),
            None => None,
        };
        Ok(Arc::new(Seen { view, session, end, asked, is_renewed: AtomicBool::new(false) }))
    }
}
