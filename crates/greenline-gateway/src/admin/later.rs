//! Held messages: which there are, what became of one, and cancelling. Nobody reads here what they say.

pub(crate) mod pages;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use greenline_ledger::later::{Cancelled, HeldFilter, HeldMessage, HeldStage};
use greenline_ledger::types::DecisionId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::Shared;
use crate::config::May;
use crate::directory::Business;
use crate::ids;

use super::auth::Who;
use super::extract::{Params, Segments, identifier, limit};
use super::problem::{Kind, Problem, ProblemBody};
use super::shape::{TemplateName, time};

/// Held messages of a page when no limit is given.
const PAGE_ROWS: usize = 50;

/// Which held messages.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HeldParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// From this phone_number_id.
    number: Option<String>,
    /// To this person: phone number with country code, or business-scoped user id.
    person: Option<String>,
    /// Where the page begins, as the page before it says.
    cursor: Option<String>,
    /// Rows, at most `limits.page_rows_max`; 50 if left out.
    limit: Option<usize>,
}

/// A held message, without what it says.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldMessage)]
pub(crate) struct HeldMessageShape {
    /// Its name: the decision that held it first.
    id: String,
    business: String,
    /// The phone_number_id.
    number: String,
    app: String,
    /// The addressee, masked.
    to: String,
    template: TemplateName,
    /// The message id that the app was given; its later webhooks carry it.
    message_id: String,
    /// `waiting`, `releasing` (a decision to send it is on record, the platform's answer is not), `sent`, `failed`,
    /// `cancelled`, or `unknown`: it may have gone out, and is not sent again.
    state: &'static str,
    held_at: String,
    /// When it is decided again; only while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Until when it may wait at most.
    at_most_until: String,
    /// The latest decision about it.
    decision: String,
    /// The platform's id, once it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_message_id: Option<String>,
    /// The platform's error code, where the platform refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u32>,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    over_at: Option<String>,
}

/// How a held message stands, in a word.
fn state(message: &HeldMessage) -> &'static str {
    match (message.stage, message.end) {
        (HeldStage::Waiting, _) => "waiting",
        (HeldStage::LetGo, _) => "releasing",
        (_, Some((end, _))) => end.as_str(),
        (_, None) => "failed",
    }
}

impl HeldMessageShape {
    fn new(business: &Business, message: &HeldMessage) -> Self {
        let (name, language) = &message.template;
        let waits = message.stage == HeldStage::Waiting;
        Self {
            id: ids::decision(message.id),
            business: business.config.id.clone(),
            number: message.number.to_string(),
            app: message.app.to_string(),
            to: message.to.to_string(),
            template: TemplateName::new(name, language),
            message_id: message.given_id.to_string(),
            state: state(message),
            held_at: time(message.held_ms),
            until: message.due_ms.filter(|_| waits).map(time),
            at_most_until: time(message.last_ms),
            decision: ids::decision(message.decision),
            platform_message_id: message.message_id.as_ref().map(ToString::to_string),
            code: message.code,
            over_at: message.end.map(|(_, at_ms)| time(at_ms)),
        }
    }
}

