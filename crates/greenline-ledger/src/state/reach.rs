//! Who counts as reached, by portfolio: the different people to whom messages went that the business began, within any
//! 24 hours (QL-10, QL-17).
//!
//! What changes the count are a few kinds of [`Entry`]. A store logs them as they come and replays what it logged
//! when it starts, so the count after a restart is the one before it. People are kept in the order of the newest
//! message that reached them, so the count is right at every millisecond and costs nothing as time passes.

use std::collections::{BTreeSet, VecDeque};

use greenline_policy::decide::Intent;
use greenline_policy::identity::Identifier;
use greenline_policy::reach::{MessagingLimit, PortfolioFacts, REACH_MS, counts_until_ms};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::State;
use super::journal::Change;
use super::people::Slot;
use crate::BusinessSetup;
use crate::error::LedgerError;
use crate::types::{BusinessIx, DecisionRecord, Outcome, PersonId, PortfolioView};

/// How long what no longer counts is remembered: for questions about a moment ago, and clocks that go back.
const KEPT_MS: i64 = 60 * 60 * 1_000;
/// How far a count of people may be moved on without a leap.
const NEAR_MS: u64 = 10 * 60 * 1_000;
/// Sends looked at for each one added: enough to keep up, never a long sweep.
const SWEEP_PER_ADDED: usize = 2;

/// What changes who counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// A message went out to somebody whom it counts for.
    Sent {
        seq: u64,
        person: PersonId,
        at_ms: i64,
    },
    /// The platform refused it, or it certainly did not go.
    Refused { seq: u64 },
    /// After all it may have gone.
    Gone { seq: u64 },
    /// It reached the person.
    Delivered { seq: u64, at_ms: i64 },
    /// It did not.
    Failed { seq: u64 },
    /// Two people are one.
    Joined { into: PersonId, from: PersonId },
    /// It goes by this message id.
    Named { seq: u64, hash: i64 },
    /// A message whose send is not known yet reached the person.
    StrayDelivered { hash: i64, at_ms: i64 },
    /// A message whose send is not known yet did not.
    StrayFailed { hash: i64, at_ms: i64 },
}

/// Bytes of a logged entry.
const ENTRY_BYTES: usize = 25;

impl Entry {
    fn parts(self) -> (u8, [i64; 3]) {
        let signed = |number: u64| number as i64;
        match self {
            Self::Sent { seq, person, at_ms } => (1, [signed(seq), signed(person.0), at_ms]),
            Self::Refused { seq } => (2, [signed(seq), 0, 0]),
            Self::Gone { seq } => (3, [signed(seq), 0, 0]),
            Self::Delivered { seq, at_ms } => (4, [signed(seq), 0, at_ms]),
            Self::Failed { seq } => (5, [signed(seq), 0, 0]),
            Self::Joined { into, from } => (6, [signed(into.0), signed(from.0), 0]),
            Self::Named { seq, hash } => (7, [signed(seq), hash, 0]),
            Self::StrayDelivered { hash, at_ms } => (8, [hash, 0, at_ms]),
            Self::StrayFailed { hash, at_ms } => (9, [hash, 0, at_ms]),
        }
    }

    fn of(kind: u8, [a, b, at_ms]: [i64; 3]) -> Option<Self> {
        let (seq, person) = (a as u64, PersonId(b as u64));
        Some(match kind {
            1 => Self::Sent { seq, person, at_ms },
            2 => Self::Refused { seq },
            3 => Self::Gone { seq },
            4 => Self::Delivered { seq, at_ms },
            5 => Self::Failed { seq },
            6 => Self::Joined {
                into: PersonId(seq),
                from: person,
            },
            7 => Self::Named { seq, hash: b },
            8 => Self::StrayDelivered { hash: a, at_ms },
            9 => Self::StrayFailed { hash: a, at_ms },
            _ => return None,
        })
    }
}

/// Entries as they are logged, one after the other.
pub(crate) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        let (kind, numbers) = entry.parts();
        bytes.push(kind);
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    bytes
}

/// Reads [`encode`].
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Entry>, LedgerError> {
    let unreadable = || LedgerError::unreadable("the log of who was reached");
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, i64::from_le_bytes);
    let entry = |bytes: &[u8]| {
        let (kind, numbers) = bytes.split_first()?;
        let mut parts = numbers.chunks_exact(8).map(number);
        Entry::of(*kind, [parts.next()?, parts.next()?, parts.next()?])
    };
    if !bytes.len().is_multiple_of(ENTRY_BYTES) {
        return Err(unreadable());
    }
    let entries = bytes.chunks_exact(ENTRY_BYTES).map(entry);
    entries.collect::<Option<_>>().ok_or_else(unreadable)
}

