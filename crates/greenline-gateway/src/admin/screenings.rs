//! Screenings of lists of any size: sending a list, looking how far it is, what came of it, and how live decisions
//! agreed with it.

pub(crate) mod pages;

use std::fs::File;
use std::io;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use greenline_proof::PlanCounts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Shared};
use crate::config::May;
use crate::imports::number::Country;
use crate::screen::job::kept::{Meta, State as Stands, Wanted};
use crate::screen::job::{self, Seen};
use crate::screen::{self, Unscreened, agreement};

use super::auth::Who;
use super::extract::{Params, Segments};
use super::pages::guarded;
use super::problem::{Kind, Problem, ProblemBody};
use super::shape::time;
use super::transfer::{self, Room};

/// Screenings in a list.
const LIST_MAX: usize = 100;
/// Characters of a list's name, a template's and of the others.
const TEXT_CHARS_MAX: usize = 512;
/// Characters of an idempotency key.
const KEY_CHARS_MAX: usize = 200;
/// Bytes of a report.
const REPORT_BYTES_MAX: u64 = 64 << 20;
/// Why there is none.
const GONE: &str = "there is no such screening on this node, or its days are over (retention.screenings_days), or this token does not reach its business";
/// What can be had of a screening that is done: its name in the path, its file and what that is.
const PARTS: [(&str, &str, &str); 6] = [
    ("allowed", "allowed.csv", CSV),
    ("held", "held.csv", CSV),
    ("refused", "refused.csv", CSV),
    ("duplicates", "duplicates.csv", CSV),
    ("unreadable", "unreadable.csv", CSV),
    ("plan", "plan.jsonl", "application/x-ndjson"),
];
const CSV: &str = "text/csv; charset=utf-8";

/// What is to be sent, and how the list is to be read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScreeningsParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// The template's name.
    template: String,
    /// Its language; the only one that the account's list has if left out.
    language: Option<String>,
    /// The phone_number_id to send from; the business's only one if left out.
    number: Option<String>,
    /// Decide as of this moment (RFC 3339), such as the planned beginning of the campaign; when its turn comes if left
    /// out.
    at: Option<String>,
    /// Sends from this moment on (RFC 3339) are no longer those of the plan; seven days after it begins if left out.
    until: Option<String>,
    /// The column that names people; found out when left out.
    column: Option<String>,
    /// What stands between values; found out when left out.
    delimiter: Option<String>,
    /// Country, such as `DE`, of numbers that are written without one.
    country: Option<String>,
    /// What the list is called in the report.
    name: Option<String>,
}

/// How far a screening is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScreeningProgress {
    /// Bytes of the list that were read.
    done: u64,
    /// Of how many.
    of: u64,
}

/// Where the rows of a list went. `rows` is the sum of all others.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScreeningCounts)]
pub(crate) struct CountsShape {
    /// Rows of the list.
    rows: u64,
    /// May be sent.
    allowed: u64,
    /// May be sent later: what is in the way passes by itself.
    held: u64,
    /// May not be sent.
    refused: u64,
    /// Name somebody whom an earlier row names.
    duplicates: u64,
    /// Could not be read.
    unreadable: u64,
}

impl From<PlanCounts> for CountsShape {
    fn from(counts: PlanCounts) -> Self {
        Self {
            rows: counts.rows,
            allowed: counts.allowed,
            held: counts.held,
            refused: counts.refused,
            duplicates: counts.duplicates,
            unreadable: counts.unreadable,
        }
    }
}

/// A screening.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Screening)]
pub(crate) struct ScreeningShape {
    id: String,
    business: String,
    /// `waiting`, `screening`, `done` or `failed`.
    #[schema(value_type = String)]
    state: Stands,
    /// This node works on it. One that was broken off begins anew when the node starts.
    running: bool,
    actor: String,
    template: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    /// The moment that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// The list's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// SHA-256 of the list as it was sent.
    sha256: String,
    bytes: u64,
    progress: ScreeningProgress,
    /// Once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<CountsShape>,
    /// Why it failed, or begins anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// `report.json`, once it is done; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    report: Option<Value>,
}

