//! What callers are told of requests that have ended, when they ask again: the names of these and their tokens.

use sqlx::AnyConnection;

use super::{Answer, log::Request};
use crate::{
    problem::Problem,
    sql::{Bind, change_rows},
};

/// What is to be written, of each name or token the request first.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Names that are free again.
    freed: Vec<Vec<Bind>>,
    ended: Vec<Vec<Bind>>,
    /// Tokens that may be used again.
    unused: Vec<Vec<Bind>>,
    used: Vec<Vec<Bind>>,
}

impl Told {
    /// A request has ended, and nothing was delivered where nothing is used.
    pub(super) fn end(&mut self, request: &Request, used: Option<u64>, answer: Option<&Answer>) {
        if let Some(name) = &request.key {
            let mut row = vec![request.id.as_str().into(), name.as_str().into()];
            if used.is_none() {
                self.freed.push(row);
            } else {
                let (headers, body) =
                    answer.map(|answer| (answer.headers.clone(), answer.body.clone())).unzip();
                row.push(answer.map_or(0, |answer| i64::from(answer.status)).into());
                row.extend([headers.into(), body.into()]);
                self.ended.push(row);
            }
        }
        if let Some(hash) = &request.token {
            let rows = if used.is_none() { &mut self.unused } else { &mut self.used };
            rows.push(vec![request.id.as_str().into(), hash.as_str().into()]);
        }
    }

    pub(super) async fn write(self, db: &mut AnyConnection, now: i64) -> Result<(), Problem> {
        let ended = self.ended.into_iter().map(|mut row| {
            row.push(now.into());
            row
        });
        let used = self.used.into_iter().map(|mut row| {
            row.push(1.into());
            row
        });
        for (statement, rows) in [
            ("DELETE FROM gateway_keys WHERE (request, name) IN (VALUES ROWS)", self.freed),
            (
                "UPDATE gateway_keys SET status = NULLIF(v.column3, 0), headers = v.column4, body = v.column5, ended_at = v.column6 \
                 FROM (VALUES ROWS) AS v WHERE gateway_keys.name = v.column2 AND gateway_keys.request = v.column1",
                ended.collect(),
            ),
            ("DELETE FROM gateway_tokens WHERE (request, hash) IN (VALUES ROWS)", self.unused),
            // It may have been let go of meanwhile.
            (
                "INSERT INTO gateway_tokens (request, hash, is_used) VALUES ROWS ON CONFLICT (hash) DO UPDATE SET is_used = 1",
                used.collect(),
            ),
        ] {
            change_rows(db, statement, rows).await?;
        }
        Ok(())
    }
}
