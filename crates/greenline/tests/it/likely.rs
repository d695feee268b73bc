//! Why people take a number's messages badly, against simulated people whose true reasons are known: each number does one
//! thing wrong, is told that first, by API, command and page alike, and the platform's own tally says the same. And a word
//! from a phone proves that messages arrive.

use greenline_ledger::types::{Actor, BusinessIx, Effect, Evidence, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::{Category, Scope};
use greenline_sim::config::{
    Business, ClockConfig, Crowd, Health, Number, SimConfig, Template, Webhooks,
};
use greenline_sim::{Inbound, Sim, Unclear};
use http::Method;
use serde_json::Value;

use crate::support::command::run_with;
use crate::support::fixed::Fixed;
use crate::support::gateway::template_message;
use crate::support::http::{Answer, Connection};
use crate::support::settings::{ADMIN_KEY, Settings};
use crate::support::store::Store;
use crate::support::{ports, soon};

const START_MS: i64 = 1_795_615_200_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const ACCOUNT: &str = "201500000000001";
const KEY: &str = "bot-of-acme";
/// Numbers: one writes to a bought list, one every day, one with a template that nobody cares for, one as it should.
const BOUGHT: &str = "301500000000001";
const DAILY: &str = "301500000000002";
const DULL: &str = "301500000000003";
const PLAIN: &str = "301500000000004";
/// How many people each writes to, and how their numbers begin.
const PEOPLE: [(&str, &str, u32); 4] = [
    (BOUGHT, "15559", 120),
    (DAILY, "15551", 60),
    (DULL, "15552", 180),
    (PLAIN, "15553", 180),
];
const OFFER: &str = "offer_of_the_day";
const TIPS: &str = "tips_nobody_wants";

fn people(prefix: &str, count: u32) -> impl Iterator<Item = String> {
    (0..count).map(move |n| format!("{prefix}{n:06}"))
}

fn simulated(callback: String) -> SimConfig {
    let sample = Business::sample();
    let account = sample.accounts[0].clone();
    let spring = account
        .templates
        .iter()
        .find(|one| one.name == "spring_offer");
    let spring = spring.expect("a sample").clone();
    let template = |name: &str, id| Template {
        name: name.to_owned(),
        id: Some(id),
        ..spring.clone()
    };
    let number = |(at, (id, ..)): (usize, &(&str, &str, u32))| Number {
        id: (*id).to_owned(),
        display_number: format!("+1 555 012 000{at}"),
        ..account.numbers[0].clone()
    };
    let crowd = |prefix: &str, agreed_share| Crowd {
        prefix: prefix.to_owned(),
        agreed_share,
        ..Crowd::default()
    };
    SimConfig {
        unclear: Some(Unclear::default()),
        clock: ClockConfig {
            start_ms: Some(START_MS),
            stands_still: true,
        },
        health: Some(Health {
            people_react: true,
            people: crowd("", 1.0),
            crowds: vec![crowd("15559", 0.0)],
            relevance: [(OFFER.to_owned(), 0.9), (TIPS.to_owned(), 0.0)].into(),
            ..Health::scripted()
        }),
        webhooks: Webhooks {
            calls_max: 1,
            ..Webhooks::default()
        },
        businesses: vec![Business {
            access_tokens: vec!["token".to_owned()],
            callback_url: Some(callback),
            accounts: vec![greenline_sim::config::Account {
                id: ACCOUNT.to_owned(),
                numbers: PEOPLE.iter().enumerate().map(number).collect(),
                templates: vec![
                    template(OFFER, 903_000_000_000_001),
                    template(TIPS, 903_000_000_000_002),
                ],
                ..account.clone()
            }],
            ..sample
        }],
        ..SimConfig::sample()
    }
}

fn configured() -> toml::Table {
    let numbers = PEOPLE.iter().enumerate().map(|(at, (id, ..))| {
        format!(r#"{{ phone_number_id = "{id}", waba_id = "{ACCOUNT}", display_number = "+1 555 012 000{at}" }}"#)
    });
    let text = format!(
        r#"
        id = "acme"
        name = "Acme"
        portfolio_id = "{}"
        app_secret = "sim-app-secret"
        verify_token = "sim-verify-token"
        access_token = "token"
        pair_limit = false
        number = [{}]
        app = [{{ name = "bot", key = "{KEY}" }}]
        "#,
        Business::sample().portfolio_id,
        numbers.collect::<Vec<_>>().join(", "),
    );
    text.parse().expect("a business")
}

/// The platform, the gateway, and the time.
struct World {
    sim: Sim,
    gateway: Fixed,
    line: tokio::sync::Mutex<Connection>,
}

impl World {
    /// Everybody has said yes, those of the bought list by file.
    async fn agree(&self) {
        let mut events = Vec::new();
        for (number, prefix, count) in PEOPLE {
            for person in people(prefix, count) {
                events.push(NewEvent {
                    business: BusinessIx(0),
                    person: [Identifier::parse(&person).expect("a number")]
                        .into_iter()
                        .collect(),
                    kind: EventKind::Granted,
                    scope: Scope::Category(Category::Marketing),
                    at_ms: START_MS - 30 * DAY_MS,
                    stated_ms: START_MS - 30 * DAY_MS,
                    arrival_ms: START_MS,
                    strength: if number == BOUGHT {
                        Strength::Imported
                    } else {
                        Strength::Evidenced
                    },
                    in_thread: false,
                    evidence: Evidence::default(),
                    actor: Actor("ada".into()),
                    dedup: None,
                });
            }
        }
        let ledger = &self.gateway.app().ledger;
        ledger.append_all(events).await.expect("a store");
        let listed = [OFFER, TIPS].map(|name| Effect::Template {
            waba_id: ACCOUNT.into(),
            name: name.into(),
            language: "en_US".into(),
            template_id: None,
            category: Some(Category::Marketing),
            status: Some("APPROVED".into()),
            is_ask: None,
            quality: None,
            at_ms: START_MS,
        });
        ledger
            .learn(BusinessIx(0), listed.into())
            .await
            .expect("a store");
    }

    /// A number writes to all its people. Whoever has said stop meanwhile is refused.
    async fn write(&self, number: &str, name: &str) {
        let of_number = PEOPLE.iter().find(|(id, ..)| *id == number);
        let (_, prefix, count) = of_number.expect("a number");
        let target = format!("/v23.0/{number}/messages");
        for person in people(prefix, *count) {
            let body = template_message(&person, name);
            self.line
                .lock()
                .await
                .post(&target, KEY, &body)
                .await
                .expect("an answer");
        }
    }

    async fn pass(&self, ms: i64) {
        let now_ms = self.sim.now_ms() + ms;
        self.gateway.set_clock(now_ms);
        self.sim.set_clock(now_ms).expect("a clock that goes on");
        let settled = self.sim.settle(std::time::Duration::from_secs(120));
        assert!(settled.await, "webhooks are left");
    }

    async fn get(&self, target: &str) -> Answer {
        let bearer = format!("Bearer {ADMIN_KEY}");
        let headers = [("authorization", bearer.as_str())];
        let mut line = self.line.lock().await;
        let answer = line.call(Method::GET, target, &headers, "").await;
        answer.unwrap_or_else(|why| panic!("GET {target}: {why:?}"))
    }

    async fn told(&self, number: &str) -> Value {
        let answer = self.get(&format!("/v1/numbers/{number}")).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
        answer.json()
    }
}

/// The true cause of most bad reactions to a number.
fn true_cause(sim: &Sim, number: &str) -> String {
    let truth = serde_json::to_value(sim.truth()).expect("the truth");
    let numbers = truth["numbers"].as_array().expect("numbers").clone();
    let known = numbers.iter().find(|one| one["id"] == number);
    let causes = known.expect("the number")["mood"]["causes"].clone();
    let causes = causes.as_object().expect("causes").clone();
    let most = causes.iter().max_by_key(|(_, count)| count.as_u64());
    most.map(|(cause, _)| cause.clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_number_is_told_first_what_it_truly_does_wrong() {
    // Counting is the same on every store, which the ledger's contract holds; what is judged of it is not the store's.
    let home = Store::Sqlite.home();
    let [public, private] = ports::free();
    let sim = Sim::start(simulated(format!("http://{public}/webhooks/meta/acme")));
    let sim = sim.await.expect("the simulated platform");
    let settings = Settings::new(home.path(), &sim.url(), public, private)
        .with(&["business"], vec![toml::Value::from(configured())]);
    let gateway = Fixed::start(&home, settings, START_MS).await;
    let line = Connection::open(gateway.private).await.expect("a gateway");
    let config = gateway.config.clone();
    let world = World {
        sim,
        gateway,
        line: tokio::sync::Mutex::new(line),
    };
    world.agree().await;
    let new = world.told(PLAIN).await;
    assert_eq!(new["likely_causes"]["verdict"], "not_enough_data", "{new}");

    for day in 0..6 {
        world.write(DAILY, OFFER).await;
        if day == 2 {
            world.write(BOUGHT, OFFER).await;
            world.write(DULL, TIPS).await;
            world.write(PLAIN, OFFER).await;
        }
        world.pass(DAY_MS).await;
    }
    world.pass(DAY_MS / 2).await;

    for (number, expected) in [
        (BOUGHT, "no_consent"),
        (DAILY, "too_often"),
        (DULL, "not_relevant"),
    ] {
        let told = world.told(number).await;
        let likely = &told["likely_causes"];
        assert_eq!(likely["verdict"], "causes", "{number}: {told:#}");
        assert_eq!(likely["causes"][0]["cause"], expected, "{told:#}");
        assert_eq!(true_cause(&world.sim, number), expected, "{number}");
        let measured = likely["causes"][0]["measured"].as_array();
        let sentence = measured.expect("numbers")[0]["text"].as_str();
        let first = likely["causes"][0]["change_first"].as_str();
        let page = world.get(&format!("/numbers/{number}")).await;
        let page = String::from_utf8_lossy(&page.body).into_owned();
        let shown = |text: Option<&str>| {
            let text = text.expect("words").replace('\'', "&#39;");
            page.contains(&text)
        };
        assert!(shown(sentence) && shown(first), "{sentence:?}\n{page}");
        let ran = run_with(&config, &["number", "show", number, "--json"]).await;
        let by_command = ran.ended(0).json();
        assert_eq!(by_command["likely_causes"], *likely);
        assert_eq!(
            by_command["last_7_days"]["total"],
            told["last_7_days"]["total"]
        );
    }
    let plain = world.told(PLAIN).await;
    assert_eq!(
        plain["likely_causes"]["verdict"], "nothing_stands_out",
        "{plain:#}"
    );
    let week = &plain["last_7_days"];
    assert_eq!(week["total"]["sent"], 180);
    assert_eq!(week["total"]["old_enough"], 180);
    assert_eq!(week["per_person"]["people"], 180);
    assert_eq!(week["weak_consent"]["part"], 0);

    a_word_proves_that_messages_arrive(&world).await;
    let list = world.get("/numbers").await;
    assert_eq!(list.status.as_u16(), 200);
    world.gateway.stop().await;
    world.sim.stop().await;
}

async fn a_word_proves_that_messages_arrive(world: &World) {
    let made = world
        .line
        .lock()
        .await
        .post(
            &format!("/v1/numbers/{PLAIN}/probe"),
            ADMIN_KEY,
            &Value::Null,
        )
        .await
        .expect("an answer");
    assert_eq!(made.status.as_u16(), 201, "{}", made.json());
    let made = made.json();
    assert_eq!(made["state"], "waiting");
    let link = made["link"].as_str().expect("a link");
    assert!(
        link.starts_with("https://wa.me/15550120003?text=greenline%20check%20"),
        "{link}"
    );
    let before = world.told(PLAIN).await["capabilities"].clone();
    let write = |number: &str, text: &str| {
        let inbound = Inbound::text(number, "15550100123", text);
        assert!(world.sim.inbound(&inbound).expect("a number").told);
    };
    let text = made["text"].as_str().expect("a text").to_owned();
    // At another number, or another word, it proves nothing.
    write(DULL, &text);
    write(PLAIN, "greenline check aaaaaaaa");
    world.pass(1_000).await;
    assert_eq!(world.told(PLAIN).await["probe"]["state"], "waiting");
    write(PLAIN, &text.to_uppercase());
    world.pass(1_000).await;
    let arrived = async {
        loop {
            let told = world.told(PLAIN).await;
            if told["probe"]["state"] == "arrived" {
                return told;
            }
            tokio::task::yield_now().await;
        }
    };
    let told = soon("the word", arrived).await;
    assert_eq!(told["capabilities"], before, "it is never mixed in");
}
