//! People: one or two, linked or moved, and what each may still be sent.

use greenline_ledger::types::Effect;
use greenline_policy::consent::{EventKind, Standing};
use greenline_policy::rule::Rule;
use greenline_policy::scope::{Category, Scope};

use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";
const U1: &str = "US.aaa111";
const U2: &str = "US.bbb222";

fn marketing() -> Scope {
    Scope::Category(Category::Marketing)
}

pub(crate) async fn an_event_with_two_identifiers_makes_them_one_person(place: Place) {
    let ledger = place.open().await;
    ledger
        .append(yes(&[P1, U1], "marketing", NOON))
        .await
        .unwrap();
    let view = ledger.person(ACME, &id(U1)).await.unwrap().unwrap();
    assert_eq!(view.identifiers.len(), 2);
    assert!(matches!(
        view.head.standing(&marketing()),
        Standing::Covered { .. }
    ));
    assert_eq!(view.history.len(), 1);
    assert_eq!(view.history[0].event, yes(&[P1, U1], "marketing", NOON));
}

pub(crate) async fn two_known_people_who_turn_out_to_be_one_share_every_no(place: Place) {
    let ledger = place.open().await;
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    ledger
        .append(no(&[U1], "marketing", NOON - SECOND))
        .await
        .unwrap();
    assert!(allows(&offer(&ledger, P1, NOON + 1).await));
    ledger
        .learn(ACME, vec![known(&[P1, U1], NOON + SECOND)])
        .await
        .unwrap();
    // The yes is later than the no but earlier than the link.
    assert_eq!(
        first_rule(&offer(&ledger, P1, NOON + 2 * SECOND).await),
        Rule::OptedOut
    );
    assert_eq!(
        first_rule(&offer(&ledger, U1, NOON + 2 * SECOND).await),
        Rule::OptedOut
    );
    ledger
        .append(yes(&[P1], "marketing", NOON + 3 * SECOND))
        .await
        .unwrap();
    assert!(allows(&offer(&ledger, U1, NOON + 4 * SECOND).await));
    assert_clean(&ledger).await;
    let ledger = place.reopen(ledger).await;
    assert!(allows(&offer(&ledger, U1, NOON + 4 * SECOND).await));
    let view = ledger.person(ACME, &id(U1)).await.unwrap().unwrap();
    assert_eq!((view.identifiers.len(), view.history.len()), (2, 3));
}

pub(crate) async fn a_moved_number_carries_noes_at_once_and_yeses_once_the_person_writes(
    place: Place,
) {
    let ledger = place.open().await;
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    ledger
        .learn(ACME, vec![moved(P1, P2, NOON + SECOND)])
        .await
        .unwrap();
    assert_eq!(
        first_rule(&offer(&ledger, P2, NOON + 2 * SECOND).await),
        Rule::ConsentUnconfirmed
    );
    assert_eq!(
        first_rule(&offer(&ledger, P1, NOON + 2 * SECOND).await),
        Rule::ConsentUnconfirmed
    );
    // Something written before the move confirms nothing.
    ledger
        .learn(ACME, vec![wrote(&[P2], "wamid.0", NOON)])
        .await
        .unwrap();
    assert!(!allows(&offer(&ledger, P2, NOON + 2 * SECOND).await));
    ledger
        .learn(ACME, vec![wrote(&[P2], "wamid.1", NOON + 3 * SECOND)])
        .await
        .unwrap();
    ledger
        .learn(ACME, vec![wrote(&[P2], "wamid.1", NOON + 3 * SECOND)])
        .await
        .unwrap();
    assert!(allows(&offer(&ledger, P2, NOON + 4 * SECOND).await));
    let view = ledger.person(ACME, &id(P2)).await.unwrap().unwrap();
    assert_eq!(view.history.len(), 1);
    assert_eq!(view.history[0].event.kind, EventKind::Reconfirmed);
    // Whoever writes from the old number may be a stranger.
    ledger
        .learn(ACME, vec![wrote(&[P1], "wamid.2", NOON + 5 * SECOND)])
        .await
        .unwrap();
    assert_eq!(
        first_rule(&offer(&ledger, P1, NOON + 6 * SECOND).await),
        Rule::ConsentUnconfirmed
    );
    // A no for the old number reaches the new one, and windows did not move.
    ledger
        .append(no(&[P1], "marketing", NOON + 7 * SECOND))
        .await
        .unwrap();
    assert_eq!(
        first_rule(&offer(&ledger, P2, NOON + 8 * SECOND).await),
        Rule::OptedOut
    );
    assert_clean(&ledger).await;
}

