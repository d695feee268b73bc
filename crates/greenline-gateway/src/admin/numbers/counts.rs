//! Counts of how people took what was sent, and likely causes, in the API's shape.

use greenline_policy::likely::{
    Against, Finding, Likely, Measured, Number, PEOPLE_LEAST, Share, likely,
};
use greenline_policy::reception::{
    Basis, CATEGORIES, DAY_MS, DAYS, Reception, SILENT_AFTER_MS, STOP_WITHIN_MS, Sent, TURNS,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::shape::time;

use super::words;

/// Messages, and what became of them.
#[derive(Serialize, ToSchema)]
#[schema(as = MessageCounts)]
pub(crate) struct SentShape {
    /// Templates handed to the platform. What certainly did not go out is not counted.
    sent: u64,
    /// Taken by the platform, and not failed since.
    accepted: u64,
    /// Arrived: delivered, read or answered.
    delivered: u64,
    /// Read, as far as people let that be known.
    read: u64,
    /// The person has written to the number since.
    answered: u64,
    /// Refused by the platform, at once or later.
    failed: u64,
    /// Of those, because the person gets too much marketing from all businesses together (131049).
    failed_131049: u64,
    /// Of those, because the person has stopped marketing (131050).
    failed_131050: u64,
    /// Of those, because the person cannot be reached (131026).
    failed_131026: u64,
    /// Arrived, and old enough to tell: more than 24 hours.
    old_enough: u64,
    /// Of those, neither read nor answered.
    silent: u64,
    /// WhatsApp's own switch, turned within three days after it and before any other template.
    native_stops: u64,
    /// A stop word or button in the chat, likewise.
    stop_words: u64,
    /// Any other no, likewise: preference page, API, staff.
    other_stops: u64,
}

impl From<&Sent> for SentShape {
    fn from(sent: &Sent) -> Self {
        Self {
            sent: sent.sent,
            accepted: sent.accepted,
            delivered: sent.delivered,
            read: sent.read,
            answered: sent.answered,
            failed: sent.failed,
            failed_131049: sent.over_cap,
            failed_131050: sent.opted_out,
            failed_131026: sent.unreachable,
            old_enough: sent.judged,
            silent: sent.silent,
            native_stops: sent.native_stops,
            stop_words: sent.stop_words,
            other_stops: sent.other_stops,
        }
    }
}

/// So many of so many.
#[derive(Serialize, ToSchema)]
#[schema(as = ShareOf)]
pub(crate) struct ShareShape {
    part: u64,
    of: u64,
    /// The fraction, from 0 to 1.
    value: f64,
    /// The true fraction lies from here …
    low: f64,
    /// … to here, 95 times of a hundred.
    high: f64,
}

/// Fractions with four places: more would be noise.
fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

impl From<Share> for ShareShape {
    fn from(share: Share) -> Self {
        let (low, high) = share.bounds();
        Self {
            part: share.part,
            of: share.of,
            value: rounded(share.fraction()),
            low: rounded(low),
            high: rounded(high),
        }
    }
}

/// One day.
#[derive(Serialize, ToSchema)]
#[schema(as = DayCounts)]
struct DayShape {
    /// After this moment.
    from: String,
    /// Up to this one.
    until: String,
    /// Different people whom something went to.
    people: u64,
    counts: SentShape,
}

/// The messages of one row of a table; each table adds up to `total`.
#[derive(Serialize, ToSchema)]
#[schema(as = CountsBy)]
struct ByShape {
    /// What the row is of.
    of: String,
    counts: SentShape,
}

/// What one template came to.
#[derive(Serialize, ToSchema)]
#[schema(as = TemplateCounts)]
struct TemplateShape {
    /// Its name; empty for the rest beyond 200 templates.
    name: String,
    language: String,
    counts: SentShape,
}

/// How many messages people got in the seven days.
#[derive(Serialize, ToSchema)]
#[schema(as = MessagesPerPerson)]
struct PerPersonShape {
    /// Different people.
    people: u64,
    /// Half of them got no more than this.
    median: u32,
    /// Of a hundred, 95 got no more than this.
    p95: u32,
    /// The most that one person got.
    most: u32,
}

/// How people took what was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Reception)]
pub(crate) struct ReceptionShape {
    /// What went after this moment is counted: seven days back, or fewer where a business sends very much.
    from: String,
    /// Up to this moment. What became of messages is told as it is known now.
    until: String,
    /// One person in so many was looked at, with everything they got; all counts are of those. 1: everybody.
    one_in: u32,
    /// All templates from this number.
    total: SentShape,
    /// Messages that only answered, which are counted nowhere else.
    answers: u64,
    /// What rested on weak consent (imported, vouched for, claimed, older than a year, or none), of all.
    weak_consent: ShareShape,
    /// What was neither read nor answered, of all that arrived and is old enough to tell.
    silent: ShareShape,
    per_person: PerPersonShape,
    /// By 24 hours, the oldest first.
    days: Vec<DayShape>,
    /// By what it rested on: `evidenced`, `old`, `vouched`, `imported`, `claimed`, `absent`.
    by_consent: Vec<ByShape>,
    /// By category.
    by_category: Vec<ByShape>,
    /// By which message of the seven days it was for its person: `1`, `2`, `3-4`, `5-7`, `8+`.
    by_turn: Vec<ByShape>,
    /// By template, most sent first.
    templates: Vec<TemplateShape>,
    /// What the business's other numbers sent, which it is compared with.
    other_numbers: SentShape,
    /// Noes of the business's people in these days that followed no template within three days.
    unattributed_stops: u64,
    /// How old a message must be before silence counts, in hours.
    silent_after_h: i64,
    /// How long after a template a no is put down to it, in hours.
    stop_within_h: i64,
}

const HOUR_MS: i64 = 60 * 60 * 1_000;

impl From<&Reception> for ReceptionShape {
    fn from(reception: &Reception) -> Self {
        let total = &reception.total;
        let by = |of: &str, sent: &Sent| ByShape {
            of: of.to_owned(),
            counts: sent.into(),
        };
        let day = |(at, day): (usize, &greenline_policy::reception::Day)| {
            let back = i64::try_from(DAYS - at).unwrap_or_default();
            let from_ms = reception.at_ms.saturating_sub(DAY_MS.saturating_mul(back));
            DayShape {
                from: time(from_ms),
                until: time(from_ms.saturating_add(DAY_MS)),
                people: day.people,
                counts: (&day.sent).into(),
            }
        };
        let template = |one: &greenline_policy::reception::TemplateSent| TemplateShape {
            name: one.name.to_string(),
            language: one.language.to_string(),
            counts: (&one.sent).into(),
        };
        let bases = Basis::ALL.iter().zip(&reception.by_basis);
        let categories = CATEGORIES.iter().zip(&reception.by_category);
        Self {
            from: time(reception.from_ms),
            until: time(reception.at_ms),
            one_in: reception.one_in,
            total: total.into(),
            answers: reception.answers,
            weak_consent: weak(reception).into(),
            silent: silent(reception).into(),
            per_person: PerPersonShape {
                people: reception.per_person.people,
                median: reception.per_person.median,
                p95: reception.per_person.p95,
                most: reception.per_person.most,
            },
            days: reception.days.iter().enumerate().map(day).collect(),
            by_consent: bases
                .map(|(basis, sent)| by(basis.as_str(), sent))
                .collect(),
            by_category: categories
                .map(|(category, sent)| by(category.as_str(), sent))
                .collect(),
            by_turn: TURNS
                .iter()
                .zip(&reception.by_turn)
                .map(|(turn, sent)| by(turn, sent))
                .collect(),
            templates: reception.templates.iter().map(template).collect(),
            other_numbers: (&reception.elsewhere).into(),
            unattributed_stops: reception.unattributed,
            silent_after_h: SILENT_AFTER_MS / HOUR_MS,
            stop_within_h: STOP_WITHIN_MS / HOUR_MS,
        }
    }
}

/// What rested on weak consent, of all.
pub(super) fn weak(reception: &Reception) -> Share {
    Share {
        part: reception.weak().sent,
        of: reception.total.sent,
    }
}

/// What was neither read nor answered, of what is old enough.
pub(super) fn silent(reception: &Reception) -> Share {
    Share {
        part: reception.total.silent,
        of: reception.total.judged,
    }
}

/// What a number is compared with.
#[derive(Serialize, ToSchema)]
#[schema(as = ComparedWith)]
struct AgainstShape {
    /// `strong_consent`, `earlier_messages`, `other_templates` or `other_numbers`.
    of: &'static str,
    share: ShareShape,
    /// They are further apart than chance would put them, and by at least half as much again.
    differs: bool,
}

impl From<Against> for AgainstShape {
    fn from(against: Against) -> Self {
        Self {
            of: against.of,
            share: against.share.into(),
            differs: against.differs,
        }
    }
}

/// A number behind a likely cause.
#[derive(Serialize, ToSchema)]
#[schema(as = MeasuredNumber)]
struct MeasuredShape {
    /// `weak_consent`, `stops_weak_consent`, `median`, `p95`, `over_cap`, `stops_later_messages`, `answered`, `silent` or
    /// `unreachable`.
    what: &'static str,
    /// The same in a sentence.
    text: String,
    /// A share …
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<ShareShape>,
    /// … or messages for one person in seven days.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<u32>,
    /// From where on Greenline looks at it. Greenline's own band: the platform publishes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    band: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared_with: Option<AgainstShape>,
}

impl From<&Measured> for MeasuredShape {
    fn from(measured: &Measured) -> Self {
        let (share, messages) = match measured.number {
            Number::Share(share) => (Some(share.into()), None),
            Number::Messages(messages) => (None, Some(messages)),
        };
        Self {
            what: measured.what,
            text: words::measured(measured),
            share,
            messages,
            band: measured.band,
            compared_with: measured.against.map(Into::into),
        }
    }
}

/// A template by name and language.
#[derive(Serialize, ToSchema)]
#[schema(as = TemplateName)]
struct TemplateNameShape {
    name: String,
    language: String,
}

/// A likely cause.
#[derive(Serialize, ToSchema)]
#[schema(as = LikelyCause)]
struct CauseShape {
    /// `no_consent`, `too_often`, `not_relevant` or `stale_list`.
    cause: &'static str,
    title: &'static str,
    /// `likely` or `possible`.
    level: &'static str,
    /// The template it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<TemplateNameShape>,
    /// The numbers behind it, the main one first.
    measured: Vec<MeasuredShape>,
    /// What to change first.
    change_first: &'static str,
    /// Ids of the facts that it rests on; `/guide` has them.
    sources: &'static [&'static str],
}