/// The latest moment that entries tell of; a log may drop them once that is long past.
pub(crate) fn latest_ms(entries: &[Entry], now_ms: i64) -> i64 {
    let moments = entries.iter().map(|entry| match entry {
        Entry::Sent { at_ms, .. }
        | Entry::Delivered { at_ms, .. }
        | Entry::StrayDelivered { at_ms, .. }
        | Entry::StrayFailed { at_ms, .. } => *at_ms,
        _ => now_ms,
    });
    moments.max().unwrap_or(now_ms)
}

/// Until when entries are of use that tell of moments up to then.
pub(crate) fn useful_until_ms(latest_ms: i64) -> i64 {
    counts_until_ms(latest_ms).saturating_add(KEPT_MS)
}

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
    sends: FxHashMap<u64, Sent>,
    people: FxHashMap<PersonId, Reached>,
    /// People who count, by when they were last reached.
    queue: Queue,
    /// For sends, which come at one moment after another, and for questions, which may be about any.
    cursors: [Cursor; 2],
    /// Sends in the order in which they can be forgotten.
    ages: VecDeque<(i64, u64)>,
    names: FxHashMap<i64, u64>,
    strays: FxHashMap<i64, Stray>,
    stray_ages: VecDeque<(i64, i64)>,
    /// How many sends are refused.
    refused: usize,
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
    pub(crate) fn frees_at_ms(&self, now_ms: i64, people: u32) -> Option<i64> {
        let after = (
            now_ms.saturating_sub(REACH_MS).saturating_add(1),
            PersonId(0),
        );
        let place = usize::try_from(people).ok()?.checked_sub(1)?;
        let (last_ms, _) = self.queue.range(after..).nth(place)?;
        Some(counts_until_ms(*last_ms))
    }

    /// Under whom a group counts.
    fn key(&self, members: &[PersonId]) -> Option<PersonId> {
        let mut members = members.iter().copied();
        members.find(|member| self.people.contains_key(member))
    }

    /// When a group was last reached.
    fn last_ms(&self, members: &[PersonId]) -> Option<i64> {
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

/// What the platform said of a portfolio's limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KnownLimit {
    /// The limit.
    pub(crate) limit: MessagingLimit,
    /// Where it was read.
    pub(crate) origin: Box<str>,
    /// When the platform said so.
    pub(crate) at_ms: i64,
}

impl KnownLimit {
    /// Whether it stands over another: newer news does, and of two of one moment the stricter.
    pub(crate) fn stands_over(&self, other: &Self) -> bool {
        self.at_ms > other.at_ms || (self.at_ms == other.at_ms && self.limit.is_below(other.limit))
    }
}

/// A portfolio: one count for all its businesses and their numbers.
#[derive(Debug, Default)]
pub(crate) struct Portfolio {
    /// Its name in stores.
    pub(crate) key: Box<str>,
    /// Its limit.
    pub(crate) limit: Option<KnownLimit>,
    /// Whom it reached.
    pub(crate) counted: Counted,
    /// What this batch changed of that, in order; logged by its commit.
    pub(crate) added: Vec<Entry>,
    /// Something in this batch was decided by how many there are.
    pub(crate) is_bound: bool,
}

/// A business's portfolio in stores: by its id, or one of its own.
pub(crate) fn portfolio_key(setup: &BusinessSetup) -> Box<str> {
    if setup.portfolio.is_empty() {
        format!("business/{}", setup.id).into()
    } else {
        setup.portfolio.as_str().into()
    }
}

/// What a decision is told of a portfolio, before it is known how many places it takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    pub(crate) limit: Option<MessagingLimit>,
    pub(crate) reached: u32,
    /// When there is room for one more, for two, …; where there is none now.
    frees_at_ms: SmallVec<[Option<i64>; 2]>,
}

impl Room {
    /// What a decision is told that takes so many places.
    pub(crate) fn facts(&self, wanted: u32) -> PortfolioFacts {
        let place = usize::try_from(wanted)
            .ok()
            .and_then(|wanted| wanted.checked_sub(1));
        let frees = place.and_then(|place| self.frees_at_ms.get(place));
        PortfolioFacts {
            limit: self.limit,
            reached: self.reached,
            frees_at_ms: frees.copied().flatten(),
        }
    }
}

