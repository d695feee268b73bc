//! How decisions and heads are written down: compact JSON that an auditor can read and that later
//! versions must still read. Members are only ever added; what is absent has its default.

use std::borrow::Cow;

use greenline_policy::consent::{EventId, Head, Standing, Strength};
use greenline_policy::decide::{
    Decision, Intent, NumberFacts, PersonFacts, Reason, Rules, TemplateFacts, TemplateStatus,
    Verdict,
};
use greenline_policy::identity::{Identifier, Phone, UserId};
use greenline_policy::number::{Ban, NumberStatus, Restriction, RestrictionKind};
use greenline_policy::rule::{PACK, Rule};
use greenline_policy::scope::{Category, Scope};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::LedgerError;
use crate::state::facts::{Addressee, Judged};
use crate::types::{
    DecisionId, DecisionRecord, Evidence, Mode, OwnReply, PersonId, RecordedPerson,
};

pub(crate) mod rows;

/// The form written today.
const VERSION: u8 = 1;

/// What cannot be read, in words.
type Unread = &'static str;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A standing: its name, the event, its time, its strength.
#[derive(Serialize, Deserialize)]
struct StandingCode<'a>(
    #[serde(borrow)] Cow<'a, str>,
    u64,
    Option<i64>,
    #[serde(borrow)] Option<Cow<'a, str>>,
);

impl StandingCode<'static> {
    fn of(standing: Standing) -> Option<Self> {
        let code = |name, event: EventId, at_ms, strength: Option<Strength>| {
            Some(Self(
                Cow::Borrowed(name),
                event.0,
                at_ms,
                strength.map(|strength| Cow::Borrowed(strength.as_str())),
            ))
        };
        match standing {
            Standing::Unknown => None,
            Standing::Refused { event, at_ms } => code("refused", event, Some(at_ms), None),
            Standing::Covered {
                event,
                at_ms,
                strength,
            } => code("covered", event, Some(at_ms), Some(strength)),
            Standing::Claimed { event } => code("claimed", event, None, None),
            Standing::Unconfirmed { event } => code("unconfirmed", event, None, None),
            Standing::Expired { event } => code("expired", event, None, None),
        }
    }
}

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

#[derive(Serialize, Deserialize)]
struct HeadCode<'a> {
    /// The standing of all base scopes where it is the same: most heads come of one act.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    all: Option<StandingCode<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    base: Option<[Option<StandingCode<'a>>; 5]>,
    #[serde(default, borrow, skip_serializing_if = "Vec::is_empty")]
    topics: Vec<(Cow<'a, str>, Option<StandingCode<'a>>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    native_stop: Option<(u64, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    freeform_closed: Option<(u64, i64)>,
}

impl HeadCode<'static> {
    fn of(head: &Head) -> Self {
        let named = |pair: Option<(EventId, i64)>| pair.map(|(event, at_ms)| (event.0, at_ms));
        let [first, others @ ..] = head.base;
        let all = StandingCode::of(first).filter(|_| others.iter().all(|other| *other == first));
        Self {
            base: all.is_none().then(|| head.base.map(StandingCode::of)),
            all,
            topics: head
                .topics
                .iter()
                .map(|(scope, s)| (Cow::Owned(scope.to_string()), StandingCode::of(*s)))
                .collect(),
            native_stop: named(head.native_stop),
            freeform_closed: named(head.freeform_closed),
        }
    }
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
    serde_json::to_string(&HeadCode::of(head))
        .map_err(|_| LedgerError::Bug("a head that does not serialise"))
}

/// Reads a stored head.
pub(crate) fn decode_head(text: &str) -> Result<Head, LedgerError> {
    let code: HeadCode<'_> =
        serde_json::from_str(text).map_err(|_| LedgerError::unreadable("a head"))?;
    head(&code).map_err(LedgerError::unreadable)
}

/// An identifier: a phone number as an integer, a user id as text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum IdentifierCode<'a> {
    Phone(u64),
    User(#[serde(borrow)] Cow<'a, str>),
}

