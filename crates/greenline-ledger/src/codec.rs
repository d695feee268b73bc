//! How decisions and heads are written down: compact JSON that an auditor can read and that later
//! versions must still read. Members are only ever added; what is absent has its default.

use std::borrow::Cow;

use greenline_policy::avenue::OnlyNotifications;
use greenline_policy::consent::{EventId, Head, Standing, Strength};
use greenline_policy::country::{Country, Place};
use greenline_policy::decide::{
    Decision, Intent, NumberFacts, Reason, Rules, TemplateFacts, TemplateStatus, Verdict,
};
use greenline_policy::health::Cause;
use greenline_policy::hold::Hold;
use greenline_policy::identity::{Identifier, Phone, UserId};
use greenline_policy::lasting::YesLasts;
use greenline_policy::number::{Ban, NumberStatus, Restriction, RestrictionKind};
use greenline_policy::own::{OwnReason, OwnRule};
use greenline_policy::pace::Pace;
use greenline_policy::quality::{QualityGuard, Rated, Score};
use greenline_policy::quiet::Quiet;
use greenline_policy::reach::{MessagingLimit, PortfolioFacts};
use greenline_policy::rule::Rule;
use greenline_policy::scope::{Categories, Category, Scope};
use serde::Deserialize;

use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::seal::Cuts;
use crate::state::facts::Judged;
use crate::state::pairs::counts;
use crate::types::{DecisionId, DecisionRecord, Evidence, OwnReply, PersonId, RecordedPerson};

pub(crate) mod health;
pub(crate) mod rows;
pub(crate) mod sealed;
pub(crate) mod taken;
mod write;

/// The form written today.
const VERSION: u8 = 1;

/// What cannot be read, in words.
type Unread = &'static str;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A standing: its name, the event, its time, its strength.
#[derive(Deserialize)]
struct StandingCode<'a>(
    #[serde(borrow)] Cow<'a, str>,
    u64,
    Option<i64>,
    #[serde(borrow)] Option<Cow<'a, str>>,
);

fn standing(code: Option<&StandingCode<'_>>) -> Result<Standing, Unread> {
    let Some(StandingCode(name, event, at_ms, strength)) = code else {
        return Ok(Standing::Unknown);
    };
    let event = EventId(*event);
    let at = || at_ms.ok_or("a standing without its time");
    Ok(match &**name {
        "refused" => Standing::Refused {
            event,
            at_ms: at()?,
        },
        "covered" => {
            let strength = strength
                .as_deref()
                .and_then(Strength::parse)
                .ok_or("a standing without its strength")?;
            Standing::Covered {
                event,
                at_ms: at()?,
                strength,
            }
        }
        "claimed" => Standing::Claimed { event },
        "unconfirmed" => Standing::Unconfirmed { event },
        "expired" => Standing::Expired { event },
        _ => return Err("a standing of no known name"),
    })
}

#[derive(Deserialize)]
struct HeadCode<'a> {
    /// The standing of all base scopes where it is the same: most heads come of one act.
    #[serde(default, borrow)]
    all: Option<StandingCode<'a>>,
    #[serde(default, borrow)]
    base: Option<[Option<StandingCode<'a>>; 5]>,
    #[serde(default, borrow)]
    topics: Vec<(Cow<'a, str>, Option<StandingCode<'a>>)>,
    #[serde(default)]
    native_stop: Option<(u64, i64)>,
    #[serde(default)]
    freeform_closed: Option<(u64, i64)>,
}

fn head(code: &HeadCode<'_>) -> Result<Head, Unread> {
    let mut base = [standing(code.all.as_ref())?; 5];
    for (into, code) in base.iter_mut().zip(code.base.iter().flatten()) {
        *into = standing(code.as_ref())?;
    }
    let topics = code
        .topics
        .iter()
        .map(|(scope, code)| {
            Ok((
                Scope::parse(scope).ok_or("a topic of no known form")?,
                standing(code.as_ref())?,
            ))
        })
        .collect::<Result<_, Unread>>()?;
    let named = |pair: Option<(u64, i64)>| pair.map(|(event, at_ms)| (EventId(event), at_ms));
    Ok(Head {
        base,
        topics,
        native_stop: named(code.native_stop),
        freeform_closed: named(code.freeform_closed),
    })
}

