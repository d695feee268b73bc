//! `greenline check`, `explain`, `number list` and `verify`.

use serde_json::Value;

use crate::support::place::Place;

use super::record_yes;
use crate::support::store::{Store, on_each_store};

on_each_store! {
    a_check_says_no_with_its_source_and_yes_after_an_opt_in,
    a_check_needs_no_number_where_there_is_only_one_and_takes_a_whole_message,
    a_check_that_cannot_be_read_is_an_input_error,
    a_decision_that_is_not_on_record_is_a_no,
    numbers_are_listed_read_or_not,
    a_store_that_is_as_it_should_be_verifies,
}

const PERSON: &str = "15550100123";

async fn a_check_says_no_with_its_source_and_yes_after_an_opt_in(store: Store) {
    let place = Place::new(store);
    let ask = [
        "check",
        "--business",
        "acme",
        "--number",
        "301500000000001",
        "--to",
        PERSON,
        "--template",
        "spring_offer",
    ];
    let no = place.run(&ask).await.ended(1);
    assert!(
        no.stdout.starts_with("Refused: template spring_offer"),
        "{no:?}"
    );
    assert!(
        no.stdout.contains("[consent.missing]") && no.stdout.contains("OPT-01"),
        "{no:?}"
    );
    assert!(
        !no.stdout.contains(PERSON),
        "the number is not masked: {no:?}"
    );

    record_yes(&place, PERSON, "marketing").await.ended(0);
    let yes = place
        .run(&[&ask[..], &["--json"]].concat())
        .await
        .ended(0)
        .json();
    assert_eq!(yes["decision"], "allow", "{yes}");
    assert!(yes["reasons"].as_array().is_some_and(|reasons| {
        reasons
            .iter()
            .any(|reason| reason["rule"] == "consent.covered")
    }));
}

async fn a_check_needs_no_number_where_there_is_only_one_and_takes_a_whole_message(store: Store) {
    let place = Place::new(store);
    let closed = place
        .run(&["check", "--to", PERSON, "--text", "Hello", "--json"])
        .await
        .ended(1)
        .json();
    assert_eq!(closed["reasons"][0]["rule"], "window.closed", "{closed}");

    let message = r#"{"messaging_product":"whatsapp","to":"15550100123","type":"text","text":{"body":"Hello"}}"#;
    let same = place
        .run_inside(&["check", "--message", "-", "--json"], message)
        .await
        .ended(1)
        .json();
    let rules = |decision: &Value| decision["reasons"].as_array().cloned();
    assert_eq!(rules(&same), rules(&closed));
}

async fn a_check_that_cannot_be_read_is_an_input_error(store: Store) {
    let place = Place::new(store);
    place.run(&["check", "--to", PERSON]).await.ended(2);
    place.run(&["check", "--text", "Hello"]).await.ended(2);
    place
        .run(&["check", "--to", PERSON, "--text", "a", "--template", "b"])
        .await
        .ended(2);
    place
        .run(&["check", "--to", "nobody", "--text", "Hello"])
        .await
        .ended(2);
    place
        .run(&[
            "check",
            "--to",
            PERSON,
            "--text",
            "Hello",
            "--at",
            "yesterday",
        ])
        .await
        .ended(2);
    place
        .run(&[
            "check",
            "--to",
            PERSON,
            "--text",
            "Hello",
            "--business",
            "other",
        ])
        .await
        .ended(2);
    place
        .run_inside(&["check", "--message", "-"], "{")
        .await
        .ended(2);
}

async fn a_decision_that_is_not_on_record_is_a_no(store: Store) {
    let place = Place::new(store);
    let gone = place
        .run(&["explain", "dec_00000000000000000000"])
        .await
        .ended(1);
    assert!(gone.stderr.contains("no such decision"), "{gone:?}");
    place.run(&["explain", "../consents"]).await.ended(1);
}

async fn numbers_are_listed_read_or_not(store: Store) {
    let place = Place::new(store);
    let numbers = place
        .run(&["number", "list", "--json"])
        .await
        .ended(0)
        .json();
    assert_eq!(
        numbers["numbers"][0]["phone_number_id"], "301500000000001",
        "{numbers}"
    );
    let said = place.run(&["number", "list"]).await.ended(0);
    assert!(
        said.stdout.contains("+1 555 010 0001") && said.stdout.contains("not known"),
        "{said:?}"
    );
}

async fn a_store_that_is_as_it_should_be_verifies(store: Store) {
    let place = Place::new(store);
    record_yes(&place, PERSON, "marketing").await.ended(0);
    let found = place.run(&["verify", "--json"]).await.ended(0).json();
    assert_eq!(
        (&found["clean"], &found["events"]),
        (&true.into(), &1.into()),
        "{found}"
    );
    let said = place.run(&["verify"]).await.ended(0);
    assert!(
        said.stdout.contains("Everything is as it should be."),
        "{said:?}"
    );
}
