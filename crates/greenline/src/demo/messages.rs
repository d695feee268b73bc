//! The three messages: printed as `curl` lines for whoever tries them, or sent and judged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use greenline_gateway::clock::Clock;
use greenline_gateway::serve::Running;
use greenline_gateway::upstream::{Origin, Outgoing};
use greenline_sim::{SAMPLE_NUMBER, Sim};
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::access::{origin, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, text};
use crate::sim as platform;

use super::brand::{ADMIN_KEY, APP_KEY, BUSINESS, NEXT, OPTED_IN, STOPPED, STRANGER, VERIFY_TOKEN};

/// Longest time for one request.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long the import of the sample people may take.
const IMPORT_WITHIN: Duration = Duration::from_secs(120);
/// Longest time for a stop to arrive.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks whether it has.
const PAUSE: Duration = Duration::from_millis(20);
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a message should come to.
struct Scene {
    to: &'static str,
    /// What is to be seen.
    about: &'static str,
    /// The rule that answers first; none if it goes.
    refused_by: Option<&'static str>,
}

const SCENES: [Scene; 3] = [
    Scene {
        to: OPTED_IN,
        about: "goes: this person opted in to marketing",
        refused_by: None,
    },
    Scene {
        to: STRANGER,
        about: "is refused: this person never opted in",
        refused_by: Some("consent.missing"),
    },
    Scene {
        to: STOPPED,
        about: "is refused: this person opted in, and wrote STOP a moment ago",
        refused_by: Some("consent.opted_out"),
    },
];

/// Everything that plays, and how it is reached.
#[derive(Debug)]
pub(super) struct Stage {
    public: String,
    private: String,
    platform: String,
    folder: PathBuf,
    gateway: Origin,
    clock: Clock,
}

/// An answer.
struct Reply {
    status: StatusCode,
    decision: String,
    reasons: String,
    body: Value,
}

