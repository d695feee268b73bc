//! Ways out: which are open, and whether notifications are the only one.
//!
//! A person must be able to stop without having got a notification first (Q2 of the founding questions).
//! [`audit`] says for each kind of message which avenues are open, how each was last proved and what is
//! missing; [`only_notifications`] is the part of it that decisions about asks look at. Both look at what
//! they are given: they prove nothing themselves and read no clock.

use crate::scope::{Categories, Category};

/// For how long an inbound message proves that people can write to a number.
pub const INBOUND_PROOF_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// A way to stop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Avenue {
    /// A stop word or phrase, written to a number of the business.
    ReplyWord,
    /// The hosted preference page.
    PreferencePage,
    /// The business's own systems pass requests on through the API.
    Api,
    /// Staff record requests made by phone, by e-mail or in a shop.
    Staff,
    /// A quick-reply or interactive button inside a notification.
    Button,
    /// The one-click POST of RFC 8058, by whatever shows the notification.
    OneClick,
    /// WhatsApp's own switch.
    NativeSwitch,
    /// Error 131050: the platform says so when a message is sent.
    PlatformError,
}

impl Avenue {
    /// Every avenue, those that need no notification first.
    pub const ALL: [Self; 8] = [
        Self::ReplyWord,
        Self::PreferencePage,
        Self::Api,
        Self::Staff,
        Self::Button,
        Self::OneClick,
        Self::NativeSwitch,
        Self::PlatformError,
    ];

    /// The name used in APIs, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReplyWord => "reply_word",
            Self::PreferencePage => "preference_page",
            Self::Api => "api",
            Self::Staff => "staff",
            Self::Button => "button",
            Self::OneClick => "one_click",
            Self::NativeSwitch => "native_switch",
            Self::PlatformError => "platform_error",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|avenue| avenue.as_str() == text)
    }

    /// Whether a person can take it without having got a notification.
    #[must_use]
    pub fn needs_no_notification(self) -> bool {
        matches!(
            self,
            Self::ReplyWord | Self::PreferencePage | Self::Api | Self::Staff
        )
    }

    /// Whether it can stop messages of that kind. The platform's own word is about marketing alone
    /// (OPT-43); "stop all" reaches even authentication codes.
    #[must_use]
    pub fn stops(self, category: Category) -> bool {
        match self {
            Self::NativeSwitch | Self::PlatformError => category == Category::Marketing,
            Self::Button => category != Category::Authentication,
            _ => true,
        }
    }
}

/// When an avenue was last walked, and whether to its end; Unix milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Track {
    /// A person took it.
    pub used_ms: Option<i64>,
    /// A probe walked it to its end.
    pub probed_ms: Option<i64>,
    /// A probe did not get to its end.
    pub failed_ms: Option<i64>,
}

impl Track {
    /// The last time it was walked to its end.
    #[must_use]
    pub fn proved(&self) -> Option<(i64, How)> {
        let used = self.used_ms.map(|at_ms| (at_ms, How::Use));
        let probed = self.probed_ms.map(|at_ms| (at_ms, How::Probe));
        used.max(probed)
    }

    /// A probe failed, and nothing has proved it since; a tie goes to the failure.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.failed_ms.is_some_and(|failed_ms| {
            self.proved()
                .is_none_or(|(proved_ms, _)| proved_ms <= failed_ms)
        })
    }
}

/// How an avenue was proved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum How {
    /// By a probe that walked it to its end.
    Probe,
    /// By a person who took it.
    Use,
}

impl How {
    /// The name used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Use => "use",
        }
    }
}

/// What the business says of its own systems and the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Api {
    /// Nothing: it counts once it was really used.
    #[default]
    Unsaid,
    /// They pass requests on: a probe proves it too.
    Used,
    /// They don't: it never counts.
    Unused,
}

/// Everything the audit looks at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// The business has a number.
    pub has_number: bool,
    /// Its webhooks can be verified.
    pub hears: bool,
    /// Preference links can be made.
    pub makes_links: bool,
    /// The page is reachable from a published place.
    pub page_is_published: bool,
    /// People are told how to reach staff.
    pub staff_is_named: bool,
    /// What the business says of the API.
    pub api: Api,
    /// When anybody last wrote to a number of the business.
    pub inbound_ms: Option<i64>,
    /// How each avenue was walked, in the order of [`Avenue::ALL`].
    pub tracks: [Track; Avenue::ALL.len()],
}

impl Known {
    /// How an avenue was walked.
    #[must_use]
    pub fn track(&self, avenue: Avenue) -> Track {
        Avenue::ALL
            .iter()
            .zip(&self.tracks)
            .find_map(|(known, track)| (*known == avenue).then_some(*track))
            .unwrap_or_default()
    }

    /// The same, to be written to.
    pub fn track_mut(&mut self, avenue: Avenue) -> Option<&mut Track> {
        Avenue::ALL
            .iter()
            .zip(&mut self.tracks)
            .find_map(|(known, track)| (*known == avenue).then_some(track))
    }

    /// Whether nobody has written and nobody took a way out yet, and none was found to be broken: so it is before
    /// the first day of an installation.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        let untried = |track: &Track| track.used_ms.is_none() && !track.is_broken();
        self.inbound_ms.is_none() && self.tracks.iter().all(untried)
    }
}

/// Why an avenue is not open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Missing {
    /// No number to write to.
    Number,
    /// Webhooks cannot be verified, so nothing is heard.
    Webhooks,
    /// Nobody wrote to any number of late.
    Inbound,
    /// No preference links can be made.
    Links,
    /// The page is reachable from no published place.
    Published,
    /// Nobody is told how to reach staff.
    StaffNamed,
    /// The business says its systems do not pass requests on.
    ApiUnused,
    /// It was never proved.
    Proof,
    /// The last probe did not get to its end.
    ProbeFailed,
}

