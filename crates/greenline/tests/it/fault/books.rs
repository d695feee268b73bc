//! Books on what was asked of the gateway and what it said, to be compared with what is there afterwards.

use std::collections::HashSet;
use std::time::Duration;

use greenline_sim::Sim;
use serde_json::Value;

use crate::support::gateway::{Gateway, text_message, yes};
use crate::support::http::Answer;
use crate::support::settings::{BOT_KEY, BUSINESS};
use crate::support::{soon, webhook};

/// Between looks at what is soon there.
const PAUSE: Duration = Duration::from_millis(20);
/// Who gets the texts.
const DANA: &str = "15551230001";
/// Whose stop came in when nothing was wrong: everyone else's must look the same.
const CONTROL: &str = "15551230002";

/// What was asked, by how it was answered.
#[derive(Debug, Default)]
pub(super) struct Books {
    rounds: usize,
    /// Texts sent: answered with a message's id, and the decision's id.
    sent: Vec<(String, String)>,
    /// Texts refused because the store was down.
    unsent: Vec<Value>,
    /// People whose stop was acknowledged.
    stopped: Vec<String>,
    /// Stops that were not, as they will come again.
    unheard: Vec<(String, Value)>,
    /// People whose yes was acknowledged.
    granted: Vec<String>,
    /// Those whose yes was not.
    ungranted: Vec<String>,
}

/// Whether the store took what was asked in one round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Took {
    Everything,
    Nothing,
    /// It went down or came back meanwhile.
    Some,
}

impl Took {
    /// From what was taken, noes first.
    fn of(sorted: [bool; 4]) -> Self {
        match sorted {
            [true, ..] => Self::Everything,
            [.., false] => Self::Nothing,
            _ => Self::Some,
        }
    }
}

impl Books {
    /// Opens the window of whoever gets the texts, and lets the control stop.
    pub(super) async fn open(gateway: &Gateway) -> Self {
        for (from, text) in [(DANA, "Hello"), (CONTROL, "STOP")] {
            let answer = gateway.person_writes(from, text).await;
            assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        }
        Self::default()
    }

    /// Asks for one of each kind: a yes, a stop, a send; and whether it is ready.
    pub(super) async fn round(&mut self, gateway: &Gateway) -> Took {
        self.rounds += 1;
        let round = self.rounds;
        let mut took = [
            self.yes(gateway, format!("1555124{round:04}")).await,
            self.stop(gateway, format!("1555125{round:04}")).await,
            self.send(gateway, text_message(DANA, &format!("text {round}")))
                .await,
            is_ready(gateway).await,
        ];
        took.sort_unstable();
        Took::of(took)
    }

    /// As [`Self::round`], all at the same time, for a store that keeps each of them waiting.
    pub(super) async fn round_at_once(&mut self, gateway: &Gateway) -> Took {
        let (mut a, mut b, mut c) = (self.next(), self.next(), self.next());
        let (yes, stop, send, ready) = tokio::join!(
            a.yes(gateway, format!("1555124{:04}", a.rounds)),
            b.stop(gateway, format!("1555125{:04}", b.rounds)),
            c.send(gateway, text_message(DANA, &format!("text {}", c.rounds))),
            is_ready(gateway),
        );
        for part in [a, b, c] {
            self.sent.extend(part.sent);
            self.unsent.extend(part.unsent);
            self.stopped.extend(part.stopped);
            self.unheard.extend(part.unheard);
            self.granted.extend(part.granted);
            self.ungranted.extend(part.ungranted);
        }
        let mut took = [yes, stop, send, ready];
        took.sort_unstable();
        Took::of(took)
    }

    /// An empty book for the next round.
    fn next(&mut self) -> Self {
        self.rounds += 1;
        Self {
            rounds: self.rounds,
            ..Self::default()
        }
    }

    async fn yes(&mut self, gateway: &Gateway, wa_id: String) -> bool {
        let answer = gateway
            .admin("/v1/consents", &yes(&wa_id, "marketing"))
            .await;
        let took = is_taken(&answer, 201);
        if took {
            self.granted.push(wa_id);
        } else {
            assert_eq!(answer.header("content-type"), "application/problem+json");
            self.ungranted.push(wa_id);
        }
        took
    }

    async fn stop(&mut self, gateway: &Gateway, wa_id: String) -> bool {
        let body = webhook::text(&wa_id, "STOP");
        let took = is_taken(&gateway.webhook(&body).await, 200);
        if took {
            self.stopped.push(wa_id);
        } else {
            self.unheard.push((wa_id, body));
        }
        took
    }

