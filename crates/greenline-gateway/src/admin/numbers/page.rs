//! The pages of numbers: the list, and one number at a glance.

use axum::extract::State as Extracted;
use axum::response::Response;
use greenline_console::words::{number_status, rating};
use greenline_console::{
    CountView, DayView, FactView, LikelyView, Marker, MeasuredView, MessagesView, NumberListRow,
    NumberPage, NumbersPage, ProbeView, ReceptionView, When,
};
use greenline_policy::health::{Can, Kind, Matrix, What};
use greenline_policy::likely::{
    Finding, Level, Likely, Measured, Number as Measure, Share, likely,
};
use greenline_policy::pack::Day;
use greenline_policy::reception::{Basis, DAY_MS, DAYS, Reception, Sent};
use serde::Deserialize;

use crate::admin::auth::{PageWho, Who};
use crate::admin::extract::{Params, Segments};
use crate::admin::pages::{self, views};
use crate::admin::problem::Problem;
use crate::admin::records::known_numbers;
use crate::admin::{capabilities, forecast, timeline};
use crate::app::{App, Shared};
use crate::config::May;
use crate::directory::Number;
use crate::reception;

use super::facts::{self, FactShape};
use super::{counted_at, counts, known, probe, words};

/// Noon of a day.
const NOON_MS: i64 = 12 * 60 * 60 * 1_000;
/// Numbers of which the list works out what they can do.
const WORKED_OUT_MAX: usize = 50;
/// Entries of the timeline.
const TIMELINE_ROWS: usize = 25;
/// Templates in the table.
const TEMPLATES_SHOWN: usize = 25;

/// Which business.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ListParams {
    business: Option<String>,
}

/// `GET /numbers`.
pub(crate) async fn list(
    Extracted(app): Extracted<Shared>,
    PageWho(who): PageWho,
    Params(params): Params<ListParams>,
) -> Response {
    pages::page(&app, &who, async {
        let business = pages::business(&app, &who, params.business.as_deref())?;
        let now_ms = app.clock.now_ms();
        let rows = views::numbers(&business, known_numbers(&app, &business).await?, now_ms);
        let mut numbers = Vec::with_capacity(rows.len());
        for (at, number) in rows.into_iter().enumerate() {
            let known = app.directory.number(&number.id);
            let (holds, can) = match known.filter(|_| at < WORKED_OUT_MAX) {
                Some(known) => {
                    let (_, matrix, _) = capabilities::worked_out(&app, known, None).await?;
                    in_short(&matrix)
                }
                None => (None, Vec::new()),
            };
            numbers.push(NumberListRow { number, holds, can });
        }
        pages::answer(&NumbersPage {
            frame: pages::frame(&app, &who, Some(&business)),
            numbers,
        })
    })
    .await
}

/// What matters most of a number, and what it can do with messages.
fn in_short(matrix: &Matrix) -> (Option<Marker>, Vec<(&'static str, Marker)>) {
    let mut worth = matrix.holds.iter();
    let first = worth.find(|holds| capabilities::is_worth_telling(matrix, holds));
    let holds = first.map(|holds| Marker {
        text: capabilities::cause_view(holds, matrix).title,
        tone: match holds.cause.kind() {
            Kind::Block => "bad",
            Kind::Warning | Kind::LookAlike => "warn",
            Kind::Note => "idle",
            Kind::Fine => "good",
        },
    });
    let asked = [
        ("start", What::StartMarketing),
        ("answer", What::Reply),
        ("receive", What::Receive),
    ];
    let can = asked.into_iter().filter_map(|(word, what)| {
        let cell = matrix.cells.iter().find(|cell| cell.what == what)?;
        let tone = match cell.can {
            Can::Yes => "good",
            Can::No => "bad",
            Can::Unknown => "warn",
        };
        let text = cell.can.as_str().to_owned();
        Some((word, Marker { text, tone }))
    });
    (holds, can.collect())
}

/// Which day, as the page's form sends it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PageParams {
    on: Option<String>,
}

/// `GET /numbers/{id}`.
pub(crate) async fn show(
    Extracted(app): Extracted<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
    Params(params): Params<PageParams>,
) -> Response {
    pages::page(&app, &who, async {
        let number = capabilities::find(&app, &who, &id, None)?;
        let asked = params.on.unwrap_or_default();
        let at_ms = match Day::parse(&asked) {
            Some(day) => Some(day.start_ms() + NOON_MS),
            None if asked.is_empty() => None,
            None => return Err(Problem::invalid("on", "not a day")),
        };
        pages::answer(&drawn(&app, &who, &number, asked, at_ms).await?)
    })
    .await
}

