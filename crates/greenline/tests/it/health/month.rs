//! Thirty simulated days with twenty numbers, across 7 October 2025: what Greenline's timeline says against the true one.
//!
//! What can be observed, and how exactly:
//!
//! - What the platform announces (restrictions, bans, warnings, limits, flags, templates) must stand there once, at the
//!   platform's own second, however often, late and out of order the webhook came.
//! - What it does not announce (rating, status, locks) can only be seen by reads: between two reads nothing can be known,
//!   so what must stand there is each change from one read to the next, at the later one.
//! - Nothing else may stand there: each entry must have been true.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use greenline_gateway::polling;
use greenline_ledger::types::{BusinessIx, TimelineEntry};
use greenline_sim::config::{
    Account, Business, ClockConfig, Crowd, Health, LogConfig, Number, SimConfig, Webhooks,
};
use greenline_sim::{HealthState as S, Script, Sim, Transition, Unclear};
use http::Method;
use serde_json::{Value, json};
use toml::Table;

use super::post::Post;
use crate::support::fixed::Fixed;
use crate::support::http::{Answer, Connection};
use crate::support::ports;
use crate::support::settings::{ADMIN_KEY, BOT_KEY, BUSINESS, Settings};
use crate::support::store::Store;

/// 22 September 2025, 00:00 UTC: limits are numbers' for fifteen days, and the portfolio's after that.
const START_MS: i64 = 1_758_499_200_000;
/// 7 October 2025, 00:00 UTC.
const NEW_ERA_MS: i64 = 1_759_795_200_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;
const STEP_MS: i64 = 12 * HOUR_MS;
const STEPS_A_DAY: i64 = 2;
/// After so many steps everything is handed on and read, and what is said is tried.
const TRIED_EVERY: i64 = 3;
/// Longer than the usual pause between two reads.
const DUE_AGAIN_MS: i64 = 10 * 60 * 1_000;
/// So many messages does each number send in a step.
const SENDS: usize = 3;
const TOKEN: &str = "sim-access-token";
/// Newest entries of one page of the timeline.
const PAGE: usize = 500;
/// Codes that say that a number or an account is not well.
const UNWELL: [u32; 7] = [33, 368, 131_031, 131_042, 131_048, 131_064, 133_010];

/// How much of a month.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) seed: u64,
    pub(super) days: i64,
    pub(super) accounts: usize,
    pub(super) numbers_each: usize,
}

impl Span {
    fn numbers(self) -> usize {
        self.accounts * self.numbers_each
    }

    fn account_of(self, number: usize) -> usize {
        number / self.numbers_each
    }
}

fn number_id(n: usize) -> String {
    format!("3015000000002{n:02}")
}

fn account_id(a: usize) -> String {
    format!("2015000000002{a:02}")
}

fn display(n: usize) -> String {
    format!("+1 555 013 {n:04}")
}

fn simulated(span: Span, callback: String) -> SimConfig {
    let sample = Business::sample();
    let accounts = (0..span.accounts).map(|a| {
        let mut templates = sample.accounts[0].templates.clone();
        for (id, template) in (904_000_000_000_000 + a as u64 * 100..).zip(&mut templates) {
            template.id = Some(id);
        }
        let numbers = (0..span.numbers()).filter(|n| span.account_of(*n) == a);
        Account {
            id: account_id(a),
            name: format!("Account {a}"),
            callback_url: None,
            numbers: numbers
                .map(|n| Number {
                    id: number_id(n),
                    display_number: display(n),
                    ..sample.accounts[0].numbers[0].clone()
                })
                .collect(),
            templates,
        }
    });
    SimConfig {
        seed: span.seed,
        speed: 1_000.0,
        unclear: Some(Unclear::default()),
        clock: ClockConfig {
            start_ms: Some(START_MS),
            stands_still: true,
        },
        health: Some(Health {
            crowds: vec![Crowd {
                prefix: "15559".to_owned(),
                agreed_share: 0.0,
                ..Crowd::default()
            }],
            ..Health::default()
        }),
        webhooks: Webhooks {
            batch_max: 20,
            calls_max: 4,
            duplicate_share: 0.1,
            ..Webhooks::default()
        },
        log: LogConfig {
            bodies: false,
            ..LogConfig::default()
        },
        businesses: vec![Business {
            callback_url: Some(callback),
            messaging_limit: "TIER_250".to_owned(),
            accounts: accounts.collect(),
            ..sample
        }],
        ..SimConfig::sample()
    }
}

