//! Why people may be taking a number's messages badly: likely causes from what is counted, and what to change first.
//!
//! The platform says what it looks at (QL-02, QL-03) and neither where its bounds lie (QL-06) nor which message made
//! somebody block a number. So this is a judgement and says so. Every band below is ours: a place where it is worth
//! looking, not a bound of the platform's. Where there is something to compare with, the comparison counts for more than the
//! band; what could be chance is not taken for a difference.

use std::cmp::Ordering;

use crate::reception::{Reception, Sent};

/// People who must have got something before anything is said.
pub const PEOPLE_LEAST: u64 = 50;
/// Messages that a share must be of before it is compared.
pub const MESSAGES_LEAST: u64 = 50;
/// Weak consent is worth looking at from this share of messages on.
pub const WEAK_SHARE: f64 = 0.25;
/// So many messages in seven days are many, where half of the people got as many or more.
pub const MEDIAN_MANY: f64 = 3.0;
/// So many messages in seven days are many, where one in twenty got more.
pub const P95_MANY: f64 = 5.0;
/// Messages that the platform kept back since the person gets too much marketing, as a share.
pub const OVER_CAP_SHARE: f64 = 0.05;
/// Messages to people who cannot be reached, as a share.
pub const UNREACHABLE_SHARE: f64 = 0.10;
/// Messages that were neither read nor answered, as a share, where there is nothing to compare with.
pub const SILENT_SHARE: f64 = 0.60;
/// How many times the other share one must be to be a difference worth telling.
pub const TIMES_WORSE: f64 = 1.5;
/// Standard errors beyond which a difference is not put down to chance.
pub const ERRORS_APART: f64 = 2.0;
/// A comparison weighs as much as this at most.
const BOOST_MAX: f64 = 3.0;
/// From this weight on a cause is likely, below it possible.
const LIKELY: f64 = 2.0;

/// Why.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cause {
    /// People did not ask for it.
    NoConsent,
    /// People get too much.
    TooOften,
    /// People do not care for what it says.
    NotRelevant,
    /// Numbers that are not, or no longer, somebody's on WhatsApp.
    StaleList,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 4] = [
        Self::NoConsent,
        Self::TooOften,
        Self::NotRelevant,
        Self::StaleList,
    ];

    /// The name used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoConsent => "no_consent",
            Self::TooOften => "too_often",
            Self::NotRelevant => "not_relevant",
            Self::StaleList => "stale_list",
        }
    }

    /// In a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::NoConsent => "Consent is weak: people may not have asked for this",
            Self::TooOften => "Too often: people get too much",
            Self::NotRelevant => "Not relevant: people do not care for it",
            Self::StaleList => "An old list: many cannot be reached",
        }
    }

    /// What to change first.
    #[must_use]
    pub fn first(self) -> &'static str {
        match self {
            Self::NoConsent => {
                "Stop marketing to people whose yes was imported, claimed, vouched for or is older than a year. Ask them where they come to you \
                 by themselves (in a chat that they open, on a form, by an opt-in link), keep the proof, and write only to those who say yes."
            }
            Self::TooOften => {
                "Send each person less: set a cap for each person and week, put campaigns that go to the same people together, and let people \
                 choose topics and how often on the preference page."
            }
            Self::NotRelevant => {
                "Stop this template for now. Send it only to people who asked for that topic or did something that it is about, say in its first \
                 line why they get it, and try it on a few before it goes to all."
            }
            Self::StaleList => {
                "Take out the numbers that failed with 131026, and ask where the list comes from: numbers that people gave you themselves are seldom \
                 out of reach. Treat the rest of the same list as unproved until they confirm."
            }
        }
    }

    /// Ids of the facts that it rests on.
    #[must_use]
    pub fn sources(self) -> &'static [&'static str] {
        match self {
            Self::NoConsent => &["OPT-01", "OPT-02", "QL-03"],
            Self::TooOften => &["SND-30", "QL-02", "QL-03"],
            Self::NotRelevant => &["SND-20", "QL-03"],
            Self::StaleList => &["SND-48", "OPT-02"],
        }
    }
}

