//! What is said of each condition: a title, a sentence, what to do, and the guide's page.
//!
//! Where a cause of health stands behind it, the sentence is the guide's own. No remedy here leads around the
//! platform's rules, and no text holds a whole phone number, a message or a secret.

use greenline_guide::Guide;
use greenline_policy::alert::{About, Alert, Kind};
use greenline_policy::avenue::Avenue;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::record::Record;
use crate::directory::Business;

/// Digits of a number as people see it that are shown.
const DIGITS_SHOWN: usize = 2;

/// What is said of a condition.
pub(super) struct Words {
    /// In a few words.
    pub(super) title: &'static str,
    /// In a sentence, where no cause says it.
    pub(super) text: &'static str,
    /// What to do.
    pub(super) todo: &'static str,
    /// The slug of the guide's article.
    pub(super) article: &'static str,
}

/// Of a condition.
pub(super) fn words(kind: Kind) -> Words {
    let (title, text, todo, article) = match kind {
        Kind::AccountDisabled => (
            "account disabled",
            "Meta has disabled the account: nothing goes out, and nothing arrives.",
            "Ask for a review in Business Support Home, and tell the people who wait for answers another way to reach you.",
            "blocked-number",
        ),
        Kind::AccountLocked => (
            "account locked",
            "Meta has locked the account: nothing can be sent, and do not count on anything arriving.",
            "Read the notice in WhatsApp Manager and ask for a review in Business Support Home; a lock ends only by appeal.",
            "blocked-number",
        ),
        Kind::AccountRefused => (
            "sends refused as if the account were locked",
            "Meta refused a send in a way that may mean a lock or a restriction; the account is being read to find out.",
            "Look at WhatsApp Manager for a notice. It is over by itself once a read says that the account is available.",
            "blocked-number",
        ),
        Kind::AccountScheduled => (
            "account will be disabled",
            "Meta has announced that it will disable the account.",
            "Ask for a review in Business Support Home before the day, and export what you need.",
            "blocked-number",
        ),
        Kind::AccountUnclear => (
            "account restricted or rejected",
            "Meta shows the account as restricted or rejected and does not say what that stops.",
            "Read the notice in WhatsApp Manager; nothing new is started until a read says more.",
            "blocked-number",
        ),
        Kind::NumberBanned => (
            "number banned",
            "WhatsApp has banned the number: it can neither send nor receive.",
            "Ask for a review in Business Support Home, and tell people another way to reach you.",
            "blocked-number",
        ),
        Kind::NumberOffline => (
            "number not connected",
            "The number is not connected, so nothing goes out or comes in.",
            "Look in WhatsApp Manager whether it was deregistered, moved, or disconnected in the phone app, and register it again.",
            "bot-silent",
        ),
        Kind::HealthBlocked => (
            "number blocked, reason unclear",
            "Meta says that the number cannot send, for a reason that is not known here.",
            "Read the number's health in WhatsApp Manager; it names what to do.",
            "blocked-number",
        ),
        Kind::NumberThrottled => (
            "number throttled",
            "Meta shows the number as rate limited.",
            "Send less and more slowly until the status changes.",
            "messaging-limit",
        ),
        Kind::RestrictionStarts => (
            "templates restricted",
            "Meta has restricted the account: no templates go until the end; people can write and be answered.",
            "Answer who writes, hold campaigns until the end, and find out which messages people complained about.",
            "blocked-number",
        ),
        Kind::RestrictionReplies => (
            "answers restricted too",
            "Meta has restricted the account: no message goes at all until the end; people can still write.",
            "Tell the people who wait for answers another way to reach you, and ask for a review in Business Support Home.",
            "blocked-number",
        ),
        Kind::RestrictionUnknown => (
            "restriction of an unknown type",
            "Meta has told of a restriction of a type that is not known here; nothing new is started while it lasts.",
            "Read the notice in WhatsApp Manager and tell whoever keeps this installation, so that the type can be learned.",
            "blocked-number",
        ),
        Kind::RestrictionUtility => (
            "utility templates restricted",
            "Meta restricts the account's utility templates because they were used for something else.",
            "Look at which templates are utility in name only, and have their category put right; utility is for what people asked for.",
            "template-category",
        ),
        Kind::RestrictionCalls => (
            "calls restricted",
            "Meta restricts calls of the account.",
            "Write instead of calling until the end, and call only people who agreed to calls.",
            "calls",
        ),
        Kind::RestrictionAdding => (
            "no numbers can be added",
            "Meta lets no number be added while a restriction lasts.",
            "Wait for the end; another number would not lift the restriction.",
            "another-number",
        ),
        Kind::RestrictionEnding => (
            "restriction about to end",
            "A restriction of the account ends soon.",
            "Begin again slowly, with people who agreed lately; the next restriction would be longer.",
            "blocked-number",
        ),
        Kind::RestrictionUnread => (
            "restriction over, not confirmed",
            "A restriction's end has passed, and nothing that was read since says that the account is available.",
            "See why the number cannot be read; until it is, nothing new is started.",
            "blocked-number",
        ),
        Kind::Payment => (
            "payment problem",
            "Meta does not send templates because of a payment problem.",
            "Put the payment method of the account right in Meta's billing settings.",
            "blocked-number",
        ),
        Kind::SpamLimit => (
            "limited, people blocked or reported too much",
            "Meta limits what the number sends because people blocked or reported too much of it.",
            "Stop campaigns from this number and find out whom they reached without an opt-in, or too often.",
            "low-rating-causes",
        ),
        Kind::TokenRefused => (
            "the platform refuses the token",
            "Meta refuses the business's access token (error 190) or calls it invalid, so nothing can be sent or read with it.",
            "Make a new token of a system user, put it into access_token and start again.",
            "token-ends",
        ),
        Kind::TokenExpired => (
            "token expired",
            "The business's access token, or its access to data, has ended: Meta refuses what is sent or read with it.",
            "Make a new token of a system user, which need not end, put it into access_token and start again.",
            "token-ends",
        ),
        Kind::TokenExpiresSoon => (
            "token expires within days",
            "The business's access token, or its access to data, ends within days; then nothing can be sent or read with it.",
            "Make a new token of a system user now, which need not end, put it into access_token and start again.",
            "token-ends",
        ),
        Kind::TokenExpiring => (
            "token expiring",
            "The business's access token, or its access to data, ends in a while; then nothing can be sent or read with it.",
            "Plan to make a new token of a system user, which need not end, to put it into access_token and start again.",
            "token-ends",
        ),
        Kind::WebhooksSilent => (
            "webhooks silent",
            "Messages go out and nothing at all comes back: no status and nothing that people write.",
            "Check that Meta's app still calls this address and that the account is subscribed; stops that people write are not seen meanwhile.",
            "bot-silent",
        ),
        Kind::NotSubscribed => (
            "app not subscribed to the account",
            "The app that the token is of is not subscribed to the account, so webhooks go to other apps or nowhere.",
            "Subscribe the app to the account again; stops that people write are not seen meanwhile.",
            "bot-silent",
        ),
        Kind::Standby => (
            "another app has the thread",
            "What people write comes in on standby: another app answers.",
            "Find out which app took the thread; answering takes it over.",
            "bot-silent",
        ),
        Kind::ReadsFailing => (
            "number not read for long",
            "The number could not be read from Meta for long, so its rating and status may be old.",
            "Look at the log for why: the network, the token, or too many calls.",
            "bot-silent",
        ),
        Kind::RatingLow => (
            "rating low",
            "Meta rates the number low: people block or report what it sends, or leave it unread.",
            "Stop marketing from this number, and look at its page for what weighs most; answers go on.",
            "low-rating-causes",
        ),
        Kind::RatingMedium => (
            "rating medium",
            "Meta rates the number medium: people take some of what it sends badly.",
            "Look at what was sent of late: to whom without a recent opt-in, and how often to the same people.",
            "low-rating-causes",
        ),
        Kind::Warned => (
            "violation recorded",
            "Meta recorded a violation and stopped nothing yet.",
            "Read the notice in WhatsApp Manager and change what it names; the next one may restrict the account.",
            "penalties",
        ),
        Kind::LimitReached => (
            "messaging limit used up",
            "The portfolio has reached as many people as it may within 24 hours; answers go on.",
            "Wait until places are free again, and write first to those to whom it matters most.",
            "messaging-limit",
        ),
        Kind::LimitNear => (
            "messaging limit near",
            "The portfolio has nearly reached as many people as it may within 24 hours.",
            "Keep what is left for messages that people wait for; campaigns can go on tomorrow.",
            "messaging-limit",
        ),
        Kind::LimitLowered => (
            "messaging limit lowered",
            "Meta lowered how many people the portfolio may reach within 24 hours.",
            "Plan campaigns by the new limit, and read the guide on why limits fall.",
            "limit-lowered",
        ),
        Kind::LimitRaised => (
            "messaging limit raised",
            "Meta raised how many people the portfolio may reach within 24 hours.",
            "Nothing has to be done. Growing slowly keeps the rating.",
            "messaging-limit",
        ),
        Kind::TemplateDisabled => (
            "template disabled",
            "Meta has disabled the template for good: people took it badly.",
            "Find out whom it reached and write a template that people want; the same text under another name would fare no better.",
            "template-paused",
        ),
        Kind::TemplatePaused => (
            "template paused",
            "Meta has paused the template: people took it badly.",
            "Stop campaigns that use it, and change the text or the audience before it goes on.",
            "template-paused",
        ),
        Kind::TemplateCategory => (
            "template category changed",
            "Meta changed the template's category, or says that it will.",
            "Make sure that the people it goes to agreed to that category; ask for a review if the change is wrong.",
            "template-category",
        ),
        Kind::AvenueClosed => (
            "way out closed",
            "A way for people to stop messages is closed.",
            "The page of ways out says what is missing; asks may be refused until one is open.",
            "only-way-out",
        ),
        Kind::UnknownWord | Kind::UnknownAccountWord | Kind::UnknownLimit => (
            "unknown word from the platform",
            "Meta says something in a word that is not known here; where it matters, nothing new is started.",
            "Look at the timeline for the word and tell whoever keeps this installation.",
            "blocked-number",
        ),
    };
    Words {
        title,
        text,
        todo,
        article,
    }
}

