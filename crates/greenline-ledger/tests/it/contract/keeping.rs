//! What is held about a person can be shown, what is old is let go, and neither leaves a trace where there should be
//! none.

use greenline_ledger::Ledger;
use greenline_ledger::erasure::{ErasureKey, is_pseudonym};
use greenline_ledger::held::{Held, HeldAt, HeldKind, Holding};
use greenline_ledger::prune::{BATCH_MAX, PruneKind};
use greenline_ledger::seal::{RecordId, Recorded, SealKind};
use greenline_ledger::types::{
    DecisionRecord, Effect, NewEvent, Outcome, OwnReply, ReplyEnd, Spilled,
};
use greenline_policy::consent::EventKind;
use greenline_proof::{Frontier, Salts, leaf_hash};

use super::seal::{assert_whole, made, seal};
use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";
const U1: &str = "US.aaa111";
const DAY: i64 = 24 * 60 * 60 * SECOND;

fn keyed(ledger: Ledger) -> Ledger {
    ledger.use_erasure_keys(vec![ErasureKey {
        id: "0a1b2c3d".into(),
        secret: [5; 32],
    }]);
    ledger
}

fn erasure(person: &str, at_ms: i64) -> NewEvent {
    event(&[person], EventKind::Erased, "all", at_ms)
}

fn accepted(message: &str) -> Outcome {
    Outcome::Accepted {
        message_ids: [message.into()].into_iter().collect(),
    }
}

async fn all_held(ledger: &Ledger, of: &Holding, kind: HeldKind) -> Vec<Held> {
    let (mut found, mut after) = (Vec::new(), HeldAt::START);
    loop {
        let page = ledger.held(ACME, of, kind, after).await.unwrap();
        found.extend(page.records);
        match page.next {
            Some(next) => after = next,
            None => return found,
        }
    }
}

fn decided(held: Vec<Held>) -> Vec<DecisionRecord> {
    let record = |held| match held {
        Held::Decision(record) => *record,
        other => panic!("{other:?}"),
    };
    held.into_iter().map(record).collect()
}

pub(crate) async fn everything_held_about_a_person_is_found_and_nothing_of_others(place: Place) {
    let ledger = place.open().await;
    cover(&ledger).await;
    ledger
        .learn(ACME, vec![known(&[P1, U1], NOON), moved(P1, P2, NOON + 5)])
        .await
        .unwrap();
    let answer = Effect::CallPermission {
        person: ids(&[P1]),
        number: "n1".into(),
        at_ms: NOON,
        until_ms: Some(NOON + DAY),
    };
    ledger.learn(ACME, vec![answer]).await.unwrap();
    for at in 0..230 {
        ledger
            .admit(template(P1, "offer", NOON + at))
            .await
            .unwrap();
    }
    let unknown = ledger
        .admit(template("15557770000", "offer", NOON + 900))
        .await;
    unknown.unwrap();
    ledger
        .admit(template(U1, "offer", NOON + 901))
        .await
        .unwrap();
    let owed = Effect::Reply {
        to: id(P1),
        number: "n1".into(),
        reply: OwnReply::StopQuestion {
            language: "en".into(),
        },
        message_id: "wamid.q".into(),
        at_ms: NOON,
    };
    let of_account = Effect::Timeline {
        subject: "account",
        subject_id: "w1".into(),
        origin: "test".into(),
        event: "complaint".into(),
        at_ms: NOON,
        body: format!("{{\"by\":\"{P1}\"}}").into(),
    };
    let body = format!("{{\"from\":\"{P1}\"}}");
    ledger
        .ingest(delivery(&body, vec![owed, of_account]))
        .await
        .unwrap();
    for other in ["{\"from\":\"155512300010\"}", "{\"from\":\"15559990000\"}"] {
        let of_another = Effect::Timeline {
            subject: "account",
            subject_id: "w1".into(),
            origin: "test".into(),
            event: "complaint".into(),
            at_ms: NOON,
            body: other.into(),
        };
        let given = delivery(other, vec![of_another]);
        ledger.ingest(given).await.unwrap();
    }
    ledger.revoke_links(ACME, &id(P1), NOON + 77).await.unwrap();
    for asked in [P1, U1, P2] {
        let of = ledger.holding(ACME, &id(asked)).await.unwrap().unwrap();
        assert!(of.identifiers.contains(&id(P1)) && of.identifiers.contains(&id(U1)));
        // Who has the number they left is told nothing of where they went.
        assert_eq!(of.identifiers.contains(&id(P2)), asked == P2, "{asked}");
        assert_eq!(of.texts.contains(&P2.to_owned()), asked == P2, "{asked}");
        let went = of.is_named_elsewhere_in(format!("to {P2}").as_bytes());
        assert_eq!(went, asked != P2, "{asked}");
        assert!(!of.is_named_elsewhere_in(body.as_bytes()), "{asked}");
        assert_eq!(of.calls.len(), 1);
        assert_eq!(of.calls[0].until_ms, Some(NOON + DAY));
        assert_eq!(
            (of.links_revoked, of.links_revoked_ms),
            (1, Some(NOON + 77))
        );
        let decisions = decided(all_held(&ledger, &of, HeldKind::Decisions).await);
        assert_eq!(decisions.len(), 231, "{asked}");
        assert!(decisions.is_sorted_by_key(|one| one.id.seq));
        let deliveries = all_held(&ledger, &of, HeldKind::Deliveries).await;
        let [Held::Delivery { body: kept, .. }] = &deliveries[..] else {
            panic!("{deliveries:?}");
        };
        assert_eq!(*kept, body.as_bytes());
        assert_eq!(all_held(&ledger, &of, HeldKind::Replies).await.len(), 1);
        let timeline = all_held(&ledger, &of, HeldKind::Timeline).await;
        assert_eq!(timeline.len(), 1, "{timeline:?}");
    }
    // Somebody whom nothing is known of but a refusal.
    assert!(
        ledger
            .holding(ACME, &id("15557770000"))
            .await
            .unwrap()
            .is_none()
    );
    assert!(ledger.holding(BOND, &id(P1)).await.unwrap().is_none());
}

