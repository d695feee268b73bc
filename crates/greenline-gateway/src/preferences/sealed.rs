//! What a page hands to the browser to bring back: the form's own mark, and the note of what was done.
//!
//! Both are sealed with the link's key and to the link, so that neither can be made up, nor used with
//! another link. The form's mark carries a random part, by which the second press of a double click is known,
//! and the version of the history it was shown for. A note names one event: it lets the page say what was
//! done, and lets that one change be undone by whoever made it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenline_policy::consent::EventId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::token::Link;
use crate::keyring::{self, Keyring, Purpose};

/// Bytes of a form's random part.
pub(super) const NONCE_BYTES: usize = 8;
const SEAL_BYTES: usize = 16;

/// HMAC-SHA256 over parts, each with its length before it.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than a block is padded with zeros, as the algorithm says; this form cannot fail.
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// A form that was shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Form {
    /// Tells it from others.
    pub(super) nonce: [u8; NONCE_BYTES],
    /// How many events the history had that it showed.
    pub(super) version: u32,
}

/// What a note is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoteKind {
    /// Something was turned off, by this form.
    Off,
    /// It had been off.
    AlreadyOff,
    /// Turning it off was undone.
    On,
}

impl NoteKind {
    const ALL: [Self; 3] = [Self::Off, Self::AlreadyOff, Self::On];

    fn byte(self) -> u8 {
        match self {
            Self::Off => 1,
            Self::AlreadyOff => 2,
            Self::On => 3,
        }
    }
}

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Note {
    pub(super) kind: NoteKind,
    /// The no.
    pub(super) event: EventId,
    /// The form that did it.
    pub(super) nonce: [u8; NONCE_BYTES],
}

impl Note {
    pub(super) fn new(kind: NoteKind, event: EventId, nonce: [u8; NONCE_BYTES]) -> Self {
        Self { kind, event, nonce }
    }
}

/// Seals to one link.
pub(super) struct Sealer<'a> {
    pub(super) ring: &'a Keyring,
    pub(super) business: &'a str,
    pub(super) link: Link,
}

impl Sealer<'_> {
    fn mac(&self, key: &[u8; 32], what: &[u8], body: &[u8]) -> [u8; SEAL_BYTES] {
        let person = self.link.person.0.to_be_bytes();
        let generation = self.link.generation.to_be_bytes();
        let business = self.business.as_bytes();
        let whole = mac(
            key,
            &[
                b"greenline page",
                what,
                business,
                &person,
                &generation,
                body,
            ],
        );
        let mut seal = [0; SEAL_BYTES];
        for (to, from) in seal.iter_mut().zip(whole) {
            *to = from;
        }
        seal
    }

    fn seal(&self, what: &[u8], body: &[u8]) -> Option<String> {
        let key = self.ring.newest(Purpose::Link)?;
        let mut sealed = body.to_vec();
        sealed.extend(self.mac(key.reveal(), what, body));
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    fn open(&self, what: &[u8], text: &str) -> Option<Vec<u8>> {
        const TEXT_CHARS_MAX: usize = 128;
        if text.len() > TEXT_CHARS_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL_BYTES)?)?;
        let ours = |key: &keyring::Key| {
            bool::from(self.mac(key.reveal(), what, body).as_slice().ct_eq(seal))
        };
        self.ring.of(Purpose::Link).any(ours).then(|| body.to_vec())
    }

    /// The mark of a new form; `None` without keys or chance.
    pub(super) fn new_form(&self, version: u32) -> Option<String> {
        let mut body = [0; NONCE_BYTES].to_vec();
        keyring::fill(&mut body).ok()?;
        body.extend(version.to_be_bytes());
        self.seal(b"form", &body)
    }

    pub(super) fn open_form(&self, text: &str) -> Option<Form> {
        let body = self.open(b"form", text)?;
        let (nonce, version) = body.split_at_checked(NONCE_BYTES)?;
        Some(Form {
            nonce: nonce.try_into().ok()?,
            version: u32::from_be_bytes(version.try_into().ok()?),
        })
    }

    pub(super) fn seal_note(&self, note: &Note) -> Option<String> {
        let mut body = vec![note.kind.byte()];
        body.extend(note.event.0.to_be_bytes());
        body.extend(note.nonce);
        self.seal(b"note", &body)
    }

    pub(super) fn open_note(&self, text: &str) -> Option<Note> {
        let body = self.open(b"note", text)?;
        let (kind, rest) = body.split_first()?;
        let (event, nonce) = rest.split_at_checked(8)?;
        Some(Note {
            kind: NoteKind::ALL
                .into_iter()
                .find(|known| known.byte() == *kind)?,
            event: EventId(u64::from_be_bytes(event.try_into().ok()?)),
            nonce: nonce.try_into().ok()?,
        })
    }
}