/// A head as it is stored.
pub(crate) fn encode_head(head: &Head) -> Result<String, LedgerError> {
    let mut text = Vec::new();
    write::Json(&mut text).head(head);
    String::from_utf8(text).map_err(|_| LedgerError::Bug("a head that is not text"))
}

/// Reads a stored head.
pub(crate) fn decode_head(text: &str) -> Result<Head, LedgerError> {
    let code: HeadCode<'_> =
        serde_json::from_str(text).map_err(|_| LedgerError::unreadable("a head"))?;
    head(&code).map_err(LedgerError::unreadable)
}

/// An identifier: a phone number as an integer, a user id as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum IdentifierCode<'a> {
    Phone(u64),
    User(#[serde(borrow)] Cow<'a, str>),
}

impl IdentifierCode<'_> {
    fn read(&self) -> Result<Identifier, Unread> {
        match self {
            Self::Phone(digits) => Phone::from_digits(*digits).map(Identifier::Phone),
            Self::User(text) => UserId::parse(text).map(Identifier::User),
        }
        .ok_or("an identifier of no known form")
    }
}

#[derive(Deserialize)]
struct PersonCode<'a> {
    #[serde(default)]
    person: Option<u64>,
    #[serde(borrow)]
    identifier: IdentifierCode<'a>,
    #[serde(default, borrow)]
    head: Option<HeadCode<'a>>,
    #[serde(default)]
    wrote_at_ms: Option<i64>,
    #[serde(default)]
    call_permission_until_ms: Option<i64>,
    #[serde(default)]
    unsettled_until_ms: Option<i64>,
    #[serde(default, borrow)]
    country: Option<Cow<'a, str>>,
    #[serde(default)]
    closed: u8,
    #[serde(default)]
    quiet: Option<[i64; 4]>,
    #[serde(default)]
    reached_at_ms: Option<i64>,
    #[serde(default)]
    capped_until_ms: Option<i64>,
    #[serde(default)]
    limited_until_ms: Option<i64>,
    #[serde(default)]
    paired_until_ms: Option<i64>,
}

impl PersonCode<'_> {
    fn place(&self) -> Result<Place, Unread> {
        let country = match self.country.as_deref() {
            None => Country::UNKNOWN,
            Some(code) => Country::parse(code).ok_or("a country of no known form")?,
        };
        Ok(Place {
            country,
            closed: Categories::from_bits(self.closed),
            quiet: self.quiet.map_or(Quiet::NONE, Quiet::from_ends_ms),
        })
    }
}

/// A reason: the rule, the event it rests on, when it passes.
#[derive(Deserialize)]
struct ReasonCode<'a>(#[serde(borrow)] Cow<'a, str>, Option<u64>, Option<i64>);

#[derive(Deserialize)]
struct TemplateCode<'a> {
    #[serde(default)]
    known: bool,
    #[serde(borrow)]
    category: Cow<'a, str>,
    #[serde(default, borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(default)]
    is_ask: bool,
    #[serde(default, borrow)]
    quality: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    own: Option<Vec<OwnCode<'a>>>,
}

/// A rule of the business's own: its name and why, scopes, countries, whether it is about yeses that nobody saw, from
/// and until when.
#[derive(Deserialize)]
struct OwnCode<'a>(
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    Vec<String>,
    Vec<String>,
    bool,
    Option<i64>,
    Option<i64>,
);

impl OwnCode<'_> {
    fn read(&self) -> Result<OwnRule, Unread> {
        let Self(name, text, scopes, countries, weak_consent, from_ms, until_ms) = self;
        let scope = |scope: &String| Scope::parse(scope).ok_or("a scope of no known form");
        let country = |code: &String| Country::parse(code).ok_or("a country of no known form");
        Ok(OwnRule {
            name: (&**name).into(),
            text: (&**text).into(),
            scopes: scopes.iter().map(scope).collect::<Result<_, Unread>>()?,
            countries: countries
                .iter()
                .map(country)
                .collect::<Result<_, Unread>>()?,
            weak_consent: *weak_consent,
            from_ms: *from_ms,
            until_ms: *until_ms,
        })
    }
}

