//! What changed, from the outside: told once, with what stood before, by API and command alike, whoever said it and
//! however often; and what sends make of it.

use greenline_sim::{Effect, Fault, Match, NumberChange};
use hyper::Method;
use serde_json::{Value, json};

use crate::support::command::{run, run_with};
use crate::support::gateway::Gateway;
use crate::support::settings::{ACCOUNT, NUMBER, Settings};
use crate::support::store::{Store, on_each_store};
use crate::support::{platform, soon, webhook};

on_each_store! {
    what_changes_stands_on_the_timeline_once,
    what_holds_an_account_is_obeyed_by_sends,
}

const PERSON: &str = "15551230001";
const DAY: u64 = 24 * 60 * 60;

/// Reads follow each other fast.
fn often(settings: Settings) -> Settings {
    settings.with(&["upstream", "poll_interval_s"], 1)
}

async fn page(gateway: &Gateway, query: &str) -> Value {
    let target = format!("/v1/numbers/{NUMBER}/timeline?{query}");
    let answer = gateway.admin_get(&target).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    answer.json()
}

/// Every change of one kind, newest first: before, after, origin.
async fn changes(gateway: &Gateway, what: &str) -> Vec<(Value, Value, Value)> {
    let page = page(gateway, &format!("what={what}&limit=1000")).await;
    let entries = page["entries"].as_array().expect("entries");
    let of = |entry: &Value| {
        let changes = entry["changes"].as_array().expect("changes").clone();
        let mut found = changes.into_iter().filter(|change| change["what"] == what);
        let change = found.next().expect("a change");
        assert!(found.next().is_none(), "{entry}");
        let before = change["before"].clone();
        (before, change["after"].clone(), entry["origin"].clone())
    };
    entries.iter().map(of).collect()
}

