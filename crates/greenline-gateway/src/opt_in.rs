//! Ways to opt in that end in proof: `wa.me` links with a code, the question in the thread, the hosted page.
//!
//! What people can agree to is set out in the configuration, wording by wording; links, codes, QR codes and the
//! page are worked out from it, so every node knows them and no store has to keep them. A yes counts only when
//! it comes from the person's own phone: by the prefilled text that arrives, or by a button of a question that
//! is asked inside a window they opened. A number that someone typed into a page, or a text that could mean
//! anything, is put down as claimed and covers nothing.
//!
//! Nothing here lifts a no by itself: each yes carries the time of the person's own act, and the fold decides.

mod code;
mod forms;
pub mod page;
mod qr;
pub mod question;
mod read;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenline_ledger::types::{Actor, Evidence, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::evidence::Method;
use greenline_policy::identity::Identifier;
use greenline_policy::scope::Scope;
use serde_json::json;
use smallvec::SmallVec;

use crate::directory::Business;

pub use code::Code;
pub use forms::{Form, Forms, Worded};
pub use qr::{png, svg};
pub use read::{Said, read, without_codes};

/// Characters of a wording at most.
pub const WORDING_CHARS_MAX: usize = 2_000;
/// Characters of a prefilled text at most: it has to fit into a QR code that can still be scanned.
pub const TEXT_CHARS_MAX: usize = 300;
/// Bytes of an arrived text that are kept as evidence.
const ARRIVED_BYTES_MAX: usize = 4_096;
/// How the payloads of our question's buttons begin.
pub const PAYLOAD: &str = "greenline.opt_in.";

/// A name made of what must not be found again by guessing.
pub(crate) fn keyed_name(
    key: &[u8; crate::keyring::SECRET_BYTES],
    what: &[u8],
    parts: &[&str],
) -> String {
    let mut all = vec![what];
    all.extend(parts.iter().map(|part| part.as_bytes()));
    let whole = crate::preferences::mac(key, &all);
    URL_SAFE_NO_PAD.encode(whole.get(..16).unwrap_or_default())
}

/// The link that opens WhatsApp with a text ready to be sent.
#[must_use]
pub fn wa_me(number: &str, text: &str) -> String {
    // Spaces as %20: a plus sign would arrive as one.
    let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    format!("https://wa.me/{number}?text={}", text.replace('+', "%20"))
}

/// A text with codes that came in.
#[derive(Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) business: &'a Business,
    pub(crate) person: &'a SmallVec<[Identifier; 1]>,
    pub(crate) number: &'a str,
    pub(crate) message_id: &'a str,
    pub(crate) text: &'a str,
    pub(crate) is_clear: bool,
    pub(crate) at_ms: i64,
    pub(crate) stated_ms: i64,
    pub(crate) arrival_ms: i64,
}

impl Arrived<'_> {
    /// The yes it is, or claims to be.
    pub(crate) fn event(&self, scope: &Scope, form: &Form, worded: &Worded) -> NewEvent {
        let cut = self.text.floor_char_boundary(ARRIVED_BYTES_MAX);
        let extra = json!({
            "text": self.text.get(..cut).unwrap_or_default(),
            "code": worded.code.as_str(),
            "form": &*form.id,
            "language": &*worded.language,
            "unclear": !self.is_clear,
        });
        NewEvent {
            business: self.business.ix,
            person: self.person.clone(),
            kind: EventKind::Granted,
            scope: scope.clone(),
            at_ms: self.at_ms,
            stated_ms: self.stated_ms,
            arrival_ms: self.arrival_ms,
            strength: if self.is_clear {
                Strength::Evidenced
            } else {
                Strength::Claimed
            },
            in_thread: true,
            evidence: Evidence {
                method: Method::WhatsappThread.as_str().into(),
                wording: worded.wording.clone(),
                wording_version: worded.version(form).into(),
                business_name: self.business.config.name.as_str().into(),
                source: self.number.into(),
                message_id: self.message_id.into(),
                extra_json: extra.to_string().into(),
                ..Evidence::default()
            },
            actor: Actor("person".into()),
            dedup: Some(format!("{}:{scope}", self.message_id).into()),
        }
    }
}
