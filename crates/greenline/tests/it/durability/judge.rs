//! Judges a trace: was everything on disk before it was acted upon?
//!
//! It looks for sixteen bytes that only one send, or one request, has in it. The commit that holds them is
//! the first in the store's log; the log is read as SQLite documents it, frame by frame, and a commit is
//! whole with the frame that says so. What was acted upon must come after a sync of the log that began
//! once that frame was written, and that succeeded.

use std::collections::{HashMap, HashSet};

use crate::support::trace::Call;

/// Bytes that stand for one thing alone.
pub(super) type Mark = [u8; 16];

/// Makes a mark of a text that has the right length.
pub(super) fn mark(text: &str) -> Mark {
    text.as_bytes()
        .get(..16)
        .and_then(|bytes| bytes.try_into().ok())
        .expect("sixteen bytes")
}

/// A send: what its decision's record holds, and what its body holds on the way out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) record: Mark,
    pub(super) body: Mark,
}

/// What was acted upon too early, in words.
#[derive(Debug, Default)]
pub(super) struct Early {
    pub(super) sends: Vec<String>,
    pub(super) answers: Vec<String>,
}

/// A place in the order of the trace.
type Place = usize;

/// Judges every send, and every request that was answered as done.
pub(super) fn judge(calls: &[Call], log: &str, sends: &[Sent], answered: &[Mark]) -> Early {
    let looked_for = sends.iter().flat_map(|sent| [sent.record, sent.body]);
    let marks: HashSet<Mark> = looked_for.chain(answered.iter().copied()).collect();
    let durable = durable(calls, log, &marks);
    let network = Network::of(calls, &marks);
    let mut early = Early::default();
    for sent in sends {
        let began = network.sent.get(&sent.body);
        early
            .sends
            .extend(judged("send", &sent.body, began, durable.get(&sent.record)));
    }
    for request in answered {
        let began = network.answered.get(request);
        early
            .answers
            .extend(judged("answer", request, began, durable.get(request)));
    }
    early
}

/// Says what is wrong, if anything is. What the trace does not show is not thereby right.
fn judged(
    kind: &str,
    of: &Mark,
    acted: Option<&Place>,
    durable: Option<&Durable>,
) -> Option<String> {
    let of = String::from_utf8_lossy(of);
    let what = match (acted, durable) {
        (None, _) => "the trace does not show it".to_owned(),
        (_, None) => "the trace does not show its commit".to_owned(),
        (Some(acted), Some(Durable { synced: None })) => format!("at line {acted}, never synced"),
        (Some(acted), Some(Durable { synced: Some(at) })) if at < acted => return None,
        (Some(acted), Some(Durable { synced: Some(at) })) => {
            format!("at line {acted}, synced only at {at}")
        }
    };
    Some(format!("{kind} of `{of}`: {what}"))
}

/// When a commit was whole in the log, and when that was synced.
#[derive(Clone, Copy, Debug)]
struct Durable {
    synced: Option<Place>,
}

/// For each mark, the first commit that holds it.
fn durable(calls: &[Call], log: &str, marks: &HashSet<Mark>) -> HashMap<Mark, Durable> {
    let syncs: Vec<&Call> = calls
        .iter()
        .filter(|call| call.on == log && matches!(&*call.name, "fsync" | "fdatasync"))
        .filter(|call| call.result == Some(0))
        .collect();
    let mut found = HashMap::new();
    for (held, written) in commits(calls, log, marks) {
        let synced = syncs
            .iter()
            .filter(|sync| sync.entered > written)
            .map(|sync| sync.returned)
            .min();
        for mark in held {
            found.entry(mark).or_insert(Durable { synced });
        }
    }
    found
}

/// The commits in the log: the marks they hold, and where their last frame was written.
fn commits(calls: &[Call], log: &str, marks: &HashSet<Mark>) -> Vec<(Vec<Mark>, Place)> {
    const FRAME_HEADER_BYTES: usize = 24;
    const LOG_HEADER_BYTES: usize = 32;
    let (mut commits, mut held, mut is_last) = (Vec::new(), Vec::new(), false);
    let writes = calls
        .iter()
        .filter(|call| call.on == log && call.name.starts_with("pwrite"));
    for write in writes {
        match (write.result, write.bytes.len()) {
            // A failed write is the end of its transaction; the log's own header begins none.
            (None, _) | (_, LOG_HEADER_BYTES) => (held, is_last) = (Vec::new(), false),
            // A commit's last frame carries the length of the database; the others carry nothing there.
            (_, FRAME_HEADER_BYTES) => is_last = write.bytes[4..8] != [0; 4],
            _ => {
                held.extend(marked(&write.bytes, marks));
                if is_last {
                    commits.push((std::mem::take(&mut held), write.returned));
                    is_last = false;
                }
            }
        }
    }
    commits
}

/// What went over sockets. A socket on which `POST` is written is one to the platform.
#[derive(Debug, Default)]
struct Network {
    /// Where the first byte of a request with the mark was written.
    sent: HashMap<Mark, Place>,
    /// Where the first byte was written after a request with the mark was read.
    answered: HashMap<Mark, Place>,
}

impl Network {
    fn of(calls: &[Call], marks: &HashSet<Mark>) -> Self {
        let mut network = Self::default();
        let mut heads: HashMap<&str, Place> = HashMap::new();
        let mut unanswered: HashMap<&str, Vec<Mark>> = HashMap::new();
        let sockets = calls.iter().filter(|call| call.on.starts_with("socket:"));
        for call in sockets {
            let reads = call.name.starts_with("re");
            if reads {
                let read = marked(&call.bytes, marks);
                unanswered.entry(&call.on).or_default().extend(read);
                continue;
            }
            if call.bytes.starts_with(b"POST ") {
                heads.insert(&call.on, call.entered);
            }
            if let Some(head) = heads.get(&*call.on) {
                for mark in marked(&call.bytes, marks) {
                    network.sent.entry(mark).or_insert(*head);
                }
            } else {
                for mark in unanswered.remove(&*call.on).unwrap_or_default() {
                    network.answered.entry(mark).or_insert(call.entered);
                }
            }
        }
        network
    }
}

/// The marks that some bytes hold.
fn marked(bytes: &[u8], marks: &HashSet<Mark>) -> Vec<Mark> {
    let places = bytes
        .windows(16)
        .filter_map(|window| Mark::try_from(window).ok());
    places.filter(|place| marks.contains(place)).collect()
}
