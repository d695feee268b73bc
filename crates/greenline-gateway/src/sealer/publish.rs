//! Heads handed to the outside: appended to a file, one JSON line each, or posted to an address.
//!
//! What was published cannot be taken back, which is its worth. A head that cannot be handed out is tried
//! again with the next; a newer head stands for all before it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use greenline_ledger::types::BusinessIx;
use greenline_proof::PublishedHead;
use http::{HeaderValue, Method, Request, header};
use tokio::time::Instant;

use crate::app::App;
use crate::config::Proof;
use crate::events::subscriber::is_allowed;
use crate::upstream::{Bounds, Origin, Outgoing};

/// Longest time for one post.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where heads go.
#[derive(Debug)]
enum Target {
    Nowhere,
    File(PathBuf),
    Address(Box<Origin>, String),
}

/// Publishes each business's newest head, now and then.
#[derive(Debug)]
pub struct Publisher {
    target: Target,
    every: Duration,
    /// Size and moment of the last that went out.
    last: HashMap<BusinessIx, (u64, Instant)>,
}

/// Reads `proof.publish`.
pub(crate) fn target(config: &Proof) -> Result<(), String> {
    parse(config).map(|_| ())
}

fn parse(config: &Proof) -> Result<Target, String> {
    let publish = config.publish.as_str();
    if publish.is_empty() {
        return Ok(Target::Nowhere);
    }
    if let Some(path) = publish
        .strip_prefix("file:")
        .filter(|path| !path.is_empty())
    {
        return Ok(Target::File(PathBuf::from(path)));
    }
    let wanted = "must be `file:PATH` or an https address";
    let uri: http::Uri = publish.parse().map_err(|_| wanted.to_owned())?;
    let (Some("https" | "http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wanted.to_owned());
    };
    // A head that somebody on the way can change is worth nothing.
    if uri.scheme_str() == Some("http") && !is_allowed(&config.allow_hosts, &uri) {
        return Err("must be https, or its host listed in proof.allow_hosts".to_owned());
    }
    let base = format!("{}://{authority}", uri.scheme_str().unwrap_or("https"));
    let bounds = Bounds {
        connect_timeout: TIMEOUT,
        timeout: TIMEOUT,
        idle: TIMEOUT,
        idle_max: 1,
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok(Target::Address(
        Box::new(Origin::new(&base, bounds)?),
        path.to_owned(),
    ))
}

impl Publisher {
    /// As the configuration says; what it gets wrong was found when it was checked.
    #[must_use]
    pub fn new(config: &Proof) -> Self {
        Self {
            target: parse(config).unwrap_or(Target::Nowhere),
            every: Duration::from_secs(config.publish_every_s),
            last: HashMap::new(),
        }
    }

    /// Publishes the newest head, if it is new and the last one is old enough or this `is_last`.
    pub async fn publish(&mut self, app: &App, business: BusinessIx, is_last: bool) {
        let last = self.last.get(&business).copied();
        let is_early = !is_last && last.is_some_and(|(_, at)| at.elapsed() < self.every);
        if is_early || matches!(self.target, Target::Nowhere) {
            return;
        }
        let head = match app.ledger.log_head(business, None).await {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the head to publish could not be read");
                return;
            }
        };
        let size = head.signed.head.size;
        if last.is_some_and(|(last, _)| last == size) {
            return;
        }
        let published = PublishedHead::new(&head.signed, &head.key);
        match self.hand_out(&published).await {
            Ok(()) => {
                self.last.insert(business, (size, Instant::now()));
            }
            Err(why) => {
                let id = &app.directory.business(business).config.id;
                tracing::warn!(why, business.id = id, "a head could not be published");
            }
        }
    }

    async fn hand_out(&self, head: &PublishedHead) -> Result<(), String> {
        let json = serde_json::to_string(head).map_err(|error| error.to_string())?;
        match &self.target {
            Target::Nowhere => Ok(()),
            Target::File(path) => {
                let path = path.clone();
                let written = tokio::task::spawn_blocking(move || append(&path, &json)).await;
                written
                    .map_err(|error| error.to_string())?
                    .map_err(|error| error.to_string())
            }
            Target::Address(origin, path) => post(origin, path, json).await,
        }
    }
}

fn append(path: &Path, json: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    file.write_all(format!("{json}\n").as_bytes())?;
    file.sync_data()
}

async fn post(origin: &Origin, path: &str, json: String) -> Result<(), String> {
    let mut request = Request::new(Outgoing::full(Bytes::from(json)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().map_err(|_| "no path".to_owned())?;
    request.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let answer = origin.call(request, None).await;
    let status = answer.map_err(|error| error.to_string())?.status();
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("it was answered {status}"))
    }
}
