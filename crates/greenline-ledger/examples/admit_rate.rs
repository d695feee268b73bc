//! A node under load: decides about sends as fast as its store takes them, and settles each as the gateway
//! does. `cargo xtask bench store` runs it, several beside each other for several nodes.
//!
//! `admit_rate URL [--people N] [--events N] [--active N] [--waiters N] [--batch-max N] [--seed N] [--limit N]`,
//! then commands on its input, each answered by one line: `fill` writes the people, `warm` looks everyone up who
//! is sent to, `run SECONDS` measures. With a limit, the sends are of a portfolio of their own that may reach so
//! many people.

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use greenline_ledger::types::{
    Actor, Ask, BusinessIx, Effect, Evidence, Mode, NewEvent, Outcome, TemplateRef,
};
use greenline_ledger::{BusinessSetup, Ledger, LedgerError, Setup};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::decide::{Intent, Rules, Verdict, decide};
use greenline_policy::identity::{Identifier, Phone};
use greenline_policy::pair::PAID_WITHIN_MS;
use greenline_policy::reach::MessagingLimit;
use greenline_policy::scope::{Category, Scope};

const ACME: BusinessIx = BusinessIx(0);
const NOW_MS: i64 = 1_795_000_000_000;
/// Events written at once.
const FILL_AT_ONCE: usize = 1_000;
/// As the gateway's.
const DISPATCH_WITHIN: Duration = Duration::from_secs(2);
/// Prime, so that people follow each other in no order.
const STRIDE: u64 = 7_919;

#[derive(Clone)]
struct Load {
    url: String,
    /// People who are stored.
    people: u64,
    /// Consent events of each.
    events: u64,
    /// People who are sent to, in turn.
    active: u64,
    waiters: u64,
    batch_max: usize,
    /// Tells this node's messages from those of others, and where it begins among the people.
    seed: u64,
    /// People whom the portfolio may reach, where the platform told.
    limit: Option<u32>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let done = load().and_then(|load| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        runtime.block_on(serve(load))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn load() -> Result<Load, Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut load = Load {
        url: arguments
            .next()
            .ok_or("which store? sqlite:FILE or postgres://…")?,
        people: 10_000,
        events: 2,
        active: u64::MAX,
        waiters: 64,
        batch_max: 1_000,
        seed: 0,
        limit: None,
    };
    while let Some(name) = arguments.next() {
        let value: u64 = arguments
            .next()
            .ok_or("an option without a value")?
            .parse()?;
        match name.as_str() {
            "--people" => load.people = value.max(1),
            "--events" => load.events = value.max(1),
            "--active" => load.active = value.max(1),
            "--waiters" => load.waiters = value.max(1),
            "--batch-max" => load.batch_max = usize::try_from(value)?,
            "--seed" => load.seed = value,
            "--limit" => load.limit = Some(u32::try_from(value)?),
            _ => return Err(format!("there is no option `{name}`").into()),
        }
    }
    load.active = load.active.min(load.people);
    Ok(load)
}

async fn serve(load: Load) -> Result<(), Failure> {
    let setup = Setup {
        businesses: vec![BusinessSetup {
            id: "acme".to_owned(),
            portfolio: load.limit.map(|_| "limited".to_owned()).unwrap_or_default(),
        }],
        decide,
        queue_max: 10_000,
        batch_max: load.batch_max,
    };
    let ledger = Ledger::open(&load.url, setup).await?;
    if let Some(people) = load.limit {
        let limit = Effect::Limit {
            limit: MessagingLimit::People(people),
            origin: "graph".into(),
            at_ms: NOW_MS,
        };
        ledger.learn(ACME, vec![limit]).await?;
    }
    println!("ready");
    let sent = Arc::new(AtomicU64::new(load.seed * load.active / 3));
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("fill", _) => fill(&ledger, &load).await?,
            ("warm", _) => warm(&ledger, &load).await?,
            ("run", seconds) => {
                let seconds = Duration::from_secs_f64(seconds.parse()?);
                run(&ledger, &load, &sent, seconds).await?;
            }
            _ => return Err(format!("there is no command `{line}`").into()),
        }
    }
    ledger.close().await;
    Ok(())
}

/// A listed template, and people with a yes that was given and given again.
async fn fill(ledger: &Ledger, load: &Load) -> Result<(), Failure> {
    let listed = Effect::Template {
        waba_id: "w1".into(),
        name: "offer".into(),
        language: "en".into(),
        template_id: None,
        category: Some(Category::Marketing),
        status: Some("APPROVED".into()),
        is_ask: None,
        quality: None,
        at_ms: NOW_MS,
    };
    ledger.learn(ACME, vec![listed]).await?;
    let all = (0..load.people).flat_map(|n| (0..load.events).map(move |nth| yes(n, nth)));
    let mut events = Vec::with_capacity(FILL_AT_ONCE);
    for event in all {
        events.push(event);
        if events.len() == FILL_AT_ONCE {
            append(ledger, std::mem::take(&mut events)).await?;
        }
    }
    append(ledger, events).await?;
    println!("filled");
    Ok(())
}