/// Held messages, in the order in which they came.
#[derive(Serialize, ToSchema)]
pub(crate) struct HeldMessages {
    held: Vec<HeldMessageShape>,
    /// The next page's `cursor`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// Held messages, in the order in which they came; those that are over too, as long as their decisions are kept.
#[utoipa::path(
    get, path = "/v1/held", operation_id = "listHeldMessages", tag = "decisions", params(HeldParams),
    responses(
        (status = 200, description = "A page of held messages", body = HeldMessages),
        (status = 422, description = "A value is not accepted", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<HeldParams>,
) -> Result<Json<HeldMessages>, Problem> {
    let business = who.business(&app.directory, params.business.as_deref())?;
    let rows = limit(&app, params.limit, PAGE_ROWS)?;
    let cursor = params.cursor.as_deref();
    let after = match cursor.map(ids::parse_decision) {
        None => None,
        Some(Some(id)) => Some(id),
        Some(None) => return Err(Problem::invalid("cursor", "not a cursor of this list")),
    };
    let mut filter = HeldFilter {
        number: params.number.map(Into::into),
        to: Vec::new(),
    };
    if let Some(person) = &params.person {
        let given = identifier(person).map_err(|problem| problem.at("person"))?;
        // Everything that person is known by; one whom nobody knows was sent nothing.
        let known = app.ledger.person(business.ix, &given).await?;
        let names = known.map(|known| known.identifiers).unwrap_or_default();
        filter.to = names.into_iter().map(|(name, _)| name).collect();
        filter.to.push(given.canonical().0);
    }
    let found = app
        .ledger
        .held_messages(business.ix, &filter, after, rows)
        .await?;
    let last = found.last().filter(|_| found.len() == rows);
    Ok(Json(HeldMessages {
        cursor: last.map(|message| ids::decision(message.id)),
        held: found
            .iter()
            .map(|message| HeldMessageShape::new(&business, message))
            .collect(),
    }))
}

fn gone() -> Problem {
    Problem::not_found("there is no such held message")
}

/// A held message of a business that they reach.
async fn find(
    app: &Shared,
    who: &Who,
    id: &str,
) -> Result<(Arc<Business>, DecisionId, HeldMessage), Problem> {
    let id = ids::parse_decision(id).ok_or_else(gone)?;
    for business in who.businesses(&app.directory) {
        if let Some(message) = app.ledger.held_message(business.ix, id).await? {
            return Ok((Arc::clone(business), id, message));
        }
    }
    Err(gone())
}

/// A held message.
#[utoipa::path(
    get, path = "/v1/held/{id}", operation_id = "showHeldMessage", tag = "decisions",
    params(("id" = String, Path, description = "As in `greenline-decision` of the answer to the send")),
    responses(
        (status = 200, description = "The held message", body = HeldMessageShape),
        (status = 404, description = "No such held message", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<Json<HeldMessageShape>, Problem> {
    let (business, _, message) = find(&app, &who, &id).await?;
    Ok(Json(HeldMessageShape::new(&business, &message)))
}

/// Cancel a held message.
///
/// It is then never sent, and its app gets a `failed` status for it. One that was cancelled before is answered alike.
#[utoipa::path(
    delete, path = "/v1/held/{id}", operation_id = "cancelHeldMessage", tag = "decisions",
    params(("id" = String, Path, description = "As in `greenline-decision` of the answer to the send")),
    responses(
        (status = 200, description = "It is cancelled", body = HeldMessageShape),
        (status = 403, description = "Needs may = \"manager\"", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such held message", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It was released, or is over in another way", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<Json<HeldMessageShape>, Problem> {
    let (business, message) = cancel_one(&app, &who, &id).await?;
    Ok(Json(HeldMessageShape::new(&business, &message)))
}

/// Cancels it; how it stands then.
async fn cancel_one(
    app: &Shared,
    who: &Who,
    id: &str,
) -> Result<(Arc<Business>, HeldMessage), Problem> {
    who.must(May::Manager)?;
    let (business, id, _) = find(app, who, id).await?;
    let now_ms = app.clock.now_ms();
    match app.ledger.cancel_held(business.ix, id, now_ms).await? {
        Cancelled::Now => {
            tracing::info!(
                business.id = %business.config.id,
                actor = who.name(),
                held.id = %ids::decision(id),
                "a held message was cancelled"
            );
            app.later.rung.notify_one();
        }
        Cancelled::Before => {}
        Cancelled::TooLate => {
            return Err(Problem::new(
                Kind::Conflict,
                "it was released already, or is over in another way",
            ));
        }
    }
    let message = app.ledger.held_message(business.ix, id).await?;
    Ok((business, message.ok_or_else(gone)?))
}
