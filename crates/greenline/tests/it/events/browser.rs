//! The pages of those who are told of events, as people use them: in a browser, from the real program.

use serde_json::json;

use super::receiver::Receiver;
use super::{path, started, subscribed, until};
use crate::support::browser::browse;
use crate::support::settings::ADMIN_KEY;
use crate::support::store::Store;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_can_look_after_subscriptions_in_a_browser() {
    let home = Store::Sqlite.home();
    let mut receiver = Receiver::start(home.path(), "crm").await;
    let (_sim, mut gateway) = started(&home, &[&receiver]).await;
    let made = subscribed(&gateway, &mut receiver, &json!({ "description": "CRM" })).await;
    gateway.admin(&path(&made, "/ping"), &json!({})).await;
    until(&gateway, &made, "a test that was taken", |shown| {
        shown["health"]["delivered"] == 1
    })
    .await;
    let list = format!("http://{}/subscriptions?business=acme", gateway.private);
    let pages = json!({ "list": list, "token": ADMIN_KEY });
    let said = browse("subscriptions_page.mjs", &pages).await;
    assert_eq!(
        said["trouble"],
        json!([]),
        "nothing from elsewhere, nothing blocked"
    );
    for scheme in ["light", "dark"] {
        for page in ["list", "one", "end"] {
            let phone = &said["phone"][scheme][page];
            assert_eq!(phone["sideways"], 0, "{scheme} {page}: it fits 320");
            assert_eq!(phone["small"], json!([]), "{scheme} {page}: it can be hit");
            let found = &said["axe"][scheme][page];
            assert_eq!(found, &json!([]), "{scheme} {page}");
        }
    }
    let keyboard = &said["keyboard"];
    assert_eq!(keyboard["unseen"], json!([]), "each stop can be seen");
    let steps = keyboard["steps"].as_array().expect("steps");
    let begins = [
        "A test is",
        "It is paused",
        "It is going",
        "",
        "The subscription was ended",
    ];
    assert_eq!(steps.len(), begins.len(), "{keyboard}");
    for (step, begin) in steps.iter().zip(begins) {
        assert!(
            step.as_str().is_some_and(|step| step.starts_with(begin)),
            "{step}"
        );
    }
    assert_eq!(
        (&keyboard["secret"], &keyboard["left"]),
        (&json!(true), &json!(0))
    );
    gateway.stop().await;
}
