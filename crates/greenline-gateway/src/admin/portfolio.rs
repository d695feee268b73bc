//! How a business's portfolio stands towards its messaging limit.

use axum::Json;
use axum::extract::State;
use greenline_ledger::types::DecisionRecord;
use greenline_policy::decide::Intent;
use greenline_policy::reach::{MessagingLimit, bound};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::Shared;

use super::auth::Who;
use super::extract::Params;
use super::people::OfBusiness;
use super::problem::Problem;
use super::shape::time;

/// The limit in answers: a number, `unlimited`, or `unknown`.
fn limit(limit: Option<MessagingLimit>) -> Value {
    match limit {
        Some(MessagingLimit::People(people)) => json!(people),
        Some(MessagingLimit::Unlimited) => json!("unlimited"),
        None => json!("unknown"),
    }
}

/// A portfolio and its messaging limit.
#[derive(Serialize, ToSchema)]
#[schema(as = Portfolio)]
pub(crate) struct PortfolioShape {
    business: String,
    /// The platform's id of the portfolio; businesses with the same one share one count.
    #[serde(skip_serializing_if = "Option::is_none")]
    portfolio_id: Option<String>,
    /// Different people within any 24 hours, as the platform said last: a number, `unlimited`, or `unknown` while it has
    /// said nothing; then only the business's own limit counts.
    #[schema(value_type = Object)]
    limit: Value,
    /// When the platform said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_at: Option<String>,
    /// How old that is, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_age_s: Option<i64>,
    /// Where it was read: a webhook field, or `graph`.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_origin: Option<String>,
    /// The limit that the business sets itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_limit: Option<u32>,
    /// People who count as reached now. What was sent past Greenline is not seen.
    reached: u64,
    /// How many more may be reached now, by the lower of both limits; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u64>,
    /// When the first of those who count no longer does.
    #[serde(skip_serializing_if = "Option::is_none")]
    frees_at: Option<String>,
}

/// A portfolio: its limit, how many people it has reached, and how many more it may.
#[utoipa::path(
    get, path = "/v1/portfolio", operation_id = "showPortfolio", tag = "numbers", params(OfBusiness),
    responses((status = 200, description = "How the portfolio of the business stands", body = PortfolioShape))
)]
pub(crate) async fn show(
    State(app): State<Shared>,
    who: Who,
    Params(of): Params<OfBusiness>,
) -> Result<Json<PortfolioShape>, Problem> {
    let business = who.business(&app.directory, of.business.as_deref())?;
    let now_ms = app.clock.now_ms();
    let view = app.ledger.portfolio(business.ix, now_ms).await?;
    let own_limit = business.config.portfolio_limit;
    let id = &business.config.portfolio_id;
    Ok(Json(PortfolioShape {
        business: business.config.id.clone(),
        portfolio_id: (!id.is_empty()).then(|| id.clone()),
        limit: limit(view.limit),
        limit_at: view.at_ms.map(time),
        limit_age_s: view.at_ms.map(|at_ms| (now_ms - at_ms).max(0) / 1_000),
        limit_origin: view.origin.map(Into::into),
        own_limit,
        reached: view.reached,
        left: bound(view.limit, own_limit)
            .map(|bound| u64::from(bound).saturating_sub(view.reached)),
        frees_at: view.frees_at_ms.map(time),
    }))
}

/// How the portfolio stood for one answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Reach)]
pub(crate) struct ReachShape {
    /// As the platform said last: a number, `unlimited`, or `unknown`, and then only the business's own limit counts.
    #[schema(value_type = Object)]
    limit: Value,
    /// The limit that the business sets itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_limit: Option<u32>,
    /// People who counted as reached.
    reached: u32,
    /// How many more might be reached; absent where there was no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u32>,
    /// When there is a place for this message, where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    frees_at: Option<String>,
}

impl ReachShape {
    /// Of a template; nothing else counts.
    pub(super) fn of(record: &DecisionRecord) -> Option<Self> {
        let (facts, own_limit) = (record.portfolio, record.rules.portfolio_limit);
        (record.intent == Intent::Template).then(|| Self {
            limit: limit(facts.limit),
            own_limit,
            reached: facts.reached,
            left: bound(facts.limit, own_limit).map(|bound| bound.saturating_sub(facts.reached)),
            frees_at: facts.frees_at_ms.map(time),
        })
    }
}
