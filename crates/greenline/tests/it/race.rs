//! Law 1 as it is written, under load: no send that a stop covers reaches the platform after the stop was
//! acknowledged.
//!
//! Two apps keep sending to a person while the stop comes in, by every avenue there is, thousands of
//! times. Judged is what arrives at the platform and when, not when a send began or what was answered. The
//! same judge is shown a gateway that acknowledges too early, and must see it.

mod front;
mod judge;
mod scene;

use std::time::Duration;

use judge::{Findings, judge};
use scene::{Acknowledge, Scene};

/// Races in front of the gateway as it is.
const RACES: usize = 2_400;
/// Of these at least a quarter must be close ones: a send on its way while the stop came in.
const CLOSE_MIN: usize = RACES / 4;
/// How much longer a request takes on the slow line.
const SLOW: Duration = Duration::from_millis(25);
/// Races on the slow line.
const SLOW_RACES: usize = 160;
/// Rounds in which the early acknowledgement must be seen.
const ROUNDS_MAX: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_arrives_after_its_stop_was_acknowledged() {
    let findings = look(&Scene {
        races: RACES,
        lanes: 24,
        line: None,
        acknowledge: Acknowledge::AsTheGatewayDoes,
    })
    .await;
    assert!(findings.late.is_empty(), "{findings:#?}");
    assert!(findings.wrong.is_empty(), "{findings:#?}");
    assert_eq!(findings.races, RACES, "{findings:#?}");
    assert!(findings.close >= CLOSE_MIN, "{findings:#?}");
    assert!(findings.refused_after >= 2 * RACES, "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_arrives_late_over_a_slow_line_either() {
    let findings = look(&slowly(Acknowledge::AsTheGatewayDoes)).await;
    assert!(findings.late.is_empty(), "{findings:#?}");
    assert!(findings.wrong.is_empty(), "{findings:#?}");
    assert!(findings.close >= SLOW_RACES / 4, "{findings:#?}");
}

/// The planted bug: stops are acknowledged as soon as they are on disk, before earlier allowed sends are out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_before_earlier_sends_are_out_is_seen() {
    for _ in 0..ROUNDS_MAX {
        let findings = look(&slowly(Acknowledge::OnceOnDisk)).await;
        assert!(findings.wrong.is_empty(), "{findings:#?}");
        if !findings.late.is_empty() {
            return;
        }
    }
    panic!("the judge never saw it");
}

fn slowly(acknowledge: Acknowledge) -> Scene {
    Scene {
        races: SLOW_RACES,
        lanes: 16,
        line: Some(SLOW),
        acknowledge,
    }
}

async fn look(scene: &Scene) -> Findings {
    let played = scene::play(scene).await;
    let findings = judge(&played, scene.line.is_some());
    println!("{findings:#?}\n{:?}", played.took);
    findings
}