pub(crate) async fn a_first_contact_that_was_refused_is_held_once_they_are_known(place: Place) {
    let ledger = place.open().await;
    cover(&ledger).await;
    ledger.admit(template(P2, "offer", NOON)).await.unwrap();
    ledger
        .append(yes(&[P2], "marketing", NOON + 9))
        .await
        .unwrap();
    ledger
        .admit(template(P2, "offer", NOON + 10))
        .await
        .unwrap();
    let of = ledger.holding(ACME, &id(P2)).await.unwrap().unwrap();
    assert_eq!(all_held(&ledger, &of, HeldKind::Decisions).await.len(), 2);
}

pub(crate) async fn a_seal_made_before_an_erasure_is_not_taken_after_it(place: Place) {
    let ledger = keyed(place.open().await);
    cover(&ledger).await;
    ledger.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    // A sealer reads, somebody is erased, the sealer writes.
    let records = ledger.unsealed(ACME, 100).await.unwrap();
    let stale = made(&ledger, ACME, &records).await;
    ledger.erase(erasure(P1, NOON + SECOND)).await.unwrap();
    assert!(
        !ledger.seal(stale).await.unwrap(),
        "it would hold who they were"
    );
    seal(&ledger, ACME).await;
    assert_whole(&ledger, ACME).await;
    assert_clean(&ledger).await;
    // Another business's seals are not held up by it.
    let other = NewEvent {
        business: BOND,
        ..yes(&[P1], "marketing", NOON)
    };
    ledger.append(other).await.unwrap();
    let records = ledger.unsealed(BOND, 100).await.unwrap();
    let theirs = made(&ledger, BOND, &records).await;
    ledger.append(yes(&[P2], "marketing", NOON)).await.unwrap();
    ledger.erase(erasure(P2, NOON + 2 * SECOND)).await.unwrap();
    assert!(ledger.seal(theirs).await.unwrap());
}

