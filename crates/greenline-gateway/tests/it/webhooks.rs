//! Webhooks: what each of the platform's samples teaches, and what the public listener answers.

mod contradictions;
mod effects;
mod hostile;
mod meta_app;
mod own_replies;
pub(crate) mod receive;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use greenline_gateway::config::{self, Config};
use greenline_gateway::directory::Directory;
use greenline_gateway::webhooks::effects::{Learned, Reading, effects as effects_of};
use greenline_ledger::types::Effect;
use greenline_policy::identity::Identifier;
use greenline_wire::webhook;

/// Ten and a half seconds after the time that the samples carry.
pub(crate) const RECEIVED_MS: i64 = 1_788_264_010_500;

pub(crate) const CONFIG: &str = r#"
[upstream]
url = "http://127.0.0.1:9"
[[business]]
id = "acme"
name = "Acme"
portfolio_id = "401500000000001"
app_secret = "app-secret"
verify_token = "verify-me"
access_token = "platform-token"
pair_limit = false
[[business.number]]
phone_number_id = "301500000000001"
waba_id = "201500000000001"
display_number = "+1 555 010 0001"
[[business]]
id = "globex"
name = "Globex"
app_secret = "other-secret"
access_token = "other-token"
[[business.number]]
phone_number_id = "301500000000009"
waba_id = "201500000000009"
display_number = "+1 555 010 0009"
"#;

/// A configuration from a whole file.
pub(crate) fn config_of(file: &str) -> Config {
    config::parse(file, "test", Path::new("."), std::iter::empty()).unwrap()
}

/// A configuration with further settings for the first business.
pub(crate) fn config(extra: &str) -> Config {
    let file = CONFIG.replacen(
        "name = \"Acme\"\n",
        &format!("name = \"Acme\"\n{extra}\n"),
        1,
    );
    config_of(&file)
}

/// A configuration with apps of the first business.
pub(crate) fn config_with_apps(apps: &str) -> Config {
    let second = "[[business]]\nid = \"globex\"";
    config_of(&CONFIG.replacen(second, &format!("{apps}\n{second}"), 1))
}

/// Every sample by its file name without `.json`.
pub(crate) fn samples() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../greenline-wire/tests/samples");
    fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            (
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                fs::read(path).unwrap(),
            )
        })
        .collect()
}

pub(crate) fn sample(name: &str) -> String {
    String::from_utf8(samples().remove(name).unwrap()).unwrap()
}

/// Reads a delivery for `acme`.
pub(crate) fn read_with(config: &Config, body: &str, received_ms: i64) -> Learned {
    read_in(&Directory::new(config), body, received_ms)
}

pub(crate) fn read(body: &str) -> Learned {
    static PLAIN: LazyLock<Directory> = LazyLock::new(|| Directory::new(&config("")));
    read_in(&PLAIN, body, RECEIVED_MS)
}

fn read_in(directory: &Directory, body: &str, received_ms: i64) -> Learned {
    let business = directory.business_by_id("acme").unwrap();
    let reading = Reading {
        directory,
        business,
        received_ms,
    };
    effects_of(&webhook::parse(body.as_bytes()).unwrap(), &reading)
}

/// A text message as the platform would deliver it.
pub(crate) fn text(id: &str, seconds: i64, body: &str) -> String {
    let mut json: serde_json::Value = serde_json::from_str(&sample("messages.text_stop")).unwrap();
    let message = json
        .pointer_mut("/entry/0/changes/0/value/messages/0")
        .unwrap();
    message["id"] = id.into();
    message["timestamp"] = seconds.to_string().into();
    message["text"]["body"] = body.into();
    json.to_string()
}

fn people(person: &[Identifier]) -> String {
    person
        .iter()
        .map(Identifier::reveal)
        .collect::<Vec<_>>()
        .join("+")
}

/// One effect on one line. Times are told from the samples' second.
pub(crate) fn show(effect: &Effect) -> String {
    let at = |at_ms: &i64| format!("{:+}", at_ms - 1_788_264_000_000);
    match effect {
        Effect::Consent(event) => format!(
            "{} {} {} at {} {}by {} `{}` {} {} dedup {}",
            event.kind.as_str(),
            event.scope,
            people(&event.person),
            at(&event.at_ms),
            if event.in_thread { "in thread " } else { "" },
            event.evidence.method,
            event.evidence.wording,
            event.evidence.message_id,
            event.evidence.extra_json,
            event.dedup.as_deref().unwrap_or("-"),
        ),
        Effect::Known { person, at_ms } => format!("known {} at {}", people(person), at(at_ms)),
        Effect::Wrote {
            person,
            number,
            at_ms,
            message_id,
            free_until_ms,
        } => {
            let free =
                free_until_ms.map_or(String::new(), |until| format!(" free until {}", at(&until)));
            format!(
                "wrote {} to {number} at {} {message_id}{free}",
                people(person),
                at(at_ms)
            )
        }
        Effect::CallPermission {
            person,
            number,
            at_ms,
            until_ms,
        } => {
            format!(
                "calls {} from {number} at {} until {:?}",
                people(person),
                at(at_ms),
                until_ms.as_ref().map(at)
            )
        }
        Effect::Moved { from, to, at_ms } => format!(
            "moved {} to {} at {}",
            from.reveal(),
            to.reveal(),
            at(at_ms)
        ),
        Effect::Status {
            message_id,
            status,
            at_ms,
            code,
        } => format!("status {message_id} {status} at {} {code:?}", at(at_ms)),
        Effect::Template {
            waba_id,
            name,
            language,
            template_id,
            category,
            status,
            is_ask,
            quality,
            at_ms,
        } => format!(
            "template {waba_id} {name}/{language} {} {category:?} {status:?} ask {is_ask:?}{} at {}",
            template_id.as_deref().unwrap_or("-"),
            quality
                .as_ref()
                .map_or_else(String::new, |quality| format!(" quality {quality}")),
            at(at_ms)
        ),
        Effect::Restricted {
            waba_id,
            restrictions,
            at_ms,
        } => {
            let each: Vec<String> = restrictions
                .iter()
                .map(|(kind, _, until)| format!("{kind:?} until {:?}", until.as_ref().map(at)))
                .collect();
            format!("restricted {waba_id} {} at {}", each.join(", "), at(at_ms))
        }
        Effect::Banned {
            waba_id,
            ban,
            at_ms,
        } => format!("banned {waba_id} {ban:?} at {}", at(at_ms)),
        Effect::Spam {
            number,
            limits,
            at_ms,
        } => format!("spam of {number} limits {limits} at {}", at(at_ms)),
        Effect::Health {
            number,
            news,
            at_ms,
        } => format!("health of {number} {news:?} at {}", at(at_ms)),
        Effect::Limit {
            limit,
            origin,
            at_ms,
        } => format!("limit {limit:?} {origin} at {}", at(at_ms)),
        Effect::Timeline {
            subject,
            subject_id,
            origin,
            event,
            at_ms,
            ..
        } => {
            format!(
                "timeline {subject} {subject_id} {origin} {event} at {}",
                at(at_ms)
            )
        }
        Effect::Reply {
            to,
            number,
            reply,
            message_id,
            at_ms,
        } => {
            format!(
                "reply to {} from {number} {reply:?} re {message_id} at {}",
                to.reveal(),
                at(at_ms)
            )
        }
        Effect::Number { .. } => format!("{effect:?}"),
    }
}
