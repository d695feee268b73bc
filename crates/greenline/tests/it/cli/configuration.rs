//! `greenline config` and `doctor`, and what happens without a configuration.

use crate::support::command::run_in;
use crate::support::place::{NOWHERE, Place};
use crate::support::settings::SECRETS;
use crate::support::store::{Store, on_each_store};

on_each_store! {
    what_is_in_force_is_shown_without_any_secret,
}

async fn what_is_in_force_is_shown_without_any_secret(store: Store) {
    let place = Place::with(store, |settings| {
        settings.relaying(0, "http://127.0.0.1:9/hooks", "relay-secret")
    });
    for args in [
        &["config", "show"][..],
        &["config", "show", "--json"],
        &["config", "check", "--json"],
    ] {
        let shown = place.run(args).await.ended(0);
        let all = format!("{}{}", shown.stdout, shown.stderr);
        for secret in SECRETS.iter().chain(&["relay-secret"]) {
            assert!(!all.contains(secret), "`{secret}` stands in {all}");
        }
    }
    let shown = place.run(&["config", "show"]).await.ended(0);
    let table: toml::Table = shown.stdout.parse().expect("TOML");
    assert_eq!(
        table["business"][0]["app_secret"].as_str(),
        Some("(secret)")
    );
    assert_eq!(table["upstream"]["url"].as_str(), Some(NOWHERE));
    assert_eq!(table["relay"]["retry_hours"].as_integer(), Some(72));
}

#[tokio::test]
async fn the_defaults_are_shown_with_their_explanation() {
    let place = Place::new(Store::Sqlite);
    let shown = place.run(&["config", "show", "--defaults"]).await.ended(0);
    assert!(
        shown.stdout.contains("retry_hours = 72") && shown.stdout.contains("# "),
        "{shown:?}"
    );
}

#[tokio::test]
async fn what_cannot_work_is_named_and_keeps_every_other_command_from_starting() {
    let place = Place::with(Store::Sqlite, |settings| {
        settings.with(&["relay", "retry_hours"], 1)
    });
    let said = place.run(&["config", "check"]).await.ended(1);
    assert!(
        said.stdout.contains("wrong   relay.retry_hours"),
        "{said:?}"
    );
    let found = place
        .run(&["config", "check", "--json"])
        .await
        .ended(1)
        .json();
    assert_eq!(found["usable"], false, "{found}");
    for args in [&["serve"][..], &["verify"], &["number", "list"]] {
        let refused = place.run(args).await.ended(2);
        assert!(refused.stderr.contains("relay.retry_hours"), "{refused:?}");
    }
}

#[tokio::test]
async fn what_an_app_cannot_hold_for_is_named() {
    let app = |name: &'static str| ["business", "0", "app", "0", name];
    for (path, value, wrong) in [
        (
            &app("hold")[..],
            toml::Value::from(vec!["nights"]),
            Some("hold names `nights`"),
        ),
        (
            &app("hold"),
            vec!["quiet_hours", "limit", "pacing"].into(),
            None,
        ),
        (
            &["limits", "hold_max_hours"],
            169.into(),
            Some("limits.hold_max_hours"),
        ),
        (
            &["retention", "decisions_days"],
            3.into(),
            Some("limits.hold_max_hours"),
        ),
    ] {
        let place = Place::with(Store::Sqlite, |settings| settings.with(path, value));
        let said = place.run(&["config", "check"]).await;
        match wrong {
            Some(wrong) => {
                let said = said.ended(1);
                assert!(said.stdout.contains(wrong), "{wrong}: {said:?}");
            }
            None => assert!(said.ended(0).stdout.contains("hold without relay_url")),
        }
    }
    // The platform token of an app that keeps its own is not kept here.
    let place = Place::with(Store::Sqlite, |settings| {
        settings
            .with(&app("hold"), vec!["quiet_hours"])
            .with(&app("key"), "")
            .with(&app("token_sha256"), "0".repeat(64))
    });
    let said = place.run(&["config", "check"]).await.ended(1);
    assert!(said.stdout.contains("hold needs a key"), "{said:?}");
}

#[tokio::test]
async fn an_unknown_setting_is_an_input_error_with_its_name() {
    let place = Place::with(Store::Sqlite, |settings| {
        settings.with(&["listen", "privat"], "127.0.0.1:1")
    });
    let said = place.run(&["config", "check"]).await.ended(2);
    assert!(said.stderr.contains("privat"), "{said:?}");
}

#[tokio::test]
async fn without_a_configuration_it_is_said_how_to_name_one() {
    let empty = tempfile::tempdir().expect("a folder");
    let said = run_in(empty.path(), &["verify"], "").await.ended(2);
    assert!(said.stderr.contains("--config FILE"), "{said:?}");
    run_in(
        empty.path(),
        &["verify", "--config", "there-is-no-such-file.toml"],
        "",
    )
    .await
    .ended(2);
    run_in(empty.path(), &["frobnicate"], "").await.ended(2);
    run_in(empty.path(), &["verify", "--log-level", "a=b=c"], "")
        .await
        .ended(2);
}

#[tokio::test]
async fn the_doctor_names_what_would_fail_and_changes_nothing() {
    let place = Place::new(Store::Sqlite);
    let said = place.run(&["doctor"]).await.ended(1);
    assert!(
        said.stdout.contains("wrong") && said.stdout.contains(NOWHERE),
        "{said:?}"
    );
    let found = place.run(&["doctor", "--json"]).await.ended(1).json();
    let state = |what: &str| {
        let findings = found["findings"].as_array().expect("findings");
        findings
            .iter()
            .find(|finding| finding["what"] == what)
            .map(|finding| finding["state"].clone())
    };
    assert_eq!(state("store"), Some("fine".into()), "{found}");
    assert_eq!(state("private listener"), Some("fine".into()), "{found}");
    assert_eq!(state("platform"), Some("wrong".into()), "{found}");
    assert!(
        !place.folder().join("greenline.db").exists(),
        "the store was made"
    );
}
