//! Reading a no: if person and scope can be read it is taken, and what could not be read is noted.

use greenline_ledger::types::Evidence;
use greenline_policy::consent::{EventKind, Strength, act_time};
use greenline_policy::identity::Identifier;
use greenline_policy::scope::{Category, Scope};
use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::admin::problem::Problem;
use crate::directory::Business;

use super::{Draft, EVIDENCE_TEXT_BYTES_MAX, Intake, Ready, Stated, extra_json, stated};

/// Reads what opens nothing.
pub(super) fn read(
    row: &Map<String, Value>,
    kind: EventKind,
    business: &Business,
    intake: &Intake<'_>,
) -> Result<Ready, Problem> {
    let mut notes = Vec::new();
    let person = person(row.get("person"), &mut notes)?;
    let scope = scope(row.get("scope"), kind)?;
    if matches!(scope, Scope::Topic(..)) && !business.config.topics.contains(&scope.to_string()) {
        notes.push("the topic is not declared; recorded all the same".to_owned());
    }
    let stated = match row.get("occurred_at") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let read = value.as_str().and_then(stated);
            if read.is_none() {
                notes.push("`occurred_at` could not be read".to_owned());
            }
            read
        }
    };
    let evidence = evidence(row.get("evidence"), &mut notes);
    let at = stated.unwrap_or(Stated {
        at_ms: intake.now_ms,
        whole_seconds: false,
    });
    let at_ms = act_time(kind, at.at_ms, at.whole_seconds, intake.now_ms).unwrap_or(intake.now_ms);
    let draft = Draft {
        person,
        scope,
        stated,
        at_ms,
        strength: Strength::Evidenced,
        evidence,
        notes,
    };
    let mut ready = draft.ready(kind, business, intake);
    ready.taken_at_arrival |=
        stated.is_none() && row.get("occurred_at").is_some_and(|value| !value.is_null());
    Ok(ready)
}

/// Whatever can be read of `wa_id` and `user_id`; one readable identifier is enough.
fn person(
    value: Option<&Value>,
    notes: &mut Vec<String>,
) -> Result<SmallVec<[Identifier; 1]>, Problem> {
    let mut person: SmallVec<[Identifier; 1]> = SmallVec::new();
    for name in ["wa_id", "user_id"] {
        let text = match value.and_then(|value| value.get(name)) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        match Identifier::parse(&text) {
            Some(identifier) if !person.contains(&identifier) => person.push(identifier),
            Some(_) => {}
            None => notes.push(format!("`person.{name}` could not be read")),
        }
    }
    if person.is_empty() {
        return Err(Problem::invalid(
            "person",
            "neither wa_id nor user_id can be read",
        ));
    }
    Ok(person)
}

fn scope(value: Option<&Value>, kind: EventKind) -> Result<Scope, Problem> {
    if kind == EventKind::NativeStopped {
        return Ok(Scope::Category(Category::Marketing));
    }
    let fixed = || std::iter::once("all").chain(Category::ALL.map(Category::as_str));
    value
        .and_then(Value::as_str)
        .map(str::trim)
        .and_then(|text| Scope::parse(text).or_else(|| Scope::parse(&text.to_lowercase())))
        .ok_or_else(|| Problem::invalid("scope", "cannot be read").allowed(fixed()))
}

fn evidence(value: Option<&Value>, notes: &mut Vec<String>) -> Evidence {
    let mut members = match value {
        None | Some(Value::Null) => return Evidence::default(),
        Some(Value::Object(members)) => members.clone(),
        Some(other) => {
            notes.push("`evidence` is not an object; kept as `note`".to_owned());
            Map::from_iter([("note".to_owned(), other.clone())])
        }
    };
    let mut take = |name: &str| -> Box<str> {
        let text = match members.remove(name) {
            None | Some(Value::Null) => return Box::default(),
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
        };
        let cut = text.floor_char_boundary(EVIDENCE_TEXT_BYTES_MAX);
        if cut < text.len() {
            notes.push(format!(
                "`evidence.{name}` was cut to {EVIDENCE_TEXT_BYTES_MAX} bytes"
            ));
        }
        text.get(..cut).unwrap_or_default().into()
    };
    let mut evidence = Evidence {
        method: take("method").trim().into(),
        wording: take("wording"),
        wording_version: take("wording_version"),
        business_name: take("business_name"),
        source: take("source"),
        ip: take("ip"),
        message_id: take("message_id"),
        file: take("file"),
        extra_json: Box::default(),
    };
    let extra = extra_json(members);
    if extra.len() > EVIDENCE_TEXT_BYTES_MAX {
        notes.push("other members of `evidence` were too long and left out".to_owned());
    } else {
        evidence.extra_json = extra;
    }
    evidence
}
