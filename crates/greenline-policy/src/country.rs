//! Which country a number is of, and which time zones it may be in.
//!
//! Both follow from the number's prefix, from data that are part of the program (`data/country`). A number tells
//! where it was given out, not where the person is; nothing better is known to a gateway. The plan behind +1 is
//! shared by some twenty countries, so there the area code decides; an area code that names none, such as 555,
//! leaves the country open. A business-scoped user id begins with its country (SND-70).
//!
//! Looking up allocates nothing. What it knows is made ready at the first look-up.

mod prefix;

use std::fmt;
use std::sync::LazyLock;

use crate::identity::Identifier;
use crate::quiet::Quiet;
use crate::scope::Categories;
use prefix::Prefixes;

/// A country by its ISO 3166-1 code, or none that is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Country([u8; 2]);

impl Country {
    /// No country that is known.
    pub const UNKNOWN: Self = Self([0; 2]);
    /// The United States; its territories have codes of their own.
    pub const US: Self = Self(*b"US");

    /// Reads a code: two capital letters.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let code: [u8; 2] = code.as_bytes().try_into().ok()?;
        let fits = code.iter().all(u8::is_ascii_uppercase);
        fits.then_some(Self(code))
    }

    /// The code; empty where the country is not known.
    #[must_use]
    pub fn as_str(&self) -> &str {
        if *self == Self::UNKNOWN {
            return "";
        }
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether it is a country of the data, not only two letters.
    #[must_use]
    pub fn is_listed(self) -> bool {
        TABLES.country(self).is_some()
    }

    /// The country that an identifier names.
    #[must_use]
    pub fn of(identifier: &Identifier) -> Self {
        match identifier {
            Identifier::Phone(phone) => {
                let found = TABLES.by_prefix.longest(phone.digits());
                let entry = found.and_then(|place| TABLES.countries.get(usize::from(place)));
                entry.map_or(Self::UNKNOWN, |entry| entry.country)
            }
            Identifier::User(id) => {
                let code = id.reveal().get(..2).and_then(Self::parse);
                code.filter(|country| country.is_listed())
                    .unwrap_or(Self::UNKNOWN)
            }
        }
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Country({})", self.as_str())
    }
}

/// Every country with every time zone that it has.
pub fn all() -> impl Iterator<Item = (Country, &'static [Zone])> {
    let countries = TABLES.countries.iter();
    countries.map(|entry| (entry.country, &*entry.zones))
}

/// A time zone of the IANA database that the data name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Zone(u16);

impl Zone {
    /// Every name, in the order of their numbers, which begin at 0.
    #[must_use]
    pub fn names() -> &'static [&'static str] {
        &TABLES.zones
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> usize {
        usize::from(self.0)
    }

    /// Its name, `Europe/Madrid`.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLES.zones.get(self.number()).copied().unwrap_or_default()
    }
}

/// Where someone may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Whereabouts {
    /// Every country that it may be: one where it is told.
    pub countries: &'static [Country],
    /// Every time zone that it may be.
    pub zones: &'static [Zone],
    /// Whether the identifier tells the country; if not, the zones are all of all that it may be.
    pub is_told: bool,
}

/// Where an identifier may be, by its prefix.
#[must_use]
pub fn whereabouts(identifier: &Identifier) -> Whereabouts {
    let (identifier, _) = identifier.canonical();
    let entry = TABLES.country(Country::of(&identifier));
    let Some(entry) = entry else {
        let shares_plan =
            matches!(&identifier, Identifier::Phone(phone) if leads_with_1(phone.digits()));
        let (countries, zones) = if shares_plan {
            (&TABLES.plan_countries, &TABLES.plan_zones)
        } else {
            (&TABLES.all_countries, &TABLES.all_zones)
        };
        return Whereabouts {
            countries,
            zones,
            is_told: false,
        };
    };
    let narrower = match &identifier {
        Identifier::Phone(phone) => TABLES.zones_by_prefix.longest(phone.digits()),
        Identifier::User(_) => None,
    };
    let list = narrower.and_then(|place| TABLES.zone_lists.get(usize::from(place)));
    Whereabouts {
        countries: core::slice::from_ref(&entry.country),
        zones: list.unwrap_or(&entry.zones),
        is_told: true,
    }
}

