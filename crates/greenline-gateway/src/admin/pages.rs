//! What a person in a browser sees: data gathered here, drawn by the console.
//!
//! Nothing here decides or writes consent. Numbers are masked unless someone who may record consents
//! asks for them in full, and then the log says who did.

pub(crate) mod views;

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use greenline_console::{
    Business as Tab, Counts, Frame, MessagePage, Page, PeoplePage, StatusPage, When,
};
use greenline_ledger::types::DecisionRecord;
use greenline_policy::decide::Verdict;
use greenline_policy::identity::Identifier;
use greenline_policy::rule::Rule;
use serde::Deserialize;

use crate::app::{App, Shared};
use crate::config::{May, Mode};
use crate::directory::Business;
use crate::ids;

use super::auth::{PageWho, Who};
use super::decisions;
use super::extract::{Params, Posted, Segments};
use super::problem::{Kind, Problem};
use super::records::known_numbers;

/// Decisions in the list.
const DECISIONS_SHOWN: usize = 25;
/// Stops in the list.
const STOPS_SHOWN: usize = 15;
/// Decisions looked at for the chart.
const CHARTED_MAX: usize = 1_000;
/// The chart's reach.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What surrounds a page.
pub(crate) fn frame(app: &App, who: &Who, business: Option<&Business>) -> Frame {
    let tab = |business: &Business| Tab {
        id: business.config.id.clone(),
        name: business.config.name.clone(),
    };
    Frame {
        who: who.name().to_owned(),
        business: business.map(tab),
        businesses: who
            .businesses(&app.directory)
            .map(|business| tab(business))
            .collect(),
        manages: who.may(May::Manager),
        made: When::dated(app.clock.now_ms()),
    }
}

/// Renders a page, or says that it could not be drawn.
pub(crate) fn answer(page: &impl Page) -> Result<String, Problem> {
    greenline_console::render(page).map_err(|error| {
        tracing::error!(%error, "a page could not be drawn");
        Problem::new(Kind::Bug, "the page could not be drawn")
    })
}

/// Headers that every page carries.
pub(crate) fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            greenline_console::CONTENT_SECURITY_POLICY,
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page that could not be made: the problem, as a page.
struct Failed(Box<Frame>, Problem);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Self(frame, problem) = self;
        let status = problem.kind().status();
        let page = MessagePage {
            frame: *frame,
            title: problem.kind().title().to_owned(),
            text: problem.in_words(),
        };
        match answer(&page) {
            Ok(html) => guarded((status, Html(html)).into_response()),
            Err(problem) => problem.into_response(),
        }
    }
}

/// Runs what makes a page; whatever goes wrong becomes a page too.
pub(super) async fn page(
    app: &App,
    who: &Who,
    make: impl Future<Output = Result<String, Problem>>,
) -> Response {
    match make.await {
        Ok(html) => guarded(Html(html).into_response()),
        Err(problem) => failed(app, who, problem),
    }
}

/// Which business, and from where the list of decisions begins.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct StatusParams {
    business: Option<String>,
    before: Option<String>,
}

/// `GET /`.
pub(crate) async fn status(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Params(params): Params<StatusParams>,
) -> Response {
    page(&app, &who, async {
        let business = business(&app, &who, params.business.as_deref())?;
        answer(&status_page(&app, &who, &business, params.before.as_deref()).await?)
    })
    .await
}

/// The business named, or the first the viewer reaches.
pub(super) fn business(
    app: &App,
    who: &Who,
    id: Option<&str>,
) -> Result<std::sync::Arc<Business>, Problem> {
    let first = who
        .businesses(&app.directory)
        .next()
        .map(|business| business.config.id.clone());
    who.business(
        &app.directory,
        id.filter(|id| !id.is_empty()).or(first.as_deref()),
    )
}

