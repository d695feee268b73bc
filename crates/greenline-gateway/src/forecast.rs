//! What a forecast is made from, gathered for `greenline_policy::forecast` to judge: what the platform said (the state of
//! the number, its limits, its siblings' ratings, templates, raises that were put off) and what was counted over seven
//! days. Nothing here is on the way of a send.

use greenline_ledger::LedgerError;
use greenline_ledger::types::{BusinessIx, TemplateView, TimelineEntry};
use greenline_policy::forecast::{Deferral, Era, Known, LimitTold, Other, Reach, Template, Week};
use greenline_policy::health::Seen;
use greenline_policy::health::state::{Origin, Told};
use greenline_policy::quality::Score;
use greenline_policy::reach::MessagingLimit;
use greenline_policy::reception::Reception;
use greenline_wire::webhook::{Limit, Value};

use crate::app::App;
use crate::directory::{Business, Number};
use crate::timeline::{self, LOOKED_AT_MAX};
use crate::{health, learn, reception};

/// How the platform names misuse of the utility category (ENF-20), and how its end and its rate limit begin.
const UTILITY_MISUSE: &str = "UTILITY_TEMPLATE_ABUSE";

/// Everything that a forecast for a moment looks at; for now, if none is named.
///
/// # Errors
/// `Unavailable` or `Corrupt` when the store does not read.
pub(crate) async fn known(
    app: &App,
    number: &Number,
    at_ms: Option<i64>,
) -> Result<Known, LedgerError> {
    let state = health::state(app, number).await?;
    let until_ms = at_ms.unwrap_or(state.as_of_ms).min(state.as_of_ms);
    let counted_at = (until_ms < state.as_of_ms).then_some(until_ms);
    let business = app.directory.business(number.business);
    let mut known = Known::of(state);
    known.own_limit = business.config.portfolio_limit;
    let subjects = [
        ("account", &*number.waba_id),
        ("number", &*number.id),
        ("business", business.config.id.as_str()),
    ];
    for subject in subjects {
        let entries = app
            .ledger
            .timeline(number.business, Some(subject), None, LOOKED_AT_MAX);
        for entry in entries.await? {
            tell_entry(&mut known, &entry);
        }
    }
    let counted = reception::count(app, number.business, Some(&number.id), counted_at).await?;
    known.number = Some(Week::from(&*counted));
    let portfolio: Vec<_> = businesses_of_portfolio(app, business).collect();
    for other in &portfolio {
        others(app, other, number, until_ms, &mut known).await?;
        let templates = app.ledger.templates(other.ix, None).await?;
        let of_account = templates
            .into_iter()
            .filter_map(|view| template(view, number, &counted));
        known.templates.extend(of_account);
    }
    if Era::at(at_ms.unwrap_or(until_ms)) == Era::Portfolio {
        known.portfolio = Some(reached(app, &portfolio, number, &counted, counted_at).await?);
    }
    Ok(known)
}

/// Every business of the same portfolio, this one first.
fn businesses_of_portfolio<'a>(
    app: &'a App,
    business: &'a Business,
) -> impl Iterator<Item = &'a Business> {
    let id = &business.config.portfolio_id;
    let all = app.directory.businesses().map(|other| &**other);
    let same = move |other: &&'a Business| {
        other.ix != business.ix && !id.is_empty() && other.config.portfolio_id == *id
    };
    std::iter::once(business).chain(all.filter(same))
}

/// Whom all numbers of the portfolio reached; people of two businesses are taken for two.
async fn reached(
    app: &App,
    portfolio: &[&Business],
    number: &Number,
    counted: &Reception,
    counted_at: Option<i64>,
) -> Result<Reach, LedgerError> {
    let mut reach = Reach::default();
    for business in portfolio {
        let alone = business.config.number.len() == 1 && business.ix == number.business;
        let more = if alone {
            Week::from(counted)
        } else {
            let counted = reception::count(app, business.ix, None, counted_at).await?;
            Week::from(&*counted)
        };
        reach = reach.and(more.reach());
    }
    Ok(reach)
}

/// The other numbers of a business, with their ratings as last read by then.
async fn others(
    app: &App,
    business: &Business,
    number: &Number,
    until_ms: i64,
    known: &mut Known,
) -> Result<(), LedgerError> {
    let configured = business.config.number.iter();
    for other in configured.filter(|other| *other.phone_number_id != *number.id) {
        let id = other.phone_number_id.as_str();
        let rating = rating_of(app, business.ix, id, &other.waba_id, until_ms).await?;
        known.others.push(Other {
            id: id.into(),
            rating,
        });
    }
    Ok(())
}

