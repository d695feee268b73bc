//! What somebody should look at: what stands, since when, who was told; what is over; and trial messages.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use greenline_console::{AlertRow, AlertTold, AlertsPage, When};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::alerts::book::{self, Book};
use crate::alerts::channel;
use crate::alerts::record::{Record, Told};
use crate::app::{App, Shared};
use crate::config::May;
use crate::directory::Business;
use crate::events::{self, record::EventType};

use super::auth::{PageWho, Who};
use super::extract::{Params, limit};
use super::pages;
use super::people::OfBusiness;
use super::problem::{Problem, ProblemBody};
use super::shape::time;

/// Past alerts of one page.
const PAGE_ROWS: usize = 100;

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// Of those that are over: older than this, the `before` of the last page.
    before: Option<i64>,
    /// How far to look back for those that are over, at most `limits.page_rows_max`; 100 if left out. A page holds fewer
    /// where others opened meanwhile.
    limit: Option<usize>,
}

/// Who was told.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = AlertTold)]
pub(crate) struct ToldShape {
    /// A subscription's id, or `slack/…` or `email/…` with the name in the configuration.
    to: String,
    at: String,
    /// `opened` or `closed`.
    what: &'static str,
}

impl From<&Told> for ToldShape {
    fn from(told: &Told) -> Self {
        Self {
            to: told.to.clone(),
            at: time(told.at_ms),
            what: if told.closed { "closed" } else { "opened" },
        }
    }
}

/// Something that somebody should look at.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Alert)]
pub(crate) struct AlertShape {
    /// Names this time that it stands.
    id: String,
    /// Which condition, such as `rating.low`.
    kind: String,
    /// `number`, `account`, `business`, `template` or `avenue`.
    about: String,
    /// Of whom, by id.
    subject: String,
    /// `critical`, `warning` or `info`.
    severity: String,
    title: String,
    text: String,
    /// What to do.
    todo: String,
    /// The guide's page about it, on the private listener.
    guide: String,
    since: String,
    /// When it ends by itself, where that was known when it opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<String>,
    /// Who was told, and when; only in this API.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    told: Vec<ToldShape>,
}

impl AlertShape {
    /// Without who was told.
    pub(crate) fn of(record: &Record) -> Self {
        Self {
            id: record.id.clone(),
            kind: record.kind.clone(),
            about: record.about.clone(),
            subject: record.subject.clone(),
            severity: record.severity.clone(),
            title: record.title.clone(),
            text: record.text.clone(),
            todo: record.todo.clone(),
            guide: record.guide.clone(),
            since: time(record.since_ms),
            until: record.until_ms.map(time),
            closed_at: record.closed_ms.map(time),
            told: Vec::new(),
        }
    }
}

/// What stands, and a page of what is over.
#[derive(Serialize, ToSchema)]
#[schema(as = Alerts)]
pub(crate) struct AlertsShape {
    business: String,
    /// What stands, gravest first.
    open: Vec<AlertShape>,
    /// What is over, newest first.
    past: Vec<AlertShape>,
    /// The next page's `before`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<i64>,
}

/// Alerts with who was told of each.
async fn with_told(
    app: &App,
    business: &Business,
    records: Vec<Record>,
) -> Result<Vec<(Record, Vec<Told>)>, Problem> {
    let mut all = Vec::with_capacity(records.len());
    for record in records {
        let told = book::told(app, business, &record.id).await?;
        all.push((record, told));
    }
    Ok(all)
}

fn shapes(all: &[(Record, Vec<Told>)]) -> Vec<AlertShape> {
    let shape = |(record, told): &(Record, Vec<Told>)| AlertShape {
        told: told.iter().map(Into::into).collect(),
        ..AlertShape::of(record)
    };
    all.iter().map(shape).collect()
}