pub(crate) async fn a_send_under_way_names_no_message_of_someone_erased(place: Place) {
    let ledger = keyed(place.open().await);
    cover(&ledger).await;
    ledger.append(yes(&[P2], "marketing", NOON)).await.unwrap();
    let now = NOON + SECOND;
    let sent = ledger.admit(template(P1, "offer", now)).await.unwrap();
    let other = ledger.admit(template(P2, "offer", now)).await.unwrap();
    assert!(allows(&sent.decision) && allows(&other.decision));
    let erased = ledger.erase(erasure(P1, now + 1)).await.unwrap();
    assert_eq!(erased.decisions, 1);
    ledger.settle(sent.id, accepted("wamid.P1"));
    ledger.settle(other.id, accepted("wamid.P2"));
    // Whatever is asked next is written after the outcomes, or with them.
    ledger.append(no(&[P2], "calls", now + 2)).await.unwrap();
    let ledger = keyed(place.reopen(ledger).await);
    let of = |id| {
        let ledger = ledger.clone();
        async move { ledger.decision(id).await.unwrap().unwrap() }
    };
    let (left, kept) = (of(sent.id).await, of(other.id).await);
    assert!(is_pseudonym(&left.people[0].identifier));
    assert_eq!(left.outcome.as_deref(), Some("accepted"));
    assert!(left.message_ids.is_empty(), "{:?}", left.message_ids);
    assert_eq!(left.body_hash, [0; 16], "by which a guess could be proved");
    assert_eq!(*kept.message_ids[0], *"wamid.P2");
    assert_ne!(kept.body_hash, [0; 16]);
    // A status that comes late finds nobody.
    let status = Effect::Status {
        message_id: "wamid.P1".into(),
        status: "read".into(),
        at_ms: now + 9,
        code: None,
    };
    ledger.ingest(delivery("[]", vec![status])).await.unwrap();
    assert_eq!(of(sent.id).await.status, None);
    seal(&ledger, ACME).await;
    assert_whole(&ledger, ACME).await;
    assert_clean(&ledger).await;
}

pub(crate) async fn a_decision_read_in_after_an_erasure_is_about_nobody(place: Place) {
    if place.is_shared() {
        return;
    }
    let ledger = keyed(place.open().await);
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    for who in [P1, P2] {
        ledger
            .learn(ACME, vec![wrote(&[who], &format!("wamid.{who}"), NOON)])
            .await
            .unwrap();
    }
    let mut spilled: Vec<Spilled> = Vec::new();
    for who in [P1, P2] {
        let past = ledger.admit_unrecorded(text(who, NOON + 1), Vec::new());
        spilled.push(past.await.unwrap().unwrap().spilled);
    }
    ledger.erase(erasure(P1, NOON + SECOND)).await.unwrap();
    ledger.record_spilled(spilled).await.unwrap();
    let read = ledger.decisions(Some(ACME), None, 10).await.unwrap();
    let people: Vec<_> = read.iter().map(|one| &one.people[0].identifier).collect();
    assert_eq!(people.iter().filter(|one| is_pseudonym(one)).count(), 1);
    assert!(people.contains(&&id(P2)) && !people.contains(&&id(P1)));
    seal(&ledger, ACME).await;
    assert_whole(&ledger, ACME).await;
}

pub(crate) async fn an_erasure_that_was_broken_off_is_carried_to_its_end(place: Place) {
    let ledger = keyed(place.open().await);
    cover(&ledger).await;
    ledger.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    seal(&ledger, ACME).await;
    // What is on disk when a node dies between recording an erasure and doing it.
    ledger.append(erasure(P1, NOON + SECOND)).await.unwrap();
    let ledger = keyed(place.reopen(ledger).await);
    let at_once = ledger.resume_erasures(ACME, NOON + 2 * SECOND).await;
    assert_eq!(at_once.unwrap(), 0, "whoever records it may be at it still");
    let resumed = ledger.resume_erasures(ACME, NOON + DAY).await.unwrap();
    if place.is_shared() {
        assert_eq!(resumed, 1);
        assert!(
            !ledger
                .export(ACME, None, 100)
                .await
                .unwrap()
                .iter()
                .any(|stored| {
                    stored.identifier == id(P1) || stored.event.person.contains(&id(P1))
                })
        );
        assert_eq!(ledger.resume_erasures(ACME, NOON + DAY).await.unwrap(), 0);
        seal(&ledger, ACME).await;
        assert_whole(&ledger, ACME).await;
    } else {
        assert_eq!(resumed, 0, "here it is one transaction");
    }
    assert_clean(&ledger).await;
}

pub(crate) async fn a_key_that_an_erasure_needs_is_known_as_such(place: Place) {
    let ledger = keyed(place.open().await);
    cover(&ledger).await;
    assert!(!ledger.is_erasure_key_used("0a1b2c3d").await.unwrap());
    ledger.erase(erasure(P1, NOON + SECOND)).await.unwrap();
    assert!(ledger.is_erasure_key_used("0a1b2c3d").await.unwrap());
    for other in ["0a1b2c3e", "0a1b2c3", "ffffffff"] {
        let used = ledger.is_erasure_key_used(other).await.unwrap();
        assert_eq!(used, other == "0a1b2c3", "{other}");
    }
}