fn configured(span: Span, settings: Settings) -> Settings {
    let number = |n: usize| -> toml::Value {
        let text = format!(
            "phone_number_id = \"{}\"\nwaba_id = \"{}\"\ndisplay_number = \"{}\"",
            number_id(n),
            account_id(span.account_of(n)),
            display(n)
        );
        let table: Table = text.parse().expect("a number");
        table.into()
    };
    let numbers: Vec<toml::Value> = (0..span.numbers()).map(number).collect();
    settings
        .with(&["business", "0", "number"], numbers)
        // What is forwarded here would be refused otherwise: nobody ever agreed on record, and that is what makes things happen.
        .with(&["business", "0", "mode"], "observe")
}

/// What happens by script besides what people bring about: each kind of news at least once.
fn scripts(span: Span) -> Vec<Script> {
    let at = |hours: i64| START_MS + hours * HOUR_MS - HOUR_MS / 2;
    let until = |days: i64| START_MS + days * 24 * HOUR_MS + HOUR_MS / 2;
    let last = account_id(span.accounts - 1);
    let other = account_id(span.accounts.saturating_sub(2));
    let number = |n: usize| number_id(n.min(span.numbers() - 1));
    let offer = 904_000_000_000_000 + (span.accounts as u64 - 1) * 100 + 1;
    let days = |share: i64| span.days * 24 * share / 100;
    let ended = |script: Script, share: i64| script.until(until(span.days * share / 100));
    vec![
        ended(
            Script::account(&last, S::TemplatesRestricted).at(at(days(10))),
            20,
        ),
        ended(
            Script::account(&last, S::CallsRestricted).at(at(days(15))),
            40,
        ),
        ended(Script::account(&other, S::Locked).at(at(days(30))), 40),
        Script::account(&last, S::Warned).at(at(days(45))),
        ended(
            Script::number(&number(span.numbers() - 1), S::RatedRed).at(at(days(50))),
            60,
        ),
        ended(
            Script::number(&number(span.numbers() - 2), S::Disconnected).at(at(days(65))),
            75,
        ),
        Script::template(offer, S::TemplatePaused).at(at(days(35))),
        Script::template(offer, S::TemplateYellow).at(at(days(70))),
        ended(
            Script::account(&last, S::ScheduledForDisable).at(at(days(60))),
            90,
        ),
        Script::account(&last, S::Reinstated).at(at(days(80))),
        ended(
            Script::account(&other, S::UtilityRateLimited).at(at(days(55))),
            85,
        ),
    ]
}

/// A send as it went through the gateway.
#[derive(Clone, Debug)]
struct Went {
    at_ms: i64,
    number: usize,
    code: Option<u64>,
}

struct Month {
    span: Span,
    sim: Sim,
    gateway: Fixed,
    line: Connection,
    post: Post,
    went: Vec<Went>,
    wrong: Vec<String>,
    /// How many sure answers were held against a real try.
    tried: usize,
}

impl Month {
    async fn begin(span: Span, store: Store) -> (Self, crate::support::store::Home) {
        let home = store.home();
        let post = Post::open(span.seed).await;
        let callback = format!("http://{}/", post.address());
        let sim = Sim::start(simulated(span, callback)).await;
        let sim = sim.expect("the simulated platform");
        let [public, private] = ports::free();
        let settings = Settings::new(home.path(), &sim.url(), public, private);
        let gateway = Fixed::start(&home, configured(span, settings), START_MS).await;
        for script in scripts(span) {
            sim.script(&script).expect("a state");
        }
        let line = Connection::open(gateway.private).await.expect("a gateway");
        let month = Self {
            span,
            sim,
            gateway,
            line,
            post,
            went: Vec::new(),
            wrong: Vec::new(),
            tried: 0,
        };
        (month, home)
    }

