//! Batch by batch: where each row goes, and what becomes of whom.

use std::hint::black_box;
use std::sync::mpsc::{Receiver, SyncSender};

use greenline_ledger::crowd::{Found, NOWHERE, spelling_at};
use greenline_policy::identity::{Identifier, Phone};
use rustc_hash::FxHashMap;

use super::Unscreened;
use super::fate::{Fate, Tally};
use super::judge::Judge;
use super::rows::{Batch, Goes, Odd, Row};
use super::writing::{Decided, Ending};

/// Rows whose numbers are looked up together. What is found of them is still near when it is their turn.
const TOGETHER: usize = 64;

/// The first row of everyone; 0 for whom none has named yet.
#[derive(Default)]
struct Firsts {
    /// Of those who have a slot in a table of the crowd.
    slots: [Vec<u32>; 2],
    /// Of other numbers, under their canonical form and spelling.
    others: FxHashMap<u64, u32>,
    /// Of user ids.
    users: FxHashMap<Box<str>, u32>,
}

impl Firsts {
    fn of(&mut self, sought: &Sought) -> &mut u32 {
        if let Some(first) = self.slots[sought.table].get_mut(sought.slot as usize) {
            return first;
        }
        let key = sought.canonical << 1 | sought.table as u64;
        self.others.entry(key).or_default()
    }

    /// Asks memory for the first rows of all of these at once, so that it answers for one while another is waited for.
    fn come_near(&self, sought: &[Sought]) {
        let near = sought.iter().map(|sought| {
            let first = self.slots[sought.table].get(sought.slot as usize);
            first.copied().unwrap_or_default()
        });
        black_box(near.fold(0, |all, first| all | first));
    }
}

/// A number that is looked for, and what was found.
#[derive(Clone, Copy)]
struct Sought {
    /// As it is sent to; nothing where the row names none.
    phone: Option<Phone>,
    canonical: u64,
    /// The table of its spelling.
    table: usize,
    /// Its slot there.
    slot: u32,
    found: Found,
}

impl Sought {
    /// Not looked for yet.
    fn of(row: &Row) -> Self {
        let phone = Phone::from_digits(row.digits);
        let (canonical, table) = phone.map_or((0, 0), |phone| {
            let (canonical, spelling) = phone.canonical();
            (canonical.digits(), spelling_at(spelling))
        });
        Self {
            phone,
            canonical,
            table,
            slot: NOWHERE,
            found: Found::Alone,
        }
    }
}

/// Decides about batches.
pub(crate) struct Deciding {
    judge: Judge,
    /// What became of all so far.
    pub(crate) tally: Tally,
    firsts: Firsts,
    /// Endings that were handed on.
    handed_on: usize,
    /// Numbers that are looked up together, and what was found.
    sought: Vec<Sought>,
    numbers: Vec<u64>,
    found: Vec<(u32, Found)>,
}

impl Deciding {
    /// Nothing was decided yet.
    pub(crate) fn new(judge: Judge) -> Self {
        let mut firsts = Firsts::default();
        if let Some(crowd) = judge.crowd() {
            firsts.slots = crowd.slots().map(|slots| vec![0; slots]);
        }
        Self {
            judge,
            tally: Tally::default(),
            firsts,
            handed_on: 0,
            sought: Vec::new(),
            numbers: Vec::new(),
            found: Vec::new(),
        }
    }

    /// As [`Judge::is_too_far`].
    pub(crate) fn is_too_far(&self) -> bool {
        self.judge.is_too_far()
    }

    /// As [`Judge::ended_ms`].
    pub(crate) fn ended_ms(&self) -> Option<i64> {
        self.judge.ended_ms()
    }

    /// Decides about every batch and hands it on, until no more come or nobody takes them.
    pub(crate) fn all(
        &mut self,
        from: &Receiver<Batch>,
        to: &SyncSender<Decided>,
    ) -> Result<(), Unscreened> {
        while let Ok(mut batch) = from.recv() {
            self.batch(&mut batch)?;
            let new = self.tally.entries.get(self.handed_on..).unwrap_or_default();
            let endings = new.iter().map(|entry| Ending {
                kind: entry.fate.kind,
                tail: entry.fate.tail(),
            });
            let endings = endings.collect();
            self.handed_on = self.tally.entries.len();
            if to.send(Decided { batch, endings }).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn batch(&mut self, batch: &mut Batch) -> Result<(), Unscreened> {
        let mut goes = std::mem::take(&mut batch.goes);
        let people = self.sorted(batch, &mut goes)?;
        if !people.is_empty() {
            let fates = self.judge.fates(&people)?;
            self.alone(&mut goes, fates);
        }
        batch.goes = goes;
        Ok(())
    }

    /// Puts those who were decided about alone where they belong.
    fn alone(&mut self, goes: &mut [Goes], fates: Vec<Fate>) {
        let alone = goes.iter_mut().filter(|goes| **goes == Goes::Alone);
        for (goes, fate) in alone.zip(fates) {
            let place = self.tally.place(fate);
            self.tally.one_more(place);
            *goes = Goes::To(place);
        }
    }

    /// Looks up some rows.
    fn look_up(&mut self, rows: &[Row]) {
        self.sought.clear();
        self.sought.extend(rows.iter().map(Sought::of));
        let Some(crowd) = self.judge.crowd() else {
            return;
        };
        self.numbers.clear();
        self.numbers
            .extend(self.sought.iter().map(|sought| sought.canonical));
        crowd.find_all(&self.numbers, &mut self.found);
        for (sought, found) in self.sought.iter_mut().zip(&self.found) {
            // Only one table is looked through together.
            (sought.slot, sought.found) = match (sought.phone, sought.table) {
                (Some(phone), 1) => crowd.find(phone.canonical()),
                _ => *found,
            };
        }
        self.firsts.come_near(&self.sought);
    }

    /// Where each row goes, and whom there is to decide about alone.
    fn sorted(
        &mut self,
        batch: &Batch,
        goes: &mut Vec<Goes>,
    ) -> Result<Vec<Identifier>, Unscreened> {
        let mut people = Vec::new();
        let mut odd = batch.odd.iter();
        // Invariant: a list has no more rows than `list::ROWS_MAX`.
        let mut number = batch.first as u32;
        goes.reserve(batch.rows.len());
        for some in batch.rows.chunks(TOGETHER) {
            self.look_up(some);
            for sought in &self.sought {
                let Some(phone) = sought.phone else {
                    goes.push(match odd.next() {
                        Some(Odd::User(user)) => {
                            let first = self.firsts.users.entry(user.reveal().into()).or_default();
                            if *first == 0 {
                                *first = number;
                                people.push(Identifier::User(user.clone()));
                                Goes::Alone
                            } else {
                                self.tally.duplicates += 1;
                                Goes::Duplicate(*first)
                            }
                        }
                        Some(Odd::Unread { problem, .. }) => {
                            self.tally.unread(problem);
                            Goes::Unread
                        }
                        None => Goes::Unread,
                    });
                    number = number.wrapping_add(1);
                    continue;
                };
                let first = self.firsts.of(sought);
                if *first == 0 {
                    *first = number;
                    let found = sought.found;
                    goes.push(match self.judge.shared(found, phone, &mut self.tally)? {
                        Some(place) => {
                            self.tally.one_more(place);
                            Goes::To(place)
                        }
                        None => {
                            people.push(Identifier::Phone(phone));
                            Goes::Alone
                        }
                    });
                } else {
                    self.tally.duplicates += 1;
                    goes.push(Goes::Duplicate(*first));
                }
                number = number.wrapping_add(1);
            }
        }
        Ok(people)
    }
}
