//! A plain CSV import, good enough to seed a business.
//!
//! Every row is counted and has a result. A row that cannot be read is reported and does not stop the
//! others. A yes from a file never reopens a no, whatever time it claims.

use axum::Json;
use axum::extract::State;
use csv::{Position, ReaderBuilder, StringRecord, Trim};
use greenline_ledger::Ledger;
use greenline_ledger::types::{Appended, NewEvent};
use greenline_policy::consent::{EventKind, Standing};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::admin::auth::Who;
use crate::admin::extract::{Params, Raw};
use crate::admin::problem::{Kind, Problem, ProblemBody};
use crate::admin::shape::standing_word;
use crate::app::{App, Shared};
use crate::config::May;
use crate::directory::Business;
use crate::ids;

use super::form::{self, Intake, Ready};
use super::lapse;

/// Rows appended in one transaction.
const CHUNK_ROWS: usize = 256;
/// Columns that belong to the person, with the member each fills.
const PERSON_COLUMNS: [(&str, &str); 4] = [
    ("wa_id", "wa_id"),
    ("phone", "wa_id"),
    ("phone_number", "wa_id"),
    ("user_id", "user_id"),
];
/// Columns of the event itself.
const EVENT_COLUMNS: [&str; 3] = ["scope", "event", "occurred_at"];
/// Columns of its evidence.
const EVIDENCE_COLUMNS: [&str; 8] = [
    "method",
    "wording",
    "wording_version",
    "business_name",
    "source",
    "ip",
    "message_id",
    "file",
];

/// How to import.
#[derive(Clone, Copy, Debug)]
struct ImportOptions<'a> {
    /// Under whose name.
    actor: &'a str,
    /// Arrival, Unix milliseconds.
    now_ms: i64,
    /// Reads and compares, records nothing.
    dry_run: bool,
}

/// What became of one row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportRow)]
pub(crate) struct ImportRow {
    /// Its line in the file; the header is line 1.
    line: u64,
    /// `recorded`, `repeated`, `bad`, or, in a dry run, `would_record`.
    result: &'static str,
    /// The event.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// How the row's scope stands afterwards, or today in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<&'static str>,
    /// What is wrong, with the column's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// What was left out or changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// What became of a file. `rows = recorded + repeated + bad`.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ImportAnswer)]
pub(crate) struct ImportAnswer {
    /// Nothing was recorded.
    dry_run: bool,
    /// Rows in the file, without the header and empty lines.
    rows: u64,
    /// Rows recorded now; in a dry run: that would be.
    recorded: u64,
    /// Rows that had been recorded before.
    repeated: u64,
    /// Rows that could not be read.
    bad: u64,
    /// A yes whose scope stays refused: a no on record beats the file.
    no_stays: u64,
    /// Columns that were not used.
    ignored_columns: Vec<String>,
    /// One result per row.
    results: Vec<ImportRow>,
}

/// How to read the file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// Reads and compares, records nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Import consents from CSV.
///
/// The first line names the columns: `wa_id` (or `phone`) and/or `user_id`, `scope`, and as far as known
/// `event` (default `granted`), `occurred_at` (RFC 3339), `method`, `wording`, `wording_version`,
/// `business_name`, `source`, `ip`, `message_id`, `file`. Comma, semicolon or tab. Every row is counted
/// and has a result; a bad row does not stop the others. Grants count as imported: they cover, and never
/// reopen a no. The same file again records nothing twice.
#[utoipa::path(
    post, path = "/v1/consents/import", operation_id = "importConsents", tag = "consent", params(ImportParams),
    request_body(content = String, content_type = "text/csv", description = "The file"),
    responses(
        (status = 200, description = "One result per row", body = ImportAnswer),
        (status = 400, description = "Not CSV, or a column that is needed is missing", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Larger than limits.admin_body_bytes_max", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down; send the file again, what was recorded is not recorded twice", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn import_file(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<ImportParams>,
    Raw(body): Raw,
) -> Result<Json<ImportAnswer>, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, params.business.as_deref())?;
    let options = ImportOptions {
        actor: who.name(),
        now_ms: app.clock.now_ms(),
        dry_run: params.dry_run,
    };
    import(&app, &business, &body, options).await.map(Json)
}

async fn import(
    app: &App,
    business: &Business,
    file: &[u8],
    options: ImportOptions<'_>,
) -> Result<ImportAnswer, Problem> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .trim(Trim::All)
        .delimiter(delimiter(file))
        .from_reader(file);
    let headers = reader
        .headers()
        .map_err(|error| Problem::new(Kind::Malformed, format!("not CSV: {error}")))?
        .clone();
    let columns = Columns::new(&headers)?;
    let answer = ImportAnswer {
        dry_run: options.dry_run,
        ignored_columns: columns.ignored.clone(),
        ..Default::default()
    };
    let mut taking = Taking {
        app,
        options,
        earlier: Vec::new(),
        answer,
    };
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    for record in reader.records() {
        let row = match record {
            Ok(record) => (
                line(file, record.position()),
                columns.read(&record, headers.len(), business, options),
            ),
            Err(error) => (
                line(file, error.position()),
                Err(format!("not CSV: {error}")),
            ),
        };
        chunk.push(row);
        if chunk.len() == CHUNK_ROWS {
            taking.take(std::mem::take(&mut chunk)).await?;
        }
    }
    taking.take(chunk).await?;
    Ok(taking.answer)
}