impl State {
    /// The place of the portfolio of this name; made if there is none.
    pub(crate) fn portfolio_at(&mut self, key: &str) -> u32 {
        let known = self.portfolios.iter().position(|one| *one.key == *key);
        let place = known.unwrap_or_else(|| {
            self.portfolios.push(Portfolio {
                key: key.into(),
                ..Portfolio::default()
            });
            self.portfolios.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// A business's portfolio.
    pub(crate) fn portfolio(&self, business: BusinessIx) -> Result<&Portfolio, LedgerError> {
        let place = self.business(business)?.portfolio;
        let portfolio = self.portfolios.get(place as usize);
        portfolio.ok_or(LedgerError::Bug("a business without a portfolio"))
    }

    /// How much room a portfolio has for up to so many people more. `own` is the bound that the business sets.
    pub(crate) fn room(
        &mut self,
        business: BusinessIx,
        own: Option<u32>,
        now_ms: i64,
        wanted_max: usize,
    ) -> Result<Room, LedgerError> {
        let place = self.business(business)?.portfolio;
        let Some(portfolio) = self.portfolios.get_mut(place as usize) else {
            return Ok(Room::default());
        };
        let limit = portfolio.limit.as_ref().map(|known| known.limit);
        let reached = portfolio.counted.count(now_ms);
        let Some(bound) = greenline_policy::reach::bound(limit, own) else {
            return Ok(Room {
                limit,
                reached,
                ..Room::default()
            });
        };
        portfolio.is_bound = true;
        let wanted_max = u32::try_from(wanted_max).unwrap_or(u32::MAX);
        let frees = |wanted: u32| {
            let too_many = reached.saturating_add(wanted).checked_sub(bound)?;
            portfolio.counted.frees_at_ms(now_ms, too_many)
        };
        Ok(Room {
            limit,
            reached,
            frees_at_ms: (1..=wanted_max).map(frees).collect(),
        })
    }

    /// When a group was last reached, if that still counts.
    pub(crate) fn reached_at_ms(
        &self,
        business: BusinessIx,
        slot: Slot,
        now_ms: i64,
    ) -> Option<i64> {
        let members = &self.group(slot).members;
        let last_ms = self.portfolio(business).ok()?.counted.last_ms(members)?;
        (now_ms < counts_until_ms(last_ms)).then_some(last_ms)
    }

    fn take_entry(&mut self, place: u32, entry: Entry) {
        let Some(portfolio) = self.portfolios.get_mut(place as usize) else {
            return;
        };
        let journal = &mut self.journal;
        let note = &mut |undo| journal.note(Change::Reach(place, undo));
        portfolio.counted.apply(entry, note);
        portfolio.added.push(entry);
    }

    /// A message that counts goes out to a group.
    pub(crate) fn reaches(
        &mut self,
        business: BusinessIx,
        slot: Slot,
        seq: u64,
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        let place = self.business(business)?.portfolio;
        let members = &self.group(slot).members;
        let known = self.portfolio(business)?.counted.key(members);
        if let Some(person) = known.or_else(|| members.iter().min().copied()) {
            self.take_entry(place, Entry::Sent { seq, person, at_ms });
        }
        Ok(())
    }

    /// Two groups of a business become one.
    pub(crate) fn joins_reached(&mut self, from: Slot, into: Slot) {
        let business = self.group(into).business;
        let Ok(portfolio) = self.portfolio(business) else {
            return;
        };
        let counted = &portfolio.counted;
        let keys = (
            counted.key(&self.group(into).members),
            counted.key(&self.group(from).members),
        );
        if let ((Some(into), Some(from)), Ok(of)) = (keys, self.business(business)) {
            let place = of.portfolio;
            self.take_entry(place, Entry::Joined { into, from });
        }
    }

    /// The portfolios that know a send; one, or none.
    fn that_know(&self, seq: u64) -> Option<u32> {
        let known = self
            .portfolios
            .iter()
            .position(|one| one.counted.knows(seq));
        known.and_then(|place| u32::try_from(place).ok())
    }

    /// What an outcome says of who counts.
    pub(crate) fn reach_settled(&mut self, seq: u64, outcome: &Outcome) {
        let refused = matches!(outcome, Outcome::Rejected { .. } | Outcome::NotSent);
        let may_matter = refused || self.portfolios.iter().any(|one| one.counted.refused > 0);
        if !may_matter {
            return;
        }
        if let Some(place) = self.that_know(seq) {
            let entry = if refused {
                Entry::Refused { seq }
            } else {
                Entry::Gone { seq }
            };
            self.take_if_news(place, seq, entry);
        }
    }

    /// Takes an entry about a send, unless it says what is known.
    fn take_if_news(&mut self, place: u32, seq: u64, entry: Entry) {
        let of = |state: &Self| {
            let portfolio = state.portfolios.get(place as usize)?;
            portfolio.counted.sends.get(&seq).cloned()
        };
        let before = of(self);
        self.take_entry(place, entry);
        if of(self) == before
            && let Some(portfolio) = self.portfolios.get_mut(place as usize)
        {
            portfolio.added.pop();
        }
    }

    /// What a status says of who counts, of a message whose send is known; whether that was one that counts.
    pub(crate) fn reach_status(&mut self, seq: u64, status: &str, at_ms: i64) -> bool {
        let entry = match status {
            "delivered" => Entry::Delivered { seq, at_ms },
            "failed" => Entry::Failed { seq },
            _ => return true,
        };
        let Some(place) = self.that_know(seq) else {
            return false;
        };
        self.take_if_news(place, seq, entry);
        true
    }

    /// What a status says of a message whose send is not known yet.
    pub(crate) fn reach_stray(
        &mut self,
        business: BusinessIx,
        hash: i64,
        status: &str,
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        let entry = match status {
            "delivered" => Entry::StrayDelivered { hash, at_ms },
            "failed" => Entry::StrayFailed { hash, at_ms },
            _ => return Ok(()),
        };
        let place = self.business(business)?.portfolio;
        self.take_entry(place, entry);
        Ok(())
    }

    /// A send goes by a message id: what was heard of that before counts too.
    pub(crate) fn reach_named(&mut self, seq: u64, hash: i64) {
        if let Some(place) = self.that_know(seq) {
            self.take_entry(place, Entry::Named { seq, hash });
        }
    }

    /// Whether a send is so old that it may have been forgotten here.
    pub(crate) fn reach_may_forget(&self, business: BusinessIx, sent_ms: i64) -> bool {
        let newest_ms = self.portfolio(business).map(|one| one.counted.newest_ms);
        newest_ms.is_ok_and(|newest_ms| sent_ms < newest_ms.saturating_sub(REACH_MS))
    }

    /// Takes what the platform says of a limit; whether that is news.
    pub(crate) fn learn_limit(
        &mut self,
        business: BusinessIx,
        new: KnownLimit,
    ) -> Result<bool, LedgerError> {
        let place = self.business(business)?.portfolio;
        let portfolio = self.portfolios.get_mut(place as usize);
        let portfolio = portfolio.ok_or(LedgerError::Bug("a business without a portfolio"))?;
        if portfolio
            .limit
            .as_ref()
            .is_some_and(|known| !new.stands_over(known))
        {
            return Ok(false);
        }
        let before = portfolio.limit.replace(new);
        self.journal.note(Change::Limit(place, before));
        Ok(true)
    }

    /// Replays what a log holds of a portfolio.
    pub(crate) fn replay_reach(&mut self, key: &str, entries: &[Entry]) {
        let place = self.portfolio_at(key);
        if let Some(portfolio) = self.portfolios.get_mut(place as usize) {
            for entry in entries {
                portfolio.counted.apply(*entry, &mut |_| {});
            }
        }
    }

    /// How a business's portfolio stands.
    pub(crate) fn portfolio_view(
        &mut self,
        business: BusinessIx,
        now_ms: i64,
    ) -> Result<PortfolioView, LedgerError> {
        let place = self.business(business)?.portfolio;
        let portfolio = self.portfolios.get_mut(place as usize);
        let portfolio = portfolio.ok_or(LedgerError::Bug("a business without a portfolio"))?;
        let known = portfolio.limit.as_ref();
        Ok(PortfolioView {
            limit: known.map(|known| known.limit),
            origin: known.map(|known| known.origin.clone()),
            at_ms: known.map(|known| known.at_ms),
            reached: portfolio.counted.count(now_ms).into(),
            frees_at_ms: portfolio.counted.frees_at_ms(now_ms, 1),
        })
    }
}

impl DecisionRecord {
    /// Those of its addressees whom it counts for, if it went on.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &Identifier> {
        let is_template = self.intent == Intent::Template;
        let people = self.people.iter().filter(move |person| {
            is_template && greenline_policy::reach::counts(&person.facts(), self.at_ms)
        });
        people.map(|person| &person.identifier)
    }
}

#[cfg(test)]
mod tests;
