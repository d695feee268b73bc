//! Lists: numbers, templates, the timeline, stops, and the export of consents.

mod current;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use greenline_ledger::types::NumberView;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Shared};
use crate::config::May;
use crate::directory::Business;
use crate::ids;

use super::auth::Who;
use super::extract::{Params, limit};
use super::people::OfBusiness;
use super::problem::{Problem, ProblemBody};
use super::shape::{EventShape, time};

/// Rows of a page when no limit is given.
const PAGE_ROWS: usize = 100;
/// Lines of an export when no limit is given.
const EXPORT_ROWS: usize = 1_000;
/// People looked up at once for an export.
const PEOPLE_AT_ONCE: usize = 16;
/// Where the next page of an export begins.
const HEADER_NEXT: HeaderName = HeaderName::from_static("greenline-next");

/// A number.
#[derive(Serialize, ToSchema)]
#[schema(as = Number)]
pub(crate) struct NumberShape {
    phone_number_id: String,
    waba_id: String,
    display_number: String,
    business: String,
    /// The platform's `status`, as read.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// The platform's `quality_rating`, as read.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<String>,
    /// When both were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<String>,
    /// When anybody last wrote to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_inbound_at: Option<String>,
}

/// A business's numbers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Numbers {
    numbers: Vec<NumberShape>,
}

/// The numbers of a business with what is known of each: every configured one, read or not.
pub(crate) async fn known_numbers(
    app: &App,
    business: &Business,
) -> Result<Vec<NumberView>, Problem> {
    let mut known = app.ledger.numbers(business.ix).await?;
    Ok(business
        .config
        .number
        .iter()
        .map(|number| {
            let place = known
                .iter()
                .position(|view| *view.number == *number.phone_number_id);
            place
                .map(|place| known.swap_remove(place))
                .unwrap_or_else(|| NumberView {
                    number: number.phone_number_id.as_str().into(),
                    status: None,
                    rating: None,
                    at_ms: None,
                    last_inbound_ms: None,
                })
        })
        .collect())
}

/// Numbers with status, rating and last inbound message.
#[utoipa::path(
    get, path = "/v1/numbers", operation_id = "listNumbers", tag = "numbers", params(OfBusiness),
    responses((status = 200, description = "Every configured number of the business", body = Numbers))
)]
pub(crate) async fn numbers(
    State(app): State<Shared>,
    who: Who,
    Params(of): Params<OfBusiness>,
) -> Result<Json<Numbers>, Problem> {
    let business = who.business(&app.directory, of.business.as_deref())?;
    let views = known_numbers(&app, &business).await?;
    let numbers = business
        .config
        .number
        .iter()
        .zip(views)
        .map(|(number, view)| NumberShape {
            phone_number_id: number.phone_number_id.clone(),
            waba_id: number.waba_id.clone(),
            display_number: number.display_number.clone(),
            business: business.config.id.clone(),
            status: view.status.map(Into::into),
            rating: view.rating.map(Into::into),
            read_at: view.at_ms.map(time),
            last_inbound_at: view.last_inbound_ms.map(time),
        })
        .collect();
    Ok(Json(Numbers { numbers }))
}

/// Which templates.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TemplateParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// Of this account only.
    waba_id: Option<String>,
}

/// A template as the platform lists it.
#[derive(Serialize, ToSchema)]
#[schema(as = Template)]
pub(crate) struct TemplateShape {
    waba_id: String,
    name: String,
    language: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<String>,
    /// `marketing`, `utility` or `authentication`; absent when not known, then judged as marketing.
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// The topic it is mapped to in the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    /// It asks whether the person wants messages or wants to stop them.
    ask: bool,
    /// When the platform said so.
    at: String,
}

/// Templates.
#[derive(Serialize, ToSchema)]
pub(crate) struct Templates {
    templates: Vec<TemplateShape>,
}

/// Templates with the category they are judged by.
#[utoipa::path(
    get, path = "/v1/templates", operation_id = "listTemplates", tag = "numbers", params(TemplateParams),
    responses((status = 200, description = "Every known template of the business", body = Templates))
)]
pub(crate) async fn templates(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<TemplateParams>,
) -> Result<Json<Templates>, Problem> {
    let business = who.business(&app.directory, params.business.as_deref())?;
    let views = app
        .ledger
        .templates(business.ix, params.waba_id.as_deref())
        .await?;
    let templates = views
        .into_iter()
        .map(|view| {
            let setting = business.templates.get(&*view.name);
            TemplateShape {
                topic: setting
                    .and_then(|setting| setting.topic.as_ref())
                    .map(ToString::to_string),
                ask: view.is_ask || setting.is_some_and(|setting| setting.ask),
                waba_id: view.waba_id.into(),
                name: view.name.into(),
                language: view.language.into(),
                template_id: view.template_id.map(Into::into),
                category: view.category.map(greenline_policy::scope::Category::as_str),
                status: view.status.map(Into::into),
                at: time(view.at_ms),
            }
        })
        .collect();
    Ok(Json(Templates { templates }))
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// `account`, `number`, `template` or `business`; together with `id`.
    subject: Option<String>,
    /// The platform's id of the subject.
    id: Option<String>,
    /// Older than this `seq`.
    before: Option<i64>,
    /// Rows, at most `limits.page_rows_max`; 100 if left out.
    limit: Option<usize>,
}

