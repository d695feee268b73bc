//! For whoever runs it: relay backlog, verification, health, metrics.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use greenline_proof::{Head, PublishedHead};

use crate::app::Shared;
use crate::avenues;
use crate::config::May;
use crate::sealer::check::check;

use super::auth::Who;
use super::extract::{JsonValue, Params, typed};
use super::people::OfBusiness;
use super::problem::{Kind, Problem, ProblemBody};

/// Webhooks on their way to the business's apps.
#[derive(Serialize, ToSchema)]
#[schema(as = RelayState)]
pub(crate) struct RelayShape {
    business: String,
    /// Deliveries that wait for an app or are being tried.
    waiting: u64,
    /// Deliveries given up and kept for replay.
    parked: u64,
}

/// How many webhooks wait for apps.
#[utoipa::path(
    get, path = "/v1/relay", operation_id = "showRelay", tag = "operation", params(OfBusiness),
    responses((status = 200, description = "The backlog", body = RelayShape))
)]
pub(crate) async fn relay(
    State(app): State<Shared>,
    who: Who,
    Params(of): Params<OfBusiness>,
) -> Result<Json<RelayShape>, Problem> {
    let business = who.business(&app.directory, of.business.as_deref())?;
    let counts = app.ledger.counts(business.ix, app.clock.now_ms()).await?;
    Ok(Json(RelayShape {
        business: business.config.id.clone(),
        waiting: counts.relay_waiting,
        parked: counts.relay_parked,
    }))
}

/// Whose deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReplayParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// Of this app only.
    app: Option<String>,
}

/// What was put back.
#[derive(Serialize, ToSchema)]
pub(crate) struct Requeued {
    /// Deliveries that are due again.
    requeued: u64,
}

/// Put parked deliveries back into the queue.
#[utoipa::path(
    post, path = "/v1/relay/replay", operation_id = "replayRelay", tag = "operation", params(ReplayParams),
    responses(
        (status = 200, description = "They are due again", body = Requeued),
        (status = 404, description = "No such business or app", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn replay(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<ReplayParams>,
) -> Result<Json<Requeued>, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, params.business.as_deref())?;
    if let Some(name) = params.app.as_deref()
        && !business.config.app.iter().any(|app| app.name == name)
    {
        let names = business.config.app.iter().map(|app| app.name.clone());
        return Err(Problem::not_found("the business has no such app")
            .at("app")
            .allowed(names));
    }
    let requeued = app
        .ledger
        .relay_replay(business.ix, params.app.as_deref(), app.clock.now_ms())
        .await?;
    app.relay_due.notify_one();
    Ok(Json(Requeued { requeued }))
}

/// What a verification found.
#[derive(Serialize, ToSchema)]
#[schema(as = Verification)]
pub(crate) struct VerifyShape {
    /// Nothing is other than it should be.
    clean: bool,
    people: u64,
    events: u64,
    decisions: u64,
    /// Records of the provable logs, each made again from what is stored.
    leaves: u64,
    /// Of those, decisions whose days were over: deleted by retention, their hashes stay in the log.
    pruned: u64,
    /// Signed heads that the logs were held against.
    heads: u64,
    differences: Vec<DifferenceShape>,
}

/// One thing that is not as it should be.
#[derive(Serialize, ToSchema)]
#[schema(as = Difference)]
pub(crate) struct DifferenceShape {
    /// `head`, `version_gap`, `missing`, `record`, `decision`, `store` or `log`.
    kind: &'static str,
    /// What was found.
    what: String,
}

