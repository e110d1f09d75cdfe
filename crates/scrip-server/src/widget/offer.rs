//! What opens a service, and what of it somebody has.

use alloy::primitives::Address;
use futures_util::future::try_join_all;
use scrip::{Did, Grant, Plan, PlanId, Price, Service, Services};
use serde::Serialize;
use serde_json::Value;

use crate::{
    agent_page::AgentPage,
    pages::{grant, price},
    problem::{Problem, ProblemKind},
    state::State,
    wire::number::Number,
};

/// A service, with the plans that open it and are its owner's to sell or to redeem. Anyone may say of a service that another's
/// plan opens it; such plans are not shown, for a token of one would spend credits elsewhere.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) service: Service,
    pub(crate) page: AgentPage,
    pub(crate) plans: Vec<Plan>,
}

/// How a plan is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Payment {
    Free,
    /// On chain.
    Wallet,
    /// On chain, as much as a contract asks then: who buys it sees that in its wallet alone.
    Quoted,
    Card,
    /// By its uses: there is nothing to order.
    PerUse,
}

/// A plan, as those see it who may buy it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanView {
    pub(crate) id: Number,
    pub(crate) title: String,
    pub(crate) price: String,
    pub(crate) gives: String,
    pub(crate) payment: Payment,
    /// Whether it can be ordered now, by whoever has not reached its limits.
    pub(crate) is_open: bool,
    /// Whether it gives access for a time.
    pub(crate) is_time: bool,
    /// What can be spent now, beside what is kept for requests under way; on a time plan 1 while there is access.
    pub(crate) left: u64,
    /// When access ends, or the first of the credits do, in unix seconds; none of credits that never end.
    pub(crate) ends_at: Option<u64>,
    /// Whether its holder has to sign a voucher before any of it can be used.
    pub(crate) to_sign: bool,
    /// Whether little of what an order gives is left: a tenth.
    pub(crate) is_low: bool,
}

impl PlanView {
    /// Whether it opens the service now.
    pub(crate) const fn opens(&self) -> bool {
        self.left > 0 && !self.to_sign
    }
}

impl Offer {
    /// The service's title.
    pub(crate) fn title(&self) -> &str {
        let named = self.page.metadata.get("name").and_then(Value::as_str).map(str::trim);
        named.filter(|name| !name.is_empty()).unwrap_or("A service")
    }

    /// One of its plans.
    pub(crate) fn plan(&self, id: PlanId) -> Result<&Plan, Problem> {
        self.plans.iter().find(|plan| plan.id == id).ok_or_else(|| {
            ProblemKind::PLAN_NOT_OF_AGENT
                .problem(format!("plan {} does not open this service", id.0))
                .hint("choose one of the service's plans")
        })
    }
}

impl State {
    /// A service, and what opens it.
    pub(crate) async fn offer(&self, agent: Did) -> Result<Offer, Problem> {
        let scrip = self.chain.scrip();
        let service = Services::connect(scrip).await?.service(agent).await?;
        let owner = service.owner;
        // The gateway would not serve what is bought: it could not redeem it.
        if !self.signs_for(owner).await? {
            return Ok(Offer { page: self.agent_page(agent).await?, service, plans: Vec::new() });
        }
        let plans = service.plans.iter().map(async |&id| {
            let plan = match scrip.plan(id).await {
                // Whoever made the service named what is not there.
                Err(error) if error.is_plan_not_found() => return Ok(None),
                plan => plan?,
            };
            let is_theirs = plan.owner == owner || scrip.permissions(id, owner).await?.redeem;
            Ok::<_, Problem>(is_theirs.then_some(plan))
        });
        let plans = try_join_all(plans).await?.into_iter().flatten().collect();
        Ok(Offer { page: self.agent_page(agent).await?, service, plans })
    }

    /// The plans of a service as somebody sees them who has this account, or none.
    pub(crate) async fn plan_views(
        &self,
        offer: &Offer,
        who: Option<Address>,
    ) -> Result<Vec<PlanView>, Problem> {
        let owner = offer.service.owner;
        try_join_all(offer.plans.iter().map(|plan| self.plan_view(plan, owner, who))).await
    }

    async fn plan_view(
        &self,
        plan: &Plan,
        owner: Address,
        who: Option<Address>,
    ) -> Result<PlanView, Problem> {
        let (left, ends_at, voucher) = match who {
            Some(holder) => {
                let left = self.spendable(plan.id, holder).await?;
                let voucher = self.voucher_beforehand(owner, plan, holder, left).await?;
                (left, self.ends(plan, holder).await?, voucher)
            }
            None => (0, None, None),
        };
        let (is_time, is_low) = match plan.terms.grant {
            Grant::Credits { amount, .. } => (false, left > 0 && left <= (amount / 10).max(1)),
            Grant::Time { duration } => {
                let ends = ends_at.unwrap_or_default();
                (true, left > 0 && ends.saturating_sub(self.now()) <= u64::from(duration / 10))
            }
            _ => (false, false),
        };
        Ok(PlanView {
            id: Number(plan.id.0),
            title: self.plan_page(plan.id).await?.name(&plan.terms.name),
            price: price(self, &plan.terms.price).await?,
            gives: grant(&plan.terms),
            payment: match plan.terms.price {
                Price::Free => Payment::Free,
                Price::Fiat { .. } => Payment::Card,
                Price::PerUse { .. } => Payment::PerUse,
                Price::Quoted { .. } => Payment::Quoted,
                _ => Payment::Wallet,
            },
            is_open: plan.open,
            is_time,
            left,
            ends_at: ends_at.filter(|_| left > 0),
            to_sign: voucher.is_some(),
            is_low,
        })
    }

    /// When what somebody has begins to end, in unix seconds.
    async fn ends(&self, plan: &Plan, holder: Address) -> Result<Option<u64>, Problem> {
        let scrip = self.chain.scrip();
        match plan.terms.grant {
            Grant::Time { .. } => Ok(scrip.access_end(plan.id, holder).await?),
            Grant::Credits { lifetime: None, .. } => Ok(None),
            _ => Ok(scrip.lots(plan.id, holder).await?.first().and_then(|lot| lot.expiry)),
        }
    }
}