async fn drawn(
    app: &App,
    who: &Who,
    number: &Number,
    asked: String,
    at_ms: Option<i64>,
) -> Result<NumberPage, Problem> {
    let worked_out = capabilities::worked_out(app, number, at_ms).await?;
    let (state, matrix, last_inbound_ms) = worked_out;
    let counted_at = counted_at(app, at_ms);
    let counted = reception::count(app, number.business, &number.id, counted_at).await?;
    let business = app.directory.business(number.business);
    let worth = matrix.holds.iter();
    let worth = worth.filter(|holds| capabilities::is_worth_telling(&matrix, holds));
    let facts = known(app, number, &state, matrix.at_ms).await?;
    let newest = probe::newest(app, number, app.clock.now_ms()).await?;
    let comes_next = forecast::section(app, number, at_ms).await?;
    let happened = timeline::section(app, number, TIMELINE_ROWS).await?;
    Ok(NumberPage {
        frame: pages::frame(app, who, Some(business)),
        display: capabilities::display(app, number),
        id: number.id.to_string(),
        at: When::dated(matrix.at_ms),
        ahead: matrix.at_ms > state.as_of_ms,
        back: matrix.at_ms < state.as_of_ms,
        asked,
        state: in_words(&facts),
        facts: facts.iter().map(fact).collect(),
        rows: matrix.cells.iter().map(capabilities::row).collect(),
        causes: worth
            .map(|holds| capabilities::cause_view(holds, &matrix))
            .collect(),
        last_inbound: last_inbound_ms.map(When::dated),
        probe: newest.map(|probe| ProbeView {
            state: probe.state,
            text: probe.text,
            link: probe.link,
            asked: When::dated(probe.asked_ms),
            by: probe.by,
            until: When::dated(probe.until_ms),
            arrived: probe.arrived_ms.map(When::dated),
        }),
        may_probe: who.may(May::Agent),
        reception: taken(&counted),
        forecast: Some(pages::answer(&comes_next)?),
        timeline: Some(pages::answer(&happened)?),
    })
}

/// Status and rating in words.
fn in_words(facts: &[FactShape]) -> Vec<(&'static str, Marker)> {
    let value = |named| {
        let known = facts.iter().find(|fact| fact.fact == named);
        known.map(|fact| fact.value.as_str())
    };
    vec![
        ("Status", number_status(value("status")).into()),
        (
            "Quality",
            rating(value("rating").filter(|value| *value != "none yet")).into(),
        ),
    ]
}

fn fact(fact: &FactShape) -> FactView {
    FactView {
        what: facts::word(fact.fact),
        value: (fact.value.clone(), fact.tone).into(),
        until: fact.until_ms.map(When::dated),
        at: When::dated(fact.at_ms),
        origin: fact.origin,
    }
}

fn taken(reception: &Reception) -> ReceptionView {
    let judged = likely(reception);
    let causes = match &judged {
        Likely::NotEnough { .. } => Vec::new(),
        Likely::Causes(found) => found.iter().map(cause).collect(),
    };
    let total = &reception.total;
    let named = total.over_cap + total.opted_out + total.unreachable;
    let others = total.failed.saturating_sub(named);
    let failures = [
        (
            "131049, the person gets too much marketing from all businesses together",
            total.over_cap,
        ),
        ("131050, the person has stopped marketing", total.opted_out),
        ("131026, the person cannot be reached", total.unreachable),
        ("other codes", others),
    ];
    let templates = reception.templates.iter().take(TEMPLATES_SHOWN);
    let by_consent = Basis::ALL.iter().zip(&reception.by_basis);
    let by_turn = [
        "first",
        "second",
        "third or fourth",
        "fifth to seventh",
        "eighth or later",
    ];
    let by_turn = by_turn.iter().zip(&reception.by_turn);
    ReceptionView {
        verdict: words::verdict(&judged),
        causes,
        not_seen: words::NOT_SEEN,
        from: When::dated(reception.from_ms),
        until: When::dated(reception.at_ms),
        one_in: reception.one_in,
        counts: counts_of(reception),
        days: days(reception),
        templates: templates
            .map(|one| match &*one.name {
                "" => messages("all others".to_owned(), String::new(), &one.sent),
                name => messages(name.to_owned(), one.language.to_string(), &one.sent),
            })
            .collect(),
        by_consent: by_consent
            .filter(|(_, sent)| sent.sent > 0)
            .map(|(basis, sent)| messages(consent(*basis).to_owned(), String::new(), sent))
            .collect(),
        by_turn: by_turn
            .filter(|(_, sent)| sent.sent > 0)
            .map(|(turn, sent)| messages((*turn).to_owned(), String::new(), sent))
            .collect(),
        failures: failures
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect(),
        unattributed: reception.unattributed,
        answers: reception.answers,
    }
}

