//! What all numbers come to: warnings against what happened, and raises against when they were foretold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use greenline_policy::forecast::{Forecast, Level, Sign, Strength, Watch, When};
use greenline_policy::health::Can;
use greenline_policy::reach::MessagingLimit;
use serde_json::{Value, json};

use super::truth::{Happened, grade_of};
use super::{DAY_MS, HOUR_MS, Lived, Settings};

/// A warning is right if what it warns of comes within so many days.
const WITHIN_DAYS: i64 = 7;
/// Days of a month.
const MONTH_DAYS: f64 = 30.0;

/// How warnings did at one level.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warnings {
    /// What happened, with at least one forecast before it.
    pub(crate) happened: usize,
    /// How many days before each of those that were warned of, in order.
    pub(crate) lead_days: Vec<f64>,
    /// Warnings that were not followed by it within seven days after their end.
    pub(crate) false_alarms: usize,
    /// Warnings of which the run ended too soon to tell.
    pub(crate) undecided: usize,
    /// Months of numbers that were looked at.
    pub(crate) months: f64,
}

/// One level of the daily forecasts: how often what they were about came within seven days.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Days {
    pub(crate) days: usize,
    pub(crate) followed: usize,
}

/// How raises came that a span was given for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Raises {
    /// Within the span.
    pub(crate) inside: usize,
    /// Before it, by so many days.
    pub(crate) early_days: Vec<f64>,
    /// After it, by so many days.
    pub(crate) late_days: Vec<f64>,
    /// Not at all, though the far end passed.
    pub(crate) never: usize,
    /// The run ended before the far end, or there was none.
    pub(crate) undecided: usize,
    /// Days from the near to the far end, where there was one.
    pub(crate) wide_days: Vec<f64>,
    /// Half was used and quality good: raised within the time that the documents name, of so many.
    pub(crate) due_and_raised: usize,
    pub(crate) due: usize,
    /// The same where the documents do not say whether quality is good (N13).
    pub(crate) open_and_raised: usize,
    pub(crate) open: usize,
    /// Said not to come at this pace, and came within seven days all the same.
    pub(crate) came_all_the_same: usize,
    pub(crate) not_at_this_pace: usize,
}

/// Everything that is reported.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    settings: Settings,
    pub(crate) sends: usize,
    pub(crate) forecasts: usize,
    pub(crate) rating: [Warnings; 2],
    pub(crate) enforcement: [Warnings; 2],
    pub(crate) rating_days: [Days; 4],
    pub(crate) enforcement_days: [Days; 4],
    pub(crate) raises: Raises,
    /// For each sign, mild and strong: how often a worse rating came within seven days, and enforcement.
    signs: BTreeMap<(Sign, Strength), (Days, Days)>,
    /// Steps down until October 2025, and those whose hour and limit were foretold.
    pub(crate) lowered: usize,
    pub(crate) lowered_foretold: usize,
}

const LEVELS: [Level; 4] = [Level::NotEnoughData, Level::Low, Level::Raised, Level::High];
/// From which level on it counts as a warning.
const WARNED_FROM: [Level; 2] = [Level::Raised, Level::High];

impl Report {
    pub(super) fn of(settings: Settings, all: &[Lived]) -> Self {
        let mut report = Self {
            settings,
            sends: all.iter().map(|lived| lived.sends).sum(),
            forecasts: all.iter().map(|lived| lived.forecasts.len()).sum(),
            rating: Default::default(),
            enforcement: Default::default(),
            rating_days: Default::default(),
            enforcement_days: Default::default(),
            raises: Raises::default(),
            signs: BTreeMap::new(),
            lowered: 0,
            lowered_foretold: 0,
        };
        for lived in all {
            let rating: Vec<_> = lived.forecasts.iter().map(Told::of_rating).collect();
            let enforcement = lived.forecasts.iter().map(Told::of_enforcement);
            let enforcement: Vec<_> = enforcement.collect();
            let truly = &lived.truly;
            for (nth, from) in WARNED_FROM.into_iter().enumerate() {
                warnings(&mut report.rating[nth], &rating, &truly.fell, from);
                warnings(
                    &mut report.enforcement[nth],
                    &enforcement,
                    &truly.enforced,
                    from,
                );
            }
            by_day(&mut report.rating_days, &rating, &truly.fell);
            by_day(&mut report.enforcement_days, &enforcement, &truly.enforced);
            signs(&mut report.signs, lived);
            raises(&mut report.raises, lived);
            for (at_ms, people) in &truly.lowered {
                report.lowered += 1;
                let before = lived.forecasts.iter().rfind(|told| told.at_ms < *at_ms);
                let foretold = before.is_some_and(|told| falls(told, *at_ms, *people));
                report.lowered_foretold += usize::from(foretold);
            }
        }
        report
    }
}

