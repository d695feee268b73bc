//! News about accounts, numbers and templates: each goes on the timeline; what decisions look at also
//! changes what is known (ENF-10 to ENF-12, SND-07, SND-21).
//!
//! Nothing here reads a colour or a limit into a number: a colour comes from reads (QL-07), and the limit is the
//! portfolio's (QL-17).

use greenline_ledger::types::Effect;
use greenline_policy::health::state::Review;
use greenline_policy::number::{Ban, RestrictionKind};
use greenline_policy::stop;
use greenline_wire::ascii;
use greenline_wire::webhook::{
    AccountAlert, AccountUpdate, Limit, TemplateCategory, TemplateRef, TemplateStatus, Value,
};

use super::time::Moment;
use super::{Part, TIMELINE_BODY_BYTES_MAX};
use crate::learn;

/// Violations that end a measure against utility templates, with the measure (ENF section 4).
const ENDED: [(&str, &str); 2] = [
    (
        "UTILITY_TEMPLATE_ABUSE_RATE_LIMIT_RECOVERY",
        "RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING",
    ),
    (
        "UTILITY_TEMPLATE_ABUSE_UNBAN",
        "RESTRICTED_UTILITY_TEMPLATES",
    ),
];

/// The restriction that a violation of this name says the end of.
pub(crate) fn ended_restriction(violation: &str) -> Option<&'static str> {
    let mut ended = ENDED.iter();
    ended
        .find(|(named, _)| *named == violation)
        .map(|(_, restriction)| *restriction)
}

/// A restriction as the ledger takes it: what it stops, the word it is kept by, its end.
type Held = (RestrictionKind, Box<str>, Option<i64>);

/// How an account is held by its review.
pub(crate) const REVIEWS: [RestrictionKind; 2] = [
    RestrictionKind::ReviewRejected,
    RestrictionKind::ReviewRestricted,
];

/// Of kinds that shut each other out the one that holds now; an end at the moment of the news says of the others that
/// they are over.
pub(crate) fn hold_one_of(
    kinds: &[RestrictionKind],
    held: Option<(RestrictionKind, Option<i64>)>,
    at_ms: i64,
) -> Vec<Held> {
    let of = |kind: &RestrictionKind| {
        let until_ms = match held {
            // A day that begins at the very moment of the news is not taken back by it.
            Some((holds, until_ms)) if holds == *kind => until_ms.map(|until_ms| {
                if until_ms == at_ms {
                    until_ms + 1
                } else {
                    until_ms
                }
            }),
            _ => Some(at_ms),
        };
        let named = kind.own_word()?;
        Some((*kind, named.into(), until_ms))
    };
    kinds.iter().filter_map(of).collect()
}

/// Fields that are only kept: what they are about, and the member that says what happened. Fields that
/// name people are not among them; the inbox keeps those as long as bodies are kept.
const KEPT: [(&str, &str, &str); 7] = [
    ("account_settings_update", "account", "type"),
    ("business_username_updates", "number", "status"),
    ("flows", "account", "event"),
    ("messaging_handovers", "number", "type"),
    ("partner_solutions", "business", "event"),
    ("payment_configuration_update", "account", "status"),
    ("group_status_update", "number", "type"),
];

/// What a timeline entry is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Subject {
    Account,
    Business,
    Number,
    Template,
}

impl Part<'_, '_> {
    /// When the platform said so.
    fn entry_ms(&self) -> i64 {
        Moment::new(self.entry.time_s, self.reading.received_ms).start_ms()
    }

