//! `greenline consent`.

use std::fmt::Write as _;

use crate::support::place::Place;

use super::record_yes;
use crate::support::store::{Store, on_each_store};

on_each_store! {
    what_is_recorded_is_shown,
    a_yes_without_evidence_is_said_to_be_claimed,
    the_same_key_records_once,
    acts_are_recorded_under_the_name_chosen,
    what_cannot_be_read_is_an_input_error_that_says_what_may_be_given,
    nobody_known_is_a_no,
    an_import_counts_every_row_and_a_bad_one_stops_no_other,
    a_large_import_keeps_its_line_numbers,
    an_import_is_taken_back,
    files_that_cannot_be_taken_in_are_input_errors,
    an_export_comes_back_in,
}

const PERSON: &str = "15550100123";

async fn what_is_recorded_is_shown(store: Store) {
    let place = Place::new(store);
    let recorded = record_yes(&place, "+1 (555) 010-0123", "marketing")
        .await
        .ended(0)
        .json();
    assert_eq!(
        recorded["head"]["marketing"]["standing"], "covered",
        "{recorded}"
    );
    assert_eq!(recorded["strength"], "evidenced");

    let no = place
        .run(&[
            "consent",
            "record",
            "--person",
            PERSON,
            "--scope",
            "all",
            "--event",
            "withdrawn",
        ])
        .await
        .ended(0);
    assert!(no.stdout.starts_with("Recorded: evt_"), "{no:?}");

    let person = place
        .run(&["consent", "show", PERSON, "--json"])
        .await
        .ended(0)
        .json();
    assert_eq!(
        person["head"]["marketing"]["standing"], "refused",
        "{person}"
    );
    assert_eq!(person["history"].as_array().map(Vec::len), Some(2));
    let shown = place.run(&["consent", "show", PERSON]).await.ended(0);
    assert!(
        shown.stdout.contains("marketing") && shown.stdout.contains("refused"),
        "{shown:?}"
    );
    assert!(shown.stdout.contains("website_form"), "{shown:?}");
}

async fn a_yes_without_evidence_is_said_to_be_claimed(store: Store) {
    let place = Place::new(store);
    let said = place
        .run(&[
            "consent",
            "record",
            "--person",
            PERSON,
            "--scope",
            "marketing",
            "--event",
            "granted",
        ])
        .await
        .ended(0);
    assert!(said.stdout.contains("only claimed"), "{said:?}");
}

async fn the_same_key_records_once(store: Store) {
    let place = Place::new(store);
    let args = [
        "consent",
        "record",
        "--person",
        PERSON,
        "--scope",
        "utility",
        "--event",
        "refused",
        "--at",
        "2026-01-02T03:04:05Z",
        "--idempotency-key",
        "form-17",
        "--json",
    ];
    let first = place.run(&args).await.ended(0).json();
    let again = place.run(&args).await.ended(0).json();
    assert_eq!(
        (&first["id"], &again["repeated"]),
        (&again["id"], &true.into())
    );
}

async fn acts_are_recorded_under_the_name_chosen(store: Store) {
    let place = Place::new(store);
    let yes = [
        "consent", "record", "--person", PERSON, "--scope", "utility", "--event", "refused",
    ];
    place
        .run(&[&yes[..], &["--as", "ada"]].concat())
        .await
        .ended(0);
    place.run(&yes).await.ended(0);
    let person = place
        .run(&["consent", "show", PERSON, "--json"])
        .await
        .ended(0)
        .json();
    assert_eq!(person["history"][0]["actor"], "ada", "{person}");

    let unknown = place
        .run(&[&yes[..], &["--as", "bob"]].concat())
        .await
        .ended(2);
    assert!(unknown.stderr.contains("It has: ada."), "{unknown:?}");
}

