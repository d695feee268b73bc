//! Whom a plan's files name, and what they say of each row: read as many people at once as are looked for in one pass.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use csv::ByteRecord;
use greenline_ledger::crowd::spelling_at;
use greenline_policy::identity::{Identifier, Phone};
use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::screen::Unscreened;
use crate::screen::erased;
use crate::screen::fate::Kind;

/// People who are looked for in one pass over the decisions; about 170 MB.
const PEOPLE_AT_ONCE: usize = 1 << 22;
/// Files of rows that can be decided about, each with what it says of them.
pub(super) const SHEETS: [(Kind, &str); 3] = [
    (Kind::Allowed, "allowed.csv"),
    (Kind::Held, "held.csv"),
    (Kind::Refused, "refused.csv"),
];
/// Nothing was decided about them.
pub(super) const NOTHING: u32 = u32::MAX;

/// Texts that come again and again, by their numbers.
#[derive(Debug)]
pub(super) struct Known<T> {
    places: FxHashMap<T, u32>,
    all: Vec<T>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            places: FxHashMap::default(),
            all: Vec::new(),
        }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Known<T> {
    /// The number of a text.
    pub(super) fn place(&mut self, one: T) -> u32 {
        if let Some(place) = self.places.get(&one) {
            return *place;
        }
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(one.clone());
        self.places.insert(one, place);
        place
    }

    /// The text of that number.
    pub(super) fn at(&self, place: u32) -> Option<&T> {
        self.all.get(place as usize)
    }
}

/// What a plan says of a row.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Then {
    pub(super) kind: Kind,
    /// Ids of rules, with spaces between.
    pub(super) rules: Box<str>,
}

/// Somebody of the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought {
    pub(super) key: u64,
    /// When a held row may go.
    pub(super) until_ms: i64,
    pub(super) row: u64,
    pub(super) then: u32,
    pub(super) now: u32,
    /// The decision.
    pub(super) seq: u64,
    pub(super) shard: u16,
}

/// People who are looked for in one pass.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// By their numbers.
    pub(super) phones: Vec<Sought>,
    /// By their ids.
    pub(super) users: FxHashMap<Box<str>, Sought>,
}

/// A number as one person of a list: as duplicates are found.
fn key_of(phone: Phone) -> u64 {
    let (canonical, spelling) = phone.canonical();
    canonical.digits() << 1 | spelling_at(spelling) as u64
}

impl Crowd {
    fn is_full(&self) -> bool {
        self.phones.len() + self.users.len() >= PEOPLE_AT_ONCE
    }

    pub(super) fn is_empty(&self) -> bool {
        self.phones.is_empty() && self.users.is_empty()
    }

    pub(super) fn find(&mut self, identifier: &Identifier) -> Option<&mut Sought> {
        match identifier {
            Identifier::User(user) => self.users.get_mut(user.reveal()),
            Identifier::Phone(phone) => {
                let key = key_of(*phone);
                let at = self.phones.binary_search_by_key(&key, |sought| sought.key);
                self.phones.get_mut(at.ok()?)
            }
        }
    }

    fn add(&mut self, identifier: &Identifier, sought: Sought) {
        match identifier {
            Identifier::User(user) => {
                self.users.insert(user.reveal().into(), sought);
            }
            Identifier::Phone(phone) => self.phones.push(Sought {
                key: key_of(*phone),
                ..sought
            }),
        }
    }
}

/// Rows of a plan's files, one after the other.
pub(super) struct Rows {
    folder: PathBuf,
    sheets: std::slice::Iter<'static, (Kind, &'static str)>,
    open: Option<Sheet>,
    record: ByteRecord,
    /// Rows by kind whose person was erased since.
    pub(super) erased: [u64; SHEETS.len()],
}

/// A file that is being read: what it says of rows, and where.
struct Sheet {
    kind: Kind,
    name: &'static str,
    reader: csv::Reader<File>,
    row: usize,
    number: usize,
    until: Option<usize>,
    rules: usize,
}

fn bad(name: &str) -> Unscreened {
    Unscreened::Input(format!("`{name}` of the plan does not read"))
}

impl Rows {
    pub(super) fn of(folder: PathBuf) -> Self {
        Self {
            folder,
            sheets: SHEETS.iter(),
            open: None,
            record: ByteRecord::new(),
            erased: [0; SHEETS.len()],
        }
    }

    fn next_sheet(&mut self) -> Result<bool, Unscreened> {
        let Some((kind, name)) = self.sheets.next() else {
            return Ok(false);
        };
        let file = File::open(self.folder.join(name)).map_err(|error| unread(&error))?;
        let mut reader = csv::Reader::from_reader(file);
        let names = reader.byte_headers().map_err(|_| bad(name))?;
        let place = |wanted: &str| names.iter().position(|name| name == wanted.as_bytes());
        let (row, number) = (place("row"), place("number"));
        let (until, rules) = (place("until"), place("rules"));
        let (Some(row), Some(number), Some(rules)) = (row, number, rules) else {
            return Err(bad(name));
        };
        self.open = Some(Sheet {
            kind: *kind,
            name,
            reader,
            row,
            number,
            until,
            rules,
        });
        Ok(true)
    }

    /// As many people as are looked for in one pass; nobody once all were.
    pub(super) fn people(&mut self, thens: &mut Known<Then>) -> Result<Crowd, Unscreened> {
        let mut crowd = Crowd::default();
        while !crowd.is_full() {
            let Some(sheet) = &mut self.open else {
                if self.next_sheet()? {
                    continue;
                }
                break;
            };
            let read = sheet.reader.read_byte_record(&mut self.record);
            if !read.map_err(|_| bad(sheet.name))? {
                self.open = None;
                continue;
            }
            if self.record.get(sheet.number) == Some(erased::NOBODY.as_bytes()) {
                self.erased[sheet.kind as usize] += 1;
                continue;
            }
            let (who, sought) = sheet
                .sought(&self.record, thens)
                .ok_or_else(|| bad(sheet.name))?;
            crowd.add(&who, sought);
        }
        crowd.phones.sort_unstable_by_key(|sought| sought.key);
        Ok(crowd)
    }
}

impl Sheet {
    fn sought(&self, record: &ByteRecord, thens: &mut Known<Then>) -> Option<(Identifier, Sought)> {
        let text = |at: usize| std::str::from_utf8(record.get(at)?).ok();
        let until_ms = match self.until {
            None => 0,
            Some(at) => text(at)?.parse::<Timestamp>().ok()?.as_millisecond(),
        };
        let then = Then {
            kind: self.kind,
            rules: text(self.rules)?.into(),
        };
        let sought = Sought {
            key: 0,
            until_ms,
            row: text(self.row)?.parse().ok()?,
            then: thens.place(then),
            now: NOTHING,
            seq: 0,
            shard: 0,
        };
        Some((Identifier::parse(text(self.number)?)?, sought))
    }
}

fn unread(error: &io::Error) -> Unscreened {
    Unscreened::Unavailable(format!("the plan's files cannot be read: {error}"))
}

/// Whom a row names, without what would tell it.
pub(super) fn masked(sought: &Sought, user: Option<&str>) -> String {
    let whom = match user {
        Some(id) => Identifier::parse(id),
        None => Phone::from_digits(sought.key >> 1).map(Identifier::Phone),
    };
    whom.map_or_else(String::new, |whom| whom.to_string())
}