pub(crate) async fn what_a_stranger_grants_on_the_old_number_is_not_the_persons(place: Place) {
    let ledger = place.open().await;
    ledger.learn(ACME, vec![moved(P1, P2, NOON)]).await.unwrap();
    ledger
        .append(yes(&[P1], "marketing", NOON + SECOND))
        .await
        .unwrap();
    assert!(allows(&offer(&ledger, P1, NOON + 2 * SECOND).await));
    assert_eq!(
        first_rule(&offer(&ledger, P2, NOON + 2 * SECOND).await),
        Rule::ConsentMissing
    );
}

pub(crate) async fn moves_chain_and_may_come_back(place: Place) {
    let ledger = place.open().await;
    let third = "15551230003";
    ledger
        .learn(
            ACME,
            vec![
                moved(P1, P2, NOON),
                moved(P2, third, NOON + SECOND),
                moved(third, P1, NOON + 2 * SECOND),
            ],
        )
        .await
        .unwrap();
    ledger
        .append(no(&[P1], "marketing", NOON + 3 * SECOND))
        .await
        .unwrap();
    for number in [P1, P2, third] {
        assert_eq!(
            first_rule(&offer(&ledger, number, NOON + 4 * SECOND).await),
            Rule::OptedOut
        );
    }
    assert_clean(&ledger).await;
}

pub(crate) async fn a_stop_on_the_old_number_waits_for_sends_to_the_new_one(place: Place) {
    let ledger = place.open().await;
    ledger.learn(ACME, vec![moved(P1, P2, NOON)]).await.unwrap();
    ledger
        .append(yes(&[P2], "marketing", NOON + SECOND))
        .await
        .unwrap();
    let admitted = ledger
        .admit(template(P2, "offer", NOON + 2 * SECOND))
        .await
        .unwrap();
    assert!(admitted.flight.is_some());
    let appended = ledger
        .append(no(&[P1], "marketing", NOON + 3 * SECOND))
        .await
        .unwrap();
    assert_eq!(appended.flights.len(), 1);
}

pub(crate) async fn another_user_id_on_a_known_number_leaves_its_yeses_unconfirmed(place: Place) {
    let ledger = place.open().await;
    ledger
        .append(yes(&[P1, U1], "marketing", NOON))
        .await
        .unwrap();
    ledger.append(no(&[P1], "utility", NOON)).await.unwrap();
    ledger
        .learn(ACME, vec![wrote(&[P1, U2], "wamid.1", NOON + SECOND)])
        .await
        .unwrap();
    assert_eq!(
        first_rule(&offer(&ledger, P1, NOON + 2 * SECOND).await),
        Rule::ConsentUnconfirmed
    );
    let receipt = ledger
        .preview(template(U2, "receipt", NOON + 2 * SECOND))
        .await
        .unwrap();
    assert!(!allows(&receipt.decision));
    // A parent id is no other id.
    ledger
        .learn(
            ACME,
            vec![known(&[P2, U1.replace("aaa", "ccc").as_str()], NOON)],
        )
        .await
        .unwrap();
    ledger.append(yes(&[P2], "marketing", NOON)).await.unwrap();
    ledger
        .learn(ACME, vec![known(&[P2, "US.ENT.zzz999"], NOON + SECOND)])
        .await
        .unwrap();
    assert!(allows(&offer(&ledger, P2, NOON + 2 * SECOND).await));
    assert_clean(&ledger).await;
}

pub(crate) async fn a_doubtful_spelling_joins_for_every_no_and_never_for_a_yes(place: Place) {
    let ledger = place.open().await;
    let (mobile, doubtful) = ("5491155551234", "541155551234");
    ledger
        .append(yes(&[mobile], "marketing", NOON))
        .await
        .unwrap();
    assert!(allows(&offer(&ledger, mobile, NOON + 1).await));
    assert_eq!(
        first_rule(&offer(&ledger, doubtful, NOON + 1).await),
        Rule::ConsentMissing
    );
    ledger
        .append(no(&[doubtful], "marketing", NOON + SECOND))
        .await
        .unwrap();
    assert_eq!(
        first_rule(&offer(&ledger, mobile, NOON + 2 * SECOND).await),
        Rule::OptedOut
    );
    assert_clean(&ledger).await;
    let ledger = place.reopen(ledger).await;
    assert_eq!(
        first_rule(&offer(&ledger, doubtful, NOON + 2 * SECOND).await),
        Rule::OptedOut
    );
}

