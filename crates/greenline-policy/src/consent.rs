//! The fold from consent events to what they mean now.
//!
//! A [`History`] is everything known of one person's consent; [`fold`] turns it into a
//! [`Head`]: one [`Standing`] per scope, the native stop, and the moment since which free-form
//! messages are closed. The fold does not depend on the order in which events arrived, except to
//! break a tie between two of the same kind; between a yes and a no at the same instant the no wins.
//!
//! It refuses to guess: an event that could mean two things is read as the stricter one.

use crate::identity::Spelling;
use crate::scope::{Category, Scope};

/// Names a consent event in decisions and exports; unique within an installation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EventId(pub u64);

/// How far ahead of its arrival a yes may be dated before it is refused.
pub const AHEAD_MAX_MS: i64 = 5 * 60 * 1_000;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EventKind {
    /// The person said yes.
    Granted,
    /// The person said no when asked.
    Refused,
    /// The person took a yes back, or said stop.
    Withdrawn,
    /// The person renewed a yes. Never lifts a no, never creates a yes.
    Reconfirmed,
    /// A yes ran out: the absence of a yes, not a no.
    Expired,
    /// WhatsApp's own marketing switch was turned off (OPT-40).
    NativeStopped,
    /// WhatsApp's own marketing switch was turned on again (OPT-44).
    NativeResumed,
    /// Personal data were erased; noes stay.
    Erased,
}

impl EventKind {
    /// All kinds, for tables and error messages.
    pub const ALL: [Self; 8] = [
        Self::Granted,
        Self::Refused,
        Self::Withdrawn,
        Self::Reconfirmed,
        Self::Expired,
        Self::NativeStopped,
        Self::NativeResumed,
        Self::Erased,
    ];

    /// The name used in APIs, exports and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Reconfirmed => "reconfirmed",
            Self::Expired => "expired",
            Self::NativeStopped => "native_stopped",
            Self::NativeResumed => "native_resumed",
            Self::Erased => "erased",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether this is a no of the person told to the business.
    #[must_use]
    pub fn is_no(self) -> bool {
        matches!(self, Self::Refused | Self::Withdrawn)
    }

    /// Whether this closes something: a no, or the native switch turned off.
    #[must_use]
    pub fn closes(self) -> bool {
        self.is_no() || self == Self::NativeStopped
    }
}

/// How well a yes is proved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Strength {
    /// No or incomplete evidence; covers nothing until vouched for.
    #[default]
    Claimed,
    /// Came by file or attestation: covers, but never reopens a no.
    Imported,
    /// Was claimed, and a named person stands for it: covers, but never reopens a no.
    Vouched,
    /// Evidence is complete.
    Evidenced,
}

impl Strength {
    /// The name used in APIs and exports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Imported => "imported",
            Self::Vouched => "vouched",
            Self::Evidenced => "evidenced",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Claimed,
            Self::Imported,
            Self::Vouched,
            Self::Evidenced,
        ]
        .into_iter()
        .find(|s| s.as_str() == text)
    }
}

/// One event as the fold sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// Order of arrival within the person.
    pub version: u32,
    /// What happened.
    pub kind: EventKind,
    /// What it is about; `marketing` for native events.
    pub scope: Scope,
    /// When the person acted, Unix milliseconds, already through [`act_time`].
    pub at_ms: i64,
    /// How well it is proved; only matters for a yes.
    pub strength: Strength,
    /// Made in the WhatsApp thread (word, phrase, button, list row).
    pub in_thread: bool,
    /// Which of the person's identifiers it was recorded under: index into [`History::sides`].
    pub side: usize,
    /// The spelling of the phone number it was recorded under.
    pub spelling: Spelling,
}

/// One identifier of a person, as far as the fold cares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Side {
    /// Since when this identifier is known to be this person; `i64::MIN` for the first one.
    pub linked_at_ms: i64,
    /// The number moved away from this identifier then: earlier yeses are unconfirmed.
    pub left_at_ms: Option<i64>,
    /// This is another number that moved to this person then: noes count, yeses are unconfirmed.
    pub carried_at_ms: Option<i64>,
}

impl Side {
    /// The identifier a person was first known by.
    pub const FIRST: Self = Self {
        linked_at_ms: i64::MIN,
        left_at_ms: None,
        carried_at_ms: None,
    };
}

/// Everything known of one person's consent.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Events in any order.
    pub events: Vec<Event>,
    /// The identifiers the events were recorded under.
    pub sides: Vec<Side>,
}

