//! The pages of those who are told of events.

use greenline_ledger::subscription::{Subscription, Takes};
use greenline_ledger::types::BusinessIx;
use http::StatusCode;
use serde_json::{Value, json};

use super::{ADMIN, AGENT, Answer, Desk, MANAGER, NOW_MS, STRANGER, VIEWER, withdrawn};

const URL: &str = "https://crm.acme.example/greenline";

/// Subscribes an address; its id.
async fn subscribed(desk: &Desk) -> String {
    let wish = json!({"business": "acme", "url": URL, "description": "CRM <1>"});
    let made = desk
        .post(ADMIN, "/v1/subscriptions", wish.to_string())
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

/// One that stands in the operator's file.
async fn configured(desk: &Desk) -> String {
    let record = json!({
        "wish": { "url": "https://file.acme.example/", "imports": false, "made": "config", "state": "active" },
        "description": "file", "made_ms": 0, "made_by": "configuration",
    });
    let put = desk.app.ledger.put_subscription(Subscription {
        business: BusinessIx(0),
        id: "sub_00000000000000ff".into(),
        version: 0,
        takes: Takes {
            active: true,
            consents: true,
            imports: false,
        },
        body: record.to_string().into(),
    });
    assert!(put.await.unwrap());
    "sub_00000000000000ff".to_owned()
}

async fn page(desk: &Desk, token: &str, path: &str) -> String {
    let page = desk.page(token, path).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert_eq!(page.header("cache-control"), "no-store");
    page.text
}

/// Sends a form; the page it leads to.
async fn led(desk: &Desk, token: &str, path: &str, form: &str) -> String {
    let answer = desk.form(token, path, form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    page(desk, token, answer.header("location")).await
}

async fn as_kept(desk: &Desk, id: &str) -> Value {
    let path = format!("/v1/subscriptions/{id}?business=acme");
    desk.get(ADMIN, &path).await.json()
}

#[track_caller]
fn refused(answer: &Answer, status: StatusCode) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.header("content-type").starts_with("text/html"));
}