impl Missing {
    /// The name used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Webhooks => "webhooks",
            Self::Inbound => "inbound",
            Self::Links => "links",
            Self::Published => "published_place",
            Self::StaffNamed => "staff_named",
            Self::ApiUnused => "api_unused",
            Self::Proof => "proof",
            Self::ProbeFailed => "probe_failed",
        }
    }

    /// What to do about it, one sentence.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Number => "The business has no number that people could write to.",
            Self::Webhooks => {
                "Webhooks cannot be verified: set the business's app_secret and subscribe its app."
            }
            Self::Inbound => {
                "Nobody has written to any number within 7 days: write to it from a phone, and see that the webhook arrives."
            }
            Self::Links => "No preference links can be made: set listen.public_url.",
            Self::Published => {
                "The preference page is reachable from no published place: publish a way to it and name that in avenues.preference_page_published_at."
            }
            Self::StaffNamed => "Nobody is told how to reach staff: name how in avenues.staff.",
            Self::ApiUnused => "The settings say that no system passes requests on (avenues.api).",
            Self::Proof => {
                "It was never proved: run greenline avenues --probe. The API counts once a system of yours passed a request on, or by a probe with avenues.api = true."
            }
            Self::ProbeFailed => {
                "The last probe did not get to its end: see the log, mend it, and probe again."
            }
        }
    }
}

/// One avenue for one kind of message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Which.
    pub avenue: Avenue,
    /// For messages of this kind and the topics below it.
    pub category: Category,
    /// A person can take it now.
    pub open: bool,
    /// It counts beside notifications.
    pub counts: bool,
    /// When it was last proved, and how.
    pub proved: Option<(i64, How)>,
    /// Why it is not open.
    pub missing: Option<Missing>,
}

/// How every avenue stands, for each kind of message.
#[must_use]
pub fn audit(known: &Known, now_ms: i64) -> Vec<Finding> {
    let mut findings = Vec::with_capacity(Category::ALL.len() * Avenue::ALL.len());
    for category in Category::ALL {
        for avenue in Avenue::ALL.into_iter().filter(|a| a.stops(category)) {
            let missing = missing(avenue, known, now_ms);
            let inbound = known
                .inbound_ms
                .filter(|_| avenue == Avenue::ReplyWord)
                .map(|at_ms| (at_ms, How::Use));
            findings.push(Finding {
                avenue,
                category,
                open: missing.is_none(),
                counts: avenue.needs_no_notification(),
                proved: known.track(avenue).proved().max(inbound),
                missing,
            });
        }
    }
    findings
}

/// The first thing that keeps an avenue from being open.
fn missing(avenue: Avenue, known: &Known, now_ms: i64) -> Option<Missing> {
    let track = known.track(avenue);
    let heard = [
        (!known.has_number, Missing::Number),
        (!known.hears, Missing::Webhooks),
    ];
    let inbound = known
        .inbound_ms
        .is_some_and(|at_ms| now_ms < at_ms.saturating_add(INBOUND_PROOF_MS));
    let proved = match (avenue, known.api) {
        (Avenue::Api, Api::Unsaid) => track.used_ms.is_some(),
        _ => track.proved().is_some(),
    };
    let own: &[(bool, Missing)] = match avenue {
        Avenue::ReplyWord => &[(!inbound, Missing::Inbound)],
        Avenue::PreferencePage => &[
            (!known.makes_links, Missing::Links),
            (!known.page_is_published, Missing::Published),
            (!proved, Missing::Proof),
        ],
        Avenue::OneClick => &[(!known.makes_links, Missing::Links)],
        Avenue::Api => &[
            (known.api == Api::Unused, Missing::ApiUnused),
            (!proved, Missing::Proof),
        ],
        Avenue::Staff => &[(!known.staff_is_named, Missing::StaffNamed)],
        Avenue::Button | Avenue::NativeSwitch | Avenue::PlatformError => &[],
    };
    let by_thread = matches!(
        avenue,
        Avenue::ReplyWord | Avenue::Button | Avenue::NativeSwitch | Avenue::PlatformError
    );
    heard
        .iter()
        .filter(|_| by_thread)
        .chain(own)
        .chain(&[(track.is_broken(), Missing::ProbeFailed)])
        .find_map(|(is_missing, what)| is_missing.then_some(*what))
}

/// Kinds of messages from which notifications would be the only way out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct OnlyNotifications(Categories);

impl OnlyNotifications {
    /// The kinds named.
    #[must_use]
    pub fn of(categories: impl IntoIterator<Item = Category>) -> Self {
        Self(Categories::of(categories))
    }

    /// Whether they are the only way out of messages of that kind.
    #[must_use]
    pub fn holds(self, category: Category) -> bool {
        self.0.holds(category)
    }

    /// As records keep it.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0.bits()
    }

    /// Reads [`Self::bits`].
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(Categories::from_bits(bits))
    }
}

/// Kinds of messages for which no avenue is open that needs no notification.
#[must_use]
pub fn only_notifications(known: &Known, now_ms: i64) -> OnlyNotifications {
    let is_open = |category: Category| {
        Avenue::ALL.into_iter().any(|avenue| {
            avenue.needs_no_notification()
                && avenue.stops(category)
                && missing(avenue, known, now_ms).is_none()
        })
    };
    OnlyNotifications::of(Category::ALL.into_iter().filter(|c| !is_open(*c)))
}
