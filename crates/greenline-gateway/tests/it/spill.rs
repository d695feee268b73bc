//! Replies while the store takes nothing: what goes, what does not, and what is on record afterwards.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use greenline_gateway::clock::Clock;
use greenline_gateway::config::{self, Config};
use greenline_gateway::ids;
use greenline_gateway::pipeline::DISPATCH_WITHIN;
use greenline_gateway::serve::{self, Running};
use greenline_gateway::upstream::{Bounds, Origin, Outgoing};
use greenline_ledger::Ledger;
use greenline_ledger::fault::Faults;
use greenline_ledger::types::{Actor, Ask, BusinessIx, DecisionRecord, Evidence, Mode, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::decide::{Intent, Rules, Verdict};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::Scope;
use greenline_wire::signature;
use http::{Method, Request};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::relay::{Arrival, receiver};
use crate::webhooks::{CONFIG, RECEIVED_MS, text};

const PERSON: &str = "15550100123";
const SECOND: i64 = 1_788_264_000;
/// So many commits that an outage lasts until it is ended.
const FOREVER: u64 = 1 << 40;

fn configured(folder: &Path, port: u16, store: &str) -> Config {
    let app = "[[business.app]]\nname = \"bot\"\nkey = \"bot-key\"\n[[business]]\nid = \"globex\"";
    let file = CONFIG
        .replacen("[[business]]\nid = \"globex\"", app, 1)
        .replacen("http://127.0.0.1:9", &format!("http://127.0.0.1:{port}"), 1);
    let file = format!(
        "[keys]\nfile = \"{}\"\n[listen]\npublic = \"127.0.0.1:0\"\nprivate = \"127.0.0.1:0\"\n[store]\nspill = \"{}\"\n{store}\n{file}",
        folder.join("own.keys").display(),
        folder.join("spill").display()
    );
    config::parse(&file, "test", Path::new("."), std::iter::empty()).unwrap()
}

/// A gateway that listens, in front of a platform that takes everything, whose store can be made to take nothing.
pub(crate) struct Gateway {
    pub(crate) running: Running,
    faults: Faults,
    pub(crate) sent: mpsc::UnboundedReceiver<Arrival>,
}

impl Gateway {
    pub(crate) async fn start(folder: &Path, store: &str) -> Self {
        let (port, _receiver, sent) = receiver(&[]).await;
        let config = configured(folder, port, store);
        let faults = Faults::planned();
        let path = folder.join("greenline.db");
        let ledger = Ledger::open_sqlite_with(&path, serve::setup(&config), &faults).unwrap();
        let app = serve::build(config, ledger, Clock::fixed(RECEIVED_MS)).unwrap();
        let running = serve::start(app).await.unwrap();
        Self {
            running,
            faults,
            sent,
        }
    }

    fn store_down(&self) {
        self.faults.fail(1, FOREVER);
    }

    fn store_back(&self) {
        self.faults.fail(FOREVER, 0);
    }

    async fn post(&self, port: u16, request: Request<Outgoing>) -> (u16, String, Bytes) {
        let bounds = Bounds {
            connect_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(60),
            idle: Duration::from_secs(1),
            idle_max: 1,
        };
        let origin = Origin::new(&format!("http://127.0.0.1:{port}"), bounds).unwrap();
        let (parts, body) = origin.call(request, None).await.unwrap().into_parts();
        let decision = parts.headers.get("greenline-decision");
        let decision = decision.map_or("", |id| id.to_str().unwrap()).to_owned();
        (
            parts.status.as_u16(),
            decision,
            body.read(1 << 20).await.unwrap(),
        )
    }

    pub(crate) async fn hears(&self, body: String) -> u16 {
        let signature = signature::sign(b"app-secret", body.as_bytes());
        let request = Request::post("/webhooks/meta/acme")
            .header("x-hub-signature-256", signature)
            .body(Outgoing::full(body.into()))
            .unwrap();
        self.post(self.running.public.port(), request).await.0
    }

    async fn sends(&self, body: String) -> (u16, String, Bytes) {
        self.sends_as("application/json", body).await
    }

    /// Sends a body of some kind, as an app does.
    pub(crate) async fn sends_as(&self, kind: &str, body: String) -> (u16, String, Bytes) {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v23.0/301500000000001/messages")
            .header("authorization", "Bearer bot-key")
            .header("content-type", kind)
            .body(Outgoing::full(body.into()))
            .unwrap();
        self.post(self.running.private.port(), request).await
    }

    async fn replies(&self, to: &str, words: &str) -> (u16, String, Bytes) {
        self.sends(format!(
            r#"{{"messaging_product":"whatsapp","to":"{to}","type":"text","text":{{"body":"{words}"}}}}"#
        ))
        .await
    }

    /// The words that reached the platform since last asked.
    fn arrived(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        while let Ok(arrival) = self.sent.try_recv() {
            if let Ok(body) = serde_json::from_slice::<Value>(&arrival.body) {
                words.push(body["text"]["body"].as_str().unwrap().to_owned());
            }
        }
        words
    }

    async fn decision(&self, id: &str) -> Option<DecisionRecord> {
        let id = ids::parse_decision(id).unwrap();
        self.running.app().ledger.decision(id).await.unwrap()
    }

    /// Waits until a decision is in the store with its outcome.
    async fn recorded(&self, id: &str) -> DecisionRecord {
        for _ in 0..1_000 {
            if let Some(record) = self.decision(id).await
                && record.outcome.is_some()
            {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the decision was not read in");
    }

    async fn is_whole(&self) -> bool {
        let found = self.running.app().ledger.verify().await.unwrap();
        found.differences.is_empty()
    }
}

fn refused(answer: &(u16, String, Bytes)) {
    let body: Value = serde_json::from_slice(&answer.2).unwrap();
    assert_eq!((answer.0, &body["error"]["code"]), (503, &131_016.into()));
}

const FORWARD: &str = "replies_when_down = \"forward\"";

#[tokio::test]
async fn a_reply_in_a_known_window_goes_and_is_on_record_afterwards() {
    let folder = TempDir::new().unwrap();
    let mut gateway = Gateway::start(folder.path(), FORWARD).await;
    assert_eq!(gateway.hears(text("wamid.1", SECOND, "hello")).await, 200);
    gateway.store_down();
    let (status, id, _) = gateway.replies(PERSON, "on its way").await;
    assert_eq!(status, 200);
    assert_eq!(gateway.decision(&id).await, None);
    // Nobody without an open window, and nothing but replies.
    refused(&gateway.replies("15550100124", "to a stranger").await);
    let template = format!(
        r#"{{"messaging_product":"whatsapp","to":"{PERSON}","type":"template","template":{{"name":"offer","language":{{"code":"en"}}}}}}"#
    );
    refused(&gateway.sends(template).await);
    assert_eq!(gateway.arrived(), ["on its way"]);
    gateway.store_back();
    let record = gateway.recorded(&id).await;
    assert_eq!(record.decision.verdict, Verdict::Allow);
    assert_eq!(record.outcome.as_deref(), Some("accepted"));
    assert!(gateway.is_whole().await);
    let left = std::fs::read(folder.path().join("spill/decisions.jsonl")).unwrap();
    assert_eq!(left.len(), 0);
    gateway.running.stop().await;
}

#[tokio::test]
async fn whoever_said_stop_meanwhile_gets_no_reply() {
    let folder = TempDir::new().unwrap();
    let gateway = Gateway::start(folder.path(), FORWARD).await;
    assert_eq!(gateway.hears(text("wamid.1", SECOND, "hello")).await, 200);
    gateway.store_down();
    let stop = text("wamid.2", SECOND + 5, "STOP");
    assert_eq!(gateway.hears(stop.clone()).await, 503);
    refused(&gateway.replies(PERSON, "too late").await);
    // The next process knows it too, before the platform has told it again.
    gateway.running.stop().await;
    let mut gateway = Gateway::start(folder.path(), FORWARD).await;
    gateway.store_down();
    refused(&gateway.replies(PERSON, "too late again").await);
    assert_eq!(gateway.arrived(), Vec::<String>::new());
    gateway.store_back();
    assert_eq!(gateway.hears(stop).await, 200);
    let (status, ..) = gateway.replies(PERSON, "still too late").await;
    assert_eq!(status, 400);
    gateway.running.stop().await;
}

#[tokio::test]
async fn the_next_process_reads_in_what_the_last_one_left() {
    let folder = TempDir::new().unwrap();
    let gateway = Gateway::start(folder.path(), FORWARD).await;
    assert_eq!(gateway.hears(text("wamid.1", SECOND, "hello")).await, 200);
    gateway.store_down();
    let (first, id, _) = gateway.replies(PERSON, "one").await;
    let (second, other, _) = gateway.replies(PERSON, "two").await;
    assert_eq!((first, second), (200, 200));
    gateway.running.stop().await;
    let gateway = Gateway::start(folder.path(), FORWARD).await;
    for id in [id, other] {
        assert_eq!(
            gateway.recorded(&id).await.outcome.as_deref(),
            Some("accepted")
        );
    }
    assert!(gateway.is_whole().await);
    gateway.running.stop().await;
}

#[tokio::test]
async fn without_room_or_without_the_setting_replies_are_refused_too() {
    for store in [
        "replies_when_down = \"forward\"\nspill_bytes_max = 100",
        "replies_when_down = \"refuse\"",
    ] {
        let folder = TempDir::new().unwrap();
        let mut gateway = Gateway::start(folder.path(), store).await;
        assert_eq!(gateway.hears(text("wamid.1", SECOND, "hello")).await, 200);
        gateway.store_down();
        refused(&gateway.replies(PERSON, "no").await);
        assert_eq!(gateway.arrived(), Vec::<String>::new());
        gateway.running.stop().await;
    }
}

#[tokio::test]
async fn a_stop_waits_for_a_reply_that_went_past_the_store() {
    let folder = TempDir::new().unwrap();
    let gateway = Gateway::start(folder.path(), FORWARD).await;
    assert_eq!(gateway.hears(text("wamid.1", SECOND, "hello")).await, 200);
    let (app, person) = (gateway.running.app(), Identifier::parse(PERSON).unwrap());
    let ask = Ask {
        business: BusinessIx(0),
        number: "301500000000001".into(),
        waba_id: "201500000000001".into(),
        app: "bot".into(),
        to: [person.clone()].into_iter().collect(),
        intent: Intent::FreeForm,
        template: None,
        body_hash: [7; 16],
        rules: Rules::default(),
        mode: Mode::Enforce,
        now_ms: RECEIVED_MS,
        dispatch_by: app.clock.instant() + DISPATCH_WITHIN,
        confirms: None,
        places: Default::default(),
        caps: Default::default(),
        paced: false,
        reply: None,
        keep: None,
        release: None,
    };
    let other = vec![Identifier::parse("15550100124").unwrap()];
    let unrecorded = app.ledger.admit_unrecorded(ask.clone(), other).await;
    let unrecorded = unrecorded.unwrap().unwrap();
    let stop = NewEvent {
        business: BusinessIx(0),
        person: [person.clone()].into_iter().collect(),
        kind: EventKind::Withdrawn,
        scope: Scope::All,
        at_ms: RECEIVED_MS,
        stated_ms: RECEIVED_MS,
        arrival_ms: RECEIVED_MS,
        strength: Strength::Evidenced,
        in_thread: true,
        evidence: Evidence::default(),
        actor: Actor("person".into()),
        dedup: None,
    };
    let appended = app.ledger.append(stop).await.unwrap();
    assert_eq!(appended.flights.len(), 1);
    assert!(!appended.flights[0].is_over());
    drop(unrecorded.admitted);
    assert!(appended.flights[0].is_over());
    let again = app.ledger.admit_unrecorded(ask, Vec::new()).await.unwrap();
    assert!(again.is_none());
    // Read in twice, it is there once.
    for _ in 0..2 {
        let spilled = vec![unrecorded.spilled.clone()];
        app.ledger.record_spilled(spilled).await.unwrap();
    }
    assert!(
        app.ledger
            .decision(unrecorded.spilled.id)
            .await
            .unwrap()
            .is_some()
    );
    assert!(gateway.is_whole().await);
    gateway.running.stop().await;
}