/// Fold every event again and compare with what decisions rest on; hold the log against the store.
///
/// Reads the whole store. Needs `may = "admin"` and a token that reaches every business.
#[utoipa::path(
    get, path = "/v1/verify", operation_id = "verify", tag = "operation",
    responses(
        (status = 200, description = "What was found; `clean` says whether all is well", body = VerifyShape),
        (status = 403, description = "Needs may = \"admin\" and all businesses", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn verify(
    State(app): State<Shared>,
    who: Who,
) -> Result<Json<VerifyShape>, Problem> {
    verified(&app, &who, &[]).await
}

/// Heads kept outside, to hold the logs against.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptHeads {
    /// As they were published, or as `GET /v1/log/{business}/head` gave them.
    #[schema(value_type = Vec<Object>)]
    heads: Vec<PublishedHead>,
}

/// As `GET /v1/verify`, and hold the logs against heads that were kept outside.
///
/// Finds a history that was rewritten by whoever holds the signing key. Changes nothing.
#[utoipa::path(
    post, path = "/v1/verify", operation_id = "verifyAgainstHeads", tag = "operation",
    request_body = KeptHeads,
    responses(
        (status = 200, description = "What was found; `clean` says whether all is well", body = VerifyShape),
        (status = 403, description = "Needs may = \"admin\" and all businesses", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A head is not in its form", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn verify_against(
    State(app): State<Shared>,
    who: Who,
    JsonValue(body): JsonValue,
) -> Result<Json<VerifyShape>, Problem> {
    let kept: KeptHeads = typed(body)?;
    let mut heads = Vec::with_capacity(kept.heads.len());
    for (at, head) in kept.heads.iter().enumerate() {
        let field = || format!("heads[{at}]");
        let Some((signed, key)) = head.parsed() else {
            return Err(Problem::invalid(field(), "a member is not in its form"));
        };
        if !signed.is_signed_by(&key) {
            return Err(Problem::invalid(field(), "its signature does not hold"));
        }
        if app.directory.business_by_id(&head.business).is_none() {
            return Err(Problem::invalid(
                field(),
                "there is no such business in this installation",
            ));
        }
        heads.push(signed.head);
    }
    verified(&app, &who, &heads).await
}

async fn verified(app: &Shared, who: &Who, kept: &[Head]) -> Result<Json<VerifyShape>, Problem> {
    who.must(May::Admin)?;
    if who.0.businesses.is_some() {
        return Err(Problem::new(
            Kind::Forbidden,
            "the store is shared: this needs a token that reaches every business",
        ));
    }
    let found = app.ledger.verify().await?;
    let mut differences: Vec<DifferenceShape> = found
        .differences
        .into_iter()
        .map(|difference| DifferenceShape {
            kind: difference.kind,
            what: difference.what,
        })
        .collect();
    let (mut leaves, mut heads, mut pruned) = (0, 0, 0);
    for business in app.directory.businesses() {
        let log = check(app, business.ix, kept).await?;
        leaves += log.leaves;
        heads += log.heads;
        pruned += log.pruned;
        differences.extend(
            log.findings
                .into_iter()
                .map(|what| DifferenceShape { kind: "log", what }),
        );
    }
    Ok(Json(VerifyShape {
        clean: differences.is_empty(),
        people: found.people,
        events: found.events,
        decisions: found.decisions,
        leaves,
        pruned,
        heads,
        differences,
    }))
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", operation_id = "healthz", tag = "operation", security(()),
    responses((status = 200, description = "Alive", body = String, content_type = "text/plain")))]
pub(crate) async fn healthz() -> &'static str {
    "alive\n"
}

/// The store answers, to readers and from its writer.
///
/// A second line warns of what a person should look at although everything goes on.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "operation", security(()),
    responses(
        (status = 200, description = "Ready", body = String, content_type = "text/plain"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn readyz(State(app): State<Shared>) -> Result<String, Problem> {
    app.ledger.decisions(None, None, 1).await?;
    if let Some(business) = app.directory.businesses().next() {
        // Nothing to learn: it only asks whether the writer still takes anything.
        app.ledger.learn(business.ix, Vec::new()).await?;
    }
    Ok(match app.unread.count() {
        0 => "ready\n".to_owned(),
        count => format!(
            "ready\nwarning: {count} records do not read and cannot be sealed; see `greenline verify`\n"
        ),
    })
}

/// Counters in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "operation", security(()),
    responses((status = 200, description = "Counters", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<Shared>) -> impl IntoResponse {
    (
        StatusCode::OK,
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        app.metrics.render()
            + &avenues::gauges(&app)
            + &crate::alerts::gauges::render(&app)
            + &crate::metrics::pack(app.clock.now_ms())
            + &app.retention.render()
            + &app.screenings.render()
            + &app.unread.render(),
    )
}
