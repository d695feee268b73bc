//! Conditions are told once when they begin to stand and once when they are over, however many nodes look, however
//! often they look, and whatever is restarted in between.

use std::path::Path;

use greenline_gateway::app::Shared;
use greenline_gateway::clock::Clock;
use greenline_gateway::pipeline::DISPATCH_WITHIN;
use greenline_gateway::{alerts, config, serve};
use greenline_ledger::Ledger;
use greenline_ledger::notice::Notice;
use greenline_ledger::types::{
    Ask, BusinessIx, Effect, Lane, Mode, Outcome, Relay, RelayDone, RelayResult,
};
use greenline_policy::decide::{Intent, Rules};
use greenline_policy::identity::Identifier;
use greenline_policy::number::{Ban, RestrictionKind};
use greenline_policy::reach::MessagingLimit;
use tempfile::TempDir;

/// 25 November 2026, 14:03:07.500 UTC.
const NOW_MS: i64 = 1_795_615_387_500;
const MINUTE_MS: i64 = 60 * 1_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const ACME: BusinessIx = BusinessIx(0);
const PERSON: &str = "15551230001";
const NUMBER: &str = "106540352242922";
const ACCOUNT: &str = "102290129340398";

const CONFIG: &str = r#"
[upstream]
url = "http://127.0.0.1:9"
[alerts]
allow_hosts = ["127.0.0.1"]
[[alerts.slack]]
name = "ops"
url = "http://127.0.0.1:9/secret-path"
[[alerts.slack]]
name = "templates"
url = "http://127.0.0.1:9/other-path"
kinds = ["template.paused"]
[[business]]
id = "acme"
name = "Acme"
app_secret = "app-secret"
[[business.number]]
phone_number_id = "106540352242922"
waba_id = "102290129340398"
display_number = "+1 555 010 0001"
"#;

/// A ledger, and two nodes on it.
struct Scene {
    folder: TempDir,
    ledger: Ledger,
    clock: Clock,
    nodes: [Shared; 2],
}

fn text(folder: &Path) -> String {
    let store = folder.join("a.db");
    format!("[store]\nurl = \"sqlite:{}\"\n{CONFIG}", store.display())
}

fn node(folder: &Path, ledger: &Ledger, clock: &Clock) -> Shared {
    let text = text(folder);
    let config = config::parse(&text, "test", Path::new("."), std::iter::empty()).unwrap();
    serve::build(config, ledger.clone(), clock.clone()).unwrap()
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Clock::fixed(NOW_MS);
        let text = text(folder.path());
        let config = config::parse(&text, "test", Path::new("."), std::iter::empty()).unwrap();
        let path = folder.path().join("a.db");
        let ledger = Ledger::open_sqlite(&path, serve::setup(&config)).unwrap();
        let node = || node(folder.path(), &ledger, &clock);
        let nodes = [node(), node()];
        Self {
            folder,
            ledger,
            clock,
            nodes,
        }
    }

    /// Both nodes are started anew.
    fn restart(&mut self) {
        let node = || node(self.folder.path(), &self.ledger, &self.clock);
        self.nodes = [node(), node()];
    }

    async fn learn(&self, effect: Effect) {
        self.ledger.learn(ACME, vec![effect]).await.unwrap();
    }

    /// Both nodes look at once, and once more; what is to be told since, to whom.
    async fn told(&self) -> Vec<(String, bool, String)> {
        for _ in 0..2 {
            let one = |app: &Shared| {
                let app = app.clone();
                async move { alerts::look(&app, app.directory.business(ACME)).await }
            };
            let (first, second) = tokio::join!(one(&self.nodes[0]), one(&self.nodes[1]));
            first.unwrap();
            second.unwrap();
        }
        let now_ms = self.clock.now_ms();
        let due = self.ledger.relay_due(now_ms, Lane::Event, 100).await;
        let due = due.unwrap();
        let notice = |relay: &Relay| match Notice::decode(&relay.body).unwrap() {
            Notice::Alert { key, open, .. } => (key.to_string(), open, relay.app.to_string()),
            other => panic!("{other:?}"),
        };
        let done = due.iter().map(|relay| RelayDone {
            inbox_seq: relay.inbox_seq,
            app: relay.app.clone(),
            business: relay.business,
            result: RelayResult::Delivered,
        });
        self.ledger.relay_done(done.collect()).await.unwrap();
        let mut told: Vec<_> = due.iter().map(notice).collect();
        told.sort();
        told
    }

    /// As [`Self::told`], at another time.
    async fn told_at(&self, now_ms: i64) -> Vec<(String, bool, String)> {
        self.clock.set(now_ms);
        self.told().await
    }
}

