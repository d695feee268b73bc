//! Many people in few bytes: for whoever decides about whole lists.
//!
//! Most people are known by one number, and all that a template's decision may look at of them is how their scopes
//! stand. Those who share that exactly are one [`Class`], and of each only number and class are kept: eight bytes in a
//! table of open addressing, fifty bits of number and fourteen of class. Whoever has anything else that a decision may
//! look at ([`Found::Alone`]) is not described here but loaded whole, and decided about as ever.
//!
//! A class keeps a head without the names and the times of its events. The names say why and change no answer; the
//! times matter only where a yes lasts so many days. There a class also keeps the day of each yes, and before it is used
//! those are put together whose yeses have all run out, or all not, for as long as is looked ahead (`Crowd::as_of`).
//! Whose yes runs out within that time is not described.

use greenline_policy::consent::{EventId, Head, Standing};
use greenline_policy::identity::{Identifier, Phone, Spelling};
use greenline_policy::lasting::YesLasts;
use rustc_hash::FxHashMap;

/// Bits of a slot that name the class.
const CLASS_BITS: u32 = 14;
/// The class of those who are not described.
const ALONE: u16 = (1 << CLASS_BITS) - 1;
/// Slots of an empty table.
const SLOTS_LEAST: usize = 1 << 10;
/// Slots that are asked for together.
const AT_ONCE: usize = 16;
/// How exactly a class knows the time of a yes, where that matters.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How far ahead of the moment asked about decisions by class hold where a yes lasts only so long.
pub const AHEAD_MS: i64 = 8 * DAY_MS;
/// The slot of a number that has none.
pub const NOWHERE: u32 = u32::MAX;
/// Odd, so that it mixes all bits upwards (the golden ratio's).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// A class, by its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Class(pub u16);

/// What is known of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Nothing: whoever it is has said nothing.
    Nobody,
    /// Everything that counts is their class.
    Class(Class),
    /// More than a class can tell.
    Alone,
}

/// From numbers to classes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Table {
    /// A number above its class; 0 is an empty slot.
    slots: Vec<u64>,
    shift: u32,
    taken: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self::with(SLOTS_LEAST)
    }
}

impl Table {
    fn with(slots: usize) -> Self {
        // Invariant: a power of two, so that the upper bits of a product name a slot.
        let slots = slots.next_power_of_two().max(SLOTS_LEAST);
        Self {
            slots: vec![0; slots],
            shift: u64::BITS - slots.trailing_zeros(),
            taken: 0,
        }
    }

    fn home(&self, number: u64) -> usize {
        (number.wrapping_mul(MIX) >> self.shift) as usize
    }

