//! The simulated platform: within the test, or as a process of its own.

use std::process::Stdio;
use std::time::Duration;

use greenline_sim::{Delivery, Inbound, Sim, SimConfig};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::settings::NUMBER;
use super::soon;

/// Longest wait for a webhook to be delivered and acknowledged.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(120);

/// The sample world within the test; its webhooks go nowhere yet.
pub(crate) async fn sample() -> Sim {
    adapted(|_| {}).await
}

/// The sample world within the test, with what the test wants otherwise.
pub(crate) async fn adapted(adapt: impl FnOnce(&mut SimConfig)) -> Sim {
    let mut config = SimConfig::sample();
    adapt(&mut config);
    Sim::start(config)
        .await
        .expect("the simulated platform starts")
}

/// A person writes, and the gateway has acknowledged the webhook when this returns.
pub(crate) async fn person_writes(sim: &Sim, from: &str, text: &str) -> Delivery {
    let written = sim
        .inbound(&Inbound::text(NUMBER, from, text))
        .expect("the sample number");
    assert!(written.told, "nobody has subscribed to webhooks");
    let delivery = sim
        .wait_acknowledged(ACKNOWLEDGED_WITHIN, &written.id)
        .await;
    delivery.expect("the webhook is acknowledged in time")
}

/// The simulated platform as a process of its own.
#[derive(Debug)]
pub(crate) struct PlatformProcess {
    /// Its address.
    pub(crate) url: String,
    child: Child,
}

impl PlatformProcess {
    /// Starts `greenline sim` on a free port, with further options.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_greenline"))
            .args(["sim", "--listen", "127.0.0.1:0", "--log-level", "error"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = soon("the platform gets ready", lines.next_line())
            .await
            .expect("its output")
            .expect("a line");
        let url = line
            .strip_prefix("platform ")
            .expect("its address")
            .to_owned();
        Self { url, child }
    }

    /// The process's id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Kills it, as a power cut would.
    pub(crate) async fn kill(mut self) {
        soon("the platform is killed", self.child.kill())
            .await
            .expect("its end");
    }
}
