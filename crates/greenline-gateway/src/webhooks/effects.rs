//! What a webhook delivery teaches, as effects for the ledger.
//!
//! One pure function from the delivery, the business's settings and the time of arrival. It asks nobody
//! and changes nothing, so that a delivery read again teaches the same. A part that cannot be read never
//! takes its neighbours along, a part of an account that does not belong to the business teaches nothing,
//! and nothing in it ever undoes a no: only the person's own newer act does that, in the ledger's fold.

mod inbound;
mod people;
mod platform;
mod statuses;
mod time;

pub(crate) use platform::{REVIEWS, ended_restriction, hold_one_of};

use std::collections::BTreeSet;

use greenline_ledger::types::{Effect, Lane};
use greenline_policy::identity::{Identifier, UserId};
use greenline_wire::ascii;
use greenline_wire::webhook::{self, Change, Delivery, Entry, Value};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use crate::config::StopCloses;
use crate::directory::{Business, Directory};
use crate::{health, inbound_probe};

/// Longest value kept on the timeline; the inbox keeps all of it.
const TIMELINE_BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest id of a foreign account that is noted.
const FOREIGN_ID_CHARS_MAX: usize = 64;

/// Identifiers of one person.
type Person = SmallVec<[Identifier; 1]>;

/// What a delivery is read with.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Who is who.
    pub directory: &'a Directory,
    /// The business it came for.
    pub business: &'a Business,
    /// When it came, Unix milliseconds.
    pub received_ms: i64,
}

/// What was read.
#[derive(Debug)]
pub struct Learned {
    /// Its lane to the apps.
    pub lane: Lane,
    /// What the ledger is to take, in the order of the parts.
    pub effects: Vec<Effect>,
    /// Fields of the parts that belong to the business.
    pub fields: BTreeSet<Box<str>>,
    /// Words that ask for messages again; what they reopen only the ledger can tell.
    pub starts: Vec<Start>,
    /// Answers to our own question whether someone wants messages; whether they are ours only the keys can tell.
    pub answers: Vec<Answer>,
    /// Texts that may be the word by which staff prove that messages arrive; only the timeline can tell.
    pub probes: Vec<inbound_probe::Arrival>,
    /// Numbers with codes that messages from them failed with, of those that say something of the number or account.
    pub refusals: Vec<(Box<str>, u32)>,
    /// Numbers that people wrote to: whether another app has the thread, and when, the newest of each.
    pub threads: Vec<(Box<str>, bool, i64)>,
    /// Messages that were stops.
    pub stops: usize,
    /// Parts of accounts that do not belong to the business.
    pub quarantined: usize,
    /// Parts that belong to the business.
    pub own: usize,
    /// Of those, parts about a number of its accounts that is not configured.
    pub unconfigured: usize,
    /// Some part could not be read at all.
    pub unreadable: bool,
}

/// A word that asks for messages again (A7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// Who wrote it.
    pub person: SmallVec<[Identifier; 1]>,
    /// The number written to.
    pub number: Box<str>,
    /// The message.
    pub message_id: Box<str>,
    /// Its text as written.
    pub wording: Box<str>,
    /// When, start of the second.
    pub at_ms: i64,
    /// When, as the platform said.
    pub stated_ms: i64,
}

/// A button of our own question that was pressed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Who pressed it.
    pub person: SmallVec<[Identifier; 1]>,
    /// The number asked from.
    pub number: Box<str>,
    /// The message that the press is.
    pub message_id: Box<str>,
    /// The question, as the platform names it.
    pub question_id: Box<str>,
    /// What hangs on the button.
    pub payload: Box<str>,
    /// What stands on it.
    pub title: Box<str>,
    /// When, start of the second.
    pub at_ms: i64,
    /// When, end of the second.
    pub end_ms: i64,
    /// The platform said when; otherwise these are the arrival.
    pub is_stated: bool,
    /// When, as the platform said.
    pub stated_ms: i64,
}

impl Learned {
    fn new(lane: Lane) -> Self {
        Self {
            lane,
            effects: Vec::new(),
            fields: BTreeSet::new(),
            starts: Vec::new(),
            answers: Vec::new(),
            probes: Vec::new(),
            refusals: Vec::new(),
            threads: Vec::new(),
            stops: 0,
            quarantined: 0,
            own: 0,
            unconfigured: 0,
            unreadable: false,
        }
    }