/// What the history means for one scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// Nothing is known.
    #[default]
    Unknown,
    /// A no is in force.
    Refused {
        /// The latest no that nothing lifted.
        event: EventId,
        /// When it was said.
        at_ms: i64,
    },
    /// A yes is in force.
    Covered {
        /// The yes.
        event: EventId,
        /// When it was given or last renewed.
        at_ms: i64,
        /// How well it is proved.
        strength: Strength,
    },
    /// There is only a yes without evidence.
    Claimed {
        /// The claimed yes.
        event: EventId,
    },
    /// There is only a yes from before the number moved or the user id changed.
    Unconfirmed {
        /// The yes that needs the person's act.
        event: EventId,
    },
    /// The yes has run out.
    Expired {
        /// The yes that ran out.
        event: EventId,
    },
}

/// The fold of a history, for one spelling of the person's number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// `all`, then the categories in the order of [`Category::ALL`].
    pub base: [Standing; 5],
    /// Topics that some event names.
    pub topics: Vec<(Scope, Standing)>,
    /// The native stop in force, and since when.
    pub native_stop: Option<(EventId, i64)>,
    /// Free-form messages are closed until the person writes something after this.
    pub freeform_closed: Option<(EventId, i64)>,
}

impl Head {
    /// The standing of a scope. A topic nobody named stands as its category does.
    #[must_use]
    pub fn standing(&self, scope: &Scope) -> Standing {
        let [all, marketing, utility, authentication, calls] = self.base;
        let of_category = |category: Category| match category {
            Category::Marketing => marketing,
            Category::Utility => utility,
            Category::Authentication => authentication,
            Category::Calls => calls,
        };
        match scope {
            Scope::All => all,
            Scope::Category(category) => of_category(*category),
            Scope::Topic(category, _) => self
                .topics
                .iter()
                .find(|(topic, _)| topic == scope)
                .map_or_else(|| of_category(*category), |(_, standing)| *standing),
        }
    }

    /// Whether any scope has a yes that covers.
    #[must_use]
    pub fn covers_anything(&self) -> bool {
        let covered = |standing: &Standing| matches!(standing, Standing::Covered { .. });
        self.base.iter().any(covered) || self.topics.iter().any(|(_, standing)| covered(standing))
    }
}

/// A yes dated too far ahead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooFarAhead;

/// The instant at which an event is folded.
///
/// A yes counts at the earlier of its time and its arrival, and is refused when dated more than
/// [`AHEAD_MAX_MS`] ahead; anything that closes is never lost and counts at arrival when dated ahead.
/// A time known to the second counts at the second's end for a no and at its start for a yes.
///
/// # Errors
/// [`TooFarAhead`] for a yes, a renewal or a native resume dated too far ahead.
pub fn act_time(
    kind: EventKind,
    stated_ms: i64,
    whole_seconds: bool,
    arrival_ms: i64,
) -> Result<i64, TooFarAhead> {
    let second_ms = stated_ms.div_euclid(1_000) * 1_000;
    if kind.closes() || kind == EventKind::Expired || kind == EventKind::Erased {
        let at_ms = if stated_ms > arrival_ms {
            arrival_ms
        } else {
            stated_ms
        };
        return Ok(if whole_seconds {
            at_ms.div_euclid(1_000) * 1_000 + 999
        } else {
            at_ms
        });
    }
    if stated_ms > arrival_ms.saturating_add(AHEAD_MAX_MS) {
        return Err(TooFarAhead);
    }
    Ok(if whole_seconds {
        second_ms.min(arrival_ms)
    } else {
        stated_ms.min(arrival_ms)
    })
}

/// Folds a history for one spelling of the number.
#[must_use]
pub fn fold(history: &History, spelling: Spelling) -> Head {
    let folding = Folding { history, spelling };
    let mut topics: Vec<Scope> = history
        .events
        .iter()
        .filter(|event| matches!(event.scope, Scope::Topic(..)))
        .map(|event| event.scope.clone())
        .collect();
    topics.sort();
    topics.dedup();
    let category = |category| folding.standing(&Scope::Category(category));
    Head {
        base: [
            folding.standing(&Scope::All),
            category(Category::Marketing),
            category(Category::Utility),
            category(Category::Authentication),
            category(Category::Calls),
        ],
        topics: topics
            .into_iter()
            .map(|topic| (topic.clone(), folding.standing(&topic)))
            .collect(),
        native_stop: folding.native_stop(),
        freeform_closed: folding.freeform_closed(),
    }
}

struct Folding<'a> {
    history: &'a History,
    spelling: Spelling,
}

impl<'a> Folding<'a> {
    fn side(&self, event: &Event) -> Side {
        self.history
            .sides
            .get(event.side)
            .copied()
            .unwrap_or(Side::FIRST)
    }

