//! `consent show --proof`, `consent show --receipts`, `verify --bundle` and `verify --head`, and what they
//! find when someone changes the store by hand.

use serde_json::Value;

use super::record_yes;
use crate::support::command::{run, run_with};
use crate::support::gateway::Gateway;
use crate::support::place::{NOWHERE, Place};
use crate::support::settings::NUMBER;
use crate::support::store::{Store, on_each_store};

on_each_store! {
    a_bundle_is_proved_offline_and_every_change_in_it_is_found,
    a_head_kept_outside_is_continued,
    a_grant_has_a_receipt_with_what_is_on_record,
    a_server_seals_by_itself_and_publishes_its_heads,
    whatever_is_done_to_a_timeline_entry_is_found,
}

const PERSON: &str = "15550100123";
const OTHER: &str = "15550100124";

async fn record_no(place: &Place, person: &str) {
    let record = ["consent", "record", "--person", person];
    let what = ["--scope", "utility", "--event", "withdrawn"];
    place.run(&[&record[..], &what[..]].concat()).await.ended(0);
}

/// A bundle of the person, in a file.
async fn bundle(place: &Place, name: &str, more: &[&str]) -> String {
    let path = place.write(name, "");
    let show = ["consent", "show", PERSON, "--proof", "--output", &path];
    place.run(&[&show[..], more].concat()).await.ended(0);
    path
}

/// Checks a bundle without configuration or store.
async fn checked(bundle: &str, more: &[&str], code: i32) -> Value {
    let verify = ["verify", "--json", "--bundle", bundle];
    run(&[&verify[..], more].concat()).await.ended(code).json()
}

