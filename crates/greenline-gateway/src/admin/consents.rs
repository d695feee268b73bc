//! Recording what people said: one event, or many.
//!
//! An answer is given only when the event is on disk and, for one that closes something, when every
//! send allowed before it has left, failed or can no longer leave.

pub(crate) mod form;
pub(crate) mod lapse;
mod vouch;

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use greenline_ledger::LedgerError;
use greenline_ledger::flight::Watch;
use greenline_ledger::types::{Appended, Effect, NewEvent};
use greenline_policy::avenue::Avenue;
use greenline_policy::consent::{EventId, EventKind, Head, Standing, Strength};
use greenline_policy::evidence::Method;
use greenline_policy::scope::{Category, Scope};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::avenues;
use crate::config::May;
use crate::ids;

use super::auth::Who;
use super::extract::JsonValue;
use super::problem::{Kind, Problem, ProblemBody};
use super::shape::{HeadShape, time};
use lapse::Lapsed;

pub(crate) use form::{ConsentsBody, Intake, Ready};
pub(crate) use vouch::{__path_vouch, vouch};

/// Events in one bulk request at most.
pub const BULK_ROWS_MAX: usize = 1_000;

/// A recorded event.
#[derive(Serialize, ToSchema)]
#[schema(as = Recorded)]
pub(crate) struct RecordedShape {
    /// The event's id.
    id: String,
    /// How each scope of the person stands now.
    head: HeadShape,
    event: &'static str,
    scope: String,
    /// The moment at which it is folded.
    folded_at: String,
    /// For a yes: `claimed`, `imported`, `vouched` or `evidenced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<&'static str>,
    /// It is a yes whose evidence is incomplete: it covers nothing.
    claimed: bool,
    /// It had been recorded before under the same key.
    repeated: bool,
    /// It counts at its arrival, not at the time given.
    taken_at_arrival: bool,
    /// After a yes: scopes below it that a no by name keeps shut. Each opens only by a yes that names it.
    children_shut: Vec<ShutChild>,
    /// What was left out or changed, and what the yes did not open.
    notes: Vec<String>,
}

/// A scope that stays shut under a yes.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShutChild {
    scope: String,
    /// The no that keeps it shut.
    event: String,
    /// How to open it.
    how: String,
}

impl RecordedShape {
    fn new(ready: &Ready, appended: &Appended) -> Self {
        let event = &ready.event;
        let is_yes = event.kind == EventKind::Granted;
        let mut notes = ready.notes.clone();
        let mut children_shut = Vec::new();
        if is_yes {
            children_shut = shut_below(&appended.head, &event.scope);
            notes.extend(unopened(&appended.head, &event.scope, event.strength));
        }
        if ready.taken_at_arrival {
            notes.push(
                "the time given could not be used; the event counts at its arrival".to_owned(),
            );
        }
        Self {
            id: ids::event(appended.id),
            head: (&appended.head).into(),
            event: event.kind.as_str(),
            scope: event.scope.to_string(),
            folded_at: time(event.at_ms),
            strength: is_yes.then(|| event.strength.as_str()),
            claimed: is_yes && event.strength == Strength::Claimed,
            repeated: appended.repeated,
            taken_at_arrival: ready.taken_at_arrival,
            children_shut,
            notes,
        }
    }
}

/// Scopes strictly below `scope` that a no keeps shut.
fn shut_below(head: &Head, scope: &Scope) -> Vec<ShutChild> {
    let categories = Category::ALL.map(Scope::Category);
    let topics = head.topics.iter().map(|(topic, _)| topic);
    categories
        .iter()
        .chain(topics)
        .filter(|child| scope.covers(child) && *child != scope)
        .filter_map(|child| match head.standing(child) {
            Standing::Refused { event, .. } => Some(ShutChild {
                scope: child.to_string(),
                event: ids::event(event),
                how: format!("record a granted event of the person that names `{child}`"),
            }),
            _ => None,
        })
        .collect()
}

/// Why a yes did not open what it names.
fn unopened(head: &Head, scope: &Scope, strength: Strength) -> Vec<String> {
    let mut notes = Vec::new();
    if let Standing::Refused { event, .. } = head.standing(scope) {
        let event = ids::event(event);
        notes.push(match strength {
            Strength::Evidenced => {
                format!("the no {event} is not older than this yes and stays in force")
            }
            Strength::Imported => {
                format!("the no {event} stays in force: an imported yes never reopens a no")
            }
            Strength::Vouched => {
                format!("the no {event} stays in force: a yes that someone vouches for never reopens a no")
            }
            Strength::Claimed => format!(
                "the no {event} stays in force: a yes without complete evidence opens nothing"
            ),
        });
    }
    if head.native_stop.is_some() && scope.covers(&Scope::Category(Category::Marketing)) {
        notes.push("the person turned off marketing in WhatsApp itself; only they can turn it on again, there".to_owned());
    }
    notes
}

