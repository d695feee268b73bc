//! From people to what becomes of them: the decision that a send would get, with the facts that a send would find.
//!
//! Where the store gives a view, it decides there; where people are in a database they are read in pieces, and each piece
//! is decided about as a view of its own. Either way people of whom everything that counts is exactly equal, and the
//! place too, are decided about once for all of them, unless the list is so short that it costs more to find out who
//! they are. What is refused now and passes by itself is decided once more for the moment when it has
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
use rustc_hash::{FxHashMap, FxHashSet};
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

/// In which way people are decided about.
pub(crate) enum Way<'w> {
    /// Each alone, for whoever compares.
    Alone,
    /// Those who are alike together.
    Together,
    /// Each alone, and looked up for it; who is on the list is told where all of them have to be known before. Where
    /// that cannot be told, together.
    LookedUp(&'w dyn Fn() -> Option<Vec<Identifier>>),
}

/// Where what is known comes from.
enum Known {
    /// Everything, as it was at one moment.
    View(Box<View>),
    /// The same, of those who were named before and nobody else.
    Named(Box<View>, FxHashSet<Identifier>),
    /// The same, with most people only described.
    Crowd(Box<Shared>),
    /// Piece by piece, from a database: whoever was read last is in the view.
    Pieces(Handle, Box<View>),
    /// Question by question, from a store that gives no view.
    Questions(Handle, Option<i64>),
}

/// Decisions that are shared.
struct Shared {
    /// Whoever is not described; where people are in a database those of them who were read last.
    view: View,
    /// They are read in pieces.
    pieces: Option<Handle>,
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
    /// Finds out what is known, as far as that has to be known before.
    ///
    /// # Errors
    /// The store does not read.
    pub(crate) fn new(
        app: &app::Shared,
        (ask, now_ms): (Ask, i64),
        handle: Handle,
        way: &Way<'_>,
    ) -> Result<Self, LedgerError> {
        let known = match way {
            Way::Alone => alone(app, (&ask, now_ms), handle)?,
            Way::Together => together(app, (&ask, now_ms), handle)?,
            Way::LookedUp(named) => {
                // Those who are in a database are read as they come.
                match handle.block_on(app.ledger.view_of_nobody(&ask, now_ms))? {
                    Some(view) => Known::Pieces(handle, Box::new(view)),
                    None => match looked_up(app, (&ask, now_ms), named())? {
                        Some(known) => known,
                        None => together(app, (&ask, now_ms), handle)?,
                    },
                }
            }
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
            Known::View(_) | Known::Named(..) | Known::Pieces(..) | Known::Questions(..) => None,
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
        match &self.known {
            Known::View(_) | Known::Named(..) => true,
            Known::Crowd(shared) => shared.pieces.is_none(),
            Known::Pieces(..) | Known::Questions(..) => false,
        }
    }

    /// The last end of a restriction of the number that was taken to be over, on the condition that something read after
    /// it says so.
    pub(crate) fn ended_ms(&self) -> Option<i64> {
        match &self.known {
            Known::View(view) | Known::Named(view, _) | Known::Pieces(_, view) => view.ended_ms(),
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
        match &mut self.known {
            Known::View(view) => each(app, ask, view, people),
            Known::Named(view, named) => {
                if people.iter().any(|person| !named.contains(person)) {
                    return Err(LedgerError::Conflict("the list is not what it was"));
                }
                each(app, ask, view, people)
            }
            Known::Crowd(shared) => match &shared.pieces {
                None => each(app, ask, &mut shared.view, people),
                Some(handle) => in_pieces(app, ask, handle, &mut shared.view, people),
            },
            Known::Pieces(handle, view) => in_pieces(app, ask, handle, view, people),
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

/// Each is decided about alone: the whole of a store at one moment, or people in pieces, or questions.
fn alone(
    app: &app::Shared,
    (ask, now_ms): (&Ask, i64),
    handle: Handle,
) -> Result<Known, LedgerError> {
    if let Some(view) = app.ledger.view(now_ms)? {
        return Ok(Known::View(Box::new(view)));
    }
    let view = handle.block_on(app.ledger.view_of_nobody(ask, now_ms))?;
    Ok(match view {
        Some(view) => Known::Pieces(handle, Box::new(view)),
        None => Known::Questions(handle, None),
    })
}

/// Those who are alike are decided about once, where the store describes people.
fn together(
    app: &app::Shared,
    (ask, now_ms): (&Ask, i64),
    handle: Handle,
) -> Result<Known, LedgerError> {
    let (gathered, pieces) = match app.ledger.crowd(ask, now_ms)? {
        Some(gathered) => (Some(gathered), None),
        None => {
            let read = || app.ledger.crowd_in_pages(ask, now_ms);
            let gathered = handle.block_on(patiently(read))?;
            (gathered, Some(handle.clone()))
        }
    };
    let Some((view, crowd)) = gathered else {
        return alone(app, (ask, now_ms), handle);
    };
    Ok(Known::Crowd(Box::new(Shared {
        view,
        pieces,
        crowd,
        regions: Regions::default(),
        memo: FxHashMap::default(),
        near: Near::default(),
        is_too_far: false,
    })))
}

/// Those who are named are looked up; `None` where it is not known who they are, or the store has no such view.
fn looked_up(
    app: &app::Shared,
    (ask, now_ms): (&Ask, i64),
    named: Option<Vec<Identifier>>,
) -> Result<Option<Known>, LedgerError> {
    let Some(named) = named else {
        return Ok(None);
    };
    let view = app.ledger.view_of(ask, &named, now_ms)?;
    Ok(view.map(|view| Known::Named(Box::new(view), named.into_iter().collect())))
}

/// What becomes of each of these people, who are in the view or not known.
fn each(
    app: &app::Shared,
    ask: &Ask,
    view: &mut View,
    people: &[Identifier],
) -> Result<Vec<Fate>, LedgerError> {
    let fates = people.iter().map(|person| {
        fate(ask, person, |at_ms| {
            view.judge(&pipeline::addressed(app, ask, person, at_ms))
        })
    });
    fates.collect()
}

/// The same of people who are read for it, a piece at a time.
fn in_pieces(
    app: &app::Shared,
    ask: &Ask,
    handle: &Handle,
    view: &mut View,
    people: &[Identifier],
) -> Result<Vec<Fate>, LedgerError> {
    let pieces = people.chunks(PIECE_PEOPLE);
    let reading = pieces.map(|some| async move { (some, piece(app, ask, some).await) });
    let mut reading = stream::iter(reading).buffered(PIECES_AHEAD);
    let mut fates = Vec::with_capacity(people.len());
    while let Some((some, piece)) = handle.block_on(reading.next()) {
        view.turn_to(piece?);
        fates.append(&mut each(app, ask, view, some)?);
    }
    Ok(fates)
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
