//! Stops that come as a press on a button or a list row (OPT-32).
//!
//! The payload is written by a developer, the title was read by the person. Both are looked at and the
//! stricter wins. A payload counts only if every part of it is known: `stop_tracking_17` says nothing.
//! An unclear word as a title ("Cancel") is a label the business chose for its own flow: it is not
//! asked about, and counts only if the business's settings say so.

use super::{Meaning, Recognised, Settings, StopReach, recognise};

/// Payload of the button "yes, stop" under our own question.
const YES_PAYLOAD: &str = "greenline.stop.yes";
/// Payload of the button "no" under our own question.
const NO_PAYLOAD: &str = "greenline.stop.no";

/// Longest payload that is looked at, in bytes.
const PAYLOAD_BYTES_MAX: usize = 128;

const STOP: &[&str] = &["stop", "optout", "unsubscribe", "unsub", "unsubscribed"];
const START: &[&str] = &[
    "start",
    "optin",
    "subscribe",
    "resubscribe",
    "resume",
    "unstop",
];
const ALL: &[&str] = &["all", "everything", "any", "every"];
const MARKETING: &[&str] = &[
    "marketing",
    "promotion",
    "promotions",
    "promotional",
    "promo",
    "promos",
    "offer",
    "offers",
    "ad",
    "ads",
    "advertising",
    "newsletter",
    "newsletters",
    "campaign",
    "campaigns",
    "deals",
];
const FILLERS: &[&str] = &[
    "message",
    "messages",
    "msg",
    "msgs",
    "messaging",
    "notification",
    "notifications",
    "update",
    "updates",
    "from",
    "of",
    "to",
    "me",
    "us",
    "user",
    "contact",
    "the",
    "my",
    "button",
    "btn",
    "payload",
    "reply",
    "quick",
    "quickreply",
    "qr",
    "cta",
    "action",
    "click",
    "clicked",
    "id",
    "yes",
    "confirm",
    "confirmed",
    "request",
    "wa",
    "whatsapp",
    "keyword",
    "sending",
    "receiving",
    "getting",
];

/// Reads a quick reply, a button or a list row: `payload` is its payload or id, `title` what the person saw.
#[must_use]
pub fn recognise_button(
    payload: Option<&str>,
    title: Option<&str>,
    settings: &Settings,
) -> Option<Recognised> {
    let ours = |meaning, matched| {
        Some(Recognised {
            meaning,
            language: "en",
            matched,
        })
    };
    let by_title = title
        .and_then(|title| recognise(title, settings))
        .filter(|found| found.meaning != Meaning::Ask);
    match payload {
        Some(YES_PAYLOAD) => {
            return with_language(ours(Meaning::Stop(StopReach::Bare), YES_PAYLOAD), by_title);
        }
        Some(NO_PAYLOAD) => return ours(Meaning::Keep, NO_PAYLOAD),
        _ => {}
    }
    let by_payload = payload.and_then(|payload| {
        payload_meaning(payload)
            .map(|(meaning, matched)| Recognised {
                meaning,
                language: "en",
                matched,
            })
            .or_else(|| recognise(payload, settings).filter(|found| found.meaning != Meaning::Ask))
    });
    let stricter = match (by_payload, by_title) {
        (Some(payload), Some(title))
            if strictness(title.meaning) >= strictness(payload.meaning) =>
        {
            Some(title)
        }
        (payload, title) => payload.or(title),
    };
    with_language(stricter, by_title)
}

/// The title tells the person's language; a payload is English to its developer.
fn with_language(found: Option<Recognised>, by_title: Option<Recognised>) -> Option<Recognised> {
    found.map(|found| Recognised {
        language: by_title.map_or(found.language, |title| title.language),
        ..found
    })
}

fn strictness(meaning: Meaning) -> u8 {
    match meaning {
        Meaning::Keep | Meaning::Start | Meaning::Ask => 0,
        Meaning::Stop(StopReach::Marketing) => 1,
        Meaning::Stop(StopReach::Bare) => 2,
        Meaning::Stop(StopReach::All) => 3,
    }
}

/// Reads `OPTOUT_MARKETING`, `stopPromotions`, `unsubscribe-all:17`.
fn payload_meaning(payload: &str) -> Option<(Meaning, &'static str)> {
    if payload.len() > PAYLOAD_BYTES_MAX || !payload.is_ascii() {
        return None;
    }
    let (mut stop, mut start, mut all, mut marketing) = (None, None, false, false);
    let mut parts = parts(payload).peekable();
    while let Some(mut part) = parts.next() {
        // "opt out" and "opt in" are written in one and in two.
        if part == "opt"
            && let Some(next) = parts.next_if(|next| next == "out" || next == "in")
        {
            part += &next;
        }
        let listed =
            |list: &'static [&'static str]| list.iter().copied().find(|&word| word == part);
        if let Some(word) = listed(STOP) {
            stop = Some(word);
        } else if let Some(word) = listed(START) {
            start = Some(word);
        } else if listed(ALL).is_some() {
            all = true;
        } else if listed(MARKETING).is_some() {
            marketing = true;
        } else if listed(FILLERS).is_none() && !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
    }
    let reach = match (marketing, all) {
        (true, _) => StopReach::Marketing,
        (false, true) => StopReach::All,
        (false, false) => StopReach::Bare,
    };
    match (stop, start) {
        (Some(word), None) => Some((Meaning::Stop(reach), word)),
        (None, Some(word)) => Some((Meaning::Start, word)),
        _ => None,
    }
}

/// The words of a payload, lower case: cut at signs, and where a capital follows a small letter.
fn parts(payload: &str) -> impl Iterator<Item = String> {
    let mut parts = vec![String::new()];
    let mut last = ' ';
    for c in payload.chars() {
        let new_word = c.is_ascii_uppercase() && last.is_ascii_lowercase();
        if (new_word || !c.is_ascii_alphanumeric())
            && parts.last().is_some_and(|part| !part.is_empty())
        {
            parts.push(String::new());
        }
        if c.is_ascii_alphanumeric()
            && let Some(part) = parts.last_mut()
        {
            part.push(c.to_ascii_lowercase());
        }
        last = c;
    }
    parts.into_iter().filter(|part| !part.is_empty())
}
