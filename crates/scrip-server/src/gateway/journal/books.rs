//! The rows of holders in one transaction of the journal: locked first, in one order, and written last.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::{
    End, Holding,
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
        let accounts = lock_all(db, holdings, false).await?;
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
    pub(super) fn owe(&mut self, request: Request, credits: u64, now: u64) -> Line {
        if let Some(account) = self.accounts.get_mut(&request.of()) {
            account.owed = account.owed.saturating_add(credits);
        }
        if let Some(session) = request.session() {
            self.counters.add(&request.of(), session, credits);
        }
        Line::Owed(request.owes(credits, now))
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

/// What callers are told of a request when it has ended: that its name and its token are free again, or what was answered.
pub(super) async fn told(
    db: &mut AnyConnection,
    request: &Request,
    end: &End,
    now: i64,
) -> Result<(), Problem> {
    if let Some(name) = &request.key {
        let told = match (end.used, &end.answer) {
            (None, _) => sqlx::query("DELETE FROM gateway_keys WHERE name = $1 AND request = $2")
                .bind(name.clone())
                .bind(request.id.clone()),
            (Some(_), answer) => {
                let (status, headers, body) = match answer.clone() {
                    Some(answer) => (Some(i64::from(answer.status)), Some(answer.headers), Some(answer.body)),
                    None => (None, None, None),
                };
                sqlx::query(
                    "UPDATE gateway_keys SET ended_at = $3, status = $4, headers = $5, body = $6 \
                     WHERE name = $1 AND request = $2",
                )
                .bind(name.clone())
                .bind(request.id.clone())
                .bind(now)
                .bind(status)
                .bind(headers)
                .bind(body)
            }
        };
        told.execute(&mut *db).await?;
    }
    if let Some(hash) = &request.token {
        let told = match end.used {
            None => "DELETE FROM gateway_tokens WHERE hash = $1 AND request = $2",
            Some(_) => "UPDATE gateway_tokens SET is_used = 1 WHERE hash = $1 AND request = $2",
        };
        sqlx::query(told).bind(hash.clone()).bind(request.id.clone()).execute(db).await?;
    }
    Ok(())
}
