//! What goes into the ledger and what comes out, free of any store's or wire's format.

use std::sync::Arc;
use std::time::Instant;

use greenline_policy::consent::{EventId, EventKind, Head, Strength};
use greenline_policy::country::Place;
use greenline_policy::decide::{Decision, Facts, Intent, PersonFacts, Rules};
use greenline_policy::health::state::Health;
use greenline_policy::identity::Identifier;
use greenline_policy::number::{Ban, RestrictionKind};
use greenline_policy::own::OwnRule;
use greenline_policy::pace::{Caps, Pace};
use greenline_policy::pack::Pack;
use greenline_policy::reach::{MessagingLimit, PortfolioFacts};
use greenline_policy::scope::{Category, Scope};
use smallvec::SmallVec;

use crate::DecideFn;
use crate::later::{HeldClaim, Keep};

/// Which business, by its place in the configuration. Stores keep the business's `id`, never this index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BusinessIx(pub u32);

/// A person of one business, as the ledger numbers them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PersonId(pub u64);

impl PersonId {
    /// The shard, derived from the id, so that a person's rows are found from the id alone.
    #[must_use]
    pub fn shard(self) -> PersonShard {
        // Invariant: ids have 63 bits, so this is their top 12.
        PersonShard((self.0 >> 51) as u16 & 0xfff)
    }
}

/// The shard a person's rows live in; part of every key that touches a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PersonShard(pub u16);

/// Names a decision. Ordered by time; carries the first addressee's shard, so that it can be found again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DecisionId {
    /// Milliseconds since 1970 in the upper bits, a counter below; unique within the installation.
    pub seq: u64,
    /// The shard of the first addressee.
    pub shard: PersonShard,
}

/// Reference to a template, as a send names it, with what the business's settings say of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateRef {
    /// The account that owns it.
    pub waba_id: Arc<str>,
    /// Name as sent.
    pub name: Box<str>,
    /// Language as sent.
    pub language: Box<str>,
    /// Topic by the business's settings.
    pub topic: Option<Scope>,
    /// The business marks it as an ask.
    pub marked_ask: bool,
    /// The business's own rules that may be about it.
    pub own: Option<Arc<[OwnRule]>>,
}

/// How a send stands towards enforcement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Refusals are obeyed.
    Enforce,
    /// Refusals are recorded and the message goes on.
    Observe,
}

/// One send to be decided and recorded.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The business.
    pub business: BusinessIx,
    /// The sending number's phone_number_id.
    pub number: Arc<str>,
    /// The account of the number.
    pub waba_id: Arc<str>,
    /// The app that sends.
    pub app: Arc<str>,
    /// The addressees, at least one; with two, both must be allowed.
    pub to: SmallVec<[Identifier; 1]>,
    /// What it is.
    pub intent: Intent,
    /// The template, for template sends.
    pub template: Option<TemplateRef>,
    /// SHA-256 of the body as sent, first 16 bytes.
    pub body_hash: [u8; 16],
    /// The business's choices.
    pub rules: Rules,
    /// Whether refusals bind.
    pub mode: Mode,
    /// Decision time, Unix milliseconds.
    pub now_ms: i64,
    /// After this instant the send may no longer begin to go out.
    pub dispatch_by: Instant,
    /// Greenline's own confirmation after a stop: goes past the closed thread it confirms.
    pub confirms: Option<EventId>,
    /// What place and hour say of each addressee, in their order; empty where no rule looks at it.
    pub places: SmallVec<[Place; 1]>,
    /// How much the business lets one person get.
    pub caps: Caps,
    /// Whether it keeps to the platform's pace from one number to one person, and counts towards it.
    pub paced: bool,
    /// The own reply that this is: decided about only while it is in this hand, and by the same commit no longer
    /// to be handed out.
    pub reply: Option<ReplyClaim>,
    /// What to keep, should it be held; with none there, and no [`Ask::release`], the rules must hold nothing.
    pub keep: Option<Arc<Keep>>,
    /// The held message that this is: decided about only while it is in this hand, and by the same commit let go,
    /// held again or given up.
    pub release: Option<HeldClaim>,
}

/// How long a send of unknown outcome makes the same body to the same person wait, in milliseconds.
pub const UNSETTLED_MS: i64 = 15 * 60 * 1_000;

