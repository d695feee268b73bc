//! The timeline of a portfolio, its accounts, numbers and templates: what each entry says, and what it changed.
//!
//! Entries are kept as they came: the platform's own value of a webhook, what a read found, what a send was refused
//! with. What an entry changed is worked out here, by the time at which the platform said it and not by arrival, so
//! that news which comes twice, late or out of order is told as what it is.

pub(crate) mod note;

use std::collections::HashMap;

use greenline_ledger::types::TimelineEntry;
use greenline_policy::health::state::{AccountStatus, Sending};
use greenline_policy::number::{Ban, NumberStatus, RestrictionKind};
use greenline_policy::quality::Score;
use greenline_wire::ascii;
use greenline_wire::webhook::{self, AccountUpdate, Limit, Value};
use serde::Deserialize;

use crate::learn;
use crate::webhooks::effects::ended_restriction;

/// Newest entries of one subject that are looked through for what stood before.
pub(crate) const LOOKED_AT_MAX: usize = 1_000;
/// How much of a word of the platform is told.
const WORD_CHARS_MAX: usize = 64;

/// Where a read by Greenline, or by an app through it, comes from.
pub(crate) const READ: &str = "read";
/// Where what a send was refused with comes from.
pub(crate) const REFUSAL: &str = "refusal";
/// Where what Greenline itself has to say comes from.
pub(crate) const OWN: &str = "greenline";
/// The subject that says who has a number's threads.
pub(crate) const THREAD: &str = "thread";

/// What sort of source an entry has.
#[must_use]
pub fn origin(entry: &TimelineEntry) -> &'static str {
    match &*entry.origin {
        READ | "graph" => "read",
        REFUSAL => "refusal",
        OWN | "retention" => "greenline",
        _ => "webhook",
    }
}

/// One thing that an entry says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Said {
    /// What it is about.
    pub(crate) what: String,
    /// What of it.
    pub(crate) value: String,
    /// Until when, Unix milliseconds.
    pub(crate) until_ms: Option<i64>,
    /// It tells of something that happened and not of how things stand: each is news.
    pub(crate) is_news: bool,
}

impl Said {
    fn state(what: impl Into<String>, value: &str) -> Self {
        Self {
            what: what.into(),
            value: word(value),
            until_ms: None,
            is_news: false,
        }
    }

    fn news(what: impl Into<String>, value: &str) -> Self {
        Self {
            is_news: true,
            ..Self::state(what, value)
        }
    }

    fn until(self, until_ms: Option<i64>) -> Self {
        Self { until_ms, ..self }
    }
}

/// A word of the platform, cut to what is told of it.
pub(crate) fn word(text: &str) -> String {
    text.chars().take(WORD_CHARS_MAX).collect()
}

/// Something that changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What: `status`, `rating`, `limit`, `ban`, `restriction.…`, and so on.
    pub what: String,
    /// What stood before; `None` where nothing was known, or where it tells of something that happened.
    pub before: Option<String>,
    /// What stands since.
    pub after: String,
    /// Until when, Unix milliseconds.
    pub until_ms: Option<i64>,
    /// A word of which nothing is known (N3).
    pub unknown: bool,
}

/// An entry with what it changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The entry.
    pub entry: TimelineEntry,
    /// What it changed; nothing when it said what was known.
    pub changes: Vec<Change>,
}

impl Row {
    /// Whether anything that was known before is another now, or something happened.
    #[must_use]
    pub fn is_change(&self) -> bool {
        !self.changes.is_empty()
    }
}

/// What a read noted.
#[derive(Deserialize)]
struct Noted<'a> {
    #[serde(borrow, default)]
    after: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    code: Option<u32>,
    #[serde(borrow, default)]
    kind: Option<std::borrow::Cow<'a, str>>,
}

/// A limit in one spelling, whatever it was written like.
pub(crate) fn limit_word(limit: &Limit<'_>) -> String {
    match limit {
        Limit::People(people) => people.to_string(),
        Limit::Unlimited => "unlimited".to_owned(),
        Limit::NotSet => "not set".to_owned(),
        Limit::Other(text) => word(text),
    }
}

