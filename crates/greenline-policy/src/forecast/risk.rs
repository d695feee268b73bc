//! The risk of the next worse rating, and of enforcement: low, raised or high, with what drives it.
//!
//! What people do that a rating is made from (blocks, reports, QL-03) is told to no business. What is seen are their
//! neighbours: people who stop, messages that the platform holds back or that nobody reads, consent that is weak. Each is
//! a [`Sign`], mild or strong by [`bands`] that are ours; a sign gives points, and points make a level. There is no
//! probability in it (QL-06), and a sign more never makes a level lower.

use crate::health::state::{BanTold, Origin, Told};
use crate::health::{Cause, Seen, holding};
use crate::number::RestrictionKind;
use crate::quality::Score;

use super::bands::{self, Band};
use super::known::Day;
use super::{Newest, Rated};

const SPAM: u32 = 131_048;
const LOCKED: u32 = 131_031;
const POLICY: u32 = 368;

/// How great a risk is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Too little was sent to tell, and nothing speaks of a risk.
    NotEnoughData,
    /// Nothing speaks of it.
    Low,
    /// Something does.
    Raised,
    /// Much does, or something strong.
    High,
}

impl Level {
    /// The name used in APIs and on pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotEnoughData => "not_enough_data",
            Self::Low => "low",
            Self::Raised => "raised",
            Self::High => "high",
        }
    }
}

/// How much a sign says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Strength {
    /// A little.
    Mild,
    /// Much.
    Strong,
}

impl Strength {
    /// The name used in APIs and on pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mild => "mild",
            Self::Strong => "strong",
        }
    }
}

/// Something that speaks of a risk; the gravest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sign {
    /// A restriction, a lock or a ban is in force, or was of late.
    Enforced,
    /// A violation was recorded.
    Warned,
    /// Misuse of the utility category was.
    UtilityMisuse,
    /// The platform limited the number for spam (131048).
    SpamLimit,
    /// The number is rated medium or low.
    Rated,
    /// It was rated worse within the last seven days.
    RatedBefore,
    /// It has not been rated good for two weeks on end.
    Unproven,
    /// People stop.
    Stops,
    /// A template is rated badly, paused or disabled.
    Template,
    /// Messages rest on weak consent.
    WeakConsent,
    /// People get much.
    TooOften,
    /// The platform holds marketing back from people (131049).
    HeldBack,
    /// Messages are neither read nor answered.
    Unread,
    /// Messages go where nobody is (131026).
    Unreachable,
}

impl Sign {
    /// Every sign.
    pub const ALL: [Self; 14] = [
        Self::Enforced,
        Self::Warned,
        Self::UtilityMisuse,
        Self::SpamLimit,
        Self::Rated,
        Self::RatedBefore,
        Self::Unproven,
        Self::Stops,
        Self::Template,
        Self::WeakConsent,
        Self::TooOften,
        Self::HeldBack,
        Self::Unread,
        Self::Unreachable,
    ];

    /// What it adds to the risk of a worse rating: mild, strong.
    fn of_rating(self) -> (u32, u32) {
        match self {
            Self::Enforced | Self::Warned | Self::UtilityMisuse => (0, 0),
            Self::SpamLimit | Self::Stops | Self::TooOften => (1, 3),
            // A medium rating is where a fall to low begins, and says nothing of whether it comes.
            Self::Rated => (0, 3),
            Self::RatedBefore | Self::Unproven | Self::WeakConsent => (1, 1),
            Self::Template | Self::Unread => (1, 2),
            Self::HeldBack => (0, 2),
            Self::Unreachable => (2, 3),
        }
    }

    /// What it adds to the risk of enforcement.
    fn of_enforcement(self) -> (u32, u32) {
        match self {
            Self::Enforced | Self::Warned | Self::UtilityMisuse | Self::SpamLimit | Self::Rated => {
                (1, 3)
            }
            Self::Stops | Self::WeakConsent => (1, 2),
            Self::Unproven => (0, 0),
            Self::RatedBefore | Self::Template | Self::HeldBack => (0, 1),
            Self::TooOften | Self::Unread | Self::Unreachable => (0, 1),
        }
    }
}

/// So many of so many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// So many.
    pub of: u32,
    /// Of so many; for [`Sign::TooOften`] the people among whom they went.
    pub out_of: u32,
    /// In the newest days alone, and not in all seven.
    pub newest: bool,
    /// What it is compared with; ours, not the platform's.
    pub band: Band,
}

