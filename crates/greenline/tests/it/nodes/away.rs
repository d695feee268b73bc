//! A database that is away, slow, frozen, restarted or failed over: what cannot be recorded is refused (law 11),
//! nothing piles up, and all goes on by itself. What was acknowledged is there after each.

use std::sync::Arc;
use std::time::Duration;

use greenline_testdb::{Proxy, Server};

use super::fleet::{Fleet, NODES};
use super::lines::Lines;
use crate::support::gateway::{messages_path, text_message};
use crate::support::http;
use crate::support::settings::{ADMIN_KEY, APP_SECRET, BOT_KEY, BUSINESS};
use crate::support::webhook;

/// Who gets the texts.
const DANA: &str = "15551230001";
/// Sends at once at each node while its database is away.
const BURST: usize = 100;
/// Longest wait until a node is ready again.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Threads and open files that may come and go without anything having piled up.
const SLACK: usize = 24;
/// Connections of one node to the database at most: its readers, its writer, and one that is just being made.
const CONNECTIONS_MAX: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_the_database_nothing_acknowledged_is_lost() {
    let primary = Server::private();
    let database = primary.database();
    let sim = super::sim().await;
    let fleet = Fleet::on(database, &sim.url(), &[], |settings| settings).await;
    let follower = primary.follower();
    let mut world = World::new(fleet).await;

    world.asked_of_all(Took::Everything).await;
    let before = world.burden().await;

    world.each_line(Proxy::refuse);
    world.asked_of_all(Took::Nothing).await;
    world.burst().await;
    world.burdened_no_more_than(&before).await;
    world.each_line(Proxy::accept);
    world.is_well_again().await;

    primary.kill();
    world.asked_of_all(Took::Nothing).await;
    primary.start();
    world.is_well_again().await;

    world.each_line(|line| line.slow(Duration::from_millis(100)));
    world.asked_of_all(Took::Everything).await;
    world.each_line(|line| line.slow(Duration::ZERO));

    primary.freeze();
    world.asked_of_all(Took::Nothing).await;
    world.burdened_no_more_than(&before).await;
    primary.thaw();
    world.is_well_again().await;

    primary.kill();
    follower.promote();
    world.each_line(|line| line.lead_to(follower.address()));
    world.is_well_again().await;

    world.burdened_no_more_than(&before).await;
    world.every_stop_holds().await;
    world.fleet.ends_clean().await;
    sim.stop().await;
}

/// Whether a node's database took what was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Took {
    Everything,
    Nothing,
}

/// What one node burdens the machine with: threads, open files.
type Burden = [[usize; 2]; NODES];

/// The nodes, and what was asked of them.
struct World {
    fleet: Arc<Fleet>,
    asked: usize,
    /// People whose stop was acknowledged.
    stopped: Vec<String>,
    /// Stops that were not, as they will come again.
    unheard: Vec<(String, String)>,
}

/// What was asked of one node, and whether it was done.
struct Asked {
    person: String,
    stop: String,
    took: [bool; 3],
}

impl World {
    async fn new(fleet: Fleet) -> Self {
        let mut lines = Lines::to(fleet.addresses);
        lines.tell(0, &webhook::text(DANA, "Hello")).await;
        Self {
            fleet: Arc::new(fleet),
            asked: 0,
            stopped: Vec::new(),
            unheard: Vec::new(),
        }
    }

    fn each_line(&self, act: impl Fn(&Proxy)) {
        self.fleet.proxies.iter().for_each(act);
    }

    /// Asks every node, at the same time, for a send and a stop, and whether it is ready.
    async fn asked_of_all(&mut self, expected: Took) {
        let first = self.asked;
        self.asked += NODES;
        let ask = |node| ask(&self.fleet, node, first + node);
        let (one, two, three) = tokio::join!(ask(0), ask(1), ask(2));
        for asked in [one, two, three] {
            let took = match expected {
                Took::Everything => [true; 3],
                Took::Nothing => [false; 3],
            };
            assert_eq!(asked.took, took, "send, stop, ready: {expected:?}");
            match expected {
                Took::Everything => self.stopped.push(asked.person),
                Took::Nothing => self.unheard.push((asked.person, asked.stop)),
            }
        }
    }

