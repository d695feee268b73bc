//! A stop by each way there is, and then sends from every app and every number of the business: none passes.
//!
//! Two apps send over three numbers of two accounts, texts in open windows and templates, while the stop comes in
//! and right after it was acknowledged, in the same instant. Judged is what arrives at the platform: from the
//! acknowledgement to the effect there is no time at all. What a stop does not cover must still arrive, or the judge
//! would praise a gateway that sends nothing.

use std::sync::Arc;

use greenline_sim::config::{Account, Number};
use greenline_sim::{Effect, Fault, Match, Received, Sim};
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::course::Course;
use crate::support::gateway::{Gateway, template_message, text_message, yes};
use crate::support::http::{self, Answer, Connection};
use crate::support::settings::{
    ACCOUNT, ADMIN_KEY, APP_SECRET, BOT_KEY, BUSINESS, CAMPAIGN_KEY, NUMBER, Settings,
};
use crate::support::store::{Store, on_each_store};
use crate::support::{platform, ports, webhook};

on_each_store! {
    a_stop_by_any_way_closes_every_app_and_every_number_at_once,
    a_stop_learned_from_an_answer_closes_every_app_and_every_number,
}

/// Sends of one sender in one race at most, until the stop is acknowledged.
const SENDS_MAX: usize = 60;
/// Sends that must have begun before the stop comes.
const BEGUN_MIN: usize = 6;
/// The code of every refusal here.
const STOPPED: u64 = 131_050;

const SECOND_NUMBER: &str = "301500000000002";
const OTHER_ACCOUNT: &str = "201500000000002";
const OTHER_NUMBER: &str = "301500000000003";
/// Every number, with its account.
const NUMBERS: [(&str, &str); 3] = [
    (NUMBER, ACCOUNT),
    (SECOND_NUMBER, ACCOUNT),
    (OTHER_NUMBER, OTHER_ACCOUNT),
];
const APPS: [(&str, &str); 2] = [("bot", BOT_KEY), ("campaign", CAMPAIGN_KEY)];

/// A way to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Word,
    Phrase,
    QuickReply,
    Button,
    ListRow,
    PageMarketing,
    PageAll,
    OneClick,
    Api,
    ApiAll,
    Staff,
    Switch,
    Status,
}

impl Way {
    const ALL: [Self; 13] = [
        Self::Word,
        Self::Phrase,
        Self::QuickReply,
        Self::Button,
        Self::ListRow,
        Self::PageMarketing,
        Self::PageAll,
        Self::OneClick,
        Self::Api,
        Self::ApiAll,
        Self::Staff,
        Self::Switch,
        Self::Status,
    ];

