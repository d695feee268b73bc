//! The rule catalogue: every reason a decision can give, with its sentence, sources and remedy.
//!
//! Reasons answer people, so each has one plain sentence and the cheapest legitimate next step. No
//! remedy ever suggests another category or another number to get round a refusal.

use crate::hold::HoldGroup;
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
    /// What an app asks to wait for when it wants messages that this rule refuses kept and sent later; `None` for
    /// what is never waited for.
    pub hold: Option<HoldGroup>,
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

/// The kind of waiting that a rule's entry names, or none.
macro_rules! waited_for {
    () => {
        None
    };
    ($group:ident) => {
        Some(HoldGroup::$group)
    };
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident { $id:literal, $severity:ident, $text:literal, [$($source:literal),*], $remedy:literal
        $(, since($($since:literal),*))? $(, until($($until:literal),*))? $(, hold($hold:ident))? })*) => {
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
                            hold: waited_for!($($hold)?),
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
    /// A rule that the business set for itself.
    BusinessRule { "business.rule", Permanent,
        "A rule that the business set for itself refuses this message.",
        ["design 5"],
        "Ask whoever keeps the business's settings (`[[business.rule]]`) about the rule of that name." }
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
    /// The number is not there to send.
    NumberOffline { "number.offline", Permanent,
        "The number is not connected: it is not registered yet, went offline, was removed, or lives in another account. It can neither send nor receive.",
        ["QL-33", "QL-37", "QL-38", "QL-39", "QL-44"],
        "See that the number is registered in this account and that its status reads CONNECTED." }
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
    /// Utility templates of the account go as marketing.
    UtilityRestricted { "number.utility_restricted", Passing,
        "The platform has turned this account's utility templates into marketing until the time given, for repeated misuse of the category: they go as marketing and need marketing consent. None starts a conversation as utility.",
        ["ENF-20", "ENF-23", "health-rules N9"],
        "Wait for the end, or for the platform's word that it is over; correct meanwhile what the templates say." }
    /// It looks like a lock, and nobody has looked yet.
    AccountUnclear { "account.unclear", Passing,
        "The platform refused a message as if the account were locked (131031), or says that the number cannot send and gives no reason that is known. Nothing is sent until the number has been read again.",
        ["ENF-14", "QL-41", "health-rules N6", "health-rules N8"],
        "Wait for the next read of the number, which Greenline does by itself; if it stays so, look into Business Support Home." }
    /// A payment problem.
    AccountPayment { "account.payment", Passing,
        "The platform has a problem with the account's payment and takes no templates until that is put right.",
        ["ENF-31", "QL-43", "health-rules N8"],
        "Put the payment method right in the platform's billing settings." }
    /// Nobody knows whether it may start again.
    NumberUnread { "number.unread", Passing,
        "Whether the platform lets this number start conversations is not known: a restriction's end or the day of an announced disabling has passed, a refusal was seen, or the number's or the account's state does not say, and no read since has settled it. Nothing is started until it is; answers are tried.",
        ["ENF-15", "ENF-33", "health-rules N1", "health-rules N3", "health-rules N4", "health-rules N6", "health-rules N14"],
        "Wait for the next read of the number, which Greenline does by itself; `greenline number capabilities` says what it waits for." }
    /// Messaging limit reached.
    LimitReached { "limit.reached", Passing,
        "The number has reached its messaging limit: no new conversations for now; replies still go.",
        ["QL-10"],
        "Wait until the rolling 24 hours free up.",
        hold(Limit) }
    /// The platform limits the number for spam.
    LimitSpam { "limit.spam", Passing,
        "The platform limits what this number sends, because people blocked or reported too much of it (error 131048). For 24 hours after it last said so no conversation is started from this number; replies still go.",
        ["QL-09", "health-rules N7"],
        "Wait until the time given and find out meanwhile what people disliked; answer those who write.",
        hold(Limit) }
    /// The account has sent as many utility templates as it may.
    LimitUtility { "limit.utility", Passing,
        "The platform refused a utility template of this account, because after misuse of the category only so many may go within 24 hours (error 131064). For 24 hours after it last said so no utility template starts a conversation; everything else goes.",
        ["ENF-24", "health-rules N9"],
        "Wait until the time given; send the most needed utility templates first then, and correct what the templates say.",
        hold(Limit) }
    /// The portfolio has reached as many people as it may.
    LimitPortfolio { "limit.portfolio", Passing,
        "The portfolio has reached as many different people within 24 hours as it may: no conversation with anybody else can be started for now. People it has reached already, and replies, still go.",
        ["QL-10", "QL-11", "QL-17", "health-rules N11"],
        "Wait until a place is free again: each is, 24 hours after the last message that reached its person.",
        since(2025, 10, 7, "QL-17"), hold(Limit) }
    /// Template paused.
    TemplatePaused { "template.paused", Passing,
        "The platform has paused this template for low quality.",
        ["SND-20", "SND-21", "SND-22"],
        "Wait for the pause to end; look at what people disliked meanwhile." }
    /// As many as the business allows itself.
    FrequencyCap { "frequency.cap", Passing,
        "As many messages of this kind have gone to the person as the business's own cap on them allows.",
        ["design 5"],
        "Wait until the time given: then the first of them is out of the window.",
        hold(Pacing) }
    /// The platform's own bound on marketing to one person.
    LimitPerUser { "limit.per_user", Passing,
        "The platform kept back a marketing template to this person: it bounds how much marketing a person gets, from all businesses together.",
        ["SND-30", "SND-32"],
        "Wait until the time given and do not try again before: that is itself blocked, and each further time the wait is longer. It says nothing about the person's opt-in; send less marketing, of a kind that people read.",
        since(2024, 2, 6, "SND-30"), hold(Pacing) }
    /// The business stops marketing from a number that is rated so low.
    GuardQuality { "guard.quality", Passing,
        "The platform rates this number so low that the business's own settings stop marketing from it.",
        ["QL-01", "QL-02", "QL-03", "QL-06", "design 5"],
        "Find out what people disliked and write less until the rating is better; replies, utility and authentication go on. The platform looks at the last 7 days." }
    /// It is night there.
    QuietHours { "quiet_hours", Passing,
        "It is quiet time where the person may be, by the business's own hours or by a law that it keeps.",
        ["law 6", "LAW-AE", "LAW-IN-HOURS", "LAW-US"],
        "Send it once the quiet time is over.",
        hold(QuietHours) }
    /// Outside the window.
    WindowClosed { "window.closed", Passing,
        "More than 24 hours have passed since the person last wrote to this number, so only templates may go.",
        ["SND-02", "SND-03"],
        "Send an approved template that the person's opt-in covers, or wait until they write." }
    /// Too fast from this number to this person.
    PacePair { "pace.pair", Passing,
        "From one number to one person the platform takes one message every six seconds. Up to 45 may borrow from the time after them, and once so many are owed the next one waits until all are paid back. Where the platform itself answers that it is too fast, the next one waits longer each time.",
        ["SND-45"],
        "Wait until the time given, and put what there is to say into fewer messages.",
        hold(Pacing) }
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
    /// Note: the guard over the number's rating could not look.
    GuardQualityBlind { "guard.quality_unknown", Note,
        "The business's settings stop marketing from numbers that are rated low. This number has no rating, or none that was read of late, so nothing is stopped by it.",
        ["QL-01", "QL-06", "QL-07"],
        "See that Greenline can read the number from the platform; a new number has no rating for a while." }
    /// Note: whether the platform still limits the number for spam is not known.
    LimitSpamUnknown { "limit.spam_unknown", Note,
        "More than 24 hours ago the platform limited what this number sends, because people blocked or reported too much of it (error 131048). Nothing read or sent since says whether it still does.",
        ["QL-09", "health-rules N7"],
        "Begin with few messages, to people who are sure to want them: the first that the platform takes settles it, and so does a look at the number." }
    /// Note: people take the template badly.
    TemplateLowQuality { "template.low_quality", Note,
        "People take this template badly: the platform rates it low or medium.",
        ["QL-08", "SND-20", "SND-21"],
        "Look at who gets it and how often, and make it better or send it to fewer people, before the platform pauses it." }
    /// Note: the platform may hold some of it for a while.
    TemplatePacing { "template.pacing", Note,
        "The platform does not rate this template high: it may deliver a part first and hold the rest until it has seen how people take it, mostly within an hour.",
        ["SND-24"],
        "Expect `held_for_quality_assessment` for a part, and do not send it again; what people dislike fails with 132015.",
        since(2023, 10, 12, "SND-24") }
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
