//! The databases that the stories of the server are told on.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU32, Ordering},
};

use eyre::{OptionExt, Result};
use sqlx::AnyPool;
use tempfile::TempDir;

use crate::postgres::Postgres;

/// What kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A file.
    Sqlite,
    /// A Postgres.
    Postgres,
}

/// A database of one story.
#[derive(Debug)]
pub struct Database {
    url: String,
    _place: Place,
}

/// What is kept while the database is used.
#[derive(Debug)]
enum Place {
    Folder { _folder: TempDir },
    Cluster { _cluster: Arc<Postgres> },
}

/// One cluster for the stories that are told at the same time: each has a database of its own in it.
static CLUSTER: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// A new one; none where Postgres is not installed.
    pub async fn start(kind: DatabaseKind) -> Result<Option<Self>> {
        match kind {
            DatabaseKind::Sqlite => {
                let folder = tempfile::tempdir()?;
                let url = format!("sqlite://{}?mode=rwc", folder.path().join("scrip.db").display());
                Ok(Some(Self { url, _place: Place::Folder { _folder: folder } }))
            }
            DatabaseKind::Postgres => {
                let Some(cluster) = cluster()? else { return Ok(None) };
                let name = format!("story_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
                sqlx::any::install_default_drivers();
                let pool = AnyPool::connect(&cluster.url()).await?;
                let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
                sqlx::query(create).execute(&pool).await?;
                pool.close().await;
                let url = cluster.url();
                let (place, _) = url.rsplit_once('/').ok_or_eyre("a URL without a database")?;
                let url = format!("{place}/{name}");
                Ok(Some(Self { url, _place: Place::Cluster { _cluster: cluster } }))
            }
        }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection to it, to look into it.
    pub async fn connect(&self) -> Result<AnyPool> {
        Ok(AnyPool::connect(&self.url).await?)
    }
}

fn cluster() -> Result<Option<Arc<Postgres>>> {
    let mut running = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = running.upgrade() {
        return Ok(Some(cluster));
    }
    let started = Postgres::start()?.map(Arc::new);
    *running = started.as_ref().map_or_else(Weak::new, Arc::downgrade);
    Ok(started)
}
