//! Where an app takes its deliveries, and one attempt to hand one over.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use greenline_ledger::types::{BusinessIx, Lane, Relay};
use greenline_wire::signature;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use rustc_hash::FxHashMap;

use super::queue::End;
use crate::alerts::channel::{self, Channel};
use crate::app::App;
use crate::config::Secret;
use crate::events::Found;
use crate::events::subscriber::{Ended, Subscriber};
use crate::health::header::{self as capability, HEADER_CAPABILITIES};
use crate::later::given;
use crate::upstream::{Bounds, Origin, Outgoing};

/// Names the delivery, the same at every attempt.
const HEADER_DELIVERY: HeaderName = HeaderName::from_static("greenline-delivery");
/// Bytes of an app's answer that are read so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// One app's address.
#[derive(Debug)]
pub(super) struct Target {
    origin: Origin,
    path: PathAndQuery,
    secret: Secret,
    timeout: Duration,
}

/// The address of every app that has one.
#[derive(Debug)]
pub(super) struct Targets(FxHashMap<(BusinessIx, Arc<str>), Arc<Target>>);

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Attempt {
    /// The app took it.
    pub(super) taken: bool,
    /// What that says of the app.
    pub(super) end: End,
    /// The status it answered, 0 for none.
    pub(super) status: u16,
    /// It asks to be left alone for so long.
    pub(super) wait_ms: i64,
}

impl Attempt {
    /// Of an event.
    fn of(ended: Ended) -> Self {
        Self {
            taken: ended.taken,
            end: if ended.unreachable {
                End::Unreachable
            } else {
                End::Answered
            },
            status: ended.status,
            wait_ms: ended.wait_ms,
        }
    }

    /// As an event sees it.
    pub(super) fn ended(self) -> Ended {
        Ended {
            taken: self.taken,
            unreachable: self.end == End::Unreachable,
            status: self.status,
            wait_ms: self.wait_ms,
        }
    }
}

/// Who takes deliveries of a lane.
#[derive(Debug)]
pub(super) enum Receiver {
    /// An app, which takes webhooks.
    App(Arc<Target>),
    /// A subscriber, who takes events.
    Subscriber(Arc<Subscriber>),
    /// A channel, which takes alerts.
    Channel(Arc<Channel>),
}

impl Receiver {
    /// How many attempts may be under way.
    pub(super) fn under_way_max(&self, app: &App, lane: Lane) -> usize {
        match self {
            Self::App(_) => app.config.relay.concurrency_max,
            Self::Subscriber(subscriber) => subscriber.under_way_max(lane),
            Self::Channel(_) => channel::UNDER_WAY_MAX,
        }
    }

    /// How many may start now.
    pub(super) fn allowance(&self, app: &App, lane: Lane) -> usize {
        match self {
            Self::App(_) | Self::Channel(_) => usize::MAX,
            Self::Subscriber(subscriber) => subscriber.allowance(lane, app.clock.now_ms()),
        }
    }

    /// An attempt that starts now.
    pub(super) fn started(&self, lane: Lane) {
        if let Self::Subscriber(subscriber) = self {
            subscriber.started(lane);
        }
    }

    /// Hands one delivery over.
    pub(super) async fn attempt(&self, app: &App, relay: &Relay) -> Attempt {
        match self {
            Self::App(target) => match given::as_given(app, relay).await {
                Ok(body) => {
                    let capabilities = capability::value(app, relay.business, &body).await;
                    target.attempt(relay, body, capabilities).await
                }
                Err(error) => {
                    tracing::warn!(%error, "a delivery waits: which ids its app was given could not be read");
                    Attempt {
                        taken: false,
                        end: End::Answered,
                        status: 0,
                        wait_ms: 0,
                    }
                }
            },
            Self::Subscriber(subscriber) => Attempt::of(subscriber.attempt(app, relay).await),
            Self::Channel(channel) => Attempt::of(channel.attempt(app, relay).await),
        }
    }
}

