//! Reading of queries and bodies, with every failure told as a problem.

use axum::Form;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use bytes::Bytes;
use greenline_policy::identity::Identifier;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::Shared;
use crate::patience;

use super::problem::{Kind, Problem};

/// A query string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(params)| Self(params))
            .map_err(|error| {
                Problem::new(
                    Kind::Malformed,
                    format!("the query cannot be read: {}", error.body_text()),
                )
            })
    }
}

/// Parts of the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(_) => Err(Problem::not_found("the path names nothing")),
        }
    }
}

/// A posted form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posted<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        match Form::from_request(request, state).await {
            Ok(Form(form)) => Ok(Self(form)),
            Err(error) => Err(Problem::new(
                Kind::Malformed,
                format!("the form cannot be read: {}", error.body_text()),
            )),
        }
    }
}

/// A body of any kind, up to the limit of the admin API.
#[derive(Clone, Debug)]
pub(crate) struct Raw(pub(crate) Bytes);

impl FromRequest<Shared> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &Shared) -> Result<Self, Problem> {
        let most = app.config.limits.admin_body_bytes_max;
        match Limited::new(request.into_body(), most).collect().await {
            Ok(body) => Ok(Self(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(Problem::new(
                Kind::TooLarge,
                format!("a body may hold {most} bytes (limits.admin_body_bytes_max)"),
            )),
            Err(error) if patience::is_too_slow(&*error) => {
                Err(Problem::new(Kind::TooSlow, "the body did not come in time"))
            }
            Err(_) => Err(Problem::new(Kind::Malformed, "the body broke off")),
        }
    }
}

/// A JSON body, whatever its `Content-Type`.
#[derive(Clone, Debug)]
pub(crate) struct JsonValue(pub(crate) Value);

impl FromRequest<Shared> for JsonValue {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &Shared) -> Result<Self, Problem> {
        let Raw(body) = Raw::from_request(request, app).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            Problem::new(Kind::Malformed, format!("the body is not JSON: {error}"))
        })
    }
}

/// Reads a typed value out of JSON, naming the member that does not fit.
pub(crate) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| misfit(&error.path().to_string(), &error.into_inner().to_string()))
}

/// As [`typed`], from text, so that members can be kept as they were written.
pub(crate) fn typed_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let not_json = |error: &serde_json::Error| {
        Problem::new(Kind::Malformed, format!("the body is not JSON: {error}"))
    };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            misfit(&path, &inner.to_string())
        } else {
            not_json(&inner)
        }
    })?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(read)
}

/// As [`typed_json`], of a body that may be left out.
pub(crate) fn json_or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    typed_json(body)
}

/// Reads a moment out of `at`.
pub(crate) fn moment(text: Option<&str>) -> Result<Option<i64>, Problem> {
    match text.map(str::parse::<Timestamp>) {
        None => Ok(None),
        Some(Ok(at)) => Ok(Some(at.as_millisecond())),
        Some(Err(_)) => Err(Problem::invalid(
            "at",
            "not a time after RFC 3339 with its offset",
        )),
    }
}

/// Reads whom a caller names.
pub(crate) fn identifier(text: &str) -> Result<Identifier, Problem> {
    Identifier::parse(text).ok_or_else(|| {
        Problem::new(
            Kind::Invalid,
            "neither a phone number with its country code nor a user id",
        )
    })
}

/// Reads whom the path names.
pub(crate) fn named(id: &str) -> Result<Identifier, Problem> {
    identifier(id).map_err(|problem| problem.at("id"))
}

/// An unknown or missing member is named by the message, its parent by the path.
fn misfit(path: &str, detail: &str) -> Problem {
    let named = ["unknown field `", "missing field `"]
        .iter()
        .find_map(|start| detail.strip_prefix(start)?.split('`').next());
    let field = match (path, named) {
        ("." | "", Some(named)) => named.to_owned(),
        (path, Some(named)) if !path.ends_with(named) => format!("{path}.{named}"),
        (path, _) => path.to_owned(),
    };
    Problem::invalid(field, detail.to_owned())
}

/// The number of rows asked for, within the limit.
pub(crate) fn limit(app: &Shared, asked: Option<usize>, usual: usize) -> Result<usize, Problem> {
    let most = app.config.limits.page_rows_max;
    match asked {
        None => Ok(usual.min(most)),
        Some(0) => Err(Problem::invalid("limit", "a page has at least one row")),
        Some(rows) if rows > most => Err(Problem::invalid(
            "limit",
            format!("a page has at most {most} rows (limits.page_rows_max)"),
        )),
        Some(rows) => Ok(rows),
    }
}
