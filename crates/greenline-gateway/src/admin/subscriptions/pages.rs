//! The pages of subscriptions: who is told of what, how that goes, and what can be done about it.
//!
//! What is done here goes through the same acts as the API's. Afterwards the browser is led to a page that can be
//! loaded again without doing it twice; only a new secret is shown in the answer itself, and nowhere else.

use axum::extract::State as Wired;
use axum::response::Response;
use greenline_console::{
    AttemptRow, SubscriptionEndPage, SubscriptionPage, SubscriptionSecretPage, SubscriptionState,
    SubscriptionView, SubscriptionsPage, When,
};
use greenline_ledger::subscription::WAITING_COUNTED_MAX;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::admin::auth::{PageWho, Who};
use crate::admin::extract::{Params, Posted, Segments};
use crate::admin::pages::{OfForm, answer, business, frame, led, page};
use crate::admin::problem::Problem;
use crate::app::{App, Shared};
use crate::config::May;
use crate::directory::Business;
use crate::events::record::{Attempt, Made, Record, State};

use super::acts::{self, Change};
use super::shape::{told, until_ms};

/// How far back a replay begins if nothing better is known.
const BACK_MS: i64 = 24 * 60 * 60 * 1_000;

/// Which business, and what was just done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PageParams {
    business: Option<String>,
    done: Option<String>,
    /// How many events are sent once more.
    events: Option<u64>,
    /// Where that goes on.
    next: Option<String>,
    /// From when on to send what happened meanwhile.
    from: Option<String>,
}

impl PageParams {
    fn done(&self) -> Option<String> {
        let said = match self.done.as_deref()? {
            "paused" => "It is paused: nothing goes there until it is set going.",
            "active" => {
                "It is going again, and what waited goes now. What happened meanwhile can be sent too, from the time below."
            }
            "pinged" => {
                "A test is on its way. Load this page again in a few seconds: the newest attempt says how it went."
            }
            "replayed" => match (self.events.unwrap_or(0), &self.next) {
                (1, None) => "One event is sent once more.",
                (events, None) => return Some(format!("{events} events are sent once more.")),
                (events, Some(_)) => {
                    return Some(format!(
                        "{events} events are sent once more, and there are others after them."
                    ));
                }
            },
            "ended" => "The subscription was ended.",
            _ => return None,
        };
        Some(said.to_owned())
    }
}

fn view(id: &str, record: &Record, waiting: u64, now_ms: i64) -> SubscriptionView {
    let when = |at_ms| When::new(at_ms, now_ms);
    let health = &record.health;
    let (since_ms, why) = record.why.clone().unzip();
    let (state, since_ms) = match record.wish.state {
        State::Active if health.failing_since_ms.is_some() => {
            (SubscriptionState::Failing, health.failing_since_ms)
        }
        State::Active => (SubscriptionState::Active, None),
        State::Paused => (SubscriptionState::Paused, since_ms),
        State::Disabled => (SubscriptionState::Disabled, since_ms),
    };
    SubscriptionView {
        id: id.to_owned(),
        name: record.description.clone(),
        url: record.wish.url.clone(),
        types: told(&record.wish),
        imports: record.wish.imports,
        state,
        since: since_ms.map(when),
        why,
        taken: health.last_ok_ms.map(when),
        failed: health
            .last_error
            .as_ref()
            .map(|(at_ms, error)| (when(*at_ms), error.clone())),
        waiting,
        is_more: waiting >= WAITING_COUNTED_MAX,
    }
}

fn attempt(attempt: &Attempt, now_ms: i64) -> AttemptRow {
    let said = match (&attempt.error, attempt.status) {
        (Some(error), _) => error.clone(),
        (None, 0) => "there was nothing left to send".to_owned(),
        (None, status) => status.to_string(),
    };
    AttemptRow {
        at: When::new(attempt.at_ms, now_ms),
        kind: attempt.kind.clone(),
        id: attempt.id.clone(),
        attempt: attempt.attempt,
        said,
        taken: attempt.error.is_none(),
        took_ms: attempt.took_ms,
    }
}

/// As a field for a moment takes it, in UTC.
fn field(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(
        |_| String::new(),
        |at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
    )
}

