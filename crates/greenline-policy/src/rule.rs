//! The rule catalogue: every reason a decision can give, with its sentence, sources and remedy.
//!
//! Reasons answer people, so each has one plain sentence and the cheapest legitimate next step. No
//! remedy ever suggests another category or another number to get round a refusal.

use crate::pack::Day;

/// How a refusal behaves over time, and so which of several answers first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Only the person's or the platform's own act ends it.
    Permanent,
    /// It passes with time or by the next message.
    Passing,
    /// It explains and refuses nothing by itself.
    Note,
}

/// One rule of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Card {
    /// Stable name, `family.point`.
    pub id: &'static str,
    /// What it says, one sentence.
    pub text: &'static str,
    /// Fact ids and source keys of the platform notes, `law N` or `design N` (a section) of the design.
    pub sources: &'static [&'static str],
    /// The cheapest legitimate next step.
    pub remedy: &'static str,
    /// Permanent, passing or a note.
    pub severity: Severity,
    /// The first day on which it holds; `None` where it always held, or no day is known.
    pub since: Option<Dated>,
    /// The day on which it no longer holds; `None` while it does.
    pub until: Option<Dated>,
}

/// A day with the fact that it rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dated {
    /// The day.
    pub day: Day,
    /// The fact's id.
    pub fact: &'static str,
}

impl Card {
    /// Whether the rule holds at a moment.
    #[must_use]
    pub fn is_in_force(&self, at_ms: i64) -> bool {
        self.since.is_none_or(|since| since.day.start_ms() <= at_ms)
            && self.until.is_none_or(|until| at_ms < until.day.start_ms())
    }
}

/// The day that a rule's entry names, or none.
macro_rules! dated {
    () => {
        None
    };
    ($year:literal, $month:literal, $day:literal, $fact:literal) => {
        Some(Dated {
            day: Day::new($year, $month, $day),
            fact: $fact,
        })
    };
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident { $id:literal, $severity:ident, $text:literal, [$($source:literal),*], $remedy:literal
        $(, since($($since:literal),*))? $(, until($($until:literal),*))? })*) => {
        /// Every reason, in the order in which they answer: permanent before passing, consent before
        /// the number's state, that before the window.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Rule { $($(#[$doc])* $name,)* }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The catalogue's entry.
            #[must_use]
            pub fn card(self) -> &'static Card {
                match self {
                    $(Self::$name => {
                        const CARD: Card = Card {
                            id: $id,
                            text: $text,
                            sources: &[$($source),*],
                            remedy: $remedy,
                            severity: Severity::$severity,
                            since: dated!($($($since),*)?),
                            until: dated!($($($until),*)?),
                        };
                        &CARD
                    })*
                }
            }
        }
    };
}

