//! Notices: what is told to whom, together with the change and never without it.

use greenline_ledger::Ledger;
use greenline_ledger::import::{ImportPiece, ImportRow};
use greenline_ledger::notice::{Cause, Changed, Notice};
use greenline_ledger::prune::BATCH_MAX;
use greenline_ledger::subscription::{Replay, Subscription, Takes};
use greenline_ledger::types::{Lane, NewEvent, Relay, RelayDone, RelayResult};
use greenline_policy::consent::{EventKind, Standing, Strength};

use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";
const U1: &str = "US.aaa111";
const LATER: i64 = NOON + 3_600 * SECOND;
const ALL: Takes = Takes {
    active: true,
    consents: true,
    imports: true,
};

fn subscription(id: &str, takes: Takes) -> Subscription {
    Subscription {
        business: ACME,
        id: id.into(),
        version: 0,
        takes,
        body: "{}".into(),
    }
}

async fn subscribe(ledger: &Ledger, id: &str, takes: Takes) {
    let written = ledger.put_subscription(subscription(id, takes)).await;
    assert!(written.unwrap());
}

async fn due(ledger: &Ledger, lane: Lane) -> Vec<Relay> {
    ledger.relay_due(LATER, lane, 100).await.unwrap()
}

async fn taken(ledger: &Ledger, relays: &[Relay]) {
    let done = relays.iter().map(|relay| RelayDone {
        inbox_seq: relay.inbox_seq,
        app: relay.app.clone(),
        business: relay.business,
        result: RelayResult::Delivered,
    });
    ledger.relay_done(done.collect()).await.unwrap();
}

fn changed(relay: &Relay) -> Changed {
    match Notice::decode(&relay.body).unwrap() {
        Notice::Consent(changed) => *changed,
        other => panic!("{other:?}"),
    }
}

fn imported(person: &[&str], at_ms: i64) -> NewEvent {
    NewEvent {
        strength: Strength::Imported,
        ..yes(person, "marketing", at_ms)
    }
}

pub(crate) async fn an_event_is_told_to_each_subscription_that_takes_it(place: Place) {
    let ledger = place.open().await;
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    assert!(due(&ledger, Lane::Event).await.is_empty());
    subscribe(&ledger, "sub_all", ALL).await;
    let no_imports = Takes {
        imports: false,
        ..ALL
    };
    subscribe(&ledger, "sub_live", no_imports).await;
    let paused = Takes {
        active: false,
        ..ALL
    };
    subscribe(&ledger, "sub_paused", paused).await;
    let avenues = Takes {
        consents: false,
        ..ALL
    };
    subscribe(&ledger, "sub_avenues", avenues).await;

    let stop = no(&[P1], "marketing", NOON + SECOND);
    let keyed = NewEvent {
        dedup: Some("one".into()),
        ..stop
    };
    let first = ledger.append(keyed.clone()).await.unwrap();
    assert!(ledger.append(keyed).await.unwrap().repeated);
    ledger
        .append(imported(&[P2], NOON + 2 * SECOND))
        .await
        .unwrap();

    let ledger = place.reopen(ledger).await;
    let live = due(&ledger, Lane::Event).await;
    let names: Vec<&str> = live.iter().map(|relay| &*relay.app).collect();
    assert_eq!(names, ["sub_all", "sub_live"]);
    let told = changed(&live[0]);
    assert_eq!(told.identifiers, [id(P1)]);
    assert_eq!(
        (told.cause, told.event),
        (Cause::Event(EventKind::Withdrawn), first.id)
    );
    assert_eq!((&*told.method, told.at_ms), ("website_form", NOON + SECOND));
    assert_eq!(told.head, first.head);
    let person = ledger.person(ACME, &id(P1)).await.unwrap().unwrap();
    assert_eq!(told.people, [person.id]);
    let bulk = due(&ledger, Lane::Bulk).await;
    let names: Vec<&str> = bulk.iter().map(|relay| &*relay.app).collect();
    assert_eq!(names, ["sub_all"]);
    assert_eq!(changed(&bulk[0]).strength, Strength::Imported);

    // Another business has subscriptions of its own.
    assert!(ledger.subscriptions(BOND).await.unwrap().is_empty());
    taken(&ledger, &live).await;
    assert!(due(&ledger, Lane::Event).await.is_empty());
    assert_clean(&ledger).await;
}

