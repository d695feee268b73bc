//! Sends: what the platform checks at once, what it lets fail later, what it answers.

use std::sync::Arc;

use greenline_wire::build::answer::{Accepted, MessageStatus};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::behaviour::{self, Sent};
use crate::health::gate::{self, Ruling};
use crate::ids;
use crate::inbound::Line;
use crate::platform::Platform;
use crate::reply::{Answer, Refusal, Reply};
use crate::request::{Call, member};
use crate::world::{AccountState, NumberState, State};

pub(crate) mod template;

/// Which endpoint a message came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Messages,
    MarketingMessages,
}

const TYPES: [&str; 12] = [
    "text",
    "template",
    "image",
    "audio",
    "video",
    "document",
    "sticker",
    "location",
    "contacts",
    "interactive",
    "reaction",
    "address",
];

/// Who is written to.
struct Recipient {
    /// As written.
    input: String,
    wa_id: String,
    /// Addressed by user id alone.
    by_user_id: bool,
}

/// What a message is, as far as the platform cares.
struct Body {
    kind: String,
    template: Option<template::Filled>,
}

/// `POST /{number}/messages` and `/marketing_messages`.
pub(crate) fn messages(
    sim: &Arc<Platform>,
    business: usize,
    number_id: &str,
    call: &Call,
    edge: Edge,
) -> Answer {
    let line = own_number(sim, business, number_id, call)?;
    match call.text("messaging_product").as_deref() {
        Some("whatsapp") => {}
        Some(_) => {
            return Err(Refusal::parameter(
                "Param messaging_product must be one of {WHATSAPP} - got something else.",
            ));
        }
        None => return Err(Refusal::missing("messaging_product")),
    }
    if call.text("status").as_deref() == Some("read") {
        return mark_read(call);
    }
    let recipient = recipient(sim, call)?;
    if recipient.wa_id == line.digits {
        return Err(Refusal::new(131_021, "Sender and recipient are the same."));
    }
    let body = {
        let state = sim.world.read();
        let number = state
            .numbers
            .get(number_id)
            .ok_or_else(|| Refusal::unknown_object("POST", number_id))?;
        let account = state
            .accounts
            .get(&number.account)
            .ok_or_else(|| Refusal::unknown_object("POST", number_id))?;
        let body = read_body(call, account, edge)?;
        if !sim.health.is_on() {
            may_send(&state, number, account, &body, sim.clock.now_s())?;
        }
        body
    };
    if recipient.by_user_id && body.is("AUTHENTICATION") {
        return Err(Refusal::new(
            131_062,
            "Authentication templates need the phone number.",
        ));
    }
    let ruling = if sim.health.is_on() {
        let template = body.template.as_ref();
        let template = template.map(|template| (template.id, template.category.as_str()));
        gate::rule(sim, &line, &recipient.wa_id, template)?
    } else {
        Ruling::default()
    };
    Ok(accept(sim, &line, call, &recipient, &body, edge, ruling))
}

impl Body {
    fn is(&self, category: &str) -> bool {
        self.template
            .as_ref()
            .is_some_and(|template| template.category == category)
    }
}

fn own_number(sim: &Platform, business: usize, id: &str, call: &Call) -> Result<Line, Refusal> {
    let unknown = || Refusal::unknown_object(call.method.as_str(), id);
    let own = {
        let state = sim.world.read();
        state.numbers.get(id).map(|number| number.business)
    };
    if own != Some(business) {
        return Err(unknown());
    }
    sim.line(id).map_err(|_| unknown())
}

/// Marks as read, with or without showing that an answer is being typed.
fn mark_read(call: &Call) -> Answer {
    match call.text("message_id") {
        Some(id) if id.starts_with("wamid.") => Ok(Reply::success()),
        Some(_) => Err(Refusal::new(
            131_009,
            "message_id is not the id of a message.",
        )),
        None => Err(Refusal::missing("message_id")),
    }
}

/// The number wins over the user id (SND-73).
fn recipient(sim: &Platform, call: &Call) -> Result<Recipient, Refusal> {
    let written = call.text("to").filter(|to| !is_user_id(to));
    if let Some(input) = written {
        let wa_id = ids::wa_id(&input);
        if !(7..=15).contains(&wa_id.len()) {
            return Err(Refusal::new(
                131_009,
                "The recipient is not a phone number.",
            ));
        }
        return Ok(Recipient {
            input,
            wa_id,
            by_user_id: false,
        });
    }
    let input = call
        .text("recipient")
        .or_else(|| call.text("to"))
        .ok_or_else(|| Refusal::missing("to"))?;
    let wa_id = sim
        .world
        .people
        .by_user_id(&input)
        .ok_or_else(|| Refusal::new(131_009, "No user has this business-scoped id."))?;
    Ok(Recipient {
        input,
        wa_id,
        by_user_id: true,
    })
}

