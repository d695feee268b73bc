//! What people, staff, systems and the platform do before a question is asked.

use greenline_sim::Sim;
use hyper::Method;
use serde_json::{Value, json};

use crate::support::gateway::Gateway;
use crate::support::http::{self, Answer};
use crate::support::settings::{ADMIN_KEY, BUSINESS};
use crate::support::{SOON, soon, webhook};

/// Seconds of a minute, an hour and a day.
pub(super) const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

/// By which of their identifiers somebody acts or is written to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Name {
    /// Their number.
    First,
    /// Another number: they move to it.
    Other,
    /// Their business-scoped user id.
    User,
    /// Number and user id in one.
    Both,
    /// A number of the row's own, for spellings.
    Spelled(&'static str),
}

impl Name {
    /// The number, if it has one.
    pub(super) fn number(self, row: usize) -> Option<String> {
        match self {
            Self::First | Self::Both => Some(format!("1555020{row:04}")),
            Self::Other => Some(format!("1555030{row:04}")),
            Self::Spelled(number) => Some(number.to_owned()),
            Self::User => None,
        }
    }

    /// The user id, if it has one.
    pub(super) fn user(self, row: usize) -> Option<String> {
        matches!(self, Self::User | Self::Both).then(|| format!("BR.desk{row:04}"))
    }

    /// What a path of the admin API takes.
    fn plain(self, row: usize) -> String {
        self.number(row).or_else(|| self.user(row)).expect("a name")
    }
}

/// Something done.
#[derive(Debug)]
pub(super) struct Act {
    what: What,
    /// Seconds before now.
    ago: i64,
    by: Name,
    /// The statuses that it may be answered with.
    answered: std::ops::Range<u16>,
}