    /// Events that bear on `scope`, from it up to the root.
    fn on_path<'s>(&self, scope: &'s Scope) -> impl Iterator<Item = &'a Event> + use<'a, 's> {
        let scope = scope.clone();
        self.history
            .events
            .iter()
            .filter(move |event| event.scope.covers(&scope))
    }

    fn standing(&self, scope: &Scope) -> Standing {
        if let Some(no) = self.latest(
            self.on_path(scope)
                .filter(|event| event.kind.is_no() && !self.is_lifted(event, scope)),
        ) {
            return Standing::Refused {
                event: no.id,
                at_ms: no.at_ms,
            };
        }
        let yes = |strength: fn(Strength) -> bool, confirmed: Option<bool>, live: Option<bool>| {
            let fits = |event: &&Event| {
                event.kind == EventKind::Granted
                    && !self.is_taken_back(event)
                    && !self.is_erased(event)
                    && event.spelling == self.spelling
                    && strength(event.strength)
                    && self.is_ours(event)
                    && confirmed.is_none_or(|wanted| self.is_confirmed(event) == wanted)
                    && live.is_none_or(|wanted| self.end_of(event, scope).is_none() == wanted)
            };
            // The one that lasts longest: an older yes may have been renewed since.
            self.on_path(scope)
                .filter(fits)
                .max_by_key(|event| (self.renewed_at(event, scope), event.at_ms, event.version))
        };
        let proved = |strength| strength != Strength::Claimed;
        if let Some(yes) = yes(proved, Some(true), Some(true)) {
            return Standing::Covered {
                event: yes.id,
                at_ms: self.renewed_at(yes, scope),
                strength: yes.strength,
            };
        }
        if let Some(yes) = yes(proved, Some(false), Some(true)) {
            return Standing::Unconfirmed { event: yes.id };
        }
        if let Some(yes) = yes(proved, None, Some(false)) {
            return Standing::Expired { event: yes.id };
        }
        yes(|strength| strength == Strength::Claimed, None, None)
            .map_or(Standing::Unknown, |yes| Standing::Claimed { event: yes.id })
    }

    fn latest(&self, events: impl Iterator<Item = &'a Event>) -> Option<&'a Event> {
        events.max_by_key(|event| (event.at_ms, event.version))
    }

    /// Whether a later yes at or below the no's own scope, on the way down to `scope`, lifts it.
    fn is_lifted(&self, no: &Event, scope: &Scope) -> bool {
        self.on_path(scope).any(|yes| {
            yes.kind == EventKind::Granted
                && yes.strength == Strength::Evidenced
                && yes.spelling == self.spelling
                && no.scope.covers(&yes.scope)
                && yes.at_ms > no.at_ms
                && self.is_ours(yes)
                && self.is_confirmed_for(yes, no)
                && self.outlives_link(yes, no)
        })
    }

    /// A yes lifts a no recorded under another identifier only when given after the two were linked.
    fn outlives_link(&self, yes: &Event, no: &Event) -> bool {
        if yes.side == no.side {
            return true;
        }
        yes.at_ms > self.side(yes).linked_at_ms.max(self.side(no).linked_at_ms)
    }

    /// Someone else may hold a number after it moved: what they grant there is not ours.
    fn is_ours(&self, event: &Event) -> bool {
        self.side(event)
            .carried_at_ms
            .is_none_or(|carried_ms| event.at_ms <= carried_ms)
    }

    /// A yes from before a move covers nothing until the person acted from the new number.
    fn is_confirmed(&self, yes: &Event) -> bool {
        let side = self.side(yes);
        if side.left_at_ms.is_some_and(|left_ms| yes.at_ms <= left_ms) {
            return false;
        }
        let Some(carried_ms) = side.carried_at_ms else {
            return true;
        };
        self.history.events.iter().any(|renewal| {
            renewal.kind == EventKind::Reconfirmed
                && !self.is_taken_back(renewal)
                && renewal.scope == yes.scope
                && renewal.at_ms > carried_ms
                && self.side(renewal).carried_at_ms.is_none()
                && renewal.spelling == self.spelling
        })
    }

    /// Lifting asks less than covering: on the very side where both were said, a yes that followed a
    /// no had lifted it before any move.
    fn is_confirmed_for(&self, yes: &Event, no: &Event) -> bool {
        yes.side == no.side || self.is_confirmed(yes)
    }

    /// Whether the import that brought this yes, claimed or not, was undone since. Nothing else can be
    /// taken back: neither a no, nor what the person or someone who stands for it recorded.
    fn is_taken_back(&self, yes: &Event) -> bool {
        matches!(yes.strength, Strength::Claimed | Strength::Imported)
            && self.history.events.iter().any(|end| {
                takes_back(end)
                    && end.version > yes.version
                    && end.scope == yes.scope
                    && end.at_ms == yes.at_ms
                    && end.side == yes.side
                    && end.spelling == yes.spelling
            })
    }

    /// What an erasure took stays away: there is no yes any more, and nothing tells that there was one (A14).
    fn is_erased(&self, yes: &Event) -> bool {
        let side = self.side(yes);
        // Whoever moved was erased under their old and their new number alike.
        let up_to_ms = side.left_at_ms.max(side.carried_at_ms.map(|_| i64::MAX));
        up_to_ms.is_some_and(|up_to_ms| {
            self.history.events.iter().any(|erasure| {
                erasure.kind == EventKind::Erased && (yes.at_ms..=up_to_ms).contains(&erasure.at_ms)
            })
        })
    }

    /// When a yes ran out for a scope that it covers, by what is on record.
    fn end_of(&self, yes: &Event, scope: &Scope) -> Option<i64> {
        self.on_path(scope)
            .filter(|end| {
                end.kind == EventKind::Expired
                    && end.at_ms >= yes.at_ms
                    && (is_said(end) || end.spelling == yes.spelling)
                    && ends(end.strength, &end.scope, &yes.scope, scope)
            })
            .map(|end| end.at_ms)
            .min()
    }

    /// When a yes was given or last renewed, as one of its scopes sees it: a renewal counts only while the yes had
    /// not run out there (A17). Merely writing from a new number confirms a yes and makes it no younger, and a
    /// renewal under another identifier counts only once the two were known to be one (A3).
    fn renewed_at(&self, yes: &Event, scope: &Scope) -> i64 {
        let end_ms = self.end_of(yes, scope);
        self.history
            .events
            .iter()
            .filter(|event| {
                event.kind == EventKind::Reconfirmed
                    && !event.in_thread
                    && event.scope == yes.scope
                    && event.spelling == yes.spelling
                    && event.at_ms > yes.at_ms
                    && end_ms.is_none_or(|end_ms| event.at_ms < end_ms)
                    && self.outlives_link(event, yes)
                    && !self.is_taken_back(event)
            })
            .map(|event| event.at_ms)
            .max()
            .unwrap_or(yes.at_ms)
    }

    fn native_stop(&self) -> Option<(EventId, i64)> {
        let native = |kind| {
            self.history
                .events
                .iter()
                .filter(move |event| event.kind == kind)
        };
        self.latest(native(EventKind::NativeStopped).filter(|stop| {
            !native(EventKind::NativeResumed).any(|resume| {
                resume.at_ms > stop.at_ms
                    && self.is_ours(resume)
                    && self.outlives_link(resume, stop)
            })
        }))
        .map(|stop| (stop.id, stop.at_ms))
    }

    /// Any stop in the thread and any no on everything close free-form, whatever is granted later:
    /// only the person's writing opens it again, which the window tells.
    fn freeform_closed(&self) -> Option<(EventId, i64)> {
        self.latest(
            self.history.events.iter().filter(|event| {
                event.kind.is_no() && (event.in_thread || event.scope == Scope::All)
            }),
        )
        .map(|event| (event.id, event.at_ms))
    }
}

