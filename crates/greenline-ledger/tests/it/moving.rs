//! An installation moved from SQLite to Postgres is the same installation, however often the move was stopped.

mod installation;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenline_ledger::erasure::ErasureKey;
use greenline_ledger::moving::{self, Moved};
use greenline_ledger::prune::PruneKind;
use greenline_ledger::types::{Mode, Outcome};
use greenline_ledger::{Ledger, LedgerError, migrations};
use greenline_policy::consent::EventKind;
use greenline_policy::decide::decide;
use greenline_policy::rule::Rule;
use greenline_testdb::{Database, Proxy};
use tokio::sync::Notify;

use crate::contract::seal::seal;
use crate::support::*;
use installation::{assert_same, fill};

/// Rows of a page: few, so that there are many pages.
const ROWS: usize = 7;

fn url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("ledger.db").display())
}

/// An installation that has seen everything, in a folder of its own.
async fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open_sqlite(&folder.path().join("ledger.db"), setup()).unwrap();
    fill(&ledger).await;
    assert_clean(&ledger).await;
    ledger.close().await;
    folder
}

/// Moves, a few rows at a time, and goes away after `pages` pages; `None`: it came to its end before.
async fn until(folder: &Path, to: &str, pages: usize) -> Option<Result<Moved, LedgerError>> {
    let enough = Arc::new(Notify::new());
    let (seen, said) = (Mutex::new(0), Arc::clone(&enough));
    let mut tell = move |_| {
        let mut seen = seen.lock().unwrap();
        *seen += 1;
        if *seen == pages {
            said.notify_one();
        }
    };
    let from = url(folder);
    tokio::select! {
        biased;
        () = enough.notified() => None,
        moved = moving::run_by(ROWS, &from, to, decide, &mut tell) => Some(moved),
    }
}

async fn whole(folder: &Path, to: &str) -> Result<Moved, LedgerError> {
    // The one that was stopped may still hold the store for the moment its reader needs to notice.
    for _ in 0..600 {
        match moving::run_by(ROWS, &url(folder), to, decide, &mut |_| {}).await {
            Err(LedgerError::Unavailable(cause))
                if cause.to_string().contains("another process") =>
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            moved => return moved,
        }
    }
    panic!("the store is never let go");
}

