//! What someone should look at: ways out that closed, alerts, subscriptions that get nothing.

use greenline_console::{Alarm, When};
use greenline_ledger::LedgerError;
use greenline_policy::alert::{Kind, Severity};

use crate::alerts::book::Book;
use crate::alerts::record::Record as Standing;
use crate::app::App;
use crate::directory::Business;
use crate::events::record::{Record, State};
use crate::events::ways;

/// How long a subscriber may fail before the page tells.
const FAILING_MS: i64 = 60 * 60 * 1_000;
/// Alerts that are shown one by one.
const ALERTS_SHOWN: usize = 5;

/// Everything of a business, ways out first.
pub(super) async fn alarms(
    app: &App,
    business: &Business,
    now_ms: i64,
) -> Result<Vec<Alarm>, LedgerError> {
    let closed = ways::closed(app, business).await?;
    let mut alarms: Vec<Alarm> = closed
        .into_iter()
        .map(|(avenue, at_ms)| Alarm {
            title: format!(
                "A way out closed: {}.",
                super::avenues::word(avenue).to_lowercase()
            ),
            text: "The page of ways out says what is missing.".to_owned(),
            link: None,
            since: When::new(at_ms, now_ms),
        })
        .collect();
    alarms.extend(standing(app, business, now_ms).await?);
    for one in app.ledger.subscriptions(business.ix).await? {
        if let Ok(record) = Record::read(&one.body) {
            alarms.extend(silent(business, &one.id, &record, now_ms));
        }
    }
    Ok(alarms)
}

/// Alerts that stand, gravest first; ways out are told of above, and what is only good to know is not told here.
async fn standing(app: &App, business: &Business, now_ms: i64) -> Result<Vec<Alarm>, LedgerError> {
    let mut records = Book::read(app, business).await?.records();
    let is_grave = |kind: Kind| kind.severity() != Severity::Info && kind != Kind::AvenueClosed;
    records.retain(|record| Kind::parse(&record.kind).is_some_and(is_grave));
    let more = records.len().saturating_sub(ALERTS_SHOWN);
    let link = format!("/alerts?business={}", business.config.id);
    let alarm = |record: &Standing| Alarm {
        title: format!("{}.", record.title),
        text: record.todo.clone(),
        link: Some(link.clone()),
        since: When::new(record.since_ms, now_ms),
    };
    let mut alarms: Vec<Alarm> = records.iter().take(ALERTS_SHOWN).map(alarm).collect();
    if let Some(first) = records.get(ALERTS_SHOWN) {
        alarms.push(Alarm {
            title: format!(
                "{more} more {}.",
                if more == 1 { "alert" } else { "alerts" }
            ),
            text: "They stand on the page of alerts.".to_owned(),
            link: Some(link.clone()),
            since: When::new(first.since_ms, now_ms),
        });
    }
    Ok(alarms)
}

fn silent(business: &Business, id: &str, record: &Record, now_ms: i64) -> Option<Alarm> {
    let name = match record.description.as_str() {
        "" => id,
        name => name,
    };
    let since = |at_ms| When::new(at_ms, now_ms);
    let link = format!("/subscriptions/{id}?business={}", business.config.id);
    match (record.wish.state, &record.why) {
        (State::Paused | State::Disabled, Some((at_ms, why))) => Some(Alarm {
            title: format!("{name} gets no events."),
            text: format!("It was stopped: {why}. Its page sets it going."),
            link: Some(link),
            since: since(*at_ms),
        }),
        (State::Active, _) => {
            let at_ms = record.health.failing_since_ms?;
            (now_ms.saturating_sub(at_ms) >= FAILING_MS).then(|| Alarm {
                title: format!("{name} takes no events."),
                text: "They are tried again; its page says what it answers.".to_owned(),
                link: Some(link),
                since: since(at_ms),
            })
        }
        _ => None,
    }
}
