//! From a reason to the Graph error that an SDK understands.
//!
//! The table is the design's; the platform's own code is used for each kind of refusal so that existing
//! SDKs do the right thing. A permanent refusal never carries `Retry-After`.

use std::fmt::Write as _;

use axum::body::Body;
use greenline_policy::decide::Decision;
use greenline_policy::rule::{Rule, Severity};
use greenline_wire::error::GraphError;
use http::{HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;

/// Names the decision in every answer to a gated call.
pub const HEADER_DECISION: &str = "greenline-decision";
/// Names the rules that fired, comma-separated, the one that answers first.
pub const HEADER_REASONS: &str = "greenline-reasons";
/// Seconds named in `Retry-After` when a number's own bound is reached.
const THROTTLE_RETRY_AFTER_S: u32 = 1;

/// Code and HTTP status by which a rule refuses.
#[must_use]
pub fn code(rule: Rule) -> (u32, u16) {
    match rule {
        Rule::AskFirstContact
        | Rule::OptedOut
        | Rule::NativeStop
        | Rule::ThreadStopped
        | Rule::ConsentMissing
        | Rule::ConsentClaimed
        | Rule::ConsentUnconfirmed
        | Rule::ConsentExpired
        | Rule::AskOnlyWayOut => (131_050, 400),
        Rule::CallPermission => (138_006, 400),
        Rule::NumberBanned | Rule::AccountLocked | Rule::AccountUnclear => (131_031, 403),
        Rule::NumberOffline => (133_010, 400),
        Rule::AccountPayment => (131_042, 400),
        Rule::NumberRestricted | Rule::UtilityRestricted | Rule::NumberUnread => (368, 403),
        Rule::LimitUtility => (131_064, 400),
        Rule::LimitPortfolio | Rule::LimitReached | Rule::LimitSpam | Rule::GuardQuality => {
            (131_048, 400)
        }
        Rule::CountryUsMarketing | Rule::CountryClosed => (130_497, 403),
        Rule::FrequencyCap | Rule::LimitPerUser | Rule::QuietHours | Rule::BusinessRule => {
            (131_049, 400)
        }
        Rule::PacePair => (131_056, 400),
        Rule::TemplatePaused => (132_015, 400),
        Rule::TemplateDisabled => (132_016, 400),
        Rule::WindowClosed => (131_047, 400),
        Rule::SendUnsettled
        | Rule::Covered
        | Rule::CoveredByImport
        | Rule::CoveredByVouching
        | Rule::WindowOpen
        | Rule::GuardQualityBlind
        | Rule::LimitSpamUnknown
        | Rule::TemplateLowQuality
        | Rule::TemplatePacing
        | Rule::TemplateUnknown => (131_000, 400),
    }
}

/// The error's title where the platform's own, "User stopped marketing messages", would not be true.
fn title(rule: Rule) -> Option<&'static str> {
    match rule {
        Rule::AskFirstContact => Some("An ask may not be the first contact"),
        Rule::AskOnlyWayOut => Some("An ask may not be the only way out"),
        Rule::OptedOut => Some("The person has opted out"),
        Rule::ThreadStopped => Some("The person has said stop"),
        Rule::ConsentMissing => Some("No opt-in on record covers this message"),
        Rule::ConsentClaimed => Some("The opt-in on record has no complete evidence"),
        Rule::ConsentUnconfirmed => Some("The opt-in on record is not confirmed from this number"),
        Rule::ConsentExpired => Some("The opt-in on record has run out"),
        Rule::CountryUsMarketing => Some("No marketing to the United States"),
        Rule::CountryClosed => Some("The business closed the person's country to this"),
        Rule::FrequencyCap => Some("The business's own cap for this person is reached"),
        Rule::LimitPortfolio => Some("The portfolio has reached as many people as it may"),
        Rule::QuietHours => Some("It is quiet time where the person may be"),
        Rule::BusinessRule => Some("A rule of the business refuses this"),
        Rule::GuardQuality => Some("The business sends no marketing from a number rated so low"),
        _ => None,
    }
}

/// The status of a [`Refusal::not_in_hand`].
pub(crate) const NOT_IN_HAND: u16 = 409;

/// A call that ends here, as an SDK will see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The platform's code.
    pub code: u32,
    /// The HTTP status.
    pub http: u16,
    /// The title, where it is not the platform's own for this code.
    pub title: Option<&'static str>,
    /// The reasons in words.
    pub details: String,
    /// The decision, when one was recorded.
    pub decision: Option<String>,
    /// The rules that fired.
    pub reasons: String,
    /// Seconds to wait, only where trying again is right.
    pub retry_after_s: Option<u32>,
    /// Where nothing is in the way but that it comes too fast after others to the same person: until when.
    pub early_until_ms: Option<i64>,
}

impl Refusal {
    fn plain(code: u32, http: u16, details: impl Into<String>) -> Self {
        Self {
            code,
            http,
            title: None,
            details: details.into(),
            decision: None,
            reasons: String::new(),
            retry_after_s: None,
            early_until_ms: None,
        }
    }

    /// A reply of our own is another node's to send, or over; no app ever sees this.
    pub(crate) fn not_in_hand(why: &str) -> Self {
        Self::plain(131_000, NOT_IN_HAND, why)
    }