/// What became of an allowed send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The platform took it under these message ids.
    Accepted {
        /// `messages[].id` of the answer.
        message_ids: SmallVec<[Box<str>; 1]>,
    },
    /// The platform refused it.
    Rejected {
        /// The platform's error code.
        code: u32,
    },
    /// It certainly did not go out.
    NotSent,
    /// It may have gone out: the same body to the same person waits.
    Unknown,
}

/// Who did something, for the record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor(pub Box<str>);

/// The evidence kept with a consent event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Evidence {
    /// Method name, see `greenline_policy::evidence::Method`.
    pub method: Box<str>,
    /// The exact wording shown.
    pub wording: Box<str>,
    /// The version of the wording.
    pub wording_version: Box<str>,
    /// The business name shown.
    pub business_name: Box<str>,
    /// Where it was given, such as an address.
    pub source: Box<str>,
    /// The network address it came from.
    pub ip: Box<str>,
    /// The message that carried it.
    pub message_id: Box<str>,
    /// A file that proves it.
    pub file: Box<str>,
    /// Any other members the caller gave, a JSON object, or empty.
    pub extra_json: Box<str>,
}

/// A consent event to be appended; times have been through `greenline_policy::consent::act_time`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewEvent {
    /// The business.
    pub business: BusinessIx,
    /// Identifiers of the person; more than one are thereby linked.
    pub person: SmallVec<[Identifier; 1]>,
    /// What happened.
    pub kind: EventKind,
    /// What it is about.
    pub scope: Scope,
    /// When it is folded, Unix milliseconds.
    pub at_ms: i64,
    /// When the caller said it happened, if different or finer.
    pub stated_ms: i64,
    /// When it arrived.
    pub arrival_ms: i64,
    /// How well a yes is proved.
    pub strength: Strength,
    /// Made in the WhatsApp thread.
    pub in_thread: bool,
    /// The proof.
    pub evidence: Evidence,
    /// Who recorded it.
    pub actor: Actor,
    /// Appended once per business and key: message id, idempotency key, import row.
    pub dedup: Option<Box<str>>,
}

/// What an append gave.
#[derive(Debug)]
pub struct Appended {
    /// The event, or the earlier one with the same dedup key.
    pub id: EventId,
    /// Whether it had been appended before.
    pub repeated: bool,
    /// The person's head afterwards, as seen from the identifier used.
    pub head: Head,
    /// Sends allowed earlier to the people this closes something for; wait for them before answering.
    pub flights: Vec<crate::flight::Watch>,
}

/// How urgent a delivery is to the business's apps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lane {
    /// Holds an inbound message.
    Inbound,
    /// Statuses only.
    Status,
    /// Account and template events.
    Account,
    /// Notices to subscribers (see [`crate::notice`]).
    Event,
    /// Notices of what was imported.
    Bulk,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 5] = [
        Self::Inbound,
        Self::Status,
        Self::Account,
        Self::Event,
        Self::Bulk,
    ];

    /// Whether it leads to subscribers and not to apps.
    #[must_use]
    pub fn is_of_notices(self) -> bool {
        matches!(self, Self::Event | Self::Bulk)
    }
}

/// A webhook delivery, with what it teaches.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The business.
    pub business: BusinessIx,
    /// When it came, Unix milliseconds.
    pub received_ms: i64,
    /// The raw body, kept byte for byte.
    pub body: Arc<[u8]>,
    /// Headers to hand on, in order.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// Its lane.
    pub lane: Lane,
    /// Names of the apps it goes to.
    pub relay_to: Vec<Arc<str>>,
    /// What it teaches.
    pub effects: Vec<Effect>,
}

/// What ingesting a delivery gave.
#[derive(Debug)]
pub struct Ingested {
    /// The same bytes were taken before; nothing was relayed again.
    pub duplicate: bool,
    /// Sends allowed earlier to the people this closed something for; wait for them before answering.
    pub flights: Vec<crate::flight::Watch>,
    /// Whether own replies (confirmations, questions) became due.
    pub replies_due: bool,
}

