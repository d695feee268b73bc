//! From what the ledger holds to what a page shows.

use greenline_console::words::{number_status, rating};
use greenline_console::{
    Addressee, DecisionPage, DecisionRow, Frame, HistoryRow, NextStepView, NumberRow, PersonPage,
    ReasonView, Replay, StandingRow, StopRow, When, WindowRow,
};
use greenline_ledger::types::{
    DecisionRecord, NumberView, PersonView, RecordedPerson, StoredEvent,
};
use greenline_policy::consent::{EventId, EventKind, Head, Standing};
use greenline_policy::decide::{
    Decision, NumberFacts, TemplateFacts, TemplateStatus, Verdict, WINDOW_MS,
};
use greenline_policy::identity::Identifier;
use greenline_policy::next_step::next_step;
use greenline_policy::number::{Ban, NumberStatus};
use greenline_policy::pack::Pack;
use greenline_policy::rule::Severity;
use greenline_policy::scope::{Category, Scope};
use serde_json::Value;

use crate::admin::shape::time;
use crate::admin::{decisions, shape};
use crate::directory::Business;
use crate::ids;

/// The form by which numbers are shown in full.
pub(super) struct Reveal {
    pub(super) action: String,
    pub(super) fields: Vec<(String, String)>,
}

/// A number as people know it, or its id.
pub(crate) fn number_name(business: &Business, id: &str) -> String {
    business
        .config
        .number
        .iter()
        .find(|number| number.phone_number_id == id && !number.display_number.is_empty())
        .map_or_else(|| id.to_owned(), |number| number.display_number.clone())
}

pub(in crate::admin) fn numbers(
    business: &Business,
    views: Vec<NumberView>,
    now_ms: i64,
) -> Vec<NumberRow> {
    views
        .into_iter()
        .map(|view| NumberRow {
            display: number_name(business, &view.number),
            status: number_status(view.status.as_deref()).into(),
            rating: rating(view.rating.as_deref()).into(),
            read: view.at_ms.map(|at_ms| When::new(at_ms, now_ms)),
            last_inbound: view.last_inbound_ms.map(|at_ms| When::new(at_ms, now_ms)),
            id: view.number.into(),
        })
        .collect()
}

fn masked(people: &[RecordedPerson]) -> String {
    people
        .iter()
        .map(|person| person.identifier.to_string())
        .collect::<Vec<_>>()
        .join(" and ")
}

pub(super) fn decision_row(record: &DecisionRecord, now_ms: i64) -> DecisionRow {
    DecisionRow {
        id: ids::decision(record.id),
        at: When::new(record.at_ms, now_ms),
        to: masked(&record.people),
        intent: record.intent,
        template: record.template.as_ref().map(|(name, _)| name.to_string()),
        app: record.app.to_string(),
        verdict: record.decision.verdict,
        observed: record.observed,
        reason: record.decision.first().map_or_else(String::new, |reason| {
            record.decision.text(reason.rule).into_owned()
        }),
    }
}

pub(super) fn stop_row(stop: &StoredEvent, now_ms: i64) -> StopRow {
    StopRow {
        at: When::new(stop.event.at_ms, now_ms),
        who: stop.identifier.to_string(),
        kind: stop.event.kind,
        scope: stop.event.scope.to_string(),
        method: how(stop),
    }
}

/// How an event came, in words.
fn how(stop: &StoredEvent) -> String {
    let method = stop.event.evidence.method.replace('_', " ");
    match (method.is_empty(), stop.event.in_thread) {
        (false, _) => method,
        (true, true) => "written in WhatsApp".to_owned(),
        (true, false) => format!("recorded by {}", stop.event.actor.0),
    }
}

fn reasons(decision: &Decision, now_ms: i64) -> Vec<ReasonView> {
    decision
        .reasons
        .iter()
        .map(|reason| {
            let card = reason.rule.card();
            ReasonView {
                rule: card.id.to_owned(),
                text: decision.text(reason.rule).into_owned(),
                sources: card
                    .sources
                    .iter()
                    .map(|source| (*source).to_owned())
                    .collect(),
                remedy: card.remedy.to_owned(),
                refuses: card.severity != Severity::Note,
                until: reason
                    .until_ms
                    .filter(|until_ms| *until_ms != i64::MAX)
                    .map(|until_ms| When::new(until_ms, now_ms)),
                event: reason.event.map(ids::event),
            }
        })
        .collect()
}

