//! How people took what was sent: counted alike on every store, from what is recorded anyway.

use greenline_ledger::Ledger;
use greenline_ledger::reception::{Counting, MONTH_DAYS, SENDS_MAX};
use greenline_ledger::types::{Ask, Effect, Mode, NewEvent, Outcome};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::reception::{DAY_MS, PerPerson, Reception, Sent};
use smallvec::smallvec;

use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";
const P3: &str = "15551230003";
const P4: &str = "15551230004";
const P5: &str = "15551230005";
const P6: &str = "15551230006";
const HOUR: i64 = 60 * 60 * SECOND;
/// When it is asked.
const LATER: i64 = NOON + 3 * DAY_MS;

fn counting(at_ms: i64) -> Counting {
    Counting {
        business: ACME,
        days: 0,
        at_ms,
        sends_max: SENDS_MAX,
    }
}

async fn counted(ledger: &Ledger, number: Option<&str>) -> Reception {
    let counted = ledger.reception(counting(LATER)).await.unwrap();
    counted.of(number)
}

async fn settled(ledger: &Ledger, ask: Ask, outcome: Outcome) {
    let admitted = ledger.admit(ask).await.unwrap();
    assert!(admitted.flight.is_some(), "{:?}", admitted.decision);
    ledger.settle(admitted.id, outcome);
}

/// A message that the platform took and told these statuses of.
async fn took(ledger: &Ledger, ask: Ask, named: &str, statuses: &[(&str, Option<u32>)]) {
    let at_ms = ask.now_ms;
    let accepted = Outcome::Accepted {
        message_ids: smallvec![named.into()],
    };
    settled(ledger, ask, accepted).await;
    let told = statuses
        .iter()
        .zip(1..)
        .map(|((status, code), n)| Effect::Status {
            message_id: named.into(),
            status: (*status).into(),
            at_ms: at_ms + n * SECOND,
            code: *code,
        });
    ledger.learn(ACME, told.collect()).await.unwrap();
}

fn from_n2(ask: Ask) -> Ask {
    Ask {
        number: "n2".into(),
        ..ask
    }
}

fn offer_to(to: &str, now_ms: i64) -> Ask {
    template(to, "offer", now_ms)
}

/// Four who agreed, each in another way, and two who did not.
async fn people(ledger: &Ledger) {
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    let imported = NewEvent {
        strength: Strength::Imported,
        ..yes(&[P2], "marketing", NOON)
    };
    let yeses = [
        yes(&[P1], "marketing", NOON),
        imported,
        yes(&[P3], "marketing", NOON - 500 * DAY_MS),
        yes(&[P4], "marketing", NOON),
    ];
    for event in yeses {
        ledger.append(event).await.unwrap();
    }
}

/// What happened in three days.
async fn three_days(ledger: &Ledger) {
    people(ledger).await;
    let read = [("delivered", None), ("read", None)];
    took(ledger, offer_to(P1, NOON + 1), "m1", &read).await;
    let delivered = [("delivered", None)];
    took(ledger, offer_to(P2, NOON + 2), "m2", &delivered).await;
    took(ledger, offer_to(P3, NOON + 3), "m3", &delivered).await;
    let kept_back = Outcome::Rejected { code: 131_049 };
    settled(ledger, offer_to(P4, NOON + 4), kept_back).await;
    let observed = Ask {
        mode: Mode::Observe,
        ..offer_to(P5, NOON + 5)
    };
    let failed = [("sent", None), ("failed", Some(131_026))];
    took(ledger, observed, "m5", &failed).await;
    settled(ledger, offer_to(P3, NOON + 6), Outcome::NotSent).await;
    let answers = wrote(&[P3], "in.1", NOON + HOUR);
    ledger.learn(ACME, vec![answers]).await.unwrap();
    took(ledger, text(P3, NOON + 2 * HOUR), "m6", &[]).await;

    let next = NOON + DAY_MS + SECOND;
    took(ledger, offer_to(P1, next), "m7", &[]).await;
    let switched = event(&[P1], EventKind::NativeStopped, "marketing", next + HOUR);
    ledger.append(switched).await.unwrap();
    for n in 0..2 {
        // Said twice, and counted once.
        let word = NewEvent {
            in_thread: true,
            ..no(&[P2], "marketing", next + 2 * HOUR + n * SECOND)
        };
        ledger.append(word).await.unwrap();
    }
    let elsewhere = from_n2(offer_to(P4, next + DAY_MS));
    took(ledger, elsewhere, "m8", &delivered).await;
    let by_page = [P4, P6].map(|who| no(&[who], "marketing", next + DAY_MS + HOUR));
    for event in by_page {
        ledger.append(event).await.unwrap();
    }
    ledger.learn(ACME, vec![]).await.unwrap();
}