impl Targets {
    /// From the configuration. An address that can't be used leaves its deliveries waiting.
    pub(super) fn new(app: &App) -> Self {
        let mut targets = FxHashMap::default();
        for business in app.directory.businesses() {
            for receiver in business
                .config
                .app
                .iter()
                .filter(|receiver| !receiver.relay_url.is_empty())
            {
                match Target::new(app, &receiver.relay_url, receiver.relay_secret.clone()) {
                    Ok(target) => {
                        targets.insert(
                            (business.ix, receiver.name.as_str().into()),
                            Arc::new(target),
                        );
                    }
                    Err(why) => {
                        tracing::error!(business.id = %business.config.id, app.name = %receiver.name, %why, "a relay_url cannot be used");
                    }
                }
            }
        }
        Self(targets)
    }

    pub(super) fn get(
        &self,
        app: &App,
        lane: Lane,
        business: BusinessIx,
        name: &Arc<str>,
    ) -> Option<Receiver> {
        if !lane.is_of_notices() {
            let target = self.0.get(&(business, Arc::clone(name)))?;
            return Some(Receiver::App(Arc::clone(target)));
        }
        if let Some(channel) = app.alerts.channel(name) {
            return Some(Receiver::Channel(channel));
        }
        match app.events.find(business, name) {
            Found::Ready(subscriber) => Some(Receiver::Subscriber(subscriber)),
            Found::Waits | Found::Nobody | Found::Unread | Found::Unreadable => None,
        }
    }
}

impl Target {
    fn new(app: &App, url: &str, secret: Secret) -> Result<Self, String> {
        let settings = &app.config.relay;
        let timeout = Duration::from_millis(settings.timeout_ms.max(1));
        let uri: Uri = url
            .parse()
            .map_err(|error| format!("not an address: {error}"))?;
        let path = uri
            .path_and_query()
            .cloned()
            .unwrap_or_else(|| PathAndQuery::from_static("/"));
        let bounds = Bounds {
            connect_timeout: timeout,
            timeout,
            idle: Duration::from_millis(app.config.upstream.idle_ms),
            idle_max: settings.concurrency_max.max(1),
        };
        Ok(Self {
            origin: Origin::new(url, bounds)?,
            path,
            secret,
            timeout,
        })
    }

    /// Hands one delivery over: the bytes as they came but for ids that apps were given, the platform's headers, and
    /// the app's own signature. Redirects are not followed: an address that moved is the operator's to change.
    pub(super) async fn attempt(
        &self,
        relay: &Relay,
        body: Arc<[u8]>,
        capabilities: Option<HeaderValue>,
    ) -> Attempt {
        let unreachable = Attempt {
            taken: false,
            end: End::Unreachable,
            status: 0,
            wait_ms: 0,
        };
        let handed = tokio::time::timeout(self.timeout, async {
            let answer = self
                .origin
                .call(self.request(relay, body, capabilities), None)
                .await
                .ok()?;
            let status = answer.status();
            let _ = answer.into_body().read(ANSWER_BYTES_MAX).await;
            Some(status)
        });
        let Ok(Some(status)) = handed.await else {
            return unreachable;
        };
        let overloaded = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        Attempt {
            taken: status.is_success(),
            end: if overloaded {
                End::Unreachable
            } else {
                End::Answered
            },
            status: status.as_u16(),
            wait_ms: 0,
        }
    }

    fn request(
        &self,
        relay: &Relay,
        body: Arc<[u8]>,
        capabilities: Option<HeaderValue>,
    ) -> Request<Outgoing> {
        let signature = signature::sign(self.secret.reveal().as_bytes(), &body);
        let mut request = Request::new(Outgoing::full(Bytes::from_owner(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(self.path.clone());
        let headers = request.headers_mut();
        for (name, value) in &relay.headers {
            let pair = (
                HeaderName::try_from(&**name),
                HeaderValue::try_from(&**value),
            );
            if let (Ok(name), Ok(value)) = pair {
                headers.append(name, value);
            }
        }
        if !headers.contains_key(header::CONTENT_TYPE) {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
        }
        if let Ok(value) = HeaderValue::try_from(signature) {
            headers.insert(HeaderName::from_static(signature::HEADER), value);
        }
        if let Ok(value) = HeaderValue::try_from(format!("dlv_{:016x}", relay.inbox_seq)) {
            headers.insert(HEADER_DELIVERY, value);
        }
        if let Some(value) = capabilities {
            headers.insert(HEADER_CAPABILITIES, value);
        }
        request
    }
}
