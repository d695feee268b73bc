//! Configuration: embedded defaults, then one TOML file, then the environment.
//!
//! Holds values only, never clients or connections. Unknown settings are refused, and what is wrong is
//! said with the setting's path. Secrets never print.

pub mod alerts;
mod check;
mod load;
mod store_url;

use std::fmt;
use std::net::SocketAddr;

use serde::Deserialize;

pub(crate) use check::is_id;
pub use check::{Finding, check};
pub use load::{ConfigError, load, parse};
pub use store_url::StoreUrl;

/// The defaults, which are also the reference text.
pub const DEFAULTS: &str = include_str!("config/default.toml");

/// A value that never prints.
#[derive(Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value in clear.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "(none)"
        } else {
            "(secret)"
        })
    }
}

/// Everything.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Addresses.
    pub listen: Listen,
    /// The store.
    pub store: Store,
    /// Greenline's own keys.
    pub keys: Keys,
    /// The provable log.
    pub proof: Proof,
    /// The platform.
    pub upstream: Upstream,
    /// Bounds on input.
    pub limits: Limits,
    /// Relaying of webhooks.
    pub relay: Relay,
    /// What subscribers are told.
    pub events: Events,
    /// `[alerts]`.
    pub alerts: alerts::Alerts,
    /// Imports.
    pub imports: Imports,
    /// `[screenings]`.
    pub screenings: Screenings,
    /// How long things are kept.
    pub retention: Retention,
    /// Who may use the admin API.
    #[serde(default)]
    pub admin: Admin,
    /// Apps of the platform that serve many businesses.
    #[serde(default)]
    pub meta_app: Vec<MetaApp>,
    /// The businesses.
    #[serde(default)]
    pub business: Vec<Business>,
}

/// `[listen]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Public listener.
    pub public: SocketAddr,
    /// Private listener.
    pub private: SocketAddr,
    /// How the public listener is reached.
    pub public_url: String,
    /// How the private listener is reached.
    pub private_url: String,
    /// Own proxies before the public listener, whose `X-Forwarded-For` is believed.
    pub public_proxies: usize,
}

/// `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: StoreUrl,
    /// What replies do while the store is down.
    pub replies_when_down: RepliesWhenDown,
    /// Folder of the spill file; empty for one beside the store.
    pub spill: String,
    /// Size of the spill file at most.
    pub spill_bytes_max: u64,
    /// Requests that may wait for the writer.
    pub queue_max: usize,
    /// Decisions in one commit.
    pub batch_max: usize,
}

/// `[keys]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The file of keys; empty for one beside a SQLite store.
    pub file: String,
}

/// `[proof]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Between looks for records to seal.
    pub seal_every_ms: u64,
    /// Where heads are published: `file:PATH`, an https address, or empty.
    pub publish: String,
    /// Between two heads of one business that are published.
    pub publish_every_s: u64,
    /// Hosts to which heads may be published without https.
    pub allow_hosts: Vec<String>,
}

/// `store.replies_when_down`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepliesWhenDown {
    /// Refused, as everything else.
    Refuse,
    /// Forwarded inside a window that is known, once the decision is synced to the spill file.
    Forward,
}

/// `[upstream]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Base address, without path.
    pub url: String,
    /// To open a connection.
    pub connect_timeout_ms: u64,
    /// To wait for an answer.
    pub timeout_ms: u64,
    /// Before an idle connection is closed.
    pub idle_ms: u64,
    /// Connections kept.
    pub idle_connections_max: usize,
    /// Sends under way per number.
    pub concurrency_per_number_max: usize,
    /// Between reads of numbers and templates.
    pub poll_interval_s: u64,
    /// Between two times that it is asked what there is to say of a token.
    pub token_poll_interval_s: u64,
}

/// `[limits]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Body of a send.
    pub send_body_bytes_max: usize,
    /// Body of a webhook.
    pub webhook_body_bytes_max: usize,
    /// Body passed through.
    pub pass_body_bytes_max: usize,
    /// Answer read before being handed on.
    pub answer_bytes_max: usize,
    /// Body of the admin API.
    pub admin_body_bytes_max: usize,
    /// How long a message is held at most.
    pub hold_max_hours: u32,
    /// Messages held for one app.
    pub held_per_app_max: u64,
    /// Messages held for one business.
    pub held_per_business_max: u64,
    /// Body of a message that is held.
    pub held_body_bytes_max: usize,
    /// For a client's head and body.
    pub client_timeout_ms: u64,
    /// Connections per listener.
    pub connections_max: usize,
    /// Rows of one page.
    pub page_rows_max: usize,
    /// Questions in one batch.
    pub decision_questions_max: usize,
    /// Batches of questions answered at once.
    pub decision_batches_max: usize,
    /// For one batch of questions.
    pub decision_batch_timeout_ms: u64,
    /// Looks at one preference page in a minute.
    pub preference_views_per_minute_max: u32,
    /// Undos on one preference page in an hour.
    pub preference_undos_per_hour_max: u32,
    /// Links that are none, from one address in a minute.
    pub preference_strays_per_minute_max: u32,
    /// Looks at opt-in pages from one address in a minute.
    pub opt_in_views_per_minute_max: u32,
    /// Opt-in forms sent from one address in an hour.
    pub opt_in_forms_per_hour_max: u32,
    /// Opt-in forms of one business in an hour, from anywhere.
    pub opt_in_forms_per_business_per_hour_max: u32,
}