    /// Many sends at once: each is refused, none is kept waiting for long.
    async fn burst(&self) {
        let mut sends = tokio::task::JoinSet::new();
        for number in 0..BURST * NODES {
            let private = self.fleet.addresses[number % NODES].private;
            let text = text_message(DANA, &format!("burst {number}"));
            sends.spawn(async move {
                let answer = http::post(private, &messages_path(), BOT_KEY, &text).await;
                assert_eq!(answer.status.as_u16(), 503, "{answer:?}");
                assert_eq!(answer.code(), Some(131_016), "{answer:?}");
            });
        }
        sends.join_all().await;
    }

    /// Every node gets ready by itself; what was not taken comes again and now is; and so is all else.
    async fn is_well_again(&mut self) {
        for node in 0..NODES {
            let ready = async {
                while !is_ready(&self.fleet, node).await {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            let is_ready = tokio::time::timeout(READY_WITHIN, ready).await;
            assert!(is_ready.is_ok(), "node {node} does not get ready");
        }
        let mut lines = Lines::to(self.fleet.addresses);
        for (person, stop) in std::mem::take(&mut self.unheard) {
            lines.tell_bytes(self.asked % NODES, &stop).await;
            self.stopped.push(person);
        }
        self.asked_of_all(Took::Everything).await;
    }

    /// Each acknowledged stop stands in the record, whichever node is asked.
    async fn every_stop_holds(&self) {
        for (number, person) in self.stopped.iter().enumerate() {
            let private = self.fleet.addresses[number % NODES].private;
            let target = format!("/v1/people/{person}?business={BUSINESS}");
            let found = http::get(private, &target, ADMIN_KEY).await.json();
            assert_eq!(found["head"]["marketing"]["standing"], "refused", "{found}");
        }
    }

    async fn burden(&self) -> Burden {
        let mut burden = Burden::default();
        for (node, burden) in burden.iter_mut().enumerate() {
            let process = self.fleet.gateways[node].lock().await.process();
            let count = |what: &str| {
                std::fs::read_dir(format!("/proc/{process}/{what}"))
                    .expect("a process that runs")
                    .count()
            };
            *burden = [count("task"), count("fd")];
        }
        burden
    }

    async fn burdened_no_more_than(&self, before: &Burden) {
        let now = self.burden().await;
        for (node, (now, before)) in now.iter().zip(before).enumerate() {
            let within = now
                .iter()
                .zip(before)
                .all(|(now, before)| *now <= before + SLACK);
            assert!(
                within,
                "node {node}: {before:?} threads and files, now {now:?}"
            );
            let connections = self.fleet.proxies[node].connections();
            assert!(connections <= CONNECTIONS_MAX, "node {node}: {connections}");
        }
    }
}

async fn ask(fleet: &Fleet, node: usize, number: usize) -> Asked {
    let person = format!("1555400{number:04}");
    let stop = webhook::text(&person, "STOP").to_string();
    let address = fleet.addresses[node];
    let text = text_message(DANA, &format!("text {number}"));
    let path = messages_path();
    let (sent, stopped, ready) = tokio::join!(
        http::post(address.private, &path, BOT_KEY, &text),
        webhook::try_post(address.public, BUSINESS, APP_SECRET, &stop),
        is_ready(fleet, node),
    );
    let stopped = stopped.expect("an answer");
    if !sent.status.is_success() {
        let refused = (sent.status.as_u16(), sent.code());
        assert_eq!(refused, (503, Some(131_016)), "{sent:?}");
    }
    assert!([200, 503].contains(&stopped.status.as_u16()), "{stopped:?}");
    Asked {
        person,
        stop,
        took: [sent.status.is_success(), stopped.status.is_success(), ready],
    }
}

/// Whether a node says that it is ready; it must be alive in any case.
async fn is_ready(fleet: &Fleet, node: usize) -> bool {
    let private = fleet.addresses[node].private;
    let alive = http::get(private, "/healthz", ADMIN_KEY).await;
    assert_eq!(alive.status.as_u16(), 200, "{alive:?}");
    let ready = http::get(private, "/readyz", ADMIN_KEY).await;
    assert!([200, 503].contains(&ready.status.as_u16()), "{ready:?}");
    ready.status.is_success()
}
