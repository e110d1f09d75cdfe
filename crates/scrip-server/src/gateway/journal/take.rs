//! Taking over the log of a process that is gone: nothing of what it let in is being delivered any more.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::{
    Holding,
    books::{self, Books},
    log::{Line, Log},
    told::Told,
};
use crate::{problem::Problem, sql::for_rows, state::State};

/// Lets go of what it held. What was owed, and what of a stream was taken down as delivered, is owed by this process's log.
pub(super) async fn take_over(
    state: &State,
    db: &mut AnyConnection,
    log: &mut Log,
    instance: &str,
) -> Result<(), Problem> {
    let taken = Log::read(db, instance).await?;
    if taken.is_closed() {
        return Ok(());
    }
    let mut db = state.write_with(db).await?;
    let holdings: BTreeSet<Holding> = taken.open.values().map(|request| request.of()).collect();
    let rows = for_rows(&mut db, books::LOCK, books::rows(holdings.iter())).await?;
    let mut books = Books::of(holdings.iter(), &rows)?;
    // Should it live after all, it goes on; or another process was faster.
    if !taken.close(&mut db, instance).await? {
        return Ok(db.rollback().await?);
    }
    let owed = taken.queues.into_values().flat_map(|queue| queue.owed);
    let mut lines: Vec<_> = owed.map(Line::Owed).collect();
    let mut told = Told::default();
    for (id, request) in taken.open {
        let used = Some(request.due).filter(|due| *due > 0);
        tracing::info!(request = id, used, "a request that was left is ended");
        books.end(&request, used);
        told.end(&request, used, None);
        if let Some(used) = used {
            lines.push(Line::Owed(request.owes(used, state.now())));
        }
    }
    told.write(&mut db, state.now_i64()).await?;
    books.write(&mut db).await?;
    let added = log.add(&mut db, &state.instance, lines).await?;
    db.commit().await?;
    log.apply(added);
    Ok(())
}
