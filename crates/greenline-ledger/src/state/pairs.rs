//! What went from each number to each person in the last moments: the platform takes only so much of it (131056).
//!
//! One small entry for each message, kept until it is paid for, which mostly takes six seconds, and never more than
//! some minutes. Nothing of it is logged: where the state is resident it is rebuilt from the last decisions, and
//! elsewhere it stands with the person.

use std::collections::VecDeque;

use greenline_policy::decide::Intent;
use greenline_policy::pair::{EVERY_MS, Pair, Went};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::State;
use super::facts::Judged;
use super::journal::Change;
use super::people::Slot;
use crate::erasure::is_pseudonym;
use crate::types::{Ask, BusinessIx, DecisionRecord, PersonId};

/// The platform's code for a pair that is too fast.
pub(crate) const PAIR_LIMIT: u32 = 131_056;

/// People kept at most; past that whoever was written to longest ago is forgotten.
pub(crate) const PEOPLE_MAX: usize = 1 << 20;
/// Messages kept of one person at most; past that the oldest are forgotten.
pub(crate) const MESSAGES_MAX: usize = 128;
/// How many places are looked at for each one added: enough to keep up, never a long sweep.
const SWEEP_PER_ADDED: usize = 2;

/// One message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    /// Its decision.
    pub(crate) seq: u64,
    /// When it was let go.
    pub(crate) at_ms: i64,
    /// When the platform said that the pair is too fast for it.
    pub(crate) refused_ms: Option<i64>,
    /// The number, by its place in the business's list.
    pub(crate) number: u32,
}

impl Message {
    fn went(self) -> Went {
        Went {
            at_ms: self.at_ms,
            refused_ms: self.refused_ms,
        }
    }
}

/// Messages to one person, in the order of their decisions.
pub(crate) type Messages = SmallVec<[Message; 1]>;

/// Where a pair stands by these messages.
fn pair(messages: &[Message], number: u32) -> Pair {
    let of = messages.iter().filter(|one| one.number == number);
    Pair::after(of.map(|one| one.went()))
}

/// Forgets what matters no more, and is as old as that.
fn trim(messages: &mut Messages, now_ms: i64, kept_ms: i64) {
    let mut numbers: SmallVec<[u32; 2]> = messages.iter().map(|one| one.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let pair = pair(messages, number);
        let mut is_past = true;
        messages.retain(|one| {
            let is_old = one.at_ms.saturating_add(kept_ms) <= now_ms;
            is_past &= one.number != number || (is_old && !pair.looks_at(one.went(), now_ms));
            one.number != number || !is_past
        });
    }
    let many = messages.len().saturating_sub(MESSAGES_MAX);
    messages.drain(..many);
}

/// Everyone who was written to in the last moments.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    people: FxHashMap<PersonId, Messages>,
    /// When to look at whom again, the earliest first; once for each of them.
    queue: VecDeque<(i64, PersonId)>,
    /// How long messages are kept for what may be said of them later, where that cannot be noted without them.
    pub(crate) kept_ms: i64,
}

impl Pairs {
    /// Whether there is nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Everyone.
    pub(crate) fn people(&self) -> impl Iterator<Item = PersonId> + '_ {
        self.people.keys().copied()
    }

    /// What went to somebody.
    pub(crate) fn of(&self, person: PersonId) -> &[Message] {
        self.people.get(&person).map_or(&[], |messages| messages)
    }

    /// Puts it in the place of what was there.
    pub(crate) fn set(&mut self, person: PersonId, messages: Messages) {
        if messages.is_empty() {
            self.people.remove(&person);
        } else {
            self.people.insert(person, messages);
        }
    }

    /// Takes one back that was added.
    pub(crate) fn remove(&mut self, person: PersonId, seq: u64) {
        if let Some(messages) = self.people.get_mut(&person) {
            messages.retain(|one| one.seq != seq);
            if messages.is_empty() {
                self.people.remove(&person);
            }
        }
    }

    /// Puts one where its decision's number says.
    pub(crate) fn add(&mut self, person: PersonId, message: Message) {
        self.add_at(person, message, None);
    }

    /// As [`Self::add`], forgetting what matters no more then.
    fn add_at(&mut self, person: PersonId, message: Message, now_ms: Option<i64>) {
        let queue = &mut self.queue;
        let messages = self.people.entry(person).or_insert_with(|| {
            queue.push_back((message.at_ms.saturating_add(EVERY_MS), person));
            Messages::new()
        });
        if let Some(now_ms) = now_ms {
            trim(messages, now_ms, self.kept_ms);
        }
        let at = messages.partition_point(|one| one.seq < message.seq);
        if messages.get(at).is_none_or(|one| one.seq != message.seq) {
            messages.insert(at, message);
        }
    }

    fn sweep(&mut self, now_ms: i64) {
        for _ in 0..SWEEP_PER_ADDED {
            let Some((due_ms, person)) = self.queue.front().copied() else {
                return;
            };
            let is_full = self.people.len() >= PEOPLE_MAX;
            if due_ms > now_ms && !is_full {
                return;
            }
            self.queue.pop_front();
            let Some(messages) = self.people.get_mut(&person) else {
                continue;
            };
            trim(messages, now_ms, self.kept_ms);
            if messages.is_empty() || due_ms > now_ms {
                self.people.remove(&person);
            } else {
                let due_ms = now_ms.saturating_add(EVERY_MS);
                self.queue.push_back((due_ms, person));
            }
        }
    }
}

