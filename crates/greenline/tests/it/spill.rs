//! Replies past a store that is full, and a kill before it is back: what went out is on record afterwards.
//!
//! The store is filled by a limit on the size of files that the kernel enforces on the running process; the
//! spill file is far shorter than the store's log, so it still takes lines.
//!
//! Only with SQLite: on Postgres a node decides nothing without the database, and `config check` says so.

use std::path::PathBuf;

use greenline_sim::Sim;
use tokio::process::Command;

use crate::support::command::run_with;
use crate::support::gateway::Gateway;
use crate::support::{platform, soon, webhook};

const DANA: &str = "15551230001";
/// What the store's log gets to before it is full: enough that the spill file fits below.
const LOG_BYTES: u64 = 64 << 10;

#[tokio::test]
async fn a_reply_past_a_full_store_is_on_record_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let sim = platform::sample().await;
    let mut gateway = Gateway::start(folder.path(), &sim.url(), |settings| {
        settings.with(&["store", "replies_when_down"], "forward")
    })
    .await;
    let heard = gateway.person_writes(DANA, "Hello").await;
    assert_eq!(heard.status.as_u16(), 200);
    fill(&gateway).await;

    let sent = gateway.send_text(DANA, "on its way").await;
    assert_eq!(sent.status.as_u16(), 200, "{}", sent.json());
    let decision = sent.header("greenline-decision").to_owned();
    let refused = gateway.send_template(DANA, "spring_offer").await;
    assert_eq!(refused.status.as_u16(), 503);
    let stop = webhook::text(DANA, "STOP");
    assert_eq!(gateway.webhook(&stop).await.status.as_u16(), 503);
    let refused = gateway.send_text(DANA, "after the stop").await;
    assert_eq!(refused.status.as_u16(), 503);
    assert_eq!(sends_to(&sim, DANA), 1);

    gateway.kill().await;
    gateway.run_again().await;
    let record = gateway
        .admin_get(&format!("/v1/decisions/{decision}"))
        .await
        .json();
    assert_eq!(record["decision"], "allow", "{record}");
    assert_eq!(gateway.webhook(&stop).await.status.as_u16(), 200);
    let refused = gateway.send_text(DANA, "after the stop").await;
    assert_eq!(refused.status.as_u16(), 400, "{}", refused.json());
    assert!(gateway.stop().await.success());
    run_with(&gateway.config(), &["verify"]).await.ended(0);
    sim.stop().await;
}

/// Messages of the bot that reached the platform; the confirmation of a stop is not one.
fn sends_to(sim: &Sim, wa_id: &str) -> usize {
    sim.requests(0)
        .iter()
        .filter(|request| request.is_send() && request.to.as_deref() == Some(wa_id))
        .count()
}

/// Writes until the store's log is long, and lets no file get longer than that.
async fn fill(gateway: &Gateway) {
    let mut wa_id = 15_551_240_000_u64;
    let log = log_of(gateway);
    soon("the store's log grows", async {
        while std::fs::metadata(&log).map_or(0, |log| log.len()) < LOG_BYTES {
            wa_id += 1;
            gateway.opt_in(&wa_id.to_string(), "marketing").await;
        }
    })
    .await;
    let bytes = std::fs::metadata(&log).expect("the store's log").len();
    let set = Command::new("prlimit")
        .arg(format!("--pid={}", gateway.process()))
        .arg(format!("--fsize={bytes}:"))
        .status();
    assert!(
        set.await.is_ok_and(|status| status.success()),
        "`prlimit` (of util-linux) could not set a limit"
    );
    soon("the store is full", async {
        while gateway.admin_get("/readyz").await.status.as_u16() == 200 {}
    })
    .await;
}

fn log_of(gateway: &Gateway) -> PathBuf {
    let mut name = gateway.store().into_os_string();
    name.push("-wal");
    name.into()
}
