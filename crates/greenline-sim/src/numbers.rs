//! Numbers as objects: fields, profile, settings, registration, blocked users, calls.

use std::sync::Arc;

use greenline_wire::build::answer;
use greenline_wire::build::status::call_status;
use serde_json::{Map, Value, json};

use crate::config;
use crate::health::gate;
use crate::ids;
use crate::log::EventKind;
use crate::platform::Platform;
use crate::reply::{Answer, Refusal, Reply, select};
use crate::request::{Call, member};
use crate::world::NumberState;
use crate::world::view::NUMBER_USUAL;

/// `GET /{number}`
pub(crate) fn read(sim: &Platform, id: &str, call: &Call) -> Answer {
    let state = sim.world.read();
    let number = state
        .numbers
        .get(id)
        .ok_or_else(|| Refusal::unknown_object("GET", id))?;
    let node = state.number_node(number, &sim.world.unclear, sim.clock.now_s());
    let fields = call.text("fields");
    Ok(Reply::json(&select(
        &node,
        fields.as_deref(),
        &NUMBER_USUAL,
    )))
}

/// `GET /{account}/phone_numbers`
pub(crate) fn list(sim: &Platform, account_id: &str, call: &Call) -> Answer {
    let state = sim.world.read();
    let account = state
        .accounts
        .get(account_id)
        .ok_or_else(|| Refusal::unknown_object("GET", account_id))?;
    let fields = call.text("fields");
    let data: Vec<Value> = account
        .numbers
        .iter()
        .filter_map(|id| state.numbers.get(id))
        .map(|number| {
            let node = state.number_node(number, &sim.world.unclear, sim.clock.now_s());
            select(&node, fields.as_deref(), &NUMBER_USUAL)
        })
        .collect();
    let cursor = account.numbers.len().to_string();
    Ok(Reply::json(&json!({
        "data": data,
        "paging": {"cursors": {"before": "MAZDZD", "after": format!("{cursor}ZDZD")}},
    })))
}

/// `POST /{account}/phone_numbers`: a number that is still to be verified and registered.
pub(crate) fn add(sim: &Platform, account: &str, call: &Call) -> Answer {
    let text = |name: &str| call.text(name).ok_or_else(|| Refusal::missing(name));
    let (country, number) = (text("cc")?, text("phone_number")?);
    let verified_name = text("verified_name")?;
    gate::may_add_number(sim, account)?;
    let id = sim.ids.object().to_string();
    let added = config::Number {
        id: id.clone(),
        display_number: format!("+{country} {number}"),
        verified_name,
        status: "UNVERIFIED".to_owned(),
        quality_rating: "NA".to_owned(),
    };
    sim.world.write().add_number(account, &added);
    sim.limit_of_new_number(account, &id);
    Ok(Reply::json(&json!({"id": id})))
}

/// Does something with a number that was found before.
fn with<T>(
    sim: &Platform,
    id: &str,
    act: impl FnOnce(&mut NumberState) -> T,
) -> Result<T, Refusal> {
    let mut state = sim.world.write();
    let number = state
        .numbers
        .get_mut(id)
        .ok_or_else(|| Refusal::unknown_object("POST", id))?;
    Ok(act(number))
}

/// `GET /{number}/whatsapp_business_profile`
pub(crate) fn profile(sim: &Platform, id: &str, call: &Call) -> Answer {
    let mut profile = with(sim, id, |number| number.profile.clone())?;
    profile.insert("messaging_product".to_owned(), Value::from("whatsapp"));
    let fields = call.text("fields");
    let all: Vec<&str> = profile.keys().map(String::as_str).collect();
    let profile = select(&Value::Object(profile.clone()), fields.as_deref(), &all);
    Ok(Reply::json(&json!({"data": [profile]})))
}