    /// Where a number is, or the empty slot where it would be.
    fn seek(&self, number: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(number);
        loop {
            let slot = self.slots[at];
            if slot == 0 || slot >> CLASS_BITS == number {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    /// Puts a number into a class.
    pub(crate) fn put(&mut self, number: u64, class: u16) {
        // Two in three at most, so that a search stays short.
        if self.taken * 3 >= self.slots.len() * 2 {
            self.grow();
        }
        let at = self.seek(number);
        self.taken += usize::from(self.slots[at] == 0);
        self.slots[at] = number << CLASS_BITS | u64::from(class);
    }

    fn grow(&mut self) {
        let mut larger = Self::with(self.slots.len() * 2);
        for slot in self.slots.drain(..).filter(|slot| *slot != 0) {
            let at = larger.seek(slot >> CLASS_BITS);
            larger.slots[at] = slot;
        }
        larger.taken = self.taken;
        *self = larger;
    }

    fn get(&self, number: u64) -> (u32, Found) {
        self.told(self.seek(number))
    }

    /// What the slot says that a search ended at.
    fn told(&self, at: usize) -> (u32, Found) {
        Self::says(at, self.slots[at])
    }

    /// What a slot at that place says.
    fn says(at: usize, slot: u64) -> (u32, Found) {
        // Invariant: far fewer slots than 2^32.
        let place = at as u32;
        let class = (slot & u64::from(ALONE)) as u16;
        match (slot, class) {
            (0, _) => (NOWHERE, Found::Nobody),
            (_, ALONE) => (place, Found::Alone),
            (_, class) => (place, Found::Class(Class(class))),
        }
    }

    /// All slots, as they are.
    pub(crate) fn slots(&self) -> &[u64] {
        &self.slots
    }

    /// How many of them hold a number.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// From slots as they were; `None` where they cannot have been any.
    pub(crate) fn of(slots: Vec<u64>, taken: usize) -> Option<Self> {
        let is_one = slots.len().is_power_of_two() && slots.len() >= SLOTS_LEAST;
        (is_one && taken < slots.len()).then(|| Self {
            shift: u64::BITS - slots.len().trailing_zeros(),
            slots,
            taken,
        })
    }
}

/// Everybody of one business.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Crowd {
    /// By the spelling that was used.
    tables: [Table; 2],
    classes: Vec<Head>,
    /// Somebody was erased: whom nothing is known of may be one of them.
    kept: bool,
    /// Up to then decisions by class are those about everyone in it; without an end if there is none.
    until_ms: Option<i64>,
}

impl Crowd {
    /// What is known of a number, by its canonical form and spelling; and its slot in the table of the spelling, or
    /// [`NOWHERE`].
    #[must_use]
    pub fn find(&self, (canonical, spelling): (Phone, Spelling)) -> (u32, Found) {
        let (slot, found) = self.tables[spelling_at(spelling)].get(canonical.digits());
        (slot, self.or_erased(found))
    }

    /// As [`Self::find`], of many that are written as they are kept. Their slots are asked for together, so that
    /// memory answers for one while it is waited for another.
    pub fn find_all(&self, numbers: &[u64], found: &mut Vec<(u32, Found)>) {
        let table = &self.tables[0];
        found.clear();
        for some in numbers.chunks(AT_ONCE) {
            let mut first = [(0, 0); AT_ONCE];
            for (first, number) in first.iter_mut().zip(some) {
                let home = table.home(*number);
                *first = (home, table.slots[home]);
            }
            for ((home, slot), number) in first.iter().zip(some) {
                let (at, slot) = if *slot >> CLASS_BITS == *number || *slot == 0 {
                    (*home, *slot)
                } else {
                    let at = table.seek(*number);
                    (at, table.slots[at])
                };
                let (place, told) = Table::says(at, slot);
                found.push((place, self.or_erased(told)));
            }
        }
    }

    fn or_erased(&self, found: Found) -> Found {
        match found {
            Found::Nobody if self.kept => Found::Alone,
            found => found,
        }
    }

    /// From its parts; `None` where a slot names no class.
    pub(crate) fn of(tables: [Table; 2], classes: Vec<Head>) -> Option<Self> {
        let is_class = |slot: &u64| {
            let class = slot & u64::from(ALONE);
            class == u64::from(ALONE) || (class as usize) < classes.len()
        };
        let mut slots = tables.iter().flat_map(Table::slots);
        let fits = slots.all(|slot| *slot == 0 || is_class(slot));
        fits.then_some(Self {
            tables,
            classes,
            ..Self::default()
        })
    }

    /// Puts classes together that are one for decisions about that moment and those up to [`AHEAD_MS`] after it, where a
    /// yes lasts so long. Whoever is of a class of which that cannot be said is not described any more: their numbers.
    pub(crate) fn as_of(
        &mut self,
        lasts: YesLasts,
        now_ms: i64,
    ) -> Result<Vec<u64>, crate::LedgerError> {
        if lasts == YesLasts::FOR_EVER {
            return Ok(Vec::new());
        }
        let until_ms = now_ms.saturating_add(AHEAD_MS);
        self.until_ms = Some(until_ms);
        let mut like: FxHashMap<String, u16> = FxHashMap::default();
        let mut places = Vec::with_capacity(self.classes.len());
        for (place, head) in (0_u16..).zip(&self.classes) {
            places.push(match run_out(head, lasts, now_ms, until_ms) {
                None => ALONE,
                Some(run_out) => {
                    let key = format!("{run_out:?}{}", crate::codec::encode_head(&undated(head))?);
                    *like.entry(key).or_insert(place)
                }
            });
        }
        let mut numbers = Vec::new();
        for slot in self.tables.iter_mut().flat_map(|table| &mut table.slots) {
            let class = (*slot & u64::from(ALONE)) as usize;
            if let (true, Some(place)) = (*slot != 0, places.get(class)) {
                *slot = *slot >> CLASS_BITS << CLASS_BITS | u64::from(*place);
                if *place == ALONE {
                    numbers.push(*slot >> CLASS_BITS);
                }
            }
        }
        Ok(numbers)
    }

    /// Up to which moment decisions by class are those about everyone in it; `None` where that has no end.
    #[must_use]
    pub fn until_ms(&self) -> Option<i64> {
        self.until_ms
    }

    /// Its tables, by spelling.
    pub(crate) fn tables(&self) -> &[Table; 2] {
        &self.tables
    }

    /// How the scopes of each class stand.
    pub(crate) fn classes(&self) -> &[Head] {
        &self.classes
    }

    /// A number of somebody who is not described, whatever was said of it.
    pub(crate) fn alone(&mut self, canonical: u64) {
        for table in &mut self.tables {
            table.put(canonical, ALONE);
        }
    }

    /// Somebody was erased, or not.
    pub(crate) fn erased(&mut self, kept: bool) {
        self.kept = kept;
    }

    /// How many slots each table has.
    #[must_use]
    pub fn slots(&self) -> [usize; 2] {
        [0, 1].map(|table| self.tables[table].slots.len())
    }

    /// How the scopes of a class stand.
    #[must_use]
    pub fn head(&self, class: Class) -> Option<&Head> {
        self.classes.get(usize::from(class.0))
    }

    /// How many numbers it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables[0].taken
    }

    /// Whether it knows nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The place of a spelling's table.
#[must_use]
pub fn spelling_at(spelling: Spelling) -> usize {
    match spelling {
        Spelling::Mobile => 0,
        Spelling::MaybeLandline => 1,
    }
}

/// Which of the yeses of a head have run out, by each length that there is and whatever scope they are asked for, alike at
/// every moment of a span; `None` where one of them runs out within it. Of each yes only the day is known.
fn run_out(head: &Head, lasts: YesLasts, from_ms: i64, to_ms: i64) -> Option<Vec<bool>> {
    let standings = head.topics.iter().map(|(_, standing)| standing);
    let mut found = Vec::new();
    for standing in head.base.iter().chain(standings) {
        let Standing::Covered { at_ms, .. } = standing else {
            continue;
        };
        for days in lasts.days().into_iter().filter(|days| *days > 0) {
            let end_ms = at_ms.saturating_add(i64::from(days) * DAY_MS);
            match (end_ms.saturating_add(DAY_MS) <= from_ms, end_ms > to_ms) {
                (true, _) => found.push(true),
                (_, true) => found.push(false),
                _ => return None,
            }
        }
    }
    Some(found)
}

/// A head without the names and times of its events.
fn undated(head: &Head) -> Head {
    plain(head, false)
}

/// A head without the names of its events; of times at most the days of its yeses.
fn plain(head: &Head, dated: bool) -> Head {
    let (event, at_ms) = (EventId(0), 0);
    let plain = |standing: &Standing| match standing {
        Standing::Unknown => Standing::Unknown,
        Standing::Refused { .. } => Standing::Refused { event, at_ms },
        Standing::Covered {
            strength,
            at_ms: given_ms,
            ..
        } => Standing::Covered {
            event,
            at_ms: match dated {
                true => given_ms.div_euclid(DAY_MS) * DAY_MS,
                false => at_ms,
            },
            strength: *strength,
        },
        Standing::Claimed { .. } => Standing::Claimed { event },
        Standing::Unconfirmed { .. } => Standing::Unconfirmed { event },
        Standing::Expired { .. } => Standing::Expired { event },
    };
    Head {
        base: head.base.each_ref().map(plain),
        topics: head
            .topics
            .iter()
            .map(|(topic, standing)| (topic.clone(), plain(standing)))
            .collect(),
        native_stop: head.native_stop.map(|_| (event, at_ms)),
        freeform_closed: head.freeform_closed.map(|_| (event, at_ms)),
    }
}

/// A crowd in the making.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    crowd: Crowd,
    /// Classes by what they are written as.
    known: FxHashMap<String, u16>,
    /// The same by what was read, so that what was seen once is not read twice.
    read: FxHashMap<Box<str>, u16>,
    /// Classes keep the days of yeses.
    dated: bool,
}

/// Texts of heads that are remembered.
const READ_MAX: usize = 1 << 16;

impl Gathering {
    /// Nobody yet; classes keep the days of yeses, or not.
    pub(crate) fn new(dated: bool) -> Self {
        Self {
            dated,
            ..Self::default()
        }
    }

