//! The log of a process: what it has let in, what has ended, and what of that is in a batch.
//!
//! It is in the database, a row for each transaction of the journal, and here as what its rows come to. Only its process adds to it, and
//! the numbers of the rows have no gaps. Another that takes this one for gone ends the log with an empty row: if this process lives
//! after all, the number of its next row is taken, and it learns of it so, before it has written anything.

use std::collections::{BTreeMap, HashMap, VecDeque};

use alloy::primitives::{Address, U256};
use scrip::PlanId;
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row};

use super::{Counters, Holding};
use crate::{
    gateway::voucher::SessionOf,
    problem::{Problem, ProblemKind},
    sql::Script,
};

/// How many characters of it may be without use, and how many one request has in it, roughly.
const SPARE: usize = 1 << 20;
const EACH: usize = 300;

/// A request that was let in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::gateway) struct Request {
    pub(super) id: String,
    pub(super) plan: PlanId,
    pub(super) holder: Address,
    pub(super) redeemer: Address,
    /// The most credits that it may take; 0 on a time plan.
    pub(super) held: u64,
    /// The credits for what was delivered so far, of a stream.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) due: u64,
    /// In which session it is redeemed, where the plan requires vouchers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<U256>,
    /// What its caller calls it, as it is in the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// The hash of its access token, where that is for one use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
}

/// What was served, and is in no batch yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::gateway) struct Owed {
    pub(in crate::gateway) id: String,
    pub(in crate::gateway) plan: PlanId,
    pub(in crate::gateway) holder: Address,
    pub(in crate::gateway) redeemer: Address,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::gateway) session: Option<U256>,
    pub(in crate::gateway) credits: u64,
    /// Since when, in unix seconds.
    pub(in crate::gateway) since: u64,
}

/// What of a plan one account redeems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::gateway) struct Group {
    pub(in crate::gateway) plan: PlanId,
    pub(in crate::gateway) redeemer: Address,
    /// Whether that is done with vouchers.
    pub(in crate::gateway) is_vouched: bool,
}

/// What a log says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// What was said before counts no longer: all that does is said again.
    Anew,
    /// A request was let in.
    In(Request),
    /// So many credits are due for what of it was delivered so far.
    Due { id: String, due: u64 },
    /// It has ended. The credits for what was delivered; none where nothing was.
    Ended { id: String, used: Option<u64>, at: u64 },
    /// Something is owed.
    Owed(Owed),
    /// What others have let go of has ended, and so much of it is owed.
    Late(Owed),
    /// So many of a group are in a batch: those that were owed first.
    Cut { group: Group, count: usize },
}

/// What a group owes, in its order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) owed: VecDeque<Owed>,
    pub(super) credits: u64,
}

#[derive(Debug, Default)]
pub(in crate::gateway) struct Log {
    /// The number of its next row.
    next: i64,
    /// How many characters its rows have.
    length: usize,
    pub(super) open: HashMap<String, Request>,
    pub(super) queues: BTreeMap<Group, Queue>,
    /// What was open when another process took this one for gone.
    pub(super) lost: HashMap<String, Request>,
    /// Whether nobody adds to it any more, as far as it was read.
    is_closed: bool,
}

/// A row that was added, once that is committed.
#[derive(Debug)]
#[must_use]
pub(super) struct Added {
    lines: Vec<Line>,
    length: usize,
    /// Whether it says all that those before it have said.
    is_restated: bool,
}

/// A row that is to be added.
struct Said {
    entries: String,
    added: Added,
}

/// What is said to those whose transaction came to a log that others have ended.
fn taken_over() -> Problem {
    ProblemKind::BUSY.problem("others have taken this process for gone").hint("try again: it goes on")
}

impl Request {
    pub(in crate::gateway) const fn of(&self) -> Holding {
        Holding { plan: self.plan, holder: self.holder }
    }

    pub(super) fn session(&self) -> Option<SessionOf> {
        self.session.map(|number| SessionOf { redeemer: self.redeemer, number })
    }

    pub(super) fn owes(self, credits: u64, since: u64) -> Owed {
        let Self { id, plan, holder, redeemer, session, .. } = self;
        Owed { id, plan, holder, redeemer, session, credits, since }
    }
}

impl Owed {
    pub(in crate::gateway) const fn of(&self) -> Holding {
        Holding { plan: self.plan, holder: self.holder }
    }

    const fn group(&self) -> Group {
        Group { plan: self.plan, redeemer: self.redeemer, is_vouched: self.session.is_some() }
    }
}

