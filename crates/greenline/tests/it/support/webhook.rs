//! Webhooks as the platform posts them, built by hand after its documented payloads and signed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use greenline_wire::signature;
use hyper::Method;
use serde_json::{Value, json};

use super::http::{Answer, Connection, NoAnswer};
use super::settings::{ACCOUNT, NUMBER};

/// Posts a signed body; there must be an answer.
pub(crate) async fn post(public: SocketAddr, business: &str, secret: &str, body: &Value) -> Answer {
    try_post(public, business, secret, &body.to_string())
        .await
        .unwrap_or_else(|why| panic!("the webhook got no answer: {why:?}"))
}

/// Posts a signed body; the gateway may be gone.
pub(crate) async fn try_post(
    public: SocketAddr,
    business: &str,
    secret: &str,
    body: &str,
) -> Result<Answer, NoAnswer> {
    let mut connection = Connection::open(public).await?;
    post_over(&mut connection, business, secret, body).await
}

/// Posts a signed body over a connection that is kept; the gateway may be gone.
pub(crate) async fn post_over(
    connection: &mut Connection,
    business: &str,
    secret: &str,
    body: &str,
) -> Result<Answer, NoAnswer> {
    post_with(connection, business, secret, &[], body).await
}

/// Posts a signed body over a connection that is kept, with further headers.
pub(crate) async fn post_with(
    connection: &mut Connection,
    business: &str,
    secret: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer, NoAnswer> {
    let signature = signature::sign(secret.as_bytes(), body.as_bytes());
    let mut all = vec![
        ("content-type", "application/json"),
        (signature::HEADER, signature.as_str()),
    ];
    all.extend_from_slice(headers);
    let target = format!("/webhooks/meta/{business}");
    connection
        .call(Method::POST, &target, &all, body.to_owned())
        .await
}

/// A person writes a text, now.
pub(crate) fn text(from: &str, text: &str) -> Value {
    text_at(from, text, now_s())
}

/// A person writes a text at a time in Unix seconds.
pub(crate) fn text_at(from: &str, text: &str, at_s: u64) -> Value {
    message(
        from,
        at_s,
        &json!({ "type": "text", "text": { "body": text } }),
    )
}

/// A person writes something; `content` holds the message's type and what belongs to it.
pub(crate) fn message(from: &str, at_s: u64, content: &Value) -> Value {
    let mut message = json!({ "from": from, "id": fresh_id(), "timestamp": at_s.to_string() });
    for (name, value) in content.as_object().expect("an object") {
        message[name] = value.clone();
    }
    envelope(
        "messages",
        json!({ "contacts": contacts(from), "messages": [message] }),
    )
}

/// The person turns marketing off (`stop`) or on (`resume`) in WhatsApp itself.
pub(crate) fn native(from: &str, value: &str) -> Value {
    let preference = json!({
        "wa_id": from, "detail": "User requested to stop marketing messages", "category": "marketing_messages",
        "value": value, "timestamp": now_s(),
    });
    envelope(
        "user_preferences",
        json!({ "contacts": contacts(from), "user_preferences": [preference] }),
    )
}

/// The status of a message.
pub(crate) fn status(to: &str, message_id: &str, status: &str) -> Value {
    let status = json!({ "id": message_id, "status": status, "timestamp": now_s().to_string(), "recipient_id": to });
    envelope("messages", json!({ "statuses": [status] }))
}

/// A message failed because the person had stopped marketing: the platform's own word on a stop.
pub(crate) fn failed_by_stop(to: &str, message_id: &str) -> Value {
    let status = json!({
        "id": message_id, "status": "failed", "timestamp": now_s().to_string(), "recipient_id": to,
        "errors": [{ "code": 131_050, "title": "User has stopped marketing messages" }],
    });
    envelope("messages", json!({ "statuses": [status] }))
}

/// Puts a value into the envelope of its field.
pub(crate) fn envelope(field: &str, mut value: Value) -> Value {
    value["messaging_product"] = json!("whatsapp");
    value["metadata"] = json!({ "display_phone_number": "15550100001", "phone_number_id": NUMBER });
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": ACCOUNT, "changes": [{ "field": field, "value": value }] }],
    })
}

fn contacts(from: &str) -> Value {
    json!([{ "profile": { "name": "Dana Example" }, "wa_id": from }])
}

/// A message id that was not there before.
pub(crate) fn fresh_id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!(
        "wamid.TEST{}N{}",
        std::process::id(),
        LAST.fetch_add(1, Ordering::Relaxed)
    )
}

/// Unix seconds.
pub(crate) fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
