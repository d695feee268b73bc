//! Receipts for grants: after ISO/IEC TS 27560 in the words of the W3C's Data Privacy Vocabulary, and after
//! the Kantara Initiative's Consent Receipt 1.1.
//!
//! A receipt says what is on record and nothing else. Both formats ask for things that Greenline is not told,
//! such as the address of the controller or the jurisdiction: those members are left out, and `missing`
//! names them, so that nobody takes a guess for a record. A receipt is a reading of the ledger, not a proof;
//! the proof is the bundle.

use axum::Json;
use axum::extract::State;
use greenline_ledger::types::{PersonView, StoredEvent};
use greenline_policy::consent::EventKind;
use greenline_policy::identity::Identifier;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::directory::Business;
use crate::ids;

use super::super::auth::Who;
use super::super::extract::{Params, Segments, named};
use super::super::people::{OfBusiness, known};
use super::super::problem::{Problem, ProblemBody};
use super::super::shape::time;

/// Members of a consent record after ISO/IEC TS 27560 that nothing on record answers.
const MISSING_ISO: &[&str] = &[
    "dpv:hasJurisdiction",
    "dpv:hasRecipient",
    "dpv:hasStorageCondition",
    "dpv:hasAddress of the controller",
    "dpv:hasContact of the controller",
    "dct:valid",
];
/// Members of a Kantara receipt that nothing on record answers.
const MISSING_KANTARA: &[&str] = &[
    "jurisdiction",
    "language",
    "policyUrl",
    "piiControllers[].contact",
    "piiControllers[].address",
    "piiControllers[].email",
    "piiControllers[].phone",
    "services[].purposes[].consentType",
    "services[].purposes[].termination",
    "services[].purposes[].thirdPartyDisclosure",
    "sensitive",
];

/// One grant's receipts.
#[derive(Serialize, ToSchema)]
#[schema(as = Receipt)]
pub(crate) struct ReceiptShape {
    /// The consent event it is for.
    event: String,
    /// JSON-LD after ISO/IEC TS 27560, in terms of the Data Privacy Vocabulary.
    #[schema(value_type = Object)]
    iso_27560: Value,
    /// JSON after the Consent Receipt Specification 1.1 of the Kantara Initiative.
    #[schema(value_type = Object)]
    kantara: Value,
    /// Members that the formats ask for and that are not on record.
    missing: Missing,
}

/// What is not on record.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceiptMissing)]
pub(crate) struct Missing {
    iso_27560: Vec<&'static str>,
    kantara: Vec<&'static str>,
}

/// A person's receipts.
#[derive(Serialize, ToSchema)]
#[schema(as = Receipts)]
pub(crate) struct ReceiptsShape {
    business: String,
    /// One for each grant on record, oldest first, whether it still stands or not.
    receipts: Vec<ReceiptShape>,
}

/// A receipt for each grant on record of a person.
///
/// One receipt per grant, in two formats, with what is on record and nothing invented.
#[utoipa::path(
    get, path = "/v1/people/{id}/receipts", operation_id = "showReceipts", tag = "consent",
    params(("id" = String, Path, description = "Phone number with country code (`+` may be left out) or business-scoped user id"), OfBusiness),
    responses(
        (status = 200, description = "The receipts", body = ReceiptsShape),
        (status = 404, description = "Nobody of that business is known by this identifier", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Neither a phone number nor a user id", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show(
    State(app): State<Shared>,
    who: Who,
    Segments(id): Segments<String>,
    Params(of): Params<OfBusiness>,
) -> Result<Json<ReceiptsShape>, Problem> {
    let business = who.business(&app.directory, of.business.as_deref())?;
    let person = known(&app, &business, &named(&id)?).await?;
    let grants = person.history.iter().filter(|stored| is_grant(stored));
    let now_ms = app.clock.now_ms();
    Ok(Json(ReceiptsShape {
        business: business.config.id.clone(),
        receipts: grants
            .map(|stored| receipt(&business, &person, stored, now_ms))
            .collect(),
    }))
}

fn is_grant(stored: &StoredEvent) -> bool {
    stored.event.kind == EventKind::Granted
}

fn receipt(
    business: &Business,
    person: &PersonView,
    grant: &StoredEvent,
    now_ms: i64,
) -> ReceiptShape {
    let (mut iso, mut kantara) = (MISSING_ISO.to_vec(), MISSING_KANTARA.to_vec());
    if grant.event.evidence.method.is_empty() {
        iso.push("dpv:hasIndicationMethod");
        kantara.push("collectionMethod");
    }
    if notice(grant).is_none() {
        iso.push("dpv:hasNotice");
    }
    ReceiptShape {
        event: ids::event(grant.id),
        iso_27560: iso_27560(business, person, grant, now_ms),
        kantara: kantara_receipt(business, grant),
        missing: Missing {
            iso_27560: iso,
            kantara,
        },
    }
}

fn subject(identifier: &Identifier) -> String {
    identifier.reveal()
}

/// The name that the person saw; that of the configuration where none is on record.
fn controller<'a>(business: &'a Business, grant: &'a StoredEvent) -> &'a str {
    let shown = &*grant.event.evidence.business_name;
    if shown.is_empty() {
        &business.config.name
    } else {
        shown
    }
}

/// What was shown, as far as it is on record.
fn notice(grant: &StoredEvent) -> Option<Value> {
    let evidence = &grant.event.evidence;
    let mut notice = Map::new();
    for (member, value) in [
        ("dct:description", &evidence.wording),
        ("dct:hasVersion", &evidence.wording_version),
        ("dct:source", &evidence.source),
    ] {
        if !value.is_empty() {
            notice.insert(member.to_owned(), json!(**value));
        }
    }
    if notice.is_empty() {
        return None;
    }
    notice.insert("@type".to_owned(), json!("dpv:ConsentNotice"));
    Some(Value::Object(notice))
}

/// The status that an event gives a consent; none for what is no word of the person's.
fn status(kind: EventKind) -> Option<&'static str> {
    match kind {
        EventKind::Granted => Some("dpv:ConsentGiven"),
        EventKind::Reconfirmed => Some("dpv:RenewedConsentGiven"),
        EventKind::Refused => Some("dpv:ConsentRefused"),
        EventKind::Withdrawn => Some("dpv:ConsentWithdrawn"),
        EventKind::Expired => Some("dpv:ConsentExpired"),
        _ => None,
    }
}