    /// The class of a head as it is stored; `None` where there are too many classes.
    pub(crate) fn class(&mut self, stored: &str) -> Result<Option<u16>, crate::LedgerError> {
        if let Some(class) = self.read.get(stored) {
            return Ok(Some(*class));
        }
        let head = plain(&crate::codec::decode_head(stored)?, self.dated);
        let class = self.class_of(&head)?;
        if let Some(class) = class
            && self.read.len() < READ_MAX
        {
            self.read.insert(stored.into(), class);
        }
        Ok(class)
    }

    /// The class of a head that is plain already.
    pub(crate) fn class_of(&mut self, head: &Head) -> Result<Option<u16>, crate::LedgerError> {
        let written = crate::codec::encode_head(head)?;
        if let Some(class) = self.known.get(&written) {
            return Ok(Some(*class));
        }
        let class = u16::try_from(self.crowd.classes.len()).unwrap_or(ALONE);
        if class >= ALONE {
            return Ok(None);
        }
        self.crowd.classes.push(head.clone());
        self.known.insert(written, class);
        Ok(Some(class))
    }

    /// Describes somebody by all their identifiers and the heads that are stored with them; whether that can be.
    pub(crate) fn describe(
        &mut self,
        known: &[Identifier],
        [mobile, landline]: [Option<&str>; 2],
    ) -> Result<bool, crate::LedgerError> {
        let [Identifier::Phone(phone)] = known else {
            return Ok(false);
        };
        let mobile = match mobile {
            Some(stored) => self.class(stored)?,
            None => self.class_of(&Head::default())?,
        };
        let landline = match landline {
            Some(stored) => Some(self.class(stored)?),
            None => None,
        };
        let (Some(mobile), None | Some(Some(_))) = (mobile, landline) else {
            return Ok(false);
        };
        self.put(phone.digits(), 0, mobile);
        if let Some(Some(landline)) = landline {
            self.put(phone.digits(), 1, landline);
        }
        Ok(true)
    }

