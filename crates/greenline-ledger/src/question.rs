//! Questions: what would be decided, of many sends at once, and as of another moment.
//!
//! Nothing is recorded and nothing is sent. A piece of questions is one request to the writer, so all of it is
//! answered on one view of what is known, and pieces are so small that no send waits for one.
//!
//! A question about a moment in the past can be answered with what is known now, or with what was known then: only
//! consent events, links and moves that had arrived by then count, and what people wrote since opens no window. Of
//! numbers, accounts and templates the ledger keeps the last word only. What cannot be told as of then is said
//! ([`Untold`]) and never guessed in favour of a send.
//!
//! A question about a moment to come is answered as if the restrictions of the number that end until then were over,
//! on the condition that something read after their end says so (N1): wherever such a question is put, one by one, many
//! at once or for a list, it is answered here.

use greenline_policy::decide::{Decision, Facts};
use greenline_policy::health::in_advance;

use crate::error::LedgerError;
use crate::request::{Answer, Request};
use crate::state::facts::Judged;
use crate::then::{PersonThen, PlatformThen, decided_then};
use crate::types::{Ask, DecisionRecord};
use crate::{DecideFn, Ledger, expect_answer};

/// Questions in one piece at most.
pub const QUESTIONS_MAX: usize = 64;
/// What a question as of what was known then weighs, against one with what is known now: the history is read and
/// folded for it.
pub const THEN_WEIGHS: usize = 4;

/// A question about a send that is not made.
#[derive(Clone, Debug)]
pub struct Question {
    /// The send; its `now_ms` is the moment asked about.
    pub ask: Ask,
    /// Only what had arrived by that moment counts.
    pub known_then: bool,
    /// When it is asked: a later moment is asked about in advance.
    pub asked_ms: i64,
}

impl Question {
    /// How much of a piece it takes up.
    #[must_use]
    pub fn weight(&self) -> usize {
        if self.known_then { THEN_WEIGHS } else { 1 }
    }
}

/// What cannot be told as of a moment in the past.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Untold {
    /// The person was erased since: their yeses no longer count, whatever moment is asked about.
    Erased,
    /// The person wrote since; when they had last written before is not kept. Taken as a closed window.
    Window,
    /// The person answered about calls since; what stood before is not kept. Taken as no permission.
    CallPermission,
    /// Whether the same message waited for its outcome then. Taken as not.
    Unsettled,
    /// How much had gone to the person by then. Taken as nothing.
    Pace,
    /// The platform spoke of the template since; the last word is taken.
    Template,
    /// The platform spoke of the number's status since; the last word is taken.
    NumberStatus,
    /// The number's rating was read since; what it was before is not kept. Taken as unknown.
    NumberRating,
    /// The platform said since that it limits the number for spam; what it had said before is not kept. Taken as nothing.
    SpamLimit,
    /// `health_status` was read since, or a send refused as by a lock; what was known before is not kept. Taken as nothing, so
    /// that a restriction that had ended by then counts as not read.
    NumberHealth,
    /// The platform spoke of a ban or a restriction since; what came later does not count, and what it replaced is
    /// not kept.
    Restrictions,
    /// How many people the portfolio had reached, and what its limit was. Taken as no limit.
    Portfolio,
    /// Settings and ways out are those of today.
    Settings,
}

