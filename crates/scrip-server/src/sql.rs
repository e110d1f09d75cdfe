//! Many rows in one statement, in one text for SQLite and Postgres.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use sqlx::{Any, AnyConnection, Row, any::AnyArguments, any::AnyRow, query::Query};

/// How many rows one statement takes: few numbers, so that few statements are prepared.
const SIZES: [usize; 9] = [256, 128, 64, 32, 16, 8, 4, 2, 1];

/// A statement's value.
#[derive(Debug, Clone)]
pub(crate) enum Bind {
    Text(String),
    Number(i64),
    NoText,
}

impl From<&str> for Bind {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Bind {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Option<String>> for Bind {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::NoText, Self::Text)
    }
}

impl From<i64> for Bind {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// Runs a statement for many rows, some at a time: `ROWS` in it stands for `(…), (…)`. What it returns, of all.
pub(crate) async fn for_rows(
    db: &mut AnyConnection,
    statement: &'static str,
    rows: Vec<Vec<Bind>>,
) -> Result<Vec<AnyRow>, sqlx::Error> {
    let mut returned = Vec::new();
    for (text, some) in parts(statement, rows) {
        returned.extend(query(&text, some).fetch_all(&mut *db).await?);
    }
    Ok(returned)
}

/// The same of a statement that returns nothing. How many rows it has changed.
pub(crate) async fn change_rows(
    db: &mut AnyConnection,
    statement: &'static str,
    rows: Vec<Vec<Bind>>,
) -> Result<u64, sqlx::Error> {
    let mut changed = 0;
    for (text, some) in parts(statement, rows) {
        changed += query(&text, some).execute(&mut *db).await?.rows_affected();
    }
    Ok(changed)
}

/// A statement's text for some of the rows, and these.
fn parts(statement: &'static str, rows: Vec<Vec<Bind>>) -> impl Iterator<Item = (Arc<str>, Vec<Vec<Bind>>)> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let size = *SIZES.iter().find(|&&size| size <= rows.len())?;
        let some: Vec<_> = rows.by_ref().take(size).collect();
        Some((text(statement, &some), some))
    })
}

fn query(text: &Arc<str>, rows: Vec<Vec<Bind>>) -> Query<'static, Any, AnyArguments> {
    let query = sqlx::query(sqlx::AssertSqlSafe(Arc::clone(text)));
    rows.into_iter().flatten().fold(query, |query, bind| match bind {
        Bind::Text(text) => query.bind(text),
        Bind::Number(number) => query.bind(number),
        Bind::NoText => query.bind(None::<String>),
    })
}

/// By their statement, and how many rows.
type Texts = HashMap<(&'static str, usize), Arc<str>>;

/// The texts that were made, by statement and number of rows: a statement's columns do not change.
static TEXTS: LazyLock<Mutex<Texts>> = LazyLock::new(Mutex::default);

fn text(statement: &'static str, rows: &[Vec<Bind>]) -> Arc<str> {
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let text = texts
        .entry((statement, rows.len()))
        .or_insert_with(|| statement.replace("ROWS", &values(rows, 1)).into());
    Arc::clone(text)
}

/// The places of rows in a statement, from a number on.
fn values(rows: &[Vec<Bind>], first: usize) -> String {
    let mut numbers = first..;
    let mut row = |row: &Vec<Bind>| {
        let place = |(bind, number): (&Bind, usize)| match bind {
            // What has no column to take its type from.
            Bind::Number(_) => format!("CAST(${number} AS BIGINT)"),
            Bind::Text(_) | Bind::NoText => format!("CAST(${number} AS TEXT)"),
        };
        let places: Vec<_> = row.iter().zip(numbers.by_ref()).map(place).collect();
        format!("({})", places.join(", "))
    };
    let values: Vec<_> = rows.iter().map(&mut row).collect();
    values.join(", ")
}

/// Statements that SQLite takes in one text, one after the other: when one fails, those behind it are not run. Postgres takes none
/// such with values.
#[derive(Debug, Default)]
pub(crate) struct Script {
    text: String,
    values: Vec<Bind>,
}

impl Script {
    /// Adds a statement without values.
    pub(crate) fn then(mut self, statement: &str) -> Self {
        self.text.push_str(statement);
        self.text.push_str("; ");
        self
    }

    /// Adds a statement for many rows, as [`for_rows`] runs it; it may be told one of them several times.
    pub(crate) fn then_for(mut self, statement: &'static str, rows: Vec<Vec<Bind>>) -> Self {
        let mut rows = rows.as_slice();
        while !rows.is_empty() {
            let some;
            (some, rows) = rows.split_at(rows.len().min(SIZES[0]));
            let mut some = some.to_vec();
            // Few numbers of them, so that few texts are prepared.
            let size = SIZES.into_iter().rev().find(|&size| size >= some.len()).unwrap_or(some.len());
            let last = some[some.len() - 1].clone();
            some.resize(size, last);
            let places = values(&some, self.values.len() + 1);
            self.values.extend(some.into_iter().flatten());
            self = self.then(&statement.replace("ROWS", &places));
        }
        self
    }

    /// Runs them. What they return, of all.
    pub(crate) async fn run(self, db: &mut AnyConnection) -> Result<Vec<AnyRow>, sqlx::Error> {
        query(&self.text.into(), vec![self.values]).fetch_all(db).await
    }
}

/// A number of a row, or nothing where there is none.
pub(crate) fn number(row: &AnyRow, column: usize) -> Result<u64, sqlx::Error> {
    let number: Option<i64> = row.try_get(column)?;
    Ok(crate::account::as_u64(number.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use sqlx::{Connection, any::AnyConnectOptions};

    use super::*;

    #[tokio::test]
    async fn a_script_runs_its_statements_in_their_order_for_all_of_their_rows() {
        sqlx::any::install_default_drivers();
        let options = AnyConnectOptions::from_str("sqlite::memory:").unwrap();
        let mut db = AnyConnection::connect_with(&options).await.unwrap();
        let put = "INSERT INTO kept (name, number) VALUES ROWS ON CONFLICT (name) DO UPDATE SET number = excluded.number \
                   RETURNING name, number";
        Script::default()
            .then("CREATE TABLE kept (name TEXT PRIMARY KEY, number BIGINT)")
            .run(&mut db)
            .await
            .unwrap();
        let row = |number: i64, by: i64| vec![format!("name {number}").into(), (by * number).into()];
        // Of no size that statements have, and more than one of them takes.
        for count in [0, 1, 3, 255, 256, 600] {
            let (once, twice) = [1, 2].map(|by| (0..count).map(|number| row(number, by)).collect()).into();
            let script = Script::default().then("BEGIN IMMEDIATE").then_for(put, once);
            let returned = script.then_for(put, twice).then("COMMIT").run(&mut db).await.unwrap();
            let mut told = HashMap::<String, i64>::new();
            for row in returned {
                told.insert(row.try_get(0).unwrap(), row.try_get(1).unwrap());
            }
            let expected: HashMap<_, _> =
                (0..count).map(|number| (format!("name {number}"), 2 * number)).collect();
            assert_eq!(told, expected);
        }
        // What comes behind one that fails is not run.
        let fails = Script::default().then("BEGIN").then("DELETE FROM kept").then("SELECT * FROM nowhere");
        assert!(fails.then("COMMIT").run(&mut db).await.is_err());
        sqlx::query("ROLLBACK").execute(&mut db).await.unwrap();
        let left = sqlx::query("SELECT COUNT(*) FROM kept").fetch_one(&mut db).await.unwrap();
        assert_eq!(left.try_get::<i64, _>(0).unwrap(), 600);
    }
}
