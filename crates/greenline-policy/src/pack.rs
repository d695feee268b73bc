//! Rule packs: which rules were in force when, and how fresh what is known of them is.
//!
//! A decision is made by the rules of its own moment and names the pack of that moment, so that a past decision
//! replays as it was and one can ask what would have been answered then. A pack begins where an answer may have
//! changed. The rules' own days stand on their cards in [`crate::rule`]; a test holds the two together.

use std::fmt;

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A day of the calendar; it begins at midnight UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(i32);

impl Day {
    /// A day by its date, which must be one.
    #[must_use]
    pub const fn new(year: i32, month: i32, day: i32) -> Self {
        // Years begin in March here, so that the leap day comes last.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let of_era = year - era * 400;
        let month = if month > 2 { month - 3 } else { month + 9 };
        let of_year = (153 * month + 2) / 5 + day - 1;
        let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        Self(era * 146_097 + days - 719_468)
    }

    /// Reads `2025-04-01`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-').map(str::parse::<i32>);
        let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) =
            (parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let fits = (1..=9_999).contains(&year) && (1..=12).contains(&month);
        let parsed = (fits && (1..=31).contains(&day)).then(|| Self::new(year, month, day))?;
        // A 31 February would come out as another day.
        (parsed.to_string() == text).then_some(parsed)
    }

    /// Its first moment, Unix milliseconds.
    #[must_use]
    pub const fn start_ms(self) -> i64 {
        self.0 as i64 * DAY_MS
    }

    fn date(self) -> (i32, i32, i32) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + i32::from(month <= 2);
        (year, month, day)
    }
}

/// `2025-04-01`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// The rules from one day on, until the next pack begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pack {
    /// Its name, `YYYY-MM`.
    pub version: &'static str,
    /// The day it begins.
    pub since: Day,
    /// What changed with it, one sentence.
    pub changed: &'static str,
    /// Fact ids and source keys of that.
    pub facts: &'static [&'static str],
    /// The day of the newest copy of its sources that was read.
    pub checked: Day,
}

/// Days after which sources that were not read again are stale.
pub const STALE_DAYS: i64 = 90;

/// The newest copies of the platform's own pages that were read.
const CHECKED: Day = Day::new(2026, 9, 11);

const PACKS: [Pack; 8] = [
    Pack {
        version: "2022-02",
        since: Day::new(2022, 2, 1),
        changed: "The oldest rules that are known here; what lies before is answered by them too.",
        facts: &["OPT-01", "SND-02", "SND-21"],
        checked: CHECKED,
    },
    Pack {
        version: "2023-10",
        since: Day::new(2023, 10, 12),
        changed: "The platform paces marketing templates of every business that it does not rate high: a part of them waits.",
        facts: &["SND-24"],
        checked: CHECKED,
    },
    Pack {
        version: "2024-02",
        since: Day::new(2024, 2, 6),
        changed: "The platform bounds how many marketing templates one person gets, and tells of it with error 131049.",
        facts: &["SND-30"],
        checked: CHECKED,
    },
    Pack {
        version: "2024-08",
        since: Day::new(2024, 8, 27),
        changed: "The United Arab Emirates set hours for marketing messages; they count where a business turns that law on.",
        facts: &["LAW-AE"],
        checked: CHECKED,
    },
    Pack {
        version: "2024-11",
        since: Day::new(2024, 11, 18),
        changed: "WhatsApp gave people a switch of its own against a business's marketing, and it closes marketing.",
        facts: &["OPT-40", "OPT-41"],
        checked: CHECKED,
    },
    Pack {
        version: "2025-04",
        since: Day::new(2025, 4, 1),
        changed: "No marketing template is delivered to numbers of the United States any more.",
        facts: &["SND-34"],
        checked: CHECKED,
    },
    Pack {
        version: "2025-10",
        since: Day::new(2025, 10, 7),
        changed: "The messaging limit belongs to the portfolio, and all its numbers share it; until then each number had its own.",
        facts: &["QL-16", "QL-17"],
        checked: CHECKED,
    },
    Pack {
        version: "2026-11",
        since: Day::new(2026, 11, 1),
        changed: "The first pack that live sends were decided by; no rule changed with it.",
        facts: &[],
        checked: CHECKED,
    },
];

impl Pack {
    /// Every pack, oldest first.
    pub const ALL: &[Self] = &PACKS;

    /// The pack of a moment; before the first, the first.
    #[must_use]
    pub fn at(at_ms: i64) -> &'static Self {
        let [oldest, later @ ..] = &PACKS;
        let mut begun = later.iter().rev();
        begun
            .find(|pack| pack.since.start_ms() <= at_ms)
            .unwrap_or(oldest)
    }

    /// Whether its sources were last read too long before now to be relied on unseen.
    #[must_use]
    pub fn is_stale(&self, now_ms: i64) -> bool {
        now_ms > self.checked.start_ms() + STALE_DAYS * DAY_MS
    }

    /// What is to be said where it is stale.
    #[must_use]
    pub fn warning(&self, now_ms: i64) -> Option<String> {
        self.is_stale(now_ms).then(|| {
            format!(
                "the sources of rule pack {} were last checked on {}, more than {STALE_DAYS} days ago: the platform may have changed a rule since; upgrade Greenline, or look the rule up",
                self.version, self.checked
            )
        })
    }
}
