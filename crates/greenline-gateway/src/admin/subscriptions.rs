//! Subscriptions: who is told of changes of consent and of ways out.
//!
//! A subscription hands personal data to an address, so making one, and its secret, is an admin's. An address that
//! comes through here must be https and public, unless the operator's file allows its host; what the address is
//! when events go is looked at again each time.

mod acts;
pub(super) mod pages;
mod shape;

use axum::Json;
use axum::extract::State as Wired;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use greenline_ledger::subscription::SUBSCRIPTIONS_MAX;

use crate::app::Shared;
use crate::config::May;
use crate::events;
use crate::events::record::{Health, Made, Record, State, Wish};

use super::auth::Who;
use super::extract::{Params, Raw, Segments, json_or_default, typed_json};
use super::people::OfBusiness;
use super::problem::{Kind, Problem, ProblemBody};
use super::shape::time;
use acts::Change;
use shape::{
    ChangeBody, ListShape, MadeShape, PingedShape, ReplayBody, ReplayedShape, RotatedShape,
    SecretBody, SubscriptionBody, SubscriptionShape, shape,
};

/// Hours that the secret before the newest one signs too, if nothing is said.
const PREVIOUS_HOURS: u32 = 24;
/// Events that one request replays at most.
pub const REPLAY_EVENTS_MAX: usize = 100_000;

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
    acts::check_url(&app, &body.url)?;
    let types = acts::types(body.types)?;
    let description = acts::description(body.description)?;
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
    let id = format!("sub_{:016x}", acts::chance()?);
    let secret = acts::new_secret(&app)?;
    let shown = acts::show(&app, &business, &id, &secret)?;
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
        subscription: shape((&business, &id), &record, None, false),
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
    let mut subscriptions = Vec::new();
    for (id, record) in acts::all(&app, &business).await? {
        let waiting = app.ledger.notices_waiting(business.ix, &id).await?;
        let one = shape((&business, &id), &record, Some(waiting), false);
        subscriptions.push(one);
    }
    Ok(Json(ListShape { subscriptions }))
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
    let record = acts::find(&app, &business, &id).await?;
    let waiting = app.ledger.notices_waiting(business.ix, &id).await?;
    Ok(Json(shape((&business, &id), &record, Some(waiting), true)))
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
    let state = match body.state.as_deref() {
        None => None,
        Some("active") => Some(State::Active),
        Some("paused") => Some(State::Paused),
        Some(_) => {
            return Err(Problem::invalid("state", "no such state")
                .allowed(["active", "paused"].map(str::to_owned)));
        }
    };
    let asked = Change {
        state,
        types: body.types.map(acts::types).transpose()?,
        imports: body.imports,
        description: body.description.map(acts::description).transpose()?,
    };
    let (record, _) = acts::change(&app, &who, (&business, &id), asked).await?;
    Ok(Json(shape((&business, &id), &record, None, false)))
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
    let business = who.business(&app.directory, of.business.as_deref())?;
    acts::remove(&app, &who, (&business, &id)).await?;
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
    let rotated = acts::rotate(&app, &who, (&business, &id), hours, None).await?;
    Ok(Json(RotatedShape {
        secret: rotated.secret,
        previous_secret_until: rotated.previous_until_ms.map(time),
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
    let id = acts::ping(&app, &who, (&business, &id)).await?;
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
    let after = acts::replay_after(&body.from).ok_or_else(|| {
        Problem::invalid(
            "from",
            "not a time after RFC 3339 with its offset, such as 2026-11-20T09:30:00Z",
        )
    })?;
    let (events, next) = acts::replay(&app, &who, (&business, &id), after).await?;
    Ok(Json(ReplayedShape {
        events,
        next_from: next.map(acts::next_from),
    }))
}
