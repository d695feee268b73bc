//! Law 1 as it is written, under load: no send that a stop covers reaches the platform after the stop was
//! acknowledged.
//!
//! Two apps keep sending to a person while the stop comes in, by every avenue there is, thousands of
//! times. Judged is what arrives at the platform and when, not when a send began or what was answered. The
//! same judge is shown a gateway that acknowledges too early, and must see it.

mod course;
mod everywhere;
mod front;
pub(crate) mod judge;
pub(crate) mod scene;

use std::time::Duration;

use judge::{Findings, Lenience, judge};
use scene::{Acknowledge, Scene};

use crate::support::chance;
use crate::support::store::{Store, on_each_store};

on_each_store! {
    nothing_arrives_after_its_stop_was_acknowledged,
    nothing_arrives_late_over_a_slow_line_either,
    an_acknowledgement_before_earlier_sends_are_out_is_seen,
}

/// Races in front of the gateway as it is. One gateway on a database is the least of what races there;
/// the tests with several nodes play more.
fn races(store: Store) -> usize {
    chance::times(match store {
        Store::Sqlite => 1_600,
        Store::Postgres => 400,
    })
}

/// How much longer a request takes on the slow line.
const SLOW: Duration = Duration::from_millis(25);
/// Races on the slow line.
const SLOW_RACES: usize = 160;
/// Rounds in which the early acknowledgement must be seen.
const ROUNDS_MAX: usize = 5;

async fn nothing_arrives_after_its_stop_was_acknowledged(store: Store) {
    let races = races(store);
    let findings = look(&Scene {
        store,
        races,
        lanes: 24,
        line: None,
        acknowledge: Acknowledge::AsTheGatewayDoes,
    })
    .await;
    assert!(findings.late.is_empty(), "{findings:#?}");
    assert!(findings.wrong.is_empty(), "{findings:#?}");
    assert_eq!(findings.races, races, "{findings:#?}");
    // A quarter must be close ones: a send on its way while the stop came in.
    assert!(findings.close >= races / 4, "{findings:#?}");
    assert!(findings.refused_after >= 2 * races, "{findings:#?}");
}

async fn nothing_arrives_late_over_a_slow_line_either(store: Store) {
    let findings = look(&slowly(store, Acknowledge::AsTheGatewayDoes)).await;
    assert!(findings.late.is_empty(), "{findings:#?}");
    assert!(findings.wrong.is_empty(), "{findings:#?}");
    assert!(findings.close >= SLOW_RACES / 4, "{findings:#?}");
}

/// The planted bug: stops are acknowledged as soon as they are on disk, before earlier allowed sends are out.
async fn an_acknowledgement_before_earlier_sends_are_out_is_seen(store: Store) {
    for _ in 0..ROUNDS_MAX {
        let findings = look(&slowly(store, Acknowledge::OnceOnDisk)).await;
        assert!(findings.wrong.is_empty(), "{findings:#?}");
        if !findings.late.is_empty() {
            return;
        }
    }
    panic!("the judge never saw it");
}

fn slowly(store: Store, acknowledge: Acknowledge) -> Scene {
    Scene {
        store,
        races: SLOW_RACES,
        lanes: 16,
        line: Some(SLOW),
        acknowledge,
    }
}

async fn look(scene: &Scene) -> Findings {
    let played = scene::play(scene).await;
    let lenience = Lenience {
        slow_line: scene.line.is_some(),
        faults: false,
    };
    let findings = judge(&played, lenience);
    println!("{findings:#?}\n{:?}", played.took);
    findings
}
