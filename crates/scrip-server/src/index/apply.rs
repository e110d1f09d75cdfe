//! What a history tells, written down.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::Address;
use scrip::{BlockRef, Cursor, Event, Kind, Permissions, PlanId, Position, Record, Terms};
use sqlx::{AnyConnection, Row};

use super::{days::Changed, follow::Halt, lead::Term};
use crate::{
    account::as_i64,
    problem::Problem,
    sql::{Bind, change_rows},
    state::State,
};

/// A change that is to be written.
#[derive(Debug)]
pub(super) enum Step {
    Happened(Box<Record>),
    Removed(Position),
}

impl Step {
    /// How much is written for it, and 1 at least: in how many holders' histories it is, and how long its record is.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Happened(record) => {
                let uses = if let Event::BatchRedeemed(batch) = &record.event { batch.uses.len() } else { 1 };
                holders(&record.event).len().max(uses / 20).max(1)
            }
            Self::Removed(_) => 1,
        }
    }

    /// As it is kept; nothing of what was removed.
    fn text(&self) -> Result<String, Problem> {
        match self {
            Self::Happened(record) => {
                serde_json::to_string(record).map_err(|error| Problem::internal(&error))
            }
            Self::Removed(_) => Ok(String::new()),
        }
    }
}

impl State {
    /// Writes changes and the cursor behind them; and when all up to a block was told, that.
    pub(super) async fn write_batch(
        &self,
        term: Term,
        steps: &[Step],
        cursor: &Cursor,
        reached: Option<BlockRef>,
    ) -> Result<(), Halt> {
        // Before others wait: a batch is long.
        let texts: Vec<_> = steps.iter().map(Step::text).collect::<Result<_, _>>()?;
        let mut db = self.write().await?;
        term.write(&mut db).await?;
        let (mut changed, mut days, mut rows) = (BTreeSet::new(), Changed::default(), Rows::default());
        for (step, text) in steps.iter().zip(texts) {
            let plan = match step {
                Step::Happened(record) => {
                    days.note(record, true);
                    rows.add(record, text)?
                }
                Step::Removed(position) => {
                    rows.write(&mut db).await?;
                    let (plan, record) = removed(&mut db, *position).await?;
                    days.note(&record, false);
                    plan
                }
            };
            changed.extend(plan);
        }
        rows.write(&mut db).await?;
        days.write(&mut db).await?;
        for plan in changed {
            remake_plan(&mut db, &plan).await?;
        }
        sqlx::query("UPDATE index_state SET cursor = $1 WHERE id = 1")
            .bind(cursor.to_string())
            .execute(&mut *db)
            .await?;
        if let Some(block) = reached {
            // What this server has said of these blocks has been told by now, or is not on the chain.
            for passed in [
                "UPDATE index_state SET block = $1 WHERE id = 1",
                "DELETE FROM index_plans WHERE fresh = 1 AND block <= $1",
                "DELETE FROM index_orders WHERE block <= $1",
            ] {
                sqlx::query(passed).bind(as_i64(block.number)).execute(&mut *db).await?;
            }
        }
        Ok(db.commit().await?)
    }
}

/// What is to be written of events, many of them at a time.
#[derive(Debug, Default)]
struct Rows {
    events: Vec<Vec<Bind>>,
    entries: Vec<Vec<Bind>>,
}

impl Rows {
    /// An event, as the text that it is; its plan if that must be made anew.
    fn add(&mut self, record: &Record, text: String) -> Result<Option<String>, Halt> {
        let Position { block, log } = record.position;
        let plan = record.event.plan().map(|plan| plan.to_string());
        let kind = record.event.kind();
        let place = [as_i64(block.number), as_i64(log)];
        self.events.push(vec![
            place[0].into(),
            place[1].into(),
            block.hash.to_string().into(),
            name(kind)?.into(),
            plan.clone().into(),
            text.into(),
        ]);
        // What a batch redeems is listed as if each had been redeemed alone.
        let listed = name(if kind == Kind::BatchRedeemed { Kind::Redeemed } else { kind })?;
        for (holder, lines) in holders(&record.event) {
            let mut row: Vec<_> = [place[0], place[1], lines].map(Bind::from).into();
            row.extend([plan.as_deref().unwrap_or_default(), &holder.to_string(), &listed].map(Bind::from));
            self.entries.push(row);
        }
        Ok(plan.filter(|_| makes_plan(kind)))
    }

    async fn write(&mut self, db: &mut AnyConnection) -> Result<(), Halt> {
        for (statement, rows) in [
            ("INSERT INTO index_events (block, log, hash, kind, plan, record) VALUES ROWS", &mut self.events),
            (
                "INSERT INTO index_entries (block, log, lines, plan, holder, kind) VALUES ROWS",
                &mut self.entries,
            ),
        ] {
            change_rows(db, statement, std::mem::take(rows)).await?;
        }
        Ok(())
    }
}

