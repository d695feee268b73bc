//! Imports of any size: sending a file, looking how far it is, what became of each row, and taking it back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Shared};
use crate::config::May;
use crate::imports::files::{self, Meta, Place, Undo};
use crate::imports::options::{Dates, Format, Options};
use crate::imports::results::{self, ResultFormat};
use crate::imports::{self, Counts, Seen};

use super::auth::Who;
use super::extract::{Params, Segments};
use super::problem::{Kind, Problem, ProblemBody};
use super::shape::time;
use super::transfer::{self, Room};

/// The setting that says where files lie.
const FOLDER: &str = "imports.folder";
/// Imports in a list.
const LIST_MAX: usize = 100;
/// How often an import is looked at that somebody else still has in hand, and how long lies between.
const HOLD_TRIES_MAX: u32 = 50;
const HOLD_PAUSE: Duration = Duration::from_millis(20);
/// Why there is none.
const GONE: &str = "there is no such import on this node, or its days are over (retention.imports_days), or this token does not reach its business";

/// How a file is to be read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportsParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// Reads and compares, records nothing; counts and results are those of the real import.
    #[serde(default)]
    dry_run: bool,
    /// `csv` or `jsonl`; found out when left out.
    #[param(value_type = Option<String>)]
    format: Option<Format>,
    /// What stands between values; found out when left out.
    delimiter: Option<String>,
    /// Country, such as `DE`, of numbers that are written without one.
    country: Option<String>,
    /// `dmy` or `mdy`: how dates with slashes are meant.
    #[param(value_type = Option<String>)]
    dates: Option<Dates>,
    /// A JSON object from a column to what it fills, such as `{"Handy":"phone"}`; `-` leaves a column out.
    map: Option<String>,
    /// A JSON object with what rows have that say nothing themselves, such as `{"scope":"marketing"}`.
    set: Option<String>,
}

/// How far an import is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportProgress {
    /// Bytes read, then rows done.
    done: u64,
    /// Of how many.
    of: u64,
}

/// How many rows became what. `rows` is the sum of all others.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportCounts {
    /// Rows in the file, without names and empty lines.
    rows: u64,
    /// A yes was recorded.
    new_yes: u64,
    /// A no was recorded.
    new_no: u64,
    /// A yes without evidence was recorded; it covers nothing until somebody vouches for it or the person confirms.
    claimed: u64,
    /// A renewal or an end was recorded.
    other: u64,
    /// It was on record already.
    unchanged: u64,
    /// It says yes, and a no on record or in the file beats it; nothing was recorded.
    no_stays: u64,
    /// The same row stands in the file before.
    duplicate: u64,
    /// It could not be read; the results say why.
    rejected: u64,
}

/// What undoing came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportUndo {
    /// Who asked.
    actor: String,
    /// When.
    at: String,
    /// Nothing was taken back, only counted.
    dry_run: bool,
    /// Yeses taken back, claimed ones too.
    yeses: u64,
    /// Renewals taken back.
    renewals: u64,
    /// Noes that the import brought. They stay: no machine undoes a no.
    noes_kept: u64,
    /// Ends that the import brought; they stay.
    others_kept: u64,
}

/// An import.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import)]
pub(crate) struct ImportShape {
    id: String,
    business: String,
    /// `waiting`, `reading`, `writing`, `done`, `failed`, `undoing` or `undone`.
    #[schema(value_type = String)]
    state: files::State,
    /// Somebody works on it. An open import that nobody works on goes on when the same file is sent again.
    running: bool,
    dry_run: bool,
    actor: String,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// SHA-256 of the file as it was sent.
    sha256: String,
    bytes: u64,
    progress: ImportProgress,
    counts: ImportCounts,
    /// Columns that were used, with what each fills.
    columns: BTreeMap<String, String>,
    /// Columns that were not used.
    ignored_columns: Vec<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undo: Option<ImportUndo>,
}

impl From<Counts> for ImportCounts {
    fn from(counts: Counts) -> Self {
        Self {
            rows: counts.rows,
            new_yes: counts.new_yes,
            new_no: counts.new_no,
            claimed: counts.claimed,
            other: counts.other,
            unchanged: counts.unchanged,
            no_stays: counts.no_stays,
            duplicate: counts.duplicate,
            rejected: counts.rejected,
        }
    }
}

