//! How fast one number writes to one person, as far as the file and its commits show.

use greenline_policy::pair::{BURST_MAX, EVERY_MS};
use greenline_policy::rule::Rule;

use super::File;
use crate::contract::pair::paced;
use crate::support::*;

const P1: &str = "15551230001";

#[tokio::test]
async fn a_commit_that_fails_takes_nothing_of_the_pace() {
    let place = File::new();
    let ledger = place.open();
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    ledger.append(yes(&[P1], "all", NOON)).await.unwrap();
    let at = |at_ms: i64| paced(template(P1, "offer", at_ms));
    place.faults.fail(1, 0);
    assert!(ledger.admit(at(NOON)).await.is_err());
    for n in 1..=i64::from(BURST_MAX) {
        // One that is only looked at takes nothing either.
        ledger.preview(at(NOON + n)).await.unwrap();
        assert!(allows(&ledger.admit(at(NOON + n)).await.unwrap().decision));
    }
    let next = ledger.admit(at(NOON + EVERY_MS)).await.unwrap();
    assert_eq!(first_rule(&next.decision), Rule::PacePair);
}

#[tokio::test]
async fn whoever_was_written_to_of_late_is_screened_alone() {
    let place = File::new();
    let ledger = place.open();
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    ledger.append(yes(&[P1], "all", NOON)).await.unwrap();
    for n in 0..i64::from(BURST_MAX) {
        let sent = ledger.admit(paced(template(P1, "offer", NOON + n)));
        assert!(allows(&sent.await.unwrap().decision));
    }
    let ask = paced(template(P1, "offer", NOON + EVERY_MS));
    let (mut view, crowd) = ledger.crowd(&ask, ask.now_ms).unwrap().unwrap();
    let phone = greenline_policy::identity::Phone::parse(P1).unwrap();
    let found = crowd.find(phone.canonical()).1;
    assert_eq!(found, greenline_ledger::crowd::Found::Alone);
    let decision = view.judge(&ask).unwrap();
    assert_eq!(first_rule(&decision), Rule::PacePair);
    let live = ledger.preview(ask).await.unwrap().decision;
    assert_eq!(decision, live);
}
