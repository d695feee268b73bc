//! Held messages: what an app wanted sent and was only too early for, kept until it may go.
//!
//! A message is kept by the commit of the decision that holds it, under that decision's number, and is decided again
//! by [`Ledger::admit`] when its time has come: that decision names the held message, and its commit says in the same
//! breath what becomes of it. So none is sent twice, whatever breaks off, and none is forgotten: it waits, or it was
//! let go by a decision on record, or its app is still to be told, or it is over.
//!
//! To one addressee from one number an earlier one is always over before a later one is handed out.
//!
//! What is *held about* a person is another thing, and lives in [`crate::held`].

use std::sync::Arc;

use greenline_policy::identity::Identifier;

use crate::error::LedgerError;
use crate::request::{Answer, Request};
use crate::types::{BusinessIx, DecisionId};
use crate::{Backend, Ledger, expect_answer, on};

/// Identifiers or message ids that one question may name.
pub const NAMES_MAX: usize = 2_000;

/// A message as it is kept, should its decision hold it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keep {
    /// The message id that its app is given.
    pub given_id: Box<str>,
    /// How to ask for it again.
    pub request: KeptRequest,
}

/// The request that a message came with, without any token.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptRequest {
    /// Path, version included, and query.
    pub target: Box<str>,
    /// The kind of body.
    pub content_type: Box<str>,
    /// The body.
    pub body: Arc<[u8]>,
}

impl std::fmt::Debug for KeptRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeptRequest({} bytes)", self.body.len())
    }
}

/// A held message in hand. Where another node may take it over, this claim is then worth nothing, and a decision that
/// names it is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HeldClaim {
    /// The held message: the decision that held it first.
    pub id: DecisionId,
    /// The hand; 0 where there is only one.
    pub hand: i64,
}

/// How a held message ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HeldEnd {
    /// The platform took it.
    Sent,
    /// It was refused, here or by the platform.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// It was let go and may have gone out; it is not sent again.
    Unknown,
}

impl HeldEnd {
    /// Every end.
    pub const ALL: [Self; 4] = [Self::Sent, Self::Failed, Self::Cancelled, Self::Unknown];

    /// Its name in stores and APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// Reads [`HeldEnd::as_str`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.as_str() == name)
    }

    /// Reads the two columns of a store: how one ended, and when.
    pub(crate) fn of_columns(
        ending: Option<&str>,
        over_ms: Option<i64>,
    ) -> Result<Option<(Self, i64)>, LedgerError> {
        let (Some(ending), Some(over_ms)) = (ending, over_ms) else {
            return Ok(None);
        };
        let end = Self::parse(ending);
        let end = end.ok_or_else(|| LedgerError::unreadable("the end of a held message"))?;
        Ok(Some((end, over_ms)))
    }
}

/// How far a held message is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HeldStage {
    /// It waits for its time.
    Waiting,
    /// A decision to send it is on record; what became of it is not known yet.
    LetGo,
    /// It does not go; its app is to be told.
    ToTell,
    /// Nothing is left to do.
    Over,
}

impl HeldStage {
    const ALL: [Self; 4] = [Self::Waiting, Self::LetGo, Self::ToTell, Self::Over];

    pub(crate) fn column(self) -> i64 {
        self as i64
    }

    pub(crate) fn of_column(column: i64) -> Result<Self, LedgerError> {
        let mut all = Self::ALL.into_iter();
        all.find(|stage| stage.column() == column)
            .ok_or_else(|| LedgerError::unreadable("the stage of a held message"))
    }
}

