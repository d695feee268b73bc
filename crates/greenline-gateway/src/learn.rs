//! What reads of the platform teach: template lists, the fields of numbers and accounts, who gets an account's webhooks.
//!
//! Greenline's own reads, which [`crate::polling`] plans, and what passes through the gateway teach the same things: both
//! end in the ledger as effects, and what changed on the timeline.

use bytes::Bytes;
use greenline_ledger::LedgerError;
use greenline_ledger::types::{BusinessIx, Effect, HealthNews, TemplateView, TimelineEntry};
use greenline_policy::health::state::{AccountStatus, Review, Sending};
use greenline_policy::number::RestrictionKind;
use greenline_policy::polling;
use greenline_policy::reach::MessagingLimit;
use greenline_policy::scope::Category;
use greenline_wire::answer::{self, AccountFields, NumberFields, Templates};
use greenline_wire::ascii;
use greenline_wire::webhook::Limit;
use http::{HeaderMap, HeaderValue, Request, header};
use rustc_hash::FxHashMap;

use crate::app::App;
use crate::health;
use crate::timeline::{self, note};
use crate::token;
use crate::upstream::Outgoing;
use crate::webhooks::effects::{REVIEWS, hold_one_of};

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
/// Fields read of an account (QL-11, ENF-32).
const ACCOUNT_FIELDS: &str =
    "id,status,account_review_status,whatsapp_business_manager_messaging_limit";
/// What the platform's moments are whole of.
const WHOLE_SECOND_MS: i64 = 1_000;
/// How much is kept of a word that is not known.
const WORD_CHARS_MAX: usize = 64;
/// Entries among which such a word is looked for before it is noted again.
const TIMELINE_LOOKED_AT: usize = 64;
/// Templates asked for in one page.
const TEMPLATE_PAGE: usize = 200;
/// The code of a token that the platform does not take.
const TOKEN: u32 = 190;
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

/// Why a read taught nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Unread {
    /// In words.
    pub(crate) why: String,
    /// The platform's code.
    pub(crate) code: Option<u32>,
    /// For how long the platform wants to be left alone.
    pub(crate) wait_ms: Option<i64>,
    /// The platform answered, with an error.
    pub(crate) is_answer: bool,
}

impl From<String> for Unread {
    fn from(why: String) -> Self {
        Self {
            why,
            ..Self::default()
        }
    }
}

