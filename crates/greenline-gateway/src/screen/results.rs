//! The files that a screening leaves: made in a folder beside the one that is wanted, which takes its name only when
//! everything in it is whole and on disk.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::imports::files::private;

use super::disk::{BLOCK_BYTES, Disk};
use super::fate::Kind;

/// Bytes of what stood in a row that are repeated.
pub(crate) const GIVEN_BYTES_MAX: usize = 200;

/// What there is in a whole folder, by name.
pub(crate) const FILES: [&str; 7] = [
    "allowed.csv",
    "held.csv",
    "refused.csv",
    "duplicates.csv",
    "unreadable.csv",
    "report.html",
    "report.json",
];

/// The signed plan, beside them where one was asked for.
pub(crate) const PLAN: &str = "plan.jsonl";

/// Says what the plan is, once everything else lies in that folder.
pub(crate) type Planning<'p> = Option<&'p dyn Fn(&Path) -> io::Result<String>>;

/// Their first lines.
const NAMES: [&str; 5] = [
    "row,given,number,rules,reasons\n",
    "row,given,number,until,rules,reasons\n",
    "row,given,number,rules,reasons,next_step\n",
    "row,given,number,first_row\n",
    "row,line,given,problem\n",
];

/// One of the files that rows go to, by its place among [`FILES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sheet {
    /// What may be sent.
    Allowed,
    /// What may be sent later.
    Held,
    /// What may not.
    Refused,
    /// Whoever was named before.
    Duplicates,
    /// What could not be read.
    Unreadable,
}

impl Sheet {
    /// All of them, in the order of [`FILES`].
    pub(crate) const ALL: [Self; 5] = [
        Self::Allowed,
        Self::Held,
        Self::Refused,
        Self::Duplicates,
        Self::Unreadable,
    ];

    /// The one that rows of a kind go to.
    pub(crate) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Allowed => Self::Allowed,
            Kind::Held => Self::Held,
            Kind::Refused => Self::Refused,
        }
    }
}

/// Why nothing can be written there.
#[derive(Debug)]
pub(crate) enum Unplaced {
    /// Another screening writes there, or something else is there.
    Taken(String),
    /// The disk says no.
    Disk(io::Error),
}

impl From<io::Error> for Unplaced {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// A folder in the making.
#[derive(Debug)]
pub(crate) struct Results {
    wanted: PathBuf,
    making: PathBuf,
    disk: Disk,
    _lock: File,
}

/// Makes a folder if it is not there, that only its owner may look into.
fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Puts other bytes in the place of a file, all of them or none.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = beside(path, ".new");
    let mut file = private(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// Whether a file that was opened by that name has it still: whoever held it may have taken it away meanwhile.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (opened, named) = (file.metadata()?, fs::metadata(path));
    Ok(named.is_ok_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())))
}

