//! Who is known under which identifier, and what is known of them.
//!
//! Linked people share one [`Group`]. A group that was joined to another forwards to it; identifiers
//! keep pointing where they did, and looking up follows.

use greenline_policy::consent::Head;
use greenline_policy::identity::{Identifier, Phone, Spelling};
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use super::journal::Change;
use super::marks::Marked;
use super::{Business, State};
use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::flight::Watch;
use crate::types::{BusinessIx, PersonId};

/// A group's place in [`State::groups`].
pub(crate) type Slot = u32;

/// Identifiers of one business, canonical.
#[derive(Debug, Default)]
pub(crate) struct Known {
    phones: FxHashMap<u64, Slot>,
    users: FxHashMap<Box<str>, Slot>,
    /// Whether anyone was erased.
    kept: bool,
}

impl Known {
    /// The slot recorded for a canonical identifier, not followed.
    pub(crate) fn get(&self, canonical: &Identifier) -> Option<Slot> {
        match canonical {
            Identifier::Phone(phone) => self.phones.get(&phone.digits()).copied(),
            Identifier::User(user) => self.users.get(user.reveal()).copied(),
        }
    }

    /// Records a canonical identifier.
    pub(crate) fn insert(&mut self, canonical: &Identifier, slot: Slot) {
        match canonical {
            Identifier::Phone(phone) => self.phones.insert(phone.digits(), slot),
            Identifier::User(user) => self.users.insert(user.reveal().into(), slot),
        };
        self.kept |= is_pseudonym(canonical);
    }

    /// Forgets a canonical identifier.
    pub(crate) fn remove(&mut self, canonical: &Identifier) {
        match canonical {
            Identifier::Phone(phone) => self.phones.remove(&phone.digits()),
            Identifier::User(user) => self.users.remove(user.reveal()),
        };
    }
}

/// When somebody wrote to one number, and may be called from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    /// The number, by its place in the business's list.
    pub(crate) number: u32,
    /// When they last wrote.
    pub(crate) wrote_at_ms: Option<i64>,
    /// When they last answered about calls.
    pub(crate) call_at_ms: i64,
    /// Until when calls are allowed.
    pub(crate) call_until_ms: Option<i64>,
}

impl Window {
    fn new(number: u32) -> Self {
        Self {
            number,
            wrote_at_ms: None,
            call_at_ms: i64::MIN,
            call_until_ms: None,
        }
    }

    /// Takes over what another one knows.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.wrote_at_ms = self.wrote_at_ms.max(other.wrote_at_ms);
        self.allow_calls(other.call_at_ms, other.call_until_ms);
    }

    /// The newest answer wins; of two at the same time the stricter.
    pub(crate) fn allow_calls(&mut self, at_ms: i64, until_ms: Option<i64>) {
        if at_ms > self.call_at_ms {
            (self.call_at_ms, self.call_until_ms) = (at_ms, until_ms);
        } else if at_ms == self.call_at_ms {
            self.call_until_ms = self.call_until_ms.min(until_ms);
        }
    }
}

/// People known to be one, usually just one.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Whose they are.
    pub(crate) business: BusinessIx,
    /// The group this was joined to.
    pub(crate) forward: Option<Slot>,
    /// The people.
    pub(crate) members: SmallVec<[PersonId; 1]>,
    /// The fold, for each spelling; `None` while nothing is known.
    pub(crate) heads: [Option<Box<Head>>; 2],
    /// By number.
    pub(crate) windows: SmallVec<[Window; 1]>,
    /// Sends under way.
    pub(crate) flights: SmallVec<[Watch; 1]>,
    /// What began something with them of late.
    pub(crate) marks: Marked,
    /// The batch that saved this group to the journal.
    pub(crate) saved_in: u32,
}

impl Group {
    /// A group of one.
    pub(crate) fn of(business: BusinessIx, person: PersonId) -> Self {
        Self {
            business,
            forward: None,
            members: smallvec![person],
            heads: [None, None],
            windows: SmallVec::new(),
            flights: SmallVec::new(),
            marks: Marked::new(),
            saved_in: 0,
        }
    }

    /// The person first known of the group as it was built.
    pub(crate) fn first(&self) -> Option<PersonId> {
        self.members.first().copied()
    }

    /// The window on a number.
    pub(crate) fn window(&self, number: u32) -> Option<&Window> {
        self.windows.iter().find(|window| window.number == number)
    }

    /// The window on a number, made if there is none.
    pub(crate) fn window_mut(&mut self, number: u32) -> &mut Window {
        let at = self
            .windows
            .iter()
            .position(|window| window.number == number)
            .unwrap_or_else(|| {
                self.windows.push(Window::new(number));
                self.windows.len() - 1
            });
        &mut self.windows[at]
    }
}

/// Which of a group's two heads a spelling looks at.
pub(crate) fn head_at(spelling: Spelling) -> usize {
    match spelling {
        Spelling::Mobile => 0,
        Spelling::MaybeLandline => 1,
    }
}

