//! Events from the outside: a receiver that verifies with the official library hears of each change, whatever
//! happens in between.

mod browser;
mod receiver;

use std::collections::BTreeMap;
use std::time::Duration;

use greenline_sim::{NumberChange, Sim};
use hyper::Method;
use serde_json::{Value, json};

use crate::support::gateway::Gateway;
use crate::support::http::{Answer, Connection};
use crate::support::settings::{ADMIN_KEY, NUMBER, Settings};
use crate::support::store::{Home, Store, on_each_store};
use crate::support::{platform, ports, soon};
use receiver::{Got, Receiver};

on_each_store! {
    a_stop_is_told_signed_and_what_was_changed_on_the_way_is_not_believed,
    a_change_is_told_after_the_gateway_was_killed_and_under_one_name,
    a_receiver_that_was_away_hears_everything_once_it_is_back,
    secrets_overlap_while_they_are_changed,
    a_receiver_that_is_gone_is_left_alone_until_someone_sets_it_going,
    an_address_from_the_api_stays_outside,
    a_replay_says_again_what_was_said_and_what_was_missed,
    an_import_is_told_to_those_who_want_it,
    an_erasure_is_told_without_the_person,
    a_subscription_of_the_configuration_is_kept_in_step_with_it,
    what_changes_of_a_number_is_told_once,
}

const DANA: &str = "15551230001";
const LEE: &str = "15551230002";
const CONFIGURED: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The operator allows the receivers, and pauses are short.
fn allowing(hosts: Vec<String>) -> impl FnOnce(Settings) -> Settings {
    move |settings| {
        let mut pauses = vec![toml::Value::Integer(1); 30];
        pauses.push(toml::Value::Integer(60));
        settings
            .with(&["events", "retry_after_s"], pauses)
            .with(&["relay", "backoff_first_ms"], 20)
            .with(&["events", "allow_hosts"], hosts)
    }
}

/// It is started in front of a platform that lives as long as it: one that cannot be read is told of sooner or later.
async fn started(home: &Home, receivers: &[&Receiver]) -> (Sim, Gateway) {
    let sim = platform::sample().await;
    let hosts = receivers.iter().map(|receiver| receiver.host()).collect();
    let gateway = Gateway::start(home, &sim.url(), allowing(hosts)).await;
    (sim, gateway)
}

/// Subscribes a receiver, which believes what is signed with its secret from then on.
async fn subscribed(gateway: &Gateway, receiver: &mut Receiver, more: &Value) -> Value {
    let mut body = json!({ "business": "acme", "url": receiver.url() });
    let more = more.as_object().expect("members").clone();
    body.as_object_mut().expect("members").extend(more);
    let answer = gateway.admin("/v1/subscriptions", &body).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
    let made = answer.json();
    let secret = made["secret"].as_str().expect("a secret");
    receiver.believes(secret).await;
    made
}

fn path(made: &Value, rest: &str) -> String {
    let id = made["id"].as_str().expect("an id");
    format!("/v1/subscriptions/{id}{rest}?business=acme")
}

async fn delete(gateway: &Gateway, target: &str) -> Answer {
    let mut line = Connection::open(gateway.private).await.expect("a line");
    let key = format!("Bearer {ADMIN_KEY}");
    let headers = [("authorization", key.as_str())];
    let answer = line.call(Method::DELETE, target, &headers, "").await;
    answer.expect("an answer")
}

