//! One transaction of the journal.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sqlx::{AnyConnection, Row};

use super::{
    Batch, End, Held, Holding, Known, NewHold,
    decide::Account,
    sessions::{self, Counters},
};
use crate::{
    account::{as_i64, as_u64},
    problem::Problem,
    sql::{Bind, change_rows, for_rows, number},
    state::State,
};

/// Writes all of it, or nothing: what has become of those who want to be let in, one after the other.
pub(super) async fn write(
    state: &State,
    db: &mut AnyConnection,
    batch: &Batch,
    known: &mut Known,
) -> Result<Vec<Held>, Problem> {
    let mut db = state.write_with(db).await?;
    // The first statement writes: SQLite lets nobody write who has read before others wrote.
    let mut accounts = lock(&mut db, batch).await?;
    let before: BTreeMap<_, _> =
        accounts.iter().map(|(of, account)| (of.clone(), (account.held, account.owed))).collect();
    let mut counters = Counters::default();
    write_ends(state, &mut db, batch, (&mut accounts, &mut counters)).await?;
    let held = if batch.holds.is_empty() {
        Vec::new()
    } else {
        let_in(state, &mut db, batch, (&mut accounts, &mut counters), known).await?
    };
    counters.write(&mut db).await?;
    let changes = accounts
        .iter()
        .filter_map(|(of, account)| {
            let (held, owed) = before.get(of)?;
            let change = |now: u64, before: u64| as_i64(now) - as_i64(before);
            let (held, owed) = (change(account.held, *held), change(account.owed, *owed));
            (held != 0 || owed != 0).then(|| {
                let [plan, holder] = of.binds();
                vec![plan, holder, Bind::Number(0), Bind::Number(0), held.into(), owed.into()]
            })
        })
        .collect();
    change_rows(
        &mut db,
        "INSERT INTO holdings (plan, holder, turn, purchases, gateway_held, gateway_owed) VALUES ROWS \
         ON CONFLICT (plan, holder) DO UPDATE SET gateway_held = holdings.gateway_held + excluded.gateway_held, \
           gateway_owed = holdings.gateway_owed + excluded.gateway_owed",
        changes,
    )
    .await?;
    db.commit().await?;
    Ok(held)
}

impl Holding {
    pub(in crate::gateway) fn binds(&self) -> [Bind; 2] {
        [self.plan.to_string().into(), self.holder.to_string().into()]
    }
}

/// Locks the rows of all holders, in their order.
async fn lock(db: &mut AnyConnection, batch: &Batch) -> Result<BTreeMap<Holding, Account>, Problem> {
    let held = batch.holds.iter().map(|(hold, _)| &hold.of);
    let holdings: BTreeSet<_> = held.chain(batch.ends.iter().map(|(end, _)| &end.of)).collect();
    lock_all(db, holdings.into_iter(), false).await
}

/// Locks the rows of holders, which come in their order; with a new turn if what is known of them is not to count any more.
pub(in crate::gateway) async fn lock_all(
    db: &mut AnyConnection,
    holdings: impl Iterator<Item = &Holding>,
    is_new_turn: bool,
) -> Result<BTreeMap<Holding, Account>, Problem> {
    let turn = Bind::Number(i64::from(is_new_turn));
    let mut named = BTreeMap::new();
    let mut rows = Vec::new();
    for holding in holdings {
        let [plan, holder] = holding.binds();
        named.insert((holding.plan.to_string(), holding.holder.to_string()), holding.clone());
        rows.push(vec![plan, holder, turn.clone(), Bind::Number(0)]);
    }
    let rows = for_rows(
        db,
        "INSERT INTO holdings (plan, holder, turn, purchases) VALUES ROWS \
         ON CONFLICT (plan, holder) DO UPDATE SET turn = holdings.turn + excluded.turn \
         RETURNING plan, holder, turn, purchases, gateway_held, gateway_owed, bought_in",
        rows,
    )
    .await?;
    let mut accounts = BTreeMap::new();
    for row in rows {
        let Some(of) = named.remove(&(row.try_get(0)?, row.try_get(1)?)) else { continue };
        let account = Account {
            turn: row.try_get(2)?,
            purchases: row.try_get(3)?,
            held: number(&row, 4)?,
            owed: number(&row, 5)?,
            debt: 0,
            certain: None,
            bought_in: row.try_get::<Option<i64>, _>(6)?.map(as_u64),
        };
        accounts.insert(of, account);
    }
    Ok(accounts)
}