impl Untold {
    /// The name used in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Erased => "consent",
            Self::Window => "window",
            Self::CallPermission => "call_permission",
            Self::Unsettled => "unsettled",
            Self::Pace => "pace",
            Self::Template => "template",
            Self::NumberStatus => "number.status",
            Self::NumberRating => "number.rating",
            Self::SpamLimit => "number.spam_limited_at",
            Self::NumberHealth => "number.health",
            Self::Restrictions => "number.restrictions",
            Self::Portfolio => "portfolio.limit",
            Self::Settings => "settings",
        }
    }

    /// What it means, in a sentence.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Erased => {
                "The person's data were erased since then: a yes of theirs no longer counts, whatever moment is asked about; every no does."
            }
            Self::Window => {
                "The person has written to the number since then. When they had last written before is not kept, so the window is taken as closed."
            }
            Self::CallPermission => {
                "The person has answered about calls since then. What stood before is not kept, so no permission is assumed."
            }
            Self::Unsettled => {
                "Whether the same message waited for its outcome at that moment is not kept; it is taken as not waiting."
            }
            Self::Pace => {
                "How much had gone to the person by that moment, and whether the platform limited it, is not kept; no cap and no limit of theirs counts here."
            }
            Self::Template => {
                "The platform has spoken of the template since then; its category, status and quality are taken as last read."
            }
            Self::NumberStatus => {
                "The platform has spoken of the number since then; its status is taken as last read."
            }
            Self::NumberRating => {
                "The number's rating has been read since then. What it was before is not kept, so it is taken as unknown."
            }
            Self::SpamLimit => {
                "The platform has said since then that it limits the number for spam. What it had said before is not kept, so it is taken as not limited."
            }
            Self::NumberHealth => {
                "Whether the number can send has been read, or refused, since then. What was known before is not kept: a restriction whose end had passed counts as not read."
            }
            Self::Restrictions => {
                "The platform has spoken of a ban or a restriction since then. It does not count here, and what it replaced is not kept."
            }
            Self::Portfolio => {
                "How many people the portfolio had reached by then is not kept, and until 6 October 2025 each number had a limit of its own; the limit is left out."
            }
            Self::Settings => "The business's settings and its ways out are those of today.",
        }
    }
}

/// The answer to a question.
#[derive(Clone, PartialEq, Debug)]
pub struct Previewed {
    /// The decision with all it rests on. It is not on record.
    pub record: DecisionRecord,
    /// What could not be told as of the moment asked about.
    pub untold: Vec<Untold>,
    /// The last end of a restriction that was taken to be over, on a condition.
    pub ended_ms: Option<i64>,
}

/// The answer to a question, from a decision with what is known now; `then` reads what was known then.
pub(crate) fn answered(
    question: &Question,
    record: DecisionRecord,
    decide: DecideFn,
    then: impl FnOnce() -> Result<(Vec<PersonThen>, PlatformThen), LedgerError>,
) -> Result<Previewed, LedgerError> {
    let mut previewed = if question.known_then {
        let (people, platform) = then()?;
        decided_then(record, people, platform, decide)
    } else {
        Previewed {
            record,
            untold: Vec::new(),
            ended_ms: None,
        }
    };
    let record = &mut previewed.record;
    previewed.ended_ms = in_advance(&mut record.number_facts, question.asked_ms, record.at_ms);
    if previewed.ended_ms.is_some() {
        record.decision = record.again(decide);
    }
    Ok(previewed)
}

/// The decision about a moment to come, where restrictions of the number end until then, and the last of those ends;
/// `None` where what was decided stands.
pub(crate) fn ahead(
    judged: &Judged<'_>,
    asked_ms: i64,
    decide: DecideFn,
) -> Option<(i64, Decision)> {
    if judged.number.restrictions.is_empty() {
        return None;
    }
    let (ask, mut number) = (judged.ask, judged.number.clone());
    let ended_ms = in_advance(&mut number, asked_ms, ask.now_ms)?;
    let facts = Facts {
        people: judged.people,
        template: judged.template,
        number: &number,
        portfolio: judged.portfolio,
    };
    let decision = decide(ask.intent, &facts, &ask.rules, ask.now_ms);
    Some((ended_ms, decision))
}

impl Ledger {
    /// The decisions that [`Self::admit`] would make, each on its own, all on one view of what is known; records
    /// nothing.
    ///
    /// # Errors
    /// `Unavailable` when the queue is full; `Conflict` when the piece is too large.
    pub async fn preview_all(
        &self,
        questions: Vec<Question>,
    ) -> Result<Vec<Result<Previewed, LedgerError>>, LedgerError> {
        if questions.iter().map(Question::weight).sum::<usize>() > QUESTIONS_MAX {
            return Err(LedgerError::Conflict("a piece of questions is too large"));
        }
        expect_answer!(self.ask(Request::PreviewAll(questions)).await?, Answer::PreviewedAll(answers) => answers)
    }
}