impl Log {
    /// What the log of a process comes to.
    pub(in crate::gateway) async fn read(db: &mut AnyConnection, instance: &str) -> Result<Self, Problem> {
        let mut log = Self::default();
        log.catch_up(db, instance).await?;
        Ok(log)
    }

    /// Reads what is not known yet: all of it at first, and later what it is not known of whether it was written.
    pub(super) async fn catch_up(&mut self, db: &mut AnyConnection, instance: &str) -> Result<(), Problem> {
        let mut rows = rows(db, instance, self.next - 1).await?;
        if self.next > 0 {
            match rows.first() {
                Some((number, _)) if *number == self.next - 1 => drop(rows.remove(0)),
                // What was before it is said again, or is another's.
                Some((_, entries)) if entries.is_empty() || entries.starts_with(ANEW) => {}
                // The database has lost what it had committed: only what it has counts.
                _ => {
                    *self = Self { lost: std::mem::take(&mut self.lost), ..Self::default() };
                    rows = self::rows(db, instance, 0).await?;
                }
            }
        }
        for (number, entries) in rows {
            if entries.is_empty() {
                self.end(number);
                continue;
            }
            let lines = serde_json::from_str(&entries).map_err(|error| Problem::internal(&error))?;
            self.next = number;
            self.apply(Added { lines, length: entries.len(), is_restated: entries.starts_with(ANEW) });
        }
        Ok(())
    }

    /// Adds a row that says nothing, so that nothing is written any more of which it is not known whether it was; unless that was.
    pub(super) async fn fence(&mut self, db: &mut AnyConnection, instance: &str) -> Result<bool, Problem> {
        let is_added = insert(db, instance, (self.next, "[]")).await?;
        if is_added {
            self.apply(Added { lines: Vec::new(), length: 2, is_restated: false });
        }
        Ok(is_added)
    }

    /// Another process has taken it over. What of that is being delivered here is owed when it has ended, unless it is not known what
    /// had been written of it: then it is free.
    fn end(&mut self, number: i64) {
        let open = std::mem::take(&mut self.open);
        if number == self.next {
            self.lost.extend(open);
        } else {
            // What had ended late may be owed by the other already.
            self.lost.clear();
        }
        self.queues.clear();
        (self.next, self.length, self.is_closed) = (number + 1, 0, true);
    }