/// How sure that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// It stands out, and people have shown it: by what they did, beyond chance.
    Likely,
    /// It is worth a look.
    Possible,
}

impl Level {
    /// The name used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }
}

/// So many of so many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Share {
    /// So many.
    pub part: u64,
    /// Of so many.
    pub of: u64,
}

impl Share {
    /// As a fraction; nothing of nothing is nothing.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of messages are far below 2^52"
    )]
    pub fn fraction(self) -> f64 {
        if self.of == 0 {
            0.0
        } else {
            self.part as f64 / self.of as f64
        }
    }

    /// Between which fractions the true one lies, 95 times of a hundred (Wilson).
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of messages are far below 2^52"
    )]
    pub fn bounds(self) -> (f64, f64) {
        const Z: f64 = 1.96;
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (of, fraction) = (self.of as f64, self.fraction());
        let square = Z * Z / of;
        let middle = fraction + square / 2.0;
        let half = Z * (fraction * (1.0 - fraction) / of + square / (4.0 * of)).sqrt();
        let bound = |value: f64| (value / (1.0 + square)).clamp(0.0, 1.0);
        (bound(middle - half), bound(middle + half))
    }

    /// How many standard errors above another.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of messages are far below 2^52"
    )]
    fn errors_above(self, other: Self) -> f64 {
        if self.of == 0 || other.of == 0 {
            return 0.0;
        }
        let of = self.of.saturating_add(other.of) as f64;
        let all = self.part.saturating_add(other.part) as f64 / of;
        let spread = all * (1.0 - all) * (1.0 / self.of as f64 + 1.0 / other.of as f64);
        if spread <= 0.0 {
            return 0.0;
        }
        (self.fraction() - other.fraction()) / spread.sqrt()
    }

    /// How many times another, bounded; half a case stands for none at all.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of messages are far below 2^52"
    )]
    fn times(self, other: Self) -> f64 {
        let of = other.of.max(1) as f64;
        let other = other.fraction().max(0.5 / of);
        (self.fraction() / other).min(BOOST_MAX)
    }

    fn is_enough(self) -> bool {
        self.of >= MESSAGES_LEAST
    }
}

/// A number behind a cause.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    /// A share.
    Share(Share),
    /// Messages for one person in seven days.
    Messages(u32),
}

/// What a number is compared with.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Against {
    /// Of what: `strong_consent`, `earlier_messages`, `other_templates` or `other_numbers`.
    pub of: &'static str,
    /// The same there.
    pub share: Share,
    /// Whether they are further apart than chance would put them.
    pub differs: bool,
}

/// What was measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
    /// `weak_consent`, `stops_weak_consent`, `median`, `p95`, `over_cap`, `stops_later_messages`, `answered`, `silent`
    /// or `unreachable`.
    pub what: &'static str,
    /// What came out.
    pub number: Number,
    /// From where on Greenline looks at it: a band of ours, none of the platform's.
    pub band: Option<f64>,
    /// What it is compared with.
    pub against: Option<Against>,
}

/// A cause, with what speaks for it.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// Why.
    pub cause: Cause,
    /// How sure that is.
    pub level: Level,
    /// What it is ranked by.
    pub weight: f64,
    /// The numbers behind it, the main one first.
    pub measured: Vec<Measured>,
    /// The template it is about, name and language.
    pub template: Option<(Box<str>, Box<str>)>,
}

/// Likely causes, or that there is too little to say.
#[derive(Clone, PartialEq, Debug)]
pub enum Likely {
    /// Fewer than [`PEOPLE_LEAST`] people got something in these days.
    NotEnough {
        /// So many did.
        people: u64,
    },
    /// Whatever stands out, the likeliest first; empty where nothing does.
    Causes(Vec<Finding>),
}

