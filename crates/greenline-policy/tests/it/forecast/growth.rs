//! The next limit.

use greenline_policy::forecast::{
    Deferral, Era, Known, LimitTold, Month, Next, Obstacle, Other, Template, When, forecast,
    looks_at_a_month,
};
use greenline_policy::health::Can;
use greenline_policy::health::state::{Origin, Told};
use greenline_policy::number::{NumberStatus, RestrictionKind};
use greenline_policy::quality::Score;
use greenline_policy::reach::MessagingLimit;
use proptest::prelude::*;

use super::{DAY, HOUR, NOW, OLD, counted, number, reached, seen, twin};

fn obstacles(known: &Known, at_ms: i64) -> Vec<(Obstacle, Can)> {
    let growth = forecast(known, at_ms).growth;
    let standing = growth.in_the_way.iter();
    standing.map(|one| (one.what, one.raises)).collect()
}

#[test]
fn steps_go_up_and_down_by_the_rules_of_the_date() {
    use MessagingLimit::{People, Unlimited};
    let (k2, k10, k100) = (People(2_000), People(10_000), People(100_000));
    for (era, limit, above, below) in [
        (Era::Portfolio, People(250), Some(k2), None),
        (Era::Portfolio, People(1_000), Some(k2), Some(People(250))),
        (Era::Portfolio, k2, Some(k10), Some(People(250))),
        (Era::Portfolio, k100, Some(Unlimited), Some(k10)),
        (Era::Portfolio, Unlimited, None, Some(k100)),
        (Era::Number, People(250), Some(People(1_000)), None),
        (Era::Number, People(1_000), Some(k10), Some(People(250))),
        (Era::Number, Unlimited, None, Some(k100)),
        (Era::Early, People(1_000), Some(k10), None),
    ] {
        assert_eq!(era.above(limit), above, "{era:?} {limit:?}");
        assert_eq!(era.below(limit), below, "{era:?} {limit:?}");
    }
    let takes = |era: Era, limit| era.takes(limit).map(|takes| (takes.people, takes.days));
    assert_eq!(takes(Era::Early, People(1_000)), Some((2_000, 7)));
    assert_eq!(takes(Era::Number, People(250)), Some((125, 7)));
    assert_eq!(takes(Era::Portfolio, k2), Some((1_000, 7)));
    assert_eq!(takes(Era::Portfolio, People(250)), Some((2_000, 30)));
    assert_eq!(takes(Era::Portfolio, Unlimited), None);
}

/// Half used and good quality: within six hours, after a day until October 2025 (QL-22, QL-16).
#[test]
fn half_used_raises_within_hours() {
    let known = counted(number(NOW, Score::Green, 2_000), reached([200; 7], 1_000));
    let growth = forecast(&known, NOW).growth;
    assert_eq!(growth.next, Next::Step(MessagingLimit::People(10_000)));
    assert_eq!(growth.takes.map(|takes| takes.people), Some(1_000));
    assert_eq!(growth.missing(), Some(0));
    assert_eq!(growth.quality, Can::Yes);
    assert!(growth.in_the_way.is_empty());
    let within = |from_ms, takes_ms| When::Within {
        from_ms,
        until_ms: Some(from_ms + takes_ms),
    };
    assert_eq!(growth.when, within(NOW, 6 * HOUR));
    let known = counted(number(OLD, Score::Yellow, 250), reached([20; 7], 125));
    let growth = forecast(&known, OLD).growth;
    assert!(growth.in_the_way.is_empty(), "medium was enough");
    assert_eq!(growth.when, within(OLD, DAY));
}

/// A steady pace that has not reached it in seven days does not reach it in eight.
#[test]
fn a_steady_pace_that_is_too_slow_never_gets_there() {
    let known = counted(number(NOW, Score::Green, 2_000), reached([100; 7], 700));
    let growth = forecast(&known, NOW).growth;
    assert_eq!(growth.missing(), Some(300));
    assert_eq!(growth.when, When::NotAtThisPace { takes_a_day: 143 });
    // The same people again and again: it takes more of them, and if all were new from now on it were 700.
    let known = counted(number(NOW, Score::Green, 2_000), reached([100; 7], 350));
    let when = forecast(&known, NOW).growth.when;
    assert_eq!(when, When::NotAtThisPace { takes_a_day: 286 });
}

