//! Alerts from the outside: what the simulated platform does to a number is told once over every channel, and once more
//! when it is over, whatever is restarted in between.

mod conditions;
mod mailbox;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use greenline_sim::{HealthState, Script, Sim};
use http::{Request, StatusCode};
use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use toml::Table;

use crate::support::command::run_with;
use crate::support::gateway::{Gateway, callback};
use crate::support::http as client;
use crate::support::server::Server;
use crate::support::settings::{ACCOUNT, ADMIN_KEY, NUMBER, Settings, VERIFY_TOKEN};
use crate::support::store::{Home, Store, on_each_store};
use crate::support::{platform, ports, soon};
use mailbox::{Letter, Mailbox};

on_each_store! {
    what_happens_to_a_number_is_told_once_by_every_channel_and_once_when_it_is_over,
}

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// The sample world's template of that name.
const SPRING_OFFER: u64 = 901_500_000_000_002;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Whoever is told, and what they were told: the alert, and whether it opened.
struct Desk {
    slack: Server,
    events: Server,
    mail: Mailbox,
    said: UnboundedReceiver<String>,
    heard: UnboundedReceiver<Value>,
    letters: UnboundedReceiver<Letter>,
    told: BTreeMap<&'static str, BTreeSet<(String, bool)>>,
    cool_down_minutes: i64,
}

impl Desk {
    async fn start() -> Self {
        let (say, said) = unbounded_channel();
        // The first one is not taken, and comes again.
        let is_first = Arc::new(AtomicBool::new(true));
        let slack = Server::start(move |request: Request<Bytes>| {
            let body: Value = serde_json::from_slice(request.body()).expect("JSON");
            let refuses = is_first.swap(false, Ordering::SeqCst);
            assert_eq!(request.uri().path(), "/services/a-secret");
            if !refuses {
                let text = body["text"].as_str().expect("a text").to_owned();
                say.send(text).ok();
            }
            async move {
                if refuses {
                    StatusCode::SERVICE_UNAVAILABLE
                } else {
                    StatusCode::OK
                }
            }
        })
        .await;
        let (hear, heard) = unbounded_channel();
        let events = Server::start(move |request: Request<Bytes>| {
            assert!(request.headers().contains_key("webhook-signature"));
            hear.send(serde_json::from_slice(request.body()).expect("JSON"))
                .ok();
            async { StatusCode::OK }
        })
        .await;
        let (post, letters) = unbounded_channel();
        Self {
            slack,
            events,
            mail: Mailbox::start(post).await,
            said,
            heard,
            letters,
            told: BTreeMap::new(),
            cool_down_minutes: 60,
        }
    }

    /// The operator names them all.
    fn adapt(&self, settings: Settings) -> Settings {
        let table = |text: String| -> toml::Value { text.parse::<Table>().expect("TOML").into() };
        let slack = table(format!(
            "name = \"ops\"\nurl = \"http://{}/services/a-secret\"",
            self.slack.address
        ));
        let email = table("name = \"desk\"\nto = [\"desk@acme.example\"]".to_owned());
        let events = table(format!(
            "name = \"crm\"\nurl = \"http://{}/events\"\nsecret = \"{SECRET}\"\ntypes = [\"alert.opened\", \"alert.closed\"]",
            self.events.address
        ));
        let places = [self.slack.address, self.events.address, self.mail.address];
        let host: Vec<String> = places.iter().map(|place| place.ip().to_string()).collect();
        let pauses = vec![toml::Value::Integer(1); 30];
        let port = i64::from(self.mail.address.port());
        settings
            .with(&["upstream", "poll_interval_s"], 1)
            .with(&["events", "retry_after_s"], pauses)
            .with(&["events", "allow_hosts"], host.clone())
            .with(&["business", "0", "subscription"], vec![events])
            .with(&["alerts", "look_every_s"], 1)
            .with(&["alerts", "cool_down_minutes"], self.cool_down_minutes)
            .with(&["alerts", "allow_hosts"], host.clone())
            .with(&["alerts", "slack"], vec![slack])
            .with(&["alerts", "email"], vec![email])
            .with(&["alerts", "smtp", "host"], host[2].as_str())
            .with(&["alerts", "smtp", "port"], port)
            .with(&["alerts", "smtp", "tls"], "none")
            .with(
                &["alerts", "smtp", "from"],
                "Greenline <greenline@acme.example>",
            )
    }

    fn note(&mut self, by: &'static str, id: &str, open: bool) {
        // What comes twice, as it may, comes under one name.
        let of = self.told.entry(by).or_default();
        of.insert((id.to_owned(), open));
    }