async fn status_page(
    app: &App,
    who: &Who,
    business: &Business,
    before: Option<&str>,
) -> Result<StatusPage, Problem> {
    let now_ms = app.clock.now_ms();
    let counts = app.ledger.counts(business.ix, now_ms).await?;
    let charted = app
        .ledger
        .decisions(Some(business.ix), None, CHARTED_MAX)
        .await?;
    let before = before.and_then(ids::parse_decision);
    let listed = match before {
        None => charted.iter().take(DECISIONS_SHOWN).cloned().collect(),
        Some(_) => {
            app.ledger
                .decisions(Some(business.ix), before, DECISIONS_SHOWN)
                .await?
        }
    };
    let stops = app.ledger.stops(business.ix, STOPS_SHOWN).await?;
    let (by_reason, looked_at) = by_reason(&charted, now_ms);
    let ways_out = crate::avenues::read(app, business).await?;
    Ok(StatusPage {
        frame: frame(app, who, Some(business)),
        observed: business.config.mode == Mode::Observe,
        shut: crate::avenues::is_shut_in(&ways_out, now_ms),
        untried: crate::avenues::is_new(app, business, &ways_out).await?,
        alarms: super::alarms::alarms(app, business, now_ms).await?,
        counts: Counts {
            people: counts.people,
            allowed: counts.allowed,
            refused: counts.refused,
            stops: counts.stops,
            relay_waiting: counts.relay_waiting,
            relay_parked: counts.relay_parked,
        },
        numbers: views::numbers(business, known_numbers(app, business).await?, now_ms),
        by_reason,
        looked_at,
        older: (listed.len() == DECISIONS_SHOWN)
            .then(|| listed.last().map(|record| ids::decision(record.id)))
            .flatten(),
        decisions: listed
            .iter()
            .map(|record| views::decision_row(record, now_ms))
            .collect(),
        stops: stops
            .iter()
            .map(|stop| views::stop_row(stop, now_ms))
            .collect(),
        may_replay: who.may(May::Manager),
    })
}

/// How often each rule answered first in the last day: sentence, rule id, count, whether it refuses.
type ByReason = Vec<(String, String, u64, bool)>;

fn by_reason(charted: &[DecisionRecord], now_ms: i64) -> (ByReason, u64) {
    let recent = charted
        .iter()
        .filter(|record| record.at_ms > now_ms - DAY_MS);
    let mut counts: BTreeMap<(Rule, bool), u64> = BTreeMap::new();
    let mut looked_at = 0;
    for record in recent {
        looked_at += 1;
        if let Some(first) = record.decision.first() {
            *counts
                .entry((first.rule, record.decision.verdict == Verdict::Refuse))
                .or_default() += 1;
        }
    }
    let mut rows: ByReason = counts
        .into_iter()
        .map(|((rule, refuses), count)| {
            (
                rule.card().text.to_owned(),
                rule.id().to_owned(),
                count,
                refuses,
            )
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.2));
    (rows, looked_at)
}

/// `GET /decisions/{id}`.
pub(crate) async fn decision(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
) -> Response {
    page(&app, &who, async {
        let record = decisions::find(&app, &who, &id).await?;
        let business = who.business(&app.directory, Some(&record.business))?;
        let frame = frame(&app, &who, Some(&business));
        answer(&views::decision_page(
            frame,
            &business,
            &record,
            app.clock.now_ms(),
        ))
    })
    .await
}

/// Which business.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PeopleParams {
    business: Option<String>,
}

/// `GET /people`.
pub(crate) async fn people(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Params(params): Params<PeopleParams>,
) -> Response {
    page(&app, &who, async {
        let business = business(&app, &who, params.business.as_deref())?;
        answer(&PeoplePage {
            frame: frame(&app, &who, Some(&business)),
            problem: None,
            may_export: who.may(May::Manager),
        })
    })
    .await
}

/// The search form. The number travels in the body, so that no address bar, history or log keeps it.
#[derive(Deserialize)]
pub(crate) struct Search {
    business: Option<String>,
    who: String,
    #[serde(default)]
    full: Option<String>,
}

