//! `kill -9` at random moments, under load, again and again: laws 1 to 4 hold over the whole history.
//!
//! Two apps send, people agree, write, stop and come back, statuses come in, everything is relayed to an
//! app. After each kill the gateway starts on the same folder, and the platform delivers again what was not
//! answered, as it does in earnest. Judged at the end: what arrived at the platform and at the app, against
//! what was acknowledged and what is on disk.

mod books;
mod history;
mod judge;
mod lane;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use greenline_sim::Sim;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use books::Books;
use history::History;
use judge::{Findings, judge};
use lane::Lane;

use crate::support::chance::{self, Chance};
use crate::support::command::run_with;
use crate::support::gateway::Gateway;
use crate::support::settings::Settings;
use crate::support::store::{Store, on_each_store};
use crate::support::stuck::StuckPlatform;
use crate::support::{SOON, platform, soon};

on_each_store! {
    the_laws_hold_over_kills_at_random_moments,
    a_confirmation_that_was_in_hand_goes_out_after_the_next_start,
}

/// How often the gateway is killed. A database keeps what it has committed whichever of its clients dies,
/// so that fewer moments are of interest.
fn rounds(store: Store) -> usize {
    chance::times(match store {
        Store::Sqlite => 50,
        Store::Postgres => 8,
    })
}

/// Stops that must be acknowledged in a round, at most. On a database a stop waits for sends of the node that
/// was killed, of which nobody can know: a round would else be over before any is.
fn stops_max(store: Store) -> u64 {
    match store {
        Store::Sqlite => 0,
        Store::Postgres => 12,
    }
}

/// How many drive people at the same time, each with two apps.
const LANES: u64 = 6;
/// A round ends by a kill once so many answers came, at least and at most.
const ANSWERS: std::ops::Range<u64> = 10..260;
/// And so many microseconds later at most, so that any moment is hit.
const LATER_US_MAX: u64 = 3_000;
/// Every so many kills the store is verified before the gateway starts again.
const VERIFY_EVERY: usize = 5;

async fn the_laws_hold_over_kills_at_random_moments(store: Store) {
    let seed = chance::seed();
    println!("seed {seed}");
    let home = store.home();
    let rounds = rounds(store);
    let sim = Arc::new(platform::adapted(|config| config.log.requests_max = 1_000_000).await);
    let history = Arc::new(History::default());
    let app = history::app(&history).await;
    let adapt = |settings: Settings| {
        settings
            .relaying(
                0,
                &format!("http://{}/hook", app.address),
                history::RELAY_SECRET,
            )
            .with(
                &["relay", "allow_hosts"],
                vec![app.address.ip().to_string()],
            )
            // The decision's id goes along, so that each arrival names the record it must rest on.
            .with(&["business", "0", "biz_opaque_callback_data"], true)
    };
    let mut gateway = Gateway::start(&home, &sim.url(), adapt).await;
    let lanes: Vec<Arc<Lane>> = (0..LANES)
        .map(|number| Arc::new(Lane::new(number, seed, &sim, &history)))
        .collect();
    let started = Instant::now();
    let mut moments = Chance::about(seed, LANES);
    for round in 1..=rounds {
        let stops = match stops_max(store) {
            0 => 0,
            most => 1 + moments.below(most),
        };
        load_until_killed(&mut gateway, &lanes, &history, &mut moments, stops).await;
        if round % VERIFY_EVERY == 0 {
            verify(home.path(), seed).await;
        }
        gateway.run_again().await;
    }
    let rounds_took = started.elapsed();
    let books = catch_up(&gateway, &lanes, &history).await;
    assert!(gateway.stop().await.success(), "{}", gateway.log_text());
    verify(home.path(), seed).await;
    let findings = judge(&sim.requests(0), &history, &books, zero_ms(&sim));
    println!(
        "{findings:#?}\nrounds {rounds_took:?}, all {:?}",
        started.elapsed()
    );
    assert!(findings.wrong.is_empty(), "seed {seed}: {findings:#?}");
    not_in_vain(&findings, rounds, seed);
    if store == Store::Sqlite {
        assert!(
            findings.arrived_unanswered >= 1,
            "seed {seed}: {findings:#?}"
        );
    }
}

