//! Erasing a person.
//!
//! What goes, goes in one transaction; what stays is that it was done, by whom, and each no under a keyed hash.
//! It is answered like a stop: once nothing allowed earlier can still leave.

use std::io;

use axum::Json;
use axum::extract::State;
use greenline_ledger::LedgerError;
use greenline_ledger::erasure::{Erased, ErasureKey};
use greenline_ledger::types::{Actor, Evidence, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::config::May;
use crate::ids;
use crate::keyring::{Keyring, KeysError, Purpose};
use crate::screen::erased;
use crate::spill;

use super::auth::Who;
use super::extract::{Params, Raw, Segments, json_or_default, named};
use super::people::OfBusiness;
use super::problem::{Kind, Problem, ProblemBody};

/// Longest reason.
const REASON_BYTES_MAX: usize = 500;

/// Why someone is erased.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ErasureWish)]
pub(crate) struct ErasureBody {
    /// Kept with the erasure: name a ticket, never the person. At most 500 bytes.
    #[serde(default)]
    reason: Option<String>,
}

/// What an erasure did.
#[derive(Serialize, ToSchema)]
#[schema(as = Erasure)]
pub(crate) struct ErasureShape {
    /// The event that stays.
    id: String,
    /// Identifiers that were replaced by a keyed hash.
    identifiers: u64,
    /// Consent events whose evidence went.
    events: u64,
    /// Decisions that no longer say about whom they were.
    decisions: u64,
    /// Deliveries whose bytes went.
    deliveries: u64,
    /// Deliveries that an app still waits for: their bytes go as soon as it has them.
    deliveries_waiting: u64,
    /// Rows of screenings kept on this node that no longer name them. What is being screened is cleaned when it is done.
    screened_rows: u64,
}

impl From<&Erased> for ErasureShape {
    fn from(erased: &Erased) -> Self {
        Self {
            id: ids::event(erased.event),
            identifiers: erased.identifiers,
            events: erased.events,
            decisions: erased.decisions,
            deliveries: erased.deliveries,
            deliveries_waiting: erased.waiting,
            screened_rows: 0,
        }
    }
}

/// Erase a person.
///
/// In one transaction their identifiers, the evidence of what they said, whom decisions were about, message ids,
/// windows, deliveries that mention them and replies owed to them go; their preference links are dead. Each no
/// stays in force, under a keyed hash of every identifier: a send to them is refused, and no import brings a yes
/// back. Only what they say themselves after the erasure counts. Answered once no message allowed earlier can still
/// leave. Can't be undone; needs `may = "admin"`.
#[utoipa::path(
    post, path = "/v1/people/{id}/erase", operation_id = "erasePerson", tag = "consent", request_body = Option<ErasureBody>,
    params(("id" = String, Path, description = "Phone number with country code (`+` may be left out) or business-scoped user id"), OfBusiness),
    responses(
        (status = 200, description = "Erased, and on disk", body = ErasureShape),
        (status = 404, description = "Nobody of that business is known by this identifier", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "There are no keys", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Neither a phone number nor a user id, or a reason that names the person", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down; nothing was erased", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn erase(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
    Raw(body): Raw,
) -> Result<Json<ErasureShape>, Problem> {
    who.must(May::Admin)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    let body: ErasureBody = json_or_default(&body)?;
    let identifier = named(&id)?;
    let reason = reason(body.reason, &identifier)?;
    let now_ms = app.clock.now_ms();
    let ring = app.keys.open(now_ms).map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "no key for an erasure"
        );
        Problem::new(
            Kind::NotReady,
            "the file of keys cannot be used; the log says why, and so does `greenline doctor`",
        )
    })?;
    app.ledger.use_erasure_keys(of_ring(&ring));
    // What was decided while the store was down is recorded first, so that it is erased with the rest.
    spill::read_in(&app).await?;
    let holding = app.ledger.holding(business.ix, &identifier).await?;
    let event = NewEvent {
        business: business.ix,
        person: [identifier].into_iter().collect(),
        kind: EventKind::Erased,
        scope: Scope::All,
        at_ms: now_ms,
        stated_ms: now_ms,
        arrival_ms: now_ms,
        strength: Strength::Evidenced,
        in_thread: false,
        evidence: Evidence {
            method: "erasure".into(),
            source: reason.into(),
            ..Evidence::default()
        },
        actor: Actor(who.name().into()),
        dedup: None,
    };
    let erased = app.ledger.erase(event).await.map_err(|error| match error {
        LedgerError::NotFound(_) => {
            Problem::not_found("nobody of this business is known by this identifier")
        }
        error => error.into(),
    })?;
    let mut shape = ErasureShape::from(&erased);
    if let Some(holding) = holding {
        if let Err(error) = app.spill.forget(&business.config.id, &holding) {
            tracing::error!(%error, "what the spill's folder holds of somebody erased could not be deleted; delete it by hand");
        }
        shape.screened_rows = screened(&app, &business.config.id, holding.texts).await;
    }
    for flight in erased.flights {
        flight.settled().await;
    }
    tracing::info!(business.id = %business.config.id, actor = who.name(), event.id = shape.id, "a person was erased");
    Ok(Json(shape))
}

/// Takes whoever was erased out of what is kept of screenings; in how many rows they stood.
async fn screened(app: &Shared, business: &str, texts: Vec<String>) -> u64 {
    let (app, business) = (app.clone(), business.to_owned());
    let cleaning =
        tokio::task::spawn_blocking(move || erased::forget(&app, &business, &texts)).await;
    cleaning.map_err(io::Error::other).flatten().unwrap_or_else(|error| {
        tracing::error!(%error, "what is kept of a screening could not be cleaned of somebody erased; it is tried again at the next start, or delete it");
        0
    })
}

fn reason(reason: Option<String>, person: &Identifier) -> Result<String, Problem> {
    let reason = reason.unwrap_or_default();
    if reason.len() > REASON_BYTES_MAX {
        return Err(Problem::invalid("reason", "longer than 500 bytes"));
    }
    let digits: String = reason.chars().filter(char::is_ascii_digit).collect();
    if reason.contains(&person.reveal()) || digits.contains(&person.canonical().0.reveal()) {
        let what = "names the person; it is kept, so name a ticket instead";
        return Err(Problem::invalid("reason", what));
    }
    Ok(reason)
}

/// The keys that hash what is kept, newest first.
fn of_ring(ring: &Keyring) -> Vec<ErasureKey> {
    let keys = ring.of(Purpose::Erasure);
    keys.map(|key| ErasureKey {
        id: key.id.rsplit('-').next().unwrap_or_default().into(),
        secret: *key.reveal(),
    })
    .collect()
}

/// Lets the ledger find what earlier erasures kept. A node that cannot read its keys must not serve: it would
/// not know who said no.
pub(crate) fn ready(app: &App) -> Result<(), KeysError> {
    if let Some(ring) = app.keys.look()? {
        app.ledger.use_erasure_keys(of_ring(&ring));
    }
    Ok(())
}