impl Stage {
    pub(super) fn new(running: &Running, sim: &Sim, folder: &Path) -> Result<Self, Failure> {
        let private = format!("http://{}", running.private);
        let gateway = origin(&private, TIMEOUT).map_err(Failure::unavailable)?;
        Ok(Self {
            public: format!("http://{}", running.public),
            private,
            platform: sim.url(),
            folder: folder.to_owned(),
            gateway,
            clock: Clock::system(),
        })
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Tells the platform where webhooks go.
    pub(super) async fn subscribe(&self, sim: &Sim) -> Result<(), Failure> {
        let callback = format!("{}/webhooks/meta/{BUSINESS}", self.public);
        sim.subscribe(None, &callback, VERIFY_TOKEN)
            .await
            .map_err(|error| {
                Failure::unavailable("the platform did not take the address of webhooks")
                    .because(error)
            })
    }

    /// Asks the admin API for what it has.
    async fn look_up(&self, target: &str) -> Result<Reply, Failure> {
        let nothing = String::new();
        self.call(Method::GET, target, ADMIN_KEY, "application/json", nothing)
            .await
    }

    /// Takes people in by the import, and waits for its end.
    pub(super) async fn import(&self, people: &str) -> Result<(), Failure> {
        const REFUSED: &str = "the sample people were not taken in";
        let target = path_of(&["v1", "imports"], &[("business", Some(BUSINESS))]);
        let file = people.to_owned();
        let begun = self
            .call(Method::POST, &target, ADMIN_KEY, "text/csv", file)
            .await?;
        begun.done(REFUSED)?;
        let target = path_of(&["v1", "imports", text(&begun.body, "/id")], &[]);
        let running = async {
            loop {
                let reply = self.look_up(&target).await?;
                reply.done(REFUSED)?;
                if reply.body.get("running").and_then(Value::as_bool) == Some(false) {
                    return Ok(reply);
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let ended = tokio::time::timeout(IMPORT_WITHIN, running)
            .await
            .map_err(|_| Failure::unavailable("the import of the sample people did not end"))??;
        let rejected = ended.body.pointer("/counts/rejected");
        match (
            text(&ended.body, "/state"),
            rejected.and_then(Value::as_u64),
        ) {
            ("done", Some(0)) => Ok(()),
            _ => Err(Failure::unavailable(
                "some of the sample people were not taken in",
            )),
        }
    }

    /// Waits until the stop has arrived.
    pub(super) async fn await_stop(&self) -> Result<(), Failure> {
        let arriving = async {
            let target = path_of(&["v1", "people", STOPPED], &[("business", Some(BUSINESS))]);
            loop {
                let reply = self.look_up(&target).await?;
                if text(&reply.body, "/head/marketing/standing") == "refused" {
                    return Ok(());
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(STOP_WITHIN, arriving)
            .await
            .map_err(|_| Failure::unavailable("the STOP of the simulated person did not arrive"))?
    }

    /// What a person is told.
    pub(super) fn tour(&self, people: u32) -> String {
        let Self {
            public,
            private,
            platform,
            folder,
            ..
        } = self;
        let mut tour = format!(
            "Greenline runs, with the sample brand Acme ({people} people) and a simulated WhatsApp platform.\n\n  \
             gateway, admin API, pages  {private}  app key {APP_KEY}, admin token {ADMIN_KEY}\n  \
             webhooks                   {public}\n  \
             simulated platform         {platform}\n  \
             configuration, store       {}\n",
            folder.display(),
        );
        for (place, scene) in SCENES.iter().enumerate() {
            tour.push_str(&format!(
                "\n{}. This message {}.\n\n{}\n",
                place + 1,
                scene.about,
                self.curl(scene.to)
            ));
        }
        let stop = platform::stop_curl(platform, NEXT);
        tour.push_str(&format!(
            "\nThen look at\n\n  \
             {private}/      each decision with its reasons; any user name, the admin token as password\n  \
             {private}/docs  the admin API\n  \
             greenline explain --config '{}' <the greenline-decision header of an answer>\n\n\
             Have {NEXT} write STOP, and send to them:\n\n{stop}\n\n\
             Ctrl-C ends it.\n",
            folder.join("greenline.toml").display(),
        ));
        tour
    }

    fn curl(&self, to: &str) -> String {
        format!(
            "curl -si {}{} -H 'Authorization: Bearer {APP_KEY}' -H 'Content-Type: application/json' -d '{}'",
            self.private,
            messages_path(),
            message(to)
        )
    }

    /// Sends the three messages and says whether each came to what it should.
    pub(super) async fn check(&self) -> Result<Exit, Failure> {
        let mut well = true;
        for scene in &SCENES {
            let message = message(scene.to).to_string();
            let reply = self
                .call(
                    Method::POST,
                    &messages_path(),
                    APP_KEY,
                    "application/json",
                    message,
                )
                .await?;
            let right = scene.fits(&reply);
            well &= right;
            output::print(&format!(
                "{} A message {}.\n   {}, decision {}, {}\n   {}\n",
                if right { "✓" } else { "✗" },
                scene.about,
                reply.status,
                reply.decision,
                reply.reasons,
                reply.body,
            ))?;
        }
        Ok(if well { Exit::Yes } else { Exit::No })
    }

    async fn call(
        &self,
        method: Method,
        target: &str,
        key: &str,
        content_type: &'static str,
        body: String,
    ) -> Result<Reply, Failure> {
        let mut request = Request::new(Outgoing::full(Bytes::from(body)));
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().map_err(|error| {
            Failure::unavailable("a path of the demo is wrong")
                .because::<http::uri::InvalidUri>(error)
        })?;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Ok(bearer) = HeaderValue::from_str(&format!("Bearer {key}")) {
            headers.insert(header::AUTHORIZATION, bearer);
        }
        let answer = tokio::time::timeout(TIMEOUT, self.gateway.call(request, None))
            .await
            .map_err(|_| Failure::unavailable("the gateway did not answer in time"))?
            .map_err(|error| Failure::unavailable("the gateway did not answer").because(error))?;
        let (parts, body) = answer.into_parts();
        let body = body.read(ANSWER_BYTES_MAX).await.map_err(|error| {
            Failure::unavailable("the gateway's answer broke off").because(error)
        })?;
        let named = |name: &str| {
            let value = parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        Ok(Reply {
            status: parts.status,
            decision: named("greenline-decision"),
            reasons: named("greenline-reasons"),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        })
    }
}

impl Reply {
    fn done(&self, otherwise: &str) -> Result<(), Failure> {
        if self.status.is_success() {
            return Ok(());
        }
        Err(Failure::unavailable(format!(
            "{otherwise}: {} {}",
            self.status, self.body
        )))
    }
}

/// The code by which an SDK knows that a person does not want the message (OPT-41).
const STOPPED_CODE: u64 = 131_050;

impl Scene {
    fn fits(&self, reply: &Reply) -> bool {
        let decided = reply.decision.starts_with("dec_");
        match self.refused_by {
            None => {
                decided
                    && reply.status.is_success()
                    && !text(&reply.body, "/messages/0/id").is_empty()
            }
            Some(rule) => {
                let code = reply.body.pointer("/error/code").and_then(Value::as_u64);
                decided
                    && reply.status == StatusCode::BAD_REQUEST
                    && code == Some(STOPPED_CODE)
                    && reply.reasons.split(", ").next() == Some(rule)
            }
        }
    }
}

fn messages_path() -> String {
    format!("/v23.0/{SAMPLE_NUMBER}/messages")
}

fn message(to: &str) -> Value {
    json!({
        "messaging_product": "whatsapp", "to": to, "type": "template",
        "template": { "name": "spring_offer", "language": { "code": "en_US" } },
    })
}