/// Waits until something has changed so often.
async fn changed(gateway: &Gateway, what: &str, times: usize) -> Vec<(Value, Value, Value)> {
    let changed = async {
        loop {
            let found = changes(gateway, what).await;
            if found.len() >= times {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    soon(what, changed).await
}

async fn cause(gateway: &Gateway, what: &str) -> (Value, Value) {
    let target = format!("/v1/numbers/{NUMBER}/capabilities");
    let told = gateway.admin_get(&target).await.json();
    let cells = told["capabilities"].as_array().expect("capabilities");
    let cell = cells.iter().find(|cell| cell["what"] == what);
    let cell = cell.expect("a row");
    (cell["can"].clone(), cell["cause"].clone())
}

async fn until_cause(gateway: &Gateway, what: &str, wanted: &str) {
    let told = async {
        while cause(gateway, what).await.1 != wanted {
            tokio::task::yield_now().await;
        }
    };
    soon(wanted, told).await;
}

fn update(at_s: u64, value: &Value) -> Value {
    let changes = json!([{ "field": "account_update", "value": value }]);
    json!({ "object": "whatsapp_business_account",
        "entry": [{ "id": ACCOUNT, "time": at_s, "changes": changes }] })
}

async fn what_changes_stands_on_the_timeline_once(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), often).await;
    let first = changed(&gateway, "rating", 1).await;
    assert_eq!(first, [(Value::Null, json!("GREEN"), json!("read"))]);
    changed(&gateway, "subscribed", 1).await;

    // Nobody announces a colour: reads see it, each change once however often they come by.
    let colour = |colour: &str| NumberChange {
        quality_rating: Some(colour.to_owned()),
        ..NumberChange::default()
    };
    for (colour_now, times) in [("RED", 2), ("GREEN", 3)] {
        sim.change_number(NUMBER, &colour(colour_now))
            .expect("a number");
        changed(&gateway, "rating", times).await;
    }
    let seen = sim.requests(0).len();
    let read_again = async {
        while sim.requests(0).len() < seen + 8 {
            tokio::task::yield_now().await;
        }
    };
    soon("reads that find nothing new", read_again).await;
    let ratings: Vec<_> = changes(&gateway, "rating").await;
    let pairs: Vec<_> = ratings
        .iter()
        .map(|(before, after, _)| (before.as_str(), after.as_str()))
        .collect();
    assert_eq!(
        pairs,
        [
            (Some("RED"), Some("GREEN")),
            (Some("GREEN"), Some("RED")),
            (None, Some("GREEN")),
        ]
    );

    // A restriction comes twice, in other bytes; one that was there before it comes last.
    let now = webhook::now_s();
    let word = "RESTRICTED_BIZ_INITIATED_MESSAGING";
    let restricted = |end: u64, more: &str| {
        json!({ "event": "ACCOUNT_RESTRICTION", "note": more,
            "restriction_info": [{ "restriction_type": word, "expiration": end }] })
    };
    for (at, end, more) in [
        (now, now + 3 * DAY, "once"),
        (now, now + 3 * DAY, "twice"),
        (now - 60, now + DAY, "late"),
    ] {
        let body = update(at, &restricted(end, more));
        assert_eq!(gateway.webhook(&body).await.status.as_u16(), 200);
    }
    let what = format!("restriction.{word}");
    let told = page(&gateway, &format!("what={what}")).await;
    let told = told["entries"].as_array().expect("entries").clone();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told.iter().all(|entry| entry["origin"] == "webhook"));
    assert!(told.iter().all(|entry| entry["received_at"].is_string()));
    // By arrival the late one is the newest; by the platform's time it is what stood before.
    assert_eq!(told[0]["changes"][0].get("before"), None);
    assert_eq!(told[1]["changes"][0]["before"], "in force");
    let all = page(&gateway, "origin=webhook&limit=1000").await;
    assert_eq!(all["entries"].as_array().map(Vec::len), Some(3), "{all}");
    let newer = page(
        &gateway,
        &format!("what={what}&since={}", seconds(now - 30)),
    )
    .await;
    assert_eq!(
        newer["entries"].as_array().map(Vec::len),
        Some(1),
        "{newer}"
    );

    // Pages hold everything once.
    let whole = page(&gateway, "limit=1000").await;
    let (mut rest, mut before) = (Vec::new(), String::new());
    loop {
        let part = page(&gateway, &format!("limit=2{before}")).await;
        rest.extend(part["entries"].as_array().expect("entries").clone());
        match part["before"].as_i64() {
            Some(seq) => before = format!("&before={seq}"),
            None => break,
        }
    }
    assert_eq!(Some(&rest), whole["entries"].as_array());

    // The command says the same, as JSON and in words.
    let command = ["number", "timeline", NUMBER, "--what", "rating"];
    let ran = run_with(&gateway.config(), &[&command[..], &["--json"]].concat()).await;
    let said = ran.ended(0).json();
    assert_eq!(said, page(&gateway, "what=rating&changes=true").await);
    let words = run_with(&gateway.config(), &command).await.ended(0).stdout;
    assert!(words.contains("RED") && words.contains("read"), "{words}");

    // The last app is gone: silence that is no block.
    let gone = format!("/v23.0/{ACCOUNT}/subscribed_apps");
    let token = crate::support::settings::ACCESS_TOKEN;
    sim.call(Method::DELETE, &gone, token, "")
        .await
        .expect("an answer");
    until_cause(&gateway, "receive", "not_subscribed").await;
    assert_eq!(changes(&gateway, "subscribed").await[0].1, "no");

    // Another app has the thread.
    let standby = json!({ "object": "whatsapp_business_account", "entry": [{ "id": ACCOUNT, "changes": [{
        "field": "standby", "value": {
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "15550100001", "phone_number_id": NUMBER },
            "standby": { "messages": [{ "from": PERSON, "id": "wamid.STANDBY1", "timestamp": now.to_string(),
                "type": "text", "text": { "body": "I need help" } }] },
            "contacts": [{ "profile": { "name": "Dana" }, "wa_id": PERSON }],
        } }] }] });
    assert_eq!(gateway.webhook(&standby).await.status.as_u16(), 200);
    assert_eq!(cause(&gateway, "reply").await.0, "yes");
    let threads = changes(&gateway, "thread").await;
    assert_eq!(
        threads,
        [(Value::Null, json!("stood_by"), json!("webhook"))]
    );

    // Reads that are refused say so, and that they work again.
    let refused = sim.fault(Fault {
        matches: Match {
            path: Some(format!("/{NUMBER}")),
            method: Some("GET".to_owned()),
            ..Match::default()
        },
        effect: Effect {
            status: Some(401),
            code: Some(190),
            ..Effect::default()
        },
        count: None,
    });
    assert!(refused > 0);
    let failing = changed(&gateway, "reads.number", 1).await;
    assert_eq!(failing[0].1, "failing (190)");
    sim.clear_faults();
    let fine = changed(&gateway, "reads.number", 2).await;
    assert_eq!(
        (&fine[0].1, &fine[0].2),
        (&json!("fine"), &json!("greenline"))
    );

    // One entry is proved to somebody who has neither the store nor the program at hand that keeps it.
    let entry = &page(&gateway, "what=rating&limit=1").await["entries"][0];
    let target = format!("/v1/timeline/{}/proof", entry["seq"]);
    let bundle = gateway.admin_get(&target).await.json();
    let file = home.path().join("entry.json");
    std::fs::write(&file, bundle.to_string()).expect("a file");
    let file = file.to_str().expect("UTF-8");
    let checked = run(&["verify", "--json", "--bundle", file]).await.ended(0);
    let proved = &checked.json()["entries"][0];
    assert_eq!(proved["kind"], "timeline", "{proved}");
    assert_eq!(proved["fields"]["event"], "rating");
    let body = proved["fields"]["body"].as_str().expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body, entry["body"]);
    let gone = gateway.admin_get("/v1/timeline/1/proof").await;
    assert_eq!(gone.status.as_u16(), 404, "{}", gone.json());

    // What a token does not reach is as if it did not exist.
    for (target, status) in [
        (format!("/v1/numbers/{NUMBER}/timeline?business=other"), 404),
        (format!("/v1/numbers/{NUMBER}/timeline?origin=hearsay"), 422),
        (format!("/v1/numbers/{NUMBER}/timeline?since=tomorrow"), 422),
        ("/v1/accounts/99/timeline".to_owned(), 404),
        (format!("/v1/accounts/{ACCOUNT}/timeline"), 200),
        ("/v1/portfolio/timeline".to_owned(), 200),
    ] {
        let answer = gateway.admin_get(&target).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{target}: {}",
            answer.json()
        );
    }
    sim.stop().await;
}

