//! Templates: pages, filters, and the life of one.

use greenline_sim::SAMPLE_ACCOUNT;
use serde_json::{Value, json};

use crate::support::{DANA, SOON, delete, get, post, quick, send, start, template, with_receiver};

fn names(page: &Value) -> Vec<String> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|template| template["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_lead_to_each_other() {
    let sim = start(quick()).await;
    let mut path = format!(
        "/v21.0/{SAMPLE_ACCOUNT}/message_templates?limit=3&fields=name&summary=total_count,message_template_count"
    );
    let mut seen = Vec::new();
    let mut previous = None;
    loop {
        let page = get(&sim, &path).await.json();
        assert_eq!(page["summary"]["total_count"], 7, "on every page");
        assert!(page["data"][0].get("status").is_none());
        seen.extend(names(&page));
        previous = page["paging"]["previous"]
            .as_str()
            .map(str::to_owned)
            .or(previous);
        let Some(next) = page["paging"]["next"].as_str() else {
            break;
        };
        assert!(next.contains("access_token="), "as the platform's do");
        let base = format!("{}/v21.0/", sim.url());
        assert!(next.starts_with(&base), "{next}");
        path = next.strip_prefix(&sim.url()).unwrap().to_owned();
    }
    assert_eq!(seen.len(), 7);
    assert_eq!(seen[0], "order_update");
    let back = previous.unwrap();
    let page = get(&sim, back.strip_prefix(&sim.url()).unwrap())
        .await
        .json();
    assert_eq!(names(&page), seen[3..6]);
}

#[tokio::test]
async fn lists_can_be_filtered() {
    let sim = start(quick()).await;
    for (query, expected) in [
        (
            "name=offer",
            vec!["spring_offer", "paused_offer", "disabled_offer"],
        ),
        (
            "status=PAUSED,DISABLED",
            vec!["paused_offer", "disabled_offer"],
        ),
        ("category=AUTHENTICATION", vec!["login_code"]),
        ("language=de", vec![]),
        ("content=keep%20getting", vec!["stay_in_touch"]),
    ] {
        let path = format!("/{SAMPLE_ACCOUNT}/message_templates?{query}");
        assert_eq!(names(&get(&sim, &path).await.json()), expected, "{query}");
    }
    let bad = format!("/{SAMPLE_ACCOUNT}/message_templates?after=nonsense");
    assert_eq!(get(&sim, &bad).await.error_code(), 100);
}

#[tokio::test]
async fn a_template_is_made_reviewed_used_edited_and_deleted() {
    let (sim, receiver) = with_receiver(quick()).await;
    let path = format!("/{SAMPLE_ACCOUNT}/message_templates");
    let body = json!({
        "name": "winter_offer", "language": "en_US", "category": "marketing",
        "components": [{"type": "BODY", "text": "Hello {{name}}, it is {{season}}"}],
        "parameter_format": "named",
    });
    let made = post(&sim, &path, &body).await.json();
    assert_eq!(made["status"], "PENDING");
    assert_eq!(made["category"], "MARKETING");
    let id = made["id"].as_str().unwrap();
    let again = post(&sim, &path, &body).await;
    assert_eq!(again.json()["error"]["error_subcode"], 2_388_024);
    let approved = receiver.wait(1).await[0].changes();
    assert_eq!(approved[0]["value"]["event"], "APPROVED");
    assert_eq!(approved[0]["value"]["message_template_id"].to_string(), id);
    send(&sim, &template(DANA, "winter_offer", &["Dana", "winter"]))
        .await
        .wamid();
    let edited = post(
        &sim,
        &format!("/{id}"),
        &json!({"components": [{"type": "BODY", "text": "Hello"}]}),
    )
    .await;
    assert_eq!(edited.json(), json!({"success": true}));
    assert!(sim.settle(SOON).await);
    send(&sim, &template(DANA, "winter_offer", &[]))
        .await
        .wamid();
    let read = get(&sim, &format!("/{id}?fields=name,status")).await.json();
    assert_eq!(
        read,
        json!({"id": id, "name": "winter_offer", "status": "APPROVED"})
    );
    let gone = delete(&sim, &format!("{path}?name=winter_offer")).await;
    assert_eq!(gone.json(), json!({"success": true}));
    let missing = send(&sim, &template(DANA, "winter_offer", &[])).await;
    assert_eq!((missing.status, missing.error_code()), (404, 132_001));
}

#[tokio::test]
async fn a_paused_template_can_be_unpaused() {
    let sim = start(quick()).await;
    let path = "/901500000000005/unpause";
    assert_eq!(post(&sim, path, &json!({})).await.json()["success"], true);
    send(&sim, &template(DANA, "paused_offer", &[]))
        .await
        .wamid();
    assert_eq!(post(&sim, path, &json!({})).await.json()["success"], false);
}