    /// Marketing it closes in any case. Free-form: a stop in the thread, and a no to everything (A1).
    fn closes(self, kind: Kind) -> bool {
        kind == Kind::Template
            || !matches!(
                self,
                Self::PageMarketing
                    | Self::OneClick
                    | Self::Api
                    | Self::Staff
                    | Self::Switch
                    | Self::Status
            )
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Text,
    Template,
}

/// Enough for each way to be taken at each number, and once more.
const ROUNDS: usize = NUMBERS.len() + 1;

async fn a_stop_by_any_way_closes_every_app_and_every_number_at_once(store: Store) {
    let mut house = House::open(store).await;
    let mut races = Vec::new();
    for round in 0..ROUNDS {
        for (place, way) in Way::ALL.into_iter().enumerate() {
            let person = format!("1555{:07}", 4_000_000 + round * Way::ALL.len() + place);
            // Each way is taken at each number in turn.
            let number = NUMBERS[(round + place) % NUMBERS.len()];
            races.push(house.race(way, person, number).await);
        }
    }
    let arrivals = house.sim.requests(0);
    let mut close = 0;
    for race in &races {
        close += race.judge(&arrivals);
    }
    println!("{close} of {} races were close ones", races.len());
    assert!(close >= races.len() / 8, "nothing was on its way: {close}");
}

async fn a_stop_learned_from_an_answer_closes_every_app_and_every_number(store: Store) {
    let mut house = House::open(store).await;
    for (place, (number, _)) in NUMBERS.into_iter().enumerate() {
        let person = format!("1555{:07}", 5_000_000 + place);
        house.prepare(&person).await;
        house.sim.fault(Fault {
            matches: Match {
                to: Some(person.clone()),
                ..Match::default()
            },
            effect: Effect {
                code: Some(131_050),
                ..Effect::default()
            },
            count: Some(1),
        });
        let mut offer = template_message(&person, "spring_offer");
        offer["biz_opaque_callback_data"] = json!(format!("{person}-first"));
        let path = format!("/v23.0/{number}/messages");
        let told = http::post(house.gateway.private, &path, BOT_KEY, &offer).await;
        assert_eq!(told.code(), Some(STOPPED), "{told:?}");
        assert_eq!(
            told.header("greenline-reasons"),
            "consent.covered",
            "{told:?}"
        );
        let acknowledged_ns = house.sim.mark();
        let course = Arc::new(Course::new());
        course.acknowledged.send_replace(true);
        let sends = house.keep_sending(&course, &person).await;
        let race = Race {
            way: Way::Status,
            posted_ns: acknowledged_ns,
            acknowledged_ns,
            sends,
        };
        race.judge(&house.sim.requests(0));
    }
}

/// One app on one number, with one kind of message.
struct Sender {
    app: &'static str,
    key: &'static str,
    number: &'static str,
    kind: Kind,
    connection: Connection,
}

/// One send, as its app saw it.
#[derive(Debug)]
struct Sent {
    token: String,
    kind: Kind,
    begun_ns: u64,
    answered_ns: u64,
    code: Option<u64>,
    reasons: String,
}

/// One stop, and everything sent around it. All times are the simulated platform's.
#[derive(Debug)]
struct Race {
    way: Way,
    posted_ns: u64,
    acknowledged_ns: u64,
    sends: Vec<Sent>,
}

impl Race {
    /// Checks it; 1 if a send was on its way when the stop came.
    fn judge(&self, arrivals: &[Received]) -> usize {
        let way = self.way;
        let mut close = 0;
        let mut after = [0; 2];
        for sent in &self.sends {
            let arrived = arrivals
                .iter()
                .find(|request| token(request).as_deref() == Some(&sent.token));
            let is_after = sent.begun_ns >= self.acknowledged_ns;
            after[usize::from(sent.kind == Kind::Text)] += usize::from(is_after);
            if !way.closes(sent.kind) {
                assert!(arrived.is_some(), "{way:?} does not close {sent:?}");
                continue;
            }
            if let Some(arrived) = arrived {
                let late = is_after || arrived.not_before_ns >= self.acknowledged_ns;
                assert!(!late, "after the stop by {way:?}: {sent:?}, {arrived:?}");
                let under_way =
                    sent.begun_ns <= self.posted_ns && self.posted_ns <= sent.answered_ns;
                close |= usize::from(under_way || arrived.body_ns >= self.posted_ns);
            } else {
                assert_eq!(sent.code, Some(STOPPED), "{way:?}: {sent:?}");
                assert!(!sent.reasons.is_empty(), "{way:?}: {sent:?}");
            }
        }
        let senders = APPS.len() * NUMBERS.len();
        assert!(
            after.into_iter().all(|count| count >= senders),
            "{way:?}: {after:?}"
        );
        close
    }
}

fn token(request: &Received) -> Option<String> {
    if !request.is_send() {
        return None;
    }
    let body: Value = serde_json::from_slice(request.body.as_deref()?).ok()?;
    Some(body["biz_opaque_callback_data"].as_str()?.to_owned())
}

/// A gateway for all numbers, and everybody who sends.
struct House {
    gateway: Gateway,
    sim: Arc<Sim>,
    senders: Vec<Sender>,
    people: Connection,
    desk: Connection,
    _home: crate::support::store::Home,
}

/// One business, two accounts, three numbers.
fn numbers(settings: Settings) -> Settings {
    let number = |(place, (id, account)): (usize, (&str, &str))| {
        let mut number = toml::Table::new();
        number.insert("phone_number_id".to_owned(), id.into());
        number.insert("waba_id".to_owned(), account.into());
        let shown = format!("+1 555 010 000{}", place + 1);
        number.insert("display_number".to_owned(), shown.into());
        toml::Value::from(number)
    };
    let numbers: Vec<_> = NUMBERS.into_iter().enumerate().map(number).collect();
    settings.with(&["business", "0", "number"], numbers)
}

impl House {
    async fn open(store: Store) -> Self {
        let home = store.home();
        let sim = platform::adapted(|config| {
            config.log.requests_max = 1_000_000;
            let accounts = &mut config.businesses[0].accounts;
            let numbered = |id: &str, last: u32| Number {
                id: id.to_owned(),
                display_number: format!("+1 555 010 000{last}"),
                ..accounts[0].numbers[0].clone()
            };
            let (second, other) = (numbered(SECOND_NUMBER, 2), numbered(OTHER_NUMBER, 3));
            let mut templates = accounts[0].templates.clone();
            for template in &mut templates {
                template.id = None;
            }
            accounts[0].numbers.push(second);
            accounts.push(Account {
                id: OTHER_ACCOUNT.to_owned(),
                numbers: vec![other],
                templates,
                ..accounts[0].clone()
            });
        })
        .await;
        let [public, private] = ports::free();
        let gateway = Gateway::start_at(&home, &sim.url(), public, private, |settings| {
            numbers(settings).with(&["listen", "public_url"], format!("http://{public}"))
        })
        .await;
        let mut senders = Vec::new();
        for (app, key) in APPS {
            for (number, _) in NUMBERS {
                for kind in [Kind::Text, Kind::Template] {
                    let connection = Connection::open(gateway.private)
                        .await
                        .expect("the gateway");
                    senders.push(Sender {
                        app,
                        key,
                        number,
                        kind,
                        connection,
                    });
                }
            }
        }
        Self {
            people: Connection::open(gateway.public).await.expect("the gateway"),
            desk: Connection::open(gateway.private)
                .await
                .expect("the gateway"),
            gateway,
            sim: Arc::new(sim),
            senders,
            _home: home,
        }
    }