/// Numbers of the plan that North America and the Caribbean share have eleven digits and begin with 1.
fn leads_with_1(digits: u64) -> bool {
    digits / 10_000_000_000 == 1
}

/// What place and hour say about an addressee, as far as a rule may look at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Their country.
    pub country: Country,
    /// What the business does not send there.
    pub closed: Categories,
    /// Until when it is quiet there.
    pub quiet: Quiet,
}

/// A country of the data.
#[derive(Debug)]
struct Entry {
    country: Country,
    zones: Vec<Zone>,
}

#[derive(Debug, Default)]
struct Tables {
    /// In the order of their codes.
    countries: Vec<Entry>,
    by_prefix: Prefixes,
    zones: Vec<&'static str>,
    zone_lists: Vec<Vec<Zone>>,
    zones_by_prefix: Prefixes,
    plan_countries: Vec<Country>,
    plan_zones: Vec<Zone>,
    all_countries: Vec<Country>,
    all_zones: Vec<Zone>,
    /// Lines that do not read; a test holds that there are none.
    problems: Vec<&'static str>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    Tables::read(
        include_str!("../data/country/countries.tsv"),
        include_str!("../data/country/zones.tsv"),
    )
});

/// Lines of the data that do not read.
#[must_use]
pub fn problems() -> &'static [&'static str] {
    &TABLES.problems
}

impl Tables {
    fn read(countries: &'static str, zones: &'static str) -> Self {
        let mut tables = Self::default();
        for line in lines(countries) {
            if tables.add_country(line).is_none() {
                tables.problems.push(line);
            }
        }
        for line in lines(zones) {
            if tables.add_zones(line).is_none() {
                tables.problems.push(line);
            }
        }
        tables.all_countries = tables.countries.iter().map(|entry| entry.country).collect();
        tables.all_zones = joined(tables.countries.iter());
        let in_plan = |entry: &&Entry| tables.plan_countries.contains(&entry.country);
        tables.plan_zones = joined(tables.countries.iter().filter(in_plan));
        tables
    }

    fn country(&self, country: Country) -> Option<&Entry> {
        let found = self
            .countries
            .binary_search_by_key(&country, |entry| entry.country);
        found.ok().and_then(|place| self.countries.get(place))
    }

    fn zone(&mut self, name: &'static str) -> Option<Zone> {
        let known = self.zones.iter().position(|zone| *zone == name);
        let place = known.unwrap_or_else(|| {
            self.zones.push(name);
            self.zones.len() - 1
        });
        u16::try_from(place).ok().map(Zone)
    }

    fn zones_of(&mut self, names: &'static str) -> Option<Vec<Zone>> {
        names.split(',').map(|name| self.zone(name)).collect()
    }

    fn add_country(&mut self, line: &'static str) -> Option<()> {
        let mut members = line.split('\t');
        let country = Country::parse(members.next()?)?;
        let (_name, prefixes, zones) = (members.next()?, members.next()?, members.next()?);
        let zones = self.zones_of(zones)?;
        let is_next = self
            .countries
            .last()
            .is_none_or(|last| last.country < country);
        let place = u16::try_from(self.countries.len()).ok()?;
        self.countries.push(Entry { country, zones });
        for prefix in prefixes.split(',').filter(|prefix| !prefix.is_empty()) {
            self.by_prefix.add(prefix, place)?;
            if prefix.starts_with('1') && self.plan_countries.last() != Some(&country) {
                self.plan_countries.push(country);
            }
        }
        is_next.then_some(())
    }

    fn add_zones(&mut self, line: &'static str) -> Option<()> {
        let (zones, prefixes) = line.split_once('\t')?;
        let zones = self.zones_of(zones)?;
        let place = u16::try_from(self.zone_lists.len()).ok()?;
        self.zone_lists.push(zones);
        let mut prefixes = prefixes.split(',');
        prefixes.try_for_each(|prefix| self.zones_by_prefix.add(prefix, place))
    }
}

fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn joined<'e>(entries: impl Iterator<Item = &'e Entry>) -> Vec<Zone> {
    let mut zones: Vec<Zone> = entries.flat_map(|entry| &entry.zones).copied().collect();
    zones.sort_unstable();
    zones.dedup();
    zones
}
