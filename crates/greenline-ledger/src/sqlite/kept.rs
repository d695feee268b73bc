//! A crowd kept as a file beside the store, so that the next list need not read everybody again.
//!
//! The file says as of which consent event it was made. Whoever an event since is about is loaded anew, and so is whoever
//! has what only small tables tell, every time; an erasure since, an event that is not the one on record, another release
//! or a single wrong byte make it worth nothing, and everybody is read. It holds numbers, so only its owner may read it,
//! and an erasure deletes it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use super::connect::MIGRATIONS;
use super::rows::person;
use super::sql;
use crate::codec::{decode_head, encode_head};
use crate::crowd::{Crowd, Table};
use crate::error::LedgerError;
use crate::types::PersonId;

/// Slots that are read or written at once.
const SLOTS_AT_ONCE: usize = 1 << 15;
/// Longest first line.
const ABOUT_BYTES_MAX: u64 = 256 << 20;
/// Past one change for so many people it is sooner read anew.
const CHANGED_PART: usize = 8;

/// Where it lies.
pub(super) fn path_of(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push("-crowd");
    name.into()
}

/// As of when a crowd is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Stamp {
    release: String,
    migrations: usize,
    business: String,
    /// The newest consent event.
    seq: i64,
    /// What it says: another store may have another event of that number.
    event: String,
    /// Classes keep the days of yeses.
    #[serde(default)]
    dated: bool,
}

impl Stamp {
    /// As of what this connection sees.
    pub(super) fn now(
        connection: &Connection,
        business: &str,
        dated: bool,
    ) -> Result<Self, LedgerError> {
        let seq: Option<i64> =
            connection.query_row(sql::LAST_EVENT, [], |row| row.get::<_, Option<i64>>(0))?;
        let seq = seq.unwrap_or(0);
        Ok(Self {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            migrations: MIGRATIONS.len(),
            business: business.to_owned(),
            seq,
            event: event(connection, seq)?,
            dated,
        })
    }

    /// Whether it tells the days of yeses.
    pub(super) fn is_dated(&self) -> bool {
        self.dated
    }

    /// Whom events since are about; `None` when what is kept as of then is worth nothing now.
    pub(super) fn changed(
        &self,
        connection: &Connection,
        business: &str,
        people: usize,
    ) -> Result<Option<FxHashSet<PersonId>>, LedgerError> {
        let here = Self {
            seq: self.seq,
            event: event(connection, self.seq)?,
            ..Self::now(connection, business, self.dated)?
        };
        if here != *self {
            return Ok(None);
        }
        let mut changed = FxHashSet::default();
        let mut statement = connection.prepare(sql::LOAD_CHANGED)?;
        let mut rows = statement.query([self.seq])?;
        while let Some(row) = rows.next()? {
            if row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)? == "erased" {
                return Ok(None);
            }
            changed.insert(person(row.get(0)?));
            if changed.len() > people / CHANGED_PART {
                return Ok(None);
            }
        }
        Ok(Some(changed))
    }
}

