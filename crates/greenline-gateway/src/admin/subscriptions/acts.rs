//! What is done with subscriptions, through the API or from a page.

use axum::http::Uri;
use greenline_ledger::subscription::{REPLAY_STEP_MAX, Replay, Subscription};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::admin::auth::Who;
use crate::admin::problem::{Kind, Problem};
use crate::admin::shape::time;
use crate::app::App;
use crate::config::May;
use crate::directory::Business;
use crate::events;
use crate::events::record::{EventType, Made, Record, State};
use crate::events::secret::{self, SecretRef};
use crate::events::subscriber::is_allowed;
use crate::keyring::{self, Purpose};
use crate::upstream::reach::is_public;

use super::REPLAY_EVENTS_MAX;

/// Bytes of an address at most.
const URL_BYTES_MAX: usize = 2_048;
/// Characters of a description at most.
const DESCRIPTION_CHARS_MAX: usize = 200;
/// Hours that a secret may sign beside the one after it.
const PREVIOUS_HOURS_MAX: u32 = 168;
/// Secrets that sign at once.
const SECRETS_MAX: usize = 2;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// What is to change; what is `None` stays.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Whether events go.
    pub(super) state: Option<State>,
    /// Which types.
    pub(super) types: Option<Vec<String>>,
    /// Whether imports are told.
    pub(super) imports: Option<bool>,
    /// What people call it.
    pub(super) description: Option<String>,
}

/// Changes, pauses or sets it going; how it stands then, and since when it got nothing before.
pub(super) async fn change(
    app: &App,
    who: &Who,
    (business, id): (&Business, &str),
    asked: Change,
) -> Result<(Record, Option<i64>), Problem> {
    who.must(May::Manager)?;
    if asked.types.is_some() || asked.imports.is_some() || asked.description.is_some() {
        who.must(May::Admin)?;
        check_is_ours(&find(app, business, id).await?)?;
    }
    let why = format!("paused by {}", who.name());
    let now_ms = app.clock.now_ms();
    let mut since_ms = None;
    let changed = events::change(app, business.ix, id, |record| {
        since_ms = record.why.as_ref().map(|(since_ms, _)| *since_ms);
        if let Some(state) = asked.state
            && state != record.wish.state
        {
            record.set(state, &why, now_ms);
        }
        if let Some(types) = &asked.types {
            record.wish.types.clone_from(types);
        }
        if let Some(imports) = asked.imports {
            record.wish.imports = imports;
        }
        if let Some(description) = &asked.description {
            record.description.clone_from(description);
        }
        true
    });
    let record = changed.await?.ok_or_else(none)?;
    if asked.state == Some(State::Active) {
        events::resume(app, business.ix, id).await?;
    }
    tracing::info!(business.id = %business.config.id, subscription.id = id, actor = who.name(), state = record.wish.state.as_str(), "a subscription was changed");
    Ok((record, since_ms))
}

/// Ends it.
pub(super) async fn remove(
    app: &App,
    who: &Who,
    (business, id): (&Business, &str),
) -> Result<(), Problem> {
    who.must(May::Admin)?;
    check_is_ours(&find(app, business, id).await?)?;
    app.ledger.remove_subscription(business.ix, id).await?;
    app.events.forget(business.ix);
    tracing::info!(business.id = %business.config.id, subscription.id = id, actor = who.name(), "a subscription was ended");
    Ok(())
}

/// A new secret.
pub(super) struct Rotated {
    /// To be shown this once.
    pub(super) secret: String,
    /// Until when the one before signs too.
    pub(super) previous_until_ms: Option<i64>,
}

