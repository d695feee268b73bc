//! Deliveries on their way to apps, with a receiver that really listens.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use greenline_gateway::relay;
use greenline_wire::signature;
use http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use crate::webhooks::receive::Desk;
use crate::webhooks::{RECEIVED_MS, sample, text};

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// One request as it arrived.
pub(crate) struct Arrival {
    pub(crate) path: String,
    headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What the receiver answers.
#[derive(Clone)]
pub(crate) struct Receiver {
    seen: mpsc::UnboundedSender<Arrival>,
    /// Answers to come; 200 when there are none left.
    answers: Arc<Mutex<VecDeque<u16>>>,
    /// While set, requests to `/slow` wait until it is rung.
    pub(crate) held: Arc<Notify>,
}

pub(crate) async fn receiver(answers: &[u16]) -> (u16, Receiver, mpsc::UnboundedReceiver<Arrival>) {
    let (seen, arrivals) = mpsc::unbounded_channel();
    let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
    let receiver = Receiver {
        seen,
        answers,
        held: Arc::new(Notify::new()),
    };
    let router = Router::new().fallback(take).with_state(receiver.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                return;
            };
            let service = hyper_util::service::TowerToHyperService::new(router.clone());
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(hyper_util::rt::TokioIo::new(stream), service),
            );
        }
    });
    (port, receiver, arrivals)
}

async fn take(
    State(receiver): State<Receiver>,
    uri: http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap) {
    let path = uri.to_string();
    let _ = receiver.seen.send(Arrival {
        path: path.clone(),
        headers,
        body,
    });
    if path == "/slow" {
        receiver.held.notified().await;
    }
    let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(200);
    let mut headers = HeaderMap::new();
    headers.insert("location", "/elsewhere".parse().unwrap());
    (StatusCode::from_u16(status).unwrap(), headers)
}

fn app(name: &str, port: u16, path: &str) -> String {
    format!(
        "[[business.app]]\nname = \"{name}\"\nkey = \"{name}-key\"\nrelay_url = \"http://127.0.0.1:{port}{path}\"\nrelay_secret = \"{name}-secret\"\n"
    )
}

/// The relay at work; stopped with [`Work::stop`].
pub(crate) struct Work {
    stop: watch::Sender<bool>,
    pub(crate) task: JoinHandle<()>,
}

