//! `greenline keys`: Greenline's own keys, which sign links and the log. Secrets never print.

use clap::{Subcommand, ValueEnum};
use greenline_gateway::clock::Clock;
use greenline_gateway::keyring::{self, Key, KeysError, Purpose};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::access::{Access, path_of};
use crate::failure::{Exit, Failure};
use crate::output::{self, Json, table};
use crate::settings::Settings;

/// Greenline's own keys.
#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Lists the keys by id, use and date; the newest of a use is the one in use.
    Show {
        #[command(flatten)]
        json: Json,
    },
    /// Makes the file of keys. With Postgres do this once, and bring the same file to every node.
    Create {
        #[command(flatten)]
        json: Json,
    },
    /// Puts a new key in use. What older ones signed stays good; a running server sees it by itself.
    Rotate {
        /// What the key is for.
        #[arg(value_name = "USE")]
        purpose: Use,
        #[command(flatten)]
        json: Json,
    },
    /// Takes an older key away for good: every link it signed is dead, and every hash it made is blind.
    Retire {
        /// The key, as `greenline keys show` names it.
        id: String,
        #[command(flatten)]
        json: Json,
    },
}

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Use {
    /// Signs preference links.
    Link,
    /// Signs the log.
    Log,
    /// Hashes what erasure keeps.
    Erasure,
}

impl From<Use> for Purpose {
    fn from(purpose: Use) -> Self {
        match purpose {
            Use::Link => Self::Link,
            Use::Log => Self::Log,
            Use::Erasure => Self::Erasure,
        }
    }
}

impl Keys {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Show { json }
            | Self::Create { json }
            | Self::Rotate { json, .. }
            | Self::Retire { json, .. } => json.json,
        }
    }

    pub(crate) async fn run(self, settings: &Settings) -> Result<Exit, Failure> {
        let json = self.json();
        let keys = keyring::Keys::new(&settings.load()?);
        let now_ms = Clock::system().now_ms();
        let path = keys.path().map_err(failure)?.display().to_string();
        match self {
            Self::Show { .. } => {
                let Some(ring) = keys.look().map_err(failure)? else {
                    return said(
                        json,
                        &json!({ "file": path, "keys": [] }),
                        &format!("There is no `{path}` yet; `greenline serve` makes it.\n"),
                    );
                };
                let rows: Vec<&Key> = ring.iter().collect();
                let value: Vec<Value> = rows.iter().map(|key| shape(key)).collect();
                let text: Vec<Vec<String>> = rows
                    .iter()
                    .map(|key| {
                        let in_use = ring.newest(key.purpose).is_some_and(|new| new.id == key.id);
                        vec![
                            key.id.to_string(),
                            key.purpose.as_str().to_owned(),
                            date(key),
                            (if in_use { "in use" } else { "older" }).to_owned(),
                        ]
                    })
                    .collect();
                said(json, &json!({ "file": path, "keys": value }), &table(&text))
            }
            Self::Create { .. } => {
                let ring = keys.create(now_ms).map_err(failure)?;
                let value: Vec<Value> = ring.iter().map(shape).collect();
                said(
                    json,
                    &json!({ "file": path, "keys": value }),
                    &format!(
                        "Made `{path}`. Keep it as you keep passwords, apart from the store's backups.\n"
                    ),
                )
            }
            Self::Rotate { purpose, .. } => {
                let id = keys.rotate(purpose.into(), now_ms).map_err(failure)?;
                said(
                    json,
                    &json!({ "file": path, "id": id }),
                    &format!("{id} is in use now; older keys still hold.\n"),
                )
            }
            Self::Retire { id, .. } => {
                keys.check_retirable(&id).map_err(failure)?;
                refuse_if_needed(settings, &id).await?;
                keys.retire(&id).map_err(failure)?;
                said(
                    json,
                    &json!({ "file": path, "retired": id }),
                    &format!("{id} is gone; what it signed holds no more.\n"),
                )
            }
        }
    }
}

/// A key that an erasure hashed with is all that finds the noes it kept: without it, whoever was erased could be
/// written to again. What is in the store says whether there are such.
async fn refuse_if_needed(settings: &Settings, id: &str) -> Result<(), Failure> {
    if !id.starts_with(Purpose::Erasure.as_str()) {
        return Ok(());
    }
    let access = Access::open(settings, "keys retire").await?;
    let reply = access.get(&path_of(&["v1", "keys", id], &[])).await;
    access.close().await;
    let key = reply?.done()?;
    if key["needed_by_erasures"] == false {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "`{id}` is still needed: noes of people who were erased can be found only with it"
    ))
    .help("Keep it. `greenline keys rotate erasure` puts a new key in use for later erasures beside it."))
}

fn date(key: &Key) -> String {
    Timestamp::from_millisecond(key.made_ms).map_or_else(|_| String::new(), |at| at.to_string())
}

fn shape(key: &Key) -> Value {
    json!({ "id": key.id, "use": key.purpose.as_str(), "made": date(key) })
}

fn said(as_json: bool, value: &Value, text: &str) -> Result<Exit, Failure> {
    if as_json {
        output::print_json(value)?;
    } else {
        output::print(text)?;
    }
    Ok(Exit::Yes)
}

fn failure(error: KeysError) -> Failure {
    match error {
        KeysError::File { .. } | KeysError::NoChance | KeysError::Unreadable { .. } => {
            Failure::unavailable("the keys cannot be used").because(error)
        }
        _ => Failure::input("the keys cannot be used").because(error),
    }
}
