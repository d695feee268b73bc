//! Messages of people: stops, starts, windows (A1, A7, A9).
//!
//! The whole text is handed to the recogniser; nothing is looked for inside it. What a message opens and
//! what it says are two questions: a stop opens the window for its own confirmation, an edit opens
//! nothing but can still be a stop, a revoked stop stands.

use greenline_ledger::types::{Actor, Effect, Evidence, NewEvent, OwnReply};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::evidence::Method;
use greenline_policy::scope::{Category, Scope};
use greenline_policy::stop::{self, Meaning, Recognised, StopReach};
use greenline_wire::ascii;
use greenline_wire::webhook::{Inbound, InboundKind, Messages};
use smallvec::{SmallVec, smallvec};

use super::time::Moment;
use super::{Answer, Part, Person, Start, person};
use crate::{inbound_probe, opt_in};

/// How long a free entry point lasts (SND-05).
const FREE_ENTRY_MS: i64 = 72 * 60 * 60 * 1_000;
/// How long a call permission without an end lasts: the temporary one of seven days.
const CALL_PERMISSION_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Answers of one Flow form that are looked at.
const FORM_ANSWERS_MAX: usize = 64;
/// The tag of words that belong to no language.
const NO_LANGUAGE: &str = "und";

/// What a message says, and how it is to be answered.
struct Said<'m> {
    found: Recognised,
    /// As the person wrote or read it.
    wording: &'m str,
    /// What a developer hung on the button.
    payload: Option<&'m str>,
    method: Method,
    /// The person's words told their language.
    language_known: bool,
}

impl Part<'_, '_> {
    /// Everything in a value of `messages` or `standby`. While another app holds the thread, Greenline
    /// says nothing itself: it would take the thread over.
    pub(super) fn messages(&mut self, value: &Messages<'_>, standby: bool) {
        for message in &value.messages {
            if let InboundKind::System(system) = &message.kind {
                self.system(value, message, system);
            } else {
                self.message(value, message, standby);
            }
        }
        for status in &value.statuses {
            self.status(value.metadata.phone_number_id.as_deref(), status);
        }
        self.number_errors(value);
    }

    fn message(&mut self, value: &Messages<'_>, message: &Inbound<'_>, standby: bool) {
        let person = sender(value, message);
        let moment = Moment::new(message.timestamp_s, self.reading.received_ms);
        if person.is_empty() {
            return;
        }
        self.learned.know(&person, moment.start_ms());
        let number = value
            .metadata
            .phone_number_id
            .as_deref()
            .unwrap_or_default();
        let alone = message.group_id.is_none();
        if alone && !number.is_empty() {
            self.learned.wrote(number, standby, moment.start_ms());
        }
        if alone && opens(&message.kind) && moment.is_stated() && !number.is_empty() {
            self.push(Effect::Wrote {
                person: person.clone(),
                number: number.into(),
                at_ms: moment.start_ms(),
                message_id: (&*message.id).into(),
                free_until_ms: from_ad(message)
                    .then(|| moment.start_ms().saturating_add(FREE_ENTRY_MS)),
            });
        }
        if let InboundKind::CallPermissionReply { .. } = &message.kind {
            self.call_permission(message, &person, number, moment);
        }
        let answers = alone && !standby && !message.id.is_empty() && !number.is_empty();
        if alone
            && let InboundKind::Text(text) = &message.kind
            && let Some(word) = inbound_probe::word(text)
        {
            self.learned.probes.push(inbound_probe::Arrival {
                number: number.into(),
                word,
                at_ms: moment.start_ms(),
            });
        }
        if alone && !message.id.is_empty() {
            self.answer(message, &person, number, moment);
        }
        if alone && moment.is_stated() && !message.id.is_empty() {
            self.codes(message, &person, number, moment, answers);
        }
        let Some(said) = self.said(message) else {
            return;
        };
        match said.found.meaning {
            Meaning::Stop(reach) => {
                let answers = answers && self.reading.business.config.confirm_stops;
                self.stop(message, &said, reach, &person, number, moment, answers);
            }
            Meaning::Ask if answers && opens(&message.kind) => {
                let reply = OwnReply::StopQuestion {
                    language: self.language(&said),
                };
                self.reply(message, &person, number, moment, reply);
            }
            Meaning::Start
                if alone
                    && is_written(&message.kind)
                    && moment.is_stated()
                    && !message.id.is_empty() =>
            {
                self.learned.starts.push(Start {
                    person,
                    number: number.into(),
                    message_id: (&*message.id).into(),
                    wording: said.wording.into(),
                    at_ms: moment.act_ms(EventKind::Granted),
                    stated_ms: moment.stated_ms(),
                });
            }
            Meaning::Ask | Meaning::Start | Meaning::Keep => {}
        }
    }

