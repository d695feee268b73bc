//! What is wrong with the settings of alerts.

use std::collections::BTreeSet;

use greenline_policy::alert::Kind;

use super::{mail, slack};
use crate::config::Config;
use crate::config::alerts::{Alerts, SmtpTls};

/// Channels at most.
pub(crate) const CHANNELS_MAX: usize = 32;
/// Addresses of one mailbox channel at most.
const ADDRESSES_MAX: usize = 32;
/// The longest of each measure.
const LOOK_S_MAX: u64 = 3_600;
const COOL_DOWN_MINUTES_MAX: u32 = 7 * 24 * 60;
const HOURS_MAX: u32 = 30 * 24;
const MINUTES_MAX: u32 = 24 * 60;
const DAYS_MAX: u32 = 90;

/// Everything that is wrong, each with the setting's path and what to do.
pub(crate) fn wrong(config: &Config) -> Vec<String> {
    let alerts = &config.alerts;
    let mut wrong = measures(alerts);
    let mut names = BTreeSet::new();
    let slack = alerts
        .slack
        .iter()
        .map(|one| ("slack", &one.name, &one.businesses, &one.kinds));
    let email = alerts
        .email
        .iter()
        .map(|one| ("email", &one.name, &one.businesses, &one.kinds));
    for (sort, name, businesses, kinds) in slack.chain(email) {
        let place = format!("alerts.{sort} `{name}`");
        if !crate::config::is_id(name) {
            wrong.push(format!("{place}: needs a name of letters, digits, - and _"));
        }
        if !names.insert((sort, name)) {
            wrong.push(format!("{place}: named twice; give one another name"));
        }
        for id in businesses {
            if !config.business.iter().any(|business| business.id == *id) {
                wrong.push(format!(
                    "{place}: businesses names `{id}`, which is not configured"
                ));
            }
        }
        for kind in kinds {
            if Kind::parse(kind).is_none() {
                let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.id()).collect();
                wrong.push(format!(
                    "{place}: kinds names `{kind}`, which is none; there are {}",
                    known.join(", ")
                ));
            }
        }
    }
    if names.len() > CHANNELS_MAX {
        wrong.push(format!("alerts: has more than {CHANNELS_MAX} channels"));
    }
    for one in &alerts.slack {
        if let Some(what) = slack::wrong(one.url.reveal(), &alerts.allow_hosts) {
            wrong.push(format!("alerts.slack `{}`: url {what}", one.name));
        }
    }
    wrong.extend(mailboxes(alerts));
    wrong
}

fn measures(alerts: &Alerts) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut within = |name: &str, value: u64, least: u64, most: u64| {
        if !(least..=most).contains(&value) {
            wrong.push(format!("alerts.{name}: must be from {least} to {most}"));
        }
    };
    within("look_every_s", alerts.look_every_s, 1, LOOK_S_MAX);
    let cool_down = u64::from(alerts.cool_down_minutes);
    within(
        "cool_down_minutes",
        cool_down,
        0,
        COOL_DOWN_MINUTES_MAX.into(),
    );
    let near = u64::from(alerts.limit_near_percent);
    within("limit_near_percent", near, 1, 100);
    let ends = u64::from(alerts.restriction_ends_hours);
    within("restriction_ends_hours", ends, 1, HOURS_MAX.into());
    let silent = u64::from(alerts.webhooks_silent_minutes);
    within("webhooks_silent_minutes", silent, 1, MINUTES_MAX.into());
    let failing = u64::from(alerts.reads_failing_minutes);
    within("reads_failing_minutes", failing, 1, MINUTES_MAX.into());
    let expiring = u64::from(alerts.token_expiring_days);
    within("token_expiring_days", expiring, 1, DAYS_MAX.into());
    // The graver one comes later.
    let soon = u64::from(alerts.token_expires_soon_days);
    within("token_expires_soon_days", soon, 1, expiring.max(1));
    within("timeout_ms", alerts.timeout_ms, 1, 600_000);
    wrong
}

fn mailboxes(alerts: &Alerts) -> Vec<String> {
    let mut wrong = Vec::new();
    if alerts.email.is_empty() {
        return wrong;
    }
    let smtp = &alerts.smtp;
    if smtp.host.is_empty() {
        wrong.push(
            "alerts.smtp.host: empty, though there are alerts.email; name the mail server"
                .to_owned(),
        );
    }
    if !mail::is_address(&smtp.from) {
        wrong.push(
            "alerts.smtp.from: must be a mail address, such as greenline@acme.example".to_owned(),
        );
    }
    let is_allowed = alerts
        .allow_hosts
        .iter()
        .any(|host| host.eq_ignore_ascii_case(&smtp.host));
    if smtp.tls == SmtpTls::None && !is_allowed {
        wrong.push(
            "alerts.smtp.tls: \"none\" sends in plain; use \"starttls\" or \"implicit\", or list the host in alerts.allow_hosts"
                .to_owned(),
        );
    }
    if smtp.username.is_empty() != smtp.password.is_empty() {
        wrong.push(
            "alerts.smtp: username and password go together; give both or neither".to_owned(),
        );
    }
    for one in &alerts.email {
        let place = format!("alerts.email `{}`", one.name);
        if one.to.is_empty() || one.to.len() > ADDRESSES_MAX {
            wrong.push(format!(
                "{place}: to must be 1 to {ADDRESSES_MAX} mail addresses"
            ));
        }
        for to in one.to.iter().filter(|to| !mail::is_address(to)) {
            wrong.push(format!("{place}: `{to}` is no mail address"));
        }
    }
    wrong
}
