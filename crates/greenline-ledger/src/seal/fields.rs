//! What the leaf of a record holds: its fields by name, in a fixed order, those without a value left out.
//!
//! Names are only ever added, and a new one has no value in records of before, so that a leaf sealed by any
//! release is the same for all later ones. They are listed in `docs/concepts/proof.md`.

use greenline_policy::identity::Identifier;
use greenline_proof::Field;

use crate::codec::rows::encode_list;
use crate::codec::sealed;
use crate::erasure::{ENTRY_BODY_ERASED, NOBODY, is_pseudonym};
use crate::error::LedgerError;
use crate::types::{DecisionRecord, StoredEvent, TimelineEntry};

struct Fields(Vec<Field>);

impl Fields {
    fn push(&mut self, name: &str, value: impl Into<Box<str>>) {
        let value = value.into();
        if !value.is_empty() {
            let name = name.into();
            self.0.push(Field { name, value });
        }
    }
}

/// The fields of a consent event of the business with this `id`.
pub(crate) fn event_fields(
    business: &str,
    stored: &StoredEvent,
) -> Result<Vec<Field>, LedgerError> {
    let event = &stored.event;
    let evidence = &event.evidence;
    let person: Vec<String> = event.person.iter().map(Identifier::reveal).collect();
    let mut fields = Fields(Vec::with_capacity(20));
    fields.push("id", stored.id.0.to_string());
    fields.push("business", business);
    fields.push("version", stored.version.to_string());
    if !event.person.iter().any(is_pseudonym) {
        fields.push("person", encode_list(person.iter().map(String::as_str))?);
    }
    fields.push("event", event.kind.as_str());
    fields.push("scope", event.scope.to_string());
    fields.push("folded_ms", event.at_ms.to_string());
    fields.push("occurred_ms", event.stated_ms.to_string());
    fields.push("recorded_ms", event.arrival_ms.to_string());
    fields.push("strength", event.strength.as_str());
    fields.push("in_thread", event.in_thread.to_string());
    fields.push("evidence.method", &*evidence.method);
    fields.push("evidence.wording", &*evidence.wording);
    fields.push("evidence.wording_version", &*evidence.wording_version);
    fields.push("evidence.business_name", &*evidence.business_name);
    fields.push("evidence.source", &*evidence.source);
    fields.push("evidence.ip", &*evidence.ip);
    fields.push("evidence.message_id", &*evidence.message_id);
    fields.push("evidence.file", &*evidence.file);
    fields.push("evidence.extra", &*evidence.extra_json);
    if *event.actor.0 != *NOBODY {
        fields.push("actor", &*event.actor.0);
    }
    fields.push("key", event.dedup.as_deref().unwrap_or_default());
    Ok(fields.0)
}

/// The fields of a timeline entry of the business with this `id`.
pub(crate) fn entry_fields(business: &str, entry: &TimelineEntry) -> Vec<Field> {
    let mut fields = Fields(Vec::with_capacity(8));
    fields.push("id", entry.seq.to_string());
    fields.push("business", business);
    fields.push("subject", &*entry.subject);
    if *entry.subject_id != *NOBODY {
        fields.push("subject_id", &*entry.subject_id);
    }
    fields.push("origin", &*entry.origin);
    fields.push("event", &*entry.event);
    fields.push("at_ms", entry.at_ms.to_string());
    if *entry.body != *ENTRY_BODY_ERASED {
        fields.push("body", &*entry.body);
    }
    fields.0
}

/// The fields of a decision in the form of earlier releases; today it is sealed in parts (`parts.rs`).
pub(crate) fn decision_fields(record: &DecisionRecord) -> Result<Vec<Field>, LedgerError> {
    let sealed = sealed::of(record)?;
    let mut fields = Fields(Vec::with_capacity(10));
    fields.push("id", record.id.seq.to_string());
    fields.push("shard", record.id.shard.0.to_string());
    fields.push("business", &*record.business);
    fields.push("at_ms", record.at_ms.to_string());
    fields.push("number", &*record.number);
    fields.push("app", &*record.app);
    fields.push("verdict", record.decision.verdict.as_str());
    fields.push("reasons", sealed.reasons);
    let mut people = record.people.iter().map(|person| &person.identifier);
    if !people.any(is_pseudonym) {
        fields.push("people", sealed.people);
    }
    // The hash of the body stands among the facts, so they go together.
    if record.body_hash != [0; 16] {
        fields.push("facts", sealed.facts);
    }
    Ok(fields.0)
}
