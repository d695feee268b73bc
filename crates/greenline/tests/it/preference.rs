//! The preference page as people meet it: in a browser, from the real program.

use http::Method;
use serde_json::{Value, json};

use crate::support::browser::browse;
use crate::support::gateway::Gateway;
use crate::support::http as web;
use crate::support::place::NOWHERE;
use crate::support::settings::{ADMIN_KEY, BUSINESS};
use crate::support::store::{Store, on_each_store};

on_each_store! {
    a_link_closes_what_it_says_and_the_next_send_is_refused,
}

async fn grant(gateway: &Gateway, who: &str, scope: &str) {
    let event = json!({
        "business": BUSINESS, "person": {"wa_id": who}, "scope": scope, "event": "granted",
        "evidence": {"method": "website_form", "wording": "Yes", "business_name": "Acme"}
    });
    let answer = web::post(gateway.private, "/v1/consents", ADMIN_KEY, &event).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

async fn link(gateway: &Gateway, who: &str) -> String {
    let path = format!("/v1/people/{who}/links?business={BUSINESS}");
    let answer = web::post(gateway.private, &path, ADMIN_KEY, &json!({})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["url"].as_str().expect("a link").to_owned()
}

async fn standing(gateway: &Gateway, who: &str, scope: &str) -> Value {
    let path = format!("/v1/people/{who}?business={BUSINESS}");
    let answer = web::get(gateway.private, &path, ADMIN_KEY).await;
    answer.json()["head"][scope]["standing"].clone()
}

async fn start(site: &(impl crate::support::store::Site + ?Sized)) -> Gateway {
    let [public, private] = crate::support::ports::free();
    Gateway::start_at(site, NOWHERE, public, private, |settings| {
        settings.with(&["listen", "public_url"], format!("http://{public}"))
    })
    .await
}

async fn a_link_closes_what_it_says_and_the_next_send_is_refused(store: Store) {
    let home = store.home();
    let mut gateway = start(&home).await;
    let who = "15551230001";
    grant(&gateway, who, "marketing").await;
    let url = link(&gateway, who).await;
    let place = url.split_once("/p/").expect("a preference link").1;
    let path = format!("/p/{place}");
    let page = web::get(gateway.public, &path, "").await;
    assert_eq!(page.status, 200, "{page:?}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = "List-Unsubscribe=One-Click";
    let answer = web::call(gateway.public, Method::POST, &path, &form, body).await;
    assert_eq!(answer.expect("an answer").status, 200);
    assert_eq!(standing(&gateway, who, "marketing").await, "refused");
    let refused = gateway.send_template(who, "spring_offer").await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(refused.json()["error"]["code"], 131_050);
    // The link outlives a restart: its key is on disk.
    gateway.kill().await;
    gateway.run_again().await;
    assert_eq!(web::get(gateway.public, &path, "").await.status, 200);
    assert!(!gateway.log_text().contains(place), "links are not logged");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_can_use_it_in_a_browser() {
    let home = Store::Sqlite.home();
    let mut gateway = start(&home).await;
    let mut links = serde_json::Map::new();
    for (at, scenario) in ["keyboard", "pointer", "phone", "axe"].iter().enumerate() {
        let who = format!("1555123000{at}");
        for scope in ["marketing", "utility"] {
            grant(&gateway, &who, scope).await;
        }
        links.insert((*scenario).to_owned(), link(&gateway, &who).await.into());
    }
    let said = browse("preference_page.mjs", &Value::Object(links)).await;
    assert_eq!(
        said["trouble"],
        json!([]),
        "nothing from elsewhere, nothing blocked"
    );

    let keyboard = &said["keyboard"];
    assert_eq!(
        keyboard["first"], "a",
        "the first stop skips to the content"
    );
    assert_eq!(keyboard["unseen"], json!([]), "each stop can be seen");
    assert_eq!(
        keyboard["steps_to_undo"], 1,
        "what was done is where one is: {keyboard}"
    );
    let title = |name: &str| keyboard[name].as_str().expect("a title").to_owned();
    assert!(title("off").starts_with("Turned off") && title("on").starts_with("On again"));
    assert_eq!(
        standing(&gateway, "15551230000", "marketing").await,
        "covered"
    );

    let pointer = &said["pointer"];
    assert!(
        pointer["notice"]
            .as_str()
            .is_some_and(|text| text.starts_with("Turned off"))
    );
    assert_eq!((&pointer["left"], &pointer["undo"]), (&json!(0), &json!(1)));
    assert_eq!(standing(&gateway, "15551230001", "all").await, "refused");

    for (name, direction) in [
        ("en", "ltr"),
        ("ar", "rtl"),
        ("he", "rtl"),
        ("dark", "ltr"),
        ("de", "ltr"),
    ] {
        let phone = &said["phone"][name];
        assert_eq!(phone["direction"], direction, "{name}");
        assert_eq!(phone["sideways"], 0, "{name}: it fits a width of 320");
        assert_eq!(phone["small"], json!([]), "{name}: everything can be hit");
        assert_eq!(phone["switch_left_of_text"], direction == "rtl", "{name}");
    }
    assert_eq!(
        standing(&gateway, "15551230002", "marketing").await,
        "covered",
        "looked at only"
    );

    let axe = said["axe"].as_object().expect("what axe found");
    assert_eq!(axe.len(), 10);
    for (page, found) in axe {
        assert_eq!(found, &json!([]), "{page}");
    }
    gateway.stop().await;
}
