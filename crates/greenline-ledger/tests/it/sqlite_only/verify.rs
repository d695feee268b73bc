//! Verification finds what was changed behind the ledger's back.

use greenline_ledger::Ledger;
use greenline_ledger::seal::{RecordId, Recorded, SealKind, SealedLeaf};
use greenline_proof::{Hash, Salts, Seed, leaf_hash};

use super::File;
use crate::support::*;

const P1: &str = "15551230001";

async fn filled(place: &File) -> Ledger {
    let ledger = place.open();
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    ledger.append(no(&[P1], "utility", NOON)).await.unwrap();
    ledger
        .append(yes(&["5491155551234"], "marketing", NOON))
        .await
        .unwrap();
    ledger.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    ledger
}

async fn kinds(place: &File, tampering: &str) -> Vec<&'static str> {
    let ledger = filled(place).await;
    assert_clean(&ledger).await;
    let changed = place.raw().execute(tampering, []).unwrap();
    assert!(changed > 0, "{tampering} changed nothing");
    let found = ledger.verify().await.unwrap();
    let mut kinds: Vec<_> = found
        .differences
        .iter()
        .map(|difference| difference.kind)
        .collect();
    kinds.dedup();
    kinds
}

#[tokio::test]
async fn what_is_tampered_with_is_found() {
    for (tampering, kind) in [
        (
            "UPDATE heads SET body = replace(body, 'refused', 'covered') WHERE body LIKE '%refused%'",
            "store",
        ),
        (
            "UPDATE heads SET body = replace(body, '\"covered\",1', '\"covered\",2') WHERE body LIKE '%\"covered\",1%'",
            "head",
        ),
        ("DELETE FROM heads WHERE spelling = 1", "head"),
        (
            "UPDATE consent_events SET kind = 'granted' WHERE event_seq = 2",
            "head",
        ),
        (
            "DELETE FROM consent_events WHERE version = 1 AND event_seq = 1",
            "version_gap",
        ),
        (
            "DELETE FROM identifiers WHERE value LIKE '1555%'",
            "missing",
        ),
        ("DELETE FROM decision_ranges", "missing"),
        ("UPDATE decision_ranges SET last_seq = 1", "missing"),
        (
            "UPDATE decision_ranges SET allowed = allowed + 1",
            "missing",
        ),
        ("UPDATE decisions SET verdict = 0", "decision"),
        (
            "UPDATE decisions SET record = replace(record, 'allow', 'refuse')",
            "decision",
        ),
        (
            "UPDATE decisions SET record = replace(record, '\"marketing\"', '\"utility\"')",
            "decision",
        ),
        ("UPDATE decisions SET record = 'x'", "record"),
    ] {
        let place = File::new();
        let found = kinds(&place, tampering).await;
        assert!(found.contains(&kind), "{tampering}: {found:?}");
    }
}

/// Bytes written by the first release: whatever comes later must still read them so.
const OLD: &str = r#"{"v":1,"number":"n1","app":"bot","pack":"2026-11","intent":"template","template":["offer","en"],"template_facts":{"known":true,"category":"marketing","topic":"marketing.offers","status":"paused","is_ask":true},"number_facts":{"status":"CONNECTED","ban":"scheduled","restrictions":[["calling",5],["unknown",null]]},"people":[{"person":3,"identifier":15551230001,"head":{"base":[null,["refused",2,7,null],["covered",1,6,"imported"],["claimed",4,null,null],["expired",5,null,null]],"topics":[["marketing.offers",["unconfirmed",9,null,null]]],"native_stop":[8,10],"freeform_closed":[2,7]},"wrote_at_ms":11,"unsettled_until_ms":12},{"identifier":"US.aaa111"}],"observed":true,"confirms":2,"body_hash":"00000000000000000000000000000102","verdict":"refuse","reasons":[["consent.opted_out",2,null],["window.closed",null,13]]}"#;

