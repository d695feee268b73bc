//! Ids that look like the platform's and follow from the seed.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::rng::{Rng, hash};

#[derive(Debug)]
pub(crate) struct Ids {
    seed: u64,
    messages: AtomicU64,
    objects: AtomicU64,
    traces: AtomicU64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            messages: AtomicU64::new(0),
            objects: AtomicU64::new(0),
            traces: AtomicU64::new(0),
        }
    }

    /// A message's id. The direction is part of it, as in the real ones.
    pub(crate) fn wamid(&self, wa_id: &str, inbound: bool) -> String {
        let count = self.messages.fetch_add(1, Ordering::Relaxed);
        let tail = splitmix(self.seed ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut raw = Vec::with_capacity(64);
        raw.extend_from_slice(&[0x1c, 0x18]);
        raw.push(u8::try_from(wa_id.len()).unwrap_or(u8::MAX));
        raw.extend_from_slice(wa_id.as_bytes());
        raw.extend_from_slice(&[
            0x15,
            0x02,
            0x00,
            if inbound { 0x12 } else { 0x11 },
            0x18,
            0x14,
        ]);
        raw.extend_from_slice(format!("{count:04X}{tail:016X}").as_bytes());
        raw.push(0);
        let mut id = String::with_capacity(6 + raw.len() * 4 / 3 + 4);
        id.push_str("wamid.");
        STANDARD.encode_string(&raw, &mut id);
        id
    }

    pub(crate) fn call_id(&self) -> String {
        format!("wacid.{:016X}", self.object())
    }

    /// The id of a new media, template or other object.
    pub(crate) fn object(&self) -> u64 {
        let count = self.objects.fetch_add(1, Ordering::Relaxed);
        let salt = splitmix(self.seed ^ 0x0b1e_c700) % 1_000_000;
        1_000_000_000_000_000 + salt * 1_000_000 + count
    }

    /// What `fbtrace_id` shows.
    pub(crate) fn trace(&self) -> String {
        let count = self.traces.fetch_add(1, Ordering::Relaxed);
        format!("A{:022x}", splitmix(self.seed ^ 0x07ac_e000 ^ count))
    }
}

fn splitmix(seed: u64) -> u64 {
    Rng::about(seed, &[]).next()
}

/// A person's id within a portfolio (SND-70, SND-71). It does not depend on the seed: the same
/// person has the same id in every run. The generation counts changes of number and id.
pub(crate) fn user_id(portfolio: &str, wa_id: &str, generation: u32) -> String {
    let digits = person_digits(portfolio, wa_id, generation);
    format!("{}.8{digits}", country(wa_id))
}

/// The parent's id.
pub(crate) fn parent_user_id(portfolio: &str, wa_id: &str, generation: u32) -> String {
    let digits = person_digits(portfolio, wa_id, generation);
    format!("{}.ENT.7{digits}", country(wa_id))
}

fn person_digits(portfolio: &str, wa_id: &str, generation: u32) -> String {
    let mut rng = Rng::about(hash("person") + u64::from(generation), &[portfolio, wa_id]);
    format!("{:019}", rng.next() % 10_000_000_000_000_000_000)
}

/// The country of a number, for the ones that matter to tests; `XX` for the rest.
fn country(wa_id: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 24] = [
        ("1", "US"),
        ("27", "ZA"),
        ("31", "NL"),
        ("33", "FR"),
        ("34", "ES"),
        ("39", "IT"),
        ("351", "PT"),
        ("44", "GB"),
        ("48", "PL"),
        ("49", "DE"),
        ("52", "MX"),
        ("54", "AR"),
        ("55", "BR"),
        ("57", "CO"),
        ("62", "ID"),
        ("81", "JP"),
        ("82", "KR"),
        ("90", "TR"),
        ("91", "IN"),
        ("966", "SA"),
        ("971", "AE"),
        ("972", "IL"),
        ("234", "NG"),
        ("20", "EG"),
    ];
    PREFIXES
        .iter()
        .find(|(prefix, _)| wa_id.starts_with(prefix))
        .map_or("XX", |(_, country)| country)
}

/// A written number as the id that WhatsApp knows the person by.
///
/// Mexican and Argentine mobiles carry an extra digit there; Brazilian ones carry the ninth digit
/// in the area codes up to 28 and lack it in the others.
pub(crate) fn wa_id(written: &str) -> String {
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").unwrap_or(&digits);
    match (digits.get(..2), digits.len()) {
        (Some("52"), 12) => format!("521{}", &digits[2..]),
        (Some("54"), 12) => format!("549{}", &digits[2..]),
        (Some("55"), 12 | 13) => brazilian(digits),
        _ => digits.to_owned(),
    }
}

fn brazilian(digits: &str) -> String {
    let (area, local) = (&digits[2..4], &digits[4..]);
    let ninth = area.parse::<u32>().is_ok_and(|area| area <= 28);
    match (ninth, local.len()) {
        (true, 8) if local.starts_with(['6', '7', '8', '9']) => format!("55{area}9{local}"),
        (false, 9) if local.starts_with('9') => format!("55{area}{}", &local[1..]),
        _ => digits.to_owned(),
    }
}
