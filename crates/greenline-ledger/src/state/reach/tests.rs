//! The count against a list of everything that went, looked through each time.

use greenline_policy::reach::REACH_MS;
use proptest::prelude::*;

use super::{Counted, Entry, Undo, decode, encode};
use crate::types::PersonId;

/// A send as the list keeps it.
#[derive(Clone, Debug)]
struct Sent {
    seq: u64,
    people: Vec<u64>,
    at_ms: i64,
    refused: bool,
    failed: bool,
    delivered_ms: Option<i64>,
}

#[derive(Clone, Debug, Default)]
struct List(Vec<Sent>);

impl List {
    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Sent { seq, person, at_ms } => {
                match self.0.iter_mut().find(|sent| sent.seq == seq) {
                    Some(sent) => sent.people.push(person.0),
                    None => self.0.push(Sent {
                        seq,
                        people: vec![person.0],
                        at_ms,
                        refused: false,
                        failed: false,
                        delivered_ms: None,
                    }),
                }
            }
            Entry::Refused { seq } => self.of(seq, |sent| sent.refused = true),
            Entry::Gone { seq } => self.of(seq, |sent| sent.refused = false),
            Entry::Failed { seq } => self.of(seq, |sent| sent.failed = true),
            Entry::Delivered { seq, at_ms } => self.of(seq, |sent| {
                sent.delivered_ms = sent.delivered_ms.max(Some(at_ms));
            }),
            Entry::Joined { into, from } => {
                for person in self.0.iter_mut().flat_map(|sent| &mut sent.people) {
                    if *person == from.0 {
                        *person = into.0;
                    }
                }
            }
            Entry::Named { .. } | Entry::StrayDelivered { .. } | Entry::StrayFailed { .. } => {}
        }
    }

    fn of(&mut self, seq: u64, change: impl Fn(&mut Sent)) {
        self.0
            .iter_mut()
            .filter(|sent| sent.seq == seq)
            .for_each(change);
    }

    /// When each person was last reached.
    fn last(&self, person: u64) -> Option<i64> {
        let theirs = self.0.iter().filter(|sent| sent.people.contains(&person));
        let moments = theirs.filter_map(|sent| {
            let went = (!sent.refused && !sent.failed).then_some(sent.at_ms);
            went.max(sent.delivered_ms)
        });
        moments.max()
    }

    /// Those who count, by when they no longer do.
    fn frees(&self, now_ms: i64) -> Vec<i64> {
        let mut people: Vec<u64> = self.0.iter().flat_map(|sent| sent.people.clone()).collect();
        people.sort_unstable();
        people.dedup();
        let last = people.into_iter().filter_map(|person| self.last(person));
        let mut frees: Vec<i64> = last
            .map(|last_ms| last_ms + REACH_MS)
            .filter(|until_ms| now_ms < *until_ms)
            .collect();
        frees.sort_unstable();
        frees
    }
}

/// Moments that meet: a few around the start, and a few a day later.
fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![0_i64..4, (0_i64..4).prop_map(|ms| REACH_MS + ms - 2)]
}

fn entry() -> impl Strategy<Value = Entry> {
    let seq = || 1_u64..12;
    let person = || (1_u64..6).prop_map(PersonId);
    prop_oneof![
        8 => (seq(), person(), moment()).prop_map(|(seq, person, at_ms)| Entry::Sent { seq, person, at_ms }),
        2 => seq().prop_map(|seq| Entry::Refused { seq }),
        1 => seq().prop_map(|seq| Entry::Gone { seq }),
        2 => seq().prop_map(|seq| Entry::Failed { seq }),
        3 => (seq(), moment()).prop_map(|(seq, at_ms)| Entry::Delivered { seq, at_ms }),
        1 => (person(), person()).prop_map(|(into, from)| Entry::Joined { into, from }),
    ]
}

/// A send has one moment, and goes to each of its people once.
fn in_order(entries: Vec<Entry>) -> Vec<Entry> {
    let mut moments = std::collections::HashMap::new();
    let mut joined: Vec<PersonId> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    entries
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Sent { seq, person, at_ms } => {
                let at_ms = *moments.entry(seq).or_insert(at_ms);
                let is_new = seen.insert((seq, person)) && !joined.contains(&person);
                is_new.then_some(Entry::Sent { seq, person, at_ms })
            }
            Entry::Joined { into, from } => {
                let stays = into != from && !joined.contains(&into);
                joined.extend(stays.then_some(from));
                stays.then_some(entry)
            }
            other => Some(other),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_count_is_that_of_the_list_at_every_millisecond(
        entries in prop::collection::vec(entry(), 1..30).prop_map(in_order),
        moments in prop::collection::vec(prop_oneof![moment(), moment().prop_map(|ms| ms + REACH_MS)], 1..12),
        cut in 0_usize..30,
    ) {
        let (mut counted, mut list) = (Counted::default(), List::default());
        let look = |counted: &mut Counted, list: &List, now_ms: i64| {
            let frees = list.frees(now_ms);
            prop_assert_eq!(counted.count(now_ms) as usize, frees.len());
            for (at, until_ms) in frees.iter().enumerate() {
                prop_assert_eq!(counted.frees_at_ms(now_ms, at as u32 + 1), Some(*until_ms));
            }
            prop_assert_eq!(counted.frees_at_ms(now_ms, frees.len() as u32 + 1), None);
            Ok(())
        };
        // What a batch that failed did is taken back.
        let cut = cut.min(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            if at == cut {
                let mut undo: Vec<Undo> = Vec::new();
                for entry in &entries[cut..] {
                    counted.apply(*entry, &mut |one| undo.push(one));
                }
                while let Some(one) = undo.pop() {
                    counted.undo(one);
                }
                for now_ms in &moments {
                    look(&mut counted, &list, *now_ms)?;
                }
            }
            counted.apply(*entry, &mut |_| {});
            list.take(*entry);
            look(&mut counted, &list, moments[at % moments.len()])?;
        }
        for now_ms in &moments {
            look(&mut counted, &list, *now_ms)?;
        }
        // What a log gives back comes to the same, also where part of it is read twice.
        let mut again = Counted::default();
        for entry in decode(&encode(&entries)).unwrap() {
            again.apply(entry, &mut |_| {});
        }
        for now_ms in &moments {
            look(&mut again, &list, *now_ms)?;
        }
    }
}

