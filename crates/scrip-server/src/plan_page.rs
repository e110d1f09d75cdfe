//! What plans say of themselves beyond their terms.

use alloy::primitives::Address;
use scrip::PlanId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::Row;

use crate::{
    problem::{Problem, ProblemKind},
    state::State,
};

/// What a plan says of itself beyond its terms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlanPage {
    pub(crate) metadata: Map<String, Value>,
    pub(crate) org_id: Option<String>,
}

/// The most bytes of JSON that a plan or an agent says of itself: a list has a hundred of them.
const MOST: usize = 1 << 16;

/// Makes sure that a list has room for what is said.
pub(crate) fn check_size(of: &str, parts: &[&Map<String, Value>]) -> Result<(), Problem> {
    let mut bytes = 0;
    for part in parts {
        bytes += serde_json::to_vec(part).map_err(|error| Problem::internal(&error))?.len();
    }
    if bytes <= MOST {
        return Ok(());
    }
    Err(ProblemKind::TOO_LARGE
        .problem(format!("{of} says {bytes} bytes of JSON of itself, and {MOST} are the most"))
        .hint("say less, and where the rest is found"))
}

impl PlanPage {
    /// A page, if lists have room for it.
    pub(crate) fn new(metadata: Map<String, Value>, org_id: Option<String>) -> Result<Self, Problem> {
        check_size("a plan", &[&metadata])?;
        Ok(Self { metadata, org_id })
    }

    /// The plan's name: as it was given, if the chain has a part of it.
    pub(crate) fn name(&self, on_chain: &str) -> String {
        let given = self.metadata.get("name").and_then(Value::as_str).map(str::trim);
        given.filter(|given| given.starts_with(on_chain)).unwrap_or(on_chain).to_owned()
    }
}

impl State {
    /// A plan's page; an empty one of a plan that was not created here.
    pub(crate) async fn plan_page(&self, plan: PlanId) -> Result<PlanPage, Problem> {
        let row = sqlx::query("SELECT metadata, org_id FROM plan_pages WHERE plan = $1")
            .bind(plan.to_string())
            .fetch_optional(&self.db)
            .await?;
        let Some(row) = row else { return Ok(PlanPage::default()) };
        let metadata: String = row.try_get(0)?;
        let metadata = serde_json::from_str(&metadata).map_err(|error| Problem::internal(&error))?;
        Ok(PlanPage { metadata, org_id: row.try_get(1)? })
    }

    /// Keeps a plan's page; the first that was kept stays.
    pub(crate) async fn keep_plan_page(
        &self,
        plan: PlanId,
        creator: Address,
        page: &PlanPage,
    ) -> Result<(), Problem> {
        let metadata = serde_json::to_string(&page.metadata).map_err(|error| Problem::internal(&error))?;
        sqlx::query(
            "INSERT INTO plan_pages (plan, creator, metadata, org_id, created_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (plan) DO NOTHING",
        )
        .bind(plan.to_string())
        .bind(creator.to_string())
        .bind(metadata)
        .bind(&page.org_id)
        .bind(self.now_i64())
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(())
    }
}
