//! `greenline doctor`: what would keep `serve` from working here, looked at without changing anything.

mod database;

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use greenline_gateway::clock::Clock;
use greenline_gateway::config::{self, Config};
use greenline_gateway::keyring::Keys;
use greenline_gateway::serve;
use greenline_gateway::upstream::Outgoing;
use greenline_ledger::Ledger;
use greenline_ledger::seal::LEAVES_MAX;
use greenline_ledger::types::BusinessIx;
use greenline_policy::pack::Pack;
use http::{Request, header};
use jiff::Timestamp;
use serde_json::json;

use crate::access::{is_healthy, origin, warnings};
use crate::failure::{Exit, Failure};
use crate::lock::{self, Taken};
use crate::output::{self, Json, table};
use crate::serve::reachable;
use crate::settings::Settings;

/// Longest time to wait for the platform.
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(10);
/// A clock further off than this gives wrong windows and wrong times on consents.
const SKEW_MAX_MS: i64 = 30_000;
/// 2026-01-01: a machine whose clock stands before it has none.
const EARLIEST_MS: i64 = 1_767_225_600_000;

/// Looks for what would keep `serve` from working.
#[derive(Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Fine,
    Look,
    Wrong,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Look => "look at",
            Self::Wrong => "wrong",
        }
    }
}

#[derive(Debug)]
struct Finding {
    what: &'static str,
    state: State,
    text: String,
}

impl Finding {
    fn new(what: &'static str, state: State, text: impl Into<String>) -> Self {
        Self {
            what,
            state,
            text: text.into(),
        }
    }
}

impl Doctor {
    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let config = settings.load()?;
        let mut findings = configuration(&config);
        findings.push(rules());
        if config.store.url.is_postgres() {
            database_and_listeners(&config, &mut findings).await;
        } else {
            store_and_listeners(&config, &mut findings).await;
        }
        findings.push(keys(&config));
        platform_and_clock(&config, &mut findings).await;
        let well = findings.iter().all(|finding| finding.state != State::Wrong);
        if self.json.json {
            let rows: Vec<_> = findings
                .iter()
                .map(|finding| json!({ "what": finding.what, "state": finding.state.as_str(), "text": finding.text }))
                .collect();
            output::print_json(&json!({ "well": well, "findings": rows }))?;
        } else {
            let rows: Vec<Vec<String>> = findings
                .into_iter()
                .map(|finding| {
                    vec![
                        finding.state.as_str().to_owned(),
                        finding.what.to_owned(),
                        finding.text,
                    ]
                })
                .collect();
            output::print(&table(&rows))?;
        }
        Ok(if well { Exit::Yes } else { Exit::No })
    }
}

fn configuration(config: &Config) -> Vec<Finding> {
    let mut findings: Vec<Finding> = config::check(config)
        .into_iter()
        .map(|finding| {
            Finding::new(
                "configuration",
                if finding.fatal {
                    State::Wrong
                } else {
                    State::Look
                },
                finding.text,
            )
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::new(
            "configuration",
            State::Fine,
            "nothing wrong with it",
        ));
    }
    findings
}

/// How fresh what is known of the rules is.
fn rules() -> Finding {
    let now_ms = Clock::system().now_ms();
    let pack = Pack::at(now_ms);
    match pack.warning(now_ms) {
        Some(warning) => Finding::new("rules", State::Look, warning),
        None => Finding::new(
            "rules",
            State::Fine,
            format!(
                "rule pack {}; its sources were last checked on {}",
                pack.version, pack.checked
            ),
        ),
    }
}

/// Many may use a database at once, so a server of this configuration is looked for where it listens.
async fn database_and_listeners(config: &Config, findings: &mut Vec<Finding>) {
    database::look(config, findings).await;
    let address = format!("http://{}", reachable(config.listen.private));
    let answers = match origin(&address, UPSTREAM_TIMEOUT) {
        Ok(origin) => is_healthy(&origin).await,
        Err(_) => false,
    };
    if answers {
        findings.push(server(&address).await);
        warned(&address, findings).await;
    } else {
        listeners(config, findings);
    }
}

/// What the server that runs warns of.
async fn warned(address: &str, findings: &mut Vec<Finding>) {
    if let Ok(origin) = origin(address, UPSTREAM_TIMEOUT) {
        let warnings = warnings(&origin).await.into_iter();
        findings.extend(warnings.map(|text| Finding::new("log", State::Look, text)));
    }
}

fn listeners(config: &Config, findings: &mut Vec<Finding>) {
    for (what, address) in [
        ("public listener", config.listen.public),
        ("private listener", config.listen.private),
    ] {
        findings.push(listener(what, address));
    }
}

/// A server that runs on the store answers for both; else the store must open and the addresses be free.
async fn store_and_listeners(config: &Config, findings: &mut Vec<Finding>) {
    match lock::try_take(config, "doctor") {
        Err(failure) => findings.push(Finding::new("store", State::Wrong, failure.text())),
        Ok(Taken::Ours(lock)) => {
            findings.push(store(config));
            unread(config, findings).await;
            drop(lock);
        }
        Ok(Taken::Held(holder)) => {
            let Some(holder) = holder else {
                findings.push(Finding::new(
                    "store",
                    State::Look,
                    "held by another process",
                ));
                return;
            };
            findings.push(Finding::new(
                "store",
                State::Fine,
                format!("held by {holder}"),
            ));
            if let Some(address) = &holder.private {
                findings.push(server(address).await);
                warned(address, findings).await;
                return;
            }
        }
    }
    listeners(config, findings);
}

