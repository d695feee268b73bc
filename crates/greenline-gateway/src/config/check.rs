//! What a well-formed configuration can still get wrong.

mod opt_in;

use std::collections::BTreeSet;

use greenline_console::preference::look::{Colour, LIGHT, Look};
use greenline_ledger::address::{Postgres, Roots, Tls};
use greenline_policy::hold::HoldGroup;

use super::{Config, RepliesWhenDown, Store};
use crate::events::subscriber::is_allowed;
use crate::keyring::Keys;

/// The longest that messages may be held.
const HOLD_HOURS_MAX: u32 = 168;

/// The oldest rating that may still stop marketing.
const GUARD_HOURS_MAX: u16 = 720;

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
    check_store(&config.store, &mut findings);
    if config.store.url.is_postgres() && crate::imports::is_temporary(config) {
        findings.warn(
            "imports.folder: empty, so imports lie among this machine's temporary files, which do not outlive a reboot; name a folder that does"
                .to_owned(),
        );
    }
    if config.store.url.is_postgres() && crate::screen::job::is_temporary(config) {
        findings.warn(
            "screenings.folder: empty, so screenings lie among this machine's temporary files, which do not outlive a reboot; name a folder that does"
                .to_owned(),
        );
    }
    if config.screenings.waiting_max == 0 {
        findings.fatal("screenings.waiting_max: must be at least 1".to_owned());
    }
    let keys = Keys::new(config).look();
    if let Err(error) = keys {
        findings.fatal(error.to_string());
    }
    if let Err(what) = crate::sealer::publish_target(&config.proof) {
        findings.fatal(format!("proof.publish: {what}"));
    }
    if !(100..=3_600_000).contains(&config.proof.seal_every_ms) {
        findings.fatal("proof.seal_every_ms: must be from 100 to 3600000".to_owned());
    }
    if config.listen.public_url.is_empty() {
        findings.warn(
            "listen.public_url: empty, so no preference links can be made; that is one way out less for people"
                .to_owned(),
        );
    }
    if !config.upstream.url.starts_with("https://") && !is_loopback(&config.upstream.url) {
        findings.fatal("upstream.url: must be https, or http to this machine".to_owned());
    }
    if config.retention.decisions_days == 1 {
        findings.fatal("retention.decisions_days: must be at least 2, or 0 for good".to_owned());
    }
    if !(1..=HOLD_HOURS_MAX).contains(&config.limits.hold_max_hours) {
        findings.fatal(format!(
            "limits.hold_max_hours: must be from 1 to {HOLD_HOURS_MAX}"
        ));
    }
    let decisions_days = config.retention.decisions_days;
    if decisions_days > 1 && config.limits.hold_max_hours >= 24 * (decisions_days - 1) {
        findings.fatal(
            "limits.hold_max_hours: must be a day less than retention.decisions_days, or decisions about held messages would go before them"
                .to_owned(),
        );
    }
    if (1..15).contains(&config.retention.replies_days) {
        findings.fatal("retention.replies_days: must be at least 15, or 0 for good".to_owned());
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
    let events = crate::events::settings::wrong(config).into_iter();
    for text in events.chain(crate::alerts::settings::wrong(config)) {
        findings.fatal(text);
    }
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

fn check_store(store: &Store, findings: &mut Findings) {
    if store.url.sqlite_path().is_some() {
        return;
    }
    if !store.url.is_postgres() {
        findings.fatal(
            "store.url: must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE".to_owned(),
        );
        return;
    }
    match Postgres::parse(store.url.reveal()) {
        Err(error) => findings.fatal(format!("store.url: {error}")),
        Ok(address) if address.is_local() => {}
        Ok(address) => match address.tls() {
            Tls::Off | Tls::Prefer => findings.warn(
                "store.url: what goes to the database may travel in plain, its password aside; use sslmode=verify-full"
                    .to_owned(),
            ),
            Tls::Require if *address.roots() == Roots::Machine => findings.warn(
                "store.url: sslmode=require does not look at who the database is; use sslmode=verify-full"
                    .to_owned(),
            ),
            Tls::Require | Tls::VerifyCa | Tls::VerifyFull => {}
        },
    }
    if store.replies_when_down == RepliesWhenDown::Forward {
        findings.fatal(
            "store.replies_when_down: must be \"refuse\" with Postgres; on many nodes nothing is decided without the database"
                .to_owned(),
        );
    }
    if store.url.is_password_in_file() {
        findings.warn(
            "store.url: its password stands in the file in clear; put the address into a file of its own, named by store.url_file, or into GREENLINE__STORE__URL"
                .to_owned(),
        );
    }
}

fn is_loopback(url: &str) -> bool {
    ["http://127.", "http://localhost", "http://[::1]"]
        .iter()
        .any(|prefix| url.starts_with(prefix))
}

/// Ids stand in URLs.
pub(crate) fn is_id(id: &str) -> bool {
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
        if business.portfolio_limit == Some(0) {
            findings.fatal(format!(
                "business `{id}`: portfolio_limit must be at least 1; leave it out for the platform's limit alone"
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
        check_page(business, findings);
        check_avenues(business, findings);
        opt_in::check(business, findings);
        check_places(business, findings);
        check_quality_guard(business, findings);
        check_caps(business, config.retention.decisions_days, findings);
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

/// An ask goes only while there is a way out that needs no notification.
fn check_avenues(business: &super::Business, findings: &mut Findings) {
    let (id, avenues) = (&business.id, &business.avenues);
    let published = &avenues.preference_page_published_at;
    if !published.is_empty() && !published.starts_with("https://") {
        findings.warn(format!(
            "business `{id}`: avenues.preference_page_published_at: is not an https address; people should reach the page from a published place"
        ));
    }
    let asks = business.template.iter().any(|template| template.ask);
    if asks && published.is_empty() && avenues.staff.is_empty() && avenues.api != Some(true) {
        findings.warn(format!(
            "business `{id}`: has asks but names no way out that needs no notification; they go only while people write to a number, see avenues.preference_page_published_at and avenues.staff"
        ));
    }
}

fn check_places(business: &super::Business, findings: &mut Findings) {
    let mut wrong = Vec::new();
    let places = crate::places::Places::read(business, &mut wrong);
    crate::own::OwnRules::read(business, &mut wrong);
    for text in wrong {
        findings.fatal(format!("business `{}`: {text}", business.id));
    }
    let never = places.never_free();
    let never: Vec<&str> = never.iter().map(|country| country.as_str()).collect();
    if !never.is_empty() {
        findings.warn(format!(
            "business `{}`: quiet_hours: so long that numbers which tell no area are never free of them in {}; make them shorter if you write there",
            business.id,
            never.join(", ")
        ));
    }
}

fn check_caps(business: &super::Business, decisions_days: u32, findings: &mut Findings) {
    for text in crate::caps::wrong(business, decisions_days) {
        findings.fatal(format!("business `{}`: {text}", business.id));
    }
}

fn check_quality_guard(business: &super::Business, findings: &mut Findings) {
    let guard = &business.quality_guard;
    if !(1..=GUARD_HOURS_MAX).contains(&guard.max_age_hours) {
        findings.fatal(format!(
            "business `{}`: quality_guard.max_age_hours: must be from 1 to {GUARD_HOURS_MAX}",
            business.id
        ));
    }
    if guard.stop_marketing_at.is_some() && business.access_token.is_empty() {
        findings.warn(format!(
            "business `{}`: quality_guard: without access_token ratings are learned only from what apps read; until one is, nothing is stopped",
            business.id
        ));
    }
}

fn check_page(business: &super::Business, findings: &mut Findings) {
    let (id, page) = (&business.id, &business.page);
    if let Err(error) = crate::preferences::brand::logo(&page.logo) {
        findings.fatal(format!("business `{id}`: page.logo: {error}"));
    }
    if !page.privacy_url.is_empty() && !page.privacy_url.starts_with("https://") {
        findings.fatal(format!(
            "business `{id}`: page.privacy_url: must be an https address"
        ));
    }
    match Colour::parse(&page.accent) {
        Some(given) if Look::new(given).light != given => findings.warn(format!(
            "business `{id}`: page.accent: {given} on a light page cannot be read (contrast {:.1}, needs 4.5); pages use {}",
            given.contrast(LIGHT),
            Look::new(given).light
        )),
        None if !page.accent.is_empty() => findings.fatal(format!(
            "business `{id}`: page.accent: `{}` is not a colour like #0b6b3a",
            page.accent
        )),
        _ => {}
    }
    for topic in page.topics.keys() {
        if !business.topics.contains(topic) {
            findings.warn(format!(
                "business `{id}`: page.topics names `{topic}`, which is not among its topics"
            ));
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
    check_hold(business, app, &place, findings);
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
    let allowed = app
        .relay_url
        .parse()
        .is_ok_and(|url| is_allowed(&config.relay.allow_hosts, &url));
    if !app.relay_url.starts_with("https://") && !allowed {
        findings.fatal(format!(
            "{place}: relay_url must be https, or its host listed in relay.allow_hosts"
        ));
    }
}

/// What an app may ask to have held.
fn check_hold(business: &super::Business, app: &super::App, place: &str, findings: &mut Findings) {
    if app.hold.is_empty() {
        return;
    }
    for name in &app.hold {
        if HoldGroup::parse(name).is_none() {
            let known = HoldGroup::ALL.map(HoldGroup::as_str).join(", ");
            findings.fatal(format!(
                "{place}: hold names `{name}`, which nothing can be held for; there are {known}"
            ));
        }
    }
    if app.key.is_empty() {
        findings.fatal(format!(
            "{place}: hold needs a key: the platform token of an app that keeps its own is not kept here, so nothing could be sent for it later"
        ));
    }
    if app.relay_url.is_empty() {
        findings.warn(format!(
            "{place}: hold without relay_url: the app is not told when a message that was held does not go"
        ));
    }
    if business.mode == super::Mode::Observe {
        findings.warn(format!(
            "{place}: hold does nothing while the business only observes"
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn imports_among_temporary_files_are_warned_of() {
        let warned = |text: &str| {
            let config = super::super::parse(text, "test", Path::new("."), std::iter::empty());
            let findings = check(&config.unwrap());
            let mut found = findings.iter().filter(|finding| !finding.fatal);
            found.any(|finding| finding.text.contains("imports.folder"))
        };
        let postgres = "[store]\nurl = \"postgres://localhost/greenline\"\n";
        assert!(warned(postgres));
        assert!(!warned(&format!(
            "{postgres}[imports]\nfolder = \"/var/lib/greenline\"\n"
        )));
        assert!(!warned(""));
    }
}
