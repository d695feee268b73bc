//! Errors of the admin API, all of one form: RFC 9457 problems that name the member at fault.
//!
//! A problem tells the caller what to change. What went wrong inside goes to the log, not to the caller.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use greenline_ledger::LedgerError;
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// After how long a client may try again when the store is down.
const RETRY_AFTER_S: &str = "2";

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident { $id:literal, $status:ident, $title:literal, $text:literal })*) => {
        /// Every kind of problem.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// Every kind, for the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The anchor in the documentation; the last part of `type`.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// A short title, the same for every problem of the kind.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What it means and what to do.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

kinds! {
    /// No or an unknown token.
    Unauthorized { "unauthorized", UNAUTHORIZED, "A token is needed",
        "Send an admin token of the configuration as `Authorization: Bearer …`. Reading and pages also take HTTP Basic with the token as password." }
    /// The token may not do this.
    Forbidden { "forbidden", FORBIDDEN, "This token may not do that",
        "The token's `may` is too low: a viewer reads, an agent records what people said, a manager imports and exports, an admin does everything." }
    /// Nothing there, or not this token's to see.
    NotFound { "not-found", NOT_FOUND, "Not found",
        "There is no such thing, or it belongs to a business that this token does not reach." }
    /// Another method is needed.
    Method { "method-not-allowed", METHOD_NOT_ALLOWED, "Another method is needed",
        "The path exists, the method does not; the `Allow` header names those that do." }
    /// Not JSON, not CSV, not text.
    Malformed { "malformed", BAD_REQUEST, "The request cannot be read",
        "The body or the query is not in the form the endpoint takes. `field` names the place, where it is known." }
    /// Readable, but a value does not do.
    Invalid { "invalid", UNPROCESSABLE_ENTITY, "A value is not accepted",
        "`field` names the member, `allowed` the values it takes. Only what could open something is checked so strictly: a no is taken in whatever form it comes, as long as person and scope can be read." }
    /// The settings lack something.
    NotReady { "not-ready", CONFLICT, "Not set up for that",
        "The configuration lacks something that this needs; `detail` names it." }
    /// Possible, but not as things stand.
    Conflict { "conflict", CONFLICT, "Not as things stand",
        "The request is understood, but what is on record, or the moment, does not allow it; `detail` says what is in the way." }
    /// Known, but not through this door.
    NotSupported { "not-supported", UNPROCESSABLE_ENTITY, "Not possible here",
        "The event exists but cannot be recorded through this API: a native resume is the platform's word alone, and erasure is not part of this release." }
    /// Past a limit.
    TooLarge { "too-large", PAYLOAD_TOO_LARGE, "Too large",
        "The body or a list in it is longer than the limit that `detail` names. Split it." }
    /// The body did not come in time.
    TooSlow { "too-slow", REQUEST_TIMEOUT, "Too slow",
        "The body did not come within `limits.client_timeout_ms`. Nothing was done." }
    /// The platform's answer to a dry run is an error.
    Unreadable { "unreadable-message", UNPROCESSABLE_ENTITY, "The message cannot be read",
        "The gateway would answer this message with a Graph error before deciding; `detail` repeats it." }
    /// The store does not answer.
    Unavailable { "unavailable", SERVICE_UNAVAILABLE, "The store is not available",
        "Nothing was recorded that was not acknowledged. Try again after `Retry-After` seconds; repeating with the same `Idempotency-Key` records nothing twice." }
    /// A defect of ours.
    Bug { "internal", INTERNAL_SERVER_ERROR, "Something is wrong on our side",
        "The log says what. Please report it." }
}

/// A problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    kind: Kind,
    /// Words of ours as they stand, or made up for this time, maybe with what was sent in them.
    detail: Cow<'static, str>,
    field: Option<String>,
    allowed: Vec<String>,
}

/// What is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Where the kind of problem is explained, relative to this server.
    r#type: String,
    /// Short and the same for every problem of the kind.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time.
    detail: String,
    /// The member at fault, with its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The values it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed: Vec<String>,
}

impl Problem {
    /// A problem of a kind.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            field: None,
            allowed: Vec::new(),
        }
    }

    /// A value that is not accepted.
    #[must_use]
    pub fn invalid(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Invalid, detail).at(field)
    }

    /// Something that does not exist for this caller.
    #[must_use]
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NotFound, detail)
    }

    /// Names the member at fault.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Names the values that are accepted.
    #[must_use]
    pub fn allowed<T: Into<String>>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        self.allowed = values.into_iter().map(Into::into).collect();
        self
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What is wrong, with the member at fault.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// All of it in one line.
    #[must_use]
    pub fn in_words(&self) -> String {
        self.with_words(&self.detail)
    }

    /// As [`Self::in_words`], to be kept: nothing in it was sent, only the field's name and words of ours.
    #[must_use]
    pub fn in_own_words(&self) -> String {
        self.with_words(match &self.detail {
            Cow::Borrowed(words) => words,
            Cow::Owned(_) => "not accepted",
        })
    }

    fn with_words(&self, words: &str) -> String {
        let mut text = match &self.field {
            Some(field) => format!("{field}: {words}"),
            None => words.to_owned(),
        };
        if !self.allowed.is_empty() {
            text.push_str("; allowed: ");
            text.push_str(&self.allowed.join(", "));
        }
        text
    }

    pub(crate) fn body(self) -> ProblemBody {
        ProblemBody {
            r#type: format!("/docs#{}", self.kind.id()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: self.detail.into_owned(),
            field: self.field,
            allowed: self.allowed,
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Unavailable(_) => {
                tracing::warn!(%error, "the admin API could not reach the store");
                Self::new(
                    Kind::Unavailable,
                    "the store does not answer; nothing was recorded that was not acknowledged",
                )
            }
            LedgerError::NotFound(_) => Self::not_found("there is no such record"),
            _ => {
                tracing::error!(%error, "the store answered with something it should not");
                Self::new(Kind::Bug, "the store's answer could not be used")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let kind = self.kind;
        let mut response = (kind.status(), Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        match kind {
            Kind::Unauthorized => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"Greenline\""),
                );
            }
            Kind::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
            }
            _ => {}
        }
        response
    }
}
