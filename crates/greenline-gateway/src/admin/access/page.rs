//! The same as a page to read and hand over, drawn piece by piece.

use greenline_console::held::{
    HeldDecision, HeldEnd, HeldEvent, HeldPerson, HeldSection, HeldSectionEnd, HeldStart, HeldText,
    KeptFor,
};
use greenline_console::{Page, When, words};
use greenline_ledger::erasure::is_pseudonym;
use greenline_ledger::held::{Held, HeldAt, HeldKind};
use greenline_ledger::later::{HeldEnd as Ended, HeldMessage};
use greenline_ledger::types::{DecisionRecord, Lane, OwnReply, PersonView};
use greenline_policy::decide::Verdict;
use greenline_policy::identity::Identifier;
use serde_json::Value;

use super::{Export, Pieces, Stopped, decision_id, export_shape, put, theirs};
use crate::admin::pages::views;
use crate::retention;

/// A page tells moments of its own day without the day; this one is read later, so each is told as of another day.
const ANOTHER_DAY_MS: i64 = 0;

/// What a delivery is, said to the person.
pub(super) fn lane(lane: Lane) -> &'static str {
    match lane {
        Lane::Inbound => "What was written or done in WhatsApp, as it came in",
        Lane::Status => "What WhatsApp said became of a message",
        Lane::Account => "What WhatsApp said of the account",
        Lane::Event | Lane::Bulk => "What the business's own systems were told",
    }
}

/// What a reply says.
pub(super) fn reply(reply: &OwnReply) -> &'static str {
    match reply {
        OwnReply::StopConfirmed { .. } => "The confirmation of a stop",
        OwnReply::StopQuestion { .. } => "The question whether a word was meant as a stop",
        OwnReply::OptInQuestion { .. } => "The question whether messages are wanted",
        OwnReply::StartConfirmed { .. } => "The confirmation that messages may come again",
    }
}

fn drawn(page: &impl Page) -> Result<String, Stopped> {
    greenline_console::render(page).map_err(|error| {
        tracing::error!(%error, "a piece of a page could not be drawn");
        Stopped::Undrawn
    })
}

fn name(identifier: &Identifier) -> String {
    if is_pseudonym(identifier) {
        return "erased: only a keyed hash is kept".to_owned();
    }
    views::name(identifier, true)
}

fn person(export: &Export, view: &PersonView) -> HeldPerson {
    let known = view.identifiers.iter();
    HeldPerson {
        identifiers: known
            .map(|(identifier, since_ms)| {
                let since = (*since_ms > 0).then(|| When::dated(*since_ms));
                (name(identifier), since)
            })
            .collect(),
        standings: views::standings(&view.head, ANOTHER_DAY_MS),
        native_stop: views::when(view.head.native_stop, ANOTHER_DAY_MS),
        freeform_closed: views::when(view.head.freeform_closed, ANOTHER_DAY_MS),
        windows: views::windows(&export.business, view, export.now_ms, When::dated),
    }
}

fn start(export: &Export) -> HeldStart {
    let holding = &export.holding;
    let numbered = |number: &str| views::number_name(&export.business, number);
    let calls = holding.calls.iter().map(|call| {
        let until = call.until_ms.map(When::dated);
        (numbered(&call.number), When::dated(call.at_ms), until)
    });
    let kept = retention::kept(&export.app.config.retention).into_iter();
    HeldStart {
        business: export.business.config.name.clone(),
        asked: name(&export.asked),
        made: When::dated(export.now_ms),
        by: export.by.clone(),
        erased: export.is_erased(),
        people: export
            .views
            .iter()
            .map(|view| person(export, view))
            .collect(),
        calls: calls.collect(),
        links_revoked: holding
            .links_revoked_ms
            .map(|at_ms| (When::dated(at_ms), holding.links_revoked)),
        kept: kept
            .map(|(what, days)| KeptFor {
                what: what.to_owned(),
                long: match days {
                    None => "for good".to_owned(),
                    Some(1) => "one day".to_owned(),
                    Some(days) => format!("{days} days"),
                },
            })
            .collect(),
    }
}

fn decision(export: &Export, record: &DecisionRecord) -> HeldDecision {
    let theirs = export.theirs(record);
    let names: Vec<String> = theirs.iter().map(|to| name(to)).collect();
    let verdict = record.decision.verdict;
    let tone = match (verdict, record.observed) {
        (Verdict::Allow, _) => "good",
        (Verdict::Refuse, false) => "bad",
        (Verdict::Refuse, true) | (Verdict::Hold, _) => "warn",
    };
    HeldDecision {
        id: decision_id(record),
        at: When::dated(record.at_ms),
        what: words::intent(record.intent),
        template: record.template.as_ref().map(|(name, _)| name.to_string()),
        number: views::number_name(&export.business, &record.number),
        app: record.app.to_string(),
        to: names.join(" and "),
        others: theirs.len() < record.people.len(),
        verdict: (words::verdict(verdict, record.observed), tone),
        reasons: record
            .decision
            .reasons
            .iter()
            .map(|reason| record.decision.text(reason.rule).into_owned())
            .collect(),
        outcome: views::outcome(record),
        message_ids: record.message_ids.iter().map(ToString::to_string).collect(),
    }
}

