//! Quiet hours: when a person is not to be written to, by the clocks where they may be.
//!
//! Hours are a business's own or a law's. Where someone may be in several time zones the strictest counts: it is quiet
//! if it is quiet in any of them, and ends at the first moment when it is quiet in none. What clocks show is handed
//! in ([`Clocks`]); this module reads no clock and knows no time zone.
//!
//! Hours are looked at moment by moment. Where clocks are put forward over the end, it ends with the leap; where they
//! are put back over the end, the repeated part is quiet again.

use crate::pack::Day;
use crate::scope::{Categories, Category};

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;
/// Seconds of a day.
const DAY_S: i64 = 24 * 60 * 60;
/// No end within this time is no end: hours repeat every week.
const SEARCH_MS: i64 = 8 * DAY_S * 1_000;
/// Milliseconds that stand for "not quiet".
const NOT_QUIET: i64 = i64::MIN;
/// Milliseconds that stand for "no end in sight".
const NO_END: i64 = i64::MAX;

/// What the clocks of a time zone show.
pub trait Clocks {
    /// Seconds that they are ahead of UTC.
    fn offset_s(&self, at_ms: i64) -> i32;
    /// The next moment after that when this changes.
    fn next_change_ms(&self, after_ms: i64) -> Option<i64>;
}

/// Days of the week.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Days(u8);

impl Days {
    /// Their names, Monday first.
    pub const NAMES: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    /// All of them.
    pub const ALL: Self = Self(0x7f);

    /// Reads names; `Err` with the one that is none.
    ///
    /// # Errors
    /// The first name that is not one of [`Days::NAMES`].
    pub fn parse<'t>(names: impl IntoIterator<Item = &'t str>) -> Result<Self, &'t str> {
        let mut days = 0;
        for name in names {
            let place = Self::NAMES.iter().position(|known| *known == name);
            days |= 1 << place.ok_or(name)?;
        }
        Ok(Self(days))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether they hold the day with that number since 1970-01-01, a Thursday.
    fn hold(self, day: i64) -> bool {
        let place = (day + 3).rem_euclid(7);
        self.0 >> place & 1 == 1
    }
}

/// Reads `21:30`, up to `24:00`, as minutes of the day.
#[must_use]
pub fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY_MINUTES).then_some(minute)
}

/// A stretch of the day, by the clock on the wall: from `start` until before `end`, over midnight where `end` comes first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Hours {
    start: u16,
    end: u16,
    days: Days,
}

impl Hours {
    /// From and until in minutes of the day, on the days when they begin. `None` where both are the same or there is no day.
    #[must_use]
    pub fn new(start: u16, end: u16, days: Days) -> Option<Self> {
        let fits = start < DAY_MINUTES && end <= DAY_MINUTES && start != end;
        (fits && !days.is_empty()).then_some(Self { start, end, days })
    }

    /// When they end, in seconds as the clock shows them, if they hold then.
    fn local_end(self, local_s: i64) -> Option<i64> {
        let (day, second) = (local_s.div_euclid(DAY_S), local_s.rem_euclid(DAY_S));
        let (start, end) = (i64::from(self.start) * 60, i64::from(self.end) * 60);
        if start < end {
            let holds = self.days.hold(day) && (start..end).contains(&second);
            return holds.then_some(day * DAY_S + end);
        }
        if second >= start && self.days.hold(day) {
            return Some((day + 1) * DAY_S + end);
        }
        (second < end && self.days.hold(day - 1)).then_some(day * DAY_S + end)
    }

    /// When they end by those clocks, if they hold at that moment.
    fn end_ms(self, clocks: &impl Clocks, at_ms: i64) -> Option<i64> {
        let (mut at_ms, mut holds) = (at_ms, false);
        loop {
            let offset_s = i64::from(clocks.offset_s(at_ms));
            let local_s = at_ms.div_euclid(1_000) + offset_s;
            let Some(end_s) = self.local_end(local_s) else {
                return holds.then_some(at_ms);
            };
            holds = true;
            let end_ms = (end_s - offset_s) * 1_000;
            match clocks.next_change_ms(at_ms) {
                Some(change_ms) if change_ms < end_ms => at_ms = change_ms,
                _ => return Some(end_ms),
            }
        }
    }
}

/// Quiet hours with what they are about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuietTime {
    /// When.
    pub hours: Hours,
    /// Which kinds of message.
    pub categories: Categories,
    /// Not before that day.
    pub since: Option<Day>,
}

/// Until when it is quiet for an addressee, by kind of message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quiet([i64; Category::ALL.len()]);

impl Default for Quiet {
    fn default() -> Self {
        Self::NONE
    }
}

impl Quiet {
    /// Not quiet.
    pub const NONE: Self = Self([NOT_QUIET; Category::ALL.len()]);

    /// As records keep it, in the order of [`Category::ALL`].
    #[must_use]
    pub fn ends_ms(self) -> [i64; Category::ALL.len()] {
        self.0
    }

    /// Reads [`Quiet::ends_ms`].
    #[must_use]
    pub fn from_ends_ms(ends_ms: [i64; Category::ALL.len()]) -> Self {
        Self(ends_ms)
    }

    /// Whether it is quiet for any of these kinds of message now.
    #[must_use]
    pub fn holds(self, categories: Categories, now_ms: i64) -> bool {
        let mut all = Category::ALL.into_iter().zip(self.0);
        all.any(|(category, end_ms)| categories.holds(category) && end_ms > now_ms)
    }

    /// When it ends for these kinds of message, the latest; `None` where no end is in sight.
    #[must_use]
    pub fn until_ms(self, categories: Categories) -> Option<i64> {
        let concerned = Category::ALL.into_iter().zip(self.0);
        let ends = concerned.filter(|(category, _)| categories.holds(*category));
        let latest = ends.map(|(_, end_ms)| end_ms).max();
        latest.filter(|end_ms| *end_ms != NO_END)
    }
}

/// Until when it is quiet by these hours where these clocks go, as of now.
#[must_use]
pub fn quiet<C: Clocks>(times: &[QuietTime], clocks: &[C], now_ms: i64) -> Quiet {
    let mut ends_ms = [NOT_QUIET; Category::ALL.len()];
    for (category, end_ms) in Category::ALL.into_iter().zip(&mut ends_ms) {
        let concerns = |time: &&QuietTime| {
            let is_law = time.since.is_none_or(|since| since.start_ms() <= now_ms);
            is_law && time.categories.holds(category)
        };
        let hours = times.iter().filter(concerns).map(|time| time.hours);
        if let Some(until_ms) = until_ms(&hours, clocks, now_ms) {
            *end_ms = until_ms;
        }
    }
    Quiet(ends_ms)
}

/// From one end to the next until none holds any more.
fn until_ms<C: Clocks>(
    hours: &(impl Iterator<Item = Hours> + Clone),
    clocks: &[C],
    now_ms: i64,
) -> Option<i64> {
    let mut at_ms = now_ms;
    loop {
        let before_ms = at_ms;
        for hours in hours.clone() {
            for clocks in clocks {
                at_ms = hours.end_ms(clocks, at_ms).unwrap_or(at_ms);
            }
        }
        if at_ms == before_ms {
            return (at_ms > now_ms).then_some(at_ms);
        }
        if at_ms - now_ms > SEARCH_MS {
            return Some(NO_END);
        }
    }
}
