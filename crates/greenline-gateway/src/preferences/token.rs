//! The token in a link: which person of which business, sealed.
//!
//! It is 49 characters that go into a path as they are. Inside, encrypted and authenticated (a synthetic IV
//! over HMAC-SHA256): a tag of the business, the ledger's own number of the person, the generation of links
//! that it belongs to, and when it ends. The phone number is not in it, not even encrypted. The business's
//! whole id is under the seal, so a link of one business never opens another's page. Made twice, it is the
//! same token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenline_ledger::types::PersonId;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::sealed::mac;
use crate::keyring::{Key, Keyring, Purpose};

/// The last character; tells this form of token from later ones. A letter, so that whatever makes links of
/// addresses in texts takes the whole of it.
const FORM: char = 'a';
/// Characters of a token.
pub const TOKEN_CHARS: usize = 49;
/// 1 January 2026: ends are counted from there.
const EPOCH_MS: i64 = 1_767_225_600_000;
const MINUTE_MS: i64 = 60_000;
/// The last end that can be named, some 31 years on.
const MINUTES_MAX: i64 = (1 << 24) - 1;
/// Generations that can be told apart.
const GENERATION_MAX: u32 = (1 << 23) - 1;

const TAG_BYTES: usize = 2;
const SEAL_BYTES: usize = 16;
const TEXT_BYTES: usize = 18;

/// What a token says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Whose it is.
    pub person: PersonId,
    /// The spelling of their number that may be a landline is meant.
    pub may_be_landline: bool,
    /// The generation of links.
    pub generation: u32,
    /// When it ends, Unix milliseconds, whole minutes.
    pub expires_ms: Option<i64>,
}

/// The end that a token can name at or after this moment; `None` when there is none.
#[must_use]
pub fn expiry(at_ms: i64) -> Option<i64> {
    let minutes = at_ms.checked_sub(EPOCH_MS)?.checked_add(MINUTE_MS - 1)? / MINUTE_MS;
    (1..=MINUTES_MAX)
        .contains(&minutes)
        .then(|| EPOCH_MS + minutes * MINUTE_MS)
}

struct Keys([u8; 32], [u8; 32]);

impl Keys {
    fn of(key: &Key) -> Self {
        Self(
            mac(key.reveal(), &[b"greenline link seal"]),
            mac(key.reveal(), &[b"greenline link cipher"]),
        )
    }

    fn business_tag(&self, business: &str) -> [u8; 4] {
        let [a, b, c, d, ..] = mac(&self.0, &[b"business", business.as_bytes()]);
        [a, b, c, d]
    }

    fn seal(&self, business: &str, text: &[u8; TEXT_BYTES]) -> [u8; SEAL_BYTES] {
        head(&mac(&self.0, &[b"link", business.as_bytes(), text]))
    }

    fn mask(&self, seal: &[u8; SEAL_BYTES], text: &[u8; TEXT_BYTES]) -> [u8; TEXT_BYTES] {
        let stream = mac(&self.1, &[seal]);
        let mut masked = *text;
        for (byte, mask) in masked.iter_mut().zip(stream) {
            *byte ^= mask;
        }
        masked
    }
}

fn head<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut head = [0; N];
    for (to, from) in head.iter_mut().zip(bytes) {
        *to = *from;
    }
    head
}

/// Tells keys apart without naming them.
fn key_tag(key: &Key) -> [u8; TAG_BYTES] {
    head(&Sha256::digest(key.id.as_bytes()))
}

/// The token of a link; `None` without a key.
#[must_use]
pub fn make(ring: &Keyring, business: &str, link: &Link) -> Option<String> {
    let key = ring.newest(Purpose::Link)?;
    let keys = Keys::of(key);
    let generation = link.generation.min(GENERATION_MAX) << 1 | u32::from(link.may_be_landline);
    let minutes = link
        .expires_ms
        .map_or(0, |expires_ms| (expires_ms - EPOCH_MS) / MINUTE_MS)
        .clamp(0, MINUTES_MAX);
    let mut text = Vec::with_capacity(TEXT_BYTES);
    text.extend(keys.business_tag(business));
    text.extend(link.person.0.to_be_bytes());
    text.extend(generation.to_be_bytes().into_iter().skip(1));
    text.extend(minutes.to_be_bytes().into_iter().skip(5));
    let text = head(&text);
    let seal = keys.seal(business, &text);
    let mut token = Vec::with_capacity(TAG_BYTES + SEAL_BYTES + TEXT_BYTES);
    token.extend(key_tag(key));
    token.extend(seal);
    token.extend(keys.mask(&seal, &text));
    let mut token = URL_SAFE_NO_PAD.encode(token);
    token.push(FORM);
    Some(token)
}

/// What a token says, and the place of its business among those given; `None` for one that is not ours.
#[must_use]
pub fn open<'b>(
    ring: &Keyring,
    businesses: impl Iterator<Item = &'b str>,
    token: &str,
) -> Option<(usize, Link)> {
    if token.len() != TOKEN_CHARS {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_suffix(FORM)?).ok()?;
    let (tag, rest) = bytes.split_at_checked(TAG_BYTES)?;
    let (seal, text) = rest.split_at_checked(SEAL_BYTES)?;
    let (seal, text): ([u8; SEAL_BYTES], [u8; TEXT_BYTES]) =
        (seal.try_into().ok()?, text.try_into().ok()?);
    let businesses: Vec<&str> = businesses.collect();
    for key in ring.of(Purpose::Link).filter(|key| key_tag(key) == tag) {
        let keys = Keys::of(key);
        let text = keys.mask(&seal, &text);
        for (at, business) in businesses.iter().enumerate() {
            let fits = text.starts_with(&keys.business_tag(business));
            if fits && bool::from(keys.seal(business, &text).ct_eq(&seal)) {
                return Some((at, read(&text)?));
            }
        }
    }
    None
}

fn read(text: &[u8; TEXT_BYTES]) -> Option<Link> {
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let (_, rest) = text.split_at_checked(4)?;
    let (person, rest) = rest.split_at_checked(8)?;
    let (generation, minutes) = rest.split_at_checked(3)?;
    let generation = u32::try_from(number(generation)).ok()?;
    let minutes = i64::try_from(number(minutes)).ok()?;
    Some(Link {
        person: PersonId(number(person)),
        may_be_landline: generation & 1 == 1,
        generation: generation >> 1,
        expires_ms: (minutes != 0).then(|| EPOCH_MS + minutes * MINUTE_MS),
    })
}

/// What a token is called in answers, evidence and logs; it leads nowhere.
#[must_use]
pub fn id(token: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let number = digest
        .iter()
        .take(8)
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("lnk_{number:016x}")
}