async fn opened(folder: &Path, to: &str) -> (Ledger, Ledger) {
    let old = Ledger::open_sqlite(&folder.join("ledger.db"), setup()).unwrap();
    (old, Ledger::open(to, setup()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_moved_is_the_same_installation() {
    // With nothing in it, not even tables.
    let (folder, database) = (filled().await, Database::fresh());
    let to = database.url();
    let mut told = Vec::new();
    let moved = moving::run(&url(folder.path()), &to, decide, &mut |p| told.push(p))
        .await
        .unwrap();
    assert!(moved.is_clean(), "{moved:?}");
    assert!(
        moved.rows > 100 && moved.rows_before == 0 && moved.heads > 5,
        "{moved:?}"
    );
    let is_moved = |counted: &moving::Counted| {
        // The log is too short for nodes above its leaves.
        let is_there = counted.from > 0 || counted.what == "log nodes";
        is_there && counted.from == counted.to
    };
    assert!(moved.counted.iter().all(is_moved), "{moved:?}");
    assert_eq!(told.last().unwrap().what, "folding everything again");
    let (old, new) = opened(folder.path(), &to).await;
    assert_same(&old, &new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_stopped_goes_on_where_it_was() {
    let (folder, database) = (filled().await, ready_database());
    let to = database.url();
    let mut stops = 0;
    // A few pages further each time, so that it is stopped in every table.
    let moved = loop {
        match until(folder.path(), &to, 2 + stops % 4).await {
            None => stops += 1,
            Some(Err(LedgerError::Unavailable(_))) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Some(done) => break done.unwrap(),
        }
        assert!(stops < 500, "it never comes to an end");
    };
    assert!(
        stops > 5 && moved.is_clean() && moved.rows_before > 0,
        "{stops} {moved:?}"
    );
    let (old, new) = opened(folder.path(), &to).await;
    assert_same(&old, &new).await;
    drop((old, new));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_which_nobody_was_told_is_not_written_twice() {
    let (folder, database) = (filled().await, ready_database());
    let proxy = Proxy::to(database.server_address());
    let through = database.url_through(&proxy);
    migrations::run(&through).await.unwrap();
    assert!(until(folder.path(), &through, 4).await.is_none());
    proxy.lose_answer("COMMIT");
    let moved = whole(folder.path(), &through).await.unwrap();
    assert_eq!(proxy.lost(), 1);
    assert!(moved.is_clean(), "{moved:?}");
    let (old, new) = opened(folder.path(), &database.url()).await;
    assert_same(&old, &new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_difference_in_the_new_store_is_found_and_keeps_servers_away() {
    let (folder, database) = (filled().await, ready_database());
    let to = database.url();
    // Stopped when it begins to count.
    let enough = Arc::new(Notify::new());
    let said = Arc::clone(&enough);
    let mut tell = move |progress: moving::Progress| {
        if progress.what == "counting" {
            said.notify_one();
        }
    };
    let from = url(folder.path());
    tokio::select! {
        biased;
        () = enough.notified() => {}
        moved = moving::run_by(1_000, &from, &to, decide, &mut tell) => panic!("{moved:?}"),
    }
    database.sql("UPDATE heads SET body = (SELECT min(body) FROM heads) WHERE body = (SELECT max(body) FROM heads)");
    database.sql(
        "DELETE FROM consent_events WHERE event_seq = (SELECT max(event_seq) FROM consent_events)",
    );
    let moved = whole(folder.path(), &to).await.unwrap();
    assert!(!moved.is_clean());
    assert!(
        moved
            .differences
            .iter()
            .any(|found| found.contains("consent events")),
        "{moved:?}"
    );
    assert!(
        moved
            .differences
            .iter()
            .any(|found| found.contains("head of person")),
        "{moved:?}"
    );
    assert!(
        moved
            .verification
            .differences
            .iter()
            .any(|found| found.kind == "head"),
        "{moved:?}"
    );
    let refused = Ledger::open(&to, setup()).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Conflict(_)), "{refused:?}");
    // It stays unfinished however often it is looked at.
    assert!(!whole(folder.path(), &to).await.unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_added_to_a_store_that_holds_something() {
    let (folder, database) = (filled().await, ready_database());
    let other = Ledger::open(&database.url(), setup()).await.unwrap();
    other
        .append(yes(&["15551239999"], "marketing", NOON))
        .await
        .unwrap();
    other.close().await;
    drop(other);
    let refused = whole(folder.path(), &database.url()).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Conflict(_)), "{refused:?}");
    assert_eq!(database.sql("SELECT count(*) FROM moves").trim(), "0");
    assert_eq!(database.sql("SELECT count(*) FROM people").trim(), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_changed_since_or_is_in_use_is_not_moved() {
    let (folder, database) = (filled().await, ready_database());
    let to = database.url();
    let path = folder.path().join("ledger.db");
    let running = Ledger::open_sqlite(&path, setup()).unwrap();
    let refused = moving::run(&url(folder.path()), &to, decide, &mut |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(refused, LedgerError::Unavailable(_)),
        "{refused:?}"
    );
    running.close().await;
    drop(running);
    assert!(until(folder.path(), &to, 5).await.is_none());
    let running = loop {
        match Ledger::open_sqlite(&path, setup()) {
            Ok(running) => break running,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    running
        .append(no(&["15551230001"], "all", NOON + 900 * SECOND))
        .await
        .unwrap();
    running.close().await;
    drop(running);
    let refused = whole(folder.path(), &to).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Conflict(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_on_which_a_server_runs_is_not_moved_to() {
    let (folder, database) = (filled().await, ready_database());
    let to = database.url();
    let server = Ledger::open(&to, setup()).await.unwrap();
    let refused = whole(folder.path(), &to).await.unwrap_err();
    assert!(
        matches!(refused, LedgerError::Unavailable(_)),
        "{refused:?}"
    );
    server.close().await;
    drop(server);
    assert!(whole(folder.path(), &to).await.unwrap().is_clean());
    assert!(whole(folder.path(), &to).await.unwrap().was_finished);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_are_looked_at_and_made_on_either_store() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::fresh();
    for url in [url(folder.path()), database.url()] {
        let before = migrations::look(&url).await.unwrap();
        assert!(
            before.done.is_empty() && !before.missing.is_empty(),
            "{before:?}"
        );
        assert_eq!(
            migrations::look(&url).await.unwrap(),
            before,
            "looking changes nothing"
        );
        let (one, other) = tokio::join!(migrations::run(&url), migrations::run(&url));
        assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
        let after = migrations::look(&url).await.unwrap();
        assert_eq!((after.done, after.missing.len()), (before.missing, 0));
        assert!(migrations::run(&url).await.unwrap().missing.is_empty());
    }
    assert!(!folder.path().join("other.db").exists());
    let nowhere = migrations::look("redis://x").await.unwrap_err();
    assert!(matches!(nowhere, LedgerError::NotFound(_)));
}

/// What retention took, an erasure emptied and nobody has sealed yet is the same there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_the_timeline_and_of_old_decisions_moves_with_its_leaves() {
    const DAY: i64 = 24 * 60 * 60 * SECOND;
    let (folder, database) = (tempfile::tempdir().unwrap(), ready_database());
    let old = Ledger::open_sqlite(&folder.path().join("ledger.db"), setup()).unwrap();
    old.use_erasure_keys(vec![ErasureKey {
        id: "0a1b2c3d".into(),
        secret: [5; 32],
    }]);
    cover(&old).await;
    let person = "15551230001";
    let of = format!("{{\"by\":\"{person}\"}}");
    let entries = vec![
        noted("n1", "{}", NOON),
        noted(person, &of, NOON + 3 * DAY),
        noted("n2", &of, NOON + 3 * DAY),
    ];
    old.learn(ACME, entries).await.unwrap();
    for at in [1, 3 * DAY] {
        let sent = old.admit(template(person, "offer", NOON + at)).await;
        old.settle(sent.unwrap().id, Outcome::NotSent);
    }
    seal(&old, ACME).await;
    for kind in [PruneKind::Decisions, PruneKind::Timeline] {
        let pruned = old.prune(ACME, kind, NOON + DAY, NOON + 3 * DAY).await;
        assert_eq!(pruned.unwrap(), 1, "{kind:?}");
    }
    let gone = event(&[person], EventKind::Erased, "all", NOON + 4 * DAY);
    old.erase(gone).await.unwrap();
    old.learn(ACME, vec![noted("n3", "{}", NOON + 4 * DAY)])
        .await
        .unwrap();
    let said = async |ledger: &Ledger| {
        let leaves = ledger.log_leaves(ACME, 0, 100).await.unwrap();
        let records = ledger.log_records(ACME, &leaves).await.unwrap();
        let mut open = ledger.unsealed(ACME, 100).await.unwrap();
        open.sort_by_key(|record| (record.id.kind, record.id.seq));
        assert_eq!(ledger.log_unlogged(ACME).await.unwrap(), 0);
        (leaves, records, open)
    };
    let before = said(&old).await;
    assert_eq!(before.2.len(), 2, "the erasure and the last entry");
    old.close().await;
    drop(old);
    let moved = whole(folder.path(), &database.url()).await.unwrap();
    assert!(moved.is_clean(), "{moved:?}");
    let new = Ledger::open(&database.url(), setup()).await.unwrap();
    assert_eq!(said(&new).await, before);
    assert_eq!(seal(&new, ACME).await.len(), 2);
    assert_eq!(new.log_unlogged(ACME).await.unwrap(), 0);
}

/// What went before the move counts after it, and whom the platform limits is limited still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_went_to_people_is_counted_in_the_new_store() {
    let (folder, database) = (tempfile::tempdir().unwrap(), ready_database());
    let old = Ledger::open_sqlite(&folder.path().join("ledger.db"), setup()).unwrap();
    cover(&old).await;
    let to = "15551230001";
    let mut ids = Vec::new();
    for (at, mode) in [(1, Mode::Enforce), (2, Mode::Enforce), (3, Mode::Observe)] {
        let mut ask = template(to, "offer", NOON + at);
        (ask.body_hash, ask.mode) = ([at as u8; 16], mode);
        ids.push(old.admit(ask).await.unwrap().id);
    }
    let message_ids = smallvec::smallvec!["wamid.1".into()];
    old.settle(ids[0], Outcome::NotSent);
    old.settle(ids[1], Outcome::Accepted { message_ids });
    old.settle(ids[2], Outcome::Rejected { code: 131_049 });
    old.learn(ACME, vec![]).await.unwrap();
    let hour = 3_600 * SECOND;
    let mut ask = template(to, "offer", NOON + SECOND);
    ask.caps = caps(&[("marketing", 1, hour)]);
    let before = old.preview(ask.clone()).await.unwrap().decision;
    let until = |rule| {
        let reason = before.reasons.iter().find(|reason| reason.rule == rule);
        reason.and_then(|reason| reason.until_ms)
    };
    assert_eq!(until(Rule::FrequencyCap), Some(NOON + 2 + hour));
    assert_eq!(until(Rule::LimitPerUser), Some(NOON + 3 + 24 * hour));
    old.close().await;
    drop(old);
    let moved = whole(folder.path(), &database.url()).await.unwrap();
    assert!(moved.is_clean(), "{moved:?}");
    let new = Ledger::open(&database.url(), setup()).await.unwrap();
    assert_eq!(new.preview(ask).await.unwrap().decision, before);
}