fn since(standing: &Standing) -> Option<i64> {
    match standing {
        Standing::Refused { at_ms, .. } | Standing::Covered { at_ms, .. } => Some(*at_ms),
        _ => None,
    }
}

fn event_of(standing: &Standing) -> Option<EventId> {
    match standing {
        Standing::Unknown => None,
        Standing::Refused { event, .. }
        | Standing::Covered { event, .. }
        | Standing::Claimed { event }
        | Standing::Unconfirmed { event }
        | Standing::Expired { event } => Some(*event),
    }
}

/// One row per category and named topic; `all` only where some event names it.
pub(crate) fn standings(head: &Head, now_ms: i64) -> Vec<StandingRow> {
    let all = (head.standing(&Scope::All) != Standing::Unknown).then_some(Scope::All);
    let topics = head.topics.iter().map(|(topic, _)| topic.clone());
    all.into_iter()
        .chain(Category::ALL.map(Scope::Category))
        .chain(topics)
        .map(|scope| {
            let standing = head.standing(&scope);
            StandingRow {
                scope: if scope == Scope::All {
                    "everything".to_owned()
                } else {
                    scope.to_string()
                },
                since: since(&standing).map(|at_ms| When::new(at_ms, now_ms)),
                event: event_of(&standing).map(ids::event),
                switched_off: head.native_stop.is_some()
                    && scope.category() == Some(Category::Marketing),
                standing,
            }
        })
        .collect()
}

pub(crate) fn when(moment: Option<(EventId, i64)>, now_ms: i64) -> Option<When> {
    moment.map(|(_, at_ms)| When::new(at_ms, now_ms))
}

fn addressee(person: &RecordedPerson, link: String, now_ms: i64) -> Addressee {
    Addressee {
        who: person.identifier.to_string(),
        link: person.person.is_some().then_some(link),
        standings: standings(&person.head, now_ms),
        native_stop: when(person.head.native_stop, now_ms),
        freeform_closed: when(person.head.freeform_closed, now_ms),
        wrote: person.wrote_at_ms.map(|at_ms| When::new(at_ms, now_ms)),
    }
}

fn template_known(facts: &TemplateFacts) -> String {
    if !facts.known {
        return "not on the account's list; judged as marketing".to_owned();
    }
    let status = match facts.status {
        TemplateStatus::Sendable => "sendable",
        TemplateStatus::Paused => "paused",
        TemplateStatus::Disabled => "disabled",
    };
    let topic = facts
        .topic
        .as_ref()
        .map(|topic| format!(", topic {topic}"))
        .unwrap_or_default();
    let ask = if facts.is_ask { ", an ask" } else { "" };
    let quality = facts
        .quality
        .map(|score| format!(", quality {}", score.as_str()))
        .unwrap_or_default();
    format!("{}{topic}, {status}{ask}{quality}", facts.category)
}

fn number_known(facts: &NumberFacts) -> String {
    let mut text = match facts.status {
        NumberStatus::Unknown => "status not read yet".to_owned(),
        status => format!("status {}", status.as_str()),
    };
    if facts.ban != Ban::None {
        text.push_str(", account ban: ");
        text.push_str(facts.ban.as_str());
    }
    if facts.locked {
        text.push_str(", account locked");
    }
    for cause in &facts.health {
        text.push_str(", ");
        text.push_str(cause.id());
    }
    match facts.restrictions.len() {
        0 => text.push_str(", no restriction"),
        1 => text.push_str(", one restriction on record"),
        more => text.push_str(&format!(", {more} restrictions on record")),
    }
    if let Some(rating) = facts.rating {
        let score = rating.score.as_str();
        text.push_str(&format!(", rated {score} at {}", time(rating.read_ms)));
    }
    text
}

pub(crate) fn outcome(record: &DecisionRecord) -> String {
    let went = record.decision.verdict == Verdict::Allow || record.observed;
    let first = match record.outcome.as_deref() {
        None if went => "On its way, or not settled yet.",
        None if record.decision.verdict == Verdict::Hold => "It is kept until it may go.",
        None => "It did not go.",
        Some("accepted") => "The platform took it.",
        Some("rejected") => "The platform refused it.",
        Some("not_sent") => "It was not sent.",
        Some("unknown") => "Its outcome is not known.",
        Some(_) => "Settled.",
    };
    match record.status.as_deref() {
        Some(status) => format!("{first} Latest status: {status}."),
        None => first.to_owned(),
    }
}

