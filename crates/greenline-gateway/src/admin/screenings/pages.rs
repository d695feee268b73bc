//! The page of lists that were screened, what came of each, and throwing one away.

use axum::extract::State as Wired;
use axum::response::{Html, IntoResponse, Response};
use greenline_console::{
    ScreeningCounts, ScreeningDeletePage, ScreeningRow, ScreeningState, ScreeningsPage, When,
};
use serde::Deserialize;

use crate::admin::auth::{PageWho, Who};
use crate::admin::extract::{Params, Posted, Segments};
use crate::admin::pages::{OfForm, answer, business, failed, frame, guarded, led, page};
use crate::admin::problem::Problem;
use crate::app::{App, Shared};
use crate::config::May;
use crate::screen::job::Seen;
use crate::screen::job::kept::State as Stands;

use super::{LIST_MAX, ReportParams, delete_one, file, find, report_of};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Which business, and what was just done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PageParams {
    business: Option<String>,
    done: Option<String>,
}

fn row(app: &App, seen: &Seen) -> ScreeningRow {
    let now_ms = app.clock.now_ms();
    let when = |at_ms| When::new(at_ms, now_ms);
    let meta = &seen.meta;
    let state = match meta.state {
        Stands::Done => ScreeningState::Done,
        Stands::Failed => ScreeningState::Failed,
        Stands::Waiting | Stands::Screening if seen.is_running() => {
            let read = u128::from(seen.read()) * 100 / u128::from(meta.bytes.max(1));
            ScreeningState::Running(u64::try_from(read.min(100)).unwrap_or(100))
        }
        Stands::Waiting | Stands::Screening => ScreeningState::Waiting,
    };
    let days = i64::from(app.config.retention.screenings_days);
    let counts = meta.counts;
    ScreeningRow {
        id: meta.id.clone(),
        name: meta.wanted.name.clone().unwrap_or_else(|| meta.id.clone()),
        template: meta.wanted.template.clone(),
        state,
        at: meta.wanted.at_ms.map(When::dated),
        started: when(meta.started_ms),
        by: meta.actor.clone(),
        goes: meta
            .ended_ms
            .filter(|_| days > 0)
            .map(|ended_ms| when(ended_ms.saturating_add(days * DAY_MS))),
        counts: (meta.state == Stands::Done).then_some(ScreeningCounts {
            rows: counts.rows,
            allowed: counts.allowed,
            held: counts.held,
            refused: counts.refused,
            duplicates: counts.duplicates,
            unreadable: counts.unreadable,
        }),
        problem: meta.problem.clone(),
    }
}

/// `GET /screenings`.
pub(crate) async fn list(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Params(params): Params<PageParams>,
) -> Response {
    page(&app, &who, async {
        who.must(May::Manager)?;
        let business = business(&app, &who, params.business.as_deref())?;
        let all = app.screenings.list().into_iter();
        let of = all.filter(|seen| seen.meta.business == business.config.id);
        let mut rows: Vec<ScreeningRow> =
            of.take(LIST_MAX + 1).map(|seen| row(&app, &seen)).collect();
        let is_more = rows.len() > LIST_MAX;
        rows.truncate(LIST_MAX);
        answer(&ScreeningsPage {
            frame: frame(&app, &who, Some(&business)),
            done: (params.done.as_deref() == Some("deleted"))
                .then(|| "The list was deleted, with everything that came of it.".to_owned()),
            rows,
            is_more,
        })
    })
    .await
}

/// What was made elsewhere, or a page that says why there is none.
fn shown(app: &App, who: &Who, made: Result<Response, Problem>) -> Response {
    made.unwrap_or_else(|problem| failed(app, who, problem))
}

/// `GET /screenings/{id}/report`.
pub(crate) async fn report(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
    Params(params): Params<ReportParams>,
) -> Response {
    let made = report_of(&app, &who, &id, params.agreement).await;
    let made = made.map(|html| guarded(Html(html).into_response()));
    shown(&app, &who, made)
}

/// `GET /screenings/{id}/{part}`.
pub(crate) async fn download(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments((id, part)): Segments<(String, String)>,
) -> Response {
    shown(&app, &who, file(&app, &who, &id, &part))
}

/// `GET /screenings/{id}/delete`: the question before it is done.
pub(crate) async fn ask(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
) -> Response {
    page(&app, &who, async {
        let seen = find(&app, &who, &id)?;
        let business = who.business(&app.directory, Some(&seen.meta.business))?;
        answer(&ScreeningDeletePage {
            frame: frame(&app, &who, Some(&business)),
            row: row(&app, &seen),
        })
    })
    .await
}

/// `POST /screenings/{id}/delete`. A second click finds nothing left, which is what was wanted.
pub(crate) async fn delete(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
    Posted(form): Posted<OfForm>,
) -> Response {
    let done = async {
        who.must(May::Manager)?;
        let business = business(&app, &who, form.business.as_deref())?;
        if let Ok(seen) = find(&app, &who, &id) {
            delete_one(&app, seen).await?;
        }
        let business = &business.config.id;
        Ok::<_, Problem>(format!("/screenings?business={business}&done=deleted"))
    };
    led(&app, &who, done.await)
}