    /// Takes the next message in, whoever it comes by.
    async fn hear(&mut self) {
        tokio::select! {
            text = self.said.recv() => {
                let text = text.expect("a message");
                if text.starts_with("This is a test") {
                    return;
                }
                let at = text.find("alr_").unwrap_or_else(|| panic!("no id: {text}"));
                let id = &text[at..at + 20];
                let open = !text.starts_with("Over:");
                assert!(!text.contains("555 010 0001") && text.contains("/guide/"), "{text}");
                assert!(!open || text.contains("What to do: "), "{text}");
                self.note("slack", id, open);
            }
            event = self.heard.recv() => {
                let event = event.expect("an event");
                let open = match event["type"].as_str() {
                    Some("alert.opened") => true,
                    Some("alert.closed") => false,
                    Some("ping") => return,
                    other => panic!("{other:?}"),
                };
                let data = &event["data"];
                assert_eq!(data["business"], "acme", "{event}");
                let id = data["id"].as_str().expect("an id").to_owned();
                self.note("events", &id, open);
            }
            letter = self.letters.recv() => {
                let letter = letter.expect("a letter");
                assert!(letter.to[0].contains("desk@acme.example"), "{letter:?}");
                let name = letter.header("Message-ID");
                let name = name.trim_start_matches('<');
                if name.starts_with("test.") {
                    return;
                }
                let (id, rest) = name.split_once('.').expect("a name");
                self.note("mail", id, rest.starts_with("opened@"));
            }
        }
    }

    /// Waits until everybody was told of each.
    async fn told_of(&mut self, ids: &BTreeSet<String>, open: bool) {
        let all = async {
            loop {
                let is_told = |by: &str| {
                    let of = self.told.get(by);
                    ids.iter()
                        .all(|id| of.is_some_and(|of| of.contains(&(id.clone(), open))))
                };
                if ["slack", "events", "mail"].into_iter().all(is_told) {
                    return;
                }
                self.hear().await;
            }
        };
        soon("everybody is told", all).await;
    }
}

/// What is at a path, as it is.
async fn text(gateway: &Gateway, path: &str) -> String {
    let answer = client::get(gateway.private, path, ADMIN_KEY).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    String::from_utf8_lossy(&answer.body).into_owned()
}

async fn shown(gateway: &Gateway) -> Value {
    let answer = gateway.admin_get("/v1/alerts?business=acme").await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    answer.json()
}

/// By whom an alert was taken, when it opened and when it was over.
fn who_was_told(alert: &Value) -> usize {
    let told = alert["told"].as_array().into_iter().flatten();
    let pair = |told: &Value| (told["to"].to_string(), told["what"].to_string());
    told.map(pair).collect::<BTreeSet<_>>().len()
}

fn open_ones(shown: &Value) -> BTreeMap<String, String> {
    let open = shown["open"].as_array().expect("alerts").iter();
    let text = |alert: &Value, member: &str| alert[member].as_str().unwrap_or_default().to_owned();
    open.map(|alert| (text(alert, "kind"), text(alert, "id")))
        .collect()
}

