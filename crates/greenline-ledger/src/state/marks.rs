//! What went to each person of late, so that it can be counted: one small mark for each message that began something.
//!
//! A mark is kept as long as any cap may look back. It is made when the send is let go, and taken back when it turns
//! out that the message did not reach the person: rejected, certainly not sent, or failed. Marks of people who turn out
//! to be one are counted together. The store logs them as they come, in one row a commit.

use greenline_policy::decide::{self, begins};
use greenline_policy::pace::{COUNTED_MS, Kind};
use greenline_policy::scope::{Categories, Scope};
use smallvec::SmallVec;

use super::State;
use super::facts::Judged;
use super::journal::Change;
use super::people::Slot;
use crate::types::{BusinessIx, DecisionRecord, PersonId};

/// Bits of a mark that name its topic, and its categories.
const TOPIC_BITS: u32 = 16;
const CATEGORY_BITS: u32 = 4;

/// One message that began something, in sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    /// When, Unix milliseconds, above the categories, above the topic.
    packed: u64,
    /// The decision.
    pub(crate) seq: u64,
}

impl Mark {
    fn new(at_ms: i64, categories: Categories, topic: u16, seq: u64) -> Self {
        let at = u64::try_from(at_ms).unwrap_or(0) << (TOPIC_BITS + CATEGORY_BITS);
        let categories = u64::from(categories.bits() & 0xf) << TOPIC_BITS;
        Self {
            packed: at | categories | u64::from(topic),
            seq,
        }
    }

    /// When the message was let go.
    pub(crate) fn at_ms(self) -> i64 {
        // Invariant: 44 bits are left.
        (self.packed >> (TOPIC_BITS + CATEGORY_BITS)) as i64
    }

    fn categories(self) -> Categories {
        Categories::from_bits((self.packed >> TOPIC_BITS) as u8 & 0xf)
    }

    fn topic(self) -> u16 {
        self.packed as u16
    }
}

/// Marks of a group.
pub(crate) type Marked = SmallVec<[Mark; 1]>;

/// What a batch is to write of marks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Logged {
    /// A message began something with this person.
    Made(PersonId, Mark),
    /// It did not reach them.
    TakenBack(PersonId, u64),
    /// Nothing of theirs counts any more.
    Forgotten(PersonId),
}

/// The topics that marks name, and what is still to be written of them.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    topics: Vec<Scope>,
    /// What the batch under way is to write.
    pub(crate) added: Vec<Logged>,
    /// Rows logged since old ones were last let go.
    pub(crate) rows: usize,
}

impl Marks {
    /// The number of a topic from now on, which nothing takes back; 0 for none.
    fn number(&mut self, topic: Option<&Scope>) -> u16 {
        let Some(topic) = topic else {
            return 0;
        };
        let known = self.topics.iter().position(|known| known == topic);
        let at = known.unwrap_or_else(|| {
            self.topics.push(topic.clone());
            self.topics.len() - 1
        });
        // Past that many topics one is counted for its category alone.
        u16::try_from(at + 1).unwrap_or(0)
    }

    fn topic(&self, mark: Mark) -> Option<&Scope> {
        let at = usize::from(mark.topic()).checked_sub(1)?;
        self.topics.get(at)
    }

    /// What a mark counts as.
    pub(crate) fn kind(&self, mark: Mark) -> Kind<'_> {
        Kind {
            categories: mark.categories(),
            topic: self.topic(mark),
        }
    }
}

/// What a send counts as, and for whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Begun {
    pub(crate) categories: Categories,
    pub(crate) topic: Option<Scope>,
    /// Whether it begins something, by addressee.
    pub(crate) with: SmallVec<[bool; 1]>,
}

impl Begun {
    fn of(kind: Kind<'_>, with: SmallVec<[bool; 1]>) -> Option<Self> {
        with.contains(&true).then(|| Self {
            categories: kind.categories,
            topic: kind.topic.cloned(),
            with,
        })
    }
}

impl Judged<'_> {
    /// Whether it is marketing, as the platform counts it.
    pub(crate) fn is_marketing(&self) -> bool {
        decide::is_marketing(self.ask.intent, self.template)
    }

    /// What it counts as; `None` where it only answers.
    pub(crate) fn begun(&self) -> Option<Begun> {
        let ask = self.ask;
        let kind = Kind::of(ask.intent, self.template)?;
        let with = self
            .people
            .iter()
            .map(|person| begins(ask.intent, self.template, person, &ask.rules, ask.now_ms));
        Begun::of(kind, with.collect())
    }
}

