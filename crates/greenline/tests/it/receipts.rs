//! Consent receipts against their whole expected shape: JSON-LD after ISO/IEC TS 27560 in the terms of the Data
//! Privacy Vocabulary, and the Kantara Initiative's Consent Receipt 1.1. Nothing more and nothing else may stand there.

use serde_json::{Value, json};

use crate::support::gateway::Gateway;
use crate::support::place::NOWHERE;
use crate::support::settings::BUSINESS;
use crate::support::store::{Store, on_each_store};
use crate::support::{command, webhook};

on_each_store! {
    a_receipt_has_exactly_the_shape_of_its_formats,
    what_is_not_on_record_is_left_out_and_named,
}

const DANA: &str = "15551230001";
const LEE: &str = "15551230002";
const USER: &str = "US.80012345678901234567";
const WORDING: &str = "Yes, send me \"offers\" from Acme\non WhatsApp";

async fn record(
    gateway: &Gateway,
    person: Value,
    scope: &str,
    event: &str,
    at: &str,
    evidence: Value,
) {
    let mut body =
        json!({ "business": BUSINESS, "person": person, "scope": scope, "event": event });
    if !at.is_empty() {
        body["occurred_at"] = json!(at);
    }
    if !evidence.is_null() {
        body["evidence"] = evidence;
    }
    let answer = gateway.admin("/v1/consents", &body).await;
    assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
}

async fn receipts(gateway: &Gateway, who: &str) -> Vec<Value> {
    let path = format!("/v1/people/{who}/receipts?business={BUSINESS}");
    let answer = gateway.admin_get(&path).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    let shown = answer.json();
    assert_eq!(members(&shown), ["business", "receipts"]);
    assert_eq!(shown["business"], BUSINESS);
    // The command shows the same but for the moment at which each receipt was made out.
    let show = ["consent", "show", who, "--receipts"];
    let ran = command::run_with(&gateway.config(), &show)
        .await
        .ended(0)
        .json();
    let undated = |shown: &Value| {
        let mut shown = shown.clone();
        for receipt in shown["receipts"].as_array_mut().expect("receipts") {
            receipt["iso_27560"]["dct:created"] = Value::Null;
        }
        shown
    };
    assert_eq!(undated(&ran), undated(&shown));
    shown["receipts"].as_array().expect("receipts").clone()
}

async fn history(gateway: &Gateway, who: &str) -> Vec<Value> {
    let path = format!("/v1/people/{who}?business={BUSINESS}");
    let person = gateway.admin_get(&path).await.json();
    person["history"].as_array().expect("a history").clone()
}

fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

/// What is checked as a kind of value rather than as this one: a moment, in the form of RFC 3339 with its offset.
fn is_moment(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("no text: {value}"));
    let parsed: jiff::Timestamp = text
        .parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    assert!(text.ends_with('Z') && parsed.as_second() > 0, "{text}");
}

