//! Many questions at once.

use serde_json::{Value, json};

use super::super::{ADMIN, Desk, NUMBER, VIEWER, granted};
use super::{rules, template};

fn text(to: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "Hello"}})
}

async fn answered(desk: &Desk, body: &Value) -> Value {
    let answer = desk.post(VIEWER, "/v1/decisions", body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()
}

#[tokio::test]
async fn each_question_has_its_own_decision_or_its_own_problem_in_order() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    let offer = |to: &str| template(to)["message"].clone();
    let body = json!({"business": "acme", "number": NUMBER, "questions": [
        {"message": offer("15551230001")},
        {"message": offer("anna")},
        {"message": text("15551230001"), "assume": {"window_open_until": "2026-12-01T00:00:00Z"}},
        {"number": "206540352242922", "message": text("15551230001")},
        {"message": offer("15551230002"), "at": "soon"},
        {"massage": 1},
        7,
        {"message": offer("15551230002"), "at": "2026-12-24T00:00:00Z"},
    ]});
    let answers = answered(&desk, &body).await;
    let list = answers["answers"].as_array().unwrap();
    let told: Vec<_> = list
        .iter()
        .map(|one| match &one["problem"] {
            Value::Null => format!("{} {}", one["decision"], rules(one)[0]),
            problem => format!("{} {}", problem["status"], problem["field"]),
        })
        .collect();
    assert_eq!(
        told,
        [
            "\"allow\" consent.covered",
            "422 \"message\"",
            "\"allow\" window.open",
            "404 \"number\"",
            "422 \"at\"",
            "422 \"massage\"",
            "422 \".\"",
            "\"refuse\" consent.missing",
        ],
        "{answers}"
    );
    assert_eq!(list[7]["at"], "2026-12-24T00:00:00.000Z");
    assert_eq!(list[7]["next_step"]["rule"], "consent.missing");
    assert_eq!(
        list[2]["assumed"]["window_open_until"],
        "2026-12-01T00:00:00Z"
    );
    assert_eq!(answers["at"], "2026-11-25T14:03:07.500Z");
    let counts = ["allowed", "refused", "problems", "views"].map(|count| &answers[count]);
    assert_eq!(counts, [2, 1, 5, 1], "{answers}");
    // Nothing of it is on record.
    let recorded = desk.get(ADMIN, "/v1/decisions?business=acme").await.json();
    assert_eq!(recorded["decisions"], json!([]));
}

#[tokio::test]
async fn what_holds_for_all_is_said_once() {
    let desk = Desk::new();
    let body = json!({
        "number": NUMBER, "at": "2026-12-01T00:00:00Z", "known": "then",
        "assume": {"consent": {"marketing": "covered"}},
        "questions": [
            {"message": template("15551230001")["message"]},
            {"message": template("15551230001")["message"], "assume": {"consent": {"marketing": "refused"}}},
        ],
    });
    let answers = answered(&desk, &body).await;
    let [first, second] = [0, 1].map(|at| &answers["answers"][at]);
    assert_eq!(
        (&first["decision"], &first["known"]),
        (&"allow".into(), &"then".into()),
        "{answers}"
    );
    assert_eq!(rules(second)[0], "consent.opted_out");
    assert_eq!(second["assumed"], json!({"consent.marketing": "refused"}));
}

#[tokio::test]
async fn many_questions_are_answered_piece_by_piece_each_as_alone() {
    let desk = Desk::with(&|config| config.limits.admin_body_bytes_max = 1 << 20);
    for person in (0..300).step_by(3) {
        desk.record(granted(&format!("1555123{person:04}"))).await;
    }
    let questions: Vec<Value> = (0..300)
        .map(|person| json!({"message": template(&format!("1555123{person:04}"))["message"]}))
        .collect();
    let body = json!({"business": "acme", "number": NUMBER, "questions": questions});
    let answers = answered(&desk, &body).await;
    let list = answers["answers"].as_array().unwrap();
    assert_eq!(list.len(), 300);
    for (person, one) in list.iter().enumerate() {
        let expected = if person % 3 == 0 { "allow" } else { "refuse" };
        assert_eq!(one["decision"], expected, "{person}: {one}");
        let to = one["to"][0].as_str().unwrap();
        assert!(to.ends_with(&format!("{:02}", person % 100)), "{to}");
    }
    assert_eq!([&answers["allowed"], &answers["refused"]], [100, 200]);
    assert!(answers["views"].as_u64().unwrap() > 1);
    let alone = desk
        .post(VIEWER, "/v1/decisions", template("15551230001").to_string())
        .await
        .json();
    assert_eq!(list[1]["reasons"], alone["reasons"]);
}

#[tokio::test]
async fn a_batch_has_limits_with_names() {
    let desk = Desk::with(&|config| config.limits.decision_questions_max = 2);
    let batch = |count| {
        let question = json!({"message": text("15551230001")});
        json!({"business": "acme", "number": NUMBER, "questions": vec![question; count]})
    };
    answered(&desk, &batch(2)).await;
    assert_eq!(answered(&desk, &batch(0)).await["answers"], json!([]));
    let problem = desk
        .post(VIEWER, "/v1/decisions", batch(3).to_string())
        .await
        .problem(413);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("limits.decision_questions_max"), "{detail}");
    let mut both = batch(1);
    both["message"] = text("15551230001");
    assert_eq!(
        desk.post(VIEWER, "/v1/decisions", both.to_string())
            .await
            .problem(422)["field"],
        "questions"
    );
    let long = json!({"number": NUMBER, "questions": [{"message": text(&"1".repeat(70_000))}]});
    let problem = desk
        .post(VIEWER, "/v1/decisions", long.to_string())
        .await
        .problem(413);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("limits.admin_body_bytes_max"), "{detail}");
}

/// What is left when the time is up is said to be undecided, and the answer is whole.
#[tokio::test]
async fn a_batch_that_takes_too_long_says_which_were_not_decided() {
    let desk = Desk::with(&|config| config.limits.decision_batch_timeout_ms = 0);
    let question = json!({"message": text("15551230001")});
    let body = json!({"business": "acme", "number": NUMBER, "questions": vec![question; 3]});
    let answer = desk.post(VIEWER, "/v1/decisions", body.to_string()).await;
    if answer.status == 503 {
        // It did not even get its turn.
        assert_eq!(answer.header("retry-after"), "2");
        return;
    }
    let answers = answer.json();
    let list = answers["answers"].as_array().unwrap();
    assert_eq!(list.len(), 3, "{answers}");
    for one in list.iter().filter(|one| one["decision"].is_null()) {
        assert_eq!(one["problem"]["status"], 503, "{one}");
    }
}

#[tokio::test]
async fn a_store_that_is_closed_is_a_problem_of_each_question() {
    let desk = Desk::new();
    desk.app.ledger.close().await;
    let question = json!({"message": text("15551230001")});
    let body = json!({"business": "acme", "number": NUMBER, "questions": vec![question; 2]});
    let answers = answered(&desk, &body).await;
    assert_eq!(answers["problems"], 2, "{answers}");
    assert_eq!(answers["answers"][1]["problem"]["status"], 503, "{answers}");
}
