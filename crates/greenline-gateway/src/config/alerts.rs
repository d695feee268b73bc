//! `[alerts]`: when conditions are told, and to whom.

use serde::Deserialize;

use super::Secret;

/// `[alerts]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// Between two looks.
    pub look_every_s: u64,
    /// How long a condition that is over is not told again.
    pub cool_down_minutes: u32,
    /// The share of a limit from which it counts as near.
    pub limit_near_percent: u32,
    /// How long before a restriction ends that is told.
    pub restriction_ends_hours: u32,
    /// How long the platform may say nothing of what was sent.
    pub webhooks_silent_minutes: u32,
    /// How long a number may go unread.
    pub reads_failing_minutes: u32,
    /// How long before the token ends that is told.
    pub token_expiring_days: u32,
    /// How long before it ends that is told once more.
    pub token_expires_soon_days: u32,
    /// For a channel to take an alert.
    pub timeout_ms: u64,
    /// Hosts that may be reached without https, in plain, or on private addresses.
    pub allow_hosts: Vec<String>,
    /// The mail server.
    pub smtp: Smtp,
    /// Slack-compatible endpoints.
    #[serde(default)]
    pub slack: Vec<SlackChannel>,
    /// Mailboxes.
    #[serde(default)]
    pub email: Vec<EmailChannel>,
}

/// `[alerts.smtp]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The server; empty: none.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is encrypted.
    pub tls: SmtpTls,
    /// Who signs in; empty: nobody.
    pub username: String,
    /// With what.
    pub password: Secret,
    /// From whom mail comes.
    pub from: String,
}

/// `alerts.smtp.tls`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// In plain first, and then TLS or nothing.
    Starttls,
    /// From the first byte.
    Implicit,
    /// Not at all.
    None,
}

impl SmtpTls {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starttls => "starttls",
            Self::Implicit => "implicit",
            Self::None => "none",
        }
    }
}

/// `[[alerts.slack]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackChannel {
    /// Its name.
    pub name: String,
    /// Where to post; whoever knows it may write there.
    #[serde(default)]
    pub url: Secret,
    /// Whose alerts; empty: everybody's.
    #[serde(default)]
    pub businesses: Vec<String>,
    /// Which conditions; empty: all.
    #[serde(default)]
    pub kinds: Vec<String>,
}

/// `[[alerts.email]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailChannel {
    /// Its name.
    pub name: String,
    /// To whom.
    #[serde(default)]
    pub to: Vec<String>,
    /// Whose alerts; empty: everybody's.
    #[serde(default)]
    pub businesses: Vec<String>,
    /// Which conditions; empty: all.
    #[serde(default)]
    pub kinds: Vec<String>,
}