    /// A press of a button of our own question. Whether it is ours is seen later, with the keys.
    fn answer(&mut self, message: &Inbound<'_>, person: &Person, number: &str, moment: Moment) {
        let InboundKind::ButtonReply {
            id: Some(id),
            title,
        } = &message.kind
        else {
            return;
        };
        if !id.starts_with(opt_in::PAYLOAD) {
            return;
        }
        self.learned.answers.push(Answer {
            person: person.clone(),
            number: number.into(),
            message_id: (&*message.id).into(),
            question_id: message.context_id.as_deref().unwrap_or_default().into(),
            payload: (&**id).into(),
            title: title.as_deref().unwrap_or_default().into(),
            at_ms: moment.act_ms(EventKind::Granted),
            end_ms: moment.act_ms(EventKind::Refused),
            is_stated: moment.is_stated(),
            stated_ms: moment.stated_ms(),
        });
    }

    /// A text that carries codes of opt-in links: a yes if it is unmistakable, else a claim and a question.
    fn codes(
        &mut self,
        message: &Inbound<'_>,
        person: &Person,
        number: &str,
        moment: Moment,
        answers: bool,
    ) {
        let InboundKind::Text(text) = &message.kind else {
            return;
        };
        let business = self.reading.business;
        let Some(agreed) = opt_in::read(text, &business.opt_in) else {
            return;
        };
        // A stop beside a code is a stop, and what may be one is asked about as such.
        let said = self.said_in_text(text).map(|said| said.found.meaning);
        if matches!(said, Some(Meaning::Stop(_) | Meaning::Ask)) {
            return;
        }
        for (scope, form, worded) in &agreed.scopes {
            let event = opt_in::Arrived {
                business,
                person,
                number,
                message_id: &message.id,
                text,
                is_clear: agreed.is_clear,
                at_ms: moment.act_ms(EventKind::Granted),
                stated_ms: moment.stated_ms(),
                arrival_ms: self.reading.received_ms,
            }
            .event(scope, form, worded);
            self.push(Effect::Consent(event));
        }
        if agreed.is_clear || !answers {
            return;
        }
        let scopes = opt_in::question::askable(agreed.scopes.iter().map(|(scope, ..)| scope));
        let language = agreed
            .scopes
            .first()
            .map_or("", |(_, _, worded)| &*worded.language);
        let reply = OwnReply::OptInQuestion {
            language: language.into(),
            scopes: scopes.into(),
        };
        self.reply(message, person, number, moment, reply);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one message, and what was read of it"
    )]
    fn stop(
        &mut self,
        message: &Inbound<'_>,
        said: &Said<'_>,
        reach: StopReach,
        person: &Person,
        number: &str,
        moment: Moment,
        confirm: bool,
    ) {
        self.learned.stops += 1;
        let answered = if self.closes_all() && reach == StopReach::Bare {
            StopReach::All
        } else {
            reach
        };
        let reply = confirm.then(|| (self.language(said), reach_name(answered)));
        let extra = why(message, said, reply.as_ref());
        let name = if message.id.is_empty() {
            self.fingerprint(message.raw.get())
        } else {
            (*message.id).to_owned()
        };
        let business = self.reading.business;
        for scope in scopes(reach, self.closes_all()) {
            let dedup = format!("{name}:{scope}").into();
            self.push(Effect::Consent(NewEvent {
                business: business.ix,
                person: person.clone(),
                kind: EventKind::Withdrawn,
                scope,
                at_ms: moment.act_ms(EventKind::Withdrawn),
                stated_ms: moment.stated_ms(),
                arrival_ms: self.reading.received_ms,
                strength: Strength::Evidenced,
                in_thread: true,
                evidence: Evidence {
                    method: said.method.as_str().into(),
                    wording: said.wording.into(),
                    business_name: business.config.name.as_str().into(),
                    source: number.into(),
                    message_id: (&*message.id).into(),
                    extra_json: extra.clone(),
                    ..Evidence::default()
                },
                actor: Actor("person".into()),
                dedup: Some(dedup),
            }));
        }
        if let Some((language, reach)) = reply {
            let reply = OwnReply::StopConfirmed {
                language,
                reach: reach.into(),
            };
            self.reply(message, person, number, moment, reply);
        }
    }

    fn reply(
        &mut self,
        message: &Inbound<'_>,
        person: &Person,
        number: &str,
        moment: Moment,
        reply: OwnReply,
    ) {
        let Some(to) = person.first() else { return };
        self.push(Effect::Reply {
            to: to.clone(),
            number: number.into(),
            reply,
            message_id: (&*message.id).into(),
            at_ms: moment.start_ms(),
        });
    }

    /// The language to answer in: the one that was read, else the business's.
    fn language(&self, said: &Said<'_>) -> Box<str> {
        if said.language_known && said.found.language != NO_LANGUAGE {
            return said.found.language.into();
        }
        self.reading.business.config.language.as_str().into()
    }

    /// What a message says about consent, if anything.
    fn said<'m>(&self, message: &'m Inbound<'_>) -> Option<Said<'m>> {
        match &message.kind {
            InboundKind::Text(text) => self.said_in_text(text),
            InboundKind::Media {
                caption: Some(text),
                ..
            }
            | InboundKind::Order { text: Some(text) } => self.said_in_text(text),
            // An edit of a stop retracts nothing, an edit into one is one; it asks and reopens nothing.
            InboundKind::Edit {
                text: Some(text), ..
            } => self
                .said_in_text(text)
                .filter(|said| matches!(said.found.meaning, Meaning::Stop(_))),
            InboundKind::Button { payload, text } => {
                self.said_by_button(payload.as_deref(), text.as_deref())
            }
            InboundKind::ButtonReply { id, title } => {
                self.said_by_button(id.as_deref(), title.as_deref())
            }
            InboundKind::ListReply {
                id,
                title,
                description,
            } => self
                .said_by_button(id.as_deref(), title.as_deref())
                .or_else(|| self.said_by_button(None, description.as_deref())),
            InboundKind::NfmReply {
                response_json: Some(answers),
                ..
            } => self.said_in_form(answers),
            _ => None,
        }
    }

    fn said_in_text<'m>(&self, text: &'m str) -> Option<Said<'m>> {
        let business = self.reading.business;
        let found = stop::recognise(text, &business.stop).or_else(|| {
            let rest = opt_in::without_codes(text, &business.opt_in)?;
            stop::recognise(&rest, &business.stop)
                .filter(|found| matches!(found.meaning, Meaning::Stop(_) | Meaning::Ask))
        })?;
        Some(Said {
            found,
            wording: text,
            payload: None,
            method: Method::WhatsappThread,
            language_known: true,
        })
    }

    fn said_by_button<'m>(
        &self,
        payload: Option<&'m str>,
        title: Option<&'m str>,
    ) -> Option<Said<'m>> {
        let found = stop::recognise_button(payload, title, &self.reading.business.stop)?;
        let language_known = title
            .is_some_and(|title| stop::recognise(title, &self.reading.business.stop).is_some());
        let wording = title.or(payload).unwrap_or_default();
        Some(Said {
            found,
            wording,
            payload,
            method: Method::WhatsappThread,
            language_known,
        })
    }

    /// The choices of a Flow form are its rows and buttons. Only a stop is taken from one: what a yes in
    /// a form means, only the form's author knows.
    fn said_in_form<'m>(&self, answers: &'m str) -> Option<Said<'m>> {
        let form: serde_json::Value = serde_json::from_str(answers).ok()?;
        let choices = form.as_object()?.values().flat_map(|answer| match answer {
            serde_json::Value::Array(several) => several.iter().collect(),
            one => vec![one],
        });
        let found = choices
            .filter_map(serde_json::Value::as_str)
            .take(FORM_ANSWERS_MAX)
            .filter_map(|choice| {
                stop::recognise_button(Some(choice), None, &self.reading.business.stop)
            })
            .find(|found| matches!(found.meaning, Meaning::Stop(_)))?;
        Some(Said {
            found,
            wording: answers,
            payload: None,
            method: Method::WhatsappFlow,
            language_known: false,
        })
    }

    fn call_permission(
        &mut self,
        message: &Inbound<'_>,
        person: &Person,
        number: &str,
        moment: Moment,
    ) {
        let InboundKind::CallPermissionReply {
            response,
            expiration_s,
            permanent,
            ..
        } = &message.kind
        else {
            return;
        };
        if number.is_empty() {
            return;
        }
        let until_ms = match (response.as_deref(), permanent, expiration_s) {
            (Some("accept"), true, _) => Some(i64::MAX),
            (Some("accept"), false, Some(end_s)) => Some(end_s.saturating_mul(1_000)),
            (Some("accept"), false, None) => {
                Some(moment.start_ms().saturating_add(CALL_PERMISSION_MS))
            }
            _ => None,
        };
        self.push(Effect::CallPermission {
            person: person.clone(),
            number: number.into(),
            at_ms: moment.start_ms(),
            until_ms,
        });
    }
}

