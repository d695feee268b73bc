//! Preference links: whom one is made out to, and how all of a person's are revoked.

use crate::support::*;

const P1: &str = "15551230001";
const P2: &str = "15551230002";
const U1: &str = "US.aaa111";

pub(crate) async fn a_link_is_made_out_to_a_person_whom_it_finds_again(place: Place) {
    let ledger = place.open().await;
    ledger
        .learn(ACME, vec![known(&[P1], NOON), known(&[P2], NOON)])
        .await
        .unwrap();
    let asked = [id(P2), id("15559999999"), id(P1)];
    let holders = ledger.link_holders(ACME, &asked).await.unwrap();
    let [Some(two), None, Some(one)] = holders.as_slice() else {
        panic!("{holders:?}");
    };
    assert_eq!((&one.identifier, one.generation), (&id(P1), 0));
    assert_ne!(one.person, two.person);
    let view = ledger.person(ACME, &id(P1)).await.unwrap().unwrap();
    assert_eq!(view.id, one.person);
    let ledger = place.reopen(ledger).await;
    let found = ledger.link_holder(ACME, one.person).await.unwrap();
    assert_eq!(found.as_ref(), Some(one));
    assert_eq!(ledger.link_holder(BOND, one.person).await.unwrap(), None);
    assert_eq!(ledger.link_holders(BOND, &[id(P1)]).await.unwrap(), [None]);
    assert_eq!(ledger.link_holders(ACME, &[]).await.unwrap(), []);
}

pub(crate) async fn revoking_raises_the_generation_of_the_whole_person(place: Place) {
    let ledger = place.open().await;
    ledger
        .learn(
            ACME,
            vec![known(&[P1], NOON), known(&[U1], NOON), known(&[P2], NOON)],
        )
        .await
        .unwrap();
    let of = async |ledger: &greenline_ledger::Ledger, who: &str| {
        let holder = ledger
            .link_holders(ACME, &[id(who)])
            .await
            .unwrap()
            .remove(0);
        holder.unwrap().generation
    };
    assert_eq!(ledger.revoke_links(ACME, &id(P1), NOON).await.unwrap(), 1);
    assert_eq!(
        (
            of(&ledger, P1).await,
            of(&ledger, U1).await,
            of(&ledger, P2).await
        ),
        (1, 0, 0)
    );
    ledger
        .learn(ACME, vec![known(&[P1, U1], NOON + SECOND)])
        .await
        .unwrap();
    assert_eq!(
        ledger
            .revoke_links(ACME, &id(U1), NOON + 2 * SECOND)
            .await
            .unwrap(),
        2,
        "both of them are one"
    );
    let ledger = place.reopen(ledger).await;
    assert_eq!(
        (
            of(&ledger, P1).await,
            of(&ledger, U1).await,
            of(&ledger, P2).await
        ),
        (2, 1, 0)
    );
    let stranger = id("15559999999");
    assert_eq!(ledger.revoke_links(ACME, &stranger, NOON).await.unwrap(), 0);
    assert_eq!(ledger.revoke_links(BOND, &id(P1), NOON).await.unwrap(), 0);
    assert_clean(&ledger).await;
}

pub(crate) async fn what_is_done_through_a_link_is_done_under_the_first_number(place: Place) {
    let ledger = place.open().await;
    ledger
        .append(yes(&[U1, P2], "marketing", NOON))
        .await
        .unwrap();
    ledger
        .learn(ACME, vec![known(&[P2, P1], NOON + SECOND)])
        .await
        .unwrap();
    for asked in [U1, P1, P2] {
        let holders = ledger.link_holders(ACME, &[id(asked)]).await.unwrap();
        let holder = holders[0].as_ref().unwrap();
        assert_eq!(
            holder.identifier,
            id(P2),
            "{asked}: a number before an id, the first before others"
        );
    }
}