async fn a_bundle_is_proved_offline_and_every_change_in_it_is_found(store: Store) {
    let place = Place::new(store);
    record_yes(&place, PERSON, "marketing").await.ended(0);
    record_yes(&place, OTHER, "marketing").await.ended(0);
    record_no(&place, PERSON).await;
    let path = bundle(&place, "proof.json", &[]).await;
    let report = checked(&path, &[], 0).await;
    assert_eq!(report["proved"], true, "{report}");
    let entries = report["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 2, "{report}");
    assert_eq!(entries[0]["fields"]["event"], "granted");
    assert_eq!(
        entries[0]["fields"]["evidence.wording"],
        "Yes, send me offers"
    );
    assert_eq!(entries[1]["fields"]["event"], "withdrawn");
    let not_shown = report["not_shown"].to_string();
    assert!(not_shown.contains("only a head kept outside"), "{report}");
    let said = run(&["verify", "--bundle", &path]).await.ended(0).stdout;
    assert!(said.contains("Everything in the bundle holds."), "{said}");

    let json = std::fs::read_to_string(&path).expect("the bundle");
    let key = &serde_json::from_str::<Value>(&json).expect("JSON")["head"]["public_key"];
    let key = place.write("key", key.as_str().expect("a key"));
    checked(&path, &["--key", &key], 0).await;
    let stranger = place.write("stranger", &"ab".repeat(32));
    checked(&path, &["--key", &stranger], 1).await;

    let changed = json.replacen("Yes, send me offers", "Yes, send me offerz", 1);
    let changed = place.write("changed.json", &changed);
    let report = checked(&changed, &[], 1).await;
    assert!(
        report["problems"].to_string().contains("was changed"),
        "{report}"
    );
    let broken = place.write("broken.json", &json[..json.len() - 2]);
    run(&["verify", "--bundle", &broken]).await.ended(2);
    run(&["verify", "--bundle", &place.write("none", "")])
        .await
        .ended(2);
    run(&["verify", "--bundle", "/nowhere/at/all"])
        .await
        .ended(2);
}

async fn a_head_kept_outside_is_continued(store: Store) {
    let place = Place::new(store);
    record_yes(&place, PERSON, "marketing").await.ended(0);
    let first = bundle(&place, "first.json", &[]).await;
    let first: Value =
        serde_json::from_slice(&std::fs::read(&first).expect("a bundle")).expect("JSON");
    let head = place.write("head.json", &first["head"].to_string());
    let size = first["head"]["size"].to_string();
    record_no(&place, PERSON).await;
    let later = bundle(&place, "later.json", &["--from", &size]).await;
    let report = checked(&later, &["--head", &head], 0).await;
    assert!(
        report["shown"].to_string().contains("was rewritten since"),
        "{report}"
    );
    // Without the proof of the past it cannot be told.
    let bare = bundle(&place, "bare.json", &[]).await;
    checked(&bare, &["--head", &head], 1).await;
    let found = place
        .run(&["verify", "--json", "--head", &head])
        .await
        .ended(0)
        .json();
    // Both events, and on the timeline that a way out was walked.
    assert_eq!(found["leaves"], 3, "{found}");
    assert!(found["heads"].as_u64().expect("heads") >= 2, "{found}");
    let nonsense = place.write("nonsense", "nonsense");
    place.run(&["verify", "--head", &nonsense]).await.ended(2);
}

async fn a_grant_has_a_receipt_with_what_is_on_record(store: Store) {
    let place = Place::new(store);
    record_yes(&place, PERSON, "marketing").await.ended(0);
    record_no(&place, PERSON).await;
    let shown = place
        .run(&["consent", "show", PERSON, "--receipts"])
        .await
        .ended(0)
        .json();
    let receipts = shown["receipts"].as_array().expect("receipts");
    assert_eq!(receipts.len(), 1, "{shown}");
    let iso = &receipts[0]["iso_27560"];
    assert_eq!(iso["@type"], "dpv:ConsentReceipt");
    let record = &iso["dpv:hasRecordOfActivity"];
    assert_eq!(record["dpv:hasDataController"]["dpv:hasName"], "Acme");
    assert_eq!(record["dpv:hasDataSubject"]["dct:identifier"], PERSON);
    assert_eq!(
        record["dpv:hasNotice"]["dct:description"],
        "Yes, send me offers"
    );
    assert_eq!(
        record["dpv:hasConsentStatus"][0]["@type"],
        "dpv:ConsentGiven"
    );
    let kantara = &receipts[0]["kantara"];
    assert_eq!(kantara["version"], "KI-CR-v1.1.0");
    assert_eq!(kantara["collectionMethod"], "website_form");
    assert!(
        kantara.get("jurisdiction").is_none(),
        "nobody said where: {kantara}"
    );
    let missing = receipts[0]["missing"]["kantara"].to_string();
    assert!(missing.contains("jurisdiction"), "{missing}");
}

async fn a_server_seals_by_itself_and_publishes_its_heads(store: Store) {
    let home = store.home();
    let published = home.path().join("heads.jsonl");
    let target = format!("file:{}", published.display());
    let mut gateway = Gateway::start(&home, NOWHERE, |settings| {
        settings.with(&["proof", "publish"], target)
    })
    .await;
    gateway.opt_in(PERSON, "marketing").await;
    // Nobody asks for a proof: what stops, seals and publishes first.
    assert!(gateway.stop().await.success());
    let heads = std::fs::read_to_string(&published).expect("published heads");
    let last = heads.lines().last().expect("a head");
    let head: Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(head["business"], "acme");
    // What the gateway notes itself is sealed with the event.
    let size = head["size"].as_u64().expect("a size");
    assert!(size >= 1, "{head}");

    gateway.run_again().await;
    gateway.opt_out(PERSON, "marketing").await;
    let from = format!("/v1/log/acme/head?from={size}");
    let grown = gateway.admin_get(&from).await.json();
    assert!(grown["head"]["size"].as_u64() > Some(size), "{grown}");
    assert_eq!(grown["earlier"][0]["root"], head["root"], "{grown}");
    let config = gateway.config();
    let heads = published.to_str().expect("a path in UTF-8");
    let found = run_with(&config, &["verify", "--json", "--head", heads]).await;
    let leaves = found.ended(0).json()["leaves"].as_u64();
    assert!(leaves > Some(size), "{leaves:?}");
    let beyond = gateway.admin_get("/v1/log/acme/head?from=99999").await;
    assert_eq!(beyond.json()["field"], "from");
}

/// The store of a place on SQLite, past the program.
fn raw(place: &Place) -> rusqlite::Connection {
    rusqlite::Connection::open(place.folder().join("greenline.db")).expect("the store")
}

fn copy(place: &Place, from: &str, to: &str) {
    let folder = place.folder();
    std::fs::copy(folder.join(from), folder.join(to)).expect("a copy");
}

/// A sealed log of two people and a withdrawal, closed, with a copy of its file.
async fn sealed() -> Place {
    let place = Place::new(Store::Sqlite);
    record_yes(&place, PERSON, "marketing").await.ended(0);
    record_yes(&place, OTHER, "marketing").await.ended(0);
    record_no(&place, PERSON).await;
    bundle(&place, "proof.json", &[]).await;
    place.run(&["verify"]).await.ended(0);
    let connection = raw(&place);
    let flush = "PRAGMA wal_checkpoint(TRUNCATE)";
    connection
        .query_row(flush, [], |_| Ok(()))
        .expect("a checkpoint");
    drop(connection);
    copy(&place, "greenline.db", "kept.db");
    place
}

/// What `verify` says of the store after a change, which is then taken back.
async fn after(place: &Place, change: &str) -> Value {
    let connection = raw(place);
    connection.execute_batch(change).expect(change);
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("a checkpoint");
    drop(connection);
    let found = place.run(&["verify", "--json"]).await.ended(1).json();
    copy(place, "kept.db", "greenline.db");
    for rest in ["greenline.db-wal", "greenline.db-shm"] {
        let _ = std::fs::remove_file(place.folder().join(rest));
    }
    found
}

fn log_findings(found: &Value) -> String {
    let differences = found["differences"].as_array().expect("differences");
    let of_log = differences.iter().filter(|one| one["kind"] == "log");
    of_log.map(|one| one["what"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_column_of_a_stored_event_changed_by_a_bit_is_found() {
    let place = sealed().await;
    let text = [
        "kind",
        "scope",
        "strength",
        "identifiers",
        "evidence",
        "actor",
    ];
    let number = ["version", "at_ms", "stated_ms", "arrival_ms", "in_thread"];
    let texts = text.iter().flat_map(|column| {
        [0, 1, 2].map(|place| {
            // The last bit of one byte: of the first, of one in the middle, and of the last.
            let at = format!("(1 + (length({column}) - 1) * {place} / 2)");
            let byte = format!("unicode(substr({column}, {at}, 1))");
            let flipped = format!("char(({byte} | 1) - ({byte} & 1))");
            format!(
                "UPDATE consent_events SET {column} = substr({column}, 1, {at} - 1) || {flipped} || substr({column}, {at} + 1)
                 WHERE event_seq = 1"
            )
        })
    });
    let numbers = number.iter().map(|column| {
        format!("UPDATE consent_events SET {column} = {column} + 2 WHERE event_seq = 1")
    });
    for change in texts.chain(numbers) {
        let found = after(&place, &change).await;
        assert!(!log_findings(&found).is_empty(), "{change}: {found}");
    }
}

/// One value of the store of a place, past the program; or a change of it, of which there is none.
fn value(place: &Place, store: Store, sql: &str) -> String {
    match store {
        Store::Sqlite => {
            let connection = raw(place);
            let mut statement = connection.prepare(sql).expect(sql);
            let mut rows = statement.query([]).expect(sql);
            let row = rows.next().expect(sql);
            row.map_or_else(String::new, |row| row.get(0).expect(sql))
        }
        Store::Postgres => place.database().sql(sql),
    }
}

/// Entries are made by commands alone and sealed; then somebody who has the database at hand sets to work.
async fn whatever_is_done_to_a_timeline_entry_is_found(store: Store) {
    let place = Place::new(store);
    record_yes(&place, PERSON, "marketing").await.ended(0);
    for _ in 0..2 {
        place.run(&["number", "probe", NUMBER]).await.ended(0);
    }
    bundle(&place, "proof.json", &[]).await;
    place.run(&["verify"]).await.ended(0);

    let sql = |text: &str| value(&place, store, text);
    let [a, b] = ["min", "max"].map(|which| {
        let seq = format!("SELECT CAST({which}(seq) AS TEXT) FROM timeline");
        sql(&seq).parse::<i64>().expect("a number")
    });
    assert!(a < b);
    let set = |change: &str| format!("UPDATE timeline SET {change} WHERE seq = {a}");
    let number = |from: i64, to: i64| format!("UPDATE timeline SET seq = {to} WHERE seq = {from}");
    let (business, columns) = match store {
        Store::Sqlite => (
            [
                "business_id = business_id + 1",
                "business_id = business_id - 1",
            ],
            "seq, business_id, subject, subject_id, origin, event, at_ms, body",
        ),
        Store::Postgres => (
            [
                "business = 'x' || business",
                "business = substr(business, 2)",
            ],
            "seq, person_shard, business, subject, subject_id, origin, event, at_ms, body",
        ),
    };
    let before = a - 1;
    let slip = |columns: &str, more: &str| {
        format!(
            "INSERT INTO timeline ({columns}) SELECT {before}, {more} FROM timeline WHERE seq = {a}"
        )
    };
    let unslip = format!("DELETE FROM timeline WHERE seq = {before}");
    let rest = columns.trim_start_matches("seq, ");
    let mut changes: Vec<(Vec<String>, Vec<String>, &str)> = Vec::new();
    for column in ["subject", "subject_id", "origin", "event", "body"] {
        let longer = set(&format!("{column} = {column} || '7'"));
        let back = set(&format!(
            "{column} = substr({column}, 1, length({column}) - 1)"
        ));
        changes.push((vec![longer], vec![back], "was changed"));
    }
    changes.push((
        vec![set("at_ms = at_ms + 1")],
        vec![set("at_ms = at_ms - 1")],
        "was changed",
    ));
    changes.push((
        vec![set(business[0])],
        vec![set(business[1])],
        "is not in the store",
    ));
    let swap = vec![number(a, -1), number(b, a), number(-1, b)];
    changes.push((swap.clone(), swap, "was changed"));
    changes.push((
        vec![
            format!("CREATE TABLE dropped AS SELECT * FROM timeline WHERE seq = {a}"),
            format!("DELETE FROM timeline WHERE seq = {a}"),
        ],
        vec![
            "INSERT INTO timeline SELECT * FROM dropped".to_owned(),
            "DROP TABLE dropped".to_owned(),
        ],
        "is not in the store",
    ));
    changes.push((
        vec![slip(columns, rest)],
        vec![unslip.clone()],
        "slipped in",
    ));
    if store == Store::Postgres {
        let marked = slip(&format!("{columns}, sealed"), &format!("{rest}, 1"));
        changes.push((vec![marked], vec![unslip], "slipped in"));
    }
    for (change, undo, said) in &changes {
        for one in change {
            sql(one);
        }
        let found = place.run(&["verify", "--json"]).await.ended(1).json();
        assert!(log_findings(&found).contains(said), "{change:?}: {found}");
        for one in undo {
            sql(one);
        }
    }
    place.run(&["verify"]).await.ended(0);

    // One that speaks of somebody: sealed, and emptied when they are erased.
    let (to_be_sealed, mark) = match store {
        Store::Sqlite => (columns.to_owned(), ""),
        Store::Postgres => (format!("{columns}, sealed"), ", 0"),
    };
    let spoken_of = rest.replace("body", &format!("'{{\"by\":\"{PERSON}\"}}'"));
    let after = b + 1;
    sql(&format!(
        "INSERT INTO timeline ({to_be_sealed}) SELECT {after}, {spoken_of}{mark} FROM timeline WHERE seq = {b}"
    ));
    bundle(&place, "later.json", &[]).await;
    let body = format!("SELECT body FROM timeline WHERE seq = {after}");
    assert!(sql(&body).contains(PERSON));
    let erase = ["consent", "erase", PERSON, "--yes"];
    place.run(&erase).await.ended(0);
    assert_eq!(sql(&body), r#"{"erased":true}"#);
    place.run(&["verify"]).await.ended(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_reordered_and_slipped_in_records_are_found() {
    let place = sealed().await;
    for (change, said) in [
        (
            "DELETE FROM consent_events WHERE event_seq = 2",
            "is not in the store",
        ),
        (
            "UPDATE consent_events SET event_seq = 99 WHERE event_seq = 1;
             UPDATE consent_events SET event_seq = 1 WHERE event_seq = 2;
             UPDATE consent_events SET event_seq = 2 WHERE event_seq = 99;",
            "was changed",
        ),
        (
            "UPDATE consent_events SET event_seq = event_seq + 10;
             INSERT INTO consent_events SELECT event_seq - 10, business_id, shard, person_id, version + 10, kind, scope, at_ms,
               stated_ms, arrival_ms, strength, in_thread, identifiers, evidence, actor, NULL FROM consent_events WHERE event_seq = 11;",
            "is not in the store",
        ),
        (
            "INSERT INTO consent_events SELECT 0, business_id, shard, person_id, version + 10, kind, scope, at_ms,
               stated_ms, arrival_ms, strength, in_thread, identifiers, evidence, actor, NULL FROM consent_events WHERE event_seq = 1;",
            "slipped in",
        ),
        ("DELETE FROM log_blocks WHERE first_index = 0", "is gone"),
        (
            "DELETE FROM log_heads WHERE size = (SELECT max(size) FROM log_heads)",
            "no head is signed",
        ),
        (
            "UPDATE log_heads SET at_ms = at_ms + 1",
            "is not signed by a key",
        ),
        (
            "UPDATE log_heads SET root = zeroblob(32)",
            "are not those of the head",
        ),
    ] {
        let found = after(&place, change).await;
        assert!(log_findings(&found).contains(said), "{change}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_rewritten_with_the_key_is_found_against_a_published_head() {
    let place = sealed().await;
    let proof = std::fs::read(place.folder().join("proof.json")).expect("the bundle");
    let proof: Value = serde_json::from_slice(&proof).expect("JSON");
    let head = place.write("published.json", &format!("{}\n", proof["head"]));
    // Whoever holds the key tells the story anew, and lets the program seal it.
    let connection = raw(&place);
    connection
        .execute_batch(
            "UPDATE consent_events SET actor = 'someone else' WHERE event_seq = 2;
             DELETE FROM log_blocks; DELETE FROM log_nodes; DELETE FROM log_heads; DELETE FROM log_timeline;",
        )
        .expect("a new story");
    drop(connection);
    let bundle = bundle(
        &place,
        "new.json",
        &["--from", &proof["head"]["size"].to_string()],
    )
    .await;
    checked(&bundle, &[], 0).await;
    place.run(&["verify"]).await.ended(0);
    let said = "history was rewritten";
    let report = checked(&bundle, &["--head", &head], 1).await;
    assert!(report["problems"].to_string().contains(said), "{report}");
    let found = place
        .run(&["verify", "--json", "--head", &head])
        .await
        .ended(1)
        .json();
    assert!(log_findings(&found).contains(said), "{found}");
}
