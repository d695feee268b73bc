//! The shapes that the API answers with, and how they are made of what the ledger and the policy hold.

use std::borrow::Cow;
use std::collections::BTreeMap;

use greenline_ledger::types::{DecisionRecord, Evidence, PersonView, StoredEvent};
use greenline_policy::consent::{EventId, Head, Standing};
use greenline_policy::decide::{Decision, Reason, Verdict, WINDOW_MS};
use greenline_policy::identity::Identifier;
use greenline_policy::next_step::{NextStep, next_step};
use greenline_policy::rule::{Rule, Severity};
use greenline_policy::scope::{Category, Scope};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::ids;

/// Stands for an event that is only assumed; no event on record has this number.
pub(crate) const ASSUMED: EventId = EventId(0);

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn time(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

/// A time, unless it stands for "for ever" or "never".
fn finite(at_ms: i64) -> Option<String> {
    (at_ms != i64::MAX && at_ms != i64::MIN)
        .then(|| time(at_ms))
        .filter(|text| !text.is_empty())
}

/// How one scope stands.
#[derive(Serialize, ToSchema)]
#[schema(as = Standing)]
pub(crate) struct StandingShape {
    /// `unknown`, `refused`, `covered`, `claimed`, `unconfirmed` or `expired`. Only `covered` lets a message go.
    standing: &'static str,
    /// The consent event it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// How well a yes is proved: `evidenced`, `vouched` or `imported`.
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<&'static str>,
}

impl From<&Standing> for StandingShape {
    fn from(standing: &Standing) -> Self {
        let of = |standing, event: EventId| Self {
            standing,
            event: Some(ids::event(event)),
            at: None,
            strength: None,
        };
        match standing {
            Standing::Unknown => Self {
                standing: "unknown",
                event: None,
                at: None,
                strength: None,
            },
            Standing::Refused { event, at_ms } => Self {
                at: finite(*at_ms),
                ..of("refused", *event)
            },
            Standing::Covered {
                event,
                at_ms,
                strength,
            } => Self {
                at: finite(*at_ms),
                strength: Some(strength.as_str()),
                ..of("covered", *event)
            },
            Standing::Claimed { event } => of("claimed", *event),
            Standing::Unconfirmed { event } => of("unconfirmed", *event),
            Standing::Expired { event } => of("expired", *event),
        }
    }
}

/// Something in force since a moment.
#[derive(Serialize, ToSchema)]
#[schema(as = Since)]
pub(crate) struct SinceShape {
    /// The consent event that says so.
    event: String,
    /// Since when.
    at: Option<String>,
}

impl From<(EventId, i64)> for SinceShape {
    fn from((event, at_ms): (EventId, i64)) -> Self {
        Self {
            event: ids::event(event),
            at: finite(at_ms),
        }
    }
}

/// The fold of a person's history: one standing per scope.
#[derive(Serialize, ToSchema)]
#[schema(as = Head)]
pub(crate) struct HeadShape {
    all: StandingShape,
    marketing: StandingShape,
    utility: StandingShape,
    authentication: StandingShape,
    calls: StandingShape,
    /// Topics that some event names, such as `marketing.offers`.
    #[serde(flatten)]
    topics: BTreeMap<String, StandingShape>,
    /// WhatsApp's own marketing switch is off.
    native_stop: Option<SinceShape>,
    /// They said stop: no free-form message goes until they write something after this.
    freeform_closed: Option<SinceShape>,
}

impl From<&Head> for HeadShape {
    fn from(head: &Head) -> Self {
        let category = |category| StandingShape::from(&head.standing(&Scope::Category(category)));
        Self {
            all: (&head.standing(&Scope::All)).into(),
            marketing: category(Category::Marketing),
            utility: category(Category::Utility),
            authentication: category(Category::Authentication),
            calls: category(Category::Calls),
            topics: head
                .topics
                .iter()
                .map(|(topic, standing)| (topic.to_string(), standing.into()))
                .collect(),
            native_stop: head.native_stop.map(Into::into),
            freeform_closed: head.freeform_closed.map(Into::into),
        }
    }
}

/// Who, in clear.
#[derive(Serialize, ToSchema)]
#[schema(as = Identifier)]
pub(crate) struct IdentifierShape {
    /// A phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    wa_id: Option<String>,
    /// A business-scoped user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
}

impl From<&Identifier> for IdentifierShape {
    fn from(identifier: &Identifier) -> Self {
        match identifier {
            Identifier::Phone(phone) => Self {
                wa_id: Some(phone.reveal()),
                user_id: None,
            },
            Identifier::User(id) => Self {
                wa_id: None,
                user_id: Some(id.reveal().to_owned()),
            },
        }
    }
}

/// The known members of evidence, in the order in which people read them.
pub(crate) const EVIDENCE: [&str; 8] = [
    "method",
    "wording",
    "wording_version",
    "business_name",
    "source",
    "ip",
    "message_id",
    "file",
];

/// The members of evidence that are not empty, with whatever else the caller gave.
pub(crate) fn evidence(evidence: &Evidence) -> Map<String, Value> {
    let mut members = match serde_json::from_str(&evidence.extra_json) {
        Ok(Value::Object(extra)) => extra,
        _ => Map::new(),
    };
    let values = [
        &evidence.method,
        &evidence.wording,
        &evidence.wording_version,
        &evidence.business_name,
        &evidence.source,
        &evidence.ip,
        &evidence.message_id,
        &evidence.file,
    ];
    let known = EVIDENCE.into_iter().zip(values);
    for (name, value) in known.filter(|(_, value)| !value.is_empty()) {
        members.insert(name.to_owned(), Value::String(value.to_string()));
    }
    members
}

/// A consent event as recorded. Its members can be sent to `POST /v1/consents` again.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsentEvent)]
pub(crate) struct EventShape {
    /// Its id.
    id: String,
    business: String,
    /// The identifiers it was recorded under.
    person: IdentifierShape,
    scope: String,
    /// What happened.
    event: &'static str,
    /// When the caller said it happened.
    occurred_at: String,
    /// The moment at which it is folded.
    folded_at: String,
    /// When it arrived.
    recorded_at: String,
    /// For a yes: `claimed`, `imported` or `evidenced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<&'static str>,
    /// It was said in the WhatsApp thread.
    in_thread: bool,
    /// Who recorded it.
    actor: String,
    #[schema(value_type = Object)]
    evidence: Map<String, Value>,
}

impl EventShape {
    /// The event of a business.
    pub(crate) fn new(business: &str, stored: &StoredEvent) -> Self {
        let event = &stored.event;
        let is_yes = matches!(
            event.kind,
            greenline_policy::consent::EventKind::Granted
                | greenline_policy::consent::EventKind::Reconfirmed
        );
        Self {
            id: ids::event(stored.id),
            business: business.to_owned(),
            person: (&stored.identifier).into(),
            scope: event.scope.to_string(),
            event: event.kind.as_str(),
            occurred_at: time(event.stated_ms),
            folded_at: time(event.at_ms),
            recorded_at: time(event.arrival_ms),
            strength: is_yes.then(|| event.strength.as_str()),
            in_thread: event.in_thread,
            actor: event.actor.0.to_string(),
            evidence: evidence(&event.evidence),
        }
    }
}

/// One rule that fired.
#[derive(PartialEq, Serialize, ToSchema)]
#[schema(as = Reason)]
pub(crate) struct ReasonShape {
    /// The rule's id.
    rule: &'static str,
    /// What it says.
    text: Cow<'static, str>,
    /// Fact ids of the platform notes, or laws of the design.
    sources: &'static [&'static str],
    /// The cheapest legitimate next step; empty for a note.
    remedy: &'static str,
    /// It refuses by itself; a note otherwise.
    refuses: bool,
    /// The first day on which the rule holds, where it did not always.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_force_since: Option<String>,
    /// The consent event it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// When the person said so, where that is part of the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    said_at: Option<String>,
    /// When it passes by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl ReasonShape {
    fn of(reason: &Reason, decision: &Decision, record: &DecisionRecord) -> Self {
        let card = reason.rule.card();
        let event = reason.event.filter(|event| *event != ASSUMED);
        let mut heads = record.people.iter().map(|person| &person.head);
        Self {
            rule: card.id,
            text: decision.text(reason.rule),
            sources: card.sources,
            remedy: card.remedy,
            refuses: card.severity != Severity::Note,
            in_force_since: card.since.map(|since| since.day.to_string()),
            event: event.map(ids::event),
            said_at: event
                .and_then(|event| heads.find_map(|head| said_at(head, event)))
                .and_then(finite),
            until: reason.until_ms.and_then(finite),
        }
    }
}