/// Takes an event away again; its plan if that must be made anew, and the event.
async fn removed(db: &mut AnyConnection, position: Position) -> Result<(Option<String>, Record), Halt> {
    let Position { block, log } = position;
    let event = sqlx::query(
        "DELETE FROM index_events WHERE block = $1 AND log = $2 AND hash = $3 RETURNING plan, kind, record",
    )
    .bind(as_i64(block.number))
    .bind(as_i64(log))
    .bind(block.hash.to_string())
    .fetch_optional(&mut *db)
    .await?
    .ok_or_else(|| Halt::Broken(format!("{position} was removed from the chain and is not in the index")))?;
    sqlx::query("DELETE FROM index_entries WHERE block = $1 AND log = $2")
        .bind(as_i64(block.number))
        .bind(as_i64(log))
        .execute(&mut *db)
        .await?;
    let (plan, kind, text): (Option<String>, String, String) =
        (event.try_get(0)?, event.try_get(1)?, event.try_get(2)?);
    let record = serde_json::from_str(&text).map_err(|error| Problem::internal(&error))?;
    for one in Kind::ALL.into_iter().filter(|kind| makes_plan(*kind)) {
        if name(one)? == kind {
            return Ok((plan, record));
        }
    }
    Ok((None, record))
}

/// Makes a plan of the events that there are of it.
async fn remake_plan(db: &mut AnyConnection, plan: &str) -> Result<(), Halt> {
    let rows = sqlx::query(
        "SELECT block, log, record FROM index_events WHERE plan = $1 \
         AND kind IN ('created', 'ownership_accepted', 'open_set', 'operator_set') ORDER BY block, log",
    )
    .bind(plan)
    .fetch_all(&mut *db)
    .await?;
    let mut made: Option<Made> = None;
    for row in rows {
        let (block, log, text): (i64, i64, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let record: Record = serde_json::from_str(&text).map_err(|error| Problem::internal(&error))?;
        match (record.event, &mut made) {
            (Event::Created(created), made) => {
                let no_terms = || Halt::Broken(format!("plan {plan} was created without terms"));
                let terms = record.terms.ok_or_else(no_terms)?;
                *made =
                    Some(Made { owner: created.owner, open: true, terms, block, log, operators: Vec::new() });
            }
            (Event::OpenSet(set), Some(made)) => made.open = set.open,
            (Event::OwnershipAccepted(accepted), Some(made)) => {
                made.owner = accepted.owner;
                made.operators.clear();
            }
            (Event::OperatorSet(set), Some(made)) => {
                made.operators.retain(|operator| *operator != set.operator);
                if set.permissions != Permissions::NONE {
                    made.operators.push(set.operator);
                }
            }
            _ => {}
        }
    }
    sqlx::query("DELETE FROM index_operators WHERE plan = $1").bind(plan).execute(&mut *db).await?;
    let Some(made) = made else {
        sqlx::query("DELETE FROM index_plans WHERE plan = $1").bind(plan).execute(&mut *db).await?;
        return Ok(());
    };
    let at = (made.block, made.log);
    keep_plan(&mut *db, plan, (made.owner, made.open, &made.terms), at, false).await?;
    for operator in made.operators {
        sqlx::query("INSERT INTO index_operators (plan, operator) VALUES ($1, $2)")
            .bind(plan)
            .bind(operator.to_string())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// A plan, as its events leave it.
struct Made {
    owner: Address,
    open: bool,
    terms: Box<Terms>,
    block: i64,
    log: i64,
    operators: Vec<Address>,
}

/// Writes a plan down. What its events say stands above this server's word, whichever comes first.
pub(super) async fn keep_plan(
    db: &mut AnyConnection,
    plan: &str,
    (owner, open, terms): (Address, bool, &Terms),
    (block, log): (i64, i64),
    fresh: bool,
) -> Result<(), Problem> {
    let terms = serde_json::to_string(terms).map_err(|error| Problem::internal(&error))?;
    sqlx::query(
        "INSERT INTO index_plans (plan, owner, open, terms, block, log, fresh) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (plan) \
         DO UPDATE SET owner = $2, open = $3, terms = $4, block = $5, log = $6, fresh = $7 WHERE $7 = 0",
    )
    .bind(plan)
    .bind(owner.to_string())
    .bind(i64::from(open))
    .bind(terms)
    .bind(block)
    .bind(log)
    .bind(i64::from(fresh))
    .execute(db)
    .await?;
    Ok(())
}

/// Whether events of a kind are what a plan is made of.
const fn makes_plan(kind: Kind) -> bool {
    matches!(kind, Kind::Created | Kind::OpenSet | Kind::OwnershipAccepted | Kind::OperatorSet)
}

/// A kind of event, by the name that the client gives it.
fn name(kind: Kind) -> Result<String, Problem> {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        Ok(other) => Ok(other.to_string()),
        Err(error) => Err(Problem::internal(&error)),
    }
}

/// In whose history an event is, and how many lines of it. What only says the same again in other words is in nobody's.
fn holders(event: &Event) -> BTreeMap<Address, i64> {
    let holder = match event {
        Event::Ordered(event) => event.holder,
        Event::Settled(event) => event.holder,
        Event::TakenBack(event) => event.holder,
        Event::TakeBackReversed(event) => event.holder,
        Event::Minted(event) => event.holder,
        Event::Burned(event) => event.holder,
        Event::Redeemed(event) => event.holder,
        Event::UsesPaid(event) => event.holder,
        Event::Expired(event) => event.holder,
        Event::BatchRedeemed(event) => {
            let mut holders = BTreeMap::new();
            for one in &event.uses {
                *holders.entry(one.holder).or_default() += 1;
            }
            return holders;
        }
        _ => return BTreeMap::new(),
    };
    BTreeMap::from([(holder, 1)])
}

/// The plan of a row.
pub(super) fn read_plan(text: &str) -> Result<PlanId, Problem> {
    text.parse().map_err(|error: scrip::Error| Problem::internal(&error))
}
