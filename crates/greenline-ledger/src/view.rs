//! A look at everything that decisions rest on, taken once and unchanging: for whoever decides about a whole list.
//!
//! A view is what the writer itself would have in memory if it were opened at that moment, read from one snapshot of
//! the store, and it decides by the function and on the facts that a send is decided by. It records nothing and holds
//! up nobody: it can be taken beside a server that runs. Where a store keeps its people elsewhere there is no view,
//! and such questions are put to it in pieces ([`crate::question`]).

use greenline_policy::consent::Head;
use greenline_policy::decide::Decision;

use crate::crowd::Crowd;
use crate::error::LedgerError;
use crate::state::State;
use crate::state::facts::Addressee;
use crate::state::people::Group;
use crate::types::{Ask, PersonId};
use crate::{Backend, DecideFn, Ledger, on};

/// What was known at one moment.
#[derive(Debug)]
pub struct View {
    state: State,
    decide: DecideFn,
}

impl View {
    pub(crate) fn of(state: State, decide: DecideFn) -> Self {
        Self { state, decide }
    }

    /// What [`Ledger::admit`] would have decided at that moment, each send on its own.
    ///
    /// # Errors
    /// `Bug` for a send to nobody or of a business that the ledger was not set up with.
    pub fn judge(&mut self, ask: &Ask) -> Result<Decision, LedgerError> {
        let found = self.state.addressees(ask)?;
        let (decision, ()) = self.state.judge(ask, &found, self.decide, |_| ())?;
        Ok(decision)
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
        let judged = self.state.judge(ask, &found, self.decide, |_| ());
        self.state.groups.pop();
        judged.map(|(decision, ())| decision)
    }
}

impl Ledger {
    /// Takes a view; `None` where the store keeps no people in memory. Reads the whole store: not for a thread that
    /// others wait for.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt` when the store does not read.
    pub fn view(&self) -> Result<Option<View>, LedgerError> {
        let state = on!(self, store => store.look())?;
        Ok(state.map(|state| View::of(state, self.decide)))
    }

    /// Takes a view of which most people are only described, in few bytes each: everyone of this business, as far as
    /// an ask like this one may look at them. Those who are not described are in the view. `None` as for
    /// [`Self::view`], and where such an ask looks at more of everyone than can be described.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub fn crowd(&self, ask: &Ask) -> Result<Option<(View, Crowd)>, LedgerError> {
        let gathered = on!(self, store => store.gather(ask))?;
        Ok(gathered.map(|(state, crowd)| (View::of(state, self.decide), crowd)))
    }
}
