//! Who asks, and what they may reach.
//!
//! An admin token comes as Bearer; for reading also as the password of HTTP Basic, so that a browser can
//! open the pages. Whatever writes through `/v1` takes Bearer only: a browser attaches Basic by itself,
//! also to a form that another site made up.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::app::Shared;
use crate::config::May;
use crate::directory::{Business, Directory, Principal};

use super::problem::{Kind, Problem};

/// How a browser is asked for a token.
const CHALLENGE: &str = "Basic realm=\"Greenline\", charset=\"UTF-8\"";

/// A caller of the API with a valid token.
#[derive(Clone, Debug)]
pub(crate) struct Who(pub(crate) Principal);

impl FromRequestParts<Shared> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let token = bearer(&parts.headers)
            .map(str::to_owned)
            .or_else(|| basic(&parts.headers).filter(|_| reads));
        principal(&app.directory, token).ok_or_else(|| {
            Problem::new(
                Kind::Unauthorized,
                "no admin token of the configuration was sent",
            )
        })
    }
}

/// Someone who looks at a page.
#[derive(Clone, Debug)]
pub(crate) struct PageWho(pub(crate) Who);

impl FromRequestParts<Shared> for PageWho {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Response> {
        if parts.method == Method::POST && is_from_elsewhere(&parts.headers) {
            return Err((
                StatusCode::FORBIDDEN,
                "This form was not sent from Greenline's own pages.\n",
            )
                .into_response());
        }
        let token = bearer(&parts.headers)
            .map(str::to_owned)
            .or_else(|| basic(&parts.headers));
        principal(&app.directory, token).map(Self).ok_or_else(|| {
            let challenge = [(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(CHALLENGE),
            )];
            let text = "Greenline needs an admin token. Any user name, the token as password.\n";
            (StatusCode::UNAUTHORIZED, challenge, text).into_response()
        })
    }
}

/// A browser says where a request comes from; only our own pages and the person at the keyboard may post.
/// Browsers that do not say it in so many words name the page's origin.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let named = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, host)| host.as_bytes());
    named.is_none() || named != headers.get(header::HOST).map(HeaderValue::as_bytes)
}

fn principal(directory: &Directory, token: Option<String>) -> Option<Who> {
    directory
        .principal(token.filter(|token| !token.is_empty())?.as_str())
        .cloned()
        .map(Who)
}

fn scheme<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case(wanted).then(|| rest.trim())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    scheme(headers, "Bearer")
}

fn basic(headers: &HeaderMap) -> Option<String> {
    let decoded = String::from_utf8(STANDARD.decode(scheme(headers, "Basic")?).ok()?).ok()?;
    decoded
        .split_once(':')
        .map(|(_, password)| password.to_owned())
}

impl Who {
    /// Under which name acts are recorded.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether they may do what needs `may`.
    pub(crate) fn may(&self, may: May) -> bool {
        self.0.may >= may
    }

    /// Requires a role.
    pub(crate) fn must(&self, may: May) -> Result<(), Problem> {
        if self.may(may) {
            return Ok(());
        }
        let needed = match may {
            May::Viewer => "viewer",
            May::Agent => "agent",
            May::Manager => "manager",
            May::Admin => "admin",
        };
        Err(Problem::new(
            Kind::Forbidden,
            format!("this needs a token with may = \"{needed}\" or higher"),
        ))
    }

    /// Every business they reach, in the configuration's order.
    pub(crate) fn businesses<'a>(
        &'a self,
        directory: &'a Directory,
    ) -> impl Iterator<Item = &'a Arc<Business>> {
        directory
            .businesses()
            .filter(|business| self.0.reaches(&business.config.id))
    }

    /// The business of that id, or the only one they reach when none is named.
    pub(crate) fn business(
        &self,
        directory: &Directory,
        id: Option<&str>,
    ) -> Result<Arc<Business>, Problem> {
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            let mut reached = self.businesses(directory);
            return match (reached.next(), reached.next()) {
                (Some(only), None) => Ok(Arc::clone(only)),
                (None, _) => {
                    Err(Problem::not_found("this token reaches no business").at("business"))
                }
                _ => Err(Problem::new(Kind::Malformed, "name the business")
                    .at("business")
                    .allowed(
                        self.businesses(directory)
                            .map(|business| business.config.id.clone()),
                    )),
            };
        };
        directory
            .business_by_id(id)
            .filter(|_| self.0.reaches(id))
            .cloned()
            .ok_or_else(|| {
                Problem::not_found("there is no such business, or this token does not reach it")
                    .at("business")
            })
    }
}