/// A held message, without its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldMessage {
    /// Its name: the decision that held it first.
    pub id: DecisionId,
    /// The business.
    pub business: BusinessIx,
    /// The app that wanted it sent.
    pub app: Box<str>,
    /// From which number.
    pub number: Box<str>,
    /// To whom, canonical.
    pub to: Identifier,
    /// The template, name and language.
    pub template: (Box<str>, Box<str>),
    /// The message id that the app was given.
    pub given_id: Box<str>,
    /// Since when it is held, Unix milliseconds.
    pub held_ms: i64,
    /// When it is next looked at; `None` once it was let go or is over.
    pub due_ms: Option<i64>,
    /// How far it is.
    pub stage: HeldStage,
    /// The latest decision about it.
    pub decision: DecisionId,
    /// The platform's id of it, once it was sent.
    pub message_id: Option<Box<str>>,
    /// The platform's error code, where the platform refused it.
    pub code: Option<u32>,
    /// How and when it ended.
    pub end: Option<(HeldEnd, i64)>,
    /// Until when it may be held at most.
    pub last_ms: i64,
}

/// A held message that is to be decided again, or whose app is to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueMessage {
    /// Names it in the decision, and when it is done.
    pub claim: HeldClaim,
    /// The message.
    pub message: HeldMessage,
    /// What to send; none where there is only somebody to be told.
    pub request: Option<KeptRequest>,
}

/// What became of a held message in hand, beside what its decisions say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HeldStep {
    /// It certainly did not go out, or could not be decided: it is looked at again then.
    Again(i64),
    /// The platform took it, under this id.
    Sent(Option<Box<str>>),
    /// It may have gone out.
    Unknown,
    /// The platform refused it with this code: its app is to be told.
    Failed(u32),
    /// Its app was told, or there is nobody to tell.
    Told,
    /// Its app could not be told yet: to be tried again then.
    TellAgain(i64),
}

/// What cancelling came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cancelled {
    /// It waited, and will not be sent.
    Now,
    /// It had been cancelled before.
    Before,
    /// It was let go, or is over in another way.
    TooLate,
}

/// Which held messages to list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HeldFilter {
    /// From this number.
    pub number: Option<Box<str>>,
    /// To one of these, canonical; empty: to anybody.
    pub to: Vec<Identifier>,
}

/// Which ids apps were given for messages.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GivenIds {
    /// The platform's id, and the one that was given.
    pub pairs: Vec<(Box<str>, Box<str>)>,
    /// To one of the people asked about a held message is on its way, whose id is not known yet.
    pub in_the_air: bool,
}

impl Ledger {
    /// Held messages that are due, each put into this caller's hand: the earliest to its addressee from its number, to be
    /// decided again, or one whose app is to be told.
    ///
    /// # Errors
    /// `Unavailable` when that could not be written.
    pub async fn held_due(
        &self,
        now_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueMessage>, LedgerError> {
        let request = Request::HeldDue(now_ms, limit);
        expect_answer!(self.ask(request).await?, Answer::HeldDue(due) => due)
    }

    /// Notes what became of a held message in hand, which is then in nobody's.
    ///
    /// # Errors
    /// `NotFound` when it is in that hand no more; `Unavailable` when it could not be written.
    pub async fn held_done(
        &self,
        claim: HeldClaim,
        step: HeldStep,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let request = Request::HeldDone(claim, step, now_ms);
        expect_answer!(self.ask(request).await?, Answer::Done => ())
    }

    /// Cancels a held message that was not let go yet.
    ///
    /// # Errors
    /// `NotFound` when there is none of that name; `Unavailable` when it could not be written.
    pub async fn cancel_held(
        &self,
        business: BusinessIx,
        id: DecisionId,
        now_ms: i64,
    ) -> Result<Cancelled, LedgerError> {
        let request = Request::CancelHeld(business, id, now_ms);
        expect_answer!(self.ask(request).await?, Answer::Cancelled(cancelled) => cancelled)
    }

    /// A held message.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn held_message(
        &self,
        business: BusinessIx,
        id: DecisionId,
    ) -> Result<Option<HeldMessage>, LedgerError> {
        on!(self, store => store.held_message(business, id).await)
    }

