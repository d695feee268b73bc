//! Clients that are slow, idle, or send what nobody can read.

use std::net::SocketAddr;

use greenline_sim::Sim;
use greenline_wire::signature;
use hyper::Method;

use super::nothing_panicked;
use crate::support::gateway::{Gateway, messages_path, text_message};
use crate::support::http::{self, Answer};
use crate::support::raw::{Raw, say};
use crate::support::settings::{ADMIN_KEY, APP_SECRET, BOT_KEY, BUSINESS, NUMBER, Settings};
use crate::support::store::{Home, Store, on_each_store};
use crate::support::{platform, webhook};

on_each_store! {
    slow_clients_are_let_go_and_cost_the_others_nothing,
    idle_connections_give_way_to_those_that_speak,
    who_does_not_read_the_answers_is_let_go,
    what_is_not_http_is_told_so,
    bodies_too_long_or_too_deep_are_refused,
    strangers_and_wrong_addresses_are_told_so,
}

const DANA: &str = "15551230001";
/// Short, so that the tests are; long enough for an honest client on a busy machine.
const CLIENT_TIMEOUT_MS: i64 = 2500;
/// Few enough that a test can use them up.
const CONNECTIONS_MAX: i64 = 12;

async fn started(store: Store, adapt: impl FnOnce(Settings) -> Settings) -> (Home, Sim, Gateway) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), adapt).await;
    (home, sim, gateway)
}

fn bounded(settings: Settings) -> Settings {
    settings
        .with(&["limits", "client_timeout_ms"], CLIENT_TIMEOUT_MS)
        .with(&["limits", "connections_max"], CONNECTIONS_MAX)
}

/// Someone honest is served on both listeners.
async fn serves(gateway: &Gateway) {
    let answer = gateway.person_writes(DANA, "Hello").await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    let answer = gateway.send_text(DANA, "Hello, Dana").await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
}

fn head(method: &str, target: &str, key: &str, length: usize) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nhost: greenline\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

async fn drips(address: SocketAddr, begin: &str) -> String {
    let mut raw = Raw::open(address).await;
    raw.write(begin.as_bytes()).await;
    raw.drip(b'{').await
}

async fn slow_clients_are_let_go_and_cost_the_others_nothing(store: Store) {
    let (_home, sim, gateway) = started(store, bounded).await;
    let webhooks = format!("/webhooks/meta/{BUSINESS}");
    let send = head("POST", &messages_path(), BOT_KEY, 500);
    let admin = head("POST", "/v1/consents", ADMIN_KEY, 500);
    let hook = head("POST", &webhooks, "", 500);
    let media = head("POST", &format!("/v23.0/{NUMBER}/media"), BOT_KEY, 500)
        .replace("application/json", "multipart/form-data; boundary=x");
    let half = "POST / HTTP/1.1\r\nhost: greenline\r\nx-long: ";
    let (private, public) = (gateway.private, gateway.public);
    let (send, admin, hook, media, heads, ()) = tokio::join!(
        drips(private, &send),
        drips(private, &admin),
        drips(public, &hook),
        drips(private, &media),
        async { tokio::join!(drips(private, half), drips(public, half)) },
        serves(&gateway),
    );
    assert!(send.starts_with("HTTP/1.1 408 "), "{send}");
    assert!(send.contains("\"code\":100"), "{send}");
    assert!(admin.starts_with("HTTP/1.1 408 "), "{admin}");
    assert!(admin.contains("application/problem+json"), "{admin}");
    assert!(hook.starts_with("HTTP/1.1 408 "), "{hook}");
    assert!(!media.starts_with("HTTP/1.1 2"), "{media}");
    for head in [heads.0, heads.1] {
        assert!(!head.starts_with("HTTP/1.1 2"), "{head}");
    }
    serves(&gateway).await;
    let sends = sim
        .requests(0)
        .into_iter()
        .filter(|request| request.is_send());
    assert_eq!(sends.count(), 2);
    nothing_panicked(&gateway);
    sim.stop().await;
}

async fn idle_connections_give_way_to_those_that_speak(store: Store) {
    let (_home, sim, gateway) = started(store, bounded).await;
    let silent = |address| async move {
        let mut open = Vec::new();
        for place in 0..CONNECTIONS_MAX {
            let mut raw = Raw::open(address).await;
            if place % 2 == 0 {
                // One that has been served before, and stays.
                raw.write(b"GET /healthz HTTP/1.1\r\nhost: greenline\r\n\r\n")
                    .await;
            }
            open.push(raw);
        }
        open
    };
    let idle = tokio::join!(silent(gateway.private), silent(gateway.public));
    serves(&gateway).await;
    drop(idle);
    nothing_panicked(&gateway);
    sim.stop().await;
}

async fn who_does_not_read_the_answers_is_let_go(store: Store) {
    let (_home, sim, gateway) = started(store, bounded).await;
    let page = head("GET", "/v1/openapi.json", ADMIN_KEY, 0);
    let answer = http::get(gateway.private, "/v1/openapi.json", ADMIN_KEY).await;
    assert!(answer.body.len() > 30_000, "{}", answer.body.len());
    let read = page.repeat(400);
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut raw = Raw::open_narrow(gateway.private).await;
        raw.write(read.as_bytes()).await;
        open.push(raw);
    }
    serves(&gateway).await;
    drop(open);
    nothing_panicked(&gateway);
    sim.stop().await;
}

