//! What conditions are judged by, gathered from where it is kept.

use greenline_ledger::LedgerError;
use greenline_ledger::types::{
    DecisionId, DecisionRecord, Effect, PersonShard, PortfolioView, TemplateView, TimelineEntry,
};
use greenline_policy::alert::{
    About, Facts, Kind, NEWS_MS, NumberFacts, PortfolioFacts, TemplateFacts, Traffic,
};
use greenline_policy::health::capabilities;
use greenline_policy::quality::Score;
use greenline_policy::reach::{MessagingLimit, bound};
use greenline_wire::webhook::Limit;
use serde::Deserialize;

use super::book::{Book, ORIGIN, SUBJECT, key};
use super::gauges::{Glance, NumberGlance};
use crate::app::App;
use crate::directory::Business;
use crate::events::ways;
use crate::health;
use crate::learn;
use crate::timeline;
use crate::token;

/// Decisions that were made long enough ago for the platform to have spoken, looked at.
const DECISIONS_LOOKED_AT: usize = 200;
/// Newer ones.
const NEWER_LOOKED_AT: usize = 50;
/// What was sent longer ago than that says nothing of now.
const TRAFFIC_MS: i64 = 24 * 60 * 60 * 1_000;
/// Entries of the timeline among which changes of categories are looked for.
const ENTRIES_LOOKED_AT: usize = 500;
/// What the timeline calls the limits that were known.
const LIMIT: &str = "limit";
/// Of those, looked at: nodes that note the same at once note it twice.
const LIMITS_LOOKED_AT: usize = 8;
/// The origin of what was read.
const FROM_GRAPH: &str = "graph";
const CATEGORY_FIELD: &str = "template_category_update";
const STATUS_FIELD: &str = "message_template_status_update";

/// What is known, for judging and for showing.
pub(super) struct Gathered<'a> {
    pub(super) facts: Facts<'a>,
    pub(super) glance: Glance,
}

/// Everything of a business.
///
/// # Errors
/// The ledger's.
pub(super) async fn gather<'a>(
    app: &App,
    business: &'a Business,
    book: &Book,
    now_ms: i64,
) -> Result<Gathered<'a>, LedgerError> {
    let views = app.ledger.numbers(business.ix).await?;
    let sent = Sent::read(app, business, now_ms).await?;
    let mut numbers = Vec::new();
    let mut glance = Glance::default();
    for known in app
        .directory
        .numbers()
        .filter(|known| known.business == business.ix)
    {
        let state = health::state(app, known).await?;
        let view = views.iter().find(|view| *view.number == *known.id);
        let inbound_ms = view.and_then(|view| view.last_inbound_ms);
        let rating = view.and_then(|view| view.rating.as_deref());
        let rating = rating.map_or(Score::Unrated, Score::parse);
        let read_ms = view.and_then(|view| view.at_ms);
        let matrix = capabilities(&state, now_ms);
        glance
            .numbers
            .push(NumberGlance::of(known, view, rating, &matrix));
        numbers.push(NumberFacts {
            id: (&*known.id).into(),
            account: (&*known.waba_id).into(),
            state,
            rating,
            read_ms,
            is_read: business.authorization.is_some(),
            traffic: sent.of(&known.id, inbound_ms),
            stood_unread: book.stands(&key(Kind::ReadsFailing, &known.id)),
            stood_silent: book.stands(&key(Kind::WebhooksSilent, &known.id)),
        });
    }
    let view = app.ledger.portfolio(business.ix, now_ms).await?;
    let portfolio = portfolio(app, business, &view, now_ms).await?;
    glance.reached = portfolio.reached;
    glance.bound = portfolio.bound;
    let (token, said) = token::known(app, business.ix).await?;
    glance.token_ends_ms = said.ends_ms();
    let closed = ways::closed(app, business).await?;
    let newest = app
        .ledger
        .timeline(business.ix, None, None, ENTRIES_LOOKED_AT)
        .await?;
    let facts = Facts {
        now_ms,
        business: &business.config.id,
        looking_since_ms: app.alerts.since_ms,
        numbers,
        portfolio,
        templates: templates(app, business, book, &newest, now_ms).await?,
        token,
        unknown_words: unknown_words(business, &newest),
        closed_avenues: closed.iter().map(|(avenue, _)| avenue.as_str()).collect(),
    };
    Ok(Gathered { facts, glance })
}

