//! Templates as objects: listed, read, made, edited, deleted, reviewed.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::changes::TemplateChange;
use crate::health::{burst, gate};
use crate::platform::Platform;
use crate::reply::{Answer, Refusal, Reply, select};
use crate::request::Call;
use crate::world::view::TEMPLATE_USUAL;
use crate::world::{AccountState, TemplateState};

const PAGE_DEFAULT: usize = 25;
const PAGE_MAX: usize = 1_000;
/// How many templates an account may have (QL-31).
const TEMPLATES_MAX: usize = 6_000;

/// `GET /{account}/message_templates`
pub(crate) fn list(sim: &Platform, account_id: &str, call: &Call) -> Answer {
    let state = sim.world.read();
    let account = state
        .accounts
        .get(account_id)
        .ok_or_else(|| Refusal::unknown_object("GET", account_id))?;
    let found: Vec<&TemplateState> = account
        .templates
        .values()
        .filter(|template| wanted(template, call))
        .collect();
    let limit = call
        .text("limit")
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(PAGE_DEFAULT)
        .clamp(1, PAGE_MAX);
    let (start, end) = window(&found, call, limit)?;
    let page = &found[start..end];
    let fields = call.text("fields");
    let data: Vec<Value> = page
        .iter()
        .map(|template| select(&template.node(), fields.as_deref(), &TEMPLATE_USUAL))
        .collect();
    let mut answer = Map::new();
    answer.insert("data".to_owned(), Value::from(data));
    if let (Some(first), Some(last)) = (page.first(), page.last()) {
        let mut paging = Map::new();
        paging.insert(
            "cursors".to_owned(),
            json!({"before": cursor(first.id), "after": cursor(last.id)}),
        );
        if end < found.len() {
            let next = link(call, limit, "after", last.id);
            paging.insert("next".to_owned(), Value::from(next));
        }
        if start > 0 {
            let previous = link(call, limit, "before", first.id);
            paging.insert("previous".to_owned(), Value::from(previous));
        }
        answer.insert("paging".to_owned(), Value::Object(paging));
    }
    if let Some(summary) = call.text("summary") {
        let all = json!({
            "total_count": found.len(),
            "message_template_count": account.templates.len(),
            "message_template_limit": TEMPLATES_MAX,
            "are_translations_complete": true,
        });
        answer.insert("summary".to_owned(), select(&all, Some(&summary), &[]));
    }
    Ok(Reply::json(&answer))
}

fn wanted(template: &TemplateState, call: &Call) -> bool {
    let one_of = |name: &str, value: &str| {
        call.text(name).is_none_or(|list| {
            list.trim_matches(['[', ']'])
                .split(',')
                .any(|word| word.trim_matches([' ', '"']).eq_ignore_ascii_case(value))
        })
    };
    let holds = |name: &str, text: &str| {
        call.text(name).is_none_or(|part| {
            text.to_ascii_lowercase()
                .contains(&part.to_ascii_lowercase())
        })
    };
    one_of("status", &template.status)
        && one_of("category", &template.category)
        && one_of("language", &template.language)
        && one_of("quality_score", &template.quality)
        && holds("name", &template.name)
        && holds("content", &template.components.to_string())
        && holds(
            "name_or_content",
            &format!("{} {}", template.name, template.components),
        )
}

/// Which part of the list a page is.
fn window(found: &[&TemplateState], call: &Call, limit: usize) -> Result<(usize, usize), Refusal> {
    if let Some(after) = call.text("after") {
        let id = id_of(&after)?;
        let start = found.partition_point(|template| template.id <= id);
        return Ok((start, (start + limit).min(found.len())));
    }
    if let Some(before) = call.text("before") {
        let id = id_of(&before)?;
        let end = found.partition_point(|template| template.id < id);
        return Ok((end.saturating_sub(limit), end));
    }
    Ok((0, limit.min(found.len())))
}

fn cursor(id: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("template:{id}"))
}

fn id_of(cursor: &str) -> Result<u64, Refusal> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|raw| String::from_utf8(raw).ok())
        .and_then(|text| text.strip_prefix("template:")?.parse().ok())
        .ok_or_else(|| Refusal::parameter("Invalid cursors values"))
}

/// A link as the platform gives it: absolute, all parameters kept, the access token among them.
fn link(call: &Call, limit: usize, direction: &str, id: u64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(token) = &call.token {
        query.append_pair("access_token", token);
    }
    for (name, value) in &call.query {
        if !["access_token", "limit", "after", "before"].contains(&name.as_str()) {
            query.append_pair(name, value);
        }
    }
    query.append_pair("limit", &limit.to_string());
    query.append_pair(direction, &cursor(id));
    call.link(&format!(
        "/{}{}?{}",
        call.version,
        call.bare_path(),
        query.finish()
    ))
}

/// `GET /{template}` and `GET /{account}/message_templates/{template}`
pub(crate) fn read(sim: &Platform, business: usize, id: &str, call: &Call) -> Answer {
    let state = sim.world.read();
    let template = id
        .parse()
        .ok()
        .and_then(|id| state.template(id))
        .filter(|(account, _)| account.business == business)
        .map(|(_, template)| template)
        .ok_or_else(|| Refusal::unknown_object("GET", id))?;
    let fields = call.text("fields");
    Ok(Reply::json(&select(
        &template.node(),
        fields.as_deref(),
        &TEMPLATE_USUAL,
    )))
}