/// Gives it a new secret; with `after`, only if the newest one is still that of [`mark`].
pub(super) async fn rotate(
    app: &App,
    who: &Who,
    (business, id): (&Business, &str),
    hours: u32,
    after: Option<&str>,
) -> Result<Rotated, Problem> {
    who.must(May::Admin)?;
    if hours > PREVIOUS_HOURS_MAX {
        let text = format!("{PREVIOUS_HOURS_MAX} hours at most");
        return Err(Problem::invalid("previous_valid_hours", text));
    }
    check_is_ours(&find(app, business, id).await?)?;
    let secret = new_secret(app)?;
    let shown = show(app, business, id, &secret)?;
    let until_ms = app.clock.now_ms() + i64::from(hours) * HOUR_MS;
    let mut is_other = false;
    let changed = events::change(app, business.ix, id, |record| {
        is_other = after.is_some_and(|after| after != mark(record));
        if is_other {
            return false;
        }
        let secrets = &mut record.wish.secrets;
        // Only the newest one goes on beside the new one.
        secrets.truncate(SECRETS_MAX - 1);
        for before in secrets.iter_mut() {
            before.until_ms = Some(
                before
                    .until_ms
                    .map_or(until_ms, |known| known.min(until_ms)),
            );
        }
        if hours == 0 {
            secrets.clear();
        }
        secrets.insert(0, secret.clone());
        true
    });
    changed.await?.ok_or_else(none)?;
    if is_other {
        return Err(Problem::new(
            Kind::Conflict,
            "it has another secret by now; this changed nothing",
        ));
    }
    tracing::info!(business.id = %business.config.id, subscription.id = id, actor = who.name(), "the secret of a subscription was rotated");
    Ok(Rotated {
        secret: shown,
        previous_until_ms: (hours > 0).then_some(until_ms),
    })
}

/// Tells its newest secret from any other and gives nothing of it away.
pub(super) fn mark(record: &Record) -> String {
    let newest = record.wish.secrets.first();
    let nonce = newest.map_or("", |secret| secret.nonce.as_str());
    let digest = Sha256::digest(nonce);
    digest
        .iter()
        .take(8)
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Sends it a test; the event's name.
pub(super) async fn ping(
    app: &App,
    who: &Who,
    (business, id): (&Business, &str),
) -> Result<String, Problem> {
    who.must(May::Manager)?;
    check_is_active(&find(app, business, id).await?)?;
    Ok(events::ping(app, business, id, chance()?).await?)
}

/// Sends it once more what came after that moment; how many those are, and where to go on.
pub(super) async fn replay(
    app: &App,
    who: &Who,
    (business, id): (&Business, &str),
    after: (i64, i64),
) -> Result<(u64, Option<(i64, i64)>), Problem> {
    who.must(May::Manager)?;
    let record = find(app, business, id).await?;
    check_is_active(&record)?;
    let mut step = Replay {
        business: business.ix,
        subscription: id.into(),
        imports: record.wish.imports,
        after,
        limit: REPLAY_STEP_MAX,
        now_ms: app.clock.now_ms(),
    };
    let mut events = 0;
    let mut next = None;
    for _ in 0..REPLAY_EVENTS_MAX / REPLAY_STEP_MAX {
        let done = app.ledger.replay_notices(step.clone()).await?;
        events += done.notices;
        next = done.next;
        match done.next {
            Some(after) => step.after = after,
            None => break,
        }
    }
    app.relay_due.notify_waiters();
    tracing::info!(business.id = %business.config.id, subscription.id = id, actor = who.name(), events, "events are sent once more");
    Ok((events, next))
}

/// Where a replay goes on: a moment alone would name whatever else was recorded at it once more, for ever where that
/// is more than one request replays.
pub(super) fn next_from((at_ms, number): (i64, i64)) -> String {
    format!("{}/{number}", time(at_ms))
}

/// After which event a replay begins.
pub(super) fn replay_after(from: &str) -> Option<(i64, i64)> {
    let from = from.trim();
    let (moment, number) = match from.split_once('/') {
        Some((moment, number)) => (moment, number.parse().ok()?),
        None => (from, i64::MIN),
    };
    let moment: Timestamp = moment.parse().ok()?;
    Some((moment.as_millisecond(), number))
}

pub(super) fn none() -> Problem {
    Problem::not_found("the business has no such subscription")
}

/// The subscriptions of a business, by id, but for those that do not read.
pub(super) async fn all(
    app: &App,
    business: &Business,
) -> Result<Vec<(Box<str>, Record)>, Problem> {
    let kept = app.ledger.subscriptions(business.ix).await?;
    let read = |one: Subscription| Some((one.id, Record::read(&one.body).ok()?));
    Ok(kept.into_iter().filter_map(read).collect())
}

/// One of them.
pub(super) async fn find(app: &App, business: &Business, id: &str) -> Result<Record, Problem> {
    let kept = app.ledger.subscriptions(business.ix).await?;
    let one = kept.iter().find(|one| &*one.id == id).ok_or_else(none)?;
    Record::read(&one.body).map_err(|_| none())
}

pub(super) fn check_is_ours(record: &Record) -> Result<(), Problem> {
    match record.wish.made {
        Made::Api => Ok(()),
        Made::Config => Err(Problem::new(
            Kind::NotReady,
            "it stands in the configuration, under business.subscription; change it there",
        )),
    }
}

fn check_is_active(record: &Record) -> Result<(), Problem> {
    match record.wish.state {
        State::Active => Ok(()),
        State::Paused | State::Disabled => Err(Problem::new(
            Kind::NotReady,
            "nothing is sent there now; resume it first with {\"state\": \"active\"}",
        )),
    }
}

pub(super) fn types(asked: Vec<String>) -> Result<Vec<String>, Problem> {
    if asked.iter().all(|one| EventType::parse(one).is_some()) {
        let mut asked = asked;
        asked.sort();
        asked.dedup();
        return Ok(asked);
    }
    let offered = EventType::OFFERED.iter().map(|one| one.as_str().to_owned());
    Err(Problem::invalid("types", "no such type of event").allowed(offered))
}

pub(super) fn description(text: String) -> Result<String, Problem> {
    if text.chars().count() > DESCRIPTION_CHARS_MAX {
        let limit = format!("{DESCRIPTION_CHARS_MAX} characters at most");
        return Err(Problem::invalid("description", limit));
    }
    Ok(text)
}

/// What can be told of an address before it is connected to.
pub(super) fn check_url(app: &App, url: &str) -> Result<(), Problem> {
    let wrong = |text: &'static str| Err(Problem::invalid("url", text));
    if url.len() > URL_BYTES_MAX {
        return wrong("2,048 bytes at most");
    }
    let Ok(uri) = url.parse::<Uri>() else {
        return wrong("not an address");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return wrong("must be a whole address, such as https://crm.example/events");
    };
    if authority.as_str().contains('@') || url.contains('#') {
        return wrong("holds neither a user nor a fragment");
    }
    let is_free = is_allowed(&app.config.events.allow_hosts, &uri);
    if scheme != "https" && !(is_free && scheme == "http") {
        return wrong("must be https, unless the operator allows its host in events.allow_hosts");
    }
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let address: Option<std::net::IpAddr> = host.parse().ok();
    if !is_free && address.is_some_and(|address| !is_public(address)) {
        return wrong("not a public address, and not in events.allow_hosts");
    }
    Ok(())
}

fn keys_problem(error: &keyring::KeysError) -> Problem {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "no keys for secrets of subscriptions"
    );
    Problem::new(
        Kind::NotReady,
        "the file of keys cannot be used; the log says why, and so does `greenline doctor`",
    )
}

