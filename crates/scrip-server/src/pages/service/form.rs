//! The form of a service, and what of the API it becomes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    problem::{Problem, ProblemKind},
    wire::agent::RegisterAgent,
};

/// A service, as its forms have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ServiceForm {
    pub(super) title: String,
    pub(super) description: String,
    /// The URL of its cover.
    pub(super) cover: Option<String>,
    /// Where it is asked: one URL, or what an OpenAPI file has.
    pub(super) endpoints: Vec<Endpoint>,
    /// The name of the OpenAPI file.
    pub(super) file: Option<String>,
    pub(super) auth: Auth,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) token: String,
    /// The plan that opens it.
    pub(super) plan: String,
    /// What a request costs.
    pub(super) credits: u32,
}

/// Where a service is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub(super) verb: String,
    pub(super) url: String,
}

/// What a service wants to be shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Auth {
    #[default]
    None,
    Basic,
    Bearer,
}

impl Auth {
    pub(super) const ALL: [Self; 3] = [Self::None, Self::Basic, Self::Bearer];

    /// As it stands in forms, and in the API.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::None => "No authentication",
            Self::Basic => "Basic authentication, with a username and a password",
            Self::Bearer => "Bearer token",
        }
    }
}

/// What may be asked of an endpoint.
pub(super) const VERBS: [&str; 6] = ["POST", "GET", "PUT", "PATCH", "DELETE", "*"];

impl Endpoint {
    /// One that can be served.
    pub(super) fn new(verb: &str, url: &str) -> Result<Self, Problem> {
        let (verb, url) = (verb.to_ascii_uppercase(), url.trim());
        let read = url.parse::<axum::http::Uri>().ok();
        let is_web = read.is_some_and(|url| {
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        });
        if !is_web || url.len() > 2_048 {
            return Err(wrong(format!("`{url:.100}` is no URL of an API")).hint(
                "write one that begins with https://, of at most 2,048 characters, without a password",
            ));
        }
        if !VERBS.contains(&&*verb) {
            return Err(wrong(format!("`{verb:.20}` is no method of an API")).hint("choose one of the list"));
        }
        Ok(Self { verb, url: url.to_owned() })
    }
}

impl ServiceForm {
    /// Makes sure that its first page is filled in.
    pub(super) fn check_description(&self) -> Result<(), Problem> {
        if self.title.trim().is_empty() {
            return Err(wrong("the service has no title").hint("give your service a title"));
        }
        Ok(())
    }

    /// Makes sure that it is known where it is asked.
    pub(super) fn check_endpoints(&self) -> Result<(), Problem> {
        if self.endpoints.is_empty() {
            return Err(wrong("the service has no API").hint("give its URL, or an OpenAPI file"));
        }
        Ok(())
    }

    /// Makes sure that it has what it wants to be shown, and that a header can carry that.
    pub(super) fn check_auth(&self) -> Result<(), Problem> {
        let (missing, is_clean, hint) = match self.auth {
            Auth::None => (None, true, ""),
            Auth::Basic => {
                let missing = self.username.is_empty().then_some("username");
                (missing, !self.username.contains(':'), "give a username without a colon")
            }
            Auth::Bearer => {
                let missing = self.token.is_empty().then_some("bearer token");
                let is_clean = self.token.chars().all(|letter| letter.is_ascii_graphic());
                (missing, is_clean, "copy the token once more, and nothing around it")
            }
        };
        if !is_clean {
            return Err(wrong("what was given cannot be shown to a service in a header").hint(hint));
        }
        missing.map_or(Ok(()), |missing| {
            Err(wrong(format!("there is no {missing}")).hint("give it, or choose another kind"))
        })
    }

    /// What it wants to be shown, as the API names it.
    pub(super) fn secrets(&self) -> Vec<(String, Value)> {
        let secrets = match self.auth {
            Auth::None => vec![],
            Auth::Basic => vec![("username", &self.username), ("password", &self.password)],
            Auth::Bearer => vec![("token", &self.token)],
        };
        secrets.into_iter().map(|(name, secret)| (name.to_owned(), Value::from(secret.as_str()))).collect()
    }

    /// What is asked of the API for it.
    pub(super) fn register(&self) -> Result<RegisterAgent, Problem> {
        self.check_description()?;
        self.check_endpoints()?;
        self.check_auth()?;
        let mut api = Map::new();
        api.insert("endpoints".to_owned(), json!(self.endpoints));
        api.insert("authType".to_owned(), json!(self.auth.name()));
        api.insert("pricing".to_owned(), json!({ "unit": "request", "credits": self.credits }));
        api.extend(self.secrets());
        let asked = json!({
            "metadataAttributes": {
                "name": self.title.trim(), "description": self.description.trim(), "image": self.cover,
            },
            "agentApiAttributes": api,
            "plans": [self.plan],
        });
        // By what the API reads, so that an agent is one, wherever it is made.
        serde_json::from_str(&asked.to_string()).map_err(|error| Problem::internal(&error))
    }
}

pub(super) fn wrong(detail: impl Into<String>) -> Problem {
    ProblemKind::INVALID_REQUEST.problem(detail)
}
