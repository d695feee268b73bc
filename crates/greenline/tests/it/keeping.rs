//! What is held about a person can be handed to them; what is old goes; and neither that nor anybody's hand in the
//! store can hide what was decided.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use greenline_gateway::app::Shared;
use greenline_gateway::clock::Clock;
use greenline_gateway::config::{self, Config};
use greenline_gateway::sealer::check::check;
use greenline_gateway::sealer::seal_all;
use greenline_gateway::{retention, serve};
use greenline_ledger::Ledger;
use greenline_ledger::prune::PruneKind;
use greenline_ledger::types::{Ask, BusinessIx, Effect, Mode, Outcome, TemplateRef};
use greenline_policy::decide::{Intent, Rules};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::{Category, Scope};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use crate::support::command::run_with;
use crate::support::gateway::Gateway;
use crate::support::place::NOWHERE;
use crate::support::settings::{ADMIN_KEY, BOT_KEY};
use crate::support::store::{Home, Store, on_each_store};
use crate::support::{http, platform, soon};

on_each_store! {
    everything_held_about_a_person_is_handed_over_and_nothing_of_others,
    a_key_that_erasures_need_is_not_retired,
    what_is_old_is_pruned_and_the_log_stays_whole,
    what_does_not_read_is_told_and_keeps_nothing_from_being_sealed,
}

const DANA: &str = "15551230001";
const LEE: &str = "15551230002";
const ACME: BusinessIx = BusinessIx(0);
const NOW_MS: i64 = 1_795_615_387_500;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn text_of(answer: &http::Answer) -> String {
    String::from_utf8(answer.body.to_vec()).expect("a text")
}