impl From<Undo> for ImportUndo {
    fn from(undo: Undo) -> Self {
        Self {
            actor: undo.actor,
            at: time(undo.at_ms),
            dry_run: undo.dry_run,
            yeses: undo.yeses,
            renewals: undo.renewals,
            noes_kept: undo.noes_kept,
            others_kept: undo.others_kept,
        }
    }
}

impl From<Seen> for ImportShape {
    fn from(seen: Seen) -> Self {
        let (done, of) = imports::progress(&seen);
        let is_open = seen.meta.state.is_open();
        let live = seen.live.filter(|_| is_open);
        let meta = seen.meta;
        let counts = match &live {
            Some(live) if meta.undo.is_none() => live.counts(),
            _ => meta.counts,
        };
        Self {
            id: meta.id,
            business: meta.business,
            state: meta.state,
            running: live.is_some(),
            dry_run: meta.options.dry_run,
            actor: meta.actor,
            started_at: time(meta.started_ms),
            ended_at: meta.ended_ms.map(time),
            sha256: meta.sha256,
            bytes: meta.bytes,
            progress: ImportProgress { done, of },
            counts: counts.into(),
            columns: meta.columns.into_iter().collect(),
            ignored_columns: meta.ignored_columns,
            problem: meta.problem,
            undo: meta.undo.map(Into::into),
        }
    }
}

fn options(params: &ImportsParams) -> Result<Options, Problem> {
    let object = |name: &'static str, text: &Option<String>| match text {
        None => Ok(BTreeMap::new()),
        Some(text) => serde_json::from_str::<BTreeMap<String, String>>(text)
            .map_err(|_| Problem::invalid(name, "not a JSON object from texts to texts")),
    };
    let delimiter = match params.delimiter.as_deref() {
        None => None,
        Some("tab" | "\\t") => Some('\t'),
        Some(text) => {
            let mut marks = text.chars();
            match (marks.next(), marks.next()) {
                (Some(mark), None) => Some(mark),
                _ => return Err(Problem::invalid("delimiter", "one character")),
            }
        }
    };
    let options = Options {
        dry_run: params.dry_run,
        format: params.format.unwrap_or_default(),
        delimiter,
        country: params.country.as_ref().map(|text| text.to_uppercase()),
        dates: params.dates,
        map: object("map", &params.map)?,
        set: object("set", &params.set)?,
    };
    options.check().map_err(|bad| {
        Problem::invalid(bad.option, bad.why).allowed(bad.allowed.into_iter().map(str::to_owned))
    })?;
    Ok(options)
}

fn broken(error: &io::Error) -> Problem {
    transfer::broken(FOLDER, error)
}

