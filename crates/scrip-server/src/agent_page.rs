//! What agents say of themselves: the chain knows a service's owner and the plans that open it, and here is the rest.

use alloy::primitives::Address;
use scrip::Did;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::Row;

use crate::{
    plan_page::check_size,
    problem::{Problem, ProblemKind},
    state::State,
};

/// What an agent says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AgentPage {
    pub(crate) metadata: Map<String, Value>,
    /// What of its API all may see.
    pub(crate) api: Map<String, Value>,
    /// What its own server wants to be shown, sealed.
    pub(crate) secret: Option<String>,
}

/// What of an API is nobody's business but the builder's and the gateway's.
const SECRETS: [&str; 5] = ["username", "password", "token", "apiKey", "headers"];

impl AgentPage {
    /// A page, its secrets sealed.
    pub(crate) fn new(
        state: &State,
        owner: Address,
        metadata: Map<String, Value>,
        mut api: Map<String, Value>,
    ) -> Result<Self, Problem> {
        check_size("an agent", &[&metadata, &api])?;
        let secrets: Map<_, _> =
            SECRETS.into_iter().filter_map(|name| Some((name.to_owned(), api.remove(name)?))).collect();
        let secret = if secrets.values().all(Value::is_null) {
            None
        } else {
            let text = serde_json::to_vec(&secrets).map_err(|error| Problem::internal(&error))?;
            let sealed = state.vault.seal(&sealed_for(owner), &text);
            Some(sealed.map_err(|error| Problem::internal(&error))?)
        };
        Ok(Self { metadata, api, secret })
    }

    /// What its own server wants to be shown, if it is this owner who has said so; nothing of what another has, who owned it before.
    pub(crate) fn open(&self, state: &State, owner: Address) -> Result<Option<Value>, Problem> {
        let Some(sealed) = &self.secret else { return Ok(None) };
        let opened = state.vault.open(&sealed_for(owner), sealed).map_err(|_| {
            ProblemKind::NOT_SET_UP
                .problem("what the service's upstream wants to be shown was not given by its owner of now")
                .hint("its owner sets it again: PUT /api/v1/protocol/agents/{agentId}")
        })?;
        serde_json::from_slice(&opened).map(Some).map_err(|error| Problem::internal(&error))
    }
}

impl State {
    /// An agent's page; an empty one of a service that was not registered here.
    pub(crate) async fn agent_page(&self, agent: Did) -> Result<AgentPage, Problem> {
        let row = sqlx::query("SELECT metadata, api, secret FROM agent_pages WHERE agent = $1")
            .bind(agent.to_string())
            .fetch_optional(&self.db)
            .await?;
        let Some(row) = row else { return Ok(AgentPage::default()) };
        let read = |text: String| serde_json::from_str(&text).map_err(|error| Problem::internal(&error));
        Ok(AgentPage {
            metadata: read(row.try_get(0)?)?,
            api: read(row.try_get(1)?)?,
            secret: row.try_get(2)?,
        })
    }

    /// Keeps an agent's page in the place of the one before.
    pub(crate) async fn keep_agent_page(
        &self,
        agent: Did,
        owner: Address,
        page: &AgentPage,
    ) -> Result<(), Problem> {
        let text = |map: &Map<_, _>| serde_json::to_string(map).map_err(|error| Problem::internal(&error));
        sqlx::query(
            "INSERT INTO agent_pages (agent, owner, metadata, api, secret, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (agent) \
             DO UPDATE SET owner = $2, metadata = $3, api = $4, secret = $5, updated_at = $6",
        )
        .bind(agent.to_string())
        .bind(owner.to_string())
        .bind(text(&page.metadata)?)
        .bind(text(&page.api)?)
        .bind(&page.secret)
        .bind(self.now_i64())
        .execute(&mut *self.in_turn().await?)
        .await?;
        self.gate.forget(agent);
        Ok(())
    }
}

/// A secret is bound to who gave it: the agent's id is not known before it is registered.
fn sealed_for(owner: Address) -> String {
    format!("agent of {owner}")
}
