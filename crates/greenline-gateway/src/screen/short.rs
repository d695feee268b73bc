//! Lists that are short beside the store: whoever is on them is looked up, instead of reading everybody first.
//!
//! It changes no answer and only what has to be read for it, so a guess of how many rows there are is good enough.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use greenline_ledger::LedgerError;
use greenline_policy::identity::{Identifier, Phone};
use tokio::runtime::Handle;

use crate::app::Shared;
use crate::imports::source;

use super::rows::{Batch, Odd};
use super::{Prepared, list, parquet};

/// As many people are read one after the other in the time in which one is looked up, about.
const READ_MEANWHILE: u64 = 8;
/// Rows of a list at most whose people are looked up before it is begun, since they are in memory then.
const LOOKED_UP_MAX: usize = 250_000;
/// How many times as long a packed list is unpacked, about.
const PACKED_TIMES: u64 = 8;
/// Bytes of a row where a file keeps columns one after the other, about.
const COLUMN_ROW_BYTES: u64 = 6;

/// Whether looking up those on the list reads less than everybody.
pub(crate) fn is_short(
    app: &Shared,
    prepared: &Prepared,
    handle: &Handle,
) -> Result<bool, LedgerError> {
    // What is wrong with a list is told by whoever reads it.
    let Ok(rows) = rows(&prepared.order.list) else {
        return Ok(false);
    };
    let people = app.ledger.people_to_read(prepared.business.ix);
    Ok(rows.saturating_mul(READ_MEANWHILE) <= handle.block_on(people)?)
}

/// About how many rows a list has, by how long it is and how it begins.
fn rows(list: &Path) -> io::Result<u64> {
    let bytes = std::fs::metadata(list)?.len();
    let mut start = Vec::new();
    File::open(list)?.take(4).read_to_end(&mut start)?;
    let bytes = match start.as_slice() {
        parquet::MAGIC => return Ok(bytes / COLUMN_ROW_BYTES),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd] => bytes.saturating_mul(PACKED_TIMES),
        _ => bytes,
    };
    let (sample, _) = source::open(list, Arc::default())?;
    let ends = sample.iter().filter(|byte| **byte == b'\n').count() as u64;
    let each = sample.len() as u64 / ends.max(1);
    Ok((bytes / each.max(1)).max(1))
}

/// Everyone on a list; `None` where they are too many, or it cannot be read.
pub(crate) fn named(prepared: &Prepared) -> Option<Vec<Identifier>> {
    let (_, spent) = channel();
    let mut named = Vec::new();
    let mut take = |batch: Batch| {
        let phones = batch
            .rows
            .iter()
            .filter_map(|row| Phone::from_digits(row.digits));
        named.extend(phones.map(Identifier::Phone));
        named.extend(batch.odd.into_iter().filter_map(|odd| match odd {
            Odd::User(user) => Some(Identifier::User(user)),
            Odd::Unread { .. } => None,
        }));
        Ok(named.len() <= LOOKED_UP_MAX)
    };
    let (list, form) = (&prepared.order.list, &prepared.form);
    list::read(list, form, Arc::default(), spent, &mut take).ok()?;
    (named.len() <= LOOKED_UP_MAX).then_some(named)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Within a factor of two of so many rows.
    fn is_about(bytes: &[u8], wanted: u64) -> bool {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let rows = rows(file.path()).unwrap();
        (wanted / 2..=wanted * 2).contains(&rows)
    }

    #[test]
    fn rows_are_guessed_by_how_a_list_begins() {
        let mut list = b"name;phone\n".to_vec();
        for row in 0..20_000_u64 {
            let _ = writeln!(list, "somebody or other;{}", 15_550_000_000 + row * 7_919);
        }
        assert!(is_about(&list, 20_000));
        assert!(is_about(b"phone\n15551230001\n", 2));
        let packed = zstd::encode_all(&list[..], 3).unwrap();
        assert!(is_about(&packed, 20_000), "{} bytes", packed.len());
        assert!(rows(Path::new("/nowhere/list.csv")).is_err());
    }
}