    async fn live(&mut self) {
        let mut public = Connection::open(self.gateway.public)
            .await
            .expect("a gateway");
        polling::round(self.gateway.app()).await;
        for step in 0..self.span.days * STEPS_A_DAY {
            self.send(step).await;
            let now_ms = START_MS + (step + 1) * STEP_MS;
            self.move_to(now_ms).await;
            let is_whole = (step + 1) % TRIED_EVERY == 0;
            if is_whole {
                self.post.empty(&mut public, BUSINESS).await;
                // A read may have slipped in while one clock was moved and the other was not: everything is due again.
                self.move_to(now_ms + DUE_AGAIN_MS).await;
                self.post.empty(&mut public, BUSINESS).await;
            } else {
                self.post.hand_on(&mut public, BUSINESS).await;
            }
            polling::round(self.gateway.app()).await;
            if is_whole {
                self.try_what_was_said().await;
            }
        }
    }

    async fn move_to(&self, now_ms: i64) {
        // The platform never dates anything ahead of those who hear of it.
        self.gateway.set_clock(now_ms);
        self.sim.set_clock(now_ms).expect("a clock that goes on");
        let settled = self.sim.settle(Duration::from_secs(120)).await;
        assert!(settled, "webhooks are left");
    }

    /// Every number sends; the first of each account mostly to people who never agreed to anything.
    async fn send(&mut self, step: i64) {
        let at_ms = self.sim.now_ms();
        let step = usize::try_from(step).expect("a step");
        for n in 0..self.span.numbers() {
            for i in 0..SENDS {
                let bought = n % self.span.numbers_each == 0 && (step + i) % 3 != 0;
                let prefix = if bought { "15559" } else { "15551" };
                let who = format!("{prefix}{:06}", n * 10_000 + step * 5 + i * 3);
                let name = if i % 2 == 0 {
                    "stay_in_touch"
                } else {
                    "spring_offer"
                };
                let body = template(&who, name);
                let target = format!("/v23.0/{}/messages", number_id(n));
                let answer = self.line.post(&target, BOT_KEY, &body).await;
                let answer = answer.expect("an answer");
                self.went.push(Went {
                    at_ms,
                    number: n,
                    code: answer.code(),
                });
            }
        }
    }

    /// With everything told and read, whatever is said to be possible is tried past the gateway: it must go.
    async fn try_what_was_said(&mut self) {
        let now_ms = self.sim.now_ms();
        for n in 0..self.span.numbers() {
            let target = format!("/v1/numbers/{}/capabilities", number_id(n));
            let told = self.get(&target).await.json();
            let cells = told["capabilities"].as_array().expect("capabilities");
            let start = cells
                .iter()
                .find(|cell| cell["what"] == "start.authentication");
            let start = start.expect("a row");
            let can = start["can"].as_str().unwrap_or_default();
            if can == "unknown" {
                continue;
            }
            let body = code_to(&format!("15552{:06}", n * 1_000 + self.tried % 1_000));
            let target = format!("/v23.0/{}/messages", number_id(n));
            let answer = self
                .sim
                .call(Method::POST, &target, TOKEN, body.to_string())
                .await
                .expect("an answer");
            self.tried += 1;
            let refused = answer.code.filter(|code| UNWELL.contains(code));
            let about = format!("{} at {now_ms}: {can} ({})", number_id(n), start["cause"]);
            match (can, refused) {
                // Nobody tells of the limit for spam; the first send finds it (N7).
                ("yes", Some(131_048)) if !self.met_spam_limit(n) => {}
                ("yes", Some(code)) => self.wrong.push(format!("{about}, and {code}")),
                // Under that limit a few go (QL-09), and N7 says no for a day.
                ("no", None) if start["cause"] == "spam_limit" => {}
                // Met in spite of a restriction, and the account is LIMITED for another one: no until AVAILABLE (N6).
                ("no", None) if start["cause"] == "refused.368" => {}
                ("no", None) => self.wrong.push(format!("{about}, and it went")),
                _ => {}
            }
        }
    }

