//! What comes next for a number, in words: for the API, the command line and the page alike.

mod section;
mod words;

use axum::Json;
use axum::extract::State as Extracted;
use greenline_policy::forecast::known::{DAY_MS, DAYS};
use greenline_policy::forecast::{Driver, Forecast, Next, Risk, Standing, Watch, When, forecast};
use greenline_policy::health::{Can, Seen};
use greenline_policy::reach::MessagingLimit;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::directory::Number;

use super::auth::Who;
use super::capabilities::{CapabilityParams, SeenShape, find};
use super::extract::{Params, Segments, moment};
use super::problem::{Problem, ProblemBody};
use super::shape::time;

pub(super) use section::section;

/// The rules that a forecast goes by.
#[derive(Serialize, ToSchema)]
#[schema(as = ForecastRules)]
struct RulesShape {
    /// `portfolio` since 7 October 2025, `number` until then, `number_until_2022` before May 2022.
    era: &'static str,
    /// How they work, in one sentence.
    say: &'static str,
    /// Ids of the facts that say so; `/guide` has them.
    sources: &'static [&'static str],
}

/// The limit and its use.
#[derive(Serialize, ToSchema)]
#[schema(as = ForecastLimit)]
struct LimitShape {
    /// Whose limit it is: `portfolio` or `number`.
    owner: &'static str,
    /// Different people within any 24 hours: a number, `unlimited`, or `unknown`.
    #[schema(value_type = Object)]
    people: Value,
    /// What that was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<SeenShape>,
    /// Different people reached in the 24 hours up to `counted_to`. What was sent past Greenline is not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    used_in_24_hours: Option<u32>,
    /// The same in words.
    say: String,
}

/// One day's people.
#[derive(Serialize, ToSchema)]
#[schema(as = ForecastDay)]
struct DayShape {
    /// When the 24 hours begin.
    from: String,
    /// Different people reached in them.
    people: u32,
}

/// Something that stands in the way of the next limit.
#[derive(Serialize, ToSchema)]
#[schema(as = ForecastObstacle)]
struct ObstacleShape {
    /// Its stable name.
    obstacle: &'static str,
    /// `no`: nothing is raised while it stands. `unknown`: nobody knows whether it matters.
    raises: &'static str,
    /// What it says.
    say: &'static str,
    /// The other number or the template that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    /// Until when, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// What it was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<SeenShape>,
    /// Ids of the facts that it rests on.
    sources: &'static [&'static str],
    /// What helps.
    #[serde(skip_serializing_if = "str::is_empty")]
    remedy: &'static str,
}

/// When the next limit comes at the present pace, if nothing stands in the way.
#[derive(Serialize, ToSchema)]
#[schema(as = ForecastWhen)]
struct WhenShape {
    /// `within` a span, `not_at_this_pace`, `not_enough_data`, `earned` (the people that the first step takes were reached;
    /// when Meta raises it is not said), `top` (there is no higher limit) or `unknown` (the present limit is not known).
    answer: &'static str,
    /// At the soonest: every day like the best run of days up to now, everybody new.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// At the latest: every day like the average of seven, people reached again as often as in these. Missing where that
    /// pace never gets there.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// So many different people a day would be enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    takes_people_a_day: Option<u32>,
}

/// The way to the next limit.
#[derive(Serialize, ToSchema)]
#[schema(as = ForecastGrowth)]
struct GrowthShape {
    /// The next limit: a number, `unlimited`, `none` above this one, or `unknown`.
    #[schema(value_type = Object)]
    next: Value,
    /// Different people within seven days that it takes; missing where those of 30 days count.
    #[serde(skip_serializing_if = "Option::is_none")]
    takes_people_in_7_days: Option<u32>,
    /// Different people that were reached in the seven days up to `counted_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached_people_in_7_days: Option<u32>,
    /// Different people within 30 days that the first step, from 250, takes; it also comes with verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    takes_people_in_30_days: Option<u32>,
    /// Different people to whom something arrived in the 30 days up to `counted_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached_people_in_30_days: Option<u32>,
    /// How many more it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_people: Option<u32>,
    /// By day, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    people_by_day: Vec<DayShape>,
    /// Whether quality is good enough: `yes`, `no`, or `unknown` where the documents do not say.
    quality: &'static str,
    /// What stands in the way, what is sure to first.
    in_the_way: Vec<ObstacleShape>,
    /// When it comes at the present pace.
    when: WhenShape,
    /// All of it in words.
    say: String,
}