    pub(super) fn platform(&mut self) {
        let change = self.change;
        match &change.value {
            Value::AccountUpdate(update) => self.account_update(update),
            Value::AccountAlerts(alert) => self.account_alert(alert),
            Value::AccountReview { decision } => {
                self.timeline(Subject::Account, "", decision);
                let held = match Review::parse(decision) {
                    Review::Rejected => Some(RestrictionKind::ReviewRejected),
                    Review::Restricted => Some(RestrictionKind::ReviewRestricted),
                    Review::Fine => None,
                };
                let at_ms = self.entry_ms();
                self.hold(
                    hold_one_of(&REVIEWS, held.map(|held| (held, None)), at_ms),
                    at_ms,
                );
            }
            Value::BusinessCapability(value) => {
                self.timeline(Subject::Business, "", "limits");
                self.limit(value.limit.as_ref());
            }
            Value::PhoneNumberQuality(value) => {
                self.display_timeline(value.display_phone_number.as_deref(), &value.event);
                // `current_limit` was a number's own, and is printed no more or less than what it was then.
                self.limit(value.limit_of_business.as_ref());
            }
            Value::PhoneNumberName(value) => {
                self.display_timeline(value.display_phone_number.as_deref(), &value.decision);
            }
            Value::Security(value) => {
                self.display_timeline(value.display_phone_number.as_deref(), &value.event);
            }
            Value::TemplateStatus(value) => self.template_status(value),
            Value::TemplateQuality(value) => {
                self.template_timeline(&value.template, &value.new);
                let quality = (!value.new.is_empty()).then_some(&*value.new);
                self.template(&value.template, None, None, None, quality);
            }
            Value::TemplateCategory(value) => self.template_category(value),
            Value::TemplateCorrectCategory(value) => {
                self.template_timeline(&value.template, &value.correct);
            }
            Value::TemplateComponents(value) => {
                self.template_timeline(&value.template, "components");
                // The question that makes a template an ask may have come or gone with its body.
                let is_ask = value.body.as_deref().map(stop::is_ask);
                if is_ask.is_some() {
                    self.template(&value.template, None, None, is_ask, None);
                }
            }
            Value::Other => self.kept(),
            _ => {}
        }
    }

    /// The portfolio's limit, if it can be understood; the timeline has what cannot.
    fn limit(&mut self, limit: Option<&Limit<'_>>) {
        if let Some(limit) = limit.and_then(learn::messaging_limit) {
            let at_ms = self.entry_ms();
            self.push(Effect::Limit {
                limit,
                origin: super::field(self.change).into(),
                at_ms,
            });
        }
    }

    fn account_update(&mut self, update: &AccountUpdate<'_>) {
        self.timeline(Subject::Account, "", &update.event);
        let at_ms = self.entry_ms();
        let waba_id: Box<str> = (&*self.entry.id).into();
        let mut restrictions: Vec<_> = update
            .restrictions
            .iter()
            // Nothing of it could be read: a closure without a name could never be lifted.
            .filter(|restriction| {
                !restriction.kind.is_empty() || restriction.expiration_s.is_some()
            })
            .map(|restriction| {
                let until_ms = restriction
                    .expiration_s
                    .map(|end_s| end_s.saturating_mul(1_000));
                (
                    RestrictionKind::parse(&restriction.kind),
                    Box::from(&*restriction.kind),
                    until_ms,
                )
            })
            .collect();
        let ended = update.violation.as_deref().and_then(ended_restriction);
        restrictions
            .extend(ended.map(|kind| (RestrictionKind::parse(kind), Box::from(kind), Some(at_ms))));
        if ended.is_some_and(|kind| RestrictionKind::parse(kind) == RestrictionKind::UtilityRate) {
            restrictions.extend(hold_one_of(&[RestrictionKind::UtilityLimit], None, at_ms));
        }
        if !restrictions.is_empty() {
            self.push(Effect::Restricted {
                waba_id: waba_id.clone(),
                restrictions,
                at_ms,
            });
        }
        if let Some(told) = &update.ban {
            let ban = Ban::parse(&told.state);
            let day_ms = told.date_s.map(|day_s| day_s.saturating_mul(1_000));
            let held = match ban {
                Some(Ban::Scheduled) => Some((RestrictionKind::BanScheduled, day_ms)),
                None => Some((RestrictionKind::BanUnclear, None)),
                Some(Ban::None | Ban::Disabled) => None,
            };
            let kinds = [RestrictionKind::BanScheduled, RestrictionKind::BanUnclear];
            self.hold(hold_one_of(&kinds, held, at_ms), at_ms);
            if let Some(ban) = ban {
                self.push(Effect::Banned {
                    waba_id,
                    ban,
                    at_ms,
                });
            }
        }
        let (kind, lasts) = match &*update.event {
            "ACCOUNT_DELETED" => (RestrictionKind::AccountDeleted, true),
            "ACCOUNT_OFFBOARDED" => (RestrictionKind::Offboarded, true),
            "PARTNER_REMOVED" if update.disconnection.is_some() => {
                (RestrictionKind::Offboarded, true)
            }
            "ACCOUNT_RECONNECTED" => (RestrictionKind::Offboarded, false),
            _ => return,
        };
        let held = lasts.then_some((kind, None));
        let mut held = hold_one_of(&[kind], held, at_ms);
        // What names one number says nothing of the others.
        let shown = update.phone_number.as_deref().unwrap_or_default();
        let number = self.number_shown_as(shown);
        if kind == RestrictionKind::Offboarded && !number.is_empty() {
            for (kind, named, _) in &mut held {
                *named = kind.own_word_of(&number).unwrap_or_default().into();
            }
        }
        self.hold(held, at_ms);
    }

