//! When a raise comes, and how great a risk is, in the most obvious way: hour by hour, sign by sign.

use greenline_policy::forecast::{Day, Level, Week, When};
use greenline_policy::quality::Score;

use super::{DAY, HOUR};

/// Walks hour by hour through the coming week and counts who still counts.
pub(super) fn when(days: [u32; 7], together: u32, takes: u32, old: bool, now_ms: i64) -> When {
    let then = if old { DAY } else { 6 * HOUR };
    if together >= takes {
        return When::Within {
            from_ms: now_ms,
            until_ms: Some(now_ms + then),
        };
    }
    if together < 10 {
        return When::NotEnoughData;
    }
    let all: u32 = days.iter().sum();
    let mut best = 0.0_f64;
    for run in 1..=7_usize {
        let sum: u32 = days[7 - run..].iter().sum();
        best = best.max(f64::from(sum) / run as f64);
    }
    let average = f64::from(all) / 7.0;
    let new_share = f64::from(together) / f64::from(all);
    let (mut near, mut far) = (None, None);
    for hour in 1..=168_i64 {
        let mut left = 0.0;
        for (day, people) in days.iter().enumerate() {
            for of_day in 0..24 {
                if day as i64 * 24 + of_day >= hour {
                    left += f64::from(*people) / 24.0;
                }
            }
        }
        let passed = hour as f64 / 24.0;
        // What is equal but for rounding is equal.
        let at_best = left.min(f64::from(together)) + best * passed + 1e-7;
        let at_least = new_share * (left + average * passed) + 1e-7;
        if at_best >= f64::from(takes) && near.is_none() {
            near = Some(now_ms + hour * HOUR);
        }
        if at_least >= f64::from(takes) && far.is_none() {
            far = Some(now_ms + hour * HOUR + then);
        }
    }
    match near {
        Some(from_ms) => When::Within {
            from_ms,
            until_ms: far,
        },
        None => {
            let a_day = f64::from(takes) / 7.0 / new_share;
            When::NotAtThisPace {
                takes_a_day: (a_day - 1e-7).ceil() as u32,
            }
        }
    }
}

/// The same over 30 days, for 2,000 people.
pub(super) fn first_step(days: [u32; 7], together: u32, month: [u32; 30], now_ms: i64) -> When {
    if month.iter().sum::<u32>() >= 2_000 {
        return When::Earned;
    }
    if together < 10 {
        return When::NotEnoughData;
    }
    let mut best = 0.0_f64;
    for run in 1..=7_usize {
        let sum: u32 = days[7 - run..].iter().sum();
        best = best.max(f64::from(sum) / run as f64);
    }
    let (mut near, mut far) = (None, None);
    for hour in 1..=720_i64 {
        let mut left = 0.0;
        for (day, people) in month.iter().enumerate() {
            for of_day in 0..24 {
                if day as i64 * 24 + of_day >= hour {
                    left += f64::from(*people) / 24.0;
                }
            }
        }
        let passed = hour as f64 / 24.0;
        if left + best * passed + 1e-7 >= 2_000.0 && near.is_none() {
            near = Some(now_ms + hour * HOUR);
        }
        if left + f64::from(together) / 7.0 * passed + 1e-7 >= 2_000.0 && far.is_none() {
            far = Some(now_ms + hour * HOUR);
        }
    }
    match near {
        Some(from_ms) => When::Within {
            from_ms,
            until_ms: far,
        },
        None => {
            let all: u32 = days.iter().sum();
            let a_day = 2_000.0 / 30.0 * f64::from(all) / f64::from(together);
            When::NotAtThisPace {
                takes_a_day: (a_day - 1e-7).ceil() as u32,
            }
        }
    }
}

/// What counts of a risk, written out once more: shares, least counts and points.
pub(super) fn level(week: &Week, rated: Score, of_rating: bool) -> Level {
    let whole = add(&week.days);
    let newest = add(&week.days[5..]);
    let mut points = match (rated, of_rating) {
        (Score::Red, _) => 3,
        (Score::Yellow, true) => 0,
        (Score::Yellow, false) => 1,
        // Rated good only since an hour ago, or not at all.
        _ => u32::from(of_rating && whole.sent >= 30),
    };
    let band = |of: u32, out_of: u32, mild: f64, strong: f64, least: u32| {
        let share = f64::from(of) / f64::from(out_of.max(1));
        match () {
            () if of < least => 0,
            () if share + 1e-9 >= strong => 2,
            () if share + 1e-9 >= mild => 1,
            () => 0,
        }
    };
    let worst = |count: &dyn Fn(&Day) -> (u32, u32), mild, strong, least| {
        let of = |day: &Day, least| {
            let (of, out_of) = count(day);
            band(of, out_of.max(of), mild, strong, least)
        };
        of(&whole, least).max(of(&newest, least * 2))
    };
    let stops = |day: &Day| (day.native_stops + day.stop_words, day.delivered);
    let stops = worst(&stops, 0.015, 0.025, 3);
    let held_back = worst(&|day| (day.held_back, day.sent), 0.05, 0.15, 5);
    let unreachable = worst(&|day| (day.unreachable, day.sent), 0.03, 0.08, 5);
    let unread = worst(&|day| (day.unread, day.ripe), 0.5, 0.7, 20);
    let weak = match whole.sent {
        0 => 0,
        sent => band(week.weak, sent, 0.1, 0.4, 10),
    };
    let often = match week.people {
        0 => 0,
        people => band(whole.sent, people, 3.0, 5.0, 30),
    };
    let table: [(usize, [u32; 3], [u32; 3]); 6] = [
        (stops, [0, 1, 3], [0, 1, 2]),
        (held_back, [0, 0, 2], [0, 0, 1]),
        (unreachable, [0, 2, 3], [0, 0, 1]),
        (unread, [0, 1, 2], [0, 0, 1]),
        (weak, [0, 1, 1], [0, 1, 2]),
        (often, [0, 1, 3], [0, 0, 1]),
    ];
    for (strength, rating, enforcement) in table {
        points += if of_rating { rating } else { enforcement }[strength];
    }
    match points {
        0 if whole.sent < 30 => Level::NotEnoughData,
        0 => Level::Low,
        1 | 2 => Level::Raised,
        _ => Level::High,
    }
}

fn add(days: &[Day]) -> Day {
    let mut all = Day::default();
    for day in days {
        all.people += day.people;
        all.sent += day.sent;
        all.delivered += day.delivered;
        all.ripe += day.ripe;
        all.unread += day.unread;
        all.held_back += day.held_back;
        all.unreachable += day.unreachable;
        all.native_stops += day.native_stops;
        all.stop_words += day.stop_words;
    }
    all
}
