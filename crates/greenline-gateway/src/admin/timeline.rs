//! The timeline of a number, an account or the portfolio: what was said, by whom, when, and what that changed.

use axum::Json;
use axum::extract::State;
use greenline_console::When;
use greenline_console::timeline::{TimelineChange, TimelineRow, TimelineSection};
use greenline_ledger::types::{BusinessIx, TimelineEntry};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Shared};
use crate::directory::Number;
use crate::timeline::{Change, LOOKED_AT_MAX, Row, THREAD, note, origin, rows};

use super::auth::Who;
use super::capabilities::find;
use super::extract::{Params, Segments, limit};
use super::problem::{Problem, ProblemBody};
use super::shape::time;

/// Rows of a page when no limit is given.
const PAGE_ROWS: usize = 100;
/// Where an entry may come from.
const ORIGINS: [&str; 4] = ["webhook", "read", "refusal", "greenline"];

/// Which part of a timeline.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// Only what happened from this moment on, RFC 3339.
    since: Option<String>,
    /// Only what happened before this moment, RFC 3339.
    until: Option<String>,
    /// Only what comes from there: `webhook`, `read`, `refusal` or `greenline`.
    origin: Option<String>,
    /// Only entries that changed this: `status`, `rating`, `limit`, `ban`, `restriction.…` and so on.
    what: Option<String>,
    /// Only entries that changed something, not those that said what was known.
    #[serde(default)]
    changes: bool,
    /// Older than this `seq`.
    before: Option<i64>,
    /// Rows, at most `limits.page_rows_max`; 100 if left out. A page may hold fewer and not be the last one.
    limit: Option<usize>,
}

/// Something that changed.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = TimelineChange)]
pub(crate) struct ChangeShape {
    /// What: `status`, `rating`, `limit`, `ban`, `restriction.…`, `subscribed`, `thread` and so on.
    what: String,
    /// What stood before; left out where nothing was known, or where it tells of something that happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<String>,
    /// What stands since.
    after: String,
    /// Until when, where the platform said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// A word of the platform of which nothing is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unknown: bool,
}

impl From<&Change> for ChangeShape {
    fn from(change: &Change) -> Self {
        Self {
            what: change.what.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
            until: change.until_ms.map(time),
            unknown: change.unknown,
        }
    }
}

/// An entry, with what it changed.
#[derive(Serialize, ToSchema)]
#[schema(as = TimelineRow)]
pub(crate) struct RowShape {
    /// Names it; later entries have higher numbers.
    seq: i64,
    /// What it is about: `number`, `account`, `business`, or `thread` for who has a number's threads.
    subject: String,
    id: String,
    /// `webhook`, `read`, `refusal` (a send came back or failed with a code) or `greenline`.
    origin: &'static str,
    /// The webhook's field, or where else it comes from.
    source: String,
    /// What happened, in the platform's word.
    event: String,
    /// When: as the platform said, or when it was read.
    at: String,
    /// When it came here.
    #[serde(skip_serializing_if = "Option::is_none")]
    received_at: Option<String>,
    /// What it changed, by the platform's own time; nothing where it said what was known.
    changes: Vec<ChangeShape>,
    /// The platform's value, or what was noted.
    #[schema(value_type = Object)]
    body: Option<Box<RawValue>>,
}

impl From<Row> for RowShape {
    fn from(row: Row) -> Self {
        let entry = row.entry;
        Self {
            seq: entry.seq,
            origin: origin(&entry),
            at: time(entry.at_ms),
            received_at: entry.received_ms().map(time),
            changes: row.changes.iter().map(ChangeShape::from).collect(),
            subject: entry.subject.into(),
            id: entry.subject_id.into(),
            source: entry.origin.into(),
            event: entry.event.into(),
            body: RawValue::from_string(entry.body.into()).ok(),
        }
    }
}

/// A page of a timeline, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct TimelinePage {
    entries: Vec<RowShape>,
    /// The next page's `before`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<i64>,
}

/// What is wanted of a timeline.
#[derive(Debug, Default)]
struct Wanted {
    since_ms: Option<i64>,
    until_ms: Option<i64>,
    origin: Option<String>,
    what: Option<String>,
    changes: bool,
    before: Option<i64>,
    rows: usize,
}

fn moment(name: &str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    let parsed = text.map(str::parse::<jiff::Timestamp>).transpose();
    let parsed =
        parsed.map_err(|_| Problem::invalid(name, "not a time after RFC 3339 with its offset"))?;
    Ok(parsed.map(jiff::Timestamp::as_millisecond))
}