    /// Whether a send of the last day met the limit for spam.
    fn met_spam_limit(&self, n: usize) -> bool {
        let since_ms = self.sim.now_ms() - 24 * HOUR_MS;
        let mut went = self.went.iter();
        went.any(|one| one.number == n && one.at_ms > since_ms && one.code == Some(131_048))
    }

    async fn get(&mut self, target: &str) -> Answer {
        let bearer = format!("Bearer {ADMIN_KEY}");
        let headers = [("authorization", bearer.as_str())];
        let answer = self.line.call(Method::GET, target, &headers, "").await;
        answer.expect("an answer")
    }

    /// The whole timeline, oldest first.
    async fn timeline(&self) -> Vec<TimelineEntry> {
        let ledger = &self.gateway.app().ledger;
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let page = ledger.timeline(BusinessIx(0), None, before, PAGE).await;
            let page = page.expect("a timeline");
            let Some(last) = page.last() else {
                break;
            };
            before = Some(last.seq);
            all.extend(page);
        }
        all.reverse();
        all
    }

    /// When each number was read, by the platform's log.
    fn reads(&self) -> BTreeMap<String, BTreeSet<i64>> {
        let mut reads: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        for request in self.sim.requests(0) {
            let path = request.path.trim_matches('/');
            if request.method == "GET" && request.status == Some(200) && !path.contains('/') {
                reads
                    .entry(path.to_owned())
                    .or_default()
                    .insert(request.unix_ms);
            }
        }
        reads
    }
}

fn template(to: &str, name: &str) -> Value {
    json!({
        "messaging_product": "whatsapp", "to": to, "type": "template",
        "template": { "name": name, "language": { "code": "en_US" } },
    })
}

fn code_to(to: &str) -> Value {
    let mut body = template(to, "login_code");
    body["template"]["components"] =
        json!([{ "type": "body", "parameters": [{ "type": "text", "text": "12345" }] }]);
    body
}

/// One announced change: of what, which field told of it, what it said, in which second.
type Told = (String, String, String, String, i64);

/// What the platform announced, by the true timeline.
fn announced(truth: &[Transition]) -> BTreeSet<Told> {
    let mut all = BTreeSet::new();
    for change in truth {
        let at_s = change.at_ms.div_euclid(1_000);
        let mut tell = |subject: &str, id: &str, field: &str, said: String| {
            all.insert((
                subject.to_owned(),
                id.to_owned(),
                field.to_owned(),
                said,
                at_s,
            ));
        };
        let (id, to) = (&*change.id, &*change.to);
        let is_old = change.at_ms < NEW_ERA_MS;
        match (change.object, change.what) {
            ("account", "step") if to == "Warning" => {
                tell("account", id, "account_update", "violation SPAM".to_owned());
            }
            ("account", "warning") => {
                tell("account", id, "account_update", format!("violation {to}"));
            }
            ("account", "utility") => {
                let said = "violation UTILITY_TEMPLATE_ABUSE".to_owned();
                tell("account", id, "account_update", said);
            }
            ("account", "ban") => tell("account", id, "account_update", format!("ban {to}")),
            (
                "account",
                kind @ ("RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING" | "RESTRICTED_UTILITY_TEMPLATES"),
            ) if to == "none" => {
                let word = if kind.starts_with("RATE") {
                    "UTILITY_TEMPLATE_ABUSE_RATE_LIMIT_RECOVERY"
                } else {
                    "UTILITY_TEMPLATE_ABUSE_UNBAN"
                };
                tell("account", id, "account_update", format!("violation {word}"));
            }
            // An end is announced by nobody (ENF-15).
            ("account", kind)
                if kind.contains('_') && kind.to_uppercase() == kind && to != "none" =>
            {
                tell(
                    "account",
                    id,
                    "account_update",
                    format!("{kind} until {to}"),
                );
            }
            ("template", "status") => {
                tell(
                    "template",
                    id,
                    "message_template_status_update",
                    to.to_owned(),
                );
            }
            ("template", "score") => {
                tell(
                    "template",
                    id,
                    "message_template_quality_update",
                    to.to_owned(),
                );
            }
            ("template", "category") => {
                tell("template", id, "template_category_update", to.to_owned());
            }
            ("portfolio", "limit") if change.at_ms > NEW_ERA_MS => {
                tell(
                    "business",
                    BUSINESS,
                    "business_capability_update",
                    "limits".to_owned(),
                );
            }
            ("portfolio", "raise") => {
                let said = "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED".to_owned();
                tell("business", BUSINESS, "account_alerts", said);
            }
            ("number", "status") if to == "FLAGGED" => {
                tell(
                    "number",
                    id,
                    "phone_number_quality_update",
                    "FLAGGED".to_owned(),
                );
            }
            ("number", "status") if change.from == "FLAGGED" && to == "CONNECTED" && is_old => {
                let fell = truth.iter().any(|other| {
                    other.at_ms == change.at_ms && *other.id == *id && other.what == "limit"
                });
                if !fell {
                    tell(
                        "number",
                        id,
                        "phone_number_quality_update",
                        "UNFLAGGED".to_owned(),
                    );
                }
            }
            ("number", "limit") if is_old => {
                let said = if is_raise(&change.from, to) {
                    "UPGRADE"
                } else {
                    "DOWNGRADE"
                };
                tell("number", id, "phone_number_quality_update", said.to_owned());
            }
            _ => {}
        }
    }
    all
}