pub(crate) async fn what_changes_without_an_event_is_told_too(place: Place) {
    let ledger = place.open().await;
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    ledger
        .append(no(&[U1], "marketing", NOON + SECOND))
        .await
        .unwrap();
    subscribe(&ledger, "sub_all", ALL).await;
    // Nothing new: nobody is told.
    let again = vec![known(&[P1], NOON + 2 * SECOND)];
    ledger.learn(ACME, again).await.unwrap();
    assert!(due(&ledger, Lane::Event).await.is_empty());

    let one = vec![known(&[P1, U1], NOON + 3 * SECOND)];
    ledger.learn(ACME, one).await.unwrap();
    let relays = due(&ledger, Lane::Event).await;
    assert_eq!(relays.len(), 1);
    let told = changed(&relays[0]);
    assert_eq!((told.cause, told.scope), (Cause::Linked, None));
    assert_eq!(told.identifiers, [id(P1), id(U1)]);
    assert_eq!(told.people.len(), 2);
    let refused = told.head.standing(&scope("marketing"));
    assert!(matches!(refused, Standing::Refused { .. }), "{refused:?}");
    taken(&ledger, &relays).await;

    ledger
        .append(yes(&[P2], "utility", NOON + 4 * SECOND))
        .await
        .unwrap();
    taken(&ledger, &due(&ledger, Lane::Event).await).await;
    let away = vec![moved(P2, "15551230003", NOON + 5 * SECOND)];
    ledger.learn(ACME, away).await.unwrap();
    let relays = due(&ledger, Lane::Event).await;
    let told: Vec<Changed> = relays.iter().map(changed).collect();
    assert!(told.iter().all(|told| told.cause == Cause::Moved));
    let about: Vec<_> = told.iter().map(|told| told.identifiers.clone()).collect();
    assert_eq!(about, [vec![id(P2)], vec![id("15551230003")]]);
    for told in &told {
        let standing = told.head.standing(&scope("utility"));
        assert!(
            matches!(standing, Standing::Unconfirmed { .. }),
            "{standing:?}"
        );
    }
}

pub(crate) async fn a_subscription_is_written_only_over_the_version_that_was_read(place: Place) {
    let ledger = place.open().await;
    subscribe(&ledger, "sub_a", ALL).await;
    let twice = ledger.put_subscription(subscription("sub_a", ALL)).await;
    assert!(!twice.unwrap());
    let mut read = ledger.subscriptions(ACME).await.unwrap();
    assert_eq!(read.len(), 1);
    let mut read = read.remove(0);
    assert_eq!((read.version, &*read.body), (1, "{}"));
    read.body = r#"{"url":"x"}"#.into();
    read.takes.active = false;
    assert!(ledger.put_subscription(read.clone()).await.unwrap());
    assert!(!ledger.put_subscription(read.clone()).await.unwrap());
    let ledger = place.reopen(ledger).await;
    let kept = ledger.subscriptions(ACME).await.unwrap();
    read.version = 2;
    assert_eq!(kept, [read]);
    assert!(ledger.remove_subscription(ACME, "sub_a").await.unwrap());
    assert!(!ledger.remove_subscription(ACME, "sub_a").await.unwrap());
    assert!(ledger.subscriptions(ACME).await.unwrap().is_empty());
}

