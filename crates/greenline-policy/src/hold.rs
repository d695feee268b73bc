//! Messages that are only early: what an app asks to have kept and sent later instead of refused.
//!
//! A message is held only if every rule that is in the way is of a kind the app asked to wait for, each says when it
//! passes, and the last of them passes in time. Anything else in the way refuses, as it does without holding: what is
//! held is never a way round a no.

use crate::decide::Reason;
use crate::rule::Severity;

/// A kind of rule that can be waited for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HoldGroup {
    /// Quiet hours.
    QuietHours,
    /// The portfolio's or the number's limit.
    Limit,
    /// Caps of one person, and how fast they may be written to.
    Pacing,
}

impl HoldGroup {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::QuietHours, Self::Limit, Self::Pacing];

    /// Its name in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QuietHours => "quiet_hours",
            Self::Limit => "limit",
            Self::Pacing => "pacing",
        }
    }

    /// Reads [`HoldGroup::as_str`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == name)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What a message may be held for, and until when at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hold {
    groups: u8,
    until_ms: i64,
}

impl Hold {
    /// It is not held.
    pub const NONE: Self = Self {
        groups: 0,
        until_ms: 0,
    };

    /// For these kinds of rule, until then at most, Unix milliseconds.
    #[must_use]
    pub fn of(groups: impl IntoIterator<Item = HoldGroup>, until_ms: i64) -> Self {
        let groups = groups.into_iter().fold(0, |all, group| all | group.bit());
        if groups == 0 {
            return Self::NONE;
        }
        Self { groups, until_ms }
    }

    /// Whether nothing is waited for.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.groups == 0
    }

    /// As records keep it: the kinds of rule, and until when.
    #[must_use]
    pub fn parts(self) -> (u8, i64) {
        (self.groups, self.until_ms)
    }

    /// Reads [`Hold::parts`].
    #[must_use]
    pub fn from_parts((groups, until_ms): (u8, i64)) -> Self {
        if groups == 0 {
            return Self::NONE;
        }
        Self { groups, until_ms }
    }

    /// Until when a message with these reasons is held; `None` when it is not.
    #[must_use]
    pub(crate) fn until(self, reasons: &[Reason]) -> Option<i64> {
        let mut latest = None;
        let blockers = reasons
            .iter()
            .filter(|reason| reason.rule.card().severity != Severity::Note);
        for reason in blockers {
            let group = reason.rule.card().hold?;
            let until_ms = reason.until_ms?;
            if self.groups & group.bit() == 0 || until_ms > self.until_ms {
                return None;
            }
            latest = latest.max(Some(until_ms));
        }
        latest
    }
}