/// Asks for a subscription until it is as wanted.
async fn until(
    gateway: &Gateway,
    made: &Value,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    soon(what, async {
        loop {
            let shown = gateway.admin_get(&path(made, "")).await.json();
            if wanted(&shown) {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
}

async fn a_stop_is_told_signed_and_what_was_changed_on_the_way_is_not_believed(store: Store) {
    let home = store.home();
    let mut receiver = Receiver::start(home.path(), "crm").await;
    let (_sim, gateway) = started(&home, &[&receiver]).await;
    gateway.opt_in(DANA, "marketing").await;
    let made = subscribed(&gateway, &mut receiver, &json!({})).await;
    let shown = gateway.admin_get(&path(&made, "")).await.json();
    assert_eq!(shown["secret"], Value::Null, "shown once");
    assert_eq!(
        shown["types"],
        json!([
            "consent.changed",
            "avenue.closed",
            "avenue.opened",
            "alert.opened",
            "alert.closed",
            "number.changed"
        ])
    );

    let wrote = gateway.person_writes(DANA, "STOP").await;
    assert_eq!(wrote.status.as_u16(), 200);
    // A bare stop is a no by name on each kind that it closes.
    let mut told: BTreeMap<String, Got> = BTreeMap::new();
    let mut newest: Option<Got> = None;
    while !told.contains_key("marketing") || !told.contains_key("utility") {
        let got = receiver.next().await;
        assert!(got.verified(), "{got:?}");
        assert_eq!(got.kind(), "consent.changed");
        let scope = got.data()["scope"].as_str().expect("a scope").to_owned();
        let version = |got: &Got| got.data()["version"].as_str().map(str::to_owned);
        if newest
            .as_ref()
            .is_none_or(|newest| version(newest) < version(&got))
        {
            newest = Some(got.clone());
        }
        told.insert(scope, got);
    }
    let got = &told["marketing"];
    let data = got.data();
    assert_eq!(data["business"], "acme");
    assert_eq!(data["person"]["wa_id"], DANA);
    assert_eq!(data["change"], "withdrawn");
    assert_eq!(data["method"], "whatsapp_thread");
    let newest = newest.expect("one");
    assert_eq!(newest.data()["head"]["marketing"]["standing"], "refused");
    let event = data["event"].as_str().expect("an event");
    assert!(event.ends_with(data["version"].as_str().expect("a version")));
    assert_eq!(got.header("content-type"), "application/json");
    assert!(
        got.raw().is_ascii() && !got.raw().contains("STOP"),
        "no word of theirs: {}",
        got.raw()
    );
    let person = gateway
        .admin_get(&format!("/v1/people/{DANA}?business=acme"))
        .await
        .json();
    assert_eq!(person["head"]["marketing"]["standing"], "refused");

    receiver.all().await;
    // Whoever changes the body, the time or the name, or brings it late, is not believed.
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let right: Vec<(&str, String)> = names.iter().map(|name| (*name, got.header(name))).collect();
    let changed = |place: usize, value: &str| {
        let mut headers = right.clone();
        value.clone_into(&mut headers[place].1);
        headers
    };
    let body = got.raw().to_owned();
    let old = (got
        .header("webhook-timestamp")
        .parse::<i64>()
        .expect("a time")
        - 3_600)
        .to_string();
    let attempts = [
        (right.clone(), body.clone(), true),
        (right.clone(), body.replace("withdrawn", "granted"), false),
        (changed(0, "msg_another"), body.clone(), false),
        (changed(1, &old), body.clone(), false),
        (
            changed(2, "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            body.clone(),
            false,
        ),
    ];
    let mut line = Connection::open(receiver.host().parse().expect("an address"))
        .await
        .expect("a line");
    for (headers, body, believed) in attempts {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        line.call(Method::POST, "/events", &headers, body)
            .await
            .expect("an answer");
        let got = receiver.next().await;
        assert_eq!(got.verified(), believed, "{got:?}");
    }
}

async fn a_change_is_told_after_the_gateway_was_killed_and_under_one_name(store: Store) {
    let home = store.home();
    let mut receiver = Receiver::start(home.path(), "crm").await;
    let (_sim, mut gateway) = started(&home, &[&receiver]).await;
    let made = subscribed(&gateway, &mut receiver, &json!({})).await;
    // Every attempt fails, so the change is on record and not delivered when the power goes.
    receiver.answers(&json!({ "status": 503 }));
    gateway.opt_in(DANA, "marketing").await;
    let first = receiver.next().await;
    gateway.kill().await;
    receiver.answers(&json!({ "status": 200 }));
    gateway.run_again().await;
    let taken = receiver.taken().await;
    assert_eq!(taken.id(), first.id());
    assert_eq!(taken.raw(), first.raw());
    assert_eq!(taken.data()["change"], "granted");
    let shown = until(&gateway, &made, "it is written down", |shown| {
        shown["health"]["delivered"] == 1
    })
    .await;
    assert_eq!(shown["health"]["failing_since"], Value::Null, "{shown}");
    receiver.hears_nothing().await;
}

async fn a_receiver_that_was_away_hears_everything_once_it_is_back(store: Store) {
    let home = store.home();
    let mut receiver = Receiver::start(home.path(), "crm").await;
    let (_sim, gateway) = started(&home, &[&receiver]).await;
    let made = subscribed(&gateway, &mut receiver, &json!({})).await;
    receiver.stop().await;
    let people: Vec<String> = (0..20).map(|n| format!("155512400{n:02}")).collect();
    for person in &people {
        gateway.opt_in(person, "marketing").await;
    }
    let failing = until(&gateway, &made, "it is noticed", |shown| {
        shown["health"]["failing_since"].is_string()
    })
    .await;
    assert_eq!(failing["state"], "active");
    assert!(failing["attempts"][0]["error"].is_string(), "{failing}");
    receiver.run().await;
    let mut told = BTreeMap::new();
    while told.len() < people.len() {
        let got = receiver.taken().await;
        let who = got.data()["person"]["wa_id"]
            .as_str()
            .expect("a number")
            .to_owned();
        told.insert(who, got.id());
    }
    assert_eq!(told.keys().cloned().collect::<Vec<_>>(), people);
    until(&gateway, &made, "all is well", |shown| {
        shown["health"]["failing_since"].is_null()
    })
    .await;
}

async fn secrets_overlap_while_they_are_changed(store: Store) {
    let home = store.home();
    let mut receiver = Receiver::start(home.path(), "crm").await;
    let (_sim, gateway) = started(&home, &[&receiver]).await;
    let made = subscribed(&gateway, &mut receiver, &json!({})).await;
    let old = made["secret"].as_str().expect("a secret").to_owned();
    let rotated = gateway.admin(&path(&made, "/secret"), &json!({})).await;
    assert_eq!(rotated.status.as_u16(), 200, "{}", rotated.json());
    let new = rotated.json()["secret"]
        .as_str()
        .expect("a secret")
        .to_owned();
    assert_ne!(old, new);
    for (secret, who) in [(&old, DANA), (&new, LEE)] {
        receiver.believes(secret).await;
        gateway.opt_in(who, "marketing").await;
        let got = receiver.taken_of(who).await;
        assert_eq!(got.header("webhook-signature").split(' ').count(), 2);
    }
    // In wrong hands: the old one is over at once.
    let body = json!({ "previous_valid_hours": 0 });
    let rotated = gateway.admin(&path(&made, "/secret"), &body).await.json();
    receiver.all().await;
    gateway.opt_out(DANA, "marketing").await;
    let got = receiver.next().await;
    assert!(!got.verified(), "{got:?}");
    receiver
        .believes(rotated["secret"].as_str().expect("a secret"))
        .await;
    let got = receiver.taken_of(DANA).await;
    assert_eq!(got.header("webhook-signature").split(' ').count(), 1);
    assert_eq!(got.data()["change"], "withdrawn");
}

async fn a_receiver_that_is_gone_is_left_alone_until_someone_sets_it_going(store: Store) {
    let home = store.home();
    let mut receiver = Receiver::start(home.path(), "crm").await;
    let (_sim, gateway) = started(&home, &[&receiver]).await;
    let made = subscribed(&gateway, &mut receiver, &json!({})).await;
    receiver.answers(&json!({ "status": 410 }));
    gateway.opt_in(DANA, "marketing").await;
    receiver.next().await;
    let shown = until(&gateway, &made, "it is disabled", |shown| {
        shown["state"] == "disabled"
    })
    .await;
    assert_eq!(shown["state_reason"], "the receiver answered 410 Gone");
    let since = shown["state_since"].as_str().expect("a time").to_owned();
    receiver.answers(&json!({ "status": 200 }));
    gateway.opt_in(LEE, "marketing").await;
    receiver.hears_nothing().await;
    let refused = gateway.admin(&path(&made, "/ping"), &json!({})).await;
    assert_eq!(refused.status.as_u16(), 409);

    let changed = gateway
        .admin(&path(&made, ""), &json!({ "state": "active" }))
        .await;
    assert_eq!(changed.json()["state"], "active", "{}", changed.json());
    let replayed = gateway
        .admin(&path(&made, "/replay"), &json!({ "from": since }))
        .await;
    assert_eq!(replayed.status.as_u16(), 200, "{}", replayed.json());
    // What waited goes on, and what was missed comes by the replay: either may be first.
    receiver.taken_of_each(&[DANA, LEE]).await;
    let pinged = gateway.admin(&path(&made, "/ping"), &json!({})).await;
    assert_eq!(pinged.status.as_u16(), 202);
    let named = pinged.json()["id"].as_str().expect("an id").to_owned();
    let ping = soon("the ping comes", async {
        loop {
            let got = receiver.taken().await;
            if got.id() == named {
                return got;
            }
        }
    });
    assert_eq!(ping.await.kind(), "ping");

    assert_eq!(
        delete(&gateway, &path(&made, "")).await.status.as_u16(),
        204
    );
    assert_eq!(
        gateway.admin_get(&path(&made, "")).await.status.as_u16(),
        404
    );
    gateway.opt_out(LEE, "marketing").await;
    receiver.hears_nothing().await;
}

async fn an_address_from_the_api_stays_outside(store: Store) {
    let home = store.home();
    let mut receiver = Receiver::start(home.path(), "crm").await;
    let mut inside = Receiver::start(home.path(), "inside").await;
    let (_sim, gateway) = started(&home, &[&receiver]).await;
    for url in [
        inside.url(),
        "https://127.0.0.1/events".to_owned(),
        "https://[::1]/events".to_owned(),
        "https://10.0.0.1/events".to_owned(),
        "https://169.254.169.254/latest".to_owned(),
        "https://[::ffff:10.0.0.1]/events".to_owned(),
        "http://crm.example/events".to_owned(),
        "https://user:pass@crm.example/events".to_owned(),
        "ftp://crm.example/events".to_owned(),
        "/events".to_owned(),
    ] {
        let body = json!({ "business": "acme", "url": url });
        let answer = gateway.admin("/v1/subscriptions", &body).await;
        assert_eq!(answer.status.as_u16(), 422, "{url}: {}", answer.json());
        assert_eq!(answer.json()["field"], "url");
    }
    // A name is looked at when it is connected to, and this one stands for this machine.
    let port = inside.host().rsplit(':').next().expect("a port").to_owned();
    let body = json!({ "business": "acme", "url": format!("https://localhost:{port}/events"), "types": ["consent.changed"] });
    let answer = gateway.admin("/v1/subscriptions", &body).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
    let named = answer.json();
    let made = subscribed(&gateway, &mut receiver, &json!({})).await;
    // The one that is allowed leads on to the one that is not.
    receiver.answers(&json!({ "status": 307, "location": inside.url() }));
    gateway.opt_in(DANA, "marketing").await;
    receiver.next().await;
    let shown = until(&gateway, &named, "it is refused", |shown| {
        shown["health"]["failed"] != 0
    })
    .await;
    let error = shown["health"]["last_error"].as_str().expect("an error");
    assert!(error.contains("not public"), "{error}");
    let shown = until(&gateway, &made, "it is not followed", |shown| {
        shown["health"]["failed"] != 0
    })
    .await;
    let error = shown["health"]["last_error"].as_str().expect("an error");
    assert!(error.contains("redirects are not followed"), "{error}");
    inside.hears_nothing().await;
}

async fn a_replay_says_again_what_was_said_and_what_was_missed(store: Store) {
    let home = store.home();
    let mut receiver = Receiver::start(home.path(), "crm").await;
    let (_sim, gateway) = started(&home, &[&receiver]).await;
    let made = subscribed(&gateway, &mut receiver, &json!({})).await;
    let from = made["created_at"].as_str().expect("a time").to_owned();
    gateway.opt_in(DANA, "marketing").await;
    let first = receiver.taken().await;
    let paused = gateway
        .admin(&path(&made, ""), &json!({ "state": "paused" }))
        .await
        .json();
    assert_eq!(paused["state_reason"], "paused by ada");
    gateway.opt_in(LEE, "marketing").await;
    receiver.hears_nothing().await;
    gateway
        .admin(&path(&made, ""), &json!({ "state": "active" }))
        .await;
    let replayed = gateway
        .admin(&path(&made, "/replay"), &json!({ "from": from }))
        .await
        .json();
    assert_eq!(replayed["events"], 2, "{replayed}");
    let all = receiver.all_of(2).await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all.contains_key(&first.id()), "under the name it had");
    let wrong = gateway
        .admin(&path(&made, "/replay"), &json!({ "from": "yesterday" }))
        .await;
    assert_eq!(wrong.json()["field"], "from");
    // Nobody else's subscription, and none that there is not.
    let none = gateway
        .admin_get("/v1/subscriptions/sub_none?business=acme")
        .await;
    assert_eq!(none.status.as_u16(), 404);
    let twice = json!({ "business": "acme", "url": receiver.url() });
    let twice = gateway.admin("/v1/subscriptions", &twice).await;
    assert_eq!(twice.json()["field"], "url");
}

async fn an_import_is_told_to_those_who_want_it(store: Store) {
    let home = store.home();
    let mut all = Receiver::start(home.path(), "all").await;
    let mut live = Receiver::start(home.path(), "live").await;
    let (_sim, gateway) = started(&home, &[&all, &live]).await;
    subscribed(&gateway, &mut all, &json!({})).await;
    subscribed(&gateway, &mut live, &json!({ "imports": false })).await;
    let imported = |wa_id: &str| {
        json!({
            "business": "acme", "person": { "wa_id": wa_id }, "scope": "marketing", "event": "granted",
            "evidence": {
                "method": "import_attested", "wording": "Yes, send me offers", "business_name": "Acme", "source": "shop",
            },
        })
    };
    let body = json!({ "consents": [imported(DANA), imported(LEE)] });
    let answer = gateway.admin("/v1/consents", &body).await;
    assert!(answer.status.is_success(), "{}", answer.json());
    let told = [all.taken().await, all.taken().await];
    assert!(
        told.iter().all(|got| got.data()["strength"] == "imported"),
        "{told:?}"
    );
    gateway.opt_out(DANA, "marketing").await;
    let got = live.taken().await;
    assert_eq!(got.data()["change"], "withdrawn", "the first it hears of");
    live.hears_nothing().await;
}

async fn an_erasure_is_told_without_the_person(store: Store) {
    let home = store.home();
    let mut receiver = Receiver::start(home.path(), "crm").await;
    let (_sim, gateway) = started(&home, &[&receiver]).await;
    subscribed(&gateway, &mut receiver, &json!({})).await;
    gateway.opt_in(DANA, "marketing").await;
    let known = receiver.taken().await;
    let reference = known.data()["person"]["ref"].clone();
    assert!(reference.is_string());
    let target = format!("/v1/people/{DANA}/erase?business=acme");
    let erased = gateway
        .admin(&target, &json!({ "reason": "asked by e-mail" }))
        .await;
    assert!(erased.status.is_success(), "{}", erased.json());
    let got = receiver.taken().await;
    assert_eq!(got.data()["change"], "erased");
    assert_eq!(got.data()["person"], json!({ "ref": reference }));
    assert!(!got.raw().contains(DANA), "{}", got.raw());
    assert!(got.data()["version"].as_str() > known.data()["version"].as_str());
}

async fn a_subscription_of_the_configuration_is_kept_in_step_with_it(store: Store) {
    let home = store.home();
    let mut receiver = Receiver::start(home.path(), "crm").await;
    receiver.believes(CONFIGURED).await;
    let sim = platform::sample().await;
    let mut own = toml::Table::new();
    for (name, value) in [
        ("name", "crm"),
        ("url", &receiver.url()),
        ("secret", CONFIGURED),
    ] {
        own.insert(name.to_owned(), value.into());
    }
    own.insert("types".to_owned(), vec!["consent.changed"].into());
    let [public, private] = ports::free();
    let hosts = vec![receiver.host()];
    let with = |own: Vec<toml::Table>| {
        let hosts = hosts.clone();
        move |settings: Settings| {
            allowing(hosts)(settings).with(&["business", "0", "subscription"], own)
        }
    };
    let mut gateway = Gateway::start_at(&home, &sim.url(), public, private, with(vec![own])).await;
    gateway.opt_in(DANA, "marketing").await;
    assert_eq!(receiver.taken().await.data()["person"]["wa_id"], DANA);
    let list = gateway
        .admin_get("/v1/subscriptions?business=acme")
        .await
        .json();
    let one = &list["subscriptions"][0];
    assert_eq!(
        (one["made"].as_str(), one["description"].as_str()),
        (Some("config"), Some("crm"))
    );
    // What stands in the file is changed there.
    let refused = gateway.admin(&path(one, ""), &json!({ "types": [] })).await;
    assert_eq!(refused.status.as_u16(), 409);
    assert_eq!(delete(&gateway, &path(one, "")).await.status.as_u16(), 409);
    gateway.stop().await;

    let mut gateway = Gateway::start_at(&home, &sim.url(), public, private, with(Vec::new())).await;
    let list = gateway
        .admin_get("/v1/subscriptions?business=acme")
        .await
        .json();
    assert_eq!(list["subscriptions"], json!([]));
    gateway.opt_in(LEE, "marketing").await;
    receiver.hears_nothing().await;
    gateway.stop().await;
}

/// Only Postgres has many nodes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_tell_each_change_once_while_all_is_calm() {
    let home = Store::Postgres.home();
    let other = tempfile::tempdir().expect("a folder");
    let mut receiver = Receiver::start(home.path(), "crm").await;
    let (sim, one) = started(&home, &[&receiver]).await;
    let url = home.database().url();
    let hosts = vec![receiver.host()];
    let two = Gateway::start(other.path(), &sim.url(), |settings| {
        allowing(hosts)(settings.with(&["store", "url"], url))
    })
    .await;
    subscribed(&one, &mut receiver, &json!({})).await;
    let people: Vec<String> = (0..30).map(|n| format!("155512500{n:02}")).collect();
    for (n, person) in people.iter().enumerate() {
        let node = if n % 2 == 0 { &one } else { &two };
        node.opt_in(person, "marketing").await;
    }
    let all = soon("all are told", async {
        let mut all: BTreeMap<String, Vec<Got>> = BTreeMap::new();
        while all.len() < people.len() {
            let got = receiver.taken().await;
            all.entry(got.id()).or_default().push(got);
        }
        all
    })
    .await;
    assert!(all.values().all(|attempts| attempts.len() == 1), "{all:?}");
    receiver.hears_nothing().await;
}

async fn what_changes_of_a_number_is_told_once(store: Store) {
    let home = store.home();
    let mut receiver = Receiver::start(home.path(), "crm").await;
    let sim = platform::sample().await;
    let hosts = vec![receiver.host()];
    let mut gateway = Gateway::start(&home, &sim.url(), |settings| {
        allowing(hosts)(settings).with(&["upstream", "poll_interval_s"], 1)
    })
    .await;
    let only = json!({ "types": ["number.changed"] });
    subscribed(&gateway, &mut receiver, &only).await;
    let read = async {
        let target = format!("/v1/numbers/{NUMBER}/timeline?what=rating");
        while gateway.admin_get(&target).await.json()["entries"] == json!([]) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("a first read", read).await;
    let colour = NumberChange {
        quality_rating: Some("RED".to_owned()),
        ..NumberChange::default()
    };
    sim.change_number(NUMBER, &colour).expect("a number");
    // What a first read finds is no change: the first to be told is this one.
    let got = receiver.taken().await;
    assert_eq!(got.kind(), "number.changed");
    let told = got.data();
    assert_eq!(
        (
            &told["business"],
            &told["subject"],
            &told["id"],
            &told["origin"]
        ),
        (
            &json!("acme"),
            &json!("number"),
            &json!(NUMBER),
            &json!("read")
        )
    );
    assert_eq!(told["numbers"], json!([NUMBER]));
    assert_eq!(
        told["changes"],
        json!([{ "what": "rating", "before": "GREEN", "after": "RED" }])
    );
    // Told before a kill, it is not told again under another name afterwards.
    gateway.kill().await;
    gateway.run_again().await;
    let now = crate::support::webhook::now_s();
    let news = json!({ "object": "whatsapp_business_account", "entry": [{
        "id": crate::support::settings::ACCOUNT, "time": now, "changes": [{ "field": "account_update", "value": {
            "event": "ACCOUNT_RESTRICTION",
            "restriction_info": [{ "restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION", "expiration": now + 3_600 }],
        } }] }] });
    assert_eq!(gateway.webhook(&news).await.status.as_u16(), 200);
    loop {
        let next = receiver.taken().await;
        if next.id() == got.id() {
            continue;
        }
        assert_eq!(next.data()["subject"], "account");
        assert_eq!(next.data()["origin"], "webhook");
        let what = &next.data()["changes"][0]["what"];
        assert_eq!(*what, "restriction.RESTRICTED_ADD_PHONE_NUMBER_ACTION");
        break;
    }
    sim.stop().await;
}
