//! The people a portfolio reached of late, in the order of the newest message that reached them.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;

use greenline_policy::reach::{REACH_MS, counts_until_ms};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::entry::Entry;
use crate::types::PersonId;

/// How long what no longer counts is remembered: for questions about a moment ago, and clocks that go back.
pub(super) const KEPT_MS: i64 = 60 * 60 * 1_000;
/// How far a count of people may be moved on without a leap.
const NEAR_MS: u64 = 10 * 60 * 1_000;
/// Of the oldest so many are found by walking from the oldest.
const WALK_MAX: usize = 2;
/// A delivery tells of its send again that came so long after it: before what told of the send is let go.
const LONG_AFTER_MS: i64 = KEPT_MS / 2;
/// Sends looked at for each one added: enough to keep up, never a long sweep.
const SWEEP_PER_ADDED: usize = 2;

/// A message that counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    at_ms: i64,
    delivered_ms: Option<i64>,
    refused: bool,
    failed: bool,
    /// What its message id is known by.
    hash: Option<i64>,
    people: SmallVec<[PersonId; 1]>,
}

impl Sent {
    /// When it reached its people, as far as it counts.
    fn reached_ms(&self) -> Option<i64> {
        let sent = (!self.refused && !self.failed).then_some(self.at_ms);
        sent.max(self.delivered_ms)
    }
}

/// Somebody to whom such messages went.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reached {
    last_ms: Option<i64>,
    sends: SmallVec<[u64; 1]>,
}

/// What came of a message before it was known which one it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Stray {
    delivered_ms: Option<i64>,
    failed: bool,
}

/// Something as it was before it changed.
#[derive(Debug)]
pub(crate) enum Undo {
    Sent(u64, Option<Sent>),
    Person(PersonId, Option<Reached>),
    /// A send was added to those of a person, who was last reached then, if anybody of that name was known.
    Pushed(PersonId, u64, Option<Option<i64>>),
    /// When a person was last reached.
    Last(PersonId, Option<i64>),
    Name(i64, Option<u64>),
    Stray(i64, Option<Stray>),
}

/// How many people count no longer, counted on from one moment to the next.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    /// Whoever was last reached up to then …
    horizon_ms: i64,
    /// … of whom there are so many.
    over: usize,
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            horizon_ms: i64::MIN,
            over: 0,
        }
    }
}

type Queue = BTreeSet<(i64, PersonId)>;

/// A place in the queue: what was asked for last is mostly near to what is asked for next.
#[derive(Clone, Copy, Debug)]
struct Rank {
    at: (i64, PersonId),
    /// How many come after it.
    newer: usize,
}

impl Default for Rank {
    fn default() -> Self {
        Self {
            at: (i64::MAX, PersonId(u64::MAX)),
            newer: 0,
        }
    }
}

/// Those who were last reached after one moment and up to another.
fn between(queue: &Queue, after_ms: i64, up_to_ms: i64) -> usize {
    let key = |ms: i64| (ms.saturating_add(1), PersonId(0));
    if after_ms >= up_to_ms {
        return 0;
    }
    queue.range(key(after_ms)..key(up_to_ms)).count()
}

/// Everyone whom a portfolio reached of late.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(super) sends: FxHashMap<u64, Sent>,
    pub(super) people: FxHashMap<PersonId, Reached>,
    /// People who count, by when they were last reached.
    pub(super) queue: Queue,
    /// For sends, which come at one moment after another, and for questions, which may be about any.
    cursors: [Cursor; 2],
    rank: Rank,
    /// Sends in the order in which they can be forgotten.
    ages: VecDeque<(i64, u64)>,
    names: FxHashMap<i64, u64>,
    strays: FxHashMap<i64, Stray>,
    stray_ages: VecDeque<(i64, i64)>,
    /// How many sends are refused.
    pub(super) refused: usize,
    /// The latest moment that anything told of.
    newest_ms: i64,
}