    /// What an account is held by that is no restriction by the platform's naming.
    fn hold(&mut self, restrictions: Vec<Held>, at_ms: i64) {
        self.push(Effect::Restricted {
            waba_id: (&*self.entry.id).into(),
            restrictions,
            at_ms,
        });
    }

    fn account_alert(&mut self, alert: &AccountAlert<'_>) {
        let subject = match alert.entity_type.as_deref() {
            Some("PHONE_NUMBER") => Subject::Number,
            Some("BUSINESS") => Subject::Business,
            _ => Subject::Account,
        };
        let id = if subject == Subject::Number {
            alert.entity_id.as_deref().unwrap_or_default()
        } else {
            ""
        };
        self.timeline(subject, id, alert.kind.as_deref().unwrap_or_default());
    }

    fn template_status(&mut self, value: &TemplateStatus<'_>) {
        self.template_timeline(&value.template, &value.event);
        let status = match (value.title.as_deref(), &*value.event) {
            // Which event comes with an end of a pause is not stated; the title is.
            (Some("UNPAUSE"), _) | (_, "REINSTATED" | "UNARCHIVED") => "APPROVED",
            (_, event) => event,
        };
        // A flag announces what a later event says; it neither pauses nor ends a pause.
        let status = (!status.is_empty() && status != "FLAGGED").then_some(status);
        self.template(
            &value.template,
            value.category.as_deref(),
            status,
            None,
            None,
        );
    }

    /// A change that is to come is only kept; one that came is in force (SND-07).
    fn template_category(&mut self, value: &TemplateCategory<'_>) {
        self.template_timeline(
            &value.template,
            value.correct.as_deref().unwrap_or(&value.present),
        );
        if value.correct.is_none() && !value.present.is_empty() {
            self.template(&value.template, Some(&value.present), None, None, None);
        }
    }

    fn template(
        &mut self,
        template: &TemplateRef<'_>,
        category: Option<&str>,
        status: Option<&str>,
        is_ask: Option<bool>,
        quality: Option<&str>,
    ) {
        let Some(language) = template
            .language
            .as_deref()
            .filter(|_| !template.name.is_empty())
        else {
            return;
        };
        let effect = Effect::Template {
            waba_id: (&*self.entry.id).into(),
            name: (&*template.name).into(),
            language: language.into(),
            template_id: template.id.as_deref().map(Into::into),
            category: category.map(learn::category),
            status: status.map(Into::into),
            is_ask,
            quality: quality.map(Into::into),
            at_ms: self.entry_ms(),
        };
        self.push(effect);
    }

