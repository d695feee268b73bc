//! What must stay in order: deliveries about the same person, message or account.

use std::hash::Hasher;

use greenline_wire::webhook::{self, Delivery, Value};
use rustc_hash::FxHasher;
use smallvec::SmallVec;

/// What a delivery is about; two that share one go one after the other.
pub(super) type Keys = SmallVec<[u64; 4]>;

/// Reads what a delivery is about. One that can't be read is about nothing and waits for nobody.
pub(super) fn keys(body: &[u8]) -> Keys {
    let mut keys = Keys::new();
    if let Ok(delivery) = webhook::parse(body) {
        collect(&delivery, &mut keys);
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn collect(delivery: &Delivery<'_>, keys: &mut Keys) {
    for entry in &delivery.entries {
        for change in &entry.changes {
            match &change.value {
                Value::Messages(value) | Value::Standby(value) => {
                    for message in &value.messages {
                        let ids = [
                            &message.from,
                            &message.from_user_id,
                            &message.from_parent_user_id,
                        ];
                        keys.extend(ids.into_iter().flatten().map(|id| key('p', id)));
                    }
                    keys.extend(value.statuses.iter().map(|status| key('m', &status.id)));
                }
                Value::UserPreferences(value) => {
                    for preference in &value.preferences {
                        let ids = [
                            &preference.wa_id,
                            &preference.user_id,
                            &preference.parent_user_id,
                        ];
                        keys.extend(ids.into_iter().flatten().map(|id| key('p', id)));
                    }
                }
                Value::Calls(value) => {
                    keys.extend(value.calls.iter().map(|call| key('m', &call.id)));
                    keys.extend(value.statuses.iter().map(|status| key('m', &status.id)));
                }
                _ => keys.push(key('a', &entry.id)),
            }
        }
    }
}

fn key(kind: char, id: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u32(u32::from(kind));
    hasher.write(id.as_bytes());
    hasher.finish()
}