impl From<Seen> for ScreeningShape {
    fn from(seen: Seen) -> Self {
        let (running, done) = (seen.is_running(), seen.read());
        let meta = seen.meta;
        let counts = (meta.state == Stands::Done).then(|| meta.counts.into());
        Self {
            id: meta.id,
            business: meta.business,
            state: meta.state,
            running: running && meta.state.is_open(),
            actor: meta.actor,
            template: meta.wanted.template,
            language: meta.wanted.language,
            number: meta.wanted.number,
            at: meta.wanted.at_ms.map(time),
            name: meta.wanted.name,
            started_at: time(meta.started_ms),
            ended_at: meta.ended_ms.map(time),
            sha256: meta.sha256,
            bytes: meta.bytes,
            progress: ScreeningProgress {
                done,
                of: meta.bytes,
            },
            counts,
            problem: meta.problem,
            report: None,
        }
    }
}

fn wanted(params: ScreeningsParams) -> Result<Wanted, Problem> {
    let short = |field: &'static str, text: Option<String>| match text {
        Some(text) if text.is_empty() => Ok(None),
        Some(text) if text.chars().count() > TEXT_CHARS_MAX => Err(Problem::invalid(
            field,
            format!("at most {TEXT_CHARS_MAX} characters"),
        )),
        text => Ok(text),
    };
    let at = |field: &'static str, text: Option<String>| match text {
        None => Ok(None),
        Some(text) => match text.parse::<Timestamp>() {
            Ok(at) => Ok(Some(at.as_millisecond())),
            Err(_) => Err(Problem::invalid(
                field,
                "not a time after RFC 3339 with its offset",
            )),
        },
    };
    let delimiter = match params.delimiter.as_deref() {
        None => None,
        Some(text) => Some(
            screen::delimiter(text)
                .ok_or_else(|| Problem::invalid("delimiter", screen::DELIMITERS))?,
        ),
    };
    if let Some(country) = &params.country
        && Country::parse(country).is_none()
    {
        return Err(Problem::invalid(
            "country",
            "two letters after ISO 3166, such as DE",
        ));
    }
    let template = short("template", Some(params.template))?
        .ok_or_else(|| Problem::invalid("template", "name the template"))?;
    let (at_ms, until_ms) = (at("at", params.at)?, at("until", params.until)?);
    if let (Some(at_ms), Some(until_ms)) = (at_ms, until_ms)
        && until_ms <= at_ms
    {
        return Err(Problem::invalid("until", "must be after `at`"));
    }
    Ok(Wanted {
        template,
        language: short("language", params.language)?,
        number: short("number", params.number)?,
        at_ms,
        until_ms,
        column: short("column", params.column)?,
        delimiter,
        country: params.country,
        name: short("name", params.name)?,
    })
}

/// The key that makes a repetition harmless.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match key.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= KEY_CHARS_MAX => Ok(Some(key.to_owned())),
        _ => Err(Problem::new(
            Kind::Malformed,
            format!("`Idempotency-Key` holds 1 to {KEY_CHARS_MAX} characters of ASCII"),
        )),
    }
}

fn broken(error: &io::Error) -> Problem {
    transfer::broken(job::FOLDER, error)
}