async fn everything_held_about_a_person_is_handed_over_and_nothing_of_others(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    for who in [DANA, LEE] {
        gateway.opt_in(who, "marketing").await;
        gateway.send_template(who, "spring_offer").await;
        let said = format!("a word of {who}");
        assert_eq!(gateway.person_writes(who, &said).await.status.as_u16(), 200);
    }
    gateway.opt_out(DANA, "marketing").await;
    gateway.send_template(DANA, "spring_offer").await;

    let target = format!("/v1/people/{DANA}/export");
    let first = gateway.admin_get(&target).await;
    assert_eq!(first.header("content-type"), "application/json");
    let first = first.json();
    assert_eq!(first["format"], "greenline-held/1", "{first}");
    assert_eq!(first["asked"]["wa_id"], DANA);
    let history = &first["people"][0]["history"];
    assert_eq!(history.as_array().expect("events").len(), 2, "{history}");
    assert_eq!(history[0]["evidence"]["business_name"], "Acme");
    let decisions = first["decisions"].as_array().expect("decisions");
    assert_eq!(decisions.len(), 2, "{decisions:?}");
    assert_eq!(decisions[0]["decision"], "allow");
    assert_eq!(decisions[1]["decision"], "refuse");
    assert_eq!(decisions[0]["to"], json!([DANA]));
    let why = decisions[1]["reasons"][0]["text"]
        .as_str()
        .expect("a reason");
    assert!(why.contains(' '), "in words: {why}");
    assert_eq!(first["deliveries"].as_array().expect("webhooks").len(), 1);
    assert_eq!(first["exports"], json!([]));
    let records = first["records"].as_u64().expect("their number");
    assert!(records >= 5, "{first}");
    let text = first.to_string();
    assert!(text.contains(&format!("a word of {DANA}")), "{text}");
    assert!(!text.contains(LEE), "{text}");

    // The page says the same, to a person; who asked before is told.
    let page = gateway.admin_get(&format!("{target}?format=html")).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let page = text_of(&page);
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    for said in ["+15551230001", "Took it back", "by ada", why, "a word of"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains(LEE) && !page.contains("<script"), "{page}");
    assert!(!page.contains("out of range"), "{page}");
    let file = home.path().join("dana.html");
    let to = file.to_str().expect("a path in UTF-8");
    let show = ["consent", "show", DANA, "--export", "--output", to];
    run_with(&gateway.config(), &show).await.ended(0);
    let written = std::fs::read_to_string(&file).expect("the file");
    assert!(written.contains("Who had this made before"), "{written}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file)
            .expect("the file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "others may read it");
    }
    let again = gateway.admin_get(&target).await.json();
    let forms: Vec<&str> = again["exports"]
        .as_array()
        .expect("exports")
        .iter()
        .map(|one| one["format"].as_str().expect("a form"))
        .collect();
    assert_eq!(forms, ["json", "html", "html"], "{again}");

    // That nothing is held is an answer too; and a wrong form or nobody's number is none.
    let nobody = gateway
        .admin_get("/v1/people/15559990000/export")
        .await
        .json();
    assert_eq!(
        (&nobody["people"], &nobody["records"]),
        (&json!([]), &json!(0))
    );
    let wrong = gateway.admin_get(&format!("{target}?format=pdf")).await;
    assert_eq!(wrong.status.as_u16(), 422);
    let stranger = http::get(gateway.private, &target, "no-key").await;
    assert_eq!(stranger.status.as_u16(), 401);

    // Somebody erased: what is left is told, and not who they were.
    let erase = ["consent", "erase", DANA, "--yes"];
    run_with(&gateway.config(), &erase).await.ended(0);
    let left = gateway.admin_get(&target).await.json();
    let people = left["people"].to_string();
    assert!(
        people.contains("ZZ.erased") && !people.contains(DANA),
        "{left}"
    );
    assert_eq!(left["exports"].as_array().expect("exports").len(), 4);
    let page = text_of(&gateway.admin_get(&format!("{target}?format=html")).await);
    assert!(page.contains("This person was erased"), "{page}");
}

async fn a_key_that_erasures_need_is_not_retired(store: Store) {
    let home = store.home();
    let mut gateway = Gateway::start(&home, NOWHERE, |settings| settings).await;
    gateway.opt_out(DANA, "marketing").await;
    let config = gateway.config();
    run_with(&config, &["keys", "rotate", "erasure"])
        .await
        .ended(0);
    let shown = run_with(&config, &["keys", "show", "--json"])
        .await
        .ended(0)
        .json();
    let keys = shown["keys"].as_array().expect("keys").iter();
    let keys = keys.filter(|key| key["use"] == "erasure");
    let keys: Vec<&str> = keys.map(|key| key["id"].as_str().expect("an id")).collect();
    let [newest, oldest] = keys[..] else {
        panic!("two keys: {shown}");
    };
    // Nothing was erased with the older key yet.
    let before = gateway
        .admin_get(&format!("/v1/keys/{oldest}"))
        .await
        .json();
    assert_eq!(before["needed_by_erasures"], false, "{before}");
    run_with(&config, &["consent", "erase", DANA, "--yes"])
        .await
        .ended(0);
    run_with(&config, &["keys", "rotate", "erasure"])
        .await
        .ended(0);
    // By the server that runs, and by the command alone.
    for _ in 0..2 {
        let refused = run_with(&config, &["keys", "retire", newest])
            .await
            .ended(1);
        assert!(refused.stderr.contains("still needed"), "{refused:?}");
        if gateway.is_running() {
            gateway.stop().await;
        }
    }
    run_with(&config, &["keys", "retire", oldest])
        .await
        .ended(0);
    // The no is still found.
    gateway.run_again().await;
    let person = gateway
        .admin_get(&format!("/v1/people/{DANA}"))
        .await
        .json();
    assert_eq!(
        person["head"]["marketing"]["standing"], "refused",
        "{person}"
    );
}

/// SQLite alone: only there does a node decide while its store takes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_aside_of_someone_erased_goes_too() {
    let home = Store::Sqlite.home();
    let gateway = Gateway::start(home.path(), NOWHERE, |settings| {
        settings.with(&["store", "replies_when_down"], "forward")
    })
    .await;
    gateway.opt_out(DANA, "marketing").await;
    let aside = home
        .path()
        .join("greenline.db-spill")
        .join("set-aside.jsonl");
    let line = |business: &str, who: &str| {
        format!(
            "{{\"kind\":\"decision\",\"business\":\"{business}\",\"record\":\"{{\\\"people\\\":[{{\\\"identifier\\\":{who}}}]}}\"}}\n"
        )
    };
    let others = line("acme", LEE) + &line("globex", DANA);
    std::fs::write(&aside, line("acme", DANA) + &others).expect("the spill's folder");
    run_with(&gateway.config(), &["consent", "erase", DANA, "--yes"])
        .await
        .ended(0);
    let left = std::fs::read_to_string(&aside).expect("what is set aside");
    assert_eq!(left, others);
}

