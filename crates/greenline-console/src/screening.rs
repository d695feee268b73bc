//! What came of a list, as a file to look at and to hand on: for whoever plans a campaign, so what goes, what waits, what
//! does not and what can be done about it come first, and names of rules stand behind their sentences.
//!
//! It stands alone: no script, nothing from elsewhere, good to print. Bars are decoration beside their numbers.

use askama::Template;

use crate::chart::{bar_width, grouped};
use crate::words::When;

/// Where rows went. `rows` is the sum of all others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScreeningCounts {
    /// Rows of the list.
    pub rows: u64,
    /// May be sent.
    pub allowed: u64,
    /// May be sent later.
    pub held: u64,
    /// May not be sent.
    pub refused: u64,
    /// Name somebody who was named before.
    pub duplicates: u64,
    /// Could not be read.
    pub unreadable: u64,
}

/// A rule that is in the way of rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScreeningReason {
    /// Its name.
    pub rule: String,
    /// What it says.
    pub text: String,
    /// What it rests on.
    pub sources: String,
    /// Rows that it is in the way of.
    pub rows: u64,
    /// Of those, rows that it answers first.
    pub first: u64,
    /// Of those, rows that only wait.
    pub held: u64,
}

/// What can be done about rows that may not be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScreeningStep {
    /// What is in the way.
    pub why: String,
    /// What to do.
    pub text: String,
    /// For how many rows.
    pub rows: u64,
    /// Whether anything but leaving them alone is right.
    pub can: bool,
}

/// One country's rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScreeningCountry {
    /// Its code; `?` where the number tells none.
    pub code: String,
    /// May be sent.
    pub allowed: u64,
    /// Later.
    pub held: u64,
    /// Not.
    pub refused: u64,
}

impl ScreeningCountry {
    fn rows(&self) -> u64 {
        self.allowed + self.held + self.refused
    }
}

/// The report on a list.
#[derive(Clone, Debug, Template)]
#[template(path = "screening.html")]
pub struct ScreeningPage {
    /// The business, by the name people know.
    pub business: String,
    /// The number to send from, as people see it.
    pub number: String,
    /// The template.
    pub template: String,
    /// Its language.
    pub language: String,
    /// Its category by the account's list.
    pub category: String,
    /// The moment that was decided for.
    pub at: When,
    /// When this was made.
    pub made: When,
    /// The list's file name.
    pub list: String,
    /// The column that names people.
    pub column: Option<String>,
    /// Where rows went.
    pub counts: ScreeningCounts,
    /// What to know before relying on it.
    pub warnings: Vec<String>,
    /// What is in the way, most rows first.
    pub reasons: Vec<ScreeningReason>,
    /// What may be sent rests on: sentence, rule, rows.
    pub rests: Vec<(String, String, u64)>,
    /// What to do about what may not be sent, most rows first.
    pub steps: Vec<ScreeningStep>,
    /// When what is held may be sent, by the hour.
    pub releases: Vec<(When, u64)>,
    /// How it fits the portfolio's limit, in sentences.
    pub limit: Vec<String>,
    /// Rows by country, most first.
    pub countries: Vec<ScreeningCountry>,
    /// What is wrong with rows that could not be read.
    pub problems: Vec<(String, u64)>,
}

impl ScreeningPage {
    fn grouped(&self, count: &u64) -> String {
        grouped(*count)
    }

    /// A share of all rows, in words.
    fn share(&self, count: &u64) -> String {
        if *count == 0 || self.counts.rows == 0 {
            return "none".to_owned();
        }
        let thousandths = count.saturating_mul(1_000) / self.counts.rows;
        match thousandths {
            0 => "below 0.1 %".to_owned(),
            1_000 => "all".to_owned(),
            _ => format!("{}.{} %", thousandths / 10, thousandths % 10),
        }
    }

    /// The bar of allowed, held and refused rows: where each begins and how wide it is.
    fn split(&self) -> [(String, String); 3] {
        let counts = &self.counts;
        parts([counts.allowed, counts.held, counts.refused])
    }

    fn of_country(&self, country: &ScreeningCountry) -> [(String, String); 3] {
        parts([country.allowed, country.held, country.refused])
    }

    fn rows_of(&self, country: &ScreeningCountry) -> String {
        grouped(country.rows())
    }

    fn width(&self, count: &u64, most: &u64) -> String {
        bar_width(*count, *most)
    }

    fn most_reason(&self) -> u64 {
        let rows = self.reasons.iter().map(|reason| reason.rows);
        rows.max().unwrap_or(0)
    }

    fn most_release(&self) -> u64 {
        let rows = self.releases.iter().map(|(_, rows)| *rows);
        rows.max().unwrap_or(0)
    }

    /// Rows that may yet be won back.
    fn winnable(&self) -> u64 {
        let steps = self.steps.iter().filter(|step| step.can);
        steps.map(|step| step.rows).sum()
    }
}

/// Where each part of a full bar begins and how wide it is.
fn parts(rows: [u64; 3]) -> [(String, String); 3] {
    let all = rows.iter().sum::<u64>().max(1);
    let mut before = 0;
    rows.map(|part| {
        #[expect(clippy::cast_precision_loss, reason = "a bar's width")]
        let of = |count: u64| format!("{:.2}", count as f64 * 100.0 / all as f64);
        let drawn = (of(before), of(part));
        before += part;
        drawn
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_bar() {
        let drawn = parts([1, 1, 2]);
        let text = |at: usize| (drawn[at].0.as_str(), drawn[at].1.as_str());
        assert_eq!(text(0), ("0.00", "25.00"));
        assert_eq!(text(2), ("50.00", "50.00"));
        assert_eq!(parts([0, 0, 0])[1].1, "0.00");
    }
}