impl<'a> IdentifierCode<'a> {
    fn of(identifier: &'a Identifier) -> Self {
        match identifier {
            Identifier::Phone(phone) => Self::Phone(phone.digits()),
            Identifier::User(user) => Self::User(Cow::Borrowed(user.reveal())),
        }
    }

    fn read(&self) -> Result<Identifier, Unread> {
        match self {
            Self::Phone(digits) => Phone::from_digits(*digits).map(Identifier::Phone),
            Self::User(text) => UserId::parse(text).map(Identifier::User),
        }
        .ok_or("an identifier of no known form")
    }
}

#[derive(Serialize, Deserialize)]
struct PersonCode<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<u64>,
    #[serde(borrow)]
    identifier: IdentifierCode<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    head: Option<HeadCode<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrote_at_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call_permission_until_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsettled_until_ms: Option<i64>,
}

/// The addressees, written without a list in between.
struct People<'a>(&'a [Identifier], &'a [Addressee], &'a [PersonFacts<'a>]);

impl Serialize for People<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.2.len()))?;
        for ((identifier, addressee), facts) in self.0.iter().zip(self.1).zip(self.2) {
            list.serialize_element(&PersonCode {
                person: addressee.person.map(|person| person.0),
                identifier: IdentifierCode::of(identifier),
                head: (!is_default(facts.head)).then(|| HeadCode::of(facts.head)),
                wrote_at_ms: facts.wrote_at_ms,
                call_permission_until_ms: facts.call_permission_until_ms,
                unsettled_until_ms: facts.unsettled_until_ms,
            })?;
        }
        list.end()
    }
}

/// A reason: the rule, the event it rests on, when it passes.
#[derive(Serialize, Deserialize)]
struct ReasonCode<'a>(#[serde(borrow)] Cow<'a, str>, Option<u64>, Option<i64>);

struct Reasons<'a>(&'a [Reason]);

impl Serialize for Reasons<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|r| {
            ReasonCode(
                Cow::Borrowed(r.rule.id()),
                r.event.map(|event| event.0),
                r.until_ms,
            )
        }))
    }
}

#[derive(Serialize, Deserialize)]
struct TemplateCode<'a> {
    #[serde(default, skip_serializing_if = "is_default")]
    known: bool,
    #[serde(borrow)]
    category: Cow<'a, str>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    topic: Option<Cow<'a, str>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    status: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_default")]
    is_ask: bool,
}

impl<'a> TemplateCode<'a> {
    fn of(facts: &'a TemplateFacts) -> Self {
        let status = match facts.status {
            TemplateStatus::Sendable => None,
            TemplateStatus::Paused => Some("paused"),
            TemplateStatus::Disabled => Some("disabled"),
        };
        Self {
            known: facts.known,
            category: Cow::Borrowed(facts.category.as_str()),
            topic: facts
                .topic
                .as_ref()
                .map(|topic| Cow::Owned(topic.to_string())),
            status: status.map(Cow::Borrowed),
            is_ask: facts.is_ask,
        }
    }

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
        })
    }
}

#[derive(Serialize, Deserialize)]
struct NumberCode<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    ban: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_default")]
    locked: bool,
    #[serde(default, borrow, skip_serializing_if = "Vec::is_empty")]
    restrictions: Vec<(Cow<'a, str>, Option<i64>)>,
}

/// The name of a restriction's kind in records.
pub(crate) fn restriction_name(kind: RestrictionKind) -> &'static str {
    match kind {
        RestrictionKind::BusinessInitiated => "business_initiated",
        RestrictionKind::CustomerInitiated => "customer_initiated",
        RestrictionKind::UtilityTemplates => "utility_templates",
        RestrictionKind::Calling => "calling",
        RestrictionKind::Other => "other",
        RestrictionKind::Unknown => "unknown",
    }
}