/// One thing learned, from a webhook or from traffic passing through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// A consent event.
    Consent(NewEvent),
    /// These identifiers are one person.
    Known {
        /// At least two.
        person: SmallVec<[Identifier; 1]>,
        /// When it was learned.
        at_ms: i64,
    },
    /// The person wrote something new: opens the window and the thread; confirms carried yeses.
    Wrote {
        /// The person.
        person: SmallVec<[Identifier; 1]>,
        /// The number written to.
        number: Box<str>,
        /// When, start of the second (never ahead of arrival).
        at_ms: i64,
        /// The message.
        message_id: Box<str>,
        /// End of the free entry point's 72 hours, when it came from an ad (SND-05).
        free_until_ms: Option<i64>,
    },
    /// The person answered a request for call permission.
    CallPermission {
        /// The person.
        person: SmallVec<[Identifier; 1]>,
        /// The number asked from.
        number: Box<str>,
        /// When.
        at_ms: i64,
        /// Until when calls are allowed; `None` when declined.
        until_ms: Option<i64>,
    },
    /// The person changed number or id.
    Moved {
        /// Known before under.
        from: Identifier,
        /// Known now under.
        to: Identifier,
        /// When.
        at_ms: i64,
    },
    /// The status of a message.
    Status {
        /// The message.
        message_id: Box<str>,
        /// `sent`, `delivered`, `read`, `failed`, …
        status: Box<str>,
        /// When.
        at_ms: i64,
        /// The platform's error code for `failed`.
        code: Option<u32>,
    },
    /// A template as the platform lists or reports it; `None` leaves what is known.
    Template {
        /// The account.
        waba_id: Box<str>,
        /// Name.
        name: Box<str>,
        /// Language.
        language: Box<str>,
        /// The platform's id of it.
        template_id: Option<Box<str>>,
        /// Category in force.
        category: Option<Category>,
        /// `APPROVED`, `PAUSED`, `DISABLED`, …
        status: Option<Box<str>>,
        /// Its body puts the question that makes it an ask.
        is_ask: Option<bool>,
        /// Its quality score.
        quality: Option<Box<str>>,
        /// When the platform said so; older news never overwrites newer.
        at_ms: i64,
    },
    /// What the platform says of a number; `None` leaves what is known.
    Number {
        /// The phone_number_id.
        number: Box<str>,
        /// `status`.
        status: Option<Box<str>>,
        /// `quality_rating`.
        rating: Option<Box<str>>,
        /// When.
        at_ms: i64,
    },
    /// Restrictions of an account: the newest per type wins, a type not named keeps its end.
    Restricted {
        /// The account.
        waba_id: Box<str>,
        /// Each with the platform's type and end.
        restrictions: Vec<(RestrictionKind, Box<str>, Option<i64>)>,
        /// When.
        at_ms: i64,
    },
    /// The ban state of an account changed.
    Banned {
        /// The account.
        waba_id: Box<str>,
        /// Its state.
        ban: Ban,
        /// When.
        at_ms: i64,
    },
    /// The platform's word on whether it limits what a number sends, because people blocked or reported too much of it.
    Spam {
        /// The phone_number_id.
        number: Box<str>,
        /// Whether it does (131048); otherwise something was started, and it took it.
        limits: bool,
        /// When. What was taken says nothing within the day after the platform said that it limits.
        at_ms: i64,
    },
    /// What was learned of whether a number can send.
    Health {
        /// The phone_number_id.
        number: Box<str>,
        /// What.
        news: HealthNews,
        /// When.
        at_ms: i64,
    },
    /// What the platform says that the business's portfolio may reach.
    Limit {
        /// The limit.
        limit: MessagingLimit,
        /// The webhook field, or `graph` for what was read.
        origin: Box<str>,
        /// When; older news never overwrites newer, and of two of one moment the stricter stands.
        at_ms: i64,
    },
    /// Something on the timeline of an account, a number or a template.
    Timeline {
        /// What it is about: `account`, `number`, `template`, `business`.
        subject: &'static str,
        /// The platform's id of it.
        subject_id: Box<str>,
        /// The webhook field or other origin.
        origin: Box<str>,
        /// What happened, in the platform's word.
        event: Box<str>,
        /// When.
        at_ms: i64,
        /// The platform's value, JSON.
        body: Box<str>,
    },
    /// A reply that Greenline itself owes: once per dedup key.
    Reply {
        /// The person, as they are to be addressed.
        to: Identifier,
        /// The number to answer from.
        number: Box<str>,
        /// What to say.
        reply: OwnReply,
        /// The message answered.
        message_id: Box<str>,
        /// When that was.
        at_ms: i64,
    },
}

/// What was learned of whether a number can send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HealthNews {
    /// `health_status` was read.
    Read(Health),
    /// A send was refused as if the account were locked (131031).
    Locked,
    /// A send was refused for policy (368).
    Policy,
}