/// What was sent, newest first.
struct Sent {
    /// Long enough ago for the platform to have spoken of it.
    older: Vec<DecisionRecord>,
    newer: Vec<DecisionRecord>,
}

fn is_taken(record: &DecisionRecord) -> bool {
    record.outcome.as_deref() == Some("accepted")
}

impl Sent {
    async fn read(app: &App, business: &Business, now_ms: i64) -> Result<Self, LedgerError> {
        let silent_ms = super::bounds(&app.config).webhooks_silent_ms;
        let at_ms = now_ms.saturating_sub(silent_ms);
        // Numbers of decisions hold the moment above twenty bits.
        let before = DecisionId {
            seq: u64::try_from(at_ms).unwrap_or(0) << 20,
            shard: PersonShard(0),
        };
        let ledger = &app.ledger;
        let mut older = ledger
            .decisions(Some(business.ix), Some(before), DECISIONS_LOOKED_AT)
            .await?;
        older.retain(|record| record.at_ms >= at_ms.saturating_sub(TRAFFIC_MS));
        let mut newer = ledger
            .decisions(Some(business.ix), None, NEWER_LOOKED_AT)
            .await?;
        newer.retain(|record| record.at_ms >= at_ms);
        Ok(Self { older, newer })
    }

    /// Of one number: those after the newest of which something was heard.
    fn of(&self, number: &str, last_inbound_ms: Option<i64>) -> Traffic {
        let taken = |record: &&DecisionRecord| *record.number == *number && is_taken(record);
        let mut newer = self.newer.iter().filter(taken);
        let mut traffic = Traffic {
            heard: newer.any(|record| record.status.is_some()),
            last_inbound_ms,
            ..Traffic::default()
        };
        let older = self.older.iter().filter(taken);
        for record in older.take_while(|record| record.status.is_none()) {
            traffic.unheard = traffic.unheard.saturating_add(1);
            traffic.first_unheard_ms = Some(record.at_ms);
        }
        traffic
    }
}

/// The portfolio, with the limit before; a limit that is seen for the first time is noted.
async fn portfolio(
    app: &App,
    business: &Business,
    view: &PortfolioView,
    now_ms: i64,
) -> Result<PortfolioFacts, LedgerError> {
    let mut facts = PortfolioFacts {
        limit: view.limit,
        bound: bound(view.limit, business.config.portfolio_limit),
        reached: view.reached,
        before: None,
    };
    let Some(limit) = view.limit else {
        return Ok(facts);
    };
    let noted = app
        .ledger
        .timeline(business.ix, Some((SUBJECT, LIMIT)), None, LIMITS_LOOKED_AT)
        .await?;
    let known = |entry: &TimelineEntry| Some((read_limit(&entry.event)?, entry.at_ms));
    let noted: Vec<(MessagingLimit, i64)> = noted.iter().filter_map(known).collect();
    if noted.first().is_none_or(|(newest, _)| *newest != limit) {
        let entry = Effect::Timeline {
            subject: SUBJECT,
            subject_id: LIMIT.into(),
            origin: ORIGIN.into(),
            event: limit_word(limit).into(),
            at_ms: now_ms,
            body: "{}".into(),
        };
        app.ledger.learn(business.ix, vec![entry]).await?;
        facts.before = noted.first().map(|(before, _)| (*before, now_ms));
        return Ok(facts);
    }
    // When it was first noted, and what was noted before.
    let same = noted.iter().take_while(|(noted, _)| *noted == limit);
    let since_ms = same.last().map(|(_, at_ms)| *at_ms);
    let before = noted.iter().find(|(noted, _)| *noted != limit);
    facts.before = before.and_then(|(before, _)| Some((*before, since_ms?)));
    Ok(facts)
}

fn limit_word(limit: MessagingLimit) -> String {
    match limit {
        MessagingLimit::People(people) => people.to_string(),
        MessagingLimit::Unlimited => "unlimited".to_owned(),
    }
}

