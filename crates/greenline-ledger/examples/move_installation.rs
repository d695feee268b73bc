//! Makes a large installation and moves it, for `cargo xtask bench move`.
//!
//! `move_installation fill FILE PEOPLE` fills a SQLite store through the ledger's verbs.
//! `move_installation move FILE URL` moves it, says how far it is, and in the end what it came to.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use greenline_ledger::types::{
    Actor, Ask, BusinessIx, Delivery, Effect, Evidence, Lane, Mode, NewEvent, Outcome, TemplateRef,
};
use greenline_ledger::{BusinessSetup, Ledger, Setup, moving};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::decide::{Intent, Rules, decide};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::{Category, Scope};
use smallvec::smallvec;

type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const ACME: BusinessIx = BusinessIx(0);
/// When everything begins, Unix milliseconds.
const BEGINNING_MS: i64 = 1_760_000_000_000;
/// Requests under way at a time.
const AT_ONCE: usize = 4_000;
/// How often something is asked again while the store is busy, and how long between.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);
/// One person in so many says no again, writes, is sent to.
const NO_EVERY: u64 = 10;
const WRITES_EVERY: u64 = 5;
const SEND_EVERY: u64 = 3;

fn main() -> Done {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match args.as_slice() {
        ["fill", path, people] => runtime.block_on(fill(Path::new(path), people.parse()?)),
        ["move", path, url] => runtime.block_on(go(path, url)),
        _ => Err("fill FILE PEOPLE, or move FILE URL".into()),
    }
}

fn setup() -> Setup {
    Setup {
        businesses: vec![BusinessSetup {
            id: "acme".to_owned(),
            portfolio: String::new(),
        }],
        decide,
        queue_max: 4 * AT_ONCE,
        batch_max: AT_ONCE,
    }
}

fn phone(person: u64) -> Done<Identifier> {
    Identifier::parse(&format!("1{:010}", 2_000_000_000 + person)).ok_or_else(|| "no number".into())
}

fn event(person: u64, kind: EventKind, at_ms: i64) -> Done<NewEvent> {
    Ok(NewEvent {
        business: ACME,
        person: smallvec![phone(person)?],
        kind,
        scope: Scope::parse("marketing").ok_or("no scope")?,
        at_ms,
        stated_ms: at_ms,
        arrival_ms: at_ms,
        strength: Strength::Evidenced,
        in_thread: false,
        evidence: Evidence {
            method: "website_form".into(),
            wording: "Yes, send me offers on WhatsApp".into(),
            business_name: "Acme".into(),
            ..Evidence::default()
        },
        actor: Actor("import".into()),
        dedup: Some(format!("{}:{person}", kind.as_str()).into()),
    })
}

fn send(person: u64, at_ms: i64) -> Done<Ask> {
    let template = TemplateRef {
        waba_id: "w1".into(),
        name: "offer".into(),
        language: "en".into(),
        topic: None,
        marked_ask: false,
        own: None,
    };
    Ok(Ask {
        business: ACME,
        number: "n1".into(),
        waba_id: "w1".into(),
        app: "campaign".into(),
        to: smallvec![phone(person)?],
        intent: Intent::Template,
        template: Some(template),
        body_hash: [7; 16],
        rules: Rules::default(),
        mode: Mode::Enforce,
        now_ms: at_ms,
        dispatch_by: Instant::now() + Duration::from_secs(600),
        confirms: None,
        places: Default::default(),
        caps: Default::default(),
        paced: false,
        reply: None,
        keep: None,
        release: None,
    })
}

fn written(person: u64, at_ms: i64) -> Done<Delivery> {
    let wrote = Effect::Wrote {
        person: smallvec![phone(person)?],
        number: "n1".into(),
        at_ms,
        message_id: format!("wamid.in.{person}").into(),
        free_until_ms: None,
    };
    Ok(Delivery {
        business: ACME,
        received_ms: at_ms,
        body: format!("{{\"from\":{person}}}").into_bytes().into(),
        headers: Vec::new(),
        lane: Lane::Inbound,
        relay_to: Vec::new(),
        effects: vec![wrote],
    })
}