fn sums(tables: &[Sent]) -> Sent {
    Sent::sum(tables)
}

pub(crate) async fn what_was_sent_is_counted_with_what_became_of_it(place: Place) {
    let ledger = place.open().await;
    let before = ledger.reception(counting(NOON)).await.unwrap();
    assert_eq!(before.whole, Reception::empty(NOON));
    assert_eq!((before.numbers.len(), before.arrived), (0, [0; MONTH_DAYS]));
    three_days(&ledger).await;
    let ledger = place.reopen(ledger).await;
    let found = counted(&ledger, Some("n1")).await;
    let expected = Sent {
        sent: 6,
        accepted: 4,
        delivered: 3,
        read: 1,
        answered: 1,
        failed: 2,
        over_cap: 1,
        opted_out: 0,
        unreachable: 1,
        judged: 3,
        silent: 1,
        native_stops: 1,
        stop_words: 1,
        other_stops: 0,
    };
    assert_eq!(found.total, expected);
    let elsewhere = Sent {
        sent: 1,
        accepted: 1,
        delivered: 1,
        other_stops: 1,
        ..Sent::default()
    };
    assert_eq!(found.elsewhere, elsewhere);
    assert_eq!((found.answers, found.unattributed), (1, 1));
    assert_eq!((found.from_ms, found.one_in), (LATER - 7 * DAY_MS, 1));
    let sent = |tables: &[Sent]| tables.iter().map(|table| table.sent).collect::<Vec<_>>();
    assert_eq!(sent(&found.by_basis), [3, 1, 0, 1, 0, 1]);
    assert_eq!(found.weak().sent, 3);
    assert_eq!(found.by_basis[3].stop_words, 1);
    assert_eq!(sent(&found.by_turn), [5, 1, 0, 0, 0]);
    assert_eq!(sent(&found.by_category), [6, 0, 0]);
    let days: Vec<_> = found
        .days
        .iter()
        .map(|day| (day.sent.sent, day.people))
        .collect();
    assert_eq!(
        days,
        [(0, 0), (0, 0), (0, 0), (0, 0), (5, 3), (1, 1), (0, 0)]
    );
    assert_eq!(found.days[5].people_outside, 1);
    let per_person = PerPerson {
        people: 3,
        people_outside: 3,
        median: 1,
        p95: 2,
        most: 2,
    };
    assert_eq!(found.per_person, per_person);
    assert_eq!(found.templates.len(), 1);
    assert_eq!(&*found.templates[0].name, "offer");
    // Each table adds up to the whole.
    let days: Vec<Sent> = found.days.iter().map(|day| day.sent).collect();
    let templates: Vec<Sent> = found.templates.iter().map(|one| one.sent).collect();
    for table in [
        &found.by_basis[..],
        &found.by_category,
        &found.by_turn,
        &days,
        &templates,
    ] {
        assert_eq!(sums(table), found.total);
    }
}

