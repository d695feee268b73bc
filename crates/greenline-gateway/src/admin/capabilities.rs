//! What a number can still do, in words: for the API, the command line and the page alike.

use axum::Json;
use axum::extract::State as Extracted;
use greenline_console::{CapabilityRow, CauseView, When};
use greenline_guide::{CauseCard, Guide};
use greenline_policy::health::{
    Can, Cell, Holds, Kind, Matrix, Provided, Seen, State, What, capabilities,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use std::sync::Arc;

use crate::app::{App, Shared};
use crate::directory::Number;
use crate::health;

use super::auth::Who;
use super::extract::{Params, Segments, moment};
use super::problem::{Problem, ProblemBody};
use super::shape::time;

/// What concerns messages.
const MESSAGES: [What; 5] = [
    What::StartMarketing,
    What::StartUtility,
    What::StartAuthentication,
    What::Reply,
    What::Receive,
];

/// As of when, and whose number.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CapabilityParams {
    /// The business; may be left out with a token that reaches only one.
    pub(super) business: Option<String>,
    /// The moment that is asked about, RFC 3339; now if left out. The past is answered by what was known then, the
    /// future in advance.
    pub(super) at: Option<String>,
}

/// What an answer was read from.
#[derive(Serialize, ToSchema)]
#[schema(as = CapabilitySeen)]
pub(crate) struct SeenShape {
    /// When it was told: as the platform dated it, or when it was read.
    pub(crate) at: String,
    /// `webhook`, `read`, `error`, `send` or `count`.
    pub(crate) origin: &'static str,
}

impl From<Seen> for SeenShape {
    fn from(seen: Seen) -> Self {
        Self {
            at: time(seen.at_ms),
            origin: seen.origin.as_str(),
        }
    }
}

/// Whether a number can do something.
#[derive(Serialize, ToSchema)]
#[schema(as = Capability)]
pub(crate) struct CapabilityShape {
    /// `start.marketing`, `start.utility`, `start.authentication`, `reply`, `receive`, `call`, `receive_call` or
    /// `add_number`.
    pub(crate) what: &'static str,
    /// `yes`, `no` or `unknown`.
    pub(crate) can: &'static str,
    /// Until when that holds, where an end is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    /// What settles it: a read of `health_status` after this moment that says AVAILABLE. A `yes` with it is conditional.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provided_available_after: Option<String>,
    /// Why, in a sentence that can be sent on.
    pub(crate) reason: String,
    /// The cause that answers, as in `causes`.
    pub(crate) cause: &'static str,
    /// Ids of the facts that it rests on; `/guide` has them.
    pub(crate) sources: Vec<String>,
    /// `high`: the platform's own page. `medium`: second-hand, partial, or our reading. `low`: weak; then `can` is
    /// `unknown`.
    pub(crate) confidence: &'static str,
    /// What that was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<SeenShape>,
    /// Whatever else is in the way, gravest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) also: Vec<&'static str>,
}

/// Something that holds of a number.
#[derive(Serialize, ToSchema)]
#[schema(as = CapabilityCause)]
pub(crate) struct CauseShape {
    /// Its stable name.
    pub(crate) cause: &'static str,
    /// `block`, `warning`, `look_alike` (silence that is no enforcement), `note` or `fine`.
    pub(crate) kind: &'static str,
    /// Its name in a few words.
    pub(crate) title: String,
    /// One sentence that a support desk can send on.
    pub(crate) say: String,
    /// How it ends.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) ends: String,
    /// What nobody knows about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unknown: Option<String>,
    /// How it is told from a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tell: Option<String>,
    /// When it ends, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    /// What it was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<SeenShape>,
    /// The guide's page about it, on this listener.
    pub(crate) guide: String,
}

/// What a number can still do.
#[derive(Serialize, ToSchema)]
#[schema(as = Capabilities)]
pub(crate) struct CapabilitiesShape {
    pub(crate) phone_number_id: String,
    pub(crate) business: String,
    /// The moment that the answer is about.
    pub(crate) at: String,
    /// Up to when everything that is known was taken in.
    pub(crate) as_of: String,
    /// One row for each capability, always all of them.
    pub(crate) capabilities: Vec<CapabilityShape>,
    /// Everything that holds of the number then, gravest first.
    pub(crate) causes: Vec<CauseShape>,
    /// When anybody last wrote to it: live evidence, beside the answer and never part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_inbound_at: Option<String>,
}

