//! A look at everything that decisions rest on, taken once and unchanging: for whoever decides about a whole list.
//!
//! A view is what the writer itself would have in memory if it were opened at that moment, read from one snapshot of
//! the store, and it decides by the function and on the facts that a send is decided by. It records nothing and holds
//! up nobody: it can be taken beside a server that runs. Where people are in a database there is a view of nobody, which
//! turns to people as they are read, a piece at a time; where there is none at all, questions are put to the store
//! ([`crate::question`]).

use greenline_policy::consent::Head;
use greenline_policy::decide::Decision;
use greenline_policy::identity::Identifier;

use crate::crowd::Crowd;
use crate::error::LedgerError;
use crate::question::ahead;
use crate::state::State;
use crate::state::facts::Addressee;
use crate::state::people::Group;
use crate::types::{Ask, BusinessIx, PersonId};
use crate::{Backend, DecideFn, Ledger, on};

/// Shards that people are spread over.
const SHARDS: u16 = 4_096;
/// As many of them as people are counted in, one after the other until it tells how many there are in all.
const SOME_SHARDS: [u16; 3] = [4, 256, SHARDS];
/// People who tell that. Up to a thousand who came together are of one shard.
const TELLING: u64 = 1 << 15;

/// What was known at one moment.
#[derive(Debug)]
pub struct View {
    state: State,
    decide: DecideFn,
    known_ms: i64,
    ended_ms: Option<i64>,
}

/// People that were read, with the number and the template of the ask that they were read for.
#[derive(Debug)]
pub struct Piece(State);

impl View {
    pub(crate) fn of(state: State, decide: DecideFn, known_ms: i64) -> Self {
        Self {
            state,
            decide,
            known_ms,
            ended_ms: None,
        }
    }

    /// Looks at these people from now on, and at nobody else. Portfolios stay as they were.
    pub fn turn_to(&mut self, piece: Piece) {
        let before = std::mem::replace(&mut self.state, piece.0);
        self.state.portfolios = before.portfolios;
        let businesses = self.state.businesses.iter_mut().zip(before.businesses);
        for (business, before) in businesses {
            business.portfolio = before.portfolio;
        }
    }

    /// The last end of a restriction of a number that was taken to be over for a moment to come, on the condition that
    /// something read after it says so.
    #[must_use]
    pub fn ended_ms(&self) -> Option<i64> {
        self.ended_ms
    }

    fn judge_found(&mut self, ask: &Ask, found: &[Addressee]) -> Result<Decision, LedgerError> {
        let (decide, known_ms) = (self.decide, self.known_ms);
        let state = &mut self.state;
        let judged = state.judge(ask, found, decide, |judged| ahead(judged, known_ms, decide));
        Ok(match judged? {
            (_, Some((ended_ms, decision))) => {
                self.ended_ms = self.ended_ms.max(Some(ended_ms));
                decision
            }
            (decision, None) => decision,
        })
    }

    /// What [`Ledger::admit`] would have decided at that moment, each send on its own.
    ///
    /// # Errors
    /// `Bug` for a send to nobody or of a business that the ledger was not set up with.
    pub fn judge(&mut self, ask: &Ask) -> Result<Decision, LedgerError> {
        let found = self.state.addressees(ask)?;
        self.judge_found(ask, &found)
    }

    /// As [`Self::judge`], to somebody of whom this head is all that counts, as one of a class.
    ///
    /// # Errors
    /// As [`Self::judge`].
    pub fn judge_class(&mut self, ask: &Ask, head: &Head) -> Result<Decision, LedgerError> {
        let Some(identifier) = ask.to.first() else {
            return Err(LedgerError::Bug("a send to nobody"));
        };
        let slot = u32::try_from(self.state.groups.len())
            .map_err(|_| LedgerError::Bug("more people than slots"))?;
        let mut group = Group::of(ask.business, PersonId(0));
        // Whichever spelling is looked at.
        group.heads = [Some(Box::new(head.clone())), Some(Box::new(head.clone()))];
        self.state.groups.push(group);
        let (canonical, spelling) = identifier.canonical();
        let found = [Addressee {
            canonical,
            spelling,
            slot: Some(slot),
            person: None,
        }];
        let judged = self.judge_found(ask, &found);
        self.state.groups.pop();
        judged
    }
}

