//! One question: read, put to the ledger, and its answer told.

use std::collections::BTreeMap;

use greenline_ledger::question::{Previewed, Question, Untold};
use greenline_ledger::types::{BusinessIx, DecisionRecord};
use greenline_policy::pack::Pack;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::assume::{Assume, Assumed};
use super::{refused, replay};
use crate::admin::extract::moment;
use crate::admin::portfolio::ReachShape;
use crate::admin::problem::{Problem, ProblemBody};
use crate::admin::shape::DecisionShape;
use crate::app::Shared;
use crate::later;
use crate::pipeline::{self, LookUps};

/// What counts as known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Known {
    /// Everything known now, decided as of another moment.
    #[default]
    Now,
    /// Only what had arrived by that moment.
    Then,
}

/// What would be sent, and what to answer by.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecisionQuestion)]
pub(crate) struct QuestionBody {
    /// The phone_number_id to send from; the batch's if left out.
    #[serde(default)]
    pub(super) number: Option<String>,
    /// The app that would send it; the batch's if left out. It says what is held instead of refused: without one, what
    /// every app of the business holds.
    #[serde(default)]
    pub(super) app: Option<String>,
    /// The body as it would be sent to `/messages`.
    #[schema(value_type = Object)]
    pub(super) message: Option<Box<RawValue>>,
    /// Decide as of this moment (RFC 3339); the batch's if left out.
    #[serde(default)]
    pub(super) at: Option<String>,
    /// What counts as known; the batch's if left out.
    #[serde(default)]
    pub(super) known: Option<Known>,
    /// Facts to assume in the place of what is known; the batch's if left out.
    #[serde(default)]
    pub(super) assume: Option<Assume>,
}

/// What holds where a question says nothing.
#[derive(Debug)]
pub(super) struct Usual {
    pub(super) business: BusinessIx,
    pub(super) number: Option<String>,
    pub(super) app: Option<String>,
    pub(super) at_ms: Option<i64>,
    pub(super) known: Known,
    pub(super) assume: Option<Assume>,
    /// The moment that counts as now.
    pub(super) now_ms: i64,
}

/// A question that was read.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) question: Question,
    known: Known,
    assume: Option<Assume>,
}

impl Put {
    /// Reads a question.
    pub(super) async fn read(
        app: &Shared,
        usual: &Usual,
        asked: QuestionBody,
        look_ups: &mut LookUps,
    ) -> Result<Self, Problem> {
        let number = asked
            .number
            .as_deref()
            .or(usual.number.as_deref())
            .ok_or_else(|| Problem::invalid("number", "missing field `number`"))?;
        if app
            .directory
            .number(number)
            .is_none_or(|known| known.business != usual.business)
        {
            return Err(Problem::not_found("the business has no such number").at("number"));
        }
        let message = asked
            .message
            .as_ref()
            .ok_or_else(|| Problem::invalid("message", "missing field `message`"))?;
        let at_ms = moment(asked.at.as_deref())?.or(usual.at_ms);
        let at_ms = at_ms.unwrap_or(usual.now_ms);
        let client = asked.app.as_deref().or(usual.app.as_deref());
        let hold = later::as_asked(app, usual.business, client, at_ms)
            .ok_or_else(|| Problem::not_found("the business has no such app").at("app"))?;
        let mut ask = pipeline::question(
            app,
            usual.business,
            number,
            message.get().as_bytes(),
            at_ms,
            look_ups,
        )
        .await
        .map_err(|refusal| refused(&refusal))?;
        ask.rules.hold = hold;
        if let (Some(client), Some(template)) = (client, &mut ask.template) {
            let business = app.directory.business(usual.business);
            let (own, apps) = (&business.own, &business.config.app);
            template.own = own.about(&template.name, number, Some(client), apps);
        }
        let known = asked.known.unwrap_or(usual.known);
        Ok(Self {
            question: Question {
                ask,
                // Whatever is known now had arrived by a moment to come.
                known_then: known == Known::Then && at_ms < usual.now_ms,
                asked_ms: usual.now_ms,
            },
            known,
            assume: asked.assume,
        })
    }

    /// The answer, from what the ledger says.
    pub(super) fn answer(
        &self,
        usual: &Usual,
        previewed: Previewed,
    ) -> Result<AnswerShape, Problem> {
        let Previewed {
            mut record,
            untold,
            ended_ms,
        } = previewed;
        let assume = self.assume.as_ref().or(usual.assume.as_ref());
        let assumed = match assume {
            Some(assume) => {
                let assumed = assume.apply(&mut record)?;
                record.decision = replay(&record);
                assumed
            }
            None => Assumed::new(),
        };
        let mut answer = AnswerShape::new(&record, self.known, &untold, assumed);
        answer
            .warnings
            .extend(Pack::at(record.at_ms).warning(usual.now_ms));
        answer
            .warnings
            .extend(ended_ms.map(pipeline::on_a_condition));
        Ok(answer)
    }
}

/// The decision about one question. It is not on record.
#[derive(Serialize, ToSchema)]
#[schema(as = DryRunAnswer)]
pub(crate) struct AnswerShape {
    #[serde(flatten)]
    decision: DecisionShape,
    /// How the portfolio stands towards its messaging limit, for a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    portfolio: Option<ReachShape>,
    /// `now`: with everything known now; `then`: with what had arrived by `at`.
    known: Known,
    /// Facts that were assumed, by name, with what was assumed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    assumed: BTreeMap<String, String>,
    /// With `known: then`: what could not be told as of then, and what was taken in its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    untold: Vec<UntoldShape>,
    /// What to know before relying on it: the sources of the rule pack were not checked for long.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Something that could not be told.
#[derive(Serialize, ToSchema)]
#[schema(as = Untold)]
pub(crate) struct UntoldShape {
    /// Which fact.
    fact: &'static str,
    /// Why, and what was taken in its place.
    text: &'static str,
}

impl AnswerShape {
    fn new(record: &DecisionRecord, known: Known, untold: &[Untold], assumed: Assumed) -> Self {
        Self {
            decision: record.into(),
            // How it stood at another moment is not kept.
            portfolio: ReachShape::of(record).filter(|_| known == Known::Now),
            known,
            assumed,
            warnings: Vec::new(),
            untold: untold
                .iter()
                .map(|untold| UntoldShape {
                    fact: untold.as_str(),
                    text: untold.text(),
                })
                .collect(),
        }
    }

    /// Whether it may go.
    pub(super) fn is_allowed(&self) -> bool {
        self.decision.is_allowed()
    }
}

/// What became of one question of a batch.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OneOfMany {
    /// It was decided.
    Decided(Box<AnswerShape>),
    /// It could not be.
    Not {
        /// Why.
        problem: ProblemBody,
    },
}
