//! Held messages, from the app's send to the last status: kept while it is quiet, sent once when it is over, in order,
//! under one id.

mod kill;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use greenline_gateway::clock::Clock;
use greenline_gateway::config;
use greenline_gateway::serve::{self, Running};
use greenline_sim::{Fault, Sim};
use greenline_wire::signature;
use hyper::Method;
use serde_json::{Value, json};
use toml::Table;

use crate::support::gateway::{callback, messages_path, template_message, text_message, yes};
use crate::support::http::{self, Answer};
use crate::support::settings::{
    ADMIN_KEY, APP_SECRET, BOT_KEY, BUSINESS, CAMPAIGN_KEY, NUMBER, Settings, VERIFY_TOKEN,
};
use crate::support::store::{Home, Site as _, Store, on_each_store};
use crate::support::{platform, ports, soon, webhook};

on_each_store! {
    what_is_only_early_is_kept_and_sent_once_in_order_under_its_own_id,
    a_stop_a_cancel_and_an_erasure_keep_a_held_message_from_going,
    what_the_platform_refuses_at_release_is_told_and_what_is_too_fast_waits,
    a_batch_and_the_marketing_edge_hold_too_and_nothing_else_does,
    a_question_is_answered_as_the_app_would_be,
}

const DANA: &str = "15551230001";
const LEE: &str = "15551230002";
const KIM: &str = "15551230003";
pub(crate) const SECRET: &str = "what-the-bot-knows";
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// What an app was handed.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<(Value, String)>>>);

impl Sink {
    pub(crate) async fn start(&self) -> String {
        let [address] = ports::free();
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .expect("a port");
        let take =
            async |State(sink): State<Sink>, headers: axum::http::HeaderMap, body: String| {
                let signed = headers
                    .get(signature::HEADER)
                    .and_then(|value| value.to_str().ok());
                let signed = signed.is_some_and(|signed| {
                    signature::verify(SECRET.as_bytes(), signed, body.as_bytes())
                });
                assert!(signed, "not signed as all are: {body}");
                let value = serde_json::from_str(&body).expect("JSON");
                sink.0.lock().expect("the sink").push((value, body));
            };
        let router = axum::Router::new()
            .route("/hook", axum::routing::post(take))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/hook")
    }

    pub(crate) fn all(&self) -> Vec<(Value, String)> {
        self.0.lock().expect("the sink").clone()
    }

    /// Statuses of a message, in the order in which they came: name, and the code of its error.
    fn statuses(&self, id: &str) -> Vec<(String, Option<u64>)> {
        let all = self.all();
        let statuses = all.iter().flat_map(|(body, _)| {
            let found = body.pointer("/entry/0/changes/0/value/statuses");
            found.and_then(Value::as_array).cloned().unwrap_or_default()
        });
        statuses
            .filter(|status| status["id"] == id)
            .map(|status| {
                let name = status["status"].as_str().unwrap_or_default().to_owned();
                (name, status["errors"][0]["code"].as_u64())
            })
            .collect()
    }

