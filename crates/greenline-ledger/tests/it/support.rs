//! A ledger over each store, and the shortest way to say who did what when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use greenline_ledger::types::{
    Actor, Ask, BusinessIx, Delivery, Effect, Evidence, Lane, Mode, NewEvent, TemplateRef,
};
use greenline_ledger::{BusinessSetup, Ledger, Setup, migrations};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::decide::{Decision, Intent, Rules, Verdict, decide};
use greenline_policy::identity::Identifier;
use greenline_policy::pace::{Cap, Caps};
use greenline_policy::rule::Rule;
use greenline_policy::scope::{Category, Scope};
use greenline_testdb::Database;
use smallvec::SmallVec;

/// The first business.
pub(crate) const ACME: BusinessIx = BusinessIx(0);
/// The second one.
pub(crate) const BOND: BusinessIx = BusinessIx(1);
/// An ordinary moment.
pub(crate) const NOON: i64 = 1_795_000_000_000;
/// One second.
pub(crate) const SECOND: i64 = 1_000;

/// The stores that keep the contract.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Store {
    Memory,
    Sqlite,
    Postgres,
}

/// Where one ledger is kept, away from every other.
pub(crate) enum Place {
    /// Nothing outlives the process: opening again goes on with the same one.
    Memory(Ledger),
    /// A file in a directory of its own.
    Sqlite(tempfile::TempDir),
    /// A database of its own.
    Postgres(Database),
}

impl Place {
    pub(crate) fn of(store: Store) -> Self {
        match store {
            Store::Memory => Self::Memory(Ledger::in_memory(setup())),
            Store::Sqlite => Self::Sqlite(tempfile::tempdir().unwrap()),
            Store::Postgres => Self::Postgres(ready_database()),
        }
    }

    pub(crate) async fn open(&self) -> Ledger {
        match self {
            Self::Memory(ledger) => ledger.clone(),
            Self::Sqlite(dir) => {
                Ledger::open_sqlite(&dir.path().join("ledger.db"), setup()).unwrap()
            }
            Self::Postgres(database) => Ledger::open(&database.url(), setup()).await.unwrap(),
        }
    }

    /// Whether other nodes may change what this one knows, so that it decides nothing by itself.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Gives a ledger up and opens it again.
    pub(crate) async fn reopen(&self, ledger: Ledger) -> Ledger {
        drop(ledger);
        self.open().await
    }
}

/// A database that has its tables already, since making them takes longer than most tests.
pub(crate) fn ready_database() -> Database {
    // Named by these very tests: another build may make other tables.
    let tests = std::env::current_exe().and_then(std::fs::metadata);
    let built = tests.and_then(|tests| tests.modified()).unwrap();
    Database::prepared(&format!("ledger tests {built:?}"), |url| {
        let make = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(migrations::run(url)).unwrap();
        };
        // The test has a runtime of its own, which nothing may wait on.
        std::thread::scope(|threads| threads.spawn(make).join().unwrap());
    })
}

pub(crate) fn setup() -> Setup {
    let business = |id: &str| BusinessSetup {
        id: id.to_owned(),
        portfolio: "900".to_owned(),
    };
    Setup {
        businesses: vec![business("acme"), business("bond")],
        decide,
        queue_max: 1_000,
        batch_max: 100,
    }
}

pub(crate) fn id(text: &str) -> Identifier {
    Identifier::parse(text).unwrap()
}

pub(crate) fn ids(texts: &[&str]) -> SmallVec<[Identifier; 1]> {
    texts.iter().map(|text| id(text)).collect()
}

pub(crate) fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

/// An event of someone, evidenced.
pub(crate) fn event(person: &[&str], kind: EventKind, what: &str, at_ms: i64) -> NewEvent {
    NewEvent {
        business: ACME,
        person: ids(person),
        kind,
        scope: scope(what),
        at_ms,
        stated_ms: at_ms,
        arrival_ms: at_ms,
        strength: Strength::Evidenced,
        in_thread: false,
        evidence: Evidence {
            method: "website_form".into(),
            wording: "Yes, \"please\"\n".into(),
            ..Evidence::default()
        },
        actor: Actor("ada".into()),
        dedup: None,
    }
}

pub(crate) fn yes(person: &[&str], what: &str, at_ms: i64) -> NewEvent {
    event(person, EventKind::Granted, what, at_ms)
}

pub(crate) fn no(person: &[&str], what: &str, at_ms: i64) -> NewEvent {
    event(person, EventKind::Withdrawn, what, at_ms)
}