/// `[relay]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// How long a delivery is tried for.
    pub retry_hours: u64,
    /// First pause.
    pub backoff_first_ms: u64,
    /// Longest pause.
    pub backoff_last_ms: u64,
    /// For an app to take a delivery.
    pub timeout_ms: u64,
    /// Under way at once, per app and lane.
    pub concurrency_max: usize,
    /// Hosts reachable without https or on private addresses.
    pub allow_hosts: Vec<String>,
}

/// `[events]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Seconds between attempts.
    pub retry_after_s: Vec<u64>,
    /// Days without any success after which a subscription is paused.
    pub pause_after_days: u64,
    /// For a subscriber to take an event.
    pub timeout_ms: u64,
    /// Under way at once, per subscription.
    pub concurrency_max: usize,
    /// Of imported consents, per subscription and node, in a second.
    pub imports_per_second_max: u32,
    /// Hosts that subscriptions made through the API may have without https or on private addresses.
    pub allow_hosts: Vec<String>,
}

/// `[imports]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imports {
    /// Folder of files that are being imported; empty for one beside the store.
    pub folder: String,
    /// Size of one file.
    pub bytes_max: u64,
    /// Rows of one file.
    pub rows_max: u64,
}

/// `[screenings]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screenings {
    /// Folder of lists that were sent to be screened, and of what came of them; empty for one beside the store.
    pub folder: String,
    /// Size of one list.
    pub bytes_max: u64,
    /// Rows of one list.
    pub rows_max: u64,
    /// Lists that are screened or wait for it, of one node.
    pub waiting_max: usize,
}

/// `[retention]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days that bodies live in the inbox.
    pub bodies_days: u32,
    /// Days that decisions live, with what became of their sends; 0: for good.
    pub decisions_days: u32,
    /// Days that own replies live once they are over; 0: for good.
    pub replies_days: u32,
    /// Days that timeline entries live; 0: for good.
    pub timeline_days: u32,
    /// Days that what is kept of an import lives once that is over; 0: for good.
    pub imports_days: u32,
    /// Days that what came of a screening lives once that is over; 0: for good.
    pub screenings_days: u32,
}

/// `[admin]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Tokens.
    #[serde(default)]
    pub token: Vec<AdminToken>,
}

/// `[[admin.token]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminToken {
    /// Acts are recorded under this name.
    pub name: String,
    /// The Bearer token.
    #[serde(default)]
    pub key: Secret,
    /// Businesses it reaches; `None` for all.
    #[serde(default)]
    pub businesses: Option<Vec<String>>,
    /// What it may do.
    #[serde(default)]
    pub may: May,
}

/// `[[meta_app]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetaApp {
    /// Used in its callback's URL.
    pub id: String,
    /// Verifies webhook signatures.
    #[serde(default)]
    pub app_secret: Secret,
    /// Answers the handshake.
    #[serde(default)]
    pub verify_token: Secret,
    /// The businesses it serves; webhooks of accounts of others change nothing.
    #[serde(default)]
    pub businesses: Vec<String>,
}

/// What an admin token may do; each includes the ones before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum May {
    /// Read.
    #[default]
    Viewer,
    /// Record a person's request.
    Agent,
    /// Import, export, settings of campaigns.
    Manager,
    /// Everything.
    Admin,
}

/// `mode`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Refusals bind.
    #[default]
    Enforce,
    /// Everything is forwarded; refusals are recorded.
    Observe,
}

/// `stop_closes`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCloses {
    /// A bare STOP closes marketing, utility and calls.
    #[default]
    MarketingUtility,
    /// A bare STOP closes everything.
    All,
}

