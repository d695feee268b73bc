//! Times of the platform: whole seconds, sometimes missing, sometimes ahead (A5, A6, WH-08).

use greenline_policy::consent::{EventKind, act_time};

/// Nothing on the platform is older (start of 2010); an earlier time is a mistake and counts as missing.
const EARLIEST_S: i64 = 1_262_304_000;

/// A moment as the platform wrote it, with the time of arrival beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment {
    stated_s: Option<i64>,
    received_ms: i64,
}

impl Moment {
    pub(super) fn new(stated_s: Option<i64>, received_ms: i64) -> Self {
        Self {
            stated_s: stated_s.filter(|seconds| *seconds >= EARLIEST_S),
            received_ms,
        }
    }

    /// Whether the platform gave a time at all.
    pub(super) fn is_stated(self) -> bool {
        self.stated_s.is_some()
    }

    /// As stated, or the arrival.
    pub(super) fn stated_ms(self) -> i64 {
        self.stated_s
            .map_or(self.received_ms, |seconds| seconds.saturating_mul(1_000))
    }

    /// The start of the second, never ahead of arrival.
    pub(super) fn start_ms(self) -> i64 {
        self.stated_ms().min(self.received_ms)
    }

    /// The end of the second, never ahead of arrival.
    pub(super) fn end_ms(self) -> i64 {
        let end = self.stated_s.map_or(self.received_ms, |seconds| {
            seconds.saturating_mul(1_000).saturating_add(999)
        });
        end.min(self.received_ms)
    }

    /// When an event of this kind is folded. A time ahead is taken as arrival, so nothing is refused.
    pub(super) fn act_ms(self, kind: EventKind) -> i64 {
        let stated_ms = self.start_ms();
        act_time(kind, stated_ms, self.is_stated(), self.received_ms).unwrap_or(stated_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRIVAL_MS: i64 = 1_788_264_010_500;

    fn at(stated_s: i64) -> Moment {
        Moment::new(Some(stated_s), ARRIVAL_MS)
    }

    #[test]
    fn a_no_counts_at_the_end_of_its_second_and_a_yes_at_its_start() {
        let moment = at(1_788_264_000);
        assert_eq!(moment.act_ms(EventKind::Withdrawn), 1_788_264_000_999);
        assert_eq!(moment.act_ms(EventKind::NativeStopped), 1_788_264_000_999);
        assert_eq!(moment.act_ms(EventKind::NativeResumed), 1_788_264_000_000);
        assert_eq!(moment.act_ms(EventKind::Granted), 1_788_264_000_000);
        assert_eq!(moment.start_ms(), 1_788_264_000_000);
    }

    #[test]
    fn a_time_ahead_is_taken_as_arrival() {
        let moment = at(1_798_264_000);
        assert_eq!(moment.start_ms(), ARRIVAL_MS);
        assert_eq!(moment.end_ms(), ARRIVAL_MS);
        assert_eq!(moment.act_ms(EventKind::Withdrawn), 1_788_264_010_999);
        assert!(moment.act_ms(EventKind::Granted) <= ARRIVAL_MS);
    }

    #[test]
    fn a_missing_or_impossible_time_is_arrival() {
        for stated in [None, Some(0), Some(-5), Some(i64::MIN)] {
            let moment = Moment::new(stated, ARRIVAL_MS);
            assert!(!moment.is_stated());
            assert_eq!(moment.act_ms(EventKind::Withdrawn), ARRIVAL_MS);
            assert_eq!(moment.start_ms(), ARRIVAL_MS);
        }
        assert_eq!(at(i64::MAX).start_ms(), ARRIVAL_MS);
    }
}
