//! Every condition there is, each brought about at a number of its own: told once however often it is looked and whatever
//! is restarted, with what to do, and over once.
//!
//! One platform and one gateway serve all of them, on a clock that only the test moves.

use std::collections::{BTreeMap, BTreeSet};

use greenline_gateway::{alerts, avenues};
use greenline_policy::alert::Kind;
use greenline_sim::{
    AccountChange, Effect, Fault, HealthState as S, Inbound, Match, NumberChange, Restriction,
    Script, TemplateChange, TokenChange, Unclear,
};
use serde_json::{Value, json};

use crate::health::world::{DANA, Place, STRANGER, World};
use crate::support::settings::ADMIN_KEY;
use crate::support::store::Store;

/// 1 November 2026.
const START_MS: i64 = 1_793_491_200_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// People that a portfolio of 50 must have reached for its limit to count as near.
const NEARLY_ALL: usize = 40;

/// What stands besides, where a condition cannot be had alone.
fn besides(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::RestrictionStarts | Kind::RestrictionEnding => &["restriction.adding"],
        Kind::RestrictionReplies => &["restriction.starts", "restriction.adding"],
        Kind::AccountRefused
        | Kind::AccountUnclear
        | Kind::RestrictionUnread
        | Kind::TokenRefused => &["reads.failing"],
        // The platform gives no reason for `health_status` BLOCKED that is known here.
        Kind::NumberBanned | Kind::NumberOffline | Kind::UnknownWord => &["number.blocked"],
        Kind::RestrictionUnknown => &["word.unknown_of_account"],
        // What was utility goes as marketing then.
        Kind::RestrictionUtility => &["template.category"],
        Kind::TokenExpiresSoon => &["token.expiring"],
        Kind::TokenExpired => &[
            "reads.failing",
            "token.expires_soon",
            "token.expiring",
            "token.refused",
        ],
        Kind::WebhooksSilent => &["webhooks.not_subscribed"],
        Kind::LimitNear => &["limit.lowered"],
        _ => &[],
    }
}

/// Whether it is over by itself, when time goes by.
fn is_news(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::RestrictionStarts
            | Kind::RestrictionReplies
            | Kind::RestrictionUnknown
            | Kind::RestrictionUtility
            | Kind::RestrictionCalls
            | Kind::RestrictionAdding
            | Kind::RestrictionEnding
            | Kind::Warned
            | Kind::LimitRaised
            | Kind::LimitLowered
            | Kind::TemplateCategory
    )
}

/// What is brought about, and how.
struct Scene<'w> {
    world: &'w World,
    place: &'w Place,
}

