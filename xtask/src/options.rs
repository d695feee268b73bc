//! What follows a command: options with a value, and flags.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// The options that were given.
pub(crate) struct Options<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Options<'a> {
    /// Reads them; one that is neither among those with a value nor among the flags is an error that lists both.
    pub(crate) fn read(args: &'a [String], values: &[&str], flags: &[&str]) -> Result<Self> {
        let mut given = Vec::new();
        let mut args = args.iter().map(String::as_str);
        while let Some(name) = args.next() {
            if flags.contains(&name) {
                given.push((name, ""));
            } else if values.contains(&name) {
                let value = args.next();
                given.push((
                    name,
                    value.with_context(|| format!("`{name}` needs a value"))?,
                ));
            } else {
                let known = [values, flags].concat().join(", ");
                bail!("unknown option `{name}`; there are {known}");
            }
        }
        Ok(Self(given))
    }

    fn last(&self, name: &str) -> Option<&'a str> {
        let mut given = self.0.iter().rev();
        given
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    /// The value of an option, or what it is without one.
    pub(crate) fn value<T>(&self, name: &str, otherwise: T) -> Result<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(value) = self.last(name) else {
            return Ok(otherwise);
        };
        match value.parse() {
            Ok(value) => Ok(value),
            Err(error) => bail!("`{name} {value}`: {error}"),
        }
    }

    /// The path that an option names.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.last(name).map(PathBuf::from)
    }

    /// Whether a flag was given.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.last(name).is_some()
    }
}
