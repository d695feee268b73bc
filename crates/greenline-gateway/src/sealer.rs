//! Seals what was recorded: takes records that the log does not hold, makes their leaves, signs the head.
//!
//! It runs beside everything else and nothing waits for it, except whoever asks for a proof: then the log is
//! brought up to date first. A lease keeps nodes from doing the same work; what keeps a log whole is that the
//! ledger takes a seal only for the size it was made for. The newest head is also published, if the
//! configuration says where: a head kept by someone else is the only thing that can show a history rewritten
//! by whoever holds the signing key.
//!
//! It refuses to seal without a key, and to publish a head that is not stored.

pub mod check;
mod publish;
mod unread;

use std::convert::Infallible;
use std::time::Duration;

use greenline_ledger::LedgerError;
use greenline_ledger::seal::{LEAVES_MAX, NewLeaf, NewSeal, RecordId, StoredHead, Unsealed};
use greenline_ledger::types::BusinessIx;
use greenline_proof::{
    Frontier, Hash, Head, MissingNode, NodeAt, PublicKey, Seed, SigningKey, Wanted, sealed_hash,
};
use tokio::sync::watch;

use crate::app::{App, Shared};
use crate::keyring::{self, KeysError, Purpose};

pub use publish::Publisher;
pub(crate) use publish::target as publish_target;
pub use unread::Unread;

/// How long a node keeps the others from sealing the same log.
const LEASE_MS: i64 = 30_000;
/// Seals in one go at most, so that no business starves another.
const ROUNDS_MAX: usize = 64;
/// Seals that whoever asks for a proof waits for at most: a million records.
const WAIT_ROUNDS_MAX: usize = 1_024;

