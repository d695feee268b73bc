//! A planted defect, so that a test can show that it would be found: a node that decides by the heads it
//! remembers, not by those the database holds. No release has it.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use super::load::Snapshot;
use crate::request::Request;
use crate::types::PersonId;
use greenline_policy::consent::Head;

thread_local! {
    /// Heads as the writer of this thread last loaded them.
    static REMEMBERED: RefCell<FxHashMap<PersonId, [Option<Box<Head>>; 2]>> = RefCell::default();
}

#[expect(clippy::disallowed_methods, reason = "a defect is no setting")]
fn is_wanted() -> bool {
    std::env::var_os("GREENLINE_PLANT_TRUSTED_MEMORY").is_some()
}

/// Puts remembered heads in the place of loaded ones, if that is wanted. A batch in which people change is
/// loaded as it should be.
pub(super) fn trust_memory(snapshot: &mut Snapshot, jobs: &[&Request]) {
    if !is_wanted() {
        return;
    }
    let sends_only = jobs.iter().all(|job| matches!(job, Request::Admit(_)));
    REMEMBERED.with_borrow_mut(|remembered| {
        for group in &mut snapshot.state.groups {
            let Some(first) = group.members.first() else {
                continue;
            };
            if sends_only {
                let heads = remembered.entry(*first);
                group
                    .heads
                    .clone_from(heads.or_insert_with(|| group.heads.clone()));
            } else {
                remembered.remove(first);
            }
        }
    });
}
