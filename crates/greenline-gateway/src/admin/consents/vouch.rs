//! Vouching: a named person stands for a yes whose evidence is incomplete.
//!
//! The yes is recorded once more, at the time of the person's own act and under the name of who vouches. It then
//! covers, and every decision that rests on it says so; like an import it never reopens a no (law 5), whatever its
//! time. Only evidence of the person's own does that.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use greenline_ledger::types::{Actor, Evidence, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::evidence::Method;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{RecordedShape, append, form::Ready, lapse_before};
use crate::admin::auth::Who;
use crate::admin::extract::{Params, Raw, Segments, named, typed_json};
use crate::admin::people::OfBusiness;
use crate::admin::problem::{Kind, Problem, ProblemBody};
use crate::app::Shared;
use crate::config::May;
use crate::ids;

/// Longest reason.
const REASON_BYTES_MAX: usize = 500;

/// What is vouched for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Vouching, example = json!({"event": "evt_0190000000000001", "reason": "signed form no. 4711, seen by me"}))]
pub(crate) struct VouchBody {
    /// The claimed yes.
    event: String,
    /// How you know: what you saw, and where it lies. From 1 to 500 bytes.
    reason: String,
}

/// Vouch for a claimed yes.
///
/// Records the yes again, at the time of the person's act and under the name of this token: from then on it
/// covers, and decisions say that it rests on a person's word. It never reopens a no. Vouching twice
/// records once. Needs `may = "manager"`.
#[utoipa::path(
    post, path = "/v1/people/{id}/vouch", operation_id = "vouchForConsent", tag = "consent", request_body = VouchBody,
    params(("id" = String, Path, description = "Phone number with country code (`+` may be left out) or business-scoped user id"), OfBusiness),
    responses(
        (status = 201, description = "Recorded and on disk", body = RecordedShape),
        (status = 404, description = "Nobody of that business is known by this identifier, or they have no such event", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The event is not a claimed yes", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A value is not accepted", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down; nothing was recorded", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn vouch(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    let body: VouchBody = typed_json(&body)?;
    let reason = body.reason.trim();
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(Problem::invalid(
            "reason",
            "say how you know, in up to 500 bytes",
        ));
    }
    let event = ids::parse_event(&body.event)
        .ok_or_else(|| Problem::invalid("event", "not the id of a consent event"))?;
    let identifier = named(&id)?;
    let person = app.ledger.person(business.ix, &identifier).await?;
    let claimed = person
        .as_ref()
        .and_then(|person| person.history.iter().find(|stored| stored.id == event))
        .ok_or_else(|| {
            Problem::not_found("nobody is known by this identifier, or they have no such event")
        })?;
    if claimed.event.kind != EventKind::Granted || claimed.event.strength != Strength::Claimed {
        return Err(Problem::new(
            Kind::Conflict,
            "the event is not a claimed yes; there is nothing to vouch for",
        )
        .at("event"));
    }
    let of = &claimed.event;
    let extra = json!({ "vouches_for": ids::event(claimed.id), "reason": reason, "claimed_method": &*of.evidence.method });
    let ready = Ready {
        event: NewEvent {
            business: business.ix,
            person: [claimed.identifier.clone()].into_iter().collect(),
            kind: EventKind::Granted,
            scope: of.scope.clone(),
            at_ms: of.at_ms,
            stated_ms: of.stated_ms,
            arrival_ms: app.clock.now_ms(),
            strength: Strength::Vouched,
            in_thread: false,
            evidence: Evidence {
                method: Method::Staff.as_str().into(),
                extra_json: extra.to_string().into(),
                ip: Box::default(),
                ..of.evidence.clone()
            },
            actor: Actor(who.name().into()),
            dedup: Some(format!("vouch:{}", ids::event(claimed.id)).into()),
        },
        dated: true,
        taken_at_arrival: false,
        notes: Vec::new(),
    };
    // It counts from the person's act, which a renewal on record may have come too late for.
    lapse_before(&app, &[&ready.event]).await?;
    let appended = append(&app, ready.event.clone()).await?;
    let shape = RecordedShape::new(&ready, &appended);
    tracing::info!(business.id = %business.config.id, actor = who.name(), event.id = ids::event(appended.id), "a claimed yes was vouched for");
    Ok((StatusCode::CREATED, Json(shape)).into_response())
}