/// Whether a step down was foretold, to the hour.
fn falls(told: &Forecast, at_ms: i64, people: u32) -> bool {
    match told.watch {
        Watch::Flagged {
            ends_ms,
            to: Some(MessagingLimit::People(to)),
            lapses: false,
            ..
        } => (ends_ms - at_ms).abs() <= HOUR_MS && to == people,
        _ => false,
    }
}

fn in_days(ms: i64) -> f64 {
    // Some weeks in milliseconds are far below 2^53.
    ms as f64 / DAY_MS as f64
}

/// One evening's answer: its level, and from which grade on what happens is what it is about.
#[derive(Clone, Copy)]
struct Told {
    at_ms: i64,
    level: Option<Level>,
    grade: u8,
}

impl Told {
    /// Where no rating is worse there is nothing to warn of.
    fn of_rating(told: &Forecast) -> Self {
        Self {
            at_ms: told.at_ms,
            level: told.rating.next.map(|_| told.rating.level),
            grade: told.rating.next.map_or(0, grade_of),
        }
    }

    fn of_enforcement(told: &Forecast) -> Self {
        Self {
            at_ms: told.at_ms,
            level: Some(told.enforcement.level),
            grade: 0,
        }
    }

    /// Whether what it is about happened within seven days. A day that has not seven days left to see is left out, whatever
    /// followed: else only those of them would count on which something did.
    fn within(&self, happened: &[Happened], last_ms: i64) -> Option<bool> {
        let until_ms = self.at_ms + WITHIN_DAYS * DAY_MS;
        let mut happened = happened.iter();
        let followed = happened.any(|one| self.is_about(one) && one.at_ms <= until_ms);
        (until_ms <= last_ms).then_some(followed)
    }

    /// Whether it is about something that happened later: a fall to the rating that it names, or to a worse one.
    fn is_about(&self, happened: &Happened) -> bool {
        self.level.is_some() && self.at_ms < happened.at_ms && self.grade <= happened.grade
    }
}

fn warnings(counts: &mut Warnings, told: &[Told], happened: &[Happened], from: Level) {
    let warns = |told: &Told| told.level.is_some_and(|level| level >= from);
    let looked_at = told.iter().filter(|told| told.level.is_some()).count();
    counts.months += looked_at as f64 / MONTH_DAYS;
    let mut before_ms = i64::MIN;
    for one in happened {
        let earlier: Vec<&Told> = told
            .iter()
            .filter(|told| told.at_ms > before_ms && told.is_about(one))
            .collect();
        before_ms = one.at_ms;
        // Two falls on one day are one to a forecast that is made every evening.
        if earlier.is_empty() {
            continue;
        }
        counts.happened += 1;
        let run = earlier.iter().rev().take_while(|told| warns(told));
        if let Some(first) = run.last() {
            counts.lead_days.push(in_days(one.at_ms - first.at_ms));
        }
    }
    let mut nth = 0;
    while nth < told.len() {
        if !warns(&told[nth]) {
            nth += 1;
            continue;
        }
        let run = told[nth..].iter().take_while(|told| warns(told)).count();
        let of_run = &told[nth..nth + run];
        let last_ms = told[nth + run - 1].at_ms;
        nth += run;
        let until_ms = last_ms + WITHIN_DAYS * DAY_MS;
        let mut within = happened.iter().filter(|one| one.at_ms <= until_ms);
        if within.any(|one| of_run.iter().any(|told| told.is_about(one))) {
            continue;
        }
        if told.last().is_some_and(|last| last.at_ms >= until_ms) {
            counts.false_alarms += 1;
        } else {
            counts.undecided += 1;
        }
    }
}

fn by_day(counts: &mut [Days; 4], all: &[Told], happened: &[Happened]) {
    let Some(last_ms) = all.last().map(|told| told.at_ms) else {
        return;
    };
    for told in all {
        let nth = LEVELS.iter().position(|known| Some(*known) == told.level);
        let Some(count) = nth.and_then(|nth| counts.get_mut(nth)) else {
            continue;
        };
        if let Some(followed) = told.within(happened, last_ms) {
            count.days += 1;
            count.followed += usize::from(followed);
        }
    }
}

fn signs(counts: &mut BTreeMap<(Sign, Strength), (Days, Days)>, lived: &Lived) {
    let Some(last_ms) = lived.forecasts.last().map(|told| told.at_ms) else {
        return;
    };
    let add = |days: &mut Days, followed: Option<bool>| {
        days.days += usize::from(followed.is_some());
        days.followed += usize::from(followed == Some(true));
    };
    for told in &lived.forecasts {
        let of_rating = Told::of_rating(told);
        let fell = of_rating.within(&lived.truly.fell, last_ms);
        let fell = fell.filter(|_| of_rating.level.is_some());
        let enforced = Told::of_enforcement(told).within(&lived.truly.enforced, last_ms);
        let both = told.rating.drivers.iter().chain(&told.enforcement.drivers);
        let seen: BTreeSet<_> = both.map(|driver| (driver.sign, driver.strength)).collect();
        for sign in seen {
            let (of_rating, of_enforcement) = counts.entry(sign).or_default();
            add(of_rating, fell);
            add(of_enforcement, enforced);
        }
    }
}