fn rated(rating: &str, at_ms: i64) -> Effect {
    Effect::Number {
        number: NUMBER.into(),
        status: Some("CONNECTED".into()),
        rating: Some(rating.into()),
        at_ms,
    }
}

/// News of the template.
fn of_template(field: &str, event: &str, at_ms: i64) -> Effect {
    Effect::Timeline {
        subject: "template",
        subject_id: "77".into(),
        origin: field.into(),
        event: event.into(),
        at_ms,
        body: "{}".into(),
    }
}

fn once(key: &str, open: bool) -> Vec<(String, bool, String)> {
    vec![(key.to_owned(), open, "slack/ops".to_owned())]
}

fn of_number(kind: &str) -> String {
    format!("{kind}:{NUMBER}")
}

fn of_account(kind: &str) -> String {
    format!("{kind}:{ACCOUNT}")
}

#[tokio::test]
async fn a_condition_is_told_once_by_two_nodes_and_once_when_it_is_over() {
    let mut scene = Scene::new();
    scene.learn(rated("GREEN", NOW_MS)).await;
    assert_eq!(scene.told().await, []);
    scene.learn(rated("RED", NOW_MS + 1)).await;
    let low = of_number("rating.low");
    assert_eq!(scene.told_at(NOW_MS + 1).await, once(&low, true));
    // However often and from wherever it is looked.
    assert_eq!(scene.told_at(NOW_MS + MINUTE_MS).await, []);
    scene.restart();
    assert_eq!(scene.told_at(NOW_MS + 2 * MINUTE_MS).await, []);
    scene.learn(rated("GREEN", NOW_MS + 3 * MINUTE_MS)).await;
    let over_ms = NOW_MS + 3 * MINUTE_MS;
    assert_eq!(scene.told_at(over_ms).await, once(&low, false));
    scene.restart();
    assert_eq!(scene.told().await, []);
}

#[tokio::test]
async fn one_that_comes_and_goes_is_told_once_within_its_cool_down() {
    let scene = Scene::new();
    let low = of_number("rating.low");
    scene.learn(rated("RED", NOW_MS)).await;
    assert_eq!(scene.told().await, once(&low, true));
    let over_ms = NOW_MS + MINUTE_MS;
    scene.learn(rated("GREEN", over_ms)).await;
    assert_eq!(scene.told_at(over_ms).await, once(&low, false));
    for minute in 2..50 {
        let at_ms = NOW_MS + minute * MINUTE_MS;
        let rating = if minute % 2 == 0 { "RED" } else { "GREEN" };
        scene.learn(rated(rating, at_ms)).await;
        if minute % 10 < 2 {
            assert_eq!(scene.told_at(at_ms).await, [], "minute {minute}");
        }
    }
    // It still stands when the hour is over, and is told under another name.
    scene.learn(rated("RED", NOW_MS + 55 * MINUTE_MS)).await;
    let after_ms = over_ms + HOUR_MS;
    assert_eq!(scene.told_at(after_ms - 1).await, []);
    assert_eq!(scene.told_at(after_ms).await, once(&low, true));
}