/// What should somebody look at?
///
/// Conditions that stand, since when and what to do, and who was told of each and when; then what is over.
#[utoipa::path(
    get, path = "/v1/alerts", operation_id = "listAlerts", tag = "operation", params(AlertParams),
    responses(
        (status = 200, description = "What stands, and a page of what is over", body = AlertsShape),
        (status = 503, description = "The store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<AlertParams>,
) -> Result<Json<AlertsShape>, Problem> {
    let business = who.business(&app.directory, params.business.as_deref())?;
    let rows = limit(&app, params.limit, PAGE_ROWS)?;
    let open = Book::read(&app, &business).await?.records();
    let (past, before) = book::past(&app, &business, params.before, rows).await?;
    Ok(Json(AlertsShape {
        business: business.config.id.clone(),
        open: shapes(&with_told(&app, &business, open).await?),
        past: shapes(&with_told(&app, &business, past).await?),
        before,
    }))
}

/// What became of a trial message.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertTrial)]
pub(crate) struct TrialShape {
    /// A subscription's id, or `slack/…` or `email/…` with the name in the configuration.
    to: String,
    /// `taken`; `queued` for a subscription, whose page says how it went; or `failed`.
    result: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What became of trial messages.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertTrials)]
pub(crate) struct TrialsShape {
    business: String,
    trials: Vec<TrialShape>,
}

/// Send a trial message to everybody who is told of the business's alerts.
///
/// Channels are tried while you wait; subscriptions get a `ping`. Needs `may = "manager"`.
#[utoipa::path(
    post, path = "/v1/alerts/test", operation_id = "testAlerts", tag = "operation", params(OfBusiness),
    responses(
        (status = 200, description = "What became of each; none where nobody is told", body = TrialsShape),
        (status = 403, description = "Needs may = \"manager\"", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn test(
    State(app): State<Shared>,
    who: Who,
    Params(of): Params<OfBusiness>,
) -> Result<Json<TrialsShape>, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    let nonce = u64::try_from(app.clock.now_ms()).unwrap_or(0);
    let mut trials = Vec::new();
    let message = channel::trial(&business.config.name, nonce);
    let said = app.alerts.channels(&business).map(async |channel| {
        let said = channel.say(&message).await;
        TrialShape {
            to: channel.name.to_string(),
            result: if said.is_ok() { "taken" } else { "failed" },
            error: said.err(),
        }
    });
    trials.extend(futures_util::future::join_all(said).await);
    for id in events::active(&app, &business, EventType::AlertOpened).await? {
        events::ping(&app, &business, &id, nonce).await?;
        trials.push(TrialShape {
            to: id.to_string(),
            result: "queued",
            error: None,
        });
    }
    Ok(Json(TrialsShape {
        business: business.config.id.clone(),
        trials,
    }))
}

/// Which business, and from where what is over begins.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PageParams {
    business: Option<String>,
    before: Option<i64>,
}

/// `GET /alerts`.
pub(crate) async fn page(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Params(params): Params<PageParams>,
) -> Response {
    pages::page(&app, &who, async {
        let business = pages::business(&app, &who, params.business.as_deref())?;
        let now_ms = app.clock.now_ms();
        let open = Book::read(&app, &business).await?.records();
        let (past, older) = book::past(&app, &business, params.before, PAGE_ROWS).await?;
        let rows = |all: Vec<(Record, Vec<Told>)>| {
            let row = |(record, told): &(Record, Vec<Told>)| row(record, told, now_ms);
            all.iter().map(row).collect::<Vec<_>>()
        };
        let channels = app.alerts.channels(&business);
        let mut told: Vec<String> = channels.map(|channel| channel.name.to_string()).collect();
        let subscribed = events::active(&app, &business, EventType::AlertOpened).await?;
        told.extend(subscribed.iter().map(ToString::to_string));
        pages::answer(&AlertsPage {
            frame: pages::frame(&app, &who, Some(&business)),
            open: rows(with_told(&app, &business, open).await?),
            past: rows(with_told(&app, &business, past).await?),
            told,
            older,
        })
    })
    .await
}

fn row(record: &Record, told: &[Told], now_ms: i64) -> AlertRow {
    let told = told.iter().map(|told| AlertTold {
        to: told.to.clone(),
        at: When::new(told.at_ms, now_ms),
        closed: told.closed,
    });
    AlertRow {
        title: record.title.clone(),
        kind: record.kind.clone(),
        severity: record.severity.clone(),
        text: record.text.clone(),
        todo: record.todo.clone(),
        guide: record.guide.clone(),
        since: When::new(record.since_ms, now_ms),
        closed: record.closed_ms.map(|at_ms| When::new(at_ms, now_ms)),
        told: told.collect(),
    }
}
