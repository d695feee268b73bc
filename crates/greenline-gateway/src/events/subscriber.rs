//! One subscriber's endpoint, and one attempt to hand an event over.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use greenline_ledger::notice::Notice;
use greenline_ledger::types::{Lane, Relay};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};

use super::payload::{self, Payload};
use super::record::{self, Attempt, Made, Wish};
use super::secret::{self, Signing};
use crate::app::App;
use crate::directory::Business;
use crate::upstream::reach::Reach;
use crate::upstream::{Bounds, Origin, Outgoing};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const RETRY_AFTER: HeaderName = header::RETRY_AFTER;
/// Bytes of an answer that are read so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Events of imported consents under way at once, per subscription.
const BULK_UNDER_WAY_MAX: usize = 4;
/// The longest that a receiver may ask to be left alone for.
const WAIT_S_MAX: i64 = 24 * 60 * 60;

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ended {
    /// The receiver took it, or it is none of theirs.
    pub(crate) taken: bool,
    /// Nobody answered, or the receiver is overloaded.
    pub(crate) unreachable: bool,
    /// What was answered, 0 for nothing.
    pub(crate) status: u16,
    /// The receiver asks to be left alone for so long.
    pub(crate) wait_ms: i64,
}

/// An endpoint.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(super) version: i64,
    pub(super) wish: Wish,
    origin: Result<(Origin, PathAndQuery), String>,
    timeout: Duration,
    concurrency_max: usize,
    bulk_per_second: u32,
    bulk: Mutex<(i64, u32)>,
    /// It said that it is gone, which may not be written down yet.
    gone: AtomicBool,
}

impl Subscriber {
    /// One as it was written the last time.
    pub(super) fn new(app: &App, (version, wish): (i64, Wish)) -> Self {
        let settings = &app.config.events;
        let timeout = Duration::from_millis(settings.timeout_ms.max(1));
        Self {
            origin: origin(app, &wish, timeout),
            timeout,
            concurrency_max: settings.concurrency_max.max(1),
            bulk_per_second: settings.imports_per_second_max.max(1),
            bulk: Mutex::new((i64::MIN, 0)),
            gone: AtomicBool::new(false),
            version,
            wish,
        }
    }

    /// Whether it said that it is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// How many attempts may be under way.
    pub(crate) fn under_way_max(&self, lane: Lane) -> usize {
        match lane {
            Lane::Bulk => self.concurrency_max.min(BULK_UNDER_WAY_MAX),
            _ => self.concurrency_max,
        }
    }

    /// How many may start now.
    pub(crate) fn allowance(&self, lane: Lane, now_ms: i64) -> usize {
        if lane != Lane::Bulk {
            return usize::MAX;
        }
        let mut bulk = self.bulk.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now_ms.div_euclid(1_000);
        if bulk.0 != second {
            *bulk = (second, 0);
        }
        self.bulk_per_second.saturating_sub(bulk.1) as usize
    }

    /// One started.
    pub(crate) fn started(&self, lane: Lane) {
        if lane == Lane::Bulk {
            let mut bulk = self.bulk.lock().unwrap_or_else(PoisonError::into_inner);
            bulk.1 = bulk.1.saturating_add(1);
        }
    }

