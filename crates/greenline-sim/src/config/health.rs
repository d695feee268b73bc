//! What the world of health is made of, as data.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::health::{Hidden, Script};

/// The simulator's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClockConfig {
    /// Where it starts, in Unix milliseconds; at the present if missing.
    pub start_ms: Option<i64>,
    /// Whether it stands still unless it is moved, so that a run is the same each time.
    pub stands_still: bool,
}

/// The world of health: people who react, and a platform that rates, limits and punishes.
///
/// Without it numbers and accounts are what a script says, and nobody reacts.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Whether people react by what they are like; otherwise the shares of `behaviour` hold.
    pub people_react: bool,
    /// Whether numbers and templates are rated by what people do, and bad templates paused (QL-02, SND-20).
    pub ratings: bool,
    /// Whether the limit of different people within 24 hours holds, and grows (QL-10, QL-22).
    pub limits: bool,
    /// Whether new and badly rated templates are paced (SND-24).
    pub pacing: bool,
    /// Whether large bursts of a portfolio go in batches, as those of portfolios do that send little in a year or are
    /// under suspicion (SND-25); off unless asked for.
    pub portfolio_pacing: bool,
    /// Whether a person gets only so many marketing templates, over all businesses (SND-30).
    pub per_person: bool,
    /// Whether a number sends only so much a second, and only so much to one person (SND-44, SND-45).
    pub speeds: bool,
    /// Whether bad conduct leads up the ladders of enforcement (ENF-00, ENF-20).
    pub enforcement: bool,
    /// What people are like, if no crowd below says otherwise.
    pub people: Crowd,
    /// Groups of people, by how their number begins; the longest fitting beginning counts.
    pub crowds: Vec<Crowd>,
    /// How much people care for a template, from 0 to 1, by its name; drawn for the others.
    pub relevance: BTreeMap<String, f64>,
    /// The names of utility templates that are marketing in truth; others are told by their words.
    pub misused: Vec<String>,
    /// Whether the businesses are verified (QL-21).
    pub verified: bool,
    /// The platform's hidden thresholds; drawn from the seed if missing.
    pub hidden: Option<Hidden>,
    /// What happens by script; in order.
    pub script: Vec<Script>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            people_react: true,
            ratings: true,
            limits: true,
            pacing: true,
            portfolio_pacing: false,
            per_person: true,
            speeds: true,
            enforcement: true,
            people: Crowd::default(),
            crowds: Vec::new(),
            relevance: BTreeMap::new(),
            misused: Vec::new(),
            verified: true,
            hidden: None,
            script: Vec::new(),
        }
    }
}

impl Health {
    /// A world in which only the script speaks: nobody reacts, and nothing is rated, limited or punished by itself.
    #[must_use]
    pub fn scripted() -> Self {
        Self {
            people_react: false,
            ratings: false,
            limits: false,
            pacing: false,
            portfolio_pacing: false,
            per_person: false,
            speeds: false,
            enforcement: false,
            ..Self::default()
        }
    }

    /// Whether anything happens by itself.
    pub(crate) fn lives(&self) -> bool {
        self.people_react
            || self.ratings
            || self.limits
            || self.pacing
            || self.portfolio_pacing
            || self.per_person
            || self.speeds
            || self.enforcement
    }
}

/// What some people are like.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Crowd {
    /// How their numbers begin.
    pub prefix: String,
    /// The share of them who truly agreed to marketing.
    pub agreed_share: f64,
    /// The share of them who have no WhatsApp.
    pub unreachable_share: f64,
    /// How many messages they bear, compared with others; 2 is twice as many.
    pub tolerance: f64,
    /// How readily they block and report, compared with others.
    pub temper: f64,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            agreed_share: 0.9,
            unreachable_share: 0.0,
            tolerance: 1.0,
            temper: 1.0,
        }
    }
}
