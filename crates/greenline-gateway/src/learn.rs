//! Reading the platform of our own accord: template lists, and the fields of numbers.
//!
//! What passes through the gateway teaches the same things; both end in the ledger as effects.

use std::time::Duration;

use bytes::Bytes;
use greenline_ledger::types::{BusinessIx, Effect, HealthNews, TimelineEntry};
use greenline_policy::reach::MessagingLimit;
use greenline_policy::scope::Category;
use greenline_wire::answer::{self, AccountFields, NumberFields, Templates};
use greenline_wire::ascii;
use greenline_wire::webhook::Limit;
use http::{HeaderMap, HeaderValue, Request, header};
use tokio::sync::watch;

use crate::app::{App, Shared};
use crate::health;
use crate::upstream::Outgoing;

/// The Graph version of our own calls.
pub const API_VERSION: &str = "v23.0";
/// Fields read of a number (QL-07).
const NUMBER_FIELDS: &str = "id,display_phone_number,verified_name,status,quality_rating,throughput,name_status,whatsapp_business_manager_messaging_limit";
/// Read with them where the token may (QL-40).
const HEALTH_FIELD: &str = ",health_status";
/// Fields read of a template.
const TEMPLATE_FIELDS: &str = "id,name,language,status,category,components,quality_score";
/// Where a limit was read that no webhook told.
const FROM_GRAPH: &str = "graph";
/// How often numbers are read at once that somebody wants read.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How much is kept of a word that is not known.
const WORD_CHARS_MAX: usize = 64;
/// Entries among which such a word is looked for before it is noted again.
const TIMELINE_LOOKED_AT: usize = 64;
/// Templates asked for in one page.
const TEMPLATE_PAGE: usize = 200;
/// Pages read of one account's list; 6,000 templates are the most an account may have (QL-31).
const TEMPLATE_PAGES_MAX: usize = 50;

/// Headers of a call that Greenline makes itself.
pub(crate) fn own_headers(app: &App, business: BusinessIx) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(token) = &app.directory.business(business).authorization {
        headers.insert(header::AUTHORIZATION, token.clone());
    }
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("greenline/", env!("CARGO_PKG_VERSION"))),
    );
    headers
}

async fn get(app: &App, business: BusinessIx, target: &str) -> Result<Bytes, String> {
    let mut request = Request::new(Outgoing::empty());
    *request.uri_mut() = target.parse().map_err(|error| format!("{error}"))?;
    *request.headers_mut() = own_headers(app, business);
    let response = app
        .upstream
        .call(request, None)
        .await
        .map_err(|error| error.to_string())?;
    let status = response.status();
    let body = response
        .into_body()
        .read(app.config.limits.answer_bytes_max)
        .await
        .map_err(|error| error.to_string())?;
    if status.is_success() {
        return Ok(body);
    }
    let code = answer_code(&body);
    Err(format!("the platform answered {status}{code}"))
}

fn answer_code(body: &[u8]) -> String {
    greenline_wire::error::read(body)
        .map_or_else(String::new, |error| format!(", code {}", error.code))
}

/// Looks one template up, all its languages.
///
/// # Errors
/// Why the platform or the ledger did not answer.
pub async fn template(
    app: &App,
    business: BusinessIx,
    waba_id: &str,
    name: &str,
) -> Result<(), String> {
    let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let target = format!(
        "/{API_VERSION}/{waba_id}/message_templates?name={name}&fields={TEMPLATE_FIELDS}&limit={TEMPLATE_PAGE}"
    );
    let body = get(app, business, &target).await?;
    let templates = answer::read_templates(&body).ok_or("the answer is not a template list")?;
    keep_templates(app, business, waba_id, &templates).await
}

/// Reads an account's whole list.
async fn templates(app: &App, business: BusinessIx, waba_id: &str) -> Result<(), String> {
    let base = format!(
        "/{API_VERSION}/{waba_id}/message_templates?fields={TEMPLATE_FIELDS}&limit={TEMPLATE_PAGE}"
    );
    let mut target = base.clone();
    for _ in 0..TEMPLATE_PAGES_MAX {
        let body = get(app, business, &target).await?;
        let page = answer::read_templates(&body).ok_or("the answer is not a template list")?;
        keep_templates(app, business, waba_id, &page).await?;
        let Some(after) = page.after else {
            return Ok(());
        };
        let after: String = form_urlencoded::byte_serialize(after.as_bytes()).collect();
        target = format!("{base}&after={after}");
    }
    Ok(())
}

