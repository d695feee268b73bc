//! The sentences of a forecast: the same by API, command line and page.

use greenline_policy::forecast::known::DAYS;
use greenline_policy::forecast::{
    Driver, Era, Forecast, Level, Next, Obstacle, Risk, Share, Sign, Watch, When,
};
use greenline_policy::health::Can;
use greenline_policy::quality::Score;
use greenline_policy::reach::MessagingLimit;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What the levels are, and are not.
pub(super) const LEVELS: &str = "Low, raised and high are Greenline's own words, by lines of its own: Meta publishes no thresholds, so there is no probability in them. Blocks and reports are told to no business; what is seen are signs beside them.";

/// Whose the limit is.
pub(super) fn owner(era: Era) -> &'static str {
    match era {
        Era::Early | Era::Number => "number",
        Era::Portfolio => "portfolio",
    }
}

/// A count with commas between groups of three digits.
pub(super) fn count(count: u32) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn limit_words(limit: MessagingLimit) -> String {
    match limit {
        MessagingLimit::People(people) => format!("{} people", count(people)),
        MessagingLimit::Unlimited => "unlimited".to_owned(),
    }
}

/// A moment in words.
fn moment(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(
        |_| "a time out of range".to_owned(),
        |at| {
            let at = at.to_zoned(TimeZone::UTC);
            at.strftime("%-d %b %Y, %H:%M UTC").to_string()
        },
    )
}

/// The limit and its use.
pub(super) fn limit(told: &Forecast) -> String {
    let owner = owner(told.era);
    let used = match told.present.used {
        Some(used) => format!("{} were reached in the last 24 hours.", count(used)),
        None => "Nobody counted how many were reached.".to_owned(),
    };
    match told.present.limit {
        Some(limit) => format!(
            "The limit of the {owner} is {} within 24 hours. {used}",
            limit_words(limit)
        ),
        None => format!("The limit of the {owner} is not known. {used}"),
    }
}

/// How far it is to the next limit, and when it comes.
pub(super) fn growth(told: &Forecast) -> String {
    let growth = &told.growth;
    let next = match growth.next {
        Next::Top => return "There is no higher limit.".to_owned(),
        Next::Unknown => {
            return "Without the present limit nothing can be said of the next one.".to_owned();
        }
        Next::Step(limit) => limit_words(limit),
    };
    let takes = growth.takes.map(|takes| {
        let people = count(takes.people);
        if takes.days > DAYS {
            format!(
                "It comes with verification, or takes {people} different people within {} days",
                takes.days
            )
        } else {
            format!("It takes {people} different people within seven days")
        }
    });
    let far = match (takes, growth.reached, growth.missing()) {
        (Some(takes), Some(_), Some(0)) => {
            format!("The next limit is {next}. {takes}, and they were reached.")
        }
        (Some(takes), Some(reached), Some(missing)) => format!(
            "The next limit is {next}. {takes}; {} were reached, {} are missing.",
            count(reached),
            count(missing)
        ),
        (Some(takes), ..) => format!("The next limit is {next}. {takes}."),
        (None, ..) => format!("The next limit is {next}."),
    };
    let mut when = when(growth.when, growth.missing() == Some(0));
    if growth.takes.is_some_and(|takes| takes.days > DAYS)
        && matches!(growth.when, When::Within { .. })
    {
        when.push_str(" How long Meta then takes to raise it is not said.");
    }
    let quality = match growth.quality {
        Can::Yes => "",
        Can::No => " It is not raised while quality is not good.",
        Can::Unknown => " Whether quality counts as good is not known.",
    };
    let closed = growth
        .in_the_way
        .iter()
        .any(|one| super::is_sure(one) && one.what != Obstacle::TooFewPeople);
    let stands = match (growth.quality, closed) {
        (Can::Yes | Can::Unknown, true) => " Something else stands in the way first.",
        _ => "",
    };
    format!("{far} {when}{quality}{stands}")
}

fn when(when: When, is_there: bool) -> String {
    match when {
        When::Within {
            until_ms: Some(until_ms),
            ..
        } if is_there => format!("It is to be raised by {}.", moment(until_ms)),
        When::Within {
            from_ms,
            until_ms: Some(until_ms),
        } => format!(
            "At the present pace it comes between {} and {}.",
            moment(from_ms),
            moment(until_ms)
        ),
        When::Within {
            from_ms,
            until_ms: None,
        } => format!(
            "At the present pace it comes on {} at the soonest; at the average of seven days it does not come.",
            moment(from_ms)
        ),
        When::NotAtThisPace { takes_a_day } => format!(
            "At the present pace it does not come: that takes about {} different people a day.",
            count(takes_a_day)
        ),
        When::NotEnoughData => {
            "There is not enough data to say when: too few people were reached.".to_owned()
        }
        When::Earned => {
            "It was earned; how long Meta takes to look at the quality and raise it is not said."
                .to_owned()
        }
        When::Top | When::Unknown => String::new(),
    }
}

