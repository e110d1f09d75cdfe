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
    let text = texts.entry((statement, rows.len())).or_insert_with(|| {
        let mut numbers = 1..;
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
        statement.replace("ROWS", &values.join(", ")).into()
    });
    Arc::clone(text)
}

/// A number of a row, or nothing where there is none.
pub(crate) fn number(row: &AnyRow, column: usize) -> Result<u64, sqlx::Error> {
    let number: Option<i64> = row.try_get(column)?;
    Ok(crate::account::as_u64(number.unwrap_or_default()))
}
