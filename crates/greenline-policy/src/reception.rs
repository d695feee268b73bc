//! How people took what a number sent: counts over seven days, and what they are counted by.
//!
//! Only templates are counted: they begin something, and it is what begins that a rating suffers from. Each is counted
//! once in the whole, and once in each table (by day, by what it rested on, by category, by its turn, by template), so
//! that each table adds up to the whole.
//!
//! What nobody tells a business is not in here: blocks, reports, muted and archived chats (QL-03).

use crate::consent::{Standing, Strength};
use crate::scope::Category;

/// One day, in milliseconds.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Days that are counted: as many as a rating looks back (QL-02).
pub const DAYS: usize = 7;
/// A message that arrived says something by being neither read nor answered once it is that old. Ours.
pub const SILENT_AFTER_MS: i64 = DAY_MS;
/// A stop is put down to the last template that the person got, unless it came later than that after it. Ours.
pub const STOP_WITHIN_MS: i64 = 3 * DAY_MS;
/// A yes that is older counts as weak. Ours.
pub const OLD_YES_MS: i64 = 365 * DAY_MS;
/// Templates that are told apart; the rest is counted together, under no name.
pub const TEMPLATES_MAX: usize = 200;

/// Codes that say something of how a message was taken: too much marketing for this person (SND-30), no more of it by their
/// own choice, not to be reached (SND-48).
pub const OVER_CAP: u32 = 131_049;
/// The person has stopped marketing.
pub const OPTED_OUT: u32 = 131_050;
/// The person cannot be reached.
pub const UNREACHABLE: u32 = 131_026;

/// What a message rested on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Basis {
    /// A yes with complete evidence, not older than [`OLD_YES_MS`].
    Evidenced,
    /// The same, but older.
    Old,
    /// A yes that a member of staff stands for.
    Vouched,
    /// A yes that came by file.
    Imported,
    /// A yes without evidence, or from before the number moved.
    Claimed,
    /// No yes at all: it went because the business only observes.
    Absent,
}

impl Basis {
    /// Every basis, the best first.
    pub const ALL: [Self; 6] = [
        Self::Evidenced,
        Self::Old,
        Self::Vouched,
        Self::Imported,
        Self::Claimed,
        Self::Absent,
    ];

    /// What a standing is as a basis at a moment.
    #[must_use]
    pub fn of(standing: Standing, at_ms: i64) -> Self {
        match standing {
            Standing::Covered {
                strength: Strength::Evidenced,
                at_ms: given_ms,
                ..
            } => {
                if at_ms.saturating_sub(given_ms) > OLD_YES_MS {
                    Self::Old
                } else {
                    Self::Evidenced
                }
            }
            Standing::Covered {
                strength: Strength::Vouched,
                ..
            } => Self::Vouched,
            Standing::Covered {
                strength: Strength::Imported,
                ..
            } => Self::Imported,
            Standing::Covered {
                strength: Strength::Claimed,
                ..
            }
            | Standing::Claimed { .. }
            | Standing::Unconfirmed { .. } => Self::Claimed,
            Standing::Unknown | Standing::Refused { .. } | Standing::Expired { .. } => Self::Absent,
        }
    }

    /// The name used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evidenced => "evidenced",
            Self::Old => "old",
            Self::Vouched => "vouched",
            Self::Imported => "imported",
            Self::Claimed => "claimed",
            Self::Absent => "absent",
        }
    }

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub fn place(self) -> usize {
        Self::ALL
            .iter()
            .position(|other| *other == self)
            .unwrap_or_default()
    }
}

/// Which message of the seven days it was for its person, in bands.
pub const TURNS: [&str; 5] = ["1", "2", "3-4", "5-7", "8+"];

/// The band of the n-th message, counted from one.
#[must_use]
pub fn turn(nth: u32) -> usize {
    match nth {
        0 | 1 => 0,
        2 => 1,
        3 | 4 => 2,
        5..=7 => 3,
        _ => 4,
    }
}

/// Categories that templates are counted by.
pub const CATEGORIES: [Category; 3] = [
    Category::Marketing,
    Category::Utility,
    Category::Authentication,
];

/// Messages, and what became of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Handed to the platform; whatever certainly did not go out is not counted.
    pub sent: u64,
    /// Taken by the platform, and not failed since.
    pub accepted: u64,
    /// Arrived; what was read or answered has arrived.
    pub delivered: u64,
    /// Read, as far as people let that be known.
    pub read: u64,
    /// The person has written to the number since.
    pub answered: u64,
    /// Refused by the platform, at once or later.
    pub failed: u64,
    /// Of those, with [`OVER_CAP`].
    pub over_cap: u64,
    /// Of those, with [`OPTED_OUT`].
    pub opted_out: u64,
    /// Of those, with [`UNREACHABLE`].
    pub unreachable: u64,
    /// Arrived, and older than [`SILENT_AFTER_MS`].
    pub judged: u64,
    /// Of those, neither read nor answered.
    pub silent: u64,
    /// WhatsApp's own switch, turned after it.
    pub native_stops: u64,
    /// A stop word or button in the chat, after it.
    pub stop_words: u64,
    /// Any other no after it: preference page, API, staff.
    pub other_stops: u64,
}

