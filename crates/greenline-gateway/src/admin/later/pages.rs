//! The page of held messages, and cancelling one.

use axum::extract::State as Wired;
use axum::response::Response;
use greenline_console::{HeldCancelPage, HeldPage, HeldRow, When};
use greenline_ledger::later::{HeldFilter, HeldMessage, HeldStage};
use serde::Deserialize;

use crate::admin::auth::PageWho;
use crate::admin::extract::{Params, Posted, Segments};
use crate::admin::pages::{OfForm, answer, business, frame, led, page};
use crate::admin::problem::Problem;
use crate::app::Shared;
use crate::config::May;
use crate::directory::Business;
use crate::ids;

use super::{PAGE_ROWS, cancel_one, find, state};

/// Which business, from where on, and what was just done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PageParams {
    business: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

fn row(business: &Business, message: &HeldMessage, now_ms: i64) -> HeldRow {
    let waits = message.stage == HeldStage::Waiting;
    let then_ms = match message.end {
        Some((_, over_ms)) => Some(over_ms),
        None => message.due_ms.filter(|_| waits),
    };
    let mut numbers = business.config.number.iter();
    let number = numbers.find(|number| *number.phone_number_id == *message.number);
    HeldRow {
        id: ids::decision(message.id),
        decision: ids::decision(message.decision),
        to: message.to.to_string(),
        template: message.template.0.to_string(),
        app: message.app.to_string(),
        number: number.map_or_else(
            || message.number.to_string(),
            |number| number.display_number.clone(),
        ),
        state: state(message),
        held: When::new(message.held_ms, now_ms),
        then: then_ms.map(|at_ms| When::new(at_ms, now_ms)),
        waits,
    }
}

/// `GET /held`.
pub(crate) async fn list(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Params(params): Params<PageParams>,
) -> Response {
    page(&app, &who, async {
        let business = business(&app, &who, params.business.as_deref())?;
        let now_ms = app.clock.now_ms();
        let after = params.cursor.as_deref().and_then(ids::parse_decision);
        let everyone = HeldFilter {
            number: None,
            to: Vec::new(),
        };
        let found = app
            .ledger
            .held_messages(business.ix, &everyone, after, PAGE_ROWS)
            .await?;
        let waiting = app.ledger.held_waiting(business.ix).await?.into_iter();
        let last = found.last().filter(|_| found.len() == PAGE_ROWS);
        answer(&HeldPage {
            frame: frame(&app, &who, Some(&business)),
            done: (params.done.as_deref() == Some("cancelled"))
                .then(|| "The message was cancelled: it is never sent.".to_owned()),
            waiting: waiting
                .map(|(app, count)| (app.to_string(), count))
                .collect(),
            next: last.map(|message| ids::decision(message.id)),
            rows: found
                .iter()
                .map(|message| row(&business, message, now_ms))
                .collect(),
            may_cancel: who.may(May::Manager),
        })
    })
    .await
}

/// `GET /held/{id}/cancel`: the question before it is done.
pub(crate) async fn ask(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
) -> Response {
    page(&app, &who, async {
        who.must(May::Manager)?;
        let (business, _, message) = find(&app, &who, &id).await?;
        answer(&HeldCancelPage {
            frame: frame(&app, &who, Some(&business)),
            row: row(&business, &message, app.clock.now_ms()),
        })
    })
    .await
}

/// `POST /held/{id}/cancel`. Sent twice it does it once.
pub(crate) async fn cancel(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
    Posted(form): Posted<OfForm>,
) -> Response {
    let done = async {
        let business = business(&app, &who, form.business.as_deref())?;
        cancel_one(&app, &who, &id).await?;
        let business = &business.config.id;
        Ok::<_, Problem>(format!("/held?business={business}&done=cancelled"))
    };
    led(&app, &who, done.await)
}
