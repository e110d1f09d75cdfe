//! Lists of plans and agents.

use alloy::primitives::Address;
use scrip::{Did, Plan, PlanId, Service};
use sqlx::{Row, any::AnyRow};

use super::apply::read_plan;
use crate::{
    paging::{Listed, Page},
    problem::Problem,
    state::State,
};

const PLAN: &str = "index_plans.plan, index_plans.owner, index_plans.open, index_plans.terms";
const AGENT: &str = "index_agents.agent, index_agents.owner";
/// What gives a holder something.
pub(crate) const GIVES: &str = "('ordered', 'settled', 'minted')";

impl State {
    /// The plans that an account owns; of one organisation, if one is named.
    pub(crate) async fn plans_of(
        &self,
        owner: Address,
        organisation: Option<String>,
        page: Page,
    ) -> Result<(u64, Vec<Plan>), Problem> {
        let of_organisation = " AND EXISTS (SELECT 1 FROM plan_pages WHERE plan_pages.plan = index_plans.plan \
                               AND plan_pages.org_id = $2)";
        let filter = if organisation.is_some() { of_organisation } else { "" };
        let from = format!("index_plans WHERE owner = $1{filter}");
        let binds: Vec<_> = [owner.to_string()].into_iter().chain(organisation).collect();
        self.list_of_plans(&from, &binds, page).await
    }

    /// The plans that open an agent.
    pub(crate) async fn plans_that_open(&self, agent: Did, page: Page) -> Result<(u64, Vec<Plan>), Problem> {
        let from = "index_plans JOIN index_links ON index_links.plan = index_plans.plan \
                    WHERE index_links.agent = $1";
        self.list_of_plans(from, &[agent.to_string()], page).await
    }

    async fn list_of_plans(
        &self,
        from: &str,
        binds: &[String],
        page: Page,
    ) -> Result<(u64, Vec<Plan>), Problem> {
        let order = place("index_plans", "plan", page.order);
        let (total, rows) = self.page(page, Listed { columns: PLAN, from, order: &order, binds }).await?;
        Ok((total, rows.iter().map(plan).collect::<Result<_, _>>()?))
    }

    /// The plans of which a holder was ever given something, the last given first or last.
    pub(crate) async fn plans_given_to(
        &self,
        holder: Address,
        page: Page,
    ) -> Result<(u64, Vec<Plan>), Problem> {
        let from = format!(
            "index_plans JOIN (SELECT plan, MAX(block) AS given FROM (\
               SELECT plan, block FROM index_entries WHERE holder = $1 AND kind IN {GIVES} \
               UNION ALL SELECT plan, block FROM index_orders WHERE holder = $1) AS gifts GROUP BY plan) AS held \
             ON held.plan = index_plans.plan"
        );
        let order = format!("held.given {}, index_plans.plan", page.order);
        let listed = Listed { columns: PLAN, from: &from, order: &order, binds: &[holder.to_string()] };
        let (total, rows) = self.page(page, listed).await?;
        Ok((total, rows.iter().map(plan).collect::<Result<_, _>>()?))
    }

    /// The agents that an account owns.
    pub(crate) async fn agents_of(&self, owner: Address, page: Page) -> Result<(u64, Vec<Service>), Problem> {
        self.list_of_agents("index_agents WHERE owner = $1", &[owner.to_string()], page).await
    }

    /// The agents that a plan opens, of the plan's owner and its operators: anyone else may say so of an agent, too.
    pub(crate) async fn agents_opened_by(
        &self,
        plan: PlanId,
        page: Page,
    ) -> Result<(u64, Vec<Service>), Problem> {
        let from = "index_agents JOIN index_links ON index_links.agent = index_agents.agent \
                    JOIN index_plans ON index_plans.plan = index_links.plan \
                    WHERE index_links.plan = $1 AND (index_agents.owner = index_plans.owner \
                    OR EXISTS (SELECT 1 FROM index_operators WHERE index_operators.plan = index_links.plan \
                    AND index_operators.operator = index_agents.owner))";
        self.list_of_agents(from, &[plan.to_string()], page).await
    }

    async fn list_of_agents(
        &self,
        from: &str,
        binds: &[String],
        page: Page,
    ) -> Result<(u64, Vec<Service>), Problem> {
        let order = place("index_agents", "agent", page.order);
        let (total, rows) = self.page(page, Listed { columns: AGENT, from, order: &order, binds }).await?;
        let mut agents = Vec::with_capacity(rows.len());
        for row in rows {
            let (did, owner): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let links = sqlx::query("SELECT plan FROM index_links WHERE agent = $1 ORDER BY plan")
                .bind(&did)
                .fetch_all(&self.db)
                .await?;
            let plans =
                links.iter().map(|row| read_plan(&row.try_get::<String, _>(0)?)).collect::<Result<_, _>>()?;
            agents.push(Service {
                did: did.parse().map_err(|error: scrip::Error| Problem::internal(&error))?,
                owner: owner.parse().map_err(|error| Problem::internal(&error))?,
                pending_owner: None,
                uri: String::new(),
                plans,
            });
        }
        Ok((total, agents))
    }
}

/// Sorted by where it was created.
fn place(table: &str, id: &str, order: &str) -> String {
    format!("{table}.block {order}, {table}.log {order}, {table}.{id} {order}")
}

/// A plan, as far as the index knows it.
fn plan(row: &AnyRow) -> Result<Plan, Problem> {
    let (owner, terms): (String, String) = (row.try_get(1)?, row.try_get(3)?);
    Ok(Plan {
        id: read_plan(&row.try_get::<String, _>(0)?)?,
        owner: owner.parse().map_err(|error| Problem::internal(&error))?,
        pending_owner: None,
        open: row.try_get::<i64, _>(2)? != 0,
        ordered: 0,
        terms: serde_json::from_str(&terms).map_err(|error| Problem::internal(&error))?,
    })
}
