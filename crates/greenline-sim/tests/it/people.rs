//! People: native stops, ids, moves, and what they do by themselves.

use greenline_sim::config::{Behaviour, StopReach};
use greenline_sim::{Inbound, Reaction, SAMPLE_NUMBER, SimConfig, Unclear};
use serde_json::json;

use crate::support::{DANA, SOON, get, post, quick, send, start, template, text, with_receiver};

#[tokio::test]
async fn a_native_stop_lets_marketing_fail_and_nothing_else() {
    let (sim, receiver) = with_receiver(quick()).await;
    sim.native_stop(SAMPLE_NUMBER, DANA).unwrap();
    let offer = send(&sim, &template(DANA, "spring_offer", &[]))
        .await
        .wamid();
    let update = send(&sim, &template(DANA, "order_update", &["1"]))
        .await
        .wamid();
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&offer), ["failed"]);
    assert_eq!(receiver.statuses(&update), ["sent", "delivered"]);
    let told = receiver.taken();
    let preference = &told[0]["value"]["user_preferences"][0];
    assert_eq!(told[0]["field"], "user_preferences");
    assert_eq!(preference["value"], "stop");
    assert_eq!(preference["wa_id"], DANA);
    assert!(preference["timestamp"].is_i64());

    sim.native_resume(SAMPLE_NUMBER, DANA).unwrap();
    let offer = send(&sim, &template(DANA, "spring_offer", &[]))
        .await
        .wamid();
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&offer), ["sent", "delivered"]);
}

#[tokio::test]
async fn a_person_who_moves_has_other_ids_no_window_and_the_same_stop() {
    let (sim, receiver) = with_receiver(quick()).await;
    let other = "15550100456";
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    sim.native_stop(SAMPLE_NUMBER, DANA).unwrap();
    let before = sim.person(SAMPLE_NUMBER, DANA).unwrap();
    sim.move_person(SAMPLE_NUMBER, DANA, other).unwrap();
    let after = sim.person(SAMPLE_NUMBER, other).unwrap();
    assert_ne!(before.user_id, after.user_id);
    assert!(after.windows.is_empty());
    assert_eq!(before.native_stops, after.native_stops);
    let told = receiver.wait(3).await[2].changes();
    let value = &told[0]["value"];
    assert!(value.get("contacts").is_none());
    let message = &value["messages"][0];
    assert_eq!(message["from"], DANA);
    assert_eq!(message["system"]["type"], "user_changed_number");
    assert_eq!(message["system"]["wa_id"], other);
    assert_eq!(message["system"]["previous_user_id"], before.user_id);
    assert_eq!(message["system"]["user_id"], after.user_id);
}

#[tokio::test]
async fn a_button_answers_the_last_message() {
    let (sim, receiver) = with_receiver(quick()).await;
    let offer = send(&sim, &template(DANA, "spring_offer", &[]))
        .await
        .wamid();
    assert!(sim.settle(SOON).await);
    sim.inbound(&Inbound::button(SAMPLE_NUMBER, DANA, "Stop promotions"))
        .unwrap();
    let message = receiver.wait(3).await[2].changes()[0]["value"]["messages"][0].clone();
    assert_eq!(message["type"], "button");
    assert_eq!(
        message["button"],
        json!({"payload": "Stop promotions", "text": "Stop promotions"})
    );
    assert_eq!(
        message["context"],
        json!({"from": "15550100001", "id": offer})
    );
}

#[tokio::test]
async fn whether_a_reaction_opens_the_window_is_the_worlds_choice() {
    for opens in [false, true] {
        let config = SimConfig {
            unclear: Some(Unclear {
                reaction_opens_window: opens,
                ..quick().unclear.unwrap()
            }),
            ..quick()
        };
        let sim = start(config).await;
        let mut reaction = Inbound::from(SAMPLE_NUMBER, DANA);
        reaction.reaction = Some(Reaction {
            message_id: "wamid.X".to_owned(),
            emoji: Some("👍".to_owned()),
        });
        sim.inbound(&reaction).unwrap();
        let person = sim.person(SAMPLE_NUMBER, DANA).unwrap();
        assert_eq!(!person.windows.is_empty(), opens);
    }
}

