//! Batch by batch: where each row goes, what becomes of whom, and what is written.

use std::io;
use std::sync::mpsc::Receiver;

use greenline_ledger::crowd::{Found, NOWHERE, spelling_at};
use greenline_policy::identity::{Identifier, Phone};
use rustc_hash::FxHashMap;

use super::Unscreened;
use super::fate::{Fate, Kind, Tally};
use super::judge::Judge;
use super::results::{GIVEN_BYTES_MAX, Results, Unplaced, push_value};
use super::rows::{Batch, Odd};

/// Where a row goes.
#[derive(Clone, Copy)]
enum Goes {
    /// With others of whom all that counts is equal, to the place of what becomes of them.
    Shared(u32),
    /// It is the next of those that are decided about alone.
    Alone,
    /// It names somebody whom that row named.
    Duplicate(u32),
    /// It is the next that could not be read.
    Unread,
}

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

/// Decides about batches, and writes what becomes of their rows.
pub(crate) struct Deciding<'r> {
    judge: Judge,
    /// What became of all so far.
    pub(crate) tally: Tally,
    firsts: Firsts,
    results: &'r mut Results,
    /// Numbers of a batch that are looked up together, and what was found.
    numbers: Vec<u64>,
    found: Vec<(u32, Found)>,
    /// What goes to the files of each kind, made ready.
    rows: [Vec<u8>; 3],
    repeated: Vec<u8>,
}

impl<'r> Deciding<'r> {
    /// Nothing was decided yet.
    pub(crate) fn new(judge: Judge, results: &'r mut Results) -> Self {
        let mut firsts = Firsts::default();
        if let Some(crowd) = judge.crowd() {
            firsts.slots = crowd.slots().map(|slots| vec![0; slots]);
        }
        Self {
            judge,
            tally: Tally::default(),
            firsts,
            results,
            numbers: Vec::new(),
            found: Vec::new(),
            rows: Default::default(),
            repeated: Vec::new(),
        }
    }

    /// Every batch, until no more come.
    pub(crate) fn all(&mut self, from: &Receiver<Batch>) -> Result<(), Unscreened> {
        while let Ok(batch) = from.recv() {
            self.batch(&batch)?;
        }
        Ok(())
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), Unscreened> {
        let (goes, people) = self.sorted(batch)?;
        let fates = self.judge.fates(&people)?;
        self.written(batch, &goes, &people, fates)
            .map_err(|error| Unplaced::Disk(error).into())
    }

    /// Looks up all numbers of a batch.
    fn look_up(&mut self, batch: &Batch) {
        let Some(crowd) = self.judge.crowd() else {
            self.found.clear();
            self.found.resize(batch.rows.len(), (NOWHERE, Found::Alone));
            return;
        };
        self.numbers.clear();
        let canonical = batch.rows.iter().map(|row| {
            Phone::from_digits(row.digits).map_or(0, |phone| phone.canonical().0.digits())
        });
        self.numbers.extend(canonical);
        crowd.find_all(&self.numbers, &mut self.found);
    }

    /// Where each row goes, and whom there is to decide about alone.
    fn sorted(&mut self, batch: &Batch) -> Result<(Vec<Goes>, Vec<Identifier>), Unscreened> {
        self.look_up(batch);
        let mut goes = Vec::with_capacity(batch.rows.len());
        let mut people = Vec::new();
        let mut odd = batch.odd.iter();
        for (at, row) in batch.rows.iter().enumerate() {
            // Invariant: a list has no more rows than `list::ROWS_MAX`.
            let number = (batch.first + at as u64) as u32;
            let Some(phone) = Phone::from_digits(row.digits) else {
                goes.push(match odd.next() {
                    Some(Odd::User(user)) => {
                        let first = self.firsts.users.entry(user.reveal().into()).or_default();
                        if *first == 0 {
                            *first = number;
                            people.push(Identifier::User(user.clone()));
                            Goes::Alone
                        } else {
                            Goes::Duplicate(*first)
                        }
                    }
                    Some(Odd::Unread { .. }) | None => Goes::Unread,
                });
                continue;
            };
            let (found, first) = self.first(phone, at);
            if *first != 0 {
                goes.push(Goes::Duplicate(*first));
                continue;
            }
            *first = number;
            match self.judge.shared(found, phone, &mut self.tally)? {
                Some(place) => goes.push(Goes::Shared(place)),
                None => {
                    goes.push(Goes::Alone);
                    people.push(Identifier::Phone(phone));
                }
            }
        }
        Ok((goes, people))
    }

