//! Lists, a page at a time, in the words of both SDKs.

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::Deserialize;
use sqlx::{Row, any::AnyRow};
use utoipa::{IntoParams, ToSchema};

use crate::{
    account::as_u64,
    extract::AskedQuery,
    problem::{Problem, ProblemKind},
    state::State,
};

/// The most that a page has.
const MOST: u32 = 100;
/// The last page that can be asked for.
const LAST: u32 = 1_000_000;

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct PageAsked {
    /// Which page, counted from 1.
    #[param(minimum = 1, maximum = 1_000_000)]
    page: Option<u32>,
    /// How many a page has.
    #[param(minimum = 1, maximum = 100)]
    offset: Option<u32>,
    /// The same by another name.
    #[param(minimum = 1, maximum = 100)]
    page_size: Option<u32>,
    sort_order: Option<SortOrder>,
    sort_by: Option<SortBy>,
}

/// Whether the oldest come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SortOrder {
    Asc,
    Desc,
}

/// By what a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SortBy {
    Created,
    CreatedAt,
}

/// A page of a list. It has as many as are asked for, else `SIZE`, and the newest come first unless it is said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<const SIZE: u32 = 10> {
    /// Counted from 1.
    pub(crate) number: u32,
    pub(crate) size: u32,
    /// How SQL sorts by what is newer.
    pub(crate) order: &'static str,
}

impl<const SIZE: u32> Page<SIZE> {
    fn new(asked: &PageAsked) -> Result<Self, Problem> {
        let number = asked.page.unwrap_or(1);
        let size = asked.page_size.or(asked.offset).unwrap_or(SIZE);
        if !(1..=LAST).contains(&number) {
            return Err(ProblemKind::INVALID_REQUEST
                .problem(format!("page {number}"))
                .hint(format!("the first page is 1, and the last that can be asked for {LAST}")));
        }
        if !(1..=MOST).contains(&size) {
            return Err(ProblemKind::INVALID_REQUEST
                .problem(format!("a page of {size}"))
                .hint(format!("ask for 1 to {MOST} at once")));
        }
        // There is nothing else to sort by yet.
        let (None | Some(SortBy::Created | SortBy::CreatedAt)) = asked.sort_by;
        let order = if asked.sort_order == Some(SortOrder::Asc) { "ASC" } else { "DESC" };
        Ok(Self { number, size, order })
    }
}

impl<S: Send + Sync, const SIZE: u32> FromRequestParts<S> for Page<SIZE> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let AskedQuery(asked) = AskedQuery::<PageAsked>::from_request_parts(parts, state).await?;
        Self::new(&asked)
    }
}

/// What is to be listed, in SQL of this program's own; `$1` and so on stand for the texts of `binds`.
#[derive(Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) columns: &'a str,
    /// What follows FROM.
    pub(crate) from: &'a str,
    /// What follows ORDER BY.
    pub(crate) order: &'a str,
    pub(crate) binds: &'a [String],
}

impl State {
    /// A page of a list: how many there are in all, and the rows.
    pub(crate) async fn page<const SIZE: u32>(
        &self,
        page: Page<SIZE>,
        listed: Listed<'_>,
    ) -> Result<(u64, Vec<AnyRow>), Problem> {
        let Listed { columns, from, order, binds } = listed;
        let (size, skipped) = (page.size, u64::from(page.number - 1) * u64::from(page.size));
        let (count, rows) = (
            format!("SELECT COUNT(*) FROM {from}"),
            format!("SELECT {columns} FROM {from} ORDER BY {order} LIMIT {size} OFFSET {skipped}"),
        );
        let (mut count, mut rows) =
            (sqlx::query(sqlx::AssertSqlSafe(count)), sqlx::query(sqlx::AssertSqlSafe(rows)));
        for bind in binds {
            count = count.bind(bind);
            rows = rows.bind(bind);
        }
        let total: i64 = count.fetch_one(&self.db).await?.try_get(0)?;
        Ok((as_u64(total), rows.fetch_all(&self.db).await?))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn read(query: &str) -> Result<Page, Problem> {
        let request = Request::get(format!("/?{query}")).body(()).unwrap();
        Page::from_request_parts(&mut request.into_parts().0, &()).await
    }

    #[tokio::test]
    async fn both_dialects_are_read() {
        for (query, expected) in [
            ("", (1, 10, "DESC")),
            ("page=2&offset=25&sortOrder=asc", (2, 25, "ASC")),
            ("page=1&offset=100&sortBy=created&sortOrder=desc", (1, 100, "DESC")),
            ("sortOrder=desc&page=3&pageSize=7", (3, 7, "DESC")),
            ("page=1000000&orgId=o&unknown=1", (1_000_000, 10, "DESC")),
        ] {
            let Page { number, size, order } = read(query).await.unwrap();
            assert_eq!((number, size, order), expected, "{query}");
        }
    }

    #[tokio::test]
    async fn what_is_no_page_is_refused() {
        for query in [
            "page=0",
            "page=-1",
            "page=x",
            "page=",
            "page=1&page=2",
            "page=1000001",
            "page=4294967296",
            "offset=0",
            "offset=101",
            "pageSize=0",
            "pageSize=1000000",
            "sortOrder=up",
            "sortBy=price",
        ] {
            assert_eq!(read(query).await.unwrap_err().status, 400, "{query}");
        }
    }
}
