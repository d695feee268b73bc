//! The page of what somebody should look at: with much to look at, and with nothing.

use greenline_console::{AlertRow, AlertTold, AlertsPage};

use super::{ago, frame};

fn told(to: &str, minutes: i64, closed: bool) -> AlertTold {
    AlertTold {
        to: to.to_owned(),
        at: ago(minutes),
        closed,
    }
}

fn row(title: &str, kind: &str, severity: &str, minutes: i64) -> AlertRow {
    AlertRow {
        title: title.to_owned(),
        kind: kind.to_owned(),
        severity: severity.to_owned(),
        text: "People take some of what it sends badly: they block it, report it or leave it unread.".to_owned(),
        todo: "Stop marketing from this number, and look at its page for what weighs most; answers go on.".to_owned(),
        guide: "/guide/low-rating-causes".to_owned(),
        since: ago(minutes),
        closed: None,
        told: vec![told("slack/ops", minutes, false), told("email/on-call", minutes, false)],
    }
}

/// Three that stand, two that are over.
pub(crate) fn some() -> AlertsPage {
    let over = |title: &str, kind: &str| AlertRow {
        closed: Some(ago(90)),
        told: vec![told("slack/ops", 200, false), told("slack/ops", 90, true)],
        ..row(title, kind, "warning", 200)
    };
    AlertsPage {
        frame: frame(),
        open: vec![
            row(
                "Number …01 (301500000000001): rating low",
                "rating.low",
                "critical",
                12,
            ),
            row(
                "Template spring_offer <en_US>: template paused",
                "template.paused",
                "warning",
                40,
            ),
            AlertRow {
                told: Vec::new(),
                ..row(
                    "Acme & Søns: messaging limit raised",
                    "limit.raised",
                    "info",
                    300,
                )
            },
        ],
        past: vec![
            over(
                "Number …01 (301500000000001): rating medium",
                "rating.medium",
            ),
            over("Acme & Søns: messaging limit near", "limit.near"),
        ],
        told: vec!["slack/ops".to_owned(), "email/on-call".to_owned()],
        older: Some(123_456),
    }
}

/// Nothing stands, and nobody would be told.
pub(crate) fn none() -> AlertsPage {
    AlertsPage {
        frame: frame(),
        open: Vec::new(),
        past: Vec::new(),
        told: Vec::new(),
        older: None,
    }
}
