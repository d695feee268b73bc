//! How a file is to be read, as whoever imports it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::columns::Member;
use super::number::Country;

/// Longest name or value in `map` and `set`.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Entries of `map` and of `set` at most.
const ENTRIES_MAX: usize = 256;

/// The form of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// By its first character: `{` begins JSON lines.
    #[default]
    Auto,
    /// Separated values; the first line names the columns.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// How dates with slashes are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dates {
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

/// Everything said about a file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Reads and compares, records nothing.
    pub dry_run: bool,
    /// Its form.
    pub format: Format,
    /// What stands between values; found out when not said.
    pub delimiter: Option<char>,
    /// Country of numbers that are written without one.
    pub country: Option<String>,
    /// How dates with slashes are meant.
    pub dates: Option<Dates>,
    /// From a column to what it fills.
    pub map: BTreeMap<String, String>,
    /// What rows without a value have.
    pub set: BTreeMap<String, String>,
}

/// What is wrong with them: the option and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadOption {
    /// Which.
    pub option: &'static str,
    /// Why.
    pub why: String,
    /// What there is instead.
    pub allowed: Vec<&'static str>,
}

impl Options {
    /// Checks what can be checked without the file.
    ///
    /// # Errors
    /// The first that does not do.
    pub fn check(&self) -> Result<(), BadOption> {
        let bad = |option, why: &str| BadOption {
            option,
            why: why.to_owned(),
            allowed: Vec::new(),
        };
        if self.delimiter.is_some_and(|mark| {
            !mark.is_ascii() || mark.is_ascii_alphanumeric() || matches!(mark, '"' | '\n' | '\r')
        }) {
            return Err(bad(
                "delimiter",
                "one ASCII character that is no letter, digit, quote or line end",
            ));
        }
        if let Some(country) = &self.country
            && Country::parse(country).is_none()
        {
            return Err(bad(
                "country",
                "two letters of a country after ISO 3166, such as DE",
            ));
        }
        for (option, entries) in [("map", &self.map), ("set", &self.set)] {
            if entries.len() > ENTRIES_MAX {
                return Err(bad(option, "too many entries; 256 at most"));
            }
            let too_long = |text: &String| text.len() > TEXT_BYTES_MAX;
            if entries.iter().any(|(a, b)| too_long(a) || too_long(b)) {
                return Err(bad(option, "an entry is longer than 16384 bytes"));
            }
        }
        let unknown = |option, name: &str| BadOption {
            option,
            why: format!("`{name}` is nothing that a column can fill"),
            allowed: Member::NAMES.to_vec(),
        };
        for member in self.map.values() {
            if Member::parse(member).is_none() {
                return Err(unknown("map", member));
            }
        }
        for member in self.set.keys() {
            if Member::parse(member).is_none_or(Member::is_person) {
                return Err(unknown("set", member));
            }
        }
        Ok(())
    }
}
