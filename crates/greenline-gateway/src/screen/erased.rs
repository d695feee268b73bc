//! An erasure reaches what is kept of screenings: rows that named whoever was erased stay, so that all counts hold, but
//! name nobody any more.
//!
//! Who was erased is noted in a screening's folder until that is done, so that a process that is killed meanwhile does it
//! when it starts again; of a list that waits or is being screened it is done before anybody can have what came of it.
//! A plan that held is signed anew over the files as they are then; one that did not is left as it is.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use csv::ByteRecord;
use memchr::memmem::Finder;

use crate::app::Shared;
use crate::imports::files::private;

use super::job::kept::{Meta, Place, State};
use super::plan;
use super::results::{FILES, PLAN, Sheet, beside, push_value};

/// What stands in the place of a number.
pub(crate) const NOBODY: &str = "erased";
/// Bytes that are looked through at once.
const PIECE_BYTES: usize = 1 << 20;

/// A row that names somebody: where it lies, and what is to stand there.
struct Named {
    from: u64,
    to: u64,
    instead: Vec<u8>,
}

/// Takes whoever is written in one of these ways out of what this node keeps of a business's screenings; in how many rows
/// they stood. What is not over yet is cleaned when it is.
///
/// # Errors
/// The disk's, of one of them; all others are cleaned even then.
pub(crate) fn forget(app: &Shared, business: &str, texts: &[String]) -> io::Result<u64> {
    app.screenings.is_ours()?;
    let (mut rows, mut failed) = (0, None);
    for name in app.screenings.names() {
        let Some(place) = app.screenings.place(&name) else {
            continue;
        };
        match of_one(app, &place, business, texts) {
            Ok(cleaned) => rows += cleaned,
            // Thrown away meanwhile, or not received in full: such a list came later than the erasure.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(rows), Err)
}

fn of_one(app: &Shared, place: &Place, business: &str, texts: &[String]) -> io::Result<u64> {
    if place.meta()?.business != business {
        return Ok(0);
    }
    let _turn = place.erasing()?;
    // As it is now that nobody else can end it.
    match place.meta()?.state {
        State::Failed => Ok(0),
        State::Waiting | State::Screening => place.note_erased(texts).map(|()| 0),
        State::Done => {
            place.note_erased(texts)?;
            clean(app, place)
        }
    }
}

/// Does to what came of a list what was noted; in how many rows.
fn clean(app: &Shared, place: &Place) -> io::Result<u64> {
    let texts = place.noted_erased()?;
    if texts.is_empty() {
        return Ok(0);
    }
    let folder = place.results();
    let mut found = Vec::new();
    for (sheet, name) in Sheet::ALL.into_iter().zip(FILES) {
        let path = folder.join(name);
        let named = named(&path, sheet, &texts)?;
        if !named.is_empty() {
            found.push((path, named));
        }
    }
    let rows = found.iter().map(|(_, named)| named.len() as u64).sum();
    if rows > 0 {
        let held = plan::check(&folder.join(PLAN), None);
        for (path, named) in &found {
            rewrite(path, named)?;
        }
        if held.is_ok_and(|checked| checked.problems.is_empty()) {
            plan::renewed(app, &folder, rows)?;
        }
    }
    place.forget_noted()?;
    Ok(rows)
}

/// Writes down what became of a screening, cleaned of whoever was erased while it was screened.
///
/// # Errors
/// The disk's; nobody finds what came of it then.
pub(crate) fn end(app: &Shared, place: &Place, meta: &Meta) -> io::Result<()> {
    let _turn = place.erasing()?;
    if meta.state == State::Done {
        clean(app, place)?;
    }
    place.put_meta(meta)?;
    if meta.state == State::Failed {
        place.forget_noted()?;
    }
    Ok(())
}

/// Goes on with what a process that was killed had noted of a screening that is done.
pub(crate) fn go_on(app: &Shared, place: &Place) -> io::Result<()> {
    let _turn = place.erasing()?;
    clean(app, place).map(|_| ())
}

/// Rows of a file that name one of these.
fn named(path: &Path, sheet: Sheet, texts: &[String]) -> io::Result<Vec<Named>> {
    let is_unreadable = sheet == Sheet::Unreadable;
    // Whom the others name stands in them as it is.
    if !is_unreadable && !holds(path, texts)? {
        return Ok(Vec::new());
    }
    let mut reader = csv::Reader::from_path(path).map_err(io::Error::other)?;
    let names = reader.byte_headers().map_err(io::Error::other)?.clone();
    let place = |wanted: &[u8]| names.iter().position(|name| name == wanted);
    let (given, number) = (place(b"given"), place(b"number"));
    let mut found = Vec::new();
    let mut record = ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .map_err(io::Error::other)?
    {
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or_default();
        let is_named = match number {
            Some(_) => texts.iter().any(|text| text.as_bytes() == cell(number)),
            None => is_written_in(cell(given), texts),
        };
        if !is_named {
            continue;
        }
        let mut instead = Vec::new();
        for (at, value) in record.iter().enumerate() {
            let value = match Some(at) {
                place if place == number => NOBODY.as_bytes(),
                place if place == given && number.is_some() => b"",
                place if place == given => NOBODY.as_bytes(),
                _ => value,
            };
            if at > 0 {
                instead.push(b',');
            }
            push_value(&mut instead, value);
        }
        instead.push(b'\n');
        let from = record.position().map_or(0, csv::Position::byte);
        let to = reader.position().byte();
        found.push(Named { from, to, instead });
    }
    Ok(found)
}

/// Whether what stood in a row that names nobody is one of these all the same, whatever stands between its digits.
fn is_written_in(given: &[u8], texts: &[String]) -> bool {
    let digits: Vec<u8> = given.iter().copied().filter(u8::is_ascii_digit).collect();
    texts.iter().any(|text| {
        let text = text.as_bytes();
        let within = if text.iter().all(u8::is_ascii_digit) {
            &digits
        } else {
            given
        };
        !text.is_empty() && Finder::new(text).find(within).is_some()
    })
}

/// Whether one of these stands anywhere in a file.
fn holds(path: &Path, texts: &[String]) -> io::Result<bool> {
    let finders: Vec<Finder<'_>> = texts
        .iter()
        .filter(|text| !text.is_empty())
        .map(Finder::new)
        .collect();
    let longest = texts.iter().map(String::len).max().unwrap_or(0);
    let mut file = File::open(path)?;
    let (mut bytes, mut kept) = (vec![0; PIECE_BYTES + longest], 0);
    loop {
        let read = file.read(&mut bytes[kept..])?;
        if read == 0 {
            return Ok(false);
        }
        let end = kept + read;
        let some = bytes.get(..end).unwrap_or_default();
        if finders.iter().any(|finder| finder.find(some).is_some()) {
            return Ok(true);
        }
        // What begins at the end of a piece ends in the next.
        let from = end.saturating_sub(longest);
        bytes.copy_within(from..end, 0);
        kept = end - from;
    }
}

/// Puts a file in the place of another that is as that one was but for these rows.
fn rewrite(path: &Path, named: &[Named]) -> io::Result<()> {
    let new = beside(path, ".new");
    let mut from = File::open(path)?;
    let mut to = BufWriter::with_capacity(PIECE_BYTES, private(&new)?);
    let mut at = 0;
    for row in named {
        from.seek(SeekFrom::Start(at))?;
        io::copy(&mut (&mut from).take(row.from.saturating_sub(at)), &mut to)?;
        to.write_all(&row.instead)?;
        at = row.to;
    }
    from.seek(SeekFrom::Start(at))?;
    io::copy(&mut from, &mut to)?;
    let file = to.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Vec<String> {
        vec!["15551230001".to_owned(), "US.aaa111".to_owned()]
    }

    fn cleaned(sheet: Sheet, before: &str) -> String {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("some.csv");
        std::fs::write(&path, before).unwrap();
        let found = named(&path, sheet, &texts()).unwrap();
        if !found.is_empty() {
            rewrite(&path, &found).unwrap();
        }
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn whoever_is_named_goes_and_all_else_stays_as_it_is() {
        let before = "row,given,number,rules,reasons\n\
            1,+1 (555) 123-0001,15551230001,consent.covered,\"Somebody, yes\"\n\
            2,115551230001,115551230001,consent.covered,\"a\"\n\
            3,\"two\nlines\",US.aaa111,consent.covered,\"b\"\n\
            4,\"=1,2\",15551230002,\"consent.covered\",c\n";
        let after = "row,given,number,rules,reasons\n\
            1,,erased,consent.covered,\"Somebody, yes\"\n\
            2,115551230001,115551230001,consent.covered,\"a\"\n\
            3,,erased,consent.covered,b\n\
            4,\"=1,2\",15551230002,\"consent.covered\",c\n";
        assert_eq!(cleaned(Sheet::Allowed, before), after);
        let other = "row,given,number,first_row\n9,15551230002,15551230002,4\n";
        assert_eq!(cleaned(Sheet::Duplicates, other), other);
    }

    #[test]
    fn a_number_that_could_not_be_read_goes_too() {
        let before = "row,line,given,problem\n\
            1,2,call 1.555.123.0001 now,names nobody\n\
            2,3,1.555,names nobody\n";
        let after = "row,line,given,problem\n\
            1,2,erased,names nobody\n\
            2,3,1.555,names nobody\n";
        assert_eq!(cleaned(Sheet::Unreadable, before), after);
    }

    #[test]
    fn what_lies_across_two_pieces_is_found() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("some.csv");
        for at in [PIECE_BYTES - 4, PIECE_BYTES + 7, 2 * PIECE_BYTES + 20] {
            let mut text = "x".repeat(at);
            text.push_str("15551230001");
            std::fs::write(&path, &text).unwrap();
            assert!(holds(&path, &texts()).unwrap(), "{at}");
            std::fs::write(&path, text.replace('3', "4")).unwrap();
            assert!(!holds(&path, &texts()).unwrap(), "{at}");
        }
    }
}