fn read_limit(word: &str) -> Option<MessagingLimit> {
    match word {
        "unlimited" => Some(MessagingLimit::Unlimited),
        people => people.parse().ok().map(MessagingLimit::People),
    }
}

/// Words that were read or told and not understood: about what, whose, and when.
fn unknown_words(business: &Business, newest: &[TimelineEntry]) -> Vec<(About, Box<str>, i64)> {
    let word = |entry: &TimelineEntry| {
        let said = timeline::said(entry);
        let mut said = said.iter();
        let is_unknown = is_unknown_limit(entry)
            || said.any(|said| timeline::unknown(&entry.subject, &said.what, &said.value));
        let (about, subject) = match &*entry.subject {
            "number" => (About::Number, entry.subject_id.clone()),
            "account" => (About::Account, entry.subject_id.clone()),
            "business" => (About::Business, business.config.id.as_str().into()),
            _ => return None,
        };
        is_unknown.then_some((about, subject, entry.at_ms))
    };
    newest.iter().filter_map(word).collect()
}

/// A limit in a word of which nothing is known changes nothing but the timeline.
fn is_unknown_limit(entry: &TimelineEntry) -> bool {
    #[derive(Deserialize)]
    struct Read {
        limit: String,
    }
    let read = serde_json::from_str::<Read>(&entry.body);
    &*entry.origin == FROM_GRAPH
        && read.is_ok_and(|read| {
            learn::messaging_limit(&Limit::of(read.limit.as_str().into())).is_none()
        })
}

/// Names a template.
fn template_id(waba_id: &str, name: &str, language: &str) -> String {
    format!("{waba_id}/{name}/{language}")
}

/// Whether an entry says that something of a template changed: told by a webhook, or seen by a read that knew it before.
fn is_change(entry: &TimelineEntry, field: &str, what: &str) -> bool {
    let is_read = &*entry.event == what && entry.body.contains("\"before\"");
    &*entry.subject == "template" && (&*entry.origin == field || is_read)
}

fn is_of(entry: &TimelineEntry, template: &TemplateView) -> bool {
    template.template_id.as_deref() == Some(&*entry.subject_id)
        || *template.name == *entry.subject_id
}

/// Those that somebody may have to look at. A template that was paused or disabled before anybody here knew it is no
/// news; a list may hold hundreds.
async fn templates(
    app: &App,
    business: &Business,
    book: &Book,
    newest: &[TimelineEntry],
    now_ms: i64,
) -> Result<Vec<TemplateFacts>, LedgerError> {
    let known = app.ledger.templates(business.ix, None).await?;
    let of_late = newest
        .iter()
        .filter(|entry| now_ms < entry.at_ms.saturating_add(NEWS_MS));
    let (mut closings, mut categories) = (Vec::new(), Vec::new());
    for entry in of_late {
        if is_change(entry, STATUS_FIELD, "status") {
            closings.push(entry);
        } else if is_change(entry, CATEGORY_FIELD, "category") {
            categories.push(entry);
        }
    }
    let mut found = Vec::new();
    for one in &known {
        let kind = match one.status.as_deref() {
            Some("PAUSED") => Kind::TemplatePaused,
            Some("DISABLED") => Kind::TemplateDisabled,
            _ => continue,
        };
        let id = template_id(&one.waba_id, &one.name, &one.language);
        let is_news = closings.iter().any(|entry| is_of(entry, one));
        if is_news || book.stands(&key(kind, &id)) {
            found.push(TemplateFacts {
                id: id.into(),
                status: one.status.clone(),
                category_ms: None,
            });
        }
    }
    for entry in categories {
        let named = known.iter().find(|one| is_of(entry, one));
        let id = match named {
            Some(one) => template_id(&one.waba_id, &one.name, &one.language),
            None => entry.subject_id.to_string(),
        };
        let at_ms = Some(entry.at_ms);
        match found.iter_mut().find(|one| *one.id == *id) {
            Some(one) => one.category_ms = one.category_ms.max(at_ms),
            None => found.push(TemplateFacts {
                id: id.into(),
                status: None,
                category_ms: at_ms,
            }),
        }
    }
    Ok(found)
}