/// A number that has just begun has days to come that add to those it had.
#[test]
fn a_growing_pace_gives_a_span() {
    let begun = reached([0, 0, 0, 0, 0, 200, 200], 400);
    let known = counted(number(NOW, Score::Green, 2_000), begun);
    let expected = When::Within {
        from_ms: NOW + 3 * DAY,
        // At the average of seven days it never is.
        until_ms: None,
    };
    assert_eq!(forecast(&known, NOW).growth.when, expected);
    let nearly = reached([0, 0, 0, 300, 300, 250, 120], 950);
    let known = counted(number(NOW, Score::Green, 2_000), nearly);
    let When::Within { from_ms, until_ms } = forecast(&known, NOW).growth.when else {
        panic!("nearly there");
    };
    assert!(NOW < from_ms && from_ms < NOW + DAY);
    assert!(until_ms.is_some_and(|until_ms| until_ms > from_ms));
}

#[test]
fn without_numbers_nothing_is_foretold() {
    let known = number(NOW, Score::Green, 2_000);
    assert_eq!(forecast(&known, NOW).growth.when, When::NotEnoughData);
    let known = counted(known, reached([1; 7], 7));
    assert_eq!(forecast(&known, NOW).growth.when, When::NotEnoughData);
    let known = number(NOW, Score::Green, 250);
    assert_eq!(forecast(&known, NOW).growth.when, When::NotEnoughData);
    let verification = (Obstacle::Verification, Can::Unknown);
    assert_eq!(obstacles(&known, NOW), [verification]);
    let mut known = number(NOW, Score::Green, 2_000);
    let top = Told::Limit(MessagingLimit::Unlimited);
    known.state.tell(top, Origin::Webhook, NOW);
    assert_eq!(forecast(&known, NOW).growth.when, When::Top);
    assert_eq!(forecast(&known, NOW - DAY).growth.when, When::Unknown);
}

/// A portfolio at 250 whose numbers reach so many people a day, all of them new, and as many on each of so many days before.
fn first_step(a_day: u32, days: usize) -> Known {
    let week = reached([a_day; 7], a_day * 7);
    let mut known = counted(number(NOW, Score::Green, 250), week);
    let mut month = Month::default();
    for day in month.days.iter_mut().rev().take(days) {
        *day = a_day;
    }
    known.month = Some(month);
    known
}

/// 2,000 people within 30 days raise the first limit too (QL-21); verification does it as well, so that nothing is sure to
/// stand in the way.
#[test]
fn the_first_step_is_earned_by_people_of_thirty_days() {
    use Can::Unknown;
    let known = first_step(100, 10);
    let growth = forecast(&known, NOW).growth;
    assert_eq!(
        (growth.reached, growth.missing()),
        (Some(1_000), Some(1_000))
    );
    assert_eq!(
        growth.when,
        When::Within {
            from_ms: NOW + 10 * DAY,
            until_ms: Some(NOW + 10 * DAY),
        }
    );
    let open = [
        (Obstacle::Verification, Unknown),
        (Obstacle::TooFewPeople, Unknown),
    ];
    assert_eq!(obstacles(&known, NOW), open);
    // 66 a day never come to 2,000 within 30 days, 67 do.
    let slow = forecast(&first_step(66, 30), NOW).growth.when;
    assert_eq!(slow, When::NotAtThisPace { takes_a_day: 67 });
    let earned = forecast(&first_step(67, 30), NOW).growth;
    assert_eq!((earned.when, earned.missing()), (When::Earned, Some(0)));
    assert!(earned.in_the_way.is_empty());
    // Bad quality stands in the way of this step as well, and a limit of its own may.
    let mut known = first_step(67, 30);
    known.own_limit = Some(66);
    assert_eq!(obstacles(&known, NOW), [(Obstacle::OwnLimit, Unknown)]);
    // Where the rules are the number's, half of 250 within seven days is enough.
    let before = counted(number(OLD, Score::Green, 250), reached([20; 7], 140));
    assert_eq!(forecast(&before, OLD).growth.missing(), Some(0));
    assert!(looks_at_a_month(&known, NOW) && !looks_at_a_month(&before, OLD));
}