async fn append(ledger: &Ledger, events: Vec<NewEvent>) -> Result<(), LedgerError> {
    for appended in ledger.append_all(events).await? {
        appended?;
    }
    Ok(())
}

/// Looks everyone up once, as a node that has run for a while has.
async fn warm(ledger: &Ledger, load: &Load) -> Result<(), Failure> {
    let next = Arc::new(AtomicU64::new(0));
    let active = load.active;
    let tasks: Vec<_> = (0..load.waiters)
        .map(|_| {
            let (ledger, next) = (ledger.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= active {
                        return Ok(());
                    }
                    ledger.preview(Sends::new().ask(n, 0, 0)).await?;
                }
            })
        })
        .collect();
    for task in tasks {
        let done: Result<(), LedgerError> = task.await?;
        done?;
    }
    println!("warm");
    Ok(())
}

async fn run(
    ledger: &Ledger,
    load: &Load,
    sent: &Arc<AtomicU64>,
    seconds: Duration,
) -> Result<(), Failure> {
    let (began, cpu) = (now(), cpu_used());
    let until = began + seconds;
    let tasks: Vec<_> = (0..load.waiters)
        .map(|_| {
            let (ledger, sent) = (ledger.clone(), Arc::clone(sent));
            tokio::spawn(waiter(ledger, sent, load.active, load.seed, until))
        })
        .collect();
    let mut took: Vec<Duration> = Vec::new();
    for task in tasks {
        took.extend(task.await??);
    }
    let (elapsed, cpu) = (began.elapsed(), cpu_used().saturating_sub(cpu));
    took.sort_unstable();
    let at = |share: usize| {
        let place = took.len().saturating_sub(1) * share / 1_000;
        took.get(place).map_or(0, Duration::as_micros)
    };
    println!(
        "ran decisions={} elapsed_us={} cpu_us={} p50_us={} p99_us={}",
        took.len(),
        elapsed.as_micros(),
        cpu.as_micros(),
        at(500),
        at(990)
    );
    Ok(())
}

async fn waiter(
    ledger: Ledger,
    sent: Arc<AtomicU64>,
    active: u64,
    seed: u64,
    until: Instant,
) -> Result<Vec<Duration>, LedgerError> {
    let mut took = Vec::new();
    let sends = Sends::new();
    while now() < until {
        let n = sent.fetch_add(1, Ordering::Relaxed);
        let began = now();
        let admitted = ledger
            .admit(sends.ask(n * STRIDE % active, n, n / active))
            .await?;
        took.push(began.elapsed());
        if admitted.decision.verdict != Verdict::Allow {
            return Err(LedgerError::Bug("a send was refused that is covered"));
        }
        drop(admitted.flight);
        // As long as the platform's.
        let id = format!("wamid.HBgLMTU1NTAwMDAwMDEVAgARGBI0QTdG{seed:04X}{n:016X}");
        ledger.settle(
            admitted.id,
            Outcome::Accepted {
                message_ids: std::iter::once(id.into()).collect(),
            },
        );
    }
    Ok(took)
}

/// What all sends have in common.
struct Sends {
    template: TemplateRef,
    number: Arc<str>,
    waba_id: Arc<str>,
    app: Arc<str>,
}

impl Sends {
    fn new() -> Self {
        Self {
            template: TemplateRef {
                waba_id: "w1".into(),
                name: "offer".into(),
                language: "en".into(),
                topic: None,
                marked_ask: false,
                own: None,
            },
            number: "301500000000001".into(),
            waba_id: "w1".into(),
            app: "bot".into(),
        }
    }

    /// Each time round so much later that whatever went before is paid for, also by other nodes.
    fn ask(&self, to: u64, body: u64, round: u64) -> Ask {
        Ask {
            business: ACME,
            number: Arc::clone(&self.number),
            waba_id: Arc::clone(&self.waba_id),
            app: Arc::clone(&self.app),
            to: std::iter::once(person(to)).collect(),
            intent: Intent::Template,
            template: Some(self.template.clone()),
            body_hash: u128::from(body).to_be_bytes(),
            rules: Rules::default(),
            mode: Mode::Enforce,
            now_ms: NOW_MS + i64::try_from(round).unwrap_or(0) * PAID_WITHIN_MS,
            dispatch_by: now() + DISPATCH_WITHIN,
            confirms: None,
            places: Default::default(),
            caps: Default::default(),
            paced: true,
            reply: None,
            keep: None,
            release: None,
        }
    }
}

fn person(n: u64) -> Identifier {
    // Of numbers this short there is always one.
    Phone::from_digits(15_550_000_000 + n).map_or_else(|| unreachable!(), Identifier::Phone)
}

fn yes(n: u64, nth: u64) -> NewEvent {
    let at_ms = NOW_MS - 1_000_000_000 + i64::try_from(nth).unwrap_or(0);
    NewEvent {
        business: ACME,
        person: std::iter::once(person(n)).collect(),
        kind: if nth == 0 {
            EventKind::Granted
        } else {
            EventKind::Reconfirmed
        },
        scope: Scope::Category(Category::Marketing),
        at_ms,
        stated_ms: at_ms,
        arrival_ms: at_ms,
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
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    Duration::from_millis((ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0)) * 10)
}