/// Postgres alone: there an erasure is recorded first and done second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_a_kill_broke_off_is_carried_to_its_end() {
    let home = Arc::new(Store::Postgres.home());
    let mut gateway = Gateway::start(&*home, NOWHERE, |settings| settings).await;
    gateway.opt_in(DANA, "marketing").await;
    gateway.opt_out(DANA, "marketing").await;
    // What would be deleted next is held by somebody else, so that the erasure stands between its two steps: until the
    // gateway is dead, however long that takes.
    home.database()
        .sql("CREATE SCHEMA held; CREATE TABLE held.is_over ()");
    let hold = "BEGIN; LOCK TABLE log_leaves IN ACCESS EXCLUSIVE MODE;
         DO $$ BEGIN FOR look IN 1..2400 LOOP
           EXIT WHEN EXISTS (SELECT FROM held.is_over); PERFORM pg_sleep(0.05); END LOOP; END $$; COMMIT";
    let holder = Arc::clone(&home);
    let held = tokio::task::spawn_blocking(move || holder.database().sql(hold));
    let asked = |sql: &'static str| {
        let home = Arc::clone(&home);
        let asked = tokio::task::spawn_blocking(move || home.database().sql(sql));
        async move { asked.await.expect("an answer").trim().to_owned() }
    };
    let is_held = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
         WHERE c.relname = 'log_leaves' AND l.mode = 'AccessExclusiveLock' AND l.granted";
    let until = async |sql: &'static str, wanted: &str| {
        soon(sql, async {
            while asked(sql).await != wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    };
    until(is_held, "1").await;
    let (private, target) = (gateway.private, format!("/v1/people/{DANA}/erase"));
    let erasing = tokio::spawn(async move {
        let bearer = format!("Bearer {ADMIN_KEY}");
        let headers = [("authorization", bearer.as_str())];
        http::call(private, hyper::Method::POST, &target, &headers, "{}")
            .await
            .is_ok()
    });
    let recorded = "SELECT count(*) FROM consent_events WHERE kind = 'erased'";
    until(recorded, "1").await;
    gateway.kill().await;
    let _ = erasing.await;
    asked("INSERT INTO held.is_over DEFAULT VALUES").await;
    held.await.expect("a lock");
    let named = "SELECT count(*) FROM identifiers WHERE value = '15551230001'";
    assert_eq!(asked(named).await, "1", "nothing went yet");

    gateway.run_again().await;
    until(named, "0").await;
    let events = "SELECT count(*) FROM consent_events WHERE identifiers LIKE '%15551230001%'";
    until(events, "0").await;
    let person = gateway
        .admin_get(&format!("/v1/people/{DANA}"))
        .await
        .json();
    assert_eq!(
        person["head"]["marketing"]["standing"], "refused",
        "{person}"
    );
    run_with(&gateway.config(), &["verify"]).await.ended(0);
}

