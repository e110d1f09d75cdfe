//! The rows of holders in one transaction of the journal: locked first, in one order, and written last.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{
    Holding,
    decide::Account,
    log::{Line, Request},
    sessions::Counters,
};
use crate::{
    account::{as_i64, as_u64},
    problem::Problem,
    sql::{Bind, change_rows, number},
};

/// Locks the rows of holders.
pub(super) const LOCK: &str = "INSERT INTO holdings (plan, holder, turn, purchases) VALUES ROWS \
     ON CONFLICT (plan, holder) DO UPDATE SET turn = holdings.turn \
     RETURNING plan, holder, turn, purchases, gateway_held, gateway_owed, bought_in, gateway_cut";

/// Writes what is held and owed in rows that are locked.
pub(super) const CHANGE: &str = "INSERT INTO holdings (plan, holder, turn, purchases, gateway_held, gateway_owed) VALUES ROWS \
     ON CONFLICT (plan, holder) DO UPDATE SET gateway_held = excluded.gateway_held, gateway_owed = excluded.gateway_owed";

/// The rows of some holders, to be [locked](LOCK), in their order.
pub(super) fn rows<'h>(holdings: impl Iterator<Item = &'h Holding>) -> Vec<Vec<Bind>> {
    let row = |of: &Holding| {
        let [plan, holder] = of.binds();
        vec![plan, holder, Bind::Number(0), Bind::Number(0)]
    };
    holdings.map(row).collect()
}

#[derive(Debug)]
pub(super) struct Books {
    pub(super) accounts: BTreeMap<Holding, Account>,
    /// What was held and owed before.
    before: BTreeMap<Holding, (u64, u64)>,
    pub(super) counters: Counters,
}

impl Books {
    /// What some holders have, by their rows, which are [locked](LOCK).
    pub(super) fn of<'h>(
        holdings: impl Iterator<Item = &'h Holding>,
        rows: &[AnyRow],
    ) -> Result<Self, Problem> {
        let key = |of: &Holding| (of.plan.to_string(), of.holder.to_string());
        let mut named: BTreeMap<_, _> = holdings.map(|of| (key(of), of)).collect();
        let mut accounts = BTreeMap::new();
        for row in rows {
            let Some(of) = named.remove(&(row.try_get(0)?, row.try_get(1)?)) else { continue };
            let account = Account {
                turn: row.try_get(2)?,
                purchases: row.try_get(3)?,
                held: number(row, 4)?,
                owed: number(row, 5)?,
                debt: 0,
                later: None,
                bought_in: row.try_get::<Option<i64>, _>(6)?.map(as_u64),
                cut: number(row, 7)?,
            };
            accounts.insert(of.clone(), account);
        }
        let before =
            accounts.iter().map(|(of, account)| (of.clone(), (account.held, account.owed))).collect();
        Ok(Self { accounts, before, counters: Counters::default() })
    }

    /// A request has ended: what it holds is let go of, and what was delivered is owed.
    pub(super) fn end(&mut self, request: &Request, used: Option<u64>) {
        let owed = used.unwrap_or_default();
        if let Some(account) = self.accounts.get_mut(&request.of()) {
            account.held = account.held.saturating_sub(request.held);
            account.owed = account.owed.saturating_add(owed);
        }
        if let Some(session) = request.session() {
            self.counters.take(&request.of(), session, request.held.saturating_sub(owed));
        }
    }

    /// What was let go of is owed nevertheless. What is said of it.
    pub(super) fn owe_late(&mut self, request: Request, credits: u64, now: u64) -> Line {
        if let Some(account) = self.accounts.get_mut(&request.of()) {
            account.owed = account.owed.saturating_add(credits);
        }
        if let Some(session) = request.session() {
            self.counters.add(&request.of(), session, credits);
        }
        Line::Late(request.owes(credits, now))
    }

    pub(super) async fn write(self, db: &mut AnyConnection) -> Result<(), Problem> {
        let changes = self.write_sessions(db).await?;
        change_rows(db, CHANGE, changes).await?;
        Ok(())
    }

    /// Writes what is counted in sessions; what is left to be [changed](CHANGE).
    pub(super) async fn write_sessions(self, db: &mut AnyConnection) -> Result<Vec<Vec<Bind>>, Problem> {
        self.counters.write(db).await?;
        let changes = self.accounts.iter().filter_map(|(of, account)| {
            let now = (account.held, account.owed);
            (*self.before.get(of)? != now).then(|| {
                let [plan, holder] = of.binds();
                let [held, owed] = [now.0, now.1].map(|credits| Bind::Number(as_i64(credits)));
                vec![plan, holder, Bind::Number(0), Bind::Number(0), held, owed]
            })
        });
        Ok(changes.collect())
    }
}
