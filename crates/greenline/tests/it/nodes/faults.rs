//! What goes wrong while races are run: nodes are killed and started again, their lines to the database cut,
//! stalled and refused. One thing at a time, at moments that chance chooses.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::fleet::{Fleet, NODES};
use crate::support::chance::Chance;

/// How long a line may be stalled: shorter and longer than a send may take to begin.
const STALLS_MS: [u64; 3] = [150, 600, 2_600];
/// How long a node's database is away.
const AWAY: Duration = Duration::from_millis(300);

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    pub(super) kills: usize,
    pub(super) cuts: usize,
    pub(super) stalls: usize,
    pub(super) away: usize,
}

/// Does so many things, spread over `races`, of which `over` says how many are over.
pub(super) async fn make(
    fleet: Arc<Fleet>,
    mut over: watch::Receiver<usize>,
    races: usize,
    count: usize,
    mut chance: Chance,
) -> Done {
    let mut done = Done::default();
    for number in 0..count {
        let at = races * number / count;
        if over.wait_for(|over| *over >= at).await.is_err() {
            break;
        }
        let node = chance.below(NODES as u64) as usize;
        match number % 4 {
            0 => {
                let mut gateway = fleet.gateways[node].lock().await;
                gateway.kill().await;
                gateway.run_again().await;
                done.kills += 1;
            }
            1 => {
                fleet.proxies[node].cut();
                done.cuts += 1;
            }
            2 => {
                fleet.proxies[node].stall();
                let stalled = Duration::from_millis(chance.one_of(&STALLS_MS));
                tokio::time::sleep(stalled).await;
                fleet.proxies[node].resume();
                done.stalls += 1;
            }
            _ => {
                fleet.proxies[node].refuse();
                tokio::time::sleep(AWAY).await;
                fleet.proxies[node].accept();
                done.away += 1;
            }
        }
    }
    done
}