/// `POST /people`.
pub(crate) async fn search(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Posted(search): Posted<Search>,
) -> Response {
    page(&app, &who, async {
        let business = business(&app, &who, search.business.as_deref())?;
        let nobody = |problem: &str| {
            answer(&PeoplePage {
                frame: frame(&app, &who, Some(&business)),
                problem: Some(problem.to_owned()),
                may_export: who.may(May::Manager),
            })
        };
        let Some(identifier) = Identifier::parse(&search.who) else {
            return nobody("That is neither a phone number with its country code nor a user id.");
        };
        let reveal = views::Reveal {
            action: "/people".to_owned(),
            fields: vec![
                ("business".to_owned(), business.config.id.clone()),
                ("who".to_owned(), search.who.clone()),
                ("full".to_owned(), "yes".to_owned()),
            ],
        };
        match person(
            &app,
            &who,
            &business,
            &identifier,
            search.full.is_some(),
            reveal,
        )
        .await?
        {
            Some(html) => Ok(html),
            None => nobody("Nobody of this business is known by that number or id."),
        }
    })
    .await
}

/// Whether numbers are wanted in full.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Full {
    #[serde(default)]
    full: Option<String>,
}

/// `GET /decisions/{id}/people/{place}`: the addressee of a decision as they stand today.
pub(crate) async fn addressee(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Segments((id, place)): Segments<(String, usize)>,
) -> Response {
    addressee_page(&app, &who, &id, place, false).await
}

/// `POST /decisions/{id}/people/{place}`: the same, in full.
pub(crate) async fn addressee_in_full(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Segments((id, place)): Segments<(String, usize)>,
    Posted(full): Posted<Full>,
) -> Response {
    addressee_page(&app, &who, &id, place, full.full.is_some()).await
}

async fn addressee_page(app: &App, who: &Who, id: &str, place: usize, full: bool) -> Response {
    page(app, who, async {
        let gone = || Problem::not_found("nobody is known by what this decision was addressed to");
        let record = decisions::find(app, who, id).await?;
        let business = who.business(&app.directory, Some(&record.business))?;
        let addressee = record.people.get(place).ok_or_else(gone)?;
        let reveal = views::Reveal {
            action: format!("/decisions/{id}/people/{place}"),
            fields: vec![("full".to_owned(), "yes".to_owned())],
        };
        person(app, who, &business, &addressee.identifier, full, reveal)
            .await?
            .ok_or_else(gone)
    })
    .await
}

async fn person(
    app: &App,
    who: &Who,
    business: &Business,
    identifier: &Identifier,
    full: bool,
    reveal: views::Reveal,
) -> Result<Option<String>, Problem> {
    let Some(mut view) = app.ledger.person(business.ix, identifier).await? else {
        return Ok(None);
    };
    view.head = business.aged(&view.head, app.clock.now_ms());
    let may = who.may(May::Agent);
    if full && may {
        tracing::info!(
            principal.name = who.name(),
            business.id = business.config.id,
            "a person's numbers were shown in full"
        );
    }
    let frame = frame(app, who, Some(business));
    let page = views::person_page(
        frame,
        business,
        &view,
        identifier,
        full && may,
        may.then_some(reveal),
        app.clock.now_ms(),
    );
    answer(&page).map(Some)
}

/// A page that says what is wrong.
pub(crate) fn failed(app: &App, who: &Who, problem: Problem) -> Response {
    Failed(Box::new(frame(app, who, None)), problem).into_response()
}

/// Leads on to a page that shows what was done and can be loaded again without doing it twice, or says what is wrong.
pub(crate) fn led(app: &App, who: &Who, done: Result<String, Problem>) -> Response {
    match done {
        Ok(to) => Redirect::to(&to).into_response(),
        Err(problem) => failed(app, who, problem),
    }
}

/// Which business a form is about.
#[derive(Deserialize)]
pub(crate) struct OfForm {
    pub(crate) business: Option<String>,
}

/// The form that puts parked deliveries back.
#[derive(Deserialize)]
pub(crate) struct ReplayForm {
    business: String,
}

/// `POST /relay/replay`.
pub(crate) async fn replay(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Posted(form): Posted<ReplayForm>,
) -> Response {
    let done = async {
        who.must(May::Manager)?;
        let business = who.business(&app.directory, Some(&form.business))?;
        app.ledger
            .relay_replay(business.ix, None, app.clock.now_ms())
            .await?;
        app.relay_due.notify_one();
        Ok::<_, Problem>(format!("/?business={}", business.config.id))
    };
    led(&app, &who, done.await)
}

/// `GET /favicon.ico`: there is none, and no token is asked for to say so.
pub(crate) async fn no_icon() -> StatusCode {
    StatusCode::NO_CONTENT
}