fn raises(counts: &mut Raises, lived: &Lived) {
    let Some(end_ms) = lived.forecasts.last().map(|told| told.at_ms) else {
        return;
    };
    for told in &lived.forecasts {
        let raised = lived.truly.raised.iter().find(|at| **at > told.at_ms);
        let raised = raised.copied();
        let is_there = told.growth.missing() == Some(0);
        match (told.growth.when, told.growth.quality) {
            (
                When::Within {
                    until_ms: Some(until_ms),
                    ..
                },
                quality,
            ) if is_there && until_ms <= end_ms => {
                // Looked at every hour, it may come an hour later.
                let came = raised.is_some_and(|at| at <= until_ms + HOUR_MS);
                match quality {
                    Can::Yes => {
                        counts.due += 1;
                        counts.due_and_raised += usize::from(came);
                    }
                    Can::Unknown => {
                        counts.open += 1;
                        counts.open_and_raised += usize::from(came);
                    }
                    Can::No => {}
                }
            }
            (When::Within { from_ms, until_ms }, Can::Yes) if !is_there => {
                counts
                    .wide_days
                    .extend(until_ms.map(|until_ms| in_days(until_ms - from_ms)));
                match raised {
                    Some(at) if at < from_ms => counts.early_days.push(in_days(from_ms - at)),
                    Some(at) if until_ms.is_none_or(|until_ms| at <= until_ms + HOUR_MS) => {
                        counts.inside += 1;
                    }
                    Some(at) => {
                        let until_ms = until_ms.unwrap_or(at);
                        counts.late_days.push(in_days(at - until_ms));
                    }
                    None if until_ms.is_some_and(|until_ms| until_ms < end_ms) => counts.never += 1,
                    None => counts.undecided += 1,
                }
            }
            (When::NotAtThisPace { .. }, Can::Yes) => {
                let until_ms = told.at_ms + WITHIN_DAYS * DAY_MS;
                let came = raised.is_some_and(|at| at <= until_ms);
                if came || until_ms <= end_ms {
                    counts.not_at_this_pace += 1;
                    counts.came_all_the_same += usize::from(came);
                }
            }
            _ => {}
        }
    }
}

/// Tenth, half, nine tenths.
fn spread(values: &[f64]) -> Option<[f64; 3]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: usize| {
        let last = sorted.len().checked_sub(1)?;
        sorted.get(last * share / 100).copied()
    };
    Some([at(10)?, at(50)?, at(90)?])
}

fn spread_text(values: &[f64]) -> String {
    spread(values).map_or_else(
        || "none".to_owned(),
        |[low, half, high]| format!("{half:.1} ({low:.1} to {high:.1})"),
    )
}

fn percent(part: usize, all: usize) -> String {
    match all {
        0 => "-".to_owned(),
        all => format!("{:.0} %", part as f64 * 100.0 / all as f64),
    }
}

impl Warnings {
    fn row(&self) -> [String; 5] {
        let warned = self.lead_days.len();
        [
            self.happened.to_string(),
            format!("{warned} ({})", percent(warned, self.happened)),
            spread_text(&self.lead_days),
            (self.happened - warned).to_string(),
            format!("{:.2} ({})", self.a_month(), self.false_alarms),
        ]
    }

    fn a_month(&self) -> f64 {
        self.false_alarms as f64 / self.months.max(f64::MIN_POSITIVE)
    }

    fn json(&self) -> Value {
        let lead = spread(&self.lead_days);
        json!({
            "happened": self.happened,
            "warned": self.lead_days.len(),
            "missed": self.happened - self.lead_days.len(),
            "lead_days": lead.map(|[p10, median, p90]| json!({"p10": p10, "median": median, "p90": p90})),
            "false_alarms": self.false_alarms,
            "false_alarms_per_number_month": self.a_month(),
            "undecided": self.undecided,
            "number_months": self.months,
        })
    }
}

