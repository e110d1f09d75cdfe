//! What is answered to who has not paid: what to buy and how, or what to sign, for programs (x402, version 2) and for people.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use scrip::{Grant, PlanId, SessionVoucher, Signable};
use serde_json::{Value, json};

use super::{headers, service::Served};
use crate::{extract::agent_number, problem::Problem, state::State, widget::window_path};

/// The demand, in base64.
const REQUIRED: HeaderName = HeaderName::from_static("payment-required");
/// The most plans that are offered.
const OFFERED: usize = 8;

impl State {
    /// A problem, as a caller of the gateway is answered: with a demand, if paying would help.
    pub(super) async fn refuse(
        &self,
        problem: Problem,
        served: Option<&Served>,
        asked: (&str, &str),
    ) -> Response {
        let mut response = match served.filter(|_| problem.status == 402) {
            Some(served) => Box::pin(self.demand(problem, served, asked)).await,
            None => problem.into_response(),
        };
        headers::open_to_all(response.headers_mut());
        response
    }

    async fn demand(&self, problem: Problem, served: &Served, (method, uri): (&str, &str)) -> Response {
        let place = self.place.as_ref().map(|place| place.uri()).unwrap_or_default();
        let network = format!("eip155:{}", self.chain.scrip().chain_id());
        let agent = agent_number(served.did).to_string();
        let mut accepts = Vec::new();
        for plan in served.plans.iter().take(OFFERED) {
            let mut extra = json!({ "version": "1", "agentId": agent, "httpVerb": method });
            if let Some(voucher) = self.voucher(served, *plan, problem.voucher).await {
                extra["voucher"] = voucher;
            }
            accepts.push(json!({
                "scheme": "nvm:erc4337", "network": network, "planId": plan.0.to_string(), "extra": extra,
            }));
        }
        let required = json!({
            "x402Version": 2,
            "error": problem.detail,
            "resource": { "url": format!("{place}{uri}"), "description": served.page.metadata.get("name") },
            "accepts": accepts,
            "extensions": {},
        });
        let in_base64 = HeaderValue::try_from(BASE64_STANDARD.encode(required.to_string()));
        let mut body = serde_json::to_value(&problem).unwrap_or_default();
        body["error"] = json!("Payment Required");
        body["x402"] = required;
        let to_sign =
            problem.voucher.and_then(|voucher| voucher.typed_data(&self.chain.scrip().domain()).ok());
        if let Some(to_sign) = to_sign {
            body["typedData"] = json!(to_sign);
        }
        body["plans"] = self.offers(served, place).await;
        // Where people do the same.
        body["page"] = json!(format!("{place}{}", window_path(served.did)));
        let (mut parts, _) = problem.into_response().into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        let mut response = Response::from_parts(parts, Body::from(body.to_string()));
        if let Ok(required) = in_base64 {
            response.headers_mut().insert(REQUIRED, required);
        }
        response
    }

    /// What voucher a plan requires of its holders: the one that is asked for, or what is known of it before.
    async fn voucher(&self, served: &Served, plan: PlanId, asked: Option<SessionVoucher>) -> Option<Value> {
        let terms = self.chain.terms(plan).await.ok()?;
        if !terms.voucher_required || matches!(terms.grant, Grant::Time { .. }) {
            return None;
        }
        let mut voucher = match asked.filter(|asked| asked.plan == plan) {
            Some(asked) => json!(asked),
            None => json!({ "plan": plan, "redeemer": served.owner }),
        };
        voucher["header"] = json!(headers::VOUCHER.as_str());
        voucher["verifyingContract"] = json!(self.chain.scrip().address());
        Some(voucher)
    }

    /// The plans that open a service, and how each is ordered. What cannot be read now is named all the same.
    async fn offers(&self, served: &Served, place: &str) -> Value {
        let mut offers = Vec::new();
        for plan in served.plans.iter().take(OFFERED) {
            let id = plan.0.to_string();
            let order = format!("POST {place}/api/v1/protocol/plans/{id}/order");
            let mut offer = json!({ "planId": id, "order": order });
            if let Ok(terms) = self.chain.terms(*plan).await {
                let name = self
                    .plan_page(*plan)
                    .await
                    .map_or_else(|_| terms.name.clone(), |page| page.name(&terms.name));
                offer["name"] = json!(name);
                offer["price"] = json!(terms.price);
                offer["grant"] = json!(terms.grant);
                offer["creditsPerRequest"] = json!([terms.redemption.start(), terms.redemption.end()]);
            }
            offers.push(offer);
        }
        Value::Array(offers)
    }
}