/// What a number can still do at a moment: starting, answering, receiving, calls, more numbers.
#[utoipa::path(
    get, path = "/v1/numbers/{id}/capabilities", operation_id = "showCapabilities", tag = "numbers",
    params(("id" = String, Path, description = "The phone_number_id"), CapabilityParams),
    responses(
        (status = 200, description = "What it can do, until when, why, how sure that is, and what it rests on", body = CapabilitiesShape),
        (status = 404, description = "The business has no such number", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A value is not accepted", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    Extracted(app): Extracted<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(params): Params<CapabilityParams>,
) -> Result<Json<CapabilitiesShape>, Problem> {
    let number = find(&app, &who, &id, params.business.as_deref())?;
    let at_ms = moment(params.at.as_deref())?;
    Ok(Json(told(&app, &number, at_ms).await?))
}

/// A number of a business that they reach.
pub(super) fn find(
    app: &App,
    who: &Who,
    id: &str,
    business: Option<&str>,
) -> Result<Arc<Number>, Problem> {
    let gone = || Problem::not_found("there is no such number");
    let number = app.directory.number(id).ok_or_else(gone)?;
    let mut reached = who.businesses(&app.directory);
    let of = app.directory.business(number.business);
    let is_named = business.is_none_or(|business| business == of.config.id);
    let is_reached = reached.any(|reached| reached.ix == number.business);
    if is_named && is_reached {
        Ok(Arc::clone(number))
    } else {
        Err(gone())
    }
}

/// The number as people see it; its id where the configuration does not say.
pub(super) fn display(app: &App, number: &Number) -> String {
    let business = app.directory.business(number.business);
    let mut configured = business.config.number.iter();
    let known = configured.find(|one| *one.phone_number_id == *number.id);
    let shown = known.map(|one| one.display_number.as_str());
    let shown = shown.filter(|shown| !shown.is_empty());
    shown.unwrap_or(&number.id).to_owned()
}

pub(super) fn row(cell: &Cell) -> CapabilityRow {
    let words = card(cell.cause);
    let said = words.and_then(|card| card.about(cell.what));
    let link = |id: &String| {
        let query: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        (id.clone(), format!("/guide?q={query}"))
    };
    CapabilityRow {
        what: match cell.what {
            What::StartMarketing => "Start with marketing",
            What::StartUtility => "Start with utility",
            What::StartAuthentication => "Start with authentication",
            What::Reply => "Answer within 24 hours",
            What::Receive => "Receive messages",
            What::Call => "Call people",
            What::ReceiveCall => "Be called",
            What::AddNumber => "Have numbers added",
        },
        can: cell.can.as_str(),
        until: cell.until_ms.map(When::dated),
        provided: provided(cell).map(When::dated),
        why: words.map(|card| plain(&card.title)).unwrap_or_default(),
        confidence: said.map_or("low", |said| said.confidence.as_str()),
        facts: said.map_or_else(Vec::new, |said| said.sources.iter().map(link).collect()),
    }
}

/// Without the marks of Markdown, which the page does not render.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

pub(super) fn cause_view(holds: &Holds, matrix: &Matrix) -> CauseView {
    let shape = CauseShape::of(holds, matrix);
    CauseView {
        title: plain(&shape.title),
        kind: match holds.cause.kind() {
            Kind::Block => "block",
            Kind::Warning => "warning",
            Kind::LookAlike => "looks like a block and is none",
            Kind::Note => "note",
            Kind::Fine => "nothing in the way",
        },
        say: plain(&shape.say),
        ends: plain(&shape.ends),
        until: holds.until_ms.map(When::dated),
        unknown: shape.unknown.as_deref().map(plain),
        tell: shape.tell.as_deref().map(plain),
        seen: holds
            .seen
            .map(|seen| (When::dated(seen.at_ms), seen.origin.as_str())),
        guide: shape.guide,
    }
}

/// What is known, what it comes to at a moment (now if none is named), and when anybody last wrote.
pub(super) async fn worked_out(
    app: &App,
    number: &Number,
    at_ms: Option<i64>,
) -> Result<(State, Matrix, Option<i64>), Problem> {
    let state = health::state(app, number).await?;
    let matrix = capabilities(&state, at_ms.unwrap_or(state.as_of_ms));
    let numbers = app.ledger.numbers(number.business).await?;
    let view = numbers.into_iter().find(|view| *view.number == *number.id);
    Ok((state, matrix, view.and_then(|view| view.last_inbound_ms)))
}

/// What a number can do at a moment, in the API's shape.
async fn told(
    app: &App,
    number: &Number,
    at_ms: Option<i64>,
) -> Result<CapabilitiesShape, Problem> {
    let (state, matrix, last_inbound_ms) = worked_out(app, number, at_ms).await?;
    let business = &app.directory.business(number.business).config.id;
    let mut shape = CapabilitiesShape::of(&state, &matrix);
    shape.phone_number_id = number.id.to_string();
    shape.business.clone_from(business);
    shape.last_inbound_at = last_inbound_ms.map(time);
    Ok(shape)
}

impl CapabilitiesShape {
    fn of(state: &State, matrix: &Matrix) -> Self {
        let whole = matrix.holds.iter();
        // What says nothing of anything that is asked is left out.
        let told = whole.filter(|holds| is_worth_telling(matrix, holds));
        Self {
            phone_number_id: String::new(),
            business: String::new(),
            at: time(matrix.at_ms),
            as_of: time(state.as_of_ms),
            capabilities: matrix
                .cells
                .iter()
                .map(|cell| CapabilityShape::of(cell, matrix))
                .collect(),
            causes: told.map(|holds| CauseShape::of(holds, matrix)).collect(),
            last_inbound_at: None,
        }
    }
}

/// Blocks, warnings and notes; of what is fine only what answers whether messages go. What was told in two ways, as a
/// ban by its news and by a read, is told once.
pub(super) fn is_worth_telling(matrix: &Matrix, holds: &Holds) -> bool {
    let mut cells = matrix.cells.iter();
    let answers = |cell: &Cell| cell.cause == holds.cause && MESSAGES.contains(&cell.what);
    let is_same = |other: &&Holds| (other.cause, other.until_ms) == (holds.cause, holds.until_ms);
    let is_first = matrix.holds.iter().find(is_same) == Some(holds);
    is_first && (holds.cause.kind() != Kind::Fine || cells.any(answers))
}

fn card(holds: greenline_policy::health::Cause) -> Option<&'static CauseCard> {
    Guide::this().cause(holds)
}

