//! Work that must happen once: handing on webhooks, and confirming stops. One node does each, another takes
//! it over when that node dies, and no two that live do the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use tokio::sync::watch;

use super::fleet::{Fleet, NODES};
use super::lines::Lines;
use crate::support::chance::{self, Chance};
use crate::support::gateway::{messages_path, text_message};
use crate::support::server::Server;
use crate::support::settings::{BOT_KEY, Settings};
use crate::support::stuck::StuckPlatform;
use crate::support::{soon, webhook};

/// Deliveries that come in.
const DELIVERIES: usize = 2_000;
/// How many bring them at the same time.
const PLATFORMS: usize = 12;
/// How soon after its death a node's work is taken over, and what a busy machine may take to do it then.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);
const BUSY: Duration = Duration::from_secs(20);

/// What apps got, by the bytes; and a word to whoever waits.
#[derive(Debug)]
struct Inbox {
    got: Mutex<HashMap<Bytes, usize>>,
    count: watch::Sender<usize>,
}

impl Inbox {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            got: Mutex::default(),
            count: watch::Sender::new(0),
        })
    }

    fn take(&self, request: &Request<Bytes>) {
        let mut got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
        *got.entry(request.body().clone()).or_default() += 1;
        drop(got);
        self.count.send_modify(|count| *count += 1);
    }

    async fn until(&self, count: usize) {
        let mut counts = self.count.subscribe();
        let _ = counts.wait_for(|got| *got >= count).await;
    }

    fn got(&self) -> HashMap<Bytes, usize> {
        let got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
        got.clone()
    }
}

/// An app that takes everything.
async fn app(inbox: &Arc<Inbox>) -> Server {
    let inbox = Arc::clone(inbox);
    Server::start(move |request| {
        inbox.take(&request);
        std::future::ready(StatusCode::OK)
    })
    .await
}

