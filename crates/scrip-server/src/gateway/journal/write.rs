//! One transaction of the journal.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AnyConnection, Row};

use super::{
    Batch, End, Held, Holding, Known, NewHold,
    books::{self, Books},
    log::{Line, Log, Request},
    sessions,
    short::Short,
    told::Told,
};
use crate::{account::as_i64, problem::Problem, sql::Bind, state::State};

/// Writes all of it, or nothing: what has become of those who want to be let in, one after the other, and whether what has ended
/// stands.
pub(super) async fn write(
    state: &State,
    db: &mut AnyConnection,
    batch: &Batch,
    (log, known): (&mut Log, &mut Known),
) -> Result<(Vec<Held>, Vec<bool>), Problem> {
    let held = batch.holds.iter().map(|(hold, _)| &hold.of);
    let holdings: BTreeSet<_> = held.chain(batch.ends.iter().map(|(end, _)| &end.of)).collect();
    // The first statement writes: SQLite lets nobody write who has read before others wrote.
    let (mut db, rows) = Short::begin(state, db, books::rows(holdings.iter().copied())).await?;
    let mut books = Books::of(holdings.into_iter(), &rows)?;
    let mut lines = Vec::with_capacity(batch.holds.len() + batch.ends.len());
    let stand = write_ends(state, &mut db, batch, (&mut books, log, &mut lines)).await?;
    let held = if batch.holds.is_empty() {
        Vec::new()
    } else {
        let_in(state, &mut db, batch, (&mut books, known, &mut lines)).await?
    };
    let added = db.commit(books, (log, &state.instance), lines).await?;
    log.apply(added);
    Ok((held, stand))
}

impl Holding {
    pub(in crate::gateway) fn binds(&self) -> [Bind; 2] {
        [self.plan.to_string().into(), self.holder.to_string().into()]
    }
}

/// What has ended, and how far what is under way has come. Of what has ended, whether it stands.
async fn write_ends(
    state: &State,
    db: &mut AnyConnection,
    batch: &Batch,
    (books, log, lines): (&mut Books, &Log, &mut Vec<Line>),
) -> Result<Vec<bool>, Problem> {
    let progress: BTreeMap<_, _> = batch.progress.iter().map(|(id, due)| (id, *due)).collect();
    lines.extend(progress.into_iter().map(|(id, due)| Line::Due { id: id.clone(), due }));
    let (mut told, mut stand) = (Told::default(), Vec::with_capacity(batch.ends.len()));
    for (end, _) in &batch.ends {
        stand.push(if let Some(request) = log.open.get(&end.id) {
            books.end(request, end.used);
            told.end(request, end.used, end.answer.as_ref());
            lines.push(Line::Ended { id: end.id.clone(), used: end.used, at: state.now() });
            true
        } else if let Some(request) = log.lost.get(&end.id) {
            // What others have let go of, since they took this process for gone, was delivered nevertheless. What was taken down as
            // delivered is owed already. What has a name may have been asked again meanwhile, and is paid for then.
            let owed = end.used.unwrap_or_default().saturating_sub(request.due);
            let owed = if request.key.is_none() { owed } else { 0 };
            if owed > 0 {
                told.end(request, end.used, None);
            }
            lines.push(books.owe_late(request.clone(), owed, state.now()));
            request.key.is_none()
        } else {
            // It was written, and that was not known; or others have let go of it.
            has_ended(db, end).await?
        });
    }
    told.write(db, state.now_i64()).await?;
    Ok(stand)
}

/// Whether a name, if there is one, stands for this request, and that has ended.
async fn has_ended(db: &mut AnyConnection, end: &End) -> Result<bool, Problem> {
    let Some(name) = &end.name else { return Ok(true) };
    let row =
        sqlx::query("SELECT 1 FROM gateway_keys WHERE name = $1 AND request = $2 AND ended_at IS NOT NULL")
            .bind(name.clone())
            .bind(end.id.clone())
            .fetch_optional(db)
            .await?;
    Ok(row.is_some())
}

