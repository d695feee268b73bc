//! Slack-compatible endpoints and mailboxes of the operator's file: who gets what, and one attempt to hand it over.
//!
//! Deliveries wait for a channel under a name of its own, `slack/…` or `email/…`, beside those that wait for
//! subscriptions; the relay leases them, tries them again and gives them up by the same rules.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use greenline_ledger::types::Relay;
use greenline_policy::alert::Kind;

use super::mail::{Mail, Mailbox};
use super::record::Record;
use super::slack::Slack;
use super::words::moment;
use crate::app::App;
use crate::config::Config;
use crate::events::subscriber::Ended;

/// Attempts of one channel under way at once.
pub(crate) const UNDER_WAY_MAX: usize = 2;

/// Where a channel's messages go.
#[derive(Debug)]
enum Way {
    Slack(Box<Slack>),
    Mail(Box<Mail>),
}

/// A channel.
#[derive(Debug)]
pub(crate) struct Channel {
    /// What deliveries wait for it under.
    pub(crate) name: Arc<str>,
    businesses: Vec<String>,
    kinds: Vec<Kind>,
    timeout: Duration,
    way: Way,
}

/// Something to be said.
pub(crate) struct Message {
    /// Names it, at every attempt.
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) text: String,
}

/// Every channel of the configuration.
pub(super) fn all(config: &Config) -> Vec<Arc<Channel>> {
    let alerts = &config.alerts;
    let timeout = Duration::from_millis(alerts.timeout_ms.max(1));
    let kinds = |names: &[String]| names.iter().filter_map(|name| Kind::parse(name)).collect();
    let slack = alerts.slack.iter().map(|one| Channel {
        name: format!("slack/{}", one.name).into(),
        businesses: one.businesses.clone(),
        kinds: kinds(&one.kinds),
        timeout,
        way: Way::Slack(Box::new(Slack::new(
            one.url.reveal(),
            &alerts.allow_hosts,
            timeout,
        ))),
    });
    let mail = alerts.email.iter().map(|one| Channel {
        name: format!("email/{}", one.name).into(),
        businesses: one.businesses.clone(),
        kinds: kinds(&one.kinds),
        timeout,
        way: Way::Mail(Box::new(Mail::new(
            &alerts.smtp,
            &Mailbox::of(&alerts.smtp.from, &one.to),
            timeout,
        ))),
    });
    slack.chain(mail).map(Arc::new).collect()
}

impl Channel {
    /// Whether alerts of a business go there; all do where none is named.
    pub(super) fn serves(&self, business: &str) -> bool {
        self.businesses.is_empty() || self.businesses.iter().any(|one| one == business)
    }

    /// Whether it takes a condition; all where none is named.
    pub(super) fn takes(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|one| one.id() == kind)
    }

    /// Hands an alert over.
    pub(crate) async fn attempt(&self, app: &App, relay: &Relay) -> Ended {
        let Some(record) = super::told_by(relay) else {
            tracing::error!(
                delivery.id = relay.inbox_seq,
                "what is to be told of an alert cannot be read and is left out"
            );
            return ended(true);
        };
        let business = &app.directory.business(relay.business).config.name;
        let message = message(business, &record, &app.config.listen.private_url);
        let said = self.say(&message).await;
        match &said {
            Ok(()) => super::was_told(app, relay).await,
            Err(why) => {
                tracing::warn!(channel = %self.name, alert.id = %record.id, %why, "a channel did not take an alert");
            }
        }
        ended(said.is_ok())
    }

    /// Says something, within its time.
    ///
    /// # Errors
    /// Why nobody took it; never with an address that is a secret.
    pub(crate) async fn say(&self, message: &Message) -> Result<(), String> {
        let said = async {
            match &self.way {
                Way::Slack(slack) => slack.say(message).await,
                Way::Mail(mail) => mail.say(message).await,
            }
        };
        let said = tokio::time::timeout(self.timeout, said).await;
        said.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }
}

fn ended(taken: bool) -> Ended {
    Ended {
        taken,
        unreachable: !taken,
        status: if taken { 200 } else { 0 },
        wait_ms: 0,
    }
}

/// An alert as people read it.
fn message(business: &str, record: &Record, private_url: &str) -> Message {
    let base = private_url.trim_end_matches('/');
    let is_over = record.closed_ms;
    let what = if is_over.is_some() {
        "Over".to_owned()
    } else {
        capital(&record.severity)
    };
    let mut text = format!("{what}: {} ({business})\n\n", record.title);
    match is_over {
        Some(closed_ms) => {
            let _ = writeln!(
                text,
                "It stood from {} to {} ({}).",
                moment(record.since_ms),
                moment(closed_ms),
                record.id
            );
        }
        None => {
            let _ = writeln!(text, "{}\n\nWhat to do: {}", record.text, record.todo);
            let since = moment(record.since_ms);
            let _ = writeln!(text, "Since: {since} ({})", record.id);
        }
    }
    let on = if base.is_empty() {
        " on the private listener"
    } else {
        ""
    };
    let _ = writeln!(text, "Guide: {base}{}{on}", record.guide);
    let state = if is_over.is_some() {
        "closed"
    } else {
        "opened"
    };
    Message {
        id: format!("{}.{state}", record.id),
        subject: format!("[Greenline] {what}: {} ({business})", record.title),
        text,
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// A trial message.
pub(crate) fn trial(business: &str, nonce: u64) -> Message {
    let text = format!(
        "This is a test of Greenline's alerts for {business}. Nothing is wrong, and nothing has to be done.\n"
    );
    Message {
        id: format!("test.{nonce:016x}"),
        subject: format!("[Greenline] Test of alerts ({business})"),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_to_do_and_where_to_read_on() {
        let record = Record::sample("301500000000001");
        let said = message("Acme", &record, "https://greenline.acme.example/");
        assert_eq!(
            said.subject,
            "[Greenline] Critical: Number …01: rating low (Acme)"
        );
        assert!(said.text.contains("What to do: Send less."));
        assert!(
            said.text
                .contains("https://greenline.acme.example/guide/low-rating-causes")
        );
        let over = Record {
            closed_ms: Some(60_000),
            ..record
        };
        let said = message("Acme", &over, "");
        assert!(said.subject.contains("Over: "));
        assert!(
            said.text.contains("to 1 Jan 1970, 00:01 UTC") && !said.text.contains("What to do")
        );
        assert!(
            said.text
                .contains("/guide/low-rating-causes on the private listener")
        );
    }
}
