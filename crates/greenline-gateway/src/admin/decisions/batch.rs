//! Many questions at once.
//!
//! They are put to the writer in pieces, each on one view of what is known, so that no send waits for a batch; the
//! answers are written out as they come, so that a batch takes the memory of its questions and of one piece. A
//! question that cannot be read or decided has a problem in its place and is to the cost of no other.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use greenline_ledger::LedgerError;
use greenline_ledger::question::{Previewed, QUESTIONS_MAX};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::ask::{AnswerShape, OneOfMany, Put, QuestionBody, Usual};
use crate::admin::extract::typed_json;
use crate::admin::problem::{Kind, Problem};
use crate::admin::shape::time;
use crate::app::Shared;
use crate::pipeline::LookUps;

/// Pieces that are answered ahead of whoever reads.
const PIECES_AHEAD: usize = 4;
/// How often a piece is put again that the writer had no room for.
const TRIES_MAX: u32 = 5;
/// The pause before that.
const PAUSE: Duration = Duration::from_millis(50);
/// Templates that the account's list does not name and that one batch looks up; others are judged as marketing.
const LOOK_UPS_MAX: usize = 32;

/// The answers to many questions, in order.
#[derive(Serialize, ToSchema)]
#[schema(as = DryRunAnswers)]
pub(crate) struct AnswersShape {
    /// The moment of those that named none.
    at: String,
    /// One for each question, in order: a decision, or `problem`.
    answers: Vec<OneOfMany>,
    /// How many may go.
    allowed: u64,
    /// How many may not.
    refused: u64,
    /// How many were not decided.
    problems: u64,
    /// On how many views of what is known they rest: each piece of the batch is answered on one, and what is recorded
    /// between two pieces is seen by the later one.
    views: u64,
}

#[derive(Default)]
struct Counts {
    allowed: u64,
    refused: u64,
    problems: u64,
    views: u64,
}

impl Counts {
    fn count(&mut self, one: &OneOfMany) {
        *match one {
            OneOfMany::Decided(answer) if answer.is_allowed() => &mut self.allowed,
            OneOfMany::Decided(_) => &mut self.refused,
            OneOfMany::Not { .. } => &mut self.problems,
        } += 1;
    }
}

