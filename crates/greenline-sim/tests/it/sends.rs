//! Sends: what is answered at once, what fails later, what statuses follow.

use greenline_sim::{
    AccountChange, Inbound, NumberChange, Restriction, SAMPLE_ACCOUNT, SAMPLE_NUMBER,
};
use http::Method;
use serde_json::{Value, json};

use crate::support::{
    DANA, SOON, TOKEN, call, get, post, quick, send, start, template, text, with_receiver,
};

#[tokio::test]
async fn a_template_is_accepted_and_its_statuses_follow() {
    let (sim, receiver) = with_receiver(quick()).await;
    let got = send(&sim, &template(DANA, "order_update", &["12345"])).await;
    let answer = got.json();
    assert_eq!(answer["messaging_product"], "whatsapp");
    assert_eq!(answer["contacts"], json!([{"input": DANA, "wa_id": DANA}]));
    assert_eq!(answer["messages"][0]["message_status"], "accepted");
    let wamid = got.wamid();
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&wamid), ["sent", "delivered"]);
    for hook in receiver.hooks() {
        assert!(hook.signature_is_right());
        assert!(hook.body.is_ascii());
    }
    let status = &receiver.taken()[0]["value"]["statuses"][0];
    assert_eq!(
        status["pricing"],
        json!({"billable": true, "pricing_model": "PMP", "type": "regular", "category": "utility"})
    );
    let contact = &receiver.taken()[0]["value"]["contacts"][0];
    assert_eq!(contact["wa_id"], DANA);
    assert!(contact["user_id"].as_str().unwrap().starts_with("US.8"));
}

#[tokio::test]
async fn what_the_send_carried_comes_back_in_its_statuses() {
    let (sim, receiver) = with_receiver(quick()).await;
    let mut body = template(DANA, "order_update", &["1"]);
    body["biz_opaque_callback_data"] = Value::from("decision 7");
    send(&sim, &body).await.wamid();
    assert!(sim.settle(SOON).await);
    for change in receiver.taken() {
        let status = &change["value"]["statuses"][0];
        assert_eq!(status["biz_opaque_callback_data"], "decision 7");
    }
}

#[tokio::test]
async fn outside_the_window_free_form_is_accepted_and_fails_later() {
    let (sim, receiver) = with_receiver(quick()).await;
    let wamid = send(&sim, &text(DANA, "Hello")).await.wamid();
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&wamid), ["failed"]);
    let value = &receiver.taken()[0]["value"];
    assert_eq!(value["statuses"][0]["errors"][0]["code"], 131_047);
    assert!(value.get("contacts").is_none());
}

#[tokio::test]
async fn a_window_opens_with_a_message_and_closes_after_a_day() {
    let (sim, receiver) = with_receiver(quick()).await;
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    let open = send(&sim, &text(DANA, "Hello")).await.wamid();
    sim.advance(std::time::Duration::from_secs(24 * 3_600 + 1));
    let closed = send(&sim, &text(DANA, "Hello again")).await.wamid();
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&open), ["sent", "delivered"]);
    assert_eq!(receiver.statuses(&closed), ["failed"]);
}

#[tokio::test]
async fn malformed_sends_are_refused_at_once() {
    let sim = start(quick()).await;
    let hello = json!({"body": "Hello"});
    for (body, code) in [
        (json!({"to": DANA, "type": "text", "text": hello}), 100),
        (
            json!({"messaging_product": "whatsapp", "type": "text", "text": hello}),
            100,
        ),
        (
            json!({"messaging_product": "whatsapp", "to": DANA, "type": "text"}),
            100,
        ),
        (
            json!({"messaging_product": "whatsapp", "to": DANA, "type": "poem", "poem": {}}),
            100,
        ),
        (
            json!({"messaging_product": "whatsapp", "to": DANA, "type": "image", "image": {}}),
            100,
        ),
        (
            json!({"messaging_product": "whatsapp", "recipient": "US.812", "type": "text", "text": hello}),
            131_009,
        ),
        (template(DANA, "no_such_template", &[]), 132_001),
        (template(DANA, "order_update", &[]), 132_000),
        (template(DANA, "order_update", &["1", "2"]), 132_000),
        (template(DANA, "paused_offer", &[]), 132_015),
        (template(DANA, "disabled_offer", &[]), 132_016),
    ] {
        let got = send(&sim, &body).await;
        assert_eq!(got.error_code(), code, "{body}");
        let error = &got.json()["error"];
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("(#{code}) ")), "{message}");
        assert_eq!(error["type"], "OAuthException");
        assert!(error["fbtrace_id"].is_string());
    }
}