rules! {
    /// An ask to someone who never opted in.
    AskFirstContact { "ask.first_contact", Permanent,
        "A notification that asks whether the person wants messages, or wants to stop them, may not be the first contact: it goes only to people who have opted in.",
        ["OPT-01", "OPT-03"],
        "Collect the opt-in elsewhere first: a form, a checkout, a wa.me link that the person opens." }
    /// A no is in force.
    OptedOut { "consent.opted_out", Permanent,
        "The person has said no to this kind of message.",
        ["OPT-30", "OPT-35"],
        "Respect it; only the person's own newer, evidenced opt-in opens this again." }
    /// WhatsApp's own switch.
    NativeStop { "consent.native_stop", Permanent,
        "The person turned off marketing from this business in WhatsApp itself.",
        ["OPT-40", "OPT-41", "OPT-42", "OPT-43"],
        "Do not try again; only the person can turn it on again, in WhatsApp.",
        since(2024, 11, 18, "OPT-40") }
    /// A stop in the thread, nothing written since.
    ThreadStopped { "consent.thread_stopped", Permanent,
        "The person said stop and has written nothing since.",
        ["law 7", "OPT-30"],
        "Wait until the person writes something new; then answer inside that window." }
    /// No yes on record.
    ConsentMissing { "consent.missing", Permanent,
        "There is no opt-in on record that covers this message.",
        ["OPT-01", "OPT-03"],
        "Ask for the opt-in outside of notifications and record it with its evidence." }
    /// A yes without evidence.
    ConsentClaimed { "consent.claimed", Permanent,
        "The only opt-in on record has no complete evidence, so it covers nothing.",
        ["OPT-03", "OPT-04", "OPT-05", "OPT-09"],
        "Let a named person vouch for it with the missing evidence, or have the person confirm it." }
    /// A yes from before the number moved.
    ConsentUnconfirmed { "consent.unconfirmed", Permanent,
        "The opt-in was given under another number or id and has not been confirmed from this one.",
        ["OPT-50", "OPT-51"],
        "Wait until the person acts from the new number." }
    /// A yes that ran out.
    ConsentExpired { "consent.expired", Permanent,
        "The opt-in has run out.",
        ["OPT-06"],
        "Ask the person to renew it outside of notifications." }
    /// An ask while notifications are the only way out.
    AskOnlyWayOut { "ask.only_way_out", Permanent,
        "A notification that asks whether the person wants messages, or wants to stop them, may not be the only way out: no other avenue is open at the moment.",
        ["OPT-30", "OPT-32", "OPT-40", "consent-rules A13"],
        "Open an avenue that needs no notification: publish the preference page, name how people reach staff, or see that people can write to the number; `greenline avenues` says what is missing." }
    /// No call permission.
    CallPermission { "call.permission", Permanent,
        "A call needs the person's own, live call permission for this number.",
        ["consent-rules A20"],
        "Ask for call permission inside a window that the person opened." }
    /// The platform delivers no marketing to the United States.
    CountryUsMarketing { "country.us_marketing", Permanent,
        "The platform delivers no marketing templates to numbers of the United States.",
        ["SND-34"],
        "Answer when the person writes, reach those who opted in to it by another channel, and wait until the platform opens the country again.",
        since(2025, 4, 1, "SND-34") }
    /// A country that the business closed.
    CountryClosed { "country.closed", Permanent,
        "The business does not send this kind of message to the person's country.",
        ["design 5"],
        "Ask whoever keeps the business's settings (`closed_countries`) why the country is closed." }
    /// Ban or disabled account.
    NumberBanned { "number.banned", Permanent,
        "The number is banned or its account is disabled: nothing can be sent.",
        ["ENF-05", "ENF-06"],
        "Request a review in Business Support Home." }
    /// Account lock.
    AccountLocked { "account.locked", Permanent,
        "The account is locked: no message can be sent until an appeal succeeds.",
        ["ENF-05"],
        "Request a review in Business Support Home." }
    /// Template disabled.
    TemplateDisabled { "template.disabled", Permanent,
        "The platform has disabled this template for low quality.",
        ["SND-21", "SND-22"],
        "Write a new template that people want; look at what they disliked first." }
    /// A restriction with an end.
    NumberRestricted { "number.restricted", Passing,
        "The platform has restricted this account until the time given.",
        ["ENF-10", "ENF-12"],
        "Wait for the end; use the time to find out what people complained about." }
    /// Messaging limit reached.
    LimitReached { "limit.reached", Passing,
        "The number has reached its messaging limit: no new conversations for now; replies still go.",
        ["QL-10"],
        "Wait until the rolling 24 hours free up." }
    /// Template paused.
    TemplatePaused { "template.paused", Passing,
        "The platform has paused this template for low quality.",
        ["SND-20", "SND-21", "SND-22"],
        "Wait for the pause to end; look at what people disliked meanwhile." }
    /// It is night there.
    QuietHours { "quiet_hours", Passing,
        "It is quiet time where the person may be, by the business's own hours or by a law that it keeps.",
        ["law 6", "LAW-AE", "LAW-IN-HOURS", "LAW-US"],
        "Send it once the quiet time is over." }
    /// Outside the window.
    WindowClosed { "window.closed", Passing,
        "More than 24 hours have passed since the person last wrote to this number, so only templates may go.",
        ["SND-02", "SND-03"],
        "Send an approved template that the person's opt-in covers, or wait until they write." }
    /// An earlier attempt with unknown outcome.
    SendUnsettled { "send.unsettled", Passing,
        "The same message to the same person was sent a moment ago and its outcome is not known yet.",
        ["WH-35"],
        "Wait for its status; sending it again could deliver it twice." }
    /// Note: a yes covers.
    Covered { "consent.covered", Note,
        "An opt-in of the person covers this message.", ["OPT-01"], "" }
    /// Note: resting on an imported yes.
    CoveredByImport { "consent.covered_by_import", Note,
        "An imported opt-in covers this message; it was attested, not seen.", ["OPT-09"],
        "Renew imported opt-ins with evidence when people next act." }
    /// Note: resting on a yes that a named person vouched for.
    CoveredByVouching { "consent.covered_by_vouching", Note,
        "An opt-in without complete evidence covers this message, because a named person vouched for it.", ["OPT-09"],
        "Let the person confirm it when they next write." }
    /// Note: inside the window.
    WindowOpen { "window.open", Note,
        "The person wrote to this number within the last 24 hours.", ["SND-02", "SND-03"], "" }
    /// Note: template not on the list.
    TemplateUnknown { "template.unknown", Note,
        "The account's template list does not name this template; it is judged as marketing.", ["SND-07"],
        "Check the template's name and language." }
}

impl Rule {
    /// Its stable name.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.card().id
    }

    /// The rule of that name.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.id() == id)
    }
}
