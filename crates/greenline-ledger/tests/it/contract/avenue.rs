//! Ways out: what proves them is kept, and a decision about an ask keeps what was known of them.

use greenline_ledger::avenue::Walk;
use greenline_policy::avenue::{Avenue, How, Known, OnlyNotifications, Track};
use greenline_policy::rule::Rule;
use greenline_policy::scope::Category;

use crate::support::*;

pub(crate) async fn proofs_are_kept_and_the_newest_of_each_kind_counts(place: Place) {
    let ledger = place.open().await;
    let walks = [
        (Avenue::Api, Walk::Used),
        (Avenue::PreferencePage, Walk::Probed),
        (Avenue::PreferencePage, Walk::Failed),
    ];
    ledger.prove_avenues(ACME, &walks, NOON).await.unwrap();
    let later = [(Avenue::Api, Walk::Used)];
    ledger
        .prove_avenues(ACME, &later, NOON + SECOND)
        .await
        .unwrap();
    let effects = vec![wrote(&["15551230001"], "wamid.1", NOON)];
    ledger.learn(ACME, effects).await.unwrap();
    let ledger = place.reopen(ledger).await;
    let mut known = Known::default();
    ledger.avenues(ACME, &["n1"], &mut known).await.unwrap();
    let api = known.track(Avenue::Api);
    assert_eq!(api.proved(), Some((NOON + SECOND, How::Use)));
    assert!(known.track(Avenue::PreferencePage).is_broken());
    assert_eq!(known.track(Avenue::Staff), Track::default());
    assert_eq!(known.inbound_ms, Some(NOON));
    // Of other numbers, and of other businesses, nothing is known.
    ledger.avenues(ACME, &["other"], &mut known).await.unwrap();
    assert_eq!(known.inbound_ms, None);
    ledger.avenues(BOND, &["n1"], &mut known).await.unwrap();
    assert_eq!(known, Known::default());
}

pub(crate) async fn an_ask_keeps_what_was_known_of_ways_out(place: Place) {
    let ledger = place.open().await;
    cover(&ledger).await;
    let mut ask = template("15551230001", "still_interested", NOON);
    ask.template.as_mut().unwrap().marked_ask = true;
    let open = ledger.admit(ask.clone()).await.unwrap();
    assert!(allows(&open.decision), "{:?}", open.decision);
    drop(open.flight);
    ask.body_hash = [8; 16];
    ask.rules.only_notifications = OnlyNotifications::of([Category::Marketing]);
    let shut = ledger.admit(ask.clone()).await.unwrap();
    assert_eq!(first_rule(&shut.decision), Rule::AskOnlyWayOut);
    let ledger = place.reopen(ledger).await;
    let record = ledger.decision(shut.id).await.unwrap().unwrap();
    assert_eq!(record.rules, ask.rules);
    assert_eq!(record.decision, shut.decision);
    assert_clean(&ledger).await;
}
