use std::io::Write as _;
use std::sync::mpsc::channel;

use super::*;

/// What a list is read as: each row's number, `user`, or what is wrong with it; or why it cannot be read.
fn rows(bytes: &[u8], form: &Form) -> Result<Vec<String>, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let mut rows = Vec::new();
    let (_, spent) = channel();
    let read = read(file.path(), form, Arc::default(), spent, &mut |batch| {
        assert_eq!(batch.first, rows.len() as u64 + 1);
        let mut odd = batch.odd.iter();
        for row in &batch.rows {
            rows.push(match row.digits {
                0 => match odd.next().unwrap() {
                    Odd::User(_) => "user".to_owned(),
                    Odd::Unread { line, problem } => format!("{line}: {problem}"),
                },
                digits => digits.to_string(),
            });
        }
        Ok(true)
    });
    match read {
        Ok(_) => Ok(rows),
        Err(Unfit::File(why)) => Err(why),
        Err(Unfit::Disk(error)) => panic!("{error}"),
    }
}

fn form(column: &str, country: &str) -> Form {
    Form {
        column: (!column.is_empty()).then(|| column.to_owned()),
        delimiter: None,
        country: Country::parse(country),
    }
}

#[test]
fn lists_are_read_as_they_come() {
    let wanted = ["15551230001", "491711234567", "user"];
    for text in [
        "phone\n15551230001\n+49 (171) 1234567\nUS.abc123\n",
        "phone\r\n15551230001\r\n+491711234567\r\nUS.abc123\r\n",
        "phone\n15551230001\n+491711234567\nUS.abc123\n\r\r\n",
        "\u{feff}Name;Mobile\nA;15551230001\nB;+49 171 1234567\nC;US.abc123\n",
        "a\tb\tMobile Phone\n\"x\ty\"\t2\t'15551230001\n\t\t00491711234567\n1\t2\tUS.abc123",
        "wa_id,phone\n15551230001,1\n,491711234567\nUS.abc123,\n",
        "{\"phone\":15551230001}\n\n{\"person\":{\"wa_id\":\"491711234567\"}}\n{\"user_id\":\"US.abc123\"}\n",
    ] {
        assert_eq!(
            rows(text.as_bytes(), &form("", "")).unwrap(),
            wanted,
            "{text}"
        );
    }
    let home = "Festnetz|Handy\n030 123456|0171 1234567\n030 123456|+15551230001\n";
    assert_eq!(
        rows(home.as_bytes(), &form("handy", "DE")).unwrap(),
        ["491711234567", "15551230001"]
    );
}

#[test]
fn a_row_that_cannot_be_read_stays_a_row() {
    let text = b"phone,name\n15551230001,a\ncall me,b\n,c\n1,d,e\n\xff\xfe1,f\n15551230002,\xfc\n";
    assert_eq!(
        rows(text, &form("", "")).unwrap(),
        [
            "15551230001",
            "3: not a phone number",
            "4: the row names nobody",
            "5: 3 values under 2 columns",
            "6: not UTF-8",
            "15551230002",
        ]
    );
}

#[test]
fn what_is_no_list_is_said_so() {
    let packed = |text: &[u8]| {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text).unwrap();
        gz.finish().unwrap()
    };
    let mut truncated = packed(b"phone\n15551230001\n15551230002\n");
    truncated.truncate(truncated.len() - 9);
    let long = [
        b"phone,note\n15551230001,a\n1,\"".to_vec(),
        vec![b'x'; 3 << 20],
    ]
    .concat();
    let cases: [(&[u8], &str, &str); 10] = [
        (b"", "", "the file is empty"),
        (b" \n", "", "the file is empty"),
        (b"phone\n", "", "no rows below"),
        (b"\xff\xfep\0h\0", "", "UTF-16"),
        (b"PK\x03\x04zip", "", "spreadsheet"),
        (
            b"name,note\na,b\n",
            "",
            "`--column`; its columns are: name, note",
        ),
        (
            b"name,phone\na,1\n",
            "Handy",
            "no column `Handy`; its columns are: name, phone",
        ),
        (b"15551230001\n15551230002\n", "", "write `phone` above it"),
        (
            &long,
            "",
            "after row 1, which begins on line 2: a row is longer",
        ),
        (&truncated, "", "cannot be unpacked"),
    ];
    for (bytes, column, why) in cases {
        let said = rows(bytes, &form(column, "")).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
    let long = rows(&long, &form("", "")).unwrap_err();
    assert!(long.contains("longer than 1048576 bytes"), "{long}");
}

#[test]
fn plain_numbers_are_what_the_reader_of_numbers_makes_of_them() {
    for country in ["", "DE", "US"] {
        let country = Country::parse(country);
        for text in [
            "15551230001",
            "+15551230001",
            "0049171123",
            "+0049171123",
            "1234567",
            "123456",
            "+123456",
            "123456789012345",
            "1234567890123456",
            "",
            "+",
            "++1555123000",
            "1555 123",
            "5215512345678",
            "551187654321",
            "0171123456",
            "15551230001.0",
            "1e10",
            "-15551230001",
        ] {
            if let Some(digits) = plain(text.as_bytes(), country.is_some()) {
                let read = number::read(text, country).map(Phone::digits);
                assert_eq!(read, Ok(digits), "{text}");
            }
        }
    }
    for length in 0..=16 {
        let digits = &"9876543210123456"[..length];
        let value = Phone::parse(digits).map(Phone::digits);
        assert_eq!(plain(digits.as_bytes(), false), value, "{digits}");
        // One byte that is no digit, at each place: also those next to digits, and those with the highest bit.
        for at in 0..length {
            for wrong in [b'/', b':', b'?', b'@', b' ', b'p', 0, 0xb5, 0xff] {
                let mut bytes = digits.as_bytes().to_vec();
                bytes[at] = wrong;
                assert_eq!(plain(&bytes, false), None, "{bytes:?}");
            }
        }
    }
    assert_eq!(plain(b"+15551230001", true), Some(15_551_230_001));
    assert_eq!(plain(b"15551230001", true), None);
}

