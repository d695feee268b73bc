//! What is known to exist: templates, so that one the account's list does not name is looked up once,
//! and ids learned from answers, so that a bare id can be told apart and belongs to someone.

use std::collections::hash_map::Entry;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use greenline_ledger::types::BusinessIx;
use greenline_wire::path::NodeKind;
use rustc_hash::FxHashMap;

/// How long a look-up that found nothing is believed.
const MISS_TTL: Duration = Duration::from_secs(60);
/// Look-ups remembered at most; past it the oldest knowledge is dropped.
const MISSES_MAX: usize = 10_000;

/// Ids remembered at most; past it they are learned anew.
const IDS_MAX: usize = 200_000;

/// A template's place: account, name, language.
type Key = (Box<str>, Box<str>, Box<str>);

/// The memory of what is known and what was looked for in vain.
#[derive(Debug, Default)]
pub struct Templates(Mutex<Known>);

/// Languages by a template's name.
type Names = FxHashMap<Box<str>, Vec<Box<str>>>;

#[derive(Debug, Default)]
struct Known {
    listed: FxHashMap<Box<str>, Names>,
    missed: FxHashMap<Key, Instant>,
    ids: FxHashMap<Box<str>, (BusinessIx, NodeKind)>,
}

impl Templates {
    /// Remembers that an id belongs to a business.
    pub fn own_id(&self, business: BusinessIx, id: &str, kind: NodeKind) {
        let mut known = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.ids.len() >= IDS_MAX {
            known.ids.clear();
        }
        known.ids.insert(id.into(), (business, kind));
    }

    /// Whether an id was learned as this business's.
    #[must_use]
    pub fn owns_id(&self, business: BusinessIx, id: &str) -> bool {
        let known = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        known
            .ids
            .get(id)
            .is_some_and(|(owner, _)| *owner == business)
    }

    /// What an id of this business stands for.
    #[must_use]
    pub fn kind_of(&self, business: BusinessIx, id: &str) -> NodeKind {
        let known = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        known
            .ids
            .get(id)
            .filter(|(owner, _)| *owner == business)
            .map_or(NodeKind::Unknown, |(_, kind)| *kind)
    }

    /// Marks a template as known to the ledger.
    pub fn add(&self, waba_id: &str, name: &str, language: &str) {
        let mut known = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let languages = known
            .listed
            .entry(waba_id.into())
            .or_default()
            .entry(name.into())
            .or_default();
        if !languages.iter().any(|known| &**known == language) {
            languages.push(language.into());
        }
    }

    /// Whether a template must be looked up before it is decided about. Answers `true` once per
    /// minute and template, so that a flood of misspelt names is not a flood of look-ups.
    pub fn must_look_up(&self, waba_id: &str, name: &str, language: &str, now: Instant) -> bool {
        let mut known = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let listed = known
            .listed
            .get(waba_id)
            .and_then(|names| names.get(name))
            .is_some_and(|languages| languages.iter().any(|known| &**known == language));
        if listed {
            return false;
        }
        if known.missed.len() >= MISSES_MAX {
            known.missed.clear();
        }
        match known
            .missed
            .entry((waba_id.into(), name.into(), language.into()))
        {
            Entry::Occupied(entry) if now.duration_since(*entry.get()) < MISS_TTL => false,
            entry => {
                entry.insert_entry(now);
                true
            }
        }
    }
}
