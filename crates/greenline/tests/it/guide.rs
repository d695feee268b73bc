//! The guide, from the command line and in a browser.

use serde_json::{Value, json};

use crate::support::browser::browse;
use crate::support::command::run;
use crate::support::gateway::Gateway;
use crate::support::place::NOWHERE;
use crate::support::settings::ADMIN_KEY;
use crate::support::store::Store;

#[tokio::test]
async fn a_question_is_answered_without_a_server_or_a_configuration() {
    let answer = run(&["guide", "may a notification ask for opt-out?"])
        .await
        .ended(0);
    let told = &answer.stdout;
    assert!(
        told.starts_with("May we ask people by notification whether they want to stop?"),
        "{told}"
    );
    for words in [
        "Yes, but only people who have opted in.",
        "What Greenline does about it",
        "What is not known",
        "OPT-01 (high)",
        "ask.first_contact: ",
        "/guide/ask-by-notification",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }

    let json = run(&["guide", "number", "was", "flagged", "--json"])
        .await
        .ended(0)
        .json();
    assert_eq!(json["question"], "number was flagged");
    assert_eq!(json["pages"][0]["id"], "flagged-number");
}

#[tokio::test]
async fn names_lists_and_what_is_not_there() {
    let rule = run(&["guide", "ask.only_way_out"]).await.ended(0);
    assert!(rule.stdout.contains("error 131050"), "{rule:?}");
    let list = run(&["guide"]).await.ended(0);
    for name in ["blocked-number", "consent.opted_out"] {
        assert!(list.stdout.contains(name), "{list:?}");
    }
    let list = run(&["guide", "--json"]).await.ended(0).json();
    assert!(
        list["pages"]
            .as_array()
            .is_some_and(|pages| pages.len() > 40)
    );
    run(&["guide", "zzqq"]).await.ended(1);
    let nothing = run(&["guide", "zzqq", "--json"]).await.ended(1).json();
    assert_eq!(nothing["pages"], json!([]));
    let long = run(&["guide", &"why ".repeat(200)]).await.ended(2);
    assert!(long.stderr.contains("400 characters"), "{long:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_can_read_it_in_a_browser() {
    let home = Store::Sqlite.home();
    let mut gateway = Gateway::start(&home, NOWHERE, |settings| settings).await;
    let list = format!("http://{}/guide", gateway.private);
    let pages = json!({ "list": list, "token": ADMIN_KEY });
    let said = browse("guide_page.mjs", &pages).await;
    assert_eq!(
        said["trouble"],
        json!([]),
        "nothing from elsewhere, nothing blocked"
    );
    let keyboard = &said["keyboard"];
    assert_eq!(keyboard["unseen"], json!([]), "each stop can be seen");
    assert_eq!(
        keyboard["first"], keyboard["answer"],
        "the answer is what was found first"
    );
    assert!(
        keyboard["rule"]
            .as_str()
            .is_some_and(|rule| !rule.is_empty()),
        "{keyboard}"
    );
    for scheme in ["light", "dark"] {
        let seen = |what: &str| -> Vec<(String, Value)> {
            let pages = said[what][scheme].as_object().expect("what was seen");
            pages.clone().into_iter().collect()
        };
        assert_eq!(seen("phone").len(), 6);
        for (page, looked) in seen("phone") {
            assert_eq!(looked["language"], "en", "{scheme} {page}");
            assert_eq!(looked["sideways"], 0, "{scheme} {page}: it fits 320");
            assert_eq!(looked["small"], json!([]), "{scheme} {page}: it can be hit");
        }
        for (page, found) in seen("axe") {
            assert_eq!(found, json!([]), "{scheme} {page}");
        }
    }
    gateway.stop().await;
}
