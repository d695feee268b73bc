//! Subscriptions: who is told of changes of consent and of ways out.
//!
//! A subscription hands personal data to an address, so making one, and its secret, is an admin's. An address that
//! comes through here must be https and public, unless the operator's file allows its host; what the address is
//! when events go is looked at again each time.

use axum::Json;
use axum::extract::State as Wired;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use greenline_ledger::subscription::{REPLAY_STEP_MAX, Replay, SUBSCRIPTIONS_MAX};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::config::May;
use crate::directory::Business;
use crate::events;
use crate::events::record::{Attempt, EventType, Health, Made, Record, State, Wish};
use crate::events::secret::{self, SecretRef};
use crate::events::subscriber::is_allowed;
use crate::keyring::{self, Purpose};
use crate::upstream::reach::is_public;

use super::auth::Who;
use super::extract::{Params, Raw, Segments, json_or_default, typed_json};
use super::people::OfBusiness;
use super::problem::{Kind, Problem, ProblemBody};
use super::shape::time;

/// Bytes of an address at most.
const URL_BYTES_MAX: usize = 2_048;
/// Characters of a description at most.
const DESCRIPTION_CHARS_MAX: usize = 200;
/// Hours that a secret may sign beside the one after it.
const PREVIOUS_HOURS_MAX: u32 = 168;
/// Those it signs if nothing is said.
const PREVIOUS_HOURS: u32 = 24;
/// Secrets that sign at once.
const SECRETS_MAX: usize = 2;
/// Events that one request replays at most.
pub const REPLAY_EVENTS_MAX: usize = 100_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// A subscription to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SubscriptionWish, example = json!({"business": "acme", "url": "https://crm.acme.example/greenline", "types": ["consent.changed"]}))]
pub(crate) struct SubscriptionBody {
    /// The business; may be left out with a token that reaches only one.
    #[serde(default)]
    business: Option<String>,
    /// Where events are posted to: https, on public addresses.
    url: String,
    /// `consent.changed`, `avenue.closed`, `avenue.opened`; all when left out.
    #[serde(default)]
    types: Vec<String>,
    /// Whether consents that were imported are told too.
    #[serde(default = "yes")]
    imports: bool,
    /// What people call it.
    #[serde(default)]
    description: String,
}

fn yes() -> bool {
    true
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SubscriptionChange, example = json!({"state": "active"}))]
pub(crate) struct ChangeBody {
    /// `active` or `paused`.
    #[serde(default)]
    state: Option<String>,
    /// `consent.changed`, `avenue.closed`, `avenue.opened`; an empty list stands for all.
    #[serde(default)]
    types: Option<Vec<String>>,
    /// Whether consents that were imported are told too.
    #[serde(default)]
    imports: Option<bool>,
    /// What people call it.
    #[serde(default)]
    description: Option<String>,
}

/// How long the secret before stays good.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretRotation)]
pub(crate) struct SecretBody {
    /// Hours for which events are signed with both, 24 when left out; 0 when the old one got into wrong hands.
    #[serde(default)]
    previous_valid_hours: Option<u32>,
}

/// From when to replay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplayWish, example = json!({"from": "2026-11-20T09:30:00Z"}))]
pub(crate) struct ReplayBody {
    /// Events recorded at this time or later, RFC 3339; or what `next_from` of an answer says.
    from: String,
}

/// How deliveries went.
#[derive(Serialize, ToSchema)]
#[schema(as = SubscriptionHealth)]
pub(crate) struct HealthShape {
    /// Events taken.
    delivered: u64,
    /// Attempts that were not.
    failed: u64,
    /// Events given up after the last attempt.
    given_up: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_taken_at: Option<String>,
    /// Since when nothing was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error_at: Option<String>,
}

impl From<&Health> for HealthShape {
    fn from(health: &Health) -> Self {
        let (at, error) = health
            .last_error
            .as_ref()
            .map(|(at_ms, error)| (time(*at_ms), error.clone()))
            .unzip();
        Self {
            delivered: health.delivered,
            failed: health.failed,
            given_up: health.given_up,
            last_taken_at: health.last_ok_ms.map(time),
            failing_since: health.failing_since_ms.map(time),
            last_error: error,
            last_error_at: at,
        }
    }
}

