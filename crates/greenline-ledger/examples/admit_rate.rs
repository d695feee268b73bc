//! How many sends a second the ledger decides and records durably, and what each costs in CPU:
//! `cargo run --release -p greenline-ledger --example admit_rate [DIR] [WAITERS] [SENDS]`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use greenline_ledger::types::{
    Actor, Ask, BusinessIx, Effect, Evidence, Mode, NewEvent, Outcome, TemplateRef,
};
use greenline_ledger::{BusinessSetup, Ledger, Setup};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::decide::{Intent, Rules, decide};
use greenline_policy::identity::{Identifier, Phone};
use greenline_policy::scope::{Category, Scope};

const ACME: BusinessIx = BusinessIx(0);
const NOW_MS: i64 = 1_795_000_000_000;
const PEOPLE: u64 = 10_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let waiters: u64 = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(64);
    let sends: u64 = arguments
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(500_000);
    let path = dir.join(format!("admit-rate-{}.db", std::process::id()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(&path, waiters, sends));
    for end in ["", "-wal", "-shm", ".lock"] {
        let mut name = path.clone().into_os_string();
        name.push(end);
        let _ = std::fs::remove_file(name);
    }
}

async fn run(path: &std::path::Path, waiters: u64, sends: u64) {
    let setup = Setup {
        businesses: vec![BusinessSetup {
            id: "acme".to_owned(),
        }],
        decide,
        queue_max: 10_000,
        batch_max: 1_000,
    };
    let ledger = Ledger::open_sqlite(path, setup).expect("a store");
    let listed = Effect::Template {
        waba_id: "w1".into(),
        name: "offer".into(),
        language: "en".into(),
        template_id: None,
        category: Some(Category::Marketing),
        status: Some("APPROVED".into()),
        is_ask: None,
        at_ms: NOW_MS,
    };
    ledger.learn(ACME, vec![listed]).await.expect("a template");
    ledger
        .append_all((0..PEOPLE).map(yes).collect())
        .await
        .expect("people");
    let (left, began, cpu) = (Arc::new(AtomicU64::new(sends)), now(), cpu_used());
    let tasks: Vec<_> = (0..waiters)
        .map(|_| tokio::spawn(waiter(ledger.clone(), Arc::clone(&left))))
        .collect();
    let mut slowest: Vec<Duration> = Vec::new();
    for task in tasks {
        slowest.extend(task.await.expect("a waiter"));
    }
    let (took, cpu) = (began.elapsed(), cpu_used().saturating_sub(cpu));
    slowest.sort_unstable();
    let at = |share: usize| slowest[(slowest.len() - 1) * share / 1_000];
    println!(
        "{waiters} waiters: {:.0} admissions a second, {:.2} us of CPU each, p50 {:?}, p99 {:?}, p99.9 {:?}",
        sends as f64 / took.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / sends as f64,
        at(500),
        at(990),
        at(999)
    );
}

async fn waiter(ledger: Ledger, left: Arc<AtomicU64>) -> Vec<Duration> {
    let mut took = Vec::new();
    let template = TemplateRef {
        waba_id: "w1".into(),
        name: "offer".into(),
        language: "en".into(),
        topic: None,
        marked_ask: false,
    };
    let (number, waba_id, app) = (
        Arc::from("301500000000001"),
        Arc::from("w1"),
        Arc::from("bot"),
    );
    while let Ok(n) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(1)
    }) {
        let began = now();
        let ask = Ask {
            business: ACME,
            number: Arc::clone(&number),
            waba_id: Arc::clone(&waba_id),
            app: Arc::clone(&app),
            to: std::iter::once(person(n % PEOPLE)).collect(),
            intent: Intent::Template,
            template: Some(template.clone()),
            body_hash: u128::from(n).to_be_bytes(),
            rules: Rules::default(),
            mode: Mode::Enforce,
            now_ms: NOW_MS,
            dispatch_by: began + Duration::from_secs(2),
            confirms: None,
        };
        let admitted = ledger.admit(ask).await.expect("an answer");
        drop(admitted.flight.expect("a flight"));
        ledger.settle(
            admitted.id,
            Outcome::Accepted {
                message_ids: std::iter::once(format!("wamid.{n}").into()).collect(),
            },
        );
        took.push(began.elapsed());
    }
    took
}

fn person(n: u64) -> Identifier {
    Identifier::Phone(Phone::from_digits(15_550_000_000 + n).expect("a number"))
}

fn yes(n: u64) -> NewEvent {
    NewEvent {
        business: ACME,
        person: std::iter::once(person(n)).collect(),
        kind: EventKind::Granted,
        scope: Scope::Category(Category::Marketing),
        at_ms: NOW_MS,
        stated_ms: NOW_MS,
        arrival_ms: NOW_MS,
        strength: Strength::Evidenced,
        in_thread: false,
        evidence: Evidence::default(),
        actor: Actor("bench".into()),
        dedup: None,
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

/// User and system time of this process, from the kernel's count in hundredths of a second.
fn cpu_used() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