async fn a_receipt_has_exactly_the_shape_of_its_formats(store: Store) {
    let home = store.home();
    let mut gateway = Gateway::start(&home, NOWHERE, |settings| settings).await;
    let dana = json!({ "wa_id": DANA });
    let evidence = json!({
        "method": "website_form", "wording": WORDING, "wording_version": "2026-03", "business_name": "ACME",
        "source": "https://acme.example/offers", "ip": "192.0.2.7",
    });
    record(
        &gateway,
        dana.clone(),
        "marketing",
        "granted",
        "2026-03-01T09:30:00Z",
        evidence,
    )
    .await;
    let renewal = json!({ "method": "app", "wording": "Keep them", "business_name": "Acme" });
    record(
        &gateway,
        dana.clone(),
        "marketing",
        "reconfirmed",
        "2026-05-01T09:30:00.250Z",
        renewal,
    )
    .await;
    // Another scope's news do not belong into this receipt.
    record(
        &gateway,
        dana.clone(),
        "utility",
        "withdrawn",
        "2026-06-01T09:30:00Z",
        Value::Null,
    )
    .await;
    record(
        &gateway,
        dana.clone(),
        "marketing",
        "withdrawn",
        "2026-07-01T09:30:00Z",
        json!({ "method": "staff" }),
    )
    .await;
    record(
        &gateway,
        dana,
        "marketing",
        "expired",
        "2026-08-01T09:30:00Z",
        Value::Null,
    )
    .await;

    let events = history(&gateway, DANA).await;
    let id = |at: usize| events[at]["id"].clone();
    let grant = id(0).as_str().expect("an id").to_owned();
    let receipts = receipts(&gateway, DANA).await;
    let [receipt] = &receipts[..] else {
        panic!("one grant, one receipt: {receipts:?}");
    };
    assert_eq!(
        members(receipt),
        ["event", "iso_27560", "kantara", "missing"]
    );
    assert_eq!(receipt["event"], json!(grant));
    let iso = &receipt["iso_27560"];
    for moment in [
        &iso["dct:created"],
        &iso["dpv:hasRecordOfActivity"]["dct:created"],
    ] {
        is_moment(moment);
    }
    let recorded_at = &events[0]["recorded_at"];
    let expected = json!({
        "@context": {
            "dpv": "https://w3id.org/dpv#",
            "dct": "http://purl.org/dc/terms/",
            "schema": "https://schema.org/",
        },
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": format!("receipt-{grant}"),
        "dct:conformsTo": "https://w3id.org/dpv/schema/dpv-27560#receipt",
        "dct:created": iso["dct:created"],
        "dct:publisher": "ACME",
        "schema:recipient": "dpv:DataSubject",
        "dpv:hasRecordOfActivity": {
            "@type": "dpv:ConsentRecord",
            "dct:identifier": grant,
            "dct:conformsTo": "https://w3id.org/dpv/schema/dpv-27560#record",
            "dct:created": recorded_at,
            "dpv:hasDataSubject": { "@type": "dpv:DataSubject", "dct:identifier": DANA },
            "dpv:hasDataController": { "@type": "dpv:DataController", "dct:identifier": BUSINESS, "dpv:hasName": "ACME" },
            "dpv:hasProcess": {
                "@type": "dpv:Process",
                "dpv:hasPurpose": {
                    "@type": "dpv:Purpose", "dct:identifier": "marketing",
                    "dct:description": "WhatsApp messages, scope `marketing`",
                },
                "dpv:hasPersonalData": { "@type": "dpv:PersonalData", "dct:description": "WhatsApp phone number" },
                "dpv:hasLegalBasis": "dpv:Consent",
            },
            "dpv:hasNotice": {
                "@type": "dpv:ConsentNotice", "dct:description": WORDING, "dct:hasVersion": "2026-03",
                "dct:source": "https://acme.example/offers",
            },
            "dpv:hasConsentStatus": [
                {
                    "@type": "dpv:ConsentGiven", "dct:identifier": grant, "dpv:isIndicatedAtTime": "2026-03-01T09:30:00.000Z",
                    "dpv:isIndicatedBy": "dpv:DataSubject", "dpv:hasIndicationMethod": "website_form",
                },
                {
                    "@type": "dpv:RenewedConsentGiven", "dct:identifier": id(1), "dpv:isIndicatedAtTime": "2026-05-01T09:30:00.250Z",
                    "dpv:isIndicatedBy": "dpv:DataSubject", "dpv:hasIndicationMethod": "app",
                },
                {
                    "@type": "dpv:ConsentWithdrawn", "dct:identifier": id(3), "dpv:isIndicatedAtTime": "2026-07-01T09:30:00.000Z",
                    "dpv:isIndicatedBy": "dpv:DataSubject", "dpv:hasIndicationMethod": "staff",
                },
                {
                    "@type": "dpv:ConsentExpired", "dct:identifier": id(4), "dpv:isIndicatedAtTime": "2026-08-01T09:30:00.000Z",
                },
            ],
        },
    });
    assert_eq!(*iso, expected);
    assert_eq!(
        receipt["kantara"],
        json!({
            "version": "KI-CR-v1.1.0",
            "consentTimestamp": 1_772_357_400,
            "consentReceiptID": grant,
            "piiPrincipalId": DANA,
            "piiControllers": [{ "piiController": "ACME" }],
            "services": [{
                "service": "WhatsApp messages, scope `marketing`",
                "purposes": [{ "purpose": "marketing", "piiCategory": ["WhatsApp phone number"] }],
            }],
            "collectionMethod": "website_form",
        })
    );
    no_member_is_both_there_and_missing(receipt);
    gateway.stop().await;
}

