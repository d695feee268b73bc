//! What is kept of an import on this machine, in a folder of its own.
//!
//! While it runs: the file as it came, sorted runs of it, and a journal of what became of each row, in the order in
//! which rows are done. The journal is the checkpoint: what is in it is done, and a row that was done without being
//! in it, because the process was killed in between, is known again by the store. When it is over only the journal,
//! the lines on which rows begin, and what is to be said of rows are left; none of these holds a number.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Counts;
use super::options::Options;

const META: &str = "import.json";
const UPLOAD: &str = "upload";
const JOURNAL: &str = "journal";
const LINES: &str = "lines";
const NOTES: &str = "notes";
const LOCK: &str = "lock";
/// A row's number and what became of it.
const ENTRY_BYTES: usize = 5;

/// Where an import stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for its turn, or for whoever runs it to be started again.
    Waiting,
    /// The file is read and sorted.
    Reading,
    /// Rows are compared or recorded.
    Writing,
    /// Over.
    Done,
    /// The file cannot be taken.
    Failed,
    /// What it brought is being taken back.
    Undoing,
    /// What it brought was taken back.
    Undone,
}

impl State {
    /// Whether there is work left.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(
            self,
            Self::Waiting | Self::Reading | Self::Writing | Self::Undoing
        )
    }
}

/// What undoing came to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Undo {
    /// Who asked.
    pub actor: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Only to be counted.
    pub dry_run: bool,
    /// Yeses taken back, claimed ones too.
    pub yeses: u64,
    /// Renewals taken back.
    pub renewals: u64,
    /// Noes, which stay.
    pub noes_kept: u64,
    /// Ends, which stay.
    pub others_kept: u64,
}

/// What is known of an import. A member that is new in a release is not in the files of earlier ones, so each has a
/// value to fall back on, but for those without which there is no import.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meta {
    /// Its name.
    pub id: String,
    /// Whose.
    pub business: String,
    /// Who imports.
    #[serde(default)]
    pub actor: String,
    /// How the file is read.
    #[serde(default)]
    pub options: Options,
    /// When it began, Unix milliseconds: when all its rows arrived.
    pub started_ms: i64,
    /// When it was over.
    #[serde(default)]
    pub ended_ms: Option<i64>,
    /// SHA-256 of the file as it came.
    #[serde(default)]
    pub sha256: String,
    /// Its length.
    #[serde(default)]
    pub bytes: u64,
    /// Where it stands.
    pub state: State,
    /// Why it failed.
    #[serde(default)]
    pub problem: Option<String>,
    /// What became of its rows, once it is over.
    #[serde(default)]
    pub counts: Counts,
    /// Columns with what each fills.
    #[serde(default)]
    pub columns: Vec<(String, String)>,
    /// Columns that were not used.
    #[serde(default)]
    pub ignored_columns: Vec<String>,
    /// The first event it recorded.
    #[serde(default)]
    pub first_event: Option<u64>,
    /// Taken back.
    #[serde(default)]
    pub undo: Option<Undo>,
}

/// The folder of one import.
#[derive(Clone, Debug)]
pub struct Place(PathBuf);

/// Opens a new file that only its owner may read.
///
/// # Errors
/// It cannot be made.
pub fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a folder, and those above it, that only its owner may look into.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes sure that a folder, if it is there, is one that only this process's user may look into or change. `setting`
/// says where else it could lie.
#[cfg(unix)]
pub(crate) fn only_ours(path: &Path, setting: &str) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    // The folder itself: a link could lead anywhere.
    let about = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        about => about?,
    };
    let ours = rustix::process::geteuid().as_raw();
    if about.is_dir() && about.uid() == ours && about.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "`{}` is not a folder that only the user of this process may look into and change, so somebody else may have put files there; set {setting}",
            path.display()
        ),
    ))
}

/// Elsewhere temporary files are each user's own.
#[cfg(not(unix))]
pub(crate) fn only_ours(_: &Path, _: &str) -> io::Result<()> {
    Ok(())
}

impl Place {
    /// The folder of an import.
    #[must_use]
    pub fn of(folder: &Path, id: &str) -> Self {
        Self(folder.join(id))
    }

    /// Makes it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(&self) -> io::Result<()> {
        private_folder(&self.0)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the file lies as it came.
    #[must_use]
    pub fn upload(&self) -> PathBuf {
        self.0.join(UPLOAD)
    }

