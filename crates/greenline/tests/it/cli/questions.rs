//! `greenline check`, `explain`, `number list` and `verify`.

use serde_json::Value;

use crate::support::place::Place;

use super::record_yes;
use crate::support::store::{Store, on_each_store};

on_each_store! {
    a_check_says_no_with_its_source_and_yes_after_an_opt_in,
    a_check_needs_no_number_where_there_is_only_one_and_takes_a_whole_message,
    a_check_that_cannot_be_read_is_an_input_error,
    a_check_can_be_read_aloud,
    a_check_asks_what_if,
    a_check_asks_what_was_known_then,
    many_checks_are_answered_a_line_each,
    lines_that_cannot_be_used_have_a_problem_in_their_place,
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

const OFFER: [&str; 5] = ["check", "--to", PERSON, "--template", "spring_offer"];

/// The verdict, why, and what comes next, each on a line of its own and in words.
async fn a_check_can_be_read_aloud(store: Store) {
    let place = Place::new(store);
    let said = place
        .run(&["check", "--to", PERSON, "--text", "Hello"])
        .await
        .ended(1)
        .stdout;
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("Refused: message to "), "{said}");
    assert!(
        said.contains("\nNext step: Wait until the person writes to this number and answer then."),
        "{said}"
    );
    record_yes(&place, PERSON, "marketing").await.ended(0);
    let assume = ["--assume", "consent.marketing=refused"];
    let said = place.run(&[&OFFER[..], &assume].concat()).await.ended(1);
    for line in [
        "What if, not as it is. Assumed:",
        "  · consent.marketing: refused",
        "Next step: Respect it; only the person's own newer, evidenced opt-in opens this again.",
    ] {
        assert!(
            said.stdout.lines().any(|one| one == line),
            "{line}\n{said:?}"
        );
    }
    let allowed = place.run(&OFFER).await.ended(0);
    assert!(!allowed.stdout.contains("Next step"), "{allowed:?}");
}

async fn a_check_asks_what_if(store: Store) {
    let place = Place::new(store);
    let assume = |facts: &[&'static str]| {
        let facts = facts.iter().flat_map(|fact| ["--assume", fact]);
        let mut args: Vec<&str> = OFFER.to_vec();
        args.extend(facts);
        args.push("--json");
        args
    };
    let yes = place
        .run(&assume(&[
            "consent.marketing=covered",
            "consent.marketing.since=2026-01-01T00:00:00Z",
            "yes_lasts_days.marketing=0",
        ]))
        .await
        .ended(0)
        .json();
    assert_eq!(
        yes["assumed"]["consent.marketing"], "covered, since 2026-01-01T00:00:00.000Z",
        "{yes}"
    );
    let no = place
        .run(&assume(&["consent.marketing=covered", "native_stop=true"]))
        .await
        .ended(1)
        .json();
    assert_eq!(no["next_step"]["rule"], "consent.native_stop", "{no}");
    let unknown = place.run(&assume(&["consents.marketing=covered"])).await;
    let unknown = unknown.ended(2);
    assert!(unknown.stderr.contains("window_open_until"), "{unknown:?}");
    place.run(&assume(&["native_stop"])).await.ended(2);
}

async fn a_check_asks_what_was_known_then(store: Store) {
    let place = Place::new(store);
    record_yes(&place, PERSON, "marketing").await.ended(0);
    // The yes arrived just now.
    let then = [
        &OFFER[..],
        &["--at", "2026-01-01T00:00:00Z", "--known", "then"],
    ]
    .concat();
    let said = place.run(&then).await.ended(1);
    assert!(said.stdout.contains("[consent.missing]"), "{said:?}");
    assert!(
        said.stdout
            .contains("Decided with what was known at that moment.")
            && said
                .stdout
                .contains("settings and its ways out are those of today"),
        "{said:?}"
    );
    let json = place.run(&[&then[..], &["--json"]].concat()).await.ended(1);
    assert_eq!(json.json()["known"], "then");
    place
        .run(&[&OFFER[..], &["--known", "then"]].concat())
        .await
        .ended(2);
}

async fn many_checks_are_answered_a_line_each(store: Store) {
    let place = Place::new(store);
    record_yes(&place, PERSON, "marketing").await.ended(0);
    let lines = [
        format!(r#"{{"to":"{PERSON}","template":"spring_offer"}}"#),
        format!(r#"{{"to":"{PERSON}","text":"Hello"}}"#),
        format!(
            r#"{{"message":{{"messaging_product":"whatsapp","to":"{PERSON}","type":"text","text":{{"body":"Hello"}}}},"assume":{{"window_open_until":"2100-01-01T00:00:00Z"}}}}"#
        ),
        format!(
            r#"{{"to":"{PERSON}","template":"spring_offer","at":"2026-01-01T00:00:00Z","known":"then"}}"#
        ),
    ];
    let ran = place
        .run_inside(&["check", "--batch", "-"], &lines.join("\n"))
        .await
        .ended(1);
    let answers: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let told: Vec<_> = answers
        .iter()
        .map(|one| (one["line"].as_u64(), one["decision"].as_str()))
        .collect();
    let expected = ["allow", "refuse", "allow", "refuse"];
    let expected: Vec<_> = (1..)
        .zip(expected)
        .map(|(line, verdict)| (Some(line), Some(verdict)))
        .collect();
    assert_eq!(told, expected, "{ran:?}");
    // More lines than go at once, from a file, all allowed.
    let many = format!("{}\n", lines[0]).repeat(1_100);
    let many = place.write("many.jsonl", &many);
    let ran = place.run(&["check", "--batch", &many]).await.ended(0);
    assert_eq!(ran.stdout.lines().count(), 1_100);
    assert!(
        ran.stdout
            .lines()
            .last()
            .is_some_and(|line| line.contains("\"line\":1100"))
    );
}

async fn lines_that_cannot_be_used_have_a_problem_in_their_place(store: Store) {
    let place = Place::new(store);
    let lines = [
        r#"{"to":"nobody","text":"Hello"}"#,
        "{",
        "",
        r#"{"to":"15550100123"}"#,
        r#"{"to":"15550100123","text":"Hello","assume":{"consents":1}}"#,
        r#"{"to":"15550100123","text":"Hello"}"#,
    ];
    let ran = place
        .run_inside(&["check", "--batch", "-"], &lines.join("\n"))
        .await
        .ended(2);
    let answers: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(answers.len(), lines.len(), "{ran:?}");
    for one in &answers[..5] {
        assert!(one["problem"]["detail"].is_string(), "{one}");
    }
    assert_eq!(answers[5]["decision"], "refuse");
    assert!(ran.stderr.contains("5 of 6 lines"), "{ran:?}");
    place
        .run(&["check", "--batch", "gone.jsonl"])
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
