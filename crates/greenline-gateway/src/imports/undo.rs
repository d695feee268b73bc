//! Taking back what an import brought.
//!
//! Nothing is removed. Beside each imported yes, claimed ones and renewals too, stands another event that takes it
//! back; what the person had said before holds again, and so does whatever they said since. Noes stay: a no is never
//! undone by a machine. Should it be killed on the way, the same events are found on record and it goes on.

use std::sync::atomic::Ordering;

use greenline_ledger::import::{ROW_KEY, undo_key};
use greenline_ledger::types::{Actor, Evidence, NewEvent, StoredEvent};
use greenline_policy::consent::{EventId, EventKind, Strength};
use greenline_policy::evidence::Method;

use crate::app::Shared;
use crate::directory::Business;

use super::Live;
use super::files::{Meta, State, Undo};
use super::row::{IMPORT, UNDO_OF};
use super::run::{Stop, append, waited};

/// Events looked at and taken back in one transaction.
const PAGE_ROWS: usize = 500;

/// Undoes an import, or only counts.
pub(super) async fn run(
    app: &Shared,
    business: &Business,
    meta: &mut Meta,
    live: &Live,
) -> Result<(), Stop> {
    let asked = meta.undo.clone().unwrap_or_default();
    let mut undo = Undo {
        actor: asked.actor,
        at_ms: asked.at_ms,
        dry_run: asked.dry_run,
        ..Undo::default()
    };
    live.rows.store(meta.counts.rows, Ordering::Relaxed);
    let mark = format!("\"{IMPORT}\":\"{}\"", meta.id);
    let mut after = meta
        .first_event
        .map(|first| EventId(first.saturating_sub(1)));
    let mut tries = 0;
    // Nothing was recorded where there is no first event.
    while let Some(from) = after {
        let page = match app.ledger.export(business.ix, Some(from), PAGE_ROWS).await {
            Ok(page) => {
                tries = 0;
                page
            }
            Err(error) => {
                waited(&error, &mut tries).await?;
                continue;
            }
        };
        let back = judge(&page, &mark, meta, &mut undo);
        live.done.fetch_add(back.len() as u64, Ordering::Relaxed);
        if !undo.dry_run && !back.is_empty() {
            append(app, back).await?;
        }
        after = page
            .last()
            .filter(|_| page.len() == PAGE_ROWS)
            .map(|last| last.id);
    }
    meta.state = match (undo.dry_run, &meta.problem) {
        (false, _) => State::Undone,
        // As it was before.
        (true, Some(_)) => State::Failed,
        (true, None) => State::Done,
    };
    meta.undo = Some(undo);
    Ok(())
}

/// What takes back the events of a page that this import brought.
fn judge(page: &[StoredEvent], mark: &str, meta: &Meta, undo: &mut Undo) -> Vec<NewEvent> {
    let mut back = Vec::new();
    for stored in page {
        let event = &stored.event;
        let key = event.dedup.as_deref().unwrap_or_default();
        if !key.starts_with(ROW_KEY) || !event.evidence.extra_json.contains(mark) {
            continue;
        }
        let by_file = matches!(event.strength, Strength::Imported | Strength::Claimed);
        match event.kind {
            EventKind::Granted if by_file => undo.yeses += 1,
            EventKind::Reconfirmed if by_file => undo.renewals += 1,
            kind if kind.closes() => {
                undo.noes_kept += 1;
                continue;
            }
            _ => {
                undo.others_kept += 1;
                continue;
            }
        }
        back.push(taken_back(stored, meta, undo));
    }
    back
}

fn taken_back(stored: &StoredEvent, meta: &Meta, undo: &Undo) -> NewEvent {
    NewEvent {
        kind: EventKind::Expired,
        strength: Strength::Imported,
        in_thread: false,
        arrival_ms: undo.at_ms,
        evidence: Evidence {
            method: Method::ImportAttested.as_str().into(),
            extra_json: format!("{{\"{UNDO_OF}\":\"{}\"}}", meta.id).into(),
            ..Evidence::default()
        },
        actor: Actor(undo.actor.as_str().into()),
        dedup: Some(undo_key(stored.id)),
        ..stored.event.clone()
    }
}