#[tokio::test]
async fn a_number_of_another_token_does_not_exist() {
    let sim = start(quick()).await;
    let got = post(&sim, "/999/messages", &text(DANA, "Hello")).await;
    assert_eq!(got.status, 400);
    assert_eq!(got.error_code(), 100);
    assert_eq!(got.json()["error"]["error_subcode"], 33);
}

#[tokio::test]
async fn a_bad_token_opens_nothing() {
    let sim = start(quick()).await;
    for token in [None, Some("guessed")] {
        let path = format!("/{SAMPLE_NUMBER}/messages");
        let body = text(DANA, "Hello").to_string();
        let got = call(&sim, Method::POST, &path, "application/json", token, body)
            .await
            .unwrap();
        assert_eq!((got.status, got.error_code()), (401, 190));
        assert!(got.headers.contains_key("www-authenticate"));
    }
}

#[tokio::test]
async fn forms_and_tokens_in_the_address_are_understood() {
    let sim = start(quick()).await;
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("messaging_product", "whatsapp")
        .append_pair("to", DANA)
        .append_pair("type", "template")
        .append_pair(
            "template",
            r#"{"name":"spring_offer","language":{"code":"en_US"}}"#,
        )
        .finish();
    let path = format!("/{SAMPLE_NUMBER}/messages?access_token={TOKEN}");
    let kind = "application/x-www-form-urlencoded";
    let got = call(&sim, Method::POST, &path, kind, None, form)
        .await
        .unwrap();
    got.wamid();
    let request = sim.requests(0).pop().unwrap();
    assert_eq!(request.to.as_deref(), Some(DANA));
    assert_eq!(request.kind.as_deref(), Some("template"));
    assert_eq!(request.template.as_deref(), Some("spring_offer"));
    assert!(!request.path.contains(TOKEN));
}

#[tokio::test]
async fn a_person_can_be_addressed_by_user_id() {
    let (sim, receiver) = with_receiver(quick()).await;
    let person = sim.person(SAMPLE_NUMBER, DANA).unwrap();
    let mut body = template(DANA, "spring_offer", &[]);
    body.as_object_mut().unwrap().remove("to");
    body["recipient"] = Value::from(person.user_id.as_str());
    let got = send(&sim, &body).await;
    assert_eq!(
        got.json()["contacts"],
        json!([{"input": person.user_id, "user_id": person.user_id}])
    );
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&got.wamid()), ["sent", "delivered"]);
    // Codes need the phone number.
    body["template"] = template(DANA, "login_code", &["123456"])["template"].clone();
    assert_eq!(send(&sim, &body).await.error_code(), 131_062);
}

#[tokio::test]
async fn reading_is_marked_and_typing_shown() {
    let sim = start(quick()).await;
    let mut body =
        json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"});
    assert_eq!(send(&sim, &body).await.json(), json!({"success": true}));
    body["typing_indicator"] = json!({"type": "text"});
    assert_eq!(send(&sim, &body).await.json(), json!({"success": true}));
    assert!(sim.requests(0).iter().all(|request| !request.is_send()));
    body["message_id"] = Value::from("");
    assert_eq!(send(&sim, &body).await.error_code(), 100);
}

