//! What pages are made with beside HTML: a style sheet, a script that asks wallets, and one that waits.

use std::sync::{Arc, LazyLock};

use alloy::primitives::{hex, keccak256};
use axum::{
    Router,
    http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS},
    routing::get,
};

use crate::state::State;

const STYLE: &str = include_str!("style.css");
/// Made of `web/` by `scripts/web`.
const SCRIPT: &str = include_str!("wallet.js");
const WAIT: &str = include_str!("wait.js");

/// What scripts are.
pub(crate) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Where the style sheet is: by another name when it is another.
pub(crate) static STYLE_PATH: LazyLock<String> = LazyLock::new(|| versioned("/assets/style.css", STYLE));

/// Where the script is.
pub(super) static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| versioned("/assets/wallet.js", SCRIPT));

/// Where the script of pages is on which something is under way.
pub(super) static WAIT_PATH: LazyLock<String> = LazyLock::new(|| versioned("/assets/wait.js", WAIT));

/// The URL of an asset, which is another when the asset is.
pub(crate) fn versioned(path: &str, text: &str) -> String {
    format!("{path}?v={}", hex::encode(&keccak256(text)[..8]))
}

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/assets/style.css", get(async || asset("text/css; charset=utf-8", STYLE)))
        .route("/assets/wallet.js", get(async || asset(JAVASCRIPT, SCRIPT)))
        .route("/assets/wait.js", get(async || asset(JAVASCRIPT, WAIT)))
}

/// An asset, which browsers keep for good.
pub(crate) fn asset(
    kind: &'static str,
    text: &'static str,
) -> ([(HeaderName, &'static str); 3], &'static str) {
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text)
}
