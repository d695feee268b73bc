//! Thirty simulated days with twenty numbers: the same for the same seed, every change accounted for.

use std::collections::BTreeMap;

use greenline_sim::config::{Account, Business, Crowd, Health, LogConfig, Number, Webhooks};
use greenline_sim::{SAMPLE_NUMBER, Sim, SimConfig, Transition};

use super::{HOUR, NEW_ERA_MS, send_from, still};
use crate::support::{Receiver, SOON, template};

const NUMBERS: usize = 20;
const DAYS: usize = 30;
/// So many does each number send a day.
const SENDS: usize = 6;

fn number(n: usize) -> String {
    format!("3015000000001{n:02}")
}

/// Four accounts with five numbers each. People whose number begins with 1555 9 never agreed to anything.
fn config(seed: u64, webhooks: Webhooks) -> SimConfig {
    let sample = Business::sample();
    let mut accounts = Vec::new();
    for a in 0..4 {
        let numbers = (a * 5..a * 5 + 5)
            .map(|n| Number {
                id: number(n),
                display_number: format!("+1 555 011 {n:04}"),
                ..sample.accounts[0].numbers[0].clone()
            })
            .collect();
        let mut templates = sample.accounts[0].templates.clone();
        for (index, template) in (0_u64..).zip(&mut templates) {
            template.id = Some(901_600_000_000_000 + a as u64 * 100 + index);
        }
        accounts.push(Account {
            id: format!("2015000000001{a:02}"),
            name: format!("Account {a}"),
            callback_url: None,
            numbers,
            templates,
        });
    }
    SimConfig {
        seed,
        unclear: None,
        businesses: vec![Business {
            accounts,
            messaging_limit: "TIER_250".to_owned(),
            ..sample
        }],
        health: Some(Health {
            crowds: vec![Crowd {
                prefix: "15559".to_owned(),
                agreed_share: 0.0,
                ..Crowd::default()
            }],
            ..Health::default()
        }),
        webhooks,
        log: LogConfig {
            requests_max: 0,
            bodies: false,
            deliveries_max: 0,
        },
        ..still(NEW_ERA_MS)
    }
}

/// A month: every number sends each day, the first of each account mostly to people who never agreed.
async fn month(sim: &Sim, days: usize) -> Vec<u32> {
    let mut codes = Vec::new();
    for day in 0..days {
        for n in 0..NUMBERS {
            for i in 0..SENDS {
                let bought = n % 5 == 0 && i < 4;
                let prefix = if bought { "15559" } else { "15551" };
                let who = format!("{prefix}{:06}", n * 10_000 + day * 7 + i * 3);
                let name = if i % 2 == 0 {
                    "stay_in_touch"
                } else {
                    "spring_offer"
                };
                let body = template(&who, name, &[]);
                let answer = send_from(sim, &number(n), &body).await;
                codes.push(answer.code.unwrap_or(0));
            }
        }
        sim.advance(24 * HOUR);
    }
    codes
}

/// A month as it was lived: what sends were answered, what changed, what was told of it, the truth at the end.
async fn lived(seed: u64, webhooks: Webhooks) -> (Vec<u32>, Vec<Transition>, Vec<String>, String) {
    let (news, statuses) = (Receiver::start().await, Receiver::start().await);
    let mut config = config(seed, webhooks);
    let business = &mut config.businesses[0];
    business.callback_url = Some(news.url());
    for account in &mut business.accounts {
        account.callback_url = Some(statuses.url());
    }
    let sim = Sim::start(config).await.unwrap();
    let codes = month(&sim, DAYS).await;
    assert!(sim.settle(6 * SOON).await);
    let truth = serde_json::to_string(&sim.truth()).unwrap();
    let mut told: Vec<String> = news.taken().iter().map(ToString::to_string).collect();
    told.sort();
    (codes, sim.timeline(0), told, truth)
}

fn calm() -> Webhooks {
    Webhooks {
        batch_max: 1_000,
        batch_wait_ms: 5,
        ..Webhooks::default()
    }
}

/// It takes some seconds: two whole months over sockets, because only whole ones show that nothing is missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_of_twenty_numbers_is_the_same_for_the_same_seed() {
    let (codes, timeline, told, truth) = lived(11, calm()).await;
    // Doubled and out of order, the same is told; and everything else is the same anyway.
    let rough = Webhooks {
        duplicate_share: 0.3,
        disorder_share: 0.3,
        disorder_ms: 50,
        ..calm()
    };
    let (codes_again, timeline_again, told_again, truth_again) = lived(11, rough).await;
    assert_eq!(codes, codes_again);
    assert_eq!(timeline, timeline_again);
    assert_eq!(truth, truth_again);
    let once = |told: &[String]| {
        let mut told = told.to_vec();
        told.dedup();
        told
    };
    assert_eq!(once(&told), once(&told_again));
    // Another seed is another world.
    let other = Sim::start(config(12, calm())).await.unwrap();
    month(&other, 7).await;
    assert!(!timeline.starts_with(&other.timeline(0)));

    // No change is missed and none is false: each goes on from the one before.
    let mut state: BTreeMap<(&str, &str, &str), &str> = BTreeMap::new();
    for change in &timeline {
        let thing = (change.object, change.id.as_str(), change.what);
        let event = ["step", "utility_step", "utility", "ban", "raise", "warning"];
        if !event.contains(&change.what) {
            let before = state.insert(thing, &change.to);
            assert!(
                before.is_none_or(|before| before == change.from),
                "{change:?}"
            );
            assert_ne!(change.from, change.to, "{change:?}");
        }
    }
    // Something happened: ratings fell, and only where people never agreed did they fall for that.
    let fell: Vec<&Transition> = timeline
        .iter()
        .filter(|change| change.what == "rating" && change.to == "RED")
        .collect();
    assert!(!fell.is_empty());
    assert!(
        timeline.iter().any(|change| change.what == "limit"),
        "it grew"
    );
    assert_eq!(codes.len(), DAYS * NUMBERS * SENDS);
    assert_ne!(number(0), SAMPLE_NUMBER);
}