impl TemplateCode<'_> {
    fn read(&self) -> Result<TemplateFacts, Unread> {
        Ok(TemplateFacts {
            known: self.known,
            category: Category::parse(&self.category).ok_or("a category of no known name")?,
            topic: self
                .topic
                .as_deref()
                .map(|topic| Scope::parse(topic).ok_or("a topic of no known form"))
                .transpose()?,
            status: match self.status.as_deref() {
                None => TemplateStatus::Sendable,
                Some("paused") => TemplateStatus::Paused,
                Some("disabled") => TemplateStatus::Disabled,
                Some(_) => return Err("a template status of no known name"),
            },
            is_ask: self.is_ask,
            quality: self.quality.as_deref().map(score).transpose()?,
            own: match &self.own {
                None => None,
                Some(own) => Some(
                    own.iter()
                        .map(OwnCode::read)
                        .collect::<Result<_, Unread>>()?,
                ),
            },
        })
    }
}

#[derive(Deserialize)]
struct NumberCode<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(default, borrow)]
    ban: Option<Cow<'a, str>>,
    #[serde(default)]
    locked: bool,
    #[serde(default, borrow)]
    restrictions: Vec<(Cow<'a, str>, Option<i64>)>,
    #[serde(default, borrow)]
    rating: Option<(Cow<'a, str>, i64)>,
    #[serde(default)]
    spam_limited_ms: Option<i64>,
    #[serde(default)]
    watched: bool,
    #[serde(default, borrow)]
    health: Vec<Cow<'a, str>>,
}

/// Reads the name that [`Score::as_str`] gives.
fn score(name: &str) -> Result<Score, Unread> {
    let score = Score::parse(name);
    let is_named = score.as_str() == name;
    is_named.then_some(score).ok_or("a rating of no known name")
}

/// The name of a restriction's kind in records.
pub(crate) fn restriction_name(kind: RestrictionKind) -> &'static str {
    match kind {
        RestrictionKind::BusinessInitiated => "business_initiated",
        RestrictionKind::CustomerInitiated => "customer_initiated",
        RestrictionKind::UtilityTemplates => "utility_templates",
        RestrictionKind::Calling => "calling",
        RestrictionKind::ReceivingCalls => "receiving_calls",
        RestrictionKind::AllCalls => "all_calls",
        RestrictionKind::CallButton => "call_button",
        RestrictionKind::AddingNumbers => "adding_numbers",
        RestrictionKind::UtilityRate => "utility_rate",
        RestrictionKind::DirectUtility => "direct_utility",
        RestrictionKind::UtilityLimit => "utility_limit",
        RestrictionKind::BanScheduled => "ban_scheduled",
        RestrictionKind::BanUnclear => "ban_unclear",
        RestrictionKind::AccountDisabled => "account_disabled",
        RestrictionKind::AccountRestricted => "account_restricted",
        RestrictionKind::AccountPending => "account_pending",
        RestrictionKind::AccountDeleted => "account_deleted",
        RestrictionKind::ReviewRejected => "review_rejected",
        RestrictionKind::ReviewRestricted => "review_restricted",
        RestrictionKind::Offboarded => "offboarded",
        RestrictionKind::Other => "other",
        RestrictionKind::Unknown => "unknown",
    }
}

/// Reads [`restriction_name`].
pub(crate) fn restriction_kind(name: &str) -> Option<RestrictionKind> {
    RestrictionKind::ALL
        .into_iter()
        .find(|kind| restriction_name(*kind) == name)
}

/// What a restriction's row names its kind by: the words that every release of this store's age can read. What they
/// lump together the platform's own word tells apart.
pub(crate) fn restriction_column(kind: RestrictionKind) -> &'static str {
    let known = match kind {
        RestrictionKind::AllCalls => RestrictionKind::Calling,
        RestrictionKind::ReceivingCalls
        | RestrictionKind::CallButton
        | RestrictionKind::AddingNumbers
        | RestrictionKind::UtilityRate
        | RestrictionKind::DirectUtility => RestrictionKind::Other,
        kind if kind.own_word().is_some() => RestrictionKind::Other,
        known => known,
    };
    restriction_name(known)
}