async fn server(address: &str) -> Finding {
    let answers = match origin(address, UPSTREAM_TIMEOUT) {
        Ok(origin) => is_healthy(&origin).await,
        Err(_) => false,
    };
    match answers {
        true => Finding::new("server", State::Fine, format!("answers at {address}")),
        false => Finding::new(
            "server",
            State::Wrong,
            format!("does not answer at {address}; stop it and start it again"),
        ),
    }
}

fn store(config: &Config) -> Finding {
    let Some(path) = config.store.url.sqlite_path() else {
        return Finding::new("store", State::Wrong, "its address names no store");
    };
    if !path.exists() {
        return Finding::new(
            "store",
            State::Fine,
            format!("`{}` does not exist yet; it will be made", path.display()),
        );
    }
    match Ledger::open_reader(path, serve::setup(config)) {
        Ok(_) => Finding::new("store", State::Fine, format!("`{}` opens", path.display())),
        Err(error) => {
            let failure =
                Failure::unavailable(format!("`{}` does not open", path.display())).because(error);
            Finding::new("store", State::Wrong, failure.text())
        }
    }
}

/// Records of a store that nobody serves which cannot be sealed.
async fn unread(config: &Config, findings: &mut Vec<Finding>) {
    let path = config.store.url.sqlite_path().filter(|path| path.exists());
    let Some(Ok(ledger)) = path.map(|path| Ledger::open_reader(path, serve::setup(config))) else {
        return;
    };
    let mut count = 0;
    for (business, _) in (0..).zip(&config.business) {
        let found = ledger.unsealed(BusinessIx(business), LEAVES_MAX).await;
        let found = found.unwrap_or_default();
        count += found.iter().filter(|one| one.is_unreadable()).count();
    }
    if count > 0 {
        findings.push(Finding::new(
            "log",
            State::Look,
            format!("{count} records do not read and cannot be sealed; see `greenline verify`"),
        ));
    }
}

fn keys(config: &Config) -> Finding {
    let keys = Keys::new(config);
    let found = keys.look();
    let open = || keys.is_open_to_others().unwrap_or(false);
    match found {
        Err(error) => {
            let failure = Failure::unavailable("no keys to work with").because(error);
            Finding::new("keys", State::Wrong, failure.text())
        }
        Ok(None) => Finding::new("keys", State::Fine, "none yet; `serve` makes them"),
        Ok(Some(_)) if open() => Finding::new(
            "keys",
            State::Look,
            "the file can be read by others than its owner; links could be forged with it (chmod 600)",
        ),
        Ok(Some(ring)) => Finding::new(
            "keys",
            State::Fine,
            format!("{} in the file", ring.iter().count()),
        ),
    }
}

fn listener(what: &'static str, address: SocketAddr) -> Finding {
    match std::net::TcpListener::bind(address) {
        Ok(_) => Finding::new(what, State::Fine, format!("{address} is free")),
        Err(error) => Finding::new(
            what,
            State::Wrong,
            format!("{address} cannot be listened on: {error}"),
        ),
    }
}

async fn platform_and_clock(config: &Config, findings: &mut Vec<Finding>) {
    let url = &config.upstream.url;
    let now_ms = Clock::system().now_ms();
    let (reached, date_ms) = match date_of(url).await {
        Ok(date_ms) => (
            Finding::new("platform", State::Fine, format!("{url} answers")),
            date_ms,
        ),
        Err(why) => (
            Finding::new(
                "platform",
                State::Wrong,
                format!("{url} cannot be reached: {why}"),
            ),
            None,
        ),
    };
    findings.push(reached);
    let skew_ms = date_ms.map(|date_ms| now_ms - date_ms);
    findings.push(match skew_ms {
        _ if now_ms < EARLIEST_MS => {
            Finding::new("clock", State::Wrong, "this machine's clock is not set")
        }
        Some(skew_ms) if skew_ms.abs() > SKEW_MAX_MS => {
            let seconds = skew_ms / 1_000;
            Finding::new(
                "clock",
                State::Wrong,
                format!(
                    "{seconds} s off the platform's; windows and times of consents would be wrong"
                ),
            )
        }
        Some(_) => Finding::new("clock", State::Fine, "agrees with the platform's"),
        None => Finding::new(
            "clock",
            State::Look,
            "set, but there is no other clock to compare it with",
        ),
    });
}

/// Reaches a server; any answer will do. Gives the time it says it is.
async fn date_of(url: &str) -> Result<Option<i64>, String> {
    let origin = origin(url, UPSTREAM_TIMEOUT)?;
    let mut request = Request::new(Outgoing::empty());
    *request.uri_mut() = http::Uri::from_static("/");
    let answer = tokio::time::timeout(UPSTREAM_TIMEOUT, origin.call(request, None))
        .await
        .map_err(|_| "no answer in time".to_owned())?
        .map_err(|error| error.to_string())?;
    let date = answer
        .headers()
        .get(header::DATE)
        .and_then(|date| date.to_str().ok());
    let at: Option<Timestamp> =
        date.and_then(|date| Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp()));
    Ok(at.map(Timestamp::as_millisecond))
}
