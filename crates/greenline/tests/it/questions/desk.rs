//! Asks one question three ways: of the admin API, on the command line, and by sending it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::SocketAddr;

use greenline_sim::Sim;
use greenline_sim::config::Template;
use serde_json::{Value, json};

use crate::support::command::run_in;
use crate::support::gateway::{Gateway, template_message, text_message};
use crate::support::settings::{BOT_KEY, BUSINESS, NUMBER, Settings};
use crate::support::store::{Home, Store};
use crate::support::{platform, ports};

use super::acts::{Act, Name, Scene, token};

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message {
    /// Free-form.
    Text(&'static str),
    /// A template of the simulated account.
    Template(&'static str),
}

/// An offer: marketing.
pub(super) const OFFER: Message = Message::Template("spring_offer");
/// An offer about the topic `marketing.offers`.
pub(super) const TOPIC: Message = Message::Template("winter_offer");
/// News of an order: utility.
pub(super) const ORDER: Message = Message::Template("order_update");
/// A login code: authentication.
pub(super) const CODE: Message = Message::Template("login_code");
/// A marketing template whose body asks whether the person wants messages, or wants to stop them.
pub(super) const ASK: Message = Message::Template("stay_in_touch");
/// A utility template that the business marks as an ask.
pub(super) const MARKED_ASK: Message = Message::Template("hello_world");

/// Something free-form.
pub(super) fn text(body: &'static str) -> Message {
    Message::Text(body)
}

/// What must be answered.
#[derive(Debug)]
pub(super) struct Answer {
    what: Message,
    to: Name,
    allowed: bool,
    rules: Vec<&'static str>,
    until: Option<String>,
}

impl Answer {
    /// It may go, by these rules.
    pub(super) fn yes<const N: usize>(what: Message, rules: [&'static str; N]) -> Self {
        Self::new(what, true, rules.to_vec())
    }

    /// It may not, by these rules, the one that answers first.
    pub(super) fn no<const N: usize>(what: Message, rules: [&'static str; N]) -> Self {
        Self::new(what, false, rules.to_vec())
    }

    fn new(what: Message, allowed: bool, rules: Vec<&'static str>) -> Self {
        Self {
            what,
            to: Name::First,
            allowed,
            rules,
            until: None,
        }
    }

    /// To another of their identifiers.
    pub(super) fn of(mut self, name: Name) -> Self {
        self.to = name;
        self
    }

    /// Until when it is refused.
    pub(super) fn until(mut self, at: jiff::Timestamp) -> Self {
        self.until = Some(format!("{at:.3}"));
        self
    }
}

/// One question of a support desk.
#[derive(Debug)]
pub(super) struct Row {
    says: String,
    before: Vec<Act>,
    answers: Vec<Answer>,
}

impl Row {
    /// What is asked in words, what happened before, and what must be answered.
    pub(super) fn new(
        says: impl Into<String>,
        before: impl IntoIterator<Item = Act>,
        answers: impl IntoIterator<Item = Answer>,
    ) -> Self {
        Self {
            says: says.into(),
            before: before.into_iter().collect(),
            answers: answers.into_iter().collect(),
        }
    }
}

/// What was answered, one of three ways.
#[derive(PartialEq, Eq, Debug)]
struct Said {
    decision: String,
    rules: Vec<String>,
    until: Option<String>,
}

impl Said {
    fn of(decision: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let reasons = decision["reasons"].as_array();
        let reasons = reasons.unwrap_or_else(|| panic!("not a decision: {decision}"));
        Self {
            decision: text(&decision["decision"]).expect("a verdict"),
            rules: reasons
                .iter()
                .map(|reason| text(&reason["rule"]).expect("a rule"))
                .collect(),
            until: text(&decision["until"]),
        }
    }
}

/// The three answers are the same, and the one expected.
#[track_caller]
fn agree(expected: &Answer, about: &str, [by_api, by_command, live]: [&Said; 3]) {
    let wanted = Said {
        decision: if expected.allowed { "allow" } else { "refuse" }.to_owned(),
        rules: expected.rules.iter().map(|&rule| rule.to_owned()).collect(),
        until: expected.until.clone(),
    };
    assert_eq!(by_api, &wanted, "by the API: {about}");
    assert_eq!(by_command, &wanted, "on the command line: {about}");
    assert_eq!(live, &wanted, "sent: {about}");
}

/// What is refused has one next step, about a rule that refuses it.
fn names_a_blocker(decision: &Value) {
    let step = &decision["next_step"];
    if decision["decision"] == "allow" {
        assert!(step.is_null(), "{decision}");
        return;
    }
    let reasons = decision["reasons"].as_array().expect("reasons");
    let mut refusing = reasons.iter().filter(|one| one["refuses"] == true);
    assert!(
        refusing.any(|one| one["rule"] == step["rule"]),
        "{decision}"
    );
    assert!(
        step["text"].as_str().is_some_and(|text| !text.is_empty()),
        "{decision}"
    );
}

/// Where a gateway answers.
pub(super) struct Place {
    pub(super) public: SocketAddr,
    pub(super) private: SocketAddr,
}

/// A desk with a gateway, the command line and a simulated platform.
pub(super) struct Desk {
    pub(super) sim: Sim,
    gateway: Gateway,
    pub(super) home: Home,
    pub(super) place: Place,
    sends: Cell<usize>,
    /// What may have arrived.
    allowed: RefCell<BTreeSet<String>>,
}

impl Desk {
    pub(super) async fn open(
        store: Store,
        adapt: impl FnOnce(Settings, &Place) -> Settings,
    ) -> Self {
        let home = store.home();
        let sim = platform::adapted(|config| {
            let templates = &mut config.businesses[0].accounts[0].templates;
            let offer = templates.iter().find(|one| one.name == "spring_offer");
            let more = Template {
                id: None,
                name: "winter_offer".to_owned(),
                ..offer.expect("a sample").clone()
            };
            templates.push(more);
        })
        .await;
        let [public, private] = ports::free();
        let place = Place { public, private };
        let gateway = Gateway::start_at(&home, &sim.url(), public, private, |settings| {
            adapt(settings, &place)
        })
        .await;
        Self {
            sim,
            gateway,
            home,
            place,
            sends: Cell::new(0),
            allowed: RefCell::default(),
        }
    }

    /// The running gateway.
    pub(super) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// To stop it and to start it again.
    pub(super) fn gateway_mut(&mut self) -> &mut Gateway {
        &mut self.gateway
    }

    /// The platform's address.
    pub(super) fn upstream(&self) -> String {
        self.sim.url()
    }

    /// Every row, each with people of its own: what happened before, and the API's answers; then the command line's, of
    /// all together; then everything is sent.
    pub(super) async fn ask_all(&self, rows: Vec<Row>) {
        let mut asked = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            self.prepare(number, &row.before).await;
            for expected in &row.answers {
                let (token, message) = self.message(number, expected);
                let by_api = self.by_api(&message, None).await;
                let about = format!("{}\n{expected:?}", row.says);
                asked.push((expected, about, token, message, by_api));
            }
        }
        let messages: Vec<&Value> = asked.iter().map(|(.., message, _)| message).collect();
        let by_command = self.by_one_command(&messages).await;
        // What is asked alone is answered alike: one that may go, and one that may not.
        for decision in ["allow", "refuse"] {
            let mut alike = messages.iter().zip(&by_command);
            if let Some((message, said)) = alike.find(|(_, said)| said.decision == decision) {
                assert_eq!(self.by_command(message, None).await, *said);
            }
        }
        for ((expected, about, token, message, by_api), by_command) in asked.iter().zip(&by_command)
        {
            let live = self.live(message, token, expected.allowed).await;
            agree(expected, about, [by_api, by_command, &live]);
        }
        self.nothing_else_arrived();
    }

    /// Does what happened before, and asks.
    pub(super) async fn ask(&self, number: usize, row: &Row) {
        self.prepare(number, &row.before).await;
        for answer in &row.answers {
            self.ask_thrice(number, &row.says, answer).await;
        }
    }

    /// Does what happened before.
    pub(super) async fn prepare(&self, number: usize, acts: &[Act]) {
        let scene = Scene {
            gateway: &self.gateway,
            sim: &self.sim,
            row: number,
            begun_s: crate::support::webhook::now_s(),
        };
        for act in acts {
            scene.act(act).await;
        }
    }

    /// The three answers are the same, and the one expected.
    pub(super) async fn ask_thrice(&self, number: usize, says: &str, expected: &Answer) {
        let (token, message) = self.message(number, expected);
        let by_api = self.by_api(&message, None).await;
        let by_command = self.by_command(&message, None).await;
        let live = self.live(&message, &token, expected.allowed).await;
        let about = format!("{says}\n{expected:?}");
        agree(expected, &about, [&by_api, &by_command, &live]);
    }

    /// As of another moment, which only a dry run can be asked about.
    pub(super) async fn ask_dry(&self, number: usize, says: &str, expected: &Answer, at: &str) {
        let (_, message) = self.message(number, expected);
        let by_api = self.by_api(&message, Some(at)).await;
        let by_command = self.by_command(&message, Some(at)).await;
        assert_eq!(by_api.rules, expected.rules, "by the API: {says}");
        assert_eq!(by_api, by_command, "{says}");
    }

    fn message(&self, number: usize, expected: &Answer) -> (String, Value) {
        let mut message = match expected.what {
            Message::Text(body) => text_message("", body),
            Message::Template(name) => template_message("", name),
        };
        let parts = message.as_object_mut().expect("an object");
        parts.remove("to");
        for (name, to) in [
            ("to", expected.to.number(number)),
            ("recipient", expected.to.user(number)),
        ] {
            if let Some(to) = to {
                parts.insert(name.to_owned(), json!(to));
            }
        }
        let count = self.sends.get();
        self.sends.set(count + 1);
        let token = format!("question-{number}-{count}");
        message["biz_opaque_callback_data"] = json!(token);
        (token, message)
    }

    async fn by_api(&self, message: &Value, at: Option<&str>) -> Said {
        let mut body = json!({ "business": BUSINESS, "number": NUMBER, "message": message });
        if let Some(at) = at {
            body["at"] = json!(at);
        }
        let answer = self.gateway.admin("/v1/decisions", &body).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        let alone = answer.json();
        let mut question = body.clone();
        let question = question.as_object_mut().expect("an object");
        question.remove("business");
        let many = json!({ "business": BUSINESS, "questions": [question] });
        let many = self.gateway.admin("/v1/decisions", &many).await.json();
        assert_eq!(Said::of(&many["answers"][0]), Said::of(&alone), "{many}");
        names_a_blocker(&alone);
        Said::of(&alone)
    }

    async fn by_command(&self, message: &Value, at: Option<&str>) -> Said {
        let check = [
            "check",
            "--json",
            "--business",
            BUSINESS,
            "--number",
            NUMBER,
        ];
        let mut args = [&check[..], &["--message", "-"]].concat();
        args.extend(at.iter().flat_map(|at| ["--at", at]));
        let ran = run_in(self.home.path(), &args, &message.to_string()).await;
        let said = Said::of(&ran.json());
        ran.ended(i32::from(said.decision != "allow"));
        said
    }

    /// All messages at once, a line each.
    async fn by_one_command(&self, messages: &[&Value]) -> Vec<Said> {
        let lines = messages.iter();
        let lines = lines.map(|message| format!("{}\n", json!({ "message": message })));
        let lines: String = lines.collect();
        let args = [
            "check",
            "--business",
            BUSINESS,
            "--number",
            NUMBER,
            "--batch",
            "-",
        ];
        let ran = run_in(self.home.path(), &args, &lines).await;
        let answers = ran.stdout.lines();
        let said: Vec<Said> = answers
            .map(|line| Said::of(&serde_json::from_str(line).expect("JSON")))
            .collect();
        assert_eq!(said.len(), messages.len(), "{ran:?}");
        let all_may_go = said.iter().all(|said| said.decision == "allow");
        ran.ended(i32::from(!all_may_go));
        said
    }

    async fn live(&self, message: &Value, token: &str, allowed: bool) -> Said {
        if allowed {
            self.allowed.borrow_mut().insert(token.to_owned());
        }
        let answer = self.gateway.send(BOT_KEY, message).await;
        let reasons = answer.header("greenline-reasons").to_owned();
        let id = answer.header("greenline-decision").to_owned();
        let record = self
            .gateway
            .admin_get(&format!("/v1/decisions/{id}"))
            .await
            .json();
        assert_eq!(record["replay"]["same"], true, "{record}");
        let said = Said::of(&record);
        assert_eq!(reasons, said.rules.join(", "), "{answer:?}");
        let went = said.decision == "allow";
        let arrived = self
            .sim
            .requests(0)
            .iter()
            .any(|request| request.is_send() && self::token(request).as_deref() == Some(token));
        assert_eq!(arrived, went, "{said:?}: {answer:?}");
        if !went {
            assert!(
                answer.code().is_some(),
                "a refusal without a code: {answer:?}"
            );
            assert_eq!(answer.header("retry-after"), "", "{answer:?}");
        }
        said
    }

    /// Whatever was refused did not come later either.
    pub(super) fn nothing_else_arrived(&self) {
        let allowed = self.allowed.borrow();
        for request in self
            .sim
            .requests(0)
            .iter()
            .filter(|request| request.is_send())
        {
            if let Some(token) = token(request) {
                assert!(allowed.contains(&token), "{token} was refused and arrived");
            }
        }
    }
}
