//! What the platform keeps of each number, template, account, portfolio and person, and what changed when.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use super::agenda::Felt;
use super::hidden::Hidden;
use super::people::PersonBook;
use super::reached::Reached;
use super::tally::{Cause, Feedback, Tally};
use crate::behaviour::Sent;
use crate::config;
use crate::inbound::Inbound;

/// What one person thought of a message, and the true reason.
#[derive(Clone, Debug, Serialize)]
pub struct Feeling {
    /// Counts from 1.
    pub seq: u64,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// The business's number.
    pub number: String,
    /// The person.
    #[serde(rename = "person")]
    pub wa_id: String,
    /// The template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<u64>,
    /// What they did.
    pub kind: Feedback,
    /// Why.
    pub cause: Cause,
}

/// So many transitions are remembered, and so many feelings.
const TIMELINE_MAX: usize = 100_000;
/// So many messages that people wrote during a lock are kept for each account.
pub(crate) const KEPT_INBOUND_MAX: usize = 10_000;

/// A change of state, as it truly was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// Counts from 1.
    pub seq: u64,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// `number`, `template`, `account` or `portfolio`.
    pub object: &'static str,
    /// Its id.
    pub id: String,
    /// What changed: `rating`, `status`, `limit`, `restriction`, `step` …
    pub what: &'static str,
    /// From what.
    pub from: String,
    /// To what.
    pub to: String,
    /// Why: the bad reactions behind it, by cause.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub causes: BTreeMap<Cause, u32>,
}

/// All of it.
pub(crate) struct Book {
    pub(crate) seed: u64,
    pub(crate) config: config::Health,
    pub(crate) hidden: Hidden,
    pub(crate) numbers: BTreeMap<String, NumberBook>,
    pub(crate) templates: BTreeMap<u64, TemplateBook>,
    pub(crate) accounts: BTreeMap<String, AccountBook>,
    pub(crate) portfolios: BTreeMap<String, PortfolioBook>,
    pub(crate) people: HashMap<String, PersonBook>,
    timeline: VecDeque<Transition>,
    transitions: u64,
    feelings: VecDeque<Feeling>,
    felt: u64,
    /// Somebody was written to: the clock does not go back from here.
    pub(crate) begun: bool,
    /// Everything is looked at then.
    pub(crate) next_tick_ms: i64,
    /// The change of 7 October 2025 stands on the agenda.
    pub(crate) era_is_due: bool,
}

/// A number.
#[derive(Debug, Default)]
pub(crate) struct NumberBook {
    pub(crate) tally: Tally,
    pub(crate) reached: Reached,
    /// Its own limit, until October 2025.
    pub(crate) limit: String,
    /// Its rating was the work of people before, not of the configuration.
    pub(crate) rated: bool,
    /// Its rating is held by a script until then.
    pub(crate) pinned_until_ms: Option<i64>,
    pub(crate) red_since_ms: Option<i64>,
    /// It is flagged until then.
    pub(crate) watch_until_ms: Option<i64>,
    /// The spam limit holds, because of its rating.
    pub(crate) spam_limited: bool,
    /// The spam limit holds by script until then.
    pub(crate) spam_until_ms: Option<i64>,
    /// When templates went under the spam limit.
    pub(crate) spam_sent: VecDeque<i64>,
    pub(crate) raise_at_ms: Option<i64>,
    /// Its limit is used up, and a look at whether it frees is due.
    pub(crate) limit_watched: bool,
    /// The present second, and what was sent in it.
    pub(crate) second: (i64, u32),
    /// For each person, until when what was sent would have taken, and whether they are over.
    pub(crate) pairs: HashMap<String, Pair>,
}

impl NumberBook {
    /// Whether the spam limit holds, by its rating or by script.
    pub(crate) fn is_spam_limited(&self, now_ms: i64) -> bool {
        self.spam_limited || self.spam_until_ms.is_some_and(|until| now_ms < until)
    }
}

/// What one number sent to one person of late (SND-45).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pair {
    /// At the usual pace it would be done by then.
    pub(crate) done_ms: i64,
    /// The burst was used up, and is to be repaid before anything else.
    pub(crate) owes: bool,
}

/// A template.
#[derive(Default)]
pub(crate) struct TemplateBook {
    pub(crate) tally: Tally,
    /// What happened before is forgiven: it was paused for it.
    pub(crate) since_ms: i64,
    pub(crate) sent: u32,
    /// It was let through, until its score changes or it is paused.
    pub(crate) passed: bool,
    pub(crate) held: Vec<Arc<Sent>>,
    /// Paused by pacing: only the business ends that.
    pub(crate) paused_by_pacing: bool,
}

impl TemplateBook {
    /// Is looked at anew: after a pause, or when its score fell.
    pub(crate) fn paces_again(&mut self) {
        self.sent = 0;
        self.passed = false;
    }