async fn what_cannot_be_read_is_an_input_error_that_says_what_may_be_given(store: Store) {
    let place = Place::new(store);
    let bad = place
        .run(&[
            "consent",
            "record",
            "--person",
            PERSON,
            "--scope",
            "marketing",
            "--event",
            "agreed",
        ])
        .await
        .ended(2);
    assert!(
        bad.stderr.contains("event") && bad.stderr.contains("granted"),
        "{bad:?}"
    );
    let bad = place
        .run(&[
            "consent", "record", "--person", PERSON, "--scope", "sales", "--event", "granted",
            "--json",
        ])
        .await
        .ended(2);
    let said: serde_json::Value = serde_json::from_str(&bad.stderr).expect("an error in JSON");
    assert_eq!(said["problem"]["field"], "scope", "{bad:?}");
    place
        .run(&["consent", "record", "--person", PERSON])
        .await
        .ended(2);
}

async fn nobody_known_is_a_no(store: Store) {
    let place = Place::new(store);
    let nobody = place
        .run(&["consent", "show", "15550100999"])
        .await
        .ended(1);
    assert!(nobody.stderr.contains("nobody"), "{nobody:?}");
    place
        .run(&["consent", "show", "not a number"])
        .await
        .ended(2);
}

/// A file of so many people, all of whom said yes, with evidence.
fn yes_file(people: usize) -> String {
    let mut file = "wa_id,scope,occurred_at,method,wording,business_name\n".to_owned();
    for person in 0..people {
        let _ = writeln!(
            file,
            "1555020{person:04},marketing,2026-01-02T03:04:05Z,website_form,\"Yes, send me offers\",Acme"
        );
    }
    file
}

async fn an_import_counts_every_row_and_a_bad_one_stops_no_other(store: Store) {
    let place = Place::new(store);
    place
        .run(&[
            "consent",
            "record",
            "--person",
            "15550200001",
            "--scope",
            "marketing",
            "--event",
            "withdrawn",
        ])
        .await
        .ended(0);
    let file = place.write(
        "people.csv",
        &format!("{}not a number,marketing,,,,\n", yes_file(3)),
    );

    let dry = place
        .run(&["consent", "import", &file, "--dry-run", "--json"])
        .await
        .ended(1)
        .json();
    let counts = |import: &serde_json::Value| {
        ["rows", "new_yes", "unchanged", "no_stays", "rejected"]
            .map(|name| import["counts"][name].as_u64().expect("a count"))
    };
    assert_eq!(counts(&dry), [4, 2, 0, 1, 1], "{dry}");
    place
        .run(&["consent", "show", "15550200000"])
        .await
        .ended(1);

    let results = place.folder().join("results.csv");
    let results_arg = results.to_str().expect("UTF-8");
    let said = place
        .run(&["consent", "import", &file, "--results", results_arg])
        .await
        .ended(1);
    for words in ["4 rows:", "2  new yeses", "the no stays", "Line 5: "] {
        assert!(said.stdout.contains(words), "{words} in {said:?}");
    }
    let rows = std::fs::read_to_string(&results).expect("the result file");
    assert_eq!(rows.lines().count(), 5, "{rows}");
    assert!(
        rows.lines()
            .nth(4)
            .is_some_and(|row| row.starts_with("5,rejected,")),
        "{rows}"
    );

    let again = place
        .run(&["consent", "import", &file, "--json"])
        .await
        .ended(1)
        .json();
    assert_eq!(counts(&again), [4, 0, 2, 1, 1], "{again}");
    let stopped = place
        .run(&["consent", "show", "15550200001", "--json"])
        .await
        .ended(0)
        .json();
    assert_eq!(
        stopped["head"]["marketing"]["standing"], "refused",
        "{stopped}"
    );
}

async fn a_large_import_keeps_its_line_numbers(store: Store) {
    let place = Place::new(store);
    let people: usize = 6_000;
    let file = place.write(
        "people.csv",
        &format!("{}nobody,marketing,,,,\n", yes_file(people)),
    );
    let done = place
        .run(&["consent", "import", &file, "--json"])
        .await
        .ended(1)
        .json();
    assert_eq!(
        (&done["counts"]["new_yes"], &done["counts"]["rejected"]),
        (&people.into(), &1.into())
    );
    let results = place.folder().join("results.jsonl");
    let results_arg = results.to_str().expect("UTF-8");
    let again = place
        .run(&["consent", "import", &file, "--results", results_arg])
        .await
        .ended(1);
    assert!(
        again.stdout.contains("6000  on record already"),
        "{again:?}"
    );
    let rows = std::fs::read_to_string(&results).expect("the result file");
    assert_eq!(rows.lines().count(), people + 1);
    let last: serde_json::Value =
        serde_json::from_str(rows.lines().last().expect("rows")).expect("JSON");
    assert_eq!(
        (&last["line"], &last["outcome"]),
        (&(people + 2).into(), &"rejected".into())
    );
}