/// Screen a list of any size.
///
/// The body is the list as it is: CSV with any delimiter, JSON lines or Parquet, the first two also packed with gzip or
/// Zstandard. The answer comes when the list is here; how far it is and what came of it is asked for at
/// `/v1/screenings/{id}`, which `Location` names. For each row it says what a send would be answered, by the function
/// and on the facts that decide live sends; nothing is sent or recorded. One list is screened at a time. The same list
/// in the same way, with the same key, or while the first is not over, is the same screening.
#[utoipa::path(
    post, path = "/v1/screenings", operation_id = "startScreening", tag = "decisions",
    params(ScreeningsParams, ("Idempotency-Key" = Option<String>, Header, description = "The same list in the same way with the same key is screened once, for as long as that is kept")),
    request_body(content = String, content_type = "application/octet-stream", description = "The list"),
    responses(
        (status = 202, description = "The list is here and will be screened; the screening that it is", body = ScreeningShape),
        (status = 413, description = "Larger than screenings.bytes_max", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "An option does not do", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "As many wait as may (screenings.waiting_max), or the folder cannot be written", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn begin(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<ScreeningsParams>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, params.business.as_deref())?;
    let wanted = wanted(params)?;
    if let Some(number) = &wanted.number
        && app
            .directory
            .number(number)
            .is_none_or(|known| known.business != business.ix)
    {
        return Err(Problem::invalid(
            "number",
            "the business has no such number",
        ));
    }
    let key = key(request.headers())?;
    let Some(room) = app.screenings.room() else {
        return Err(Problem::new(
            Kind::Unavailable,
            "as many lists wait to be screened as may (screenings.waiting_max); send it again when one is done",
        ));
    };
    let now_ms = app.clock.now_ms();
    let id = job::new_id(now_ms)
        .map_err(|_| Problem::new(Kind::Unavailable, "there is no chance to be had"))?;
    let Some(place) = app.screenings.place(&id) else {
        return Err(Problem::new(Kind::Bug, "a name that is none"));
    };
    app.screenings.is_ours().map_err(|error| {
        tracing::error!(%error, "a screening is not taken");
        Problem::new(Kind::Unavailable, error.to_string())
    })?;
    app.screenings
        .make(&place)
        .map_err(|error| broken(&error))?;
    // While it is held, nobody takes a half-received list for a forgotten one.
    let Some(lock) = place.lock().map_err(|error| broken(&error))? else {
        return Err(broken(&io::ErrorKind::WouldBlock.into()));
    };
    let limits = Room {
        most: app.config.screenings.bytes_max,
        limit: "screenings.bytes_max",
        folder: job::FOLDER,
    };
    let received = transfer::receive(request.into_body(), place.list(), limits).await;
    let (sha256, bytes) = received.inspect_err(|_| place.remove())?;
    let meta = Meta {
        id,
        business: business.config.id.clone(),
        actor: who.name().to_owned(),
        key,
        wanted,
        started_ms: now_ms,
        ended_ms: None,
        sha256,
        bytes,
        state: Stands::Waiting,
        problem: None,
        counts: PlanCounts::default(),
    };
    let id = job::begin(&app, &place, &meta, lock, room).map_err(|error| broken(&error))?;
    let seen = app.screenings.find(&id);
    let shape: ScreeningShape = seen.ok_or_else(|| Problem::not_found(GONE))?.into();
    let mut response = (StatusCode::ACCEPTED, Json(shape)).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/screenings/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// Which screenings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScreeningListParams {
    /// Of this business only.
    business: Option<String>,
}

/// Screenings, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Screenings)]
pub(crate) struct ScreeningList {
    screenings: Vec<ScreeningShape>,
}

/// The newest screenings that were sent to this node; 100 at most.
#[utoipa::path(
    get, path = "/v1/screenings", operation_id = "listScreenings", tag = "decisions", params(ScreeningListParams),
    responses((status = 200, description = "Screenings, newest first", body = ScreeningList))
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<ScreeningListParams>,
) -> Result<Json<ScreeningList>, Problem> {
    who.must(May::Manager)?;
    let reached: Vec<String> = match params.business.as_deref() {
        None => who
            .businesses(&app.directory)
            .map(|business| business.config.id.clone())
            .collect(),
        some => vec![who.business(&app.directory, some)?.config.id.clone()],
    };
    let screenings = app.screenings.list().into_iter();
    let screenings = screenings.filter(|seen| reached.contains(&seen.meta.business));
    Ok(Json(ScreeningList {
        screenings: screenings.take(LIST_MAX).map(Into::into).collect(),
    }))
}

