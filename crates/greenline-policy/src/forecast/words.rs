//! What each obstacle and each sign says, what it rests on, and what helps.
//!
//! No remedy gets round anything: none says another category, another number or another sender (law 10).

use super::growth::Obstacle;
use super::risk::Sign;

/// Words for something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Words {
    /// Its stable name.
    pub id: &'static str,
    /// What it says, in a sentence that can be sent on.
    pub say: &'static str,
    /// The facts that it rests on.
    pub facts: &'static [&'static str],
    /// What helps; empty where nothing is to be done.
    pub remedy: &'static str,
}

const BETTER: &str = "Write less, only to people who asked for it, and only what they care for; the rating follows the last seven days.";

impl Obstacle {
    /// Every obstacle.
    pub const ALL: [Self; 18] = [
        Self::Closed,
        Self::Flagged,
        Self::NotConnected,
        Self::RatedLow,
        Self::OtherRatedLow,
        Self::TemplateLow,
        Self::RatedMedium,
        Self::OtherRatedMedium,
        Self::TemplateMedium,
        Self::NotRated,
        Self::OtherNotRated,
        Self::RatingOld,
        Self::RaiseFailed,
        Self::MoreInfoWanted,
        Self::RaiseDeferred,
        Self::Verification,
        Self::OwnLimit,
        Self::TooFewPeople,
    ];

    /// What it says.
    #[must_use]
    pub fn words(self) -> Words {
        let (id, say, facts, remedy): (_, _, &'static [&'static str], _) = match self {
            Self::Closed => (
                "closed",
                "Nothing can be started at present, so nobody is reached and nothing grows.",
                &["QL-10", "ENF-00"],
                "See what the number can still do, and wait for the end that stands there.",
            ),
            Self::Flagged => (
                "flagged",
                "While a number is flagged its limit is not raised.",
                &["QL-16", "QL-15"],
                BETTER,
            ),
            Self::NotConnected => (
                "not_connected",
                "A limit grew only while the number was connected, and that is not known of it.",
                &["QL-16", "QL-33"],
                "Read the number's status again.",
            ),
            Self::RatedLow => (
                "rated_low",
                "The number is rated low.",
                &["QL-22", "QL-16"],
                BETTER,
            ),
            Self::OtherRatedLow => (
                "other_rated_low",
                "Another number of the portfolio is rated low, and one bad number holds back all.",
                &["QL-22", "QL-23"],
                "Look at that number: what its people take badly has to change there.",
            ),
            Self::TemplateLow => (
                "template_low",
                "A template is rated low, and quality has to be good over all templates.",
                &["QL-22", "SND-20"],
                "Stop sending it, and rewrite it so that people want it before it goes again.",
            ),
            Self::RatedMedium => (
                "rated_medium",
                "The number is rated medium; Meta does not say whether that counts as good.",
                &["QL-22", "QL-06"],
                BETTER,
            ),
            Self::OtherRatedMedium => (
                "other_rated_medium",
                "Another number of the portfolio is rated medium; Meta does not say whether that counts as good.",
                &["QL-22", "QL-23"],
                "Look at that number too.",
            ),
            Self::TemplateMedium => (
                "template_medium",
                "A template is rated medium; Meta does not say whether that counts as good.",
                &["QL-22", "SND-20"],
                "Make it more useful to those who get it, or send it to fewer.",
            ),
            Self::NotRated => (
                "not_rated",
                "The number has no rating yet; Meta does not say whether that counts as good.",
                &["QL-01", "QL-22"],
                "A rating comes with messages that people get and like.",
            ),
            Self::OtherNotRated => (
                "other_not_rated",
                "Another number of the portfolio has no rating; Meta does not say whether that counts as good.",
                &["QL-01", "QL-22"],
                "",
            ),
            Self::RatingOld => (
                "rating_old",
                "The number's rating was not read of late, and no webhook tells when it changes.",
                &["QL-07", "QL-04"],
                "See that Greenline has a token that may read the number.",
            ),
            Self::RaiseFailed => (
                "raise_failed",
                "Meta said that a raise failed.",
                &["QL-24"],
                "Read the notice in Business Manager, which gives the reason.",
            ),
            Self::MoreInfoWanted => (
                "more_info_wanted",
                "Meta wants to know more before it raises the limit.",
                &["QL-24"],
                "Answer the request in Business Manager.",
            ),
            Self::RaiseDeferred => (
                "raise_deferred",
                "Meta put a raise off.",
                &["QL-24", "QL-22"],
                BETTER,
            ),
            Self::Verification => (
                "verification",
                "The first step comes with verification of the business, or with 2,000 different people reached outside windows in 30 days with good templates; whether the business is verified is not known here.",
                &["QL-21"],
                "Verify the business in Business Manager.",
            ),
            Self::OwnLimit => (
                "own_limit",
                "The limit that the business set itself is so low that a raise is never earned by people.",
                &["QL-22", "QL-16"],
                "If the business wants to grow, raise `portfolio_limit` in its settings.",
            ),
            Self::TooFewPeople => (
                "too_few_people",
                "Fewer different people were reached than a raise takes.",
                &["QL-22", "QL-16", "QL-21", "QL-10"],
                "Win more people who ask for your messages; writing to people who did not costs the rating.",
            ),
        };
        Words {
            id,
            say,
            facts,
            remedy,
        }
    }
}

