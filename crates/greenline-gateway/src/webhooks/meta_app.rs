//! `/webhooks/meta/app/{id}`: one app of the platform that serves many businesses.
//!
//! A provider's app has one callback for every account it is subscribed to. Each part of a delivery goes
//! to the business its account and number belong to, as if it had come there alone. What belongs to none
//! of the businesses that the app serves is kept as it came and changes nothing.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use greenline_ledger::types::{Delivery, Effect, Lane};
use greenline_wire::webhook;
use http::{HeaderMap, Request, StatusCode};

use super::effects::{self, note};
use super::split::split;
use super::{Handshake, challenge, headers, signed, take, unavailable};
use crate::app::Shared;
use crate::directory::MetaApp;

/// `GET /webhooks/meta/app/{id}`: answers the challenge of whoever knows the verify token.
pub async fn handshake(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<Handshake>,
) -> Response {
    let token = app
        .directory
        .meta_app(&id)
        .map(|meta_app| meta_app.config.verify_token.reveal());
    challenge(token, query)
}

/// `POST /webhooks/meta/app/{id}`: takes a delivery.
pub async fn receive(
    State(app): State<Shared>,
    Path(id): Path<String>,
    request: Request<axum::body::Body>,
) -> Response {
    let Some(meta_app) = app.directory.meta_app(&id).cloned() else {
        app.metrics.webhooks_rejected.add();
        return (StatusCode::NOT_FOUND, "no such app").into_response();
    };
    match signed(
        &app,
        &meta_app.config.app_secret,
        &meta_app.config.id,
        request,
    )
    .await
    {
        Ok(signed) => route(&app, &meta_app, &signed.headers, signed.body).await,
        Err(refused) => refused,
    }
}

/// Hands each business its part. Answered 200 once all of them have it, and the rest is kept.
async fn route(app: &Shared, meta_app: &MetaApp, headers: &HeaderMap, body: Bytes) -> Response {
    // Bytes that are no UTF-8 may still hold a stop that reads.
    let text = String::from_utf8_lossy(&body);
    let received_ms = app.clock.now_ms();
    let mut rest = Vec::new();
    let mut lane = Lane::Inbound;
    let mut own = Vec::new();
    match webhook::parse(text.as_bytes()) {
        Ok(delivery) => {
            let split = split(&app.directory, meta_app, &delivery, &body);
            let place = &meta_app.config.id;
            rest.extend(
                split.foreign.iter().map(|(entry, change)| {
                    effects::quarantined(place, received_ms, entry, *change)
                }),
            );
            if delivery.unreadable > 0 {
                rest.push(unreadable(meta_app, received_ms));
            }
            lane = effects::lane(&delivery);
            own = split.own;
        }
        Err(_) => rest.push(unreadable(meta_app, received_ms)),
    }
    // Each is taken, whatever became of the others: a stop among them is then known.
    let mut refused = None;
    for (business, part) in own {
        let taken = take(app, &business, headers, part).await;
        if !taken.status().is_success() {
            refused = refused.or(Some(taken));
        }
    }
    if !rest.is_empty() {
        let kept = Delivery {
            business: meta_app.quarantine,
            received_ms,
            body: Arc::from(&*body),
            headers: headers::handed_on(headers),
            lane,
            relay_to: Vec::new(),
            effects: rest,
        };
        refused = refused.or(quarantine(app, meta_app, kept).await.err());
    }
    refused.unwrap_or_else(|| StatusCode::OK.into_response())
}

fn unreadable(meta_app: &MetaApp, received_ms: i64) -> Effect {
    note(
        &meta_app.config.id,
        received_ms,
        "",
        "unreadable",
        "{}".into(),
    )
}

/// Keeps the whole delivery where no business sees it.
async fn quarantine(app: &Shared, meta_app: &MetaApp, kept: Delivery) -> Result<(), Response> {
    let parts = kept.effects.len();
    let id = &meta_app.config.id;
    let ingested = app
        .ledger
        .ingest(kept)
        .await
        .map_err(|error| unavailable(app, id, &error))?;
    if !ingested.duplicate {
        for _ in 0..parts {
            app.metrics.webhooks_quarantined.add();
        }
        tracing::warn!(
            webhook.id = %id,
            entries = parts,
            "a webhook held parts of no business that this app serves; they were kept and changed nothing"
        );
    }
    Ok(())
}