impl Counted {
    /// Everyone who is remembered as reached, whether or not they still count.
    pub(crate) fn reached(&self) -> impl Iterator<Item = PersonId> + '_ {
        self.people.keys().copied()
    }

    /// How many people count at a moment.
    pub(crate) fn count(&mut self, now_ms: i64) -> u32 {
        let horizon_ms = now_ms.saturating_sub(REACH_MS);
        let queue = &self.queue;
        let [one, other] = &mut self.cursors;
        let far = |cursor: &Cursor| cursor.horizon_ms.abs_diff(horizon_ms);
        let (near, away) = match far(one) <= far(other) {
            true => (one, other),
            false => (other, one),
        };
        // The one that is near goes on; a leap is left to the other, so that the next send finds its own again.
        let cursor = match far(near) <= NEAR_MS {
            true => near,
            false => away,
        };
        cursor.over += between(queue, cursor.horizon_ms, horizon_ms);
        cursor.over = cursor
            .over
            .saturating_sub(between(queue, horizon_ms, cursor.horizon_ms));
        cursor.horizon_ms = horizon_ms;
        u32::try_from(queue.len() - cursor.over).unwrap_or(u32::MAX)
    }

    /// When so many of those who count now will no longer.
    pub(crate) fn frees_at_ms(&mut self, now_ms: i64, people: u32) -> Option<i64> {
        let place = usize::try_from(people).ok()?.checked_sub(1)?;
        let last_ms = if place < WALK_MAX {
            let after = (
                now_ms.saturating_sub(REACH_MS).saturating_add(1),
                PersonId(0),
            );
            self.queue.range(after..).nth(place)?.0
        } else {
            let counted = usize::try_from(self.count(now_ms)).ok()?;
            self.before_the_newest(counted.checked_sub(place + 1)?)?
        };
        Some(counts_until_ms(last_ms))
    }

    /// When somebody was last reached after whom come so many.
    fn before_the_newest(&mut self, newer: usize) -> Option<i64> {
        let rank = self.rank;
        let found = match newer.checked_sub(rank.newer) {
            Some(further) => self.queue.range(..=rank.at).nth_back(further),
            None => {
                let after = (Bound::Excluded(rank.at), Bound::Unbounded);
                self.queue.range(after).nth(rank.newer - 1 - newer)
            }
        };
        let at = *found?;
        self.rank = Rank { at, newer };
        Some(at.0)
    }

    /// Under whom a group counts.
    pub(super) fn key(&self, members: &[PersonId]) -> Option<PersonId> {
        let mut members = members.iter().copied();
        members.find(|member| self.people.contains_key(member))
    }

    /// When a group was last reached.
    pub(super) fn last_ms(&self, members: &[PersonId]) -> Option<i64> {
        let key = self.key(members)?;
        self.people.get(&key)?.last_ms
    }

    /// The latest moment that anything told of.
    pub(crate) fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    /// Whether a send is refused; `None` for one that it does not know.
    pub(crate) fn is_refused(&self, seq: u64) -> Option<bool> {
        self.sends.get(&seq).map(|sent| sent.refused)
    }

    /// Whether it knows a send.
    pub(crate) fn knows(&self, seq: u64) -> bool {
        self.sends.contains_key(&seq)
    }

    /// Whether an entry means the same whatever else is told that is as old.
    pub(crate) fn is_ready_for(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Refused { seq }
            | Entry::Gone { seq }
            | Entry::Delivered { seq, .. }
            | Entry::Failed { seq }
            | Entry::Named { seq, .. } => self.knows(*seq),
            // Of more messages to both.
            Entry::Joined { .. } => false,
            Entry::Sent { .. } | Entry::StrayDelivered { .. } | Entry::StrayFailed { .. } => true,
        }
    }

    /// A send once more, for a log, if it was long before that moment.
    pub(super) fn sent_long_before(&self, seq: u64, at_ms: i64) -> SmallVec<[Entry; 1]> {
        let sent = self.sends.get(&seq);
        let sent = sent.filter(|sent| sent.at_ms.saturating_add(LONG_AFTER_MS) < at_ms);
        let again = |sent: &Sent| {
            let to = |person: &PersonId| Entry::Sent {
                seq,
                person: *person,
                at_ms: sent.at_ms,
            };
            sent.people.iter().map(to).collect()
        };
        sent.map(again).unwrap_or_default()
    }

    /// What came of a message before its send was known.
    fn stray(&self, hash: i64) -> Stray {
        self.strays.get(&hash).copied().unwrap_or_default()
    }

    fn put_in_queue(&mut self, last_ms: i64, person: PersonId, is_there: bool) {
        let changed = if is_there {
            self.queue.insert((last_ms, person))
        } else {
            self.queue.remove(&(last_ms, person))
        };
        if changed && (last_ms, person) > self.rank.at {
            self.rank.newer = match is_there {
                true => self.rank.newer + 1,
                false => self.rank.newer.saturating_sub(1),
            };
        }
        for cursor in &mut self.cursors {
            if changed && last_ms <= cursor.horizon_ms {
                cursor.over = match is_there {
                    true => cursor.over + 1,
                    false => cursor.over.saturating_sub(1),
                };
            }
        }
    }

    fn put_person(&mut self, person: PersonId, after: Option<Reached>) -> Option<Reached> {
        let last_ms = after.as_ref().and_then(|after| after.last_ms);
        let before = match after {
            Some(after) => self.people.insert(person, after),
            None => self.people.remove(&person),
        };
        if let Some(before_ms) = before.as_ref().and_then(|before| before.last_ms) {
            self.put_in_queue(before_ms, person, false);
        }
        if let Some(last_ms) = last_ms {
            self.put_in_queue(last_ms, person, true);
        }
        before
    }

    fn put_last(&mut self, person: PersonId, last_ms: Option<i64>) {
        let Some(reached) = self.people.get_mut(&person) else {
            return;
        };
        let before_ms = std::mem::replace(&mut reached.last_ms, last_ms);
        if before_ms == last_ms {
            return;
        }
        if let Some(before_ms) = before_ms {
            self.put_in_queue(before_ms, person, false);
        }
        if let Some(last_ms) = last_ms {
            self.put_in_queue(last_ms, person, true);
        }
    }

    /// Somebody was reached then, if not later: the usual case, which looks at no other send.
    fn raise(&mut self, person: PersonId, at_ms: i64) -> Option<i64> {
        let last_ms = self.people.get(&person).and_then(|reached| reached.last_ms);
        self.put_last(person, last_ms.max(Some(at_ms)));
        last_ms
    }

    fn put_sent(&mut self, seq: u64, after: Option<Sent>) -> Option<Sent> {
        let is_refused =
            |sent: &Option<Sent>| usize::from(sent.as_ref().is_some_and(|sent| sent.refused));
        self.refused += is_refused(&after);
        let before = match after {
            Some(after) => self.sends.insert(seq, after),
            None => self.sends.remove(&seq),
        };
        self.refused = self.refused.saturating_sub(is_refused(&before));
        before
    }

    /// Takes a change back.
    pub(crate) fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Sent(seq, before) => drop(self.put_sent(seq, before)),
            Undo::Person(person, before) => drop(self.put_person(person, before)),
            Undo::Pushed(person, seq, Some(last_ms)) => {
                if let Some(reached) = self.people.get_mut(&person)
                    && let Some(at) = reached.sends.iter().rposition(|sent| *sent == seq)
                {
                    reached.sends.remove(at);
                }
                self.put_last(person, last_ms);
            }
            Undo::Pushed(person, _, None) => drop(self.put_person(person, None)),
            Undo::Last(person, last_ms) => self.put_last(person, last_ms),
            Undo::Name(hash, Some(seq)) => drop(self.names.insert(hash, seq)),
            Undo::Name(hash, None) => drop(self.names.remove(&hash)),
            Undo::Stray(hash, Some(before)) => drop(self.strays.insert(hash, before)),
            Undo::Stray(hash, None) => drop(self.strays.remove(&hash)),
        }
    }

    /// Somebody's newest send, worked out again.
    fn refold(&mut self, person: PersonId, mut reached: Reached, note: &mut dyn FnMut(Undo)) {
        let sends = reached.sends.iter();
        let moments = sends.filter_map(|seq| self.sends.get(seq)?.reached_ms());
        reached.last_ms = moments.max();
        let before = self.put_person(person, Some(reached));
        note(Undo::Person(person, before));
    }

    /// Changes a send, and what it means for its people.
    fn change(&mut self, seq: u64, note: &mut dyn FnMut(Undo), change: impl FnOnce(&mut Sent)) {
        let Some(before) = self.sends.get(&seq) else {
            return;
        };
        let mut after = before.clone();
        change(&mut after);
        if after == *before {
            return;
        }
        let (was_ms, is_ms) = (before.reached_ms(), after.reached_ms());
        let people = after.people.clone();
        let before = self.put_sent(seq, Some(after));
        note(Undo::Sent(seq, before));
        for person in people {
            match is_ms {
                _ if is_ms == was_ms => {}
                Some(at_ms) if is_ms > was_ms => {
                    let last_ms = self.raise(person, at_ms);
                    note(Undo::Last(person, last_ms));
                }
                _ => {
                    let reached = self.people.get(&person).cloned().unwrap_or_default();
                    self.refold(person, reached, note);
                }
            }
        }
    }

    /// Takes an entry. What it changed goes to `note`, in the order of the changes.
    pub(crate) fn apply(&mut self, entry: Entry, note: &mut dyn FnMut(Undo)) {
        match entry {
            Entry::Sent { seq, person, at_ms } => self.sent(seq, person, at_ms, note),
            Entry::Refused { seq } => self.change(seq, note, |sent| sent.refused = true),
            Entry::Gone { seq } => self.change(seq, note, |sent| sent.refused = false),
            Entry::Delivered { seq, at_ms } => {
                self.newest_ms = self.newest_ms.max(at_ms);
                self.change(seq, note, |sent| {
                    sent.delivered_ms = sent.delivered_ms.max(Some(at_ms));
                });
            }
            Entry::Failed { seq } => self.change(seq, note, |sent| sent.failed = true),
            Entry::Joined { into, from } => self.joined(into, from, note),
            Entry::Named { seq, hash } => {
                self.change(seq, note, |sent| sent.hash = Some(hash));
                note(Undo::Name(hash, self.names.insert(hash, seq)));
                self.claim(seq, hash, note);
            }
            Entry::StrayDelivered { hash, at_ms } => self.strayed(hash, at_ms, note, |stray| {
                stray.delivered_ms = stray.delivered_ms.max(Some(at_ms));
            }),
            Entry::StrayFailed { hash, at_ms } => {
                self.strayed(hash, at_ms, note, |stray| stray.failed = true);
            }
        }
    }

    fn sent(&mut self, seq: u64, person: PersonId, at_ms: i64, note: &mut dyn FnMut(Undo)) {
        for _ in 0..SWEEP_PER_ADDED {
            self.sweep_one();
        }
        self.newest_ms = self.newest_ms.max(at_ms);
        let mut after = self.sends.get(&seq).cloned().unwrap_or(Sent {
            at_ms,
            delivered_ms: None,
            refused: false,
            failed: false,
            hash: None,
            people: SmallVec::new(),
        });
        if after.people.contains(&person) {
            return;
        }
        if after.people.is_empty() {
            self.ages.push_back((at_ms, seq));
        }
        after.people.push(person);
        let reached_ms = after.reached_ms();
        let before = self.put_sent(seq, Some(after));
        note(Undo::Sent(seq, before));
        let known = self.people.get(&person).map(|reached| reached.last_ms);
        self.people.entry(person).or_default().sends.push(seq);
        if let Some(reached_ms) = reached_ms {
            self.raise(person, reached_ms);
        }
        note(Undo::Pushed(person, seq, known));
    }

    fn joined(&mut self, into: PersonId, from: PersonId, note: &mut dyn FnMut(Undo)) {
        if into == from || !self.people.contains_key(&from) {
            return;
        }
        let gone = self.put_person(from, None).unwrap_or_default();
        note(Undo::Person(from, Some(gone.clone())));
        let mut reached = self.people.get(&into).cloned().unwrap_or_default();
        for seq in gone.sends {
            let Some(mut sent) = self.sends.get(&seq).cloned() else {
                continue;
            };
            sent.people
                .retain(|person| *person != from && *person != into);
            sent.people.push(into);
            let before = self.put_sent(seq, Some(sent));
            note(Undo::Sent(seq, before));
            if !reached.sends.contains(&seq) {
                reached.sends.push(seq);
            }
        }
        self.refold(into, reached, note);
    }

    fn strayed(
        &mut self,
        hash: i64,
        at_ms: i64,
        note: &mut dyn FnMut(Undo),
        change: impl FnOnce(&mut Stray),
    ) {
        self.sweep_stray();
        let mut after = self.stray(hash);
        change(&mut after);
        let before = self.strays.insert(hash, after);
        if before.is_none() {
            self.stray_ages.push_back((at_ms, hash));
        }
        note(Undo::Stray(hash, before));
        // Its send may have been named by somebody else meanwhile.
        if let Some(seq) = self.names.get(&hash).copied() {
            self.claim(seq, hash, note);
        }
    }

    /// A send's message is known now: what came of it before counts too.
    pub(crate) fn claim(&mut self, seq: u64, hash: i64, note: &mut dyn FnMut(Undo)) {
        let stray = self.stray(hash);
        self.change(seq, note, |sent| {
            sent.delivered_ms = sent.delivered_ms.max(stray.delivered_ms);
            sent.failed |= stray.failed;
        });
    }

    /// From when on nothing is of use any more.
    fn useless_ms(&self) -> i64 {
        self.newest_ms.saturating_sub(REACH_MS + KEPT_MS)
    }

    /// Forgets the oldest send, once it is of no use. Not journalled: what it says is long over.
    fn sweep_one(&mut self) {
        let useless_ms = self.useless_ms();
        let Some((_, seq)) = self.ages.pop_front_if(|(at_ms, _)| *at_ms < useless_ms) else {
            return;
        };
        let Some(sent) = self.sends.get(&seq) else {
            return;
        };
        if let Some(reached_ms) = sent.reached_ms().filter(|ms| *ms >= useless_ms) {
            let place = self.ages.partition_point(|(at_ms, _)| *at_ms < reached_ms);
            self.ages.insert(place, (reached_ms, seq));
            return;
        }
        let Some(sent) = self.put_sent(seq, None) else {
            return;
        };
        if let Some(hash) = sent.hash {
            self.names.remove(&hash);
        }
        for person in sent.people {
            let Some(reached) = self.people.get_mut(&person) else {
                continue;
            };
            // The oldest comes first.
            if let Some(at) = reached.sends.iter().position(|other| *other == seq) {
                reached.sends.remove(at);
            }
            if reached.sends.is_empty() {
                self.put_person(person, None);
            }
        }
    }

    fn sweep_stray(&mut self) {
        let useless_ms = self.useless_ms();
        if let Some((_, hash)) = self
            .stray_ages
            .pop_front_if(|(at_ms, _)| *at_ms < useless_ms)
        {
            self.strays.remove(&hash);
        }
    }
}
