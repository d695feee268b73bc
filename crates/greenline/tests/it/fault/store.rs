//! A store that is full, cannot be written, or cannot be synced: nothing acknowledged is lost, nothing that
//! was not recorded goes out, and all is well again without a restart.
//!
//! A full disk is made with a limit on the size of files, which the kernel enforces on whatever is written
//! past it, for root as for anyone; it is put on the running process, and taken off it again. Other
//! errors (no space, read-only, a sync that fails) are put by the tracer in the place of the answers to
//! the store's own system calls, for a while and then no longer.
//!
//! All of this is about the files of a SQLite store. What a database does that gives way is in `database`.

use std::path::PathBuf;

use tokio::process::Command;

use super::books::{Books, Took, is_ready};
use super::ends_well;
use crate::support::gateway::Gateway;
use crate::support::trace::Trace;
use crate::support::{platform, soon};

/// Rounds while the store is down.
const ROUNDS_DOWN: usize = 6;
/// Rounds within which a failure that begins and ends by itself must have done so.
const ROUNDS_MAX: usize = 200;

#[tokio::test]
async fn a_full_store_refuses_and_loses_nothing() {
    // A few bytes over what is there: a write that is cut short. Nothing at all: the log suffers too.
    for room in [Some(1500), None] {
        full(room).await;
    }
}

async fn full(room: Option<u64>) {
    let folder = tempfile::tempdir().expect("a folder");
    let sim = platform::sample().await;
    let mut gateway = Gateway::start(folder.path(), &sim.url(), |settings| settings).await;
    let mut books = Books::open(&gateway).await;
    for _ in 0..3 {
        assert_eq!(books.round(&gateway).await, Took::Everything);
    }
    for _ in 0..2 {
        let written = std::fs::metadata(log_of(&gateway))
            .expect("the store's log")
            .len();
        limit_files(&gateway, &room.map_or(0, |room| written + room).to_string()).await;
        soon("it is no longer ready", async {
            while is_ready(&gateway).await {}
        })
        .await;
        for _ in 0..ROUNDS_DOWN {
            assert_eq!(books.round(&gateway).await, Took::Nothing);
        }
        limit_files(&gateway, "unlimited").await;
        assert_eq!(books.round(&gateway).await, Took::Everything);
        books.again(&gateway).await;
    }
    ends_well(&mut gateway, &books, &sim).await;
    sim.stop().await;
}

#[tokio::test]
async fn a_disk_without_space_is_as_a_full_store() {
    fails_for_a_while("pwrite64", "error=ENOSPC:when=400..550").await;
}

#[tokio::test]
async fn a_store_gone_read_only_refuses_and_loses_nothing() {
    fails_for_a_while("pwrite64", "error=EROFS:when=400..550").await;
}

#[tokio::test]
async fn what_cannot_be_synced_is_not_acknowledged() {
    fails_for_a_while("fsync,fdatasync", "error=EIO:when=60..210").await;
}

/// Calls on the store's log fail for some time, counted in calls, under a program that runs all along.
async fn fails_for_a_while(calls: &str, what: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = Trace::new(folder.path()).await;
    let sim = platform::sample().await;
    let mut gateway = Gateway::start(folder.path(), &sim.url(), |settings| settings).await;
    assert!(gateway.stop().await.success());
    let log = log_of(&gateway);
    gateway.run_under(trace.failing(&[&log], calls, what)).await;
    let mut books = Books::open(&gateway).await;
    assert_eq!(books.round(&gateway).await, Took::Everything);

    let (mut took_nothing, mut took_everything) = (false, false);
    for _ in 0..ROUNDS_MAX {
        match books.round(&gateway).await {
            Took::Nothing => took_nothing = true,
            Took::Everything if took_nothing => {
                took_everything = true;
                break;
            }
            Took::Everything | Took::Some => {}
        }
    }
    assert!(
        took_nothing,
        "the store never failed; {} calls did",
        trace.failed()
    );
    assert!(took_everything, "the store did not come back");
    books.again(&gateway).await;
    ends_well(&mut gateway, &books, &sim).await;
    sim.stop().await;
}

#[tokio::test]
async fn a_database_that_the_log_cannot_be_moved_into_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = Trace::new(folder.path()).await;
    let sim = platform::sample().await;
    let mut gateway = Gateway::start(folder.path(), &sim.url(), |settings| settings).await;
    assert!(gateway.stop().await.success());
    let store = gateway.store();
    gateway
        .run_under(trace.failing(&[&store], "pwrite64", "error=ENOSPC"))
        .await;
    let mut books = Books::open(&gateway).await;
    for _ in 0..ROUNDS_DOWN {
        assert_eq!(books.round(&gateway).await, Took::Everything);
    }
    ends_well(&mut gateway, &books, &sim).await;
    assert!(trace.failed() > 0, "nothing was moved");
    sim.stop().await;
}

fn log_of(gateway: &Gateway) -> PathBuf {
    let mut name = gateway.store().into_os_string();
    name.push("-wal");
    name.into()
}

/// Limits how long a file may get by the process's writing, from now on. Only the limit that can be raised
/// again is set.
async fn limit_files(gateway: &Gateway, bytes: &str) {
    let set = Command::new("prlimit")
        .arg(format!("--pid={}", gateway.process()))
        .arg(format!("--fsize={bytes}:"))
        .status();
    assert!(
        set.await.is_ok_and(|status| status.success()),
        "`prlimit` (of util-linux) could not set a limit"
    );
}