/// The moment that such a field holds, or what an earlier replay said.
fn moment(text: &str) -> Option<(i64, i64)> {
    acts::replay_after(text).or_else(|| {
        let at: DateTime = text.trim().parse().ok()?;
        let at = at.to_zoned(TimeZone::UTC).ok()?;
        Some((at.timestamp().as_millisecond(), i64::MIN))
    })
}

/// `GET /subscriptions`.
pub(crate) async fn list(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Params(params): Params<PageParams>,
) -> Response {
    page(&app, &who, async {
        who.must(May::Manager)?;
        let business = business(&app, &who, params.business.as_deref())?;
        let now_ms = app.clock.now_ms();
        let mut rows = Vec::new();
        for (id, record) in acts::all(&app, &business).await? {
            let waiting = app.ledger.notices_waiting(business.ix, &id).await?;
            rows.push(view(&id, &record, waiting, now_ms));
        }
        answer(&SubscriptionsPage {
            frame: frame(&app, &who, Some(&business)),
            done: params.done(),
            rows,
        })
    })
    .await
}

/// One of them, as it is read for a page.
struct One {
    business: std::sync::Arc<Business>,
    record: Record,
    view: SubscriptionView,
}

async fn one(app: &App, who: &Who, of: Option<&str>, id: &str) -> Result<One, Problem> {
    who.must(May::Manager)?;
    let business = business(app, who, of)?;
    let record = acts::find(app, &business, id).await?;
    let waiting = app.ledger.notices_waiting(business.ix, id).await?;
    let view = view(id, &record, waiting, app.clock.now_ms());
    Ok(One {
        business,
        record,
        view,
    })
}

/// `GET /subscriptions/{id}`.
pub(crate) async fn show(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
    Params(params): Params<PageParams>,
) -> Response {
    page(&app, &who, async {
        let One {
            business,
            record,
            view,
        } = one(&app, &who, params.business.as_deref(), &id).await?;
        let now_ms = app.clock.now_ms();
        let when = |at_ms| When::new(at_ms, now_ms);
        let from = params.from.as_deref().and_then(moment);
        let from_ms = from.map_or(now_ms - BACK_MS, |(at_ms, _)| at_ms);
        let previous = until_ms(&record.wish.secrets).filter(|until_ms| *until_ms > now_ms);
        let recent = record.recent.iter().rev();
        answer(&SubscriptionPage {
            frame: frame(&app, &who, Some(&business)),
            view,
            done: params.done(),
            is_configured: record.wish.made == Made::Config,
            made: when(record.made_ms),
            made_by: record.made_by.clone(),
            previous_secret: previous.map(when),
            mark: acts::mark(&record),
            may_own: who.may(May::Admin),
            replay_from: field(from_ms),
            replay_next: params.next.clone().filter(|next| moment(next).is_some()),
            kept_days: app.config.retention.bodies_days,
            attempts: recent.map(|one| attempt(one, now_ms)).collect(),
        })
    })
    .await
}

/// `GET /subscriptions/{id}/end`: the question before it is done.
pub(crate) async fn ask(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
    Params(params): Params<PageParams>,
) -> Response {
    page(&app, &who, async {
        who.must(May::Admin)?;
        let One {
            business,
            record,
            view,
        } = one(&app, &who, params.business.as_deref(), &id).await?;
        acts::check_is_ours(&record)?;
        answer(&SubscriptionEndPage {
            frame: frame(&app, &who, Some(&business)),
            view,
        })
    })
    .await
}

/// The page of one, after something was done. What stands in an address here needs no escapes: ids are letters,
/// digits, `-` and `_`, and times hold nothing but what a query may hold.
fn back(business: &Business, id: &str, done: &str) -> String {
    format!(
        "/subscriptions/{id}?business={}&done={done}",
        business.config.id
    )
}

/// `POST /subscriptions/{id}/ping`.
pub(crate) async fn ping(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
    Posted(form): Posted<OfForm>,
) -> Response {
    let done = async {
        let business = business(&app, &who, form.business.as_deref())?;
        acts::ping(&app, &who, (&business, &id)).await?;
        Ok::<_, Problem>(back(&business, &id, "pinged"))
    };
    led(&app, &who, done.await)
}

