//! Each evening by itself, for whoever looks for what tells levels apart: what was seen and said, and how many days later
//! something happened.

use greenline_policy::forecast::{Forecast, Risk, Sign, Strength, Template, Week};
use serde_json::{Value, json};

use super::truth::{Happened, grade_of};
use super::{DAY_MS, Lived};

/// The evenings of one number, a line each.
pub(crate) fn evenings(lived: &Lived) -> impl Iterator<Item = Value> {
    let last_ms = lived.forecasts.last().map_or(0, |told| told.at_ms);
    let told = lived.forecasts.iter().zip(&lived.seen).enumerate();
    told.map(move |(day, (told, (week, templates)))| {
        json!({
            "seed": lived.seed, "day": day, "era": told.era.as_str(),
            "left_days": in_days(last_ms - told.at_ms),
            "rating": risk(&told.rating), "enforcement": risk(&told.enforcement),
            "worse": told.rating.next.map(|score| score.as_str()),
            "fell_in_days": first_after(told, told.rating.next.map_or(0, grade_of), &lived.truly.fell),
            "enforced_in_days": first_after(told, 0, &lived.truly.enforced),
            "week": counts(week), "templates": templates.iter().map(template).collect::<Vec<_>>(),
        })
    })
}

fn in_days(ms: i64) -> f64 {
    // Some weeks in milliseconds are far below 2^53.
    ms as f64 / DAY_MS as f64
}

fn first_after(told: &Forecast, grade: u8, happened: &[Happened]) -> Option<f64> {
    let mut happened = happened.iter();
    let first = happened.find(|one| one.at_ms > told.at_ms && one.grade >= grade);
    first.map(|one| in_days(one.at_ms - told.at_ms))
}

fn risk(risk: &Risk) -> Value {
    let drivers = risk.drivers.iter();
    let drivers: Vec<[&str; 2]> = drivers
        .map(|driver| named(driver.sign, driver.strength))
        .collect();
    json!({"level": risk.level.as_str(), "drivers": drivers})
}

fn named(sign: Sign, strength: Strength) -> [&'static str; 2] {
    [sign.words().id, strength.as_str()]
}

fn template(template: &Template) -> Value {
    json!([
        template.name,
        template.score.as_str(),
        template.stopped,
        template.seen.at_ms
    ])
}

/// People, and messages that rested on weak consent; then each day: people, sent, delivered, ripe, unread, held back,
/// unreachable, stopped by the switch, stopped otherwise.
fn counts(week: &Week) -> Value {
    let days = week.days.map(|day| {
        [
            day.people,
            day.sent,
            day.delivered,
            day.ripe,
            day.unread,
            day.held_back,
            day.unreachable,
            day.native_stops,
            day.stop_words,
        ]
    });
    json!({"people": week.people, "weak": week.weak, "days": days})
}