/// Without the marks of Markdown, which neither mail nor a chat renders.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// Whom it is about, for people.
fn whom(business: &Business, alert: &Alert) -> String {
    let subject = &*alert.subject;
    match alert.kind.about() {
        About::Number => {
            let mut numbers = business.config.number.iter();
            let shown = numbers
                .find(|number| number.phone_number_id == subject)
                .map_or("", |number| &number.display_number);
            let digits: Vec<char> = shown.chars().filter(char::is_ascii_digit).collect();
            let last = digits.len().saturating_sub(DIGITS_SHOWN);
            let last: String = digits.iter().skip(last).collect();
            if last.is_empty() {
                format!("Number {subject}")
            } else {
                format!("Number …{last} ({subject})")
            }
        }
        About::Account => format!("Account {subject}"),
        About::Business => business.config.name.clone(),
        About::Template => {
            let mut parts = subject.rsplitn(3, '/');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(language), Some(name), Some(_)) => format!("Template {name} ({language})"),
                _ => format!("Template {subject}"),
            }
        }
        About::Avenue => {
            let mut all = Avenue::ALL.into_iter();
            let avenue = all.find(|avenue| avenue.as_str() == subject);
            avenue.map_or_else(
                || subject.to_owned(),
                |avenue| crate::admin::avenue_word(avenue).to_owned(),
            )
        }
    }
}

