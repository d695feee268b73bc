//! The log held against the store, and against every head that was signed.
//!
//! Each leaf is made again from the record as it is stored and the salts beside it, in order; the root over
//! them must be that of each signed head, and that of heads which somebody kept outside. So a record that
//! was changed, dropped, put in another order or slipped in is found, also by whoever does not hold the key;
//! and a history rewritten with the key is found where a head was kept.

use greenline_ledger::LedgerError;
use greenline_ledger::prune::AGE_MIN_MS;
use greenline_ledger::seal::{LEAVES_MAX, Recorded, SealKind, SealedLeaf, StoredHead};
use greenline_ledger::types::BusinessIx;
use greenline_proof::{Frontier, Hash, Head, PublicKey, Salts, leaf_hash};

use crate::app::App;

use super::unread::named;
use super::{SealError, keys};

/// Leaves read at once.
const PAGE: usize = 512;
/// Heads read at once.
const HEADS: usize = 512;
/// Findings told at most; past it one more says that there are others.
const FINDINGS_MAX: usize = 1_000;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Leaves checked.
    pub leaves: u64,
    /// Of those, how many are of records that retention deleted: their hash is all there is of them.
    pub pruned: u64,
    /// Signed heads checked.
    pub heads: u64,
    /// What is not as it should be, in words; no personal data.
    pub findings: Vec<String>,
}

impl Found {
    fn tell(&mut self, what: String) {
        match self.findings.len() {
            FINDINGS_MAX => self.findings.push("there is more".to_owned()),
            more if more > FINDINGS_MAX => {}
            _ => self.findings.push(what),
        }
    }
}

/// Heads to come to, smallest first, a page at a time.
struct Heads {
    waiting: std::collections::VecDeque<StoredHead>,
    after: u64,
    is_all: bool,
}

impl Heads {
    async fn fill(&mut self, app: &App, business: BusinessIx) -> Result<(), LedgerError> {
        if !self.waiting.is_empty() || self.is_all {
            return Ok(());
        }
        let page = app.ledger.log_heads(business, self.after, HEADS).await?;
        self.is_all = page.len() < HEADS;
        if let Some(last) = page.last() {
            self.after = last.signed.head.size;
        }
        self.waiting.extend(page);
        Ok(())
    }
}

