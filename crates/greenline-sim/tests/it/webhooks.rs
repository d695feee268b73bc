//! Webhooks: taken, retried, doubled, batched, refused.

use greenline_sim::config::Webhooks;
use greenline_sim::{
    AccountChange, Effect, EventKind, Fault, Inbound, Match, NumberChange, SAMPLE_ACCOUNT,
    SAMPLE_NUMBER, SimConfig, TemplateChange,
};
use serde_json::json;

use crate::support::{DANA, Receiver, SOON, delete, get, post, quick, send, start, with_receiver};

#[tokio::test]
async fn a_webhook_is_retried_until_it_is_taken() {
    let (sim, receiver) = with_receiver(quick()).await;
    receiver.answer_next(&[503, 500, 404]);
    let written = sim
        .inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "STOP"))
        .unwrap();
    assert!(written.told);
    let delivery = sim.wait_acknowledged(SOON, &written.id).await.unwrap();
    let statuses: Vec<_> = delivery
        .attempts
        .iter()
        .map(|a| a.status.unwrap())
        .collect();
    assert_eq!(statuses, [503, 500, 404, 200]);
    assert_eq!(delivery.kinds, [EventKind::Inbound]);
    assert!(delivery.acknowledged_ns().unwrap() <= sim.elapsed_ns());
    let hooks = receiver.wait(4).await;
    assert!(hooks.iter().all(|hook| hook.body == hooks[0].body));
    assert!(hooks.iter().all(|hook| hook.signature_is_right()));
}

#[tokio::test]
async fn gaps_between_retries_grow() {
    let config = SimConfig {
        speed: 20.0,
        ..quick()
    };
    let (sim, receiver) = with_receiver(config).await;
    receiver.answer_next(&[503; 3]);
    let written = sim
        .inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    let delivery = sim.wait_acknowledged(SOON, &written.id).await.unwrap();
    let starts: Vec<u64> = delivery.attempts.iter().map(|a| a.started_ns).collect();
    let gaps: Vec<u64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // A timer may be late, never early.
    for (gap, least_ms) in gaps.iter().zip([50, 100, 200]) {
        assert!(*gap >= least_ms * 1_000_000, "{gaps:?}");
    }
}

#[tokio::test]
async fn a_webhook_that_is_never_taken_is_given_up() {
    let config = SimConfig {
        webhooks: Webhooks {
            retry_for_ms: 3_000,
            ..quick().webhooks
        },
        ..quick()
    };
    let (sim, receiver) = with_receiver(config).await;
    receiver.answer_next(&[503; 50]);
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    assert!(sim.settle(SOON).await);
    let delivery = sim.deliveries(0).pop().unwrap();
    assert!(!delivery.is_acknowledged());
    assert_eq!(delivery.attempts.len(), 3);
}

#[tokio::test]
async fn nobody_listening_is_an_error_and_a_retry() {
    let sim = start(quick()).await;
    // A port that was free a moment ago.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", closed.local_addr().unwrap());
    drop(closed);
    sim.set_callback(None, &url, "").unwrap();
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    let delivery = sim
        .wait_delivery(SOON, |delivery| delivery.attempts.len() >= 2)
        .await
        .unwrap();
    assert!(delivery.attempts[0].error.is_some());
    sim.stop().await;
}

#[tokio::test]
async fn the_order_is_kept_with_one_call_at_a_time() {
    let (sim, receiver) = with_receiver(quick()).await;
    for count in 0..50 {
        let body = count.to_string();
        sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, &body))
            .unwrap();
    }
    receiver.wait(50).await;
    let bodies: Vec<String> = receiver
        .taken()
        .iter()
        .map(|change| {
            change["value"]["messages"][0]["text"]["body"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let expected: Vec<String> = (0..50).map(|count| count.to_string()).collect();
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn several_events_may_come_in_one_call() {
    let config = SimConfig {
        speed: 1.0,
        webhooks: Webhooks {
            batch_max: 3,
            batch_wait_ms: 10_000,
            calls_max: 1,
            ..Webhooks::default()
        },
        ..quick()
    };
    let (sim, receiver) = with_receiver(config).await;
    for body in ["one", "two", "three"] {
        sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, body))
            .unwrap();
    }
    let hooks = receiver.wait(1).await;
    assert_eq!(hooks[0].changes().len(), 3);
    assert!(hooks[0].signature_is_right());
    let delivery = sim
        .wait_delivery(SOON, |delivery| delivery.is_acknowledged())
        .await
        .unwrap();
    assert_eq!(delivery.ids.len(), 3);
}

#[tokio::test]
async fn a_script_doubles_loses_and_spoils() {
    let (sim, receiver) = with_receiver(quick()).await;
    let for_inbound = |effect| Fault {
        matches: Match {
            webhook: Some("messages".to_owned()),
            event: Some("inbound".to_owned()),
            ..Match::default()
        },
        effect,
        count: Some(1),
    };
    sim.fault(for_inbound(Effect {
        duplicate: 2,
        ..Effect::default()
    }));
    let doubled = sim
        .inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "one"))
        .unwrap();
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.hooks().len(), 3);
    let copies = sim.deliveries(0);
    assert!(copies.iter().all(|copy| copy.ids == [doubled.id.as_str()]));
    assert_eq!(copies[1].duplicate_of, Some(copies[0].seq));

    sim.fault(for_inbound(Effect {
        lose: true,
        ..Effect::default()
    }));
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "two"))
        .unwrap();
    assert!(sim.settle(SOON).await);
    assert_eq!(receiver.hooks().len(), 3);

    sim.fault(for_inbound(Effect {
        bad_signature: true,
        ..Effect::default()
    }));
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "three"))
        .unwrap();
    assert!(sim.settle(SOON).await);
    assert!(!receiver.hooks()[3].signature_is_right());
}

