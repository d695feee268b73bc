//! What comes next for a number, from the outside: counted from what was sent and answered, with what stands in the way
//! and what drives the risks; the same by API, command and page.

use greenline_ledger::types::{Actor, BusinessIx, Effect, Evidence, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::{Category, Scope};
use serde_json::{Value, json};
use toml::Table;

use crate::support::command::run_with;
use crate::support::fixed::Fixed;
use crate::support::gateway::template_message;
use crate::support::http::{self, Answer};
use crate::support::settings::{
    ACCOUNT, ADMIN_KEY, APP_SECRET, BOT_KEY, BUSINESS, NUMBER, PORTFOLIO, Settings,
};
use crate::support::store::{Store, on_each_store};
use crate::support::{platform, ports, soon, webhook};

on_each_store! {
    a_forecast_is_told_alike_and_rests_on_what_was_counted,
}

/// A second number of the portfolio; the platform does not know it, so nobody reads it.
const OTHER: &str = "301500000000002";
const OFFER: &str = "spring_offer";
/// So many people agreed; every other one by import.
const PEOPLE: u32 = 40;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn person(nth: u32) -> String {
    format!("1555123{nth:04}")
}

async fn people_agree(gateway: &Fixed, now_ms: i64) {
    let agrees = |nth| NewEvent {
        business: BusinessIx(0),
        person: Identifier::parse(&person(nth)).into_iter().collect(),
        kind: EventKind::Granted,
        scope: Scope::Category(Category::Marketing),
        at_ms: now_ms - DAY_MS,
        stated_ms: now_ms - DAY_MS,
        arrival_ms: now_ms - DAY_MS,
        strength: if nth % 2 == 0 {
            Strength::Imported
        } else {
            Strength::Evidenced
        },
        in_thread: false,
        evidence: Evidence::default(),
        actor: Actor("ada".into()),
        dedup: None,
    };
    let ledger = &gateway.app().ledger;
    let events = (0..PEOPLE).map(agrees).collect();
    let appended = ledger.append_all(events).await.expect("a store");
    assert!(appended.iter().all(Result::is_ok));
    let poor = Effect::Number {
        number: OTHER.into(),
        status: Some("CONNECTED".into()),
        rating: Some("RED".into()),
        at_ms: now_ms,
    };
    ledger
        .learn(BusinessIx(0), vec![poor])
        .await
        .expect("a store");
}

async fn get(gateway: &Fixed, target: &str) -> Answer {
    let answer = http::get(gateway.private, target, ADMIN_KEY).await;
    assert_eq!(answer.status.as_u16(), 200, "{target}: {}", answer.json());
    answer
}

async fn told(gateway: &Fixed, query: &str) -> Value {
    let target = format!("/v1/numbers/{NUMBER}/forecast{query}");
    get(gateway, &target).await.json()
}

async fn tell(gateway: &Fixed, body: &Value) {
    let answer = webhook::post(gateway.public, BUSINESS, APP_SECRET, body).await;
    assert_eq!(answer.status.as_u16(), 200);
}

fn names(list: &Value, member: &str) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    let name = |one: &Value| one[member].as_str().unwrap_or_default().to_owned();
    list.map(name).collect()
}

