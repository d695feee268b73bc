//! What comes next for a number: a section of its page.
//!
//! Its sentences come ready, the same that the API and the command line give.

use askama::Template;

use crate::chart::{bar_width, grouped};
use crate::words::When;

/// Something that stands in the way of the next limit, or drives a risk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForecastPoint {
    /// What it says.
    pub say: String,
    /// The other number or the template that it is about.
    pub of: Option<String>,
    /// One or two words on how much it says.
    pub mark: &'static str,
    /// Whether it is the stronger kind.
    pub strong: bool,
    /// The number behind it, and what it is compared with.
    pub measured: Option<String>,
    /// When it was told.
    pub seen: Option<When>,
    /// What helps.
    pub remedy: &'static str,
    /// Ids of the facts that it rests on, each with where the guide tells it.
    pub facts: Vec<(String, String)>,
}

/// A risk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForecastRisk {
    /// Of what.
    pub of: &'static str,
    /// How great, in words.
    pub level: &'static str,
    /// `good`, `warn`, `bad`, or nothing where nothing is said.
    pub tone: &'static str,
    /// The sentence.
    pub say: String,
    /// What drives it.
    pub drivers: Vec<ForecastPoint>,
}

/// A day's people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForecastDay {
    /// When it begins.
    pub from: When,
    /// Different people.
    pub people: u32,
}

/// The section.
#[derive(Clone, PartialEq, Eq, Debug, Template)]
#[template(path = "forecast.html")]
pub struct ForecastSection {
    /// How limits work at that date, and the facts that say so.
    pub rules: (&'static str, Vec<(String, String)>),
    /// The sentence on the limit and its use.
    pub limit: String,
    /// The sentence on the next limit.
    pub growth: String,
    /// Different people that it takes, within how many days, and how many were reached in as many.
    pub takes: Option<(u32, usize, u32)>,
    /// By day, oldest first.
    pub days: Vec<ForecastDay>,
    /// What stands in the way.
    pub in_the_way: Vec<ForecastPoint>,
    /// The sentence on flags, what lifts one, and whether a limit stands to fall.
    pub watch: (String, &'static str, bool),
    /// The two risks.
    pub risks: Vec<ForecastRisk>,
    /// What the levels are, and are not.
    pub levels: &'static str,
}

impl ForecastSection {
    fn grouped(&self, count: &u32) -> String {
        grouped(u64::from(*count))
    }

    /// So many people a day are as many as it takes.
    fn a_day(&self) -> u64 {
        self.takes.map_or(0, |(takes, days, _)| {
            u64::from(takes).div_ceil(days.max(1) as u64)
        })
    }

    /// The longest bar; beyond the line if that lies further out, so that it is seen.
    fn most(&self) -> u64 {
        let longest = self.days.iter().map(|day| u64::from(day.people)).max();
        longest.unwrap_or(0).max(self.a_day() * 5 / 4)
    }

    fn width(&self, count: &u32) -> String {
        bar_width(u64::from(*count), self.most())
    }

    /// Where the line is; none without anything to compare with.
    fn line(&self) -> Option<String> {
        (self.a_day() > 0).then(|| bar_width(self.a_day(), self.most()))
    }

    fn reached(&self) -> (String, String) {
        let (takes, _, reached) = self.takes.unwrap_or((0, 0, 0));
        let most = u64::from(takes.max(reached));
        (
            bar_width(u64::from(reached), most),
            bar_width(u64::from(takes), most),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{ForecastDay, ForecastPoint, ForecastRisk, ForecastSection};
    use crate::words::When;

    fn section() -> ForecastSection {
        let fact = || vec![("QL-22".to_owned(), "/guide?q=QL-22".to_owned())];
        let day = |nth: u32| ForecastDay {
            from: When::dated(1_788_300_000_000 + i64::from(nth) * 86_400_000),
            people: nth * 40,
        };
        ForecastSection {
            rules: ("The limit belongs to the portfolio.", fact()),
            limit: "2,000 people within 24 hours.".to_owned(),
            growth: "160 more <people>.".to_owned(),
            takes: Some((1_000, 7, 840)),
            days: (0..7).map(day).collect(),
            in_the_way: vec![ForecastPoint {
                say: "Another number is rated low.".to_owned(),
                of: Some("301500000000002".to_owned()),
                mark: "not while this stands",
                strong: true,
                measured: None,
                seen: Some(When::dated(1_788_300_000_000)),
                remedy: "Look at that number.",
                facts: fact(),
            }],
            watch: ("No number is flagged any more.".to_owned(), "", false),
            risks: vec![ForecastRisk {
                of: "A worse rating",
                level: "raised",
                tone: "warn",
                say: "Raised.".to_owned(),
                drivers: Vec::new(),
            }],
            levels: "Ours.",
        }
    }

    #[test]
    fn the_line_is_where_half_the_limit_lies() {
        let section = section();
        assert_eq!(section.a_day(), 143);
        assert_eq!(section.line().as_deref(), Some("59.6"));
        assert_eq!(section.reached(), ("84.0".to_owned(), "100.0".to_owned()));
        let html = crate::render(&section).unwrap();
        assert!(html.contains("160 more &#60;people&#62;."), "{html}");
        assert!(html.contains("Another number is rated low."));
        assert!(!html.contains("<script"));
        assert!(html.contains("Different people within 7 days: 840 of the 1\u{202f}000"));
        let first_step = ForecastSection {
            takes: Some((2_000, 30, 840)),
            ..section
        };
        assert_eq!(first_step.a_day(), 67);
    }

    #[test]
    fn nothing_is_drawn_where_people_are_not_what_it_takes() {
        let section = ForecastSection {
            takes: None,
            days: Vec::new(),
            ..section()
        };
        assert_eq!(section.line(), None);
        let html = crate::render(&section).unwrap();
        assert!(!html.contains("<svg"), "{html}");
    }
}