/// Asks until exactly these stand, but for one that may come by itself; their ids.
async fn stands(gateway: &Gateway, kinds: &[&str]) -> BTreeSet<String> {
    let kinds: BTreeSet<&str> = kinds.iter().copied().collect();
    let asking = async {
        loop {
            let mut open = open_ones(&shown(gateway).await);
            open.remove("restriction.ending");
            let standing: BTreeSet<&str> = open.keys().map(String::as_str).collect();
            if standing == kinds {
                return open.into_values().collect();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon(&format!("{kinds:?} stand"), asking).await
}

/// Waits until what is known of the limit was written down.
async fn limit_noted(gateway: &Gateway) {
    let noted = async {
        loop {
            if text(gateway, "/metrics")
                .await
                .contains("greenline_portfolio_limit_people{")
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon("a limit that was noted", noted).await;
}

/// Each metric that the dashboard and the rules name is among those that are given.
fn every_metric_of_the_examples_exists(metrics: &str) {
    let given: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let dashboard = include_str!("../../../../docs/examples/grafana-dashboard.json");
    let _: Value = serde_json::from_str(dashboard).expect("JSON");
    let rules = include_str!("../../../../docs/examples/alerts.rules.yml");
    let mut named = BTreeSet::new();
    for text in [dashboard, rules] {
        for (at, _) in text.match_indices("greenline_") {
            let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
            let rest = &text[at..];
            named.insert(&rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())]);
        }
    }
    assert!(named.len() > 10, "{named:?}");
    let missing: Vec<&&str> = named.difference(&given).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn play(sim: &Sim, scripts: impl IntoIterator<Item = Script>) {
    for script in scripts {
        sim.script(&script).expect("the sample world has it");
    }
}

async fn started(home: &Home, sim: &Sim, desk: &Desk) -> Gateway {
    let [public, private] = ports::free();
    let settings = |settings| desk.adapt(settings);
    let gateway = Gateway::start_at(home, &sim.url(), public, private, settings).await;
    sim.subscribe(None, &callback(gateway.public), VERIFY_TOKEN)
        .await
        .expect("a subscription");
    gateway
}

async fn what_happens_to_a_number_is_told_once_by_every_channel_and_once_when_it_is_over(
    store: Store,
) {
    let home = store.home();
    let sim = platform::sample().await;
    let mut desk = Desk::start().await;
    let mut gateway = started(&home, &sim, &desk).await;
    limit_noted(&gateway).await;
    every_metric_of_the_examples_exists(&text(&gateway, "/metrics").await);
    assert_eq!(stands(&gateway, &[]).await, BTreeSet::new());

    let number = |state| Script::number(NUMBER, state);
    let account = |state| Script::account(ACCOUNT, state);
    let of_template = |state| Script::template(SPRING_OFFER, state);
    let far_ms = sim.now_ms() + 7 * DAY_MS;
    play(
        &sim,
        [
            number(HealthState::RatedRed),
            number(HealthState::Limit).value("TIER_100K"),
            account(HealthState::MessagesRestricted).until(far_ms),
            of_template(HealthState::TemplatePaused),
        ],
    );
    let first = [
        "rating.low",
        "limit.raised",
        "restriction.starts",
        "restriction.replies",
        "restriction.adding",
        "template.paused",
    ];
    let opened = stands(&gateway, &first).await;
    desk.told_of(&opened, true).await;

    // The command says what the API says, and tries everybody.
    let ran = run_with(&gateway.config(), &["alerts", "--json"]).await;
    let said = ran.ended(1).json();
    assert_eq!(open_ones(&said["businesses"][0]).len(), first.len());
    let tried = run_with(&gateway.config(), &["alerts", "test", "--json"]).await;
    let tried = tried.ended(0).json();
    let trials = tried["businesses"][0]["trials"].as_array().expect("trials");
    let results: Vec<&str> = trials
        .iter()
        .map(|trial| trial["result"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(results, ["taken", "taken", "queued"], "{tried}");
    assert!(!tried.to_string().contains("a-secret"), "{tried}");

    // Nothing is forgotten and nothing is told again.
    gateway.kill().await;
    gateway.run_again().await;
    play(
        &sim,
        [
            number(HealthState::RatedYellow),
            account(HealthState::MessagesRestricted).until(sim.now_ms() + 1_000),
            account(HealthState::ScheduledForDisable).until(far_ms),
            of_template(HealthState::TemplateDisabled),
        ],
    );
    let second = [
        "rating.medium",
        "limit.raised",
        "account.scheduled",
        "template.disabled",
    ];
    let more = stands(&gateway, &second).await;
    let over: BTreeSet<String> = opened.difference(&more).cloned().collect();
    assert_eq!(over.len(), first.len() - 1, "the limit is still news");
    desk.told_of(&over, false).await;
    desk.told_of(&more, true).await;

    play(
        &sim,
        [
            number(HealthState::RatedGreen),
            account(HealthState::Reinstated),
            of_template(HealthState::TemplateApproved),
        ],
    );
    let left = stands(&gateway, &["limit.raised"]).await;
    let all: BTreeSet<String> = opened.iter().chain(&more).cloned().collect();
    let over: BTreeSet<String> = all.difference(&left).cloned().collect();
    desk.told_of(&over, false).await;

    // Each stood once, and who was told of it is on record.
    let on_record = async {
        loop {
            let past = shown(&gateway).await["past"].clone();
            let past = past.as_array().expect("alerts").clone();
            let of = |alert: &&Value| over.contains(alert["id"].as_str().unwrap_or_default());
            let found: Vec<&Value> = past.iter().filter(of).collect();
            if found.len() == over.len() && found.iter().all(|alert| who_was_told(alert) == 6) {
                return past;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let past = soon("who was told is on record", on_record).await;
    let is_news = |alert: &&Value| alert["kind"] != "restriction.ending";
    assert_eq!(past.iter().filter(is_news).count(), over.len(), "{past:?}");
    let log = gateway.log_text();
    assert!(!log.contains("a-secret"), "an address is a secret");
    let page = text(&gateway, "/alerts?business=acme").await;
    assert!(
        page.contains("messaging limit raised") && page.contains("slack/ops"),
        "{page}"
    );
    gateway.stop().await;
    run_with(&gateway.config(), &["verify"]).await.ended(0);
    sim.stop().await;
}

/// Two nodes are there, and everybody is told once, though what is over may be told again at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_on_one_database_tell_once() {
    let home = Store::Postgres.home();
    let sim = platform::sample().await;
    let mut desk = Desk::start().await;
    desk.cool_down_minutes = 0;
    let gateway = started(&home, &sim, &desk).await;
    let elsewhere = tempfile::tempdir().expect("a folder");
    let url = home.database().url();
    let other = Gateway::start(elsewhere.path(), &sim.url(), |settings| {
        desk.adapt(settings.with(&["store", "url"], url))
    })
    .await;
    play(
        &sim,
        [
            Script::number(NUMBER, HealthState::RatedRed),
            Script::template(SPRING_OFFER, HealthState::TemplatePaused),
        ],
    );
    let both = ["rating.low", "template.paused"];
    let opened = stands(&gateway, &both).await;
    assert_eq!(stands(&other, &both).await, opened);
    desk.told_of(&opened, true).await;
    play(
        &sim,
        [
            Script::number(NUMBER, HealthState::RatedGreen),
            Script::template(SPRING_OFFER, HealthState::TemplateApproved),
        ],
    );
    stands(&gateway, &[]).await;
    desk.told_of(&opened, false).await;
    for (by, told) in &desk.told {
        assert_eq!(told.len(), 4, "{by}: {told:?}");
    }
    sim.stop().await;
}