#[tokio::test]
async fn records_written_long_ago_are_still_read() {
    let place = File::new();
    let ledger = filled(&place).await;
    place
        .raw()
        .execute("UPDATE decisions SET record = ?1", [OLD])
        .unwrap();
    let record = ledger
        .decisions(None, None, 1)
        .await
        .unwrap()
        .pop()
        .unwrap();
    insta::assert_debug_snapshot!((
        record.intent,
        &record.template,
        &record.template_facts,
        &record.number_facts,
        &record.people,
        record.observed,
        record.confirms,
        record.body_hash,
        &record.decision
    ));
}

/// Leaves of that record as the first release made them, and as they are made today, worked out apart from this
/// program after `docs/concepts/proof.md`.
#[tokio::test]
async fn leaves_sealed_long_ago_still_verify() {
    const FIELDS: &str = "6e5bb47d0830e132c6aee94e2266693d97e6bb13a560c9efb3806cf10e5cbbe9";
    const PARTS: &str = "79492639728e64e30b7d01ef347b638c89cf916639bd6fe9c028419b80378440";
    let place = File::new();
    let ledger = filled(&place).await;
    let plant = "UPDATE decisions SET seq = 77, shard = 5, at_ms = 1234, record = ?1";
    place.raw().execute(plant, [OLD]).unwrap();
    let seed = Seed([7; 16]);
    for (salts, hash) in [(Salts::Seed(seed), FIELDS), (Salts::Parts(seed), PARTS)] {
        let salts = Salts::from_bytes(&salts.to_bytes()).unwrap();
        let leaf = SealedLeaf {
            index: 0,
            id: RecordId {
                kind: SealKind::Decision,
                seq: 77,
            },
            hash: Hash::parse(hash).unwrap(),
            salts,
        };
        let leaves = std::slice::from_ref(&leaf);
        let record = ledger.log_records(ACME, leaves).await.unwrap().remove(0);
        let Recorded::Fields(fields) = record else {
            panic!("{record:?}");
        };
        let commitments = leaf.salts.commitments(&fields).unwrap();
        assert_eq!(leaf_hash("decision", &commitments), leaf.hash, "{fields:?}");
        // What is left once somebody was erased is still opened in its own form.
        let left = leaf
            .salts
            .without(&fields, |name| name == "people")
            .unwrap();
        let leaf = SealedLeaf {
            salts: left,
            ..leaf
        };
        let leaves = std::slice::from_ref(&leaf);
        let again = ledger.log_records(ACME, leaves).await.unwrap();
        assert_eq!(again, [Recorded::Fields(fields)]);
    }
}

#[tokio::test]
async fn a_record_is_written_in_these_bytes() {
    let place = File::new();
    let ledger = filled(&place).await;
    drop(ledger);
    let text: String = place
        .raw()
        .query_row("SELECT record FROM decisions", [], |row| row.get(0))
        .unwrap();
    let start = text.find("\"person\":").unwrap() + 9;
    let end = text[start..].find(',').unwrap() + start;
    insta::assert_snapshot!(format!("{}[person]{}", &text[..start], &text[end..]));
}

#[tokio::test]
async fn a_store_of_a_newer_release_is_left_alone() {
    let place = File::new();
    drop(place.open());
    place
        .raw()
        .execute_batch("PRAGMA user_version = 999")
        .unwrap();
    assert!(matches!(
        Ledger::open_sqlite(&place.path, setup()),
        Err(greenline_ledger::LedgerError::Conflict(_))
    ));
}

#[tokio::test]
async fn migrations_may_run_twice() {
    let place = File::new();
    drop(filled(&place).await);
    let schema = |raw: &rusqlite::Connection| {
        let mut statement = raw
            .prepare("SELECT sql FROM sqlite_schema ORDER BY name")
            .unwrap();
        let rows = statement
            .query_map([], |row| row.get::<_, Option<String>>(0))
            .unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>()
    };
    let before = schema(&place.raw());
    place
        .raw()
        .execute_batch("PRAGMA user_version = 0")
        .unwrap();
    let ledger = place.open();
    assert_eq!(schema(&place.raw()), before);
    assert_clean(&ledger).await;
    assert_eq!(ledger.export(ACME, None, 10).await.unwrap().len(), 3);
}
