//! What is a plain send, what is the beginning of one, and what is something else; and that whatever is
//! called plain here is the same request to hyper.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

use super::*;

const BODY: &str = r#"{"to":"15550100123","text":{"body":"hello"}}"#;
const BODY_BYTES: usize = 1 << 20;

/// A request with these header lines, a right length and the usual body.
fn request(line: &str, headers: &str) -> Vec<u8> {
    let length = BODY.len();
    format!("{line}\r\nhost: greenline\r\ncontent-length: {length}\r\n{headers}\r\n{BODY}").into()
}

const LINE: &str = "POST /v23.0/301500000000001/messages HTTP/1.1";
const HEADERS: &str = "authorization: Bearer bot-key\r\ncontent-type: application/json\r\n";

fn plain() -> Vec<u8> {
    request(LINE, HEADERS)
}

/// The usual request with further header lines.
fn with(headers: &str) -> Vec<u8> {
    request(LINE, &format!("{HEADERS}{headers}"))
}

/// The usual request with one of its header lines, or its request line, written otherwise.
fn but(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(plain()).unwrap();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into()
}

fn name(read: &Read<'_>) -> &'static str {
    match read {
        Read::Whole(_) => "whole",
        Read::Part => "part",
        Read::Other => "other",
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned()
}

fn is(bytes: &[u8], wanted: &str) {
    assert_eq!(name(&read(bytes, BODY_BYTES)), wanted, "{}", shown(bytes));
}

fn lines(count: usize) -> String {
    (0..count).map(|n| format!("x-{n}: {n}\r\n")).collect()
}

#[test]
fn plain_sends_are_whole() {
    for bytes in [
        plain(),
        but("messages", "marketing_messages"),
        but("/v23.0/", "/"),
        but("messages HTTP", "messages/ HTTP"),
        but("application/json", "application/json; charset=utf-8"),
        but("application/json", "Application/JSON"),
        but("content-type", "Content-Type"),
        but("Bearer", "bearer"),
        but("Bearer bot-key", "Bearer  bot-key "),
        but("host: greenline\r\n", ""),
        with("connection: keep-alive\r\n"),
        with("connection: Keep-Alive\r\n"),
        with("accept-encoding: gzip\r\naccept: */*\r\n"),
        with("x: \u{e9}\r\n"),
        with(&lines(HEADERS_MAX - 4)),
        [b"\r\n".to_vec(), plain()].concat(),
    ] {
        is(&bytes, "whole");
    }
}

#[test]
fn what_leaves_a_doubt_is_something_else() {
    let length = format!("content-length: {}\r\n", BODY.len());
    for bytes in [
        // What must be there once.
        with(&length),
        with("content-length: 5\r\n"),
        with("authorization: Bearer bot-key\r\n"),
        with("Authorization: Bearer other-key\r\n"),
        with("content-type: application/json\r\n"),
        with("content-type: application/x-www-form-urlencoded\r\n"),
        but("authorization: Bearer bot-key\r\n", ""),
        but("content-type: application/json\r\n", ""),
        but(&length, ""),
        // Lengths that another might read otherwise.
        but(&length, "content-length: +44\r\n"),
        but(&length, "content-length: -44\r\n"),
        but(&length, "content-length: 44, 44\r\n"),
        but(&length, "content-length: 0x2c\r\n"),
        but(&length, "content-length: 4 4\r\n"),
        but(&length, "content-length:\r\n"),
        but(&length, "content-length: 0\r\n"),
        but(&length, "content-length: 99999999999999999999999\r\n"),
        // Other framings and other protocols.
        with("transfer-encoding: chunked\r\n"),
        but(&length, "transfer-encoding: chunked\r\n"),
        with("Transfer-Encoding: identity\r\n"),
        with("te: trailers\r\n"),
        with("trailer: x\r\n"),
        with("expect: 100-continue\r\n"),
        with("upgrade: h2c\r\n"),
        with("connection: close\r\n"),
        with("connection: upgrade\r\n"),
        with("connection: keep-alive, content-type\r\n"),
        with("connection:\r\n"),
        but("HTTP/1.1", "HTTP/1.0"),
        but("HTTP/1.1", "HTTP/2.0"),
        // Other calls.
        but("POST", "GET"),
        but("POST", "post"),
        but("POST", "PUT"),
        but("messages", "media"),
        but("messages", "calls"),
        but("messages HTTP", "messages?x=1 HTTP"),
        but("messages HTTP", "messages? HTTP"),
        but("messages HTTP", "messages# HTTP"),
        but("messages HTTP", "mess%61ges HTTP"),
        but("/v23.0", "//v23.0"),
        but("/v23.0", "/v23.0/.."),
        but("/v23.0", "http://greenline/v23.0"),
        but("/v23.0/301500000000001/messages", "*"),
        but("/v23.0/301500000000001/messages", "/"),
        // Keys and kinds.
        but("Bearer bot-key", "OAuth bot-key"),
        but("Bearer bot-key", "Basic Ym90"),
        but("Bearer bot-key", "Bearer"),
        but("Bearer bot-key", "Bearer bot-k\u{e9}y"),
        but("Bearer bot-key", "bot-key"),
        but("application/json", "application/x-www-form-urlencoded"),
        but("application/json", "multipart/form-data; boundary=x"),
        but("application/json", "text/plain"),
        but("application/json", "application/json, text/plain"),
        but("application/json", "application/jsonx"),
        // What is no HTTP.
        with(" folded\r\n"),
        with("x : y\r\n"),
        with("x y: z\r\n"),
        with(": y\r\n"),
        with("x: \x00\r\n"),
        with("x: a\rb\r\n"),
        but("HTTP/1.1", "HTTP/1.1 "),
        b"\x16\x03\x01\x02\x00".to_vec(),
        // Too much.
        with(&lines(HEADERS_MAX)),
        with(&format!("x: {}\r\n", "y".repeat(HEAD_BYTES_MAX))),
        but(
            &length,
            &format!("content-length: {}\r\n", BODY_BYTES_MAX + 1),
        ),
    ] {
        is(&bytes, "other");
    }
}

#[test]
fn overrides_of_the_method_are_something_else() {
    for header in OVERRIDE_HEADERS {
        for value in ["GET", "POST", ""] {
            is(&with(&format!("{header}: {value}\r\n")), "other");
            is(
                &with(&format!("{}: {value}\r\n", header.to_uppercase())),
                "other",
            );
        }
    }
}

#[test]
fn every_beginning_of_a_plain_send_is_a_part() {
    for bytes in [plain(), [b"\r\n".to_vec(), with(&lines(30))].concat()] {
        for length in 0..bytes.len() {
            is(&bytes[..length], "part");
        }
    }
}

#[test]
fn a_beginning_that_cannot_become_one_is_not_waited_for() {
    let mut long = format!("{LINE}\r\nx: ").into_bytes();
    long.resize(HEAD_BYTES_MAX + 1, b'y');
    is(&long, "other");
    is(b"GET /v23.0/1/messages HT", "other");
    is(b"GET ", "other");
    is(b"POST /v23.0/1/messages HTTP/1.0\r\n", "part");
    let head = plain().len() - BODY.len();
    is(&with("expect: 100-continue\r\n")[..head + 22], "other");
}

#[test]
fn a_body_longer_than_allowed_is_something_else() {
    let bytes = plain();
    assert_eq!(name(&read(&bytes, BODY.len())), "whole");
    assert_eq!(name(&read(&bytes, BODY.len() - 1)), "other");
    let head = bytes.len() - BODY.len();
    assert_eq!(name(&read(&bytes[..head], BODY.len() - 1)), "other");
}

#[test]
fn what_follows_is_left_alone() {
    let first = plain();
    for more in [&first[..], b"GET / HTTP/1.1\r\n\r\n", b"\x00"] {
        let both = [&first, more].concat();
        let Read::Whole(found) = read(&both, BODY_BYTES) else {
            panic!("{}", shown(&both));
        };
        assert_eq!(found.length, first.len());
        assert_eq!(found.body, BODY.as_bytes());
        assert_eq!(found.key, "bot-key");
        assert_eq!(found.path, "/v23.0/301500000000001/messages");
    }
}

#[test]
fn headers_go_on_as_they_came_but_those_that_are_ours_to_set() {
    let bytes = with(
        "X-Two: 1\r\nx-two: 2\r\nHost: other\r\nCookie: a=b\r\nkeep-alive: 5\r\naccept-encoding: br\r\nGreenline-Decision: d\r\n",
    );
    let Read::Whole(found) = read(&bytes, BODY_BYTES) else {
        panic!("{}", shown(&bytes));
    };
    let kept: Vec<_> = found
        .kept
        .iter()
        .map(|(name, value)| (*name, str::from_utf8(value).unwrap()))
        .collect();
    let wanted = [
        ("content-type", "application/json"),
        ("X-Two", "1"),
        ("x-two", "2"),
    ];
    assert_eq!(kept, wanted);
}

/// A request as hyper reads it.
#[derive(Debug)]
struct ByHyper {
    method: http::Method,
    target: String,
    headers: http::HeaderMap,
    body: Bytes,
}

/// The first request that hyper reads in these bytes.
async fn by_hyper(bytes: &[u8]) -> Option<ByHyper> {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let first = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&first);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            let (parts, body) = request.into_parts();
            if let Ok(body) = body.collect().await {
                seen.lock().unwrap().get_or_insert(ByHyper {
                    method: parts.method,
                    target: parts.uri.to_string(),
                    headers: parts.headers,
                    body: body.to_bytes(),
                });
            }
            Ok::<_, Infallible>(http::Response::new(Empty::<Bytes>::new()))
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(TokioIo::new(server), service);
    let told = async {
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        client
    };
    // Whether it goes on well after the first request does not matter here.
    let _ = tokio::join!(served, told);
    first.lock().unwrap().take()
}

/// The headers that go on to the platform, in a fixed order.
fn forwarded<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<(String, Vec<u8>)> {
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()))
        .filter(|(name, _)| {
            let set_anew = [
                "host",
                "connection",
                "authorization",
                "content-length",
                "accept-encoding",
                "cookie",
                "keep-alive",
            ];
            !set_anew.contains(&&**name) && !name.starts_with("greenline-")
        })
        .collect();
    headers.sort_by(|one, other| one.0.cmp(&other.0));
    headers
}