/// Whether a limit stands to fall.
#[derive(Serialize, ToSchema)]
#[schema(as = ForecastWatch)]
struct WatchShape {
    /// `gone` (since 7 October 2025 nothing falls), `calm`, `due` (rated low, a flag is to come), `flagged`, `lapses`
    /// (flagged, and the rules change before the end) or `over` (the seven days are over, and nothing was told since).
    state: &'static str,
    /// What that means, with its dates.
    say: String,
    /// Since when it is flagged.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<SeenShape>,
    /// When the seven days end.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<String>,
    /// Whether that is exact; a flag that was only read began at some time before, and the end is the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<bool>,
    /// The limit it falls to.
    #[serde(skip_serializing_if = "Option::is_none")]
    falls_to: Option<u32>,
    /// Ids of the facts that it rests on.
    sources: &'static [&'static str],
    /// What lifts it.
    #[serde(skip_serializing_if = "str::is_empty")]
    remedy: &'static str,
}

/// What drives a risk.
#[derive(Serialize, ToSchema)]
#[schema(as = ForecastDriver)]
struct DriverShape {
    /// Its stable name.
    sign: &'static str,
    /// `mild` or `strong`, by bands that are Greenline's own.
    strength: &'static str,
    /// What it says.
    say: &'static str,
    /// The number behind it and what it is compared with, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<String>,
    /// So many …
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    /// … of so many; for `too_often` the people among whom they went.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_of: Option<u32>,
    /// In thousandths, from where it is mild and from where strong: ours, Meta publishes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    bands: Option<[u32; 2]>,
    /// The template that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    /// What it was read from, where it was not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<SeenShape>,
    /// Ids of the facts that it rests on.
    sources: &'static [&'static str],
    /// What helps.
    remedy: &'static str,
}

/// A risk: a level, and what drives it. No probability: Meta publishes no thresholds.
#[derive(Serialize, ToSchema)]
#[schema(as = ForecastRisk)]
struct RiskShape {
    /// `low`, `raised`, `high`, or `not_enough_data`.
    level: &'static str,
    /// The rating it is about, the next worse one; missing for enforcement, and where none is worse.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<&'static str>,
    /// The same in words.
    say: String,
    /// What drives it, the strongest first.
    drivers: Vec<DriverShape>,
}

/// The two risks.
#[derive(Serialize, ToSchema)]
#[schema(as = ForecastRisks)]
struct RisksShape {
    /// Of the next worse rating.
    worse_rating: RiskShape,
    /// Of enforcement against the account.
    enforcement: RiskShape,
    /// What the levels are, and what they are not.
    levels: &'static str,
}

/// What comes next for a number.
#[derive(Serialize, ToSchema)]
#[schema(as = NumberForecast)]
pub(crate) struct ForecastShape {
    phone_number_id: String,
    business: String,
    /// The moment that the answer is about.
    at: String,
    /// Up to when was counted.
    counted_to: String,
    rules: RulesShape,
    limit: LimitShape,
    growth: GrowthShape,
    watch: WatchShape,
    risk: RisksShape,
}

