//! What a business can see of its number: what it sent, what it was answered, webhooks and reads. It has no way to the
//! simulator's hidden state: all that it is ever given are bytes.

use std::collections::{BTreeMap, HashMap, HashSet};

use greenline_policy::forecast::{Day, Deferral, Known, LimitTold, Template, Week};
use greenline_policy::health::Seen;
use greenline_policy::health::State;
use greenline_policy::health::state::{BanTold, Entity, EntityKind, Health, Origin, Sending, Told};
use greenline_policy::number::{Ban, NumberStatus, RestrictionKind};
use greenline_policy::quality::Score;
use greenline_policy::reach::MessagingLimit;
use greenline_policy::reception::{DAYS, OVER_CAP, SILENT_AFTER_MS, STOP_WITHIN_MS, UNREACHABLE};
use greenline_sim::Answered;
use greenline_wire::answer;
use greenline_wire::webhook::{
    self, AccountUpdate, InboundKind, Limit, Messages, PreferenceValue, StatusKind, Value,
};

use super::DAY_MS;
use super::life::Message;

/// Codes that say something of the number or its account.
const SPEAKING: [u32; 3] = [131_031, 368, 131_048];
/// For how long somebody who wrote is answered.
const WINDOW_MS: i64 = DAY_MS;

struct Sent {
    at_ms: i64,
    to: u32,
    weak: bool,
    outside: bool,
    delivered_ms: Option<i64>,
    heard: bool,
    failed: Option<u32>,
    native_stop: bool,
    stop_word: bool,
}

#[derive(Default)]
struct Person {
    name: String,
    wrote_ms: Option<i64>,
    sends: Vec<usize>,
    stopped: bool,
}

/// What is seen of one number.
#[derive(Default)]
pub(crate) struct Observer {
    known: Known,
    templates: BTreeMap<String, (Score, bool, i64)>,
    limit: Option<MessagingLimit>,
    sends: Vec<Sent>,
    by_id: HashMap<String, usize>,
    people: Vec<Person>,
    by_name: HashMap<String, u32>,
    stopped: HashSet<String>,
}

fn limit_of(limit: &Limit<'_>) -> Option<MessagingLimit> {
    match limit {
        Limit::People(people) => u32::try_from(*people).ok().map(MessagingLimit::People),
        Limit::Unlimited => Some(MessagingLimit::Unlimited),
        Limit::NotSet | Limit::Other(_) => None,
    }
}

impl Observer {
    pub(super) fn sends(&self) -> usize {
        self.sends.len()
    }

    /// The limit as last read.
    pub(super) fn limit(&self) -> Option<u32> {
        match self.limit {
            Some(MessagingLimit::People(people)) => Some(people),
            _ => None,
        }
    }

    /// Whether somebody said no.
    pub(super) fn has_stopped(&self, who: &str) -> bool {
        self.stopped.contains(who)
    }

    /// Whether a template is paused or disabled.
    pub(super) fn is_stopped(&self, template: &str) -> bool {
        self.templates.get(template).is_some_and(|known| known.1)
    }

    /// One of the people who were written to, by chance.
    pub(super) fn somebody(&self, chance: u64) -> Option<&str> {
        let among = u64::try_from(self.people.len())
            .ok()
            .filter(|all| *all > 0)?;
        let at = usize::try_from(chance % among).ok()?;
        self.people.get(at).map(|person| person.name.as_str())
    }

    fn person(&mut self, name: &str) -> u32 {
        if let Some(known) = self.by_name.get(name) {
            return *known;
        }
        let at = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        self.people.push(Person {
            name: name.to_owned(),
            ..Person::default()
        });
        self.by_name.insert(name.to_owned(), at);
        at
    }

    fn tell(&mut self, told: Told, origin: Origin, at_ms: i64) {
        self.known.state.tell(told, origin, at_ms);
    }

    /// A message was handed to the platform, and answered so.
    pub(super) fn sent(&mut self, at_ms: i64, message: &Message, answer: &Answered) {
        if let Some(code) = answer.code.filter(|code| SPEAKING.contains(code)) {
            self.tell(Told::Failed(code), Origin::Error, at_ms);
        }
        let Some(id) = &answer.id else {
            return;
        };
        let to = self.person(&message.to);
        let nth = self.sends.len();
        let Some(person) = self.people.get_mut(to as usize) else {
            return;
        };
        person.sends.push(nth);
        let window = person
            .wrote_ms
            .is_some_and(|wrote| at_ms < wrote + WINDOW_MS);
        self.sends.push(Sent {
            at_ms,
            to,
            weak: message.weak,
            outside: !window,
            delivered_ms: None,
            heard: false,
            failed: None,
            native_stop: false,
            stop_word: false,
        });
        self.by_id.insert(id.clone(), nth);
    }