/// Reads [`restriction_column`], with the platform's word beside it.
pub(crate) fn restriction_row(column: &str, named: &str) -> Option<RestrictionKind> {
    let kind = restriction_kind(column)?;
    Some(match kind {
        RestrictionKind::Calling | RestrictionKind::Other => {
            match RestrictionKind::parse(named) {
                // Written down as what it was by a release that knew it.
                RestrictionKind::Unknown => kind,
                read => read,
            }
        }
        kind => kind,
    })
}

/// Reads the name of a ban state.
pub(crate) fn ban_of(name: &str) -> Option<Ban> {
    [Ban::None, Ban::Scheduled, Ban::Disabled]
        .into_iter()
        .find(|ban| ban.as_str() == name)
}

/// Reads the name that [`NumberStatus::as_str`] gives.
fn number_status(name: &str) -> Option<NumberStatus> {
    let status = NumberStatus::parse(name);
    (status.as_str() == name).then_some(status)
}

impl NumberCode<'_> {
    fn read(&self) -> Result<NumberFacts, Unread> {
        let restriction = |(kind, until_ms): &(Cow<'_, str>, Option<i64>)| {
            let kind = restriction_kind(kind).ok_or("a restriction of no known name")?;
            Ok(Restriction {
                kind,
                until_ms: *until_ms,
            })
        };
        Ok(NumberFacts {
            status: number_status(&self.status).ok_or("a number status of no known name")?,
            ban: self
                .ban
                .as_deref()
                .map_or(Some(Ban::None), ban_of)
                .ok_or("a ban state of no known name")?,
            locked: self.locked,
            restrictions: self
                .restrictions
                .iter()
                .map(restriction)
                .collect::<Result<_, Unread>>()?,
            rating: match &self.rating {
                None => None,
                Some((named, read_ms)) => Some(Rated {
                    score: score(named)?,
                    read_ms: *read_ms,
                }),
            },
            spam_limited_ms: self.spam_limited_ms,
            watched: self.watched,
            health: self
                .health
                .iter()
                .map(|name| Cause::parse(name).ok_or("a cause of no known name"))
                .collect::<Result<_, Unread>>()?,
        })
    }
}

#[derive(Deserialize)]
struct RecordCode<'a> {
    v: u8,
    #[serde(borrow)]
    number: Cow<'a, str>,
    app: Cow<'a, str>,
    pack: Cow<'a, str>,
    intent: Cow<'a, str>,
    #[serde(default, borrow)]
    template: Option<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(default, borrow)]
    template_facts: Option<TemplateCode<'a>>,
    #[serde(default, borrow)]
    number_facts: Option<NumberCode<'a>>,
    #[serde(borrow)]
    people: Vec<PersonCode<'a>>,
    #[serde(default)]
    window_templates_are_replies: bool,
    #[serde(default)]
    only_notifications: u8,
    #[serde(default)]
    yes_lasts: [u16; 4],
    #[serde(default)]
    portfolio: Option<PortfolioCode>,
    #[serde(default)]
    portfolio_limit: Option<u32>,
    #[serde(default)]
    hold: (u8, i64),
    #[serde(default, borrow)]
    quality_guard: Option<(Cow<'a, str>, i64)>,
    #[serde(default, borrow)]
    own: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(default)]
    observed: bool,
    #[serde(default)]
    confirms: Option<u64>,
    body_hash: Cow<'a, str>,
    verdict: Cow<'a, str>,
    #[serde(borrow)]
    reasons: Vec<ReasonCode<'a>>,
}

/// A portfolio: its limit, below zero where there is none; who was reached; when a place frees up.
#[derive(Deserialize)]
struct PortfolioCode(Option<i64>, u32, Option<i64>);

