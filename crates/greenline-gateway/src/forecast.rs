//! What a forecast is made from, gathered for `greenline_policy::forecast` to judge: what the platform said (the state of
//! the number, its limits, its siblings' ratings, templates, raises that were put off) and what was counted over seven
//! days. Nothing here is on the way of a send.

use std::sync::Arc;

use greenline_ledger::LedgerError;
use greenline_ledger::reception::Counted;
use greenline_ledger::types::{BusinessIx, NumberAsked, TemplateView, TimelineEntry};
use greenline_policy::forecast::known::{DAYS, MONTH_DAYS};
use greenline_policy::forecast::{
    Deferral, Era, Known, LimitTold, Month, Other, Reach, Template, Week, looks_at_a_month,
};
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

/// Other numbers whose rating at a moment in the past is looked up on the timeline; of the rest it is not known.
const OTHERS_THEN_MAX: usize = 200;
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
    let date_ms = at_ms.unwrap_or(until_ms);
    let days = if looks_at_a_month(&known, date_ms) {
        MONTH_DAYS
    } else {
        DAYS
    };
    let of_business = reception::counted(app, number.business, days, counted_at).await?;
    let counted = of_business.of(Some(&number.id));
    known.number = Some(Week::from(&counted));
    let portfolio: Vec<_> = businesses_of_portfolio(app, business).collect();
    for other in &portfolio {
        others(app, other, number, until_ms, &mut known).await?;
        let templates = app.ledger.templates(other.ix, None).await?;
        let of_account = templates
            .into_iter()
            .filter_map(|view| template(view, number, &counted));
        known.templates.extend(of_account);
    }
    if Era::at(date_ms) == Era::Portfolio {
        let (mut reach, mut month) = (Reach::default(), Month::default());
        for business in &portfolio {
            let counted = if business.ix == number.business {
                Arc::clone(&of_business)
            } else {
                reception::counted(app, business.ix, days, counted_at).await?
            };
            reach = reach.and(Week::from(&counted.whole).reach());
            month = month.and(&arrived(&counted));
        }
        known.portfolio = Some(reach);
        known.month = (days == MONTH_DAYS).then_some(month);
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

/// To whom something arrived within 30 days; what was counted of a sample of people is multiplied.
fn arrived(counted: &Counted) -> Month {
    let times = u64::from(counted.whole.one_in.max(1));
    Month {
        days: counted.arrived.map(|people| {
            let all = people.saturating_mul(times);
            u32::try_from(all).unwrap_or(u32::MAX)
        }),
    }
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
    let asked = configured.filter(|other| *other.phone_number_id != *number.id);
    let asked = asked.map(|other| NumberAsked {
        business: business.ix,
        number: other.phone_number_id.as_str().into(),
        waba_id: other.waba_id.as_str().into(),
    });
    let asked: Vec<NumberAsked> = asked.collect();
    let found = app.ledger.numbers_known(asked.clone()).await?;
    let mut looked_up = 0;
    for (other, found) in asked.into_iter().zip(found) {
        let score = found.rating.as_deref().map(Score::parse);
        let rating = match score.zip(found.rating_at_ms) {
            Some((score, at_ms)) if at_ms <= until_ms => Some((score, by_read(at_ms))),
            // What was read since says nothing of a moment before it; the timeline has what was read then.
            _ if score.is_some() && looked_up < OTHERS_THEN_MAX => {
                looked_up += 1;
                rating_then(app, business.ix, &other.number, until_ms).await?
            }
            _ => None,
        };
        known.others.push(Other {
            id: other.number,
            rating,
        });
    }
    Ok(())
}

fn by_read(at_ms: i64) -> Seen {
    Seen {
        at_ms,
        origin: Origin::Read,
    }
}

/// How a number was rated at a moment, by what was put on the timeline until then.
async fn rating_then(
    app: &App,
    business: BusinessIx,
    number: &str,
    until_ms: i64,
) -> Result<Option<(Score, Seen)>, LedgerError> {
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
