//! What monitoring reads of numbers and alerts, as of the last look: a scrape reads no store.
//!
//! Labels are ids of the configuration and words of closed lists, so there are as many series as there are numbers, up to
//! [`NUMBERS_MAX`], and none of them names a person.

use std::fmt::Write as _;
use std::sync::{Arc, PoisonError};

use greenline_ledger::types::NumberView;
use greenline_policy::alert::Kind;
use greenline_policy::health::{Can, Matrix, What};
use greenline_policy::number::NumberStatus;
use greenline_policy::quality::Score;

use crate::app::App;
use crate::directory::Number;

/// Numbers that are shown, of all businesses together; of more, the first of the configuration.
pub(crate) const NUMBERS_MAX: usize = 1_000;

const RATINGS: [Score; 4] = [Score::Green, Score::Yellow, Score::Red, Score::Unrated];

/// What a look at a business found.
#[derive(Clone, Debug, Default)]
pub(super) struct Glance {
    pub(super) numbers: Vec<NumberGlance>,
    pub(super) reached: u64,
    pub(super) bound: Option<u32>,
    /// When the token ends, where it does.
    pub(super) token_ends_ms: Option<i64>,
    /// The conditions that stand, each as often as it does.
    pub(super) open: Vec<Kind>,
}

/// A number.
#[derive(Clone, Debug)]
pub(super) struct NumberGlance {
    id: Arc<str>,
    rating: Score,
    status: NumberStatus,
    can: Vec<(What, Can)>,
    restricted_until_ms: Option<i64>,
    read_ms: Option<i64>,
    inbound_ms: Option<i64>,
}

impl NumberGlance {
    pub(super) fn of(
        number: &Number,
        view: Option<&NumberView>,
        rating: Score,
        matrix: &Matrix,
    ) -> Self {
        let status = view.and_then(|view| view.status.as_deref());
        let restrictions = matrix.holds.iter();
        let restrictions =
            restrictions.filter(|holds| Kind::of(holds.cause).is_some_and(Kind::is_restriction));
        Self {
            id: Arc::clone(&number.id),
            rating,
            status: status.map_or(NumberStatus::Unknown, NumberStatus::parse),
            can: matrix
                .cells
                .iter()
                .map(|cell| (cell.what, cell.can))
                .collect(),
            restricted_until_ms: restrictions.filter_map(|holds| holds.until_ms).max(),
            read_ms: view.and_then(|view| view.at_ms),
            inbound_ms: view.and_then(|view| view.last_inbound_ms),
        }
    }
}

/// One metric: its name, what it says, and its series.
struct Family {
    name: &'static str,
    help: &'static str,
    series: String,
}

impl Family {
    fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            series: String::new(),
        }
    }

    fn add(&mut self, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.series, "{}{{{labels}}} {value}", self.name);
    }

    fn moment(&mut self, labels: &str, at_ms: Option<i64>) {
        if let Some(at_ms) = at_ms {
            self.add(labels, at_ms.div_euclid(1_000));
        }
    }

    fn write(&self, text: &mut String) {
        let Self { name, help, series } = self;
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{series}");
    }
}

fn can(can: Can) -> i8 {
    match can {
        Can::Yes => 1,
        Can::No => 0,
        Can::Unknown => -1,
    }
}

/// All of it, in the text format of Prometheus.
pub(crate) fn render(app: &App) -> String {
    let mut rating = Family::new(
        "greenline_number_rating",
        "1 for the rating of a number as last read, 0 for the others.",
    );
    let mut status = Family::new(
        "greenline_number_status",
        "1 for the status of a number as last read, 0 for the others.",
    );
    let mut able = Family::new(
        "greenline_number_can",
        "Whether a number can do something: 1 yes, 0 no, -1 unknown.",
    );
    let mut until = Family::new(
        "greenline_number_restricted_until_timestamp_seconds",
        "When the last of a number's restrictions ends; absent without one, or without an end.",
    );
    let mut read = Family::new(
        "greenline_number_read_timestamp_seconds",
        "When a number was last read from the platform.",
    );
    let mut inbound = Family::new(
        "greenline_number_inbound_timestamp_seconds",
        "When anybody last wrote to a number.",
    );
    let mut reached = Family::new(
        "greenline_portfolio_reached_people",
        "People who count as reached within the last 24 hours.",
    );
    let mut limit = Family::new(
        "greenline_portfolio_limit_people",
        "How many the portfolio may reach within 24 hours; absent where there is no limit or none is known.",
    );
    let mut token = Family::new(
        "greenline_token_expires_timestamp_seconds",
        "When the business's access token ends; absent for one that does not, and where that is not known.",
    );
    let mut open = Family::new("greenline_alerts_open", "Conditions that stand, by kind.");
    let glances = app.alerts.glances.lock();
    let glances = glances.unwrap_or_else(PoisonError::into_inner);
    let mut left = NUMBERS_MAX;
    for business in app.directory.businesses() {
        let Some(glance) = glances.get(&business.ix) else {
            continue;
        };
        let of = format!("business=\"{}\"", business.config.id);
        reached.add(&of, glance.reached);
        if let Some(bound) = glance.bound {
            limit.add(&of, bound);
        }
        token.moment(&of, glance.token_ends_ms);
        for kind in Kind::ALL {
            let count = glance.open.iter().filter(|open| *open == kind).count();
            let severity = kind.severity().as_str();
            let labels = format!("{of},kind=\"{}\",severity=\"{severity}\"", kind.id());
            open.add(&labels, count);
        }
        for number in glance.numbers.iter().take(left) {
            let of = format!("{of},number=\"{}\"", plain(&number.id));
            for one in RATINGS {
                let is_it = u8::from(number.rating == one);
                rating.add(&format!("{of},rating=\"{}\"", one.as_str()), is_it);
            }
            for one in NumberStatus::ALL {
                let is_it = u8::from(number.status == one);
                status.add(&format!("{of},status=\"{}\"", one.as_str()), is_it);
            }
            for (what, answer) in &number.can {
                let labels = format!("{of},what=\"{}\"", what.as_str());
                able.add(&labels, can(*answer));
            }
            until.moment(&of, number.restricted_until_ms);
            read.moment(&of, number.read_ms);
            inbound.moment(&of, number.inbound_ms);
        }
        left = left.saturating_sub(glance.numbers.len());
    }
    let mut text = String::new();
    for family in [
        rating, status, able, until, read, inbound, reached, limit, token, open,
    ] {
        family.write(&mut text);
    }
    text
}

/// An id as a label's value: the configuration does not check what a number's id is made of.
fn plain(id: &str) -> String {
    let kept = id
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c));
    kept.take(64).collect()
}