impl Scene<'_> {
    fn script(&self, state: S) -> Script {
        let mut script = Script::number(&self.place.number, state);
        script.template = Some(self.place.offer());
        script
    }

    fn play(&self, script: &Script) {
        self.world.sim.script(script).expect("a place");
    }

    fn state(&self, state: S) {
        self.play(&self.script(state));
    }

    fn until(&self, state: S, for_ms: i64) {
        self.play(&self.script(state).until(self.world.now_ms() + for_ms));
    }

    fn number(&self, change: &NumberChange) {
        let changed = self.world.sim.change_number(&self.place.number, change);
        changed.expect("a number");
    }

    fn status(&self, status: &str) {
        self.number(&NumberChange {
            status: Some(status.to_owned()),
            ..NumberChange::default()
        });
    }

    fn limit(&self, limit: &str) {
        self.number(&NumberChange {
            messaging_limit: Some(limit.to_owned()),
            ..NumberChange::default()
        });
    }

    fn account(&self, change: &AccountChange) {
        let changed = self.world.sim.change_account(&self.place.account, change);
        changed.expect("an account");
    }

    fn review(&self, status: &str) {
        self.account(&AccountChange {
            review_status: Some(status.to_owned()),
            ..AccountChange::default()
        });
    }

    fn token(&self, change: &TokenChange) {
        let token = self.place.token.clone();
        let changed = self.world.sim.change_token(&TokenChange {
            token,
            ..change.clone()
        });
        changed.expect("a token");
    }

    fn token_ends(&self, in_ms: i64) {
        self.token(&TokenChange {
            expires_s: Some((self.world.now_ms() + in_ms) / 1_000),
            ..TokenChange::default()
        });
    }

    /// The number cannot be read any more.
    fn unreadable(&self) {
        self.world.sim.fault(Fault {
            matches: Match {
                path: Some(self.place.number.clone()),
                method: Some("GET".to_owned()),
                ..Match::default()
            },
            effect: Effect {
                status: Some(500),
                ..Effect::default()
            },
            count: None,
        });
    }

    async fn send(&self, message: &Value) {
        let target = format!("/v23.0/{}/messages", self.place.number);
        self.world.post(&target, &self.place.key, message).await;
    }

    async fn answer(&self) {
        let text = json!({ "messaging_product": "whatsapp", "to": DANA, "type": "text", "text": { "body": "Here you are" } });
        self.send(&text).await;
    }

    async fn offer(&self, to: &str) {
        let template = json!({ "name": "spring_offer", "language": { "code": "en_US" } });
        let message = json!({ "messaging_product": "whatsapp", "to": to, "type": "template", "template": template });
        self.send(&message).await;
    }

    async fn agrees(&self, person: &str) {
        let body = json!({
            "business": self.place.business, "person": { "wa_id": person }, "scope": "marketing", "event": "granted",
            "evidence": {
                "method": "website_form", "wording": "Yes, write to me on WhatsApp", "business_name": "Acme",
                "source": "https://acme.example/yes",
            },
        });
        let answer = self.world.post("/v1/consents", ADMIN_KEY, &body).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
    }

    fn dana_writes(&self) {
        let inbound = Inbound::text(&self.place.number, DANA, "Hello again");
        self.world.sim.inbound(&inbound).expect("a number");
    }

    async fn begins(&self, kind: Kind) {
        match kind {
            Kind::AccountDisabled => self.state(S::Disabled),
            Kind::AccountLocked => self.state(S::Locked),
            Kind::AccountRefused => {
                self.unreadable();
                let path = format!("{}/messages", self.place.number);
                self.world.sim.fault(Fault::error(131_031).on_path(&path));
                self.answer().await;
            }
            Kind::AccountScheduled => self.until(S::ScheduledForDisable, 7 * DAY_MS),
            // A read that says AVAILABLE ends it (N14).
            Kind::AccountUnclear => {
                self.unreadable();
                self.review("REJECTED");
            }
            Kind::NumberBanned => self.state(S::Banned),
            Kind::NumberOffline => self.state(S::Disconnected),
            Kind::HealthBlocked => self.number(&NumberChange {
                health_status: Some(json!({
                    "can_send_message": "BLOCKED",
                    "entities": [{ "entity_type": "PHONE_NUMBER", "id": self.place.number, "can_send_message": "BLOCKED",
                        "errors": [{ "error_code": 199_999, "error_description": "Something new" }] }],
                })),
                ..NumberChange::default()
            }),
            Kind::NumberThrottled => self.state(S::RateLimited),
            Kind::RestrictionStarts => self.until(S::TemplatesRestricted, 3 * DAY_MS),
            Kind::RestrictionReplies => self.until(S::MessagesRestricted, 5 * DAY_MS),
            Kind::RestrictionUnknown => self.account(&AccountChange {
                restrictions: Some(vec![Restriction {
                    kind: "RESTRICTED_SOMETHING_NEW".to_owned(),
                    expires_s: (self.world.now_ms() + 3 * DAY_MS) / 1_000,
                }]),
                ..AccountChange::default()
            }),
            Kind::RestrictionUtility => self.until(S::UtilityRestricted, 3 * DAY_MS),
            Kind::RestrictionCalls => self.until(S::CallsRestricted, 3 * DAY_MS),
            Kind::RestrictionAdding => self.until(S::AddingNumbersRestricted, 3 * DAY_MS),
            Kind::RestrictionEnding => self.until(S::AddingNumbersRestricted, 20 * HOUR_MS),
            Kind::RestrictionUnread => {
                self.unreadable();
                self.until(S::TemplatesRestricted, HOUR_MS);
            }
            Kind::Payment => self.state(S::PaymentProblem),
            Kind::SpamLimit => {
                self.state(S::SpamLimited);
                self.offer(STRANGER).await;
            }
            Kind::TokenRefused => self.token(&TokenChange {
                revoked: Some(true),
                ..TokenChange::default()
            }),
            Kind::TokenExpired => self.token_ends(HOUR_MS),
            Kind::TokenExpiresSoon => self.token_ends(2 * DAY_MS),
            Kind::TokenExpiring => self.token_ends(10 * DAY_MS),
            Kind::WebhooksSilent => {
                self.state(S::Unsubscribed);
                for _ in 0..3 {
                    self.answer().await;
                }
            }
            Kind::NotSubscribed => {
                // Another app gets them still.
                self.account(&AccountChange {
                    other_apps: Some(vec!["699900000000001".to_owned()]),
                    ..AccountChange::default()
                });
                self.state(S::Unsubscribed);
            }
            Kind::Standby => {
                self.state(S::StoodBy);
                self.dana_writes();
            }
            Kind::ReadsFailing => self.unreadable(),
            Kind::RatingLow => self.state(S::RatedRed),
            Kind::RatingMedium => self.state(S::RatedYellow),
            Kind::Warned => self.state(S::Warned),
            Kind::LimitReached => self.state(S::LimitReached),
            Kind::LimitNear => {
                self.limit("TIER_50");
                for person in 0..NEARLY_ALL {
                    let person = format!("1555020{person:04}");
                    self.agrees(&person).await;
                    self.offer(&person).await;
                }
            }
            Kind::LimitLowered => self.limit("TIER_250"),
            Kind::LimitRaised => self.limit("TIER_10K"),
            Kind::TemplateDisabled => self.state(S::TemplateDisabled),
            Kind::TemplatePaused => self.state(S::TemplatePaused),
            Kind::TemplateCategory => {
                let change = TemplateChange {
                    category: Some("UTILITY".to_owned()),
                    ..TemplateChange::default()
                };
                let changed = self.world.sim.change_template(self.place.offer(), &change);
                changed.expect("a template");
            }
            // Nobody writes for a week: see below. Meanwhile the platform does not speak of its token.
            Kind::AvenueClosed => self.token(&TokenChange {
                may_ask: Some(false),
                ..TokenChange::default()
            }),
            Kind::UnknownWord => self.status("SOMETHING_NEW"),
            Kind::UnknownAccountWord => self.account(&AccountChange {
                ban: Some("PERHAPS".to_owned()),
                ..AccountChange::default()
            }),
            Kind::UnknownLimit => self.limit("TIER_SOMETHING_NEW"),
        }
    }

    fn ends(&self, kind: Kind) {
        match kind {
            Kind::AccountDisabled | Kind::AccountScheduled => self.state(S::Reinstated),
            Kind::UnknownAccountWord => self.account(&AccountChange {
                ban: Some("REINSTATE".to_owned()),
                ..AccountChange::default()
            }),
            Kind::AccountLocked | Kind::Payment => self.state(S::Clear),
            Kind::AccountUnclear => self.review("APPROVED"),
            Kind::NumberBanned
            | Kind::NumberOffline
            | Kind::NumberThrottled
            | Kind::SpamLimit
            | Kind::LimitReached => self.state(S::Connected),
            Kind::HealthBlocked => self.number(&NumberChange {
                health_status: Some(Value::Null),
                ..NumberChange::default()
            }),
            Kind::TokenRefused => self.token(&TokenChange {
                revoked: Some(false),
                ..TokenChange::default()
            }),
            Kind::TokenExpired | Kind::TokenExpiresSoon | Kind::TokenExpiring => {
                self.token(&TokenChange {
                    expires_s: Some(0),
                    ..TokenChange::default()
                });
            }
            Kind::WebhooksSilent | Kind::NotSubscribed => {
                self.state(S::Subscribed);
                self.dana_writes();
            }
            Kind::Standby => {
                self.state(S::Connected);
                self.dana_writes();
            }
            Kind::RatingLow | Kind::RatingMedium => self.state(S::RatedGreen),
            Kind::LimitNear | Kind::UnknownLimit => self.limit("TIER_2K"),
            Kind::TemplateDisabled | Kind::TemplatePaused => self.state(S::TemplateApproved),
            Kind::UnknownWord => self.status("CONNECTED"),
            // All faults are gone at once.
            Kind::AccountRefused | Kind::RestrictionUnread | Kind::ReadsFailing => {}
            Kind::AvenueClosed => self.dana_writes(),
            kind => assert!(is_news(kind), "{kind:?} has no end"),
        }
    }

    async fn looks(&self) {
        let app = self.world.gateway.app();
        let mut all = app.directory.businesses();
        let business = all.find(|business| business.config.id == self.place.business);
        let business = business.expect("a business");
        alerts::look(app, business).await.expect("a store");
    }

    /// Looks which ways out are open.
    async fn watches(&self) {
        let app = self.world.gateway.app();
        let mut all = app.directory.businesses();
        let business = all.find(|business| business.config.id == self.place.business);
        let business = business.expect("a business");
        let watched = avenues::watch_one(app, business, &mut None).await;
        watched.expect("a store");
    }

    /// What is known of the number's token, and until when that holds.
    async fn token_fact(&self) -> (String, Value) {
        let target = format!("/v1/numbers/{}", self.place.number);
        let answer = self.world.get(&target, ADMIN_KEY).await.json();
        let mut facts = answer["facts"].as_array().expect("facts").iter();
        let fact = facts.find(|fact| fact["fact"] == "token");
        let fact = fact.unwrap_or_else(|| panic!("nothing of the token: {answer}"));
        let value = fact["value"].as_str().unwrap_or_default();
        (value.to_owned(), fact["until"].clone())
    }

    /// Who gets the account's webhooks, as it was noted, newest first.
    async fn subscribed(&self) -> Vec<Value> {
        let target = format!("/v1/numbers/{}/timeline?what=subscribed", self.place.number);
        let answer = self.world.get(&target, ADMIN_KEY).await.json();
        let entries = answer["entries"].as_array().expect("entries").iter();
        entries
            .map(|entry| entry["changes"][0]["after"].clone())
            .collect()
    }

    async fn shown(&self) -> Value {
        let target = format!("/v1/alerts?business={}", self.place.business);
        let answer = self.world.get(&target, ADMIN_KEY).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
        answer.json()
    }

    /// What stands, by kind. Ways out are looked at beside this test too.
    async fn open(&self, kind: Kind) -> BTreeMap<String, Value> {
        let shown = self.shown().await;
        let open = shown["open"].as_array().expect("alerts").iter();
        let named = |alert: &Value| alert["kind"].as_str().unwrap_or_default().to_owned();
        let open = open.map(|alert| (named(alert), alert.clone()));
        open.filter(|(named, _)| named != "avenue.closed" || kind == Kind::AvenueClosed)
            .collect()
    }
}

