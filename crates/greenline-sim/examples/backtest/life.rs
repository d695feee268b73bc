//! How one business uses its number: whom it writes to, how much, how often, with what. Drawn from the seed; it never
//! looks at a forecast.

use std::collections::BTreeMap;

use greenline_sim::config::{Business, ClockConfig, Crowd, Health, LogConfig, Webhooks};
use greenline_sim::{Answered, Hidden, SAMPLE_ACCOUNT, SAMPLE_NUMBER, Sim, SimConfig};
use http::Method;
use serde_json::json;

use super::Settings;
use super::observer::Observer;

/// 1 August 2025: limits are numbers'. 1 November 2026: they are portfolios'.
const OLD_ERA_MS: i64 = 1_754_006_400_000;
const NEW_ERA_MS: i64 = 1_793_491_200_000;
const TOKEN: &str = "sim-access-token";
/// Two marketing templates: one that people may care for, and a dull one.
const GOOD: &str = "spring_offer";
const DULL: &str = "stay_in_touch";
/// Beginnings of numbers: people who gave theirs, and a list that was bought.
const OWN: &str = "15551";
const BOUGHT: &str = "15559";

/// What is wrong with it, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    /// It writes to a bought list; whether its records say so, or claim a form that nobody filled in.
    Bought {
        share: u64,
        recorded: bool,
    },
    /// It writes to the same people again and again.
    TooOften,
    /// What it writes interests few.
    Dull,
}

/// One business with one number.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) seed: u64,
    pub(crate) days: usize,
    old_era: bool,
    tier: &'static str,
    /// Messages on the first day, and how much more each day, in percent.
    first: u64,
    grows: u64,
    /// Of a hundred messages so many go to people who got one before.
    again: u64,
    /// Of a hundred people of its own so many came by import.
    imported: u64,
    wrong: Wrong,
    /// From that day on.
    wrong_from: usize,
    relevance: (f64, f64),
    /// Thresholds in place of those of the seed.
    pub(crate) hidden: Option<Hidden>,
    /// At most so many messages a day.
    most: u64,
}

/// A message that is to go.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) to: String,
    pub(crate) template: &'static str,
    /// What the business's records say of the consent.
    pub(crate) weak: bool,
}

/// Chance from a seed.
struct Draw(u64);

impl Draw {
    fn about(words: &[u64]) -> Self {
        let mix = |state: u64, word: &u64| mixed(state ^ word.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self(words.iter().fold(0x6a09_e667_f3bc_c908, mix))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0) % bound.max(1)
    }

    fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Life {
    pub(crate) fn drawn(seed: u64, settings: Settings) -> Self {
        let days = settings.days;
        let mut draw = Draw::about(&[seed]);
        let old_era = draw.percent(50);
        let grower = draw.percent(30);
        let wrong = match draw.below(100) {
            0..45 => Wrong::Nothing,
            45..65 => Wrong::Bought {
                share: draw.within(15, 80),
                recorded: draw.percent(50),
            },
            65..85 => Wrong::TooOften,
            _ => Wrong::Dull,
        };
        let hundredths = |draw: &mut Draw, low, high| draw.within(low, high) as f64 / 100.0;
        Self {
            seed,
            days,
            old_era,
            tier: if old_era && draw.percent(50) {
                "TIER_250"
            } else {
                "TIER_2K"
            },
            first: if grower {
                draw.within(15, 60)
            } else {
                draw.within(25, 75)
            },
            grows: if grower { draw.within(5, 12) } else { 0 },
            again: draw.within(5, 50),
            imported: if draw.percent(25) {
                draw.within(20, 100)
            } else {
                0
            },
            wrong,
            wrong_from: usize::try_from(draw.below(days as u64 * 2 / 3)).unwrap_or(0),
            relevance: (hundredths(&mut draw, 65, 95), hundredths(&mut draw, 5, 30)),
            hidden: None,
            most: settings.most,
        }
    }

    pub(crate) fn number(&self) -> &'static str {
        SAMPLE_NUMBER
    }

