//! Law 8 for moments to come: a list, one question, many at once and the command answer alike, just before, at and after
//! the end of everything that ends by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use greenline_gateway::clock::Clock;
use greenline_gateway::config;
use greenline_gateway::serve::{self, Running};
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::command::run_with;
use crate::support::gateway::{messages_path, template_message, text_message, yes};
use crate::support::http::{self, Answer};
use crate::support::settings::{
    ACCOUNT, ADMIN_KEY, APP_SECRET, BOT_KEY, BUSINESS, NUMBER, Settings,
};
use crate::support::store::{Home, Site as _, Store, on_each_store};
use crate::support::{platform, ports, webhook};

on_each_store! {
    every_way_of_asking_about_a_moment_to_come_agrees,
}

/// Nothing is known of her but that she opted in.
const ANNA: &str = "15551230001";
/// She got as much as she may.
const BELL: &str = "15551230002";
/// She counts for the portfolio's limit.
const DANA: &str = "15551230003";
/// Just now so much went to her that the next has to wait.
const ELLA: &str = "15551230004";
const PEOPLE: [&str; 4] = [ANNA, BELL, DANA, ELLA];
/// What may be owed to one person.
const BURST: usize = 45;
const MINUTE_MS: i64 = 60 * 1_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Longest wait for a list to be screened, on a machine that is busy.
const SCREENED_WITHIN: Duration = Duration::from_secs(120);

struct Scene {
    node: Running,
    file: PathBuf,
    began_ms: i64,
    _home: Home,
}

/// It is quiet in an hour, for two.
fn quiet_soon(settings: Settings, began_ms: i64) -> Settings {
    let clock = |minutes: i64| {
        let of_day = (began_ms / MINUTE_MS + minutes).rem_euclid(24 * 60);
        format!("{:02}:{:02}", of_day / 60, of_day % 60)
    };
    let hours = format!(
        "start = \"{}\"\nend = \"{}\"\nzone = \"UTC\"",
        clock(60),
        clock(180)
    );
    let hours: toml::Table = hours.parse().expect("hours");
    settings.with(&["business", "0", "quiet_hours"], hours)
}

fn time(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms)
        .expect("a time")
        .to_string()
}

fn moment(text: &str) -> i64 {
    let at: Timestamp = text.parse().expect("a time");
    at.as_millisecond()
}

impl Scene {
    /// A node whose clock stands still.
    async fn start(store: Store, upstream: &str) -> Self {
        let home = store.home();
        let began_ms = i64::try_from(webhook::now_s()).expect("a time") * 1_000;
        let [public, private] = ports::free();
        let settings = home
            .settle(Settings::new(home.path(), upstream, public, private))
            .with(&["business", "0", "pair_limit"], true)
            .with(&["business", "0", "portfolio_limit"], 2);
        let mut cap = toml::Table::new();
        cap.insert("scope".to_owned(), "marketing".into());
        cap.insert("max".to_owned(), 2.into());
        cap.insert("per_hours".to_owned(), 168.into());
        let caps = vec![toml::Value::from(cap)];
        let settings = settings.with(&["business", "0", "frequency_cap"], caps);
        let file = quiet_soon(settings, began_ms).write(home.path());
        let config = config::load(Some(&file), std::iter::empty()).expect("a configuration");
        greenline_gateway::keyring::Keys::new(&config)
            .create(began_ms)
            .ok();
        let ledger = serve::open_ledger(&config).await.expect("a store");
        let app = serve::build(config, ledger, Clock::fixed(began_ms)).expect("the parts");
        let node = serve::start(app).await.expect("it starts");
        Self {
            node,
            file,
            began_ms,
            _home: home,
        }
    }

    async fn call(&self, method: Method, target: &str, body: String) -> Answer {
        let bearer = format!("Bearer {ADMIN_KEY}");
        let headers = [("authorization", bearer.as_str())];
        http::call(self.node.private, method, target, &headers, body)
            .await
            .expect("an answer")
    }

    async fn posted(&self, body: &Value) {
        let body = body.to_string();
        let answer = webhook::try_post(self.node.public, BUSINESS, APP_SECRET, &body).await;
        assert_eq!(answer.expect("an answer").status.as_u16(), 200);
    }

    async fn goes(&self, message: &Value) {
        let answer = http::post(self.node.private, &messages_path(), BOT_KEY, message).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    }

