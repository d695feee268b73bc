//! Preference links: made for one person or for a list, and revoked.
//!
//! A link is a key to one person's page, so it is made by name, never listed and never stored: the same
//! request gives the same link again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use greenline_ledger::types::Effect;
use greenline_ledger::{LedgerError, LinkHolder};
use greenline_policy::identity::{Identifier, Spelling};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::config::May;
use crate::directory::Business;
use crate::preferences::token::{self, Link};

use super::auth::Who;
use super::extract::{Params, Raw, Segments, identifier, json_or_default, named, typed_json};
use super::people::OfBusiness;
use super::problem::{Kind, Problem, ProblemBody};
use super::shape::time;

/// Links in one bulk request at most.
pub const LINKS_MAX: usize = 10_000;
/// People made known in one transaction.
const KNOWN_AT_ONCE: usize = 500;

/// When a link ends.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkWish)]
pub(crate) struct LinkBody {
    /// When the link stops working, RFC 3339, rounded up to the minute. Best left out: a way out that ends is
    /// worse than none.
    #[serde(default)]
    expires_at: Option<String>,
}

/// Many links.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinksWish, example = json!({"business": "acme", "people": ["15551230001", "US.1A2b3C"]}))]
pub(crate) struct LinksBody {
    /// The business; may be left out with a token that reaches only one.
    #[serde(default)]
    business: Option<String>,
    /// Phone numbers and user ids, up to 10,000.
    people: Vec<String>,
    /// As for one link.
    #[serde(default)]
    expires_at: Option<String>,
}