fn is_the_same_to_hyper(bytes: &[u8]) {
    let Read::Whole(found) = read(bytes, BODY_BYTES) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let hyper = runtime
        .block_on(by_hyper(&bytes[..found.length]))
        .unwrap_or_else(|| panic!("hyper reads no request in {}", shown(bytes)));
    assert_eq!(hyper.method, http::Method::POST);
    assert_eq!(hyper.target, found.path, "{}", shown(bytes));
    assert_eq!(hyper.body, found.body, "{}", shown(bytes));
    let key = hyper.headers[header::AUTHORIZATION].to_str();
    assert!(key.is_ok_and(|key| key.ends_with(found.key)));
    let theirs = hyper.headers.iter();
    assert_eq!(
        forwarded(found.kept.iter().copied()),
        forwarded(theirs.map(|(name, value)| (name.as_str(), value.as_bytes()))),
        "{}",
        shown(bytes)
    );
    for length in 0..found.length {
        is(&bytes[..length], "part");
    }
}

/// Pieces that requests are made of, and such that tell readers apart.
const PIECES: [&str; 28] = [
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    "\0",
    ":",
    ",",
    "0",
    "9",
    "+",
    "%2f",
    "/",
    "..",
    "?",
    "#",
    "\u{e9}",
    "content-length: 5\r\n",
    "Content-Length:44\r\n",
    "transfer-encoding: chunked\r\n",
    "content-type: application/json\r\n",
    "authorization: Bearer bot-key\r\n",
    "connection: keep-alive\r\n",
    "x: y\r\n",
    " folded\r\n",
    "greenline-x: y\r\n",
    "x-http-method-override: GET\r\n",
    "POST / HTTP/1.1\r\n\r\n",
];

