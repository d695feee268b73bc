//! Whether the platform takes the business's token (error 190).
//!
//! What a read or a send was answered is noted when it changes, on the timeline, so that every node knows and a restart
//! forgets nothing. When a token ends is asked beside that ([`crate::token`]) and stands on the same timeline.

use std::sync::{Mutex, PoisonError};

use greenline_ledger::LedgerError;
use greenline_ledger::types::{BusinessIx, Effect, TimelineEntry};
use rustc_hash::FxHashMap;

use super::book::ORIGIN;
use crate::app::App;
use crate::token::{self, SUBJECT};

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

/// Whether it was refused, and not taken since, by what stands of it on the timeline, newest first.
pub(crate) fn is_refused(entries: &[TimelineEntry]) -> bool {
    let mut own = entries.iter().filter(|entry| &*entry.origin == ORIGIN);
    own.next()
        .is_some_and(|newest| &*newest.event == word(true))
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
    if is_refused(&token::entries(app, business).await?) == refused {
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
