//! Whether there are enough credits.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{AnyConnection, Row};

use super::{Held, Holding, NewHold};
use crate::{
    account::{as_i64, as_u64},
    gateway::view::Seen,
    holds::Kept,
    problem::Problem,
    sql::for_rows,
};

/// What was found last, and counts until the holder's row has another turn.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What of a holder's credits is kept otherwise than by the gateway.
    otherwise: HashMap<Holding, Otherwise>,
    /// Access tokens that were not revoked, by their hashes, and as of which turn.
    live: HashMap<String, i64>,
    /// Since when these are remembered.
    live_since: Option<Instant>,
}

#[derive(Debug)]
struct Otherwise {
    turn: i64,
    seen: Arc<Seen>,
    credits: u64,
}

/// How many are remembered.
const MANY: usize = 50_000;
/// How long it is remembered that tokens were not revoked, should somebody have written that by hand.
const REMEMBERED: Duration = Duration::from_secs(5);

/// A holder's row, which is locked.
#[derive(Debug)]
pub(in crate::gateway) struct Account {
    pub(super) turn: i64,
    pub(super) purchases: i64,
    /// The block in which was bought last.
    pub(super) bought_in: Option<u64>,
    /// What requests under way hold.
    pub(super) held: u64,
    /// What was served and is not redeemed yet.
    pub(super) owed: u64,
    /// What of that is in a batch.
    pub(super) cut: u64,
    /// What was served, could not be redeemed, and is owed again with the request that is looked at.
    pub(super) debt: u64,
    /// What was taken in a later block than was looked at, once that was asked for.
    pub(super) later: Option<u64>,
}

impl Account {
    /// Lets a request in, if there is enough for it.
    pub(super) async fn decide(
        &mut self,
        db: &mut AnyConnection,
        hold: &NewHold,
        known: &mut Known,
        (now, at_risk): (u64, u64),
    ) -> Result<Held, Problem> {
        let balance = hold.seen.view.balance;
        let bought_in = self.bought_in.filter(|&block| hold.seen.view.block < block);
        if hold.is_time {
            return Ok(match balance {
                0 => Held::Short {
                    available: 0,
                    is_doubtful: false,
                    owes: false,
                    purchases: self.purchases,
                    bought_in,
                },
                _ => Held::In { left: 0 },
            });
        }
        let kept = self.held.saturating_add(self.owed).saturating_add(self.debt);
        if kept.saturating_add(hold.amount) > at_risk {
            return Ok(Held::AtRisk);
        }
        let otherwise = known.otherwise(db, hold, self.turn, now).await?;
        let available = balance.saturating_sub(otherwise).saturating_sub(kept);
        if hold.amount <= available {
            self.held += hold.amount;
            return Ok(Held::In { left: available - hold.amount });
        }
        let later = match self.later {
            Some(later) => later,
            None => *self.later.insert(later(db, hold).await?),
        };
        // What is in a batch may be in the block that was looked at.
        let certain = self.owed.saturating_sub(self.cut).saturating_add(later);
        let is_doubtful = hold.amount <= balance.saturating_sub(certain).saturating_sub(self.debt);
        let owes = self.owed > 0;
        Ok(Held::Short { available, is_doubtful, owes, purchases: self.purchases, bought_in })
    }
}

impl Known {
    async fn otherwise(
        &mut self,
        db: &mut AnyConnection,
        hold: &NewHold,
        turn: i64,
        now: u64,
    ) -> Result<u64, Problem> {
        if let Some(known) = self.otherwise.get(&hold.of)
            && known.turn == turn
            && Arc::ptr_eq(&known.seen, &hold.seen)
        {
            return Ok(known.credits);
        }
        let kept = Kept::read(db, (hold.of.plan, hold.of.holder, ""), &hold.seen.view, now).await?;
        let credits = kept.credits.saturating_sub(kept.gateway);
        if self.otherwise.len() >= MANY {
            self.otherwise.clear();
        }
        self.otherwise.insert(hold.of.clone(), Otherwise { turn, seen: Arc::clone(&hold.seen), credits });
        Ok(credits)
    }

    /// Finds out which tokens were not revoked: those of holders whose rows are locked.
    pub(super) async fn find_live(
        &mut self,
        db: &mut AnyConnection,
        tokens: &BTreeMap<&str, i64>,
    ) -> Result<(), Problem> {
        // Before it is looked for any of these.
        if self.live.len() >= MANY || self.live_since.is_none_or(|since| since.elapsed() > REMEMBERED) {
            self.live.clear();
            self.live_since = Some(Instant::now());
        }
        let unknown = tokens.iter().filter(|(token, turn)| !self.is_live(token, **turn));
        let unknown = unknown.map(|(token, _)| vec![(*token).into()]).collect();
        let live = "SELECT hash FROM permissions WHERE revoked_at IS NULL AND hash IN (ROWS)";
        for row in for_rows(db, live, unknown).await? {
            let token: String = row.try_get(0)?;
            if let Some(turn) = tokens.get(token.as_str()) {
                self.live.insert(token, *turn);
            }
        }
        Ok(())
    }

    pub(super) fn is_live(&self, token: &str, turn: i64) -> bool {
        self.live.get(token) == Some(&turn)
    }
}

/// What was redeemed in a later block than was looked at.
async fn later(db: &mut AnyConnection, hold: &NewHold) -> Result<u64, Problem> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(credits), 0) AS BIGINT) FROM gateway_redeemed \
         WHERE plan = $1 AND holder = $2 AND block > $3",
    )
    .bind(hold.of.plan.to_string())
    .bind(hold.of.holder.to_string())
    .bind(as_i64(hold.seen.view.block))
    .fetch_one(db)
    .await?;
    Ok(as_u64(row.try_get(0)?))
}