/// The program's own parts, over this store and a clock that is set by hand.
async fn house(store: Store, home: &Home, adapt: impl FnOnce(&mut Config)) -> Shared {
    let url = match store {
        Store::Sqlite => format!("sqlite:{}", home.path().join("house.db").display()),
        Store::Postgres => home.database().url(),
    };
    let keys = home.path().join("house.keys");
    let text = format!(
        "[store]\nurl = \"{url}\"\n[keys]\nfile = \"{}\"\n[upstream]\nurl = \"{NOWHERE}\"
         [[admin.token]]\nname = \"ada\"\nkey = \"{ADMIN_KEY}\"\nmay = \"admin\"
         [[business]]\nid = \"acme\"\nname = \"Acme\"\napp_secret = \"a-secret\"\naccess_token = \"a-token\"
         [[business.number]]\nphone_number_id = \"n1\"\nwaba_id = \"w1\"\ndisplay_number = \"+1 555 010 0001\"
         [[business.app]]\nname = \"bot\"\nkey = \"{BOT_KEY}\"\n",
        keys.display()
    );
    let mut config = config::parse(&text, "test", Path::new("."), std::iter::empty()).expect("it");
    adapt(&mut config);
    greenline_gateway::keyring::Keys::new(&config)
        .create(NOW_MS)
        .expect("keys");
    let ledger = Ledger::open(&url, serve::setup(&config))
        .await
        .expect("a store");
    serve::build(config, ledger, Clock::fixed(NOW_MS)).expect("the parts")
}

fn ask(app: &Shared, to: &[&str]) -> Ask {
    Ask {
        business: ACME,
        number: Arc::from("n1"),
        waba_id: Arc::from("w1"),
        app: Arc::from("bot"),
        to: to
            .iter()
            .map(|to| Identifier::parse(to).expect("a number"))
            .collect(),
        intent: Intent::Template,
        template: Some(TemplateRef {
            waba_id: Arc::from("w1"),
            name: "spring_offer".into(),
            language: "en".into(),
            topic: Scope::parse("marketing.offers"),
            marked_ask: false,
            own: None,
        }),
        body_hash: [0x5a; 16],
        rules: Rules::default(),
        mode: Mode::Enforce,
        now_ms: app.clock.now_ms(),
        dispatch_by: app.clock.instant() + Duration::from_secs(60),
        confirms: None,
        places: Default::default(),
        caps: Default::default(),
        paced: false,
        reply: None,
        keep: None,
        release: None,
    }
}

/// A recorded decision about these people.
async fn decided(app: &Shared, to: &[&str]) {
    let admitted = app.ledger.admit(ask(app, to)).await.expect("a decision");
    let message_ids = [format!("wamid.{}", admitted.id.seq).into()];
    let message_ids = message_ids.into_iter().collect();
    app.ledger
        .settle(admitted.id, Outcome::Accepted { message_ids });
}