/// When an event was said that a head rests on.
fn said_at(head: &Head, wanted: EventId) -> Option<i64> {
    let topics = head.topics.iter().map(|(_, standing)| standing);
    let standings = head.base.iter().chain(topics);
    let said = standings.filter_map(|standing| match standing {
        Standing::Refused { event, at_ms } | Standing::Covered { event, at_ms, .. } => {
            Some((*event, *at_ms))
        }
        _ => None,
    });
    said.chain(head.native_stop)
        .chain(head.freeform_closed)
        .find(|(event, _)| *event == wanted)
        .map(|(_, at_ms)| at_ms)
}

/// The cheapest legitimate next step over all reasons together.
#[derive(PartialEq, Serialize, ToSchema)]
#[schema(as = NextStep)]
pub(crate) struct NextStepShape {
    /// The rule that it is about.
    rule: &'static str,
    /// What to do.
    text: &'static str,
    /// Until when to wait, where there is only waiting and the end is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Rules that are still in the way afterwards, in the order in which they come next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    then: Vec<&'static str>,
}

impl From<NextStep> for NextStepShape {
    fn from(step: NextStep) -> Self {
        Self {
            rule: step.rule.id(),
            text: step.text,
            until: step.until_ms.and_then(finite),
            then: step.then.into_iter().map(Rule::id).collect(),
        }
    }
}