impl PortfolioCode {
    fn read(&self) -> PortfolioFacts {
        PortfolioFacts {
            limit: self.0.map(limit_of),
            reached: self.1,
            frees_at_ms: self.2,
        }
    }
}

/// A limit as a number: below zero where there is none.
pub(crate) fn limit_number(limit: MessagingLimit) -> i64 {
    match limit {
        MessagingLimit::People(people) => i64::from(people),
        MessagingLimit::Unlimited => -1,
    }
}

/// Reads [`limit_number`].
pub(crate) fn limit_of(number: i64) -> MessagingLimit {
    u32::try_from(number).map_or(MessagingLimit::Unlimited, MessagingLimit::People)
}

fn intent_name(intent: Intent) -> &'static str {
    match intent {
        Intent::FreeForm => "free_form",
        Intent::Template => "template",
        Intent::Call => "call",
        Intent::Confirmation => "confirmation",
    }
}

fn intent_of(name: &str) -> Result<Intent, Unread> {
    [
        Intent::FreeForm,
        Intent::Template,
        Intent::Call,
        Intent::Confirmation,
    ]
    .into_iter()
    .find(|intent| intent_name(*intent) == name)
    .ok_or("an intent of no known name")
}

fn hash_of(text: &str) -> Result<[u8; 16], Unread> {
    let unread = "a hash of no known form";
    let value = u128::from_str_radix(text, 16).map_err(|_| unread)?;
    if text.len() == 32 {
        Ok(value.to_be_bytes())
    } else {
        Err(unread)
    }
}

/// Writes a decision record after what `into` holds.
pub(crate) fn encode_record(judged: &Judged<'_>, into: &mut Vec<u8>) -> Result<Cuts, LedgerError> {
    Ok(write::Json(into).record(judged))
}

/// Whether somebody was erased from the people of a record.
pub(crate) fn names_erased(people: &str) -> Result<bool, LedgerError> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        identifier: IdentifierCode<'a>,
    }
    let named: Vec<Named<'_>> = serde_json::from_str(people)
        .map_err(|_| LedgerError::unreadable("the people of a decision record"))?;
    let mut erased = named
        .iter()
        .map(|one| one.identifier.read().map(|id| is_pseudonym(&id)));
    erased
        .try_fold(false, |any, one| Ok(any | one?))
        .map_err(LedgerError::unreadable)
}

/// What a record tells of how fast people were written to.
pub(crate) struct Paced {
    /// The sending number.
    pub(crate) number: Box<str>,
    /// Whether it was a message.
    pub(crate) counts: bool,
    /// The addressees.
    pub(crate) people: Vec<PacedPerson>,
}

/// An addressee in [`Paced`].
pub(crate) struct PacedPerson {
    /// The person, if they were known.
    pub(crate) person: Option<PersonId>,
    /// The identifier as sent.
    pub(crate) identifier: Identifier,
    /// It went to them although it was too fast.
    pub(crate) too_fast: bool,
}

/// Reads of a decision record only what a pace looks at.
pub(crate) fn decode_paced(text: &str) -> Result<Paced, LedgerError> {
    #[derive(Deserialize)]
    struct PacedCode<'a> {
        #[serde(borrow)]
        number: Cow<'a, str>,
        #[serde(borrow)]
        intent: Cow<'a, str>,
        #[serde(borrow)]
        people: Vec<PacedPersonCode<'a>>,
    }
    #[derive(Deserialize)]
    struct PacedPersonCode<'a> {
        #[serde(default)]
        person: Option<u64>,
        #[serde(borrow)]
        identifier: IdentifierCode<'a>,
        #[serde(default)]
        paired_until_ms: Option<i64>,
    }
    let code: PacedCode<'_> =
        serde_json::from_str(text).map_err(|_| LedgerError::unreadable("a decision record"))?;
    let person = |code: &PacedPersonCode<'_>| {
        Ok(PacedPerson {
            person: code.person.map(PersonId),
            identifier: code.identifier.read()?,
            too_fast: code.paired_until_ms.is_some(),
        })
    };
    let people = code.people.iter().map(person);
    Ok(Paced {
        number: (&*code.number).into(),
        counts: intent_of(&code.intent).is_ok_and(counts),
        people: people
            .collect::<Result<_, Unread>>()
            .map_err(LedgerError::unreadable)?,
    })
}

