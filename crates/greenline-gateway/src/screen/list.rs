//! The list, row by row: which column names people, and whom each row names.
//!
//! Files are unpacked and their form is found out as for imports, JSON lines are read by their reader, and numbers by
//! their reader of numbers; separated values are read faster, to the same ([`lines`]). A row that cannot be read stays a row, with what is wrong; a file that cannot be read at all says after
//! which row.

mod lines;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use csv::ByteRecord;
use greenline_policy::identity::{Phone, UserId};
use serde_json::{Map, Value};

use crate::imports::columns::{Member, filled_by, folded};
use crate::imports::number::{self, Country};
use crate::imports::options::{Format, Options};
use crate::imports::source::{self, Raw, Unfit};

use super::parquet;
use super::rows::{Batch, Odd};

/// Rows of one list at most.
pub(crate) const ROWS_MAX: u64 = u32::MAX as u64;
/// Columns that a message names.
const COLUMNS_NAMED_MAX: usize = 40;

/// How a list is to be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    /// The column that names people; found out when not said.
    pub(crate) column: Option<String>,
    /// What stands between values; found out when not said.
    pub(crate) delimiter: Option<char>,
    /// Country of numbers that are written without one.
    pub(crate) country: Option<Country>,
}

/// Who takes batches; `false` ends the reading.
pub(crate) type Take<'t> = &'t mut dyn FnMut(Batch) -> Result<bool, Unfit>;

/// What a list is made into.
pub(crate) struct Lister<'t> {
    form: &'t Form,
    take: Take<'t>,
    /// Batches that nobody needs any more, for their memory.
    spent: Receiver<Batch>,
    batch: Batch,
    /// Rows so far.
    rows: u64,
    /// The line of the last one.
    line: u64,
    /// How many columns there are.
    columns: usize,
}

/// Hands all rows to `take`, in batches; those that nobody needs any more may come back for their memory. Answers with
/// the column that names people, or none where each row says.
pub(crate) fn read(
    path: &Path,
    form: &Form,
    progress: Arc<AtomicU64>,
    spent: Receiver<Batch>,
    take: Take<'_>,
) -> Result<Option<String>, Unfit> {
    let mut lister = Lister {
        form,
        take,
        spent,
        batch: Batch::from(1),
        rows: 0,
        line: 0,
        columns: 0,
    };
    let read = if is_parquet(path)? {
        parquet::read(path, form, &progress, &mut lister)
    } else {
        lister.text(path, progress)
    };
    let column = match read {
        Ok(column) => column,
        Err(Unfit::File(why)) if lister.rows > 0 => {
            let (rows, line) = (lister.rows, lister.line);
            return Err(Unfit::File(format!(
                "after row {rows}, which begins on line {line}: {why}"
            )));
        }
        Err(unfit) => return Err(unfit),
    };
    let last = std::mem::take(&mut lister.batch);
    if !last.rows.is_empty() {
        (lister.take)(last)?;
    }
    if lister.rows == 0 {
        return Err(Unfit::File(
            "the list has no rows below the names of its columns".to_owned(),
        ));
    }
    Ok(column)
}

fn is_parquet(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut start)?;
    Ok(start == parquet::MAGIC)
}