impl Wanted {
    fn read(app: &Shared, params: TimelineParams) -> Result<Self, Problem> {
        if let Some(asked) = &params.origin
            && !ORIGINS.contains(&asked.as_str())
        {
            return Err(Problem::invalid("origin", "not an origin").allowed(ORIGINS));
        }
        Ok(Self {
            since_ms: moment("since", params.since.as_deref())?,
            until_ms: moment("until", params.until.as_deref())?,
            origin: params.origin,
            what: params.what,
            changes: params.changes,
            before: params.before,
            rows: limit(app, params.limit, PAGE_ROWS)?,
        })
    }

    fn takes(&self, row: &Row) -> bool {
        let at_ms = row.entry.at_ms;
        let is_it = |change: &Change| self.what.as_ref().is_none_or(|what| change.what == *what);
        self.since_ms.is_none_or(|since_ms| at_ms >= since_ms)
            && self.until_ms.is_none_or(|until_ms| at_ms < until_ms)
            && self
                .origin
                .as_ref()
                .is_none_or(|wanted| origin(&row.entry) == wanted)
            && (!self.changes && self.what.is_none() || row.changes.iter().any(is_it))
    }
}

/// A page of what several subjects' timelines say together, newest first, and where the next page begins.
async fn gather(
    app: &App,
    business: BusinessIx,
    subjects: &[(&str, &str)],
    wanted: &Wanted,
) -> Result<(Vec<Row>, Option<i64>), Problem> {
    let mut found: Vec<Row> = Vec::new();
    // Of what is older than this, not everything that stood before is known.
    let mut horizon: Option<TimelineEntry> = None;
    let is_asked = |seq: i64| wanted.before.is_none_or(|before| seq < before);
    let most = wanted.rows + LOOKED_AT_MAX;
    for subject in subjects {
        let of = Some(*subject);
        let timeline = |before| app.ledger.timeline(business, of, before, most);
        // What came last may tell of what was before: late news changes what stood when older entries came.
        let mut entries = timeline(None).await?;
        let mut is_whole = entries.len() < most;
        if let Some(before) = wanted.before.filter(|_| !is_whole) {
            let older = timeline(Some(before)).await?;
            is_whole = older.len() < most;
            entries.retain(|entry| !is_asked(entry.seq));
            entries.extend(older);
        }
        let mut asked = entries.iter().filter(|entry| is_asked(entry.seq));
        if !is_whole
            && let Some(last) = asked.nth(wanted.rows.saturating_sub(1))
            && horizon.as_ref().is_none_or(|known| known.seq < last.seq)
        {
            horizon = Some(last.clone());
        }
        let rows = rows(entries).into_iter();
        found.extend(rows.filter(|row| is_asked(row.entry.seq)));
    }
    let from = horizon.as_ref().map_or(i64::MIN, |horizon| horizon.seq);
    found.retain(|row| row.entry.seq >= from && wanted.takes(row));
    found.sort_by_key(|row| std::cmp::Reverse(row.entry.seq));
    if found.len() > wanted.rows {
        found.truncate(wanted.rows);
        let before = found.last().map(|row| row.entry.seq);
        return Ok((found, before));
    }
    // What came before the moment that is wanted cannot tell of later ones.
    let is_over = |entry: &TimelineEntry| {
        let came_ms = entry.received_ms();
        wanted
            .since_ms
            .zip(came_ms)
            .is_some_and(|(since_ms, came_ms)| came_ms < since_ms)
    };
    let before = horizon
        .filter(|entry| !is_over(entry))
        .map(|entry| entry.seq);
    Ok((found, before))
}

/// The subjects whose timelines a number's is made of.
fn of_number<'n>(number: &'n Number, business: &'n str) -> [(&'static str, &'n str); 4] {
    [
        ("number", &number.id),
        (THREAD, &number.id),
        ("account", &number.waba_id),
        ("business", business),
    ]
}

async fn page(
    app: &App,
    business: BusinessIx,
    subjects: &[(&str, &str)],
    wanted: &Wanted,
) -> Result<Json<TimelinePage>, Problem> {
    let (found, before) = gather(app, business, subjects, wanted).await?;
    Ok(Json(TimelinePage {
        entries: found.into_iter().map(RowShape::from).collect(),
        before,
    }))
}

