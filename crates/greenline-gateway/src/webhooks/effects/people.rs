//! What the platform says of people: their switch for marketing, their calls, their changed identifiers.

use greenline_ledger::types::{Actor, Effect, Evidence, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::evidence::Method;
use greenline_policy::scope::{Category, Scope};
use greenline_wire::ascii;
use greenline_wire::webhook::{
    Calls, Inbound, Messages, Preference, PreferenceValue, System, UserPreferences,
};

use super::time::Moment;
use super::{Part, Person, person};

/// The one category that the switch has (OPT-44).
const MARKETING: &str = "marketing_messages";

impl Part<'_, '_> {
    pub(super) fn preferences(&mut self, value: &UserPreferences<'_>) {
        let one_contact = match (value.contacts.as_slice(), value.preferences.as_slice()) {
            ([contact], [_]) => Some(contact),
            _ => None,
        };
        for (place, preference) in value.preferences.iter().enumerate() {
            let mut who = person(
                preference.wa_id.as_deref(),
                preference.user_id.as_deref(),
                preference.parent_user_id.as_deref(),
            );
            if let (true, Some(contact)) = (who.is_empty(), one_contact) {
                who = person(
                    contact.wa_id.as_deref(),
                    contact.user_id.as_deref(),
                    contact.parent_user_id.as_deref(),
                );
            }
            if !who.is_empty() {
                self.preference(preference, place, who);
            }
        }
    }

    fn preference(&mut self, preference: &Preference<'_>, place: usize, person: Person) {
        // A stop counts whatever it is called; a yes must be about exactly this.
        let marketing = preference
            .category
            .as_deref()
            .is_none_or(|category| category == MARKETING);
        let (kind, method) = match (&preference.value, marketing) {
            (PreferenceValue::Stop, _) => (EventKind::NativeStopped, Method::Platform),
            (PreferenceValue::Resume, true) => (EventKind::NativeResumed, Method::Platform),
            (PreferenceValue::Signup, true) => (EventKind::Granted, Method::WhatsappSignupLink),
            _ => return,
        };
        let moment = Moment::new(preference.timestamp_s, self.reading.received_ms);
        self.learned.know(&person, moment.start_ms());
        // A yes without a time could be an old one told again, and would lift what came since.
        if kind != EventKind::NativeStopped && !moment.is_stated() {
            return;
        }
        let business = self.reading.business;
        let dedup = format!(
            "preference:{}:{place}",
            self.fingerprint(self.change.raw.get())
        );
        self.push(Effect::Consent(NewEvent {
            business: business.ix,
            person,
            kind,
            scope: Scope::Category(Category::Marketing),
            at_ms: moment.act_ms(kind),
            stated_ms: moment.stated_ms(),
            arrival_ms: self.reading.received_ms,
            strength: Strength::Evidenced,
            in_thread: false,
            evidence: Evidence {
                method: method.as_str().into(),
                wording: preference.detail.as_deref().unwrap_or_default().into(),
                wording_version: preference.signup_id.as_deref().unwrap_or_default().into(),
                business_name: business.config.name.as_str().into(),
                source: "user_preferences".into(),
                ..Evidence::default()
            },
            actor: Actor("platform".into()),
            dedup: Some(dedup.into()),
        }));
    }

    /// A call by the person opens the window (SND-02); one by the business does not (A9).
    pub(super) fn calls(&mut self, value: &Calls<'_>) {
        let number = value
            .metadata
            .phone_number_id
            .as_deref()
            .unwrap_or_default();
        for call in value
            .calls
            .iter()
            .filter(|call| call.by_person == Some(true))
        {
            let person = person(call.from.as_deref(), call.from_user_id.as_deref(), None);
            let moment = Moment::new(call.timestamp_s, self.reading.received_ms);
            self.learned.know(&person, moment.start_ms());
            if call.event.as_deref() == Some("connect")
                && moment.is_stated()
                && !person.is_empty()
                && !number.is_empty()
            {
                self.push(Effect::Wrote {
                    person,
                    number: number.into(),
                    at_ms: moment.start_ms(),
                    message_id: (&*call.id).into(),
                    free_until_ms: None,
                });
            }
        }
        for status in &value.statuses {
            let moment = Moment::new(status.timestamp_s, self.reading.received_ms);
            let person = person(
                status.recipient_id.as_deref(),
                status.recipient_user_id.as_deref(),
                None,
            );
            self.learned.know(&person, moment.start_ms());
            if let (false, Some(name)) = (status.id.is_empty(), status.status.as_deref()) {
                self.push(Effect::Status {
                    message_id: (&*status.id).into(),
                    status: name.to_ascii_lowercase().into(),
                    at_ms: moment.start_ms(),
                    code: None,
                });
            }
        }
    }

    /// News about a person's identifiers (OPT-50, OPT-51).
    pub(super) fn system(
        &mut self,
        value: &Messages<'_>,
        message: &Inbound<'_>,
        system: &System<'_>,
    ) {
        match &*system.kind {
            "user_changed_number" | "user_changed_user_id" => self.moved(message, system),
            _ => {
                // Names the message and no person: what stands here is kept for good.
                let body = format!("{{\"message_id\":{}}}", ascii::string(&message.id));
                self.number_timeline(
                    value.metadata.phone_number_id.as_deref(),
                    &system.kind,
                    body.into(),
                );
            }
        }
    }

    fn moved(&mut self, message: &Inbound<'_>, system: &System<'_>) {
        let moment = Moment::new(message.timestamp_s, self.reading.received_ms);
        let at_ms = moment.end_ms();
        let left_user = system
            .previous_user_id
            .as_deref()
            .or(message.from_user_id.as_deref());
        let left_parent = system
            .previous_parent_user_id
            .as_deref()
            .or(message.from_parent_user_id.as_deref());
        // Each identifier moves to its own kind.
        let pairs = [
            (
                person(message.from.as_deref(), None, None),
                person(system.wa_id.as_deref(), None, None),
            ),
            (
                person(None, left_user, None),
                person(None, system.user_id.as_deref(), None),
            ),
            (
                person(None, left_parent, None),
                person(None, system.parent_user_id.as_deref(), None),
            ),
        ];
        let all = |new: bool| -> Person {
            pairs
                .iter()
                .filter_map(|(left, now)| if new { now.first() } else { left.first() })
                .cloned()
                .collect()
        };
        let (left, now) = (all(false), all(true));
        // An identifier on both sides would join what the move keeps apart.
        let on_one_side =
            |identifier: &&_| !(left.contains(*identifier) && now.contains(*identifier));
        let known_left: Person = left.iter().filter(on_one_side).cloned().collect();
        let known_now: Person = now.iter().filter(on_one_side).cloned().collect();
        self.learned.know(&known_left, moment.start_ms());
        self.learned.know(&known_now, at_ms);
        let mut told = false;
        for (from, to) in pairs
            .iter()
            .filter_map(|(from, to)| Some((from.first()?, to.first()?)))
        {
            if from != to {
                told = true;
                self.push(Effect::Moved {
                    from: from.clone(),
                    to: to.clone(),
                    at_ms,
                });
            }
        }
        if let (false, Some(from), Some(to)) = (told, left.first(), now.first())
            && from != to
        {
            self.push(Effect::Moved {
                from: from.clone(),
                to: to.clone(),
                at_ms,
            });
        }
    }
}