/// Import consents from a file of any size.
///
/// The body is the file as it is: CSV with any of the usual delimiters, or JSON lines, also packed with gzip or
/// Zstandard. Columns are known by the names that common exports use; `map` names others. The answer comes when the
/// file is here; what becomes of it is asked for at `/v1/imports/{id}`. Grants count as imported: they cover when
/// their evidence is complete, and never reopen a no. The same file again changes nothing; sent again after an
/// import was broken off, it goes on where that was.
#[utoipa::path(
    post, path = "/v1/imports", operation_id = "startImport", tag = "consent", params(ImportsParams),
    request_body(content = String, content_type = "application/octet-stream", description = "The file"),
    responses(
        (status = 202, description = "The file is here and will be done; the import that it is", body = ImportShape),
        (status = 413, description = "Larger than imports.bytes_max", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "An option does not do", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn begin(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<ImportsParams>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, params.business.as_deref())?;
    let options = options(&params)?;
    let now_ms = app.clock.now_ms();
    let id = imports::new_id(now_ms)
        .map_err(|_| Problem::new(Kind::Unavailable, "there is no chance to be had"))?;
    let Some(place) = app.imports.place(&id) else {
        return Err(Problem::new(Kind::Bug, "a name that is none"));
    };
    app.imports.is_ours().map_err(|error| {
        tracing::error!(%error, "an import is not taken");
        Problem::new(Kind::Unavailable, error.to_string())
    })?;
    app.imports.make(&place).map_err(|error| broken(&error))?;
    // While it is held, nobody takes a half-received file for a forgotten one.
    let Some(lock) = place.lock().map_err(|error| broken(&error))? else {
        return Err(broken(&io::ErrorKind::WouldBlock.into()));
    };
    let room = Room {
        most: app.config.imports.bytes_max,
        limit: "imports.bytes_max",
        folder: FOLDER,
    };
    let received = transfer::receive(request.into_body(), place.upload(), room).await;
    let (sha256, bytes) = received.inspect_err(|_| place.remove())?;
    let meta = Meta {
        id,
        business: business.config.id.clone(),
        actor: who.name().to_owned(),
        options,
        started_ms: now_ms,
        ended_ms: None,
        sha256,
        bytes,
        state: files::State::Waiting,
        problem: None,
        counts: Counts::default(),
        columns: Vec::new(),
        ignored_columns: Vec::new(),
        first_event: None,
        undo: None,
    };
    let id = imports::begin(&app, &place, &meta, lock).map_err(|error| broken(&error))?;
    Ok((StatusCode::ACCEPTED, Json(shape(&app, &id)?)).into_response())
}

fn shape(app: &App, id: &str) -> Result<ImportShape, Problem> {
    app.imports
        .find(id)
        .map(Into::into)
        .ok_or_else(|| Problem::not_found("there is no such import on this node"))
}

/// Which imports.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportListParams {
    /// Of this business only.
    business: Option<String>,
}

/// Imports, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Imports)]
pub(crate) struct ImportList {
    imports: Vec<ImportShape>,
}

/// The newest imports that were sent to this node; 100 at most.
#[utoipa::path(
    get, path = "/v1/imports", operation_id = "listImports", tag = "consent", params(ImportListParams),
    responses((status = 200, description = "Imports, newest first", body = ImportList))
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<ImportListParams>,
) -> Result<Json<ImportList>, Problem> {
    who.must(May::Manager)?;
    let business = match params.business.as_deref() {
        None => None,
        some => Some(who.business(&app.directory, some)?.config.id.clone()),
    };
    let reached: Vec<String> = who
        .businesses(&app.directory)
        .map(|business| business.config.id.clone())
        .filter(|id| business.as_ref().is_none_or(|wanted| wanted == id))
        .collect();
    let imports = app.imports.list().into_iter();
    let imports = imports.filter(|seen| reached.contains(&seen.meta.business));
    Ok(Json(ImportList {
        imports: imports.take(LIST_MAX).map(Into::into).collect(),
    }))
}

/// An import that this token may see.
fn find(app: &App, who: &Who, id: &str) -> Result<Seen, Problem> {
    who.must(May::Manager)?;
    let found = app.imports.find(id).filter(|seen| {
        let mut reached = who.businesses(&app.directory);
        reached.any(|business| business.config.id == seen.meta.business)
    });
    found.ok_or_else(|| Problem::not_found(GONE))
}