async fn a_forecast_is_told_alike_and_rests_on_what_was_counted(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let [public, private] = ports::free();
    let number = |id: &str, shown: &str| {
        let mut number = Table::new();
        for (name, value) in [
            ("phone_number_id", id),
            ("waba_id", ACCOUNT),
            ("display_number", shown),
        ] {
            number.insert(name.to_owned(), value.into());
        }
        toml::Value::Table(number)
    };
    let numbers = vec![
        number(NUMBER, "+1 555 010 0001"),
        number(OTHER, "+1 555 010 0002"),
    ];
    let settings = Settings::new(home.path(), &sim.url(), public, private)
        .with(&["business", "0", "number"], numbers);
    // A command beside Postgres is a node of its own, and goes by the machine's clock: for it all this is past.
    let now_ms = i64::try_from(webhook::now_s() - 600).expect("a time") * 1_000;
    let gateway = Fixed::start(&home, settings, now_ms).await;
    people_agree(&gateway, now_ms).await;

    // A new number: nothing was counted, and that is said.
    let read = async {
        loop {
            let told = told(&gateway, "").await;
            let standing = names(&told["growth"]["in_the_way"], "obstacle");
            if told["limit"]["people"] == 2_000 && !standing.contains(&"not_rated".to_owned()) {
                break told;
            }
            tokio::task::yield_now().await;
        }
    };
    let new = soon("the number to be read", read).await;
    assert_eq!(new["risk"]["worse_rating"]["level"], "not_enough_data");
    assert_eq!(new["growth"]["when"]["answer"], "not_enough_data");
    assert_eq!(new["growth"]["takes_people_in_7_days"], 1_000);

    // It writes to everybody, and the other number to some of them again.
    let mut sent = Vec::new();
    for (from, people) in [(NUMBER, 0..PEOPLE), (OTHER, 35..PEOPLE)] {
        for nth in people {
            let target = format!("/v23.0/{from}/messages");
            let body = template_message(&person(nth), OFFER);
            let answer = http::post(gateway.private, &target, BOT_KEY, &body).await;
            // The platform knows nothing of the other number; what it refuses reaches nobody.
            let taken = answer.status.as_u16() == 200;
            assert_eq!(taken, from == NUMBER, "{}", answer.json());
            let id = answer.json()["messages"][0]["id"]
                .as_str()
                .map(str::to_owned);
            sent.extend(id.map(|id| (person(nth), id)));
        }
    }
    gateway.set_clock(now_ms + 60_000);
    for nth in [1, 2, 3, 4] {
        let mut stop = webhook::native(&person(nth), "stop");
        let said = stop.pointer_mut("/entry/0/changes/0/value/user_preferences/0/timestamp");
        *said.expect("its time") = json!(now_ms / 1_000 + 30);
        tell(&gateway, &stop).await;
    }
    let alert = json!({ "object": "whatsapp_business_account", "entry": [{
        "id": ACCOUNT, "time": now_ms / 1_000, "changes": [{ "field": "account_alerts", "value": {
            "entity_type": "BUSINESS", "entity_id": PORTFOLIO, "alert_info": {
                "alert_severity": "WARNING", "alert_status": "NONE",
                "alert_type": "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED", "alert_description": "Not now.",
            },
        }}],
    }]});
    tell(&gateway, &alert).await;
    gateway.set_clock(now_ms + 120_000);

    let by_api = told(&gateway, "").await;
    let growth = &by_api["growth"];
    assert_eq!(growth["next"], 10_000, "{growth:#}");
    assert_eq!(growth["reached_people_in_7_days"], PEOPLE, "{growth:#}");
    assert_eq!(growth["missing_people"], 1_000 - PEOPLE);
    let days = growth["people_by_day"].as_array().expect("days");
    assert_eq!((days.len(), &days[6]["people"]), (7, &json!(PEOPLE)));
    assert_eq!(growth["when"]["answer"], "not_at_this_pace");
    assert_eq!(growth["when"]["takes_people_a_day"], 143);
    assert_eq!(growth["quality"], "no");
    assert_eq!(
        names(&growth["in_the_way"], "obstacle"),
        ["other_rated_low", "too_few_people", "raise_deferred"]
    );
    assert_eq!(growth["in_the_way"][0]["of"], OTHER);
    assert_eq!(by_api["limit"]["used_in_24_hours"], PEOPLE);
    assert_eq!(by_api["watch"]["state"], "gone");
    let risk = &by_api["risk"]["worse_rating"];
    assert_eq!(risk["level"], "high", "{risk:#}");
    assert_eq!(risk["rating"], "YELLOW");
    assert_eq!(
        names(&risk["drivers"], "sign"),
        ["stops", "unproven", "weak_consent"]
    );
    assert_eq!(risk["drivers"][0]["count"], 4);
    assert_eq!(risk["drivers"][2]["count"], PEOPLE / 2);

    alike(&gateway, &by_api).await;
    the_first_step(&gateway, &sent, now_ms).await;
    // By the rules of before October 2025 it is the number's own limit, and the same rating would cost a step.
    let before = told(&gateway, "?at=2025-09-01T00:00:00Z").await;
    assert_eq!(before["rules"]["era"], "number");
    assert_eq!(before["watch"]["state"], "calm");
    assert_eq!(before["limit"]["people"], "unknown");
    let wrong = format!("/v1/numbers/{NUMBER}/forecast?at=yesterday");
    let wrong = http::get(gateway.private, &wrong, ADMIN_KEY).await;
    assert_eq!(wrong.status.as_u16(), 422);
    let nobody = http::get(gateway.private, "/v1/numbers/1/forecast", ADMIN_KEY).await;
    assert_eq!(nobody.status.as_u16(), 404);
    gateway.stop().await;
    sim.stop().await;
}

