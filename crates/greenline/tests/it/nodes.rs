//! Several nodes on one database: the laws hold whichever node is asked, and work that must happen once
//! happens once.
//!
//! Three real gateways, each behind a line of its own to one Postgres that a test can cut and stall, in
//! front of one simulated platform. Judged is what arrives at the platform and at the apps, and when; the
//! judge of the races in front of one gateway judges here too, and must see a node that trusts what it
//! remembers of a person.

mod away;
mod faults;
mod fleet;
mod lines;
mod scene;
mod work;

use std::time::Duration;

use scene::{Scene, Seen};

use crate::race::judge::{Findings, Lenience, judge};
use crate::race::scene::{Avenue, Race};
use crate::support::{chance, platform, soon};

/// Races while nothing is wrong.
const RACES: usize = 800;
/// Races while nodes die and lose their database.
const RACES_IN_TROUBLE: usize = 600;
/// Sends that may arrive so late because their node was held up between its last look at the clock and the
/// write: what law 1 leaves, on a machine that is too busy.
const HELD_UP_MAX: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_arrives_after_a_stop_that_any_node_acknowledged() {
    let races = chance::times(RACES);
    let seen = scene::play(&Scene {
        races,
        lanes: 24,
        faults: 0,
        environment: &[],
    })
    .await;
    let findings = look(&seen, false);
    seen.fleet.tell().await;
    assert!(findings.late.is_empty(), "{findings:#?}");
    assert!(findings.wrong.is_empty(), "{findings:#?}");
    assert_eq!(findings.races, races, "{findings:#?}");
    // A quarter must be close ones: a send on its way, at another node, while the stop came in.
    assert!(findings.close >= races / 4, "{findings:#?}");
    assert!(findings.refused_after >= 2 * races, "{findings:#?}");
    confirmed_once(&seen).await;
    seen.fleet.ends_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_arrives_late_while_nodes_die_and_lose_their_database_either() {
    let seen = scene::play(&Scene {
        races: RACES_IN_TROUBLE,
        lanes: 24,
        faults: 24,
        environment: &[],
    })
    .await;
    let findings = look(&seen, true);
    seen.fleet.tell().await;
    println!("{:?}", seen.done);
    assert!(findings.late.is_empty(), "{findings:#?}");
    assert!(findings.wrong.is_empty(), "{findings:#?}");
    assert!(findings.excused <= HELD_UP_MAX, "{findings:#?}");
    assert_eq!(findings.races, RACES_IN_TROUBLE, "{findings:#?}");
    assert!(findings.close >= RACES_IN_TROUBLE / 4, "{findings:#?}");
    assert!(findings.unanswered > 0, "{findings:#?}");
    let done = &seen.done;
    assert!(
        done.kills >= 3 && done.cuts >= 3 && done.stalls >= 3,
        "{done:?}"
    );
    seen.fleet.ends_clean().await;
}

/// The planted bug: a node decides by what it remembers of a person, not by what the database holds.
// Only builds with debug assertions can be made to do so.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_trusts_its_memory_is_seen() {
    let seen = scene::play(&Scene {
        races: 96,
        lanes: 24,
        faults: 0,
        environment: &[("GREENLINE_PLANT_TRUSTED_MEMORY", "1")],
    })
    .await;
    let findings = look(&seen, false);
    assert!(!findings.late.is_empty(), "{findings:#?}");
}

fn look(seen: &Seen, faults: bool) -> Findings {
    let lenience = Lenience {
        slow_line: false,
        faults,
    };
    let findings = judge(&seen.played, lenience);
    let took = seen.played.took;
    println!("{}", summary(&findings));
    println!(
        "{:.0} sends a second over {took:?}; stops: {:?}",
        findings.sends as f64 / took.as_secs_f64(),
        percentiles(&seen.played.races)
    );
    findings
}

/// The counts, and the first of what is wrong.
fn summary(findings: &Findings) -> String {
    format!(
        "races {}, sends {}, close {}, arrived during {}, refused before {} and after {}, doubtful {}, unanswered {}, \
         unavailable {}, excused {}, late {}, wrong {}",
        findings.races,
        findings.sends,
        findings.close,
        findings.arrived_during,
        findings.refused_before,
        findings.refused_after,
        findings.doubtful,
        findings.unanswered,
        findings.unavailable,
        findings.excused,
        findings.late.len(),
        findings.wrong.len(),
    )
}

/// How long stops took: half of them, 99 in a hundred, the longest.
fn percentiles(races: &[Race]) -> [Duration; 3] {
    let mut took: Vec<u64> = races
        .iter()
        .map(|race| race.acknowledged_ns - race.posted_ns)
        .collect();
    took.sort_unstable();
    [50, 99, 100].map(|percent| {
        let place = (took.len() * percent / 100).saturating_sub(1);
        Duration::from_nanos(took[place])
    })
}

/// Each stop word got its one confirmation, whichever node sent it, and no other stop any.
async fn confirmed_once(seen: &Seen) {
    let words = seen.played.races.iter();
    let words = words.filter(|race| race.avenue == Avenue::Word).count();
    soon("every stop word is confirmed", async {
        while confirmations(seen).len() < words {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let mut to = confirmations(seen);
    to.sort_unstable();
    let all = to.len();
    to.dedup();
    assert_eq!((to.len(), all), (words, words));
}

fn confirmations(seen: &Seen) -> Vec<String> {
    let requests = seen.sim.requests(0);
    let own = requests.into_iter().filter(|request| {
        let body = request.body.as_deref().unwrap_or_default();
        request.is_send() && !String::from_utf8_lossy(body).contains("biz_opaque_callback_data")
    });
    own.filter_map(|request| request.to).collect()
}

async fn sim() -> greenline_sim::Sim {
    platform::adapted(|config| config.log.requests_max = 1_000_000).await
}