    fn template_timeline(&mut self, template: &TemplateRef<'_>, event: &str) {
        self.timeline(
            Subject::Template,
            template.id.as_deref().unwrap_or(&template.name),
            event,
        );
    }

    /// About a number that is named as people see it.
    fn display_timeline(&mut self, display: Option<&str>, event: &str) {
        let id = self.number_shown_as(display.unwrap_or_default());
        self.timeline(Subject::Number, &id, event);
    }

    /// The id of the number that people see as this; its digits where it is not configured.
    fn number_shown_as(&self, display: &str) -> String {
        let digits = |text: &str| {
            text.chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
        };
        let shown = digits(display);
        let numbers = &self.reading.business.config.number;
        let known = numbers
            .iter()
            .find(|number| !shown.is_empty() && digits(&number.display_number) == shown);
        known
            .map(|number| number.phone_number_id.clone())
            .unwrap_or(shown)
    }

    /// About a number, with a body of our own.
    pub(super) fn number_timeline(&mut self, number: Option<&str>, event: &str, body: Box<str>) {
        let at_ms = self.entry_ms();
        let origin = (&*self.change.field).into();
        self.push(Effect::Timeline {
            subject: "number",
            subject_id: number.unwrap_or_default().into(),
            origin,
            event: event.into(),
            at_ms,
            body,
        });
    }

    fn kept(&mut self) {
        let kept = KEPT.iter().find(|(field, ..)| *field == self.change.field);
        let Some((_, subject, member)) = kept else {
            return;
        };
        let value: serde_json::Value =
            serde_json::from_str(self.change.raw.get()).unwrap_or_default();
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let event = value
            .get(member)
            .or_else(|| value.pointer(&format!("/groups/0/{member}")))
            .and_then(text);
        let event = event.unwrap_or_default();
        match *subject {
            "number" => {
                let id = ["/metadata/phone_number_id", "/recipient/phone_number_id"]
                    .iter()
                    .find_map(|place| value.pointer(place).and_then(text))
                    .or_else(|| {
                        value
                            .get("display_phone_number")
                            .and_then(text)
                            .map(|shown| self.number_shown_as(&shown))
                    });
                // Such values may name people: only what happened is kept for good.
                let body = format!("{{\"{member}\":{}}}", ascii::string(&event));
                self.number_timeline(id.as_deref(), &event, body.into());
                self.handover(&value, id.as_deref(), &event);
            }
            "business" => self.timeline(Subject::Business, "", &event),
            _ => self.timeline(Subject::Account, "", &event),
        }
    }

    /// Whose a chat is since it changed hands: that it was taken is told to the app that had it, that it was passed on to
    /// the app that has it now (ENF-36).
    fn handover(&mut self, value: &serde_json::Value, number: Option<&str>, event: &str) {
        let stood_by = match event {
            "control_taken" => true,
            "control_passed" => false,
            _ => return,
        };
        let stated = value.get("timestamp");
        let stated_s = stated.and_then(|stated| match stated.as_str() {
            Some(text) => text.parse().ok(),
            None => stated.as_i64(),
        });
        let moment = Moment::new(stated_s, self.reading.received_ms);
        if let Some(number) = number.filter(|number| !number.is_empty()) {
            self.learned.wrote(number, stood_by, moment.start_ms());
        }
    }

    fn timeline(&mut self, subject: Subject, id: &str, event: &str) {
        let (subject, subject_id) = match subject {
            Subject::Account => ("account", &*self.entry.id),
            Subject::Business => ("business", self.reading.business.config.id.as_str()),
            Subject::Number => ("number", id),
            Subject::Template => ("template", id),
        };
        let raw = self.change.raw.get();
        let body = if raw.len() <= TIMELINE_BODY_BYTES_MAX {
            raw
        } else {
            "{}"
        };
        let effect = Effect::Timeline {
            subject,
            subject_id: subject_id.into(),
            origin: super::field(self.change).into(),
            event: event.into(),
            at_ms: self.entry_ms(),
            body: body.into(),
        };
        self.push(effect);
    }
}