    /// Held messages in the order in which they came, from after a given one.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn held_messages(
        &self,
        business: BusinessIx,
        filter: &HeldFilter,
        after: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<HeldMessage>, LedgerError> {
        on!(self, store => store.held_messages(business, filter, after, limit).await)
    }

    /// How many messages are held for each app.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn held_waiting(
        &self,
        business: BusinessIx,
    ) -> Result<Vec<(Box<str>, u64)>, LedgerError> {
        on!(self, store => store.held_waiting(business).await)
    }

    /// Which ids apps were given for these messages of the platform, and whether a held message to one of these
    /// people is on its way.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read; `Conflict` when too many are named.
    pub async fn given_ids(
        &self,
        business: BusinessIx,
        message_ids: &[Box<str>],
        people: &[Identifier],
    ) -> Result<GivenIds, LedgerError> {
        if message_ids.len().max(people.len()) > NAMES_MAX {
            return Err(LedgerError::Conflict("too many messages in one question"));
        }
        on!(self, store => store.given_ids(business, message_ids, people).await)
    }
}

/// What a decision about a held message makes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Redecided {
    pub(crate) stage: HeldStage,
    pub(crate) due_ms: Option<i64>,
    pub(crate) end: Option<HeldEnd>,
}

impl Redecided {
    /// By its verdict.
    pub(crate) fn of(decision: &greenline_policy::decide::Decision, now_ms: i64) -> Self {
        use greenline_policy::decide::Verdict;
        match (decision.verdict, decision.held_until_ms()) {
            (Verdict::Allow, _) => Self {
                stage: HeldStage::LetGo,
                due_ms: None,
                end: None,
            },
            (Verdict::Hold, Some(until_ms)) => Self {
                stage: HeldStage::Waiting,
                due_ms: Some(until_ms),
                end: None,
            },
            _ => Self {
                stage: HeldStage::ToTell,
                due_ms: Some(now_ms),
                end: Some(HeldEnd::Failed),
            },
        }
    }
}

/// What a step makes of a held message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stepped {
    pub(crate) stage: HeldStage,
    pub(crate) due_ms: Option<i64>,
    pub(crate) message_id: Option<Box<str>>,
    pub(crate) code: Option<u32>,
    /// Where it has none yet.
    pub(crate) end: Option<HeldEnd>,
}

impl Stepped {
    pub(crate) fn of(step: &HeldStep, now_ms: i64) -> Self {
        let over = |end| Self {
            stage: HeldStage::Over,
            due_ms: None,
            message_id: None,
            code: None,
            end: Some(end),
        };
        match step {
            HeldStep::Again(due_ms) => Self {
                stage: HeldStage::Waiting,
                due_ms: Some(*due_ms),
                message_id: None,
                code: None,
                end: None,
            },
            HeldStep::Sent(message_id) => Self {
                message_id: message_id.clone(),
                ..over(HeldEnd::Sent)
            },
            HeldStep::Unknown => over(HeldEnd::Unknown),
            HeldStep::Failed(code) => Self {
                stage: HeldStage::ToTell,
                due_ms: Some(now_ms),
                message_id: None,
                code: Some(*code),
                end: Some(HeldEnd::Failed),
            },
            HeldStep::Told => over(HeldEnd::Failed),
            HeldStep::TellAgain(due_ms) => Self {
                stage: HeldStage::ToTell,
                due_ms: Some(*due_ms),
                message_id: None,
                code: None,
                end: None,
            },
        }
    }

    /// What became of one that was let go, from what is known of its decision: the process that let it go is gone.
    pub(crate) fn after_a_crash(
        outcome: Option<&str>,
        code: Option<u32>,
        message_id: Option<Box<str>>,
        now_ms: i64,
    ) -> Self {
        let step = match outcome {
            Some("accepted") => HeldStep::Sent(message_id),
            Some("rejected") => HeldStep::Failed(code.unwrap_or(131_000)),
            Some("not_sent") => HeldStep::Again(now_ms),
            _ => HeldStep::Unknown,
        };
        Self::of(&step, now_ms)
    }
}
