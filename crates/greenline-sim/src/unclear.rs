//! How the platform behaves where its own pages do not say.
//!
//! Each such point is drawn once per seed. A product that relies on one of the
//! possible answers works under half of the seeds only, and that is the purpose.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::StopReach;
use crate::rng::Rng;

/// One possible platform. What a world file leaves out here is as the documents read most plainly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unclear {
    /// Whether a reaction opens the customer service window (`webhooks.md` section 3: not stated).
    pub reaction_opens_window: bool,
    /// How far a native stop reaches (OPT-46).
    pub native_stop_reach: StopReach,
    /// Whether people's messages still arrive while an account is locked (ENF-09).
    pub locked_account_receives: bool,
    /// Whether free-form messages in a window are charged (announced for 1 October 2026, SND section 2).
    pub service_messages_charged: bool,
    /// Whether a template that is unpaused reports `REINSTATED` instead of `APPROVED`.
    pub unpaused_is_reinstated: bool,
    /// Whether a number without a rating says `UNKNOWN` instead of `NA` (QL-01).
    pub no_rating_is_unknown: bool,

    // The rest matters in a world of health only.
    /// Whether a number rated YELLOW counts as good where the limit is to grow (QL-22).
    pub yellow_is_good: bool,
    /// Whether a number without a rating counts as good there (QL-22).
    pub unrated_is_good: bool,
    /// The rating of a number that sent too little in the last seven days (QL-02).
    pub quiet_number: QuietNumber,
    /// Whether stopping marketing in WhatsApp lowers the rating, though it is not among the named signals (QL-03).
    pub native_stop_counts: bool,
    /// Whether a person counts against the limit from the delivery on, instead of from the send on (QL-10).
    pub limit_counts_on_delivery: bool,
    /// Whether a send over the limit is refused at once, instead of failing later (QL-35).
    pub limit_refused_at_once: bool,
    /// Whether a number whose limit is used up still says RESTRICTED now that the limit is the portfolio's (QL-35).
    pub limit_shows_restricted: bool,
    /// Whether a new limit is announced as `TIER_2K` instead of 2000 (QL-11).
    pub limit_told_as_tier: bool,
    /// Whether portfolios with a limit of 1,000 were lifted to 2,000 on 7 October 2025 (QL-20).
    pub limit_1k_became_2k: bool,
    /// Whether a number that lost a step and is still rated low is flagged again at once (QL-16).
    pub flagged_again: bool,
    /// The code that sends get while a dated restriction lasts (ENF-00).
    pub restriction_code: RestrictionCode,
    /// Whether 131031 is answered at once, instead of in a `failed` status (ENF-14).
    pub lock_refused_at_once: bool,
    /// Whether what people wrote during a lock arrives after it (ENF-09).
    pub locked_inbound_comes_later: bool,
    /// Whether a restriction of templates may hold for the number alone that led to it (ENF-10).
    pub restriction_of_one_number: bool,
    /// Whether a disabled account can still be read (ENF-13).
    pub disabled_account_reads: bool,
    /// Whether a restriction of answers stops templates also when it comes alone (ENF-08).
    pub answer_restriction_stops_templates: bool,
    /// Whether a number with the status RATE_LIMITED sends templates (QL-33).
    pub rate_limited_number_sends: bool,
    /// Whether a number with the status RATE_LIMITED answers (QL-33).
    pub rate_limited_number_answers: bool,
    /// Whether a number with a status that is in one list only (UNKNOWN, LINKED, MESSAGING_LIMIT_TIER_1 …) works (QL-33).
    pub odd_status_works: bool,
    /// Whether a send over the spam limit is refused at once, instead of failing later (QL-09).
    pub spam_limit_refused_at_once: bool,
    /// Whether the spam limit lets some answers fail too (QL-09).
    pub spam_limit_slows_answers: bool,
    /// Whether a utility template over its cap is refused at once, instead of failing later (ENF-20).
    pub utility_limit_refused_at_once: bool,
    /// Whether templates that were made marketing by force are utility again afterwards (ENF-20).
    pub utility_returns: bool,
    /// Whether a message too many to one person is refused at once, instead of failing later (SND-45).
    pub pair_limit_refused_at_once: bool,
    /// Whether a burst to one person must be repaid whole before the next message, not one at a time (SND-45).
    pub pair_burst_is_repaid_first: bool,
    /// Whether `health_status` says BLOCKED, instead of LIMITED, while no message may be sent (QL-40).
    pub restricted_is_blocked: bool,
    /// Whether a restricted account's own status says RESTRICTED (QL-40).
    pub restricted_says_so: bool,
    /// Whether a restriction of messages leaves outgoing calls alone (ENF-00).
    pub restricted_account_calls: bool,
}

