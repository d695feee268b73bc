//! A bundle: what the log holds of one person, with all it takes to check it offline.
//!
//! It is one JSON document. Every member of it is proved or part of the proof; there is nothing in it
//! that could be changed without being found, so there is no date of making, no note and no comment.

pub(crate) mod verify;

use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::head::{Head, KeyId, PublicKey, SignedHead};
use crate::leaf::{Field, Opening, Salt};

/// The format written and read.
pub const BUNDLE_FORMAT: &str = "greenline-proof/1";

/// A field of a bundle's entry: its value with the salt, or what is left of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleField {
    /// Its name.
    pub name: String,
    /// Its value; with `salt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Opens the commitment; with `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// What was committed to; stands alone where value and salt were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<String>,
}

impl BundleField {
    /// The field, opened as far as it can be.
    #[must_use]
    pub fn new(name: &str, opening: Opening, fields: &[Field]) -> Self {
        let name = name.to_owned();
        match opening {
            Opening::Salt(salt) => {
                let found = fields.iter().find(|field| *field.name == *name);
                Self {
                    value: Some(found.map_or_else(String::new, |field| field.value.to_string())),
                    name,
                    salt: Some(salt.to_hex()),
                    commitment: None,
                }
            }
            Opening::Erased(commitment) => Self {
                name,
                value: None,
                salt: None,
                commitment: Some(commitment.to_string()),
            },
        }
    }

    fn opening(&self) -> Option<Result<(Salt, &str), Hash>> {
        match (&self.value, &self.salt, &self.commitment) {
            (Some(value), Some(salt), None) => Some(Ok((Salt::parse(salt)?, value))),
            (None, None, Some(commitment)) => Some(Err(Hash::parse(commitment)?)),
            _ => None,
        }
    }
}

/// A record that the log holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleEntry {
    /// `event` or `decision`.
    pub kind: String,
    /// Its place in the log, from 0.
    pub index: u64,
    /// Its fields, in the leaf's order.
    pub fields: Vec<BundleField>,
    /// The inclusion proof, lowest sibling first.
    pub proof: Vec<String>,
}

/// A head as it is published and stands in bundles.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedHead {
    /// Whose log.
    pub business: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them.
    pub root: String,
    /// When that was, Unix milliseconds.
    pub at_ms: i64,
    /// Names the key that signed it.
    pub key_id: String,
    /// The key's public half.
    pub public_key: String,
    /// Over size, root and time.
    pub signature: String,
}

impl PublishedHead {
    /// A head with the key to check it.
    #[must_use]
    pub fn new(signed: &SignedHead, key: &PublicKey) -> Self {
        Self {
            business: signed.head.business.to_string(),
            size: signed.head.size,
            root: signed.head.root.to_string(),
            at_ms: signed.head.at_ms,
            key_id: signed.key.to_string(),
            public_key: key.to_string(),
            signature: crate::hash::hex(&signed.signature),
        }
    }

    /// The head with its key; `None` when a member has no known form. Says nothing of the signature.
    #[must_use]
    pub fn parsed(&self) -> Option<(SignedHead, PublicKey)> {
        let head = Head {
            business: self.business.as_str().into(),
            size: self.size,
            root: Hash::parse(&self.root)?,
            at_ms: self.at_ms,
        };
        let signed = SignedHead {
            head,
            key: KeyId::parse(&self.key_id)?,
            signature: crate::hash::unhex(&self.signature)?,
        };
        Some((signed, PublicKey::parse(&self.public_key)?))
    }
}

/// That the log had a root before, and only grew since.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// How many leaves it had.
    pub size: u64,
    /// The root over them.
    pub root: String,
    /// The consistency proof.
    pub proof: Vec<String>,
}

/// The whole document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`BUNDLE_FORMAT`].
    pub format: String,
    /// The log as it was when the bundle was made.
    pub head: PublishedHead,
    /// That it grew from these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
    /// The records, by place in the log.
    pub entries: Vec<BundleEntry>,
}

/// A document that is no bundle at all.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadBundle {
    /// It does not read.
    #[error("this is not a proof bundle: {0}")]
    Unreadable(String),
    /// It is of another format.
    #[error("the format `{0}` is not known here; this release reads `{BUNDLE_FORMAT}`")]
    Format(String),
}

impl Bundle {
    /// As it is written.
    ///
    /// # Errors
    /// When a value has no form in JSON, which no bundle has.
    pub fn to_json(&self) -> Result<String, BadBundle> {
        serde_json::to_string(self).map_err(|error| BadBundle::Unreadable(error.to_string()))
    }

    /// Reads [`Self::to_json`]. Says nothing of what it proves.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BadBundle> {
        let bundle: Self = serde_json::from_slice(bytes)
            .map_err(|error| BadBundle::Unreadable(error.to_string()))?;
        if bundle.format == BUNDLE_FORMAT {
            Ok(bundle)
        } else {
            Err(BadBundle::Format(bundle.format))
        }
    }
}

/// Reads heads: one JSON object, or one on each line, as they are published.
///
/// # Errors
/// What is wrong with the first that does not read.
pub fn read_heads(text: &str) -> Result<Vec<PublishedHead>, BadBundle> {
    let stream = serde_json::Deserializer::from_str(text).into_iter::<PublishedHead>();
    stream
        .map(|head| head.map_err(|error| BadBundle::Unreadable(error.to_string())))
        .collect()
}