/// `[[business]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Business {
    /// Used in URLs.
    pub id: String,
    /// The name people saw.
    pub name: String,
    /// Earlier names.
    #[serde(default)]
    pub former_names: Vec<String>,
    /// The platform's portfolio.
    #[serde(default)]
    pub portfolio_id: String,
    /// How many people the business itself lets its portfolio reach within 24 hours.
    #[serde(default)]
    pub portfolio_limit: Option<u32>,
    /// Verifies webhook signatures.
    #[serde(default)]
    pub app_secret: Secret,
    /// Answers the handshake.
    #[serde(default)]
    pub verify_token: Secret,
    /// The platform's token.
    #[serde(default)]
    pub access_token: Secret,
    /// Whether refusals bind.
    #[serde(default)]
    pub mode: Mode,
    /// Language of own replies when the person's is not known.
    #[serde(default = "english")]
    pub language: String,
    /// Whether a stop is confirmed.
    #[serde(default = "yes")]
    pub confirm_stops: bool,
    /// Words that bots use too and that count as stops here.
    #[serde(default)]
    pub ambiguous_stop_words: Vec<String>,
    /// What a bare STOP closes.
    #[serde(default)]
    pub stop_closes: StopCloses,
    /// Declared topics.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Utility and authentication templates in an open window count as replies.
    #[serde(default)]
    pub window_templates_are_replies: bool,
    /// Put the decision id into an unused `biz_opaque_callback_data`.
    #[serde(default)]
    pub biz_opaque_callback_data: bool,
    /// Days that a yes lasts, by scope; for ever where none is given.
    #[serde(default)]
    pub yes_lasts_days: std::collections::BTreeMap<String, u16>,
    /// Kinds of message that are not sent to a country, by its code.
    #[serde(default)]
    pub closed_countries: std::collections::BTreeMap<String, Vec<String>>,
    /// When people are not to be written to.
    #[serde(default)]
    pub quiet_hours: QuietHours,
    /// At which rating of a number its marketing stops.
    #[serde(default)]
    pub quality_guard: QualityGuard,
    /// What it will not send.
    #[serde(default)]
    pub rule: Vec<OwnRule>,
    /// How much one person gets at most.
    #[serde(default)]
    pub frequency_cap: Vec<FrequencyCap>,
    /// Whether the platform's limit on how fast one number writes to one person is kept to here.
    #[serde(default = "yes")]
    pub pair_limit: bool,
    /// How people sign up.
    #[serde(default)]
    pub opt_in: OptIn,
    /// Own wording of replies, kind → language → text.
    #[serde(default)]
    pub texts: std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>>,
    /// How its preference page looks.
    #[serde(default)]
    pub page: Page,
    /// Ways out that need no notification.
    #[serde(default)]
    pub avenues: Avenues,
    /// What is said of templates.
    #[serde(default)]
    pub template: Vec<Template>,
    /// Numbers.
    #[serde(default)]
    pub number: Vec<Number>,
    /// Apps.
    #[serde(default)]
    pub app: Vec<App>,
    /// Who is told of changes of consent and of ways out.
    #[serde(default)]
    pub subscription: Vec<Subscription>,
}

fn english() -> String {
    "en".to_owned()
}

fn yes() -> bool {
    true
}

/// `[business.page]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// A picture: a file, or an https address.
    #[serde(default)]
    pub logo: String,
    /// The colour of switches and buttons, `#rrggbb`.
    #[serde(default)]
    pub accent: String,
    /// Where the business says what it does with personal data.
    #[serde(default)]
    pub privacy_url: String,
    /// What topics are called: topic → language → name.
    #[serde(default)]
    pub topics: std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>>,
}

/// `[[business.frequency_cap]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrequencyCap {
    /// What is counted: `all`, a kind of message, or a topic.
    pub scope: String,
    /// How many.
    pub max: u16,
    /// Within how many hours.
    pub per_hours: u16,
}

/// `[business.quiet_hours]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuietHours {
    /// The time of day they begin, by the clock where the person may be; empty: the business has none of its own.
    pub start: String,
    /// The time of day they end.
    pub end: String,
    /// Days on which they begin.
    pub days: Vec<String>,
    /// Kinds of message.
    pub categories: Vec<String>,
    /// The zone of numbers that do not tell where they are.
    pub zone: String,
    /// Countries whose laws count too; `None` for those that count by themselves.
    pub laws: Option<Vec<String>>,
}

impl Default for QuietHours {
    fn default() -> Self {
        let days = greenline_policy::quiet::Days::NAMES;
        Self {
            start: String::new(),
            end: String::new(),
            days: days.map(str::to_owned).into(),
            categories: vec!["marketing".to_owned()],
            zone: String::new(),
            laws: None,
        }
    }
}

/// `[business.quality_guard]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QualityGuard {
    /// Marketing stops at this rating of the number or a worse one; `None`: it never does.
    pub stop_marketing_at: Option<StopAt>,
    /// A rating that was read longer ago stops nothing.
    pub max_age_hours: u16,
}

