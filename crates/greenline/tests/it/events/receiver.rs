//! A receiver of events as a process of its own, which judges each with the official library.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::clients::installed;
use crate::support::{ports, soon};

/// How long it is waited for something that should not come.
const QUIET: Duration = Duration::from_secs(3);

/// A request, as the receiver saw it.
#[derive(Clone, Debug)]
pub(super) struct Got(pub(super) Value);

impl Got {
    /// The event's name.
    pub(super) fn id(&self) -> String {
        self.header("webhook-id")
    }

    pub(super) fn header(&self, name: &str) -> String {
        self.0["headers"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(super) fn verified(&self) -> bool {
        self.0["verified"] == true
    }

    pub(super) fn kind(&self) -> &str {
        self.0["event"]["type"].as_str().unwrap_or_default()
    }

    pub(super) fn data(&self) -> &Value {
        &self.0["event"]["data"]
    }

    pub(super) fn raw(&self) -> &str {
        self.0["raw"].as_str().unwrap_or_default()
    }
}

/// The receiver.
pub(super) struct Receiver {
    address: SocketAddr,
    secret: String,
    control: PathBuf,
    running: Option<(Child, Lines<BufReader<ChildStdout>>)>,
}

impl Receiver {
    /// One that runs and knows no secret yet.
    pub(super) async fn start(folder: &Path, name: &str) -> Self {
        let mut receiver = Self {
            address: ports::free::<1>()[0],
            secret: String::new(),
            control: folder.join(format!("{name}.json")),
            running: None,
        };
        receiver.run().await;
        receiver
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// What the operator allows, so that events go to this machine.
    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Runs anew, with a secret to judge by.
    pub(super) async fn believes(&mut self, secret: &str) {
        secret.clone_into(&mut self.secret);
        self.stop().await;
        self.run().await;
    }

    /// Runs again on the port it had.
    pub(super) async fn run(&mut self) {
        let program =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/webhook_receiver.py");
        let mut child = Command::new(installed(
            "GREENLINE_CLIENTS_PYTHON",
            "clients/venv/bin/python",
        ))
        .arg(program)
        .env("HOST", self.address.ip().to_string())
        .env("PORT", self.address.port().to_string())
        .env("SECRET", &self.secret)
        .env("CONTROL", &self.control)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the receiver starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = soon("the receiver is ready", lines.next_line()).await;
        line.expect("its output").expect("a line");
        self.running = Some((child, lines));
    }

    /// Nobody listens any more.
    pub(super) async fn stop(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            soon("the receiver is killed", child.kill())
                .await
                .expect("its end");
        }
    }

    /// What it answers from now on.
    pub(super) fn answers(&self, wish: &Value) {
        std::fs::write(&self.control, wish.to_string()).expect("a folder that can be written");
    }

    /// The next request.
    pub(super) async fn next(&mut self) -> Got {
        let (_, lines) = self.running.as_mut().expect("it runs");
        let line = soon("an event comes", lines.next_line()).await;
        let line = line.expect("its output").expect("a line");
        Got(serde_json::from_str(&line).expect("JSON"))
    }

    /// The next request that can be verified and was taken.
    pub(super) async fn taken(&mut self) -> Got {
        loop {
            let got = self.next().await;
            if got.verified() && got.0["status"] == 200 {
                return got;
            }
        }
    }

    /// The next one about somebody; what comes twice, as it may, is passed over.
    pub(super) async fn taken_of(&mut self, wa_id: &str) -> Got {
        loop {
            let got = self.taken().await;
            if got.data()["person"]["wa_id"] == wa_id {
                return got;
            }
        }
    }

    /// Waits until each of them was heard of, in whatever order.
    pub(super) async fn taken_of_each(&mut self, wa_ids: &[&str]) {
        let mut missing = wa_ids.to_vec();
        while !missing.is_empty() {
            let got = self.taken().await;
            missing.retain(|wa_id| got.data()["person"]["wa_id"] != *wa_id);
        }
    }

    /// Requests until none comes for a while, counted by the event's name.
    pub(super) async fn all(&mut self) -> BTreeMap<String, Vec<Got>> {
        let mut all: BTreeMap<String, Vec<Got>> = BTreeMap::new();
        let (_, lines) = self.running.as_mut().expect("it runs");
        while let Ok(line) = tokio::time::timeout(QUIET, lines.next_line()).await {
            let line = line.expect("its output").expect("a line");
            let got = Got(serde_json::from_str(&line).expect("JSON"));
            all.entry(got.id()).or_default().push(got);
        }
        all
    }

    /// Requests until so many events were heard of, and then what else comes.
    pub(super) async fn all_of(&mut self, events: usize) -> BTreeMap<String, Vec<Got>> {
        let mut all: BTreeMap<String, Vec<Got>> = BTreeMap::new();
        while all.len() < events {
            let got = self.next().await;
            all.entry(got.id()).or_default().push(got);
        }
        for (id, more) in self.all().await {
            all.entry(id).or_default().extend(more);
        }
        all
    }

    /// Nothing comes for a while.
    pub(super) async fn hears_nothing(&mut self) {
        let all = self.all().await;
        assert!(all.is_empty(), "{all:?}");
    }
}