    /// What is known of the import.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn meta(&self) -> io::Result<Meta> {
        let text = fs::read(self.0.join(META))?;
        serde_json::from_slice(&text).map_err(io::Error::other)
    }

    /// Writes that down, all of it or nothing.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_meta(&self, meta: &Meta) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(meta).map_err(io::Error::other)?;
        let new = self.0.join("import.json.new");
        let mut file = private(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, self.0.join(META))
    }

    /// Keeps every other process from working on it for as long as the file is open; `None` when another does.
    ///
    /// # Errors
    /// The lock cannot be made.
    pub fn lock(&self) -> io::Result<Option<File>> {
        let file = private(&self.0.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Throws everything away.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.0);
    }

    /// Throws away what holds people's data.
    pub fn remove_rows(&self) {
        let _ = fs::remove_file(self.upload());
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("run-") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// What is written while the file is read.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn sayings(&self) -> io::Result<Sayings> {
        Ok(Sayings {
            lines: BufWriter::new(private(&self.0.join(LINES))?),
            notes: BufWriter::new(private(&self.0.join(NOTES))?),
            last_line: 0,
        })
    }

    /// The journal, to go on with; what is left of an entry that was being written goes.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn journal(&self) -> io::Result<Journal> {
        let path = self.0.join(JOURNAL);
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        let entries = file.metadata()?.len() / ENTRY_BYTES as u64;
        file.set_len(entries * ENTRY_BYTES as u64)?;
        Ok(Journal { file })
    }

    /// A journal with nothing in it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn fresh_journal(&self) -> io::Result<Journal> {
        let file = private(&self.0.join(JOURNAL))?;
        Ok(Journal { file })
    }

    /// Every entry of the journal, in order.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn entries(&self, mut take: impl FnMut(u32, u8)) -> io::Result<()> {
        let file = match File::open(self.0.join(JOURNAL)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let mut file = BufReader::new(file);
        let mut entry = [0; ENTRY_BYTES];
        loop {
            match file.read_exact(&mut entry) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                read => read?,
            }
            let [a, b, c, d, outcome] = entry;
            take(u32::from_le_bytes([a, b, c, d]), outcome);
        }
    }

    /// The lines on which rows begin, and what is said of rows.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn said(&self) -> io::Result<Said> {
        Ok(Said {
            lines: BufReader::new(File::open(self.0.join(LINES))?),
            notes: BufReader::new(File::open(self.0.join(NOTES))?),
            last_line: 0,
        })
    }
}

/// Written while the file is read, row by row in its order.
#[derive(Debug)]
pub struct Sayings {
    lines: BufWriter<File>,
    notes: BufWriter<File>,
    last_line: u64,
}

/// What is said of a row.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Note {
    /// The row.
    pub row: u64,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
    /// What was left out or changed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
}

impl Sayings {
    /// The next row begins on this line. Lines grow, mostly by one, so the step is written, seven bits a byte.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn line(&mut self, line: u64) -> io::Result<()> {
        let mut step = line.saturating_sub(self.last_line);
        self.last_line = line;
        while step >= 0x80 {
            self.lines.write_all(&[step as u8 | 0x80])?;
            step >>= 7;
        }
        self.lines.write_all(&[step as u8])
    }

    /// Something is to be said of a row.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn note(&mut self, note: &Note) -> io::Result<()> {
        serde_json::to_writer(&mut self.notes, note)?;
        self.notes.write_all(b"\n")
    }

    /// Everything is written.
    ///
    /// # Errors
    /// It is not.
    pub fn finish(self) -> io::Result<()> {
        self.lines.into_inner()?.sync_data()?;
        self.notes.into_inner()?.sync_data()
    }
}

/// Reads what [`Sayings`] wrote.
#[derive(Debug)]
pub struct Said {
    lines: BufReader<File>,
    notes: BufReader<File>,
    last_line: u64,
}

impl Said {
    /// The line of the next row; `None` after the last one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<u64>> {
        let (mut step, mut shift) = (0_u64, 0);
        loop {
            let mut byte = [0];
            match self.lines.read_exact(&mut byte) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                read => read?,
            }
            step |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                self.last_line += step;
                return Ok(Some(self.last_line));
            }
            shift = (shift + 7).min(56);
        }
    }

    /// The next note.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn next_note(&mut self) -> io::Result<Option<Note>> {
        let mut text = String::new();
        if io::BufRead::read_line(&mut self.notes, &mut text)? == 0 {
            return Ok(None);
        }
        serde_json::from_str(&text)
            .map(Some)
            .map_err(io::Error::other)
    }
}

/// Rows by their numbers.
#[derive(Debug, Default)]
pub(super) struct Rows(Vec<u64>);