/// Lets in those for whom there is enough, in the order in which they came.
async fn let_in(
    state: &State,
    db: &mut AnyConnection,
    batch: &Batch,
    (books, known, lines): (&mut Books, &mut Known, &mut Vec<Line>),
) -> Result<Vec<Held>, Problem> {
    let (now, at_risk) = (state.now(), state.gate.settings.at_risk);
    let tokens = batch.holds.iter().filter_map(|(hold, _)| {
        let account = books.accounts.get(&hold.of)?;
        Some((hold.token.as_str(), account.turn))
    });
    known.find_live(db, &tokens.collect()).await?;
    let mut outcomes = Vec::with_capacity(batch.holds.len());
    for (hold, _) in &batch.holds {
        let Books { accounts, counters, .. } = &mut *books;
        let outcome = async {
            let Some(account) = accounts.get_mut(&hold.of) else { return Ok(Held::AtRisk) };
            if !known.is_live(&hold.token, account.turn) {
                return Ok(Held::Revoked);
            }
            if let Some((key, _)) = &hold.key
                && is_there(db, "SELECT 1 FROM gateway_keys WHERE name = $1", key).await?
            {
                return Ok(Held::Repeated);
            }
            if hold.is_single_use
                && let Some(is_used) = use_of(db, hold, now).await?
            {
                return Ok(if is_used { Held::Used } else { Held::UnderWay });
            }
            match hold.session {
                Some(session) => {
                    sessions::let_in(db, hold, session, (account, known, counters), (now, at_risk), lines)
                        .await
                }
                None => account.decide(db, hold, known, (now, at_risk)).await,
            }
        };
        let mut outcome: Result<_, Problem> = outcome.await;
        if let Ok(Held::In { .. }) = outcome {
            let request = hold.request();
            if name(db, hold).await? {
                lines.push(Line::In(request));
            } else {
                // The same came to another process.
                books.end(&request, None);
                outcome = Ok(Held::Repeated);
            }
        }
        outcomes.push(outcome?);
    }
    Ok(outcomes)
}

/// Takes down what a request is called by its caller, and that its token is in use. Whether it is the first of its name.
async fn name(db: &mut AnyConnection, hold: &NewHold) -> Result<bool, Problem> {
    if let Some((name, digest)) = &hold.key {
        let named = sqlx::query(
            "INSERT INTO gateway_keys (name, digest, request) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
        )
        .bind(name.clone())
        .bind(digest.clone())
        .bind(hold.id.clone())
        .execute(&mut *db)
        .await?;
        if named.rows_affected() == 0 {
            return Ok(false);
        }
    }
    if hold.is_single_use {
        sqlx::query("INSERT INTO gateway_tokens (hash, request, is_used) VALUES ($1, $2, 0)")
            .bind(hold.token.clone())
            .bind(hold.id.clone())
            .execute(db)
            .await?;
    }
    Ok(true)
}

impl NewHold {
    /// What is held; nothing on a time plan.
    pub(in crate::gateway) const fn credits(&self) -> u64 {
        if self.is_time { 0 } else { self.amount }
    }

    /// As it stands in the log.
    fn request(&self) -> Request {
        Request {
            id: self.id.clone(),
            plan: self.of.plan,
            holder: self.of.holder,
            redeemer: self.redeemer,
            held: self.credits(),
            due: 0,
            session: self.session.map(|session| session.number),
            key: self.key.as_ref().map(|(name, _)| name.clone()),
            token: self.is_single_use.then(|| self.token.clone()),
        }
    }
}

async fn is_there(db: &mut AnyConnection, query: &'static str, bind: &str) -> Result<bool, Problem> {
    Ok(sqlx::query(query).bind(bind.to_owned()).fetch_optional(db).await?.is_some())
}

/// Whether a token for one use was used, here or by who verifies it itself; nothing if it is not in use either.
async fn use_of(db: &mut AnyConnection, hold: &NewHold, now: u64) -> Result<Option<bool>, Problem> {
    let rows = sqlx::query(
        "SELECT is_used FROM gateway_tokens WHERE hash = $1 \
         UNION ALL SELECT CAST(CASE WHEN status = 'held' THEN 0 ELSE 1 END AS BIGINT) FROM holds \
         WHERE token = $1 AND (status <> 'held' OR expires_at > $2)",
    )
    .bind(&hold.token)
    .bind(as_i64(now))
    .fetch_all(db)
    .await?;
    let mut is_used = None;
    for row in rows {
        is_used = Some(is_used == Some(true) || row.try_get::<i64, _>(0)? != 0);
    }
    Ok(is_used)
}
