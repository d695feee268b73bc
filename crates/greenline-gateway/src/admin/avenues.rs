//! The audit of ways out: which are open, how each was proved, what is missing; and probes on demand.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use greenline_console::{AvenueRow, AvenueScope, AvenuesPage, When};
use greenline_policy::avenue::{Avenue, Finding, Known, audit, only_notifications};
use greenline_policy::scope::{Category, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::avenues::{self, probe};
use crate::config::May;
use crate::directory::Business;

use super::auth::{PageWho, Who};
use super::extract::Params;
use super::pages;
use super::people::OfBusiness;
use super::problem::{Kind, Problem, ProblemBody};
use super::shape::time;

/// One way out of one scope.
#[derive(Serialize, ToSchema)]
#[schema(as = Avenue)]
pub(crate) struct AvenueShape {
    /// `reply_word`, `preference_page`, `api`, `staff`, `button`, `one_click`, `native_switch` or
    /// `platform_error`.
    avenue: &'static str,
    /// A person can take it now.
    open: bool,
    /// It counts beside notifications: a person can take it without having got one.
    counts: bool,
    /// When it was last proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    proved_at: Option<String>,
    /// How: by a `probe` that walked it to its end, or by a person's own `use`.
    #[serde(skip_serializing_if = "Option::is_none")]
    proved_by: Option<&'static str>,
    /// What keeps it from being open: `number`, `webhooks`, `inbound`, `links`, `published_place`,
    /// `staff_named`, `api_unused`, `proof` or `probe_failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
}

impl From<&Finding> for AvenueShape {
    fn from(finding: &Finding) -> Self {
        Self {
            avenue: finding.avenue.as_str(),
            open: finding.open,
            counts: finding.counts,
            proved_at: finding.proved.map(|(at_ms, _)| time(at_ms)),
            proved_by: finding.proved.map(|(_, how)| how.as_str()),
            missing: finding.missing.map(|missing| missing.as_str()),
            remedy: finding.missing.map(|missing| missing.text()),
        }
    }
}

/// The ways out of one scope.
#[derive(Serialize, ToSchema)]
#[schema(as = AvenuesOfScope)]
pub(crate) struct ScopeShape {
    scope: String,
    /// No way out is open that needs no notification: every ask about this scope is refused.
    notifications_only: bool,
    avenues: Vec<AvenueShape>,
}

/// The audit of a business's ways out.
#[derive(Serialize, ToSchema)]
#[schema(as = AvenueAudit)]
pub(crate) struct AuditShape {
    business: String,
    at: String,
    /// Notifications would be the only way out of some scope.
    notifications_only: bool,
    /// Nobody has written and nothing was to be sent, as before the first day: nothing is broken.
    not_proved_yet: bool,
    scopes: Vec<ScopeShape>,
}

/// Categories, each followed by the topics that the business declares below it.
fn scopes(business: &Business) -> Vec<(Category, Scope)> {
    let topics: Vec<Scope> = business
        .config
        .topics
        .iter()
        .filter_map(|topic| Scope::parse(topic))
        .collect();
    Category::ALL
        .into_iter()
        .flat_map(|category| {
            let below = topics
                .iter()
                .filter(move |topic| topic.category() == Some(category))
                .cloned();
            std::iter::once(Scope::Category(category))
                .chain(below)
                .map(move |scope| (category, scope))
        })
        .collect()
}

fn shape(business: &Business, known: &Known, is_new: bool, now_ms: i64) -> AuditShape {
    let findings = audit(known, now_ms);
    let only = only_notifications(known, now_ms);
    let scopes = scopes(business)
        .into_iter()
        .map(|(category, scope)| ScopeShape {
            scope: scope.to_string(),
            notifications_only: only.holds(category),
            avenues: findings
                .iter()
                .filter(|finding| finding.category == category)
                .map(Into::into)
                .collect(),
        })
        .collect();
    AuditShape {
        business: business.config.id.clone(),
        at: time(now_ms),
        notifications_only: avenues::is_shut_in(known, now_ms),
        not_proved_yet: is_new,
        scopes,
    }
}

/// Which ways out are open?
///
/// For each scope: every avenue, whether it is open, when and how it was last proved, and what is missing.
/// WhatsApp's own switch, and whatever comes with a notification, do not count. Where nothing else is open,
/// every ask is refused.
#[utoipa::path(
    get, path = "/v1/avenues", operation_id = "listAvenues", tag = "consent", params(OfBusiness),
    responses(
        (status = 200, description = "The audit", body = AuditShape),
        (status = 503, description = "The store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(app): State<Shared>,
    who: Who,
    Params(of): Params<OfBusiness>,
) -> Result<Json<AuditShape>, Problem> {
    let business = who.business(&app.directory, of.business.as_deref())?;
    let known = avenues::read(&app, &business).await?;
    let is_new = avenues::is_new(&app, &business, &known).await?;
    Ok(Json(shape(&business, &known, is_new, app.clock.now_ms())))
}

/// Walk every way out to its end now, and say how they stand.
///
/// The walks take the product's own paths with a canary, a person who cannot be, over a store that is thrown
/// away: nobody is written to and no count changes. Needs `may = "manager"`.
#[utoipa::path(
    post, path = "/v1/avenues/probe", operation_id = "probeAvenues", tag = "consent", params(OfBusiness),
    responses(
        (status = 200, description = "The audit after the walks", body = AuditShape),
        (status = 403, description = "Needs may = \"manager\"", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down: what was found could not be kept", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn walk(
    State(app): State<Shared>,
    who: Who,
    Params(of): Params<OfBusiness>,
) -> Result<Json<AuditShape>, Problem> {
    who.must(May::Manager)?;
    let business = who.business(&app.directory, of.business.as_deref())?;
    if !probe::all(&app, &business).await {
        return Err(Problem::new(
            Kind::Unavailable,
            "what the probes found could not be kept",
        ));
    }
    let known = avenues::read(&app, &business).await?;
    let is_new = avenues::is_new(&app, &business, &known).await?;
    Ok(Json(shape(&business, &known, is_new, app.clock.now_ms())))
}

/// Which business.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PageParams {
    business: Option<String>,
}

/// `GET /avenues`.
pub(crate) async fn page(
    State(app): State<Shared>,
    PageWho(who): PageWho,
    Params(params): Params<PageParams>,
) -> Response {
    pages::page(&app, &who, async {
        let business = pages::business(&app, &who, params.business.as_deref())?;
        let known = avenues::read(&app, &business).await?;
        let is_new = avenues::is_new(&app, &business, &known).await?;
        pages::answer(&drawn(&app, &who, &business, &known, is_new))
    })
    .await
}

fn drawn(app: &App, who: &Who, business: &Business, known: &Known, is_new: bool) -> AvenuesPage {
    let now_ms = app.clock.now_ms();
    let findings = audit(known, now_ms);
    let only = only_notifications(known, now_ms);
    let row = |finding: &Finding| AvenueRow {
        name: word(finding.avenue),
        open: finding.open,
        counts: finding.counts,
        proved: finding
            .proved
            .map(|(at_ms, how)| (When::new(at_ms, now_ms), how.as_str())),
        missing: finding.missing.map(|missing| missing.text()),
        untried: is_new,
    };
    AvenuesPage {
        frame: pages::frame(app, who, Some(business)),
        shut: avenues::is_shut_in(known, now_ms),
        untried: is_new,
        scopes: scopes(business)
            .into_iter()
            .map(|(category, scope)| AvenueScope {
                name: scope.to_string(),
                shut: only.holds(category),
                rows: findings
                    .iter()
                    .filter(|finding| finding.category == category)
                    .map(row)
                    .collect(),
            })
            .collect(),
    }
}

/// What a page calls an avenue.
pub(crate) fn word(avenue: Avenue) -> &'static str {
    match avenue {
        Avenue::ReplyWord => "Stop word to a number",
        Avenue::PreferencePage => "Preference page",
        Avenue::Api => "Own systems, by the API",
        Avenue::Staff => "Staff",
        Avenue::Button => "Button in a notification",
        Avenue::OneClick => "One-click POST",
        Avenue::NativeSwitch => "WhatsApp’s own switch",
        Avenue::PlatformError => "The platform’s error 131050",
    }
}
