//! Laws of countries that set quiet hours, as far as they are known here.
//!
//! They are data (`data/law/quiet-hours.tsv`), each with the confidence of what is known of it. Where a law's reach over
//! WhatsApp is not settled, or its hours are known second-hand or weakly, it counts only where the business turns it on.

use std::sync::LazyLock;

use crate::country::Country;
use crate::pack::Day;
use crate::quiet::{Days, Hours, QuietTime, minute};
use crate::scope::{Categories, Category};

/// How sure what is known of a law, or a fact that a rule rests on, is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Confidence {
    /// Weak or not confirmed.
    Low,
    /// Second-hand, partial, or our own reading of a page.
    Medium,
    /// The platform's own page, or the text of a law.
    High,
}

impl Confidence {
    /// The name used in APIs and on pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A country's quiet hours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Law {
    /// The country.
    pub country: Country,
    /// When and for what.
    pub quiet: QuietTime,
    /// How sure that is.
    pub confidence: Confidence,
    /// Whether it counts where a business says nothing.
    pub is_on: bool,
    /// Keys of its sources.
    pub sources: Vec<&'static str>,
    /// Why it is on or off, one sentence.
    pub why: &'static str,
}

static LAWS: LazyLock<Vec<Law>> = LazyLock::new(|| lines().filter_map(Law::read).collect());

fn lines() -> impl Iterator<Item = &'static str> {
    let file = include_str!("../data/law/quiet-hours.tsv");
    file.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
}

impl Law {
    /// Every law.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &LAWS
    }

    /// Lines of the data that do not read; a test holds that there are none.
    pub fn problems() -> impl Iterator<Item = &'static str> {
        lines().filter(|line| Self::read(line).is_none())
    }

    fn read(line: &'static str) -> Option<Self> {
        let mut members = line.split('\t');
        let mut next = || members.next();
        let country = Country::parse(next()?).filter(|country| country.is_listed())?;
        let (start, end) = (minute(next()?)?, minute(next()?)?);
        let days = Days::parse(next()?.split(',')).ok()?;
        let categories: Option<Vec<Category>> = next()?.split(',').map(Category::parse).collect();
        let confidence = match next()? {
            "H" => Confidence::High,
            "M" => Confidence::Medium,
            "L" => Confidence::Low,
            _ => return None,
        };
        let is_on = match next()? {
            "on" => true,
            "off" => false,
            _ => return None,
        };
        let since = match next()? {
            "-" => None,
            day => Some(Day::parse(day)?),
        };
        let quiet = QuietTime {
            hours: Hours::new(start, end, days)?,
            categories: Categories::of(categories?),
            since,
        };
        Some(Self {
            country,
            quiet,
            confidence,
            is_on,
            sources: next()?.split(',').collect(),
            why: next()?,
        })
    }
}