fn full(score: Score) -> Known {
    counted(number(NOW, score, 2_000), reached([300; 7], 2_000))
}

fn other(id: &str, score: Option<Score>) -> Other {
    Other {
        id: id.into(),
        rating: score.map(|score| (score, seen(NOW - HOUR, Origin::Read))),
    }
}

/// What stands in the way: what is sure, and what the documents leave open (N13).
#[test]
fn quality_over_all_numbers_and_templates() {
    use Can::{No, Unknown};
    assert_eq!(
        obstacles(&full(Score::Red), NOW),
        [(Obstacle::RatedLow, No)]
    );
    let medium = full(Score::Yellow);
    assert_eq!(obstacles(&medium, NOW), [(Obstacle::RatedMedium, Unknown)]);
    assert_eq!(forecast(&medium, NOW).growth.quality, Unknown);
    let none = full(Score::Unrated);
    assert_eq!(obstacles(&none, NOW), [(Obstacle::NotRated, Unknown)]);
    let mut known = full(Score::Green);
    known.others = vec![
        other("a", Some(Score::Green)),
        other("b", Some(Score::Red)),
        other("c", None),
    ];
    let template = |name: &str, score, stopped| Template {
        name: name.into(),
        score,
        stopped,
        sent_here: true,
        seen: seen(NOW - HOUR, Origin::Webhook),
    };
    known.templates = vec![
        template("spring", Score::Red, true),
        template("summer", Score::Yellow, false),
    ];
    assert_eq!(
        obstacles(&known, NOW),
        [
            (Obstacle::OtherRatedLow, No),
            (Obstacle::TemplateMedium, Unknown),
            (Obstacle::OtherNotRated, Unknown),
        ]
    );
    let growth = forecast(&known, NOW).growth;
    assert_eq!(growth.quality, No);
    assert_eq!(growth.in_the_way[0].of.as_deref(), Some("b"));
    // A rating that nobody has read for long says nothing now.
    let mut known = full(Score::Green);
    let later = NOW + 3 * DAY;
    known.state.as_of_ms = later;
    assert_eq!(obstacles(&known, later), [(Obstacle::RatingOld, Unknown)]);
    // Until October 2025 other numbers and templates did not matter.
    let mut known = counted(number(OLD, Score::Green, 1_000), reached([300; 7], 2_000));
    known.others = vec![other("b", Some(Score::Red))];
    assert_eq!(obstacles(&known, OLD), []);
}

