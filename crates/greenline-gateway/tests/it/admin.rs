//! The admin API and the pages, through the private listener's router, on a store of their own.

mod consents;
mod decisions;
mod documents;
mod guard;
mod guide;
mod imports;
mod pages;
mod reads;
mod screenings;
mod subscriptions;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use greenline_gateway::app::Shared;
use greenline_gateway::clock::Clock;
use greenline_gateway::config::Config;
use greenline_gateway::pipeline::DISPATCH_WITHIN;
use greenline_gateway::{config, ids, router, serve};
use greenline_ledger::Ledger;
use greenline_ledger::types::{Admitted, Ask, BusinessIx, Mode, TemplateRef};
use greenline_policy::decide::{Intent, Rules};
use greenline_policy::identity::Identifier;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

/// 25 November 2026, 14:03:07.500 UTC.
pub(crate) const NOW_MS: i64 = 1_795_615_387_500;
pub(crate) const NUMBER: &str = "106540352242922";
pub(crate) const ADMIN: &str = "admin-token";
pub(crate) const MANAGER: &str = "manager-token";
pub(crate) const AGENT: &str = "agent-token";
pub(crate) const VIEWER: &str = "viewer-token";
/// An admin of another business.
pub(crate) const STRANGER: &str = "stranger-token";

const CONFIG: &str = r#"
[limits]
admin_body_bytes_max = 65536
page_rows_max = 100
[upstream]
url = "http://127.0.0.1:9"
[[admin.token]]
name = "ada"
key = "admin-token"
may = "admin"
[[admin.token]]
name = "max"
key = "manager-token"
businesses = ["acme"]
may = "manager"
[[admin.token]]
name = "gus"
key = "agent-token"
businesses = ["acme"]
may = "agent"
[[admin.token]]
name = "vi"
key = "viewer-token"
businesses = ["acme"]
[[admin.token]]
name = "eve"
key = "stranger-token"
businesses = ["globex"]
may = "admin"
[[business]]
id = "acme"
name = "Acme"
former_names = ["Acme Trading"]
app_secret = "app-secret"
access_token = "platform-token"
pair_limit = false
topics = ["marketing.offers"]
[[business.number]]
phone_number_id = "106540352242922"
waba_id = "102290129340398"
display_number = "+1 555 010 0001"
[[business.app]]
name = "bot"
key = "bot-key"
[[business]]
id = "globex"
name = "Globex"
app_secret = "other-secret"
access_token = "other-token"
[[business.number]]
phone_number_id = "206540352242922"
waba_id = "202290129340398"
display_number = "+1 555 020 0001"
"#;

/// A private listener with nothing on record.
pub(crate) struct Desk {
    pub(crate) app: Shared,
    router: Router,
    folder: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is a problem of that status, and gives the field and the rest.
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        for member in ["type", "title", "detail"] {
            assert!(
                problem[member]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{member}: {problem}"
            );
        }
        problem
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::open(TempDir::new().unwrap(), &|_| {})
    }

    /// With other settings.
    pub(crate) fn with(change: &dyn Fn(&mut Config)) -> Self {
        Self::open(TempDir::new().unwrap(), change)
    }

    /// At another time.
    pub(crate) fn at(now_ms: i64) -> Self {
        Self::open_at(TempDir::new().unwrap(), now_ms, &|_| {})
    }

    /// The same after a restart with other settings.
    pub(crate) async fn reopened(self, change: &dyn Fn(&mut Config)) -> Self {
        self.app.ledger.close().await;
        let folder = self.folder;
        drop((self.app, self.router));
        Self::open(folder, change)
    }

    fn open(folder: TempDir, change: &dyn Fn(&mut Config)) -> Self {
        Self::open_at(folder, NOW_MS, change)
    }

    fn open_at(folder: TempDir, now_ms: i64, change: &dyn Fn(&mut Config)) -> Self {
        let mut config = config::parse(CONFIG, "test", Path::new("."), std::iter::empty()).unwrap();
        config.keys.file = folder.path().join("own.keys").display().to_string();
        config.imports.folder = folder.path().join("imports").display().to_string();
        config.screenings.folder = folder.path().join("screenings").display().to_string();
        change(&mut config);
        let ledger =
            Ledger::open_sqlite(&folder.path().join("a.db"), serve::setup(&config)).unwrap();
        let app = serve::build(config, ledger, Clock::fixed(now_ms)).unwrap();
        let router = router::private(app.clone());
        Self {
            app,
            router,
            folder,
        }
    }

    /// A template to someone, decided and recorded as a live send would be.
    pub(crate) async fn admit(&self, to: &str) -> Admitted {
        let ask = Ask {
            business: BusinessIx(0),
            number: Arc::from(NUMBER),
            waba_id: Arc::from("102290129340398"),
            app: Arc::from("bot"),
            to: [Identifier::parse(to).unwrap()].into_iter().collect(),
            intent: Intent::Template,
            template: Some(TemplateRef {
                waba_id: Arc::from("102290129340398"),
                name: "spring_offer".into(),
                language: "en".into(),
                topic: None,
                marked_ask: false,
                own: None,
            }),
            body_hash: [7; 16],
            rules: Rules::default(),
            mode: Mode::Enforce,
            now_ms: self.app.clock.now_ms(),
            dispatch_by: self.app.clock.instant() + DISPATCH_WITHIN,
            confirms: None,
            places: Default::default(),
            caps: Default::default(),
            paced: false,
            reply: None,
            keep: None,
            release: None,
        };
        self.app.ledger.admit(ask).await.unwrap()
    }

    /// The id of such a decision, the send itself being over.
    pub(crate) async fn admitted(&self, to: &str) -> String {
        ids::decision(self.admit(to).await.id)
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        Answer::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.call(
            request("GET", path)
                .header(header::AUTHORIZATION, bearer(token))
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    /// As a browser asks after its user gave the token.
    pub(crate) async fn page(&self, token: &str, path: &str) -> Answer {
        self.call(
            request("GET", path)
                .header(header::AUTHORIZATION, basic(token))
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: impl Into<Body>) -> Answer {
        self.call(
            request("POST", path)
                .header(header::AUTHORIZATION, bearer(token))
                .body(body.into())
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn form(&self, token: &str, path: &str, body: &str) -> Answer {
        let request = request("POST", path)
            .header(header::AUTHORIZATION, basic(token))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        self.call(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    /// Records an event with the admin's token and expects it to be taken.
    pub(crate) async fn record(&self, event: Value) -> Value {
        let answer = self.post(ADMIN, "/v1/consents", event.to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()
    }
}

pub(crate) fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

pub(crate) fn basic(token: &str) -> String {
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(format!("anyone:{token}"))
    )
}

/// An evidenced yes to marketing, a day old.
pub(crate) fn granted(wa_id: &str) -> Value {
    serde_json::json!({
        "business": "acme", "person": {"wa_id": wa_id}, "scope": "marketing", "event": "granted",
        "occurred_at": "2026-11-24T09:30:00Z",
        "evidence": {"method": "website_form", "wording": "Yes, send me offers", "business_name": "Acme", "source": "https://acme.example/offers"}
    })
}

/// A no.
pub(crate) fn withdrawn(wa_id: &str, scope: &str) -> Value {
    serde_json::json!({"business": "acme", "person": {"wa_id": wa_id}, "scope": scope, "event": "withdrawn"})
}
