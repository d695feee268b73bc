//! What a simulated platform is made of, as data.
//!
//! Everything has a default, so that a test names only what it is about. The
//! types read JSON or TOML alike; unknown keys are refused, because a misspelt
//! key would quietly simulate something else.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::unclear::Unclear;

mod health;
mod sample;

pub use health::{ClockConfig, Crowd, Health};
pub use sample::{SAMPLE_ACCOUNT, SAMPLE_NUMBER, SAMPLE_PORTFOLIO};

/// The whole simulated platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimConfig {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Everything left to chance follows from this number.
    pub seed: u64,
    /// Answer sends with as little work as possible: nothing is checked, no webhook is sent.
    /// For measuring what stands in front.
    pub quiet: bool,
    /// How much faster than in reality waits pass: delays of statuses, gaps between retries, reviews.
    pub speed: f64,
    /// The businesses on the platform.
    pub businesses: Vec<Business>,
    /// What people do by themselves.
    pub behaviour: Behaviour,
    /// How webhooks are delivered.
    pub webhooks: Webhooks,
    /// What is remembered of requests and deliveries.
    pub log: LogConfig,
    /// How large things may be.
    pub limits: Limits,
    /// How long the review of a new template takes; it is always approved.
    pub review_after_ms: u64,
    /// How the platform behaves where nobody knows; drawn from the seed if not given.
    pub unclear: Option<Unclear>,
    /// The clock.
    pub clock: ClockConfig,
    /// People who react, and a platform that rates, limits and punishes; without it, only a script does.
    pub health: Option<Health>,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            quiet: false,
            speed: 1.0,
            businesses: Vec::new(),
            behaviour: Behaviour::default(),
            webhooks: Webhooks::default(),
            log: LogConfig::default(),
            limits: Limits::default(),
            review_after_ms: 2_000,
            unclear: None,
            clock: ClockConfig::default(),
            health: None,
        }
    }
}

/// A portfolio with its app, its tokens and its accounts.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Business {
    /// The portfolio's id.
    pub portfolio_id: String,
    /// The business's name.
    pub name: String,
    /// The tokens that open this business's objects, and no other's.
    pub access_tokens: Vec<String>,
    /// The app's id.
    #[serde(default = "default_app_id")]
    pub app_id: String,
    /// Signs webhooks.
    pub app_secret: String,
    /// Where webhooks go. Without one, nothing is sent until somebody subscribes.
    #[serde(default)]
    pub callback_url: Option<String>,
    /// What the handshake shows.
    #[serde(default)]
    pub verify_token: String,
    /// `whatsapp_business_manager_messaging_limit`
    #[serde(default = "default_limit")]
    pub messaging_limit: String,
    /// The accounts.
    pub accounts: Vec<Account>,
}

impl fmt::Debug for Business {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Business")
            .field("portfolio_id", &self.portfolio_id)
            .field("name", &self.name)
            .field("callback_url", &self.callback_url)
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

/// A WhatsApp business account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where this account's message webhooks go instead of the app's own callback (WH-06).
    #[serde(default)]
    pub callback_url: Option<String>,
    /// Its numbers.
    #[serde(default)]
    pub numbers: Vec<Number>,
    /// Its templates.
    #[serde(default)]
    pub templates: Vec<Template>,
}

/// A business number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// Its id.
    pub id: String,
    /// As people see it: `+1 555 010 0001`.
    pub display_number: String,
    /// The display name.
    pub verified_name: String,
    /// `CONNECTED`, `PENDING`, `BANNED` …
    #[serde(default = "default_status")]
    pub status: String,
    /// `GREEN`, `YELLOW`, `RED`; `NA` or `UNKNOWN` without a rating.
    #[serde(default = "default_quality")]
    pub quality_rating: String,
}

/// A message template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its id; given out if missing.
    #[serde(default)]
    pub id: Option<u64>,
    /// Its name.
    pub name: String,
    /// Its language.
    #[serde(default = "default_language")]
    pub language: String,
    /// `MARKETING`, `UTILITY` or `AUTHENTICATION`.
    pub category: String,
    /// `APPROVED`, `PAUSED`, `DISABLED`, `PENDING`, `REJECTED` …
    #[serde(default = "default_template_status")]
    pub status: String,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    #[serde(default = "default_quality")]
    pub quality: String,
    /// `POSITIONAL` or `NAMED`.
    #[serde(default = "default_parameter_format")]
    pub parameter_format: String,
    /// The components, as the API takes and gives them.
    pub components: Value,
}