fn is_user_id(text: &str) -> bool {
    text.split_once('.')
        .is_some_and(|(country, _)| country.len() == 2 && country.is_ascii())
}

fn read_body(call: &Call, account: &AccountState, edge: Edge) -> Result<Body, Refusal> {
    let kind = call.text("type").unwrap_or_else(|| {
        // Older clients leave the type out; the part that is there says it.
        TYPES
            .into_iter()
            .find(|kind| call.fields.contains_key(*kind))
            .unwrap_or("text")
            .to_owned()
    });
    let kind = kind.to_ascii_lowercase();
    if !TYPES.contains(&kind.as_str()) {
        return Err(Refusal::parameter(&format!(
            "Param type must be one of {{AUDIO, CONTACTS, DOCUMENT, IMAGE, INTERACTIVE, LOCATION, REACTION, STICKER, TEMPLATE, TEXT, VIDEO}} - got \"{kind}\"."
        )));
    }
    if edge == Edge::MarketingMessages && kind != "template" {
        return Err(Refusal::new(
            131_055,
            "Only marketing templates may be sent here.",
        ));
    }
    if kind == "contacts" {
        let given = call.fields.get("contacts").and_then(Value::as_array);
        return match given {
            Some(contacts) if !contacts.is_empty() => Ok(Body {
                kind,
                template: None,
            }),
            _ => Err(Refusal::missing("contacts")),
        };
    }
    let part = call.object(&kind).ok_or_else(|| Refusal::missing(&kind))?;
    let template = if kind == "template" {
        let filled = template::fill(account, part)?;
        if edge == Edge::MarketingMessages && filled.category != "MARKETING" {
            return Err(Refusal::new(
                134_100,
                "The template's category is not marketing.",
            ));
        }
        Some(filled)
    } else {
        check_part(&kind, part)?;
        None
    };
    Ok(Body { kind, template })
}

/// Whether a free-form part holds what it needs.
fn check_part(kind: &str, part: &Map<String, Value>) -> Result<(), Refusal> {
    let need = |name: &str| match part.get(name) {
        Some(Value::Null) | None => Err(Refusal::missing(&format!("{kind}['{name}']"))),
        Some(_) => Ok(()),
    };
    match kind {
        "text" => match member(part, "body") {
            None => Err(Refusal::missing("text['body']")),
            Some(body) if body.chars().count() > 4096 => Err(Refusal::parameter(
                "Param text['body'] must be at most 4096 characters long.",
            )),
            Some(_) => Ok(()),
        },
        "image" | "audio" | "video" | "document" | "sticker" => {
            if part.contains_key("id") || part.contains_key("link") {
                Ok(())
            } else {
                Err(Refusal::missing(&format!("{kind}['link'] or {kind}['id']")))
            }
        }
        "location" => need("latitude").and_then(|()| need("longitude")),
        "interactive" => need("type").and_then(|()| need("action")),
        "reaction" => need("message_id").and_then(|()| need("emoji")),
        _ => Ok(()),
    }
}

/// Whether the number may send this now (`enforcement.md`, section 5; number states, section 4).
fn may_send(
    state: &State,
    number: &NumberState,
    account: &AccountState,
    body: &Body,
    now_s: i64,
) -> Result<(), Refusal> {
    let template = body.template.as_ref();
    match number.status.as_str() {
        "CONNECTED" | "FLAGGED" => {}
        "BANNED" => return Err(Refusal::new(131_031, "The number is banned.")),
        "DELETED" => return Err(Refusal::new(33, "The number was deleted.")),
        "RESTRICTED" | "RATE_LIMITED" if template.is_some() => {
            return Err(Refusal::new(131_048, "The number reached its limit."));
        }
        "RESTRICTED" | "RATE_LIMITED" => {}
        _ => return Err(Refusal::new(133_010, "The number is not registered.")),
    }
    if account.banned || account.locked {
        return Err(Refusal::new(
            131_031,
            "The account is locked or disabled for a violation of policy.",
        ));
    }
    for (kind, expires_s) in &account.restrictions {
        let concerns = match kind.as_str() {
            "RESTRICTED_BIZ_INITIATED_MESSAGING" => template.is_some(),
            "RESTRICTED_CUSTOMER_INITIATED_MESSAGING" => true,
            _ => false,
        };
        if concerns && *expires_s > now_s {
            return Err(Refusal::new(368, "The account is restricted for now."));
        }
    }
    debug_assert!(state.businesses.len() > number.business);
    Ok(())
}