pub(crate) async fn what_waits_for_a_subscription_is_counted(place: Place) {
    let ledger = place.open().await;
    subscribe(&ledger, "sub_a", ALL).await;
    subscribe(&ledger, "sub_b", ALL).await;
    let waiting = async |ledger: &Ledger, id: &str| ledger.notices_waiting(ACME, id).await.unwrap();
    assert_eq!(waiting(&ledger, "sub_a").await, 0);
    for second in 1..=3 {
        let event = yes(&[P1], "marketing", NOON + second * SECOND);
        ledger.append(event).await.unwrap();
    }
    ledger.append(imported(&[P2], NOON)).await.unwrap();
    assert_eq!(waiting(&ledger, "sub_a").await, 4);
    // One is taken, one is parked because nothing goes there now: what is parked waits too.
    let relays = due(&ledger, Lane::Event).await;
    let of_a = relays.iter().filter(|relay| &*relay.app == "sub_a");
    let done = of_a.take(2).enumerate().map(|(at, relay)| RelayDone {
        inbox_seq: relay.inbox_seq,
        app: relay.app.clone(),
        business: relay.business,
        result: [RelayResult::Delivered, RelayResult::Parked][at],
    });
    ledger.relay_done(done.collect()).await.unwrap();
    let ledger = place.reopen(ledger).await;
    assert_eq!(waiting(&ledger, "sub_a").await, 3);
    assert_eq!(waiting(&ledger, "sub_b").await, 4);
    assert_eq!(waiting(&ledger, "sub_none").await, 0);
    assert_eq!(ledger.notices_waiting(BOND, "sub_a").await.unwrap(), 0);
}

