//! A decision's record in the parts that are sealed one by one: who it was about apart from the rest, so that
//! the one can be erased and the other stays proved.
//!
//! The form here is its own and not that of the stores: a store may come to write records in another way,
//! but what was sealed must come out the same, byte for byte, for ever. Members are only ever added, and one
//! that has its default is left out.

use greenline_policy::consent::{EventId, Head, Standing};
use greenline_policy::decide::{NumberFacts, TemplateFacts, TemplateStatus};
use greenline_policy::identity::Identifier;
use greenline_policy::number::Ban;
use greenline_policy::quiet::Quiet;
use serde::Serialize;

use super::{LedgerError, intent_name, is_default, restriction_name};
use crate::types::{DecisionRecord, RecordedPerson};

/// The parts, each JSON.
pub(crate) struct Sealed {
    /// Every addressee with what was known of them.
    pub(crate) people: String,
    /// Rules that fired.
    pub(crate) reasons: String,
    /// Everything else that it rested on.
    pub(crate) facts: String,
}

/// A standing: its name, the event, its time, its strength.
#[derive(Serialize)]
struct StandingPart(&'static str, u64, Option<i64>, Option<&'static str>);

impl StandingPart {
    fn of(standing: &Standing) -> Option<Self> {
        let named = |name, event: EventId| Self(name, event.0, None, None);
        Some(match standing {
            Standing::Unknown => return None,
            Standing::Refused { event, at_ms } => Self("refused", event.0, Some(*at_ms), None),
            Standing::Covered {
                event,
                at_ms,
                strength,
            } => Self("covered", event.0, Some(*at_ms), Some(strength.as_str())),
            Standing::Claimed { event } => named("claimed", *event),
            Standing::Unconfirmed { event } => named("unconfirmed", *event),
            Standing::Expired { event } => named("expired", *event),
        })
    }
}

#[derive(Serialize)]
struct HeadPart {
    base: [Option<StandingPart>; 5],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topics: Vec<(String, Option<StandingPart>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    native_stop: Option<(u64, i64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    freeform_closed: Option<(u64, i64)>,
}

impl HeadPart {
    fn of(head: &Head) -> Self {
        let named = |pair: Option<(EventId, i64)>| pair.map(|(event, at_ms)| (event.0, at_ms));
        let topics = head.topics.iter();
        Self {
            base: head.base.each_ref().map(StandingPart::of),
            topics: topics
                .map(|(scope, standing)| (scope.to_string(), StandingPart::of(standing)))
                .collect(),
            native_stop: named(head.native_stop),
            freeform_closed: named(head.freeform_closed),
        }
    }
}

#[derive(Serialize)]
struct PersonPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<u64>,
    identifier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<HeadPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrote_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_permission_until_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsettled_until_ms: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    country: String,
    #[serde(skip_serializing_if = "is_default")]
    closed: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    quiet: Option<[i64; 4]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capped_until_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limited_until_ms: Option<i64>,
}

impl PersonPart {
    fn of(person: &RecordedPerson) -> Self {
        let place = &person.place;
        Self {
            person: person.person.map(|person| person.0),
            identifier: Identifier::reveal(&person.identifier),
            head: (!is_default(&person.head)).then(|| HeadPart::of(&person.head)),
            wrote_at_ms: person.wrote_at_ms,
            call_permission_until_ms: person.call_permission_until_ms,
            unsettled_until_ms: person.unsettled_until_ms,
            country: place.country.as_str().to_owned(),
            closed: place.closed.bits(),
            quiet: (place.quiet != Quiet::NONE).then(|| place.quiet.ends_ms()),
            capped_until_ms: person.pace.capped_until_ms,
            limited_until_ms: person.pace.limited_until_ms,
        }
    }
}

#[derive(Serialize)]
struct TemplatePart {
    #[serde(skip_serializing_if = "is_default")]
    known: bool,
    category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "is_default")]
    is_ask: bool,
}

impl TemplatePart {
    fn of(facts: &TemplateFacts) -> Self {
        Self {
            known: facts.known,
            category: facts.category.as_str(),
            topic: facts.topic.as_ref().map(ToString::to_string),
            status: match facts.status {
                TemplateStatus::Sendable => None,
                TemplateStatus::Paused => Some("paused"),
                TemplateStatus::Disabled => Some("disabled"),
            },
            is_ask: facts.is_ask,
        }
    }
}

#[derive(Serialize)]
struct NumberPart {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ban: Option<&'static str>,
    #[serde(skip_serializing_if = "is_default")]
    locked: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    restrictions: Vec<(&'static str, Option<i64>)>,
}

impl NumberPart {
    fn of(facts: &NumberFacts) -> Self {
        let restrictions = facts.restrictions.iter();
        Self {
            status: facts.status.as_str(),
            ban: (facts.ban != Ban::None).then(|| facts.ban.as_str()),
            locked: facts.locked,
            restrictions: restrictions
                .map(|one| (restriction_name(one.kind), one.until_ms))
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct FactsPart<'a> {
    pack: &'a str,
    intent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<(&'a str, &'a str)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_facts: Option<TemplatePart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number_facts: Option<NumberPart>,
    #[serde(skip_serializing_if = "is_default")]
    window_templates_are_replies: bool,
    #[serde(skip_serializing_if = "is_default")]
    only_notifications: u8,
    #[serde(skip_serializing_if = "is_default")]
    yes_lasts: [u16; 4],
    #[serde(skip_serializing_if = "is_default")]
    observed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirms: Option<u64>,
    body_hash: String,
}

fn json(value: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|_| LedgerError::Bug("a decision that does not serialise"))
}

/// The parts of a record.
pub(crate) fn of(record: &DecisionRecord) -> Result<Sealed, LedgerError> {
    let people: Vec<PersonPart> = record.people.iter().map(PersonPart::of).collect();
    let reasons = record.decision.reasons.iter();
    let reasons: Vec<(&str, Option<u64>, Option<i64>)> = reasons
        .map(|reason| {
            let event = reason.event.map(|event| event.0);
            (reason.rule.id(), event, reason.until_ms)
        })
        .collect();
    let facts = FactsPart {
        pack: &record.pack,
        intent: intent_name(record.intent),
        template: record
            .template
            .as_ref()
            .map(|(name, language)| (&**name, &**language)),
        template_facts: record.template_facts.as_ref().map(TemplatePart::of),
        number_facts: (!is_default(&record.number_facts))
            .then(|| NumberPart::of(&record.number_facts)),
        window_templates_are_replies: record.rules.window_templates_are_replies,
        only_notifications: record.rules.only_notifications.bits(),
        yes_lasts: record.rules.yes_lasts.days(),
        observed: record.observed,
        confirms: record.confirms.map(|event| event.0),
        body_hash: greenline_proof::hex(&record.body_hash),
    };
    Ok(Sealed {
        people: json(&people)?,
        reasons: json(&reasons)?,
        facts: json(&facts)?,
    })
}