/// What happened to the consent: the grant, and what was said later of the very same scope.
fn events(person: &PersonView, grant: &StoredEvent) -> Vec<Value> {
    let same = person
        .history
        .iter()
        .filter(|later| later.id >= grant.id && later.event.scope == grant.event.scope);
    same.filter_map(|stored| {
        let status = status(stored.event.kind)?;
        let mut event = json!({
            "@type": status,
            "dct:identifier": ids::event(stored.id),
            "dpv:isIndicatedAtTime": time(stored.event.stated_ms),
        });
        if stored.event.kind != EventKind::Expired {
            event["dpv:isIndicatedBy"] = json!("dpv:DataSubject");
        }
        let method = &stored.event.evidence.method;
        if !method.is_empty() {
            event["dpv:hasIndicationMethod"] = json!(**method);
        }
        Some(event)
    })
    .collect()
}

fn iso_27560(business: &Business, person: &PersonView, grant: &StoredEvent, now_ms: i64) -> Value {
    let id = ids::event(grant.id);
    let name = controller(business, grant);
    let mut record = json!({
        "@type": "dpv:ConsentRecord",
        "dct:identifier": id,
        "dct:conformsTo": "https://w3id.org/dpv/schema/dpv-27560#record",
        "dct:created": time(grant.event.arrival_ms),
        "dpv:hasDataSubject": {
            "@type": "dpv:DataSubject",
            "dct:identifier": subject(&grant.identifier),
        },
        "dpv:hasDataController": {
            "@type": "dpv:DataController",
            "dct:identifier": business.config.id,
            "dpv:hasName": name,
        },
        "dpv:hasProcess": {
            "@type": "dpv:Process",
            "dpv:hasPurpose": {
                "@type": "dpv:Purpose",
                "dct:identifier": grant.event.scope.to_string(),
                "dct:description": purpose(grant),
            },
            "dpv:hasPersonalData": {
                "@type": "dpv:PersonalData",
                "dct:description": personal_data(grant),
            },
            "dpv:hasLegalBasis": "dpv:Consent",
        },
        "dpv:hasConsentStatus": events(person, grant),
    });
    if let Some(notice) = notice(grant) {
        record["dpv:hasNotice"] = notice;
    }
    json!({
        "@context": {
            "dpv": "https://w3id.org/dpv#",
            "dct": "http://purl.org/dc/terms/",
            "schema": "https://schema.org/",
        },
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": format!("receipt-{id}"),
        "dct:conformsTo": "https://w3id.org/dpv/schema/dpv-27560#receipt",
        "dct:created": time(now_ms),
        "dct:publisher": name,
        "schema:recipient": "dpv:DataSubject",
        "dpv:hasRecordOfActivity": record,
    })
}

fn purpose(grant: &StoredEvent) -> String {
    format!("WhatsApp messages, scope `{}`", grant.event.scope)
}

fn personal_data(grant: &StoredEvent) -> &'static str {
    match grant.identifier {
        Identifier::Phone(_) => "WhatsApp phone number",
        Identifier::User(_) => "WhatsApp user id of the business",
    }
}

fn kantara_receipt(business: &Business, grant: &StoredEvent) -> Value {
    let mut receipt = json!({
        "version": "KI-CR-v1.1.0",
        // Whole seconds, as the format's own examples have them.
        "consentTimestamp": grant.event.stated_ms.div_euclid(1_000),
        "consentReceiptID": ids::event(grant.id),
        "piiPrincipalId": subject(&grant.identifier),
        "piiControllers": [{ "piiController": controller(business, grant) }],
        "services": [{
            "service": purpose(grant),
            "purposes": [{
                "purpose": grant.event.scope.to_string(),
                "piiCategory": [personal_data(grant)],
            }],
        }],
    });
    let method = &grant.event.evidence.method;
    if !method.is_empty() {
        receipt["collectionMethod"] = json!(**method);
    }
    receipt
}
