//! A subscription as it is kept: what was asked for, how it stands, and how deliveries went of late.

use greenline_ledger::subscription::Takes;
use serde::{Deserialize, Serialize};

use super::secret::SecretRef;

/// Attempts remembered at most.
pub const RECENT_MAX: usize = 50;
/// Characters of an error that is kept at most.
const ERROR_CHARS_MAX: usize = 300;

/// What can be subscribed to, and what comes besides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EventType {
    /// What a person consents to changed, or may have.
    ConsentChanged,
    /// A way out closed.
    AvenueClosed,
    /// A way out is open again.
    AvenueOpened,
    /// A condition that somebody should look at began to stand.
    AlertOpened,
    /// It stands no more.
    AlertClosed,
    /// Something of a number, its account, its portfolio or a template changed.
    NumberChanged,
    /// A test; sent to whoever asked for it, whatever they take.
    Ping,
}

impl EventType {
    /// What can be subscribed to.
    pub const OFFERED: [Self; 6] = [
        Self::ConsentChanged,
        Self::AvenueClosed,
        Self::AvenueOpened,
        Self::AlertOpened,
        Self::AlertClosed,
        Self::NumberChanged,
    ];

    /// The name used in payloads and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConsentChanged => "consent.changed",
            Self::AvenueClosed => "avenue.closed",
            Self::AvenueOpened => "avenue.opened",
            Self::AlertOpened => "alert.opened",
            Self::AlertClosed => "alert.closed",
            Self::NumberChanged => "number.changed",
            Self::Ping => "ping",
        }
    }

    /// Reads the name of one that can be subscribed to.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::OFFERED.into_iter().find(|one| one.as_str() == text)
    }
}

/// Who made a subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// It stands in the operator's file.
    Config,
    /// It came through the API.
    Api,
}

impl Made {
    /// The name used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Api => "api",
        }
    }
}

/// Whether events go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// They go.
    Active,
    /// They wait, for someone to say that it goes on.
    Paused,
    /// The receiver said that it is gone.
    Disabled,
}

impl State {
    /// The name used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// What an endpoint is made of: when this changes, it is another one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wish {
    /// Where events go.
    pub url: String,
    /// Which types; empty: all.
    #[serde(default)]
    pub types: Vec<String>,
    /// Consents that were imported too.
    pub imports: bool,
    /// Who made it.
    pub made: Made,
    /// Its name in the operator's file.
    #[serde(default)]
    pub name: String,
    /// Whether events go.
    pub state: State,
    /// From what its secrets are made, newest first; nothing for one of the operator's file.
    #[serde(default)]
    pub secrets: Vec<SecretRef>,
}

impl Wish {
    /// Whether events of a type go there.
    #[must_use]
    pub fn takes(&self, kind: EventType) -> bool {
        kind == EventType::Ping
            || self.types.is_empty()
            || self.types.iter().any(|one| one == kind.as_str())
    }

    /// What a store must know of it.
    #[must_use]
    pub fn switches(&self) -> Takes {
        Takes {
            active: self.state == State::Active,
            consents: self.takes(EventType::ConsentChanged),
            imports: self.imports,
        }
    }
}

/// One attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at_ms: i64,
    /// The event, as `webhook-id` names it.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// What the receiver answered; 0 for nothing.
    pub status: u16,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took.
    pub took_ms: u64,
}

/// How deliveries went.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Events taken.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Events given up.
    pub given_up: u64,
    /// When an event was last taken.
    pub last_ok_ms: Option<i64>,
    /// Since when nothing was taken.
    pub failing_since_ms: Option<i64>,
    /// What went wrong last, and when.
    pub last_error: Option<(i64, String)>,
}

/// A subscription.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// What was asked for.
    pub wish: Wish,
    /// What people call it.
    #[serde(default)]
    pub description: String,
    /// When it was made.
    pub made_ms: i64,
    /// By whom.
    pub made_by: String,
    /// Why it is paused or disabled, and since when.
    #[serde(default)]
    pub why: Option<(i64, String)>,
    /// How deliveries went.
    #[serde(default)]
    pub health: Health,
    /// The newest attempts, newest last.
    #[serde(default)]
    pub recent: Vec<Attempt>,
}

/// What happened since it was last written down.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// As of this node, since then.
    pub(super) health: Health,
    /// The newest attempts.
    pub(super) recent: Vec<Attempt>,
    /// The receiver said that it is gone.
    pub(super) gone: bool,
}