#[tokio::test]
async fn who_may_sees_who_is_told_of_what() {
    let desk = Desk::new();
    let empty = page(&desk, MANAGER, "/subscriptions").await;
    assert!(empty.contains("Nobody is told of events yet"));
    let id = subscribed(&desk).await;
    desk.record(withdrawn("15551230001", "marketing")).await;
    let list = page(&desk, MANAGER, "/subscriptions").await;
    let link = format!("href=\"/subscriptions/{id}?business=acme\"");
    for words in [
        &link,
        URL,
        "CRM &#60;1&#62;",
        "active",
        "none yet",
        ">1</td>",
    ] {
        assert!(list.contains(words), "{words}: {list}");
    }
    let one = page(&desk, MANAGER, &format!("/subscriptions/{id}")).await;
    for words in [
        URL,
        "Send a test",
        "Pause",
        "Send again",
        "Nothing was sent",
    ] {
        assert!(one.contains(words), "{words}: {one}");
    }
    assert!(!one.contains("Make a new secret") && !one.contains(&format!("{id}/end")));
    let one = page(&desk, ADMIN, &format!("/subscriptions/{id}")).await;
    assert!(one.contains("Make a new secret") && one.contains(&format!("{id}/end")));
    assert_eq!(as_kept(&desk, &id).await["waiting"], 1);
    // No one below: neither the pages nor a way there.
    for token in [VIEWER, AGENT] {
        for path in ["/subscriptions".to_owned(), format!("/subscriptions/{id}")] {
            refused(&desk.page(token, &path).await, StatusCode::FORBIDDEN);
        }
        assert!(!page(&desk, token, "/").await.contains("/subscriptions"));
    }
    assert!(
        page(&desk, MANAGER, "/")
            .await
            .contains("href=\"/subscriptions")
    );
    // Of another business it is as if there were none.
    let path = format!("/subscriptions/{id}");
    refused(&desk.page(STRANGER, &path).await, StatusCode::NOT_FOUND);
    let path = format!("/subscriptions/{id}?business=acme");
    refused(&desk.page(STRANGER, &path).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_manager_pauses_tests_and_replays() {
    let desk = Desk::new();
    let id = subscribed(&desk).await;
    let path = format!("/subscriptions/{id}");
    let form = "business=acme";

    let pinged = led(&desk, MANAGER, &format!("{path}/ping"), form).await;
    assert!(pinged.contains("A test is on its way"), "{pinged}");
    assert_eq!(as_kept(&desk, &id).await["waiting"], 1);

    let state = format!("{path}/state");
    let paused = led(&desk, MANAGER, &state, "business=acme&state=paused").await;
    assert!(paused.contains("paused by max") && paused.contains("Set it going"));
    assert_eq!(as_kept(&desk, &id).await["state"], "paused");
    for act in ["ping", "replay"] {
        let form = "business=acme&from=2026-11-20T09:30";
        let answer = desk.form(MANAGER, &format!("{path}/{act}"), form).await;
        refused(&answer, StatusCode::CONFLICT);
    }
    // What is said while it is paused can be had from then on.
    desk.app.clock.set(NOW_MS + 60_000);
    desk.record(withdrawn("15551230001", "marketing")).await;
    let going = led(&desk, MANAGER, &state, "business=acme&state=active").await;
    assert!(going.contains("value=\"2026-11-25T14:03:07\""), "{going}");
    assert_eq!(as_kept(&desk, &id).await["state"], "active");
    let replay = format!("{path}/replay");
    let form = "business=acme&from=2026-11-25T14%3A03%3A08";
    let again = led(&desk, MANAGER, &replay, form).await;
    assert!(again.contains("One event is sent once more."), "{again}");
    assert_eq!(as_kept(&desk, &id).await["waiting"], 2);

    for (act, form) in [
        ("replay", "business=acme&from=yesterday"),
        ("state", "business=acme&state=gone"),
    ] {
        let answer = desk.form(MANAGER, &format!("{path}/{act}"), form).await;
        refused(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    }
    for (act, form) in [
        ("ping", "business=acme"),
        ("state", "business=acme&state=paused"),
        ("replay", "business=acme&from=2026-11-20T09:30"),
    ] {
        let act = format!("{path}/{act}");
        refused(&desk.form(AGENT, &act, form).await, StatusCode::FORBIDDEN);
        refused(
            &desk.form(STRANGER, &act, form).await,
            StatusCode::NOT_FOUND,
        );
    }
}

/// The mark of the secret in use, as a page holds it.
async fn mark(desk: &Desk, id: &str) -> String {
    let one = page(desk, ADMIN, &format!("/subscriptions/{id}")).await;
    let mark = one.split("name=\"after\" value=\"").nth(1).unwrap();
    mark.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_secret_is_made_once_however_often_the_form_is_sent() {
    let desk = Desk::new();
    let id = subscribed(&desk).await;
    let path = format!("/subscriptions/{id}/secret");
    let form = format!("business=acme&hours=24&after={}", mark(&desk, &id).await);
    refused(
        &desk.form(MANAGER, &path, &form).await,
        StatusCode::FORBIDDEN,
    );
    let shown = desk.form(ADMIN, &path, &form).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    assert!(shown.text.contains(">whsec_") && shown.text.contains("26 Nov 2026, 14:03"));
    assert_eq!(shown.header("cache-control"), "no-store");
    let kept = as_kept(&desk, &id).await;
    assert_eq!(kept["previous_secret_until"], "2026-11-26T14:03:07.500Z");
    // Loading that page again sends the form again.
    refused(&desk.form(ADMIN, &path, &form).await, StatusCode::CONFLICT);
    let too_long = format!("business=acme&hours=169&after={}", mark(&desk, &id).await);
    refused(
        &desk.form(ADMIN, &path, &too_long).await,
        StatusCode::UNPROCESSABLE_ENTITY,
    );
    let in_wrong_hands = format!("business=acme&hours=0&after={}", mark(&desk, &id).await);
    let shown = desk.form(ADMIN, &path, &in_wrong_hands).await;
    assert!(shown.text.contains("with this one alone"), "{}", shown.text);
    assert!(as_kept(&desk, &id).await["previous_secret_until"].is_null());
}

#[tokio::test]
async fn a_subscription_is_ended_after_a_question() {
    let desk = Desk::new();
    let id = subscribed(&desk).await;
    let path = format!("/subscriptions/{id}/end");
    desk.record(withdrawn("15551230001", "marketing")).await;
    let question = page(&desk, ADMIN, &path).await;
    assert!(
        question.contains("End CRM &#60;1&#62;?") && question.contains("what waits for it (1)")
    );
    assert!(question.contains("Keep it"));
    assert_eq!(as_kept(&desk, &id).await["state"], "active");
    refused(&desk.page(MANAGER, &path).await, StatusCode::FORBIDDEN);
    let form = "business=acme";
    refused(
        &desk.form(MANAGER, &path, form).await,
        StatusCode::FORBIDDEN,
    );
    let list = led(&desk, ADMIN, &path, form).await;
    assert!(list.contains("The subscription was ended.") && !list.contains(URL));
    refused(&desk.form(ADMIN, &path, form).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_stands_in_the_operators_file_is_changed_there() {
    let desk = Desk::new();
    let id = configured(&desk).await;
    let one = page(&desk, ADMIN, &format!("/subscriptions/{id}")).await;
    assert!(one.contains("business.subscription") && !one.contains("Make a new secret"));
    for (act, form) in [
        ("secret", "business=acme&hours=1&after="),
        ("end", "business=acme"),
    ] {
        let answer = desk
            .form(ADMIN, &format!("/subscriptions/{id}/{act}"), form)
            .await;
        refused(&answer, StatusCode::CONFLICT);
    }
    refused(
        &desk.page(ADMIN, &format!("/subscriptions/{id}/end")).await,
        StatusCode::CONFLICT,
    );
    let state = format!("/subscriptions/{id}/state");
    let paused = led(&desk, MANAGER, &state, "business=acme&state=paused").await;
    assert!(paused.contains("Set it going"));
}

#[tokio::test]
async fn the_status_page_leads_to_who_gets_nothing() {
    let desk = Desk::new();
    let id = subscribed(&desk).await;
    let state = format!("/subscriptions/{id}/state");
    led(&desk, ADMIN, &state, "business=acme&state=paused").await;
    let link = format!("href=\"/subscriptions/{id}?business=acme\"");
    let status = page(&desk, MANAGER, "/").await;
    assert!(status.contains("CRM &#60;1&#62; gets no events.") && status.contains(&link));
    let status = page(&desk, VIEWER, "/").await;
    assert!(status.contains("gets no events.") && !status.contains(&link));
}
