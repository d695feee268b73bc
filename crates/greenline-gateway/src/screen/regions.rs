//! Numbers whose place is one: the same country, the same time zones.
//!
//! Both follow from a number's first digits and its length, so what was found for one number holds for all that share
//! them; that it does is held by a test. Looking at a number whose digits were seen before costs next to nothing.

use greenline_policy::country::{Country, whereabouts};
use greenline_policy::identity::{Identifier, Phone};
use rustc_hash::FxHashMap;

/// Digits from which everything follows: the longest prefix of the data has six, and the canonical form of a number
/// takes away one at most.
const DIGITS: u32 = 7;
/// What is remembered, by the upper bits of a product.
const NEAR_BITS: u32 = 15;
/// Odd, so that it mixes all bits upwards.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// What tells regions apart: the country as sent, and the lists of where the number may be, by where they lie.
type Told = (Country, usize, usize, bool);

/// Regions, as they are met.
#[derive(Debug)]
pub(crate) struct Regions {
    known: FxHashMap<Told, u16>,
    /// First digits and length, with the region.
    near: Box<[(u64, u16)]>,
}

impl Default for Regions {
    fn default() -> Self {
        Self {
            known: FxHashMap::default(),
            near: vec![(0, 0); 1 << NEAR_BITS].into_boxed_slice(),
        }
    }
}

impl Regions {
    /// The region of a number.
    pub(crate) fn of(&mut self, phone: Phone) -> u16 {
        let digits = phone.digits();
        // Invariant: a phone number has seven digits or more.
        let more = digits.ilog10().saturating_sub(DIGITS - 1);
        let key = (digits / 10_u64.pow(more)) << 4 | u64::from(more);
        let at = (key.wrapping_mul(MIX) >> (u64::BITS - NEAR_BITS)) as usize;
        if let Some((known, region)) = self.near.get(at)
            && *known == key
        {
            return *region;
        }
        let region = self.found(phone);
        if let Some(near) = self.near.get_mut(at) {
            *near = (key, region);
        }
        region
    }

    fn found(&mut self, phone: Phone) -> u16 {
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
            let mut places = FxHashMap::default();
            for (more, rest) in rest {
                let number = prefix * 10_u64.pow(more) + rest % 10_u64.pow(more);
                let Some(phone) = Phone::from_digits(number) else { continue };
                let region = regions.of(phone);
                // What is remembered is what is found.
                prop_assert_eq!(region, regions.found(phone));
                prop_assert_eq!(regions.of(phone), region);
                let known = places.entry(region).or_insert_with(|| told(phone));
                prop_assert!(*known == told(phone), "{}", number);
            }
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
