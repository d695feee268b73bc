//! How often pages may be asked for. Counts per window, forgotten with it; never in the way of a stop.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use greenline_ledger::types::{BusinessIx, PersonId};
use rustc_hash::FxHashMap;

/// What is counted at once. Past it old windows go, and if that does not help, all of them: whoever floods
/// the page with addresses gets no more of it than before.
const COUNTED_MAX: usize = 100_000;

type Key = (&'static str, u64, u64);

/// Counts.
#[derive(Debug, Default)]
pub struct Limiter(Mutex<FxHashMap<Key, (i64, u32)>>);

/// A person's key.
pub(super) fn person(business: BusinessIx, person: PersonId) -> (u64, u64) {
    (u64::from(business.0), person.0)
}

/// An address's key: a whole network of version 6 is one, since whoever has one address there has many.
pub(crate) fn address(ip: Option<IpAddr>) -> (u64, u64) {
    match ip.map(|ip| ip.to_canonical()) {
        None => (0, 0),
        Some(IpAddr::V4(ip)) => (4, u64::from(u32::from(ip))),
        Some(IpAddr::V6(ip)) => (6, (u128::from(ip) >> 64) as u64),
    }
}

impl Limiter {
    /// Counts one more, and says whether that is still within the limit of this window.
    pub(crate) fn may(
        &self,
        what: &'static str,
        key: &(u64, u64),
        now_ms: i64,
        window_ms: i64,
        most: u32,
    ) -> bool {
        let window = now_ms.div_euclid(window_ms) * window_ms;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= COUNTED_MAX {
            counts.retain(|_, (begun_ms, _)| now_ms.saturating_sub(*begun_ms) < window_ms);
            if counts.len() >= COUNTED_MAX {
                counts.clear();
            }
        }
        let (begun_ms, count) = counts.entry((what, key.0, key.1)).or_insert((window, 0));
        if *begun_ms != window {
            (*begun_ms, *count) = (window, 0);
        }
        *count = count.saturating_add(1);
        *count <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_on_its_own() {
        let limiter = Limiter::default();
        let (one, two) = ((1, 1), (1, 2));
        let may = |what, key, now_ms| limiter.may(what, key, now_ms, 60_000, 2);
        assert!(may("view", &one, 0) && may("view", &one, 1));
        assert!(!may("view", &one, 59_999));
        assert!(may("view", &two, 2) && may("undo", &one, 2));
        assert!(may("view", &one, 60_000));
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_memory() {
        let limiter = Limiter::default();
        for at in 0..COUNTED_MAX as u64 * 2 + 10 {
            limiter.may("stray", &(4, at), 0, 60_000, 1);
        }
        assert!(limiter.0.lock().unwrap().len() <= COUNTED_MAX);
    }
}