    /// A recorded decision says no.
    #[must_use]
    pub fn decided(decision: &Decision, id: String) -> Self {
        let (code, http) = decision
            .first()
            .map_or((131_000, 400), |reason| code(reason.rule));
        Self {
            code,
            http,
            title: decision.first().and_then(|reason| title(reason.rule)),
            details: details(decision),
            decision: Some(id),
            reasons: names(decision),
            retry_after_s: None,
            early_until_ms: early_until(decision),
        }
    }

    /// The request can't be read.
    #[must_use]
    pub fn unreadable(details: impl Into<String>) -> Self {
        Self::plain(100, 400, details)
    }

    /// The key is not one of ours.
    #[must_use]
    pub fn bad_key() -> Self {
        Self::plain(
            190,
            401,
            "the access token is not the key of an app configured in Greenline",
        )
    }

    /// The number's own bound is reached.
    #[must_use]
    pub fn throttled() -> Self {
        let mut refusal = Self::plain(
            130_429,
            429,
            "too many sends of this number are under way; try again shortly",
        );
        refusal.retry_after_s = Some(THROTTLE_RETRY_AFTER_S);
        refusal
    }

    /// Store or platform down, certainly not sent.
    #[must_use]
    pub fn unavailable(details: impl Into<String>, decision: Option<String>) -> Self {
        Self {
            decision,
            ..Self::plain(131_016, 503, details)
        }
    }

    /// It may have gone out.
    #[must_use]
    pub fn unknown_outcome(decision: String) -> Self {
        let details = "the platform did not answer in time; the message may have been sent, so do not send it again until \
                       its status is known";
        Self {
            decision: Some(decision),
            ..Self::plain(131_000, 400, details)
        }
    }

    /// The body is too long.
    #[must_use]
    pub fn too_long(bytes_max: usize) -> Self {
        Self::plain(
            100,
            413,
            format!("the body is longer than {bytes_max} bytes"),
        )
    }

    /// The body did not come in time.
    #[must_use]
    pub fn too_slow() -> Self {
        Self::plain(100, 408, "the body did not come in time")
    }

    /// The error object's bytes.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        let trace = self.decision.as_deref().unwrap_or("greenline");
        let mut error = GraphError::new(self.code, self.http, self.details.as_str(), trace);
        if let Some(title) = self.title {
            error.title = title.into();
        }
        error.to_json()
    }

    /// The whole answer.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.json()));
        *response.status_mut() = StatusCode::from_u16(self.http).unwrap_or(StatusCode::BAD_REQUEST);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=UTF-8"),
        );
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        let named = [
            (HEADER_DECISION, self.decision.unwrap_or_default()),
            (HEADER_REASONS, self.reasons),
        ];
        for (name, value) in named.into_iter().filter(|(_, value)| !value.is_empty()) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// The names of the rules that fired, comma-separated.
#[must_use]
pub fn names(decision: &Decision) -> String {
    let mut names = String::new();
    for reason in &decision.reasons {
        if !names.is_empty() {
            names.push_str(", ");
        }
        names.push_str(reason.rule.id());
    }
    names
}

/// Until when a message waits that is only too fast after others.
fn early_until(decision: &Decision) -> Option<i64> {
    let mut blockers = decision
        .reasons
        .iter()
        .filter(|reason| reason.rule.card().severity != Severity::Note);
    let first = blockers
        .next()
        .filter(|first| first.rule == Rule::PacePair)?;
    blockers
        .all(|reason| reason.rule == Rule::PacePair)
        .then_some(first.until_ms)
        .flatten()
}

/// Every refusing reason in words, with its sources and what to do.
fn details(decision: &Decision) -> String {
    let mut text = String::new();
    let refusing = decision
        .reasons
        .iter()
        .filter(|reason| reason.rule.card().severity != Severity::Note);
    for (place, reason) in refusing.enumerate() {
        let card = reason.rule.card();
        if place > 0 {
            text.push(' ');
        }
        let _ = write!(
            text,
            "{} [{}; {}]",
            decision.text(reason.rule),
            card.id,
            card.sources.join(", ")
        );
        if let Some(until) = reason
            .until_ms
            .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        {
            let _ = write!(text, " Until {until:.0}.");
        }
        if place == 0 {
            let _ = write!(text, " {}", card.remedy);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenline_policy::decide::{Reason, Verdict};

    fn message(rule: Rule) -> String {
        let decision = Decision {
            verdict: Verdict::Refuse,
            reasons: vec![Reason {
                rule,
                event: None,
                until_ms: None,
            }],
            own: Vec::new(),
        };
        let json = Refusal::decided(&decision, "dec_1".to_owned()).json();
        let error = greenline_wire::error::read(&json).unwrap();
        assert_eq!(u32::try_from(error.code).unwrap(), code(rule).0);
        error.message
    }

    #[test]
    fn only_the_platforms_own_switch_is_called_so() {
        let platforms = "(#131050) User stopped marketing messages";
        assert_eq!(message(Rule::NativeStop), platforms);
        for rule in Rule::ALL.iter().filter(|rule| code(**rule).0 == 131_050) {
            let said = message(*rule);
            assert!(said.starts_with("(#131050) "), "{said}");
            assert_eq!(said == platforms, *rule == Rule::NativeStop, "{said}");
        }
        assert!(message(Rule::ConsentMissing).contains("No opt-in"));
    }
}