fn relaying(settings: Settings, apps: &[&Server]) -> Settings {
    let hosts: Vec<String> = apps
        .iter()
        .map(|app| app.address.ip().to_string())
        .collect();
    let mut settings = settings.with(&["relay", "allow_hosts"], hosts);
    for (place, app) in apps.iter().enumerate() {
        let url = format!("http://{}/hook", app.address);
        settings = settings.relaying(place, &url, "relay-secret");
    }
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_no_node_dies_each_app_gets_each_delivery_once() {
    let sim = super::sim().await;
    let inboxes = [Inbox::new(), Inbox::new()];
    let apps = [app(&inboxes[0]).await, app(&inboxes[1]).await];
    let fleet = Fleet::start(&sim.url(), &[], |settings| {
        relaying(settings, &[&apps[0], &apps[1]])
    })
    .await;
    let bodies: Vec<String> = (0..DELIVERIES)
        .map(|number| {
            let person = format!("1555{:07}", 3_000_000 + number % 400);
            webhook::text(&person, &format!("Hello {number}")).to_string()
        })
        .collect();
    let bodies = Arc::new(bodies);
    let seed = chance::seed();
    println!("seed {seed}");
    let mut bringing = tokio::task::JoinSet::new();
    for platform in 0..PLATFORMS {
        let (mut lines, bodies) = (Lines::to(fleet.addresses), Arc::clone(&bodies));
        let mut chance = Chance::about(seed, platform as u64);
        bringing.spawn(async move {
            for body in bodies.iter().skip(platform).step_by(PLATFORMS) {
                let node = chance.below(NODES as u64) as usize;
                lines.tell_bytes(node, body).await;
                // The platform may deliver again what it had an answer for, elsewhere.
                if chance.percent(10) {
                    lines.tell_bytes((node + 1) % NODES, body).await;
                }
            }
        });
    }
    bringing.join_all().await;
    for inbox in &inboxes {
        let all = inbox.until(DELIVERIES);
        tokio::time::timeout(Duration::from_secs(60), all)
            .await
            .expect("everything is handed on");
    }
    // Nothing is owed any more, so nothing can come twice from here on.
    soon("everything is noted", async {
        while fleet.database.sql("SELECT count(*) FROM relays") != "0" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    for inbox in &inboxes {
        let got = inbox.got();
        let wrong: Vec<_> = bodies
            .iter()
            .map(|body| (body, got.get(body.as_bytes()).copied().unwrap_or(0)))
            .filter(|(_, count)| *count != 1)
            .collect();
        assert!(wrong.is_empty(), "{} {:#?}", wrong.len(), wrong.first());
        assert_eq!(got.len(), DELIVERIES);
    }
    fleet.ends_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_node_had_in_hand_another_hands_on_within_ten_seconds() {
    let sim = super::sim().await;
    let inbox = Inbox::new();
    // The first that asks is kept waiting for ever, so that its node has the delivery in hand when it dies.
    let first = watch::Sender::new(false);
    let app = {
        let (inbox, first) = (Arc::clone(&inbox), first.clone());
        Server::start(move |request| {
            let is_first = !first.send_replace(true);
            if !is_first {
                inbox.take(&request);
            }
            async move {
                if is_first {
                    std::future::pending::<()>().await;
                }
                StatusCode::OK
            }
        })
        .await
    };
    let fleet = Fleet::start(&sim.url(), &[], |settings| {
        // In hand for as long as it takes a busy machine to start the others again.
        relaying(settings, &[&app]).with(&["relay", "timeout_ms"], 60_000)
    })
    .await;
    // Alone, so that it is known who has it in hand.
    for node in 1..NODES {
        assert!(fleet.gateways[node].lock().await.stop().await.success());
    }
    let mut lines = Lines::to(fleet.addresses);
    lines
        .tell(0, &webhook::text("15553000001", "Where is my order?"))
        .await;
    let mut begun = first.subscribe();
    let _ = soon("it is handed on", begun.wait_for(|begun| *begun)).await;
    for node in 1..NODES {
        fleet.gateways[node].lock().await.run_again().await;
    }
    let dying = "SELECT n.node FROM relays r JOIN nodes n ON n.token = r.held_by";
    let number = fleet.database.sql(dying);
    fleet.gateways[0].lock().await.kill().await;
    let died = Instant::now();
    // The database's own clock says how long the dead node still counts as living.
    let left = fleet.database.sql(&format!(
        "SELECT CAST(lease_until_ms - extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) FROM nodes WHERE node = {number}"
    ));
    let left_ms: i64 = left.parse().expect("a number");
    let longest_ms = i64::try_from(TAKEN_OVER_WITHIN.as_millis()).expect("a short time");
    // A second and a half are left for looking and claiming.
    assert!(left_ms <= longest_ms - 1_500, "{left_ms}");

    tokio::time::timeout(TAKEN_OVER_WITHIN + BUSY, inbox.until(1))
        .await
        .expect("another node hands it on");
    println!("taken over {:?} after its node's death", died.elapsed());
    assert_eq!(inbox.got().len(), 1);
    fleet.gateways[0].lock().await.run_again().await;
    fleet.ends_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmation_that_a_dead_node_had_in_hand_another_sends_within_ten_seconds() {
    let (talking, stopping) = ("15553000001", "15553000002");
    let platform = StuckPlatform::start(talking, stopping).await;
    let upstream = platform.url();
    let fleet = Fleet::start(&upstream, &[], |settings| {
        settings.with(&["upstream", "concurrency_per_number_max"], 1)
    })
    .await;
    for node in 1..NODES {
        assert!(fleet.gateways[node].lock().await.stop().await.success());
    }
    // The number's one place is taken, so the confirmation waits in the first node's hand.
    let mut lines = Lines::to(fleet.addresses);
    lines.tell(0, &webhook::text(talking, "Hello")).await;
    let mut sending = Lines::to(fleet.addresses);
    let sending = tokio::spawn(async move {
        let answer = text_message(talking, "How can we help?");
        let _ = sending.post(0, &messages_path(), BOT_KEY, &answer).await;
    });
    let is_one = async |what: &str, query: &str| {
        soon(what, async {
            while fleet.database.sql(query) != "1" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    };
    soon("the answer is under way", platform.is_stuck()).await;
    lines.tell(0, &webhook::text(stopping, "STOP")).await;
    let in_hand = "SELECT count(*) FROM replies WHERE state = 0 AND held_by IS NOT NULL";
    is_one("the confirmation is in hand", in_hand).await;
    for node in 1..NODES {
        fleet.gateways[node].lock().await.run_again().await;
    }
    fleet.gateways[0].lock().await.kill().await;
    let died = Instant::now();
    platform.has_taken(TAKEN_OVER_WITHIN + BUSY).await;
    println!("confirmed {:?} after the node's death", died.elapsed());
    sending.abort();
    fleet.gateways[0].lock().await.run_again().await;
    let over = "SELECT count(*) FROM replies WHERE state = 2 AND decision_seq IS NOT NULL";
    is_one("it is over", over).await;
    assert_eq!(platform.taken(), 1);
    fleet.ends_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_of_a_node_that_died_is_confirmed_by_another_once() {
    let sim = super::sim().await;
    let fleet = Fleet::start(&sim.url(), &[], |settings| settings).await;
    let mut lines = Lines::to(fleet.addresses);
    for round in 0..6 {
        let node = round % NODES;
        let person = format!("1555300{round:04}");
        lines.tell(node, &webhook::text(&person, "STOP")).await;
        let mut gateway = fleet.gateways[node].lock().await;
        gateway.kill().await;
        gateway.run_again().await;
    }
    let confirmed = || {
        let owed = fleet
            .database
            .sql("SELECT count(*) FILTER (WHERE state = 0), count(*) FROM replies");
        let sent = sim
            .requests(0)
            .into_iter()
            .filter(|request| request.is_send());
        (
            owed,
            sent.filter_map(|request| request.to).collect::<Vec<_>>(),
        )
    };
    soon("nothing is owed", async {
        while !confirmed().0.starts_with("0|") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let (owed, mut to) = confirmed();
    assert_eq!(owed, "0|6");
    to.sort_unstable();
    let all = to.len();
    to.dedup();
    assert_eq!(to.len(), all, "nobody is told twice");
    fleet.ends_clean().await;
}