/// A template send in the given category, which the account's list must name.
pub(crate) fn template(to: &str, name: &str, now_ms: i64) -> Ask {
    Ask {
        intent: Intent::Template,
        template: Some(TemplateRef {
            waba_id: "w1".into(),
            name: name.into(),
            language: "en".into(),
            topic: None,
            marked_ask: false,
            own: None,
        }),
        ..text(to, now_ms)
    }
}

/// A free-form send.
pub(crate) fn text(to: &str, now_ms: i64) -> Ask {
    Ask {
        business: ACME,
        number: "n1".into(),
        waba_id: "w1".into(),
        app: "bot".into(),
        to: ids(&[to]),
        intent: Intent::FreeForm,
        template: None,
        body_hash: [7; 16],
        rules: Rules::default(),
        mode: Mode::Enforce,
        now_ms,
        dispatch_by: soon(),
        confirms: None,
        places: Default::default(),
        caps: Default::default(),
        paced: false,
        reply: None,
        keep: None,
        release: None,
    }
}

/// Caps, each a scope, how many, and within how many milliseconds.
pub(crate) fn caps(caps: &[(&str, u16, i64)]) -> Caps {
    let cap = |(what, max, per_ms): &(&str, u16, i64)| Cap {
        scope: scope(what),
        max: *max,
        per_ms: *per_ms,
    };
    Caps::of(caps.iter().map(cap).collect())
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// A template that may be sent.
pub(crate) fn approved(waba_id: &str, name: &str, category: Category, at_ms: i64) -> Effect {
    Effect::Template {
        waba_id: waba_id.into(),
        name: name.into(),
        language: "en".into(),
        template_id: None,
        category: Some(category),
        status: Some("APPROVED".into()),
        is_ask: None,
        quality: None,
        at_ms,
    }
}

/// The templates `offer` (marketing) and `receipt` (utility).
pub(crate) fn listed(at_ms: i64) -> Vec<Effect> {
    vec![
        approved("w1", "offer", Category::Marketing, at_ms),
        approved("w1", "receipt", Category::Utility, at_ms),
    ]
}

/// A read of a number, as an entry of the timeline.
pub(crate) fn noted(number: &str, body: &str, at_ms: i64) -> Effect {
    Effect::Timeline {
        subject: "number",
        subject_id: number.into(),
        origin: "read".into(),
        event: "rating".into(),
        at_ms,
        body: body.into(),
    }
}

/// Makes `15551230001` one who wants marketing, and names the templates.
pub(crate) async fn cover(ledger: &Ledger) {
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    let wants = yes(&["15551230001"], "marketing", NOON);
    ledger.append(wants).await.unwrap();
}

pub(crate) fn wrote(person: &[&str], message: &str, at_ms: i64) -> Effect {
    Effect::Wrote {
        person: ids(person),
        number: "n1".into(),
        at_ms,
        message_id: message.into(),
        free_until_ms: None,
    }
}

pub(crate) fn known(person: &[&str], at_ms: i64) -> Effect {
    Effect::Known {
        person: ids(person),
        at_ms,
    }
}

pub(crate) fn moved(from: &str, to: &str, at_ms: i64) -> Effect {
    Effect::Moved {
        from: id(from),
        to: id(to),
        at_ms,
    }
}

pub(crate) fn delivery(body: &str, effects: Vec<Effect>) -> Delivery {
    Delivery {
        business: ACME,
        received_ms: NOON,
        body: Arc::from(body.as_bytes()),
        headers: vec![("X-Hub-Signature-256".into(), "sha256=\"00\"".into())],
        lane: Lane::Inbound,
        relay_to: vec!["bot".into(), "crm".into()],
        effects,
    }
}

pub(crate) fn allows(decision: &Decision) -> bool {
    decision.verdict == Verdict::Allow
}

pub(crate) fn first_rule(decision: &Decision) -> Rule {
    decision.reasons[0].rule
}

/// The decision about a marketing template, recorded nowhere.
pub(crate) async fn offer(ledger: &Ledger, to: &str, now_ms: i64) -> Decision {
    ledger
        .preview(template(to, "offer", now_ms))
        .await
        .unwrap()
        .decision
}

/// Verifies, and says what is wrong.
pub(crate) async fn assert_clean(ledger: &Ledger) {
    let found = ledger.verify().await.unwrap();
    assert_eq!(found.differences, []);
}
