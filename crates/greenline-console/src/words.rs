//! Words and times, the same on every page.

use greenline_policy::consent::{EventKind, Standing, Strength};
use greenline_policy::decide::{Intent, Verdict};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A moment, for people and for machines. Always UTC: the page's foot says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct When {
    /// RFC 3339.
    pub machine: String,
    /// `14:03:07` on the day of the page, else `24 Nov 2026, 14:03`.
    pub human: String,
}

impl When {
    /// The moment `at_ms`, as said on a page made at `now_ms`.
    #[must_use]
    pub fn new(at_ms: i64, now_ms: i64) -> Self {
        let (Ok(at), Ok(now)) = (
            Timestamp::from_millisecond(at_ms),
            Timestamp::from_millisecond(now_ms),
        ) else {
            return Self {
                machine: String::new(),
                human: "a time out of range".to_owned(),
            };
        };
        let (at_utc, now_utc) = (at.to_zoned(TimeZone::UTC), now.to_zoned(TimeZone::UTC));
        let human = if at_utc.date() == now_utc.date() {
            "%H:%M:%S"
        } else {
            "%-d %b %Y, %H:%M"
        };
        Self {
            machine: at_utc.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            human: at_utc.strftime(human).to_string(),
        }
    }
}

impl When {
    /// The moment with its day, whatever day it is.
    #[must_use]
    pub fn dated(at_ms: i64) -> Self {
        let Ok(at) = Timestamp::from_millisecond(at_ms) else {
            return Self::new(at_ms, at_ms);
        };
        let human = at
            .to_zoned(TimeZone::UTC)
            .strftime("%-d %b %Y, %H:%M:%S")
            .to_string();
        Self {
            human,
            ..Self::new(at_ms, at_ms)
        }
    }
}

/// The verdict, as a person says it. In observe mode a refused message went on all the same.
#[must_use]
pub fn verdict(verdict: Verdict, observed: bool) -> &'static str {
    match (verdict, observed) {
        (Verdict::Allow, _) => "Allowed",
        (Verdict::Refuse, false) => "Refused",
        (Verdict::Refuse, true) => "Would be refused",
        (Verdict::Hold, _) => "Held",
    }
}

/// What was to be sent.
#[must_use]
pub fn intent(intent: Intent) -> &'static str {
    match intent {
        Intent::FreeForm => "message",
        Intent::Template => "template",
        Intent::Call => "call",
        Intent::Confirmation => "confirmation of a stop",
    }
}

/// What a scope's head means.
#[must_use]
pub fn standing(standing: &Standing) -> &'static str {
    match standing {
        Standing::Unknown => "Nothing on record",
        Standing::Refused { .. } => "No",
        Standing::Covered {
            strength: Strength::Imported,
            ..
        } => "Yes, imported",
        Standing::Covered {
            strength: Strength::Vouched,
            ..
        } => "Yes, vouched for",
        Standing::Covered { .. } => "Yes",
        Standing::Claimed { .. } => "Claimed, evidence incomplete",
        Standing::Unconfirmed { .. } => "Yes from another number, not confirmed",
        Standing::Expired { .. } => "Yes, run out",
    }
}

/// What that allows.
#[must_use]
pub fn standing_means(standing: &Standing) -> &'static str {
    match standing {
        Standing::Unknown => "Nothing may be started.",
        Standing::Refused { .. } => {
            "Nothing of this kind may go until the person themselves says yes again."
        }
        Standing::Covered { .. } => "Messages of this kind may go.",
        Standing::Claimed { .. } => {
            "Covers nothing until its evidence is completed or the person confirms."
        }
        Standing::Unconfirmed { .. } => "Covers nothing until the person acts from this number.",
        Standing::Expired { .. } => "Covers nothing until the person renews it.",
    }
}

/// A yes to marketing while WhatsApp's own switch is off.
pub const SWITCHED_OFF: &str = "Off in WhatsApp";

/// What that allows.
pub const SWITCHED_OFF_MEANS: &str = "An opt-in is on record, but the person turned marketing off in WhatsApp itself: no marketing template goes.";

/// The mark beside a standing or a verdict: drawn, never the only sign.
#[must_use]
pub fn standing_tone(standing: &Standing) -> &'static str {
    match standing {
        Standing::Covered { .. } => "good",
        Standing::Refused { .. } => "bad",
        Standing::Unknown => "idle",
        Standing::Claimed { .. } | Standing::Unconfirmed { .. } | Standing::Expired { .. } => {
            "warn"
        }
    }
}

/// What happened, as a person says it.
#[must_use]
pub fn event(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Granted => "Said yes",
        EventKind::Refused => "Said no",
        EventKind::Withdrawn => "Took it back",
        EventKind::Reconfirmed => "Renewed",
        EventKind::Expired => "Ran out",
        EventKind::NativeStopped => "Turned marketing off in WhatsApp",
        EventKind::NativeResumed => "Turned marketing on in WhatsApp",
        EventKind::Erased => "Erased",
    }
}

/// The tone of an event.
#[must_use]
pub fn event_tone(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Granted | EventKind::Reconfirmed | EventKind::NativeResumed => "good",
        EventKind::Refused | EventKind::Withdrawn | EventKind::NativeStopped => "bad",
        EventKind::Expired | EventKind::Erased => "idle",
    }
}

/// The platform's status of a number, in words and tone.
#[must_use]
pub fn number_status(status: Option<&str>) -> (String, &'static str) {
    match status {
        None | Some("" | "UNKNOWN") => ("not read yet".to_owned(), "idle"),
        Some("CONNECTED") => ("connected".to_owned(), "good"),
        Some("BANNED") => ("banned".to_owned(), "bad"),
        Some("RESTRICTED") => ("restricted: limit reached".to_owned(), "warn"),
        Some("RATE_LIMITED") => ("rate limited".to_owned(), "warn"),
        Some(other) => (other.to_lowercase().replace('_', " "), "idle"),
    }
}

/// The platform's quality rating, in words and tone.
#[must_use]
pub fn rating(rating: Option<&str>) -> (String, &'static str) {
    match rating {
        Some("GREEN") => ("high (green)".to_owned(), "good"),
        Some("YELLOW") => ("medium (yellow)".to_owned(), "warn"),
        Some("RED") => ("low (red)".to_owned(), "bad"),
        None | Some("" | "UNKNOWN" | "NA") => ("no rating yet".to_owned(), "idle"),
        Some(other) => (other.to_lowercase().replace('_', " "), "idle"),
    }
}