fn is_raise(from: &str, to: &str) -> bool {
    let tiers = [
        "TIER_50",
        "TIER_250",
        "TIER_1K",
        "TIER_2K",
        "TIER_10K",
        "TIER_100K",
        "TIER_UNLIMITED",
    ];
    let place = |tier: &str| tiers.iter().position(|known| *known == tier);
    place(from) < place(to)
}

/// What an entry of Greenline's timeline says, in the same words; several where one webhook said several things.
fn said(entry: &TimelineEntry) -> Vec<Told> {
    let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
    let tell = |said: String| {
        (
            entry.subject.to_string(),
            entry.subject_id.to_string(),
            entry.origin.to_string(),
            said,
            entry.at_ms.div_euclid(1_000),
        )
    };
    if &*entry.origin != "account_update" {
        return vec![tell(entry.event.to_string())];
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let restrictions = body["restriction_info"].as_array();
    let restrictions: Vec<Told> = restrictions
        .into_iter()
        .flatten()
        .map(|one| {
            tell(format!(
                "{} until {}",
                text(&one["restriction_type"]),
                one["expiration"]
            ))
        })
        .collect();
    if !restrictions.is_empty() {
        return restrictions;
    }
    let ban = text(&body["ban_info"]["waba_ban_state"]);
    if !ban.is_empty() {
        return vec![tell(format!("ban {ban}"))];
    }
    vec![tell(format!(
        "violation {}",
        text(&body["violation_info"]["violation_type"])
    ))]
}

/// A change that was seen from one read to the next.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Seen {
    id: String,
    what: &'static str,
    at_ms: i64,
    before: String,
    after: String,
}

/// What reads of a number could see, by the true timeline.
fn visible(
    truth: &[Transition],
    reads: &BTreeMap<String, BTreeSet<i64>>,
    numbers: usize,
) -> BTreeSet<Seen> {
    let mut all = BTreeSet::new();
    for n in 0..numbers {
        let id = number_id(n);
        for (what, first) in [("rating", "GREEN"), ("status", "CONNECTED")] {
            let mut known: Option<&str> = None;
            for read_ms in reads.get(&id).into_iter().flatten() {
                let mut changes = truth.iter().rev();
                let newest = changes.find(|change| {
                    change.id == id && change.what == what && change.at_ms <= *read_ms
                });
                let now = newest.map_or(first, |change| change.to.as_str());
                if let Some(before) = known.filter(|before| *before != now) {
                    all.insert(Seen {
                        id: id.clone(),
                        what,
                        at_ms: *read_ms,
                        before: before.to_owned(),
                        after: now.to_owned(),
                    });
                }
                known = Some(now);
            }
        }
    }
    all
}

