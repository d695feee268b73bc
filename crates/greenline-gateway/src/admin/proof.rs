//! Proofs over the API: bundles for one person, heads of the log, and receipts.
//!
//! A bundle is made of what is stored, as it is stored: if something was changed behind the ledger's back,
//! the bundle does not hold, and whoever checks it sees so. The log is brought up to date first, so that a
//! bundle is never silent about something that was acknowledged before it was asked for.

pub(crate) mod receipts;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use greenline_ledger::seal::{RecordId, Recorded, SealKind, SealedLeaf, StoredHead};
use greenline_proof::{
    BUNDLE_FORMAT, Bundle, BundleEntry, BundleField, Earlier, Hash, Known, PublishedHead, Wanted,
    consistency_proof, inclusion_proof, root_of,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::Shared;
use crate::directory::Business;
use crate::ids;
use crate::sealer::{SealError, from_nodes, seal_all};

use super::auth::Who;
use super::extract::{Params, Segments, named};
use super::people::known;
use super::problem::{Kind, Problem, ProblemBody};

/// Decisions in one bundle at most.
const DECISIONS_MAX: usize = 1_000;

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Ledger(error) => error.into(),
            SealError::Keys(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "no key to sign the log"
                );
                Self::new(Kind::NotReady, error.to_string())
            }
            SealError::Behind => Self::new(Kind::Unavailable, error.to_string()),
            _ => {
                tracing::error!(%error, "a proof could not be made");
                Self::new(Kind::Bug, "the log could not be brought up to date")
            }
        }
    }
}

/// What goes into the bundle.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProofParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// Sizes of heads kept earlier, joined by commas: the bundle then shows that the log continues them.
    from: Option<String>,
    /// Decisions to be proved too, joined by commas: `dec_…`.
    decisions: Option<String>,
}

fn sizes(from: Option<&str>) -> Result<BTreeSet<u64>, Problem> {
    let parts = from.unwrap_or_default().split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.parse()
                .map_err(|_| Problem::invalid("from", "must be sizes of heads, such as `1200`"))
        })
        .collect()
}

fn decisions(asked: Option<&str>) -> Result<Vec<greenline_ledger::types::DecisionId>, Problem> {
    let parts = asked.unwrap_or_default().split(',').map(str::trim);
    let ids: Vec<_> = parts
        .filter(|part| !part.is_empty())
        .map(|part| {
            ids::parse_decision(part)
                .ok_or_else(|| Problem::invalid("decisions", "must be ids such as `dec_…`"))
        })
        .collect::<Result<_, _>>()?;
    if ids.len() > DECISIONS_MAX {
        let what = format!("a bundle takes {DECISIONS_MAX} decisions at most");
        return Err(Problem::invalid("decisions", what));
    }
    Ok(ids)
}