/// Who wrote it. A message that names nobody is the one contact's, where there is just one of each.
fn sender(value: &Messages<'_>, message: &Inbound<'_>) -> Person {
    let named = person(
        message.from.as_deref(),
        message.from_user_id.as_deref(),
        message.from_parent_user_id.as_deref(),
    );
    match (value.contacts.as_slice(), value.messages.as_slice()) {
        ([contact], [_]) if named.is_empty() => person(
            contact.wa_id.as_deref(),
            contact.user_id.as_deref(),
            contact.parent_user_id.as_deref(),
        ),
        _ => named,
    }
}

/// Whether a message is "writing something new": opens the window and the thread (A9). What cannot be
/// read opens nothing, for it might have been a stop.
fn opens(kind: &InboundKind<'_>) -> bool {
    match kind {
        InboundKind::Text(_)
        | InboundKind::Button { .. }
        | InboundKind::ButtonReply { .. }
        | InboundKind::ListReply { .. }
        | InboundKind::NfmReply { .. }
        | InboundKind::Media { .. }
        | InboundKind::Location
        | InboundKind::Contacts
        | InboundKind::Order { .. }
        | InboundKind::Unsupported { .. } => true,
        InboundKind::Reaction { .. }
        | InboundKind::System(_)
        | InboundKind::Edit { .. }
        | InboundKind::Revoke { .. }
        | InboundKind::CallPermissionReply { .. }
        | InboundKind::Interactive { .. }
        | InboundKind::Unknown { .. }
        | InboundKind::Unreadable => false,
    }
}