impl Default for QualityGuard {
    fn default() -> Self {
        Self {
            stop_marketing_at: None,
            max_age_hours: 24,
        }
    }
}

/// A rating that marketing may stop at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopAt {
    /// `RED`.
    Low,
    /// `YELLOW`.
    Medium,
}

impl QualityGuard {
    /// As decisions are made by it.
    #[must_use]
    pub fn rule(&self) -> greenline_policy::quality::QualityGuard {
        use greenline_policy::quality::{QualityGuard as Rule, Score};
        let max_age_ms = i64::from(self.max_age_hours) * 60 * 60 * 1_000;
        match self.stop_marketing_at {
            None => Rule::OFF,
            Some(StopAt::Low) => Rule::at(Score::Red, max_age_ms),
            Some(StopAt::Medium) => Rule::at(Score::Yellow, max_age_ms),
        }
    }
}

/// `[[business.rule]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnRule {
    /// Its name.
    pub name: String,
    /// Why, as refusals say it.
    pub text: String,
    /// What the message is about.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Which templates.
    #[serde(default)]
    pub templates: Vec<String>,
    /// Where the person's number is of.
    #[serde(default)]
    pub countries: Vec<String>,
    /// From which numbers.
    #[serde(default)]
    pub numbers: Vec<String>,
    /// By which apps.
    #[serde(default)]
    pub apps: Vec<String>,
    /// Only to people whose yes was imported or vouched for.
    #[serde(default)]
    pub weak_consent: bool,
    /// The first day.
    #[serde(default)]
    pub from: String,
    /// The day on which it holds no more.
    #[serde(default)]
    pub until: String,
}

/// `[business.opt_in]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptIn {
    /// Keep the network address of who fills in the page.
    #[serde(default)]
    pub keep_ip: bool,
    /// Origins whose pages may show the page in a frame.
    #[serde(default)]
    pub embed: Vec<String>,
    /// What people can agree to.
    #[serde(default)]
    pub form: Vec<OptInForm>,
}

/// `[[business.opt_in.form]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptInForm {
    /// Names it in links and evidence.
    pub id: String,
    /// What a yes to it covers.
    pub scopes: Vec<String>,
    /// What the person reads and agrees to: language → text.
    pub wording: std::collections::BTreeMap<String, String>,
    /// What the link prefills, where that is not the wording: language → text.
    #[serde(default)]
    pub text: std::collections::BTreeMap<String, String>,
    /// The number people write to; the first that people can see where empty.
    #[serde(default)]
    pub number: String,
    /// No longer offered; what is out still counts.
    #[serde(default)]
    pub retired: bool,
}

/// `[business.avenues]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Avenues {
    /// The published place from which people reach the preference page.
    #[serde(default)]
    pub preference_page_published_at: String,
    /// How people reach staff who record their requests.
    #[serde(default)]
    pub staff: String,
    /// Whether the business's systems pass requests on through the API; unset, it counts once they did.
    #[serde(default)]
    pub api: Option<bool>,
}

/// `[[business.template]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Name on the platform, all languages.
    pub name: String,
    /// What the person must have agreed to.
    #[serde(default)]
    pub topic: Option<String>,
    /// Asks whether the person wants messages or wants to stop them.
    #[serde(default)]
    pub ask: bool,
}

/// `[[business.number]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The platform's id.
    pub phone_number_id: String,
    /// The account it belongs to.
    pub waba_id: String,
    /// As people see it.
    #[serde(default)]
    pub display_number: String,
}

/// `[[business.subscription]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Its name.
    pub name: String,
    /// Where its events go.
    pub url: String,
    /// Signs them, `whsec_…`.
    #[serde(default)]
    pub secret: Secret,
    /// Signs them too, while receivers change over.
    #[serde(default)]
    pub secret_previous: Secret,
    /// Which types; empty: all.
    #[serde(default)]
    pub types: Vec<String>,
    /// Consents that were imported too.
    #[serde(default = "yes")]
    pub imports: bool,
}

/// `[[business.app]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Its name.
    pub name: String,
    /// The Bearer token it sends.
    #[serde(default)]
    pub key: Secret,
    /// Hex SHA-256 of the platform token it keeps.
    #[serde(default)]
    pub token_sha256: String,
    /// Where its webhooks go.
    #[serde(default)]
    pub relay_url: String,
    /// Signs what is relayed.
    #[serde(default)]
    pub relay_secret: Secret,
    /// Only deliveries that hold one of these fields.
    #[serde(default)]
    pub relay_fields: Vec<String>,
    /// What to keep and send later instead of refusing.
    #[serde(default)]
    pub hold: Vec<String>,
    /// May reroute webhooks and register numbers.
    #[serde(default)]
    pub trusted: bool,
}
