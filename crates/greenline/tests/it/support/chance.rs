//! Chance from one number, so that a run that failed can be tried again from what it printed.

use std::time::{SystemTime, UNIX_EPOCH};

/// Names the number to begin with.
const VARIABLE: &str = "GREENLINE_TEST_SEED";
/// How many times as often as usual things are tried whose moment is left to chance.
const TIMES: &str = "GREENLINE_TEST_TIMES";

/// A source of chance; the same seed gives the same draws.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    state: u64,
}

/// The number to begin with: from `GREENLINE_TEST_SEED`, else another one each time. Whoever draws from it
/// says it in every failure.
pub(crate) fn seed() -> u64 {
    let given = std::env::var(VARIABLE)
        .ok()
        .and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |since| since.as_micros() as u64)
    })
}

/// How often to try what is tried so often with each change: a sweep, at night, tries it more often.
pub(crate) fn times(usual: usize) -> usize {
    let times = std::env::var(TIMES).ok();
    usual * times.and_then(|text| text.parse().ok()).unwrap_or(1)
}

impl Chance {
    /// A source about one thing: those of other things are independent of it.
    pub(crate) fn about(seed: u64, thing: u64) -> Self {
        let mut chance = Self {
            state: seed ^ thing.wrapping_mul(0xD6E8_FEB8_6659_FD93),
        };
        chance.draw();
        chance
    }

    fn draw(&mut self) -> u64 {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// True so many times out of a hundred.
    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}