impl Lister<'_> {
    fn text(&mut self, path: &Path, progress: Arc<AtomicU64>) -> Result<Option<String>, Unfit> {
        let (sample, rest) = source::open(path, Arc::clone(&progress))?;
        match sample.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => Err(Unfit::File(
                "the file is empty; its first line must name the columns".to_owned(),
            )),
            Some(b'{') => {
                progress.store(0, Ordering::Relaxed);
                self.json_lines(path, progress)
            }
            Some(_) => {
                let delimiter = self
                    .form
                    .delimiter
                    .and_then(|mark| u8::try_from(mark).ok())
                    .unwrap_or_else(|| source::found_delimiter(&sample));
                let mut values = Values {
                    lister: self,
                    column: None,
                    batch: Batch::from(1),
                    beyond: Vec::new(),
                    unplaced: Vec::new(),
                    memory: Vec::new(),
                };
                let how = (delimiter, lines::PIECE_BYTES);
                lines::read(&sample, rest, how, &mut values)?;
                Ok(values.column)
            }
        }
    }

    fn json_lines(
        &mut self,
        path: &Path,
        progress: Arc<AtomicU64>,
    ) -> Result<Option<String>, Unfit> {
        let column = self.form.column.clone();
        source::each(
            path,
            (Format::Jsonl, None),
            progress,
            &mut |raw| match raw {
                Raw::Names(_) | Raw::Row(..) => Ok(true),
                Raw::Object(line, None) => self.unread(line, b"", "not a JSON object".to_owned()),
                Raw::Object(line, Some(object)) => {
                    let given = of_object(&object, column.as_deref());
                    self.given(line, given.as_bytes())
                }
            },
        )?;
        Ok(column)
    }

    /// Whom a row names, by what stands where people are named.
    fn named(&self, line: u64, given: &[u8]) -> Result<u64, Odd> {
        if let Some(digits) = plain(given, self.form.country.is_some()) {
            return Ok(digits);
        }
        let who = std::str::from_utf8(given)
            .map_err(|_| "not UTF-8")
            .and_then(|text| who(text, self.form.country));
        who.unwrap_or_else(|problem| {
            let problem = problem.to_owned();
            Err(Odd::Unread { line, problem })
        })
    }

    /// One more row.
    fn count(&mut self, line: u64) -> Result<(), Unfit> {
        if self.rows == ROWS_MAX {
            return Err(Unfit::File(format!(
                "more than {ROWS_MAX} rows; split the list"
            )));
        }
        (self.rows, self.line) = (self.rows + 1, line);
        Ok(())
    }

    /// A row with what stands where people are named.
    pub(crate) fn given(&mut self, line: u64, given: &[u8]) -> Result<bool, Unfit> {
        let who = self.named(line, given);
        self.row(line, given, who)
    }

    fn unread(&mut self, line: u64, given: &[u8], problem: String) -> Result<bool, Unfit> {
        self.row(line, given, Err(Odd::Unread { line, problem }))
    }

    fn row(&mut self, line: u64, given: &[u8], who: Result<u64, Odd>) -> Result<bool, Unfit> {
        self.count(line)?;
        self.batch.push(given, who);
        if !self.batch.is_full() {
            return Ok(true);
        }
        let full = std::mem::replace(&mut self.batch, Batch::from(self.rows + 1));
        (self.take)(full)
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }
}

/// Separated values, made into batches that lie in the pieces they were read in.
struct Values<'l, 't> {
    lister: &'l mut Lister<'t>,
    column: Option<String>,
    batch: Batch,
    /// What stood in rows whose text is not in the piece as it is.
    beyond: Vec<u8>,
    /// Which rows those are.
    unplaced: Vec<usize>,
    /// For the next piece.
    memory: Vec<u8>,
}

impl lines::Takes for Values<'_, '_> {
    fn names(&mut self, names: &ByteRecord) -> Result<Vec<usize>, Unfit> {
        let found = texts(names)?;
        let picks = pick(&found, self.lister.form.column.as_deref()).map_err(Unfit::File)?;
        self.column = picks.first().and_then(|at| found.get(*at)).cloned();
        self.columns(names.len());
        Ok(picks)
    }

    fn row(&mut self, row: &lines::Found<'_>) -> Result<(), Unfit> {
        self.lister.count(row.line)?;
        let who = match row.ragged {
            None => self.lister.named(row.line, row.given),
            Some(values) => Err(Odd::Unread {
                line: row.line,
                problem: format!("{values} values under {} columns", self.lister.columns),
            }),
        };
        let digits = who.unwrap_or_else(|odd| {
            self.batch.odd.push(odd);
            0
        });
        let at = row.at.unwrap_or_else(|| {
            self.unplaced.push(self.batch.rows.len());
            let at = self.beyond.len();
            self.beyond.extend_from_slice(row.given);
            at
        });
        self.batch.lies_at(at, row.given.len(), digits);
        Ok(())
    }

    #[inline]
    fn usual(&mut self, line: u64, at: usize, given: &[u8]) -> Result<bool, Unfit> {
        let Some(digits) = plain(given, self.lister.form.country.is_some()) else {
            return Ok(false);
        };
        self.lister.count(line)?;
        self.batch.lies_plain(at, given.len(), digits);
        Ok(true)
    }

    fn memory(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.memory)
    }

    fn piece(&mut self, mut piece: Vec<u8>) -> Result<bool, Unfit> {
        let next = self.lister.rows + 1;
        if self.batch.rows.is_empty() {
            (self.memory, self.batch.first) = (piece, next);
            return Ok(true);
        }
        let next = match self.lister.spent.try_recv() {
            Ok(spent) => {
                let (batch, memory) = spent.anew(next);
                self.memory = memory;
                batch
            }
            Err(_) => Batch::from(next),
        };
        let mut batch = std::mem::replace(&mut self.batch, next);
        let before = piece.len();
        piece.append(&mut self.beyond);
        for row in self.unplaced.drain(..) {
            batch.moves(row, before);
        }
        (self.lister.take)(batch.over(piece))
    }
}

impl Values<'_, '_> {
    fn columns(&mut self, columns: usize) {
        self.lister.columns = columns;
    }
}