/// How far an import is, and what became of its rows.
#[utoipa::path(
    get, path = "/v1/imports/{id}", operation_id = "showImport", tag = "consent",
    params(("id" = String, Path, description = "The import")),
    responses(
        (status = 200, description = "The import", body = ImportShape),
        (status = 404, description = "There is none on this node", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<Json<ImportShape>, Problem> {
    find(&app, &who, &id).map(|seen| Json(seen.into()))
}

/// Which results, in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResultParams {
    /// `csv` (the default) or `jsonl`.
    format: Option<String>,
    /// `rejected`: only rows that could not be read.
    only: Option<String>,
}

/// What became of each row of an import: its line, the outcome, why it was rejected. No numbers.
#[utoipa::path(
    get, path = "/v1/imports/{id}/results", operation_id = "showImportResults", tag = "consent",
    params(("id" = String, Path, description = "The import"), ResultParams),
    responses(
        (status = 200, description = "One line a row, in the order of the file", body = String, content_type = "text/csv"),
        (status = 404, description = "There is none on this node", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The file is still read", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn results(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(params): Params<ResultParams>,
) -> Result<Response, Problem> {
    let seen = find(&app, &who, &id)?;
    let (format, kind) = match params.format.as_deref() {
        None | Some("csv") => (ResultFormat::Csv, "text/csv; charset=utf-8"),
        Some("jsonl") => (ResultFormat::Jsonl, "application/x-ndjson"),
        Some(_) => return Err(Problem::invalid("format", "no such form").allowed(["csv", "jsonl"])),
    };
    let only_rejected = match params.only.as_deref() {
        None => false,
        Some("rejected") => true,
        Some(_) => return Err(Problem::invalid("only", "no such part").allowed(["rejected"])),
    };
    if matches!(
        seen.meta.state,
        files::State::Waiting | files::State::Reading
    ) {
        return Err(Problem::new(
            Kind::Conflict,
            "the file is still read; there are results once rows are written",
        ));
    }
    let Some(place) = app.imports.place(&seen.meta.id) else {
        return Err(Problem::new(Kind::Bug, "a name that is none"));
    };
    Ok(transfer::written(kind, move |out| {
        results::write(&place, &seen.meta, format, only_rejected, out)
    }))
}

/// Keeps others from an import that is over. Whoever worked on it lets go of it right after writing down that it is
/// over; whoever takes it back does not.
async fn hold(place: &Place, meta: &Meta) -> Result<Option<File>, Problem> {
    for _ in 0..HOLD_TRIES_MAX {
        match place.lock() {
            Ok(None) if meta.state != files::State::Undoing => tokio::time::sleep(HOLD_PAUSE).await,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Problem::not_found(GONE));
            }
            held => return held.map_err(|error| broken(&error)),
        }
    }
    Ok(None)
}

/// Whether it is only to be counted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UndoParams {
    /// Counts what would be taken back, and takes nothing back.
    #[serde(default)]
    dry_run: bool,
}

/// Takes a whole import back.
///
/// Each yes that it brought is taken back by an event of its own, and what stood before stands again; what people said
/// since stays. Noes that it brought stay too: no machine undoes a no. Afterwards the same file can be imported again.
/// Once it was over for `retention.imports_days`, what that needs is gone.
#[utoipa::path(
    post, path = "/v1/imports/{id}/undo", operation_id = "undoImport", tag = "consent",
    params(("id" = String, Path, description = "The import"), UndoParams),
    responses(
        (status = 202, description = "It is being taken back", body = ImportShape),
        (status = 404, description = "There is none on this node", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not over, was a dry run, or was taken back before", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn undo(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(params): Params<UndoParams>,
) -> Result<Response, Problem> {
    let seen = find(&app, &who, &id)?;
    let conflict = |why: &str| Err(Problem::new(Kind::Conflict, why.to_owned()));
    let mut meta = seen.meta;
    if meta.options.dry_run {
        return conflict("a dry run recorded nothing");
    }
    match meta.state {
        files::State::Done | files::State::Failed => {}
        files::State::Undone => return conflict("it was taken back before"),
        files::State::Undoing if seen.live.is_some() => return conflict("it is being taken back"),
        files::State::Undoing => {}
        _ => return conflict("it is not over; send the same file again to go on with it"),
    }
    let Some(place) = app.imports.place(&meta.id) else {
        return Err(Problem::new(Kind::Bug, "a name that is none"));
    };
    // Another process may be at it.
    let Some(held) = hold(&place, &meta).await? else {
        return conflict("somebody works on it; ask again in a moment");
    };
    // One that was broken off half-way goes on as it was begun.
    let begun = meta
        .undo
        .take()
        .filter(|undo| meta.state == files::State::Undoing && !undo.dry_run);
    if begun.is_some() && params.dry_run {
        return conflict(
            "taking it back was broken off half-way; ask again without dry_run to go on",
        );
    }
    meta.undo = Some(begun.unwrap_or_else(|| Undo {
        actor: who.name().to_owned(),
        at_ms: app.clock.now_ms(),
        dry_run: params.dry_run,
        ..Undo::default()
    }));
    meta.state = files::State::Undoing;
    place.put_meta(&meta).map_err(|error| broken(&error))?;
    drop(held);
    imports::start(&app, &meta.id);
    Ok((StatusCode::ACCEPTED, Json(shape(&app, &meta.id)?)).into_response())
}