/// What became of a message that was kept for later, in words.
pub(super) fn held_state(message: &HeldMessage) -> &'static str {
    match message.end {
        None => "waits to be sent",
        Some((Ended::Sent, _)) => "sent later",
        Some((Ended::Failed, _)) => "not sent",
        Some((Ended::Cancelled, _)) => "cancelled",
        Some((Ended::Unknown, _)) => "may have been sent",
    }
}

fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

fn piece(export: &Export, held: &Held) -> Result<String, Stopped> {
    match held {
        Held::Decision(record) => drawn(&decision(export, record)),
        Held::Delivery {
            received_ms,
            lane: of,
            body,
        } => drawn(&HeldText {
            at: When::dated(*received_ms),
            what: lane(*of).to_owned(),
            text: pretty(&theirs::cut(body, &export.holding)),
        }),
        Held::Reply {
            number,
            reply: what,
            at_ms,
            is_over,
            ..
        } => {
            let over = if *is_over { "" } else { "; still to be sent" };
            drawn(&HeldText {
                at: When::dated(*at_ms),
                what: format!(
                    "{}, from {}{over}",
                    reply(what),
                    views::number_name(&export.business, number)
                ),
                text: String::new(),
            })
        }
        Held::Message { message, body } => drawn(&HeldText {
            at: When::dated(message.held_ms),
            what: format!(
                "{}, template {}, from {}",
                held_state(message),
                message.template.0,
                views::number_name(&export.business, &message.number)
            ),
            text: body
                .as_ref()
                .map(|body| String::from_utf8_lossy(body).into_owned())
                .unwrap_or_default(),
        }),
        Held::Timeline(entry) => drawn(&HeldText {
            at: When::dated(entry.at_ms),
            what: format!("{} {}: {}", entry.subject, entry.subject_id, entry.event),
            text: pretty(&serde_json::from_str(&entry.body).unwrap_or_default()),
        }),
    }
}

/// A kind with its heading and what is in it.
fn heading(kind: HeldKind) -> HeldSection {
    let (title, text) = match kind {
        HeldKind::Decisions => (
            "Messages to you, and why each was sent or not",
            "Every time the business wanted to send something, with the rules that decided.",
        ),
        HeldKind::Deliveries => (
            "Kept word for word",
            "What came from WhatsApp in the last days. What concerns other people is left out.",
        ),
        HeldKind::Replies => (
            "Automatic answers",
            "Answers that Greenline itself gave or owes, such as the confirmation of a stop.",
        ),
        HeldKind::Messages => (
            "Messages kept for later",
            "What was to be sent at a time when it might not go, and what became of it. What it says is kept until it is sent or given up.",
        ),
        HeldKind::Timeline => (
            "Other entries",
            "Entries of the account's timeline that speak of you.",
        ),
    };
    HeldSection { title, text }
}

/// Writes the page.
pub(super) async fn write(export: &Export, pieces: &Pieces) -> Result<(), Stopped> {
    put(pieces, drawn(&start(export))?).await?;
    let mut records = 0;
    let events = HeldSection {
        title: "What you agreed to and refused",
        text: "Every yes and every no, when, in which words, and who wrote it down.",
    };
    put(pieces, drawn(&events)?).await?;
    for view in &export.views {
        for stored in &view.history {
            let row = views::history_row(stored, true, ANOTHER_DAY_MS);
            put(pieces, drawn(&HeldEvent { row })?).await?;
            records += 1;
        }
    }
    put(pieces, drawn(&HeldSectionEnd { count: records })?).await?;
    for kind in HeldKind::ALL {
        put(pieces, drawn(&heading(kind))?).await?;
        let (mut count, mut next) = (0, Some(HeldAt::START));
        while let Some(after) = next {
            let (page, more) = export.page(kind, after).await?;
            for held in &page {
                put(pieces, piece(export, held)?).await?;
                count += 1;
            }
            next = more;
        }
        records += count;
        put(pieces, drawn(&HeldSectionEnd { count })?).await?;
    }
    let asked = HeldSection {
        title: "Who had this made before",
        text: "Each such file is noted with the name of whoever had it made.",
    };
    put(pieces, drawn(&asked)?).await?;
    for entry in &export.exports {
        let shape = export_shape(entry);
        let text = HeldText {
            at: When::dated(entry.at_ms),
            what: format!("by {}", shape["by"].as_str().unwrap_or_default()),
            text: String::new(),
        };
        put(pieces, drawn(&text)?).await?;
    }
    let count = export.exports.len() as u64;
    put(pieces, drawn(&HeldSectionEnd { count })?).await?;
    put(pieces, drawn(&HeldEnd { records })?).await
}