async fn an_import_is_taken_back(store: Store) {
    let place = Place::new(store);
    let no = "15550999999,marketing,,,,\n15550999998,marketing,2026-01-02,website_form,Yes,Acme\n";
    let file = place.write("people.csv", &format!("{}{no}", yes_file(3)));
    let done = place
        .run(&["consent", "import", &file, "--json"])
        .await
        .ended(0)
        .json();
    let id = done["id"].as_str().expect("an id");
    let standing = async |place: &Place| {
        let person = place
            .run(&["consent", "show", "15550200001", "--json"])
            .await
            .ended(0)
            .json();
        person["head"]["marketing"]["standing"].clone()
    };
    assert_eq!(standing(&place).await, "covered");
    let dry = place
        .run(&["consent", "undo", id, "--dry-run"])
        .await
        .ended(0);
    assert!(
        dry.stdout
            .starts_with("5 yeses and 0 renewals would be taken back."),
        "{dry:?}"
    );
    assert_eq!(standing(&place).await, "covered");
    let undone = place
        .run(&["consent", "undo", id, "--json"])
        .await
        .ended(0)
        .json();
    assert_eq!(undone["undo"]["yeses"], 5, "{undone}");
    assert_eq!(standing(&place).await, "unknown");
    place.run(&["consent", "undo", id]).await.ended(2);
    place.run(&["consent", "undo", "imp_none"]).await.ended(1);
    let again = place
        .run(&["consent", "import", &file, "--json"])
        .await
        .ended(0)
        .json();
    assert_eq!(again["counts"]["new_yes"], 4, "{again}");
    assert_eq!(standing(&place).await, "covered");
    place.run(&["verify"]).await.ended(0);
}

async fn files_that_cannot_be_taken_in_are_input_errors(store: Store) {
    let place = Place::new(store);
    place
        .run(&["consent", "import", "there-is-no-such-file.csv"])
        .await
        .ended(2);
    let empty = place.write("empty.csv", "");
    place.run(&["consent", "import", &empty]).await.ended(2);
    let nameless = place.write("nameless.csv", "a,b\n1,2\n");
    let said = place.run(&["consent", "import", &nameless]).await.ended(2);
    assert!(said.stderr.contains("wa_id"), "{said:?}");
}

async fn an_export_comes_back_in(store: Store) {
    let place = Place::new(store);
    let file = place.write("people.csv", &yes_file(1_200));
    place.run(&["consent", "import", &file]).await.ended(0);
    record_yes(&place, PERSON, "utility").await.ended(0);

    let lines = place.run(&["consent", "export"]).await.ended(0);
    assert_eq!(lines.stdout.lines().count(), 1_201);
    let first: serde_json::Value =
        serde_json::from_str(lines.stdout.lines().next().expect("a line")).expect("JSON");
    assert_eq!(
        (&first["scope"], &first["event"]),
        (&"marketing".into(), &"granted".into()),
        "{first}"
    );

    for (name, extra) in [("export.csv", "csv"), ("export.jsonl", "jsonl")] {
        let file = place.folder().join(name);
        let file = file.to_str().expect("UTF-8");
        let said = place
            .run(&[
                "consent",
                "export",
                "--current",
                "--format",
                extra,
                "--output",
                file,
            ])
            .await
            .ended(0);
        assert!(said.stdout.is_empty(), "{said:?}");
        let elsewhere = Place::new(store);
        let taken = elsewhere
            .run(&["consent", "import", file, "--json"])
            .await
            .ended(0)
            .json();
        assert_eq!(taken["counts"]["new_yes"], 1_201, "{taken}");
        elsewhere.run(&["verify"]).await.ended(0);
    }
}
