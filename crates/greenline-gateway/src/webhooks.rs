//! Webhooks from the platform: handshake, and deliveries that are on disk before they are answered.
//!
//! A delivery is read once, whole: its signature over the raw bytes, then what it teaches, then one write
//! to the ledger that holds the bytes, the effects and what is owed to the apps. Only then, and once no
//! earlier allowed send to a person whose stop it brought can still go out, is it answered 200 (laws 1
//! and 4). With the store down it is answered 503, and the platform tries again for days (WH-04).

mod body;
pub mod effects;
mod headers;
pub mod meta_app;
mod piecemeal;
mod split;
mod start;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use greenline_ledger::types::{Delivery, Effect};
use greenline_wire::{signature, webhook};
use http::{HeaderMap, Request, StatusCode, header};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::SemaphorePermit;

use crate::app::{App, Shared};
use crate::config::Secret;
use crate::directory::Business;
use crate::{avenues, health, inbound_probe, opt_in};
use body::BodyError;
use effects::{Learned, Reading};

/// Longest challenge that is answered.
const CHALLENGE_BYTES_MAX: usize = 1024;

/// The set-up call's query (WH-02).
#[derive(Debug, Deserialize)]
pub struct Handshake {
    #[serde(rename = "hub.mode", default)]
    mode: String,
    #[serde(rename = "hub.verify_token", default)]
    verify_token: String,
    #[serde(rename = "hub.challenge", default)]
    challenge: String,
}

/// `GET /webhooks/meta/{business}`: answers the challenge of whoever knows the verify token.
pub async fn handshake(
    State(app): State<Shared>,
    Path(business): Path<String>,
    Query(query): Query<Handshake>,
) -> Response {
    let token = app
        .directory
        .business_by_id(&business)
        .map(|business| business.config.verify_token.reveal());
    challenge(token, query)
}