    /// Nothing in it belongs to the business: kept, but handed to no app.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.own == 0 && self.quarantined > 0 && !self.unreadable
    }

    /// Whether an app that wants only these fields gets it. What could not be read may be anything.
    #[must_use]
    pub fn passes(&self, fields: &[String]) -> bool {
        fields.is_empty()
            || self.unreadable
            || fields
                .iter()
                .any(|field| self.fields.contains(field.as_str()))
    }

    /// A message from a number failed with a code.
    fn refused(&mut self, number: &str, code: u32) {
        let is_known =
            |(known, known_code): &(Box<str>, u32)| **known == *number && *known_code == code;
        if health::is_told(code) && !number.is_empty() && !self.refusals.iter().any(is_known) {
            self.refusals.push((number.into(), code));
        }
    }

    /// Somebody wrote to a number in a thread that is this app's or another's, or a thread of it changed hands.
    fn wrote(&mut self, number: &str, stood_by: bool, at_ms: i64) {
        let mut known = self.threads.iter_mut();
        match known.find(|(known, by, _)| **known == *number && *by == stood_by) {
            Some((_, _, known_ms)) => *known_ms = at_ms.max(*known_ms),
            None => self.threads.push((number.into(), stood_by, at_ms)),
        }
    }

    /// Says once that these identifiers are one person.
    fn know(&mut self, person: &Person, at_ms: i64) {
        let known = |effect: &Effect| matches!(effect, Effect::Known { person: other, .. } if other == person);
        if person.len() > 1 && !self.effects.iter().any(known) {
            self.effects.push(Effect::Known {
                person: person.clone(),
                at_ms,
            });
        }
    }
}

/// Reads a delivery.
#[must_use]
pub fn effects(delivery: &Delivery<'_>, reading: &Reading<'_>) -> Learned {
    let mut learned = Learned::new(lane(delivery));
    for entry in &delivery.entries {
        if entry.changes.is_empty() {
            let count = if owns_account(reading.business, &entry.id) {
                &mut learned.own
            } else {
                &mut learned.quarantined
            };
            *count += 1;
        }
        for change in &entry.changes {
            if owns(reading.directory, reading.business, entry, change) {
                learned.own += 1;
                let number = number_of(&change.value);
                if number.is_some_and(|number| reading.directory.number(number).is_none()) {
                    learned.unconfigured += 1;
                }
                learned.fields.insert(field(change).into());
                Part {
                    reading,
                    entry,
                    change,
                    learned: &mut learned,
                }
                .read();
            } else {
                learned.quarantined += 1;
                let place = &reading.business.config.id;
                let effect = quarantined(place, reading.received_ms, entry, Some(change));
                learned.effects.push(effect);
            }
        }
    }
    if delivery.unreadable > 0 {
        learned.unreadable = true;
        learned.effects.push(unreadable(reading, ""));
    }
    learned
}

/// A delivery that is signed but no JSON object: kept and handed on, as it may hold anything.
#[must_use]
pub fn of_unreadable(reading: &Reading<'_>) -> Learned {
    let mut learned = Learned::new(Lane::Inbound);
    learned.unreadable = true;
    learned.own = 1;
    learned.effects.push(unreadable(reading, ""));
    learned
}

/// Its lane to the apps.
pub(super) fn lane(delivery: &Delivery<'_>) -> Lane {
    match webhook::lane(delivery) {
        _ if delivery.unreadable > 0 => Lane::Inbound,
        webhook::Lane::Inbound => Lane::Inbound,
        webhook::Lane::Status => Lane::Status,
        webhook::Lane::Account => Lane::Account,
    }
}

/// The field's name; values that came without one are understood by their content.
fn field<'c>(change: &'c Change<'_>) -> &'c str {
    match (&*change.field, &change.value) {
        ("", Value::Messages(_)) => "messages",
        ("", Value::UserPreferences(_)) => "user_preferences",
        ("", Value::TemplateQuality(_)) => "message_template_quality_update",
        (field, _) => field,
    }
}

/// The number that a change of the message kind is about.
fn number_of<'c>(value: &'c Value<'_>) -> Option<&'c str> {
    let metadata = match value {
        Value::Messages(value) | Value::Standby(value) => &value.metadata,
        Value::Echo(value) => &value.metadata,
        Value::UserPreferences(value) => &value.metadata,
        Value::Calls(value) => &value.metadata,
        Value::History(value) => &value.metadata,
        _ => return None,
    };
    metadata.phone_number_id.as_deref()
}