impl Ledger {
    /// Takes a view, at a moment that counts as now; `None` where the store keeps no people in memory. Reads the whole
    /// store: not for a thread that others wait for.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub fn view(&self, known_ms: i64) -> Result<Option<View>, LedgerError> {
        let state = on!(self, store => store.look())?;
        Ok(state.map(|state| View::of(state, self.decide, known_ms)))
    }

    /// As [`Self::view`], in which of all people only these are, and whoever is linked to others: for a list that is
    /// short beside the store. Whoever else is asked about is decided about as somebody of whom nothing is known.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub fn view_of(
        &self,
        ask: &Ask,
        people: &[Identifier],
        known_ms: i64,
    ) -> Result<Option<View>, LedgerError> {
        let state = on!(self, store => store.look_at(ask, people))?;
        Ok(state.map(|state| View::of(state, self.decide, known_ms)))
    }

    /// About how many people of a business would be read for a crowd: none where what was read is kept, or where there
    /// is no crowd.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub async fn people_to_read(&self, business: BusinessIx) -> Result<u64, LedgerError> {
        if on!(self, store => store.keeps_crowd()) {
            return Ok(0);
        }
        let mut people = 0;
        for shards in SOME_SHARDS {
            let counted = on!(self, store => store.people_in(business, shards).await)?;
            people = counted * u64::from(SHARDS / shards);
            if counted >= TELLING {
                break;
            }
        }
        Ok(people)
    }

    /// Takes a view of nobody, with the portfolio of the ask's business as it is at that moment, to be turned to
    /// [pieces](Self::piece). `None` where people are not in a database.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub async fn view_of_nobody(
        &self,
        ask: &Ask,
        known_ms: i64,
    ) -> Result<Option<View>, LedgerError> {
        let state = on!(self, store => store.nobody(ask).await)?;
        Ok(state.map(|state| View::of(state, self.decide, known_ms)))
    }

    /// Reads these people, as far as a decision about an ask like this one looks at them, beside the writer: no send waits
    /// for it.
    ///
    /// # Errors
    /// As [`Self::view_of_nobody`]; `Bug` where there is none.
    pub async fn piece(&self, ask: &Ask, people: &[Identifier]) -> Result<Piece, LedgerError> {
        let read = on!(self, store => store.piece(ask, people).await)?;
        read.map(Piece)
            .ok_or(LedgerError::Bug("people who are not read in pieces"))
    }

    /// Takes a view of which most people are only described, in few bytes each: everyone of this business, as far as
    /// an ask like this one may look at them. Those who are not described are in the view. `None` as for
    /// [`Self::view`], and where such an ask looks at more of everyone than can be described.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub fn crowd(&self, ask: &Ask, known_ms: i64) -> Result<Option<(View, Crowd)>, LedgerError> {
        let gathered = on!(self, store => store.gather(ask))?;
        Ok(gathered.map(|(state, crowd)| (View::of(state, self.decide, known_ms), crowd)))
    }

    /// As [`Self::crowd`], where people are in a database: read some at a time, as everybody was at one moment. The view
    /// has the number and the template of the ask and the portfolio; whoever is not described is in none until it
    /// [turns](View::turn_to) to a [piece](Self::piece) with them.
    ///
    /// # Errors
    /// As [`Self::view_of_nobody`].
    pub async fn crowd_in_pages(
        &self,
        ask: &Ask,
        known_ms: i64,
    ) -> Result<Option<(View, Crowd)>, LedgerError> {
        let Some(mut view) = self.view_of_nobody(ask, known_ms).await? else {
            return Ok(None);
        };
        let Some(crowd) = on!(self, store => store.walk(ask, &view.state).await)? else {
            return Ok(None);
        };
        view.turn_to(self.piece(ask, &[]).await?);
        Ok(Some((view, crowd)))
    }
}