    /// Begins anew after a pause.
    pub(crate) fn restart(&mut self, now_ms: i64) {
        self.tally.clear();
        self.since_ms = now_ms;
        self.paused_by_pacing = false;
        self.paces_again();
    }
}

/// An account.
#[derive(Default)]
pub(crate) struct AccountBook {
    pub(crate) tally: Tally,
    /// How many steps of the ladder it went up.
    pub(crate) step: usize,
    /// Nothing is looked at until then.
    pub(crate) quiet_until_ms: i64,
    /// What happened before was punished already.
    pub(crate) judged_from_ms: i64,
    /// The restriction of templates holds for this number alone.
    pub(crate) only_number: Option<String>,
    pub(crate) disable_at_ms: Option<i64>,
    pub(crate) utility_step: usize,
    pub(crate) utility_quiet_until_ms: i64,
    /// When each measure against utility templates ends.
    pub(crate) utility_ends_ms: BTreeMap<&'static str, i64>,
    pub(crate) misuse: u32,
    /// Nothing is left of that cap, by script.
    pub(crate) utility_used_up: bool,
    /// When utility templates went under their cap.
    pub(crate) utility_sent: VecDeque<i64>,
    /// When a utility template was last paused (SND-24).
    pub(crate) utility_paused_ms: Option<i64>,
    /// Templates that were made marketing by force.
    pub(crate) made_marketing: Vec<u64>,
    /// What people wrote during a lock.
    pub(crate) kept_inbound: Vec<Inbound>,
}

/// A portfolio.
#[derive(Default)]
pub(crate) struct PortfolioBook {
    pub(crate) reached: Reached,
    pub(crate) raise_at_ms: Option<i64>,
    pub(crate) alerted_ms: Option<i64>,
    pub(crate) verified: bool,
    /// When its templates went in the last hour (SND-25).
    pub(crate) burst: VecDeque<i64>,
    /// What waits until the batch before is judged.
    pub(crate) batch: Vec<Arc<Sent>>,
    /// It neither sends nor makes templates until then.
    pub(crate) review_until_ms: Option<i64>,
}

impl Book {
    pub(crate) fn new(seed: u64, hidden: Hidden) -> Self {
        Self {
            seed,
            config: config::Health::scripted(),
            hidden,
            numbers: BTreeMap::new(),
            templates: BTreeMap::new(),
            accounts: BTreeMap::new(),
            portfolios: BTreeMap::new(),
            people: HashMap::new(),
            timeline: VecDeque::new(),
            transitions: 0,
            feelings: VecDeque::new(),
            felt: 0,
            begun: false,
            next_tick_ms: 0,
            era_is_due: false,
        }
    }

    /// A person, who is drawn now at the latest.
    pub(crate) fn person(&mut self, wa_id: &str) -> &mut PersonBook {
        let (seed, config) = (self.seed, &self.config);
        self.people
            .entry(wa_id.to_owned())
            .or_insert_with(|| PersonBook::drawn(seed, wa_id, config))
    }

    pub(crate) fn number(&mut self, id: &str) -> &mut NumberBook {
        self.numbers.entry(id.to_owned()).or_default()
    }

    pub(crate) fn account(&mut self, id: &str) -> &mut AccountBook {
        self.accounts.entry(id.to_owned()).or_default()
    }

    pub(crate) fn portfolio(&mut self, id: &str) -> &mut PortfolioBook {
        self.portfolios.entry(id.to_owned()).or_default()
    }

    pub(crate) fn template(&mut self, id: u64) -> &mut TemplateBook {
        self.templates.entry(id).or_default()
    }

    /// Writes a change down.
    pub(crate) fn note(&mut self, mut transition: Transition) {
        self.transitions += 1;
        transition.seq = self.transitions;
        if self.timeline.len() == TIMELINE_MAX {
            self.timeline.pop_front();
        }
        self.timeline.push_back(transition);
    }

    /// Writes down what somebody thought.
    pub(crate) fn feel(&mut self, at_ms: i64, felt: &Felt) {
        self.felt += 1;
        if self.feelings.len() == TIMELINE_MAX {
            self.feelings.pop_front();
        }
        self.feelings.push_back(Feeling {
            seq: self.felt,
            at_ms,
            number: felt.number.clone(),
            wa_id: felt.wa_id.clone(),
            template: felt.template,
            kind: felt.kind,
            cause: felt.cause,
        });
    }

    pub(crate) fn feelings(&self, since: u64) -> Vec<Feeling> {
        self.feelings
            .iter()
            .filter(|feeling| feeling.seq > since)
            .cloned()
            .collect()
    }

    pub(crate) fn timeline(&self, since: u64) -> Vec<Transition> {
        self.timeline
            .iter()
            .filter(|transition| transition.seq > since)
            .cloned()
            .collect()
    }
}
