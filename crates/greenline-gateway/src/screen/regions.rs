//! Numbers whose place is one: the same country, the same time zones.
//!
//! Both follow from a number's first digits and its length, so what was found for one number holds for all that share
//! them; that it does is held by a test. What is kept under those costs next to nothing to look at again.

use greenline_policy::country::{Country, whereabouts};
use greenline_policy::identity::{Identifier, Phone};
use rustc_hash::FxHashMap;

/// Digits from which everything follows: the longest prefix of the data has six, and the canonical form of a number
/// takes away one at most.
const DIGITS: u32 = 7;
/// What is kept near, by the upper bits of a product.
const NEAR_BITS: u32 = 15;
/// Odd, so that it mixes all bits upwards.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// What tells regions apart: the country as sent, and the lists of where the number may be, by where they lie.
type Told = (Country, usize, usize, bool);

/// Powers of ten, as many as a number has digits beyond those.
const TENS: [u64; 16] = {
    let mut tens = [1; 16];
    let mut at = 1;
    while at < tens.len() {
        tens[at] = tens[at - 1] * 10;
        at += 1;
    }
    tens
};

/// The first digits of a number and how many more it has: all that a region follows from. Never 0, and below 2 to the
/// power of 28.
#[inline]
pub(crate) fn start(phone: Phone) -> u64 {
    let digits = phone.digits();
    // Invariant: a phone number has seven to fifteen digits.
    let more = digits.ilog10().saturating_sub(DIGITS - 1) & 15;
    (digits / TENS[more as usize]) << 4 | u64::from(more)
}

/// What follows from a start and something of 16 bits beside it, as long as nothing else takes its place.
#[derive(Debug)]
pub(crate) struct Near<T>(Box<[(u64, T)]>);

impl<T: Copy + Default> Default for Near<T> {
    fn default() -> Self {
        Self(vec![(0, T::default()); 1 << NEAR_BITS].into_boxed_slice())
    }
}

impl<T: Copy> Near<T> {
    fn place(&mut self, start: u64, beside: u16) -> (u64, Option<&mut (u64, T)>) {
        let key = start << 16 | u64::from(beside);
        let at = (key.wrapping_mul(MIX) >> (u64::BITS - NEAR_BITS)) as usize;
        (key, self.0.get_mut(at))
    }

    /// What was kept.
    #[inline]
    pub(crate) fn get(&mut self, start: u64, beside: u16) -> Option<T> {
        match self.place(start, beside) {
            (key, Some((known, kept))) if *known == key => Some(*kept),
            _ => None,
        }
    }

    /// Keeps it.
    pub(crate) fn keep(&mut self, start: u64, beside: u16, what: T) {
        if let (key, Some(place)) = self.place(start, beside) {
            *place = (key, what);
        }
    }
}

/// Regions, as they are met.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    known: FxHashMap<Told, u16>,
}

impl Regions {
    /// The region of a number. What it is of one number it is of all with the same [`start`].
    pub(crate) fn of(&mut self, phone: Phone) -> u16 {
        let identifier = Identifier::Phone(phone);
        let found = whereabouts(&identifier);
        let told = (
            Country::of(&identifier),
            found.countries.as_ptr().addr(),
            found.zones.as_ptr().addr(),
            found.is_told,
        );
        let next = u16::try_from(self.known.len()).unwrap_or(u16::MAX);
        *self.known.entry(told).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a place is made of.
    fn told(phone: Phone) -> impl PartialEq + std::fmt::Debug {
        let identifier = Identifier::Phone(phone);
        (Country::of(&identifier), whereabouts(&identifier))
    }

    proptest! {
        #[test]
        fn numbers_of_one_region_have_one_place(
            prefix in 1_u64..100_000_000,
            rest in proptest::collection::vec((0_u32..8, 0_u64..10_000_000), 1..200),
        ) {
            let mut regions = Regions::default();
            let (mut places, mut starts) = (FxHashMap::default(), FxHashMap::default());
            for (more, rest) in rest {
                let number = prefix * 10_u64.pow(more) + rest % 10_u64.pow(more);
                let Some(phone) = Phone::from_digits(number) else { continue };
                let region = regions.of(phone);
                prop_assert_eq!(regions.of(phone), region);
                prop_assert_eq!(*starts.entry(start(phone)).or_insert(region), region);
                let known = places.entry(region).or_insert_with(|| told(phone));
                prop_assert!(*known == told(phone), "{}", number);
            }
        }
    }

    #[test]
    fn what_is_kept_is_got_and_nothing_else() {
        let (mut near, mut kept) = (Near::default(), FxHashMap::default());
        for number in 0..100_000_u64 {
            let start = start(Phone::from_digits(15_551_230_001 + number * 7_919).unwrap());
            let beside = (number % 3) as u16;
            let place = *kept.entry((start, beside)).or_insert(number as u32);
            if let Some(got) = near.get(start, beside) {
                assert_eq!(got, place);
            }
            near.keep(start, beside, place);
            assert_eq!(near.get(start, beside), Some(place));
        }
    }

    #[test]
    fn spellings_and_areas_are_told_apart() {
        let mut regions = Regions::default();
        let mut of = |digits| regions.of(Phone::from_digits(digits).unwrap());
        assert_eq!(of(15_551_230_001), of(15_551_239_999));
        assert_ne!(of(12_125_550_101), of(14_165_550_102));
        assert_ne!(of(12_125_550_101), of(18_085_550_101));
        assert_eq!(of(5_215_512_345_678), of(525_512_345_678));
    }
}
