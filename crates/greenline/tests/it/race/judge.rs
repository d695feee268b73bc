//! Judges races by what arrived at the platform, and when.

use std::collections::{HashMap, HashSet};

use greenline_sim::Received;
use serde_json::Value;

use super::scene::{Avenue, Played, Race, Sent};

/// The code of every refusal here.
const STOPPED: u64 = 131_050;
/// The code of a refusal because the store is down: certainly not sent.
const UNAVAILABLE: u64 = 131_016;
/// An allowed send may begin to go out for so long (law 1); counted here from before it was made.
const DISPATCH_NS: u64 = 2_000_000_000;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) races: usize,
    pub(crate) sends: usize,
    /// Sends that certainly arrived after their stop was acknowledged.
    pub(crate) late: Vec<String>,
    /// Whatever else is not as it must be.
    pub(crate) wrong: Vec<String>,
    /// Races in which an allowed send was on its way when the stop came or arrived while it was handled.
    pub(crate) close: usize,
    /// Sends that arrived while the stop was being handled.
    pub(crate) arrived_during: usize,
    /// Sends begun before the acknowledgement and refused.
    pub(crate) refused_before: usize,
    /// Sends begun after the acknowledgement; all must be refused.
    pub(crate) refused_after: usize,
    /// Sends read after the acknowledgement that may have arrived before it.
    pub(crate) doubtful: usize,
    /// Sends whose app got no answer, as a node died.
    pub(crate) unanswered: usize,
    /// Sends refused because the store was down.
    pub(crate) unavailable: usize,
    /// On a slow line or after a stall: sends that began so long before the acknowledgement that none waits for them any more.
    pub(crate) excused: usize,
}

/// What is not held against the gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lenience {
    /// A send may still be on the line at the end of its dispatch deadline, written but not arrived; a stop
    /// need not wait longer than that.
    pub(crate) slow_line: bool,
    /// Nodes die and lose their database: sends get no answer, or are refused as certainly not sent.
    pub(crate) faults: bool,
}

/// Judges what was played.
pub(crate) fn judge(played: &Played, lenience: Lenience) -> Findings {
    let mut findings = Findings {
        races: played.races.len(),
        ..Findings::default()
    };
    let mut arrivals = Arrivals::of(&played.arrivals, &mut findings.wrong);
    for race in &played.races {
        let mut close = false;
        for sent in &race.sends {
            findings.sends += 1;
            let arrived = arrivals.of_apps.remove(sent.token.as_str());
            answered(race, sent, arrived, lenience, &mut findings);
            let Some(arrived) = arrived else { continue };
            let under_way = sent.begun_ns <= race.posted_ns && race.posted_ns <= sent.answered_ns;
            let during =
                race.posted_ns <= arrived.body_ns && arrived.body_ns <= race.acknowledged_ns;
            close |= under_way || during;
            findings.arrived_during += usize::from(during);
            timely(race, sent, arrived, lenience, &mut findings);
        }
        findings.close += usize::from(close);
        let own = arrivals.own.remove(race.person.as_str()).unwrap_or(0);
        if own > usize::from(race.avenue == Avenue::Word) {
            findings
                .wrong
                .push(format!("{race:?}: {own} messages of Greenline's own"));
        }
    }
    for token in arrivals.of_apps.keys() {
        findings
            .wrong
            .push(format!("{token} arrived and nobody sent it"));
    }
    findings
}

/// The answer and the arrival say the same, and no yes was given after the acknowledgement.
fn answered(
    race: &Race,
    sent: &Sent,
    arrived: Option<&Received>,
    lenience: Lenience,
    findings: &mut Findings,
) {
    if !sent.answered && lenience.faults {
        findings.unanswered += 1;
        return;
    }
    if sent.refused == Some(UNAVAILABLE) && lenience.faults {
        findings.unavailable += 1;
    } else if sent.refused.is_some_and(|code| code != STOPPED) {
        findings.wrong.push(format!("{sent:?}: another refusal"));
    }
    if sent.refused.is_none() != arrived.is_some() {
        findings
            .wrong
            .push(format!("{sent:?}: answer and arrival differ: {arrived:?}"));
    }
    let after = sent.begun_ns >= race.acknowledged_ns;
    match (sent.refused.is_some(), after) {
        (true, true) => findings.refused_after += 1,
        (true, false) => findings.refused_before += 1,
        (false, true) => findings
            .wrong
            .push(format!("{sent:?}: allowed after {race:?}")),
        (false, false) => {}
    }
}

/// Law 1: nothing arrives after the acknowledgement.
fn timely(
    race: &Race,
    sent: &Sent,
    arrived: &Received,
    lenience: Lenience,
    findings: &mut Findings,
) {
    if arrived.not_before_ns >= race.acknowledged_ns {
        let forgiving = lenience.slow_line || lenience.faults;
        if forgiving && race.acknowledged_ns >= sent.begun_ns + DISPATCH_NS {
            findings.excused += 1;
        } else {
            let by_ns = arrived.not_before_ns - race.acknowledged_ns;
            let avenue = race.avenue;
            findings.late.push(format!(
                "{}: more than {by_ns} ns after its stop ({avenue:?}) was acknowledged",
                sent.token
            ));
        }
    } else if arrived.body_ns >= race.acknowledged_ns {
        findings.doubtful += 1;
    }
}

/// What arrived: sends of the apps by their tokens, and counts of Greenline's own by person.
struct Arrivals<'a> {
    of_apps: HashMap<String, &'a Received>,
    own: HashMap<&'a str, usize>,
}

impl<'a> Arrivals<'a> {
    fn of(received: &'a [Received], wrong: &mut Vec<String>) -> Self {
        let mut arrivals = Self {
            of_apps: HashMap::new(),
            own: HashMap::new(),
        };
        let mut seen = HashSet::new();
        for request in received.iter().filter(|request| request.is_send()) {
            match token(request) {
                Some(token) => {
                    if !seen.insert(token.clone()) {
                        wrong.push(format!("{token} arrived twice"));
                    }
                    arrivals.of_apps.insert(token, request);
                }
                None => {
                    *arrivals
                        .own
                        .entry(request.to.as_deref().unwrap_or_default())
                        .or_default() += 1;
                }
            }
        }
        arrivals
    }
}

fn token(request: &Received) -> Option<String> {
    let body: Value = serde_json::from_slice(request.body.as_deref()?).ok()?;
    Some(body["biz_opaque_callback_data"].as_str()?.to_owned())
}
