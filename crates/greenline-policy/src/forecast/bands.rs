//! Where we draw the lines.
//!
//! Meta publishes no thresholds (QL-06), so none of these is Meta's: they are Greenline's own, for saying "look here"
//! early. They were chosen as round numbers and tried on simulated numbers with hidden thresholds of their own
//! (`cargo xtask bench forecast`); what came out stands in the guide on forecasts. Shares are in thousandths.

/// From where something is a mild sign, and from where a strong one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Band {
    /// Mild from here.
    pub mild: u32,
    /// Strong from here.
    pub strong: u32,
    /// Below so many it is a coincidence.
    pub least: u32,
}

/// People who stopped, of a thousand messages that arrived.
pub const STOPS: Band = Band {
    mild: 15,
    strong: 25,
    least: 3,
};
/// Messages that failed with 131049, of a thousand sent.
pub const HELD_BACK: Band = Band {
    mild: 50,
    strong: 150,
    least: 5,
};
/// Messages that failed with 131026, of a thousand sent.
pub const UNREACHABLE: Band = Band {
    mild: 30,
    strong: 80,
    least: 5,
};
/// Messages neither read nor answered, of a thousand that had time.
pub const UNREAD: Band = Band {
    mild: 500,
    strong: 700,
    least: 20,
};
/// Messages that rested on weak consent, of a thousand sent.
pub const WEAK: Band = Band {
    mild: 100,
    strong: 400,
    least: 10,
};
/// Messages a week to one person, in thousandths.
pub const OFTEN: Band = Band {
    mild: 3_000,
    strong: 5_000,
    least: 30,
};
/// The newest days that are also looked at by themselves, because newer messages weigh more (QL-02).
pub const NEWEST_DAYS: usize = 2;
/// … where they hold so many times as much as in seven days is no coincidence: two days of a number that sends little are
/// chance.
pub const NEWEST_TIMES: u32 = 2;
/// With fewer messages in seven days and no sign at all, nothing is said of a risk.
pub const SENT_LEAST: u32 = 30;
/// With fewer different people in seven days no pace is worked out.
pub const PEOPLE_LEAST: u32 = 10;
/// So long a warning, a restriction or a lock that is over still counts as a sign of what may come.
pub const REMEMBERED_MS: i64 = 90 * super::known::DAY_MS;
/// So long a warning is a strong sign, and a mild one from then on.
pub const FRESH_MS: i64 = 14 * super::known::DAY_MS;
/// So long a worse rating than the present one counts as a sign.
pub const RATED_BEFORE_MS: i64 = 7 * super::known::DAY_MS;
/// A number that has been rated good for so long without a break has shown how people take what it sends: twice the
/// seven days that a rating is made from.
pub const PROVEN_MS: i64 = 14 * super::known::DAY_MS;
/// So long error 131048 counts as a sign.
pub const SPAM_REMEMBERED_MS: i64 = 7 * super::known::DAY_MS;
/// So long a raise that was put off is taken to be so still.
pub const DEFERRED_MS: i64 = 30 * super::known::DAY_MS;
/// A rating that was read longer ago says nothing of the present one.
pub const RATING_FRESH_MS: i64 = 2 * super::known::DAY_MS;
/// Points from which a risk is raised …
pub const RAISED_FROM: u32 = 1;
/// … and from which it is high.
pub const HIGH_FROM: u32 = 3;