pub(crate) async fn notices_are_replayed_from_a_moment_a_page_at_a_time(place: Place) {
    let ledger = place.open().await;
    let paused = Takes {
        active: false,
        ..ALL
    };
    subscribe(&ledger, "sub_a", paused).await;
    for second in 1..=5 {
        let event = yes(&[P1], "marketing", NOON + second * SECOND);
        ledger.append(event).await.unwrap();
    }
    assert!(due(&ledger, Lane::Event).await.is_empty());
    let mut after = (NOON + 2 * SECOND, i64::MIN);
    let mut notices = 0;
    loop {
        let step = Replay {
            business: ACME,
            subscription: "sub_a".into(),
            imports: true,
            after,
            limit: 2,
            now_ms: LATER,
        };
        let done = ledger.replay_notices(step).await.unwrap();
        notices += done.notices;
        match done.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(notices, 4);
    let relays = due(&ledger, Lane::Event).await;
    let times: Vec<i64> = relays.iter().map(|relay| changed(relay).at_ms).collect();
    assert_eq!(times, [2, 3, 4, 5].map(|second| NOON + second * SECOND));
    // What waits already does not wait twice.
    let again = Replay {
        business: ACME,
        subscription: "sub_a".into(),
        imports: true,
        after: (0, 0),
        limit: 100,
        now_ms: LATER,
    };
    let done = ledger.replay_notices(again).await.unwrap();
    assert_eq!((done.notices, done.next), (1, None));
}

pub(crate) async fn a_replay_leaves_out_imports_for_who_does_not_take_them(place: Place) {
    let ledger = place.open().await;
    let live = Takes {
        active: false,
        imports: false,
        ..ALL
    };
    subscribe(&ledger, "sub_live", live).await;
    ledger.append(imported(&[P2], NOON)).await.unwrap();
    let event = yes(&[P1], "marketing", NOON + SECOND);
    ledger.append(event).await.unwrap();
    let step = Replay {
        business: ACME,
        subscription: "sub_live".into(),
        imports: false,
        after: (0, 0),
        limit: 1,
        now_ms: LATER,
    };
    let first = ledger.replay_notices(step.clone()).await.unwrap();
    assert_eq!(first.notices, 0);
    let next = Replay {
        after: first
            .next
            .expect("the import was passed over, and more may come"),
        ..step
    };
    assert_eq!(ledger.replay_notices(next).await.unwrap().notices, 1);
    let told = due(&ledger, Lane::Event).await;
    assert_eq!(changed(&told[0]).identifiers, [id(P1)]);
    assert!(due(&ledger, Lane::Bulk).await.is_empty());
}

pub(crate) async fn what_is_imported_is_told_when_it_is_recorded(place: Place) {
    let ledger = place.open().await;
    subscribe(&ledger, "sub_all", ALL).await;
    let row = ImportRow {
        event: imported(&[P1], NOON),
        dated: true,
    };
    let piece = ImportPiece {
        business: ACME,
        rows: vec![row],
        since_ms: NOON,
        now_ms: NOON + 60 * SECOND,
        rehearsal: false,
        before: Vec::new(),
    };
    ledger.import(piece).await.unwrap();
    let early = ledger.relay_due(NOON + 59 * SECOND, Lane::Bulk, 10).await;
    assert!(early.unwrap().is_empty());
    let relays = due(&ledger, Lane::Bulk).await;
    assert_eq!(relays.len(), 1);
    taken(&ledger, &relays).await;
    // A replay from a moment while the import ran has it.
    let step = Replay {
        business: ACME,
        subscription: "sub_all".into(),
        imports: true,
        after: (NOON + 30 * SECOND, i64::MIN),
        limit: 10,
        now_ms: LATER,
    };
    assert_eq!(ledger.replay_notices(step).await.unwrap().notices, 1);
    // What is not imported is told at its own moment again.
    ledger
        .append(yes(&[P2], "marketing", NOON + SECOND))
        .await
        .unwrap();
    let at_once = ledger.relay_due(NOON + SECOND, Lane::Event, 10).await;
    assert_eq!(at_once.unwrap().len(), 1);
}

pub(crate) async fn who_takes_no_consents_has_none_written_down(place: Place) {
    let ledger = place.open().await;
    let avenues = Takes {
        consents: false,
        ..ALL
    };
    subscribe(&ledger, "sub_avenues", avenues).await;
    let from_start = |id: &str| Replay {
        business: ACME,
        subscription: id.into(),
        imports: true,
        after: (0, 0),
        limit: 10,
        now_ms: LATER,
    };
    let kept = async |ledger: &Ledger, id: &str| {
        let step = from_start(id);
        ledger.replay_notices(step).await.unwrap().notices
    };
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    assert_eq!(kept(&ledger, "sub_avenues").await, 0);
    // From when somebody takes them, and until nobody does, over a restart too.
    subscribe(&ledger, "sub_all", ALL).await;
    ledger.append(no(&[P1], "marketing", NOON)).await.unwrap();
    let ledger = place.reopen(ledger).await;
    ledger.append(no(&[P1], "utility", NOON)).await.unwrap();
    assert_eq!(due(&ledger, Lane::Event).await.len(), 2);
    assert!(ledger.remove_subscription(ACME, "sub_all").await.unwrap());
    ledger.append(no(&[P1], "calls", NOON)).await.unwrap();
    assert_eq!(kept(&ledger, "sub_later").await, 2);
}

pub(crate) async fn what_is_put_off_was_not_attempted(place: Place) {
    let ledger = place.open().await;
    subscribe(&ledger, "sub_all", ALL).await;
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    for (result, attempts) in [
        (RelayResult::PutOff(LATER), 0),
        (RelayResult::RetryAt(LATER), 1),
        (RelayResult::PutOff(LATER), 1),
    ] {
        let relays = due(&ledger, Lane::Event).await;
        assert!(ledger.relay_waits(&relays[0]).await.unwrap());
        let done = RelayDone {
            inbox_seq: relays[0].inbox_seq,
            app: relays[0].app.clone(),
            business: ACME,
            result,
        };
        ledger.relay_done(vec![done]).await.unwrap();
        let early = ledger.relay_due(LATER - 1, Lane::Event, 100).await;
        assert!(early.unwrap().is_empty());
        let relays = due(&ledger, Lane::Event).await;
        assert_eq!(relays[0].attempts, attempts, "{result:?}");
        let again = RelayDone {
            inbox_seq: relays[0].inbox_seq,
            app: relays[0].app.clone(),
            business: ACME,
            result: RelayResult::PutOff(NOON),
        };
        ledger.relay_done(vec![again]).await.unwrap();
    }
    let relays = due(&ledger, Lane::Event).await;
    taken(&ledger, &relays).await;
    assert!(!ledger.relay_waits(&relays[0]).await.unwrap());
}

pub(crate) async fn what_waits_for_nobody_is_dropped_when_its_days_are_over(place: Place) {
    let ledger = place.open().await;
    subscribe(&ledger, "sub_a", ALL).await;
    for at_ms in [NOON, LATER] {
        let event = yes(&[P1], "marketing", at_ms);
        ledger.append(event).await.unwrap();
    }
    let relays = due(&ledger, Lane::Event).await;
    let parked = relays.iter().map(|relay| RelayDone {
        inbox_seq: relay.inbox_seq,
        app: relay.app.clone(),
        business: relay.business,
        result: RelayResult::Parked,
    });
    ledger.relay_done(parked.collect()).await.unwrap();
    assert_eq!(ledger.inbox_prune(NOON + SECOND).await.unwrap(), 1);
    let again = ledger.relay_replay(ACME, Some("sub_a"), LATER).await;
    assert_eq!(again.unwrap(), 1);
    assert_eq!(due(&ledger, Lane::Event).await.len(), 1);
}

pub(crate) async fn however_much_waits_for_nobody_it_is_dropped_in_one_go(place: Place) {
    let ledger = place.open().await;
    for id in ["sub_a", "sub_b"] {
        subscribe(&ledger, id, ALL).await;
    }
    let count = BATCH_MAX as i64;
    for at in 0..count {
        let event = yes(&[P1], "marketing", NOON + at);
        ledger.append(event).await.unwrap();
    }
    loop {
        let relays = due(&ledger, Lane::Event).await;
        if relays.is_empty() {
            break;
        }
        let parked = relays.iter().map(|relay| RelayDone {
            inbox_seq: relay.inbox_seq,
            app: relay.app.clone(),
            business: relay.business,
            result: RelayResult::Parked,
        });
        ledger.relay_done(parked.collect()).await.unwrap();
    }
    let emptied = ledger.inbox_prune(NOON + count).await.unwrap();
    assert_eq!(emptied, count as u64);
    for id in ["sub_a", "sub_b"] {
        let again = ledger.relay_replay(ACME, Some(id), LATER).await;
        assert_eq!(again.unwrap(), 0);
    }
}

pub(crate) async fn an_erasure_names_nobody_and_takes_back_what_was_not_told(place: Place) {
    let ledger = place.open().await;
    ledger.use_erasure_keys(vec![greenline_ledger::erasure::ErasureKey {
        id: "00000001".into(),
        secret: [1; 32],
    }]);
    subscribe(&ledger, "sub_all", ALL).await;
    ledger.append(no(&[P1], "marketing", NOON)).await.unwrap();
    ledger.append(yes(&[P2], "marketing", NOON)).await.unwrap();
    let person = ledger.person(ACME, &id(P1)).await.unwrap().unwrap().id;
    let in_hand = due(&ledger, Lane::Event).await;
    let erased = event(&[P1], EventKind::Erased, "all", NOON + SECOND);
    ledger.erase(erased).await.unwrap();
    for (relay, waits) in in_hand.iter().zip([false, true]) {
        assert_eq!(ledger.relay_waits(relay).await.unwrap(), waits);
    }
    let put_off = in_hand.iter().map(|relay| RelayDone {
        inbox_seq: relay.inbox_seq,
        app: relay.app.clone(),
        business: relay.business,
        result: RelayResult::PutOff(NOON),
    });
    ledger.relay_done(put_off.collect()).await.unwrap();
    let relays = due(&ledger, Lane::Event).await;
    let told: Vec<Changed> = relays.iter().map(changed).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].identifiers, [id(P2)]);
    assert_eq!(told[1].cause, Cause::Event(EventKind::Erased));
    assert_eq!(told[1].people, [person]);
    assert!(told[1].identifiers.is_empty());
    for relay in &relays {
        let body = String::from_utf8_lossy(&relay.body);
        assert!(!body.contains(P1), "{body}");
    }
}
