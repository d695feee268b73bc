//! The file of keys: TOML, mode 0600, always replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Key, Keyring, KeysError, Purpose, fill};

const HEAD: &str = "# Greenline's own keys. Whoever has them can make preference links and sign the log: keep this file as\n\
# you keep passwords, and in a backup apart from the store's. `greenline keys show` lists them without secrets.\n\
# The newest key of a use comes first.\n\n";

/// Largest file that is read.
const BYTES_MAX: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBody {
    #[serde(default)]
    key: Vec<KeyRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRow {
    id: String,
    #[serde(rename = "use")]
    purpose: String,
    made: String,
    secret: String,
}

/// Tells one state of a file from another.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Mark {
    bytes: u64,
    changed: Option<SystemTime>,
    place: u64,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> KeysError {
    let path = path.to_owned();
    move |source| KeysError::File {
        path: path.clone(),
        source,
    }
}

/// The state of a file; nothing where there is none.
pub(super) fn mark(path: &Path) -> Result<Option<Mark>, KeysError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(Mark {
            bytes: found.len(),
            changed: found.modified().ok(),
            place: place(&found),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path)(error)),
    }
}

#[cfg(unix)]
fn place(found: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    found.ino()
}

#[cfg(not(unix))]
fn place(_: &fs::Metadata) -> u64 {
    0
}

/// Whether others than the owner may read it.
pub(super) fn is_open_to_others(path: &Path) -> Result<bool, KeysError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let found = fs::metadata(path).map_err(failed(path))?;
        Ok(found.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(false)
    }
}

/// Reads it.
pub(super) fn read(path: &Path) -> Result<Keyring, KeysError> {
    let unreadable = |what| KeysError::Unreadable {
        path: path.to_owned(),
        what,
    };
    if fs::metadata(path).map_err(failed(path))?.len() > BYTES_MAX {
        return Err(unreadable("it is too large"));
    }
    let text = fs::read_to_string(path).map_err(failed(path))?;
    // What the reader says may quote a secret.
    let body: FileBody =
        toml::from_str(&text).map_err(|_| unreadable("it is not in the form of such a file"))?;
    let mut ring = Keyring::default();
    for row in body.key {
        let purpose = Purpose::parse(&row.purpose)
            .ok_or_else(|| unreadable("a key has a use that is not known"))?;
        let made: Timestamp = row
            .made
            .parse()
            .map_err(|_| unreadable("a key's date is none"))?;
        let secret = STANDARD
            .decode(row.secret.trim())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| unreadable("a secret is not 32 bytes in base64"))?;
        if row.id.is_empty() || ring.iter().any(|key| *key.id == *row.id) {
            return Err(unreadable("a key has no id, or that of another"));
        }
        ring.0.push(Key {
            id: row.id.into(),
            purpose,
            made_ms: made.as_millisecond(),
            secret,
        });
    }
    Ok(ring)
}

fn text(ring: &Keyring) -> Option<String> {
    let rows = ring.iter().map(|key| {
        Some(KeyRow {
            id: key.id.to_string(),
            purpose: key.purpose.as_str().to_owned(),
            made: Timestamp::from_millisecond(key.made_ms).ok()?.to_string(),
            secret: STANDARD.encode(key.reveal()),
        })
    });
    let body = FileBody {
        key: rows.collect::<Option<_>>()?,
    };
    Some(format!("{HEAD}{}", toml::to_string(&body).ok()?))
}

/// Puts a new file there, unless one came there meanwhile; says whether it did.
pub(super) fn create(path: &Path, ring: &Keyring) -> Result<bool, KeysError> {
    let draft = draft(path, ring)?;
    let linked = fs::hard_link(&draft, path);
    let _ = fs::remove_file(&draft);
    match linked {
        Ok(()) => {
            sync_folder(path);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(path)(error)),
    }
}

/// Replaces the file as a whole.
pub(super) fn replace(path: &Path, ring: &Keyring) -> Result<(), KeysError> {
    let draft = draft(path, ring)?;
    if let Err(error) = fs::rename(&draft, path) {
        let _ = fs::remove_file(&draft);
        return Err(failed(path)(error));
    }
    sync_folder(path);
    Ok(())
}

/// Writes a file beside it, for its owner only, down to the disk.
fn draft(path: &Path, ring: &Keyring) -> Result<PathBuf, KeysError> {
    let text = text(ring).ok_or_else(|| KeysError::Unreadable {
        path: path.to_owned(),
        what: "a key cannot be written",
    })?;
    // A name of its own, so that two who write at once do not write one draft.
    let mut own = [0; 4];
    fill(&mut own)?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:08x}.new", u32::from_be_bytes(own)));
    let draft = PathBuf::from(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let write = || {
        let mut file = options.open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    if let Err(error) = write() {
        let _ = fs::remove_file(&draft);
        return Err(failed(path)(error));
    }
    Ok(draft)
}

/// So that the name is on disk too; where a folder cannot be synced, the file still is.
fn sync_folder(path: &Path) {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
}
