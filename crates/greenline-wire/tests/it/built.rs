//! What is built here is what the platform's samples say, in pure ASCII.

use greenline_wire::build::account::{self, Alert, Restriction};
use greenline_wire::build::answer::Accepted;
use greenline_wire::build::message::{Content, Context, Message, message};
use greenline_wire::build::person::{self, Changed, Preference};
use greenline_wire::build::status::{self, Pricing, Status, StatusKind};
use greenline_wire::build::template::{self, Template, TemplateStatus};
use greenline_wire::build::webhook::{Change, Contact, Entry, Metadata, WebhookError, envelope};
use greenline_wire::{answer, webhook};
use serde_json::Value;

use crate::samples::samples;

const AT_S: i64 = 1_788_264_000;

const NUMBER: Metadata<'static> = Metadata {
    display_phone_number: "15550100001",
    phone_number_id: "301500000000001",
};

const DANA: Contact<'static> = Contact {
    name: Some("Dana Example"),
    username: None,
    wa_id: Some("15550100123"),
    user_id: Some("US.80012345678901234567"),
    parent_user_id: Some("US.ENT.70012345678901234567"),
};

const OFFER: Template<'static> = Template {
    id: 901_500_000_000_001,
    name: "sample_offer",
    language: "en_US",
};

fn said(content: Content<'_>, context: Option<&str>) -> Change {
    let id = match content {
        Content::Edit { .. } => "wamid.SAMPLE0002",
        Content::Revoke { .. } => "wamid.SAMPLE0003",
        _ => "wamid.SAMPLE0001",
    };
    let context = context.map(|id| Context {
        from: "15550100001",
        id,
    });
    message(
        NUMBER,
        &DANA,
        &Message {
            id,
            timestamp_s: AT_S,
            content,
            context,
            referral: None,
        },
    )
}

fn became(kind: StatusKind, error: Option<(u32, &'static str, &'static str)>) -> Change {
    let priced = !matches!(kind, StatusKind::Failed | StatusKind::Played);
    status::message_status(
        NUMBER,
        &DANA,
        &Status {
            id: "wamid.SAMPLEOUT1",
            kind,
            timestamp_s: AT_S,
            callback_data: None,
            pricing: priced.then_some(Pricing {
                billable: true,
                pricing_model: "PMP",
                kind: "regular",
                category: "marketing",
            }),
            error: error.map(|(code, title, details)| WebhookError {
                code,
                title,
                details,
                link: true,
            }),
        },
    )
}

fn template_became(event: &str, other: Option<(&str, &str)>) -> Change {
    template::status(
        OFFER,
        &TemplateStatus {
            event,
            reason: "NONE",
            category: "MARKETING",
            disabled_at_s: None,
            other,
            rejection: None,
        },
    )
}

fn about_people() -> Vec<(&'static str, Change)> {
    let after = Contact {
        wa_id: Some("15550100456"),
        user_id: Some("US.80098765432109876543"),
        parent_user_id: Some("US.ENT.70098765432109876543"),
        ..DANA
    };
    let changed = |id| Changed {
        id,
        timestamp_s: AT_S,
        before: DANA,
        after,
    };
    vec![
        (
            "messages.text_stop",
            said(Content::Text { body: "STOP" }, None),
        ),
        (
            "messages.button_stop",
            said(
                Content::Button {
                    payload: "OPTOUT_MARKETING",
                    text: "Stop promotions",
                },
                Some("wamid.SAMPLEOUT1"),
            ),
        ),
        (
            "messages.interactive_button_reply",
            said(
                Content::ButtonReply {
                    id: "optin_yes",
                    title: "Yes, send offers",
                },
                Some("wamid.SAMPLEOUT3"),
            ),
        ),
        (
            "messages.interactive_list_reply",
            said(
                Content::ListReply {
                    id: "pref_none",
                    title: "No offers",
                    description: Some("Stop all offers"),
                },
                Some("wamid.SAMPLEOUT2"),
            ),
        ),
        (
            "messages.reaction",
            said(
                Content::Reaction {
                    message_id: "wamid.SAMPLEOUT1",
                    emoji: Some("\u{1f44d}"),
                },
                None,
            ),
        ),
        (
            "messages.revoke",
            said(
                Content::Revoke {
                    original_message_id: "wamid.SAMPLE0001",
                },
                None,
            ),
        ),
        ("messages.status_sent", became(StatusKind::Sent, None)),
        (
            "messages.status_delivered",
            became(StatusKind::Delivered, None),
        ),
        ("messages.status_read", became(StatusKind::Read, None)),
        ("messages.status_played", became(StatusKind::Played, None)),
        (
            "messages.status_failed_131050",
            became(
                StatusKind::Failed,
                Some((
                    131_050,
                    "User has stopped marketing messages",
                    "Sample text: recipient stopped marketing from this business.",
                )),
            ),
        ),
        (
            "user_preferences.stop",
            person::preference(NUMBER, &DANA, Preference::Stop, AT_S),
        ),
        (
            "user_preferences.resume",
            person::preference(NUMBER, &DANA, Preference::Resume, AT_S),
        ),
        (
            "messages.system_user_changed_number",
            person::number_changed(NUMBER, &changed("wamid.SAMPLESYS1")),
        ),
        (
            "messages.system_user_changed_user_id",
            person::user_id_changed(NUMBER, &changed("wamid.SAMPLESYS2")),
        ),
    ]
}