/// What Greenline says that it saw by reads.
fn seen(timeline: &[TimelineEntry]) -> BTreeSet<Seen> {
    let of_reads = timeline.iter().filter(|entry| &*entry.origin == "read");
    of_reads
        .filter_map(|entry| {
            let what = match (&*entry.subject, &*entry.event) {
                ("number", "rating") => "rating",
                ("number", "status") => "status",
                _ => return None,
            };
            let body: Value = serde_json::from_str(&entry.body).ok()?;
            let text = |name: &str| body[name].as_str().map(str::to_owned);
            Some(Seen {
                id: entry.subject_id.to_string(),
                what,
                at_ms: entry.at_ms,
                // The first sight is no change.
                before: text("before")?,
                after: text("after")?,
            })
        })
        .collect()
}

impl Seen {
    /// A flag is announced too: whichever of the news and the read came first is what tells of it.
    fn is_flag(&self) -> bool {
        self.what == "status" && (self.before == "FLAGGED" || self.after == "FLAGGED")
    }
}

/// Changes to a lock and from it, as reads could see them and as Greenline says they did: number, when, locked.
type Locks = BTreeSet<(String, i64, bool)>;

fn locks(span: Span, truth: &[Transition], reads: &BTreeMap<String, BTreeSet<i64>>) -> Locks {
    let mut all = Locks::new();
    for n in 0..span.numbers() {
        let (id, account) = (number_id(n), account_id(span.account_of(n)));
        let mut known = false;
        for read_ms in reads.get(&id).into_iter().flatten() {
            let mut changes = truth.iter().rev();
            let newest = changes.find(|change| {
                change.id == account && change.what == "lock" && change.at_ms <= *read_ms
            });
            let now = newest.is_some_and(|change| change.to == "locked");
            if now != known {
                all.insert((id.clone(), *read_ms, now));
                known = now;
            }
        }
    }
    all
}

fn locks_seen(timeline: &[TimelineEntry]) -> Locks {
    let mut all = Locks::new();
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    let of_health = timeline.iter().filter(|entry| {
        &*entry.origin == "read" && &*entry.subject == "number" && &*entry.event == "health"
    });
    for entry in of_health {
        let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
        let after = body["after"].as_str().unwrap_or_default();
        let now = after.contains("141008");
        let id = entry.subject_id.to_string();
        if known.insert(id.clone(), now).unwrap_or_default() != now {
            all.insert((id, entry.at_ms, now));
        }
    }
    all
}

