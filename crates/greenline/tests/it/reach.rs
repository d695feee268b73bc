//! The portfolio's messaging limit, from the outside: how it is learned, used up exactly, and given back.

use std::collections::BTreeSet;

use greenline_sim::{NumberChange, Sim};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::command::run_with;
use crate::support::gateway::{Gateway, messages_path, template_message};
use crate::support::http::{self, Answer};
use crate::support::settings::{ACCOUNT, BOT_KEY, NUMBER, Settings};
use crate::support::store::{Store, on_each_store};
use crate::support::{platform, ports, soon, webhook};

on_each_store! {
    a_limit_is_used_up_exactly_and_neither_kill_nor_restart_forgets_whom_it_reached,
    a_limit_is_learned_from_reads_and_webhooks_and_told,
}

const PEOPLE: usize = 30;
const LIMIT: u64 = 8;

fn person(n: usize) -> String {
    format!("1555123{n:04}")
}

/// What the platform saw of offers: to how many different people.
fn arrived(sim: &Sim) -> usize {
    let seen = sim.requests(0);
    let sends = seen.iter().filter(|request| request.is_send());
    let people: BTreeSet<_> = sends.filter_map(|send| send.to.clone()).collect();
    people.len()
}

async fn portfolio(gateway: &Gateway) -> Value {
    let answer = gateway.admin_get("/v1/portfolio?business=acme").await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    answer.json()
}

fn refused(answer: &Answer) -> Value {
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.json());
    assert!(
        answer
            .header("greenline-reasons")
            .starts_with("limit.portfolio"),
        "{}",
        answer.header("greenline-reasons")
    );
    assert_eq!(answer.header("retry-after"), "");
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], 131_048, "{error}");
    let details = error["error_data"]["details"].as_str().unwrap_or_default();
    assert!(details.contains("limit.portfolio; QL-10"), "{details}");
    assert!(details.contains(" Until 20"), "{details}");
    error
}

/// Sends an offer to all of these at once; whom it went to, with the ids of the messages.
async fn offers(gateway: &Gateway, people: impl Iterator<Item = usize>) -> Vec<(usize, String)> {
    let mut under_way = JoinSet::new();
    for n in people {
        let (address, path) = (gateway.private, messages_path());
        let message = template_message(&person(n), "spring_offer");
        under_way.spawn(async move { (n, http::post(address, &path, BOT_KEY, &message).await) });
    }
    let mut went = Vec::new();
    for (n, answer) in under_way.join_all().await {
        if answer.status.as_u16() == 200 {
            let id = answer.json()["messages"][0]["id"].clone();
            went.push((n, id.as_str().unwrap_or_default().to_owned()));
        } else {
            refused(&answer);
        }
    }
    went
}

async fn a_limit_is_used_up_exactly_and_neither_kill_nor_restart_forgets_whom_it_reached(
    store: Store,
) {
    let home = store.home();
    let sim = platform::sample().await;
    let mut gateway = Gateway::start(&home, &sim.url(), |settings| {
        settings.with(
            &["business", "0", "portfolio_limit"],
            i64::try_from(LIMIT).unwrap_or_default(),
        )
    })
    .await;
    for n in 0..PEOPLE {
        gateway.opt_in(&person(n), "marketing").await;
    }
    let went = offers(&gateway, 0..PEOPLE).await;
    assert_eq!(went.len() as u64, LIMIT);
    assert_eq!(arrived(&sim) as u64, LIMIT);
    let told = portfolio(&gateway).await;
    assert_eq!(
        (&told["reached"], &told["left"], &told["own_limit"]),
        (&json!(LIMIT), &json!(0), &json!(LIMIT)),
        "{told}"
    );
    assert!(told["frees_at"].is_string(), "{told}");

    // A message that failed gives its place to somebody else.
    let (known, message) = went.first().cloned().expect("somebody");
    let mut failed = webhook::status(&person(known), &message, "failed");
    failed["entry"][0]["changes"][0]["value"]["statuses"][0]["errors"] =
        json!([{ "code": 131_026, "title": "Message undeliverable" }]);
    assert_eq!(gateway.webhook(&failed).await.status.as_u16(), 200);
    // What became of the message may be written a moment after the app knows.
    let given_back = async {
        while portfolio(&gateway).await["left"] != 1 {
            tokio::task::yield_now().await;
        }
    };
    soon("a place given back", given_back).await;
    let others = || (0..PEOPLE).filter(|n| went.iter().all(|(other, _)| other != n));
    let next = offers(&gateway, others()).await;
    assert_eq!(next.len(), 1);
    assert_eq!(arrived(&sim) as u64, LIMIT + 1);

    gateway.kill().await;
    gateway.run_again().await;
    let told = portfolio(&gateway).await;
    assert_eq!(
        (&told["reached"], &told["left"]),
        (&json!(LIMIT), &json!(0))
    );
    // Whoever counts may be sent to again, and nobody else.
    let again = next.iter().map(|(n, _)| *n);
    let stranger = others().find(|n| next.iter().all(|(other, _)| other != n));
    let stranger = person(stranger.expect("somebody else"));
    for n in again {
        let body = json!({
            "business": "acme", "number": NUMBER, "message": template_message(&person(n), "spring_offer"),
        });
        let asked = gateway.admin("/v1/decisions", &body).await.json();
        let rules = asked["reasons"].as_array().expect("reasons").iter();
        assert!(
            !rules
                .clone()
                .any(|reason| reason["rule"] == "limit.portfolio"),
            "{asked}"
        );
    }
    refused(&gateway.send_template(&stranger, "spring_offer").await);
    assert_eq!(arrived(&sim) as u64, LIMIT + 1);

    let check = ["check", "--to", &stranger, "--template", "spring_offer"];
    let ran = run_with(&gateway.config(), &check).await.ended(1);
    assert!(
        ran.stdout.contains("reached 8 people within 24 hours")
            && ran.stdout.contains("the business itself allows 8")
            && ran.stdout.contains("A place is free at 20"),
        "{}",
        ran.stdout
    );
    let check = [&check[..], &["--assume", "portfolio.reached=7", "--json"]].concat();
    let assumed = run_with(&gateway.config(), &check).await.ended(0).json();
    assert_eq!(assumed["portfolio"]["left"], 1, "{assumed}");
    gateway.stop().await;
    run_with(&gateway.config(), &["verify"]).await.ended(0);
    sim.stop().await;
}