impl Share {
    /// In thousandths.
    #[must_use]
    pub fn thousandths(&self) -> u64 {
        u64::from(self.of) * 1_000 / u64::from(self.out_of.max(1))
    }
}

/// A sign that was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Driver {
    /// Which.
    pub sign: Sign,
    /// How much it says.
    pub strength: Strength,
    /// The number behind it, where it was counted.
    pub share: Option<Share>,
    /// What was told, where it was not counted.
    pub seen: Option<Seen>,
    /// The template that it is about.
    pub of: Option<Box<str>>,
}

/// A risk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Risk {
    /// How great.
    pub level: Level,
    /// The rating it is about: the next worse one. `None` for enforcement, and where none is worse.
    pub next: Option<Score>,
    /// What speaks of it, the strongest first.
    pub drivers: Vec<Driver>,
}

pub(super) fn rating(told: &Newest<'_>, rated: Rated) -> Risk {
    let next = match rated.map(|(score, _)| score) {
        Some(Score::Green | Score::Unrated) | None => Some(Score::Yellow),
        Some(Score::Yellow) => Some(Score::Red),
        Some(Score::Red) => None,
    };
    weigh(told, signs(told, rated), next, Sign::of_rating)
}

pub(super) fn enforcement(told: &Newest<'_>, rated: Rated) -> Risk {
    weigh(told, signs(told, rated), None, Sign::of_enforcement)
}

fn weigh(
    told: &Newest<'_>,
    signs: Vec<Driver>,
    next: Option<Score>,
    points: fn(Sign) -> (u32, u32),
) -> Risk {
    let adds = |driver: &Driver| {
        let (mild, strong) = points(driver.sign);
        match driver.strength {
            Strength::Mild => mild,
            Strength::Strong => strong,
        }
    };
    let mut drivers: Vec<Driver> = signs
        .into_iter()
        .filter(|driver| adds(driver) > 0)
        .collect();
    drivers.sort_by_key(|driver| (std::cmp::Reverse(adds(driver)), driver.sign));
    let together: u32 = drivers.iter().map(adds).sum();
    let sent = told.known.number.map_or(0, |week| week.looked_at());
    let level = if together >= bands::HIGH_FROM {
        Level::High
    } else if together >= bands::RAISED_FROM {
        Level::Raised
    } else if sent >= bands::SENT_LEAST {
        Level::Low
    } else {
        Level::NotEnoughData
    };
    Risk {
        level,
        next,
        drivers,
    }
}

/// Every sign that is seen, each once.
fn signs(told: &Newest<'_>, rated: Rated) -> Vec<Driver> {
    let mut signs = Vec::new();
    if let Some((score, seen)) = rated.filter(|(score, _)| score.is_poor()) {
        let strength = if score == Score::Red {
            Strength::Strong
        } else {
            Strength::Mild
        };
        signs.push(by_news(Sign::Rated, strength, seen));
    }
    rated_before(told, rated, &mut signs);
    unproven(told, rated, &mut signs);
    news(told, &mut signs);
    templates(told, rated, &mut signs);
    counted(told, &mut signs);
    signs
}

fn by_news(sign: Sign, strength: Strength, seen: Seen) -> Driver {
    Driver {
        sign,
        strength,
        share: None,
        seen: Some(seen),
        of: None,
    }
}

/// What a worse rating rested on still counts for seven days after its end (QL-02).
fn rated_before(told: &Newest<'_>, rated: Rated, signs: &mut Vec<Driver>) {
    let Some((present, _)) = rated else {
        return;
    };
    let after_ms = told.until_ms.saturating_sub(bands::RATED_BEFORE_MS);
    let ratings = told.ratings();
    // Each lasted until the next one was told.
    let ended = ratings.iter().zip(ratings.iter().skip(1));
    let mut worse = ended.filter(|((score, _), (_, next))| {
        score.is_poor() && *score < present && next.at_ms >= after_ms
    });
    if let Some(((_, seen), _)) = worse.next_back() {
        signs.push(by_news(Sign::RatedBefore, Strength::Mild, *seen));
    }
}

