//! What people and apps did, and what came back to them. Times are the simulated platform's nanoseconds.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greenline_wire::signature;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use tokio::sync::watch;

use crate::support::server::Server;

/// Signs what the app gets.
pub(super) const RELAY_SECRET: &str = "kill-relay-secret";

/// Something that changes whether a person may be written to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) at_ns: u64,
    pub(super) what: What,
}

/// Which way it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// A yes is on its way: from now on sends may be allowed.
    Opens,
    /// A stop was acknowledged: until something opens, nothing may arrive.
    Stopped,
}

/// Everything that happened, over all rounds.
#[derive(Debug, Default)]
pub(super) struct History {
    inner: Mutex<Inner>,
    /// Answers of any kind.
    answers: watch::Sender<u64>,
    /// Stops acknowledged.
    stops: watch::Sender<u64>,
    /// Deliveries at the app.
    relayed: watch::Sender<u64>,
}

/// The same, unlocked.
#[derive(Debug, Default)]
pub(super) struct Inner {
    /// By person, in order.
    pub(super) turns: HashMap<String, Vec<Turn>>,
    /// Webhooks posted, and whether they were answered 200.
    pub(super) posted: HashMap<Bytes, bool>,
    /// Stop words posted, by person.
    pub(super) stop_words: HashMap<String, usize>,
    /// Decisions of sends that were answered as sent.
    pub(super) sent: HashSet<String>,
    /// Sends that were refused by a decision.
    pub(super) refused: usize,
    /// Calls that got no answer.
    pub(super) cut_off: usize,
    /// What the app got.
    pub(super) relayed: HashSet<Bytes>,
    /// What must never be.
    pub(super) wrong: Vec<String>,
}

impl History {
    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer came.
    pub(super) fn answered(&self) {
        self.answers.send_modify(|answers| *answers += 1);
    }

    /// A call got no answer.
    pub(super) fn cut_off(&self) {
        self.inner().cut_off += 1;
    }

    pub(super) fn turn(&self, person: &str, at_ns: u64, what: What) {
        let turns = &mut self.inner().turns;
        turns
            .entry(person.to_owned())
            .or_default()
            .push(Turn { at_ns, what });
        if what == What::Stopped {
            self.stops.send_modify(|stops| *stops += 1);
        }
    }

    /// A webhook is posted; again, perhaps.
    pub(super) fn posting(&self, body: &Bytes) {
        self.inner().posted.entry(body.clone()).or_insert(false);
    }

    /// It was answered 200.
    pub(super) fn acknowledged(&self, body: &Bytes) {
        self.inner().posted.insert(body.clone(), true);
    }

    /// Waits until so many more answers came.
    pub(super) async fn answers_more(&self, count: u64) {
        let mut answers = self.answers.subscribe();
        let wanted = *answers.borrow() + count;
        let _ = answers.wait_for(|answers| *answers >= wanted).await;
    }

    /// Waits until so many more stops were acknowledged.
    pub(super) async fn stops_more(&self, count: u64) {
        let mut stops = self.stops.subscribe();
        let wanted = *stops.borrow() + count;
        let _ = stops.wait_for(|stops| *stops >= wanted).await;
    }

    /// Acknowledged webhooks that the app has not got.
    pub(super) fn missing(&self) -> usize {
        let inner = self.inner();
        let missing = |(body, acknowledged): &(&Bytes, &bool)| {
            **acknowledged && !inner.relayed.contains(*body)
        };
        inner.posted.iter().filter(missing).count()
    }

    /// Waits until the app has got every acknowledged webhook.
    pub(super) async fn all_relayed(&self) {
        let mut relayed = self.relayed.subscribe();
        while self.missing() > 0 {
            relayed.borrow_and_update();
            if self.missing() == 0 || relayed.changed().await.is_err() {
                return;
            }
        }
    }

    /// The app gets a delivery.
    fn take(&self, request: &Request<Bytes>) {
        let body = request.body();
        let signed = request
            .headers()
            .get(signature::HEADER)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|given| signature::verify(RELAY_SECRET.as_bytes(), given, body));
        let mut inner = self.inner();
        if !signed {
            inner
                .wrong
                .push("the app got a delivery without its signature".to_owned());
        }
        if !inner.posted.contains_key(body) {
            inner
                .wrong
                .push("the app got bytes that nobody posted".to_owned());
        }
        inner.relayed.insert(body.clone());
        drop(inner);
        self.relayed.send_modify(|relayed| *relayed += 1);
    }
}

/// The app that webhooks are relayed to; it takes everything.
pub(super) async fn app(history: &Arc<History>) -> Server {
    let history = Arc::clone(history);
    Server::start(move |request| {
        history.take(&request);
        std::future::ready(StatusCode::OK)
    })
    .await
}
