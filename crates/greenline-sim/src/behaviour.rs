//! What follows a send: statuses, and what the person does by themselves.
//!
//! All chance is drawn from the seed, the person and the count of messages they got,
//! so that the order in which tasks run changes nothing.

use std::sync::Arc;

use greenline_wire::build::status::{Pricing, Status, StatusKind, message_status};
use greenline_wire::build::webhook::WebhookError;

use crate::health::life;
use crate::inbound::{Inbound, Line};
use crate::log::EventKind;
use crate::people::Card;
use crate::platform::Platform;
use crate::reply::codes;
use crate::rng::Rng;

/// A message that was taken.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) wamid: String,
    pub(crate) line: Line,
    pub(crate) card: Card,
    /// How many messages the person has had, this one included.
    pub(crate) nth: u64,
    /// The person blocked the number: nothing arrives, nothing is said (OPT-33).
    pub(crate) blocked: bool,
    /// The code it fails with.
    pub(crate) failure: Option<u32>,
    /// Whether the window is open.
    pub(crate) window: bool,
    /// The template's category; none for a free-form message.
    pub(crate) category: Option<String>,
    /// Sent by the marketing endpoint.
    pub(crate) marketing_edge: bool,
    pub(crate) callback_data: Option<String>,
    /// The template.
    pub(crate) template: Option<u64>,
    pub(crate) template_name: Option<String>,
    /// Kept back until feedback on earlier ones is known.
    pub(crate) held: bool,
    /// The same, with everything else of its portfolio (SND-25).
    pub(crate) in_batch: bool,
    /// Took a place under the limit at this moment.
    pub(crate) took_place_ms: Option<i64>,
}

/// What will happen, drawn at once.
pub(crate) struct Plan {
    delivered: bool,
    pub(crate) read: bool,
    pub(crate) reply: Option<String>,
    pub(crate) native_stop: bool,
}

/// Lets happen what follows.
pub(crate) fn play(sim: &Arc<Platform>, sent: Sent) {
    if sim.health.lives() {
        life::play(sim, sent);
        return;
    }
    let plan = plan(sim, &sent);
    let listens = sim
        .target(&sent.line.account, Some(&sent.line.number), "messages")
        .is_some();
    if !listens && plan.reply.is_none() && !plan.native_stop {
        return;
    }
    let busy = sim.pending.begin();
    let task = run(Arc::clone(sim), sent, plan);
    sim.spawn(async move {
        task.await;
        drop(busy);
    });
}

/// Whether a message gets to the person.
pub(crate) fn arrives(sim: &Platform, sent: &Sent) -> bool {
    plan(sim, sent).delivered
}

pub(crate) fn plan(sim: &Platform, sent: &Sent) -> Plan {
    let behaviour = &sim.config.behaviour;
    let mut rng = Rng::about(
        sim.config.seed,
        &["message", &sent.card.wa_id, &sent.nth.to_string()],
    );
    // Every draw is made, whatever the others gave: a changed share changes only its own.
    let arrives = rng.chance(behaviour.delivered_share) && sent.failure.is_none() && !sent.blocked;
    let read = rng.chance(behaviour.read_share) && arrives;
    let replies = rng.chance(behaviour.reply_share) && read;
    let choice = rng.below(behaviour.replies.len() as u64);
    let native_stop = rng.chance(behaviour.native_stop_share)
        && read
        && sent.category.as_deref() == Some("MARKETING");
    Plan {
        delivered: arrives,
        read,
        reply: replies
            .then(|| behaviour.replies.get(usize::try_from(choice).ok()?))
            .flatten()
            .cloned(),
        native_stop,
    }
}

async fn run(sim: Arc<Platform>, sent: Sent, plan: Plan) {
    let behaviour = &sim.config.behaviour;
    let wait = |ms| tokio::time::sleep(sim.clock.wait(ms));
    wait(behaviour.sent_after_ms).await;
    if sent.failure.is_some() {
        tell(&sim, &sent, StatusKind::Failed);
        return;
    }
    tell(&sim, &sent, StatusKind::Sent);
    if !plan.delivered {
        return;
    }
    wait(behaviour.delivered_after_ms).await;
    tell(&sim, &sent, StatusKind::Delivered);
    if !plan.read {
        return;
    }
    wait(behaviour.read_after_ms).await;
    tell(&sim, &sent, StatusKind::Read);
    if plan.native_stop {
        let _ = sim.native(&sent.line.number, &sent.card.wa_id, true);
    }
    if let Some(body) = plan.reply {
        wait(behaviour.reply_after_ms).await;
        let reply = Inbound::text(&sent.line.number, &sent.card.wa_id, &body);
        let _ = sim.inbound(&reply);
    }
}

/// Tells a status.
pub(crate) fn tell(sim: &Arc<Platform>, sent: &Sent, kind: StatusKind) {
    let (account, number) = (&sent.line.account, &sent.line.number);
    if sim.target(account, Some(number), "messages").is_none() {
        // Nobody listens: nothing to put into words.
        return;
    }
    let error = sent.failure.map(|code| WebhookError {
        code,
        title: codes::known(code).title,
        details: details(code),
        link: true,
    });
    let category = sent.category.as_deref().map(str::to_ascii_lowercase);
    // Charged once: said with `sent` and with `delivered` (WH-32).
    let priced = matches!(kind, StatusKind::Sent | StatusKind::Delivered);
    let change = message_status(
        sent.line.metadata(),
        &sent.card.contact(),
        &Status {
            id: &sent.wamid,
            kind,
            timestamp_s: sim.clock.now_s(),
            callback_data: sent.callback_data.as_deref(),
            pricing: priced.then(|| pricing(sim, sent, category.as_deref())),
            error: error.filter(|_| kind == StatusKind::Failed),
        },
    );
    sim.tell(
        &sent.line.account,
        Some(&sent.line.number),
        change,
        EventKind::Status,
        vec![sent.wamid.clone()],
    );
}

fn pricing<'a>(sim: &Platform, sent: &Sent, category: Option<&'a str>) -> Pricing<'a> {
    let free = match category {
        None | Some("utility") => sent.window && !sim.world.unclear.service_messages_charged,
        Some(_) => false,
    };
    Pricing {
        billable: !free,
        pricing_model: "PMP",
        kind: if free {
            "free_customer_service"
        } else {
            "regular"
        },
        category: match category {
            Some("marketing") if sent.marketing_edge => "marketing_lite",
            Some(category) => category,
            None => "service",
        },
    }
}

fn details(code: u32) -> &'static str {
    match code {
        131_047 => "More than 24 hours have passed since the person last wrote to this number.",
        131_050 => "The person has stopped marketing messages from this business.",
        131_026 => "The message could not be delivered.",
        130_403 => "The business has blocked this person.",
        131_053 => "The media could not be loaded.",
        131_031 => "The account is locked or disabled for a violation of policy.",
        131_048 => "The number may send only a limited amount for now.",
        131_049 => "Not delivered, to keep people's engagement healthy.",
        131_056 => "Too many messages from this number to this person in a short time.",
        131_064 => "The account may send only a limited amount of utility templates for now.",
        132_015 => "The template was paused before this message went.",
        _ => "The message failed.",
    }
}
