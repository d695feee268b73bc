//! How people took what numbers sent: counted when somebody asks, one count at a time, for all numbers of a business at once,
//! and kept for a moment where counting took long. So a page that is loaded again and again costs the store one count, and
//! the pages of ten thousand numbers do too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use greenline_ledger::LedgerError;
use greenline_ledger::reception::{Counted, Counting, SENDS_MAX};
use greenline_ledger::types::BusinessIx;
use greenline_policy::reception::{DAYS, Reception};

use crate::app::App;

/// Messages that are looked at for each number of a business …
const SENDS_PER_NUMBER: u64 = 1_000;
/// … but no more than this for all of them.
const SENDS_LARGE_MAX: u64 = 5 * SENDS_MAX;
/// A count that took less is made anew each time.
const LONG: Duration = Duration::from_millis(250);
/// A count is kept so many times as long as it took.
const KEPT_TIMES: u32 = 30;
/// But no longer than this.
const KEPT_LONGEST: Duration = Duration::from_secs(5 * 60);
/// Numbers whose counts are kept at once; those of the business that was counted last are kept however many there are.
const KEPT_NUMBERS_MAX: usize = 10_000;

/// Counts of late.
#[derive(Debug, Default)]
pub struct Receptions {
    turn: tokio::sync::Mutex<()>,
    kept: Mutex<Vec<Kept>>,
}

#[derive(Debug)]
struct Kept {
    business: BusinessIx,
    days: usize,
    counted: Arc<Counted>,
    until: Instant,
}

impl Receptions {
    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, business: BusinessIx, days: usize, now: Instant) -> Option<Arc<Counted>> {
        let mut kept = self.kept();
        kept.retain(|one| now < one.until);
        let mut kept = kept.iter();
        let found = kept.find(|one| one.business == business && one.days == days);
        found.map(|one| Arc::clone(&one.counted))
    }

    fn keep(&self, one: Kept) {
        let mut kept = self.kept();
        kept.push(one);
        let mut numbers: usize = kept.iter().map(|one| one.counted.numbers.len() + 1).sum();
        while numbers > KEPT_NUMBERS_MAX && kept.len() > 1 {
            let gone = kept.remove(0);
            numbers -= gone.counted.numbers.len() + 1;
        }
    }
}

/// How many messages are looked at before people are left out: more for a business with many numbers, so that something is
/// seen of each.
fn sends_max(app: &App, business: BusinessIx) -> u64 {
    let numbers = app.directory.business(business).config.number.len() as u64;
    let of_numbers = numbers.saturating_mul(SENDS_PER_NUMBER);
    of_numbers.clamp(SENDS_MAX, SENDS_LARGE_MAX)
}

/// How people took what a business sent in the seven days before a moment, of each of its numbers and of all; before now,
/// if none is named. So many days back it is counted to whom something arrived.
///
/// # Errors
/// The ledger's.
pub(crate) async fn counted(
    app: &App,
    business: BusinessIx,
    days: usize,
    at_ms: Option<i64>,
) -> Result<Arc<Counted>, LedgerError> {
    let receptions = &app.receptions;
    let _turn = receptions.turn.lock().await;
    let began = app.clock.instant();
    if at_ms.is_none()
        && let Some(counted) = receptions.find(business, days, began)
    {
        return Ok(counted);
    }
    let counting = Counting {
        business,
        days,
        at_ms: at_ms.unwrap_or_else(|| app.clock.now_ms()),
        sends_max: sends_max(app, business),
    };
    let counted = Arc::new(app.ledger.reception(counting).await?);
    let now = app.clock.instant();
    let took = now.duration_since(began);
    if at_ms.is_none() && took >= LONG {
        receptions.keep(Kept {
            business,
            days,
            counted: Arc::clone(&counted),
            until: now + (took * KEPT_TIMES).min(KEPT_LONGEST),
        });
    }
    Ok(counted)
}

/// The same of one number.
///
/// # Errors
/// The ledger's.
pub(crate) async fn count(
    app: &App,
    business: BusinessIx,
    number: &str,
    at_ms: Option<i64>,
) -> Result<Reception, LedgerError> {
    let counted = counted(app, business, DAYS, at_ms).await?;
    Ok(counted.of(Some(number)))
}