pub(crate) async fn a_business_is_the_sum_of_its_numbers_and_days_pass(place: Place) {
    let ledger = place.open().await;
    three_days(&ledger).await;
    let whole = counted(&ledger, None).await;
    let (one, other) = (
        counted(&ledger, Some("n1")).await,
        counted(&ledger, Some("n2")).await,
    );
    assert_eq!(whole.total, sums(&[one.total, other.total]));
    assert_eq!(other.elsewhere, one.total);
    assert_eq!(whole.elsewhere, Sent::default());
    assert_eq!(whole.per_person.people, 4);
    let of_nobody = counted(&ledger, Some("n3")).await;
    assert_eq!((of_nobody.total, of_nobody.answers), (Sent::default(), 0));
    // The first day is counted up to the millisecond at which it is seven days ago.
    let week = NOON + 7 * DAY_MS;
    for (at_ms, sent) in [(week, 6), (week + 1, 5), (week + 5, 1)] {
        let later = ledger.reception(counting(at_ms)).await.unwrap();
        assert_eq!(later.of(Some("n1")).total.sent, sent, "{at_ms}");
    }
    // Somebody else's business.
    let bond = Counting {
        business: BOND,
        ..counting(LATER)
    };
    let bond = ledger.reception(bond).await.unwrap();
    assert_eq!(bond.of(None), Reception::empty(LATER));
    assert_eq!(bond.of(Some("n1")), Reception::empty(LATER));
}

pub(crate) async fn people_of_thirty_days_are_those_to_whom_something_arrived(place: Place) {
    let ledger = place.open().await;
    three_days(&ledger).await;
    // One number reached three people, the other a fourth; what failed and what only answered counts nowhere.
    let arrived = async |days, at_ms| {
        let asked = Counting {
            days,
            ..counting(at_ms)
        };
        let found = ledger.reception(asked).await.unwrap();
        let people: u64 = found.arrived.iter().sum();
        (people, found.arrived_from_ms, found.whole.total.sent)
    };
    assert_eq!(arrived(7, LATER).await, (4, LATER - 7 * DAY_MS, 7));
    let by_day = ledger.reception(counting(LATER)).await.unwrap().arrived;
    assert_eq!((by_day[29], by_day[27]), (1, 3));
    // After so many days only the longer count finds them, to the millisecond; nothing else is counted of them.
    for (at_ms, people) in [
        (NOON + 30 * DAY_MS, 4),
        (NOON + 30 * DAY_MS + 2, 2),
        (NOON + 30 * DAY_MS + 3, 1),
        (NOON + 33 * DAY_MS, 0),
    ] {
        let from_ms = at_ms - 30 * DAY_MS;
        assert_eq!(arrived(MONTH_DAYS, at_ms).await, (people, from_ms, 0));
        assert_eq!(arrived(MONTH_DAYS + 1, at_ms).await.1, from_ms);
        assert_eq!(arrived(7, at_ms).await.0, 0);
    }
}

pub(crate) async fn of_many_one_person_in_so_many_is_looked_at(place: Place) {
    let ledger = place.open().await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    let people: Vec<String> = (0..64).map(|n| format!("155512310{n:02}")).collect();
    let yeses = people.iter().map(|one| yes(&[one], "marketing", NOON));
    ledger.append_all(yeses.collect()).await.unwrap();
    for (one, n) in people.iter().zip(1..) {
        let named = format!("m{n}");
        took(&ledger, offer_to(one, NOON + n), &named, &[("read", None)]).await;
    }
    let few = Counting {
        sends_max: 16,
        ..counting(LATER)
    };
    let found = ledger.reception(few).await.unwrap().of(Some("n1"));
    assert_eq!(found.one_in, 16);
    let mut looked_at = 0;
    for one in &people {
        let person = ledger.person(ACME, &id(one)).await.unwrap().unwrap();
        looked_at += u64::from(person.id.shard().0 & 15 == 0);
    }
    assert_eq!(found.total.sent, looked_at);
    assert_eq!(
        (found.total.read, found.per_person.people),
        (looked_at, looked_at)
    );
    assert_eq!(counted(&ledger, Some("n1")).await.total.sent, 64);
}