fn about_accounts() -> Vec<(&'static str, Change)> {
    let until = |kind| Restriction {
        kind,
        expires_s: 1_788_523_200,
    };
    vec![
        (
            "account_update.account_restriction",
            account::restricted(
                None,
                &[
                    until("RESTRICTED_BIZ_INITIATED_MESSAGING"),
                    until("RESTRICTED_ADD_PHONE_NUMBER_ACTION"),
                ],
            ),
        ),
        (
            "account_update.account_violation",
            account::violation("ALCOHOL"),
        ),
        (
            "account_update.disabled_update_scheduled",
            account::ban("SCHEDULE_FOR_DISABLE", "September 01, 2026"),
        ),
        (
            "account_update.account_deleted",
            account::event("ACCOUNT_DELETED"),
        ),
        (
            "business_capability_update",
            account::capability(2000, 20, 25),
        ),
        ("account_review_update", account::review("APPROVED")),
        (
            "account_alerts",
            account::alert(&Alert {
                entity_type: "BUSINESS",
                entity_id: "401500000000001",
                severity: "WARNING",
                kind: "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED",
                description: "Sample text: limit increase postponed.",
            }),
        ),
        (
            "phone_number_quality_update",
            account::number_quality("15550100001", "THROUGHPUT_UPGRADE", "TIER_UNLIMITED"),
        ),
        (
            "security",
            account::security("15550100001", "PIN_RESET_REQUEST", "61500000000001"),
        ),
        (
            "message_template_status_update.approved",
            template_became("APPROVED", None),
        ),
        (
            "message_template_status_update.paused",
            template_became(
                "PAUSED",
                Some((
                    "FIRST_PAUSE",
                    "Sample text: paused for 3 hours because of low quality.",
                )),
            ),
        ),
        (
            "message_template_quality_update",
            template::quality(OFFER, "GREEN", "RED"),
        ),
        (
            "template_category_update.impending",
            template::category_impending(OFFER, "UTILITY", "MARKETING", 1_788_350_400),
        ),
        (
            "template_category_update.completed",
            template::category_changed(OFFER, "UTILITY", "MARKETING"),
        ),
        (
            "template_correct_category_detection",
            template::wrong_category(OFFER, "UTILITY", "MARKETING"),
        ),
    ]
}

#[test]
fn built_webhooks_equal_the_samples() {
    let samples = samples();
    let people = about_people().into_iter().map(|row| (row, None));
    let accounts = about_accounts().into_iter().map(|row| (row, Some(AT_S)));
    for ((name, change), time_s) in people.chain(accounts) {
        let changes = [change];
        let body = envelope([Entry {
            id: "201500000000001",
            time_s,
            changes: &changes,
        }]);
        assert!(body.is_ascii(), "{name}");
        let built: Value = serde_json::from_slice(&body).unwrap();
        let sample: Value = serde_json::from_slice(&samples[name]).unwrap();
        assert_eq!(built, sample, "{name}");
        assert_eq!(webhook::parse(&body).unwrap().unreadable, 0, "{name}");
    }
}

#[test]
fn a_built_answer_reads_back() {
    let body = Accepted {
        input: "+1 555 010 0123",
        wa_id: Some("15550100123"),
        user_id: None,
        message_id: "wamid.OUT",
        status: None,
    }
    .to_json();
    let read = answer::read_send(&body).unwrap();
    assert_eq!(read.messages[0].id, "wamid.OUT");
    assert_eq!(read.contacts[0].wa_id.as_deref(), Some("15550100123"));
}