impl Work {
    pub(crate) fn start(desk: &Desk) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self {
            stop,
            task: tokio::spawn(relay::run(desk.app.clone(), stopped)),
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

/// Sets the clock on and rings.
pub(crate) fn pass(desk: &Desk, ms: i64) {
    desk.app.clock.set(desk.app.clock.now_ms() + ms);
    desk.app.relay_due.notify_waiters();
}

#[tokio::test]
async fn an_app_gets_the_bytes_the_headers_and_its_own_signature() {
    let (port, _receiver, mut arrivals) = receiver(&[]).await;
    let desk = Desk::with_apps(&app("bot", port, "/hook?x=1"));
    let work = Work::start(&desk);
    let body = format!("{}  \n", sample("messages.text_stop"));
    assert_eq!(desk.post(body.clone()).await, StatusCode::OK);
    let arrival = arrivals.recv().await.unwrap();
    assert_eq!(arrival.path, "/hook?x=1");
    assert_eq!(arrival.body, body.as_bytes());
    assert_eq!(arrival.headers["user-agent"], "facebookexternalua");
    assert_eq!(arrival.headers["content-type"], "application/json");
    assert_eq!(
        arrival.headers["host"],
        format!("127.0.0.1:{port}").as_str()
    );
    assert_eq!(
        arrival.headers["x-hub-signature-256"],
        signature::sign(b"bot-secret", body.as_bytes()).as_str()
    );
    assert!(
        arrival.headers["greenline-delivery"]
            .to_str()
            .unwrap()
            .starts_with("dlv_")
    );
    work.stop().await;
    assert_eq!(desk.app.metrics.relayed.get(), 1);
    assert!(arrivals.try_recv().is_err());
}

#[tokio::test]
async fn what_is_not_taken_comes_again_under_the_same_name() {
    let (port, _receiver, mut arrivals) = receiver(&[500, 302, 404]).await;
    let desk = Desk::with_apps(&app("bot", port, "/hook"));
    let work = Work::start(&desk);
    assert_eq!(
        desk.post(sample("messages.text_stop")).await,
        StatusCode::OK
    );
    let first = arrivals.recv().await.unwrap();
    for _ in 0..3 {
        let again = loop {
            pass(&desk, 10_000);
            tokio::select! {
                again = arrivals.recv() => break again.unwrap(),
                () = tokio::task::yield_now() => {}
            }
        };
        assert_eq!(again.path, "/hook");
        assert_eq!(again.body, first.body);
        assert_eq!(
            again.headers["greenline-delivery"],
            first.headers["greenline-delivery"]
        );
    }
    work.stop().await;
    assert_eq!(
        (
            desk.app.metrics.relayed.get(),
            desk.app.metrics.relay_failures.get()
        ),
        (1, 3)
    );
}

#[tokio::test]
async fn a_delivery_no_one_takes_is_kept_for_replay_after_days_and_not_before() {
    let (port, receiver, mut arrivals) = receiver(&[400; 2_000]).await;
    let desk = Desk::with_apps(&app("bot", port, "/hook"));
    let work = Work::start(&desk);
    assert_eq!(
        desk.post(sample("messages.text_stop")).await,
        StatusCode::OK
    );
    let acme = greenline_ledger::types::BusinessIx(0);
    let mut attempts = 0;
    while desk
        .app
        .ledger
        .counts(acme, RECEIVED_MS)
        .await
        .unwrap()
        .relay_parked
        == 0
    {
        tokio::select! {
            arrival = arrivals.recv() => {
                arrival.unwrap();
                attempts += 1;
                while desk.app.metrics.relay_failures.get() < attempts {
                    tokio::task::yield_now().await;
                }
            }
            // Less than the time after which what was handed out is handed out again.
            () = tokio::task::yield_now() => pass(&desk, HOUR_MS / 12),
        }
    }
    assert!(desk.app.clock.now_ms() - RECEIVED_MS >= 72 * HOUR_MS);
    assert!(attempts >= 8, "{attempts}");
    // On a slow machine hours went by during one attempt, and what was handed out was handed out again: that
    // must be over, and forgotten, before the replay, or it parks the delivery once more.
    work.stop().await;
    pass(&desk, HOUR_MS);
    receiver.answers.lock().unwrap().clear();
    while arrivals.try_recv().is_ok() {}
    let now_ms = desk.app.clock.now_ms();
    assert_eq!(
        desk.app
            .ledger
            .relay_replay(acme, None, now_ms)
            .await
            .unwrap(),
        1
    );
    let work = Work::start(&desk);
    arrivals.recv().await.unwrap();
    work.stop().await;
    assert_eq!(desk.app.metrics.relayed.get(), 1);
}

#[tokio::test]
async fn statuses_do_not_delay_what_people_write_and_one_app_does_not_delay_another() {
    let (port, receiver, mut arrivals) = receiver(&[]).await;
    let desk = Desk::with_apps(&format!(
        "{}{}",
        app("bot", port, "/hook"),
        app("stuck", port, "/slow")
    ));
    let work = Work::start(&desk);
    for status in 0..40 {
        let body = sample("messages.status_sent")
            .replace("wamid.SAMPLEOUT1", &format!("wamid.OUT{status}"));
        assert_eq!(desk.post(body).await, StatusCode::OK);
    }
    assert_eq!(
        desk.post(text("wamid.9", 1_788_264_000, "hello")).await,
        StatusCode::OK
    );
    let (mut statuses, mut inbound) = (0, 0);
    while statuses < 40 || inbound < 2 {
        let arrival = arrivals.recv().await.unwrap();
        let is_status = arrival.body.windows(8).any(|window| window == b"statuses");
        match (is_status, arrival.path.as_str()) {
            (true, "/hook") => statuses += 1,
            (false, _) => inbound += 1,
            _ => {}
        }
    }
    // The stuck app got its message although its statuses hang.
    assert_eq!((statuses, inbound), (40, 2));
    receiver.held.notify_waiters();
    work.task.abort();
}

#[tokio::test]
async fn one_persons_messages_arrive_in_order() {
    let (port, _receiver, mut arrivals) = receiver(&[]).await;
    let desk = Desk::with_apps(&app("bot", port, "/hook"));
    let work = Work::start(&desk);
    for place in 0..30 {
        let body = text(
            &format!("wamid.{place}"),
            1_788_264_000,
            &format!("message {place}"),
        );
        assert_eq!(desk.post(body).await, StatusCode::OK);
    }
    for place in 0..30 {
        let arrival = arrivals.recv().await.unwrap();
        let text = String::from_utf8(arrival.body.to_vec()).unwrap();
        assert!(text.contains(&format!("\"message {place}\"")), "{place}");
    }
    work.stop().await;
}

#[tokio::test]
async fn what_came_before_the_start_is_carried() {
    let (port, _receiver, mut arrivals) = receiver(&[]).await;
    let desk = Desk::with_apps(&app("bot", port, "/hook"));
    assert_eq!(
        desk.post(sample("messages.text_stop")).await,
        StatusCode::OK
    );
    let work = Work::start(&desk);
    arrivals.recv().await.unwrap();
    work.stop().await;
    assert_eq!(desk.app.metrics.relayed.get(), 1);
}

#[tokio::test]
async fn what_was_under_way_when_the_process_died_goes_again() {
    let (port, receiver, mut arrivals) = receiver(&[]).await;
    let desk = Desk::with_apps(&app("bot", port, "/slow"));
    let work = Work::start(&desk);
    assert_eq!(
        desk.post(sample("messages.text_stop")).await,
        StatusCode::OK
    );
    let first = arrivals.recv().await.unwrap();
    work.task.abort();
    let _ = work.task.await;
    let desk = desk.restarted().await;
    let work = Work::start(&desk);
    let again = arrivals.recv().await.unwrap();
    assert_eq!(again.body, first.body);
    assert_eq!(
        again.headers["greenline-delivery"],
        first.headers["greenline-delivery"]
    );
    receiver.held.notify_waiters();
    work.stop().await;
    assert_eq!(desk.app.metrics.relayed.get(), 1);
}