/// At 250 it is people of 30 days who count, and of them those to whom something arrived.
async fn the_first_step(gateway: &Fixed, sent: &[(String, String)], now_ms: i64) {
    for (to, id) in sent.iter().take(12) {
        tell(gateway, &webhook::status(to, id, "delivered")).await;
    }
    gateway.set_clock(now_ms + 180_000);
    let told_at_s = (now_ms + 150_000) / 1_000;
    let lowered = json!({ "object": "whatsapp_business_account", "entry": [{
        "id": ACCOUNT, "time": told_at_s, "changes": [{ "field": "business_capability_update", "value": {
            "max_daily_conversations_per_business": 250, "max_phone_numbers_per_business": 2,
        }}],
    }]});
    tell(gateway, &lowered).await;
    // The number may be read again at any time, and the platform says 2,000: at this moment it had not been.
    let at = jiff::Timestamp::from_millisecond(now_ms + 170_000).expect("a time");
    let query = format!("?at={at}");
    let told = told(gateway, &query).await;
    let growth = &told["growth"];
    assert_eq!(growth["next"], 2_000, "{growth:#}");
    assert_eq!(growth["takes_people_in_30_days"], 2_000, "{growth:#}");
    assert_eq!(growth["reached_people_in_30_days"], 12, "{growth:#}");
    assert_eq!(growth["missing_people"], 1_988);
    assert_eq!(growth["when"]["answer"], "not_at_this_pace");
    for absent in ["takes_people_in_7_days", "reached_people_in_7_days"] {
        assert_eq!(growth[absent], Value::Null, "{growth:#}");
    }
}

/// By command, and on the page, in the same words.
async fn alike(gateway: &Fixed, by_api: &Value) {
    let at = by_api["at"].as_str().expect("a time");
    let command = ["number", "forecast", NUMBER, "--at", at];
    let ran = run_with(&gateway.config, &[&command[..], &["--json"]].concat()).await;
    let by_command = ran.ended(0).json();
    // When something was last read may have changed meanwhile: the number is read on its own plan.
    for place in ["/rules", "/limit/say", "/growth", "/watch", "/risk"] {
        let (one, other) = (by_command.pointer(place), by_api.pointer(place));
        assert_eq!(one, other, "{place}");
    }
    let ran = run_with(&gateway.config, &command).await.ended(0);
    let page = get(gateway, &format!("/numbers/{NUMBER}")).await;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    for place in [
        "/rules/say",
        "/limit/say",
        "/growth/say",
        "/growth/in_the_way/0/say",
        "/growth/in_the_way/0/remedy",
        "/watch/say",
        "/risk/worse_rating/say",
        "/risk/worse_rating/drivers/0/measured",
        "/risk/enforcement/say",
        "/risk/levels",
    ] {
        let says = by_api.pointer(place).and_then(Value::as_str);
        let says = says.unwrap_or_else(|| panic!("{place}: {by_api:#}"));
        assert!(ran.stdout.contains(says), "{says}\n{}", ran.stdout);
        let escaped = says.replace('\'', "&#39;");
        assert!(page.contains(&escaped), "{escaped}\n{page}");
    }
}