    async fn send(&mut self, gateway: &Gateway, message: Value) -> bool {
        let answer = gateway.send(BOT_KEY, &message).await;
        let took = is_taken(&answer, 200);
        if took {
            let wamid = answer.message_id().expect("a message's id");
            self.sent
                .push((wamid, answer.header("greenline-decision").to_owned()));
        } else {
            is_refused_for_now(&answer);
            self.unsent.push(message);
        }
        took
    }

    /// The store is back: what was not taken comes again, and now is.
    pub(super) async fn again(&mut self, gateway: &Gateway) {
        for (wa_id, body) in std::mem::take(&mut self.unheard) {
            // The platform may also send again what it got an answer for.
            for _ in 0..2 {
                let answer = gateway.webhook(&body).await;
                assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
            }
            self.stopped.push(wa_id);
        }
        for wa_id in std::mem::take(&mut self.ungranted) {
            assert!(self.yes(gateway, wa_id).await);
        }
        for message in std::mem::take(&mut self.unsent) {
            assert!(self.send(gateway, message).await);
        }
    }

    /// Compares with what the gateway has on record: each thing is there, once.
    pub(super) async fn agree(&self, gateway: &Gateway) {
        let stop = events(gateway, CONTROL).await;
        assert!(!stop.is_empty());
        for wa_id in &self.stopped {
            assert_eq!(events(gateway, wa_id).await, stop);
        }
        for wa_id in &self.granted {
            assert_eq!(events(gateway, wa_id).await, ["granted marketing"]);
        }
        for (_, decision) in &self.sent {
            // An outcome is written when there is something for it to go with, or shortly after.
            soon("the outcome of a send", async {
                while !is_accepted(gateway, decision).await {
                    tokio::time::sleep(PAUSE).await;
                }
            })
            .await;
        }
        let found = gateway.admin_get("/v1/verify").await.json();
        assert_eq!(found["clean"], true, "{found}");
    }

    /// Compares with what the platform has got: what was answered as sent, once, and nothing else.
    pub(super) fn agree_with(&self, sim: &Sim) {
        let requests = sim.requests(0);
        let got: Vec<String> = requests
            .iter()
            .filter(|request| request.is_send() && request.to.as_deref() == Some(DANA))
            .filter_map(|request| request.wamid.clone())
            .collect();
        let once: HashSet<&str> = got.iter().map(String::as_str).collect();
        let sent: HashSet<&str> = self.sent.iter().map(|(wamid, _)| &**wamid).collect();
        assert_eq!((once.len(), &once), (got.len(), &sent));
    }
}

/// Whether it was done; if it was not, then because the store is down.
fn is_taken(answer: &Answer, done: u16) -> bool {
    let status = answer.status.as_u16();
    assert!(status == done || status == 503, "{answer:?}");
    status == done
}

/// A send's refusal while the store is down is one that SDKs repeat.
fn is_refused_for_now(answer: &Answer) {
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], 131_016, "{error}");
    assert_eq!(error["type"], "OAuthException");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("(#131016) "), "{error}");
    let details = error["error_data"]["details"].as_str().unwrap_or_default();
    assert!(details.contains("was not sent"), "{error}");
}

/// Whether it says that it is ready; it must be alive in any case.
pub(super) async fn is_ready(gateway: &Gateway) -> bool {
    let alive = gateway.admin_get("/healthz").await;
    assert_eq!(alive.status.as_u16(), 200, "{alive:?}");
    is_taken(&gateway.admin_get("/readyz").await, 200)
}

/// Whether a decision was to allow and is on record as accepted by the platform.
async fn is_accepted(gateway: &Gateway, decision: &str) -> bool {
    let target = format!("/v1/decisions/{decision}");
    let record = gateway.admin_get(&target).await.json();
    assert_eq!(record["decision"], "allow", "{record}");
    let outcome = record["outcome"].as_str().unwrap_or("accepted");
    assert!(outcome.starts_with("accepted"), "{record}");
    record["outcome"].is_string()
}

/// What a person's history says, without ids and times.
async fn events(gateway: &Gateway, wa_id: &str) -> Vec<String> {
    let target = format!("/v1/people/{wa_id}?business={BUSINESS}");
    let person = gateway.admin_get(&target).await.json();
    let history = person["history"]
        .as_array()
        .unwrap_or_else(|| panic!("{wa_id}: {person}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    history
        .iter()
        .map(|event| format!("{} {}", text(&event["event"]), text(&event["scope"])))
        .collect()
}
