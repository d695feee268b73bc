//! How long to wait between attempts: doubling, bounded, and spread so that what failed together does not
//! come back together. Drawn from the delivery's own id, so that it can be foretold.

use crate::config::Relay;

/// Milliseconds until the next attempt after `attempts` that failed.
pub(super) fn after(settings: &Relay, attempts: u32, delivery: i64) -> i64 {
    let first = settings.backoff_first_ms.max(1);
    let last = settings.backoff_last_ms.max(first);
    let pause = first
        .saturating_mul(1 << attempts.saturating_sub(1).min(32))
        .min(last);
    let spread = mixed(delivery.unsigned_abs() ^ (u64::from(attempts) << 48)) % (pause / 4 + 1);
    i64::try_from(pause - spread).unwrap_or(i64::MAX)
}

/// Spreads neighbouring numbers over the whole range.
fn mixed(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        mixed = (mixed ^ (mixed >> shift)).wrapping_mul(factor);
    }
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Relay {
        crate::config::parse("", "test", std::path::Path::new("."), std::iter::empty())
            .unwrap()
            .relay
    }

    #[test]
    fn pauses_grow_to_the_longest_and_stay_there() {
        let settings = settings();
        let mut before = 0;
        for attempts in 1..=10 {
            let pause = after(&settings, attempts, 7);
            let whole = i64::try_from(settings.backoff_first_ms).unwrap() << (attempts - 1);
            assert!(
                pause <= whole && pause >= whole * 3 / 4,
                "attempt {attempts}: {pause} of {whole}"
            );
            assert!(pause > before);
            before = pause;
        }
        for attempts in [20, 1_000, u32::MAX] {
            assert!(
                after(&settings, attempts, 7) <= i64::try_from(settings.backoff_last_ms).unwrap()
            );
        }
    }

    #[test]
    fn deliveries_that_failed_together_do_not_return_together() {
        let settings = settings();
        let pauses: std::collections::BTreeSet<i64> =
            (0..100).map(|id| after(&settings, 3, id)).collect();
        assert!(pauses.len() > 80);
    }
}
