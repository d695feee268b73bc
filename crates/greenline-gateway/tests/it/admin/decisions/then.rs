//! As of a moment gone by: with what is known now, and with what was known then.

use serde_json::{Value, json};

use super::super::{Desk, granted, withdrawn};
use super::{asked, rules, template};

fn facts(decision: &Value) -> Vec<&str> {
    let untold = decision["untold"].as_array();
    untold
        .map(|untold| {
            untold
                .iter()
                .map(|one| one["fact"].as_str().unwrap())
                .collect()
        })
        .unwrap_or_default()
}

/// The desk's clock stands still, so everything recorded here arrived now, whatever day it was said on.
#[tokio::test]
async fn what_has_arrived_since_counts_only_when_asked_with_what_is_known_now() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    let mut body = template("15551230001");
    body["at"] = "2026-11-25T10:00:00Z".into();
    // Said the day before, so it covers then, as far as is known now.
    let decision = asked(&desk, body.clone()).await;
    assert_eq!(
        (&decision["decision"], &decision["known"]),
        (&"allow".into(), &"now".into())
    );
    assert_eq!(facts(&decision), [""; 0]);
    // Nobody could know that then.
    body["known"] = "then".into();
    let decision = asked(&desk, body.clone()).await;
    assert_eq!(
        (&decision["decision"], &decision["known"]),
        (&"refuse".into(), &"then".into())
    );
    assert_eq!(rules(&decision)[0], "consent.missing");
    assert_eq!(facts(&decision), ["unsettled", "pace", "settings"]);
    for one in decision["untold"].as_array().unwrap() {
        assert!(!one["text"].as_str().unwrap().is_empty(), "{one}");
    }
    // At this moment, and at any to come, the two are one.
    desk.record(withdrawn("15551230001", "marketing")).await;
    for at in ["2026-11-25T14:03:07.500Z", "2026-12-24T00:00:00Z"] {
        body["at"] = at.into();
        let then = asked(&desk, body.clone()).await;
        body["known"] = "now".into();
        let now = asked(&desk, body.clone()).await;
        body["known"] = "then".into();
        assert_eq!(then["reasons"], now["reasons"]);
        assert_eq!(facts(&then), [""; 0]);
    }
}

#[tokio::test]
async fn what_is_assumed_is_assumed_of_then() {
    let desk = Desk::new();
    let mut body = template("15551230001");
    body["at"] = "2026-11-20T10:00:00Z".into();
    body["known"] = "then".into();
    body["assume"] = json!({"consent": {"marketing": "covered"}});
    let decision = asked(&desk, body).await;
    assert_eq!(decision["decision"], "allow", "{decision}");
    assert_eq!(decision["at"], "2026-11-20T10:00:00.000Z");
    assert_eq!(decision["assumed"], json!({"consent.marketing": "covered"}));
}

#[tokio::test]
async fn only_now_and_then_are_known() {
    let desk = Desk::new();
    let mut body = template("15551230001");
    body["known"] = "always".into();
    let answer = desk
        .post(super::super::VIEWER, "/v1/decisions", body.to_string())
        .await;
    let problem = answer.problem(422);
    assert_eq!(problem["field"], "known");
    assert!(
        problem["detail"].as_str().unwrap().contains("then"),
        "{problem}"
    );
}
