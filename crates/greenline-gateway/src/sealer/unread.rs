//! Records that cannot be sealed because they do not read.
//!
//! They keep no others from being sealed, so nobody would notice: they are told in the log when they come up, and
//! from then on in the metrics, by `/readyz`, by `greenline doctor` and by `greenline verify`, until they read
//! again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use greenline_ledger::seal::RecordId;
use greenline_ledger::types::BusinessIx;

use crate::app::App;

/// How many each business has, as the last look found.
#[derive(Debug, Default)]
pub struct Unread(Mutex<BTreeMap<BusinessIx, usize>>);

impl Unread {
    /// Takes what a look found.
    pub(crate) fn note(&self, app: &App, business: BusinessIx, records: &[RecordId]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.insert(business, records.len()).unwrap_or(0);
        drop(all);
        if records.len() > before {
            let named: Vec<String> = records.iter().take(10).map(named).collect();
            tracing::error!(
                business.id = %app.directory.business(business).config.id,
                count = records.len(),
                first = named.join(", "),
                "records do not read and cannot be sealed; all others are; see `greenline verify`"
            );
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().sum()
    }

    /// In the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        format!(
            "# HELP greenline_log_unreadable_records Records that do not read and so are not sealed.\n# TYPE greenline_log_unreadable_records gauge\ngreenline_log_unreadable_records {}\n",
            self.count()
        )
    }
}

/// A record's name, without anything of its content.
pub(super) fn named(id: &RecordId) -> String {
    format!("{} {}", id.kind.as_str(), id.seq)
}