    /// A number, as it is kept, with its class.
    pub(crate) fn put(&mut self, canonical: u64, spelling: usize, class: u16) {
        if let Some(table) = self.crowd.tables.get_mut(spelling) {
            table.put(canonical, class);
        }
    }

    /// What came of it.
    pub(crate) fn finish(self) -> Crowd {
        self.crowd
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenline_policy::consent::Strength;
    use greenline_policy::scope::Scope;

    fn number(seed: u64) -> u64 {
        1_000_000 + seed.wrapping_mul(0x5851_f42d_4c95_7f2d) % 999_999_999_000_000
    }

    #[test]
    fn numbers_are_found_again_and_no_others() {
        let mut gathering = Gathering::default();
        let mut expect = std::collections::HashMap::new();
        for seed in 0..50_000 {
            let class = (seed % 7) as u16;
            gathering.put(number(seed), 0, class);
            expect.insert(number(seed), Found::Class(Class(class)));
        }
        let mut crowd = gathering.finish();
        for seed in (0..50_000).step_by(1_000) {
            crowd.alone(number(seed));
            expect.insert(number(seed), Found::Alone);
        }
        assert_eq!(crowd.len(), expect.len());
        let asked: Vec<u64> = (0..100_000).map(number).collect();
        let mut found = Vec::new();
        crowd.find_all(&asked, &mut found);
        let mut places = std::collections::HashMap::new();
        for (number, (place, found)) in asked.iter().zip(found) {
            let known = expect.get(number).copied();
            assert_eq!(found, known.unwrap_or(Found::Nobody));
            assert_eq!(crowd.tables[0].get(*number), (place, found));
            if known.is_some() {
                assert_eq!(*places.entry(place).or_insert(*number), *number);
            }
        }
    }

    #[test]
    fn where_somebody_was_erased_nobody_is_unknown() {
        let mut crowd = Gathering::default().finish();
        crowd.erased(true);
        let phone = Phone::from_digits(15_551_230_001).unwrap();
        assert_eq!(crowd.find(phone.canonical()), (NOWHERE, Found::Alone));
        let mut found = Vec::new();
        crowd.find_all(&[15_551_230_001], &mut found);
        assert_eq!(found[0].1, Found::Alone);
    }

    #[test]
    fn heads_that_differ_only_in_names_and_times_are_one_class() {
        let covered = |event, at_ms, strength| Standing::Covered {
            event: EventId(event),
            at_ms,
            strength,
        };
        let head = |standing| Head {
            base: [standing; 5],
            topics: vec![(Scope::parse("marketing.offers").unwrap(), standing)],
            ..Head::default()
        };
        let mut gathering = Gathering::default();
        let mut class = |head: &Head| {
            let stored = crate::codec::encode_head(head).unwrap();
            gathering.class(&stored).unwrap().unwrap()
        };
        let one = class(&head(covered(1, 5, Strength::Evidenced)));
        assert_eq!(class(&head(covered(2, 9, Strength::Evidenced))), one);
        let mut others = vec![one];
        for other in [
            head(covered(1, 5, Strength::Imported)),
            head(Standing::Unknown),
            head(Standing::Claimed { event: EventId(1) }),
            Head {
                native_stop: Some((EventId(1), 5)),
                ..head(covered(1, 5, Strength::Evidenced))
            },
            Head {
                freeform_closed: Some((EventId(1), 5)),
                ..head(covered(1, 5, Strength::Evidenced))
            },
            Head {
                topics: Vec::new(),
                ..head(covered(1, 5, Strength::Evidenced))
            },
        ] {
            let found = class(&other);
            assert!(!others.contains(&found));
            others.push(found);
        }
        let crowd = gathering.finish();
        assert_eq!(
            crowd.head(Class(one)).unwrap().base[1],
            covered(0, 0, Strength::Evidenced)
        );
    }
}
