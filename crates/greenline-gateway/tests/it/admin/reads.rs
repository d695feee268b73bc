//! What can be looked up.

use serde_json::Value;

use super::{ADMIN, Desk, NUMBER, granted, withdrawn};

#[tokio::test]
async fn a_person_with_all_that_is_on_record() {
    let desk = Desk::new();
    let yes = desk.record(granted("15551230001")).await;
    let no = desk.record(withdrawn("+1 555 123 0001", "marketing")).await;
    for id in ["15551230001", "+15551230001", "+1%20555%20123%200001"] {
        let person = desk
            .get(ADMIN, &format!("/v1/people/{id}?business=acme"))
            .await
            .json();
        assert_eq!(person["identifiers"][0]["wa_id"], "15551230001");
        assert_eq!(person["head"]["marketing"]["event"], no["id"]);
        let history = person["history"].as_array().unwrap();
        assert_eq!(history.len(), 2);
        assert_eq!(history[0]["id"], yes["id"]);
        assert_eq!(history[0]["evidence"]["wording"], "Yes, send me offers");
        assert_eq!(
            (&history[0]["actor"], &history[0]["occurred_at"]),
            (&"ada".into(), &"2026-11-24T09:30:00.000Z".into())
        );
    }
    desk.get(ADMIN, "/v1/people/15551239999?business=acme")
        .await
        .problem(404);
    assert_eq!(
        desk.get(ADMIN, "/v1/people/anna?business=acme")
            .await
            .problem(422)["field"],
        "id"
    );
}

#[tokio::test]
async fn an_export_comes_in_pages_and_can_be_sent_again() {
    let desk = Desk::new();
    for person in 0..5 {
        desk.record(granted(&format!("1555123000{person}"))).await;
    }
    let (mut after, mut lines) = (String::new(), Vec::new());
    for _ in 0..10 {
        let page = desk
            .get(
                ADMIN,
                &format!("/v1/export/consents?business=acme&limit=2{after}"),
            )
            .await;
        assert_eq!(page.header("content-type"), "application/x-ndjson");
        lines.extend(
            page.text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
        match page.header("greenline-next") {
            "" => break,
            next => after = format!("&after={next}"),
        }
    }
    assert_eq!(lines.len(), 5);
    let other = Desk::new();
    for line in lines {
        let members = [
            "business",
            "person",
            "scope",
            "event",
            "occurred_at",
            "evidence",
        ];
        let event: Value = members
            .iter()
            .map(|name| ((*name).to_owned(), line[*name].clone()))
            .collect();
        assert_eq!(
            other.record(event).await["head"]["marketing"]["standing"],
            "covered"
        );
    }
    assert_eq!(
        desk.get(ADMIN, "/v1/export/consents?business=acme&after=x")
            .await
            .problem(422)["field"],
        "after"
    );
}

#[tokio::test]
async fn stops_are_listed_newest_first() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    desk.record(withdrawn("15551230001", "marketing")).await;
    desk.app.clock.set(super::NOW_MS + 1_000);
    let newest = desk.record(withdrawn("15551230002", "all")).await;
    let stops = desk.get(ADMIN, "/v1/stops?business=acme").await.json();
    assert_eq!(stops["stops"].as_array().unwrap().len(), 2);
    assert_eq!(stops["stops"][0]["id"], newest["id"]);
    assert_eq!(
        desk.get(ADMIN, "/v1/stops?business=globex").await.json()["stops"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn numbers_are_listed_before_anything_was_read_of_them() {
    let desk = Desk::new();
    let numbers = desk.get(ADMIN, "/v1/numbers?business=acme").await.json();
    assert_eq!(numbers["numbers"].as_array().unwrap().len(), 1);
    assert_eq!(numbers["numbers"][0]["phone_number_id"], NUMBER);
    assert_eq!(numbers["numbers"][0]["display_number"], "+1 555 010 0001");
}

#[tokio::test]
async fn templates_timeline_and_backlog_begin_empty() {
    let desk = Desk::new();
    assert_eq!(
        desk.get(ADMIN, "/v1/templates?business=acme").await.json()["templates"],
        serde_json::json!([])
    );
    assert_eq!(
        desk.get(ADMIN, "/v1/timeline?business=acme").await.json()["entries"],
        serde_json::json!([])
    );
    let relay = desk.get(ADMIN, "/v1/relay?business=acme").await.json();
    assert_eq!(
        (&relay["waiting"], &relay["parked"]),
        (&0.into(), &0.into())
    );
    assert_eq!(
        desk.post(ADMIN, "/v1/relay/replay?business=acme", "")
            .await
            .json()["requeued"],
        0
    );
    assert_eq!(
        desk.post(ADMIN, "/v1/relay/replay?business=acme&app=nobody", "")
            .await
            .problem(404)["field"],
        "app"
    );
    let timeline = desk
        .get(ADMIN, "/v1/timeline?business=acme&subject=planet&id=1")
        .await;
    assert_eq!(timeline.problem(422)["field"], "subject");
}

#[tokio::test]
async fn verification_says_what_it_looked_at() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    let found = desk.get(ADMIN, "/v1/verify").await.json();
    assert_eq!(
        (&found["clean"], &found["events"]),
        (&true.into(), &1.into()),
        "{found}"
    );
}

#[tokio::test]
async fn health_and_counters_answer_anybody_on_the_private_listener() {
    let desk = Desk::new();
    assert_eq!(desk.get("", "/healthz").await.text, "alive\n");
    assert_eq!(desk.get("", "/readyz").await.text, "ready\n");
    assert!(
        desk.get("", "/metrics")
            .await
            .text
            .contains("# TYPE greenline_sends_refused_total counter")
    );
}

#[tokio::test]
async fn with_the_store_closed_nothing_pretends() {
    let desk = Desk::new();
    desk.app.ledger.close().await;
    let answer = desk
        .post(
            ADMIN,
            "/v1/consents",
            withdrawn("15551230001", "all").to_string(),
        )
        .await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "2");
    desk.get("", "/readyz").await.problem(503);
    assert_eq!(desk.get("", "/healthz").await.status, 200);
}
