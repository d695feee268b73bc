//! From people to what becomes of them: the decision that a send would get, with the facts that a send would find.
//!
//! Where the store gives a view, it decides there, and of people of whom everything that counts is exactly equal, and
//! the place too, once for all of them; where people are in a database they are read in pieces, and each piece is decided
//! about as a view of its own. What is refused now and passes by itself is decided once more for the moment when it has
//! passed, so that `held` never promises what would be refused then.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use greenline_ledger::LedgerError;
use greenline_ledger::crowd::{Crowd, Found};
use greenline_ledger::question::{Previewed, QUESTIONS_MAX, Question};
use greenline_ledger::types::Ask;
use greenline_ledger::view::{Piece, View};
use greenline_policy::consent::Head;
use greenline_policy::country::Country;
use greenline_policy::decide::{Decision, Verdict};
use greenline_policy::identity::{Identifier, Phone};
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;

use crate::app;
use crate::pipeline;

use super::fate::{Fate, Tally, passes_ms};
use super::regions::{Near, Regions, start};

/// One wait after the other that is followed: what is quiet may be full by then.
const WAITS_MAX: usize = 8;
/// People of one piece, and pieces that are read ahead of being decided about.
const PIECE_PEOPLE: usize = 1_024;
const PIECES_AHEAD: usize = 4;
/// How often a piece is put again that there was no room for.
const TRIES_MAX: u32 = 8;
/// The pause before that.
const PAUSE: Duration = Duration::from_millis(100);

/// Where what is known comes from.
enum Known {
    /// Everything, as it was at one moment.
    View(Box<View>),
    /// The same, with most people only described.
    Crowd(Box<Shared>),
    /// Piece by piece, from a database: whoever was read last is in the view.
    Pieces(Handle, Box<View>),
    /// Question by question, from a store that gives no view.
    Questions(Handle, Option<i64>),
}

/// Decisions that are shared.
struct Shared {
    /// Whoever is not described.
    view: View,
    crowd: Crowd,
    regions: Regions,
    /// By class and region: the place of what becomes of all of them.
    memo: FxHashMap<u32, u32>,
    /// The same by how numbers begin.
    near: Near<u32>,
    /// Some wait for longer than decisions by class hold.
    is_too_far: bool,
}

impl Shared {
    /// The place of what becomes of whoever is of that class and has such a number.
    fn place(
        &mut self,
        app: &app::Shared,
        ask: &Ask,
        (found, class): (Found, u16),
        phone: Phone,
        tally: &mut Tally,
    ) -> Result<u32, LedgerError> {
        let region = self.regions.of(phone);
        let key = u32::from(class) << 16 | u32::from(region);
        if let Some(place) = self.memo.get(&key) {
            return Ok(*place);
        }
        let nobody = Head::default();
        let head = match found {
            Found::Class(class) => self.crowd.head(class).unwrap_or(&nobody),
            Found::Nobody | Found::Alone => &nobody,
        };
        let person = Identifier::Phone(phone);
        let (view, mut latest_ms) = (&mut self.view, ask.now_ms);
        let fate = fate(ask, &person, |at_ms| {
            latest_ms = latest_ms.max(at_ms);
            view.judge_class(&pipeline::addressed(app, ask, &person, at_ms), head)
        })?;
        let until_ms = self.crowd.until_ms();
        if until_ms.is_some_and(|until_ms| latest_ms > until_ms) {
            self.is_too_far = true;
            return Err(LedgerError::Bug("a wait past what is known of a class"));
        }
        let place = tally.place(fate);
        self.memo.insert(key, place);
        Ok(place)
    }
}

/// The class of those of whom nothing is known, in a memo.
const NOBODY: u16 = u16::MAX;

/// Decides about people, one by one.
pub(crate) struct Judge {
    app: app::Shared,
    /// The send, to nobody yet.
    ask: Ask,
    /// What counts as now, Unix milliseconds.
    now_ms: i64,
    known: Known,
}

impl Judge {
    /// Takes a view if there is one. Without `sharing` each person is decided about alone.
    ///
    /// # Errors
    /// The store does not read.
    pub(crate) fn new(
        app: &app::Shared,
        (ask, now_ms): (Ask, i64),
        handle: Handle,
        sharing: bool,
    ) -> Result<Self, LedgerError> {
        let ledger = &app.ledger;
        let gathered = if sharing {
            ledger.crowd(&ask, now_ms)?
        } else {
            None
        };
        let known = match gathered {
            Some((view, crowd)) => Known::Crowd(Box::new(Shared {
                view,
                crowd,
                regions: Regions::default(),
                memo: FxHashMap::default(),
                near: Near::default(),
                is_too_far: false,
            })),
            None => match ledger.view(now_ms)? {
                Some(view) => Known::View(Box::new(view)),
                None => match handle.block_on(ledger.view_of_nobody(&ask, now_ms))? {
                    Some(view) => Known::Pieces(handle, Box::new(view)),
                    None => Known::Questions(handle, None),
                },
            },
        };
        Ok(Self {
            app: app.clone(),
            ask,
            now_ms,
            known,
        })
    }

    /// People who are described, if there are any.
    pub(crate) fn crowd(&self) -> Option<&Crowd> {
        match &self.known {
            Known::Crowd(shared) => Some(&shared.crowd),
            Known::View(_) | Known::Pieces(..) | Known::Questions(..) => None,
        }
    }

