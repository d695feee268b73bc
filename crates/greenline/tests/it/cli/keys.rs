//! `greenline keys`: made, shown without secrets, rotated and retired.

use serde_json::Value;

use crate::support::place::Place;
use crate::support::store::Store;

fn secrets(file: &str) -> Vec<String> {
    let lines = file
        .lines()
        .filter_map(|line| line.strip_prefix("secret = \""));
    lines
        .map(|rest| rest.trim_end_matches('"').to_owned())
        .collect()
}

#[tokio::test]
async fn keys_are_made_rotated_and_retired_and_never_shown() {
    let place = Place::new(Store::Sqlite);
    let shown = place.run(&["keys", "show"]).await.ended(0);
    assert!(shown.stdout.contains("serve"), "none yet: {shown:?}");
    place.run(&["keys", "rotate", "link"]).await.ended(2);
    place.run(&["keys", "create"]).await.ended(0);
    place.run(&["keys", "create"]).await.ended(2);
    let file = place.folder().join("greenline.db.keys");
    let before = std::fs::read_to_string(&file).expect("the file of keys");
    assert_eq!(secrets(&before).len(), 3);
    let listed = async || {
        let shown = place.run(&["keys", "show", "--json"]).await.ended(0);
        let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
        let keys = shown["keys"].as_array().cloned().expect("a list");
        let of = |key: &Value| (key["id"].clone(), key["use"].clone());
        keys.iter().map(of).collect::<Vec<_>>()
    };
    let first = listed().await;
    place.run(&["keys", "rotate", "link"]).await.ended(0);
    let second = listed().await;
    assert_eq!(second.len(), 4);
    assert!(
        first.iter().all(|key| second.contains(key)),
        "the old ones stay"
    );
    assert_eq!(second[0].1, "link", "the new one comes first");
    let (newest, oldest) = (&second[0].0, first.iter().find(|key| key.1 == "link"));
    let id = |value: &Value| value.as_str().expect("an id").to_owned();
    place.run(&["keys", "retire", &id(newest)]).await.ended(2);
    place
        .run(&["keys", "retire", "link-00000000"])
        .await
        .ended(2);
    place
        .run(&["keys", "retire", &id(&oldest.expect("a key").0)])
        .await
        .ended(0);
    assert_eq!(listed().await.len(), 3);
    let after = std::fs::read_to_string(&file).expect("the file of keys");
    let shown = place.run(&["keys", "show"]).await.ended(0);
    let found = place.run(&["doctor"]).await;
    for secret in secrets(&before).iter().chain(&secrets(&after)) {
        for said in [&shown.stdout, &found.stdout, &found.stderr] {
            assert!(!said.contains(secret.as_str()));
        }
    }
    assert!(found.stdout.contains("keys"), "{found:?}");
}

#[tokio::test]
async fn with_postgres_keys_must_be_named_and_there() {
    let url = "postgres://greenline@127.0.0.1:1/none";
    let place = Place::with(Store::Sqlite, |settings| {
        settings.with(&["store", "url"], url)
    });
    // The settings of a test name a file by themselves; without it:
    let text = std::fs::read_to_string(place.config()).expect("the configuration");
    let keys = text.find("[keys]").expect("a section of keys");
    let end = text[keys + 1..]
        .find('[')
        .map_or(text.len(), |at| keys + 1 + at);
    let without = format!("{}{}", &text[..keys], &text[end..]);
    std::fs::write(place.config(), &without).expect("a folder that can be written");
    let said = place.run(&["config", "check"]).await.ended(1);
    assert!(said.stdout.contains("keys.file"), "{said:?}");
    let named = format!(
        "{without}\n[keys]\nfile = \"{}\"\n",
        place.folder().join("no.keys").display()
    );
    std::fs::write(place.config(), named).expect("a folder that can be written");
    let said = place.run(&["config", "check"]).await.ended(1);
    assert!(said.stdout.contains("keys create"), "{said:?}");
    let said = place.run(&["keys", "show"]).await.ended(2);
    assert!(said.stderr.contains("keys create"), "{said:?}");
    assert!(
        !place.folder().join("no.keys").exists(),
        "no node makes its own"
    );
}
