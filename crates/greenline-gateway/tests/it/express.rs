//! Plain sends take a short way through the gateway. Nobody can tell: neither the app nor the platform
//! sees a difference to the way that everything else takes.

mod framing;
mod same;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use greenline_gateway::clock::Clock;
use greenline_gateway::config::{self, Config};
use greenline_gateway::serve::{self, Running};
use greenline_ledger::Ledger;
use greenline_ledger::types::DecisionRecord;
use greenline_policy::decide::Verdict;
use greenline_wire::signature;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::webhooks::{CONFIG, RECEIVED_MS, text};

const NUMBER: &str = "301500000000001";
const FOREIGN: &str = "301500000000009";
/// Someone who has written, so that texts may go there; and someone who has not.
const DANA: &str = "15550100123";
const STRANGER: &str = "15550100124";
/// A token of the platform's that an app uses as its own.
const OWN_TOKEN: &str = "EAAown";
/// Longest wait for anything.
const WITHIN: Duration = Duration::from_secs(60);

/// A request as the platform got it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Arrival {
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// A platform that takes all but what asks to be rejected.
struct Platform {
    port: u16,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    count: watch::Receiver<usize>,
    /// Answers are given while this holds.
    answers: watch::Sender<bool>,
}

impl Platform {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let (counted, count) = watch::channel(0);
        let (answers, answering) = watch::channel(true);
        let (seen, counted) = (Arc::clone(&arrivals), Arc::new(counted));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, counted) = (Arc::clone(&seen), Arc::clone(&counted));
                let answering = answering.clone();
                let service = service_fn(move |request| {
                    take(
                        request,
                        Arc::clone(&seen),
                        Arc::clone(&counted),
                        answering.clone(),
                    )
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self {
            port,
            arrivals,
            count,
            answers,
        }
    }

    /// What arrived since this was last asked, but for the gateway's own questions.
    fn arrived(&self) -> Vec<Arrival> {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *arrivals)
    }

    /// Waits until so many sends have arrived in all.
    async fn has(&self, sends: usize) {
        let mut count = self.count.clone();
        soon(count.wait_for(|count| *count >= sends)).await.unwrap();
    }
}

