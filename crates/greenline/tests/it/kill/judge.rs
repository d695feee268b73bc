//! Judges the whole history: what arrived, against what was acknowledged and what is on disk.

use std::collections::{HashMap, HashSet};

use greenline_sim::Received;
use serde_json::Value;

use super::books::Books;
use super::history::{History, Inner, Turn, What};

/// How far two readings of one machine's clock may lie apart.
const CLOCK_MS: i64 = 50;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What must never be.
    pub(super) wrong: Vec<String>,
    /// Sends of the apps that arrived.
    pub(super) arrived: usize,
    /// Of these, sends whose app got no answer.
    pub(super) arrived_unanswered: usize,
    /// Of these, sends to people who had stopped and come back.
    pub(super) arrived_after_return: usize,
    /// Sends that were refused.
    pub(super) refused: usize,
    /// Stops that were acknowledged.
    pub(super) stops: usize,
    /// Messages of Greenline's own that arrived.
    pub(super) own: usize,
    /// Webhooks acknowledged.
    pub(super) acknowledged: usize,
    /// Different deliveries that the app got.
    pub(super) relayed: usize,
    /// Calls that a kill left without an answer.
    pub(super) cut_off: usize,
    /// Decisions on disk.
    pub(super) decisions: usize,
}

/// Judges. `zero_ms` is the Unix time at which the platform's nanoseconds are 0.
pub(super) fn judge(
    received: &[Received],
    history: &History,
    books: &Books,
    zero_ms: i64,
) -> Findings {
    let inner = history.inner();
    let turns = inner.turns.values().flatten();
    let mut findings = Findings {
        wrong: inner.wrong.clone(),
        refused: inner.refused,
        stops: turns.filter(|turn| turn.what == What::Stopped).count(),
        acknowledged: inner
            .posted
            .values()
            .filter(|acknowledged| **acknowledged)
            .count(),
        relayed: inner.relayed.len(),
        cut_off: inner.cut_off,
        decisions: books.decisions.len(),
        ..Findings::default()
    };
    let mut seen = HashSet::new();
    let mut own: HashMap<&str, usize> = HashMap::new();
    for request in received.iter().filter(|request| request.is_send()) {
        let person = request.to.as_deref().unwrap_or_default();
        let Some(id) = decision_of(request) else {
            *own.entry(person).or_default() += 1;
            continue;
        };
        findings.arrived += 1;
        findings.arrived_unanswered += usize::from(!inner.sent.contains(&id));
        if !seen.insert(id.clone()) {
            findings
                .wrong
                .push(format!("two sends arrived with the decision {id}"));
        }
        let turns = inner
            .turns
            .get(person)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let returned = turns
            .iter()
            .any(|turn| turn.what == What::Stopped && turn.at_ns < request.body_ns);
        findings.arrived_after_return += usize::from(returned);
        let wrong = match books.decisions.get(&id) {
            None => Err(format!("law 3: {id} arrived and is not on disk")),
            Some(decision) => covered(decision, person, books)
                .and_then(|()| timely(request, decision, turns, zero_ms)),
        };
        findings.wrong.extend(wrong.err());
    }
    for id in inner.sent.iter().filter(|id| !seen.contains(*id)) {
        findings
            .wrong
            .push(format!("{id} was answered as sent and never arrived"));
    }
    own_messages(&own, &inner, books, &mut findings);
    let missing =
        |(body, acknowledged): &(&_, &bool)| **acknowledged && !inner.relayed.contains(*body);
    let missing = inner.posted.iter().filter(missing).count();
    if missing > 0 {
        findings.wrong.push(format!(
            "law 4: {missing} acknowledged webhooks never came to the app"
        ));
    }
    findings
}

/// The decision that goes along with a send of an app.
fn decision_of(request: &Received) -> Option<String> {
    let body: Value = serde_json::from_slice(request.body.as_deref()?).ok()?;
    Some(body["biz_opaque_callback_data"].as_str()?.to_owned())
}

/// Each request reads the clock before it queues for the ledger, and the queue alone orders them: of two that
/// meet there, the later may have read the clock first.
const QUEUED_MS_MAX: i64 = 2_000;

/// Laws 2 and 3: the decision on disk allowed it, and rests on a yes of this very person.
fn covered(decision: &Value, person: &str, books: &Books) -> Result<(), String> {
    if decision["decision"] != "allow" || decision["template"]["name"] != "spring_offer" {
        return Err(format!("law 3: what arrived was not allowed by {decision}"));
    }
    let reasons = decision["reasons"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let covering = reasons
        .iter()
        .filter_map(|reason| books.events.get(reason["event"].as_str()?))
        .any(|event| {
            let scope = event["scope"].as_str().unwrap_or_default();
            event["person"]["wa_id"] == person
                && event["event"] == "granted"
                && ["marketing", "all"].contains(&scope)
                && instant_ms(&event["recorded_at"]) <= instant_ms(&decision["at"]) + QUEUED_MS_MAX
        });
    if covering {
        Ok(())
    } else {
        Err(format!(
            "law 2: no yes of the person is named by {decision}"
        ))
    }
}

/// Law 1: nothing arrives between an acknowledged stop and whatever may open next. What was not decided
/// yet cannot have arrived, so a send is no earlier than its decision either.
fn timely(
    request: &Received,
    decision: &Value,
    turns: &[Turn],
    zero_ms: i64,
) -> Result<(), String> {
    let decided_ms = instant_ms(&decision["at"]) - zero_ms - CLOCK_MS;
    let decided_ns = u64::try_from(decided_ms).unwrap_or(0) * 1_000_000;
    let not_before_ns = request.not_before_ns.max(decided_ns);
    let by_arrival = |turn: &&Turn| match turn.what {
        What::Opens => turn.at_ns <= request.body_ns,
        What::Stopped => turn.at_ns <= not_before_ns,
    };
    match turns.iter().rfind(by_arrival).map(|turn| turn.what) {
        Some(What::Opens) => Ok(()),
        Some(What::Stopped) => Err(format!("law 1: {request:?} by {decision} after {turns:?}")),
        None => Err(format!("law 2: {request:?} before any yes")),
    }
}

/// Greenline's own messages: one confirmation a stop word at most, each decided.
fn own_messages(own: &HashMap<&str, usize>, inner: &Inner, books: &Books, findings: &mut Findings) {
    for (person, count) in own {
        findings.own += count;
        let words = inner.stop_words.get(*person).copied().unwrap_or(0);
        if *count > words {
            findings
                .wrong
                .push(format!("{count} confirmations of {words} stop words"));
        }
    }
    let decided = books.decisions.values().filter(|decision| {
        decision["app"] == "greenline"
            && decision["decision"] == "allow"
            && decision["what"] == "confirmation"
    });
    let decided = decided.count();
    if findings.own > decided {
        let own = findings.own;
        findings.wrong.push(format!(
            "law 3: {own} own messages arrived, {decided} were allowed"
        ));
    }
}

fn instant_ms(value: &Value) -> i64 {
    let text = value.as_str().expect("a time");
    let at: jiff::Timestamp = text.parse().expect("a time after RFC 3339");
    at.as_millisecond()
}