#[derive(Debug)]
enum What {
    /// `POST /v1/consents`; the time is left out if it is now.
    Record(Value),
    /// The same as one of many, which counts as an import.
    Bulk(Value),
    /// A message of the person, with its type.
    Message(Value),
    /// WhatsApp's own switch: `stop`, `resume`, or `signup` by Meta's own link.
    Switch(&'static str),
    /// The platform says that a message failed, with this code.
    Fails(u32),
    /// The person calls the number.
    Calls,
    /// The person's number is now the other one.
    Moves,
    /// A scope turned off on the preference page.
    Presses(&'static str),
    /// RFC 8058.
    OneClick,
    /// Somebody stands for the newest yes.
    Vouches,
    /// Erased by request.
    Erases,
    /// The text of an opt-in link, with something put before it.
    FollowsLink(&'static str),
    /// The question with two buttons is asked, and this one is pressed.
    Answers(Button),
    /// The question after an ambiguous stop word, and this one is pressed.
    AnswersStopQuestion(Button),
    /// The confirmation of a stop has gone out.
    IsConfirmed,
    /// A row of a CSV file, which may be taken back afterwards.
    Imports { event: &'static str, undone: bool },
    /// The hosted page, with its box ticked.
    FillsIn,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Button {
    First,
    Second,
}

impl Act {
    fn new(what: What, ago: u64) -> Self {
        let ago = i64::try_from(ago).expect("a time");
        Self {
            what,
            ago,
            by: Name::First,
            answered: 200..400,
        }
    }

    /// By another of their identifiers.
    pub(super) fn by(mut self, name: Name) -> Self {
        self.by = name;
        self
    }

    /// It is not taken.
    pub(super) fn refused(mut self) -> Self {
        self.answered = 400..500;
        self
    }

    /// So many seconds ahead instead.
    pub(super) fn ahead(mut self, seconds: i64) -> Self {
        self.ago = -seconds;
        self
    }
}

/// Complete evidence by a method.
pub(super) fn evidence(method: &str) -> Value {
    json!({ "method": method, "wording": "Yes, send me messages from Acme on WhatsApp", "business_name": "Acme" })
}

/// A yes with complete evidence from a form.
pub(super) fn yes(scope: &str, ago: u64) -> Act {
    granted(scope, evidence("website_form"), ago)
}

/// A yes with evidence of the row's own.
#[expect(clippy::needless_pass_by_value, reason = "each row makes its own")]
pub(super) fn granted(scope: &str, evidence: Value, ago: u64) -> Act {
    records(
        json!({ "scope": scope, "event": "granted", "evidence": evidence }),
        ago,
    )
}

/// A no through the API, as the business's own systems pass it on.
pub(super) fn no(scope: &str, ago: u64) -> Act {
    records(json!({ "scope": scope, "event": "withdrawn" }), ago)
}

/// Any event through the API.
pub(super) fn records(event: Value, ago: u64) -> Act {
    Act::new(What::Record(event), ago)
}

/// A yes among many.
pub(super) fn in_bulk(scope: &str, ago: u64) -> Act {
    let event = json!({ "scope": scope, "event": "granted", "evidence": evidence("website_form") });
    Act::new(What::Bulk(event), ago)
}

/// The person writes.
pub(super) fn writes(text: &str, ago: u64) -> Act {
    message(json!({ "type": "text", "text": { "body": text } }), ago)
}

/// The person sends something else than a text.
pub(super) fn message(content: Value, ago: u64) -> Act {
    Act::new(What::Message(content), ago)
}

/// The quick-reply button of a template.
pub(super) fn quick_reply(payload: &str, text: &str, ago: u64) -> Act {
    message(
        json!({ "type": "button", "button": { "payload": payload, "text": text } }),
        ago,
    )
}

/// A button of an interactive message.
pub(super) fn button(id: &str, title: &str, ago: u64) -> Act {
    message(interactive_button(id, title), ago)
}

fn interactive_button(id: &str, title: &str) -> Value {
    json!({ "type": "interactive", "interactive": { "type": "button_reply", "button_reply": { "id": id, "title": title } } })
}

/// A row of a list.
pub(super) fn list_row(id: &str, title: &str, description: &str, ago: u64) -> Act {
    let reply = json!({ "id": id, "title": title, "description": description });
    message(
        json!({ "type": "interactive", "interactive": { "type": "list_reply", "list_reply": reply } }),
        ago,
    )
}

/// WhatsApp's own switch.
pub(super) fn switch(value: &'static str, ago: u64) -> Act {
    Act::new(What::Switch(value), ago)
}

/// A message failed.
pub(super) fn fails(code: u32, ago: u64) -> Act {
    Act::new(What::Fails(code), ago)
}

/// The person calls.
pub(super) fn calls(ago: u64) -> Act {
    Act::new(What::Calls, ago)
}

/// The number moves.
pub(super) fn moves(ago: u64) -> Act {
    Act::new(What::Moves, ago)
}

/// On the preference page.
pub(super) fn presses(scope: &'static str) -> Act {
    Act::new(What::Presses(scope), 0)
}

/// One click of a machine.
pub(super) fn one_click() -> Act {
    Act::new(What::OneClick, 0)
}

/// A named person vouches.
pub(super) fn vouches() -> Act {
    Act::new(What::Vouches, 0)
}

/// Erasure.
pub(super) fn erases() -> Act {
    Act::new(What::Erases, 0)
}

/// The opt-in link's text arrives, after these words.
pub(super) fn follows_link(before: &'static str, ago: u64) -> Act {
    Act::new(What::FollowsLink(before), ago)
}

/// Asked in the thread, the person says yes.
pub(super) fn answers_yes() -> Act {
    Act::new(What::Answers(Button::First), 0)
}

/// Asked in the thread, the person says no.
pub(super) fn answers_no() -> Act {
    Act::new(What::Answers(Button::Second), 0)
}

/// Asked whether they meant to stop, the person says so.
pub(super) fn means_stop() -> Act {
    Act::new(What::AnswersStopQuestion(Button::First), 0)
}

/// Asked whether they meant to stop, the person says no.
pub(super) fn means_no_stop() -> Act {
    Act::new(What::AnswersStopQuestion(Button::Second), 0)
}

/// The confirmation of the stop has gone out.
pub(super) fn is_confirmed() -> Act {
    Act::new(What::IsConfirmed, 0)
}

/// A row of a file with all its evidence.
pub(super) fn imports(event: &'static str, ago: u64) -> Act {
    let undone = false;
    Act::new(What::Imports { event, undone }, ago)
}

/// The same, and the whole file is taken back afterwards.
pub(super) fn imports_and_undoes(event: &'static str, ago: u64) -> Act {
    let undone = true;
    Act::new(What::Imports { event, undone }, ago)
}

/// The number typed into the hosted page.
pub(super) fn fills_in() -> Act {
    Act::new(What::FillsIn, 0)
}

/// Where it happens.
pub(super) struct Scene<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) sim: &'a Sim,
    /// The number of the row, after which its people are called.
    pub(super) row: usize,
    /// When the row began, Unix seconds.
    pub(super) begun_s: u64,
}

impl Scene<'_> {
    /// Does it, and checks how it was answered.
    pub(super) async fn act(&self, act: &Act) {
        if act.is_waited_for() {
            self.confirmation_is_accepted(act.by).await;
            return;
        }
        let answer = self.done(act).await;
        let status = answer.status.as_u16();
        assert!(act.answered.contains(&status), "{act:?}: {answer:?}");
    }

    fn moment(&self, act: &Act) -> i64 {
        // What was so long ago was so long before the row began, however long the row takes.
        let from = if act.ago > 0 {
            self.begun_s
        } else {
            webhook::now_s()
        };
        i64::try_from(from).expect("a time") - act.ago
    }

    async fn done(&self, act: &Act) -> Answer {
        let (row, by) = (self.row, act.by);
        match &act.what {
            What::Record(event) => {
                let mut event = self.dated(event, act);
                event["business"] = json!(BUSINESS);
                self.gateway.admin("/v1/consents", &event).await
            }
            What::Bulk(event) => {
                let mut event = self.dated(event, act);
                event["business"] = json!(BUSINESS);
                let answer = self
                    .gateway
                    .admin("/v1/consents", &json!({ "consents": [event] }))
                    .await;
                assert_eq!(answer.json()["recorded"], 1, "{answer:?}");
                answer
            }
            What::Message(content) => self.message(act, content).await,
            What::Switch(value) => {
                let mut preference = json!({
                    "detail": "User signed up or changed their mind", "category": "marketing_messages",
                    "value": value, "timestamp": self.moment(act),
                });
                self.name(&mut preference, by, ["wa_id", "user_id"]);
                let value =
                    json!({ "contacts": [self.contact(by)], "user_preferences": [preference] });
                self.gateway
                    .webhook(&webhook::envelope("user_preferences", value))
                    .await
            }
            What::Fails(code) => {
                let status = json!({
                    "id": webhook::fresh_id(), "status": "failed", "timestamp": self.moment(act).to_string(),
                    "recipient_id": by.number(row), "errors": [{ "code": code, "title": "It failed" }],
                });
                let value = json!({ "statuses": [status] });
                self.gateway
                    .webhook(&webhook::envelope("messages", value))
                    .await
            }
            What::Calls => {
                let call = json!({
                    "id": webhook::fresh_id(), "from": by.number(row), "to": "15550100001", "event": "connect",
                    "direction": "USER_INITIATED", "timestamp": self.moment(act).to_string(),
                    "session": { "sdp_type": "offer", "sdp": "v=0\r\n" },
                });
                let value = json!({ "contacts": [self.contact(by)], "calls": [call] });
                self.gateway
                    .webhook(&webhook::envelope("calls", value))
                    .await
            }
            What::Moves => {
                let content = json!({ "type": "system", "system": {
                    "body": "changed their number", "wa_id": Name::Other.number(row), "type": "user_changed_number",
                }});
                self.message(act, &content).await
            }
            What::Presses(scope) => {
                let path = self.page(by).await;
                let form = form_on(&http::get(self.gateway.public, &path, "").await);
                self.post_form(&path, format!("form={form}&off={scope}"))
                    .await
            }
            What::OneClick => {
                let path = self.page(by).await;
                self.post_form(&path, "List-Unsubscribe=One-Click".to_owned())
                    .await
            }
            What::Vouches => {
                let person = self.person(by).await;
                let events = person["history"].as_array().expect("a history");
                let yes = events
                    .iter()
                    .rfind(|event| event["event"] == "granted")
                    .expect("a yes");
                let body = json!({ "event": yes["id"], "reason": "signed form 4711, seen by me" });
                self.gateway.admin(&self.path_of(by, "/vouch"), &body).await
            }
            What::Erases => {
                self.gateway
                    .admin(&self.path_of(by, "/erase"), &json!({}))
                    .await
            }
            What::FollowsLink(before) => {
                let links = format!("/v1/businesses/{BUSINESS}/opt-in-links");
                let link = self
                    .gateway
                    .admin(&links, &json!({ "form": "offers" }))
                    .await
                    .json();
                let text = link["text"]
                    .as_str()
                    .unwrap_or_else(|| panic!("no text: {link}"));
                let body = format!("{before}{text}");
                self.message(act, &json!({ "type": "text", "text": { "body": body } }))
                    .await
            }
            What::Answers(pressed) => {
                let asked = self
                    .gateway
                    .admin(&self.path_of(by, "/opt-in-question"), &json!({}))
                    .await;
                assert_eq!(asked.status.as_u16(), 202, "{asked:?}");
                self.press(act, *pressed).await
            }
            What::AnswersStopQuestion(pressed) => self.press(act, *pressed).await,
            What::Imports { event, undone } => self.import(act, event, *undone).await,
            What::FillsIn => {
                let path = format!("/o/{BUSINESS}");
                let form = form_on(&http::get(self.gateway.public, &path, "").await);
                let number = by.number(row).expect("a number");
                let body = format!("form={form}&agree=offers&phone=%2B{number}");
                self.post_form(&path, body).await
            }
            What::IsConfirmed => unreachable!("it is waited for"),
        }
    }

    /// Sends a file, waits until it is done, and takes it back if it is to be.
    async fn import(&self, act: &Act, event: &str, undone: bool) -> Answer {
        let at = jiff::Timestamp::from_second(self.moment(act)).expect("a time");
        let number = act.by.number(self.row).expect("a number");
        let file = format!(
            "phone,scope,event,occurred_at,method,wording,business_name\n{number},marketing,{event},{at},paper,Yes,Acme\n"
        );
        let bearer = format!("Bearer {ADMIN_KEY}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/octet-stream"),
        ];
        let path = format!("/v1/imports?business={BUSINESS}");
        let begun = http::call(self.gateway.private, Method::POST, &path, &headers, file);
        let begun = begun.await.expect("an answer");
        assert_eq!(begun.status.as_u16(), 202, "{begun:?}");
        let id = begun.json()["id"].as_str().expect("an id").to_owned();
        let path = format!("/v1/imports/{id}");
        let done = self.import_is(&path, "done").await;
        if !undone {
            return done;
        }
        let undoing = self
            .gateway
            .admin(&format!("{path}/undo"), &json!({}))
            .await;
        assert_eq!(undoing.status.as_u16(), 202, "{undoing:?}");
        self.import_is(&path, "undone").await
    }

    async fn import_is(&self, path: &str, state: &str) -> Answer {
        let looking = async {
            loop {
                let answer = self.gateway.admin_get(path).await;
                if answer.json()["state"] == state {
                    return answer;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        soon(&format!("the import is {state}"), looking).await
    }

    fn dated(&self, event: &Value, act: &Act) -> Value {
        let mut event = event.clone();
        if event.get("person").is_none() {
            event["person"] = json!({});
            self.name(&mut event["person"], act.by, ["wa_id", "user_id"]);
        }
        if act.ago != 0 && event.get("occurred_at").is_none() {
            let at = jiff::Timestamp::from_second(self.moment(act)).expect("a time");
            event["occurred_at"] = json!(at.to_string());
        }
        event
    }

    /// Names somebody in an object, by number, by user id or by both.
    fn name(&self, object: &mut Value, by: Name, [number, user]: [&str; 2]) {
        if let Some(text) = by.number(self.row) {
            object[number] = json!(text);
        }
        if let Some(text) = by.user(self.row) {
            object[user] = json!(text);
        }
    }

    fn contact(&self, by: Name) -> Value {
        let mut contact = json!({ "profile": { "name": "Dana Example" } });
        self.name(&mut contact, by, ["wa_id", "user_id"]);
        contact
    }

    async fn message(&self, act: &Act, content: &Value) -> Answer {
        let mut message =
            json!({ "id": webhook::fresh_id(), "timestamp": self.moment(act).to_string() });
        self.name(&mut message, act.by, ["from", "from_user_id"]);
        for (name, value) in content.as_object().expect("an object") {
            message[name] = value.clone();
        }
        let value = json!({ "contacts": [self.contact(act.by)], "messages": [message] });
        self.gateway
            .webhook(&webhook::envelope("messages", value))
            .await
    }

    fn path_of(&self, by: Name, rest: &str) -> String {
        format!(
            "/v1/people/{}{rest}?business={BUSINESS}",
            by.plain(self.row)
        )
    }

    async fn person(&self, by: Name) -> Value {
        self.gateway.admin_get(&self.path_of(by, "")).await.json()
    }

    /// The path of the person's preference page.
    async fn page(&self, by: Name) -> String {
        let link = self
            .gateway
            .admin(&self.path_of(by, "/links"), &json!({}))
            .await
            .json();
        let suffix = link["suffix"]
            .as_str()
            .unwrap_or_else(|| panic!("no link: {link}"));
        format!("/p/{suffix}")
    }

    async fn post_form(&self, path: &str, body: String) -> Answer {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ];
        http::call(self.gateway.public, Method::POST, path, &headers, body)
            .await
            .expect("an answer")
    }

    /// Waits for the question that Greenline asks, and presses one of its buttons.
    async fn press(&self, act: &Act, pressed: Button) -> Answer {
        let to = act.by.number(self.row);
        let asked = self
            .sim
            .wait_request(SOON, |request| {
                request.is_send()
                    && request.to == to
                    && request.wamid.is_some()
                    && request.kind.as_deref() == Some("interactive")
            })
            .await
            .expect("the question is asked");
        let body: Value =
            serde_json::from_slice(asked.body.as_deref().expect("a body")).expect("JSON");
        let place = usize::from(pressed == Button::Second);
        let reply = &body["interactive"]["action"]["buttons"][place]["reply"];
        let (id, title) = (
            reply["id"].as_str().expect("an id"),
            reply["title"].as_str().expect("a title"),
        );
        let mut content = interactive_button(id, title);
        content["context"] = json!({ "from": "15550100001", "id": asked.wamid });
        self.message(act, &content).await
    }

    /// Waits until the confirmation of a stop is with the platform and that stands in its decision.
    async fn confirmation_is_accepted(&self, by: Name) {
        let to = by.number(self.row);
        let confirmed = self
            .sim
            .wait_request(SOON, |request| {
                request.is_send()
                    && request.to == to
                    && request.wamid.is_some()
                    && !is_an_apps(request)
            })
            .await
            .expect("the confirmation goes out");
        let wamid = json!([confirmed.wamid]);
        let looking = async {
            let newest = format!("/v1/decisions?business={BUSINESS}&limit=20");
            loop {
                let decisions = self.gateway.admin_get(&newest).await.json();
                let mut all = decisions["decisions"].as_array().expect("decisions").iter();
                if all.any(|one| one["message_ids"] == wamid && one["outcome"] == "accepted") {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        soon("the confirmation is settled", looking).await;
    }
}

impl Act {
    fn is_waited_for(&self) -> bool {
        matches!(self.what, What::IsConfirmed)
    }
}

/// A send that a test made, not one of Greenline's own.
pub(super) fn is_an_apps(request: &greenline_sim::Received) -> bool {
    token(request).is_some()
}

/// What a test wrote on its send.
pub(super) fn token(request: &greenline_sim::Received) -> Option<String> {
    let body: Value = serde_json::from_slice(request.body.as_deref()?).ok()?;
    Some(body["biz_opaque_callback_data"].as_str()?.to_owned())
}

/// The seal of the form on a page.
fn form_on(page: &Answer) -> String {
    let text = String::from_utf8_lossy(&page.body);
    let form = text
        .split_once("name=\"form\" value=\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    form.unwrap_or_else(|| panic!("no form: {text}"))
        .0
        .to_owned()
}