fn seconds(unix_s: u64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(i64::try_from(unix_s).expect("a time")).expect("a time")
}

async fn what_holds_an_account_is_obeyed_by_sends(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let mut gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    until_cause(&gateway, "start.utility", "status.connected").await;
    gateway.opt_in(PERSON, "all").await;
    gateway.person_writes(PERSON, "Hello").await;
    let reasons =
        |answer: &crate::support::http::Answer| answer.header("greenline-reasons").to_owned();

    // As many utility templates as may go went: marketing goes on, and so do answers.
    let now = webhook::now_s();
    let failed = json!({ "object": "whatsapp_business_account", "entry": [{ "id": ACCOUNT, "changes": [{
        "field": "messages", "value": {
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "15550100001", "phone_number_id": NUMBER },
            "statuses": [{ "id": "wamid.SENT1", "status": "failed", "timestamp": now.to_string(),
                "recipient_id": PERSON, "errors": [{ "code": 131_064, "title": "Utility limit" }] }],
        } }] }] });
    assert_eq!(gateway.webhook(&failed).await.status.as_u16(), 200);
    assert_eq!(
        cause(&gateway, "start.utility").await,
        (json!("no"), json!("utility_limit"))
    );
    let (twice, once) = ("15551230007", "15551230008");
    for person in [twice, once] {
        gateway.opt_in(person, "all").await;
    }
    let refused = gateway.send_template(twice, "order_update").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (400, Some(131_064)),
        "{}",
        refused.json()
    );
    assert!(
        reasons(&refused).starts_with("limit.utility"),
        "{}",
        reasons(&refused)
    );
    let sent = gateway.send_template(once, "spring_offer").await;
    assert_eq!(sent.status.as_u16(), 200, "{}", sent.json());

    // They go as marketing: the refusal says what that asks for.
    let marketing = update(
        now,
        &json!({ "event": "ACCOUNT_RESTRICTION",
        "violation_info": { "violation_type": "UTILITY_TEMPLATE_ABUSE" },
        "restriction_info": [{ "restriction_type": "RESTRICTED_UTILITY_TEMPLATES", "expiration": now + 7 * DAY }] }),
    );
    assert_eq!(gateway.webhook(&marketing).await.status.as_u16(), 200);
    let refused = gateway.send_template(twice, "order_update").await;
    assert_eq!(refused.code(), Some(368), "{}", refused.json());
    let said = refused.json().to_string();
    assert!(
        said.contains("go as marketing and need marketing consent"),
        "{said}"
    );

    // The day has come, at whatever hour: nothing is started, answers are tried. It outlives the process.
    let day = seconds(now).strftime("%B %d, %Y").to_string();
    let scheduled = update(
        now,
        &json!({ "event": "DISABLED_UPDATE",
        "ban_info": { "waba_ban_state": "SCHEDULE_FOR_DISABLE", "waba_ban_date": day } }),
    );
    assert_eq!(gateway.webhook(&scheduled).await.status.as_u16(), 200);
    assert_eq!(
        cause(&gateway, "start.marketing").await,
        (json!("unknown"), json!("ban.due"))
    );
    gateway.kill().await;
    gateway.run_again().await;
    let refused = gateway.send_template(twice, "spring_offer").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (403, Some(368)),
        "{}",
        refused.json()
    );
    assert!(
        reasons(&refused).starts_with("number.unread"),
        "{}",
        reasons(&refused)
    );
    let answered = gateway.send_text(PERSON, "Here we are.").await;
    assert_eq!(answered.status.as_u16(), 200, "{}", answered.json());
    let back = update(
        now + 1,
        &json!({ "event": "DISABLED_UPDATE",
        "ban_info": { "waba_ban_state": "REINSTATE", "waba_ban_date": day } }),
    );
    assert_eq!(gateway.webhook(&back).await.status.as_u16(), 200);
    let sent = gateway.send_template(twice, "spring_offer").await;
    assert_eq!(sent.status.as_u16(), 200, "{}", sent.json());
    sim.stop().await;
}
