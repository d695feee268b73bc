//! How fast one number writes to one person, and what a number does that the platform limits for spam, from the outside:
//! gateways in this process whose clock is set by hand, in front of the simulated platform.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use greenline_gateway::clock::Clock;
use greenline_gateway::config;
use greenline_gateway::serve::{self, Running};
use greenline_sim::{Fault, Sim};
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::gateway::{callback, messages_path, template_message, text_message, yes};
use crate::support::http::{self, Answer};
use crate::support::settings::{
    ADMIN_KEY, APP_SECRET, BOT_KEY, BUSINESS, CAMPAIGN_KEY, NUMBER, Settings, VERIFY_TOKEN,
};
use crate::support::store::{Home, Site as _, Store, on_each_store};
use crate::support::{platform, ports, soon, webhook};

on_each_store! {
    a_thousand_sends_to_one_person_forward_one_burst_and_are_told_until_when,
    what_is_too_fast_is_held_and_goes_in_order,
    a_stop_after_a_burst_is_confirmed_once_it_may_be,
    a_number_that_the_platform_limits_for_spam_starts_nothing_for_a_day,
}

const DANA: &str = "15551230001";
const LEE: &str = "15551230002";
const BURST: usize = 45;
const PAID_MS: i64 = 270_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

struct Scene {
    nodes: Vec<Running>,
    sim: Sim,
    clock: Clock,
    began_ms: i64,
    _home: Home,
}

impl Scene {
    /// So many nodes over one store, of a business that keeps to the pace; its campaign holds what is too fast.
    async fn start(store: Store, nodes: usize) -> Self {
        let home = store.home();
        let sim = platform::sample().await;
        let began_ms = i64::try_from(webhook::now_s()).expect("a time") * 1_000;
        let clock = Clock::fixed(began_ms);
        let mut running = Vec::new();
        for node in 0..nodes {
            let folder = home.path().join(format!("node-{node}"));
            std::fs::create_dir(&folder).expect("a folder");
            let [public, private] = ports::free();
            let settings = home
                .settle(Settings::new(&folder, &sim.url(), public, private))
                .with(&["business", "0", "pair_limit"], true)
                .with(
                    &["business", "0", "app", "1", "hold"],
                    vec![toml::Value::from("pacing")],
                );
            let file = settings.write(&folder);
            let config = config::load(Some(&file), std::iter::empty()).expect("a configuration");
            greenline_gateway::keyring::Keys::new(&config)
                .create(began_ms)
                .ok();
            let ledger = serve::open_ledger(&config).await.expect("a store");
            let app = serve::build(config, ledger, clock.clone()).expect("the parts");
            running.push(serve::start(app).await.expect("it starts"));
        }
        let first = running.first().expect("a node");
        sim.subscribe(None, &callback(first.public), VERIFY_TOKEN)
            .await
            .expect("a subscription");
        let scene = Self {
            nodes: running,
            sim,
            clock,
            began_ms,
            _home: home,
        };
        for who in [DANA, LEE] {
            let wants = yes(who, "all");
            let answer = scene.admin(Method::POST, "/v1/consents", &wants).await;
            assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
        }
        scene.writes(DANA).await;
        scene
    }

    fn node(&self) -> &Running {
        self.nodes.first().expect("a node")
    }

    async fn writes(&self, who: &str) {
        self.writes_that(who, "hello").await;
    }

    async fn writes_that(&self, who: &str, text: &str) {
        let body = webhook::text(who, text).to_string();
        self.posted(&body).await;
    }

    async fn posted(&self, body: &str) {
        let answer = webhook::try_post(self.node().public, BUSINESS, APP_SECRET, body).await;
        assert_eq!(answer.expect("an answer").status.as_u16(), 200);
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
        http::call(self.node().private, method, target, &headers, body)
            .await
            .expect("an answer")
    }

    async fn send(&self, key: &str, message: &Value) -> Answer {
        http::post(self.node().private, &messages_path(), key, message).await
    }

    /// What would be decided now, or with something else assumed.
    async fn would(&self, message: &Value, more: Value) -> Value {
        let mut question = json!({ "business": BUSINESS, "number": NUMBER, "message": message });
        if let (Some(question), Value::Object(more)) = (question.as_object_mut(), more) {
            question.extend(more);
        }
        let answer = self.admin(Method::POST, "/v1/decisions", &question).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
        answer.json()
    }

