//! Tokens that an app sends: none of them goes on to the platform in place of the business's own.

use tempfile::TempDir;

use crate::spill::Gateway;
use crate::webhooks::text;

#[tokio::test]
async fn a_token_in_the_body_does_not_reach_the_platform() {
    let folder = TempDir::new().unwrap();
    let mut gateway = Gateway::start(folder.path(), "").await;
    let heard = gateway.hears(text("wamid.1", 1_788_264_000, "hello")).await;
    assert_eq!(heard, 200);
    let bodies = [
        (
            "application/json",
            r#"{"messaging_product":"whatsapp","to":"15550100123","text":{"body":"one"},"access_token":"stolen"}"#,
        ),
        (
            "application/x-www-form-urlencoded",
            "messaging_product=whatsapp&access_token=stolen&to=15550100123&text=%7B%22body%22%3A%22two%22%7D",
        ),
    ];
    for (kind, body) in bodies {
        let (status, ..) = gateway.sends_as(kind, body.to_owned()).await;
        assert_eq!(status, 200, "{kind}");
    }
    let mut seen = 0;
    while let Ok(arrival) = gateway.sent.try_recv() {
        let body = String::from_utf8_lossy(&arrival.body);
        assert!(!body.contains("stolen"), "{body}");
        seen += usize::from(body.contains("one") || body.contains("two"));
    }
    assert_eq!(seen, 2);
    gateway.running.stop().await;
}
