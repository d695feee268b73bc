//! A leaf: one record, as a list of fields, each committed to on its own.
//!
//! A leaf holds no values, only commitments, and each commitment has a salt of its own: so one field can
//! be shown without the others, and once value and salt are deleted nobody can find the value again, not
//! even by trying all phone numbers, while the commitment and all proofs over it stay as they are.
//!
//! Salts are derived from one seed a leaf, which is all that is kept until the first field is erased; a
//! salt tells nothing of the seed or of the other salts. A field without a value is not in the leaf, so
//! that later releases can know more fields than those that sealed a record.

use std::fmt;

use crate::hash::{Hash, LEAF, hex, unhex};

const SALT_TAG: &[u8] = b"greenline salt 1\n";
const FIELD_TAG: &[u8] = b"greenline field 1\n";
const LEAF_TAG: &[u8] = b"greenline leaf 1\n";

/// How the explicit list of salts begins where it is stored.
const LIST_VERSION: u8 = 1;
/// How it begins where nothing can be opened any more.
const PRUNED_VERSION: u8 = 2;
/// How the seed of a leaf in parts begins.
const PARTS_VERSION: u8 = 3;
const IS_SALT: u8 = 0;
const IS_COMMITMENT: u8 = 1;

/// A field of a record: its name, and its value as text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name.
    pub name: Box<str>,
    /// Its value; never empty in a leaf.
    pub value: Box<str>,
}

/// What a leaf's salts come from: 16 random bytes, kept as long as nothing of the record is erased.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 16]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl Seed {
    /// The salt of a field.
    #[must_use]
    pub fn salt(&self, name: &str) -> Salt {
        let Hash(digest) = Hash::of(&[SALT_TAG, &self.0, name.as_bytes()]);
        let mut salt = [0; 16];
        for (byte, from) in salt.iter_mut().zip(digest) {
            *byte = from;
        }
        Salt(salt)
    }
}

/// What keeps a value from being guessed from its commitment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

impl Salt {
    /// In hexadecimal.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// Reads [`Self::to_hex`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// What is left of a field: the salt that opens it, or only what was committed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// Its value can be shown.
    Salt(Salt),
    /// Its value and salt are gone.
    Erased(Hash),
}

/// Why the fields at hand do not make the leaf.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadLeaf {
    /// The leaf has a field that the record has not.
    #[error("the field `{0}` is gone")]
    Gone(Box<str>),
    /// The record has a field that the leaf has not.
    #[error("the field `{0}` was added")]
    Added(Box<str>),
    /// Stored salts do not read.
    #[error("the salts do not read")]
    Unreadable,
    /// The record's days were over, and its salts went with it.
    #[error("it was pruned by retention")]
    Pruned,
}

/// The salts of a leaf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Salts {
    /// All of them.
    Seed(Seed),
    /// All of them too; the record was sealed in few parts instead of field by field.
    Parts(Seed),
    /// One by one, in the leaf's order, since something was erased.
    Each(Vec<(Box<str>, Opening)>),
    /// None: the record's days were over at this time, Unix milliseconds, and it was deleted. The leaf's hash stays.
    Pruned(i64),
}

fn value_of<'f>(fields: &'f [Field], name: &str) -> Option<&'f str> {
    let field = fields.iter().find(|field| *field.name == *name)?;
    Some(&field.value)
}

impl Salts {
    /// What the leaf commits to, in its order, given the record's fields.
    ///
    /// # Errors
    /// When the record has other fields than the leaf.
    pub fn commitments(&self, fields: &[Field]) -> Result<Vec<(Box<str>, Hash)>, BadLeaf> {
        let opened = self.openings(fields)?;
        let commitments = opened.into_iter().map(|(name, opening)| {
            let commitment = match opening {
                Opening::Salt(salt) => {
                    let value = value_of(fields, &name).unwrap_or_default();
                    commit(salt, &name, value)
                }
                Opening::Erased(commitment) => commitment,
            };
            (name, commitment)
        });
        Ok(commitments.collect())
    }

    /// How each field of the leaf is opened, given the record's fields.
    ///
    /// # Errors
    /// When the record has other fields than the leaf.
    pub fn openings(&self, fields: &[Field]) -> Result<Vec<(Box<str>, Opening)>, BadLeaf> {
        let each = match self {
            Self::Seed(seed) | Self::Parts(seed) => {
                let opened = fields.iter().map(|field| {
                    let salt = seed.salt(&field.name);
                    (field.name.clone(), Opening::Salt(salt))
                });
                return Ok(opened.collect());
            }
            Self::Each(each) => each,
            Self::Pruned(_) => return Err(BadLeaf::Pruned),
        };
        for (name, opening) in each {
            if matches!(opening, Opening::Salt(_)) && value_of(fields, name).is_none() {
                return Err(BadLeaf::Gone(name.clone()));
            }
        }
        let is_open = |field: &&Field| {
            each.iter()
                .any(|(name, opening)| *name == field.name && matches!(opening, Opening::Salt(_)))
        };
        if let Some(added) = fields.iter().find(|field| !is_open(field)) {
            return Err(BadLeaf::Added(added.name.clone()));
        }
        Ok(each.clone())
    }