/// What an entry says, by the reader of webhooks or by what Greenline wrote.
pub(crate) fn said(entry: &TimelineEntry) -> Vec<Said> {
    let noted = || serde_json::from_str::<Noted<'_>>(&entry.body).ok();
    match (&*entry.origin, &*entry.subject) {
        (READ, _) => {
            let after = noted().and_then(|noted| noted.after);
            let state = after.map(|after| Said::state(&*entry.event, &after));
            state.into_iter().collect()
        }
        (REFUSAL, _) => vec![Said::news("refused", &entry.event)],
        (OWN, "number" | "account") => {
            let Some(noted) = noted() else {
                return Vec::new();
            };
            let kind = noted.kind.unwrap_or_default();
            let what = format!("reads.{kind}");
            vec![match (&*entry.event, noted.code) {
                (FAILING, Some(code)) => Said::state(what, &format!("failing ({code})")),
                (FAILING, None) => Said::state(what, "failing"),
                (RECOVERED, _) => Said::state(what, "fine"),
                _ => return Vec::new(),
            }]
        }
        (_, THREAD) => vec![Said::state("thread", &entry.event)],
        // A limit in a word that is not known.
        ("graph", _) => vec![Said::news("limit_word", &entry.event)],
        // What was let go of, and deliveries that are no news of anybody.
        (OWN | "retention", _) => Vec::new(),
        _ if matches!(&*entry.event, "quarantined" | "unreadable") => Vec::new(),
        _ => with_values(entry, told),
    }
}

/// Reads that failed several times in a row, or that the platform refuses.
pub(crate) const FAILING: &str = "reads_failing";
/// They work again.
pub(crate) const RECOVERED: &str = "reads_recovered";

