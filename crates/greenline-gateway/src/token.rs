//! What the platform says of the token that a business is called with: when it ends, whether it is valid, and of which
//! app it is (`debug_token`, TOK-01 to TOK-04).
//!
//! It is asked rarely, with the token itself, and what it answered is kept on the timeline when it changes; the token
//! never is. A platform that does not answer this token says nothing of it: then all of it is unknown, and what was
//! known of another token before does not count any more.

use std::borrow::Cow;

use greenline_ledger::LedgerError;
use greenline_ledger::types::{BusinessIx, TimelineEntry};
use greenline_policy::alert::TokenFacts;
use greenline_wire::answer::{self, TokenFields};
use jiff::Timestamp;

use crate::alerts;
use crate::app::App;
use crate::learn::{self, API_VERSION, Calls, Unread};
use crate::timeline::{self, LOOKED_AT_MAX, READ, note};

/// What the timeline calls the subject.
pub(crate) const SUBJECT: &str = "token";
/// What is kept of it, each under its name.
const EXPIRES: &str = "expires";
const DATA_ACCESS: &str = "data_access_expires";
const VALID: &str = "valid";
const KIND: &str = "type";
const APP: &str = "app";
/// It does not end.
const NEVER: &str = "never";
/// The platform does not say.
const UNKNOWN: &str = "unknown";
/// Codes with which the platform refuses to speak of a token, and which no trying again puts right (TOK-04).
const UNTOLD: [std::ops::RangeInclusive<u32>; 4] = [3..=3, 10..=10, 100..=100, 200..=299];

/// An account's webhooks go to the app that the token is of.
const OUR_APP: &str = "our app";
/// They went there, and now go to other apps only.
const OUR_APP_GONE: &str = "no: other apps only";
/// They go to other apps and were never seen to go to that of the token; the app that Greenline's webhooks come by may be
/// another one.
const OTHER_APPS: &str = "other apps";
/// They go to some app, and which one the token is of is not known.
const SOME_APP: &str = "some app";

/// When something ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Ends {
    /// Nobody says.
    #[default]
    Unknown,
    /// It does not.
    Never,
    /// Then, Unix milliseconds.
    At(i64),
}

impl Ends {
    /// From Unix seconds, where 0 is never (TOK-02).
    fn of(seconds: Option<i64>) -> Self {
        match seconds {
            None => Self::Unknown,
            Some(0) => Self::Never,
            Some(seconds) => Self::At(seconds.saturating_mul(1_000)),
        }
    }

    fn word(self) -> String {
        match self {
            Self::Unknown => UNKNOWN.to_owned(),
            Self::Never => NEVER.to_owned(),
            Self::At(at_ms) => Timestamp::from_millisecond(at_ms)
                .map_or_else(|_| UNKNOWN.to_owned(), |at| at.to_string()),
        }
    }

    fn parse(word: &str) -> Self {
        if word == NEVER {
            return Self::Never;
        }
        let at = word.parse::<Timestamp>();
        at.map_or(Self::Unknown, |at| Self::At(at.as_millisecond()))
    }

    /// When, if there is such a moment.
    pub(crate) fn at_ms(self) -> Option<i64> {
        match self {
            Self::At(at_ms) => Some(at_ms),
            Self::Unknown | Self::Never => None,
        }
    }
}

/// What was said of it last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Said {
    /// When it ends.
    pub(crate) expires: Ends,
    /// When its access to data does (TOK-03).
    pub(crate) data_access: Ends,
    /// Whether it is valid.
    pub(crate) valid: Option<bool>,
    /// `SYSTEM_USER`, `USER`, …
    pub(crate) kind: Option<String>,
    /// The app that it is of, and since when that is known, Unix milliseconds.
    pub(crate) app: Option<(String, i64)>,
    /// Since when what is known of its end is so, Unix milliseconds; `None` where it was never asked.
    pub(crate) since_ms: Option<i64>,
}

