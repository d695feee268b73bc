//! Heads: what a log looked like at a moment, signed, so that it can be held against what it says later.

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::hash::{Hash, hex, unhex};

const HEAD_TAG: &[u8] = b"greenline head 1\n";
const KEY_TAG: &[u8] = b"greenline key 1\n";

/// A log at a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// Whose log: the business's id.
    pub business: Box<str>,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// When that was, Unix milliseconds.
    pub at_ms: i64,
}

impl Head {
    /// The bytes that are signed.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = HEAD_TAG.to_vec();
        let length = u32::try_from(self.business.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(self.business.as_bytes());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        bytes.extend_from_slice(&self.root.0);
        bytes.extend_from_slice(&self.at_ms.to_be_bytes());
        bytes
    }
}

/// A head with its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedHead {
    /// What is signed.
    pub head: Head,
    /// By which key.
    pub key: KeyId,
    /// Ed25519, over [`Head::signed_bytes`].
    pub signature: [u8; 64],
}

impl SignedHead {
    /// Whether `key` is the key named, and signed this.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.id() == self.key && key.signed(&self.head.signed_bytes(), &self.signature)
    }
}

/// Names a key: the hash of its public half.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 32]);

impl KeyId {
    /// Reads what is displayed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The public half of a key that signs heads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(Hash::of(&[KEY_TAG, &self.0]).0)
    }

    /// Reads what is displayed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }

    /// Whether the key signed these bytes.
    pub(crate) fn signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        key.verify(bytes, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key that cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no Ed25519 key")]
pub struct BadKey;

/// A key that signs heads.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key that grows from 32 secret random bytes.
    ///
    /// # Errors
    /// [`BadKey`], when it cannot be used.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, BadKey> {
        Ed25519KeyPair::from_seed_unchecked(seed)
            .map(Self)
            .map_err(|_| BadKey)
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let bytes = self.0.public_key().as_ref().try_into();
        // Invariant: an Ed25519 public key has 32 bytes.
        PublicKey(bytes.unwrap_or_default())
    }

    /// Signs a head.
    #[must_use]
    pub fn sign(&self, head: Head) -> SignedHead {
        let signature = self.sign_bytes(&head.signed_bytes());
        SignedHead {
            key: self.public().id(),
            head,
            signature,
        }
    }

    /// Signs bytes that begin with a mark of what they are.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        // Invariant: an Ed25519 signature has 64 bytes.
        self.0.sign(bytes).as_ref().try_into().unwrap_or([0; 64])
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}
