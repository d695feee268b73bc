//! What a decision costs in a store: in batches against one by one, on SQLite and Postgres, one node and three.
//!
//! Nodes are processes that admit sends through the ledger's own verbs, with real heads and the real policy, and
//! settle each as the gateway does; nothing is sent. Postgres is a server of the benchmark's own, as durable as
//! tests have it. All ways take turns, round by round, and only ratios of one round are compared. CPU of nodes
//! and of the database's processes is counted apart, as the kernel charged it.
//!
//! One by one is the same code with batches of one: a node still has one connection, so its figure is bound by
//! round trips and flushes rather than by CPU. The ratio of CPU is therefore printed beside that of the rate.
//!
//! What a portfolio's limit costs is told by the same sends once more, of a portfolio whose limit is known.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use greenline_testdb::{Database, Proxy, Server};

use super::server::{TICKS_PER_SECOND, family_ticks};
use crate::options::Options;
use crate::places::Places;
use node::Node;
use report::{Figures, Way, report};

mod node;
mod report;

/// What the database may use over what it comes with: memory and log as on a small server of its own.
const DATABASE_SETTINGS: [&str; 2] = ["shared_buffers=512MB", "max_wal_size=4GB"];

/// People whom a portfolio may reach, where that is known: far more than it does, as in the middle of a campaign.
const PORTFOLIO_LIMIT: u64 = 1_000_000;

struct Settings {
    /// People who are stored.
    people: u64,
    /// Consent events of each.
    events: u64,
    /// People who are sent to, in turn.
    active: u64,
    /// Sends under way at a time, over all nodes.
    waiters: u64,
    rounds: usize,
    seconds: u32,
    /// How much later each answer of the database comes, as from further away.
    answers_after: Duration,
    json: bool,
}

/// A server and where the nodes find their stores.
struct Bench {
    program: PathBuf,
    server: Server,
    database: Database,
    /// Between the nodes and the database, where answers are to come late.
    proxy: Option<Proxy>,
    folder: PathBuf,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let settings = settings(args)?;
    let places = Places::find()?;
    let program = super::built_example(&places, "admit_rate")?;
    let folder = std::env::temp_dir().join(format!("greenline-bench-store-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let server = Server::private_with(&DATABASE_SETTINGS);
    let database = server.database();
    let proxy = (!settings.answers_after.is_zero()).then(|| Proxy::to(database.server_address()));
    let bench = Bench {
        program,
        server,
        database,
        proxy,
        folder,
    };
    let outcome = measure(&bench, &settings);
    fs::remove_dir_all(&bench.folder)?;
    outcome
}

fn settings(args: &[String]) -> Result<Settings> {
    let values = [
        "--people",
        "--events",
        "--active",
        "--waiters",
        "--rounds",
        "--seconds",
        "--answers-after-ms",
    ];
    let options = Options::read(args, &values, &["--json"])?;
    let settings = Settings {
        people: options.value("--people", 100_000)?,
        events: options.value("--events", 2)?,
        active: options.value("--active", 10_000)?,
        waiters: options.value("--waiters", 192)?,
        rounds: options.value("--rounds", 5)?,
        seconds: options.value("--seconds", 3)?,
        answers_after: Duration::from_millis(options.value("--answers-after-ms", 0)?),
        json: options.flag("--json"),
    };
    if settings.rounds == 0 || settings.seconds == 0 {
        bail!("there is nothing to measure in no time");
    }
    Ok(settings)
}

fn measure(bench: &Bench, settings: &Settings) -> Result<()> {
    let database_pid = bench.database_pid()?;
    bench.fill(settings)?;
    if let Some(proxy) = &bench.proxy {
        proxy.slow(settings.answers_after);
    }
    let mut nodes = Vec::new();
    for way in &Way::ALL {
        nodes.push(bench.start(way, settings)?);
    }
    let mut rounds: Vec<Vec<Figures>> = Vec::new();
    // One short round each to fill pools and caches, not counted.
    for round in 0..=settings.rounds {
        let mut figures = Vec::new();
        for (way, nodes) in Way::ALL.iter().zip(&mut nodes) {
            let seconds = if round == 0 { 1 } else { settings.seconds };
            let measured = one_round(nodes, seconds, database_pid)?;
            if round > 0 && !settings.json {
                println!("round {round}: {way}: {measured}");
            }
            figures.push(measured);
        }
        if round > 0 {
            rounds.push(figures);
        }
    }
    for node in nodes.into_iter().flatten() {
        node.end()?;
    }
    if report(&rounds, settings.json) {
        Ok(())
    } else {
        bail!("the budget is missed")
    }
}

/// All nodes of one way at once, the others being idle.
fn one_round(nodes: &mut [Node], seconds: u32, database_pid: u32) -> Result<Figures> {
    let before = family_ticks(database_pid)?;
    for node in &mut *nodes {
        node.tell(&format!("run {seconds}"))?;
    }
    let mut figures = Figures::default();
    for node in &mut *nodes {
        figures.add(&node.answer("ran")?)?;
    }
    let after = family_ticks(database_pid)?;
    figures.database_us = (after - before) as f64 / TICKS_PER_SECOND * 1e6;
    Ok(figures)
}

impl Bench {
    fn database_pid(&self) -> Result<u32> {
        let file = self.database.sql("SELECT pg_read_file('postmaster.pid')");
        let pid = file.lines().next().context("a server without a process")?;
        Ok(pid.trim().parse()?)
    }

    fn store_of(&self, way: &Way) -> String {
        if way.is_postgres {
            let proxy = self.proxy.as_ref();
            return proxy.map_or_else(
                || self.database.url(),
                |proxy| self.database.url_through(proxy),
            );
        }
        format!("sqlite:{}/{}.db", self.folder.display(), way.batch_max)
    }

    fn node(&self, way: &Way, seed: u64, settings: &Settings) -> Result<Node> {
        let mut options = vec![
            ("--people", settings.people),
            ("--events", settings.events),
            ("--active", settings.active),
            ("--waiters", (settings.waiters / way.nodes).max(1)),
            ("--batch-max", way.batch_max),
            ("--seed", seed),
        ];
        if way.is_limited {
            options.push(("--limit", PORTFOLIO_LIMIT));
        }
        Node::start(&self.program, &self.store_of(way), &options)
    }

    /// Writes the people, into each store once.
    fn fill(&self, settings: &Settings) -> Result<()> {
        let once = |way: &&Way| {
            let is_first = way.nodes == 1 && way.batch_max > 1 && !way.is_limited;
            !way.is_postgres || is_first
        };
        for way in Way::ALL.iter().filter(once) {
            let mut node = Node::start(
                &self.program,
                &self.store_of(way),
                &[
                    ("--people", settings.people),
                    ("--events", settings.events),
                    ("--batch-max", 1_000),
                ],
            )?;
            node.tell("fill")?;
            node.answer("filled")?;
            node.end()?;
        }
        // As the database does by itself, sooner or later.
        self.server.sql(&self.database, "VACUUM ANALYZE");
        Ok(())
    }

    fn start(&self, way: &Way, settings: &Settings) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        for _ in 0..way.nodes {
            nodes.push(self.node(way, way.seed() + nodes.len() as u64, settings)?);
        }
        for node in &mut nodes {
            node.tell("warm")?;
        }
        for node in &mut nodes {
            node.answer("warm")?;
        }
        Ok(nodes)
    }
}