/// Hands what the platform said in a webhook to `each`.
pub(crate) fn with_values<T>(
    entry: &TimelineEntry,
    each: impl Fn(&TimelineEntry, &Value<'_>) -> Vec<T>,
) -> Vec<T> {
    let body = if entry.body.is_empty() {
        "{}"
    } else {
        &entry.body
    };
    let delivery = format!(
        "{{\"entry\":[{{\"changes\":[{{\"field\":{},\"value\":{body}}}]}}]}}",
        ascii::string(&entry.origin),
    );
    let Ok(delivery) = webhook::parse(delivery.as_bytes()) else {
        return Vec::new();
    };
    let changes = delivery.entries.iter().flat_map(|entry| &entry.changes);
    changes
        .flat_map(|change| each(entry, &change.value))
        .collect()
}

fn told(entry: &TimelineEntry, value: &Value<'_>) -> Vec<Said> {
    match value {
        Value::AccountUpdate(update) => account_update(update),
        Value::AccountReview { decision } => vec![Said::state("review", decision)],
        Value::AccountAlerts(alert) => {
            vec![Said::news(
                "alert",
                alert.kind.as_deref().unwrap_or_default(),
            )]
        }
        Value::BusinessCapability(value) => {
            let limit = value.limit.as_ref();
            let limit = limit.map(|limit| Said::state("limit", &limit_word(limit)));
            let most = value.numbers_per_business;
            let most = most.map(|most| Said::state("numbers_max", &most.to_string()));
            limit.into_iter().chain(most).collect()
        }
        Value::PhoneNumberQuality(value) => {
            let event = match &*value.event {
                "FLAGGED" => Said::state("status", "FLAGGED"),
                "UNFLAGGED" => Said::state("status", "CONNECTED"),
                "THROUGHPUT_UPGRADE" => Said::state("throughput", "HIGH"),
                event => Said::news("quality_update", event),
            };
            vec![event]
        }
        Value::PhoneNumberName(value) => vec![Said::state("name", &value.decision)],
        Value::Security(value) => vec![Said::news("security", &value.event)],
        Value::TemplateStatus(value) => {
            let paused = value.title.as_deref() == Some("UNPAUSE");
            let status = match &*value.event {
                _ if paused => "APPROVED",
                "REINSTATED" | "UNARCHIVED" => "APPROVED",
                // A flag announces what a later event says.
                "FLAGGED" => return vec![Said::news("template_flagged", "FLAGGED")],
                event => event,
            };
            vec![Said::state("status", status)]
        }
        Value::TemplateQuality(value) => vec![Said::state("quality", &value.new)],
        Value::TemplateCategory(value) => match &value.correct {
            Some(correct) => {
                let at_ms = value.changes_at_s.map(|at_s| at_s.saturating_mul(1_000));
                vec![Said::news("category_to_come", correct).until(at_ms)]
            }
            None => vec![Said::state("category", &value.present)],
        },
        Value::TemplateCorrectCategory(value) => {
            vec![Said::news("category_doubted", &value.correct)]
        }
        _ => vec![Said::news(&*entry.origin, &entry.event)],
    }
}

fn account_update(update: &AccountUpdate<'_>) -> Vec<Said> {
    let mut said = Vec::new();
    for one in &update.restrictions {
        if one.kind.is_empty() && one.expiration_s.is_none() {
            continue;
        }
        let until_ms = one.expiration_s.map(|end_s| end_s.saturating_mul(1_000));
        let what = format!("restriction.{}", word(&one.kind));
        said.push(Said::state(what, "in force").until(until_ms));
    }
    let violation = update.violation.as_deref();
    let ended = violation.and_then(ended_restriction);
    if let Some(named) = ended {
        said.push(Said::state(format!("restriction.{named}"), "lifted"));
    }
    if let Some(ban) = &update.ban {
        // The date of other states is when they began.
        let is_ahead = Ban::parse(&ban.state) == Some(Ban::Scheduled);
        let day_s = ban.date_s.filter(|_| is_ahead);
        let day_ms = day_s.map(|day_s| day_s.saturating_mul(1_000));
        said.push(Said::state("ban", &ban.state).until(day_ms));
    }
    if let Some(violation) = violation.filter(|_| ended.is_none()) {
        said.push(Said::news("violation", violation));
    }
    match &*update.event {
        "ACCOUNT_DELETED" => said.push(Said::state("account", "deleted")),
        "ACCOUNT_RECONNECTED" => said.push(Said::state("phone_app", "connected")),
        "ACCOUNT_OFFBOARDED" => said.push(Said::state("phone_app", "disconnected")),
        "PARTNER_REMOVED" if update.disconnection.is_some() => {
            said.push(Said::state("phone_app", "disconnected"));
        }
        _ => {}
    }
    if said.is_empty() {
        said.push(Said::news("account_update", &update.event));
    }
    said
}

/// Events of `account_update` that the platform's documents have (section 3 of the notes on enforcement).
const ACCOUNT_EVENTS: [&str; 17] = [
    "ACCOUNT_VIOLATION",
    "ACCOUNT_RESTRICTION",
    "DISABLED_UPDATE",
    "ACCOUNT_DELETED",
    "ACCOUNT_OFFBOARDED",
    "ACCOUNT_RECONNECTED",
    "PARTNER_ADDED",
    "PARTNER_REMOVED",
    "PARTNER_APP_INSTALLED",
    "PARTNER_APP_UNINSTALLED",
    "PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE",
    "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE",
    "VOLUME_BASED_PRICING_TIER_UPDATE",
    "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE",
    "MM_LITE_TERMS_SIGNED",
    "AD_ACCOUNT_LINKED",
    "VERIFIED_ACCOUNT",
];

/// Whether a value is a word of which nothing is known (N3). What is not held to a list is never one.
#[must_use]
pub fn unknown(subject: &str, what: &str, value: &str) -> bool {
    if let Some(restriction) = what.strip_prefix("restriction.") {
        return RestrictionKind::parse(restriction) == RestrictionKind::Unknown;
    }
    match (subject, what) {
        ("number", "status") => {
            // Known from the platform's lists, without a meaning (section 4 of the notes on limits).
            let is_listed = matches!(value, "LINKED" | "UNLINKED")
                || value.starts_with("MESSAGING_LIMIT_TIER_");
            NumberStatus::parse(value) == NumberStatus::Other && !is_listed
        }
        ("number", "rating") | ("template", "quality") => {
            Score::parse(value) == Score::Unrated && !matches!(value, "NA" | "UNKNOWN" | "")
        }
        ("number" | "account", "health") => {
            Sending::parse(value.split(' ').next().unwrap_or_default()) == Sending::Other
        }
        ("account", "ban") => Ban::parse(value).is_none(),
        ("account", "account_status") => {
            AccountStatus::parse(value) == AccountStatus::Restricted && value != "RESTRICTED"
        }
        ("account", "review") => !matches!(
            value,
            "APPROVED" | "PENDING" | "REJECTED" | "DEFERRED" | "RESTRICTED"
        ),
        ("account", "account_update") => !ACCOUNT_EVENTS.contains(&value),
        ("business", "limit") => {
            learn::messaging_limit(&Limit::of(value.into())).is_none() && value != "unlimited"
        }
        _ => false,
    }
}

type Place<'e> = (&'e str, &'e str, String);

/// What each entry changed; given and handed back newest first. What lies before the oldest of them is not known.
#[must_use]
pub fn rows(entries: Vec<TimelineEntry>) -> Vec<Row> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|at| entries.get(*at).map(|entry| (entry.at_ms, entry.seq)));
    let mut changes: Vec<Vec<Change>> = vec![Vec::new(); entries.len()];
    let mut last: HashMap<Place<'_>, (String, Option<i64>)> = HashMap::new();
    for at in order {
        let (Some(entry), Some(into)) = (entries.get(at), changes.get_mut(at)) else {
            continue;
        };
        for said in said(entry) {
            let unknown = unknown(&entry.subject, &said.what, &said.value);
            let stood = if said.is_news {
                None
            } else {
                let place = (&*entry.subject, &*entry.subject_id, said.what.clone());
                last.insert(place, (said.value.clone(), said.until_ms))
            };
            if stood
                .as_ref()
                .is_some_and(|(value, until_ms)| (value, until_ms) == (&said.value, &said.until_ms))
            {
                continue;
            }
            into.push(Change {
                what: said.what,
                before: stood.map(|(value, _)| value),
                after: said.value,
                until_ms: said.until_ms,
                unknown,
            });
        }
    }
    let both = entries.into_iter().zip(changes);
    both.map(|(entry, changes)| Row { entry, changes })
        .collect()
}