/// What Greenline says of its own accord.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OwnReply {
    /// Confirms a stop; the reach is the recogniser's name for it (`bare`, `all`, `marketing`).
    StopConfirmed {
        /// Language of the text.
        language: Box<str>,
        /// How far the stop reaches.
        reach: Box<str>,
    },
    /// Asks with two buttons whether a word was meant as a stop.
    StopQuestion {
        /// Language of the text.
        language: Box<str>,
    },
    /// Asks with two buttons whether the person wants what they are said to have agreed to.
    OptInQuestion {
        /// Language of the text.
        language: Box<str>,
        /// The scopes asked about, with spaces between.
        scopes: Box<str>,
    },
    /// Confirms a START.
    StartConfirmed {
        /// Language of the text.
        language: Box<str>,
    },
}

/// An own reply in hand: the reply, and the hand it is in. Another node may take it over when this one seems dead;
/// then this claim is worth nothing, and a decision that names it is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ReplyClaim {
    /// The reply.
    pub id: i64,
    /// The hand; 0 where there is only one.
    pub hand: i64,
}

/// How an own reply ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyEnd {
    /// It is over: sent, refused or given up; by which decision, if there was one.
    Over(Option<DecisionId>),
    /// What was decided certainly did not go out: whoever has it in hand tries again, or another does.
    NotSent,
}

/// A reply that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueReply {
    /// Names it when it is decided about and when it is done.
    pub claim: ReplyClaim,
    /// The business.
    pub business: BusinessIx,
    /// Whom to.
    pub to: Identifier,
    /// From which number.
    pub number: Box<str>,
    /// What to say.
    pub reply: OwnReply,
    /// The stop it confirms.
    pub confirms: Option<EventId>,
    /// The message it answers.
    pub message_id: Box<str>,
    /// When that was written.
    pub at_ms: i64,
}

/// A delivery waiting for an app.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relay {
    /// Names the delivery.
    pub inbox_seq: i64,
    /// The app.
    pub app: Arc<str>,
    /// The business.
    pub business: BusinessIx,
    /// The raw body.
    pub body: Arc<[u8]>,
    /// Headers to hand on.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// Its lane.
    pub lane: Lane,
    /// Attempts so far.
    pub attempts: u32,
    /// When it came in.
    pub received_ms: i64,
}

/// How a relay attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelayResult {
    /// The app took it.
    Delivered,
    /// Try again then.
    RetryAt(i64),
    /// It was not attempted, and is due again then.
    PutOff(i64),
    /// Given up; kept for replay.
    Parked,
}

/// One addressee of a recorded decision, with what was known.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordedPerson {
    /// The person.
    pub person: Option<PersonId>,
    /// The identifier as sent.
    pub identifier: Identifier,
    /// The head then.
    pub head: Head,
    /// When they last wrote to the number.
    pub wrote_at_ms: Option<i64>,
    /// Until when calls were allowed.
    pub call_permission_until_ms: Option<i64>,
    /// Until when the same body had to wait.
    pub unsettled_until_ms: Option<i64>,
    /// What place and hour said.
    pub place: Place,
    /// When the newest message had reached them that counted towards the portfolio's limit, if it still did.
    pub reached_at_ms: Option<i64>,
    /// Until when earlier messages made it wait.
    pub pace: Pace,
}

impl RecordedPerson {
    /// What a decision is told of them.
    #[must_use]
    pub fn facts(&self) -> PersonFacts<'_> {
        PersonFacts {
            head: &self.head,
            wrote_at_ms: self.wrote_at_ms,
            call_permission_until_ms: self.call_permission_until_ms,
            unsettled_until_ms: self.unsettled_until_ms,
            place: self.place,
            reached_at_ms: self.reached_at_ms,
            pace: self.pace,
        }
    }
}