impl DecisionRecord {
    /// What it counted as; `None` where it only answered.
    pub(crate) fn begun(&self) -> Option<Begun> {
        let template = self.template_facts.as_ref();
        let kind = Kind::of(self.intent, template)?;
        let with = self.people.iter().map(|person| {
            begins(
                self.intent,
                template,
                &person.facts(),
                &self.rules,
                self.at_ms,
            )
        });
        Begun::of(kind, with.collect())
    }
}

/// Before what is marketing for the platform.
const MARKETING: char = 'm';
/// Before what did not reach its person, where it is kept all the same.
pub(crate) const BACK: char = '-';

/// What a send counts as, in words: if it is marketing for the platform, the bits of its categories, its topic.
pub(crate) fn mark_text(is_marketing: bool, begun: &Begun) -> String {
    let mark = if is_marketing {
        MARKETING.to_string()
    } else {
        String::new()
    };
    let bits = begun.categories.bits();
    match &begun.topic {
        None => format!("{mark}{bits}"),
        Some(topic) => format!("{mark}{bits} {topic}"),
    }
}

/// Reads [`mark_text`].
pub(crate) fn of_mark_text(text: &str) -> Option<(Categories, Option<Scope>)> {
    let text = text.strip_prefix(MARKETING).unwrap_or(text);
    let (bits, topic) = match text.split_once(' ') {
        None => (text, None),
        Some((bits, topic)) => (bits, Some(Scope::parse(topic)?)),
    };
    Some((Categories::from_bits(bits.parse().ok()?), topic))
}

impl State {
    /// Marks a message that was let go, at everybody with whom it begins something.
    pub(crate) fn mark(
        &mut self,
        begun: &Begun,
        found: impl Iterator<Item = (Slot, PersonId)>,
        (seq, at_ms): (u64, i64),
    ) {
        let topic = self.marks.number(begun.topic.as_ref());
        let mark = Mark::new(at_ms, begun.categories, topic, seq);
        for ((slot, person), begins) in found.zip(&begun.with) {
            if !*begins {
                continue;
            }
            let marks = &mut self.groups[slot as usize].marks;
            // Two names of one person are one person.
            if marks.iter().any(|known| known.seq == seq) {
                continue;
            }
            // What is too old for every cap is not missed should the batch be taken back.
            marks.retain(|known| known.at_ms() > at_ms.saturating_sub(COUNTED_MS));
            marks.push(mark);
            self.journal.note(Change::Marked(slot, seq));
            self.marks.added.push(Logged::Made(person, mark));
        }
    }

    /// As [`Self::mark`], of what a store holds.
    pub(crate) fn load_mark(
        &mut self,
        slot: Slot,
        (categories, topic): (Categories, Option<&Scope>),
        (seq, at_ms): (u64, i64),
    ) {
        let topic = self.marks.number(topic);
        let marks = &mut self.groups[slot as usize].marks;
        if marks.iter().all(|known| known.seq != seq) {
            marks.push(Mark::new(at_ms, categories, topic, seq));
        }
    }

    /// Takes back what a send was marked as: it did not reach whoever it went to.
    pub(crate) fn unmark(&mut self, business: BusinessIx, record: &DecisionRecord) {
        for to in &record.people {
            let canonical = to.identifier.canonical().0;
            let Ok(Some(slot)) = self.find(business, &canonical) else {
                continue;
            };
            let marks = &mut self.groups[slot as usize].marks;
            let Some(at) = marks.iter().position(|mark| mark.seq == record.id.seq) else {
                continue;
            };
            let mark = marks.remove(at);
            self.journal.note(Change::Unmarked(slot, mark));
            for member in self.groups[slot as usize].members.clone() {
                self.marks
                    .added
                    .push(Logged::TakenBack(member, record.id.seq));
            }
        }
    }

    /// Forgets what went to a group.
    pub(crate) fn forget_marks(&mut self, slot: Slot) {
        let marks = std::mem::take(&mut self.group_mut(slot).marks);
        if marks.is_empty() {
            return;
        }
        for member in self.groups[slot as usize].members.clone() {
            self.marks.added.push(Logged::Forgotten(member));
        }
    }

    /// Everything that went to a group and counts, with what it counts as.
    pub(crate) fn marks_of(&self, slot: Slot) -> impl Iterator<Item = (i64, Kind<'_>)> + Clone {
        let marks = self.group(slot).marks.iter();
        marks.map(|mark| (mark.at_ms(), self.marks.kind(*mark)))
    }
}

/// Bytes of one logged entry: person, mark, decision.
const ENTRY_BYTES: usize = 24;
/// In the place of a mark: it was taken back.
const TAKEN_BACK: u64 = 0;
/// In the place of a mark: everything of that person goes.
const FORGOTTEN: u64 = u64::MAX;

