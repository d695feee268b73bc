//! The file, row by row: unpacked, in either form, in bounded memory.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};

use super::columns::{Member, filled_by};
use super::options::{Format, Options};
use super::row::Cells;

/// Longest row.
pub(crate) const ROW_BYTES_MAX: usize = 1 << 20;
/// Columns at most.
const COLUMNS_MAX: usize = 1_024;
/// Names of unused columns that are kept.
const IGNORED_MAX: usize = 64;
/// What is looked at to find the form and the delimiter.
const SAMPLE_BYTES: u64 = 64 << 10;

/// Why a file cannot be taken at all.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// The file is not what it should be.
    File(String),
    /// It could not be read from disk.
    Disk(io::Error),
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::FileTooLarge => Self::File(error.to_string()),
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Other => Self::File(format!("the file cannot be unpacked: {error}")),
            _ => Self::Disk(error),
        }
    }
}

/// What the rows of a file are called and which of it was used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    /// Columns with what each fills.
    pub(crate) columns: Vec<(String, &'static str)>,
    /// Columns that were not used.
    pub(crate) ignored: BTreeSet<String>,
}

impl Layout {
    fn note(&mut self, name: &str) {
        if self.ignored.len() < IGNORED_MAX {
            self.ignored.insert(name.to_owned());
        }
    }
}

/// Counts what was read of the file as it lies on disk.
struct Counting {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Stops a row that has no end before it fills the memory.
struct Bounded<R> {
    from: R,
    since_row: Arc<AtomicU64>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        let since = self.since_row.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        // Beyond what may be read ahead.
        if since > 2 * ROW_BYTES_MAX as u64 {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("a row is longer than {ROW_BYTES_MAX} bytes; is a quote missing?"),
            ));
        }
        Ok(count)
    }
}

/// The file, unpacked, without its mark: how it begins, and the rest.
pub(crate) fn open(
    path: &Path,
    read: Arc<AtomicU64>,
) -> io::Result<(Vec<u8>, Box<dyn BufRead + Send>)> {
    let mut file = BufReader::with_capacity(
        1 << 18,
        Counting {
            file: File::open(path)?,
            read,
        },
    );
    let start = file.fill_buf()?;
    let mut plain: Box<dyn BufRead + Send> = match start {
        [0x1f, 0x8b, ..] => Box::new(BufReader::with_capacity(
            1 << 18,
            flate2::bufread::MultiGzDecoder::new(file),
        )),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(BufReader::with_capacity(
            1 << 18,
            zstd::stream::read::Decoder::with_buffer(file)?,
        )),
        _ => Box::new(file),
    };
    let mut sample = Vec::new();
    plain.by_ref().take(SAMPLE_BYTES).read_to_end(&mut sample)?;
    if sample.starts_with(b"\xff\xfe") || sample.starts_with(b"\xfe\xff") {
        return Err(io::Error::other(
            "it is UTF-16; save it as UTF-8 (in Excel: `CSV UTF-8`)",
        ));
    }
    if sample.starts_with(b"PK\x03\x04") {
        return Err(io::Error::other(
            "it is a spreadsheet or an archive; save it as CSV",
        ));
    }
    let marked = usize::from(sample.starts_with(b"\xef\xbb\xbf")) * 3;
    sample.drain(..marked);
    Ok((sample, plain))
}

/// The separator: whichever of the usual ones the first line holds most of, outside quotes.
pub(crate) fn found_delimiter(sample: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [0_usize; 4];
    // The last of equals wins, so the usual one comes last.
    let marks = *b"|\t;,";
    for byte in sample {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some(at) = marks.iter().position(|mark| mark == byte) {
                    counts[at] += 1;
                }
            }
        }
    }
    let most = (0..marks.len()).max_by_key(|at| counts[*at]);
    most.map_or(b',', |at| marks[at])
}

/// A row: the line on which it begins, and its cells or what is wrong.
pub(crate) type Line = (u64, Result<Cells, String>);

