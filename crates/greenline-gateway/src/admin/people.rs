//! What is on record of a person.

use axum::Json;
use axum::extract::State;
use greenline_policy::identity::Identifier;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::Shared;

use super::auth::Who;
use super::extract::{Params, Segments};
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
    let identifier = Identifier::parse(&id).ok_or_else(|| {
        Problem::invalid(
            "id",
            "neither a phone number with its country code nor a user id",
        )
    })?;
    let mut person = app
        .ledger
        .person(business.ix, &identifier)
        .await?
        .ok_or_else(|| Problem::not_found("nobody of this business is known by this identifier"))?;
    person.head = business.aged(&person.head, app.clock.now_ms());
    Ok(Json(PersonShape::new(
        &business.config.id,
        &person,
        app.clock.now_ms(),
    )))
}