    fn written(
        &mut self,
        batch: &Batch,
        goes: &[Goes],
        people: &[Identifier],
        fates: Vec<Fate>,
    ) -> io::Result<()> {
        let mut alone = people.iter().zip(fates);
        let mut odd = batch.odd.iter();
        for ((number, row), goes) in (batch.first..).zip(&batch.rows).zip(goes) {
            let unusual = if row.digits == 0 { odd.next() } else { None };
            let given = batch.given(*row);
            let place = match goes {
                Goes::Shared(place) => *place,
                Goes::Alone => {
                    let next = alone.next();
                    let (_, fate) =
                        next.ok_or_else(|| io::Error::other("a row without a decision"))?;
                    self.tally.place(fate)
                }
                Goes::Duplicate(first) => {
                    self.tally.duplicates += 1;
                    begin_row(&mut self.repeated, number, given, row.digits, unusual);
                    self.repeated.push(b',');
                    push_number(&mut self.repeated, u64::from(*first));
                    self.repeated.push(b'\n');
                    continue;
                }
                Goes::Unread => {
                    if let Some(Odd::Unread { line, problem }) = unusual {
                        self.tally.unread(problem);
                        self.results.unread(number, *line, given, problem)?;
                    }
                    continue;
                }
            };
            let entry = self
                .tally
                .entries
                .get_mut(place as usize)
                .ok_or_else(|| io::Error::other("a row without a place"))?;
            entry.rows += 1;
            let rows = &mut self.rows[entry.fate.kind as usize];
            begin_row(rows, number, given, row.digits, unusual);
            rows.extend_from_slice(&entry.tail);
        }
        for kind in Kind::ALL {
            let rows = &mut self.rows[kind as usize];
            self.results.write(kind, rows)?;
            rows.clear();
        }
        self.results.duplicates(&self.repeated)?;
        self.repeated.clear();
        Ok(())
    }

    /// What is known of the number in a row of the batch, and the first row that named it.
    fn first(&mut self, phone: Phone, at: usize) -> (Found, &mut u32) {
        let (canonical, spelling) = phone.canonical();
        let table = spelling_at(spelling);
        let (slot, found) = match (self.judge.crowd(), table) {
            // Only one table is looked through together.
            (Some(crowd), 1) => crowd.find((canonical, spelling)),
            _ => self
                .found
                .get(at)
                .copied()
                .unwrap_or((NOWHERE, Found::Alone)),
        };
        if let Some(first) = self.firsts.slots[table].get_mut(slot as usize) {
            return (found, first);
        }
        let key = canonical.digits() << 1 | table as u64;
        (found, self.firsts.others.entry(key).or_default())
    }
}

/// The row's number, what stood in it, and whom it names.
fn begin_row(rows: &mut Vec<u8>, number: u64, given: &[u8], digits: u64, unusual: Option<&Odd>) {
    push_number(rows, number);
    rows.push(b',');
    push_value(rows, given.get(..GIVEN_BYTES_MAX).unwrap_or(given));
    rows.push(b',');
    match unusual {
        Some(Odd::User(user)) => rows.extend_from_slice(user.reveal().as_bytes()),
        _ => push_number(rows, digits),
    }
}

fn push_number(rows: &mut Vec<u8>, number: u64) {
    rows.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