/// A link.
#[derive(Serialize, ToSchema)]
#[schema(as = PreferenceLink)]
pub(crate) struct LinkShape {
    /// The whole address.
    url: String,
    /// Its last part: what a template's URL button takes as its parameter.
    suffix: String,
    /// Names the link in logs and in the evidence of what is done through it; opens nothing.
    token_id: String,
    /// When it stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// One result of a bulk request.
#[derive(Serialize, ToSchema)]
#[schema(as = PreferenceLinkRow)]
pub(crate) struct LinkRow {
    /// Its place in the request, from 0.
    row: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<LinkShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemBody>,
}

/// The answer to a bulk request.
#[derive(Serialize, ToSchema)]
#[schema(as = PreferenceLinks)]
pub(crate) struct LinksAnswer {
    /// Links made.
    made: usize,
    /// Rows that name nobody.
    failed: usize,
    /// One result per row, in order.
    results: Vec<LinkRow>,
}

/// The answer to a revocation.
#[derive(Serialize, ToSchema)]
#[schema(as = LinksRevoked)]
pub(crate) struct RevokedShape {
    /// Every link made before now is dead.
    revoked: bool,
    /// People the ledger knew to be this one, who all lost their links.
    people: u64,
}

/// Make a preference link for a person.
///
/// The link opens a page on which the person can turn messages off, and nothing else. It holds no number, is
/// the same each time it is asked for, and works until it is revoked, its key is retired, or it ends.
/// Someone the ledger has not heard of becomes known by it.
#[utoipa::path(
    post, path = "/v1/people/{id}/links", operation_id = "makePreferenceLink", tag = "consent", request_body = Option<LinkBody>,
    params(("id" = String, Path, description = "Phone number with country code (`+` may be left out) or business-scoped user id"), OfBusiness),
    responses(
        (status = 201, description = "The link", body = LinkShape),
        (status = 409, description = "`listen.public_url` is not set, or there are no keys", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Neither a phone number nor a user id, or an end that is over", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn make(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    who.must(May::Agent)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    let body: LinkBody = json_or_default(&body)?;
    let maker = Maker::new(&app, &business, body.expires_at.as_deref())?;
    let identifier = named(&id)?;
    let link = maker.make(std::slice::from_ref(&identifier)).await?.pop();
    let link = link.ok_or(LedgerError::Bug("a link that was not made"))?;
    Ok((StatusCode::CREATED, Json(link)).into_response())
}

/// Make preference links for many people.
///
/// As for one; each row has its own result. Needs `may = "manager"`.
#[utoipa::path(
    post, path = "/v1/links", operation_id = "makePreferenceLinks", tag = "consent", request_body = LinksBody,
    responses(
        (status = 200, description = "One result per row", body = LinksAnswer),
        (status = 409, description = "`listen.public_url` is not set, or there are no keys", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More than 10,000 people", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn make_many(
    State(app): State<Shared>,
    who: Who,
    Raw(body): Raw,
) -> Result<Json<LinksAnswer>, Problem> {
    who.must(May::Manager)?;
    let body: LinksBody = typed_json(&body)?;
    let business = who.business(&app.directory, body.business.as_deref())?;
    if body.people.len() > LINKS_MAX {
        let text = format!("a bulk request holds at most {LINKS_MAX} people");
        return Err(Problem::new(Kind::TooLarge, text).at("people"));
    }
    let maker = Maker::new(&app, &business, body.expires_at.as_deref())?;
    let read: Vec<_> = body.people.iter().map(|text| identifier(text)).collect();
    let people: Vec<Identifier> = read.iter().flatten().cloned().collect();
    let mut made = maker.make(&people).await?.into_iter();
    let results: Vec<LinkRow> = read
        .into_iter()
        .enumerate()
        .map(|(row, read)| {
            let made = read.and_then(|_| {
                made.next()
                    .ok_or_else(|| LedgerError::Bug("a link that was not made").into())
            });
            let (link, problem) = match made {
                Ok(link) => (Some(link), None),
                Err(problem) => (None, Some(problem.body())),
            };
            LinkRow { row, link, problem }
        })
        .collect();
    let made = results.iter().filter(|row| row.link.is_some()).count();
    Ok(Json(LinksAnswer {
        made,
        failed: results.len() - made,
        results,
    }))
}

/// Revoke every preference link of a person.
///
/// For a link that went to the wrong place. Links made afterwards work. What was done through the old ones
/// stays.
#[utoipa::path(
    delete, path = "/v1/people/{id}/links", operation_id = "revokePreferenceLinks", tag = "consent",
    params(("id" = String, Path, description = "Phone number with country code (`+` may be left out) or business-scoped user id"), OfBusiness),
    responses(
        (status = 200, description = "Revoked, and on disk", body = RevokedShape),
        (status = 404, description = "Nobody of that business is known by this identifier", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Neither a phone number nor a user id", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down; nothing was revoked", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn revoke(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
) -> Result<Json<RevokedShape>, Problem> {
    who.must(May::Agent)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    let identifier = named(&id)?;
    let now_ms = app.clock.now_ms();
    match app
        .ledger
        .revoke_links(business.ix, &identifier, now_ms)
        .await?
    {
        0 => Err(Problem::not_found(
            "nobody of this business is known by this identifier",
        )),
        people => {
            tracing::info!(business.id = %business.config.id, actor = who.name(), "preference links of a person were revoked");
            Ok(Json(RevokedShape {
                revoked: true,
                people,
            }))
        }
    }
}

/// Makes links of one business.
struct Maker<'a> {
    app: &'a App,
    business: &'a Business,
    base: &'a str,
    ring: std::sync::Arc<crate::keyring::Keyring>,
    expires_ms: Option<i64>,
    now_ms: i64,
}

impl<'a> Maker<'a> {
    fn new(
        app: &'a App,
        business: &'a Business,
        expires_at: Option<&str>,
    ) -> Result<Self, Problem> {
        let base = app.config.listen.public_url.trim_end_matches('/');
        if base.is_empty() {
            return Err(Problem::new(
                Kind::NotReady,
                "listen.public_url is not set, so there is no address that a link could have",
            ));
        }
        let now_ms = app.clock.now_ms();
        let ring = app.keys.open(now_ms).map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "no keys for preference links"
            );
            Problem::new(
                Kind::NotReady,
                "the file of keys cannot be used; the log says why, and so does `greenline doctor`",
            )
        })?;
        Ok(Self {
            app,
            business,
            base,
            ring,
            expires_ms: expires_at.map(|text| end(text, now_ms)).transpose()?,
            now_ms,
        })
    }

    async fn make(&self, people: &[Identifier]) -> Result<Vec<LinkShape>, Problem> {
        let mut holders = self.holders(people).await?;
        let unknown: Vec<&Identifier> = people
            .iter()
            .zip(&holders)
            .filter_map(|(person, holder)| holder.is_none().then_some(person))
            .collect();
        if !unknown.is_empty() {
            for some in unknown.chunks(KNOWN_AT_ONCE) {
                let known = |person: &&Identifier| Effect::Known {
                    person: [(*person).clone()].into_iter().collect(),
                    at_ms: self.now_ms,
                };
                let effects = some.iter().map(known).collect();
                self.app.ledger.learn(self.business.ix, effects).await?;
            }
            holders = self.holders(people).await?;
        }
        people
            .iter()
            .zip(holders)
            .map(|(person, holder)| self.link(person, holder))
            .collect()
    }

    async fn holders(&self, people: &[Identifier]) -> Result<Vec<Option<LinkHolder>>, LedgerError> {
        self.app.ledger.link_holders(self.business.ix, people).await
    }

    fn link(&self, person: &Identifier, holder: Option<LinkHolder>) -> Result<LinkShape, Problem> {
        let holder = holder.ok_or(LedgerError::Bug("someone made known is not known"))?;
        let link = Link {
            person: holder.person,
            may_be_landline: person.canonical().1 == Spelling::MaybeLandline,
            generation: holder.generation,
            expires_ms: self.expires_ms,
        };
        let suffix = token::make(&self.ring, &self.business.config.id, &link)
            .ok_or_else(|| Problem::new(Kind::NotReady, "there is no key for links"))?;
        Ok(LinkShape {
            url: format!("{}/p/{suffix}", self.base),
            token_id: token::id(&suffix),
            suffix,
            expires_at: self.expires_ms.map(time),
        })
    }
}

fn end(text: &str, now_ms: i64) -> Result<i64, Problem> {
    let at: Timestamp = text.trim().parse().map_err(|_| {
        Problem::invalid(
            "expires_at",
            "not a time after RFC 3339 with its offset, such as 2027-11-20T09:30:00Z",
        )
    })?;
    if at.as_millisecond() <= now_ms {
        return Err(Problem::invalid("expires_at", "that time is over"));
    }
    token::expiry(at.as_millisecond()).ok_or_else(|| {
        Problem::invalid(
            "expires_at",
            "too far ahead; leave it out for a link without an end",
        )
    })
}
