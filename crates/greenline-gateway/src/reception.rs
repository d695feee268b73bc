//! How people took what numbers sent: counted when somebody asks, one count at a time, and kept for a moment where
//! counting took long, so that a page that is loaded again and again costs the store one count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use greenline_ledger::LedgerError;
use greenline_ledger::reception::{Counting, SENDS_MAX};
use greenline_ledger::types::BusinessIx;
use greenline_policy::reception::Reception;

use crate::app::App;

/// A count that took less is made anew each time.
const LONG: Duration = Duration::from_millis(250);
/// A count is kept so many times as long as it took.
const KEPT_TIMES: u32 = 30;
/// But no longer than this.
const KEPT_LONGEST: Duration = Duration::from_secs(5 * 60);
/// Counts that are kept at once.
const KEPT_MAX: usize = 256;

/// Counts of late.
#[derive(Debug, Default)]
pub struct Receptions {
    turn: tokio::sync::Mutex<()>,
    kept: Mutex<Vec<Kept>>,
}

#[derive(Debug)]
struct Kept {
    business: BusinessIx,
    number: Option<Box<str>>,
    counted: Arc<Reception>,
    until: Instant,
}

impl Receptions {
    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(
        &self,
        business: BusinessIx,
        number: Option<&str>,
        now: Instant,
    ) -> Option<Arc<Reception>> {
        let mut kept = self.kept();
        kept.retain(|one| now < one.until);
        let mut kept = kept.iter();
        let found = kept.find(|one| one.business == business && one.number.as_deref() == number);
        found.map(|one| Arc::clone(&one.counted))
    }

    fn keep(&self, one: Kept) {
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push(one);
    }
}

/// How people took what a number sent, or a whole business, in the seven days before a moment; before now, if none is
/// named.
///
/// # Errors
/// The ledger's.
pub(crate) async fn count(
    app: &App,
    business: BusinessIx,
    number: Option<&str>,
    at_ms: Option<i64>,
) -> Result<Arc<Reception>, LedgerError> {
    let receptions = &app.receptions;
    let _turn = receptions.turn.lock().await;
    let began = app.clock.instant();
    if at_ms.is_none()
        && let Some(counted) = receptions.find(business, number, began)
    {
        return Ok(counted);
    }
    let counting = Counting {
        business,
        number: number.map(Into::into),
        at_ms: at_ms.unwrap_or_else(|| app.clock.now_ms()),
        sends_max: SENDS_MAX,
    };
    let counted = Arc::new(app.ledger.reception(counting).await?);
    let now = app.clock.instant();
    let took = now.duration_since(began);
    if at_ms.is_none() && took >= LONG {
        receptions.keep(Kept {
            business,
            number: number.map(Into::into),
            counted: Arc::clone(&counted),
            until: now + (took * KEPT_TIMES).min(KEPT_LONGEST),
        });
    }
    Ok(counted)
}
