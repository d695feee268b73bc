//! A number at a glance: its state, what it can still do, how people took what it sent, and why that may be.

mod counts;
mod facts;
pub(super) mod page;
pub(super) mod probe;
mod words;

use axum::Json;
use axum::extract::State as Extracted;
use greenline_policy::health::{Cell, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::directory::Number;
use crate::reception;
use crate::token;

use super::auth::Who;
use super::capabilities::{self, CapabilityParams, CauseShape};
use super::extract::{Params, Segments, moment};
use super::problem::{Problem, ProblemBody};
use super::shape::time;
use counts::{LikelyShape, ReceptionShape};
use facts::FactShape;
use probe::ProbeShape;

/// Whether a number can do something, in short.
#[derive(Serialize, ToSchema)]
#[schema(as = CapabilityInShort)]
struct CanShape {
    /// `start.marketing`, `start.utility`, `start.authentication`, `reply`, `receive`, `call`, `receive_call` or
    /// `add_number`.
    what: &'static str,
    /// `yes`, `no` or `unknown`.
    can: &'static str,
    /// Until when that holds, where an end is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// The cause that answers.
    cause: &'static str,
}

impl From<&Cell> for CanShape {
    fn from(cell: &Cell) -> Self {
        Self {
            what: cell.what.as_str(),
            can: cell.can.as_str(),
            until: cell.until_ms.map(time),
            cause: cell.cause.id(),
        }
    }
}

/// A number at a glance.
#[derive(Serialize, ToSchema)]
#[schema(as = NumberAtAGlance)]
pub(crate) struct NumberGlance {
    phone_number_id: String,
    waba_id: String,
    display_number: String,
    business: String,
    /// The moment that the answer is about.
    at: String,
    /// What is known, the newest of each kind, each with its age and where it came from.
    facts: Vec<FactShape>,
    /// What it can do, in short; `/v1/numbers/{id}/capabilities` says why.
    capabilities: Vec<CanShape>,
    /// Everything that holds of the number, gravest first.
    causes: Vec<CauseShape>,
    /// When anybody last wrote to it: live evidence, beside the answer and never part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_inbound_at: Option<String>,
    /// The newest word that was to be sent to it from a phone, and whether it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<ProbeShape>,
    /// How people took what it sent in the last seven days.
    last_7_days: ReceptionShape,
    /// Why they may be taking it badly, and what to change first.
    likely_causes: LikelyShape,
}

/// A number at a glance: state, capabilities, how people took what it sent in the last seven days, and likely causes.
///
/// Counting reads what was recorded in seven days. Where a business sends very much, one person in so many is looked
/// at (`one_in`), and a count of now is used again for a moment.
#[utoipa::path(
    get, path = "/v1/numbers/{id}", operation_id = "showNumber", tag = "numbers",
    params(("id" = String, Path, description = "The phone_number_id"), CapabilityParams),
    responses(
        (status = 200, description = "The number at a glance", body = NumberGlance),
        (status = 404, description = "The business has no such number", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A value is not accepted", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    Extracted(app): Extracted<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(params): Params<CapabilityParams>,
) -> Result<Json<NumberGlance>, Problem> {
    let number = capabilities::find(&app, &who, &id, params.business.as_deref())?;
    let at_ms = moment(params.at.as_deref())?;
    Ok(Json(glance(&app, &number, at_ms).await?))
}

/// Nothing was sent in the future: what is asked in advance is counted up to now.
fn counted_at(app: &App, at_ms: Option<i64>) -> Option<i64> {
    at_ms.filter(|at_ms| *at_ms < app.clock.now_ms())
}

/// Everything known at a moment of a number and of the token that it is used with.
async fn known(
    app: &App,
    number: &Number,
    state: &State,
    at_ms: i64,
) -> Result<Vec<FactShape>, Problem> {
    let mut facts = facts::known(state, at_ms);
    let token = token::entries(app, number.business).await?;
    facts.extend(facts::of_token(&token, at_ms));
    Ok(facts)
}

async fn glance(app: &App, number: &Number, at_ms: Option<i64>) -> Result<NumberGlance, Problem> {
    let worked_out = capabilities::worked_out(app, number, at_ms).await?;
    let (state, matrix, last_inbound_ms) = worked_out;
    let counted_at = counted_at(app, at_ms);
    let counted = reception::count(app, number.business, &number.id, counted_at).await?;
    let business = app.directory.business(number.business);
    let worth = matrix.holds.iter();
    let worth = worth.filter(|holds| capabilities::is_worth_telling(&matrix, holds));
    Ok(NumberGlance {
        phone_number_id: number.id.to_string(),
        waba_id: number.waba_id.to_string(),
        display_number: capabilities::display(app, number),
        business: business.config.id.clone(),
        at: time(matrix.at_ms),
        facts: known(app, number, &state, matrix.at_ms).await?,
        capabilities: matrix.cells.iter().map(CanShape::from).collect(),
        causes: worth.map(|holds| CauseShape::of(holds, &matrix)).collect(),
        last_inbound_at: last_inbound_ms.map(time),
        probe: probe::newest(app, number, app.clock.now_ms()).await?,
        last_7_days: (&counted).into(),
        likely_causes: (&counted).into(),
    })
}