fn counted(count: u64) -> String {
    if count == u64::MAX {
        "unlimited".to_owned()
    } else {
        count.to_string()
    }
}

/// A moment, for people.
pub(super) fn moment(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).map(|at| at.to_zoned(TimeZone::UTC));
    at.map_or_else(
        |_| "a time out of range".to_owned(),
        |at| at.strftime("%-d %b %Y, %H:%M UTC").to_string(),
    )
}

/// An alert that opens.
pub(super) fn record(business: &Business, alert: &Alert, id: String, now_ms: i64) -> Record {
    let words = words(alert.kind);
    let card = alert.cause.and_then(|cause| Guide::this().cause(cause));
    let mut text = card.map_or_else(|| words.text.to_owned(), |card| plain(&card.say));
    if let Some((some, all)) = alert.count {
        let more = match alert.kind {
            Kind::LimitRaised | Kind::LimitLowered => {
                format!(" From {} to {}.", counted(some), counted(all))
            }
            _ => format!(" {} of {}.", counted(some), counted(all)),
        };
        text.push_str(&more);
    }
    if let Some(until_ms) = alert.until_ms {
        text.push_str(&format!(" Until {}.", moment(until_ms)));
    }
    Record {
        id,
        kind: alert.kind.id().to_owned(),
        about: alert.kind.about().as_str().to_owned(),
        subject: alert.subject.to_string(),
        severity: alert.kind.severity().as_str().to_owned(),
        title: format!("{}: {}", whom(business, alert), words.title),
        text,
        todo: words.todo.to_owned(),
        guide: format!("/guide/{}", words.article),
        since_ms: now_ms,
        until_ms: alert.until_ms,
        closed_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_has_words_and_a_page_of_the_guide() {
        for kind in Kind::ALL {
            let words = words(*kind);
            assert!(Guide::this().article(words.article).is_some(), "{kind:?}");
            for text in [words.text, words.todo] {
                assert!(text.ends_with('.'), "{kind:?}: {text}");
            }
            assert!(!words.title.ends_with('.'), "{kind:?}");
        }
    }
}
