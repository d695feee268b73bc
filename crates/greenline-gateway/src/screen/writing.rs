//! Batch by batch onto disk: the lines that rows become, on a thread of its own.

use std::io;
use std::sync::mpsc::{Receiver, Sender};

use super::fate::Kind;
use super::results::{GIVEN_BYTES_MAX, Results, Sheet, push_value};
use super::rows::{Batch, Goes, Odd};

/// Bytes that are copied at once where a few are wanted; more than a number has.
const COPIED: usize = 16;
/// Room for the beginning of a line that holds only numbers: three of them, and copies that reach too far.
const HEAD_BYTES: usize = 5 * COPIED;

/// What stands behind the number in the rows of one fate, and the file that they go to.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// Whose file.
    pub(crate) kind: Kind,
    /// With the line's end.
    pub(crate) tail: Vec<u8>,
}

/// A batch of which it is known where each row goes.
#[derive(Debug)]
pub(crate) struct Decided {
    /// The batch.
    pub(crate) batch: Batch,
    /// Endings that no batch before it had, by their places.
    pub(crate) endings: Vec<Ending>,
}

/// Writes every batch, until no more come. What is written is given back as memory for others.
pub(crate) fn all(
    from: &Receiver<Decided>,
    spent: &Sender<Batch>,
    results: &mut Results,
) -> io::Result<()> {
    let mut writing = Writing {
        results,
        endings: Vec::new(),
        line: Vec::new(),
    };
    while let Ok(decided) = from.recv() {
        writing.endings.extend(decided.endings);
        writing.batch(&decided.batch)?;
        // Whoever reads may be through.
        let _ = spent.send(decided.batch);
    }
    Ok(())
}

struct Writing<'r> {
    results: &'r mut Results,
    endings: Vec<Ending>,
    line: Vec<u8>,
}

impl Writing<'_> {
    fn batch(&mut self, batch: &Batch) -> io::Result<()> {
        let mut odd = batch.odd.iter();
        let mut number = Counter::at(batch.first);
        for (row, goes) in batch.rows.iter().zip(&batch.goes) {
            match goes {
                Goes::To(place) => {
                    let ending = self
                        .endings
                        .get(*place as usize)
                        .ok_or_else(|| io::Error::other("a row without a place"))?;
                    let sheet = Sheet::of(ending.kind);
                    if let Some((head, length)) = plain_head(&number, batch.plain(*row)) {
                        let head = head.get(..length).unwrap_or_default();
                        self.results.write(sheet, head)?;
                    } else {
                        let unusual = (row.digits == 0).then(|| odd.next()).flatten();
                        begin_row(
                            &mut self.line,
                            &number,
                            batch.given(*row),
                            row.digits,
                            unusual,
                        );
                        self.results.write(sheet, &self.line)?;
                    }
                    self.results.write(sheet, &ending.tail)?;
                }
                Goes::Duplicate(first) => {
                    let unusual = (row.digits == 0).then(|| odd.next()).flatten();
                    begin_row(
                        &mut self.line,
                        &number,
                        batch.given(*row),
                        row.digits,
                        unusual,
                    );
                    self.line.push(b',');
                    push_number(&mut self.line, u64::from(*first));
                    self.line.push(b'\n');
                    self.results.write(Sheet::Duplicates, &self.line)?;
                }
                Goes::Alone => return Err(io::Error::other("a row without a decision")),
                Goes::Unread => {
                    if let Some(Odd::Unread { line, problem }) = odd.next() {
                        let given = batch.given(*row);
                        self.results.unread(number.text(), *line, given, problem)?;
                    }
                }
            }
            number.step();
        }
        Ok(())
    }
}

/// A number in decimal digits that is counted on.
struct Counter {
    /// It ends in the middle, so that as many bytes as are copied at once can be taken from where it begins.
    digits: [u8; 2 * COPIED],
    from: usize,
}