/// Judges.
#[must_use]
pub fn likely(reception: &Reception) -> Likely {
    let people = reception.per_person.people;
    if people < PEOPLE_LEAST {
        return Likely::NotEnough { people };
    }
    let found = [
        consent(reception),
        often(reception),
        relevance(reception),
        stale(reception),
    ];
    let mut found: Vec<Finding> = found.into_iter().flatten().collect();
    found.sort_by(|a, b| {
        let by_weight = b.weight.partial_cmp(&a.weight).unwrap_or(Ordering::Equal);
        by_weight.then(a.cause.cmp(&b.cause))
    });
    Likely::Causes(found)
}

/// Who said no, of those it was sent to: switch, words, other ways, and those whom the platform says have stopped.
fn gone(sent: &Sent) -> Share {
    Share {
        part: sent.stops().saturating_add(sent.opted_out).min(sent.sent),
        of: sent.sent,
    }
}

fn answered(sent: &Sent) -> Share {
    Share {
        part: sent.answered.min(sent.delivered),
        of: sent.delivered,
    }
}

fn silent(sent: &Sent) -> Share {
    Share {
        part: sent.silent,
        of: sent.judged,
    }
}

/// What a comparison does to a weight: a difference beyond chance raises it, none although there is enough to see one
/// halves it.
fn boost(here: Share, there: Option<(&'static str, Share)>) -> (f64, Option<Against>) {
    let Some((of, share)) = there.filter(|(_, share)| share.is_enough() && here.is_enough()) else {
        return (1.0, None);
    };
    let times = here.times(share);
    let differs = here.errors_above(share) >= ERRORS_APART && times >= TIMES_WORSE;
    let against = Against { of, share, differs };
    let weight = match (differs, times < 1.1) {
        (true, _) => times,
        (false, true) => 0.5,
        (false, false) => 1.0,
    };
    (weight, Some(against))
}

fn finding(
    cause: Cause,
    weight: f64,
    measured: Vec<Measured>,
    template: Option<(Box<str>, Box<str>)>,
) -> Option<Finding> {
    // A band alone makes nothing likely: people have to have shown it.
    let differs = |one: &Measured| one.against.is_some_and(|against| against.differs);
    let is_shown = cause == Cause::StaleList || measured.iter().any(differs);
    if weight < 1.0 {
        return None;
    }
    let level = if weight >= LIKELY && is_shown {
        Level::Likely
    } else {
        Level::Possible
    };
    Some(Finding {
        cause,
        level,
        weight,
        measured,
        template,
    })
}

fn consent(reception: &Reception) -> Option<Finding> {
    let (weak, strong) = (reception.weak(), reception.strong());
    let share = Share {
        part: weak.sent,
        of: reception.total.sent,
    };
    let there = if strong.sent >= MESSAGES_LEAST {
        ("strong_consent", gone(&strong))
    } else {
        ("other_numbers", gone(&reception.elsewhere))
    };
    let (boost, against) = boost(gone(&weak), Some(there));
    let mut measured = vec![Measured {
        what: "weak_consent",
        number: Number::Share(share),
        band: Some(WEAK_SHARE),
        against: None,
    }];
    if weak.sent > 0 {
        measured.push(Measured {
            what: "stops_weak_consent",
            number: Number::Share(gone(&weak)),
            band: None,
            against,
        });
    }
    let over = share.fraction() / WEAK_SHARE;
    if over < 1.0 {
        return None;
    }
    finding(Cause::NoConsent, over * boost, measured, None)
}

fn often(reception: &Reception) -> Option<Finding> {
    let per_person = reception.per_person;
    let over_cap = Share {
        part: reception.total.over_cap,
        of: reception.total.sent,
    };
    let by_turn = &reception.by_turn;
    let early = Sent::sum(by_turn.iter().take(2));
    let late = Sent::sum(by_turn.iter().skip(2));
    let (boost, against) = boost(gone(&late), Some(("earlier_messages", gone(&early))));
    let bands = [
        f64::from(per_person.median) / MEDIAN_MANY,
        f64::from(per_person.p95) / P95_MANY,
        (over_cap.fraction() / OVER_CAP_SHARE).min(2.0),
    ];
    let over = bands.into_iter().fold(0.0, f64::max);
    if over < 1.0 {
        return None;
    }
    let mut measured = vec![
        Measured {
            what: "median",
            number: Number::Messages(per_person.median),
            band: Some(MEDIAN_MANY),
            against: None,
        },
        Measured {
            what: "p95",
            number: Number::Messages(per_person.p95),
            band: Some(P95_MANY),
            against: None,
        },
    ];
    if over_cap.part > 0 {
        measured.push(Measured {
            what: "over_cap",
            number: Number::Share(over_cap),
            band: Some(OVER_CAP_SHARE),
            against: None,
        });
    }
    if late.sent > 0 {
        measured.push(Measured {
            what: "stops_later_messages",
            number: Number::Share(gone(&late)),
            band: None,
            against,
        });
    }
    // Many messages are many, also where people bear them: what a comparison takes away stays above nothing.
    finding(Cause::TooOften, (over * boost).max(1.0), measured, None)
}

/// Of every template the one that people care for least.
fn relevance(reception: &Reception) -> Option<Finding> {
    let named = reception
        .templates
        .iter()
        .filter(|one| !one.name.is_empty());
    let all = named.filter_map(|one| {
        let rest = reception.total.without(&one.sent);
        let (of, rest) = if rest.delivered >= MESSAGES_LEAST {
            ("other_templates", rest)
        } else {
            ("other_numbers", reception.elsewhere)
        };
        let (weight, measured) = cold(&one.sent, of, &rest)?;
        let template = Some((one.name.clone(), one.language.clone()));
        finding(Cause::NotRelevant, weight, measured, template)
    });
    all.max_by(|a, b| a.weight.partial_cmp(&b.weight).unwrap_or(Ordering::Equal))
}

/// How little people care for a template: answers against those elsewhere, silence against that elsewhere, or by
/// itself.
fn cold(own: &Sent, of: &'static str, rest: &Sent) -> Option<(f64, Vec<Measured>)> {
    let mut measured = Vec::new();
    let (mut weight, mut is_compared) = (0.0_f64, false);
    // Who does not answer, of those it reached: so that more is worse here as well.
    let (answers, their_answers) = (answered(own), answered(rest));
    if answers.is_enough() && their_answers.is_enough() {
        let times = their_answers.times(answers);
        let differs = their_answers.errors_above(answers) >= ERRORS_APART && times >= TIMES_WORSE;
        if differs {
            weight = weight.max(times / TIMES_WORSE);
        }
        is_compared = true;
        measured.push(Measured {
            what: "answered",
            number: Number::Share(answers),
            band: None,
            against: Some(Against {
                of,
                share: their_answers,
                differs,
            }),
        });
    }
    let (silence, their_silence) = (silent(own), silent(rest));
    if silence.is_enough() {
        let (boost, against) = boost(silence, Some((of, their_silence)));
        let differs = against.is_some_and(|against| against.differs);
        is_compared |= against.is_some();
        if differs {
            weight = weight.max(boost / TIMES_WORSE);
        } else if !is_compared {
            weight = weight.max(silence.fraction() / SILENT_SHARE);
        }
        measured.push(Measured {
            what: "silent",
            number: Number::Share(silence),
            band: against.is_none().then_some(SILENT_SHARE),
            against,
        });
    }
    (!measured.is_empty()).then_some((weight, measured))
}

fn stale(reception: &Reception) -> Option<Finding> {
    let share = Share {
        part: reception.total.unreachable,
        of: reception.total.sent,
    };
    let measured = vec![Measured {
        what: "unreachable",
        number: Number::Share(share),
        band: Some(UNREACHABLE_SHARE),
        against: None,
    }];
    let weight = (share.fraction() / UNREACHABLE_SHARE).min(BOOST_MAX);
    finding(Cause::StaleList, weight, measured, None)
}

#[cfg(test)]
mod tests;
