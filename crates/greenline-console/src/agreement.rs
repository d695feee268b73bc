//! How live decisions agreed with a plan, as a part of the report on its list.

use askama::Template;

use crate::chart::grouped;
use crate::words::When;

/// Rows of which the answer was another than the plan's, for one cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgreementDifference {
    /// What the plan said.
    pub then: String,
    /// By which rules.
    pub then_rules: String,
    /// What was decided.
    pub now: String,
    /// By which rules.
    pub now_rules: String,
    /// Why, as far as it can be told.
    pub cause: String,
    /// How many rows.
    pub rows: u64,
    /// Some of them: the row, the masked number, the decision.
    pub examples: Vec<(u64, String, String)>,
}

/// The part of the report.
#[derive(Clone, Debug, Template)]
#[template(path = "agreement.html")]
pub struct AgreementSection {
    /// Decisions since then count.
    pub from: When,
    /// Those before then.
    pub until: When,
    /// When it was looked.
    pub looked: When,
    /// Rows that were answered as planned.
    pub agreed: u64,
    /// Of those, for other reasons.
    pub other_reasons: u64,
    /// Rows that were answered otherwise.
    pub differed: u64,
    /// Rows that nothing was decided about.
    pub not_sent: u64,
    /// Rows whose person was erased since.
    pub erased: u64,
    /// Rows that name somebody whom an earlier one names.
    pub duplicates: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
    /// Most rows first.
    pub differences: Vec<AgreementDifference>,
    /// Rows of differences that are not listed.
    pub others: u64,
}

impl AgreementSection {
    fn grouped(&self, count: &u64) -> String {
        grouped(*count)
    }

    /// The report with this part at its end.
    ///
    /// # Errors
    /// It cannot be drawn.
    pub fn within(&self, report: &str) -> Result<String, askama::Error> {
        let part = self.render()?;
        // What stands in the report is escaped, so there is no other.
        Ok(match report.rsplit_once("</main>") {
            Some((before, after)) => format!("{before}{part}</main>{after}"),
            None => format!("{report}{part}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_stands_at_the_end_of_the_report() {
        let section = AgreementSection {
            from: When::dated(0),
            until: When::dated(1),
            looked: When::dated(2),
            agreed: 12_345,
            other_reasons: 1,
            differed: 1,
            not_sent: 0,
            erased: 0,
            duplicates: 0,
            unreadable: 0,
            differences: vec![AgreementDifference {
                then: "allow".to_owned(),
                then_rules: "consent.covered".to_owned(),
                now: "refuse".to_owned(),
                now_rules: "consent.opted_out".to_owned(),
                cause: "The person has said no since <here>.".to_owned(),
                rows: 1,
                examples: vec![(7, "+155•••01".to_owned(), "dec_1".to_owned())],
            }],
            others: 0,
        };
        let page = section.within("<main><p>report</p></main></body>").unwrap();
        let (report, part) = page.split_once("<h2 id=\"agreement\">").unwrap();
        assert!(report.starts_with("<main><p>report</p>"));
        assert!(part.ends_with("</main></body>"));
        assert!(part.contains("since &#60;here&#62;") && part.contains("+155•••01"));
    }
}