/// Holds the log against the store, where some decisions are pruned; says how many those are.
async fn assert_whole_but_pruned(ledger: &Ledger) -> usize {
    let leaves = ledger.log_leaves(ACME, 0, 10_000).await.unwrap();
    let records = ledger.log_records(ACME, &leaves).await.unwrap();
    let (mut frontier, mut pruned) = (Frontier::new(), 0);
    for (leaf, record) in leaves.iter().zip(&records) {
        match (record, &leaf.salts) {
            (Recorded::Gone, Salts::Pruned(at_ms)) => {
                assert_eq!((leaf.id.kind, *at_ms), (SealKind::Decision, NOON + 3 * DAY));
                pruned += 1;
            }
            (Recorded::Fields(fields), salts) => {
                let commitments = salts.commitments(fields).unwrap();
                assert_eq!(leaf_hash(leaf.id.kind.as_str(), &commitments), leaf.hash);
            }
            other => panic!("{:?}: {other:?}", leaf.id),
        }
        frontier.append(leaf.hash, |_, _| {});
    }
    let head = ledger.log_head(ACME, None).await.unwrap().unwrap();
    assert_eq!(head.signed.head.root, frontier.root());
    assert_eq!(ledger.log_unlogged(ACME).await.unwrap(), 0);
    pruned
}

pub(crate) async fn old_decisions_go_once_they_are_sealed_and_the_log_stays_whole(place: Place) {
    let ledger = keyed(place.open().await);
    cover(&ledger).await;
    let count = BATCH_MAX as i64 + 40;
    for at in 0..count {
        let sent = ledger
            .admit(template(P1, "offer", NOON + at))
            .await
            .unwrap();
        ledger.settle(sent.id, accepted(&format!("wamid.{at}")));
    }
    ledger
        .admit(template(P2, "offer", NOON + count))
        .await
        .unwrap();
    let young = ledger
        .admit(template(P1, "offer", NOON + 2 * DAY))
        .await
        .unwrap();
    ledger.settle(young.id, accepted("wamid.young"));
    let prune = async |ledger: &Ledger| {
        let before = NOON + DAY;
        let pruned = ledger.prune(ACME, PruneKind::Decisions, before, NOON + 3 * DAY);
        pruned.await.unwrap()
    };
    assert_eq!(prune(&ledger).await, 0, "nothing is sealed");
    seal(&ledger, ACME).await;
    assert_eq!(prune(&ledger).await, BATCH_MAX as u64);
    assert_eq!(assert_whole_but_pruned(&ledger).await, BATCH_MAX);
    // A stop, an erasure and a seal in between change nothing of it.
    ledger
        .append(no(&[P1], "calls", NOON + 2 * DAY))
        .await
        .unwrap();
    seal(&ledger, ACME).await;
    assert_eq!(prune(&ledger).await, 41);
    assert_eq!(prune(&ledger).await, 0);
    assert_clean(&ledger).await;
    let ledger = keyed(place.reopen(ledger).await);
    assert_eq!(assert_whole_but_pruned(&ledger).await, BATCH_MAX + 41);
    assert_clean(&ledger).await;
    let left = ledger.decisions(Some(ACME), None, 1_000).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(*left[0].message_ids[0], *"wamid.young");
    // A status of one that is gone is no defect, and one of what is left is found.
    let status = |message: &str| Effect::Status {
        message_id: message.into(),
        status: "read".into(),
        at_ms: NOON + 2 * DAY,
        code: None,
    };
    let late = vec![status("wamid.3"), status("wamid.young")];
    ledger.ingest(delivery("[1]", late)).await.unwrap();
    let read = ledger.decision(young.id).await.unwrap().unwrap();
    assert_eq!(read.status.as_deref(), Some("read"));
    ledger
        .admit(template(P1, "offer", NOON + 4 * DAY))
        .await
        .unwrap();
    seal(&ledger, ACME).await;
    ledger.erase(erasure(P1, NOON + 4 * DAY)).await.unwrap();
    seal(&ledger, ACME).await;
    assert_eq!(assert_whole_but_pruned(&ledger).await, BATCH_MAX + 41);
    assert_clean(&ledger).await;
}