/// One attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = EventAttempt)]
pub(crate) struct AttemptShape {
    at: String,
    /// The event, as `webhook-id` names it.
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// Which attempt it was, from 1.
    attempt: u32,
    taken: bool,
    /// What was answered; absent when nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    took_ms: u64,
}

impl From<&Attempt> for AttemptShape {
    fn from(attempt: &Attempt) -> Self {
        Self {
            at: time(attempt.at_ms),
            id: attempt.id.clone(),
            kind: attempt.kind.clone(),
            attempt: attempt.attempt,
            taken: attempt.error.is_none(),
            status: (attempt.status != 0).then_some(attempt.status),
            error: attempt.error.clone(),
            took_ms: attempt.took_ms,
        }
    }
}

/// A subscription.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscription)]
pub(crate) struct SubscriptionShape {
    id: String,
    business: String,
    description: String,
    url: String,
    /// What it is told of.
    types: Vec<String>,
    /// Whether consents that were imported are told too.
    imports: bool,
    /// `api`, or `config` when it stands in the operator's file.
    made: &'static str,
    /// `active`, `paused` or `disabled`.
    state: &'static str,
    /// Why it is paused or disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason: Option<String>,
    /// Since when: what happened since can be replayed from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_since: Option<String>,
    created_at: String,
    created_by: String,
    /// Until when the secret before the newest one signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<String>,
    health: HealthShape,
    /// The newest attempts, newest first; up to 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<AttemptShape>>,
}

/// A subscription with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = SubscriptionMade)]
pub(crate) struct MadeShape {
    #[serde(flatten)]
    subscription: SubscriptionShape,
    /// Verifies `webhook-signature`; shown only now.
    secret: String,
}

/// A business's subscriptions.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscriptions)]
pub(crate) struct ListShape {
    /// All of them: there are 32 at most.
    subscriptions: Vec<SubscriptionShape>,
}

/// A test that was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Pinged)]
pub(crate) struct PingedShape {
    /// The event, as `webhook-id` names it.
    id: String,
}

/// What was replayed.
#[derive(Serialize, ToSchema)]
#[schema(as = EventsReplayed)]
pub(crate) struct ReplayedShape {
    /// Events that are due again; those that wait anyway are not counted.
    events: u64,
    /// What to give as `from` to go on, when there are more than one request replays.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_from: Option<String>,
}

/// A new secret.
#[derive(Serialize, ToSchema)]
#[schema(as = SecretRotated)]
pub(crate) struct RotatedShape {
    /// Shown only now.
    secret: String,
    /// Until when the one before signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<String>,
}

fn shape(business: &Business, id: &str, record: &Record, whole: bool) -> SubscriptionShape {
    let Wish {
        url,
        types,
        imports,
        made,
        state,
        secrets,
        ..
    } = &record.wish;
    let types = match types.as_slice() {
        [] => EventType::OFFERED
            .iter()
            .map(|one| one.as_str().to_owned())
            .collect(),
        some => some.to_vec(),
    };
    let (since, why) = record.why.clone().unzip();
    SubscriptionShape {
        id: id.to_owned(),
        business: business.config.id.clone(),
        description: record.description.clone(),
        url: url.clone(),
        types,
        imports: *imports,
        made: made.as_str(),
        state: state.as_str(),
        state_reason: why,
        state_since: since.map(time),
        created_at: time(record.made_ms),
        created_by: record.made_by.clone(),
        previous_secret_until: secrets
            .iter()
            .filter_map(|one| one.until_ms)
            .max()
            .map(time),
        health: (&record.health).into(),
        attempts: whole.then(|| record.recent.iter().rev().map(Into::into).collect()),
    }
}