/// What an event says that no other of that number does.
fn event(connection: &Connection, seq: i64) -> Result<String, LedgerError> {
    let found = connection
        .query_row(sql::LOAD_EVENT_MARK, [seq], |row| {
            let (person, arrival_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(format!(
                "{person} {arrival_ms} {}",
                row.get::<_, String>(2)?
            ))
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct About {
    stamp: Stamp,
    classes: Vec<String>,
    /// People who are not described.
    alone: Vec<u64>,
    /// How many slots each table has, and how many are taken.
    slots: [usize; 2],
    taken: [usize; 2],
    /// Of all slots.
    sum: u64,
}

/// Of slots, in their order: a wrong bit anywhere makes another. Every fourth goes one way, so that none waits for the
/// one before it.
#[derive(Default)]
struct Sum([u64; WAYS]);

/// Ways of a sum. Tables have many times as many slots.
const WAYS: usize = 4;

impl Sum {
    fn add(&mut self, slots: &[u64]) {
        for some in slots.chunks(WAYS) {
            for (way, slot) in self.0.iter_mut().zip(some) {
                *way = mixed(*way, *slot);
            }
        }
    }

    fn told(self) -> u64 {
        self.0.into_iter().fold(0, mixed)
    }
}

fn mixed(before: u64, slot: u64) -> u64 {
    (before ^ slot)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(29)
}

/// Keeps a crowd. Who cannot keep one reads everybody again the next time.
pub(super) fn write(
    path: &Path,
    stamp: &Stamp,
    crowd: &Crowd,
    alone: &FxHashSet<PersonId>,
) -> Result<(), LedgerError> {
    let [one, other] = crowd.tables();
    let mut sum = Sum::default();
    sum.add(one.slots());
    sum.add(other.slots());
    let about = About {
        stamp: stamp.clone(),
        classes: crowd
            .classes()
            .iter()
            .map(encode_head)
            .collect::<Result<_, _>>()?,
        alone: alone.iter().map(|person| person.0).collect(),
        slots: crowd.slots(),
        taken: [one.taken(), other.taken()],
        sum: sum.told(),
    };
    let about = serde_json::to_string(&about).map_err(|_| LedgerError::Bug("a crowd unwritten"))?;
    let written = written(path, &about, crowd);
    written.map_err(|error| LedgerError::Unavailable(std::sync::Arc::new(error)))
}

fn written(path: &Path, about: &str, crowd: &Crowd) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let making = PathBuf::from(name);
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = BufWriter::with_capacity(1 << 20, options.open(&making)?);
    let done = (|| {
        file.write_all(about.as_bytes())?;
        file.write_all(b"\n")?;
        for table in crowd.tables() {
            for slot in table.slots() {
                file.write_all(&slot.to_le_bytes())?;
            }
        }
        file.flush()?;
        fs::rename(&making, path)
    })();
    if done.is_err() {
        let _ = fs::remove_file(&making);
    }
    done
}

/// What is kept: the crowd, as of when, and who is not described. `None` when nothing is, or it does not read.
pub(super) fn read(path: &Path) -> Option<(Stamp, Crowd, FxHashSet<PersonId>)> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).ok()?);
    let mut line = Vec::new();
    (&mut file)
        .take(ABOUT_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .ok()?;
    let about: About = serde_json::from_slice(&line).ok()?;
    let length = file.get_ref().metadata().ok()?.len();
    let wanted = about.slots.iter().try_fold(0_u64, |all, slots| {
        all.checked_add(u64::try_from(*slots).ok()?.checked_mul(8)?)
    })?;
    if length != wanted.checked_add(line.len() as u64)? {
        return None;
    }
    let mut summed = Sum::default();
    let mut bytes = vec![0; SLOTS_AT_ONCE * 8];
    let mut table = |slots: usize, taken: usize| -> Option<Table> {
        let mut read = vec![0_u64; slots];
        for some in read.chunks_mut(SLOTS_AT_ONCE) {
            let bytes = bytes.get_mut(..some.len() * 8)?;
            file.read_exact(bytes).ok()?;
            for (slot, bytes) in some.iter_mut().zip(bytes.as_chunks().0) {
                *slot = u64::from_le_bytes(*bytes);
            }
            summed.add(some);
        }
        Table::of(read, taken)
    };
    let tables = [
        table(about.slots[0], about.taken[0])?,
        table(about.slots[1], about.taken[1])?,
    ];
    if summed.told() != about.sum {
        return None;
    }
    let classes = about.classes.iter().map(|class| decode_head(class).ok());
    let crowd = Crowd::of(tables, classes.collect::<Option<_>>()?)?;
    let alone = about.alone.into_iter().map(PersonId).collect();
    Some((about.stamp, crowd, alone))
}