pub(super) fn chance() -> Result<u64, Problem> {
    let mut bytes = [0; 8];
    keyring::fill(&mut bytes).map_err(|error| keys_problem(&error))?;
    Ok(u64::from_be_bytes(bytes))
}

pub(super) fn new_secret(app: &App) -> Result<SecretRef, Problem> {
    let ring = app.keys.open(app.clock.now_ms());
    let ring = ring.map_err(|error| keys_problem(&error))?;
    let key = ring.newest(Purpose::Link);
    let key = key.ok_or_else(|| Problem::new(Kind::NotReady, "there is no key for secrets"))?;
    Ok(SecretRef {
        key: key.id.to_string(),
        nonce: format!("{:016x}{:016x}", chance()?, chance()?),
        until_ms: None,
    })
}

pub(super) fn show(
    app: &App,
    business: &Business,
    id: &str,
    secret: &SecretRef,
) -> Result<String, Problem> {
    let ring = app.keys.open(app.clock.now_ms());
    let ring = ring.map_err(|error| keys_problem(&error))?;
    secret::show(&ring, (&business.config.id, id), secret)
        .ok_or_else(|| Problem::new(Kind::NotReady, "there is no key for secrets"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_goes_on_behind_the_very_event_it_ended_at() {
        for at in [(1_795_615_387_500, 7), (1_795_615_387_501, -3)] {
            assert_eq!(replay_after(&next_from(at)), Some(at));
        }
        let from_start = Some((1_795_615_387_000, i64::MIN));
        assert_eq!(replay_after(" 2026-11-25T14:03:07Z "), from_start);
        for other in [
            "",
            "yesterday",
            "2026-11-25T14:03:07Z/",
            "/7",
            "2026-11-25/7",
        ] {
            assert_eq!(replay_after(other), None, "{other}");
        }
    }
}
