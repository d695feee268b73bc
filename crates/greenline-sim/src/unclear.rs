//! How the platform behaves where its own pages do not say.
//!
//! Each such point is drawn once per seed. A product that relies on one of the
//! possible answers works under half of the seeds only, and that is the purpose.

use serde::{Deserialize, Serialize};

use crate::config::StopReach;
use crate::rng::Rng;

/// One possible platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Unclear {
    /// Whether a reaction opens the customer service window (`webhooks.md` section 3: not stated).
    pub reaction_opens_window: bool,
    /// How far a native stop reaches (OPT-46).
    pub native_stop_reach: StopReach,
    /// Whether people's messages still arrive while an account is locked (`enforcement.md` section 1).
    pub locked_account_receives: bool,
    /// Whether free-form messages in a window are charged (announced for 1 October 2026, SND section 2).
    pub service_messages_charged: bool,
    /// Whether a template that is unpaused reports `REINSTATED` instead of `APPROVED`.
    pub unpaused_is_reinstated: bool,
    /// Whether a number without a rating says `UNKNOWN` instead of `NA` (QL-01).
    pub no_rating_is_unknown: bool,
}

impl Unclear {
    /// The platform of a seed.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::about(seed, &["unclear"]);
        let mut coin = || rng.chance(0.5);
        Self {
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
        }
    }
}
