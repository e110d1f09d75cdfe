//! A transaction in few trips to the database. Each to SQLite wakes its thread, which wakes who waits for it: where processors are
//! busy, that is most of what a transaction takes. So SQLite is told to begin and to lock at once, and to write, to log and to commit.

use std::ops::{Deref, DerefMut};

use sqlx::{AnyConnection, any::AnyRow};
use tokio::sync::OwnedMutexGuard;

use super::{
    books::{self, Books},
    log::{Added, Line, Log},
};
use crate::{
    problem::Problem,
    sql::{Bind, Script, for_rows},
    state::State,
    writing::Writing,
};

/// A transaction of the journal's connection. Who leaves one of SQLite without an end gives that connection up.
pub(super) enum Short<'c> {
    Together { db: &'c mut AnyConnection, _turn: OwnedMutexGuard<()> },
    OneByOne(Writing<'c>),
}

impl<'c> Short<'c> {
    /// Begins one, and locks the rows of holders; what they have.
    pub(super) async fn begin(
        state: &State,
        db: &'c mut AnyConnection,
        holders: Vec<Vec<Bind>>,
    ) -> Result<(Self, Vec<AnyRow>), Problem> {
        let Some(turn) = state.turn.take().await else {
            let mut db = state.write_with(db).await?;
            let rows = for_rows(&mut db, books::LOCK, holders).await?;
            return Ok((Self::OneByOne(db), rows));
        };
        let script = Script::default().then("BEGIN IMMEDIATE").then_for(books::LOCK, holders);
        let rows = script.run(db).await?;
        Ok((Self::Together { db, _turn: turn }, rows))
    }

    /// Writes what has become of the holders and what is logged of it, and commits.
    pub(super) async fn commit(
        self,
        books: Books,
        (log, instance): (&Log, &str),
        lines: Vec<Line>,
    ) -> Result<Option<Added>, Problem> {
        match self {
            Self::OneByOne(mut db) => {
                books.write(&mut db).await?;
                let added = log.add(&mut db, instance, lines).await?;
                db.commit().await?;
                Ok(added)
            }
            Self::Together { db, _turn } => {
                let changes = books.write_sessions(db).await?;
                let script = Script::default().then_for(books::CHANGE, changes);
                log.add_and_commit(db, instance, lines, script).await
            }
        }
    }
}

impl Deref for Short<'_> {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        match self {
            Self::Together { db, .. } => db,
            Self::OneByOne(db) => db,
        }
    }
}

impl DerefMut for Short<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        match self {
            Self::Together { db, .. } => db,
            Self::OneByOne(db) => db,
        }
    }
}