/// Enough happened for the laws to be tried.
fn not_in_vain(findings: &Findings, rounds: usize, seed: u64) {
    let enough = findings.arrived >= 10 * rounds
        && findings.arrived_after_return >= rounds / 5
        && findings.stops >= 2 * rounds
        && findings.refused >= 10 * rounds
        && findings.acknowledged >= 10 * rounds
        && findings.relayed >= findings.acknowledged
        && findings.decisions >= findings.arrived + findings.refused
        && findings.cut_off >= rounds;
    assert!(enough, "seed {seed}: {findings:#?}");
}

/// Lets everybody work until a random moment, and kills the gateway.
async fn load_until_killed(
    gateway: &mut Gateway,
    lanes: &[Arc<Lane>],
    history: &History,
    moments: &mut Chance,
    stops: u64,
) {
    let over = watch::Sender::new(false);
    let mut working = JoinSet::new();
    for lane in lanes {
        let (lane, over) = (Arc::clone(lane), over.subscribe());
        let (public, private) = (gateway.public, gateway.private);
        working.spawn(async move { lane.work(public, private, over).await });
    }
    let wanted = ANSWERS.start + moments.below(ANSWERS.end - ANSWERS.start);
    soon("the answers of a round", async {
        tokio::join!(history.answers_more(wanted), history.stops_more(stops))
    })
    .await;
    tokio::time::sleep(Duration::from_micros(moments.below(LATER_US_MAX))).await;
    assert!(gateway.is_running(), "{}", gateway.log_text());
    gateway.kill().await;
    over.send_replace(true);
    soon("everybody stops", working.join_all()).await;
}

/// The platform delivers what is still owed, the app gets what is still due; then the books are read.
async fn catch_up(gateway: &Gateway, lanes: &[Arc<Lane>], history: &History) -> Books {
    for lane in lanes {
        soon("owed webhooks are taken", lane.deliver_owed(gateway.public)).await;
    }
    // What is missing then is counted by the judge, with all else that is wrong.
    let _ = tokio::time::timeout(SOON, history.all_relayed()).await;
    books::read(gateway).await
}

async fn verify(folder: &Path, seed: u64) {
    let found = run_with(&folder.join("greenline.toml"), &["verify", "--json"]).await;
    assert_eq!(found.code, Some(0), "seed {seed}: {found:?}");
    assert_eq!(found.json()["clean"], Value::Bool(true), "seed {seed}");
}

/// The Unix milliseconds at which the simulated platform's nanoseconds are 0.
fn zero_ms(sim: &Sim) -> i64 {
    let elapsed_ms = i64::try_from(sim.elapsed_ns() / 1_000_000).expect("a short run");
    sim.now_ms() - elapsed_ms
}

async fn a_confirmation_that_was_in_hand_goes_out_after_the_next_start(store: Store) {
    let home = store.home();
    let (talking, stopping) = ("15553000001", "15553000002");
    let platform = StuckPlatform::start(talking, stopping).await;
    let mut gateway = Gateway::start(&home, &platform.url(), |settings| {
        settings.with(&["upstream", "concurrency_per_number_max"], 1)
    })
    .await;
    // The number's one place is taken, so the confirmation waits in hand.
    assert_eq!(gateway.person_writes(talking, "Hello").await.status, 200);
    tokio::select! {
        answer = gateway.send_text(talking, "How can we help?") => panic!("{answer:?}"),
        () = platform.is_stuck() => {}
    }
    assert_eq!(gateway.person_writes(stopping, "STOP").await.status, 200);
    // Long enough to be taken in hand; were it not, there would only be less to see.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(platform.taken(), 0);
    gateway.kill().await;
    gateway.run_again().await;
    platform.has_taken(SOON).await;
    // What was decided and sent is not owed again.
    gateway.kill().await;
    gateway.run_again().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(platform.taken(), 1);
    assert!(gateway.stop().await.success(), "{}", gateway.log_text());
}
