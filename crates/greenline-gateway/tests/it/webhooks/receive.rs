//! The public listener's answers, on a ledger on disk.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use greenline_gateway::app::Shared;
use greenline_gateway::clock::Clock;
use greenline_gateway::config::Config;
use greenline_gateway::{router, serve};
use greenline_ledger::Ledger;
use greenline_ledger::types::{BusinessIx, Lane};
use greenline_policy::consent::Standing;
use greenline_policy::identity::Identifier;
use greenline_policy::scope::{Category, Scope};
use greenline_wire::signature;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::{RECEIVED_MS, config_with_apps, sample, text};

/// A folder that is gone with its owner.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "greenline-gateway-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A public listener with nothing on record.
pub(crate) struct Desk {
    pub(crate) app: Shared,
    router: Router,
    folder: Folder,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with_apps("")
    }

    /// With apps of the first business.
    pub(crate) fn with_apps(apps: &str) -> Self {
        Self::with_config(config_with_apps(apps))
    }

    pub(crate) fn with_config(config: Config) -> Self {
        Self::open(config, Folder::new())
    }

    /// The process ends and another one starts on the same store.
    pub(crate) async fn restarted(self) -> Self {
        let Self {
            app,
            router,
            folder,
        } = self;
        app.ledger.close().await;
        drop(router);
        let config = app.config.clone();
        drop(app);
        Self::open(config, folder)
    }

    fn open(config: Config, folder: Folder) -> Self {
        let ledger =
            Ledger::open_sqlite(&folder.0.join("greenline.db"), serve::setup(&config)).unwrap();
        let app = serve::build(config, ledger, Clock::fixed(RECEIVED_MS)).unwrap();
        Self {
            router: router::public(app.clone()),
            app,
            folder,
        }
    }

    async fn call(&self, request: Request<Body>) -> (StatusCode, String) {
        let (parts, body) = self
            .router
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        self.call(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn post(&self, body: impl Into<Vec<u8>>) -> StatusCode {
        self.post_signed("app-secret", body).await
    }

    async fn post_signed(&self, secret: &str, body: impl Into<Vec<u8>>) -> StatusCode {
        self.post_to("/webhooks/meta/acme", secret, body).await
    }

    pub(crate) async fn post_to(
        &self,
        path: &str,
        secret: &str,
        body: impl Into<Vec<u8>>,
    ) -> StatusCode {
        let body: Vec<u8> = body.into();
        let request = Request::post(path)
            .header("content-type", "application/json")
            .header("user-agent", "facebookexternalua")
            .header(
                "x-hub-signature-256",
                signature::sign(secret.as_bytes(), &body),
            )
            .body(Body::from(body))
            .unwrap();
        self.call(request).await.0
    }

    pub(crate) async fn standing(&self, person: &str) -> Option<Standing> {
        let identifier = Identifier::parse(person).unwrap();
        let person = self
            .app
            .ledger
            .person(BusinessIx(0), &identifier)
            .await
            .unwrap()?;
        Some(person.head.standing(&Scope::Category(Category::Marketing)))
    }

    async fn due(&self, lane: Lane) -> usize {
        self.app
            .ledger
            .relay_due(RECEIVED_MS, lane, 10)
            .await
            .unwrap()
            .len()
    }
}

const APPS: &str = r#"
[[business.app]]
name = "bot"
key = "bot-key"
relay_url = "http://127.0.0.1:9/hook"
relay_secret = "relay-secret"
[[business.app]]
name = "alerts"
key = "alerts-key"
relay_url = "http://127.0.0.1:9/alerts"
relay_secret = "other-relay-secret"
relay_fields = ["account_alerts"]
"#;

fn desk_with_apps() -> Desk {
    Desk::with_apps(APPS)
}

#[tokio::test]
async fn the_handshake_answers_only_who_knows_the_token() {
    let desk = Desk::new();
    let path = "/webhooks/meta/acme?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify-me";
    assert_eq!(
        desk.get(path).await,
        (StatusCode::OK, "1158201444".to_owned())
    );
    for wrong in [
        path.replace("verify-me", "verify-m"),
        path.replace("verify-me", ""),
        path.replace("subscribe", "unsubscribe"),
        path.replace("acme", "globex"),
        path.replace("acme", "nobody"),
        path.replace("acme", "globex").replace("verify-me", ""),
        "/webhooks/meta/acme".to_owned(),
    ] {
        assert_eq!(desk.get(&wrong).await.0, StatusCode::FORBIDDEN, "{wrong}");
    }
}

#[tokio::test]
async fn an_unsigned_delivery_changes_nothing() {
    let desk = Desk::new();
    let body = sample("messages.text_stop");
    assert_eq!(
        desk.post_signed("guess", body.clone()).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        desk.post_signed("other-secret", body.clone()).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        desk.post_signed("", body.clone()).await,
        StatusCode::UNAUTHORIZED
    );
    let plain = Request::post("/webhooks/meta/acme")
        .body(Body::from(body))
        .unwrap();
    assert_eq!(desk.call(plain).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(desk.standing("15550100123").await, None);
    assert_eq!(desk.app.metrics.webhooks_rejected.get(), 4);
}

#[tokio::test]
async fn a_stop_is_on_record_under_every_identifier_once_answered() {
    let desk = Desk::new();
    assert_eq!(
        desk.post(sample("messages.text_stop")).await,
        StatusCode::OK
    );
    for person in [
        "15550100123",
        "US.80012345678901234567",
        "US.ENT.70012345678901234567",
    ] {
        assert!(
            matches!(desk.standing(person).await, Some(Standing::Refused { .. })),
            "{person}"
        );
    }
    let due = desk.app.ledger.replies_due(10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert!(due[0].confirms.is_some());
    assert_eq!(desk.app.metrics.stops.get(), 1);
}

#[tokio::test]
async fn redelivery_whole_or_in_other_bytes_changes_nothing() {
    let desk = desk_with_apps();
    let body = sample("messages.text_stop");
    for _ in 0..3 {
        assert_eq!(desk.post(body.clone()).await, StatusCode::OK);
    }
    assert_eq!(desk.due(Lane::Inbound).await, 1);
    assert_eq!(desk.post(format!("{body} ")).await, StatusCode::OK);
    let person = Identifier::parse("15550100123").unwrap();
    let person = desk
        .app
        .ledger
        .person(BusinessIx(0), &person)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(person.history.len(), 3);
    assert_eq!(desk.app.ledger.replies_due(10).await.unwrap().len(), 1);
    assert_eq!(desk.app.metrics.webhooks_repeated.get(), 2);
}

#[tokio::test]
async fn an_old_message_told_late_lifts_no_stop() {
    let desk = Desk::new();
    assert_eq!(
        desk.post(text("wamid.2", 1_788_264_000, "stop")).await,
        StatusCode::OK
    );
    assert_eq!(
        desk.post(text("wamid.1", 1_788_263_990, "hello")).await,
        StatusCode::OK
    );
    let person = Identifier::parse("15550100123").unwrap();
    let person = desk
        .app
        .ledger
        .person(BusinessIx(0), &person)
        .await
        .unwrap()
        .unwrap();
    let closed_ms = person.head.freeform_closed.unwrap().1;
    assert!(
        person
            .windows
            .iter()
            .all(|(_, wrote_ms, _)| *wrote_ms <= closed_ms)
    );
}

#[tokio::test]
async fn every_sample_is_taken_and_understood_twice() {
    let desk = desk_with_apps();
    for (name, body) in super::samples() {
        assert_eq!(desk.post(body.clone()).await, StatusCode::OK, "{name}");
        assert_eq!(desk.post(body).await, StatusCode::OK, "{name}");
    }
    assert!(
        desk.app
            .ledger
            .verify()
            .await
            .unwrap()
            .differences
            .is_empty()
    );
}

#[tokio::test]
async fn signed_junk_is_kept_noted_and_handed_on() {
    let desk = desk_with_apps();
    for junk in [
        &b"not json"[..],
        b"[1,2]",
        b"{\"entry\":",
        b"\xff\xfe\x00",
        b"",
    ] {
        assert_eq!(desk.post(junk).await, StatusCode::OK, "{junk:?}");
    }
    assert_eq!(desk.due(Lane::Inbound).await, 10);
    let notes = desk
        .app
        .ledger
        .timeline(BusinessIx(0), None, None, 10)
        .await
        .unwrap();
    assert!(notes.iter().all(|note| &*note.event == "unreadable") && notes.len() == 5);
}

#[tokio::test]
async fn a_stop_in_bytes_that_are_no_utf8_still_counts() {
    let desk = Desk::new();
    let mut body = sample("messages.text_stop").into_bytes();
    let at = body
        .windows(4)
        .position(|window| window == b"Dana")
        .unwrap();
    body[at] = 0xff;
    assert_eq!(desk.post(body).await, StatusCode::OK);
    assert!(matches!(
        desk.standing("15550100123").await,
        Some(Standing::Refused { .. })
    ));
}

#[tokio::test]
async fn a_foreign_delivery_goes_to_no_app() {
    let desk = desk_with_apps();
    let body = sample("messages.text_stop").replace("201500000000001", "201500000000777");
    assert_eq!(desk.post(body).await, StatusCode::OK);
    assert_eq!(desk.due(Lane::Inbound).await, 0);
    assert_eq!(desk.standing("15550100123").await, None);
    assert_eq!(desk.app.metrics.webhooks_quarantined.get(), 1);
}

#[tokio::test]
async fn an_app_gets_the_fields_it_asked_for() {
    let desk = desk_with_apps();
    assert_eq!(
        desk.post(sample("messages.text_stop")).await,
        StatusCode::OK
    );
    assert_eq!(desk.post(sample("account_alerts")).await, StatusCode::OK);
    let to = |lane| {
        let ledger = desk.app.ledger.clone();
        async move {
            let due = ledger.relay_due(RECEIVED_MS, lane, 10).await.unwrap();
            let mut apps: Vec<String> = due.iter().map(|relay| relay.app.to_string()).collect();
            apps.sort();
            apps
        }
    };
    assert_eq!(to(Lane::Inbound).await, ["bot"]);
    assert_eq!(to(Lane::Account).await, ["alerts", "bot"]);
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_it_is_read() {
    let desk = Desk::new();
    let long = vec![b' '; desk.app.config.limits.webhook_body_bytes_max + 1];
    assert_eq!(desk.post(long.clone()).await, StatusCode::PAYLOAD_TOO_LARGE);
    // Without a length given, as far as the limit goes.
    let chunks = Body::from_stream(futures_util::stream::iter(
        long.chunks(4096)
            .map(|chunk| Ok::<_, std::io::Error>(bytes::Bytes::copy_from_slice(chunk)))
            .collect::<Vec<_>>(),
    ));
    let request = Request::post("/webhooks/meta/acme").body(chunks).unwrap();
    assert_eq!(desk.call(request).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn with_the_store_closed_the_platform_is_told_to_try_again() {
    let desk = Desk::new();
    desk.app.ledger.close().await;
    assert_eq!(
        desk.post(sample("messages.text_stop")).await,
        StatusCode::SERVICE_UNAVAILABLE
    );
}
