//! What came of a list as a whole, for programs and for people.

use std::collections::BTreeMap;
use std::time::Duration;

use greenline_console::{
    ScreeningCountry, ScreeningCounts, ScreeningPage, ScreeningReason, ScreeningStep, When, grouped,
};
use greenline_ledger::types::PortfolioView;
use greenline_policy::country::Country;
use greenline_policy::next_step::leaves_alone;
use greenline_policy::pack::Pack;
use greenline_policy::reach::bound;
use greenline_policy::rule::{Rule, Severity};
use greenline_proof::PlanCounts;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::app::Shared;
use crate::pipeline::on_a_condition;

use super::fate::{Kind, Tally};
use super::results::{FILES, PLAN};
use super::{Outline, Prepared};

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// A moment in UTC.
pub(crate) fn utc(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |at| at.to_string())
}

/// The report.
#[derive(Clone, Debug)]
pub struct Report {
    page: ScreeningPage,
    value: Value,
}

/// Rows that one rule is in the way of.
#[derive(Clone, Copy, Default)]
struct Blocked {
    rows: u64,
    first: u64,
    held: u64,
}

impl Report {
    pub(crate) fn new(
        app: &Shared,
        prepared: &Prepared,
        tally: &Tally,
        outline: &Outline,
        took: Duration,
    ) -> Self {
        let (ask, order, business) = (&prepared.ask, &prepared.order, &prepared.business);
        let now_ms = app.clock.now_ms();
        let template = ask.template.as_ref();
        let language = template.map_or("", |template| &*template.language);
        let listed = prepared.template.as_ref();
        let category = listed
            .and_then(|known| known.category)
            .map(|category| category.as_str().to_owned());
        let mut numbers = business.config.number.iter();
        let shown = numbers
            .find(|number| *number.phone_number_id == *ask.number)
            .map(|number| number.display_number.clone());
        let page = ScreeningPage {
            business: business.config.name.clone(),
            number: shown.unwrap_or_else(|| ask.number.to_string()),
            template: order.template.clone(),
            language: language.to_owned(),
            category: category
                .clone()
                .unwrap_or_else(|| "judged as marketing".to_owned()),
            at: When::dated(ask.now_ms),
            made: When::dated(now_ms),
            list: order.name(),
            column: outline.column.clone(),
            counts: counts(tally),
            warnings: warnings(prepared, outline, now_ms),
            reasons: reasons(tally),
            rests: rests(tally),
            steps: steps(tally),
            releases: releases(tally),
            limit: limit(
                &prepared.portfolio,
                ask.rules.portfolio_limit,
                counts(tally).allowed,
            ),
            countries: countries(tally),
            problems: problems(tally),
        };
        let seconds = |took: Duration| took.as_millis() as f64 / 1_000.0;
        let mut about = json!({
            "business": business.config.id, "number": &*ask.number, "list": page.list, "column": page.column,
            "template": { "name": order.template, "language": language, "category": category, "known": listed.is_some() },
            "at": utc(ask.now_ms), "made": utc(now_ms), "pack": Pack::at(ask.now_ms).version,
            "one_view": outline.is_one_view, "seconds": seconds(took), "loading_seconds": seconds(outline.loading),
            "files": FILES,
        });
        if let Some(id) = &prepared.id {
            about["id"] = json!(id);
        }
        if order.plan.is_some() {
            about["plan"] = json!(PLAN);
        }
        if order.kept.is_none() {
            about["folder"] = json!(order.out.to_string_lossy());
        }
        let value = shape(&page, tally, about);
        Self { page, value }
    }

    /// For programs.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// As it is written down.
    #[must_use]
    pub fn json(&self) -> String {
        format!("{:#}\n", self.value)
    }

    /// As a page.
    pub(crate) fn html(&self) -> Result<String, impl std::fmt::Display + use<>> {
        greenline_console::render(&self.page)
    }

    /// What it says, as the page has it.
    pub(crate) fn page(&self) -> &ScreeningPage {
        &self.page
    }

    /// Where the rows went.
    pub(crate) fn counts(&self) -> PlanCounts {
        let counts = self.page.counts;
        PlanCounts {
            rows: counts.rows,
            allowed: counts.allowed,
            held: counts.held,
            refused: counts.refused,
            duplicates: counts.duplicates,
            unreadable: counts.unreadable,
        }
    }

    /// How many rows may be sent now.
    #[must_use]
    pub fn allowed(&self) -> u64 {
        self.page.counts.allowed
    }