#[tokio::test]
async fn a_delayed_webhook_is_overtaken() {
    let (sim, receiver) = with_receiver(quick()).await;
    sim.fault(Fault {
        matches: Match {
            webhook: Some("*".to_owned()),
            ..Match::default()
        },
        effect: Effect {
            delay_ms: 300_000,
            ..Effect::default()
        },
        count: Some(1),
    });
    for body in ["first", "second"] {
        sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, body))
            .unwrap();
    }
    receiver.wait(2).await;
    let bodies: Vec<_> = receiver
        .taken()
        .iter()
        .map(|change| change["value"]["messages"][0]["text"]["body"].clone())
        .collect();
    assert_eq!(bodies, ["second", "first"]);
}

#[tokio::test]
async fn an_address_must_answer_the_set_up_call() {
    let receiver = Receiver::start().await;
    let sim = start(quick()).await;
    assert!(sim.subscribe(None, &receiver.url(), "wrong").await.is_err());
    let silent = sim
        .inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    assert!(!silent.told);
    sim.subscribe(None, &receiver.url(), "sim-verify-token")
        .await
        .unwrap();
    let told = sim
        .inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    assert!(told.told);
    receiver.wait(1).await;
}

#[tokio::test]
async fn overrides_take_messages_but_not_account_news() {
    let (sim, app) = with_receiver(quick()).await;
    let own = Receiver::start().await;
    let path = format!("/{SAMPLE_ACCOUNT}/subscribed_apps");
    let body = json!({"override_callback_uri": own.url(), "verify_token": "sim-verify-token"});
    assert_eq!(
        post(&sim, &path, &body).await.json(),
        json!({"success": true})
    );
    let listed = get(&sim, &path).await.json();
    assert_eq!(listed["data"][0]["override_callback_uri"], own.url());
    sim.inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    own.wait(1).await;
    let red = TemplateChange {
        quality: Some("RED".to_owned()),
        ..TemplateChange::default()
    };
    sim.change_template(901_500_000_000_002, &red).unwrap();
    let hooks = app.wait(1).await;
    assert_eq!(
        hooks[0].changes()[0]["field"],
        "message_template_quality_update"
    );
    delete(&sim, &path).await;
    let silent = sim
        .inbound(&Inbound::text(SAMPLE_NUMBER, DANA, "Hi"))
        .unwrap();
    assert!(!silent.told);
}

#[tokio::test]
async fn changes_of_templates_and_accounts_are_announced() {
    let (sim, receiver) = with_receiver(quick()).await;
    let template = |change: TemplateChange| sim.change_template(901_500_000_000_002, &change);
    let status = |status: &str| TemplateChange {
        status: Some(status.to_owned()),
        ..TemplateChange::default()
    };
    template(status("PAUSED")).unwrap();
    template(status("APPROVED")).unwrap();
    template(TemplateChange {
        correct_category: Some("UTILITY".to_owned()),
        ..TemplateChange::default()
    })
    .unwrap();
    sim.change_account(
        SAMPLE_ACCOUNT,
        &AccountChange {
            ban: Some("DISABLE".to_owned()),
            ..AccountChange::default()
        },
    )
    .unwrap();
    sim.change_number(
        SAMPLE_NUMBER,
        &NumberChange {
            messaging_limit: Some("TIER_10K".to_owned()),
            quality_rating: Some("RED".to_owned()),
            ..NumberChange::default()
        },
    )
    .unwrap();
    assert!(sim.settle(SOON).await);
    let told = receiver.taken();
    assert_eq!(told.len(), 5, "the colour of a number is never told");
    assert_eq!(told[0]["value"]["event"], "PAUSED");
    assert_eq!(told[0]["value"]["other_info"]["title"], "FIRST_PAUSE");
    assert_eq!(told[1]["value"]["event"], "APPROVED");
    assert_eq!(told[1]["value"]["other_info"]["title"], "UNPAUSE");
    assert_eq!(told[2]["value"]["new_category"], "MARKETING");
    assert_eq!(told[3]["value"]["ban_info"]["waba_ban_state"], "DISABLE");
    assert_eq!(
        told[4]["value"]["max_daily_conversations_per_business"],
        10_000
    );
    let offer = crate::support::template(DANA, "spring_offer", &[]);
    assert_eq!(send(&sim, &offer).await.error_code(), 131_031);
}

#[tokio::test]
async fn any_webhook_at_all_can_be_told() {
    let (sim, receiver) = with_receiver(quick()).await;
    let value =
        json!({"display_phone_number": "15550100001", "event": "PIN_CHANGED", "requester": "é"});
    assert!(sim.tell(SAMPLE_ACCOUNT, None, "security", &value));
    let hooks = receiver.wait(1).await;
    assert!(hooks[0].body.is_ascii());
    assert_eq!(hooks[0].changes()[0]["value"], value);
    let entry: serde_json::Value = serde_json::from_slice(&hooks[0].body).unwrap();
    assert!(entry["entry"][0]["time"].is_i64());
}
