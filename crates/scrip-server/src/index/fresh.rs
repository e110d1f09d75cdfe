//! What this server has just made, listed before the index has come to it.
//!
//! It is written with the block of its transaction. Once the index has come to that block, the event is there, or a reorg has
//! taken the transaction out of it: either way the server's word counts no longer. What was not written here, since the process
//! died or the database failed, is listed when the index comes to it.

use alloy::primitives::Address;
use scrip::{Did, PlanId, Receipt, Terms};

use super::{
    AFTER_ALL,
    apply::keep_plan,
    services::{Said, by_our_word, keep_said, remake_agent},
};
use crate::{account::as_i64, problem::Problem, state::State};

impl State {
    /// A plan was created here.
    pub(crate) async fn list_plan(&self, plan: PlanId, owner: Address, terms: &Terms, receipt: Receipt) {
        let at = (as_i64(receipt.block), AFTER_ALL);
        let keep = async {
            let mut db = self.in_turn().await?;
            keep_plan(&mut db, &plan.to_string(), (owner, true, terms), at, true).await
        };
        best_effort(keep).await;
    }

    /// An agent was registered here.
    pub(crate) async fn list_agent(&self, agent: Did, owner: Address, plans: &[PlanId], receipt: Receipt) {
        let linked = plans.iter().map(|plan| Said::Linked(*plan));
        let said: Vec<_> = [Said::Owned(owner)].into_iter().chain(linked).collect();
        best_effort(self.say(agent, &said, receipt)).await;
    }

    /// A plan was added here to those that open an agent, or taken off.
    pub(crate) async fn list_link(&self, agent: Did, plan: PlanId, is_linked: bool, receipt: Receipt) {
        let said = if is_linked { Said::Linked(plan) } else { Said::Unlinked(plan) };
        best_effort(self.say(agent, &[said], receipt)).await;
    }

    async fn say(&self, agent: Did, said: &[Said], receipt: Receipt) -> Result<(), Problem> {
        let mut db = self.write().await?;
        // So that what the index reads meanwhile waits, or is seen. The index may have come to the block.
        let is_to_come = sqlx::query(
            "UPDATE index_state SET beats = beats WHERE id = 1 AND (services_block IS NULL OR services_block < $1)",
        )
        .bind(as_i64(receipt.block))
        .execute(&mut *db)
        .await?;
        if is_to_come.rows_affected() == 0 {
            return Ok(());
        }
        for said in said {
            keep_said(&mut db, agent, said, &by_our_word(receipt.block)).await?;
        }
        remake_agent(&mut db, &agent.to_string()).await?;
        Ok(db.commit().await?)
    }

    /// A plan was ordered here.
    pub(crate) async fn list_order(&self, plan: PlanId, holder: Address, receipt: Receipt) {
        let keep = sqlx::query(
            "INSERT INTO index_orders (plan, holder, block) \
             SELECT $1, $2, $3 FROM index_state WHERE id = 1 AND (block IS NULL OR block < $3) \
             ON CONFLICT (plan, holder) DO UPDATE SET block = excluded.block",
        )
        .bind(plan.to_string())
        .bind(holder.to_string())
        .bind(as_i64(receipt.block));
        best_effort(async { Ok(keep.execute(&mut *self.in_turn().await?).await.map(drop)?) }).await;
    }
}

/// What was done on the chain is done, whether or not it can be listed before the index comes to it.
async fn best_effort(listed: impl Future<Output = Result<(), Problem>>) {
    if let Err(problem) = listed.await {
        tracing::warn!(problem.detail, "what was made here is listed only when the index comes to it");
    }
}