/// What has ended, and how far what is under way has come.
async fn write_ends(
    state: &State,
    db: &mut AnyConnection,
    batch: &Batch,
    (accounts, counters): (&mut BTreeMap<Holding, Account>, &mut Counters),
) -> Result<(), Problem> {
    let now = state.now_i64();
    let progress: BTreeMap<_, _> = batch.progress.iter().map(|(id, used)| (id, *used)).collect();
    let rows = progress.into_iter().map(|(id, used)| vec![id.as_str().into(), as_i64(used).into()]).collect();
    change_rows(
        db,
        "UPDATE gateway_requests SET used = v.column2 FROM (VALUES ROWS) AS v \
         WHERE gateway_requests.id = v.column1 AND gateway_requests.status = 'held'",
        rows,
    )
    .await?;
    let row = |end: &End| {
        let used = end.used.unwrap_or_default();
        vec![end.id.as_str().into(), end.status().into(), as_i64(used).into(), now.into()]
    };
    let rows = batch.ends.iter().map(|(end, _)| row(end)).collect();
    let ended = for_rows(
        db,
        "UPDATE gateway_requests SET status = v.column2, used = v.column3, settled_at = v.column4, \
           request_key = CASE WHEN v.column2 = 'released' THEN NULL ELSE gateway_requests.request_key END \
         FROM (VALUES ROWS) AS v WHERE gateway_requests.id = v.column1 AND gateway_requests.status = 'held' \
         RETURNING gateway_requests.id",
        rows,
    )
    .await?;
    let mut ended: HashSet<String> = ended.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    for (end, _) in &batch.ends {
        let Some(account) = accounts.get_mut(&end.of) else { continue };
        let owed = end.used.unwrap_or_default();
        let is_ended = ended.remove(&end.id);
        if is_ended {
            account.held = account.held.saturating_sub(end.held);
            account.owed = account.owed.saturating_add(owed);
            if let Some(session) = end.session {
                counters.take(&end.of, session, end.held.saturating_sub(owed));
            }
        } else if owed > 0 && owe_all_the_same(state, db, end).await? {
            account.owed = account.owed.saturating_add(owed);
            if let Some(session) = end.session {
                counters.add(&end.of, session, owed);
            }
        }
        if let Some(answer) = end.answer.as_ref().filter(|_| is_ended) {
            sqlx::query(
                "INSERT INTO gateway_answers (request, status, headers, body, created_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (request) DO NOTHING",
            )
            .bind(&end.id)
            .bind(i64::from(answer.status))
            .bind(&answer.headers)
            .bind(&answer.body)
            .bind(now)
            .execute(&mut *db)
            .await?;
        }
    }
    Ok(())
}

/// What the others have let go of, since they took this process for gone, was delivered nevertheless. What has a key may have been
/// asked again meanwhile, and is paid for then.
async fn owe_all_the_same(state: &State, db: &mut AnyConnection, end: &End) -> Result<bool, Problem> {
    if end.answer.is_some() {
        return Ok(false);
    }
    let owed = sqlx::query(
        "UPDATE gateway_requests SET status = 'owed', used = $1, settled_at = $2 \
         WHERE id = $3 AND status = 'released' AND instance = $4",
    )
    .bind(as_i64(end.used.unwrap_or_default()))
    .bind(state.now_i64())
    .bind(&end.id)
    .bind(&state.instance)
    .execute(db)
    .await?;
    Ok(owed.rows_affected() == 1)
}

impl End {
    const fn status(&self) -> &'static str {
        match self.used {
            None => "released",
            Some(0) => "served",
            Some(_) => "owed",
        }
    }
}