#[tokio::test]
async fn what_the_platform_says_of_accounts_templates_and_limits_is_told() {
    let scene = Scene::new();
    scene.learn(rated("GREEN", NOW_MS)).await;
    let until_ms = NOW_MS + 3 * DAY_MS;
    let word = "RESTRICTED_BIZ_INITIATED_MESSAGING";
    scene
        .learn(Effect::Restricted {
            waba_id: ACCOUNT.into(),
            restrictions: vec![(
                RestrictionKind::BusinessInitiated,
                word.into(),
                Some(until_ms),
            )],
            at_ms: NOW_MS,
        })
        .await;
    let begun = of_account("restriction.starts");
    assert_eq!(scene.told().await, once(&begun, true));
    let ending = of_account("restriction.ending");
    let a_day_before = scene.told_at(until_ms - DAY_MS).await;
    assert_eq!(a_day_before, once(&ending, true));
    let over = scene.told_at(until_ms).await;
    let both = [once(&ending, false), once(&begun, false)].concat();
    assert_eq!(over, both);
    let unread = of_account("restriction.unread");
    let later = scene.told_at(until_ms + HOUR_MS).await;
    assert_eq!(later, once(&unread, true));

    let banned = |ban, at_ms| Effect::Banned {
        waba_id: ACCOUNT.into(),
        ban,
        at_ms,
    };
    let now_ms = until_ms + 2 * HOUR_MS;
    scene.learn(banned(Ban::Disabled, now_ms)).await;
    let disabled = of_account("account.disabled");
    assert_eq!(scene.told_at(now_ms).await, once(&disabled, true));
    scene.learn(banned(Ban::None, now_ms + 1)).await;
    assert!(
        scene
            .told_at(now_ms + 1)
            .await
            .contains(&once(&disabled, false)[0])
    );

    let template = |status: &str, at_ms| Effect::Template {
        waba_id: ACCOUNT.into(),
        name: "offer".into(),
        language: "en".into(),
        template_id: Some("77".into()),
        category: None,
        status: Some(status.into()),
        is_ask: None,
        quality: None,
        at_ms,
    };
    let now_ms = now_ms + HOUR_MS;
    scene.learn(template("PAUSED", now_ms)).await;
    assert_eq!(
        scene.told_at(now_ms).await,
        [],
        "nobody knows since when it is"
    );
    scene
        .learn(of_template(
            "message_template_status_update",
            "PAUSED",
            now_ms,
        ))
        .await;
    let paused = format!("template.paused:{ACCOUNT}/offer/en");
    // The other channel asked for this one only.
    let mut told = once(&paused, true);
    told.push((paused.clone(), true, "slack/templates".to_owned()));
    assert_eq!(scene.told_at(now_ms).await, told);
    scene
        .learn(of_template("template_category_update", "MARKETING", now_ms))
        .await;
    let category = format!("template.category:{ACCOUNT}/offer/en");
    assert_eq!(scene.told().await, once(&category, true));

    let limit = |people, at_ms| Effect::Limit {
        limit: MessagingLimit::People(people),
        origin: "graph".into(),
        at_ms,
    };
    scene.learn(limit(250, now_ms)).await;
    assert_eq!(scene.told().await, [], "the first one is no news");
    scene.learn(limit(2_000, now_ms + 1)).await;
    let raised = "limit.raised:acme";
    assert_eq!(scene.told_at(now_ms + 1).await, once(raised, true));
    let next_day = scene.told_at(now_ms + 1 + DAY_MS).await;
    assert!(next_day.contains(&once(raised, false)[0]), "{next_day:?}");
    assert!(
        next_day.contains(&once(&category, false)[0]),
        "{next_day:?}"
    );
}

#[tokio::test]
async fn what_stands_is_shown_with_what_to_do_and_no_number_in_full() {
    let scene = Scene::new();
    scene.learn(rated("RED", NOW_MS)).await;
    scene.told().await;
    let entries = scene
        .ledger
        .timeline(ACME, Some(("alert", "acme")), None, 10);
    let entries = entries.await.unwrap();
    let [entry] = entries.as_slice() else {
        panic!("{entries:?}");
    };
    assert_eq!(&*entry.event, "opened");
    let record: serde_json::Value = serde_json::from_str(&entry.body).unwrap();
    assert_eq!(record["kind"], "rating.low");
    assert_eq!(record["severity"], "critical");
    assert_eq!(record["guide"], "/guide/low-rating-causes");
    assert!(record["title"].as_str().unwrap().starts_with("Number …01"));
    assert!(!record["todo"].as_str().unwrap().is_empty());
    for whole in ["15550100001", "555 010 0001", "secret-path"] {
        assert!(!entry.body.contains(whole), "{}", entry.body);
    }
}

/// An answer that the platform took, and never spoke of again.
async fn taken(scene: &Scene, message_id: &str) {
    let app = &scene.nodes[0];
    let ask = Ask {
        business: ACME,
        number: NUMBER.into(),
        waba_id: ACCOUNT.into(),
        app: "bot".into(),
        to: [Identifier::parse(PERSON).unwrap()].into_iter().collect(),
        intent: Intent::FreeForm,
        template: None,
        body_hash: [message_id.len() as u8; 16],
        rules: Rules::default(),
        mode: Mode::Enforce,
        now_ms: scene.clock.now_ms(),
        dispatch_by: scene.clock.instant() + DISPATCH_WITHIN,
        confirms: None,
        places: Default::default(),
        caps: Default::default(),
        paced: false,
        reply: None,
        keep: None,
        release: None,
    };
    let admitted = app.ledger.admit(ask).await.unwrap();
    assert!(admitted.flight.is_some(), "{:?}", admitted.decision);
    let message_ids = [message_id.into()].into_iter().collect();
    app.ledger
        .settle(admitted.id, Outcome::Accepted { message_ids });
}