/// Checks the whole log of a business. `kept` are heads from outside.
///
/// # Errors
/// When the store or the keys cannot be read at all.
pub async fn check(app: &App, business: BusinessIx, kept: &[Head]) -> Result<Found, SealError> {
    let (_, trusted) = keys(app)?;
    let mut found = Found::default();
    let id = &app.directory.business(business).config.id;
    let mut kept: Vec<&Head> = kept.iter().filter(|head| *head.business == **id).collect();
    kept.sort_by_key(|head| head.size);
    let newest = app.ledger.log_head(business, None).await?;
    let size = newest.map_or(0, |head| head.signed.head.size);
    let mut heads = Heads {
        waiting: std::collections::VecDeque::new(),
        after: 0,
        is_all: false,
    };
    let mut frontier = Frontier::new();
    while frontier.size() < size {
        let leaves = match app.ledger.log_leaves(business, frontier.size(), PAGE).await {
            Ok(leaves) => leaves,
            Err(LedgerError::Corrupt(_)) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let records = app.ledger.log_records(business, &leaves).await?;
        let before = frontier.size();
        for (leaf, record) in leaves
            .iter()
            .zip(records)
            .take_while(|(leaf, _)| leaf.index < size)
        {
            if leaf.index != frontier.size() {
                break;
            }
            if let (Recorded::Gone, Salts::Pruned(at_ms)) = (&record, &leaf.salts)
                && was_old(leaf, *at_ms)
            {
                found.pruned += 1;
            } else if let Some(what) = differs(leaf, &record) {
                found.tell(format!("record {} of the log of `{id}` {what}", leaf.index));
            }
            let mut nodes = Vec::new();
            frontier.append(leaf.hash, |at, hash| {
                if at.is_kept() {
                    nodes.push((at, hash));
                }
            });
            for (at, hash) in nodes {
                let stored = app.ledger.log_nodes(business, vec![at]).await;
                let stored = stored.ok().and_then(|mut known| {
                    use greenline_proof::Nodes as _;
                    known.node(at).ok()
                });
                if stored != Some(hash) {
                    found.tell(format!(
                        "a node of the log of `{id}` is not that of its leaves"
                    ));
                }
            }
            heads.fill(app, business).await?;
            come_to(&mut found, &mut heads, &frontier, &trusted);
            while kept
                .first()
                .is_some_and(|head| head.size <= frontier.size())
            {
                let head = kept.remove(0);
                compare(&mut found, head, &frontier);
            }
        }
        if frontier.size() == before {
            found.tell(format!("record {before} of the log of `{id}` is gone"));
            break;
        }
    }
    found.leaves = frontier.size();
    let waiting = app.ledger.unsealed(business, LEAVES_MAX).await?;
    for record in waiting.iter().filter(|record| record.is_unreadable()) {
        found.tell(format!(
            "({}) of `{id}` does not read, and so is not in the log",
            named(&record.id)
        ));
    }
    ends(app, business, &mut found, (size, id)).await?;
    for head in kept {
        found.tell(format!(
            "the log of `{id}` has {} records, the head that was kept has {}: some are gone",
            frontier.size(),
            head.size
        ));
    }
    Ok(found)
}

/// Whether a record was old enough to be deleted when its leaf says that it was. Only decisions and timeline entries
/// ever are, and their numbers begin with their time.
fn was_old(leaf: &SealedLeaf, pruned_ms: i64) -> bool {
    let made_ms = i64::try_from(leaf.id.seq >> 20).unwrap_or(i64::MAX);
    leaf.id.kind != SealKind::Event && made_ms.saturating_add(AGE_MIN_MS) <= pruned_ms
}

fn differs(leaf: &SealedLeaf, record: &Recorded) -> Option<String> {
    let fields = match record {
        Recorded::Fields(fields) => fields,
        Recorded::Gone if matches!(leaf.salts, Salts::Pruned(_)) => {
            return Some(format!(
                "({} {}) is said to be pruned by retention, which it was too young for",
                leaf.id.kind.as_str(),
                leaf.id.seq
            ));
        }
        Recorded::Gone => return Some(format!("({}) is not in the store", leaf.id.kind.as_str())),
        Recorded::Unreadable => {
            return Some(format!("({}) does not read", leaf.id.kind.as_str()));
        }
    };
    match leaf.salts.commitments(fields) {
        Ok(commitments) => {
            let hash: Hash = leaf_hash(leaf.id.kind.as_str(), &commitments);
            (hash != leaf.hash).then(|| {
                format!(
                    "({} {}) was changed after it was sealed",
                    leaf.id.kind.as_str(),
                    leaf.id.seq
                )
            })
        }
        Err(error) => Some(format!("was changed after it was sealed: {error}")),
    }
}

fn come_to(found: &mut Found, heads: &mut Heads, log: &Frontier, trusted: &[PublicKey]) {
    while let Some(head) = heads
        .waiting
        .pop_front_if(|head| head.signed.head.size <= log.size())
    {
        found.heads += 1;
        let Head {
            size,
            root,
            business,
            ..
        } = &head.signed.head;
        if *size != log.size() || *root != log.root() {
            found.tell(format!(
                "the records of `{business}` up to {size} are not those of the head that was signed then"
            ));
        }
        if !trusted.contains(&head.key) || !head.signed.is_signed_by(&head.key) {
            found.tell(format!(
                "the head of `{business}` at {size} is not signed by a key of this installation"
            ));
        }
    }
}

fn compare(found: &mut Found, kept: &Head, log: &Frontier) {
    let Head { size, business, .. } = kept;
    if *size == 0 {
        return;
    }
    if kept.size != log.size() || kept.root != log.root() {
        found.tell(format!(
            "the first {size} records of `{business}` are not those of the head that was kept: the history was rewritten"
        ));
    }
}

/// What lies past the end, and what is in no log at all.
async fn ends(
    app: &App,
    business: BusinessIx,
    found: &mut Found,
    (size, id): (u64, &str),
) -> Result<(), SealError> {
    let beyond = app.ledger.log_leaves(business, size, 1).await?;
    if !beyond.is_empty() {
        let newest = app.ledger.log_head(business, None).await?;
        if newest.map_or(0, |head| head.signed.head.size) == size {
            found.tell(format!(
                "the log of `{id}` has records that no head is signed over"
            ));
        }
    }
    let unlogged = app.ledger.log_unlogged(business).await?;
    if unlogged > 0 {
        found.tell(format!(
            "{unlogged} records of `{id}` are in the store and were never sealed: they were slipped in"
        ));
    }
    Ok(())
}