/// A bound that lets nobody through is a mistake.
#[tokio::test]
async fn a_limit_of_nobody_is_found_by_the_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let [public, private] = ports::free();
    let settings = Settings::new(folder.path(), "http://127.0.0.1:9", public, private);
    let settings = settings.with(&["business", "0", "portfolio_limit"], 0);
    let config = settings.write(folder.path());
    let said = run_with(&config, &["config", "check"]).await.ended(1);
    assert!(
        said.stdout.contains("portfolio_limit must be at least 1"),
        "{}",
        said.stdout
    );
}

async fn a_limit_is_learned_from_reads_and_webhooks_and_told(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    // Numbers are read at the start; a read of an app's tells at once.
    let target = format!("/v23.0/{NUMBER}?fields=id,whatsapp_business_manager_messaging_limit");
    let answer = http::get(gateway.private, &target, BOT_KEY).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    let told = portfolio(&gateway).await;
    assert_eq!(told["limit"], 2_000, "{told}");
    assert_eq!(told["limit_origin"], "graph");
    assert!(told["limit_age_s"].is_number() && told["limit_at"].is_string());
    assert_eq!(
        (&told["reached"], &told["left"]),
        (&json!(0), &json!(2_000))
    );

    let limit = |word: &str| NumberChange {
        messaging_limit: Some(word.to_owned()),
        ..NumberChange::default()
    };
    sim.change_number(NUMBER, &limit("TIER_UNLIMITED"))
        .expect("a number");
    let target = format!("/v23.0/{ACCOUNT}?fields=id,whatsapp_business_manager_messaging_limit");
    let answer = http::get(gateway.private, &target, BOT_KEY).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    let told = portfolio(&gateway).await;
    assert_eq!(
        (&told["limit"], told.get("left")),
        (&json!("unlimited"), None)
    );

    // A word that is not known changes nothing.
    sim.change_number(NUMBER, &limit("TIER_NEW"))
        .expect("a number");
    for _ in 0..2 {
        http::get(gateway.private, &target, BOT_KEY).await;
    }
    assert_eq!(portfolio(&gateway).await["limit"], "unlimited");
    let timeline = gateway.admin_get("/v1/timeline?business=acme").await.json();
    let noted = timeline["entries"].as_array().expect("entries").iter();
    let noted = noted.filter(|entry| entry["origin"] == "graph").count();
    assert_eq!(noted, 1, "{timeline}");

    // What a webhook tells counts by the platform's own time.
    let update = |limit: Value, at_s: u64| {
        json!({
            "object": "whatsapp_business_account",
            "entry": [{
                "id": ACCOUNT, "time": at_s,
                "changes": [{ "field": "business_capability_update", "value": {
                    "max_daily_conversations_per_business": limit, "max_phone_numbers_per_business": 20,
                } }],
            }],
        })
    };
    let now_s = webhook::now_s();
    for (limit, at_s, expected) in [
        (json!(250), now_s - 3_600, json!("unlimited")),
        (json!(1), now_s + 60, json!(1)),
        (json!("TIER_2K"), now_s - 60, json!(1)),
    ] {
        let answer = gateway.webhook(&update(limit, at_s)).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(portfolio(&gateway).await["limit"], expected);
    }
    for n in 0..2 {
        gateway.opt_in(&person(n), "marketing").await;
    }
    assert_eq!(offers(&gateway, 0..2).await.len(), 1);
    assert_eq!(arrived(&sim), 1);
    sim.stop().await;
}