fn scenes(world: &World) -> impl Iterator<Item = (Kind, Scene<'_>)> {
    let places = world.places.iter();
    let scenes = places.map(move |place| Scene { world, place });
    Kind::ALL.iter().copied().zip(scenes)
}

/// Everything that is due is read, and then what waited for that: who gets webhooks is read after the token was.
async fn read(world: &World) {
    world.read().await;
    world.read().await;
}

/// Looks twice at each: the second look must find nothing new.
async fn look(world: &World) {
    for _ in 0..2 {
        for (_, scene) in scenes(world) {
            scene.looks().await;
        }
    }
}

/// What is told of each, gone through: exactly these stand, each says what to do, and the ids are handed back.
async fn all_stand(world: &World) -> BTreeMap<Kind, BTreeMap<String, String>> {
    let mut ids = BTreeMap::new();
    let mut wrong = Vec::new();
    for (kind, scene) in scenes(world).filter(|(kind, _)| *kind != Kind::AvenueClosed) {
        let open = scene.open(kind).await;
        let mut wanted: BTreeSet<&str> = besides(kind).iter().copied().collect();
        wanted.insert(kind.id());
        let stand: BTreeSet<&str> = open.keys().map(String::as_str).collect();
        if stand != wanted {
            wrong.push(format!("{kind:?}: {stand:?}, not {wanted:?}"));
        }
        for alert in open.values() {
            let text = |member: &str| alert[member].as_str().unwrap_or_default();
            assert!(
                text("todo").ends_with('.') && text("text").len() > 20,
                "{alert}"
            );
            assert!(text("guide").starts_with("/guide/"), "{alert}");
            assert!(!alert.to_string().contains(&scene.place.token), "{alert}");
        }
        let id = |alert: &Value| alert["id"].as_str().unwrap_or_default().to_owned();
        let named = open.iter().map(|(named, alert)| (named.clone(), id(alert)));
        ids.insert(kind, named.collect());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    ids
}

/// What is known of tokens that have an end, have none, and are not spoken of; and of who gets an account's webhooks.
async fn tokens_are_known(world: &World) {
    for (kind, scene) in scenes(world) {
        match kind {
            Kind::TokenExpiring => {
                let (value, until) = scene.token_fact().await;
                assert_eq!(value, "ends (a system user's)");
                assert_eq!(until, "2026-11-11T01:00:00.000Z");
            }
            Kind::RatingLow => {
                let known = scene.token_fact().await;
                assert_eq!(
                    known,
                    ("does not end (a system user's)".to_owned(), Value::Null)
                );
                assert_eq!(scene.subscribed().await, ["our app"]);
            }
            Kind::AvenueClosed => {
                let known = scene.token_fact().await;
                assert_eq!(known, ("end not known".to_owned(), Value::Null));
                assert_eq!(scene.subscribed().await, ["some app", "our app"]);
            }
            Kind::NotSubscribed => {
                let noted = scene.subscribed().await;
                assert_eq!(noted, ["no: other apps only", "our app"]);
            }
            _ => {}
        }
    }
}

/// On SQLite alone: what stands and what was told is worked out above the store, and two nodes on Postgres are looked at
/// elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_condition_is_told_once_with_what_to_do_and_is_over_once() {
    let states = vec![S::Connected; Kind::ALL.len()];
    let world = World::open(Store::Sqlite, START_MS, Unclear::default(), &states).await;
    world.people().await;
    world.pass(1).await;
    read(&world).await;
    for (kind, scene) in scenes(&world).filter(|(kind, _)| *kind == Kind::AvenueClosed) {
        scene.watches().await;
        assert_eq!(scene.open(kind).await, BTreeMap::new());
    }
    look(&world).await;
    for (kind, scene) in scenes(&world) {
        let open = scene.open(kind).await;
        assert_eq!(open, BTreeMap::new(), "{kind:?}: nothing is wrong yet");
    }

    for (kind, scene) in scenes(&world) {
        scene.begins(kind).await;
    }
    world.settle().await;
    // Tokens are asked about when a node starts.
    let world = world.restarted().await;
    read(&world).await;
    world.pass(2).await;
    read(&world).await;
    look(&world).await;
    let told = all_stand(&world).await;
    tokens_are_known(&world).await;

    // A restart changes nothing, nor does looking again.
    let world = world.restarted().await;
    read(&world).await;
    look(&world).await;
    assert_eq!(all_stand(&world).await, told);
    let metrics = world.get("/metrics", ADMIN_KEY).await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    super::every_metric_of_the_examples_exists(&metrics);
    assert!(metrics.contains("greenline_token_expires_timestamp_seconds{business="));

    world.sim.clear_faults();
    for (kind, scene) in scenes(&world).filter(|(kind, _)| *kind != Kind::AvenueClosed) {
        scene.ends(kind);
    }
    world.settle().await;
    read(&world).await;
    look(&world).await;
    // What is only news is over by itself, and what could not be read for long is read again.
    world.pass(9 * 24).await;
    read(&world).await;
    for (kind, scene) in scenes(&world).filter(|(kind, _)| *kind == Kind::AvenueClosed) {
        scene.watches().await;
        scene.looks().await;
        let open = scene.open(kind).await;
        assert!(open.contains_key(kind.id()), "{open:?}");
        scene.ends(kind);
        world.settle().await;
        scene.watches().await;
    }
    look(&world).await;
    // A limit that is as it was before is news too, for a day.
    world.pass(25).await;
    read(&world).await;
    look(&world).await;
    let mut wrong = Vec::new();
    for (kind, scene) in scenes(&world) {
        let open = scene.open(kind).await;
        if !open.is_empty() {
            wrong.push(format!("{kind:?}: {:?} stand", open.keys()));
        }
        let shown = scene.shown().await;
        let past = shown["past"].as_array().expect("alerts").iter();
        let of_kind = past.filter(|alert| alert["kind"] == kind.id()).count();
        if of_kind != 1 {
            wrong.push(format!("{kind:?}: over {of_kind} times"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    world.close().await;
}
