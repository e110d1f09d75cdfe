//! Cutting a batch: which requests it has, and under which ids.

use alloy::primitives::{U256, keccak256};
use sqlx::Row;

use super::Group;
use crate::{database::fresh_id, problem::Problem, sql::change_rows, state::State};

impl State {
    /// Puts what was served first into a batch; whether there is more.
    pub(super) async fn cut_batch(&self, group: &Group) -> Result<bool, Problem> {
        let (plan, redeemer) = (group.plan.to_string(), group.redeemer.to_string());
        let most = i64::from(self.most_at_once(group.is_vouched));
        let mut db = self.write().await?;
        // Whoever else cuts a batch of these waits here. The first number is one that nobody has used: ids that stand close together
        // are cheap to keep, and others' are elsewhere.
        let row = sqlx::query(
            "INSERT INTO gateway_numbers (plan, redeemer, base, next) VALUES ($1, $2, $3, 0) \
             ON CONFLICT (plan, redeemer) DO UPDATE SET next = gateway_numbers.next RETURNING base, next",
        )
        .bind(&plan)
        .bind(&redeemer)
        .bind(fresh_base().to_string())
        .fetch_one(&mut *db)
        .await?;
        let (base, next): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let rows = sqlx::query(
            "SELECT id FROM gateway_requests WHERE plan = $1 AND redeemer = $2 AND status = 'owed' AND batch IS NULL \
             ORDER BY settled_at, id LIMIT $3",
        )
        .bind(&plan)
        .bind(&redeemer)
        .bind(most)
        .fetch_all(&mut *db)
        .await?;
        let count = rows.len() as i64;
        if count == 0 {
            return Ok(false);
        }
        let batch = fresh_id();
        let mut numbered = Vec::with_capacity(rows.len());
        for (number, row) in (next..).zip(rows) {
            let id: String = row.try_get(0)?;
            numbered.push(vec![id.into(), batch.as_str().into(), number.into()]);
        }
        change_rows(
            &mut db,
            "UPDATE gateway_requests SET batch = v.column2, number = v.column3 FROM (VALUES ROWS) AS v \
             WHERE gateway_requests.id = v.column1",
            numbered,
        )
        .await?;
        sqlx::query("UPDATE gateway_numbers SET next = $1 WHERE plan = $2 AND redeemer = $3")
            .bind(next + count)
            .bind(&plan)
            .bind(&redeemer)
            .execute(&mut *db)
            .await?;
        sqlx::query(
            "INSERT INTO gateway_batches (id, plan, redeemer, base, status, attempts, created_at) \
             VALUES ($1, $2, $3, $4, 'open', 0, $5)",
        )
        .bind(&batch)
        .bind(&plan)
        .bind(&redeemer)
        .bind(&base)
        .bind(self.now_i64())
        .execute(&mut *db)
        .await?;
        db.commit().await?;
        Ok(count == most)
    }
}

/// A number with room for all that can be counted behind it.
fn fresh_base() -> U256 {
    U256::from_be_bytes(keccak256(fresh_id()).0) << 64
}
