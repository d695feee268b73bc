//! Whether the platform takes the business's token (error 190).
//!
//! What a read or a send was answered is noted when it changes, on the timeline, so that every node knows and a restart
//! forgets nothing. When a token runs out beforehand is not known here: that would need a call that this program does
//! not make (`debug_token`), so an alert tells of a refusal only.

use std::sync::{Mutex, PoisonError};

use greenline_ledger::LedgerError;
use greenline_ledger::types::{BusinessIx, Effect};
use rustc_hash::FxHashMap;

use super::book::ORIGIN;
use crate::app::App;

/// What the timeline calls the subject.
const SUBJECT: &str = "token";

/// What this process wrote down last, for each business.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<FxHashMap<BusinessIx, bool>>);

impl Tokens {
    fn is_known(&self, business: BusinessIx, refused: bool) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&business) == Some(&refused)
    }

    fn keep(&self, business: BusinessIx, refused: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(business, refused);
    }
}

fn word(refused: bool) -> &'static str {
    if refused { "refused" } else { "taken" }
}

async fn last(app: &App, business: BusinessIx) -> Result<Option<bool>, LedgerError> {
    let id = app.directory.business(business).config.id.as_str();
    let newest = app
        .ledger
        .timeline(business, Some((SUBJECT, id)), None, 1)
        .await?;
    let refused = |event: &str| event == word(true);
    Ok(newest.first().map(|newest| refused(&newest.event)))
}

/// Whether it was refused, and not taken since.
///
/// # Errors
/// The ledger's.
pub(super) async fn is_refused(app: &App, business: BusinessIx) -> Result<bool, LedgerError> {
    Ok(last(app, business).await? == Some(true))
}

/// The platform answered a call of our own made with the business's token.
pub(crate) async fn answered(app: &App, business: BusinessIx, refused: bool) {
    if app.alerts.tokens.is_known(business, refused) {
        return;
    }
    match note(app, business, refused).await {
        Ok(()) => app.alerts.tokens.keep(business, refused),
        Err(error) => {
            tracing::warn!(%error, "whether the platform takes the token could not be written down");
        }
    }
}

async fn note(app: &App, business: BusinessIx, refused: bool) -> Result<(), LedgerError> {
    // That it is taken is news only after it was not.
    if last(app, business).await?.unwrap_or(false) == refused {
        return Ok(());
    }
    let entry = Effect::Timeline {
        subject: SUBJECT,
        subject_id: app.directory.business(business).config.id.as_str().into(),
        origin: ORIGIN.into(),
        event: word(refused).into(),
        at_ms: app.clock.now_ms(),
        body: "{}".into(),
    };
    app.ledger.learn(business, vec![entry]).await
}