/// Takes the message: answers at once and plays what follows.
fn accept(
    sim: &Arc<Platform>,
    line: &Line,
    call: &Call,
    recipient: &Recipient,
    body: &Body,
    edge: Edge,
    ruling: Ruling,
) -> Reply {
    let wamid = sim.ids.wamid(&recipient.wa_id, false);
    let now_ms = sim.clock.now_ms();
    let missing_media = missing_media(sim, call, &body.kind);
    let blocked_by_us = {
        let state = sim.world.read();
        state
            .numbers
            .get(&line.number)
            .is_some_and(|number| number.blocked.contains(&recipient.wa_id))
    };
    let mut went = false;
    let sent = sim.world.people.with(&recipient.wa_id, |person| {
        let window = person.window_is_open(&line.number, now_ms);
        let failure = if ruling.fails.is_some() {
            ruling.fails
        } else if person.unreachable {
            Some(131_026)
        } else if blocked_by_us {
            Some(130_403)
        } else if body.template.is_none() && !window {
            Some(131_047)
        } else if body.is("MARKETING") && Platform::is_stopped(&person.stops, line) {
            Some(131_050)
        } else if missing_media {
            Some(131_053)
        } else {
            None
        };
        if failure.is_none() {
            went = true;
            person.received += 1;
            person
                .last_message
                .insert(line.number.clone(), wamid.clone());
        }
        Sent {
            wamid: wamid.clone(),
            line: line.clone(),
            card: person.card(&line.portfolio),
            nth: person.received,
            blocked: person.blocks.contains(&line.number),
            failure,
            window,
            category: body.template.as_ref().map(|t| t.category.clone()),
            marketing_edge: edge == Edge::MarketingMessages,
            callback_data: call.text("biz_opaque_callback_data"),
            template: body.template.as_ref().map(|t| t.id),
            template_name: body.template.as_ref().map(|t| t.name.clone()),
            held: (ruling.held || ruling.in_batch) && failure.is_none(),
            in_batch: ruling.in_batch && failure.is_none(),
            took_place_ms: ruling.took_place_ms,
        }
    });
    if went && body.template.is_none() {
        take_over(sim, line, &recipient.wa_id);
    }
    let status = if sent.held {
        MessageStatus::HeldForQualityAssessment
    } else {
        MessageStatus::Accepted
    };
    let answer = Accepted {
        input: &recipient.input,
        wa_id: (!recipient.by_user_id).then_some(recipient.wa_id.as_str()),
        user_id: recipient.by_user_id.then_some(sent.card.user_id.as_str()),
        message_id: &wamid,
        status: body.template.as_ref().map(|_| status),
    }
    .to_json();
    behaviour::play(sim, sent);
    Reply::message(answer, wamid)
}

/// A service message to a chat that another app holds takes it over (ENF-34).
fn take_over(sim: &Platform, line: &Line, wa_id: &str) {
    let held = {
        let state = sim.world.read();
        let number = state.numbers.get(&line.number);
        number.is_some_and(|number| number.other_app)
    };
    if !held {
        return;
    }
    let mut state = sim.world.write();
    if let Some(number) = state.numbers.get_mut(&line.number) {
        number.taken_over.insert(wa_id.to_owned());
    }
}

/// Whether the message shows media that was never uploaded here.
fn missing_media(sim: &Platform, call: &Call, kind: &str) -> bool {
    let id = call
        .object(kind)
        .filter(|_| ["image", "audio", "video", "document", "sticker"].contains(&kind))
        .and_then(|part| member(part, "id"));
    id.is_some_and(|id| !sim.media.has(&id))
}

#[derive(Deserialize)]
struct Quick<'a> {
    #[serde(borrow)]
    to: Option<std::borrow::Cow<'a, str>>,
}

/// The answer when nothing is to be checked: as little work as possible.
pub(crate) fn quick(sim: &Platform, body: &[u8]) -> Reply {
    let quick = serde_json::from_slice::<Quick<'_>>(body).unwrap_or(Quick { to: None });
    let to = quick.to.as_deref().unwrap_or("15550100000");
    let wamid = sim.ids.wamid(to, false);
    let answer = Accepted {
        input: to,
        wa_id: Some(to),
        user_id: None,
        message_id: &wamid,
        status: Some(MessageStatus::Accepted),
    };
    Reply::bytes(answer.to_json())
}
