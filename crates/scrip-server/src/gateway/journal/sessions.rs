//! What is counted in sessions, against the vouchers of their holders.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{
    Held, Holding, Known, NewHold,
    decide::Account,
    log::{Line, Owed},
};
use crate::{
    account::{as_i64, as_u64},
    gateway::voucher::SessionOf,
    problem::Problem,
    sql::change_rows,
};

/// What changes in sessions in one transaction. Whoever changes one has locked its holder's row.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Counters(BTreeMap<(Holding, SessionOf), i64>);

/// What of a session's maximum is counted.
struct Room {
    maximum: u64,
    counted: u64,
}

impl Counters {
    pub(in crate::gateway) fn add(&mut self, of: &Holding, session: SessionOf, credits: u64) {
        self.change(of, session, as_i64(credits));
    }

    pub(in crate::gateway) fn take(&mut self, of: &Holding, session: SessionOf, credits: u64) {
        self.change(of, session, -as_i64(credits));
    }

    fn change(&mut self, of: &Holding, session: SessionOf, credits: i64) {
        let change = self.0.entry((of.clone(), session)).or_default();
        *change = change.saturating_add(credits);
    }

    /// Of a session whose voucher is kept; none where there is none that counts.
    async fn room(
        &self,
        db: &mut AnyConnection,
        of: &Holding,
        session: SessionOf,
    ) -> Result<Option<Room>, Problem> {
        let row = sqlx::query(
            "SELECT maximum, counted FROM gateway_sessions \
             WHERE plan = $1 AND holder = $2 AND redeemer = $3 AND session = $4 AND doubted = 0",
        )
        .bind(of.plan.to_string())
        .bind(of.holder.to_string())
        .bind(session.redeemer.to_string())
        .bind(session.number.to_string())
        .fetch_optional(db)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let change = self.0.get(&(of.clone(), session)).copied().unwrap_or_default();
        let counted = row.try_get::<i64, _>(1)?.saturating_add(change);
        Ok(Some(Room { maximum: as_u64(row.try_get(0)?), counted: as_u64(counted) }))
    }

    /// Writes them. Of a session in which this server signs nothing is counted.
    pub(in crate::gateway) async fn write(self, db: &mut AnyConnection) -> Result<(), Problem> {
        let changes = self.0.into_iter().filter(|((_, session), change)| !session.is_own() && *change != 0);
        let rows = changes
            .map(|((of, session), change)| {
                let [plan, holder] = of.binds();
                let [redeemer, number] = [session.redeemer.to_string(), session.number.to_string()];
                vec![plan, holder, redeemer.into(), number.into(), change.into()]
            })
            .collect();
        change_rows(
            db,
            "UPDATE gateway_sessions SET counted = gateway_sessions.counted + v.column5 FROM (VALUES ROWS) AS v \
             WHERE gateway_sessions.plan = v.column1 AND gateway_sessions.holder = v.column2 \
               AND gateway_sessions.redeemer = v.column3 AND gateway_sessions.session = v.column4",
            rows,
        )
        .await?;
        Ok(())
    }
}

/// Lets a request in that is redeemed by vouchers, if there is room for it in the voucher of its session. What the holder has left
/// unpaid is owed again with it, in the same session: nobody is served for nothing by ending one session after the other.
pub(super) async fn let_in(
    db: &mut AnyConnection,
    hold: &NewHold,
    session: SessionOf,
    (account, known, counters): (&mut Account, &mut Known, &mut Counters),
    (now, at_risk): (u64, u64),
    lines: &mut Vec<Line>,
) -> Result<Held, Problem> {
    let debts = debts(db, hold, session, now).await?;
    let debt = debts.iter().fold(0, |sum: u64, debt| sum.saturating_add(debt.credits));
    let mut room_left = u64::MAX;
    if !session.is_own() {
        let Some(Room { maximum, counted }) = counters.room(db, &hold.of, session).await? else {
            let spent = hold.seen.session.map_or(0, |session| session.spent);
            return Ok(Held::Unvouched { needed: spent.saturating_add(debt).saturating_add(hold.amount) });
        };
        // What its redeemer has taken in it elsewhere.
        let spent = hold.seen.session.map_or(0, |session| session.spent).max(counted);
        counters.add(&hold.of, session, spent - counted);
        let needed = spent.saturating_add(debt).saturating_add(hold.amount);
        if needed > maximum {
            return Ok(Held::Unvouched { needed });
        }
        room_left = maximum - needed;
    }
    account.debt = debt;
    let held = account.decide(db, hold, known, (now, at_risk)).await;
    account.debt = 0;
    let held = held?;
    if matches!(held, Held::In { .. } | Held::AtRisk) && debt > 0 {
        forget(db, &debts).await?;
        lines.extend(debts.into_iter().map(Line::Owed));
        account.owed = account.owed.saturating_add(debt);
        counters.add(&hold.of, session, debt);
    }
    Ok(match held {
        Held::In { left } => {
            counters.add(&hold.of, session, hold.amount);
            Held::In { left: left.min(room_left) }
        }
        held => held,
    })
}

/// What the holder was served, and was not redeemed, as it is owed in this session.
async fn debts(
    db: &mut AnyConnection,
    hold: &NewHold,
    session: SessionOf,
    now: u64,
) -> Result<Vec<Owed>, Problem> {
    let rows = sqlx::query(
        "SELECT id, credits FROM gateway_unpaid \
         WHERE plan = $1 AND holder = $2 AND redeemer = $3 AND session IS NOT NULL",
    )
    .bind(hold.of.plan.to_string())
    .bind(hold.of.holder.to_string())
    .bind(session.redeemer.to_string())
    .fetch_all(db)
    .await?;
    let owed = |row: &AnyRow| {
        Ok(Owed {
            id: row.try_get(0)?,
            plan: hold.of.plan,
            holder: hold.of.holder,
            redeemer: session.redeemer,
            session: Some(session.number),
            credits: as_u64(row.try_get(1)?),
            since: now,
        })
    };
    rows.iter().map(owed).collect()
}

async fn forget(db: &mut AnyConnection, debts: &[Owed]) -> Result<(), Problem> {
    let rows = debts.iter().map(|debt| vec![debt.id.as_str().into()]).collect();
    change_rows(db, "DELETE FROM gateway_unpaid WHERE id IN (ROWS)", rows).await?;
    Ok(())
}