    /// Everyone is in their own way; then the number is restricted for three days.
    async fn prepare(&self) {
        let known = async || {
            let target = format!("/v1/templates?business={BUSINESS}");
            let answer = self.call(Method::GET, &target, String::new()).await;
            answer.json().to_string().contains("spring_offer")
        };
        while !known().await {
            tokio::task::yield_now().await;
        }
        for person in PEOPLE {
            let body = yes(person, "marketing").to_string();
            let answer = self.call(Method::POST, "/v1/consents", body).await;
            assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
        }
        for (person, times) in [(BELL, 2), (DANA, 1)] {
            for _ in 0..times {
                self.goes(&template_message(person, "spring_offer")).await;
            }
        }
        self.posted(&webhook::text(ELLA, "hello")).await;
        for n in 0..BURST {
            self.goes(&text_message(ELLA, &format!("text {n}"))).await;
        }
        let now_s = self.began_ms / 1_000;
        self.posted(&json!({ "object": "whatsapp_business_account", "entry": [{
            "id": ACCOUNT, "time": now_s, "changes": [{ "field": "account_update", "value": {
                "event": "ACCOUNT_RESTRICTION",
                "restriction_info": [{
                    "restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING",
                    "expiration": now_s + 3 * 24 * 60 * 60,
                }],
            }}],
        }]}))
        .await;
    }

    /// What each of several questions is answered.
    async fn asked(&self, questions: Vec<Value>) -> Vec<Value> {
        let body = json!({ "business": BUSINESS, "number": NUMBER, "questions": questions });
        let answer = self
            .call(Method::POST, "/v1/decisions", body.to_string())
            .await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
        let answers = answer.json()["answers"].clone();
        answers.as_array().cloned().expect("answers")
    }

