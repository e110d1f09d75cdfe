//! What happened to a plan's credits, summed by the day.

use std::collections::BTreeMap;

use alloy::primitives::U256;
use scrip::{Event, PlanId, Record};
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::follow::Halt;
use crate::{
    account::{as_i64, as_u64},
    problem::Problem,
    state::State,
};

/// What happened on a day, of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// How often: each part of a batch counts.
    pub(crate) count: u64,
    /// How many orders at once, together.
    pub(crate) quantity: U256,
    /// Credits; on a time plan periods, where the event counts any.
    pub(crate) credits: U256,
    /// In base units of the plan's token, without the protocol's fee.
    pub(crate) paid: U256,
}

/// A day of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Day {
    /// Since 1970, in UTC.
    pub(crate) number: u64,
    /// `ordered`, `redeemed` and so on.
    pub(crate) kind: String,
    pub(crate) sums: Sums,
}

/// Plan, day and kind.
type Key = (String, i64, &'static str);

/// What a batch of changes adds, and what it takes away.
#[derive(Debug, Default)]
pub(super) struct Changed(BTreeMap<Key, (Sums, Sums)>);

impl Sums {
    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            count: self.count.checked_add(other.count)?,
            quantity: self.quantity.checked_add(other.quantity)?,
            credits: self.credits.checked_add(other.credits)?,
            paid: self.paid.checked_add(other.paid)?,
        })
    }

    fn minus(self, other: Self) -> Option<Self> {
        Some(Self {
            count: self.count.checked_sub(other.count)?,
            quantity: self.quantity.checked_sub(other.quantity)?,
            credits: self.credits.checked_sub(other.credits)?,
            paid: self.paid.checked_sub(other.paid)?,
        })
    }

    /// Of some rows together.
    pub(crate) fn of<'a>(days: impl IntoIterator<Item = &'a Day>) -> Self {
        // More than 2^256 - 1 of anything there is not.
        days.into_iter().fold(Self::default(), |sum, day| sum.plus(day.sums).unwrap_or(sum))
    }

    fn read(row: &AnyRow, at: usize) -> Result<Self, Problem> {
        let number = |column: usize| -> Result<U256, Problem> {
            let text: String = row.try_get(column)?;
            text.parse().map_err(|error| Problem::internal(&error))
        };
        Ok(Self {
            count: as_u64(row.try_get(at)?),
            quantity: number(at + 1)?,
            credits: number(at + 2)?,
            paid: number(at + 3)?,
        })
    }
}

impl Changed {
    /// An event was told, or was taken back.
    pub(super) fn note(&mut self, record: &Record, is_told: bool) {
        let Some((kind, sums)) = sums(&record.event) else { return };
        let plan = record.event.plan().map(|plan| plan.to_string()).unwrap_or_default();
        let (more, less) = self.0.entry((plan, as_i64(record.time / 86_400), kind)).or_default();
        let changed = if is_told { more } else { less };
        *changed = changed.plus(sums).unwrap_or(*changed);
    }

    /// Writes it down.
    pub(super) async fn write(self, db: &mut AnyConnection) -> Result<(), Halt> {
        for ((plan, day, kind), (more, less)) in self.0 {
            let row = sqlx::query(
                "SELECT count, quantity, credits, paid FROM index_days WHERE plan = $1 AND day = $2 AND kind = $3",
            )
            .bind(&plan)
            .bind(day)
            .bind(kind)
            .fetch_optional(&mut *db)
            .await?;
            let before = row.map(|row| Sums::read(&row, 0)).transpose()?.unwrap_or_default();
            let sums = before.plus(more).and_then(|sums| sums.minus(less)).ok_or_else(|| {
                Halt::Broken(format!(
                    "more `{kind}` of plan {plan} was taken back than there was on day {day}"
                ))
            })?;
            sqlx::query(
                "INSERT INTO index_days (plan, day, kind, count, quantity, credits, paid) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                 ON CONFLICT (plan, day, kind) DO UPDATE SET count = $4, quantity = $5, credits = $6, paid = $7",
            )
            .bind(&plan)
            .bind(day)
            .bind(kind)
            .bind(as_i64(sums.count))
            .bind(sums.quantity.to_string())
            .bind(sums.credits.to_string())
            .bind(sums.paid.to_string())
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }
}

/// What an event adds, if it is one that is summed.
fn sums(event: &Event) -> Option<(&'static str, Sums)> {
    let one = |credits: u64| Sums { count: 1, credits: U256::from(credits), ..Sums::default() };
    Some(match event {
        Event::Ordered(event) => {
            let paid = event.paid.saturating_sub(event.fee);
            ("ordered", Sums { quantity: U256::from(event.quantity), paid, ..one(event.credits) })
        }
        Event::Settled(event) => {
            ("settled", Sums { quantity: U256::from(event.quantity), ..one(event.credits) })
        }
        Event::TakenBack(event) => ("taken_back", one(event.amount)),
        Event::TakeBackReversed(event) => ("take_back_reversed", one(event.amount)),
        Event::Minted(event) => ("minted", one(event.amount)),
        Event::Burned(event) => ("burned", one(event.amount)),
        Event::Redeemed(event) => ("redeemed", one(event.amount)),
        Event::BatchRedeemed(event) => {
            let credits = event.uses.iter().map(|one| U256::from(one.amount)).sum();
            ("redeemed", Sums { count: event.uses.len() as u64, credits, ..Sums::default() })
        }
        Event::UsesPaid(event) => {
            ("uses_paid", Sums { paid: event.paid.saturating_sub(event.fee), ..one(event.uses) })
        }
        _ => return None,
    })
}

impl State {
    /// All days of a plan on which something happened, the oldest first.
    pub(crate) async fn days_of(&self, plan: PlanId) -> Result<Vec<Day>, Problem> {
        let rows = sqlx::query(
            "SELECT day, kind, count, quantity, credits, paid FROM index_days WHERE plan = $1 AND count > 0 ORDER BY day, kind",
        )
        .bind(plan.to_string())
        .fetch_all(&self.db)
        .await?;
        let day = |row: &AnyRow| {
            Ok(Day { number: as_u64(row.try_get(0)?), kind: row.try_get(1)?, sums: Sums::read(row, 2)? })
        };
        rows.iter().map(day).collect()
    }
}