/// `POST /{account}/message_templates`
pub(crate) fn create(sim: &Arc<Platform>, account_id: &str, call: &Call) -> Answer {
    let name = call.text("name").ok_or_else(|| Refusal::missing("name"))?;
    let language = call
        .text("language")
        .ok_or_else(|| Refusal::missing("language"))?;
    let category = call
        .text("category")
        .ok_or_else(|| Refusal::missing("category"))?
        .to_ascii_uppercase();
    if !["MARKETING", "UTILITY", "AUTHENTICATION"].contains(&category.as_str()) {
        return Err(Refusal::parameter(
            "Param category must be one of {AUTHENTICATION, MARKETING, UTILITY}.",
        ));
    }
    let components = call
        .fields
        .get("components")
        .filter(|components| components.is_array())
        .cloned()
        .ok_or_else(|| Refusal::missing("components"))?;
    let id = sim.ids.object();
    {
        let mut state = sim.world.write();
        let account = state
            .accounts
            .get(account_id)
            .ok_or_else(|| Refusal::unknown_object("POST", account_id))?;
        let no_utility = gate::restricted(account, gate::NO_UTILITY, sim.clock.now_s());
        if no_utility && category == "UTILITY" && sim.health.is_on() {
            return Err(Refusal::parameter(
                "Utility templates cannot be created while the account is restricted.",
            ));
        }
        let portfolio = &state.businesses[account.business].portfolio_id;
        let now_ms = sim.clock.now_ms();
        if sim.health.is_on() && burst::is_in_review(&mut sim.health.book(), portfolio, now_ms) {
            return Err(Refusal::parameter(
                "Templates cannot be created while the portfolio is being reviewed.",
            ));
        }
        if exists(account, &name, &language) {
            return Err(Refusal {
                subcode: Some(2_388_024),
                ..Refusal::parameter("There is already content in this language for this template.")
            });
        }
        if account.templates.len() >= TEMPLATES_MAX {
            return Err(Refusal::new(80007, "The account has too many templates."));
        }
        state.put_template(
            account_id,
            TemplateState {
                id,
                name,
                language,
                category: category.clone(),
                previous_category: None,
                correct_category: None,
                status: "PENDING".to_owned(),
                quality: "UNKNOWN".to_owned(),
                parameter_format: call
                    .text("parameter_format")
                    .unwrap_or_else(|| "POSITIONAL".to_owned())
                    .to_ascii_uppercase(),
                rejected_reason: "NONE".to_owned(),
                components,
                pauses: 0,
            },
        );
    }
    review(sim, id);
    Ok(Reply::json(
        &json!({"id": id.to_string(), "status": "PENDING", "category": category}),
    ))
}

fn exists(account: &AccountState, name: &str, language: &str) -> bool {
    account
        .templates
        .values()
        .any(|template| template.name == name && template.language == language)
}

/// A review, after which the template is approved.
fn review(sim: &Arc<Platform>, id: u64) {
    let busy = sim.pending.begin();
    let platform = Arc::clone(sim);
    sim.spawn(async move {
        tokio::time::sleep(platform.clock.wait(platform.config.review_after_ms)).await;
        let approved = TemplateChange {
            status: Some("APPROVED".to_owned()),
            ..TemplateChange::default()
        };
        // It may have been deleted meanwhile.
        let _ = platform.change_template(id, &approved);
        drop(busy);
    });
}

/// `POST /{template}`: edits, after which it is reviewed again.
pub(crate) fn edit(sim: &Arc<Platform>, id: u64, call: &Call) -> Answer {
    {
        let mut state = sim.world.write();
        let template = state
            .template_mut(id)
            .ok_or_else(|| Refusal::unknown_object("POST", &id.to_string()))?;
        if let Some(components) = call.fields.get("components").filter(|c| c.is_array()) {
            template.components = components.clone();
        }
        if let Some(category) = call.text("category") {
            template.category = category.to_ascii_uppercase();
        }
        if let Some(format) = call.text("parameter_format") {
            template.parameter_format = format.to_ascii_uppercase();
        }
        template.status = "PENDING".to_owned();
    }
    review(sim, id);
    Ok(Reply::success())
}

/// `POST /{template}/unpause` (SND-23)
pub(crate) fn unpause(sim: &Arc<Platform>, id: u64) -> Answer {
    let paused = {
        let state = sim.world.read();
        state
            .template(id)
            .is_some_and(|(_, template)| template.status == "PAUSED")
    };
    if !paused {
        return Ok(Reply::json(
            &json!({"success": false, "reason": "The template is not paused."}),
        ));
    }
    sim.template_begins_anew(id);
    let approved = TemplateChange {
        status: Some("APPROVED".to_owned()),
        ..TemplateChange::default()
    };
    sim.change_template(id, &approved)
        .map_err(|_| Refusal::unknown_object("POST", &id.to_string()))?;
    Ok(Reply::success())
}

/// `DELETE /{account}/message_templates`: by name in all languages, or one by `hsm_id`.
pub(crate) fn delete(sim: &Platform, account_id: &str, call: &Call) -> Answer {
    let name = call.text("name").ok_or_else(|| Refusal::missing("name"))?;
    let only: Option<u64> = call.text("hsm_id").and_then(|id| id.parse().ok());
    let mut state = sim.world.write();
    let account = state
        .accounts
        .get(account_id)
        .ok_or_else(|| Refusal::unknown_object("DELETE", account_id))?;
    let doomed: Vec<u64> = account
        .templates
        .values()
        .filter(|template| template.name == name && only.is_none_or(|id| template.id == id))
        .map(|template| template.id)
        .collect();
    if doomed.is_empty() {
        return Err(Refusal {
            subcode: Some(2_593_002),
            ..Refusal::parameter("No template of this name was found.")
        });
    }
    for id in doomed {
        state.remove_template(id);
    }
    Ok(Reply::success())
}