    /// A few lines for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let page = &self.page;
        let counts = &page.counts;
        let mut lines = vec![format!(
            "{} rows: {} may be sent, {} later, {} not; {} name somebody twice, {} cannot be read",
            counts.rows,
            counts.allowed,
            counts.held,
            counts.refused,
            counts.duplicates,
            counts.unreadable
        )];
        lines.extend(
            page.warnings
                .iter()
                .map(|warning| format!("warning: {warning}")),
        );
        for reason in &page.reasons {
            lines.push(format!(
                "{:>10}  {}: {}",
                reason.rows, reason.rule, reason.text
            ));
        }
        lines.join("\n") + "\n"
    }
}

fn counts(tally: &Tally) -> ScreeningCounts {
    let [allowed, held, refused] = Kind::ALL.map(|kind| tally.of(kind));
    let (duplicates, unreadable) = (tally.duplicates, tally.unread_rows());
    ScreeningCounts {
        rows: allowed + held + refused + duplicates + unreadable,
        allowed,
        held,
        refused,
        duplicates,
        unreadable,
    }
}

fn warnings(prepared: &Prepared, outline: &Outline, now_ms: i64) -> Vec<String> {
    let mut warnings = Vec::new();
    if prepared.template.is_none() {
        warnings.push(format!(
            "The account’s template list does not name “{}” in this language, so it was judged as marketing. A send looks it up on the platform first; if it is of another kind there, the answers may differ.",
            prepared.order.template
        ));
    }
    if prepared.ask.mode == greenline_ledger::types::Mode::Observe {
        warnings.push(
            "The business is in observe mode: a send that may not go is only recorded, and goes all the same."
                .to_owned(),
        );
    }
    if !outline.is_one_view {
        warnings.push(
            "Not everybody was read at one moment: what was recorded while the list was decided about counts for those who were read after it."
                .to_owned(),
        );
    }
    warnings.extend(outline.ended_ms.map(on_a_condition));
    warnings.extend(Pack::at(prepared.ask.now_ms).warning(now_ms));
    warnings
}

fn is_note(rule: Rule) -> bool {
    rule.card().severity == Severity::Note
}

fn reasons(tally: &Tally) -> Vec<ScreeningReason> {
    let mut found: BTreeMap<Rule, Blocked> = BTreeMap::new();
    let blocked = tally
        .entries
        .iter()
        .filter(|entry| entry.fate.kind != Kind::Allowed);
    for entry in blocked {
        let mut is_first = true;
        for rule in entry.fate.rules.iter().filter(|rule| !is_note(**rule)) {
            let of = found.entry(*rule).or_default();
            of.rows += entry.rows;
            if std::mem::take(&mut is_first) {
                of.first += entry.rows;
            }
            if entry.fate.kind == Kind::Held {
                of.held += entry.rows;
            }
        }
    }
    let mut reasons: Vec<ScreeningReason> = found
        .into_iter()
        .map(|(rule, of)| ScreeningReason {
            rule: rule.id().to_owned(),
            text: rule.card().text.to_owned(),
            sources: rule.card().sources.join(", "),
            rows: of.rows,
            first: of.first,
            held: of.held,
        })
        .collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.rows));
    reasons
}

fn rests(tally: &Tally) -> Vec<(String, String, u64)> {
    let mut found: BTreeMap<Rule, u64> = BTreeMap::new();
    let allowed = tally
        .entries
        .iter()
        .filter(|entry| entry.fate.kind == Kind::Allowed);
    for entry in allowed {
        for rule in &entry.fate.rules {
            *found.entry(*rule).or_default() += entry.rows;
        }
    }
    let mut rests: Vec<_> = found
        .into_iter()
        .map(|(rule, rows)| (rule.card().text.to_owned(), rule.id().to_owned(), rows))
        .collect();
    rests.sort_by_key(|(_, _, rows)| std::cmp::Reverse(*rows));
    rests
}

fn steps(tally: &Tally) -> Vec<ScreeningStep> {
    let mut found: BTreeMap<Rule, u64> = BTreeMap::new();
    for entry in &tally.entries {
        if let Some(rule) = entry.fate.next {
            *found.entry(rule).or_default() += entry.rows;
        }
    }
    let mut steps: Vec<ScreeningStep> = found
        .into_iter()
        .map(|(rule, rows)| ScreeningStep {
            why: rule.card().text.to_owned(),
            text: rule.card().remedy.to_owned(),
            rows,
            can: !leaves_alone(rule),
        })
        .collect();
    steps.sort_by_key(|step| (!step.can, std::cmp::Reverse(step.rows)));
    steps
}

