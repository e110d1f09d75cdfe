//! The services that the gateway serves: where they are, what they want to be shown, and what they cost.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use std::sync::Arc;

use alloy::primitives::Address;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use scrip::{Did, Error, PlanId, Services, Terms, abi::IScrip::IScripErrors as Refused};
use serde_json::{Map, Value};

use super::price::Pricing;
use crate::{
    agent_page::AgentPage,
    endpoints::{Matching, matching},
    extract::agent_number,
    problem::{Problem, ProblemKind},
    shared::Shared,
    state::State,
};

/// For how long what is known of a service counts.
const KNOWN: Duration = Duration::from_secs(5);
/// How many are remembered.
const MANY: usize = 4_096;

/// A service, as the gateway serves it.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) did: Did,
    /// Who redeems what is served: the service's owner, where a plan lets it.
    pub(super) owner: Address,
    pub(super) plans: Vec<PlanId>,
    pub(super) page: AgentPage,
    pub(super) pricing: Pricing,
    /// What its upstream wants to be shown.
    pub(super) secret: Vec<(HeaderName, HeaderValue)>,
    /// Which of its plans were found to let the owner redeem.
    redeems: Mutex<HashMap<Redeemed, Option<Problem>>>,
    since: Instant,
}

/// What is to be redeemed: a plan's credits, and whose and how many, where that makes a difference.
type Redeemed = (PlanId, Option<(Address, u64)>);

/// The services that are known.
#[derive(Debug, Default)]
pub(super) struct Known {
    served: Mutex<HashMap<Did, Arc<Served>>>,
    asking: Shared<Did, Arc<Served>>,
}

impl Known {
    fn served(&self) -> MutexGuard<'_, HashMap<Did, Arc<Served>>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a service counts no longer.
    pub(super) fn forget(&self, did: Did) {
        self.served().remove(&did);
    }
}

impl State {
    /// A service.
    pub(super) async fn served(&self, did: Did) -> Result<Arc<Served>, Problem> {
        let known = &self.gate.known;
        let fresh = known.served().get(&did).filter(|served| served.since.elapsed() < KNOWN).cloned();
        if let Some(served) = fresh {
            return Ok(served);
        }
        let served = Box::pin(known.asking.get(did, self.read_service(did))).await?;
        let mut all = known.served();
        if all.len() >= MANY {
            all.clear();
        }
        all.insert(did, Arc::clone(&served));
        Ok(served)
    }

    async fn read_service(&self, did: Did) -> Result<Arc<Served>, Problem> {
        let since = Instant::now();
        let services = self.gate.services.get_or_try_init(|| Services::connect(self.chain.scrip())).await?;
        let service = services.service(did).await?;
        let page = self.agent_page(did).await?;
        let secret = match page.open(self, service.owner)? {
            Some(secret) => secret_headers(&page.api, &secret)?,
            None => Vec::new(),
        };
        Ok(Arc::new(Served {
            did,
            owner: service.owner,
            plans: service.plans,
            pricing: Pricing::read(&page.api)?,
            page,
            secret,
            redeems: Mutex::default(),
            since,
        }))
    }

    /// Makes sure that the service's owner may redeem a plan, and signs here.
    pub(super) async fn check_redeems(
        &self,
        served: &Served,
        terms: &Terms,
        (plan, holder): (PlanId, Address),
        amount: u64,
    ) -> Result<(), Problem> {
        let redeems = || served.redeems.lock().unwrap_or_else(PoisonError::into_inner);
        // A hook refuses whom it likes, and a plan may let a holder alone redeem.
        let is_its_own = is_hooked(terms) || holder == served.owner;
        let redeemed = (plan, is_its_own.then_some((holder, amount)));
        let known = redeems().get(&redeemed).cloned();
        let refusal = match known {
            Some(refusal) => refusal,
            None => {
                let refusal = Box::pin(self.why_not_redeemed(served, terms, (plan, holder), amount)).await?;
                let mut redeems = redeems();
                if redeems.len() >= MANY {
                    redeems.clear();
                }
                redeems.insert(redeemed, refusal.clone());
                refusal
            }
        };
        refusal.map_or(Ok(()), Err)
    }

