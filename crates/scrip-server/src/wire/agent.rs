//! Agents as the SDKs write and read them.

use scrip::Service;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    number::Number,
    object::object,
    register::{AccessLimit, CreditsConfig, PriceConfig, RegisterPlan},
};
use crate::{agent_page::AgentPage, extract::agent_number};

/// An agent to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisterAgent {
    /// `name`, and whatever else is to be known of it.
    #[schema(value_type = Object)]
    metadata_attributes: Map<String, Value>,
    /// `endpoints`, `openEndpoints`, `agentDefinitionUrl`, `authType`, and what its server wants to be shown, which is sealed.
    #[schema(value_type = Object)]
    agent_api_attributes: Map<String, Value>,
    /// The plans that open it.
    #[serde(default)]
    pub(crate) plans: Vec<Number>,
}

// Not by `flatten`, which takes a number for a map where numbers are kept to the digit.
impl From<RegisterAgent> for AgentBody {
    fn from(asked: RegisterAgent) -> Self {
        let RegisterAgent { metadata_attributes, agent_api_attributes, .. } = asked;
        Self { metadata_attributes, agent_api_attributes }
    }
}

/// What an agent says of itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentBody {
    /// `name`, and whatever else is to be known of it.
    #[schema(value_type = Object)]
    pub(crate) metadata_attributes: Map<String, Value>,
    /// `endpoints`, `openEndpoints`, `agentDefinitionUrl`, `authType`, and what its server wants to be shown: `username` and
    /// `password`, `token`, `apiKey` or `headers`, which are sealed and never shown again.
    #[schema(value_type = Object)]
    pub(crate) agent_api_attributes: Map<String, Value>,
}

/// An agent to be registered, with a plan that opens it.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RegisterAgentAndPlan {
    #[serde(deserialize_with = "object")]
    pub(crate) plan: PlanOfAgent,
    #[serde(deserialize_with = "object")]
    pub(crate) agent: AgentBody,
}

/// A plan, without a nonce.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanOfAgent {
    #[schema(value_type = Object)]
    metadata_attributes: Map<String, Value>,
    #[serde(deserialize_with = "object")]
    price_config: PriceConfig,
    #[serde(deserialize_with = "object")]
    credits_config: CreditsConfig,
    #[serde(default)]
    access_limit: Option<AccessLimit>,
}

impl From<PlanOfAgent> for RegisterPlan {
    fn from(plan: PlanOfAgent) -> Self {
        let PlanOfAgent { metadata_attributes, price_config, credits_config, access_limit } = plan;
        Self {
            metadata_attributes,
            price_config,
            credits_config,
            access_limit,
            nonce: None,
            is_trial_plan: false,
            currency: None,
        }
    }
}

/// An agent's record: the service of the chain, its page, and where the gateway serves it.
pub(crate) fn record(service: &Service, page: &AgentPage, proxy_url: &str) -> Value {
    let id = agent_number(service.did).to_string();
    let plans: Vec<_> = service.plans.iter().map(|plan| plan.0.to_string()).collect();
    json!({
        "id": id,
        "agentId": id,
        "did": format!("did:nv:{}", service.did.to_string().trim_start_matches("0x")),
        "name": page.metadata.get("name"),
        "proxyUrl": proxy_url,
        "endpoints": page.api.get("endpoints"),
        "registry": { "owner": service.owner, "plans": plans },
        "metadata": { "main": page.metadata, "agent": page.api, "curation": { "isListed": true } },
    })
}