/// A decision with all it rested on: enough to decide again.
#[derive(Clone, PartialEq, Debug)]
pub struct DecisionRecord {
    /// Its name.
    pub id: DecisionId,
    /// The business's `id`.
    pub business: Box<str>,
    /// The number.
    pub number: Box<str>,
    /// The app.
    pub app: Box<str>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The rule pack.
    pub pack: Box<str>,
    /// What it was.
    pub intent: Intent,
    /// The template as sent, name and language.
    pub template: Option<(Box<str>, Box<str>)>,
    /// What was known of the template.
    pub template_facts: Option<greenline_policy::decide::TemplateFacts>,
    /// What was known of the number.
    pub number_facts: greenline_policy::decide::NumberFacts,
    /// What was known of its portfolio.
    pub portfolio: PortfolioFacts,
    /// The addressees.
    pub people: Vec<RecordedPerson>,
    /// The business's choices then.
    pub rules: Rules,
    /// Whether refusals bound.
    pub observed: bool,
    /// Was Greenline's own confirmation of a stop.
    pub confirms: Option<EventId>,
    /// SHA-256 of the body, first 16 bytes.
    pub body_hash: [u8; 16],
    /// The answer.
    pub decision: Decision,
    /// What became of it, in words of the ledger: `accepted`, `rejected`, `not_sent`, `unknown`, or none yet.
    pub outcome: Option<Box<str>>,
    /// Message ids the platform gave.
    pub message_ids: Vec<Box<str>>,
    /// Latest status of the message, if any: `sent`, `delivered`, …
    pub status: Option<Box<str>>,
}

impl DecisionRecord {
    /// Decides again on what was known.
    #[must_use]
    pub fn again(&self, decide: DecideFn) -> Decision {
        let people: SmallVec<[PersonFacts<'_>; 1]> =
            self.people.iter().map(RecordedPerson::facts).collect();
        let facts = Facts {
            people: &people,
            template: self.template_facts.as_ref(),
            number: &self.number_facts,
            portfolio: self.portfolio,
        };
        decide(self.intent, &facts, &self.rules, self.at_ms)
    }

    /// Whether it names the pack that its moment has in this program: only then deciding again must give the same.
    #[must_use]
    pub fn is_of_its_time(&self) -> bool {
        *self.pack == *Pack::at(self.at_ms).version
    }
}

/// What an admission gave.
#[derive(Debug)]
pub struct Admitted {
    /// The decision's name; recorded on disk.
    pub id: DecisionId,
    /// The decision.
    pub decision: Decision,
    /// Held while the message is on its way; `None` when it does not go.
    pub flight: Option<crate::flight::Flight>,
}

/// A decision that the store could not take when it was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spilled {
    /// Its name.
    pub id: DecisionId,
    /// The business's `id`.
    pub business: Box<str>,
    /// The first addressee.
    pub person: Option<PersonId>,
    /// When it was made, Unix milliseconds.
    pub at_ms: i64,
    /// The record, in the store's own form.
    pub record: Box<str>,
}

/// What an admission past the store gave.
#[derive(Debug)]
pub struct Unrecorded {
    /// The decision, allowed, with its flight.
    pub admitted: Admitted,
    /// To be kept durably before the message goes.
    pub spilled: Spilled,
}

/// A consent event as read back.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredEvent {
    /// Its name.
    pub id: EventId,
    /// Order of arrival within the person.
    pub version: u32,
    /// The identifier it was recorded under, as given.
    pub identifier: Identifier,
    /// Everything that was appended.
    pub event: NewEvent,
}

/// A person as read back.
#[derive(Clone, PartialEq, Debug)]
pub struct PersonView {
    /// The person.
    pub id: PersonId,
    /// Every identifier, with since when it is linked.
    pub identifiers: Vec<(Identifier, i64)>,
    /// The head, as seen from the identifier asked by.
    pub head: Head,
    /// Every consent event, oldest first.
    pub history: Vec<StoredEvent>,
    /// Per number: when the person last wrote, and the end of a free entry point.
    pub windows: Vec<(Box<str>, i64, Option<i64>)>,
}

/// A timeline entry as read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimelineEntry {
    /// Names it; later entries have higher numbers.
    pub seq: i64,
    /// `account`, `number`, `template`, `business`.
    pub subject: Box<str>,
    /// Id of it.
    pub subject_id: Box<str>,
    /// Where it came from.
    pub origin: Box<str>,
    /// What happened.
    pub event: Box<str>,
    /// When.
    pub at_ms: i64,
    /// The platform's value, JSON.
    pub body: Box<str>,
}

impl TimelineEntry {
    /// When it came, Unix milliseconds: its number begins with that. `None` for what an early release numbered.
    #[must_use]
    pub fn received_ms(&self) -> Option<i64> {
        let ms = self.seq >> 20;
        (ms >= NUMBERED_BY_TIME_MS).then_some(ms)
    }
}