/// The line on which a row begins; the reader's position is before any empty lines that it skips.
fn line(file: &[u8], position: Option<&Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let rest = usize::try_from(position.byte())
        .ok()
        .and_then(|at| file.get(at..));
    let skipped = rest
        .unwrap_or_default()
        .iter()
        .take_while(|byte| matches!(byte, b'\n' | b'\r'));
    position.line() + skipped.filter(|byte| **byte == b'\n').count() as u64
}

/// The separator: whichever of comma, semicolon and tab the first line holds most of.
fn delimiter(file: &[u8]) -> u8 {
    let header = file.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| header.iter().filter(|byte| **byte == wanted).count();
    // The last of equals wins, so the usual one comes last.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|byte| count(*byte))
        .unwrap_or(b',')
}

/// What each column fills.
#[derive(Clone, Copy)]
enum Fills {
    Person(&'static str),
    Event(&'static str),
    Evidence(&'static str),
    Nothing,
}

struct Columns {
    fills: Vec<Fills>,
    ignored: Vec<String>,
}

impl Columns {
    fn new(headers: &StringRecord) -> Result<Self, Problem> {
        let mut columns = Self {
            fills: Vec::with_capacity(headers.len()),
            ignored: Vec::new(),
        };
        for header in headers {
            let name = header.trim().to_lowercase();
            let person = PERSON_COLUMNS
                .iter()
                .find(|(column, _)| *column == name)
                .map(|(_, member)| Fills::Person(member));
            let event = EVENT_COLUMNS
                .iter()
                .find(|column| **column == name)
                .map(|column| Fills::Event(column));
            let evidence = EVIDENCE_COLUMNS
                .iter()
                .find(|column| **column == name)
                .map(|column| Fills::Evidence(column));
            let fills = person.or(event).or(evidence).unwrap_or(Fills::Nothing);
            if matches!(fills, Fills::Nothing) {
                columns.ignored.push(header.to_owned());
            }
            columns.fills.push(fills);
        }
        let has = |wanted: fn(&Fills) -> bool| columns.fills.iter().any(wanted);
        let missing = |names: &str| {
            Problem::new(
                Kind::Malformed,
                format!("the first line names no column {names}"),
            )
        };
        if !has(|fills| matches!(fills, Fills::Person(_))) {
            return Err(missing("`wa_id`, `phone` or `user_id`"));
        }
        if !has(|fills| matches!(fills, Fills::Event("scope"))) {
            return Err(missing("`scope`"));
        }
        Ok(columns)
    }

    fn read(
        &self,
        record: &StringRecord,
        width: usize,
        business: &Business,
        options: ImportOptions<'_>,
    ) -> Result<Ready, String> {
        if record.len() != width {
            return Err(format!("{} values under {width} columns", record.len()));
        }
        let (mut person, mut row, mut evidence) = (Map::new(), Map::new(), Map::new());
        for (fills, value) in self
            .fills
            .iter()
            .zip(record)
            .filter(|(_, value)| !value.is_empty())
        {
            let (members, name) = match fills {
                Fills::Person(name) => (&mut person, name),
                Fills::Event(name) => (&mut row, name),
                Fills::Evidence(name) => (&mut evidence, name),
                Fills::Nothing => continue,
            };
            members.insert((*name).to_owned(), Value::String(value.to_owned()));
        }
        row.insert("person".to_owned(), Value::Object(person));
        row.insert("evidence".to_owned(), Value::Object(evidence));
        row.entry("event")
            .or_insert_with(|| Value::String(EventKind::Granted.as_str().to_owned()));
        let intake = Intake {
            actor: options.actor,
            now_ms: options.now_ms,
            by_file: true,
            key: Some("import"),
        };
        let read = form::kind(&row).and_then(|kind| form::read(row, kind, business, &intake));
        read.map_err(|problem| problem.in_words())
    }
}

/// Rows of one transaction: the line each begins on, and what was read.
type Chunk = Vec<(u64, Result<Ready, String>)>;

/// What rows are taken with.
struct Taking<'a> {
    app: &'a App,
    options: ImportOptions<'a>,
    /// In a dry run: what bears on how long a yes lasts in earlier rows, which are not on record.
    earlier: Vec<NewEvent>,
    answer: ImportAnswer,
}

impl Taking<'_> {
    async fn take(&mut self, rows: Chunk) -> Result<(), Problem> {
        let ledger = &self.app.ledger;
        let read = rows.iter().filter_map(|(_, row)| row.as_ref().ok());
        let read = read.map(|ready| &ready.event);
        let events: Vec<&NewEvent> = self.earlier.iter().chain(read).collect();
        let first = self.earlier.len();
        let lapsed = lapse::before(self.app, &events, first).await?;
        let mut appended = Vec::new();
        if self.options.dry_run {
            let lasts = |event: &&NewEvent| {
                use EventKind::{Expired, Granted, Reconfirmed};
                matches!(event.kind, Granted | Reconfirmed | Expired)
            };
            let kept = events.iter().skip(first).copied().filter(lasts);
            let kept: Vec<NewEvent> = kept.cloned().collect();
            self.earlier.extend(kept);
        } else {
            super::put_ends(self.app, &lapsed).await?;
            let events = events.into_iter().cloned().collect();
            appended = ledger.append_all(events).await?;
        }
        let mut appended = appended.into_iter();
        let mut place = first;
        for (line, row) in rows {
            let is_yes = row
                .as_ref()
                .is_ok_and(|ready| ready.event.kind == EventKind::Granted);
            let row = row.map(|mut ready| {
                ready.notes.extend(lapsed.note(place));
                place += 1;
                ready
            });
            let result = match row {
                Err(problem) => bad(line, problem),
                Ok(ready) if self.options.dry_run => foreseen(ledger, line, ready).await?,
                Ok(ready) => match appended.next() {
                    Some(Ok(appended)) => {
                        let appended = said_again(ledger, &ready, appended).await?;
                        taken(line, ready, appended).await
                    }
                    _ => bad(line, "the store did not take it".to_owned()),
                },
            };
            self.count(result, is_yes);
        }
        Ok(())
    }

    fn count(&mut self, result: ImportRow, is_yes: bool) {
        let answer = &mut self.answer;
        answer.rows += 1;
        match result.result {
            "bad" => answer.bad += 1,
            "repeated" => answer.repeated += 1,
            _ => answer.recorded += 1,
        }
        answer.no_stays += u64::from(is_yes && result.standing == Some("refused"));
        answer.results.push(result);
    }
}

/// A no without a date may stand in an old file or be said anew. If it was lifted since it was first
/// recorded, it counts as said anew: taking it twice is the lesser harm.
async fn said_again(
    ledger: &Ledger,
    ready: &Ready,
    appended: Appended,
) -> Result<Appended, Problem> {
    let event = &ready.event;
    let lifted = match event.kind {
        EventKind::NativeStopped => appended.head.native_stop.is_none(),
        kind => {
            kind.is_no()
                && !matches!(
                    appended.head.standing(&event.scope),
                    Standing::Refused { .. }
                )
        }
    };
    if !(appended.repeated && lifted && !ready.dated) {
        return Ok(appended);
    }
    Ok(ledger
        .append(NewEvent {
            dedup: None,
            ..event.clone()
        })
        .await?)
}

fn bad(line: u64, problem: String) -> ImportRow {
    ImportRow {
        line,
        result: "bad",
        id: None,
        standing: None,
        problem: Some(problem),
        notes: Vec::new(),
    }
}

async fn taken(line: u64, ready: Ready, appended: Appended) -> ImportRow {
    let row = ImportRow {
        line,
        result: if appended.repeated {
            "repeated"
        } else {
            "recorded"
        },
        id: Some(ids::event(appended.id)),
        standing: Some(standing_word(&appended.head.standing(&ready.event.scope))),
        problem: None,
        notes: ready.notes,
    };
    super::settled(appended.flights).await;
    row
}

/// How the scope stands today, before the file.
async fn foreseen(ledger: &Ledger, line: u64, ready: Ready) -> Result<ImportRow, Problem> {
    let mut standing = Standing::Unknown;
    for identifier in &ready.event.person {
        if let Some(person) = ledger.person(ready.event.business, identifier).await? {
            let found = person.head.standing(&ready.event.scope);
            // The strictest of several identifiers: any no beats anything else.
            if standing == Standing::Unknown || matches!(found, Standing::Refused { .. }) {
                standing = found;
            }
        }
    }
    let standing = Some(standing_word(&standing));
    Ok(ImportRow {
        line,
        result: "would_record",
        id: None,
        standing,
        problem: None,
        notes: ready.notes,
    })
}
