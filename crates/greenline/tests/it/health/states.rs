//! Each scripted state: what the gateway says the number can do, what its own sends do, and what the platform lets
//! through when it is tried for real, past the gateway.
//!
//! `yes` must go, `no` must be refused, `unknown` may be either; and what falls one way on one possible platform and the
//! other way on another must be `unknown`, for nobody can know which one is the real one. All cells are kept as a
//! reviewed table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use greenline_sim::HealthState as S;
use greenline_sim::{Answered, Unclear};
use http::Method;
use serde_json::{Value, json};

use super::world::{DANA, OFFER, Place, STRANGER, Told, World};
use crate::support::http::Answer;
use crate::support::settings::ADMIN_KEY;
use crate::support::store::Store;

/// The list of all states, and a match that does not compile while one is missing from it.
macro_rules! every_state {
    ($($state:ident),* $(,)?) => {
        /// Every state that a script knows.
        pub(crate) const STATES: &[S] = &[$(S::$state),*];

        #[expect(dead_code, reason = "it holds the list to the type")]
        fn is_listed(state: S) {
            match state { $(S::$state => {})* }
        }
    };
}

every_state! {
    Connected, Pending, Unverified, Flagged, LimitReached, RateLimited, SpamLimited, Banned, Disconnected, Migrated,
    Deleted, Unknown, StoodBy, ThroughputRaised, RatedGreen, RatedYellow, RatedRed, Unrated,
    Clear, Warned, TemplatesRestricted, MessagesRestricted, AnswersRestricted, Locked, ScheduledForDisable, Disabled,
    Reinstated, UtilityWarned, UtilityRateLimited, UtilityUsedUp, UtilityRestricted, UtilityRestrictedPortfolio,
    AddingNumbersRestricted, OutgoingCallsRestricted, IncomingCallsRestricted, CallsRestricted, CallButtonHidden,
    PaymentProblem, Offboarded, PhoneDisconnected, Reconnected, Unsubscribed, Subscribed, AccountDeleted,
    TemplatePaused, TemplateDisabled, TemplateApproved, TemplateGreen, TemplateYellow, TemplateRed,
    Limit, LimitDeferred, Verified,
}

/// 1 September 2025: limits are numbers', FLAGGED is in use, answers are free.
const OLD_ERA_MS: i64 = 1_756_684_800_000;
/// 1 November 2026: limits are portfolios', answers may be charged for.
const CHARGED_MS: i64 = 1_793_491_200_000;

/// Every capability, in the order of the table.
const WHATS: [&str; 8] = [
    "start.marketing",
    "start.utility",
    "start.authentication",
    "reply",
    "receive",
    "call",
    "receive_call",
    "add_number",
];

/// A named template of each kind, with how many parameters its body takes.
const TEMPLATES: [(&str, &str, &str, usize); 3] = [
    ("start.marketing", "MARKETING", "spring_offer", 0),
    ("start.utility", "UTILITY", "order_update", 1),
    ("start.authentication", "AUTHENTICATION", "login_code", 1),
];

/// What became of something that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// It went, or arrived.
    Went,
    /// It was refused at once.
    Refused(u32),
    /// It was taken and failed.
    Failed(u32),
    /// It did not arrive, and nobody was told.
    Lost,
}

/// What the gateway's own send path made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Own {
    allowed: bool,
    rule: String,
    until: Option<String>,
}

/// Everything about one state on one platform.
#[derive(Clone, Debug)]
struct Found {
    era: &'static str,
    platform: &'static str,
    state: S,
    can: BTreeMap<&'static str, String>,
    until: BTreeMap<&'static str, Option<String>>,
    cause: BTreeMap<&'static str, String>,
    /// Whether nothing else is in the way: only then has a refusal no other end.
    alone: BTreeMap<&'static str, bool>,
    tried: BTreeMap<&'static str, Outcome>,
    own: BTreeMap<&'static str, Own>,
    /// Whether the offer itself goes: by the gateway, and past it. Only where the state is a template's.
    offer: Option<(bool, bool)>,
}

/// A state that nobody tells and no read shows: the first send finds it.
fn found_by(state: S) -> Option<&'static str> {
    match state {
        S::SpamLimited => Some("start.marketing"),
        S::UtilityUsedUp => Some("start.utility"),
        _ => None,
    }
}