    pub(crate) fn account(&self) -> &'static str {
        SAMPLE_ACCOUNT
    }

    /// The platform it lives on.
    pub(crate) fn world(&self, hooks: &str) -> SimConfig {
        let start_ms = if self.old_era { OLD_ERA_MS } else { NEW_ERA_MS };
        let relevance = [(GOOD, self.relevance.0), (DULL, self.relevance.1)];
        let relevance = relevance.map(|(name, share)| (name.to_owned(), share));
        SimConfig {
            seed: self.seed,
            speed: 1_000.0,
            businesses: vec![Business {
                callback_url: Some(hooks.to_owned()),
                messaging_limit: self.tier.to_owned(),
                ..Business::sample()
            }],
            clock: ClockConfig {
                start_ms: Some(start_ms),
                stands_still: true,
            },
            webhooks: Webhooks {
                batch_max: 1_000,
                batch_wait_ms: 1,
                calls_max: 1,
                ..Webhooks::default()
            },
            log: LogConfig {
                requests_max: 0,
                bodies: false,
                deliveries_max: 0,
            },
            health: Some(Health {
                crowds: vec![Crowd {
                    prefix: BOUGHT.to_owned(),
                    agreed_share: 0.0,
                    unreachable_share: 0.15,
                    ..Crowd::default()
                }],
                relevance: BTreeMap::from(relevance),
                // All that goes at one moment of a clock that stands still would be too fast.
                speeds: false,
                hidden: self.hidden.clone(),
                ..Health::default()
            }),
            ..SimConfig::default()
        }
    }

    /// What goes in one part of a day: like a business with Greenline in front, nothing to people who stopped, and no
    /// more than the limit that the platform tells.
    pub(crate) fn messages(&self, day: usize, part: usize, observer: &Observer) -> Vec<Message> {
        let mut draw = Draw::about(&[self.seed, day as u64, part as u64]);
        let is_wrong = day >= self.wrong_from;
        let grown = (0..day).fold(self.first * 1_000, |now, _| now + now * self.grows / 100);
        // Nine tenths of it: somebody else may count a little otherwise.
        let limit = observer.limit();
        let limit = limit.map_or(u64::MAX, |limit| u64::from(limit) * 9 / 10);
        let today = (grown / 1_000).min(self.most).min(limit);
        let parts = super::SENT_AT_HOURS.len() as u64;
        let count = today / parts + u64::from(part as u64 == 0) * (today % parts);
        let mut messages = Vec::new();
        for nth in 0..count {
            let bought = match self.wrong {
                Wrong::Bought { share, .. } if is_wrong => draw.percent(share),
                _ => false,
            };
            let again = match self.wrong {
                Wrong::TooOften if is_wrong => 97,
                _ => self.again,
            };
            let fresh = ((day as u64 * parts + part as u64) * 1_000 + nth) % 1_000_000;
            let to = if bought {
                format!("{BOUGHT}{fresh:06}")
            } else if draw.percent(again)
                && let Some(known) = observer.somebody(draw.below(u64::MAX))
            {
                known.to_owned()
            } else {
                format!("{OWN}{fresh:06}")
            };
            if observer.has_stopped(&to) {
                continue;
            }
            let weak = match self.wrong {
                Wrong::Bought { recorded, .. } if to.starts_with(BOUGHT) => recorded,
                _ => Draw::about(&[self.seed, hash(&to)]).percent(self.imported),
            };
            let dull = self.wrong == Wrong::Dull && is_wrong;
            let template = match (dull, observer.is_stopped(GOOD), observer.is_stopped(DULL)) {
                (true, _, false) | (false, true, false) => DULL,
                _ => GOOD,
            };
            messages.push(Message { to, template, weak });
        }
        messages
    }

    pub(crate) async fn send(&self, sim: &Sim, message: &Message) -> Answered {
        let body = json!({
            "messaging_product": "whatsapp", "to": message.to, "type": "template",
            "template": {"name": message.template, "language": {"code": "en_US"}},
        });
        let target = format!("/v23.0/{}/messages", self.number());
        self.call(sim, Method::POST, &target, body.to_string())
            .await
    }

    pub(crate) async fn read(&self, sim: &Sim) -> Answered {
        let fields = "id,status,quality_rating,whatsapp_business_manager_messaging_limit,messaging_limit_tier,health_status";
        let target = format!("/v23.0/{}?fields={fields}", self.number());
        self.call(sim, Method::GET, &target, String::new()).await
    }

    async fn call(&self, sim: &Sim, method: Method, target: &str, body: String) -> Answered {
        let answer = sim.call(method, target, TOKEN, body).await;
        answer.unwrap_or_else(|| panic!("seed {}: no answer", self.seed))
    }
}

fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(7, |state, byte| mixed(state ^ u64::from(byte)))
}