/// Every reason of a decision that was made on what is in a record, the one that answers first.
pub(crate) fn reasons(decision: &Decision, record: &DecisionRecord) -> Vec<ReasonShape> {
    let reasons = decision.reasons.iter();
    reasons
        .map(|reason| ReasonShape::of(reason, decision, record))
        .collect()
}

/// When a refusal passes by itself: the latest end, if every refusing reason has one.
pub(crate) fn until(decision: &Decision) -> Option<String> {
    let mut latest = None;
    for reason in decision
        .reasons
        .iter()
        .filter(|reason| reason.rule.card().severity != Severity::Note)
    {
        latest = latest.max(Some(reason.until_ms?));
    }
    latest.and_then(finite)
}

/// A decision in a list or on its own.
#[derive(Serialize, ToSchema)]
#[schema(as = Decision)]
pub(crate) struct DecisionShape {
    /// Its id.
    id: String,
    /// `allow`, `refuse`, or `hold`: it would be kept until `until` and decided again then.
    decision: &'static str,
    /// When the refusal passes by itself, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Every rule that fired, the one that answers first.
    reasons: Vec<ReasonShape>,
    /// The cheapest legitimate next step over all reasons together; absent when it may go.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_step: Option<NextStepShape>,
    /// The rule pack.
    pack: String,
    business: String,
    /// The phone_number_id.
    number: String,
    app: String,
    /// When it was made.
    at: String,
    /// `message`, `template`, `call` or `confirmation`.
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<TemplateName>,
    /// The addressees, masked.
    to: Vec<String>,
    /// Refusals did not bind (`mode = "observe"`).
    observed: bool,
    /// `accepted`, `rejected`, `not_sent`, `unknown`; absent while under way and for what did not go.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    message_ids: Vec<String>,
    /// The latest status of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
}

