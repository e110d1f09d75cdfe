//! The pages that may show a service's widget: their origins, which the service's owner names.

use std::{fmt, net::IpAddr};

use axum::http::Uri;
use scrip::{Did, Service};
use sqlx::Row;

use crate::{
    problem::{Problem, ProblemKind},
    state::State,
};

/// The most for one service.
const MOST: usize = 16;

/// An origin, as browsers write it: in small letters, without the port that its scheme has anyway. It is put into headers, and
/// there is nothing in it that means something there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin(String);

impl Origin {
    /// An origin that may be told tokens: of https, or of this machine, where nobody listens on the way.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let refused = |why: &str| {
            ProblemKind::INVALID_REQUEST
                .problem(format!("`{text}` is no origin that can show the widget: {why}"))
                .hint("write it as https://app.example, or http://localhost:8501 while you try it")
        };
        let url: Uri = text.trim().parse().map_err(|_| refused("it is no URL"))?;
        let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
            return Err(refused("it has no scheme or no host"));
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(refused("it goes on behind the host"));
        }
        let host = authority.host().to_ascii_lowercase();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        if address.is_err() && (host.is_empty() || !host.bytes().all(is_name)) {
            return Err(refused("its host is no name and no address"));
        }
        let port = authority.port_u16();
        let tail = match port {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        if !authority.as_str().eq_ignore_ascii_case(&tail) {
            return Err(refused("it has more than a host and a port"));
        }
        let is_near =
            host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|it| it.is_loopback());
        let usual = match scheme {
            "https" => 443,
            "http" if is_near => 80,
            "http" => return Err(refused("whoever is on the way would read the tokens that it is told")),
            _ => return Err(refused("its scheme is not https")),
        };
        Ok(Self(match port.filter(|&port| port != usual) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl State {
    /// Where a service's widget may be shown, by its owner's word.
    pub(crate) async fn widget_origins(&self, service: &Service) -> Result<Vec<Origin>, Problem> {
        let rows =
            sqlx::query("SELECT origin FROM widget_origins WHERE agent = $1 AND owner = $2 ORDER BY origin")
                .bind(service.did.to_string())
                .bind(service.owner.to_string())
                .fetch_all(&self.db)
                .await?;
        rows.iter().map(|row| Ok(Origin(row.try_get(0)?))).collect()
    }

    /// Names them anew.
    pub(crate) async fn keep_widget_origins(
        &self,
        service: &Service,
        mut origins: Vec<Origin>,
    ) -> Result<Vec<Origin>, Problem> {
        origins.sort();
        origins.dedup();
        if origins.len() > MOST {
            return Err(ProblemKind::INVALID_REQUEST
                .problem(format!("{} origins, and {MOST} at most show a service's widget", origins.len())));
        }
        let mut db = self.write().await?;
        sqlx::query("DELETE FROM widget_origins WHERE agent = $1")
            .bind(service.did.to_string())
            .execute(&mut *db)
            .await?;
        for Origin(origin) in &origins {
            sqlx::query(
                "INSERT INTO widget_origins (agent, origin, owner) VALUES ($1, $2, $3) \
                 ON CONFLICT (agent, origin) DO UPDATE SET owner = $3",
            )
            .bind(service.did.to_string())
            .bind(origin)
            .bind(service.owner.to_string())
            .execute(&mut *db)
            .await?;
        }
        db.commit().await?;
        Ok(origins)
    }
}

/// The service that `did` names: `did:nv:` and 64 hex digits, as the reference writes it, or its number.
pub(crate) fn parse_did(text: &str) -> Result<Did, Problem> {
    match text.strip_prefix("did:nv:") {
        Some(digits) => crate::extract::parse_agent(&format!("0x{}", digits.trim_start_matches("0x"))),
        None => crate::extract::parse_agent(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, origin) in [
            ("https://app.example", "https://app.example"),
            ("https://App.Example:443/", "https://app.example"),
            ("https://app.example:8443", "https://app.example:8443"),
            ("http://localhost:8501", "http://localhost:8501"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[::1]:8501", "http://[::1]:8501"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), origin);
        }
    }

    #[test]
    fn what_could_be_told_a_token_by_mistake_is_no_origin() {
        for text in [
            "",
            "*",
            "null",
            "app.example",
            "http://app.example",
            "https://*.example",
            "https://app.example/path",
            "https://app.example?x",
            "https://user@app.example",
            "https://app.example:x",
            "https://app.example; script-src *",
            "https://app.example https://evil.example",
            "https://äpp.example",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "https://",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }
}
