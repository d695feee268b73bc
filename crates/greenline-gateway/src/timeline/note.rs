//! Writes on the timeline what no webhook tells: what a read found changed, what a send was refused with, who has a
//! number's threads, and reads that fail.
//!
//! Each change is written once, however many nodes see it: an entry comes with a delivery to nobody whose bytes name
//! what it contradicts, and the same bytes again change nothing.

use greenline_ledger::LedgerError;
use greenline_ledger::notice::Notice;
use greenline_ledger::types::{BusinessIx, Delivery, Effect, Lane, TemplateView};
use greenline_wire::answer::{self, Health, Template};
use greenline_wire::ascii;

use super::{LOOKED_AT_MAX, OWN, READ, REFUSAL, Stands, THREAD, standing, word};
use crate::app::App;

/// How long a refusal is not noted again that nothing has lifted since.
const REFUSAL_EVERY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How often at most who has a number's threads is noted anew: some threads may be another app's and others not.
const THREAD_EVERY_MS: i64 = 10 * 60 * 1_000;
/// Another app has a thread of the number.
pub(crate) const STOOD_BY: &str = "stood_by";
/// People write to this one.
pub(crate) const WROTE: &str = "wrote";

/// An entry to be.
struct Note<'n> {
    subject: &'static str,
    subject_id: &'n str,
    origin: &'static str,
    event: &'n str,
    at_ms: i64,
    body: String,
    /// What makes it this one and no other.
    name: String,
}

async fn write(app: &App, business: BusinessIx, note: Note<'_>) -> Result<(), LedgerError> {
    let body = Notice::Timeline {
        name: note.name.into(),
    };
    let ingested = app
        .ledger
        .ingest(Delivery {
            business,
            received_ms: app.clock.now_ms(),
            body: body.encode()?.into(),
            headers: Vec::new(),
            // Not among the events: a replay would tell it as one.
            lane: Lane::Account,
            relay_to: Vec::new(),
            effects: vec![Effect::Timeline {
                subject: note.subject,
                subject_id: note.subject_id.into(),
                origin: note.origin.into(),
                event: note.event.into(),
                at_ms: note.at_ms,
                body: note.body.into(),
            }],
        })
        .await?;
    if !ingested.duplicate {
        app.timeline_grew.notify_one();
    }
    Ok(())
}

fn changed(before: Option<&str>, after: &str) -> String {
    let after = ascii::string(after);
    match before {
        Some(before) => format!("{{\"before\":{},\"after\":{after}}}", ascii::string(before)),
        None => format!("{{\"after\":{after}}}"),
    }
}