/// One row of a bulk request: what was recorded, or why not.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkRow)]
pub(crate) struct BulkRow {
    /// Its place in the request, from 0.
    row: usize,
    /// What it would have been answered on its own.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<RecordedShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemBody>,
}

/// The answer to a bulk request.
#[derive(Serialize, ToSchema)]
#[schema(as = BulkAnswer)]
pub(crate) struct BulkAnswer {
    /// Rows recorded, repeats included.
    recorded: usize,
    /// Rows not recorded.
    failed: usize,
    /// One result per row, in order.
    results: Vec<BulkRow>,
}

/// Record what a person said.
///
/// Answered once the event is on disk. One that closes something (`refused`, `withdrawn`,
/// `native_stopped`) is answered once every message allowed before it has left, failed or can no longer
/// leave; after that answer nothing it covers goes out.
///
/// A yes is read strictly: unknown members, methods and topics and malformed times are refused by name.
/// A yes without method, wording and the business's own name is recorded as claimed and covers nothing.
/// A no is never refused for its form as long as person and scope can be read; what could not be read is
/// in `notes`. A native resume is WhatsApp's own word and can't be recorded here.
///
/// With `{"consents": […]}` up to 1,000 events are recorded; each row has its own result, and its
/// grants count as imported: they never reopen a no. Grants in bulk need `may = "manager"`.
#[utoipa::path(
    post, path = "/v1/consents", operation_id = "recordConsents", tag = "consent", request_body = ConsentsBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same event with the same key is recorded once. The key counts together with the content, so that a key used twice never swallows a no.")),
    responses(
        (status = 201, description = "Recorded and on disk", body = RecordedShape),
        (status = 200, description = "A bulk request: one result per row", body = BulkAnswer),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member of a yes is not accepted, or person, scope or event cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down; nothing was recorded", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn record(
    State(app): State<Shared>,
    who: Who,
    headers: HeaderMap,
    JsonValue(body): JsonValue,
) -> Result<Response, Problem> {
    who.must(May::Agent)?;
    let Value::Object(mut row) = body else {
        return Err(Problem::new(
            Kind::Malformed,
            "the body is not a JSON object",
        ));
    };
    let key = headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    match row.remove("consents") {
        Some(Value::Array(rows)) => record_many(&app, &who, rows, key.as_deref()).await,
        Some(_) => Err(Problem::new(Kind::Malformed, "not a list").at("consents")),
        None => {
            let ready = read(&app, &who, row, key.as_deref(), false)?;
            let late = lapse_before(&app, &[&ready.event]).await?.note(0);
            let appended = append(&app, ready.event.clone()).await?;
            let mut shape = RecordedShape::new(&ready, &appended);
            shape.notes.extend(late);
            settled(appended.flights).await;
            taken(&app, [&ready]).await;
            Ok((StatusCode::CREATED, Json(shape)).into_response())
        }
    }
}

/// Reads one event for whichever business it names.
fn read(
    app: &App,
    who: &Who,
    row: Map<String, Value>,
    key: Option<&str>,
    bulk: bool,
) -> Result<Ready, Problem> {
    let business = who.business(&app.directory, row.get("business").and_then(Value::as_str))?;
    let kind = form::kind(&row)?;
    if bulk && !kind.closes() {
        who.must(May::Manager)?;
    }
    let own_key = row.get("dedup").and_then(Value::as_str).map(str::to_owned);
    let intake = Intake {
        actor: who.name(),
        now_ms: app.clock.now_ms(),
        by_file: bulk,
        key: own_key.as_deref().or(key),
    };
    form::read(row, kind, &business, &intake)
}

/// Appends one event. What the store does not take, replies at least hear of.
/// A no that came through this door proves the avenue it took: staff, or the business's own systems.
async fn taken<'a>(app: &App, recorded: impl IntoIterator<Item = &'a Ready>) {
    let noes = recorded
        .into_iter()
        .map(|ready| &ready.event)
        .filter(|event| matches!(event.kind, EventKind::Withdrawn | EventKind::Refused));
    let mut proved = BTreeSet::new();
    for event in noes {
        let by_staff = *event.evidence.method == *Method::Staff.as_str();
        let avenue = if by_staff { Avenue::Staff } else { Avenue::Api };
        if proved.insert((event.business, avenue)) {
            avenues::used(app, event.business, avenue).await;
        }
    }
}