impl Said {
    /// Of entries that are about the token.
    pub(crate) fn read(entries: &[TimelineEntry]) -> Self {
        let stands = timeline::standing(entries);
        let word = |what: &str| {
            let stood = stands.get(what)?;
            (stood.value != UNKNOWN).then(|| (stood.value.clone(), stood.at_ms))
        };
        let ends = |what: &str| word(what).map_or(Ends::Unknown, |(word, _)| Ends::parse(&word));
        Self {
            expires: ends(EXPIRES),
            data_access: ends(DATA_ACCESS),
            valid: word(VALID).map(|(word, _)| word == "yes"),
            kind: word(KIND).map(|(word, _)| word),
            app: word(APP),
            since_ms: stands.get(EXPIRES).map(|stood| stood.at_ms),
        }
    }

    /// When the first of it ends that does, Unix milliseconds.
    pub(crate) fn ends_ms(&self) -> Option<i64> {
        let ends = [self.expires.at_ms(), self.data_access.at_ms()];
        ends.into_iter().flatten().min()
    }

    /// What alerts look at.
    pub(crate) fn facts(&self, refused: bool) -> TokenFacts {
        TokenFacts {
            refused,
            ends_ms: self.ends_ms(),
            invalid: self.valid == Some(false),
        }
    }
}

/// What stands on the timeline of a business's token, newest first.
pub(crate) async fn entries(
    app: &App,
    business: BusinessIx,
) -> Result<Vec<TimelineEntry>, LedgerError> {
    let id = app.directory.business(business).config.id.as_str();
    let of = Some((SUBJECT, id));
    app.ledger.timeline(business, of, None, LOOKED_AT_MAX).await
}

/// Asks what the platform says of the token.
pub(crate) async fn read(app: &App, business: BusinessIx, calls: &mut Calls) -> Result<(), Unread> {
    let asked_ms = app.clock.now_ms();
    let config = &app.directory.business(business).config;
    let token = config.access_token.reveal().as_bytes();
    let token: String = form_urlencoded::byte_serialize(token).collect();
    let target = format!("/{API_VERSION}/debug_token?input_token={token}");
    let values = match learn::get(app, business, &target, calls).await {
        Ok(body) => {
            let fields = answer::read_token(&body);
            values(&fields.ok_or("the answer is not what is said of a token")?)
        }
        Err(unread) if is_untold(&unread) => values(&TokenFields::default()),
        Err(unread) => return Err(unread),
    };
    let noted = note::seen(app, business, (SUBJECT, &config.id), &values, asked_ms).await;
    Ok(noted.map_err(|error| error.to_string())?)
}

/// Whether the platform does not speak of tokens to this one.
fn is_untold(unread: &Unread) -> bool {
    let code = unread.code.filter(|_| unread.is_answer);
    code.is_some_and(|code| UNTOLD.iter().any(|codes| codes.contains(&code)))
}

fn values(fields: &TokenFields<'_>) -> [(&'static str, String); 5] {
    let word = |text: &Option<Cow<'_, str>>| {
        let text = text.as_deref();
        text.map_or_else(|| UNKNOWN.to_owned(), timeline::word)
    };
    let valid = match fields.is_valid {
        Some(true) => "yes",
        Some(false) => "no",
        None => UNKNOWN,
    };
    [
        (EXPIRES, Ends::of(fields.expires_s).word()),
        (DATA_ACCESS, Ends::of(fields.data_access_expires_s).word()),
        (VALID, valid.to_owned()),
        (KIND, word(&fields.kind)),
        (APP, word(&fields.app_id)),
    ]
}

/// What is said of who gets an account's webhooks, by the apps that the platform lists (TOK-05).
pub(crate) async fn subscribed(
    app: &App,
    business: BusinessIx,
    waba_id: &str,
    listed: &[Option<Cow<'_, str>>],
) -> Result<&'static str, LedgerError> {
    if listed.is_empty() {
        return Ok(crate::health::NOT_SUBSCRIBED);
    }
    let said = Said::read(&entries(app, business).await?);
    let Some((own, since_ms)) = said.app else {
        return Ok(SOME_APP);
    };
    if listed.iter().any(|app| app.as_deref() == Some(&*own)) {
        return Ok(OUR_APP);
    }
    // One whose id could not be read may be it.
    if listed.iter().any(Option::is_none) {
        return Ok(SOME_APP);
    }
    let of = Some(("account", waba_id));
    let told = app
        .ledger
        .timeline(business, of, None, LOOKED_AT_MAX)
        .await?;
    Ok(if was_ours(&told, since_ms) {
        OUR_APP_GONE
    } else {
        OTHER_APPS
    })
}

