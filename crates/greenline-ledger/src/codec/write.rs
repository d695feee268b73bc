//! Writes decisions and heads, straight into the buffer that goes to the store.
//!
//! One record is written for each send, so this builds nothing in between. What it writes is read by the
//! forms in [`super`], member by member; a test holds the two together.

use greenline_policy::consent::{EventId, Head, Standing, Strength};
use greenline_policy::country::{Country, Place};
use greenline_policy::decide::{NumberFacts, PersonFacts, Reason, TemplateFacts, TemplateStatus};
use greenline_policy::identity::Identifier;
use greenline_policy::lasting::YesLasts;
use greenline_policy::number::Ban;
use greenline_policy::own::OwnRule;
use greenline_policy::pack::Pack;
use greenline_policy::quiet::Quiet;

use super::{VERSION, intent_name, is_default, limit_number, restriction_name};
use crate::erasure::is_pseudonym;
use crate::seal::Cuts;
use crate::state::facts::Judged;
use crate::types::{Mode, PersonId};

/// Room that most records fit in.
const RECORD_BYTES: usize = 768;

/// JSON in the making.
pub(super) struct Json<'v>(pub(super) &'v mut Vec<u8>);

impl Json<'_> {
    /// As it stands: names, punctuation and words that need no escape.
    pub(super) fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn integer(&mut self, number: impl itoa::Integer) {
        self.raw(itoa::Buffer::new().format(number));
    }

    /// A word of ours, which needs no escape.
    pub(super) fn word(&mut self, word: &str) {
        self.raw("\"");
        self.raw(word);
        self.raw("\"");
    }

    /// Any text.
    pub(super) fn text(&mut self, text: &str) {
        let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.bytes().all(plain) {
            self.word(text);
        } else {
            self.raw(&serde_json::Value::from(text).to_string());
        }
    }

    fn or_null(&mut self, number: Option<impl itoa::Integer>) {
        match number {
            Some(number) => self.integer(number),
            None => self.raw("null"),
        }
    }

    /// Elements of a list.
    pub(super) fn list<T>(
        &mut self,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.raw("[");
        for (n, item) in items.enumerate() {
            if n > 0 {
                self.raw(",");
            }
            write(self, item);
        }
        self.raw("]");
    }

    /// A member that is there only where it holds a number.
    pub(super) fn number_if_any(&mut self, name: &str, number: Option<impl itoa::Integer>) {
        if let Some(number) = number {
            self.raw(name);
            self.integer(number);
        }
    }

    fn standing(&mut self, standing: Standing) {
        let mut code = |name, event: EventId, at_ms: Option<i64>, strength: Option<Strength>| {
            self.raw("[");
            self.word(name);
            self.raw(",");
            self.integer(event.0);
            self.raw(",");
            self.or_null(at_ms);
            self.raw(",");
            match strength {
                Some(strength) => self.word(strength.as_str()),
                None => self.raw("null"),
            }
            self.raw("]");
        };
        match standing {
            Standing::Unknown => self.raw("null"),
            Standing::Refused { event, at_ms } => code("refused", event, Some(at_ms), None),
            Standing::Covered {
                event,
                at_ms,
                strength,
            } => code("covered", event, Some(at_ms), Some(strength)),
            Standing::Claimed { event } => code("claimed", event, None, None),
            Standing::Unconfirmed { event } => code("unconfirmed", event, None, None),
            Standing::Expired { event } => code("expired", event, None, None),
        }
    }

    /// A head: one standing where all base scopes share it, since most heads come of one act.
    pub(super) fn head(&mut self, head: &Head) {
        let [first, others @ ..] = head.base;
        if first != Standing::Unknown && others.iter().all(|other| *other == first) {
            self.raw("{\"all\":");
            self.standing(first);
        } else {
            self.raw("{\"base\":");
            self.list(head.base.into_iter(), Self::standing);
        }
        if !head.topics.is_empty() {
            self.raw(",\"topics\":");
            self.list(head.topics.iter(), |json, (scope, standing)| {
                json.raw("[");
                json.text(&scope.to_string());
                json.raw(",");
                json.standing(*standing);
                json.raw("]");
            });
        }
        for (name, named) in [
            (",\"native_stop\":[", head.native_stop),
            (",\"freeform_closed\":[", head.freeform_closed),
        ] {
            if let Some((event, at_ms)) = named {
                self.raw(name);
                self.integer(event.0);
                self.raw(",");
                self.integer(at_ms);
                self.raw("]");
            }
        }
        self.raw("}");
    }

    pub(super) fn template(&mut self, facts: &TemplateFacts) {
        self.raw(if facts.known {
            "{\"known\":true,\"category\":"
        } else {
            "{\"category\":"
        });
        self.word(facts.category.as_str());
        if let Some(topic) = &facts.topic {
            self.raw(",\"topic\":");
            self.text(&topic.to_string());
        }
        match facts.status {
            TemplateStatus::Sendable => {}
            TemplateStatus::Paused => self.raw(",\"status\":\"paused\""),
            TemplateStatus::Disabled => self.raw(",\"status\":\"disabled\""),
        }
        if let Some(quality) = facts.quality {
            self.raw(",\"quality\":");
            self.word(quality.as_str());
        }
        if let Some(own) = &facts.own {
            self.raw(",\"own\":");
            self.list(own.iter(), Self::own_rule);
        }
        self.raw(if facts.is_ask {
            ",\"is_ask\":true}"
        } else {
            "}"
        });
    }

    fn own_rule(&mut self, rule: &OwnRule) {
        self.raw("[");
        self.text(&rule.name);
        self.raw(",");
        self.text(&rule.text);
        self.raw(",");
        self.list(rule.scopes.iter(), |json, scope| {
            json.text(&scope.to_string());
        });
        self.raw(",");
        self.list(rule.countries.iter(), |json, country| {
            json.word(country.as_str());
        });
        self.raw(if rule.weak_consent {
            ",true,"
        } else {
            ",false,"
        });
        self.or_null(rule.from_ms);
        self.raw(",");
        self.or_null(rule.until_ms);
        self.raw("]");
    }

    pub(super) fn number(&mut self, facts: &NumberFacts) {
        self.raw("{\"status\":");
        self.word(facts.status.as_str());
        if facts.ban != Ban::None {
            self.raw(",\"ban\":");
            self.word(facts.ban.as_str());
        }
        if facts.locked {
            self.raw(",\"locked\":true");
        }
        if !facts.restrictions.is_empty() {
            self.raw(",\"restrictions\":");
            self.list(facts.restrictions.iter(), |json, restriction| {
                json.raw("[");
                json.word(restriction_name(restriction.kind));
                json.raw(",");
                json.or_null(restriction.until_ms);
                json.raw("]");
            });
        }
        if let Some(rating) = facts.rating {
            self.raw(",\"rating\":[");
            self.word(rating.score.as_str());
            self.raw(",");
            self.integer(rating.read_ms);
            self.raw("]");
        }
        self.number_if_any(",\"spam_limited_ms\":", facts.spam_limited_ms);
        if facts.watched {
            self.raw(",\"watched\":true");
        }
        if !facts.health.is_empty() {
            self.raw(",\"health\":");
            self.list(facts.health.iter(), |json, cause| json.word(cause.id()));
        }
        self.raw("}");
    }

    /// An addressee with what was known of them.
    pub(super) fn person(
        &mut self,
        person: Option<PersonId>,
        identifier: &Identifier,
        facts: &PersonFacts<'_>,
    ) {
        self.raw("{");
        if let Some(person) = person {
            self.raw("\"person\":");
            self.integer(person.0);
            self.raw(",");
        }
        self.raw("\"identifier\":");
        match identifier {
            Identifier::Phone(phone) => self.integer(phone.digits()),
            Identifier::User(user) => self.text(user.reveal()),
        }
        if !is_default(facts.head) {
            self.raw(",\"head\":");
            self.head(facts.head);
        }
        self.number_if_any(",\"wrote_at_ms\":", facts.wrote_at_ms);
        self.number_if_any(
            ",\"call_permission_until_ms\":",
            facts.call_permission_until_ms,
        );
        self.number_if_any(",\"unsettled_until_ms\":", facts.unsettled_until_ms);
        self.place(&facts.place);
        self.number_if_any(",\"reached_at_ms\":", facts.reached_at_ms);
        let pace = facts.pace;
        self.number_if_any(",\"capped_until_ms\":", pace.capped_until_ms);
        self.number_if_any(",\"limited_until_ms\":", pace.limited_until_ms);
        self.number_if_any(",\"paired_until_ms\":", pace.paired_until_ms);
        self.raw("}");
    }

    fn place(&mut self, place: &Place) {
        if place.country != Country::UNKNOWN {
            self.raw(",\"country\":");
            self.word(place.country.as_str());
        }
        let closed = place.closed.bits();
        self.number_if_any(",\"closed\":", (closed != 0).then_some(closed));
        if place.quiet != Quiet::NONE {
            self.raw(",\"quiet\":");
            self.list(place.quiet.ends_ms().into_iter(), Self::integer);
        }
    }

    /// Rules that fired.
    pub(super) fn reasons(&mut self, reasons: &[Reason]) {
        self.list(reasons.iter(), |json, reason| {
            json.raw("[");
            json.word(reason.rule.id());
            json.raw(",");
            json.or_null(reason.event.map(|event| event.0));
            json.raw(",");
            json.or_null(reason.until_ms);
            json.raw("]");
        });
    }

    /// A decision record; where the parts stand that can be erased.
    pub(super) fn record(&mut self, judged: &Judged<'_>) -> Cuts {
        let ask = judged.ask;
        let start = self.0.len();
        self.0.reserve(RECORD_BYTES);
        self.raw("{\"v\":");
        self.integer(VERSION);
        self.raw(",\"number\":");
        self.text(&ask.number);
        self.raw(",\"app\":");
        self.text(&ask.app);
        self.raw(",\"pack\":");
        self.word(Pack::at(ask.now_ms).version);
        self.raw(",\"intent\":");
        self.word(intent_name(ask.intent));
        if let Some(asked) = &ask.template {
            self.raw(",\"template\":[");
            self.text(&asked.name);
            self.raw(",");
            self.text(&asked.language);
            self.raw("]");
        }
        if let Some(facts) = judged.template {
            self.raw(",\"template_facts\":");
            self.template(facts);
        }
        if !is_default(judged.number) {
            self.raw(",\"number_facts\":");
            self.number(judged.number);
        }
        if !is_default(&judged.portfolio) {
            self.raw(",\"portfolio\":[");
            self.or_null(judged.portfolio.limit.map(limit_number));
            self.raw(",");
            self.integer(judged.portfolio.reached);
            self.raw(",");
            self.or_null(judged.portfolio.frees_at_ms);
            self.raw("]");
        }
        self.raw(",\"people\":");
        let people_from = self.0.len() - start;
        let people = ask.to.iter().zip(judged.found).zip(judged.people);
        self.list(people, |json, ((identifier, addressee), facts)| {
            json.person(addressee.person, identifier, facts);
        });
        let people = people_from..self.0.len() - start;
        if ask.rules.window_templates_are_replies {
            self.raw(",\"window_templates_are_replies\":true");
        }
        let only_notifications = ask.rules.only_notifications.bits();
        let shut = (only_notifications != 0).then_some(only_notifications);
        self.number_if_any(",\"only_notifications\":", shut);
        if ask.rules.yes_lasts != YesLasts::FOR_EVER {
            self.raw(",\"yes_lasts\":");
            self.list(ask.rules.yes_lasts.days().into_iter(), Self::integer);
        }
        if !ask.rules.hold.is_none() {
            let (groups, until_ms) = ask.rules.hold.parts();
            self.raw(",\"hold\":[");
            self.integer(groups);
            self.raw(",");
            self.integer(until_ms);
            self.raw("]");
        }
        self.number_if_any(",\"portfolio_limit\":", ask.rules.portfolio_limit);
        if !judged.decision.own.is_empty() {
            self.raw(",\"own\":");
            self.list(judged.decision.own.iter(), |json, own| {
                json.raw("[");
                json.text(&own.name);
                json.raw(",");
                json.text(&own.text);
                json.raw("]");
            });
        }
        if let Some((stop_at, max_age_ms)) = ask.rules.quality_guard.parts() {
            self.raw(",\"quality_guard\":[");
            self.word(stop_at.as_str());
            self.raw(",");
            self.integer(max_age_ms);
            self.raw("]");
        }
        if ask.mode == Mode::Observe {
            self.raw(",\"observed\":true");
        }
        self.number_if_any(",\"confirms\":", ask.confirms.map(|event| event.0));
        self.raw(",\"body_hash\":");
        let hash_from = self.0.len() - start;
        self.raw("\"");
        self.hex(&ask.body_hash);
        self.raw("\"");
        let body_hash = hash_from..self.0.len() - start;
        self.raw(",\"verdict\":");
        self.word(judged.decision.verdict.as_str());
        self.raw(",\"reasons\":");
        self.reasons(&judged.decision.reasons);
        self.raw("}");
        Cuts {
            people,
            body_hash,
            is_erased: ask.to.iter().any(is_pseudonym),
        }
    }

    pub(super) fn hex(&mut self, bytes: &[u8; 16]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        self.0.extend_from_slice(&digits);
    }
}

#[cfg(test)]
mod tests;