/// No entry that is numbered by its time came before 2020.
const NUMBERED_BY_TIME_MS: i64 = 1_577_836_800_000;

/// A number as read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberView {
    /// The phone_number_id.
    pub number: Box<str>,
    /// `status`, as read.
    pub status: Option<Box<str>>,
    /// `quality_rating`, as read.
    pub rating: Option<Box<str>>,
    /// When that was read.
    pub at_ms: Option<i64>,
    /// When anybody last wrote to it.
    pub last_inbound_ms: Option<i64>,
}

/// Numbers that a store looks up at once.
pub(crate) const NUMBERS_AT_ONCE: usize = 1_000;

/// A number that is asked about, with its account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberAsked {
    /// Whose it is.
    pub business: BusinessIx,
    /// Its id.
    pub number: Box<str>,
    /// The id of its account.
    pub waba_id: Box<str>,
}

/// What the platform said of a number and its account, as decisions look at it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NumberKnown {
    /// `status`, as read.
    pub status: Option<Box<str>>,
    /// `quality_rating`, as read.
    pub rating: Option<Box<str>>,
    /// When the rating was read.
    pub rating_at_ms: Option<i64>,
    /// When anything of the number was read.
    pub at_ms: Option<i64>,
    /// When the platform last said that it limits the number for spam, and took nothing since that tells otherwise.
    pub spam_ms: Option<i64>,
    /// `health_status`, as last read, and when.
    pub health: Option<(Health, i64)>,
    /// When `health_status` last called the account AVAILABLE.
    pub available_ms: Option<i64>,
    /// When a send was last refused as if the account were locked (131031).
    pub locked_ms: Option<i64>,
    /// When a send was last refused for policy (368).
    pub policy_ms: Option<i64>,
    /// The account's ban state.
    pub ban: Ban,
    /// When that was said.
    pub ban_at_ms: Option<i64>,
    /// The account's restrictions: the platform's word, the end, when it was said.
    pub restrictions: Vec<(Box<str>, Option<i64>, i64)>,
}

/// How a portfolio stands towards its limit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PortfolioView {
    /// What the platform said last; `None` while it has not.
    pub limit: Option<MessagingLimit>,
    /// Where that was read: a webhook field, or `graph`.
    pub origin: Option<Box<str>>,
    /// When the platform said so.
    pub at_ms: Option<i64>,
    /// People who count as reached.
    pub reached: u64,
    /// When the first of them no longer does.
    pub frees_at_ms: Option<i64>,
}

/// Counts for the status page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// People known.
    pub people: u64,
    /// Decisions that allowed, in the last 24 hours.
    pub allowed: u64,
    /// Decisions that refused, in the last 24 hours.
    pub refused: u64,
    /// Noes and native stops recorded in the last 24 hours.
    pub stops: u64,
    /// Deliveries waiting for apps.
    pub relay_waiting: u64,
    /// Deliveries given up and kept for replay.
    pub relay_parked: u64,
}

/// How one relay attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayDone {
    /// Names the delivery.
    pub inbox_seq: i64,
    /// The app.
    pub app: Arc<str>,
    /// The business.
    pub business: BusinessIx,
    /// How it ended.
    pub result: RelayResult,
}

/// A template as read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateView {
    /// The account.
    pub waba_id: Box<str>,
    /// Name.
    pub name: Box<str>,
    /// Language.
    pub language: Box<str>,
    /// The platform's id of it.
    pub template_id: Option<Box<str>>,
    /// Category in force.
    pub category: Option<Category>,
    /// `APPROVED`, `PAUSED`, `DISABLED`, …
    pub status: Option<Box<str>>,
    /// Its body puts the question that makes it an ask.
    pub is_ask: bool,
    /// Its quality score, as read.
    pub quality: Option<Box<str>>,
    /// When the platform said so.
    pub at_ms: i64,
}

/// What a verification found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verification {
    /// People looked at.
    pub people: u64,
    /// Consent events folded.
    pub events: u64,
    /// Decisions read.
    pub decisions: u64,
    /// Everything that is not as it should be; empty when all is well.
    pub differences: Vec<Difference>,
}

/// One thing that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// What kind: `head`, `version_gap`, `missing`, `record`, `store`.
    pub kind: &'static str,
    /// The person, when it is about one.
    pub person: Option<PersonId>,
    /// What was found, in words; no personal data.
    pub what: String,
}