async fn rating_of(
    app: &App,
    business: BusinessIx,
    number: &str,
    waba_id: &str,
    until_ms: i64,
) -> Result<Option<(Score, Seen)>, LedgerError> {
    let known = app.ledger.number_known(business, number, waba_id).await?;
    let rating = known.rating.as_deref().map(Score::parse);
    let by_read = |at_ms| Seen {
        at_ms,
        origin: Origin::Read,
    };
    match (rating, known.rating_at_ms) {
        (Some(score), Some(at_ms)) if at_ms <= until_ms => {
            return Ok(Some((score, by_read(at_ms))));
        }
        // What was read since says nothing of a moment before it; the timeline has what was read then.
        (Some(_), _) => {}
        (None, _) => return Ok(None),
    }
    let subject = ("number", number);
    let entries = app
        .ledger
        .timeline(business, Some(subject), None, LOOKED_AT_MAX)
        .await?;
    let reads = entries
        .iter()
        .filter(|entry| entry.at_ms <= until_ms && timeline::origin(entry) == "read");
    let rated = reads.flat_map(|entry| {
        let said = timeline::said(entry).into_iter();
        said.filter(|said| said.what == "rating")
            .map(|said| (Score::parse(&said.value), by_read(entry.at_ms)))
    });
    Ok(rated.max_by_key(|(_, seen)| seen.at_ms))
}

/// A template, if it is one that can go or could until it was paused.
fn template(view: TemplateView, number: &Number, counted: &Reception) -> Option<Template> {
    let status = view.status.as_deref()?;
    let stopped = matches!(status, "PAUSED" | "DISABLED");
    if !stopped && status != "APPROVED" {
        return None;
    }
    let is_it = |sent: &&greenline_policy::reception::TemplateSent| {
        sent.name == view.name && sent.language == view.language
    };
    let sent_here =
        *view.waba_id == *number.waba_id && counted.templates.iter().any(|sent| is_it(&sent));
    Some(Template {
        name: view.name,
        score: view.quality.as_deref().map_or(Score::Unrated, Score::parse),
        stopped,
        sent_here,
        seen: Seen {
            at_ms: view.at_ms,
            origin: Origin::Read,
        },
    })
}

/// What an entry of the timeline says of limits, of raises, and of misuse of the utility category.
fn tell_entry(known: &mut Known, entry: &TimelineEntry) {
    let at_ms = entry.at_ms;
    if timeline::origin(entry) == "read" {
        let said = timeline::said(entry).into_iter();
        for limit in said.filter(|said| said.what == "limit") {
            if let Some(limit) = limit_word(&limit.value) {
                known.state.tell(Told::Limit(limit), Origin::Read, at_ms);
            }
        }
        return;
    }
    let told = timeline::with_values(entry, |_, value| told(value, at_ms));
    for one in told {
        match one {
            Said::OfPortfolio(limit) => {
                let limit = Told::Limit(limit);
                known.state.tell(limit, Origin::Webhook, at_ms);
            }
            Said::OfNumber(limit) => known.number_limits.push(limit),
            Said::Deferred(deferral) => known.deferrals.push((deferral, at_ms)),
            Said::Misuse => known.utility_warned.push(at_ms),
        }
    }
}

enum Said {
    OfPortfolio(MessagingLimit),
    OfNumber(LimitTold),
    Deferred(Deferral),
    Misuse,
}

fn told(value: &Value<'_>, at_ms: i64) -> Vec<Said> {
    let limit = |limit: &Option<Limit<'_>>| limit.as_ref().and_then(learn::messaging_limit);
    match value {
        Value::BusinessCapability(value) => limit(&value.limit)
            .map(Said::OfPortfolio)
            .into_iter()
            .collect(),
        Value::PhoneNumberQuality(value) => {
            let seen = Seen {
                at_ms,
                origin: Origin::Webhook,
            };
            let own = limit(&value.current_limit).map(|limit| LimitTold { limit, seen });
            let of_portfolio = limit(&value.limit_of_business).map(Said::OfPortfolio);
            own.map(Said::OfNumber)
                .into_iter()
                .chain(of_portfolio)
                .collect()
        }
        Value::AccountAlerts(alert) => {
            let kind = alert.kind.as_deref().unwrap_or_default();
            Deferral::parse(kind)
                .map(Said::Deferred)
                .into_iter()
                .collect()
        }
        Value::AccountUpdate(update) if update.violation.as_deref() == Some(UTILITY_MISUSE) => {
            vec![Said::Misuse]
        }
        _ => Vec::new(),
    }
}

/// A limit as the timeline spells it.
fn limit_word(word: &str) -> Option<MessagingLimit> {
    match word {
        "unlimited" => Some(MessagingLimit::Unlimited),
        word => learn::messaging_limit(&Limit::of(word.into())),
    }
}
