//! How people take what a number and a template send, as the platform rates it, and what a business makes of it.
//!
//! The platform publishes no thresholds (QL-06), and none are invented here: a business says at which of the
//! platform's own ratings its marketing stops. A rating that nobody read of late stops nothing, and that is said.

/// A rating of the platform (QL-01, SND-20).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Score {
    /// `RED`: low.
    Red,
    /// `YELLOW`: medium.
    Yellow,
    /// `GREEN`: high.
    Green,
    /// Not rated yet, or in a word of which nothing is known.
    Unrated,
}

impl Score {
    /// Reads the platform's word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "RED" => Self::Red,
            "YELLOW" => Self::Yellow,
            "GREEN" => Self::Green,
            _ => Self::Unrated,
        }
    }

    /// The platform's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Red => "RED",
            Self::Yellow => "YELLOW",
            Self::Green => "GREEN",
            Self::Unrated => "UNKNOWN",
        }
    }

    /// Whether people take it worse than well.
    #[must_use]
    pub fn is_poor(self) -> bool {
        matches!(self, Self::Red | Self::Yellow)
    }
}

/// A rating, and when it was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rated {
    /// The rating.
    pub score: Score,
    /// When, Unix milliseconds.
    pub read_ms: i64,
}

/// At which rating of a number the business stops marketing from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QualityGuard(Option<(Score, i64)>);

/// What the guard makes of a rating.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guarded {
    /// Marketing may go.
    Open,
    /// It may not.
    Stopped,
    /// Nothing is known that is new enough, so nothing is stopped.
    Blind,
}

impl QualityGuard {
    /// Stops nothing.
    pub const OFF: Self = Self(None);

    /// Stops at that rating or a worse one, read not longer ago than that. Only a poor rating stops anything.
    #[must_use]
    pub fn at(score: Score, max_age_ms: i64) -> Self {
        Self(score.is_poor().then_some((score, max_age_ms)))
    }

    /// As records keep it.
    #[must_use]
    pub fn parts(self) -> Option<(Score, i64)> {
        self.0
    }

    /// What becomes of marketing from a number of that rating.
    #[must_use]
    pub fn judge(self, rated: Option<Rated>, now_ms: i64) -> Guarded {
        let Some((stop_at, max_age_ms)) = self.0 else {
            return Guarded::Open;
        };
        match rated {
            Some(rated)
                if rated.score != Score::Unrated
                    && now_ms.saturating_sub(rated.read_ms) <= max_age_ms =>
            {
                if rated.score <= stop_at {
                    Guarded::Stopped
                } else {
                    Guarded::Open
                }
            }
            _ => Guarded::Blind,
        }
    }
}