#[tokio::test]
async fn silence_after_sends_is_told_and_over_with_the_first_status() {
    let scene = Scene::new();
    scene.learn(rated("GREEN", NOW_MS)).await;
    scene
        .learn(Effect::Wrote {
            person: [Identifier::parse(PERSON).unwrap()].into_iter().collect(),
            number: NUMBER.into(),
            at_ms: NOW_MS - MINUTE_MS,
            message_id: "wamid.hello".into(),
            free_until_ms: None,
        })
        .await;
    for message_id in ["wamid.1", "wamid.22", "wamid.333"] {
        taken(&scene, message_id).await;
    }
    // The writer takes things in turn.
    scene.learn(rated("GREEN", NOW_MS + 1)).await;
    let almost = scene.told_at(NOW_MS + 30 * MINUTE_MS - 1).await;
    assert_eq!(almost, []);
    let silent = of_number("webhooks.silent");
    let told = scene.told_at(NOW_MS + 31 * MINUTE_MS).await;
    assert_eq!(told, once(&silent, true));
    scene
        .learn(Effect::Status {
            message_id: "wamid.333".into(),
            status: "delivered".into(),
            at_ms: NOW_MS + 32 * MINUTE_MS,
            code: None,
        })
        .await;
    let over = scene.told_at(NOW_MS + 32 * MINUTE_MS).await;
    assert_eq!(over, once(&silent, false));
}

#[test]
fn what_is_wrong_with_the_settings_says_what_to_do() {
    let wrong = |text: &str| {
        let config = config::parse(text, "test", Path::new("."), std::iter::empty()).unwrap();
        let findings = config::check(&config);
        let fatal = findings.into_iter().filter(|finding| finding.fatal);
        fatal
            .map(|finding| finding.text)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let cases = [
        (
            "[alerts]\nlook_every_s = 0",
            "alerts.look_every_s: must be from 1 to 3600",
        ),
        (
            "[alerts]\nlimit_near_percent = 101",
            "must be from 1 to 100",
        ),
        (
            "[[alerts.slack]]\nname = \"ops\"\nurl = \"http://hooks.example/x\"",
            "alerts.slack `ops`: url must be https, or its host listed in alerts.allow_hosts",
        ),
        (
            "[[alerts.slack]]\nname = \"ops\"",
            "alerts.slack `ops`: url",
        ),
        (
            "[[alerts.slack]]\nname = \"ops\"\nurl = \"https://hooks.example/x\"\nkinds = [\"nothing\"]",
            "kinds names `nothing`, which is none; there are account.disabled",
        ),
        (
            "[[alerts.slack]]\nname = \"ops\"\nurl = \"https://hooks.example/x\"\nbusinesses = [\"none\"]",
            "businesses names `none`, which is not configured",
        ),
        (
            "[[alerts.email]]\nname = \"desk\"\nto = [\"desk@acme.example\"]",
            "alerts.smtp.host: empty, though there are alerts.email; name the mail server",
        ),
        (
            "[alerts.smtp]\nhost = \"mail.acme.example\"\nfrom = \"greenline@acme.example\"\n[[alerts.email]]\nname = \"desk\"\nto = [\"desk\"]",
            "alerts.email `desk`: `desk` is no mail address",
        ),
        (
            "[alerts.smtp]\nhost = \"mail.acme.example\"\nfrom = \"greenline@acme.example\"\ntls = \"none\"\n[[alerts.email]]\nname = \"desk\"\nto = [\"desk@acme.example\"]",
            "alerts.smtp.tls: \"none\" sends in plain",
        ),
    ];
    for (text, expected) in cases {
        let found = wrong(text);
        assert!(found.contains(expected), "{text}\n{found}");
        assert!(
            !found.contains("hooks.example"),
            "an address is a secret: {found}"
        );
    }
    let right = "[alerts.smtp]\nhost = \"mail.acme.example\"\nfrom = \"Greenline <greenline@acme.example>\"\n[[alerts.email]]\nname = \"desk\"\nto = [\"desk@acme.example\"]\n[[alerts.slack]]\nname = \"ops\"\nurl = \"https://hooks.example/x\"";
    assert_eq!(wrong(right), "");
}