/// Whoever has been rated good for long has shown how people take it; of others that is not known. Of a number that sends
/// next to nothing nothing is said.
fn unproven(told: &Newest<'_>, rated: Rated, signs: &mut Vec<Driver>) {
    let sent = told.known.number.map_or(0, |week| week.looked_at());
    let is_poor = rated.is_some_and(|(score, _)| score.is_poor());
    let was_worse = signs.iter().any(|one| one.sign == Sign::RatedBefore);
    if sent < bands::SENT_LEAST || is_poor || was_worse {
        return;
    }
    let present = told.ratings().pop();
    let since = present.filter(|(score, _)| *score == Score::Green);
    let since = since.map(|(_, seen)| seen);
    let proven_ms = told.until_ms.saturating_sub(bands::PROVEN_MS);
    if since.is_none_or(|seen| seen.at_ms > proven_ms) {
        signs.push(Driver {
            sign: Sign::Unproven,
            strength: Strength::Mild,
            share: None,
            seen: since,
            of: None,
        });
    }
}

/// What the platform said or did before.
fn news(told: &Newest<'_>, signs: &mut Vec<Driver>) {
    let remembered = |seen: &Seen| seen.at_ms >= told.until_ms.saturating_sub(bands::REMEMBERED_MS);
    let newest = |is_it: fn(&Told) -> bool| {
        let found = told.newest(|fact| is_it(fact).then_some(()));
        found.map(|((), seen)| seen).filter(remembered)
    };
    let now = holding(&told.known.state, told.at_ms);
    let in_force = now.iter().find(|holds| is_measure(holds.cause));
    if let Some(seen) = in_force.and_then(|holds| holds.seen) {
        signs.push(by_news(Sign::Enforced, Strength::Strong, seen));
    } else if let Some(seen) = newest(was_measure) {
        signs.push(by_news(Sign::Enforced, Strength::Mild, seen));
    }
    let utility = now.iter().find(|holds| is_utility(holds.cause));
    let by_webhook = |at_ms: i64| Seen {
        at_ms,
        origin: Origin::Webhook,
    };
    let warned = &told.known.utility_warned;
    let by_then = warned.iter().filter(|at_ms| **at_ms <= told.until_ms);
    let misused = by_then.max().map(|at_ms| by_webhook(*at_ms));
    if let Some(seen) = utility.and_then(|holds| holds.seen) {
        signs.push(by_news(Sign::UtilityMisuse, Strength::Strong, seen));
    } else if let Some(seen) = misused.max(newest(was_utility)).filter(remembered) {
        signs.push(by_news(Sign::UtilityMisuse, fresh(told, seen), seen));
    }
    // A warning for the utility category is told by the same event, and counts there alone.
    let violations = told.facts().filter(|fact| fact.told == Told::Warned);
    let others = violations.map(|fact| fact.at_ms);
    let newest_violation = others.filter(|at_ms| !warned.contains(at_ms)).max();
    if let Some(seen) = newest_violation.map(by_webhook).filter(remembered) {
        signs.push(by_news(Sign::Warned, fresh(told, seen), seen));
    }
    let spam = newest(|told| *told == Told::Failed(SPAM));
    let after_ms = told.until_ms.saturating_sub(bands::SPAM_REMEMBERED_MS);
    if let Some(seen) = spam.filter(|seen| seen.at_ms >= after_ms) {
        signs.push(by_news(Sign::SpamLimit, Strength::Strong, seen));
    }
}

/// What is fresh says much.
fn fresh(told: &Newest<'_>, seen: Seen) -> Strength {
    if seen.at_ms >= told.until_ms.saturating_sub(bands::FRESH_MS) {
        Strength::Strong
    } else {
        Strength::Mild
    }
}

/// Whether a cause is a measure of the platform against the account or the number.
fn is_measure(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::BanDisabled
            | Cause::AccountDisabled
            | Cause::NumberBanned
            | Cause::Locked
            | Cause::LockSuspected
            | Cause::BanDue
            | Cause::BanScheduled
            | Cause::RepliesRestricted
            | Cause::RepliesAlone
            | Cause::StartsRestricted
            | Cause::RestrictionUnknown
            | Cause::PolicyRefused
            | Cause::AccountRestricted
            | Cause::AddingRestricted
    )
}