/// Whether what goes by a decision counts towards a pace.
pub(crate) fn counts(intent: Intent) -> bool {
    intent != Intent::Call
}

impl Judged<'_> {
    /// For which addressees a send that goes on takes something from the pace, in their order: for none to whom it went
    /// too fast, which only happens where nobody is bound.
    pub(crate) fn paced(&self) -> SmallVec<[bool; 2]> {
        let counts = self.ask.paced && counts(self.ask.intent);
        let people = self.people.iter();
        people
            .map(|person| counts && person.pace.paired_until_ms.is_none())
            .collect()
    }
}

impl State {
    /// Until when a message to a group has to wait, from the ask's number, which has this place.
    pub(super) fn paired_until(&self, slot: Slot, ask: &Ask, number: u32) -> Option<i64> {
        if !ask.paced || self.pairs.is_empty() || !counts(ask.intent) {
            return None;
        }
        let pair = match self.group(slot).members.as_slice() {
            [person] => pair(self.pairs.of(*person), number),
            members => {
                let mut all: Messages = SmallVec::new();
                for person in members {
                    all.extend(self.pairs.of(*person).iter().copied());
                }
                all.sort_unstable_by_key(|one| one.seq);
                all.dedup_by_key(|one| one.seq);
                pair(&all, number)
            }
        };
        pair.until_ms(ask.now_ms)
    }

    /// Counts a message that was let go, with those for whom it takes something.
    pub(crate) fn paces(
        &mut self,
        ask: &Ask,
        found: impl Iterator<Item = (Slot, PersonId)>,
        takes: &[bool],
        seq: u64,
    ) {
        if !takes.contains(&true) {
            return;
        }
        let Some(business) = self.businesses.get_mut(ask.business.0 as usize) else {
            return;
        };
        let number = business.platform.place(&ask.number);
        let is_to_several = takes.len() > 1;
        for ((slot, person), takes) in found.zip(takes) {
            if !takes || (is_to_several && self.has_paced(slot, seq)) {
                continue;
            }
            self.pairs.sweep(ask.now_ms);
            let message = Message {
                seq,
                at_ms: ask.now_ms,
                refused_ms: None,
                number,
            };
            self.pairs.add_at(person, message, Some(ask.now_ms));
            self.journal.note(Change::Paced(person, seq));
        }
    }

    /// Two names of one person are one person.
    fn has_paced(&self, slot: Slot, seq: u64) -> bool {
        let members = self.group(slot).members.iter();
        let mut known = members.flat_map(|member| self.pairs.of(*member));
        known.any(|one| one.seq == seq)
    }

    /// A message took nothing: it was rejected, or certainly did not go out. Where the platform said that the pair is
    /// too fast, it said so then.
    pub(crate) fn paces_not(
        &mut self,
        business: BusinessIx,
        record: &DecisionRecord,
        refused_ms: Option<i64>,
    ) {
        let known = self.businesses.get_mut(business.0 as usize);
        let Some(known) = known.filter(|_| counts(record.intent)) else {
            return;
        };
        let number = known.platform.place(&record.number);
        let seq = record.id.seq;
        let counted = record.people.iter();
        let mut people: SmallVec<[PersonId; 1]> = counted
            .filter(|to| to.pace.paired_until_ms.is_none() && !is_pseudonym(&to.identifier))
            .filter_map(|to| {
                to.person.or_else(|| {
                    let canonical = to.identifier.canonical().0;
                    let slot = self.find(business, &canonical).ok().flatten()?;
                    self.group(slot).first()
                })
            })
            .collect();
        people.dedup();
        for person in people {
            let before: Messages = self.pairs.of(person).into();
            let was_refused = before
                .iter()
                .any(|one| one.seq == seq && one.refused_ms.is_some());
            if was_refused {
                continue;
            }
            let mut after = before.clone();
            after.retain(|one| one.seq != seq);
            self.journal.note(Change::Paired(person, before));
            self.pairs.set(person, after);
            if refused_ms.is_some() {
                let message = Message {
                    seq,
                    at_ms: record.at_ms,
                    refused_ms,
                    number,
                };
                self.pairs.add(person, message);
            }
        }
    }

    /// Forgets what went to somebody.
    pub(crate) fn forget_pairs(&mut self, person: PersonId) {
        let before: Messages = self.pairs.of(person).into();
        if !before.is_empty() {
            self.journal.note(Change::Paired(person, before));
            self.pairs.set(person, SmallVec::new());
        }
    }
}