/// Answers the challenge if the token is the right one.
fn challenge(token: Option<&str>, query: Handshake) -> Response {
    let known = token.is_some_and(|token| !token.is_empty() && same(token, &query.verify_token));
    if !known || query.mode != "subscribe" || query.challenge.len() > CHALLENGE_BYTES_MAX {
        return (
            StatusCode::FORBIDDEN,
            "the verify token is not the one configured here",
        )
            .into_response();
    }
    (
        [
            (header::CONTENT_TYPE, "text/plain"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        query.challenge,
    )
        .into_response()
}

/// Compares two secrets in a time that says nothing about either.
fn same(one: &str, other: &str) -> bool {
    let (one, other): ([u8; 32], [u8; 32]) =
        (Sha256::digest(one).into(), Sha256::digest(other).into());
    one.ct_eq(&other).into()
}

/// `POST /webhooks/meta/{business}`: takes a delivery.
pub async fn receive(
    State(app): State<Shared>,
    Path(business): Path<String>,
    request: Request<axum::body::Body>,
) -> Response {
    let Some(business) = app.directory.business_by_id(&business).cloned() else {
        app.metrics.webhooks_rejected.add();
        return (StatusCode::NOT_FOUND, "no such business").into_response();
    };
    match signed(
        &app,
        &business.config.app_secret,
        &business.config.id,
        request,
    )
    .await
    {
        Ok(signed) => take(&app, &business, &signed.headers, signed.body).await,
        Err(refused) => refused,
    }
}

/// A delivery whose signature is right.
struct Signed {
    headers: HeaderMap,
    body: Bytes,
    _room: Option<SemaphorePermit<'static>>,
}

/// Reads a delivery and checks its signature; `whose` names the owner of the secret in the log.
async fn signed(
    app: &App,
    secret: &Secret,
    whose: &str,
    request: Request<axum::body::Body>,
) -> Result<Signed, Response> {
    let (parts, body) = request.into_parts();
    let (body, room) = body::read(app, &parts.headers, body)
        .await
        .map_err(|error| {
            app.metrics.webhooks_rejected.add();
            tracing::warn!(webhook.id = whose, %error, "a webhook's body was not taken");
            status_of(error).into_response()
        })?;
    if !is_signed(secret, &parts.headers, &body) {
        app.metrics.webhooks_rejected.add();
        tracing::warn!(
            webhook.id = whose,
            "a webhook without the right signature was refused"
        );
        return Err((
            StatusCode::UNAUTHORIZED,
            "the signature is missing or wrong",
        )
            .into_response());
    }
    Ok(Signed {
        headers: parts.headers,
        body,
        _room: room,
    })
}

fn status_of(error: BodyError) -> (StatusCode, &'static str) {
    match error {
        BodyError::TooLong => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is longer than limits.webhook_body_bytes_max",
        ),
        BodyError::Slow => (StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
        BodyError::Broken => (StatusCode::BAD_REQUEST, "the body broke off"),
        BodyError::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many large deliveries at once; try again",
        ),
    }
}

/// Whether the raw bytes carry the secret's signature (WH-03). Without a secret nothing does.
fn is_signed(secret: &Secret, headers: &HeaderMap, body: &[u8]) -> bool {
    let secret = secret.reveal();
    let given = headers
        .get(signature::HEADER)
        .and_then(|value| value.to_str().ok());
    !secret.is_empty()
        && given.is_some_and(|given| signature::verify(secret.as_bytes(), given, body))
}

/// Writes a signed delivery down, waits for what its stops must wait for, and answers.
async fn take(
    app: &Shared,
    business: &Arc<Business>,
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let received_ms = app.clock.now_ms();
    let mut learned = learn(app, business, received_ms, &body);
    for start in std::mem::take(&mut learned.starts) {
        match start::effects(app, business, &start, received_ms).await {
            Ok(effects) => learned.effects.extend(effects),
            Err(error) if error.is_passing() => {
                return unavailable(app, &business.config.id, &error);
            }
            Err(error) => {
                tracing::error!(business.id = %business.config.id, %error, "whether a START reopens anything could not be read; it was taken as an ordinary message");
            }
        }
    }
    for answer in std::mem::take(&mut learned.answers) {
        let answered = opt_in::question::answered(app, business, &answer, received_ms);
        learned.effects.extend(answered);
    }
    for probe in std::mem::take(&mut learned.probes) {
        match inbound_probe::arrived(app, business.ix, &probe).await {
            Ok(effect) => learned.effects.extend(effect),
            Err(error) if error.is_passing() => {
                return unavailable(app, &business.config.id, &error);
            }
            Err(error) => {
                tracing::error!(business.id = %business.config.id, %error, "whether a word was asked for could not be read; it was taken as an ordinary message");
            }
        }
    }
    let wrote_ms = avenues::last_written(business, &learned.effects);
    let delivery = Delivery {
        business: business.ix,
        received_ms,
        body: Arc::from(&*body),
        headers: headers::handed_on(headers),
        lane: learned.lane,
        relay_to: relay_to(business, &learned),
        effects: std::mem::take(&mut learned.effects),
    };
    let owed = !delivery.relay_to.is_empty();
    let mut wanted = health::refused_numbers(&delivery.effects);
    let accounts = health::accounts_told_of(&delivery.effects);
    let is_news = |effect: &Effect| matches!(effect, Effect::Timeline { .. });
    let has_news = delivery.effects.iter().any(is_news);
    for account in &accounts {
        let numbers = app.directory.numbers();
        let of_account = numbers.filter(|number| number.waba_id == *account);
        wanted.extend(of_account.map(|number| Arc::clone(&number.id)));
    }
    let ingested = match piecemeal::ingest(app, business, delivery).await {
        Ok(ingested) => ingested,
        Err(error) => return unavailable(app, &business.config.id, &error),
    };
    avenues::heard(app, business.ix, wrote_ms);
    count(app, business, &learned, ingested.duplicate);
    if owed && !ingested.duplicate {
        app.relay_due.notify_waiters();
    }
    if ingested.replies_due {
        app.replies_due.notify_one();
    }
    if !ingested.duplicate {
        if business.authorization.is_some() {
            app.looks.want(wanted);
            app.looks.want_accounts(accounts);
        }
        if has_news {
            app.timeline_grew.notify_one();
        }
        health::note_refusals(app, business.ix, &learned.refusals, received_ms).await;
        app.threads.hear(app, business.ix, &learned.threads).await;
    }
    for flight in &ingested.flights {
        flight.settled().await;
    }
    StatusCode::OK.into_response()
}

fn learn(app: &App, business: &Business, received_ms: i64, body: &[u8]) -> Learned {
    let reading = Reading {
        directory: &app.directory,
        business,
        received_ms,
    };
    if let Ok(delivery) = webhook::parse(body) {
        return effects::effects(&delivery, &reading);
    }
    // Bytes that are no UTF-8 may still hold a stop that reads.
    let text = String::from_utf8_lossy(body);
    match webhook::parse(text.as_bytes()) {
        Ok(delivery) => effects::effects(&delivery, &reading),
        Err(_) => effects::of_unreadable(&reading),
    }
}

/// The apps it goes to: those with an address that want one of its fields. A delivery in which nothing
/// belongs to the business goes to nobody.
fn relay_to(business: &Business, learned: &Learned) -> Vec<Arc<str>> {
    if learned.is_foreign() {
        return Vec::new();
    }
    let wants =
        |app: &&crate::config::App| !app.relay_url.is_empty() && learned.passes(&app.relay_fields);
    business
        .config
        .app
        .iter()
        .filter(wants)
        .map(|app| app.name.as_str().into())
        .collect()
}

fn unavailable(app: &App, whose: &str, error: &greenline_ledger::LedgerError) -> Response {
    app.metrics.store_failures.add();
    tracing::error!(webhook.id = whose, %error, "a webhook could not be written down; the platform will try again");
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "the store is not available; try again",
    )
        .into_response()
}

fn count(app: &App, business: &Business, learned: &Learned, duplicate: bool) {
    app.metrics.webhooks.add();
    app.metrics.webhook.set(app.clock.now_ms());
    if duplicate {
        app.metrics.webhooks_repeated.add();
        return;
    }
    for _ in 0..learned.stops {
        app.metrics.stops.add();
    }
    for _ in 0..learned.quarantined {
        app.metrics.webhooks_quarantined.add();
    }
    if learned.quarantined > 0 {
        tracing::warn!(
            business.id = %business.config.id,
            entries = learned.quarantined,
            "a webhook held parts of accounts that do not belong to this business; they changed nothing"
        );
    }
    if learned.unconfigured > 0 {
        tracing::warn!(business.id = %business.config.id, "a webhook is about a number of the business's accounts that is not configured; it counts, but nothing can be sent from there");
    }
    if learned.unreadable {
        tracing::warn!(business.id = %business.config.id, "a webhook held parts that could not be read; it was kept and handed on");
    }
}
