//! What is wrong with the settings of events and subscriptions.

use std::collections::BTreeSet;

use greenline_ledger::subscription::SUBSCRIPTIONS_MAX;
use http::Uri;

use super::record::EventType;
use super::secret;
use super::subscriber::is_allowed;
use crate::config::{Config, Events, Subscription};

/// Pauses between attempts at most.
const PAUSES_MAX: usize = 32;
/// The longest pause: a week.
const PAUSE_S_MAX: u64 = 7 * 24 * 60 * 60;

/// Everything that is wrong, each with the setting's path.
pub(crate) fn wrong(config: &Config) -> Vec<String> {
    let mut wrong = of_events(&config.events);
    for business in &config.business {
        let place = format!("business `{}`", business.id);
        let mut names = BTreeSet::new();
        if business.subscription.len() > SUBSCRIPTIONS_MAX {
            wrong.push(format!(
                "{place}: has more than {SUBSCRIPTIONS_MAX} subscriptions"
            ));
        }
        for one in &business.subscription {
            let place = format!("{place}: subscription `{}`", one.name);
            if one.name.is_empty() {
                wrong.push(format!("{place}: needs a name"));
            }
            if !names.insert(&one.name) {
                wrong.push(format!("{place}: named twice"));
            }
            wrong.extend(of_one(one, &config.events).map(|what| format!("{place}: {what}")));
        }
    }
    wrong
}

fn of_events(events: &Events) -> Vec<String> {
    let mut wrong = Vec::new();
    let pauses = &events.retry_after_s;
    let fits = |pause: &u64| (1..=PAUSE_S_MAX).contains(pause);
    if pauses.is_empty() || pauses.len() > PAUSES_MAX || !pauses.iter().all(fits) {
        wrong.push(format!(
            "events.retry_after_s: must be 1 to {PAUSES_MAX} pauses, each from 1 second to a week"
        ));
    }
    for (name, is_zero) in [
        ("pause_after_days", events.pause_after_days == 0),
        ("timeout_ms", events.timeout_ms == 0),
        ("concurrency_max", events.concurrency_max == 0),
        ("imports_per_second_max", events.imports_per_second_max == 0),
    ] {
        if is_zero {
            wrong.push(format!("events.{name}: must be at least 1"));
        }
    }
    wrong
}

fn of_one(one: &Subscription, events: &Events) -> impl Iterator<Item = String> {
    let mut wrong = Vec::new();
    match one.url.parse::<Uri>() {
        Ok(uri) if uri.authority().is_some() => {
            let is_plain =
                uri.scheme_str() == Some("http") && is_allowed(&events.allow_hosts, &uri);
            if uri.scheme_str() != Some("https") && !is_plain {
                wrong
                    .push("url must be https, or its host listed in events.allow_hosts".to_owned());
            }
        }
        _ => {
            wrong
                .push("url must be a whole address, such as https://crm.example/events".to_owned());
        }
    }
    if let Err(what) = secret::read(one.secret.reveal()) {
        wrong.push(format!("secret {what}"));
    }
    if !one.secret_previous.is_empty()
        && let Err(what) = secret::read(one.secret_previous.reveal())
    {
        wrong.push(format!("secret_previous {what}"));
    }
    for kind in &one.types {
        if EventType::parse(kind).is_none() {
            let offered: Vec<&str> = EventType::OFFERED.iter().map(|one| one.as_str()).collect();
            wrong.push(format!(
                "`{kind}` is no type of event; there are {}",
                offered.join(", ")
            ));
        }
    }
    wrong.into_iter()
}