/// The newest head; the log is not empty.
async fn newest(app: &Shared, business: &Arc<Business>) -> Result<StoredHead, Problem> {
    let head = app.ledger.log_head(business.ix, None).await?;
    head.ok_or_else(|| Problem::not_found("the log of this business is empty"))
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

/// That the log of `size` records continues itself at an earlier size.
async fn earlier(
    app: &Shared,
    business: &Arc<Business>,
    before: u64,
    size: u64,
) -> Result<Earlier, Problem> {
    if before > size {
        return Err(Problem::invalid(
            "from",
            format!("the log has {size} records, fewer than {before}"),
        ));
    }
    let wanted = |nodes: &mut Wanted| {
        consistency_proof(before, size, nodes)?;
        root_of(before, nodes)
    };
    let compute = |nodes: &mut Known| {
        let proof = consistency_proof(before, size, nodes)?;
        Ok::<_, greenline_proof::MissingNode>(Earlier {
            size: before,
            root: root_of(before, nodes)?.to_string(),
            proof: texts(&proof),
        })
    };
    let known = app.ledger.log_nodes(business.ix, Wanted::by(wanted)).await;
    let made = compute(&mut known?);
    made.map_err(|missing| SealError::from(missing).into())
}

/// A person's consent events, with all it takes to check offline that they were recorded so and not changed.
///
/// The answer is a bundle for `greenline verify --bundle`. It shows what is recorded in clear, numbers too:
/// give it to nobody but the person and those who must check it.
#[utoipa::path(
    get, path = "/v1/people/{id}/proof", operation_id = "provePerson", tag = "consent",
    params(("id" = String, Path, description = "Phone number with country code (`+` may be left out) or business-scoped user id"), ProofParams),
    responses(
        (status = 200, description = "The bundle; `docs/concepts/proof.md` describes it", body = serde_json::Value),
        (status = 404, description = "Nobody of that business is known by this identifier, or a decision is not there", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A value is not accepted", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(params): Params<ProofParams>,
) -> Result<Response, Problem> {
    let business = who.business(&app.directory, params.business.as_deref())?;
    let (sizes, decisions) = (
        sizes(params.from.as_deref())?,
        decisions(params.decisions.as_deref())?,
    );
    let person = known(&app, &business, &named(&id)?).await?;
    let mut wanted: Vec<RecordId> = person
        .history
        .iter()
        .map(|stored| RecordId {
            kind: SealKind::Event,
            seq: stored.id.0,
        })
        .collect();
    for id in decisions {
        let record = app.ledger.decision(id).await?;
        let is_of = |record: &greenline_ledger::types::DecisionRecord| {
            *record.business == *business.config.id
        };
        if !record.as_ref().is_some_and(is_of) {
            return Err(Problem::not_found("there is no such decision").at("decisions"));
        }
        wanted.push(RecordId {
            kind: SealKind::Decision,
            seq: id.seq,
        });
    }
    answer(&bundle(&app, &business, wanted, sizes).await?)
}

/// How a bundle is handed out.
fn answer(bundle: &Bundle) -> Result<Response, Problem> {
    let json = bundle
        .to_json()
        .map_err(|error| Problem::new(Kind::Bug, error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, json).into_response())
}

/// Which log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntryParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// Sizes of heads kept earlier, joined by commas: the bundle then shows that the log continues them.
    from: Option<String>,
}

/// One entry of the timeline, with all it takes to check offline that it was noted so, then, and not changed.
///
/// The answer is a bundle for `greenline verify --bundle`.
#[utoipa::path(
    get, path = "/v1/timeline/{seq}/proof", operation_id = "proveTimelineEntry", tag = "numbers",
    params(("seq" = i64, Path, description = "The entry's `seq`"), EntryParams),
    responses(
        (status = 200, description = "The bundle; `docs/concepts/proof.md` describes it", body = serde_json::Value),
        (status = 404, description = "The business has no such entry", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A value is not accepted", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_an_entry(
    State(app): State<Shared>,
    who: Who,
    Segments(seq): Segments<i64>,
    Params(params): Params<EntryParams>,
) -> Result<Response, Problem> {
    let business = who.business(&app.directory, params.business.as_deref())?;
    let sizes = sizes(params.from.as_deref())?;
    let newest = app
        .ledger
        .timeline(business.ix, None, seq.checked_add(1), 1);
    if newest.await?.first().is_none_or(|entry| entry.seq != seq) {
        return Err(Problem::not_found("there is no such entry"));
    }
    let id = RecordId {
        kind: SealKind::Timeline,
        seq: u64::try_from(seq).unwrap_or(0),
    };
    answer(&bundle(&app, &business, vec![id], sizes).await?)
}

async fn bundle(
    app: &Shared,
    business: &Arc<Business>,
    wanted: Vec<RecordId>,
    from: BTreeSet<u64>,
) -> Result<Bundle, Problem> {
    seal_all(app, business.ix).await?;
    let head = newest(app, business).await?;
    let size = head.signed.head.size;
    let mut leaves = Vec::with_capacity(wanted.len());
    for id in &wanted {
        let leaf = app.ledger.log_place(business.ix, *id).await?;
        leaves.push(leaf.ok_or_else(|| {
            tracing::error!("a record of the store is in no log");
            Problem::new(
                Kind::Bug,
                "a record is not in the log; `greenline verify` says more",
            )
        })?);
    }
    let records = app.ledger.log_records(business.ix, &leaves).await?;
    let mut sealed: Vec<(SealedLeaf, Recorded)> = leaves.into_iter().zip(records).collect();
    sealed.sort_by_key(|(leaf, _)| leaf.index);
    sealed.dedup_by_key(|(leaf, _)| leaf.index);
    let indexes: Vec<u64> = sealed.iter().map(|(leaf, _)| leaf.index).collect();
    let proofs: Vec<Vec<Hash>> = from_nodes(
        app,
        business.ix,
        |nodes: &mut Wanted| {
            indexes
                .iter()
                .map(|index| inclusion_proof(*index, size, nodes))
                .collect()
        },
        |nodes: &mut Known| {
            indexes
                .iter()
                .map(|index| inclusion_proof(*index, size, nodes))
                .collect()
        },
    )
    .await?;
    let mut shown = Vec::with_capacity(from.len());
    for before in from {
        shown.push(earlier(app, business, before, size).await?);
    }
    let entries = sealed.iter().zip(&proofs);
    Ok(Bundle {
        format: BUNDLE_FORMAT.to_owned(),
        head: PublishedHead::new(&head.signed, &head.key),
        earlier: shown,
        entries: entries
            .map(|((leaf, record), proof)| entry(leaf, record, proof))
            .collect::<Result<_, _>>()?,
    })
}

fn entry(leaf: &SealedLeaf, record: &Recorded, proof: &[Hash]) -> Result<BundleEntry, Problem> {
    let broken = || {
        Problem::new(
            Kind::Bug,
            "a record is not what was sealed; `greenline verify` says more",
        )
    };
    let Recorded::Fields(fields) = record else {
        return Err(broken());
    };
    let openings = leaf.salts.openings(fields).map_err(|_| broken())?;
    Ok(BundleEntry {
        kind: leaf.id.kind.as_str().to_owned(),
        index: leaf.index,
        fields: openings
            .into_iter()
            .map(|(name, opening)| BundleField::new(&name, opening, fields))
            .collect(),
        proof: texts(proof),
    })
}

/// Which head.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HeadParams {
    /// Sizes of heads kept earlier, joined by commas: shows that the log continues them.
    from: Option<String>,
}

/// The newest head of a business's log.
#[derive(Serialize, ToSchema)]
#[schema(as = LogHead)]
pub(crate) struct HeadShape {
    /// The head, as it is published. Keep it somewhere else: a later log can be held against it.
    #[schema(value_type = Object)]
    head: PublishedHead,
    /// For each size asked for: the root then, and the proof that the log continues it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    earlier: Vec<Earlier>,
}

/// The newest signed head of a business's log; with `from`, proofs that it continues earlier ones.
///
/// Holds no personal data.
#[utoipa::path(
    get, path = "/v1/log/{business}/head", operation_id = "logHead", tag = "operation",
    params(("business" = String, Path, description = "The business"), HeadParams),
    responses(
        (status = 200, description = "The head", body = HeadShape),
        (status = 404, description = "No such business, or nothing is recorded of it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A size is not one of this log", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn head(
    State(app): State<Shared>,
    who: Who,
    Segments(business): Segments<String>,
    Params(params): Params<HeadParams>,
) -> Result<Json<HeadShape>, Problem> {
    let business = who.business(&app.directory, Some(&business))?;
    let sizes = sizes(params.from.as_deref())?;
    seal_all(&app, business.ix).await?;
    let head = newest(&app, &business).await?;
    let mut shown = Vec::with_capacity(sizes.len());
    for before in sizes {
        shown.push(earlier(&app, &business, before, head.signed.head.size).await?);
    }
    Ok(Json(HeadShape {
        head: PublishedHead::new(&head.signed, &head.key),
        earlier: shown,
    }))
}
