//! `X-Hub-Signature-256`: HMAC-SHA256 of the raw body with a secret (WH-03).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The header's name.
pub const HEADER: &str = "x-hub-signature-256";

const BLOCK_BYTES: usize = 64;
const PREFIX: &str = "sha256=";

/// The header's value for a body: `sha256=` and 64 lower-case hex digits.
#[must_use]
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    let mut value = String::with_capacity(PREFIX.len() + 64);
    value.push_str(PREFIX);
    for byte in mac(secret, body).finalize().into_bytes() {
        for nibble in [byte >> 4, byte & 15] {
            value.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    value
}

/// Whether a header's value is the signature of the body; takes the same time for every wrong one.
#[must_use]
pub fn verify(secret: &[u8], header: &str, body: &[u8]) -> bool {
    let Some(given) = header.trim().strip_prefix(PREFIX).and_then(unhex) else {
        return false;
    };
    mac(secret, body).verify(&given.into()).is_ok()
}

fn mac(secret: &[u8], body: &[u8]) -> Hmac<Sha256> {
    // A key longer than a block is replaced by its hash, a shorter one padded with
    // zeros: the same key as the algorithm would derive, in a form that cannot fail.
    let mut key = [0u8; BLOCK_BYTES];
    if secret.len() > BLOCK_BYTES {
        let hash = Sha256::digest(secret);
        for (to, from) in key.iter_mut().zip(hash.iter()) {
            *to = *from;
        }
    } else {
        for (to, from) in key.iter_mut().zip(secret) {
            *to = *from;
        }
    }
    let mut mac = Hmac::<Sha256>::new(&key.into());
    mac.update(body);
    mac
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut out = [0u8; 32];
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let mut value = 0;
        for digit in pair {
            value = value * 16 + char::from(*digit).to_digit(16)?;
        }
        *byte = u8::try_from(value).ok()?;
    }
    Some(out)
}