/// Something that happened to an account, a number or a template.
#[derive(Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub(crate) struct EntryShape {
    seq: i64,
    subject: String,
    id: String,
    /// The webhook field or other origin.
    origin: String,
    /// What happened, in the platform's word.
    event: String,
    at: String,
    /// The platform's value.
    #[schema(value_type = Object)]
    body: Option<Box<RawValue>>,
}

/// Entries, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Timeline {
    entries: Vec<EntryShape>,
    /// The next page's `before`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<i64>,
}

/// What the platform said of accounts, numbers and templates, newest first.
#[utoipa::path(
    get, path = "/v1/timeline", operation_id = "listTimeline", tag = "numbers", params(TimelineParams),
    responses((status = 200, description = "A page of the timeline", body = Timeline))
)]
pub(crate) async fn timeline(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<TimelineParams>,
) -> Result<Json<Timeline>, Problem> {
    let business = who.business(&app.directory, params.business.as_deref())?;
    let subject = match (params.subject.as_deref(), params.id.as_deref()) {
        (None, None) => None,
        (Some(subject), Some(id))
            if ["account", "number", "template", "business"].contains(&subject) =>
        {
            Some((subject, id))
        }
        (Some(_), Some(_)) => {
            return Err(Problem::invalid("subject", "not a subject")
                .allowed(["account", "number", "template", "business"]));
        }
        (Some(_), None) => return Err(Problem::invalid("id", "needed together with `subject`")),
        (None, Some(_)) => return Err(Problem::invalid("subject", "needed together with `id`")),
    };
    let rows = limit(&app, params.limit, PAGE_ROWS)?;
    let entries = app
        .ledger
        .timeline(business.ix, subject, params.before, rows)
        .await?;
    let before = (entries.len() == rows)
        .then(|| entries.last().map(|entry| entry.seq))
        .flatten();
    let entries = entries
        .into_iter()
        .map(|entry| EntryShape {
            seq: entry.seq,
            subject: entry.subject.into(),
            id: entry.subject_id.into(),
            origin: entry.origin.into(),
            event: entry.event.into(),
            at: time(entry.at_ms),
            body: RawValue::from_string(entry.body.into()).ok(),
        })
        .collect();
    Ok(Json(Timeline { entries, before }))
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StopParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// Rows, at most `limits.page_rows_max`; 100 if left out.
    limit: Option<usize>,
}

/// Stops, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stops {
    stops: Vec<EventShape>,
}

/// The newest noes and native stops.
#[utoipa::path(
    get, path = "/v1/stops", operation_id = "listStops", tag = "consent", params(StopParams),
    responses((status = 200, description = "The newest stops", body = Stops))
)]
pub(crate) async fn stops(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<StopParams>,
) -> Result<Json<Stops>, Problem> {
    let business = who.business(&app.directory, params.business.as_deref())?;
    let stops = app
        .ledger
        .stops(business.ix, limit(&app, params.limit, PAGE_ROWS)?)
        .await?;
    Ok(Json(Stops {
        stops: stops
            .iter()
            .map(|stop| EventShape::new(&business.config.id, stop))
            .collect(),
    }))
}

/// Which part.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// Events recorded after this one.
    after: Option<String>,
    /// Lines, at most `limits.page_rows_max`; 1,000 if left out.
    limit: Option<usize>,
    /// Only events that what holds today rests on: what an import elsewhere needs. A page may then hold fewer lines.
    #[serde(default)]
    current: bool,
}

/// Consent events in the order of their arrival, one JSON object per line.
///
/// The header `greenline-next` carries the `after` of the next page; without it this is the last one.
/// Needs `may = "manager"`.
#[utoipa::path(
    get, path = "/v1/export/consents", operation_id = "exportConsents", tag = "consent", params(ExportParams),
    responses(
        (status = 200, description = "JSON lines", body = EventShape, content_type = "application/x-ndjson",
            headers(("greenline-next" = String, description = "`after` of the next page"))),
        (status = 403, description = "Needs may = \"manager\"", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn export(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, params.business.as_deref())?;
    let after = match params.after.as_deref() {
        None => None,
        Some(text) => Some(
            ids::parse_event(text).ok_or_else(|| Problem::invalid("after", "not an event id"))?,
        ),
    };
    let rows = limit(&app, params.limit, EXPORT_ROWS)?;
    let events = app.ledger.export(business.ix, after, rows).await?;
    let mut lines = Vec::with_capacity(events.len() * 512);
    let mut current = Vec::with_capacity(events.len());
    for some in events.chunks(PEOPLE_AT_ONCE) {
        if !params.current {
            current.resize(events.len(), true);
            break;
        }
        let mut asked = Vec::with_capacity(some.len());
        for event in some {
            asked.push(current::holds(&app, &business, event));
        }
        current.extend(futures_util::future::try_join_all(asked).await?);
    }
    for (event, _) in events.iter().zip(current).filter(|(_, is)| *is) {
        if serde_json::to_writer(&mut lines, &EventShape::new(&business.config.id, event)).is_ok() {
            lines.push(b'\n');
        }
    }
    let mut response = Body::from(lines).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-ndjson"),
    );
    let next = (events.len() == rows)
        .then(|| events.last().map(|event| ids::event(event.id)))
        .flatten();
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
        response.headers_mut().insert(HEADER_NEXT, next);
    }
    Ok(response)
}
