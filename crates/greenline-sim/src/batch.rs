//! Several calls in one: `POST /` with `batch`.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::platform::Platform;
use crate::reply::{Answer, JSON, Refusal, Reply};
use crate::request::{Call, member};
use crate::server::{self, Outcome, Times};

/// Carries out each call in turn and answers them together.
pub(crate) async fn run(sim: &Arc<Platform>, call: &Call, seq: u64, times: Times) -> Answer {
    let calls = call
        .fields
        .get("batch")
        .and_then(Value::as_array)
        .ok_or_else(|| Refusal::parameter("The parameter batch is required."))?;
    if calls.len() > sim.config.limits.batch_max {
        return Err(Refusal::parameter("Too many requests in batch message."));
    }
    let with_headers = call.text("include_headers").as_deref() != Some("false");
    let mut answers = Vec::with_capacity(calls.len());
    for inner in calls {
        let Some(inner) = inner.as_object() else {
            answers.push(Value::Null);
            continue;
        };
        let method = member(inner, "method").unwrap_or_else(|| "GET".to_owned());
        let url = member(inner, "relative_url").unwrap_or_default();
        let body = member(inner, "body").unwrap_or_default();
        let inner = Call::in_batch(call, seq, &method, &url, &body);
        let outcome = boxed(sim, &inner, body.into_bytes().into(), times).await;
        // A call that came to nothing in time is `null` among the answers.
        let (Outcome::Whole(reply) | Outcome::Half(reply)) = outcome else {
            answers.push(Value::Null);
            continue;
        };
        let mut answer = json!({
            "code": reply.status,
            "body": String::from_utf8_lossy(&reply.body),
        });
        if with_headers {
            answer["headers"] = json!([{"name": "Content-Type", "value": JSON}]);
        }
        answers.push(answer);
    }
    Ok(Reply::json(&answers))
}

/// A call of the batch; boxed, because a call may be a batch again.
fn boxed<'a>(
    sim: &'a Arc<Platform>,
    call: &'a Call,
    body: Bytes,
    times: Times,
) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(server::carry_out(sim, call, body, times))
}
