//! Every endpoint, on one page.

use axum::Router;
use axum::routing::get;

use crate::app::Shared;
use crate::opt_in::page;
use crate::{admin, preferences, webhooks};

/// The public listener: what Meta and people reach.
pub fn public(app: Shared) -> Router {
    Router::new()
        .route(
            "/webhooks/meta/{business}",
            get(webhooks::handshake).post(webhooks::receive),
        )
        .route(
            "/webhooks/meta/app/{id}",
            get(webhooks::meta_app::handshake).post(webhooks::meta_app::receive),
        )
        .route("/p/{token}", get(preferences::show).post(preferences::act))
        .route("/o/{business}", get(page::show).post(page::act))
        .with_state(app)
}

/// The private listener's own endpoints. Whatever is not among them is a Graph call of an app.
pub fn private(app: Shared) -> Router {
    admin::routes().with_state(app)
}

/// Whether a path on the private listener is ours to answer.
#[must_use]
pub fn is_own(path: &str) -> bool {
    let first = path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    matches!(
        first,
        "v1" | "docs"
            | "healthz"
            | "readyz"
            | "metrics"
            | "decisions"
            | "people"
            | "avenues"
            | "alerts"
            | "numbers"
            | "guide"
            | "held"
            | "screenings"
            | "subscriptions"
            | "assets"
            | "favicon.ico"
            | "relay"
    )
}