    async fn why_not_redeemed(
        &self,
        served: &Served,
        terms: &Terms,
        (plan, holder): (PlanId, Address),
        amount: u64,
    ) -> Result<Option<Problem>, Problem> {
        let not_set_up = |detail: String| {
            Some(
                ProblemKind::NOT_SET_UP
                    .problem(detail)
                    .hint("tell the service's builder, or use another plan of it"),
            )
        };
        if !self.signs_for(served.owner).await? {
            return Ok(not_set_up(format!(
                "{}, who owns the service, signs with a wallet of its own, and this gateway could not redeem what is served",
                served.owner
            )));
        }
        let checked = match terms.voucher_required {
            true => self.check_vouched_redeemer(served.owner, (plan, holder), amount).await,
            false => self.check_redeemer(served.owner, (plan, holder), amount).await,
        };
        match checked {
            // A hook of a plan that requires vouchers is asked with one, when that is redeemed.
            Ok(()) if is_hooked(terms) && !terms.voucher_required => {
                self.why_hook_refuses(served.owner, (plan, holder), amount).await
            }
            Ok(()) => Ok(None),
            Err(problem) if problem.retryable => Err(problem),
            Err(problem) => {
                Ok(not_set_up(format!("the service's owner may not redeem its plan: {}", problem.detail)))
            }
        }
    }

    /// Why a plan's hook does not let so much be redeemed now, by trying it.
    async fn why_hook_refuses(
        &self,
        redeemer: Address,
        (plan, holder): (PlanId, Address),
        amount: u64,
    ) -> Result<Option<Problem>, Problem> {
        let core = self.chain.scrip().instance();
        let tried = core.redeemWithoutId(plan.0, holder, amount).from(redeemer).call().await;
        let Err(error) = tried.map_err(Error::from) else { return Ok(None) };
        match error.refusal() {
            Some(Refused::HookRefused(_)) => Ok(Some(error.into())),
            // Whether there are credits is seen when they are held.
            Some(_) => Ok(None),
            None => Err(error.into()),
        }
    }
}

/// Whether a plan's redemptions are others' to refuse.
fn is_hooked(terms: &Terms) -> bool {
    terms.hook.is_some_and(|hook| hook.before_redemption || hook.after_redemption)
}

impl Served {
    /// Where a request of this path goes on to.
    pub(super) fn upstream(&self, method: &Method, path: &str, query: Option<&str>) -> Result<Uri, Problem> {
        check_path(path)?;
        let endpoints = self.page.api.get("endpoints");
        let base =
            self.page.api.get("upstream").and_then(Value::as_str).map(|base| base.trim_end_matches('/'));
        let verb = Some(method.as_str());
        let found = match base {
            Some(base) => match matching(endpoints, &format!("{base}{path}"), verb) {
                Matching::None => matching(endpoints, path, verb),
                found => found,
            },
            None => matching(endpoints, path, verb),
        };
        let not_set_up = || {
            ProblemKind::NOT_SET_UP.problem(format!("agent {} does not say where it is", agent_number(self.did))).hint(
                "its builder names it: PUT /api/v1/protocol/agents/{agentId}, agentApiAttributes.upstream or .endpoints",
            )
        };
        let origin = match (base, &found) {
            (_, Matching::None) => {
                return Err(ProblemKind::ENDPOINT_REFUSED.problem(format!(
                    "{method} {path} is none of the endpoints of agent {}",
                    agent_number(self.did)
                )));
            }
            (Some(base), _) => base,
            (None, Matching::One(endpoint)) => origin(&endpoint.url).ok_or_else(not_set_up)?,
            (None, Matching::All) => return Err(not_set_up()),
        };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let url: Uri = format!("{origin}{path}{query}").parse().map_err(|_| not_set_up())?;
        // A user and a password in a URL are no host's.
        let is_plain = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        match url.scheme_str() {
            Some("http" | "https") if is_plain => Ok(url),
            _ => Err(not_set_up()),
        }
    }
}

/// Makes sure that what a service says of its API is what the gateway can serve.
pub(crate) fn check_api(api: &Map<String, Value>) -> Result<(), Problem> {
    Pricing::read(api)?;
    let Some(upstream) = api.get("upstream").filter(|upstream| !upstream.is_null()) else { return Ok(()) };
    let url = upstream.as_str().and_then(|url| url.parse::<Uri>().ok());
    let is_url = url.is_some_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.query().is_none()
            && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    });
    if is_url {
        return Ok(());
    }
    Err(ProblemKind::INVALID_REQUEST
        .problem(format!("agentApiAttributes.upstream is no URL of HTTP with a host, without a user and a query: {upstream}"))
        .hint("write it as https://api.example/v1"))
}

/// Scheme and host of a URL.
fn origin(url: &str) -> Option<&str> {
    let scheme = url.find("://")?;
    let end = url[scheme + 3..].find(['/', '?', '#']).map_or(url.len(), |end| scheme + 3 + end);
    Some(&url[..end])
}