/// Everything that was said of a number, its account and its portfolio, with what it changed; newest first.
#[utoipa::path(
    get, path = "/v1/numbers/{id}/timeline", operation_id = "showNumberTimeline", tag = "numbers",
    params(("id" = String, Path, description = "The phone_number_id"), TimelineParams),
    responses(
        (status = 200, description = "A page of the timeline", body = TimelinePage),
        (status = 404, description = "The business has no such number", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A value is not accepted", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_a_number(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(params): Params<TimelineParams>,
) -> Result<Json<TimelinePage>, Problem> {
    let number = find(&app, &who, &id, params.business.as_deref())?;
    let wanted = Wanted::read(&app, params)?;
    let business = app.directory.business(number.business);
    let subjects = of_number(&number, &business.config.id);
    page(&app, number.business, &subjects, &wanted).await
}

/// Everything that was said of an account, with what it changed; newest first.
#[utoipa::path(
    get, path = "/v1/accounts/{id}/timeline", operation_id = "showAccountTimeline", tag = "numbers",
    params(("id" = String, Path, description = "The account's id"), TimelineParams),
    responses(
        (status = 200, description = "A page of the timeline", body = TimelinePage),
        (status = 404, description = "The business has no such account", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A value is not accepted", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_an_account(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(params): Params<TimelineParams>,
) -> Result<Json<TimelinePage>, Problem> {
    let business = who.business(&app.directory, params.business.as_deref())?;
    let (ix, owner) = (business.ix, app.directory.account(&id));
    if owner != Some(ix) {
        return Err(Problem::not_found("there is no such account"));
    }
    let wanted = Wanted::read(&app, params)?;
    page(&app, ix, &[("account", &id)], &wanted).await
}

/// Everything that was said of the portfolio, with what it changed; newest first.
#[utoipa::path(
    get, path = "/v1/portfolio/timeline", operation_id = "showPortfolioTimeline", tag = "numbers",
    params(TimelineParams),
    responses(
        (status = 200, description = "A page of the timeline", body = TimelinePage),
        (status = 422, description = "A value is not accepted", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_the_portfolio(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<TimelineParams>,
) -> Result<Json<TimelinePage>, Problem> {
    let business = who.business(&app.directory, params.business.as_deref())?;
    let (ix, id) = (business.ix, business.config.id.clone());
    let wanted = Wanted::read(&app, params)?;
    page(&app, ix, &[("business", &id)], &wanted).await
}

/// The newest changes of a number's timeline, for its page.
pub(crate) async fn section(
    app: &App,
    number: &Number,
    rows: usize,
) -> Result<TimelineSection, Problem> {
    let business = app.directory.business(number.business);
    let subjects = of_number(number, &business.config.id);
    let wanted = Wanted {
        changes: true,
        rows,
        ..Wanted::default()
    };
    let (mut found, before) = gather(app, number.business, &subjects, &wanted).await?;
    found.sort_by_key(|row| std::cmp::Reverse((row.entry.at_ms, row.entry.seq)));
    Ok(TimelineSection {
        rows: found.iter().map(row).collect(),
        more: before.map(|_| format!("/v1/numbers/{}/timeline", number.id)),
    })
}

fn row(row: &Row) -> TimelineRow {
    let entry = &row.entry;
    TimelineRow {
        at: When::dated(entry.at_ms),
        late: entry
            .received_ms()
            .filter(|came_ms| came_ms.saturating_sub(entry.at_ms) >= LATE_MS)
            .map(When::dated),
        about: match &*entry.subject {
            "account" => "account",
            "business" => "portfolio",
            _ => "number",
        },
        origin: match origin(entry) {
            "webhook" => "told by webhook",
            "read" => "read",
            "refusal" => "a send was refused",
            _ => "noted by Greenline",
        },
        changes: row.changes.iter().map(change).collect(),
    }
}

/// From when on it is worth saying that news came late.
const LATE_MS: i64 = 60_000;

fn change(change: &Change) -> TimelineChange {
    let after = match (&*change.what, &*change.after) {
        ("thread", note::STOOD_BY) => "another app (standby)",
        ("thread", note::WROTE) => "this app",
        (_, after) => after,
    };
    TimelineChange {
        what: named(&change.what),
        // Where only the end is another.
        before: change
            .before
            .clone()
            .filter(|before| *before != change.after),
        after: after.to_owned(),
        until: change.until_ms.map(When::dated),
        unknown: change.unknown,
    }
}

/// What changed, in a few words.
fn named(what: &str) -> String {
    if let Some(restriction) = what.strip_prefix("restriction.") {
        return format!("restriction {restriction}");
    }
    if let Some(kind) = what.strip_prefix("reads.") {
        return format!("reads ({kind})");
    }
    let words = match what {
        "account" => "account",
        "account_status" => "account’s status",
        "account_update" => "account news",
        "ban" => "ban",
        "health" => "health_status",
        "limit" => "messaging limit",
        "name" => "display name’s review",
        "name_status" => "display name’s status",
        "numbers_max" => "numbers there may be",
        "phone_app" => "phone app",
        "rating" => "rating",
        "refused" => "sends refused with",
        "review" => "account’s review",
        "status" => "status",
        "subscribed" => "webhooks subscribed",
        "thread" => "messages come to",
        "throughput" => "throughput",
        "verified_name" => "display name",
        "violation" => "violation",
        other => return other.replace('_', " "),
    };
    words.to_owned()
}
