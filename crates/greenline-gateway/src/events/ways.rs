//! Tells of ways out that closed or opened: once for each time, however many nodes look.
//!
//! How each way out stood when it was last told of is kept on the timeline. Who sees it otherwise writes the new
//! standing and the notice in one transaction. The notice names the entry it contradicts, so two nodes that see
//! the same at once write the same bytes, and the second one changes nothing.

use std::collections::BTreeSet;

use greenline_ledger::LedgerError;
use greenline_ledger::notice::Notice;
use greenline_ledger::types::{Delivery, Effect, Lane};
use greenline_policy::avenue::{Avenue, Finding};

use super::payload::MISSING;
use crate::app::App;
use crate::directory::Business;

/// What the timeline calls the subject.
const SUBJECT: &str = "avenue";
const ORIGIN: &str = "greenline";

fn standing(avenue: Avenue) -> String {
    format!("{}.standing", avenue.as_str())
}

fn word(open: bool) -> &'static str {
    if open { "open" } else { "closed" }
}

/// Holds what is open now against what was told last; those that closed since, told by this node.
///
/// # Errors
/// The ledger's.
pub(crate) async fn tell(
    app: &App,
    business: &Business,
    open: &BTreeSet<Avenue>,
    findings: &[Finding],
) -> Result<Vec<Avenue>, LedgerError> {
    let mut closed = Vec::new();
    for finding in findings.iter().filter(|finding| finding.counts) {
        let avenue = finding.avenue;
        let is_open = open.contains(&avenue);
        let subject = standing(avenue);
        let last = app
            .ledger
            .timeline(business.ix, Some((SUBJECT, &subject)), None, 1)
            .await?;
        let last = last.first();
        if last.is_some_and(|last| &*last.event == word(is_open)) {
            continue;
        }
        let now_ms = app.clock.now_ms();
        let entry = Effect::Timeline {
            subject: SUBJECT,
            subject_id: subject.into(),
            origin: ORIGIN.into(),
            event: word(is_open).into(),
            at_ms: now_ms,
            body: format!(r#"{{"avenue":"{}"}}"#, avenue.as_str()).into(),
        };
        let Some(last) = last else {
            // The first look is no news.
            app.ledger.learn(business.ix, vec![entry]).await?;
            continue;
        };
        let notice = Notice::Avenue {
            avenue: avenue.as_str().into(),
            open: is_open,
            after: last.seq,
        };
        let missing = finding.missing.map(|missing| missing.as_str());
        let told = app
            .ledger
            .ingest(Delivery {
                business: business.ix,
                received_ms: now_ms,
                body: notice.encode()?.into(),
                headers: missing
                    .map(|missing| (MISSING.into(), missing.into()))
                    .into_iter()
                    .collect(),
                lane: Lane::Event,
                relay_to: super::active(app, business, super::payload::kind(&notice)).await?,
                effects: vec![entry],
            })
            .await?;
        if !told.duplicate && !is_open {
            closed.push(avenue);
        }
    }
    app.relay_due.notify_waiters();
    Ok(closed)
}

/// Ways out that were open and are not, by what was told last, newest first: for the pages.
///
/// # Errors
/// The ledger's.
pub(crate) async fn closed(
    app: &App,
    business: &Business,
) -> Result<Vec<(Avenue, i64)>, LedgerError> {
    let mut closed = Vec::new();
    for avenue in Avenue::ALL {
        let subject = standing(avenue);
        let newest = app
            .ledger
            .timeline(business.ix, Some((SUBJECT, &subject)), None, 2)
            .await?;
        if let [last, _before] = newest.as_slice()
            && &*last.event == word(false)
        {
            closed.push((avenue, last.at_ms));
        }
    }
    closed.sort_by_key(|(_, at_ms)| std::cmp::Reverse(*at_ms));
    Ok(closed)
}
