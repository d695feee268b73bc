//! One store, several processes: a server answers for it, and nobody else writes it.

use std::path::Path;

use crate::support::command::run_with;
use crate::support::gateway::Gateway;
use crate::support::place::{NOWHERE, Place};
use crate::support::settings::BOT_KEY;

use super::record_yes;
use crate::support::store::{Store, on_each_store};

on_each_store! {
    a_server_is_asked_and_its_answer_is_the_same_as_without_one,
    writing_through_a_server_counts_for_its_next_send,
    without_a_server_and_without_tokens_the_store_is_read_all_the_same,
    a_killed_server_leaves_no_lock_behind,
    a_role_holds_through_a_server_and_without_one,
}

const PERSON: &str = "15550100123";

async fn a_server_is_asked_and_its_answer_is_the_same_as_without_one(store: Store) {
    let home = store.home();
    let mut gateway = Gateway::start(&home, NOWHERE, |settings| settings).await;
    gateway.opt_in(PERSON, "marketing").await;
    let refused = gateway.send_text("15550100999", "Hello").await;
    let decision = refused.header("greenline-decision").to_owned();
    assert!(decision.starts_with("dec_"), "{refused:?}");

    let config = gateway.config();
    let questions: [&[&str]; 5] = [
        &["consent", "show", PERSON, "--json"],
        &["consent", "export"],
        &["explain", &decision, "--json"],
        &["number", "list", "--json"],
        &["verify", "--json"],
    ];
    let mut through_server = Vec::new();
    for question in questions {
        let said = run_with(&config, question).await.ended(0).stdout;
        through_server.push(without_seals(&said));
    }
    assert!(
        through_server[2].contains("window.closed"),
        "{}",
        through_server[2]
    );
    assert!(gateway.is_running());
    assert!(gateway.stop().await.success());
    for (question, before) in questions.iter().zip(through_server) {
        let after = run_with(&config, question).await.ended(0).stdout;
        assert_eq!(
            without_seals(&after),
            before,
            "`greenline {}`",
            question.join(" ")
        );
    }
}

/// An answer without what the log's sealer counts: it works off the path, whenever it comes to it.
fn without_seals(said: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(said) {
        Ok(serde_json::Value::Object(mut answer)) => {
            answer.remove("heads");
            answer.remove("leaves");
            serde_json::Value::Object(answer).to_string()
        }
        _ => said.to_owned(),
    }
}

async fn writing_through_a_server_counts_for_its_next_send(store: Store) {
    let home = store.home();
    let gateway = Gateway::start(&home, NOWHERE, |settings| settings).await;
    gateway.opt_in(PERSON, "marketing").await;
    let no = [
        "consent",
        "record",
        "--person",
        PERSON,
        "--scope",
        "marketing",
        "--event",
        "withdrawn",
        "--as",
        "ada",
    ];
    run_with(&gateway.config(), &no).await.ended(0);
    let refused = gateway.send_template(PERSON, "spring_offer").await;
    assert_eq!(refused.code(), Some(131_050), "{refused:?}");
}

#[tokio::test]
async fn a_second_server_on_the_same_store_is_told_who_holds_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = Gateway::start(folder.path(), NOWHERE, |settings| settings).await;
    let second = run_with(&gateway.config(), &["serve"]).await.ended(3);
    let holder = format!("`greenline serve` (process {})", gateway.process());
    assert!(second.stderr.contains(&holder), "{second:?}");
    let found = run_with(&gateway.config(), &["doctor", "--json"])
        .await
        .ended(1)
        .json();
    assert!(
        found["findings"].to_string().contains("answers at"),
        "{found}"
    );
}

#[tokio::test]
async fn a_server_without_admin_tokens_cannot_be_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = Gateway::start(folder.path(), NOWHERE, |settings| {
        settings.with(&["admin", "token"], toml::Value::Array(Vec::new()))
    })
    .await;
    let said = run_with(&gateway.config(), &["verify"]).await.ended(2);
    assert!(said.stderr.contains("[[admin.token]]"), "{said:?}");
}

async fn without_a_server_and_without_tokens_the_store_is_read_all_the_same(store: Store) {
    let place = Place::with(store, |settings| {
        settings.with(&["admin", "token"], toml::Value::Array(Vec::new()))
    });
    record_yes(&place, PERSON, "marketing").await.ended(0);
    let person = place
        .run(&["consent", "show", PERSON, "--json"])
        .await
        .ended(0)
        .json();
    assert_eq!(person["history"][0]["actor"], "local", "{person}");
}

async fn a_killed_server_leaves_no_lock_behind(store: Store) {
    let home = store.home();
    let mut gateway = Gateway::start(&home, NOWHERE, |settings| settings).await;
    gateway.opt_in(PERSON, "marketing").await;
    gateway.kill().await;
    let person = run_with(&gateway.config(), &["consent", "show", PERSON, "--json"])
        .await
        .ended(0)
        .json();
    assert_eq!(
        person["head"]["marketing"]["standing"], "covered",
        "{person}"
    );
    gateway.run_again().await;
    let person = gateway.admin_get(&format!("/v1/people/{PERSON}")).await;
    assert_eq!(person.status.as_u16(), 200, "{person:?}");
}

#[tokio::test]
async fn a_store_that_cannot_be_there_is_unavailable() {
    let place = Place::with(Store::Sqlite, |settings| {
        settings.with(&["store", "url"], "sqlite:no-such-folder/greenline.db")
    });
    let said = place.run(&["verify"]).await.ended(3);
    assert!(said.stderr.contains("no-such-folder"), "{said:?}");

    let place = Place::new(Store::Sqlite);
    place.write("greenline.db", &"this is not a store. ".repeat(1_000));
    place.run(&["verify"]).await.ended(3);
    assert_eq!(
        first_bytes(&place.folder().join("greenline.db")),
        b"this is not"
    );
}

fn first_bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("the file")[..11].to_vec()
}

async fn a_role_holds_through_a_server_and_without_one(store: Store) {
    let viewer = |settings: crate::support::settings::Settings| {
        settings.with(&["admin", "token", "0", "may"], "viewer")
    };
    let place = Place::with(store, viewer);
    let no = [
        "consent",
        "record",
        "--person",
        PERSON,
        "--scope",
        "marketing",
        "--event",
        "withdrawn",
    ];
    let said = place
        .run(&[&no[..], &["--as", "ada"]].concat())
        .await
        .ended(1);
    assert!(said.stderr.contains("agent"), "{said:?}");

    let home = store.home();
    let gateway = Gateway::start(&home, NOWHERE, viewer).await;
    // Without a name, whoever may use the store itself may do everything. A SQLite store is the server's now.
    let code = match store {
        Store::Sqlite => 1,
        Store::Postgres => 0,
    };
    run_with(&gateway.config(), &no).await.ended(code);
    assert_eq!(
        gateway
            .send(BOT_KEY, &serde_json::json!({}))
            .await
            .status
            .as_u16(),
        400
    );
}