/// Why the log could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The ledger's.
    #[error("the log cannot be read or written")]
    Ledger(#[from] LedgerError),
    /// There is no key to sign with.
    #[error("there is no key to sign the log with")]
    Keys(#[from] KeysError),
    /// The key is none.
    #[error("the key that signs the log cannot be used")]
    Key,
    /// What is kept of the log does not hold together.
    #[error("what is kept of the log does not hold together")]
    Broken,
    /// Making leaves ended in a panic.
    #[error("a leaf could not be made")]
    Leaf,
    /// There was always more to seal.
    #[error("the log is far behind; try again later")]
    Behind,
}

impl From<MissingNode> for SealError {
    fn from(_: MissingNode) -> Self {
        Self::Broken
    }
}

/// What signs heads now, and what signed them before.
///
/// # Errors
/// There is no key.
pub fn keys(app: &App) -> Result<(SigningKey, Vec<PublicKey>), SealError> {
    let ring = app.keys.open(app.clock.now_ms())?;
    let mut keys = Vec::new();
    for key in ring.of(Purpose::Log) {
        keys.push(SigningKey::from_seed(key.reveal()).map_err(|_| SealError::Key)?);
    }
    let known = keys.iter().map(SigningKey::public).collect();
    let newest = keys.into_iter().next().ok_or(SealError::Key)?;
    Ok((newest, known))
}

/// The right edge of a log of this size.
async fn frontier(app: &App, business: BusinessIx, size: u64) -> Result<Frontier, SealError> {
    let wanted = Wanted::by(|nodes| Frontier::load(size, nodes));
    let mut known = app.ledger.log_nodes(business, wanted).await?;
    Ok(Frontier::load(size, &mut known)?)
}

/// Seeds for so many leaves.
fn seeds(count: usize) -> Result<Vec<Seed>, SealError> {
    let mut bytes = vec![0; count * 16];
    keyring::fill(&mut bytes)?;
    let seeds = bytes
        .chunks_exact(16)
        .filter_map(|seed| seed.try_into().ok());
    Ok(seeds.map(Seed).collect())
}

/// A log that has grown, not yet written.
struct Grown {
    leaves: Vec<NewLeaf>,
    nodes: Vec<(NodeAt, Hash)>,
    frontier: Frontier,
}

fn grow(mut frontier: Frontier, records: Vec<Unsealed>, seeds: Vec<Seed>) -> Grown {
    let (mut leaves, mut nodes) = (Vec::with_capacity(records.len()), Vec::new());
    for (record, seed) in records.into_iter().zip(seeds) {
        let hash = sealed_hash(record.id.kind.as_str(), seed, &record.fields);
        frontier.append(hash, |at, hash| {
            if at.is_kept() {
                nodes.push((at, hash));
            }
        });
        let id = record.id;
        leaves.push(NewLeaf { id, hash, seed });
    }
    Grown {
        leaves,
        nodes,
        frontier,
    }
}

/// Seals what there is, up to a seal's size; says how many records that were.
async fn seal_once(
    app: &App,
    business: BusinessIx,
    signer: &SigningKey,
) -> Result<usize, SealError> {
    // Invariant: the size is read first. If the log still has it when the seal is taken, nothing was sealed
    // since, and what was found unsealed in between is.
    let newest = app.ledger.log_head(business, None).await?;
    let size = newest.map_or(0, |head| head.signed.head.size);
    // And so are the erasures: a seal of what was read before one is not taken.
    let erasures = app.ledger.log_erasures(business).await?;
    let found = app.ledger.unsealed(business, LEAVES_MAX).await?;
    let (skipped, records): (Vec<_>, Vec<_>) = found.into_iter().partition(Unsealed::is_unreadable);
    let skipped: Vec<RecordId> = skipped.into_iter().map(|record| record.id).collect();
    app.unread.note(app, business, &skipped);
    if records.is_empty() {
        return Ok(0);
    }
    let count = records.len();
    let edge = frontier(app, business, size).await?;
    let seeds = seeds(count)?;
    let grown = tokio::task::spawn_blocking(move || grow(edge, records, seeds)).await;
    let grown = grown.map_err(|_| SealError::Leaf)?;
    let head = Head {
        business: app.directory.business(business).config.id.as_str().into(),
        size: grown.frontier.size(),
        root: grown.frontier.root(),
        at_ms: app.clock.now_ms(),
    };
    let seal = NewSeal {
        business,
        size,
        erasures,
        skipped,
        leaves: grown.leaves,
        nodes: grown.nodes,
        head: StoredHead {
            signed: signer.sign(head),
            key: signer.public(),
        },
    };
    // Not taken: another node was faster. What is left to seal is looked for anew.
    app.ledger.seal(seal).await?;
    Ok(count)
}

/// Seals everything that is recorded now, whoever holds the lease.
///
/// # Errors
/// Why it could not.
pub async fn seal_all(app: &App, business: BusinessIx) -> Result<(), SealError> {
    let (signer, _) = keys(app)?;
    for _ in 0..WAIT_ROUNDS_MAX {
        if seal_once(app, business, &signer).await? < LEAVES_MAX {
            return Ok(());
        }
    }
    Err(SealError::Behind)
}

async fn seal_some(app: &App, business: BusinessIx) -> Result<(), SealError> {
    if !app.ledger.log_lease(business, LEASE_MS).await? {
        return Ok(());
    }
    let (signer, _) = keys(app)?;
    for _ in 0..ROUNDS_MAX {
        if seal_once(app, business, &signer).await? < LEAVES_MAX {
            break;
        }
    }
    Ok(())
}

/// Seals every few seconds until told to stop, and once more then; the last head is published at once.
pub async fn run(app: Shared, mut stop: watch::Receiver<bool>) {
    let every = Duration::from_millis(app.config.proof.seal_every_ms);
    let mut publisher = Publisher::new(&app.config.proof);
    loop {
        let stopping = *stop.borrow();
        for business in app.directory.businesses() {
            if let Err(error) = seal_some(&app, business.ix).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    error,
                    business.id = business.config.id,
                    "records could not be sealed"
                );
            }
            publisher.publish(&app, business.ix, stopping).await;
        }
        if stopping {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Computes something of a log from its nodes, which are fetched at once.
///
/// # Errors
/// The ledger's, or `Broken`.
pub(crate) async fn from_nodes<T>(
    app: &App,
    business: BusinessIx,
    wanted: impl FnOnce(&mut Wanted) -> Result<T, Infallible>,
    compute: impl FnOnce(&mut greenline_proof::Known) -> Result<T, MissingNode>,
) -> Result<T, SealError> {
    let mut known = app.ledger.log_nodes(business, Wanted::by(wanted)).await?;
    Ok(compute(&mut known)?)
}