async fn what_is_old_is_pruned_and_the_log_stays_whole(store: Store) {
    let home = store.home();
    let app = house(store, &home, |config| {
        config.retention.decisions_days = 5;
        config.retention.timeline_days = 5;
    })
    .await;
    for _ in 0..300 {
        decided(&app, &[DANA]).await;
    }
    app.clock.set(NOW_MS + 4 * DAY_MS);
    decided(&app, &[DANA, LEE]).await;
    let (stop, going) = watch::channel(false);
    let prune = async |kind| {
        retention::prune_kind(&app, ACME, kind, &going)
            .await
            .expect("a store")
    };
    app.clock.set(NOW_MS + 6 * DAY_MS);
    assert_eq!(
        prune(PruneKind::Decisions).await,
        0,
        "nothing is sealed yet"
    );
    seal_all(&app, ACME).await.expect("a log");
    let whole = check(&app, ACME, &[]).await.expect("a log");
    assert_eq!((whole.pruned, whole.findings), (0, Vec::new()));
    let head = app
        .ledger
        .log_head(ACME, None)
        .await
        .expect("a store")
        .expect("a head");

    assert_eq!(
        prune(PruneKind::Decisions).await,
        300,
        "in more than one batch"
    );
    let left = app
        .ledger
        .decisions(Some(ACME), None, 1_000)
        .await
        .expect("a store");
    assert_eq!(left.len(), 1);
    let kept = [head.signed.head.clone()];
    let whole = check(&app, ACME, &kept).await.expect("a log");
    assert_eq!((whole.pruned, whole.findings), (300, Vec::new()));
    let found = app.ledger.verify().await.expect("a store");
    assert_eq!(found.differences, []);
    assert_eq!(prune(PruneKind::Decisions).await, 0);

    // It goes on: more is sealed, and what went is told.
    decided(&app, &[LEE]).await;
    seal_all(&app, ACME).await.expect("a log");
    let whole = check(&app, ACME, &kept).await.expect("a log");
    // That they went is on the timeline, which is sealed too.
    assert_eq!((whole.leaves, whole.pruned), (303, 300));
    assert_eq!(whole.findings, Vec::<String>::new());
    let told = async || {
        let about = Some(("business", "acme"));
        let entries = app.ledger.timeline(ACME, about, None, 10).await;
        let mut entries = entries.expect("a store");
        entries.retain(|entry| *entry.event == *"pruned");
        let body = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let rows = entries.iter().map(|entry| body(&entry.body));
        rows.map(|body| (body["kind"].clone(), body["rows"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(told().await, [(json!("decisions"), json!(300))]);
    let done_ms = app.retention.done_ms(PruneKind::Decisions);
    assert_eq!(done_ms, Some(NOW_MS + 6 * DAY_MS));

    // Once a day at most, and then all that went since.
    app.clock.set(NOW_MS + 6 * DAY_MS + DAY_MS / 2);
    decided(&app, &[LEE]).await;
    seal_all(&app, ACME).await.expect("a log");
    let told_of = |rows: &[i64]| {
        let rows = rows.iter().map(|rows| (json!("decisions"), json!(rows)));
        rows.collect::<Vec<_>>()
    };
    for (at_ms, went, entries) in [
        (11 * DAY_MS + 1, 2, &[2, 300][..]),
        (11 * DAY_MS + DAY_MS / 2 + 1, 1, &[2, 300]),
        (12 * DAY_MS + 1, 0, &[1, 2, 300]),
        (14 * DAY_MS, 0, &[1, 2, 300]),
    ] {
        app.clock.set(NOW_MS + at_ms);
        assert_eq!(prune(PruneKind::Decisions).await, went);
        assert_eq!(told().await, told_of(entries));
    }

    // Timeline entries go by the same rule. Where many write, they are numbered by the database's own clock.
    let newest = app.ledger.timeline(ACME, None, None, 1).await;
    let newest = newest.expect("a store").remove(0);
    let came_ms = newest.received_ms().expect("a time").max(newest.at_ms);
    app.clock.set(came_ms + 10 * DAY_MS);
    seal_all(&app, ACME).await.expect("a log");
    assert!(prune(PruneKind::Timeline).await >= 3);
    assert_eq!(told().await, []);
    let whole = check(&app, ACME, &kept).await.expect("a log");
    assert!(whole.pruned >= 306, "{whole:?}");
    assert_eq!(whole.findings, Vec::<String>::new());

    // Whoever is told to stop stops, and does not say that nothing was left.
    app.clock.set(came_ms + 30 * DAY_MS);
    stop.send(true).expect("somebody listens");
    let before = app.retention.done_ms(PruneKind::Decisions);
    assert_eq!(prune(PruneKind::Decisions).await, 0);
    assert_eq!(app.retention.done_ms(PruneKind::Decisions), before);
    app.ledger.close().await;
}

async fn what_does_not_read_is_told_and_keeps_nothing_from_being_sealed(store: Store) {
    let home = store.home();
    let mut gateway = Gateway::start(&home, NOWHERE, |settings| settings).await;
    gateway.opt_in(DANA, "marketing").await;
    gateway.stop().await;
    // Nothing is sealed from here on until the two records below are broken.
    let app = house_at(&home, &gateway).await;
    let yes = |who: &str| greenline_ledger::types::NewEvent {
        business: ACME,
        person: [Identifier::parse(who).expect("a number")]
            .into_iter()
            .collect(),
        kind: greenline_policy::consent::EventKind::Granted,
        scope: Scope::All,
        at_ms: NOW_MS,
        stated_ms: NOW_MS,
        arrival_ms: NOW_MS,
        strength: greenline_policy::consent::Strength::Evidenced,
        in_thread: false,
        evidence: Default::default(),
        actor: greenline_ledger::types::Actor("ada".into()),
        dedup: None,
    };
    let broken = app.ledger.append(yes(LEE)).await.expect("a store").id;
    decided(&app, &[LEE]).await;
    app.ledger
        .append(yes("15551230003"))
        .await
        .expect("a store");
    decided(&app, &["15551230003"]).await;
    app.ledger.close().await;
    drop(app);
    let first = "(SELECT min(seq) FROM decisions)";
    let file = gateway.store();
    let change = |sql: &str| match store {
        Store::Sqlite => {
            let connection = rusqlite::Connection::open(&file).expect("the store");
            connection.execute_batch(sql).expect("a change");
        }
        Store::Postgres => drop(home.database().sql(sql)),
    };
    change(&format!(
        "UPDATE consent_events SET evidence = '!' || evidence WHERE event_seq = {};
         UPDATE decisions SET record = '!' || record WHERE seq = {first};",
        broken.0
    ));
    if store == Store::Sqlite {
        let said = run_with(&gateway.config(), &["doctor"]).await;
        assert!(said.stdout.contains("do not read"), "{said:?}");
    }

    gateway.run_again().await;
    gateway.opt_in("15551230004", "marketing").await;
    let size = async || {
        let head = gateway.admin_get("/v1/log/acme/head").await.json();
        head["head"]["size"].as_u64().unwrap_or(0)
    };
    // A seal may be under way that began before the last record came. The gateway's own notes are sealed too.
    let grows_to = async |records: u64| {
        soon("the log grows", async {
            while size().await < records {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    };
    // All but the two.
    grows_to(4).await;
    let ready = http::get(gateway.private, "/readyz", "").await;
    assert_eq!(ready.status.as_u16(), 200);
    let ready = text_of(&ready);
    assert!(ready.contains("warning: 2 records do not read"), "{ready}");
    let said = run_with(&gateway.config(), &["doctor"]).await;
    assert!(said.stdout.contains("2 records do not read"), "{said:?}");
    let metrics = text_of(&http::get(gateway.private, "/metrics", "").await);
    assert!(
        metrics.contains("greenline_log_unreadable_records 2"),
        "{metrics}"
    );
    let found = run_with(&gateway.config(), &["verify", "--json"])
        .await
        .ended(1)
        .json();
    let told = found["differences"].to_string();
    for kind in ["(event ", "(decision "] {
        let at = told.find(kind).unwrap_or_else(|| panic!("{kind}: {told}"));
        assert!(told[at..].contains("so is not in the log"), "{told}");
    }
    assert!(!told.contains("slipped in"), "{told}");

    // Mended, they are sealed, and all is well.
    change(&format!(
        "UPDATE consent_events SET evidence = substr(evidence, 2) WHERE event_seq = {};
         UPDATE decisions SET record = substr(record, 2) WHERE seq = {first};",
        broken.0
    ));
    grows_to(6).await;
    run_with(&gateway.config(), &["verify"]).await.ended(0);
    let ready = text_of(&http::get(gateway.private, "/readyz", "").await);
    assert_eq!(ready, "ready\n");
    let person = format!("/v1/people/{LEE}/proof?business=acme");
    let proof = gateway.admin_get(&person).await;
    assert_eq!(proof.status.as_u16(), 200, "{proof:?}");
    gateway.stop().await;
    run_with(&gateway.config(), &["verify"]).await.ended(0);
}

/// The program's own parts over the store of a gateway that is stopped.
async fn house_at(home: &Home, gateway: &Gateway) -> Shared {
    let text = std::fs::read_to_string(gateway.config()).expect("the configuration");
    let config =
        config::parse(&text, "test", home.path(), std::iter::empty()).expect("a configuration");
    let ledger = serve::open_ledger(&config).await.expect("a store");
    serve::build(config, ledger, Clock::fixed(NOW_MS)).expect("the parts")
}

/// The record of the only decision, byte by byte, by the member it belongs to.
fn members(record: &str) -> BTreeMap<String, Vec<usize>> {
    let mut of: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let value: Value = serde_json::from_str(record).expect("JSON");
    let object = value.as_object().expect("an object");
    let mut starts: Vec<(usize, &str)> = object
        .keys()
        .map(|name| {
            let quoted = format!("\"{name}\":");
            (record.find(&quoted).expect("a member"), name.as_str())
        })
        .collect();
    starts.sort_unstable();
    for at in 0..record.len() {
        let member = starts.iter().rfind(|(start, _)| *start <= at);
        let name = member.map_or("", |(_, name)| *name);
        of.entry(name.to_owned()).or_default().push(at);
    }
    of
}

/// SQLite alone: the store is a file that anybody with an editor can change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_byte_of_a_stored_decision_changed_by_a_bit_is_found() {
    let home = Store::Sqlite.home();
    let app = house(Store::Sqlite, &home, |_| {}).await;
    let listed = Effect::Template {
        waba_id: "w1".into(),
        name: "spring_offer".into(),
        language: "en".into(),
        template_id: None,
        category: Some(Category::Marketing),
        status: Some("PAUSED".into()),
        is_ask: Some(true),
        quality: Some("YELLOW".into()),
        at_ms: NOW_MS,
    };
    let number = Effect::Number {
        number: "n1".into(),
        status: Some("RESTRICTED".into()),
        rating: None,
        at_ms: NOW_MS,
    };
    let wrote = Effect::Wrote {
        person: [Identifier::parse(DANA).expect("a number")]
            .into_iter()
            .collect(),
        number: "n1".into(),
        at_ms: NOW_MS - 5,
        message_id: "wamid.1".into(),
        free_until_ms: None,
    };
    app.ledger
        .learn(ACME, vec![listed, number, wrote])
        .await
        .expect("a store");
    decided(&app, &[DANA, LEE]).await;
    seal_all(&app, ACME).await.expect("a log");
    let store = rusqlite::Connection::open(home.path().join("house.db")).expect("the store");
    let record: String = store
        .query_row("SELECT record FROM decisions", [], |row| row.get(0))
        .expect("a decision");
    let is_found = async |what: &str| {
        let log = check(&app, ACME, &[]).await.expect("a log");
        let fold = app.ledger.verify().await.expect("a store");
        assert!(
            !log.findings.is_empty() || !fold.differences.is_empty(),
            "{what} goes unseen"
        );
    };
    let put = "UPDATE decisions SET record = ?1";
    let members = members(&record);
    assert!(members.len() > 8, "{members:?}");
    for (member, places) in &members {
        for at in places {
            let mut changed = record.clone().into_bytes();
            changed[*at] ^= 1;
            let changed = String::from_utf8(changed).expect("ASCII");
            store.execute(put, [&changed]).expect("a change");
            is_found(&format!("byte {at} of `{member}`: {changed}")).await;
        }
    }
    store.execute(put, [&record]).expect("the record again");
    for column in [
        "business_id",
        "shard",
        "person_id",
        "at_ms",
        "verdict",
        "seq",
    ] {
        let change = format!("UPDATE decisions SET {column} = {column} + 1");
        store.execute(&change, []).expect("a change");
        is_found(column).await;
        let back = format!("UPDATE decisions SET {column} = {column} - 1");
        store.execute(&back, []).expect("a change");
    }
    // Neither is a claim that it was pruned believed of what is too young, nor that it is gone.
    let log = check(&app, ACME, &[]).await.expect("a log");
    assert_eq!(log.findings, Vec::<String>::new());
    store
        .execute("DELETE FROM decisions", [])
        .expect("a change");
    is_found("that it is gone").await;
}

/// Takes one post, says what came, and answers.
async fn one_post(listener: &tokio::net::TcpListener, status: &str) -> String {
    let (mut stream, _) = listener.accept().await.expect("a caller");
    let mut got = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.expect("bytes");
        got.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&got).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "it broke off: {text}");
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then_some(value)
        });
        let length: usize = length.expect("a length").trim().parse().expect("a number");
        if body.len() >= length {
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream
                .write_all(answer.as_bytes())
                .await
                .expect("a listener");
            return text;
        }
    }
}

/// One store is enough: where a head goes does not depend on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_are_published_to_an_address_which_must_be_https_unless_allowed() {
    let home = Store::Sqlite.home();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = format!(
        "http://{}/heads?of=acme",
        listener.local_addr().expect("a port")
    );
    let gateway = Gateway::start(home.path(), NOWHERE, |settings| {
        settings
            .with(&["proof", "publish"], address.clone())
            .with(&["proof", "seal_every_ms"], 100)
    })
    .await;
    gateway.opt_in(DANA, "marketing").await;
    // Not taken, it is handed out again.
    let refused = soon(
        "a head goes out",
        one_post(&listener, "503 Service Unavailable"),
    )
    .await;
    assert!(
        refused.starts_with("POST /heads?of=acme HTTP/1.1"),
        "{refused}"
    );
    let taken = soon("it goes out again", one_post(&listener, "204 No Content")).await;
    let (_, body) = taken.split_once("\r\n\r\n").expect("a body");
    let head: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(head["business"], "acme");
    assert!(head["size"].as_u64() >= Some(1), "{head}");
    assert!(taken.contains("application/json"), "{taken}");
    let known = home.path().join("published.json");
    std::fs::write(&known, body).expect("a file");
    let known = known.to_str().expect("a path in UTF-8");
    let verify = ["verify", "--json", "--head", known];
    run_with(&gateway.config(), &verify).await.ended(0);

    for (publish, code) in [
        ("http://heads.example/in", 1),
        ("http://127.0.0.1.heads.example/in", 1),
        ("ftp://heads.example/in", 1),
        ("https://heads.example/in", 0),
    ] {
        let text = std::fs::read_to_string(gateway.config()).expect("the configuration");
        let other = home.path().join("other.toml");
        std::fs::write(&other, text.replace(&address, publish)).expect("a file");
        let said = run_with(&other, &["config", "check"]).await.ended(code);
        assert_eq!(code == 1, said.stdout.contains("proof.publish"), "{said:?}");
    }
}