    /// The person agrees, and has written to every number.
    async fn prepare(&mut self, person: &str) {
        let agreed = self
            .desk
            .post("/v1/consents", ADMIN_KEY, &yes(person, "all"))
            .await;
        assert_eq!(agreed.expect("an answer").status.as_u16(), 201);
        for number in NUMBERS {
            let hello = at_number(
                webhook::text_at(person, "Hello", webhook::now_s() - 60),
                number,
            );
            self.tell(&hello).await;
        }
    }

    async fn tell(&mut self, body: &Value) -> Answer {
        let body = body.to_string();
        let answer = webhook::post_over(&mut self.people, BUSINESS, APP_SECRET, &body).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        answer
    }

    async fn race(&mut self, way: Way, person: String, number: (&str, &str)) -> Race {
        self.prepare(&person).await;
        let stop = self.readied(way, &person, number).await;
        let course = Arc::new(Course::new());
        let sim = Arc::clone(&self.sim);
        let mut begun = course.begun.subscribe();
        let sending = self.start_sending(&course, &person);
        let _ = begun.wait_for(|begun| *begun >= BEGUN_MIN).await;
        let posted_ns = sim.elapsed_ns();
        self.stop(&stop).await;
        let acknowledged_ns = sim.mark();
        course.acknowledged.send_replace(true);
        let sends = self.stop_sending(sending).await;
        Race {
            way,
            posted_ns,
            acknowledged_ns,
            sends,
        }
    }

    async fn keep_sending(&mut self, course: &Arc<Course>, person: &str) -> Vec<Sent> {
        let sending = self.start_sending(course, person);
        self.stop_sending(sending).await
    }

    fn start_sending(
        &mut self,
        course: &Arc<Course>,
        person: &str,
    ) -> JoinSet<(Sender, Vec<Sent>)> {
        let mut sending = JoinSet::new();
        for mut sender in self.senders.drain(..) {
            let (course, sim, person) =
                (Arc::clone(course), Arc::clone(&self.sim), person.to_owned());
            sending.spawn(async move {
                let sends = sender.keep_sending(&sim, &course, &person).await;
                (sender, sends)
            });
        }
        sending
    }

    async fn stop_sending(&mut self, sending: JoinSet<(Sender, Vec<Sent>)>) -> Vec<Sent> {
        let mut all = Vec::new();
        for (sender, sends) in sending.join_all().await {
            self.senders.push(sender);
            all.extend(sends);
        }
        all
    }