impl Rows {
    /// One more; whether it was not there before.
    pub(super) fn add(&mut self, row: u32) -> bool {
        let at = row as usize / 64;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        let Some(bits) = self.0.get_mut(at) else {
            return false;
        };
        let bit = 1 << (row % 64);
        let is_new = *bits & bit == 0;
        *bits |= bit;
        is_new
    }

    /// Whether it is among them.
    pub(super) fn has(&self, row: u64) -> bool {
        let at = usize::try_from(row / 64).ok();
        let bits = at.and_then(|at| self.0.get(at)).copied();
        bits.unwrap_or(0) & (1 << (row % 64)) != 0
    }
}

/// What became of rows, in the order in which they were done.
#[derive(Debug)]
pub struct Journal {
    file: File,
}

impl Journal {
    /// All of it is on disk.
    ///
    /// # Errors
    /// It is not.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// More rows are done.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&mut self, done: &[(u32, u8)]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(done.len() * ENTRY_BYTES);
        for (row, outcome) in done {
            bytes.extend_from_slice(&row.to_le_bytes());
            bytes.push(*outcome);
        }
        self.file.write_all(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_entry_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(folder.path(), "imp_1");
        place.make().unwrap();
        place.journal().unwrap().append(&[(7, 1), (8, 2)]).unwrap();
        let path = place.path().join(JOURNAL);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..8]).unwrap();
        let mut journal = place.journal().unwrap();
        journal.append(&[(9, 3)]).unwrap();
        let mut found = Vec::new();
        place
            .entries(|row, outcome| found.push((row, outcome)))
            .unwrap();
        assert_eq!(found, [(7, 1), (9, 3)]);
    }

    #[test]
    fn lines_and_notes_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(folder.path(), "imp_1");
        place.make().unwrap();
        let lines = [2, 3, 5, 400, 401, 1_000_000];
        let mut sayings = place.sayings().unwrap();
        for line in lines {
            sayings.line(line).unwrap();
        }
        let note = Note {
            row: 3,
            problem: Some("scope: cannot be read".to_owned()),
            notes: Vec::new(),
        };
        sayings.note(&note).unwrap();
        sayings.finish().unwrap();
        let mut said = place.said().unwrap();
        for line in lines {
            assert_eq!(said.next_line().unwrap(), Some(line));
        }
        assert_eq!(said.next_line().unwrap(), None);
        assert_eq!(said.next_note().unwrap(), Some(note));
        assert_eq!(said.next_note().unwrap(), None);
    }

    #[test]
    fn what_the_first_release_kept_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(folder.path(), "imp_1");
        place.make().unwrap();
        // As short as it may be: a member that comes later is in none that are kept by now.
        let kept = r#"{"id":"imp_1","business":"acme","started_ms":7,"state":"undoing","options":{"dry_run":false},"undo":{"actor":"ada"}}"#;
        fs::write(place.path().join(META), kept).unwrap();
        let meta = place.meta().unwrap();
        assert_eq!(
            (meta.state, meta.options),
            (State::Undoing, Options::default())
        );
        assert_eq!(meta.undo.unwrap().actor, "ada");
    }

    #[test]
    fn rows_are_known_by_their_numbers() {
        let mut rows = Rows::default();
        assert!(!rows.has(0));
        for row in [0, 63, 64, 1_000] {
            assert!(rows.add(row), "{row}");
            assert!(!rows.add(row), "{row}");
        }
        let there: Vec<u64> = (0..2_000).filter(|row| rows.has(*row)).collect();
        assert_eq!(there, [0, 63, 64, 1_000]);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_have_a_hand_in_is_not_ours() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        private_folder(&of("ours")).unwrap();
        only_ours(&of("ours"), "imports.folder").unwrap();
        only_ours(&of("missing"), "imports.folder").unwrap();
        symlink(of("ours"), of("link")).unwrap();
        private_folder(&of("open")).unwrap();
        fs::set_permissions(of("open"), fs::Permissions::from_mode(0o750)).unwrap();
        for name in ["link", "open"] {
            let error = only_ours(&of(name), "imports.folder")
                .unwrap_err()
                .to_string();
            assert!(error.contains("imports.folder"), "{error}");
        }
    }

    #[test]
    fn one_process_works_on_an_import() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(folder.path(), "imp_1");
        place.make().unwrap();
        let held = place.lock().unwrap();
        assert!(held.is_some());
        assert!(place.lock().unwrap().is_none());
        drop(held);
        assert!(place.lock().unwrap().is_some());
    }
}