/// What people do by themselves, and when statuses come.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// From the send to `sent` or `failed`.
    pub sent_after_ms: u64,
    /// From `sent` to `delivered`.
    pub delivered_after_ms: u64,
    /// The share of messages that arrive.
    pub delivered_share: f64,
    /// The share of arrived messages that are read.
    pub read_share: f64,
    /// From `delivered` to `read`.
    pub read_after_ms: u64,
    /// The share of read messages that are answered.
    pub reply_share: f64,
    /// From `read` to the answer.
    pub reply_after_ms: u64,
    /// What people answer; one is drawn.
    pub replies: Vec<String>,
    /// The share of read marketing templates after which the person turns marketing off in WhatsApp.
    pub native_stop_share: f64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            sent_after_ms: 20,
            delivered_after_ms: 80,
            delivered_share: 1.0,
            read_share: 0.0,
            read_after_ms: 1_000,
            reply_share: 0.0,
            reply_after_ms: 2_000,
            replies: vec!["Thank you".to_owned(), "👍".to_owned(), "STOP".to_owned()],
            native_stop_share: 0.0,
        }
    }
}

/// How webhooks are delivered (WH-03, WH-04).
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// The gap before the first retry; each further one is twice as long.
    pub retry_first_ms: u64,
    /// The longest gap.
    pub retry_gap_max_ms: u64,
    /// How long retries go on.
    pub retry_for_ms: u64,
    /// How long an answer may take.
    pub timeout_ms: u64,
    /// How many events may come in one call.
    pub batch_max: usize,
    /// How long to wait for more events, if several may come in one call.
    pub batch_wait_ms: u64,
    /// How many calls may be under way to one address. With 1 the order is kept until a retry.
    pub calls_max: usize,
    /// The share of calls that are made twice.
    pub duplicate_share: f64,
    /// The share of calls that are held back for a moment, so that later ones overtake them.
    pub disorder_share: f64,
    /// For how long those are held back.
    pub disorder_ms: u64,
    /// How many events may wait for one address; more are dropped.
    pub queue_max: usize,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            retry_first_ms: 1_000,
            retry_gap_max_ms: 3_600_000,
            retry_for_ms: 7 * 24 * 3_600_000,
            timeout_ms: 10_000,
            batch_max: 1,
            batch_wait_ms: 5,
            calls_max: 8,
            duplicate_share: 0.0,
            disorder_share: 0.0,
            disorder_ms: 50,
            queue_max: 1_000_000,
        }
    }
}

/// What is remembered.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// How many requests; the oldest are forgotten first. 0 remembers none.
    pub requests_max: usize,
    /// Whether the bodies of requests and webhooks are kept too.
    pub bodies: bool,
    /// How many webhook calls.
    pub deliveries_max: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            requests_max: 100_000,
            bodies: true,
            deliveries_max: 100_000,
        }
    }
}

/// How large things may be.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// One request's body.
    pub body_bytes_max: usize,
    /// All media together; the oldest go first.
    pub media_bytes_max: usize,
    /// Connections at a time.
    pub connections_max: usize,
    /// Calls in one batch.
    pub batch_max: usize,
    /// How long a fault may keep a request waiting.
    pub wait_max_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 25 * 1024 * 1024,
            media_bytes_max: 256 * 1024 * 1024,
            connections_max: 10_000,
            batch_max: 50,
            wait_max_ms: 600_000,
        }
    }
}

/// What a native stop covers (OPT-46 leaves it open).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReach {
    /// All numbers of the portfolio.
    Portfolio,
    /// All numbers of the account.
    Account,
    /// The number it was given to.
    Number,
}

fn default_app_id() -> String {
    "601500000000001".to_owned()
}

fn default_limit() -> String {
    "TIER_2K".to_owned()
}

fn default_status() -> String {
    "CONNECTED".to_owned()
}

fn default_quality() -> String {
    "GREEN".to_owned()
}

fn default_language() -> String {
    "en_US".to_owned()
}

fn default_template_status() -> String {
    "APPROVED".to_owned()
}

fn default_parameter_format() -> String {
    "POSITIONAL".to_owned()
}
