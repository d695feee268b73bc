//! The section of the number's page.

use greenline_console::{ForecastDay, ForecastPoint, ForecastRisk, ForecastSection, When};
use greenline_policy::forecast::{Driver, Forecast, Level, Risk, Standing, Strength, Watch};

use crate::app::App;
use crate::directory::Number;

use super::super::problem::Problem;
use super::{days, is_sure, made, words};

/// What comes next for a number at a moment, for now if none is named; for its page.
pub(in super::super) async fn section(
    app: &App,
    number: &Number,
    at_ms: Option<i64>,
) -> Result<ForecastSection, Problem> {
    Ok(drawn(&made(app, number, at_ms).await?))
}

fn drawn(told: &Forecast) -> ForecastSection {
    let rules = told.era.words();
    let growth = &told.growth;
    let watch = told.watch.words();
    let falls = matches!(
        told.watch,
        Watch::Due { .. } | Watch::Flagged { lapses: false, .. }
    );
    let day = |(from_ms, people)| ForecastDay {
        from: When::dated(from_ms),
        people,
    };
    // What drives both is explained once.
    let told_once = |one: &Driver| {
        let mut above = told.rating.drivers.iter();
        if above.any(|other| other.sign == one.sign) {
            again(one)
        } else {
            driver(one)
        }
    };
    ForecastSection {
        rules: (rules.say, facts(rules.facts)),
        limit: words::limit(told),
        growth: words::growth(told),
        takes: growth
            .takes
            .zip(growth.reached)
            .map(|(takes, reached)| (takes.people, takes.days, reached)),
        days: days(told).map(day).collect(),
        in_the_way: growth.in_the_way.iter().map(obstacle).collect(),
        watch: (words::watch(told.watch), watch.remedy, falls),
        risks: vec![
            ForecastRisk {
                drivers: told.rating.drivers.iter().map(driver).collect(),
                ..risk("A worse rating", &told.rating, words::rating(&told.rating))
            },
            ForecastRisk {
                drivers: told.enforcement.drivers.iter().map(told_once).collect(),
                ..risk(
                    "Enforcement",
                    &told.enforcement,
                    words::enforcement(&told.enforcement),
                )
            },
        ],
        levels: words::LEVELS,
    }
}

fn facts(ids: &[&str]) -> Vec<(String, String)> {
    let link = |id: &&str| {
        let query: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        ((*id).to_owned(), format!("/guide?q={query}"))
    };
    ids.iter().map(link).collect()
}

fn obstacle(one: &Standing) -> ForecastPoint {
    let said = one.what.words();
    ForecastPoint {
        say: said.say.to_owned(),
        of: one.of.as_deref().map(str::to_owned),
        mark: if is_sure(one) {
            "in the way"
        } else {
            "perhaps"
        },
        strong: is_sure(one),
        measured: one
            .until_ms
            .map(|until_ms| format!("Until {}.", When::dated(until_ms).human)),
        seen: one.seen.map(|seen| When::dated(seen.at_ms)),
        remedy: said.remedy,
        facts: facts(said.facts),
    }
}

fn risk(of: &'static str, risk: &Risk, say: String) -> ForecastRisk {
    ForecastRisk {
        of,
        level: words::level_word(risk.level),
        tone: match risk.level {
            Level::NotEnoughData => "",
            Level::Low => "good",
            Level::Raised => "warn",
            Level::High => "bad",
        },
        say,
        drivers: Vec::new(),
    }
}

/// One that stands above already: what it says, and no more.
fn again(one: &Driver) -> ForecastPoint {
    ForecastPoint {
        measured: None,
        seen: None,
        remedy: "",
        facts: Vec::new(),
        ..driver(one)
    }
}

fn driver(one: &Driver) -> ForecastPoint {
    let said = one.sign.words();
    ForecastPoint {
        say: said.say.to_owned(),
        of: one.of.as_deref().map(str::to_owned),
        mark: one.strength.as_str(),
        strong: one.strength == Strength::Strong,
        measured: words::measured(one),
        seen: one.seen.map(|seen| When::dated(seen.at_ms)),
        remedy: said.remedy,
        facts: facts(said.facts),
    }
}