/// Held rows by the hour in which they may be sent.
fn by_hour(tally: &Tally) -> BTreeMap<i64, u64> {
    let mut hours = BTreeMap::new();
    for entry in &tally.entries {
        if let Some(until_ms) = entry.fate.until_ms {
            *hours
                .entry(until_ms.div_euclid(HOUR_MS) * HOUR_MS)
                .or_default() += entry.rows;
        }
    }
    hours
}

fn releases(tally: &Tally) -> Vec<(When, u64)> {
    let hours = by_hour(tally).into_iter();
    hours
        .map(|(at_ms, rows)| (When::dated(at_ms), rows))
        .collect()
}

/// Whether those who may be sent to fit into the portfolio's limit, today and over the coming days.
fn limit(portfolio: &PortfolioView, own: Option<u32>, allowed: u64) -> Vec<String> {
    let Some(bound) = bound(portfolio.limit, own) else {
        return vec![match portfolio.limit {
            Some(_) => "The portfolio has no messaging limit: all of them fit into one day.".to_owned(),
            None => "The portfolio’s messaging limit is not known, because the platform has not told it yet, so whether all of them fit into one day cannot be told."
                .to_owned(),
        }];
    };
    let (bound, reached) = (u64::from(bound), portfolio.reached);
    let left = bound.saturating_sub(reached);
    let mut told = vec![format!(
        "The portfolio may reach {} different people within any 24 hours. {} count already, so {} places are left; whoever is one of those takes no other.",
        grouped(bound),
        grouped(reached),
        grouped(left)
    )];
    told.push(match allowed.saturating_sub(left) {
        0 => "All who may be sent to fit in.".to_owned(),
        _ if bound == 0 => "Nobody fits in.".to_owned(),
        more => format!(
            "Of the {} who may be sent to, at most {} do not fit in now: with all places used each day the last of them are reached within {} more days.",
            grouped(allowed),
            grouped(more),
            grouped(more.div_ceil(bound))
        ),
    });
    told
}

fn countries(tally: &Tally) -> Vec<ScreeningCountry> {
    let mut found: BTreeMap<Country, [u64; 3]> = BTreeMap::new();
    for entry in &tally.entries {
        found.entry(entry.fate.country).or_default()[entry.fate.kind as usize] += entry.rows;
    }
    let mut countries: Vec<ScreeningCountry> = found
        .into_iter()
        .map(|(country, [allowed, held, refused])| ScreeningCountry {
            code: match country.as_str() {
                "" => "?".to_owned(),
                code => code.to_owned(),
            },
            allowed,
            held,
            refused,
        })
        .collect();
    countries
        .sort_by_key(|country| std::cmp::Reverse(country.allowed + country.held + country.refused));
    countries
}

fn problems(tally: &Tally) -> Vec<(String, u64)> {
    let mut problems: Vec<(String, u64)> = tally
        .unread
        .iter()
        .map(|(problem, rows)| (problem.clone(), *rows))
        .collect();
    problems.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    problems
}

fn shape(page: &ScreeningPage, tally: &Tally, mut about: Value) -> Value {
    let counts = &page.counts;
    let list = |items: Vec<Value>| Value::Array(items);
    let members = [
        (
            "counts",
            json!({
                "rows": counts.rows, "allowed": counts.allowed, "held": counts.held, "refused": counts.refused,
                "duplicates": counts.duplicates, "unreadable": counts.unreadable,
            }),
        ),
        ("warnings", json!(page.warnings)),
        (
            "reasons",
            list(page.reasons.iter().map(|reason| json!({
                "rule": reason.rule, "text": reason.text, "rows": reason.rows, "first": reason.first, "held": reason.held,
            })).collect()),
        ),
        (
            "rests_on",
            list(page.rests.iter().map(|(text, rule, rows)| json!({
                "rule": rule, "text": text, "rows": rows,
            })).collect()),
        ),
        (
            "next_steps",
            list(page.steps.iter().map(|step| json!({
                "why": step.why, "text": step.text, "rows": step.rows, "can_be_won_back": step.can,
            })).collect()),
        ),
        (
            "releases",
            list(by_hour(tally).into_iter().map(|(at_ms, rows)| json!({
                "hour": utc(at_ms), "rows": rows,
            })).collect()),
        ),
        ("limit", json!({ "text": page.limit.join(" ") })),
        (
            "countries",
            list(page.countries.iter().map(|country| json!({
                "country": country.code, "allowed": country.allowed, "held": country.held, "refused": country.refused,
            })).collect()),
        ),
        (
            "unreadable",
            list(page.problems.iter().map(|(problem, rows)| json!({
                "problem": problem, "rows": rows,
            })).collect()),
        ),
    ];
    for (name, value) in members {
        about[name] = value;
    }
    about
}