#[cfg(not(unix))]
fn is_still(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// What lies beside it under a name that ends so.
pub(crate) fn beside(wanted: &Path, ending: &str) -> PathBuf {
    let mut name = wanted.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    wanted.with_file_name(name)
}

/// Whether a folder holds nothing but what a screening leaves.
fn is_ours(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if name != PLAN && !FILES.iter().any(|known| name == *known) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes a folder that only holds what a screening makes.
fn remove(folder: &Path) -> io::Result<()> {
    for name in FILES.into_iter().chain([PLAN]) {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::remove_dir(folder)
}

impl Results {
    /// Begins. What an earlier screening left there stays until this one is whole; what one left that was broken off
    /// is thrown away.
    ///
    /// # Errors
    /// Something else is there, or another process is at it.
    pub(crate) fn begin(wanted: &Path) -> Result<Self, Unplaced> {
        if wanted.file_name().is_none() {
            return Err(Unplaced::Taken(format!(
                "`{}` is not the name of a folder",
                wanted.display()
            )));
        }
        if wanted.exists() && !(wanted.is_dir() && is_ours(wanted)?) {
            return Err(Unplaced::Taken(format!(
                "`{}` holds something else than an earlier screening",
                wanted.display()
            )));
        }
        let making = beside(wanted, ".partial");
        if let Some(above) = wanted
            .parent()
            .filter(|above| !above.as_os_str().is_empty())
        {
            fs::create_dir_all(above)?;
        }
        let lock = private(&beside(wanted, ".lock"))?;
        if let Err(error) = lock.try_lock() {
            return Err(match error {
                fs::TryLockError::WouldBlock => Unplaced::Taken(format!(
                    "another screening writes to `{}`",
                    wanted.display()
                )),
                fs::TryLockError::Error(error) => Unplaced::Disk(error),
            });
        }
        if !is_still(&lock, &beside(wanted, ".lock"))? {
            return Err(Unplaced::Taken(format!(
                "another screening has just written to `{}`",
                wanted.display()
            )));
        }
        if making.exists() {
            remove(&making)?;
        }
        make(&making)?;
        let sheets = FILES.iter().zip(NAMES);
        let paths: Vec<PathBuf> = sheets.map(|(name, _)| making.join(name)).collect();
        let mut disk = Disk::begin(&paths, BLOCK_BYTES)?;
        for (at, names) in NAMES.iter().enumerate() {
            disk.write(at, names.as_bytes())?;
        }
        Ok(Self {
            wanted: wanted.to_owned(),
            making,
            disk,
            _lock: lock,
        })
    }

    /// Writes a piece of a row, as it is.
    #[inline]
    pub(crate) fn write(&mut self, sheet: Sheet, piece: &[u8]) -> io::Result<()> {
        self.disk.write(sheet as usize, piece)
    }

    /// A row that could not be read.
    pub(crate) fn unread(
        &mut self,
        row: &[u8],
        line: u64,
        given: &[u8],
        problem: &str,
    ) -> io::Result<()> {
        let given = String::from_utf8_lossy(given);
        let mut text = row.to_vec();
        text.extend_from_slice(format!(",{line},").as_bytes());
        push_value(&mut text, harmless(&given).as_bytes());
        text.push(b',');
        push_value(&mut text, problem.as_bytes());
        text.push(b'\n');
        self.write(Sheet::Unreadable, &text)
    }

    /// Writes the reports and the plan, sees that all is on disk, and gives the folder its name.
    ///
    /// # Errors
    /// The disk's; what was there before is still there then, or lies beside under a name that ends in `.before`.
    pub(crate) fn finish(self, json: &str, html: &str, plan: Planning<'_>) -> io::Result<()> {
        self.disk.finish()?;
        for (name, text) in [("report.html", html), ("report.json", json)] {
            let mut file = private(&self.making.join(name))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
        }
        if let Some(plan) = plan {
            let text = plan(&self.making)?;
            let mut file = private(&self.making.join(PLAN))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
        }
        let before = beside(&self.wanted, ".before");
        if before.exists() {
            remove(&before)?;
        }
        if self.wanted.exists() {
            fs::rename(&self.wanted, &before)?;
        }
        fs::rename(&self.making, &self.wanted)?;
        if before.exists() {
            remove(&before)?;
        }
        let _ = fs::remove_file(beside(&self.wanted, ".lock"));
        Ok(())
    }

    /// Throws away what was made so far.
    pub(crate) fn abandon(self) {
        drop(self.disk);
        let _ = remove(&self.making);
        let _ = fs::remove_file(beside(&self.wanted, ".lock"));
    }
}

/// What a spreadsheet would take for a formula, with a mark before it.
fn harmless(given: &str) -> String {
    let end = (0..=GIVEN_BYTES_MAX.min(given.len()))
        .rev()
        .find(|at| given.is_char_boundary(*at))
        .unwrap_or(0);
    let given = given.get(..end).unwrap_or_default();
    if given.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return format!("'{given}");
    }
    given.to_owned()
}

/// Adds a value, between quotes where it needs them.
pub(crate) fn push_value(to: &mut Vec<u8>, value: &[u8]) {
    let is_plain = value
        .iter()
        .all(|byte| !matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if is_plain {
        to.extend_from_slice(value);
        return;
    }
    to.push(b'"');
    for byte in value {
        if *byte == b'"' {
            to.push(b'"');
        }
        to.push(*byte);
    }
    to.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_there_before_all_of_it_is() {
        let place = tempfile::tempdir().unwrap();
        let wanted = place.path().join("out");
        let mut first = Results::begin(&wanted).unwrap();
        first.write(Sheet::of(Kind::Held), b"1,2,3\n").unwrap();
        assert!(!wanted.exists());
        assert!(matches!(
            Results::begin(&wanted),
            Err(Unplaced::Taken(why)) if why.contains("another screening")
        ));
        // As after a kill: the lock is gone with the process, the folder is not.
        drop(first);
        assert_eq!(files(place.path()), ["out.lock", "out.partial"]);
        let second = Results::begin(&wanted).unwrap();
        second.finish("{}", "<p>", None).unwrap();
        assert_eq!(files(place.path()), ["out"]);
        assert_eq!(files(&wanted).len(), FILES.len());
        assert_eq!(
            fs::read_to_string(wanted.join("held.csv")).unwrap(),
            NAMES[1]
        );
        // The one before stays until the next is whole.
        let third = Results::begin(&wanted).unwrap();
        assert_eq!(files(&wanted).len(), FILES.len());
        third.abandon();
        assert_eq!(files(place.path()), ["out"]);
        Results::begin(&wanted)
            .unwrap()
            .finish("{\"n\":2}", "", Some(&|_| Ok("plan".to_owned())))
            .unwrap();
        assert_eq!(
            fs::read_to_string(wanted.join("report.json")).unwrap(),
            "{\"n\":2}"
        );
        assert_eq!(files(place.path()), ["out"]);
        assert_eq!(fs::read_to_string(wanted.join(PLAN)).unwrap(), "plan");
        // A plan goes with what it was of.
        let fifth = Results::begin(&wanted).unwrap();
        fifth.finish("{}", "", None).unwrap();
        assert_eq!(files(&wanted).len(), FILES.len());
    }

    #[test]
    fn nothing_of_anybody_else_is_written_over() {
        let place = tempfile::tempdir().unwrap();
        let wanted = place.path().join("mine");
        fs::create_dir(&wanted).unwrap();
        fs::write(wanted.join("diary.txt"), "dear").unwrap();
        assert!(matches!(
            Results::begin(&wanted),
            Err(Unplaced::Taken(why)) if why.contains("something else")
        ));
        assert_eq!(files(place.path()), ["mine"]);
    }

    #[test]
    fn values_are_quoted_where_they_must_be() {
        for (value, expect) in [
            ("+1 555", "+1 555"),
            ("a,b", "\"a,b\""),
            ("say \"no\"\n", "\"say \"\"no\"\"\n\""),
        ] {
            let mut text = Vec::new();
            push_value(&mut text, value.as_bytes());
            assert_eq!(text, expect.as_bytes());
        }
        assert_eq!(harmless("=1+1"), "'=1+1");
        assert_eq!(harmless(&"é".repeat(300)).len(), GIVEN_BYTES_MAX);
    }
}