fn is_of_template(state: S) -> bool {
    matches!(
        state,
        S::TemplatePaused
            | S::TemplateDisabled
            | S::TemplateApproved
            | S::TemplateGreen
            | S::TemplateYellow
            | S::TemplateRed
    )
}

fn template(to: &str, name: &str, parameters: usize) -> Value {
    let mut template = json!({ "name": name, "language": { "code": "en_US" } });
    if parameters > 0 {
        let one = json!({ "type": "text", "text": "12345" });
        let all = vec![one; parameters];
        template["components"] = json!([{ "type": "body", "parameters": all }]);
    }
    json!({ "messaging_product": "whatsapp", "to": to, "type": "template", "template": template })
}

fn text(to: &str) -> Value {
    json!({ "messaging_product": "whatsapp", "to": to, "type": "text", "text": { "body": "Here you are" } })
}

/// The message that the gateway is asked about a capability with.
fn message(what: &str) -> Value {
    match TEMPLATES.iter().find(|(kind, ..)| *kind == what) {
        Some((_, _, name, parameters)) => template(STRANGER, name, *parameters),
        None => text(DANA),
    }
}

/// One possible platform at one time, with all its states.
struct Scene<'a> {
    era: &'static str,
    platform: &'static str,
    world: &'a World,
    /// Whether decisions are also carried out; elsewhere they are only asked for.
    sends: bool,
}