/// A screening that this token may see.
fn find(app: &App, who: &Who, id: &str) -> Result<Seen, Problem> {
    who.must(May::Manager)?;
    let found = app.screenings.find(id).filter(|seen| {
        let mut reached = who.businesses(&app.directory);
        reached.any(|business| business.config.id == seen.meta.business)
    });
    found.ok_or_else(|| Problem::not_found(GONE))
}

/// A file of a screening that is done.
fn open(app: &App, seen: &Seen, name: &str) -> Result<File, Problem> {
    match seen.meta.state {
        Stands::Done => {}
        Stands::Failed => {
            return Err(Problem::new(
                Kind::Conflict,
                "the list could not be screened, so nothing came of it; the screening's `problem` says why",
            ));
        }
        Stands::Waiting | Stands::Screening => {
            return Err(Problem::new(
                Kind::Conflict,
                "the list is not screened yet; ask for the screening's `state`",
            ));
        }
    }
    let place = app.screenings.place(&seen.meta.id);
    let path = place.map(|place| place.results().join(name));
    let path = path.ok_or_else(|| Problem::not_found(GONE))?;
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Problem::not_found(GONE),
        _ => {
            tracing::warn!(%error, screening.id = seen.meta.id, "what came of a screening cannot be read");
            Problem::new(Kind::Unavailable, "what came of it cannot be read")
        }
    })
}

/// All of a file that is not large.
async fn whole(file: File) -> Result<String, Problem> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        io::Read::read_to_string(&mut io::Read::take(file, REPORT_BYTES_MAX), &mut text)?;
        Ok::<_, io::Error>(text)
    });
    let read = reading.await.map_err(io::Error::other);
    read.flatten().map_err(|error| {
        tracing::warn!(%error, "what came of a screening cannot be read");
        Problem::new(Kind::Unavailable, "what came of it cannot be read")
    })
}