impl Sent {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts_mut().into_iter().zip(other.counts()) {
            *count = count.saturating_add(more);
        }
    }

    /// The sum of many.
    #[must_use]
    pub fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for one in all {
            sum.add(one);
        }
        sum
    }

    /// Without another's counts, which are among these.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        for (count, less) in self.counts_mut().into_iter().zip(other.counts()) {
            *count = count.saturating_sub(less);
        }
        self
    }

    /// Noes of every kind that followed.
    #[must_use]
    pub fn stops(&self) -> u64 {
        self.native_stops
            .saturating_add(self.stop_words)
            .saturating_add(self.other_stops)
    }

    fn counts(&self) -> [u64; 14] {
        [
            self.sent,
            self.accepted,
            self.delivered,
            self.read,
            self.answered,
            self.failed,
            self.over_cap,
            self.opted_out,
            self.unreachable,
            self.judged,
            self.silent,
            self.native_stops,
            self.stop_words,
            self.other_stops,
        ]
    }

    fn counts_mut(&mut self) -> [&mut u64; 14] {
        [
            &mut self.sent,
            &mut self.accepted,
            &mut self.delivered,
            &mut self.read,
            &mut self.answered,
            &mut self.failed,
            &mut self.over_cap,
            &mut self.opted_out,
            &mut self.unreachable,
            &mut self.judged,
            &mut self.silent,
            &mut self.native_stops,
            &mut self.stop_words,
            &mut self.other_stops,
        ]
    }
}

/// One day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Day {
    /// What was sent that day.
    pub sent: Sent,
    /// Different people whom it went to; failed messages went to nobody.
    pub people: u64,
    /// Of those, whom something went to outside of a window that they had opened.
    pub people_outside: u64,
}

/// What one template came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateSent {
    /// Its name; empty for all those beyond [`TEMPLATES_MAX`] together.
    pub name: Box<str>,
    /// Its language.
    pub language: Box<str>,
    /// What was sent of it.
    pub sent: Sent,
}

/// How many messages people got in the seven days; failed ones are not counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PerPerson {
    /// Different people.
    pub people: u64,
    /// Of those, whom something went to outside of a window that they had opened.
    pub people_outside: u64,
    /// Half of them got no more than this.
    pub median: u32,
    /// Of a hundred, 95 got no more than this.
    pub p95: u32,
    /// The most that one person got.
    pub most: u32,
}

/// How people took what a number, or a whole business, sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reception {
    /// As of when.
    pub at_ms: i64,
    /// What went after this moment is counted: seven days before, or later where that would be too much to count.
    pub from_ms: i64,
    /// One in so many people was looked at: every count of messages and people is to be multiplied by this.
    pub one_in: u32,
    /// All templates.
    pub total: Sent,
    /// Messages that only answered.
    pub answers: u64,
    /// What the business's other numbers sent, to compare with.
    pub elsewhere: Sent,
    /// By 24 hours back from the moment, the oldest first.
    pub days: [Day; DAYS],
    /// By what it rested on, in the order of [`Basis::ALL`].
    pub by_basis: [Sent; Basis::ALL.len()],
    /// By category, in the order of [`CATEGORIES`].
    pub by_category: [Sent; CATEGORIES.len()],
    /// By which message it was for its person, in the bands of [`TURNS`].
    pub by_turn: [Sent; TURNS.len()],
    /// By template, most sent first.
    pub templates: Vec<TemplateSent>,
    /// How much people got.
    pub per_person: PerPerson,
    /// Noes of the business's people in these days that followed no template within [`STOP_WITHIN_MS`].
    pub unattributed: u64,
}

impl Reception {
    /// Nothing sent.
    #[must_use]
    pub fn empty(at_ms: i64) -> Self {
        Self {
            at_ms,
            from_ms: at_ms.saturating_sub(DAY_MS * DAYS as i64),
            one_in: 1,
            total: Sent::default(),
            answers: 0,
            elsewhere: Sent::default(),
            days: [Day::default(); DAYS],
            by_basis: Default::default(),
            by_category: Default::default(),
            by_turn: Default::default(),
            templates: Vec::new(),
            per_person: PerPerson::default(),
            unattributed: 0,
        }
    }

    /// What rested on weak consent: everything but a yes with complete evidence of the last year.
    #[must_use]
    pub fn weak(&self) -> Sent {
        let weak = Basis::ALL.iter().zip(&self.by_basis);
        let weak = weak.filter(|(basis, _)| **basis != Basis::Evidenced);
        Sent::sum(weak.map(|(_, sent)| sent))
    }

    /// What rested on a yes with complete evidence of the last year.
    #[must_use]
    pub fn strong(&self) -> Sent {
        self.total.without(&self.weak())
    }
}