async fn take(
    request: http::Request<Incoming>,
    seen: Arc<Mutex<Vec<Arrival>>>,
    counted: Arc<watch::Sender<usize>>,
    mut answering: watch::Receiver<bool>,
) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(body.collect().await?.to_bytes().to_vec()).unwrap();
    let mut headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    let is_send = parts.method == http::Method::POST;
    let answer = http::Response::builder()
        .header("content-type", "application/json; charset=UTF-8")
        .header("x-platform", "1")
        .header("X-Platform", "2");
    let answer = if body.contains("reject me") {
        answer
            .status(400)
            .body(r#"{"error":{"message":"(#131026) no","type":"OAuthException","code":131026}}"#)
    } else {
        answer.body(r#"{"messaging_product":"whatsapp","messages":[{"id":"wamid.answer"}]}"#)
    };
    if is_send {
        let arrival = Arrival {
            target: parts.uri.to_string(),
            headers,
            body,
        };
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(arrival);
        counted.send_modify(|count| *count += 1);
        let _ = answering.wait_for(|answering| *answering).await;
    }
    Ok(answer.unwrap().map(|body| Full::new(Bytes::from(body))))
}

/// A gateway in front of such a platform; Dana has written.
struct Gateway {
    folder: TempDir,
    running: Running,
    platform: Platform,
}

fn configured(folder: &Path, port: u16, business: &str, rest: &str) -> Config {
    let hash: String = Sha256::digest(OWN_TOKEN)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let apps = format!(
        "[[business.app]]\nname = \"bot\"\nkey = \"bot-key\"\n\
         [[business.app]]\nname = \"own\"\ntoken_sha256 = \"{hash}\"\n[[business]]\nid = \"globex\""
    );
    let file = CONFIG
        .replacen("[[business]]\nid = \"globex\"", &apps, 1)
        .replacen("http://127.0.0.1:9", &format!("http://127.0.0.1:{port}"), 1)
        .replacen(
            "name = \"Acme\"\n",
            &format!("name = \"Acme\"\n{business}\n"),
            1,
        );
    let file = format!(
        "[keys]\nfile = \"{}\"\n[listen]\npublic = \"127.0.0.1:0\"\nprivate = \"127.0.0.1:0\"\n[store]\nspill = \"{}\"\n{rest}\n{file}",
        folder.join("own.keys").display(),
        folder.join("spill").display()
    );
    config::parse(&file, "test", Path::new("."), std::iter::empty()).unwrap()
}

impl Gateway {
    async fn start(business: &str, rest: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let platform = Platform::start().await;
        let config = configured(folder.path(), platform.port, business, rest);
        let ledger = Ledger::open_sqlite(&store(&folder), serve::setup(&config)).unwrap();
        let app = serve::build(config, ledger, Clock::fixed(RECEIVED_MS)).unwrap();
        let running = serve::start(app).await.unwrap();
        let gateway = Self {
            folder,
            running,
            platform,
        };
        gateway.hears().await;
        gateway
    }

    async fn hears(&self) {
        let body = text("wamid.1", RECEIVED_MS / 1_000 - 10, "hello");
        let signature = signature::sign(b"app-secret", body.as_bytes());
        let mut client = Client::open(self.running.public.port()).await;
        let head = format!(
            "POST /webhooks/meta/acme HTTP/1.1\r\nhost: g\r\nx-hub-signature-256: {signature}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        client.write(head.as_bytes()).await;
        client.write(body.as_bytes()).await;
        assert_eq!(client.answer().await.status, 200);
    }

    /// A connection that sends begin on.
    async fn open(&self) -> Client {
        Client::open(self.running.private.port()).await
    }

    /// A connection that has brought something else, so that all of HTTP is known to it.
    async fn open_general(&self) -> Client {
        let mut client = self.open().await;
        client.write(HEALTH).await;
        assert_eq!(client.answer().await.status, 200);
        client
    }

    /// Every decision, newest first.
    async fn decisions(&self) -> Vec<DecisionRecord> {
        let ledger = &self.running.app().ledger;
        ledger.decisions(None, None, 100).await.unwrap()
    }

    /// Waits until so many decisions are on record, and every send that went on has an outcome.
    async fn settled(&self, decisions: usize) -> Vec<DecisionRecord> {
        let is_over = |record: &DecisionRecord| {
            record.decision.verdict == Verdict::Refuse || record.outcome.is_some()
        };
        for _ in 0..3_000 {
            let all = self.decisions().await;
            if all.len() >= decisions && all.iter().all(is_over) {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not settled: {:?}", self.decisions().await);
    }
}

fn store(folder: &TempDir) -> PathBuf {
    folder.path().join("greenline.db")
}

/// Something of the gateway's own.
const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n";

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(WITHIN, future)
        .await
        .expect("it happens in time")
}

/// An answer as an app gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, wanted: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    }
}

/// An app's connection.
struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    async fn write(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.unwrap();
    }

    /// The next answer.
    async fn answer(&mut self) -> Answer {
        soon(async {
            loop {
                if let Some((answer, length)) = answer_in(&self.read) {
                    self.read.drain(..length);
                    return answer;
                }
                let came = self.stream.read_buf(&mut self.read).await.unwrap();
                let shown = String::from_utf8_lossy(&self.read);
                assert!(came > 0, "the connection was closed after: {shown}");
            }
        })
        .await
    }

    /// Waits for the end, and says what came before it.
    async fn until_closed(mut self) -> String {
        let _ = soon(self.stream.read_to_end(&mut self.read)).await;
        String::from_utf8_lossy(&self.read).into_owned()
    }
}

fn answer_in(bytes: &[u8]) -> Option<(Answer, usize)> {
    let mut room = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut room);
    let httparse::Status::Complete(start) = head.parse(bytes).unwrap() else {
        return None;
    };
    let mut headers: Vec<_> = head
        .headers
        .iter()
        .map(|found| {
            let value = String::from_utf8_lossy(found.value).into_owned();
            (found.name.to_ascii_lowercase(), value)
        })
        .collect();
    headers.sort();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.expect("a length").1.parse().unwrap();
    let body = bytes.get(start..start + length)?;
    let answer = Answer {
        status: head.code.unwrap(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    Some((answer, start + length))
}

/// A send by its number, key, further header lines and body.
fn send(number: &str, key: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /v23.0/{number}/messages HTTP/1.1\r\nHost: greenline\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .into()
}

fn body(to: &str, words: &str) -> String {
    format!(
        r#"{{"messaging_product":"whatsapp","to":"{to}","type":"text","text":{{"body":"{words}"}}}}"#
    )
}

fn text_to(to: &str, words: &str) -> Vec<u8> {
    send(NUMBER, "bot-key", "", &body(to, words))
}
