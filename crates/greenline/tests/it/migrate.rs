//! `greenline migrate`: a store brought up to this release, and an installation moved to another store.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use greenline_testdb::Database;

use crate::support::chance::{Chance, seed};
use crate::support::command::{Ran, killed, run};
use crate::support::place::NOWHERE;
use crate::support::ports;
use crate::support::settings::{NUMBER, Settings};
use crate::support::soon;

/// People of the installation that is moved.
const PEOPLE: usize = 2_000;
/// How often the move is killed.
const KILLS: usize = 8;

/// A configuration over a store, in a folder.
fn configured(folder: &Path, url: &str) -> String {
    let [public, private] = ports::free();
    let path = Settings::new(folder, NOWHERE, public, private)
        .with(&["store", "url"], url)
        .write(folder);
    path.to_str().expect("UTF-8").to_owned()
}

/// An installation with people of whom some said no; its address and its configuration.
async fn filled(folder: &Path) -> (String, String) {
    let url = format!("sqlite:{}", folder.join("old.db").display());
    let config = configured(folder, &url);
    let mut csv = "wa_id,scope,event,occurred_at,method,wording,business_name\n".to_owned();
    for person in 0..PEOPLE {
        let event = if person % 7 == 0 {
            "withdrawn"
        } else {
            "granted"
        };
        let _ = writeln!(
            csv,
            "1555{person:07},marketing,{event},2026-01-01T00:00:00Z,website_form,Yes please,Acme"
        );
    }
    let file = folder.join("people.csv");
    std::fs::write(&file, csv).expect("a file");
    let file = file.to_str().expect("UTF-8");
    run(&["consent", "import", file, "--config", &config])
        .await
        .ended(0);
    // Entries of the timeline: two that are sealed with all else, one that is not yet.
    let probe = ["number", "probe", NUMBER, "--config", &config];
    let prove = ["consent", "show", "15550000001", "--proof"];
    let prove = [&prove[..], &["--config", &config]].concat();
    for command in [&probe[..], &probe, &prove, &probe] {
        run(command).await.ended(0);
    }
    (url, config)
}

async fn shown(config: &str, person: usize) -> serde_json::Value {
    let person = format!("1555{person:07}");
    run(&["consent", "show", &person, "--json", "--config", config])
        .await
        .ended(0)
        .json()
}

async fn moved(from: &str, to: &str) -> Ran {
    run(&["migrate", "--from", from, "--to", to, "--json"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_is_moved_though_the_move_is_killed_again_and_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::fresh();
    let (from, old) = filled(folder.path()).await;
    let to = database.url();
    let seed = seed();
    let mut chance = Chance::about(seed, 0);
    for _ in 0..KILLS {
        let after = Duration::from_millis(chance.below(1_500));
        if !killed(&["migrate", "--from", &from, "--to", &to], after).await {
            break;
        }
    }
    let report = moved(&from, &to).await.ended(0).json();
    assert_eq!(report["clean"], true, "seed {seed}: {report}");
    if report["was_finished"] == false {
        assert_eq!(report["people_folded"], PEOPLE, "{report}");
        assert_eq!(report["differences"], serde_json::json!([]), "{report}");
    }
    let other = folder.path().join("new");
    std::fs::create_dir(&other).expect("a folder");
    let new = configured(&other, &to);
    // Its keys go with it: heads that were signed before are checked after.
    std::fs::copy(folder.path().join("old.db.keys"), other.join("shared.keys")).expect("the keys");
    for person in [0, 1, 7, PEOPLE - 1] {
        assert_eq!(shown(&old, person).await, shown(&new, person).await);
    }
    let verified = run(&["verify", "--json", "--config", &new])
        .await
        .ended(0)
        .json();
    assert_eq!(verified["people"], PEOPLE, "{verified}");
    // Again changes nothing, and says so.
    let again = moved(&from, &to).await.ended(0).json();
    assert_eq!(again["was_finished"], true, "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_moved_is_told_from_what_may_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::fresh();
    let url = format!("sqlite:{}", folder.path().join("none.db").display());
    let said = moved(&url, &database.url()).await.ended(2);
    assert!(said.stderr.contains("the store to move from"), "{said:?}");
    let said = moved(&database.url(), &url).await.ended(2);
    assert!(said.stderr.contains("from SQLite to Postgres"), "{said:?}");
    // A password is not told.
    let (from, _) = soon("an installation", small(folder.path())).await;
    let said = moved(&from, "postgres://ada:open-sesame@127.0.0.1:1/none")
        .await
        .ended(3);
    assert!(!said.stderr.contains("open-sesame"), "{said:?}");
    assert!(said.stderr.contains("not finished"), "{said:?}");
}

async fn small(folder: &Path) -> (String, String) {
    let url = format!("sqlite:{}", folder.join("small.db").display());
    let config = configured(folder, &url);
    run(&["migrate", "--config", &config]).await.ended(0);
    (url, config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_brought_up_to_this_release() {
    let database = Database::fresh();
    for on_postgres in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let url = match on_postgres {
            false => format!("sqlite:{}", folder.path().join("a.db").display()),
            true => database.url(),
        };
        let config = configured(folder.path(), &url);
        let at = ["--config", config.as_str()];
        let behind = run(&[&["migrate", "--check", "--json"], &at[..]].concat())
            .await
            .ended(1)
            .json();
        assert_eq!(behind["done"], serde_json::json!([]), "{behind}");
        let said = run(&[&["migrate"], &at[..]].concat()).await.ended(0);
        assert!(said.stdout.contains("applied"), "{said:?}");
        let applied = run(&[&["migrate", "--check", "--json"], &at[..]].concat())
            .await
            .ended(0)
            .json();
        assert_eq!(applied["pending"], serde_json::json!([]), "{applied}");
        assert_eq!(applied["done"], behind["pending"], "{applied}");
        let said = run(&[&["migrate"], &at[..]].concat()).await.ended(0);
        assert!(said.stdout.contains("up to date"), "{said:?}");
    }
}