    /// The place of what becomes of somebody who shares all that counts with others; `None` for whoever has to be
    /// decided about alone.
    ///
    /// # Errors
    /// As [`Self::fates`].
    #[inline]
    pub(crate) fn shared(
        &mut self,
        found: Found,
        phone: Phone,
        tally: &mut Tally,
    ) -> Result<Option<u32>, LedgerError> {
        let Known::Crowd(shared) = &mut self.known else {
            return Ok(None);
        };
        let class = match found {
            Found::Alone => return Ok(None),
            Found::Nobody => NOBODY,
            Found::Class(class) => class.0,
        };
        let start = start(phone);
        if let Some(place) = shared.near.get(start, class) {
            return Ok(Some(place));
        }
        let place = shared.place(&self.app, &self.ask, (found, class), phone, tally)?;
        shared.near.keep(start, class, place);
        Ok(Some(place))
    }

    /// Whether it failed because some wait for longer than decisions that are shared hold: everyone has to be decided about
    /// alone then.
    pub(crate) fn is_too_far(&self) -> bool {
        matches!(&self.known, Known::Crowd(shared) if shared.is_too_far)
    }

    /// Whether all of it rests on what was known at one moment.
    pub(crate) fn is_one_view(&self) -> bool {
        matches!(self.known, Known::View(_) | Known::Crowd(_))
    }

    /// The last end of a restriction of the number that was taken to be over, on the condition that something read after
    /// it says so.
    pub(crate) fn ended_ms(&self) -> Option<i64> {
        match &self.known {
            Known::View(view) | Known::Pieces(_, view) => view.ended_ms(),
            Known::Crowd(shared) => shared.view.ended_ms(),
            Known::Questions(_, ended_ms) => *ended_ms,
        }
    }

    /// What becomes of these people, in order.
    ///
    /// # Errors
    /// The store does not read, or does not answer.
    pub(crate) fn fates(&mut self, people: &[Identifier]) -> Result<Vec<Fate>, LedgerError> {
        let (app, ask, now_ms) = (&self.app, &self.ask, self.now_ms);
        let alone = |view: &mut View, person: &Identifier| {
            fate(ask, person, |at_ms| {
                view.judge(&pipeline::addressed(app, ask, person, at_ms))
            })
        };
        match &mut self.known {
            Known::View(view) => people.iter().map(|person| alone(view, person)).collect(),
            Known::Crowd(shared) => {
                let view = &mut shared.view;
                people.iter().map(|person| alone(view, person)).collect()
            }
            Known::Pieces(handle, view) => {
                let pieces = people.chunks(PIECE_PEOPLE);
                let reading = pieces.map(|some| async move { (some, piece(app, ask, some).await) });
                let mut reading = stream::iter(reading).buffered(PIECES_AHEAD);
                let mut fates = Vec::with_capacity(people.len());
                while let Some((some, piece)) = handle.block_on(reading.next()) {
                    view.turn_to(piece?);
                    for person in some {
                        fates.push(alone(view, person)?);
                    }
                }
                Ok(fates)
            }
            Known::Questions(handle, ended_ms) => {
                let mut fates = Vec::with_capacity(people.len());
                for some in people.chunks(QUESTIONS_MAX) {
                    let put = |person: &Identifier, at_ms| Question {
                        ask: pipeline::addressed(app, ask, person, at_ms),
                        known_then: false,
                        asked_ms: now_ms,
                    };
                    let questions = some.iter().map(|person| put(person, ask.now_ms));
                    let first = handle.block_on(asked(app, questions.collect()))?;
                    for (person, first) in some.iter().zip(first) {
                        let mut first = Some(first);
                        fates.push(fate(ask, person, |at_ms| {
                            let told = match first.take() {
                                Some(first) => Some(first),
                                None => {
                                    handle.block_on(asked(app, vec![put(person, at_ms)]))?.pop()
                                }
                            };
                            let told =
                                told.ok_or(LedgerError::Bug("a question without an answer"))?;
                            *ended_ms = (*ended_ms).max(told.ended_ms);
                            Ok(told.record.decision)
                        })?);
                    }
                }
                Ok(fates)
            }
        }
    }
}

/// What becomes of a person, by what is decided about them at a moment.
fn fate(
    ask: &Ask,
    person: &Identifier,
    mut at: impl FnMut(i64) -> Result<Decision, LedgerError>,
) -> Result<Fate, LedgerError> {
    let first = at(ask.now_ms)?;
    let until_ms = waited(&first, ask.now_ms, at)?;
    Ok(Fate::of(&first, until_ms, Country::of(person)))
}

/// The first moment, after one wait or several, at which it may be sent; `None` where there is none in sight.
fn waited(
    first: &Decision,
    now_ms: i64,
    mut at: impl FnMut(i64) -> Result<Decision, LedgerError>,
) -> Result<Option<i64>, LedgerError> {
    let (mut passes, mut now_ms) = (passes_ms(first), now_ms);
    for _ in 0..WAITS_MAX {
        let Some(next_ms) = passes.filter(|next_ms| *next_ms > now_ms) else {
            return Ok(None);
        };
        let then = at(next_ms)?;
        if then.verdict == Verdict::Allow {
            return Ok(Some(next_ms));
        }
        (passes, now_ms) = (passes_ms(&then), next_ms);
    }
    Ok(None)
}

/// Reads a piece.
async fn piece(app: &app::Shared, ask: &Ask, people: &[Identifier]) -> Result<Piece, LedgerError> {
    patiently(|| app.ledger.piece(ask, people)).await
}

/// Puts questions to the ledger.
async fn asked(app: &app::Shared, questions: Vec<Question>) -> Result<Vec<Previewed>, LedgerError> {
    let answers = patiently(|| app.ledger.preview_all(questions.clone())).await?;
    answers.into_iter().collect()
}

/// Asks the ledger; again after a moment where there was no room for it.
async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, LedgerError>
where
    F: Future<Output = Result<T, LedgerError>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        match ask().await {
            Err(error) if error.is_passing() && tries < TRIES_MAX => {
                tokio::time::sleep(PAUSE).await;
            }
            done => break done,
        }
    }
}
