//! Ways out: closed one by one until asks are refused, proved by use and by probes, shown everywhere alike.

use std::path::Path;

use axum::Router;
use axum::body::Body;
use greenline_gateway::app::Shared;
use greenline_gateway::clock::Clock;
use greenline_gateway::config::Config;
use greenline_gateway::{config, router, serve};
use greenline_ledger::Ledger;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// 25 November 2026, 14:03:07.500 UTC.
const NOW_MS: i64 = 1_795_615_387_500;
const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
const NUMBER: &str = "106540352242922";
const ANN: &str = "15551230001";
const BOB: &str = "15551230002";

const CONFIG: &str = r#"
[listen]
public_url = "https://wa.acme.example"
[upstream]
url = "http://127.0.0.1:9"
[[admin.token]]
name = "ada"
key = "admin-token"
may = "admin"
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
topics = ["marketing.offers"]
[[business.template]]
name = "still_interested"
topic = "marketing.offers"
ask = true
[[business.number]]
phone_number_id = "106540352242922"
waba_id = "102290129340398"
display_number = "+1 555 010 0001"
[[business.app]]
name = "bot"
key = "bot-key"
"#;

/// An installation whose settings change while its ledger stays.
struct House {
    app: Shared,
    ledger: Ledger,
    clock: Clock,
    folder: TempDir,
}

struct Answer {
    status: StatusCode,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

fn configured(folder: &Path, adapt: impl FnOnce(&mut Config)) -> Config {
    let keys = folder.join("own.keys");
    let text = format!("[keys]\nfile = \"{}\"\n{CONFIG}", keys.display());
    let mut config = config::parse(&text, "test", Path::new("."), std::iter::empty()).unwrap();
    adapt(&mut config);
    config
}

impl House {
    fn new(adapt: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut config = configured(folder.path(), adapt);
        std::mem::take(&mut config.keys.file);
        let store = folder.path().join("a.db");
        let text = format!("[store]\nurl = \"sqlite:{}\"\n", store.display());
        let other = config::parse(&text, "test", Path::new("."), std::iter::empty()).unwrap();
        config.store = other.store;
        let ledger = Ledger::open_sqlite(&store, serve::setup(&config)).unwrap();
        let clock = Clock::fixed(NOW_MS);
        let app = serve::build(config, ledger.clone(), clock.clone()).unwrap();
        Self {
            app,
            ledger,
            clock,
            folder,
        }
    }

    /// Starts again with other settings.
    fn change(&mut self, adapt: impl FnOnce(&mut Config)) {
        let mut config = self.app.config.clone();
        adapt(&mut config);
        self.app = serve::build(config, self.ledger.clone(), self.clock.clone()).unwrap();
    }

    async fn call(&self, router: Router, request: Request<Body>) -> Answer {
        let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn admin_as(&self, token: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        let body = if body.is_null() {
            Body::empty()
        } else {
            Body::from(body.to_string())
        };
        let router = router::private(self.app.clone());
        self.call(router, request.body(body).unwrap()).await
    }

    async fn admin(&self, method: Method, path: &str, body: Value) -> Answer {
        self.admin_as("admin-token", method, path, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.admin(Method::GET, path, Value::Null).await
    }

    async fn probe(&self) -> Value {
        let answer = self
            .admin(Method::POST, "/v1/avenues/probe", Value::Null)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }

    async fn record(&self, who: &str, event: &str, method: &str) {
        let body = json!({
            "business": "acme", "person": {"wa_id": who}, "scope": "marketing", "event": event,
            "evidence": {"method": method, "wording": "Yes", "business_name": "Acme"}
        });
        let answer = self.admin(Method::POST, "/v1/consents", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    }

    async fn person_writes(&self, text: &str) {
        let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [{
            "field": "messages", "value": {
                "messaging_product": "whatsapp",
                "metadata": {"display_phone_number": "15550100001", "phone_number_id": NUMBER},
                "contacts": [{"wa_id": BOB, "profile": {"name": "Bob"}}],
                "messages": [{"from": BOB, "id": "wamid.1", "timestamp": (self.clock.now_ms() / 1_000).to_string(),
                    "type": "text", "text": {"body": text}}]
            }}]}]})
        .to_string();
        let signed = greenline_wire::signature::sign(b"app-secret", body.as_bytes());
        let request = Request::post("/webhooks/meta/acme")
            .header("x-hub-signature-256", signed)
            .body(Body::from(body))
            .unwrap();
        let answer = self.call(router::public(self.app.clone()), request).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }

    /// What is decided about an ask to Ann, and by which rules.
    async fn ask(&self) -> (String, Vec<String>) {
        let body = json!({"business": "acme", "number": NUMBER, "message": {
            "messaging_product": "whatsapp", "to": ANN, "type": "template",
            "template": {"name": "still_interested", "language": {"code": "en"}}}});
        let answer = self.admin(Method::POST, "/v1/decisions", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let said = answer.json();
        let rules = said["reasons"].as_array().unwrap().iter();
        let rules = rules.map(|reason| reason["rule"].as_str().unwrap().to_owned());
        (
            said["decision"].as_str().unwrap().to_owned(),
            rules.collect(),
        )
    }

    #[track_caller]
    fn is(answer: &(String, Vec<String>), expected: &str) {
        assert_eq!(answer.0, expected, "{answer:?}");
        let shut = answer.1.iter().any(|rule| rule == "ask.only_way_out");
        assert_eq!(shut, expected == "refuse", "{answer:?}");
    }

    async fn audit(&self) -> Value {
        self.get("/v1/avenues?business=acme").await.json()
    }
}

/// An avenue of a scope in an audit.
fn avenue(audit: &Value, scope: &str, name: &str) -> Value {
    let find = |list: &Value, member: &str, wanted: &str| {
        let mut found = list.as_array().unwrap().iter();
        found
            .find(|item| item[member] == wanted)
            .cloned()
            .unwrap_or_else(|| panic!("no {wanted}: {list}"))
    };
    let scope = find(&audit["scopes"], "scope", scope);
    find(&scope["avenues"], "avenue", name)
}

#[tokio::test]
async fn an_ask_goes_while_one_way_out_is_open_and_is_refused_when_the_last_one_closes() {
    let mut house = House::new(|config| {
        let avenues = &mut config.business[0].avenues;
        avenues.preference_page_published_at = "https://acme.example/messages".to_owned();
        avenues.staff = "+1 555 010 0002".to_owned();
        avenues.api = Some(true);
    });
    house.record(ANN, "granted", "website_form").await;
    house.person_writes("Hello").await;
    let audit = house.probe().await;
    for name in ["reply_word", "preference_page", "api", "staff"] {
        let found = avenue(&audit, "marketing.offers", name);
        assert_eq!(found["open"], true, "{found}");
        assert_eq!(found["counts"], true, "{found}");
    }
    House::is(&house.ask().await, "allow");

    house.change(|config| {
        config.business[0]
            .avenues
            .preference_page_published_at
            .clear();
    });
    House::is(&house.ask().await, "allow");
    house.change(|config| config.business[0].avenues.api = Some(false));
    House::is(&house.ask().await, "allow");
    house.change(|config| config.business[0].avenues.staff.clear());
    House::is(&house.ask().await, "allow");

    // What is left is writing to the number, proved for seven days; inbound times are whole seconds.
    let wrote_ms = NOW_MS / 1_000 * 1_000;
    house.clock.set(wrote_ms + WEEK_MS - 1);
    House::is(&house.ask().await, "allow");
    house.clock.set(wrote_ms + WEEK_MS);
    House::is(&house.ask().await, "refuse");
    let audit = house.audit().await;
    assert_eq!(audit["notifications_only"], true, "{audit}");
    let word = avenue(&audit, "marketing", "reply_word");
    assert_eq!(word["missing"], "inbound", "{word}");
    // What needs a notification, and the platform's own switch, are open and do not count.
    for name in ["button", "one_click", "native_switch"] {
        let found = avenue(&audit, "marketing", name);
        assert_eq!(
            (&found["open"], &found["counts"]),
            (&json!(true), &json!(false))
        );
    }

    // Open one again, and it goes again; what was known survives a restart.
    house.person_writes("Hello again").await;
    House::is(&house.ask().await, "allow");
    house.change(|_| {});
    House::is(&house.ask().await, "allow");
}

#[tokio::test]
async fn probes_walk_every_way_out_and_leave_nobody_behind() {
    let house = House::new(|_| {});
    let before = house
        .app
        .ledger
        .counts(house.app.directory.businesses().next().unwrap().ix, NOW_MS);
    let before = before.await.unwrap();
    let audit = house.probe().await;
    for name in [
        "reply_word",
        "preference_page",
        "api",
        "staff",
        "button",
        "one_click",
        "native_switch",
        "platform_error",
    ] {
        let found = avenue(&audit, "marketing", name);
        assert_eq!(found["proved_by"], "probe", "{found}");
        assert_ne!(found["missing"], "probe_failed", "{found}");
    }
    // A probe opens what it proves, where the settings name it; nothing is named here.
    assert_eq!(audit["notifications_only"], true, "{audit}");
    let business = house.app.directory.businesses().next().unwrap().ix;
    assert_eq!(
        house.app.ledger.counts(business, NOW_MS).await.unwrap(),
        before
    );
    assert!(
        house
            .app
            .ledger
            .export(business, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let canary = house.get("/v1/people/999000000000001?business=acme").await;
    assert_eq!(canary.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_real_use_proves() {
    let house = House::new(|config| {
        let page = &mut config.business[0].avenues.preference_page_published_at;
        *page = "https://acme.example/messages".to_owned();
    });
    house.record(ANN, "granted", "website_form").await;
    House::is(&house.ask().await, "refuse");
    // A yes is no way out.
    house.record(BOB, "granted", "website_form").await;
    House::is(&house.ask().await, "refuse");
    house.record(BOB, "withdrawn", "app").await;
    House::is(&house.ask().await, "allow");
    house.record(BOB, "withdrawn", "staff").await;
    let link = house
        .admin(
            Method::POST,
            &format!("/v1/people/{ANN}/links?business=acme"),
            Value::Null,
        )
        .await
        .json();
    let request = Request::post(format!("/p/{}", link["suffix"].as_str().unwrap()))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("List-Unsubscribe=One-Click"))
        .unwrap();
    let pressed = house.call(router::public(house.app.clone()), request).await;
    assert_eq!(pressed.status, StatusCode::OK, "{}", pressed.text);
    let audit = house.audit().await;
    for name in ["api", "staff", "preference_page"] {
        let found = avenue(&audit, "utility", name);
        assert_eq!(found["proved_by"], "use", "{found}");
    }
    assert_eq!(avenue(&audit, "utility", "staff")["missing"], "staff_named");
    assert_eq!(avenue(&audit, "utility", "preference_page")["open"], true);
}

#[tokio::test]
async fn a_probe_that_does_not_get_through_closes_what_was_open() {
    let house = House::new(|config| {
        let avenues = &mut config.business[0].avenues;
        avenues.preference_page_published_at = "https://acme.example/messages".to_owned();
    });
    house.record(ANN, "granted", "website_form").await;
    house.probe().await;
    House::is(&house.ask().await, "allow");
    // Without its keys no link opens.
    let keys = house.folder.path().join("a.db.keys");
    assert!(keys.exists(), "{}", keys.display());
    std::fs::write(&keys, "no keys").unwrap();
    house.clock.set(NOW_MS + 1);
    let audit = house.probe().await;
    let page = avenue(&audit, "marketing", "preference_page");
    assert_eq!(page["missing"], "probe_failed", "{page}");
    House::is(&house.ask().await, "refuse");
}

#[tokio::test]
async fn who_may_look_sees_it_on_the_page_and_in_the_metrics_and_only_managers_probe() {
    let house = House::new(|_| {});
    let seen = house
        .admin_as("viewer-token", Method::GET, "/v1/avenues", Value::Null)
        .await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    let denied = house
        .admin_as(
            "viewer-token",
            Method::POST,
            "/v1/avenues/probe",
            Value::Null,
        )
        .await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    // Before the first day nothing is broken, so nothing is told as if it were.
    assert_eq!(house.audit().await["not_proved_yet"], true);
    for path in ["/avenues?business=acme", "/?business=acme"] {
        let calm = house.get(path).await.text;
        assert!(calm.contains("proved yet"), "{calm}");
        assert!(!calm.contains("note bad"), "{calm}");
    }
    // Somebody said no; how people reach staff is named nowhere.
    house.record(BOB, "withdrawn", "staff").await;
    assert_eq!(house.audit().await["not_proved_yet"], false);
    let page = house.get("/avenues?business=acme").await;
    assert!(
        page.text
            .contains("Notifications would be the only way out"),
        "{}",
        page.text
    );
    assert!(page.text.contains("marketing.offers"), "{}", page.text);
    let status = house.get("/?business=acme").await;
    assert!(
        status.text.contains("Every ask is refused"),
        "{}",
        status.text
    );
    let metrics = house.get("/metrics").await;
    let line = "greenline_avenue_open{business=\"acme\",avenue=\"preference_page\"} 0";
    assert!(metrics.text.contains(line), "{}", metrics.text);
    house.person_writes("Hello").await;
    let metrics = house.get("/metrics").await;
    let line = "greenline_avenue_open{business=\"acme\",avenue=\"reply_word\"} 1";
    assert!(metrics.text.contains(line), "{}", metrics.text);
    let page = house.get("/avenues?business=acme").await;
    assert!(page.text.contains("asks may go"), "{}", page.text);
}