pub(crate) async fn a_key_appends_once(place: Place) {
    let ledger = place.open().await;
    let mut stop = no(&[P1], "marketing", NOON);
    stop.dedup = Some("wamid.9".into());
    let first = ledger.append(stop.clone()).await.unwrap();
    let again = ledger.append(stop.clone()).await.unwrap();
    assert_eq!(
        (first.id, first.repeated, again.id, again.repeated),
        (again.id, false, first.id, true)
    );
    assert_eq!(first.head, again.head);
    stop.business = BOND;
    assert!(!ledger.append(stop).await.unwrap().repeated);
    assert_eq!(ledger.export(ACME, None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn an_import_is_exported_in_order(place: Place) {
    let ledger = place.open().await;
    let rows: Vec<_> = (0..50)
        .map(|n| yes(&[&format!("1555123{n:04}")], "marketing", NOON + n))
        .collect();
    let answers = ledger.append_all(rows.clone()).await.unwrap();
    assert!(answers.iter().all(Result::is_ok));
    let first = ledger.export(ACME, None, 20).await.unwrap();
    let rest = ledger.export(ACME, Some(first[19].id), 100).await.unwrap();
    let exported: Vec<_> = first
        .into_iter()
        .chain(rest)
        .map(|stored| stored.event)
        .collect();
    assert_eq!(exported, rows);
    ledger
        .append(no(&["15551230007"], "all", NOON))
        .await
        .unwrap();
    assert_eq!(
        ledger.stops(ACME, 5).await.unwrap()[0].identifier,
        id("15551230007")
    );
}

pub(crate) async fn the_newest_answer_about_calls_stands(place: Place) {
    let ledger = place.open().await;
    let answer = |at_ms, until_ms| Effect::CallPermission {
        person: ids(&[P1]),
        number: "n1".into(),
        at_ms,
        until_ms,
    };
    let until = |ledger: greenline_ledger::Ledger| async move {
        ledger.preview(text(P1, NOON)).await.unwrap().people[0].call_permission_until_ms
    };
    ledger
        .learn(
            ACME,
            vec![answer(NOON, Some(NOON + 9)), answer(NOON - 1, None)],
        )
        .await
        .unwrap();
    assert_eq!(until(ledger.clone()).await, Some(NOON + 9));
    ledger
        .learn(ACME, vec![answer(NOON + 1, None)])
        .await
        .unwrap();
    assert_eq!(until(ledger.clone()).await, None);
    assert_eq!(until(place.reopen(ledger).await).await, None);
}

pub(crate) async fn a_stop_finds_sends_from_before_two_people_were_linked(place: Place) {
    let ledger = place.open().await;
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    ledger.append(yes(&[U1], "marketing", NOON)).await.unwrap();
    let first = ledger.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    let second = ledger.admit(template(U1, "offer", NOON + 1)).await.unwrap();
    ledger
        .learn(ACME, vec![known(&[P1, U1], NOON + SECOND)])
        .await
        .unwrap();
    let appended = ledger
        .append(no(&[U1], "all", NOON + 2 * SECOND))
        .await
        .unwrap();
    assert_eq!(appended.flights.len(), 2);
    drop((first, second));
    assert!(
        appended
            .flights
            .iter()
            .all(greenline_ledger::flight::Watch::is_over)
    );
}

pub(crate) async fn what_a_replaced_user_id_grants_later_is_not_the_persons(place: Place) {
    let ledger = place.open().await;
    let replaced = vec![known(&[P1, U1], NOON), known(&[P1, U2], NOON + SECOND)];
    ledger.learn(ACME, replaced).await.unwrap();
    let late = yes(&[U1], "marketing", NOON + 2 * SECOND);
    ledger.append(late).await.unwrap();
    let later_ms = NOON + 3 * SECOND;
    assert_eq!(
        first_rule(&offer(&ledger, P1, later_ms).await),
        Rule::ConsentMissing
    );
    let own = yes(&[U2], "marketing", later_ms);
    ledger.append(own).await.unwrap();
    assert!(allows(&offer(&ledger, P1, later_ms + 1).await));
    assert_clean(&ledger).await;
}
