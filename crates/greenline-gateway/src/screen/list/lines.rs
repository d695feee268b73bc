//! Separated values, read fast where they are plain.
//!
//! A line without quotes and with nothing but its usual end is taken apart where it lies; as long as there are only such
//! lines, many in one go. From the first quote or odd line end on a row is read by the reader that imports read with,
//! byte for byte the same, and after that row it is plain reading again. That both give the same is held by a test.

use std::io::{self, BufRead, Read as _};

use csv_core::ReadRecordResult;
use memchr::{memchr, memchr_iter, memchr2_iter, memchr3};

use crate::imports::source::{ROW_BYTES_MAX, Unfit};

/// Bytes that are taken apart at once.
pub(super) const PIECE_BYTES: usize = 1 << 20;

/// A row as it was found.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// The line on which it begins.
    pub(super) line: u64,
    /// What stands where people are named, without space around it.
    pub(super) given: &'a [u8],
    /// Where that lies in the piece; nothing where it is not there as it is.
    pub(super) at: Option<usize>,
    /// How many values, where that is not how many there should be.
    pub(super) ragged: Option<usize>,
}

/// Takes rows, and pieces of the file when all of their rows were given.
pub(super) trait Takes {
    /// The names of the columns; answers with those that name people, the one that counts first.
    fn names(&mut self, names: &csv::ByteRecord) -> Result<Vec<usize>, Unfit>;
    /// A row.
    fn row(&mut self, row: &Found<'_>) -> Result<(), Unfit>;
    /// A row of as many values as there should be, on that line, if what stands where people are named first, at that
    /// place in the piece, is as most are; else `false`, and [`Self::row`] gets it.
    fn usual(&mut self, line: u64, at: usize, given: &[u8]) -> Result<bool, Unfit>;
    /// The rows since the last piece lie in this one; `false` ends the reading.
    fn piece(&mut self, piece: Vec<u8>) -> Result<bool, Unfit>;
    /// Memory for a piece, with whatever stands there.
    fn memory(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

/// How values stand in a file.
struct Reader<'t, T> {
    delimiter: u8,
    general: csv_core::Reader,
    /// The columns that name people, and how many there are; none before the names were read.
    picks: Option<(Vec<usize>, usize)>,
    line: u64,
    takes: &'t mut T,
    /// What the general reader makes of a row.
    values: Vec<u8>,
    ends: Vec<usize>,
}

/// Reads everything.
pub(super) fn read<T: Takes>(
    sample: &[u8],
    mut rest: Box<dyn BufRead + Send>,
    (delimiter, piece_bytes): (u8, usize),
    takes: &mut T,
) -> Result<(), Unfit> {
    let general = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
    let mut reader = Reader {
        delimiter,
        general,
        picks: None,
        line: 1,
        takes,
        values: vec![0; 1 << 10],
        ends: vec![0; 64],
    };
    let mut left = sample.to_vec();
    loop {
        let mut piece = reader.takes.memory();
        let mut filled = left.len();
        piece.resize(filled + piece_bytes, 0);
        piece[..filled].copy_from_slice(&left);
        let mut ended = false;
        while let Some(room) = piece.get_mut(filled..).filter(|room| !room.is_empty()) {
            match rest.read(room) {
                Ok(0) => {
                    ended = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        piece.truncate(filled);
        if ended {
            // A last line without its end gets one; an empty line is none.
            piece.push(b'\n');
        }
        let used = reader.rows(&piece)?;
        left.clear();
        left.extend_from_slice(piece.get(used..).unwrap_or_default());
        if !ended && left.len() > 2 * ROW_BYTES_MAX || ended && !left.is_empty() {
            return Err(Unfit::File(format!(
                "a row is longer than {ROW_BYTES_MAX} bytes; is a quote missing?"
            )));
        }
        if !reader.takes.piece(piece)? || ended {
            return Ok(());
        }
    }
}

impl<T: Takes> Reader<'_, T> {
    /// Takes all whole rows of a piece; says how far they reach.
    fn rows(&mut self, piece: &[u8]) -> Result<usize, Unfit> {
        let mut at = 0;
        loop {
            at = self.usual(piece, at)?;
            let Some(left) = piece.get(at..).filter(|left| !left.is_empty()) else {
                break;
            };
            let Some(next) = memchr3(b'\n', b'"', b'\r', left) else {
                break;
            };
            let used = match (left[next], left.get(next + 1)) {
                (b'\n', _) => next + 1,
                (b'\r', Some(b'\n')) => next + 2,
                // What comes next says whether it is one line end.
                (b'\r', None) => break,
                _ => 0,
            };
            let used = match (used, &self.picks) {
                (0, _) | (_, None) => match self.general(left)? {
                    Some(used) => used,
                    None => break,
                },
                (used, Some(_)) => {
                    self.plain(&left[..next], at)?;
                    self.line += 1;
                    used
                }
            };
            at += used;
        }
        Ok(at)
    }

    /// Takes lines that are rows as they lie there, as long as there are such; says how far they reach.
    fn usual(&mut self, piece: &[u8], from: usize) -> Result<usize, Unfit> {
        let Some((picks, columns)) = &self.picks else {
            return Ok(from);
        };
        let (Some(pick), columns) = (picks.first().copied(), *columns) else {
            return Ok(from);
        };
        let plain = piece.get(from..plain_until(piece, from));
        let plain = plain.filter(|_| !matches!(self.delimiter, b'\n' | b'\r' | b'"'));
        let plain = plain.unwrap_or_default();
        let (mut start, mut cell, mut count, mut given) = (0, 0, 0, (0, 0));
        for mark in memchr2_iter(b'\n', self.delimiter, plain) {
            let ends_line = plain[mark] == b'\n';
            let mut end = mark;
            if ends_line && end > cell && plain[end - 1] == b'\r' {
                end -= 1;
            }
            if count == pick {
                given = (cell, end);
            }
            count += 1;
            cell = mark + 1;
            if !ends_line {
                continue;
            }
            let is_usual = count == columns
                && self
                    .takes
                    .usual(self.line, from + given.0, &plain[given.0..given.1])?;
            if !is_usual {
                self.plain(&plain[start..end], from + start)?;
            }
            self.line += 1;
            (start, count) = (cell, 0);
        }
        Ok(from + start)
    }

    /// A line that is a row as it lies there.
    fn plain(&mut self, line: &[u8], at: usize) -> Result<(), Unfit> {
        let Some((picks, columns)) = &self.picks else {
            return Ok(());
        };
        let mut best: Option<(usize, usize, usize)> = None;
        let (mut start, mut count) = (0, 0);
        let mut value = |from: usize, to: usize, count: usize| {
            if let Some(rank) = picks.iter().position(|pick| *pick == count)
                && best.is_none_or(|(known, ..)| rank < known)
            {
                let cell = &line[from..to];
                let front = cell.len() - cell.trim_ascii_start().len();
                let length = cell.trim_ascii().len();
                if length > 0 {
                    best = Some((rank, from + front, length));
                }
            }
        };
        for end in memchr_iter(self.delimiter, line) {
            value(start, end, count);
            (start, count) = (end + 1, count + 1);
        }
        value(start, line.len(), count);
        count += 1;
        let is_ragged = count != *columns;
        if (best.is_none() || is_ragged) && self.is_blank(line) {
            return Ok(());
        }
        let (given, lies) = match best {
            Some((_, from, length)) => (&line[from..from + length], Some(at + from)),
            None => (&line[..0], Some(at)),
        };
        self.takes.row(&Found {
            line: self.line,
            given,
            at: lies,
            ragged: is_ragged.then_some(count),
        })
    }

    fn is_blank(&self, line: &[u8]) -> bool {
        line.iter()
            .all(|byte| *byte == self.delimiter || byte.is_ascii_whitespace())
    }

    /// A row by the general reader; `None` when it does not end here.
    fn general(&mut self, left: &[u8]) -> Result<Option<usize>, Unfit> {
        let lines = |bytes: &[u8]| memchr_iter(b'\n', bytes).count() as u64;
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        // Nothing but ends of lines, of whatever kind, is no row that goes on.
        if left.iter().all(is_end) {
            self.line += lines(left);
            return Ok(Some(left.len()));
        }
        self.general.reset();
        let (mut read, mut written, mut ended) = (0, 0, 0);
        loop {
            let (result, more, out, ends) = self.general.read_record(
                &left[read..],
                &mut self.values[written..],
                &mut self.ends[ended..],
            );
            (read, written, ended) = (read + more, written + out, ended + ends);
            match result {
                ReadRecordResult::InputEmpty if read == left.len() => return Ok(None),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.values.resize(self.values.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        // Empty lines before it are none.
        let blank = left.iter().take_while(|byte| is_end(byte)).count();
        let line = self.line + lines(&left[..blank.min(read)]);
        self.line += lines(&left[..read]);
        self.record(line, written, ended)?;
        Ok(Some(read))
    }

    fn record(&mut self, line: u64, written: usize, ended: usize) -> Result<(), Unfit> {
        let (values, ends) = (&self.values[..written], &self.ends[..ended]);
        let cell = |at: usize| -> Option<&[u8]> {
            let from = match at.checked_sub(1) {
                Some(before) => *ends.get(before)?,
                None => 0,
            };
            values.get(from..*ends.get(at)?)
        };
        let Some((picks, columns)) = &self.picks else {
            let names: csv::ByteRecord = (0..ended).filter_map(cell).collect();
            let picks = self.takes.names(&names)?;
            self.picks = Some((picks, ended));
            return Ok(());
        };
        if values.trim_ascii().is_empty()
            && (0..ended)
                .filter_map(cell)
                .all(|c| c.trim_ascii().is_empty())
        {
            return Ok(());
        }
        let cells = picks.iter().filter_map(|pick| cell(*pick));
        let given = cells.map(<[u8]>::trim_ascii).find(|cell| !cell.is_empty());
        self.takes.row(&Found {
            line,
            given: given.unwrap_or_default(),
            at: None,
            ragged: (ended != *columns).then_some(ended),
        })
    }
}

/// Up to where there is no quote and no odd line end.
fn plain_until(piece: &[u8], from: usize) -> usize {
    let left = piece.get(from..).unwrap_or_default();
    let left = memchr(b'"', left).map_or(left, |quote| &left[..quote]);
    let odd = memchr_iter(b'\r', left).find(|at| left.get(at + 1) != Some(&b'\n'));
    from + odd.unwrap_or(left.len())
}