/// What is named as missing is not there, and what is not asked of a receipt is not named.
fn no_member_is_both_there_and_missing(receipt: &Value) {
    for (format, lacks) in [
        (
            "iso_27560",
            [
                "dpv:hasJurisdiction",
                "dpv:hasRecipient",
                "dpv:hasStorageCondition",
            ],
        ),
        ("kantara", ["jurisdiction", "policyUrl", "sensitive"]),
    ] {
        let missing = receipt["missing"][format].as_array().expect("a list");
        let text = receipt[format].to_string();
        for member in missing.iter().filter_map(Value::as_str) {
            let name = member.split([' ', '.', '[']).next().unwrap_or_default();
            let whole = name == member;
            assert!(
                !whole || !text.contains(&format!("\"{name}\":")),
                "{member} is there: {text}"
            );
        }
        for member in lacks {
            assert!(
                missing.contains(&json!(member)),
                "{member} is neither there nor missing"
            );
        }
    }
}

async fn what_is_not_on_record_is_left_out_and_named(store: Store) {
    let home = store.home();
    let mut gateway = Gateway::start(&home, NOWHERE, |settings| settings).await;
    // A claim with nothing to it, under a user id; and a yes that came from WhatsApp itself.
    record(
        &gateway,
        json!({ "user_id": USER }),
        "all",
        "granted",
        "",
        Value::Null,
    )
    .await;
    let receipts_of_user = receipts(&gateway, USER).await;
    let [claim] = &receipts_of_user[..] else {
        panic!("one grant, one receipt: {receipts_of_user:?}");
    };
    let record = &claim["iso_27560"]["dpv:hasRecordOfActivity"];
    assert_eq!(record["dpv:hasDataSubject"]["dct:identifier"], USER);
    assert_eq!(record["dpv:hasDataController"]["dpv:hasName"], "Acme");
    let data = &record["dpv:hasProcess"]["dpv:hasPersonalData"];
    assert_eq!(data["dct:description"], "WhatsApp user id of the business");
    assert!(record.get("dpv:hasNotice").is_none(), "{record}");
    let given = &record["dpv:hasConsentStatus"][0];
    assert_eq!(
        members(given),
        [
            "@type",
            "dct:identifier",
            "dpv:isIndicatedAtTime",
            "dpv:isIndicatedBy"
        ]
    );
    assert!(
        claim["kantara"].get("collectionMethod").is_none(),
        "{claim}"
    );
    for (format, lacks) in [
        ("iso_27560", ["dpv:hasNotice", "dpv:hasIndicationMethod"]),
        ("kantara", ["collectionMethod", "jurisdiction"]),
    ] {
        for member in lacks {
            let missing = claim["missing"][format].as_array().expect("a list");
            assert!(missing.contains(&json!(member)), "{member}: {missing:?}");
        }
    }
    no_member_is_both_there_and_missing(claim);

    let signup = webhook::native(LEE, "signup");
    assert_eq!(gateway.webhook(&signup).await.status.as_u16(), 200);
    let receipts_of_lee = receipts(&gateway, LEE).await;
    let kantara = &receipts_of_lee[0]["kantara"];
    assert_eq!(kantara["collectionMethod"], "whatsapp_signup_link");
    assert_eq!(kantara["piiPrincipalId"], LEE);
    // Somebody who only said no has no receipt, and somebody unknown is said to be so.
    gateway.opt_out("15551230003", "marketing").await;
    assert!(receipts(&gateway, "15551230003").await.is_empty());
    let nobody = gateway
        .admin_get(&format!(
            "/v1/people/15551230004/receipts?business={BUSINESS}"
        ))
        .await;
    assert_eq!(nobody.status.as_u16(), 404, "{nobody:?}");
    gateway.stop().await;
}