#[test]
fn everything_else_that_stands_in_the_way() {
    let mut known = full(Score::Green);
    known.deferrals = vec![
        (Deferral::Deferred, NOW - 2 * DAY),
        (Deferral::NeedMoreInfo, NOW - DAY),
        (Deferral::Failed, NOW - 40 * DAY),
        (Deferral::Failed, NOW + DAY),
    ];
    let stands = obstacles(&known, NOW);
    assert_eq!(stands, [(Obstacle::MoreInfoWanted, Can::Unknown)]);
    let mut known = full(Score::Green);
    known.own_limit = Some(100);
    assert_eq!(obstacles(&known, NOW), [(Obstacle::OwnLimit, Can::No)]);
    let mut known = full(Score::Green);
    let restricted = Told::Restricted {
        kind: RestrictionKind::BusinessInitiated,
        named: "RESTRICTED_BIZ_INITIATED_MESSAGING".into(),
        until_ms: Some(NOW + 3 * DAY),
    };
    known.state.tell(restricted, Origin::Webhook, NOW - HOUR);
    let growth = forecast(&known, NOW).growth;
    assert_eq!(growth.in_the_way[0].what, Obstacle::Closed);
    assert_eq!(growth.in_the_way[0].until_ms, Some(NOW + 3 * DAY));
    // A limit that is used up is the way to a higher one and not an obstacle.
    let mut known = full(Score::Green);
    let used_up = Told::Reached {
        people: 2_000,
        frees_at_ms: Some(NOW + HOUR),
    };
    known.state.tell(used_up, Origin::Count, NOW);
    assert_eq!(obstacles(&known, NOW), []);
    assert_eq!(forecast(&known, NOW).present.used, Some(2_000));
    // Until October 2025 nothing was raised while a number was flagged; the limit was its own.
    let mut known = counted(number(OLD, Score::Red, 2_000), reached([300; 7], 2_000));
    known.number_limits = vec![LimitTold {
        limit: MessagingLimit::People(1_000),
        seen: seen(OLD, Origin::Webhook),
    }];
    let flag = Told::Status(NumberStatus::Flagged);
    known.state.tell(flag, Origin::Webhook, OLD);
    let growth = forecast(&known, OLD).growth;
    assert_eq!(growth.next, Next::Step(MessagingLimit::People(10_000)));
    assert_eq!(growth.in_the_way[0].what, Obstacle::Flagged);
}

/// When it comes, never being the latest.
fn order(when: When) -> (i64, i64) {
    match when {
        When::Within { from_ms, until_ms } => (from_ms, until_ms.unwrap_or(i64::MAX)),
        _ => (i64::MAX, i64::MAX),
    }
}

/// How many of all are different people: at least as many as on the best day.
fn together(days: [u32; 7], part: u32) -> u32 {
    let all: u32 = days.iter().sum();
    let most = days.iter().max().copied().unwrap_or(0);
    most + (all - most) * part / 1_000
}

proptest! {
    /// The span is that of somebody who walks hour by hour.
    #[test]
    fn the_span_is_that_of_the_slow_twin(
        days in prop::array::uniform7(0..700_u32),
        part in 0..=1_000_u32,
        limit in prop::sample::select(vec![250_u32, 1_000, 2_000, 10_000]),
        old in any::<bool>(),
    ) {
        let together = together(days, part);
        let at_ms = if old { OLD } else { NOW };
        let known = counted(number(at_ms, Score::Green, limit), reached(days, together));
        let growth = forecast(&known, at_ms).growth;
        if let Some(takes) = growth.takes.filter(|takes| takes.days == 7) {
            prop_assert_eq!(growth.when, twin::when(days, together, takes.people, old, at_ms));
        }
    }

    /// The same of the first step.
    #[test]
    fn the_first_step_is_that_of_the_slow_twin(
        days in prop::array::uniform7(0..250_u32),
        part in 0..=1_000_u32,
        month in prop::collection::vec(0..130_u32, 30),
    ) {
        let together = together(days, part);
        let mut known = counted(number(NOW, Score::Green, 250), reached(days, together));
        let month: [u32; 30] = month.try_into().unwrap();
        known.month = Some(Month { days: month });
        let when = forecast(&known, NOW).growth.when;
        prop_assert_eq!(when, twin::first_step(days, together, month, NOW));
    }

    /// Somebody more who was reached never puts a raise off.
    #[test]
    fn more_people_never_come_later(
        days in prop::array::uniform7(0..300_u32),
        part in 0..=1_000_u32,
        day in 0..7_usize,
        more in 1..50_u32,
    ) {
        let fewer = together(days, part);
        let when = |days, together| {
            let known = counted(number(NOW, Score::Green, 2_000), reached(days, together));
            order(forecast(&known, NOW).growth.when)
        };
        let mut larger = days;
        larger[day] += more;
        let (before, after) = (when(days, fewer), when(larger, fewer + more));
        prop_assert!(after.0 <= before.0 && after.1 <= before.1, "{:?} {:?}", before, after);
    }
}
