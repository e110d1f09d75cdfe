//! The rows of holders in one transaction of the journal: locked first, in one order, and written last.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::{
    Holding,
    decide::Account,
    log::{Line, Request},
    sessions::Counters,
    write::lock_all,
};
use crate::{
    account::as_i64,
    problem::Problem,
    sql::{Bind, change_rows},
};

#[derive(Debug)]
pub(super) struct Books {
    pub(super) accounts: BTreeMap<Holding, Account>,
    /// What was held and owed before.
    before: BTreeMap<Holding, (u64, u64)>,
    pub(super) counters: Counters,
}

impl Books {
    /// Locks the rows of some holders, who come in their order.
    pub(super) async fn lock(
        db: &mut AnyConnection,
        holdings: impl Iterator<Item = &Holding>,
    ) -> Result<Self, Problem> {
        let accounts = lock_all(db, holdings).await?;
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
        self.counters.write(db).await?;
        let changes = self.accounts.iter().filter_map(|(of, account)| {
            let (held, owed) = self.before.get(of)?;
            let change = |now: u64, before: u64| as_i64(now) - as_i64(before);
            let (held, owed) = (change(account.held, *held), change(account.owed, *owed));
            (held != 0 || owed != 0).then(|| {
                let [plan, holder] = of.binds();
                vec![plan, holder, Bind::Number(0), Bind::Number(0), held.into(), owed.into()]
            })
        });
        change_rows(
            db,
            "INSERT INTO holdings (plan, holder, turn, purchases, gateway_held, gateway_owed) VALUES ROWS \
             ON CONFLICT (plan, holder) DO UPDATE SET gateway_held = holdings.gateway_held + excluded.gateway_held, \
               gateway_owed = holdings.gateway_owed + excluded.gateway_owed",
            changes.collect(),
        )
        .await?;
        Ok(())
    }
}