/// Subscribe an address to events.
///
/// Events are signed after Standard Webhooks with the secret in the answer, which is not shown again. They begin
/// with what happens after the answer. Needs `may = "admin"`.
#[utoipa::path(
    post, path = "/v1/subscriptions", operation_id = "subscribe", tag = "operation", request_body = SubscriptionBody,
    responses(
        (status = 201, description = "Subscribed, and on disk", body = MadeShape),
        (status = 409, description = "There are no keys, or as many subscriptions as a business may have", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "An address that is not https or not public, one that is subscribed already, or an unknown type", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down; nothing was made", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn make(
    Wired(app): Wired<Shared>,
    who: Who,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    who.must(May::Admin)?;
    let body: SubscriptionBody = typed_json(&body)?;
    let business = who.business(&app.directory, body.business.as_deref())?;
    check_url(&app, &body.url)?;
    let types = types(body.types)?;
    let description = description(body.description)?;
    let kept = app.ledger.subscriptions(business.ix).await?;
    if kept.len() >= SUBSCRIPTIONS_MAX {
        let text = format!("a business has {SUBSCRIPTIONS_MAX} subscriptions at most");
        return Err(Problem::new(Kind::NotReady, text));
    }
    let same = kept
        .iter()
        .find(|one| Record::read(&one.body).is_ok_and(|record| record.wish.url == body.url));
    if let Some(same) = same {
        let text = format!("`{}` goes to this address already", same.id);
        return Err(Problem::invalid("url", text));
    }
    let id = format!("sub_{:016x}", chance()?);
    let secret = new_secret(&app)?;
    let shown = show(&app, &business, &id, &secret)?;
    let record = Record {
        wish: Wish {
            url: body.url,
            types,
            imports: body.imports,
            made: Made::Api,
            name: String::new(),
            state: State::Active,
            secrets: vec![secret],
        },
        description,
        made_ms: app.clock.now_ms(),
        made_by: who.name().to_owned(),
        why: None,
        health: Health::default(),
        recent: Vec::new(),
    };
    if !events::put(&app, business.ix, &id, 0, &record).await? {
        return Err(Problem::new(
            Kind::Unavailable,
            "it could not be told whether the subscription was made; look at the list",
        ));
    }
    app.events.forget(business.ix);
    tracing::info!(business.id = %business.config.id, subscription.id = id, actor = who.name(), "an address was subscribed to events");
    let made = MadeShape {
        subscription: shape(&business, &id, &record, false),
        secret: shown,
    };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Who is told of what.
///
/// Needs `may = "manager"`.
#[utoipa::path(
    get, path = "/v1/subscriptions", operation_id = "listSubscriptions", tag = "operation", params(OfBusiness),
    responses(
        (status = 200, description = "All of a business's subscriptions", body = ListShape),
        (status = 503, description = "The store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    Wired(app): Wired<Shared>,
    who: Who,
    Params(of): Params<OfBusiness>,
) -> Result<Json<ListShape>, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    let kept = app.ledger.subscriptions(business.ix).await?;
    let one = |one: &greenline_ledger::subscription::Subscription| {
        let record = Record::read(&one.body).ok()?;
        Some(shape(&business, &one.id, &record, false))
    };
    Ok(Json(ListShape {
        subscriptions: kept.iter().filter_map(one).collect(),
    }))
}

/// One subscription, with the newest attempts.
///
/// Needs `may = "manager"`.
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}", operation_id = "showSubscription", tag = "operation",
    params(("id" = String, Path, description = "The subscription's id"), OfBusiness),
    responses(
        (status = 200, description = "The subscription", body = SubscriptionShape),
        (status = 404, description = "No such subscription of that business", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_one(
    Wired(app): Wired<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
) -> Result<Json<SubscriptionShape>, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    let record = find(&app, &business, &id).await?;
    Ok(Json(shape(&business, &id, &record, true)))
}

/// Change, pause or resume a subscription.
///
/// What waited before it was paused goes on; what happened meanwhile can be had by a replay from `state_since`. One that stands in the operator's
/// file can only be paused and resumed here. Needs `may = "manager"` to pause and resume, `may = "admin"` for the rest.
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}", operation_id = "changeSubscription", tag = "operation", request_body = ChangeBody,
    params(("id" = String, Path, description = "The subscription's id"), OfBusiness),
    responses(
        (status = 200, description = "Changed, and on disk", body = SubscriptionShape),
        (status = 404, description = "No such subscription of that business", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It stands in the operator's file", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "An unknown state or type", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change(
    Wired(app): Wired<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
    Raw(body): Raw,
) -> Result<Json<SubscriptionShape>, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    let body: ChangeBody = typed_json(&body)?;
    let more = body.types.is_some() || body.imports.is_some() || body.description.is_some();
    if more {
        who.must(May::Admin)?;
        let record = find(&app, &business, &id).await?;
        check_is_ours(&record)?;
    }
    let state = match body.state.as_deref() {
        None => None,
        Some("active") => Some(State::Active),
        Some("paused") => Some(State::Paused),
        Some(_) => {
            return Err(Problem::invalid("state", "no such state")
                .allowed(["active", "paused"].map(str::to_owned)));
        }
    };
    let types = body.types.map(types).transpose()?;
    let description = body.description.map(description).transpose()?;
    let why = format!("paused by {}", who.name());
    let now_ms = app.clock.now_ms();
    let changed = events::change(&app, business.ix, &id, |record| {
        if let Some(state) = state
            && state != record.wish.state
        {
            record.set(state, &why, now_ms);
        }
        if let Some(types) = &types {
            record.wish.types.clone_from(types);
        }
        if let Some(imports) = body.imports {
            record.wish.imports = imports;
        }
        if let Some(description) = &description {
            record.description.clone_from(description);
        }
        true
    });
    let record = changed.await?.ok_or_else(none)?;
    if state == Some(State::Active) {
        events::resume(&app, business.ix, &id).await?;
    }
    tracing::info!(business.id = %business.config.id, subscription.id = id, actor = who.name(), state = record.wish.state.as_str(), "a subscription was changed");
    Ok(Json(shape(&business, &id, &record, false)))
}

/// End a subscription.
///
/// What still waits for it is dropped. Needs `may = "admin"`.
#[utoipa::path(
    delete, path = "/v1/subscriptions/{id}", operation_id = "unsubscribe", tag = "operation",
    params(("id" = String, Path, description = "The subscription's id"), OfBusiness),
    responses(
        (status = 204, description = "Ended, and on disk"),
        (status = 404, description = "No such subscription of that business", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It stands in the operator's file", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    Wired(app): Wired<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
) -> Result<StatusCode, Problem> {
    who.must(May::Admin)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    check_is_ours(&find(&app, &business, &id).await?)?;
    app.ledger.remove_subscription(business.ix, &id).await?;
    app.events.forget(business.ix);
    tracing::info!(business.id = %business.config.id, subscription.id = id, actor = who.name(), "a subscription was ended");
    Ok(StatusCode::NO_CONTENT)
}

/// Give a subscription a new secret.
///
/// Events are signed with the new one and, for a while, with the one before. Needs `may = "admin"`.
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/secret", operation_id = "rotateSubscriptionSecret", tag = "operation", request_body = Option<SecretBody>,
    params(("id" = String, Path, description = "The subscription's id"), OfBusiness),
    responses(
        (status = 200, description = "The new secret, shown only now", body = RotatedShape),
        (status = 404, description = "No such subscription of that business", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "There are no keys, or its secret stands in the operator's file", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down; nothing was changed", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rotate(
    Wired(app): Wired<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
    Raw(body): Raw,
) -> Result<Json<RotatedShape>, Problem> {
    who.must(May::Admin)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    let body: SecretBody = json_or_default(&body)?;
    let hours = body.previous_valid_hours.unwrap_or(PREVIOUS_HOURS);
    if hours > PREVIOUS_HOURS_MAX {
        let text = format!("{PREVIOUS_HOURS_MAX} hours at most");
        return Err(Problem::invalid("previous_valid_hours", text));
    }
    check_is_ours(&find(&app, &business, &id).await?)?;
    let secret = new_secret(&app)?;
    let shown = show(&app, &business, &id, &secret)?;
    let until_ms = app.clock.now_ms() + i64::from(hours) * HOUR_MS;
    let changed = events::change(&app, business.ix, &id, |record| {
        let secrets = &mut record.wish.secrets;
        // Only the newest one goes on beside the new one.
        secrets.truncate(SECRETS_MAX - 1);
        for before in secrets.iter_mut() {
            before.until_ms = Some(
                before
                    .until_ms
                    .map_or(until_ms, |known| known.min(until_ms)),
            );
        }
        if hours == 0 {
            secrets.clear();
        }
        secrets.insert(0, secret.clone());
        true
    });
    changed.await?.ok_or_else(none)?;
    tracing::info!(business.id = %business.config.id, subscription.id = id, actor = who.name(), "the secret of a subscription was rotated");
    Ok(Json(RotatedShape {
        secret: shown,
        previous_secret_until: (hours > 0).then(|| time(until_ms)),
    }))
}

/// Send a test event to a subscription.
///
/// Its type is `ping`. Needs `may = "manager"`.
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/ping", operation_id = "pingSubscription", tag = "operation",
    params(("id" = String, Path, description = "The subscription's id"), OfBusiness),
    responses(
        (status = 202, description = "It is on disk and goes now; the subscription's attempts say how it went", body = PingedShape),
        (status = 404, description = "No such subscription of that business", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is paused or disabled", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ping(
    Wired(app): Wired<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
) -> Result<Response, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    check_is_active(&find(&app, &business, &id).await?)?;
    let id = events::ping(&app, &business, &id, chance()?).await?;
    Ok((StatusCode::ACCEPTED, Json(PingedShape { id })).into_response())
}

/// Send events once more, from a moment on.
///
/// As far as they are kept (`retention.bodies_days`), with the ids they had, also those of a time when it was
/// paused. Needs `may = "manager"`.
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/replay", operation_id = "replayEvents", tag = "operation", request_body = ReplayBody,
    params(("id" = String, Path, description = "The subscription's id"), OfBusiness),
    responses(
        (status = 200, description = "They are due again", body = ReplayedShape),
        (status = 404, description = "No such subscription of that business", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is paused or disabled", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Not a time", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down; repeating does no harm", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn replay(
    Wired(app): Wired<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
    Raw(body): Raw,
) -> Result<Json<ReplayedShape>, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    let body: ReplayBody = typed_json(&body)?;
    let after = replay_after(&body.from).ok_or_else(|| {
        Problem::invalid(
            "from",
            "not a time after RFC 3339 with its offset, such as 2026-11-20T09:30:00Z",
        )
    })?;
    let record = find(&app, &business, &id).await?;
    check_is_active(&record)?;
    let mut step = Replay {
        business: business.ix,
        subscription: id.as_str().into(),
        imports: record.wish.imports,
        after,
        limit: REPLAY_STEP_MAX,
        now_ms: app.clock.now_ms(),
    };
    let mut events = 0;
    let mut next = None;
    for _ in 0..REPLAY_EVENTS_MAX / REPLAY_STEP_MAX {
        let done = app.ledger.replay_notices(step.clone()).await?;
        events += done.notices;
        next = done.next;
        match done.next {
            Some(after) => step.after = after,
            None => break,
        }
    }
    app.relay_due.notify_waiters();
    tracing::info!(business.id = %business.config.id, subscription.id = id, actor = who.name(), events, "events are sent once more");
    Ok(Json(ReplayedShape {
        events,
        next_from: next.map(next_from),
    }))
}

/// Where a replay goes on: a moment alone would name whatever else was recorded at it once more, for ever where that
/// is more than one request replays.
fn next_from((at_ms, number): (i64, i64)) -> String {
    format!("{}/{number}", time(at_ms))
}

/// After which event a replay begins.
fn replay_after(from: &str) -> Option<(i64, i64)> {
    let from = from.trim();
    let (moment, number) = match from.split_once('/') {
        Some((moment, number)) => (moment, number.parse().ok()?),
        None => (from, i64::MIN),
    };
    let moment: Timestamp = moment.parse().ok()?;
    Some((moment.as_millisecond(), number))
}

fn none() -> Problem {
    Problem::not_found("the business has no such subscription")
}

async fn find(app: &App, business: &Business, id: &str) -> Result<Record, Problem> {
    let kept = app.ledger.subscriptions(business.ix).await?;
    let one = kept.iter().find(|one| &*one.id == id).ok_or_else(none)?;
    Record::read(&one.body).map_err(|_| none())
}

fn check_is_ours(record: &Record) -> Result<(), Problem> {
    match record.wish.made {
        Made::Api => Ok(()),
        Made::Config => Err(Problem::new(
            Kind::NotReady,
            "it stands in the configuration, under business.subscription; change it there",
        )),
    }
}

fn check_is_active(record: &Record) -> Result<(), Problem> {
    match record.wish.state {
        State::Active => Ok(()),
        State::Paused | State::Disabled => Err(Problem::new(
            Kind::NotReady,
            "nothing is sent there now; resume it first with {\"state\": \"active\"}",
        )),
    }
}

fn types(asked: Vec<String>) -> Result<Vec<String>, Problem> {
    if asked.iter().all(|one| EventType::parse(one).is_some()) {
        let mut asked = asked;
        asked.sort();
        asked.dedup();
        return Ok(asked);
    }
    let offered = EventType::OFFERED.iter().map(|one| one.as_str().to_owned());
    Err(Problem::invalid("types", "no such type of event").allowed(offered))
}

fn description(text: String) -> Result<String, Problem> {
    if text.chars().count() > DESCRIPTION_CHARS_MAX {
        let limit = format!("{DESCRIPTION_CHARS_MAX} characters at most");
        return Err(Problem::invalid("description", limit));
    }
    Ok(text)
}

/// What can be told of an address before it is connected to.
fn check_url(app: &App, url: &str) -> Result<(), Problem> {
    let wrong = |text: &'static str| Err(Problem::invalid("url", text));
    if url.len() > URL_BYTES_MAX {
        return wrong("2,048 bytes at most");
    }
    let Ok(uri) = url.parse::<Uri>() else {
        return wrong("not an address");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return wrong("must be a whole address, such as https://crm.example/events");
    };
    if authority.as_str().contains('@') || url.contains('#') {
        return wrong("holds neither a user nor a fragment");
    }
    let is_free = is_allowed(&app.config.events.allow_hosts, &uri);
    if scheme != "https" && !(is_free && scheme == "http") {
        return wrong("must be https, unless the operator allows its host in events.allow_hosts");
    }
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let address: Option<std::net::IpAddr> = host.parse().ok();
    if !is_free && address.is_some_and(|address| !is_public(address)) {
        return wrong("not a public address, and not in events.allow_hosts");
    }
    Ok(())
}

fn keys_problem(error: &keyring::KeysError) -> Problem {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "no keys for secrets of subscriptions"
    );
    Problem::new(
        Kind::NotReady,
        "the file of keys cannot be used; the log says why, and so does `greenline doctor`",
    )
}

fn chance() -> Result<u64, Problem> {
    let mut bytes = [0; 8];
    keyring::fill(&mut bytes).map_err(|error| keys_problem(&error))?;
    Ok(u64::from_be_bytes(bytes))
}

fn new_secret(app: &App) -> Result<SecretRef, Problem> {
    let ring = app.keys.open(app.clock.now_ms());
    let ring = ring.map_err(|error| keys_problem(&error))?;
    let key = ring.newest(Purpose::Link);
    let key = key.ok_or_else(|| Problem::new(Kind::NotReady, "there is no key for secrets"))?;
    Ok(SecretRef {
        key: key.id.to_string(),
        nonce: format!("{:016x}{:016x}", chance()?, chance()?),
        until_ms: None,
    })
}

fn show(app: &App, business: &Business, id: &str, secret: &SecretRef) -> Result<String, Problem> {
    let ring = app.keys.open(app.clock.now_ms());
    let ring = ring.map_err(|error| keys_problem(&error))?;
    secret::show(&ring, (&business.config.id, id), secret)
        .ok_or_else(|| Problem::new(Kind::NotReady, "there is no key for secrets"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_goes_on_behind_the_very_event_it_ended_at() {
        for at in [(1_795_615_387_500, 7), (1_795_615_387_501, -3)] {
            assert_eq!(replay_after(&next_from(at)), Some(at));
        }
        let from_start = Some((1_795_615_387_000, i64::MIN));
        assert_eq!(replay_after(" 2026-11-25T14:03:07Z "), from_start);
        for other in [
            "",
            "yesterday",
            "2026-11-25T14:03:07Z/",
            "/7",
            "2026-11-25/7",
        ] {
            assert_eq!(replay_after(other), None, "{other}");
        }
    }
}