impl Scene<'_> {
    async fn found(&self, place: &Place) -> Found {
        if let Some(what) = found_by(place.state) {
            self.live(place, what).await;
            self.world.settle().await;
        }
        let told = self.world.told(place, None).await;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let each = WHATS.iter();
        let cells: Vec<(&str, &Value)> = each.map(|what| (*what, told.cell(what))).collect();
        let mut found = Found {
            era: self.era,
            platform: self.platform,
            state: place.state,
            can: of_each(&cells, |cell| text(&cell["can"]).unwrap_or_default()),
            until: of_each(&cells, |cell| text(&cell["until"])),
            cause: of_each(&cells, |cell| text(&cell["cause"]).unwrap_or_default()),
            alone: of_each(&cells, |cell| cell["also"].is_null()),
            tried: BTreeMap::new(),
            own: BTreeMap::new(),
            offer: None,
        };
        for what in &WHATS[..4] {
            found.own.insert(*what, self.own(place, what, &told).await);
        }
        if is_of_template(place.state) {
            let offer = template(STRANGER, OFFER, 0);
            let own = self.asked(place, &offer).await;
            let past = self.past(place, "messages", &offer).await;
            found.offer = Some((own.allowed, past.status == 200));
        }
        found.tried = self.tried(place).await;
        found
    }

    /// The gateway's decision on a capability, asked for and then carried out: both the same, and what it refuses never
    /// reaches the platform.
    async fn own(&self, place: &Place, what: &str, told: &Told) -> Own {
        // What an earlier one was answered may have taught it something.
        let asked = self.asked(place, &message(what)).await;
        if !self.sends {
            return asked;
        }
        let now = self.world.told(place, None).await;
        let about = format!("{:?}, {what}: {asked:?}", place.state);
        let answer = self.live(place, what).await;
        let arrived = answer.1;
        assert_eq!(arrived, asked.allowed, "{about}: {}", answer.0.json());
        if !asked.allowed {
            let reasons = answer.0.header("greenline-reasons");
            assert!(reasons.starts_with(&asked.rule), "{about}: {reasons}");
        }
        if now.can(what) == told.can(what) {
            return asked;
        }
        // It learned something since: held against what it says now.
        let says = now.can(what);
        let may = if what == "reply" {
            says != "no"
        } else {
            says == "yes"
        };
        assert_eq!(may, asked.allowed, "{about}, now {says}");
        Own {
            allowed: may_go(what, told.can(what)),
            rule: "(learned)".to_owned(),
            until: text_of(told, what),
        }
    }

    async fn asked(&self, place: &Place, message: &Value) -> Own {
        let body =
            json!({ "business": place.business, "number": place.number, "message": message });
        let answer = self.world.post("/v1/decisions", ADMIN_KEY, &body).await;
        let said = answer.json();
        assert_eq!(answer.status.as_u16(), 200, "{said}");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let allowed = said["decision"] == "allow";
        let reasons = said["reasons"].as_array().expect("reasons").iter();
        let refusing = reasons.filter(|reason| reason["refuses"] == true);
        let rule = refusing.clone().find_map(|reason| text(&reason["rule"]));
        Own {
            allowed,
            rule: rule.unwrap_or_default(),
            until: text(&said["until"]),
        }
    }

    /// News that names one number closes that one, and none of the others of its account: to the matrix and to sends.
    async fn one_number_leaves_alone(&self) {
        let mut places = self.world.places.iter();
        let place = places.find(|place| place.state == S::TemplatesRestricted);
        let place = place.expect("a place whose answers go");
        for (event, named, can) in [
            ("ACCOUNT_OFFBOARDED", "+1 555 999 0000", "yes"),
            ("ACCOUNT_OFFBOARDED", place.display(), "no"),
            ("ACCOUNT_RECONNECTED", place.display(), "yes"),
        ] {
            if event == "ACCOUNT_RECONNECTED" {
                // Of two of one moment the stricter counts.
                self.world.pass(1).await;
            }
            let news = json!({ "event": event, "phone_number": named });
            let told = self
                .world
                .sim
                .tell(&place.account, None, "account_update", &news);
            assert!(told, "{news}");
            self.world.settle().await;
            let told = self.world.told(place, None).await;
            assert_eq!(told.can("reply"), can, "{news}: {:?}", told.causes());
            let own = self.asked(place, &message("reply")).await;
            assert_eq!(own.allowed, can == "yes", "{news}: {own:?}");
            let rule = if can == "yes" { "" } else { "number.offline" };
            assert_eq!(own.rule, rule, "{news}");
        }
    }

    /// Sends it through the gateway; the answer, and whether it reached the platform.
    async fn live(&self, place: &Place, what: &str) -> (Answer, bool) {
        let before = self.world.sim.request_count();
        let target = format!("/v23.0/{}/messages", place.number);
        let answer = self.world.post(&target, &place.key, &message(what)).await;
        let seen = self.world.sim.requests(before);
        let arrived = seen
            .iter()
            .any(|request| request.is_send() && request.number.as_deref() == Some(&*place.number));
        (answer, arrived)
    }

    /// A call of the platform, past the gateway.
    async fn past(&self, place: &Place, edge: &str, body: &Value) -> Answered {
        let target = format!("/v23.0/{}/{edge}", place.number);
        self.call(place, Method::POST, &target, body).await
    }

    async fn call(&self, place: &Place, method: Method, target: &str, body: &Value) -> Answered {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let sim = &self.world.sim;
        let answer = sim.call(method, target, &place.token, body).await;
        answer.expect("an answer")
    }

    /// Tries everything for real.
    async fn tried(&self, place: &Place) -> BTreeMap<&'static str, Outcome> {
        let mut outcomes = BTreeMap::new();
        let mut sent = Vec::new();
        let told = self.world.sim.deliveries(0);
        let since = told.last().map_or(0, |delivery| delivery.seq);
        for (what, category, usual, _) in TEMPLATES {
            match self.template_of(place, category, usual).await {
                Ok((name, parameters)) => {
                    let message = template(STRANGER, &name, parameters);
                    sent.push((what, self.past(place, "messages", &message).await));
                }
                Err(code) => {
                    outcomes.insert(what, Outcome::Refused(code));
                }
            }
        }
        sent.push(("reply", self.past(place, "messages", &text(DANA)).await));
        self.world.settle().await;
        for (what, answer) in sent {
            outcomes.insert(what, self.outcome(&answer, since));
        }
        let call = json!({ "messaging_product": "whatsapp", "to": DANA, "action": "connect" });
        let answer = self.past(place, "calls", &call).await;
        outcomes.insert("call", answer.code.map_or(Outcome::Went, Outcome::Refused));
        let target = format!("/v23.0/{}/phone_numbers", place.account);
        let added = json!({ "cc": "1", "phone_number": "5550199", "verified_name": "Acme" });
        let answer = self.call(place, Method::POST, &target, &added).await;
        outcomes.insert(
            "add_number",
            answer.code.map_or(Outcome::Went, Outcome::Refused),
        );
        let comes = |told: bool| if told { Outcome::Went } else { Outcome::Lost };
        outcomes.insert("receive", comes(self.arrives(place).await));
        let called = self.world.sim.person_calls(&place.number, DANA);
        outcomes.insert("receive_call", comes(called.expect("a number").told));
        self.world.settle().await;
        outcomes
    }

    /// A template of this category as the platform has it now; where there is none, whether one could be made.
    async fn template_of(
        &self,
        place: &Place,
        category: &str,
        usual: &str,
    ) -> Result<(String, usize), u32> {
        let target = format!("/v23.0/{}/message_templates?limit=50", place.account);
        let answer = self.call(place, Method::GET, &target, &Value::Null).await;
        let list: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let Some(list) = list["data"].as_array() else {
            // It may not be read (ENF-13): the one that was there.
            return Ok((usual.to_owned(), parameters_of(usual)));
        };
        let fits = |one: &&Value| one["category"] == category && one["status"] == "APPROVED";
        let mut fitting = list.iter().filter(fits);
        let named = fitting.clone().find(|one| one["name"] == usual);
        if let Some(one) = named.or_else(|| fitting.next()) {
            let name = one["name"].as_str().unwrap_or_default().to_owned();
            let parameters = parameters_of(&name);
            return Ok((name, parameters));
        }
        let target = format!("/v23.0/{}/message_templates", place.account);
        let made = json!({
            "name": "made_anew", "language": "en_US", "category": category,
            "components": [{ "type": "BODY", "text": "Your parcel is here." }],
        });
        let answer = self.call(place, Method::POST, &target, &made).await;
        match answer.code {
            Some(code) => Err(code),
            None => {
                self.world.settle().await;
                Ok(("made_anew".to_owned(), 0))
            }
        }
    }

    /// Whether what a person writes reaches the gateway: it is there, and known to be there.
    async fn arrives(&self, place: &Place) -> bool {
        let told = self.world.writes(place, "Are you there?");
        self.world.settle().await;
        let known = self.world.told(place, None).await;
        let last = known.0["last_inbound_at"].as_str().unwrap_or_default();
        let now = jiff::Timestamp::from_millisecond(self.world.now_ms()).expect("a time");
        let last: Option<jiff::Timestamp> = last.parse().ok();
        let arrived = last.is_some_and(|last| last.as_second() == now.as_second());
        assert_eq!(told, arrived, "{:?}: {last:?} at {now}", place.state);
        arrived
    }

    /// What became of a send, by its answer and its statuses.
    fn outcome(&self, answer: &Answered, since: u64) -> Outcome {
        if let Some(code) = answer.code {
            return Outcome::Refused(code);
        }
        let id = answer.id.clone().expect("an id");
        let mut deliveries = self.world.sim.deliveries(since).into_iter();
        let failed = deliveries.find_map(|delivery| {
            let body: Value = serde_json::from_slice(&delivery.body?).ok()?;
            let statuses = body.pointer("/entry/0/changes/0/value/statuses/0")?;
            let is_it = statuses["id"] == *id && statuses["status"] == "failed";
            is_it
                .then(|| statuses["errors"][0]["code"].as_u64())
                .flatten()
        });
        match failed {
            None => Outcome::Went,
            Some(code) => Outcome::Failed(u32::try_from(code).unwrap_or_default()),
        }
    }
}