impl Report {
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "{} numbers, {} days, seeds from {}: {} messages, {} forecasts\n\n",
            self.settings.numbers,
            self.settings.days,
            self.settings.seed,
            self.sends,
            self.forecasts
        );
        text.push_str("| warned of | from | happened | warned | days before: median (10 % to 90 %) | missed | false alarms per number and month |\n|---|---|---|---|---|---|---|\n");
        for (about, warnings) in [
            ("a worse rating", &self.rating),
            ("enforcement", &self.enforcement),
        ] {
            for (from, warnings) in ["raised", "high"].iter().zip(warnings) {
                let row = warnings.row().join(" | ");
                let _ = writeln!(text, "| {about} | {from} | {row} |");
            }
        }
        text.push_str("\n| on a day when it was | a worse rating came within 7 days | enforcement did |\n|---|---|---|\n");
        for ((level, rating), enforcement) in LEVELS
            .iter()
            .zip(&self.rating_days)
            .zip(&self.enforcement_days)
        {
            let of = |days: &Days| {
                format!(
                    "{} of {} days",
                    percent(days.followed, days.days),
                    days.days
                )
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                level.as_str(),
                of(rating),
                of(enforcement)
            );
        }
        text.push_str("\n| on a day with the sign | a worse rating came within 7 days | enforcement did |\n|---|---|---|\n");
        for ((sign, strength), (rating, enforcement)) in &self.signs {
            let of = |days: &Days| {
                format!(
                    "{} of {} days",
                    percent(days.followed, days.days),
                    days.days
                )
            };
            let (sign, strength) = (sign.words().id, strength.as_str());
            let _ = writeln!(
                text,
                "| {sign}, {strength} | {} | {} |",
                of(rating),
                of(enforcement)
            );
        }
        let raises = &self.raises;
        let decided =
            raises.inside + raises.early_days.len() + raises.late_days.len() + raises.never;
        text.push_str("\n| a raise | |\n|---|---|\n");
        let rows = [
            ("spans that were given, and decided", decided.to_string()),
            ("came within the span", percent(raises.inside, decided)),
            (
                "came before it",
                format!(
                    "{}, by {} days",
                    percent(raises.early_days.len(), decided),
                    spread_text(&raises.early_days)
                ),
            ),
            (
                "came after it",
                format!(
                    "{}, by {} days",
                    percent(raises.late_days.len(), decided),
                    spread_text(&raises.late_days)
                ),
            ),
            ("did not come by its end", percent(raises.never, decided)),
            (
                "width of the span in days, where it had an end",
                spread_text(&raises.wide_days),
            ),
            (
                "half used and quality good: came in time",
                format!(
                    "{} of {}",
                    percent(raises.due_and_raised, raises.due),
                    raises.due
                ),
            ),
            (
                "half used and quality unknown: came in time",
                format!(
                    "{} of {}",
                    percent(raises.open_and_raised, raises.open),
                    raises.open
                ),
            ),
            (
                "\"not at this pace\", and came within 7 days",
                format!(
                    "{} of {}",
                    percent(raises.came_all_the_same, raises.not_at_this_pace),
                    raises.not_at_this_pace
                ),
            ),
            (
                "steps down until October 2025, foretold to the hour",
                format!("{} of {}", self.lowered_foretold, self.lowered),
            ),
        ];
        for (what, came) in rows {
            let _ = writeln!(text, "| {what} | {came} |");
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let days = |days: &[Days; 4]| -> Value {
            let levels = LEVELS.iter().zip(days);
            let of = |(level, days): (&Level, &Days)| {
                (
                    level.as_str().to_owned(),
                    json!({"days": days.days, "followed": days.followed}),
                )
            };
            Value::Object(levels.map(of).collect())
        };
        let warnings =
            |[raised, high]: &[Warnings; 2]| json!({"raised": raised.json(), "high": high.json()});
        let raises = &self.raises;
        let counted = |days: &Days| json!({"days": days.days, "followed": days.followed});
        let signs = self
            .signs
            .iter()
            .map(|((sign, strength), (rating, enforcement))| {
                json!({
                    "sign": sign.words().id, "strength": strength.as_str(),
                    "rating": counted(rating), "enforcement": counted(enforcement),
                })
            });
        json!({
            "signs": signs.collect::<Vec<_>>(),
            "numbers": self.settings.numbers,
            "days": self.settings.days,
            "seed": self.settings.seed,
            "messages": self.sends,
            "forecasts": self.forecasts,
            "rating": warnings(&self.rating),
            "enforcement": warnings(&self.enforcement),
            "rating_within_7_days": days(&self.rating_days),
            "enforcement_within_7_days": days(&self.enforcement_days),
            "raises": {
                "inside": raises.inside,
                "early_days": raises.early_days,
                "late_days": raises.late_days,
                "never": raises.never,
                "undecided": raises.undecided,
                "due": raises.due, "due_and_raised": raises.due_and_raised,
                "open": raises.open, "open_and_raised": raises.open_and_raised,
                "not_at_this_pace": raises.not_at_this_pace, "came_all_the_same": raises.came_all_the_same,
            },
            "lowered": {"happened": self.lowered, "foretold": self.lowered_foretold},
        })
    }
}
