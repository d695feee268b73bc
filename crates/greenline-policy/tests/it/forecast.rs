//! What comes next for a number: both sets of rules, the change between them, the span of a raise, the risks, and what
//! must hold of all of them.

mod growth;
mod risk;
mod twin;
mod watch;

use greenline_policy::forecast::{Day, Era, Forecast, Known, Reach, Sign, Week, forecast};
use greenline_policy::health::state::{Origin, Told};
use greenline_policy::health::{Seen, State};
use greenline_policy::number::NumberStatus;
use greenline_policy::quality::Score;
use greenline_policy::reach::MessagingLimit;

const HOUR: i64 = 60 * 60 * 1_000;
const DAY: i64 = 24 * HOUR;
/// 7 October 2025, when limits became portfolios'.
const CHANGE: i64 = 1_759_795_200_000;
/// 9 September 2026, noon.
const NOW: i64 = 1_788_955_200_000;
/// 1 September 2025.
const OLD: i64 = 1_756_684_800_000;

fn seen(at_ms: i64, origin: Origin) -> Seen {
    Seen { at_ms, origin }
}

fn people(people: u32) -> Told {
    Told::Limit(MessagingLimit::People(people))
}

/// A connected number with a rating and a limit, read just now.
fn number(now_ms: i64, score: Score, limit: u32) -> Known {
    let read = now_ms - HOUR;
    let state = State::at(now_ms)
        .with(Told::Status(NumberStatus::Connected), Origin::Read, read)
        .with(Told::Rating(score), Origin::Read, read)
        .with(people(limit), Origin::Read, read);
    Known::of(state)
}

/// As many people each day; so many of them together are different ones.
fn reached(days: [u32; 7], together: u32) -> Reach {
    Reach {
        people: together,
        days,
    }
}

/// A week with the same every day.
fn week(people: u32, day: Day) -> Week {
    Week {
        people,
        weak: 0,
        one_in: 1,
        days: [day; 7],
    }
}

/// Counted for the number and the portfolio alike.
fn counted(mut known: Known, reach: Reach) -> Known {
    let days = reach.days.map(|people| Day {
        people,
        sent: people,
        delivered: people,
        ..Day::default()
    });
    known.number = Some(Week {
        people: reach.people,
        weak: 0,
        one_in: 1,
        days,
    });
    known.portfolio = Some(reach);
    known
}

#[test]
fn the_rules_are_those_of_the_date() {
    for (at_ms, era) in [
        (CHANGE - 1, Era::Number),
        (CHANGE, Era::Portfolio),
        (1_651_363_199_999, Era::Early),
        (1_651_363_200_000, Era::Number),
    ] {
        assert_eq!(Era::at(at_ms), era);
        let known = number(at_ms, Score::Green, 1_000);
        assert_eq!(forecast(&known, at_ms).era, era);
    }
    // One and the same number, asked about the last day of the old rules and the first of the new ones.
    let known = counted(number(CHANGE, Score::Red, 10_000), reached([900; 7], 6_000));
    let before = forecast(&known, CHANGE - 1);
    let after = forecast(&known, CHANGE);
    assert_eq!(before.watch.as_str(), "due");
    assert_eq!(after.watch.as_str(), "gone");
    assert!(before.era.words().say.contains("the limit falls one step"));
    assert!(after.era.words().say.contains("no longer lowers it"));
}

/// Everything that is told of a past moment is what was known then (N2).
#[test]
fn what_came_later_is_not_known_yet() {
    let known = counted(number(NOW, Score::Red, 2_000), reached([200; 7], 1_200));
    let earlier = forecast(&known, NOW - DAY);
    assert_eq!(earlier.present.limit, None);
    assert_eq!(
        earlier.growth.next,
        greenline_policy::forecast::Next::Unknown
    );
    let signs = earlier.rating.drivers.iter().map(|one| one.sign);
    assert_eq!(signs.collect::<Vec<_>>(), [Sign::Unproven]);
    // A later date is answered by what is known now.
    let later: Forecast = forecast(&known, NOW + 5 * DAY);
    assert_eq!(later.counted_to_ms, NOW);
    assert_eq!(later.present.limit, Some(MessagingLimit::People(2_000)));
}