async fn what_is_not_http_is_told_so(store: Store) {
    let (_home, sim, gateway) = started(store, bounded).await;
    let long = format!(
        "GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n",
        "y".repeat(200_000)
    );
    let rows: [(&[u8], &str); 7] = [
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00",
            "400",
        ),
        (b"hello\r\n\r\n", "400"),
        (b"GET /healthz HTTP/9.9\r\n\r\n", "400"),
        (b"GET /health\xff\x00z HTTP/1.1\r\nhost: g\r\n\r\n", "400"),
        (
            b"POST / HTTP/1.1\r\nhost: g\r\ncontent-length: many\r\n\r\n",
            "400",
        ),
        (
            b"POST / HTTP/1.1\r\nhost: g\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
            "400",
        ),
        (long.as_bytes(), "431"),
    ];
    for (bytes, status) in rows {
        for address in [gateway.private, gateway.public] {
            let answer = say(address, bytes).await;
            let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{begin}: {answer}"
            );
        }
    }
    serves(&gateway).await;
    nothing_panicked(&gateway);
    sim.stop().await;
}

async fn bodies_too_long_or_too_deep_are_refused(store: Store) {
    let (_home, sim, gateway) = started(store, |settings| settings).await;
    let deep = "[".repeat(500_000);
    let nested = "{\"a\":".repeat(200_000);
    let long = "x".repeat(10 << 20);
    let chunked = [("transfer-encoding", "chunked")];

    for body in [&deep, &nested] {
        let answer = post(&gateway, &messages_path(), BOT_KEY, &[], body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, Some(100)));
        let answer = post(&gateway, "/", BOT_KEY, &[], &format!("{{\"batch\":{body}")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, Some(100)));
        let answer = post(&gateway, "/v1/consents", ADMIN_KEY, &[], body).await;
        assert_eq!(answer.status.as_u16(), 400, "{answer:?}");
        // Signed, so it is the platform's: kept and handed on, though nobody can read it.
        assert_eq!(signed(&gateway, body).await.status.as_u16(), 200);
    }
    for headers in [&[] as &[_], &chunked] {
        let answer = post(&gateway, &messages_path(), BOT_KEY, headers, &long).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (413, Some(100)));
        let answer = post(&gateway, "/v1/consents", ADMIN_KEY, headers, &long).await;
        assert_eq!(answer.status.as_u16(), 413, "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(signed(&gateway, &long).await.status.as_u16(), 413);
    serves(&gateway).await;
    nothing_panicked(&gateway);
    sim.stop().await;
}

async fn strangers_and_wrong_addresses_are_told_so(store: Store) {
    let (_home, sim, gateway) = started(store, |settings| settings).await;
    let hello = text_message(DANA, "Hello").to_string();

    let answer = post(&gateway, &messages_path(), ADMIN_KEY, &[], &hello).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (401, Some(190)));
    let answer = http::get(gateway.private, &format!("/v23.0/{NUMBER}"), "no-such-key").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (401, Some(190)));
    let answer = post(&gateway, "/v1/consents", BOT_KEY, &[], "{}").await;
    assert_eq!(answer.status.as_u16(), 401, "{answer:?}");
    let answer = post(&gateway, "/v23.0/0/messages", BOT_KEY, &[], &hello).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, Some(100)));

    let body = webhook::text(DANA, "Hello").to_string();
    let unknown = webhook::try_post(gateway.public, "nobody", APP_SECRET, &body).await;
    assert_eq!(unknown.expect("an answer").status.as_u16(), 404);
    let target = format!("/webhooks/meta/{BUSINESS}");
    for headers in [
        &[] as &[_],
        &[(signature::HEADER, "sha256=")],
        &[(signature::HEADER, "sha256=zz")],
        &[(signature::HEADER, "md5=00")],
    ] {
        let answer = http::call(gateway.public, Method::POST, &target, headers, body.clone()).await;
        assert_eq!(
            answer.expect("an answer").status.as_u16(),
            401,
            "{headers:?}"
        );
    }
    // The public listener knows nothing of the private one's paths.
    for target in ["/v1/numbers", "/metrics", "/", &messages_path()] {
        let answer = http::get(gateway.public, target, ADMIN_KEY).await;
        assert_eq!(answer.status.as_u16(), 404, "{target}");
    }
    assert_eq!(
        sim.requests(0)
            .iter()
            .filter(|request| request.is_send())
            .count(),
        0
    );
    serves(&gateway).await;
    nothing_panicked(&gateway);
    sim.stop().await;
}

async fn post(
    gateway: &Gateway,
    target: &str,
    key: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let bearer = format!("Bearer {key}");
    let mut all = vec![
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    all.extend_from_slice(headers);
    http::call(gateway.private, Method::POST, target, &all, body.to_owned())
        .await
        .unwrap_or_else(|why| panic!("POST {target}: {why:?}"))
}

async fn signed(gateway: &Gateway, body: &str) -> Answer {
    webhook::try_post(gateway.public, BUSINESS, APP_SECRET, body)
        .await
        .unwrap_or_else(|why| panic!("a webhook: {why:?}"))
}
