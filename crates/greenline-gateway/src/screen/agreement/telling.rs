//! What is said of an agreement, to programs and to people.

use greenline_console::{AgreementDifference, AgreementSection, When};
use greenline_proof::Plan;
use serde_json::{Value, json};

use crate::ids;
use crate::screen::Unscreened;
use crate::screen::fate::Kind;
use crate::screen::report::utc;

use super::because::Because;
use super::rows::{SHEETS, Then};
use super::{Found, Group, Now, Span, Sums};

/// Differences that are told apart.
const GROUPS_MAX: usize = 200;

/// How live decisions agreed with a plan.
#[derive(Clone, Debug)]
pub struct Agreement {
    value: Value,
    section: AgreementSection,
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Allowed => "allow",
        Kind::Held => "hold",
        Kind::Refused => "refuse",
    }
}

fn list(rules: &str) -> Vec<&str> {
    rules.split_ascii_whitespace().collect()
}

/// A difference with where to look.
type Told<'f> = (&'f Then, &'f Now, &'f Group);

impl Agreement {
    pub(super) fn new(plan: &Plan, span: &Span, found: &Found, is_ours: bool, now_ms: i64) -> Self {
        let mut told: Vec<Told<'_>> = found
            .groups
            .iter()
            .filter_map(|((then, now), group)| {
                Some((found.thens.at(*then)?, found.nows.at(*now)?, group))
            })
            .collect();
        told.sort_by(|one, other| {
            let by = |(then, now, group): &Told<'_>| {
                let rows = std::cmp::Reverse(group.rows);
                (rows, then.kind, then.rules.clone(), now.rules.clone())
            };
            by(one).cmp(&by(other))
        });
        let others = told.iter().skip(GROUPS_MAX).map(|(_, _, group)| group.rows);
        let others: u64 = others.sum();
        told.truncate(GROUPS_MAX);
        let sum = |of: fn(&Sums) -> u64| found.sums.iter().map(of).sum::<u64>();
        let (agreed, differed) = (sum(|sums| sums.agreed), sum(|sums| sums.differed));
        let (not_sent, erased) = (sum(|sums| sums.not_sent), sum(|sums| sums.erased));
        let by = SHEETS.iter().map(|(kind, _)| {
            let sums = found.sums[*kind as usize];
            let counts = json!({
                "agreed": sums.agreed, "differed": sums.differed, "not_sent": sums.not_sent, "erased": sums.erased,
            });
            let name = match kind {
                Kind::Allowed => "allowed",
                Kind::Held => "held",
                Kind::Refused => "refused",
            };
            (name.to_owned(), counts)
        });
        let value = json!({
            "plan": plan.id, "business": plan.business, "number": plan.number,
            "template": { "name": plan.template, "language": plan.language },
            "signed_by_this_installation": is_ours,
            "from": plan.made, "until": plan.until, "looked_at": utc(now_ms),
            "counts": {
                "rows": plan.counts.rows, "agreed": agreed, "differed": differed, "not_sent": not_sent, "erased": erased,
                "duplicates": plan.counts.duplicates, "unreadable": plan.counts.unreadable,
            },
            "for_other_reasons": found.other_reasons,
            "by": Value::Object(by.collect()),
            "differences": told.iter().map(|told| difference(*told)).collect::<Vec<_>>(),
            "other_differences": others,
            "decisions_read": found.decisions, "passes": found.passes,
        });
        let section = AgreementSection {
            from: When::dated(span.from_ms),
            until: When::dated(span.until_ms),
            looked: When::dated(now_ms),
            agreed,
            other_reasons: found.other_reasons,
            differed,
            not_sent,
            erased,
            duplicates: plan.counts.duplicates,
            unreadable: plan.counts.unreadable,
            differences: told.iter().map(|told| shown(*told)).collect(),
            others,
        };
        Self { value, section }
    }

    /// For programs.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Whether no row was answered otherwise.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.section.differed == 0
    }

    /// The report of a screening with this as its last part.
    ///
    /// # Errors
    /// It cannot be drawn.
    pub fn within(&self, report: &str) -> Result<String, Unscreened> {
        self.section.within(report).map_err(|error| {
            Unscreened::Unavailable(format!("the report cannot be drawn: {error}"))
        })
    }

    /// A few lines for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let (of, counts) = (&self.section, &self.value["counts"]);
        let mut text = format!(
            "{} rows: {} answered as planned, {} otherwise, {} not sent yet; {} name somebody twice, {} cannot be read\n",
            counts["rows"], of.agreed, of.differed, of.not_sent, of.duplicates, of.unreadable
        );
        if of.erased > 0 {
            text.push_str(&format!(
                "{:>10}  name somebody who was erased since\n",
                of.erased
            ));
        }
        if self.value["signed_by_this_installation"] == false {
            text.push_str(
                "warning: the key that signed the plan is not one of this installation\n",
            );
        }
        for difference in &of.differences {
            text.push_str(&format!(
                "{:>10}  {} Planned: {} ({}); decided: {} ({})\n",
                difference.rows,
                difference.cause,
                difference.then,
                difference.then_rules,
                difference.now,
                difference.now_rules
            ));
            for (row, number, decision) in &difference.examples {
                text.push_str(&format!("            row {row}, {number}, {decision}\n"));
            }
        }
        if of.others > 0 {
            text.push_str(&format!("{:>10}  in other ways\n", of.others));
        }
        text
    }
}

fn difference((then, now, group): Told<'_>) -> Value {
    let because = now.because.unwrap_or(Because::Unknown);
    let examples = group.examples.iter().map(|(row, (number, decision))| {
        json!({ "row": row, "number": number, "decision": ids::decision(*decision) })
    });
    json!({
        "rows": group.rows, "cause": because.as_str(), "text": because.text(),
        "then": { "decision": word(then.kind), "rules": list(&then.rules) },
        "now": { "decision": now.verdict, "rules": list(&now.rules) },
        "examples": examples.collect::<Vec<_>>(),
    })
}

fn shown((then, now, group): Told<'_>) -> AgreementDifference {
    let examples = group.examples.iter();
    AgreementDifference {
        then: word(then.kind).to_owned(),
        then_rules: then.rules.to_string(),
        now: now.verdict.to_owned(),
        now_rules: now.rules.to_string(),
        cause: now.because.unwrap_or(Because::Unknown).text().to_owned(),
        rows: group.rows,
        examples: examples
            .map(|(row, (number, decision))| (*row, number.clone(), ids::decision(*decision)))
            .collect(),
    }
}