/// Writes a page of templates to the ledger and remembers that they are known.
///
/// # Errors
/// The ledger's.
pub async fn keep_templates(
    app: &App,
    business: BusinessIx,
    waba_id: &str,
    templates: &Templates<'_>,
) -> Result<(), String> {
    let at_ms = app.clock.now_ms();
    let named = |template: &answer::Template<'_>| {
        let language = template.language.as_deref()?;
        Some(Effect::Template {
            waba_id: waba_id.into(),
            name: (&*template.name).into(),
            language: language.into(),
            template_id: template.id.as_deref().map(Into::into),
            category: template.category.as_deref().map(category),
            status: template.status.as_deref().map(Into::into),
            is_ask: template.body.as_deref().map(greenline_policy::stop::is_ask),
            quality: template.quality.as_deref().map(Into::into),
            at_ms,
        })
    };
    // A row without a category says nothing that a decision could rest on.
    let rows = templates
        .rows
        .iter()
        .filter(|template| template.category.is_some());
    let effects: Vec<Effect> = rows.filter_map(named).collect();
    if effects.is_empty() {
        return Ok(());
    }
    app.ledger
        .learn(business, effects)
        .await
        .map_err(|error| error.to_string())?;
    for template in templates
        .rows
        .iter()
        .filter(|template| template.category.is_some())
    {
        if let Some(language) = &template.language {
            app.templates.add(waba_id, &template.name, language);
        }
    }
    Ok(())
}

/// The platform's category; one that is not known is judged as the strictest (SND-01).
#[must_use]
pub fn category(text: &str) -> Category {
    match text {
        "UTILITY" => Category::Utility,
        "AUTHENTICATION" => Category::Authentication,
        _ => Category::Marketing,
    }
}

async fn number(app: &App, business: BusinessIx, number: &str) -> Result<(), String> {
    // What happens while the platform answers is newer than the answer.
    let asked_ms = app.clock.now_ms();
    let target = format!("/{API_VERSION}/{number}?fields={NUMBER_FIELDS}");
    let body = match get(app, business, &format!("{target}{HEALTH_FIELD}")).await {
        Ok(body) => body,
        // A field that a token may not read fails the whole call.
        Err(_) => get(app, business, &target).await?,
    };
    let fields = answer::read_number(&body).ok_or("the answer is not a number's fields")?;
    keep_number(app, business, number, &fields, asked_ms).await
}

/// Writes what was read of a number to the ledger, as of the moment it was asked for.
///
/// # Errors
/// The ledger's.
pub async fn keep_number(
    app: &App,
    business: BusinessIx,
    number: &str,
    fields: &NumberFields<'_>,
    at_ms: i64,
) -> Result<(), String> {
    keep_limit(app, business, fields.messaging_limit.as_deref()).await?;
    let mut effects = Vec::new();
    if fields.status.is_some() || fields.quality_rating.is_some() {
        effects.push(Effect::Number {
            number: number.into(),
            status: fields.status.as_deref().map(Into::into),
            rating: fields.quality_rating.as_deref().map(Into::into),
            at_ms,
        });
    }
    effects.extend(
        fields
            .health
            .as_ref()
            .and_then(health::read)
            .map(|read| Effect::Health {
                number: number.into(),
                news: HealthNews::Read(read),
                at_ms,
            }),
    );
    learn(app, business, effects).await
}

/// Writes what was read of an account to the ledger: its portfolio's limit, and its health for each of its numbers.
///
/// # Errors
/// The ledger's.
pub async fn keep_account(
    app: &App,
    business: BusinessIx,
    waba_id: &str,
    fields: &AccountFields<'_>,
) -> Result<(), String> {
    keep_limit(app, business, fields.messaging_limit.as_deref()).await?;
    let Some(read) = fields.health.as_ref().and_then(health::read) else {
        return Ok(());
    };
    let at_ms = app.clock.now_ms();
    let numbers = app.directory.numbers();
    let of_account =
        numbers.filter(|number| number.business == business && *number.waba_id == *waba_id);
    let effects = of_account.map(|number| Effect::Health {
        number: (&*number.id).into(),
        news: HealthNews::Read(read.clone()),
        at_ms,
    });
    learn(app, business, effects.collect()).await
}