/// How many sends go while nothing of the timeline can be read.
async fn while_held(home: &Arc<Home>, sent: &impl AsyncFn()) -> usize {
    let holder = Arc::clone(home);
    // For longer than what was read is fresh, twice over.
    let hold = "BEGIN; LOCK TABLE timeline IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(11); COMMIT";
    let held = tokio::task::spawn_blocking(move || holder.database().sql(hold));
    let is_held = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
         WHERE c.relname = 'timeline' AND l.mode = 'AccessExclusiveLock' AND l.granted";
    let locked = async || {
        let home = Arc::clone(home);
        let asked = tokio::task::spawn_blocking(move || home.database().sql(is_held));
        asked.await.expect("an answer").trim() == "1"
    };
    soon("the lock is held", async {
        while !locked().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let mut went = 0;
    while !held.is_finished() {
        sent().await;
        went += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    went
}

/// Postgres alone: there a lock of somebody else's can hold one table up and leave the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_that_are_no_asks_do_not_wait_for_proofs_of_ways_out() {
    /// How often it is tried.
    const ROUNDS: usize = 3;
    let home = Arc::new(Store::Postgres.home());
    let sim = platform::sample().await;
    let gateway = Gateway::start(&*home, &sim.url(), |settings| settings).await;
    gateway.opt_in(DANA, "marketing").await;
    let sent = async || {
        let sent = gateway.send_template(DANA, "spring_offer").await;
        assert_eq!(sent.status.as_u16(), 200, "{sent:?}");
    };
    sent().await;
    // What the platform's first answers teach is written to that table, and a batch that holds such news waits for it:
    // so a round that met some says nothing. Were proofs waited for, no round would go on.
    let mut went = 0;
    for _ in 0..ROUNDS {
        went = while_held(&home, &sent).await;
        if went > 3 {
            break;
        }
    }
    assert!(went > 3, "only {went} sends while a table was held");
}
