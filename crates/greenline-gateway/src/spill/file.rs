//! The file itself: one JSON object a line, appended, synced where a message waits for it.
//!
//! A line counts once it ends. What a crash tore is cut off when the file is opened again: nothing was sent
//! on its account. The file never grows past its bound.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use greenline_ledger::types::{DecisionId, Outcome, PersonId, Spilled};
use greenline_policy::identity::Identifier;
use serde::{Deserialize, Serialize};

use crate::ids;

/// The file's name in its folder.
const NAME: &str = "decisions.jsonl";
/// Where lines go that the store cannot take.
const ASIDE: &str = "set-aside.jsonl";
/// Where those that stay are written when some of them go.
const FRESH: &str = "set-aside.new";

/// What a line says.
#[derive(Debug)]
pub(super) enum Line {
    /// A decision.
    Decision(Spilled),
    /// What became of one.
    Outcome(DecisionId, Outcome),
    /// Somebody said stop.
    Stop(String, Identifier, i64),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Written {
    Decision {
        id: String,
        business: String,
        person: Option<u64>,
        at_ms: i64,
        record: String,
    },
    Accepted {
        id: String,
        messages: Vec<String>,
    },
    Rejected {
        id: String,
        code: u32,
    },
    NotSent {
        id: String,
    },
    Unknown {
        id: String,
    },
    Stop {
        business: String,
        person: String,
        at_ms: i64,
    },
}

/// The file, open.
#[derive(Debug)]
pub(super) struct SpillFile {
    folder: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
    /// A line could be neither written nor taken back: nothing goes until it is emptied.
    broken: bool,
}

impl SpillFile {
    /// Opens or makes it, and reads what it holds.
    pub(super) fn open(folder: PathBuf, bytes_max: u64) -> Result<(Self, Vec<Line>)> {
        std::fs::create_dir_all(&folder)?;
        let mut file = private(&folder.join(NAME))?;
        File::open(&folder)?.sync_all()?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        text.truncate(whole);
        let bytes = u64::try_from(whole).unwrap_or(u64::MAX);
        file.set_len(bytes)?;
        let spill = Self {
            folder,
            file,
            bytes,
            bytes_max,
            broken: false,
        };
        let mut lines = Vec::new();
        for line in text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            match read(line) {
                Some(line) => lines.push(line),
                None => {
                    tracing::error!("a line of the spill file does not read; it is set aside");
                    spill.set_line_aside(line)?;
                }
            }
        }
        Ok((spill, lines))
    }

    /// Writes a decision and syncs it.
    pub(super) fn keep(&mut self, spilled: &Spilled) -> Result<()> {
        let line = line(&decision(spilled))?;
        if self.broken {
            return Err(Error::other("the spill file is damaged"));
        }
        let after = self.bytes.saturating_add(line.len() as u64);
        if after > self.bytes_max {
            return Err(Error::new(
                ErrorKind::StorageFull,
                "the spill file has reached store.spill_bytes_max",
            ));
        }
        let written = self.append(&line).and_then(|()| self.file.sync_data());
        if written.is_ok() {
            self.bytes = after;
        } else {
            self.broken = self.file.set_len(self.bytes).is_err();
        }
        written
    }

    /// Notes what became of a decision; lost if the machine fails before the system writes it.
    pub(super) fn note_outcome(&mut self, id: DecisionId, outcome: &Outcome) {
        let id = ids::decision(id);
        self.note(&match outcome {
            Outcome::Accepted { message_ids } => Written::Accepted {
                id,
                messages: message_ids.iter().map(ToString::to_string).collect(),
            },
            Outcome::Rejected { code } => Written::Rejected { id, code: *code },
            Outcome::NotSent => Written::NotSent { id },
            Outcome::Unknown => Written::Unknown { id },
        });
    }

    /// Notes that somebody said stop, for the next process.
    pub(super) fn note_stop(&mut self, business: &str, person: &Identifier, at_ms: i64) {
        self.note(&Written::Stop {
            business: business.to_owned(),
            person: person.reveal(),
            at_ms,
        });
    }

    fn note(&mut self, written: &Written) {
        let Ok(line) = line(written) else { return };
        let after = self.bytes.saturating_add(line.len() as u64);
        if self.broken || after > self.bytes_max {
            return;
        }
        if self.append(&line).is_ok() {
            self.bytes = after;
        } else {
            self.broken = self.file.set_len(self.bytes).is_err();
        }
    }

    fn append(&mut self, line: &[u8]) -> Result<()> {
        self.file.seek(SeekFrom::Start(self.bytes))?;
        self.file.write_all(line)
    }

    /// Empties it.
    pub(super) fn clear(&mut self) -> Result<()> {
        self.file.set_len(0)?;
        self.bytes = 0;
        self.broken = false;
        self.file.sync_data()
    }

    /// Keeps a decision that the store cannot take, beside the file.
    pub(super) fn set_aside(&mut self, spilled: &Spilled) -> Result<()> {
        let line = line(&decision(spilled))?;
        self.set_line_aside(line.trim_ascii_end())
    }