impl DecisionShape {
    /// Whether it may go.
    pub(crate) fn is_allowed(&self) -> bool {
        self.decision == Verdict::Allow.as_str()
    }
}

/// A template as sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateName {
    name: String,
    language: String,
}

impl TemplateName {
    pub(crate) fn new(name: &str, language: &str) -> Self {
        Self {
            name: name.to_owned(),
            language: language.to_owned(),
        }
    }
}

impl From<&DecisionRecord> for DecisionShape {
    fn from(record: &DecisionRecord) -> Self {
        use greenline_policy::decide::Intent;
        Self {
            id: ids::decision(record.id),
            decision: record.decision.verdict.as_str(),
            until: until(&record.decision),
            reasons: reasons(&record.decision, record),
            next_step: next_step(&record.decision).map(Into::into),
            pack: record.pack.to_string(),
            business: record.business.to_string(),
            number: record.number.to_string(),
            app: record.app.to_string(),
            at: time(record.at_ms),
            what: match record.intent {
                Intent::FreeForm => "message",
                Intent::Template => "template",
                Intent::Call => "call",
                Intent::Confirmation => "confirmation",
            },
            template: record
                .template
                .as_ref()
                .map(|(name, language)| TemplateName {
                    name: name.to_string(),
                    language: language.to_string(),
                }),
            to: record
                .people
                .iter()
                .map(|person| person.identifier.to_string())
                .collect(),
            observed: record.observed,
            outcome: record.outcome.as_ref().map(ToString::to_string),
            message_ids: record.message_ids.iter().map(ToString::to_string).collect(),
            status: record.status.as_ref().map(ToString::to_string),
        }
    }
}

/// A window with one number.
#[derive(Serialize, ToSchema)]
#[schema(as = Window)]
pub(crate) struct WindowShape {
    /// The phone_number_id.
    number: String,
    /// When the person last wrote to it.
    wrote_at: String,
    /// Free-form messages may go until then.
    open_until: String,
    /// It is open now.
    open: bool,
    /// End of a free entry point's 72 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    free_until: Option<String>,
}

/// A linked identifier.
#[derive(Serialize, ToSchema)]
pub(crate) struct Linked {
    #[serde(flatten)]
    identifier: IdentifierShape,
    /// Since when it is known to be this person; absent for the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    linked_at: Option<String>,
}

/// A person.
#[derive(Serialize, ToSchema)]
#[schema(as = Person)]
pub(crate) struct PersonShape {
    business: String,
    /// Every identifier of this person.
    identifiers: Vec<Linked>,
    /// How each scope stands, seen from the identifier asked by.
    head: HeadShape,
    /// Every consent event, oldest first.
    history: Vec<EventShape>,
    /// Windows that the person's messages opened.
    windows: Vec<WindowShape>,
}

impl PersonShape {
    /// The person as they stand at `now_ms`.
    pub(crate) fn new(business: &str, view: &PersonView, now_ms: i64) -> Self {
        Self {
            business: business.to_owned(),
            identifiers: view
                .identifiers
                .iter()
                .map(|(identifier, since)| Linked {
                    identifier: identifier.into(),
                    linked_at: finite(*since),
                })
                .collect(),
            head: (&view.head).into(),
            history: view
                .history
                .iter()
                .map(|event| EventShape::new(business, event))
                .collect(),
            windows: view
                .windows
                .iter()
                .map(|(number, wrote_ms, free_ms)| {
                    let until_ms = wrote_ms.saturating_add(WINDOW_MS);
                    WindowShape {
                        number: number.to_string(),
                        wrote_at: time(*wrote_ms),
                        open_until: time(until_ms),
                        open: now_ms < until_ms,
                        free_until: free_ms.and_then(finite),
                    }
                })
                .collect(),
        }
    }
}
