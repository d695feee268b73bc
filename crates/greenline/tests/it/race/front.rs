//! A planted bug: a front before the gateway that acknowledges a stop as soon as it is on disk.
//!
//! It hands on what it gets and looks into the person's record until the stop stands there. A gateway
//! that forgot to wait for the sends it had allowed before would do the same, and nothing in the gateway
//! needs to be changed to see whether a test notices.

use std::net::SocketAddr;

use hyper::body::Bytes;
use hyper::{Request, StatusCode, header};
use serde_json::Value;

use crate::support::http::{self, Answer, Connection};
use crate::support::server::Server;
use crate::support::settings::{ADMIN_KEY, BUSINESS};
use crate::support::soon;

/// Names the person whose stop it is, for the front alone.
pub(super) const PERSON: &str = "x-test-person";

/// Starts one.
pub(super) async fn start(public: SocketAddr, private: SocketAddr) -> Server {
    Server::start(move |request| answer(public, private, request)).await
}

async fn answer(public: SocketAddr, private: SocketAddr, request: Request<Bytes>) -> StatusCode {
    let person = request.headers().get(PERSON).map(text).unwrap_or_default();
    let is_webhook = request.uri().path().starts_with("/webhooks/");
    let to = if is_webhook { public } else { private };
    let handing_on = tokio::spawn(hand_on(to, request));
    if person.is_empty() {
        return handing_on.await.expect("it is handed on").status;
    }
    soon("the stop is on disk", on_disk(private, &person)).await;
    StatusCode::OK
}

async fn hand_on(to: SocketAddr, request: Request<Bytes>) -> Answer {
    let (head, body) = request.into_parts();
    let own = [
        header::HOST.as_str(),
        header::CONTENT_LENGTH.as_str(),
        PERSON,
    ];
    let headers: Vec<(&str, String)> = head
        .headers
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), text(value)))
        .collect();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let target = head.uri.to_string();
    http::call(to, head.method, &target, &headers, body)
        .await
        .expect("an answer")
}

/// Looks until a stop stands in the person's record.
async fn on_disk(private: SocketAddr, person: &str) {
    let mut connection = Connection::open(private).await.expect("the gateway");
    let target = format!("/v1/people/{person}?business={BUSINESS}");
    let bearer = format!("Bearer {ADMIN_KEY}");
    let headers = [(header::AUTHORIZATION.as_str(), bearer.as_str())];
    loop {
        let answer = connection
            .call(hyper::Method::GET, &target, &headers, Bytes::new())
            .await
            .expect("an answer");
        let head = &answer.json()["head"];
        if head["marketing"]["standing"] == "refused" || head["native_stop"] != Value::Null {
            return;
        }
    }
}

fn text(value: &header::HeaderValue) -> String {
    value.to_str().expect("a header in ASCII").to_owned()
}