    /// What a list with everyone in it comes to at a moment: of each their file, rules and until when; and its report.
    async fn screened(&self, template: &str, at_ms: i64) -> (BTreeMap<String, Fate>, Value) {
        let target = format!(
            "/v1/screenings?business={BUSINESS}&number={NUMBER}&template={template}&at={}",
            time(at_ms)
        );
        let list = format!("phone\n{}\n", PEOPLE.join("\n"));
        let answer = self.call(Method::POST, &target, list).await;
        assert_eq!(answer.status.as_u16(), 202, "{}", answer.json());
        let id = answer.json()["id"].as_str().expect("an id").to_owned();
        let target = format!("/v1/screenings/{id}");
        let done = async {
            loop {
                let screening = self.call(Method::GET, &target, String::new()).await.json();
                if !screening["ended_at"].is_null() {
                    return screening;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let done = tokio::time::timeout(SCREENED_WITHIN, done).await;
        let done = done.expect("the list is screened in time");
        assert_eq!(done["state"], "done", "{done}");
        let mut fates = BTreeMap::new();
        for kind in ["allowed", "held", "refused"] {
            let target = format!("{target}/{kind}");
            let sheet = self.call(Method::GET, &target, String::new()).await;
            let mut reader = csv::Reader::from_reader(&*sheet.body);
            let names = reader.headers().expect("names").clone();
            for row in reader.records() {
                let row = row.expect("a row");
                let cell = |name: &str| {
                    let at = names.iter().position(|known| known == name);
                    at.and_then(|at| row.get(at)).unwrap_or_default().to_owned()
                };
                let fate = Fate {
                    kind,
                    rules: cell("rules"),
                    until_ms: Some(cell("until"))
                        .filter(|at| !at.is_empty())
                        .map(|at| moment(&at)),
                };
                fates.insert(cell("number"), fate);
            }
        }
        (fates, done["report"].clone())
    }
}

/// What becomes of somebody on a list.
#[derive(Debug)]
struct Fate {
    kind: &'static str,
    rules: String,
    until_ms: Option<i64>,
}

fn question(to: &str, template: &str, at_ms: i64) -> Value {
    json!({ "message": template_message(to, template), "at": time(at_ms) })
}

/// An answer, in short.
fn told(answer: &Value) -> (bool, String) {
    let reasons = answer["reasons"].as_array().expect("reasons");
    let mut rules: Vec<&str> = Vec::new();
    for reason in reasons {
        let rule = reason["rule"].as_str().expect("a rule");
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    (answer["decision"] == "allow", rules.join(" "))
}

async fn every_way_of_asking_about_a_moment_to_come_agrees(store: Store) {
    let sim = platform::sample().await;
    let scene = Scene::start(store, &sim.url()).await;
    scene.prepare().await;
    let end_ms = scene.began_ms + 3 * DAY_MS;

    // Whatever ends by itself for anybody, now and in quiet hours, is asked about.
    let quiet_ms = scene.began_ms + 90 * MINUTE_MS;
    let mut moments = BTreeSet::from([scene.began_ms, end_ms - 1, end_ms, end_ms + 1]);
    let mut seen = BTreeSet::new();
    for at_ms in [scene.began_ms, quiet_ms] {
        let questions = PEOPLE.map(|person| question(person, "spring_offer", at_ms));
        for answer in scene.asked(questions.to_vec()).await {
            for reason in answer["reasons"].as_array().expect("reasons") {
                let Some(until) = reason["until"].as_str() else {
                    continue;
                };
                seen.insert(reason["rule"].as_str().unwrap_or_default().to_owned());
                let until_ms = moment(until);
                moments.extend([until_ms - 1, until_ms, until_ms + 1]);
            }
        }
    }
    let wanted = [
        "frequency.cap",
        "limit.portfolio",
        "number.restricted",
        "pace.pair",
        "quiet_hours",
    ];
    let missing: Vec<_> = wanted
        .iter()
        .filter(|rule| !seen.contains(**rule))
        .collect();
    assert!(missing.is_empty(), "{missing:?} of {seen:?}");

    let mut lines = String::new();
    let mut expected = Vec::new();
    for at_ms in &moments {
        let (fates, report) = scene.screened("spring_offer", *at_ms).await;
        let answers = scene
            .asked(
                PEOPLE
                    .map(|person| question(person, "spring_offer", *at_ms))
                    .to_vec(),
            )
            .await;
        for (person, answer) in PEOPLE.iter().zip(&answers) {
            let (goes, rules) = told(answer);
            let fate = &fates[*person];
            let what = format!("{person} at {}: {fate:?}, {answer}", time(*at_ms));
            assert_eq!(
                (fate.kind == "allowed", &fate.rules),
                (goes, &rules),
                "{what}"
            );
            // One by one as many at once.
            let mut alone = question(person, "spring_offer", *at_ms);
            alone["business"] = json!(BUSINESS);
            alone["number"] = json!(NUMBER);
            let one = scene
                .call(Method::POST, "/v1/decisions", alone.to_string())
                .await;
            assert_eq!(told(&one.json()), (goes, rules.clone()), "{what}");
            // What is held goes at the time that was said, and not a moment before.
            if let Some(until_ms) = fate.until_ms {
                let at = [until_ms - 1, until_ms];
                let then = at.map(|at_ms| question(person, "spring_offer", at_ms));
                let then = scene.asked(then.to_vec()).await;
                let then: Vec<bool> = then.iter().map(|answer| told(answer).0).collect();
                assert_eq!(then, [false, true], "{what}");
            }
            let _ = writeln!(
                lines,
                "{}",
                json!({ "to": person, "template": "spring_offer", "at": time(*at_ms) })
            );
            expected.push((goes, rules));
        }
        // It is said on what condition.
        let warned = report["warnings"]
            .to_string()
            .contains("is taken to be over");
        let warns = |answer: &Value| {
            answer["warnings"]
                .to_string()
                .contains("is taken to be over")
        };
        assert!(warned || !answers.iter().any(warns), "{report}");
        assert_eq!(answers.iter().all(warns), *at_ms >= end_ms, "{report}");
    }
    // A pause has no end that the platform names (SND-23), so that none is taken to be over, however late it is asked about.
    let hours = [0, 3, 24, 4 * 24].map(|hours| scene.began_ms + hours * 60 * MINUTE_MS);
    for at_ms in hours {
        let (fates, _) = scene.screened("paused_offer", at_ms).await;
        let questions = PEOPLE.map(|person| question(person, "paused_offer", at_ms));
        for (person, answer) in PEOPLE.iter().zip(scene.asked(questions.to_vec()).await) {
            let (goes, rules) = told(&answer);
            let fate = &fates[*person];
            let what = format!("{person} at {}: {fate:?}, {answer}", time(at_ms));
            assert_eq!((goes, &fate.rules), (false, &rules), "{what}");
            assert_eq!(fate.kind, "refused", "{what}");
            let mut reasons = answer["reasons"].as_array().expect("reasons").iter();
            let paused = reasons.find(|reason| reason["rule"] == "template.paused");
            assert!(
                paused.is_some_and(|reason| reason["until"].is_null()),
                "{what}"
            );
            let line = json!({ "to": person, "template": "paused_offer", "at": time(at_ms) });
            let _ = writeln!(lines, "{line}");
            expected.push((goes, rules));
        }
    }
    // With the restriction over somebody goes, on that condition; without, nobody does.
    let open = expected.iter().filter(|(goes, _)| *goes).count();
    assert!(open > 0 && open < expected.len(), "{expected:?}");

    // The command, all of it at once, on the store as the node left it.
    scene.node.stop().await;
    let batch = scene.file.with_file_name("questions.jsonl");
    std::fs::write(&batch, lines).expect("a folder that can be written");
    let batch = batch.to_str().expect("a path in UTF-8");
    let ran = run_with(
        &scene.file,
        &["check", "--batch", batch, "--number", NUMBER],
    )
    .await;
    let said = ran.ended(1).stdout;
    let said: Vec<(bool, String)> = said
        .lines()
        .map(|line| told(&serde_json::from_str(line).expect("JSON")))
        .collect();
    assert_eq!(said, expected);
}
