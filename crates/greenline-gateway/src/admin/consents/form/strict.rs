//! Reading what could open something: every member is checked, and what does not do is refused by name.

use greenline_ledger::types::Evidence;
use greenline_policy::consent::{AHEAD_MAX_MS, EventKind, Strength, act_time};
use greenline_policy::evidence::Method;
use greenline_policy::identity::{Identifier, Phone, UserId};
use greenline_policy::scope::{Category, Scope};
use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::admin::extract::typed;
use crate::admin::problem::Problem;
use crate::directory::Business;

use super::body::{ConsentBody, EvidenceBody, PersonBody};
use super::{
    Draft, EVIDENCE_TEXT_BYTES_MAX, Intake, Ready, Stated, extra_json, stated, strength, texts,
};

/// Reads a yes or its renewal.
pub(super) fn read(
    row: Map<String, Value>,
    kind: EventKind,
    business: &Business,
    intake: &Intake<'_>,
) -> Result<Ready, Problem> {
    let body: ConsentBody = typed(Value::Object(row))?;
    let person = person(&body.person)?;
    let scope = scope(&body.scope, business)?;
    let stated = match body.occurred_at.as_deref() {
        None => None,
        Some(text) => Some(stated(text).ok_or_else(|| {
            Problem::invalid(
                "occurred_at",
                "not a time after RFC 3339 with its offset, such as 2026-11-20T09:30:00Z",
            )
        })?),
    };
    let evidence = evidence(body.evidence)?;
    let strength = strength(&evidence, business, intake.by_file);
    if kind == EventKind::Reconfirmed && strength == Strength::Claimed {
        return Err(Problem::invalid(
            "evidence",
            "a renewal needs evidence: method, wording or wording_version, and the business's name",
        ));
    }
    let at = stated.unwrap_or(Stated {
        at_ms: intake.now_ms,
        whole_seconds: false,
    });
    let at_ms = act_time(kind, at.at_ms, at.whole_seconds, intake.now_ms).map_err(|_| {
        const { assert!(AHEAD_MAX_MS == 5 * 60_000) };
        Problem::invalid("occurred_at", "more than 5 minutes ahead")
    })?;
    let draft = Draft {
        person,
        scope,
        stated,
        at_ms,
        strength,
        evidence,
        notes: Vec::new(),
    };
    Ok(draft.ready(kind, business, intake))
}

fn person(body: &PersonBody) -> Result<SmallVec<[Identifier; 1]>, Problem> {
    let mut person = SmallVec::new();
    if let Some(text) = &body.wa_id {
        let phone = Phone::parse(text).ok_or_else(|| {
            Problem::invalid("person.wa_id", "not a phone number with its country code")
        })?;
        person.push(Identifier::Phone(phone));
    }
    if let Some(text) = &body.user_id {
        let id = UserId::parse(text).ok_or_else(|| {
            Problem::invalid(
                "person.user_id",
                "not a business-scoped user id, such as US.1A2b3C",
            )
        })?;
        person.push(Identifier::User(id));
    }
    if person.is_empty() {
        return Err(Problem::invalid("person", "needs wa_id or user_id"));
    }
    Ok(person)
}

/// Every scope that a yes may name.
fn scopes(business: &Business) -> Vec<String> {
    let fixed = std::iter::once(Scope::All)
        .chain(Category::ALL.map(Scope::Category))
        .map(|scope| scope.to_string());
    fixed
        .chain(business.config.topics.iter().cloned())
        .collect()
}

fn scope(text: &str, business: &Business) -> Result<Scope, Problem> {
    Scope::parse(text)
        .filter(|scope| {
            !matches!(scope, Scope::Topic(..))
                || business.config.topics.iter().any(|topic| topic == text)
        })
        .ok_or_else(|| {
            Problem::invalid(
                "scope",
                "not a scope, nor a topic that the business declares",
            )
            .allowed(scopes(business))
        })
}

fn evidence(body: Option<EvidenceBody>) -> Result<Evidence, Problem> {
    let Some(body) = body else {
        return Ok(Evidence::default());
    };
    let method = body.method.trim();
    if !method.is_empty() && Method::parse(method).is_none() {
        return Err(
            Problem::invalid("evidence.method", format!("`{method}` is not a method"))
                .allowed(Method::ALL.map(Method::as_str)),
        );
    }
    let evidence = Evidence {
        method: method.into(),
        wording: body.wording.into(),
        wording_version: body.wording_version.into(),
        business_name: body.business_name.into(),
        source: body.source.into(),
        ip: body.ip.into(),
        message_id: body.message_id.into(),
        file: body.file.into(),
        extra_json: extra_json(body.extra),
    };
    let too_long = texts(&evidence)
        .into_iter()
        .find(|(_, text)| text.len() > EVIDENCE_TEXT_BYTES_MAX);
    if let Some((name, _)) = too_long {
        return Err(Problem::invalid(
            format!("evidence.{name}"),
            format!("longer than {EVIDENCE_TEXT_BYTES_MAX} bytes"),
        ));
    }
    Ok(evidence)
}
