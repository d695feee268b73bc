//! What cannot be done is refused as a whole, and nothing else suffers for it.

use greenline_ledger::LedgerError;
use greenline_ledger::types::{BusinessIx, Effect, Lane};
use smallvec::smallvec;

use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";

pub(crate) async fn one_impossible_request_does_not_take_others_down(place: Place) {
    let ledger = place.open().await;
    let mut stranger = yes(&[P1], "marketing", NOON);
    stranger.business = BusinessIx(99);
    let (bad, good) = tokio::join!(
        ledger.append(stranger),
        ledger.append(yes(&[P1], "marketing", NOON))
    );
    assert!(matches!(bad, Err(LedgerError::Bug(_))));
    good.unwrap();
    assert_clean(&ledger).await;
}

pub(crate) async fn nobody_and_nowhere_are_defects(place: Place) {
    let ledger = place.open().await;
    let mut ask = text(P1, NOON);
    ask.to = smallvec![];
    assert!(matches!(ledger.admit(ask).await, Err(LedgerError::Bug(_))));
    let nobody = Effect::Known {
        person: smallvec![],
        at_ms: NOON,
    };
    let learned = ledger.learn(ACME, vec![nobody]).await;
    assert!(matches!(learned, Err(LedgerError::Bug(_))));
    let nowhere = ledger.counts(BusinessIx(99), NOON).await;
    assert!(matches!(nowhere, Err(LedgerError::Bug(_))));
}

/// An event whose key stands for somebody else's, and something before and after it.
fn contradiction() -> Vec<Effect> {
    let mut stolen = no(&[P2], "marketing", NOON + 1);
    stolen.dedup = Some("key".into());
    vec![
        wrote(&["15551230003"], "wamid.3", NOON),
        Effect::Consent(stolen),
        wrote(&["15551230004"], "wamid.4", NOON),
    ]
}

pub(crate) async fn a_delivery_that_contradicts_leaves_nothing_behind(place: Place) {
    let ledger = place.open().await;
    let mut first = no(&[P1], "marketing", NOON);
    first.dedup = Some("key".into());
    ledger.append(first).await.unwrap();

    let answer = ledger.ingest(delivery("{1}", contradiction())).await;
    assert!(matches!(answer, Err(LedgerError::Conflict(_))));
    let answer = ledger.learn(ACME, contradiction()).await;
    assert!(matches!(answer, Err(LedgerError::Conflict(_))));
    assert_eq!(ledger.counts(ACME, NOON).await.unwrap().people, 1);
    let due = ledger.relay_due(NOON, Lane::Inbound, 9).await.unwrap();
    assert_eq!(due, []);
    // The bytes are as new when what contradicts is left out.
    let taken = ledger.ingest(delivery("{1}", vec![])).await.unwrap();
    assert!(!taken.duplicate);
    assert_clean(&ledger).await;
}

pub(crate) async fn an_event_that_contradicts_is_left_out_of_many(place: Place) {
    let ledger = place.open().await;
    let mut first = yes(&[P1], "marketing", NOON);
    first.dedup = Some("key".into());
    let mut second = yes(&[P2], "marketing", NOON);
    second.dedup = Some("key".into());
    let third = yes(&["15551230003"], "marketing", NOON);
    let answers = ledger.append_all(vec![first, second, third]).await.unwrap();
    assert!(matches!(
        answers.as_slice(),
        [Ok(_), Err(LedgerError::Conflict(_)), Ok(_)]
    ));
    assert_eq!(ledger.export(ACME, None, 9).await.unwrap().len(), 2);
}
