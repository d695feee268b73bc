//! Lists in Parquet: the one column that names people is read, the others are not touched.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

use crate::imports::source::Unfit;

use super::list::{Form, Lister, pick};

/// How such a file begins.
pub(crate) const MAGIC: &[u8] = b"PAR1";

fn unfit(error: &ParquetError) -> Unfit {
    Unfit::File(format!("the Parquet file cannot be read: {error}"))
}

/// Hands all rows to the lister; answers with the column that names people.
pub(crate) fn read(
    path: &Path,
    form: &Form,
    progress: &AtomicU64,
    lister: &mut Lister<'_>,
) -> Result<Option<String>, Unfit> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let reader = SerializedFileReader::new(file).map_err(|error| unfit(&error))?;
    let about = reader.metadata().file_metadata();
    let whole = u64::try_from(about.num_rows()).unwrap_or(0).max(1);
    let schema = about.schema();
    let names: Vec<String> = schema
        .get_fields()
        .iter()
        .map(|field| field.name().to_owned())
        .collect();
    let picks = pick(&names, form.column.as_deref()).map_err(Unfit::File)?;
    // Of several columns that could be meant the first counts; a file of columns has no cheap second look.
    let at = picks.first().copied().unwrap_or_default();
    let field = schema
        .get_fields()
        .get(at)
        .filter(|field| field.is_primitive())
        .ok_or_else(|| Unfit::File(format!("the column `{}` holds no single values", names[at])))?;
    let projection = Type::group_type_builder(schema.name())
        .with_fields(vec![field.clone()])
        .build()
        .map_err(|error| unfit(&error))?;
    let rows = reader
        .get_row_iter(Some(projection))
        .map_err(|error| unfit(&error))?;
    for row in rows {
        let row = row.map_err(|error| unfit(&error))?;
        let text = row
            .get_column_iter()
            .next()
            .map(|(_, field)| text(field))
            .unwrap_or_default();
        let number = lister.rows() + 1;
        progress.store(bytes * number / whole, Ordering::Relaxed);
        if !lister.given(number, text.trim().as_bytes())? {
            break;
        }
    }
    Ok(names.get(at).cloned())
}

/// What a cell holds, as text; a number that is whole without a fraction.
fn text(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        Field::Byte(number) => number.to_string(),
        Field::Short(number) => number.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Long(number) => number.to_string(),
        Field::UByte(number) => number.to_string(),
        Field::UShort(number) => number.to_string(),
        Field::UInt(number) => number.to_string(),
        Field::ULong(number) => number.to_string(),
        // As spreadsheets keep numbers; fifteen digits are exact.
        Field::Double(number) => format!("{number}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
