//! A post office between the platform and the gateway: takes every webhook at once, and hands it on when and in whatever
//! order the test says, doubled and late too (WH-04).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use greenline_wire::signature;
use http::{Method, Request, StatusCode};
use hyper::body::Bytes;

use crate::support::chance::Chance;
use crate::support::http::Connection;
use crate::support::server::Server;

/// A webhook call as the platform made it.
#[derive(Clone, Debug)]
struct Letter {
    body: Bytes,
    signature: String,
    /// It is handed on no earlier than at this round.
    due: u64,
}

impl Letter {
    /// Whether it is about an account, a number or a template, and not about messages.
    fn is_news(&self) -> bool {
        let body = String::from_utf8_lossy(&self.body).into_owned();
        let mut fields = body.split("\"field\":\"").skip(1);
        fields.any(|field| !field.starts_with("messages\""))
    }
}

/// The post office.
pub(super) struct Post {
    server: Server,
    came: Arc<Mutex<Vec<Letter>>>,
    waiting: Vec<Letter>,
    chance: Chance,
    round: u64,
    /// How many were handed on out of turn: doubled, late, and before an older one.
    pub(super) doubled: usize,
    pub(super) late: usize,
    pub(super) overtaken: usize,
}

impl Post {
    pub(super) async fn open(seed: u64) -> Self {
        let came: Arc<Mutex<Vec<Letter>>> = Arc::default();
        let taken = Arc::clone(&came);
        let server = Server::start(move |request: Request<Bytes>| {
            let signature = request.headers().get(signature::HEADER);
            let signature = signature.and_then(|value| value.to_str().ok());
            let letter = Letter {
                body: request.body().clone(),
                signature: signature.unwrap_or_default().to_owned(),
                due: 0,
            };
            taken
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(letter);
            async { StatusCode::OK }
        })
        .await;
        Self {
            server,
            came,
            waiting: Vec::new(),
            chance: Chance::about(seed, 0x7057),
            round: 0,
            doubled: 0,
            late: 0,
            overtaken: 0,
        }
    }

    /// Where the platform posts to.
    pub(super) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Hands on what is due, in a new order. Half of the news waits for one or two rounds, a tenth of everything is doubled.
    pub(super) async fn hand_on(&mut self, line: &mut Connection, business: &str) {
        self.take_in();
        self.round += 1;
        let round = self.round;
        let (mut due, waiting): (Vec<Letter>, Vec<Letter>) = self
            .waiting
            .drain(..)
            .partition(|letter| letter.due <= round);
        self.waiting = waiting;
        let was = due.len();
        // Backwards is as far from the order as there is; by chance some stay where they were.
        for at in 1..was {
            let other = self.chance.below(at as u64 + 1);
            let other = usize::try_from(other).unwrap_or_default();
            if other < at {
                self.overtaken += 1;
            }
            due.swap(at, other);
        }
        let again: Vec<Letter> = due
            .iter()
            .filter(|_| self.chance.below(10) == 0)
            .cloned()
            .collect();
        self.doubled += again.len();
        due.extend(again);
        deliver(line, business, &due).await;
    }

    /// Hands on everything, late as it may be.
    pub(super) async fn empty(&mut self, line: &mut Connection, business: &str) {
        self.take_in();
        let all: Vec<Letter> = self.waiting.drain(..).rev().collect();
        deliver(line, business, &all).await;
    }

    fn take_in(&mut self) {
        let came = std::mem::take(&mut *self.came.lock().unwrap_or_else(PoisonError::into_inner));
        for mut letter in came {
            letter.due = self.round;
            if letter.is_news() && self.chance.below(2) == 0 {
                // The next round is the first that could hand it on.
                letter.due += 2 + self.chance.below(2);
                self.late += 1;
            }
            self.waiting.push(letter);
        }
    }
}

async fn deliver(line: &mut Connection, business: &str, letters: &[Letter]) {
    let target = format!("/webhooks/meta/{business}");
    for letter in letters {
        let headers = [
            ("content-type", "application/json"),
            (signature::HEADER, letter.signature.as_str()),
        ];
        let answer = line
            .call(Method::POST, &target, &headers, letter.body.clone())
            .await
            .expect("an answer");
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
}
