//! The widget's scripts and its style, made of `web/src/widget`.

use std::sync::{Arc, LazyLock};

use axum::{Router, routing::get};

use crate::{
    pages::{JAVASCRIPT, asset, versioned},
    state::State,
};

const FRAME: &str = include_str!("frame.js");
const WINDOW: &str = include_str!("window.js");
const STYLE: &str = include_str!("widget.css");

/// Where they are: by other names when they are others.
pub(super) static FRAME_SCRIPT: LazyLock<String> =
    LazyLock::new(|| versioned("/assets/widget-frame.js", FRAME));
pub(super) static WINDOW_SCRIPT: LazyLock<String> =
    LazyLock::new(|| versioned("/assets/widget-window.js", WINDOW));
pub(super) static WIDGET_STYLE: LazyLock<String> = LazyLock::new(|| versioned("/assets/widget.css", STYLE));

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/assets/widget-frame.js", get(async || asset(JAVASCRIPT, FRAME)))
        .route("/assets/widget-window.js", get(async || asset(JAVASCRIPT, WINDOW)))
        .route("/assets/widget.css", get(async || asset("text/css; charset=utf-8", STYLE)))
}