impl Sign {
    /// What it says.
    #[must_use]
    pub fn words(self) -> Words {
        let (id, say, facts, remedy): (_, _, &'static [&'static str], _) = match self {
            Self::Enforced => (
                "enforced",
                "A restriction, a lock or a ban is in force or was of late; the next one is longer.",
                &["ENF-00", "ENF-10"],
                "Find out what it was for in Business Support Home, change that, and ask for a review where that is open.",
            ),
            Self::Warned => (
                "warned",
                "Meta recorded a violation; a warning is the first step of the ladder.",
                &["ENF-00", "ENF-30", "ENF-01"],
                "Read the notice in Business Manager and change what it names before anything else is sent.",
            ),
            Self::UtilityMisuse => (
                "utility_misuse",
                "Meta found templates in the utility category that are marketing; that has a ladder of its own.",
                &["ENF-20", "ENF-24"],
                "Move such templates to marketing yourself, and send them only to people who agreed to marketing.",
            ),
            Self::SpamLimit => (
                "spam_limit",
                "Meta limited the number because people blocked or reported too much of it (131048).",
                &["QL-09"],
                BETTER,
            ),
            Self::Rated => (
                "rated",
                "The number is rated medium or low already.",
                &["QL-02", "QL-09", "ENF-03"],
                BETTER,
            ),
            Self::RatedBefore => (
                "rated_before",
                "The number was rated worse within the last seven days, and what that rested on still counts.",
                &["QL-02", "QL-04"],
                BETTER,
            ),
            Self::Unproven => (
                "unproven",
                "The number has not been rated good for two weeks on end: it is new, or was rated otherwise of late.",
                &["QL-02", "QL-06"],
                "Send more only step by step, and only what people asked for.",
            ),
            Self::Stops => (
                "stops",
                "Many people stop; whoever stops stands beside others who block or report, which no business is told.",
                &["QL-02", "QL-03", "QL-06"],
                "Look which templates people stop after, and write to fewer people until that is mended.",
            ),
            Self::Template => (
                "template",
                "A template is rated badly, paused or disabled.",
                &["SND-20", "SND-21"],
                "Leave it be, and rewrite it so that people want it before it goes again.",
            ),
            Self::WeakConsent => (
                "weak_consent",
                "Many messages rest on weak consent: claimed, imported, or older than a year.",
                &["OPT-01", "QL-03", "ENF-03"],
                "Stop writing to those people until they have agreed afresh, where they come by themselves.",
            ),
            Self::TooOften => (
                "too_often",
                "People get many messages each.",
                &["QL-02", "QL-03", "SND-30"],
                "Send less to each: set caps for a day and a week.",
            ),
            Self::HeldBack => (
                "held_back",
                "Meta holds marketing back from many people because of how they react (131049).",
                &["SND-30", "SND-32"],
                "Leave those people alone for longer than a day, and send less marketing.",
            ),
            Self::Unread => (
                "unread",
                "Much is neither read nor answered.",
                &["SND-20", "QL-02"],
                "Send only to those who read, and what they care for.",
            ),
            Self::Unreachable => (
                "unreachable",
                "Many messages go to numbers where nobody is (131026), as on lists that were bought or are old.",
                &["SND-48", "OPT-02"],
                "Clean the list: keep only people who gave you their number themselves.",
            ),
        };
        Words {
            id,
            say,
            facts,
            remedy,
        }
    }
}
