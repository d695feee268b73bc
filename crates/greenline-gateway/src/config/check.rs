//! What a well-formed configuration can still get wrong.

use std::collections::BTreeSet;

use super::Config;

/// One thing to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// It must be put right before anything starts.
    pub fatal: bool,
    /// Where and what, one sentence.
    pub text: String,
}

/// Looks at everything that the format alone does not rule out.
#[must_use]
pub fn check(config: &Config) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    if !config.store.url.starts_with("sqlite:") {
        findings.fatal(format!(
            "store.url: `{}` is not supported; use sqlite:PATH",
            config.store.url
        ));
    }
    if !config.upstream.url.starts_with("https://") && !is_loopback(&config.upstream.url) {
        findings.fatal("upstream.url: must be https, or http to this machine".to_owned());
    }
    if config.relay.retry_hours < 72 {
        findings.fatal("relay.retry_hours: must be at least 72".to_owned());
    }
    if !config.listen.private.ip().is_loopback() {
        findings.warn(
            "listen.private: reachable from other machines; keys are then the only protection"
                .to_owned(),
        );
    }
    if config.business.is_empty() {
        findings.warn("business: none is configured; nothing can be sent".to_owned());
    }
    if config.admin.token.is_empty() {
        findings.warn(
            "admin.token: none is configured; the admin API and the pages answer nobody".to_owned(),
        );
    }
    for token in &config.admin.token {
        if token.key.is_empty() {
            findings.fatal(format!("admin.token `{}`: key is missing", token.name));
        }
    }
    check_businesses(config, &mut findings);
    check_meta_apps(config, &mut findings);
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn fatal(&mut self, text: String) {
        self.0.push(Finding { fatal: true, text });
    }

    fn warn(&mut self, text: String) {
        self.0.push(Finding { fatal: false, text });
    }
}

fn is_loopback(url: &str) -> bool {
    ["http://127.", "http://localhost", "http://[::1]"]
        .iter()
        .any(|prefix| url.starts_with(prefix))
}

/// Ids stand in URLs.
fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn check_meta_apps(config: &Config, findings: &mut Findings) {
    let mut ids = BTreeSet::new();
    for meta_app in &config.meta_app {
        let id = &meta_app.id;
        if !ids.insert(id) {
            findings.fatal(format!("meta_app `{id}`: named twice"));
        }
        if !is_id(id) {
            findings.fatal(format!(
                "meta_app `{id}`: an id is letters, digits, - and _"
            ));
        }
        if meta_app.app_secret.is_empty() {
            findings.warn(format!(
                "meta_app `{id}`: no app_secret; its webhooks are refused, so stops are not seen"
            ));
        }
        if meta_app.businesses.is_empty() {
            findings.warn(format!(
                "meta_app `{id}`: serves no businesses; its webhooks change nothing"
            ));
        }
        for name in &meta_app.businesses {
            if !config.business.iter().any(|business| business.id == *name) {
                findings.fatal(format!(
                    "meta_app `{id}`: businesses names `{name}`, which is not configured"
                ));
            }
        }
    }
}

fn check_businesses(config: &Config, findings: &mut Findings) {
    let mut ids = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for business in &config.business {
        let id = &business.id;
        if !ids.insert(id) {
            findings.fatal(format!("business `{id}`: named twice"));
        }
        if !is_id(id) {
            findings.fatal(format!(
                "business `{id}`: an id is letters, digits, - and _"
            ));
        }
        let served = |meta_app: &super::MetaApp| meta_app.businesses.contains(id);
        if business.app_secret.is_empty() && !config.meta_app.iter().any(served) {
            findings.warn(format!(
                "business `{id}`: no app_secret; its webhooks are refused, so stops are not seen"
            ));
        }
        for number in &business.number {
            if !numbers.insert(&number.phone_number_id) {
                findings.fatal(format!(
                    "business `{id}`: number `{}` is named twice",
                    number.phone_number_id
                ));
            }
        }
        if !business.topics.is_empty() {
            for template in business
                .template
                .iter()
                .filter(|template| template.topic.is_none())
            {
                findings.warn(format!(
                    "business `{id}`: template `{}` has no topic and is judged on its category",
                    template.name
                ));
            }
        }
        for topic in business
            .topics
            .iter()
            .chain(business.template.iter().filter_map(|t| t.topic.as_ref()))
        {
            if greenline_policy::scope::Scope::parse(topic).is_none() {
                findings.fatal(format!(
                    "business `{id}`: topic `{topic}` is not of the form category.topic"
                ));
            }
        }
        for word in &business.ambiguous_stop_words {
            if !greenline_policy::stop::is_unclear_word(word) {
                findings.warn(format!(
                    "business `{id}`: ambiguous_stop_words names `{word}`, which no language asks about; it changes nothing"
                ));
            }
        }
        for app in &business.app {
            check_app(config, business, app, findings);
            let key = if app.key.is_empty() {
                app.token_sha256.clone()
            } else {
                app.key.reveal().to_owned()
            };
            if !keys.insert(key) {
                findings.fatal(format!(
                    "business `{id}`, app `{}`: its key is used by another app",
                    app.name
                ));
            }
        }
    }
}

fn check_app(
    config: &Config,
    business: &super::Business,
    app: &super::App,
    findings: &mut Findings,
) {
    let place = format!("business `{}`, app `{}`", business.id, app.name);
    match (app.key.is_empty(), app.token_sha256.is_empty()) {
        (true, true) => findings.fatal(format!("{place}: needs key or token_sha256")),
        (false, false) => findings.fatal(format!("{place}: has both key and token_sha256")),
        (false, true) if business.access_token.is_empty() => {
            findings.fatal(format!(
                "{place}: uses a key, so the business needs an access_token"
            ));
        }
        (true, false) if app.token_sha256.len() != 64 => {
            findings.fatal(format!(
                "{place}: token_sha256 must be 64 hexadecimal digits"
            ));
        }
        _ => {}
    }
    if app.relay_url.is_empty() {
        return;
    }
    if app.relay_secret.is_empty() {
        findings.fatal(format!("{place}: relay_url needs a relay_secret"));
    } else if app.relay_secret == business.app_secret
        || config
            .meta_app
            .iter()
            .any(|meta_app| meta_app.app_secret == app.relay_secret)
    {
        findings.fatal(format!(
            "{place}: relay_secret must differ from the app_secret"
        ));
    }
    let host = app.relay_url.split_once("://").map_or("", |(_, rest)| rest);
    let allowed = config
        .relay
        .allow_hosts
        .iter()
        .any(|allowed| host.starts_with(allowed.as_str()));
    if !app.relay_url.starts_with("https://") && !allowed {
        findings.fatal(format!(
            "{place}: relay_url must be https, or its host listed in relay.allow_hosts"
        ));
    }
}