/// Whether the webhooks of an account went to the app since it is known to be the token's.
fn was_ours(told: &[TimelineEntry], since_ms: i64) -> bool {
    let mut reads = told
        .iter()
        .filter(|entry| &*entry.origin == READ && entry.at_ms >= since_ms);
    reads.any(|entry| {
        let said = timeline::said(entry);
        said.iter()
            .any(|said| said.what == "subscribed" && said.value == OUR_APP)
    })
}

/// What alerts look at of a business's token, and what was said of it.
pub(crate) async fn known(
    app: &App,
    business: BusinessIx,
) -> Result<(TokenFacts, Said), LedgerError> {
    let entries = entries(app, business).await?;
    let said = Said::read(&entries);
    Ok((said.facts(alerts::token::is_refused(&entries)), said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(seq: i64, what: &str, value: &str) -> TimelineEntry {
        TimelineEntry {
            seq,
            subject: SUBJECT.into(),
            subject_id: "acme".into(),
            origin: READ.into(),
            event: what.into(),
            at_ms: seq,
            body: format!("{{\"after\":\"{value}\"}}").into(),
        }
    }

    #[test]
    fn what_was_said_is_read_again() {
        let fields = TokenFields {
            app_id: Some("601".into()),
            kind: Some("USER".into()),
            expires_s: Some(1_800_000_000),
            data_access_expires_s: Some(0),
            is_valid: Some(true),
        };
        let values = values(&fields);
        let entries = values.iter().zip(1..);
        let entries: Vec<_> = entries
            .map(|((what, value), seq)| seen(seq, what, value))
            .collect();
        let said = Said::read(&entries);
        assert_eq!(said.expires, Ends::At(1_800_000_000_000));
        assert_eq!(said.data_access, Ends::Never);
        assert_eq!(
            (said.valid, said.kind.as_deref()),
            (Some(true), Some("USER"))
        );
        assert_eq!(said.app, Some(("601".to_owned(), 5)));
        assert_eq!(said.ends_ms(), Some(1_800_000_000_000));
        assert_eq!(said.since_ms, Some(1));
    }

    #[test]
    fn what_the_platform_does_not_say_is_not_known() {
        let known = Said::read(&[seen(1, EXPIRES, NEVER), seen(2, APP, "601")]);
        assert_eq!((known.expires, known.ends_ms()), (Ends::Never, None));
        let gone = Said::read(&[
            seen(1, EXPIRES, "2026-12-01T00:00:00Z"),
            seen(2, APP, "601"),
            seen(3, EXPIRES, UNKNOWN),
            seen(4, APP, UNKNOWN),
        ]);
        assert_eq!((gone.ends_ms(), gone.app), (None, None));
        let of = |code: Option<u32>, is_answer| {
            is_untold(&Unread {
                code,
                is_answer,
                ..Unread::default()
            })
        };
        assert!(of(Some(100), true) && of(Some(10), true) && of(Some(200), true));
        assert!(!of(Some(190), true) && !of(Some(4), true) && !of(Some(2), true));
        assert!(!of(None, true) && !of(Some(100), false));
    }

    #[test]
    fn our_app_is_gone_only_if_it_was_there() {
        let account = |seq: i64, value: &str| TimelineEntry {
            subject: "account".into(),
            ..seen(seq, "subscribed", value)
        };
        assert!(!was_ours(&[account(1, "yes"), account(2, OTHER_APPS)], 0));
        let was = [account(5, OUR_APP), account(6, "no")];
        assert!(was_ours(&was, 5));
        // That was another token's app.
        assert!(!was_ours(&was, 6));
        assert!(OUR_APP_GONE.starts_with(crate::health::NOT_SUBSCRIBED));
        for word in [OUR_APP, OTHER_APPS, SOME_APP] {
            assert!(!word.starts_with(crate::health::NOT_SUBSCRIBED));
        }
    }
}