/// Takes down what a read found that is not as it was last told; what is newer than the read stands.
///
/// # Errors
/// The ledger's.
pub(crate) async fn seen(
    app: &App,
    business: BusinessIx,
    (subject, subject_id): (&'static str, &str),
    values: &[(&str, String)],
    at_ms: i64,
) -> Result<(), LedgerError> {
    if values.is_empty() {
        return Ok(());
    }
    let of = Some((subject, subject_id));
    let newest = app
        .ledger
        .timeline(business, of, None, LOOKED_AT_MAX)
        .await?;
    let stands = standing(&newest);
    for (what, value) in values {
        let before = stands.get(*what);
        if before.is_some_and(|before| before.value == *value || before.at_ms > at_ms) {
            continue;
        }
        let after = before.map_or(0, |before| before.seq);
        let note = Note {
            subject,
            subject_id,
            origin: READ,
            event: what,
            at_ms,
            body: changed(before.map(|before| &*before.value), value),
            name: format!("{READ}:{subject}:{subject_id}:{what}:{after}:{value}"),
        };
        write(app, business, note).await?;
    }
    Ok(())
}

/// A template that a list shows otherwise than the ledger had it; one that was not known is no change.
///
/// # Errors
/// The ledger's.
pub(crate) async fn template_seen(
    app: &App,
    business: BusinessIx,
    known: &TemplateView,
    read: &Template<'_>,
    at_ms: i64,
) -> Result<(), LedgerError> {
    let category = known
        .category
        .map(|category| category.as_str().to_uppercase());
    let pairs = [
        ("status", known.status.as_deref(), read.status.as_deref()),
        ("category", category.as_deref(), read.category.as_deref()),
        ("quality", known.quality.as_deref(), read.quality.as_deref()),
    ];
    let changed_since = |(what, before, after): (&'static str, Option<&str>, Option<&str>)| {
        let (before, after) = (before?, after?);
        (before != after).then(|| (what, before.to_owned(), word(after)))
    };
    let found: Vec<_> = pairs.into_iter().filter_map(changed_since).collect();
    if known.at_ms > at_ms {
        return Ok(());
    }
    for (what, before, after) in found {
        let subject_id = read.id.as_deref().unwrap_or(&known.name);
        let note = Note {
            subject: "template",
            subject_id,
            origin: READ,
            event: what,
            at_ms,
            body: changed(Some(&before), &after),
            name: format!(
                "{READ}:template:{subject_id}:{what}:{}:{after}",
                known.at_ms
            ),
        };
        write(app, business, note).await?;
    }
    Ok(())
}

/// What `health_status` says, in one line: the word over all, and every code in the way.
pub(crate) fn health_line(health: &Health<'_>) -> Option<String> {
    let overall = health.can_send.as_deref()?;
    let errors = health.entities.iter().flat_map(|entity| &entity.errors);
    let mut codes: Vec<i64> = errors
        .filter_map(|error: &answer::HealthError<'_>| error.code)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let codes = codes.iter().map(|code| format!(" {code}"));
    Some(word(
        &codes.fold(overall.to_owned(), |line, code| line + &code),
    ))
}

/// Takes down that sends are refused with a code that says something of the number or its account; once, until a read
/// called the account AVAILABLE or a day went by.
///
/// # Errors
/// The ledger's.
pub(crate) async fn refused(
    app: &App,
    business: BusinessIx,
    number: &str,
    code: u32,
    at_ms: i64,
) -> Result<(), LedgerError> {
    let Some(known) = app.directory.number(number) else {
        return Ok(());
    };
    // The limit for spam is the number's, everything else the account's.
    let (subject, subject_id) = match code {
        131_048 => ("number", &*known.id),
        _ => ("account", &*known.waba_id),
    };
    let event = code.to_string();
    let of = Some((subject, subject_id));
    let newest = app
        .ledger
        .timeline(business, of, None, LOOKED_AT_MAX)
        .await?;
    let is_same = |origin: &str, said: &str| origin == REFUSAL && said == event;
    let last = newest
        .iter()
        .find(|entry| is_same(&entry.origin, &entry.event));
    if let Some(last) = last {
        let facts = app
            .ledger
            .number_known(business, &known.id, &known.waba_id)
            .await?;
        let is_lifted = facts.available_ms > Some(last.at_ms);
        if !is_lifted && at_ms.saturating_sub(last.at_ms) < REFUSAL_EVERY_MS {
            return Ok(());
        }
    }
    let after = last.map_or(0, |last| last.seq);
    let note = Note {
        subject,
        subject_id,
        origin: REFUSAL,
        event: &event,
        at_ms,
        body: format!("{{\"code\":{code},\"number\":{}}}", ascii::string(number)),
        name: format!("{REFUSAL}:{subject}:{subject_id}:{code}:{after}"),
    };
    write(app, business, note).await
}

/// Takes down whose the threads of a number are, by where the last message came in.
///
/// # Errors
/// The ledger's.
pub(crate) async fn thread(
    app: &App,
    business: BusinessIx,
    number: &str,
    stood_by: bool,
    at_ms: i64,
) -> Result<(), LedgerError> {
    let of = Some((THREAD, number));
    let newest = app.ledger.timeline(business, of, None, 1).await?;
    let last = newest.first();
    let event = if stood_by { STOOD_BY } else { WROTE };
    // Nothing was ever said of standing by: that people write is no news.
    let is_news = match last {
        None => stood_by,
        Some(last) => &*last.event != event && at_ms.saturating_sub(last.at_ms) >= THREAD_EVERY_MS,
    };
    if !is_news {
        return Ok(());
    }
    let after = last.map_or(0, |last| last.seq);
    let note = Note {
        subject: THREAD,
        subject_id: number,
        origin: if stood_by { "standby" } else { "messages" },
        event,
        at_ms,
        body: "{}".to_owned(),
        name: format!("{THREAD}:{number}:{event}:{after}"),
    };
    write(app, business, note).await
}

/// Takes down that reads of something fail, or work again; what works and never failed is not told.
///
/// # Errors
/// The ledger's.
pub(crate) async fn reads(
    app: &App,
    business: BusinessIx,
    (subject, subject_id): (&'static str, &str),
    kind: &str,
    failing: Option<Option<u32>>,
) -> Result<(), LedgerError> {
    let of = Some((subject, subject_id));
    let newest = app
        .ledger
        .timeline(business, of, None, LOOKED_AT_MAX)
        .await?;
    let stands = standing(&newest);
    let last: Option<&Stands> = stands.get(&format!("reads.{kind}"));
    let was_failing = last.is_some_and(|last| last.value.starts_with("failing"));
    let (event, code) = match failing {
        Some(code) if !was_failing => (super::FAILING, code),
        None if was_failing => (super::RECOVERED, None),
        _ => return Ok(()),
    };
    let after = last.map_or(0, |last| last.seq);
    let code = code.map_or_else(|| "null".to_owned(), |code| code.to_string());
    let note = Note {
        subject,
        subject_id,
        origin: OWN,
        event,
        at_ms: app.clock.now_ms(),
        body: format!("{{\"kind\":\"{kind}\",\"code\":{code}}}"),
        name: format!("reads:{subject}:{subject_id}:{kind}:{event}:{after}"),
    };
    write(app, business, note).await
}