/// How things stand by these entries, by the platform's own time: of each the value, its moment and the entry.
pub(crate) fn standing(entries: &[TimelineEntry]) -> HashMap<String, Stands> {
    let mut stands: HashMap<String, Stands> = HashMap::new();
    for entry in entries {
        for said in said(entry) {
            let new = Stands {
                value: said.value,
                at_ms: entry.at_ms,
                seq: entry.seq,
            };
            let is_newer = stands
                .get(&said.what)
                .is_none_or(|old| (old.at_ms, old.seq) < (new.at_ms, new.seq));
            if is_newer {
                stands.insert(said.what, new);
            }
        }
    }
    stands
}

/// How one thing stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stands {
    pub(crate) value: String,
    pub(crate) at_ms: i64,
    pub(crate) seq: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: i64, origin: &str, event: &str, at_ms: i64, body: &str) -> TimelineEntry {
        TimelineEntry {
            seq,
            subject: if origin == "account_update" {
                "account"
            } else {
                "number"
            }
            .into(),
            subject_id: "1".into(),
            origin: origin.into(),
            event: event.into(),
            at_ms,
            body: body.into(),
        }
    }

    fn changed(row: &Row) -> Vec<(&str, Option<&str>, &str)> {
        let changes = row.changes.iter();
        changes
            .map(|change| (&*change.what, change.before.as_deref(), &*change.after))
            .collect()
    }

    #[test]
    fn what_comes_twice_late_or_out_of_order_is_told_as_what_it_is() {
        let restricted = |end: i64| {
            format!(
                r#"{{"event":"ACCOUNT_RESTRICTION","restriction_info":[{{"restriction_type":"RESTRICTED_BIZ_INITIATED_MESSAGING","expiration":{end}}}]}}"#
            )
        };
        let rows = rows(vec![
            // The same again, later; an earlier one that comes last of all.
            entry(5, "account_update", "", 2_000, &restricted(70)),
            entry(4, "account_update", "", 3_000, &restricted(90)),
            entry(3, "account_update", "", 2_000, &restricted(70)),
            entry(
                2,
                READ,
                "rating",
                1_500,
                r#"{"before":"GREEN","after":"RED"}"#,
            ),
            entry(1, READ, "rating", 1_000, r#"{"after":"GREEN"}"#),
        ]);
        let told: Vec<_> = rows.iter().map(changed).collect();
        let biz = "restriction.RESTRICTED_BIZ_INITIATED_MESSAGING";
        assert_eq!(
            told,
            [
                vec![],
                vec![(biz, Some("in force"), "in force")],
                vec![(biz, None, "in force")],
                vec![("rating", Some("GREEN"), "RED")],
                vec![("rating", None, "GREEN")],
            ]
        );
        assert_eq!(rows[1].changes[0].until_ms, Some(90_000));
        assert_eq!(origin(&rows[3].entry), "read");
        assert_eq!(origin(&rows[1].entry), "webhook");
    }

    #[test]
    fn words_that_are_not_known_are_marked_and_known_ones_are_not() {
        for (subject, what, known, new) in [
            ("number", "status", "LINKED", "ASLEEP"),
            ("number", "rating", "NA", "PURPLE"),
            ("number", "health", "BLOCKED 141006", "TIRED"),
            ("account", "ban", "REINSTATE", "PERHAPS"),
            ("account", "account_status", "RESTRICTED", "LOST"),
            ("account", "review", "DEFERRED", "LATER"),
            ("account", "account_update", "PARTNER_ADDED", "NEW_EVENT"),
            ("business", "limit", "2000", "TIER_NEW"),
            (
                "account",
                "restriction.RESTRICTED_UTILITY_TEMPLATES",
                "",
                "",
            ),
        ] {
            assert!(!unknown(subject, what, known), "{what} {known}");
            if !new.is_empty() {
                assert!(unknown(subject, what, new), "{what} {new}");
            }
        }
        assert!(unknown(
            "account",
            "restriction.RESTRICTED_ANEW",
            "in force"
        ));
        assert!(!unknown("account", "security", "ANYTHING"));
    }
}