async fn learn(app: &App, business: BusinessIx, effects: Vec<Effect>) -> Result<(), String> {
    if effects.is_empty() {
        return Ok(());
    }
    app.ledger
        .learn(business, effects)
        .await
        .map_err(|error| error.to_string())
}

/// A messaging limit in the platform's words; `None` for words that are not known.
#[must_use]
pub fn messaging_limit(limit: &Limit<'_>) -> Option<MessagingLimit> {
    match limit {
        Limit::People(people) => {
            let people = u32::try_from(*people).unwrap_or(u32::MAX);
            (people > 0).then_some(MessagingLimit::People(people))
        }
        Limit::Unlimited => Some(MessagingLimit::Unlimited),
        Limit::NotSet | Limit::Other(_) => None,
    }
}

/// Writes what was read of the portfolio's limit to the ledger. What is not understood changes nothing and goes on the
/// timeline, once.
///
/// # Errors
/// The ledger's.
pub async fn keep_limit(app: &App, business: BusinessIx, read: Option<&str>) -> Result<(), String> {
    let Some(read) = read else {
        return Ok(());
    };
    let at_ms = app.clock.now_ms();
    let effect = match messaging_limit(&Limit::of(read.into())) {
        Some(limit) => Effect::Limit {
            limit,
            origin: FROM_GRAPH.into(),
            at_ms,
        },
        None => {
            let id = app.directory.business(business).config.id.clone();
            let word: String = read.chars().take(WORD_CHARS_MAX).collect();
            let body = format!("{{\"limit\":{}}}", ascii::string(&word));
            let newest =
                app.ledger
                    .timeline(business, Some(("business", &id)), None, TIMELINE_LOOKED_AT);
            let newest = newest.await.map_err(|error| error.to_string())?;
            let is_known =
                |entry: &TimelineEntry| *entry.origin == *FROM_GRAPH && *entry.body == *body;
            if newest.iter().any(is_known) {
                return Ok(());
            }
            Effect::Timeline {
                subject: "business",
                subject_id: id.into(),
                origin: FROM_GRAPH.into(),
                event: "limits".into(),
                at_ms,
                body: body.into(),
            }
        }
    };
    app.ledger
        .learn(business, vec![effect])
        .await
        .map_err(|error| error.to_string())
}

/// Tells the memory of templates what the ledger holds from before.
///
/// # Errors
/// The ledger's.
pub async fn remember_templates(app: &App) -> Result<(), String> {
    for business in app.directory.businesses() {
        let known = app
            .ledger
            .templates(business.ix, None)
            .await
            .map_err(|error| error.to_string())?;
        for template in known {
            app.templates
                .add(&template.waba_id, &template.name, &template.language);
        }
    }
    Ok(())
}

/// Reads numbers and lists at the start and then at the configured interval, until told to stop.
pub async fn run(app: Shared, mut stop: watch::Receiver<bool>) {
    let pause = Duration::from_secs(app.config.upstream.poll_interval_s.max(1));
    loop {
        let work = read_everything(&app);
        tokio::select! {
            () = work => {}
            _ = stop.changed() => return,
        }
        let next = tokio::time::Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(next) => break,
                () = app.looks.wanted() => {}
                _ = stop.changed() => return,
            }
            tokio::select! {
                () = look(&app) => {}
                _ = stop.changed() => return,
            }
        }
    }
}

/// Reads the numbers that somebody wants read at once.
async fn look(app: &App) {
    for id in app.looks.take() {
        let Some(known) = app.directory.number(&id) else {
            continue;
        };
        if let Err(why) = number(app, known.business, &known.id).await {
            tracing::warn!(number.id = %known.id, %why, "a number could not be read");
        }
    }
    // Whatever is wanted meanwhile is read once.
    tokio::time::sleep(LOOK_EVERY).await;
}

async fn read_everything(app: &App) {
    for known in app.directory.numbers() {
        if app
            .directory
            .business(known.business)
            .authorization
            .is_none()
        {
            continue;
        }
        if let Err(why) = number(app, known.business, &known.id).await {
            tracing::warn!(number.id = %known.id, %why, "a number could not be read");
        }
    }
    for (waba_id, business) in app.directory.accounts() {
        if app.directory.business(business).authorization.is_none() {
            continue;
        }
        if let Err(why) = templates(app, business, waba_id).await {
            tracing::warn!(account.id = waba_id, %why, "a template list could not be read");
        }
    }
}