#[tokio::test]
async fn the_marketing_endpoint_takes_only_marketing() {
    let (sim, receiver) = with_receiver(quick()).await;
    let path = format!("/{SAMPLE_NUMBER}/marketing_messages");
    let offer = post(&sim, &path, &template(DANA, "spring_offer", &[])).await;
    let update = post(&sim, &path, &template(DANA, "order_update", &["1"])).await;
    assert_eq!(update.error_code(), 134_100);
    let hello = post(&sim, &path, &text(DANA, "Hello")).await;
    assert_eq!(hello.error_code(), 131_055);
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.statuses(&offer.wamid()), ["sent", "delivered"]);
    let pricing = &receiver.taken()[0]["value"]["statuses"][0]["pricing"];
    assert_eq!(pricing["category"], "marketing_lite");
}

#[tokio::test]
async fn states_of_number_and_account_stop_sends() {
    let sim = start(quick()).await;
    let offer = template(DANA, "spring_offer", &[]);
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    let number = |status: &str| NumberChange {
        status: Some(status.to_owned()),
        ..NumberChange::default()
    };
    for (status, template_code, reply_code) in [
        ("DISCONNECTED", 133_010, Some(133_010)),
        ("BANNED", 131_031, Some(131_031)),
        ("RESTRICTED", 131_048, None),
    ] {
        sim.change_number(SAMPLE_NUMBER, &number(status)).unwrap();
        assert_eq!(send(&sim, &offer).await.error_code(), template_code);
        let reply = send(&sim, &text(DANA, "Hello")).await;
        match reply_code {
            Some(code) => assert_eq!(reply.error_code(), code),
            None => drop(reply.wamid()),
        }
    }
    sim.change_number(SAMPLE_NUMBER, &number("CONNECTED"))
        .unwrap();
    let restriction = Restriction {
        kind: "RESTRICTED_BIZ_INITIATED_MESSAGING".to_owned(),
        expires_s: sim.now_ms() / 1_000 + 3_600,
    };
    let restricted = AccountChange {
        restrictions: Some(vec![restriction]),
        ..AccountChange::default()
    };
    sim.change_account(SAMPLE_ACCOUNT, &restricted).unwrap();
    let got = send(&sim, &offer).await;
    assert_eq!((got.status, got.error_code()), (403, 368));
    send(&sim, &text(DANA, "Hello")).await.wamid();
    sim.advance(std::time::Duration::from_secs(3_601));
    send(&sim, &offer).await.wamid();
    let health = get(&sim, &format!("/{SAMPLE_NUMBER}?fields=health_status")).await;
    assert_eq!(
        health.json()["health_status"]["can_send_message"],
        "AVAILABLE"
    );
}

#[tokio::test]
async fn calls_need_permission() {
    let sim = start(quick()).await;
    let path = format!("/{SAMPLE_NUMBER}/calls");
    let body = json!({"messaging_product": "whatsapp", "to": DANA, "action": "connect",
        "session": {"sdp_type": "offer", "sdp": "v=0"}});
    assert_eq!(post(&sim, &path, &body).await.error_code(), 138_006);
    let mut yes = Inbound::from(SAMPLE_NUMBER, DANA);
    yes.call_permission = Some(greenline_sim::CallPermission {
        accept: true,
        expires_s: None,
    });
    sim.inbound(&yes).unwrap();
    let got = post(&sim, &path, &body).await;
    let id = got.json()["calls"][0]["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("wacid."));
}

#[tokio::test]
async fn spellings_of_one_mobile_are_one_person() {
    let sim = start(quick()).await;
    for (written, wa_id) in [
        ("+52 55 1234 5678", "5215512345678"),
        ("5215512345678", "5215512345678"),
        ("55 31 99876 5432", "553198765432"),
        ("55 11 9876 5432", "5511998765432"),
        ("+1 (555) 010-0123", DANA),
    ] {
        let got = send(&sim, &template(written, "spring_offer", &[])).await;
        let contact = &got.json()["contacts"][0];
        assert_eq!(contact["input"], written);
        assert_eq!(contact["wa_id"], wa_id);
    }
}
