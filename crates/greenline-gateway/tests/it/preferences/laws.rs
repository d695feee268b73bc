//! Law 1 by this avenue, and whom a link's acts reach.

use std::sync::Arc;
use std::time::Duration;

use greenline_ledger::types::{Admitted, Ask, BusinessIx, Effect, Mode, TemplateRef};
use greenline_policy::decide::{Intent, Rules, Verdict};
use greenline_policy::identity::Identifier;
use http::StatusCode;

use super::{ANN, BOB, Door, NOW_MS};

async fn send(door: &Door, to: &str) -> Admitted {
    let ask = Ask {
        business: BusinessIx(0),
        number: Arc::from("106540352242922"),
        waba_id: Arc::from("102290129340398"),
        app: Arc::from("bot"),
        to: [Identifier::parse(to).unwrap()].into_iter().collect(),
        intent: Intent::Template,
        template: Some(TemplateRef {
            waba_id: Arc::from("102290129340398"),
            name: "spring_offer".into(),
            language: "en".into(),
            topic: None,
            marked_ask: false,
            own: None,
        }),
        body_hash: [7; 16],
        rules: Rules::default(),
        mode: Mode::Enforce,
        now_ms: door.app.clock.now_ms(),
        // So late that only the end of the send itself ends the wait.
        dispatch_by: door.app.clock.instant() + Duration::from_secs(3_600),
        confirms: None,
        places: Default::default(),
        caps: Default::default(),
        paced: false,
        reply: None,
        keep: None,
        release: None,
    };
    door.app.ledger.admit(ask).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_says_off_only_when_nothing_sent_before_can_still_leave() {
    for undone in [false, true] {
        let door = Door::new();
        door.grant(ANN, "marketing").await;
        let token = door.link(ANN).await;
        if undone {
            let page = door.turn_off(&token, "marketing").await;
            let undo = page.field("undo").unwrap();
            door.press(&token, &[("form", &page.form()), ("undo", &undo)])
                .await;
            door.later(1_000);
        }
        let form = door.open(&token).await.form();
        let sent = send(&door, ANN).await;
        assert_eq!(sent.decision.verdict, Verdict::Allow);
        let flight = sent.flight.unwrap();
        let fields = [("form", form.as_str()), ("off", "marketing")];
        let mut pressing = std::pin::pin!(door.press(&token, &fields));
        // It is in force soon, though not yet said.
        let in_force = async {
            while send(&door, ANN).await.decision.verdict != Verdict::Refuse {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = &mut pressing => panic!("answered while a send was on its way"),
            () = in_force => {}
        }
        let early = tokio::time::timeout(Duration::from_millis(300), &mut pressing).await;
        assert!(early.is_err(), "answered while a send was on its way");
        drop(flight);
        assert_eq!(pressing.await.status, StatusCode::SEE_OTHER);
        assert_eq!(send(&door, ANN).await.decision.verdict, Verdict::Refuse);
    }
}

#[tokio::test]
async fn a_link_acts_on_the_whole_person() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    door.grant(BOB, "marketing").await;
    let (anns, bobs) = (door.link(ANN).await, door.link(BOB).await);
    let person = super::identifiers().map(|who| Identifier::parse(who).unwrap());
    let known = Effect::Known {
        person: person.into_iter().collect(),
        at_ms: NOW_MS,
    };
    door.app
        .ledger
        .learn(BusinessIx(0), vec![known])
        .await
        .unwrap();
    door.later(1_000);
    door.turn_off(&bobs, "marketing").await;
    for who in [ANN, BOB] {
        assert_eq!(door.standing(who, "marketing").await, "refused", "{who}");
        assert_eq!(send(&door, who).await.decision.verdict, Verdict::Refuse);
    }
    let page = door.open(&anns).await;
    assert!(
        !page.pressable().contains(&"marketing"),
        "the other link shows it"
    );
    let path = format!("/v1/people/{ANN}/links?business=acme");
    let answer = door.admin("DELETE", &path, serde_json::Value::Null).await;
    assert_eq!(answer.json()["people"], 2);
    for token in [anns, bobs] {
        assert_eq!(door.open(&token).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_no_from_the_old_number_follows_to_the_new_one() {
    let door = Door::new();
    door.grant(ANN, "marketing").await;
    let token = door.link(ANN).await;
    let [from, to] = super::identifiers().map(|who| Identifier::parse(who).unwrap());
    let moved = Effect::Moved {
        from,
        to,
        at_ms: NOW_MS,
    };
    door.app
        .ledger
        .learn(BusinessIx(0), vec![moved])
        .await
        .unwrap();
    door.later(1_000);
    door.turn_off(&token, "all").await;
    assert_eq!(door.standing(BOB, "marketing").await, "refused");
}

#[tokio::test]
async fn a_spelling_that_may_be_a_landline_keeps_its_own_yes() {
    let door = Door::new();
    let (landline, mobile) = ("541123456789", "5491123456789");
    door.grant(landline, "marketing").await;
    let token = door.link(landline).await;
    assert_ne!(token, door.link(mobile).await);
    let page = door.turn_off(&token, "marketing").await;
    for who in [landline, mobile] {
        assert_eq!(
            door.standing(who, "marketing").await,
            "refused",
            "every no joins"
        );
    }
    let undo = page.field("undo").unwrap();
    door.press(&token, &[("form", &page.form()), ("undo", &undo)])
        .await;
    assert_eq!(door.standing(landline, "marketing").await, "covered");
    assert_eq!(
        door.standing(mobile, "marketing").await,
        "refused",
        "no yes crosses over"
    );
}
