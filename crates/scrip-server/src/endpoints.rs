//! The endpoints of an agent, and whether something that is paid for is one of them.

use serde_json::Value;

/// An endpoint that was matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The pattern, as it was registered.
    pub(crate) url: String,
    pub(crate) verb: String,
}

/// Whether something is among an agent's endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Matching {
    /// The agent names none, so that all are.
    All,
    One(Endpoint),
    None,
}

/// Looks for a resource among what an agent has registered as `endpoints`: `[{"verb": "POST", "url": "…"}]`, as the Python
/// SDK writes it, or `[{"POST": "…"}]`, as both do. A resource without a host, which middlewares send, is looked for by its
/// path.
pub(crate) fn matching(endpoints: Option<&Value>, url: &str, verb: Option<&str>) -> Matching {
    let named: Vec<_> = endpoints.and_then(Value::as_array).into_iter().flatten().flat_map(read).collect();
    if named.is_empty() {
        return Matching::All;
    }
    let is_it = |endpoint: &Endpoint| {
        let same_verb = |verb: &str| endpoint.verb.eq_ignore_ascii_case(verb) || endpoint.verb == "*";
        verb.is_none_or(same_verb) && matches(&endpoint.url, url)
    };
    named.into_iter().find(is_it).map_or(Matching::None, Matching::One)
}

fn read(endpoint: &Value) -> Vec<Endpoint> {
    let text = |name| endpoint.get(name).and_then(Value::as_str).map(str::to_owned);
    if let (Some(url), Some(verb)) = (text("url"), text("verb")) {
        return vec![Endpoint { url, verb }];
    }
    let members = endpoint.as_object().into_iter().flatten();
    members
        .filter_map(|(verb, url)| Some(Endpoint { url: url.as_str()?.to_owned(), verb: verb.clone() }))
        .collect()
}

/// Whether a URL is one of a pattern's, in which `:name` is a part of the path and `*name` all the rest of it.
fn matches(pattern: &str, url: &str) -> bool {
    let (pattern_place, pattern_path) = split(pattern);
    let (place, path) = split(url);
    if let (Some(one), Some(other)) = (pattern_place, place)
        && !one.eq_ignore_ascii_case(other)
    {
        return false;
    }
    let mut parts = parts(path);
    for pattern in self::parts(pattern_path) {
        match (pattern.as_bytes().first(), parts.next()) {
            (Some(b'*'), rest) => return rest.is_some(),
            (Some(b':'), Some(_)) => {}
            (_, Some(part)) if part == pattern => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

/// Scheme and host, if there are any, and the path.
fn split(url: &str) -> (Option<&str>, &str) {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.find("://") {
        Some(scheme) => {
            let host = url[scheme + 3..].find('/').map_or(url.len(), |end| scheme + 3 + end);
            (Some(&url[..host]), &url[host..])
        }
        None => (None, url),
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_shapes_of_endpoints_are_read() {
        for endpoints in
            [json!([{ "verb": "POST", "url": "https://a.b/ask" }]), json!([{ "POST": "https://a.b/ask" }])]
        {
            let endpoint = Endpoint { url: "https://a.b/ask".to_owned(), verb: "POST".to_owned() };
            assert_eq!(matching(Some(&endpoints), "/ask", Some("post")), Matching::One(endpoint.clone()));
            assert_eq!(matching(Some(&endpoints), "https://a.b/ask?x=1", None), Matching::One(endpoint));
            assert_eq!(matching(Some(&endpoints), "/ask", Some("GET")), Matching::None);
        }
        for none in [None, Some(&json!([])), Some(&json!(null))] {
            assert_eq!(matching(none, "/ask", None), Matching::All);
        }
    }

    #[test]
    fn patterns_have_names_for_parts() {
        for (pattern, url) in [
            ("https://a.b/:agentId/tasks", "https://a.b/7/tasks"),
            ("https://a.b/:agentId/tasks", "/7/tasks/"),
            ("https://A.b/*path", "https://a.b/x/y/z"),
            ("/ask", "https://any.where/ask"),
            ("https://a.b", "https://a.b/"),
        ] {
            assert!(matches(pattern, url), "{pattern} {url}");
        }
        for (pattern, url) in [
            ("https://a.b/:agentId/tasks", "https://a.b/7/8/tasks"),
            ("https://a.b/:agentId/tasks", "https://c.d/7/tasks"),
            ("https://a.b/ask", "https://a.b/ask/more"),
            ("https://a.b/ask", "https://a.b/"),
            ("https://a.b/*path", "https://a.b/"),
            ("https://a.b/ask", "https://a.b.evil/ask"),
        ] {
            assert!(!matches(pattern, url), "{pattern} {url}");
        }
    }
}