/// What a sentence says that goes is not taken for the last word where something else stops it.
fn beside(holds: &Holds, matrix: &Matrix) -> &'static str {
    let mut cells = matrix.cells.iter();
    let stops_more = cells.any(|cell| {
        MESSAGES.contains(&cell.what)
            && cell.can != Can::Yes
            && holds.says(cell.what) == Some(Can::Yes)
    });
    if stops_more {
        " Something else that is told here stops more than this."
    } else {
        ""
    }
}

/// A moment, for people; none where nobody knows one.
fn end(until_ms: Option<i64>) -> Option<String> {
    let at = Timestamp::from_millisecond(until_ms?).ok()?;
    let at = at.to_zoned(TimeZone::UTC);
    Some(at.strftime("%-d %b %Y, %H:%M UTC").to_string())
}

impl CapabilityShape {
    fn of(cell: &Cell, matrix: &Matrix) -> Self {
        let words = card(cell.cause);
        let said = words.and_then(|card| card.about(cell.what));
        // The end of what answers, also where the answer itself has none.
        let answers = matrix
            .holds
            .iter()
            .filter(|holds| holds.cause == cell.cause);
        let ends = answers.map(|holds| (holds.until_ms.is_none(), holds.until_ms));
        let until = end(ends.max().and_then(|(_, until_ms)| until_ms));
        Self {
            what: cell.what.as_str(),
            can: cell.can.as_str(),
            until: cell.until_ms.map(time),
            provided_available_after: provided(cell).map(time),
            reason: words
                .map(|card| card.say_until(until.as_deref()))
                .unwrap_or_default(),
            cause: cell.cause.id(),
            sources: said.map(|said| said.sources.clone()).unwrap_or_default(),
            confidence: said.map_or("low", |said| said.confidence.as_str()),
            seen: cell.seen.map(SeenShape::from),
            also: cell.also.iter().map(|cause| cause.id()).collect(),
        }
    }
}

/// What settles an answer; a plain no is settled by its end.
fn provided(cell: &Cell) -> Option<i64> {
    let Some(Provided::AvailableAfter(after_ms)) = cell.provided else {
        return None;
    };
    (cell.can != Can::No || cell.until_ms.is_none()).then_some(after_ms)
}

impl CauseShape {
    pub(super) fn of(holds: &Holds, matrix: &Matrix) -> Self {
        let words = card(holds.cause);
        let article = words.map_or("blocked-number", |card| card.article.as_str());
        let until = end(holds.until_ms);
        let until = until.as_deref();
        let told = |text: &dyn Fn(&CauseCard) -> String| words.map(text).unwrap_or_default();
        Self {
            cause: holds.cause.id(),
            kind: holds.cause.kind().as_str(),
            title: told(&|card| card.title.clone()),
            say: told(&|card| card.say_until(until)) + beside(holds, matrix),
            ends: told(&|card| card.ends_at(until)),
            unknown: words.and_then(|card| card.unknown.clone()),
            tell: words.and_then(|card| card.tell.clone()),
            until: holds.until_ms.map(time),
            seen: holds.seen.map(SeenShape::from),
            guide: format!("/guide/{article}"),
        }
    }
}