/// What a number is rated that sent too little to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuietNumber {
    /// What it was rated last.
    Keeps,
    /// GREEN.
    Green,
    /// Not at all.
    Unrated,
}

/// What sends get while a dated restriction lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum RestrictionCode {
    /// Temporarily blocked for policy violations.
    #[serde(rename = "368")]
    Blocked,
    /// Account locked.
    #[serde(rename = "131031")]
    Locked,
    /// Spam rate limit; for templates, and 368 for the rest.
    #[serde(rename = "131048")]
    Spam,
}

/// One point that the documents leave open, and which way it fell here.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The member of [`Unclear`].
    pub name: &'static str,
    /// The facts that leave it open.
    pub facts: &'static [&'static str],
    /// Which way it fell.
    pub value: Value,
}

/// Every point, with the facts that leave it open.
const POINTS: [(&str, &[&str]); 34] = [
    ("reaction_opens_window", &["SND-02"]),
    ("native_stop_reach", &["OPT-46"]),
    ("locked_account_receives", &["ENF-09"]),
    ("service_messages_charged", &["SND-02"]),
    ("unpaused_is_reinstated", &["SND-23"]),
    ("no_rating_is_unknown", &["QL-01"]),
    ("yellow_is_good", &["QL-22"]),
    ("unrated_is_good", &["QL-22"]),
    ("quiet_number", &["QL-02"]),
    ("native_stop_counts", &["QL-03"]),
    ("limit_counts_on_delivery", &["QL-10"]),
    ("limit_refused_at_once", &["QL-35"]),
    ("limit_shows_restricted", &["QL-35"]),
    ("limit_told_as_tier", &["QL-11"]),
    ("limit_1k_became_2k", &["QL-20"]),
    ("flagged_again", &["QL-16"]),
    ("restriction_code", &["ENF-00"]),
    ("lock_refused_at_once", &["ENF-14"]),
    ("locked_inbound_comes_later", &["ENF-09"]),
    ("restriction_of_one_number", &["ENF-10"]),
    ("disabled_account_reads", &["ENF-13"]),
    ("answer_restriction_stops_templates", &["ENF-08"]),
    ("rate_limited_number_sends", &["QL-33"]),
    ("rate_limited_number_answers", &["QL-33"]),
    ("odd_status_works", &["QL-33"]),
    ("spam_limit_refused_at_once", &["QL-09"]),
    ("spam_limit_slows_answers", &["QL-09"]),
    ("utility_limit_refused_at_once", &["ENF-20"]),
    ("utility_returns", &["ENF-20"]),
    ("pair_limit_refused_at_once", &["SND-45"]),
    ("pair_burst_is_repaid_first", &["SND-45"]),
    ("restricted_is_blocked", &["QL-40"]),
    ("restricted_says_so", &["QL-40"]),
    ("restricted_account_calls", &["ENF-00"]),
];