/// An expiry that came of undoing an import: it ends the imported yes of that very scope, moment and
/// identifier, and nothing else.
fn takes_back(end: &Event) -> bool {
    end.kind == EventKind::Expired && end.strength == Strength::Imported
}

/// An expiry that somebody recorded, and not the clock.
fn is_said(end: &Event) -> bool {
    end.strength == Strength::Evidenced
}

/// How an expiry is marked that came of the clock and of how long a yes lasts: it ended yeses to that very scope.
pub const RAN_OUT: Strength = Strength::Claimed;
/// The same, where yeses to wider scopes had run out for this one, and may go on for others.
pub const RAN_OUT_HERE: Strength = Strength::Vouched;

/// Whether an expiry of `end` ends a yes to `yes`, as one of its scopes sees it.
///
/// One that somebody says ends whatever covers its scope, there and below, as well as what is narrower. The clock ends
/// one yes and no other: what the person gave by itself has its own time. Undoing an import ends nothing that lasts.
#[must_use]
pub fn ends(mark: Strength, end: &Scope, yes: &Scope, seen: &Scope) -> bool {
    end.covers(seen)
        && yes.covers(seen)
        && match mark {
            Strength::Imported => false,
            RAN_OUT => end == yes,
            RAN_OUT_HERE => end != yes && yes.covers(end),
            Strength::Evidenced => true,
        }
}