/// Whether events go.
#[derive(Deserialize)]
pub(crate) struct StateForm {
    business: Option<String>,
    state: String,
}

/// `POST /subscriptions/{id}/state`.
pub(crate) async fn change(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
    Posted(form): Posted<StateForm>,
) -> Response {
    let done = async {
        let business = business(&app, &who, form.business.as_deref())?;
        let state = match form.state.as_str() {
            "active" => State::Active,
            "paused" => State::Paused,
            _ => return Err(Problem::invalid("state", "no such state")),
        };
        let asked = Change {
            state: Some(state),
            ..Change::default()
        };
        let (_, since_ms) = acts::change(&app, &who, (&business, &id), asked).await?;
        let back = back(&business, &id, state.as_str());
        let since = since_ms.filter(|_| state == State::Active).map(field);
        Ok::<_, Problem>(since.map_or(back.clone(), |since| format!("{back}&from={since}")))
    };
    led(&app, &who, done.await)
}

/// From when on.
#[derive(Deserialize)]
pub(crate) struct ReplayForm {
    business: Option<String>,
    from: String,
}

/// `POST /subscriptions/{id}/replay`.
pub(crate) async fn replay(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
    Posted(form): Posted<ReplayForm>,
) -> Response {
    let done = async {
        let business = business(&app, &who, form.business.as_deref())?;
        let after = moment(&form.from).ok_or_else(|| {
            Problem::invalid("from", "not a moment in UTC, such as 2026-11-20T09:30")
        })?;
        let (events, next) = acts::replay(&app, &who, (&business, &id), after).await?;
        let back = back(&business, &id, "replayed");
        let next = next.map(|next| format!("&next={}", acts::next_from(next)));
        Ok::<_, Problem>(format!(
            "{back}&events={events}{}",
            next.unwrap_or_default()
        ))
    };
    led(&app, &who, done.await)
}

/// How long the secret in use goes on, and which that was when the page was made.
#[derive(Deserialize)]
pub(crate) struct SecretForm {
    business: Option<String>,
    hours: u32,
    after: String,
}

/// `POST /subscriptions/{id}/secret`. Sent twice it does it once: by then the secret is another one.
pub(crate) async fn rotate(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
    Posted(form): Posted<SecretForm>,
) -> Response {
    page(&app, &who, async {
        let of = form.business.as_deref();
        let One { business, view, .. } = one(&app, &who, of, &id).await?;
        let after = Some(form.after.as_str());
        let rotated = acts::rotate(&app, &who, (&business, &id), form.hours, after).await?;
        let now_ms = app.clock.now_ms();
        answer(&SubscriptionSecretPage {
            frame: frame(&app, &who, Some(&business)),
            view,
            secret: rotated.secret,
            previous: rotated
                .previous_until_ms
                .map(|until_ms| When::new(until_ms, now_ms)),
        })
    })
    .await
}

/// `POST /subscriptions/{id}/end`.
pub(crate) async fn end(
    Wired(app): Wired<Shared>,
    PageWho(who): PageWho,
    Segments(id): Segments<String>,
    Posted(form): Posted<OfForm>,
) -> Response {
    let done = async {
        let business = business(&app, &who, form.business.as_deref())?;
        acts::remove(&app, &who, (&business, &id)).await?;
        let business = &business.config.id;
        Ok::<_, Problem>(format!("/subscriptions?business={business}&done=ended"))
    };
    led(&app, &who, done.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_holds_the_moment_it_was_filled_with() {
        let at_ms = 1_795_615_387_000;
        assert_eq!(moment(&field(at_ms)), Some((at_ms, i64::MIN)));
        // Browsers leave out seconds that are none.
        let minute = Some((1_795_615_380_000, i64::MIN));
        assert_eq!(moment("2026-11-25T14:03"), minute);
        assert_eq!(moment("2026-11-25 14:03"), minute);
        let further = (at_ms, 7);
        assert_eq!(moment(&acts::next_from(further)), Some(further));
        assert_eq!(moment("yesterday"), None);
    }
}
