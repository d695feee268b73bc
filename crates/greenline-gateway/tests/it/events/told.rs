//! Who is told of what, when subscriptions, keys and people change meanwhile.

use std::time::Duration;

use greenline_gateway::events;
use greenline_gateway::keyring::Purpose;
use greenline_gateway::serve;
use greenline_ledger::erasure::ErasureKey;
use greenline_ledger::notice::Notice;
use greenline_ledger::subscription::{Subscription, Takes};
use greenline_ledger::types::{Actor, BusinessIx, Delivery, Evidence, Lane, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::{Category, Scope};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use crate::relay::{Arrival, Work, pass, receiver};
use crate::webhooks::receive::Desk;
use crate::webhooks::{RECEIVED_MS, config_with_apps};

const ACME: BusinessIx = BusinessIx(0);
const P1: &str = "15551230001";
const P2: &str = "15551230002";

fn subscription(name: &str, port: u16, path: &str) -> String {
    format!(
        "[[business.subscription]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:{port}{path}\"\nsecret = \"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"\n"
    )
}

const ALLOWING: &str = "[events]\nallow_hosts = [\"127.0.0.1\"]\n";

/// With two subscriptions of the operator's file, `crm` and `erp`, whose addresses are called as they are.
async fn desk(port: u16) -> Desk {
    let own = ["crm", "erp"].map(|name| subscription(name, port, &format!("/{name}")));
    let desk = Desk::with_config(config_with_apps(&(own.concat() + ALLOWING)));
    events::sync(&desk.app).await.unwrap();
    desk
}

fn id(name: &str) -> String {
    events::id_of("acme", name)
}

async fn kept(desk: &Desk, name: &str) -> Subscription {
    let all = desk.app.ledger.subscriptions(ACME).await.unwrap();
    let one = all.into_iter().find(|one| *one.id == id(name));
    one.expect("a subscription")
}

async fn put(desk: &Desk, one: Subscription) {
    assert!(desk.app.ledger.put_subscription(one).await.unwrap());
}

fn event(person: &str, kind: EventKind, scope: Scope) -> NewEvent {
    NewEvent {
        business: ACME,
        person: [Identifier::parse(person).unwrap()].into_iter().collect(),
        kind,
        scope,
        at_ms: RECEIVED_MS,
        stated_ms: RECEIVED_MS,
        arrival_ms: RECEIVED_MS,
        strength: Strength::Evidenced,
        in_thread: false,
        evidence: Evidence::default(),
        actor: Actor("test".into()),
        dedup: None,
    }
}

async fn says(desk: &Desk, person: &str, kind: EventKind) {
    let event = event(person, kind, Scope::Category(Category::Marketing));
    desk.app.ledger.append(event).await.unwrap();
    desk.app.relay_due.notify_waiters();
}

/// The next that arrives: where, and what.
async fn next(arrivals: &mut mpsc::UnboundedReceiver<Arrival>) -> (String, Value) {
    let arrival = tokio::time::timeout(Duration::from_secs(120), arrivals.recv()).await;
    let arrival = arrival.expect("an event in time").unwrap();
    (arrival.path, serde_json::from_slice(&arrival.body).unwrap())
}

/// Where the next arrives within an hour or two.
async fn later(desk: &Desk, arrivals: &mut mpsc::UnboundedReceiver<Arrival>) -> String {
    for _ in 0..600 {
        pass(desk, 10_000);
        tokio::select! {
            arrival = arrivals.recv() => return arrival.unwrap().path,
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
    }
    panic!("nothing arrives");
}

/// Where the next so many arrive.
async fn paths<const N: usize>(arrivals: &mut mpsc::UnboundedReceiver<Arrival>) -> [String; N] {
    let mut paths = std::array::from_fn(|_| String::new());
    for path in &mut paths {
        *path = next(arrivals).await.0;
    }
    paths.sort();
    paths
}

#[tokio::test]
async fn what_an_erasure_took_back_while_it_waited_here_is_not_told() {
    let (port, receiver, mut arrivals) = receiver(&[]).await;
    let own = subscription("crm", port, "/slow") + ALLOWING;
    let desk = Desk::with_config(config_with_apps(&own));
    events::sync(&desk.app).await.unwrap();
    desk.app.ledger.use_erasure_keys(vec![ErasureKey {
        id: "00000001".into(),
        secret: [1; 32],
    }]);
    let work = Work::start(&desk);
    says(&desk, P1, EventKind::Granted).await;
    assert_eq!(next(&mut arrivals).await.1["data"]["change"], "granted");
    // Waits for the one before it, which is not answered; what came after it is under way.
    says(&desk, P1, EventKind::Withdrawn).await;
    says(&desk, P2, EventKind::Granted).await;
    let other = next(&mut arrivals).await.1;
    assert_eq!(other["data"]["person"]["wa_id"], P2);

    let erasure = event(P1, EventKind::Erased, Scope::All);
    desk.app.ledger.erase(erasure).await.unwrap();
    desk.app.relay_due.notify_waiters();
    let arrival = loop {
        receiver.held.notify_waiters();
        tokio::select! {
            arrival = arrivals.recv() => break arrival.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    };
    let text = String::from_utf8(arrival.body.to_vec()).unwrap();
    assert!(text.contains("\"erased\"") && !text.contains(P1), "{text}");
    work.task.abort();
}

#[tokio::test]
async fn who_subscribed_elsewhere_a_moment_ago_is_told() {
    let (port, _receiver, mut arrivals) = receiver(&[]).await;
    let desk = desk(port).await;
    let erp = kept(&desk, "erp").await;
    let removed = desk.app.ledger.remove_subscription(ACME, &erp.id).await;
    assert!(removed.unwrap());
    let work = Work::start(&desk);
    says(&desk, P1, EventKind::Granted).await;
    assert_eq!(paths(&mut arrivals).await, ["/crm"]);
    put(&desk, Subscription { version: 0, ..erp }).await;
    says(&desk, P2, EventKind::Granted).await;
    assert_eq!(paths(&mut arrivals).await, ["/crm", "/erp"]);
    work.stop().await;
}

#[tokio::test]
async fn what_is_for_a_subscription_that_does_not_read_waits() {
    let (port, _receiver, mut arrivals) = receiver(&[]).await;
    let desk = desk(port).await;
    let erp = kept(&desk, "erp").await;
    let broken = Subscription {
        body: "{".into(),
        ..erp.clone()
    };
    put(&desk, broken).await;
    let work = Work::start(&desk);
    says(&desk, P1, EventKind::Granted).await;
    assert_eq!(paths(&mut arrivals).await, ["/crm"]);
    let version = erp.version + 1;
    put(&desk, Subscription { version, ..erp }).await;
    assert_eq!(later(&desk, &mut arrivals).await, "/erp");
    work.stop().await;
}

#[tokio::test]
async fn what_was_parked_just_after_a_subscription_was_set_going_is_told() {
    let (port, _receiver, mut arrivals) = receiver(&[]).await;
    let desk = desk(port).await;
    let active = kept(&desk, "erp").await;
    let paused = Subscription {
        body: active.body.replace("\"active\"", "\"paused\"").into(),
        ..active.clone()
    };
    assert_ne!(paused.body, active.body);
    put(&desk, paused).await;
    let work = Work::start(&desk);
    says(&desk, P1, EventKind::Granted).await;
    assert_eq!(paths(&mut arrivals).await, ["/crm"]);
    // Another node set it going, and let go what waited, just before.
    let version = active.version + 1;
    put(&desk, Subscription { version, ..active }).await;
    let (stop, stopped) = watch::channel(false);
    let writing = tokio::spawn(events::run(desk.app.clone(), stopped));
    assert_eq!(paths(&mut arrivals).await, ["/erp"]);
    stop.send(true).unwrap();
    writing.await.unwrap();
    work.stop().await;
}

#[tokio::test]
async fn a_test_goes_to_nobody_else() {
    let (port, _receiver, mut arrivals) = receiver(&[]).await;
    let desk = desk(port).await;
    let body = Notice::Ping {
        subscription: id("erp").into(),
        nonce: 7,
    };
    let ping = Delivery {
        business: ACME,
        received_ms: RECEIVED_MS,
        body: body.encode().unwrap().into(),
        headers: Vec::new(),
        lane: Lane::Event,
        relay_to: ["crm", "erp"].map(|name| id(name).as_str().into()).into(),
        effects: Vec::new(),
    };
    desk.app.ledger.ingest(ping).await.unwrap();
    let work = Work::start(&desk);
    let (path, told) = next(&mut arrivals).await;
    assert_eq!((path.as_str(), &told["type"]), ("/erp", &json!("ping")));
    says(&desk, P1, EventKind::Granted).await;
    assert_eq!(paths(&mut arrivals).await, ["/crm", "/erp"]);
    work.stop().await;
    assert!(arrivals.try_recv().is_err());
}

#[tokio::test]
async fn what_has_no_room_here_yet_is_left_in_the_ledger() {
    const PEOPLE: usize = 400;
    // In memory at most.
    const ROOM: usize = 256;
    let (port, _receiver, mut arrivals) = receiver(&[]).await;
    // The clock stands, so that only one is told.
    let own = subscription("crm", port, "/crm") + ALLOWING + "imports_per_second_max = 1\n";
    let desk = Desk::with_config(config_with_apps(&own));
    events::sync(&desk.app).await.unwrap();
    for n in 0..PEOPLE {
        let scope = Scope::Category(Category::Marketing);
        let imported = NewEvent {
            strength: Strength::Imported,
            ..event(&format!("1555124{n:04}"), EventKind::Granted, scope)
        };
        desk.app.ledger.append(imported).await.unwrap();
    }
    let work = Work::start(&desk);
    assert_eq!(paths(&mut arrivals).await, ["/crm"]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let due = desk.app.ledger.relay_due(RECEIVED_MS, Lane::Bulk, PEOPLE);
    let left = due.await.unwrap().len();
    assert!(left >= PEOPLE - ROOM, "{left}");
    work.stop().await;
}

#[tokio::test]
async fn keys_that_come_back_sign_and_keys_that_were_retired_do_not() {
    let (port, _receiver, mut arrivals) = receiver(&[]).await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keys");
    let settings = format!(
        "{ALLOWING}retry_after_s = [1]\n[keys]\nfile = \"{}\"\n",
        file.display()
    );
    let desk = Desk::with_config(config_with_apps(&settings));
    let ring = desk.app.keys.open(RECEIVED_MS).unwrap();
    let key = ring.newest(Purpose::Link).unwrap().id.clone();
    let record = json!({
        "wish": {
            "url": format!("http://127.0.0.1:{port}/crm"), "types": [], "imports": true, "made": "api", "state": "active",
            "secrets": [{ "key": &*key, "nonce": "one" }],
        },
        "made_ms": 0, "made_by": "ada",
    });
    let takes = Takes {
        active: true,
        consents: true,
        imports: true,
    };
    let made = Subscription {
        business: ACME,
        id: "sub_crm".into(),
        version: 0,
        takes,
        body: record.to_string().into(),
    };
    put(&desk, made).await;
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, "no keys").unwrap();

    let work = Work::start(&desk);
    let failures = &desk.app.metrics.event_failures;
    says(&desk, P1, EventKind::Granted).await;
    while failures.get() < 1 {
        tokio::task::yield_now().await;
    }
    assert!(arrivals.try_recv().is_err());
    std::fs::write(&file, whole).unwrap();
    assert_eq!(later(&desk, &mut arrivals).await, "/crm");

    let now_ms = desk.app.clock.now_ms();
    desk.app.keys.rotate(Purpose::Link, now_ms).unwrap();
    desk.app.keys.retire(&key).unwrap();
    let before = failures.get();
    says(&desk, P2, EventKind::Granted).await;
    while failures.get() == before {
        tokio::task::yield_now().await;
    }
    assert!(arrivals.try_recv().is_err());
    work.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_address_of_the_file_is_taken_while_others_write() {
    let urls = ["/old", "/new"];
    let config = |path| config_with_apps(&(subscription("crm", 9, path) + ALLOWING));
    let desk = Desk::with_config(config(urls[0]));
    let ledger = desk.app.ledger.clone();
    let apps = urls
        .map(|path| serve::build(config(path), ledger.clone(), desk.app.clock.clone()).unwrap());
    events::sync(&apps[0]).await.unwrap();
    // As whoever writes down how deliveries go.
    let others = tokio::spawn(async move {
        loop {
            for one in ledger.subscriptions(ACME).await.unwrap() {
                ledger.put_subscription(one).await.unwrap();
            }
        }
    });
    for round in 1..=60 {
        let at = round % 2;
        while events::sync(&apps[at]).await.is_err() {}
        let body = kept(&desk, "crm").await.body;
        assert!(body.contains(urls[at]), "{round}: {body}");
    }
    others.abort();
}
