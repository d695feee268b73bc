//! The gateway as a process of its own: started, waited for, stopped or killed by its process id.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::http::{self, Answer};
use super::settings::{self, ADMIN_KEY, BOT_KEY, BUSINESS, NUMBER, Settings};
use super::store::Site;
use super::{ports, soon, webhook};

/// A gateway that runs, with its folder.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// Where the public listener answers.
    pub(crate) public: SocketAddr,
    /// Where the private listener answers.
    pub(crate) private: SocketAddr,
    folder: PathBuf,
    child: Option<Child>,
}

impl Gateway {
    /// Starts one on free ports in front of `upstream`; `adapt` changes what the test is about.
    pub(crate) async fn start(
        site: &(impl Site + ?Sized),
        upstream: &str,
        adapt: impl FnOnce(Settings) -> Settings,
    ) -> Self {
        let [public, private] = ports::free();
        Self::start_at(site, upstream, public, private, adapt).await
    }

    /// Starts one on given ports, so that the platform can be told where webhooks go beforehand.
    pub(crate) async fn start_at(
        site: &(impl Site + ?Sized),
        upstream: &str,
        public: SocketAddr,
        private: SocketAddr,
        adapt: impl FnOnce(Settings) -> Settings,
    ) -> Self {
        let folder = site.folder();
        let settings = site.settle(Settings::new(folder, upstream, public, private));
        adapt(settings).write(folder);
        let mut gateway = Self {
            public,
            private,
            folder: folder.to_owned(),
            child: None,
        };
        gateway.run_again().await;
        gateway
    }

    /// Starts the process on the folder as it is: after a stop, a kill, or with other settings.
    pub(crate) async fn run_again(&mut self) {
        self.run_under(Command::new(env!("CARGO_BIN_EXE_greenline")))
            .await;
    }

    /// Starts the process under another program, such as a tracer, that ends with the program's path.
    pub(crate) async fn run_under(&mut self, mut command: Command) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .expect("a log file");
        let mut child = command
            .args(["serve", "--config"])
            .arg(self.config())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ready = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(address) = line.strip_prefix("public  http://") {
                    self.public = address.parse().expect("an address");
                } else if let Some(address) = line.strip_prefix("private http://") {
                    self.private = address.parse().expect("an address");
                } else if line == "ready" {
                    return true;
                }
            }
            false
        };
        if !soon("the gateway gets ready", ready).await {
            panic!(
                "the gateway ended before it was ready:\n{}",
                self.log_tail()
            );
        }
        self.child = Some(child);
    }

    /// Where its webhooks come in.
    pub(crate) fn callback(&self) -> String {
        callback(self.public)
    }

    /// The configuration's file.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("greenline.toml")
    }

    /// The store's file, if it is SQLite's.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("greenline.db")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("greenline.log")
    }

    /// Everything it logged.
    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let log = self.log_text();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// The process's id.
    pub(crate) fn process(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("it runs")
    }

    /// Whether the process still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Tells it to stop and waits until it has.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.signal("TERM").await;
        let mut child = self.child.take().expect("it runs");
        soon("the gateway stops", child.wait())
            .await
            .expect("its end")
    }

    /// Kills it, as a power cut would, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        soon("the gateway is killed", child.kill())
            .await
            .expect("its end");
    }

    /// Sends a signal to the process.
    pub(crate) async fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.process().to_string())
            .status();
        assert!(
            sent.await.is_ok_and(|status| status.success()),
            "the signal {name} was not sent"
        );
    }

    /// Sends a message as an app does.
    pub(crate) async fn send(&self, key: &str, message: &Value) -> Answer {
        http::post(self.private, &messages_path(), key, message).await
    }

    /// Sends a text as the bot does.
    pub(crate) async fn send_text(&self, to: &str, text: &str) -> Answer {
        self.send(BOT_KEY, &text_message(to, text)).await
    }

    /// Sends a template as the bot does.
    pub(crate) async fn send_template(&self, to: &str, name: &str) -> Answer {
        self.send(BOT_KEY, &template_message(to, name)).await
    }

    /// Posts a webhook's body, signed.
    pub(crate) async fn webhook(&self, body: &Value) -> Answer {
        webhook::post(self.public, BUSINESS, settings::APP_SECRET, body).await
    }

    /// A person writes, as the platform tells it.
    pub(crate) async fn person_writes(&self, from: &str, text: &str) -> Answer {
        self.webhook(&webhook::text(from, text)).await
    }

    /// Posts to the admin API.
    pub(crate) async fn admin(&self, target: &str, body: &Value) -> Answer {
        http::post(self.private, target, ADMIN_KEY, body).await
    }

    /// Reads from the admin API.
    pub(crate) async fn admin_get(&self, target: &str) -> Answer {
        http::get(self.private, target, ADMIN_KEY).await
    }

    /// Records a yes with complete evidence.
    pub(crate) async fn opt_in(&self, wa_id: &str, scope: &str) -> Answer {
        let answer = self.admin("/v1/consents", &yes(wa_id, scope)).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
        answer
    }

    /// Records a no.
    pub(crate) async fn opt_out(&self, wa_id: &str, scope: &str) -> Answer {
        let body = json!({ "business": BUSINESS, "person": { "wa_id": wa_id }, "scope": scope, "event": "withdrawn" });
        let answer = self.admin("/v1/consents", &body).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
        answer
    }
}

/// Where webhooks for the sample business come in at a public listener.
pub(crate) fn callback(public: SocketAddr) -> String {
    format!("http://{public}/webhooks/meta/{BUSINESS}")
}

/// The path of sends.
pub(crate) fn messages_path() -> String {
    format!("/v23.0/{NUMBER}/messages")
}

/// A text, as apps send it.
pub(crate) fn text_message(to: &str, text: &str) -> Value {
    json!({ "messaging_product": "whatsapp", "to": to, "type": "text", "text": { "body": text } })
}

/// A template, as apps send it.
pub(crate) fn template_message(to: &str, name: &str) -> Value {
    json!({
        "messaging_product": "whatsapp", "to": to, "type": "template",
        "template": { "name": name, "language": { "code": "en_US" } },
    })
}

/// A yes with complete evidence, as `POST /v1/consents` takes it.
pub(crate) fn yes(wa_id: &str, scope: &str) -> Value {
    json!({
        "business": BUSINESS, "person": { "wa_id": wa_id }, "scope": scope, "event": "granted",
        "evidence": {
            "method": "website_form", "wording": "Yes, send me messages from Acme on WhatsApp",
            "business_name": "Acme", "source": "https://acme.example/offers",
        },
    })
}