/// Answers a batch as it is worked off.
pub(super) async fn answer(
    app: Shared,
    usual: Usual,
    questions: Vec<Box<RawValue>>,
) -> Result<Response, Problem> {
    let limits = &app.config.limits;
    let most = limits.decision_questions_max;
    if questions.len() > most {
        return Err(Problem::new(
            Kind::TooLarge,
            format!("a batch may hold {most} questions (limits.decision_questions_max)"),
        )
        .at("questions"));
    }
    let until = Instant::now() + Duration::from_millis(limits.decision_batch_timeout_ms);
    let turn = app.decision_batches.clone().acquire_owned();
    let Ok(Ok(turn)) = tokio::time::timeout_at(until, turn).await else {
        return Err(Problem::new(
            Kind::Unavailable,
            "other batches are being answered (limits.decision_batches_max); nothing was decided",
        ));
    };
    let (to, from) = mpsc::channel::<io::Result<Bytes>>(PIECES_AHEAD);
    let working = tokio::spawn(async move {
        let _turn = turn;
        work(&app, &usual, questions, until, &to).await;
    });
    let read = futures_util::stream::unfold(Some((from, working)), async |going| {
        let (mut from, working) = going?;
        match from.recv().await {
            Some(piece) => Some((piece, Some((from, working)))),
            // Half of the answers must not pass for all of them.
            None => {
                let died = working.await.err()?;
                Some((Err(io::Error::other(died)), None))
            }
        }
    });
    let mut response = Body::from_stream(read).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

/// What stands in the place of an answer, in order.
enum Slot {
    Put(Box<Put>),
    Problem(Problem),
}

async fn work(
    app: &Shared,
    usual: &Usual,
    questions: Vec<Box<RawValue>>,
    until: Instant,
    to: &mpsc::Sender<io::Result<Bytes>>,
) {
    let mut counts = Counts::default();
    let mut look_ups = LookUps::at_most(LOOK_UPS_MAX);
    let at = time(usual.at_ms.unwrap_or(usual.now_ms));
    let mut text = format!("{{\"at\":\"{at}\",\"answers\":[").into_bytes();
    let mut is_first = true;
    let (mut slots, mut weight) = (Vec::new(), 0);
    let mut questions = questions.into_iter().peekable();
    while questions.peek().is_some() || !slots.is_empty() {
        // A piece is full when the next question might not fit.
        let is_full = weight + greenline_ledger::question::THEN_WEIGHS > QUESTIONS_MAX
            || slots.len() >= QUESTIONS_MAX;
        if let Some(raw) = questions.next_if(|_| !is_full) {
            let slot = read(app, usual, &raw, until, &mut look_ups).await;
            if let Slot::Put(put) = &slot {
                weight += put.question.weight();
            }
            slots.push(slot);
            continue;
        }
        weight = 0;
        for one in piece(app, usual, std::mem::take(&mut slots), until, &mut counts).await {
            counts.count(&one);
            if !std::mem::take(&mut is_first) {
                text.push(b',');
            }
            if let Err(error) = serde_json::to_writer(&mut text, &one) {
                let _ = to.send(Err(io::Error::other(error))).await;
                return;
            }
        }
        // Nobody reads any more: nothing is left to do.
        if to.send(Ok(std::mem::take(&mut text).into())).await.is_err() {
            return;
        }
    }
    text.extend_from_slice(
        format!(
            "],\"allowed\":{},\"refused\":{},\"problems\":{},\"views\":{}}}",
            counts.allowed, counts.refused, counts.problems, counts.views
        )
        .as_bytes(),
    );
    let _ = to.send(Ok(text.into())).await;
}

fn late() -> Problem {
    Problem::new(
        Kind::Unavailable,
        "the batch took too long (limits.decision_batch_timeout_ms); ask this one again",
    )
}

async fn read(
    app: &Shared,
    usual: &Usual,
    raw: &RawValue,
    until: Instant,
    look_ups: &mut LookUps,
) -> Slot {
    let reading = async {
        let asked: QuestionBody = typed_json(raw.get().as_bytes())?;
        Put::read(app, usual, asked, look_ups).await
    };
    match tokio::time::timeout_at(until, reading).await {
        Ok(Ok(put)) => Slot::Put(Box::new(put)),
        Ok(Err(problem)) => Slot::Problem(problem),
        Err(_) => Slot::Problem(late()),
    }
}

/// Answers one piece.
async fn piece(
    app: &Shared,
    usual: &Usual,
    slots: Vec<Slot>,
    until: Instant,
    counts: &mut Counts,
) -> Vec<OneOfMany> {
    let puts = slots.iter().filter_map(|slot| match slot {
        Slot::Put(put) => Some(put.question.clone()),
        Slot::Problem(_) => None,
    });
    let questions: Vec<_> = puts.collect();
    let mut answers = Vec::new();
    let mut failed = None;
    if !questions.is_empty() {
        let asking = ask(app, &questions);
        match tokio::time::timeout_at(until, asking).await {
            Ok(Ok(done)) => {
                counts.views += 1;
                answers = done;
            }
            Ok(Err(error)) => failed = Some(Problem::from(error)),
            Err(_) => failed = Some(late()),
        }
    }
    let mut answers = answers.into_iter();
    slots
        .into_iter()
        .map(|slot| {
            let told = match slot {
                Slot::Problem(problem) => Err(problem),
                Slot::Put(put) => match (answers.next(), &failed) {
                    (Some(Ok(previewed)), _) => put.answer(usual, previewed),
                    (Some(Err(error)), _) => Err(error.into()),
                    (None, Some(problem)) => Err(problem.clone()),
                    (None, None) => Err(Problem::new(Kind::Bug, "a question without an answer")),
                },
            };
            one(told)
        })
        .collect()
}

fn one(told: Result<AnswerShape, Problem>) -> OneOfMany {
    match told {
        Ok(answer) => OneOfMany::Decided(Box::new(answer)),
        Err(problem) => OneOfMany::Not {
            problem: problem.body(),
        },
    }
}

/// Puts a piece to the ledger; again after a moment where sends took all the room.
async fn ask(
    app: &Shared,
    questions: &[greenline_ledger::question::Question],
) -> Result<Vec<Result<Previewed, LedgerError>>, LedgerError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match app.ledger.preview_all(questions.to_vec()).await {
            Err(error) if error.is_passing() && tries < TRIES_MAX => {
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}