/// How far a screening is, and what came of the list.
#[utoipa::path(
    get, path = "/v1/screenings/{id}", operation_id = "showScreening", tag = "decisions",
    params(("id" = String, Path, description = "The screening")),
    responses(
        (status = 200, description = "The screening", body = ScreeningShape),
        (status = 404, description = "There is none on this node", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<Json<ScreeningShape>, Problem> {
    let seen = find(&app, &who, &id)?;
    let report = match seen.meta.state {
        Stands::Done => {
            let text = whole(open(&app, &seen, "report.json")?).await?;
            serde_json::from_str(&text).ok()
        }
        _ => None,
    };
    let shape: ScreeningShape = seen.into();
    Ok(Json(ScreeningShape { report, ..shape }))
}

/// Throw a screening away.
///
/// The list goes, with everything that came of it. One that waits or is being screened is not screened any more.
#[utoipa::path(
    delete, path = "/v1/screenings/{id}", operation_id = "deleteScreening", tag = "decisions",
    params(("id" = String, Path, description = "The screening")),
    responses(
        (status = 204, description = "Nothing of it is left"),
        (status = 404, description = "There is none on this node", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    delete_one(&app, find(&app, &who, &id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_one(app: &Shared, seen: Seen) -> Result<(), Problem> {
    let app = app.clone();
    let deleting = tokio::task::spawn_blocking(move || job::delete(&app, &seen));
    let deleted = deleting.await.map_err(io::Error::other);
    deleted.flatten().map_err(|error| broken(&error))
}

/// How the report is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportParams {
    /// Also how live decisions agreed, as of now.
    #[serde(default)]
    agreement: bool,
}

/// The report on a list, as a page.
#[utoipa::path(
    get, path = "/v1/screenings/{id}/report", operation_id = "showScreeningReport", tag = "decisions",
    params(("id" = String, Path, description = "The screening"), ReportParams),
    responses(
        (status = 200, description = "The report; it stands alone", body = String, content_type = "text/html"),
        (status = 404, description = "There is none on this node", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not done", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn report(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(params): Params<ReportParams>,
) -> Result<Response, Problem> {
    let html = report_of(&app, &who, &id, params.agreement).await?;
    Ok(guarded(Html(html).into_response()))
}

async fn report_of(app: &Shared, who: &Who, id: &str, agreement: bool) -> Result<String, Problem> {
    let seen = find(app, who, id)?;
    let html = whole(open(app, &seen, "report.html")?).await?;
    if !agreement {
        return Ok(html);
    }
    let agreement = compared(app, &seen).await?;
    agreement.within(&html).map_err(unscreened)
}

fn unscreened(unscreened: Unscreened) -> Problem {
    match unscreened {
        Unscreened::Input(why) => Problem::new(Kind::Conflict, why),
        Unscreened::Unavailable(why) => Problem::new(Kind::Unavailable, why),
        Unscreened::Stopped => Problem::not_found(GONE),
    }
}

async fn compared(app: &Shared, seen: &Seen) -> Result<agreement::Agreement, Problem> {
    let Some(_turn) = app.screenings.comparing() else {
        return Err(Problem::new(
            Kind::Unavailable,
            "another plan is being compared on this node; ask again when that is done",
        ));
    };
    let place = app.screenings.place(&seen.meta.id);
    let place = place.ok_or_else(|| Problem::not_found(GONE))?;
    let done = agreement::compare(app, &place.results()).await;
    done.map_err(unscreened)
}

/// How live decisions agreed with a screening, as of now.
///
/// Counts each row as answered as planned, answered otherwise, or not sent yet; rows that name somebody twice or cannot
/// be read have nothing to compare. All of them add up to the rows of the list. A decision counts when it is about this
/// template, language, number and person, was made since the screening and before its plan's `until`; of several about
/// one person the first counts. Differences come with what was planned, what was decided, the cause as far as it can be
/// told, and some rows with their decisions; numbers are masked. It reads the decisions of the business in that span
/// once for each four million rows.
#[utoipa::path(
    get, path = "/v1/screenings/{id}/agreement", operation_id = "showScreeningAgreement", tag = "decisions",
    params(("id" = String, Path, description = "The screening")),
    responses(
        (status = 200, description = "How they agreed", body = Object),
        (status = 404, description = "There is none on this node", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not done, or its files are not what was signed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Another is being compared, or the store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn agreed(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<Json<Value>, Problem> {
    let seen = find(&app, &who, &id)?;
    open(&app, &seen, "plan.jsonl")?;
    let agreement = compared(&app, &seen).await?;
    Ok(Json(agreement.value().clone()))
}

/// A file that came of a list.
///
/// `allowed`, `held`, `refused`, `duplicates` and `unreadable` are CSV, with full numbers; `plan` is the signed plan that
/// names the hashes of all of them, for `greenline verify --plan`.
#[utoipa::path(
    get, path = "/v1/screenings/{id}/{part}", operation_id = "downloadScreening", tag = "decisions",
    params(
        ("id" = String, Path, description = "The screening"),
        ("part" = String, Path, description = "`allowed`, `held`, `refused`, `duplicates`, `unreadable` or `plan`"),
    ),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/csv"),
        (status = 404, description = "There is none on this node", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not done", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn download(
    State(app): State<Shared>,
    who: Who,
    Segments((id, part)): Segments<(String, String)>,
) -> Result<Response, Problem> {
    file(&app, &who, &id, &part)
}

fn file(app: &App, who: &Who, id: &str, part: &str) -> Result<Response, Problem> {
    let seen = find(app, who, id)?;
    let Some((_, name, kind)) = PARTS.into_iter().find(|(known, ..)| *known == part) else {
        return Err(Problem::not_found("a screening has no such part"));
    };
    let mut file = open(app, &seen, name)?;
    let mut response = transfer::written(kind, move |out| io::copy(&mut file, out).map(|_| ()));
    let headers = response.headers_mut();
    let as_file = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    if let Ok(as_file) = as_file {
        headers.insert(header::CONTENT_DISPOSITION, as_file);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
