//! Sorting more rows than memory holds.
//!
//! Rows are sorted in runs, each written to a file of its own, and read back merged. A row's place is its key: who,
//! then what closes before what opens, then what was said. So rows of one person come together, the same row twice
//! comes one after the other, and a store that keeps people in the order of their numbers is written in that order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of rows that are sorted in memory at once.
pub(crate) const RUN_BYTES: usize = 96 << 20;
/// Runs at most; more rows than that are past any limit on rows.
const RUNS_MAX: usize = 4_096;

/// A key and what goes with it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Entry {
    /// What it is sorted by.
    pub(crate) key: Vec<u8>,
    /// The row.
    pub(crate) body: Vec<u8>,
}

/// Takes entries in any order.
#[derive(Debug)]
pub(crate) struct Sorter {
    folder: PathBuf,
    run_bytes: usize,
    bytes: Vec<u8>,
    /// Where each entry begins, its key's and its body's length.
    places: Vec<(usize, u32, u32)>,
    runs: Vec<PathBuf>,
}

impl Sorter {
    /// A sorter that keeps its runs in a folder.
    #[must_use]
    pub(crate) fn new(folder: &Path, run_bytes: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            run_bytes,
            bytes: Vec::new(),
            places: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// Takes an entry.
    ///
    /// # Errors
    /// A run cannot be written.
    pub(crate) fn push(&mut self, key: &[u8], body: &[u8]) -> io::Result<()> {
        let length = |part: &[u8]| u32::try_from(part.len()).map_err(io::Error::other);
        let place = (self.bytes.len(), length(key)?, length(body)?);
        self.places.push(place);
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(body);
        if self.bytes.len() + self.places.len() * size_of::<(usize, u32, u32)>() >= self.run_bytes {
            self.write_run()?;
        }
        Ok(())
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        let key = |(start, key, _): &(usize, u32, u32)| &bytes[*start..*start + *key as usize];
        self.places
            .sort_unstable_by(|one, other| key(one).cmp(key(other)));
    }

    fn write_run(&mut self) -> io::Result<()> {
        if self.runs.len() >= RUNS_MAX {
            return Err(io::Error::other("too many rows to sort"));
        }
        self.sort();
        let path = self.folder.join(format!("run-{:04}", self.runs.len()));
        let mut file = BufWriter::with_capacity(1 << 20, super::files::private(&path)?);
        for (start, key, body) in self.places.drain(..) {
            file.write_all(&key.to_le_bytes())?;
            file.write_all(&body.to_le_bytes())?;
            let end = start + key as usize + body as usize;
            file.write_all(&self.bytes[start..end])?;
        }
        file.flush()?;
        self.bytes.clear();
        self.runs.push(path);
        Ok(())
    }

    /// Everything, in order.
    ///
    /// # Errors
    /// A run cannot be read.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        self.sort();
        let mut runs = Vec::new();
        for path in &self.runs {
            runs.push(BufReader::with_capacity(1 << 18, File::open(path)?));
        }
        let mut sorted = Sorted {
            runs,
            ahead: BinaryHeap::new(),
            rest: self.places.into_iter(),
            bytes: self.bytes,
        };
        for at in 0..=sorted.runs.len() {
            sorted.look_ahead(at)?;
        }
        Ok(sorted)
    }
}

/// Entries in order.
#[derive(Debug)]
pub(crate) struct Sorted {
    runs: Vec<BufReader<File>>,
    /// The first entry of each run that is not yet given.
    ahead: BinaryHeap<Reverse<(Entry, usize)>>,
    /// What was never written, which counts as the last run.
    rest: std::vec::IntoIter<(usize, u32, u32)>,
    bytes: Vec<u8>,
}

impl Sorted {
    fn look_ahead(&mut self, at: usize) -> io::Result<()> {
        let next = match self.runs.get_mut(at) {
            Some(run) => next_of(run)?,
            None => self.rest.next().map(|(start, key, body)| {
                let middle = start + key as usize;
                Entry {
                    key: self.bytes[start..middle].to_vec(),
                    body: self.bytes[middle..middle + body as usize].to_vec(),
                }
            }),
        };
        self.ahead.extend(next.map(|entry| Reverse((entry, at))));
        Ok(())
    }

    /// The next one.
    ///
    /// # Errors
    /// A run cannot be read.
    pub(crate) fn take_next(&mut self) -> io::Result<Option<Entry>> {
        let Some(Reverse((entry, at))) = self.ahead.pop() else {
            return Ok(None);
        };
        self.look_ahead(at)?;
        Ok(Some(entry))
    }
}

fn next_of(run: &mut BufReader<File>) -> io::Result<Option<Entry>> {
    let mut lengths = [0; 8];
    match run.read_exact(&mut lengths) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let [a, b, c, d, e, f, g, h] = lengths;
    let (key, body) = (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    );
    let mut entry = Entry {
        key: vec![0; key as usize],
        body: vec![0; body as usize],
    };
    run.read_exact(&mut entry.key)?;
    run.read_exact(&mut entry.body)?;
    Ok(Some(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_runs_come_back_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for run_bytes in [64, 400, 1 << 20] {
            let mut sorter = Sorter::new(folder.path(), run_bytes);
            for n in 0..500_u32 {
                let key = n.wrapping_mul(2_654_435_761).to_be_bytes();
                sorter.push(&key, &n.to_le_bytes()).unwrap();
            }
            let mut sorted = sorter.finish().unwrap();
            let mut keys = Vec::new();
            while let Some(entry) = sorted.take_next().unwrap() {
                let n = u32::from_le_bytes(entry.body.try_into().unwrap());
                assert_eq!(entry.key, n.wrapping_mul(2_654_435_761).to_be_bytes());
                keys.push(entry.key);
            }
            assert_eq!(keys.len(), 500);
            assert!(keys.is_sorted());
        }
    }
}
