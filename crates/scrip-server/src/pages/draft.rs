//! Forms of several pages, until what they describe is made.

use alloy::primitives::{Address, keccak256};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::Row;

use crate::{
    database::fresh_id,
    extract::Repeat,
    problem::{Problem, ProblemKind},
    state::State,
};

/// For how long one is kept, in seconds: a day.
const KEPT: i64 = 86_400;
/// How many an account has at once.
const MOST: i64 = 200;

impl State {
    /// Keeps what was filled in, in the place of what was kept under this id; its id.
    pub(super) async fn keep_draft<T: Serialize>(
        &self,
        account: Address,
        id: Option<&str>,
        draft: &T,
    ) -> Result<String, Problem> {
        let text = serde_json::to_vec(draft).map_err(|error| Problem::internal(&error))?;
        let sealed =
            self.vault.seal(&sealed_for(account), &text).map_err(|error| Problem::internal(&error))?;
        if let Some(id) = id {
            let kept = sqlx::query("UPDATE drafts SET sealed = $1 WHERE id = $2 AND account = $3")
                .bind(&sealed)
                .bind(id)
                .bind(account.to_string())
                .execute(&mut *self.in_turn().await?)
                .await?;
            return if kept.rows_affected() == 1 { Ok(id.to_owned()) } else { Err(gone()) };
        }
        sqlx::query("DELETE FROM drafts WHERE created_at <= $1")
            .bind(self.now_i64() - KEPT)
            .execute(&mut *self.in_turn().await?)
            .await?;
        let id = fresh_id();
        let kept = sqlx::query(
            "INSERT INTO drafts (id, account, sealed, created_at) SELECT $1, $2, $3, $4 \
             WHERE (SELECT COUNT(*) FROM drafts WHERE account = $2) < $5",
        )
        .bind(&id)
        .bind(account.to_string())
        .bind(&sealed)
        .bind(self.now_i64())
        .bind(MOST)
        .execute(&mut *self.in_turn().await?)
        .await?;
        if kept.rows_affected() == 1 {
            return Ok(id);
        }
        Err(ProblemKind::TOO_OFTEN
            .problem(format!("you have {MOST} forms that were begun and not finished"))
            .hint("finish one, or come back in a day"))
    }

    /// What was filled in before.
    pub(super) async fn draft<T: DeserializeOwned>(&self, account: Address, id: &str) -> Result<T, Problem> {
        let row = sqlx::query("SELECT sealed FROM drafts WHERE id = $1 AND account = $2")
            .bind(id)
            .bind(account.to_string())
            .fetch_optional(&self.db)
            .await?
            .ok_or_else(gone)?;
        let sealed: String = row.try_get(0)?;
        let text =
            self.vault.open(&sealed_for(account), &sealed).map_err(|error| Problem::internal(&error))?;
        // One of another form is none of this.
        serde_json::from_slice(&text).map_err(|_| gone())
    }

    /// What tells that a form is sent again: what is filled in, once more.
    pub(super) fn repeat_of<T: Serialize>(&self, id: &str, draft: &T) -> Result<Repeat, Problem> {
        let text = serde_json::to_vec(draft).map_err(|error| Problem::internal(&error))?;
        let digest = keccak256([&*self.repeat_key, id.as_bytes(), b"\0", &text].concat());
        Ok(Repeat { key: Some(format!("page {digest}")), digest })
    }
}

fn gone() -> Problem {
    ProblemKind::NO_DRAFT.problem("what was filled in is here no longer")
}

fn sealed_for(account: Address) -> String {
    format!("draft of {account}")
}