impl Counter {
    fn at(number: u64) -> Self {
        let (mut digits, mut from, mut left) = ([b'0'; 2 * COPIED], COPIED, number);
        while left > 0 && from > 0 {
            from -= 1;
            digits[from] = b'0' + (left % 10) as u8;
            left /= 10;
        }
        Self { digits, from }
    }

    fn step(&mut self) {
        for at in (0..COPIED).rev() {
            let digit = &mut self.digits[at];
            if *digit < b'9' {
                *digit += 1;
                self.from = self.from.min(at);
                return;
            }
            *digit = b'0';
        }
    }

    fn text(&self) -> &[u8] {
        self.digits.get(self.from..COPIED).unwrap_or_default()
    }

    /// Puts it there; says how long it is.
    fn put(&self, to: &mut [u8; HEAD_BYTES]) -> usize {
        to[..COPIED].copy_from_slice(&self.digits[self.from..self.from + COPIED]);
        COPIED - self.from
    }
}

/// The beginning of the line of a row that holds nothing but digits: what [`begin_row`] would write, and how much of it
/// counts. `None` for other rows, and at the end of a text.
#[inline]
fn plain_head(
    number: &Counter,
    plain: Option<(&[u8], usize, bool)>,
) -> Option<([u8; HEAD_BYTES], usize)> {
    let (text, length, has_plus) = plain?;
    let digits = text.first_chunk::<COPIED>()?;
    let mut head = [0; HEAD_BYTES];
    let mut at = number.put(&mut head);
    head[at] = b',';
    at += 1;
    if has_plus {
        head[at] = b'+';
        at += 1;
    }
    for end in [b',', 0] {
        head[at..at + COPIED].copy_from_slice(digits);
        at += length;
        head[at] = end;
        at += 1;
    }
    Some((head, at - 1))
}

/// The row's number, what stood in it, and whom it names.
fn begin_row(
    line: &mut Vec<u8>,
    number: &Counter,
    given: &[u8],
    digits: u64,
    unusual: Option<&Odd>,
) {
    line.clear();
    line.extend_from_slice(number.text());
    line.push(b',');
    push_value(line, given.get(..GIVEN_BYTES_MAX).unwrap_or(given));
    line.push(b',');
    match unusual {
        Some(Odd::User(user)) => line.extend_from_slice(user.reveal().as_bytes()),
        _ => push_number(line, digits),
    }
}

fn push_number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_is_writing_numbers() {
        for first in [1, 8, 95, 9_990, 999_999, u64::from(u32::MAX) - 12] {
            let mut counter = Counter::at(first);
            for number in first..first + 12 {
                assert_eq!(counter.text(), number.to_string().as_bytes());
                counter.step();
            }
        }
    }

    #[test]
    fn the_beginning_of_a_plain_line_is_that_of_any() {
        let text = b"+15551230001,15551230002;999999999999999 1234567----------------";
        for (at, length) in [(0, 12), (1, 11), (13, 11), (25, 15), (41, 7)] {
            let given = &text[at..at + length];
            let digits = std::str::from_utf8(given).unwrap().parse().unwrap();
            let mut batch = Batch::from(1).over(text.to_vec());
            batch.lies_plain(at, length, digits);
            for number in [1, 4_294_967_295] {
                let number = Counter::at(number);
                let (head, length) = plain_head(&number, batch.plain(batch.rows[0])).unwrap();
                let mut line = Vec::new();
                begin_row(&mut line, &number, given, digits, None);
                assert_eq!(&head[..length], line);
                assert_eq!(batch.given(batch.rows[0]), given);
            }
        }
        // Too near the end of the text to be copied at once.
        let mut batch = Batch::from(1).over(b"15551230001\n".to_vec());
        batch.lies_plain(0, 11, 15_551_230_001);
        assert!(plain_head(&Counter::at(1), batch.plain(batch.rows[0])).is_none());
    }
}