#[tokio::test]
async fn how_far_a_native_stop_reaches_is_the_worlds_choice() {
    for (reach, word) in [
        (StopReach::Portfolio, "portfolio"),
        (StopReach::Account, "account"),
        (StopReach::Number, "number"),
    ] {
        let config = SimConfig {
            unclear: Some(Unclear {
                native_stop_reach: reach,
                ..quick().unclear.unwrap()
            }),
            ..quick()
        };
        let sim = start(config).await;
        sim.native_stop(SAMPLE_NUMBER, DANA).unwrap();
        let stops = sim.person(SAMPLE_NUMBER, DANA).unwrap().native_stops;
        assert!(stops[0].starts_with(word), "{stops:?}");
    }
}

#[tokio::test]
async fn people_read_and_answer_by_themselves() {
    let config = SimConfig {
        behaviour: Behaviour {
            read_share: 1.0,
            reply_share: 1.0,
            native_stop_share: 1.0,
            replies: vec!["STOP".to_owned()],
            ..Behaviour::default()
        },
        ..quick()
    };
    let (sim, receiver) = with_receiver(config).await;
    let offer = send(&sim, &template(DANA, "spring_offer", &[]))
        .await
        .wamid();
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&offer), ["sent", "delivered", "read"]);
    let told = receiver.taken();
    assert!(
        told.iter()
            .any(|change| change["field"] == "user_preferences")
    );
    assert!(
        told.iter()
            .any(|change| change["value"]["messages"][0]["text"]["body"] == "STOP")
    );
    // The answer opened the window.
    let reply = send(&sim, &text(DANA, "Done")).await.wamid();
    assert!(sim.settle(SOON).await);
    assert!(!receiver.statuses(&reply).contains(&"failed".to_owned()));
}

#[tokio::test]
async fn whoever_shows_only_a_username_has_no_number_in_webhooks() {
    let (sim, receiver) = with_receiver(quick()).await;
    let mut inbound = Inbound::text(SAMPLE_NUMBER, DANA, "Hello");
    inbound.username = Some("dana.example".to_owned());
    inbound.hides_number = Some(true);
    sim.inbound(&inbound).unwrap();
    let value = receiver.wait(1).await[0].changes()[0]["value"].clone();
    assert!(value["contacts"][0].get("wa_id").is_none());
    assert_eq!(value["contacts"][0]["profile"]["username"], "dana.example");
    assert!(value["messages"][0].get("from").is_none());
    assert!(value["messages"][0]["from_user_id"].is_string());
}

#[tokio::test]
async fn only_those_who_wrote_lately_can_be_blocked() {
    let (sim, receiver) = with_receiver(quick()).await;
    let path = format!("/{SAMPLE_NUMBER}/block_users");
    let body = json!({"messaging_product": "whatsapp", "block_users": [{"user": DANA}]});
    let got = post(&sim, &path, &body).await.json();
    assert_eq!(got["block_users"]["failed_users"][0]["wa_id"], DANA);
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    let got = post(&sim, &path, &body).await.json();
    assert_eq!(got["block_users"]["added_users"][0]["wa_id"], DANA);
    let listed = get(&sim, &path).await.json();
    assert_eq!(listed["data"][0]["wa_id"], DANA);
    let written = sim
        .inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hello?"))
        .unwrap();
    assert!(!written.told);
    let update = send(&sim, &template(DANA, "order_update", &["1"]))
        .await
        .wamid();
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&update), ["failed"]);
}

#[tokio::test]
async fn operators_act_for_people_over_http() {
    let (sim, receiver) = with_receiver(quick()).await;
    let body = json!({"number": SAMPLE_NUMBER, "from": DANA, "text": "STOP"});
    let got = post(&sim, "/_sim/inbound", &body).await.json();
    assert_eq!(got["told"], true);
    let body = json!({"number": SAMPLE_NUMBER});
    for act in ["stop", "resume", "new_user_id", "new_identity"] {
        let got = post(&sim, &format!("/_sim/people/{DANA}/{act}"), &body).await;
        assert_eq!(got.json()["told"], true, "{act}");
    }
    receiver.wait(5).await;
    let seen = get(&sim, &format!("/_sim/people/{DANA}")).await.json();
    assert_eq!(seen["windows"], json!([SAMPLE_NUMBER]));
    let misspelt = json!({"number": SAMPLE_NUMBER, "from": DANA, "txt": "STOP"});
    assert_eq!(post(&sim, "/_sim/inbound", &misspelt).await.status, 400);
    let empty = json!({"number": SAMPLE_NUMBER, "from": DANA});
    assert_eq!(post(&sim, "/_sim/inbound", &empty).await.status, 400);
    let log = get(&sim, "/_sim/deliveries?since=4").await.json();
    assert_eq!(log["deliveries"].as_array().unwrap().len(), 1);
}