fn was_measure(told: &Told) -> bool {
    match told {
        Told::Restricted { kind, .. } => matches!(
            kind,
            RestrictionKind::BusinessInitiated
                | RestrictionKind::CustomerInitiated
                | RestrictionKind::AddingNumbers
                | RestrictionKind::Unknown
        ),
        Told::Ban(BanTold::Disabled | BanTold::Scheduled(_)) => true,
        Told::Failed(code) => matches!(*code, LOCKED | POLICY),
        _ => false,
    }
}

fn is_utility(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::UtilityTemplates | Cause::UtilityRate | Cause::UtilityLimit
    )
}

fn was_utility(told: &Told) -> bool {
    matches!(
        told,
        Told::Restricted {
            kind: RestrictionKind::UtilityTemplates | RestrictionKind::UtilityRate,
            ..
        }
    )
}

/// The worst template that the number sent of late. One that is rated as the number is says nothing more.
fn templates(told: &Newest<'_>, rated: Rated, signs: &mut Vec<Driver>) {
    let is_medium = rated.is_some_and(|(score, _)| score == Score::Yellow);
    let known = told.known.templates.iter();
    let bad = known
        .filter(|template| template.sent_here && template.seen.at_ms <= told.until_ms)
        .filter_map(|template| {
            let strength = match template.score {
                _ if template.stopped => Strength::Strong,
                Score::Red => Strength::Strong,
                Score::Yellow if !is_medium => Strength::Mild,
                Score::Yellow | Score::Green | Score::Unrated => return None,
            };
            Some((strength, template))
        });
    let worst = bad.max_by(|(one, a), (other, b)| one.cmp(other).then(b.name.cmp(&a.name)));
    if let Some((strength, template)) = worst {
        signs.push(Driver {
            of: Some(template.name.clone()),
            ..by_news(Sign::Template, strength, template.seen)
        });
    }
}

/// What was counted, over all seven days and over the newest of them.
fn counted(told: &Newest<'_>, signs: &mut Vec<Driver>) {
    let Some(week) = told.known.number else {
        return;
    };
    let (whole, newest) = (week.whole(), week.newest(bands::NEWEST_DAYS));
    let mut sign = |sign: Sign, band: Band, count: fn(&Day) -> (u32, u32)| {
        let of = |day: &Day, newest: bool| {
            let (of, out_of) = count(day);
            Share {
                of,
                // Whoever stops today may have got the message last week.
                out_of: out_of.max(of),
                newest,
                band,
            }
        };
        let both = [of(&whole, false), of(&newest, true)];
        let seen = both.into_iter().filter_map(|share| {
            let times = if share.newest { bands::NEWEST_TIMES } else { 1 };
            let strength = strength(share, week.one_in.max(1) * times)?;
            Some((strength, share.thousandths(), share))
        });
        if let Some((strength, _, share)) =
            seen.max_by_key(|(strength, much, _)| (*strength, *much))
        {
            signs.push(by_count(sign, strength, share));
        }
    };
    sign(Sign::Stops, bands::STOPS, |day| {
        (day.stops(), day.delivered)
    });
    sign(Sign::HeldBack, bands::HELD_BACK, |day| {
        (day.held_back, day.sent)
    });
    sign(Sign::Unreachable, bands::UNREACHABLE, |day| {
        (day.unreachable, day.sent)
    });
    sign(Sign::Unread, bands::UNREAD, |day| (day.unread, day.ripe));
    let over_the_week = [
        (Sign::WeakConsent, bands::WEAK, week.weak, whole.sent),
        (Sign::TooOften, bands::OFTEN, whole.sent, whole.people),
    ];
    for (sign, band, of, out_of) in over_the_week {
        let share = Share {
            of,
            out_of,
            newest: false,
            band,
        };
        if out_of > 0
            && let Some(strength) = strength(share, week.one_in.max(1))
        {
            signs.push(by_count(sign, strength, share));
        }
    }
}

/// How much a share says. One in so many of what it counts must be as many as is no coincidence.
fn strength(share: Share, one_in: u32) -> Option<Strength> {
    let much = share.thousandths();
    if share.of / one_in < share.band.least {
        None
    } else if much >= u64::from(share.band.strong) {
        Some(Strength::Strong)
    } else {
        (much >= u64::from(share.band.mild)).then_some(Strength::Mild)
    }
}

fn by_count(sign: Sign, strength: Strength, share: Share) -> Driver {
    Driver {
        sign,
        strength,
        share: Some(share),
        seen: None,
        of: None,
    }
}