    /// Everything that a stop by this way needs beforehand, so that nothing but the stop itself is between.
    async fn readied(&mut self, way: Way, person: &str, number: (&str, &str)) -> Stop {
        let said = |content: Value| {
            Stop::Webhook(at_number(
                webhook::message(person, webhook::now_s(), &content),
                number,
            ))
        };
        let no = |scope: &str, method: &str| {
            Stop::Api(json!({
                "business": BUSINESS, "person": { "wa_id": person }, "scope": scope, "event": "withdrawn",
                "evidence": { "method": method },
            }))
        };
        let pressed = |reply: Value| said(json!({ "type": "interactive", "interactive": reply }));
        match way {
            Way::Word => said(json!({ "type": "text", "text": { "body": "STOP" } })),
            Way::Phrase => {
                said(json!({ "type": "text", "text": { "body": "please stop messaging me" } }))
            }
            Way::QuickReply => said(json!({
                "type": "button", "button": { "payload": "Stop promotions", "text": "Stop promotions" },
            })),
            Way::Button => pressed(json!({
                "type": "button_reply", "button_reply": { "id": "opt-out", "title": "Stop" },
            })),
            Way::ListRow => pressed(json!({
                "type": "list_reply", "list_reply": { "id": "pref_none", "title": "No offers", "description": "Stop all offers" },
            })),
            Way::PageMarketing => self.page(person, Some("marketing")).await,
            Way::PageAll => self.page(person, Some("all")).await,
            Way::OneClick => self.page(person, None).await,
            Way::Api => no("marketing", "app"),
            Way::ApiAll => no("all", "app"),
            Way::Staff => no("marketing", "staff"),
            Way::Switch => Stop::Webhook(at_number(webhook::native(person, "stop"), number)),
            Way::Status => {
                let failed = webhook::failed_by_stop(person, &webhook::fresh_id());
                Stop::Webhook(at_number(failed, number))
            }
        }
    }

    /// What is posted to the person's page: a scope turned off, or one click of a machine.
    async fn page(&mut self, person: &str, scope: Option<&str>) -> Stop {
        let links = format!("/v1/people/{person}/links?business={BUSINESS}");
        let link = self
            .desk
            .post(&links, ADMIN_KEY, &json!({}))
            .await
            .expect("an answer")
            .json();
        let path = format!("/p/{}", link["suffix"].as_str().expect("a link"));
        let Some(scope) = scope else {
            return Stop::Page(path, "List-Unsubscribe=One-Click".to_owned());
        };
        let page = http::get(self.gateway.public, &path, "").await;
        let text = String::from_utf8_lossy(&page.body);
        let form = text
            .split_once("name=\"form\" value=\"")
            .and_then(|(_, rest)| rest.split_once('"'));
        let form = form.unwrap_or_else(|| panic!("no form: {text}")).0;
        Stop::Page(path, format!("form={form}&off={scope}"))
    }

    /// Brings the stop; when this returns it was acknowledged.
    async fn stop(&mut self, stop: &Stop) {
        match stop {
            Stop::Webhook(body) => {
                self.tell(body).await;
            }
            Stop::Api(body) => {
                let answer = self.desk.post("/v1/consents", ADMIN_KEY, body).await;
                assert_eq!(answer.expect("an answer").status.as_u16(), 201);
            }
            Stop::Page(path, body) => {
                let headers = [
                    ("content-type", "application/x-www-form-urlencoded"),
                    ("sec-fetch-site", "same-origin"),
                ];
                let answer = self
                    .people
                    .call(Method::POST, path, &headers, body.clone())
                    .await;
                let status = answer.expect("an answer").status.as_u16();
                assert!(matches!(status, 200 | 303), "{status}");
            }
        }
    }
}

/// A stop that only has to be brought.
enum Stop {
    Webhook(Value),
    Api(Value),
    Page(String, String),
}

/// The same webhook for another number.
fn at_number(mut body: Value, (number, account): (&str, &str)) -> Value {
    let entry = &mut body["entry"][0];
    entry["id"] = json!(account);
    entry["changes"][0]["value"]["metadata"]["phone_number_id"] = json!(number);
    body
}

impl Sender {
    /// Sends until the stop is acknowledged, and once more.
    async fn keep_sending(&mut self, sim: &Sim, course: &Course, person: &str) -> Vec<Sent> {
        let mut sends = Vec::new();
        loop {
            let last = course.is_last(sends.len(), SENDS_MAX).await;
            sends.push(self.send(sim, course, person, sends.len()).await);
            if last {
                return sends;
            }
        }
    }

    async fn send(&mut self, sim: &Sim, course: &Course, person: &str, count: usize) -> Sent {
        let mut message = match self.kind {
            Kind::Text => text_message(person, "We have your size again."),
            Kind::Template => template_message(person, "spring_offer"),
        };
        let token = format!(
            "{person}-{}-{}-{:?}-{count}",
            self.app, self.number, self.kind
        );
        message["biz_opaque_callback_data"] = json!(token);
        let path = format!("/v23.0/{}/messages", self.number);
        let begun_ns = sim.elapsed_ns();
        course.begun.send_modify(|begun| *begun += 1);
        let answer = self
            .connection
            .post(&path, self.key, &message)
            .await
            .expect("an answer");
        Sent {
            token,
            kind: self.kind,
            begun_ns,
            answered_ns: sim.elapsed_ns(),
            code: answer.code(),
            reasons: answer.header("greenline-reasons").to_owned(),
        }
    }
}