#[test]
fn what_came_of_a_message_before_its_answer_counts_once_it_is_named() {
    let (seq, hash, person) = (7, -3, PersonId(1));
    let mut counted = Counted::default();
    let mut take = |entry| counted.apply(entry, &mut |_| {});
    take(Entry::Sent {
        seq,
        person,
        at_ms: 0,
    });
    take(Entry::StrayFailed { hash, at_ms: 1 });
    assert_eq!(counted.count(2), 1);
    counted.apply(Entry::Named { seq, hash }, &mut |_| {});
    assert_eq!(counted.count(2), 0);
    let hash = 5;
    counted.apply(Entry::StrayDelivered { hash, at_ms: 9 }, &mut |_| {});
    counted.apply(Entry::Named { seq, hash }, &mut |_| {});
    assert_eq!(counted.count(2), 1);
    assert_eq!(counted.frees_at_ms(2, 1), Some(9 + REACH_MS));
    // Or the other way round, as of two nodes.
    counted.apply(Entry::StrayDelivered { hash, at_ms: 11 }, &mut |_| {});
    assert_eq!(counted.frees_at_ms(2, 1), Some(11 + REACH_MS));
}

#[test]
fn what_is_long_over_is_forgotten() {
    let mut counted = Counted::default();
    let day = |day: i64| day * REACH_MS;
    for seq in 0..1_000_u64 {
        let at_ms = day(i64::try_from(seq).unwrap() / 100) * 2;
        let person = PersonId(seq + 1);
        counted.apply(Entry::Sent { seq, person, at_ms }, &mut |_| {});
        assert!(counted.sends.len() <= 400, "{seq}");
        assert_eq!(counted.sends.len(), counted.people.len());
        assert_eq!(counted.queue.len(), counted.people.len());
        assert_eq!(counted.count(at_ms) as u64, seq % 100 + 1);
    }
}

#[test]
fn a_log_that_does_not_read_is_said() {
    assert!(decode(&[1; 24]).is_err());
    assert!(decode(&[99; 25]).is_err());
    assert_eq!(decode(&[]).unwrap(), []);
}

#[test]
fn a_late_delivery_counts_though_what_told_of_its_send_is_gone() {
    let (seq, person) = (7, PersonId(1));
    let mut counted = Counted::default();
    let at_ms = 0;
    counted.apply(Entry::Sent { seq, person, at_ms }, &mut |_| {});
    let late_ms = REACH_MS / 2;
    let mut row = counted.sent_long_before(seq, late_ms).to_vec();
    row.push(Entry::Delivered {
        seq,
        at_ms: late_ms,
    });
    let mut again = Counted::default();
    for entry in decode(&encode(&row)).unwrap() {
        again.apply(entry, &mut |_| {});
        counted.apply(entry, &mut |_| {});
    }
    for counted in [&mut again, &mut counted] {
        let frees = counted.frees_at_ms(REACH_MS + 1, 1);
        assert_eq!(frees, Some(late_ms + REACH_MS));
    }
    assert!(counted.sent_long_before(seq, 1).is_empty());
}

#[test]
fn whoever_has_to_go_first_is_found_wherever_it_was_asked_last() {
    let mut counted = Counted::default();
    let mut frees = Vec::new();
    for n in 0..500_u64 {
        // In an order of its own.
        let at_ms = i64::try_from(n * 7_919 % 500).unwrap();
        let (seq, person) = (n, PersonId(n + 1));
        counted.apply(Entry::Sent { seq, person, at_ms }, &mut |_| {});
        if n % 3 == 0 {
            counted.apply(Entry::Failed { seq }, &mut |_| {});
        } else {
            frees.push(at_ms + REACH_MS);
        }
        if n % 5 == 4 {
            frees.sort_unstable();
            for place in [
                0,
                1,
                2,
                3,
                frees.len() / 2,
                frees.len() - 1,
                frees.len() / 3,
            ] {
                let people = u32::try_from(place + 1).unwrap();
                assert_eq!(
                    counted.frees_at_ms(600, people),
                    frees.get(place).copied(),
                    "{n} {place}"
                );
            }
        }
    }
}