/// What a batch adds, as a row keeps it: the entries, the topics they name, and the newest moment
/// of a message among them.
pub(crate) struct LogRow {
    pub(crate) entries: Vec<u8>,
    pub(crate) topics: Option<String>,
    pub(crate) newest_ms: i64,
}

impl Marks {
    /// The row of what was added; `None` where nothing was.
    pub(crate) fn row(&self) -> Option<LogRow> {
        if self.added.is_empty() {
            return None;
        }
        let mut topics: Vec<u16> = Vec::new();
        let mut row = LogRow {
            entries: Vec::with_capacity(self.added.len() * ENTRY_BYTES),
            topics: None,
            newest_ms: 0,
        };
        for one in &self.added {
            let (person, packed, seq) = match one {
                Logged::Made(person, mark) => {
                    row.newest_ms = row.newest_ms.max(mark.at_ms());
                    let topic = match mark.topic() {
                        0 => 0,
                        topic => {
                            let known = topics.iter().position(|known| *known == topic);
                            let at = known.unwrap_or_else(|| {
                                topics.push(topic);
                                topics.len() - 1
                            });
                            u16::try_from(at + 1).unwrap_or(0)
                        }
                    };
                    let mark = Mark::new(mark.at_ms(), mark.categories(), topic, mark.seq);
                    (person, mark.packed, mark.seq)
                }
                // Rows go oldest first: what these are about has gone when their turn comes.
                Logged::TakenBack(person, seq) => (person, TAKEN_BACK, *seq),
                Logged::Forgotten(person) => (person, FORGOTTEN, 0),
            };
            for number in [person.0, packed, seq] {
                row.entries.extend_from_slice(&number.to_le_bytes());
            }
        }
        if !topics.is_empty() {
            let named = topics.iter().filter_map(|number| {
                let at = usize::from(*number).checked_sub(1)?;
                self.topics.get(at).map(Scope::to_string)
            });
            row.topics = Some(named.collect::<Vec<_>>().join(" "));
        }
        Some(row)
    }
}

/// Reads the entries of one row into memory. `slot` finds people; whoever is not there is passed over. `None` for what
/// does not read.
pub(crate) fn load_row(
    state: &mut State,
    entries: &[u8],
    topics: Option<&str>,
    since_ms: i64,
    slot: impl Fn(PersonId) -> Option<Slot>,
) -> Option<()> {
    let topics: Vec<Scope> = topics
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(Scope::parse)
        .collect::<Option<_>>()?;
    let chunks = entries.chunks_exact(ENTRY_BYTES);
    if !chunks.remainder().is_empty() {
        return None;
    }
    for entry in chunks {
        let number = |at: usize| -> Option<u64> {
            Some(u64::from_le_bytes(entry.get(at..at + 8)?.try_into().ok()?))
        };
        let (person, packed, seq) = (PersonId(number(0)?), number(8)?, number(16)?);
        let Some(slot) = slot(person) else { continue };
        let slot = state.follow(slot);
        match packed {
            TAKEN_BACK => {
                let marks = &mut state.groups[slot as usize].marks;
                marks.retain(|mark| mark.seq != seq);
            }
            FORGOTTEN => state.groups[slot as usize].marks.clear(),
            packed => {
                let mark = Mark { packed, seq };
                if mark.at_ms() > since_ms {
                    let topic = usize::from(mark.topic()).checked_sub(1);
                    let topic = topic.and_then(|at| topics.get(at));
                    state.load_mark(slot, (mark.categories(), topic), (seq, mark.at_ms()));
                }
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use greenline_policy::scope::Category;

    use super::*;

    #[test]
    fn a_mark_is_small_and_reads_as_it_was_made() {
        assert_eq!(size_of::<Mark>(), 16);
        // A person with one mark pays for it alone.
        assert!(size_of::<Marked>() <= 32, "{}", size_of::<Marked>());
        let categories = Categories::of([Category::Marketing, Category::Calls]);
        let mark = Mark::new(1_796_000_000_123, categories, 65_535, 7);
        let read = (mark.at_ms(), mark.categories(), mark.topic());
        assert_eq!(read, (1_796_000_000_123, categories, 65_535));
        assert_eq!(Mark::new(-5, categories, 0, 7).at_ms(), 0);
    }

    #[test]
    fn words_read_as_they_were_written() {
        for wrong in ["", "x", "1 nowhere.else", "300"] {
            assert_eq!(of_mark_text(wrong), None, "{wrong}");
        }
        let categories = Categories::of([Category::Marketing]);
        assert_eq!(of_mark_text("m1"), Some((categories, None)));
    }
}