/// What comes next for a number: the next limit and when, whether the limit stands to fall, and the risk of a worse rating and
/// of enforcement, by the rules of the date that is asked about.
#[utoipa::path(
    get, path = "/v1/numbers/{id}/forecast", operation_id = "showForecast", tag = "numbers",
    params(("id" = String, Path, description = "The phone_number_id"), CapabilityParams),
    responses(
        (status = 200, description = "How far it is to the next limit and what stands in the way, what a flag costs, and the risks with their drivers", body = ForecastShape),
        (status = 404, description = "The business has no such number", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A value is not accepted", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    Extracted(app): Extracted<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(params): Params<CapabilityParams>,
) -> Result<Json<ForecastShape>, Problem> {
    let number = find(&app, &who, &id, params.business.as_deref())?;
    let told = made(&app, &number, moment(params.at.as_deref())?).await?;
    let mut shape = ForecastShape::of(&told);
    shape.phone_number_id = number.id.to_string();
    let business = app.directory.business(number.business);
    shape.business.clone_from(&business.config.id);
    Ok(Json(shape))
}

/// The forecast for a moment, for now if none is named.
async fn made(app: &App, number: &Number, at_ms: Option<i64>) -> Result<Forecast, Problem> {
    let known = crate::forecast::known(app, number, at_ms).await?;
    Ok(forecast(&known, at_ms.unwrap_or(known.state.as_of_ms)))
}

fn people(limit: MessagingLimit) -> Value {
    match limit {
        MessagingLimit::People(people) => json!(people),
        MessagingLimit::Unlimited => json!("unlimited"),
    }
}

fn seen(seen: Option<Seen>) -> Option<SeenShape> {
    seen.map(SeenShape::from)
}

impl ForecastShape {
    fn of(told: &Forecast) -> Self {
        let rules = told.era.words();
        Self {
            phone_number_id: String::new(),
            business: String::new(),
            at: time(told.at_ms),
            counted_to: time(told.counted_to_ms),
            rules: RulesShape {
                era: rules.id,
                say: rules.say,
                sources: rules.facts,
            },
            limit: LimitShape {
                owner: words::owner(told.era),
                people: told.present.limit.map_or(json!("unknown"), people),
                seen: seen(told.present.seen),
                used_in_24_hours: told.present.used,
                say: words::limit(told),
            },
            growth: GrowthShape::of(told),
            watch: WatchShape::of(told),
            risk: RisksShape {
                worse_rating: RiskShape::of(&told.rating, words::rating(&told.rating)),
                enforcement: RiskShape::of(
                    &told.enforcement,
                    words::enforcement(&told.enforcement),
                ),
                levels: words::LEVELS,
            },
        }
    }
}

/// When each of the seven days begins, with its people.
fn days(told: &Forecast) -> impl Iterator<Item = (i64, u32)> {
    let first_ms = told.counted_to_ms - 7 * DAY_MS;
    let days = told.growth.days.into_iter().flatten();
    (0_i64..)
        .zip(days)
        .map(move |(nth, people)| (first_ms + nth * DAY_MS, people))
}

impl GrowthShape {
    fn of(told: &Forecast) -> Self {
        let growth = &told.growth;
        let day = |(from_ms, people)| DayShape {
            from: time(from_ms),
            people,
        };
        let by_month = growth.takes.is_some_and(|takes| takes.days > DAYS);
        let takes = |wanted: bool| {
            let takes = growth.takes.filter(|_| wanted == by_month);
            takes.map(|takes| takes.people)
        };
        Self {
            next: match growth.next {
                Next::Step(limit) => people(limit),
                Next::Top => json!("none"),
                Next::Unknown => json!("unknown"),
            },
            takes_people_in_7_days: takes(false),
            reached_people_in_7_days: growth.reached.filter(|_| !by_month),
            takes_people_in_30_days: takes(true),
            reached_people_in_30_days: growth.reached.filter(|_| by_month),
            missing_people: growth.missing(),
            people_by_day: days(told).map(day).collect(),
            quality: growth.quality.as_str(),
            in_the_way: growth.in_the_way.iter().map(ObstacleShape::of).collect(),
            when: WhenShape::of(growth.when),
            say: words::growth(told),
        }
    }
}

impl ObstacleShape {
    fn of(one: &Standing) -> Self {
        let words = one.what.words();
        Self {
            obstacle: words.id,
            raises: one.raises.as_str(),
            say: words.say,
            of: one.of.as_deref().map(str::to_owned),
            until: one.until_ms.map(time),
            seen: seen(one.seen),
            sources: words.facts,
            remedy: words.remedy,
        }
    }
}

impl WhenShape {
    fn of(when: When) -> Self {
        let plain = |answer| Self {
            answer,
            from: None,
            until: None,
            takes_people_a_day: None,
        };
        match when {
            When::Within { from_ms, until_ms } => Self {
                from: Some(time(from_ms)),
                until: until_ms.map(time),
                ..plain("within")
            },
            When::NotAtThisPace { takes_a_day } => Self {
                takes_people_a_day: Some(takes_a_day),
                ..plain("not_at_this_pace")
            },
            When::NotEnoughData => plain("not_enough_data"),
            When::Earned => plain("earned"),
            When::Top => plain("top"),
            When::Unknown => plain("unknown"),
        }
    }
}

impl WatchShape {
    fn of(told: &Forecast) -> Self {
        let words = told.watch.words();
        let plain = Self {
            state: words.id,
            say: words::watch(told.watch),
            since: None,
            ends: None,
            exact: None,
            falls_to: None,
            sources: words.facts,
            remedy: words.remedy,
        };
        match told.watch {
            Watch::Flagged {
                since,
                ends_ms,
                exact,
                to,
                lapses,
                ..
            } => Self {
                since: Some(since.into()),
                ends: Some(time(ends_ms)),
                exact: Some(exact),
                falls_to: match to {
                    Some(MessagingLimit::People(people)) if !lapses => Some(people),
                    _ => None,
                },
                ..plain
            },
            Watch::Gone { flagged } => Self {
                since: seen(flagged),
                ..plain
            },
            Watch::Due { .. } | Watch::Calm => plain,
        }
    }
}

impl RiskShape {
    fn of(risk: &Risk, say: String) -> Self {
        Self {
            level: risk.level.as_str(),
            rating: risk.next.map(|score| score.as_str()),
            say,
            drivers: risk.drivers.iter().map(DriverShape::of).collect(),
        }
    }
}

impl DriverShape {
    fn of(driver: &Driver) -> Self {
        let words = driver.sign.words();
        Self {
            sign: words.id,
            strength: driver.strength.as_str(),
            say: words.say,
            measured: words::measured(driver),
            count: driver.share.map(|share| share.of),
            out_of: driver.share.map(|share| share.out_of),
            bands: driver
                .share
                .map(|share| [share.band.mild, share.band.strong]),
            of: driver.of.as_deref().map(str::to_owned),
            seen: seen(driver.seen),
            sources: words.facts,
            remedy: words.remedy,
        }
    }
}

/// Whether an obstacle is sure to stand in the way.
fn is_sure(one: &Standing) -> bool {
    one.raises == Can::No
}
