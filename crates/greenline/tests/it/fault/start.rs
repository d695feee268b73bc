//! A start on a store that cannot be written: it ends at once and says what to do.
//!
//! A full disk is a limit on the size of files; a read-only one is the tracer's answer to what opens the
//! store's files. Both work for root as for anyone.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::support::command::run_with;
use crate::support::gateway::Gateway;
use crate::support::place::{NOWHERE, Place};
use crate::support::soon;
use crate::support::store::Store;
use crate::support::trace::Trace;

/// Bytes that fit: none; the lock but no store; a store but not its tables; the tables but no more.
const ROOMS: [u64; 4] = [0, 200, 4096, 40_000];

#[tokio::test]
async fn a_full_disk_is_said_so_and_no_half_store_is_left() {
    for room in ROOMS {
        let place = Place::new(Store::Sqlite);
        let mut command = Command::new("prlimit");
        command.arg(format!("--fsize={room}"));
        command.arg(env!("CARGO_BIN_EXE_greenline"));
        ends_with_advice(command, &place.config(), &format!("{room} bytes")).await;

        let mut gateway = Gateway::start(place.folder(), NOWHERE, |settings| settings).await;
        gateway.opt_in("15551230001", "marketing").await;
        assert!(gateway.stop().await.success());
        run_with(&place.config(), &["verify"]).await.ended(0);
    }
}

#[tokio::test]
async fn a_read_only_store_is_said_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = Trace::new(folder.path()).await;
    let mut gateway = Gateway::start(folder.path(), NOWHERE, |settings| settings).await;
    gateway.opt_in("15551230001", "marketing").await;
    assert!(gateway.stop().await.success());

    let beside = |end: &str| {
        let mut name = gateway.store().into_os_string();
        name.push(end);
        PathBuf::from(name)
    };
    // Whichever is the first that cannot be opened for writing. SQLite tries again for reading.
    for (file, what) in [
        (beside(".holder"), "error=EROFS"),
        (beside(".lock"), "error=EROFS"),
        (beside(""), "error=EROFS"),
        (beside(""), "error=EROFS:when=1"),
        (beside("-wal"), "error=EROFS"),
    ] {
        let command = trace.failing(&[&file], "openat", what);
        ends_with_advice(
            command,
            &gateway.config(),
            &format!("{}: {what}", file.display()),
        )
        .await;
    }
    gateway.run_again().await;
    assert!(gateway.stop().await.success());
    run_with(&gateway.config(), &["verify"]).await.ended(0);
}

/// The program ends as one to which something it needs is not available, and says what to do.
async fn ends_with_advice(mut command: Command, config: &Path, what: &str) {
    command
        .args(["serve", "--config"])
        .arg(config)
        .kill_on_drop(true);
    let ended = soon(what, command.output()).await.expect("its end");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{what}: {said}");
    let errors = said.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{what}: {said}");
    let advice = said.lines().last().unwrap_or_default();
    assert!(advice.contains("must be writable"), "{what}: {said}");
    assert!(!said.contains("panicked"), "{what}: {said}");
}
