//! Decisions: asked for without sending, looked up, and decided again from their records.

mod ask;
mod assume;
mod batch;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use greenline_ledger::types::DecisionRecord;
use greenline_policy::decide::{Decision, decide};
use greenline_policy::pack::Pack;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Shared};
use crate::ids;
use crate::pipeline::LookUps;
use crate::refusal::Refusal;

use super::auth::Who;
use super::extract::{Params, Raw, Segments, limit, moment, typed_json};
use super::problem::{Kind, Problem, ProblemBody};
use super::shape::{DecisionShape, ReasonShape, reasons};
use ask::{AnswerShape, Known, Put, QuestionBody, Usual};
use assume::Assume;
use batch::AnswersShape;

/// Decisions of a page when no limit is given.
const PAGE_ROWS: usize = 50;

/// What would be sent, one message or many.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DryRun, example = json!({
    "business": "acme", "number": "106540352242922",
    "message": {"messaging_product": "whatsapp", "to": "15551230001", "type": "text", "text": {"body": "Hello"}}
}))]
pub(crate) struct DryRunBody {
    /// The business; may be left out with a token that reaches only one.
    #[serde(default)]
    business: Option<String>,
    /// The phone_number_id to send from.
    #[serde(default)]
    number: Option<String>,
    /// The app that would send it, which says what is held instead of refused; if left out, what every app of the
    /// business holds.
    #[serde(default)]
    app: Option<String>,
    /// The body as it would be sent to `/messages`.
    #[schema(value_type = Option<Object>)]
    message: Option<Box<RawValue>>,
    /// Decide as of this moment (RFC 3339); now if left out.
    #[serde(default)]
    at: Option<String>,
    /// What counts as known. `now`, which is what is meant if left out: everything known now. `then`: only what had
    /// arrived by `at`; what cannot be told as of then is listed under `untold`.
    #[serde(default)]
    known: Option<Known>,
    /// What if: facts to assume in the place of what is known.
    #[serde(default)]
    assume: Option<Assume>,
    /// Many questions in the place of `message`, `limits.decision_questions_max` at most; `number`, `app`, `at`, `known`
    /// and `assume` above count for those that do not say for themselves.
    #[schema(value_type = Option<Vec<QuestionBody>>)]
    questions: Option<Vec<Box<RawValue>>>,
}

/// One answer, or many.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = DryRunReply)]
#[expect(
    dead_code,
    reason = "many answers are written out one by one; this describes them"
)]
pub(crate) enum ReplyShape {
    /// To `message`.
    One(Box<AnswerShape>),
    /// To `questions`.
    Many(AnswersShape),
}