#[derive(Clone, Debug)]
enum Edit {
    Set(u8),
    Insert(&'static str),
    Remove(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        any::<u8>().prop_map(Edit::Set),
        prop::sample::select(&PIECES[..]).prop_map(Edit::Insert),
        (1..8_usize).prop_map(Edit::Remove),
    ]
}

fn edited(bytes: &mut Vec<u8>, at: usize, edit: &Edit) {
    match edit {
        Edit::Set(byte) => bytes[at] = *byte,
        Edit::Insert(piece) => drop(bytes.splice(at..at, piece.bytes())),
        Edit::Remove(length) => drop(bytes.drain(at..(at + length).min(bytes.len()))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_called_plain_is_the_same_to_hyper(
        long in any::<bool>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), edit()), 0..4),
    ) {
        let mut bytes = if long { with("connection: keep-alive\r\nX-Y: z\r\n") } else { plain() };
        for (at, edit) in &edits {
            let at = at.index(bytes.len());
            edited(&mut bytes, at, edit);
        }
        is_the_same_to_hyper(&bytes);
    }

    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), max in any::<usize>()) {
        let _ = read(&bytes, max);
        let _ = read(&[b"POST /v23.0/1/messages HTTP/1.1\r\n".as_slice(), &bytes].concat(), max);
    }
}

/// A path that is known at a glance names what a full reading of it names.
#[test]
fn usual_paths_are_read_alike() {
    for path in [
        "/v23.0/301500000000001/messages",
        "/v1.0/1/messages",
        "/v23/1/messages",
        "/v23.0/messages",
        "/v23.0//messages",
        "/301500000000001/messages",
        "/v23.0/1/messages/",
        "/v23.0/1/2/messages",
        "/v23.0/1a/messages",
        "/v23./1/messages",
        "/v.0/1/messages",
        "/v23.0.0/1/messages",
        "/messages",
        "v23.0/1/messages",
        "//v23.0/1/messages",
    ] {
        if let Some(usual) = usual(path) {
            assert_eq!(Ok(usual), path::classify(path), "{path}");
        }
    }
    assert!(usual("/v23.0/301500000000001/messages").is_some());
}