/// Whether another spelling of this canonical number may be a landline, so that two heads are kept.
pub(crate) fn has_doubtful_spelling(canonical: &Identifier) -> bool {
    let Identifier::Phone(phone) = canonical else {
        // What is kept of a number no longer tells which spellings it has.
        return is_pseudonym(canonical);
    };
    let digits = phone.digits();
    let without_ninth = digits / 1_000_000_000 * 100_000_000 + digits % 100_000_000;
    let without_mobile_mark = 540_000_000_000 + digits % 10_000_000_000;
    [without_ninth, without_mobile_mark]
        .into_iter()
        .filter_map(Phone::from_digits)
        .any(|other| {
            let (meets, spelling) = other.canonical();
            meets == *phone && spelling == Spelling::MaybeLandline
        })
}

impl State {
    /// Follows a slot to the group that lives.
    pub(crate) fn follow(&self, mut slot: Slot) -> Slot {
        while let Some(next) = self.groups[slot as usize].forward {
            slot = next;
        }
        slot
    }

    /// The group at a slot.
    pub(crate) fn group(&self, slot: Slot) -> &Group {
        &self.groups[slot as usize]
    }

    /// The living group known under a canonical identifier.
    pub(crate) fn find(
        &self,
        business: BusinessIx,
        canonical: &Identifier,
    ) -> Result<Option<Slot>, LedgerError> {
        let business = self.business(business)?;
        let slot = match business.known.get(canonical) {
            None => self.kept(business, canonical).map(|(_, slot)| slot),
            known => known,
        };
        Ok(slot.map(|slot| self.follow(slot)))
    }

    /// What an erasure kept of an identifier.
    fn kept(&self, business: &Business, canonical: &Identifier) -> Option<(Identifier, Slot)> {
        if !business.known.kept {
            return None;
        }
        let kept = self.erasure.pseudonyms(&business.id, canonical);
        kept.into_iter().find_map(|kept| {
            let slot = business.known.get(&kept)?;
            Some((kept, slot))
        })
    }

    /// What an identifier is known by that is known only by what an erasure kept.
    pub(crate) fn kept_only(
        &self,
        business: BusinessIx,
        canonical: &Identifier,
    ) -> Result<Option<(Identifier, Slot)>, LedgerError> {
        let business = self.business(business)?;
        if business.known.get(canonical).is_some() {
            return Ok(None);
        }
        let kept = self.kept(business, canonical);
        Ok(kept.map(|(kept, slot)| (kept, self.follow(slot))))
    }

    /// Puts what is kept in the place of an identifier.
    pub(crate) fn replace_identifier(
        &mut self,
        business: BusinessIx,
        canonical: &Identifier,
        kept: &Identifier,
    ) -> Result<(), LedgerError> {
        let known = &mut self.business_mut(business)?.known;
        let Some(slot) = known.get(canonical) else {
            return Ok(());
        };
        known.remove(canonical);
        let is_new = known.get(kept).is_none();
        self.journal
            .note(Change::Replaced(business, canonical.clone(), slot));
        if is_new {
            self.add_identifier(business, kept, slot)?;
        }
        Ok(())
    }

    /// The group at a slot, to change it; saved first, once per batch.
    pub(crate) fn group_mut(&mut self, slot: Slot) -> &mut Group {
        let group = &mut self.groups[slot as usize];
        if self.journal.must_save(slot, group.saved_in) {
            group.saved_in = self.journal.batch();
            self.journal
                .note(Change::Group(slot, Box::new(group.clone())));
        }
        group
    }

    /// Adds a person known under one identifier.
    pub(crate) fn add_person(
        &mut self,
        business: BusinessIx,
        canonical: &Identifier,
        person: PersonId,
    ) -> Result<Slot, LedgerError> {
        let slot = Slot::try_from(self.groups.len())
            .map_err(|_| LedgerError::Bug("more people than slots"))?;
        self.groups.push(Group::of(business, person));
        self.journal.note(Change::Pushed);
        self.add_identifier(business, canonical, slot)?;
        Ok(slot)
    }

    /// Adds an identifier to a group.
    pub(crate) fn add_identifier(
        &mut self,
        business: BusinessIx,
        canonical: &Identifier,
        slot: Slot,
    ) -> Result<(), LedgerError> {
        self.business_mut(business)?.known.insert(canonical, slot);
        self.journal
            .note(Change::Identifier(business, canonical.clone()));
        Ok(())
    }

    /// Joins one group to another. Heads are folded again by the caller.
    pub(crate) fn join(&mut self, from: Slot, into: Slot) {
        self.joins_reached(from, into);
        let gone = std::mem::replace(self.group_mut(from), Group::of(BusinessIx(0), PersonId(0)));
        let stub = &mut self.groups[from as usize];
        stub.business = gone.business;
        stub.members.clear();
        stub.forward = Some(into);
        stub.saved_in = gone.saved_in;
        let group = self.group_mut(into);
        group.members.extend(gone.members);
        group.flights.extend(gone.flights);
        for mark in gone.marks {
            if group.marks.iter().all(|known| known.seq != mark.seq) {
                group.marks.push(mark);
            }
        }
        for window in &gone.windows {
            group.window_mut(window.number).absorb(window);
        }
    }
}