    /// The number's fields were read.
    pub(super) fn read(&mut self, at_ms: i64, answer: &Answered) {
        let Some(fields) = answer::read_number(&answer.body) else {
            return;
        };
        if let Some(status) = &fields.status {
            self.tell(
                Told::Status(NumberStatus::parse(status)),
                Origin::Read,
                at_ms,
            );
        }
        if let Some(rating) = &fields.quality_rating {
            self.tell(Told::Rating(Score::parse(rating)), Origin::Read, at_ms);
        }
        let limit = fields.messaging_limit.as_ref();
        if let Some(limit) = limit.and_then(|limit| limit_of(&Limit::of(limit.clone()))) {
            self.limit = Some(limit);
            self.tell(Told::Limit(limit), Origin::Read, at_ms);
        }
        let Some(health) = &fields.health else {
            return;
        };
        let entities = health.entities.iter().map(|entity| Entity {
            kind: EntityKind::parse(entity.kind.as_deref().unwrap_or_default()),
            sending: Sending::parse(entity.can_send.as_deref().unwrap_or_default()),
            codes: entity
                .errors
                .iter()
                .filter_map(|error| u32::try_from(error.code?).ok())
                .collect(),
        });
        let read = Health {
            overall: Sending::parse(health.can_send.as_deref().unwrap_or_default()),
            entities: entities.collect(),
        };
        self.tell(Told::Health(read), Origin::Read, at_ms);
    }

    /// A webhook came.
    pub(super) fn told(&mut self, body: &[u8], now_ms: i64) {
        let Ok(delivery) = webhook::parse(body) else {
            return;
        };
        for entry in &delivery.entries {
            let at_ms = entry.time_s.map_or(now_ms, |time_s| time_s * 1_000);
            for change in &entry.changes {
                self.change(&change.value, at_ms);
            }
        }
    }

    fn change(&mut self, value: &Value<'_>, at_ms: i64) {
        match value {
            Value::Messages(messages) => self.messages(messages, at_ms),
            Value::UserPreferences(told) => {
                for preference in &told.preferences {
                    if preference.value == PreferenceValue::Stop
                        && let Some(who) = &preference.wa_id
                    {
                        let at_ms = preference
                            .timestamp_s
                            .map_or(at_ms, |time_s| time_s * 1_000);
                        self.stop(who, at_ms, true);
                    }
                }
            }
            Value::AccountUpdate(update) => self.account_update(update, at_ms),
            Value::AccountAlerts(alert) => {
                let kind = alert.kind.as_deref().unwrap_or_default();
                let deferral = Deferral::parse(kind).map(|deferral| (deferral, at_ms));
                self.known.deferrals.extend(deferral);
            }
            Value::BusinessCapability(value) => {
                if let Some(limit) = value.limit.as_ref().and_then(limit_of) {
                    self.limit = Some(limit);
                    self.tell(Told::Limit(limit), Origin::Webhook, at_ms);
                }
            }
            Value::PhoneNumberQuality(value) => {
                let status = match &*value.event {
                    "FLAGGED" => Some(NumberStatus::Flagged),
                    "UNFLAGGED" => Some(NumberStatus::Connected),
                    _ => None,
                };
                if let Some(status) = status {
                    self.tell(Told::Status(status), Origin::Webhook, at_ms);
                }
                if let Some(limit) = value.current_limit.as_ref().and_then(limit_of) {
                    self.limit = Some(limit);
                    let seen = Seen {
                        at_ms,
                        origin: Origin::Webhook,
                    };
                    self.known.number_limits.push(LimitTold { limit, seen });
                }
            }
            Value::TemplateQuality(value) => {
                let known = self.template(&value.template.name);
                (known.0, known.2) = (Score::parse(&value.new), at_ms);
            }
            Value::TemplateStatus(value) => {
                let stopped = ["PAUSED", "DISABLED"].contains(&&*value.event);
                let known = self.template(&value.template.name);
                (known.1, known.2) = (stopped, at_ms);
            }
            _ => {}
        }
    }

    fn template(&mut self, name: &str) -> &mut (Score, bool, i64) {
        let unknown = || (Score::Unrated, false, 0);
        self.templates
            .entry(name.to_owned())
            .or_insert_with(unknown)
    }

    fn messages(&mut self, messages: &Messages<'_>, at_ms: i64) {
        for status in &messages.statuses {
            let at_ms = status.timestamp_s.map_or(at_ms, |time_s| time_s * 1_000);
            let found = self.by_id.get(&*status.id);
            let Some(sent) = found.and_then(|nth| self.sends.get_mut(*nth)) else {
                continue;
            };
            match status.status {
                StatusKind::Delivered => sent.delivered_ms = Some(at_ms),
                StatusKind::Read => sent.heard = true,
                StatusKind::Failed => {
                    let code = status.errors.first().and_then(|error| error.code);
                    let code = code.and_then(|code| u32::try_from(code).ok());
                    sent.failed = Some(code.unwrap_or(0));
                    if let Some(code) = code.filter(|code| SPEAKING.contains(code)) {
                        self.tell(Told::Failed(code), Origin::Error, at_ms);
                    }
                }
                _ => {}
            }
        }
        for message in &messages.messages {
            let Some(who) = &message.from else {
                continue;
            };
            let at_ms = message.timestamp_s.map_or(at_ms, |time_s| time_s * 1_000);
            let text = match &message.kind {
                InboundKind::Text(text) => text,
                _ => "",
            };
            if text == "STOP" {
                self.stop(who, at_ms, false);
                continue;
            }
            let to = self.person(who);
            if let Some(person) = self.people.get_mut(to as usize) {
                person.wrote_ms = person.wrote_ms.max(Some(at_ms));
                for nth in &person.sends {
                    if let Some(sent) = self.sends.get_mut(*nth) {
                        sent.heard = true;
                    }
                }
            }
        }
    }