pub(crate) async fn a_record_that_was_passed_over_keeps_no_other_from_going(place: Place) {
    let ledger = place.open().await;
    cover(&ledger).await;
    let mut decided = Vec::new();
    for at in 1..=4 {
        let sent = ledger.admit(template(P1, "offer", NOON + at)).await;
        decided.push(sent.unwrap().id);
    }
    // A sealer cannot read the first event and the first decision.
    let mut records = ledger.unsealed(ACME, 100).await.unwrap();
    let first_event = records.iter().find(|one| one.id.kind == SealKind::Event);
    let event = first_event.unwrap().id;
    let decision = RecordId {
        kind: SealKind::Decision,
        seq: decided[0].seq,
    };
    records.retain(|one| one.id != event && one.id != decision);
    let mut passed_over = made(&ledger, ACME, &records).await;
    passed_over.skipped = vec![event, decision];
    assert!(ledger.seal(passed_over).await.unwrap());
    let prune = || ledger.prune(ACME, PruneKind::Decisions, NOON + DAY, NOON + 3 * DAY);
    assert_eq!(prune().await.unwrap(), 3);
    assert_eq!(prune().await.unwrap(), 0);
    let left = ledger.decisions(Some(ACME), None, 10).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, decided[0]);
    // Once it reads it is sealed, and goes as the others went.
    assert_eq!(seal(&ledger, ACME).await.len(), 2);
    assert_eq!(prune().await.unwrap(), 1);
    assert_eq!(assert_whole_but_pruned(&ledger).await, 4);
    assert_clean(&ledger).await;
}

pub(crate) async fn nothing_of_the_last_day_is_pruned_whatever_is_asked(place: Place) {
    let ledger = place.open().await;
    cover(&ledger).await;
    ledger.admit(template(P1, "offer", NOON)).await.unwrap();
    seal(&ledger, ACME).await;
    for kind in PruneKind::ALL {
        let pruned = ledger.prune(ACME, kind, i64::MAX, NOON + DAY - 1).await;
        assert_eq!(pruned.unwrap(), 0, "{kind:?}");
    }
}

pub(crate) async fn old_replies_and_timeline_entries_go_and_what_is_owed_stays(place: Place) {
    let ledger = place.open().await;
    let owed = |message: &str, at_ms| Effect::Reply {
        to: id(P1),
        number: "n1".into(),
        reply: OwnReply::StopQuestion {
            language: "en".into(),
        },
        message_id: message.into(),
        at_ms,
    };
    let told = |event: &str, at_ms| Effect::Timeline {
        subject: "account",
        subject_id: "w1".into(),
        origin: "test".into(),
        event: event.into(),
        at_ms,
        body: "{}".into(),
    };
    let old = vec![
        owed("wamid.over", NOON),
        told("old", NOON),
        owed("wamid.owed", NOON + 1),
        // How a way out stands is what its newest entry says, however old that is.
        Effect::Timeline {
            subject: "avenue",
            subject_id: "reply_word".into(),
            origin: "avenues".into(),
            event: "avenue_closed".into(),
            at_ms: NOON,
            body: "{}".into(),
        },
        // So is how an alert stands.
        Effect::Timeline {
            subject: "alert",
            subject_id: "rating.low:n1".into(),
            origin: "greenline".into(),
            event: "alert_opened".into(),
            at_ms: NOON,
            body: "{}".into(),
        },
    ];
    ledger.ingest(delivery("[1]", old)).await.unwrap();
    let due = ledger.replies_due(10).await.unwrap();
    assert_eq!(due.len(), 2);
    let over = ReplyEnd::Over(None);
    ledger.reply_done(due[0].claim, over).await.unwrap();
    // Where many write, entries are numbered by the database's own clock.
    let newest = ledger.timeline(ACME, None, None, 1).await.unwrap();
    let before = (NOON + DAY).max(newest[0].received_ms().unwrap() + SECOND);
    let young = vec![told("young", before + DAY)];
    ledger.ingest(delivery("[2]", young)).await.unwrap();
    seal(&ledger, ACME).await;
    for kind in [PruneKind::Replies, PruneKind::Timeline] {
        let prune = || ledger.prune(ACME, kind, before, before + 2 * DAY);
        assert_eq!(prune().await.unwrap(), 1, "{kind:?}");
        assert_eq!(prune().await.unwrap(), 0, "{kind:?}");
    }
    let timeline = ledger.timeline(ACME, None, None, 10).await.unwrap();
    let left: Vec<&str> = timeline.iter().map(|entry| &*entry.event).collect();
    assert_eq!(left, ["young", "alert_opened", "avenue_closed"]);
    assert_clean(&ledger).await;
}
