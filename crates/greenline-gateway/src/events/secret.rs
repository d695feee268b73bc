//! What signs events: secrets after Standard Webhooks, `whsec_` and base64.
//!
//! The secret of a subscription made through the API is kept nowhere. It is made anew from one of Greenline's own
//! keys and a number of the subscription's, so that a copy of the store alone cannot sign anything, and so that
//! what was shown once is not shown again. Retiring that key ends what was made of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::config::Secret;
use crate::keyring::{Keyring, Purpose};

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes that a secret may have, after the specification.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// From what a secret is made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SecretRef {
    /// The id of the key.
    pub key: String,
    /// Makes it one of its own.
    pub nonce: String,
    /// When it no longer signs, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
}

/// Bytes that sign.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Signing {
    bytes: Vec<u8>,
    until_ms: Option<i64>,
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Signing {
    /// As the operator's file has it.
    pub(super) fn of(secret: &Secret) -> Result<Self, &'static str> {
        Ok(Self {
            bytes: read(secret.reveal())?,
            until_ms: None,
        })
    }

    /// Made anew; `None` when its key was retired.
    pub(super) fn made(ring: &Keyring, of: (&str, &str), secret: &SecretRef) -> Option<Self> {
        Some(Self {
            bytes: make(ring, of, secret)?.to_vec(),
            until_ms: secret.until_ms,
        })
    }
}

/// HMAC-SHA256 with a key of any length.
fn mac(key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().into())
}

fn make(
    ring: &Keyring,
    (business, subscription): (&str, &str),
    secret: &SecretRef,
) -> Option<[u8; 32]> {
    let key = ring.find(Purpose::Link, &secret.key)?;
    let what = format!(
        "greenline subscription\u{0}{business}\u{0}{subscription}\u{0}{}",
        secret.nonce
    );
    mac(key.reveal(), &[what.as_bytes()])
}

/// A secret as it is shown; `None` when its key is not there.
#[must_use]
pub fn show(ring: &Keyring, of: (&str, &str), secret: &SecretRef) -> Option<String> {
    Some(format!(
        "{PREFIX}{}",
        STANDARD.encode(make(ring, of, secret)?)
    ))
}

/// Reads a secret of the operator's file.
pub(crate) fn read(text: &str) -> Result<Vec<u8>, &'static str> {
    const WANTED: &str = "must be `whsec_` followed by 24 to 64 bytes in base64";
    let bytes = text.strip_prefix(PREFIX).ok_or(WANTED)?;
    let bytes = STANDARD.decode(bytes).map_err(|_| WANTED)?;
    if BYTES.contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(WANTED)
    }
}

/// The value of `webhook-signature`: one signature for each secret that counts now.
pub(super) fn sign(secrets: &[Signing], id: &str, at_s: i64, body: &[u8]) -> String {
    let head = format!("{id}.{at_s}.");
    let counts = |secret: &&Signing| secret.until_ms.is_none_or(|until| at_s * 1_000 < until);
    let signatures = secrets.iter().filter(counts).filter_map(|secret| {
        let mac = mac(&secret.bytes, &[head.as_bytes(), body])?;
        Some(format!("v1,{}", STANDARD.encode(mac)))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's own libraries are tested with.
    #[test]
    fn the_specifications_example_is_signed_the_same() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let secret = Signing::of(&secret).unwrap();
        let signed = sign(
            &[secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_read_strictly() {
        for text in [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_c2hvcnQ=",
            "whsec_!!",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let long = format!("{PREFIX}{}", STANDARD.encode([7; 65]));
        assert!(read(&long).is_err());
        assert_eq!(
            format!(
                "{:?}",
                Signing::of(&Secret::new(format!(
                    "{PREFIX}{}",
                    STANDARD.encode([7; 24])
                )))
                .unwrap()
            ),
            "(secret)"
        );
    }

    #[test]
    fn a_secret_that_is_over_signs_no_more() {
        let old = Signing {
            bytes: vec![1; 32],
            until_ms: Some(10_000),
        };
        let new = Signing {
            bytes: vec![2; 32],
            until_ms: None,
        };
        let both = sign(&[new.clone(), old.clone()], "msg_1", 9, b"{}");
        assert_eq!(both.split(' ').count(), 2);
        let one = sign(&[new, old], "msg_1", 10, b"{}");
        assert_eq!(one.split(' ').count(), 1);
    }
}