impl Default for Unclear {
    fn default() -> Self {
        Self {
            reaction_opens_window: false,
            native_stop_reach: StopReach::Portfolio,
            locked_account_receives: false,
            service_messages_charged: false,
            unpaused_is_reinstated: false,
            no_rating_is_unknown: false,
            yellow_is_good: false,
            unrated_is_good: false,
            quiet_number: QuietNumber::Green,
            native_stop_counts: false,
            limit_counts_on_delivery: true,
            limit_refused_at_once: true,
            limit_shows_restricted: false,
            limit_told_as_tier: false,
            limit_1k_became_2k: false,
            flagged_again: false,
            restriction_code: RestrictionCode::Blocked,
            lock_refused_at_once: true,
            locked_inbound_comes_later: false,
            restriction_of_one_number: false,
            disabled_account_reads: true,
            answer_restriction_stops_templates: true,
            rate_limited_number_sends: false,
            rate_limited_number_answers: true,
            odd_status_works: false,
            spam_limit_refused_at_once: true,
            spam_limit_slows_answers: false,
            utility_limit_refused_at_once: true,
            utility_returns: true,
            pair_limit_refused_at_once: true,
            pair_burst_is_repaid_first: true,
            restricted_is_blocked: false,
            restricted_says_so: false,
            restricted_account_calls: true,
        }
    }
}

impl Unclear {
    /// The platform of a seed.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::about(seed, &["unclear"]);
        let mut coin = || rng.chance(0.5);
        let first = Self {
            reaction_opens_window: coin(),
            locked_account_receives: coin(),
            service_messages_charged: coin(),
            unpaused_is_reinstated: coin(),
            no_rating_is_unknown: coin(),
            native_stop_reach: match rng.below(3) {
                0 => StopReach::Portfolio,
                1 => StopReach::Account,
                _ => StopReach::Number,
            },
            ..Self::default()
        };
        // Each of the others is drawn for itself, so that a new one changes none of the old.
        let coin = |name: &str| Rng::about(seed, &["unclear", name]).chance(0.5);
        let of_three = |name: &str| Rng::about(seed, &["unclear", name]).below(3);
        Self {
            yellow_is_good: coin("yellow_is_good"),
            unrated_is_good: coin("unrated_is_good"),
            quiet_number: match of_three("quiet_number") {
                0 => QuietNumber::Keeps,
                1 => QuietNumber::Green,
                _ => QuietNumber::Unrated,
            },
            native_stop_counts: coin("native_stop_counts"),
            limit_counts_on_delivery: coin("limit_counts_on_delivery"),
            limit_refused_at_once: coin("limit_refused_at_once"),
            limit_shows_restricted: coin("limit_shows_restricted"),
            limit_told_as_tier: coin("limit_told_as_tier"),
            limit_1k_became_2k: coin("limit_1k_became_2k"),
            flagged_again: coin("flagged_again"),
            restriction_code: match of_three("restriction_code") {
                0 => RestrictionCode::Blocked,
                1 => RestrictionCode::Locked,
                _ => RestrictionCode::Spam,
            },
            lock_refused_at_once: coin("lock_refused_at_once"),
            locked_inbound_comes_later: coin("locked_inbound_comes_later"),
            restriction_of_one_number: coin("restriction_of_one_number"),
            disabled_account_reads: coin("disabled_account_reads"),
            answer_restriction_stops_templates: coin("answer_restriction_stops_templates"),
            rate_limited_number_sends: coin("rate_limited_number_sends"),
            rate_limited_number_answers: coin("rate_limited_number_answers"),
            odd_status_works: coin("odd_status_works"),
            spam_limit_refused_at_once: coin("spam_limit_refused_at_once"),
            spam_limit_slows_answers: coin("spam_limit_slows_answers"),
            utility_limit_refused_at_once: coin("utility_limit_refused_at_once"),
            utility_returns: coin("utility_returns"),
            pair_limit_refused_at_once: coin("pair_limit_refused_at_once"),
            pair_burst_is_repaid_first: coin("pair_burst_is_repaid_first"),
            restricted_is_blocked: coin("restricted_is_blocked"),
            restricted_says_so: coin("restricted_says_so"),
            restricted_account_calls: coin("restricted_account_calls"),
            ..first
        }
    }

    /// Every point, and which way it fell.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let values = serde_json::to_value(self).unwrap_or_default();
        POINTS
            .into_iter()
            .map(|(name, facts)| Point {
                name,
                facts,
                value: values.get(name).cloned().unwrap_or_default(),
            })
            .collect()
    }
}
