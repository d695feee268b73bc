//! Killed at any moment while messages are held or released: none is sent twice, none is forgotten.

use std::time::Duration;

use serde_json::{Value, json};

use super::{holding, quiet};
use crate::support::chance::{Chance, seed};
use crate::support::gateway::{Gateway, template_message};
use crate::support::settings::{BOT_KEY, Settings};
use crate::support::store::{Home, Site as _, Store, on_each_store};
use crate::support::{platform, soon, webhook};

on_each_store! {
    a_kill_sends_no_held_message_twice_and_forgets_none,
}

const PEOPLE: u64 = 12;
const ROUNDS: usize = 8;

/// Lets everything that is held be due.
fn make_due(store: Store, home: &Home, gateway: &Gateway) {
    let due = "UPDATE held_messages SET due_ms = 0 WHERE stage = 0";
    match store {
        Store::Sqlite => {
            let connection = rusqlite::Connection::open(gateway.store()).expect("the store");
            connection.execute(due, []).expect("rows");
        }
        Store::Postgres => {
            home.database().sql(due);
        }
    }
}

async fn held(gateway: &Gateway) -> Vec<Value> {
    let answer = gateway.admin_get("/v1/held?business=acme&limit=100").await;
    let body = answer.json();
    body["held"].as_array().cloned().unwrap_or_default()
}

async fn a_kill_sends_no_held_message_twice_and_forgets_none(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let minutes = i64::try_from(webhook::now_s() / 60).expect("a time");
    let mut gateway = Gateway::start(&home, &sim.url(), |settings| {
        quiet(holding(settings, "0", &["quiet_hours"]), minutes)
    })
    .await;
    let people: Vec<String> = (0..PEOPLE).map(|n| format!("1555124{n:04}")).collect();
    for who in &people {
        gateway.opt_in(who, "marketing").await;
        for n in 0..2 {
            // Not the same twice: the second would wait for the outcome of the first.
            let mut message = template_message(who, "spring_offer");
            message["biz_opaque_callback_data"] = json!(format!("n{n}"));
            let answer = gateway.send(BOT_KEY, &message).await;
            let body = answer.json();
            let status = &body["messages"][0]["message_status"];
            assert_eq!(status, "held_for_quality_assessment", "{body}");
        }
    }
    // What was answered as held is on disk.
    gateway.kill().await;
    let settings = Settings::new(home.path(), &sim.url(), gateway.public, gateway.private);
    holding(home.settle(settings), "0", &["quiet_hours"]).write(home.path());
    let mut chance = Chance::about(seed(), 1);
    for _ in 0..ROUNDS {
        make_due(store, &home, &gateway);
        gateway.run_again().await;
        tokio::time::sleep(Duration::from_millis(chance.below(60))).await;
        gateway.kill().await;
    }
    make_due(store, &home, &gateway);
    gateway.run_again().await;
    let all = soon("everything is over", async {
        loop {
            let all = held(&gateway).await;
            let open = |one: &Value| one["state"] == "waiting" || one["state"] == "releasing";
            if !all.iter().any(open) {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(all.len() as u64, 2 * PEOPLE);
    let requests = sim.requests(0);
    for (place, who) in people.iter().enumerate() {
        let sent = requests
            .iter()
            .filter(|one| one.is_send() && one.to.as_deref() == Some(who))
            .count();
        let theirs = &all[2 * place..2 * place + 2];
        let of = |state: &str| theirs.iter().filter(|one| one["state"] == state).count();
        assert_eq!(of("sent") + of("unknown"), 2, "{theirs:?}");
        assert!((of("sent")..=2).contains(&sent), "{sent} sends: {theirs:?}");
    }
    assert!(all.iter().any(|one| one["state"] == "sent"));
}