/// Asks again while the store is busy: on a slow disk a checkpoint may keep the writer waiting too long.
macro_rules! patiently {
    ($ask:expr) => {{
        let mut tries = 0;
        loop {
            match $ask.await {
                Err(error) if error.is_passing() && tries < TRIES => tries += 1,
                done => break done,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }};
}

async fn fill(path: &Path, people: u64) -> Done {
    let ledger = Ledger::open_sqlite(path, setup())?;
    let offer = Effect::Template {
        waba_id: "w1".into(),
        name: "offer".into(),
        language: "en".into(),
        template_id: None,
        category: Some(Category::Marketing),
        status: Some("APPROVED".into()),
        is_ask: None,
        quality: None,
        at_ms: BEGINNING_MS,
    };
    ledger.learn(ACME, vec![offer]).await?;
    let step = u64::try_from(AT_ONCE)?;
    for first in (0..people).step_by(AT_ONCE) {
        let some = first..people.min(first + step);
        let at_ms = BEGINNING_MS + i64::try_from(first)?;
        let yes: Vec<NewEvent> = some
            .clone()
            .map(|person| event(person, EventKind::Granted, at_ms))
            .collect::<Done<_>>()?;
        for done in patiently!(ledger.append_all(yes.clone()))? {
            done?;
        }
        let mut work = tokio::task::JoinSet::new();
        for person in some {
            let ledger = ledger.clone();
            work.spawn(async move { rest(&ledger, person, at_ms + 1_000).await });
        }
        while let Some(done) = work.join_next().await {
            done??;
        }
    }
    ledger.close().await;
    Ok(())
}

/// What happens to a person after their yes.
async fn rest(ledger: &Ledger, person: u64, at_ms: i64) -> Done {
    if person.is_multiple_of(SEND_EVERY) {
        let ask = send(person, at_ms)?;
        let admitted = patiently!(ledger.admit(ask.clone()))?;
        let message_ids = smallvec![format!("wamid.out.{person}").into()];
        ledger.settle(admitted.id, Outcome::Accepted { message_ids });
    }
    if person.is_multiple_of(WRITES_EVERY) {
        let delivery = written(person, at_ms + 1_000)?;
        patiently!(ledger.ingest(delivery.clone()))?;
    }
    if person.is_multiple_of(NO_EVERY) {
        let no = event(person, EventKind::Withdrawn, at_ms + 2_000)?;
        patiently!(ledger.append(no.clone()))?;
    }
    Ok(())
}

async fn go(path: &str, url: &str) -> Done {
    let start = Instant::now();
    let mut what = "";
    let moved = moving::run(&format!("sqlite:{path}"), url, decide, &mut |progress| {
        if progress.what != what {
            what = progress.what;
            println!(
                "at {:.1} {} {}",
                start.elapsed().as_secs_f64(),
                progress.rows,
                what
            );
        }
    })
    .await?;
    for counted in &moved.counted {
        println!("count {} {} {}", counted.from, counted.to, counted.what);
    }
    println!(
        "done {:.1} rows {} before {} heads {} folded {} decided {} differences {}",
        start.elapsed().as_secs_f64(),
        moved.rows,
        moved.rows_before,
        moved.heads,
        moved.verification.people,
        moved.verification.decisions,
        moved.differences.len() + moved.verification.differences.len(),
    );
    for difference in moved.differences.iter().take(5) {
        println!("differs {difference}");
    }
    for found in moved.verification.differences.iter().take(5) {
        println!("differs {} {}", found.kind, found.what);
    }
    if moved.is_clean() {
        Ok(())
    } else {
        Err("the two stores differ".into())
    }
}
