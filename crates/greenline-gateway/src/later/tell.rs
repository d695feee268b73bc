//! Tells an app that a held message does not go: a status that failed, as the platform writes one, with the id that
//! the app was given.
//!
//! It goes the way of every webhook: into the inbox, and from there to the app, signed as all are. The same words are
//! written each time, so a delivery that was written down before changes nothing.

use std::borrow::Cow;

use greenline_ledger::LedgerError;
use greenline_ledger::later::{HeldEnd, HeldMessage, HeldStep};
use greenline_ledger::types::{Delivery, Lane};
use greenline_policy::identity::Identifier;
use greenline_wire::build::status::{Status, StatusKind, message_status};
use greenline_wire::build::webhook::{Contact, Entry, Metadata, WebhookError, envelope};
use greenline_wire::error::GraphError;

use super::release::FAILED;
use crate::app::Shared;
use crate::ids;
use crate::refusal::Refusal;

/// The field that statuses come in.
const FIELD: &str = "messages";

/// Before it is tried again to owe an app its status.
const PAUSE_MS: i64 = 1_000;

/// Why a message does not go, as the app reads it.
struct Why {
    code: u32,
    title: Cow<'static, str>,
    details: String,
}

/// Owes the app its status; what to note afterwards.
pub(super) async fn tell(app: &Shared, message: &HeldMessage) -> Option<HeldStep> {
    let again = || HeldStep::TellAgain(app.clock.now_ms().saturating_add(PAUSE_MS));
    let why = match why(app, message).await {
        Ok(why) => why,
        Err(error) => {
            tracing::warn!(%error, "why a held message does not go could not be read");
            return Some(again());
        }
    };
    app.metrics.held_dropped.add();
    tracing::info!(
        app.name = %message.app,
        number.id = %message.number,
        error.code = why.code,
        "a held message does not go"
    );
    let business = app.directory.business(message.business);
    let mut apps = business.config.app.iter();
    let takes = apps.any(|one| {
        one.name == *message.app
            && !one.relay_url.is_empty()
            && (one.relay_fields.is_empty() || one.relay_fields.iter().any(|field| field == FIELD))
    });
    if !takes {
        return Some(HeldStep::Told);
    }
    let delivery = Delivery {
        business: message.business,
        received_ms: app.clock.now_ms(),
        body: body(app, message, &why).into(),
        headers: Vec::new(),
        lane: Lane::Status,
        relay_to: vec![(&*message.app).into()],
        effects: Vec::new(),
    };
    match app.ledger.ingest(delivery).await {
        Ok(_) => {
            app.relay_due.notify_waiters();
            Some(HeldStep::Told)
        }
        Err(error) => {
            tracing::warn!(%error, "that a held message does not go could not be written down");
            Some(again())
        }
    }
}

async fn why(app: &Shared, message: &HeldMessage) -> Result<Why, LedgerError> {
    if let Some((HeldEnd::Cancelled, _)) = message.end {
        return Ok(Why {
            code: FAILED,
            title: Cow::Borrowed("Message cancelled"),
            details: "The message was held and was cancelled before it was sent.".to_owned(),
        });
    }
    let of_code = |code, details: &str| Why {
        code,
        title: GraphError::new(code, 400, "", "").title,
        details: details.to_owned(),
    };
    match message.code {
        Some(FAILED) => {
            return Ok(of_code(
                FAILED,
                "The message was held and could not be sent any more.",
            ));
        }
        Some(code) => {
            return Ok(of_code(
                code,
                "The message was held, and refused by the platform when it was sent.",
            ));
        }
        None => {}
    }
    let record = app.ledger.decision(message.decision).await?;
    let Some(record) = record else {
        return Ok(of_code(FAILED, "The message was held and may not be sent."));
    };
    let refusal = Refusal::decided(&record.decision, ids::decision(record.id));
    let title = refusal.title.map(Cow::Borrowed);
    Ok(Why {
        code: refusal.code,
        title: title.unwrap_or_else(|| GraphError::new(refusal.code, 400, "", "").title),
        details: refusal.details,
    })
}

/// The webhook, the same each time it is written.
fn body(app: &Shared, message: &HeldMessage, why: &Why) -> Vec<u8> {
    let at_ms = message.end.map_or(message.held_ms, |(_, at_ms)| at_ms);
    let business = app.directory.business(message.business);
    let mut numbers = business.config.number.iter();
    let number = numbers.find(|number| number.phone_number_id == *message.number);
    let display: String = number
        .map(|number| number.display_number.as_str())
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let person = message.to.reveal();
    let to = match &message.to {
        Identifier::Phone(_) => Contact {
            wa_id: Some(&person),
            ..Contact::default()
        },
        Identifier::User(_) => Contact {
            user_id: Some(&person),
            ..Contact::default()
        },
    };
    let metadata = Metadata {
        display_phone_number: &display,
        phone_number_id: &message.number,
    };
    let status = Status {
        id: &message.given_id,
        kind: StatusKind::Failed,
        timestamp_s: at_ms.div_euclid(1_000),
        callback_data: None,
        pricing: None,
        error: Some(WebhookError {
            code: why.code,
            title: &why.title,
            details: &why.details,
            link: true,
        }),
    };
    let change = message_status(metadata, &to, &status);
    envelope([Entry {
        id: number.map_or("", |number| number.waba_id.as_str()),
        time_s: None,
        changes: std::slice::from_ref(&change),
    }])
}
