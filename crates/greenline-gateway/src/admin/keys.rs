//! Greenline's own keys, as far as the store knows of them. No secret is told.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Shared;
use crate::config::May;
use crate::keyring::Purpose;

use super::auth::Who;
use super::extract::Segments;
use super::problem::{Problem, ProblemBody};

/// A key.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyShape {
    /// Its name, as `greenline keys show` has it.
    id: String,
    /// Noes of people who were erased can be found only with it: it must stay.
    needed_by_erasures: bool,
}

/// Whether a key is still needed.
///
/// An erasure keeps noes under a hash that only its key can make again. Such a key must not be retired.
#[utoipa::path(
    get, path = "/v1/keys/{id}", operation_id = "showKey", tag = "operation",
    params(("id" = String, Path, description = "The key, as `greenline keys show` names it")),
    responses(
        (status = 200, description = "The key", body = KeyShape),
        (status = 403, description = "Needs may = \"admin\"", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such key", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<Json<KeyShape>, Problem> {
    who.must(May::Admin)?;
    let ring = app.keys.open(app.clock.now_ms());
    let ring = ring.map_err(|_| Problem::not_found("the file of keys cannot be read"))?;
    let key = ring.iter().find(|key| *key.id == *id);
    let key = key.ok_or_else(|| Problem::not_found("there is no such key"))?;
    let needed_by_erasures = match (key.purpose, id.rsplit('-').next()) {
        (Purpose::Erasure, Some(name)) => app.ledger.is_erasure_key_used(name).await?,
        _ => false,
    };
    Ok(Json(KeyShape {
        id,
        needed_by_erasures,
    }))
}
