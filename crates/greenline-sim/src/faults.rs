//! Faults by script: what goes wrong, when, and how often.
//!
//! A fault says which requests (or which webhook calls) it is for and what happens
//! to them. The first that fits a request is used; one that is used up is gone.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::log::{EventKind, masked};
use crate::reply::{Refusal, codes};

/// A fault.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// What it is for.
    #[serde(rename = "match")]
    pub matches: Match,
    /// What happens.
    pub effect: Effect,
    /// How often; `None` for ever.
    pub count: Option<u64>,
}

/// What a fault is for. Everything that is given must fit; nothing given fits every request.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// A part of the path: `/messages`.
    pub path: Option<String>,
    /// The method.
    pub method: Option<String>,
    /// The number's id.
    pub number: Option<String>,
    /// The person.
    pub to: Option<String>,
    /// The message's type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// From the n-th fitting request on, counted from 1.
    pub nth: Option<u64>,
    /// For webhooks instead of requests: the field, or `*` for all.
    pub webhook: Option<String>,
    /// For webhooks: `inbound`, `preference`, `status` or `account`.
    pub event: Option<String>,
}

/// What happens. Without any answer named here, the request is answered as usual, only later.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Effect {
    /// Wait first.
    pub delay_ms: u64,
    /// Carry the request out all the same: the caller just does not learn of it.
    pub process: bool,
    /// Answer with this status.
    pub status: Option<u16>,
    /// Answer with this error code.
    pub code: Option<u32>,
    /// Its subcode.
    pub subcode: Option<u32>,
    /// Its details.
    pub details: Option<String>,
    /// `Retry-After`
    pub retry_after_s: Option<u64>,
    /// Answer with these bytes instead of an error object.
    pub body: Option<String>,
    /// Close the connection without an answer.
    pub drop_connection: bool,
    /// Send the head and half of the body, then close the connection.
    pub half_response: bool,
    /// Never answer.
    pub timeout: bool,
    /// For webhooks: so many further copies.
    pub duplicate: u32,
    /// For webhooks: never deliver.
    pub lose: bool,
    /// For webhooks: sign with another secret.
    pub bad_signature: bool,
}

impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Match")
            .field("path", &self.path)
            .field("method", &self.method)
            .field("number", &self.number)
            .field("to", &self.to.as_deref().map(masked))
            .field("kind", &self.kind)
            .field("nth", &self.nth)
            .field("webhook", &self.webhook)
            .field("event", &self.event)
            .finish()
    }
}

impl Fault {
    /// An error answer with this code, once.
    #[must_use]
    pub fn error(code: u32) -> Self {
        Self::of(Effect {
            code: Some(code),
            ..Effect::default()
        })
    }

    /// An answer with this status, once.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::of(Effect {
            status: Some(status),
            ..Effect::default()
        })
    }

    /// Any effect, once.
    #[must_use]
    pub fn of(effect: Effect) -> Self {
        Self {
            effect,
            count: Some(1),
            ..Self::default()
        }
    }

    /// Only for paths that hold this.
    #[must_use]
    pub fn on_path(mut self, path: &str) -> Self {
        self.matches.path = Some(path.to_owned());
        self
    }

    /// Only for this person.
    #[must_use]
    pub fn to(mut self, to: &str) -> Self {
        self.matches.to = Some(to.to_owned());
        self
    }

    /// So many times.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// For ever.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.count = None;
        self
    }
}

impl Effect {
    /// The error that this effect answers with, if it answers with one.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        if self.status.is_none() && self.code.is_none() {
            return None;
        }
        let code = self
            .code
            .unwrap_or_else(|| codes::usual(self.status.unwrap_or(400)));
        let mut refusal = Refusal::new(code, "Injected by the simulator.");
        if let Some(details) = &self.details {
            refusal.details = Some(details.clone());
        }
        refusal.http = self.status.unwrap_or(refusal.http);
        refusal.subcode = self.subcode;
        refusal.retry_after_s = self.retry_after_s;
        Some(refusal)
    }
}

/// What a fault is compared with.
pub(crate) struct Subject<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: &'a str,
    pub(crate) number: Option<&'a str>,
    pub(crate) to: Option<&'a str>,
    pub(crate) kind: Option<&'a str>,
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct Faults {
    active: Mutex<Vec<Active>>,
    /// How many there are, to be known without the lock.
    count: AtomicUsize,
}

struct Active {
    id: u64,
    fault: Fault,
    seen: u64,
    used: u64,
}

impl Faults {
    /// Puts a fault in force and gives its number.
    pub(crate) fn add(&self, fault: Fault) -> u64 {
        let mut active = self.active();
        let id = active.last().map_or(1, |last| last.id + 1);
        active.push(Active {
            id,
            fault,
            seen: 0,
            used: 0,
        });
        self.count.store(active.len(), Ordering::Release);
        id
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    pub(crate) fn clear(&self) {
        let mut active = self.active();
        active.clear();
        self.count.store(0, Ordering::Release);
    }

    /// The faults and how often each was used.
    pub(crate) fn list(&self) -> Vec<(u64, Fault, u64)> {
        self.active()
            .iter()
            .map(|active| (active.id, active.fault.clone(), active.used))
            .collect()
    }

    /// What happens to this request.
    pub(crate) fn strike(&self, subject: &Subject<'_>) -> Option<Effect> {
        self.first(|matches| matches.webhook.is_none() && fits(matches, subject))
    }

    /// What happens to this webhook call.
    pub(crate) fn strike_webhook(&self, fields: &[String], kinds: &[EventKind]) -> Option<Effect> {
        self.first(|matches| {
            let Some(webhook) = &matches.webhook else {
                return false;
            };
            let field = webhook == "*" || fields.iter().any(|field| field == webhook);
            let event = matches.event.as_ref().is_none_or(|event| {
                kinds
                    .iter()
                    .any(|kind| serde_json::to_value(kind).is_ok_and(|name| name == **event))
            });
            field && event
        })
    }

    fn first(&self, fits: impl Fn(&Match) -> bool) -> Option<Effect> {
        if self.is_empty() {
            return None;
        }
        let mut active = self.active();
        let struck = active.iter_mut().find_map(|active| {
            if !fits(&active.fault.matches) {
                return None;
            }
            active.seen += 1;
            if active.seen < active.fault.matches.nth.unwrap_or(1) {
                return None;
            }
            active.used += 1;
            Some(active.fault.effect.clone())
        });
        active.retain(|active| active.fault.count.is_none_or(|count| active.used < count));
        self.count.store(active.len(), Ordering::Release);
        struck
    }

    fn active(&self) -> MutexGuard<'_, Vec<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fits(matches: &Match, subject: &Subject<'_>) -> bool {
    let same = |wanted: &Option<String>, given: Option<&str>| {
        wanted
            .as_deref()
            .is_none_or(|wanted| given.is_some_and(|given| given.eq_ignore_ascii_case(wanted)))
    };
    matches
        .path
        .as_deref()
        .is_none_or(|path| subject.path.contains(path))
        && same(&matches.method, Some(subject.method))
        && same(&matches.number, subject.number)
        && same(&matches.to, subject.to)
        && same(&matches.kind, subject.kind)
}
