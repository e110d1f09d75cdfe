//! Many rows in one statement, in one text for SQLite and Postgres.

use sqlx::{Any, AnyConnection, Row, any::AnyArguments, any::AnyRow, query::Query};

/// How many rows one statement takes: few numbers, so that few statements are prepared.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// A statement's value.
#[derive(Debug, Clone)]
pub(super) enum Bind {
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
pub(super) async fn for_rows(
    db: &mut AnyConnection,
    statement: &str,
    rows: &[Vec<Bind>],
) -> Result<Vec<AnyRow>, sqlx::Error> {
    let mut returned = Vec::new();
    let mut left = rows;
    while let Some(&size) = SIZES.iter().find(|&&size| size <= left.len()) {
        let (some, others) = left.split_at(size);
        left = others;
        let mut number = 0;
        let mut place = |bind: &Bind| {
            number += 1;
            // What has no column to take its type from.
            match bind {
                Bind::Number(_) => format!("CAST(${number} AS BIGINT)"),
                Bind::Text(_) | Bind::NoText => format!("CAST(${number} AS TEXT)"),
            }
        };
        let row = |row: &Vec<Bind>, place: &mut dyn FnMut(&Bind) -> String| {
            format!("({})", row.iter().map(place).collect::<Vec<_>>().join(", "))
        };
        let values: Vec<_> = some.iter().map(|one| row(one, &mut place)).collect();
        let text = statement.replace("ROWS", &values.join(", "));
        let mut query: Query<'_, Any, AnyArguments> = sqlx::query(sqlx::AssertSqlSafe(text));
        for bind in some.iter().flatten() {
            query = match bind {
                Bind::Text(text) => query.bind(text.clone()),
                Bind::Number(number) => query.bind(*number),
                Bind::NoText => query.bind(None::<String>),
            };
        }
        returned.extend(query.fetch_all(&mut *db).await?);
    }
    Ok(returned)
}

/// A number of a row, or nothing where there is none.
pub(super) fn number(row: &AnyRow, column: usize) -> Result<u64, sqlx::Error> {
    let number: Option<i64> = row.try_get(column)?;
    Ok(crate::account::as_u64(number.unwrap_or_default()))
}
