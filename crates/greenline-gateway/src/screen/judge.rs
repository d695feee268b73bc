//! From people to what becomes of them: the decision that a send would get, with the facts that a send would find.
//!
//! Where the store gives a view, it decides there, and of people of whom everything that counts is exactly equal, and
//! the place too, once for all of them; where people are in a database, questions go to the ledger in pieces, as those
//! of `POST /v1/decisions` do. What is refused now and passes by itself is decided once more
//! for the moment when it has passed, so that `held` never promises what would be refused then.

use std::time::Duration;

use greenline_ledger::LedgerError;
use greenline_ledger::crowd::{Crowd, Found};
use greenline_ledger::question::{QUESTIONS_MAX, Question};
use greenline_ledger::types::{Ask, DecisionRecord};
use greenline_ledger::view::View;
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
/// Pieces that are asked side by side.
const PIECES_AT_ONCE: usize = 8;
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
    /// The ledger, piece by piece.
    Pieces(Handle),
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
        let view = &mut self.view;
        let fate = fate(ask, &person, |at_ms| {
            view.judge_class(&pipeline::addressed(app, ask, &person, at_ms), head)
        })?;
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
    known: Known,
}

impl Judge {
    /// Takes a view if there is one. Without `sharing` each person is decided about alone.
    ///
    /// # Errors
    /// The store does not read.
    pub(crate) fn new(
        app: &app::Shared,
        ask: Ask,
        handle: Handle,
        sharing: bool,
    ) -> Result<Self, LedgerError> {
        let gathered = if sharing {
            app.ledger.crowd(&ask)?
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
            })),
            None => match app.ledger.view()? {
                Some(view) => Known::View(Box::new(view)),
                None => Known::Pieces(handle),
            },
        };
        Ok(Self {
            app: app.clone(),
            ask,
            known,
        })
    }

    /// People who are described, if there are any.
    pub(crate) fn crowd(&self) -> Option<&Crowd> {
        match &self.known {
            Known::Crowd(shared) => Some(&shared.crowd),
            Known::View(_) | Known::Pieces(_) => None,
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

    /// Whether all of it rests on what was known at one moment.
    pub(crate) fn is_one_view(&self) -> bool {
        !matches!(self.known, Known::Pieces(_))
    }

    /// What becomes of these people, in order.
    ///
    /// # Errors
    /// The store does not read, or does not answer.
    pub(crate) fn fates(&mut self, people: &[Identifier]) -> Result<Vec<Fate>, LedgerError> {
        let view = match &mut self.known {
            Known::View(view) => Some(&mut **view),
            Known::Crowd(shared) => Some(&mut shared.view),
            Known::Pieces(_) => None,
        };
        if let Some(view) = view {
            let (app, ask) = (&self.app, &self.ask);
            let mut alone = |person: &Identifier| {
                fate(ask, person, |at_ms| {
                    view.judge(&pipeline::addressed(app, ask, person, at_ms))
                })
            };
            return people.iter().map(&mut alone).collect();
        }
        let mut fates = Vec::with_capacity(people.len());
        for some in people.chunks(QUESTIONS_MAX * PIECES_AT_ONCE) {
            fates.extend(self.asked(some)?);
        }
        Ok(fates)
    }

    fn asked(&self, people: &[Identifier]) -> Result<Vec<Fate>, LedgerError> {
        let Known::Pieces(handle) = &self.known else {
            return Err(LedgerError::Bug("a view is not asked in pieces"));
        };
        let pieces = people.chunks(QUESTIONS_MAX).map(|piece| {
            let questions = piece.iter().map(|person| Question {
                ask: pipeline::addressed(&self.app, &self.ask, person, self.ask.now_ms),
                known_then: false,
            });
            ask(&self.app, questions.collect())
        });
        let answers = handle.block_on(futures_util::future::join_all(pieces));
        let mut records = Vec::with_capacity(people.len());
        for answer in answers {
            records.extend(answer?);
        }
        let told = people.iter().zip(records);
        Ok(told
            .map(|(person, record)| self.fate_on_record(person, record))
            .collect())
    }

    /// As [`fate`], on the facts that an answer came with.
    fn fate_on_record(&self, person: &Identifier, mut record: DecisionRecord) -> Fate {
        let first = record.decision.clone();
        let until_ms = waited(&first, self.ask.now_ms, |at_ms| {
            record.at_ms = at_ms;
            let asked = pipeline::addressed(&self.app, &self.ask, person, at_ms);
            for (known, place) in record.people.iter_mut().zip(asked.places) {
                known.place = place;
            }
            Ok(record.again(crate::serve::DECIDE))
        });
        // Nothing is asked of the store here.
        Fate::of(&first, until_ms.unwrap_or_default(), Country::of(person))
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

/// Puts a piece to the ledger; again after a moment where there was no room for it.
async fn ask(
    app: &app::Shared,
    questions: Vec<Question>,
) -> Result<Vec<DecisionRecord>, LedgerError> {
    let mut tries = 0;
    let answers = loop {
        tries += 1;
        match app.ledger.preview_all(questions.clone()).await {
            Err(error) if error.is_passing() && tries < TRIES_MAX => {
                tokio::time::sleep(PAUSE).await;
            }
            done => break done?,
        }
    };
    let records = answers.into_iter();
    records
        .map(|answer| answer.map(|previewed| previewed.record))
        .collect()
}
