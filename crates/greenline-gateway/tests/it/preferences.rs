//! Preference links and their page, through both routers, on a store of their own.

mod acts;
mod laws;
mod links;
mod page;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use greenline_gateway::app::Shared;
use greenline_gateway::clock::Clock;
use greenline_gateway::config::Config;
use greenline_gateway::preferences::Peer;
use greenline_gateway::{config, router, serve};
use greenline_ledger::Ledger;
use greenline_ledger::fault::Faults;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// 25 November 2026, 14:03:07.500 UTC.
pub(crate) const NOW_MS: i64 = 1_795_615_387_500;
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const ANN: &str = "15551230001";
pub(crate) const BOB: &str = "15551230002";

const CONFIG: &str = r##"
[listen]
public_url = "https://wa.acme.example/"
[limits]
preference_views_per_minute_max = 40
preference_undos_per_hour_max = 3
preference_strays_per_minute_max = 60
[upstream]
url = "http://127.0.0.1:9"
[[admin.token]]
name = "ada"
key = "admin-token"
may = "admin"
[[admin.token]]
name = "gus"
key = "agent-token"
businesses = ["acme"]
may = "agent"
[[admin.token]]
name = "vi"
key = "viewer-token"
businesses = ["acme"]
[[business]]
id = "acme"
name = "Acme"
app_secret = "app-secret"
access_token = "platform-token"
pair_limit = false
topics = ["marketing.offers", "utility.delivery"]
[business.page]
accent = "#c2255c"
privacy_url = "https://acme.example/privacy"
topics."marketing.offers".en = "Weekly offers"
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
stop_closes = "all"
language = "de"
"##;

/// Both listeners of a gateway, without sockets.
pub(crate) struct Door {
    pub(crate) app: Shared,
    public: Router,
    private: Router,
    pub(crate) faults: Faults,
    pub(crate) folder: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The value of a field or button of that name, the first.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let (_, rest) = self.text.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    }

    pub(crate) fn form(&self) -> String {
        self.field("form")
            .unwrap_or_else(|| panic!("no form: {}", self.text))
    }

    /// The scopes that can be turned off.
    pub(crate) fn pressable(&self) -> Vec<&str> {
        let pieces = self.text.split("name=\"off\" value=\"").skip(1);
        pieces
            .map(|piece| piece.split('"').next().unwrap())
            .collect()
    }
}

pub(crate) fn identifiers() -> [&'static str; 2] {
    [ANN, BOB]
}

impl Door {
    pub(crate) fn new() -> Self {
        Self::configured(|_| {})
    }

    /// With settings of the test's own.
    pub(crate) fn configured(adapt: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().unwrap();
        let keys = folder.path().join("own.keys");
        let text = format!("[keys]\nfile = \"{}\"\n{CONFIG}", keys.display());
        let mut config = config::parse(&text, "test", Path::new("."), std::iter::empty()).unwrap();
        adapt(&mut config);
        let faults = Faults::planned();
        let store = folder.path().join("a.db");
        let ledger = Ledger::open_sqlite_with(&store, serve::setup(&config), &faults).unwrap();
        let app = serve::build(config, ledger, Clock::fixed(NOW_MS)).unwrap();
        Self {
            public: router::public(Arc::clone(&app)),
            private: router::private(Arc::clone(&app)),
            app,
            faults,
            folder,
        }
    }

    pub(crate) fn later(&self, by_ms: i64) {
        self.app.clock.set(self.app.clock.now_ms() + by_ms);
    }

    async fn answered(router: &Router, request: Request<Body>) -> Answer {
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// On the public listener.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        Self::answered(&self.public, request).await
    }

    pub(crate) async fn open(&self, place: &str) -> Answer {
        self.open_in(place, "en").await
    }

    pub(crate) async fn open_in(&self, place: &str, accepted: &str) -> Answer {
        let request = Request::get(format!("/p/{place}"))
            .header(header::ACCEPT_LANGUAGE, accepted)
            .extension(Peer("192.0.2.7".parse::<IpAddr>().unwrap()))
            .body(Body::empty());
        self.ask(request.unwrap()).await
    }

    /// Posts a form as a browser does that was on the page.
    pub(crate) async fn press(&self, place: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::post(format!("/p/{place}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT_LANGUAGE, "en")
            .header("sec-fetch-site", "same-origin")
            .extension(Peer("192.0.2.7".parse::<IpAddr>().unwrap()))
            .body(Body::from(body));
        self.ask(request.unwrap()).await
    }

    /// Opens a page and turns a scope off, up to the page that says so.
    pub(crate) async fn turn_off(&self, token: &str, scope: &str) -> Answer {
        let form = self.open(token).await.form();
        let done = self.press(token, &[("form", &form), ("off", scope)]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
        self.follow(&done).await
    }

    /// Where a redirect leads.
    pub(crate) async fn follow(&self, answer: &Answer) -> Answer {
        let place = answer.header("location").split('#').next().unwrap();
        self.open(place).await
    }

    /// On the private listener, as an admin.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Value) -> Answer {
        self.admin_as("admin-token", method, path, body).await
    }

    pub(crate) async fn admin_as(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> Answer {
        let body = if body.is_null() {
            Body::empty()
        } else {
            Body::from(body.to_string())
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .body(body);
        Self::answered(&self.private, request.unwrap()).await
    }

    /// An evidenced yes, a day old.
    pub(crate) async fn grant(&self, who: &str, scope: &str) {
        let event = json!({
            "business": "acme", "person": {"wa_id": who}, "scope": scope, "event": "granted",
            "occurred_at": "2026-11-24T09:30:00Z",
            "evidence": {"method": "website_form", "wording": "Yes", "business_name": "Acme"}
        });
        let answer = self.admin("POST", "/v1/consents", event).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    }

    pub(crate) async fn link(&self, who: &str) -> String {
        self.link_of("acme", who).await
    }

    pub(crate) async fn link_of(&self, business: &str, who: &str) -> String {
        let path = format!("/v1/people/{who}/links?business={business}");
        let answer = self.admin("POST", &path, Value::Null).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()["suffix"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn person(&self, who: &str) -> Value {
        let path = format!("/v1/people/{who}?business=acme");
        self.admin("GET", &path, Value::Null).await.json()
    }

    /// How a scope stands.
    pub(crate) async fn standing(&self, who: &str, scope: &str) -> String {
        let person = self.person(who).await;
        let head = &person["head"];
        let standing = head[scope]["standing"].as_str();
        standing
            .unwrap_or_else(|| panic!("{scope}: {head}"))
            .to_owned()
    }

    /// The events on record.
    pub(crate) async fn events(&self, who: &str) -> Vec<Value> {
        let person = self.person(who).await;
        person["history"].as_array().cloned().unwrap_or_default()
    }
}