    /// What sessions are counted less without it.
    pub(in crate::gateway) fn uncounted(&self) -> Counters {
        let mut counters = Counters::default();
        for request in self.open.values() {
            if let Some(session) = request.session() {
                counters.take(&request.of(), session, request.held);
            }
        }
        for owed in self.queues.values().flat_map(|queue| &queue.owed) {
            if let Some(number) = owed.session {
                counters.take(&owed.of(), SessionOf { redeemer: owed.redeemer, number }, owed.credits);
            }
        }
        counters
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Adds a row, in a transaction; none where there is nothing to be said.
    pub(super) async fn add(
        &self,
        db: &mut AnyConnection,
        instance: &str,
        lines: Vec<Line>,
    ) -> Result<Option<Added>, Problem> {
        let Some(Said { entries, added }) = self.say(lines)? else { return Ok(None) };
        if !insert(db, instance, (self.next, &entries)).await? {
            return Err(taken_over());
        }
        if added.is_restated {
            self.remove(db, instance).await?;
        }
        Ok(Some(added))
    }

    /// The same, and the transaction is committed, by a script that ends before that where others have ended the log.
    pub(super) async fn add_and_commit(
        &self,
        db: &mut AnyConnection,
        instance: &str,
        lines: Vec<Line>,
        before: Script,
    ) -> Result<Option<Added>, Problem> {
        let said = self.say(lines)?;
        if said.as_ref().is_some_and(|said| said.added.is_restated) {
            self.remove(db, instance).await?;
        }
        let row =
            said.as_ref().map(|said| vec![instance.into(), self.next.into(), said.entries.clone().into()]);
        let log = "INSERT INTO gateway_log (instance, number, entries) VALUES ROWS";
        let script = before.then_for(log, row.into_iter().collect()).then("COMMIT");
        match script.run(db).await {
            Ok(_) => Ok(said.map(|said| said.added)),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(taken_over()),
            Err(error) => Err(error.into()),
        }
    }

    /// What its next row is to say, if there is anything to be said.
    fn say(&self, lines: Vec<Line>) -> Result<Option<Said>, Problem> {
        if lines.is_empty() {
            return Ok(None);
        }
        let count = self.open.len() + self.queues.values().map(|queue| queue.owed.len()).sum::<usize>();
        let is_restated = self.length > SPARE + 4 * EACH * count;
        let written = match is_restated {
            true => serde_json::to_string(&self.restated(&lines)),
            false => serde_json::to_string(&lines),
        };
        let entries = written.map_err(|error| Problem::internal(&error))?;
        let added = Added { lines, length: entries.len(), is_restated };
        Ok(Some(Said { entries, added }))
    }

    /// Ends it, so that nobody adds to it any more, and removes what it says; unless there is more of it than was read.
    pub(super) async fn close(&self, db: &mut AnyConnection, instance: &str) -> Result<bool, Problem> {
        if !insert(db, instance, (self.next, "")).await? {
            return Ok(false);
        }
        // What was said anew meanwhile may have taken the row away that was in the way of this.
        let more = sqlx::query("SELECT 1 FROM gateway_log WHERE instance = $1 AND number > $2")
            .bind(instance.to_owned())
            .bind(self.next);
        if more.fetch_optional(&mut *db).await?.is_some() {
            return Ok(false);
        }
        self.remove(db, instance).await?;
        Ok(true)
    }

    /// Removes the rows before its next.
    async fn remove(&self, db: &mut AnyConnection, instance: &str) -> Result<(), Problem> {
        sqlx::query("DELETE FROM gateway_log WHERE instance = $1 AND number < $2")
            .bind(instance.to_owned())
            .bind(self.next)
            .execute(db)
            .await?;
        Ok(())
    }

    /// All of it that still counts, and what is said now.
    fn restated(&self, lines: &[Line]) -> Vec<Line> {
        let open = self.open.values().cloned().map(Line::In);
        let owed = self.queues.values().flat_map(|queue| &queue.owed).cloned().map(Line::Owed);
        [Line::Anew].into_iter().chain(open).chain(owed).chain(lines.iter().cloned()).collect()
    }

    /// A row was added.
    pub(super) fn apply(&mut self, added: impl Into<Option<Added>>) {
        let Some(Added { lines, length, is_restated }) = added.into() else { return };
        self.next += 1;
        self.length = if is_restated { length } else { self.length + length };
        self.is_closed = false;
        for line in lines {
            self.note(line);
        }
    }

    fn note(&mut self, line: Line) {
        match line {
            Line::Anew => {
                self.open.clear();
                self.queues.clear();
            }
            Line::In(request) => {
                self.open.insert(request.id.clone(), request);
            }
            Line::Due { id, due } => {
                if let Some(request) = self.open.get_mut(&id) {
                    request.due = due;
                }
            }
            Line::Ended { id, used, at } => {
                let Some(request) = self.open.remove(&id) else { return };
                if let Some(used) = used.filter(|used| *used > 0) {
                    self.note(Line::Owed(request.owes(used, at)));
                }
            }
            Line::Owed(owed) => {
                let queue = self.queues.entry(owed.group()).or_default();
                queue.credits = queue.credits.saturating_add(owed.credits);
                queue.owed.push_back(owed);
            }
            Line::Late(owed) => {
                self.lost.remove(&owed.id);
                if owed.credits > 0 {
                    self.note(Line::Owed(owed));
                }
            }
            Line::Cut { group, count } => {
                let Some(queue) = self.queues.get_mut(&group) else { return };
                for owed in queue.owed.drain(..count.min(queue.owed.len())) {
                    queue.credits = queue.credits.saturating_sub(owed.credits);
                }
                if queue.owed.is_empty() {
                    self.queues.remove(&group);
                }
            }
        }
    }
}

/// How a row begins that says all again.
const ANEW: &str = r#"["anew""#;

/// The rows of a log from a number on.
async fn rows(db: &mut AnyConnection, instance: &str, from: i64) -> Result<Vec<(i64, String)>, Problem> {
    let rows = sqlx::query(
        "SELECT number, entries FROM gateway_log WHERE instance = $1 AND number >= $2 ORDER BY number",
    )
    .bind(instance.to_owned())
    .bind(from)
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Adds a row, unless its number is taken.
async fn insert(
    db: &mut AnyConnection,
    instance: &str,
    (number, entries): (i64, &str),
) -> Result<bool, Problem> {
    let inserted = sqlx::query(
        "INSERT INTO gateway_log (instance, number, entries) VALUES ($1, $2, $3) ON CONFLICT (instance, number) DO NOTHING",
    )
    .bind(instance.to_owned())
    .bind(number)
    .bind(entries.to_owned())
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_none(credits: &u64) -> bool {
    *credits == 0
}

#[cfg(test)]
mod tests;