/// Puts the ends of yeses on record before renewals that come after them.
async fn lapse_before(app: &App, events: &[&NewEvent]) -> Result<Lapsed, LedgerError> {
    let lapsed = lapse::before(app, events).await?;
    if !lapsed.ends.is_empty() {
        for appended in app.ledger.append_all(lapsed.ends.clone()).await? {
            appended?;
        }
    }
    Ok(lapsed)
}

async fn append(app: &App, event: NewEvent) -> Result<Appended, LedgerError> {
    let appended = app.ledger.append(event.clone()).await;
    appended.inspect_err(|_| {
        let refused = Effect::Consent(event);
        app.spill.heard(app, &[refused], app.clock.now_ms());
    })
}

/// Records what a person did elsewhere than through this API, the same way: on disk when it answers, and
/// with nothing allowed earlier still to leave.
pub(crate) async fn record_events(
    app: &App,
    events: Vec<NewEvent>,
) -> Result<Vec<EventId>, LedgerError> {
    if let [event] = events.as_slice() {
        let appended = append(app, event.clone()).await?;
        settled(appended.flights).await;
        return Ok(vec![appended.id]);
    }
    let appended = app.ledger.append_all(events.clone()).await;
    let appended = appended.inspect_err(|_| {
        let refused: Vec<Effect> = events.into_iter().map(Effect::Consent).collect();
        app.spill.heard(app, &refused, app.clock.now_ms());
    })?;
    let mut ids = Vec::with_capacity(appended.len());
    for appended in appended {
        let appended = appended?;
        settled(appended.flights).await;
        ids.push(appended.id);
    }
    Ok(ids)
}

/// Waits until nothing allowed earlier can still leave.
async fn settled(flights: Vec<Watch>) {
    for flight in flights {
        flight.settled().await;
    }
}

async fn record_many(
    app: &App,
    who: &Who,
    rows: Vec<Value>,
    key: Option<&str>,
) -> Result<Response, Problem> {
    if rows.len() > BULK_ROWS_MAX {
        return Err(Problem::new(
            Kind::TooLarge,
            format!("a bulk request holds at most {BULK_ROWS_MAX} events"),
        )
        .at("consents"));
    }
    let read: Vec<Result<Ready, Problem>> = rows
        .into_iter()
        .map(|row| match row {
            Value::Object(row) => read(app, who, row, key, true),
            _ => Err(Problem::new(
                Kind::Malformed,
                "the row is not a JSON object",
            )),
        })
        .collect();
    let results = append_read(app, read).await?;
    let results: Vec<BulkRow> = results
        .into_iter()
        .enumerate()
        .map(|(row, result)| match result {
            Ok(shape) => BulkRow {
                row,
                status: 201,
                consent: Some(shape),
                problem: None,
            },
            Err(problem) => BulkRow {
                row,
                status: problem.kind().status().as_u16(),
                consent: None,
                problem: Some(problem.body()),
            },
        })
        .collect();
    let recorded = results.iter().filter(|row| row.consent.is_some()).count();
    Ok(Json(BulkAnswer {
        recorded,
        failed: results.len() - recorded,
        results,
    })
    .into_response())
}

/// Appends what could be read, in one transaction, and keeps each row's place.
async fn append_read(
    app: &App,
    read: Vec<Result<Ready, Problem>>,
) -> Result<Vec<Result<RecordedShape, Problem>>, LedgerError> {
    let events: Vec<&NewEvent> = read.iter().flatten().map(|ready| &ready.event).collect();
    let lapsed = lapse_before(app, &events).await?;
    let events = events.into_iter().cloned().collect();
    let appended = app.ledger.append_all(events).await?.into_iter();
    let mut appended = appended.enumerate();
    let mut results = Vec::with_capacity(read.len());
    for row in read {
        results.push(match row {
            Err(problem) => Err(problem),
            Ok(ready) => match appended.next() {
                Some((place, Ok(appended))) => {
                    let mut shape = RecordedShape::new(&ready, &appended);
                    shape.notes.extend(lapsed.note(place));
                    settled(appended.flights).await;
                    Ok(shape)
                }
                Some((_, Err(error))) => Err(error.into()),
                None => Err(LedgerError::Bug("an event was left without a result").into()),
            },
        });
    }
    Ok(results)
}
