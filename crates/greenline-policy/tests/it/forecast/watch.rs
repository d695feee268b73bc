//! Flags: when a number falls, to what, what lifts it, and that it is over.

use greenline_policy::forecast::{Known, LimitTold, Watch, forecast};
use greenline_policy::health::state::{Origin, Told};
use greenline_policy::number::NumberStatus;
use greenline_policy::quality::Score;
use greenline_policy::reach::MessagingLimit;

use super::{CHANGE, DAY, HOUR, NOW, OLD, number, people, seen};

fn flagged(at_ms: i64, origin: Origin, now_ms: i64) -> Known {
    let mut known = number(at_ms, Score::Red, 10_000);
    let flag = Told::Status(NumberStatus::Flagged);
    known.state.tell(flag, origin, at_ms);
    known.state.as_of_ms = now_ms;
    known
}

fn watched(known: &Known, at_ms: i64) -> Watch {
    forecast(known, at_ms).watch
}

#[test]
fn a_flag_lasts_seven_days_and_costs_a_step() {
    let mut known = flagged(OLD, Origin::Webhook, OLD + 2 * DAY);
    let watch = watched(&known, OLD + 2 * DAY);
    assert_eq!(
        watch,
        Watch::Flagged {
            since: seen(OLD, Origin::Webhook),
            ends_ms: OLD + 7 * DAY,
            exact: true,
            to: Some(MessagingLimit::People(1_000)),
            lapses: false,
            over: false,
            better: None,
        }
    );
    assert!(watch.words().say.contains("falls one step"));
    assert!(!watch.words().remedy.is_empty());
    // Asked about a day after its end: what came of it was not told.
    assert_eq!(watched(&known, OLD + 8 * DAY).as_str(), "over");
    // A better rating since is to lift it.
    let better = Told::Rating(Score::Yellow);
    known.state.tell(better, Origin::Read, OLD + DAY);
    let watch = watched(&known, OLD + 2 * DAY);
    assert!(matches!(
        watch,
        Watch::Flagged {
            better: Some(_),
            ..
        }
    ));
    // And once it is lifted it is not there any more.
    let connected = Told::Status(NumberStatus::Connected);
    known.state.tell(connected, Origin::Webhook, OLD + 2 * DAY);
    assert_eq!(watched(&known, OLD + 2 * DAY), Watch::Calm);
}

/// A number that lost a step and is flagged anew is watched for seven days from then on.
#[test]
fn a_step_down_ends_a_watch_and_another_flag_begins_one() {
    let fell = OLD + 7 * DAY;
    let mut known = flagged(OLD, Origin::Webhook, fell + DAY);
    for (at_ms, limit) in [(OLD, 10_000), (fell, 1_000)] {
        known.number_limits.push(LimitTold {
            limit: MessagingLimit::People(limit),
            seen: seen(at_ms, Origin::Webhook),
        });
    }
    assert_eq!(watched(&known, fell - DAY).as_str(), "flagged");
    let flag = Told::Status(NumberStatus::Flagged);
    known.state.tell(flag, Origin::Webhook, fell);
    let Watch::Flagged { ends_ms, to, .. } = watched(&known, fell + DAY) else {
        panic!("it is flagged anew");
    };
    assert_eq!(ends_ms, fell + 7 * DAY);
    assert_eq!(to, Some(MessagingLimit::People(250)));
}

/// A flag that was only read may have begun before; one that is read again and again goes on from the first time.
#[test]
fn a_flag_that_was_read_began_at_some_time_before() {
    let mut known = flagged(OLD, Origin::Read, OLD + 3 * DAY);
    let flag = Told::Status(NumberStatus::Flagged);
    known.state.tell(flag, Origin::Read, OLD + 3 * DAY);
    let Watch::Flagged { ends_ms, exact, .. } = watched(&known, OLD + 3 * DAY) else {
        panic!("it is flagged");
    };
    assert_eq!((ends_ms, exact), (OLD + 7 * DAY, false));
}

/// The rules changed on 7 October 2025: an open watch lapses without a step (N12), and a flag means nothing since.
#[test]
fn a_watch_that_is_open_at_the_change_lapses() {
    let begun = CHANGE - 3 * DAY;
    let known = flagged(begun, Origin::Webhook, begun + HOUR);
    let watch = watched(&known, begun + HOUR);
    assert_eq!(watch.as_str(), "lapses");
    assert!(watch.words().say.contains("does not fall"));
    assert_eq!(watched(&known, CHANGE).as_str(), "gone");
    for (begun, said) in [
        (CHANGE - 7 * DAY, "lapses"),
        (CHANGE - 7 * DAY - 1, "flagged"),
    ] {
        let known = flagged(begun, Origin::Webhook, CHANGE - DAY);
        assert_eq!(watched(&known, CHANGE - DAY).as_str(), said);
    }
    // Read today, it is a word that is left over.
    let watch = watched(&flagged(NOW - DAY, Origin::Read, NOW), NOW);
    assert!(matches!(watch, Watch::Gone { flagged: Some(_) }));
    assert!(watch.words().say.contains("ended on 7 October 2025"));
}

#[test]
fn a_low_rating_leads_to_a_flag() {
    assert_eq!(
        watched(&number(OLD, Score::Red, 1_000), OLD).as_str(),
        "due"
    );
    for score in [Score::Yellow, Score::Green, Score::Unrated] {
        assert_eq!(watched(&number(OLD, score, 1_000), OLD), Watch::Calm);
    }
    // The lowest limit has none below it.
    let mut known = flagged(OLD, Origin::Webhook, OLD);
    known.state.tell(people(250), Origin::Webhook, OLD);
    let watch = watched(&known, OLD);
    assert!(matches!(watch, Watch::Flagged { to: None, .. }));
}