    /// Deletes what was set aside of somebody; says how many lines that were.
    pub(super) fn forget(&self, is_theirs: impl Fn(&[u8]) -> bool) -> Result<usize> {
        let path = self.folder.join(ASIDE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        let (theirs, kept): (Vec<&[u8]>, Vec<&[u8]>) = lines.partition(|line| is_theirs(line));
        if !theirs.is_empty() {
            let fresh = self.folder.join(FRESH);
            let mut file = private(&fresh)?;
            file.set_len(0)?;
            file.write_all(&kept.concat())?;
            file.sync_data()?;
            std::fs::rename(&fresh, &path)?;
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(theirs.len())
    }

    fn set_line_aside(&self, line: &[u8]) -> Result<()> {
        let mut aside = private(&self.folder.join(ASIDE))?;
        aside.seek(SeekFrom::End(0))?;
        aside.write_all(line)?;
        aside.write_all(b"\n")?;
        aside.sync_data()
    }
}

/// What it holds names people: nobody else reads it.
fn private(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn decision(spilled: &Spilled) -> Written {
    Written::Decision {
        id: ids::decision(spilled.id),
        business: spilled.business.to_string(),
        person: spilled.person.map(|person| person.0),
        at_ms: spilled.at_ms,
        record: spilled.record.to_string(),
    }
}

fn line(written: &Written) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(written)?;
    line.push(b'\n');
    Ok(line)
}

fn read(line: &[u8]) -> Option<Line> {
    let outcome = |id: &str, outcome| Some(Line::Outcome(ids::parse_decision(id)?, outcome));
    match serde_json::from_slice(line).ok()? {
        Written::Decision {
            id,
            business,
            person,
            at_ms,
            record,
        } => Some(Line::Decision(Spilled {
            id: ids::parse_decision(&id)?,
            business: business.into(),
            person: person.map(PersonId),
            at_ms,
            record: record.into(),
        })),
        Written::Accepted { id, messages } => {
            let message_ids = messages.into_iter().map(Into::into).collect();
            outcome(&id, Outcome::Accepted { message_ids })
        }
        Written::Rejected { id, code } => outcome(&id, Outcome::Rejected { code }),
        Written::NotSent { id } => outcome(&id, Outcome::NotSent),
        Written::Unknown { id } => outcome(&id, Outcome::Unknown),
        Written::Stop {
            business,
            person,
            at_ms,
        } => Some(Line::Stop(business, Identifier::parse(&person)?, at_ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenline_ledger::types::PersonShard;

    fn spilled(seq: u64) -> Spilled {
        Spilled {
            id: DecisionId {
                shard: PersonShard(3),
                seq,
            },
            business: "acme".into(),
            person: Some(PersonId(7)),
            at_ms: 9,
            record: "{\"a\":\"\u{e9}\\n\"}".into(),
        }
    }

    fn reopened(folder: &Path) -> (SpillFile, Vec<Line>) {
        SpillFile::open(folder.to_owned(), 1 << 20).unwrap()
    }

    #[test]
    fn what_was_kept_is_read_again_and_nothing_else() {
        let folder = tempfile::TempDir::new().unwrap();
        let (mut file, lines) = reopened(folder.path());
        assert!(lines.is_empty());
        file.keep(&spilled(1)).unwrap();
        let accepted = Outcome::Accepted {
            message_ids: ["wamid.1".into()].into_iter().collect(),
        };
        file.note_outcome(spilled(1).id, &accepted);
        let person = Identifier::parse("15550100123").unwrap();
        file.note_stop("acme", &person, 5);
        file.keep(&spilled(2)).unwrap();
        let (_, lines) = reopened(folder.path());
        let [
            Line::Decision(one),
            Line::Outcome(id, outcome),
            Line::Stop(business, who, 5),
            Line::Decision(two),
        ] = &lines[..]
        else {
            panic!("{lines:?}")
        };
        assert_eq!((one, two), (&spilled(1), &spilled(2)));
        assert_eq!((*id, outcome), (one.id, &accepted));
        assert_eq!((business.as_str(), who), ("acme", &person));
    }

    #[test]
    fn a_torn_line_is_cut_off_and_an_unreadable_one_set_aside() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join(NAME);
        let (mut file, _) = reopened(folder.path());
        file.keep(&spilled(1)).unwrap();
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"kind\":\"else\"}\n{\"kind\":\"decis");
        std::fs::write(&path, text).unwrap();
        let (mut file, lines) = reopened(folder.path());
        assert!(matches!(&lines[..], [Line::Decision(_)]));
        let aside = std::fs::read(folder.path().join(ASIDE)).unwrap();
        assert_eq!(aside, b"{\"kind\":\"else\"}\n");
        file.keep(&spilled(2)).unwrap();
        assert_eq!(reopened(folder.path()).1.len(), 2);
    }

    #[test]
    fn it_grows_to_its_bound_and_goes_on_once_emptied() {
        let folder = tempfile::TempDir::new().unwrap();
        let (mut file, _) = SpillFile::open(folder.path().to_owned(), 400).unwrap();
        let kept = (1..100)
            .take_while(|seq| file.keep(&spilled(*seq)).is_ok())
            .count();
        assert!((1..5).contains(&kept), "{kept}");
        file.clear().unwrap();
        file.keep(&spilled(100)).unwrap();
        let about = std::fs::metadata(folder.path().join(NAME)).unwrap();
        let mode = std::os::unix::fs::MetadataExt::mode(&about);
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(reopened(folder.path()).1.len(), 1);
    }
}