impl Tally {
    /// Notes an attempt.
    pub(super) fn add(&mut self, attempt: Attempt) {
        match &attempt.error {
            None => {
                self.health.delivered += 1;
                self.health.last_ok_ms = Some(attempt.at_ms);
                self.health.failing_since_ms = None;
            }
            Some(error) => {
                self.health.failed += 1;
                self.health.failing_since_ms.get_or_insert(attempt.at_ms);
                self.health.last_error = Some((attempt.at_ms, error.clone()));
            }
        }
        self.recent.push(attempt);
        trim(&mut self.recent);
    }
}

impl Tally {
    /// Adds what came later.
    pub(super) fn join(&mut self, newer: Self) {
        let (health, new) = (&mut self.health, newer.health);
        health.delivered += new.delivered;
        health.failed += new.failed;
        health.given_up += new.given_up;
        if new.last_ok_ms.is_some() {
            (health.last_ok_ms, health.failing_since_ms) = (new.last_ok_ms, new.failing_since_ms);
        } else {
            health.failing_since_ms = health.failing_since_ms.or(new.failing_since_ms);
        }
        health.last_error = new.last_error.or(health.last_error.take());
        self.recent.extend(newer.recent);
        trim(&mut self.recent);
        self.gone |= newer.gone;
    }
}

fn trim(recent: &mut Vec<Attempt>) {
    let more = recent.len().saturating_sub(RECENT_MAX);
    recent.drain(..more);
}

/// An error short enough to be kept.
pub(super) fn short(error: &str) -> String {
    error.chars().take(ERROR_CHARS_MAX).collect()
}

impl Record {
    /// Reads one.
    ///
    /// # Errors
    /// It is none.
    pub fn read(body: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(body)
    }

    /// As it is kept.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Adds what happened; pauses what has failed for `patience_ms`, disables what is gone.
    pub(super) fn add(&mut self, tally: &Tally, patience_ms: i64, now_ms: i64) {
        let (health, new) = (&mut self.health, &tally.health);
        health.delivered += new.delivered;
        health.failed += new.failed;
        health.given_up += new.given_up;
        health.last_ok_ms = health.last_ok_ms.max(new.last_ok_ms);
        // Nodes write in no order: what was taken last ends every failing that began before.
        let (last_ok_ms, known) = (health.last_ok_ms, health.failing_since_ms);
        let since = known.into_iter().chain(new.failing_since_ms);
        health.failing_since_ms = since.filter(|since| Some(*since) > last_ok_ms).min();
        health.last_error = new.last_error.clone().or(health.last_error.take());
        self.recent.extend(tally.recent.iter().cloned());
        self.recent.sort_by_key(|attempt| attempt.at_ms);
        trim(&mut self.recent);
        if self.wish.state != State::Active {
            return;
        }
        let since = self.health.failing_since_ms;
        if tally.gone {
            self.set(State::Disabled, "the receiver answered 410 Gone", now_ms);
        } else if since.is_some_and(|since| now_ms.saturating_sub(since) >= patience_ms) {
            self.set(State::Paused, "nothing was taken for too long", now_ms);
        }
    }

    /// Changes whether events go.
    pub fn set(&mut self, state: State, why: &str, now_ms: i64) {
        self.wish.state = state;
        self.why = (state != State::Active).then(|| (now_ms, why.to_owned()));
        if state == State::Active {
            self.health.failing_since_ms = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let body = r#"{"wish":{"url":"https://crm.example/","imports":true,"made":"api","state":"active"},"made_ms":0,"made_by":"ada"}"#;
        Record::read(body).unwrap()
    }

    fn tally(last_ok_ms: Option<i64>, failing_since_ms: Option<i64>) -> Tally {
        Tally {
            health: Health {
                last_ok_ms,
                failing_since_ms,
                ..Health::default()
            },
            ..Tally::default()
        }
    }

    #[test]
    fn what_one_node_could_not_hand_over_before_another_did_is_no_failing() {
        const PATIENCE_MS: i64 = 100;
        for tallies in [
            [tally(Some(20), None), tally(None, Some(10))],
            [tally(None, Some(10)), tally(Some(20), None)],
        ] {
            let mut record = record();
            for tally in &tallies {
                record.add(tally, PATIENCE_MS, 30);
            }
            assert_eq!(record.health.failing_since_ms, None);
            record.add(&tally(None, Some(25)), PATIENCE_MS, 110);
            assert_eq!(record.health.failing_since_ms, Some(25));
            // A success that is written late ends no failing that began after it.
            record.add(&tally(Some(22), None), PATIENCE_MS, 124);
            assert_eq!(record.health.failing_since_ms, Some(25));
            assert_eq!(record.wish.state, State::Active);
            record.add(&tally(None, Some(120)), PATIENCE_MS, 125);
            assert_eq!(record.wish.state, State::Paused);
        }
    }
}