pub(super) fn decision_page(
    frame: Frame,
    business: &Business,
    record: &DecisionRecord,
    now_ms: i64,
) -> DecisionPage {
    let row = decision_row(record, now_ms);
    let again = decisions::replay(record);
    let replay = if again == record.decision {
        Replay::Same
    } else {
        let rules: Vec<&str> = again
            .reasons
            .iter()
            .map(|reason| reason.rule.id())
            .collect();
        Replay::Differs(format!(
            "{} with {} under pack {}",
            again.verdict.as_str(),
            rules.join(", "),
            Pack::at(record.at_ms).version
        ))
    };
    DecisionPage {
        frame,
        number: number_name(business, &record.number),
        pack: record.pack.to_string(),
        reasons: reasons(&record.decision, now_ms),
        next_step: next_step(&record.decision).map(|step| NextStepView {
            text: step.text.to_owned(),
            until: step.until_ms.map(|until_ms| When::new(until_ms, now_ms)),
            then: step.then.iter().map(|rule| rule.id().to_owned()).collect(),
        }),
        people: record
            .people
            .iter()
            .enumerate()
            .map(|(place, person)| {
                addressee(
                    person,
                    format!("/decisions/{}/people/{place}", row.id),
                    now_ms,
                )
            })
            .collect(),
        template_known: record.template_facts.as_ref().map(template_known),
        number_known: number_known(&record.number_facts),
        outcome: outcome(record),
        message_ids: record.message_ids.iter().map(ToString::to_string).collect(),
        replay,
        row,
    }
}

pub(crate) fn history_row(stored: &StoredEvent, full: bool, now_ms: i64) -> HistoryRow {
    let event = &stored.event;
    let mut members = shape::evidence(&event.evidence);
    let known = shape::EVIDENCE
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), members.remove(name)?)));
    let known: Vec<(String, Value)> = known.filter(|(name, _)| full || name != "ip").collect();
    let evidence = known.into_iter().chain(members).map(|(name, value)| {
        let value = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        (name.replace('_', " "), value)
    });
    HistoryRow {
        id: ids::event(stored.id),
        at: When::new(event.stated_ms.min(event.arrival_ms), now_ms),
        recorded: (event.arrival_ms.abs_diff(event.stated_ms) >= 1_000)
            .then(|| When::new(event.arrival_ms, now_ms)),
        kind: event.kind,
        scope: event.scope.to_string(),
        strength: matches!(event.kind, EventKind::Granted | EventKind::Reconfirmed)
            .then(|| event.strength.as_str()),
        identifier: name(&stored.identifier, full),
        actor: event.actor.0.to_string(),
        evidence: evidence.collect(),
    }
}

/// A person's identifier, masked unless wanted in full.
pub(crate) fn name(identifier: &Identifier, full: bool) -> String {
    match (identifier, full) {
        (identifier, false) => identifier.to_string(),
        (Identifier::Phone(phone), true) => format!("+{}", phone.reveal()),
        (Identifier::User(id), true) => id.reveal().to_owned(),
    }
}

pub(super) fn person_page(
    frame: Frame,
    business: &Business,
    view: &PersonView,
    asked_by: &Identifier,
    full: bool,
    reveal: Option<Reveal>,
    now_ms: i64,
) -> PersonPage {
    PersonPage {
        frame,
        who: name(asked_by, full),
        identifiers: view
            .identifiers
            .iter()
            .map(|(identifier, since_ms)| {
                (
                    name(identifier, full),
                    (*since_ms > 0).then(|| When::new(*since_ms, now_ms)),
                )
            })
            .collect(),
        revealed: full,
        reveal: reveal
            .filter(|_| !full)
            .map(|reveal| (reveal.action, reveal.fields)),
        standings: standings(&view.head, now_ms),
        native_stop: when(view.head.native_stop, now_ms),
        freeform_closed: when(view.head.freeform_closed, now_ms),
        windows: windows(business, view, now_ms, |at_ms| When::new(at_ms, now_ms)),
        history: view
            .history
            .iter()
            .rev()
            .map(|event| history_row(event, full, now_ms))
            .collect(),
    }
}

/// A person's windows, each time told by `when`.
pub(crate) fn windows(
    business: &Business,
    view: &PersonView,
    now_ms: i64,
    when: impl Fn(i64) -> When,
) -> Vec<WindowRow> {
    let rows = view.windows.iter().map(|(number, wrote_ms, _)| {
        let until_ms = wrote_ms.saturating_add(WINDOW_MS);
        WindowRow {
            number: number_name(business, number),
            wrote: when(*wrote_ms),
            until: when(until_ms),
            open: now_ms < until_ms,
        }
    });
    rows.collect()
}