/// Accounts of the business, and its portfolio, whose id stands in some entries (WH-01).
pub(super) fn owns_account(business: &Business, id: &str) -> bool {
    let config = &business.config;
    !id.is_empty()
        && (config.portfolio_id == id || config.number.iter().any(|number| number.waba_id == id))
}

/// Whether a change may teach something to a business: the account is the business's, and the number is not
/// another business's. A number that nobody configured yet belongs to its account: a stop said to it
/// counts. An entry without an id is taken by its number.
pub(super) fn owns(
    directory: &Directory,
    business: &Business,
    entry: &Entry<'_>,
    change: &Change<'_>,
) -> bool {
    let owner = number_of(&change.value)
        .and_then(|number| directory.number(number))
        .map(|number| number.business);
    match owner {
        Some(owner) => {
            owner == business.ix && (entry.id.is_empty() || owns_account(business, &entry.id))
        }
        None => owns_account(business, &entry.id),
    }
}

/// A part that changes nothing, noted under `place`: the business, or the app of the platform it came by.
pub(super) fn quarantined(
    place: &str,
    at_ms: i64,
    entry: &Entry<'_>,
    change: Option<&Change<'_>>,
) -> Effect {
    let id: String = entry.id.chars().take(FOREIGN_ID_CHARS_MAX).collect();
    let number: String = change
        .and_then(|change| number_of(&change.value))
        .unwrap_or_default()
        .chars()
        .take(FOREIGN_ID_CHARS_MAX)
        .collect();
    let body = format!(
        "{{\"account\":{},\"number\":{}}}",
        ascii::string(&id),
        ascii::string(&number)
    );
    let origin = change.map_or("", |change| field(change));
    note(place, at_ms, origin, "quarantined", body.into())
}

fn unreadable(reading: &Reading<'_>, origin: &str) -> Effect {
    let place = &reading.business.config.id;
    note(
        place,
        reading.received_ms,
        origin,
        "unreadable",
        "{}".into(),
    )
}

/// Something about a delivery itself, on the timeline.
pub(super) fn note(place: &str, at_ms: i64, origin: &str, event: &str, body: Box<str>) -> Effect {
    Effect::Timeline {
        subject: "business",
        subject_id: place.into(),
        origin: origin.into(),
        event: event.into(),
        at_ms,
        body,
    }
}

/// One change being read.
struct Part<'p, 'd> {
    reading: &'p Reading<'p>,
    entry: &'p Entry<'d>,
    change: &'p Change<'d>,
    learned: &'p mut Learned,
}

impl Part<'_, '_> {
    fn read(&mut self) {
        let change = self.change;
        match &change.value {
            Value::Messages(value) => self.messages(value, false),
            Value::Standby(value) => self.messages(value, true),
            Value::UserPreferences(value) => self.preferences(value),
            Value::Calls(value) => self.calls(value),
            // Sent by the business, or long ago: neither opens, closes nor says anything (A9).
            Value::Echo(_) | Value::History(_) => {}
            Value::Unreadable => {
                self.learned.unreadable = true;
                self.learned
                    .effects
                    .push(unreadable(self.reading, field(change)));
            }
            _ => self.platform(),
        }
    }

    fn push(&mut self, effect: Effect) {
        self.learned.effects.push(effect);
    }

    /// Names what has no id of its own, the same at every redelivery.
    fn fingerprint(&self, raw: &str) -> String {
        let mut hash = Sha256::new();
        for part in [&*self.entry.id, &*self.change.field, raw] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update(self.entry.time_s.unwrap_or_default().to_be_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        digest
            .iter()
            .take(12)
            .fold(String::with_capacity(24), |mut hex, byte| {
                for nibble in [byte >> 4, byte & 15] {
                    hex.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
                }
                hex
            })
    }

    fn closes_all(&self) -> bool {
        self.reading.business.config.stop_closes == StopCloses::All
    }
}

/// The identifiers that could be read, each once. With a number and an id, the number comes first: the
/// platform goes by it (SND-73).
fn person(phone: Option<&str>, user: Option<&str>, parent: Option<&str>) -> Person {
    let phone = phone.and_then(Identifier::parse);
    let ids = [user, parent]
        .into_iter()
        .flatten()
        .filter_map(UserId::parse)
        .map(Identifier::User);
    let mut person = Person::new();
    for identifier in phone.into_iter().chain(ids) {
        if !person.contains(&identifier) {
            person.push(identifier);
        }
    }
    person
}
