//! Templates as they are sent: is there such a one, and do the parameters fit?

use serde_json::{Map, Value};

use crate::reply::Refusal;
use crate::request::member;
use crate::world::{AccountState, TemplateState};

/// A template that may go, filled in.
pub(crate) struct Filled {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) category: String,
}

/// Finds the template that a message names and holds its parameters against it.
pub(super) fn fill(account: &AccountState, part: &Map<String, Value>) -> Result<Filled, Refusal> {
    let name = member(part, "name").ok_or_else(|| Refusal::missing("template['name']"))?;
    let language = match part.get("language") {
        Some(Value::Object(language)) => member(language, "code"),
        Some(Value::String(code)) => Some(code.clone()),
        _ => None,
    }
    .ok_or_else(|| Refusal::missing("template['language']"))?;
    let template = account
        .templates
        .values()
        .find(|template| template.name == name && template.language == language)
        .ok_or_else(|| {
            Refusal::new(
                132_001,
                format!("template name ({name}) does not exist in {language}"),
            )
        })?;
    match template.status.as_str() {
        "APPROVED" | "FLAGGED" | "IN_APPEAL" | "LOCKED" | "PENDING_DELETION" => {}
        "PAUSED" => {
            return Err(Refusal::new(
                132_015,
                "The template is paused for low quality.",
            ));
        }
        "DISABLED" => {
            return Err(Refusal::new(
                132_016,
                "The template is disabled for low quality.",
            ));
        }
        _ => {
            return Err(Refusal::new(
                132_001,
                format!("template name ({name}) is not approved in {language}"),
            ));
        }
    }
    check_parameters(template, part)?;
    Ok(Filled {
        id: template.id,
        name,
        category: template.category.clone(),
    })
}

fn check_parameters(template: &TemplateState, part: &Map<String, Value>) -> Result<(), Refusal> {
    let nothing = Vec::new();
    let given = part
        .get("components")
        .and_then(Value::as_array)
        .unwrap_or(&nothing);
    let made = template.components.as_array().unwrap_or(&nothing);
    for section in ["HEADER", "BODY"] {
        let component = find(made, section);
        let expected = component.map_or(0, |component| expected_parameters(component, section));
        let got = find(given, section)
            .and_then(|component| component.get("parameters")?.as_array())
            .map_or(0, Vec::len);
        if got != expected {
            return Err(Refusal::new(
                132_000,
                format!(
                    "{}: number of localizable_params ({got}) does not match the expected number of params ({expected})",
                    section.to_ascii_lowercase()
                ),
            ));
        }
    }
    Ok(())
}

fn find<'a>(components: &'a [Value], section: &str) -> Option<&'a Value> {
    components.iter().find(|component| {
        component
            .get("type")
            .and_then(Value::as_str)
            .is_some_and(|kind| kind.eq_ignore_ascii_case(section))
    })
}

fn expected_parameters(component: &Value, section: &str) -> usize {
    let format = component
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or("TEXT");
    if section == "HEADER" && !format.eq_ignore_ascii_case("TEXT") {
        return 1;
    }
    component
        .get("text")
        .and_then(Value::as_str)
        .map_or(0, placeholders)
}

/// How many different `{{…}}` a text holds.
fn placeholders(text: &str) -> usize {
    let mut names: Vec<&str> = text
        .split("{{")
        .skip(1)
        .filter_map(|rest| rest.split_once("}}"))
        .map(|(name, _)| name.trim())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}