/// Reads [`restriction_name`].
pub(crate) fn restriction_kind(name: &str) -> Option<RestrictionKind> {
    use RestrictionKind::{
        BusinessInitiated, Calling, CustomerInitiated, Other, Unknown, UtilityTemplates,
    };
    [
        BusinessInitiated,
        CustomerInitiated,
        UtilityTemplates,
        Calling,
        Other,
        Unknown,
    ]
    .into_iter()
    .find(|kind| restriction_name(*kind) == name)
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

impl NumberCode<'static> {
    fn of(facts: &NumberFacts) -> Self {
        let restriction = |r: &Restriction| (Cow::Borrowed(restriction_name(r.kind)), r.until_ms);
        Self {
            status: Cow::Borrowed(facts.status.as_str()),
            ban: (facts.ban != Ban::None).then(|| Cow::Borrowed(facts.ban.as_str())),
            locked: facts.locked,
            restrictions: facts.restrictions.iter().map(restriction).collect(),
        }
    }
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
        })
    }
}

#[derive(Serialize, Deserialize)]
struct RecordCode<'a, People, Reasons> {
    v: u8,
    #[serde(borrow)]
    number: Cow<'a, str>,
    app: Cow<'a, str>,
    pack: Cow<'a, str>,
    intent: Cow<'a, str>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    template: Option<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    template_facts: Option<TemplateCode<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    number_facts: Option<NumberCode<'a>>,
    people: People,
    #[serde(default, skip_serializing_if = "is_default")]
    window_templates_are_replies: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    observed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirms: Option<u64>,
    body_hash: Cow<'a, str>,
    verdict: Cow<'a, str>,
    reasons: Reasons,
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

fn hex<'a>(hash: &[u8; 16], into: &'a mut [u8; 32]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in into.chunks_exact_mut(2).zip(hash) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(into).unwrap_or_default()
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
pub(crate) fn encode_record(judged: &Judged<'_>, into: &mut Vec<u8>) -> Result<(), LedgerError> {
    let Judged {
        ask,
        people,
        found,
        template,
        number,
        decision,
    } = judged;
    let mut digits = [0; 32];
    let code = RecordCode {
        v: VERSION,
        number: Cow::Borrowed(&ask.number),
        app: Cow::Borrowed(&ask.app),
        pack: Cow::Borrowed(PACK),
        intent: Cow::Borrowed(intent_name(ask.intent)),
        template: ask
            .template
            .as_ref()
            .map(|asked| (Cow::Borrowed(&*asked.name), Cow::Borrowed(&*asked.language))),
        template_facts: template.map(TemplateCode::of),
        number_facts: (!is_default(*number)).then(|| NumberCode::of(number)),
        people: People(&ask.to, found, people),
        window_templates_are_replies: ask.rules.window_templates_are_replies,
        observed: ask.mode == Mode::Observe,
        confirms: ask.confirms.map(|event| event.0),
        body_hash: Cow::Borrowed(hex(&ask.body_hash, &mut digits)),
        verdict: Cow::Borrowed(decision.verdict.as_str()),
        reasons: Reasons(&decision.reasons),
    };
    serde_json::to_writer(into, &code)
        .map_err(|_| LedgerError::Bug("a decision that does not serialise"))
}

type StoredRecord<'a> = RecordCode<'a, Vec<PersonCode<'a>>, Vec<ReasonCode<'a>>>;

/// Reads a decision record. Outcome and status are kept elsewhere and left empty.
pub(crate) fn decode_record(
    id: DecisionId,
    business: &str,
    at_ms: i64,
    text: &str,
) -> Result<DecisionRecord, LedgerError> {
    let code: StoredRecord<'_> =
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
    code: &StoredRecord<'_>,
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
    let verdict = [Verdict::Allow, Verdict::Refuse]
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
        people: code
            .people
            .iter()
            .map(person)
            .collect::<Result<_, Unread>>()?,
        rules: Rules {
            window_templates_are_replies: code.window_templates_are_replies,
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
        },
        outcome: None,
        message_ids: Vec::new(),
        status: None,
    })
}