impl From<&Finding> for CauseShape {
    fn from(finding: &Finding) -> Self {
        let template = finding.template.as_ref();
        Self {
            cause: finding.cause.as_str(),
            title: finding.cause.title(),
            level: finding.level.as_str(),
            template: template.map(|(name, language)| TemplateNameShape {
                name: name.to_string(),
                language: language.to_string(),
            }),
            measured: finding.measured.iter().map(Into::into).collect(),
            change_first: finding.cause.first(),
            sources: finding.cause.sources(),
        }
    }
}

/// Why people may be taking a number's messages badly.
#[derive(Serialize, ToSchema)]
#[schema(as = LikelyCauses)]
pub(crate) struct LikelyShape {
    /// `causes`, `nothing_stands_out` or `not_enough_data`.
    verdict: &'static str,
    /// The same in a sentence.
    text: String,
    /// People who must have got something before anything is said.
    people_least: u64,
    /// The likeliest first.
    causes: Vec<CauseShape>,
    /// What no count here can hold.
    not_seen: &'static str,
}

impl From<&Reception> for LikelyShape {
    fn from(reception: &Reception) -> Self {
        let judged = likely(reception);
        let (verdict, causes) = match &judged {
            Likely::NotEnough { .. } => ("not_enough_data", Vec::new()),
            Likely::Causes(found) if found.is_empty() => ("nothing_stands_out", Vec::new()),
            Likely::Causes(found) => ("causes", found.iter().map(Into::into).collect()),
        };
        Self {
            verdict,
            text: words::verdict(&judged),
            people_least: PEOPLE_LEAST,
            causes,
            not_seen: words::NOT_SEEN,
        }
    }
}