fn parameters_of(name: &str) -> usize {
    let named = TEMPLATES.iter().find(|(_, _, known, _)| *known == name);
    named.map_or(0, |(.., parameters)| *parameters)
}

fn of_each<T>(
    cells: &[(&'static str, &Value)],
    read: impl Fn(&Value) -> T,
) -> BTreeMap<&'static str, T> {
    cells
        .iter()
        .map(|(what, cell)| (*what, read(cell)))
        .collect()
}

fn text_of(told: &Told, what: &str) -> Option<String> {
    told.cell(what)["until"].as_str().map(str::to_owned)
}

/// Where the documents leave it open and `health_status` tells it all the same, what differs is told apart.
fn is_told_apart(found: &Found, what: &str) -> bool {
    found.cause[what].starts_with("health.")
}

/// What the send path is to do by the matrix: where nobody knows, nothing is started and answers are tried (N3).
fn may_go(what: &str, can: &str) -> bool {
    match what {
        "reply" => can != "no",
        _ => can == "yes",
    }
}

/// Cells where a decision stands against the way that a possible platform may go, each with the decision.
fn is_decided(found: &Found, what: &str) -> bool {
    // N7: answers under the spam limit are `yes`; a platform that slows some of them is borne with.
    found.state == S::SpamLimited && what == "reply"
}

/// Everything that is wrong with what was told, by what was tried.
fn complaints(all: &[Found]) -> Vec<String> {
    let mut complaints = Vec::new();
    for found in all {
        let about = format!("{:?} ({}, {})", found.state, found.era, found.platform);
        for what in WHATS {
            let (can, outcome) = (&*found.can[what], found.tried[what]);
            let went = outcome == Outcome::Went;
            let cause = &found.cause[what];
            match can {
                "yes" if !went && !is_decided(found, what) => complaints.push(format!(
                    "{about}: {what} is yes ({cause}), and the platform: {outcome:?}"
                )),
                "no" if went => {
                    complaints.push(format!("{about}: {what} is no ({cause}), and it went"));
                }
                "yes" | "no" | "unknown" => {}
                other => complaints.push(format!("{about}: {what} is `{other}`")),
            }
            let Some(own) = found.own.get(what) else {
                continue;
            };
            // Templates that were made marketing by force go as that (N9).
            let as_what = match found.state {
                S::UtilityRestricted | S::UtilityRestrictedPortfolio if what == "start.utility" => {
                    "start.marketing"
                }
                _ => what,
            };
            // How many utility templates may go nobody knows: the platform is left to answer for itself (N9).
            let is_left = cause == "restriction.utility_rate" && own.allowed;
            if !is_left && own.allowed != may_go(as_what, &found.can[as_what]) {
                complaints.push(format!(
                    "{about}: {what} is {can} ({cause}), and the send path: {own:?}"
                ));
            }
            let until = found.until[what].as_ref().filter(|_| can == "no");
            let is_same = own.until.as_ref() == until || !found.alone[what];
            if !own.allowed && until.is_some() && !is_same {
                complaints.push(format!(
                    "{about}: {what} is no until {until:?}, and the send path: {own:?}"
                ));
            }
        }
        if let Some((own, past)) = found.offer
            && own != past
        {
            complaints.push(format!("{about}: the offer by us {own}, past us {past}"));
        }
    }
    for (era, state, what) in differing(all) {
        let of_it = all
            .iter()
            .filter(|one| one.era == era && one.state == state);
        let sure = of_it
            .filter(|one| one.can[what] != "unknown")
            .filter(|one| !is_decided(one, what) && !is_told_apart(one, what));
        for one in sure {
            complaints.push(format!(
                "{state:?} ({era}): {what} differs between platforms, and on {} it is {}",
                one.platform, one.can[what]
            ));
        }
    }
    complaints
}

/// What goes on one possible platform and not on another.
fn differing(all: &[Found]) -> Vec<(&'static str, S, &'static str)> {
    let mut differing = Vec::new();
    for found in all {
        for what in WHATS {
            let key = (found.era, found.state, what);
            let of_it = all
                .iter()
                .filter(|one| one.era == found.era && one.state == found.state);
            let outcomes: BTreeSet<bool> =
                of_it.map(|one| one.tried[what] == Outcome::Went).collect();
            if outcomes.len() > 1 && !differing.contains(&key) {
                differing.push(key);
            }
        }
    }
    differing
}

/// All cells of an era: what was told, and what the platforms did. `y+` it was told yes and went, `n-` no and was
/// refused, `u` unknown; `*` it went on one platform and not on another.
fn table(all: &[Found], era: &str) -> String {
    let mut shown = String::from(
        "state                          mark  util  auth  reply recv  call  ring  add   send path: start, reply\n",
    );
    for state in STATES {
        let of_it: Vec<&Found> = all
            .iter()
            .filter(|one| one.era == era && one.state == *state)
            .collect();
        let Some(first) = of_it.first() else {
            continue;
        };
        let name = serde_json::to_value(state).expect("a name");
        let mut row = format!("{:<31}", name.as_str().unwrap_or_default());
        for what in WHATS {
            let cans: BTreeSet<char> = of_it
                .iter()
                .filter_map(|one| one.can[what].chars().next())
                .collect();
            let went: BTreeSet<bool> = of_it
                .iter()
                .map(|one| one.tried[what] == Outcome::Went)
                .collect();
            let mut cell = cans.into_iter().collect::<String>();
            cell.push(match (went.contains(&true), went.contains(&false)) {
                (true, true) => '*',
                (true, false) => '+',
                _ => '-',
            });
            let _ = write!(row, "{cell:<6}");
        }
        let own = |what: &str| match &first.own[what] {
            own if own.allowed => "goes",
            own => &*own.rule,
        };
        let _ = write!(row, "{}, {}", own("start.marketing"), own("reply"));
        let _ = writeln!(shown, "{}", row.trim_end());
    }
    shown
}

/// The plainest reading of the documents, with every point the other way round.
fn turned(unclear: Unclear) -> Unclear {
    let mut turned = serde_json::to_value(unclear).expect("points");
    for value in turned.as_object_mut().expect("points").values_mut() {
        if let Value::Bool(fell) = value {
            *fell = !*fell;
        }
    }
    turned["restriction_code"] = json!("131031");
    turned["quiet_number"] = json!("keeps");
    turned["native_stop_reach"] = json!("number");
    serde_json::from_value(turned).expect("points")
}

/// The possible platforms that are looked at, with their eras.
fn platforms() -> [Platform; 3] {
    let plain = Unclear::default();
    [
        ("2025-09", OLD_ERA_MS, "plain", plain),
        ("2026-11", CHARGED_MS, "plain", plain),
        ("2026-11", CHARGED_MS, "turned", turned(plain)),
    ]
}

/// An era by its name, its moment, and how everything falls there that the documents leave open.
type Platform = (&'static str, i64, &'static str, Unclear);

/// So few are looked at on the second store: what is said does not depend on it.
const FEW: [S; 6] = [
    S::TemplatesRestricted,
    S::MessagesRestricted,
    S::Locked,
    S::Banned,
    S::SpamLimited,
    S::UtilityUsedUp,
];

async fn looked_at(
    store: Store,
    (era, start_ms, platform, unclear): Platform,
    states: &[S],
) -> Vec<Found> {
    let world = World::open(store, start_ms, unclear, states).await;
    world.people().await;
    world.pass(1).await;
    for place in &world.places {
        world.sim.script(&place.script()).expect("a state");
    }
    world.pass(1).await;
    let mut all = Vec::new();
    world.read().await;
    let scene = Scene {
        era,
        platform,
        world: &world,
        sends: platform == "plain" && era != "2025-09",
    };
    for place in &world.places {
        all.push(scene.found(place).await);
    }
    if scene.sends {
        scene.one_number_leaves_alone().await;
    }
    world.close().await;
    all
}

/// A judge that finds nothing wrong must be one that would find it: every sure cell is turned round in turn.
fn planted_errors_are_found(all: &[Found]) {
    for found in all {
        for what in WHATS {
            let turned = match &*found.can[what] {
                "yes" => "no",
                "no" => "yes",
                _ => continue,
            };
            let mut planted = found.clone();
            planted.can.insert(what, turned.to_owned());
            if is_decided(&planted, what) {
                continue;
            }
            let complaints = complaints(&[planted]);
            assert!(!complaints.is_empty(), "{:?}: {what}", found.state);
        }
    }
}

pub(super) async fn each_state_lets_through_what_was_said(store: Store) {
    let mut all = Vec::new();
    match store {
        Store::Sqlite => {
            let looking = platforms().map(|one| looked_at(store, one, STATES));
            for found in futures_util::future::join_all(looking).await {
                all.extend(found);
            }
        }
        Store::Postgres => {
            let [_, plain, _] = platforms();
            all.extend(looked_at(store, plain, &FEW).await);
        }
    }
    let complaints = complaints(&all);
    let eras: BTreeSet<&str> = all.iter().map(|found| found.era).collect();
    let tables: Vec<String> = eras
        .iter()
        .map(|era| format!("{era}\n{}", table(&all, era)))
        .collect();
    assert!(
        complaints.is_empty(),
        "{}\n{}",
        complaints.join("\n"),
        tables.join("\n")
    );
    // Silence that is no enforcement is named.
    for found in &all {
        let named = match found.state {
            S::StoodBy => "standby",
            S::Unsubscribed => "not_subscribed",
            S::Offboarded | S::PhoneDisconnected => "offboarded",
            S::Migrated => "status.migrated",
            _ => continue,
        };
        assert_eq!(found.cause["receive"], named, "{:?}", found.state);
    }
    planted_errors_are_found(&all);
    if store == Store::Sqlite {
        insta::assert_snapshot!(tables.join("\n"));
    }
}
