//! What is said of everything that can stand in a number's way: a sentence to send on, how sure it is, what it rests on.
//!
//! Whether a cause holds, and what it closes, is decided in [`greenline_policy::health`]; here are only its words.

use greenline_policy::health::{Cause, What};
use greenline_policy::law::Confidence;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// What is said of a cause about some capabilities.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// About what.
    #[serde(deserialize_with = "whats")]
    pub what: Vec<What>,
    /// How sure that is.
    #[serde(deserialize_with = "super::confidence")]
    pub confidence: Confidence,
    /// Ids of the facts it rests on.
    pub sources: Vec<String>,
}

/// A cause in words.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CauseCard {
    /// Its stable name.
    pub id: String,
    /// Its name in a few words.
    pub title: String,
    /// One sentence that can be sent to whoever asks.
    pub say: String,
    /// How it ends; empty where nothing has to.
    pub ends: String,
    /// What nobody knows about it.
    #[serde(default)]
    pub unknown: Option<String>,
    /// How silence that is no enforcement is told apart.
    #[serde(default)]
    pub tell: Option<String>,
    /// The slug of the article about it.
    pub article: String,
    /// What it says, capability by capability.
    pub cells: Vec<Said>,
}

impl CauseCard {
    /// What it says of one capability.
    #[must_use]
    pub fn about(&self, what: What) -> Option<&Said> {
        self.cells.iter().find(|said| said.what.contains(&what))
    }

    /// [`Self::say`] with its end put in, a moment such as `18 Sep 2026, 07:00 UTC`; where none is known, it says so.
    #[must_use]
    pub fn say_until(&self, end: Option<&str>) -> String {
        let (time, day) = match end {
            Some(end) => {
                let day = end.split_once(',').map_or(end, |(day, _)| day);
                (format!("until {end}"), format!("on {day}"))
            }
            None => (
                "for a time that it did not name".to_owned(),
                "on a day that it did not name".to_owned(),
            ),
        };
        let said = self.say.replace("until the time given", &time);
        said.replace("on the day given", &day)
    }

    /// [`Self::ends`], which is not "at the time given" where none was.
    #[must_use]
    pub fn ends_at(&self, end: Option<&str>) -> String {
        let is_dated = self.ends.starts_with("At the time given");
        match end {
            None if is_dated && self.id.starts_with("restriction.") => {
                "Meta named no end: it lasts until Meta takes it back or reinstates the account."
                    .to_owned()
            }
            _ => self.ends.clone(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Causes {
    pub(crate) cause: Vec<CauseCard>,
}

/// Names of capabilities; `start` stands for every kind of template.
fn whats<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<What>, D::Error> {
    let mut whats = Vec::new();
    for name in Vec::<String>::deserialize(from)? {
        match What::parse(&name) {
            Some(what) => whats.push(what),
            None if name == "start" => {
                whats.extend(What::ALL.into_iter().filter(|what| what.starts()));
            }
            None => return Err(D::Error::custom("a capability of no known name")),
        }
    }
    Ok(whats)
}

impl super::Guide {
    /// A cause in words.
    #[must_use]
    pub fn cause(&self, cause: Cause) -> Option<&CauseCard> {
        self.causes.get(cause.id())
    }

    /// Every cause in words.
    pub fn causes(&self) -> impl Iterator<Item = &CauseCard> {
        self.causes.values()
    }
}
