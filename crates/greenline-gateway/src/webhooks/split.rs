//! Whose is what in a delivery that came for many businesses at once.
//!
//! The platform may put accounts of several businesses into one call (WH-01). No business may see
//! another's part, so such a delivery is taken apart; each change's value stays byte for byte. A delivery
//! that is all of one business stays whole. What belongs to nobody is named, never given away.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use greenline_wire::ascii;
use greenline_wire::webhook::{Change, Delivery, Entry};

use super::effects::{owns, owns_account};
use crate::directory::{Business, Directory, MetaApp};

/// A delivery, taken apart.
#[derive(Debug)]
pub(super) struct Split<'d> {
    /// Each business's part.
    pub(super) own: Vec<(Arc<Business>, Bytes)>,
    /// What belongs to none of them; an entry without changes stands for itself.
    pub(super) foreign: Vec<(&'d Entry<'d>, Option<&'d Change<'d>>)>,
}

/// Takes a delivery apart; `body` is the whole of it.
pub(super) fn split<'d>(
    directory: &Directory,
    meta_app: &MetaApp,
    delivery: &'d Delivery<'d>,
    body: &Bytes,
) -> Split<'d> {
    let parts: Vec<_> = delivery.entries.iter().flat_map(parts).collect();
    let served = || meta_app.businesses.iter().map(|ix| directory.business(*ix));
    let foreign: Vec<_> = parts
        .iter()
        .copied()
        .filter(|part| !served().any(|business| belongs(directory, business, part)))
        .collect();
    let mut own = Vec::new();
    for business in served() {
        let count = parts
            .iter()
            .filter(|part| belongs(directory, business, part))
            .count();
        if count == 0 {
            continue;
        }
        let all = count == parts.len() && delivery.unreadable == 0;
        let bytes = if all {
            body.clone()
        } else {
            part_of(directory, business, delivery).into()
        };
        own.push((Arc::clone(business), bytes));
    }
    Split { own, foreign }
}

type Part<'d> = (&'d Entry<'d>, Option<&'d Change<'d>>);

fn parts<'d>(entry: &'d Entry<'d>) -> impl Iterator<Item = Part<'d>> {
    let alone = entry.changes.is_empty().then_some((entry, None));
    let changes = entry
        .changes
        .iter()
        .map(move |change| (entry, Some(change)));
    alone.into_iter().chain(changes)
}

fn belongs(directory: &Directory, business: &Business, (entry, change): &Part<'_>) -> bool {
    match change {
        Some(change) => owns(directory, business, entry, change),
        None => owns_account(business, &entry.id),
    }
}

/// The delivery as it would have come for one business alone.
fn part_of(directory: &Directory, business: &Business, delivery: &Delivery<'_>) -> String {
    let mut json = String::from("{\"object\":");
    ascii::push(&mut json, &delivery.object);
    json.push_str(",\"entry\":[");
    let mut entries = 0;
    for entry in &delivery.entries {
        let own: Vec<_> = parts(entry)
            .filter(|part| belongs(directory, business, part))
            .collect();
        if own.is_empty() {
            continue;
        }
        json.push_str(if entries == 0 { "" } else { "," });
        entries += 1;
        push_entry(
            &mut json,
            entry,
            own.iter().filter_map(|(_, change)| *change),
        );
    }
    json.push_str("]}");
    json
}

fn push_entry<'d>(
    json: &mut String,
    entry: &Entry<'_>,
    changes: impl Iterator<Item = &'d Change<'d>>,
) {
    json.push_str("{\"id\":");
    ascii::push(json, &entry.id);
    if let Some(time_s) = entry.time_s {
        let _ = write!(json, ",\"time\":{time_s}");
    }
    json.push_str(",\"changes\":[");
    for (place, change) in changes.enumerate() {
        json.push_str(if place == 0 {
            "{\"value\":"
        } else {
            ",{\"value\":"
        });
        json.push_str(change.raw.get());
        json.push_str(",\"field\":");
        ascii::push(json, &change.field);
        json.push('}');
    }
    json.push_str("]}");
}