/// Whether the limit stands to fall.
pub(super) fn watch(watch: Watch) -> String {
    let say = watch.words().say;
    let Watch::Flagged {
        since,
        ends_ms,
        exact,
        to,
        lapses,
        over,
        ..
    } = watch
    else {
        return say.to_owned();
    };
    let begun = if exact {
        "Flagged on"
    } else {
        "Seen flagged on"
    };
    let ends = match (lapses, over, exact) {
        (true, ..) => String::new(),
        (_, true, _) => format!(" The seven days ended on {}.", moment(ends_ms)),
        (_, _, true) => format!(" The seven days end on {}.", moment(ends_ms)),
        (_, _, false) => format!(" The seven days end on {} at the latest.", moment(ends_ms)),
    };
    let falls = match to {
        Some(limit) if !lapses => format!(" One step lower is {}.", limit_words(limit)),
        _ => String::new(),
    };
    format!("{say} {begun} {}.{ends}{falls}", moment(since.at_ms))
}

fn level(level: Level) -> &'static str {
    match level {
        Level::NotEnoughData => "There is not enough data to tell the risk",
        Level::Low => "The risk is low",
        Level::Raised => "The risk is raised",
        Level::High => "The risk is high",
    }
}

fn drivers(risk: &Risk) -> String {
    match (risk.level, risk.drivers.len()) {
        (Level::NotEnoughData, _) => ": too little was sent in seven days.".to_owned(),
        (_, 0) => ": nothing that is seen speaks of it.".to_owned(),
        (_, 1) => ": one sign speaks of it.".to_owned(),
        (_, signs) => format!(": {signs} signs speak of it."),
    }
}

/// The risk of a worse rating.
pub(super) fn rating(risk: &Risk) -> String {
    let next = match risk.next {
        Some(Score::Red) => " of a fall to low (RED)",
        Some(_) => " of a fall to medium (YELLOW)",
        None => return "The number is rated low (RED) and no rating is worse; while that lasts, the platform may limit it for spam (131048) or act against the account.".to_owned(),
    };
    format!("{}{next}{}", level(risk.level), drivers(risk))
}

/// The risk of enforcement.
pub(super) fn enforcement(risk: &Risk) -> String {
    format!(
        "{} of a warning, a restriction or worse{}",
        level(risk.level),
        drivers(risk)
    )
}

/// A level in one or two words.
pub(super) fn level_word(level: Level) -> &'static str {
    match level {
        Level::NotEnoughData => "not enough data",
        other => other.as_str(),
    }
}

/// The number behind a driver, and what it is compared with.
pub(super) fn measured(driver: &Driver) -> Option<String> {
    let share = driver.share?;
    let Share {
        of, out_of, newest, ..
    } = share;
    let span = if newest { "two days" } else { "seven days" };
    let (of, out_of) = (count(of), count(out_of));
    let (mild, strong) = (share.band.mild, share.band.strong);
    let lines = format!(
        "Our lines are at {} and {}.",
        percent(u64::from(mild)),
        percent(u64::from(strong))
    );
    let is = percent(share.thousandths());
    Some(match driver.sign {
        Sign::TooOften => format!(
            "{of} messages to {out_of} people in {span}: {} each. Our lines are at {} and {}.",
            tenths(share.thousandths()),
            tenths(u64::from(mild)),
            tenths(u64::from(strong))
        ),
        Sign::Stops => {
            format!("{of} people stopped after {out_of} messages of the last {span}: {is}. {lines}")
        }
        Sign::WeakConsent => {
            format!("{of} of {out_of} messages in {span} rested on it: {is}. {lines}")
        }
        Sign::Unread => {
            format!("{of} of {out_of} messages of the last {span} that had time: {is}. {lines}")
        }
        _ => format!("{of} of {out_of} messages in {span}: {is}. {lines}"),
    })
}

/// Thousandths as a percentage.
fn percent(thousandths: u64) -> String {
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// Thousandths as a number with one place.
fn tenths(thousandths: u64) -> String {
    format!("{}.{}", thousandths / 1_000, thousandths % 1_000 / 100)
}
