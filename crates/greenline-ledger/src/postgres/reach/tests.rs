//! Rows of several parts, in whatever order they are read.

use greenline_policy::reach::REACH_MS;

use super::{Logged, Reach};
use crate::state::reach::{Entry, latest_ms, useful_until_ms};
use crate::types::PersonId;

const HOUR: i64 = 60 * 60 * 1_000;

fn reach() -> Reach {
    Reach::of(&["900".into()])
}

fn row(part: i64, version: i64, entries: &[Entry]) -> Logged {
    Logged {
        place: 0,
        part,
        version,
        until_ms: useful_until_ms(latest_ms(entries, 0)),
        entries: entries.to_vec(),
    }
}

fn sent(seq: u64, at_ms: i64) -> Entry {
    let person = PersonId(seq);
    Entry::Sent { seq, person, at_ms }
}

fn count(reach: &mut Reach, now_ms: i64) -> u32 {
    reach.portfolios[0].counted.count(now_ms)
}

#[test]
fn what_became_of_a_message_counts_though_another_part_tells_of_the_message() {
    let mut reach = reach();
    let delivered = Entry::Delivered { seq: 1, at_ms: 9 };
    let failed = Entry::Failed { seq: 2 };
    let (into, from) = (PersonId(3), PersonId(4));
    let joined = Entry::Joined { into, from };
    reach.take(vec![
        row(1, 10, &[failed, joined]),
        row(1, 11, &[delivered]),
        row(2, 21, &[sent(1, 5), sent(2, 6)]),
        row(3, 31, &[sent(3, 7)]),
        row(3, 32, &[sent(4, 8)]),
    ]);
    assert_eq!(count(&mut reach, 9), 2);
    // Two who are known already turn out to be one, beside one more message to one of them.
    let joined = Entry::Joined {
        into: PersonId(1),
        from: into,
    };
    let again = Entry::Sent {
        seq: 5,
        person: into,
        at_ms: 8,
    };
    reach.take(vec![row(1, 12, &[joined]), row(2, 22, &[again])]);
    assert_eq!(count(&mut reach, 9), 1);
    assert_eq!(count(&mut reach, REACH_MS + 8), 1);
    let read = &reach.read[0].parts;
    assert_eq!(
        [1, 2, 3].map(|part| read.get(&part).copied()),
        [Some(12), Some(22), Some(32)]
    );
}

#[test]
fn what_is_long_over_in_one_part_does_not_take_the_newest_of_another_along() {
    let mut reach = reach();
    let mut rows = Vec::new();
    for n in 0..60_u64 {
        let at_ms = i64::try_from(n).unwrap() * HOUR;
        rows.push(row(1, at_ms, &[sent(2 * n, at_ms)]));
    }
    // A node that was slow to send, and quick to hear.
    for n in 0..60_u64 {
        let at_ms = i64::try_from(n).unwrap() * HOUR;
        let delivered = Entry::Delivered {
            seq: 2 * n,
            at_ms: at_ms + HOUR / 4,
        };
        rows.push(row(2, at_ms, &[sent(2 * n + 1, at_ms), delivered]));
    }
    reach.take(rows);
    assert_eq!(count(&mut reach, 59 * HOUR), 49);
    // Of the last day, those that arrived a quarter of an hour later count that much longer.
    assert_eq!(count(&mut reach, 60 * HOUR), 47);
}
