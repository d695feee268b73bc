//! How long a yes lasts where the business says that it does not last for ever (A17).
//!
//! The platform sets no end to an opt-in; laws and good sense may. A yes that has run out is the absence of a
//! yes and never a no. It runs out by the clock that a decision is given and by the business's settings of that
//! moment, which the decision records: nothing has to be written down for it to happen, and a past decision
//! replays alike whatever the settings have become.

use crate::consent::{Head, Standing};
use crate::scope::{Category, Scope};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Days that a yes lasts after it was given or last renewed, by kind of message; 0 for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct YesLasts([u16; Category::ALL.len()]);

impl YesLasts {
    /// The longest that can be set: ten years.
    pub const DAYS_MAX: u16 = 3_650;
    /// For ever, all kinds.
    pub const FOR_EVER: Self = Self([0; Category::ALL.len()]);

    /// By kind, in the order of [`Category::ALL`].
    #[must_use]
    pub fn from_days(days: [u16; Category::ALL.len()]) -> Self {
        Self(days)
    }

    /// As records keep it.
    #[must_use]
    pub fn days(self) -> [u16; Category::ALL.len()] {
        self.0
    }

    /// The same with another length for one kind: for a topic that has its own.
    #[must_use]
    pub fn with(mut self, category: Category, days: u16) -> Self {
        for (known, of) in Category::ALL.iter().zip(&mut self.0) {
            if *known == category {
                *of = days;
            }
        }
        self
    }

    fn of(self, category: Category) -> u16 {
        let mut all = Category::ALL.into_iter().zip(self.0);
        all.find(|(known, _)| *known == category)
            .map_or(0, |(_, days)| days)
    }

    /// When a yes of that age runs out for a scope; `None` when it does not. A yes to everything runs out for
    /// each kind by itself, and as a whole with the last of them.
    #[must_use]
    pub fn end_ms(self, scope: &Scope, renewed_ms: i64) -> Option<i64> {
        let days = match scope.category() {
            Some(category) => self.of(category),
            None if self.0.contains(&0) => 0,
            None => self.0.into_iter().max().unwrap_or(0),
        };
        (days > 0).then(|| renewed_ms.saturating_add(i64::from(days) * DAY_MS))
    }

    /// What a standing has come to by now.
    #[must_use]
    pub fn aged(self, standing: Standing, scope: &Scope, now_ms: i64) -> Standing {
        match standing {
            Standing::Covered { event, at_ms, .. }
                if self
                    .end_ms(scope, at_ms)
                    .is_some_and(|end_ms| end_ms <= now_ms) =>
            {
                Standing::Expired { event }
            }
            other => other,
        }
    }

    /// What a head has come to by now. A topic is aged as its kind; one with a length of its own is for the caller.
    #[must_use]
    pub fn aged_head(self, head: &Head, now_ms: i64) -> Head {
        let mut aged = head.clone();
        let scopes = core::iter::once(Scope::All).chain(Category::ALL.map(Scope::Category));
        for (scope, standing) in scopes.zip(&mut aged.base) {
            *standing = self.aged(*standing, &scope, now_ms);
        }
        for (topic, standing) in &mut aged.topics {
            *standing = self.aged(*standing, topic, now_ms);
        }
        aged
    }

    /// Whether any yes of a head still covers something.
    #[must_use]
    pub fn covers_anything(self, head: &Head, now_ms: i64) -> bool {
        if self == Self::FOR_EVER {
            return head.covers_anything();
        }
        self.aged_head(head, now_ms).covers_anything()
    }
}
