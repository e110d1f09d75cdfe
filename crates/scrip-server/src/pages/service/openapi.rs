//! What an OpenAPI file says of where a service is asked.

use serde_json::Value;

use super::form::{Endpoint, wrong};
use crate::problem::Problem;

/// The most endpoints that are taken of one.
const MOST: usize = 200;
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The endpoints of a file, of JSON or YAML: each path at the first server that it names.
pub(super) fn endpoints(text: &str) -> Result<Vec<Endpoint>, Problem> {
    let file: Value = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(_) => serde_saphyr::from_str(text).map_err(|error| {
            let said = error.to_string();
            let said = said.lines().next().unwrap_or_default();
            wrong(format!("this is neither JSON nor YAML: {said:.200}")).hint("choose an OpenAPI file")
        })?,
    };
    let paths = file["paths"].as_object().filter(|paths| !paths.is_empty());
    let paths = paths.ok_or_else(|| wrong("the file has no paths").hint("choose an OpenAPI file"))?;
    let server = file["servers"][0]["url"].as_str().filter(|url| url.starts_with("http"));
    let server = server.ok_or_else(|| {
        wrong("the file does not say where the service is")
            .hint("name its URL in the file: servers, the first, url")
    })?;
    let mut endpoints = Vec::new();
    for (path, item) in paths {
        for method in METHODS.into_iter().filter(|method| item.get(method).is_some()) {
            endpoints
                .push(Endpoint::new(method, &format!("{}{}", server.trim_end_matches('/'), pattern(path)))?);
        }
    }
    match endpoints.len() {
        0 => Err(wrong("the file has no operations").hint("choose an OpenAPI file")),
        1..=MOST => Ok(endpoints),
        many => Err(wrong(format!("the file has {many} operations, {MOST} at most are taken"))
            .hint("leave those out that are not sold")),
    }
}

/// `{name}` is a part of a path; endpoints write it `:name`.
fn pattern(path: &str) -> String {
    let parts =
        path.split('/').map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => format!(":{name}"),
            None => part.to_owned(),
        });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_yaml_are_read() {
        let json = r#"{"openapi":"3.1.0","servers":[{"url":"https://a.example/v1/"}],
            "paths":{"/chat":{"post":{},"summary":"x"},"/files/{id}":{"get":{},"delete":{}}}}"#;
        let yaml = "openapi: 3.1.0\nservers:\n  - url: https://a.example/v1\npaths:\n  /chat:\n    summary: x\n    post: {}\n  \
                    /files/{id}:\n    get: {}\n    delete: {}\n";
        for text in [json, yaml] {
            let found = endpoints(text).unwrap();
            let found: Vec<_> = found.iter().map(|one| (&*one.verb, &*one.url)).collect();
            let files = "https://a.example/v1/files/:id";
            assert_eq!(found, [("POST", "https://a.example/v1/chat"), ("GET", files), ("DELETE", files)]);
        }
    }

    #[test]
    fn what_is_no_openapi_file_is_refused() {
        for (text, said) in [
            ("", "no paths"),
            ("[1, 2", "neither JSON nor YAML"),
            (r#"{"paths":{}}"#, "no paths"),
            (r#"{"paths":{"/":{"get":{}}}}"#, "does not say where"),
            (r#"{"servers":[{"url":"/v1"}],"paths":{"/":{"get":{}}}}"#, "does not say where"),
            (r#"{"servers":[{"url":"https://a:b@c.example"}],"paths":{"/":{"get":{}}}}"#, "is no URL"),
            (r#"{"servers":[{"url":"https://a.example"}],"paths":{"/":{"summary":1}}}"#, "no operations"),
        ] {
            let refused = endpoints(text).unwrap_err();
            assert!(refused.status == 400 && refused.detail.contains(said), "{text}: {refused:?}");
        }
    }
}
