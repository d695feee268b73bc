//! A word that proves that messages to a number arrive: made here, sent by staff from a phone.

use axum::Json;
use axum::extract::State as Extracted;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::config::May;
use crate::directory::Number;
use crate::inbound_probe::{self, Probe, Unmade};
use crate::opt_in::wa_me;

use crate::admin::auth::{PageWho, Who};
use crate::admin::capabilities;
use crate::admin::extract::{Params, Segments};
use crate::admin::pages;
use crate::admin::people::OfBusiness;
use crate::admin::problem::{Kind, Problem, ProblemBody};
use crate::admin::shape::time;

/// A word to be sent to a number from a phone, and whether it arrived.
#[derive(Serialize, ToSchema)]
#[schema(as = InboundProbe)]
pub(crate) struct ProbeShape {
    /// `waiting`, `arrived`, or `lapsed` when it did not arrive within a day.
    pub(super) state: &'static str,
    /// What is to be sent, word for word; capitals do not matter.
    pub(super) text: String,
    /// The link that opens WhatsApp with that text. Absent where the number has no `display_number`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    /// When it was made.
    asked_at: String,
    #[serde(skip)]
    pub(super) asked_ms: i64,
    /// By whom.
    pub(super) by: String,
    /// Until when it counts.
    valid_until: String,
    #[serde(skip)]
    pub(super) until_ms: i64,
    /// When it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    arrived_at: Option<String>,
    #[serde(skip)]
    pub(super) arrived_ms: Option<i64>,
}

impl ProbeShape {
    fn new(app: &App, number: &Number, probe: Probe, now_ms: i64) -> Self {
        let display = capabilities::display(app, number);
        let digits: String = display.chars().filter(char::is_ascii_digit).collect();
        let is_shown = display != *number.id && !digits.is_empty();
        let state = match probe.arrived_ms {
            Some(_) => "arrived",
            None if now_ms <= probe.until_ms() => "waiting",
            None => "lapsed",
        };
        Self {
            state,
            text: probe.text(),
            link: is_shown.then(|| wa_me(&digits, &probe.text())),
            asked_at: time(probe.asked_ms),
            asked_ms: probe.asked_ms,
            valid_until: time(probe.until_ms()),
            until_ms: probe.until_ms(),
            arrived_at: probe.arrived_ms.map(time),
            arrived_ms: probe.arrived_ms,
            by: probe.by,
        }
    }
}

/// The newest word of a number.
pub(super) async fn newest(
    app: &App,
    number: &Number,
    now_ms: i64,
) -> Result<Option<ProbeShape>, Problem> {
    let newest = inbound_probe::newest(app, number.business, &number.id).await?;
    Ok(newest.map(|probe| ProbeShape::new(app, number, probe, now_ms)))
}

async fn asked(app: &App, who: &Who, number: &Number) -> Result<ProbeShape, Problem> {
    who.must(May::Agent)?;
    let made = inbound_probe::ask(app, number.business, &number.id, who.name()).await;
    let probe = made.map_err(|unmade| match unmade {
        Unmade::Store(error) => Problem::from(error),
        Unmade::Chance(error) => {
            tracing::error!(%error, "a word could not be drawn");
            Problem::new(Kind::Unavailable, "a word could not be drawn; try again")
        }
    })?;
    let now_ms = probe.asked_ms;
    Ok(ProbeShape::new(app, number, probe, now_ms))
}

/// Make a word that proves, by arriving, that messages to a number come in.
///
/// Staff send it from any phone, by the `wa.me` link or by hand; `GET /v1/numbers/{id}` shows whether it arrived. It
/// counts once and for a day. It stands beside the capabilities and never changes them. Needs `may = "agent"`.
#[utoipa::path(
    post, path = "/v1/numbers/{id}/probe", operation_id = "probeInbound", tag = "numbers",
    params(("id" = String, Path, description = "The phone_number_id"), OfBusiness),
    responses(
        (status = 201, description = "The word, and the link that sends it", body = ProbeShape),
        (status = 403, description = "Needs may = \"agent\"", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The business has no such number", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ask(
    Extracted(app): Extracted<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
) -> Result<(StatusCode, Json<ProbeShape>), Problem> {
    let number = capabilities::find(&app, &who, &id, of.business.as_deref())?;
    let shape = asked(&app, &who, &number).await?;
    Ok((StatusCode::CREATED, Json(shape)))
}

/// `POST /numbers/{id}/probe`.
pub(crate) async fn from_page(
    Extracted(app): Extracted<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
) -> Response {
    let done = async {
        let number = capabilities::find(&app, &who, &id, None)?;
        asked(&app, &who, &number).await
    };
    match done.await {
        Ok(_) => Redirect::to(&format!("/numbers/{id}#inbound")).into_response(),
        Err(problem) => pages::page(&app, &who, async { Err(problem) }).await,
    }
}