/// May this be sent?
///
/// Runs the function that decides live sends, on the same facts, and sends and records nothing: the
/// `id` names this answer and is not on record. A question that cannot be answered has its `problem` in the place of
/// its answer.
#[utoipa::path(
    post, path = "/v1/decisions", operation_id = "previewDecision", tag = "decisions", request_body = DryRunBody,
    responses(
        (status = 200, description = "The decision, or one for each of `questions`, in order", body = ReplyShape),
        (status = 404, description = "No such business or number", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too many questions", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not accepted, or the gateway could not read the message", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn preview(
    State(app): State<Shared>,
    who: Who,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    let body: DryRunBody = typed_json(&body)?;
    let business = who.business(&app.directory, body.business.as_deref())?.ix;
    let mut usual = Usual {
        business,
        number: body.number,
        app: body.app,
        at_ms: moment(body.at.as_deref())?,
        known: body.known.unwrap_or_default(),
        assume: body.assume,
        now_ms: app.clock.now_ms(),
    };
    let message = match (body.message, body.questions) {
        (None, Some(questions)) => return batch::answer(app, usual, questions).await,
        (Some(_), Some(_)) => {
            return Err(Problem::invalid(
                "questions",
                "either `message` or `questions`, not both",
            ));
        }
        (message, None) => message,
    };
    let asked = QuestionBody {
        number: None,
        app: None,
        message,
        at: None,
        known: None,
        assume: usual.assume.take(),
    };
    let put = Put::read(&app, &usual, asked, &mut LookUps::any()).await?;
    let mut answers = app.ledger.preview_all(vec![put.question.clone()]).await?;
    let previewed = answers
        .pop()
        .ok_or_else(|| Problem::new(Kind::Bug, "a question without an answer"))??;
    Ok(Json(put.answer(&usual, previewed)?).into_response())
}

/// What an app would be answered before any decision, as a problem.
fn refused(refusal: &Refusal) -> Problem {
    let kind = if refusal.http == 503 {
        Kind::Unavailable
    } else {
        Kind::Unreadable
    };
    Problem::new(kind, format!("(#{}) {}", refusal.code, refusal.details)).at("message")
}

/// A decision on record, decided again.
#[derive(Serialize, ToSchema)]
#[schema(as = DecisionWithReplay)]
pub(crate) struct WithReplay {
    #[serde(flatten)]
    decision: DecisionShape,
    /// The same function, run again on what the record says was known.
    replay: ReplayShape,
}

/// What deciding again gave.
#[derive(Serialize, ToSchema)]
#[schema(as = Replay)]
pub(crate) struct ReplayShape {
    /// The answer and every reason are the same.
    same: bool,
    decision: &'static str,
    reasons: Vec<ReasonShape>,
    /// The rule pack it was decided with now.
    pack: &'static str,
}

/// Decides again from a record.
#[must_use]
pub fn replay(record: &DecisionRecord) -> Decision {
    record.again(decide)
}

/// Looks a decision up, for whoever reaches its business.
pub(crate) async fn find(app: &App, who: &Who, id: &str) -> Result<DecisionRecord, Problem> {
    let gone = || Problem::not_found("there is no such decision");
    let id = ids::parse_decision(id).ok_or_else(gone)?;
    app.ledger
        .decision(id)
        .await?
        .filter(|record| who.0.reaches(&record.business))
        .ok_or_else(gone)
}

/// A decision, with its reasons and its replay.
#[utoipa::path(
    get, path = "/v1/decisions/{id}", operation_id = "showDecision", tag = "decisions",
    params(("id" = String, Path, description = "As in `greenline-decision` and `fbtrace_id` of a refusal")),
    responses(
        (status = 200, description = "The decision", body = WithReplay),
        (status = 404, description = "No such decision", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<Json<WithReplay>, Problem> {
    let record = find(&app, &who, &id).await?;
    let again = replay(&record);
    let replay = ReplayShape {
        same: again == record.decision,
        decision: again.verdict.as_str(),
        reasons: reasons(&again, &record),
        pack: Pack::at(record.at_ms).version,
    };
    Ok(Json(WithReplay {
        decision: (&record).into(),
        replay,
    }))
}

/// Which decisions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// The business; may be left out with a token that reaches only one.
    business: Option<String>,
    /// Older than this decision.
    before: Option<String>,
    /// Rows, at most `limits.page_rows_max`; 50 if left out.
    limit: Option<usize>,
}

/// Decisions, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Decisions {
    decisions: Vec<DecisionShape>,
    /// The next page's `before`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

/// Decisions, newest first.
#[utoipa::path(
    get, path = "/v1/decisions", operation_id = "listDecisions", tag = "decisions", params(ListParams),
    responses((status = 200, description = "A page of decisions", body = Decisions))
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    who: Who,
    Params(params): Params<ListParams>,
) -> Result<Json<Decisions>, Problem> {
    let business = who.business(&app.directory, params.business.as_deref())?;
    let before = match params.before.as_deref() {
        None => None,
        Some(text) => Some(
            ids::parse_decision(text)
                .ok_or_else(|| Problem::invalid("before", "not a decision id"))?,
        ),
    };
    let rows = limit(&app, params.limit, PAGE_ROWS)?;
    let records = app
        .ledger
        .decisions(Some(business.ix), before, rows)
        .await?;
    let before = (records.len() == rows)
        .then(|| records.last().map(|record| ids::decision(record.id)))
        .flatten();
    Ok(Json(Decisions {
        decisions: records.iter().map(Into::into).collect(),
        before,
    }))
}