    pub(crate) async fn waits_for(&self, id: &str, status: &str) -> Option<u64> {
        let what = format!("{status} of {id}");
        soon(&what, async {
            loop {
                let found = self
                    .statuses(id)
                    .into_iter()
                    .find(|(name, _)| name == status);
                if let Some((_, code)) = found {
                    return code;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }
}

/// A gateway in this process with a clock that is set by hand, in front of the simulated platform.
struct Scene {
    running: Option<Running>,
    sim: Sim,
    sink: Sink,
    clock: Clock,
    quiet_end_ms: i64,
    home: Home,
}

/// Quiet for two hours before and after that minute, by the clock of UTC.
pub(crate) fn quiet(settings: Settings, minutes: i64) -> Settings {
    let clock = |minutes: i64| {
        let of_day = minutes.rem_euclid(24 * 60);
        format!("{:02}:{:02}", of_day / 60, of_day % 60)
    };
    let hours = format!(
        "start = \"{}\"\nend = \"{}\"\nzone = \"UTC\"",
        clock(minutes - 120),
        clock(minutes + 120)
    );
    let hours: Table = hours.parse().expect("hours");
    settings.with(&["business", "0", "quiet_hours"], hours)
}

/// The host of an address, with its port, as the operator allows it.
pub(crate) fn hook_host(hook: &str) -> String {
    let host = hook.trim_start_matches("http://").split('/').next();
    host.unwrap_or_default().to_owned()
}

pub(crate) fn holding(settings: Settings, app: &str, groups: &[&str]) -> Settings {
    let groups: Vec<toml::Value> = groups.iter().map(|group| (*group).into()).collect();
    settings.with(&["business", "0", "app", app, "hold"], groups)
}

impl Scene {
    async fn start(store: Store, adapt: impl FnOnce(Settings) -> Settings) -> Self {
        let home = store.home();
        let sim = platform::sample().await;
        let sink = Sink::default();
        let hook = sink.start().await;
        let now_ms = i64::try_from(webhook::now_s()).expect("a time") * 1_000;
        let minutes = now_ms / 60_000;
        let [public, private] = ports::free();
        let settings = Settings::new(home.path(), &sim.url(), public, private);
        let settings = home
            .settle(settings)
            .relaying(0, &hook, SECRET)
            .with(&["relay", "allow_hosts"], vec![hook_host(&hook)]);
        let settings = adapt(quiet(holding(settings, "0", &["quiet_hours"]), minutes));
        let file = settings.write(home.path());
        let config = config::load(Some(&file), std::iter::empty()).expect("a configuration");
        greenline_gateway::keyring::Keys::new(&config)
            .create(now_ms)
            .ok();
        let clock = Clock::fixed(now_ms);
        let ledger = serve::open_ledger(&config).await.expect("a store");
        let app = serve::build(config, ledger, clock.clone()).expect("the parts");
        let running = serve::start(app).await.expect("it starts");
        sim.subscribe(None, &callback(running.public), VERIFY_TOKEN)
            .await
            .expect("a subscription");
        let scene = Self {
            running: Some(running),
            sim,
            sink,
            clock,
            quiet_end_ms: (minutes + 120) * 60_000,
            home,
        };
        for who in [DANA, LEE, KIM] {
            let answer = scene
                .admin(Method::POST, "/v1/consents", &yes(who, "marketing"))
                .await;
            assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
        }
        scene
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    async fn admin(&self, method: Method, target: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {ADMIN_KEY}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = if method == Method::GET {
            String::new()
        } else {
            body.to_string()
        };
        http::call(self.running().private, method, target, &headers, body)
            .await
            .expect("an answer")
    }

    async fn send(&self, message: &Value) -> Answer {
        http::post(self.running().private, &messages_path(), BOT_KEY, message).await
    }

    /// Sends an offer with a text of its own, which is held; the id that the app is given, and the decision.
    async fn held(&self, to: &str) -> (String, String) {
        let answer = self.send(&template_message(to, "spring_offer")).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
        let body = answer.json();
        assert_eq!(
            body["messages"][0]["message_status"],
            "held_for_quality_assessment"
        );
        assert_eq!(body["messaging_product"], "whatsapp");
        assert_eq!(body["contacts"], json!([{ "input": to, "wa_id": to }]));
        assert!(answer.header("greenline-reasons").contains("quiet_hours"));
        let id = answer.message_id().expect("an id");
        assert!(id.starts_with("wamid."), "{id}");
        (id, answer.header("greenline-decision").to_owned())
    }

    /// The state of a held message.
    async fn state(&self, decision: &str) -> Value {
        self.admin(Method::GET, &format!("/v1/held/{decision}"), &json!({}))
            .await
            .json()
    }

    async fn comes_to(&self, decision: &str, state: &str) -> Value {
        let what = format!("{decision} comes to {state}");
        soon(&what, async {
            loop {
                let shown = self.state(decision).await;
                if shown["state"] == state {
                    return shown;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }

    /// Posts a webhook's body, signed.
    async fn posted(&self, body: &str) -> Result<Answer, http::NoAnswer> {
        webhook::try_post(self.running().public, BUSINESS, APP_SECRET, body).await
    }

    fn morning(&self) {
        self.clock.set(self.quiet_end_ms);
    }

    /// Sends that reached the platform: to whom.
    fn sent(&self) -> Vec<String> {
        let requests = self.sim.requests(0);
        let sends = requests.iter().filter(|request| request.is_send());
        sends
            .map(|request| request.to.clone().unwrap_or_default())
            .collect()
    }

    async fn stop(mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        drop(self.home);
    }
}

async fn what_is_only_early_is_kept_and_sent_once_in_order_under_its_own_id(store: Store) {
    let scene = Scene::start(store, |settings| settings).await;
    let (first, first_decision) = scene.held(DANA).await;
    let (second, second_decision) = scene.held(DANA).await;
    let (other, _) = scene.held(LEE).await;
    assert_ne!(first, second);
    assert!(scene.sent().is_empty());

    let decision = scene
        .admin(
            Method::GET,
            &format!("/v1/decisions/{first_decision}"),
            &json!({}),
        )
        .await
        .json();
    assert_eq!(decision["decision"], "hold", "{decision}");
    assert_eq!(decision["replay"]["same"], true);
    let shown = scene.state(&first_decision).await;
    assert_eq!(shown["state"], "waiting", "{shown}");
    assert_eq!(shown["until"], decision["until"]);
    assert_eq!(shown["message_id"], first.as_str());
    assert!(!shown.to_string().contains(DANA), "not masked: {shown}");
    let target = format!("/v1/held?business=acme&person={DANA}&limit=1");
    let page = scene.admin(Method::GET, &target, &json!({})).await.json();
    assert_eq!(page["held"][0]["id"], first_decision.as_str());
    let cursor = page["cursor"].as_str().expect("another page");
    let target = format!("{target}&number={NUMBER}&cursor={cursor}");
    let page = scene.admin(Method::GET, &target, &json!({})).await.json();
    assert_eq!(page["held"][0]["id"], second_decision.as_str());

    // Nothing goes a moment before.
    scene.clock.set(scene.quiet_end_ms - 1);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(scene.sent().is_empty());
    scene.morning();
    for id in [&first, &second, &other] {
        scene.sink.waits_for(id, "sent").await;
    }
    let shown = scene.comes_to(&second_decision, "sent").await;
    let theirs = shown["platform_message_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_ne!(theirs, second);
    let mut sent = scene.sent();
    sent.retain(|to| to == DANA || to == LEE);
    assert_eq!(sent.iter().filter(|to| *to == DANA).count(), 2, "{sent:?}");
    assert_eq!(sent.len(), 3, "each once: {sent:?}");
    // The earlier was over before the later went.
    let one = scene.comes_to(&first_decision, "sent").await;
    assert!(one["over_at"].as_str() <= shown["over_at"].as_str());
    let release = shown["decision"].as_str().expect("a decision");
    assert_ne!(release, second_decision);
    let release = scene
        .admin(Method::GET, &format!("/v1/decisions/{release}"), &json!({}))
        .await;
    assert_eq!(release.json()["decision"], "allow");

    // What the person quotes and reacts to, the app knows by its own id, and nothing else is changed.
    let quoting = webhook::message(
        DANA,
        webhook::now_s(),
        &json!({
            "type": "text", "text": { "body": format!("about {theirs} and \u{e9}") },
            "context": { "from": "15550100001", "id": theirs },
        }),
    );
    let raw = quoting.to_string().replace("\u{e9}", "\\u00e9");
    let posted = scene.posted(&raw).await;
    assert_eq!(posted.expect("an answer").status.as_u16(), 200);
    let expected = raw.replace(
        &format!("\"id\":\"{theirs}\""),
        &format!("\"id\":\"{second}\""),
    );
    assert_ne!(expected, raw);
    soon("what the person wrote comes", async {
        while !scene.sink.all().iter().any(|(_, body)| *body == expected) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(
        scene
            .sink
            .all()
            .iter()
            .all(|(_, body)| !body.contains(&format!("\"id\":\"{theirs}\""))),
        "the platform's own id was told"
    );
    // What was never held stays as it came.
    let plain = webhook::status(KIM, "wamid.nobody", "read").to_string();
    let posted = scene.posted(&plain).await;
    assert_eq!(posted.expect("an answer").status.as_u16(), 200);
    soon("a status of another message comes", async {
        while !scene.sink.all().iter().any(|(_, body)| *body == plain) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    scene.stop().await;
}

async fn a_stop_a_cancel_and_an_erasure_keep_a_held_message_from_going(store: Store) {
    let scene = Scene::start(store, |settings| settings).await;
    let (stopped, stopped_decision) = scene.held(DANA).await;
    let (cancelled, cancelled_decision) = scene.held(LEE).await;
    let (_, erased_decision) = scene.held(KIM).await;
    let stop = webhook::text(DANA, "STOP").to_string();
    let posted = scene.posted(&stop).await;
    assert_eq!(posted.expect("an answer").status.as_u16(), 200);

    let target = format!("/v1/held/{cancelled_decision}");
    for _ in 0..2 {
        let answer = scene.admin(Method::DELETE, &target, &json!({})).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
        assert_eq!(answer.json()["state"], "cancelled");
    }
    assert_eq!(
        scene.sink.waits_for(&cancelled, "failed").await,
        Some(131_000)
    );
    let unknown = scene
        .admin(
            Method::DELETE,
            "/v1/held/dec_00000000000000000001",
            &json!({}),
        )
        .await;
    assert_eq!(unknown.status.as_u16(), 404);
    let erase = scene
        .admin(Method::POST, &format!("/v1/people/{KIM}/erase"), &json!({}))
        .await;
    assert!(erase.status.is_success(), "{}", erase.json());
    let gone = scene
        .admin(
            Method::GET,
            &format!("/v1/held/{erased_decision}"),
            &json!({}),
        )
        .await;
    assert_eq!(gone.status.as_u16(), 404);

    scene.morning();
    assert_eq!(
        scene.sink.waits_for(&stopped, "failed").await,
        Some(131_050)
    );
    let shown = scene.comes_to(&stopped_decision, "failed").await;
    let answer = scene
        .admin(
            Method::DELETE,
            &format!("/v1/held/{stopped_decision}"),
            &json!({}),
        )
        .await;
    assert_eq!(answer.status.as_u16(), 409, "{shown}");
    // As the platform writes one, in plain ASCII.
    let (body, raw) = scene
        .sink
        .all()
        .into_iter()
        .find(|(_, raw)| raw.contains(&stopped))
        .expect("it was told");
    assert!(raw.is_ascii());
    let value = &body["entry"][0]["changes"][0]["value"];
    assert_eq!(value["metadata"]["phone_number_id"], NUMBER);
    assert_eq!(value["statuses"][0]["recipient_id"], DANA);
    let details = value["statuses"][0]["errors"][0]["error_data"]["details"].as_str();
    assert!(
        details.is_some_and(|details| details.contains("consent.opted_out")),
        "{value}"
    );
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let sent = scene.sent();
    assert!(!sent.iter().any(|to| to == LEE || to == KIM), "{sent:?}");
    // To the one who stopped, nothing but the confirmation of that.
    assert!(
        sent.iter().filter(|to| *to == DANA).count() <= 1,
        "{sent:?}"
    );
    scene.stop().await;
}

async fn what_the_platform_refuses_at_release_is_told_and_what_is_too_fast_waits(store: Store) {
    let scene = Scene::start(store, |settings| settings).await;
    let (refused, _) = scene.held(DANA).await;
    let (late, late_decision) = scene.held(LEE).await;
    scene.sim.fault(Fault::error(131_026).to(DANA));
    scene.sim.fault(Fault::error(130_429).to(LEE));
    scene.morning();
    assert_eq!(
        scene.sink.waits_for(&refused, "failed").await,
        Some(131_026)
    );
    soon("it waits again", async {
        loop {
            let shown = scene.state(&late_decision).await;
            if shown["state"] == "waiting" && shown["decision"] != late_decision.as_str() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    scene.clock.set(scene.quiet_end_ms + 10_000);
    scene.sink.waits_for(&late, "sent").await;
    scene.stop().await;
}

async fn a_batch_and_the_marketing_edge_hold_too_and_nothing_else_does(store: Store) {
    let scene = Scene::start(store, |settings| {
        settings.with(&["limits", "held_per_app_max"], 3)
    })
    .await;
    let path = messages_path().replace("/messages", "/marketing_messages");
    let message = template_message(DANA, "spring_offer");
    let answer = http::post(scene.running().private, &path, BOT_KEY, &message).await;
    let marketing = answer.message_id().expect("an id");
    assert_eq!(
        answer.json()["messages"][0]["message_status"],
        "held_for_quality_assessment"
    );
    let item = |to: &str| {
        json!({
            "method": "POST", "relative_url": format!("{NUMBER}/messages"),
            "body": format!(
                "messaging_product=whatsapp&to={to}&type=template&template={}",
                "%7B%22name%22%3A%22spring_offer%22%2C%22language%22%3A%7B%22code%22%3A%22en_US%22%7D%7D"
            ),
        })
    };
    let batch = json!({ "batch": [item(LEE), item(KIM)] });
    let answer = http::post(scene.running().private, "/v23.0/", BOT_KEY, &batch).await;
    let rows = answer.json();
    let mut given = vec![marketing];
    for row in rows.as_array().expect("rows") {
        assert_eq!(row["code"], 200, "{rows}");
        let body: Value =
            serde_json::from_str(row["body"].as_str().expect("a body")).expect("JSON");
        given.push(
            body["messages"][0]["id"]
                .as_str()
                .expect("an id")
                .to_owned(),
        );
    }
    assert_eq!(given.len(), 3);

    // There is no room for a fourth, an app that holds nothing is refused, and so is what is no template.
    let fourth = scene.send(&template_message(DANA, "spring_offer")).await;
    assert_eq!(fourth.code(), Some(131_049));
    let plain = http::post(
        scene.running().private,
        &messages_path(),
        CAMPAIGN_KEY,
        &template_message(DANA, "spring_offer"),
    )
    .await;
    assert_eq!(plain.code(), Some(131_049));
    let text = scene.send(&text_message(DANA, "hello")).await;
    assert_eq!(text.code(), Some(131_047));
    let no_yes = scene
        .send(&template_message("15551239999", "spring_offer"))
        .await;
    assert_eq!(no_yes.code(), Some(131_050));

    scene.morning();
    for id in &given {
        scene.sink.waits_for(id, "sent").await;
    }
    let metrics = scene.admin(Method::GET, "/metrics", &json!({})).await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    for line in [
        "greenline_held_total 3",
        "greenline_held_no_room_total 2",
        "greenline_held_released_total 3",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    scene.stop().await;
}

async fn a_question_is_answered_as_the_app_would_be(store: Store) {
    let scene = Scene::start(store, |settings| settings).await;
    let question = |app: Option<&str>| {
        let mut body = json!({
            "business": "acme", "number": NUMBER, "message": template_message(DANA, "spring_offer"),
        });
        if let Some(app) = app {
            body["app"] = json!(app);
        }
        body
    };
    for (app, verdict) in [
        (Some("bot"), "hold"),
        (Some("campaign"), "refuse"),
        (None, "refuse"),
    ] {
        let answer = scene
            .admin(Method::POST, "/v1/decisions", &question(app))
            .await
            .json();
        assert_eq!(answer["decision"], verdict, "{app:?}: {answer}");
        let until = answer["until"].as_str().expect("an end");
        let until: jiff::Timestamp = until.parse().expect("a time");
        assert_eq!(until.as_millisecond(), scene.quiet_end_ms);
    }
    let unknown = scene
        .admin(Method::POST, "/v1/decisions", &question(Some("nobody")))
        .await;
    assert_eq!(unknown.status.as_u16(), 404);
    let mut at = question(Some("bot"));
    let past = jiff::Timestamp::from_millisecond(scene.quiet_end_ms - 5 * HOUR_MS).expect("a time");
    at["at"] = json!(past.to_string());
    let answer = scene.admin(Method::POST, "/v1/decisions", &at).await.json();
    assert_eq!(answer["decision"], "allow", "{answer}");
    scene.stop().await;
}