    /// Put down to the last message that the person got.
    fn stop(&mut self, who: &str, at_ms: i64, native: bool) {
        self.stopped.insert(who.to_owned());
        let to = self.person(who);
        let Some(person) = self.people.get_mut(to as usize) else {
            return;
        };
        if std::mem::replace(&mut person.stopped, true) {
            return;
        }
        let last = person.sends.last().and_then(|nth| self.sends.get_mut(*nth));
        if let Some(sent) = last.filter(|sent| at_ms - sent.at_ms <= STOP_WITHIN_MS) {
            (sent.native_stop, sent.stop_word) = (native, !native);
        }
    }

    fn account_update(&mut self, update: &AccountUpdate<'_>, at_ms: i64) {
        let violation = update.violation.as_deref();
        let mut told = Vec::new();
        for restriction in &update.restrictions {
            told.push(Told::Restricted {
                kind: RestrictionKind::parse(&restriction.kind),
                named: (&*restriction.kind).into(),
                until_ms: restriction.expiration_s.map(|end_s| end_s * 1_000),
            });
        }
        if let Some(ban) = &update.ban {
            told.push(Told::Ban(match Ban::parse(&ban.state) {
                Some(Ban::None) => BanTold::Reinstated,
                Some(Ban::Scheduled) => BanTold::Scheduled(ban.date_s.map(|day_s| day_s * 1_000)),
                Some(Ban::Disabled) => BanTold::Disabled,
                None => BanTold::Unclear,
            }));
        }
        if violation.is_some() && told.is_empty() {
            told.push(Told::Warned);
        }
        if violation == Some("UTILITY_TEMPLATE_ABUSE") {
            self.known.utility_warned.push(at_ms);
        }
        for told in told {
            self.tell(told, Origin::Webhook, at_ms);
        }
    }

    /// Everything that is known now, counted over the last seven days.
    pub(super) fn known(&self, now_ms: i64) -> Known {
        let mut known = self.known.clone();
        known.state = State {
            as_of_ms: now_ms,
            facts: known.state.facts,
        };
        let template = |(name, (score, stopped, at_ms)): (&String, &(Score, bool, i64))| Template {
            name: name.as_str().into(),
            score: *score,
            stopped: *stopped,
            sent_here: true,
            seen: Seen {
                at_ms: *at_ms,
                origin: Origin::Webhook,
            },
        };
        known.templates = self.templates.iter().map(template).collect();
        let week = self.week(now_ms);
        known.number = Some(week);
        known.portfolio = Some(week.reach());
        known
    }

    fn week(&self, now_ms: i64) -> Week {
        let from_ms = now_ms - DAYS as i64 * DAY_MS;
        let mut week = Week::default();
        let mut of_week = HashSet::new();
        let mut of_day: [HashSet<u32>; DAYS] = Default::default();
        for sent in self.sends.iter().rev() {
            if sent.at_ms <= from_ms {
                break;
            }
            let nth = usize::try_from((sent.at_ms - from_ms - 1) / DAY_MS).unwrap_or(0);
            let (Some(day), Some(people)) = (week.days.get_mut(nth), of_day.get_mut(nth)) else {
                continue;
            };
            add(day, sent, now_ms);
            week.weak += u32::from(sent.weak);
            if sent.failed.is_none() && sent.outside {
                people.insert(sent.to);
                of_week.insert(sent.to);
            }
        }
        let count = |people: &HashSet<u32>| u32::try_from(people.len()).unwrap_or(u32::MAX);
        week.people = count(&of_week);
        for (day, people) in week.days.iter_mut().zip(&of_day) {
            day.people = count(people);
        }
        week
    }
}

fn add(day: &mut Day, sent: &Sent, now_ms: i64) {
    day.sent += 1;
    let arrived = sent.delivered_ms.is_some() || sent.heard;
    day.delivered += u32::from(arrived);
    let is_ripe = arrived && now_ms - sent.at_ms >= SILENT_AFTER_MS;
    day.ripe += u32::from(is_ripe);
    day.unread += u32::from(is_ripe && !sent.heard);
    day.held_back += u32::from(sent.failed == Some(OVER_CAP));
    day.unreachable += u32::from(sent.failed == Some(UNREACHABLE));
    day.native_stops += u32::from(sent.native_stop);
    day.stop_words += u32::from(sent.stop_word);
}
