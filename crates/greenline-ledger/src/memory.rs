//! Being built.
use crate::error::LedgerError;
use crate::request::{Answer, Request};
use crate::types::*;
use crate::Setup;
use greenline_policy::consent::EventId;
use greenline_policy::identity::Identifier;

type Result<T> = std::result::Result<T, LedgerError>;

fn soon<T>() -> Result<T> {
    Err(LedgerError::Bug("not built yet"))
}

#[derive(Debug)]
pub(crate) struct Twin;

#[allow(unused_variables, clippy::needless_pass_by_value)]
impl Twin {
    pub(crate) fn new(setup: Setup) -> Self { Self }
    pub(crate) fn answer(&self, request: Request) -> Result<Answer> { soon() }
    pub(crate) fn settle(&self, id: DecisionId, outcome: Outcome) {}
    pub(crate) fn person(&self, business: BusinessIx, identifier: &Identifier) -> Result<Option<PersonView>> { soon() }
    pub(crate) fn decision(&self, id: DecisionId) -> Result<Option<DecisionRecord>> { soon() }
    pub(crate) fn decisions(&self, business: Option<BusinessIx>, before: Option<DecisionId>, limit: usize) -> Result<Vec<DecisionRecord>> { soon() }
    pub(crate) fn stops(&self, business: BusinessIx, limit: usize) -> Result<Vec<StoredEvent>> { soon() }
    pub(crate) fn export(&self, business: BusinessIx, after: Option<EventId>, limit: usize) -> Result<Vec<StoredEvent>> { soon() }
    pub(crate) fn numbers(&self, business: BusinessIx) -> Result<Vec<NumberView>> { soon() }
    pub(crate) fn templates(&self, business: BusinessIx, waba_id: Option<&str>) -> Result<Vec<TemplateView>> { soon() }
    pub(crate) fn timeline(&self, business: BusinessIx, subject: Option<(&str, &str)>, before: Option<i64>, limit: usize) -> Result<Vec<TimelineEntry>> { soon() }
    pub(crate) fn counts(&self, business: BusinessIx, now_ms: i64) -> Result<Counts> { soon() }
    pub(crate) fn relay_due(&self, now_ms: i64, lane: Lane, limit: usize) -> Result<Vec<Relay>> { soon() }
    pub(crate) fn close(&self) {}
}