    /// Sends that reached the platform.
    fn arrived(&self, to: &str) -> usize {
        let seen = self.sim.requests(0);
        let sends = seen.iter().filter(|request| request.is_send());
        sends
            .filter(|request| request.to.as_deref() == Some(to))
            .count()
    }

    /// A thousand different texts to Dana, a hundred at a time, over all nodes; how many went.
    async fn storm(&self) -> usize {
        let (next, went) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut senders = JoinSet::new();
        for sender in 0..100 {
            let node = self.nodes[sender % self.nodes.len()].private;
            let (next, went) = (Arc::clone(&next), Arc::clone(&went));
            senders.spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n >= 1_000 {
                        return;
                    }
                    let message = text_message(DANA, &format!("text {n}"));
                    loop {
                        let answer = http::post(node, &messages_path(), BOT_KEY, &message).await;
                        match answer.status.as_u16() {
                            200 => {
                                went.fetch_add(1, Ordering::SeqCst);
                                break;
                            }
                            400 => {
                                too_fast(&answer);
                                break;
                            }
                            // Too many under way at once, or others were in the way: certainly not sent.
                            429 | 503 => tokio::task::yield_now().await,
                            other => panic!("{other}: {}", answer.json()),
                        }
                    }
                }
            });
        }
        senders.join_all().await;
        went.load(Ordering::SeqCst)
    }

    async fn stop(self) {
        for node in self.nodes {
            node.stop().await;
        }
        self.sim.stop().await;
    }
}

/// Says until when.
fn too_fast(answer: &Answer) -> String {
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.json());
    assert!(answer.header("greenline-reasons").contains("pace.pair"));
    assert_eq!(answer.header("retry-after"), "");
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], 131_056, "{error}");
    let details = error["error_data"]["details"].as_str().unwrap_or_default();
    assert!(
        details.contains("pace.pair; SND-45") && details.contains(" Until 20"),
        "{details}"
    );
    details.to_owned()
}

