//! Reading and layering of the configuration.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Config, DEFAULTS};

/// Prefix of environment variables that are laid over the file.
const ENV_PREFIX: &str = "GREENLINE__";

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or a value of the wrong kind.
    #[error("{origin}: {message}")]
    Invalid {
        /// Which layer.
        origin: String,
        /// What is wrong, with the setting's path.
        message: String,
    },
}

fn invalid(origin: impl Into<String>, message: impl std::fmt::Display) -> ConfigError {
    ConfigError::Invalid {
        origin: origin.into(),
        message: message.to_string().trim().to_owned(),
    }
}

/// Loads defaults, the file (if any) and the environment's variables.
///
/// # Errors
/// [`ConfigError`] says which file or setting is wrong.
pub fn load(
    file: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let (text, origin) = match file {
        None => (String::new(), "defaults".to_owned()),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: path.to_owned(),
                source,
            })?;
            (text, path.display().to_string())
        }
    };
    let folder = file.and_then(Path::parent).unwrap_or(Path::new("."));
    parse(&text, &origin, folder, env)
}

/// Loads from text; relative `*_file` paths are looked up in `folder`.
///
/// # Errors
/// [`ConfigError`] says which setting is wrong.
pub fn parse(
    text: &str,
    origin: &str,
    folder: &Path,
    env: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut all: Table = DEFAULTS
        .parse()
        .map_err(|error| invalid("defaults", error))?;
    let own: Table = text
        .parse()
        .map_err(|error: toml::de::Error| invalid(origin, place_of(text, &error)))?;
    let url_in_file = store_url(&own).map(str::to_owned);
    let mut own = Value::Table(own);
    read_secret_files(&mut own, origin, folder)?;
    if let Value::Table(own) = own {
        lay_over(&mut all, own);
    }
    for (name, value) in env {
        if let Some(path) = name.strip_prefix(ENV_PREFIX) {
            let mut path: Vec<String> = path.split("__").map(str::to_lowercase).collect();
            let value = match path.last_mut().and_then(|last| {
                let secret = last.strip_suffix("_file")?.to_owned();
                Some((last, secret))
            }) {
                None => value,
                Some((last, secret)) => {
                    *last = secret;
                    read_secret_file(&folder.join(value))?
                }
            };
            set(&mut all, &path, value).map_err(|message| invalid(&name, message))?;
        }
    }
    let mut config: Config = Value::Table(all)
        .try_into()
        .map_err(|error: toml::de::Error| invalid(origin, without_values(&error.to_string())))?;
    config.store.url.in_file = url_in_file.as_deref() == Some(config.store.url.reveal());
    Ok(config)
}

/// What is wrong with a text and where; the text itself may hold a secret.
fn place_of(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    match before {
        Some(before) => format!(
            "line {}: {}",
            before.matches('\n').count() + 1,
            error.message()
        ),
        None => error.message().to_owned(),
    }
}

/// A message without the text it quotes, which may be a secret in the wrong place.
fn without_values(message: &str) -> String {
    match message.split_once("string \"") {
        Some((before, quoted)) => {
            let after = quoted.rsplit_once('"').map_or("", |(_, after)| after);
            format!("{before}a text{after}")
        }
        None => message.to_owned(),
    }
}

fn store_url(table: &Table) -> Option<&str> {
    table.get("store")?.get("url")?.as_str()
}

/// Tables merge; anything else replaces.
fn lay_over(below: &mut Table, above: Table) {
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                below.insert(name, value);
            }
        }
    }
}

fn set(table: &mut Table, path: &[String], text: String) -> Result<(), String> {
    let (last, parents) = path.split_last().ok_or("no setting named")?;
    let mut here = table;
    let mut parents = parents.iter().peekable();
    while let Some(name) = parents.next() {
        let next = here
            .entry(name.clone())
            .or_insert_with(|| Value::Table(Table::new()));
        here = match next {
            Value::Table(table) => table,
            Value::Array(list) => {
                let at: usize = parents
                    .next()
                    .and_then(|index| index.parse().ok())
                    .ok_or_else(|| {
                        format!("`{name}` is a list: name the place, such as {name}__0__…")
                    })?;
                match list.get_mut(at) {
                    Some(Value::Table(table)) => table,
                    _ => return Err(format!("`{name}` has no entry {at}")),
                }
            }
            _ => return Err(format!("`{name}` is not a section")),
        };
    }
    let value = match here.get(last) {
        Some(Value::Integer(_)) => text
            .parse()
            .map(Value::Integer)
            .map_err(|_| format!("`{last}` must be a number"))?,
        Some(Value::Boolean(_)) => text
            .parse()
            .map(Value::Boolean)
            .map_err(|_| format!("`{last}` must be true or false"))?,
        Some(Value::Array(_)) => Value::Array(
            text.split(',')
                .map(|item| Value::String(item.trim().to_owned()))
                .collect(),
        ),
        _ => match text.as_str() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            _ => Value::String(text),
        },
    };
    here.insert(last.clone(), value);
    Ok(())
}

fn read_secret_file(path: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(text.trim().to_owned())
}

/// Replaces `name_file = "path"` by `name = <the file's text, trimmed>`.
fn read_secret_files(value: &mut Value, origin: &str, folder: &Path) -> Result<(), ConfigError> {
    match value {
        Value::Array(list) => list
            .iter_mut()
            .try_for_each(|item| read_secret_files(item, origin, folder)),
        Value::Table(table) => {
            let files: Vec<(String, String)> = table
                .iter()
                .filter_map(|(name, value)| {
                    Some((
                        name.strip_suffix("_file")?.to_owned(),
                        value.as_str()?.to_owned(),
                    ))
                })
                .collect();
            for (name, file) in files {
                if table.contains_key(&name) {
                    let message =
                        format!("both `{name}` and `{name}_file` are there; leave one out");
                    return Err(invalid(origin, message));
                }
                table.remove(&format!("{name}_file"));
                table.insert(name, Value::String(read_secret_file(&folder.join(&file))?));
            }
            table
                .iter_mut()
                .try_for_each(|(_, value)| read_secret_files(value, origin, folder))
        }
        _ => Ok(()),
    }
}
