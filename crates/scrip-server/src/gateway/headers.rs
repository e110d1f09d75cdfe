//! Which headers go on, and which do not.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Of one connection only (RFC 9110, section 7.6.1), or of how a body is put on the wire, which is done anew.
const OF_THE_CONNECTION: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What of a caller is none of the upstream's business, or what the upstream could take for the gateway's word.
const OF_THE_CALLER: [&str; 22] = [
    "authorization",
    "cf-connecting-ip",
    "cookie",
    "forwarded",
    "host",
    "idempotency-key",
    "payment-signature",
    "true-client-ip",
    "via",
    "x-api-key",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-payment",
    "x-real-ip",
    "x-request-id",
    "x-original-url",
    "x-rewrite-url",
];

/// The same by how they begin.
const FAMILIES: [&str; 4] = ["x-forwarded", "scrip-", "nvm", "sec-fetch-"];

/// What an upstream may not say to who uses this server's origin, its cookies, its scripts' rights, where its other services are; or to
/// a proxy before this server, which files of its own it is to send.
const OF_THE_UPSTREAM: [&str; 19] = [
    "alt-svc",
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "cross-origin-opener-policy",
    "idempotent-replayed",
    "nel",
    "payment-required",
    "payment-response",
    "public-key-pins",
    "refresh",
    "report-to",
    "service-worker-allowed",
    "set-cookie",
    "strict-transport-security",
    "x-accel-redirect",
    "x-lighttpd-send-file",
    "x-request-id",
    "x-sendfile",
];

/// How many credits an upstream says that it has used: the reference's name, and ours.
pub(super) const SAYS_USED: [&str; 2] = ["nvmcreditsconsumed", "scrip-credits"];
/// The credits that were taken.
pub(super) const USED: HeaderName = HeaderName::from_static("scrip-credits-used");
/// The same, as the reference has it.
pub(super) const CONSUMED: HeaderName = HeaderName::from_static("nvmcreditsconsumed");
/// The credits that are held until a stream ends.
pub(super) const HELD: HeaderName = HeaderName::from_static("scrip-credits-held");
/// The credits that the holder can still spend.
pub(super) const LEFT: HeaderName = HeaderName::from_static("scrip-credits-left");
/// The request's id.
pub(super) const REQUEST: HeaderName = HeaderName::from_static("scrip-request-id");
/// The most credits that the caller lets a request take.
pub(super) const MOST: HeaderName = HeaderName::from_static("scrip-max-credits");
/// The voucher of a session, which the holder has signed, in base64.
pub(super) const VOUCHER: HeaderName = HeaderName::from_static("scrip-voucher");
/// Whether an answer is one that was given before.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Takes out what is of one connection only, and what it names to be so.
fn strip_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
}

/// The headers of a request, as they go on to the upstream.
pub(super) fn for_upstream(mut headers: HeaderMap, secret: &[(HeaderName, HeaderValue)]) -> HeaderMap {
    strip_connection(&mut headers);
    for name in OF_THE_CALLER {
        headers.remove(name);
    }
    // A name that some servers read as another is none: `x_forwarded_for`.
    let others: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            name.as_str().contains('_') || FAMILIES.iter().any(|family| name.as_str().starts_with(family))
        })
        .cloned()
        .collect();
    for name in others {
        headers.remove(name);
    }
    for (name, value) in secret {
        headers.insert(name, value.clone());
    }
    headers
}

/// The headers of an answer, as they go on to the caller.
pub(super) fn for_caller(mut headers: HeaderMap) -> HeaderMap {
    strip_connection(&mut headers);
    for name in OF_THE_UPSTREAM {
        headers.remove(name);
    }
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("scrip-") || name.as_str().starts_with("access-control-"))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
    headers.remove(CONSUMED);
    // What is shown in a browser is shown as nobody's: it has no part in this origin, its cookies and its pages.
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    open_to_all(&mut headers);
    headers
}

/// Lets scripts of any origin read an answer: they have nothing to send that is not given to them, for no cookie counts here.
pub(super) fn open_to_all(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let exposed = "scrip-credits-used, scrip-credits-held, scrip-credits-left, scrip-request-id, nvmcreditsconsumed, \
                   payment-required, idempotent-replayed, retry-after";
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
}

/// How many bytes headers take.
pub(super) fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// A number as a header.
pub(super) fn number(value: u64) -> HeaderValue {
    HeaderValue::from(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_token_and_what_is_of_one_connection_stay() {
        let asked = headers(&[
            ("accept", "*/*"),
            ("authorization", "Bearer caller"),
            ("connection", "close, X-Hop"),
            ("cookie", "a=b"),
            ("payment-signature", "token"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x_forwarded_for", "1.2.3.4"),
            ("scrip-holder", "0x"),
            ("x-hop", "1"),
        ]);
        let secret = [(header::AUTHORIZATION, HeaderValue::from_static("Bearer builder"))];
        let sent = for_upstream(asked, &secret);
        assert_eq!(names(&sent), ["accept", "authorization"]);
        assert_eq!(sent[header::AUTHORIZATION], "Bearer builder");
    }

    #[test]
    fn who_names_the_secret_a_header_of_the_connection_does_not_get_rid_of_it() {
        let asked = headers(&[("connection", "authorization, host")]);
        let secret = [(header::AUTHORIZATION, HeaderValue::from_static("Bearer builder"))];
        assert_eq!(for_upstream(asked, &secret)[header::AUTHORIZATION], "Bearer builder");
    }

    #[test]
    fn an_upstream_says_nothing_for_this_origin() {
        let answered = headers(&[
            ("content-type", "text/html"),
            ("set-cookie", "session=theirs"),
            ("content-security-policy", "default-src *"),
            ("access-control-allow-credentials", "true"),
            ("scrip-credits-left", "1000000"),
            ("transfer-encoding", "chunked"),
            ("x-accel-redirect", "/etc/passwd"),
        ]);
        let told = for_caller(answered);
        assert_eq!(told[header::CONTENT_SECURITY_POLICY], "sandbox; default-src 'none'");
        assert_eq!(told[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        for name in [
            "set-cookie",
            "access-control-allow-credentials",
            "scrip-credits-left",
            "transfer-encoding",
            "x-accel-redirect",
        ] {
            assert!(!told.contains_key(name), "{name}");
        }
    }
}