/// A path that an upstream may read as another one is none.
fn check_path(path: &str) -> Result<(), Problem> {
    let plain = path
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/")
        .replace("%3b", ";")
        .replace('\\', "/");
    // Some read `..;x` as `..`.
    let parts = plain.split('/').filter_map(|part| part.split(';').next());
    if parts.into_iter().any(|part| part == "." || part == "..") || plain.contains("%00") {
        return Err(ProblemKind::INVALID_REQUEST
            .problem(format!("the path {path} leads elsewhere than it says"))
            .hint("write it without `.` and `..`"));
    }
    Ok(())
}

/// What a sealed secret is shown as.
fn secret_headers(
    api: &Map<String, Value>,
    secret: &Value,
) -> Result<Vec<(HeaderName, HeaderValue)>, Problem> {
    let wrong = |what: &str| {
        ProblemKind::NOT_SET_UP
            .problem(format!("what the service's upstream wants to be shown has {what} that is no header's"))
            .hint("its builder sets agentApiAttributes again")
    };
    let sensitive = |text: String| {
        let mut value = HeaderValue::try_from(text).map_err(|_| wrong("a value"))?;
        value.set_sensitive(true);
        Ok::<_, Problem>(value)
    };
    let text = |name: &str| secret.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let kind = api.get("authType").and_then(Value::as_str).unwrap_or_default();
    let mut headers = Vec::new();
    match (kind, text("username"), text("token")) {
        ("basic", Some(user), _) | ("" | "none", Some(user), None) => {
            let password = text("password").unwrap_or_default();
            let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
            headers.push((header::AUTHORIZATION, sensitive(format!("Basic {pair}"))?));
        }
        (_, _, Some(token)) => headers.push((header::AUTHORIZATION, sensitive(format!("Bearer {token}"))?)),
        _ => {}
    }
    if let Some(key) = text("apiKey") {
        headers.push((HeaderName::from_static("x-api-key"), sensitive(key.to_owned())?));
    }
    let others = match secret.get("headers") {
        Some(Value::Array(some)) => some.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(one)) => vec![one],
        _ => Vec::new(),
    };
    for (name, value) in others.into_iter().flatten() {
        let name: HeaderName = name.parse().map_err(|_| wrong("a name"))?;
        let is_framing =
            [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];
        if is_framing.contains(&name) {
            return Err(wrong("a name"));
        }
        headers.push((name, sensitive(value.as_str().unwrap_or_default().to_owned())?));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_where_it_says() {
        for path in [
            "/a/../b",
            "/..",
            "/%2e%2E/b",
            "/a/%2e%2e%2fb",
            "/a/..\\b",
            "/./b",
            "/a%00",
            "/..;/b",
            "/a/%2e.%3bx=1/b",
        ] {
            assert!(check_path(path).is_err(), "{path}");
        }
        for path in ["/", "/a.b/..c/d..", "/v1/chat", "/a%20b", "/a;b=..", "/..a;b"] {
            assert!(check_path(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn secrets_are_headers() {
        let shown = |api: Value, secret: Value| {
            let Value::Object(api) = api else { unreachable!() };
            let headers = secret_headers(&api, &secret).unwrap();
            headers
                .into_iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(json!({}), json!({ "token": "t" })), ["authorization: Bearer t"]);
        let basic = json!({ "username": "u", "password": "p" });
        assert_eq!(shown(json!({ "authType": "basic" }), basic), ["authorization: Basic dTpw"]);
        let all = json!({ "apiKey": "k", "headers": [{ "x-a": "1" }, { "x-b": "2" }] });
        assert_eq!(shown(json!({ "authType": "none" }), all), ["x-api-key: k", "x-a: 1", "x-b: 2"]);
        let framing = json!({ "headers": { "Transfer-Encoding": "chunked" } });
        assert!(secret_headers(&Map::new(), &framing).is_err());
    }

    #[test]
    fn an_upstream_is_a_url() {
        for (upstream, is_one) in [
            (json!("https://api.example/v1"), true),
            (json!("http://127.0.0.1:9000"), true),
            (json!("ftp://api.example"), false),
            (json!("https://user:password@api.example"), false),
            (json!("/v1"), false),
            (json!(7), false),
        ] {
            let Value::Object(api) = json!({ "upstream": upstream }) else { unreachable!() };
            assert_eq!(check_api(&api).is_ok(), is_one, "{upstream}");
        }
    }
}