impl From<&str> for Unread {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

/// Calls that a read made, counted as they are made.
#[derive(Debug, Default)]
pub(crate) struct Calls(pub(crate) usize);

pub(crate) async fn get(
    app: &App,
    business: BusinessIx,
    target: &str,
    calls: &mut Calls,
) -> Result<Bytes, Unread> {
    let mut request = Request::new(Outgoing::empty());
    *request.uri_mut() = target.parse().map_err(|error| format!("{error}"))?;
    *request.headers_mut() = own_headers(app, business);
    calls.0 += 1;
    let response = app
        .upstream
        .call(request, None)
        .await
        .map_err(|error| error.to_string())?;
    let status = response.status();
    let wait = response.headers().get(header::RETRY_AFTER);
    let wait_s = wait.and_then(|wait| wait.to_str().ok()?.trim().parse::<i64>().ok());
    let body = response
        .into_body()
        .read(app.config.limits.answer_bytes_max)
        .await
        .map_err(|error| error.to_string())?;
    if status.is_success() {
        return Ok(body);
    }
    let error = greenline_wire::error::read(&body);
    let code = error.and_then(|error| u32::try_from(error.code).ok());
    let named = code.map_or_else(String::new, |code| format!(", code {code}"));
    Err(Unread {
        why: format!("the platform answered {status}{named}"),
        code,
        wait_ms: wait_s.map(|wait_s| wait_s.max(0).saturating_mul(1_000)),
        is_answer: true,
    })
}

impl Unread {
    /// Whether asking for less may help: a field that a token may not read fails the whole call.
    fn may_be_a_field(&self) -> bool {
        let is_token = self
            .code
            .is_some_and(|code| code == TOKEN || polling::too_often(code).is_some());
        self.is_answer && !is_token
    }
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
    let asked_ms = app.clock.now_ms();
    let body = get(app, business, &target, &mut Calls::default()).await;
    let body = body.map_err(|unread| unread.why)?;
    let templates = answer::read_templates(&body).ok_or("the answer is not a template list")?;
    let known = app.ledger.templates(business, Some(waba_id)).await;
    let known = known.map_err(|error| error.to_string())?;
    let at_ms = listed_at_ms(asked_ms);
    keep_page(app, business, waba_id, (&templates, at_ms), &known).await
}

/// As of when a list of templates holds that was asked for at a moment. What happens while the platform answers is newer
/// than the answer; and the platform tells of templates by whole seconds, so that what is told of a second that had not
/// ended when it was asked is newer too (WH-08).
fn listed_at_ms(asked_ms: i64) -> i64 {
    asked_ms.saturating_sub(WHOLE_SECOND_MS - 1)
}

/// Reads an account's whole list.
pub(crate) async fn templates(
    app: &App,
    business: BusinessIx,
    waba_id: &str,
    calls: &mut Calls,
) -> Result<(), Unread> {
    let base = format!(
        "/{API_VERSION}/{waba_id}/message_templates?fields={TEMPLATE_FIELDS}&limit={TEMPLATE_PAGE}"
    );
    let mut target = base.clone();
    let known = app.ledger.templates(business, Some(waba_id)).await;
    let known = known.map_err(|error| error.to_string())?;
    for _ in 0..TEMPLATE_PAGES_MAX {
        let at_ms = listed_at_ms(app.clock.now_ms());
        let body = get(app, business, &target, calls).await?;
        let page = answer::read_templates(&body).ok_or("the answer is not a template list")?;
        keep_page(app, business, waba_id, (&page, at_ms), &known).await?;
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
    let known = app.ledger.templates(business, Some(waba_id)).await;
    let known = known.map_err(|error| error.to_string())?;
    let at_ms = listed_at_ms(app.clock.now_ms());
    keep_page(app, business, waba_id, (templates, at_ms), &known).await
}

/// The same, given as of when it holds, and what the ledger had of the account's templates before.
async fn keep_page(
    app: &App,
    business: BusinessIx,
    waba_id: &str,
    (templates, at_ms): (&Templates<'_>, i64),
    known: &[TemplateView],
) -> Result<(), String> {
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
    let words = |error: LedgerError| error.to_string();
    let known: FxHashMap<(&str, &str), &TemplateView> = known
        .iter()
        .map(|view| ((&*view.name, &*view.language), view))
        .collect();
    for read in &templates.rows {
        let language = read.language.as_deref().unwrap_or_default();
        if let Some(view) = known.get(&(&*read.name, language)) {
            note::template_seen(app, business, view, read, at_ms)
                .await
                .map_err(words)?;
        }
    }
    app.ledger.learn(business, effects).await.map_err(words)?;
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

/// Reads fields, or fewer of them where the platform may have refused one.
async fn get_or_less(
    app: &App,
    business: BusinessIx,
    (whole, less): (&str, &str),
    calls: &mut Calls,
) -> Result<Bytes, Unread> {
    match get(app, business, whole, calls).await {
        Err(unread) if unread.may_be_a_field() => get(app, business, less, calls).await,
        body => body,
    }
}

/// Reads a number.
pub(crate) async fn number(
    app: &App,
    business: BusinessIx,
    number: &str,
    calls: &mut Calls,
) -> Result<(), Unread> {
    // What happens while the platform answers is newer than the answer.
    let asked_ms = app.clock.now_ms();
    let target = format!("/{API_VERSION}/{number}?fields={NUMBER_FIELDS}");
    let whole = format!("{target}{HEALTH_FIELD}");
    let body = get_or_less(app, business, (&whole, &target), calls).await?;
    let fields = answer::read_number(&body).ok_or("the answer is not a number's fields")?;
    Ok(keep_number(app, business, number, &fields, asked_ms).await?)
}

/// Reads an account.
pub(crate) async fn account(
    app: &App,
    business: BusinessIx,
    waba_id: &str,
    calls: &mut Calls,
) -> Result<(), Unread> {
    let asked_ms = app.clock.now_ms();
    let target = format!("/{API_VERSION}/{waba_id}?fields=");
    let whole = format!("{target}{ACCOUNT_FIELDS}{HEALTH_FIELD}");
    let less = format!("{target}id,account_review_status");
    let body = get_or_less(app, business, (&whole, &less), calls).await?;
    let fields = answer::read_account(&body).ok_or("the answer is not an account's fields")?;
    Ok(keep_account(app, business, waba_id, &fields, asked_ms).await?)
}

/// Reads which apps get an account's webhooks, and whether the one that the business's token is of is among them
/// (TOK-05). Where nobody knows which that is, any will do.
pub(crate) async fn subscription(
    app: &App,
    business: BusinessIx,
    waba_id: &str,
    calls: &mut Calls,
) -> Result<(), Unread> {
    let asked_ms = app.clock.now_ms();
    let target = format!("/{API_VERSION}/{waba_id}/subscribed_apps");
    let body = get(app, business, &target, calls).await?;
    let apps = answer::read_subscribed(&body).ok_or("the answer is not a list of apps")?;
    let word = token::subscribed(app, business, waba_id, &apps).await;
    let word = word.map_err(|error| error.to_string())?;
    let values = [("subscribed", word.to_owned())];
    let noted = note::seen(app, business, ("account", waba_id), &values, asked_ms).await;
    Ok(noted.map_err(|error| error.to_string())?)
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
    let text = |value: &Option<std::borrow::Cow<'_, str>>| value.as_deref().map(timeline::word);
    let values = [
        ("status", text(&fields.status)),
        ("rating", text(&fields.quality_rating)),
        ("throughput", text(&fields.throughput)),
        ("name_status", text(&fields.name_status)),
        ("verified_name", text(&fields.verified_name)),
        ("health", fields.health.as_ref().and_then(note::health_line)),
    ];
    keep_seen(app, business, ("number", number), values, at_ms).await?;
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

/// Puts what was read on the timeline as far as it is not as it was last told.
async fn keep_seen<const FIELDS: usize>(
    app: &App,
    business: BusinessIx,
    subject: (&'static str, &str),
    values: [(&'static str, Option<String>); FIELDS],
    at_ms: i64,
) -> Result<(), String> {
    let read = values.into_iter();
    let read: Vec<(&str, String)> = read
        .filter_map(|(what, value)| Some((what, value?)))
        .collect();
    let noted = note::seen(app, business, subject, &read, at_ms).await;
    noted.map_err(|error| error.to_string())
}

/// Writes what was read of an account, or of the portfolio itself, to the ledger: the portfolio's limit, the account's
/// status and review, and for each of its numbers what is in the way of its health.
///
/// # Errors
/// The ledger's.
pub async fn keep_account(
    app: &App,
    business: BusinessIx,
    id: &str,
    fields: &AccountFields<'_>,
    at_ms: i64,
) -> Result<(), String> {
    keep_limit(app, business, fields.messaging_limit.as_deref()).await?;
    let is_portfolio = app.directory.business(business).config.portfolio_id == id;
    let mut effects = Vec::new();
    if !is_portfolio {
        let text = |value: &Option<std::borrow::Cow<'_, str>>| value.as_deref().map(timeline::word);
        let values = [
            ("account_status", text(&fields.status)),
            ("review", text(&fields.review_status)),
            ("health", fields.health.as_ref().and_then(note::health_line)),
        ];
        keep_seen(app, business, ("account", id), values, at_ms).await?;
        effects.extend(account_held(app, business, id, fields, at_ms).await?);
    }
    let read = fields.health.as_ref().and_then(health::read);
    // What an account or the portfolio may do says nothing of a number that may not: it only closes. A number's own read
    // speaks of both.
    let read = read.filter(|read| read.overall != Sending::Available);
    if let Some(read) = read {
        let numbers = app.directory.numbers();
        let concerned = numbers.filter(|number| {
            number.business == business && (is_portfolio || *number.waba_id == *id)
        });
        effects.extend(concerned.map(|number| Effect::Health {
            number: (&*number.id).into(),
            news: HealthNews::Read(read.clone()),
            at_ms,
        }));
    }
    learn(app, business, effects).await
}

/// What sends are told of an account's status and review, where that is not what the ledger has.
async fn account_held(
    app: &App,
    business: BusinessIx,
    waba_id: &str,
    fields: &AccountFields<'_>,
    at_ms: i64,
) -> Result<Option<Effect>, String> {
    let known = app.ledger.number_known(business, "", waba_id).await;
    let known = known.map_err(|error| error.to_string())?.restrictions;
    let mut restrictions = Vec::new();
    if let Some(status) = fields.status.as_deref() {
        let held = match AccountStatus::parse(status) {
            AccountStatus::Disabled => Some(RestrictionKind::AccountDisabled),
            AccountStatus::Restricted => Some(RestrictionKind::AccountRestricted),
            AccountStatus::Pending => Some(RestrictionKind::AccountPending),
            AccountStatus::Active => None,
        };
        restrictions.extend(hold_one_of(&STATUSES, held.map(|held| (held, None)), at_ms));
    }
    if let Some(review) = fields.review_status.as_deref() {
        let held = match Review::parse(review) {
            Review::Rejected => Some(RestrictionKind::ReviewRejected),
            Review::Restricted => Some(RestrictionKind::ReviewRestricted),
            Review::Fine => None,
        };
        restrictions.extend(hold_one_of(&REVIEWS, held.map(|held| (held, None)), at_ms));
    }
    restrictions.retain(|(_, named, until_ms)| {
        let row = known.iter().find(|(known, ..)| known == named);
        let is_held = row.is_some_and(|(_, until_ms, at_ms)| *until_ms != Some(*at_ms));
        until_ms.is_none() != is_held
    });
    Ok((!restrictions.is_empty()).then(|| Effect::Restricted {
        waba_id: waba_id.into(),
        restrictions,
        at_ms,
    }))
}

/// How an account is held by its status.
const STATUSES: [RestrictionKind; 3] = [
    RestrictionKind::AccountDisabled,
    RestrictionKind::AccountRestricted,
    RestrictionKind::AccountPending,
];

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
    let told = Limit::of(read.into());
    let effect = match messaging_limit(&told) {
        Some(limit) => {
            let id = app.directory.business(business).config.id.clone();
            let values = [("limit", Some(timeline::limit_word(&told)))];
            keep_seen(app, business, ("business", &id), values, at_ms).await?;
            Effect::Limit {
                limit,
                origin: FROM_GRAPH.into(),
                at_ms,
            }
        }
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
