use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::super::list;
use super::super::rows::Odd;
use super::*;

/// A list of two row groups with a name, a number as text, as a whole number and as a fraction.
fn made() -> Vec<u8> {
    let schema = parse_message_type(
        "message list { optional binary name (UTF8); optional binary phone (UTF8); required int64 mobile_no; required double home; }",
    )
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::default()).unwrap();
    for group in 0..2 {
        let mut rows = writer.next_row_group().unwrap();
        for column in 0..2 {
            let mut writer = rows.next_column().unwrap().unwrap();
            let text = if column == 0 {
                "Ada"
            } else {
                "+1 555 123 0001"
            };
            writer
                .typed::<ByteArrayType>()
                .write_batch(&[ByteArray::from(text)], Some(&[1, 0]), None)
                .unwrap();
            writer.close().unwrap();
        }
        let mut writer = rows.next_column().unwrap().unwrap();
        let numbers = [15_551_230_002 + group, 49_171_123_456];
        writer
            .typed::<Int64Type>()
            .write_batch(&numbers, None, None)
            .unwrap();
        writer.close().unwrap();
        let mut writer = rows.next_column().unwrap().unwrap();
        writer
            .typed::<DoubleType>()
            .write_batch(&[15_551_230_004.0, 0.5], None, None)
            .unwrap();
        writer.close().unwrap();
        rows.close().unwrap();
    }
    writer.close().unwrap();
    bytes
}

fn rows(bytes: &[u8], column: Option<&str>) -> Result<Vec<String>, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let form = Form {
        column: column.map(str::to_owned),
        ..Form::default()
    };
    let mut rows = Vec::new();
    let read = list::read(
        file.path(),
        &form,
        Arc::default(),
        std::sync::mpsc::channel().1,
        &mut |batch| {
            let mut odd = batch.odd.iter();
            rows.extend(batch.rows.iter().map(|row| match row.digits {
                0 => match odd.next().unwrap() {
                    Odd::Unread { line, problem } => format!("{line}: {problem}"),
                    Odd::User(_) => "user".to_owned(),
                },
                digits => digits.to_string(),
            }));
            Ok(true)
        },
    );
    match read {
        Ok(_) => Ok(rows),
        Err(Unfit::File(why)) => Err(why),
        Err(Unfit::Disk(error)) => panic!("{error}"),
    }
}

#[test]
fn one_column_is_read_whatever_it_holds() {
    let bytes = made();
    assert_eq!(
        rows(&bytes, None).unwrap(),
        [
            "15551230001",
            "2: the row names nobody",
            "15551230001",
            "4: the row names nobody"
        ]
    );
    assert_eq!(
        rows(&bytes, Some("mobile_no")).unwrap(),
        ["15551230002", "49171123456", "15551230003", "49171123456"]
    );
    let read = rows(&bytes, Some("home")).unwrap();
    assert_eq!(read[0], "15551230004");
    assert!(read[1].starts_with("2: "), "{read:?}");
}

#[test]
fn a_broken_file_is_said_so() {
    let bytes = made();
    assert!(
        rows(&bytes, Some("Handy"))
            .unwrap_err()
            .contains("no column `Handy`; its columns are: name, phone")
    );
    for cut in [5, bytes.len() / 2, bytes.len() - 1] {
        let why = rows(&bytes[..cut], None).unwrap_err();
        assert!(why.contains("the Parquet file cannot be read"), "{why}");
    }
}
