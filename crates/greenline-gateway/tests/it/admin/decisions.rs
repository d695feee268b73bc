//! Asking what would be decided, and looking decisions up.

mod assume;
mod batch;
mod then;

use greenline_policy::pack::{Pack, STALE_DAYS};
use serde_json::{Value, json};

use super::{ADMIN, Desk, NOW_MS, NUMBER, STRANGER, VIEWER, granted, withdrawn};

fn template(to: &str) -> Value {
    json!({"business": "acme", "number": NUMBER, "message": {
        "messaging_product": "whatsapp", "to": to, "type": "template",
        "template": {"name": "spring_offer", "language": {"code": "en"}}
    }})
}

async fn asked(desk: &Desk, body: Value) -> Value {
    let answer = desk.post(VIEWER, "/v1/decisions", body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn rules(decision: &Value) -> Vec<&str> {
    decision["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["rule"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_dry_run_gives_every_reason_with_source_and_remedy() {
    let desk = Desk::new();
    let decision = asked(&desk, template("15551230001")).await;
    assert_eq!(
        (&decision["decision"], &decision["pack"]),
        (&"refuse".into(), &Pack::at(NOW_MS).version.into())
    );
    assert!(decision["id"].as_str().unwrap().starts_with("dec_"));
    assert_eq!(rules(&decision), ["consent.missing", "template.unknown"]);
    let first = &decision["reasons"][0];
    assert_eq!(first["sources"], json!(["OPT-01", "OPT-03"]));
    assert!(
        !first["text"].as_str().unwrap().is_empty()
            && !first["remedy"].as_str().unwrap().is_empty()
    );
    assert!(
        decision["to"][0].as_str().unwrap().contains('•'),
        "numbers are masked"
    );
    desk.record(granted("15551230001")).await;
    let decision = asked(&desk, template("15551230001")).await;
    assert_eq!(decision["decision"], "allow");
    assert_eq!(rules(&decision)[0], "consent.covered");
    desk.record(withdrawn("15551230001", "marketing")).await;
    assert_eq!(
        rules(&asked(&desk, template("15551230001")).await)[0],
        "consent.opted_out"
    );
}

#[tokio::test]
async fn a_dry_run_leaves_nothing_behind() {
    let desk = Desk::new();
    let decision = asked(&desk, template("15551230001")).await;
    assert_eq!(
        desk.get(ADMIN, "/v1/decisions?business=acme").await.json()["decisions"],
        json!([])
    );
    desk.get(
        ADMIN,
        &format!("/v1/decisions/{}", decision["id"].as_str().unwrap()),
    )
    .await
    .problem(404);
    desk.get(ADMIN, "/v1/people/15551230001?business=acme")
        .await
        .problem(404);
}

#[tokio::test]
async fn a_dry_run_can_be_asked_for_another_time() {
    let desk = Desk::new();
    let mut body = template("15551230001");
    body["at"] = "2026-12-01T00:00:00Z".into();
    assert_eq!(
        asked(&desk, body.clone()).await["at"],
        "2026-12-01T00:00:00.000Z"
    );
    body["at"] = "soon".into();
    assert_eq!(
        desk.post(VIEWER, "/v1/decisions", body.to_string())
            .await
            .problem(422)["field"],
        "at"
    );
}

#[tokio::test]
async fn what_the_gateway_could_not_read_is_said() {
    let desk = Desk::new();
    let mut body = template("15551230001");
    body["message"]["to"] = "anna".into();
    let problem = desk
        .post(VIEWER, "/v1/decisions", body.to_string())
        .await
        .problem(422);
    assert_eq!(
        (&problem["field"], &problem["type"]),
        (&"message".into(), &"/docs#unreadable-message".into())
    );
    body["number"] = "206540352242922".into();
    assert_eq!(
        desk.post(VIEWER, "/v1/decisions", body.to_string())
            .await
            .problem(404)["field"],
        "number"
    );
    for (body, field) in [
        (json!({"number": NUMBER}), "message"),
        (json!({"message": {}}), "number"),
        (json!({"numbers": 1}), "numbers"),
    ] {
        assert_eq!(
            desk.post(VIEWER, "/v1/decisions", body.to_string())
                .await
                .problem(422)["field"],
            field
        );
    }
}

#[tokio::test]
async fn a_recorded_decision_replays() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    let id = desk.admitted("15551230001").await;
    // What was learned since does not change what was decided then.
    desk.record(withdrawn("15551230001", "all")).await;
    let decision = desk
        .get(VIEWER, &format!("/v1/decisions/{id}"))
        .await
        .json();
    assert_eq!(
        (&decision["decision"], &decision["replay"]["same"]),
        (&"allow".into(), &true.into())
    );
    assert_eq!(decision["replay"]["reasons"], decision["reasons"]);
    desk.get(STRANGER, &format!("/v1/decisions/{id}"))
        .await
        .problem(404);
    for id in ["dec_00000000000000000000", "nonsense"] {
        desk.get(ADMIN, &format!("/v1/decisions/{id}"))
            .await
            .problem(404);
    }
}

#[tokio::test]
async fn decisions_come_in_pages_newest_first() {
    let desk = Desk::new();
    let mut recorded = Vec::new();
    for person in 0..5 {
        recorded.push(desk.admitted(&format!("1555123000{person}")).await);
    }
    recorded.reverse();
    let (mut before, mut seen) = (String::new(), Vec::new());
    for _ in 0..10 {
        let page = desk
            .get(VIEWER, &format!("/v1/decisions?limit=2{before}"))
            .await
            .json();
        seen.extend(
            page["decisions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|decision| decision["id"].as_str().unwrap().to_owned()),
        );
        match page["before"].as_str() {
            None => break,
            Some(next) => before = format!("&before={next}"),
        }
    }
    assert_eq!(seen, recorded);
}

/// An offer to somebody in the United States who opted in.
async fn offer_to_america(desk: &Desk, at: Option<&str>) -> Value {
    let mut body = template("12125550100");
    if let Some(at) = at {
        body["at"] = at.into();
    }
    asked(desk, body).await
}

#[tokio::test]
async fn an_answer_as_of_another_day_is_by_the_rules_of_that_day_and_names_them() {
    let desk = Desk::new();
    let yes = granted("12125550100").to_string();
    let recorded = desk.post(ADMIN, "/v1/consents", yes).await;
    assert_eq!(recorded.status, 201, "{}", recorded.text);
    let today = offer_to_america(&desk, None).await;
    assert_eq!(rules(&today)[0], "country.us_marketing", "{today}");
    assert_eq!(today["pack"], "2026-11");
    let then = offer_to_america(&desk, Some("2023-03-01T12:00:00Z")).await;
    assert_eq!(
        (&then["decision"], &then["pack"]),
        (&"allow".into(), &"2022-02".into())
    );
    for (at, decision, pack) in [
        ("2025-03-31T23:59:59.999Z", "allow", "2024-11"),
        ("2025-04-01T00:00:00Z", "refuse", "2025-04"),
    ] {
        let said = offer_to_america(&desk, Some(at)).await;
        assert_eq!(
            (&said["decision"], &said["pack"]),
            (&decision.into(), &pack.into())
        );
    }
}

#[tokio::test]
async fn what_rests_on_sources_that_were_not_checked_for_long_says_so() {
    let limit_ms = Pack::at(NOW_MS).checked.start_ms() + STALE_DAYS * 86_400_000;
    let fresh = Desk::at(limit_ms);
    let said = asked(&fresh, template("15551230001")).await;
    assert_eq!(said.get("warnings"), None, "{said}");
    let stale = Desk::at(limit_ms + 1);
    let said = asked(&stale, template("15551230001")).await;
    let warning = said["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("2026-11") && warning.contains("last checked on"),
        "{warning}"
    );
    for (desk, value) in [(fresh, 0), (stale, 1)] {
        let metrics = desk.get(ADMIN, "/metrics").await.text;
        let line = format!("greenline_rule_pack_stale {value}\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
}