    /// Hands one event over. Redirects are not followed.
    pub(crate) async fn attempt(&self, app: &App, relay: &Relay) -> Ended {
        let nothing = Ended {
            taken: true,
            unreachable: false,
            status: 0,
            wait_ms: 0,
        };
        let business = app.directory.business(relay.business);
        let notice = match Notice::decode(&relay.body) {
            Ok(notice) => notice,
            Err(error) => {
                tracing::error!(%error, delivery.id = relay.inbox_seq, "a notice cannot be read and is left out");
                return nothing;
            }
        };
        if !self.wish.takes(payload::kind(&notice)) || is_of_another(&notice, &relay.app) {
            return nothing;
        }
        let Payload { id, kind, body } = payload::payload(business, relay, &notice);
        let (at_ms, began) = (app.clock.now_ms(), app.clock.instant());
        // Made anew each time: keys come back, and are retired.
        let secrets = secrets(app, business, &relay.app, &self.wish);
        let sent = tokio::time::timeout(self.timeout, self.send(&id, at_ms, body, secrets));
        let sent = sent
            .await
            .unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let took = app.clock.instant().saturating_duration_since(began);
        let (status, wait_ms, error) = match sent {
            Err(error) => (0, 0, Some(error)),
            Ok((status, _)) if status.is_success() => (status.as_u16(), 0, None),
            Ok((status, wait_ms)) => (status.as_u16(), wait_ms, Some(wrong(status))),
        };
        let gone = status == StatusCode::GONE.as_u16();
        if gone {
            self.gone.store(true, Ordering::Relaxed);
        }
        let ended = Ended {
            taken: error.is_none(),
            unreachable: status == 0 || status == 429 || status >= 500,
            status,
            wait_ms,
        };
        let attempt = Attempt {
            at_ms,
            id,
            kind: kind.as_str().to_owned(),
            attempt: relay.attempts.saturating_add(1),
            status,
            error: error.as_deref().map(record::short),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        app.events.note(relay, |tally| {
            tally.add(attempt);
            tally.gone |= gone;
        });
        if ended.taken && matches!(notice, Notice::Alert { .. }) {
            crate::alerts::was_told(app, relay).await;
        }
        ended
    }

    async fn send(
        &self,
        id: &str,
        at_ms: i64,
        body: Vec<u8>,
        secrets: Result<Vec<Signing>, String>,
    ) -> Result<(StatusCode, i64), String> {
        let (origin, path) = self.origin.as_ref().map_err(Clone::clone)?;
        let at_s = at_ms.div_euclid(1_000);
        let signature = secret::sign(&secrets?, id, at_s, &body);
        let mut request = Request::new(Outgoing::full(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(path.clone());
        let headers = request.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::USER_AGENT, HeaderValue::from_static("greenline"));
        for (name, value) in [
            (ID, id),
            (TIMESTAMP, at_s.to_string().as_str()),
            (SIGNATURE, &signature),
        ] {
            let value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
            headers.insert(name, value);
        }
        let answer = origin.call(request, None).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status();
        let wait_s = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse::<i64>().ok());
        let _ = answer.into_body().read(ANSWER_BYTES_MAX).await;
        let wait_s = wait_s.unwrap_or(0).clamp(0, WAIT_S_MAX);
        Ok((status, wait_s * 1_000))
    }
}

/// A test of another subscription, which a replay finds too. One from before tests named theirs is anybody's.
fn is_of_another(notice: &Notice, id: &str) -> bool {
    matches!(notice, Notice::Ping { subscription, .. } if !subscription.is_empty() && **subscription != *id)
}

fn wrong(status: StatusCode) -> String {
    if status.is_redirection() {
        return format!("answered {status}; redirects are not followed");
    }
    format!("answered {status}")
}

/// Whether the operator allows a host that is neither https nor public.
pub(crate) fn is_allowed(allow_hosts: &[String], uri: &Uri) -> bool {
    let Some(authority) = uri.authority() else {
        return false;
    };
    let with_port = authority
        .port()
        .map(|port| format!("{}:{port}", authority.host()));
    allow_hosts.iter().any(|allowed| {
        allowed.eq_ignore_ascii_case(authority.host())
            || with_port
                .as_ref()
                .is_some_and(|with_port| allowed.eq_ignore_ascii_case(with_port))
    })
}

fn origin(app: &App, wish: &Wish, timeout: Duration) -> Result<(Origin, PathAndQuery), String> {
    let uri: Uri = wish
        .url
        .parse()
        .map_err(|error| format!("not an address: {error}"))?;
    let path = uri
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    let settings = &app.config.events;
    let bounds = Bounds {
        connect_timeout: timeout,
        timeout,
        idle: Duration::from_millis(app.config.upstream.idle_ms),
        idle_max: settings.concurrency_max.max(1),
    };
    let origin = Origin::new(&wish.url, bounds)?;
    let is_free = wish.made == Made::Config || is_allowed(&settings.allow_hosts, &uri);
    if !is_free && uri.scheme_str() != Some("https") {
        return Err("not https, and not in events.allow_hosts".to_owned());
    }
    let reach = if is_free {
        Reach::Anywhere
    } else {
        Reach::Public(Default::default())
    };
    Ok((origin.within(reach), path))
}

fn secrets(app: &App, business: &Business, id: &str, wish: &Wish) -> Result<Vec<Signing>, String> {
    if wish.made == Made::Config {
        let mut all = business.config.subscription.iter();
        let Some(own) = all.find(|own| own.name == wish.name) else {
            return Err("it is no longer in the configuration".to_owned());
        };
        let given = [&own.secret, &own.secret_previous];
        let given = given.into_iter().filter(|secret| !secret.is_empty());
        return given
            .map(|secret| Signing::of(secret).map_err(str::to_owned))
            .collect();
    }
    let ring = app
        .keys
        .open(app.clock.now_ms())
        .map_err(|error| error.to_string())?;
    let made = wish
        .secrets
        .iter()
        .filter_map(|secret| Signing::made(&ring, (&business.config.id, id), secret));
    let made: Vec<Signing> = made.collect();
    if made.is_empty() {
        return Err("the key of its secret was retired; rotate the secret".to_owned());
    }
    Ok(made)
}