/// What a file holds, before anybody says what it means.
pub(crate) enum Raw<'a> {
    /// The names of the columns: first, and once. JSON lines have none.
    Names(&'a ByteRecord),
    /// A row with the line on which it begins.
    Row(u64, &'a ByteRecord),
    /// A JSON line; nothing when it is not an object.
    Object(u64, Option<Map<String, Value>>),
}

/// Hands every row to `take`; `false` ends it. Answers with what the columns were.
///
/// # Errors
/// The file cannot be taken at all.
pub(crate) fn read(
    path: &Path,
    options: &Options,
    progress: Arc<AtomicU64>,
    take: &mut dyn FnMut(Line) -> Result<bool, Unfit>,
) -> Result<Layout, Unfit> {
    let form = (options.format, options.delimiter);
    let (mut layout, mut fills) = (Layout::default(), Vec::new());
    each(path, form, progress, &mut |raw| match raw {
        Raw::Names(record) => {
            (layout, fills) = columns(record, options)?;
            Ok(true)
        }
        Raw::Row(line, record) => take((line, cells(record, &fills))),
        Raw::Object(line, object) => {
            let cells = object.map(|object| object_cells(object, options, &mut layout));
            take((line, cells.ok_or_else(|| "not a JSON object".to_owned())))
        }
    })?;
    Ok(layout)
}

/// Hands everything that a file holds to `take`, in order; `false` ends it. Empty lines are none.
///
/// # Errors
/// The file cannot be taken at all.
pub(crate) fn each(
    path: &Path,
    (format, delimiter): (Format, Option<char>),
    progress: Arc<AtomicU64>,
    take: &mut dyn FnMut(Raw<'_>) -> Result<bool, Unfit>,
) -> Result<(), Unfit> {
    let (sample, rest) = open(path, progress)?;
    let first = sample.iter().find(|byte| !byte.is_ascii_whitespace());
    let Some(first) = first else {
        return Err(Unfit::File(
            "the file is empty; its first line must name the columns".to_owned(),
        ));
    };
    let is_json = match format {
        Format::Auto => *first == b'{',
        Format::Csv => false,
        Format::Jsonl => true,
    };
    let since_row = Arc::new(AtomicU64::new(0));
    let delimiter = delimiter
        .and_then(|mark| u8::try_from(mark).ok())
        .unwrap_or_else(|| found_delimiter(&sample));
    let ends_crlf = sample
        .iter()
        .position(|byte| *byte == b'\n')
        .is_some_and(|at| at > 0 && sample.get(at - 1) == Some(&b'\r'));
    // A last line without its end gets one; an empty line is none.
    let end: &[u8] = if ends_crlf { b"\r\n" } else { b"\n" };
    let all = Cursor::new(sample).chain(rest).chain(end);
    let bounded = Bounded {
        from: all,
        since_row: Arc::clone(&since_row),
    };
    if is_json {
        json_lines(bounded, &since_row, take)
    } else {
        let reader = ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .delimiter(delimiter)
            .buffer_capacity(1 << 18)
            .from_reader(bounded);
        separated(reader, ends_crlf, &since_row, take)
    }
}

fn not_csv(error: &csv::Error) -> Unfit {
    match error.kind() {
        csv::ErrorKind::Io(inner) if inner.kind() != io::ErrorKind::FileTooLarge => {
            Unfit::from(io::Error::new(inner.kind(), inner.to_string()))
        }
        _ => Unfit::File(format!("not CSV: {error}")),
    }
}

fn separated<R: Read>(
    mut reader: csv::Reader<R>,
    ends_crlf: bool,
    since_row: &AtomicU64,
    take: &mut dyn FnMut(Raw<'_>) -> Result<bool, Unfit>,
) -> Result<(), Unfit> {
    let mut record = ByteRecord::new();
    if !reader
        .read_byte_record(&mut record)
        .map_err(|error| not_csv(&error))?
    {
        return Err(Unfit::File(
            "the first line must name the columns".to_owned(),
        ));
    }
    if !take(Raw::Names(&record))? {
        return Ok(());
    }
    loop {
        since_row.store(0, Ordering::Relaxed);
        if !reader
            .read_byte_record(&mut record)
            .map_err(|error| not_csv(&error))?
        {
            return Ok(());
        }
        // The reader stands behind the row; of a line end of two characters it has seen the first.
        let inside: usize = record
            .iter()
            .map(|cell| cell.iter().filter(|byte| **byte == b'\n').count())
            .sum();
        let line = reader.position().line() - inside as u64 - u64::from(!ends_crlf);
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            continue;
        }
        if !take(Raw::Row(line, &record))? {
            return Ok(());
        }
    }
}

fn columns(record: &ByteRecord, options: &Options) -> Result<(Layout, Vec<Member>), Unfit> {
    if record.len() > COLUMNS_MAX {
        return Err(Unfit::File(format!("more than {COLUMNS_MAX} columns")));
    }
    let mut layout = Layout::default();
    let mut fills = Vec::with_capacity(record.len());
    for cell in record {
        let name = std::str::from_utf8(cell)
            .map_err(|_| Unfit::File("the names of the columns are not UTF-8".to_owned()))?;
        let member = filled_by(name, options);
        if member == Member::Nothing {
            layout.note(name.trim());
        } else {
            layout
                .columns
                .push((name.trim().to_owned(), member.as_str()));
        }
        fills.push(member);
    }
    needed(&fills, options)?;
    Ok((layout, fills))
}

fn needed(fills: &[Member], options: &Options) -> Result<(), Unfit> {
    if !fills.iter().any(|member| member.is_person()) {
        return Err(Unfit::File(
            "the first line names no column `wa_id`, `phone` or `user_id`; say which it is with `map`"
                .to_owned(),
        ));
    }
    if !fills.contains(&Member::Scope) && !options.set.contains_key(Member::Scope.as_str()) {
        return Err(Unfit::File(
            "the first line names no column `scope`; give one for all rows with `set`".to_owned(),
        ));
    }
    Ok(())
}

fn cells(record: &ByteRecord, fills: &[Member]) -> Result<Cells, String> {
    if record.len() != fills.len() {
        return Err(format!(
            "{} values under {} columns",
            record.len(),
            fills.len()
        ));
    }
    let mut cells = Cells::default();
    for (cell, member) in record.iter().zip(fills) {
        if *member != Member::Nothing {
            let text =
                std::str::from_utf8(cell).map_err(|_| format!("{}: not UTF-8", member.as_str()))?;
            cells.put(*member, text);
        }
    }
    Ok(cells)
}

fn json_lines<R: Read>(
    reader: R,
    since_row: &AtomicU64,
    take: &mut dyn FnMut(Raw<'_>) -> Result<bool, Unfit>,
) -> Result<(), Unfit> {
    let mut reader = BufReader::with_capacity(1 << 18, reader);
    let mut text = Vec::new();
    let mut line = 0;
    loop {
        text.clear();
        since_row.store(0, Ordering::Relaxed);
        if reader.read_until(b'\n', &mut text)? == 0 {
            return Ok(());
        }
        line += 1;
        if text.trim_ascii().is_empty() {
            continue;
        }
        let object = serde_json::from_slice::<Map<String, Value>>(&text).ok();
        if !take(Raw::Object(line, object))? {
            return Ok(());
        }
    }
}

/// Members of what an export writes that say nothing of the event itself.
const ABOUT: [&str; 8] = [
    "id",
    "business",
    "folded_at",
    "recorded_at",
    "strength",
    "in_thread",
    "actor",
    "dedup",
];

fn object_cells(object: Map<String, Value>, options: &Options, layout: &mut Layout) -> Cells {
    let mut cells = Cells::default();
    for (name, value) in object {
        match (name.as_str(), value) {
            ("person", Value::Object(person)) => {
                for (name, value) in person {
                    let member = match name.as_str() {
                        "wa_id" => Member::WaId,
                        "user_id" => Member::UserId,
                        _ => Member::Nothing,
                    };
                    put(&mut cells, member, &value);
                }
            }
            ("evidence", Value::Object(evidence)) => cells.put_evidence(evidence),
            (name, _) if ABOUT.contains(&name) && !options.map.contains_key(name) => {}
            (name, value) => {
                let member = filled_by(name, options);
                if member == Member::Nothing {
                    layout.note(name);
                }
                put(&mut cells, member, &value);
            }
        }
    }
    cells
}

fn put(cells: &mut Cells, member: Member, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) => cells.put(member, text),
        other => cells.put(member, &other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn lines(bytes: &[u8], options: &Options) -> Result<(Vec<(u64, bool)>, Layout), String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut lines = Vec::new();
        let layout = read(file.path(), options, Arc::default(), &mut |(
            line,
            cells,
        )| {
            lines.push((line, cells.is_ok()));
            Ok(true)
        });
        match layout {
            Ok(layout) => Ok((lines, layout)),
            Err(Unfit::File(why)) => Err(why),
            Err(Unfit::Disk(error)) => panic!("{error}"),
        }
    }

    fn set_scope() -> Options {
        let set = [("scope".to_owned(), "marketing".to_owned())];
        Options {
            set: set.into_iter().collect(),
            ..Options::default()
        }
    }

    const PLAIN: &str = "Phone;Note\n1;\"two\nlines; \"\"q\"\"\"\n\n2;x\n3;\n4\n5;y";

    #[test]
    fn a_row_has_the_line_on_which_it_begins() {
        let expect = [(2, true), (5, true), (6, true), (7, false), (8, true)];
        let (found, layout) = lines(PLAIN.as_bytes(), &set_scope()).unwrap();
        assert_eq!(found, expect);
        assert_eq!(layout.columns, [("Phone".to_owned(), "phone")]);
        assert!(layout.ignored.contains("Note"));
        let dos = PLAIN.replace('\n', "\r\n");
        assert_eq!(lines(dos.as_bytes(), &set_scope()).unwrap().0, expect);
        let marked = format!("\u{feff}{PLAIN}");
        assert_eq!(lines(marked.as_bytes(), &set_scope()).unwrap().0, expect);
    }

    #[test]
    fn packed_files_are_unpacked() {
        let plain = lines(PLAIN.as_bytes(), &set_scope()).unwrap().0;
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(PLAIN.as_bytes()).unwrap();
        let gz = gz.finish().unwrap();
        assert_eq!(lines(&gz, &set_scope()).unwrap().0, plain);
        let zstd = zstd::encode_all(PLAIN.as_bytes(), 1).unwrap();
        assert_eq!(lines(&zstd, &set_scope()).unwrap().0, plain);
        let broken = &gz[..gz.len() - 9];
        assert!(
            lines(broken, &set_scope())
                .unwrap_err()
                .contains("unpacked")
        );
    }

    #[test]
    fn json_lines_are_read_flat_and_as_the_api_has_them() {
        let text = "{\"mobile\":\"1\",\"scope\":\"marketing\",\"shoe\":1}\n\n\
                    {\"person\":{\"wa_id\":\"2\"},\"scope\":\"all\",\"evidence\":{\"a\":1},\"id\":\"evt_1\"}\nnonsense\n";
        let (found, layout) = lines(text.as_bytes(), &Options::default()).unwrap();
        assert_eq!(found, [(1, true), (3, true), (4, false)]);
        assert_eq!(layout.ignored.into_iter().collect::<Vec<_>>(), ["shoe"]);
    }

    #[test]
    fn what_is_no_list_is_said_so() {
        let none = Options::default();
        for (bytes, why) in [
            (&b""[..], "empty"),
            (b"\xff\xfea\0", "UTF-16"),
            (b"PK\x03\x04zip", "spreadsheet"),
            (b"a,b\n1,2\n", "`wa_id`"),
            (b"phone,b\n1,2\n", "`scope`"),
        ] {
            assert!(lines(bytes, &none).unwrap_err().contains(why), "{why}");
        }
        let endless = [b"phone,note\n1,\"".to_vec(), vec![b'x'; 3 * ROW_BYTES_MAX]].concat();
        assert!(
            lines(&endless, &set_scope())
                .unwrap_err()
                .contains("longer")
        );
        let endless = [b"{\"phone\":\"".to_vec(), vec![b'x'; 3 * ROW_BYTES_MAX]].concat();
        assert!(lines(&endless, &none).unwrap_err().contains("longer"));
    }
}