fn texts(names: &ByteRecord) -> Result<Vec<String>, Unfit> {
    let text = |name: &[u8]| std::str::from_utf8(name).map(|name| name.trim().to_owned());
    let texts: Result<Vec<String>, _> = names.iter().map(text).collect();
    texts.map_err(|_| {
        Unfit::File(
            "the names of the columns are not UTF-8; save the list as UTF-8 (in Excel: `CSV UTF-8`)"
                .to_owned(),
        )
    })
}

/// The columns that name people, the one that counts first.
///
/// # Errors
/// There is none, in words.
pub(crate) fn pick(names: &[String], column: Option<&str>) -> Result<Vec<usize>, String> {
    let have = || {
        let named: Vec<&str> = names
            .iter()
            .take(COLUMNS_NAMED_MAX)
            .map(String::as_str)
            .collect();
        format!("its columns are: {}", named.join(", "))
    };
    if let Some(wanted) = column {
        let exact = names.iter().position(|name| name == wanted.trim());
        let alike = || names.iter().position(|name| folded(name) == folded(wanted));
        let found = exact.or_else(alike);
        return found
            .map(|at| vec![at])
            .ok_or_else(|| format!("the list has no column `{wanted}`; {}", have()));
    }
    let none = Options::default();
    let members: Vec<Member> = names.iter().map(|name| filled_by(name, &none)).collect();
    let mut picks = Vec::new();
    for wanted in [Member::WaId, Member::Phone, Member::UserId] {
        picks.extend((0..members.len()).filter(|at| members.get(*at) == Some(&wanted)));
    }
    if !picks.is_empty() {
        return Ok(picks);
    }
    if names.iter().any(|name| number::read(name, None).is_ok()) {
        return Err(
            "the first line holds a number and no names of columns; write `phone` above it"
                .to_owned(),
        );
    }
    Err(format!(
        "no column is called as columns of phone numbers are (phone, mobile, wa_id, …); name it with `--column`; {}",
        have()
    ))
}

/// What a JSON line says where people are named; nothing where it names nobody.
fn of_object(object: &Map<String, Value>, column: Option<&str>) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Null | Value::Object(_) | Value::Array(_) => String::new(),
        other => other.to_string(),
    };
    if let Some(column) = column {
        return object.get(column).map(text).unwrap_or_default();
    }
    let person = object.get("person").and_then(Value::as_object);
    let none = Options::default();
    for wanted in [Member::WaId, Member::Phone, Member::UserId] {
        let members = object.iter().chain(person.into_iter().flatten());
        let found = members
            .filter(|(name, _)| filled_by(name, &none) == wanted)
            .map(|(_, value)| text(value))
            .find(|text| !text.is_empty());
        if let Some(found) = found {
            return found;
        }
    }
    String::new()
}

/// A number that is written as nothing but its digits, with or without a plus: what [`number::read`] makes of it, known
/// at once. `None` for everything else.
#[inline]
pub(crate) fn plain(given: &[u8], has_country: bool) -> Option<u64> {
    let digits = match given {
        [b'+', digits @ ..] => digits,
        // It may be written without its country.
        _ if has_country => return None,
        digits => digits,
    };
    if !(7..=15).contains(&digits.len()) || digits.first() == Some(&b'0') {
        return None;
    }
    let Some((front, back)) = digits.split_last_chunk::<8>() else {
        return seven(digits);
    };
    // Up to seven digits before the last eight: what follows them is pushed out above, and zeros come in below.
    let ahead = u64::from_le_bytes(*digits.first_chunk()?);
    let ahead = match front.len() as u32 * 8 {
        0 => ZEROS,
        bits => ahead << (u64::BITS - bits) | ZEROS >> bits,
    };
    Some(eight(ahead)? * 100_000_000 + eight(u64::from_le_bytes(*back))?)
}

/// Eight times the digit 0.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Eight digits, the first in the lowest byte; `None` where one is none.
#[inline]
fn eight(text: u64) -> Option<u64> {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    // What is above 9 leaves the row when six is added; a byte that carries over is not in the row to begin with.
    let is_digits =
        text & HIGH == ZEROS && text.wrapping_add(0x0606_0606_0606_0606) & HIGH == ZEROS;
    if !is_digits {
        return None;
    }
    let ones = text - ZEROS;
    let pairs = (ones.wrapping_mul(10) + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff)
}

fn seven(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| value * 10 + u64::from(digit))
    })
}

/// Whom a text names: a number's digits, or a user id.
fn who(text: &str, country: Option<Country>) -> Result<Result<u64, Odd>, &'static str> {
    if text.is_empty() {
        return Err("the row names nobody");
    }
    if let Some(user) = UserId::parse(text) {
        return Ok(Err(Odd::User(user)));
    }
    number::read(text, country).map(|phone: Phone| Ok(phone.digits()))
}

#[cfg(test)]
mod tests;
