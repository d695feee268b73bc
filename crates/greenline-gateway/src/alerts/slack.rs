//! Endpoints that take `{"text": …}`, as Slack's incoming webhooks do and many others after them.
//!
//! Their address is a secret: whoever knows it may write there. It stands in no log and no answer.

use std::time::Duration;

use bytes::Bytes;
use greenline_wire::build::ascii;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Uri, header};
use serde::Serialize;

use super::channel::Message;
use crate::events::subscriber::is_allowed;
use crate::upstream::reach::Reach;
use crate::upstream::{Bounds, Origin, Outgoing};

/// Connections kept.
const IDLE_MAX: usize = 1;
/// Bytes of an answer that are read so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// An endpoint.
#[derive(Debug)]
pub(super) struct Slack(Result<Endpoint, String>);

struct Endpoint {
    origin: Origin,
    path: PathAndQuery,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Endpoint(secret)")
    }
}

#[derive(Serialize)]
struct Body<'a> {
    text: &'a str,
}

/// What is wrong with an address; it is not repeated.
pub(super) fn wrong(url: &str, allow_hosts: &[String]) -> Option<&'static str> {
    let Ok(uri) = url.parse::<Uri>() else {
        return Some("is no address");
    };
    if uri.authority().is_none() {
        return Some("must be a whole address, such as https://hooks.slack.com/services/…");
    }
    let is_plain = uri.scheme_str() == Some("http") && is_allowed(allow_hosts, &uri);
    (uri.scheme_str() != Some("https") && !is_plain)
        .then_some("must be https, or its host listed in alerts.allow_hosts")
}

impl Slack {
    pub(super) fn new(url: &str, allow_hosts: &[String], timeout: Duration) -> Self {
        Self(endpoint(url, allow_hosts, timeout))
    }

    pub(super) async fn say(&self, message: &Message) -> Result<(), String> {
        let Endpoint { origin, path } = self.0.as_ref().map_err(Clone::clone)?;
        let text = escaped(&message.text);
        let body = ascii(&Body { text: &text });
        let mut request = Request::new(Outgoing::full(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(path.clone());
        let headers = request.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::USER_AGENT, HeaderValue::from_static("greenline"));
        let answer = origin.call(request, None).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status();
        let _ = answer.into_body().read(ANSWER_BYTES_MAX).await;
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("answered {status}"))
        }
    }
}

/// So that nothing in it is taken for a mention or a link.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn endpoint(url: &str, allow_hosts: &[String], timeout: Duration) -> Result<Endpoint, String> {
    if let Some(what) = wrong(url, allow_hosts) {
        return Err(format!("its address {what}"));
    }
    let uri: Uri = url.parse().map_err(|_| "its address is none".to_owned())?;
    let path = uri
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let bounds = Bounds {
        connect_timeout: timeout,
        timeout,
        idle: timeout,
        idle_max: IDLE_MAX,
    };
    // Without its path, which is the secret.
    let origin = Origin::new(&format!("{scheme}://{authority}"), bounds)?;
    let reach = if is_allowed(allow_hosts, &uri) {
        Reach::Anywhere
    } else {
        Reach::Public(Default::default())
    };
    Ok(Endpoint {
        origin: origin.within(reach),
        path,
    })
}