    /// These salts without those of the fields that `forget` names: what is to be stored once their
    /// values are deleted.
    ///
    /// # Errors
    /// When the record has other fields than the leaf.
    pub fn without(
        &self,
        fields: &[Field],
        forget: impl Fn(&str) -> bool,
    ) -> Result<Self, BadLeaf> {
        let mut each = self.openings(fields)?;
        for ((name, opening), (_, commitment)) in each.iter_mut().zip(self.commitments(fields)?) {
            if forget(name) {
                *opening = Opening::Erased(commitment);
            }
        }
        Ok(Self::Each(each))
    }

    /// As they are stored: the seed's 16 bytes, with a mark before it for parts, or the list, or when they went.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let each = match self {
            Self::Seed(seed) => return seed.0.to_vec(),
            Self::Parts(seed) => {
                let mut bytes = vec![PARTS_VERSION];
                bytes.extend_from_slice(&seed.0);
                return bytes;
            }
            Self::Each(each) => each,
            Self::Pruned(at_ms) => {
                let mut bytes = vec![PRUNED_VERSION];
                bytes.extend_from_slice(&at_ms.to_be_bytes());
                return bytes;
            }
        };
        let mut bytes = vec![LIST_VERSION];
        for (name, opening) in each {
            let (kind, rest): (u8, &[u8]) = match opening {
                Opening::Salt(salt) => (IS_SALT, &salt.0),
                Opening::Erased(commitment) => (IS_COMMITMENT, &commitment.0),
            };
            bytes.push(kind);
            push_text(&mut bytes, name);
            bytes.extend_from_slice(rest);
        }
        bytes
    }

    /// Reads [`Self::to_bytes`].
    ///
    /// # Errors
    /// `Unreadable`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadLeaf> {
        if let Ok(seed) = bytes.try_into() {
            return Ok(Self::Seed(Seed(seed)));
        }
        if let Some((&PARTS_VERSION, seed)) = bytes.split_first() {
            let seed = seed.try_into().map_err(|_| BadLeaf::Unreadable)?;
            return Ok(Self::Parts(Seed(seed)));
        }
        if let Some((&PRUNED_VERSION, at_ms)) = bytes.split_first() {
            let at_ms = at_ms.try_into().map_err(|_| BadLeaf::Unreadable)?;
            return Ok(Self::Pruned(i64::from_be_bytes(at_ms)));
        }
        read_list(bytes).map(Self::Each).ok_or(BadLeaf::Unreadable)
    }
}

fn read_list(bytes: &[u8]) -> Option<Vec<(Box<str>, Opening)>> {
    let (version, mut rest) = bytes.split_first()?;
    if *version != LIST_VERSION {
        return None;
    }
    let mut each = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (name, after) = after.split_at_checked(length)?;
        let name = std::str::from_utf8(name).ok()?;
        let (opening, after) = match *kind {
            IS_SALT => {
                let (salt, after) = after.split_first_chunk::<16>()?;
                (Opening::Salt(Salt(*salt)), after)
            }
            IS_COMMITMENT => {
                let (commitment, after) = after.split_first_chunk::<32>()?;
                (Opening::Erased(Hash(*commitment)), after)
            }
            _ => return None,
        };
        each.push((name.into(), opening));
        rest = after;
    }
    Some(each)
}

fn length(text: &[u8]) -> [u8; 4] {
    u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// A text after its length, so that no two lists of texts run into the same bytes.
fn push_text(into: &mut Vec<u8>, text: &str) {
    into.extend_from_slice(&length(text.as_bytes()));
    into.extend_from_slice(text.as_bytes());
}

/// What a leaf says of a field.
#[must_use]
pub fn commit(salt: Salt, name: &str, value: &str) -> Hash {
    let (name, value) = (name.as_bytes(), value.as_bytes());
    Hash::of(&[FIELD_TAG, &salt.0, &length(name), name, value])
}

/// The bytes of a leaf: what kind of record, then each name with its commitment.
#[must_use]
pub fn leaf_bytes(kind: &str, commitments: &[(Box<str>, Hash)]) -> Vec<u8> {
    let mut bytes = LEAF_TAG.to_vec();
    push_text(&mut bytes, kind);
    for (name, commitment) in commitments {
        push_text(&mut bytes, name);
        bytes.extend_from_slice(&commitment.0);
    }
    bytes
}

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(kind: &str, commitments: &[(Box<str>, Hash)]) -> Hash {
    Hash::leaf(&leaf_bytes(kind, commitments))
}

/// The hash of a leaf over these fields with salts from this seed: what [`leaf_hash`] gives for the commitments
/// of [`Salts::Seed`], with nothing built in between.
#[must_use]
pub fn sealed_hash(kind: &str, seed: Seed, fields: &[Field]) -> Hash {
    Hash::by(|feed| {
        feed(&[LEAF]);
        feed(LEAF_TAG);
        feed(&length(kind.as_bytes()));
        feed(kind.as_bytes());
        for Field { name, value } in fields {
            feed(&length(name.as_bytes()));
            feed(name.as_bytes());
            feed(&commit(seed.salt(name), name, value).0);
        }
    })
}
