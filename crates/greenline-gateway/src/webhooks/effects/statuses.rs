//! What became of messages. Law 12: of all error codes only 131050 is the platform's word on a stop.

use greenline_ledger::types::{Actor, Effect, Evidence, HealthNews, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::evidence::Method;
use greenline_policy::scope::{Category, Scope};
use greenline_wire::ascii;
use greenline_wire::webhook::{Messages, Status, StatusKind};

use super::time::Moment;
use super::{Part, person};
use crate::health;

/// The person turned WhatsApp's own marketing switch off (OPT-41).
const NATIVE_STOP: i64 = 131_050;
/// The platform limits what the number sends, because people blocked or reported too much of it (QL-09).
const SPAM_LIMIT: i64 = 131_048;
/// As many utility templates as may go within 24 hours went (ENF-24).
const UTILITY_LIMIT: u32 = 131_064;

impl Part<'_, '_> {
    /// What became of a message from this number.
    pub(super) fn status(&mut self, number: Option<&str>, status: &Status<'_>) {
        let moment = Moment::new(status.timestamp_s, self.reading.received_ms);
        let to_group = status.recipient_type.as_deref() == Some("group");
        let phone = if to_group {
            status.participant.as_deref()
        } else {
            status.recipient_id.as_deref()
        };
        let person = person(
            phone,
            status.recipient_user_id.as_deref(),
            status.recipient_parent_user_id.as_deref(),
        );
        self.learned.know(&person, moment.start_ms());
        if !status.id.is_empty() && status.status != StatusKind::Unreadable {
            self.push(Effect::Status {
                message_id: (&*status.id).into(),
                status: name(&status.status).into(),
                at_ms: moment.start_ms(),
                code: status
                    .errors
                    .iter()
                    .find_map(|error| u32::try_from(error.code?).ok()),
            });
        }
        let mut errors = status.errors.iter();
        if status.status == StatusKind::Failed && errors.any(|error| error.code == Some(SPAM_LIMIT))
        {
            self.spam_limit(number, moment.start_ms());
        }
        if status.status == StatusKind::Failed {
            let codes = status.errors.iter();
            for code in codes.filter_map(|error| u32::try_from(error.code?).ok()) {
                self.failed(number, code, moment.start_ms());
            }
        }
        let native = status
            .errors
            .iter()
            .any(|error| error.code == Some(NATIVE_STOP));
        if native && status.status == StatusKind::Failed && !person.is_empty() {
            let name = if status.id.is_empty() {
                self.fingerprint(status.raw.get())
            } else {
                (*status.id).to_owned()
            };
            self.push(Effect::Consent(NewEvent {
                business: self.reading.business.ix,
                person,
                kind: EventKind::NativeStopped,
                scope: Scope::Category(Category::Marketing),
                at_ms: moment.act_ms(EventKind::NativeStopped),
                stated_ms: moment.stated_ms(),
                arrival_ms: self.reading.received_ms,
                strength: Strength::Evidenced,
                in_thread: false,
                evidence: Evidence {
                    method: Method::Platform.as_str().into(),
                    source: "error 131050".into(),
                    message_id: (&*status.id).into(),
                    ..Evidence::default()
                },
                actor: Actor("platform".into()),
                dedup: Some(format!("131050:{name}").into()),
            }));
        }
    }

    /// A code that a message failed with, as far as it says something of the number or its account.
    fn failed(&mut self, number: Option<&str>, code: u32, at_ms: i64) {
        let named = number.unwrap_or_default();
        self.learned.refused(named, code);
        if let Some(news) = health::refused(code) {
            self.refused(number, &news, at_ms);
        }
        let waba_id = self.reading.directory.number(named);
        if let Some(known) = waba_id.filter(|_| code == UTILITY_LIMIT) {
            let limited = health::utility_limited(&known.waba_id, at_ms);
            // A delivery may name many messages that failed for one reason: the last one counts.
            let is_older = |effect: &Effect| match (effect, &limited) {
                (
                    Effect::Restricted {
                        waba_id,
                        restrictions,
                        ..
                    },
                    Effect::Restricted {
                        waba_id: of,
                        restrictions: new,
                        ..
                    },
                ) => {
                    waba_id == of
                        && restrictions.first().map(|(kind, ..)| kind)
                            == new.first().map(|(kind, ..)| kind)
                        && restrictions <= new
                }
                _ => false,
            };
            self.learned.effects.retain(|effect| !is_older(effect));
            self.push(limited);
        }
    }

    /// A refusal that says something of the whole account.
    fn refused(&mut self, number: Option<&str>, news: &HealthNews, at_ms: i64) {
        let reading = self.reading;
        let business = reading.business.ix;
        let number = number.unwrap_or_default();
        for number in health::concerned(reading.directory, business, number) {
            self.push(Effect::Health {
                number: (&*number).into(),
                news: news.clone(),
                at_ms,
            });
        }
    }

    fn spam_limit(&mut self, number: Option<&str>, at_ms: i64) {
        if let Some(number) = number.filter(|number| !number.is_empty()) {
            self.push(Effect::Spam {
                number: number.into(),
                limits: true,
                at_ms,
            });
        }
    }

    /// Errors of the number itself, such as its rate limit.
    pub(super) fn number_errors(&mut self, value: &Messages<'_>) {
        for error in &value.errors {
            if error.code == Some(SPAM_LIMIT) {
                let at_ms = self.reading.received_ms;
                self.spam_limit(value.metadata.phone_number_id.as_deref(), at_ms);
            }
            let code = error.code.and_then(|code| u32::try_from(code).ok());
            if let Some(code) = code {
                let at_ms = self.reading.received_ms;
                self.failed(value.metadata.phone_number_id.as_deref(), code, at_ms);
            }
            let code = error
                .code
                .map_or_else(|| "unknown".to_owned(), |code| code.to_string());
            let title = ascii::string(error.title.as_deref().unwrap_or_default());
            let details = ascii::string(error.details.as_deref().unwrap_or_default());
            let body = format!(
                "{{\"code\":{},\"title\":{title},\"details\":{details}}}",
                error.code.unwrap_or_default()
            );
            self.number_timeline(
                value.metadata.phone_number_id.as_deref(),
                &format!("error {code}"),
                body.into(),
            );
        }
    }
}

fn name<'s>(status: &'s StatusKind<'_>) -> &'s str {
    match status {
        StatusKind::Sent => "sent",
        StatusKind::Delivered => "delivered",
        StatusKind::Read => "read",
        StatusKind::Played => "played",
        StatusKind::Failed => "failed",
        StatusKind::Other(other) => other,
        StatusKind::Unreadable => "",
    }
}