fn consent(basis: Basis) -> &'static str {
    match basis {
        Basis::Evidenced => "Proved, of the last year",
        Basis::Old => "Proved, older than a year",
        Basis::Vouched => "Vouched for by staff",
        Basis::Imported => "Imported",
        Basis::Claimed => "Claimed, without proof",
        Basis::Absent => "None",
    }
}

fn counts_of(reception: &Reception) -> Vec<CountView> {
    let (total, per_person) = (&reception.total, &reception.per_person);
    let count = |label, value: String, note: String| CountView { label, value, note };
    let failed = Share {
        part: total.failed,
        of: total.sent,
    };
    vec![
        count(
            "Templates sent",
            total.sent.to_string(),
            format!("{} failed", words::percent(failed)),
        ),
        count(
            "People",
            per_person.people.to_string(),
            format!(
                "half got up to {}, 95 of 100 up to {}",
                per_person.median, per_person.p95
            ),
        ),
        count(
            "Weak consent",
            words::percent(counts::weak(reception)),
            "of all sent".to_owned(),
        ),
        count(
            "Neither read nor answered",
            words::percent(counts::silent(reception)),
            format!("of {} old enough to tell", total.judged),
        ),
        count(
            "Stops",
            total.stops().to_string(),
            format!(
                "{} switched off, {} stop words",
                total.native_stops, total.stop_words
            ),
        ),
    ]
}

fn days(reception: &Reception) -> Vec<DayView> {
    let day = |(at, day): (usize, &greenline_policy::reception::Day)| {
        let back = i64::try_from(DAYS - 1 - at).unwrap_or_default();
        DayView {
            until: When::dated(reception.at_ms.saturating_sub(DAY_MS.saturating_mul(back))),
            sent: day.sent.sent,
            people: day.people,
            failed: day.sent.failed,
            stops: day.sent.stops(),
        }
    };
    reception.days.iter().enumerate().map(day).collect()
}

fn messages(name: String, note: String, sent: &Sent) -> MessagesView {
    let of_delivered = |part| {
        words::percent(Share {
            part,
            of: sent.delivered,
        })
    };
    MessagesView {
        name,
        note,
        sent: sent.sent,
        read: of_delivered(sent.read),
        answered: of_delivered(sent.answered),
        silent: words::percent(Share {
            part: sent.silent,
            of: sent.judged,
        }),
        failed: sent.failed,
        native_stops: sent.native_stops,
        stop_words: sent.stop_words,
        other_stops: sent.other_stops,
    }
}

fn cause(finding: &Finding) -> LikelyView {
    let level = match finding.level {
        Level::Likely => ("likely".to_owned(), "bad"),
        Level::Possible => ("possible".to_owned(), "warn"),
    };
    let link = |id: &&str| {
        let query: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        ((*id).to_owned(), format!("/guide?q={query}"))
    };
    let template = finding.template.as_ref();
    LikelyView {
        title: finding.cause.title(),
        level: level.into(),
        template: template.map(|(name, language)| format!("{name} ({language})")),
        measured: finding.measured.iter().map(measured).collect(),
        first: finding.cause.first(),
        facts: finding.cause.sources().iter().map(link).collect(),
    }
}

fn measured(measured: &Measured) -> MeasuredView {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a fraction from 0 to 1"
    )]
    let ten_thousandths = |share: Share| (share.fraction() * 10_000.0).round() as u64;
    let bars = match measured.number {
        Measure::Share(share) => Some((
            ten_thousandths(share),
            measured
                .against
                .map(|against| ten_thousandths(against.share)),
        )),
        Measure::Messages(_) => None,
    };
    MeasuredView {
        text: words::measured(measured),
        // One share alone is drawn against the whole, which a width cannot show.
        bars: bars.filter(|(_, there)| there.is_some()),
    }
}