async fn a_thousand_sends_to_one_person_forward_one_burst_and_are_told_until_when(store: Store) {
    // Many nodes need a database.
    let nodes = if store == Store::Postgres { 3 } else { 1 };
    let scene = Scene::start(store, nodes).await;
    assert_eq!(scene.storm().await, BURST);
    assert_eq!(scene.arrived(DANA), BURST);
    // Others are not concerned, nor is a message of another kind spared.
    let offer = template_message(DANA, "spring_offer");
    too_fast(&scene.send(BOT_KEY, &offer).await);
    let answer = scene
        .send(BOT_KEY, &template_message(LEE, "spring_offer"))
        .await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());

    let asked = scene.would(&offer, json!({})).await;
    assert_eq!(asked["reasons"][0]["rule"], "pace.pair", "{asked}");
    let until = asked["reasons"][0]["until"].clone();
    let assumed = json!({ "assume": { "paired_until": "none" } });
    assert_eq!(scene.would(&offer, assumed).await["decision"], "allow");
    let then = scene.would(&offer, json!({ "at": until })).await;
    assert_eq!(then["decision"], "allow", "{then}");

    scene.clock.set(scene.began_ms + PAID_MS - 1);
    too_fast(&scene.send(BOT_KEY, &offer).await);
    scene.clock.set(scene.began_ms + PAID_MS);
    let answer = scene.send(BOT_KEY, &offer).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());

    // The platform itself says that it is too fast: the pair waits, whatever our own count says.
    scene.clock.set(scene.began_ms + 2 * PAID_MS);
    scene.sim.fault(Fault::error(131_056).to(DANA));
    let answer = scene.send(BOT_KEY, &text_message(DANA, "once more")).await;
    assert_eq!(answer.json()["error"]["code"], 131_056);
    assert!(!answer.header("greenline-reasons").contains("pace.pair"));
    soon("the platform's word counts", async {
        while scene.would(&offer, json!({})).await["decision"] == "allow" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    too_fast(&scene.send(BOT_KEY, &offer).await);
    scene.clock.set(scene.began_ms + 2 * PAID_MS + 4_000);
    let answer = scene.send(BOT_KEY, &offer).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    scene.stop().await;
}

async fn what_is_too_fast_is_held_and_goes_in_order(store: Store) {
    let scene = Scene::start(store, 1).await;
    assert_eq!(scene.storm().await, BURST);
    let mut held = Vec::new();
    for _ in 0..3 {
        let offer = template_message(DANA, "spring_offer");
        let answer = scene.send(CAMPAIGN_KEY, &offer).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
        let status = &answer.json()["messages"][0]["message_status"];
        assert_eq!(status, "held_for_quality_assessment");
        held.push(answer.header("greenline-decision").to_owned());
    }
    assert_eq!(scene.arrived(DANA), BURST);
    scene.clock.set(scene.began_ms + PAID_MS);
    let mut over = Vec::new();
    for decision in &held {
        let target = format!("/v1/held/{decision}");
        let sent = soon("a held message is sent", async {
            loop {
                let shown = scene.admin(Method::GET, &target, &json!({})).await.json();
                if shown["state"] == "sent" {
                    return shown;
                }
                tokio::task::yield_now().await;
            }
        });
        over.push(sent.await["decision"].as_str().expect("it").to_owned());
    }
    assert_eq!(scene.arrived(DANA), BURST + 3);
    // Decisions are named in the order in which they were made.
    assert!(over.is_sorted(), "{over:?}");
    scene.stop().await;
}

async fn a_stop_after_a_burst_is_confirmed_once_it_may_be(store: Store) {
    let scene = Scene::start(store, 1).await;
    assert_eq!(scene.storm().await, BURST);
    scene.writes_that(DANA, "STOP").await;
    // The confirmation is Greenline's own message, and comes too fast as any other would.
    let newest = format!("/v1/decisions?business={BUSINESS}&limit=5");
    soon("the confirmation is refused", async {
        loop {
            let decisions = scene.admin(Method::GET, &newest, &json!({})).await.json();
            let mut all = decisions["decisions"].as_array().expect("them").iter();
            if all.any(|one| one["app"] == "greenline" && one["decision"] == "refuse") {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(scene.arrived(DANA), BURST);
    scene.clock.set(scene.began_ms + PAID_MS);
    soon("the confirmation goes", async {
        while scene.arrived(DANA) == BURST {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(scene.arrived(DANA), BURST + 1);
    scene.stop().await;
}

async fn a_number_that_the_platform_limits_for_spam_starts_nothing_for_a_day(store: Store) {
    let scene = Scene::start(store, 1).await;
    scene.sim.fault(Fault::error(131_048).to(DANA));
    let offer = |to: &str| template_message(to, "spring_offer");
    let answer = scene.send(BOT_KEY, &offer(DANA)).await;
    assert_eq!(answer.json()["error"]["code"], 131_048);
    assert!(!answer.header("greenline-reasons").contains("limit.spam"));
    // Nobody gets anything that begins a conversation, and answers go.
    let refused = |answer: &Answer| {
        assert_eq!(answer.status.as_u16(), 400, "{}", answer.json());
        assert!(answer.header("greenline-reasons").starts_with("limit.spam"));
        let error = answer.json()["error"].clone();
        assert_eq!(error["code"], 131_048, "{error}");
        let details = error["error_data"]["details"].as_str().unwrap_or_default();
        assert!(details.contains(" Until 20"), "{details}");
    };
    refused(&scene.send(BOT_KEY, &offer(LEE)).await);
    assert_eq!(scene.arrived(LEE), 0);
    let answer = scene.send(BOT_KEY, &text_message(DANA, "yes?")).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    let assumed = json!({ "assume": { "number": { "spam_limited_at": "none" } } });
    assert_eq!(scene.would(&offer(LEE), assumed).await["decision"], "allow");

    // The day is over: nobody knows, so one is tried, and it settles it.
    scene.clock.set(scene.began_ms + DAY_MS - 1);
    refused(&scene.send(BOT_KEY, &offer(LEE)).await);
    scene.clock.set(scene.began_ms + DAY_MS);
    let answer = scene.send(BOT_KEY, &offer(LEE)).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    assert!(
        answer
            .header("greenline-reasons")
            .contains("limit.spam_unknown")
    );
    let message = answer.message_id().expect("an id");
    let asked = scene.would(&offer(LEE), json!({})).await;
    assert!(!asked.to_string().contains("limit.spam"), "{asked}");

    // Told later, by a status, it is the same.
    let mut failed = webhook::status(LEE, &message, "failed");
    let status = &mut failed["entry"][0]["changes"][0]["value"]["statuses"][0];
    status["errors"] = json!([{ "code": 131_048, "title": "Spam rate limit hit" }]);
    status["timestamp"] = json!(((scene.began_ms + DAY_MS) / 1_000).to_string());
    scene.posted(&failed.to_string()).await;
    refused(&scene.send(BOT_KEY, &offer(DANA)).await);
    scene.stop().await;
}