/// `POST /{number}/whatsapp_business_profile`
pub(crate) fn set_profile(sim: &Platform, id: &str, call: &Call) -> Answer {
    const KNOWN: [&str; 6] = [
        "about",
        "address",
        "description",
        "email",
        "vertical",
        "websites",
    ];
    let given = pick(&call.fields, &KNOWN);
    with(sim, id, |number| number.profile.extend(given))?;
    Ok(Reply::success())
}

/// `GET /{number}/settings`
pub(crate) fn settings(sim: &Platform, id: &str) -> Answer {
    let settings = with(sim, id, |number| number.settings.clone())?;
    Ok(Reply::json(&settings))
}

/// `POST /{number}/settings`
pub(crate) fn set_settings(sim: &Platform, id: &str, call: &Call) -> Answer {
    const KNOWN: [&str; 5] = [
        "calling",
        "storage_configuration",
        "user_identity_change",
        "payload_encryption",
        "data_localization_region",
    ];
    let given = pick(&call.fields, &KNOWN);
    with(sim, id, |number| number.settings.extend(given))?;
    Ok(Reply::success())
}

fn pick(fields: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    fields
        .iter()
        .filter(|(name, _)| names.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// `POST /{number}/register` and `/deregister`
pub(crate) fn set_registered(sim: &Platform, id: &str, call: &Call, registered: bool) -> Answer {
    if registered && call.text("pin").is_none() {
        return Err(Refusal::missing("pin"));
    }
    with(sim, id, |number| {
        let banned = ["BANNED", "DELETED"].contains(&number.status.as_str());
        if registered && banned {
            // A banned number cannot come back before an appeal (MOV-24).
            return Err(Refusal::new(131_031, "The number is banned."));
        }
        let status = if registered {
            "CONNECTED"
        } else {
            "DISCONNECTED"
        };
        number.status = status.to_owned();
        Ok(Reply::success())
    })?
}

/// `POST /{number}`: a callback of its own, which must answer the set-up call.
pub(crate) async fn update(sim: &Platform, id: &str, call: &Call) -> Answer {
    if let Some(hooks) = call.object("webhook_configuration") {
        let url = member(hooks, "override_callback_uri");
        if let Some(url) = &url {
            let verify_token = member(hooks, "verify_token").unwrap_or_default();
            crate::accounts::shake_hands(sim, url, &verify_token).await?;
        }
        with(sim, id, |number| number.callback_url = url)?;
    }
    Ok(Reply::success())
}

/// `GET /{number}/block_users`
pub(crate) fn blocked(sim: &Platform, id: &str) -> Answer {
    let mut blocked: Vec<String> =
        with(sim, id, |number| number.blocked.iter().cloned().collect())?;
    blocked.sort();
    let data: Vec<Value> = blocked
        .iter()
        .map(|wa_id| json!({"messaging_product": "whatsapp", "wa_id": wa_id}))
        .collect();
    Ok(Reply::json(
        &json!({"data": data, "paging": {"cursors": {}}}),
    ))
}

/// `POST` and `DELETE /{number}/block_users`. Only those who wrote lately can be blocked (OPT-34).
pub(crate) fn set_blocked(sim: &Platform, id: &str, call: &Call, block: bool) -> Answer {
    let users = call
        .fields
        .get("block_users")
        .and_then(Value::as_array)
        .ok_or_else(|| Refusal::missing("block_users"))?;
    let now_ms = sim.clock.now_ms();
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for user in users.iter().take(1_000).filter_map(Value::as_object) {
        let Some(input) = member(user, "user").or_else(|| member(user, "user_id")) else {
            continue;
        };
        let wa_id = sim
            .world
            .people
            .by_user_id(&input)
            .unwrap_or_else(|| ids::wa_id(&input));
        let wrote = sim
            .world
            .people
            .with(&wa_id, |person| person.window_is_open(id, now_ms));
        if block && !wrote {
            failed.push(json!({
                "input": input, "wa_id": wa_id,
                "errors": [{"code": 139_100, "message": "Failed to block the user",
                    "error_data": {"details": "The user has not written in the last 24 hours."}}],
            }));
            continue;
        }
        with(sim, id, |number| {
            if block {
                number.blocked.insert(wa_id.clone());
            } else {
                number.blocked.remove(&wa_id);
            }
        })?;
        done.push(json!({"input": input, "wa_id": wa_id}));
    }
    let mut lists = Map::new();
    let name = if block {
        "added_users"
    } else {
        "removed_users"
    };
    lists.insert(name.to_owned(), Value::from(done));
    if !failed.is_empty() {
        lists.insert("failed_users".to_owned(), Value::from(failed));
    }
    Ok(Reply::json(
        &json!({"messaging_product": "whatsapp", "block_users": lists}),
    ))
}

/// `POST /{number}/calls`: a call by the business needs the person's permission.
pub(crate) fn call(sim: &Arc<Platform>, id: &str, call: &Call) -> Answer {
    if call.text("messaging_product").is_none() {
        return Err(Refusal::missing("messaging_product"));
    }
    let action = call
        .text("action")
        .ok_or_else(|| Refusal::missing("action"))?;
    if action != "connect" {
        return match call.text("call_id") {
            Some(_) => Ok(Reply::json(
                &json!({"messaging_product": "whatsapp", "success": true}),
            )),
            None => Err(Refusal::missing("call_id")),
        };
    }
    let wa_id = callee(sim, call, "to")?;
    let line = sim
        .line(id)
        .map_err(|_| Refusal::unknown_object("POST", id))?;
    if sim.health.is_on() {
        gate::may_call(sim, &line)?;
    }
    let now_s = sim.clock.now_s();
    let (allowed, card) = sim.world.people.with(&wa_id, |person| {
        let allowed = person
            .callers
            .get(id)
            .is_some_and(|expires_s| expires_s.is_none_or(|expires_s| expires_s > now_s));
        (allowed, person.card(&line.portfolio))
    });
    if !allowed {
        return Err(Refusal::new(
            138_006,
            "The person has not allowed this number to call.",
        ));
    }
    let call_id = sim.ids.call_id();
    let ringing = call_status(line.metadata(), &card.contact(), &call_id, "RINGING", now_s);
    sim.tell(
        &line.account,
        Some(id),
        ringing,
        EventKind::Status,
        vec![call_id.clone()],
    );
    Ok(Reply::message(answer::call(&call_id), call_id))
}

/// `GET /{number}/call_permissions`
pub(crate) fn call_permission(sim: &Platform, id: &str, call: &Call) -> Answer {
    let wa_id = callee(sim, call, "user_wa_id")?;
    let now_s = sim.clock.now_s();
    let until = sim
        .world
        .people
        .with(&wa_id, |person| person.callers.get(id).copied());
    let permission = match until {
        Some(None) => json!({"status": "permanent"}),
        Some(Some(expires_s)) if expires_s > now_s => {
            json!({"status": "temporary", "expiration_time": expires_s})
        }
        _ => json!({"status": "no_permission"}),
    };
    let may = permission["status"] != "no_permission";
    Ok(Reply::json(&json!({
        "messaging_product": "whatsapp",
        "permission": permission,
        "actions": [
            {"action_name": "send_call_permission_request", "can_perform_action": true, "limits": []},
            {"action_name": "start_call", "can_perform_action": may, "limits": []},
        ],
    })))
}

fn callee(sim: &Platform, call: &Call, name: &str) -> Result<String, Refusal> {
    if let Some(number) = call.text(name) {
        return Ok(ids::wa_id(&number));
    }
    let user_id = call
        .text("recipient")
        .ok_or_else(|| Refusal::missing(name))?;
    sim.world
        .people
        .by_user_id(&user_id)
        .ok_or_else(|| Refusal::new(131_009, "No user has this business-scoped id."))
}
