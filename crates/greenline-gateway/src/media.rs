//! Media that an app reads: the platform names an address elsewhere, which takes the platform's token.
//!
//! An app that holds only Greenline's key could not use that address, so it is replaced by one that leads
//! back here, signed so that nothing but what the platform named can be fetched through it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use greenline_wire::signature;
use http::{HeaderMap, Request, Response};

use crate::app::Shared;
use crate::directory::{App, Business};
use crate::pass;
use crate::refusal::Refusal;
use crate::upstream::{Bounds, Origin, Outgoing};

/// Paths below this are media addresses of ours.
pub(crate) const PREFIX: &str = "/greenline-media/";
/// Hosts that media were read from and whose connections are kept, at most.
const HOSTS_MAX: usize = 32;

/// Clients by the server that media lie on.
#[derive(Debug, Default)]
pub struct MediaHosts(Mutex<HashMap<String, Arc<Origin>>>);

impl MediaHosts {
    fn at(&self, base: &str, bounds: Bounds) -> Result<Arc<Origin>, String> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = hosts.get(base) {
            return Ok(Arc::clone(origin));
        }
        if hosts.len() >= HOSTS_MAX {
            hosts.clear();
        }
        let origin = Arc::new(Origin::new(base, bounds)?);
        hosts.insert(base.to_owned(), Arc::clone(&origin));
        Ok(origin)
    }
}

fn key(business: &Business) -> Vec<u8> {
    format!("greenline media {}", business.config.access_token.reveal()).into_bytes()
}

/// Replaces `url` in the answer to a media look-up. `None` where there is none, or nothing to replace.
pub(crate) fn lead_back(business: &Business, body: &[u8], gateway: &str) -> Option<Bytes> {
    let mut answer: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(body).ok()?;
    if !answer.contains_key("mime_type") {
        return None;
    }
    let url = answer.get("url")?.as_str()?.to_owned();
    let signed = signature::sign(&key(business), url.as_bytes());
    let mac = signed.strip_prefix("sha256=").unwrap_or(&signed);
    let token = format!("{}.{mac}", BASE64_URL_SAFE_NO_PAD.encode(&url));
    answer.insert("url".to_owned(), format!("{gateway}{PREFIX}{token}").into());
    serde_json::to_vec(&answer).ok().map(Bytes::from)
}

/// The address behind a token that this business's key signed.
fn address(business: &Business, token: &str) -> Option<String> {
    let (url, mac) = token.split_once('.')?;
    let url = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(url).ok()?).ok()?;
    signature::verify(&key(business), &format!("sha256={mac}"), url.as_bytes()).then_some(url)
}

/// Reads media for an app.
pub(crate) async fn fetch(
    app: &Shared,
    client: &App,
    token: &str,
    sent: &HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let business = app.directory.business(client.business);
    let url = address(business, token)
        .ok_or_else(|| Refusal::unreadable("this media address was not made here"))?;
    let (base, target) =
        split(&url).ok_or_else(|| Refusal::unreadable("this media address cannot be read"))?;
    let upstream = &app.config.upstream;
    let bounds = Bounds {
        connect_timeout: Duration::from_millis(upstream.connect_timeout_ms),
        timeout: Duration::from_millis(upstream.timeout_ms),
        idle: Duration::from_millis(upstream.idle_ms),
        idle_max: upstream.idle_connections_max,
    };
    let unreachable = |why: String| {
        tracing::warn!(%why, "media could not be read");
        Refusal::unavailable("the media cannot be reached", None)
    };
    let origin = app.media.at(base, bounds).map_err(unreachable)?;
    let mut request = Request::new(Outgoing::empty());
    *request.uri_mut() = target
        .parse()
        .map_err(|error| unreachable(format!("{error}")))?;
    *request.headers_mut() = pass::headers(app, client, sent);
    let response = origin
        .call(request, None)
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    let (mut parts, body) = response.into_parts();
    pass::drop_connection_headers(&mut parts.headers);
    Ok(Response::from_parts(parts, Body::new(body)))
}

/// Server and path of an address.
fn split(url: &str) -> Option<(&str, &str)> {
    let host_at = url.find("://")? + 3;
    let path_at = host_at + url.get(host_at..)?.find('/')?;
    Some((url.get(..path_at)?, url.get(path_at..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::directory::Directory;

    fn directory() -> Directory {
        let text = "[[business]]\nid = \"a\"\nname = \"A\"\naccess_token = \"one\"\n[[business]]\nid = \"b\"\nname = \"B\"\naccess_token = \"two\"\n";
        let config =
            config::parse(text, "test", std::path::Path::new("."), std::iter::empty()).unwrap();
        Directory::new(&config)
    }

    #[test]
    fn an_address_leads_back_and_only_its_own_business_can_use_it() {
        let directory = directory();
        let (ours, theirs) = (
            directory.business_by_id("a").unwrap(),
            directory.business_by_id("b").unwrap(),
        );
        let body = br#"{"messaging_product":"whatsapp","url":"https:\/\/media.example\/v?mid=7&x=1","mime_type":"image/png","id":"9"}"#;
        let rewritten = lead_back(ours, body, "http://gateway").unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&rewritten).unwrap();
        let token = answer["url"]
            .as_str()
            .unwrap()
            .strip_prefix("http://gateway/greenline-media/")
            .unwrap();
        assert_eq!(
            address(ours, token).as_deref(),
            Some("https://media.example/v?mid=7&x=1")
        );
        assert_eq!(address(theirs, token), None);
        assert_eq!(address(ours, &token.replace('.', ".0")), None);
        assert_eq!(
            split("https://media.example/v?mid=7"),
            Some(("https://media.example", "/v?mid=7"))
        );
    }

    #[test]
    fn other_answers_stay_as_they_are() {
        let directory = directory();
        let ours = directory.business_by_id("a").unwrap();
        assert_eq!(
            lead_back(
                ours,
                br#"{"id":"1","url":"https://site.example"}"#,
                "http://gateway"
            ),
            None
        );
        assert_eq!(lead_back(ours, b"not json", "http://gateway"), None);
    }
}
