//! What the simulator remembers: every request it received, every webhook it sent.
//!
//! A bounded ring with a number for each entry, and a signal on every change, so
//! that a test awaits an event instead of sleeping.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use tokio::sync::watch;

/// A request as it arrived upstream. Times are nanoseconds since the simulator's start.
#[derive(Clone, Serialize)]
pub struct Received {
    /// Counts from 1.
    pub seq: u64,
    /// When the head had been read.
    pub head_ns: u64,
    /// When the whole body had been read: the request had arrived by then.
    pub body_ns: u64,
    /// The last time at which the connection was seen to hold no unread byte before the end of this
    /// request was read: its last bytes arrived later than this. 0 if never looked at.
    pub not_before_ns: u64,
    /// `body_ns` in Unix milliseconds.
    pub unix_ms: i64,
    /// The method, after any override.
    pub method: String,
    /// The path without version and query.
    pub path: String,
    /// The outer request, if this one came in a batch.
    pub batch: Option<u64>,
    /// The number that a send, an upload or a read is about: the first part of the path.
    pub number: Option<String>,
    /// `to`, or `recipient`, as written.
    pub to: Option<String>,
    /// The message's type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The template's name.
    pub template: Option<String>,
    /// The id that was answered.
    pub wamid: Option<String>,
    /// The status that was answered; none while (or if never) answered.
    pub status: Option<u16>,
    /// The error code that was answered.
    pub code: Option<u32>,
    /// The body's length.
    pub body_bytes: usize,
    /// The body's SHA-256 in hex.
    pub body_sha256: String,
    /// The body, if bodies are kept.
    #[serde(serialize_with = "as_text", skip_serializing_if = "Option::is_none")]
    pub body: Option<Bytes>,
}

impl Received {
    /// Whether this is a request that can reach a person.
    #[must_use]
    pub fn is_send(&self) -> bool {
        self.method == "POST"
            && self.kind.is_some()
            && (self.path.ends_with("/messages") || self.path.ends_with("/marketing_messages"))
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("seq", &self.seq)
            .field("body_ns", &self.body_ns)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("to", &self.to.as_deref().map(masked))
            .field("type", &self.kind)
            .field("wamid", &self.wamid)
            .field("status", &self.status)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// A number or id with all but its first three and last two characters hidden.
pub(crate) fn masked(id: &str) -> String {
    let characters: Vec<char> = id.chars().collect();
    match characters.as_slice() {
        [a, b, c, _, .., y, z] => format!("{a}{b}{c}•••{y}{z}"),
        _ => "•••".to_owned(),
    }
}

/// What an event in a webhook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A person wrote or called.
    Inbound,
    /// A person used WhatsApp's own switch.
    Preference,
    /// A status.
    Status,
    /// Something about the account, a number or a template.
    Account,
}

/// One webhook call with all its attempts.
#[derive(Clone, Serialize)]
pub struct Delivery {
    /// Counts from 1.
    pub seq: u64,
    /// Where it goes.
    pub url: String,
    /// The field of each event in it.
    pub fields: Vec<String>,
    /// What each event in it is.
    pub kinds: Vec<EventKind>,
    /// Message ids in it: of inbound messages, and of messages that statuses are about.
    pub ids: Vec<String>,
    /// The delivery that this one repeats.
    pub duplicate_of: Option<u64>,
    /// What was tried.
    pub attempts: Vec<Attempt>,
    /// How it stands.
    pub state: DeliveryState,
    /// The body, if bodies are kept.
    #[serde(serialize_with = "as_text", skip_serializing_if = "Option::is_none")]
    pub body: Option<Bytes>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("seq", &self.seq)
            .field("fields", &self.fields)
            .field("kinds", &self.kinds)
            .field("duplicate_of", &self.duplicate_of)
            .field("attempts", &self.attempts)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Delivery {
    /// Whether it was answered 200.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.state == DeliveryState::Acknowledged
    }

    /// When the answer 200 had been read, in nanoseconds since the start.
    #[must_use]
    pub fn acknowledged_ns(&self) -> Option<u64> {
        let last = self.attempts.last()?;
        self.is_acknowledged().then_some(last.answered_ns).flatten()
    }
}

/// One attempt. Times are nanoseconds since the simulator's start.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// When the call began.
    pub started_ns: u64,
    /// The same, in Unix milliseconds.
    pub started_ms: i64,
    /// When the head of the answer had been read.
    pub answered_ns: Option<u64>,
    /// The answer's status.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not yet answered 200.
    Pending,
    /// Answered 200.
    Acknowledged,
    /// Given up.
    Lost,
}

fn as_text<S: Serializer>(body: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
    match body {
        Some(body) => serializer.serialize_str(&String::from_utf8_lossy(body)),
        None => serializer.serialize_none(),
    }
}

/// A bounded ring of numbered entries that can be awaited.
pub(crate) struct Log<T> {
    ring: Mutex<Ring<T>>,
    changes: watch::Sender<u64>,
    max: usize,
}

struct Ring<T> {
    entries: VecDeque<T>,
    /// The number of the next entry.
    next: u64,
}

impl<T> Ring<T> {
    fn first(&self) -> u64 {
        self.next - self.entries.len() as u64
    }
}

impl<T: Clone> Log<T> {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            ring: Mutex::new(Ring {
                entries: VecDeque::new(),
                next: 1,
            }),
            changes: watch::Sender::new(0),
            max,
        }
    }

    pub(crate) fn is_off(&self) -> bool {
        self.max == 0
    }

    pub(crate) fn push(&self, entry: impl FnOnce(u64) -> T) -> u64 {
        let seq = {
            let mut ring = self.ring();
            let seq = ring.next;
            ring.next += 1;
            if self.max > 0 {
                if ring.entries.len() == self.max {
                    ring.entries.pop_front();
                }
                ring.entries.push_back(entry(seq));
            }
            seq
        };
        self.changes.send_modify(|changes| *changes += 1);
        seq
    }

    pub(crate) fn update(&self, seq: u64, change: impl FnOnce(&mut T)) {
        {
            let mut ring = self.ring();
            let index = seq.checked_sub(ring.first());
            let entry = index
                .and_then(|index| usize::try_from(index).ok())
                .and_then(|index| ring.entries.get_mut(index));
            match entry {
                Some(entry) => change(entry),
                None => return,
            }
        }
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// The entries with a greater number.
    pub(crate) fn since(&self, seq: u64) -> Vec<T> {
        let ring = self.ring();
        let skip = (seq + 1).saturating_sub(ring.first());
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        ring.entries.iter().skip(skip).cloned().collect()
    }

    /// How many entries there ever were.
    pub(crate) fn count(&self) -> u64 {
        self.ring().next - 1
    }

    pub(crate) fn clear(&self) {
        self.ring().entries.clear();
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn find(&self, mut wanted: impl FnMut(&T) -> bool) -> Option<T> {
        self.ring()
            .entries
            .iter()
            .find(|entry| wanted(entry))
            .cloned()
    }

    /// The first entry that fits, waiting for it if need be.
    pub(crate) async fn wait(
        &self,
        within: Duration,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Option<T> {
        let mut changes = self.changes();
        let search = async {
            loop {
                if let Some(entry) = self.find(&mut wanted) {
                    return Some(entry);
                }
                if changes.changed().await.is_err() {
                    return None;
                }
            }
        };
        tokio::time::timeout(within, search).await.unwrap_or(None)
    }

    fn ring(&self) -> MutexGuard<'_, Ring<T>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