/// Lives through a span and holds the timelines against each other.
pub(super) async fn nothing_is_missed_and_nothing_is_false(store: Store, span: Span) {
    let (mut month, _home) = Month::begin(span, store).await;
    month.live().await;
    let truth = month.sim.timeline(0);
    let timeline = month.timeline().await;
    let reads = month.reads();
    let mut wrong = std::mem::take(&mut month.wrong);

    let expected = announced(&truth);
    let news: Vec<Told> = timeline
        .iter()
        .filter(|entry| is_announcement(entry))
        .flat_map(said)
        .collect();
    let told: BTreeSet<Told> = news.iter().cloned().collect();
    for missed in expected.difference(&told) {
        wrong.push(format!("missed: {missed:?}"));
    }
    // A category that is to come is announced with the first step of its ladder (SND-07).
    let steps: BTreeSet<i64> = truth
        .iter()
        .filter(|change| change.what == "utility_step")
        .map(|change| change.at_ms.div_euclid(1_000))
        .collect();
    let to_come = |told: &&Told| told.2 == "template_category_update" && steps.contains(&told.4);
    for fake in told.difference(&expected).filter(|told| !to_come(told)) {
        wrong.push(format!("never happened: {fake:?}"));
    }
    // Each once: what a portfolio is told comes for each of its accounts, and is one change all the same.
    let mut times: BTreeMap<&Told, usize> = BTreeMap::new();
    for one in &news {
        *times.entry(one).or_default() += 1;
    }
    for (one, times) in times.iter().filter(|(_, times)| **times > 1) {
        if one.0 != "business" || *times > span.accounts {
            wrong.push(format!("{times} times: {one:?}"));
        }
    }

    let (mut could, mut did) = (visible(&truth, &reads, span.numbers()), seen(&timeline));
    could.retain(|one| !one.is_flag());
    did.retain(|one| !one.is_flag());
    let alike = |all: &BTreeSet<Seen>, one: &Seen| {
        // A read is dated at when it was asked for; the platform's clock may have moved before it answered.
        all.iter().any(|other| {
            let apart_ms = (other.at_ms - one.at_ms).abs();
            apart_ms <= STEP_MS
                && (&other.id, other.what, &other.before, &other.after)
                    == (&one.id, one.what, &one.before, &one.after)
        })
    };
    let missed = could.iter().filter(|one| !alike(&did, one));
    wrong.extend(missed.map(|one| format!("not seen: {one:?}")));
    let fake = did.iter().filter(|one| !alike(&could, one));
    wrong.extend(fake.map(|one| format!("seen and not so: {one:?}")));
    if could.len() != did.len() {
        wrong.push(format!("{} could be seen, {} were", could.len(), did.len()));
    }
    let (could, did) = (locks(span, &truth, &reads), locks_seen(&timeline));
    let alike = |all: &Locks, (id, at_ms, locked): &(String, i64, bool)| {
        all.iter()
            .any(|other| (&other.0, other.2) == (id, *locked) && (other.1 - at_ms).abs() <= STEP_MS)
    };
    let apart = could.symmetric_difference(&did);
    let apart = apart.filter(|one| !alike(&could, one) || !alike(&did, one));
    wrong.extend(apart.map(|one| format!("a lock: {one:?}")));

    let failing = timeline
        .iter()
        .filter(|entry| &*entry.event == "reads_failing");
    wrong.extend(failing.map(|entry| format!("could not read: {entry:?}")));

    let kinds: BTreeSet<&str> = told
        .iter()
        .map(|told| told.3.split(' ').next().unwrap_or_default())
        .collect();
    let summary = format!(
        "seed {}, {} numbers, {} days: {} true changes, {} announced, {} told entries, {} changes by reads, \
         {} reads, {} sends, {} tries; of the webhooks {} came twice, {} late, {} out of order; {kinds:?}",
        span.seed,
        span.numbers(),
        span.days,
        truth.len(),
        expected.len(),
        news.len(),
        seen(&timeline).len(),
        reads.values().map(BTreeSet::len).sum::<usize>(),
        month.went.len(),
        month.tried,
        month.post.doubled,
        month.post.late,
        month.post.overtaken,
    );
    assert!(wrong.is_empty(), "{}\n{summary}", wrong.join("\n"));
    // Something happened of each sort, or nothing was shown.
    assert!(month.post.doubled > 0 && month.post.late > 0, "{summary}");
    assert!(!seen(&timeline).is_empty() && month.tried > 0, "{summary}");
    assert_eq!(locks_seen(&timeline).len() % 2, 0, "{summary}");
    for kind in [
        "violation",
        "ban",
        "PAUSED",
        "RESTRICTED_BIZ_INITIATED_MESSAGING",
    ] {
        assert!(kinds.contains(kind), "{kind}: {summary}");
    }
    println!("{summary}");
    let Month { gateway, sim, .. } = month;
    gateway.stop().await;
    sim.stop().await;
}

/// What a webhook of the platform's own said of an account, a number, a template or the portfolio.
fn is_announcement(entry: &TimelineEntry) -> bool {
    let ours = [
        "read",
        "refusal",
        "greenline",
        "standby",
        "messages",
        "graph",
    ];
    !ours.contains(&&*entry.origin)
}
