//! What is on record of a person.

use axum::Json;
use axum::extract::State;
use greenline_ledger::types::PersonView;
use greenline_policy::identity::Identifier;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::Shared;
use crate::directory::Business;

use super::auth::Who;
use super::extract::{Params, Segments, named};
use super::problem::{Problem, ProblemBody};
use super::shape::PersonShape;

/// Whose person.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OfBusiness {
    /// The business; may be left out with a token that reaches only one.
    pub(crate) business: Option<String>,
}

/// A person: identifiers, head, history, windows.
///
/// Every spelling of a number finds the same person; the head is the one of the spelling asked by.
#[utoipa::path(
    get, path = "/v1/people/{id}", operation_id = "showPerson", tag = "consent",
    params(("id" = String, Path, description = "Phone number with country code (`+` may be left out) or business-scoped user id"), OfBusiness),
    responses(
        (status = 200, description = "The person", body = PersonShape),
        (status = 404, description = "Nobody of that business is known by this identifier", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Neither a phone number nor a user id", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
) -> Result<Json<PersonShape>, Problem> {
    let business = who.business(&app.directory, of.business.as_deref())?;
    let mut person = known(&app, &business, &named(&id)?).await?;
    person.head = business.aged(&person.head, app.clock.now_ms());
    Ok(Json(PersonShape::new(
        &business.config.id,
        &person,
        app.clock.now_ms(),
    )))
}

/// Someone, as the ledger knows them.
pub(crate) async fn known(
    app: &Shared,
    business: &Business,
    who: &Identifier,
) -> Result<PersonView, Problem> {
    let person = app.ledger.person(business.ix, who).await?;
    person.ok_or_else(|| Problem::not_found("nobody of this business is known by this identifier"))
}