/// A confirmation offers a word to write; an app's own button that says the same answers something else.
fn is_written(kind: &InboundKind<'_>) -> bool {
    matches!(kind, InboundKind::Text(_))
}

fn from_ad(message: &Inbound<'_>) -> bool {
    message.referral.as_ref().is_some_and(|referral| {
        referral.source_type.as_deref() == Some("ad") || referral.ctwa_clid.is_some()
    })
}

/// What a stop closes, by name (A2, A20).
fn scopes(reach: StopReach, closes_all: bool) -> SmallVec<[Scope; 3]> {
    match reach {
        StopReach::Bare if !closes_all => {
            smallvec![
                Category::Marketing.into(),
                Category::Utility.into(),
                Category::Calls.into()
            ]
        }
        StopReach::Bare | StopReach::All => smallvec![Scope::All],
        StopReach::Marketing => smallvec![Category::Marketing.into()],
    }
}

fn reach_name(reach: StopReach) -> &'static str {
    match reach {
        StopReach::Bare => "bare",
        StopReach::All => "all",
        StopReach::Marketing => "marketing",
    }
}

/// How it was understood and answered, kept with the evidence.
fn why(message: &Inbound<'_>, said: &Said<'_>, reply: Option<&(Box<str>, &str)>) -> Box<str> {
    let mut json = String::from("{\"kind\":");
    let mut member = |name: &str, text: &str| {
        json.push_str(name);
        ascii::push(&mut json, text);
    };
    member("", message.kind.name());
    member(",\"language\":", said.found.language);
    member(",\"matched\":", said.found.matched);
    if let Some(payload) = said.payload {
        member(",\"payload\":", payload);
    }
    if let Some(answered) = message.context_id.as_deref() {
        member(",\"answers\":", answered);
    }
    if let Some((language, reach)) = reply {
        member(",\"reply_language\":", language);
        member(",\"reply_reach\":", reach);
    }
    json.push('}');
    json.into()
}