/// Rows by the reader of imports: line, what stands in the column, whether the number of values is right.
fn generally(bytes: &[u8], picks: &[usize]) -> Vec<(u64, String, bool)> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let (mut rows, mut columns) = (Vec::new(), 0);
    source::each(
        file.path(),
        (Format::Csv, None),
        Arc::default(),
        &mut |raw| {
            match raw {
                Raw::Names(names) => columns = names.len(),
                Raw::Row(line, record) => {
                    let cells = picks.iter().filter_map(|pick| record.get(*pick));
                    let given = cells.map(<[u8]>::trim_ascii).find(|cell| !cell.is_empty());
                    let given = String::from_utf8_lossy(given.unwrap_or_default()).into_owned();
                    rows.push((line, given, record.len() == columns));
                }
                Raw::Object(..) => panic!("no object"),
            }
            Ok(true)
        },
    )
    .unwrap();
    rows
}

#[derive(Default)]
struct Taken {
    picks: Vec<usize>,
    rows: Vec<(u64, String, bool)>,
    places: Vec<(Option<usize>, String)>,
}

impl lines::Takes for Taken {
    fn names(&mut self, _: &ByteRecord) -> Result<Vec<usize>, Unfit> {
        Ok(self.picks.clone())
    }

    fn row(&mut self, row: &lines::Found<'_>) -> Result<(), Unfit> {
        let given = String::from_utf8_lossy(row.given).into_owned();
        self.places.push((row.at, given.clone()));
        self.rows.push((row.line, given, row.ragged.is_none()));
        Ok(())
    }

    fn usual(&mut self, line: u64, at: usize, given: &[u8]) -> Result<bool, Unfit> {
        let is_usual = !given.is_empty() && given.iter().all(u8::is_ascii_digit);
        if is_usual {
            self.row(&lines::Found {
                line,
                given,
                at: Some(at),
                ragged: None,
            })?;
        }
        Ok(is_usual)
    }

    fn piece(&mut self, piece: Vec<u8>) -> Result<bool, Unfit> {
        for (at, given) in self.places.drain(..) {
            if let Some(at) = at {
                assert_eq!(&piece[at..at + given.len()], given.as_bytes());
            }
        }
        Ok(true)
    }
}

proptest::proptest! {
    #[test]
    fn plain_digits_are_read_as_all_numbers_are(text in "[+]?[0-9]{1,17}") {
        if let Some(digits) = plain(text.as_bytes(), false) {
            proptest::prop_assert_eq!(number::read(&text, None).map(Phone::digits), Ok(digits));
        } else {
            let digits = text.trim_start_matches('+');
            proptest::prop_assert!(digits.starts_with('0') || !(7..=15).contains(&digits.len()));
        }
    }

    #[test]
    fn plain_reading_is_general_reading(
        cells in proptest::collection::vec(
            proptest::collection::vec(proptest::sample::select(vec![
                "15551230001", "+1 555", "", " ", "\"q\"", "\"a;b\"", "\"two\nlines\"", "\"d\r\n\"\"x\"\"\"",
                "mid\"dle", "x\rx", "\"open\"tail", "\u{e9}",
            ]), 1..4),
            1..60,
        ),
        // Mostly rows that are usual, or anything.
        mostly in proptest::bool::ANY,
        kept in proptest::collection::vec(0_u8..30, 60),
        ends in proptest::collection::vec(proptest::sample::select(vec!["\n", "\r\n", "\n\n", "\r", "\n\r\n"]), 60),
        last in proptest::bool::ANY,
        first in proptest::sample::select(vec!["\n", "\r\n"]),
        pieces in proptest::prop_oneof![1_usize..40, 40_usize..3_000],
    ) {
        let mut text = format!("a;b;c{first}");
        for (at, (row, end)) in cells.iter().zip(&ends).enumerate() {
            let (row, end) = match (mostly, kept[at]) {
                (true, 0..28) => ("name;15551230002;".to_owned(), &first),
                _ => (row.join(";"), end),
            };
            text.push_str(&row);
            if last || at + 1 < cells.len() {
                text.push_str(end);
            }
        }
        let picks = vec![1, 0];
        let mut expect = generally(text.as_bytes(), &picks);
        let mut taken = Taken { picks, ..Taken::default() };
        // In pieces of any size.
        let (start, rest) = text.as_bytes().split_at(pieces.min(text.len()));
        let rest: Box<dyn std::io::BufRead + Send> = Box::new(std::io::Cursor::new(rest.to_vec()));
        lines::read(start, rest, (b';', pieces), &mut taken).unwrap();
        // The general reader counts lines by the end of the first.
        if ends.iter().any(|end| *end != first) || text.contains("x\rx") {
            for (row, expected) in taken.rows.iter_mut().zip(&mut expect) {
                (row.0, expected.0) = (0, 0);
            }
        }
        proptest::prop_assert_eq!(taken.rows, expect, "{:?}", text);
    }
}
