//! What if: facts in the place of what is known.

use serde_json::{Value, json};

use super::super::{ADMIN, Desk, NUMBER, VIEWER, granted, withdrawn};
use super::{asked, rules, template};

fn text(to: &str) -> Value {
    json!({"business": "acme", "number": NUMBER, "message": {
        "messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "Hello"}
    }})
}

async fn what_if(desk: &Desk, mut body: Value, assume: Value) -> Value {
    body["assume"] = assume;
    asked(desk, body).await
}

/// Everything that can be assumed, with the rules that it leads to; a template to somebody nobody knows.
#[tokio::test]
async fn each_fact_can_be_assumed() {
    let desk = Desk::new();
    let known = json!({"known": true, "category": "marketing"});
    let cases = [
        (
            json!({"consent": {"marketing": "covered"}}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"marketing": {"standing": "covered", "strength": "imported"}}}),
            vec!["consent.covered_by_import"],
        ),
        (
            json!({"consent": {"marketing": {"standing": "covered", "strength": "vouched"}}}),
            vec!["consent.covered_by_vouching"],
        ),
        (
            json!({"consent": {"marketing": "refused"}}),
            vec!["consent.opted_out"],
        ),
        (
            json!({"consent": {"marketing": "claimed"}}),
            vec!["consent.claimed"],
        ),
        (
            json!({"consent": {"marketing": "unconfirmed"}}),
            vec!["consent.unconfirmed"],
        ),
        (
            json!({"consent": {"marketing": "expired"}}),
            vec!["consent.expired"],
        ),
        (
            json!({"consent": {"marketing": "unknown"}}),
            vec!["consent.missing"],
        ),
        // A scope takes those below it along, and the narrower one counts.
        (
            json!({"consent": {"all": "covered"}}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"all": "covered", "marketing": "refused"}}),
            vec!["consent.opted_out"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "native_stop": true}),
            vec!["consent.native_stop", "consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "native_stop": false}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "template": {"status": "PAUSED"}}),
            vec!["template.paused", "consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "template": {"status": "DISABLED"}}),
            vec!["template.disabled", "consent.covered"],
        ),
        (
            json!({"consent": {"utility": "covered"}, "template": {"category": "utility"}}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "template": {"ask": true}, "ways_out": "only_notifications"}),
            vec!["ask.only_way_out", "consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "template": {"ask": true}, "ways_out": "open"}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "number": {"status": "BANNED"}}),
            vec!["number.banned", "consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "number": {"ban": "disabled"}}),
            vec!["number.banned", "consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "number": {"locked": true}}),
            vec!["account.locked", "consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "number": {"status": "RESTRICTED"}}),
            vec!["limit.reached", "consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "portfolio": {"limit": 10, "reached": 10}}),
            vec!["limit.portfolio", "consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "portfolio": {"limit": 10, "reached": 9}}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "portfolio": {"limit": 10, "reached": 10}, "reached_at": "2026-11-25T10:00:00Z"}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "portfolio": {"limit": "unlimited", "reached": 10}}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "number": {"rating": "RED"}, "quality_guard": "low"}),
            vec!["guard.quality", "consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "number": {"rating": "YELLOW"}, "quality_guard": "low"}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "number": {"rating": "YELLOW"}, "quality_guard": "medium"}),
            vec!["guard.quality", "consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "number": {"rating": "UNKNOWN"}, "quality_guard": "medium"}),
            vec!["consent.covered", "guard.quality_unknown"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "number": {"rating": "RED"}, "quality_guard": "off"}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "template": {"quality": "YELLOW"}}),
            vec!["consent.covered", "template.low_quality", "template.pacing"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "business_rules": false}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "number": {"restrictions": ["business_initiated"]}}),
            vec!["number.restricted", "consent.covered"],
        ),
        (
            json!({"consent": {"marketing": {"standing": "covered", "since": "2026-01-01T00:00:00Z"}}, "yes_lasts_days": {"marketing": 30}}),
            vec!["consent.expired"],
        ),
        (
            json!({"consent": {"marketing": {"standing": "covered", "since": "2026-11-20T00:00:00Z"}}, "yes_lasts_days": {"marketing": 30}}),
            vec!["consent.covered"],
        ),
        (
            json!({"consent": {"marketing": "covered"}, "unsettled_until": "2026-11-25T14:10:00Z"}),
            vec!["send.unsettled", "consent.covered"],
        ),
        (
            json!({
                "template": {"category": "utility"}, "window_open_until": "2026-11-25T20:00:00Z",
                "window_templates_are_replies": true
            }),
            vec!["window.open"],
        ),
    ];
    for (mut assume, expected) in cases {
        for (name, value) in known.as_object().unwrap() {
            let template = assume.as_object_mut().unwrap();
            let template = template.entry("template").or_insert_with(|| json!({}));
            let template = template.as_object_mut().unwrap();
            template.entry(name.as_str()).or_insert(value.clone());
        }
        let decision = what_if(&desk, template("15551230001"), assume.clone()).await;
        assert_eq!(rules(&decision), expected, "{assume}");
        assert!(
            decision["assumed"].as_object().unwrap().len() >= 2,
            "{decision}"
        );
    }
}

#[tokio::test]
async fn a_window_and_a_stop_in_the_thread_can_be_assumed() {
    let desk = Desk::new();
    let open = json!({"window_open_until": "2026-11-25T20:00:00Z"});
    let decision = what_if(&desk, text("15551230001"), open).await;
    assert_eq!(rules(&decision), ["window.open"]);
    let stopped = json!({"window_open_until": "2026-11-25T20:00:00Z", "thread_stop": true});
    let decision = what_if(&desk, text("15551230001"), stopped).await;
    assert_eq!(rules(&decision), ["consent.thread_stopped", "window.open"]);
    // A no to everything closes the thread as well.
    let no = json!({"window_open_until": "2026-11-25T20:00:00Z", "consent": {"all": "refused"}});
    let decision = what_if(&desk, text("15551230001"), no).await;
    assert_eq!(rules(&decision)[0], "consent.thread_stopped");
    let closed = json!({"window_open_until": "closed", "consent": {"marketing": "covered"}});
    let decision = what_if(&desk, text("15551230001"), closed).await;
    assert_eq!(rules(&decision), ["window.closed"]);
    assert_eq!(decision["next_step"]["rule"], "window.closed");
}

#[tokio::test]
async fn what_is_not_assumed_stays_and_nothing_is_on_record() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    desk.record(withdrawn("15551230001", "marketing")).await;
    let paused = json!({"template": {"status": "PAUSED"}});
    let decision = what_if(&desk, template("15551230001"), paused).await;
    assert_eq!(
        rules(&decision),
        ["consent.opted_out", "template.paused", "template.unknown"]
    );
    assert_eq!(decision["assumed"], json!({"template.status": "PAUSED"}));
    // The no on record has its event and its day; an assumed one has neither.
    assert!(decision["reasons"][0]["event"].is_string(), "{decision}");
    assert!(decision["reasons"][0]["said_at"].is_string(), "{decision}");
    let lifted = json!({"consent": {"marketing": "covered"}});
    let decision = what_if(&desk, template("15551230001"), lifted).await;
    assert_eq!(decision["decision"], "allow");
    assert!(decision["reasons"][0]["event"].is_null(), "{decision}");
    let person = desk
        .get(ADMIN, "/v1/people/15551230001?business=acme")
        .await
        .json();
    assert_eq!(person["head"]["marketing"]["standing"], "refused");
    assert_eq!(person["history"].as_array().unwrap().len(), 2);
    let recorded = desk.get(ADMIN, "/v1/decisions?business=acme").await.json();
    assert_eq!(recorded["decisions"], json!([]));
}

#[tokio::test]
async fn a_member_that_there_is_none_of_is_answered_with_those_that_there_are() {
    let desk = Desk::new();
    let cases = [
        (json!({"consents": {}}), "consents", "window_open_until"),
        (
            json!({"consent": {"news": "covered"}}),
            "assume.consent.news",
            "marketing",
        ),
        (
            json!({"consent": {"marketing": "yes"}}),
            "assume.consent.marketing",
            "covered",
        ),
        (
            json!({"consent": {"marketing": {"standing": "covered", "strength": "strong"}}}),
            "assume.consent.marketing.strength",
            "evidenced",
        ),
        (
            json!({"consent": {"marketing": {"stands": 1}}}),
            "assume.consent.marketing",
            "standing",
        ),
        (
            json!({"window_open_until": "later"}),
            "assume.window_open_until",
            "closed",
        ),
        (
            json!({"native_stop": "maybe"}),
            "assume.native_stop",
            "true",
        ),
        (json!({"template": {"state": "PAUSED"}}), "state", "status"),
        (
            json!({"template": {"status": "SLEEPING"}}),
            "status",
            "PAUSED",
        ),
        (
            json!({"number": {"status": "GREEN"}}),
            "status",
            "CONNECTED",
        ),
        (
            json!({"number": {"restrictions": ["all"]}}),
            "assume.number.restrictions",
            "calling",
        ),
        (
            json!({"yes_lasts_days": {"news": 3}}),
            "assume.yes_lasts_days.news",
            "marketing",
        ),
        (
            json!({"yes_lasts_days": {"marketing": 9999}}),
            "assume.yes_lasts_days.marketing",
            "3650",
        ),
        (
            json!({"ways_out": "shut"}),
            "ways_out",
            "only_notifications",
        ),
    ];
    for (assume, field, allowed) in cases {
        let mut body = template("15551230001");
        body["assume"] = assume.clone();
        let problem = desk
            .post(VIEWER, "/v1/decisions", body.to_string())
            .await
            .problem(422);
        let named = problem["field"].as_str().unwrap();
        assert!(named.ends_with(field), "{assume}: {problem}");
        assert!(problem.to_string().contains(allowed), "{assume}: {problem}");
    }
    // Nothing about a template where there is none.
    let mut body = text("15551230001");
    body["assume"] = json!({"template": {"status": "PAUSED"}});
    let problem = desk
        .post(VIEWER, "/v1/decisions", body.to_string())
        .await
        .problem(422);
    assert_eq!(problem["field"], "assume.template");
}