/// Lets in those for whom there is enough, in the order in which they came.
async fn let_in(
    state: &State,
    db: &mut AnyConnection,
    batch: &Batch,
    (accounts, counters): (&mut BTreeMap<Holding, Account>, &mut Counters),
    known: &mut Known,
) -> Result<Vec<Held>, Problem> {
    let (now, at_risk) = (state.now(), state.gate.settings.at_risk);
    let tokens: BTreeSet<_> = batch.holds.iter().map(|(hold, _)| hold.token.as_str()).collect();
    let tokens = tokens.into_iter().map(|token| vec![token.into()]).collect();
    let live = "SELECT hash FROM permissions WHERE revoked_at IS NULL AND hash IN (ROWS)";
    let live = for_rows(db, live, tokens).await?;
    let live: HashSet<String> = live.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let (mut outcomes, mut rows, mut used) =
        (Vec::with_capacity(batch.holds.len()), Vec::new(), HashSet::new());
    for (hold, _) in &batch.holds {
        let outcome = async {
            if !live.contains(&hold.token) {
                return Ok(Held::Revoked);
            }
            if let Some((key, _)) = &hold.key
                && is_there(db, "SELECT 1 FROM gateway_requests WHERE request_key = $1", key).await?
            {
                return Ok(Held::Repeated);
            }
            if hold.is_single_use && used.contains(&hold.token) {
                return Ok(Held::UnderWay);
            }
            if hold.is_single_use
                && let Some(is_used) = use_of(db, hold, now).await?
            {
                return Ok(if is_used { Held::Used } else { Held::UnderWay });
            }
            let Some(account) = accounts.get_mut(&hold.of) else { return Ok(Held::AtRisk) };
            match hold.session {
                Some(session) => {
                    sessions::let_in(db, hold, session, (account, known, counters), (now, at_risk)).await
                }
                None => account.decide(db, hold, known, (now, at_risk)).await,
            }
        };
        let mut outcome: Result<_, Problem> = outcome.await;
        if let Ok(Held::In { .. }) = outcome {
            let row = hold.row(state);
            if hold.key.is_none() {
                rows.push(row);
            } else if insert(db, vec![row]).await? == 0 {
                // The same came to another process.
                if let Some(account) = accounts.get_mut(&hold.of) {
                    account.held = account.held.saturating_sub(hold.credits());
                }
                if let Some(session) = hold.session {
                    counters.take(&hold.of, session, hold.credits());
                }
                outcome = Ok(Held::Repeated);
            }
            if hold.is_single_use {
                used.insert(hold.token.clone());
            }
        }
        outcomes.push(outcome?);
    }
    insert(db, rows).await?;
    Ok(outcomes)
}

async fn insert(db: &mut AnyConnection, rows: Vec<Vec<Bind>>) -> Result<u64, Problem> {
    let inserted = change_rows(
        db,
        "INSERT INTO gateway_requests (id, service, plan, holder, redeemer, token, single_use, held, used, status, instance, \
           request_key, digest, created_at, session) VALUES ROWS ON CONFLICT (request_key) DO NOTHING",
        rows,
    );
    Ok(inserted.await?)
}

impl NewHold {
    /// What is held; nothing on a time plan.
    pub(in crate::gateway) const fn credits(&self) -> u64 {
        if self.is_time { 0 } else { self.amount }
    }

    fn row(&self, state: &State) -> Vec<Bind> {
        let [plan, holder] = self.of.binds();
        let (key, digest) = self.key.clone().unzip();
        vec![
            self.id.as_str().into(),
            self.service.as_str().into(),
            plan,
            holder,
            self.redeemer.to_string().into(),
            self.token.as_str().into(),
            i64::from(self.is_single_use).into(),
            as_i64(self.credits()).into(),
            Bind::Number(0),
            "held".into(),
            state.instance.as_str().into(),
            key.into(),
            digest.into(),
            state.now_i64().into(),
            self.session.map(|session| session.number.to_string()).into(),
        ]
    }
}

async fn is_there(db: &mut AnyConnection, query: &'static str, bind: &str) -> Result<bool, Problem> {
    Ok(sqlx::query(query).bind(bind.to_owned()).fetch_optional(db).await?.is_some())
}

/// Whether a token for one use was used, here or by who verifies it itself; nothing if it is not in use either.
async fn use_of(db: &mut AnyConnection, hold: &NewHold, now: u64) -> Result<Option<bool>, Problem> {
    let rows = sqlx::query(
        "SELECT status FROM gateway_requests WHERE token = $1 AND single_use = 1 AND status <> 'released' \
         UNION ALL SELECT status FROM holds WHERE token = $1 AND (status <> 'held' OR expires_at > $2)",
    )
    .bind(&hold.token)
    .bind(as_i64(now))
    .fetch_all(db)
    .await?;
    let mut is_used = None;
    for row in rows {
        is_used = Some(is_used == Some(true) || row.try_get::<String, _>(0)? != "held");
    }
    Ok(is_used)
}
