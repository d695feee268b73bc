//! When a flagged number falls, to what, and what lifts the flag.
//!
//! Until 6 October 2025 only (QL-15, QL-16). A flag that was still open on the next day lapsed without a step (N12).

use crate::health::Seen;
use crate::health::state::{Origin, Told};
use crate::number::NumberStatus;
use crate::quality::Score;
use crate::reach::MessagingLimit;

use super::known::DAY_MS;
use super::words::Words;
use super::{Era, Newest, PORTFOLIO_SINCE, Rated};

/// So long a number was watched.
pub const WATCHED_MS: i64 = 7 * DAY_MS;

/// Whether a number stands to lose a step of its limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watch {
    /// It does not: since October 2025 no number is watched, whatever its status still says.
    Gone {
        /// The status FLAGGED was told all the same, or is left over.
        flagged: Option<Seen>,
    },
    /// It is not flagged.
    Calm,
    /// It is rated low, and no flag was told.
    Due {
        /// The rating.
        seen: Seen,
    },
    /// It is flagged.
    Flagged {
        /// Since when.
        since: Seen,
        /// When the seven days end, Unix milliseconds. A flag that was only read began at some time before, so this is
        /// the latest.
        ends_ms: i64,
        /// Whether that is exact: the flag was told and not read.
        exact: bool,
        /// The limit it falls to; `None` where the present one is not known or is the lowest.
        to: Option<MessagingLimit>,
        /// The rules change before the end: it lapses and nothing falls.
        lapses: bool,
        /// The end has passed, and nothing was told since of what came of it.
        over: bool,
        /// The rating was read to be better than low since.
        better: Option<Seen>,
    },
}

impl Watch {
    /// The name used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone { .. } => "gone",
            Self::Calm => "calm",
            Self::Due { .. } => "due",
            Self::Flagged { lapses: true, .. } => "lapses",
            Self::Flagged { over: true, .. } => "over",
            Self::Flagged { .. } => "flagged",
        }
    }

    /// What that means, in one sentence; what it rests on; what lifts it.
    #[must_use]
    pub fn words(self) -> Words {
        let lifts = "A better rating before the end lifts the flag. It rests on the last seven days and newer messages weigh more, so write less, only to people who want it, and only what they care for.";
        let (say, facts, remedy): (_, &'static [&'static str], _) = match self {
            Self::Gone { flagged: None } => (
                "No number is flagged any more, and a fall in quality takes nothing from the limit.",
                &["QL-17"],
                "",
            ),
            Self::Gone { flagged: Some(_) } => (
                "The number was told to be flagged; that status ended on 7 October 2025 and takes nothing from the limit any more.",
                &["QL-17", "QL-26"],
                "",
            ),
            Self::Calm => (
                "The number is not flagged, so its limit does not fall.",
                &["QL-16"],
                "",
            ),
            Self::Due { .. } => (
                "The number is rated low: it is to be flagged, and loses one step of its limit if that is so after seven days.",
                &["QL-16", "QL-15"],
                lifts,
            ),
            Self::Flagged { lapses: true, .. } => (
                "The number is flagged, and its seven days end after the rules changed on 7 October 2025: the flag lapses and the limit does not fall.",
                &["QL-17", "QL-16"],
                "",
            ),
            Self::Flagged { over: true, .. } => (
                "The number was flagged and its seven days are over: with a low rating its limit fell one step, with a better one it did not. Nothing was told since.",
                &["QL-16"],
                "Read the number again.",
            ),
            Self::Flagged {
                better: Some(_), ..
            } => (
                "The number is flagged, and its rating is better than low by now: the flag is to be lifted and the limit to stay.",
                &["QL-16", "QL-15"],
                lifts,
            ),
            Self::Flagged { .. } => (
                "The number is flagged: if its rating is still low after seven days, its limit falls one step. Until then it is not raised.",
                &["QL-16", "QL-15"],
                lifts,
            ),
        };
        Words {
            id: self.as_str(),
            say,
            facts,
            remedy,
        }
    }
}

pub(super) fn watch(
    told: &Newest<'_>,
    era: Era,
    limit: Option<MessagingLimit>,
    rating: Rated,
) -> Watch {
    let flagged = flagged(told);
    if era == Era::Portfolio {
        return Watch::Gone { flagged };
    }
    let Some(since) = flagged else {
        return match rating {
            Some((Score::Red, seen)) => Watch::Due { seen },
            _ => Watch::Calm,
        };
    };
    let ends_ms = since.at_ms.saturating_add(WATCHED_MS);
    let lapses = ends_ms >= PORTFOLIO_SINCE.start_ms();
    let better = rating.filter(|(score, seen)| {
        matches!(score, Score::Yellow | Score::Green) && seen.at_ms > since.at_ms
    });
    Watch::Flagged {
        since,
        ends_ms,
        exact: since.origin == Origin::Webhook,
        to: limit.and_then(|limit| era.below(limit)),
        lapses,
        over: !lapses && told.at_ms >= ends_ms,
        better: better.map(|(_, seen)| seen),
    }
}

/// When the number's limit last fell: that ended a watch, and a flag since then is another one.
fn fell_ms(told: &Newest<'_>) -> Option<i64> {
    let mut limits: Vec<_> = told.known.number_limits.iter().collect();
    limits.retain(|told_then| told_then.seen.at_ms <= told.until_ms);
    limits.sort_by_key(|told_then| told_then.seen.at_ms);
    let mut pairs = limits.windows(2).rev();
    pairs.find_map(|pair| match pair {
        [before, after] if after.limit.is_below(before.limit) => Some(after.seen.at_ms),
        _ => None,
    })
}

/// Since when the number is flagged, if it is: the first time of the present run that it was told.
fn flagged(told: &Newest<'_>) -> Option<Seen> {
    let fell_ms = fell_ms(told).unwrap_or(i64::MIN);
    let mut told: Vec<_> = told
        .facts()
        .filter(|fact| fact.at_ms >= fell_ms)
        .filter_map(|fact| match fact.told {
            Told::Status(status) => {
                Some((fact.at_ms, status == NumberStatus::Flagged, fact.origin))
            }
            _ => None,
        })
        .collect();
    // Of two of one moment the flag counts.
    told.sort_by_key(|(at_ms, flagged, _)| (*at_ms, *flagged));
    let run = told.iter().rev().take_while(|(_, flagged, _)| *flagged);
    let (at_ms, _, origin) = run.last()?;
    Some(Seen {
        at_ms: *at_ms,
        origin: *origin,
    })
}
