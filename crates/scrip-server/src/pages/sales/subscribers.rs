//! Who holds a plan, and what of it expires.

use std::sync::Arc;

use alloy::primitives::Address;
use axum::extract;
use futures_util::{StreamExt, TryStreamExt, stream};
use maud::{Markup, html};
use scrip::{Grant, Holding, Lot, Plan, PlanId};
use sqlx::Row;

use super::figures::is_time;
use crate::{
    extract::PathPlan,
    index::GIVES,
    pages::{
        answer::Instead,
        layout::{Frame, page, pager},
        plan::own_plan,
        text::time,
        visitor::Visitor,
    },
    paging::{Listed, Page},
    problem::Problem,
    state::State,
};

/// What expires soon: within so many seconds.
const SOON: u64 = 30 * 86_400;
/// Of how many subscribers what expires is asked of the chain.
const ASKED: u32 = 100;
/// How many are asked for at once.
const AT_ONCE: usize = 16;

/// A subscriber, as the chain has it now.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) holder: Address,
    pub(super) balance: u128,
    /// What expires next and when; of a time plan when access ends.
    pub(super) next: Option<(Option<u64>, u64)>,
    /// The credits that expire soon; of a time plan 1 if access ends soon.
    soon: u64,
}

impl State {
    /// A page of those who were ever given something of a plan, the last given first.
    pub(super) async fn subscribers<const SIZE: u32>(
        &self,
        plan: &Plan,
        shown: Page<SIZE>,
    ) -> Result<(u64, Vec<Subscriber>), Problem> {
        let from = format!(
            "(SELECT holder, MAX(block) AS given FROM index_entries WHERE plan = $1 AND kind IN {GIVES} GROUP BY holder) AS held"
        );
        let listed = Listed {
            columns: "holder",
            from: &from,
            order: &format!("given {}, holder", shown.order),
            binds: &[plan.id.to_string()],
        };
        let (total, rows) = self.page(shown, listed).await?;
        let mut pairs = Vec::with_capacity(rows.len());
        for row in &rows {
            let holder: String = row.try_get(0)?;
            pairs.push((plan.id, holder.parse::<Address>().map_err(|error| Problem::internal(&error))?));
        }
        let holdings = self.chain.lens().await?.holdings(&pairs).await?.holdings;
        let time = is_time(plan);
        let read = pairs.into_iter().zip(holdings).map(|((plan, holder), holding)| async move {
            self.subscriber(plan, holder, holding, time).await
        });
        Ok((total, stream::iter(read).buffered(AT_ONCE).try_collect().await?))
    }

    async fn subscriber(
        &self,
        plan: PlanId,
        holder: Address,
        holding: Option<Holding>,
        is_time: bool,
    ) -> Result<Subscriber, Problem> {
        let (now, soon) = (self.now(), self.now() + SOON);
        let balance = holding.map_or(0, |holding| holding.balance);
        if is_time {
            let end = holding.and_then(|holding| holding.access_end).filter(|&end| end > now);
            let next = end.map(|end| (None, end));
            return Ok(Subscriber {
                holder,
                balance,
                next,
                soon: u64::from(end.is_some_and(|end| end <= soon)),
            });
        }
        let lots = if balance == 0 { Vec::new() } else { self.chain.scrip().lots(plan, holder).await? };
        let dated: Vec<_> =
            lots.iter().filter_map(|Lot { amount, expiry }| Some((*amount, (*expiry)?))).collect();
        let next = dated.iter().filter(|(_, expiry)| *expiry > now).min_by_key(|(_, expiry)| *expiry);
        let within = dated.iter().filter(|(_, expiry)| (now + 1..=soon).contains(expiry));
        Ok(Subscriber {
            holder,
            balance,
            next: next.map(|&(amount, expiry)| (Some(amount), expiry)),
            soon: within.map(|(amount, _)| amount).fold(0, |sum, &amount| sum.saturating_add(amount)),
        })
    }
}

/// What of a plan expires soon; nothing of one whose orders never expire.
pub(super) async fn expiring(state: &State, plan: &Plan) -> Result<Option<String>, Problem> {
    if matches!(plan.terms.grant, Grant::Credits { lifetime: None, .. }) {
        return Ok(None);
    }
    let newest = Page::<ASKED> { number: 1, size: ASKED, order: "DESC" };
    let (total, subscribers) = state.subscribers(plan, newest).await?;
    let sum = subscribers.iter().fold(0_u64, |sum, one| sum.saturating_add(one.soon));
    let unit = if is_time(plan) { "subscribers' access" } else { "credits" };
    let of =
        if total > u64::from(ASKED) { format!(", of the last {ASKED} subscribers") } else { String::new() };
    Ok(Some(format!("{sum} {unit}{of}")))
}

pub(super) async fn list(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    PathPlan(plan): PathPlan,
    shown: Page<25>,
) -> Result<Markup, Instead> {
    let plan = own_plan(&state, me.account, plan).await?;
    let (total, subscribers) = state.subscribers(&plan, shown).await?;
    let name = state.plan_page(plan.id).await?.name(&plan.terms.name);
    let here = format!("/my/plans/{}", plan.id.0);
    let body = html! {
        h1 { "Subscribers" }
        p { a href=(here) { (name) } }
        @if subscribers.is_empty() { p { "Nobody was given anything of this plan yet." } } @else {
            div.wide { table {
                thead { tr { th { "Account" } th.number { "Balance" } th { "Expires next" } } }
                tbody { @for one in &subscribers {
                    tr {
                        td { code { (one.holder) } }
                        td.number { (one.balance) }
                        td {
                            @match one.next {
                                Some((Some(amount), expiry)) => { (amount) " credits, " (time(expiry)) }
                                Some((None, expiry)) => { (time(expiry)) }
                                None => { "Nothing" }
                            }
                        }
                    }
                } }
            } }
            (pager(&format!("{here}/subscribers"), shown.number, shown.size, total))
        }
    };
    Ok(page(&Frame::of_area("Subscribers"), body))
}