/// Reads a decision record. Outcome and status are kept elsewhere and left empty.
pub(crate) fn decode_record(
    id: DecisionId,
    business: &str,
    at_ms: i64,
    text: &str,
) -> Result<DecisionRecord, LedgerError> {
    let code: RecordCode<'_> =
        serde_json::from_str(text).map_err(|_| LedgerError::unreadable("a decision record"))?;
    if code.v != VERSION {
        return Err(LedgerError::unreadable(
            "a decision record of an unknown version",
        ));
    }
    record(id, business, at_ms, &code).map_err(LedgerError::unreadable)
}

fn record(
    id: DecisionId,
    business: &str,
    at_ms: i64,
    code: &RecordCode<'_>,
) -> Result<DecisionRecord, Unread> {
    let person = |code: &PersonCode<'_>| {
        Ok(RecordedPerson {
            person: code.person.map(PersonId),
            identifier: code.identifier.read()?,
            head: code
                .head
                .as_ref()
                .map(head)
                .transpose()?
                .unwrap_or_default(),
            wrote_at_ms: code.wrote_at_ms,
            call_permission_until_ms: code.call_permission_until_ms,
            unsettled_until_ms: code.unsettled_until_ms,
            place: code.place()?,
            reached_at_ms: code.reached_at_ms,
            pace: Pace {
                capped_until_ms: code.capped_until_ms,
                limited_until_ms: code.limited_until_ms,
                paired_until_ms: code.paired_until_ms,
            },
        })
    };
    let reason = |ReasonCode(rule, event, until_ms): &ReasonCode<'_>| {
        let rule = Rule::parse(rule).ok_or("a rule of no known name")?;
        Ok(Reason {
            rule,
            event: event.map(EventId),
            until_ms: *until_ms,
        })
    };
    let verdict = Verdict::ALL
        .into_iter()
        .find(|verdict| verdict.as_str() == code.verdict);
    Ok(DecisionRecord {
        id,
        business: business.into(),
        number: (&*code.number).into(),
        app: (&*code.app).into(),
        at_ms,
        pack: (&*code.pack).into(),
        intent: intent_of(&code.intent)?,
        template: code
            .template
            .as_ref()
            .map(|(name, language)| ((&**name).into(), (&**language).into())),
        template_facts: code
            .template_facts
            .as_ref()
            .map(TemplateCode::read)
            .transpose()?,
        number_facts: code
            .number_facts
            .as_ref()
            .map(NumberCode::read)
            .transpose()?
            .unwrap_or_default(),
        portfolio: code
            .portfolio
            .as_ref()
            .map(PortfolioCode::read)
            .unwrap_or_default(),
        people: code
            .people
            .iter()
            .map(person)
            .collect::<Result<_, Unread>>()?,
        rules: Rules {
            window_templates_are_replies: code.window_templates_are_replies,
            only_notifications: OnlyNotifications::from_bits(code.only_notifications),
            yes_lasts: YesLasts::from_days(code.yes_lasts),
            portfolio_limit: code.portfolio_limit,
            hold: Hold::from_parts(code.hold),
            quality_guard: match &code.quality_guard {
                None => QualityGuard::OFF,
                Some((named, max_age_ms)) => QualityGuard::at(score(named)?, *max_age_ms),
            },
        },
        observed: code.observed,
        confirms: code.confirms.map(EventId),
        body_hash: hash_of(&code.body_hash)?,
        decision: Decision {
            verdict: verdict.ok_or("a verdict of no known name")?,
            reasons: code
                .reasons
                .iter()
                .map(reason)
                .collect::<Result<_, Unread>>()?,
            own: code
                .own
                .iter()
                .map(|(name, text)| OwnReason {
                    name: (&**name).into(),
                    text: (&**text).into(),
                })
                .collect(),
        },
        outcome: None,
        message_ids: Vec::new(),
        status: None,
    })
}
